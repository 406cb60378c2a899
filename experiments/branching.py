"""How far does the bound on the branching ratio depend on the size of the nation on whose network it is measured?

Command: ``python -m experiments.branching`` (two minutes of CPU time, 3 GB). Figures: none; the table goes to the terminal and
from there to docs/design.md. ``python -m experiments.branching --design 30000:4 100000:4`` is another one, sizes and seeds.

Every seed draws another nation of the night of 15 July, and its own network is measured, whatever its size.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from statistics import mean, stdev
from typing import TYPE_CHECKING

import sim
from sim.engine import branching
from sim.engine.build import radius_of
from sim.world import make_world

if TYPE_CHECKING:
    from collections.abc import Sequence

DESIGN = ("31623:16", "100000:16", "300000:16", "1000000:16", "3000000:2")


def radius(people: int, seed: int) -> float:
    """Return the bound on a nation of its own, at scale 1; the network is that which would stand for a larger nation."""
    limit = branching.MOST_MEASURED
    try:
        branching.MOST_MEASURED = people
        larger = sim.load("scenario=july15", f"population.size={people + 1}")
        smaller = branching.measured_nation(larger)
        assert smaller is not None
        return radius_of(smaller, make_world(smaller, seed))
    finally:
        branching.MOST_MEASURED = limit


def row(people: int, radii: Sequence[float], seconds: float) -> str:
    """Return a row of the table: mean and standard deviation, from three seeds on with their standard errors; CPU seconds."""
    n = len(radii)
    if n < 3:
        return f"| {people:,} | {n} | {mean(radii):.2f} | | {seconds / n:.1f} |"
    scatter = stdev(radii)
    errors = scatter / math.sqrt(n), scatter / math.sqrt(2 * (n - 1))
    return f"| {people:,} | {n} | {mean(radii):.2f} ± {errors[0]:.2f} | {scatter:.2f} ± {errors[1]:.2f} | {seconds / n:.1f} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--design", nargs="+", default=DESIGN, metavar="PEOPLE:SEEDS", help="sizes, and seeds of each")
    design = [tuple(map(int, part.split(":"))) for part in parser.parse_args(arguments).design]
    radius(1000, 1)  # compiles
    print("| people | seeds | mean | standard deviation | CPU seconds of one |\n|---|---|---|---|---|")
    for people, seeds in design:
        begun = time.process_time()
        radii = [radius(people, seed) for seed in range(1, seeds + 1)]
        print(row(people, radii, time.process_time() - begun), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
