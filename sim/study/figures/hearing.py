"""Through which channels people first heard, and which they met last before they decided."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from sim.errors import InputError
from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.replicates import cut, draw_bars, localized, need, t_band, whiskers
from sim.study.figures.stacks import busy_hours, draw_stack, looks, parts_of
from sim.study.figures.style import channel_name, legend_below, legend_right, note, readable, styled

_TOUCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "tipped_by_": ("last exposure before deciding", {"facecolor": "#3B6E8F"}),
    "first_heard_": ("first hearing", {"facecolor": "white", "hatch": "//////"}),
}
_OTHERS = "<others>"  # no channel has such a name


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
    tables, rows = parts_of(curves, "heard_", arm)
    scale = 1 if population is None else 100 / population
    parts = {channel: scale * cut(table, marks) for channel, table in tables.items()}
    at_end = {channel: float(part.iloc[-1].mean()) for channel, part in parts.items()}
    everyone = sum(at_end.values())
    shares = {channel: value / everyone if everyone else 0.0 for channel, value in at_end.items()}

    def amounts(channels: Sequence[str]) -> str:
        value = sum(at_end[channel] for channel in channels)
        return readable(value) if population is None else f"{value:.1f} %"

    people = cut(rows.groupby(["time", "arm"], observed=True)["value"].sum().unstack(), marks)
    keys = night_axis(ax, busy_hours(people, marks, to_end=True), title, in_front=True)
    handles = draw_stack(ax, parts, looks(curves), shares, smallest, amounts, "all channels")
    what = "People who have heard," if population is None else "Share of the population (%) that has heard,"
    ax.set_ylabel(f"{what}\nby channel of first hearing")
    end = f"at the end ({marks.end.day} {marks.end:%b %H:%M})"
    legend_right(ax, [*handles, *keys], end, handlelength=2, handleheight=1.1)
    return ax


@styled
def last_touch(ax: Axes, outcomes: pd.DataFrame, arm: str, *, smallest: float = 0.001, title: str = "") -> Axes:
    """Draw, by channel, the last exposure before deciding and the first hearing: bars with 95 % t intervals, one arm.

    Parameters
    ----------
    ax, arm, title
        As in all figures (`sim.study.figures`).
    outcomes
        Columns ``arm, replicate, outcome, value, unit`` with the outcomes ``tipped_by_<channel>`` and
        ``first_heard_<channel>``, in one unit; shares are drawn in percent. Missing values are left out.
    smallest
        Channels of which neither share reaches this one become the last row, their sum, where they are two or more.
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
    values, small = _lump(values, scale * smallest)
    band = t_band(values)
    means: dict[str, float] = {str(name): value for name, value in band["mean"].items()}
    channels = {name.removeprefix(prefix) for name in means for prefix in _TOUCHES if name.startswith(prefix)}
    ranked = sorted(channels, key=lambda name: (name == _OTHERS, *(-means.get(p + name, 0.0) for p in _TOUCHES), name))
    names = [f"{len(small)} others" if name == _OTHERS else channel_name(name) for name in ranked]
    handles: list[Any] = []
    for (prefix, (label, look)), shift in zip(_TOUCHES.items(), (-0.19, 0.19), strict=True):
        chosen = band.reindex([prefix + name for name in ranked])
        if chosen["mean"].notna().any():
            handles.append(draw_bars(ax, names, chosen, shift, 0.36, label=label, **look))
    ax.set_xlabel(
        f"Share ({unit}) of those who decided: last exposure before deciding (last touch, not cause);\n"
        "of those who heard: first hearing"
    )
    notes = [note(whiskers(values.shape[1]))]
    if small:
        each = f"each below {readable(scale * smallest)} {unit}"
        lines = textwrap.wrap(f"{len(small)} others, {each}: {', '.join(map(channel_name, small))}", 64)
        notes.insert(0, note("\n".join(lines)))
    legend_below(ax, [*handles, *notes])
    ax.set_title(title, loc="left", pad=5)
    return ax


def _lump(values: pd.DataFrame, smallest: float) -> tuple[pd.DataFrame, list[str]]:
    """Return outcomes x replicate with the sum of the small channels instead of them, and which these are."""
    means = values.mean(axis=1)
    of = {name: name.removeprefix(p) for name in map(str, values.index) for p in _TOUCHES if name.startswith(p)}
    large = {channel for name, channel in of.items() if means[name] >= smallest}
    small = sorted({*of.values()} - large, key=channel_name)
    if len(small) < 2:
        return values, []
    kept = [values.loc[[name for name, channel in of.items() if channel in large]]]
    for prefix in _TOUCHES:
        if names := [prefix + channel for channel in small if prefix + channel in of]:
            kept.append(values.loc[names].sum(min_count=1).to_frame(prefix + _OTHERS).T)
    return pd.concat(kept), small
