"""``python -m sim.plot DIR``: draw the standard figures of a run folder again."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

__all__ = ["main", "plot_folder"]


def plot_folder(folder: Path) -> dict[str, str]:
    """Draw the standard figures of a run folder from its tables; return what was left out, and why.

    Raises
    ------
    InputError
        The folder is not a finished run folder.
    """
    import pandas as pd

    from sim.config import Observed
    from sim.errors import InputError
    from sim.scenario import PARTS, validate
    from sim.study.figures import write_all
    from sim.study.folder import marked_windows, marks_of, provinces_table

    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        tables = {n: pd.read_parquet(folder / f"{n}.parquet") for n in ("curves", "nulls", "squares", "outcomes")}
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} is not a finished run folder ({error}); give a folder that holds manifest.json and its tables."
        ) from error
    configuration = manifest["configuration"]
    scenario = validate({part: configuration[part] for part in PARTS})
    # Folders of before windows were kept show those of the configured night in every arm.
    windows = {arm: marked_windows(its) for arm, its in manifest.get("windows", {}).items()}
    written = write_all(
        folder / "figures", tables["curves"], tables["nulls"], tables["squares"], tables["outcomes"],
        provinces_table(scenario), marks_of(scenario, Observed.model_validate(configuration["observed"])),
        baseline=manifest["baseline"], open_arms=manifest["open_arms"], windows=windows or None,
    )  # fmt: skip
    return dict(written.skipped)


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 for a folder that cannot be used."""
    from sim.errors import InputError

    parser = argparse.ArgumentParser(prog="python -m sim.plot", description="Draw the figures of a run folder again.")
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    try:
        skipped = plot_folder(folder)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(folder / "figures")
    for name, reason in skipped.items():
        print(f"no {name}: {reason}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
