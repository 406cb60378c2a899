"""Closed forms against published numbers and against computations that share no line with them.

Simulations are compared within z standard errors at a family-wise level of 1e-5 (fewer than 10 of them).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad, solve_ivp
from scipy.special import lambertw, ndtr, ndtri, smirnov

from sim.errors import InputError
from sim.laws import SEISMIC_C, SEISMIC_CUT, SEISMIC_THETA, seismic_cdf
from sim.measures import theory
from sim.measures.theory_checks import counted, times_of, within
from sim.measures.theory_significance import LOG_2, _log_beta_tail, _log_gamma_tail
from sim.measures.theory_thresholds import Response

Z = float(-ndtri(1e-5 / 10 / 2))


def normal_thresholds(sigma: float) -> Callable[[float], float]:
    return lambda share: float(ndtr((100 * share - 25) / sigma))


# -- critical mass


@pytest.mark.parametrize(("sigma", "percent"), [(12.0, 4.02), (12.2, 5.48), (12.25, 100.0), (30, 99.34), (50, 90.49)])
def test_normal_thresholds_reach_the_published_shares(sigma: float, percent: float) -> None:
    assert round(100 * theory.critical_mass_equilibrium(normal_thresholds(sigma)), 2) == percent


def test_the_equilibrium_jumps_at_the_tangency() -> None:
    sigma, percent = theory.critical_mass_tangency(25)
    assert (round(sigma, 4), round(percent, 3)) == (12.2221, 6.200)
    assert theory.critical_mass_equilibrium(normal_thresholds(sigma - 1e-4)) < percent / 100
    assert theory.critical_mass_equilibrium(normal_thresholds(sigma + 1e-4)) > 0.99


@pytest.mark.parametrize("mean", [1, 25, 49, 50, 75, 99])
def test_at_the_tangency_the_map_touches_with_slope_one(mean: float) -> None:
    sigma, percent = theory.critical_mass_tangency(mean)
    normal = stats.norm(mean, sigma)
    assert 100 * normal.cdf(percent) == pytest.approx(percent, rel=1e-9)
    assert 100 * normal.pdf(percent) == pytest.approx(1, rel=1e-9)


def test_one_threshold_decides_between_a_riot_of_a_hundred_and_of_one() -> None:
    assert theory.threshold_cascade(range(100)) == 100
    assert theory.threshold_cascade([0, 2, *range(2, 100)]) == 1
    assert theory.threshold_cascade([]) == 0
    assert theory.threshold_cascade([0, 0, math.inf]) == 2


def test_the_cascade_of_a_list_agrees_with_people_who_look_around() -> None:
    rng = np.random.default_rng(7)
    seen = set()
    for _ in range(300):
        thresholds = rng.poisson(3, rng.integers(1, 15)).tolist()
        joined: set[int] = set()
        while new := {i for i, t in enumerate(thresholds) if i not in joined and len(joined) >= t}:
            joined |= new
        assert theory.threshold_cascade(thresholds) == len(joined)
        seen.add(len(joined))
    assert len(seen) > 5


@pytest.mark.parametrize(
    ("percents", "share"),
    [
        ((0, 20, 20, 30, 40, 50, 60, 70, 80, 100), 0.1),
        ((0, 10, 20, 30, 40, 50, 60, 70, 80, 100), 0.9),
        ((0, 20, 30, 30, 40, 50, 60, 70, 80, 100), 0.1),
        ((0, 10, 30, 30, 40, 50, 60, 70, 80, 100), 0.2),
    ],
)
def test_sequences_of_kuran_end_exactly_where_they_should(percents: tuple[int, ...], share: float) -> None:
    staircase = theory.threshold_staircase([p / 100 for p in percents])
    assert theory.critical_mass_equilibrium(staircase) == share
    path = theory.critical_mass_path(staircase, 12)
    assert path[0] == 0
    assert path[1] == 0.1
    assert path[-1] == share
    assert len(path) == 13


def test_a_map_without_a_limit_is_refused() -> None:
    with pytest.raises(InputError, match="no limit"):
        theory.critical_mass_equilibrium(lambda share: 1.0 - share)
    with pytest.raises(InputError, match="expected"):
        theory.critical_mass_equilibrium(lambda share: 2.0)


# -- clusters


def offspring_tree(n: float, most: int) -> np.ndarray:
    """Total progeny of a Poisson branching process, from h(x) = x exp(n (h(x) - 1)) by powers of series."""
    sizes = np.zeros(most + 1)
    poisson = stats.poisson(n).pmf(np.arange(most + 1))
    for _ in range(most):
        power, mixed = np.zeros(most + 1), np.zeros(most + 1)
        power[0] = 1.0
        for weight in poisson:
            mixed += weight * power
            power = np.convolve(power, sizes)[: most + 1]
        sizes = np.concatenate([[0.0], mixed[:-1]])
    return sizes


@pytest.mark.parametrize("n", [0.0, 0.3, 0.9, 1.0])
def test_borel_is_the_total_progeny_of_poisson_families(n: float) -> None:
    sizes = offspring_tree(n, 14)
    assert theory.borel_pmf(np.arange(1, 15), n) == pytest.approx(sizes[1:], rel=1e-12, abs=1e-300)
    assert theory.borel_cdf([1, 5, 14], n) == pytest.approx(np.cumsum(sizes)[[1, 5, 14]], rel=1e-12)
    assert theory.borel_tail([1, 5, 14], n) == pytest.approx(1 - np.cumsum(sizes)[[1, 5, 14]], abs=1e-13)


@pytest.mark.parametrize("n", [0.2, 0.7, 0.95])
def test_moments_of_clusters_are_sums_over_borel(n: float) -> None:
    k = np.arange(1, 60_000)
    p = theory.borel_pmf(k, n)
    mean = float(k @ p)
    assert p.sum() == pytest.approx(1, rel=1e-11)
    assert theory.hawkes_cluster_mean(n) == pytest.approx(mean, rel=1e-11)
    assert theory.hawkes_cluster_variance(n) == pytest.approx(float((k - mean) ** 2 @ p), rel=1e-11)
    assert theory.borel_tail([1, 40, 300], n) == pytest.approx([p[1:].sum(), p[40:].sum(), p[300:].sum()], rel=1e-9)


def test_borel_keeps_its_digits_far_out() -> None:
    k = 10**6
    logs = -0.999 * k + (k - 1) * math.log(0.999 * k) - math.fsum(math.log(j) for j in range(1, k + 1))
    assert math.log(float(theory.borel_pmf(k, 0.999))) == pytest.approx(logs, abs=1e-8)
    # A critical cluster above k has a chance near sqrt(2 / (pi k)).
    assert float(theory.borel_tail(k, 1.0)) == pytest.approx(math.sqrt(2 / (math.pi * k)), rel=1e-5)


def test_counts_of_a_self_exciting_process_follow_its_moment_equations() -> None:
    """Rate x: x' = b (mu - x), jumps by n b at events. Moments E[N x] and E[N^2] by ordinary differential equations."""
    mu, n, b, window = 2.0, 0.6, 1.5, 4.0
    rate = theory.hawkes_rate(mu, n)
    jump = n * b
    square = (2 * b * mu * rate + jump**2 * rate) / (2 * (b - jump))

    def slopes(t: float, y: np.ndarray) -> list[float]:
        both, _ = y
        return [square + b * mu * rate * t - (b - jump) * both + jump * rate, 2 * both + rate]

    solved = solve_ivp(slopes, (0, window), [0.0, 0.0], rtol=1e-10, atol=1e-12).y[1, -1]
    variance = theory.hawkes_count_variance(mu, n, window, b)
    assert variance == pytest.approx(solved - (rate * window) ** 2, rel=1e-7)
    assert theory.hawkes_count_variance(mu, n, 1e-9, b) / (rate * 1e-9) == pytest.approx(1, rel=1e-6)
    long = theory.hawkes_count_variance(mu, n, 1e9, b)
    assert long == pytest.approx(theory.hawkes_count_variance(mu, n, 1e9), rel=1e-6)
    assert long == pytest.approx(mu * 1e9 / (1 - n) ** 3, rel=1e-6)
    assert long / (rate * 1e9) == pytest.approx(theory.hawkes_count_dispersion(n), rel=1e-6)


