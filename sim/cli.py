"""The door: `python -m sim` with Hydra's overrides. Bad input ends with one sentence and exit code 2.

Heavy modules are imported inside functions, so that ``--help`` need not wait for them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from sim.composing import quicken_hydra
from sim.door import (
    BAD_INPUT,
    INTERRUPTED,
    OK,
    SOME_FAILED,
    TERMINATED,
    Terminated,
    command,
    one_sentence,
    say,
    tell,
)  # fmt: skip
from sim.errors import CapacityError, InputError, SimError
from sim.options import CONFIG_DIR, callbacks_allowed, one_line, override, quoted, version_base
from sim.study.whole import claimed
from sim.sweep import STATUS, Sweep, begin_status, end_status, read_status

__all__ = ["main"]

_codes: list[int] = []
"""Exit codes of the jobs that this process has begun."""
_made: list[Path] = []
"""Folders that were not there before this command, the innermost first: what stays empty is removed again."""
_sweeps: list[Sweep] = []
"""The sweep that this command has begun, if it has."""
_homes: list[str] = []
"""The folder in which the command of a job's sweep was given, from which its relative paths start."""


class Watch(Callback):
    """What Hydra calls before it makes folders, and before each job, wherever that runs: launchers send this object along."""

    def __init__(self, sweep: str) -> None:
        self.sweep = sweep
        self.home = ""

    def on_run_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Note which folders are not there yet."""
        HydraConfig.instance().set_config(config)  # as Hydra is about to do: the folder's name may refer to it
        with contextlib.suppress(OmegaConfBaseException, OSError):  # told when Hydra makes the folder
            _note_missing(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Note which folders are not there yet, name the sweep to its jobs, and note what these will be."""
        HydraConfig.instance().set_config(config)
        with contextlib.suppress(OmegaConfBaseException, OSError):
            _note_missing(Path(config.hydra.sweep.dir))
        self.sweep = _sweep(config.hydra)
        self.home = os.getcwd()
        # A launcher's workers may run in another folder, and Hydra makes a job's folder there before we hear of it.
        place = str(OmegaConf.to_container(config.hydra.sweep)["dir"])  # type: ignore[index, call-overload]
        if not place.startswith(("/", "~", "${")):
            with read_write(config.hydra):
                config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(os.path.join(self.home, place))}")
        with contextlib.suppress(OmegaConfBaseException):
            launcher = config.hydra.runtime.choices["hydra/launcher"]
            _sweeps.append(
                Sweep(self.sweep, Path(config.hydra.sweep.dir), launcher, tuple(sys.argv[1:]), _jobs(config))
            )
            if launcher == "ray" and (of_ray := config.hydra.launcher.ray.init).get("address"):
                # hydra-ray-launcher 1.2.2 sets a size of its own, which Ray refuses for a cluster that runs already.
                with read_write(config.hydra), open_dict(of_ray):
                    of_ray.setdefault("object_store_memory", None)

    def on_job_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Note in which folder the command of the sweep was given."""
        _homes[:] = [self.home] if self.home and not config.hydra.job.chdir else []


def _sweep(of_hydra: Any) -> str:
    """Return the moment that names a sweep: Hydra evaluates it once and hands it to all jobs."""
    return str(of_hydra.callbacks.watch.sweep)


def _jobs(config: DictConfig) -> tuple[tuple[str, ...], ...] | None:
    """Return the overrides of each job, as Hydra's own sweeper makes them; None for another, which may decide as it goes."""
    if not str(config.hydra.sweeper.get("_target_", "")).endswith(".BasicSweeper"):
        return None
    given = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    given += list(config.hydra.overrides.task)
    choices: dict[str, list[str]] = {}
    try:
        for o in OverridesParser.create(GlobalHydra.instance().config_loader()).parse_overrides(given):
            key = o.get_key_element()
            values = o.sweep_string_iterator() if o.is_discrete_sweep() else [o.get_value_element_as_str()]
            choices[key] = [f"{key}={value}" for value in values]
    except HydraException:
        return None  # Hydra is about to say what is wrong
    return tuple(itertools.product(*choices.values()))


def main() -> int:
    """Run the command line and return its exit code: 0; 1 some runs failed; 2 bad input; 130 interrupted; 143 terminated."""
    return command(_hydra)


def _hydra() -> int:
    """Let Hydra read the command line and run its jobs; return the exit code."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us, who say them in one sentence
    quicken_hydra()
    for noted in (_codes, _made, _sweeps, _homes):
        noted.clear()
    try:
        hydra.main(config_path=str(CONFIG_DIR), config_name="config", **version_base(), **callbacks_allowed())(_job)()
    except BrokenPipeError:
        raise  # nobody reads what Hydra prints
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise InputError(one_line(error)) from error
    except Exception as error:
        if not any(sweep.statuses() for sweep in _sweeps):
            if fault := _before_any_job(error):
                raise fault from error
            raise
        if _sweeps[0].is_complete():
            _end_sweep()
            raise  # a fault of the program, for which the launcher is not to blame
        if isinstance(error, OSError) and error.filename:
            _codes.append(BAD_INPUT)
            tell(one_sentence(_unusable(error)))
        else:
            tell(f"{_launcher_failed(error)}; what it leaves undone is listed at the end.")
        return _end_sweep()
    finally:
        if "joblib.externals.loky" in sys.modules:
            from sim.study.workers import dismiss

            dismiss(is_at_once=isinstance(sys.exc_info()[1], KeyboardInterrupt))
        _remove_empty()
    return _end_sweep()


def _end_sweep() -> int:
    """Say how the jobs of a sweep ended, and return the worst exit code of this command's jobs."""
    code = max(_codes, default=OK)
    for sweep in _sweeps:
        lines, worst = sweep.summary()
        say("", *lines)
        code = max(code, worst)
    return code


