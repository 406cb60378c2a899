"""A design run as one study: its points in chunks, in processes of this machine or of a cluster."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sim.draws import MAX_SEED
from sim.errors import CapacityError, InputError
from sim.study.design import Design, Value, design_points
from sim.study.memory import fitting_workers, peak_bytes
from sim.study.points import Measured, Point, Settings
from sim.study.template import ArmsOfPoints
from sim.study.workers import Workplace, chunk_size, open_workers
from sim.threads import n_processors

__all__ = ["DesignRun", "fitting_processes", "run_design"]

_SEEDS = 1_000_000
"""Between the seeds of two points with dice of their own: as many as a study may have replicates."""


@dataclass
class DesignRun:
    """The points of a design and what became of them, in the order of their numbers."""

    design: Design
    points: list[dict[str, Value]]
    measured: list[Measured]
    """Of this part of the points."""
    arms: list[str] = field(default_factory=list)
    """Names of all arms, in the order in which points have them."""
    baseline: str = "open"
    seconds_elsewhere: float = 0.0
    """CPU seconds of other processes, their start included."""
    of_other_models: dict[str, int] = field(default_factory=dict)
    """How many of the points are in the store from another version of the model, by its folder's name."""
    notes: list[str] = field(default_factory=list)

    @property
    def n_computed(self) -> int:
        """Runs that were computed."""
        return sum(m.n_computed for m in self.measured)

    @property
    def n_reused(self) -> int:
        """Runs that were found."""
        return sum(m.n_reused for m in self.measured)

    @property
    def n_failed(self) -> int:
        """Runs that failed; a point that makes no scenario counts as one."""
        return sum(len(m.failures) for m in self.measured)


