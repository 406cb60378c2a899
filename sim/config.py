"""Configuration: from Hydra's files and overrides to a validated scenario and study. Configuration stops here.

Only this file and `cli.py` see Hydra and OmegaConf.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field, ValidationError, field_validator
from yaml import YAMLError

from sim.composing import quicken_hydra
from sim.draws import MAX_SEED
from sim.errors import InputError
from sim.inference.plan import Calibration
from sim.laws import Frozen, parameters_by_kind
from sim.options import CONFIG_DIR, one_line, version_base
from sim.scenario import PARTS, Scenario, fault_sentences, validate
from sim.settle import settle
from sim.study.design import Design

__all__ = ["Observed", "Plan", "StudyPlan", "compose_tree", "load", "plan_of", "scenario_of", "tree_of"]

_STUDY_KEYS = ("seed", "engine", "study", "design", "observed", "parameters", "calibration")
_LOCK = threading.Lock()
_KINDS = {kind: parameters_by_kind(kind) for kind in ("law", "graph")}


class Value(Frozen):
    """An observed value and its source."""

    value: float
    source: str


class Total(Frozen):
    """An observed number of posts within [start, end)."""

    start: datetime
    end: datetime
    posts: float = Field(ge=0)
    label: str


class Observed(Frozen):
    """One reading of the data."""

    name: str
    label: str
    values: dict[str, Value] = Field(default_factory=dict)
    totals: tuple[Total, ...] = ()


class StudyPlan(Frozen):
    """What to run, how often, and where finished runs are kept."""

    question: str | None = None
    arms: dict[str, tuple[str, ...]] | None = None
    replicates: int = Field(ge=1, le=1_000_000)
    nulls: tuple[str, ...] = ()
    world: str = Field("replicate", pattern="^(replicate|fixed)$")
    store: Path | None = Path("outputs/store")
    workers: int | None = Field(None, ge=1)
    figures: bool = True
    retry: bool = False
    report: bool = True

    @field_validator("store", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":
            raise ValueError("expected the name of a folder, or null to keep nothing")
        return value


class Plan(Frozen):
    """Everything of a job that is not the scenario."""

    seed: int = Field(ge=0, le=MAX_SEED)
    engine: str = Field(pattern="^(compiled|reference)$")
    study: StudyPlan
    design: Design
    observed: Observed
    parameters: dict[str, Any] = Field(default_factory=dict)
    calibration: Calibration | None = None


def compose_tree(overrides: Sequence[str], config_dirs: Sequence[str] = ()) -> DictConfig:
    """Return Hydra's composition of the project's options with overrides (thread-safe, also within a Hydra job).

    Raises
    ------
    InputError
        An override names an unknown key or option.
    """
    extra = (
        [f"hydra.searchpath=[{','.join(repr(f'file://{Path(d).absolute()}') for d in config_dirs)}]"]
        if config_dirs
        else []
    )
    with _LOCK:
        quicken_hydra()
        state = GlobalHydra.instance()
        kept = state.hydra
        state.clear()
        try:
            with initialize_config_dir(str(CONFIG_DIR.absolute()), **version_base()):
                return compose("config", overrides=[*overrides, *extra])
        except (HydraException, OmegaConfBaseException, YAMLError) as error:
            raise InputError(one_line(error)) from error
        except (
            AssertionError,
            TypeError,
            ValueError,
        ) as error:  # of an override; Hydra has no exception of its own for it
            given = " ".join(overrides)
            raise InputError(f"{one_line(error).rstrip('.')} (given: {given}); correct the override.") from error
        finally:
            GlobalHydra.instance().hydra = kept


def _plain(config: DictConfig, keys: Sequence[str]) -> dict[str, Any]:
    known = {*PARTS, *_STUDY_KEYS, "hydra"}
    unknown = [str(k) for k in config if str(k) not in known]
    if unknown:
        raise InputError(f"{unknown[0]} is an unknown key; remove it or correct its name ({', '.join(sorted(known))}).")
    try:
        plain = {k: _settled(OmegaConf.to_container(config[k], resolve=True)) if OmegaConf.is_config(config[k]) else config[k]
                 for k in keys if k in config}  # fmt: skip
    except OmegaConfBaseException as error:
        raise InputError(one_line(error)) from error
    return settle(plain)


def _settled(tree: Any) -> Any:
    """Return a tree in which every law and graph has the parameters of its own kind only.

    Hydra merges mappings: of the law that stood there before, its parameters stay beside those of the law that replaces it.
    """
    if isinstance(tree, list):
        return [_settled(part) for part in tree]
    if not isinstance(tree, dict):
        return tree
    for kind, parameters in _KINDS.items():
        own = parameters.get(str(tree.get(kind)))
        if own is not None:
            others = set().union(*parameters.values()) - own
            tree = {key: value for key, value in tree.items() if key not in others}
    return {key: _settled(value) for key, value in tree.items()}


def tree_of(config: DictConfig) -> dict[str, Any]:
    """Return the resolved tree of the parts of a scenario, not yet validated.

    Raises
    ------
    InputError
        An unknown key, or a value that cannot be resolved.
    """
    return _plain(config, PARTS)


def scenario_of(config: DictConfig) -> Scenario:
    """Return the validated scenario of a composed configuration.

    Raises
    ------
    InputError
        One sentence for each fault.
    """
    return validate(tree_of(config))


def plan_of(config: DictConfig) -> Plan:
    """Return the validated study plan of a composed configuration.

    Raises
    ------
    InputError
        One sentence for each fault.
    """
    try:
        return Plan.model_validate(_plain(config, _STUDY_KEYS))
    except ValidationError as error:
        raise InputError(fault_sentences(error)) from error


def load(*overrides: str, config_dir: str | Path | None = None) -> Scenario:
    """Return the scenario of the default configuration with overrides, as on the command line.

    Parameters
    ----------
    *overrides
        Hydra overrides, for example ``"throttle=none"`` or ``"population.size=20000"``.
    config_dir
        A folder with options of your own, searched beside the project's.

    Raises
    ------
    InputError
        An unknown key or option, or a value out of range.
    """
    return scenario_of(compose_tree(overrides, [str(config_dir)] if config_dir is not None else []))
