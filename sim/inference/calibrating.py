"""A calibration from its plan to its tables: fit, then predict with other dice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.errors import InputError
from sim.inference.history import heeding_database, without_password
from sim.inference.plan import Calibration
from sim.inference.posterior import Posterior
from sim.inference.priors import values_at
from sim.inference.series import read_series
from sim.inference.simulator import Simulator, open_simulator, seed_at
from sim.inference.smc import Generation, Smc
from sim.inference.statistics import Statistics
from sim.jit import model_hash
from sim.scenario import MODEL_VERSION, Scenario, validate
from sim.study.design import Design, Factor
from sim.study.designed import fitting_processes
from sim.study.points import Settings
from sim.study.store import Store
from sim.study.template import ArmsOfPoints, Compose
from sim.study.whole import claimed, clear_leftovers
from sim.study.workers import Workplace
from sim.threads import n_processors

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ARM", "HISTORY", "Calibrated", "about", "calibrated", "prepared_arms"]

ARM = "night"
HISTORY = "history.db"
"""Name of the database in the folder of a calibration."""


@dataclass(frozen=True)
class Calibrated:
    """What came of a calibration."""

    plan: Calibration
    scenario: Scenario
    """The night before any parameter is drawn."""
    statistics: Statistics
    generations: list[Generation]
    ended: str
    """Why it ended where it did."""
    prior: Posterior
    """The first generation: draws from the prior, all accepted."""
    posterior: Posterior
    along: str
    """What its particles were moved to the record along: squares, lines, nothing."""
    predictions: pd.DataFrame
    """Statistics of nights at draws from the posterior, as they would be observed: with dice of their own, and errors as the
    record has them. Nothing was fitted to them."""
    key: str
    folder: Path
    address: str
    n_computed: int
    n_reused: int
    reasons: list[str]


@contextlib.contextmanager
def calibrated(
    plan: Calibration,
    compose: Compose,
    *,
    seed: int,
    engine: str,
    store: Store,
    name: str,
    workers: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Calibrated]:
    """Give what came of a calibration: begun, gone on with, or found finished, in the history that belongs to it.

    Until the block ends its folder is claimed, so that nobody else writes what came of it there.

    Parameters
    ----------
    plan, compose
        What is asked for, and what makes the night at some values.
    seed
        Decides candidates and nights.
    store
        Where nights are found and kept.
    name
        Begins the name of its folder.
    workers
        Processes; None: one per processor.
    tell
        Called with a sentence for each generation.
    progress
        Called with the number of nights that came back.

    Raises
    ------
    InputError
        A parameter that is none or moves nothing, a statistic that the night has not, a file that cannot be used, or a database
        that cannot be reached.
    """
    scenario = validate(compose({}, ()))
    statistics = _statistics(plan, scenario)
    arms = prepared_arms(compose, {ARM: ()}, plan)
    settings = Settings(1, statistics.nulls, False, engine, store, False, statistics.windows)
    key = plan.key(scenario.content_hash, seed, f"{MODEL_VERSION} {model_hash()} {engine}")
    folder = plan.folder / f"{name}-{key}"
    middle = values_at(plan.priors, np.zeros((1, len(plan.priors))))[0]
    n_processes = fitting_processes(arms, settings, middle, workers or n_processors(), tell)
    place = Workplace(plan.backend, plan.address, n_processes, "calibration")
    with contextlib.ExitStack() as open_:
        if not open_.enter_context(claimed(folder)):
            raise InputError(f"{folder} is being written by another command; wait until it has ended.")
        clear_leftovers(folder)
        address = plan.database or f"sqlite:///{(folder / HISTORY).absolute()}"
        with open_simulator(arms, statistics, settings, place, seed) as simulator, heeding_database(address):
            simulator.progress = progress
            _check(simulator, middle)
            folder.mkdir(parents=True, exist_ok=True)
            open_.callback(_remove_empty, folder)
            with heeding_database(address, opens=True):
                smc = Smc(plan, statistics, simulator, address, key, seed, lambda g: tell(_told(g, plan)))
            if 0 < smc.n_done < plan.generations:
                tell(f"goes on from generation {smc.n_done} of {plan.generations} ({folder})")
            ended = smc.run()
            prior, along = _posterior(plan, smc.particles(0)), "nothing"
            last: tuple[Any, ...] = smc.particles()
            if plan.adjusted and smc.n_used > 1:
                found = smc.adjusted_particles()
                last, along = found[:-1], found[-1]
            posterior = _posterior(plan, last)
            predictions = _predictions(simulator, posterior, plan.predictions, seed)
            generations = smc.generations()
        yield Calibrated(
            plan, scenario, statistics, generations, ended, prior, posterior, along, predictions, key, folder, address,
            simulator.n_computed, simulator.n_reused, simulator.reasons,
        )  # fmt: skip


def prepared_arms(compose: Compose, arms: Mapping[str, Sequence[str]], plan: Calibration) -> ArmsOfPoints:
    """Return arms whose parameters with a prior can be given any value.

    Raises
    ------
    InputError
        A parameter that is none, or that moves nothing in the night.
    """
    factors = {key: Factor(range=prior.range) for key, prior in plan.priors.items()}
    design = Design(method="lhs", factors=factors, points=1)
    found = ArmsOfPoints(compose, arms, design)
    found.prepare({key: prior.range[0] for key, prior in plan.priors.items()})
    for key in found.moves_nothing():
        raise InputError(
            f"calibration.priors names {key}, which moves nothing in the night, expected a parameter that it uses; correct the "
            f"name or leave it out (~calibration.priors.{key})."
        )
    return found


def _statistics(plan: Calibration, scenario: Scenario) -> Statistics:
    series = {name: read_series(name, one, scenario) for name, one in plan.series.items()}
    return Statistics.of(scenario, plan.statistics, series)


def _check(simulator: Simulator, values: Mapping[str, float]) -> None:
    """Refuse a statistic that a night in the middle of the priors has not at all, as one with a wrong name."""
    simulator.of([values])
    if simulator.reasons:
        raise InputError(simulator.reasons[0])
    unknown = simulator.unknown(values)
    for name, series in simulator.statistics.series.items():
        if f"{name} (curve {series.curve})" in unknown:
            raise InputError(
                f"calibration.series.{name}.curve is {series.curve}, expected a curve of the night; correct it (curves.parquet "
                "of any run lists them)."
            )
    if unknown:
        raise InputError(
            f"calibration.statistics names {unknown[0]}, which is no outcome and no curve of the night; correct the name "
            "(outcomes.parquet and curves.parquet of any run list them)."
        )


def _remove_empty(folder: Path) -> None:
    """Leave no folder behind in which nothing was begun."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _told(generation: Generation, plan: Calibration) -> str:
    return (
        f"generation {generation.number + 1} of {plan.generations}: {generation.n_particles} particles within "
        f"{generation.threshold:.3g}, of {generation.n_candidates} candidates, {generation.n_effective:.0f} effective"
    )


