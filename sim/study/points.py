"""Design points: all arms and replicates of a point, measured and kept in one file of the store.

A design of thousands of points keeps what was measured, not the runs: of each arm and replicate its outcomes. A measurement is
named by the keys of the runs that it was made from, so a point's file is found again by whatever command asks for it, and more
replicates or arms extend it. Runs that many points share, as the ordinary night mostly is, are made once and kept as runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import json
import os
import pickle
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.engine.simulate import Record
from sim.errors import CapacityError, InputError
from sim.measures.outcomes import Outcome, outcomes
from sim.measures.windows import Window, window_sums
from sim.scenario import NULL_NIGHTS, Scenario
from sim.study.design import Value
from sim.study.store import Store, UnwritableError
from sim.study.tasks import Done, Failure, Runner, Task, tasks_of
from sim.study.template import Arms, ArmsOfPoints
from sim.study.whole import PARTIAL, put_bytes
from sim.study.worlds import Worlds

__all__ = ["Measured", "Point", "Settings", "forget_points", "measure_points", "posted"]

_SAVE_EVERY = 1.0
"""Seconds of work after which a point that is not finished is kept as far as it is."""
_WORLDS = 2_000_000
"""People of the worlds that a process keeps for its next point."""
_LOOK = 2.0
"""Seconds between two looks at whether the parent is still there."""
_NIGHTS = 16
"""Runs that a process keeps for its next point, of those that an earlier point has asked for."""


@dataclass(frozen=True)
class Settings:
    """What all points of a design share."""

    replicates: int
    nulls: tuple[str, ...]
    is_fixed: bool
    engine: str
    store: Store
    retry: bool
    windows: tuple[Window, ...] = ()
    """Sums over these are measured of every night as well."""
    process: int = field(default_factory=os.getpid)
    """Which asks, and waits for the others."""


@dataclass(frozen=True)
class Point:
    """A point: its number from 0, the values of its factors, the seed of its first replicate."""

    number: int
    values: Mapping[str, Value]
    seed: int
    arms: Arms | None = None
    """None: made from templates."""
    fault: str = ""
    """Why its values make no scenario, where that is known already."""
    world_seed: int | None = None
    """Of the world of all its replicates; None: as the settings say."""


@dataclass
class Measured:
    """What became of a point, without the outcomes themselves, which are in the store under `key`."""

    number: int
    key: str = ""
    arms: tuple[str, ...] = ()
    names: list[str] = field(default_factory=list)
    """Of the measurements, by arm and, within, by replicate; empty where there is none."""
    failures: list[Failure] = field(default_factory=list)
    """Of a point that makes no scenario: one without an arm."""
    n_computed: int = 0
    n_reused: int = 0
    seconds: float = 0.0
    """CPU time in which worlds were built, runs made, and their outcomes measured."""
    is_too_large: bool = False


class _Memory:
    """What a process remembers from point to point: worlds, and runs that more than one point asked for."""

    def __init__(self) -> None:
        self.worlds: OrderedDict[int, Worlds] = OrderedDict()
        self.nights: OrderedDict[str, Record] = OrderedDict()
        self.asked: set[bytes] = set()

    def world(self, scenario: Scenario, world_seed: int) -> Worlds:
        found = self.worlds.pop(world_seed, None)
        if found is None or len(found.worlds) > 4:  # the points differ in their worlds: nothing to share
            found = Worlds()
        self.worlds[world_seed] = found
        while len(self.worlds) > max(1, min(64, _WORLDS // max(1, scenario.population.n_people))):
            self.worlds.popitem(last=False)
        return found

    def asks_again(self, key: str) -> bool:
        """Return whether a run was asked for before, and remember it."""
        short = bytes.fromhex(key[:16])
        if short in self.asked:
            return True
        if len(self.asked) > 1_000_000:
            self.asked.clear()
        self.asked.add(short)
        return False

    def keep(self, key: str, record: Record) -> None:
        self.nights[key] = record
        while len(self.nights) > _NIGHTS:
            self.nights.popitem(last=False)


_MEMORY: dict[int, _Memory] = {}
"""Of each thread of this process that measures points."""
_TOLD = [0.0]
"""CPU seconds of this process, all its threads, that it has told of: what the pool does between chunks belongs to the next."""
_READ: dict[Path, ArmsOfPoints] = {}
"""The arms that this process has read last."""
_SHARED = threading.Lock()
"""Held where threads look at what the process has: workers of dask may have several."""


@dataclass(frozen=True)
class Posted:
    """The arms of all points in a file, which every process reads once: with many choices they are large."""

    path: Path

    def kept(self) -> Posted:
        """Return this, with a sign on the file that it is in use: what is older than a day counts as left behind."""
        with contextlib.suppress(OSError):
            os.utime(self.path)
        return self

    def read(self) -> ArmsOfPoints:
        """Return the arms."""
        with _SHARED:
            found = _READ.get(self.path)
            if found is None:
                found = pickle.loads(self.path.read_bytes())
                _READ.clear()
                _READ[self.path] = found
        return found


@contextlib.contextmanager
def posted(arms: ArmsOfPoints, store: Store) -> Iterator[Posted]:
    """Give the arms in a file of the store, which all processes can read, as long as the block runs."""
    assert store.folder is not None
    path = store.folder / f"{PARTIAL}{uuid.uuid4().hex}.arms"
    with store.told():
        put_bytes(path, pickle.dumps(arms))
    try:
        yield Posted(path)
    finally:
        path.unlink(missing_ok=True)


def measure_points(
    points: Sequence[Point], arms: ArmsOfPoints | Posted, settings: Settings
) -> tuple[list[Measured], float]:
    """Return what became of some points, and the CPU seconds that this took elsewhere; the outcomes are in the store.

    Elsewhere: in another process than the one that asks, its start included.

    Raises
    ------
    UnwritableError
        The store cannot be written.
    CapacityError
        The memory does not suffice.
    """
    is_elsewhere = os.getpid() != settings.process
    with _SHARED:
        is_new = not _MEMORY
        memory = _MEMORY.setdefault(threading.get_ident(), _Memory())
    if is_new and is_elsewhere:
        _keep_memory()
    if is_new and os.getppid() == settings.process:
        threading.Thread(target=_end_with, args=(settings.process,), daemon=True).start()
    if isinstance(arms, Posted):
        arms = arms.read()
    found = []
    for point in points:
        try:
            if point.fault:
                raise InputError(point.fault)
            of_point = point.arms if point.arms is not None else arms.of(point.values)
            done = _measure(point, of_point, settings, memory)
        except UnwritableError:
            raise  # true of all: nothing that is computed from here on would be kept
        except InputError as error:  # true of this point: its values, or a file that it names
            done = Measured(point.number, failures=[Failure("", "", -1, " ".join(str(error).splitlines()))])
        found.append(done)
    if not is_elsewhere:
        return found, 0.0
    if is_new:
        # What is there by now stays: the pool collects garbage after every chunk, and would look through all of it.
        gc.collect()
        gc.freeze()
    with _SHARED:  # what other threads compute meanwhile is told once, by whichever comes first
        told, now = _TOLD[0], time.process_time()
        _TOLD[0] = now
    return found, now - told


def forget_points() -> None:
    """Let go of what this process has remembered from point to point."""
    _MEMORY.clear()


def _end_with(parent: int) -> None:
    """End this process when its parent has: one that was killed while it sent work leaves a worker that waits for the rest."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)  # nothing is lost: files of the store are whole or not there


