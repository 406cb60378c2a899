"""Comparisons of arms: panels side by side have the same rows in the order of the study, and nothing reads as nothing."""

from __future__ import annotations

import pandas as pd
import pytest

from sim.study.figures import comparison, figure
from sim.study.figures.sweep_pages import comparison_page
from tests.unit.figure_tables import legend_texts, named

ARMS = ["throttled", "early", "long", "total"]


def rows_of(value: str, cells: dict[tuple[str, str], float], unit: str = "people", **more: str) -> pd.DataFrame:
    """Return a table of one value for each arm and outcome, with intervals of half-width 1."""
    rows = [
        {"arm": arm, "outcome": outcome, value: x, "low": x - (x != 0), "high": x + (x != 0), "n": 8, "method": "paired t",
         "unit": unit} | more
        for (arm, outcome), x in cells.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def differences(cells: dict[tuple[str, str], float]) -> pd.DataFrame:
    return rows_of("difference", cells, baseline="open")


def rows_at(ax, place: int) -> list[float]:
    return [float(y) for line in named(ax, f"estimates {place}") for y in line.get_ydata()]


def test_an_exact_0_reads_0() -> None:
    table = differences({("throttled", "participants"): 0.0, ("early", "participants"): 20.0})
    levels = rows_of("estimate", {("open", "participants"): 100.0})
    (ax,) = comparison(figure((2.0,))[1][0], table, "participants", summary=levels)
    assert {t.get_position()[1]: t.get_text() for t in named(ax, "relative")} == {0: "0", 1: "+20.0 %"}


def test_arms_stand_in_the_order_of_the_study_in_every_panel() -> None:
    """An arm whose outcome is missing leaves its row empty: the labels of the first panel hold for the others."""
    cells = {(arm, outcome): 5.0 + i for i, arm in enumerate(ARMS) for outcome in ("participants", "peak_on_squares")}
    cells[("throttled", "participants")] = float("nan")
    table, levels = differences(cells), rows_of("estimate", {("open", "participants"): 100.0})
    panels = comparison(figure((1.5, 1.5))[1], table, ["participants", "peak_on_squares"], summary=levels)
    for ax in panels:
        assert [t.get_text() for t in ax.get_yticklabels()] == ARMS
    first, second = panels
    for place, row in ((1, 0), (2, 1), (3, 2), (4, 3)):
        assert rows_at(second, place) == [row]
        assert rows_at(first, place) == ([row] if row else [])
    assert "1 of 4 differences are missing and left out" in legend_texts(second)
    drawing = comparison_page(levels, table, ["participants", "peak_on_squares"])
    assert [t.get_text() for t in drawing.axes[0].get_yticklabels()] == ARMS
    assert rows_at(drawing.axes[1], 1) == [0]


def test_arms_that_are_asked_for_stand_in_that_order() -> None:
    table = differences({(arm, "participants"): 5.0 for arm in ARMS})
    (ax,) = comparison(figure((2.0,))[1][0], table, "participants", arms=["total", "early"])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["total", "early"]


def test_values_of_a_parameter_are_the_same_rows_in_every_panel() -> None:
    parts = []
    for size in (100.0, 200.0, 400.0):
        cells = {("throttled", "participants"): size, ("throttled", "peak_on_squares"): size}
        if size == 200:
            cells["throttled", "participants"] = float("nan")
        parts.append(differences(cells).assign(**{"population.size": size}))
    table = pd.concat(parts, ignore_index=True)
    panels = comparison(figure((1.5, 1.5))[1], table, ["participants", "peak_on_squares"], by="population.size")
    for ax, rows in zip(panels, ([0, 2], [0, 1, 2]), strict=True):
        assert [t.get_text() for t in ax.get_yticklabels()] == ["100", "200", "400"]
        assert rows_at(ax, 1) == pytest.approx(rows)
