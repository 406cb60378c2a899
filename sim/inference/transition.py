"""How particles propose those of the next generation: aimed at the record along the directions that the statistics depend on.

A handful of statistics depends on about as many directions among dozens of parameters. A kernel over all of them spreads its
weights so widely that hardly a particle counts, and one that keeps the last generation's spread comes closer by small steps.
Here a regression tells the directions, and where along them nights would be like the record; proposals are drawn from there,
and across them from the prior anew. That is exact, whatever the regression says: importance weights hold the whole proposal,
and what is drawn from the prior cancels. Good aim makes the weights even. That proposals follow the adjusted posterior is from
Li and Fearnhead ("On the asymptotic efficiency of approximate Bayesian computation estimators", 2018); the directions are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyabc import RV, Distribution
from pyabc.parameters import Parameter
from pyabc.transition import Transition
from scipy.special import gammaln, ndtri
from scipy.stats import rankdata

__all__ = ["Aim", "AimedTransition", "StandardNormal", "aim_at_record", "informed_directions"]

_DEGREES = 5.0
"""Degrees of freedom of Student's t: tails heavier than those of any posterior here, so that no weight is huge."""
_FAR = 2.0
"""Nights that the line has farther than this count less, as lines do not reach that far: in thresholds, with its errors."""


@dataclass(frozen=True)
class Aim:
    """Where proposals are drawn: along `basis` from a law of Student's around `mean`, across it from the prior."""

    basis: np.ndarray
    """float64[parameters, k], orthonormal."""
    mean: np.ndarray
    """float64[k]."""
    factor: np.ndarray
    """float64[k, k]: the lower triangle whose square is the scale of the law."""

    @staticmethod
    def none(n_parameters: int) -> Aim:
        """Return what draws from the prior."""
        return Aim(np.zeros((n_parameters, 0)), np.zeros(0), np.zeros((0, 0)))


def aim_at_record(places: np.ndarray, deviations: np.ndarray, within: float) -> Aim:
    """Return where nights would come within a distance of the record, by regression.

    Parameters
    ----------
    places
        float64[nights, parameters]: near standard normal.
    deviations
        float64[nights, statistics] from the record, scaled so that the root of the sum of their squares is the distance;
        nights that lack one are left out.
    within
        The distance.

    Notes
    -----
    Along the directions u the deviations are a + C u + r. With u normal beforehand, and r normal with the covariance that is
    left over, plus that of an even law in the ball of radius `within`, u is normal afterwards.
    """
    known = np.isfinite(deviations).all(axis=1)
    x, y = places[known], deviations[known]
    basis = informed_directions(x, y)
    k = basis.shape[1]
    if k == 0:
        return Aim.none(places.shape[1])
    n, d, m = len(x), x.shape[1], y.shape[1]
    design = np.column_stack([np.ones(n), x @ basis])
    weights = np.ones(n)
    for _ in range(2):
        root = np.sqrt(weights)[:, None]
        coefficients, _, _, _ = np.linalg.lstsq(design * root, y * root, rcond=None)
        line = design @ coefficients
        left = (weights @ (y - line) ** 2).sum() / weights.sum()
        near = _FAR * math.sqrt(within**2 + left)
        # By the line, not by the nights themselves, which would make it flat.
        weights = np.minimum(1.0, (near / np.maximum(np.sqrt((line**2).sum(axis=1)), 1e-300)) ** 2)
    n_effective = weights.sum() ** 2 / (weights**2).sum()
    # The basis was fitted to the same nights: others lie farther from the line than these.
    optimism = (n_effective + d) / max(n_effective - d, 1.0)
    errors = y - line
    spread = optimism * (errors * weights[:, None]).T @ errors / weights.sum() + within**2 / (m + 2) * np.eye(m)
    slopes = coefficients[1:].T
    told = np.linalg.solve(spread, slopes)  # float64[statistics, k]
    covariance = np.linalg.inv(np.eye(k) + slopes.T @ told)
    return Aim(basis, -covariance @ (told.T @ coefficients[0]), np.linalg.cholesky(covariance))


