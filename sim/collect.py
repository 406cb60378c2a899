"""``python -m sim.collect DIR``: join the tables of all run folders below a folder, with what they differ in."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sim.door import OK, command, say

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["collect", "main"]


def collect(folder: Path, table: str = "outcomes") -> pd.DataFrame:
    """Return one table of all run folders below `folder`: the column ``folder``, one per override, then the table's own.

    Parameters
    ----------
    folder
        Searched for finished run folders at any depth.
    table
        Name of the table: outcomes, contrasts, summary, curves, ...

    Raises
    ------
    InputError
        No finished run folder, or one without the table.
    """
    import pandas as pd

    from sim.errors import InputError
    from sim.study.folder import read_manifest
    from sim.study.whole import is_partial
    from sim.tables import read_table

    found = sorted(p.parent for p in folder.glob("**/outcomes.parquet") if not is_partial(p.relative_to(folder)))
    if not found:
        raise InputError(
            f"{folder} holds no finished run (a folder with outcomes.parquet); give that of a run or sweep."
        )
    parts = []
    for place in found:
        part = read_table(place / f"{table}.parquet")
        words = dict(o.lstrip("+").split("=", 1) for o in (read_manifest(place).get("overrides") or ()) if "=" in o)
        for position, (key, value) in enumerate(sorted(words.items())):
            part.insert(position, key, value)
        part.insert(0, "folder", str(place.relative_to(folder)))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _join() -> int:
    """Read the command line, join the tables and write them."""
    from sim.study.folder import write_table

    parser = argparse.ArgumentParser(
        prog="python -m sim.collect", description="Join the tables of all run folders in DIR."
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--table", default="outcomes", help="outcomes (default), contrasts, summary, curves ...")
    parser.add_argument("--out", type=Path, help="Parquet file to write (default: DIR/collected_TABLE.parquet)")
    given = parser.parse_args()
    joined = collect(given.folder, given.table)
    out = given.out or given.folder / f"collected_{given.table}.parquet"
    write_table(out, joined)
    say(f"{out}: {len(joined)} rows of {joined['folder'].nunique()} runs")
    return OK


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 for a folder that cannot be used."""
    return command(_join)


if __name__ == "__main__":
    sys.exit(main())
