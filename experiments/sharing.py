"""From how many people on is one run faster if several threads share it?

Command: ``python -m experiments.sharing`` (eight minutes on two cores, 4 GB; nothing else should run beside it). Figures: none;
the table goes to the terminal and from there to docs/design.md. ``--people 1000000 --rounds 1`` measures other sizes, or fewer
times.

One nation of each size, the throttled night of 15 July, again and again, now with one thread and now with one for each
processor. What comes out must be the same. The bound itself is `WORTH_SHARING` (sim/engine/hybrid.py).
"""

from __future__ import annotations

import argparse
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

import sim
from sim.engine.build import group_exists, make_tables
from sim.engine.hybrid import run_compiled
from sim.threads import n_processors
from sim.world import make_world

if TYPE_CHECKING:
    from collections.abc import Sequence

PEOPLE = (1_000_000, 3_000_000, 10_000_000)
WARM_UP = 1_000


def measure(people: int, threads: Sequence[int], rounds: int) -> list[tuple[float, float, float]]:
    """Return for each number of threads the medians of wall and CPU seconds of the run alone, and its person-events."""
    scenario = sim.load("scenario=july15", "throttle=july15", f"population.size={people}")
    world = make_world(scenario, 1)
    tables, exists = make_tables(scenario, world, 1), group_exists(scenario, world)
    walls: dict[int, list[float]] = {n: [] for n in threads}
    cpus: dict[int, list[float]] = {n: [] for n in threads}
    first: np.ndarray | None = None
    for _ in range(rounds):
        for n in threads:
            wall, cpu = time.perf_counter(), time.process_time()
            state = run_compiled(scenario, tables, exists, False, n_threads=n)
            walls[n].append(time.perf_counter() - wall)
            cpus[n].append(time.process_time() - cpu)
            first = state.counts if first is None else first
            if not np.array_equal(first, state.counts):
                raise SystemExit(f"{people:,} people: with {n} threads something else comes out than with one.")
    return [(median(walls[n]), median(cpus[n]), float(state.now["n_events"][0])) for n in threads]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, n_processors()}))
    given = parser.parse_args(arguments)
    measure(WARM_UP, given.threads, 1)  # loads compiled code
    print("| people | threads | wall s | CPU s | wall ns a person-event |\n| ---: | ---: | ---: | ---: | ---: |")
    for people in given.people:
        for n, (wall, cpu, events) in zip(given.threads, measure(people, given.threads, given.rounds), strict=True):
            print(f"| {people:,} | {n} | {wall:.1f} | {cpu:.1f} | {wall / events * 1e9:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
