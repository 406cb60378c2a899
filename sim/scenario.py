"""The scenario: one frozen, validated tree of all parameters but the seed, with its content hash.

Everything above this file receives a `Scenario`; nothing below the door sees a configuration file.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from sim.attendance import Attendance
from sim.channels import MAX_CHANNELS, Channel
from sim.decision import Decision
from sim.errors import InputError
from sim.laws import OF_CONTENTS, Frozen, contents_of, parameters_by_kind
from sim.network import Network
from sim.population import Population
from sim.posting import Posting
from sim.throttle import Outage, Throttle
from sim.timeline import Accounting, Entry, is_below
from sim.units import MINUTE, SECOND, Clock, seconds_to_ticks

__all__ = ["MODEL_VERSION", "NULL_NIGHTS", "PARTS", "Night", "Scenario", "fault_sentences", "validate"]

MODEL_VERSION = "4"
"""Changes with every change of the model that changes numbers; part of the content hash."""
_STORAGE = {"stored"}
"""Of the network: how ties are kept, which changes no result and so no hash."""

NULL_NIGHTS = ("ordinary", "stay_home", "keyboard", "without_call")
"""Counterfactual nights on the same dice: no events; nobody leaves; absent but posting as if at home; no FaceTime."""


class Night(Frozen):
    """What happens, when: the part of a scenario that is history."""

    name: str
    start: datetime
    end: datetime
    zone: str
    warm_up_hours: float = Field(24.0, ge=0, le=1200)
    moment_seconds: float = Field(10.0, ge=0.001, le=60)
    timeline: tuple[Entry, ...] = ()
    outages: tuple[Outage, ...] = ()
    accounting: Accounting | None = None


PARTS = ("scenario", "population", "network", "channels", "posting", "decision", "attendance", "throttle")
"""The parts of a scenario: keys of the configuration."""


class Scenario(Frozen):
    """All parameters of a run but its seed."""

    scenario: Night
    population: Population
    network: Network
    channels: dict[str, Channel] = Field(min_length=1, max_length=MAX_CHANNELS)
    posting: Posting
    decision: Decision
    attendance: Attendance
    throttle: Throttle

    @model_validator(mode="after")
    def _check(self) -> Scenario:
        names = ", ".join(self.channels)
        for name, channel in self.channels.items():
            if channel.receiver not in self.population.receivers:
                have = ", ".join(self.population.receivers)
                raise ValueError(f"channels.{name}.receiver is {channel.receiver!r}, expected one of {have}")
            if channel.type == "group" and name not in self.network.groups:
                raise ValueError(f"channels.{name} is a group channel, expected network.groups.{name} beside it")
        used: list[tuple[str, str]] = []
        for index, entry in enumerate(self.scenario.timeline):
            if entry.channel is not None:
                used.append((f"scenario.timeline.{index}.channel", entry.channel))
        used += [(f"scenario.outages.{i}.channel", o.channel) for i, o in enumerate(self.scenario.outages)]
        used += [(f"throttle.windows.{i}.channels", c) for i, w in enumerate(self.throttle.windows) for c in w.channels]
        if self.throttle.inspector is not None:
            used += [("throttle.inspector.channels", c) for c in self.throttle.inspector.channels]
        used += [("decision.ignored_channels", c) for c in self.decision.ignored_channels]
        for where, name in used:
            if name not in self.channels:
                raise ValueError(f"{where} names {name!r}, expected one of {names}")
        followed = [n for n, c in self.channels.items() if c.ties == "followers"]
        befriended = [n for n, c in self.channels.items() if c.ties == "friends"]
        for kind, users in (("followers", followed), ("friends", befriended)):
            if len({self.channels[n].receiver for n in users}) > 1:
                raise ValueError(f"channels {', '.join(users)} share the ties {kind} but have different receivers")
        self._check_deciding()
        clock = self.clock
        moment = self.scenario.moment_seconds
        if abs(seconds_to_ticks(moment) / SECOND - moment) > 1e-9 or MINUTE % seconds_to_ticks(moment):
            raise ValueError(
                f"scenario.moment_seconds is {moment}, expected whole milliseconds of which a minute is a multiple, "
                "such as 10, 1 or 0.001"
            )
        for index, entry in enumerate(self.scenario.timeline):
            if not 0 <= clock.tick(entry.time) < clock.horizon:
                raise ValueError(
                    f"scenario.timeline.{index}.time is {entry.time}, expected within the scenario, "
                    f"{clock.moment(0):%Y-%m-%d %H:%M} to {clock.end:%Y-%m-%d %H:%M}"
                )
        return self

    def _check_deciding(self) -> None:
        """Raise a sentence where rule, network and people do not go together."""
        decision, n = self.decision, self.population.n_people
        types = [channel.type for channel in self.channels.values()]
        law = decision.law_of_threshold
        if law is not None and law.law == "listed" and len(law.values) != n and self.population.file is None:
            raise ValueError(
                f"decision.{decision.rule} lists {len(law.values)} values, expected one for each of {n} people "
                "(population.size)"
            )
        if types.count("neighbours") > 1:
            names = ", ".join(name for name, channel in self.channels.items() if channel.type == "neighbours")
            raise ValueError(
                f"channels {names} are of type neighbours, expected at most one: people see their neighbours once"
            )
        if decision.counts_contacts and "neighbours" not in types:
            raise ValueError(
                f"decision.critical_mass_of is {decision.critical_mass_of!r}, which needs a channel of type neighbours; "
                "add one or count everybody (share, count)"
            )
        again = {name for name, channel in self.channels.items() if channel.repeats}
        held = {c for w in self.throttle.windows if w.mode == "delay" for c in w.channels}
        if self.throttle.inspector is not None and self.throttle.inspector.mode == "delay":
            held.update(self.throttle.inspector.channels)
        if again & held:
            raise ValueError(
                f"channels.{min(again & held)} repeats and is throttled in mode delay, expected mode: drop, since a "
                "contact cannot be held"
            )
        if decision.guards is not None and decision.guards not in self.population.receivers:
            have = ", ".join(self.population.receivers)
            raise ValueError(f"decision.guards is {decision.guards!r}, expected one of {have}")
        graph = self.network.neighbours.graph
        if graph is not None and graph.graph == "complete":
            if decision.counts_contacts:
                raise ValueError(
                    f"decision.critical_mass_of is {decision.critical_mass_of!r} where everybody is a neighbour of everybody "
                    "(network.neighbours.graph: complete), expected share or count, which mean the same there and cost less"
                )
            if any(channel.repeats for channel in self.channels.values()):
                raise ValueError(
                    "channels repeat where everybody is a neighbour of everybody (network.neighbours.graph: complete), "
                    "expected another graph: among so many hardly anybody meets the same person twice"
                )
            if decision.social > 0:
                raise ValueError(
                    f"decision.social is {decision.social} where everybody is a neighbour of everybody "
                    "(network.neighbours.graph: complete), expected 0, as contacts are not told apart there"
                )
        for index, entry in enumerate(self.scenario.timeline):
            if entry.people is not None and max(entry.people, default=0) >= n:
                raise ValueError(
                    f"scenario.timeline.{index}.people names {max(entry.people)}, expected 0 to {n - 1} (population.size)"
                )

    @cached_property
    def clock(self) -> Clock:
        """The wall clock."""
        night = self.scenario
        return Clock(night.start, night.end, night.zone, night.warm_up_hours)

    @cached_property
    def parameters_hash(self) -> str:
        """64 hex digits over all parameters and the contents (not the paths) of files, whatever the model's version."""
        channels = "".join(f"{name} {_digest(channel)}\n" for name, channel in self.channels.items())
        parts = "".join(f"{part} {_digest(getattr(self, part))}\n" for part in PARTS if part != "channels")
        return hashlib.sha256(f"{parts}{channels}".encode()).hexdigest()  # channels in order: they draw by their place

    @cached_property
    def content_hash(self) -> str:
        """64 hex digits over all parameters, the model's version and the contents (not the paths) of files."""
        told = self.model_dump(exclude={"network": _STORAGE})
        text = json.dumps(told, default=_content)  # in order: channels and receivers draw by their place
        return hashlib.sha256(f"model {MODEL_VERSION}\n{text}".encode()).hexdigest()

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.content_hash)

    def replace(self, **parts: object) -> Scenario:
        """Return a validated copy with changed parts (of the top level)."""
        return validate(self.model_dump() | {k: _plain(v) for k, v in parts.items()})

    def open(self) -> Scenario:
        """Return the same night without any throttle: the baseline."""
        return self.model_copy_checked(throttle=self.throttle.lifted())

    def model_copy_checked(self, **parts: object) -> Scenario:
        """Return a copy with parts that are valid by themselves."""
        copy = self.model_copy(update=parts)
        for derived in ("content_hash", "parameters_hash", "clock"):
            copy.__dict__.pop(derived, None)
        return copy

    def null_night(self, name: Literal["ordinary", "stay_home", "keyboard", "without_call"] | str) -> Scenario:
        """Return a counterfactual night on the same dice.

        Raises
        ------
        InputError
            Unknown name.
        """
        night, attendance = self.scenario, self.attendance
        if name == "ordinary":
            quiet = night.model_copy(update={"timeline": (), "outages": ()})
            stay = attendance.model_copy(update={"nobody_leaves": True})
            return self.model_copy_checked(scenario=quiet, attendance=stay, throttle=self.throttle.lifted())
        if name == "stay_home":
            return self.model_copy_checked(attendance=attendance.model_copy(update={"nobody_leaves": True}))
        if name == "keyboard":
            return self.model_copy_checked(attendance=attendance.model_copy(update={"online_as_if_home": True}))
        if name == "without_call":
            tag = night.accounting.call_tag if night.accounting else "facetime"
            rest = tuple(entry for entry in night.timeline if not is_below(entry.tag, tag))
            return self.model_copy_checked(scenario=night.model_copy(update={"timeline": rest}))
        raise InputError(f"study.nulls names {name!r}, expected some of {', '.join(NULL_NIGHTS)}; correct the list.")


