"""What an arm changes: its paired difference from another, over time."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from sim.errors import InputError
from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.replicates import bands, cut, draw_arms, n_replicates, read, simultaneous_handle, smooth
from sim.study.figures.style import curve_name, legend_below, note, styled


@styled
def paired_difference(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    baseline: str,
    arm: str | Sequence[str],
    curve: str = "on_squares",
    *,
    cumulative: bool = False,
    minutes: int = 1,
    legend: bool | Axes = True,
    flags: bool = True,
    title: str = "",
) -> Axes:
    """Draw the difference `arm` - `baseline` over time, paired by replicate: mean, pointwise and simultaneous 95 % band.

    The simultaneous band, from three pairs on, is meant for all times shown of one line at once (`simultaneous_band`).

    Parameters
    ----------
    ax, curves, marks, legend, title
        As in all figures (`sim.study.figures`).
    baseline, arm, curve
        The arms, several at `arm` giving one line each; which curve.
    cumulative
        Sum the differences from the start of the period, replicate by replicate: for counts per minute.
    minutes
        Width of a centred rolling mean in minutes; 1, the default, smooths nothing. Without effect on sums.
    flags
        Whether to write what the marks are.
    """
    arms = [arm] if isinstance(arm, str) else list(arm)
    tables, marks = read(curves, curve, marks, baseline, *arms)
    differences: dict[str, pd.DataFrame] = {}
    for name in arms:
        difference = (tables[name] - tables[baseline]).dropna(axis="columns", how="all")
        if difference.empty:
            raise InputError(f"{name!r} and {baseline!r} share no replicate, expected at least one; run both in it.")
        differences[name] = cut(difference, marks).cumsum() if cumulative else smooth(difference, minutes)
    keys = night_axis(ax, marks, title, flags=flags)
    ax.axhline(0, color="0.2", linewidth=0.7, zorder=1.8, gid="zero")
    handles = draw_arms(ax, differences, list(tables), marks, simultaneous=True)
    counts = [difference.shape[1] for difference in differences.values()]
    for line, name, n in zip(handles, arms, counts, strict=True):
        line.set_label(f"{name} \N{MINUS SIGN} {baseline}, {n_replicates(n, 'paired replicate')}")
    handles.append(bands(ax, "mean and pointwise 95 % t band") if max(counts) > 1 else note("one pair: no band"))
    handles += simultaneous_handle(ax)
    words = curve_name(curve, minutes)
    if cumulative:
        words = curve_name(curve).removesuffix(" per minute") + f",\nsummed from {marks.start:%H:%M}"
    ax.set_ylabel(f"Difference in\n{words}")
    legend_below(ax, [*handles, *keys], legend)
    return ax
