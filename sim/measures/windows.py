"""Sums of a curve over windows of minutes: what an observed series, or a ratio of two windows, is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim.engine.simulate import Record
from sim.measures.curves import curve_matrix
from sim.scenario import Scenario

__all__ = ["Window", "window_sums"]


class Window(NamedTuple):
    """Minutes first to end - 1 of a curve, counted from the start of the scenario."""

    curve: str
    first: int
    end: int


def window_sums(scenario: Scenario, record: Record, windows: Sequence[Window]) -> list[float]:
    """Return the sum of each window's curve over its minutes, in real people or posts; NaN where there is no such curve."""
    names, rows = curve_matrix(scenario, record)
    places = {name: place for place, name in enumerate(names)}
    return [float(rows[places[w.curve], w.first : w.end].sum()) if w.curve in places else float("nan") for w in windows]
