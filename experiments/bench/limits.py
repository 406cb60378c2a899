"""What can the machine do at most? Random reads, read-modify-writes and draws, on one core and on two.

Command: part of ``make bench``, which starts ``python -m experiments.bench.limits SPECIFICATION``. Figures: none.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import numpy as np

from experiments.bench.measuring import free_memory
from sim.draws import uniform
from sim.jit import njit

READS, WRITES, SCALAR, VECTOR = (
    "random reads",
    "byte read-modify-writes",
    "keyed draws, one by one",
    "keyed draws, in lanes",
)
GIGABYTE = 1_000_000_000
PURPOSE = 255  # no purpose of the model
WORD, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
M0, M1, W0, W1 = (np.uint64(k) for k in (0xD2511F53, 0xCD9E8D57, 0x9E3779B9, 0xBB67AE85))
SPARE = 1.5  # free memory that must be there, times what is read


@njit
def read(memory, size, n, k):
    """Sum of n words of memory at places that a linear congruence makes: independent, so that several are under way at once."""
    place, total = np.uint64(k), np.uint64(0)
    for _ in range(n):
        place = place * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        total += np.uint64(memory[((place >> np.uint64(32)) * size) >> np.uint64(32)])
    return total


@njit
def change(memory, size, n, k):
    """Add one to n bytes at such places."""
    place = np.uint64(k)
    for _ in range(n):
        place = place * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        memory[((place >> np.uint64(32)) * size) >> np.uint64(32)] += np.uint8(1)
    return np.uint64(0)


@njit
def draw(_memory, _size, n, k):
    """Sum of n keyed draws, one after another as an event asks for them: a sum of floats is not reordered."""
    total = 0.0
    for i in range(n):
        total += uniform(k, PURPOSE, i, k, 0)
    return np.uint64(total)


@numba.njit(inline="always")  # into the loop below before it is put into lanes
def philox_round(c0, c1, c2, c3, k0, k1, i):
    """Round i of `sim.draws.philox`."""
    p0, p1 = M0 * c0, M1 * c2
    k0, k1 = (k0 + np.uint64(i) * W0) & WORD, (k1 + np.uint64(i) * W1) & WORD
    return (p1 >> HALF) ^ c1 ^ k0, p1 & WORD, (p0 >> HALF) ^ c3 ^ k1, p0 & WORD


@numba.njit(inline="always")
def unrolled(seed, purpose, subject, object_, ordinal):
    """`sim.draws.uniform`, its ten rounds written out, so that a loop over subjects fits the machine's lanes."""
    s, o = np.uint64(seed), np.uint64(object_)
    c0, c1 = (np.uint64(purpose) << np.uint64(24)) | np.uint64(ordinal), np.uint64(subject)
    c2, c3, k0, k1 = o & WORD, o >> HALF, s & WORD, s >> HALF
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 0)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 1)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 2)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 3)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 4)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 5)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 6)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 7)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 8)
    c0, c1, c2, c3 = philox_round(c0, c1, c2, c3, k0, k1, 9)
    return (np.float64(((c0 << HALF) | c1) >> np.uint64(12)) + 0.5) * (1.0 / 4503599627370496.0)


@njit
def fill(row, object_):
    for i in range(len(row)):
        row[i] = unrolled(1, PURPOSE, i, object_, 0)


@njit
def draw_many(memory, _size, n, k):
    """Fill a short array with keyed draws over and over."""
    row = memory[k]
    for first in range(0, n, len(row)):
        fill(row, first)
    return np.uint64(0)


def room_for(asked: float, free: int) -> int:
    """Bytes to take: what is asked for, less where too little memory is free."""
    return int(min(asked, free / SPARE))


def rate(function: Any, memory: np.ndarray, size: int, n: int, threads: int) -> float:
    """Operations per second, all threads together, by the CPU time of the slowest; a first short call compiles."""

    def work(k: int) -> float:
        start = time.thread_time()
        function(memory, np.uint64(size), n, k)
        return time.thread_time() - start

    function(memory, np.uint64(size), 10, 0)
    with ThreadPoolExecutor(threads) as pool:
        return n * threads / max(pool.map(work, range(threads)))


def measure(scale: float) -> dict[str, Any]:
    """Rates by name and threads; `scale` shrinks memory and repetitions for a rehearsal."""
    found: dict[str, Any] = {}
    n = int(30_000_000 * scale)
    free = free_memory()
    large = np.ones(room_for(4 * GIGABYTE * scale, free) // 4, np.int32)
    small = np.zeros(room_for(8e7 * scale, free), np.uint8)
    row = np.zeros((2, 4096))
    for name, function, memory, size, times in (
        (f"{READS} from {large.nbytes / GIGABYTE:.3g} GB", read, large, len(large), 1),
        (f"{WRITES} in {small.nbytes / 1e6:.3g} MB", change, small, len(small), 2),
        (SCALAR, draw, row, 1, 3),
        (VECTOR, draw_many, row, 1, 30),
    ):
        for threads in (1, 2):
            found[f"{name}|{threads}"] = rate(function, memory, size, n * times, threads)
    return found


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1])["scale"])))
