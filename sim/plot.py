"""``python -m sim.plot DIR``: draw the standard figures of a run folder again, or those of a sweep or design."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.door import OK, command, say, tell

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["main", "plot_folder", "plot_sweep", "swept_table"]


def plot_folder(
    folder: Path, outcomes: Sequence[str] = (), x: str | None = None, y: str | None = None
) -> dict[str, str]:
    """Draw the figures of whatever is in a folder into its folder ``figures``; return what was left out, and why.

    Of a run, the standard figures; of a folder with several runs at any depth (a sweep), or of a design, the figures of
    `sim.study.figures.write_sweep`.

    Parameters
    ----------
    folder
        A finished run or design, or a folder that holds some.
    outcomes
        Names; default: the headlines.
    x, y
        Parameters of a sweep: over which responses are shown, and the map of both.

    Raises
    ------
    InputError
        No finished run, tables or names that do not suit, or something in the folder of the figures that is not ours.
    """
    from sim.errors import InputError
    from sim.study.folder import read_manifest

    manifest = read_manifest(folder) if (folder / "manifest.json").exists() else {}
    if not manifest or manifest.get("design"):
        return plot_sweep(folder, outcomes, x, y)
    if x is not None or y is not None:
        raise InputError(
            f"{folder} is one run, which has no parameter {x or y!r} to plot over; give the folder of a sweep."
        )
    return _plot_run(folder, manifest, outcomes)


def _plot_run(folder: Path, manifest: Mapping[str, Any], outcomes: Sequence[str]) -> dict[str, str]:
    """Draw the standard figures of a run folder from its tables; return what was left out, and why."""
    from sim.config import Observed
    from sim.errors import InputError
    from sim.scenario import validate
    from sim.study.figures.sweep_pages import headlines_of
    from sim.study.folder import draw_figures, refuse_foreign_figures
    from sim.study.whole import clear_leftovers, whole_folder
    from sim.tables import read_table

    refuse_foreign_figures(folder / "figures")
    names = ("curves", "nulls", "squares", "outcomes", "contrasts", "summary")
    tables = {name: read_table(folder / f"{name}.parquet") for name in names}
    compared = headlines_of(tables["summary"], outcomes) if outcomes else None
    try:
        scenario = validate(manifest["shown"])
        observed = Observed.model_validate(manifest["configuration"]["observed"])
        arms = manifest["baseline"], manifest["open_arms"], manifest["windows"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / 'manifest.json'} lacks what the figures need ({error}); give a folder that this version has written."
        ) from error
    clear_leftovers(folder / "figures")
    with whole_folder(folder / "figures") as temporary:
        return draw_figures(temporary, tables, scenario, observed, *arms, compared)


def plot_sweep(
    folder: Path, outcomes: Sequence[str] = (), x: str | None = None, y: str | None = None
) -> dict[str, str]:
    """Draw the figures of a sweep or design into its folder ``figures``; return what was left out, and why.

    Only the rows of the outcomes that are shown are read: memory does not grow with what else a study has measured.

    Parameters
    ----------
    folder, outcomes, x, y
        As in `plot_folder`.

    Raises
    ------
    InputError
        As in `plot_folder`; or no figure can be drawn.
    """
    from sim.errors import InputError
    from sim.study.figures import write_sweep
    from sim.study.figures.words import HEADLINES
    from sim.study.folder import refuse_foreign_figures
    from sim.study.whole import clear_leftovers, whole_folder

    places = _runs_below(folder)
    refuse_foreign_figures(folder / "figures", of_sweep=True)
    there = _outcomes_of(places[0] / "summary.parquet")
    if unknown := [name for name in outcomes if name not in there]:
        raise InputError(f"there is no outcome {unknown[0]!r} in {folder}, expected one of {there}; correct the name.")
    wanted = list(outcomes) or [name for name in HEADLINES if name in there] or there[:6]
    summary = swept_table(folder, "summary", wanted)
    contrasts = swept_table(folder, "contrasts", wanted)
    log = {name for place in places for name in _logarithmic(place)}
    clear_leftovers(folder / "figures")
    with whole_folder(folder / "figures") as temporary:
        written = write_sweep(temporary, summary, contrasts, outcomes=outcomes or None, x=x, y=y, log=log)
        if not written.paths:
            reason = next(iter(written.skipped.values()), "no parameter makes a figure")
            raise InputError(f"{folder} gives no figure ({reason.rstrip('.')}); choose other outcomes or parameters.")
    return written.skipped


def swept_table(folder: Path, table: str, outcomes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some outcomes of a table of all runs below a folder, with their parameters as columns.

    Parameters
    ----------
    folder
        Holds run folders or design folders at any depth, or is one.
    table
        summary or contrasts.
    outcomes
        Names.

    Returns
    -------
    DataFrame
        The column ``folder``, one for each override of the command line or factor of a design, then the table's own.

    Raises
    ------
    InputError
        No finished run, or a table that is missing or cannot be read.
    """
    import pandas as pd

    from sim.study.folder import read_manifest

    parts = []
    for place in _runs_below(folder):
        part = _rows_of(place / f"{table}.parquet", outcomes)
        words = dict(o.lstrip("+").split("=", 1) for o in (read_manifest(place).get("overrides") or ()) if "=" in o)
        for position, (key, value) in enumerate(sorted(words.items())):
            if key not in part.columns:
                part.insert(position, key, value)
        part.insert(0, "folder", str(place.relative_to(folder)))
        parts.append(part)
    full = [part for part in parts if not part.empty]
    return pd.concat(full, ignore_index=True) if full else parts[0]


