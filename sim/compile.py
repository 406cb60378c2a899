"""Compile the engine and keep the result: ``python -m sim.compile``, run once when the package is set up."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

__all__ = ["compile_engine"]


def compile_engine() -> float:
    """Return the seconds that it took to compile everything that either engine uses (a few when it was compiled before).

    What the reference engine wants beside the compiled one is compiled by another process meanwhile.
    """
    from sim.config import load
    from sim.world import make_world

    start = time.perf_counter()
    night = load("population.size=200", "throttle=july15")
    make_world(night, 1)  # by which all that is compiled which both use
    with ProcessPoolExecutor(1) as beside:
        others = beside.submit(_run, night, engine="reference")
        _run(night)
        others.result()
    _run(night, n_threads=2)
    return time.perf_counter() - start


def _run(night: Any, **how: Any) -> None:
    """Run a night in a world made here: arrays that came from another process have other types."""
    from sim.engine.simulate import run

    run(night, 1, **how)


if __name__ == "__main__":
    import sys

    from sim.study.terminal import announce_compilation

    if notice := announce_compilation("compiled"):
        sys.stderr.write(f"{notice}\n")
    sys.stderr.write(f"the engine is compiled ({compile_engine():.0f} s)\n")
