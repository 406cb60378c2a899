"""The figures and the page of the ban of March 2014.

Not run by itself. Command: ``python -m experiments.ban_2014 --page docs/ban_2014.md``, which tells where its figures lie.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from experiments.fitting import wrapped
from sim.scenario import Scenario
from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.style import band_handle, figure, legend_below, readable, spread, styled
from sim.study.terminal import number

Tables = Mapping[tuple[str, float], pd.DataFrame]
"""By set of draws and factor on what the news provokes: a summary of draws, by outcome."""

COLOURS = {"ban": "#0072B2", "open": "#D9730D", "ordinary": "#606060"}
QUIET = "#CC79A7"
WORDS = {"ban": "blocked", "open": "the same news, Twitter open", "ordinary": "ordinary days, no news"}
LINES: dict[str, dict[str, Any]] = {
    "open": {"linewidth": 2.2},
    "ban": {"linewidth": 1.0},
    "ordinary": {"linewidth": 0.9, "linestyle": (0, (4, 1.5))},
}
"""From back to front: where the ban and open Twitter are alike, both are seen."""
SETS = ("#0072B2", "#009E73", "#CC79A7")
"""Colours of the sets of draws in the panel of ways round."""
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1, 1.2)))
SHADE = "#EFEFEF"


@styled
def draw_curves(bands: Mapping[str, Mapping[str, np.ndarray]], scenario: Scenario) -> Figure:
    """Draw tweets an hour of every set, medians and 95 % over draws, and how many users have a way round."""
    clock, (window,) = scenario.clock, scenario.throttle.windows
    start, end = pd.Timestamp(clock.start), pd.Timestamp(clock.end)
    marks = Marks(start, end, zone=clock.zone)
    blocked = [date2num(pd.Timestamp(when).tz_localize(clock.zone)) for when in (window.start, window.end)]
    drawing, panels = figure([1.5] * len(bands) + [1.5], width=6.4)
    for ax in panels:
        ax.axvspan(blocked[0], blocked[1], facecolor=SHADE, edgecolor="none", zorder=0)
        ax.axvline(blocked[0], color="#404040", linewidth=0.6, zorder=1)
    hours = date2num(pd.date_range(start, periods=clock.n_minutes // 60, freq="h") + pd.Timedelta(minutes=30))
    for ax, (name, its) in zip(panels, bands.items(), strict=False):
        night_axis(ax, marks, f"tweets, {name}", flags=False)
        for arm in ("open", "ban"):
            ax.fill_between(hours, its[arm][0], its[arm][2], color=COLOURS[arm], alpha=0.22, linewidth=0, zorder=2)
            for edge in its[arm][0], its[arm][2]:
                ax.plot(hours, edge, color=COLOURS[arm], linewidth=0.5, zorder=2)
        for arm, look in LINES.items():
            ax.plot(hours, its[arm][1], color=COLOURS[arm], zorder=3, **look)
        ax.set_ylim(bottom=0)
        ax.set_ylabel("tweets per hour")
    shade = Patch(
        facecolor=SHADE,
        edgecolor="#404040",
        linewidth=0.4,
        label="Twitter blocked (severity 1), from 20 March 23:00 on",
    )
    lines = [Line2D([], [], color=COLOURS[arm], label=WORDS[arm], **LINES[arm]) for arm in COLOURS]
    words = "lines are medians over draws, bands 95 % over draws, simulation noise included"
    legend_below(
        panels[-2], [*lines, band_handle(words, [(COLOURS[a], 0.22) for a in ("ban", "open")]), shade], columns=1
    )
    ax = panels[-1]
    night_axis(ax, marks, "users of Twitter who have a way round the block", flags=False)
    moments = np.append(hours - 0.5 / 24, date2num(end))
    for (name, its), colour, dashes in zip(bands.items(), SETS, DASHES, strict=False):
        low, middle, high = its["circumventing"]
        ax.fill_between(moments, low, high, color=colour, alpha=0.18, linewidth=0)
        ax.plot(moments, middle, color=colour, linestyle=dashes, label=name)
    ax.set_ylim(0, 1.02)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    ax.set_ylabel("share of users")
    handles: list[Any] = [*ax.get_legend_handles_labels()[0], band_handle("95 % over draws", [(c, 0.18) for c in SETS])]
    legend_below(ax, handles, columns=2)
    return spread(drawing)


@styled
def draw_ratios(tables: Tables, record: float) -> Figure:
    """Draw the ratio of the tweets of two days at every factor, blocked and open, with the record."""
    sets = list(dict.fromkeys(name for name, _ in tables))
    factors = list(dict.fromkeys(factor for _, factor in tables))
    drawing, (ax,) = figure([0.34 * len(tables) + 0.18 * len(sets) + 0.2], width=4.6)
    y, ticks, labels, widest = 0.0, [], [], [0.9, record]
    for name in sets:
        for i, factor in enumerate(factors):
            table = tables[name, factor]
            for arm, marker, shift in (("ban", "o", 0.22), ("open", "s", 0.0), ("quiet", "D", -0.22)):
                row, look = table.loc[f"{arm}: 21 / 20 March"], COLOURS.get(arm, QUIET)
                ax.hlines([y + shift], row["low"], row["high"], colors=look, linewidth=0.9)
                ax.hlines([y + shift], *_inner(row), colors=look, linewidth=2.8)
                ax.plot([row["mean"]], [y + shift], marker, color=look, markersize=4, markeredgecolor="white",
                        markeredgewidth=0.5)  # fmt: skip
                widest += [row["low"], row["high"]]
            ticks.append(y)
            labels.append(f"{name}   × {factor:g}" if i == 0 else f"× {factor:g}")
            y -= 1.0
        y -= 0.55
    ax.axvline(record, color="#404040", linewidth=0.9, linestyle=(0, (5, 2)), zorder=1)
    ax.axvline(1.0, color="#404040", linewidth=0.6, zorder=1)
    ax.set_xscale("log")
    known = [x for x in widest if np.isfinite(x) and x > 0]
    ax.set_xlim(min(known) / 1.08, max(known) * 1.08)
    at = [
        t for t in (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16) if min(known) / 1.08 <= t <= max(known) * 1.08
    ]
    ax.xaxis.set_major_locator(FixedLocator(at))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
    ax.set_yticks(ticks, labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(y + 1.0, 0.7)
    ax.set_xlabel("tweets of 21 March / tweets of 20 March (logarithmic)")
    handles: list[Any] = [
        Line2D([], [], color=COLOURS["ban"], marker="o", linewidth=2.8, label="blocked: mean, 95 % over parameters"),
        Line2D([], [], color=COLOURS["open"], marker="s", linewidth=2.8, label="the same news, Twitter open"),
        Line2D([], [], color=QUIET, marker="D", linewidth=2.8, label="blocked, coverage of the day provokes nothing"),
        Line2D([], [], color="#404040", linewidth=0.9, label="95 % of single runs"),
        Line2D(
            [], [], color="#404040", linewidth=0.9, linestyle=(0, (5, 2)), label=f"record: about {record:g} (Somera)"
        ),
    ]
    legend_below(ax, handles, columns=2)
    ax.set_title("× : factor on what the news provokes, taken from the night", loc="left")
    return drawing


def _inner(row: pd.Series) -> tuple[float, float]:
    """Return the interval over parameters; where there is none, that of single runs."""
    low, high = ("parameters_low", "parameters_high") if np.isfinite(row["parameters_low"]) else ("low", "high")
    return float(row[low]), float(row[high])


def _told(row: pd.Series, *, percent: bool = False) -> str:
    """Return the mean of a row with its interval over parameters."""
    if row["n_runs"] == 0:
        return "-"
    low, high = _inner(row)
    if percent:
        return f"{row['mean']:.0%} [{low:.0%}, {high:.0%}]"
    return f"{number(row['mean'], row['unit'])} [{number(low, row['unit'])}, {number(high, row['unit'])}]"


def _runs(row: pd.Series) -> str:
    return f"[{row['low']:.2f}, {row['high']:.2f}]" if row["n_runs"] else "-"


def verdict(low: float, high: float, record: float) -> str:
    """Return whether an interval holds the record."""
    if not np.isfinite(low):
        return "cannot be judged"
    return "yes" if low <= record <= high else "no, it is below" if high < record else "no, it is above"


def page(given: argparse.Namespace, command: str, tables: Tables, record: float, users: float) -> str:
    """Return docs/ban_2014.md."""
    sets = list(dict.fromkeys(name for name, _ in tables))
    lines = [
        "# The ban of March 2014: a check on another case", "",
        wrapped(f"""Made by `{command}`; not written by hand. On 20 March 2014
        at 23:00 Twitter was blocked in Turkey (B1 of [the facts](facts.md)). The parameters are those of July 2016; nothing is
        fitted to 2014. {given.draws} draws from each posterior of the night (`sim/data`) and from their prior,
        {given.replicates} replicates of {given.people:,} people each. At every draw these are run on the same dice: the
        ban; the same news with Twitter open, which shows what the block takes away; ordinary days without either; the ban if
        the coverage from the morning of 21 March on provokes nothing. The ends of intervals are rough
        with so few draws."""), "",
        wrapped(f"""The record: tweets of 21 March were about {record:g} times those of 20 March (B3). Sure is that they rose.
        The factor is weak: another report has 2.4, over hours that it does not name (B4). Days are those of the calendar here;
        whether Somera counted so is not known."""), "",
        "## What is assumed", "",
        wrapped("""When, where and how widely the block was told is assumed: the entries of `conf/scenario/march2014.yaml` are
        those of the night that are of the same kind, with the same lags and audiences. So is what this news provokes: as many
        posts an impression as the news of the night (`arousal_news`) and the coverage of the day after it (`arousal_day`). A
        ban is not a coup, and nothing says that both move people to post alike; half of it and twice as much stand beside it.
        People, channels and ties are those of 2016. Nobody goes out, since the facts know of no call (`attendance=at_home`).
        20 March is an ordinary day until 23:00 in the model; whether it was one is not known here. The coverage goes on to the
        end, so 22 and 23 March are drawn as assumed, and compared with nothing."""), "",
        "## Tweets", "",
        "![Tweets per hour with the ban, with the same news and Twitter open, and on ordinary days](figures/ban_2014.png)", "",
        wrapped("""Ratios of the tweets of 21 March to those of 20 March, blocked and open: means with 95 % over parameters.
        Quiet: blocked, and the coverage from the morning on provokes nothing. In the last column, 21 March blocked over
        21 March open, on the same dice."""), "",
        f"| draws | factor | blocked | 95 % of single runs | holds the record ({record:g})? | draws that rise | quiet | open | "
        "blocked / open |",
        "|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for (name, factor), table in tables.items():
        row, rise = table.loc["ban: 21 / 20 March"], table.loc["rise: ban"]
        lines.append(
            f"| {name} | {factor:g} | {_told(row)} | {_runs(row)} | {verdict(row['low'], row['high'], record)} | "
            f"{rise['share_above_0']:.0%} | {_told(table.loc['quiet: 21 / 20 March'])} | "
            f"{_told(table.loc['open: 21 / 20 March'])} | {_told(table.loc['ban / open, 21 March'])} |"
        )
    lines += ["", "![The ratio of two days at every factor, with the record](figures/ban_2014_ratio.png)", ""]
    lines += [*_findings(tables, sets, record), *_who(tables, sets, users)]
    return "\n".join(lines)


def ratio_by_chance(n_draws: int) -> tuple[float, float]:
    """Return within what the ratio of two 95 % intervals of so many draws each lies with 95 %, if both laws are the same."""
    if n_draws < 2:
        return 0.0, float("inf")  # one draw has no width
    low, high = np.quantile(np.random.default_rng(1).standard_normal((2, 4000, n_draws)), (0.025, 0.975), axis=2)
    first, second = high - low
    found = np.quantile(first / second, (0.025, 0.975))
    return float(found[0]), float(found[1])


def _findings(tables: Tables, sets: list[str], record: float) -> list[str]:
    """Return what holds and what does not, in words."""
    *posteriors, prior = sets

    def rises(name: str, factor: float) -> float:
        return float(tables[name, factor].loc["rise: ban", "share_above_0"])

    widths = {n: np.ptp(np.log(np.maximum(_inner(tables[n, 1.0].loc["ban: 21 / 20 March"]), 1e-3))) for n in sets}
    shares = [f"{widths[n] / widths[prior]:.2f}" if widths[prior] > 0 else "-" for n in posteriors]
    n_draws = int(tables[prior, 1.0].loc["ban: 21 / 20 March", "n_draws"])
    by_chance = ratio_by_chance(n_draws)
    told = []
    for name in sets:
        row = tables[name, 1.0].loc["ban: 21 / 20 March"]
        told.append(
            f"""{name.capitalize()}: {_told(row)} over parameters, {_runs(row)} in single runs. Is the record of about
            {record:g} in the first? {verdict(*_inner(row), record).capitalize()}. In the second?
            {verdict(row["low"], row["high"], record).capitalize()}. Tweets rise at {rises(name, 1.0):.0%} of the draws, and at
            {rises(name, 0.5):.0%} if the news provokes half as much."""
        )
    up, up_half = ([rises(name, factor) for name in posteriors] for factor in (1.0, 0.5))
    is_weak = verdict(*_inner(tables[prior, 1.0].loc["ban: 21 / 20 March"]), record) == "yes"
    spans = "; ".join(_span(tables, name) for name in posteriors)
    losses = " and ".join(_told(tables[name, 1.0].loc["ban / open, 21 March"]) for name in posteriors)
    quiet = " and ".join(_told(tables[name, 1.0].loc["quiet: 21 / 20 March"]) for name in posteriors)
    outside = [n for n in posteriors if verdict(*_inner(tables[n, 1.0].loc["quiet: 21 / 20 March"]), record) != "yes"]
    told += [
        f"""The direction, more tweets while Twitter was blocked, comes out at {_range(up)} of the draws of the posteriors with
        what the news of the night provoked, at {_range(up_half)} with half of it, and at {rises(prior, 1.0):.0%} of the prior's
        (which July 2016 has not touched). It comes from the news: the block by itself lowers tweets, to {losses} of those of an
        open 21 March. Of an open 21 March there is no record.""",
        f"""The rise rests on one assumption more than on any other: that television covers the ban all day from the morning on
        and this provokes posts, as is assumed of 16 July too, where the totals were fitted with it. If the coverage provokes
        none, the ratio is {quiet} at the two posteriors, and the record lies outside of {len(outside)} of the two intervals. No
        source here tells of such a coverage.""",
        f"""The size is no test by itself. It follows what the news is assumed to provoke; between half and twice as much, means
        go from low to high ({spans}). A factor that fits could always be found.""",
        """The intervals are wide, and that of the prior holds the record as well: with the coverage, this
        check could hardly have failed."""
        if is_weak
        else """The interval of the prior does not hold the record.""",
        f"""What July 2016 tells of March 2014, if the news is alike: on a log scale the intervals over parameters are
        {" and ".join(shares)} times as wide as the prior's. Of two equal laws, {n_draws} draws each would give a ratio
        between {by_chance[0]:.2f} and {by_chance[1]:.2f} (95 %).""",
    ]  # fmt: skip
    return ["## What holds, and what does not", "", *[_item(t) for t in told], ""]


def _who(tables: Tables, sets: list[str], users: float) -> list[str]:
    """Return who gets round, and who is cut off."""
    lines = [
        "## Who gets round, and who is cut off", "",
        "Share of the users of Twitter who have a way round, some of them beforehand; how many have found one since 23:00.", "",
        "| draws | before | 21 March 00:00 | 21 March 12:00 | 22 March 00:00 | 24 March 00:00 | found by 21 March 12:00 | "
        "found by 24 March 00:00 |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    moments = ("before", "by 21 March 00:00", "by 21 March 12:00", "by 22 March 00:00", "by 24 March 00:00")
    for name in sets:
        table = tables[name, 1.0]
        cells = [_told(table.loc[f"share with a way {moment}"], percent=True) for moment in moments]
        cells += [_told(table.loc[f"found a way {moment}"]) for moment in (moments[2], moments[4])]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", wrapped(
        f"""Means with 95 % over parameters, of {number(users)} users (17 % of all people, a figure of 2016), cut at 100 %.
        Whoever has no way can neither post nor read. Some have one beforehand (`vpn_before`); the others find one, each alone,
        at a constant hazard that begins when something fails for the first time (`vpn_hazard_per_hour`). So those who look and
        post often find one first, and those who sleep are cut off until the morning."""), "",
        "| draws | tweets, blocked / open, in the first hour | on 21 March | on 22 March | tweets read, blocked / open, on 21 "
        "March | tries to post that failed for good on 21 March |", "|---|---|---|---|---|---|"]  # fmt: skip
    for name in sets:
        table = tables[name, 1.0]
        cells = [_told(table.loc[f"ban / open, {w}"]) for w in ("first hour", "21 March", "22 March")]
        cells += [_told(table.loc["read: ban / open, 21 March"])]
        cells += [_told(table.loc["share of tries that failed for good, 21 March"], percent=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    means = {
        moment: [float(tables[name, 1.0].loc[f"found a way by {moment}", "mean"]) for name in sets[:-1]]
        for moment in ("21 March 12:00", "24 March 00:00")
    }
    noon, late = ((min(of), max(of)) for of in means.values())
    times = [
        " to ".join(dict.fromkeys(f"{n / bound:.1f}" for n in of)) for of, bound in ((noon, 0.27e6), (late, 1.1e6))
    ]
    times += [", which contradicts it" * (low < bound) for low, bound in ((noon[0], 0.27e6), (late[0], 1.1e6))]
    return [*lines, "", wrapped(
        f"""The record has no number of all who got round, and the model none of the users of one app. Of one app, Hotspot
        Shield, the record has 270 thousand downloads in the first 12 hours and 1.1 million installations within four days (B6):
        a lower bound, if each stands for a person. In the model {_between(*noon)} have found some way by noon of 21 March, and
        {_between(*late)} by the end, three days after the block began (means of the two posteriors), other name servers (B5)
        among the ways. This is {times[0]} times the first bound{times[2]} and {times[1]} times the second{times[3]}, which is
        one of a longer time. That nearly everybody finds a way within days is built in: the
        hazard is the same for all, and nobody gives up. The record does not say whether it was so."""), ""]  # fmt: skip


def _between(low: float, high: float) -> str:
    return (
        number(low, "people") if number(low) == number(high) else f"{number(low, 'people')} to {number(high, 'people')}"
    )


def _range(shares: list[float]) -> str:
    low, high = f"{min(shares):.0%}", f"{max(shares):.0%}"
    return low if low == high else f"{low} to {high}"


def _span(tables: Tables, name: str) -> str:
    means = [float(t.loc["ban: 21 / 20 March", "mean"]) for (n, _), t in tables.items() if n == name]
    return f"{name}: {min(means):.2f} to {max(means):.2f}"


def _item(text: str) -> str:
    """Return an item of a list in lines of 128 characters."""
    words = " ".join(text.split())
    return textwrap.fill(
        words, 128, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
