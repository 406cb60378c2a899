"""The compiled engine driven by hand: stopped at any tick, looked at there, with its arrays laid out otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import simpy

from sim.engine.actors import start_actors
from sim.engine.build import group_exists, make_tables
from sim.engine.hybrid import CompiledRoom
from sim.engine.parts import make_state, whole
from sim.engine.state import L_TRAVEL, State, Tables
from sim.population import way_of
from sim.scenario import Scenario
from sim.world import World, make_world

Look = Callable[[Tables, State, int], None]


def furnished(scenario: Scenario, seed: int, world: World | None = None) -> tuple[Tables, np.ndarray]:
    """Return the tables of a run, and which groups exist."""
    world = make_world(scenario, seed) if world is None else world
    return make_tables(scenario, world, seed), group_exists(scenario, world)


def ways(tables: Tables) -> list[int]:
    """Return how many ticks everybody's way to the square takes."""
    if len(tables.travel) > 0:
        return [int(ticks) for ticks in tables.travel]
    seed, law = int(tables.rules["world_seed"][0]), tables.laws[L_TRAVEL]
    return [int(way_of(seed, p, law, tables.points)) for p in range(len(tables.people))]


def drive(
    scenario: Scenario,
    tables: Tables,
    exists: np.ndarray,
    stops: Iterable[int] = (),
    calls: int = 1,
    alter: Callable[[State], State] = lambda state: state,
    look: Look = lambda tables, state, tick: None,
) -> State:
    """Return the state at the horizon.

    The script does nothing at `stops`, but people wait for it; between two events of the script they are advanced in so
    many `calls`. `alter` exchanges arrays of the state before anything happens. After each step, when all that comes
    before a tick has happened and everybody has caught up with sleep, `look` sees the state and the tick.
    """
    room = CompiledRoom(tables, [alter(make_state(tables, exists, True))])
    env = simpy.Environment()
    for stop in stops:
        env.timeout(stop)
    start_actors(env, scenario, room)
    room.begin()
    end = scenario.clock.horizon
    while True:
        following = int(min(env.peek(), end))
        for k in range(1, calls):
            room.advance(max(room.now, following * k // calls))
        room.advance(following)
        room.book()
        room.catch_up()
        look(room.tables, room.parts[0], following)
        if following >= end:
            return whole(room.parts)
        env.step()


def log_of(state: State) -> np.ndarray:
    """Return LOG[rows]: the event log of a state."""
    return state.log[: int(state.now["n_log"][0])]
