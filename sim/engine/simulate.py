"""Run a scenario with either engine and keep what is measured: a `Record`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from sim.draws import MAX_SEED
from sim.engine.build import group_exists, make_tables
from sim.engine.hybrid import run_compiled
from sim.engine.nation import Nation, log_array, run_reference
from sim.engine.order import LOG
from sim.engine.state import State, Tables
from sim.errors import InputError
from sim.scenario import Scenario
from sim.units import MINUTE
from sim.world import World, make_world

__all__ = ["ENGINES", "Record", "run"]

ENGINES = ("compiled", "reference")
SQUARES_EVERY = 10
"""Minutes between two counts of people on each province's squares."""


@dataclass(frozen=True)
class Record:
    """What is measured of one run, in simulated people and posts; m reported minutes, c channels, q provinces."""

    counts: np.ndarray
    """int32[m, c, 11]: what `COUNTS` names, per minute and channel."""
    snapshots: np.ndarray
    """int32[m, 8]: people deciding, travelling, on_squares, returned, asleep, online, circumventing, heard."""
    heard_on: np.ndarray
    """int32[m, c]: people who have first heard on each channel."""
    squares: np.ndarray
    """int32[m / 10, q]: people on each province's squares, every ten minutes."""
    departures: np.ndarray
    """int32[m]: first departures; those of the warm-up stand in minute 0."""
    heard_awake: np.ndarray
    """int32[m]: first hearings of people who were awake at the first news, before which nobody counts; those of the warm-up
    stand in minute 0."""
    decided: np.ndarray
    """int32[m, c + 3]: first decisions by the channel of the last exposure, then gathering, cut_off, crowd; those of the
    warm-up stand in minute 0."""
    totals: np.ndarray
    """int64[c, 6]: delivered, seen, unseen, dropped, pending; posts pending; warm-up included."""
    scalars: dict[str, float]
    """people, awake_at_news, participants, events."""
    log: np.ndarray = field(default_factory=lambda: np.zeros(0, LOG))
    """LOG: the event log, if it was asked for."""

    def arrays(self) -> dict[str, Any]:
        """Return all parts but the log by name, scalars as an array of their own."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("scalars", "log")}
        return parts | {f"scalar_{k}": np.float64(v) for k, v in self.scalars.items()}

    @staticmethod
    def from_arrays(parts: dict[str, Any]) -> Record:
        """Return a record from `arrays`."""
        scalars = {k.removeprefix("scalar_"): float(v) for k, v in parts.items() if k.startswith("scalar_")}
        return Record(**{k: v for k, v in parts.items() if not k.startswith("scalar_")}, scalars=scalars)


def run(
    scenario: Scenario,
    seed: int,
    engine: str = "compiled",
    events: bool = False,
    world: World | None = None,
    until: int | None = None,
    n_threads: int = 1,
) -> Record:
    """Return the record of one run.

    Parameters
    ----------
    scenario
        All parameters.
    seed
        In [0, 2^63): decides every draw.
    engine
        ``compiled`` or ``reference``; both give the same event log.
    events
        Whether to keep the event log.
    world
        People and ties to use; None makes them from the scenario and the seed.
    until
        Compiled engine: stop at this tick (minutes after it stay empty); None runs to the end.
    n_threads
        Compiled engine: threads that share the run, >= 1; the record does not depend on it.

    Raises
    ------
    InputError
        Unknown engine, or a seed out of range.
    """
    if engine not in ENGINES:
        raise InputError(f"engine is {engine!r}, expected one of {', '.join(ENGINES)}; correct it.")
    if not np.issubdtype(type(seed), np.integer) or not 0 <= int(seed) <= MAX_SEED:
        raise InputError(
            f"seed is {seed!r}, expected a whole number from 0 to {MAX_SEED} (2^63 - 1); give such a number."
        )
    if n_threads < 1:
        raise InputError(f"n_threads is {n_threads}, expected 1 or more; give such a number.")
    world = make_world(scenario, int(seed)) if world is None else world
    tables = make_tables(scenario, world, int(seed))
    exists = group_exists(scenario, world)
    if engine == "reference":
        return _from_reference(scenario, tables, exists, events)
    state = run_compiled(scenario, tables, exists, events, until, is_last=True, n_threads=n_threads)
    now = state.now[0]
    log = state.log[: now["n_log"]] if events else np.zeros(0, LOG)
    return _record(scenario, state, len(state.people), int(now["n_awake"]), int(now["n_events"]), log)


def _from_reference(scenario: Scenario, tables: Tables, exists: np.ndarray, events: bool) -> Record:
    nation = run_reference(scenario, tables, exists)
    log = log_array(nation)
    n_awake = sum(person.awake_at_news for person in nation.people)
    return _record(scenario, nation, len(nation.people), n_awake, len(log), log if events else np.zeros(0, LOG))


def _record(
    scenario: Scenario,
    found: State | Nation,
    n_people: int,
    n_awake: int,
    n_events: int,
    log: np.ndarray,
) -> Record:
    """Cut what either engine has counted to the report; n_awake people were awake at the first news."""
    clock = scenario.clock
    first, minutes = clock.warm_up // MINUTE, clock.n_minutes
    report = slice(first, first + minutes)

    def with_warm_up(counts: np.ndarray) -> np.ndarray:
        cut = counts[report].astype(np.int32)
        cut[0] += counts[:first].sum(axis=0)
        return cut

    return Record(
        counts=found.counts[report].astype(np.int32),
        snapshots=found.snapshots[report].astype(np.int32),
        heard_on=found.heard_on[report].astype(np.int32),
        squares=found.squares_by_minute[report][::SQUARES_EVERY].astype(np.int32),
        departures=with_warm_up(found.departed),
        heard_awake=with_warm_up(found.heard_awake),
        decided=with_warm_up(found.decided),
        totals=np.asarray(found.totals, np.int64),
        scalars={
            "people": float(n_people),
            "awake_at_news": float(n_awake),
            "participants": float(found.departed.sum()),
            "events": float(n_events),
        },
        log=log,
    )
