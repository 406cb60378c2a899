"""What every run folder has, of a study or of a design: tables, figures, manifest and report, all of them or none."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.jit import model_hash
from sim.scenario import MODEL_VERSION
from sim.study.run import omitted
from sim.study.whole import PARTIAL, clear_leftovers, is_partial, whole_folder, write_whole

if TYPE_CHECKING:
    import pandas as pd

    from sim.config import Plan

__all__ = ["Clockwork", "Parts", "about_programs", "git_commit", "prepare_folder", "put_parts", "put_table", "read_manifest",
           "refuse_foreign", "refuse_foreign_figures", "write_parts", "write_table"]  # fmt: skip

LIBRARIES = ("numpy", "scipy", "numba", "simpy", "pandas", "pyarrow", "matplotlib", "hydra-core", "pydantic")
TABLES = ("curves", "curve_contrasts", "contrasts", "summary", "variance_reduction", "nulls", "squares", "outcomes")
"""Tables of a run folder, of which the outcomes come last: a file named outcomes.parquet has all others beside it."""
UNFINISHED = f"{PARTIAL}outcomes.parquet"
"""Name of the outcomes until the tables, the figures and the manifest are there."""
FIGURES = ("posts", "squares", "first_hearing", "decisions", "difference", "provinces", "last_touch", "comparison")
"""The standard figures (`sim.study.figures.write_all`, which is not loaded for their names)."""
SWEEP_FIGURES = r"(response|map|comparison)_[\w.-]+"
"""Names of the figures of a sweep or design (`sim.study.figures.write_sweep`), after its parameters and outcomes."""
_OURS = re.compile(
    rf"manifest\.json|status\.json|report\.html|\.hydra|figures(/({'|'.join(FIGURES)}|{SWEEP_FIGURES}|posterior)\.png)?"
    rf"|({'|'.join(TABLES)}|design|posterior)\.parquet|collected_.+\.(parquet|csv)"
)
"""What may lie in the folder of a finished run, and goes when another run takes its place."""
_PACKAGE = "mobsim"


class Clockwork:
    """Wall and CPU time since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu, self.started = time.perf_counter(), time.process_time(), datetime.now(UTC)

    def read(self) -> dict[str, Any]:
        """Return wall and CPU seconds, and the peak memory of the process in bytes."""
        peak = None
        with contextlib.suppress(ImportError):  # no such module on Windows
            import resource

            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return {
            "started": self.started.isoformat(timespec="seconds"),
            "wall_seconds": round(time.perf_counter() - self.wall, 3),
            "cpu_seconds": round(time.process_time() - self.cpu, 3),
            "peak_memory_bytes": peak,
        }


@dataclass(frozen=True)
class Parts:
    """What a study and a design write into their folders, each in its own way."""

    tables: Callable[[Path], None]
    """Writes the tables into a folder, the outcomes as `UNFINISHED`."""
    figures: Callable[[Path], dict[str, str]]
    """Draws into the same folder, after the tables; returns the figures that were left out, and why."""
    about: Callable[[], dict[str, Any]]
    """Returns what the manifest says of it, and of no other."""
    what: str
    """What is in the store, if this fails."""


def write_parts(
    folder: Path,
    parts: Parts,
    plan: Plan,
    configuration: Mapping[str, Any],
    overrides: Sequence[str],
    clockwork: Clockwork,
    of_job: Collection[str],
) -> dict[str, str]:
    """Write tables, figures, manifest and report of a job; return the figures that were left out, and why.

    All of them take the place of what `folder` held, in one step, but for the names in `of_job`.

    Raises
    ------
    InputError
        The disk is full, the folder cannot be written, or somebody has put something into it.
    """
    from sim.study.report import write_report

    try:
        with whole_folder(folder, of_job) as temporary:
            parts.tables(temporary)
            skipped = parts.figures(temporary) if plan.study.figures else {}
            manifest = about_programs() | clockwork.read() | parts.about() | {
                "configuration": configuration, "overrides": list(overrides), "seed": plan.seed, "engine": plan.engine,
                "outcomes_missing_null": omitted(plan.study.nulls), "figures_left_out": skipped,
            }  # fmt: skip
            with write_whole(temporary / "manifest.json") as file:
                file.write_text(json.dumps(manifest, indent=2, default=str, ensure_ascii=False), encoding="utf-8")
            (temporary / UNFINISHED).rename(temporary / "outcomes.parquet")
            if plan.study.report:
                write_report(temporary)
            refuse_foreign(folder, of_job)
    except OSError as error:
        raise InputError(
            f"{folder} could not be written ({error.strerror or error}); free some space or choose another folder with "
            f"hydra.run.dir=FOLDER (all finished {parts.what} are in the store)."
        ) from error
    return skipped


