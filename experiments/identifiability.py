"""Which parameters could the record tell, is the inference right, and what data would tell more?

Command: ``python -m experiments.identifiability`` (twenty minutes on two cores; ``--points 300 --sets 50`` for a look).
Figures: outputs/inference/identifiability/ranks.png and narrowing.png, copied to docs/figures; the page is
docs/identifiability.md.

One table of nights at draws from the prior. Some of its rows are truths, each with data of its own (its statistics with the
uncertainty of the record), and are fitted from all other rows: their ranks say whether the inference is right (simulation-based
calibration), the width of their posteriors what such data tell. How much narrower posteriors would be with other data is
estimated from the same table.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.special import ndtri
from scipy.stats import rankdata

from experiments.fitting import READINGS, command_of, name_of, of_reading, parser_of, wrapped, write_page
from sim.config import scenario_of
from sim.door import command
from sim.inference.plan import Calibration
from sim.inference.ranks import GRID, Ranks, even_band, ranks_of_truths, tails_of_nothing, widest
from sim.inference.rejection import adjusted_posterior, expected_narrowing
from sim.inference.series import Bins
from sim.inference.statistics import Statistic, minute_of
from sim.inference.table import ReferenceTable, reference_table
from sim.inference.told import IDENTIFIED
from sim.inference.transition import informed_directions
from sim.scenario import Scenario
from sim.study.figures.style import figure, legend_below, styled
from sim.study.figures.written import save
from sim.study.store import Store

NUMBERS = {"points": (3000, "nights of the table"), "sets": (1000, "data sets, each with a truth of its own"),
           "people": (10_000, "of each night"), "seed": (3, "on the nights of 1 and 2 the regression was chosen")}  # fmt: skip
NEAREST = 0.2
"""Share of the table that a posterior is made of."""
LEVEL = 0.95
WIDTH, OF_BIN = 30, 0.1
"""Of the observed curve: minutes of a bin, and the uncertainty as a share of the mean bin."""
ASKED = 1000
"""People in the survey of first hearing."""
SURVEY = "first_heard_"
TURNOUT = "participants"
TELLING = 0.9
"""Ratio of posterior to prior standard deviation below which data tell something of a quantity."""


def extras(scenario: Scenario) -> tuple[dict[str, Statistic], dict[str, Bins]]:
    """Return what other data could be: a survey of where people first heard, and a curve of tweets on the topic."""
    channels = [name for name in scenario.channels if name != "mass_text"]  # which came when all had heard
    items = {
        f"{SURVEY}{name}": Statistic(
            value=0.1, sd=(0.1 * 0.9 / ASKED) ** 0.5, held_out=True, source="a survey that could be"
        )
        for name in channels
    }
    a = scenario.scenario.accounting
    assert a is not None
    items[TURNOUT] = Statistic(value=1e6, sd=1e6, held_out=True, source="of which no number is known")
    first = minute_of(scenario, a.first_news)
    last = min(scenario.clock.n_minutes, first + 18 * 60)
    minutes = tuple((m, m + WIDTH) for m in range(first, last - WIDTH + 1, WIDTH))
    curve = Bins("published_twitter", minutes, (1.0,) * len(minutes), False, 1.0, True)
    return items, {"curve": curve}


def features(table: ReferenceTable, seed: int) -> dict[str, np.ndarray]:
    """Return what would be observed, float64[rows, features] by kind of data; rows without all of it are NaN."""
    fitted = table.statistics.fitted
    dice = np.random.default_rng([seed, 1])
    base = table.with_noise(fitted, seed)
    survey = table.columns([n for n in table.values if n.startswith(SURVEY)])
    survey = survey + np.sqrt(np.clip(survey * (1 - survey), 1e-4, None) / ASKED) * dice.standard_normal(survey.shape)
    curve = table.columns([n for n in table.values if n.startswith("curve[")])
    noisy = curve + OF_BIN * curve.mean(axis=1, keepdims=True) * dice.standard_normal(curve.shape)
    shape = np.log(np.maximum(noisy, 0.02 * noisy.mean(axis=1, keepdims=True)))
    return {
        "the record": base,
        "and a curve": np.hstack([base, shape]),
        "and a survey": np.hstack([base, survey]),
        "and both": np.hstack([base, shape, survey]),
    }


def quantities(table: ReferenceTable, observed: np.ndarray, keys: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return what is ranked, float64[rows, quantities], and names: parameters, directions that data depend on, and turnout.

    Where data say nothing of a parameter its ranks are even whatever the inference does. The directions (`informed_directions`)
    are those of which they say most; turnout, in normal scores, is what the parameters are for.
    """
    directions = informed_directions(table.places, observed)
    turnout = table.values[TURNOUT]
    scores = ndtri((rankdata(turnout) - 0.5) / len(turnout))
    names = [*keys, *(f"direction {i + 1}" for i in range(directions.shape[1])), "turnout"]
    return np.hstack([table.places, table.places @ directions, scores[:, None]]), names


