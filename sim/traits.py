"""Laws of personal traits: plain numbers, drawn by inversion from one uniform draw each, or listed for everybody.

A law in a YAML file is a mapping such as ``{law: normal, mean: 0.25, sd: 0.122}``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from sim.errors import InputError
from sim.jit import njit
from sim.laws import Frozen
from sim.quantiles import normal_quantile

__all__ = ["TraitLaw", "trait_quantile"]


@njit
def _normal_quantiles(u):
    """Return float64[len(u)]: the standard normal quantile at each u."""
    out = np.empty(len(u), np.float64)
    for i in range(len(u)):
        out[i] = normal_quantile(u[i])
    return out


class ConstantTrait(Frozen):
    """Everybody has the same value."""

    law: Literal["constant"]
    value: float

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return the value for everybody."""
        return np.full(len(u), self.value)


class LogNormalTrait(Frozen):
    """exp(ln median + sigma Z)."""

    law: Literal["lognormal"]
    median: float = Field(gt=0)
    sigma: float = Field(ge=0, le=5)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return median exp(sigma z(u))."""
        return np.asarray(self.median * np.exp(self.sigma * _normal_quantiles(u)))


class NormalTrait(Frozen):
    """Mean + sd Z."""

    law: Literal["normal"]
    mean: float
    sd: float = Field(ge=0)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return mean + sd z(u)."""
        return np.asarray(self.mean + self.sd * _normal_quantiles(u))


class UniformTrait(Frozen):
    """Evenly spread between low and high."""

    law: Literal["uniform"]
    low: float
    high: float

    @model_validator(mode="after")
    def _check(self) -> UniformTrait:
        if self.high < self.low:
            raise ValueError("high must not be below low")
        return self

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return low + (high - low) u."""
        return np.asarray(self.low + (self.high - self.low) * u)


class ExponentialTrait(Frozen):
    """Exponential with a mean."""

    law: Literal["exponential"]
    mean: float = Field(gt=0)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return -mean ln(1 - u)."""
        return np.asarray(-self.mean * np.log1p(-u))


class WeibullTrait(Frozen):
    """Weibull: scale (-ln(1 - u))^(1 / shape)."""

    law: Literal["weibull"]
    scale: float = Field(gt=0)
    shape: float = Field(gt=0.05)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return scale (-ln(1 - u))^(1 / shape)."""
        return np.asarray(self.scale * (-np.log1p(-u)) ** (1 / self.shape))


class BetaTrait(Frozen):
    """Beta on (0, 1), with two shapes."""

    law: Literal["beta"]
    a: float = Field(gt=0)
    b: float = Field(gt=0)

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return the inverse of the regularised incomplete beta function."""
        from scipy.special import betaincinv

        return np.asarray(betaincinv(self.a, self.b, u))


class ChoiceTrait(Frozen):
    """One of several values, each with its probability."""

    law: Literal["choice"]
    values: tuple[float, ...] = Field(min_length=1)
    probability: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> ChoiceTrait:
        p = self.probability
        if len(p) != len(self.values) or min(p) < 0 or abs(sum(p) - 1) > 1e-9:
            raise ValueError(f"probability is {list(p)}, expected one number of 0 or more for each value, 1 in all")
        return self

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return the first value, in their order, up to which the probability is more than u."""
        which = np.searchsorted(np.cumsum(self.probability), u, side="right")
        return np.asarray(np.asarray(self.values)[which.clip(0, len(self.values) - 1)])


class TabulatedTrait(Frozen):
    """A distribution given by points of its cumulative probability, linear between them."""

    law: Literal["tabulated"]
    values: tuple[float, ...]
    probability: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> TabulatedTrait:
        x, p = self.values, self.probability
        if len(x) != len(p) or len(x) < 2:
            raise ValueError("values and probability need the same length, at least 2")
        if any(b < a for a, b in pairwise(x)):
            raise ValueError("values must not decrease")
        if p[0] != 0 or p[-1] != 1 or any(b <= a for a, b in pairwise(p)):
            raise ValueError("probability must rise from 0 to 1")
        return self

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return the value at which the probability is u."""
        return np.asarray(np.interp(u, self.probability, self.values))


class ListedTrait(Frozen):
    """Everybody's value, in the order of the people."""

    law: Literal["listed"]
    values: tuple[float, ...] = Field(min_length=1)

    def of(self, first: int, count: int, n: int) -> np.ndarray:
        """Return the values of `count` of n people, from `first` on.

        Raises
        ------
        InputError
            There are more or fewer people than values.
        """
        if n != len(self.values):
            raise InputError(
                f"a law: listed gives {len(self.values)} values, expected one for each of {n} people; "
                "set population.size to the number of values or correct the list."
            )
        return np.array(self.values[first : first + count], np.float64)


TraitLaw = Annotated[
    ConstantTrait | LogNormalTrait | NormalTrait | UniformTrait | ExponentialTrait | WeibullTrait | BetaTrait
    | ChoiceTrait | TabulatedTrait | ListedTrait,
    Field(discriminator="law"),
]  # fmt: skip


def trait_quantile(law: TraitLaw, u: np.ndarray, first: int = 0, n: int | None = None) -> np.ndarray:
    """Return float64[len(u)]: the law's quantile at each u in (0, 1); of a list, everybody's own value.

    The draws are those of the people from `first` on, of n in all (none: of all of them).
    """
    if isinstance(law, ListedTrait):
        return law.of(first, len(u), len(u) if n is None else n)
    return np.asarray(law.quantile(u))
