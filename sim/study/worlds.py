"""The worlds of a study: each built once, whichever arms and nights share it."""

from __future__ import annotations

import hashlib
import json

from sim.engine.build import radius_of
from sim.laws import OF_CONTENTS
from sim.scenario import Scenario
from sim.world import World, make_world

__all__ = ["Worlds", "world_key"]


_MOST_RADII = 1000

_OF_NIGHTS = {"sleep": {"stay_up"}}
"""Fields of the population that say what people do in a night, and not who they are."""
_OF_WORLDS = {"type", "receiver", "ties"}
"""Fields of a channel that say whom it can reach."""


def world_key(scenario: Scenario) -> str:
    """Return what names the world of a scenario but for its seed: all that `make_world` reads."""
    population = scenario.population.model_dump_json(exclude=_OF_NIGHTS, context=OF_CONTENTS)
    network = scenario.network.model_dump_json(context=OF_CONTENTS)
    channels = {
        name: channel.model_dump(mode="json", include=_OF_WORLDS) for name, channel in scenario.channels.items()
    }
    return _hashed(population, network, json.dumps(channels))


def _radius_key(scenario: Scenario) -> str:
    """Return what names the reactions of a scenario in its world: all that `radius_of` reads, doses never."""
    channels = [c.model_dump_json(exclude={"dose"}, context=OF_CONTENTS) for c in scenario.channels.values()]
    return _hashed(*channels, f"{scenario.posting.cross_posting} {scenario.posting.propensity_cap}")


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Worlds:
    """The worlds of one replicate, each built once, with the reactions scaled once per posting behaviour."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}
        self.radii: dict[str, float] = {}
        self.key: tuple[tuple[object, ...], str, str] = ((), "", "")
        """Parts of the last scenario, and what names its world and its reactions: design points share such parts."""

    def get(self, scenario: Scenario, world_seed: int) -> World:
        """Return the world that a seed draws for a scenario, with its reactions scaled to the branching ratio."""
        parts = (scenario.population, scenario.network, scenario.posting, *scenario.channels.values())
        if len(parts) != len(self.key[0]) or any(a is not b for a, b in zip(parts, self.key[0], strict=True)):
            self.key = parts, world_key(scenario), _radius_key(scenario)
        key = f"{self.key[1]} {world_seed}"
        if key not in self.worlds:
            self.worlds[key] = make_world(scenario, world_seed)
        world = self.worlds[key]
        scale_key = f"{key} {self.key[2]}"
        if scale_key not in self.radii:
            if len(self.radii) > _MOST_RADII:  # points may differ in their reactions without end
                self.radii.clear()
            self.radii[scale_key] = radius_of(scenario, world)
        radius = self.radii[scale_key]
        return world.replace(reaction_scale=scenario.posting.branching_ratio / radius if radius > 0 else 0.0)
