"""Compile the engine and keep the result: ``python -m sim.compile``, run once when the package is set up."""

from __future__ import annotations

import time

__all__ = ["compile_engine"]


def compile_engine() -> float:
    """Return the seconds that it took to compile everything that either engine uses (a few when it was compiled before)."""
    from sim.config import load
    from sim.engine.simulate import ENGINES, run

    start = time.perf_counter()
    night = load("population.size=200", "throttle=july15")
    for engine in ENGINES:
        run(night, 1, engine)
    run(night, 1, n_threads=2)
    return time.perf_counter() - start


if __name__ == "__main__":
    import sys

    from sim.study.terminal import announce_compilation

    if notice := announce_compilation("compiled"):
        sys.stderr.write(f"{notice}\n")
    sys.stderr.write(f"the engine is compiled ({compile_engine():.0f} s)\n")
