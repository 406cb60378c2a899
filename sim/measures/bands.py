"""Bands for curves over replicates: pointwise, and simultaneous ones that hold the whole curve.

Curves are rows, one per replicate; paired differences are differences of rows. Nothing here is random: the simultaneous
band follows from a formula, so that it needs no seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from sim.errors import InputError
from sim.measures.intervals import Floats, check_level, joined, pointwise_band

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CURVE_CONTRAST_COLUMNS",
    "CurveBand",
    "contrasts_of_values",
    "curve_contrast_table",
    "simultaneous_band",
    "standard_curves",
]

CURVE_CONTRAST_COLUMNS = ["baseline", "arm", "time", "curve", "difference", "low", "high", "low_simultaneous",
                          "high_simultaneous", "n", "method"]  # fmt: skip
AROUND = 30
"""Times to either side over which the variance is averaged that a simultaneous band has at least."""
_NEEDED = ["arm", "replicate", "time", "curve", "value"]
_OF_PEOPLE = ("on_squares", "participated", "heard")
_OF_CHANNELS = ("attempted", "published", "failed", "impressions")


class CurveBand(NamedTuple):
    """Mean of a set of curves with its two bands, arrays of shape (times,) in the unit of the curves.

    `critical` is the number of standard errors that the simultaneous band is wide to either side, `n` the replicates
    used; `reason` says why bounds are missing, or that replicates are.
    """

    mean: Floats
    low: Floats
    high: Floats
    low_simultaneous: Floats
    high_simultaneous: Floats
    critical: float
    n: int
    reason: str


def simultaneous_band(matrix: ArrayLike, level: float = 0.95) -> CurveBand:
    """Return the mean of a set of curves with its pointwise and its simultaneous band.

    Parameters
    ----------
    matrix
        Shape (replicates, times), any unit; for a paired difference, the differences of the two arms' rows. A
        replicate that misses a value at any time is left out and counted in `reason`.
    level
        In (0, 1): confidence at each time by itself for the pointwise band, for all times at once for the other.

    Returns
    -------
    CurveBand
        Both bands are mean +- a number of standard errors. The pointwise one takes that of each time by itself; the
        simultaneous one at least the root mean square of those up to 30 times away, because among thousands of
        times some standard errors are small or 0 by chance, above all those of rare events. Where nothing varies
        within 30 times, both bands have no width: no more is said than that nothing else was seen. Bounds are NaN for
        one replicate, the simultaneous ones also for two, which cannot show how values at neighbouring times depend
        on each other.

    Raises
    ------
    InputError
        `matrix` is not two-dimensional.

    Notes
    -----
    Wanted is c with P(max_j |T_j| > c) <= 1 - level, T_j being Student's t at time j with nu = n - 1 degrees of
    freedom. Let theta_j be the angle between the replicates' residuals at times j and j + 1. For normal curves, the
    values at j turn into those at j + 1 along a great circle of that length, on which T crosses the height c upwards
    theta_j (1 + c^2 / nu)^(-(nu - 1) / 2) / (2 pi) times in the mean (Worsley 1994; the "Gaussian
    kinematic formula" of bands, Telschow and Schwartzman 2022). Who is above c at j + 1 has crossed it or was above at
    j, and both signs count, so that with p(c) = P(|T_j| > c)

        P(max_j |T_j| > c) <= p(c) + sum_j min{p(c), theta_j (1 + c^2 / nu)^(-(nu - 1) / 2) / pi},

    and c is where the right side is 1 - level. The bound is Bonferroni's for curves that are rough from minute to
    minute, and close to the truth for smooth ones. The angles are estimated; their mean is right for small angles
    whatever n. A time at which nothing varies, but something does around it, adds p(c). The least standard error makes
    the band wider than the level needs for rough normal curves, and makes it hold for counts of a few events, whose t
    intervals do not. `docs/design.md` gives measured coverages, and what was rejected.
    """
    check_level(level)
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"matrix has {values.ndim} dimensions, expected 2 (replicates, times); stack curves as rows.")
    whole = np.isfinite(values).all(axis=1)
    n, total = int(whole.sum()), len(values)
    reason = "" if n == total else f"{total - n} of {total} replicates missing"
    values = values[whole]
    band = pointwise_band(values, level)
    if n < 3:
        wide = np.full(values.shape[1], np.nan)
        told = "no replicate" if n == 0 else f"{'interval' if n == 1 else 'simultaneous band'} missing at n = {n}"
        return CurveBand(*band, wide, wide, float("nan"), n, joined(told, reason))
    centred = values - band.mean
    squares = (centred**2).sum(axis=0)
    rounding = 8.0 * n * np.finfo(np.float64).eps * np.abs(values).max(axis=0, initial=0.0)
    varies = np.sqrt(squares / (n - 1)) > rounding
    squares = np.where(varies, squares, 0.0)
    around = np.maximum(squares, _local_mean(squares))
    critical = _critical(centred, squares, int((around > 0.0).sum()), level)
    half = critical * np.sqrt(around / (n - 1) / n)
    return CurveBand(*band, band.mean - half, band.mean + half, critical, n, reason)


def _local_mean(squares: Floats) -> Floats:
    """Return the mean over `AROUND` times to either side, fewer at the ends; 0 where all of them are 0."""
    sums = np.concatenate([[0.0], squares.cumsum()])
    places = np.arange(squares.size)
    first, last = np.maximum(places - AROUND, 0), np.minimum(places + AROUND + 1, squares.size)
    n_positive = np.concatenate([[0], (squares > 0.0).cumsum()])
    is_positive = n_positive[last] > n_positive[first]
    return np.where(is_positive, np.maximum(sums[last] - sums[first], 0.0) / (last - first), 0.0)


def _critical(centred: Floats, squares: Floats, m: int, level: float) -> float:
    """Return c of `simultaneous_band` for residuals, shape (replicates, times), and m times in the family."""
    nu = len(centred) - 1
    low = float(stdtrit(nu, (1.0 + level) / 2.0))
    if m < 2:
        return low
    varies = squares > 0.0
    directions = centred[:, varies] / np.sqrt(squares[varies])
    after, before = directions[:, 1:], directions[:, :-1]
    # |T| has no sign. Half the chord is the sine of half the angle, which keeps small angles exact.
    chords = np.minimum(((after - before) ** 2).sum(axis=0), ((after + before) ** 2).sum(axis=0))
    steps = 2.0 * np.arcsin(np.minimum(np.sqrt(chords) / 2.0, 1.0)) / np.pi
    n_unknown = m - 1 - steps.size
    high = float(stdtrit(nu, 1.0 - (1.0 - level) / (2.0 * m)))
    for _ in range(60):
        c = (low + high) / 2.0
        beyond = 2.0 * float(stdtr(nu, -c))
        crossed = float(np.exp(-0.5 * (nu - 1) * np.log1p(c * c / nu)))
        if (1 + n_unknown) * beyond + np.minimum(beyond, steps * crossed).sum() > 1.0 - level:
            low = c
        else:
            high = c
    return high


def standard_curves(names: Iterable[str]) -> list[str]:
    """Return the main ones among the names of curves, in their order.

    These are people on the squares, having taken part and having heard, and by channel the posts attempted, published
    and failed and all impressions; not what is told apart further, by kind of message or by last exposure.
    """
    names = list(names)
    channels = [name.removeprefix("heard_") for name in names if name.startswith("heard_")]
    main = {*_OF_PEOPLE, *(f"{kind}_{channel}" for kind in _OF_CHANNELS for channel in channels)}
    return [name for name in names if name in main]


def curve_contrast_table(
    curves: pd.DataFrame,
    baseline: str,
    arms: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    level: float = 0.95,
    *,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return the paired difference arm - baseline of curves at every time, with both bands.

    Parameters
    ----------
    curves
        Long frame with the columns ``arm, replicate, time, curve, value``. Replicates are paired by their number; one
        that misses a time in either arm is left out.
    baseline
        Arm that is subtracted.
    arms
        Arms to compare, in this order; by default all others of the frame. The baseline among them is skipped.
    names
        Curves to compare; by default the main ones (`standard_curves`), which keeps the table to some thirty curves.
    level
        As in `simultaneous_band`. Its band holds for all times of one curve, not for several curves or arms at once.
    conditional
        All replicates share one world; the method then says that the bands hold for that world.

    Returns
    -------
    DataFrame
        Columns ``baseline, arm, time, curve, difference, low, high, low_simultaneous, high_simultaneous, n, method``,
        rows by arm, curve and time. Arms, curves and methods are categories.

    Raises
    ------
    InputError
        An unknown arm or curve, a missing column, or a minute of a run that comes twice.
    """
    check_level(level)
    if absent := [name for name in _NEEDED if name not in curves]:
        raise InputError(f"curves lack the columns {absent}, expected {_NEEDED}; add them.")
    known = [str(name) for name in curves["curve"].unique()]
    wanted = standard_curves(known) if names is None else list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in known]:
        raise InputError(f"curves hold no {unknown[0]!r}, expected some of {sorted(known)}; correct the name.")
    all_arms = [str(name) for name in curves["arm"].unique()]
    compared = list(dict.fromkeys(all_arms if arms is None else arms))
    for arm in [baseline, *compared]:
        if arm not in all_arms:
            raise InputError(f"arm {arm!r} has no curves, expected one of {all_arms}; correct the name.")
    others = [arm for arm in compared if arm != baseline]
    values, times = _stacked(curves, [baseline, *others], wanted)
    return contrasts_of_values(values, times, [baseline, *others], wanted, level, conditional=conditional)


