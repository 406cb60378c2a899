"""Studies: arms x replicates on the same dice, with the null nights that the outcomes need."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.draws import MAX_SEED
from sim.errors import CapacityError, InputError
from sim.measures.bands import CURVE_CONTRAST_COLUMNS, contrasts_of_values, standard_curves
from sim.measures.contrast import (
    CONTRAST_COLUMNS,
    REDUCTION_COLUMNS,
    contrast_table,
    summary_table,
    variance_reduction_table,
)
from sim.measures.curves import chosen_curves, curve_matrix, minutes, squares_table
from sim.measures.outcomes import NEEDED_NULLS, main_channel, outcome_table, outcomes
from sim.scenario import NULL_NIGHTS, Scenario
from sim.study.memory import fitting_workers, peak_bytes
from sim.study.records import Records
from sim.study.store import Store
from sim.study.tasks import Done, Failure, Runner, Task, end_of_comparison, tasks_of
from sim.study.worlds import Worlds
from sim.threads import n_processors

if TYPE_CHECKING:
    import pandas as pd

    from sim.engine.simulate import Record

__all__ = ["Failure", "Study", "Task", "check_request", "run_study"]

_LOG = logging.getLogger(__name__)


_PATIENCE = 2.0
"""Seconds that an interrupted study waits for the runs that it has begun: short ones are kept, long ones are given up."""


@dataclass
class Study:
    """The finished runs of a study and the tables made from them."""

    arms: dict[str, Scenario]
    baseline: str
    replicates: int
    is_conditional: bool
    records: Records = field(default_factory=Records)
    """By arm, null night (empty: the night itself) and replicate."""
    failures: list[Failure] = field(default_factory=list)
    n_computed: int = 0
    n_reused: int = 0
    of_other_models: dict[str, int] = field(default_factory=dict)
    """How many of the computed runs are in the store from another version of the model, by its folder's name."""

    def finished(self, arm: str) -> list[int]:
        """Return the replicates of an arm whose night is there."""
        return [r for r in range(self.replicates) if (arm, "", r) in self.records]

    def nulls_of(self, arm: str, replicate: int) -> dict[str, Record]:
        """Return the null nights of one run."""
        return {n: self.records[arm, n, replicate] for n in NULL_NIGHTS if (arm, n, replicate) in self.records}

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """Columns arm, replicate, outcome, value, unit; numerator, denominator and reason beside."""
        import pandas as pd

        parts = []
        for arm, scenario in self.arms.items():
            for replicate in self.finished(arm):
                found = outcomes(scenario, self.records[arm, "", replicate], self.nulls_of(arm, replicate))
                table = outcome_table(found)
                table.insert(0, "replicate", replicate)
                table.insert(0, "arm", arm)
                parts.append(table)
        columns = ["arm", "replicate", "outcome", "value", "unit", "numerator", "denominator", "reason"]
        return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)

    def _compared(self) -> tuple[str | None, list[str]]:
        """Return the baseline, None if no run of it is left, and the other arms of which one is."""
        left = [arm for arm in self.arms if self.finished(arm)]
        return self.baseline if self.baseline in left else None, [arm for arm in left if arm != self.baseline]

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """Paired differences of every arm against the baseline, with intervals."""
        import pandas as pd

        baseline, others = self._compared()
        if baseline is None:
            return pd.DataFrame(columns=CONTRAST_COLUMNS)
        return contrast_table(self.outcomes, baseline, others, conditional=self.is_conditional)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Every outcome of every arm, with its interval."""
        return summary_table(self.outcomes, conditional=self.is_conditional)

    @cached_property
    def variance_reduction(self) -> pd.DataFrame:
        """The variance reduction of every contrast, with its interval."""
        import pandas as pd

        baseline, others = self._compared()
        if baseline is None:
            return pd.DataFrame(columns=REDUCTION_COLUMNS)
        return variance_reduction_table(self.outcomes, baseline, others, conditional=self.is_conditional)

    @cached_property
    def curve_contrasts(self) -> pd.DataFrame:
        """Paired differences of the main curves at every minute, with pointwise and simultaneous bands."""
        import pandas as pd

        baseline, others = self._compared()
        if baseline is None:
            return pd.DataFrame(columns=CURVE_CONTRAST_COLUMNS)
        arms = [baseline, *others]
        axes = {arm: minutes(self.arms[arm]) for arm in arms}
        times = axes[baseline]
        for arm in others:
            times = times.union(axes[arm])
        found = []
        for arm in arms:
            for r in self.finished(arm):
                names, rows = curve_matrix(self.arms[arm], self.records[arm, "", r])
                main = standard_curves(names)
                found.append((arm, r, main, rows[[names.index(name) for name in main]]))
        every = list(dict.fromkeys(name for _, _, main, _ in found for name in main))
        replicates = sorted({r for _, r, _, _ in found})
        values = np.full((len(arms), len(replicates), len(every), len(times)), np.nan)
        for arm, r, main, rows in found:
            at = np.ix_(np.array([every.index(name) for name in main]), times.get_indexer(axes[arm]))
            values[arms.index(arm), replicates.index(r)][at] = rows
        return contrasts_of_values(values, times, arms, every, conditional=self.is_conditional)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Columns arm, replicate, time, curve, value, of the nights themselves: 8 MB for each (`curves_of` makes some)."""
        return self.curves_of(lambda names: names)

    def curves_of(self, chosen: Callable[[list[str]], Sequence[str]]) -> pd.DataFrame:
        """Return those of the curves that `chosen` keeps of all their names."""
        return self._stack(self._nights(), chosen)

    def curves_by_run(self) -> Iterator[pd.DataFrame]:
        """Yield the curves run by run: the same rows in the same order, a part of them in memory at a time.

        Where no run is left, a table without rows.
        """
        for keys in [[key] for key in self._nights()] or [[]]:
            yield self._stack(keys, lambda names: names)

    def _nights(self) -> list[tuple[str, str, int]]:
        return [(arm, "", r) for arm in self.arms for r in self.finished(arm)]

    @cached_property
    def nulls(self) -> pd.DataFrame:
        """As `curves`, with a column null: posts and people on squares of the null nights.

        The night without the call ends with the minutes that its outcome needs.
        """
        main = {channel for s in self.arms.values() if (channel := main_channel(s)) is not None}
        posts = [f"{kind}_{channel}" for channel in sorted(main) for kind in ("published", "attempted")]
        only = {*posts, "on_squares", "asleep", "online"}
        order = {arm: i for i, arm in enumerate(self.arms)}
        keys = sorted((k for k in self.records if k[1]), key=lambda k: (order[k[0]], NULL_NIGHTS.index(k[1]), k[2]))
        return self._stack(keys, lambda names: [name for name in names if name in only], has_nulls=True)

    def _stack(
        self,
        keys: Iterable[tuple[str, str, int]],
        chosen: Callable[[list[str]], Sequence[str]],
        *,
        has_nulls: bool = False,
    ) -> pd.DataFrame:
        import pandas as pd

        parts, labels = [], []
        for arm, null, replicate in keys:
            scenario = self.arms[arm]
            part = chosen_curves(scenario, self.records[arm, null, replicate], chosen)
            if null == "without_call" and (end := end_of_comparison(scenario)) is not None:
                part = part[part["time"] < scenario.clock.moment(end)]
            parts.append(part)
            labels.append((arm, null, replicate, len(parts[-1])))
        if not parts:
            return pd.DataFrame(columns=["arm", "replicate", "time", "curve", "value", "null"])
        table = pd.concat(parts, ignore_index=True)
        lengths = [n for *_, n in labels]
        table.insert(0, "replicate", np.repeat([r for _, _, r, _ in labels], lengths))
        table.insert(0, "arm", pd.Series(_repeated([arm for arm, *_ in labels], list(self.arms), lengths)))
        if has_nulls:
            nulls = [null for _, null, _, _ in labels]
            table["null"] = _repeated(nulls, sorted(set(nulls)), lengths)
        return table

    @cached_property
    def squares(self) -> pd.DataFrame:
        """Columns arm, replicate, time, province, value, every ten minutes."""
        import pandas as pd

        parts = []
        for arm, scenario in self.arms.items():
            names = scenario.population.places.names
            for replicate in self.finished(arm):
                table = squares_table(scenario, self.records[arm, "", replicate], names)
                table.insert(0, "replicate", replicate)
                table.insert(0, "arm", pd.Series(pd.Categorical([arm] * len(table), list(self.arms))))
                parts.append(table)
        columns = ["arm", "replicate", "time", "province", "value"]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _repeated(names: Sequence[str], categories: Sequence[str], lengths: Sequence[int]) -> Any:
    """Return names, each as often as its length says, as a categorical: texts would be millions."""
    import pandas as pd

    known = pd.Index(list(categories))
    codes = known.get_indexer(pd.Index(list(names)))
    return pd.Categorical.from_codes(np.repeat(codes.astype(np.int16), lengths), known)


