"""Rows of threshold models: Granovetter, Kuran, Watts, Centola and Macy, Hassanpour, Casilli and Tubaro."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from scipy.stats import norm

from experiments.verify.rows import Row, participation, row_of_mean, row_of_sign, runs_of
from sim.api import Run
from sim.measures.theory import (
    cascade_size,
    critical_mass_equilibrium,
    critical_mass_tangency,
    poisson_pmf,
    threshold_cascade,
    threshold_staircase,
)

F = TypeVar("F")

GRANOVETTER = "Granovetter 1978, thresholds N(25, σ) %"
SIGMAS = {12.0: "4.02", 12.2: "5.48", 12.25: "100.0", 30.0: "99.34", 50.0: "90.49"}
KURAN = {
    "A": ([0, 20, 20, 30, 40, 50, 60, 70, 80, 100], "10 %"),
    "A'": ([0, 10, 20, 30, 40, 50, 60, 70, 80, 100], "90 %"),
    "B": ([0, 20, 30, 30, 40, 50, 60, 70, 80, 100], "10 %"),
    "B'": ([0, 10, 30, 30, 40, 50, 60, 70, 80, 100], "20 %"),
}


def granovetter_percent(sigma: float) -> float:
    """Percent who take part in the limit of many people, by the continuum map r = 100 F(r)."""
    return 100 * critical_mass_equilibrium(lambda r: norm.cdf(r, 0.25, sigma / 100))


def granovetter_simulated(sigma: float, size: int) -> float:
    """Percent who take part among `size` people with quantile thresholds, by the engine."""
    found = runs_of(["classic=granovetter_normal", f"decision.critical_mass.sd={sigma / 100}", f"population.size={size}",
                     "scenario.end=2000-01-02 00:00"], [1], participation)  # fmt: skip
    return 100 * found[0]


def exact(model: str, quantity: str, published: str, theory: float, simulated: float, digits: int) -> Row:
    return Row(model, quantity, published, theory, simulated, math.nan, math.nan, math.nan, "exact", digits)


def granovetter(size: int = 1_000_000) -> list[Row]:
    """Normal thresholds: nothing is random, so the rows are compared to the digits that were published."""
    return [
        exact(GRANOVETTER, f"percent who take part, σ = {sigma:g}", published, granovetter_percent(sigma),
              granovetter_simulated(sigma, size), 2)
        for sigma, published in SIGMAS.items()
    ]  # fmt: skip


def tangency(size: int = 1_000_000) -> list[Row]:
    """The jump between nearly nobody and everybody, where the map is tangent to the diagonal."""
    sigma, r = critical_mass_tangency(25.0)
    below, above = 12.0, 12.5  # the engine by itself: nearly nobody below, everybody above
    while above - below > 1e-4:
        middle = (below + above) / 2
        below, above = (middle, above) if granovetter_simulated(middle, size) < 50 else (below, middle)
    # So many people tell shares apart by half a person, and sigmas by that over the slope of F in sigma.
    slope = norm.pdf((r - 25) / sigma) * (25 - r) / sigma**2
    told_apart = (above - below) / 2 + 0.5 / size / slope
    # Next to the tangency the equilibrium is a power series in the root of the distance in σ, here s, 2 s and 4 s.
    near, far, further = (granovetter_simulated(sigma - d, size) for d in (0.01, 0.04, 0.16))
    return [
        Row(GRANOVETTER, "σ at which it jumps (engine: bisected to the interval)", "12.2221", sigma,
            (below + above) / 2, below, above, math.nan, "exact", 4, tolerance=told_apart),
        exact(GRANOVETTER, "percent who take part just before (engine: extrapolated from σ 0.01, 0.04 and 0.16 below)",
              "6.200", r, (8 * near - 6 * far + further) / 3, 2),
    ]  # fmt: skip


def lists() -> list[Row]:
    """Thresholds given as lists: Granovetter's hundred people and Kuran's ten."""
    rows = []
    hundred = {"0, 1, ..., 99": list(range(100)), "a second 2 in the place of 1": [0, 2, *range(2, 100)]}
    for (quantity, values), published in zip(hundred.items(), ("100", "1"), strict=True):
        found = runs_of(["classic=granovetter_uniform", f"decision.critical_mass.values={values}"], [1], participation)
        rows.append(exact("Granovetter 1978, a hundred people", f"who take part, thresholds {quantity}", published,
                          threshold_cascade(values), 100 * found[0], 0))  # fmt: skip
    for name, (percents, published) in KURAN.items():
        shares = [p / 100 for p in percents]
        found = runs_of(["classic=kuran", f"decision.critical_mass.values={shares}"], [1], participation)
        rows.append(exact("Kuran 1991", f"percent in opposition, sequence {name}", published,
                          100 * critical_mass_equilibrium(threshold_staircase(shares)), 100 * found[0], 0))  # fmt: skip
    return rows


def watts_theory(mean_degree: float, seed_share: float, threshold: float = 0.18) -> float:
    """Share who are active in the end (Gleeson and Cahalane 2007)."""
    return cascade_size(poisson_pmf(mean_degree), lambda m, k: (m >= threshold * k).astype(float), seed_share)


def watts(size: int = 20_000, replicates: int = 48) -> list[Row]:
    """Cascades on random graphs, within the window and above its upper edge."""
    rows = []
    for degree, published in ((4.0, "global cascade"), (7.0, "none")):
        found = runs_of(
            ["classic=watts", f"population.size={size}", f"scenario.timeline.0.number={size // 1000}",
             f"network.neighbours.graph.mean_degree={degree}"],
            range(replicates), participation,
        )  # fmt: skip
        rows.append(row_of_mean("Watts 2002; Gleeson and Cahalane 2007", f"final share, φ = 0.18, mean degree {degree:g}",
                                published, watts_theory(degree, 0.001), found, 5))  # fmt: skip
    return rows


def reached(minute: int) -> Callable[[Run], float]:
    """Return the measure of how many have left by a minute."""
    return lambda run: float(run.record.departures[:minute].sum())


def rewiring(replicates: int = 24, size: int = 4000) -> list[Row]:
    """Simple and complex contagion on a ring of eight contacts, some of whose ties are rewired."""
    rows = []
    for name, needed, minute, sign, published in (
        ("simple", 1, 20, 1, "faster"), ("complex", 3, size // 8, -1, "slower or stopped"),
    ):  # fmt: skip
        ring, rewired = (
            runs_of(["classic=rewiring", f"population.size={size}", f"decision.critical_mass.value={needed}",
                     f"network.neighbours.graph.rewiring={p}"], range(replicates), reached(minute))
            for p in (0, 0.1)
        )  # fmt: skip
        rows.append(row_of_sign("Centola and Macy 2007", f"{name} contagion ({needed} of 8): reached in {minute} steps, "
                                "10 % of ties rewired minus none", published, sign, rewired, ring, 1))  # fmt: skip
    return rows


def cut_off(
    cut: float, learning: int, seeds: Sequence[int], measure: Callable[[Run], F], size: int = 10_000
) -> list[F]:
    """Return a measure of Hassanpour's population with so many of its ties cut; thresholds are learnt from contacts or not.

    Where they are learnt, a tenth act whatever others do; where they are not, a twentieth.
    """
    few = 0.1 if learning else 0.05
    return runs_of(
        ["classic=hassanpour", f"network.neighbours.cut={cut}", f"decision.learning_rounds={learning}",
         f"decision.critical_mass.probability=[{few},{1 - few}]", f"population.size={size}"],
        seeds, measure,
    )  # fmt: skip


def dispersion(run: Run) -> float:
    """Return on how many squares at least a fifth of the people who live near stand at the end."""
    place = run.scenario.population.places
    living = place.populations / place.total * run.record.scalars["people"]
    return float(np.count_nonzero(run.record.squares[-1] >= 0.2 * living))


def hassanpour(replicates: int = 24, size: int = 10_000) -> list[Row]:
    """Cutting ties, the push by being cut off at 0: more people take part, on more squares, in part of the parameters."""
    rows = []
    cases = (
        ("thresholds learnt from contacts, 90 % of ties cut", 1, 0.9, 1, "more in part of the parameters"),
        ("fixed thresholds, 70 % of ties cut", 0, 0.7, 1, "more in part of the parameters"),
        ("fixed thresholds, all ties cut, against 70 %", 0, 1.0, -1, "less in another part"),
    )
    for name, learning, cut, sign, published in cases:
        base = 0.7 if cut == 1.0 else 0.0
        for what, measure in (("share who take part", participation), ("squares with a crowd", dispersion)):
            some, others = (cut_off(c, learning, range(replicates), measure, size) for c in (cut, base))
            rows.append(row_of_sign("Hassanpour 2014", f"{what}: {name}", published, sign, some, others))
    return rows


def epstein_thresholds(
    legitimacy: float = 0.82, threshold: float = 0.1, k: float = 2.3
) -> tuple[float, list[float], list[float]]:
    """The share who could ever be active, and of their thresholds of A / C values and cumulative probabilities.

    Epstein (2002, model I): active if G - R P > T with grievance G = H (1 - L), P = 1 - exp(-k C / A), hardship H and risk
    aversion R uniform. With x = (G - T) / R: never if x <= 0; whatever others do if x >= 1; else if A / C > k / -ln(1 - x). So
    a threshold is at most r with probability P(x >= 1 - exp(-k / r)).
    """
    most = 1 - legitimacy - threshold  # G - T is uniform on (0, most) among those of whom it is positive

    def at_most(r: float) -> float:
        p = 1.0 if r == 0 else -math.expm1(-k / r)
        return 1 - p / (2 * most) if p <= most else most / (2 * p)

    grid = [0.0, 0.5, 1.0, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 40, 60, 100, 200, 1000]
    able = 1 - threshold / (1 - legitimacy)
    return able, [0.0, *grid, 1e5], [0.0, *(round(at_most(r), 6) for r in grid), 1.0]


def activity(run: Run) -> float:
    """Return the mean share of people who are out in the second half of the run."""
    out = run.record.snapshots[:, 2]
    return float(out[len(out) // 2 :].mean() / run.record.scalars["people"])


def censored(vision: int, replicates: int, *more: str) -> list[float]:
    """Return mean activity under Epstein's rule when people see so far."""
    overrides = ["classic=casilli_tubaro", f"network.neighbours.graph.radius={vision}", *more]
    return runs_of(overrides, range(replicates), activity)


def casilli_tubaro(replicates: int = 24) -> list[Row]:
    """Censorship as short sight, of guards and of others, the thresholds being the same: more of it, more unrest that lasts."""
    far, near, none = (censored(vision, replicates) for vision in (7, 3, 1))
    name, published = "Casilli and Tubaro 2012", "more censorship, more sustained unrest"
    return [
        row_of_sign(name, "mean share active, vision 3 minus vision 7", published, 1, near, far, 4),
        row_of_sign(name, "mean share active, vision 1 minus vision 3", published, 1, none, near, 4),
    ]
