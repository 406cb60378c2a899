"""Which channel brought people to the squares, social media as the report concludes (S12), or others?

Command: ``python -m experiments.attribution`` (an hour on two cores; ``--draws 4 --people 5000`` for a look). Figure:
outputs/inference/attribution/attribution.png, copied to docs/figures; the page is docs/attribution.md.

Shapley values of participants over eight players, exact over all 256 sets, on the same dice, at draws from the posterior of
each reading and, beside them, from the prior. `tipped_by_*`, the last exposure before deciding, stands beside them.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from scipy.stats import binomtest

from experiments.fitting import READINGS, command_of, draws_kept, name_of, of_reading, parser_of, wrapped, write_page
from sim.door import command
from sim.inference.attribution import added_alone, added_last, shapley_values, worths, worths_table
from sim.inference.calibrating import ARM, prepared_arms
from sim.inference.priors import values_at
from sim.inference.table import prior_places
from sim.measures.by_draw import summary_of_draws
from sim.scenario import Scenario
from sim.study.figures.style import figure, legend_below, readable, styled
from sim.study.figures.written import save
from sim.study.points import Settings
from sim.study.store import Store
from sim.study.terminal import number
from sim.study.workers import Workplace
from sim.threads import n_processors

NUMBERS = {"draws": (40, "from each posterior, and from the prior"), "replicates": (2, "nights of each draw"),
           "people": (10_000, "of each night")}  # fmt: skip
PLAYERS = {
    "FaceTime": ("facetime",),
    "other television": ("trt", "television"),
    "Twitter": ("twitter",),
    "Facebook": ("facebook",),
    "WhatsApp and Viber": ("whatsapp", "viber"),
    "minarets": ("minarets",),
    "neighbours": ("neighbours",),
    "the rest": ("youtube", "mass_text"),
}
LEAST = 30
"""Simulated people whom channels must add for a draw to count."""
CLAIMED = ("FaceTime", "Twitter", "Facebook")
"""The set of S12, in the order that it claims."""


def nights(reading: str, people: int) -> tuple[Any, Any]:
    """Return what makes the scenario of a draw, and the plan of the calibration, whose priors name the parameters."""
    composed, plan, _ = of_reading(reading, people)
    arms = prepared_arms(composed, {ARM: ()}, plan)

    def night(values: Any) -> Scenario:
        return arms.of(values)[ARM]

    return night, plan


def total(found: np.ndarray, weight: float) -> np.ndarray:
    """Return v(all) - v(none) on average over a draw's replicates, float64[draws, 1].

    NaN where channels add fewer than `LEAST` of the simulated people, as shares would be of next to nothing. `weight`: real
    people whom a simulated one stands for.
    """
    added = (found[..., -1] - found[..., 0]).mean(axis=1, keepdims=True)
    return np.where(added >= LEAST * weight, added, np.nan)


def bits(*names: str) -> int:
    """Return the number of a set of players."""
    return sum(1 << i for i, name in enumerate(PLAYERS) if name in names)


@styled
def draw(tables: dict[tuple[str, str], pd.DataFrame]) -> Figure:
    """Draw each player's share, of posterior and prior, with what tipped people last beside it."""
    drawing, panels = figure([2.3] * len(READINGS), width=5.0)
    names = list(PLAYERS)
    for ax, reading in zip(panels, READINGS, strict=True):
        for of, colour, shift in (("prior", "#9AA3AF", 0.22), ("posterior", "#0072B2", -0.02)):
            table = tables[reading, of].set_index("outcome")
            for row, name in enumerate(names):
                y, its = len(names) - row + shift, table.loc[name]
                ax.hlines([y], its["low"], its["high"], colors=colour, linewidth=0.9)
                if np.isfinite(its["parameters_low"]):
                    ax.hlines([y], its["parameters_low"], its["parameters_high"], colors=colour, linewidth=2.8)
                ax.plot(
                    [its["mean"]],
                    [y],
                    marker="o",
                    color=colour,
                    markersize=3.5,
                    markeredgecolor="white",
                    markeredgewidth=0.4,
                )
        tipped = tables[reading, "posterior"].set_index("outcome")
        for row, name in enumerate(names):
            ax.plot(
                [tipped.loc[f"last touch: {name}", "mean"]],
                [len(names) - row - 0.26],
                marker="x",
                color="#D9730D",
                markersize=4,
            )
        ax.axvline(0.0, color="#404040", linewidth=0.6)
        ax.set_yticks(range(1, len(names) + 1), names[::-1])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(0.4, len(names) + 0.6)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{readable(100 * value)} %"))
        ax.set_title(name_of(reading), loc="left")
    panels[-1].set_xlabel(
        "share of participants whom the channels add to a night in which all are ignored for deciding"
    )
    handles: list[Any] = [
        Line2D(
            [],
            [],
            color="#0072B2",
            marker="o",
            linewidth=2.8,
            label="Shapley value, posterior: mean, 95 % over parameters",
        ),
        Line2D([], [], color="#9AA3AF", marker="o", linewidth=2.8, label="the same, prior"),
        Line2D([], [], color="#404040", linewidth=0.9, label="95 % of single nights"),
        Line2D(
            [], [], color="#D9730D", marker="x", linestyle="", label="last exposure before deciding (last touch), mean"
        ),
    ]
    legend_below(panels[-1], handles, columns=1)
    return drawing