def informed_directions(places: np.ndarray, statistics: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis float64[parameters, k] of the directions that statistics depend on, k <= their number.

    Parameters
    ----------
    places
        float64[nights, parameters]: near standard normal.
    statistics
        float64[nights, statistics]; nights that lack one are left out.

    Notes
    -----
    Least squares of the statistics' normal scores. The coefficients, in units of their standard errors, are noise of variance 1
    where nothing depends on anything, with no singular value above sqrt(parameters) + sqrt(statistics) + 1 (Davidson and Szarek
    2001, theorem 2.13: with probability 1 - exp(-1/2) at least, of statistics that do not depend on each other; rarely a
    direction too many is harmless, as weights stay exact). The directions of the larger ones are kept.
    """
    known = np.isfinite(statistics).all(axis=1)
    x, y = places[known], statistics[known]
    n, d = x.shape
    if n <= d + 2:
        return np.zeros((d, 0))
    scores = ndtri((rankdata(y, axis=0) - 0.5) / n)
    x, scores = x - x.mean(axis=0), scores - scores.mean(axis=0)
    coefficients, _, _, _ = np.linalg.lstsq(x, scores, rcond=None)
    left = ((scores - x @ coefficients) ** 2).sum(axis=0) / (n - d - 1)
    whitened = np.linalg.cholesky((x.T @ x) / n)  # errors of the coefficients go with the inverse of this covariance
    in_errors = (whitened.T @ coefficients) * np.sqrt(n / np.maximum(left, 1e-12))
    axes, sizes, _ = np.linalg.svd(in_errors, full_matrices=False)
    kept = sizes > math.sqrt(d) + math.sqrt(y.shape[1]) + 1.0
    if not kept.any():
        return np.zeros((d, 0))
    # Back from whitened coordinates: what statistics depend on is x times these.
    basis: np.ndarray = np.linalg.qr(np.linalg.solve(whitened.T, axes[:, kept]))[0]
    return basis


class StandardNormal(Distribution):  # type: ignore[misc]
    """The prior of places: what pyABC makes of its parts, to the last bit, without SciPy's time for each of them."""

    @classmethod
    def of(cls, names: Sequence[str]) -> StandardNormal:
        """Return the prior of the places of parameters."""
        return cls(**{name: RV("norm", 0.0, 1.0) for name in names})

    def rvs(self) -> Parameter:
        """Return a draw."""
        return Parameter(**dict(zip(self, np.random.standard_normal(len(self)).tolist(), strict=True)))  # noqa: NPY002

    def pdf(self, x: Mapping[str, float]) -> float:
        """Return the density at x."""
        values = np.fromiter(x.values(), np.float64, len(self))
        parts: list[float] = (np.exp(-(values**2) / 2.0) / math.sqrt(2.0 * math.pi)).tolist()
        return math.prod(parts)


class AimedTransition(Transition):  # type: ignore[misc]
    """Proposals aimed at the record.

    Parameters
    ----------
    aim
        Returns where, when a generation is fitted.
    """

    def __init__(self, aim: Callable[[], Aim]) -> None:
        self.aim = aim

    def __deepcopy__(self, _: Any) -> AimedTransition:
        """Copy what was fitted, which is never changed in place, and not what finds it."""
        other = AimedTransition(self.aim)
        other.__dict__.update(self.__dict__)
        return other

    def fit(self, X: pd.DataFrame, w: np.ndarray) -> None:  # noqa: N803 (as the base class has it)
        """Aim."""
        self.aim_ = self.aim()

    def rvs_single(self) -> Parameter:
        """Return one proposal."""
        basis, k = self.aim_.basis, len(self.aim_.mean)
        fresh = np.random.standard_normal(len(basis))  # noqa: NPY002 (pyABC's state, which the sampler seeds)
        if k:
            stretch = math.sqrt(_DEGREES / np.random.chisquare(_DEGREES))  # noqa: NPY002
            step = self.aim_.factor @ np.random.standard_normal(k)  # noqa: NPY002
            fresh += basis @ (self.aim_.mean + stretch * step - basis.T @ fresh)
        return Parameter(**dict(zip(self.X.columns, np.asarray(fresh).tolist(), strict=True)))

    def pdf(self, x: Parameter | pd.Series | pd.DataFrame) -> float | np.ndarray:
        """Return the density of the proposal at x."""
        if isinstance(x, pd.DataFrame):
            return np.array([self._density(row) for row in x[self.X.columns].to_numpy(np.float64)])
        return self._density(np.array([x[name] for name in self.X.columns], np.float64))

    def _density(self, place: np.ndarray) -> float:
        d, k = self.aim_.basis.shape
        along = self.aim_.basis.T @ place
        across = float(place @ place - along @ along)  # squared distance from 0 in the directions that keep the prior
        log = -0.5 * (across + (d - k) * math.log(2 * math.pi))
        if k:
            step = np.linalg.solve(self.aim_.factor, along - self.aim_.mean)
            v = _DEGREES
            log += float(gammaln((v + k) / 2) - gammaln(v / 2)) - 0.5 * k * math.log(v * math.pi)
            log -= 0.5 * (v + k) * math.log1p(float(step @ step) / v) + float(np.log(np.diag(self.aim_.factor)).sum())
        return math.exp(log)
