"""The worlds of a study: each built once, whichever arms and nights share it."""

from __future__ import annotations

import hashlib

from sim.engine.build import radius_of
from sim.laws import OF_CONTENTS
from sim.scenario import Scenario
from sim.world import World, make_world

__all__ = ["Worlds", "world_key"]


def world_key(scenario: Scenario) -> str:
    """Return what names the world of a scenario but for its seed."""
    parts = {"population", "network", "channels"}
    return hashlib.sha256(scenario.model_dump_json(include=parts, context=OF_CONTENTS).encode()).hexdigest()


class Worlds:
    """The worlds of one replicate, each built once, with the reactions scaled once per posting behaviour."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}
        self.radii: dict[str, float] = {}
        self.key: tuple[tuple[object, ...], str] = ((), "")
        """The parts of the last scenario that make its world, and what names them: design points share such parts."""

    def get(self, scenario: Scenario, world_seed: int) -> World:
        """Return the world that a seed draws for a scenario, with its reactions scaled to the branching ratio."""
        parts = (scenario.population, scenario.network, *scenario.channels.values())
        if len(parts) != len(self.key[0]) or any(a is not b for a, b in zip(parts, self.key[0], strict=True)):
            self.key = parts, world_key(scenario)
        key = f"{self.key[1]} {world_seed}"
        if key not in self.worlds:
            self.worlds[key] = make_world(scenario, world_seed)
        world = self.worlds[key]
        scale_key = f"{key} {scenario.posting.cross_posting} {scenario.posting.propensity_cap}"
        if scale_key not in self.radii:
            self.radii[scale_key] = radius_of(scenario, world)
        radius = self.radii[scale_key]
        return world.replace(reaction_scale=scenario.posting.branching_ratio / radius if radius > 0 else 0.0)
