"""The dice: a draw is a function of what it decides, never of when it is asked.

A draw is named by (seed, purpose, subject, object, ordinal) and computed by the counter-based generator Philox4x32-10
(Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"). The Philox key is the seed; the counter is

    purpose 8 bits | ordinal 24 bits | subject 32 bits | object 64 bits

which is injective: two draws of different names never share a counter. One counter gives 128 bits: `uniform` takes 52 of them;
`quarters` takes four draws of 32 bits, for what one reader does with one message. The arithmetic stays in uint64 lanes that
hold 32-bit words, so that the same code runs uncompiled without overflow. Seeds are in [0, 2^63).
"""

from __future__ import annotations

import math

import numpy as np

from sim.jit import inlined, njit

__all__ = [
    "MAX_ORDINAL",
    "MAX_SEED",
    "PURPOSES",
    "bound_of_other",
    "coarse",
    "collision_bound",
    "exponential",
    "fraction",
    "identity",
    "order_keys",
    "packed",
    "philox",
    "quarters",
    "uniform",
    "uniforms",
    "waited",
]

MAX_SEED = 2**63 - 1
MAX_ORDINAL = 2**24 - 1

_MASK = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_12 = np.uint64(12)
_1 = np.uint64(1)
_8 = np.uint64(8)
_24 = np.uint64(24)
_LOW = np.uint64(0xFF)
_HIGH = np.uint64(0xFFFFFF00)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)

# Every draw names its purpose. Numbers are part of the results: a changed number changes every run, so append only.
# -- identities of messages (63-bit hash chain)
ID_POST, ID_REACTION, ID_AIRING, ID_DEPARTURE, ID_TELLING, ID_LIVE, ID_VICTORY = range(1, 8)
# -- the world
W_RECEIVER, W_TRAITS, W_DISPOSITION = range(9, 12)
W_DEGREE, W_TIE, W_LOCAL, W_FAME, W_GROUP_ORDER, W_GROUP_SIZE = range(17, 23)
W_EDGE, W_STUB, W_REWIRE, W_REWIRE_TO, W_CUT = range(24, 29)
# -- sleep
BED_JITTER, STAY_UP, STAY_UP_LENGTH, WOKEN, WOKEN_LENGTH, SLEEP_AFTER, SLEEP_AFTER_LENGTH = range(32, 39)
# -- what is said and who gets it
SKIP = 48
EXTRA_READER = 51
STAGGER, WAIT_READ = 53, 54
WAITS = 56
LOOK_RETURN, LOOK_AGAIN, READER, SHOWING = range(59, 63)
# -- gates
SEND_GATE, READ_GATE, RETRY, RETRY_DELAY, HOLD, ADOPT, SUBSTITUTE = range(64, 71)
# -- posting
FIRST_CANDIDATE, CANDIDATE, POST_CHANNEL = range(80, 83)
POST_GROUP = 84
REACTION, REACTION_ACCEPT = 86, 87
LIVE_KIND = 89
LIVE_COUNT, LIVE_DELAY, VICTORY_COUNT, VICTORY_DELAY = range(90, 94)
CREATE_GROUP, CREATE_DELAY, TELL, TELL_DELAY = range(95, 99)
# -- going out
HAZARD, PREPARE, STAY, PROLONG, PROLONG_LENGTH, INITIATE, CONTAGION, REST = range(112, 120)

PURPOSES: dict[str, int] = {
    name: value for name, value in list(globals().items()) if name.isupper() and not name.startswith(("_", "MAX"))
}
"""All purposes by name, in [1, 255]."""


@inlined
def _round(c0, c1, c2, c3, k0, k1, r):
    """Return the counter words after round r."""
    p0, p1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
    k0, k1 = (np.uint64(k0) + np.uint64(r) * _W0) & _MASK, (np.uint64(k1) + np.uint64(r) * _W1) & _MASK
    return (p1 >> _32) ^ np.uint64(c1) ^ k0, p1 & _MASK, (p0 >> _32) ^ np.uint64(c3) ^ k1, p0 & _MASK


