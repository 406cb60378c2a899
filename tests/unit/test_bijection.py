"""Shuffled orders: bijections that can be undone, and fair over their keys; tolerances are those of chi-square at 1e-6."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from sim.bijection import bits_of, placed, scattered, shuffled, shuffled_block, standing, unshuffled
from sim.draws import order_keys, quarters
from sim.jit import is_compiling, njit

SMALLEST_P = 1e-6
KEYS = 100_000 if is_compiling else 12_000  # of 720 orders each is then expected 16 times


@njit
def places(n, keys, xs):
    """Return int64[keys, xs]: where each x stands in the order of each key."""
    out = np.empty((len(keys), len(xs)), np.int64)
    bits = bits_of(n)
    for i in range(len(keys)):
        for j in range(len(xs)):
            out[i, j] = shuffled(xs[j], n, bits, keys[i, 0], keys[i, 1], keys[i, 2])
    return out


@njit
def n_wrong(n, keys, x, step):
    """Return how many of x, x + step, ... below n do not come back or stand beyond n."""
    wrong, bits = 0, bits_of(n)
    while x < n:
        y = shuffled(x, n, bits, keys[0], keys[1], keys[2])
        wrong += y < 0 or y >= n or unshuffled(y, n, bits, keys[0], keys[1], keys[2]) != x
        x += step
    return wrong


@njit
def stand(n, keys, first, length):
    """Return where the numbers from `first` on stand: in a block, and one by one."""
    together, alone, bits = np.empty(length, np.uint64), np.empty(length, np.int64), bits_of(n)
    shuffled_block(first, length, n, bits, keys[0], keys[1], keys[2], together)
    for j in range(length):
        alone[j] = shuffled(first + j, n, bits, keys[0], keys[1], keys[2])
    return together, alone


def keys_of(count: int, seed: int = 1) -> np.ndarray:
    return np.array([quarters(seed, 62, k, 5, 0)[:3] for k in range(count)], np.uint64)


def p_value(found: np.ndarray, expected: np.ndarray) -> float:
    from scipy.stats import chi2

    return float(chi2.sf(((found - expected) ** 2 / expected).sum(), found.size - 1))


def evenly(values: np.ndarray, n: int, cells: int) -> float:
    """Return the p-value of values being uniform on the numbers below n, counted in cells."""
    cells = min(n, cells)
    expected = np.bincount(np.arange(n) * cells // n, minlength=cells) * (len(values) / n)
    return p_value(np.bincount(values * cells // n, minlength=cells), expected)


def test_bits_suffice_and_one_less_would_not():
    for n in [*range(1, 70), 511, 512, 513, 65536, 65537, 2**27, 2**31 - 1, 2**31]:
        bits = bits_of(n)
        assert 2**bits >= n
        assert bits == 1 or 2 ** (bits - 1) < n


@pytest.mark.parametrize("seed", [1, 2])
def test_every_number_has_one_place_and_comes_back(seed):
    for n in [*range(1, 71), 511, 512, 513, 514, 1023, 1024, 1025, 4097]:
        keys = keys_of(1, seed + 10 * n)
        found = places(n, keys, np.arange(n))[0]
        np.testing.assert_array_equal(np.sort(found), np.arange(n))
        assert n_wrong(n, keys[0], 0, 1) == 0


@pytest.mark.parametrize("n", [1, 2, 500, 1024])
def test_who_stands_at_each_place_is_placed_there(n):
    keys = order_keys(3, 5, 2, 7, 1)
    np.testing.assert_array_equal(keys, [quarters(3, 5, k, 7, 1)[:3] for k in range(2)])
    assert [placed(keys, 1, n, x) for x in standing(keys, 1, n)] == list(range(n))


@pytest.mark.parametrize("n", [2**20 + 1, 10_000_019, 2**27, 2**31 - 1])
def test_numbers_of_a_large_domain_come_back(n):
    """An inverse on both sides makes a bijection; here of numbers far apart."""
    assert n_wrong(n, keys_of(1)[0], 3, max(1, n // (50_000 if is_compiling else 200))) == 0


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_all_orders_of_few_are_equally_likely(n):
    found = places(n, keys_of(KEYS), np.arange(n))
    _, counts = np.unique(found @ n ** np.arange(n), return_counts=True)
    assert len(counts) == factorial(n)
    assert p_value(counts, np.full(len(counts), KEYS / len(counts))) > SMALLEST_P


@pytest.mark.parametrize("n", [7, 16, 33, 64, 200, 512, 513, 600, 1024, 3000, 4096, 65_536, 70_000, 10_000_019])
def test_places_and_pairs_of_places_are_fair(n):
    """Each number at each place, and of each two numbers the distance and both halves of the order, over keys."""
    xs = np.array(sorted({0, 1, 2, n // 2, n - 2, n - 1}))
    found = places(n, keys_of(KEYS), xs)
    least = 1.0
    for j in range(len(xs)):
        least = min(least, evenly(found[:, j], n, 64))
    for a, b in combinations(range(len(xs)), 2):
        least = min(least, evenly((found[:, b] - found[:, a]) % n - 1, n - 1, 64))
        cells = min(n, 8)
        width = np.bincount(np.arange(n) * cells // n).astype(float)
        expected = (np.outer(width, width) - np.diag(width)) * (KEYS / (n * (n - 1.0)))
        both = np.bincount(found[:, a] * cells // n * cells + found[:, b] * cells // n, minlength=cells**2)
        there = expected > 0
        least = min(least, p_value(both.reshape(cells, cells)[there], expected[there]))
    assert least > SMALLEST_P


@pytest.mark.parametrize("n", [100, 5000])
def test_one_order_shows_no_pattern(n):
    """Of one key: places of neighbours are not correlated (bound: 5 standard errors, 1 / sqrt(n))."""
    for keys in keys_of(20, 3):
        order = places(n, keys[None], np.arange(n))[0]
        assert abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 5 / np.sqrt(n)


def test_scattered_numbers_are_even_and_inside():
    found = np.array([scattered(k, np.uint64(77)) for k in range(20_000)])
    assert found.min() > 0
    assert found.max() < 1
    assert evenly((found * 1000).astype(np.int64), 1000, 100) > SMALLEST_P


@pytest.mark.parametrize("n", [1, 2, 81, 511, 512, 513, 600, 70_001, 2**27 - 1])
def test_a_block_stands_where_its_numbers_stand_one_by_one(n):
    for keys in keys_of(3):
        for first in {0, n // 3, max(n - 64, 0)}:
            together, alone = stand(n, keys, first, min(64, n - first))
            np.testing.assert_array_equal(together.astype(np.int64), alone)
