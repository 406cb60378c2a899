"""How fast is the compiled engine, how much memory does a person take, and what would plain SimPy do instead?

Command: ``make bench`` (about ten minutes; ``make bench ARGS=--quick`` takes one). Figures: none; the table goes to the
terminal, ``outputs/bench/bench.parquet`` and ``outputs/bench/bench.json``.

One core: one child process at a time, one thread, no study and so no workers. Every round runs every row once, each in
a process of its own; figures are medians over the rounds, so that what else the machine does falls on all rows alike:

- ``compiled``: the whole july15 night, throttled, with its warm-up, by the compiled engine, at several sizes.
- ``reference``: the same night by the reference engine, at the largest of a few sizes that it finishes in a minute of
  CPU time; the compiled engine runs that size as well and processes the same events.
- ``bare SimPy``: a SimPy process per person that waits exponential times and flips a state: no keyed draws, no
  messages, no order of its own. An event is far less work there than in the engines, so the ratio is conservative.

The unit is the person-event: one change or one check of one person's state, a row of the event log. Readers that are
skipped over are no events. ``events_per_cpu_second`` leaves out ``build_seconds``, the CPU time that makes the world
and the tables (bare SimPy: the processes). ``peak_memory_bytes`` is the peak of the row's whole process;
``bytes_per_person`` is its growth since before the first person of that row was made, building included, per person.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario import Scenario

FOLDER = Path("outputs/bench")
SEED = 1
SIZES = (10_000, 100_000, 1_000_000)
REFERENCE_SIZES = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
SIMPY_PEOPLE = 100_000
QUICK = {"sizes": (200, 400), "reference": (50, 100), "simpy": 1_000, "rounds": 1}
WAITS = 10  # bare SimPy: mean number of events of a person
LIMIT_SECONDS = 60.0
TOO_LONG = 75  # exit code of a child that was stopped at its limit
COMPILED, REFERENCE, SIMPY = "compiled", "reference", "bare SimPy"
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("NUMBA", "OMP", "OPENBLAS", "MKL")}

Row = tuple[str, int]  # engine and number of people


# -- in a child process


def night(people: int) -> Scenario:
    """The throttled night of the main job."""
    from sim.config import load

    return load("scenario=july15", "throttle=july15", f"population.size={people}")


def peak_memory() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure_engine(engine: str, people: int, limit: float | None) -> dict[str, float]:
    from sim.engine.build import group_exists, make_tables
    from sim.engine.hybrid import run_compiled
    from sim.engine.nation import run_reference
    from sim.engine.simulate import run
    from sim.world import make_world

    run(night(50), SEED, engine)  # loads compiled code from its cache, or makes it
    scenario = night(people)
    memory, start = peak_memory(), time.process_time()
    world = make_world(scenario, SEED)
    tables, exists = make_tables(scenario, world, SEED), group_exists(scenario, world)
    built = time.process_time()
    if limit is not None:
        signal.signal(signal.SIGPROF, lambda *_: os._exit(TOO_LONG))
        signal.setitimer(signal.ITIMER_PROF, limit)
    if engine == COMPILED:
        events = int(run_compiled(scenario, tables, exists, False).now[0]["n_events"])
    else:
        events = len(run_reference(scenario, tables, exists).log)
    ended = time.process_time()
    peak = peak_memory()
    return {"events": events, "build": built - start, "cpu": ended - built, "peak": peak, "growth": peak - memory}


def measure_simpy(people: int) -> dict[str, float]:
    import random

    import simpy

    memory, start = peak_memory(), time.process_time()
    env, wait = simpy.Environment(), random.Random(SEED).expovariate
    flips = [0] * people  # the state is whether it is even

    def person(i: int) -> Any:
        while True:
            yield env.timeout(wait(1.0))
            flips[i] += 1

    for i in range(people):
        env.process(person(i))
    built = time.process_time()
    env.run(until=WAITS)
    ended, peak = time.process_time(), peak_memory()
    return {"events": sum(flips), "build": built - start, "cpu": ended - built, "peak": peak, "growth": peak - memory}


# -- in the parent, which imports nothing large before the last child has ended: on Linux a child inherits its peak


def measure(row: Row, limit: float | None = None) -> dict[str, float] | None:
    """What a child measured; None: it was stopped at its limit."""
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_DISABLE_JIT"} | ONE_THREAD
    command = [sys.executable, __file__, "--child", json.dumps([*row, limit])]
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if child.returncode == TOO_LONG:
        return None
    if child.returncode != 0:
        raise SystemExit(f"{row[0]} of {row[1]:,} people ended with code {child.returncode}; nothing is written.")
    return json.loads(child.stdout.splitlines()[-1])


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def largest_reference(sizes: tuple[int, ...]) -> int:
    """The largest size that the reference engine finishes within the limit, searched downward; else the smallest."""
    for people in sorted(sizes, reverse=True)[:-1]:
        tell(f"does the reference engine finish {people:,} people in {LIMIT_SECONDS:.0f} s?")
        if measure((REFERENCE, people), LIMIT_SECONDS) is not None:
            return people
    return min(sizes)


def measure_all(rows: list[Row], rounds: int) -> tuple[dict[Row, list[dict[str, float]]], list[float]]:
    """Every row's measurements, and the machine's load (processes that want a core) before each round."""
    found: dict[Row, list[dict[str, float]]] = {row: [] for row in rows}
    loads = []
    for k in range(rounds):
        loads.append(round(os.getloadavg()[0], 2))
        for row in rows:
            tell(f"round {k + 1} of {rounds}: {row[0]}, {row[1]:,} people")
            found[row].append(measure(row))
    return found, loads


def make_table(found: dict[Row, list[dict[str, float]]]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for (engine, people), results in found.items():
        middle = {name: median(r[name] for r in results) for name in results[0]}
        cpu = [r["cpu"] for r in results]
        rows.append({
            "engine": engine, "people": people, "events": int(middle["events"]),
            "events_per_person": middle["events"] / people, "build_seconds": middle["build"],
            "cpu_seconds": middle["cpu"], "cpu_seconds_low": min(cpu), "cpu_seconds_high": max(cpu),
            "events_per_cpu_second": middle["events"] / middle["cpu"], "peak_memory_bytes": int(middle["peak"]),
            "bytes_per_person": middle["growth"] / people, "rounds": len(results),
        })  # fmt: skip
    table = pd.DataFrame(rows)
    rates = table.set_index("engine")["events_per_cpu_second"]
    table["times_reference"] = table["events_per_cpu_second"] / rates[REFERENCE]
    table["times_bare_simpy"] = table["events_per_cpu_second"] / rates[SIMPY]
    return table


def table_text(table: pd.DataFrame) -> str:
    """The table as people read it, and below it the ratios of the largest compiled run."""
    lines = [["engine", "people", "events", "per person", "build s", "CPU s", "events/CPU-s", "peak MB",
              "bytes/person", "x reference", "x bare SimPy"]]  # fmt: skip
    for r in table.itertuples():
        lines.append([
            r.engine, f"{r.people:,}", f"{r.events:,}", f"{r.events_per_person:.1f}", f"{r.build_seconds:.2f}",
            f"{r.cpu_seconds:.2f}", f"{r.events_per_cpu_second:,.0f}", f"{r.peak_memory_bytes / 1e6:,.0f}",
            f"{r.bytes_per_person:,.0f}", f"{r.times_reference:,.1f}", f"{r.times_bare_simpy:,.2f}",
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = "\n".join("  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in lines)
    most = table[table["engine"] == COMPILED].nlargest(1, "people").iloc[0]
    by = table.set_index("engine")["people"]
    return (
        f"{text}\n\nperson-events per CPU-second, compiled with {most['people']:,} people: "
        f"{most['times_reference']:,.0f} times the reference with {by[REFERENCE]:,}, "
        f"{most['times_bare_simpy']:,.1f} times bare SimPy with {by[SIMPY]:,}\n"
        f"one core, one thread, a process for each row; medians over rounds: {most['rounds']}"
    )


def write(table: pd.DataFrame, loads: list[float]) -> None:
    import platform
    from importlib.metadata import version

    from sim.study.whole import write_whole
    from sim.study.writing import git_commit, write_table

    told = {
        "rows": table.to_dict("records"), "seed": SEED, "threads": 1, "load_before_rounds": loads,
        "cores_of_the_machine": os.cpu_count(), "platform": f"{platform.system()} {platform.machine()}",
        "git_commit": git_commit(), "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "numba", "simpy")},
    }  # fmt: skip
    write_table(FOLDER / "bench.parquet", table)
    with write_whole(FOLDER / "bench.json") as temporary:
        temporary.write_text(json.dumps(told, indent=2), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure speed and memory of the engines on one core.")
    parser.add_argument("--rounds", type=int, help="times that every row runs (default 3)")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of people of the compiled engine")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: a rehearsal")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        engine, people, limit = json.loads(given.child)
        print(json.dumps(measure_simpy(people) if engine == SIMPY else measure_engine(engine, people, limit)))
        return 0
    rounds = given.rounds if given.rounds is not None else QUICK["rounds"] if given.quick else 3
    sizes = given.sizes or (QUICK["sizes"] if given.quick else SIZES)
    if rounds < 1 or min(sizes) < 1:
        parser.error(f"--rounds is {rounds} and --sizes is {list(sizes)}, expected numbers from 1; correct them")
    tell("compiling the engine if need be ...")
    measure((COMPILED, 50))
    reference = largest_reference(QUICK["reference"] if given.quick else REFERENCE_SIZES)
    rows = [(COMPILED, people) for people in sorted({*sizes, reference})]
    rows += [(REFERENCE, reference), (SIMPY, QUICK["simpy"] if given.quick else SIMPY_PEOPLE)]
    found, loads = measure_all(rows, rounds)
    table = make_table(found)
    print(table_text(table))
    write(table, loads)
    print(f"\n{FOLDER / 'bench.parquet'}, {FOLDER / 'bench.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