def _posterior(plan: Calibration, particles: Sequence[Any]) -> Posterior:
    import pandas as pd

    places, weights, distances, statistics = particles
    values = pd.DataFrame(values_at(plan.priors, places))
    return Posterior(values, weights, distances, pd.DataFrame(statistics))


def _predictions(simulator: Simulator, posterior: Posterior, n: int, seed: int) -> pd.DataFrame:
    import pandas as pd

    draws = posterior.draws(n, seed)
    simulator.seed = seed + 1
    nights = simulator.of(draws, own_dice=True)
    errors = [seed_at({"error": float(k)}, seed + 1) for k in range(n)]
    return pd.DataFrame([simulator.statistics.as_observed(one, e) for one, e in zip(nights, errors, strict=True)])


def about(calibrated: Calibrated) -> dict[str, Any]:
    """Return what a manifest says of a calibration."""
    c = calibrated
    return {
        "calibration": c.key,
        "database": without_password(c.address),
        "generations": [vars(g) for g in c.generations],
        "ended": c.ended,
        "effective": c.posterior.n_effective,
        "moved_along": c.along,
        "runs_computed": c.n_computed,
        "runs_reused": c.n_reused,
        "failures": c.reasons,
        "parameters": list(c.plan.priors),
        "statistics": list(c.statistics.observed),
    }