def about_programs(module: str = "sim") -> dict[str, Any]:
    """Return what a manifest says of the command and of the programs that ran it."""
    import sim

    return {
        "package": _PACKAGE,
        "version": sim.__version__,
        "git_commit": git_commit(),
        "model_version": MODEL_VERSION,
        "model_hash": model_hash(),
        "command": ["python", "-m", module, *sys.argv[1:]],
        "libraries": _versions(),
        "platform": platform.platform(),
    }


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all.

    Raises
    ------
    InputError
        The disk is full or the folder cannot be written.
    """
    try:
        put_table(path, table)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{path} could not be written ({reason}); free some space or choose another folder."
        ) from error


def put_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, whole or not at all; a disk that is full is told by its own error."""
    with write_whole(path) as temporary:
        table.to_parquet(temporary, index=False, write_page_checksum=True)


def put_parts(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write one table as Parquet from at least one part with the same columns, of which one is in memory at a time.

    Categories of the parts may differ.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    with write_whole(path) as temporary, contextlib.ExitStack() as open_:
        for part in parts:
            table = pa.Table.from_pandas(part, preserve_index=False)
            if writer is None:
                # Numbers of categories are as wide in the first part as any part may need.
                wide = [pa.field(f.name, pa.dictionary(pa.int32(), f.type.value_type)) if pa.types.is_dictionary(f.type) else f
                        for f in table.schema]  # fmt: skip
                schema = pa.schema(wide, table.schema.metadata)
                writer = open_.enter_context(pq.ParquetWriter(temporary, schema, write_page_checksum=True))
            writer.write_table(table.cast(schema))


def prepare_folder(folder: Path, store: Path | None, of_job: Collection[str]) -> None:
    """Make sure, before hours of computing, that a run folder may be written, and remove what killed runs left of it.

    Parameters
    ----------
    folder
        Exists, and is empty or holds an earlier run.
    store
        Where finished runs are kept.
    of_job
        Names within the folder that belong to the job that is running, as its log.

    Raises
    ------
    InputError
        It holds what is not ours, or cannot be replaced.
    """
    refuse_foreign(folder, of_job)
    if os.path.ismount(folder) or folder.resolve() == Path.cwd():
        raise InputError(
            f"{folder} is the folder that you are in, or where a disk is mounted, expected one that can be replaced; choose a "
            "folder within it with hydra.run.dir=FOLDER."
        )
    if store is not None and store.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"study.store is {store}, which lies within the run folder {folder}, expected a place of its own; choose another "
            "with study.store=FOLDER."
        )
    above = folder.resolve().parent
    try:
        with tempfile.TemporaryDirectory(dir=above, prefix=PARTIAL):
            pass
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written, for {above} cannot ({error.strerror}); choose another folder with "
            "hydra.run.dir=FOLDER."
        ) from error
    clear_leftovers(folder)


def refuse_foreign(folder: Path, of_job: Collection[str]) -> None:
    """Refuse a folder that holds something that no run of ours has put there.

    Raises
    ------
    InputError
        It does.
    """
    try:
        read_manifest(folder)
        is_ours = True
    except InputError:
        is_ours = False  # not yet: nothing but what belongs to the job may lie there
    paths = [p.relative_to(folder) for p in (*folder.glob("*"), *folder.glob("figures/*"))]
    names = [p.as_posix() for p in paths if p.as_posix() not in of_job and not is_partial(p)]
    others = [name for name in names if not (is_ours and _OURS.fullmatch(name))]
    if others:
        first = min(others, key=lambda name: (name.startswith("."), name))
        name = "a table without a manifest of ours" if first.endswith(".parquet") and not is_ours else first
        raise InputError(
            f"{folder} exists and holds {name}, which is not ours; choose another folder with hydra.run.dir=FOLDER."
        )


def refuse_foreign_figures(folder: Path, *, of_sweep: bool = False) -> None:
    """Refuse to draw figures anew in a folder that holds something beside the standard ones, those of a run or a sweep.

    Raises
    ------
    InputError
        It does.
    """
    ours = rf"({SWEEP_FIGURES if of_sweep else '|'.join(FIGURES)})\.png"
    others = sorted(p.name for p in folder.glob("*") if not re.fullmatch(ours, p.name))
    if others:
        raise InputError(f"{folder} holds {others[0]}, which is not ours and would be lost; move it to another folder.")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run folder.

    Raises
    ------
    InputError
        The folder holds none of ours.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{folder} is not a finished run folder (manifest.json: {reason}); give a folder that a run has written."
        ) from error
    if not isinstance(manifest, dict) or manifest.get("package") != _PACKAGE:
        raise InputError(
            f"{folder} is not a run folder of ours (manifest.json is another program's); give a folder that a run has written."
        )
    return manifest


def git_commit() -> str | None:
    """Return the commit of the source tree, with ``-dirty`` where it has changes; None outside a checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head, status = (
            subprocess.run(
                ["git", "-C", str(root), *command], capture_output=True, text=True, check=True, timeout=10
            ).stdout
            for command in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.strip() + ("-dirty" if status.strip() else "")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