# -- reaction times


def test_reaction_times_have_the_published_quantiles() -> None:
    for share, minutes in ((0.188, 5), (0.370, 15), (0.543, 60), (0.698, 360)):
        low, high = theory.seismic_quantile([share - 0.0005, share + 0.0005]) / 60
        assert low < minutes < high
    assert [round(seismic_cdf(60 * m), 3) for m in (5, 15, 60, 360)] == [0.188, 0.370, 0.543, 0.698]
    assert float(theory.seismic_quantile(0.5)) / 60 == pytest.approx(40.62, abs=0.01)


def test_the_quantile_inverts_the_integral_of_the_published_density() -> None:
    def density(t: float) -> float:
        return SEISMIC_C * (t / SEISMIC_CUT) ** -(1 + SEISMIC_THETA) if t > SEISMIC_CUT else SEISMIC_C

    late = quad(lambda v: density(math.exp(v)) * math.exp(v), math.log(SEISMIC_CUT), 150)[0]
    assert SEISMIC_C * SEISMIC_CUT + late == pytest.approx(1, abs=1e-6)
    for p in (0.01, 0.18, 0.19, 0.5, 0.9):
        t = float(theory.seismic_quantile(p))
        below = quad(density, 0, t, points=[SEISMIC_CUT] if t > SEISMIC_CUT else None, limit=500)[0]
        assert below == pytest.approx(p, abs=1e-6)
        assert seismic_cdf(t) == pytest.approx(p, rel=1e-12)
    assert theory.seismic_quantile([0, 1]).tolist() == [0, math.inf]
    with pytest.raises(InputError, match="shares"):
        theory.seismic_quantile(50)


# -- percolation

