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
from hydra import compose
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sim.door import BAD_INPUT, INTERRUPTED, OK, SOME_FAILED, command, one_sentence, say, tell
from sim.errors import CapacityError, InputError, SimError
from sim.options import CONFIG_DIR, callbacks_allowed, one_line, version_base

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["main"]

_STATUS = "status.json"

_codes: list[int] = []
"""Exit codes of the jobs that this process has begun."""
_made: list[Path] = []
"""Folders that were not there before this command, the innermost first: what stays empty is removed again."""


class Watch(Callback):
    """What Hydra calls before it makes folders, and after a sweep, whose jobs may have run in other processes."""

    def __init__(self, sweep: str) -> None:
        self.sweep = sweep

    def on_run_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Note which folders are not there yet."""
        HydraConfig.instance().set_config(config)  # as Hydra is about to do: the folder's name may refer to it
        with contextlib.suppress(OmegaConfBaseException, OSError):  # told when Hydra makes the folder
            _note_missing(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Note which folders are not there yet, and name the sweep to its jobs."""
        HydraConfig.instance().set_config(config)
        with contextlib.suppress(OmegaConfBaseException, OSError):
            _note_missing(Path(config.hydra.sweep.dir))
        self.sweep = _sweep(config.hydra)

    def on_multirun_end(self, config: DictConfig, **_kwargs: Any) -> None:
        """Read the status file of every job of this sweep; the folder may hold some of earlier ones."""
        for path in sorted(Path(config.hydra.sweep.dir).glob(f"**/{_STATUS}")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                status = json.loads(path.read_text(encoding="utf-8"))
                if status["sweep"] == self.sweep:
                    _codes.append(int(status["exit_code"]))


def _sweep(of_hydra: Any) -> str:
    """Return the moment that names a sweep: Hydra evaluates it once and hands it to all jobs."""
    return str(of_hydra.callbacks.watch.sweep)


def main() -> int:
    """Run the command line and return its exit code: 0; 1 some runs failed; 2 bad input; 130 interrupted."""
    return command(_hydra)


def _hydra() -> int:
    """Let Hydra read the command line and run its jobs; return the exit code."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us, who say them in one sentence
    _codes.clear()
    _made.clear()
    try:
        hydra.main(config_path=str(CONFIG_DIR), config_name="config", **version_base(), **callbacks_allowed())(_job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(one_line(error)) from error
    except BrokenPipeError:
        raise  # nobody reads what Hydra prints
    except OSError as error:
        raise _unusable(error) from error
    except (AssertionError, TypeError, ValueError) as error:
        if _codes:
            raise
        # No job has begun: Hydra could not make sense of an override, and has no exception of its own for it.
        raise InputError(f"{one_line(error).rstrip('.')} (given: {' '.join(sys.argv[1:])}).") from error
    finally:
        _remove_empty()
    return max(_codes, default=OK)


def _job(config: DictConfig) -> None:
    """Run one job: a study in a folder of its own."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    is_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    position = len(_codes)
    _codes.append(INTERRUPTED)
    try:
        _codes[position] = _study(config, folder)
    except (HydraException, OmegaConfBaseException) as error:
        tell(one_line(error))
        _codes[position] = BAD_INPUT
    except OSError as error:
        tell(one_sentence(_unusable(error)))
        _codes[position] = BAD_INPUT
    except SimError as error:
        tell(one_sentence(error))
        _codes[position] = BAD_INPUT if isinstance(error, (InputError, CapacityError)) else SOME_FAILED
    finally:
        if is_sweep:
            folder.mkdir(parents=True, exist_ok=True)
            status = {"exit_code": _codes[position], "sweep": _sweep(HydraConfig.get())}
            (folder / _STATUS).write_text(json.dumps(status), encoding="utf-8")


def _unusable(error: OSError) -> InputError:
    place = f"{error.filename}: " if error.filename else ""
    return InputError(
        f"{place}{error.strerror or error}; expected a folder that can be written, choose another with hydra.run.dir=FOLDER "
        "(and study.store=FOLDER)."
    )


def _note_missing(folder: Path) -> None:
    """Note a folder, and those above it, that are not there yet."""
    folder = folder.absolute()
    _made.extend(place for place in (folder, *folder.parents) if not place.exists())


def _remove_empty() -> None:
    """Remove the folders that this command has made for nothing; a sweep's may hold what Hydra says of it."""
    for place in sorted(set(_made), key=lambda place: len(place.parts), reverse=True):
        with contextlib.suppress(OSError):
            if [path.name for path in place.iterdir()] == ["multirun.yaml"]:
                (place / "multirun.yaml").unlink()
            place.rmdir()  # fails where something lies


def _arms(config: DictConfig, arms: dict[str, tuple[str, ...]] | None) -> tuple[dict[str, Scenario], str]:
    """Return the arms of a study and the name of its baseline."""
    from sim.config import scenario_of

    if arms is None:
        night = scenario_of(config)
        if night.throttle.is_none:
            return {"open": night}, "open"
        return {"throttled": night, "open": night.open()}, "open"
    if not arms:
        raise InputError("study.arms is empty, expected names with lists of overrides; give at least one arm or null.")
    ours = HydraConfig.get()
    given = [o for o in ours.overrides.task if not o.lstrip("+~").startswith("study")]
    given += [o for o in ours.overrides.hydra if o.startswith("hydra.searchpath")]
    # Composed as the command was: from the same file (--config-name), searching the same folders (--config-dir).
    scenarios = {
        name: scenario_of(compose(ours.job.config_name, [*given, *overrides])) for name, overrides in arms.items()
    }
    return scenarios, next(iter(scenarios))


def _study(config: DictConfig, folder: Path) -> int:
    """Run the study of one job and write its folder, which no other command may write meanwhile."""
    from sim.study.whole import claimed

    with claimed(folder) as is_free:
        if not is_free:
            raise InputError(
                f"{folder} is being written by another command, expected a folder of one's own; wait, or choose another with "
                "hydra.run.dir=FOLDER."
            )
        return _study_in(config, folder)


def _study_in(config: DictConfig, folder: Path) -> int:
    from sim.config import plan_of
    from sim.study.folder import Clockwork, prepare_folder, write_folder
    from sim.study.run import run_study
    from sim.study.store import Store
    from sim.study.terminal import Progress, announce_compilation, table_text

    ours = HydraConfig.get()
    of_job = {f"{ours.job.name}.log", str(ours.output_subdir)} | ({_STATUS} if ours.mode == RunMode.MULTIRUN else set())
    plan = plan_of(config)
    prepare_folder(folder, plan.study.store, of_job)
    scenarios, baseline = _arms(config, plan.study.arms)
    clockwork = Clockwork()
    if plan.study.store is not None:
        _note_missing(plan.study.store)
    store = Store(plan.study.store)
    if notice := announce_compilation(plan.engine):
        tell(notice)
    with Progress() as progress:
        study = run_study(
            scenarios, baseline, plan.study.replicates, seed=plan.seed, nulls=plan.study.nulls, world=plan.study.world,
            engine=plan.engine, store=store, workers=plan.study.workers, progress=progress,
        )  # fmt: skip
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    skipped = write_folder(
        folder, study, plan, {str(k): v for k, v in resolved.items()}, list(ours.overrides.task), clockwork, of_job
    )
    say(table_text(study, plan.observed), "", f"results and figures: {folder}")
    tell(*(f"no {name}: {reason}" for name, reason in skipped.items()))
    tell(*(f"failed: {failure}" for failure in study.failures))
    return SOME_FAILED if study.failures else OK
