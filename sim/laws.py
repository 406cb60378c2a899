"""Laws of delays and of personal traits: each knows its own theory and its compiled form.

A law in a YAML file is a mapping such as ``{law: lognormal, median_minutes: 12, sigma: 0.6}``. Delay laws speak in minutes
and are drawn in ticks by inversion, one uniform draw each; trait laws are plain numbers.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.jit import njit
from sim.units import MINUTE

__all__ = [
    "DelayLaw",
    "Frozen",
    "TraitLaw",
    "delay_ticks",
    "encode_laws",
    "law_value",
    "normal_quantile",
    "poisson",
    "seismic_cdf",
    "trait_quantile",
]

LAW = np.dtype([("code", "i8"), ("a", "f8"), ("b", "f8"), ("c", "f8"), ("first", "i8"), ("count", "i8")], align=True)
CONSTANT, EXPONENTIAL, LOGNORMAL, WEIBULL, SEISMIC, TWO_EXPONENTIALS, TABULATED = range(7)

SEISMIC_C = 6.265725e-4
"""Density of reaction times per second up to 300 s (Zhao, Erdogdu, He, Rajaraman and Leskovec 2015, SEISMIC)."""
SEISMIC_CUT = 300.0
SEISMIC_THETA = 0.2314843


class Frozen(BaseModel):
    """Base of all parameter classes: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Constant(Frozen):
    """Always the same delay; 0 means the next tick."""

    law: Literal["constant"]
    minutes: float = Field(ge=0)

    def mean(self) -> float:
        """Return the mean in minutes."""
        return self.minutes

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return CONSTANT, self.minutes * MINUTE, 0.0, 0.0


class Exponential(Frozen):
    """Memoryless delay."""

    law: Literal["exponential"]
    mean_minutes: float = Field(gt=0)

    def mean(self) -> float:
        """Return the mean in minutes."""
        return self.mean_minutes

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return EXPONENTIAL, self.mean_minutes * MINUTE, 0.0, 0.0


class LogNormal(Frozen):
    """Log-normal delay: exp(ln median + sigma Z)."""

    law: Literal["lognormal"]
    median_minutes: float = Field(gt=0)
    sigma: float = Field(ge=0, le=5)

    def mean(self) -> float:
        """Return the mean in minutes, median exp(sigma^2 / 2)."""
        return self.median_minutes * math.exp(self.sigma**2 / 2)

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return LOGNORMAL, self.median_minutes * MINUTE, self.sigma, 0.0


class Weibull(Frozen):
    """Weibull delay: scale (-ln(1 - u))^(1 / shape)."""

    law: Literal["weibull"]
    scale_minutes: float = Field(gt=0)
    shape: float = Field(gt=0.05)

    def mean(self) -> float:
        """Return the mean in minutes, scale Gamma(1 + 1 / shape)."""
        return self.scale_minutes * math.gamma(1 + 1 / self.shape)

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return WEIBULL, self.scale_minutes * MINUTE, self.shape, 0.0


class Seismic(Frozen):
    """Reaction times on Twitter: uniform density up to 300 s, then a power law with exponent 1 + theta (mean infinite)."""

    law: Literal["seismic"]

    def mean(self) -> float:
        """Return the mean in minutes: infinite, because theta < 1."""
        return math.inf

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return SEISMIC, 1000.0, 0.0, 0.0


class TwoExponentials(Frozen):
    """A fast and a slow memory: exponential with mean `fast_minutes` with probability `fast_share`, else `slow_minutes`."""

    law: Literal["two_exponentials"]
    fast_share: float = Field(ge=0, le=1)
    fast_minutes: float = Field(gt=0)
    slow_minutes: float = Field(gt=0)

    def mean(self) -> float:
        """Return the mean in minutes."""
        return self.fast_share * self.fast_minutes + (1 - self.fast_share) * self.slow_minutes

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return TWO_EXPONENTIALS, self.fast_share, self.fast_minutes * MINUTE, self.slow_minutes * MINUTE


