"""A process that has imported everything and run a night, and forks for each command that it reads as a line of JSON."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback
from typing import Any

IMPORTED = (
    "jinja2", "joblib", "matplotlib.backends.backend_agg", "pandas", "pyarrow.compute", "pyarrow.csv", "pyarrow.dataset",
    "pyarrow.pandas_compat", "pyarrow.parquet", "sim.calibrate", "sim.cli", "sim.collect", "sim.job", "sim.plot", "sim.report",
    "sim.study.design_folder", "sim.study.designed", "sim.study.figures", "sim.study.folder", "sim.study.gather",
    "sim.study.joined", "sim.study.report", "sim.study.report.several", "sim.study.report.single", "sim.study.terminal",
)  # fmt: skip
"""What commands import when they need it."""


def child(order: dict[str, Any]) -> int:
    """Run one command as `python -m MODULE` would; return its exit code."""
    os.chdir(order["folder"])
    for number, name in ((0, os.devnull), (1, order["out"]), (2, order["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o644), number)
    sys.argv = [order["module"], *order["arguments"]]
    try:
        exec(order["before"], {})
        code = importlib.import_module("sim.cli" if order["module"] == "sim" else order["module"]).main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what Python itself would do
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Answer each line of standard input with an exit code."""
    # No tables are read or written here: their library starts threads, which a fork would lose.
    for name in IMPORTED:
        importlib.import_module(name)
    import sim
    from sim.study.report.page import _template

    _template()
    sim.load()  # what Hydra composes of the usual options is kept
    night = sim.load("population.size=300", "throttle=none")
    sim.compare({"open": night}, 1, nulls=(), workers=1)
    gc.collect()
    gc.freeze()  # what is there is not looked at, and so not copied, by every child
    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            os._exit(child(json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
