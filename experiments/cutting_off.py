"""When does cutting people off bring more of them out?

Command: ``python -m experiments.cutting_off`` (two minutes on two cores; ``--quick`` tries it with few people).
Figures: docs/figures/{cutting_ties,push_and_substitution}.png. Findings: docs/experiments.md.

Two maps of signs. In the model of Hassanpour (2014) a part of everybody's ties is cut, with no push by being cut off, over how
dense the network is and how far thresholds are spread. In the night of 15 July feeds are throttled, over how much being cut
off pushes people and whether they turn elsewhere, neither of which a datum constrains; which of the two decides the sign is
read from the map.

Near the border of the first map a cascade runs in some replicates and not in others, and t intervals of such values mean
nothing: they leave the range of a share. There signs are those of most replicates, by the exact sign test, Bonferroni over the
map; the numbers of the table have paired bootstrap intervals, and what both arms come to stands beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from scipy.special import betaincinv

from experiments.asking import Answer, Asked, Experiment, Finding, Size, interval_of, main, size_of, table
from sim.measures.contrast import contrast_table
from sim.measures.intervals import Interval
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
APART = 0.5
"""Replicates of a cell are of two kinds where two neighbours in their order are further apart than this share of people."""
FEWEST = 4
"""Replicates of either kind from which on a mean of two kinds gets an interval: a bootstrap of fewer hardly knows of the rarer
kind, and one of none not at all."""
WHOLE = "whole"
CUTS = {"half_cut": "half of all ties cut", "most_cut": "nine of ten ties cut"}
METHODS = {"bootstrap bca": "paired bootstrap intervals (BCa)", "paired t": "paired t intervals"}


def counted(signs: pd.Series, differences: pd.Series) -> dict[str, int]:
    """In how many cells of a map a difference is told from 0 and above it, and below it, and how many cells there are.

    Small ones are those decided that are below one in a hundred: on the same dice a handful of people can be told from 0.
    """
    small = (signs != 0) & (differences.abs() < SMALL)
    return {"more": int((signs > 0).sum()), "fewer": int((signs < 0).sum()), "all": len(signs),
            "small": int(small.sum())}  # fmt: skip


def signed(decided: pd.Series, differences: pd.Series) -> pd.Series:
    """1 where more come, -1 where fewer do, 0 where it is not decided."""
    return (decided & (differences > 0)).astype(int) - (decided & (differences < 0)).astype(int)


def by_holm(contrasts: pd.DataFrame) -> pd.Series:
    """The signs of a map by t intervals and Holm's procedure over its cells."""
    decided = holm_intervals([interval_of(row) for _, row in contrasts.iterrows()]).is_rejected
    return signed(pd.Series(decided, contrasts.index), contrasts["difference"])


