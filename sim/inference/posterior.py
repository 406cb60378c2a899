"""The posterior: weighted values of the parameters, as a table that studies can draw from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Posterior", "equal_draws", "weighted_quantiles"]

WEIGHT, DISTANCE = "weight", "distance"


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return quantiles float64[shares] of values float64[n] with weights float64[n]; NaN where any value is missing."""
    if len(values) == 0 or not np.isfinite(values).all():
        return np.full(len(shares), np.nan)
    order = np.argsort(values, kind="stable")
    middle = np.cumsum(weights[order]) - weights[order] / 2
    found: np.ndarray = np.interp(shares, middle / weights.sum(), values[order])
    return found


def equal_draws(weights: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return int64[n]: places of n draws of equal weight, by systematic resampling (Kitagawa 1996), shuffled."""
    rng = np.random.default_rng(seed)
    upper = np.cumsum(weights) / np.sum(weights)
    found: np.ndarray = np.minimum(np.searchsorted(upper, (np.arange(n) + rng.random()) / n), len(weights) - 1)
    return rng.permutation(found)


@dataclass(frozen=True)
class Posterior:
    """Particles of a generation: values of the parameters by key, weights, distances, and their nights' statistics."""

    values: pd.DataFrame
    weights: np.ndarray
    distances: np.ndarray
    statistics: pd.DataFrame

    @property
    def n_effective(self) -> float:
        """Return Kish's effective number of particles."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    def table(self) -> pd.DataFrame:
        """Return columns weight, distance, the parameters by their keys, and the statistics by their names."""
        import pandas as pd

        first = pd.DataFrame({WEIGHT: self.weights, DISTANCE: self.distances})
        return pd.concat([first, self.values, self.statistics], axis=1)

    def records(self) -> list[dict[str, float]]:
        """Return the values of every particle, by key."""
        return _records(self.values)

    def draws(self, n: int, seed: int) -> list[dict[str, float]]:
        """Return the values of n draws of equal weight."""
        return _records(self.values.iloc[equal_draws(self.weights, n, seed)])


def _records(table: pd.DataFrame) -> list[dict[str, float]]:
    return [{str(key): float(value) for key, value in row.items()} for row in table.to_dict("records")]