def _before_any_job(error: Exception) -> InputError | None:
    """Return what to say of an error that came before any job of a sweep; None for a fault of the program."""
    if isinstance(error, OSError) and (error.filename or not _sweeps):
        return _unusable(error)
    if _codes:
        return None
    if isinstance(error, AssertionError | TypeError | ValueError):
        # Hydra could not make sense of an override, and has no exception of its own for it.
        return InputError(f"{one_line(error).rstrip('.')} (given: {' '.join(sys.argv[1:])}).")
    if _sweeps:
        return InputError(f"{_launcher_failed(error)}; correct hydra.launcher.* or choose another launcher.")
    return None


def _launcher_failed(error: Exception) -> str:
    reason = " ".join(str(error).split()).rstrip(".") or "it gave no reason"
    return f"hydra/launcher={_sweeps[0].launcher} failed ({type(error).__name__}: {reason})"


def _job(config: DictConfig) -> None:
    """Run one job: a study in a folder of its own. A job of a sweep says in its status file how it ended."""
    ours = HydraConfig.get()
    folder = Path(ours.runtime.output_dir)
    position = len(_codes)
    _codes.append(INTERRUPTED)
    status, sentence = None, ""
    open_ = contextlib.ExitStack()
    try:
        quicken_hydra()  # in a launcher's worker
        for home in _homes:
            os.chdir(home)  # the worker may be elsewhere
        if not open_.enter_context(claimed(folder)):  # before anything is written: what lies there is another's
            raise InputError(
                f"{folder} is being written by another command, expected a folder of one's own; wait, or choose another with "
                f"hydra.{'sweep' if ours.mode == RunMode.MULTIRUN else 'run'}.dir=FOLDER."
            )
        if ours.mode == RunMode.MULTIRUN:
            status = begin_status(folder, _sweep(ours), int(ours.job.num), list(ours.overrides.task))
        else:
            status = read_status(folder)  # a job of a sweep that is tried again by itself
        _codes[position] = _study(config, folder)
    except Terminated:
        _codes[position], sentence = TERMINATED, "terminated"
        raise
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        _codes[position], sentence = BAD_INPUT, one_line(error)
        tell(sentence)
    except OSError as error:
        _codes[position], sentence = BAD_INPUT, one_sentence(_unusable(error))
        tell(sentence)
    except SimError as error:
        _codes[position] = BAD_INPUT if isinstance(error, (InputError, CapacityError)) else SOME_FAILED
        sentence = one_sentence(error)
        tell(sentence)
    except Exception as error:
        _codes[position], sentence = SOME_FAILED, f"{type(error).__name__}: {error}"
        raise
    finally:
        with open_:
            if status is not None:
                end_status(folder, status, _codes[position], sentence)


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


def _study(config: DictConfig, folder: Path) -> int:
    """Run the study of one job and write its folder."""
    from sim.config import plan_of, tree_of
    from sim.job import Job, run_job

    ours = HydraConfig.get()
    plan = plan_of(config)
    if plan.calibration is not None:
        raise InputError(
            "calibration is given, which python -m sim has no use for; give it to python -m sim.calibrate, and what comes of "
            "it to python -m sim: parameters=posterior design.file=FOLDER/draws.csv."
        )
    if plan.study.store is not None:
        _note_missing(plan.study.store)
    # A chosen study or design may change the night, too (@package _global_), in all arms; their single values cannot.
    given = [o for o in ours.overrides.task if not o.lstrip("+~").startswith(("study.", "design."))]
    given += [o for o in ours.overrides.hydra if o.startswith("hydra.searchpath")]

    def composed(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        # As the command was: from the same file (--config-name), searching the same folders (--config-dir).
        more = [*(override(key, value) for key, value in values.items()), *overrides]
        try:
            return tree_of(compose(ours.job.config_name, [*given, *more]) if more else config)
        except (HydraException, OmegaConfBaseException, YAMLError) as error:
            raise InputError(one_line(error)) from error

    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    choices = OmegaConf.to_container(ours.runtime.choices)
    assert isinstance(choices, dict)
    resolved["choices"] = {group: choice for group, choice in choices.items() if not str(group).startswith("hydra/")}
    is_sweep = ours.mode == RunMode.MULTIRUN
    of_job = {f"{ours.job.name}.log", str(ours.output_subdir)} | ({STATUS} if read_status(folder) else set())
    return run_job(
        Job(
            plan, composed, {str(k): v for k, v in resolved.items()}, list(ours.overrides.task), folder, frozenset(of_job),
            None if is_sweep else sys.argv[1:],
        )
    )  # fmt: skip
