"""Messages on their way, compiled: a slot for each, free again when nobody will look at it any more."""

from __future__ import annotations

from sim.draws import READER, quarters
from sim.engine.calendar import push
from sim.jit import inlined, njit

__all__ = ["draw_readers", "push_message", "release", "write"]

_EIGHT = 8
_FEW = 2


@njit
def draw_readers(S, seed, id_, n):
    """Draw for what the first n readers of the block do with a message: write the four words of each to S.words.

    More than a few: in a loop without branches, in whole eights, because it goes through the processor's lanes.
    """
    readers, words = S.block[0], S.words
    if n <= _FEW:
        for j in range(n):
            words[0, j], words[1, j], words[2, j], words[3, j] = quarters(seed, READER, readers[j], id_, 0)
        return
    eights = (n + _EIGHT - 1) // _EIGHT * _EIGHT
    readers[n:eights] = 0  # whose words nobody reads
    for j in range(eights):
        words[0, j], words[1, j], words[2, j], words[3, j] = quarters(seed, READER, readers[j], id_, 0)


@njit
def write(S, id_, author, channel, kind, live):
    """Store a message and return its slot; whoever writes pushes it or ends with `release`."""
    now = S.now[0]
    slot = now["free_message"]
    if slot >= 0:
        now["free_message"] = S.messages[slot]["author"]
        now["n_free"] -= 1
    else:
        slot = now["n_messages"]
        now["n_messages"] = slot + 1
    m = S.messages[slot]
    m["id"] = id_
    m["author"] = author
    m["pending"] = 1
    m["channel"] = channel
    m["kind"] = kind
    m["live"] = live
    m["tries"] = 0
    return slot


@inlined
def release(S, slot):
    """Be done with a message, as its writer or as one of its events; the last one gives the slot back."""
    m = S.messages[slot]
    m["pending"] -= 1
    if m["pending"] == 0:
        now = S.now[0]
        m["author"] = now["free_message"]
        now["free_message"] = slot
        now["n_free"] += 1


@njit
def push_message(S, order, slot, held, datum):
    """Add an event of a message; `held` are the bits above those of the slot."""
    S.messages[slot]["pending"] += 1
    push(S.calendar, S.messages, order, slot | held, datum)
