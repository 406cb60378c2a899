"""What the experiments on parameters share: readings, nights at any parameters, wrapped text.

Not run by itself. Command of an experiment: ``python -m experiments.NAME``, which says where its figures lie; NAME is
posteriors, identifiability, attribution or sensitivity. Figures: those of the experiment.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig

from sim.config import compose_tree, plan_of, tree_of
from sim.inference.plan import Calibration
from sim.options import override
from sim.study.template import Compose

READINGS = ("calendar_days", "as_told")


def of_reading(reading: str, people: int, *more: str) -> tuple[Compose, Calibration, DictConfig]:
    """Return what composes nights of a reading, its calibration, and its configuration, with more overrides."""
    given = (f"observed={reading}", f"parameters={reading}", f"calibration={reading}", f"population.size={people}")
    overrides = [*given, *more]

    def composed(values: Mapping[str, Any], more: Sequence[str]) -> dict[str, Any]:
        return tree_of(compose_tree([*overrides, *(override(k, v) for k, v in values.items()), *more]))

    config = compose_tree(overrides)
    plan = plan_of(config).calibration
    assert plan is not None
    return composed, plan, config


def name_of(reading: str) -> str:
    return reading.replace("_", " ")


def wrapped(text: str) -> str:
    """Return a paragraph in lines of 128 characters."""
    return textwrap.fill(" ".join(text.split()), 128, break_long_words=False, break_on_hyphens=False)
