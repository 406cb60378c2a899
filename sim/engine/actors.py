"""The scripted world: SimPy processes that open and close throttles, air the timeline, inspect, and observe.

Both engines run these same actors; a room is what they act on. At one tick they come in the order of their ranks: window
ends, window starts, airings, inspectors, observers, and only then people.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import simpy

from sim.engine.build import airing_ticks
from sim.engine.order import ACTOR_RANKS
from sim.scenario import Scenario
from sim.throttle import Inspector, Window, strongest
from sim.units import MINUTE, minutes_to_ticks

__all__ = ["At", "Room", "Script", "start_actors"]


class Room(Protocol):
    """What the script can do to people, and see of them."""

    @property
    def gates(self) -> np.ndarray:
        """GATE[channels], written by the script."""

    def throttle_changed(self, is_throttled: bool) -> None:
        """Take notice that some channel is throttled from now on, or that none is any more."""

    def air(self, airing: int) -> None:
        """Broadcast an airing."""

    def observed(self, watch: str, since: int) -> float:
        """Return what an inspector sees: posts published since a tick, or people on the squares (simulated people)."""


class At(simpy.Event):
    """An event at an integer tick with an integer rank: among events of one tick the smaller rank comes first.

    SimPy itself breaks ties by insertion; the rank as priority makes the order total.
    """

    def __init__(self, env: simpy.Environment, tick: int, rank: int) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, priority=rank, delay=tick - env.now)  # type: ignore[arg-type]


class Open(NamedTuple):
    """A throttle that is open now."""

    channels: tuple[str, ...]
    severity: float
    is_delay: bool
    end: int
    """Tick of its end."""
    lag: int
    """Ticks for which an operation is held; 0: until the end."""


@dataclass
class Script:
    """The windows that are open, from which the gates are computed anew at every change."""

    room: Room
    channels: list[str]
    is_throttled: bool = False
    windows: dict[int, Open] = field(default_factory=dict)
    """By order in the list."""
    off_air: list[str] = field(default_factory=list)

    def refresh(self) -> None:
        """Write the gates from what is open now."""
        gates = self.room.gates
        for index, name in enumerate(self.channels):
            active = [(w.severity, order, w) for order, w in self.windows.items() if name in w.channels]
            off = int(name in self.off_air)
            if active:
                w = strongest(active)
                gates[index] = (w.severity, int(w.is_delay), w.end, w.lag, off)
            else:
                gates[index] = (0.0, 0, 0, 0, off)
        is_open = bool(np.any(gates["severity"] > 0))
        if is_open != self.is_throttled:
            self.is_throttled = is_open
            self.room.throttle_changed(is_open)


Process = Generator[simpy.Event, Any, None]


def start_actors(env: simpy.Environment, scenario: Scenario, room: Room) -> Script:
    """Start all actors of a scenario in an environment and return the script that they share."""
    clock = scenario.clock
    script = Script(room, list(scenario.channels))

    def at(tick: int, rank: str, index: int = 0) -> At:
        return At(env, tick, ACTOR_RANKS[rank] * 1_000_000 + index)

    def window(order: int, w: Window, start: int, end: int) -> Process:
        lag = max(minutes_to_ticks(w.lag_minutes), 1) if w.lag_minutes is not None else 0
        if end <= 0 or start >= clock.horizon:
            return
        yield at(max(start, 0), "window_start", order)
        script.windows[order] = Open(w.channels, w.severity, w.mode == "delay", end, lag)
        script.refresh()
        yield at(end, "window_end", order)
        del script.windows[order]
        script.refresh()

    def outage(order: int, channel: str, start: int, end: int) -> Process:
        if end <= 0 or start >= clock.horizon:
            return
        yield at(max(start, 0), "window_start", order)
        script.off_air.append(channel)
        script.refresh()
        yield at(end, "window_end", order)
        script.off_air.remove(channel)
        script.refresh()

    def programme() -> Process:
        for index, (tick, _, _) in enumerate(airing_ticks(scenario)):
            yield at(tick, "airing", index)
            room.air(index)

    def inspector(order: int, i: Inspector) -> Process:
        every = i.every_minutes * MINUTE
        threshold = i.threshold_per_million * scenario.population.n_people / 1e6
        tick = max(0, clock.tick(i.start)) if i.start is not None else clock.warm_up
        while tick < clock.horizon:
            yield at(tick, "inspector")
            seen = room.observed(i.watch, max(0, tick - every))
            if seen >= threshold:
                end = tick + minutes_to_ticks(i.minutes)
                script.windows[order] = Open(i.channels, i.severity, i.mode == "delay", end, 0)
                script.refresh()
                yield at(end, "window_end", order)
                del script.windows[order]
                script.refresh()
                tick = end
            tick += every

    count = 0
    for w in scenario.throttle.windows:
        env.process(window(count, w, clock.tick(w.start), clock.tick(w.end)))
        count += 1
    if scenario.throttle.inspector is not None:
        env.process(inspector(count, scenario.throttle.inspector))
        count += 1
    for o in scenario.scenario.outages:
        env.process(outage(count, o.channel, clock.tick(o.start), clock.tick(o.end)))
        count += 1
    if scenario.scenario.timeline:
        env.process(programme())
    return script
