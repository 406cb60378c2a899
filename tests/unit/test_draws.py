"""Draws against Random123's published answers, and an injective counter. Their statistics: tests/theory/test_dice.py."""

import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import draws

ROOT = Path(__file__).parents[2]

FULL = 0xFFFFFFFF
# Random123 1.14, tests/kat_vectors, "philox4x32 10": counter, key, expected (Salmon et al. 2011).
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((FULL, FULL, FULL, FULL), (FULL, FULL), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def plain(function):
    """Return the plain Python function behind a compiled one."""
    return getattr(function, "py_func", function)


seeds = st.integers(0, draws.MAX_SEED)
names = st.tuples(
    st.integers(1, 255),
    st.integers(0, 2**32 - 1) | st.integers(0, 3),
    st.integers(0, 2**63 - 1) | st.integers(0, 3),
    st.integers(0, draws.MAX_ORDINAL) | st.integers(0, 3),
)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN, ids=["zeros", "ones", "pi"])
@pytest.mark.parametrize("form", ["compiled", "plain"])
def test_philox_gives_the_published_answers(counter, key, expected, form):
    philox = draws.philox if form == "compiled" else plain(draws.philox)
    words = philox(*(np.uint64(x) for x in (*counter, *key)))
    assert tuple(int(w) for w in words) == expected


def test_uniform_is_the_published_block_of_its_counter_layout():
    # The pi vector read backwards as a name: purpose 0x24, ordinal 0x3F6A88, subject 0x85A308D3, object 0x0370734413198A2E.
    seed = (0x299F31D0 << 32) | 0xA4093822
    k = ((0xD16CFE09 << 32) | 0x94FDCCEB) >> 12
    u = draws.uniform(seed, 0x24, 0x85A308D3, (0x03707344 << 32) | 0x13198A2E, 0x3F6A88)
    assert u == (k + 0.5) / 2**52
    i = draws.identity(seed, 0x24, 0x85A308D3, (0x03707344 << 32) | 0x13198A2E, 0x3F6A88)
    assert int(i) == ((0xD16CFE09 << 32) | 0x94FDCCEB) >> 1


@settings(deadline=None, derandomize=True, max_examples=200)
@given(seeds, names)
def test_compiled_and_plain_draws_are_equal(seed, name):
    assert draws.uniform(seed, *name) == plain(draws.uniform)(seed, *name)
    assert draws.exponential(seed, *name) == plain(draws.exponential)(seed, *name)
    identity = draws.identity(seed, *name)
    assert identity == plain(draws.identity)(seed, *name)
    assert 0 <= identity < 2**63


def counter_of(seed, name):
    """Return the six words that a draw of this name hands to Philox."""
    seen = []

    def record(*words):
        seen.append(tuple(int(w) for w in words))
        return words[:4]

    with patch.object(draws, "philox", record):
        plain(draws.quarters)(seed, *name)
    return seen[0]


@settings(deadline=None, derandomize=True, max_examples=300)
@given(seeds, names, seeds, names)
def test_different_names_have_different_counters(seed, name, other_seed, other_name):
    same = (seed, *name) == (other_seed, *other_name)
    assert (counter_of(seed, name) == counter_of(other_seed, other_name)) == same


@settings(deadline=None, derandomize=True, max_examples=300)
@given(seeds, names, st.integers(0, 4), st.integers(0, 62))
def test_changing_one_bit_of_a_name_changes_the_counter(seed, name, part, bit):
    widths = (63, 8, 32, 63, 24)
    parts = [seed, *name]
    parts[part] ^= 1 << (bit % widths[part])
    assert counter_of(seed, name) != counter_of(parts[0], tuple(parts[1:]))


@settings(deadline=None, derandomize=True, max_examples=200)
@given(seeds, names)
def test_a_name_can_be_read_back_from_its_counter(seed, name):
    c0, c1, c2, c3, k0, k1 = counter_of(seed, name)
    assert (c0 >> 24, c1, c2 | c3 << 32, c0 & 0xFFFFFF) == name
    assert k0 | k1 << 32 == seed