def _runs_below(folder: Path) -> list[Path]:
    """Return the finished run and design folders at any depth."""
    from sim.errors import InputError
    from sim.study.whole import is_partial

    found = sorted(p.parent for p in folder.glob("**/outcomes.parquet") if not is_partial(p.relative_to(folder)))
    if not found:
        raise InputError(f"{folder} holds no finished run (a folder with manifest.json); give that of a run or sweep.")
    return found


def _rows_of(path: Path, outcomes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some outcomes of a table, without reading the others into memory."""
    import pandas as pd
    from pyarrow.parquet import ParquetFile

    from sim.errors import InputError

    try:
        with ParquetFile(path) as file:
            is_empty = file.metadata.num_rows == 0  # and its columns have no types to filter by
        return pd.read_parquet(path, filters=None if is_empty else [("outcome", "in", list(outcomes))])
    except Exception as error:  # pandas and pyarrow raise many kinds of errors for files that are cut or garbled
        raise InputError(
            f"{path} cannot be read ({_first_line(error)}); expected a whole table, write it again."
        ) from error


def _outcomes_of(path: Path) -> list[str]:
    """Return the names of the outcomes of a table, in their order, part by part."""
    from pyarrow.parquet import ParquetFile

    from sim.errors import InputError

    names: dict[str, None] = {}
    try:
        with ParquetFile(path) as file:
            for batch in file.iter_batches(columns=["outcome"]):
                names |= dict.fromkeys(batch.column("outcome").unique().to_pylist())
    except Exception as error:  # as above
        raise InputError(
            f"{path} cannot be read ({_first_line(error)}); expected a whole table, write it again."
        ) from error
    return list(names)


def _first_line(error: Exception) -> str:
    """Return what an error says, without a full stop."""
    return (str(error) or type(error).__name__).splitlines()[0].replace(". ", ", ").rstrip(".")


def _logarithmic(place: Path) -> list[str]:
    """Return the factors of a design that were drawn on a logarithmic scale."""
    from sim.study.folder import read_manifest

    design = read_manifest(place).get("design")
    factors = design.get("factors") if isinstance(design, dict) else None
    if not isinstance(factors, dict):
        return []
    return [name for name, its in factors.items() if isinstance(its, dict) and its.get("scale") == "log"]


def _draw() -> int:
    """Read the command line, draw, and say where the figures are; a report in the folder gets them, too."""
    from sim.study.report import has_report, write_report

    parser = argparse.ArgumentParser(
        prog="python -m sim.plot",
        description="Draw the figures of a run, or of all runs of a sweep or design, into DIR/figures.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument(
        "--outcome", action="append", default=[], metavar="NAME", help="an outcome to show (repeatable)"
    )
    parser.add_argument("--x", metavar="PARAM", help="show outcomes over this parameter of the sweep alone")
    parser.add_argument("--y", metavar="PARAM", help="and over both, as a map")
    given = parser.parse_args()
    skipped = plot_folder(given.folder, given.outcome, given.x, given.y)
    if has_report(given.folder):
        write_report(given.folder)
    say(str(given.folder / "figures"))
    tell(*(f"no {name}: {reason}" for name, reason in skipped.items()))
    return OK


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 for a folder that cannot be used."""
    return command(_draw)


if __name__ == "__main__":
    sys.exit(main())
