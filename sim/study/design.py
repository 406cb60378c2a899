"""Designs: which values of which parameters are tried together: a grid, a Latin hypercube, Sobol's sequence, or a list."""

from __future__ import annotations

import itertools
import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from sim.draws import MAX_SEED
from sim.errors import InputError
from sim.laws import File, Frozen
from sim.study.listed import read_listed

__all__ = ["MOST_POINTS", "Design", "Factor", "Value", "design_points"]

MOST_POINTS = 10_000_000
_NO_PARAMETERS = ("seed", "engine", "study", "design", "observed", "hydra")
"""Keys that say how a night is run and looked at: points that differ in them would be the same."""
Value = Any
"""A value of a parameter, as the options know it: a number, text, true or false, a list or a mapping."""


class Factor(Frozen):
    """A parameter that a design varies: a range of numbers, or a list of values."""

    range: tuple[float, float] | None = None
    """Lowest and highest value."""
    values: tuple[Value, ...] | None = None
    """What is tried instead of a range: numbers, text, names of options."""
    scale: Literal["linear", "log"] = "linear"
    """How a range is divided."""
    whole: bool = False
    """Whether only whole numbers of a range are tried, both ends included."""
    levels: int | None = Field(None, ge=2, le=MOST_POINTS)
    """Into how many values a grid divides a range; None: every whole number, else the design must be no grid."""

    @field_validator("values", mode="before")
    @classmethod
    def _plain(cls, given: object) -> object:
        if not isinstance(given, (list, tuple)):
            return given
        return tuple(f"{v:%Y-%m-%d %H:%M:%S}" if isinstance(v, datetime) else v for v in given)

    @model_validator(mode="after")
    def _check(self) -> Factor:
        if (self.range is None) == (self.values is None):
            raise ValueError("a factor needs either range: [LOW, HIGH] or values: [...]")
        if self.values is not None:
            if not self.values:
                raise ValueError("values is empty, expected at least one")
            if len({repr(value) for value in self.values}) < len(self.values):
                raise ValueError("values holds a value twice, expected each once")
            if self.scale != "linear" or self.whole or self.levels is not None:
                raise ValueError("scale, whole and levels belong to a range, not to values")
        if self.range is not None:
            low, high = self.range
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"range is [{low:g}, {high:g}], expected two numbers, the lower one first")
            if self.scale == "log" and low <= 0:
                raise ValueError(f"range begins at {low:g}, expected more than 0 on a log scale")
            if self.whole and (low != int(low) or high != int(high)):
                raise ValueError(f"range is [{low:g}, {high:g}], expected whole numbers, as whole is true")
        return self

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers."""
        return self.values is None or all(_is_number(value) for value in self.values)

    def at(self, u: float) -> Value:
        """Return the value at a share u of the way, u in [0, 1): values by equal shares, a range by its scale."""
        if self.values is not None:
            return self.values[int(u * len(self.values))]
        assert self.range is not None
        low, high = self.range
        if self.whole:
            low, high = low - (0.5 if self.scale == "log" else 0.0), high + (0.5 if self.scale == "log" else 1.0)
        value = low * (high / low) ** u if self.scale == "log" else low + u * (high - low)
        if not self.whole:
            return min(max(value, low), high)  # rounding may pass an end by a bit
        nearest = round(value) if self.scale == "log" else math.floor(value)
        return min(max(nearest, int(self.range[0])), int(self.range[1]))

    def grid(self) -> list[Value]:
        """Return the values of a grid, both ends of a range included.

        Raises
        ------
        InputError
            A range of which it is not said into how many values to divide it.
        """
        if self.values is not None:
            return list(self.values)
        assert self.range is not None
        low, high = self.range
        if self.whole and self.levels is None:
            return list(range(int(low), int(high) + 1))
        if self.levels is None:
            raise InputError(
                f"design.factors holds the range [{low:g}, {high:g}] without levels, expected in a grid how many values to "
                "take of it; give levels: N, or values: [...]."
            )
        shares = [k / (self.levels - 1) for k in range(self.levels)]
        if self.scale == "log":
            found: list[Value] = [low * (high / low) ** share for share in shares]
        else:
            found = [low + share * (high - low) for share in shares]
        found[-1] = high
        return list(dict.fromkeys(round(value) for value in found)) if self.whole else found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class Design(Frozen):
    """What a design varies and how, and where its points are computed."""

    method: Literal["none", "grid", "lhs", "sobol", "draws"] = "none"
    factors: dict[str, Factor] = Field(default_factory=dict)
    """By the key of the parameter, in the order of the columns."""
    points: int | None = Field(None, ge=1, le=MOST_POINTS)
    """How many points (a grid has as many as its values make, draws as many as their file has rows)."""
    file: File | None = None
    """Of draws: a column for each parameter, a row for each point."""
    seed: int = Field(1, ge=0, le=MAX_SEED)
    """Of the places of the points; the dice of the runs have the study's."""
    dice: Literal["common", "own"] = "common"
    """Whether all points use the same seeds, or each its own."""
    backend: str = "loky"
    """joblib's backend: loky (processes), threading, or dask or ray."""
    address: str | None = None
    """Of the scheduler of dask or ray; None starts one on this machine."""
    part: int = Field(0, ge=0)
    """Which of the parts to compute, if the points are shared out among several jobs."""
    parts: int = Field(1, ge=1)

    @field_validator("factors", mode="before")
    @classmethod
    def _given(cls, factors: object) -> object:
        return {} if factors is None else factors

    @model_validator(mode="before")
    @classmethod
    def _drawn(cls, given: Any) -> Any:
        """Let the columns of a file of draws be the factors."""
        if not isinstance(given, dict) or given.get("method") != "draws" or given.get("file") is None:
            return given
        if given.get("factors"):
            raise ValueError("design.factors is given beside draws, whose file names the parameters, expected none")
        columns = read_listed(Path(given["file"]))
        ranges = {key: (min(values), max(values)) for key, values in columns.items()}
        factors = {key: {"range": ends} if ends[0] < ends[1] else {"values": ends[:1]} for key, ends in ranges.items()}
        n, most = given.get("points"), len(next(iter(columns.values())))
        if isinstance(n, int) and n > most:
            raise ValueError(f"design.points is {n}, expected at most the {most} draws of {given['file']}")
        return given | {"factors": factors, "points": n if n is not None else most}

    @model_validator(mode="after")
    def _check(self) -> Design:
        if self.method == "draws" and self.file is None:
            raise ValueError("design.file is missing, expected the file of the draws; name it")
        if self.method != "draws" and self.file is not None:
            raise ValueError("design.file is given, which belongs to draws, expected design.method=draws beside it")
        if self.method == "none":
            if self.factors:
                raise ValueError(
                    "design.factors is given without a method, expected design=grid, lhs or sobol beside it"
                )
            return self
        if not self.factors:
            raise ValueError("design.factors is empty, expected the parameters to vary; name at least one")
        if self.method == "grid" and self.points is not None:
            raise ValueError("design.points is given for a grid, expected levels or values of each factor instead")
        if self.method != "grid" and self.points is None:
            raise ValueError(f"design.points is missing, expected how many points to draw by {self.method}")
        for key in self.factors:
            if re.split(r"[.\[]", key.lstrip("+~"))[0] in _NO_PARAMETERS:
                raise ValueError(
                    f"design.factors names {key}, which is no parameter of the night, expected one of those; give it beside "
                    "the design (design.dice=own gives each point seeds of its own)"
                )
        if self.part >= self.parts:
            raise ValueError(f"design.part is {self.part}, expected 0 to {self.parts - 1} (design.parts)")
        return self


