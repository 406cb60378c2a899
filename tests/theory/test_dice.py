"""The quality of the dice: draws are uniform along every part of their name, and names that nearly agree share nothing.

*Streams* run along one part of the name: subjects, ordinals, objects, upper halves of objects, seeds, purposes, identities
that are hashed from each other. *Neighbours* are names that differ in one part by one, or by 2^32, or in any one bit of the
190: 16,384 pairs each. Names are almost empty otherwise (subject k, object 0), which is hardest for a generator.

Every check gives a p-value. The level of each is FAMILY / (number of all checks), Bonferroni's, so that a perfect generator
fails any check of this file with probability below FAMILY = 4e-4; the seeds are fixed, so it either does or does not. A
check that asks many questions (each of 52 bits) counts them itself. Sources: Knuth 1997, *The Art of Computer Programming*
2, section 3.3.2 (runs, serial, collision and birthday spacings tests); Marsaglia 1985 and L'Ecuyer and Simard 2001 (birthday
spacings); Salmon et al. 2011 (how few rounds of Philox are too few).

Generators that are bad on purpose meet the same checks at the same level: each of them fails, and each check has one that it
catches.
"""

from unittest.mock import patch

import numpy as np
import pytest
from scipy import stats
from scipy.special import ndtr

from sim import draws

SEED, PURPOSE = 20160715, 48
N = 1 << 16
PAIRS = 1 << 14
BITS = 52


def plain(function):
    """Return the plain Python function behind a compiled one."""
    return getattr(function, "py_func", function)


def dice(philox=draws.philox):
    """Return `draws.uniform` for arrays, (seed, purpose, subject, object, ordinal) -> float64[...]."""

    def draw(seed=SEED, purpose=PURPOSE, subject=5, object_=0, ordinal=0):
        parts = {name: plain(getattr(draws, name)) for name in ("_round", "quarters", "_words")} | {
            "philox": plain(philox)
        }
        with patch.multiple(draws, **parts):
            return plain(draws.uniform)(*np.broadcast_arrays(seed, purpose, subject, object_, ordinal))

    return draw


def test_draws_for_arrays_are_the_compiled_draws():
    k = np.arange(2000)
    names = SEED + k, 1 + k % 255, 7 * k, (k << 51) + k, k << 12
    found = dice()(*names)
    assert found.tolist() == [draws.uniform(*(int(part[i]) for part in names)) for i in k]


# -- p-values


def two_sided(z):
    """Return the p-value of a standard normal number, or of the largest of several."""
    z = np.abs(np.asarray(z, np.float64)).ravel()
    return float(min(1.0, len(z) * 2 * ndtr(-z.max())))


def two_sided_poisson(count, mean):
    return float(min(1.0, 2 * min(stats.poisson.cdf(count, mean), stats.poisson.sf(count - 1, mean))))


def word(u):
    """Return the 52 bits of draws as integers."""
    return (u * 2.0**BITS).astype(np.int64)  # rounds (k + 1/2) down to k


def signs(bits):
    """Return float64[BITS, n]: +1 or -1 for each bit."""
    return np.stack([(bits >> b & 1) * 2.0 - 1.0 for b in range(BITS)])


def cells(u, v, bins=16):
    return np.bincount((u * bins).astype(np.int64) * bins + (v * bins).astype(np.int64), minlength=bins * bins)


def centred(u):
    """Return draws, and their squares about 1/2, with mean 0 and variance 1 if they are uniform."""
    x = u - 0.5
    return x * 12**0.5, (x * x - 1 / 12) * 180**0.5


# -- checks of a stream


def equal_cells(u):
    return stats.chisquare(np.bincount((u * 256).astype(np.int64), minlength=256)).pvalue


def kolmogorov(u):
    return stats.kstest(u, "uniform").pvalue


def serial_correlation(u):
    """Lags 1 to 20; the mean of n products of independent numbers of variance 1 has standard error 1 / sqrt(n)."""
    return two_sided(
        [(x[:-lag] * x[lag:]).sum() / np.sqrt(len(x) - lag) for x in centred(u) for lag in (*range(1, 21), 256, 4096)]
    )


def serial_pairs(u):
    return stats.chisquare(cells(u[::2], u[1::2])).pvalue


def runs_about_the_half(u):
    """Steps from one side of 1/2 to the other are fair coins."""
    return stats.binomtest(int(np.count_nonzero(np.diff(u < 0.5))), len(u) - 1).pvalue


def runs_up_and_down(u):
    """Runs of rises and falls of n numbers have mean (2 n - 1) / 3 and variance (16 n - 29) / 90."""
    n, runs = len(u), 1 + np.count_nonzero(np.diff(np.diff(u) > 0))
    return two_sided((runs - (2 * n - 1) / 3) / np.sqrt((16 * n - 29) / 90))


