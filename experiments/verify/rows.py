"""A row of the table: what is published, what theory says, what was simulated, and how far apart they are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import stats

import sim
from sim.api import Run
from sim.measures.theory import critical_value, z_of_binomial, z_of_chi_square, z_of_ks, z_of_p, z_of_poisson, z_of_t

T = TypeVar("T")
LEVEL = 1e-3
"""Chance that any row of a table differs by more than its critical value if all are in order."""


@dataclass(frozen=True)
class Row:
    """One comparison."""

    model: str
    quantity: str
    published: str
    """As it was published; where that is one number, theory must round to it."""
    theory: float
    simulated: float
    low: float
    high: float
    z: float
    """Normal z of the two-sided p-value of the difference; NaN where nothing is random."""
    kind: str = "value"
    """value: theory and simulation differ by chance alone; exact: they are equal to the digits shown; sign: z is that of the
    sign test of paired differences, whose sign is the published one."""
    digits: int = 3
    expected_sign: int = 0
    noticed: float = math.nan
    """The smallest difference from theory that fails the row with a probability of a half, at the critical value of 70 rows."""
    tolerance: float = math.nan
    """Of an exact row, if it is not half a unit of the last digit."""

    def is_as_published(self) -> bool:
        """Return whether theory rounds to what was published, where that is one number."""
        found = re.fullmatch(r"(\d*)\.?(\d*)( %)?", self.published)
        if found is None:
            return True
        return abs(self.theory - float(self.published.removesuffix(" %"))) <= 0.5 * 10.0 ** -len(found[2]) + 1e-12

    def verdict(self, critical: float) -> str:
        """Return what the row says, given the critical value of the table."""
        if not self.is_as_published():
            return "THEORY DIFFERS"
        if self.kind == "exact":
            tolerance = 0.5 * 10.0**-self.digits if math.isnan(self.tolerance) else self.tolerance
            return "equal" if abs(self.simulated - self.theory) <= tolerance else "DIFFERS"
        if self.kind == "sign":
            return "sign as published" if self.z * self.expected_sign > critical else "SIGN NOT SHOWN"
        return "agrees" if abs(self.z) < critical else "DIFFERS"

    def is_good(self, critical: float) -> bool:
        """Return whether theory or published sign is met."""
        return self.verdict(critical).islower()


CRITICAL = critical_value(70, LEVEL)
"""For what is noticed; the table itself counts its rows."""


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
    noticed = float(stats.t.isf(stats.norm.sf(CRITICAL), len(x) - 1)) * se
    return Row(model, quantity, published, theory, float(x.mean()), x.mean() - half, x.mean() + half, z, digits=digits,
               noticed=noticed)  # fmt: skip


def row_of_normal(
    model: str, quantity: str, published: str, theory: float, simulated: float, se: float, digits: int = 4
) -> Row:
    """Return the row of an estimate whose standard error theory gives."""
    half = 1.959964 * se
    z = (simulated - theory) / se
    return Row(model, quantity, published, theory, simulated, simulated - half, simulated + half, z, digits=digits,
               noticed=CRITICAL * se)  # fmt: skip


def row_of_count(
    model: str, quantity: str, published: str, mean: float, count: int, unit: float, digits: int = 4
) -> Row:
    """Return the row of a Poisson count, told in units of `unit` events; exact test and interval (Garwood 1936)."""
    low = stats.chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = stats.chi2.ppf(0.975, 2 * count + 2) / 2
    z = z_of_poisson(count, mean)
    return Row(model, quantity, published, mean / unit, count / unit, low / unit, high / unit, z, digits=digits,
               noticed=CRITICAL * math.sqrt(mean) / unit)  # fmt: skip


def row_of_share(model: str, quantity: str, published: str, theory: float, successes: int, trials: int) -> Row:
    """Return the row of a binomial share; exact test, interval of Clopper and Pearson."""
    interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="exact")
    z = z_of_binomial(successes, trials, theory)
    noticed = CRITICAL * math.sqrt(theory * (1 - theory) / trials)
    return Row(model, quantity, published, theory, successes / trials, interval.low, interval.high, z, noticed=noticed)


def row_of_law(
    model: str, quantity: str, published: str, sample: np.ndarray, cdf: Callable[[np.ndarray], np.ndarray]
) -> Row:
    """Return the row of a Kolmogorov-Smirnov test of a sample: theory 0, simulated the largest distance of the two cdfs."""
    d = float(stats.kstest(sample, cdf).statistic)
    noticed = float(stats.kstwo.isf(2 * stats.norm.sf(CRITICAL), len(sample)))
    return Row(model, quantity, published, 0.0, d, math.nan, math.nan, z_of_ks(d, len(sample)), noticed=noticed)


def row_of_shares(model: str, quantity: str, published: str, counts: np.ndarray, probabilities: np.ndarray) -> Row:
    """Return the row of a chi-square test of counts by category: theory df, simulated the statistic."""
    expected = counts.sum() * probabilities / probabilities.sum()
    x, df = float(((counts - expected) ** 2 / expected).sum()), len(counts) - 1
    noticed = float(stats.chi2.isf(2 * stats.norm.sf(CRITICAL), df)) - df
    return Row(model, quantity, published, df, x, math.nan, math.nan, z_of_chi_square(x, df), digits=1, noticed=noticed)


def row_of_dispersion(model: str, quantity: str, published: str, counts: np.ndarray, means: np.ndarray) -> Row:
    """Return the row of an index of dispersion, sum (count - mean)^2 / mean over the number of counts: 1 for Poisson counts.

    Counts are first added up, from the smallest mean on, until each mean is 50 or more, where the chi-square law holds well.
    """
    order = np.argsort(means, kind="stable")
    groups, total = np.zeros(len(means), int), 0.0
    group = 0
    for place in order:
        groups[place] = group
        total += means[place]
        if total >= 50:
            group, total = group + 1, 0.0
    groups[groups == group] = group - 1 if total > 0 else group  # what is left over joins the last
    x_by, m_by = np.bincount(groups, counts), np.bincount(groups, means)
    x, df = float(((x_by - m_by) ** 2 / m_by).sum()), len(m_by)
    upper, lower = float(stats.chi2.logsf(x, df)), float(stats.chi2.logcdf(x, df))
    z = math.copysign(z_of_p(min(0.0, math.log(2) + min(upper, lower))), lower - upper)
    low, high = x / stats.chi2.ppf(0.975, df), x / stats.chi2.ppf(0.025, df)
    noticed = float(stats.chi2.isf(stats.norm.sf(CRITICAL), df)) / df - 1
    return Row(model, f"{quantity} ({df} counts of 50 and more)", published, 1.0, x / df, float(low), float(high), z,
               noticed=noticed)  # fmt: skip


def row_of_sign(
    model: str, quantity: str, published: str, expected: int, changed: Sequence[float], baseline: Sequence[float],
    digits: int = 3,
) -> Row:  # fmt: skip
    """Return the row of paired differences on the same dice: exact sign test; theory is NaN, only the sign is published.

    Simulated is the mean difference with the interval of its t test, for the reader; the verdict rests on the signs alone.
    """
    x = np.asarray(changed, float) - np.asarray(baseline, float)
    rises, falls = int(np.count_nonzero(x > 0)), int(np.count_nonzero(x < 0))
    z = z_of_binomial(rises, rises + falls, 0.5) if rises + falls else 0.0
    half = float(stats.t.ppf(0.975, len(x) - 1)) * x.std(ddof=1) / math.sqrt(len(x))
    return Row(model, f"{quantity} (rises in {rises}, falls in {falls})", published, math.nan, float(x.mean()), x.mean() - half,
               x.mean() + half, z, "sign", digits, expected)  # fmt: skip
