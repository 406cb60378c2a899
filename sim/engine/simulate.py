"""Run a scenario with either engine and keep what is measured: a `Record`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from sim.draws import MAX_SEED
from sim.engine.build import group_exists, make_tables
from sim.engine.hybrid import run_compiled
from sim.engine.nation import log_array, run_reference
from sim.engine.order import LOG
from sim.engine.state import BEYOND_CHANNELS, Tables
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
    """int32[m, c, 5]: posts attempted, published, failed; impressions; topical posts."""
    snapshots: np.ndarray
    """int32[m, 8]: people deciding, travelling, on_squares, returned, asleep, online, circumventing, heard."""
    heard_on: np.ndarray
    """int32[m, c]: people who have first heard on each channel."""
    squares: np.ndarray
    """int32[m / 10, q]: people on each province's squares, every ten minutes."""
    departures: np.ndarray
    """int32[m]: first departures; those of the warm-up stand in minute 0."""
    heard_awake: np.ndarray
    """int32[m]: first hearings of people who were awake at the first news."""
    tipped_by: np.ndarray
    """int64[c + 3]: first decisions by the channel of the last exposure; then gathering, cut_off, crowd."""
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
    world = make_world(scenario, int(seed)) if world is None else world
    tables = make_tables(scenario, world, int(seed))
    exists = group_exists(scenario, world)
    if engine == "reference":
        return _from_reference(scenario, tables, exists, events)
    state = run_compiled(scenario, tables, exists, events, until)
    now = state.now[0]
    people = {
        name: state.people[name].astype(np.int64)
        for name in ("departed_tick", "heard_tick", "awake_at_news", "tipped_by")
    }
    return _record(
        scenario, tables, people, state.counts, state.snapshots, state.heard_on, state.squares_by_minute, state.totals,
        int(now["n_events"]), state.log[: now["n_log"]] if events else np.zeros(0, LOG),
    )  # fmt: skip


def _from_reference(scenario: Scenario, tables: Tables, exists: np.ndarray, events: bool) -> Record:
    nation = run_reference(scenario, tables, exists)
    people = {
        name: np.array([getattr(p, name) for p in nation.people], np.int64)
        for name in ("departed_tick", "heard_tick", "awake_at_news", "tipped_by")
    }
    log = log_array(nation)
    return _record(
        scenario, tables, people, nation.counts, nation.snapshots, nation.heard_on, nation.squares_by_minute,
        nation.totals, len(log), log if events else np.zeros(0, LOG),
    )  # fmt: skip


def _record(
    scenario: Scenario,
    tables: Tables,
    people: dict[str, np.ndarray],
    counts: np.ndarray,
    snapshots: np.ndarray,
    heard_on: np.ndarray,
    squares: np.ndarray,
    totals: np.ndarray,
    n_events: int,
    log: np.ndarray,
) -> Record:
    clock = scenario.clock
    # A warm-up that is not whole minutes begins the report with the minute in which it ends.
    first, minutes = clock.warm_up // MINUTE, clock.n_minutes

    def histogram(ticks: np.ndarray) -> np.ndarray:
        minute = (ticks[ticks >= 0] // MINUTE - first).clip(0, minutes - 1)
        return np.bincount(minute, minlength=minutes).astype(np.int32)

    n_tips = len(tables.channels) + len(BEYOND_CHANNELS)
    tipped = people["tipped_by"]
    awake = people["awake_at_news"] == 1
    report = slice(first, first + minutes)
    return Record(
        counts=counts[report].astype(np.int32),
        snapshots=snapshots[report].astype(np.int32),
        heard_on=heard_on[report].astype(np.int32),
        squares=squares[report][::SQUARES_EVERY].astype(np.int32),
        departures=histogram(people["departed_tick"]),
        heard_awake=histogram(people["heard_tick"][awake]),
        tipped_by=np.bincount(tipped[tipped >= 0], minlength=n_tips).astype(np.int64),
        totals=np.asarray(totals, np.int64),
        scalars={
            "people": float(len(tables.people)),
            "awake_at_news": float(awake.sum()),
            "participants": float((people["departed_tick"] >= 0).sum()),
            "events": float(n_events),
        },
        log=log,
    )
