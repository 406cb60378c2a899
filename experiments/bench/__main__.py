"""Measures all rows, and writes the table and the page.

Command: ``make bench``; see the package.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from experiments.bench import measuring
from experiments.bench.measuring import FOLDER, ROOT, Bench, Measured, Refusals, RefusedError, tell
from experiments.bench.rows import (
    CONTAGIONS,
    FACTORS,
    LIMITS,
    NIGHT,
    OURS,
    REFERENCE,
    THROTTLED,
    Row,
    contagion_rows,
    left_out_rows,
    night_rows,
    posts_rows,
)

SIZES = (10_000, 31_623, 100_000, 316_228, 1_000_000, 3_162_278, 10_000_000, 100_000_000)
OPENED = (100_000, 1_000_000, 10_000_000)
REFERENCE_SIZES = (500, 1_000, 2_000, 4_000, 8_000, 16_000)
CONTAGION_PEOPLE, LADDER = 100_000, (10_000, 30_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
POSTS_PEOPLE = 100_000
PEER_SECONDS, REFERENCE_SECONDS = 120.0, 60.0
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Compare speed and memory with peers and the machine."
    )
    parser.add_argument("--rounds", type=int, help="times that every row runs (default 3)")
    parser.add_argument("--sizes", type=int, nargs="+", help="numbers of people of the night")
    parser.add_argument(
        "--peers", default=str(PEERS_PYTHON), help="the Python that has the peers (default: of make peers)"
    )
    parser.add_argument("--no-largest", action="store_true", help="do not search each peer's largest size")
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: a rehearsal")
    given = parser.parse_args()
    quick = given.quick
    rounds = given.rounds if given.rounds is not None else 1 if quick else 3
    sizes = sorted(given.sizes or ((200, 400) if quick else SIZES))
    if rounds < 1 or min(sizes) < 1:
        parser.error(f"--rounds is {rounds} and --sizes is {sizes}, expected numbers from 1; correct them")
    peers = given.peers if Path(given.peers).exists() else sys.executable
    with tempfile.TemporaryDirectory(prefix="mobsim-bench-") as folder:
        bench = Bench(Path(folder), peers, PEER_SECONDS, scale=0.01 if quick else 1.0, seeds=4 if quick else 16)
        found, refused, loads = run(bench, rounds, sizes, quick, not given.no_largest)
    told = {"rounds": rounds, "loads": loads, "quick": quick, "arguments": arguments_told(given), "limit": bench.limit}
    data = as_data(found, refused)
    FOLDER.mkdir(parents=True, exist_ok=True)  # kept first, whatever becomes of the page
    (FOLDER / "bench.json").write_text(json.dumps({"told": told, "rows": data}), encoding="utf-8")
    from experiments.bench.page import write

    print(write(FOLDER, data, told, None if quick else ROOT / "docs"))
    return 0


def arguments_told(given: argparse.Namespace) -> str:
    """The arguments as they were given, but for where the peers live."""
    words = [f"--rounds {given.rounds}"] if given.rounds is not None else []
    words += [f"--sizes {' '.join(map(str, given.sizes))}"] if given.sizes else []
    words += [f"--{name.replace('_', '-')}" for name in ("no_largest", "quick") if getattr(given, name)]
    return " ".join(words)


def run(
    bench: Bench, rounds: int, sizes: list[int], quick: bool, search: bool
) -> tuple[Measured, Refusals, list[float]]:
    """Measure all rows; the sizes that a search finds are measured once."""
    tell("compiling the engine if need be ...")
    bench.measure(Row(NIGHT, OURS, 50, options=THROTTLED), 0)
    reference = measuring.largest_reference((50, 100) if quick else REFERENCE_SIZES, REFERENCE_SECONDS, bench)
    opened = [n for n in sizes if n in OPENED] or sizes[:1]
    rows = night_rows(sorted({*sizes, reference}), opened)
    rows.append(Row(NIGHT, REFERENCE, reference, options=THROTTLED))
    rows += contagion_rows(1_000 if quick else CONTAGION_PEOPLE)
    rows += posts_rows(400 if quick else POSTS_PEOPLE, FACTORS[::4] if quick else FACTORS)
    rows += left_out_rows(400 if quick else POSTS_PEOPLE)[:: 4 if quick else 1]
    rows.append(Row(LIMITS, "this machine", 0))
    found, refused, loads = measuring.measure_all(rows, rounds, bench.measure)
    first = [row for row in rows if row.script is None and row not in found and row.people <= 1_000_000]
    if first:
        raise SystemExit(f"{first[0]}: {refused[first[0]]}; nothing is written.")
    if search:
        add_largest(bench, rows, found, refused, (300, 3_000) if quick else LADDER)
    return found, refused, loads


def add_largest(bench: Bench, rows: list[Row], found: Measured, refused: Refusals, ladder: tuple[int, ...]) -> None:
    """Measure each peer that is installed at the largest size it finishes, and ours at these sizes."""
    for row in [r for r in rows if r.script is not None]:
        if row not in found and "not finished" not in refused[row] and "memory" not in refused[row]:
            continue
        first = found[row][0] if row in found else None
        best = measuring.largest(row, first, ladder, bench.limit, lambda larger: bench.measure(larger, 0))
        if best is not None:
            found[best[0]] = [best[1]]
    for part in CONTAGIONS:
        for people in sorted({r.people for r in found if r.part == part and r.script is not None}):
            ours = Row(part, OURS, people)
            if ours not in found:
                try:
                    found[ours] = [bench.measure(ours, 0)]
                except RefusedError as told:
                    refused[ours] = str(told)


def as_data(found: Measured, refused: Refusals) -> list[dict[str, object]]:
    """Rows, measurements and refusals as JSON has them."""
    rows = [*found, *(row for row in refused if row not in found)]
    return [
        {**dataclasses.asdict(row), "results": found.get(row, []), "refused": "" if row in found else refused[row]}
        for row in rows
    ]


if __name__ == "__main__":
    sys.exit(main())
