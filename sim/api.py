"""The Python door: simulate one run, or compare scenarios on the same dice."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from sim.engine.hybrid import threads_for
from sim.engine.simulate import Record, run
from sim.errors import InputError
from sim.measures.curves import curve_table, squares_table
from sim.measures.outcomes import outcome_table, outcomes
from sim.scenario import NULL_NIGHTS, Scenario, fault_sentences
from sim.study.design import Design
from sim.study.designed import run_design
from sim.study.points import Settings
from sim.study.run import Study, check_request, run_study
from sim.study.store import Store
from sim.study.template import ArmsOfPoints
from sim.threads import n_processors
from sim.world import World

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Run", "Varied", "compare", "simulate", "vary"]


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
    scenario: Scenario,
    seed: int = 1,
    *,
    engine: str = "compiled",
    events: bool = False,
    world: World | None = None,
    n_threads: int | None = None,
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
    n_threads
        Threads of the compiled engine that share the run, >= 1, which changes no result; None: one for each processor from
        3 million people on, else one.

    Raises
    ------
    InputError
        A seed or engine that does not exist, no thread, or a file of the population or network that cannot be used.
    """
    if n_threads is None:
        n_threads = threads_for(scenario.population.n_people, n_processors())
    return Run(scenario, seed, run(scenario, seed, engine, events, world, n_threads=n_threads))


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
    retry: bool = False,
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
    seed, nulls, world, workers, retry
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
        retry=retry,
    )


@dataclass(frozen=True)
class Varied:
    """What came of a design: tables over all points, each with the point's number and its values as first columns."""

    design: pd.DataFrame
    """One row per point: its values, status and reason."""
    outcomes: pd.DataFrame
    contrasts: pd.DataFrame
    summary: pd.DataFrame
    n_computed: int
    n_reused: int


def vary(
    factors: Mapping[str, Mapping[str, Any]],
    *overrides: str,
    method: str = "grid",
    points: int | None = None,
    arms: Mapping[str, Sequence[str]] | None = None,
    replicates: int = 8,
    nulls: Sequence[str] = (),
    seed: int = 1,
    world: str = "replicate",
    dice: str = "common",
    store: str | Path | None = None,
    workers: int | None = None,
    retry: bool = False,
    config_dir: str | Path | None = None,
) -> Varied:
    """Return what comes of a night when some of its parameters are varied together, as ``python -m sim design=...`` does.

    Parameters
    ----------
    factors
        By key of the parameter: ``{"range": [low, high]}``, with ``scale``, ``whole`` and ``levels``, or
        ``{"values": [...]}`` (`sim.study.design.Factor`).
    *overrides
        As for `load`: the night that is varied.
    method
        ``grid``, ``lhs`` or ``sobol``.
    points
        How many; None for a grid.
    arms
        Names and lists of overrides, the first being the baseline; None: the night, and the same night open.
    replicates, nulls, seed, world
        As for `compare`, at every point.
    dice
        ``common``: the same seeds at every point; ``own``.
    store
        Folder in which finished points are kept and found again; None keeps nothing.
    workers
        Number of processes; None: one per processor.
    retry
        Whether to try runs again that have failed before.
    config_dir
        A folder with options of your own.

    Raises
    ------
    InputError
        An unknown key, a value out of range, or a factor that moves nothing.
    """
    import pandas as pd

    from sim.config import compose_tree, tree_of
    from sim.options import override
    from sim.study.design_folder import design_table, pieces

    directories = [str(config_dir)] if config_dir is not None else []
    check_request(replicates, workers, world)

    def composed(values: Mapping[str, Any], more: Sequence[str]) -> dict[str, Any]:
        return tree_of(compose_tree([*overrides, *(override(k, v) for k, v in values.items()), *more], directories))

    try:
        design = Design.model_validate({"method": method, "factors": factors, "points": points, "dice": dice})
    except ValidationError as error:
        raise InputError(fault_sentences(error)) from error
    with tempfile.TemporaryDirectory(prefix="mobsim-") as place:
        kept = Store(Path(store if store is not None else place))
        settings = Settings(replicates, tuple(nulls), world == "fixed", "compiled", kept, retry)
        run = run_design(design, ArmsOfPoints(composed, arms, design), settings, seed=seed, workers=workers)
        found = list(pieces(run, kept, replicates, is_conditional=world == "fixed"))
    tables = {name: pd.concat([piece[name] for piece in found], ignore_index=True) for name in found[0]}
    for table in tables.values():
        of_few = table.select_dtypes("category").columns
        table[of_few] = table[of_few].astype(str)
    return Varied(design_table(run), **tables, n_computed=run.n_computed, n_reused=run.n_reused)
