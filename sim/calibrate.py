"""``python -m sim.calibrate [OVERRIDE ...]``: fit the parameters of the night to a reading of its data or to a series."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from sim.door import OK, command, say, tell
from sim.errors import InputError

__all__ = ["main", "with_reading"]

_READING = "calendar_days"
_ABOUT = """\
Fits the parameters of a night to what was observed, by approximate Bayesian computation (ABC-SMC, pyABC), and writes the
posterior into a folder below outputs/calibration. The same command goes on where it was interrupted, and extends what is
finished when more generations are asked for. Overrides are those of `python -m sim` and of conf/calibration/night.yaml."""
_EXAMPLES = """\
  python -m sim.calibrate observed=calendar_days
  python -m sim.calibrate observed=as_told calibration.particles=1000 calibration.generations=12
  python -m sim.calibrate "+calibration.series.mine={file: tweets.csv, curve: published_twitter, relative_sd: 0.1}"
  python -m sim.calibrate calibration.database=postgresql+psycopg://me@server/histories"""


def _calibrate() -> int:
    """Read the command line, calibrate, write the folder, and say what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m sim.calibrate",
        description=_ABOUT,
        epilog=f"examples:\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("overrides", nargs="*", metavar="OVERRIDE", help="KEY=VALUE, as for python -m sim")
    parser.add_argument("--config-dir", "-cd", metavar="DIR", help="a folder with options of your own")
    given = parser.parse_args()
    overrides, reading = with_reading(given.overrides)
    from sim.config import compose_tree, plan_of, tree_of
    from sim.options import override
    from sim.study.terminal import Progress, announce_compilation

    directories = [given.config_dir] if given.config_dir else []

    def composed(values: Mapping[str, Any], more: Sequence[str]) -> dict[str, Any]:
        return tree_of(compose_tree([*overrides, *(override(k, v) for k, v in values.items()), *more], directories))

    config = compose_tree(overrides, directories)
    plan = plan_of(config)
    if plan.calibration is None:
        raise InputError("calibration is null, expected one of conf/calibration; give calibration=NAME.")
    if plan.study.store is None:
        raise InputError(
            "study.store is null, expected a folder: a calibration finds its nights there when it goes on."
        )
    _import_extra()
    from sim.inference.calibrating import calibrated
    from sim.inference.folder import write_calibration
    from sim.inference.told import calibration_text
    from sim.study.store import Store
    from sim.study.writing import Clockwork

    clockwork = Clockwork()
    if notice := announce_compilation(plan.engine):
        tell(notice)
    n = 0

    def note(more: int) -> None:
        nonlocal n
        n += more
        progress(n, 0, max(n, 1))

    with contextlib.ExitStack() as open_:
        with Progress("night") as progress:
            found = open_.enter_context(calibrated(
                plan.calibration, composed, seed=plan.seed, engine=plan.engine, store=Store(plan.study.store), name=reading,
                workers=plan.study.workers, tell=tell, progress=note,
            ))  # fmt: skip
        skipped = write_calibration(found, plan, clockwork, overrides)
    say(calibration_text(found), "", f"posterior, predictions and figures: {found.folder}")
    tell(*(f"no {name}: {reason}" for name, reason in skipped.items()))
    return OK


def with_reading(given: Sequence[str]) -> tuple[list[str], str]:
    """Return overrides in which a reading brings its parameters and its calibration, and the name of the reading."""
    named = {key: value for key, _, value in (o.partition("=") for o in given)}
    if "parameters" in named and "observed" not in named:
        raise InputError(
            f"parameters is {named['parameters']} without observed, expected the reading that is fitted to; give observed=NAME."
        )
    reading = named.get("observed", _READING)
    rest = [o for o in given if not o.startswith("observed=")]
    brought = [f"{key}={reading}" for key in ("parameters", "calibration") if key not in named]
    return [*brought, f"observed={reading}", *rest], reading


def _import_extra() -> None:
    try:
        import pyabc  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"python -m sim.calibrate needs the package {error.name}, expected the extra 'calibration' beside this package; "
            "install it with pip install 'mobsim[calibration]' (from a checkout: pip install -e '.[calibration]')."
        ) from error


def main() -> int:
    """Run the command line and return its exit code: 0; 2 for bad input; 130 interrupted."""
    return command(_calibrate)


if __name__ == "__main__":
    sys.exit(main())
