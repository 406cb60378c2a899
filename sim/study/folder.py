"""The run folder: tables, figures and the manifest, each whole or not at all, the manifest last."""

from __future__ import annotations

import contextlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.places import read_provinces
from sim.scenario import MODEL_VERSION, Scenario
from sim.study.run import Study, omitted
from sim.study.whole import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from sim.config import Observed, Plan
    from sim.study.figures import Marks
    from sim.study.figures.marks import Window

__all__ = [
    "Clockwork",
    "marked_windows",
    "marks_of",
    "open_arms",
    "provinces_table",
    "windows_of",
    "write_figures",
    "write_folder",
    "write_table",
]

LIBRARIES = ("numpy", "scipy", "numba", "simpy", "pandas", "pyarrow", "matplotlib", "hydra-core", "pydantic")


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
        with write_whole(path) as temporary:
            table.to_parquet(temporary, index=False)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{path} could not be written ({reason}); free some space or choose another folder."
        ) from error


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


def windows_of(scenario: Scenario) -> list[tuple[datetime, datetime, list[str], float]]:
    """Return start, end, channels and severity of the throttle windows, as the manifest keeps them."""
    clock, windows = scenario.clock, scenario.throttle.windows
    return [(clock.moment(clock.tick(w.start)), clock.moment(clock.tick(w.end)), list(w.channels), w.severity)
            for w in windows]  # fmt: skip


def marked_windows(windows: Sequence[tuple[Any, Any, list[str], float]]) -> tuple[Window, ...]:
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

    calls = [(moment(e.time), "FaceTime call" if e.tag == "facetime" else "mass text") for e in scenario.scenario.timeline
             if e.tag in ("facetime", "mass_text")]  # fmt: skip
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

    p = read_provinces(scenario.population.provinces)
    return pd.DataFrame(
        {"province": p.names, "latitude": p.latitudes, "longitude": p.longitudes, "population": p.populations}
    )


def open_arms(study: Study) -> list[str]:
    """Return the arms without a throttle."""
    return [arm for arm, scenario in study.arms.items() if scenario.throttle.is_none]


def write_figures(folder: Path, study: Study, observed: Observed) -> dict[str, str]:
    """Write the standard figures into `folder`; return what was left out, and why."""
    from sim.study.figures import write_all

    arm = next((a for a in study.arms if a != study.baseline), study.baseline)
    scenario = study.arms[arm]
    written = write_all(
        folder, study.curves, study.nulls, study.squares, study.outcomes, provinces_table(scenario),
        marks_of(scenario, observed), baseline=study.baseline, open_arms=open_arms(study),
        windows={name: marked_windows(windows_of(each)) for name, each in study.arms.items()},
    )  # fmt: skip
    return dict(written.skipped)


def write_folder(
    folder: Path,
    study: Study,
    plan: Plan,
    configuration: Mapping[str, Any],
    overrides: Sequence[str],
    clockwork: Clockwork,
) -> dict[str, str]:
    """Write tables, figures and manifest of a study; return the figures that were left out, and why.

    Raises
    ------
    InputError
        The disk is full or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"outcomes": study.outcomes, "curves": study.curves, "contrasts": study.contrasts,
              "summary": study.summary, "variance_reduction": study.variance_reduction,
              "nulls": study.nulls, "squares": study.squares}  # fmt: skip
    skipped: dict[str, str] = {}
    if plan.study.figures and study.records:
        skipped = write_figures(folder / "figures", study, plan.observed)
    for name, table in tables.items():
        write_table(folder / f"{name}.parquet", table)
    manifest = {
        "package": "mobsim",
        "version": _package_version(),
        "git_commit": git_commit(),
        "model_version": MODEL_VERSION,
        "command": ["python", "-m", "sim", *sys.argv[1:]],
        "overrides": list(overrides),
        "configuration": configuration,
        "content_hash": {arm: scenario.content_hash for arm, scenario in study.arms.items()},
        "seed": plan.seed,
        "engine": plan.engine,
        "arms": list(study.arms),
        "baseline": study.baseline,
        "open_arms": open_arms(study),
        "windows": {name: windows_of(each) for name, each in study.arms.items()},
        "replicates": study.replicates,
        "runs_computed": study.n_computed,
        "runs_reused": study.n_reused,
        "runs_failed": len(study.failures),
        "failures": [vars(f) for f in study.failures],
        "outcomes_missing_null": omitted(plan.study.nulls),
        "figures_left_out": skipped,
        "libraries": _versions(),
        "platform": platform.platform(),
        **clockwork.read(),
    }
    try:
        with write_whole(folder / "manifest.json") as temporary:
            temporary.write_text(json.dumps(manifest, indent=2, default=str, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} could not be written ({error.strerror}); choose another folder.") from error
    return skipped


def _package_version() -> str:
    import sim

    return sim.__version__
