"""Scenarios of thousands of design points without composing the options for each: where a value stands is found once.

Composing and resolving the options takes about 150 ms, validating a scenario a quarter of one. So each arm is composed twice,
with two different probes for every numeric factor; once where there is none. Where the two trees differ, a probe stands by
itself, and a value of a point can be put there; where they differ otherwise, as when a value is computed, each point is
composed by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.errors import InputError
from sim.scenario import PARTS, Scenario, validate
from sim.study.design import Design, Value

__all__ = ["Arms", "ArmsOfPoints", "Compose", "Template", "arms_of"]

Compose = Callable[[Mapping[str, Value], Sequence[str]], dict[str, Any]]
"""From values by key, and overrides that have the last word, to the resolved tree of the parts of a scenario."""
Arms = dict[str, Scenario]
_Place = tuple[str | int, ...]


@dataclass
class Template:
    """A scenario in which the values of numeric factors can be changed."""

    tree: dict[str, Any]
    """With the first probes in the places."""
    places: dict[str, list[_Place]]
    """By factor: where its value stands."""
    constant: dict[str, Any] = field(default_factory=dict)
    """Parts without a place, validated once."""

    def scenario(self, values: Mapping[str, Value]) -> Scenario:
        """Return the scenario of a point.

        Raises
        ------
        InputError
            The values make no valid scenario: one sentence for each fault.
        """
        moved = {place[0] for places in self.places.values() for place in places}
        tree: dict[str, Any] = {part: self.constant.get(part, self.tree[part]) for part in PARTS}
        for part in moved:
            tree[str(part)] = self.tree[str(part)]
        copied: set[_Place] = set()
        for key, places in self.places.items():
            for place in places:
                _put(tree, place, values[key], copied)
        scenario = validate(tree)
        if not self.constant:
            self.constant.update({part: getattr(scenario, part) for part in PARTS if part not in moved})
        return scenario


def _put(tree: dict[str, Any], place: _Place, value: Value, copied: set[_Place]) -> None:
    """Put a value in its place, copying what lies on the way, once: the rest stays shared with the template."""
    here: Any = tree
    for depth, step in enumerate(place[:-1], 1):
        if place[:depth] not in copied:
            here[step] = here[step].copy()
            copied.add(place[:depth])
        here = here[step]
    here[place[-1]] = value


_NOT_PLAIN = object()


def _differences(one: Any, other: Any, place: _Place = ()) -> list[tuple[_Place, Any, Any]]:
    """Return the places in which two trees differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [d for key in one for d in _differences(one[key], other[key], (*place, key))]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in _differences(*pair, (*place, i))]
    return [] if type(one) is type(other) and one == other else [(place, one, other)]


def _template(
    compose: Compose, chosen: Mapping[str, Value], numeric: Mapping[str, bool], overrides: Sequence[str]
) -> Template | None:
    """Return the template of an arm with numeric factors (True: whole); None where values are computed from them."""

    def probes(which: int) -> dict[str, Value]:
        # Each pair is told from all others. Small, for an option may list as many things; and far apart, for such a list may be
        # the same for numbers that are close (people: "${range:0,${population.size},4}").
        return {key: (1_009, 1_933)[which] + i if whole else (0.7071067811865, 0.4142135623731)[which] + 1e-4 * i
                for i, (key, whole) in enumerate(numeric.items())}  # fmt: skip

    if not numeric:
        return Template(compose(chosen, overrides), {})
    first, second = probes(0), probes(1)
    trees = [compose({**chosen, **probe}, overrides) for probe in (first, second)]
    places: dict[str, list[_Place]] = {}
    for place, one, other in _differences(trees[0], trees[1]):
        key = next((k for k in numeric if one == first[k] and other == second[k]), None)
        if key is None:
            return None
        places.setdefault(key, []).append(place)
    return Template(trees[0], places)


class ArmsOfPoints:
    """The arms of every point of a design."""

    def __init__(self, compose: Compose, arms: Mapping[str, Sequence[str]] | None, design: Design) -> None:
        self.compose, self.arms, self.design = compose, arms, design
        self.numeric = {k: self._is_whole(k) for k, f in design.factors.items() if f.is_numeric}
        self.templates: dict[str, dict[str, Template | None]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave at home what composes: other processes are given templates, or scenarios."""
        return self.__dict__ | {"compose": None}

    def is_quick(self, values: Mapping[str, Value]) -> bool:
        """Return whether the arms of such a point need no composing any more."""
        chosen = self.templates.get(self._chosen(values), {})
        return all(chosen.get(name) is not None for name in (self.arms or ("",)))

    def _chosen(self, values: Mapping[str, Value]) -> str:
        return repr([value for key, value in values.items() if key not in self.numeric])

    def _is_whole(self, key: str) -> bool:
        factor = self.design.factors[key]
        return factor.whole or (factor.values is not None and all(isinstance(v, int) for v in factor.values))

    def of(self, values: Mapping[str, Value]) -> Arms:
        """Return the arms of a point by name, the baseline first.

        Raises
        ------
        InputError
            The values make no valid scenario.
        """
        if self.arms is None:
            return _night_and_open(self._scenario("", (), values))
        return {name: self._scenario(name, overrides, values) for name, overrides in self.arms.items()}

    def prepare(self, values: Mapping[str, Value]) -> None:
        """Compose what points with such choices share, so that it need not be done by many processes."""
        for name, overrides in (self.arms or {"": ()}).items():
            self._template_of(name, overrides, values)

    def moves_nothing(self) -> list[str]:
        """Return the numeric factors whose value stands nowhere in what was prepared."""
        templates = [t for by_arm in self.templates.values() for t in by_arm.values()]
        if any(t is None for t in templates):
            return []
        return [key for key in self.numeric if not any(key in t.places for t in templates if t is not None)]

    def _template_of(self, name: str, overrides: Sequence[str], values: Mapping[str, Value]) -> Template | None:
        chosen = {key: value for key, value in values.items() if key not in self.numeric}
        by_arm = self.templates.setdefault(self._chosen(values), {})
        if name not in by_arm:
            by_arm[name] = _template(self.compose, chosen, self.numeric, overrides)
        return by_arm[name]

    def _scenario(self, name: str, overrides: Sequence[str], values: Mapping[str, Value]) -> Scenario:
        template = self._template_of(name, overrides, values)
        if template is not None:
            return template.scenario(values)
        return validate(self.compose(values, overrides))


def _night_and_open(night: Scenario) -> Arms:
    """Return the default arms: the night as its baseline without a throttle, and as it is."""
    return {"open": night} if night.throttle.is_none else {"open": night.open(), "throttled": night}


def arms_of(compose: Compose, arms: Mapping[str, Sequence[str]] | None) -> tuple[Arms, str]:
    """Return the arms of a study by name and its baseline: those that are named, or the night and the same night open.

    Raises
    ------
    InputError
        No arm, or one that is not valid.
    """
    if arms is None:
        night = validate(compose({}, ()))
        both = _night_and_open(night)
        return {name: both[name] for name in reversed(both)}, "open"
    if not arms:
        raise InputError("study.arms is empty, expected names with lists of overrides; give at least one arm or null.")
    return {name: validate(compose({}, overrides)) for name, overrides in arms.items()}, next(iter(arms))
