"""ABC-SMC on a model whose posterior is known: right, the same on any path, and gone on with where it was left."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta, binom, chi2, multivariate_normal

pytest.importorskip("pyabc")

import pandas as pd
import pyabc

from sim.errors import InputError
from sim.inference.plan import Calibration
from sim.inference.posterior import equal_draws, weighted_quantiles
from sim.inference.smc import Generation, Smc, distance_of
from sim.inference.transition import Aim, AimedTransition, StandardNormal, aim_at_record, informed_directions
from tests.inference.toy import ITEMS, KEYS, N_PARAMETERS, NOISE, STATISTICS, Toy, night, plan


def smc(plan: Calibration, path: Path, seed: int = 1, told: list[Generation] | None = None) -> Smc:
    return Smc(plan, STATISTICS, Toy(plan), f"sqlite:///{path}", "key", seed, (told if told is not None else []).append)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Smc:
    done = smc(plan(), tmp_path_factory.mktemp("smc") / "history.db")
    assert done.run() == "4 generations were asked for"
    return done


def test_the_posterior_is_that_of_plain_rejection(finished: Smc):
    """All that lies within the last distance is the exact answer; a million draws from the prior find it."""
    within = finished.generations()[-1].threshold
    dice = np.random.default_rng(5)
    places = dice.standard_normal((1_000_000, N_PARAMETERS))
    found = night(places, dice.standard_normal((len(places), 2)))
    a, b = (found[name] + 0.2 * dice.standard_normal(len(places)) for name in ("a", "b"))  # as observed
    deviations = ((a - 0.6) / 0.2) ** 2 + ((np.minimum(b, 0.5) - 0.5) / 0.2) ** 2
    exact = places[np.sqrt(deviations / 2) <= within]
    mine, weights, distances, _ = finished.particles()
    assert (distances <= within).all()
    n = 1 / (weights**2).sum()
    assert n > 60  # or the bounds below, which go with its root, would hold anything
    for axis in (*np.eye(N_PARAMETERS), np.ones(N_PARAMETERS) / math.sqrt(N_PARAMETERS)):
        one, other = mine @ axis, exact @ axis
        mean = weights @ one
        assert abs(mean - other.mean()) < 4.5 * other.std() / math.sqrt(n)
        # The variance of a sample variance is (kurtosis - 1) sigma^4 / n.
        fourth = (((other - other.mean()) / other.std()) ** 4).mean()
        assert abs(weights @ (one - mean) ** 2 / other.var() - 1) < 4.5 * math.sqrt((fourth - 1) / n)


def test_adjusted_particles_lie_where_the_data_are(finished: Smc):
    """Given the data the first direction is normal, 0.6 within the noise of a night and the record's uncertainty of 0.2."""
    places, weights, _, _, along = finished.adjusted_particles()
    assert along == "squares"
    direction = (places[:, 0] + places[:, 1]) / math.sqrt(2)
    n = 1 / (weights**2).sum()
    mean = weights @ direction
    sd = math.sqrt(weights @ (direction - mean) ** 2)
    raw, of_raw, _, _ = finished.particles()
    spread = (raw[:, 0] + raw[:, 1]) / math.sqrt(2)
    assert math.sqrt(of_raw @ (spread - of_raw @ spread) ** 2) > sd  # a threshold of some uncertainties is wide
    variance = NOISE**2 + 0.2**2
    exact_mean, exact_sd = 0.6 / (1 + variance), math.sqrt(variance / (1 + variance))
    # Two slopes more are estimated than in a sample; their error is of the size of the deviation over the root of n.
    assert abs(mean - exact_mean) < 4.5 * math.sqrt(3) * exact_sd / math.sqrt(n)
    assert abs(sd / exact_sd - 1) < 4.5 * math.sqrt(3) * math.sqrt(1 / (2 * n))
    others = weights @ places[:, 4:] ** 2  # what nothing depends on stays as it was believed to be
    assert (np.abs(others - 1) < 5 * math.sqrt(2 / n)).all()


