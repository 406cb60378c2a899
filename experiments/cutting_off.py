"""When does cutting people off bring more of them out?

Command: ``python -m experiments.cutting_off`` (two minutes on two cores; ``--quick`` tries it with few people).
Figures: docs/figures/{cutting_ties,push_and_substitution}.png. Findings: docs/experiments.md.

Two maps of signs. In the model of Hassanpour (2014) a part of everybody's ties is cut, with no push by being cut off, over how
dense the network is and how far thresholds are spread. In the night of 15 July feeds are throttled, over how much being cut
off pushes people and whether they turn elsewhere, which decide the sign there and which no datum constrains.

Near the border of the first map a cascade runs in some replicates and not in others, and t intervals of such values mean
nothing: they leave the range of a share. There signs are those of most replicates, by the exact sign test, Bonferroni over the
map; the numbers of the table have paired bootstrap intervals, and how often a cascade ran stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from experiments.asking import Answer, Asked, Experiment, Finding, Size, interval_of, main, table
from sim.measures.contrast import contrast_table
from sim.measures.signs import median_by_signs
from sim.measures.simultaneous import holm_intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEGREE, SPREAD = "network.neighbours.graph.mean_degree", "decision.critical_mass.sd"
PUSH, SUBSTITUTION = "throttle.push", "throttle.substitution"
SHOWN = {DEGREE: (4, 16, 64), SPREAD: (0.1, 0.2, 0.4)}
"""Of the cells of the model, those whose numbers stand in the table; the map shows all."""
TIES = Size(3000, 32)
"""As many replicates as the paired bootstrap needs (30); below 12 no sign test over 72 cells rejects."""
SMALL = 0.01
RAN = 0.25
"""A cascade ran where more than this share takes part: the mean of the thresholds."""
APART = 0.5
"""Replicates of a cell are of two kinds where two neighbours in their order are further apart than this share of people."""
WHOLE = "whole"
CUTS = {"half_cut": "half of all ties cut", "most_cut": "nine of ten ties cut"}


def counted(decided: pd.Series, differences: pd.Series) -> dict[str, int]:
    """In how many cells of a map a difference is told from 0 and above it, and below it, and how many cells there are.

    Small ones are those decided that are below one in a hundred: on the same dice a handful of people can be told from 0.
    """
    above, small = differences > 0, decided & (differences.abs() < SMALL)
    return {"more": int((decided & above).sum()), "fewer": int((decided & ~above).sum()), "all": len(differences),
            "small": int(small.sum())}  # fmt: skip


def by_holm(contrasts: pd.DataFrame) -> dict[str, int]:
    """The signs of a map by t intervals and Holm's procedure over its cells."""
    decided = holm_intervals([interval_of(row) for _, row in contrasts.iterrows()]).is_rejected
    return counted(pd.Series(decided, contrasts.index), contrasts["difference"])


