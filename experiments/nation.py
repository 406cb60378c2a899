"""What does a smaller nation get wrong about the night of 15 July, against all 78,741,053 people, one by one?

Command: ``make nation`` (what it takes stands in docs/nation.md; 24 GB of memory). Figures: none; the tables go to the terminal
and, with what was measured on the way, to docs/nation.md. An interrupted command goes on where it was: finished runs are found
in ``outputs/store``, and what they took in ``outputs/nation/costs.json``.
``make nation ARGS="--weights 100 1000 10000 --replicates 1 4 8"`` compares others with the first of them.

The weight is the number of real people that one simulated person stands for. Every replicate draws its own world and has a seed
of its own, so that sizes share no dice. Of the largest size one replicate must do: its standard deviation is taken to be that
of the next size, and the intervals of all differences contain it.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from scipy.special import stdtrit

import sim
from experiments.sizes import ROOT, hash_of_arms, outcomes_of_arms, table_text, tell, told
from experiments.sizes_findings import KINDS, LEVEL, OPEN, THROTTLED, interval_of, questions_of
from sim.compile import compile_engine
from sim.engine.hybrid import WORTH_SHARING
from sim.measures.intervals import Interval
from sim.study.memory import peak_bytes
from sim.study.whole import write_whole
from sim.threads import n_processors

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario import Scenario

DESIGN = {1: 1, 10: 4, 100: 24, 1000: 96}  # weight: replicates
NEED_NULLS = {"posts_ratio_day_1", "posts_ratio_day_2", "dip_from_leaving"}


@dataclass(frozen=True)
class Cost:
    """What the runs of one size took when they were computed, building included."""

    runs: int
    wall: float
    cpu: float
    peak: float
    """Largest memory of the process up to then, bytes; sizes come from the smallest to the largest."""


def arms_of(weight: int) -> dict[str, Scenario]:
    throttles = {OPEN: "none", THROTTLED: "july15"}
    return {
        a: sim.load("scenario=july15", f"throttle={t}", "population=turkey", f"population.weight={weight}")
        for a, t in throttles.items()
    }


def measured(weight: int, replicates: int, store: Path | None, costs: Path) -> tuple[pd.DataFrame, Cost | None]:
    """Outcomes of a size, and what it took to compute them, one run after the other; None: not known."""
    wall, cpu = time.perf_counter(), time.process_time()
    n_workers = n_processors() if replicates == 1 else 1  # one run after the other in any case
    table, computed = outcomes_of_arms(arms_of(weight), replicates, weight + 1, (), store, n_workers)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    known = json.loads(costs.read_text(encoding="utf-8")) if costs.exists() else {}
    name = f"{hash_of_arms(arms_of(weight))} {replicates}"
    if computed:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        known[name] = asdict(Cost(computed, wall, cpu, float(peak)))
        with write_whole(costs) as temporary:
            temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return table, Cost(**known[name]) if name in known else None


def difference(value: Interval, largest: Interval, lender: Interval) -> Interval:
    """A size less the largest one, with its t interval.

    The variance of a replicate of the largest size is that of the lender: the largest itself, where it has more than one, or
    another size, even the one that is compared, of which it then takes the degrees of freedom. Else the errors add up as in
    Welch's t (1947).
    """
    estimate, variance = value.estimate - largest.estimate, lender.standard_error**2 * lender.n
    squares = value.standard_error**2, variance / largest.n
    error = math.sqrt(sum(squares))
    if error == 0.0 or not math.isfinite(error):
        return Interval(estimate, math.nan, math.nan, value.n, "Welch t", "replicates do not vary, or there is one")
    degrees = float(value.n - 1)
    if lender is not value:
        degrees = sum(squares) ** 2 / (squares[0] ** 2 / (value.n - 1) + squares[1] ** 2 / (lender.n - 1))
    half = float(stdtrit(degrees, (1 + LEVEL) / 2)) * error
    return Interval(estimate, estimate - half, estimate + half, value.n, "Welch t")


def tables_of(tables: Mapping[int, pd.DataFrame]) -> tuple[str, str, int, int]:
    """Tables of values and of differences, how many intervals of differences there are, and how many of them do not hold 0."""
    weights = sorted(tables)
    first, following = weights[0], weights[1]
    questions = [q for q in questions_of(tables[first]) if q.outcome not in NEED_NULLS]
    values = [["outcome", "unit", *(f"weight {w:,}" for w in weights)]]
    bias = [["outcome", "unit", *(f"weight {w:,} - weight {first:,}" for w in weights[1:])]]
    n = n_clear = 0
    for question in questions:
        kind = KINDS[question.kind]
        found = {w: interval_of(question, tables[w]) for w in weights}
        margin = kind.margin * (abs(found[first].estimate) if kind.is_relative else 1.0)
        lender = found[first] if found[first].n > 1 else found[following]
        apart = {w: difference(found[w], found[first], lender) for w in weights[1:]}
        n += sum(math.isfinite(d.low) for d in apart.values())
        n_clear += sum(d.low > 0 or d.high < 0 for d in apart.values())
        values.append([question.name, kind.unit, *(told(found[w], margin, 1) for w in weights)])
        bias.append([question.name, kind.unit, *(told(apart[w], margin, 1) for w in weights[1:])])
    return table_text(values), table_text(bias), n, n_clear


def document(
    tables: Mapping[int, pd.DataFrame], costs: Mapping[int, Cost | None], design: Mapping[int, int], command: str
) -> str:
    weights = sorted(design)
    first, following = weights[0], weights[1]
    values, bias, n, n_clear = tables_of(tables)
    made = [["weight", "people", "replicates", "seeds", "hash of the scenarios", "CPU s a run", "wall s a run", "told, GB",
             "peak, GB"]]  # fmt: skip
    peak = 0.0
    for w in reversed(weights):
        arms, cost, took = arms_of(w), costs[w], ["-", "-"]
        if cost is not None:
            took = [f"{cost.cpu / cost.runs:.1f}", f"{cost.wall / cost.runs:.1f}"]
        is_higher = cost is not None and cost.peak > 1.05 * peak  # else the peak is that of another size
        peak = max(peak, 0.0 if cost is None else cost.peak)
        made.insert(1, [
            f"{w:,}", f"{arms[OPEN].population.n_people:,}", str(design[w]), f"{w + 1} to {w + design[w]}",
            f"`{hash_of_arms(arms)}`", *took, f"{peak_bytes(arms.values(), 2, 1, False) / 1e9:.1f}",
            f"{peak / 1e9:.1f}" if is_higher else "-",
        ])  # fmt: skip
    if design[first] > 1:
        lent = "its own."
    else:
        lent = (
            f"taken from weight {following:,} ({design[following]} replicates): if one world of weight {first:,} scatters as "
            "much as that,\nthe intervals are right; if it scatters less, they are too wide."
        )
    return f"""# The whole nation, and smaller ones

