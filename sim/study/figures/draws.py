"""What comes of draws of parameters: levels and paired differences, with the uncertainty of parameters and simulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.errors import InputError
from sim.study.figures.replicates import need
from sim.study.figures.style import arm_style, legend_below, readable, styled
from sim.study.figures.words import words_of_outcome

__all__ = ["draws_page"]

_COLUMNS = ("baseline", "arm", "outcome", "unit", "mean", "low", "high", "parameters_low", "parameters_high", "n_draws")
_ROW, _WIDTH, _GAP, _MARGIN = 0.62, 2.7, 0.55, 0.9
"""Inches: height of a row, width of a panel, between panels, around all."""


@styled
def draws_page(table: pd.DataFrame, outcomes: Sequence[str]) -> Figure:
    """Return a figure of a summary of draws (`sim.measures.by_draw`): a row for each outcome, levels left, differences right.

    Raises
    ------
    InputError
        A table without a column, or without any of the outcomes.
    """
    need(table, "summaries of draws", _COLUMNS)
    table = table[table["n_draws"] > 0]
    shown = [name for name in outcomes if name in set(table["outcome"])]
    if not shown:
        raise InputError("no outcome has a value at any draw")
    arms = list(dict.fromkeys(table["arm"]))
    height = len(shown) * (_ROW + 0.45)
    drawing = Figure(figsize=(2 * _WIDTH + _GAP + 2 * _MARGIN + 1.4, height + 2 * _MARGIN))
    panels: Any = drawing.subplots(len(shown), 2, squeeze=False)
    width = float(drawing.get_size_inches()[0])
    whole = height + 2 * _MARGIN
    drawing.subplots_adjust(
        left=(_MARGIN + 1.4) / width, right=1 - _MARGIN / width, bottom=_MARGIN / whole, top=1 - _MARGIN / whole, hspace=0.9,
        wspace=_GAP / _WIDTH,
    )  # fmt: skip
    for row, outcome in enumerate(shown):
        its = table[table["outcome"] == outcome]
        levels, differences = its[its["baseline"] == ""], its[its["baseline"] != ""]
        for ax, part, is_difference in ((panels[row, 0], levels, False), (panels[row, 1], differences, True)):
            _bars(ax, part, arms)
            if is_difference:
                ax.axvline(0.0, color="#404040", linewidth=0.6)
            ax.xaxis.set_major_locator(MaxNLocator(4))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
        unit, name = str(its["unit"].iloc[0]), words_of_outcome(outcome)
        unit = "" if unit in ("1", name) else {"share": "", "min": "minutes"}.get(unit, unit)
        panels[row, 0].set_ylabel(
            _wrapped(f"{name}{f' ({unit})' if unit else ''}"), rotation=0, ha="right", va="center", fontsize=6.5
        )
    panels[0, 0].set_title("each arm", fontsize=7.5)
    first = next(iter(table.loc[table["baseline"] != "", "baseline"]), "")
    panels[0, 1].set_title(f"paired difference to {first}" if first else "", fontsize=7.5)
    handles: list[Any] = [
        Line2D([], [], color=arm_style(place)["color"], marker="o", linewidth=3, label=arm)
        for place, arm in enumerate(arms)
    ]
    handles += [
        Line2D([], [], color="#404040", linewidth=3, label="95 % over parameters"),
        Line2D([], [], color="#404040", linewidth=1, label="95 % of single runs: parameters and simulation"),
    ]
    legend_below(panels[-1, 0], handles, columns=2)
    return drawing


def _bars(ax: Any, part: pd.DataFrame, arms: Sequence[str]) -> None:
    """Draw a thick and a thin bar for each arm."""
    for row in part.to_dict("records"):
        place = arms.index(row["arm"])
        y, colour = -place, arm_style(place)["color"]
        ax.hlines([y], row["low"], row["high"], colors=colour, linewidth=1.0)
        if np.isfinite(row["parameters_low"]):
            ax.hlines([y], row["parameters_low"], row["parameters_high"], colors=colour, linewidth=3.0)
        ax.plot(
            [row["mean"]], [y], marker="o", color=colour, markersize=4, markeredgecolor="white", markeredgewidth=0.5
        )
    ax.set_ylim(-len(arms) + 0.4, 0.6)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _wrapped(text: str, width: int = 26) -> str:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > width and lines[-1]:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
