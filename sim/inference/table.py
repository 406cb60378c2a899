"""Tables of nights at draws from the prior, or at any places: what hundreds of data sets can be fitted to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from sim.inference.calibrating import ARM, prepared_arms
from sim.inference.plan import Calibration
from sim.inference.priors import values_at
from sim.inference.series import Bins
from sim.inference.simulator import open_simulator
from sim.inference.statistics import Statistic, Statistics
from sim.scenario import validate
from sim.study.points import Settings
from sim.study.store import Store
from sim.study.template import Compose
from sim.study.workers import Workplace
from sim.threads import n_processors

__all__ = ["ReferenceTable", "prior_places", "reference_table", "table_at"]


@dataclass(frozen=True)
class ReferenceTable:
    """Nights at draws from the prior."""

    statistics: Statistics
    places: np.ndarray
    """float64[rows, parameters]."""
    values: dict[str, np.ndarray]
    """float64[rows] by name of the statistic, bins of series among them; NaN where a night has none."""

    def columns(self, names: list[str]) -> np.ndarray:
        """Return float64[rows, names]."""
        return np.stack([self.values[name] for name in names], axis=1)

    def with_noise(self, names: list[str], seed: int) -> np.ndarray:
        """Return the same as they would be observed: each with its uncertainty, normal, and told as far as the record tells."""
        scales = np.array([self.statistics.scales[name] for name in names])
        bounds = np.array(
            [np.inf if (i := self.statistics.items.get(n)) is None or i.above is None else i.above for n in names]
        )
        noise = np.random.default_rng(seed).standard_normal((len(self.places), len(names)))
        observed: np.ndarray = np.minimum(self.columns(names) + scales * noise, bounds)
        return observed


def prior_places(n: int, n_parameters: int, seed: int) -> np.ndarray:
    """Return places float64[n, parameters] of draws from the prior: Sobol's sequence, scrambled, in a random order.

    The order is random because the first rows may stand for truths. They are spread more evenly than independent draws where
    they are a large part of the table, which `sim.inference.ranks.tails_of_nothing` takes into account.
    """
    from scipy.stats import qmc

    rng = np.random.default_rng(seed)
    power = max(1, int(np.ceil(np.log2(n))))
    shares = qmc.Sobol(n_parameters, scramble=True, rng=rng).random_base2(power)
    places: np.ndarray = ndtri(np.clip(shares[rng.permutation(len(shares))[:n]], 1e-12, 1 - 1e-12))
    return places


def reference_table(
    plan: Calibration,
    compose: Compose,
    n: int,
    *,
    seed: int,
    store: Store,
    items: dict[str, Statistic] | None = None,
    series: dict[str, Bins] | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> ReferenceTable:
    """Return the table of n nights at draws from the prior, found in the store or simulated; arguments as for `table_at`."""
    places = prior_places(n, len(plan.priors), seed)
    return table_at(
        plan, compose, places, seed=seed, store=store, items=items, series=series, workers=workers, progress=progress
    )


def table_at(
    plan: Calibration,
    compose: Compose,
    places: np.ndarray,
    *,
    seed: int,
    store: Store,
    items: dict[str, Statistic] | None = None,
    series: dict[str, Bins] | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
    own_dice: bool = False,
) -> ReferenceTable:
    """Return the nights at some places, found in the store or simulated.

    Parameters
    ----------
    plan, compose
        As for `calibrate`; statistics of the plan are measured.
    places
        float64[rows, parameters], by `sim.inference.priors`.
    items, series
        Statistics beside those of the plan.
    seed, workers, progress
        As for `calibrate`.
    own_dice
        Whether places that come twice have two nights.
    """
    scenario = validate(compose({}, ()))
    statistics = Statistics.of(scenario, {**plan.statistics, **(items or {})}, series or {})
    arms = prepared_arms(compose, {ARM: ()}, plan)
    settings = Settings(1, statistics.nulls, False, "compiled", store, False, statistics.windows)
    place = Workplace(plan.backend, plan.address, workers or n_processors())
    with open_simulator(arms, statistics, settings, place, seed) as simulator:
        simulator.progress = progress
        found = simulator.of(values_at(plan.priors, places), own_dice=own_dice)
    return ReferenceTable(
        statistics, places, {name: np.array([f[name] for f in found]) for name in statistics.observed}
    )
