"""Laws of degrees: how many ties a person of a random graph has, each with its exact probabilities.

A law in a YAML file is a mapping such as ``{law: power_law, exponent: 2.5, smallest: 2, largest: 1000}``.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from sim.laws import File, Frozen
from sim.tables import integers, read_table

__all__ = [
    "MOST_TIES",
    "Choice",
    "Constant",
    "DegreeLaw",
    "FromFile",
    "Geometric",
    "Listed",
    "Poisson",
    "PowerLaw",
    "degree_pmf",
]

MOST_TIES = 100_000
"""Largest degree that a law may name."""


class Constant(Frozen):
    """Everybody has the same degree."""

    law: Literal["constant"]
    value: int = Field(ge=0, le=MOST_TIES)

    def pmf(self) -> np.ndarray:
        """Return the probability of each degree from 0 on."""
        return np.bincount([self.value], minlength=self.value + 1).astype(np.float64)


class Poisson(Frozen):
    """Poisson degrees."""

    law: Literal["poisson"]
    mean: float = Field(ge=0, le=10_000)

    def pmf(self) -> np.ndarray:
        """Return the probability of each degree from 0 on, up to where less than 1e-17 is left."""
        from scipy.special import gammaln, xlogy

        k = np.arange(math.ceil(self.mean + 12 * math.sqrt(self.mean)) + 20)
        p = np.exp(xlogy(k, self.mean) - self.mean - gammaln(k + 1))
        return np.asarray(p / p.sum(), np.float64)


class PowerLaw(Frozen):
    """A share of people proportional to degree^-exponent, from the smallest degree to the largest."""

    law: Literal["power_law"]
    exponent: float = Field(ge=0, le=20)
    smallest: int = Field(ge=1, le=MOST_TIES)
    largest: int = Field(ge=1, le=MOST_TIES)

    @model_validator(mode="after")
    def _check(self) -> PowerLaw:
        if self.largest < self.smallest:
            raise ValueError(f"largest is {self.largest}, expected not below smallest, {self.smallest}")
        return self

    def pmf(self) -> np.ndarray:
        """Return the probability of each degree from 0 on."""
        p = np.zeros(self.largest + 1)
        p[self.smallest :] = (np.arange(self.smallest, self.largest + 1) / self.smallest) ** -self.exponent
        return np.asarray(p / p.sum())


class Geometric(Frozen):
    """Geometric degrees 0, 1, 2, ...: each as much rarer than the one before."""

    law: Literal["geometric"]
    mean: float = Field(ge=0, le=10_000)

    def pmf(self) -> np.ndarray:
        """Return the probability of each degree from 0 on, up to where less than 1e-17 is left."""
        ratio = self.mean / (1 + self.mean)
        p = ratio ** np.arange(40 * math.ceil(1 + self.mean))
        return np.asarray(p / p.sum())


class Choice(Frozen):
    """One of some degrees, each with its probability."""

    law: Literal["choice"]
    values: tuple[Annotated[int, Field(ge=0, le=MOST_TIES)], ...] = Field(min_length=1)
    probability: tuple[Annotated[float, Field(ge=0, le=1)], ...]

    @model_validator(mode="after")
    def _check(self) -> Choice:
        if len(self.values) != len(self.probability):
            raise ValueError(f"{len(self.values)} values have {len(self.probability)} probabilities, expected as many")
        if abs(sum(self.probability) - 1) > 1e-9:
            raise ValueError(f"probability adds up to {sum(self.probability):g}, expected 1")
        return self

    def pmf(self) -> np.ndarray:
        """Return the probability of each degree from 0 on."""
        p = np.bincount(self.values, weights=self.probability)
        return np.asarray(p / p.sum())


class Listed(Frozen):
    """The degree of each person, in order of their numbers."""

    law: Literal["listed"]
    values: tuple[Annotated[int, Field(ge=0, le=MOST_TIES)], ...] = Field(min_length=1)

    def pmf(self) -> np.ndarray:
        """Return the share of people with each degree from 0 on."""
        return np.bincount(self.values) / len(self.values)


class FromFile(Frozen):
    """The degree of each person, read from a table with columns person and degree, one row each."""

    law: Literal["file"]
    file: File

    def pmf(self) -> np.ndarray:
        """Return the share of people with each degree from 0 on."""
        degrees = integers(read_table(self.file), "degree", self.file, 0, MOST_TIES)
        return np.bincount(degrees) / max(len(degrees), 1)


DegreeLaw = Annotated[
    Constant | Poisson | PowerLaw | Geometric | Choice | Listed | FromFile, Field(discriminator="law")
]


def degree_pmf(law: DegreeLaw) -> np.ndarray:
    """Return float64: the probability of each degree from 0 on, before loops and double ties are removed.

    Of a list or a file, the shares of its degrees.
    """
    return law.pmf()
