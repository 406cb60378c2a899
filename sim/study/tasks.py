"""The runs of a study, and how one of them is done: found in the store, computed, or found to have failed before."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sim.draws import MAX_SEED
from sim.engine.hybrid import threads_for
from sim.engine.simulate import Record, run
from sim.errors import CapacityError, InputError
from sim.scenario import Scenario
from sim.study.store import Store, run_key
from sim.study.worlds import Worlds
from sim.units import MINUTE

__all__ = ["Done", "Failure", "Runner", "Task", "end_of_comparison", "replicate_seeds", "tasks_of"]


@dataclass(frozen=True)
class Task:
    """One run: an arm (or one of its null nights) of one replicate."""

    arm: str
    null: str
    """Empty for the night itself."""
    replicate: int
    scenario: Scenario
    seed: int
    world_seed: int
    until: int | None
    engine: str

    @cached_property
    def key(self) -> str:
        """Return the name of the run in the store."""
        return run_key(self.scenario, self.seed, self.world_seed, self.until, self.engine)

    def __str__(self) -> str:
        return f"{_named(self.arm, self.null)}, replicate {self.replicate}, seed {self.seed}"


@dataclass(frozen=True)
class Failure:
    """A run that failed, and why."""

    arm: str
    null: str
    replicate: int
    reason: str

    def __str__(self) -> str:
        return f"{_named(self.arm, self.null)}, replicate {self.replicate}: {self.reason}"


@dataclass(frozen=True)
class Done:
    """What became of a task."""

    record: Record | None
    how: str
    """``computed``; ``found`` in the store; ``shared`` with an arm or null night that asked for the same run before;
    ``failed``; or ``failed before``, as its tombstone says."""
    reason: str = ""
    seconds: float = 0.0
    """CPU time of this thread in which the world was built and the run was made; not of others that shared the work."""
    error: Exception | None = None


def _named(arm: str, null: str) -> str:
    return f"arm {arm}" + (f", null night {null}" if null else "")


def end_of_comparison(scenario: Scenario) -> int | None:
    """Return the tick to which the night without the call is needed: the end of the minutes after the call."""
    account = scenario.scenario.accounting
    if account is None:
        return None
    return scenario.clock.tick(account.call) + round(account.call_minutes * MINUTE)


def replicate_seeds(seed: int, replicate: int, is_fixed: bool) -> tuple[int, int]:
    """Return the seed of a replicate and that of its world."""
    own = (seed + replicate) % (MAX_SEED + 1)
    return own, seed if is_fixed else own


def tasks_of(
    arms: Mapping[str, Scenario],
    replicate: int,
    seed: int,
    nulls: Sequence[str],
    is_fixed: bool,
    engine: str,
    world_seed: int | None = None,
) -> list[Task]:
    """Return the runs of one replicate. Nights that several arms share (the ordinary one) have one key and run once.

    `world_seed`: of the world, where it is not the replicate's own.
    """
    own, of_world = replicate_seeds(seed, replicate, is_fixed)
    of_world = of_world if world_seed is None else world_seed
    tasks = []
    for arm, scenario in arms.items():
        for null in ("", *nulls):
            night = scenario.null_night(null) if null else scenario
            until = end_of_comparison(scenario) if null == "without_call" else None
            tasks.append(Task(arm, null, replicate, night, own, of_world, until, engine))
    return tasks


class Runner:
    """Does tasks, each key once: what is in the store is found, what has failed before is not tried again unless asked to."""

    def __init__(
        self,
        store: Store,
        *,
        retry: bool = False,
        is_stopped: Callable[[], bool] = lambda: False,
        n_free: int = 1,
    ) -> None:
        """n_free: processors that one run may use, if it is large enough to gain by it."""
        self.store, self.retry, self.is_stopped, self.n_free = store, retry, is_stopped, n_free

    def do(
        self, task: Task, worlds: Worlds, done: dict[str, Record], lock: threading.Lock | None = None
    ) -> Done | None:
        """Return what became of a task; None where all was stopped before it was done.

        Parameters
        ----------
        worlds
            Of the replicate: built once, shared by its arms.
        done
            Records of the replicate by key; the new one is added.
        lock
            Held while a world is built, where several threads share `worlds`.

        Raises
        ------
        InputError
            True of the whole study: a file that cannot be used, or a store that cannot be written.
        CapacityError
            The memory does not suffice.
        """
        if task.key in done:
            return Done(done[task.key], "shared")
        record = self.store.get(task.key)
        if record is None and not self.retry and (failed := self.store.failure(task.key)) is not None:
            reason, is_too_large = failed
            return Done(None, "failed before", reason, error=CapacityError(reason) if is_too_large else None)
        if record is None:
            with self.store.claimed(task.key, self.is_stopped) as is_mine:
                if not is_mine:
                    return None
                record = self.store.get(task.key)  # another process may have done it meanwhile
                if record is None:
                    return self._computed(task, worlds, done, lock)
        done[task.key] = record
        return Done(record, "found")

    def _computed(
        self, task: Task, worlds: Worlds, done: dict[str, Record], lock: threading.Lock | None
    ) -> Done | None:
        began = time.thread_time()
        try:
            with lock or contextlib.nullcontext():
                its_world = worlds.get(task.scenario, task.world_seed)
            if self.is_stopped():
                return None
            n_threads = threads_for(task.scenario.population.n_people, self.n_free)
            record = run(task.scenario, task.seed, task.engine, world=its_world, until=task.until, n_threads=n_threads)
        except InputError:
            raise
        except MemoryError as error:
            people = task.scenario.population.n_people
            raise CapacityError(
                f"population.size is {people}, for which the memory does not suffice ({error}); choose a smaller "
                "population, or study.workers=1."
            ) from error
        except Exception as error:  # also a fault of the program costs its own run only, and is told
            reason = _reason(error)
            if not isinstance(error, OSError):  # which may pass
                self.store.bury(task.key, reason, isinstance(error, CapacityError))
            return Done(None, "failed", reason, time.thread_time() - began, error)
        seconds = time.thread_time() - began
        self.store.put(task.key, record)
        self.store.forget(task.key)
        done[task.key] = record
        return Done(record, "computed", "", seconds)


def _reason(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says (a compiler's may be long)."""
    lines = str(error).strip().splitlines()
    if isinstance(error, CapacityError) and lines:
        return lines[0]  # a sentence for users
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