def shares(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Who takes part: a row for each cell and replicate, a column for each arm."""
    rows = outcomes[outcomes["outcome"] == "participation"]
    return rows.pivot(index=[DEGREE, SPREAD, "replicate"], columns="arm", values="value")


def medians_of(values: pd.DataFrame) -> pd.DataFrame:
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


def by_signs(medians: pd.DataFrame) -> pd.Series:
    """The signs of a map of `medians_of`."""
    return signed((medians["low"] > 0) | (medians["high"] < 0), medians["difference"])


# -- cells of two kinds


def upper_kind(shares: pd.Series) -> pd.Series:
    """In which replicates of an arm a cascade ran: above the widest gap, where it parts two kinds; else in none.

    No share of people tells a cascade from none: with thresholds of mean 0.25 and spread 0.4, Phi(-0.25 / 0.4) = 27 % take
    part with no contact out, and at 0.1 fewer than 1 %.
    """
    ordered = shares.sort_values()
    gaps = ordered.diff()
    if not gaps.max() > APART:
        return pd.Series(False, shares.index)
    return shares >= ordered[gaps.idxmax()]


def is_of_two_kinds(values: pd.DataFrame) -> pd.DataFrame:
    """In which cells (rows) the replicates of an arm (columns) fall into two groups that are far apart."""
    return values.groupby([DEGREE, SPREAD]).agg(lambda shares: upper_kind(shares).any()).astype(bool)


def exact_chance(k: int, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a chance of which k of n came true (Clopper and Pearson 1934)."""
    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    return low, float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0


def told(shares: pd.Series) -> str:
    """What an arm of a cell comes to: its median, or those of both kinds with how often the cascade ran."""
    ran, n = upper_kind(shares), len(shares)
    if not ran.any():
        return f"{shares.median():.3f}"
    low, high = exact_chance(int(ran.sum()), n)
    return (
        f"{shares[~ran].median():.3f} or, in {ran.sum()} of {n} (chance [{low:.3f}, {high:.3f}]), "
        f"{shares[ran].median():.3f}"
    )


def finding(cell: pd.DataFrame, arm: str, what: str) -> Finding:
    """The mean difference of a cell, what both arms come to, and in how many replicates more came, and fewer.

    The difference has a paired bootstrap interval, unless a kind of replicates is rare in an arm.
    """
    pair = cell[[WHOLE, arm]].droplevel([DEGREE, SPREAD])
    rows = pair.melt(ignore_index=False, var_name="arm", value_name="value").reset_index()
    rows = rows.assign(outcome="participation", unit="share")
    (row,) = contrast_table(rows, WHOLE, bootstrap_seed=1).to_dict("records")
    interval = interval_of(pd.Series(row))
    kinds = pair.apply(upper_kind)
    if any(n and min(n, len(pair) - n) < FEWEST for n in kinds.sum()):
        interval = Interval(interval.estimate, float("nan"), float("nan"), interval.n, "none")
    change = pair[arm] - pair[WHOLE]
    note = (
        f"whole {told(pair[WHOLE])}, cut {told(pair[arm])}; more in {int((change > 0).sum())}, "
        f"fewer in {int((change < 0).sum())}"
    )
    return Finding(what, interval, "1", note)


# -- sentences


def rows_of(contrasts: pd.DataFrame, outcome: str, arm: str) -> pd.DataFrame:
    """Cells of a map: of an outcome and an arm."""
    return contrasts[(contrasts["outcome"] == outcome) & (contrasts["arm"] == arm)]


def where(cells: pd.DataFrame) -> str:
    """Within which degrees and spreads cells lie, in words after their number; nothing where there are none."""

    def span(name: str) -> str:
        first, last = cells[name].min(), cells[name].max()
        return f"{first:g}" if first == last else f"{first:g} to {last:g}"

    return f" (within {span(DEGREE)} ties and spreads {span(SPREAD)})" if len(cells) else ""


def verdict(more: int, fewer: int) -> str:
    """What cutting does by the signs of both maps."""
    if more and fewer:
        return "cutting ties goes either way"
    if more or fewer:
        return f"cutting ties brings out {'more' if more else 'fewer'} people wherever a sign is decided"
    return "no sign of what cutting ties does is decided"


def decided_by(signs: pd.DataFrame) -> str:
    """Which of push (columns) and substitution (rows) decides the sign on the map, and where it turns."""
    more, fewer = signs > 0, signs < 0
    columns = int((more.any() & fewer.any()).sum())
    rows = int((more.any(axis=1) & fewer.any(axis=1)).sum())
    turns = [turn(signs.loc[end]) for end in (signs.index.min(), signs.index.max())]
    at = "; ".join(
        f"at substitution {e:g} the sign {t}"
        for e, t in zip((signs.index.min(), signs.index.max()), turns, strict=True)
    )
    if rows and not columns:
        says = "push decides the sign" + ", and substitution shifts where it turns" * (turns[0] != turns[1])
    elif columns and not rows:
        says = "substitution decides the sign"
    elif columns:
        says = "both decide the sign together"
    elif more.any(axis=None) and fewer.any(axis=None):
        says = "neither turns the sign while the other stays"
    else:
        says = "the sign does not turn on this map"
    return (
        f"both signs are decided in {columns} of {signs.shape[1]} columns of equal push and in {rows} of {signs.shape[0]} rows "
        f"of equal substitution ({at}): {says}"
    )


def turn(signs: pd.Series) -> str:
    """Between which pushes the sign turns, at one substitution."""
    fewer, more = signs.index[signs < 0], signs.index[signs > 0]
    if len(fewer) and len(more) and fewer.max() < more.min():
        return f"turns between push {fewer.max():g} and {more.min():g}"
    return "does not turn once from fewer to more"


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folders of both designs to findings, sentences and figures."""
    ties, night = shares(table(folders["ties"], "outcomes")), table(folders["night"], "contrasts")
    done, medians = Answer(), medians_of(ties)
    pairs = int(medians["n"].min())
    signs = by_signs(medians)
    parts = []
    for arm, words in CUTS.items():
        its = medians[medians["arm"] == arm]
        n = counted(signs[its.index], its["difference"])
        more, fewer = (where(its[signs[its.index] == sign]) for sign in (1, -1))
        parts.append(
            f"with {words} more take part in most replicates of {n['more']} of {n['all']} cells{more} and fewer in "
            f"{n['fewer']}{fewer}; in {n['small']} of these the median differs by less than 0.01 of all people"
        )
        done.findings[f"participation, {words} - whole; medians of both"] = [
            finding(cell, arm, f"{degree:g} ties, spread {sd:g}")
            for (degree, sd), cell in ties.groupby([DEGREE, SPREAD])
            if degree in SHOWN[DEGREE] and sd in SHOWN[SPREAD]
        ]
    methods = {row.interval.method.split(";")[0] for rows in done.findings.values() for row in rows} - {"none"}
    of_means = " or ".join(sorted(METHODS.get(method, method) for method in methods))
    two = is_of_two_kinds(ties)
    cells = rows_of(night, "participants", "throttled")
    for push, rows in cells.groupby(PUSH):
        done.findings[f"push {push:g}: participants, throttled - open"] = [
            Finding(f"substitution {row[SUBSTITUTION]:g}", interval_of(row)) for _, row in rows.iterrows()
        ]
    its = by_holm(cells)
    n = counted(its, cells["difference"])
    decides = decided_by(cells.assign(sign=its).pivot(index=SUBSTITUTION, columns=PUSH, values="sign"))
    unsaid = ", so the simulation does not say which sign it was" * bool(n["more"] and n["fewer"])
    of_both = verdict(int((signs > 0).sum()), int((signs < 0).sum()))
    of_ties = ". ".join(part[0].upper() + part[1:] for part in parts)
    done.text = (
        f"In a model after Hassanpour (2014), with no push by being cut off, {of_both}. "
        f"Random networks, normal thresholds and all values are ours ({size_of(folders['ties'])}). "
        f"{of_ties} (exact sign tests over {pairs} pairs, Bonferroni over each map). "
        f"In {int(two.any(axis=1).sum())} cells the replicates of an arm are of two kinds, more than half of all people apart: "
        f"a cascade runs or does not ({int(two[WHOLE].sum())} with whole networks, {int(two['half_cut'].sum())} with half and "
        f"{int(two['most_cut'].sum())} with nine of ten ties cut). Mean differences describe neither kind there; beside them "
        "the table has the medians of both arms, and of an arm of two kinds those of both, with how many replicates are of the "
        "upper one and the exact binomial (Clopper-Pearson) interval of its chance. Intervals of the means are "
        f"{of_means}; where fewer than {FEWEST} replicates of an arm are of one of two kinds there is none, as it would hold "
        "the mean too rarely. "
        f"In the night of 15 July the throttle brings out more people in {n['more']} and fewer in {n['fewer']} of {n['all']} "
        f"combinations of push and substitution (t intervals, Holm's procedure over the map); {decides}. No datum constrains "
        f"either{unsaid}."
    )
    done.short = (
        f"*Cutting people off.* In a model after Hassanpour (2014), with no push by being cut off, {of_both}. {of_ties}. In "
        f"the night of 15 July the throttle brings out more people in {n['more']} and fewer in {n['fewer']} of {n['all']} "
        f"combinations of push and substitution; {decides}. No datum constrains either{unsaid}."
    )
    done.figures["cutting_ties"] = draw_ties(medians)
    done.figures["push_and_substitution"] = draw_night(cells)
    return done


# -- figures


def draw_ties(medians: pd.DataFrame) -> Figure:
    """The signs over density and spread, for both cuts."""
    from sim.study.figures import figure, sign_map

    drawing, panels = figure((2.4, 2.4), width=4.0)
    for panel, (arm, words) in zip(panels, CUTS.items(), strict=True):
        title = f"Participation in most replicates, {words}"
        decision = f"exact sign tests, Bonferroni over {int((medians['arm'] == arm).sum())} cells"
        sign_map(panel, medians, DEGREE, SPREAD, "participation", arm=arm, decision=decision, title=title)
    return finished(drawing, medians, DEGREE)


def draw_night(contrasts: pd.DataFrame) -> Figure:
    """The signs and sizes over push and substitution."""
    from sim.study.figures import figure, heat_map, sign_map

    drawing, panels = figure((2.4, 2.4), width=4.0)
    for panel, draw in zip(panels, (sign_map, heat_map), strict=True):
        draw(panel, contrasts, PUSH, SUBSTITUTION, "participants", arm="throttled")
    return finished(drawing, contrasts, PUSH)


def finished(drawing: Figure, cells: pd.DataFrame, x: str) -> Figure:
    """Move the panels apart; each keeps its x label, which says where values are not to scale."""
    from sim.study.figures.style import spread

    steps = pd.Series(sorted(cells[x].unique())).diff().dropna()
    scale = ", values not to scale" * bool(steps.max() - steps.min() > 1e-9)
    labels = []
    for panel in drawing.axes:
        words, *key = panel.get_xlabel().split("\n")
        labels.append("\n".join([words + scale, *key]))
        panel.set_xlabel(labels[-1])
    spread(drawing)  # takes equal labels from all panels but the last
    for panel, label in zip(drawing.axes, labels, strict=True):
        panel.set_xlabel(label)
    return drawing


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