class Tabulated(Frozen):
    """A distribution given by points of its cumulative probability, linear between them."""

    law: Literal["tabulated"]
    minutes: tuple[float, ...]
    probability: tuple[float, ...]

    @model_validator(mode="after")
    def _check(self) -> Tabulated:
        m, p = self.minutes, self.probability
        if len(m) != len(p) or len(m) < 2:
            raise ValueError("minutes and probability need the same length, at least 2")
        if m[0] < 0 or any(b < a for a, b in zip(m, m[1:], strict=False)):
            raise ValueError("minutes must start at 0 or later and not decrease")
        if p[0] != 0 or p[-1] != 1 or any(b < a for a, b in zip(p, p[1:], strict=False)):
            raise ValueError("probability must rise from 0 to 1")
        return self

    def mean(self) -> float:
        """Return the mean in minutes."""
        pairs = zip(self.minutes, self.minutes[1:], self.probability, self.probability[1:], strict=False)
        return sum((a + b) / 2 * (q - p) for a, b, p, q in pairs)

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters; the points are stored apart."""
        return TABULATED, 0.0, 0.0, 0.0


DelayLaw = Annotated[
    Constant | Exponential | LogNormal | Weibull | Seismic | TwoExponentials | Tabulated, Field(discriminator="law")
]


class ConstantTrait(Frozen):
    """Everybody has the same value."""

    law: Literal["constant"]
    value: float

    def row(self) -> tuple[str, float, float]:
        """Return name and parameters."""
        return "constant", self.value, 0.0


class LogNormalTrait(Frozen):
    """exp(ln median + sigma Z)."""

    law: Literal["lognormal"]
    median: float = Field(gt=0)
    sigma: float = Field(ge=0, le=5)

    def row(self) -> tuple[str, float, float]:
        """Return name and parameters."""
        return "lognormal", self.median, self.sigma


class NormalTrait(Frozen):
    """Mean + sd Z."""

    law: Literal["normal"]
    mean: float
    sd: float = Field(ge=0)

    def row(self) -> tuple[str, float, float]:
        """Return name and parameters."""
        return "normal", self.mean, self.sd


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

    def row(self) -> tuple[str, float, float]:
        """Return name and parameters."""
        return "uniform", self.low, self.high


TraitLaw = Annotated[ConstantTrait | LogNormalTrait | NormalTrait | UniformTrait, Field(discriminator="law")]


def trait_quantile(law: TraitLaw, u: np.ndarray) -> np.ndarray:
    """Return float64[len(u)]: the law's quantile at each u in (0, 1)."""
    from scipy.special import ndtri

    name, a, b = law.row()
    if name == "constant":
        return np.full(len(u), a)
    if name == "uniform":
        return np.asarray(a + (b - a) * u)
    z = ndtri(u)
    return np.asarray(a * np.exp(b * z) if name == "lognormal" else a + b * z)


def encode_laws(laws: list[DelayLaw]) -> tuple[np.ndarray, np.ndarray]:
    """Return LAW[len(laws)] and float64[k, 2]: the laws' compiled form and the points (ticks, probability) of tables."""
    rows = np.zeros(len(laws), LAW)
    points: list[tuple[float, float]] = []
    for row, law in zip(rows, laws, strict=True):
        row["code"], row["a"], row["b"], row["c"] = law.row()
        if isinstance(law, Tabulated):
            row["first"], row["count"] = len(points), len(law.minutes)
            points += [(m * MINUTE, p) for m, p in zip(law.minutes, law.probability, strict=True)]
    return rows, np.array(points or [(0.0, 0.0)], np.float64)


