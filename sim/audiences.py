"""Lists of people, by province: who can be reached on something, or who takes part in a set of ties; a bit of each person.

All people by province stand at places from 0 on. A list has a bit for each place, and says how many of the list stand before
each group of places, so that the k-th of a list, and how many stand before a place, are found by counting a few bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.jit import inlined, njit, popcount, prefetch
from sim.threads import in_chunks

__all__ = ["Audiences", "audiences_of", "make_audiences", "number_before", "number_in", "people_at", "people_numbered",
           "people_with", "person_at"]  # fmt: skip

WORD_BITS, GROUP_BITS, GUIDE_BITS = 6, 9, 8
"""Bits of a place's number within a word and within a group; of a member's number between two entries of the guide."""
WORDS = 1 << (GROUP_BITS - WORD_BITS)
"""Words of a group: a cache line."""
CHUNK = 1 << 16
_1 = np.uint64(1)
_ONES = (1 << WORD_BITS) - 1
_ONES_8, _HIGHS_8 = (np.uint64(sum(bit << 8 * k for k in range(8))) for bit in (1, 1 << 7))
_ONES_9, _HIGHS_9 = (np.uint64(sum(bit << 9 * k for k in range(7))) for bit in (1, 1 << 8))
_SELECTED = np.array(
    [([bit for bit in range(8) if byte >> bit & 1] + [0] * 8)[:8] for byte in range(256)], np.uint8
)  # which bit of a byte is its k-th that is set


class Audiences(NamedTuple):
    """Lists of people by province (read-only)."""

    sizes: np.ndarray  # int64[lists]
    at: np.ndarray  # int64[lists]: where each begins in `words`; -1: it holds everybody
    words: np.ndarray  # uint64: a bit for each place, whether who stands there is in the list
    before: np.ndarray  # int32[lists, groups + 1]: how many of a list stand before each group of 2^9 places
    inside: np.ndarray  # uint64[lists, groups]: how many of the group's stand before its 2nd to 8th word, 9 bits each
    guide: np.ndarray  # int32[lists, ...]: the group of every 2^8-th of a list, and the last group behind them
    order: np.ndarray  # int32[n]: people by province; empty where they are numbered so


def make_audiences(receivers: np.ndarray, indices: tuple[int, ...], order: np.ndarray) -> Audiences:
    """Return the lists of those who have each of some receivers (unsigned[n], bits); `order` as in `Audiences`."""
    n = len(receivers)
    words = _no_words(len(indices), n)
    bits = np.array(indices, np.uint32)

    def write(low: int, high: int) -> None:
        _write_bits(receivers[order[low:high]] if len(order) else receivers[low:high], bits, low, words)

    in_chunks(n, write, CHUNK)
    return _counted(words, n, order)


def audiences_of(lists: Sequence[np.ndarray], n: int, order: np.ndarray) -> Audiences:
    """Return lists of n people, each given by its places (ascending)."""
    words = _no_words(len(lists), n)
    for row, places in zip(words, lists, strict=True):
        _write_places(places, row)
    return _counted(words, n, order)


def _no_words(n_lists: int, n: int) -> np.ndarray:
    """Return zeros, uint64[lists, words]: whole groups, each of which begins on a cache line."""
    n_words = -(-n >> GROUP_BITS) * WORDS
    block = np.zeros(n_lists * n_words + 8, np.uint64)
    start = -block.ctypes.data % 64 // 8
    return block[start : start + n_lists * n_words].reshape(n_lists, n_words)


def _counted(words: np.ndarray, n: int, order: np.ndarray) -> Audiences:
    """Return the lists of some bits, of which those of everybody are dropped."""
    n_groups = words.shape[1] // WORDS
    before = np.zeros((len(words), n_groups + 1), np.int32)
    inside = np.zeros((len(words), n_groups), np.uint64)
    for row, counts, within in zip(words, before, inside, strict=True):
        _count(row, counts, within)
    sizes = before[:, -1].astype(np.int64)
    guide = np.full((len(words), (int(sizes.max(initial=0)) >> GUIDE_BITS) + 2), max(n_groups - 1, 0), np.int32)
    for row, count, size in zip(guide, before, sizes.tolist(), strict=True):
        every = np.arange(0, size, 1 << GUIDE_BITS)
        row[: len(every)] = np.searchsorted(count, every, side="right") - 1
    is_kept = sizes < n
    at = np.full(len(words), -1, np.int64)
    at[is_kept] = np.arange(np.count_nonzero(is_kept)) * words.shape[1]
    kept = words
    if not is_kept.all():
        kept = _no_words(int(is_kept.sum()), n)
        kept[:] = words[is_kept]
    found = Audiences(sizes, at, kept.reshape(-1), before, inside, guide, order)
    for array in found:
        array.setflags(write=False)
    return found


def people_with(receivers: np.ndarray, index: int) -> np.ndarray:
    """Return the people (int32, ascending) who have a receiver."""
    bit = receivers.dtype.type(1 << index)
    found = in_chunks(
        len(receivers), lambda low, high: (np.flatnonzero(receivers[low:high] & bit) + low).astype(np.int32), CHUNK
    )
    return np.concatenate([np.zeros(0, np.int32), *found])


@njit
def _write_bits(receivers, bits, first, words):
    """Write of people who stand from the place `first` on, a whole word's first, who has each bit to a row of `words`."""
    for i in range(len(receivers)):
        place = first + i
        for k in range(len(bits)):
            if (receivers[i] >> bits[k]) & np.uint32(1):
                words[k, place >> WORD_BITS] |= _1 << np.uint64(place & _ONES)


