"""Priors: what is believed of a parameter before the data are seen.

A prior is a law on a range. Inference works with *places*: the place of a value is z with Phi(z) = F(value), F the prior's
distribution function and Phi the normal one, so that all places are standard normal before the data are seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from pydantic import Field, model_validator
from scipy.special import ndtr, ndtri

from sim.laws import Frozen

__all__ = ["Prior", "places_of", "values_at"]

_EDGE = 1e-12
"""A share below which, or above 1 minus which, no value lies: its place would be infinite."""


class Prior(Frozen):
    """A law of a parameter on [low, high]: even, even in the logarithm, or normal and cut at both ends."""

    law: Literal["uniform", "log_uniform", "normal"] = "uniform"
    range: tuple[float, float]
    mean: float | None = None
    sd: float | None = Field(None, gt=0)
    says: str = Field(min_length=1)
    """What the parameter is, and why this range."""
    source: str = Field(min_length=1)
    """Of the belief: numbers of docs/facts.md, or the word assumed."""
    unit: str = ""
    symbol: str = ""

    @model_validator(mode="after")
    def _check(self) -> Prior:
        low, high = self.range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"range is [{low:g}, {high:g}], expected two numbers, the lower one first")
        if self.law == "log_uniform" and low <= 0:
            raise ValueError(f"range begins at {low:g}, expected more than 0 for the law log_uniform")
        if (self.mean is not None, self.sd is not None) != (self.law == "normal",) * 2:
            raise ValueError("mean and sd belong to the law normal, and to no other")
        return self

    def value_at(self, share: np.ndarray) -> np.ndarray:
        """Return the quantiles float64[n] at shares float64[n] in [0, 1]."""
        low, high = self.range
        share = np.asarray(share, np.float64)
        if self.law == "uniform":
            found = low + share * (high - low)
        elif self.law == "log_uniform":
            found = low * np.exp(share * math.log(high / low))
        else:
            first, last = self._ends()
            mean, sd = self._normal()
            found = mean + sd * ndtri(first + share * (last - first))
        return np.clip(found, low, high)

    def share_below(self, value: np.ndarray) -> np.ndarray:
        """Return the distribution function float64[n] at values float64[n]."""
        low, high = self.range
        value = np.clip(np.asarray(value, np.float64), low, high)
        if self.law == "uniform":
            return (value - low) / (high - low)
        if self.law == "log_uniform":
            return np.log(value / low) / math.log(high / low)
        first, last = self._ends()
        mean, sd = self._normal()
        share: np.ndarray = (ndtr((value - mean) / sd) - first) / (last - first)
        return share

    def _normal(self) -> tuple[float, float]:
        assert self.mean is not None
        assert self.sd is not None
        return self.mean, self.sd

    def _ends(self) -> tuple[float, float]:
        """Return the shares of the uncut normal law below both ends."""
        mean, sd = self._normal()
        first, last = (float(ndtr((end - mean) / sd)) for end in self.range)
        return first, last


def values_at(priors: Mapping[str, Prior], places: np.ndarray) -> list[dict[str, float]]:
    """Return the values of all parameters, by key, at each row of places float64[n, parameters], in the order of the priors."""
    columns = [prior.value_at(ndtr(places[:, i])) for i, prior in enumerate(priors.values())]
    return [dict(zip(priors, map(float, row), strict=True)) for row in zip(*columns, strict=True)]


def places_of(priors: Mapping[str, Prior], values: Sequence[Mapping[str, float]]) -> np.ndarray:
    """Return the places float64[n, parameters] of values by key."""
    columns = []
    for key, prior in priors.items():
        share = prior.share_below(np.array([float(v[key]) for v in values]))
        columns.append(ndtri(np.clip(share, _EDGE, 1 - _EDGE)))
    return np.stack(columns, axis=1)
