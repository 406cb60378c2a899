"""What does a smaller nation get wrong about the night of 15 July, against all 78,741,053 people, one by one?

Command: ``make nation`` (what it takes stands in docs/nation.md; 24 GB of memory). Figures: none; the tables go to the terminal
and, with what was measured on the way, to docs/nation.md. An interrupted command goes on where it was: finished runs are found
in ``outputs/store``. ``make nation ARGS="--weights 100 1000 10000 --replicates 1 4 8"`` compares others with the first of them.

The weight is the number of real people that one simulated person stands for. Every replicate draws its own world and has a seed
of its own, so that sizes share no dice. Of the largest size one replicate is enough where it scatters little: its standard
deviation is taken to be that of the next size, which scatters no less, and the intervals of all differences contain it.
"""

from __future__ import annotations

import argparse
import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scipy.special import stdtrit

import sim
from experiments.sizes import ROOT, hash_of_arms, outcomes_of_arms, table_text, tell, told
from experiments.sizes_findings import KINDS, LEVEL, OPEN, THROTTLED, Question, interval_of, questions_of
from sim.compile import compile_engine
from sim.measures.intervals import Interval
from sim.study.whole import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario import Scenario

DESIGN = {1: 1, 10: 4, 100: 24, 1000: 96}  # weight: replicates
NEED_NULLS = {"posts_ratio_day_1", "posts_ratio_day_2", "dip_from_leaving"}


@dataclass(frozen=True)
class Cost:
    """What the runs of one size took, those found in the store left out."""

    people: int
    runs: int
    wall: float
    cpu: float
    peak: float
    """Largest memory of this process so far, bytes; sizes come from the smallest to the largest."""


def arms_of(weight: int) -> dict[str, Scenario]:
    throttles = {OPEN: "none", THROTTLED: "july15"}
    return {
        a: sim.load("scenario=july15", f"throttle={t}", "population=turkey", f"population.weight={weight}")
        for a, t in throttles.items()
    }


def measured(weight: int, replicates: int, store: Path | None) -> tuple[pd.DataFrame, Cost]:
    """Outcomes of a size, and what it took to compute them, on one thread."""
    arms = arms_of(weight)
    wall, cpu = time.perf_counter(), time.process_time()
    table, computed = outcomes_of_arms(arms, replicates, weight + 1, (), store, 1)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return table, Cost(arms[OPEN].population.n_people, computed, wall, cpu, peak)


def difference(value: Interval, largest: Interval, deviation: float, degrees: int) -> Interval:
    """A size less the largest one, with its t interval; `deviation` is that of one replicate of the largest size.

    The errors add up as in Welch's t (1947): that of a largest value is `deviation` over the root of its replicates, known with
    the degrees of freedom of the size that it was taken from.
    """
    squares = value.standard_error**2, deviation**2 / largest.n
    error = math.sqrt(sum(squares))
    estimate = value.estimate - largest.estimate
    if error == 0.0 or not math.isfinite(error):
        return Interval(estimate, math.nan, math.nan, value.n, "Welch t", "replicates do not vary, or there is one")
    welch = sum(squares) ** 2 / (squares[0] ** 2 / max(value.n - 1, 1) + squares[1] ** 2 / max(degrees, 1))
    half = float(stdtrit(welch, (1 + LEVEL) / 2)) * error
    return Interval(estimate, estimate - half, estimate + half, value.n, "Welch t")


def tables_of(tables: Mapping[int, pd.DataFrame]) -> tuple[list[Question], str, str, int]:
    """The questions, the tables of values and of differences, and how many intervals of differences do not hold 0."""
    weights = sorted(tables)
    first, following = weights[0], weights[1]
    questions = [q for q in questions_of(tables[first]) if q.outcome not in NEED_NULLS]
    values = [["outcome", "unit", *(f"weight {w:,}" for w in weights)]]
    bias = [["outcome", "unit", *(f"weight {w:,} - weight {first:,}" for w in weights[1:])]]
    n_clear = 0
    for question in questions:
        kind = KINDS[question.kind]
        found = {w: interval_of(question, tables[w]) for w in weights}
        margin = kind.margin * (abs(found[first].estimate) if kind.is_relative else 1.0)
        known = found[first] if found[first].n > 1 else found[following]
        deviation = known.standard_error * math.sqrt(known.n)
        apart = {w: difference(found[w], found[first], deviation, known.n - 1) for w in weights[1:]}
        n_clear += sum(d.low > 0 or d.high < 0 for d in apart.values())
        values.append([question.name, kind.unit, *(told(found[w], margin, 1) for w in weights)])
        bias.append([question.name, kind.unit, *(told(apart[w], margin, 1) for w in weights[1:])])
    return questions, table_text(values), table_text(bias), n_clear