@pytest.mark.parametrize("words", [(0, 0), (FULL, FULL)], ids=["lowest", "highest"])
def test_uniform_stays_inside_0_and_1_at_the_extremes(words):
    with patch.object(draws, "_words", lambda *_: (np.uint64(words[0]), np.uint64(words[1]))):
        u = float(plain(draws.uniform)(0, 1, 0, 0, 0))
        assert 0 < u < 1
        assert min(u, 1 - u) == 2.0**-53
        assert float(plain(draws.exponential)(0, 1, 0, 0, 0)) >= 0
        assert 0 <= int(plain(draws.identity)(0, 1, 0, 0, 0)) < 2**63


def test_purposes_are_unique_and_fit_8_bits():
    numbers = list(draws.PURPOSES.values())
    assert len(numbers) > 60
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) >= 1
    assert max(numbers) <= 255


def test_the_plain_interpreter_draws_the_same_without_a_warning():
    code = (
        "from sim import draws\n"
        "for name in [(0, 1, 0, 0, 0), (2**63 - 1, 255, 2**32 - 1, 2**63 - 1, 2**24 - 1), (7, 48, 3, 2**40 + 1, 5)]:\n"
        "    print(float(draws.uniform(*name)).hex(), float(draws.exponential(*name)).hex(), int(draws.identity(*name)))\n"
    )
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    assert printed.stderr == ""
    expected = [
        f"{float(draws.uniform(*name)).hex()} {float(draws.exponential(*name)).hex()} {int(draws.identity(*name))}"
        for name in [(0, 1, 0, 0, 0), (2**63 - 1, 255, 2**32 - 1, 2**63 - 1, 2**24 - 1), (7, 48, 3, 2**40 + 1, 5)]
    ]
    assert printed.stdout.splitlines() == expected


def test_uniforms_are_the_single_draws():
    found = draws.uniforms(20160715, 48, np.arange(100), 3, 2)
    assert found.tolist() == [draws.uniform(20160715, 48, k, 3, 2) for k in range(100)]


def test_the_bound_of_collisions_is_that_of_the_birthday_problem():
    """Against the exact probability, the product of (1 - k / days): for few names in many days they agree, the bound above."""
    assert draws.collision_bound(0) == draws.collision_bound(1) == 0
    assert draws.collision_bound(2) == 2.0**-63
    for n in (3, 20, 1000):
        exact = -np.expm1(np.log1p(-np.arange(n) / 2.0**63).sum())
        assert draws.collision_bound(n) == pytest.approx(exact, rel=1e-6)
    assert draws.collision_bound(2**31) == pytest.approx(0.25)
    assert draws.collision_bound(2**32) > 1 - np.exp(-(2.0**64) / 2 / 2.0**63)


ENGINES = {
    "reference": ("reference", "correspondent", "nation"),
    "compiled": ("kernel", "deciding", "rules", "sending", "reading", "showing"),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_purpose_of_a_run_is_drawn_by_both_engines(engine):
    # A draw under the name of another purpose would leave its own unused.
    source = "".join((ROOT / "sim" / "engine" / f"{part}.py").read_text(encoding="utf-8") for part in ENGINES[engine])
    shared = "".join((ROOT / "sim" / "engine" / name).read_text(encoding="utf-8") for name in ("build.py", "people.py"))
    used = set(re.findall(r"draws\.([A-Z_]+)", source + shared))
    assert {name for name in draws.PURPOSES if not name.startswith("W_")} - used == set()


def test_every_purpose_of_the_world_is_drawn():
    source = "".join(
        (ROOT / "sim" / f"{part}.py").read_text(encoding="utf-8")
        for part in ("population", "network", "implying", "implied", "befriending", "graphs")
    )
    used = set(re.findall(r"draws\.([A-Z_]+)", source))
    assert {name for name in draws.PURPOSES if name.startswith("W_")} - used == set()