@inlined
def philox(c0, c1, c2, c3, k0, k1):
    """Return four 32-bit words (as uint64) of Philox4x32-10 for four counter words and two key words (uint64, < 2^32)."""
    # Written out: a loop over many counters then goes through the processor's lanes, several counters at once.
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 0)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 1)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 2)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 3)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 4)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 5)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 6)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 7)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 8)
    c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1, 9)
    return c0, c1, c2, c3


@inlined
def quarters(seed, purpose, subject, object_, ordinal):
    """Return the four words of the draw with this name, uint64 in [0, 2^32); arguments as those of `uniform`."""
    s = np.uint64(seed)
    o = np.uint64(object_)
    c0 = (np.uint64(purpose) << np.uint64(24)) | np.uint64(ordinal)
    return philox(c0, np.uint64(subject), o & _MASK, o >> _32, s & _MASK, s >> _32)


@njit
def order_keys(seed, purpose, count, object_, ordinal):
    """Return uint64[count, 3]: keys of so many shuffled orders (`sim.bijection`)."""
    out = np.empty((count, 3), np.uint64)
    for k in range(count):
        out[k, 0], out[k, 1], out[k, 2], _ = quarters(seed, purpose, k, object_, ordinal)
    return out


@inlined
def fraction(word):
    """Return a word of `quarters` as a uniform draw inside (0, 1): (word + 1/2) / 2^32."""
    return (np.float64(word) + 0.5) * (1.0 / 4294967296.0)


@inlined
def waited(word):
    """Return a word of `quarters` as a draw that is exponential with mean 1, at most 22.9."""
    return -math.log(fraction(word))


@inlined
def packed(word, other):
    """Return what an event carries of two words of `quarters`, in 32 bits: 24 of the first and 8 of the other."""
    return (word & _HIGH) | (other >> _24)


@inlined
def coarse(word):
    """Return the first 24 bits of a word of `quarters`, or of a packed one, as a uniform draw inside (0, 1)."""
    return (np.float64(word >> _8) + 0.5) * (1.0 / 16777216.0)


@inlined
def bound_of_other(word):
    """Return a number above the `fraction` of the other word of a packed one, by 1/256 at most."""
    return (np.float64(word & _LOW) + 1.0) * (1.0 / 256.0)


@inlined
def _words(seed, purpose, subject, object_, ordinal):
    """Return the first two words of the draw with this name."""
    w0, w1, _, _ = quarters(seed, purpose, subject, object_, ordinal)
    return w0, w1


@njit
def uniform(seed, purpose, subject, object_, ordinal):
    """Return the draw with this name, uniform inside (0, 1): (k + 1/2) / 2^52 with k in [0, 2^52).

    seed and object_ in [0, 2^63), purpose in [1, 255], subject in [0, 2^32), ordinal in [0, 2^24).
    """
    w0, w1 = _words(seed, purpose, subject, object_, ordinal)
    return (np.float64(((w0 << _32) | w1) >> _12) + 0.5) * (1.0 / 4503599627370496.0)


@njit
def exponential(seed, purpose, subject, object_, ordinal):
    """Return the draw with this name, exponential with mean 1."""
    return -math.log(uniform(seed, purpose, subject, object_, ordinal))


@njit
def identity(seed, purpose, subject, object_, ordinal):
    """Return a 63-bit message identity, int64, hashed from what makes the message: the same in every arm."""
    w0, w1 = _words(seed, purpose, subject, object_, ordinal)
    return np.int64(((w0 << _32) | w1) >> _1)


@njit
def uniforms(seed, purpose, subjects, object_, ordinal):
    """Return float64[len(subjects)]: `uniform` for each subject of an int array."""
    out = np.empty(len(subjects), np.float64)
    for i in range(len(subjects)):
        out[i] = uniform(seed, purpose, subjects[i], object_, ordinal)
    return out


def collision_bound(n_names: int) -> float:
    """Return an upper bound of the probability that any two of so many identities (`identity`) are equal.

    n (n - 1) / 2 pairs, 2^-63 each: n (n - 1) / 2^64. Only identities can collide: a counter is its name, so that draws of
    different names differ for certain. The bound takes identities of different names for independent and uniform on 63 bits.
    Names may hold earlier identities (a reaction's holds that of what was read): as long as no two of those are equal the
    names differ, so the bound counts the first collision.
    """
    return n_names * (n_names - 1) / 2**64
