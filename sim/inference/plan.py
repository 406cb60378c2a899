"""What a calibration is asked for: priors, statistics, series of the user's own, and how long to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from sim.inference.priors import Prior
from sim.inference.series import Series
from sim.inference.statistics import Statistic
from sim.laws import OF_CONTENTS, Frozen

__all__ = ["Calibration"]

_VERSION = "4"
"""Changes with every change of how candidates are proposed, simulated or compared: what the same plan comes to."""
_ELSEWHERE = {"folder", "database", "backend", "address", "generations", "most_simulations", "predictions", "adjusted"}
"""What changes no result: where, and how far."""
_TELLING = {"says", "source", "symbol", "unit"}
"""Of priors, statistics and series: what is for readers."""


class Calibration(Frozen):
    """A calibration; see conf/calibration/night.yaml."""

    priors: dict[str, Prior] = Field(min_length=1)
    """By the key of the parameter."""
    statistics: dict[str, Statistic]
    series: dict[str, Series] = Field(default_factory=dict)
    particles: int = Field(ge=20, le=100_000)
    generations: int = Field(ge=1, le=100)
    quantile: float = Field(gt=0, lt=1)
    smallest_distance: float = Field(ge=0)
    most_simulations: int | None = Field(None, ge=1)
    adjusted: bool = True
    """Whether the last generation is moved, by regression, to where its statistics would be those of the record."""
    predictions: int = Field(200, ge=20, le=100_000)
    """Draws at which nights are simulated anew in the end, and which are kept for other studies."""
    folder: Path
    database: str | None = None
    backend: str = "loky"
    address: str | None = None

    @field_validator("priors", mode="before")
    @classmethod
    def _flat(cls, given: object) -> object:
        """Priors stand in the file as their parameters do in the options, one mapping within another."""
        return dict(_leaves(given, "")) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _check(self) -> Calibration:
        held_out = [s.held_out for s in self.statistics.values()] + [s.held_out for s in self.series.values()]
        if not held_out:
            raise ValueError("there are neither statistics nor series, expected one at least that is fitted to")
        if all(held_out):
            raise ValueError("all statistics are held out, expected one at least that is fitted to")
        return self

    def key(self, scenario_hash: str, seed: int, model: str) -> str:
        """Return 16 hex digits that name a calibration by all that decides its particles, not by how far it goes.

        The order of priors and statistics is part of it, as dice are drawn in it; what only tells of them is not.
        """
        told = self.model_dump(mode="json", exclude=_ELSEWHERE, context=OF_CONTENTS)
        for items in (told["priors"], told["statistics"], told["series"]):
            for one in items.values():
                for name in _TELLING & one.keys():
                    del one[name]
        text = json.dumps([_VERSION, told, scenario_hash, seed, model])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _leaves(tree: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in tree.items():
        place = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping) and "range" not in value and "law" not in value:
            found += _leaves(value, place)
        elif value is not None:
            found.append((place, value))
    return found
