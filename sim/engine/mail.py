"""What people of one part of the nation send to those of another, compiled: kept until the moment is over, then taken in.

Where several threads share a run each of them has a part of the people, with a calendar and messages of its own. Within a
moment nobody notices what others do (`order.py`), so the parts need not wait for each other but at its end.
"""

from __future__ import annotations

import numpy as np

from sim.engine.calendar import datum_of, load_of, push, slot_of, wanted_chunks
from sim.engine.messages import push_message, release, write
from sim.engine.order import PERSON
from sim.jit import by_reference, inlined, njit

__all__ = ["receive", "seal", "send_out"]


@njit
def send_out(S, order, held, datum):
    """Keep an event of somebody of another part; `held` as in `push_message`, or the slot of one without a message."""
    now = S.now[0]
    k = now["n_out"]
    S.outbox[2 * k], S.outbox[2 * k + 1] = order, load_of(held, datum)
    now["n_out"] = k + 1


@inlined
def seal(S, slot):
    """Put all events that were sent out since the last letter into one, with the message of a slot (-1: none)."""
    if S.now[0]["n_out"] > S.now[0]["n_sealed"]:
        _write_letter(S, slot)


@njit
def _write_letter(S, slot):
    now = S.now[0]
    letter = S.letters[now["n_letters"]]
    letter["author"] = -1
    if slot >= 0:
        m = S.messages[slot]
        letter["id"], letter["author"], letter["channel"] = m["id"], m["author"], m["channel"]
        letter["kind"], letter["live"], letter["tries"] = m["kind"], m["live"], m["tries"]
    letter["first"], letter["end"] = now["n_sealed"], now["n_out"]
    now["n_sealed"] = now["n_out"]
    now["n_letters"] += 1


@njit
def receive(S, outbox, letters, n_letters):
    """Take in what is for people of this part among another part's letters; return whether there was room for all of it."""
    S = by_reference(S)
    now = S.now[0]
    n = letters[n_letters - 1]["end"] if n_letters > 0 else np.int64(0)
    calendar = S.calendar
    if (
        calendar.meta[0]["n_free"] < wanted_chunks(calendar, n)
        or calendar.meta[0]["n_late"] + n > len(calendar.late) // 2
        or now["n_messages"] - now["n_free"] + n_letters > len(S.messages)
    ):
        return False
    first, last = now["first_person"], now["last_person"]
    for k in range(n_letters):
        letter = letters[k]
        slot = np.int64(-1)
        for i in range(letter["first"], letter["end"]):
            order, load = outbox[2 * i], outbox[2 * i + 1]
            if not first <= order & PERSON <= last:
                continue
            if letter["author"] < 0:
                push(calendar, S.messages, order, slot_of(load), datum_of(load))
                continue
            if slot < 0:
                slot = write(S, letter["id"], letter["author"], letter["channel"], letter["kind"], letter["live"])
                S.messages[slot]["tries"] = letter["tries"]
            push_message(S, order, slot, slot_of(load), datum_of(load))
        if slot >= 0:
            release(S, slot)
    return True
