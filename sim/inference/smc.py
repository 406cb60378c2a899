"""Approximate Bayesian computation by sequential Monte Carlo (Toni and Stumpf 2010), with pyABC.

pyABC keeps the history, weighs and accepts; what is ours: candidates have random numbers of their own, by generation and
number, and the first that are accepted in the order of their numbers make the next generation. So a calibration is the same on
any number of processors, and after it was killed: candidates come again, and their nights are found in the store.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyabc
from pyabc.sampler import Sampler
from pyabc.weighted_statistics import weighted_quantile

from sim.errors import InputError
from sim.inference.history import History
from sim.inference.plan import Calibration
from sim.inference.priors import values_at
from sim.inference.rejection import moved_to_data
from sim.inference.simulator import Simulator, seed_at
from sim.inference.statistics import Statistics
from sim.inference.transition import Aim, AimedTransition, StandardNormal, aim_at_record

__all__ = ["Generation", "Smc", "distance_of"]

_SMALLEST_BATCH, _LARGEST_BATCH = 32, 1024
_FIRST = 4
"""So many times as many particles has the first generation, by which the next ones are aimed."""
_PATIENCE = 0.002
"""Share of accepted candidates below which a generation is given up."""


class _WantedError(Exception):
    """Says at which places a night is asked for that is not known yet."""

    def __init__(self, places: tuple[float, ...]) -> None:
        super().__init__()
        self.places = places


def distance_of(statistics: Statistics) -> Callable[[Mapping[str, float], Mapping[str, float]], float]:
    """Return the distance of two nights: the root mean square of the deviations of fitted statistics, in their uncertainty.

    The bins of a series count together as one. A night of which one is missing is infinitely far from all.
    """
    names, scales = statistics.fitted, statistics.scales
    n = statistics.n_fitted

    def distance(found: Mapping[str, float], other: Mapping[str, float]) -> float:
        one, two = statistics.told(found), statistics.told(other)
        squares = math.fsum(((one[name] - two[name]) / scales[name]) ** 2 for name in names)
        return math.sqrt(squares / n) if math.isfinite(squares) else math.inf

    return distance


@dataclass(frozen=True)
class Generation:
    """What is told of a generation of particles."""

    number: int
    threshold: float
    """The distance that its particles lie within."""
    n_particles: int
    n_candidates: int
    n_effective: float
    """Kish's effective number of particles."""
    wall_seconds: float = field(compare=False)
    """Since the generation before it was written, or the history begun; a break between two commands counts as well."""


