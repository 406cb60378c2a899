"""Sweeps: what each job says of itself, and what is told of all of them at the end.

Jobs may run in other processes or on other machines. Each writes a status file into its folder when it begins and again when
it ends; the command that began the sweep reads them, and says which jobs failed, which are missing, and what to do.
"""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim.door import INTERRUPTED, OK, SOME_FAILED
from sim.errors import InputError
from sim.options import FLAGS_WITH_VALUE, quoted, with_overrides
from sim.study.whole import write_whole

__all__ = ["STATUS", "Status", "Sweep", "begin_status", "end_status", "read_status"]

STATUS = "status.json"
"""Name of the file, in the folder of its job."""
_SHOWN = 10
"""Number of jobs of which a summary tells one by one."""
_OF_SWEEPS = ("hydra/launcher=", "hydra.launcher.", "hydra/sweeper=", "hydra.sweeper.", "hydra.sweep.", "hydra.mode=")
"""Overrides that mean nothing to a job that is tried again by itself."""


@dataclass(frozen=True)
class Status:
    """What one job of a sweep says of itself."""

    sweep: str
    """The moment that names the sweep."""
    job: int
    overrides: tuple[str, ...]
    exit_code: int | None = None
    """None: begun, and not ended since."""
    sentence: str = ""
    """What went wrong."""
    runs_computed: int = 0
    runs_reused: int = 0
    runs_failed: int = 0


@dataclass(frozen=True)
class Sweep:
    """A sweep as the command that begins it knows it."""

    name: str
    """The moment of its beginning."""
    folder: Path
    launcher: str
    arguments: tuple[str, ...]
    """The words of the command line behind ``python -m sim``."""
    jobs: tuple[tuple[str, ...], ...] | None
    """The overrides of every job, in the order of their numbers; None: only the sweeper knows."""

    def statuses(self) -> dict[Path, Status]:
        """Return what is known of its jobs, by their folders; statuses of earlier sweeps in the folder do not count."""
        found = {path.parent: read_status(path.parent) for path in sorted(self.folder.glob(f"**/{STATUS}"))}
        own = [(folder, status) for folder, status in found.items() if status is not None and status.sweep == self.name]
        return dict(sorted(own, key=lambda item: item[1].job))

    def is_complete(self) -> bool:
        """Return whether every job has ended."""
        found = self.statuses().values()
        return all(s.exit_code is not None for s in found) and len(found) >= len(self.jobs or ())

    def summary(self) -> tuple[list[str], int]:
        """Return the lines that end a sweep, and its exit code: the worst of its jobs, 1 at least where one is missing."""
        found = self.statuses()
        ended = {folder: status for folder, status in found.items() if status.exit_code is not None}
        good = [status for status in ended.values() if status.exit_code == OK]
        partly = [
            status
            for status in ended.values()
            if status.exit_code == SOME_FAILED and status.runs_computed + status.runs_reused
        ]
        cut = [status for status in found.values() if status.exit_code is None]
        begun = {status.job for status in found.values()}
        never = [(i, o) for i, o in enumerate(self.jobs or ()) if i not in begun]
        total = max(len(found) + len(never), len(self.jobs or ()))
        counts = {
            "finished": len(good),
            "finished in part": len(partly),
            "failed": len(ended) - len(good) - len(partly),
            "missing": len(cut) + len(never),
        }
        said = ", ".join(f"{n} {what}" for what, n in counts.items() if n or what == "finished")
        runs = [sum(getattr(s, f"runs_{what}") for s in ended.values()) for what in ("computed", "reused", "failed")]
        lines = [
            f"sweep of {total} jobs: {said}; runs: {runs[0]} computed, {runs[1]} found in the store, {runs[2]} failed",
            f"folder of the sweep: {self.folder}",
        ]
        common = _common([s.overrides for s in found.values()] + list(self.jobs or ()))
        told = [
            (status.job, [f"job {status.job} ({_words(status.overrides, common)}): {status.sentence}",
                          f"  again: {self._again(status, folder)}"])
            for folder, status in ended.items() if status.exit_code != OK
        ]  # fmt: skip
        unended = "began and did not end: it was killed, or is still running"
        told += [(s.job, [f"job {s.job} ({_words(s.overrides, common)}): {unended}"]) for s in cut]
        told += [(i, [f"job {i} ({_words(overrides, common)}): never began"]) for i, overrides in never]
        for _, its in sorted(told)[:_SHOWN]:
            lines += its
        if len(told) > _SHOWN:
            lines.append(f"and {len(told) - _SHOWN} more; {STATUS} in the folder of a job says what it met")
        if cut or never:
            lines.append(f"what is missing, and only that, is computed by: {self.command()}")
        codes = [status.exit_code for status in ended.values() if status.exit_code is not None]
        return lines, max([*codes, SOME_FAILED if cut or never else OK])

    def command(self) -> str:
        """Return the command that runs the sweep again, in the same folder."""
        kept = [word for word in self.arguments if not word.startswith("hydra.sweep.dir=")]
        return shlex.join(["python", "-m", "sim", *with_overrides(kept, f"hydra.sweep.dir={quoted(str(self.folder))}")])

    def _again(self, status: Status, folder: Path) -> str:
        """Return the command that tries one job again, in its folder."""
        words = [*_flags(self.arguments), *status.overrides]
        words += [o for o in self.arguments if o.startswith(("hydra.", "hydra/")) and not o.startswith(_OF_SWEEPS)]
        if status.exit_code == SOME_FAILED:
            words.append("study.retry=true")
        return shlex.join(["python", "-m", "sim", *words, f"hydra.run.dir={quoted(str(folder))}"])


