"""What comes of draws of parameters: intervals with the uncertainty of parameters and of the simulation, and the two apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DRAW_COLUMNS", "summary_of_draws"]

DRAW_COLUMNS = ["baseline", "arm", "outcome", "unit", "mean", "low", "high", "parameters_low", "parameters_high",
                "sd_parameters", "sd_simulation", "share_above_0", "share_clearly_above_0", "share_clearly_below_0",
                "n_draws", "n_runs"]  # fmt: skip
_LEVEL = 0.95


def summary_of_draws(outcomes: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Return the distribution of every outcome, and of its paired differences to the baseline, over draws and replicates.

    Parameters
    ----------
    outcomes
        Columns point (the draw), arm, replicate, outcome, value, unit: one row for each run; missing values are left out.
    baseline
        The arm that others are compared with, run by run on the same dice.

    Returns
    -------
    DataFrame
        Columns `DRAW_COLUMNS`; baseline is empty for levels. low and high: 95 % of single runs. parameters_low and
        parameters_high: 95 % of what draws have on average over many runs, estimated from the means of draws, drawn together by
        the share of their variance that the runs within draws do not explain. sd_parameters and sd_simulation: the standard
        deviations between draws and between runs of one draw, by the analysis of variance of a one-way layout (Searle,
        Casella and McCulloch 1992, section 3.6); missing with one run of each draw. share_above_0: of the means of draws;
        share_clearly_above_0, share_clearly_below_0: by more than 1.96 of their standard errors, those of the simulation,
        taken as the same for all draws (sd_simulation).
    """
    import pandas as pd

    rows: list[tuple[object, ...]] = []
    units = outcomes.drop_duplicates("outcome").set_index("outcome")["unit"]
    order = list(dict.fromkeys(outcomes["outcome"].astype(str)))
    arms = list(dict.fromkeys(outcomes["arm"].astype(str)))
    wide = outcomes.assign(arm=outcomes["arm"].astype(str), outcome=outcomes["outcome"].astype(str)).pivot_table(
        index=["point", "replicate"], columns=["arm", "outcome"], values="value", aggfunc="first", dropna=False
    )
    draws = wide.index.get_level_values("point").to_numpy()
    for first, arm in [("", arm) for arm in arms] + [(baseline, arm) for arm in arms if arm != baseline]:
        for outcome in order:
            if (arm, outcome) not in wide or (first and (first, outcome) not in wide):
                continue
            values = wide[arm, outcome].to_numpy(np.float64)
            if first:
                values = values - wide[first, outcome].to_numpy(np.float64)
            rows.append((first, arm, outcome, str(units[outcome]), *_distribution(values, draws)))
    return pd.DataFrame(rows, columns=DRAW_COLUMNS)


def _distribution(values: np.ndarray, draws: np.ndarray) -> tuple[float, ...]:
    """Return the columns from mean on of values float64[runs] of draws int64[runs]."""
    known = np.isfinite(values)
    values, draws = values[known], draws[known]
    if len(values) == 0:
        return (*(float("nan"),) * 10, 0, 0)
    _, place, counts = np.unique(draws, return_inverse=True, return_counts=True)
    means = np.bincount(place, values) / counts
    n, k = len(values), len(means)
    mean = float(means.mean())
    within = float(((values - means[place]) ** 2).sum() / (n - k)) if n > k else float("nan")
    between = float(means.var(ddof=1)) if k > 1 else float("nan")
    per_draw = within * float((1.0 / counts).mean())  # variance of a draw's mean by its runs
    of_parameters = max(0.0, between - per_draw)
    shrunk = mean + (means - mean) * (np.sqrt(of_parameters / between) if between > 0 else 0.0)
    tails = [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]
    low, high = np.quantile(values, tails)
    inner = np.quantile(shrunk, tails) if n > k and k > 1 else (np.nan, np.nan)
    is_known = n > k and k > 1
    error = 1.96 * np.sqrt(within / counts)  # missing with one run of each draw
    clearly = (float((means > error).mean()), float((means < -error).mean())) if n > k else (float("nan"),) * 2
    return (mean, float(low), float(high), float(inner[0]), float(inner[1]),
            float(np.sqrt(of_parameters)) if is_known else float("nan"), float(np.sqrt(within)),
            float((means > 0).mean()), *clearly, k, n)  # fmt: skip
