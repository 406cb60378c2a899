"""Pages of panels in rows and columns, moved apart when they are finished, with one legend below all of them.

Such a page is laid out once, and is as large as what it holds: it needs no tight box when it is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.study.figures.style import STYLE, styled

__all__ = ["spread_tiles", "tiles"]

Grid = list[list[Axes | None]]
"""Panels by row and column; None where a page has no panel."""


@styled
def tiles(n: int, columns: int, width: float, height: float) -> tuple[Figure, Grid]:
    """Return a figure with `n` panels of one size in inches, row by row, and its panels."""
    rows = -(-n // columns)
    whole = (columns * (width + 2.2) + 1.0, rows * (height + 1.6) + 1.0)
    drawing, grid = Figure(figsize=whole), Grid()
    for place in range(rows * columns):
        row, column = divmod(place, columns)
        if column == 0:
            grid.append([])
        if place >= n:
            grid[-1].append(None)
            continue
        left, bottom = 1.1 + column * (width + 2.2), whole[1] - (row + 1) * (height + 1.6) + 0.8
        panel = drawing.add_axes((left / whole[0], bottom / whole[1], width / whole[0], height / whole[1]))
        panel.tick_params(width=0.6, labelsize=STYLE["xtick.labelsize"])
        grid[-1].append(panel)
    return drawing, grid


@styled
def spread_tiles(
    drawing: Figure, grid: Grid, handles: Iterable[Any] = (), gap: tuple[float, float] = (0.2, 0.2), columns: int = 2
) -> Figure:
    """Move finished panels so that labels stay clear of each other, and put a legend below; return the figure.

    `gap` inches stay free between columns and between rows. Panels keep their size in inches. Of legend entries with
    equal words the first stays.
    """
    to_inches = drawing.dpi_scale_trans.inverted()
    boxes, wholes = {}, {}
    for panel in (panel for row in grid for panel in row if panel is not None):
        boxes[panel] = panel.get_window_extent().transformed(to_inches)
        wholes[panel] = (panel.get_tightbbox() or panel.bbox).transformed(to_inches)

    def widest(panels: Sequence[Axes | None], side: int) -> float:
        """Return how far labels of panels reach beyond them: left 0, below 1, right 2, above 3."""
        reach = [np.abs(np.subtract(wholes[p].extents, boxes[p].extents))[side] for p in panels if p is not None]
        return float(max(reach, default=0.0))

    first = next(iter(boxes.values()))
    lefts, x = [], 0.1
    for column in zip(*grid, strict=True):
        x += widest(column, 0)
        lefts.append(x)
        x += first.width + widest(column, 2) + gap[0]
    bottoms, y = [], 0.1
    for row in grid:
        y += widest(row, 3) + first.height
        bottoms.append(y)
        y += widest(row, 1) + gap[1]
    entries: dict[str, Any] = {}
    for handle in handles:
        entries.setdefault(handle.get_label(), handle)
    width, height = x, y
    if entries:
        legend = drawing.legend(
            handles=list(entries.values()), loc="lower left", ncols=columns, handlelength=3, columnspacing=1.5
        )
        box = legend.get_window_extent().transformed(to_inches)
        width, height = max(x, lefts[0] + box.width + gap[0]), y + box.height + 0.1
        legend.set_bbox_to_anchor((lefts[0] / width, 0.1 / height))
    drawing.set_size_inches(width, height)
    for row, bottom in zip(grid, bottoms, strict=True):
        for place, left in zip(row, lefts, strict=True):
            if place is not None:
                place.set_position((left / width, 1 - bottom / height, first.width / width, first.height / height))
    return drawing
