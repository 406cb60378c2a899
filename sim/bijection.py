"""Shuffled orders that take no memory: keyed bijections of the numbers below n, computed place by place, cheap both ways.

A number is cut into a high and a low part, and six rounds move one part by a hash of the other (a Feistel network over
high x low with as few numbers beyond n as there can be, so that hardly any goes round again: "cycle walking", Black and
Rogaway 2002). The hash is multiply-add-shift, whose values are independent in pairs (Dietzfelbinger 1996). Up to 512
numbers, where six rounds do not suffice, 24 rounds of "swap or not" (Hoang, Morris and Rogaway 2012) exchange a number with a
partner or not. Products stay below 2^64, so that the same code runs uncompiled. Keys are three words of `draws.quarters`.
"""

from __future__ import annotations

import numpy as np

from sim.jit import inlined, njit

__all__ = ["bits_of", "placed", "placed_all", "scattered", "shuffled", "shuffled_block", "standing", "standing_at",
           "unshuffled"]  # fmt: skip

_MASK = np.uint64(0xFFFFFFFF)
_0, _1, _15, _16, _32 = np.uint64(0), np.uint64(1), np.uint64(15), np.uint64(16), np.uint64(32)
_A, _B, _C = np.uint64(0x9E3779B1), np.uint64(0x85EBCA77), np.uint64(0xC2B2AE3D)
_D, _E = np.uint64(0x7FEB352D), np.uint64(0x846CA68B)
_SMALL, _SWAPS = 9, 24


@njit
def bits_of(n):
    """Return the smallest number of bits, at least 1, in which 0 ... n - 1 can be written, for n in [1, 2^31]."""
    left = np.int64(n) - 1
    bits = 0
    for step in (16, 8, 4, 2, 1):
        if left >= 1 << step:
            left >>= step
            bits += step
    return max(bits + (1 if left > 0 else 0), 1)


@inlined
def _hash(part, factor, summand):
    return (part * factor + summand) & _MASK


@inlined
def _more(key, factor):
    return ((key * factor) >> _16) & _MASK


@inlined
def _up(part, by, size):
    """Return part + by x size / 2^32 modulo size."""
    moved = part + ((by * size) >> _32)
    return moved - (size if moved >= size else _0)


@inlined
def _down(part, by, size):
    """Undo `_up`."""
    moved = part + size - ((by * size) >> _32)
    return moved - (size if moved >= size else _0)


@inlined
def shuffled(x, n, bits, key0, key1, key2):
    """Return where x in [0, n) stands; bits = `bits_of(n)` of at most 31, keys are uint64 in [0, 2^32)."""
    if bits <= _SMALL:
        return _swapped(x, n, key0, key1, key2, 0, 1)
    low = np.uint64(bits >> 1)
    highs = (np.uint64(n) + (_1 << low) - _1) >> low
    y = np.uint64(x)
    while True:
        y = _mixed_parts(y, low, highs, key0, key1, key2)
        if y < np.uint64(n):
            return np.int64(y)


@inlined
def _mixed_parts(x, low, highs, key0, key1, key2):
    """Return the number below highs x 2^low to which the six rounds move another one."""
    mask, top = (_1 << low) - _1, _32 - low
    u, v = x >> low, x & mask
    u = _up(u, _hash(v, key0, key1), highs)
    v ^= _hash(u, key1, key2) >> top
    u = _up(u, _hash(v, key2, key0), highs)
    v ^= _hash(u, _more(key0, _A), key2) >> top
    u = _up(u, _hash(v, _more(key1, _B), key0), highs)
    v ^= _hash(u, _more(key2, _C), key1) >> top
    return (u << low) | v