NETWORKS = {
    "poisson": theory.poisson_pmf(2.5),
    "power law": theory.power_law_pmf(2.0, 20.0, most=400),
    "mixed": np.array([0.1, 0.3, 0.2, 0.1, 0.2, 0.0, 0.1]),
}


def test_degree_distributions_are_those_of_scipy() -> None:
    p = theory.poisson_pmf(7.3)
    assert p == pytest.approx(stats.poisson(7.3).pmf(np.arange(p.size)), rel=1e-11)
    law = theory.power_law_pmf(2.5, least=2, most=50)
    assert law[:2].tolist() == [0, 0]
    assert law[2:] == pytest.approx(stats.zipfian(2.5, 50).pmf(np.arange(2, 51)) / stats.zipfian(2.5, 50).sf(1))
    assert theory.power_law_pmf(2.5, 10.0, most=50)[40] / theory.power_law_pmf(2.5, 10.0, most=50)[20] == (
        pytest.approx(2**-2.5 * math.exp(-2))
    )
    assert theory.constant_pmf(3).tolist() == [0, 0, 0, 1]
    assert theory.excess_pmf([0.25, 0.25, 0.5]) == pytest.approx([0.2, 0.8])
    with pytest.raises(InputError, match="sum"):
        theory.outbreak_size([0.5, 0.4], 0.5)


def test_outbreaks_on_regular_and_poisson_networks_are_elementary() -> None:
    t = 0.7
    assert theory.outbreak_size(theory.constant_pmf(3), t) == pytest.approx(1 - ((1 - t) / t) ** 3, rel=1e-13)
    assert theory.outbreak_threshold(theory.constant_pmf(3)) == 0.5
    assert theory.outbreak_size(theory.constant_pmf(3), 0.5) == 0
    assert theory.outbreak_size(theory.constant_pmf(3), 1) == 1
    assert theory.outbreak_size(theory.poisson_pmf(4), 0.4) == pytest.approx(theory.final_size(1.6), rel=1e-12)
    assert theory.outbreak_size(theory.poisson_pmf(4), 0.2525) == pytest.approx(theory.final_size(1.01), rel=1e-9)
    assert theory.outbreak_threshold(theory.poisson_pmf(4)) == pytest.approx(0.25, rel=1e-12)
    assert theory.mean_small_outbreak(theory.poisson_pmf(4), 0.1) == pytest.approx(1 / 0.6, rel=1e-12)
    assert theory.outbreak_threshold(theory.constant_pmf(1)) == math.inf


def small_outbreaks(p: np.ndarray, t: float, most: int) -> np.ndarray:
    """P(outbreak of s people), s < most, from Newman's H1 = x G1(1 - T + T H1) by powers of series."""
    edge = np.arange(1, p.size) * p[1:] / (np.arange(p.size) @ p)

    def mixed(weights: np.ndarray, series: np.ndarray) -> np.ndarray:
        inner = t * series
        inner[0] += 1 - t
        total = np.zeros(most)
        for weight in weights[::-1]:
            total = np.convolve(total, inner)[:most]
            total[0] += weight
        return np.concatenate([[0.0], total[:-1]])

    h1 = np.zeros(most)
    for _ in range(most):
        h1 = mixed(edge, h1)
    return mixed(p, h1)


@pytest.mark.parametrize("name", ["poisson", "mixed"])
def test_sizes_of_small_outbreaks_sum_to_what_is_no_large_outbreak(name: str) -> None:
    p = NETWORKS[name]
    critical = theory.outbreak_threshold(p)
    above, below = small_outbreaks(p, 2 * critical, 100), small_outbreaks(p, critical / 2, 100)
    assert theory.outbreak_size(p, 2 * critical) == pytest.approx(1 - above.sum(), abs=1e-6)
    assert theory.outbreak_probability(p, 2 * critical) == pytest.approx(1 - above.sum(), abs=1e-6)
    assert theory.outbreak_size(p, critical / 2) == 0
    assert theory.mean_small_outbreak(p, critical / 2) == pytest.approx(float(np.arange(100) @ below), rel=1e-5)
    with pytest.raises(InputError, match="threshold"):
        theory.mean_small_outbreak(p, critical)


@pytest.mark.parametrize("name", list(NETWORKS))
@pytest.mark.parametrize("recovery", [0.2, 1.0])
def test_markov_outbreaks_follow_the_mean_over_infectious_periods(name: str, recovery: float) -> None:
    p = NETWORKS[name]
    edge = theory.excess_pmf(p)
    nodes, weights = np.polynomial.legendre.leggauss(120)
    # 1 - T = y with y^(gamma / beta) uniform.
    t = 1 - ((nodes + 1) / 2) ** (1 / recovery)
    x = 0.0
    for _ in range(300):
        x = float(weights @ np.polynomial.polynomial.polyval(1 - t + t * x, edge)) / 2
    chance = 1 - float(weights @ np.polynomial.polynomial.polyval(1 - t + t * x, p)) / 2
    assert chance > 0.05
    assert theory.markov_outbreak_probability(p, 1.0, recovery) == pytest.approx(chance, abs=1e-7)
    size = theory.outbreak_size(p, theory.markov_transmissibility(1.0, recovery))
    assert chance < size - 0.01
    assert theory.markov_outbreak_probability(p, 1.0, 1e3) == 0


