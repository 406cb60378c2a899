"""The figures of a sweep as files: which pages its parameters and outcomes make, and why one is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.errors import InputError
from sim.study.figures.comparison import draw_comparison
from sim.study.figures.designs import OWN, factors_of, typed
from sim.study.figures.heat import heat_map, sign_map
from sim.study.figures.replicates import need
from sim.study.figures.response import BEYOND, draw_response, is_cut
from sim.study.figures.style import note, styled
from sim.study.figures.tiles import spread_tiles, tiles
from sim.study.figures.words import HEADLINES
from sim.study.figures.written import Written, save

__all__ = ["comparison_page", "headlines_of", "write_sweep"]

_MOST_FACTORS = 8  # on a page of responses
_MOST_PAIRS = 3  # on a page of maps, of each arm
_MOST_LEVELS = 5  # of a parameter that lines are split by
_MOST_LINES = 8  # in a panel


def headlines_of(table: pd.DataFrame, outcomes: Sequence[str] | None = None) -> list[str]:
    """Return the outcomes that pages show: those asked for, or the headlines, or a few others that have values.

    Raises
    ------
    InputError
        The table does not have one of those asked for.
    """
    value = "difference" if "difference" in table.columns else "estimate"
    need(table, "tables", ("outcome", value))
    there = list(dict.fromkeys(map(str, table["outcome"])))
    if unknown := [name for name in outcomes or () if name not in there]:
        raise InputError(f"there is no outcome {unknown[0]!r}, expected one of {sorted(there)}; correct the name.")
    if outcomes:
        return list(dict.fromkeys(outcomes))
    filled = set(map(str, table.loc[table[value].notna(), "outcome"].unique()))
    known = [name for name in HEADLINES if name in filled]
    return known or [name for name in there if name in filled][:6]


@styled
def write_sweep(
    folder: Path | str,
    summary: pd.DataFrame,
    contrasts: pd.DataFrame | None,
    factors: Sequence[str] | None = None,
    *,
    outcomes: Sequence[str] | None = None,
    x: str | None = None,
    y: str | None = None,
    log: Collection[str] = (),
    dpi: int = 160,
) -> Written:
    """Write the figures of a sweep or design as PNG files, each whole or not at all.

    ``response_OUTCOME.png`` holds an outcome, and its paired differences, over each parameter of numbers or times;
    ``map_OUTCOME.png`` differences, or levels, over pairs of them; ``comparison_PARAMETER.png`` the outcomes at each
    value of a parameter of words.

    Parameters
    ----------
    folder
        Where to; made if need be.
    summary, contrasts
        The joined tables, with swept parameters as columns; None or no rows where a study has one arm.
    factors
        The swept parameters; default: all columns that no study has by itself. Those that do not differ are left out.
    outcomes
        Which outcomes; default: the headlines that there are.
    x, y
        Show this parameter alone, and its map with the other one; default: all, and their first three pairs.
    log
        Parameters with a logarithmic axis.
    dpi
        Dots per inch.

    Returns
    -------
    Written
        Paths, and for each name that is missing the reason in words.

    Raises
    ------
    InputError
        Tables without a column, runs that differ in nothing, or an unknown outcome, `x` or `y`.
    """
    need(summary, "summaries", ("arm", "outcome", "estimate", "low", "high", "n", "method", "unit"))
    contrasts = None if contrasts is None or contrasts.empty else contrasts
    names = list(factors) if factors is not None else factors_of(summary)
    if not names:
        raise InputError("the runs differ in no parameter, expected a sweep; give the folder of one run.")
    need(summary, "summaries", names)
    names = [name for name in names if summary[name].nunique() > 1]
    if not names:  # a design of one point, say
        return Written([], {"figures": "the points differ in no parameter"})
    for option, name in (("x", x), ("y", y)):
        if name is not None and name not in names:
            raise InputError(f"{option} is {name!r}, expected one of {names}; choose a parameter of the sweep.")
    if y is not None and x in (None, y):
        raise InputError(f"y is {y!r} and x is {x!r}, expected two parameters for a map; give both.")
    shown = headlines_of(summary, outcomes)
    summary, contrasts = _typed(summary, names), None if contrasts is None else _typed(contrasts, names)
    words = [name for name in names if summary[name].dtype == "object"]
    metric = [name for name in names if name not in words]
    pairs = list(combinations(metric, 2))[:_MOST_PAIRS]
    level = _level(summary, words)
    if x is not None:
        others = [name for name in metric if name != x] if x in metric else []
        pairs = [(x, y)] if y else [(x, name) for name in others][:_MOST_PAIRS]
        metric, words = ([n for n in of if n == x] for of in (metric, words))
    plans: dict[str, Callable[[], Figure]] = {}
    for outcome in shown:
        if metric:
            plans[f"response_{outcome}"] = partial(
                _response_page, summary, contrasts, metric[:_MOST_FACTORS], outcome, level, log
            )
        if pairs:
            plans[f"map_{outcome}"] = partial(_map_page, summary, contrasts, pairs, outcome, log)
    for name in words:
        plans[f"comparison_{name}"] = partial(comparison_page, summary, contrasts, shown, by=name)
    written = Written([], {})
    for plan, draw in plans.items():
        file = re.sub(r"[^\w.-]+", "_", plan) + ".png"
        try:
            drawing = draw()
        except InputError as error:
            written.skipped[file] = str(error)
        else:
            save(drawing, Path(folder) / file, dpi, tight=False)  # pages of tiles, which are as large as need be
            written.paths.append(Path(folder) / file)
    return written


def _typed(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a table whose parameters are numbers or times where they can be, without those that are the same everywhere."""
    same = [name for name in table.columns if name not in (*OWN, *names) and table[name].nunique(dropna=False) < 2]
    return table.drop(columns=same).assign(**{name: typed(table[name]) for name in names if name in table.columns})


