"""How particles of one generation propose those of the next: along the directions that the data have narrowed, and no others.

A handful of statistics can narrow only about as many directions among dozens of parameters. A kernel over all of them spreads
its weights so widely that hardly a particle counts. Here the directions are looked for in which a generation differs from the
prior; along these a kernel moves particles, across them they are drawn from the prior anew. That is exact: importance weights
hold the whole proposal, and what is drawn from the prior cancels.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from pyabc.parameters import Parameter
from pyabc.transition import Transition

__all__ = ["NarrowedTransition", "narrowed_directions"]


def narrowed_directions(places: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """Return an orthonormal basis float64[parameters, k], k <= most, of directions in which particles differ from the prior.

    Parameters
    ----------
    places
        float64[particles, parameters]: standard normal under the prior.
    weights
        float64[particles], of sum 1.
    most
        How many directions at most.

    Notes
    -----
    The mean, where it lies further from 0 than three standard deviations of its square under the prior; then the principal
    directions with the least variance, below the edge (1 - sqrt(parameters / n))^2 under which no variance of n draws from the
    prior falls (Marchenko and Pastur 1967), n being the effective number of particles.
    """
    d = places.shape[1]
    n = 1.0 / float((weights**2).sum())
    mean = weights @ places
    centred = places - mean
    variances, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
    chosen = []
    if mean @ mean > (d + 3.0 * math.sqrt(2.0 * d)) / n:
        chosen.append(mean)
    edge = (1.0 - math.sqrt(d / n)) ** 2 if d < n else 0.0
    chosen += [axes[:, i] for i in range(d) if variances[i] < 0.95 * edge]
    if not chosen:
        return np.zeros((d, 0))
    basis: np.ndarray = np.linalg.qr(np.array(chosen[:most]).T)[0]
    return basis


class NarrowedTransition(Transition):  # type: ignore[misc]
    """A normal kernel along narrowed directions, shrunk so that the proposals keep mean and covariance (West 1993).

    Parameters
    ----------
    most
        How many directions at most: about as many as there are statistics.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    def fit(self, X: pd.DataFrame, w: np.ndarray) -> None:  # noqa: N803 (as the base class has it)
        """Find the directions, and fit the kernel along them."""
        places = X.to_numpy(np.float64)
        self.weights_ = np.asarray(w, np.float64) / np.sum(w)
        self.basis_ = narrowed_directions(places, self.weights_, self.most)
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
