"""Priors against scipy's laws, and places that are standard normal whatever the prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats as st
from pydantic import ValidationError

from sim.config import compose_tree, plan_of
from sim.inference.priors import Prior, places_of, values_at
from sim.study.listed import read_listed

ABOUT = {"says": "a parameter", "source": "assumed"}
LAWS: list[tuple[dict[str, Any], Any]] = [
    ({"range": [-1, 3]}, st.uniform(-1, 4)),
    ({"law": "log_uniform", "range": [0.5, 20]}, st.loguniform(0.5, 20)),
    ({"law": "normal", "range": [0, 1], "mean": 0.8, "sd": 0.3}, st.truncnorm(-0.8 / 0.3, 0.2 / 0.3, 0.8, 0.3)),
    ({"law": "normal", "range": [-50, 50], "mean": 1, "sd": 2}, st.norm(1, 2)),
]
READINGS = ("calendar_days", "as_told")


@pytest.mark.parametrize(("given", "law"), LAWS)
def test_a_prior_is_its_law(given: dict[str, Any], law: Any):
    prior = Prior.model_validate(given | ABOUT)
    shares = np.linspace(0.001, 0.999, 57)
    values = prior.value_at(shares)
    np.testing.assert_allclose(values, law.ppf(shares), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(prior.share_below(values), shares, rtol=1e-9)


def test_places_are_the_normal_scores_of_values():
    priors = {f"p.{i}": Prior.model_validate(given | ABOUT) for i, (given, _) in enumerate(LAWS)}
    places = np.random.default_rng(1).standard_normal((200, len(priors)))
    values = values_at(priors, places)
    for i, (key, (_, law)) in enumerate(zip(priors, LAWS, strict=True)):
        np.testing.assert_allclose([v[key] for v in values], law.ppf(st.norm.cdf(places[:, i])), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(places_of(priors, values), places, rtol=1e-6, atol=1e-8)


def test_values_beyond_the_range_have_finite_places():
    priors = {"p.x": Prior.model_validate({"range": [0, 1]} | ABOUT)}
    places = places_of(priors, [{"p.x": -3.0}, {"p.x": 0.0}, {"p.x": 1.0}])
    assert np.isfinite(places).all()
    assert places[0] == places[1] < -7 < 7 < places[2]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"range": [1, 1]}, "lower one first"),
        ({"range": [0, math.inf]}, "finite"),
        ({"law": "log_uniform", "range": [0, 1]}, "more than 0"),
        ({"law": "normal", "range": [0, 1]}, "mean and sd"),
        ({"range": [0, 1], "sd": 1}, "mean and sd"),
        ({"range": [0, 1], "says": ""}, "at least 1 character"),
    ],
)
def test_a_prior_that_is_none_is_refused(given: dict[str, Any], word: str):
    with pytest.raises(ValidationError, match=word):
        Prior.model_validate(ABOUT | given)


@pytest.mark.parametrize("reading", READINGS)
def test_every_prior_of_the_night_holds_the_value_that_was_fitted_by_hand_and_names_its_source(reading: str):
    config = compose_tree([f"parameters={reading}", f"calibration={reading}"])
    plan = plan_of(config).calibration
    assert plan is not None
    for key, prior in plan.priors.items():
        part, name = key.split(".")
        value = float(config[part][name])
        assert prior.range[0] <= value <= prior.range[1], key
        assert prior.symbol
        assert "assumed" in prior.source or "claims" in prior.source
    fitted = {k for k, v in config.parameters.items() if isinstance(v, int | float)}
    of_other_rules = {"hazard_per_hour", "critical_mass_mean", "critical_mass_sd"}
    assert {
        k.removeprefix("parameters.") for k in plan.priors if k.startswith("parameters.")
    } == fitted - of_other_rules


@pytest.mark.parametrize(("reading", "option"), [("calendar_days", "posterior"), ("as_told", "posterior_as_told")])
def test_the_draws_that_come_with_the_package_are_of_these_priors(reading: str, option: str):
    plan = plan_of(compose_tree([f"parameters={reading}", f"calibration={reading}"])).calibration
    design = plan_of(compose_tree([f"parameters={option}"])).design
    assert plan is not None
    assert design.file is not None
    columns = read_listed(design.file)
    assert list(columns) == list(plan.priors), "sim/data is old: run make posteriors"
    for key, values in columns.items():
        low, high = plan.priors[key].range
        assert low <= min(values) < max(values) <= high, key
    told = [line for line in design.file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert f"python -m sim.calibrate observed={reading}" in told[1]
    assert not any(word in told[1] for word in ("folder=", "store=", "workers="))
    assert design.points <= len(columns[key])