def run_study(
    arms: Mapping[str, Scenario],
    baseline: str,
    replicates: int,
    *,
    seed: int = 1,
    nulls: Sequence[str] = NULL_NIGHTS,
    world: str = "replicate",
    engine: str = "compiled",
    store: Store | None = None,
    workers: int | None = None,
    retry: bool = False,
    progress: Callable[[int, int, int], None] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Study:
    """Return a study: every arm with its null nights in every replicate, all on the same dice.

    Parameters
    ----------
    arms
        Scenarios by name.
    baseline
        Name of the arm against which differences are taken.
    replicates
        Number of replicates, >= 1; replicate r has the seed `seed` + r.
    seed
        In [0, 2^63).
    nulls
        Null nights to run, some of `NULL_NIGHTS`.
    world
        ``replicate``: each replicate draws its own world; ``fixed``: one world, drawn from `seed`, for all.
    engine
        ``compiled`` or ``reference``.
    store
        Where finished runs are found and kept.
    workers
        Number of threads; None: one per processor.
    retry
        Whether to try runs again that have failed before.
    progress
        Called with (finished, failed, total) after every run.
    tell
        Called with a sentence where much memory is needed, or where it suffices for fewer workers than asked for.

    Raises
    ------
    InputError
        Unknown baseline or null night, or no replicate.
    CapacityError
        The memory does not suffice, or no run could be made as it was asked for.
    KeyboardInterrupt
        When interrupted; what is finished is in the store.
    """
    if baseline not in arms:
        raise InputError(f"the baseline is {baseline!r}, expected one of {', '.join(arms)}; name an arm.")
    for name in nulls:
        if name not in NULL_NIGHTS:
            raise InputError(
                f"study.nulls names {name!r}, expected some of {', '.join(NULL_NIGHTS)}; correct the list."
            )
    check_request(replicates, workers, world)
    if not 0 <= seed <= MAX_SEED:
        raise InputError(
            f"seed is {seed}, expected a whole number from 0 to {MAX_SEED} (2^63 - 1); give such a number."
        )
    store = store or Store(None)
    study = Study(dict(arms), baseline, replicates, world == "fixed")
    is_fixed = world == "fixed"
    grouped = [tasks_of(arms, r, seed, nulls, is_fixed, engine) for r in range(replicates)]
    total = sum(map(len, grouped))
    n_missing = sum(any(not store.has(task.key) for task in tasks) for tasks in grouped)
    n_workers = min(workers or n_processors(), max(1, n_missing))
    if n_missing and engine == "compiled":
        n_workers = fitting_workers(
            lambda n: peak_bytes(arms.values(), total, n, is_fixed), n_workers,
            max(scenario.population.n_people for scenario in arms.values()), tell,
        )  # fmt: skip
    lock, stop = threading.Lock(), threading.Event()
    shared = Worlds()
    runner = Runner(store, retry=retry, is_stopped=stop.is_set, n_free=(workers or n_processors()) // n_workers)

    too_large: dict[str, CapacityError] = {}
    computed: list[str] = []

    def note(task: Task, done: Done) -> None:
        with lock:
            if isinstance(done.error, CapacityError):
                too_large[task.key] = done.error
            if done.record is None:
                study.failures.append(Failure(task.arm, task.null, task.replicate, done.reason))
            else:
                study.records[task.arm, task.null, task.replicate] = done.record
                computed.extend([task.key] * (done.how == "computed"))
                study.n_computed += done.how == "computed"
                study.n_reused += done.how == "found"
            _log(task, done)
            if progress is not None:
                progress(len(study.records), len(study.failures), total)

    def replicate(tasks: list[Task]) -> None:
        worlds = shared if is_fixed else Worlds()
        records: dict[str, Record] = {}
        for task in tasks:
            done = None if stop.is_set() else runner.do(task, worlds, records, lock if is_fixed else None)
            if done is None:
                return
            note(task, done)

    pool = ThreadPoolExecutor(n_workers)
    pending = {pool.submit(replicate, tasks) for tasks in grouped}
    try:
        while pending:
            # A timeout lets the interpreter notice Ctrl-C while the threads compute.
            finished, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
    except BaseException:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        wait([future for future in pending if not future.cancelled()], timeout=_PATIENCE)
        raise
    pool.shutdown()
    study.of_other_models = store.of_other_models(computed)
    if too_large and not study.records:
        for key in too_large:
            store.forget(key)  # nothing is kept of what could not begin
        raise next(iter(too_large.values()))
    study.failures.sort(key=lambda f: (f.replicate, f.arm, f.null))
    return study


def _log(task: Task, done: Done) -> None:
    """Log what became of a run, one line each."""
    if isinstance(done.error, CapacityError):
        return  # it may be true of all, and then nothing is left behind; the manifest says it otherwise
    if done.record is None:
        _LOG.error("%s: %s (%s)", task, done.how, done.reason)
    elif done.how == "computed":
        _LOG.info("%s: computed in %.2f s of CPU, %d events", task, done.seconds, done.record.scalars["events"])
    else:
        _LOG.info("%s: %s", task, done.how)


def check_request(replicates: int, workers: int | None, world: str) -> None:
    """Refuse what no study and no design can be asked for, whichever door it comes through.

    Raises
    ------
    InputError
        Fewer than one replicate or worker, or a world that is none.
    """
    if world not in ("replicate", "fixed"):
        raise InputError(f"study.world is {world!r}, expected replicate or fixed; correct it.")
    if workers is not None and workers < 1:
        raise InputError(f"study.workers is {workers}, expected 1 or more, or none; correct it.")
    if replicates < 1:
        raise InputError(f"study.replicates is {replicates}, expected 1 or more; give a positive number.")


def omitted(nulls: Sequence[str]) -> list[str]:
    """Return the outcomes that will be missing because their null night is not run."""
    return [outcome for outcome, null in NEEDED_NULLS.items() if null not in nulls]
