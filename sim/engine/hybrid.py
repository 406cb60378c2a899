"""The production engine: SimPy for the scripted world, the compiled loop for people between its events."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import numpy as np
import simpy

from sim.attendance import ON_SQUARE
from sim.engine import kernel
from sim.engine.actors import start_actors
from sim.engine.calendar import ROOM
from sim.engine.order import next_moment
from sim.engine.parts import grown, make_parts, whole
from sim.engine.state import PUBLISHED_COUNT, State, Tables
from sim.engine.ties import audience_sizes, most_readers
from sim.jit import held
from sim.quantiles import MOST_POSTS
from sim.scenario import Scenario
from sim.units import MINUTE, SECOND

__all__ = ["CompiledRoom", "run_compiled", "threads_for"]


WORTH_SHARING = 3_000_000
"""People from which on several threads are faster than one: with fewer they wait for each other more than they gain."""


def threads_for(n_people: int, n_free: int) -> int:
    """Return how many of the processors that are free should share a run of so many people, at least 1."""
    return max(1, n_free) if n_people >= WORTH_SHARING else 1


class CompiledRoom:
    """People as arrays, in one part or in several, each of which a thread of its own takes through a moment."""

    def __init__(self, tables: Tables, parts: list[State]) -> None:
        self.tables = tables
        self.parts = parts
        self._tables = held(tables)
        self._parts = [held(part) for part in parts]
        self.now = 0
        self.moment = int(tables.rules["moment"][0])
        self.threads = ThreadPoolExecutor(len(parts) - 1) if len(parts) > 1 else None
        audiences = audience_sizes(tables.net)
        extra = float((tables.channels["recommended"] + tables.channels["trend_readers"]).max(initial=0))
        extra = min(extra, float(audiences.max(initial=0)))
        if tables.net.complete.any():
            extra += float((audiences * tables.channels["ceiling"]).max(initial=0))
        # One event pushes at most one post's readers (extra ones: mean plus ten standard deviations) and some timers.
        most_sent = most_readers(tables.net) + int(extra + 10 * extra**0.5)
        for part in parts:
            part.now["most_sent"] = most_sent
        self.margin = most_sent + 512
        self.margin += int(tables.rules["most_turns"][0])
        self.margin += len(tables.by_threshold) + MOST_POSTS * int(np.count_nonzero(tables.channels["live"]))

    def __enter__(self) -> CompiledRoom:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the threads go."""
        if self.threads is not None:
            self.threads.shutdown(wait=False)

    @property
    def gates(self) -> np.ndarray:
        """GATE[channels], the same for all parts."""
        return self.parts[0].gates

    def throttle_changed(self, is_throttled: bool) -> None:
        """See `Room`."""
        for part in self.parts:
            now = part.now[0]
            if is_throttled:
                now["throttled_since"] = self.now
            else:
                now["throttled_before"] += self.now - now["throttled_since"]
            now["throttled"] = is_throttled

    def air(self, airing: int) -> None:
        """See `Room`."""
        gathering = int(self.tables.gather_starts[airing + 1] - self.tables.gather_starts[airing])
        provinces = self.tables.airs_in.shape[1]
        for k in range(len(self.parts)):
            while kernel.air(self._tables, self._parts[k], airing, self.now) == kernel.MORE_ROOM:
                self._put(k, grown(self.parts[k], gathering + self.margin, self.margin, provinces))

    def observed(self, watch: str, since: int) -> float:
        """See `Room`."""
        if watch == "on_squares":
            return float(sum(part.now[0]["phases"][ON_SQUARE] for part in self.parts))
        self.book()
        return float(sum(part.counts[since // MINUTE :, :, PUBLISHED_COUNT].sum() for part in self.parts))

    def book(self) -> None:
        """Add what has been counted in the minute at hand to the counts."""
        for part in self.parts:
            if self.now > 0:
                part.counts[(self.now - 1) // MINUTE] += part.tally
            part.tally[:] = 0

    def begin(self) -> None:
        """Schedule everybody's first events."""
        self._each(lambda k: kernel.begin(self._tables, self._parts[k]))

    def advance(self, until: int) -> None:
        """Process people's events in [now, until)."""
        if self.threads is None:
            self._advance(0, until)
            self.now = until
        while self.now < until:
            if self.now % MINUTE == 0:
                self._look_around(self.now // MINUTE)
            end = min(int(next_moment(self.now, self.moment)), until)
            self._each(partial(self._advance, until=end))
            self.now = end
            self._exchange()

    def catch_up(self) -> None:
        """Let everybody fall asleep and wake as it was to happen before now."""
        self._each(self._catch_up)

    def _catch_up(self, k: int) -> None:
        following = int(self.parts[k].now["first_person"][0])
        while (following := kernel.catch_all_up(self._tables, self._parts[k], self.now, following)) >= 0:
            self._put(k, grown(self.parts[k], 0, self.margin))

    def _put(self, k: int, part: State) -> None:
        """Put a state, which may have more room, in the place of that of a part."""
        if part is not self.parts[k]:
            self.parts[k] = part
            self._parts[k] = held(part, self._parts[k])

    def _each(self, work: Callable[[int], object]) -> None:
        """Do something for all parts at once."""
        others = [self.threads.submit(work, k) for k in range(1, len(self.parts))] if self.threads is not None else []
        try:
            work(0)
        finally:
            wait(others)
        for other in others:
            other.result()

    def _advance(self, k: int, until: int) -> None:
        while kernel.advance(self._tables, self._parts[k], until, self.margin) == kernel.MORE_ROOM:
            room = max(2 * self.margin, min(kernel.MOST_AT_ONCE * self.margin, ROOM))
            self._put(k, grown(self.parts[k], room, room))

    def _exchange(self) -> None:
        """Bring everybody what people of other parts have sent."""
        if not any(part.now["n_letters"][0] for part in self.parts):
            return
        self._each(self._receive)
        for part in self.parts:
            for name in ("n_letters", "n_out", "n_sealed"):
                part.now[name] = 0

    def _receive(self, k: int) -> None:
        for j, other in enumerate(self.parts):
            n = int(other.now["n_letters"][0])
            while j != k and n > 0 and not kernel.receive(self._parts[k], other.outbox, other.letters, n):
                self._put(k, grown(self.parts[k], int(other.now["n_out"][0]), n))

    def _look_around(self, minute: int) -> None:
        """Look at the nation at a whole minute."""
        for pointer in self._parts:
            kernel.look_back(self._tables, pointer, minute)
        topical, phases = sum(part.topical for part in self.parts), sum(part.now["phases"][0] for part in self.parts)
        for k, part in enumerate(self.parts):
            part.topical[:], part.phases[:] = topical, phases
            self._put(k, grown(part, self.margin, 0))
            kernel.look_around(self._tables, self._parts[k], minute)


def run_compiled(
    scenario: Scenario,
    tables: Tables,
    exists: np.ndarray,
    keep_log: bool,
    until: int | None = None,
    is_last: bool = False,
    n_threads: int = 1,
) -> State:
    """Return the state at the horizon, or at the tick `until` if that comes first.

    The tables can be used again unless this `is_last` run of theirs, which saves memory. What comes out does not depend on
    the number of threads.
    """
    is_long = tables.rules["moment"][0] >= SECOND  # else the parts would do nothing but wait for each other
    n_parts = min(n_threads, len(tables.people)) if is_long else 1
    room = CompiledRoom(tables, make_parts(tables, exists, keep_log, is_last, n_parts))
    env = simpy.Environment()
    start_actors(env, scenario, room)
    end = scenario.clock.horizon if until is None else min(until, scenario.clock.horizon)
    with room:
        room.begin()
        while True:
            following = int(min(env.peek(), end))
            room.advance(following)
            if following >= end:
                room.book()
                room.catch_up()
                return whole(room.parts)
            env.step()
