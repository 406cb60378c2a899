"""Who can be reached on something: lists of people by province, of which two bytes are kept for each.

A list says where its people stand among all people by province, in ascending order. Of that place the last 16 bits are kept;
the bits before them, the block, follow from how many of the list stand before each block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.jit import inlined, njit, prefetch
from sim.threads import in_chunks

__all__ = ["Audiences", "make_audiences", "number_before", "people_at", "people_with", "person_at"]

BLOCK_BITS, GUIDE_BITS = 16, 12
BLOCK = 1 << BLOCK_BITS


class Audiences(NamedTuple):
    """Lists of people by province (read-only)."""

    sizes: np.ndarray  # int64[lists]
    at: np.ndarray  # int64[lists]: where each begins in `low`; -1: it holds everybody
    low: np.ndarray  # uint16: the last bits of each place
    blocks: np.ndarray  # int32[lists, blocks + 1]: how many of a list stand before each block of 2^16 places
    guide: np.ndarray  # int32[lists, ...]: the block of every 2^12-th of a list, and the last block behind them
    order: np.ndarray  # int32[n]: people by province; empty where they are numbered so


def make_audiences(receivers: np.ndarray, indices: tuple[int, ...], order: np.ndarray) -> Audiences:
    """Return the lists of those who have each of some receivers (uint32[n], bits); `order` as in `Audiences`."""
    sorted_ = receivers[order] if len(order) else receivers
    counts = _counts(sorted_, indices)
    sizes = counts.sum(axis=0)
    is_stored = sizes < len(receivers)
    stored = tuple(index for index, is_kept in zip(indices, is_stored, strict=True) if is_kept)
    starts, low = _listed(sorted_, stored, counts[:, is_stored], np.uint16)
    at = np.full(len(indices), -1, np.int64)
    at[is_stored] = starts[:-1]
    n_blocks = len(counts)
    blocks = np.zeros((len(indices), n_blocks + 1), np.int32)
    blocks[:, 1:] = np.cumsum(counts, axis=0).T
    guide = np.full((len(indices), (int(sizes.max(initial=0)) >> GUIDE_BITS) + 2), n_blocks - 1, np.int32)
    for row, count, size in zip(guide, blocks, sizes.tolist(), strict=True):
        every = np.arange(0, size, 1 << GUIDE_BITS)
        row[: len(every)] = np.searchsorted(count, every, side="right") - 1
    found = Audiences(sizes, at, low, blocks, guide, order)
    for array in found:
        array.setflags(write=False)
    return found


def people_with(receivers: np.ndarray, index: int) -> np.ndarray:
    """Return the people (int32, ascending) who have a receiver."""
    return _listed(receivers, (index,), _counts(receivers, (index,)), np.int32)[1]


def _counts(receivers: np.ndarray, indices: tuple[int, ...]) -> np.ndarray:
    """Return int64[blocks, k]: how many people of each block have each of k receivers."""
    bits = np.array(indices, np.uint32)
    counts = in_chunks(len(receivers), lambda low, high: _count_bits(receivers[low:high], bits), BLOCK)
    return np.array(counts, np.int64).reshape(len(counts), len(bits))  # also of no receivers


def _listed(
    receivers: np.ndarray, indices: tuple[int, ...], counts: np.ndarray, kind: type
) -> tuple[np.ndarray, np.ndarray]:
    """Return int64[k + 1]: where each list begins, and the lists: the last bits of places, as many as the kind has."""
    bits = np.array(indices, np.uint32)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts.sum(axis=0))])
    firsts = starts[:-1] + np.cumsum(counts, axis=0) - counts
    listed = np.empty(starts[-1], kind)
    mask = int(np.iinfo(kind).max)

    def write(low: int, high: int) -> None:
        _list_bits(receivers[low:high], bits, low, firsts[low // BLOCK], listed, mask)

    in_chunks(len(receivers), write, BLOCK)
    return starts, listed


@njit
def _count_bits(receivers, bits):
    """Return int64[len(bits)]: how many have each bit."""
    counts = np.zeros(len(bits), np.int64)
    for i in range(len(receivers)):
        for k in range(len(bits)):
            counts[k] += np.int64((receivers[i] >> bits[k]) & np.uint32(1))
    return counts


@njit
def _list_bits(receivers, bits, first, starts, listed, mask):
    """Write the people, numbered from `first`, who have bit k to `listed` from starts[k] on."""
    places = starts.copy()
    for i in range(len(receivers)):
        for k in range(len(bits)):
            if (receivers[i] >> bits[k]) & np.uint32(1):
                listed[places[k]] = (first + i) & mask
                places[k] += 1


@inlined
def _block_of(audiences, which, k):
    """Return the block in which the k-th of a list stands."""
    low, high = audiences.guide[which, k >> GUIDE_BITS], audiences.guide[which, (k >> GUIDE_BITS) + 1] + 1
    while high - low > 1:
        middle = (low + high) >> 1
        if audiences.blocks[which, middle] <= k:
            low = middle
        else:
            high = middle
    return np.int64(low)


@njit
def person_at(audiences, which, k):
    """Return the k-th of a list."""
    place = np.int64(k)
    if audiences.at[which] >= 0:
        place = _block_of(audiences, which, k) << BLOCK_BITS | np.int64(audiences.low[audiences.at[which] + k])
    return np.int64(audiences.order[place]) if len(audiences.order) > 0 else place


@inlined
def people_at(audiences, which, first, places, n, out):
    """Write who stands at the first n of some places of a list, counted from `first`, to out, in order."""
    at, low = audiences.at[which], audiences.low
    if at < 0:
        for j in range(n):
            out[j] = first + places[j]
    else:
        for j in range(n):
            prefetch(low, at + first + places[j])
        for j in range(n):
            k = first + places[j]
            out[j] = _block_of(audiences, which, k) << BLOCK_BITS | np.int64(low[at + k])
    if len(audiences.order) > 0:
        for j in range(n):
            out[j] = audiences.order[out[j]]


@njit
def number_before(audiences, which, place):
    """Return how many of a list stand before a place among all people by province."""
    if audiences.at[which] < 0:
        return np.int64(place)
    block = place >> BLOCK_BITS
    if block >= audiences.blocks.shape[1] - 1:
        return audiences.sizes[which]
    low, high = np.int64(audiences.blocks[which, block]), np.int64(audiences.blocks[which, block + 1])
    while low < high:
        middle = (low + high) >> 1
        if np.int64(audiences.low[audiences.at[which] + middle]) < place & (BLOCK - 1):
            low = middle + 1
        else:
            high = middle
    return low
