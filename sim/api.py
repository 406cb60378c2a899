"""The Python door: simulate one run, or compare scenarios on the same dice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.engine.simulate import Record, run
from sim.errors import InputError
from sim.measures.curves import curve_table, squares_table
from sim.measures.outcomes import outcome_table, outcomes
from sim.scenario import NULL_NIGHTS, Scenario
from sim.study.run import Study, run_study
from sim.study.store import Store
from sim.world import World

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "compare", "simulate"]


@dataclass(frozen=True)
class Run:
    """One finished run."""

    scenario: Scenario
    seed: int
    record: Record

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Columns time, curve, value: one row per minute and curve, scaled to real people."""
        return curve_table(self.scenario, self.record)

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """Columns outcome, value, unit, numerator, denominator, reason; those that need a null night are missing."""
        return outcome_table(outcomes(self.scenario, self.record))

    @cached_property
    def squares(self) -> pd.DataFrame:
        """Columns time, province, value: people on each province's squares, every ten minutes."""
        return squares_table(self.scenario, self.record, self.scenario.population.places.names)

    @property
    def events(self) -> np.ndarray:
        """The event log: integers tick, kind, person, key, channel, result (`sim.engine.order`); empty if not kept."""
        return self.record.log


def simulate(
    scenario: Scenario, seed: int = 1, *, engine: str = "compiled", events: bool = False, world: World | None = None
) -> Run:
    """Return one run of a scenario.

    Parameters
    ----------
    scenario
        From `load`.
    seed
        In [0, 2^63): every draw is a function of the seed and of what it decides.
    engine
        ``compiled``, or ``reference`` (the specification: slow, for small populations); both give the same events.
    events
        Whether to keep the event log.
    world
        People and ties to use instead of those that the seed draws.

    Raises
    ------
    InputError
        A seed or engine that does not exist, or a file of the population or network that cannot be used.
    """
    return Run(scenario, seed, run(scenario, seed, engine, events, world))


def compare(
    arms: Mapping[str, Scenario],
    replicates: int = 8,
    *,
    baseline: str | None = None,
    seed: int = 1,
    nulls: Sequence[str] = NULL_NIGHTS,
    world: str = "replicate",
    store: str | Path | None = None,
    workers: int | None = None,
) -> Study:
    """Return a study of several scenarios on the same dice: paired differences with intervals.

    Parameters
    ----------
    arms
        Scenarios by name.
    replicates
        Number of paired replicates, >= 1; replicate r has the seed `seed` + r.
    baseline
        Name of the arm to compare with; None: the first.
    seed, nulls, world, workers
        See `sim.study.run.run_study`.
    store
        Folder in which finished runs are kept and found again; None keeps nothing.

    Raises
    ------
    InputError
        No arm, an unknown baseline or null night.
    """
    if not arms:
        raise InputError("arms is empty, expected at least one scenario; give a mapping of names to scenarios.")
    folder = Store(Path(store)) if store is not None else None
    return run_study(
        arms,
        baseline or next(iter(arms)),
        replicates,
        seed=seed,
        nulls=nulls,
        world=world,
        store=folder,
        workers=workers,
    )