def contrasts_of_values(
    values: Floats,
    times: Any,
    arms: Sequence[str],
    names: Sequence[str],
    level: float = 0.95,
    *,
    conditional: bool = False,
) -> pd.DataFrame:
    """Return the same table from arrays.

    Parameters
    ----------
    values
        Shape (arms, replicates, curves, times), NaN where there is no value; the first arm is the baseline.
    times, arms, names
        What the axes are: timestamps, the arms, and the names of the curves.
    level, conditional
        As in `curve_contrast_table`.
    """
    (baseline, *others), wanted = arms, list(names)
    parts = []
    for a, arm in enumerate(others, start=1):
        is_paired = ~np.isnan(values[[0, a]]).all(axis=(2, 3)).any(axis=0)  # replicates that both arms have at all
        for c, name in enumerate(wanted):
            differences = values[a, is_paired, c] - values[0, is_paired, c]
            parts.append((arm, name, simultaneous_band(differences, level)))
    world = " (conditional on one world)" if conditional else ""
    return _table(baseline, others, wanted, times, parts, world)


def _stacked(curves: pd.DataFrame, arms: list[str], names: list[str]) -> tuple[Floats, Any]:
    """Return values as arm x replicate x curve x time, NaN where there is none, and the times, sorted."""
    import pandas as pd

    rows = curves[curves["curve"].isin(names) & curves["arm"].isin(arms)]
    arm, name = (
        pd.Index(texts).get_indexer(pd.Index(rows[column].astype(object)))
        if not isinstance(rows[column].dtype, pd.CategoricalDtype)
        else pd.Index(texts).get_indexer(rows[column].cat.categories)[rows[column].cat.codes]
        for column, texts in (("arm", arms), ("curve", names))
    )
    replicate, replicates = pd.factorize(rows["replicate"], sort=True)
    time, times = pd.factorize(rows["time"], sort=True)
    shape = (len(arms), len(replicates), len(names), len(times))
    place = np.ravel_multi_index((arm, replicate, name, time), shape)
    is_held: NDArray[np.bool_] = np.zeros(shape, dtype=np.bool_)
    is_held.reshape(-1)[place] = True
    if int(is_held.sum()) < len(place):
        raise InputError("curves hold a minute of a replicate more than once; give each run once.")
    values = np.full(shape, np.nan)
    values.reshape(-1)[place] = rows["value"].to_numpy(dtype=np.float64)
    return values, times


