"""Rows of stochastic processes: Hawkes posting, SEISMIC's reaction times, squares as queues, exposures to a broadcast."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from experiments.verify.rows import (
    Row,
    row_of_count,
    row_of_dispersion,
    row_of_law,
    row_of_normal,
    row_of_shares,
    runs_of,
)
from sim.api import Run
from sim.engine.order import IMPRESSION, TIPPED
from sim.engine.state import PUBLISHED_COUNT
from sim.laws import seismic_cdf
from sim.measures.cascades import posts_of
from sim.measures.theory import (
    borel_pmf,
    exposure_cdf,
    exposure_moments,
    hawkes_cluster_mean,
    hawkes_cluster_variance,
    hawkes_count_variance,
    hawkes_rate,
    infinite_server_moments,
    present_probability,
    seismic_quantile,
)
from sim.units import HOUR

HAWKES_KERNEL_MINUTES = 10
MEAN_STAY_HOURS = 1.5
RATE = 0.002
"""Of leaving, per person and hour, in classic=squares_queue."""
STAYS: dict[str, tuple[str, Callable[[float], float], tuple[float, ...]]] = {
    # law of the mean 1.5 h: as configured, its survival function (hours), its jumps
    "constant": ("{law: constant, minutes: 90}", lambda t: float(t < 1.5), (1.5,)),
    "exponential": ("{law: exponential, mean_minutes: 90}", lambda t: math.exp(-t / 1.5), ()),
    "lognormal": (
        f"{{law: lognormal, median_minutes: {90 * math.exp(-0.5)}, sigma: 1}}",
        lambda t: float(stats.lognorm(1, scale=1.5 * math.exp(-0.5)).sf(t)),
        (),
    ),
    "Weibull": (
        f"{{law: weibull, scale_minutes: {90 / math.gamma(1 + 1 / 0.7)}, shape: 0.7}}",
        lambda t: float(stats.weibull_min(0.7, scale=1.5 / math.gamma(1 + 1 / 0.7)).sf(t)),
        (),
    ),
}


def cluster_sizes(run: Run, rest_hours: float) -> np.ndarray:
    """Return the sizes of all clusters that began while at least so many hours were left."""
    posts = posts_of(run.events, run.seed)
    sizes = np.bincount(posts["root"], minlength=len(posts))
    is_root = posts["root"] == np.arange(len(posts))
    is_early = posts["tick"] < run.scenario.clock.horizon - rest_hours * HOUR
    return np.asarray(sizes[is_root & is_early])


def hawkes(branching: float, size: int = 2000, replicates: int = 8, last: int = 12) -> list[Row]:
    """Posts of people whose posts provoke others: rate, cluster sizes, and their law."""
    name, per_day = f"Hawkes 1971; Hawkes and Oakes 1974, n = {branching:g}", 10.0
    overrides = ["classic=hawkes", f"population.size={size}", f"posting.branching_ratio={branching}"]

    def measure(run: Run) -> tuple[int, np.ndarray]:
        return int(run.record.counts[:, 0, PUBLISHED_COUNT].sum()), cluster_sizes(run, 9)

    found = runs_of(overrides, range(replicates), measure, events=True)
    total, sizes = sum(posts for posts, _ in found), np.concatenate([s for _, s in found])
    base = size * per_day * replicates  # posts a day of all replicates together
    se = math.sqrt(hawkes_count_variance(base, branching, 1.0, 24 * 60 / HAWKES_KERNEL_MINUTES))
    person_days = size * replicates
    mean, sd = hawkes_cluster_mean(branching), math.sqrt(hawkes_cluster_variance(branching))
    k = np.arange(1, last + 1)
    shares = np.append(borel_pmf(k, branching), 0.0)
    shares[-1] = 1 - shares.sum()
    counts = np.bincount(np.minimum(sizes, last + 1), minlength=last + 2)[1:]
    return [
        row_of_normal(name, "posts per person and day, μ = 10", "μ / (1 - n)", hawkes_rate(per_day, branching),
                      total / person_days, se / person_days, 3),
        row_of_normal(name, "mean size of a cluster", "1 / (1 - n)", mean, float(sizes.mean()), sd / math.sqrt(len(sizes))),
        row_of_shares(name, f"sizes 1 to {last} and more, chi-square with {last} degrees", "Borel", counts, shares),
    ]  # fmt: skip


def reaction_seconds(run: Run) -> np.ndarray:
    delays = posts_of(run.events, run.seed)["delay"]
    return np.asarray(delays[delays >= 0] / 1000.0)


def seismic(size: int = 50_000, replicates: int = 4) -> list[Row]:
    """Reaction times: one post is expected of every reader, so counts up to a time are Poisson with the mean n F(t)."""
    name = "SEISMIC, Zhao et al. 2015"
    times = np.sort(
        np.concatenate(
            runs_of(["classic=seismic", f"population.size={size}"], range(replicates), reaction_seconds, True)
        )
    )
    n = size * replicates
    rows = [
        row_of_count(name, f"share of reactions within {minutes} min", published, n * seismic_cdf(60 * minutes),
                     int(np.searchsorted(times, 60 * minutes, side="right")), n)
        for minutes, published in ((5, ".188"), (15, ".370"), (60, ".543"), (360, ".698"))
    ]  # fmt: skip
    early = int(np.searchsorted(times, 300.0, side="right"))
    rows.append(row_of_count(name, "density up to 300 s, per 1000 s", ".62657", n * seismic_cdf(300.0), early,
                             n * 300.0 / 1000.0, 5))  # fmt: skip
    rows.append(
        row_of_law(name, "law up to 300 s, distance to the uniform", "uniform", times[:early], lambda t: t / 300.0)
    )
    longest = 6 * 3600.0
    until = times[times <= longest]
    cdf = np.vectorize(seismic_cdf)
    rows.append(row_of_law(name, "law up to 6 h, distance of the cdfs", "power law, θ = .2314843", until,
                           lambda t: cdf(t) / seismic_cdf(longest)))  # fmt: skip
    median = float(seismic_quantile(0.5)) / 60
    # The number of reactions is random, so its half is that of the expected n; the error of a quantile is that of the count
    # below it over the density there.
    density = (seismic_cdf(median * 60 + 30) - seismic_cdf(median * 60 - 30)) / 1.0
    rows.append(row_of_normal(name, "median reaction time in minutes", "40.6", median, float(times[n // 2 - 1]) / 60,
                              math.sqrt(0.5 / n) / density, 2))  # fmt: skip
    return rows


def squares(law: str, size: int = 400_000, replicates: int = 16) -> list[Row]:
    """People who come to squares at a constant rate and stay: as many as a Poisson variable, whatever the law of the stay."""
    configured, survival, jumps = STAYS[law]
    scenario = ["classic=squares_queue", f"population.size={size}", f"++attendance.stay={configured}"]

    def measure(run: Run) -> tuple[np.ndarray, np.ndarray, float]:
        place = run.scenario.population.places
        # Columns are squares; the last look is ten minutes before the end.
        hours = (len(run.record.squares) - 1) * 10 / 60
        return run.record.squares[-1], place.populations / place.total * size, hours

    first = 100 * list(STAYS).index(law)  # other dice for every law, or all rows would err together
    found = runs_of(scenario, range(first, first + replicates), measure)
    hours, rate = found[0][2], RATE
    share = present_probability(rate, survival, hours, jumps)
    counts = np.concatenate([c for c, _, _ in found])
    means = np.concatenate([living * share for _, living, _ in found])
    name = "M/G/∞"
    limit = infinite_server_moments(rate, MEAN_STAY_HOURS)[0] * 1000
    published = f"rate x mean stay = {limit:g}, less those who left before"
    return [
        row_of_count(name, f"on a square per 1000 who live near, {law} stay", published,
                     share * size * replicates, int(counts.sum()), size * replicates / 1000.0),
        row_of_dispersion(name, f"index of dispersion over {len(counts)} squares, {law} stay", "1 (Poisson)", counts, means),
    ]  # fmt: skip


def exposure_hours(run: Run) -> np.ndarray:
    """Return when each person was tipped, in hours from the start."""
    rows = run.events[(run.events["kind"] == IMPRESSION) & (run.events["result"] == TIPPED)]
    return np.asarray(rows["tick"] / HOUR)


def exposures(needed: int, size: int = 20_000) -> list[Row]:
    """Time of the k-th exposure to a thinned Poisson broadcast."""
    overrides = ["classic=exposures", f"population.size={size}", f"decision.threshold.value={needed}"]
    hours = runs_of(overrides, [1], exposure_hours, events=True)[0]
    assert len(hours) == size, "the broadcast was too short for everybody to be exposed so often"
    mean, variance = exposure_moments(2.0, needed)
    name, law = f"exposure number {needed} to a broadcast, 2 an hour", "exponential" if needed == 1 else "Erlang"
    fourth = 3 * variance**2 * (1 + 2 / needed)  # of an Erlang variable about its mean
    return [
        row_of_normal(name, "mean time in hours", f"k / rate ({law})", mean, float(hours.mean()), math.sqrt(variance / size)),
        row_of_normal(name, "variance of the time", f"k / rate² ({law})", variance, float(hours.var(ddof=1)),
                      math.sqrt((fourth - variance**2) / size)),
        row_of_law(name, "law, distance of the cdfs", law, hours, lambda t: exposure_cdf(t, 2.0, needed)),
    ]  # fmt: skip
