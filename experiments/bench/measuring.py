"""How is a row measured? In a child process, with a limit, and with a reason in its place where that fails.

Command: part of ``make bench``. Figures: none. Nothing large is imported: on Linux a child inherits its parent's peak memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.bench.rows import LIMITS, NIGHT, NIGHTS, POSTING, REFERENCE, Row

FOLDER = Path("outputs/bench")
ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "peers"
TOO_LONG, NO_MEMORY = 75, 76  # exit codes, as in peers/contract.py
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("NUMBA", "OMP", "OPENBLAS", "MKL")} | {"POLARS_MAX_THREADS": "1"}
SPARE = 0.8  # the share of free memory that a row may be expected to take

Found = dict[str, Any]


class RefusedError(Exception):
    """A row that cannot be measured; the text says why."""


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def reason(code: int, errors: str, limit: float | None) -> str:
    """Return why a child failed, from its exit code and what it wrote."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    if code == TOO_LONG:
        return f"not finished in {limit:.0f} s of CPU time"
    if code in (NO_MEMORY, -9, 137) or last.startswith("MemoryError"):
        return "not enough memory"
    if "ModuleNotFoundError" in last or "ImportError" in last:
        return f"not installed ({last.split(': ', 1)[-1]}); run make peers"
    return f"ended with code {code}: {last[:200]}"


def needs_too_much(growth: float, people: int, more: int, free: int) -> str | None:
    """Return a refusal if so many people, at the bytes each that fewer took, need more memory than is free."""
    needed = growth / people * more
    if needed <= SPARE * free:
        return None
    return f"needs about {needed / 1e9:.0f} GB by the bytes per person of {people:,}; {free / 1e9:.0f} GB are free"


