"""The run folder: tables, figures and the manifest, all of them or none."""

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
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.jit import model_hash
from sim.scenario import MODEL_VERSION, Scenario
from sim.study.run import Study, omitted
from sim.study.whole import PARTIAL, clear_leftovers, is_partial, whole_folder, write_whole
from sim.timeline import is_below

if TYPE_CHECKING:
    import pandas as pd

    from sim.config import Observed, Plan
    from sim.study.figures import Marks
    from sim.study.figures.marks import Window

Windows = Sequence[tuple[Any, Any, list[str], float]]
"""Start, end, channels and severity of throttle windows."""

__all__ = ["Clockwork", "about_programs", "draw_figures", "git_commit", "open_arms", "prepare_folder", "put_table",
           "read_manifest", "refuse_foreign", "refuse_foreign_figures", "write_folder", "write_table"]  # fmt: skip

LIBRARIES = ("numpy", "scipy", "numba", "simpy", "pandas", "pyarrow", "matplotlib", "hydra-core", "pydantic")
TABLES = ("curves", "curve_contrasts", "contrasts", "summary", "variance_reduction", "nulls", "squares", "outcomes")
"""Tables of a run folder, in the order in which they are written: a file named outcomes.parquet has all others beside it."""
FIGURES = ("posts", "squares", "first_hearing", "decisions", "difference", "provinces", "last_touch", "comparison")
"""The standard figures (`sim.study.figures.write_all`, which is not loaded for their names)."""
SWEEP_FIGURES = r"(response|map|comparison)_[\w.-]+"
"""Names of the figures of a sweep or design (`sim.study.figures.write_sweep`), after its parameters and outcomes."""
_OURS = re.compile(
    rf"manifest\.json|status\.json|report\.html|\.hydra|figures(/({'|'.join(FIGURES)}|{SWEEP_FIGURES})\.png)?"
    rf"|({'|'.join(TABLES)}|design)\.parquet|collected_.+\.(parquet|csv)"
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


def windows_of(scenario: Scenario) -> Windows:
    """Return start, end, channels and severity of the throttle windows, as the manifest keeps them."""
    clock, windows = scenario.clock, scenario.throttle.windows
    return [(clock.moment(clock.tick(w.start)), clock.moment(clock.tick(w.end)), list(w.channels), w.severity)
            for w in windows]  # fmt: skip


def marked_windows(windows: Windows) -> tuple[Window, ...]:
    """Return windows, of a scenario or of a manifest, as the figures mark them."""
    import pandas as pd

    from sim.study.figures.style import channel_name

    return tuple((pd.Timestamp(start), pd.Timestamp(end), f"throttle ({', '.join(map(channel_name, channels))})", severity)
                 for start, end, channels, severity in windows)  # fmt: skip


def marks_of(scenario: Scenario, observed: Observed) -> Marks:
    """Return what the figures mark: the night's bounds, throttle windows, calls, observed totals."""
    import pandas as pd

    from sim.study.figures import Marks

    clock = scenario.clock

    def moment(time: datetime) -> pd.Timestamp:
        return pd.Timestamp(clock.moment(clock.tick(time)))

    marked = {"facetime": "FaceTime call", "mass_text": "mass text"}
    calls = [(moment(e.time), label) for e in scenario.scenario.timeline
             for tag, label in marked.items() if is_below(e.tag, tag)]  # fmt: skip
    first = {label: time for time, label in sorted(calls, reverse=True)}
    return Marks(
        start=pd.Timestamp(clock.start),
        end=pd.Timestamp(clock.end),
        windows=marked_windows(windows_of(scenario)),
        calls=tuple((time, label) for label, time in sorted(first.items(), key=lambda item: item[1])),
        observed=tuple((moment(t.start), moment(t.end), t.posts, t.label)
                       for t in observed.totals),
        zone=scenario.scenario.zone,
    )  # fmt: skip


def provinces_table(scenario: Scenario) -> pd.DataFrame:
    """Return columns province, latitude, longitude, population."""
    import pandas as pd

    p = scenario.population.places
    return pd.DataFrame(
        {"province": p.names, "latitude": p.latitudes, "longitude": p.longitudes, "population": p.populations}
    )


def open_arms(study: Study) -> list[str]:
    """Return the arms without a throttle."""
    return [arm for arm, scenario in study.arms.items() if scenario.throttle.is_none]


def draw_figures(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    scenario: Scenario,
    observed: Observed,
    baseline: str,
    open_: list[str],
    windows: Mapping[str, Windows],
    compared: Sequence[str] | None = None,
) -> dict[str, str]:
    """Draw the standard figures into `folder` from the tables of a study; return what was left out, and why.

    `windows` are each arm's, as `windows_of` gives them or a manifest keeps them; `compared` the outcomes of the comparison
    of arms, the headlines unless given.
    """
    from sim.measures.outcomes import main_channel
    from sim.study.figures import write_all

    finished = set(tables["curves"]["arm"].unique())
    if not finished:
        return {"figures": "no arm has a finished run"}
    written = write_all(
        folder, tables["curves"], tables["nulls"], tables["squares"], tables["outcomes"], provinces_table(scenario),
        marks_of(scenario, observed), baseline=baseline if baseline in finished else None, open_arms=open_,
        windows={name: marked_windows(its) for name, its in windows.items()} or None, channel=main_channel(scenario),
        contrasts=tables["contrasts"], summary=tables["summary"], compared=compared,
    )  # fmt: skip
    return dict(written.skipped)


def write_folder(
    folder: Path,
    study: Study,
    plan: Plan,
    configuration: Mapping[str, Any],
    overrides: Sequence[str],
    clockwork: Clockwork,
    of_job: Collection[str],
) -> dict[str, str]:
    """Write tables, figures, manifest and report of a study; return the figures that were left out, and why.

    All of them take the place of what `folder` held, in one step, but for the names in `of_job`.

    Raises
    ------
    InputError
        The disk is full, the folder cannot be written, or somebody has put something into it.
    """
    from sim.study.report import write_report

    tables = {name: getattr(study, name) for name in TABLES}
    arm = next((a for a in study.arms if a != study.baseline), study.baseline)
    skipped: dict[str, str] = {}
    try:
        with whole_folder(folder, of_job) as temporary:
            if plan.study.figures:
                windows = {name: windows_of(each) for name, each in study.arms.items()}
                skipped = draw_figures(
                    temporary / "figures",
                    tables,
                    study.arms[arm],
                    plan.observed,
                    study.baseline,
                    open_arms(study),
                    windows,
                )
            manifest = _about(study) | {
                "configuration": configuration, "overrides": list(overrides), "seed": plan.seed, "engine": plan.engine,
                "shown": study.arms[arm].model_dump(mode="json"),
                "outcomes_missing_null": omitted(plan.study.nulls), "figures_left_out": skipped,
                **clockwork.read(),
            }  # fmt: skip
            with write_whole(temporary / "manifest.json") as file:
                file.write_text(json.dumps(manifest, indent=2, default=str, ensure_ascii=False), encoding="utf-8")
            for name, table in tables.items():
                put_table(temporary / f"{name}.parquet", table)
            if plan.study.report:
                write_report(temporary)
            refuse_foreign(folder, of_job)
    except OSError as error:
        raise InputError(
            f"{folder} could not be written ({error.strerror or error}); free some space or choose another folder with "
            "hydra.run.dir=FOLDER (all finished runs are in the store)."
        ) from error
    return skipped


def about_programs() -> dict[str, Any]:
    """Return what a manifest says of the command and of the programs that ran it."""
    import sim

    return {
        "package": _PACKAGE,
        "version": sim.__version__,
        "git_commit": git_commit(),
        "model_version": MODEL_VERSION,
        "model_hash": model_hash(),
        "command": ["python", "-m", "sim", *sys.argv[1:]],
        "libraries": _versions(),
        "platform": platform.platform(),
    }


def _about(study: Study) -> dict[str, Any]:
    """Return what the manifest says of a study."""
    return about_programs() | {
        "content_hash": {arm: scenario.content_hash for arm, scenario in study.arms.items()},
        "arms": list(study.arms),
        "baseline": study.baseline,
        "open_arms": open_arms(study),
        "windows": {name: windows_of(each) for name, each in study.arms.items()},
        "replicates": study.replicates,
        "runs_computed": study.n_computed,
        "runs_reused": study.n_reused,
        "runs_failed": len(study.failures),
        "failures": [vars(f) for f in study.failures],
    }