def _keep_memory() -> None:
    """Let arrays of some MB come from memory that is kept, not mapped anew: a tenth of what thousands of small runs cost.

    Where psutil is installed, loky takes worlds that are remembered for a leak, and ends the process that has them.
    """
    with contextlib.suppress(ImportError, AttributeError):
        from joblib.externals.loky import process_executor

        process_executor._MAX_MEMORY_LEAK_SIZE = 1 << 50
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no such C library
        library, of_mmap, of_trim = ctypes.CDLL(None), -3, -1  # as malloc.h names them
        library.mallopt(of_mmap, 32 << 20)
        library.mallopt(of_trim, 64 << 20)


def point_key(arms: Arms, values: Mapping[str, Value]) -> str:
    """Return 64 hex digits that name a point by its baseline's parameters and its values: not by other arms or replicates."""
    first = next(iter(arms.values())).parameters_hash
    return hashlib.sha256(f"{first} {json.dumps(dict(values), sort_keys=True, default=str)}".encode()).hexdigest()


def _measure(point: Point, arms: Arms, settings: Settings, memory: _Memory) -> Measured:
    store = settings.store
    measured = Measured(point.number, point_key(arms, point.values), tuple(arms))
    kept = store.get_point(measured.key)
    plan = [
        tasks_of(arms, r, point.seed, settings.nulls, settings.is_fixed, settings.engine, point.world_seed)
        for r in range(settings.replicates)
    ]
    names = [{arm: _name(tasks, arm, settings.windows) for arm in arms} for tasks in plan]
    how: dict[str, str] = {}
    if not all(_is_settled(kept.get(name), settings.retry) for each in names for name in each.values()):
        with store.claimed(measured.key):
            kept = store.get_point(measured.key)  # another process may have been here meanwhile
            saved = time.monotonic()
            for replicate, tasks in enumerate(plan):
                wanted = {a: n for a, n in names[replicate].items() if not _is_settled(kept.get(n), settings.retry)}
                if not wanted:
                    continue
                kept |= _replicate(arms, wanted, tasks, settings, memory, measured, how)
                if replicate < len(plan) - 1 and time.monotonic() - saved > _SAVE_EVERY:
                    store.put_point(measured.key, kept)
                    saved = time.monotonic()
            store.put_point(measured.key, kept)
    for arm in arms:
        for replicate in range(settings.replicates):
            name = names[replicate][arm]
            entry = kept[name]
            measured.names.append(name if "value" in entry else "")
            measured.is_too_large |= bool(entry["is_too_large"])
            measured.failures += [Failure(arm, null, replicate, reason) for null, reason in entry["failed"].items()]
    for replicate, tasks in enumerate(plan):
        for task in tasks:
            if not kept[names[replicate][task.arm]]["failed"].keys() & {"", task.null}:
                how.setdefault(task.key, "found")  # with the measurement that it was made for
    measured.n_computed, measured.n_reused = (list(how.values()).count(what) for what in ("computed", "found"))
    return measured