def trade_offs(
    table: ReferenceTable, observed: np.ndarray, scales: np.ndarray, n_sets: int, n_nearest: int
) -> np.ndarray:
    """Return float64[parameters, parameters]: correlations within posteriors, on average over data sets."""
    whole = np.flatnonzero(np.isfinite(observed).all(axis=1))[:n_sets]
    total = np.zeros((table.places.shape[1],) * 2)
    for row in whole:
        others = np.delete(np.arange(len(table.places)), row)
        posterior = adjusted_posterior(table.places[others], observed[others], observed[row], scales, n_nearest)
        centred = posterior.places - posterior.weights @ posterior.places
        covariance = (centred * posterior.weights[:, None]).T @ centred
        deviations = np.sqrt(np.diag(covariance))
        total += covariance / np.outer(deviations, deviations)
    return total / len(whole)


@styled
def draw_ranks(ranks: dict[str, Ranks], tails: dict[str, np.ndarray], n_parameters: int) -> Figure:
    """Draw how far the distribution of each quantity's ranks is from even, with the band for all parameters at once."""
    drawing, panels = figure([2.0] * len(ranks), width=5.4)
    for ax, (reading, its) in zip(panels, ranks.items(), strict=True):
        n = len(its.ranks)
        gamma, low, high = even_band(n, LEVEL, n_parameters, tails=tails[reading])
        _, one_low, one_high = even_band(n, LEVEL, tails=tails[reading])
        ax.fill_between(GRID, low - GRID, high - GRID, color="#E4E7EC", linewidth=0)
        ax.fill_between(GRID, one_low - GRID, one_high - GRID, color="#C9CED6", linewidth=0)
        is_out = widest(its.ranks) < gamma
        for i in range(its.ranks.shape[1]):
            share = (its.ranks[:, i, None] <= GRID).mean(axis=0)
            look = ("#D9730D", 1.2) if is_out[i] else ("#0072B2", 0.4) if i < n_parameters else ("#009E73", 1.0)
            ax.plot(GRID, share - GRID, color=look[0], linewidth=look[1])
        ax.axhline(0, color="#404040", linewidth=0.6)
        ax.set_xlim(0, 1)
        ax.set_title(f"{name_of(reading)}: {n} data sets", loc="left")
        ax.set_ylabel("share of ranks below\nminus the place")
    panels[-1].set_xlabel("place in the posterior (rank of the truth)")
    handles: list[Any] = [
        Line2D([], [], color="#0072B2", linewidth=0.8, label=f"one of {n_parameters} parameters"),
        Line2D([], [], color="#009E73", linewidth=1.0, label="a direction that data depend on, or turnout"),
        Patch(color="#C9CED6", label="95 % band for one parameter, at all places at once"),
        Patch(color="#E4E7EC", label="95 % band for all parameters at once"),
    ]
    if any(line.get_color() == "#D9730D" for ax in panels for line in ax.lines):
        handles.append(Line2D([], [], color="#D9730D", linewidth=1.2, label="one that leaves the band for all"))
    legend_below(panels[-1], handles, columns=2)
    return drawing


@styled
def draw_narrowing(found: pd.DataFrame, kinds: list[str]) -> Figure:
    """Draw how wide posteriors are with each kind of data."""
    order = found.sort_values(kinds[0], ascending=False).reset_index(drop=True)
    drawing, (ax,) = figure([0.2 * len(order) + 0.4], width=4.4)
    looks = {
        kinds[0]: ("#404040", "o"),
        kinds[1]: ("#0072B2", "^"),
        kinds[2]: ("#D9730D", "s"),
        kinds[3]: ("#009E73", "D"),
    }
    rows = np.arange(len(order))
    for shift, (kind, (colour, marker)) in zip((0.27, 0.09, -0.09, -0.27), looks.items(), strict=True):
        ax.scatter(order[kind], rows + shift, color=colour, marker=marker, s=7, linewidths=0, label=kind, zorder=3)
    ax.hlines(rows, order[kinds].min(axis=1), order[kinds].max(axis=1), colors="#C9CED6", linewidth=1.0, zorder=1)
    ax.axvline(IDENTIFIED, color="#404040", linewidth=0.6, linestyle=(0, (5, 2)))
    ax.set_yticks(rows, [key.removeprefix("parameters.") for key in order["parameter"]], fontsize=6.5)
    ax.set_ylim(-0.8, len(order) - 0.2)
    ax.set_xlim(0, 1.05)
    ax.set_xlabel("posterior sd / prior sd, expected at most (dashed: identified)")
    handles = [Line2D([], [], color=c, marker=m, linestyle="", label=kind) for kind, (c, m) in looks.items()]
    legend_below(ax, handles, columns=4)
    return drawing