def free_memory() -> int:
    """Bytes that a process could take; half of all where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            told = dict(line.split(":") for line in file)
        return int(told["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


class Bench:
    """Starts the children: ours by this interpreter, the peers by that of their own environment."""

    def __init__(self, folder: Path, peers_python: str, limit: float, scale: float = 1.0, seeds: int = 16) -> None:
        self.folder, self.peers_python, self.limit, self.scale, self.seeds = folder, peers_python, limit, scale, seeds

    def child(self, command: Sequence[str], limit: float | None, ours: bool) -> Found:
        drop = {"NUMBA_DISABLE_JIT"} if ours else {"NUMBA_DISABLE_JIT", "PYTHONPATH"}
        environment = {k: v for k, v in os.environ.items() if k not in drop} | ONE_THREAD
        if ours:
            environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), environment.get("PYTHONPATH", "")]).rstrip(
                os.pathsep
            )
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RefusedError(reason(done.returncode, done.stderr, limit))
        answer: Found = json.loads(done.stdout.splitlines()[-1])
        return answer

    def ours(self, module: str, **given: Any) -> list[str]:
        return [sys.executable, "-m", f"experiments.bench.{module}", json.dumps(given)]

    def case(self, part: str, people: int) -> Path:
        """The folder of the ties that a contagion runs on, made when it is first asked for."""
        kind = POSTING if part == POSTING else "contagion"
        folder = self.folder / f"{kind}-{people}"
        if not (folder / "ties.npz").exists():
            command = self.ours("cases", folder=str(folder), people=people, kind=kind)
            if subprocess.run(command, cwd=ROOT).returncode != 0:
                raise RefusedError("the file of ties could not be made")
        return folder

    def measure(self, row: Row, turn: int, limit: float | None = None) -> Found:
        """What one process says of a row, in round `turn` from 0; raises RefusedError."""
        tell(f"round {turn + 1}: {row}")
        if row.part == LIMITS:
            return self.child(self.ours("limits", scale=self.scale), None, True)
        if row.part in NIGHTS:
            given = {"part": row.part, "engine": row.engine, "people": row.people, "options": row.options, "folder": ""}
            return self.child(self.ours("ours", **given, seeds=[turn + 1], limit=limit), limit, True)
        folder = str(self.case(row.part, row.people))
        if row.script is None:
            n = self.seeds if row.people <= 1_000_000 else max(2, self.seeds // 4)
            seeds = list(range(1 + turn * n, 1 + (turn + 1) * n))
            given = {"part": row.part, "engine": row.engine, "people": row.people, "options": [], "folder": folder}
            return self.child(self.ours("ours", **given, seeds=seeds, limit=None), None, True)
        command = [
            self.peers_python,
            str(SCRIPTS / f"{row.script}.py"),
            f"{folder}/ties.npz",
            str(turn + 1),
            str(self.limit),
        ]
        return self.child(command, self.limit, False)


Measured = dict[Row, list[Found]]
Refusals = dict[Row, str]


def measure_all(
    rows: Sequence[Row], rounds: int, measure: Callable[[Row, int], Found], free: Callable[[], int] = free_memory
) -> tuple[Measured, Refusals, list[float]]:
    """Every row's measurements or why there are none, and the machine's load before each round.

    A row that was refused once is not tried again. Nights of growing size are refused beforehand where the last one says that
    the memory does not suffice.
    """
    found: Measured = {row: [] for row in rows}
    refused: Refusals = {}
    loads = []
    for turn in range(rounds):
        loads.append(round(os.getloadavg()[0], 2))
        for row in rows:
            if row in refused:
                continue
            try:
                if turn == 0 and row.part == NIGHT:
                    smaller = [
                        r for r in rows if r.part == NIGHT and r.options == row.options and r.people < row.people
                    ]
                    told = _too_much(row, smaller, found, refused, free)
                    if told is not None:
                        raise RefusedError(told)
                found[row].append(measure(row, turn))
            except RefusedError as told_why:
                refused[row] = str(told_why)
                tell(f"  {refused[row]}")
    return {row: results for row, results in found.items() if results}, refused, loads


def _too_much(
    row: Row, smaller: list[Row], found: Mapping[Row, list[Found]], refused: Refusals, free: Callable[[], int]
) -> str | None:
    if any(r in refused for r in smaller):
        return refused[max((r for r in smaller if r in refused), key=lambda r: r.people)]
    last = max(smaller, key=lambda r: r.people, default=None)
    if last is None or last.people < 10_000:
        return None
    return needs_too_much(found[last][0]["growth"], last.people, row.people, free())


def largest(
    row: Row, first: Found | None, ladder: Sequence[int], limit: float, measure: Callable[[Row], Found],
    free: Callable[[], int] = free_memory,
) -> tuple[Row, Found] | None:  # fmt: skip
    """The largest size of the ladder that a peer finishes within the limit of CPU time, upward from what it took at first.

    A step is not tried where time or memory, if they only grew as the size does, would not suffice. A peer that did not finish
    at first is searched downward. None: the first size it is, or none.
    """
    if first is None:
        for people in sorted((n for n in ladder if n < row.people), reverse=True):
            try:
                smaller = Row(row.part, row.engine, people, row.script, note=row.note)
                return smaller, measure(smaller)
            except RefusedError:
                continue
        return None
    best: tuple[Row, Found] | None = None
    last, people = first, row.people
    for more in sorted(n for n in ladder if n > row.people):
        if (last["build"] + last["cpu"]) * more / people > limit:
            break
        if needs_too_much(last["growth"], people, more, free()) is not None:
            break
        try:
            larger = Row(row.part, row.engine, more, row.script, note=row.note)
            last, people = measure(larger), more
        except RefusedError:
            break
        best = (larger, last)
    return best


def largest_reference(sizes: Sequence[int], limit: float, bench: Bench) -> int:
    """The largest size that the reference engine finishes within the limit, searched downward; else the smallest."""
    for people in sorted(sizes, reverse=True)[:-1]:
        try:
            bench.measure(Row(NIGHT, REFERENCE, people, options=("throttle=july15",)), 0, limit)
        except RefusedError:
            continue
        return people
    return min(sizes)
