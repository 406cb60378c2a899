"""``python -m sim.collect DIR [DIR ...]``: join the tables of all run folders below some folders, with what they differ in."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.door import OK, SOME_FAILED, command, say, tell

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from sim.study.joined import Joined

__all__ = ["batches", "collect", "main"]

Folders = str | Path | Sequence[str | Path]

_ROWS = 1 << 17
"""Rows of a group of a Parquet file: what is in memory at once."""
_MARK = b"mobsim"
"""Name of the metadata by which a collected Parquet file is known."""
_FORMATS = ("parquet", "csv")


def collect(
    folder: Folders,
    table: str = "outcomes",
    columns: Sequence[str] | None = None,
    where: Mapping[str, object] | None = None,
    *,
    keep_duplicates: bool = False,
) -> pd.DataFrame:
    """Return one table of all run folders below `folder`: the column ``folder``, the parameters, then the table's own.

    Parameters are what commands named (``throttle.push=0.5``, ``decision=hazard``) and the factors of designs, and the seed,
    engine, replicates and world if they differ. Each is a column of numbers, of true and false, or of text. What left something
    out, or may be counted twice, is a warning.

    Parameters
    ----------
    folder
        Searched for finished run folders at any depth; several are searched together.
    table
        Name of the table: outcomes, contrasts, summary, curves, ...
    columns
        Which columns, in this order; None: all.
    where
        Columns and the value, or list of values, that rows must have there: ``{"curve": "on_squares", "arm": ["open"]}``.
        Other rows are not kept in memory.
    keep_duplicates
        Whether folders that repeat others (the same scenarios, parameters, seed and replicates) stay.

    Raises
    ------
    InputError
        No finished run folder, none with the table, or an unknown column.
    """
    import pyarrow as pa

    from sim.study.joined import TornError

    joined = _joined(folder, table, keep_duplicates)
    while True:
        try:
            rows = list(joined.batches(columns, where))
            break
        except TornError:
            continue  # without the damaged table
    _warn(joined)
    schema = pa.schema([joined.schema.field(name) for name in (joined.schema.names if columns is None else columns)])
    found: pd.DataFrame = pa.Table.from_batches(rows, schema).to_pandas()
    return found


def batches(
    folder: Folders,
    table: str = "outcomes",
    columns: Sequence[str] | None = None,
    where: Mapping[str, object] | None = None,
    *,
    keep_duplicates: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Return the rows of `collect` as Arrow batches, one after another: for tables that are larger than the memory.

    Parameters
    ----------
    folder, table, columns, where, keep_duplicates
        As for `collect`.

    Raises
    ------
    InputError
        As `collect`; also in the middle, where a table is found damaged after some of its rows were given.
    """
    joined = _joined(folder, table, keep_duplicates)
    _warn(joined)
    return joined.batches(columns, where)


def _joined(folder: Folders, table: str, keep_duplicates: bool) -> Joined:
    from sim.study.gather import gather
    from sim.study.joined import Joined

    folders = [Path(folder)] if isinstance(folder, str | Path) else [Path(each) for each in folder]
    return Joined(gather(folders, keep_duplicates=keep_duplicates, tables=(table,)), table)


def _warn(joined: Joined) -> None:
    """Warn, as notebooks show it, of what was left out."""
    notes = [*joined.gathered.notes, *_without(joined)]
    notes += [f"left out: {reason}" for reason in joined.gathered.damaged.values()]
    for note in notes:
        warnings.warn(note, stacklevel=3)


def _without(joined: Joined) -> list[str]:
    if not joined.n_without:
        return []
    have = "run folder has" if joined.n_without == 1 else "run folders have"
    return [f"{joined.n_without} {have} no table {joined.table}."]