def shares(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Who takes part: a row for each cell and replicate, a column for each arm."""
    rows = outcomes[outcomes["outcome"] == "participation"]
    return rows.pivot(index=[DEGREE, SPREAD, "replicate"], columns="arm", values="value")


def signs(values: pd.DataFrame) -> pd.DataFrame:
    """Medians of the paired differences of both cuts with exact sign intervals that hold together over the map.

    Columns as of a table of contrasts, a row for each cell and arm; a cell is decided where its interval does not hold 0.
    """
    n_cells = len(values.groupby([DEGREE, SPREAD]))
    rows = []
    for arm in CUTS:
        for (degree, sd), differences in (values[arm] - values[WHOLE]).groupby([DEGREE, SPREAD]):
            i = median_by_signs(differences, 1 - 0.05 / n_cells)
            rows.append({DEGREE: degree, SPREAD: sd, "arm": arm, "baseline": WHOLE, "outcome": "participation",
                         "difference": i.estimate, "low": i.low, "high": i.high, "unit": "share", "n": i.n,
                         "method": i.method})  # fmt: skip
    return pd.DataFrame(rows)


def by_signs(medians: pd.DataFrame) -> dict[str, int]:
    """The signs of a map of `signs`."""
    return counted((medians["low"] > 0) | (medians["high"] < 0), medians["difference"])


def is_of_two_kinds(values: pd.DataFrame) -> pd.DataFrame:
    """In which cells (rows) the replicates of an arm (columns) fall into two groups that are far apart."""
    return values.groupby([DEGREE, SPREAD]).agg(lambda shares: shares.sort_values().diff().max() > APART).astype(bool)


def finding(cell: pd.DataFrame, arm: str, what: str) -> Finding:
    """The mean difference of a cell with its paired bootstrap interval, how often a cascade ran, and in which more came."""
    pair = cell[[WHOLE, arm]].droplevel([DEGREE, SPREAD])
    rows = pair.melt(ignore_index=False, var_name="arm", value_name="value").reset_index()
    rows = rows.assign(outcome="participation", unit="share")
    (row,) = contrast_table(rows, WHOLE, bootstrap_seed=1).to_dict("records")
    change = pair[arm] - pair[WHOLE]
    ran = (pair > RAN).sum()
    note = (
        f"ran in {ran[arm]} after {ran[WHOLE]}, more in {int((change > 0).sum())}, fewer in {int((change < 0).sum())}"
    )
    return Finding(what, interval_of(pd.Series(row)), "1", note)


def rows_of(contrasts: pd.DataFrame, outcome: str, arm: str, **values: float) -> pd.DataFrame:
    """Cells of a map: of an outcome and an arm, and where the factors have given values."""
    rows = contrasts[(contrasts["outcome"] == outcome) & (contrasts["arm"] == arm)]
    for factor, value in values.items():
        rows = rows[rows[factor] == value]
    return rows


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folders of both designs to findings, sentences and figures."""
    ties, night = shares(table(folders["ties"], "outcomes")), table(folders["night"], "contrasts")
    done, medians = Answer(), signs(ties)
    pairs = int(medians["n"].min())
    told = []
    for arm, words in CUTS.items():
        n = by_signs(medians[medians["arm"] == arm])
        told.append(f"with {words} more take part in most replicates of {n['more']} cells and fewer in {n['fewer']} of "
                    f"{n['all']} (in {n['small']} of these the median differs by less than 0.01 of all people)")  # fmt: skip
        done.findings[f"participation, {words} - whole; cascades, of {pairs} replicates"] = [
            finding(cell, arm, f"{degree:g} ties, spread {sd:g}")
            for (degree, sd), cell in ties.groupby([DEGREE, SPREAD])
            if degree in SHOWN[DEGREE] and sd in SHOWN[SPREAD]
        ]
    two = is_of_two_kinds(ties)
    for push, rows in rows_of(night, "participants", "throttled").groupby(PUSH):
        done.findings[f"push {push:g}: participants, throttled - open"] = [
            Finding(f"substitution {row[SUBSTITUTION]:g}", interval_of(row)) for _, row in rows.iterrows()
        ]
    n = by_holm(rows_of(night, "participants", "throttled"))
    cells = "; ".join(told)
    done.text = (
        "In a model after Hassanpour (2014), with no push by being cut off, cutting ties goes either way. Random networks, "
        f"normal thresholds and all values are ours ({TIES}). {cells[0].upper()}{cells[1:]}, by exact sign tests over "
        f"{pairs} pairs, Bonferroni over each map. Near the border a cascade runs or does not: in {int(two.any(axis=1).sum())} "
        f"cells the replicates of an arm are of two kinds, more than half of all people apart ({int(two[WHOLE].sum())} with "
        f"whole networks, {int(two['half_cut'].sum())} with half and {int(two['most_cut'].sum())} with nine of ten ties cut). "
        "So the table counts in how many replicates a cascade ran (more take part than a quarter, the mean threshold) after "
        "the cut and before it, and its intervals are paired bootstrap intervals (BCa), which stay within what a share can "
        "differ by; means of two kinds describe neither. Fewer come where the "
        "network is sparse and thresholds are spread; more come beside that, in a narrow band with half of the ties cut, up to "
        "the densest networks with nine of ten. "
        f"In the night of 15 July the throttle brings out more people in {n['more']} and fewer in {n['fewer']} of {n['all']} "
        "combinations of push and substitution (t intervals, Holm's procedure over the map): these two decide the sign, and no "
        "datum constrains them, so the simulation "
        "does not say which it was."
    )
    done.short = (
        f"*Cutting people off.* In a model after Hassanpour (2014), with no push by being cut off: {cells}. In the night of 15 "
        f"July the throttle brings out more people in {n['more']} and fewer in {n['fewer']} of {n['all']} combinations of push "
        "and substitution, which no datum constrains: the simulation does not say which it was."
    )
    done.figures["cutting_ties"] = draw_ties(medians)
    done.figures["push_and_substitution"] = draw_night(night)
    return done


def draw_ties(medians: pd.DataFrame) -> Figure:
    """The signs over density and spread, for both cuts."""
    from sim.study.figures import figure, sign_map
    from sim.study.figures.style import spread

    drawing, panels = figure((2.4, 2.4), width=4.0)
    for panel, (arm, words) in zip(panels, CUTS.items(), strict=True):
        title = f"Participation in most replicates, {words}"
        decision = f"exact sign tests, Bonferroni over {int((medians['arm'] == arm).sum())} cells"
        sign_map(panel, medians, DEGREE, SPREAD, "participation", arm=arm, decision=decision, title=title)
    return spread(drawing)


def draw_night(contrasts: pd.DataFrame) -> Figure:
    """The signs and sizes over push and substitution."""
    from sim.study.figures import figure, heat_map, sign_map
    from sim.study.figures.style import spread

    drawing, panels = figure((2.4, 2.4), width=4.0)
    for panel, draw in zip(panels, (sign_map, heat_map), strict=True):
        draw(panel, contrasts, PUSH, SUBSTITUTION, "participants", arm="throttled")
    return spread(drawing)


EXPERIMENT = Experiment(
    "cutting_off",
    "When does cutting people off bring more of them out?",
    (
        Asked("ties", ("classic=hassanpour_normal", "study=cutting_ties", "design=density_and_spread"), TIES),
        Asked("night", ("design=push_and_substitution", "study.nulls=[]"), Size(20_000, 12)),
    ),
    answer,
)

if __name__ == "__main__":
    main(EXPERIMENT)