def test_markov_outbreaks_tend_to_those_without_a_network() -> None:
    z = 4000.0
    chance = theory.markov_outbreak_probability(theory.poisson_pmf(z), 1.8 / z, 1.0)
    assert chance == pytest.approx(theory.complete_outbreak_probability(1.8, period="exponential"), abs=1e-3)


def test_markov_outbreaks_are_as_likely_as_in_simulated_families() -> None:
    """Everybody has 4 neighbours, one of whom passed it on; a line with 300 people alive never dies (chance < 1e-50)."""
    rng = np.random.default_rng(1988)
    n, rate, recovery = 4000, 1.0, 1.5
    alive = rng.binomial(4, 1 - rng.random(n) ** (rate / recovery))
    for _ in range(200):
        growing = np.flatnonzero((alive > 0) & (alive < 300))
        for i in growing:
            alive[i] = rng.binomial(3, 1 - rng.random(alive[i]) ** (rate / recovery)).sum()
        if not growing.size:
            break
    assert not growing.size
    chance = theory.markov_outbreak_probability(theory.constant_pmf(4), rate, recovery)
    assert abs((alive > 0).mean() - chance) < Z * math.sqrt(chance * (1 - chance) / n)
    assert abs((alive > 0).mean() - theory.outbreak_size(theory.constant_pmf(4), 0.4)) > 0.05


# -- groups where all meet


@pytest.mark.parametrize("r0", [1 + 2**-52, 1 + 1e-12, 1 + 1e-8, 1.001, 1.00999, 1.01, 1.5, 2, 10])
def test_final_size_solves_its_equation(r0: float) -> None:
    share = theory.final_size(r0)
    assert share > 0
    # R0 = -ln(1 - R) / R; near 1 by the first terms of its series, because the quotient has lost its digits there.
    excess = -math.log1p(-share) / share - 1 if r0 > 1.0005 else share / 2 + share**2 / 3
    assert excess == pytest.approx(r0 - 1, rel=1e-11)
    for start in (1e-18, 0.1):
        started = theory.final_size(r0, start)
        assert started >= share
        assert started == pytest.approx(1 - (1 - start) * math.exp(-r0 * started), abs=1e-14)


def test_final_size_has_the_known_values() -> None:
    assert round(theory.final_size(2), 4) == 0.7968
    assert round(theory.final_size(1.5), 4) == 0.5828
    assert theory.final_size(1) == theory.final_size(0.4) == 0
    for r0, start in ((2.0, 0.0), (0.7, 0.01), (1.0, 0.2), (6.0, 0.5)):
        by_lambert = 1 + lambertw(-(1 - start) * r0 * math.exp(-r0)).real / r0
        assert theory.final_size(r0, start) == pytest.approx(by_lambert, rel=1e-12)
    assert theory.final_size(0, 0.3) == 0.3
    assert theory.final_size(0.5, 0.2) == pytest.approx(1 - 0.8 * math.exp(-0.5 * theory.final_size(0.5, 0.2)))
    assert theory.complete_outbreak_probability(2, 3) == pytest.approx(1 - (1 - theory.final_size(2)) ** 3)
    assert theory.complete_outbreak_probability(2, 3, "exponential") == pytest.approx(1 - 1 / 8)
    assert theory.complete_outbreak_probability(0.9, 3, "exponential") == 0
    with pytest.raises(InputError, match="period"):
        theory.complete_outbreak_probability(2, period="gamma")


def chain_binomial(n: int, p: float, m: int) -> np.ndarray:
    """Reed and Frost's generations, (susceptible, infected) by (susceptible, infected)."""
    states, ended = {(n, m): 1.0}, np.zeros(n + 1)
    while states:
        after: dict[tuple[int, int], float] = {}
        for (s, i), weight in states.items():
            if i == 0:
                ended[n - s] += weight
                continue
            for j, chance in enumerate(stats.binom.pmf(np.arange(s + 1), s, 1 - (1 - p) ** i)):
                after[s - j, j] = after.get((s - j, j), 0.0) + weight * chance
        states = after
    return ended


def jump_chain(n: int, p: float, m: int) -> np.ndarray:
    """The general stochastic epidemic, event by event: infection with chance s / (s + a), a = (1 - p) / p."""
    a = (1 - p) / p
    chance = np.zeros((n + 1, n + m + 2))
    chance[n, m] = 1.0
    for s in range(n, -1, -1):
        for i in range(n + m, 0, -1):
            chance[s, i - 1] += chance[s, i] * a / (s + a)
            if s > 0:
                chance[s - 1, i + 1] += chance[s, i] * s / (s + a)
    return chance[::-1, 0]


