"""One scale for many tests: every statistic as the normal z of the same two-sided p-value, and the z that is too large.

Tails are taken as logarithms, so that a z of 100 is as exact as one of 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim.measures.theory_checks import counted, within

__all__ = ["critical_value", "z_of_binomial", "z_of_chi_square", "z_of_ks", "z_of_p", "z_of_poisson", "z_of_t"]

LOG_2 = math.log(2.0)
TINY = 1e-290
"""Below this a probability is computed as a logarithm from the start."""


def critical_value(n_rows: int, level: float = 1e-3) -> float:
    """Return the |z| that no row of a table exceeds, with a chance of at least 1 - level if all rows are in order.

    Parameters
    ----------
    n_rows
        Two-sided tests made, 1 or more.
    level
        Family-wise chance of a false alarm, in (0, 1).

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    -Phi^-1(level / (2 n)) (Bonferroni; Dunn 1961). Not Sidak's 1 - (1 - level)^(1 / n): rows of one table share nights
    and people, Bonferroni needs no assumption about that, and at level 1e-3 the two differ by less than 2e-4 in z.
    """
    from scipy.special import ndtri

    return -float(ndtri(within("level", level, high=1.0, ends="()") / (2.0 * counted("n_rows", n_rows, 1))))


def z_of_p(log_p: float) -> float:
    """Return the normal z, 0 or more, whose two-sided p-value has this natural logarithm.

    Parameters
    ----------
    log_p
        ln p, at most 0; minus infinity gives infinity.

    Raises
    ------
    InputError
        `log_p` is above 0 or NaN.

    Notes
    -----
    -Phi^-1(p / 2), from the logarithm.
    """
    from scipy.special import ndtri_exp

    log_half = log_p - LOG_2 if log_p == -math.inf else within("log_p", log_p, -math.inf, 0.0) - LOG_2
    return max(0.0, -float(ndtri_exp(log_half)))


def z_of_t(t: float, df: float) -> float:
    """Return the normal z with the sign of t and its two-sided p-value.

    Parameters
    ----------
    t
        Student's statistic, finite.
    df
        Degrees of freedom, above 0.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    p = I_x(df / 2, 1 / 2), x = df / (df + t^2), the regularised incomplete beta function. Where it is too small for a
    number, ln p comes from its continued fraction (Abramowitz and Stegun 1964, 26.5.8).
    """
    from scipy.special import stdtr

    value, nu = within("t", t, -math.inf), within("df", df, ends="(]")
    log_p = _log(2.0 * float(stdtr(nu, -abs(value))), lambda: _log_beta_tail(value, nu))
    return math.copysign(z_of_p(min(log_p, 0.0)), value)


def z_of_chi_square(x: float, df: float) -> float:
    """Return the normal z, 0 or more, whose two-sided p-value is P(chi-square > x).

    Parameters
    ----------
    x
        Statistic, 0 or more.
    df
        Degrees of freedom, above 0.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    p = Q(df / 2, x / 2), the regularised upper incomplete gamma function; with df = 1, z is the root of x. Where it is
    too small for a number, ln p comes from its continued fraction (Abramowitz and Stegun 1964, 6.5.31). Small values of
    x, a fit too good, give a small z and no alarm.
    """
    from scipy.special import gammaincc

    half, shape = within("x", x) / 2.0, within("df", df, ends="(]") / 2.0
    return z_of_p(min(_log(float(gammaincc(shape, half)), lambda: _log_gamma_tail(half, shape)), 0.0))


def z_of_binomial(successes: int, trials: int, probability: float) -> float:
    """Return the normal z of an exact two-sided binomial test, negative if there are too few successes.

    Parameters
    ----------
    successes, trials
        Counts, 0 <= successes <= trials.
    probability
        Chance of a success under the hypothesis, in [0, 1].

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    p = min(1, 2 min(P(X <= x), P(X >= x))), the test that inverts the interval of Clopper and Pearson (1934). It is
    exact in that a false alarm is never more likely than said; the mid-p value does not promise that.
    """
    from scipy.special import bdtr, bdtrc, gammaln, xlog1py, xlogy

    n, share = counted("trials", trials), within("probability", probability, high=1.0)
    x = counted("successes", int(within("successes", counted("successes", successes), high=n)))

    def terms(low: int, high: int) -> float:
        j = np.arange(low, high + 1, dtype=np.float64)
        choose = gammaln(n + 1.0) - gammaln(j + 1.0) - gammaln(n - j + 1.0)
        return _log_sum(choose + xlogy(j, share) + xlog1py(n - j, -share))

    low = _log(float(bdtr(x, n, share)), lambda: terms(0, x))
    high = _log(float(bdtrc(x - 1, n, share)), lambda: terms(x, n)) if x > 0 else 0.0
    return _doubled(low, high)


def z_of_poisson(count: int, mean: float) -> float:
    """Return the normal z of an exact two-sided Poisson test, negative if there are too few.

    Parameters
    ----------
    count
        Events seen, 0 or more.
    mean
        Events expected under the hypothesis, 0 or more.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    p = min(1, 2 min(P(X <= x), P(X >= x))) (Garwood 1936), conservative like `z_of_binomial`.
    """
    from scipy.special import gammaln, pdtr, pdtrc, xlogy

    x, expected = counted("count", count), within("mean", mean)

    def terms(low: int, high: int) -> float:
        j = np.arange(low, high + 1, dtype=np.float64)
        return _log_sum(xlogy(j, expected) - expected - gammaln(j + 1.0))

    # A tail that is too small for a number begins far above the mean, where x more terms are plenty.
    low = _log(float(pdtr(x, expected)), lambda: terms(0, x))
    high = _log(float(pdtrc(x - 1, expected)), lambda: terms(x, 2 * x + 1000)) if x > 0 else 0.0
    return _doubled(low, high)


def z_of_ks(statistic: float, n: int) -> float:
    """Return the normal z, 0 or more, whose two-sided p-value is that of the Kolmogorov-Smirnov test of one sample.

    Parameters
    ----------
    statistic
        D, the largest distance between the empirical and a continuous, fully given cdf, in [0, 1].
    n
        Size of the sample, 1 or more.

    Raises
    ------
    InputError
        A parameter outside its range.

    Notes
    -----
    p = P(D_n >= D) exactly for every n (Simard and L'Ecuyer 2011, as in SciPy). Where it is too small for a number it
    is twice the one-sided sum of Birnbaum and Tingey (1951), which is exact there to far more than all digits.
    """
    from scipy.special import gammaln
    from scipy.stats import kstwo

    d, size = within("statistic", statistic, high=1.0), counted("n", n, 1)

    def one_sided() -> float:
        j = np.arange(math.floor(size * (1.0 - d)) + 1, dtype=np.float64)
        rest = 1.0 - d - j / size
        j, rest = j[rest > 0.0], rest[rest > 0.0]
        choose = gammaln(size + 1.0) - gammaln(j + 1.0) - gammaln(size - j + 1.0)
        return LOG_2 + _log_sum(choose + math.log(d) + (j - 1.0) * np.log(d + j / size) + (size - j) * np.log(rest))

    return z_of_p(min(_log(float(kstwo.sf(d, size)), one_sided), 0.0))


def _log(probability: float, otherwise: Callable[[], float]) -> float:
    """Return ln of a probability, from `otherwise` if it is too small for a number with all its digits."""
    return math.log(probability) if probability > TINY else otherwise()


def _log_sum(logs: np.ndarray) -> float:
    """Return ln of the sum of exp(logs), minus infinity if nothing is there."""
    from scipy.special import logsumexp

    return float(logsumexp(logs)) if logs.size else -math.inf


def _doubled(low: float, high: float) -> float:
    """Return z of twice the smaller tail, given both as logarithms; negative for the lower one."""
    z = z_of_p(min(LOG_2 + min(low, high), 0.0))
    return z if high <= low or z == 0.0 else -z


def _continued(first: float, terms: Callable[[int], tuple[float, float]]) -> float:
    """Return first + a1 / (b1 + a2 / (b2 + ...)), with terms(i) = (a_i, b_i) (Lentz 1976)."""
    value = c = first or 1e-300
    d = 0.0
    for i in range(1, 100_000):
        a, b = terms(i)
        d = 1.0 / (b + a * d)
        c = b + a / c
        value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _log_beta_tail(t: float, df: float) -> float:
    """Return ln I_x(df / 2, 1 / 2) at x = df / (df + t^2), for an x far below the mean of that beta distribution."""
    from scipy.special import betaln

    a, b = df / 2.0, 0.5
    ratio = t / df * t
    x = 1.0 / (1.0 + ratio)

    def terms(i: int) -> tuple[float, float]:
        m = i // 2
        if i % 2:
            return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
        return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

    log_front = -a * math.log1p(ratio) + b * math.log(ratio * x) - math.log(a) - float(betaln(a, b))
    return log_front - math.log(_continued(1.0, terms))


def _log_gamma_tail(x: float, shape: float) -> float:
    """Return ln Q(shape, x) for an x far above the shape."""
    from scipy.special import gammaln

    def terms(i: int) -> tuple[float, float]:
        return -i * (i - shape), x + 2 * i + 1.0 - shape

    return shape * math.log(x) - x - float(gammaln(shape)) - math.log(_continued(x + 1.0 - shape, terms))
