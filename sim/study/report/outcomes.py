"""The table of outcomes of a report: observed values, every arm with its interval, paired differences, variance reduction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.study.report.words import meaning
from sim.study.terminal import headline, number

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FEWEST_FOR_REDUCTION",
    "Cell",
    "Group",
    "Row",
    "groups",
    "interval",
    "methods",
    "missing_values",
    "readable",
    "reduction",
]

FEWEST_FOR_REDUCTION = 12
"""Pairs below which a variance reduction is told as not determined. For normal pairs of arms that vary alike the upper bound
of the ratio of variances behind it is then 14 times the lower one and more (14 at 12 pairs, 34 at 8), so that its estimate says
nothing that the bounds do not."""

_TO_READ = {
    "t": "t intervals of means",
    "paired t": "paired t intervals of mean differences",
    "jackknife ratio of sums": "ratios of sums with jackknife intervals",
    "Morgan-Pitman or jackknife": "variance reductions, the wider of Morgan-Pitman and jackknife intervals",
    "Morgan-Pitman or jackknife of pseudo-values": "those of ratios from jackknife pseudo-values",
}


@dataclass(frozen=True)
class Cell:
    """A number with its interval, as text; both empty where there is none to show."""

    value: str = ""
    interval: str = ""
    note: str = ""
    """Of how many replicates, where some are missing."""


@dataclass(frozen=True)
class Row:
    """One arm of one outcome."""

    arm: str
    is_baseline: bool
    estimate: Cell
    difference: Cell
    reduction: Cell


@dataclass(frozen=True)
class Group:
    """One outcome with its arms."""

    outcome: str
    unit: str
    meaning: str
    observed: str = ""
    source: str = ""
    rows: list[Row] = field(default_factory=list)


def readable(value: float, unit: str = "1") -> str:
    """Return a number as people read it, with a minus sign that is one and none before nothing; a dash for a missing one."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    text = number(value, unit)
    return text.replace("-", "\N{MINUS SIGN}" if any(digit in text for digit in "123456789") else "")


def interval(low: float, high: float, unit: str = "1") -> str:
    """Return an interval in brackets, nothing where both bounds are missing."""
    if not (math.isfinite(low) or math.isfinite(high)):
        return ""
    return f"[{readable(low, unit)}, {readable(high, unit)}]"


def reduction(value: float) -> str:
    """Return a factor as text, three digits of it; a dash for a missing one."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    for limit, digits in ((10, 2), (100, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}" if value < 1e6 else f"{value:.0e}"


def groups(
    arms: Sequence[str], baseline: str, tables: Mapping[str, pd.DataFrame], observed: Mapping[str, Any], replicates: int
) -> tuple[list[Group], list[Group]]:
    """Return the headline outcomes in their order, and all others in that of the table.

    Parameters
    ----------
    arms, baseline
        Names, in the study's order.
    tables
        ``summary``, ``contrasts`` and ``variance_reduction`` of a run folder.
    observed
        Mappings with ``value`` and ``source`` by outcome.
    replicates
        How many there should be; where fewer stand behind a number, it says so.
    """
    estimates = _by_cell(tables["summary"])
    differences, reductions = _by_cell(tables["contrasts"]), _by_cell(tables["variance_reduction"])
    names = list(dict.fromkeys(outcome for _, outcome in estimates))
    first = headline(names)
    found = {}
    for name in names:
        cells = [estimates[arm, name] for arm in arms if (arm, name) in estimates]
        unit = str(cells[0]["unit"])
        its = observed.get(name)
        seen = (readable(float(its["value"]), unit), str(its["source"])) if its else ("", "")
        found[name] = Group(name, "" if unit == "1" else unit, meaning(name), *seen)
        for arm in arms:
            if (arm, name) not in estimates:
                continue
            change, gain = differences.get((arm, name)), reductions.get((arm, name))
            found[name].rows.append(
                Row(
                    arm,
                    arm == baseline,
                    _cell(estimates[arm, name], "estimate", unit, replicates),
                    _cell(change, "difference", unit, replicates),
                    _gain(gain),
                )
            )
    return [found[name] for name in first], [found[name] for name in names if name not in first]


def _by_cell(table: pd.DataFrame) -> dict[tuple[str, str], dict[Any, Any]]:
    return {(str(row["arm"]), str(row["outcome"])): row for row in table.to_dict("records")}


def _cell(row: Mapping[str, Any] | None, what: str, unit: str, replicates: int) -> Cell:
    if row is None:
        return Cell()
    value, n = float(row[what]), int(row["n"])
    few = f"n = {n}" if math.isfinite(value) and n < replicates else ""
    return Cell(readable(value, unit), interval(float(row["low"]), float(row["high"]), unit), few)


def _gain(row: Mapping[str, Any] | None) -> Cell:
    """Return a variance reduction with its bounds; of few pairs the bounds alone, as far as there are any."""
    if row is None:
        return Cell()
    value, low, high, n = (float(row[name]) for name in ("variance_reduction", "low", "high", "n"))
    bounds = f"[{reduction(low)}, {reduction(high)}]" if math.isfinite(low) or math.isfinite(high) else ""
    if math.isfinite(value) and n < FEWEST_FOR_REDUCTION:
        return Cell("not determined", bounds, f"n = {int(n)}")
    return Cell(reduction(value), bounds)


def missing_values(summary: pd.DataFrame, contrasts: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return outcome, arm and reason for each estimate that is missing, and for each difference missing beside estimates."""
    is_gone = summary["method"].astype(str).str.startswith("missing: ")
    found = [(str(r["outcome"]), str(r["arm"]), str(r["method"])) for r in summary[is_gone].to_dict("records")]
    told = {(outcome, arm) for outcome, arm, _ in found}
    gone = contrasts[contrasts["method"].astype(str).str.startswith("missing: ")]
    for r in gone.to_dict("records"):
        outcome, arm, baseline = str(r["outcome"]), str(r["arm"]), str(r["baseline"])
        if not {(outcome, arm), (outcome, baseline)} & told:
            found.append((outcome, f"{arm} \N{MINUS SIGN} {baseline}", str(r["method"])))
    return [(outcome, arm, reason.removeprefix("missing: ")) for outcome, arm, reason in found]


def methods(tables: Iterable[pd.DataFrame]) -> list[str]:
    """Return how the intervals were made, each way once and in words."""
    plain: dict[str, None] = {}
    for table in tables:
        for method in table["method"].astype(str).unique():
            if not method.startswith("missing: "):
                plain[method.split(";")[0].split(" (conditional")[0].strip()] = None
    return [_TO_READ.get(method, method) for method in plain]