def main() -> int:
    given = parser_of("attribution", __doc__, NUMBERS).parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    settings = Settings(given.replicates, (), False, "compiled", Store(given.store), False)
    place = Workplace("loky", None, given.workers or n_processors())
    tables: dict[tuple[str, str], pd.DataFrame] = {}
    claims: dict[tuple[str, str], dict[str, float]] = {}
    levels: dict[tuple[str, str], tuple[float, float]] = {}
    for reading in READINGS:
        night, plan = nights(reading, given.people)
        drawn = {
            "posterior": draws_kept(reading, plan, given.draws),
            "prior": values_at(plan.priors, prior_places(given.draws, len(plan.priors), given.seed)),
        }
        for of, draws in drawn.items():
            done = [0]

            def note(n: int, of: str = of, reading: str = reading, done: list[int] = done) -> None:
                done[0] += n
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r{reading}, {of}: {done[0]} of {given.draws} draws ")

            found, last_touch = worths(night, draws, PLAYERS, settings, place, seed=given.seed, progress=note)
            whole = total(found, night(draws[0]).population.real_per_person)
            share = shapley_values(found) / whole[..., None]
            table = worths_table(found, list(PLAYERS), "people")
            is_player = table["outcome"].isin(PLAYERS)
            table.loc[is_player, "value"] = np.concatenate([share[..., i].ravel() for i in range(len(PLAYERS))])
            tables[reading, of] = summary_of_draws(pd.concat([table, _last_touch(last_touch)], ignore_index=True), "")
            claims[reading, of] = _claim(share) | {
                "different": len({tuple(d.values()) for d in draws}),
                **{f"alone {name}": float(np.nanmean(added_alone(found, bits(name)) / whole)) for name in PLAYERS},
                **{f"last {name}": float(np.nanmean(added_last(found, bits(name)) / whole)) for name in PLAYERS},
                "alone": float(np.nanmean(added_alone(found, bits(*CLAIMED)) / whole)),
                "last": float(np.nanmean(added_last(found, bits(*CLAIMED)) / whole)),
            }
            levels[reading, of] = float(found[..., 0].mean()), float(found[..., -1].mean())
            tables[reading, of].to_parquet(given.out / f"{reading}_{of}.parquet", index=False)
            np.save(given.out / f"{reading}_{of}.npy", found)
    save(draw(tables), given.out / "attribution.png", 200)
    text = page(given, tables, claims, levels)
    write_page(text, given, "attribution", {given.out / "attribution.png": "attribution.png"})
    return 0


