"""The folder of a calibration: tables, draws for other studies, figures, manifest."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.inference.calibrating import HISTORY, Calibrated, about
from sim.inference.told import fit_table, parameter_table
from sim.study.folder import marks_of
from sim.study.whole import whole_folder
from sim.study.writing import Clockwork, about_programs, put_table

if TYPE_CHECKING:
    import pandas as pd

    from sim.config import Plan

__all__ = ["DRAWS", "write_calibration"]

DRAWS = "draws.csv"
"""Draws of equal weight, which `parameters=posterior` can use."""
_DIGITS = 5
_ELSEWHERE = ("calibration.folder=", "calibration.database=", "calibration.backend=", "calibration.address=", "study.store=",
              "study.workers=")  # fmt: skip
"""Overrides that say where something was computed, which decides nothing of what came out."""


def write_calibration(c: Calibrated, plan: Plan, clockwork: Clockwork, overrides: Sequence[str]) -> dict[str, str]:
    """Write tables, figures and manifest into the folder of a calibration; return which figures are missing, and why.

    Raises
    ------
    InputError
        The disk is full or the folder cannot be written.
    """
    from sim.inference.figures import draw_calibration

    folder = c.folder
    try:
        tables = {
            "prior": c.prior.table(), "posterior": c.posterior.table(), "predictions": c.predictions, "fit": fit_table(c),
            "parameters": parameter_table(c),
        }  # fmt: skip
        with whole_folder(folder, keep=[path.name for path in folder.glob(f"{HISTORY}*")]) as place:
            for name, table in tables.items():
                put_table(place / f"{name}.parquet", table)
            _write_draws(place / DRAWS, c, plan.seed)
            (place / "figures").mkdir()
            skipped = draw_calibration(c, place / "figures", marks_of(c.scenario, plan.observed))
            told = about_programs("sim.calibrate") | clockwork.read() | about(c) | {
                "seed": plan.seed, "engine": plan.engine, "overrides": _of_what(overrides),
                "configuration": c.plan.model_dump(mode="json", exclude={"database"}), "figures_left_out": skipped,
            }  # fmt: skip
            told["command"] = _of_what(told["command"])
            text = json.dumps(told, indent=2, default=str, ensure_ascii=False)
            (place / "manifest.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{folder} could not be written ({error.strerror or error}); free some space or choose another folder with "
            "calibration.folder=FOLDER (the history is kept)."
        ) from error
    return skipped


def _of_what(words: Sequence[str]) -> list[str]:
    """Return words of a command but for those that say where; the address of a database may hold a password."""
    return [word for word in words if not word.startswith(_ELSEWHERE)]


def _write_draws(path: Path, c: Calibrated, seed: int) -> None:
    """Write draws as CSV, after lines that say where they come from."""
    import pandas as pd

    table: pd.DataFrame = pd.DataFrame(c.posterior.draws(c.plan.predictions, seed))
    command = shlex.join(["python", "-m", "sim.calibrate", *_of_what(sys.argv[1:])])
    with path.open("w", encoding="utf-8") as file:
        file.write(
            f"# {len(table)} draws of equal weight from a posterior, {len(table.drop_duplicates())} of them different, "
            "one per row; columns are keys of parameters.\n"
        )
        file.write(f"# Made by: {command}\n")
        file.write(
            f"# Calibration {c.key}: {len(c.posterior.weights)} particles, {c.posterior.n_effective:.0f} effective, within "
        )
        file.write(f"{c.generations[-1].threshold:.3g}, after {len(c.generations)} generations.\n")
        table.to_csv(file, index=False, float_format=f"%.{_DIGITS}g", lineterminator="\n")