def design_points(design: Design) -> list[dict[str, Value]]:
    """Return the points of a design: the value of every factor, by its key, in the order of the points' numbers.

    A grid varies its last factor fastest. A Latin hypercube has each of n equal slices of every factor once (McKay, Beckman
    and Conover 1979; other numbers of points are other places). Sobol's sequence is scrambled (Owen 1998): its first points
    stay where they are when more are asked for, and it is balanced best at powers of two. The places depend on `design.seed`
    only.

    Raises
    ------
    InputError
        A grid with a range that is not divided, or too many points.
    """
    keys = list(design.factors)
    factors = list(design.factors.values())
    if design.method == "grid":
        axes = [factor.grid() for factor in factors]
        count = math.prod(map(len, axes))
        if count > MOST_POINTS:
            raise InputError(f"design has {count} points, expected at most {MOST_POINTS}; take fewer values.")
        return [dict(zip(keys, values, strict=True)) for values in itertools.product(*axes)]
    if design.points is None:
        return []
    if design.method == "draws":
        assert design.file is not None
        columns = read_listed(design.file, keys)
        return [dict(zip(keys, row, strict=True)) for row in zip(*columns.values(), strict=True)][: design.points]
    import numpy as np
    from scipy.stats import qmc

    if len(keys) > qmc.Sobol.MAXDIM and design.method == "sobol":
        raise InputError(f"design.factors names {len(keys)}, expected at most {qmc.Sobol.MAXDIM} for sobol; take lhs.")
    rng = np.random.default_rng(design.seed)
    if design.method == "lhs":
        places = qmc.LatinHypercube(len(keys), rng=rng).random(design.points)
    else:
        power = max(0, math.ceil(math.log2(design.points)))
        places = qmc.Sobol(len(keys), scramble=True, rng=rng).random_base2(power)[: design.points]
    return [{key: factor.at(float(u)) for key, factor, u in zip(keys, factors, row, strict=True)} for row in places]
