"""A shuffled order that takes no memory: a keyed bijection of 0 ... n - 1, computed position by position.

Three rounds of xor with a key, an odd multiplier and a shift, each a bijection on the next power of two; what falls at n or
beyond goes round again (cycle walking). Products stay below 2^64, so that the same code runs uncompiled.
"""

from __future__ import annotations

import numpy as np

from sim.jit import inlined, njit

__all__ = ["bits_of", "scattered", "shuffled"]

_MASK = np.uint64(0xFFFFFFFF)
_1, _15, _16 = np.uint64(1), np.uint64(15), np.uint64(16)
_A, _B, _C = np.uint64(0x9E3779B1), np.uint64(0x85EBCA77), np.uint64(0xC2B2AE3D)
_D, _E = np.uint64(0x7FEB352D), np.uint64(0x846CA68B)


@njit
def bits_of(n):
    """Return the smallest number of bits, at least 1, in which 0 ... n - 1 can be written."""
    bits = 1
    while (1 << bits) < n:
        bits += 1
    return bits


@inlined
def shuffled(k, n, bits, key0, key1, key2):
    """Return where position k in [0, n) goes; bits = `bits_of(n)` of at most 31, keys are uint64 in [0, 2^32)."""
    mask = (_1 << np.uint64(bits)) - _1
    shift = np.uint64((bits + 1) >> 1)
    x = np.uint64(k)
    while True:
        x = ((x ^ (key0 & mask)) * _A) & mask
        x ^= x >> shift
        x = ((x ^ (key1 & mask)) * _B) & mask
        x ^= x >> shift
        x = ((x ^ (key2 & mask)) * _C) & mask
        x ^= x >> shift
        if x < np.uint64(n):
            return np.int64(x)


@inlined
def scattered(k, key):
    """Return a number inside (0, 1) for each k in [0, 2^31) and key (uint64 in [0, 2^32)), evenly scattered over them."""
    x = (np.uint64(k) * _A + key) & _MASK
    x ^= x >> _16
    x = (x * _D) & _MASK
    x ^= x >> _15
    x = (x * _E) & _MASK
    x ^= x >> _16
    return (np.float64(x) + 0.5) * (1.0 / 4294967296.0)
