"""What the stacked areas of a night share: one look for each channel, hours worth showing, areas, total and legend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import date2num
from matplotlib.patches import Patch

from sim.errors import InputError
from sim.study.figures.marks import Marks, minutes_of, whole_hour
from sim.study.figures.replicates import by_replicate, n_replicates, t_band, with_prefix
from sim.study.figures.style import area_style, channel_name, note

_DASHES: dict[str, Any] = {"color": "black", "linewidth": 0.7, "linestyle": (0, (2, 1.5)), "zorder": 3}
_REST: dict[str, Any] = {"facecolor": "0.3", "edgecolor": "0.3", "linewidth": 0.4}


def looks(curves: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the look of each channel or other cause, the same in every arm and in both figures of channels.

    Those that people hear through come first, in the order of their curves.
    """
    names = [str(name) for name in curves["curve"].unique()]
    causes = dict.fromkeys(name.removeprefix(p) for p in ("heard_", "decided_") for name in names if name.startswith(p))
    return {cause: area_style(place) for place, cause in enumerate(causes)}


def parts_of(curves: pd.DataFrame, prefix: str, arm: str) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return tables minute x replicate of an arm by channel, and the rows of all arms, of the curves with a prefix."""
    rows = with_prefix(curves, prefix)
    tables = by_replicate(rows.loc[rows["arm"] == arm], "curve")
    if not tables:
        raise InputError(f"curves hold no '{prefix}<channel>' in the arm {arm!r}; keep them in the study.")
    return {name.removeprefix(prefix): table for name, table in tables.items()}, rows


def busy_hours(people: pd.DataFrame, marks: Marks, *, to_end: bool = False) -> Marks:
    """Return the marks from the hour before the first of `people` until 99 % of them, six hours at least.

    Where these follow each other within minutes, the marks of the minutes.
    People are counted cumulatively, time x arm. With `to_end`, a rest of less than six hours is shown, too: where the
    legend gives values at the end of the period, these should be seen there.
    """
    people = people.loc[:, people.iloc[-1] > 0]
    if people.empty:
        return marks
    share = people / people.iloc[-1]
    begins, ends = share.index[(share > 0).any(axis=1)][0], share.index[(share >= 0.99).all(axis=1)][0]
    if few := minutes_of(begins, ends, marks):
        return few
    first, full = whole_hour(begins), whole_hour(ends + pd.Timedelta(minutes=59))
    last = max(full, first + pd.Timedelta(hours=6))
    if to_end and marks.end - last < pd.Timedelta(hours=6):
        last = marks.end
    return marks.between(max(marks.start, first), min(marks.end, last))


def draw_stack(
    ax: Axes,
    parts: dict[str, pd.DataFrame],
    look_of: dict[str, dict[str, Any]],
    shares: dict[str, float],
    smallest: float,
    amounts: Callable[[Sequence[str]], str],
    all_of_them: str,
) -> list[Any]:
    """Draw tables time x replicate as stacked areas of their means, and their sum with its band; return handles.

    Parameters
    ----------
    ax, parts, look_of
        Axes; what to stack, and how it looks, by channel; the order is that of the looks, the first at the bottom.
    shares, smallest
        Share of each channel in [0, 1]; those below `smallest` become one area, at the top.
    amounts
        Gives the number in the legend for a list of channels, as text.
    all_of_them
        What the legend calls the sum.
    """
    order = [name for name in look_of if name in parts]
    large = [name for name in order if shares[name] >= smallest]
    small = [name for name in order if shares[name] < smallest]
    areas = [(channel_name(name), [name], look_of[name]) for name in large]
    if len(small) == 1:
        areas.append((channel_name(small[0]), small, look_of[small[0]]))
    elif small:
        areas.append((f"{len(small)} others", small, _REST))
    total = reduce(add, parts.values())
    x, band, n = date2num(total.index), t_band(total), total.shape[1]
    handles: list[Any] = []
    base = np.zeros(len(x))
    for label, names, look in areas:
        values = reduce(add, (parts[name] for name in names)).mean(axis=1).to_numpy(dtype=float)
        ax.fill_between(x, base, base + values, **look, zorder=2, gid=f"area {label}")
        handles.insert(0, Patch(**look, label=f"{label}: {amounts(names)}"))
        base = base + values
    label = f"{all_of_them}: {amounts(list(parts))}"
    handles += ax.plot(x, band["mean"], color="black", linewidth=1, zorder=3, label=label, gid="total")
    if n > 1:
        handles += ax.plot(x, band[["low", "high"]], **_DASHES, label="its pointwise 95 % t band,")[:1]
    handles.append(note(n_replicates(n) + (": no band" if n == 1 else "")))
    # A band of two replicates may be ten times the mean: the areas stay readable, and the band leaves the axes.
    top = min(float(band.max().max()), 2 * float(band["mean"].max()))
    ax.set_ylim(0, 1.05 * top or 1)
    return handles
