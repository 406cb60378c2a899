"""Is the variance reduction that a study reports what independent pairs would show?

Command: ``python -m experiments.variance_reduction`` (six minutes of CPU time; finished runs are found again in outputs/store).
No figure: the table goes to the terminal. ``--people 5000`` takes a quarter of that.

The truth is a ratio of two variances: that of the difference throttled - open on different dice, over that on the same
dice. A study of 32 pairs reports it with an interval. Beside it stands what 200 independent pairs (no seed in common) and
200 further pairs on the same dice give, none of whose seeds the study has used, with an interval of its own. Ratios
of sums are compared by their jackknife pseudo-values, as everywhere.

Of 5,000 people a night now and then turns out otherwise in one arm than in the other, ten standard deviations from the
rest (in about one pair of 200), and holds most of the variance of the difference; 32 pairs mostly lack such a night, and
report too large a reduction. Hence 20,000 people, whose differences are nearly normal.

It fails where more intervals miss than chance explains, or one by more than both errors.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtr, ndtr, ndtri, stdtrit

import sim
from sim.measures.contrast import variance_reduction_table
from sim.measures.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario import Scenario

ROOT = Path(__file__).resolve().parents[1]
OUTCOMES = (
    "posts_published", "posts_throttle_window", "participants", "peak_on_squares", "person_hours_on_squares",
    "share_left_before_call", "dip_depth", "rebound_ratio", "posts_ratio_day_1", "posts_ratio_day_2",
)  # fmt: skip
"""The last five are ratios."""
THROTTLED, OPEN = "throttled", "open"
SEEDS = {"study": 1, THROTTLED: 1_000_001, OPEN: 2_000_001, "same dice": 3_000_001}
"""First seed of each set of runs; no two sets meet."""
LEVEL = 0.95
FALSE_ALARM = 0.01
"""Chance that more misses than are explained come about when all is right; each model version draws again."""


@dataclass(frozen=True)
class Row:
    """One outcome: what the study reports, and what independent pairs show, each with low and high."""

    outcome: str
    reported: tuple[float, float, float]
    value: tuple[float, float, float]
    replicates: int
    """Pairs of the study."""
    together: bool
    """Whether the two agree within what both leave open, at a level at which all outcomes hold at once."""

    @property
    def is_held(self) -> bool:
        """Whether the reported interval contains the value."""
        return self.reported[1] <= self.value[0] <= self.reported[2]

    @property
    def chance_of_a_miss(self) -> float:
        """The chance that it does not although all is right: more than 1 - level, because the value errs, too.

        Half-widths are a quantile of t times the error (the report) and of the normal law (the value). The reported
        interval is the wider of two and covers 0.96 to 0.98 of normal pairs, so this is, if anything, too large for them.
        """
        reported, value = (math.log(high / low) / 2 for _, low, high in (self.reported, self.value))
        errors = reported / float(stdtrit(self.replicates - 1, (1 + LEVEL) / 2)), value / float(ndtri((1 + LEVEL) / 2))
        return float(2 * ndtr(-reported / math.hypot(*errors)))


def most_misses(rows: Sequence[Row]) -> int:
    """The most misses that all being right explains: more have a chance below 1 % (binomial, with the mean chance)."""
    chance = sum(row.chance_of_a_miss for row in rows) / len(rows)
    return next(k for k in range(len(rows) + 1) if bdtr(k, len(rows), chance) >= 1 - FALSE_ALARM)


def is_right(rows: Sequence[Row]) -> bool:
    """Whether no more intervals miss their value than chance explains, and none by more than both errors."""
    return sum(not row.is_held for row in rows) <= most_misses(rows) and all(row.together for row in rows)


def rows_of(people: int, replicates: int, pairs: int, store: Path | None = None, *, dice: str = OPEN) -> list[Row]:
    """Compare what a study reports with independent pairs; `dice` names the seeds of their open night."""
    arms = {
        a: sim.load(f"throttle={t}", f"population.size={people}") for a, t in ((THROTTLED, "july15"), (OPEN, "none"))
    }
    study = outcomes_of(arms, replicates, SEEDS["study"], store)
    same = outcomes_of(arms, pairs, SEEDS["same dice"], store)
    throttled = outcomes_of({THROTTLED: arms[THROTTLED]}, pairs, SEEDS[THROTTLED], store)
    opened = outcomes_of({OPEN: arms[OPEN]}, pairs, SEEDS[dice], store)
    tables = [
        variance_reduction_table(study, OPEN, level=level).set_index("outcome")
        for level in (LEVEL, 1 - (1 - LEVEL) / len(OUTCOMES))
    ]
    found = []
    for outcome in OUTCOMES:
        independent = contributions(throttled, THROTTLED, outcome) - contributions(opened, OPEN, outcome)
        paired = contributions(same, THROTTLED, outcome) - contributions(same, OPEN, outcome)
        narrow, wide = (tuple(table.loc[outcome, ["variance_reduction", "low", "high"]]) for table in tables)
        if not np.isfinite(np.array(narrow, dtype=float)).all():
            method = str(tables[0].loc[outcome, "method"])
            raise SystemExit(f"{outcome}: {method}; give more people or replicates.")
        value = ratio_of_variances(independent, paired, LEVEL)
        widely = ratio_of_variances(independent, paired, 1 - (1 - LEVEL) / len(OUTCOMES))
        found.append(Row(outcome, narrow, value, replicates, agree(wide, widely)))
    return found


def outcomes_of(arms: dict[str, Scenario], replicates: int, seed: int, store: Path | None) -> pd.DataFrame:
    study = sim.compare(arms, replicates, seed=seed, nulls=("ordinary",), store=store)
    if study.failures:
        raise SystemExit("\n".join(map(str, study.failures)))
    print(f"{replicates} x {', '.join(arms)} from seed {seed}", file=sys.stderr, flush=True)
    return study.outcomes


def contributions(outcomes: pd.DataFrame, arm: str, outcome: str) -> Floats:
    """What each replicate of an arm adds to the estimate: its value, or the pseudo-value of a ratio of sums."""
    rows = outcomes[(outcomes["arm"] == arm) & (outcomes["outcome"] == outcome)].sort_values("replicate")
    above, below = rows["numerator"].to_numpy(float), rows["denominator"].to_numpy(float)
    if not np.isfinite(below).any():
        return np.asarray(rows["value"], dtype=np.float64)
    n = len(rows)
    pseudo_values = n * above.sum() / below.sum() - (n - 1) * (above.sum() - above) / (below.sum() - below)
    return np.asarray(pseudo_values, dtype=np.float64)


def ratio_of_variances(above: Floats, below: Floats, level: float) -> tuple[float, float, float]:
    """The ratio with its interval: log +- z times the jackknife errors of both logs (Miller 1968)."""
    log_ratio = math.log(above.var(ddof=1) / below.var(ddof=1))
    error = math.hypot(error_of_log_variance(above), error_of_log_variance(below))
    half = float(ndtri((1 + level) / 2)) * error
    return math.exp(log_ratio), math.exp(log_ratio - half), math.exp(log_ratio + half)


def error_of_log_variance(values: Floats) -> float:
    n = len(values)
    logs = np.array([math.log(np.delete(values, i).var(ddof=1)) for i in range(n)])
    return float((n - 1) * logs.std(ddof=1) / math.sqrt(n))


def agree(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two estimates with intervals differ, in logs, by no more than both half-widths towards each other."""
    (first, _, high), (second, low, _) = sorted((one, other), key=lambda row: row[0])
    return math.log(second / first) <= math.hypot(math.log(high / first), math.log(second / low))


