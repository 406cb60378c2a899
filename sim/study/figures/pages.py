"""All figures of a study as files: which panels make a page, which hours they show, and why a page is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from sim.errors import InputError
from sim.study.figures.decisions import decisions_over_time
from sim.study.figures.difference import paired_difference
from sim.study.figures.hearing import first_hearing, last_touch
from sim.study.figures.marks import Marks, Window, minutes_of, whole_hour
from sim.study.figures.posts import posts_per_minute
from sim.study.figures.replicates import CURVES, need, with_prefix
from sim.study.figures.squares import people_on_squares, squares_by_province
from sim.study.figures.style import figure, spread, styled
from sim.study.figures.sweep_pages import comparison_page
from sim.study.figures.written import Written, save


@styled
def write_all(
    folder: Path | str,
    curves: pd.DataFrame,
    nulls: pd.DataFrame | None,
    squares: pd.DataFrame | None,
    outcomes: pd.DataFrame | None,
    provinces: pd.DataFrame | None,
    marks: Marks,
    *,
    baseline: str | None = None,
    arm: str | None = None,
    open_arms: Sequence[str] = (),
    windows: Mapping[str, Sequence[Window]] | None = None,
    population: float | None = None,
    channel: str | None = "twitter",
    contrasts: pd.DataFrame | None = None,
    summary: pd.DataFrame | None = None,
    compared: Sequence[str] | None = None,
    dpi: int = 200,
) -> Written:
    """Write the figures of a study as PNG files, each whole or not at all.

    Parameters
    ----------
    folder
        Where to; made if need be.
    curves, nulls, squares, outcomes, provinces, marks
        What the figures show; None where there is no such table.
    baseline, arm
        The arm that differences refer to (default: ``open`` if there is one, else the first), and the one of the
        figures that show one (default: the first that is not the baseline).
    open_arms
        Arms without a throttle: no window is shaded where one of them is shown alone.
    windows
        Throttle windows of each arm, as in `Marks`; default: those of `marks` in all but the open arms. Those of arms
        without curves, which failed, are left out.
    population
        People that shares of hearing refer to; default: the sum of `provinces`, else people are shown.
    channel, dpi
        Whose posts are shown, None where nobody posts; dots per inch.
    contrasts, summary, compared
        Paired differences and levels of outcomes; those that are compared (default: the headlines that there are).

    Returns
    -------
    Written
        Paths, and for each name that is missing the reason in words. A figure without data does not stop the others;
        curves without arms or columns and an unknown `baseline` or `arm` raise `InputError`.
    """
    need(curves, "curves", CURVES)
    arms = [str(name) for name in curves["arm"].unique()]
    if not arms:
        raise InputError("curves are empty, expected at least one arm; give the table that a study writes.")
    baseline = baseline or ("open" if "open" in arms else arms[0])
    others = [name for name in arms if name != baseline]
    arm = arm or (others or [baseline])[0]
    need(curves, "curves", CURVES, baseline, arm)
    if population is None and provinces is not None and "population" in provinces:
        population = float(provinces["population"].sum())
    posts = None if channel is None else f"published_{channel}"
    kept = curves_shown([str(name) for name in curves["curve"].unique()])
    curves = curves.loc[curves["curve"].isin(kept)]  # A study keeps many more, and every figure searches them.
    if windows is None:
        windows = {name: () if name in open_arms else marks.windows for name in arms}
    windows = {name: windows.get(name, ()) for name in (baseline, *others)}
    seen = {name: replace(marks, windows=tuple(its)) for name, its in windows.items()}
    if any(windows.values()):
        marks = marks.throttled(windows)
    late = _from_first_departure(curves, marks)
    plans: dict[str, Callable[[], Figure]] = {
        "posts.png": partial(_posts_page, curves, marks, channel, nulls),
        "squares.png": partial(_squares_page, curves, late),
        "first_hearing.png": partial(_hearing_page, curves, seen, population),
        "decisions.png": partial(_decisions_page, curves, seen),
        "difference.png": partial(_difference_page, curves, late, baseline, others, posts),
        "provinces.png": partial(_provinces_page, squares, provinces, arm),
        "last_touch.png": partial(_touch_page, outcomes, arm),
        "comparison.png": partial(_comparison_page, summary, contrasts, compared, baseline, others),
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = Written([], {})
    for file, plan in plans.items():
        try:
            drawing = plan()
        except InputError as error:
            written.skipped[file] = str(error)
        else:
            save(drawing, folder / file, dpi)
            written.paths.append(folder / file)
    return written


def curves_shown(names: Iterable[str]) -> list[str]:
    """Return those of the names of curves that any of the standard figures may show."""
    return [name for name in names if name.startswith(("published_", "heard_", "decided_")) or name == "on_squares"]


def _from_first_departure(curves: pd.DataFrame, marks: Marks) -> Marks:
    """Return the marks from two hours before the first throttle, call or person on the squares.

    Where all who ever move do so within minutes, the marks of these minutes.
    """
    crowd = curves.loc[curves["curve"] == "on_squares"]
    table = crowd.pivot_table(index="time", columns=["arm", "replicate"], values="value", observed=True)
    moved = table.index[(table.diff().fillna(table.iloc[:1]) != 0).any(axis=1)]
    if len(moved) and not marks.windows and not marks.calls and (few := minutes_of(moved[0], moved[-1], marks)):
        return few
    out = crowd.loc[crowd["value"] > 0, "time"]
    moments = [*(window[0] for window in marks.windows), *(call[0] for call in marks.calls), *out.nsmallest(1)]
    start = whole_hour(min((when for when in moments if marks.start <= when < marks.end), default=marks.start))
    return marks.between(max(marks.start, start - pd.Timedelta(hours=2)))


def _around_throttle(marks: Marks) -> Marks | None:
    """Return the hours around the throttle, or around the first call; None where that is most of the period anyway."""
    moments = [when for window in marks.windows for when in window[:2]] or sorted(call[0] for call in marks.calls)[:1]
    if not moments:
        return None
    start = max(marks.start, whole_hour(min(moments) - pd.Timedelta(hours=1)))
    end = min(marks.end, whole_hour(max(moments) + pd.Timedelta(minutes=239)))
    return marks.between(start, end) if start < end and (end - start) < 0.6 * (marks.end - marks.start) else None


def _given(table: pd.DataFrame | None, what: str) -> pd.DataFrame:
    if table is None or table.empty:
        raise InputError(f"there is no table of {what}")
    return table


def _posts_page(curves: pd.DataFrame, marks: Marks, channel: str | None, nulls: pd.DataFrame | None) -> Figure:
    if channel is None:
        raise InputError("nobody posts on any channel")
    zoom = _around_throttle(marks)
    if zoom is None:
        drawing, panels = figure()
        posts_per_minute(panels[0], curves, marks, channel, nulls)
        return drawing
    drawing, (whole, part) = figure((2.6, 2.2))
    # One legend for both panels, at the bottom: (a) shows all that (b) can.
    posts_per_minute(whole, curves, marks, channel, nulls, legend=part, title="(a) the whole period")
    around = f"(b) the hours around the {'throttle' if marks.windows else 'first call'}"
    posts_per_minute(part, curves, zoom, channel, nulls, legend=False, title=around)
    return spread(drawing)


def _some(curves: pd.DataFrame, prefix: str, reason: str) -> None:
    """Raise InputError with a reason unless some curve of that prefix, of those that the study has, is ever above 0."""
    rows = with_prefix(curves, prefix)["value"]
    if len(rows) and not (rows > 0).any():
        raise InputError(reason)


def _squares_page(curves: pd.DataFrame, marks: Marks) -> Figure:
    _some(curves, "on_squares", "nobody was on a square")
    drawing, panels = figure()
    people_on_squares(panels[0], curves, marks)
    return drawing


def _hearing_page(curves: pd.DataFrame, marks: Mapping[str, Marks], population: float | None) -> Figure:
    _some(curves, "heard_", "nobody heard of anything")
    return _page_of_arms(partial(first_hearing, population=population), curves, marks)


def _decisions_page(curves: pd.DataFrame, marks: Mapping[str, Marks]) -> Figure:
    _some(curves, "decided_", "nobody decided to leave")
    return _page_of_arms(decisions_over_time, curves, marks)


def _page_of_arms(draw: Callable[..., Any], curves: pd.DataFrame, marks: Mapping[str, Marks]) -> Figure:
    """Return one panel for each arm, under its own marks, all with the same y axis."""
    drawing, panels = figure((2.3,) * len(marks), width=5.2)
    for panel, (arm, seen) in zip(panels, marks.items(), strict=True):
        draw(panel, curves, seen, arm, title=arm)
    top = max(panel.get_ylim()[1] for panel in panels)
    for panel in panels:
        panel.set_ylim(0, top)
    return spread(drawing)


def _difference_page(
    curves: pd.DataFrame, marks: Marks, baseline: str, arms: Sequence[str], posts: str | None
) -> Figure:
    if not arms:
        raise InputError(f"there is only the arm {baseline!r}, and a difference needs two")
    if posts is None:
        drawing, panels = figure((2.1,))
        paired_difference(panels[0], curves, marks, baseline, arms, "on_squares")
        return drawing
    drawing, (top, bottom) = figure((2.1, 2.1))
    paired_difference(top, curves, marks, baseline, arms, "on_squares", legend=False)
    paired_difference(bottom, curves, marks, baseline, arms, posts, minutes=5, flags=False)
    top.tick_params(labelbottom=False)
    return spread(drawing)


def _comparison_page(
    summary: pd.DataFrame | None,
    contrasts: pd.DataFrame | None,
    compared: Sequence[str] | None,
    baseline: str,
    arms: Sequence[str],
) -> Figure:
    if not arms:
        raise InputError(f"there is only the arm {baseline!r}, and a comparison needs two")
    return comparison_page(_given(summary, "summaries"), _given(contrasts, "contrasts"), compared)


def _provinces_page(squares: pd.DataFrame | None, provinces: pd.DataFrame | None, arm: str) -> Figure:
    tables = _given(squares, "people on each province's squares"), _given(provinces, "provinces")
    if len(tables[1]) < 2:
        raise InputError("all people live in one place")
    of_arm = tables[0].loc[tables[0]["arm"] == arm, "value"]
    if len(of_arm) and not (of_arm > 0).any():
        raise InputError(f"nobody was on a square in the arm {arm!r}")
    drawing, (above, below) = figure((2.75, 3.6))
    squares_by_province(above, *tables, arm, view="map", title=f"(a) {arm}, all provinces")
    squares_by_province(below, *tables, arm, view="ranked", title=f"(b) {arm}, the largest peaks")
    return spread(drawing, gap=0.2)


def _touch_page(outcomes: pd.DataFrame | None, arm: str) -> Figure:
    table = _given(outcomes, "outcomes")
    names = table.loc[(table["arm"] == arm) & table["value"].notna(), "outcome"].astype(str)
    rows = set(names.str.extract("^(?:first_heard|tipped_by)_(.*)")[0].dropna())
    drawing, panels = figure((min(3.6, 0.6 + 0.4 * len(rows)),))
    last_touch(panels[0], table, arm, title=arm)
    return drawing