def _table(
    baseline: str,
    arms: list[str],
    names: list[str],
    times: Any,
    parts: list[tuple[str, str, CurveBand]],
    world: str,
) -> pd.DataFrame:
    """Return the bands of all arms and curves, one below the other."""
    import pandas as pd

    def repeated(texts: list[str], categories: list[str]) -> Any:
        codes = np.array([categories.index(text) for text in texts], dtype=np.int64)
        return pd.Categorical.from_codes(np.repeat(codes, len(times)), pd.Index(list(categories)))

    def stacked(field: str) -> Floats:
        return np.concatenate([np.empty(0), *(getattr(band, field) for *_, band in parts)])

    methods = [joined(f"paired t, sup-t by expected crossings{world}", band.reason) for *_, band in parts]
    columns = {
        "baseline": repeated([baseline] * len(parts), [baseline]),
        "arm": repeated([arm for arm, *_ in parts], arms),
        "time": times[np.tile(np.arange(len(times)), len(parts))],
        "curve": repeated([name for _, name, _ in parts], names),
        "difference": stacked("mean"),
        **{name: stacked(name) for name in ("low", "high", "low_simultaneous", "high_simultaneous")},
        "n": np.repeat(np.array([band.n for *_, band in parts], dtype=np.int64), len(times)),
        "method": repeated(methods, list(dict.fromkeys(methods))),
    }
    return pd.DataFrame(columns)[CURVE_CONTRAST_COLUMNS]
