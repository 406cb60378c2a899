"""Work on many people, cut into chunks that threads share: compiled functions hold no interpreter lock.

What a chunk gives must not depend on which thread does it or when; then the number of threads changes nothing but the time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["CHUNK", "in_chunks", "n_processors"]

CHUNK = 1 << 16
"""People in a chunk: few enough that a chunk's numbers stay in the processor's cache, many enough that a thread has work."""

T = TypeVar("T")


def n_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_chunks(n: int, work: Callable[[int, int], T], size: int | None = None) -> list[T]:
    """Return work(low, high) for every chunk [low, high) of n people, of `CHUNK` people or another size, in their order."""
    length = CHUNK if size is None else size

    def do(k: int) -> T:
        return work(k * length, min(n, (k + 1) * length))

    chunks = range(-(-n // length))
    threads = min(n_processors(), len(chunks))
    if threads <= 1:
        return [do(k) for k in chunks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, chunks))
