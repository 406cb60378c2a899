"""What the peers' scripts share: the graph on file, the clock, the memory, and one line of JSON as the answer.

A script defines `simulate(case)`, a generator: what stands before its first `yield` builds the model, what follows runs it,
and the second `yield` hands back what came out. It ends with `measure(simulate, PACKAGE, ...)`. These scripts run in an
environment of their own (`make peers`), so they import nothing of this project but this file.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

CLOCK = 0.004  # seconds: how finely CPU time is told while a limit is set on it (Linux: a tick of the scheduler)
TOO_LONG, NO_MEMORY = 75, 76  # exit codes of a script that was stopped at its limit of CPU time, or got no more memory

LOOK_MINUTES = (
    10.0  # exposures: mean time until a neighbour sees that somebody has left; posting: until a follower reads
)
INFECTED_MINUTES = 10.0  # SIR: mean length of an infection
TRANSMISSIBILITY = 0.2  # SIR: probability that an infected person infects one susceptible neighbour
STEP_MINUTES = 1.0  # SIR by time steps: a tenth of an infection, as one day is of ten days
STEPS = 480  # SIR of packages that are told beforehand how long to run
DAY_MINUTES = 1440.0
POSTS_PER_DAY, ATTENTION = 10.0, 0.05  # posting: mean posts of a person; the probability that a follower reads one


class Case(NamedTuple):
    """A graph of mutual ties; the first `n_seeds` people begin."""

    n: int
    n_seeds: int
    edges: np.ndarray  # int32[m, 2], each tie once
    thresholds: np.ndarray  # int8[n]: exposures that tip a person over
    seed: int

    def neighbours(self) -> list[list[int]]:
        """Everybody's neighbours, as lists of plain integers."""
        ends = np.concatenate([self.edges, self.edges[:, ::-1]])
        ends = ends[np.argsort(ends[:, 0], kind="stable")]
        cuts = np.cumsum(np.bincount(ends[:, 0], minlength=self.n))[:-1]
        return [part.tolist() for part in np.split(ends[:, 1], cuts)]

    def networkx(self) -> Any:
        """The graph as NetworkX has it."""
        import networkx

        graph = networkx.Graph()
        graph.add_nodes_from(range(self.n))
        graph.add_edges_from(self.edges.tolist())
        return graph


Simulate = Callable[[Case], Iterator[dict[str, float] | None]]


def tau() -> float:
    """SIR in continuous time: the rate at which an infected person infects a neighbour, per minute: T = tau / (tau + gamma)."""
    return TRANSMISSIBILITY / (1 - TRANSMISSIBILITY) / INFECTED_MINUTES


def gamma() -> float:
    """SIR in continuous time: the rate of recovery, per minute."""
    return 1 / INFECTED_MINUTES


def step_recovery() -> float:
    """SIR by time steps: the probability of recovering in a step."""
    return float(-np.expm1(-STEP_MINUTES / INFECTED_MINUTES))


def step_infection(at_least: int, recovery: float, transmissibility: float = TRANSMISSIBILITY) -> float:
    """SIR by time steps: the probability of infecting a neighbour in a step, from what it comes to over an infection.

    Somebody is infectious in K steps, K geometric from `at_least` (1: recovery is drawn after infecting; 0: before). With b in
    each step T = 1 - E[(1 - b)^K], so that with recovery g, T = b / (1 - (1 - b) (1 - g)) from 1 and
    T = 1 - g / (1 - (1 - b) (1 - g)) from 0. The share infected in the end depends on T alone (Kenah and Robins 2007).
    """
    g, t = recovery, transmissibility
    return t * g / (1 - t * (1 - g)) if at_least else t * g / ((1 - t) * (1 - g))


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def read_case(path: str, seed: int, most: int | None = None) -> Case:
    """The graph of the file, or the part of it among its first people."""
    with np.load(path) as file:
        edges, thresholds, n_seeds = file["edges"], file["thresholds"], int(file["n_seeds"])
    n = len(thresholds)
    if most is not None and most < n:
        return Case(most, max(1, n_seeds * most // n), edges[(edges < most).all(axis=1)], thresholds[:most], seed)
    return Case(n, n_seeds, edges, thresholds, seed)


def measure(simulate: Simulate, *packages: str) -> None:
    """Run the case that the command line names (file, seed, limit of CPU seconds) and print what it took as JSON."""
    path, seed, limit = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    for _ in simulate(read_case(path, seed, 1000)):  # imports and compiles what the package leaves until then
        pass
    case = read_case(path, seed)
    signal.signal(signal.SIGPROF, lambda *_: os._exit(TOO_LONG))
    signal.setitimer(signal.ITIMER_PROF, limit)
    memory, start = peak_memory(), time.process_time()
    try:
        steps = simulate(case)
        next(steps)
        built = time.process_time()
        outcome = next(steps)
    except MemoryError:
        os._exit(NO_MEMORY)
    ended, peak = time.process_time(), peak_memory()
    signal.setitimer(signal.ITIMER_PROF, 0)
    assert outcome is not None
    told = {name: version(name) for name in packages} or {"Python": platform.python_version()}
    found = {"build": built - start, "cpu": max(ended - built, CLOCK), "peak": peak, "growth": peak - memory}
    print(json.dumps({**found, **outcome, "version": ", ".join(f"{name} {number}" for name, number in told.items())}))
