"""What does our engine take? The measured process of ours: the night, and the contagions as configurations.

Command: part of ``make bench``, which starts ``python -m experiments.bench.ours SPECIFICATION`` for each row. Figures: none.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from experiments.bench.cases import SEEDS
from experiments.bench.peers.contract import (
    ATTENTION,
    INFECTED_MINUTES,
    LOOK_MINUTES,
    POSTS_PER_DAY,
    TOO_LONG,
    peak_memory,
    tau,
)
from experiments.bench.rows import EXPOSURES, NIGHTS, POSTING, REFERENCE, SIR

if TYPE_CHECKING:
    from sim.engine.state import State
    from sim.scenario import Scenario

RATE = "parameters.tweets_per_user_day"


def night(people: int, *options: str) -> Scenario:
    """The night of the main job; `posts=2`: people post twice as much."""
    from sim.config import load

    plain = [o for o in options if not o.startswith("posts=")]
    factors = [float(o.removeprefix("posts=")) for o in options if o.startswith("posts=")]
    if factors:
        plain.append(f"{RATE}={factors[0] * tweets_per_user_day():g}")
    return load("scenario=july15", f"population.size={people}", *plain)


def tweets_per_user_day() -> float:
    from sim.config import compose_tree

    return float(compose_tree([])["parameters"]["tweets_per_user_day"])


def contagion(part: str, people: int, folder: str) -> Scenario:
    """The contagion that the peers have, on the ties of the folder."""
    from sim.config import load

    def exponential(minutes: float) -> str:
        return f"{{law: exponential, mean_minutes: {minutes:g}}}"

    n_seeds = max(1, round(SEEDS * people))
    first = f"{{time: 2000-01-01 00:00, what: the first, kind: gathering, people: '${{range:0,{n_seeds}}}'}}"
    spreading = [f"network.neighbours.file={folder}/ties.parquet", f"scenario.timeline=[{first}]"]
    options = {
        EXPOSURES: [
            *spreading, f"population.file={folder}/people.parquet", "decision.rule=threshold",
            "decision.threshold={law: constant, value: 1}", f"+channels.contacts.look={exponential(LOOK_MINUTES)}",
        ],
        SIR: [
            *spreading, f"+channels.contacts.look={exponential(1 / tau())}", "channels.contacts.only_while_out=true",
            f"+attendance.stay={exponential(INFECTED_MINUTES)}", "scenario.end=2000-01-02 00:00",
        ],
        POSTING: [
            "channels=feed", f"network.friends.file={folder}/ties.parquet", "scenario.end=2000-01-02 00:00",
            f"channels.feed.posts_per_user_day={POSTS_PER_DAY:g}", f"channels.feed.attention={ATTENTION:g}",
            f"+channels.feed.look={exponential(LOOK_MINUTES)}",
        ],
    }[part]  # fmt: skip
    return load("classic=plain", f"population.size={people}", *options)


def told_by(part: str, scenario: Scenario, state: State) -> dict[str, float]:
    """What the peers count, of our state: changes, who was out (posting: readings), and when on average; nights: posts."""
    import numpy as np

    from sim.attendance import BACK
    from sim.engine.state import PUBLISHED_COUNT, SEEN_TOTAL

    now = state.now[0]
    if part in NIGHTS:
        posts = state.counts[:, list(scenario.channels).index("twitter"), PUBLISHED_COUNT].sum()
        return {"changes": int(now["n_events"]), "posts": int(posts)}
    seen, out = int(state.totals[0, SEEN_TOTAL]), int(state.departed.sum())
    if part == POSTING:
        return {"changes": int(state.counts[:, 0, PUBLISHED_COUNT].sum()), "out": seen}
    minutes = np.arange(len(state.departed)) + 0.5
    mean_time = float((state.departed * minutes).sum() / out)
    changes = out + (int(now["phases"][BACK]) if part == SIR else seen)
    return {"changes": changes, "out": out, "mean_time": mean_time}


def measure(part: str, engine: str, people: int, options: list[str], folder: str, seeds: list[int],
            limit: float | None) -> dict[str, Any]:  # fmt: skip
    """CPU time and memory of the runs with these seeds, per run, and what came out of each."""
    from sim.engine.build import group_exists, make_tables
    from sim.engine.hybrid import run_compiled
    from sim.engine.nation import run_reference
    from sim.engine.simulate import run
    from sim.world import make_world

    is_night = part in NIGHTS
    run(night(50), seeds[0], "reference" if engine == REFERENCE else "compiled")  # loads compiled code, or makes it
    scenario = night(people, *options) if is_night else contagion(part, people, folder)
    memory, build, cpu = peak_memory(), 0.0, 0.0
    outcomes: dict[str, list[float]] = {}
    if limit is not None:
        signal.signal(signal.SIGPROF, lambda *_: os._exit(TOO_LONG))
        signal.setitimer(signal.ITIMER_PROF, limit)
    for seed in seeds:
        start = time.process_time()
        world = make_world(scenario, seed)
        tables, exists = make_tables(scenario, world, seed), group_exists(scenario, world)
        built = time.process_time()
        if engine == REFERENCE:
            found: dict[str, float] = {"changes": len(run_reference(scenario, tables, exists).log)}
        else:
            state = run_compiled(scenario, tables, exists, False)
        cpu += time.process_time() - built
        build += built - start
        peak = peak_memory()
        if engine != REFERENCE:
            found = told_by(part, scenario, state)
        for name, value in found.items():
            outcomes.setdefault(name, []).append(value)
    n = len(seeds)
    return {"build": build / n, "cpu": cpu / n, "peak": peak, "growth": peak - memory, "outcomes": outcomes}


def main() -> int:
    given = json.loads(sys.argv[1])
    print(json.dumps(measure(**given)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
