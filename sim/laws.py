"""Laws of delays: each knows its own theory and its compiled form.

A law in a YAML file is a mapping such as ``{law: lognormal, median_minutes: 12, sigma: 0.6}``. Delay laws speak in minutes
and are drawn in ticks by inversion, one uniform draw each. Laws of traits: `traits.py`.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SerializationInfo, model_validator

from sim.quantiles import CELLS, TOLERANCE, exact_values
from sim.units import MINUTE

__all__ = [
    "MOST_MINUTES",
    "OF_CONTENTS",
    "Confidence",
    "DelayLaw",
    "File",
    "Frozen",
    "contents_of",
    "encode_laws",
    "parameters_by_kind",
    "seismic_cdf",
]

LAW = np.dtype([("code", "i8"), ("a", "f8"), ("b", "f8"), ("c", "f8"), ("first", "i8"), ("count", "i8"),
                ("cells", "i8"), ("low", "f8"), ("high", "f8")], align=True)  # fmt: skip
CONSTANT, EXPONENTIAL, LOGNORMAL, WEIBULL, SEISMIC, TWO_EXPONENTIALS, TABULATED, NORMAL = range(8)

SEISMIC_C = 6.265725e-4
"""Density of reaction times per second up to 300 s (Zhao, Erdogdu, He, Rajaraman and Leskovec 2015, SEISMIC)."""
SEISMIC_CUT = 300.0
SEISMIC_THETA = 0.2314843

MOST_MINUTES = 1e6
"""Longest time that a parameter may name, nearly two years: longer than any scenario, short enough for the formats."""


Confidence = Literal["H", "M", "L", "U", "assumed"]
"""Two sources or a primary one, one credible source, weak, remembered and not read again, ours without a source."""


class Frozen(BaseModel):
    """Base of all parameter classes: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


OF_CONTENTS = {"contents": True}
"""Context of a dump in which the digest of a file's contents stands for its path."""


def contents_of(path: Path) -> str:
    """Return the SHA-256 of a file's contents; of one that cannot be read, words that name it."""
    try:
        found = path.stat()
        return _digest(path, found.st_mtime_ns, found.st_size, found.st_ino)
    except OSError:
        return f"unreadable {path}"  # whoever reads it says so in a sentence that names the key


