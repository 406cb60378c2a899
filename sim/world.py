"""A world: the people and ties of one replicate, shared read-only by its arms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.implied import Implied
from sim.network import Groups, Ties, make_network
from sim.population import People, make_people

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["World", "make_world", "receivers_used"]


@dataclass(frozen=True)
class World:
    """People, ties and groups, and the normalisers by which numbers of people become shares."""

    people: People
    ties: dict[str, Ties]
    groups: dict[str, Groups]
    n_normal: float
    """Number of people that shares divide by and trending thresholds scale with."""
    reaction_scale: float | None = None
    """Reactions per impression at weight 1; None: found so that the branching ratio is met on this network."""
    implied: Implied | None = None
    """What the ties that are not stored are computed from."""

    def replace(self, **changes: object) -> World:
        """Return a copy with changed parts (tests of minimally different worlds)."""
        return replace(self, **changes)  # type: ignore[arg-type]


def receivers_used(scenario: Scenario) -> tuple[int, ...]:
    """Return the indices of the receivers of all channels, each once, ascending."""
    receivers = list(scenario.population.receivers)
    return tuple(sorted({receivers.index(channel.receiver) for channel in scenario.channels.values()}))


def make_world(scenario: Scenario, seed: int) -> World:
    """Return the world that a scenario's population and network make with a seed in [0, 2^63)."""
    population, network = scenario.population, scenario.network
    people = make_people(population, seed)
    receivers = list(population.receivers)
    people.audiences(receivers_used(scenario))
    users = {"followers": people.with_receiver(0)[:0], "friends": people.with_receiver(0)[:0]}
    chats = []
    for index, (name, channel) in enumerate(scenario.channels.items()):
        if channel.ties in users or channel.type == "group":
            with_it = people.with_receiver(receivers.index(channel.receiver))
            if channel.ties in users:
                users[channel.ties] = with_it
            if channel.type == "group":
                chats.append((name, index, with_it))
    ties, groups, implied = make_network(network, people, users, chats, seed)
    return World(people, ties, groups, float(people.n), implied=implied)
