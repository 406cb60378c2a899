"""One job of a command: a study, or a design of many points, with its folder, its bar and its table on the terminal.

Heavy modules are imported inside functions, so that the command line need not wait for them.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.door import OK, SOME_FAILED, say, tell
from sim.options import with_overrides

if TYPE_CHECKING:
    from sim.config import Plan
    from sim.study.store import Store
    from sim.study.template import Compose
    from sim.study.writing import Clockwork

__all__ = ["Job", "run_job"]

_SHOWN = 10
"""Failures that the terminal names; the manifest holds more."""


@dataclass(frozen=True)
class Job:
    """What the command line says of a job."""

    plan: Plan
    compose: Compose
    configuration: Mapping[str, Any]
    """Resolved, for the manifest."""
    overrides: Sequence[str]
    folder: Path
    of_job: frozenset[str]
    """Names in the folder that belong to the job and not to its results, as its log."""
    arguments: Sequence[str] | None
    """With which the same command is given again."""


def run_job(job: Job) -> int:
    """Run a study or a design and write its folder; return the exit code.

    Raises
    ------
    InputError, CapacityError
        One sentence for each fault of the input, or of the machine.
    """
    from sim.study.store import Store
    from sim.study.terminal import announce_compilation
    from sim.study.writing import Clockwork, prepare_folder

    plan = job.plan
    prepare_folder(job.folder, plan.study.store, job.of_job)
    clockwork = Clockwork()
    if notice := announce_compilation(plan.engine):
        tell(notice)
    if plan.design.method == "none":
        return _study(job, Store(plan.study.store), clockwork)
    with contextlib.ExitStack() as open_:
        place = plan.study.store or Path(open_.enter_context(tempfile.TemporaryDirectory(prefix="mobsim-")))
        return _design(job, Store(place), clockwork)


def _study(job: Job, store: Store, clockwork: Clockwork) -> int:
    from sim.study.folder import write_folder
    from sim.study.run import run_study
    from sim.study.template import arms_of
    from sim.study.terminal import Progress, table_text

    plan = job.plan
    arms, baseline = arms_of(job.compose, plan.study.arms)
    with Progress("run") as progress:
        study = run_study(
            arms, baseline, plan.study.replicates, seed=plan.seed, nulls=plan.study.nulls, world=plan.study.world,
            engine=plan.engine, store=store, workers=plan.study.workers, retry=plan.study.retry, progress=progress,
            tell=tell,
        )  # fmt: skip
    _tell_of_other_models(study.of_other_models)
    skipped = write_folder(job.folder, study, plan, job.configuration, job.overrides, clockwork, job.of_job)
    say(table_text(study, plan.observed), "", f"results and figures: {job.folder}")
    tell(*(f"no {name}: {reason}" for name, reason in skipped.items()))
    if not study.failures:
        return OK
    _tell_of_failures(job, [str(f) for f in study.failures], f"{len(study.records) + len(study.failures)} runs")
    return SOME_FAILED


def _design(job: Job, store: Store, clockwork: Clockwork) -> int:
    from sim.study.design_folder import write_design_folder
    from sim.study.designed import run_design
    from sim.study.points import Settings
    from sim.study.template import ArmsOfPoints
    from sim.study.terminal import Progress, draws_text

    plan = job.plan
    settings = Settings(
        plan.study.replicates, plan.study.nulls, plan.study.world == "fixed", plan.engine, store, plan.study.retry
    )
    arms = ArmsOfPoints(job.compose, plan.study.arms, plan.design)
    with Progress("point") as progress:
        run = run_design(
            plan.design, arms, settings, seed=plan.seed, workers=plan.study.workers, progress=progress, tell=tell
        )
    _tell_of_other_models(run.of_other_models)
    skipped = write_design_folder(job.folder, run, plan, store, job.configuration, job.overrides, clockwork, job.of_job)
    tell(*run.notes)
    finished = sum(not m.failures for m in run.measured)
    if plan.design.method == "draws":
        say(draws_text(job.folder), "")
    say(f"{finished} of {len(run.measured)} points, {run.n_computed} runs computed, {run.n_reused} found", "",
        f"results and figures: {job.folder}")  # fmt: skip
    tell(*(f"no {name}: {reason}" for name, reason in skipped.items()))
    failures = [f"point {m.number}, {_values(run.points[m.number])}: {f if f.arm else f.reason}"
                for m in run.measured for f in m.failures]  # fmt: skip
    if not failures:
        return OK
    _tell_of_failures(job, failures, f"{len(run.measured)} points")
    return SOME_FAILED


def _values(values: Mapping[str, Any]) -> str:
    return " ".join(
        f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}" for key, value in values.items()
    )


def _tell_of_failures(job: Job, failures: Sequence[str], whole: str) -> None:
    """Say what failed, and the command that tries it again."""
    more = [f"... and {len(failures) - _SHOWN} more (manifest.json)"] if len(failures) > _SHOWN else []
    again = "."
    if job.arguments is not None:
        arguments = [a for a in job.arguments if not a.startswith("study.retry=")]
        again = "; runs that failed are tried again with: "
        again += shlex.join(["python", "-m", "sim", *with_overrides(arguments, "study.retry=true")])
    tell(
        *(f"failed: {failure}" for failure in failures[:_SHOWN]),
        *more,
        f"{len(failures)} of {whole} failed and the rest is kept{again}",
    )


def _tell_of_other_models(found: Mapping[str, int]) -> None:
    """Say that the store holds results of another model, which were not used."""
    for name, n in found.items():
        tell(
            f"the model has changed: {n} of these are in the store from another model ({name}) and were computed anew."
        )
