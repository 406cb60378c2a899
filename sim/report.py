"""``python -m sim.report DIR``: write the report of a run, a design or a sweep again, from what lies in its folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sim.door import OK, command, say

__all__ = ["main"]


def _write() -> int:
    """Read the command line, write the report, and say where it is."""
    from sim.study.report import write_report

    parser = argparse.ArgumentParser(
        prog="python -m sim.report",
        description="Write DIR/report.html again: one page with the tables, figures and manifest of a run, design or sweep.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    say(str(write_report(parser.parse_args().folder)))
    return OK


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 for a folder that cannot be used."""
    return command(_write)


if __name__ == "__main__":
    sys.exit(main())
