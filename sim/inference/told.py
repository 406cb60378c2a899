"""What is told of a calibration: statistics against the record, parameters against their priors."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.inference.calibrating import Calibrated
from sim.inference.posterior import weighted_quantiles
from sim.inference.priors import places_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["IDENTIFIED", "calibration_text", "fit_table", "met_in_words", "moved_in_words", "parameter_table"]

IDENTIFIED = 0.5
"""A parameter is identified where its posterior has less than this share of the prior's standard deviation, by places."""
_INTERVAL = (0.025, 0.5, 0.975)
_FEW = 50
"""Effective particles: a standard deviation of so many has a standard error of a tenth."""


def fit_table(c: Calibrated) -> pd.DataFrame:
    """Return a row for each statistic: what was observed, and what nights before and after the fit have.

    Columns statistic, use (fitted, held out), observed, is_bound (the record lies above `observed`), uncertainty; prior_low,
    prior_high, low, median, high: pointwise 95 % intervals of single nights at draws from the prior and, with new dice, from
    the posterior; is_met: whether the latter hold what was observed (of a bound: whether they reach above it); n: nights that
    have it; share_above: of these, how many lie above what was observed; prior_share_above: of those of
    the prior.
    """
    import pandas as pd

    observed, scales, fitted = c.statistics.observed, c.statistics.scales, set(c.statistics.fitted)
    rows = []
    for name in observed:
        bound = name in c.statistics.items and c.statistics.items[name].above is not None
        known = c.predictions[name].dropna().to_numpy()
        first = c.prior.statistics[name].dropna().to_numpy()
        before = _quantiles(first)
        after = _quantiles(c.predictions[name].to_numpy())
        is_met = after[2] >= observed[name] and (bound or after[0] <= observed[name])
        rows.append(
            (name, "fitted" if name in fitted else "held out", observed[name], bound, scales[name], before[0], before[2],
             *after, bool(is_met), len(known), *(_share_above(v, observed[name]) for v in (known, first)))
        )  # fmt: skip
    columns = ["statistic", "use", "observed", "is_bound", "uncertainty", "prior_low", "prior_high", "low", "median", "high",
               "is_met", "n", "share_above", "prior_share_above"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _share_above(values: np.ndarray, bound: float) -> float:
    return float((values > bound).mean()) if len(values) else np.nan


def _quantiles(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values)]
    return weighted_quantiles(known, np.ones(len(known)), _INTERVAL)


def parameter_table(c: Calibrated) -> pd.DataFrame:
    """Return a row for each parameter: prior and posterior.

    Columns parameter, symbol, unit, prior_low, prior_high, low, median, high (95 % intervals), contraction (the posterior's
    standard deviation as a share of the prior's, both of places: see `priors`), shift (the mean place), is_identified, says,
    source.
    """
    import pandas as pd

    places = places_of(c.plan.priors, c.posterior.records())
    weights = c.posterior.weights / c.posterior.weights.sum()
    means = weights @ places
    deviations = np.sqrt(weights @ (places - means) ** 2)
    rows = []
    for i, (key, prior) in enumerate(c.plan.priors.items()):
        low, high = prior.value_at(np.array([_INTERVAL[0], _INTERVAL[2]]))
        quantiles = weighted_quantiles(c.posterior.values[key].to_numpy(), weights, _INTERVAL)
        rows.append(
            (key, prior.symbol, prior.unit, low, high, *quantiles, deviations[i], means[i], bool(deviations[i] < IDENTIFIED),
             prior.says, prior.source)
        )  # fmt: skip
    columns = ["parameter", "symbol", "unit", "prior_low", "prior_high", "low", "median", "high", "contraction", "shift",
               "is_identified", "says", "source"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def calibration_text(c: Calibrated) -> str:
    """Return what the terminal shows."""
    from sim.study.terminal import number

    fit, parameters = fit_table(c), parameter_table(c)
    lines = [["statistic", "use", "observed", "uncertainty", "prior 95 %", "posterior 95 %", "met"]]
    for row in fit.to_dict("records"):
        if "[" in row["statistic"]:
            continue  # a bin of a series: in the tables and the figure
        lines.append([
            row["statistic"], row["use"], f"{'> ' * row['is_bound']}{number(row['observed'])}", number(row["uncertainty"]),
            f"[{number(row['prior_low'])}, {number(row['prior_high'])}]", f"[{number(row['low'])}, {number(row['high'])}]",
            met_in_words(row),
        ])  # fmt: skip
    known = parameters[parameters["is_identified"]]
    others = parameters[~parameters["is_identified"]].sort_values("contraction")
    told = [
        f"{r['parameter']} {number(r['median'])} [{number(r['low'])}, {number(r['high'])}]"
        for r in known.to_dict("records")
    ]
    partly = [f"{r['parameter']} ({r['contraction']:.2f})" for r in others.head(5).to_dict("records")]
    n = len(c.posterior.weights)
    rough = f"; fewer than {_FEW} effective ones tell widths roughly: more particles or fewer generations would help"
    return "\n".join([
        *_aligned(lines), "",
        f"{n} particles ({c.posterior.n_effective:.0f} effective) within {c.generations[-1].threshold:.3g} after "
        f"{len(c.generations)} generations, {moved_in_words(c.along)}: {c.ended}"
        f"{rough if c.posterior.n_effective < _FEW else ''}",
        f"identified (posterior sd below half of the prior's): {len(known)} of {len(parameters)} parameters"
        + "".join(f"\n  {one}" for one in told),
        f"nearest to it: {', '.join(partly)}" if partly else "",
    ])  # fmt: skip


def met_in_words(row: Mapping[Hashable, Any]) -> str:
    """Return whether predictions hold what was observed, as a row of `fit_table` has it: of a bound, how many lie above it."""
    if not row["is_met"]:
        return "NO"
    return f"{row['share_above']:.0%} above" if row["is_bound"] else "yes"


def moved_in_words(along: str) -> str:
    """Return what was done to particles that were moved along squares, lines or nothing."""
    return "not moved to the record" if along == "nothing" else f"moved to the record along {along}"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
