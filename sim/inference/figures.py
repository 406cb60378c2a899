"""Figures of a calibration: parameters against their priors, nights against the record, and how the particles came closer."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.inference.calibrating import Calibrated
from sim.inference.told import IDENTIFIED, fit_table, parameter_table
from sim.study.figures.marks import Marks, night_axis
from sim.study.figures.style import curve_name, figure, legend_below, readable, spread, styled
from sim.study.figures.written import save

__all__ = ["draw_calibration"]

_PRIOR, _POSTERIOR, _OTHERS, _RECORD, _INK = "#C9CED6", "#0072B2", "#7A8794", "#D9730D", "#404040"
_DPI = 200


@styled
def draw_calibration(c: Calibrated, folder: Path, marks: Marks) -> dict[str, str]:
    """Write the figures of a calibration as PNG files; return which are missing, and why."""
    folder.mkdir(parents=True, exist_ok=True)
    save(_parameters(c, parameter_table(c)), folder / "parameters.png", _DPI)
    skipped = {}
    if c.statistics.items:
        save(_fit(c, fit_table(c)), folder / "fit.png", _DPI)
    else:
        skipped["fit"] = "there are no statistics but series"
    if c.statistics.series:
        save(_series(c, fit_table(c), marks), folder / "series.png", _DPI)
    if len(c.generations) < 2:
        return skipped | {"generations": "there is one generation only"}
    save(_generations(c), folder / "generations.png", _DPI)
    return skipped


def _parameters(c: Calibrated, table: pd.DataFrame) -> Figure:
    """Draw each parameter's posterior over the range of its prior, the narrowest first."""
    table = table.sort_values("contraction", ascending=False, kind="stable").reset_index(drop=True)
    drawing, (ax,) = figure([0.16 * len(table) + 0.4], width=4.2)
    rows = np.arange(len(table))
    priors = [c.plan.priors[key] for key in table["parameter"]]
    low, middle, high = (
        np.array([float(prior.share_below(np.array([v]))[0]) for prior, v in zip(priors, table[name], strict=True)])
        for name in ("low", "median", "high")
    )
    ax.barh(rows, 1.0, left=0.0, height=0.62, color=_PRIOR, linewidth=0)
    colours = list(np.where(table["is_identified"], _POSTERIOR, _OTHERS))
    ax.hlines(rows, low, high, colors=colours, linewidth=1.6)
    ax.scatter(middle, rows, c=colours, s=12, zorder=3)
    look: dict[str, Any] = {"va": "center", "fontsize": 6.0, "color": _INK}
    for row, (prior, its) in enumerate(zip(priors, table.to_dict("records"), strict=True)):
        unit = f" {prior.unit}" if prior.unit else ""
        ax.text(1.03, row, f"{readable(prior.range[0])} to {readable(prior.range[1])}{unit}", **look)
        ax.text(1.62, row, f"{its['contraction']:.2f}", ha="right", **look)
    ax.text(1.03, len(table), "prior from, to", **look)
    ax.text(1.62, len(table), "sd ratio", ha="right", **look)
    names = [key.removeprefix("parameters.") for key in table["parameter"]]
    labels = [f"{name}  {symbol}" for name, symbol in zip(names, table["symbol"], strict=True)]
    ax.set_yticks(rows, labels, fontsize=6.5)
    ax.set_ylim(-0.8, len(table) - 0.2)
    ax.set_xlim(-0.01, 1.01)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_xlabel("share of the prior below the value")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    handles: list[Any] = [
        Patch(color=_PRIOR, label="prior"),
        Line2D(
            [],
            [],
            color=_POSTERIOR,
            marker="o",
            label=f"posterior, median and 95 %: sd below {IDENTIFIED:g} of the prior's",
        ),
        Line2D([], [], color=_OTHERS, marker="o", label="posterior of the others"),
    ]
    legend_below(ax, handles, columns=1)
    return drawing


