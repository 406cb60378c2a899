"""Statistics of nights at given parameters: simulated by the processes that compute design points, and found in the store."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sim.draws import MAX_SEED
from sim.inference.statistics import Statistics
from sim.study.points import Measured, Point, Settings
from sim.study.store import Store
from sim.study.template import ArmsOfPoints
from sim.study.workers import Results, Workplace, chunk_size, open_workers

__all__ = ["Simulator", "open_simulator", "seed_at"]


WORLDS = 32
"""So many worlds are shared out among all nights: building one takes as long as a night in it."""


def seed_at(values: Mapping[str, float], seed: int) -> int:
    """Return the seed of the night at some values: others for other values, so that nights are independent."""
    text = json.dumps([seed, sorted(values.items())])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") % (MAX_SEED + 1)


@dataclass
class Simulator:
    """Simulates nights, counts them, and keeps nothing but the store."""

    statistics: Statistics
    store: Store
    seed: int
    measure: Callable[[Iterator[list[Point]]], Results]
    chunk: int
    """Nights that a process is given at once."""
    n_computed: int = 0
    n_reused: int = 0
    reasons: list[str] = field(default_factory=list)
    """Why nights failed, each reason once."""
    progress: Callable[[int], None] = lambda _: None
    """Called with the number of nights that came back."""

    def of(self, values: Sequence[Mapping[str, float]], *, own_dice: bool = False) -> list[dict[str, float]]:
        """Return the statistics of a night at each of these values; NaN where it failed.

        `own_dice`: values that come twice get two nights; else they are one candidate, which has one.
        """
        points = [self._point(number, v, number if own_dice else None) for number, v in enumerate(values)]
        chunks = (points[first : first + self.chunk] for first in range(0, len(points), self.chunk))
        found: list[dict[str, float]] = [{} for _ in points]
        with contextlib.closing(self.measure(chunks)) as results:
            for measured, _ in results:
                for m in measured:
                    found[m.number] = self._statistics(m)
                self.progress(len(measured))
        return found

    def unknown(self, values: Mapping[str, float]) -> list[str]:
        """Return the statistics of which a night at these values has no outcome or curve at all."""
        point = self._point(0, values)
        with contextlib.closing(self.measure(iter([[point]]))) as results:
            measured = next(m for found, _ in results for m in found)
        entry = self.store.get_point(measured.key)[measured.names[0]]
        return self.statistics.unknown(entry)

    def _point(self, number: int, values: Mapping[str, float], own_number: int | None = None) -> Point:
        own = seed_at(values if own_number is None else {**values, "draw": float(own_number)}, self.seed)
        return Point(number, values, own, world_seed=seed_at({"world": float(own % WORLDS)}, self.seed))

    def _statistics(self, measured: Measured) -> dict[str, float]:
        self.n_computed += measured.n_computed
        self.n_reused += measured.n_reused
        for failure in measured.failures:
            if failure.reason not in self.reasons:
                self.reasons.append(failure.reason)
        entry: dict[str, Any] = {}
        if measured.names and measured.names[0]:
            entry = self.store.get_point(measured.key).get(measured.names[0], {})
        if "value" not in entry:
            return dict.fromkeys(self.statistics.observed, math.nan)
        return self.statistics.of_entry(entry)


@contextlib.contextmanager
def open_simulator(
    arms: ArmsOfPoints, statistics: Statistics, settings: Settings, place: Workplace, seed: int
) -> Iterator[Simulator]:
    """Give a simulator of the one arm of `arms`, with the processes that it needs.

    Parameters
    ----------
    arms
        Prepared for the parameters that will vary.
    settings
        One replicate, with the null nights and windows that the statistics need, and a store.
    seed
        Decides, with the values, the dice of each night.
    """
    n_nights = 1 + len(settings.nulls)
    with open_workers(place, arms, settings) as measure:
        size = chunk_size(_people(arms), n_nights)
        yield Simulator(statistics, settings.store, seed, measure, size)


def _people(arms: ArmsOfPoints) -> int:
    """Return how many people a night has, as the templates have it."""
    trees = [t.tree for by_arm in arms.templates.values() for t in by_arm.values() if t is not None]
    population = trees[0]["population"] if trees else {}
    size = population.get("size")
    return int(size) if size is not None else 100_000