def _last_touch(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shares of last touch by player; what is no channel (gathering, the crowd) is left out."""
    owner = {f"tipped_by_{channel}": name for name, channels in PLAYERS.items() for channel in channels}
    known = rows[rows["outcome"].isin(owner)].assign(outcome=lambda t: "last touch: " + t["outcome"].map(owner))
    return (
        known.groupby(["point", "replicate", "outcome"], as_index=False)["value"]
        .sum(min_count=1)
        .assign(arm="", unit="share")
    )


def _claim(share: np.ndarray) -> dict[str, float]:
    """Return what may be made of S12, by means over a draw's replicates: the share of the three together, and numbers of draws.

    In so many the three add more than any other player (most), other television adds most, the order holds, and each of its
    steps; n: all draws that count.
    """
    means = np.nanmean(share, axis=1)
    at = {name: means[:, list(PLAYERS).index(name)] for name in CLAIMED}
    together = sum(at.values())
    known = np.isfinite(together)
    others = [i for i, name in enumerate(PLAYERS) if name not in CLAIMED]
    first, second, third = (at[name][known] for name in CLAIMED)
    return {
        "together": float(together[known].mean()),
        "low": float(np.quantile(together[known], 0.025)),
        "high": float(np.quantile(together[known], 0.975)),
        "most": float((together[known] > means[known][:, others].max(axis=1)).sum()),
        "television": float((means[known].argmax(axis=1) == list(PLAYERS).index("other television")).sum()),
        "order": float(((first > second) & (second > third)).sum()),
        "first": float((first > np.maximum(second, third)).sum()),
        "second": float((second > third).sum()),
        "n": float(known.sum()),
    }


def page(
    given: argparse.Namespace,
    tables: dict[tuple[str, str], pd.DataFrame],
    claims: dict[tuple[str, str], dict[str, float]],
    levels: dict[tuple[str, str], tuple[float, float]],
) -> str:
    left = " and ".join(
        f"{given.draws - round(min(claims[r, of]['n'] for r in READINGS))} of the {of}" for of in ("posterior", "prior")
    )
    lines = [
        "# Which channels brought people to the squares?", "",
        wrapped(f"""Made by `{command_of(given, "attribution", NUMBERS)}`; not written by hand.
        Shapley values of participants over eight players, exact over all 256 sets of them: in each set's night,
        impressions from the channels of all other players are ignored for deciding, on the same dice, with posting
        unchanged. {given.draws} draws from each posterior and prior, {given.replicates} replicates of
        {given.people:,} people each. Values are shares of what all channels together add to a night in which all are
        ignored, on average over a draw's replicates, and add up to 1 in every draw; draws in which that is fewer than {LEAST}
        simulated people are left out ({left}). Sd, simulation: of one night's value over the mean total of its draw, with the
        scatter of the total. Last touch: a share of all who decided, those whom no channel tipped included. Intervals
        over so few draws are rough: they hold less than they are called."""), "",
        "![Shapley values of channels, posterior, prior, and last touch](figures/attribution.png)", "",
    ]  # fmt: skip
    for reading in READINGS:
        lines += [f"## {name_of(reading).capitalize()}", ""]
        lines += ["| player | posterior: mean [95 % over parameters] | sd, parameters | sd, simulation | prior | added alone | "
                  "added last | last touch |", "|---|---|---|---|---|---|---|---|"]  # fmt: skip
        c, p = claims[reading, "posterior"], claims[reading, "prior"]
        after, before = (tables[reading, of].set_index("outcome") for of in ("posterior", "prior"))
        for name in PLAYERS:
            its, old, touch = after.loc[name], before.loc[name], after.loc[f"last touch: {name}"]
            lines.append(
                f"| {name} | {_ends(its)} | {its['sd_parameters']:.3f} | {its['sd_simulation']:.3f} | {_ends(old)} | "
                f"{c[f'alone {name}']:.3f} | {c[f'last {name}']:.3f} | {touch['mean']:.3f} |"
            )
        nobody, everybody = levels[reading, "posterior"]
        lines += ["", wrapped(
            f"""With all channels ignored {number(nobody)} take part on average (those
        who gather by themselves), with none ignored {number(everybody)}. S12 says that FaceTime, then Twitter, then
        Facebook were the most effective means. Together they have {c["together"]:.0%} of the effect [{c["low"]:.0%},
        {c["high"]:.0%}] (prior: {p["together"]:.0%} [{p["low"]:.0%}, {p["high"]:.0%}]); {c["alone"]:.0%} where no other channel
        counts, {c["last"]:.0%} where all others do (prior: {p["alone"]:.0%}, {p["last"]:.0%}). They have more than any other
        player in {_of(c, "most")} draws (prior: {_of(p, "most")}); other television has most in {_of(c, "television")} (prior:
        {_of(p, "television")}). FaceTime leads the three in {_of(c, "first")}, Twitter comes before Facebook in
        {_of(c, "second")}, and the whole order holds in {_of(c, "order")} (prior: {_of(p, "order")}). Of the draws from the
        posterior {c["different"]:.0f} are different. Brackets after numbers of draws: exact 95 % intervals of the share of
        all."""), ""]  # fmt: skip
    lines += [wrapped(
        """Added alone: to a night in which no other channel counts; added last: to one in which all others do. S12 counts
    FaceTime, which was seen on television, among social media. That its re-runs on other stations count for FaceTime is ours,
    and so is that a post counts for the channel that carries it, whatever provoked it, the president's among those on Twitter.
    Where posterior and prior agree, the record does not speak, and the answer is what
    the doses were believed to be. Last touch, the last exposure before deciding, is no measure of effect: it gives
    all credit to whatever comes at the end."""), ""]  # fmt: skip
    return "\n".join(lines)


def _of(claim: dict[str, float], name: str) -> str:
    """Return in how many draws something holds, with the exact interval of Clopper and Pearson (1934) of the share."""
    k, n = round(claim[name]), round(claim["n"])
    low, high = binomtest(k, n).proportion_ci(0.95, "exact")
    return f"{k} of {n} [{low:.0%}, {high:.0%}]"


def _ends(row: pd.Series) -> str:
    low, high = ("parameters_low", "parameters_high") if np.isfinite(row["parameters_low"]) else ("low", "high")
    return f"{row['mean']:.3f} [{row[low]:.3f}, {row[high]:.3f}]"


if __name__ == "__main__":
    sys.exit(command(main))