_digests: dict[int, tuple[Frozen, str]] = {}
"""Digests of parts, which are frozen, by their identity: thousands of design points share most of theirs."""
_WITH_FILES = (Population, Network)


def _digest(part: Frozen) -> str:
    """Return a hash of a part's parameters and, of files, their contents, which may change: such parts are looked at anew."""
    known = _digests.get(id(part))
    if known is not None and known[0] is part:
        return known[1]
    digest = hashlib.sha256(part.model_dump_json(context=OF_CONTENTS, exclude=_STORAGE).encode()).hexdigest()
    if not isinstance(part, _WITH_FILES):
        if len(_digests) > 256:
            _digests.clear()
        _digests[id(part)] = part, digest
    return digest


def _content(value: object) -> str:
    """Return what stands for a value in the content hash: of a file its contents."""
    if isinstance(value, Path):
        return contents_of(value)
    assert isinstance(value, datetime), value
    return value.isoformat()


def _plain(value: object) -> object:
    return value.model_dump() if isinstance(value, Frozen) else value


def validate(tree: dict[str, object]) -> Scenario:
    """Return the validated scenario of a tree of plain values.

    Raises
    ------
    InputError
        One sentence for each fault, all at once, each with the path of its key.
    """
    try:
        return Scenario.model_validate(tree)
    except ValidationError as error:
        raise InputError(fault_sentences(error)) from error