@njit
def shuffled_block(first, length, n, bits, key0, key1, key2, out):
    """Write to out (uint64) where the numbers first to first + length - 1 stand, as `shuffled` does one by one.

    Loops without branches, which go through the processor's lanes.
    """
    for j in range(length):
        out[j] = np.uint64(first + j)
    if bits <= _SMALL:
        size = np.uint64(n)
        for k in range(_SWAPS):
            word = _mixed((key0 + np.uint64(k + 1) * _A) & _MASK)
            for j in range(length):
                out[j] = _swapped_once(out[j], word, size, key1, key2)
        return
    low = np.uint64(bits >> 1)
    highs = (np.uint64(n) + (_1 << low) - _1) >> low
    for j in range(length):
        out[j] = _mixed_parts(out[j], low, highs, key0, key1, key2)
    for j in range(length):
        while out[j] >= np.uint64(n):
            out[j] = _mixed_parts(out[j], low, highs, key0, key1, key2)


@inlined
def unshuffled(y, n, bits, key0, key1, key2):
    """Return the number that stands at place y: the inverse of `shuffled`."""
    if bits <= _SMALL:
        return _swapped(y, n, key0, key1, key2, _SWAPS - 1, -1)
    low = np.uint64(bits >> 1)
    mask, top = (_1 << low) - _1, _32 - low
    highs = (np.uint64(n) + mask) >> low
    u, v = np.uint64(y) >> low, np.uint64(y) & mask
    key3, key4, key5 = _more(key0, _A), _more(key1, _B), _more(key2, _C)
    while True:
        v ^= _hash(u, key5, key1) >> top
        u = _down(u, _hash(v, key4, key0), highs)
        v ^= _hash(u, key3, key2) >> top
        u = _down(u, _hash(v, key2, key0), highs)
        v ^= _hash(u, key1, key2) >> top
        u = _down(u, _hash(v, key0, key1), highs)
        x = (u << low) | v
        if x < np.uint64(n):
            return np.int64(x)


@njit
def _swapped(x, n, key0, key1, key2, first, step):
    """Return x after all swaps, from round `first` on; the other way round they are undone."""
    size, y = np.uint64(n), np.uint64(x)
    for k in range(_SWAPS):
        word = _mixed((key0 + np.uint64(first + step * k + 1) * _A) & _MASK)
        y = _swapped_once(y, word, size, key1, key2)
    return np.int64(y)


@inlined
def _swapped_once(y, word, size, key1, key2):
    """Return y or its partner of the round that `word` is of."""
    partner = ((word * size) >> _32) + size - y
    partner -= size if partner >= size else _0
    swap = _mixed(((_mixed((key1 + word) & _MASK) ^ key2) + max(y, partner) * _B) & _MASK)
    return partner if swap & _1 == _1 else y


@inlined
def _mixed(x):
    x ^= x >> _16
    x = (x * _D) & _MASK
    x ^= x >> _15
    x = (x * _E) & _MASK
    return x ^ (x >> _16)


@njit
def placed(keys, k, n, x):
    """Return where x stands in the k-th of some shuffled orders, of n."""
    return shuffled(x, n, bits_of(n), keys[k, 0], keys[k, 1], keys[k, 2])


@njit
def placed_all(keys, k, n, out):
    """Write to out (uint64[n] or longer) where each x in [0, n) stands in the k-th of some shuffled orders: many are quick."""
    shuffled_block(0, n, n, bits_of(n), keys[k, 0], keys[k, 1], keys[k, 2], out)


@njit
def standing_at(keys, k, n, y):
    """Return who stands at place y: the inverse of `placed`."""
    return unshuffled(y, n, bits_of(n), keys[k, 0], keys[k, 1], keys[k, 2])


@njit
def standing(keys, k, n):
    """Return who stands at each place, int64[n]."""
    out = np.empty(n, np.int64)
    for y in range(n):
        out[y] = standing_at(keys, k, n, y)
    return out


@inlined
def scattered(k, key):
    """Return a number inside (0, 1) for each k in [0, 2^31) and key (uint64 in [0, 2^32)), evenly scattered over them."""
    x = _mixed((np.uint64(k) * _A + key) & _MASK)
    return (np.float64(x) + 0.5) * (1.0 / 4294967296.0)