@pytest.mark.long
def test_a_calibration_goes_on_as_if_it_had_never_stopped(finished: Smc, tmp_path: Path):
    told: list[Generation] = []
    smc(plan(), tmp_path / "history.db")  # killed before its first generation was done
    first = smc(plan(generations=2), tmp_path / "history.db", told=told)
    first.run()
    assert [g.number for g in told] == [0, 1]
    again = smc(plan(), tmp_path / "history.db", told=told)
    assert again.n_done == 2
    again.run()
    assert [g.number for g in told] == [0, 1, 2, 3]
    assert again.generations() == finished.generations()
    for mine, theirs in zip(again.particles()[:3], finished.particles()[:3], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    nights = again.simulator.n
    assert again.run() == "4 generations were asked for"
    assert again.simulator.n == nights


@pytest.mark.long
def test_batches_change_nothing(finished: Smc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sim.inference.smc._batch", lambda n, accepted, tried: 37)
    other = smc(plan(generations=2), tmp_path / "history.db")
    other.run()
    np.testing.assert_array_equal(other.particles()[0], finished.particles(1)[0])


@pytest.mark.long
def test_another_seed_gives_other_particles_and_the_random_state_of_others_is_left_alone(finished: Smc, tmp_path: Path):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    other = smc(plan(generations=1), tmp_path / "history.db", seed=2)
    other.run()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert not np.array_equal(other.particles()[0], finished.particles(0)[0])


@pytest.mark.long
def test_it_ends_where_closer_is_no_better_or_enough_was_tried(tmp_path: Path):
    close = smc(plan(particles=50, generations=50, smallest_distance=1.5), tmp_path / "close.db")
    assert "1.5 was asked for" in close.run()
    assert close.generations()[-1].threshold <= 1.5 < close.generations()[-2].threshold
    few = smc(plan(particles=50, generations=50, most_simulations=150), tmp_path / "few.db")
    assert "as many as asked for" in few.run()
    assert few.n_done < 5


def test_nights_that_all_fail_are_told(tmp_path: Path):
    broken = smc(plan(), tmp_path / "history.db")
    broken.simulator.reasons = ("population.size is -1, expected more.",)  # type: ignore[assignment]
    broken.simulator.of = lambda values: [dict.fromkeys(ITEMS, math.nan)] * len(values)  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"population\.size is -1"):
        broken.run()


def test_the_distance_counts_deviations_in_their_uncertainty():
    distance = distance_of(STATISTICS)
    observed = STATISTICS.observed
    assert distance({"a": 0.6, "b": 0.5, "far": 9}, observed) == 0
    assert distance({"a": 0.6, "b": 7.0, "far": 0}, observed) == 0  # beyond a bound, and held out
    assert distance({"a": 0.8, "b": 0.5, "far": 9}, observed) == pytest.approx(math.sqrt(1 / 2))
    assert distance({"a": 0.2, "b": 0.3, "far": 9}, observed) == pytest.approx(math.sqrt((4 + 1) / 2))
    assert distance({"a": math.nan, "b": 0.5, "far": 9}, observed) == math.inf


# -- the prior and the kernel


def test_the_prior_is_what_pyabc_makes_of_its_parts():
    mine, theirs = StandardNormal.of(KEYS), pyabc.Distribution(**{key: pyabc.RV("norm", 0.0, 1.0) for key in KEYS})
    state = np.random.get_state()  # noqa: NPY002
    try:
        for seed in range(20):
            np.random.seed(seed)  # noqa: NPY002
            drawn = mine.copy().rvs()
            np.random.seed(seed)  # noqa: NPY002
            assert list(drawn.items()) == list(theirs.rvs().items())
            assert mine.pdf(drawn) == theirs.pdf(drawn)
    finally:
        np.random.set_state(state)  # noqa: NPY002


def nights_of(n: int, n_parameters: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places, correlated as particles may be, and three statistics of two directions; one is no line."""
    dice = np.random.default_rng(seed)
    places = dice.standard_normal((n, n_parameters))
    places[:, 1] = 0.6 * places[:, 0] + 0.8 * places[:, 1]
    noise = 0.5 * dice.standard_normal((n, 3))
    return places, np.stack([places[:, 0] - places[:, 4], np.exp(places[:, 3]), places[:, 3] * 2], axis=1) + noise


def test_the_directions_that_statistics_depend_on_are_found_and_no_others():
    basis = informed_directions(*nights_of(600, N_PARAMETERS, 3))
    assert basis.shape == (N_PARAMETERS, 2)
    np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-12)
    true = np.zeros((N_PARAMETERS, 2))
    true[[0, 4], 0], true[3, 1] = (1 / math.sqrt(2), -1 / math.sqrt(2)), 1.0
    cosines = np.linalg.svd(basis.T @ true, compute_uv=False)
    # The tangent of the angle: errors of the other eleven slopes, over the length of the slopes. The first direction has more
    # noise for its signal, 0.5 to sqrt(2); parameters that go with others have errors larger by 1 / (1 - 0.6^2) at most.
    tangent = 0.5 / math.sqrt(2) * math.sqrt(chi2.isf(1e-5, N_PARAMETERS - 1) / (1 - 0.6**2) / 600)
    assert cosines.min() > 1 / math.hypot(1, tangent)


def test_nights_that_depend_on_nothing_have_no_directions():
    dice = np.random.default_rng(7)
    found = [
        informed_directions(dice.standard_normal((300, 40)), dice.standard_normal((300, 7))).shape[1]
        for _ in range(200)
    ]
    # How often independent errors, over their estimated sizes, have a singular value beyond what is taken for noise.
    n, left = 4000, 300 - 40 - 1
    errors = dice.standard_normal((n, 40, 7)) / np.sqrt(dice.chisquare(left, (n, 1, 7)) / left)
    k = np.count_nonzero(np.linalg.norm(errors, 2, axis=(1, 2)) > math.sqrt(40) + math.sqrt(7) + 1)
    assert np.count_nonzero(found) <= binom.isf(1e-5, 200, beta.isf(1e-5, k + 1, n - k))


def test_too_few_nights_have_no_directions():
    assert informed_directions(np.ones((5, 12)), np.ones((5, 2))).shape == (12, 0)
    assert aim_at_record(np.ones((5, 12)), np.ones((5, 2)), 1.0).mean.shape == (0,)


def test_the_aim_is_the_posterior_of_lines():
    """Of deviations that are lines and normal noise, with a small threshold, the law along a direction is known."""
    dice = np.random.default_rng(4)
    n = 4000
    places = dice.standard_normal((n, N_PARAMETERS))
    deviations = (2.0 * places[:, [0]] - 3.0) + 0.5 * dice.standard_normal((n, 1))
    aim = aim_at_record(places, deviations, 0.01)
    assert aim.basis.shape == (N_PARAMETERS, 1)
    sign = np.sign(aim.basis[0, 0])
    variance = 1 / (1 + (2.0 / 0.5) ** 2)
    mean = variance * 2.0 * 3.0 / 0.5**2
    # Nights far from the record count less; with four thousand, a thousand are effective at least.
    error = 0.5 / 2.0 / math.sqrt(1000)
    assert abs(sign * aim.mean[0] - mean) < 4.5 * error
    assert abs(aim.factor[0, 0] / math.sqrt(variance) - 1) < 4.5 * math.sqrt(1 / (2 * 1000))


def test_the_density_is_that_of_the_proposals():
    """The mean of any density over that of the proposals is 1, here of a normal law that is a little narrower."""
    basis = np.linalg.qr(np.eye(N_PARAMETERS)[:, [0, 5, 7]] + 0.1)[0]
    kernel = AimedTransition(lambda: Aim(basis, np.array([1.0, 0.0, -0.5]), np.diag([0.1, 0.4, 1.0])))
    kernel.fit(pd.DataFrame(np.zeros((4, N_PARAMETERS)), columns=KEYS), np.full(4, 0.25))
    state = np.random.get_state()  # noqa: NPY002
    try:
        np.random.seed(11)  # noqa: NPY002
        drawn = kernel.rvs(4000)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    x = drawn[KEYS].to_numpy()
    narrower = multivariate_normal(x.mean(axis=0), 0.8 * np.cov(x.T))
    ratio = narrower.pdf(x) / kernel.pdf(drawn)
    assert abs(ratio.mean() - 1) < 4.5 * ratio.std() / math.sqrt(len(ratio))
    np.testing.assert_allclose(kernel.pdf(drawn.iloc[0]), kernel.pdf(drawn)[0])


# -- the posterior


def test_weighted_quantiles_of_equal_weights_are_those_of_hazen():
    values = np.random.default_rng(1).standard_normal(101)
    shares = (0.025, 0.3, 0.5, 0.975)
    np.testing.assert_allclose(
        weighted_quantiles(values, np.ones(101), shares), np.quantile(values, shares, method="hazen")
    )
    doubled = weighted_quantiles(np.concatenate([values, values]), np.ones(202), [0.5])
    np.testing.assert_allclose(weighted_quantiles(values, np.full(101, 2.0), [0.5]), doubled, atol=0.02)


def test_draws_come_as_often_as_their_weight_says():
    weights = np.array([0.5, 0.25, 0.0, 0.25])
    counts = np.bincount(equal_draws(weights, 400, 1), minlength=4)
    assert np.abs(counts - 400 * weights).max() <= 1  # systematic: each as often as it should be, up to one
    np.testing.assert_array_equal(equal_draws(weights, 50, 3), equal_draws(weights, 50, 3))
