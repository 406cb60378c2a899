"""Both engines are the same model: event logs bit for bit, and every measure, for any scenario and seed."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.draws import MAX_SEED
from sim.engine.hybrid import CompiledRoom
from sim.engine.order import KIND_NAMES, RESULT_NAMES
from sim.engine.simulate import run
from sim.jit import is_compiling
from sim.units import HOUR
from tests.equivalence.special import SPECIAL, record
from tests.equivalence.strategies import scenarios

seeds = st.integers(0, 3) | st.integers(0, MAX_SEED)


def assert_same(compiled, reference):
    """Both records are equal in every part, the event log bit for bit."""
    both = min(len(compiled.log), len(reference.log))
    different = np.flatnonzero(compiled.log[:both] != reference.log[:both])
    if len(different):
        row = int(different[0])
        pytest.fail(f"row {row}: compiled {compiled.log[row]}, reference {reference.log[row]}")
    assert len(compiled.log) == len(reference.log)
    assert compiled.log.dtype == reference.log.dtype
    for name, part in compiled.arrays().items():
        np.testing.assert_array_equal(part, reference.arrays()[name], err_msg=name)


def assert_sorted(log):
    """Rows ascend strictly by (tick, kind, person, key)."""
    order = (log["tick"] << 31) | (log["kind"] << 27) | log["person"]
    step = np.diff(order)
    assert ((step > 0) | ((step == 0) & (np.diff(log["key"]) > 0))).all()


@contextmanager
def parts_one_after_the_other(reverse):
    """Let parts of the people be taken through a moment one by one, in a known order, instead of by threads."""

    def each(room, work):
        for k in sorted(range(len(room.parts)), reverse=reverse):
            work(k)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompiledRoom, "_each", each)
        yield


def check(scenario, seed):
    compiled = run(scenario, seed, engine="compiled", events=True)
    reference = run(scenario, seed, engine="reference", events=True)
    assert_same(compiled, reference)
    assert_sorted(compiled.log)


@settings(deadline=None, derandomize=True, max_examples=100 if is_compiling else 15)
@given(scenarios(), seeds)
def test_any_scenario(scenario, seed):
    check(scenario, seed)


@settings(deadline=None, derandomize=True, max_examples=16 if is_compiling else 4)
@given(scenarios(), seeds, st.integers(2, 9), st.none() | st.integers(0, 6 * HOUR))
def test_any_scenario_in_parts(scenario, seed, n_threads, until):
    """Parts come in their order, or in the reverse one: what one of them does too early for another shows."""
    alone = run(scenario, seed, events=True, until=until)
    for reverse in (False, True):
        with parts_one_after_the_other(reverse):
            assert_same(run(scenario, seed, events=True, until=until, n_threads=n_threads), alone)


def with_ties(scenario, stored):
    """Return the scenario with generated ties stored, or computed when they are asked for."""
    return scenario.model_copy(update={"network": scenario.network.model_copy(update={"stored": stored})})


@settings(deadline=None, derandomize=True, max_examples=60 if is_compiling else 8)
@given(scenarios(), seeds)
def test_ties_stored_or_computed_are_the_same(scenario, seed):
    stored = run(with_ties(scenario, True), seed, events=True)
    assert_same(stored, run(with_ties(scenario, False), seed, events=True))
    assert_same(stored, run(with_ties(scenario, False), seed, engine="reference", events=True))


@pytest.mark.long
@pytest.mark.slow
@settings(deadline=None, derandomize=True, max_examples=200)
@given(scenarios(), seeds)
def test_any_scenario_at_length(scenario, seed):
    check(scenario, seed)


@pytest.mark.parametrize("name", SPECIAL)
def test_special_scenarios(name):
    compiled, reference = record(name, "compiled"), record(name, "reference")
    assert_same(compiled, reference)
    assert_sorted(compiled.log)
    with parts_one_after_the_other(reverse=True):
        assert_same(run(SPECIAL[name], 1, events=True, n_threads=3), compiled)


def test_the_special_scenarios_show_every_kind_and_every_result():
    logs = [record(name, "compiled").log for name in SPECIAL]
    kinds = set(np.concatenate([log["kind"] for log in logs]).tolist())
    results = set(np.concatenate([log["result"] for log in logs]).tolist())
    assert [KIND_NAMES[k] for k in range(len(KIND_NAMES)) if k not in kinds] == []
    assert [RESULT_NAMES[r] for r in range(len(RESULT_NAMES)) if r not in results] == []
