"""Through which channels people first heard, and which they met last before they decided."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.patches import Patch

from sim.errors import InputError
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
    names = [str(name) for name in curves["curve"].unique() if str(name).startswith("heard_")]
    rows = curves.loc[curves["curve"].isin(names)]
    tables = by_replicate(rows.loc[rows["arm"] == arm], "curve")
    if not tables:
        raise InputError(f"curves hold no 'heard_<channel>' in the arm {arm!r}; keep them in the study.")
    scale = 1 if population is None else 100 / population
    parts = {name: scale * cut(tables[name], marks) for name in names if name in tables}
    total = reduce(add, parts.values())
    x, band, n = date2num(total.index), t_band(total), total.shape[1]
    keys = night_axis(ax, _hours_of_hearing(rows, marks), title, in_front=True)
    # A channel has the same look in every arm.
    is_small = {name: part.iloc[-1].mean() < smallest * total.iloc[-1].mean() for name, part in parts.items()}
    large = [name for name in parts if not is_small[name]]
    areas = [(channel_name(name.removeprefix("heard_")), parts[name], area_style(names.index(name))) for name in large]
    if small := [part for name, part in parts.items() if is_small[name]]:
        label = f"{len(small)} other channel{'s' if len(small) > 1 else ''}"
        areas.append((label, reduce(add, small), {"facecolor": "0.3", "edgecolor": "0.3", "linewidth": 0.4}))

    def amount(value: float) -> str:
        return readable(value) if population is None else f"{value:.1f} %"

    handles: list[Any] = []
    base = np.zeros(len(x))
    for label, part, look in areas:
        values = part.mean(axis=1).to_numpy(dtype=float)
        ax.fill_between(x, base, base + values, **look, zorder=2, gid=f"area {label}")
        handles.insert(0, Patch(**look, label=f"{label}: {amount(values[-1])}"))
        base = base + values
    label = f"all channels: {amount(float(band['mean'].iloc[-1]))}"
    handles += ax.plot(x, band["mean"], color="black", linewidth=1, zorder=3, label=label, gid="total")
    if n > 1:
        handles += ax.plot(x, band[["low", "high"]], **_DASHES, label="its pointwise 95 % t band,")[:1]
    handles.append(note(n_replicates(n) + (": no band" if n == 1 else "")))
    ax.set_ylim(0, 1.05 * float(band.max().max()) or 1)
    what = "People who have heard," if population is None else "Share of the population (%) that has heard,"
    ax.set_ylabel(f"{what}\nby channel of first hearing")
    end = f"at the end ({marks.end.day} {marks.end:%b %H:%M})"
    legend_right(ax, [*handles, *keys], end, handlelength=2, handleheight=1.1)
    return ax


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


@styled
def last_touch(ax: Axes, outcomes: pd.DataFrame, arm: str, *, title: str = "") -> Axes:
    """Draw, by channel, the last exposure before deciding and the first hearing: bars with 95 % t intervals, one arm.

    Parameters
    ----------
    ax, arm, title
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
    legend_below(ax, [*handles, note(whiskers(values.shape[1]))])
    ax.set_title(title, loc="left", pad=5)
    return ax