def triangular(n: int, m: int, spared: Callable[[int], Fraction]) -> list[float]:
    """Ball's triangular equations, in rational numbers."""
    found: list[Fraction] = []
    for j in range(n + 1):
        known = sum(math.comb(n - i, j - i) * found[i] / spared(n - j) ** (i + m) for i in range(j))
        found.append((math.comb(n, j) - known) * spared(n - j) ** (j + m))
    return [float(f) for f in found]


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 2), (12, 1)])
@pytest.mark.parametrize("p", [0.05, 0.2, 0.6])
def test_final_sizes_of_small_groups_are_those_of_the_chains(n: int, m: int, p: float) -> None:
    assert theory.final_size_pmf(n, p, m) == pytest.approx(chain_binomial(n, p, m), abs=1e-13)
    assert theory.final_size_pmf(n, p, m, "exponential") == pytest.approx(jump_chain(n, p, m), abs=1e-13)


def test_final_sizes_satisfy_the_triangular_equations() -> None:
    n, m, p = 60, 2, Fraction(1, 30)
    a = (1 - p) / p
    assert theory.final_size_pmf(n, 1 / 30, m) == pytest.approx(triangular(n, m, lambda k: (1 - p) ** k), rel=1e-10)
    assert theory.final_size_pmf(n, 1 / 30, m, "exponential") == pytest.approx(
        triangular(n, m, lambda k: a / (a + k)), rel=1e-10
    )


def test_final_sizes_at_the_ends() -> None:
    for period in ("constant", "exponential"):
        assert theory.final_size_pmf(4, 0, 1, period).tolist() == [1, 0, 0, 0, 0]
        assert theory.final_size_pmf(4, 1, 1, period).tolist() == [0, 0, 0, 0, 1]
        assert theory.final_size_pmf(4, 0.5, 0, period).tolist() == [1, 0, 0, 0, 0]
        assert theory.final_size_pmf(0, 0.5, 1, period).tolist() == [1]
        large = theory.final_size_pmf(300, 2 / 300, 1, period)
        assert large.sum() == pytest.approx(1, rel=1e-11)
        assert large[150:].sum() == pytest.approx(theory.complete_outbreak_probability(2, period=period), abs=0.02)
        assert float(np.arange(150, 301) @ large[150:]) / large[150:].sum() / 300 == pytest.approx(0.797, abs=0.01)


def test_diffusion_solves_its_equations() -> None:
    p, q, t = 0.03, 0.38, np.array([0.0, 1.0, 5.0, 12.0])
    bass = solve_ivp(lambda _, f: (p + q * f) * (1 - f), (0, 12), [0.0], t_eval=t, rtol=1e-10, atol=1e-12).y[0]
    assert theory.bass_share(t, p, q) == pytest.approx(bass, abs=1e-8)
    peak = theory.bass_peak(p, q)
    times = np.linspace(0, 20, 200_001)
    assert times[np.diff(theory.bass_share(times, p, q)).argmax()] == pytest.approx(peak, abs=1e-3)
    assert theory.bass_peak(0.4, 0.3) == 0
    assert theory.bass_share(t, 0.2, 0) == pytest.approx(1 - np.exp(-0.2 * t), abs=1e-15)
    logistic = solve_ivp(lambda _, y: 0.7 * y * (1 - y), (0, 12), [0.01], t_eval=t, rtol=1e-10, atol=1e-12).y[0]
    assert theory.logistic_share(t, 0.7, 0.01) == pytest.approx(logistic, abs=1e-8)


# -- exposures and stays


def test_exposures_follow_erlang() -> None:
    t = np.array([0.0, 0.5, 2.0, 9.0])
    for k in (1, 3):
        assert theory.exposure_cdf(t, 0.8, k) == pytest.approx(stats.poisson(0.8 * t).sf(k - 1), abs=1e-14)
        # Moments from the survival function, by sums over a fine grid of midpoints.
        u = np.arange(0.0005, 80, 0.001)
        later = 1 - theory.exposure_cdf(u, 0.8, k)
        mean, variance = theory.exposure_moments(0.8, k)
        assert mean == pytest.approx(later.sum() * 0.001, rel=1e-6)
        assert variance == pytest.approx(2 * float(u @ later) * 0.001 - mean**2, rel=1e-6)
    assert theory.exposure_cdf(2.0, 0.8) == pytest.approx(1 - math.exp(-1.6))
    with pytest.raises(InputError, match="needed"):
        theory.exposure_cdf(1, 1, 0)


def test_presence_has_elementary_values_for_exponential_and_constant_stays() -> None:
    h, g, t = 0.3, 0.5, 4.0
    chance = h / (g - h) * (math.exp(-h * t) - math.exp(-g * t))
    assert theory.present_probability(h, lambda u: math.exp(-g * u), t) == pytest.approx(chance, rel=1e-12)

    def stay(u: float) -> float:
        return float(u < 1.25)

    constant = math.exp(-h * (t - 1.25)) - math.exp(-h * t)
    assert theory.present_probability(h, stay, t, [1.25]) == pytest.approx(constant, rel=1e-12)
    assert theory.present_probability(h, lambda u: 1.0, t) == pytest.approx(1 - math.exp(-h * t), rel=1e-12)
    assert theory.infinite_server_build_up(6, lambda u: math.exp(-g * u), t) == pytest.approx(
        6 / g * (1 - math.exp(-g * t)), rel=1e-12
    )
    assert theory.infinite_server_build_up(6, stay, 100.0, [1.25]) == pytest.approx(7.5, rel=1e-12)
    assert theory.infinite_server_moments(6, 1.25) == (7.5, 7.5)