def _is_settled(entry: Mapping[str, Any] | None, retry: bool) -> bool:
    return entry is not None and not (entry["failed"] and (retry or entry.get("passes")))


def _name(tasks: Sequence[Task], arm: str, windows: Sequence[Window]) -> str:
    """Return the name of a measurement: of an arm in a replicate, with the null nights that its outcomes use, and windows."""
    text = " ".join(f"{task.null}:{task.key}" for task in tasks if task.arm == arm)
    text += "".join(f" {w.curve}:{w.first}:{w.end}" for w in windows)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _replicate(
    arms: Arms,
    wanted: Mapping[str, str],
    tasks: Sequence[Task],
    settings: Settings,
    memory: _Memory,
    measured: Measured,
    how: dict[str, str],
) -> dict[str, Any]:
    """Run what is wanted of a replicate; return its measurements by name, and note by its key how each run was had."""
    runner = Runner(Store(None), retry=settings.retry)
    records: dict[str, Record] = {}
    by_arm: dict[str, dict[str, Record]] = {arm: {} for arm in wanted}
    failed: dict[str, dict[str, str]] = {arm: {} for arm in wanted}
    passing: set[str] = set()
    too_large: set[str] = set()
    for task in tasks:
        if task.arm not in wanted or "" in failed[task.arm]:
            continue
        done = _night(task, runner, records, memory, settings.store)
        measured.seconds += done.seconds
        how.setdefault(task.key, done.how)
        if done.record is not None:
            by_arm[task.arm][task.null] = done.record
        else:
            failed[task.arm][task.null] = done.reason
            if isinstance(done.error, OSError):
                passing.add(task.arm)
            if isinstance(done.error, CapacityError):
                too_large.add(task.arm)
    entries: dict[str, Any] = {}
    for arm, name in wanted.items():
        entries[name] = {"failed": failed[arm], "is_too_large": arm in too_large}
        if arm in passing:
            entries[name]["passes"] = True  # too many open files, say: no reason not to try again
        if (night := by_arm[arm].pop("", None)) is not None:
            nulls = {null: by_arm[arm][null] for null in NULL_NIGHTS if null in by_arm[arm]}
            began = time.thread_time()
            found = outcomes(arms[arm], night, nulls)
            measured.seconds += time.thread_time() - began
            entries[name] |= _packed(found)
            if settings.windows:
                entries[name]["sums"] = window_sums(arms[arm], night, settings.windows)
    return entries


def _night(task: Task, runner: Runner, records: dict[str, Record], memory: _Memory, store: Store) -> Done:
    """Return a run: remembered, found in the store, or computed; one that is asked for again is kept for the next point."""
    known = memory.nights.get(task.key) or (None if task.key in records else store.get(task.key))
    if known is not None:
        memory.keep(task.key, known)
        records[task.key] = known
        return Done(known, "found")
    done = runner.do(task, memory.world(task.scenario, task.world_seed), records)
    assert done is not None
    if done.how == "computed" and done.record is not None and memory.asks_again(task.key):
        memory.keep(task.key, done.record)
        store.put(task.key, done.record)
    return done


def _packed(found: Sequence[Outcome]) -> dict[str, Any]:
    """Return outcomes as columns, for JSON."""
    return {
        "outcome": [o.name for o in found],
        "unit": [o.unit for o in found],
        "value": [float(o.value) for o in found],
        "numerator": [float(o.numerator) for o in found],
        "denominator": [float(o.denominator) for o in found],
        "reason": {str(i): o.reason for i, o in enumerate(found) if o.reason},
    }