def document(
    tables: Mapping[int, pd.DataFrame], costs: Mapping[int, Cost], design: Mapping[int, int], command: str
) -> str:
    weights = sorted(design)
    first, following = weights[0], weights[1]
    questions, values, bias, n_clear = tables_of(tables)
    made = [
        ["weight", "people", "replicates", "seeds", "hash of the scenarios", "CPU s a run", "wall s a run", "peak, GB"]
    ]
    for w in weights:
        cost = costs[w]
        each = (f"{cost.cpu / cost.runs:.1f}", f"{cost.wall / cost.runs:.1f}") if cost.runs else ("stored", "stored")
        made.append([f"{w:,}", f"{cost.people:,}", str(design[w]), f"{w + 1} to {w + design[w]}",
                     f"`{hash_of_arms(arms_of(w))}`", *each, f"{cost.peak / 1e9:.1f}" if cost.runs else "-"])  # fmt: skip
    n = len(questions) * (len(weights) - 1)
    return f"""# The whole nation, and smaller ones

Made by `{
        command
    }`; not written by hand. To be made again when a scenario changes (a test compares the hashes) or when the
changelog says NUMBERS CHANGE.

{table_text(made)}

The night is `scenario=july15`, throttled (`throttle=july15`) and open (`throttle=none`), two runs a replicate, on one thread,
building included; a run that was found in the store is not counted. The peak is the largest memory of the process up to then.
Every replicate draws its own world and has a seed of its own. Counts are per 1,000 people of the nation. Ratios and shares are
ratios of sums over replicates. Values are those of the throttled night.

## Values, with pointwise 95 % intervals

{values}

One replicate has no interval.

## Bias: differences from weight {first:,}, with pointwise 95 % intervals

{bias}

The standard deviation of weight {first:,} is {
        "its own"
        if design[first] > 1
        else f"taken from weight {following:,}, which scatters no less: the intervals are rather too wide"
    }. Of {n} intervals {n_clear} do not hold 0; about {
        0.05 * n:.0f} would not if no size differed from the largest at all.
Which size suffices for which question is tested in `docs/sizes.md`.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the nation of 15 July with smaller ones.")
    parser.add_argument("--weights", type=int, nargs="+", default=list(DESIGN), help="real people per simulated person")
    parser.add_argument("--replicates", type=int, nargs="+", default=list(DESIGN.values()), help="of each weight")
    parser.add_argument("--store", type=Path, default=ROOT / "outputs" / "store", help="folder of finished runs")
    given = parser.parse_args()
    if len(given.weights) != len(given.replicates) or min(given.weights) < 1 or min(given.replicates) < 1:
        parser.error("give as many --replicates (1 or more) as --weights (1 or more)")
    design = dict(sorted(zip(given.weights, given.replicates, strict=True)))
    weights = list(design)
    if len(design) < 2 or len(design) < len(given.weights) or min(design[w] for w in weights[1:]) < 2:
        parser.error("give two different --weights or more, with 2 replicates or more of all but the smallest weight")
    compile_engine()  # not to be counted
    found = {w: measured(w, design[w], given.store) for w in reversed(weights)}
    tables, costs = {w: t for w, (t, _) in found.items()}, {w: c for w, (_, c) in found.items()}
    is_full = design == DESIGN
    words = " ".join(["--weights", *map(str, design), "--replicates", *map(str, design.values())])
    text = document(tables, costs, design, "make nation" + f' ARGS="{words}"' * (not is_full))
    out = (ROOT / "docs" if is_full else ROOT / "outputs" / "nation") / "nation.md"
    with write_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)
    tell(str(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
