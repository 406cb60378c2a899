"""``python -m sim.plot DIR``: draw the standard figures of a run folder again."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sim.door import OK, command, say, tell

__all__ = ["main", "plot_folder"]


def plot_folder(folder: Path) -> dict[str, str]:
    """Draw the standard figures of a run folder from its tables; return what was left out, and why.

    Raises
    ------
    InputError
        The folder is not a finished run folder.
    """
    from sim.config import Observed
    from sim.errors import InputError
    from sim.scenario import validate
    from sim.study.folder import draw_figures, read_manifest, refuse_foreign_figures
    from sim.study.whole import clear_leftovers, whole_folder
    from sim.tables import read_table

    manifest = read_manifest(folder)
    refuse_foreign_figures(folder / "figures")
    tables = {name: read_table(folder / f"{name}.parquet") for name in ("curves", "nulls", "squares", "outcomes")}
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
        return draw_figures(temporary, tables, scenario, observed, *arms)


def _draw() -> int:
    """Read the command line, draw, and say where the figures are."""
    parser = argparse.ArgumentParser(prog="python -m sim.plot", description="Draw the figures of a run folder again.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    skipped = plot_folder(folder)
    say(str(folder / "figures"))
    tell(*(f"no {name}: {reason}" for name, reason in skipped.items()))
    return OK


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 for a folder that cannot be used."""
    return command(_draw)


if __name__ == "__main__":
    sys.exit(main())
