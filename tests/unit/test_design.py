"""Designs: which values are tried together, and the scenarios that they make."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.config import compose_tree, tree_of
from sim.errors import InputError
from sim.laws import Frozen
from sim.options import override
from sim.scenario import Scenario
from sim.study.design import Design, Factor, design_points
from sim.study.template import ArmsOfPoints


def design(method: str, factors: dict[str, Any], **more: Any) -> Design:
    return Design.model_validate({"method": method, "factors": factors, **more})


TWO = {"a": {"range": [0, 10]}, "b": {"range": [1, 1000], "scale": "log"}}


# -- points


def test_a_grid_has_all_combinations_and_varies_the_last_factor_fastest() -> None:
    found = design_points(design("grid", {"a": {"range": [0, 1], "levels": 3}, "b": {"values": ["x", "y"]}}))
    assert found == [{"a": a, "b": b} for a in (0.0, 0.5, 1.0) for b in ("x", "y")]


def test_a_grid_of_whole_numbers_holds_each() -> None:
    assert [p["n"] for p in design_points(design("grid", {"n": {"range": [2, 5], "whole": True}}))] == [2, 3, 4, 5]
    few = design_points(design("grid", {"n": {"range": [1, 1000], "whole": True, "levels": 4, "scale": "log"}}))
    assert [p["n"] for p in few] == [1, 10, 100, 1000]


def test_a_grid_on_a_log_scale_has_equal_ratios_and_both_ends() -> None:
    values = [p["b"] for p in design_points(design("grid", {"b": {"range": [1, 1000], "scale": "log", "levels": 7}}))]
    assert values[0] == 1
    assert values[-1] == 1000
    np.testing.assert_allclose(np.diff(np.log(values)), math.log(1000) / 6)


def test_a_latin_hypercube_has_each_slice_of_each_factor_once() -> None:
    n = 57
    found = design_points(design("lhs", TWO, points=n))
    for key, place in (("a", lambda v: v / 10), ("b", lambda v: math.log(v) / math.log(1000))):
        assert sorted(int(place(p[key]) * n) for p in found) == list(range(n))


def test_sobol_keeps_its_first_points_when_more_are_asked_for() -> None:
    few, more = (design_points(design("sobol", TWO, points=n)) for n in (100, 300))
    assert more[:100] == few


def test_sobol_is_balanced_at_powers_of_two() -> None:
    found = design_points(design("sobol", TWO, points=64))
    cells = Counter((int(p["a"] / 10 * 8), int(math.log(p["b"]) / math.log(1000) * 8)) for p in found)
    assert set(cells.values()) == {1}
    assert len(cells) == 64


@pytest.mark.parametrize("method", ["lhs", "sobol"])
def test_places_depend_on_the_seed_of_the_design_alone(method: str) -> None:
    one, same, other = (design_points(design(method, TWO, points=16, seed=s)) for s in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize("method", ["lhs", "sobol"])
def test_choices_and_whole_numbers_get_equal_shares(method: str) -> None:
    factors = {"c": {"values": ["x", "y", "z", "w"]}, "n": {"range": [3, 6], "whole": True}}
    found = design_points(design(method, factors, points=64))
    assert Counter(p["c"] for p in found) == dict.fromkeys("xyzw", 16)
    assert Counter(p["n"] for p in found) == dict.fromkeys((3, 4, 5, 6), 16)


@given(u=st.floats(0, 1, exclude_max=True), low=st.integers(1, 50), width=st.integers(1, 50))
def test_values_stay_in_their_range(u: float, low: int, width: int) -> None:
    for scale in ("linear", "log"):
        for whole in (False, True):
            factor = Factor.model_validate({"range": [low, low + width], "scale": scale, "whole": whole})
            assert low <= factor.at(u) <= low + width
            assert isinstance(factor.at(u), int if whole else float)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"method": "lhs", "points": 5}, "design.factors is empty"),
        ({"method": "lhs", "factors": TWO}, "design.points is missing"),
        ({"method": "grid", "factors": TWO, "points": 5}, "design.points is given for a grid"),
        ({"method": "none", "factors": TWO}, "without a method"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"range": [1, 1]}}}, "the lower one first"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"range": [0, 1], "scale": "log"}}}, "more than 0"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"range": [0, 1.5], "whole": True}}}, "whole numbers"),
        ({"method": "lhs", "points": 5, "factors": {"a": {}}}, "either range"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"range": [0, 1], "values": [1]}}}, "either range"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"values": []}}}, "values is empty"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"values": [1, 1]}}}, "twice"),
        ({"method": "lhs", "points": 5, "factors": {"a": {"values": [1], "scale": "log"}}}, "belong to a range"),
        ({"method": "lhs", "points": 5, "factors": TWO, "part": 2, "parts": 2}, "design.part is 2"),
    ],
)
def test_bad_designs_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Design.model_validate(given)


def test_a_range_in_a_grid_must_be_divided() -> None:
    with pytest.raises(InputError, match="levels: N"):
        design_points(design("grid", TWO))


# -- scenarios of points

SMALL = ("population.size=300",)


def compose(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    return tree_of(compose_tree([*SMALL, *(override(k, v) for k, v in values.items()), *overrides]))


def of_points(factors: dict[str, Any], arms: dict[str, tuple[str, ...]] | None = None) -> ArmsOfPoints:
    return ArmsOfPoints(compose, arms, design("lhs", factors, points=4))


FACTORS = {
    "parameters.throttle_severity": {"range": [0, 1]},  # an interpolation, in two places
    "throttle.substitution": {"range": [0, 1]},
    "throttle.retry.at_most": {"range": [0, 9], "whole": True},
    "decision": {"values": ["threshold", "hazard"]},
}
POINT = {"parameters.throttle_severity": 0.375, "throttle.substitution": 0.1, "throttle.retry.at_most": 3,
         "decision": "hazard"}  # fmt: skip


@pytest.mark.parametrize("arms", [None, {"open": ("throttle=none",), "long": ("throttle=long", "throttle.push=1")}])
def test_a_template_gives_the_scenario_that_composing_gives(arms: dict[str, tuple[str, ...]] | None) -> None:
    made = of_points(FACTORS, arms)
    made.prepare(POINT)
    assert made.is_quick(POINT)
    given = [f"{key}={value}" for key, value in POINT.items()]
    composed = (
        {"open": sim.load(*SMALL, *given).open(), "throttled": sim.load(*SMALL, *given)}
        if arms is None
        else {name: sim.load(*SMALL, *given, *overrides) for name, overrides in arms.items()}
    )
    found = made.of(POINT)
    assert list(found) == list(composed)
    for name, scenario in composed.items():
        assert found[name] == scenario
        assert found[name].parameters_hash == scenario.parameters_hash
        assert found[name].content_hash == scenario.content_hash


def test_points_do_not_change_each_other() -> None:
    made = of_points(FACTORS)
    before = made.of(POINT)["throttled"]
    other = made.of({**POINT, "throttle.substitution": 0.9, "parameters.throttle_severity": 0.2})["throttled"]
    again = made.of(POINT)["throttled"]
    assert before == again
    assert before != other
    assert other.throttle.windows[0].severity == 0.2


def test_an_arm_has_the_last_word() -> None:
    made = of_points(
        {"throttle.substitution": {"range": [0, 1]}}, {"fixed": ("throttle.substitution=0.5",), "free": ()}
    )
    found = made.of({"throttle.substitution": 0.25})
    assert found["fixed"].throttle.substitution == 0.5
    assert found["free"].throttle.substitution == 0.25


def test_values_that_are_computed_are_composed_for_each_point() -> None:
    key = "parameters.throttle_severity"

    def computing(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        tree = compose(values, overrides)
        tree["throttle"]["substitution"] = tree["throttle"]["windows"][0]["severity"] / 2
        return tree

    made = ArmsOfPoints(computing, None, design("lhs", {key: {"range": [0, 1]}}, points=4))
    made.prepare({key: 0.5})
    assert not made.is_quick({key: 0.5})
    assert made.of({key: 0.5})["throttled"].throttle.substitution == 0.25


def test_a_factor_that_moves_nothing_is_found_out() -> None:
    made = of_points({"parameters.name": {"values": ["x"]}, "posting.nothing": {"range": [0, 1]}})
    with pytest.raises(InputError, match=r"posting\.nothing"):
        made.prepare({"parameters.name": "x", "posting.nothing": 0.5})  # no such key at all
    made = of_points({"+parameters.unheard_of": {"range": [0, 9], "whole": True}, "throttle.push": {"range": [0, 1]}})
    made.prepare({"+parameters.unheard_of": 5, "throttle.push": 0.5})
    assert made.moves_nothing() == ["+parameters.unheard_of"]  # nothing refers to it


def test_choices_beside_which_no_number_varies_are_composed_once() -> None:
    given: list[Mapping[str, Any]] = []

    def counting(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        given.append(dict(values))
        return compose(values, overrides)

    made = ArmsOfPoints(counting, None, design("grid", {"decision": {"values": ["threshold", "hazard"]}}))
    for rule in ("threshold", "hazard"):
        made.prepare({"decision": rule})
    assert given == [{"decision": "threshold"}, {"decision": "hazard"}]
    assert made.of({"decision": "hazard"})["throttled"] == sim.load(*SMALL, "decision=hazard")
    assert len(given) == 2


def test_text_is_quoted_and_comes_back() -> None:
    for value in (
        "plain",
        "it's",
        'a "b"',
        "back\\slash",
        "a, b",
        "[x]",
        "{y}",
        "İstanbul",
        "it\\'s",
        "end\\",
        "end\\\\",
        "true",
        "7",
        "null",
        "-x",
        "1e5",
        "",
    ):
        tree = compose_tree([override("parameters.name", value)])
        assert tree.parameters.name == value
    assert compose_tree([override("study.arms", {"a b": ["throttle=none"]})]).study.arms == {"a b": ["throttle=none"]}


# -- the hash that names runs


def _fields(model: type[Frozen]) -> list[tuple[str, Any]]:
    found, waiting, seen = [], [model], set()
    while waiting:
        here = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        found += [(f"{here.__name__}.{name}", field) for name, field in here.model_fields.items()]
        waiting += here.__subclasses__()
    return found


def test_every_file_of_a_scenario_counts_by_its_contents() -> None:
    """A plain Path would put its name into the hash."""
    with_path = {name: field for name, field in _fields(Frozen) if "Path" in str(field.annotation)}
    of_study = {"StudyPlan.store", "Calibration.folder"}
    plain = [name for name, f in with_path.items() if "PlainSerializer" not in f"{f.annotation} {f.metadata}"]
    assert set(plain) <= of_study
    assert len(with_path) > 5


def test_the_parameters_hash_goes_by_contents_and_not_by_paths(tmp_path: Path) -> None:
    def of(name: str, text: str) -> Scenario:
        (tmp_path / name).write_text(text)
        return sim.load(*SMALL, f"network.neighbours.file={tmp_path / name}")

    one, same, other = of("a.csv", "person,neighbour\n0,1\n"), of("b.csv", "person,neighbour\n0,1\n"), of("c.csv", "x")
    assert one.parameters_hash == same.parameters_hash != other.parameters_hash
    assert len(one.parameters_hash) == 64
