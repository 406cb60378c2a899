"""What results are sensitive to: Morris's effects over all parameters, Sobol's indices over those that matter (SALib).

Parameters vary over their priors, each by its share in (0, 1); all nights have the same dice, so that what differs between two
of them is due to parameters, given these dice; several sets of dice are averaged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import InputError
from sim.inference.priors import Prior
from sim.study.points import Point, Settings
from sim.study.template import ArmsOfPoints
from sim.study.workers import Workplace, chunk_size, open_workers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Measure", "measured_at", "morris_shares", "morris_table", "sobol_shares", "sobol_table"]

LEVEL = 0.95
_LEVELS = 4
"""Of Morris's grid: shares 0, 1/3, 2/3, 1."""

Measure = tuple[str, str, str | None]
"""An outcome, the arm that has it, and the arm whose value is subtracted (None: none)."""


def _problem(priors: Mapping[str, Prior]) -> dict[str, object]:
    return {"num_vars": len(priors), "names": list(priors), "bounds": [[0.0, 1.0]] * len(priors)}


def morris_shares(priors: Mapping[str, Prior], n_trajectories: int, seed: int) -> np.ndarray:
    """Return shares float64[trajectories x (parameters + 1), parameters] in [0, 1] of Morris's design (1991)."""
    from SALib.sample import morris

    found: np.ndarray = morris.sample(_problem(priors), n_trajectories, num_levels=_LEVELS, seed=seed)
    return found


def sobol_shares(priors: Mapping[str, Prior], n: int, seed: int) -> np.ndarray:
    """Return shares float64[n x (parameters + 2), parameters] of Saltelli's design (2010); n a power of two."""
    from SALib.sample import sobol

    found: np.ndarray = sobol.sample(_problem(priors), n, calc_second_order=False, seed=seed)
    return found


def morris_table(priors: Mapping[str, Prior], shares: np.ndarray, values: np.ndarray, seed: int) -> pd.DataFrame:
    """Return a row for each parameter: parameter, mu, mu_star, sigma, mu_star_error (half a 95 % interval).

    mu is the mean effect on an outcome, float64[points], of going once through the whole prior; mu_star the mean of its size
    (Campolongo, Cariboni and Saltelli 2007); sigma its standard deviation: large where effects are no lines, or interact.
    """
    import pandas as pd
    from SALib.analyze import morris

    with _quiet():
        found = morris.analyze(
            _problem(priors), shares, values, num_resamples=1000, conf_level=LEVEL, num_levels=_LEVELS, seed=seed
        )
    columns = {"mu": "mu", "mu_star": "mu_star", "sigma": "sigma", "mu_star_error": "mu_star_conf"}
    return pd.DataFrame(
        {"parameter": list(priors), **{name: np.asarray(found[key], np.float64) for name, key in columns.items()}}
    )


def sobol_table(priors: Mapping[str, Prior], values: np.ndarray, seed: int) -> pd.DataFrame:
    """Return a row for each parameter: parameter, first, first_error, total, total_error (halves of 95 % bootstrap intervals).

    first is the share of an outcome's variance that a parameter explains by itself, total that which it takes part in.
    """
    import pandas as pd
    from SALib.analyze import sobol

    with _quiet():
        found = sobol.analyze(
            _problem(priors), values, calc_second_order=False, num_resamples=1000, conf_level=LEVEL, seed=seed
        )
    columns = {"first": "S1", "first_error": "S1_conf", "total": "ST", "total_error": "ST_conf"}
    return pd.DataFrame(
        {"parameter": list(priors), **{name: np.asarray(found[key], np.float64) for name, key in columns.items()}}
    )


def measured_at(
    shares: np.ndarray,
    priors: Mapping[str, Prior],
    fixed: Mapping[str, float],
    measures: Mapping[str, Measure],
    arms: ArmsOfPoints,
    settings: Settings,
    place: Workplace,
    *,
    seed: int,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, np.ndarray]:
    """Return float64[points] by name of the measure: means over replicates, whose dice all points share; NaN where missing.

    Parameters
    ----------
    shares
        float64[points, parameters], in the order of the priors.
    fixed
        Values of other parameters that the arms' templates vary.
    measures
        What is measured.
    arms, settings, place
        As for a design.
    seed
        Of the first replicate.
    progress
        Called with the number of points that came back.

    Raises
    ------
    InputError
        No point makes a night.
    """
    values = [prior.value_at(shares[:, i]) for i, prior in enumerate(priors.values())]
    rows = [dict(zip(priors, map(float, row), strict=True)) | dict(fixed) for row in zip(*values, strict=True)]
    people = max(s.population.n_people for s in arms.of(rows[0]).values())
    size = chunk_size(2 * people, settings.replicates * (1 + len(settings.nulls)), 2)
    found = {name: np.full(len(rows), np.nan) for name in measures}
    reasons: list[str] = []

    def chunks() -> Iterator[list[Point]]:
        for first in range(0, len(rows), size):
            yield [Point(k, rows[k], seed) for k in range(first, min(first + size, len(rows)))]

    with open_workers(place, arms, settings) as measure, contextlib.closing(measure(chunks())) as results:
        for several, _ in results:
            for m in several:
                reasons += [f.reason for f in m.failures]
                kept = settings.store.get_point(m.key) if m.names else {}
                for name, told in _means(kept, m.names, m.arms, settings.replicates, measures).items():
                    found[name][m.number] = told
            progress(len(several))
    if reasons and all(np.isnan(v).all() for v in found.values()):
        raise InputError(reasons[0])
    return found


def _means(
    kept: Mapping[str, Mapping[str, Sequence[object]]],
    names: Sequence[str],
    arms: Sequence[str],
    replicates: int,
    measures: Mapping[str, Measure],
) -> dict[str, float]:
    told = {
        arm: [_outcomes(kept.get(names[i * replicates + r], {})) for r in range(replicates)] if names else []
        for i, arm in enumerate(arms)
    }
    found = {}
    for name, (outcome, arm, baseline) in measures.items():
        runs = [run.get(outcome, np.nan) for run in told.get(arm, [])]
        if baseline is not None:
            runs = [a - b.get(outcome, np.nan) for a, b in zip(runs, told.get(baseline, []), strict=True)]
        found[name] = float(np.mean(runs)) if runs else float("nan")
    return found


def _outcomes(entry: Mapping[str, Sequence[object]]) -> dict[str, float]:
    return {str(n): float(v) for n, v in zip(entry.get("outcome", ()), entry.get("value", ()), strict=True)}  # type: ignore[arg-type]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what SALib's use of pandas and NumPy warns programmers of."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
