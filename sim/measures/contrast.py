"""Contrasts of arms: the tables of paired differences, the bootstrap, and statements about many contrasts at once.

The intervals live in `intervals`, `ratios`, `resampling` and `simultaneous`, and are offered here under the same names.

A long frame of outcomes has one row per arm, replicate and outcome, with the columns ``arm, replicate, outcome,
value, unit``. Outcomes that are ratios also carry ``numerator`` and ``denominator`` (counts of simulated posts, not
scaled by the weight, such that numerator / denominator = value), which are NaN for all others. An optional column
``reason`` says why a value is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.measures.intervals import (
    Band,
    Floats,
    Interval,
    joined,
    mean_t,
    paired_t,
    pointwise_band,
    variance_reduction,
)
from sim.measures.ratios import MIN_DENOMINATOR, paired_ratio_jackknife, ratio_jackknife, ratio_variance_reduction
from sim.measures.resampling import MIN_BOOTSTRAP, bootstrap, bootstrap_ratio
from sim.measures.simultaneous import Simultaneous, holm, holm_intervals, p_value

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "MIN_BOOTSTRAP",
    "MIN_DENOMINATOR",
    "Band",
    "Interval",
    "Simultaneous",
    "bootstrap",
    "bootstrap_ratio",
    "contrast_table",
    "holm",
    "holm_intervals",
    "mean_t",
    "p_value",
    "paired_ratio_jackknife",
    "paired_t",
    "pointwise_band",
    "ratio_jackknife",
    "ratio_variance_reduction",
    "summary_table",
    "variance_reduction",
    "variance_reduction_table",
]

CONTRAST_COLUMNS = [
    "baseline", "arm", "outcome", "difference", "low", "high", "variance_reduction", "unit", "n", "method"
]  # fmt: skip
SUMMARY_COLUMNS = ["arm", "outcome", "estimate", "low", "high", "n", "method", "unit"]
REDUCTION_COLUMNS = ["baseline", "arm", "outcome", "variance_reduction", "low", "high", "n", "method"]


def contrast_table(
    outcomes: pd.DataFrame,
    baseline: str,
    arms: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    min_denominator: float = MIN_DENOMINATOR,
    conditional: bool = False,
    bootstrap_seed: int | None = None,
) -> pd.DataFrame:
    """Return one row per arm and outcome with the paired difference arm - baseline.

    Parameters
    ----------
    outcomes
        Long frame as described at the top of this file. Replicates are paired by their number.
    baseline
        Arm that is subtracted.
    arms
        Arms to compare, in this order; by default all others of the frame. The baseline among them is skipped.
    level
        Pointwise confidence level in (0, 1).
    min_denominator
        Total of a ratio's denominator, in simulated posts, below which its contrast is missing.
    conditional
        All replicates share one world; the method then says that the interval holds for that world.
    bootstrap_seed
        Non-negative; bounds are then BCa bootstrap bounds wherever 30 complete pairs exist (`method` tells). Every row
        starts a generator from this seed, so that its bounds do not depend on the other rows.

    Returns
    -------
    DataFrame
        Columns ``baseline, arm, outcome, difference, low, high, variance_reduction, unit, n, method``, rows by arm,
        then by outcome in the order of the frame. Ratio outcomes use `paired_ratio_jackknife`, the others `paired_t`.
        Missing differences are NaN and `method` reads ``missing: <reason>``; missing bounds or pairs are told after
        the method.

    Raises
    ------
    InputError
        An unknown arm, a missing column, a repeated row, two units for one outcome, or numerator / denominator that is
        not the value.
    """
    cells = _Cells(outcomes)
    rows = []
    for arm in cells.compared(baseline, arms):
        for outcome in cells.outcomes_of(baseline, arm):
            pair = cells.pair(arm, baseline, outcome)
            interval = pair.difference(level, min_denominator)
            if bootstrap_seed is not None and interval.n >= MIN_BOOTSTRAP:
                interval = pair.resampled(np.random.default_rng(bootstrap_seed), level, min_denominator)
            reduction = pair.reduction(level, min_denominator).estimate
            method = _told(interval, pair.why, conditional)
            bounds = interval.difference, interval.low, interval.high, reduction
            rows.append((baseline, arm, outcome, *bounds, cells.units[outcome], interval.n, method))
    return _table(rows, CONTRAST_COLUMNS)


def variance_reduction_table(
    outcomes: pd.DataFrame,
    baseline: str,
    arms: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    min_denominator: float = MIN_DENOMINATOR,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return the variance reductions of `contrast_table` with their intervals.

    Parameters
    ----------
    outcomes, baseline, arms, level, min_denominator, conditional
        As in `contrast_table`, and refused where that is.

    Returns
    -------
    DataFrame
        Columns ``baseline, arm, outcome, variance_reduction, low, high, n, method``, rows as in `contrast_table`.
    """
    cells = _Cells(outcomes)
    rows = []
    for arm in cells.compared(baseline, arms):
        for outcome in cells.outcomes_of(baseline, arm):
            pair = cells.pair(arm, baseline, outcome)
            interval = pair.reduction(level, min_denominator)
            bounds = interval.estimate, interval.low, interval.high, interval.n
            rows.append((baseline, arm, outcome, *bounds, _told(interval, pair.why, conditional)))
    return _table(rows, REDUCTION_COLUMNS)