def _fit(c: Calibrated, table: pd.DataFrame) -> Figure:
    """Draw each statistic before and after the fit, on an axis of its own."""
    table = table[~table["statistic"].str.contains("[", regex=False)].reset_index(drop=True)
    drawing, panels = figure([0.34] * len(table), width=4.6)
    for ax, row in zip(panels, table.to_dict("records"), strict=True):
        name = row["statistic"]
        spread = c.statistics.scales[name]
        if row["is_bound"]:
            ax.axvline(row["observed"], color=_RECORD, linewidth=1.2)
            ax.plot([row["observed"]], [0.5], marker=">", color=_RECORD, markersize=5)
        else:
            ax.axvspan(
                row["observed"] - 1.96 * spread, row["observed"] + 1.96 * spread, color=_RECORD, alpha=0.25, linewidth=0
            )
            ax.axvline(row["observed"], color=_RECORD, linewidth=1.2)
        ax.hlines([0.72], row["prior_low"], row["prior_high"], colors=_PRIOR, linewidth=5)
        ax.hlines([0.28], row["low"], row["high"], colors=_POSTERIOR, linewidth=2.4)
        ax.plot([row["median"]], [0.28], marker="o", color=_POSTERIOR)
        ax.set_ylim(0, 1)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
        held = " (held out)" if row["use"] == "held out" else ""
        ax.set_ylabel(f"{name}{held}  ", rotation=0, ha="right", va="center", fontsize=7.0)
    panels[-1].set_xlabel("value in the unit of each statistic: a ratio, a share, or posts")
    handles: list[Any] = [
        Patch(color=_PRIOR, label="nights at draws from the prior, as observed, 95 %"),
        Line2D(
            [],
            [],
            color=_POSTERIOR,
            marker="o",
            linewidth=2.4,
            label="the same at draws from the posterior, new dice: median, 95 %",
        ),
        Patch(color=_RECORD, alpha=0.4, label="the record and 1.96 of its uncertainty"),
        Line2D([], [], color=_RECORD, marker=">", label="the record lies above this bound"),
    ]
    legend_below(panels[-1], handles, columns=2)
    return drawing


def _series(c: Calibrated, table: pd.DataFrame, marks: Marks) -> Figure:
    """Draw each series over the night, with what nights before and after the fit have in its bins."""
    series = c.statistics.series
    drawing, panels = figure([2.4] * len(series))
    table = table.set_index("statistic")
    for ax, (name, bins) in zip(panels, series.items(), strict=True):
        first, last = bins.minutes[0][0], bins.minutes[-1][1]
        start, end = (marks.start + pd.Timedelta(minutes=m) for m in (first, last))
        held = ", held out" if bins.held_out else ""
        night_axis(ax, marks.between(start, end), f"{name}{held}")
        edges = date2num([*(marks.start + pd.Timedelta(minutes=m) for m, _ in bins.minutes), end])
        its = table.loc[[f"{name}[{i}]" for i in range(len(bins.minutes))]]
        ax.stairs(its["prior_high"], edges, baseline=its["prior_low"].to_numpy(), fill=True, color=_PRIOR, alpha=0.7)
        ax.stairs(its["high"], edges, baseline=its["low"].to_numpy(), fill=True, color=_POSTERIOR, alpha=0.35)
        ax.stairs(its["median"], edges, baseline=None, color=_POSTERIOR, linewidth=1.2)
        ax.stairs(its["observed"], edges, baseline=None, color=_RECORD, linewidth=1.4)
        of = f"{curve_name(bins.curve).removesuffix(' per minute')}, sum of {bins.minutes[0][1] - first} minutes"
        ax.set_ylabel(textwrap.fill(f"{of}, share of the whole" if bins.is_shape else of, 32))
    handles: list[Any] = [
        Line2D([], [], color=_RECORD, linewidth=1.4, label="observed"),
        Line2D([], [], color=_POSTERIOR, linewidth=1.2, label="median at draws from the posterior, new dice"),
        Patch(color=_POSTERIOR, alpha=0.35, label="95 % of these nights, as observed"),
        Patch(color=_PRIOR, alpha=0.7, label="the same at draws from the prior"),
    ]
    legend_below(panels[-1], handles, columns=2)
    return spread(drawing)


def _generations(c: Calibrated) -> Figure:
    """Draw the distance of each generation over the nights that it took to come there."""
    drawing, (ax,) = figure([2.2])
    told = [g for g in c.generations if np.isfinite(g.threshold)]
    before = sum(g.n_candidates for g in c.generations if not np.isfinite(g.threshold))
    tried = before + np.cumsum([g.n_candidates for g in told])
    ax.plot(tried, [g.threshold for g in told], marker="o", color=_POSTERIOR)
    for x, g in zip(tried, told, strict=True):
        rate = g.n_particles / g.n_candidates
        ax.annotate(
            f"{rate:.0%}", (x, g.threshold), xytext=(3, 4), textcoords="offset points", fontsize=6.0, color=_INK
        )
    ax.axhline(c.plan.smallest_distance, color=_RECORD, linewidth=1.0, linestyle=(0, (5, 2)))
    ax.set_yscale("log")
    ax.set_xlabel("nights tried so far, thousands; percentages: share of candidates accepted")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1000:g}"))
    for of in (ax.yaxis.set_major_formatter, ax.yaxis.set_minor_formatter):
        of(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.tick_params(axis="y", which="minor", labelsize=7.0)
    ax.set_ylabel("distance within which\nparticles lie (in uncertainties)")
    legend_below(
        ax, [Line2D([], [], color=_RECORD, linestyle=(0, (5, 2)), label="closer is no better (smallest_distance)")]
    )
    return drawing