@njit
def normal_quantile(u):
    """Return the standard normal quantile at u in (0, 1), relative error below 1e-15 (Wichura 1988, algorithm AS 241)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        num = ((((((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
                  + 45921.953931549871457) * r + 13731.693765509461125) * r + 1971.5909503065514427) * r
               + 133.14166789178437745) * r + 3.387132872796366608
        den = ((((((5226.495278852854561 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
                  + 21213.794301586595867) * r + 5394.1960214247511077) * r + 687.1870074920579083) * r
               + 42.313330701600911252) * r + 1.0
        return q * num / den
    r = u if q < 0.0 else 1.0 - u
    r = math.sqrt(-math.log(r))
    if r <= 5.0:
        r = r - 1.6
        num = ((((((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
                  + 1.27045825245236838258) * r + 3.64784832476320460504) * r + 5.7694972214606914055) * r
               + 4.6303378461565452959) * r + 1.42343711074968357734
        den = ((((((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
                  + 0.14810397642748007459) * r + 0.68976733498510000455) * r + 1.6763848301838038494) * r
               + 2.05319162663775882187) * r + 1.0
    else:
        r = r - 5.0
        num = ((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
                  + 0.026532189526576123093) * r + 0.29656057182850489123) * r + 1.7848265399172913358) * r
               + 5.4637849111641143699) * r + 6.6579046435011037772
        den = ((((((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
                  + 7.868691311456132591e-4) * r + 0.0148753612908506148525) * r + 0.13692988092273580531) * r
               + 0.59983220655588793769) * r + 1.0
    return -num / den if q < 0.0 else num / den


@njit
def law_value(law, points, u):
    """Return the quantile of a LAW row at u in (0, 1), float ticks, possibly infinite in the far tail."""
    code = law["code"]
    if code == 0:
        return law["a"]
    if code == 1:
        return -law["a"] * math.log(u)
    if code == 2:
        return law["a"] * math.exp(law["b"] * normal_quantile(u))
    if code == 3:
        return law["a"] * math.pow(-math.log(u), 1.0 / law["b"])
    if code == 4:
        # F(t) = c t up to s0; F(t) = c s0 (1 + (1 - (t / s0)^-theta) / theta) beyond; normalised by its limit.
        total = 6.265725e-4 * 300.0 * (1.0 + 1.0 / 0.2314843)
        x = u * total / 6.265725e-4
        if x <= 300.0:
            return x * law["a"]
        rest = 1.0 - 0.2314843 * (x / 300.0 - 1.0)
        return 300.0 * law["a"] * math.pow(rest, -1.0 / 0.2314843)
    if code == 5:
        if u < law["a"]:
            return -law["b"] * math.log(u / law["a"])
        return -law["c"] * math.log((1.0 - u) / (1.0 - law["a"]))
    first = law["first"]
    for i in range(first + 1, first + law["count"]):
        if u <= points[i, 1]:
            low = points[i - 1, 1]
            share = (u - low) / (points[i, 1] - low) if points[i, 1] > low else 1.0
            return points[i - 1, 0] + share * (points[i, 0] - points[i - 1, 0])
    return points[first + law["count"] - 1, 0]


@njit
def delay_ticks(law, points, u):
    """Return a delay in whole ticks, int64 in [1, 2^40]: the quantile at u, at least the next tick, clipped as a float."""
    value = law_value(law, points, u)
    if value < 1.0:
        return np.int64(1)
    if value > 1099511627776.0:
        return np.int64(1099511627776)
    return np.int64(value)


def seismic_cdf(seconds: float) -> float:
    """Return the share of SEISMIC reaction times up to `seconds` (Zhao et al. 2015, section 3)."""
    total = SEISMIC_C * SEISMIC_CUT * (1 + 1 / SEISMIC_THETA)
    if seconds <= SEISMIC_CUT:
        return SEISMIC_C * seconds / total
    tail = (1 - (seconds / SEISMIC_CUT) ** -SEISMIC_THETA) / SEISMIC_THETA
    return SEISMIC_C * SEISMIC_CUT * (1 + tail) / total


@njit
def poisson(mean, u):
    """Return a Poisson count by inversion at u in (0, 1); mean in [0, 30], counts are cut at 200."""
    if u <= 1.0 - mean:
        return 0  # because exp(-mean) >= 1 - mean
    p = math.exp(-mean)
    total = p
    count = 0
    while u > total and count < 200:
        count += 1
        p = p * mean / count
        total += p
    return count


@njit
def delays(law, points, u):
    """Return int64[len(u)]: `delay_ticks` at each u."""
    out = np.empty(len(u), np.int64)
    for i in range(len(u)):
        out[i] = delay_ticks(law, points, u[i])
    return out