def test_simulated_people_are_as_often_present() -> None:
    rng = np.random.default_rng(715)
    n, h, t = 200_000, 0.2, 6.0
    leave = rng.exponential(1 / h, n)
    present = ((leave <= t) & (leave + rng.gamma(3.0, 0.7, n) > t)).mean()
    chance = theory.present_probability(h, lambda u: float(stats.gamma(3.0, scale=0.7).sf(u)), t)
    assert abs(present - chance) < Z * math.sqrt(chance * (1 - chance) / n)


# -- cascades on networks


def share_needed(phi: float) -> Response:
    return lambda m, k: m >= phi * k - 1e-12


def test_the_cascade_window_is_that_of_watts() -> None:
    lower, upper = theory.cascade_window(0.18)
    assert (round(lower, 2), round(upper, 2)) == (1.02, 5.76)
    for phi in (0.18, 0.1, 0.25, 1 / 7):
        for z, sign in zip(theory.cascade_window(phi), (1, -1), strict=True):
            factors = [theory.cascade_factor(theory.poisson_pmf(z + d), share_needed(phi)) for d in (-0.01, 0, 0.01)]
            assert factors[1] == pytest.approx(1, abs=1e-9)
            assert (factors[2] - 1) * sign > 0 > (factors[0] - 1) * sign
    assert np.isnan(theory.cascade_window(0.26)).all()
    grid = np.linspace(0.1, 20, 300)
    assert max(theory.cascade_factor(theory.poisson_pmf(z), share_needed(0.26)) for z in grid) < 1


def test_cascades_grow_only_within_the_window() -> None:
    lower, upper = theory.cascade_window(0.18)
    for z, is_large in ((lower - 0.1, False), (lower + 0.5, True), (upper - 0.3, True), (upper + 0.5, False)):
        assert (theory.cascade_size(theory.poisson_pmf(z), share_needed(0.18), 1e-6) > 0.1) == is_large


def test_cascades_on_regular_networks_solve_their_equation() -> None:
    """Two of three neighbours needed: q = r + (1 - r) q^2, so that q = r / (1 - r) below r = 1 / 2."""
    seeds = 0.2
    q = seeds / (1 - seeds)
    share = seeds + (1 - seeds) * (3 * q**2 * (1 - q) + q**3)
    assert theory.cascade_size(theory.constant_pmf(3), lambda m, k: m >= 2, seeds) == pytest.approx(share, rel=1e-11)
    assert theory.cascade_size(theory.constant_pmf(3), lambda m, k: m >= 2, 0.6) == pytest.approx(1, rel=1e-11)
    assert theory.cascade_size(theory.constant_pmf(3), lambda m, k: m >= 2, 0) == 0
    assert theory.cascade_size([0.5, 0.5], lambda m, k: m >= 0, 0) == pytest.approx(1)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_a_threshold_of_one_neighbour_is_percolation(name: str) -> None:
    p = NETWORKS[name]
    share = theory.cascade_size(p, lambda m, k: m >= 1, 1e-9)
    assert share == pytest.approx(theory.outbreak_size(p, 1), abs=1e-6)
    some = theory.cascade_size(p, lambda m, k: 1 - 0.4**m, 1e-9)
    assert some == pytest.approx(theory.outbreak_size(p, 0.6), abs=1e-6)


def test_cascades_agree_with_a_simulated_tree() -> None:
    """Degrees 1 to 4, normal thresholds as shares, a tree from its leaves (seeds only) up to its root.

    Every level is a pool of n that draws its children from the pool below, so that its mean has the variance
    q (1 - q) / n and passes errors on by the slope of the map.
    """
    rng = np.random.default_rng(3)
    p = np.array([0.0, 0.1, 0.3, 0.4, 0.2])
    seeds, n, levels = 0.05, 200_000, 40
    edge = theory.excess_pmf(p)

    def reached(q: float, weights: np.ndarray, fewer: int) -> float:
        each = []
        for k in range(1, 5):
            m = np.arange(k - fewer + 1)
            each.append(float(stats.binom.pmf(m, k - fewer, q) @ ndtr((m / k - 0.3) / 0.3)))
        return seeds + (1 - seeds) * float(weights @ each)

    q = seeds
    for _ in range(levels - 1):
        q = reached(q, edge, 1)
    slope = (reached(q + 1e-5, edge, 1) - reached(q - 1e-5, edge, 1)) / 2e-5
    passed_on = (reached(q + 1e-5, p[1:], 0) - reached(q - 1e-5, p[1:], 0)) / 2e-5
    share = theory.cascade_size(p, lambda m, k: ndtr((m / k - 0.3) / 0.3), seeds)
    assert 0 < slope < 0.75
    assert reached(q, p[1:], 0) == pytest.approx(share, abs=1e-3 / math.sqrt(n))

    active = rng.random(n) < seeds
    for level in range(levels):
        is_root = level == levels - 1
        k = rng.choice(np.arange(1, 5), n, p=p[1:] if is_root else edge)
        m = np.zeros(n, dtype=np.int64)
        for child in range(4):
            m += (child < k - (not is_root)) & active[rng.integers(0, n, n)]
        active = (rng.random(n) < seeds) | (rng.normal(0.3, 0.3, n) <= m / k)
    variance = share * (1 - share) / n + passed_on**2 * q * (1 - q) / n / (1 - slope**2)
    assert abs(active.mean() - share) < Z * math.sqrt(variance)
    assert 0.1 < share < 0.95