def birthday_spacings(u, shift=BITS - 32):
    """Equal spacings of m birthdays in 2^32 days are Poisson with mean m^3 / 2^34, here 4 in each of 16 samples."""
    m = 4096
    days = np.sort((word(u) >> shift & 0xFFFFFFFF).reshape(-1, m), axis=1)
    spacings = np.sort(np.diff(days, axis=1), axis=1)
    return two_sided_poisson(np.count_nonzero(np.diff(spacings, axis=1) == 0), len(days) * m**3 / 2**34)


def birthday_spacings_of_low_bits(u):
    return birthday_spacings(u, 0)


def collisions(u, shift=BITS - 20):
    """n balls in m = 2^20 urns; with q(j) = (1 - j / m)^n a number of m q(1) urns is empty in the mean."""
    n, m = len(u), 1 << 20
    q1, q2 = (float(np.exp(n * np.log1p(-j / m))) for j in (1, 2))
    mean, variance = m * q1, m * (m - 1) * q2 + m * q1 - (m * q1) ** 2
    empty = m - len(np.unique(word(u) >> shift & (m - 1)))
    return two_sided((empty - mean) / np.sqrt(variance))


def collisions_of_low_bits(u):
    return collisions(u, 0)


def fair_bits(u):
    """Each bit, and each bit against the same one of the draw before."""
    bits = word(u)
    both = signs(bits), signs(bits[1:] ^ bits[:-1])
    return two_sided([s.sum(axis=1) / np.sqrt(s.shape[1]) for s in both])


def independent_bits(u):
    """Each bit against each other one of the same draw."""
    packed = np.packbits(signs(word(u)) > 0, axis=1)
    one, other = np.triu_indices(BITS, 1)
    differing = np.bitwise_count(packed[one] ^ packed[other]).sum(axis=1, dtype=np.int64)
    return two_sided((2 * differing - len(u)) / np.sqrt(len(u)))


ALONE = [equal_cells, kolmogorov, serial_correlation, serial_pairs, runs_about_the_half, runs_up_and_down,
         birthday_spacings, birthday_spacings_of_low_bits, collisions, collisions_of_low_bits, fair_bits,
         independent_bits]  # fmt: skip

# -- checks of two neighbours


def uncorrelated(u, v):
    (x, _), (y, _) = centred(u), centred(v)
    return two_sided((x * y).sum() / np.sqrt(len(u)))


def uncorrelated_squares(u, v):
    (_, x), (_, y) = centred(u), centred(v)
    return two_sided((x * y).sum() / np.sqrt(len(u)))


def even_grid(u, v):
    return stats.chisquare(cells(u, v)).pvalue


def differing_bits(u, v):
    """Each bit against the same one of the neighbour."""
    return two_sided(signs(word(u) ^ word(v)).sum(axis=1) / np.sqrt(len(u)))


def no_common_draw(u, v):
    """52 bits of one name and of the other are the same for hardly any of n pairs: P(any) < n / 2^52."""
    return 1.0 if (u != v).all() else len(u) / 2**BITS


def runs_of_the_order(u, v):
    """Which of the two is larger is a fair coin each time: steps from one to the other are, too."""
    return stats.binomtest(int(np.count_nonzero(np.diff(u < v))), len(u) - 1).pvalue


TOGETHER = [uncorrelated, uncorrelated_squares, even_grid, differing_bits, no_common_draw, runs_of_the_order]

# -- what is checked

K = np.arange(N)


