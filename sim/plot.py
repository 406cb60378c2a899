"""``python -m sim.plot DIR``: draw the standard figures of a run folder again, or those of a sweep or design."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.door import OK, SOME_FAILED, command, say, tell

if TYPE_CHECKING:
    import pandas as pd

    from sim.study.gather import Gathered
    from sim.study.joined import Joined

__all__ = ["Drawn", "main", "plot_folder", "plot_sweep"]


@dataclass(frozen=True)
class Drawn:
    """What the figures of a folder do not show.

    Attributes
    ----------
    skipped
        For each figure that is missing the reason.
    notes
        What a reader of a sweep should know, such as runs that are there twice.
    damaged
        Why the tables of some runs were left out.
    """

    skipped: dict[str, str]
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def plot_folder(folder: Path, outcomes: Sequence[str] = (), x: str | None = None, y: str | None = None) -> Drawn:
    """Draw the figures of whatever is in a folder into its folder ``figures``; return what they do not show.

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
    from sim.study.writing import read_manifest

    manifest = read_manifest(folder) if (folder / "manifest.json").exists() else {}
    if not manifest or manifest.get("design"):
        return plot_sweep(folder, outcomes, x, y)
    if x is not None or y is not None:
        raise InputError(
            f"{folder} is one run, which has no parameter {x or y!r} to plot over; give the folder of a sweep."
        )
    return Drawn(_plot_run(folder, manifest, outcomes))


def _plot_run(folder: Path, manifest: Mapping[str, Any], outcomes: Sequence[str]) -> dict[str, str]:
    """Draw the standard figures of a run folder from its tables; return what was left out, and why."""
    from sim.config import Observed
    from sim.errors import InputError
    from sim.scenario import validate
    from sim.study.figures.sweep_pages import headlines_of
    from sim.study.folder import draw_figures
    from sim.study.whole import clear_leftovers, whole_folder
    from sim.study.writing import refuse_foreign_figures
    from sim.tables import read_table

    refuse_foreign_figures(folder / "figures")
    names = ("curves", "nulls", "squares", "outcomes", "contrasts", "summary")
    tables = {name: read_table(folder / f"{name}.parquet") for name in names if name != "curves"}
    tables["curves"] = _curves_shown(folder / "curves.parquet")
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


def _curves_shown(path: Path) -> pd.DataFrame:
    """Return the curves that the standard figures show, without holding the others in memory."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from sim.errors import InputError
    from sim.study.figures import curves_shown
    from sim.tables import faults, unreadable

    try:
        with pq.ParquetFile(path) as file:
            parts = []
            for i in range(file.num_row_groups):
                part = file.read_row_group(i)
                names = pa.array(curves_shown(part.column("curve").cast(pa.string()).unique().to_pylist()), pa.string())
                parts.append(part.filter(pc.is_in(part.column("curve").cast(pa.string()), value_set=names)))
            found: pd.DataFrame = (pa.concat_tables(parts) if parts else file.read()).to_pandas()
    except faults() as error:
        raise InputError(unreadable(path, error)) from error
    return found


def plot_sweep(folder: Path, outcomes: Sequence[str] = (), x: str | None = None, y: str | None = None) -> Drawn:
    """Draw the figures of a sweep or design into its folder ``figures``; return what they do not show.

    Only the rows of the outcomes that are shown are read: memory does not grow with what else a study has measured.
    Tables that are damaged are left out, as `sim.collect` does.

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
    from sim.study.figures.designs import factors_of
    from sim.study.figures.words import HEADLINES
    from sim.study.gather import gather
    from sim.study.joined import Joined
    from sim.study.whole import clear_leftovers, whole_folder
    from sim.study.writing import refuse_foreign_figures

    gathered = gather([folder], tables=("summary", "contrasts"))
    n_designs = sum(bool(place.factors) for place in gathered.folders)
    if n_runs := (len(gathered.folders) - n_designs) * bool(n_designs):
        one, other = (f"{n} {what}{'s' if n > 1 else ''}" for n, what in ((n_runs, "run"), (n_designs, "design")))
        gathered.notes.append(
            f"{folder} holds {one} and {other}: drawn are all their points together, by what they differ in; what each shows "
            "by itself is not (give its own folder)."
        )
    refuse_foreign_figures(folder / "figures", of_sweep=True)
    joined = Joined(gathered, "summary")
    there = _outcomes_of(joined)
    if unknown := [name for name in outcomes if name not in there]:
        raise InputError(f"there is no outcome {unknown[0]!r} in {folder}, expected one of {there}; correct the name.")
    wanted = list(outcomes) or [name for name in HEADLINES if name in there] or there[:6]
    summary, contrasts = _rows_of(joined, wanted), _rows_of(Joined(gathered, "contrasts"), wanted)
    factors = [name for name in factors_of(summary) if name in joined.parameters]
    declared = list(dict.fromkeys(name for place in gathered.folders for name in place.factors))
    # As the run has drawn them.
    factors.sort(key=lambda name: declared.index(name) if name in declared else len(declared))
    clear_leftovers(folder / "figures")
    with whole_folder(folder / "figures") as temporary:
        written = write_sweep(
            temporary, summary, contrasts, factors, outcomes=outcomes or None, x=x, y=y, log=_logarithmic(gathered)
        )
        if not written.paths:
            reason = next(iter(written.skipped.values()), "no parameter makes a figure")
            raise InputError(f"{folder} gives no figure ({reason.rstrip('.')}); choose other outcomes or parameters.")
    return Drawn(written.skipped, gathered.notes, list(gathered.damaged.values()))


def _rows_of(joined: Joined, outcomes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some outcomes, without holding others in memory."""
    import pyarrow as pa

    from sim.study.joined import TornError

    while True:
        try:
            rows = list(joined.batches(where={"outcome": list(outcomes)}))
        except TornError:
            continue  # without the damaged table
        found: pd.DataFrame = pa.Table.from_batches(rows, joined.schema).to_pandas()
        return found


def _outcomes_of(joined: Joined) -> list[str]:
    """Return the names of the outcomes of a table, in the order in which they appear."""
    from sim.study.joined import TornError

    while True:
        names: dict[str, None] = {}
        try:
            for batch in joined.batches(["outcome"]):
                names |= dict.fromkeys(batch.column("outcome").unique().to_pylist())
        except TornError:
            continue  # without the damaged table
        return list(names)


def _logarithmic(gathered: Gathered) -> set[str]:
    """Return the factors of designs that were drawn on a logarithmic scale."""
    from sim.study.writing import read_manifest

    found: set[str] = set()
    for place in gathered.folders:
        if place.factors:
            factors = read_manifest(place.path)["design"]["factors"]
            found |= {name for name, its in factors.items() if its.get("scale") == "log"}
    return found


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
    drawn = plot_folder(given.folder, given.outcome, given.x, given.y)
    if has_report(given.folder):
        write_report(given.folder)
    say(str(given.folder / "figures"))
    tell(*(f"no {name}: {reason}" for name, reason in drawn.skipped.items()), *drawn.notes)
    tell(*(f"left out: {reason}" for reason in drawn.damaged))
    return SOME_FAILED if drawn.damaged else OK


def main() -> int:
    """Run the command line and return its exit code: 0; 1 some table was damaged; 2 for a folder that cannot be used."""
    return command(_draw)


if __name__ == "__main__":
    sys.exit(main())