# -- significance


def test_critical_values_hold_for_the_whole_table() -> None:
    assert theory.critical_value(1, 0.05) == pytest.approx(1.959964, abs=1e-6)
    for n in (1, 10, 500):
        assert n * 2 * stats.norm.sf(theory.critical_value(n)) == pytest.approx(1e-3, rel=1e-9)
        assert theory.critical_value(n) == pytest.approx(-ndtri((1 - 0.999 ** (1 / n)) / 2), abs=2e-4)
    with pytest.raises(InputError, match="level"):
        theory.critical_value(3, 1.5)


@pytest.mark.parametrize("t", [-8.0, -2.0, 0.0, 0.3, 3.0, 12.0])
@pytest.mark.parametrize("df", [1.0, 4.5, 200.0])
def test_t_has_the_p_value_of_its_z(t: float, df: float) -> None:
    z = theory.z_of_t(t, df)
    assert 2 * stats.norm.sf(abs(z)) == pytest.approx(2 * stats.t(df).sf(abs(t)), rel=1e-10)
    assert math.copysign(1, z) == math.copysign(1, t)


def test_t_keeps_its_digits_where_p_is_no_number() -> None:
    for t, df in ((5e2, 400.0), (60.0, 1e4), (1e6, 90.0)):
        scale = (1 + t * t / df) / t / (df + 1) * df
        rest = quad(lambda v, t=t, df=df, s=scale: (
            math.exp(-(df + 1) / 2 * math.log1p((2 * t * v * s + (v * s) ** 2) / (df + t * t)))
        ), 0, math.inf, epsabs=0, epsrel=1e-10)[0]  # fmt: skip
        log_p = LOG_2 + float(stats.t(df).logpdf(t)) + math.log(scale * rest)
        assert log_p < -700
        assert theory.z_of_t(t, df) == pytest.approx(theory.z_of_p(log_p), rel=1e-8)
    assert theory.z_of_t(50.0, 1e8) == pytest.approx(50 * (1 - 2501 / 4e8), rel=1e-9)
    # Where both ways are open they agree.
    assert _log_beta_tail(9.0, 30.0) == pytest.approx(LOG_2 + math.log(stats.t(30).sf(9.0)), rel=1e-12)


def test_chi_square_has_the_p_value_of_its_z() -> None:
    for z in (0.5, 3.0, 30.0, 1000.0):
        assert theory.z_of_chi_square(z * z, 1) == pytest.approx(z, rel=1e-9)
    assert theory.z_of_chi_square(5000, 2) == pytest.approx(theory.z_of_p(-2500), rel=1e-12)
    assert theory.z_of_chi_square(5000, 4) == pytest.approx(theory.z_of_p(-2500 + math.log(2501)), rel=1e-12)
    assert 2 * stats.norm.sf(theory.z_of_chi_square(31, 12)) == pytest.approx(stats.chi2(12).sf(31), rel=1e-11)
    assert theory.z_of_chi_square(0, 3) == 0
    assert _log_gamma_tail(60.0, 7.0) == pytest.approx(math.log(stats.gamma(7.0).sf(60.0)), rel=1e-12)


def test_z_of_p_inverts_the_normal_tail() -> None:
    for z in (0.0, 1.0, 8.0):
        assert theory.z_of_p(float(np.log(2 * stats.norm.sf(z)))) == pytest.approx(z, abs=1e-12)
    assert theory.z_of_p(-math.inf) == math.inf
    with pytest.raises(InputError, match="log_p"):
        theory.z_of_p(0.1)


def test_counts_have_the_exact_doubled_p_value() -> None:
    for x in range(13):
        tails = [
            math.fsum(math.comb(12, j) * 0.3**j * 0.7 ** (12 - j) for j in js) for js in (range(x + 1), range(x, 13))
        ]
        z = theory.z_of_binomial(x, 12, 0.3)
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(min(1, 2 * min(tails)), rel=1e-11)
        assert z == 0 or (z < 0) == (x < 3.6)
        terms = [math.exp(-3.6) * 3.6**j / math.factorial(j) for j in range(80)]
        z = theory.z_of_poisson(x, 3.6)
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(
            min(1, 2 * min(sum(terms[: x + 1]), sum(terms[x:]))), rel=1e-11
        )
        assert z == 0 or (z < 0) == (x < 3.6)