def tabulated(reading: str, given: argparse.Namespace) -> tuple[Calibration, ReferenceTable]:
    composed, plan, config = of_reading(reading, given.people)
    items, series = extras(scenario_of(config))
    done = [0]

    def note(n: int) -> None:
        done[0] += n
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{reading}: {done[0]} of {given.points} nights")

    table = reference_table(
        plan, composed, given.points, seed=given.seed, store=Store(given.store), items=items, series=series,
        workers=given.workers, progress=note,
    )  # fmt: skip
    return plan, table


def main() -> int:
    given = parser_of("identifiability", __doc__, NUMBERS).parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    ranks: dict[str, Ranks] = {}
    tails: dict[str, np.ndarray] = {}
    told: dict[str, pd.DataFrame] = {}
    pairs: dict[str, np.ndarray] = {}
    missing: dict[str, int] = {}
    names: dict[str, list[str]] = {}
    kinds: list[str] = []
    for reading in READINGS:
        plan, table = tabulated(reading, given)
        fitted = table.statistics.fitted
        scales = np.array([table.statistics.scales[name] for name in fitted])
        n_nearest = max(40, round(NEAREST * given.points))
        data = features(table, given.seed + 1)
        kinds = list(data)
        ranked, names[reading] = quantities(table, data["the record"], list(plan.priors))
        ranks[reading] = ranks_of_truths(ranked, data["the record"], scales, given.sets, n_nearest)
        tails[reading] = tails_of_nothing(data["the record"], scales, given.sets, n_nearest, seed=given.seed + 100)
        pairs[reading] = trade_offs(table, data["the record"], scales, given.sets, n_nearest)
        whole = np.isfinite(data["and both"]).all(axis=1)
        missing[reading] = int((~whole).sum())
        narrowing = {
            kind: expected_narrowing(table.places[whole], x[whole], n_squared=len(fitted)) for kind, x in data.items()
        }
        n = len(plan.priors)
        told[reading] = pd.DataFrame({
            "parameter": list(plan.priors), "contraction": np.median(ranks[reading].contractions, axis=0)[:n], **narrowing,
        })  # fmt: skip
        told[reading].to_parquet(given.out / f"{reading}.parquet", index=False)
    keys = list(told[READINGS[0]]["parameter"])
    save(draw_ranks(ranks, tails, len(keys)), given.out / "ranks.png", 200)
    save(draw_narrowing(told[READINGS[0]], kinds), given.out / "narrowing.png", 200)
    text = page(
        given, {r: ranks_table(ranks[r], tails[r], names[r]) for r in ranks}, tails, told, pairs, missing, kinds
    )
    figures = {given.out / f"{name}.png": f"identifiability_{name}.png" for name in ("ranks", "narrowing")}
    write_page(text, given, "identifiability", figures)
    return 0


def ranks_table(its: Ranks, tails: np.ndarray, names: list[str]) -> pd.DataFrame:
    """Return a row for each quantity: contraction, tail, and p, how often columns of nothing have ranks as uneven."""
    found = widest(its.ranks)
    p = [(1 + np.count_nonzero(tails <= tail)) / (1 + len(tails)) for tail in found]
    return pd.DataFrame({"quantity": names, "contraction": np.median(its.contractions, axis=0), "tail": found, "p": p})


