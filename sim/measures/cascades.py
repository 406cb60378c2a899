"""Cascades: who answered whom, found again from the event log.

The identity of a reaction is a hash of its parent and its author (`sim.draws`), so that the log alone, with the seed, tells
every post's parent: nothing is recorded for it during the run.
"""

from __future__ import annotations

import numpy as np

from sim import draws
from sim.engine.order import CANDIDATE, IMPRESSION, PUBLISHED, REACTION, RETRY, SEEN, TIPPED
from sim.jit import njit
from sim.quantiles import MOST_POSTS

__all__ = ["POST", "posts_of"]

POST = np.dtype(
    [("id", "i8"), ("parent", "i8"), ("root", "i8"), ("tick", "i8"), ("delay", "i8")],
    align=True,
)
"""A published post: its identity; that of what it answers (0: nothing); the row of the post at the head of its cascade; tick
of publication; ticks since the impression that provoked it (-1: none did)."""


def posts_of(events: np.ndarray, seed: int) -> np.ndarray:
    """Return POST[n]: the published posts of a run, in the order of their publication.

    A post that answers an airing has the airing as its parent and is the head of a cascade: an airing is no post.

    Parameters
    ----------
    events
        The event log of a whole run (`Run.events`).
    seed
        The seed of the run.
    """
    said = events[np.isin(events["kind"], (CANDIDATE, REACTION, RETRY)) & (events["result"] == PUBLISHED)]
    posts = np.zeros(len(said), POST)
    posts["tick"], posts["delay"] = said["tick"], -1
    nothing = np.zeros(len(said), np.int64)
    is_spontaneous = said["kind"] == CANDIDATE  # its key is its number in the author's stream; of others the identity
    numbers = np.where(is_spontaneous, said["key"], 0)
    spontaneous = _identities(seed, draws.ID_POST, said["person"], nothing, numbers)
    posts["id"] = np.where(is_spontaneous, spontaneous, said["key"])
    order = np.argsort(posts["id"], kind="stable")
    ids = posts["id"][order]

    seen = events[(events["kind"] == IMPRESSION) & np.isin(events["result"], (SEEN, TIPPED))]
    n_reactions = int(np.count_nonzero(said["kind"] != CANDIDATE))
    for j in range(MOST_POSTS):
        if n_reactions == 0:
            break
        answers = _identities(seed, draws.ID_REACTION, seen["person"], seen["key"], np.full(len(seen), j, np.int64))
        at = np.searchsorted(ids, answers).clip(0, len(ids) - 1)
        is_there = ids[at] == answers
        found = order[at[is_there]]
        posts["parent"][found] = seen["key"][is_there]
        posts["delay"][found] = posts["tick"][found] - seen["tick"][is_there]
        n_reactions -= len(found)

    # A parent is published before its answer, so that one pass in the order of the rows finds every head.
    at = np.searchsorted(ids, posts["parent"]).clip(0, max(len(ids) - 1, 0))
    has_parent = ids[at] == posts["parent"] if len(ids) else np.zeros(0, bool)
    posts["root"] = _heads(np.where(has_parent, order[at], -1) if len(ids) else np.zeros(0, np.int64))
    return posts


@njit
def _identities(seed, purpose, subjects, objects, ordinals):
    """Return int64[n]: identities hashed from each subject, object and ordinal."""
    out = np.empty(len(subjects), np.int64)
    for i in range(len(subjects)):
        out[i] = draws.identity(seed, purpose, subjects[i], objects[i], ordinals[i])
    return out


@njit
def _heads(parents):
    """Return int64[n]: the row at the head of each row's chain of parents (-1: none), parents standing before."""
    heads = np.empty(len(parents), np.int64)
    for i in range(len(parents)):
        heads[i] = i if parents[i] < 0 else heads[parents[i]]
    return heads