def run_design(
    design: Design,
    arms: ArmsOfPoints,
    settings: Settings,
    *,
    seed: int,
    workers: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> DesignRun:
    """Return what became of the points of a design; the outcomes are in the store, a file for each point.

    Parameters
    ----------
    design, arms, settings
        What is varied, what a point's arms are, and what all points share.
    seed
        Of the first replicate: of every point (common dice), or of the first point.
    workers
        Number of processes; None: one per processor.
    progress
        Called with the numbers of points that are finished, of those with a failure, and of all.
    tell
        Called with a sentence where much memory is needed, or where it suffices for fewer processes than asked for.

    Raises
    ------
    InputError
        A factor that moves nothing, a backend that is not there, a store that cannot be written, or no point that makes a
        scenario.
    CapacityError
        No run could be made as it was asked for.
    """
    if not 0 <= seed <= MAX_SEED:
        raise InputError(
            f"seed is {seed}, expected a whole number from 0 to {MAX_SEED} (2^63 - 1); give such a number."
        )
    values = design_points(design)
    mine = range(design.part, len(values), design.parts)
    run = DesignRun(design, values, [])
    _prepare(arms, [values[i] for i in mine], run)
    failed = 0
    n_processes = workers or n_processors()
    if mine and settings.engine == "compiled" and design.backend in ("loky", "threading"):
        n_processes = fitting_processes(arms, settings, values[mine[0]], min(n_processes, len(mine)), tell)
    chunks = _chunks(arms, settings, values, mine, design, seed, n_processes)
    place = Workplace(design.backend, design.address, n_processes)
    with open_workers(place, arms, settings) as measure, contextlib.closing(measure(chunks)) as results:
        for found, seconds in results:
            run.measured += found
            run.seconds_elsewhere += seconds
            failed += sum(bool(m.failures) for m in found)
            if progress is not None:
                progress(len(run.measured) - failed, failed, len(mine))
    run.measured.sort(key=lambda m: m.number)
    run.arms = list(dict.fromkeys(arm for m in run.measured for arm in m.arms))
    run.baseline = next(iter(arms.arms)) if arms.arms else "open"
    new = [m.key for m in run.measured if m.n_computed]
    run.of_other_models = settings.store.of_other_models(new, "point")
    if run.measured and all(m.failures and not m.arms for m in run.measured):
        raise InputError(run.measured[0].failures[0].reason)
    too_large = [m for m in run.measured if m.is_too_large]
    if too_large and not any(any(m.names) for m in run.measured):
        raise CapacityError(too_large[0].failures[0].reason)
    return run


def _prepare(arms: ArmsOfPoints, values: list[dict[str, Value]], run: DesignRun) -> None:
    """Compose what points share; refuse factors that move nothing."""
    choices = {repr([v for k, v in each.items() if k not in arms.numeric]): each for each in values}
    good: list[dict[str, Value]] = []
    faults: list[tuple[dict[str, Value], InputError]] = []
    for each in choices.values():
        try:
            arms.prepare(each)
            good.append(each)
        except InputError as error:
            faults.append((each, error))  # told for each of its points, if others can be made
    if not choices:
        return  # more parts than points: nothing is left for this one
    if not good:
        raise faults[0][1]
    _refuse_useless(arms, good, faults)
    for key in arms.moves_nothing():
        raise InputError(
            f"design.factors names {key}, which moves nothing in any arm, expected a parameter that the night uses; correct "
            "the name or leave it out."
        )
    slow = [each for each in choices.values() if not arms.is_quick(each)]
    if len(slow) > len(faults) and len(values) > 100:
        run.notes.append("values are computed from factors here, so every point is composed by itself (0.2 s each)")


def _refuse_useless(
    arms: ArmsOfPoints, good: list[dict[str, Value]], faults: list[tuple[dict[str, Value], InputError]]
) -> None:
    """Refuse a choice with which no point can be composed, as an option that does not exist: of several the most frequent."""
    usable = {(key, repr(value)) for each in good for key, value in each.items()}
    useless = [(key, repr(each[key]), error) for each, error in faults for key in each
               if key not in arms.numeric and (key, repr(each[key])) not in usable]  # fmt: skip
    if useless:
        counts = Counter((key, value) for key, value, _ in useless)
        key, value, error = max(useless, key=lambda one: counts[one[0], one[1]])
        raise InputError(
            f"design.factors gives {key} the value {value}, with which no point can be made ({str(error).rstrip('.')}); "
            "correct it or leave it out."
        )


def fitting_processes(
    arms: ArmsOfPoints,
    settings: Settings,
    values: dict[str, Value],
    n_processes: int,
    tell: Callable[[str], None],
) -> int:
    """Return how many processes the memory suffices for, if all points are like this one."""
    try:
        scenarios = arms.of(values).values()
    except InputError:
        return n_processes  # told when it is the point's turn
    one = peak_bytes(scenarios, len(scenarios) * (1 + len(settings.nulls)), 1, False)
    return fitting_workers(lambda n: n * one, n_processes, max(s.population.n_people for s in scenarios), tell)


def _chunks(
    arms: ArmsOfPoints,
    settings: Settings,
    values: list[dict[str, Value]],
    mine: range,
    design: Design,
    seed: int,
    n_processes: int,
) -> Iterator[list[Point]]:
    """Yield points in chunks of about equal time: the first is a single point, whose size says how many make the others."""
    first, size = 0, 1
    while first < len(mine):
        points = []
        for number in mine[first : first + size]:
            own = (seed + number * _SEEDS) % (MAX_SEED + 1) if design.dice == "own" else seed
            made, fault = None, ""
            if not arms.is_quick(values[number]):
                try:
                    made = arms.of(values[number])
                except InputError as error:
                    fault = str(error)
            points.append(Point(number, values[number], own, made, fault))
        first += size
        if len(points) == 1:
            size = _size(arms, settings, points[0], len(mine), n_processes)
        yield points


def _size(arms: ArmsOfPoints, settings: Settings, point: Point, n_points: int, n_processes: int) -> int:
    """Return how many points make a chunk: some seconds of work, but several chunks for each process."""
    try:
        of_point = point.arms or ({} if point.fault else arms.of(point.values))
    except InputError:
        of_point = {}
    if not of_point:
        return 1
    people = sum(scenario.population.n_people for scenario in of_point.values())
    nights = settings.replicates * (1 + len(settings.nulls))
    return max(1, min(chunk_size(people, nights, len(of_point)), n_points // (4 * n_processes)))
