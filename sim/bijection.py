"""Shuffled orders that take no memory: keyed bijections of the numbers below n, cheap both ways.

A Feistel network of six rounds (sixteen in a small domain) shuffles the next power of two; numbers beyond n are shuffled on
until one below n comes up ("cycle walking", Black and Rogaway 2002), twice at most on average. A round multiplies words of 32
bits twice, first as Philox2x32 does (Salmon, Moraes, Dror and Shaw 2011). They stay in uint64 lanes, so that the same code
runs uncompiled.
"""

from __future__ import annotations

import numpy as np

from sim.jit import njit

__all__ = ["bits_of", "shuffled", "sub_key", "unshuffled"]

_MASK = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_1 = np.uint64(1)
_16 = np.uint64(16)
_M = np.uint64(0xD256D193)
_M2 = np.uint64(0xCD9E8D57)
_W = np.uint64(0x9E3779B9)


@njit
def bits_of(n):
    """Return the smallest b with 2^b >= n, for n in [1, 2^32]."""
    v = np.int64(n) - 1
    b = 0
    for step in (16, 8, 4, 2, 1):
        if v >= 1 << step:
            v >>= step
            b += step
    return b + (1 if v > 0 else 0)


@njit
def _mixed(v, k):
    p = ((v ^ k) & _MASK) * _M
    return (((p >> _32) ^ (p & _MASK)) * _M2) >> _16


@njit
def shuffled(key, n, x):
    """Return where x stands in the order of the numbers below n that a key (63 bits) names."""
    if n < 2:
        return np.int64(x)
    bits = bits_of(n)
    low = np.uint64(bits // 2)
    low_mask = (_1 << low) - _1
    high_mask = (_1 << np.uint64(bits - bits // 2)) - _1
    k0, k1 = np.uint64(key) & _MASK, np.uint64(key) >> _32
    pairs = 3 if bits > 8 else 8  # a small domain needs more rounds to be shuffled evenly
    size = np.uint64(n)
    y = np.uint64(x)
    while True:
        left, right = y >> low, y & low_mask
        k = k0
        for _ in range(pairs):
            left ^= _mixed(right, k) & high_mask
            k = (k + _W) & _MASK
            right ^= _mixed(left, k ^ k1) & low_mask
            k = (k + _W) & _MASK
        y = (left << low) | right
        if y < size:
            return np.int64(y)


@njit
def unshuffled(key, n, y):
    """Return the number that stands at place y: the inverse of `shuffled`."""
    if n < 2:
        return np.int64(y)
    bits = bits_of(n)
    low = np.uint64(bits // 2)
    low_mask = (_1 << low) - _1
    high_mask = (_1 << np.uint64(bits - bits // 2)) - _1
    k0, k1 = np.uint64(key) & _MASK, np.uint64(key) >> _32
    pairs = 3 if bits > 8 else 8
    size = np.uint64(n)
    x = np.uint64(y)
    while True:
        left, right = x >> low, x & low_mask
        k = (k0 + np.uint64(2 * pairs - 1) * _W) & _MASK
        for _ in range(pairs):
            right ^= _mixed(left, k ^ k1) & low_mask
            k = (k + _MASK + _1 - _W) & _MASK
            left ^= _mixed(right, k) & high_mask
            k = (k + _MASK + _1 - _W) & _MASK
        x = (left << low) | right
        if x < size:
            return np.int64(x)


@njit
def sub_key(key, a, b):
    """Return one of many keys made of a key and two numbers in [0, 2^32), int64 below 2^63."""
    x0, x1 = (np.uint64(key) ^ np.uint64(a)) & _MASK, (np.uint64(key) >> _32) ^ np.uint64(b)
    k = np.uint64(0)
    for _ in range(4):
        p = x0 * _M
        x0 = (p >> _32) ^ x1 ^ k
        x1 = p & _MASK
        k = (k + _W) & _MASK
    return np.int64(((x0 << _32) | x1) >> _1)
