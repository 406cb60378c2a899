"""The rows of people at tick 0: everybody's traits as the kernel sees them, written in chunks that threads share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim import draws
from sim.decision import Decision
from sim.engine.flags import ABLE, CIRCUMVENTS, POSTS, has
from sim.engine.rows import heard_from
from sim.engine.state import MIND, STATE, aligned
from sim.engine.ties import Net, reader_at, tied_to
from sim.implied import NEIGHBOURS
from sim.jit import by_reference, njit
from sim.population import People
from sim.scenario import Scenario
from sim.threads import CHUNK, in_chunks
from sim.traits import trait_quantile
from sim.world import World

__all__ = ["count_shown", "make_rows", "who_gather"]


class Traits(NamedTuple):
    """What is known of everybody: arrays of length n, or of length 0 where nothing is given."""

    receivers: np.ndarray  # uint32
    able: np.ndarray  # int8: 1 or 0; -1, or length 0: as drawn


class Rates(NamedTuple):
    """What is true of all people."""

    receiver: np.ndarray  # uint32[channels]: index of the receiver of each
    posts_per_tick: np.ndarray  # float64[channels]
    able: float
    """Share of people who can go at all."""
    guards: np.uint32
    """The bit of those who never go; 0: nobody."""
    ready: float
    """Share of those who post that circumvents from the beginning."""


@njit
def _write_rows(rows, low, high, traits, rates, propensities, dispositions, bed, sleep):
    """Write the traits of people [low, high) into their rows, which hold zeros; return how many of them could go."""
    n_able = 0
    for p in range(low, high):
        row = rows[p]
        receivers = traits.receivers[p]
        posts = 0.0
        for c in range(len(rates.receiver)):
            if (receivers >> rates.receiver[c]) & np.uint32(1):
                posts += rates.posts_per_tick[c]
        propensity = propensities[p - low]
        is_poster = np.float32(posts * np.float64(propensity)) > 0.0
        is_able = dispositions[1, p - low] < rates.able
        if len(traits.able) > 0 and traits.able[p] >= 0:
            is_able = traits.able[p] == 1
        if receivers & rates.guards:
            is_able = False
        # Of those who post somewhere: nobody else meets a throttle on posts, and few others have the internet.
        is_ready = dispositions[2, p - low] < rates.ready and posts > 0.0
        row["propensity"] = propensity
        row["bed"] = bed[p - low]
        row["sleep"] = sleep[p - low]
        row["last_on"] = -1
        row["flags"] = (ABLE if is_able else 0) | (CIRCUMVENTS if is_ready else 0) | (POSTS if is_poster else 0)
        n_able += np.int64(is_able)
    return n_able


@njit
def _write_minds(rows, minds, low, high, first, thresholds):
    """Write the traits of those of people [low, high) who could go into rows of `minds`, from the first on."""
    k = first
    for p in range(low, high):
        if has(rows[p], ABLE):
            rows[p]["mind"] = k
            minds[k]["threshold"] = thresholds[p - low]
            k += 1


@njit
def who_gather(rows, province, airs, seed, airing, share, low, high):
    """Return the people (int32, ascending) of [low, high) who go by themselves: of the able, where it airs, such a share."""
    found = np.empty(high - low, np.int32)
    n = 0
    for p in range(low, high):
        is_asked = has(rows[p], ABLE) and airs[province[p]] == 1
        if is_asked and (share >= 1.0 or draws.uniform(seed, draws.INITIATE, p, airing, 0) < share):
            found[n] = p
            n += 1
    return found[:n].copy()


@njit
def _count_shown(rows, minds, net, ties, receivers, guards):
    """Add each author who has the receiver `guards` (-1: all have) to n_against of all who see the author leave."""
    net = by_reference(net)
    for author in range(len(rows)):
        if guards >= 0 and (receivers[author] >> np.uint32(guards)) & np.uint32(1) == 0:
            continue
        readers = tied_to(net, ties, author, 0)
        for k in range(readers.n):
            minds[rows[reader_at(net, readers, k)]["mind"]]["n_against"] += 1
    minds[0]["n_against"] = 0  # of those who could never go


@njit
def _count_mutual(rows, minds, net, ties, receivers, guards, low, high):
    """Write n_against of people [low, high), where whom one sees leave are those who see oneself leave."""
    net = by_reference(net)
    for p in range(low, high):
        if not has(rows[p], ABLE):
            continue
        seen = tied_to(net, ties, p, 0)
        n = seen.n
        if guards >= 0:
            n = 0
            for k in range(seen.n):
                n += np.int64((receivers[reader_at(net, seen, k)] >> np.uint32(guards)) & np.uint32(1))
        minds[rows[p]["mind"]]["n_against"] = n


def count_shown(rows: np.ndarray, minds: np.ndarray, net: Net, ties: int, receivers: np.ndarray, guards: int) -> None:
    """Write n_against: how many whom one sees leave have the receiver `guards` (-1: all have); 0 where all see all."""
    if net.complete[ties] == 1:
        return
    if net.rows_at[ties] >= 0:
        _count_shown(rows, minds, net, ties, receivers, guards)
    else:  # those next to each other on a ring
        in_chunks(len(rows), lambda low, high: _count_mutual(rows, minds, net, ties, receivers, guards, low, high))


def make_rows(scenario: Scenario, world: World, posts_per_tick: np.ndarray, net: Net) -> tuple[np.ndarray, np.ndarray]:
    """Return STATE[n] and MIND[able + 1] at tick 0, without what ties and groups say.

    `posts_per_tick` is that of each channel.
    """
    people, decision = world.people, scenario.decision
    receivers = list(scenario.population.receivers)
    traits = Traits(
        people.receivers,
        np.zeros(0, np.int8) if people.able is None else people.able,
    )  # fmt: skip
    rates = Rates(
        receiver=np.array([receivers.index(c.receiver) for c in scenario.channels.values()], np.uint32),
        posts_per_tick=np.ascontiguousarray(posts_per_tick, np.float64),
        able=float(decision.able_share),
        guards=np.uint32(0 if decision.guards is None else 1 << receivers.index(decision.guards)),
        ready=float(scenario.throttle.circumvention.share_before),
    )
    found = _known_thresholds(decision, world, net)
    rows = aligned(people.n, STATE)

    def write(low: int, high: int) -> int:
        propensities = people.propensities(np.arange(low, high, dtype=np.int32))
        bed, sleep = people.sleep_habits(low, high)
        drawn = people.dispositions(low, high)
        return int(_write_rows(rows, low, high, traits, rates, propensities, drawn, bed, sleep))

    ends = np.cumsum(in_chunks(people.n, write, CHUNK))
    minds = aligned(1 + int(ends[-1]), MIND)
    minds[0]["threshold"] = np.inf

    def write_minds(low: int, high: int) -> None:
        u = people.dispositions(low, high)[0]
        thresholds = _by_law(decision, u, low, people.n) if found is None else found[low:high]
        first = 1 + (int(ends[low // CHUNK - 1]) if low > 0 else 0)
        _write_minds(rows, minds, low, high, first, np.asarray(thresholds, np.float64))

    in_chunks(people.n, write_minds, CHUNK)
    return rows, minds


def _by_law(decision: Decision, u: np.ndarray, first: int, n: int) -> np.ndarray:
    """Return the thresholds of the people from `first` on, of n in all, at their quantiles u; infinite without a law."""
    law = decision.law_of_threshold
    return np.full(len(u), np.inf) if law is None else trait_quantile(law, u, first, n)


def _known_thresholds(decision: Decision, world: World, net: Net) -> np.ndarray | None:
    """Return everybody's threshold where it takes all to say one's own: of a file, as exact quantiles, or learnt; else None."""
    people = world.people
    has_law = decision.law_of_threshold is not None
    is_even, is_learnt = has_law and decision.thresholds == "quantiles", has_law and decision.learning_rounds > 0
    if people.threshold is None and not is_even and not is_learnt:
        return None
    if people.threshold is not None:
        found = people.threshold
    else:
        u = _all_quantiles(people)
        found = _by_law(decision, _evenly(u) if is_even else u, 0, people.n)
    return _learnt(found, decision.learning_rounds, net)


def _all_quantiles(people: People) -> np.ndarray:
    return np.concatenate(in_chunks(people.n, lambda low, high: people.dispositions(low, high)[0]))


def _evenly(u: np.ndarray) -> np.ndarray:
    """Return (k - 1/2) / n for the k-th smallest of n draws, in the place of each."""
    ranks = np.empty(len(u), np.int64)
    ranks[np.argsort(u, kind="stable")] = np.arange(len(u))
    return np.asarray((ranks + 0.5) / len(u))


def _learnt(found: np.ndarray, rounds: int, net: Net) -> np.ndarray:
    """Return thresholds after so many rounds of taking the mean of one's own and one's neighbours'."""
    is_complete = net.complete[NEIGHBOURS] == 1
    seen = heard_from(net, np.ones(len(found))) if rounds > 0 else 0
    for _ in range(rounds):
        found = np.full(len(found), found.mean()) if is_complete else (found + heard_from(net, found)) / (1 + seen)
    return np.asarray(found)