def _level(summary: pd.DataFrame, words: Sequence[str]) -> str | None:
    """Return the first parameter of words whose values are few, by which lines are split."""
    return next((name for name in words if 1 < summary[name].nunique() <= _MOST_LEVELS), None)


def _has(contrasts: pd.DataFrame | None, outcome: str) -> bool:
    """Return whether an outcome has any difference."""
    if contrasts is None:
        return False
    return bool((contrasts["difference"].notna() & (contrasts["outcome"] == outcome)).any())


def _arms(summary: pd.DataFrame, contrasts: pd.DataFrame | None) -> list[str]:
    """Return the arms, the baseline first: it has the first look everywhere."""
    arms = [str(arm) for arm in summary["arm"].unique()]
    first = [] if contrasts is None else [str(contrasts["baseline"].iloc[0])]
    return [*(arm for arm in first if arm in arms), *(arm for arm in arms if arm not in first)]


def _response_page(
    summary: pd.DataFrame,
    contrasts: pd.DataFrame | None,
    factors: Sequence[str],
    outcome: str,
    level: str | None,
    log: Collection[str],
) -> Figure:
    """Return one row of panels for each parameter: levels at the left, differences at the right."""
    columns = 1 + _has(contrasts, outcome)
    arms = _arms(summary, contrasts)
    drawing, grid = tiles(columns * len(factors), columns, 2.9 if columns == 2 else 4.4, 1.9)
    handles: list[Any] = []
    for panels, factor in zip(grid, factors, strict=True):
        for panel, table in zip(panels, (summary, contrasts), strict=False):
            if panel is None or table is None:
                continue
            its = arms if table is summary else [str(arm) for arm in table["arm"].unique()]
            by = level if level and len(its) * summary[level].nunique() <= _MOST_LINES else None
            here = [arm for arm in its if arm in set(table.loc[table["outcome"] == outcome, "arm"])]
            handles += draw_response(panel, table, factor, outcome, level=by, arms=here, log=factor in log)
    for column in zip(*grid, strict=True):
        panels_of = [panel for panel in column if panel is not None]
        limits = [panel.get_ylim() for panel in panels_of]
        for panel in panels_of:
            panel.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
    words = [handle for handle in handles if handle.get_marker() not in ("", "None")]
    notes = [handle for handle in handles if handle not in words]
    if any(is_cut(panel) for row in grid for panel in row if panel is not None):
        notes.append(note(BEYOND))
    return spread_tiles(drawing, grid, [*words, *notes], columns=columns)