class Smc:
    """A calibration and its history."""

    def __init__(
        self,
        plan: Calibration,
        statistics: Statistics,
        simulator: Simulator,
        address: str,
        key: str,
        seed: int,
        tell: Callable[[Generation], None] = lambda _: None,
    ) -> None:
        """Find the calibration in the database, or begin it.

        Parameters
        ----------
        address
            Of the database, as SQLAlchemy has it.
        key
            Names the calibration in it.
        seed
            Decides what candidates are proposed, and the errors with which their nights are observed.
        tell
            Called after each generation.
        """
        self.plan, self.statistics, self.tell, self.simulator, self.seed = plan, statistics, tell, simulator, seed
        self.kept: list[tuple[np.ndarray, np.ndarray, float]] = []
        self.known: dict[tuple[float, ...], dict[str, float]] = {}
        names = list(plan.priors)

        def night(parameter: Mapping[str, float]) -> dict[str, float]:
            places = tuple(float(parameter[name]) for name in names)
            if places not in self.known:
                raise _WantedError(places)
            return self.known[places]

        with _quiet():
            found, threshold = _found_in(address, key, plan.quantile)
            self.abc = pyabc.ABCSMC(
                night,
                StandardNormal.of(names),
                distance_of(statistics),
                population_size=_Sizes(plan.particles),
                transitions=AimedTransition(self._aim),
                eps=pyabc.QuantileEpsilon(threshold, alpha=plan.quantile),
                sampler=_OrderedSampler(self._simulate, seed),
            )
            self.abc.x_0 = statistics.observed
            self.abc.history = self.history = History(address)
            if found is None:
                self._begin(key)
            else:
                self.history.id = found
        self.n_used = self.n_known = self.n_done

    def _begin(self, key: str) -> None:
        """Write into the database what begins."""
        abc = self.abc
        laws = abc.distance_function.to_json(), abc.eps.to_json(), abc.population_size.to_json()
        names = [model.name for model in abc.models]
        self.history.store_initial_data(
            None, {"calibration": key}, self.statistics.observed, {}, names, *laws, datetime.now()
        )

    @property
    def n_done(self) -> int:
        """Return how many generations are in the history."""
        return int(self.history.max_t) + 1

    def run(self) -> str:
        """Go on until the plan is done; return in a few words why it ended there.

        Generations that another plan has added beyond that end are left alone: `n_used` says how many this one has.
        """
        with _quiet():
            self.n_used = 0
            while (ended := self._end(self.n_used)) is None:
                if self.n_used == self.n_done:
                    self._generation()
                    if self.n_used == self.n_done:
                        return f"fewer than one candidate in {1 / _PATIENCE:.0f} was accepted"
                self.n_used += 1
        return ended

    def _end(self, n: int) -> str | None:
        """Return in a few words why the plan ends after n generations; None: it goes on."""
        plan = self.plan
        if n >= plan.generations:
            return f"{plan.generations} generations were asked for"
        table = self.history.get_all_populations()
        last = math.inf if n == 0 else float(table.loc[table["t"] == n - 1, "epsilon"].iloc[0])
        if last <= plan.smallest_distance:
            return f"its particles lie within {last:.3g}, and {plan.smallest_distance:g} was asked for"
        tried = int(table.loc[table["t"] < n, "samples"].sum())
        if plan.most_simulations is not None and tried >= plan.most_simulations:
            return f"{tried} candidates were tried, as many as asked for"
        return None

    def generations(self) -> list[Generation]:
        """Return what is told of every generation of the plan."""
        return [self._told(t) for t in range(self.n_used)]

    def particles(
        self, generation: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, float]]]:
        """Return places float64[n, parameters], weights of sum 1, distances, statistics of a generation; None: the last."""
        t = self.n_used - 1 if generation is None else generation
        population = self.history.get_population(t)
        particles = [particle for particle in population.particles if particle.accepted]
        names = list(self.plan.priors)
        places = np.array([[particle.parameter[name] for name in names] for particle in particles])
        weights = np.array([particle.weight for particle in particles])
        distances = np.array([particle.distance for particle in particles])
        statistics = [{name: float(v) for name, v in particle.sum_stat.items()} for particle in particles]
        return places, weights / weights.sum(), distances, statistics

    def adjusted_particles(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, float]], str]:
        """Return the last generation as `particles` does, moved to where its statistics would be those of the record, and how.

        By weighted regression (`moved_to_data`), those nearest counting most (Epanechnikov's kernel), as Beaumont, Zhang and
        Balding (2002) have it; the statistics that come back are those that the particles' nights had, as observed. Where
        nothing can be moved they come back as they are.
        """
        places, weights, distances, found = self.particles()
        deviations = self._deviations(found)
        near = weights * (1.0 - (distances / max(float(distances.max()), 1e-300)) ** 2)
        kept = near > 0
        if not kept.any():
            return places, weights, distances, found, "nothing"
        near = near[kept] / near[kept].sum()
        moved, along = moved_to_data(places[kept], deviations[kept], near)
        if along == "nothing":
            return places, weights, distances, found, along
        return moved, near, distances[kept], [one for one, is_kept in zip(found, kept, strict=True) if is_kept], along

    def _aim(self) -> Aim:
        """Return where the next generation comes from, by all particles of all generations so far.

        Bounds are not aimed at: what lies anywhere beyond fits, which no law around one place covers.
        """
        items = self.statistics.items
        aimed = [name not in items or items[name].above is None for name in self.statistics.fitted]
        for t in range(len(self.kept), self.n_done):
            places, weights, distances, found = self.particles(t)
            within = float(weighted_quantile(distances, weights, alpha=self.plan.quantile))
            self.kept.append((places, self._deviations(found) / math.sqrt(self.statistics.n_fitted), within))
        places, deviations = (np.concatenate([part[i] for part in self.kept]) for i in (0, 1))
        within = self.kept[-1][2]
        return aim_at_record(places, deviations[:, aimed], within)

    def _deviations(self, found: Sequence[Mapping[str, float]]) -> np.ndarray:
        """Return float64[nights, fitted statistics]: deviations from the record in its uncertainty."""
        names, scales, observed = self.statistics.fitted, self.statistics.scales, self.statistics.observed
        told = [self.statistics.told(one) for one in found]
        return np.array([[(one[name] - observed[name]) / scales[name] for name in names] for one in told])

    def _generation(self) -> None:
        """Sample one generation."""
        if self.n_done != self.n_known:
            raise InputError(
                "another command is writing this calibration into the same database; wait until it has ended, then go on."
            )
        self.known.clear()
        self.abc.run(max_nr_populations=1, minimum_epsilon=0.0, min_acceptance_rate=_PATIENCE)
        self.n_known = self.n_done
        if self.n_done:
            self.tell(self._told(self.n_done - 1))

    def _simulate(self, places: Sequence[tuple[float, ...]]) -> None:
        """Simulate nights, so that they are known."""
        values = values_at(self.plan.priors, np.array(places))
        for place, value, found in zip(places, values, self.simulator.of(values), strict=True):
            self.known[place] = self.statistics.as_observed(found, seed_at(value, self.seed))
        if self.simulator.reasons and all(math.isnan(v) for one in self.known.values() for v in one.values()):
            raise InputError(self.simulator.reasons[0])

    def _told(self, t: int) -> Generation:
        table = self.history.get_all_populations()
        row = table[table["t"] == t].iloc[0]
        ends = table.set_index("t")["population_end_time"]
        weights = self.history.get_weighted_distances(t)["w"].to_numpy(np.float64)
        effective = float(weights.sum() ** 2 / (weights**2).sum())
        took = (ends[t] - ends[t - 1]).total_seconds()
        return Generation(t, float(row["epsilon"]), len(weights), int(row["samples"]), effective, took)