@lru_cache(maxsize=64)
def _digest(path: Path, _modified: int, _size: int, _inode: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _dumped(path: Path, info: SerializationInfo) -> str:
    return contents_of(path) if info.context == OF_CONTENTS else str(path)


File = Annotated[Path, PlainSerializer(_dumped, return_type=str, when_used="json")]
"""A file of the user's: what it holds counts in the hash of a scenario, not where it lies."""


def parameters_by_kind(discriminator: str) -> dict[str, set[str]]:
    """Return the names of the parameters of every kind of mapping that a key such as ``law`` tells apart, by kind."""
    found: dict[str, set[str]] = {}
    waiting = [Frozen]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if discriminator in kind.model_fields:
                names = get_args(kind.model_fields[discriminator].annotation)
                for name in (
                    names if all(isinstance(name, str) for name in names) else ()
                ):  # a tag, not a field of that name
                    found.setdefault(name, set()).update(kind.model_fields)
    return found


class Constant(Frozen):
    """Always the same delay; 0 means the next tick."""

    law: Literal["constant"]
    minutes: float = Field(ge=0, le=MOST_MINUTES)

    def mean(self) -> float:
        """Return the mean in minutes."""
        return self.minutes

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return CONSTANT, self.minutes * MINUTE, 0.0, 0.0


class Exponential(Frozen):
    """Memoryless delay."""

    law: Literal["exponential"]
    mean_minutes: float = Field(gt=0, le=MOST_MINUTES)

    def mean(self) -> float:
        """Return the mean in minutes."""
        return self.mean_minutes

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return EXPONENTIAL, self.mean_minutes * MINUTE, 0.0, 0.0


class LogNormal(Frozen):
    """Log-normal delay: exp(ln median + sigma Z)."""

    law: Literal["lognormal"]
    median_minutes: float = Field(gt=0, le=MOST_MINUTES)
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
    scale_minutes: float = Field(gt=0, le=MOST_MINUTES)
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
    fast_minutes: float = Field(gt=0, le=MOST_MINUTES)
    slow_minutes: float = Field(gt=0, le=MOST_MINUTES)

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
        if m[0] < 0 or any(b < a for a, b in pairwise(m)):
            raise ValueError("minutes must start at 0 or later and not decrease")
        if p[0] != 0 or p[-1] != 1 or any(b < a for a, b in pairwise(p)):
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


@dataclass(frozen=True)
class Jitter:
    """A normal law around 0: of no delay, but of what is earlier or later than usual."""

    sd_minutes: float

    def row(self) -> tuple[int, float, float, float]:
        """Return code and up to three parameters, in ticks."""
        return NORMAL, self.sd_minutes * MINUTE, 0.0, 0.0


def encode_laws(laws: list[DelayLaw | Jitter]) -> tuple[np.ndarray, np.ndarray]:
    """Return LAW[len(laws)] and float64: the laws' compiled form, and beside it what `law_value` reads of each.

    That is the table of its quantiles at c / `CELLS`, and of a tabulated law the points in pairs, ticks and probability.
    """
    rows = np.zeros(len(laws), LAW)
    read: list[np.ndarray] = []
    at = 0
    for k, law in enumerate(laws):
        rows[k], points = _encoded(law)
        rows["cells"][k], rows["first"][k] = at, at + CELLS + 1
        read.append(points)
        at += len(points)
    return rows, np.concatenate([*read, np.zeros(1)])


@lru_cache(maxsize=512)
def _encoded(law: DelayLaw | Jitter) -> tuple[np.void, np.ndarray]:
    """Return the row of a law and what it reads: its table, then its points."""
    row = np.zeros(1, LAW)[0]
    row["code"], row["a"], row["b"], row["c"] = law.row()
    points = np.zeros(0)
    if isinstance(law, Tabulated):
        points = np.array([law.minutes, law.probability]).T.ravel()
        points[::2] *= MINUTE
        row["count"] = len(law.minutes)
    table, middles = exact_values(row, points, 0.0), exact_values(row, points, 0.5)
    row["low"], row["high"] = _trusted(table, middles, points[1::2])
    return row, np.concatenate([table, points])


def _trusted(table: np.ndarray, middles: np.ndarray, kinks: np.ndarray) -> tuple[float, float]:
    """Return between which probabilities a table does: the cells around the median that are right to `TOLERANCE`.

    Of a smooth law that is so where the middle of a cell is right; a cell within which the law has a kink is never taken.
    """
    with np.errstate(invalid="ignore"):  # infinite ones
        is_right = np.abs((table[:-1] + table[1:]) / 2 - middles[:-1]) <= TOLERANCE * CELLS * np.diff(table)
    is_right[[0, -1]] = False  # the law has no quantiles at 0 and 1
    inside = kinks * CELLS
    is_right[np.floor(inside[inside % 1 != 0]).astype(np.int64)] = False
    half = CELLS // 2
    below, above = np.argmin(is_right[:half][::-1]), np.argmin(is_right[half:])
    return float(half - below) / CELLS, float(half + above) / CELLS


def seismic_cdf(seconds: float) -> float:
    """Return the share of SEISMIC reaction times up to `seconds` (Zhao et al. 2015, section 3)."""
    total = SEISMIC_C * SEISMIC_CUT * (1 + 1 / SEISMIC_THETA)
    if seconds <= SEISMIC_CUT:
        return SEISMIC_C * seconds / total
    tail = (1 - (seconds / SEISMIC_CUT) ** -SEISMIC_THETA) / SEISMIC_THETA
    return float(SEISMIC_C * SEISMIC_CUT * (1 + tail) / total)
