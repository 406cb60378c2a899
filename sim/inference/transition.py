"""How particles of one generation propose those of the next: along the directions that the statistics depend on, and no others.

A handful of statistics depends on about as many directions among dozens of parameters. A kernel over all of them spreads its
weights so widely that hardly a particle counts. Here the directions are found by regression; along these a kernel moves
particles, across them they are drawn from the prior anew. That is exact, whichever the directions are: importance weights hold
the whole proposal, and what is drawn from the prior cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from pyabc.parameters import Parameter
from pyabc.transition import Transition
from scipy.special import ndtri
from scipy.stats import rankdata

__all__ = ["DirectedTransition", "informed_directions"]


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
    2001, theorem 2.13: with probability 1 - exp(-1/2) at least; rarely a direction too many is harmless). The directions of
    the larger ones are kept.
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


class DirectedTransition(Transition):  # type: ignore[misc]
    """A normal kernel along some directions, shrunk so that the proposals keep mean and covariance there (West 1993).

    Parameters
    ----------
    directions
        Returns an orthonormal basis float64[parameters, k] when a generation is fitted.
    """

    def __init__(self, directions: Callable[[], np.ndarray]) -> None:
        self.directions = directions

    def __deepcopy__(self, _: Any) -> DirectedTransition:
        """Copy what was fitted, which is never changed in place, and not what finds the directions."""
        other = DirectedTransition(self.directions)
        other.__dict__.update(self.__dict__)
        return other

    def fit(self, X: pd.DataFrame, w: np.ndarray) -> None:  # noqa: N803 (as the base class has it)
        """Find the directions, and fit the kernel along them."""
        places = X.to_numpy(np.float64)
        self.weights_ = np.asarray(w, np.float64) / np.sum(w)
        self.basis_ = self.directions()
        k = self.basis_.shape[1]
        along = places @ self.basis_
        mean = self.weights_ @ along
        n = 1.0 / float((self.weights_**2).sum())
        width = (4.0 / (k + 2.0) / n) ** (1.0 / (k + 4.0)) if k else 1.0  # Silverman's rule
        width = min(width, 1.0)
        self.centres_ = mean + math.sqrt(1.0 - width**2) * (along - mean)
        centred = along - mean
        covariance = (centred * self.weights_[:, None]).T @ centred
        self.factor_ = np.linalg.cholesky(covariance + 1e-12 * np.eye(k)) * width

    def rvs_single(self) -> Parameter:
        """Return one proposal."""
        d, k = self.basis_.shape
        fresh = np.random.standard_normal(d)  # noqa: NPY002 (pyABC's state, which the sampler seeds)
        if k:
            chosen = np.random.choice(len(self.weights_), p=self.weights_)  # noqa: NPY002
            along = self.centres_[chosen] + self.factor_ @ np.random.standard_normal(k)  # noqa: NPY002
            fresh += self.basis_ @ (along - self.basis_.T @ fresh)
        return Parameter(**dict(zip(self.X.columns, np.asarray(fresh).tolist(), strict=True)))

    def pdf(self, x: Parameter | pd.Series | pd.DataFrame) -> float | np.ndarray:
        """Return the density of the proposal at x."""
        if isinstance(x, pd.DataFrame):
            return np.array([self._density(row) for row in x[self.X.columns].to_numpy(np.float64)])
        return self._density(np.array([x[name] for name in self.X.columns], np.float64))

    def _density(self, place: np.ndarray) -> float:
        d, k = self.basis_.shape
        along = self.basis_.T @ place
        across = float(place @ place - along @ along)  # squared distance from 0 in the directions that keep the prior
        log = -0.5 * (across + (d - k) * math.log(2 * math.pi))
        if k:
            steps = np.linalg.solve(self.factor_, (along - self.centres_).T)
            logs = -0.5 * (steps**2).sum(axis=0) + np.log(self.weights_)
            top = float(logs.max())
            log += top + math.log(float(np.exp(logs - top).sum()))
            log -= 0.5 * k * math.log(2 * math.pi) + float(np.log(np.diag(self.factor_)).sum())
        return math.exp(log)
