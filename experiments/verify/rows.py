"""A row of the table: what is published, what theory says, what was simulated, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import stats

import sim
from sim.api import Run
from sim.measures.theory import z_of_binomial, z_of_chi_square, z_of_ks, z_of_p, z_of_poisson, z_of_t

T = TypeVar("T")
LEVEL = 1e-3
"""Chance that any row of a table differs by more than its critical value if all are in order."""


@dataclass(frozen=True)
class Row:
    """One comparison."""

    model: str
    quantity: str
    published: str
    theory: float
    simulated: float
    low: float
    high: float
    z: float
    """Normal z of the two-sided p-value of the difference; NaN where nothing is random."""
    kind: str = "value"
    """value: theory and simulation differ by chance alone; exact: they are equal to the digits shown; sign: z is that of the
    difference against 0, and its sign is the published one."""
    digits: int = 3
    expected_sign: int = 0

    def verdict(self, critical: float) -> str:
        """Return what the row says, given the critical value of the table."""
        if self.kind == "exact":
            return "equal" if abs(self.simulated - self.theory) < 0.5 * 10.0**-self.digits else "DIFFERS"
        if self.kind == "sign":
            return "sign as published" if self.z * self.expected_sign > critical else "SIGN NOT SHOWN"
        return "agrees" if abs(self.z) < critical else "DIFFERS"

    def is_good(self, critical: float) -> bool:
        """Return whether theory or published sign is met."""
        return self.verdict(critical).islower()


def runs_of(
    overrides: Sequence[str], seeds: Sequence[int], measure: Callable[[Run], T], events: bool = False
) -> list[T]:
    """Return a measure of the scenario's run with each seed, in threads: the production engine as users call it."""
    scenario = sim.load(*overrides)

    def one(seed: int) -> T:
        return measure(sim.simulate(scenario, seed, events=events))

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(one, seeds))


def participation(run: Run) -> float:
    """Return the share of people who took part."""
    return run.record.scalars["participants"] / run.record.scalars["people"]


def row_of_mean(
    model: str, quantity: str, published: str, theory: float, values: Sequence[float], digits: int = 4
) -> Row:
    """Return the row of independent replicates: one-sample t test of their mean, 95 % interval."""
    x = np.asarray(values, float)
    se = x.std(ddof=1) / math.sqrt(len(x))
    half = float(stats.t.ppf(0.975, len(x) - 1)) * se
    z = z_of_t(float((x.mean() - theory) / se), len(x) - 1)
    return Row(model, quantity, published, theory, float(x.mean()), x.mean() - half, x.mean() + half, z, digits=digits)


def row_of_normal(
    model: str, quantity: str, published: str, theory: float, simulated: float, se: float, digits: int = 4
) -> Row:
    """Return the row of an estimate whose standard error theory gives."""
    half = 1.959964 * se
    z = (simulated - theory) / se
    return Row(model, quantity, published, theory, simulated, simulated - half, simulated + half, z, digits=digits)


def row_of_count(
    model: str, quantity: str, published: str, mean: float, count: int, unit: float, digits: int = 4
) -> Row:
    """Return the row of a Poisson count, told in units of `unit` events; exact test and interval (Garwood 1936)."""
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    z = z_of_poisson(count, mean)
    return Row(model, quantity, published, mean / unit, count / unit, low / unit, high / unit, z, digits=digits)


def row_of_share(model: str, quantity: str, published: str, theory: float, successes: int, trials: int) -> Row:
    """Return the row of a binomial share; exact test, interval of Clopper and Pearson."""
    interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    z = z_of_binomial(successes, trials, theory)
    return Row(model, quantity, published, theory, successes / trials, interval.low, interval.high, z)


def row_of_law(
    model: str, quantity: str, published: str, sample: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray]
) -> Row:
    """Return the row of a Kolmogorov-Smirnov test of a sample: theory 0, simulated the largest distance of the two cdfs."""
    d = float(stats.kstest(sample, cdf).statistic)
    return Row(model, quantity, published, 0.0, d, math.nan, math.nan, z_of_ks(d, len(sample)))


def row_of_shares(model: str, quantity: str, published: str, counts: np.ndarray, probabilities: np.ndarray) -> Row:
    """Return the row of a chi-square test of counts by category: theory df, simulated the statistic."""
    expected = counts.sum() * probabilities / probabilities.sum()
    x, df = float(((counts - expected) ** 2 / expected).sum()), len(counts) - 1
    return Row(model, quantity, published, df, x, math.nan, math.nan, z_of_chi_square(x, df), digits=1)


def row_of_dispersion(model: str, quantity: str, published: str, counts: np.ndarray, means: np.ndarray) -> Row:
    """Return the row of an index of dispersion, sum (count - mean)^2 / mean over the number of counts: 1 for Poisson counts."""
    x, df = float(((counts - means) ** 2 / means).sum()), len(counts)
    upper, lower = float(stats.chi2.logsf(x, df)), float(stats.chi2.logcdf(x, df))
    z = math.copysign(z_of_p(min(0.0, math.log(2) + min(upper, lower))), lower - upper)
    low, high = x / stats.chi2.ppf(0.975, df), x / stats.chi2.ppf(0.025, df)
    return Row(model, quantity, published, 1.0, x / df, float(low), float(high), z)


def row_of_sign(
    model: str, quantity: str, published: str, expected: int, changed: Sequence[float], baseline: Sequence[float],
    digits: int = 3,
) -> Row:  # fmt: skip
    """Return the row of a paired difference on the same dice; theory is NaN, only the sign is published."""
    x = np.asarray(changed, float) - np.asarray(baseline, float)
    se = x.std(ddof=1) / math.sqrt(len(x))
    if se == 0.0:  # the same difference in every replicate: sign test
        z = math.copysign(z_of_p((1 - len(x)) * math.log(2)), x.mean()) if x.mean() != 0 else 0.0
    else:
        z = z_of_t(float(x.mean() / se), len(x) - 1)
    half = float(stats.t.ppf(0.975, len(x) - 1)) * se
    return Row(model, quantity, published, math.nan, float(x.mean()), x.mean() - half, x.mean() + half, z, "sign", digits,
               expected)  # fmt: skip
