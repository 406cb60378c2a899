"""Simultaneous bands hold the whole curve as often as they say, for rough, smooth and cumulated curves and few replicates.

Every check asks whether the share of trials in which the band holds the whole true curve is at least the level, within
Z binomial standard errors; Z keeps the chance that any of N_CHECKS checks fails for a band of exactly the level below
0.001 (Bonferroni). The pointwise band and the plug-in sup-t band, which do not hold it, fail the same
check.
"""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter
from scipy.special import ndtri, stdtrit

from sim.measures.bands import simultaneous_band
from sim.measures.intervals import pointwise_band

LEVEL = 0.95
N_TRIALS = 300
TIMES = 480
N_CHECKS = 60
Z = float(ndtri(1.0 - 0.001 / N_CHECKS))
TOLERANCE = Z * math.sqrt(LEVEL * (1.0 - LEVEL) / N_TRIALS)
SIZES = (3, 8, 16, 30)


def autoregressive(rng, shape, phi):
    noise = rng.standard_normal(shape)
    noise[:, 0] /= math.sqrt(1.0 - phi**2)
    return lfilter([1.0], [1.0, -phi], noise, axis=1)


def smooth(rng, shape, minutes=30.0):
    margin = int(4 * minutes)
    noise = rng.standard_normal((shape[0], shape[1] + 2 * margin))
    return gaussian_filter1d(noise, minutes, axis=1)[:, margin:-margin]


def mixed(rng, shape):
    """Rough by day, smooth by night, of one scale and then of another, and constant in between."""
    values = np.concatenate([autoregressive(rng, (shape[0], shape[1] // 2), 0.5), 50.0 * smooth(rng, shape)], axis=1)
    values = values[:, : shape[1]]
    values[:, shape[1] // 3 : shape[1] // 2] = 0.0
    return values


CURVES = {
    "white": lambda rng, shape: rng.standard_normal(shape),
    "autoregressive 0.9": lambda rng, shape: autoregressive(rng, shape, 0.9),
    "autoregressive 0.99": lambda rng, shape: autoregressive(rng, shape, 0.99),
    "integrated noise": lambda rng, shape: rng.standard_normal(shape).cumsum(axis=1),
    "smooth": smooth,
    "mixed": mixed,
    "counts of 5": lambda rng, shape: rng.poisson(5.0, shape) - 5.0,
    "rare counts": lambda rng, shape: rng.poisson(0.3, shape) - 0.3,
    "differences of rare counts": lambda rng, shape: rng.poisson(0.2, shape) - 1.0 * rng.poisson(0.2, shape),
    "straight lines": lambda rng, shape: rng.standard_normal((shape[0], 1)) + rng.standard_normal((shape[0], 1))
    * np.linspace(-3.0, 3.0, shape[1]),
}  # fmt: skip


def held(make, n, band_of, n_trials=N_TRIALS):
    """Return in how many trials the band of n curves of mean 0 holds 0 at all times."""
    rng = np.random.default_rng([n, len(make(np.random.default_rng(0), (2, TIMES))[0])])
    hits = 0
    for _ in range(n_trials):
        low, high = band_of(make(rng, (n, TIMES)))
        hits += bool(((low <= 0.0) & (high >= 0.0)).all())
    return hits


def simultaneous(values):
    band = simultaneous_band(values, LEVEL)
    return band.low_simultaneous, band.high_simultaneous


def assert_holds(hits, n_trials=N_TRIALS):
    tolerance = Z * math.sqrt(LEVEL * (1.0 - LEVEL) / n_trials)
    assert hits / n_trials > LEVEL - tolerance, f"held in {hits / n_trials:.4f}, {LEVEL} - {tolerance:.4f} expected"


@pytest.mark.parametrize("n", [pytest.param(n, marks=pytest.mark.long) if n in (8, 16) else n for n in SIZES])
@pytest.mark.parametrize("name", list(CURVES))
def test_the_band_holds_the_whole_curve(name, n):
    assert_holds(held(CURVES[name], n, simultaneous))


@pytest.mark.parametrize("n", [8, 30])
@pytest.mark.parametrize("name", ["white", "autoregressive 0.99", "integrated noise", "smooth"])
def test_a_pointwise_band_fails_the_same_check(name, n):
    def pointwise(values):
        band = pointwise_band(values, LEVEL)
        return band.low, band.high

    with pytest.raises(AssertionError, match="held in"):
        assert_holds(held(CURVES[name], n, pointwise))


@pytest.mark.parametrize("name", ["white", "autoregressive 0.99", "smooth"])
def test_the_plug_in_sup_t_band_fails_the_same_check_with_eight_curves(name):
    """The quantile of max |N(0, estimated correlation)|, of rank 7: what large samples would allow."""
    normal = np.random.default_rng(5).standard_normal((500, 8))

    def plug_in(values):
        centred = values - values.mean(axis=0)
        squares = (centred**2).sum(axis=0)
        critical = np.quantile(np.abs(normal @ (centred / np.sqrt(squares))).max(axis=1), LEVEL)
        half = critical * np.sqrt(squares / 7 / 8)
        return values.mean(axis=0) - half, values.mean(axis=0) + half

    with pytest.raises(AssertionError, match="held in"):
        assert_holds(held(CURVES[name], 8, plug_in, 200), 200)


@pytest.mark.parametrize("n", [16, 30])
def test_without_the_least_standard_error_rare_counts_fail_the_same_check(n):
    def plain(values):
        band = simultaneous_band(values, LEVEL)
        half = band.critical * values.std(axis=0, ddof=1) / math.sqrt(n)
        return band.mean - half, band.mean + half

    with pytest.raises(AssertionError, match="held in"):
        assert_holds(held(CURVES["rare counts"], n, plain))


def test_the_band_is_no_wider_than_it_must_be():
    """Of smooth curves, the band is within a tenth of the narrowest one, which knows the law of the largest |T|.

    That one's width has a standard error, from the order statistics around the quantile, far below the difference.
    """
    n, rng = 8, np.random.default_rng(11)
    largest, criticals = np.empty(1500), np.empty(1500)
    for trial in range(1500):
        values = smooth(rng, (n, TIMES))
        errors = values.std(axis=0, ddof=1) / math.sqrt(n)
        largest[trial] = np.abs(values.mean(axis=0) / errors).max()
        criticals[trial] = simultaneous_band(values, LEVEL).critical if trial < 200 else np.nan
    spread = Z * math.sqrt(LEVEL * (1 - LEVEL) / 1500)
    upper = np.quantile(largest, LEVEL + spread)
    assert np.nanmean(criticals) < 1.1 * upper
    assert np.nanmean(criticals) > 0.9 * np.quantile(largest, LEVEL - spread)
    assert np.nanmean(criticals) < 0.75 * stdtrit(n - 1, 1.0 - (1.0 - LEVEL) / (2.0 * TIMES)), "Bonferroni's"