def _join() -> int:
    """Read the command line, join the tables and write them."""
    from sim.study.gather import gather
    from sim.study.joined import Joined, UnreadableError

    given = _arguments()
    names = list(dict.fromkeys(given.table or ["outcomes"]))
    is_all = "all" in names
    gathered = gather(given.folders, keep_duplicates=given.keep_duplicates, tables=None if is_all else names)
    names = list(gathered.tables) if is_all else names
    for name in names:
        gathered.check(name)
    places = _places(given, names)
    tell(*gathered.notes)
    for name, place in places.items():
        try:
            joined = Joined(gathered, name)
            n_rows = _write(joined, place)
        except UnreadableError:
            if len(places) == 1:
                raise
            continue  # of the others some may be whole; all that are not are named below
        n = len(joined.folders)
        say(f"{place}: {n_rows} rows of {n} run{'s' if n > 1 else ''}")
        tell(*([] if is_all else _without(joined)))
    tell(*(f"left out: {reason}" for reason in gathered.damaged.values()))
    return SOME_FAILED if gathered.damaged else OK


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sim.collect",
        description="Join the tables of all run folders at any depth below DIR: the column folder, the parameters that their "
        "commands named, then the table's own columns. Exit code 1: some folder was damaged and left out.",
    )
    parser.add_argument("folders", type=Path, metavar="DIR", nargs="+", help="of a run, a sweep, or many of them")
    parser.add_argument(
        "--table",
        action="append",
        metavar="TABLE",
        help="outcomes (default), contrasts, summary, curves ..., or all; may be given several times",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PLACE",
        help="file to write (.parquet or .csv), or folder for collected_TABLE.parquet (default: DIR)",
    )
    parser.add_argument("--format", choices=_FORMATS, help="parquet (default) or csv")
    parser.add_argument(
        "--keep-duplicates",
        action="store_true",
        help="keep folders that repeat others: the same scenarios, parameters, seed and replicates",
    )
    return parser.parse_args()


def _places(given: argparse.Namespace, tables: Sequence[str]) -> dict[str, Path]:
    """Return where each table goes; refuse a place that would lose or confuse something."""
    from sim.errors import InputError

    out: Path | None = given.out
    suffix = out.suffix.lower().removeprefix(".") if out is not None and not out.is_dir() else ""
    if suffix in _FORMATS:
        assert out is not None
        if len(tables) > 1:
            raise InputError(f"--out is the file {out} for {len(tables)} tables; give a folder.")
        if given.format not in (None, suffix):
            raise InputError(f"--out is {out} and --format {given.format}, which do not agree; leave out one of them.")
        inside = any(out.resolve().is_relative_to(folder.resolve()) for folder in given.folders)
        if inside and not out.stem.startswith("collected_") and out.name == f"{tables[0]}.parquet":
            raise InputError(
                f"--out is {out}, which would be taken for the table of a run; choose a name such as collected_{out.name}."
            )
        places = {tables[0]: out}
    else:
        if out is None and len(given.folders) > 1:
            raise InputError(f"{len(given.folders)} folders are joined; say where to write with --out FILE or FOLDER.")
        ending = given.format or "parquet"
        places = {name: (out or given.folders[0]) / f"collected_{name}.{ending}" for name in tables}
    for place in places.values():
        if place.exists() and not _is_ours(place):
            raise InputError(f"{place} exists and is no collected table of ours; choose another place with --out.")
    return places


def _is_ours(place: Path) -> bool:
    """Return whether a file was written by this command: Parquet says so itself, CSV by its header."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not place.is_file():
        return False
    if place.suffix.lower() == ".csv":
        with open(place, encoding="utf-8", errors="replace") as file:
            return file.readline().startswith('"folder",')  # a spreadsheet would not quote it
    try:
        return _MARK in (pq.read_metadata(place).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def _write(joined: Joined, place: Path) -> int:
    """Write a table, whole or not at all; return the number of its rows."""
    from sim.errors import InputError
    from sim.study.joined import TornError
    from sim.study.whole import write_whole

    while True:
        try:
            with write_whole(place) as temporary:
                return _stream(joined, temporary)
        except TornError:
            continue  # from the beginning, without the table that turned out to be damaged
        except OSError as error:
            reason = error.strerror or str(error)
            raise InputError(
                f"{place} could not be written ({reason}); free some space or choose another place with --out."
            ) from error


def _stream(joined: Joined, place: Path) -> int:
    """Write batches as they come, many small ones together; return the number of rows."""
    import pyarrow as pa

    n_rows = n_waiting = 0
    waiting: list[pa.RecordBatch] = []
    with _writer(joined, place) as writer:
        for batch in joined.batches():
            waiting.append(batch)
            n_rows += batch.num_rows
            n_waiting += batch.num_rows
            if n_waiting >= _ROWS:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting, n_waiting = [], 0
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
    return n_rows


def _writer(joined: Joined, place: Path) -> Any:
    import pyarrow.csv
    import pyarrow.parquet

    if place.suffix.lower() == ".csv":
        return pyarrow.csv.CSVWriter(str(place), joined.schema)
    about = {"table": joined.table, "folders": len(joined.folders), "parameters": joined.parameters}
    schema = joined.schema.with_metadata({_MARK: json.dumps(about)})
    return pyarrow.parquet.ParquetWriter(str(place), schema, compression="zstd", write_page_checksum=True)


def main() -> int:
    """Run the command line and return its exit code: 0; 1 some table was damaged; 2 nothing that can be used."""
    return command(_join)


if __name__ == "__main__":
    sys.exit(main())
