"""The processes that compute design points: of this machine or of a cluster, kept open for as many batches as come."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from types import FrameType
from typing import Any

from sim.errors import CapacityError, InputError
from sim.study.points import Measured, Point, Settings, forget_points, measure_points, posted
from sim.study.template import ArmsOfPoints

__all__ = ["BACKENDS", "Results", "Workplace", "chunk_size", "dismiss", "open_workers"]

BACKENDS = ("loky", "threading", "dask", "ray")
"""Of joblib's, without multiprocessing: its pool may wait for ever when a command is interrupted, and loky does all it does."""
_IDLE = 20
"""Seconds after which a process without work ends, also one whose parent was killed."""

_CHUNK_SECONDS = 2.0
"""About how long a process computes before it tells."""
_MOST_CHUNK = 200

Results = Generator[tuple[list[Measured], float], None, None]
"""What `measure_points` returns for each chunk, whichever comes first."""


@dataclass(frozen=True)
class Workplace:
    """Where points are computed."""

    backend: str
    """joblib's: loky (processes), threading, dask or ray."""
    address: str | None
    """Of the scheduler of dask or ray; None starts one on this machine."""
    n_processes: int
    part: str = "design"
    """Of the options, in which users name the backend."""


def chunk_size(people: int, nights: int, n_arms: int = 1) -> int:
    """Return how many points make a chunk of some seconds: of so many people in all arms, and nights of each."""
    return max(1, min(_MOST_CHUNK, int(_CHUNK_SECONDS / (nights * (0.02 * n_arms + 8e-6 * people)))))


@contextlib.contextmanager
def open_workers(
    place: Workplace, arms: ArmsOfPoints, settings: Settings
) -> Iterator[Callable[[Iterable[list[Point]]], Results]]:
    """Give a function that measures chunks of points; what it was given must have come back before it is called again.

    Raises
    ------
    InputError
        A backend that is not there.
    CapacityError
        A process was killed, mostly for want of memory.
    """
    if place.backend not in BACKENDS:
        raise InputError(
            f"{place.part}.backend is {place.backend!r}, expected one of {', '.join(BACKENDS)}; correct it."
        )
    if place.backend == "loky" and place.n_processes == 1:
        try:
            yield lambda chunks: (measure_points(chunk, arms, settings) for chunk in chunks)
        finally:
            forget_points()
        return
    import joblib

    with contextlib.ExitStack() as open_:
        open_.callback(forget_points)  # of threads in this process
        post = open_.enter_context(posted(arms, settings.store)) if place.backend != "threading" else None

        def calls(chunks: Iterable[list[Point]]) -> Iterator[Any]:
            for chunk in chunks:
                yield joblib.delayed(measure_points)(chunk, arms if post is None else post.kept(), settings)

        try:
            if place.backend == "loky":  # its helper lets interrupts through again when it begins: so before
                joblib.externals.loky.backend.resource_tracker.ensure_running()
            with _no_interrupts():
                options = open_.enter_context(_backend(place))
                if place.backend == "loky":
                    options["idle_worker_timeout"] = _IDLE
                open_.enter_context(joblib.parallel_config(place.backend, n_jobs=place.n_processes, **options))
                pool = open_.enter_context(joblib.Parallel(batch_size=1)) if place.backend == "ray" else None
            yield lambda chunks: _measured(calls(chunks), pool, place.n_processes)
            if place.backend == "loky":  # before the tables are written, which want memory, too
                dismiss()
        except BrokenExecutor as error:
            raise CapacityError(
                "a process that computed points was killed, mostly for want of memory; choose fewer with study.workers=N, or a "
                "smaller population.size (finished points are in the store, and the same command does only what is missing)."
            ) from error


def dismiss(*, is_at_once: bool = False) -> None:
    """End joblib's idle processes, which otherwise wait for minutes and keep the terminal, or a pipe, from closing.

    At once: those that still compute what nobody will ask for are killed.
    """
    # To ask joblib for them would begin helpers where there are none.
    executor = getattr(sys.modules.get("joblib.externals.loky.reusable_executor"), "_executor", None)
    if executor is not None:
        executor.shutdown(wait=True, kill_workers=is_at_once)


def _measured(calls: Iterator[Any], pool: Any, n_processes: int) -> Results:
    """Yield what calls return; `pool`: of Ray, which gives back lists only."""
    import joblib

    if pool is not None:
        while several := list(itertools.islice(calls, 8 * n_processes)):
            yield from pool(several)
        return
    with contextlib.ExitStack() as open_:
        with _no_interrupts():
            found = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")(calls)
            open_.callback(_close, found)  # here, for an interrupt that was held back comes at the end of this block
        for some in found:  # noqa: UP028 (yield from would hand on the end of this generator, which `_close` does)
            yield some


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Let an interrupt wait until the block ends, and never reach the processes that begin in it, which inherit this.

    A terminal interrupts all processes of a command at once. They are ended by the one that asks, which tells of it, and not by
    a traceback of each.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield  # Windows; or interrupts are another thread's matter
        return
    noted: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        noted.append(number)

    handlers = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}  # to any thread
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in noted[:1]:
            signal.raise_signal(number)


def _close(results: Generator[Any, None, None]) -> None:
    """End what joblib still computes; its advice how not to interrupt it is for programmers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        results.close()


@contextlib.contextmanager
def _backend(place: Workplace) -> Iterator[dict[str, Any]]:
    """Give the options of joblib's backend; of dask and ray, with their scheduler at hand meanwhile."""
    try:
        if place.backend == "dask":
            from distributed import Client

            logging.getLogger("distributed").setLevel(logging.WARNING)
            local: dict[str, Any] = {"n_workers": place.n_processes, "threads_per_worker": 1, "dashboard_address": None}
            with _heeding_address(place):
                client = Client(place.address) if place.address else Client(**local)  # type: ignore[no-untyped-call]
            with client:
                yield {}
            return
        if place.backend == "ray":
            import ray
            from ray.util.joblib import register_ray

            os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
            own: dict[str, Any] = {} if place.address else {"num_cpus": place.n_processes, "include_dashboard": False}
            with _heeding_address(place):
                ray.init(address=place.address, log_to_driver=False, logging_level=logging.WARNING, **own)
            try:
                register_ray()
                yield {}
            finally:
                ray.shutdown()
            return
    except ImportError as error:
        raise InputError(
            f"{place.part}.backend is {place.backend}, which needs the package {error.name}; install it with "
            f"pip install 'mobsim[{place.backend}]' or choose loky."
        ) from error
    yield {}


@contextlib.contextmanager
def _heeding_address(place: Workplace) -> Iterator[None]:
    """Say in one sentence that no scheduler answers where one was named."""
    try:
        yield
    except (OSError, ValueError) as error:
        if place.address is None:
            raise
        raise InputError(
            f"{place.part}.address is {place.address}, where no scheduler of {place.backend} answers ({error}); expected the "
            "address of one that runs, such as tcp://HOST:8786; correct it, or leave it out to start one here."
        ) from error
