"""The production engine: SimPy for the scripted world, the compiled loop for people between its events."""

from __future__ import annotations

import numpy as np
import simpy

from sim.attendance import ON_SQUARE
from sim.engine import kernel
from sim.engine.actors import start_actors
from sim.engine.state import PUBLISHED_COUNT, State, Tables, grown, make_state
from sim.engine.ties import most_readers
from sim.quantiles import MOST_POSTS
from sim.scenario import Scenario
from sim.units import MINUTE

__all__ = ["CompiledRoom", "run_compiled"]


class CompiledRoom:
    """People as arrays."""

    def __init__(self, tables: Tables, state: State) -> None:
        self.tables = tables
        self.state = state
        self.now = 0
        audiences = tables.net.audience_ends - tables.net.audience_starts
        extra = float((tables.channels["recommended"] + tables.channels["trend_readers"]).max(initial=0))
        extra = min(extra, float(audiences.max(initial=0)))
        if tables.net.complete.any():
            extra += float((audiences * tables.channels["ceiling"]).max(initial=0))
        # One event pushes at most one post's readers (extra ones: mean plus ten standard deviations) and some timers.
        self.margin = most_readers(tables.net) + int(extra + 10 * extra**0.5) + 512
        self.margin += len(tables.by_threshold) + MOST_POSTS * int(np.count_nonzero(tables.channels["live"]))

    @property
    def gates(self) -> np.ndarray:
        """GATE[channels]."""
        return self.state.gates

    def throttle_changed(self, is_throttled: bool) -> None:
        """See `Room`."""
        now = self.state.now[0]
        if is_throttled:
            now["throttled_since"] = self.now
        else:
            now["throttled_before"] += self.now - now["throttled_since"]
        now["throttled"] = is_throttled

    def air(self, airing: int) -> None:
        """See `Room`."""
        gathering = int(np.diff(self.tables.gather_starts)[airing])
        parts = self.tables.airs_in.shape[1]
        self.state = grown(self.state, gathering + self.margin, self.margin, parts)
        kernel.air(self.tables, self.state, airing, self.now)

    def observed(self, watch: str, since: int) -> float:
        """See `Room`."""
        if watch == "on_squares":
            return float(self.state.now["phases"][0, ON_SQUARE])
        return float(self.state.counts[since // MINUTE :, :, PUBLISHED_COUNT].sum())

    def advance(self, until: int) -> None:
        """Process people's events in [now, until)."""
        while kernel.advance(self.tables, self.state, until, self.margin) == kernel.MORE_ROOM:
            self.state = grown(self.state, 2 * self.margin, 2 * self.margin)
        self.now = until


def run_compiled(
    scenario: Scenario,
    tables: Tables,
    exists: np.ndarray,
    keep_log: bool,
    until: int | None = None,
    is_last: bool = False,
) -> State:
    """Return the state at the horizon, or at the tick `until` if that comes first.

    The tables can be used again unless this `is_last` run of theirs, which saves memory.
    """
    room = CompiledRoom(tables, make_state(tables, exists, keep_log, is_last))
    env = simpy.Environment()
    start_actors(env, scenario, room)
    end = scenario.clock.horizon if until is None else min(until, scenario.clock.horizon)
    kernel.begin(room.tables, room.state)
    while True:
        following = int(min(env.peek(), end))
        room.advance(following)
        if following >= end:
            return room.state
        env.step()
