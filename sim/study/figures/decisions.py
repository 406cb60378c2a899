"""When people first decided to leave, and which channel they had met last."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.replicates import cut, localized, smooth
from sim.study.figures.stacks import busy_hours, draw_stack, looks, parts_of
from sim.study.figures.style import legend_right, readable, styled


@styled
def decisions_over_time(
    ax: Axes,
    curves: pd.DataFrame,
    marks: Marks,
    arm: str,
    *,
    minutes: int | None = None,
    smallest: float = 0.005,
    legend: bool = True,
    title: str = "",
) -> Axes:
    """Draw first decisions to leave per hour, by the last exposure before them: stacked areas, mean, one arm.

    The last exposure is the last touch and no cause. The axis shows the hours, of the marks' period, in which people
    decide, the same ones in every arm. The legend, to the right and in the order of the stack, gives each channel's
    share of the decisions of the marks' period, and their number.

    Parameters
    ----------
    ax, curves, marks, arm, title
        As in all figures (`sim.study.figures`); the curves are ``decided_<cause>`` (people per minute), where a cause
        is a channel, ``gathering``, ``cut_off`` or ``crowd``.
    minutes
        Width of the centred rolling mean in minutes; 1 smooths nothing; default: 15, or 1 where an hour or less is shown.
    smallest
        Causes with less than this share of all first decisions are drawn as one area.
    legend
        Whether to draw the legend.
    """
    marks = localized(curves, marks, arm)
    tables, rows = parts_of(curves, "decided_", arm)
    counts = {cause: float(cut(table, marks).mean(axis=1).sum()) for cause, table in tables.items()}
    everyone = sum(counts.values())
    shares = {cause: count / everyone if everyone else 0.0 for cause, count in counts.items()}

    def amounts(causes: Sequence[str]) -> str:
        if len(causes) == len(tables):
            return f"{readable(everyone)} people"
        return f"{100 * sum(shares[cause] for cause in causes):.1f} %"

    people = cut(rows.groupby(["time", "arm"], observed=True)["value"].sum().unstack(), marks).fillna(0).cumsum()
    shown = busy_hours(people, marks)
    if minutes is None:
        minutes = 15 if shown.end - shown.start > pd.Timedelta(hours=1) else 1
    keys = night_axis(ax, shown, title, in_front=True)
    rates = {cause: cut(60 * smooth(table, minutes), marks) for cause, table in tables.items()}
    handles = draw_stack(ax, rates, looks(curves), shares, smallest, amounts, "all first decisions")
    mean = f"\n({minutes}-minute centred mean)" if minutes > 1 else ""
    what = "First decisions to leave per hour, by\nlast exposure before deciding\n(last touch, not cause)"
    ax.set_ylabel(what + mean)
    if legend:
        end = f"share of all first decisions\nuntil {marks.end.day} {marks.end:%b %H:%M}"
        legend_right(ax, [*handles, *keys], end, handlelength=2, handleheight=1.1)
    return ax
