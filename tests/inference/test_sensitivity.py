"""Sensitivity against functions whose indices are known, and measures against the outcomes of the nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("SALib")

import sim
from sim.config import compose_tree, tree_of
from sim.inference.priors import Prior
from sim.inference.sensitivity import measured_at, morris_shares, morris_table, sobol_shares, sobol_table
from sim.options import override
from sim.study.design import Design, Factor
from sim.study.points import Settings
from sim.study.store import Store
from sim.study.template import ArmsOfPoints
from sim.study.workers import Workplace

PRIORS = {f"p.{i}": Prior.model_validate({"range": [0, 1], "says": "x", "source": "assumed"}) for i in range(4)}


def test_effects_of_a_line_are_its_slopes():
    shares = morris_shares(PRIORS, 20, 1)
    assert shares.shape == (20 * 5, 4)
    slopes = np.array([3.0, -2.0, 0.0, 0.5])
    table = morris_table(PRIORS, shares, shares @ slopes + 7, 1)
    np.testing.assert_allclose(table["mu"], slopes, atol=1e-12)
    np.testing.assert_allclose(table["mu_star"], np.abs(slopes), atol=1e-12)
    np.testing.assert_allclose(table["sigma"], 0, atol=1e-12)


def test_sobol_indices_of_a_function_of_g():
    """Sobol's g function (Saltelli and Sobol 1995): V_i = 1 / (3 (1 + a_i)^2), products for interactions."""
    a = np.array([0.0, 1.0, 4.5, 99.0])
    shares = sobol_shares(PRIORS, 2048, 1)
    values = np.prod((np.abs(4 * shares - 2) + a) / (1 + a), axis=1)
    table = sobol_table(PRIORS, values, 1)
    alone = 1 / (3 * (1 + a) ** 2)
    whole = np.prod(1 + alone) - 1
    total = np.array([alone[i] * np.prod(np.delete(1 + alone, i)) for i in range(4)])
    # The errors are halves of 95 % intervals: twice as far is four standard errors.
    assert (np.abs(table["first"] - alone / whole) < 2 * table["first_error"] + 1e-3).all()
    assert (np.abs(table["total"] - total / whole) < 2 * table["total_error"] + 1e-3).all()


def test_measures_are_means_over_replicates_on_the_same_dice(tmp_path: Path):
    small = ("population.size=300",)

    def compose(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        return tree_of(compose_tree([*small, *(override(k, v) for k, v in values.items()), *overrides]))

    key = "parameters.threshold_median"
    priors = {key: Prior.model_validate({"range": [0.5, 3], "says": "x", "source": "assumed"})}
    arms = ArmsOfPoints(compose, None, Design(method="lhs", factors={key: Factor(range=(0.5, 3))}, points=1))
    arms.prepare({key: 1.0})
    measures = {"turnout": ("participants", "throttled", None), "effect": ("posts_published", "throttled", "open"),
                "missing": ("dip_from_leaving", "open", None)}  # fmt: skip
    settings = Settings(2, (), False, "compiled", Store(tmp_path / "store"), False)
    found = measured_at(
        np.array([[0.0], [1.0]]), priors, {}, measures, arms, settings, Workplace("loky", None, 1), seed=5
    )
    for place, value in enumerate((0.5, 3.0)):
        night = sim.load(*small, f"{key}={value}")
        runs = [sim.simulate(night, seed=s).outcomes.set_index("outcome")["value"] for s in (5, 6)]
        others = [sim.simulate(night.open(), seed=s).outcomes.set_index("outcome")["value"] for s in (5, 6)]
        assert found["turnout"][place] == np.mean([run["participants"] for run in runs])
        differences = [a["posts_published"] - b["posts_published"] for a, b in zip(runs, others, strict=True)]
        assert found["effect"][place] == pytest.approx(np.mean(differences))
    assert found["turnout"][0] > found["turnout"][1]
    assert np.isnan(found["missing"]).all()
