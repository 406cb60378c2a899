"""``python -m sim.collect DIR``: join the tables of all run folders below a folder, with what they differ in."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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

    found = sorted(p.parent for p in folder.glob("**/manifest.json"))
    if not found:
        raise InputError(
            f"{folder} holds no finished run (a folder with manifest.json); give the folder of a run or sweep."
        )
    parts = []
    for place in found:
        try:
            manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8"))
            part = pd.read_parquet(place / f"{table}.parquet")
        except (OSError, ValueError) as error:
            raise InputError(f"{place} cannot be read ({error}); run it again or move it away.") from error
        words = dict(o.lstrip("+").split("=", 1) for o in manifest["overrides"] if "=" in o)
        for position, (key, value) in enumerate(sorted(words.items())):
            part.insert(position, key, value)
        part.insert(0, "folder", str(place.relative_to(folder)))
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 for a folder that cannot be used."""
    from sim.errors import InputError
    from sim.study.folder import write_table

    parser = argparse.ArgumentParser(
        prog="python -m sim.collect", description="Join the tables of all run folders in DIR."
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--table", default="outcomes", help="outcomes (default), contrasts, summary, curves ...")
    parser.add_argument("--out", type=Path, help="Parquet file to write (default: DIR/collected_TABLE.parquet)")
    given = parser.parse_args()
    try:
        joined = collect(given.folder, given.table)
        out = given.out or given.folder / f"collected_{given.table}.parquet"
        write_table(out, joined)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{out}: {len(joined)} rows of {joined['folder'].nunique()} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