Made by `{command}`; not written by hand. To be made again when a scenario changes (a test compares the hashes) or when the
changelog says NUMBERS CHANGE.

{table_text(made)}

The night is `scenario=july15`, throttled (`throttle=july15`) and open (`throttle=none`), two runs a replicate, one after the
other; building, which takes all processors, is counted in. Of a size with one replicate and {WORTH_SHARING:,} people or
more the runs are shared by all processors ({n_processors()} here), all others take one. *Told* is the memory that such a
study says it needs, *peak* what its process took; smaller sizes came first. Wall time depends on what else the machine does.
Every replicate draws its own world and has a seed of its own. Counts are per 1,000 people of the nation. Ratios and shares are
ratios of sums over replicates.
Values are those of the throttled night.

## Values, with pointwise 95 % intervals

{values}

One replicate has no interval.

## Bias: differences from weight {first:,}, with pointwise 95 % intervals

{bias}

All columns are compared with the same {design[first]} world{"s" * (design[first] > 1)} of weight {first:,}: where that is an
unlikely one, all of a row is off alike. Its standard deviation is {lent}
Of {n} intervals {n_clear} do not hold 0; without any bias at most about {0.05 * n:.0f} would not. One that holds 0 tells
how large a bias could have been missed, not that there is none: which size suffices for which question is tested in
`docs/sizes.md`. Some biases lie in the design: the first people who gather are few where a person stands for 1,000, and friends
run short in provinces of few users.
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
    if any(w + design[w] > larger for w, larger in pairwise(weights)):
        parser.error("weights lie closer than their replicates, so that seeds would be shared; move them apart")
    compile_engine()  # not to be counted
    costs = ROOT / "outputs" / "nation" / "costs.json"
    costs.parent.mkdir(parents=True, exist_ok=True)
    found = {w: measured(w, design[w], given.store, costs) for w in reversed(weights)}
    is_full = design == DESIGN
    words = " ".join(["--weights", *map(str, design), "--replicates", *map(str, design.values())])
    tables, took = {w: t for w, (t, _) in found.items()}, {w: c for w, (_, c) in found.items()}
    text = document(tables, took, design, "make nation" + f' ARGS="{words}"' * (not is_full))
    out = (ROOT / "docs" if is_full else ROOT / "outputs" / "nation") / "nation.md"
    with write_whole(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)
    tell(str(out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