class _Sizes(pyabc.populationstrategy.PopulationStrategy):  # type: ignore[misc]
    """How many particles a generation has."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def __call__(self, t: int | None = None) -> int:
        return self.n if t else _FIRST * self.n


class _OrderedSampler(Sampler):  # type: ignore[misc]
    """Accepts candidates in the order of their numbers; their nights are simulated a batch at a time."""

    def __init__(self, simulate: Callable[[Sequence[tuple[float, ...]]], None], seed: int) -> None:
        super().__init__()
        self.simulate, self.seed = simulate, seed

    def sample_until_n_accepted(
        self,
        n: int,
        simulate_one: Callable[[], Any],
        t: int,
        *,
        max_eval: float = math.inf,
        all_accepted: bool = False,
        ana_vars: Any = None,
    ) -> Any:
        """Return a generation of n particles; one that is not ok where too few are accepted."""
        sample = self._create_empty_sample()
        number = 0
        while sample.n_accepted < n and number < max_eval:
            size = _batch(n, sample.n_accepted, number)
            wanted: dict[tuple[float, ...], None] = {}
            for i in range(number, number + size):
                try:
                    self._candidate(t, i, simulate_one)
                except _WantedError as error:
                    wanted[error.places] = None
            if wanted:
                self.simulate(list(wanted))
            for i in range(number, number + size):
                sample.append(self._candidate(t, i, simulate_one))
                number += 1
                if sample.n_accepted == n:
                    break
        self.nr_evaluations_ = number
        if sample.n_accepted < n:
            sample.ok = False
        return sample

    def _candidate(self, t: int, number: int, simulate_one: Callable[[], Any]) -> Any:
        """Return a candidate, whose random numbers are its own."""
        state = np.random.get_state()  # noqa: NPY002 (pyABC draws from it)
        try:
            np.random.seed(np.random.SeedSequence([self.seed, t, number]).generate_state(8))  # noqa: NPY002
            return simulate_one()
        finally:
            np.random.set_state(state)  # noqa: NPY002


def _batch(n: int, accepted: int, tried: int) -> int:
    """Return how many candidates to try next: about as many as are still wanted, by the rate so far."""
    rate = max(accepted / tried, 0.02) if tried else 1.0
    wanted = math.ceil((n - accepted) / rate)
    return min(max(wanted, _SMALLEST_BATCH), _LARGEST_BATCH)


def _found_in(address: str, key: str, quantile: float) -> tuple[int | None, float]:
    """Return the number of a calibration in a database, None where it is not there, and the next generation's threshold."""
    history = History(address)
    for run in history.all_runs():
        history.id = int(run.id)
        if key not in str(run.json_parameters) or history.max_t is None:
            continue  # another one, or one that was killed before all of its beginning was written
        if history.max_t < 0:
            return history.id, math.inf  # the first one takes all
        told = history.get_weighted_distances(history.max_t)
        distances, weights = told["distance"].to_numpy(np.float64), told["w"].to_numpy(np.float64)
        return history.id, float(weighted_quantile(distances, weights / weights.sum(), alpha=quantile))
    return None, math.inf


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what pyABC tells programmers while it runs."""
    loggers = [logging.getLogger(name) for name in ("ABC", "ABC.History", "ABC.Sampler", "ABC.Distance", "ABC.Epsilon")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