def chained(draw):
    """Return draws about objects that are hashed from each other like messages: 16 chains of reactions to reactions."""
    out, parents = [], K[:16]
    for _ in range(N // 16):
        out.append(draw(subject=K[:16], object_=parents))
        parents = word(draw(purpose=draws.ID_REACTION, subject=K[:16], object_=parents)) << 11
    return np.concatenate(out)


STREAMS = {
    "subjects": lambda draw: draw(subject=K),
    "ordinals": lambda draw: draw(ordinal=K),
    "objects": lambda draw: draw(object_=K),
    "upper halves of objects": lambda draw: draw(object_=K << 32),
    "seeds": lambda draw: draw(seed=SEED + K),
    "upper halves of seeds": lambda draw: draw(seed=SEED + (K << 32)),
    "purposes": lambda draw: draw(purpose=1 + K % 255, subject=K // 255),
    "identities": chained,
}

BASE = {"seed": SEED, "purpose": PURPOSE, "subject": 5, "object_": 0, "ordinal": 0}
WIDTHS = {"seed": 63, "purpose": 8, "subject": 32, "object_": 63, "ordinal": 24}
NEXT = [("seed", 1), ("purpose", 1), ("subject", 1), ("object_", 1), ("object_", 2**32), ("ordinal", 1), ("ordinal", 2)]
NEIGHBOURS = [(part, BASE[part] + step) for part, step in NEXT]
NEIGHBOURS += [(part, BASE[part] ^ 1 << bit) for part, width in WIDTHS.items() for bit in range(width)]
NEIGHBOURS = sorted(set(NEIGHBOURS))  # of an even number the next one is one bit away

FAMILY = 4e-4
LEVEL = FAMILY / (len(STREAMS) * len(ALONE) + len(NEIGHBOURS) * len(TOGETHER) + 2)


def failures_alone(u):
    """Return the names of the checks that a stream fails."""
    return {check.__name__ for check in ALONE if check(u) < LEVEL}


def failures_together(draw, part, changed):
    """Return the names of the checks that names fail that differ in one part, over many subjects (or ordinals)."""
    over = {"ordinal" if part == "subject" else "subject": K[:PAIRS]}
    u, v = draw(**BASE | over), draw(**BASE | over | {part: changed})
    return {check.__name__ for check in TOGETHER if check(u, v) < LEVEL}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_draws_is_uniform_and_independent(name):
    u = STREAMS[name](dice())
    assert len(u) == N
    assert failures_alone(u) == set()


@pytest.mark.parametrize("part", WIDTHS)
def test_neighbouring_names_share_nothing(part):
    draw = dice()
    failed = {changed: failures_together(draw, part, changed) for p, changed in NEIGHBOURS if p == part}
    assert len(failed) >= WIDTHS[part]
    assert {changed: names for changed, names in failed.items() if names} == {}


def test_exponential_draws_have_mean_and_variance_1():
    x = np.array([draws.exponential(SEED, 80, k, 0, 0) for k in range(20_000)])
    assert two_sided((x.mean() - 1) * np.sqrt(len(x))) > LEVEL  # sd 1
    assert two_sided((x.var() - 1) / np.sqrt(8 / len(x))) > LEVEL  # Var (X - 1)^2 = E (X - 1)^4 - 1 = 9 - 1


# -- the checks themselves: what is bad on purpose


TEN_ROUNDS = plain(draws.philox)


def fewer_rounds(rounds):
    """Return Philox4x32 with fewer rounds than ten."""

    def philox(c0, c1, c2, c3, k0, k1):
        for _ in range(rounds):
            p0, p1 = draws._M0 * c0, draws._M1 * c2
            c0, c1, c2, c3 = p1 >> draws._32 ^ c1 ^ k0, p1 & draws._MASK, p0 >> draws._32 ^ c3 ^ k1, p0 & draws._MASK
            k0, k1 = k0 + draws._W0 & draws._MASK, k1 + draws._W1 & draws._MASK
        return c0, c1, c2, c3

    return philox


def additive_key(c0, c1, c2, c3, k0, k1):
    """Philox, to which the key is only added in the end: the dice of the next seed are those of this one, shifted a little."""
    w0, w1, w2, w3 = TEN_ROUNDS(c0, c1, c2, c3, 0 * k0, 0 * k1)
    return w0 + k0 * draws._W0 & draws._MASK, w1 + k1 & draws._MASK, w2, w3


def low_bits_of_a_congruence(c0, c1, c2, c3, k0, k1):
    """The lower bits of a linear congruential generator modulo 2^64 (Knuth's), whose periods are short."""
    x = (c0 ^ c2 << draws._32) * np.uint64(6364136223846793005) + (c1 ^ k0 ^ (c3 ^ k1) << draws._32)
    return x & draws._MASK, x >> draws._32, c2, c3


def a_stuck_bit(c0, c1, c2, c3, k0, k1):
    """Philox, but one of the low bits of a draw is another one's copy."""
    w0, w1, w2, w3 = TEN_ROUNDS(c0, c1, c2, c3, k0, k1)
    bit = np.uint64(1 << 14)
    return w0, w1 & ~bit | (w1 << draws._1) & bit, w2, w3


BAD = {f"{r} rounds": fewer_rounds(r) for r in (1, 2, 6)} | {
    f.__name__: f for f in (additive_key, low_bits_of_a_congruence, a_stuck_bit)
}


def caught(philox):
    """Return the names of all checks that a generator fails."""
    draw = dice(philox)
    found = [failures_alone(STREAMS[name](draw)) for name in ("subjects", "seeds")]
    found += [failures_together(draw, part, BASE[part] + step) for part, step in NEXT]
    return set().union(*found)


@pytest.fixture(scope="module")
def all_caught():
    return {name: caught(philox) for name, philox in BAD.items()}


def test_fewer_rounds_written_here_are_philox_when_there_are_ten():
    names = {"subject": K[:50], "object_": K[:50] << 40}
    assert dice(fewer_rounds(10))(**names).tolist() == dice()(**names).tolist()


def test_each_bad_generator_is_caught(all_caught):
    assert [name for name, checks in all_caught.items() if not checks] == []


def test_each_check_catches_a_bad_generator(all_caught):
    assert {check.__name__ for check in ALONE + TOGETHER} - set().union(*all_caught.values()) == set()