def summary_table(
    outcomes: pd.DataFrame,
    *,
    level: float = 0.95,
    min_denominator: float = MIN_DENOMINATOR,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return one row per arm and outcome with its estimate and unpaired interval.

    Parameters
    ----------
    outcomes, level, min_denominator, conditional
        As in `contrast_table`, and refused where that is.

    Returns
    -------
    DataFrame
        Columns ``arm, outcome, estimate, low, high, n, method, unit`` in the order of the frame. Ratio outcomes are
        ratios of sums (`ratio_jackknife`), the others means (`mean_t`). Overlapping intervals of two arms say nothing
        about their paired difference.
    """
    cells = _Cells(outcomes)
    rows = []
    for arm in cells.arms:
        for outcome in cells.outcomes_of(arm):
            cell = cells.cells[arm, outcome]
            if outcome in cells.ratios:
                counts = cell.numerators, cell.denominators
                interval = ratio_jackknife(*counts, level, min_denominator=min_denominator, name=arm)
            else:
                interval = mean_t(cell.values, level)
            method = _told(interval, _why(cell), conditional)
            bounds = interval.estimate, interval.low, interval.high, interval.n
            rows.append((arm, outcome, *bounds, method, cells.units[outcome]))
    return _table(rows, SUMMARY_COLUMNS)


_NUMBERS = ("difference", "estimate", "variance_reduction", "low", "high")


def _table(rows: Sequence[tuple[object, ...]], columns: list[str]) -> pd.DataFrame:
    """Return the rows as a frame whose numeric columns stay numeric when there are no rows."""
    import pandas as pd

    types = {name: "float64" for name in columns if name in _NUMBERS} | {"n": "int64"}
    return pd.DataFrame(rows, columns=columns).astype(types)


def _told(interval: Interval, why: str, conditional: bool) -> str:
    """Return the method with all that a reader must know: why something is missing, and whether one world was held."""
    world = " (conditional on one world)" if conditional else ""
    if np.isnan(interval.estimate):
        return f"missing: {why if why and interval.n == 0 else interval.reason}{world}"
    return joined(f"{interval.method}{world}", interval.reason)


def _floats(frame: pd.DataFrame, column: str) -> Floats:
    """Return a column as floats, NaN where it is missing."""
    return np.asarray(frame[column].to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)


class _Cell(NamedTuple):
    """The replicates of one outcome in one arm, in the order of the frame."""

    replicates: NDArray[Any]
    values: Floats
    numerators: Floats
    denominators: Floats
    reasons: tuple[str, ...]
    """Why values are missing, each once."""

    def aligned(self, replicates: NDArray[Any]) -> _Cell:
        """Return the same for other replicates; those that are not there are missing."""
        if np.array_equal(self.replicates, replicates):
            return self
        places = {replicate: i for i, replicate in enumerate(self.replicates.tolist())}
        rows = np.array([places.get(replicate, -1) for replicate in replicates.tolist()], dtype=np.intp)
        values, above, below = (np.append(part, np.nan)[rows] for part in self[1:4])
        return _Cell(replicates, values, above, below, self.reasons)


def _why(*cells: _Cell) -> str:
    """Return the distinct reasons that the rows without a value carry."""
    return joined(*dict.fromkeys(reason for cell in cells for reason in cell.reasons))


@dataclass(frozen=True)
class _Pair:
    """One outcome in two arms, aligned by replicate.

    `values` holds arm and baseline; `counts` holds their (numerator, denominator, numerator, denominator) if it is a
    ratio.
    """

    values: tuple[Floats, Floats]
    counts: tuple[Floats, Floats, Floats, Floats] | None
    names: tuple[str, str]
    why: str

    def difference(self, level: float, min_denominator: float) -> Interval:
        """Return arm - baseline with the t or the jackknife interval."""
        if self.counts is None:
            return paired_t(*self.values, level)
        return paired_ratio_jackknife(*self.counts, level, min_denominator=min_denominator, names=self.names)

    def reduction(self, level: float, min_denominator: float) -> Interval:
        """Return the variance reduction that pairing bought."""
        if self.counts is None:
            return variance_reduction(*self.values, level)
        return ratio_variance_reduction(*self.counts, level, min_denominator=min_denominator, names=self.names)

    def resampled(self, rng: np.random.Generator, level: float, min_denominator: float) -> Interval:
        """Return arm - baseline with the BCa bootstrap interval."""
        if self.counts is None:
            return bootstrap(*self.values, rng, level)
        return bootstrap_ratio(*self.counts, rng, level, min_denominator=min_denominator, names=self.names)


class _Cells:
    """A checked long frame, cut into one cell per arm and outcome."""

    def __init__(self, outcomes: pd.DataFrame) -> None:
        self._check(outcomes)
        self.arms: list[str] = list(outcomes["arm"].unique())
        self.units: dict[str, str] = dict(zip(outcomes["outcome"], outcomes["unit"], strict=True))
        has_counts = "denominator" in outcomes
        # Once for all cells, of which there are hundreds: to cut as many frames takes a second.
        replicates, values = outcomes["replicate"].to_numpy(), _floats(outcomes, "value")
        nothing = np.full(len(outcomes), np.nan)
        above, below = ((_floats(outcomes, n) if has_counts else nothing) for n in ("numerator", "denominator"))
        told = outcomes["reason"].where(outcomes["value"].isna()) if "reason" in outcomes else None
        has_reason = np.zeros(len(outcomes), dtype=bool) if told is None else told.notna().to_numpy()
        reasons = None if told is None else told.to_numpy()
        self.cells: dict[tuple[str, str], _Cell] = {}
        places: Mapping[Any, Any] = outcomes.groupby(["arm", "outcome"], sort=False, observed=True).indices
        for key, rows in places.items():
            why = () if reasons is None else tuple(dict.fromkeys(map(str, reasons[rows[has_reason[rows]]])))
            self.cells[key] = _Cell(replicates[rows], values[rows], above[rows], below[rows], why)
        self.ratios: set[str] = set(outcomes.loc[outcomes["denominator"].notna(), "outcome"]) if has_counts else set()

    @staticmethod
    def _check(outcomes: pd.DataFrame) -> None:
        """Raise InputError for a frame that cannot be compared."""
        needed = ["arm", "replicate", "outcome", "value", "unit"]
        if "numerator" in outcomes or "denominator" in outcomes:
            needed += ["numerator", "denominator"]
        if absent := [name for name in needed if name not in outcomes]:
            raise InputError(f"outcomes lack the columns {absent}, expected {needed}; add them.")
        repeated = outcomes[outcomes.duplicated(["arm", "replicate", "outcome"])]
        if len(repeated):
            first = tuple(repeated[["arm", "replicate", "outcome"]].iloc[0])
            raise InputError(f"outcomes hold {first} twice, expected one row per arm, replicate and outcome; drop one.")
        units = outcomes.groupby("outcome", sort=False, observed=True)["unit"].nunique(dropna=False)
        if (units > 1).any():
            raise InputError(f"outcome {units.idxmax()!r} has {units.max()} units, expected one; convert its values.")
        if "denominator" in outcomes:
            value, above, below = (_floats(outcomes, name) for name in ("value", "numerator", "denominator"))
            checked = np.isfinite(value) & np.isfinite(above) & (below > 0.0)
            wrong = np.flatnonzero(checked)[~np.isclose(above[checked] / below[checked], value[checked], rtol=1e-6)]
            if wrong.size:
                name, i = outcomes["outcome"].iloc[wrong[0]], wrong[0]
                raise InputError(
                    f"outcome {name!r} has value {value[i]:g} but numerator / denominator {above[i] / below[i]:g}, "
                    "expected them equal; give the numerator that belongs to the value."
                )

    def compared(self, baseline: str, arms: Sequence[str] | None) -> list[str]:
        """Return the arms to compare with the baseline, in order."""
        wanted = list(self.arms if arms is None else arms)
        for arm in [baseline, *wanted]:
            if arm not in self.arms:
                raise InputError(f"arm {arm!r} has no outcomes, expected one of {self.arms}; correct the name.")
        return [arm for arm in dict.fromkeys(wanted) if arm != baseline]

    def outcomes_of(self, *arms: str) -> list[str]:
        """Return the outcomes that any of the arms has, in the order of the frame."""
        return [name for name in self.units if any((arm, name) in self.cells for arm in arms)]

    def pair(self, arm: str, baseline: str, outcome: str) -> _Pair:
        """Return both arms' replicates of an outcome, aligned by number; what one arm lacks is missing there."""
        held = [self.cells[name, outcome] for name in (arm, baseline) if (name, outcome) in self.cells]
        one, other = held[0].replicates, held[-1].replicates
        replicates = one if np.array_equal(one, other) else np.union1d(one, other)
        empty = _Cell(one[:0], np.empty(0), np.empty(0), np.empty(0), ())
        ours, base = (self.cells.get((name, outcome), empty).aligned(replicates) for name in (arm, baseline))
        counts = None
        if outcome in self.ratios:
            counts = ours.numerators, ours.denominators, base.numerators, base.denominators
        return _Pair((ours.values, base.values), counts, (arm, baseline), _why(*held))
