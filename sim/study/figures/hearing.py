"""Through which channels people first heard, and which they met last before they decided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.patches import Patch

from sim.errors import InputError
from sim.measures.intervals import Floats
from sim.study.figures.marks import Marks, night_axis, whole_hour
from sim.study.figures.replicates import by_replicate, cut, draw_bars, localized, n_replicates, need, t_band, whiskers
from sim.study.figures.style import area_style, channel_name, legend_below, legend_right, note, readable, styled

_DASHES: dict[str, Any] = {"color": "black", "linewidth": 0.7, "linestyle": (0, (2, 1.5)), "zorder": 3}
_TOUCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "tipped_by_": ("last exposure before deciding", {"facecolor": "#3B6E8F"}),
    "first_heard_": ("first hearing", {"facecolor": "white", "hatch": "//////"}),
}


@styled
def first_hearing(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    arm: str,
    *,
    population: float | None = None,
    smallest: float = 0.005,
    title: str = "",
) -> Axes:
    """Draw through which channel people first heard: stacked cumulative areas, mean over replicates, one arm.

    The axis shows the hours, of the marks' period, in which people hear, the same ones in every arm. The legend, to the
    right and in the order of the stack, gives the values at the end of the marks' period.

    Parameters
    ----------
    ax, curves, marks, arm, title
        As in all figures (`sim.study.figures`); the curves are ``heard_<channel>`` (cumulative people).
    population
        People that shares refer to, above 0; None shows people instead of shares.
    smallest
        Channels with less than this share of all first hearings are drawn as one area.
    """
    marks = localized(curves, marks, arm)
    if population is not None and population <= 0:
        raise InputError(f"population is {population}, expected the number of people that shares refer to, above 0.")
    rows = curves.loc[curves["curve"].astype(str).str.startswith("heard_")]
    names = [str(name) for name in rows["curve"].unique()]
    tables = by_replicate(rows.loc[rows["arm"] == arm], "curve")
    if not tables:
        raise InputError(f"curves hold no 'heard_<channel>' in the arm {arm!r}; keep them in the study.")
    scale = 1 if population is None else 100 / population
    parts = {name: scale * cut(table, marks) for name, table in tables.items()}
    total = reduce(add, parts.values())
    keys = night_axis(ax, _hours_of_hearing(rows, marks), title, in_front=True)
    x, band = date2num(total.index), t_band(total)
    handles: list[Any] = []
    base = np.zeros(len(x))
    for label, values, look in _stack(parts, names, smallest):
        ax.fill_between(x, base, base + values, **look, zorder=2, gid=f"area {label}")
        handles.insert(0, Patch(**look, label=f"{label}: {_amount(values[-1], population)}"))
        base = base + values
    label = f"all channels: {_amount(float(band['mean'].iloc[-1]), population)}"
    handles += ax.plot(x, band["mean"], color="black", linewidth=1, zorder=3, label=label, gid="total")
    if total.shape[1] > 1:
        handles += ax.plot(x, band["low"], **_DASHES, label="its pointwise 95 % t band,", gid="total low")
        ax.plot(x, band["high"], **_DASHES, gid="total high")
        handles.append(note(n_replicates(total.shape[1])))
    else:
        handles.append(note("n = 1 replicate: no band"))
    ax.set_ylim(0, 1.05 * float(band.max().max()) or 1)
    what = "People who have heard," if population is None else "Share of the population (%) that has heard,"
    ax.set_ylabel(f"{what}\nby channel of first hearing")
    legend_right(ax, [*handles, *keys], f"at the end ({marks.end.day} {marks.end:%b %H:%M})", 2)
    return ax


def _amount(value: float, population: float | None) -> str:
    return readable(value) if population is None else f"{value:.1f} %"


def _hours_of_hearing(rows: pd.DataFrame, marks: Marks) -> Marks:
    """Return the marks from the hour before anyone has heard until 99 % of those who do have, six hours at least."""
    people = cut(rows.groupby(["time", "arm"], observed=True)["value"].sum().unstack(), marks)
    people = people.loc[:, people.iloc[-1] > 0]
    if people.empty:
        return marks
    share = people / people.iloc[-1]
    first = whole_hour(share.index[(share > 0).any(axis=1)][0])
    full = whole_hour(share.index[(share >= 0.99).all(axis=1)][0] + pd.Timedelta(minutes=59))
    return marks.between(max(marks.start, first), min(marks.end, max(full, first + pd.Timedelta(hours=6))))


def _stack(
    parts: dict[str, pd.DataFrame], names: Sequence[str], smallest: float
) -> list[tuple[str, Floats, dict[str, Any]]]:
    """Return label, mean and look of each area from the bottom up; a channel has the same look in every arm."""
    means: dict[str, Floats] = {name: parts[name].mean(axis=1).to_numpy(dtype=float) for name in names if name in parts}
    least = smallest * sum(mean[-1] for mean in means.values())
    large = [name for name in means if means[name][-1] >= least]
    areas = [(channel_name(name.removeprefix("heard_")), means[name], area_style(names.index(name))) for name in large]
    if small := [means[name] for name in means if name not in large]:
        plain: dict[str, Any] = {"facecolor": "0.3", "edgecolor": "0.3", "linewidth": 0.4}
        areas.append((f"{len(small)} other channel{'s' if len(small) > 1 else ''}", np.sum(small, axis=0), plain))
    return areas


@styled
def last_touch(ax: Axes, outcomes: pd.DataFrame, arm: str, *, legend: bool | Axes = True, title: str = "") -> Axes:
    """Draw, by channel, the last exposure before deciding and the first hearing: bars with 95 % t intervals, one arm.

    Parameters
    ----------
    ax, arm, legend, title
        As in all figures (`sim.study.figures`).
    outcomes
        Columns ``arm, replicate, outcome, value, unit`` with the outcomes ``tipped_by_<channel>`` and
        ``first_heard_<channel>``, in one unit; shares are drawn in percent. Missing values are left out.
    """
    need(outcomes, "outcomes", ("arm", "replicate", "outcome", "value", "unit"), arm)
    is_touch = outcomes["outcome"].astype(str).str.startswith(tuple(_TOUCHES)) & outcomes["value"].notna()
    rows = outcomes.loc[is_touch & (outcomes["arm"] == arm)]
    if rows.empty:
        raise InputError(f"outcomes hold no value of tipped_by_<channel> or first_heard_<channel> in the arm {arm!r}.")
    if len(units := sorted(set(rows["unit"].astype(str)))) > 1:
        raise InputError(f"tipped_by_* and first_heard_* have the units {units}, expected one; give shares.")
    unit, scale = ("%", 100) if units == ["share"] else (units[0], 1)
    values = scale * rows.pivot_table(index="outcome", columns="replicate", values="value", observed=True)
    band = t_band(values)
    means: dict[str, float] = {str(name): value for name, value in band["mean"].items()}
    channels = {name.removeprefix(prefix) for name in means for prefix in _TOUCHES if name.startswith(prefix)}
    ranked = sorted(channels, key=lambda name: (*(-means.get(prefix + name, 0.0) for prefix in _TOUCHES), name))
    handles: list[Any] = []
    for (prefix, (label, look)), shift in zip(_TOUCHES.items(), (-0.19, 0.19), strict=True):
        chosen = band.reindex([prefix + name for name in ranked])
        if chosen["mean"].notna().any():
            names = [channel_name(name) for name in ranked]
            handles.append(draw_bars(ax, names, chosen, shift, 0.36, label=label, **look))
    ax.set_xlabel(f"Share ({unit}): last exposure before deciding (last touch, not cause), and first hearing")
    legend_below(ax, [*handles, note(whiskers(values.shape[1]))], legend)
    ax.set_title(title, loc="left", pad=5)
    return ax
