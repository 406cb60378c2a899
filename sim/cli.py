"""The door: `python -m sim` with Hydra's overrides. Bad input ends with one sentence and exit code 2.

Heavy modules are imported inside functions, so that ``--help`` need not wait for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sim.errors import CapacityError, InputError, SimError
from sim.options import CONFIG_DIR, callbacks_allowed, one_line, version_base

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["main"]

OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_STATUS = "status.json"
_OURS = {".hydra", "manifest.json", "figures", _STATUS}

_codes: list[int] = []
"""Exit codes of the jobs of this process."""


class ReadStatuses(Callback):
    """Collect the exit codes of a sweep's jobs, which may have run in other processes."""

    def on_multirun_end(self, config: DictConfig, **_kwargs: Any) -> None:
        """Read the status file of every job."""
        for path in sorted(Path(config.hydra.sweep.dir).glob(f"**/{_STATUS}")):
            with contextlib.suppress(OSError, ValueError):
                _codes.append(int(json.loads(path.read_text())["exit_code"]))


def main() -> int:
    """Run the command line and return its exit code: 0; 1 some runs failed; 2 bad input; 130 interrupted."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    _codes.clear()
    try:
        hydra.main(config_path=str(CONFIG_DIR), config_name="config", **version_base(), **callbacks_allowed())(_job)()
    except KeyboardInterrupt:
        print("\ninterrupted; finished runs are kept and will be found again.", file=sys.stderr)
        return INTERRUPTED
    except (InputError, CapacityError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT
    except (HydraException, OmegaConfBaseException) as error:
        print(one_line(error), file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"{place}{error.strerror or error}; expected a folder that can be written, choose another with "
              "hydra.run.dir=FOLDER (and study.store=FOLDER).", file=sys.stderr)  # fmt: skip
        return BAD_INPUT
    return max(_codes, default=OK)


def _job(config: DictConfig) -> None:
    """Run one job: a study in a folder of its own."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    is_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    code = INTERRUPTED
    try:
        _refuse_foreign(folder)
        code = _study(config, folder)
    except (InputError, CapacityError) as error:
        print(error, file=sys.stderr)
        code = BAD_INPUT
    except SimError as error:
        print(error, file=sys.stderr)
        code = SOME_FAILED
    finally:
        if code in (BAD_INPUT, INTERRUPTED) and not (folder / "manifest.json").exists():
            _remove_leftovers(folder)
        if is_sweep:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _STATUS).write_text(json.dumps({"exit_code": code}))
        else:
            _codes.append(code)


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds what is not ours."""
    ours = (folder / "manifest.json").exists()
    foreign = [p.name for p in folder.iterdir() if p.name not in _OURS and p.suffix not in (".log", ".parquet")]
    if foreign or (not ours and any(p.suffix == ".parquet" for p in folder.iterdir())):
        name = foreign[0] if foreign else "a table without a manifest"
        raise InputError(
            f"{folder} exists and holds {name}, which is not ours; choose another folder with hydra.run.dir=FOLDER."
        )


def _remove_leftovers(folder: Path) -> None:
    """Remove the folder that Hydra has made for a job that did not begin, and parents that are empty now."""
    with contextlib.suppress(OSError):
        for place in (folder, *list(folder.parents)[:2]):
            place.rmdir()  # fails, and ends this, where something else lies


def _config_dirs() -> list[str]:
    """Return the user's own folders of options (--config-dir)."""
    sources = HydraConfig.get().runtime.config_sources
    return [s.path for s in sources if s.provider == "command-line" and s.schema == "file"]


def _arms(config: DictConfig, arms: dict[str, tuple[str, ...]] | None) -> tuple[dict[str, Scenario], str]:
    """Return the arms of a study and the name of its baseline."""
    from sim.config import compose_tree, scenario_of

    if arms is None:
        night = scenario_of(config)
        if night.throttle.is_none:
            return {"open": night}, "open"
        return {"throttled": night, "open": night.open()}, "open"
    if not arms:
        raise InputError("study.arms is empty, expected names with lists of overrides; give at least one arm or null.")
    given = [o for o in HydraConfig.get().overrides.task if not o.lstrip("+~").startswith("study")]
    scenarios = {
        name: scenario_of(compose_tree([*given, *overrides], _config_dirs())) for name, overrides in arms.items()
    }
    return scenarios, next(iter(scenarios))


def _study(config: DictConfig, folder: Path) -> int:
    """Run the study of one job and write its folder."""
    from sim.config import plan_of
    from sim.study.folder import Clockwork, write_folder
    from sim.study.run import run_study
    from sim.study.store import Store
    from sim.study.terminal import Progress, announce_compilation, table_text

    plan = plan_of(config)
    scenarios, baseline = _arms(config, plan.study.arms)
    clockwork = Clockwork()
    store = Store(plan.study.store)
    announce_compilation(plan.engine)
    with Progress() as progress:
        study = run_study(
            scenarios, baseline, plan.study.replicates, seed=plan.seed, nulls=plan.study.nulls, world=plan.study.world,
            engine=plan.engine, store=store, workers=plan.study.workers, progress=progress,
        )  # fmt: skip
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    overrides = list(HydraConfig.get().overrides.task)
    skipped = write_folder(folder, study, plan, {str(k): v for k, v in resolved.items()}, overrides, clockwork)
    print(table_text(study, plan.observed))
    print(f"\nresults and figures: {folder}")
    for name, reason in skipped.items():
        print(f"no {name}: {reason}", file=sys.stderr)
    for f in study.failures:
        null = f", null night {f.null}" if f.null else ""
        print(f"failed: arm {f.arm}{null}, replicate {f.replicate}: {f.reason}", file=sys.stderr)
    return SOME_FAILED if study.failures else OK
