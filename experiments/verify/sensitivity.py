"""The push by being cut off: an assumption whose coefficient is swept, apart from the rows that verify."""

from __future__ import annotations

import numpy as np

import sim
from sim.study.terminal import number

PUSHES = (0.0, 0.25, 0.5, 1.0, 2.0)
PEOPLE, REPLICATES = 10_000, 8

TEXT = """## Sensitivity: the push by being cut off

Hassanpour's (2014) claim has two readings. Above, fewer ties bring more people out with no coefficient for it. The other
reading, that being cut off is itself a push, is the coefficient `throttle.push` (0 by default), which no datum
constrains. The night july15 with a total throttle against the open night, {people:,} people, {replicates} paired replicates:
"""


def push() -> tuple[str, np.ndarray]:
    """Return a section of the document, and float64[pushes, 4]: push, difference in participation (share), low, high."""
    size = f"population.size={PEOPLE}"
    arms = {"open": sim.load(size, "throttle=none")}
    arms |= {f"push {p:g}": sim.load(size, "throttle=total", f"throttle.push={p}") for p in PUSHES}
    study = sim.compare(arms, replicates=REPLICATES, nulls=[])
    of_people = study.contrasts[study.contrasts["outcome"] == "participants"].set_index("arm")
    total = arms["open"].population.real_people
    lines, points = ["| push (units of dose) | `participants`, throttled minus open [95 %] |", "|---|---|"], []
    for p in PUSHES:
        row = of_people.loc[f"push {p:g}"]
        told = [number(row[part], str(row["unit"])) for part in ("difference", "low", "high")]
        lines.append(f"| {p:g} | {told[0]} [{told[1]}, {told[2]}] |")
        points.append([p, *(row[part] / total for part in ("difference", "low", "high"))])
    text = TEXT.format(people=PEOPLE, replicates=REPLICATES)
    return "\n".join([text, *lines]) + "\n", np.array(points)