def page(
    given: argparse.Namespace,
    ranks: dict[str, pd.DataFrame],
    tails: dict[str, np.ndarray],
    told: dict[str, pd.DataFrame],
    pairs: dict[str, np.ndarray],
    missing: dict[str, int],
    kinds: list[str],
) -> str:
    """Return the page."""
    names = [key.removeprefix("parameters.") for key in told[READINGS[0]]["parameter"]]
    lines = [
        "# What the record can tell of the parameters", "",
        wrapped(f"""Made by `{command_of(given, "identifiability", NUMBERS)}`; not written by
        hand. Each reading: {given.points:,} nights of {given.people:,} people at draws from the prior
        (conf/calibration/night.yaml), {given.sets} of them in turn as the truth behind data of their own, fitted from
        the nearest {NEAREST:.0%} of the others with regression on the statistics and their squares (after Blum 2010).
        Data are the statistics that the calibration fits, with their uncertainty."""), "",
        "## Is the inference right?", "",
        wrapped(f"""Where it is, the rank of the truth in its posterior is even (Talts et al. 2018). The band holds
        all parameters at all places at once with {LEVEL:.0%}; it is that of columns of random numbers ranked in the same
        way, since truths that are rows of the table have ranks that are more even than independent ones. That squares are in
        the regression, and are left out for data far out, was decided on nights of other seeds, where without squares two
        parameters left the band. Ranks of a parameter of which data say nothing are even whatever the inference does. Those
        that count are of what has a posterior standard deviation below {TELLING:g} of the prior's, and of the directions among
        the parameters on which the data depend; turnout is ranked beside them. Their p: how often columns of random numbers
        have ranks as uneven."""), "",
        "![Ranks of truths against an even distribution](figures/identifiability_ranks.png)", "",
    ]  # fmt: skip
    for reading, its in ranks.items():
        gamma, _, _ = even_band(given.sets, LEVEL, len(names), tails=tails[reading])
        out = [
            str(q).removeprefix("parameters.") for q in its["quantity"][: len(names)][its["tail"][: len(names)] < gamma]
        ]
        verdict = "all parameters within the band" if not out else f"outside the band: {', '.join(out)}"
        telling = its[(its["contraction"] < TELLING) | (its.index >= len(names))].sort_values("p")
        told_of = [f"{str(r['quantity']).removeprefix('parameters.')} ({r['contraction']:.2f}) p = {r['p']:.3f}"
                   for r in telling.to_dict("records")]  # fmt: skip
        uneven = float(telling["p"].iloc[0]) < (1 - LEVEL) / len(telling)
        lines.append(wrapped(f"""- {name_of(reading)}: {verdict} ({missing[reading]} nights lacked a statistic and are left
        out). Of the {len(telling)} that count (in brackets their posterior's standard deviation in the prior's), the least even
        one {"lies beyond" if uneven else "lies within"} what chance makes of so many (p of {1 - LEVEL:.2g} / {len(telling)}):
        {"; ".join(told_of)}."""))  # fmt: skip
    lines += [
        "", "## Which parameters are identified?", "",
        wrapped(f"""The bound was fixed beforehand: identified is what has a posterior standard deviation below {IDENTIFIED:g}
        of the prior's, in places (normal scores of the prior). Medians over the data sets:"""), "",
    ]  # fmt: skip
    for reading, table in told.items():
        order = table.sort_values("contraction")
        n = int((order["contraction"] < IDENTIFIED).sum())
        first = zip(order["parameter"].head(8), order["contraction"].head(8), strict=True)
        nearest = ", ".join(f"{key.removeprefix('parameters.')} {c:.2f}" for key, c in first)
        lines.append(f"- {name_of(reading)}: {n} of {len(order)} identified; the narrowest are {nearest}.")
    lines += [
        "", "## What trades off against what?", "", "Correlations within posteriors, on average over the data sets:", "",
        "| " + " | ".join(map(name_of, told)) + " |", "|" + "---|" * len(told),
    ]  # fmt: skip
    lines += ["| " + " | ".join(c) + " |" for c in zip(*(_strongest(m, names) for m in pairs.values()), strict=True)]
    lines += [
        "", "## What data would tell more?", "",
        wrapped(f"""Standard deviations as shares of the prior's that are to be expected at most: what the best linear
        predictor from the data (and from squares of the record's statistics) leaves over on nights that it was not fitted to
        (root mean squares over data sets; Fearnhead and Prangle 2012), which a better one may undercut. With the record
        alone; with a curve of tweets in bins of {WIDTH} minutes from the first news on, known to {OF_BIN:.0%} of the mean
        bin; with a survey of {ASKED:,} people of where they first heard; with both. The figure shows calendar days."""), "",
        "![Expected width of posteriors with other data](figures/identifiability_narrowing.png)", "",
        "| | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds),
    ]  # fmt: skip
    for reading, table in told.items():
        counts = [str(int((table[kind] < IDENTIFIED).sum())) for kind in kinds]
        lines.append(f"| parameters identified, {name_of(reading)} | " + " | ".join(counts) + " |")
    table = told[READINGS[0]]
    for i in (table[kinds[0]] - table[kinds[3]]).sort_values(ascending=False).index:
        row = table.loc[i]
        lines.append(f"| `{row['parameter']}` | " + " | ".join(f"{row[kind]:.2f}" for kind in kinds) + " |")
    return "\n".join(lines) + "\n"


def _strongest(matrix: np.ndarray, names: list[str], n: int = 8) -> list[str]:
    rows, columns = np.triu_indices(len(names), 1)
    order = np.argsort(-np.abs(matrix[rows, columns]))[:n]
    return [f"{names[rows[i]]} and {names[columns[i]]}: {matrix[rows[i], columns[i]]:+.2f}" for i in order]


if __name__ == "__main__":
    sys.exit(command(main))