def read_status(folder: Path) -> Status | None:
    """Return what the job of a folder says of itself; None where no job of a sweep has written there."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        told: dict[str, Any] = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        return Status(**told | {"overrides": tuple(told["overrides"])}) if "overrides" in told else None
    return None


def begin_status(folder: Path, sweep: str, job: int, overrides: Sequence[str]) -> Status:
    """Write that a job has begun, and return it."""
    status = Status(sweep, job, tuple(overrides))
    _write(folder, status)
    return status


def end_status(folder: Path, begun: Status, exit_code: int, sentence: str) -> None:
    """Write that a job has ended; how many runs it has computed, reused and lost is read from its manifest."""
    from sim.study.writing import read_manifest

    counts: dict[str, int] = {}
    if exit_code in (OK, SOME_FAILED) and not sentence:
        with contextlib.suppress(InputError):  # it has ended before there was one
            manifest = read_manifest(folder)
            counts = {name: int(manifest.get(name) or 0) for name in ("runs_computed", "runs_reused", "runs_failed")}
            if failures := manifest.get("failures"):
                sentence = _of_failures(failures, sum(counts.values()))
    if exit_code == INTERRUPTED and not sentence:
        sentence = "interrupted"
    told = {"exit_code": exit_code, "sentence": sentence, **counts}
    _write(folder, Status(**asdict(begun) | told | {"overrides": begun.overrides}))


def _of_failures(failures: Sequence[dict[str, Any]], n_runs: int) -> str:
    first = failures[0]
    if not first.get("arm"):  # a point of a design that makes no scenario
        return (
            f"{len(failures)} of {n_runs} runs failed, the first at point {first.get('point')}: {first.get('reason')}"
        )
    where = f"arm {first.get('arm')}, replicate {first.get('replicate')}" + (
        f", null night {first['null']}" if first.get("null") else ""
    )
    return f"{len(failures)} of {n_runs} runs failed, the first in {where}: {first.get('reason')}"


def _write(folder: Path, status: Status) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with write_whole(folder / STATUS) as temporary:
        temporary.write_text(json.dumps(asdict(status), indent=2, ensure_ascii=False), encoding="utf-8")


def _common(jobs: Sequence[Sequence[str]]) -> set[str]:
    """Return the overrides that all of several jobs share."""
    return set.intersection(*(set(overrides) for overrides in jobs)) if len(jobs) > 1 else set()


def _words(overrides: Sequence[str], common: Collection[str]) -> str:
    """Return the overrides that set a job apart."""
    return " ".join(o for o in overrides if o not in common) or "no overrides of its own"


def _flags(arguments: Sequence[str]) -> list[str]:
    """Return the flags of a command line that say where options lie, with their values."""
    kept: list[str] = []
    for position, word in enumerate(arguments):
        if word in FLAGS_WITH_VALUE:
            kept += arguments[position : position + 2]
        elif word.split("=")[0] in FLAGS_WITH_VALUE:
            kept.append(word)
    return kept