def test_counts_keep_their_digits_where_p_is_no_number() -> None:
    assert theory.z_of_binomial(0, 10_000, 0.5) == pytest.approx(-theory.z_of_p(-9999 * LOG_2), rel=1e-12)
    assert theory.z_of_binomial(10_000, 10_000, 0.5) == pytest.approx(theory.z_of_p(-9999 * LOG_2), rel=1e-12)
    assert theory.z_of_poisson(0, 2000) == pytest.approx(-theory.z_of_p(LOG_2 - 2000), rel=1e-12)
    assert theory.z_of_poisson(500, 1e-3) == pytest.approx(
        theory.z_of_p(LOG_2 - 1e-3 + 500 * math.log(1e-3) - math.lgamma(501) + 1e-3 / 501), rel=1e-10
    )
    assert theory.z_of_binomial(3, 5, 0) == math.inf
    assert theory.z_of_poisson(3, 0) == math.inf


@pytest.mark.parametrize("probability", [0.03, 0.5])
def test_counts_are_never_too_alarming(probability: float) -> None:
    pmf = stats.binom(40, probability).pmf(np.arange(41))
    z = np.array([abs(theory.z_of_binomial(x, 40, probability)) for x in range(41)])
    for level in (0.2, 0.05, 1e-3):
        assert pmf[z > theory.critical_value(1, level)].sum() <= level
    assert (z > 3).any()


def test_distances_of_distributions_have_the_exact_p_value() -> None:
    # One value: D = max(u, 1 - u), so that P(D > d) = 2 (1 - d). Two values: see the areas of the unit square.
    assert 2 * stats.norm.sf(theory.z_of_ks(0.9, 1)) == pytest.approx(0.2, rel=1e-12)
    assert 2 * stats.norm.sf(theory.z_of_ks(0.9, 2)) == pytest.approx(2 * 0.1**2, rel=1e-10)
    assert theory.z_of_ks(0.0, 10) == 0
    assert theory.z_of_ks(1.0, 10) == math.inf
    assert 2 * stats.norm.sf(theory.z_of_ks(0.4, 100)) == pytest.approx(2 * smirnov(100, 0.4), rel=1e-8)
    # Massart: p <= 2 exp(-2 n d^2), and close to it on the logarithmic scale for small d.
    z = theory.z_of_ks(0.1, 50_000)
    assert theory.z_of_p(LOG_2 - 1000) < z < theory.z_of_p(LOG_2 - 1030)
    around = [theory.z_of_ks(d, 2000) for d in np.linspace(0.38, 0.43, 40)]
    assert np.diff(around, 2) == pytest.approx(0, abs=1e-3)
    with pytest.raises(InputError, match="statistic"):
        theory.z_of_ks(1.2, 10)


# -- what is refused


@pytest.mark.parametrize(
    "ask",
    [
        lambda: theory.critical_mass_tangency(100),
        lambda: theory.threshold_cascade([0, math.nan]),
        lambda: theory.threshold_staircase([]),
        lambda: theory.cascade_window(0),
        lambda: theory.cascade_factor(theory.constant_pmf(0), lambda m, k: m >= 1),
        lambda: theory.cascade_size(theory.constant_pmf(3), lambda m, k: 2 * m, 0.1),
        lambda: theory.hawkes_rate(1, 1),
        lambda: theory.borel_pmf([0, 1], 0.5),
        lambda: theory.borel_pmf([1.5], 0.5),
        lambda: theory.borel_pmf([1], 1.1),
        lambda: theory.borel_cdf([10**8], 0.5),
        lambda: theory.outbreak_size(theory.constant_pmf(3), 1.1),
        lambda: theory.power_law_pmf(2, most=0),
        lambda: theory.final_size(-1),
        lambda: theory.final_size_pmf(3, 0.5, -1),
        lambda: theory.bass_share([-1.0], 0.1, 0.1),
        lambda: theory.bass_peak(0, 0.1),
        lambda: theory.z_of_binomial(4, 3, 0.5),
        lambda: theory.z_of_poisson(-1, 3),
        lambda: theory.z_of_t(1, 0),
        lambda: theory.z_of_chi_square(math.nan, 2),
        lambda: counted("n", 1.5),
        lambda: times_of("times", [math.nan]),
        lambda: within("x", 1.0, 0.0, 1.0, ends="[)"),
        lambda: within("x", math.inf),
    ],
)
def test_arguments_outside_their_range_are_refused_with_what_is_expected(ask: Callable[[], object]) -> None:
    with pytest.raises(InputError, match="expected"):
        ask()


def test_bounds_that_belong_to_a_range_are_taken() -> None:
    assert within("x", 0, 0.0, 1.0) == 0
    assert within("x", 1, 0.0, 1.0, ends="(]") == 1
    assert counted("n", 2.0, 2) == 2
    assert times_of("times", math.inf) == math.inf
