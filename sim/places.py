"""Places: provinces with their people, and one square each."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sim.errors import InputError

__all__ = ["EVERYWHERE", "PROVINCES_FILE", "Provinces", "one_place", "read_provinces"]

PROVINCES_FILE = Path(__file__).parent / "data" / "provinces_2015.csv"


EVERYWHERE = "everywhere"
"""The one place of a population without provinces."""


@dataclass(frozen=True)
class Provinces:
    """Provinces of a country: names, populations, and the position of each main city (degrees, for drawing only)."""

    names: tuple[str, ...]
    populations: np.ndarray
    latitudes: np.ndarray
    longitudes: np.ndarray

    @property
    def total(self) -> int:
        """Return the number of people in all provinces."""
        return int(self.populations.sum())

    def shared_out(self, n: int) -> np.ndarray:
        """Return int64[provinces]: n people shared out by population, n in all, by the method of largest remainders.

        Every province has its exact share rounded down, and those with the largest remainders one more; of equal remainders
        the first in the table. With n = `total` that is the table itself.
        """
        real, total = [int(p) for p in self.populations], self.total
        sizes = np.array([n * p // total for p in real], np.int64)
        remainders = [n * p % total for p in real]
        first = sorted(range(len(real)), key=lambda k: -remainders[k])
        sizes[first[: n - int(sizes.sum())]] += 1
        return sizes


def one_place(n: int) -> Provinces:
    """Return a single place in which n people live."""
    return Provinces((EVERYWHERE,), np.array([n], np.int64), np.zeros(1), np.zeros(1))


def read_provinces(path: Path = PROVINCES_FILE) -> Provinces:
    """Return the provinces of a CSV file with the columns province, latitude, longitude, population.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or holds what is not a number.
    """
    try:
        about = os.stat(path)
        return _read(path, about.st_mtime_ns, about.st_size)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path} cannot be read ({error}); expected a CSV file of provinces: check the path."
        ) from error


@lru_cache(maxsize=16)
def _read(path: Path, _modified: int, _size: int) -> Provinces:
    """Read a file once for as long as it stays as it is."""
    columns = ("province", "latitude", "longitude", "population")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [c for c in columns if c not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} lacks the column {missing[0]!r}; expected {', '.join(columns)}: add it.")
            rows = list(reader)
        populations = np.array([int(r["population"]) for r in rows], np.int64)
        latitudes = np.array([float(r["latitude"]) for r in rows])
        longitudes = np.array([float(r["longitude"]) for r in rows])
    except UnicodeDecodeError:  # a ValueError, too
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(f"{path} holds a value that is not a number ({error}); correct that row.") from error
    if len(rows) == 0 or populations.min() < 0 or populations.sum() <= 0:
        raise InputError(
            f"{path} holds no people; expected at least one province with people: check the column population."
        )
    return Provinces(tuple(r["province"] for r in rows), populations, latitudes, longitudes)