@njit
def _write_places(places, words):
    """Set the bits of places."""
    for place in places:
        words[place >> WORD_BITS] |= _1 << np.uint64(place & _ONES)


@njit
def _count(words, before, inside):
    """Write how many bits stand before each group, and in all; and within each group before its words."""
    n = np.int64(0)
    for g in range(len(inside)):
        before[g] = n
        counts = np.uint64(0)
        for i in range(WORDS):
            if i > 0:
                counts |= np.uint64(n - before[g]) << np.uint64(9 * (i - 1))
            n += popcount(words[WORDS * g + i])
        inside[g] = counts
    before[len(inside)] = n


@inlined
def _group_of(audiences, which, k):
    """Return the group in which the k-th of a list stands."""
    low, high = audiences.guide[which, k >> GUIDE_BITS], audiences.guide[which, (k >> GUIDE_BITS) + 1] + 1
    while high - low > 2:
        middle = (low + high) >> 1
        if audiences.before[which, middle] <= k:
            low = middle
        else:
            high = middle
    # Mostly two are left: nothing that the processor would have to guess.
    return np.int64(low) + np.int64((high - low == 2) & (audiences.before[which, high - 1] <= k))


@inlined
def _place_in(audiences, which, group, left):
    """Return where somebody of a list stands before whom so many of the list stand in the group.

    First the word is found, then its byte, then the bit, each by comparing several counts at once, so that the processor has
    nothing to guess (broadword selection: Vigna 2008).
    """
    counts, wanted = audiences.inside[which, group], np.uint64(left)
    y = wanted * _ONES_9
    at_most = (((y | _HIGHS_9) - (counts & ~_HIGHS_9)) | (counts ^ y)) ^ (counts & ~y)
    word = popcount(at_most & _HIGHS_9)
    if word > 0:
        wanted -= (counts >> np.uint64(9 * (word - 1))) & np.uint64(511)
    x = audiences.words[audiences.at[which] + WORDS * group + word]
    sums = x - ((x >> _1) & np.uint64(0x5555555555555555))
    sums = (sums & np.uint64(0x3333333333333333)) + ((sums >> np.uint64(2)) & np.uint64(0x3333333333333333))
    sums = (sums + (sums >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    for distance in (8, 16, 32):
        sums += sums << np.uint64(distance)  # of all bytes up to each
    shift = np.uint64(8 * popcount(((wanted * _ONES_8 | _HIGHS_8) - sums) & _HIGHS_8))
    wanted -= ((sums << np.uint64(8)) >> shift) & np.uint64(255)
    byte = np.int64((x >> shift) & np.uint64(255))
    return (group << GROUP_BITS) + (word << WORD_BITS) + np.int64(shift) + np.int64(_SELECTED[byte, np.int64(wanted)])


@njit
def person_at(audiences, which, k):
    """Return the k-th of a list."""
    place = np.int64(k)
    if audiences.at[which] >= 0:
        group = _group_of(audiences, which, k)
        place = _place_in(audiences, which, group, k - np.int64(audiences.before[which, group]))
    return np.int64(audiences.order[place]) if len(audiences.order) > 0 else place


@inlined
def people_at(audiences, which, first, places, n, out):
    """Write who stands at the first n of some places of a list, counted from `first`, to out, in order."""
    for j in range(n):
        out[j] = first + places[j]
    people_numbered(audiences, which, n, out)


@inlined
def people_numbered(audiences, which, n, out):
    """Put in the place of the first n numbers in out, each of somebody in a list, who that is; -1 stays."""
    at, order = audiences.at[which], audiences.order
    if at >= 0:
        for j in range(n):
            if out[j] >= 0:
                group = _group_of(audiences, which, out[j])
                out[j] = (group << GROUP_BITS) + out[j] - np.int64(audiences.before[which, group])
                prefetch(audiences.words, at + WORDS * group)
        for j in range(n):
            if out[j] >= 0:
                out[j] = _place_in(audiences, which, out[j] >> GROUP_BITS, out[j] & ((1 << GROUP_BITS) - 1))
    if len(order) > 0:
        for j in range(n):
            if out[j] >= 0:
                out[j] = order[out[j]]


@inlined
def _count_before(audiences, which, place):
    """Return how many of a list that is not of everybody stand before a place, before the last group's end."""
    group, word = place >> GROUP_BITS, (place >> WORD_BITS) & (WORDS - 1)
    count = np.int64(audiences.before[which, group])
    if word > 0:
        count += np.int64((audiences.inside[which, group] >> np.uint64(9 * (word - 1))) & np.uint64(511))
    last = audiences.words[audiences.at[which] + (place >> WORD_BITS)]
    return count + popcount(last & ((_1 << np.uint64(place & _ONES)) - _1))


@njit
def number_before(audiences, which, place):
    """Return how many of a list stand before a place among all people by province."""
    if audiences.at[which] < 0:
        return np.int64(place)
    if place >> GROUP_BITS >= audiences.before.shape[1] - 1:
        return audiences.sizes[which]
    return _count_before(audiences, which, place)


@njit
def number_in(audiences, which, place):
    """Return the number, within a list, of whoever stands at a place; -1: is not in the list."""
    if audiences.at[which] < 0:
        return np.int64(place)
    word = audiences.words[audiences.at[which] + (place >> WORD_BITS)]
    if (word >> np.uint64(place & _ONES)) & _1 == np.uint64(0):
        return np.int64(-1)
    return _count_before(audiences, which, place)