def fault_sentences(error: ValidationError) -> str:
    """Return one sentence for each fault that pydantic found."""
    return " ".join(_sentence(fault) for fault in error.errors())


_KINDS = {*parameters_by_kind("law"), *parameters_by_kind("graph")} - {"groups", "file"}
"""Names that stand in the path of a fault beside the keys that the user wrote; two that are keys, too, stay."""


def _sentence(fault: object) -> str:
    """Return one sentence (key, value, expectation, remedy) for a fault that pydantic found."""
    assert isinstance(fault, dict)
    path = ".".join(str(part) for part in fault["loc"] if part not in _KINDS)
    kind, given, text = fault["type"], fault["input"], fault["msg"]
    if kind == "extra_forbidden":
        return f"{path} is an unknown key; remove it or correct its name."
    if kind == "missing":
        return f"{path} is missing; give it a value."
    shown = repr(given)
    if kind == "value_error":
        text = text.removeprefix("Value error, ")
        return f"{path + ': ' if path else ''}{text}{'' if '; ' in text else '; correct it'}."
    if kind == "union_tag_invalid":
        context = fault["ctx"]
        key, tags = context["discriminator"].strip("'"), context["expected_tags"].replace("'", "")
        return f"{path}.{key} is {context['tag']!r}, expected one of {tags}; correct it."
    if kind == "union_tag_not_found":
        key = fault["ctx"]["discriminator"].strip("'")
        return f"{path} is {shown}, expected a mapping whose key {key} says of which kind it is; add it."
    if kind in ("model_type", "model_attributes_type"):
        return f"{path} is {shown}, expected a mapping of keys to values; correct it."
    if len(shown) > 80 or isinstance(given, dict):
        return f"{path} is not valid: {text[0].lower()}{text[1:]}; correct it."
    return f"{path} is {shown}: {text[0].lower()}{text[1:]}; correct it."