def markdown(rows: Sequence[Row], people: int, replicates: int, pairs: int) -> str:
    def told(row: tuple[float, float, float]) -> str:
        estimate, low, high = row
        return f"{estimate:.3g} [{low:.3g}, {high:.3g}]"

    lines = [
        f"| outcome ({people:,} people) | reported, {replicates} pairs [95 %] | {pairs} independent pairs [95 %] | held |",
        "|---|---|---|---|",
        *(f"| `{r.outcome}` | {told(r.reported)} | {told(r.value)} | {'yes' if r.is_held else 'no'} |" for r in rows),
    ]
    misses, expected = sum(not r.is_held for r in rows), sum(r.chance_of_a_miss for r in rows)
    apart = [r.outcome for r in rows if not r.together]
    lines += [
        "",
        f"{len(rows) - misses} of {len(rows)} intervals hold the value, {misses} miss. When all is right {expected:.1f} misses "
        f"are expected, and more than {most_misses(rows)} have a chance below 1 % (binomial; outcomes of one study depend on "
        f"each other): {'no more than chance explains' if misses <= most_misses(rows) else 'too many'}. By more than the error "
        f"of both (family-wise 95 %, Bonferroni) {'none is apart' if not apart else 'these are apart: ' + ', '.join(apart)}.",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.variance_reduction", description="See the docstring.")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--replicates", type=int, default=32, help="pairs of the study")
    parser.add_argument("--pairs", type=int, default=200, help="independent pairs")
    given = parser.parse_args()
    design = given.people, given.replicates, given.pairs
    rows = rows_of(*design, ROOT / "outputs" / "store")
    print(markdown(rows, *design))
    return 0 if is_right(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
