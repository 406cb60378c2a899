"""Zeros in large pages, for arrays that a run reads here and there."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

__all__ = ["zeros"]

LARGE = 1 << 21
"""Bytes of a large page on most machines."""


def zeros(n: int, dtype: Any) -> np.ndarray:
    """Return n zeros that take no memory until they are written; many of them in large pages, where the system has such.

    Who reads here and there among gigabytes waits for the processor to find the page as well; there are 512 times fewer large
    ones. NumPy asks for them for what it does not fill with zeros.
    """
    kind = np.dtype(dtype)
    size = n * kind.itemsize
    if size < 2 * LARGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.zeros(n, kind)
    try:
        block = mmap.mmap(-1, size + LARGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        block.madvise(mmap.MADV_HUGEPAGE)
    except OSError:  # a system without such pages, or no memory, which NumPy tells as all others do
        return np.zeros(n, kind)
    whole = np.frombuffer(block, np.uint8)
    start = -whole.ctypes.data % LARGE
    return whole[start : start + size].view(kind)
