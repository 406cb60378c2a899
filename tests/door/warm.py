"""A process that has imported everything and run a night, and forks for each command that it reads as a line of JSON."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any


def child(order: dict[str, Any]) -> int:
    """Run one command as `python -m sim` would; return its exit code."""
    os.chdir(order["folder"])
    for number, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o644), number)
    sys.argv = ["sim", *order["arguments"]]
    try:
        exec(order["before"], {})
        from sim.cli import main

        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # what Python itself would do
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Answer each line of standard input with an exit code."""
    # No tables are read or written here: their library starts threads, which a fork would lose.
    import pandas  # noqa: F401

    import sim
    import sim.cli
    import sim.study.folder
    import sim.study.terminal

    night = sim.load("population.size=300", "throttle=none")
    sim.compare({"open": night}, 1, nulls=(), workers=1)
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            os._exit(child(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