def _map_page(
    summary: pd.DataFrame,
    contrasts: pd.DataFrame | None,
    pairs: Sequence[tuple[str, str]],
    outcome: str,
    log: Collection[str],
) -> Figure:
    """Return for each pair of parameters, and arm, the differences and their signs; or levels where there is one arm."""
    plans: list[Callable[[Axes], Any]] = []
    if _has(contrasts, outcome) and contrasts is not None:
        of_outcome = contrasts.loc[(contrasts["outcome"] == outcome) & contrasts["difference"].notna()]
        has_intervals = bool(of_outcome["low"].notna().any())
        for arm in _arms_of_maps(of_outcome):
            for x, y in pairs:
                for draw in (heat_map, sign_map)[: 1 + has_intervals]:  # one replicate decides no sign
                    plans.append(partial(draw, table=contrasts, x=x, y=y, outcome=outcome, arm=arm, log=log))
    else:
        plans = [partial(heat_map, table=summary, x=x, y=y, outcome=outcome, log=log) for x, y in pairs]
    columns = min(2, len(plans))
    drawing, grid = tiles(len(plans), columns, 2.7, 2.1)
    for panel, plan in zip((panel for row in grid for panel in row if panel is not None), plans, strict=True):
        plan(panel)
    return spread_tiles(drawing, grid, gap=(0.25, 0.25))


def _arms_of_maps(differences: pd.DataFrame) -> list[str]:
    """Return the first and the last arm of those that differ from the baseline anywhere: the ends of a row of steps."""
    arms = list(map(str, differences.loc[differences["difference"] != 0, "arm"].unique()))
    arms = arms or list(map(str, differences["arm"].unique()))
    return list(dict.fromkeys((arms[0], arms[-1])))


@styled
def comparison_page(
    summary: pd.DataFrame,
    contrasts: pd.DataFrame | None,
    outcomes: Sequence[str] | None = None,
    *,
    by: str | None = None,
) -> Figure:
    """Return one panel for each outcome, three in a row: differences of all arms, or levels where there is one arm.

    Parameters
    ----------
    summary, contrasts, outcomes
        As in `write_sweep`.
    by
        A swept parameter whose values are the rows; default: the arms are.

    Raises
    ------
    InputError
        No outcome has a value, or there is one arm and no parameter.
    """
    has_pairs = contrasts is not None and bool(contrasts["difference"].notna().any())
    if not has_pairs and by is None:
        arms = list(map(str, summary["arm"].unique()))
        raise InputError(f"there are no differences between the arms {arms}, and a comparison needs some")
    table = contrasts if has_pairs and contrasts is not None else summary
    value = "difference" if has_pairs else "estimate"
    filled = set(map(str, table.loc[table[value].notna(), "outcome"].unique()))
    shown = [name for name in (outcomes or headlines_of(table)) if name in filled]
    if not shown:
        raise InputError(f"none of {list(outcomes or ())} has a value; choose other outcomes.")
    if by is not None and int(table.loc[table[value].notna(), by].nunique()) < 2:
        raise InputError(f"there are {'differences' if has_pairs else 'values'} at one value of {by} only")
    n_arms = int(table["arm"].nunique())
    n_rows = n_arms if by is None else int(table[by].nunique())
    lines = 1 if by is None else max(1.0, 0.6 * n_arms)
    drawing, grid = tiles(len(shown), min(3, len(shown)), 1.75, min(4.0, 0.3 + 0.2 * n_rows * lines))
    handles: list[Any] = []
    for row in grid:
        for column, panel in enumerate(row):
            if panel is not None:
                outcome = shown[grid.index(row) * len(row) + column]
                handles += draw_comparison(panel, table, outcome, summary=summary if has_pairs else None, by=by)
                panel.tick_params(labelleft=column == 0)
    return spread_tiles(drawing, grid, handles)
