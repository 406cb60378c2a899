"""Compiled functions are wholes for Python and parts of each other: `sim/linking.py`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest

from sim.jit import by_reference, held, inlined, is_compiling, njit

only_compiled = pytest.mark.skipif(not is_compiling, reason="nothing is compiled")


class Pair(NamedTuple):
    """Two arrays, as tables and state have dozens."""

    left: np.ndarray
    right: np.ndarray


@njit
def nth_part(x, n):
    """Return what is left of a positive number when it is divided by n + 2."""
    if x < 0:
        raise ValueError("expected a positive number")
    return x // (n + 2)


@inlined
def parts_of(x):
    """Call another function with two constants."""
    return nth_part(x, 0) + 10 * nth_part(x, 1)


@njit
def whole_of(x):
    """Call a function that is compiled into this one."""
    return parts_of(x) + 1


@njit
def total(pair):
    """Take a tuple, or a pointer to one."""
    pair = by_reference(pair)
    return np.sum(pair.left) + 2.0 * np.sum(pair.right)


@njit
def total_of(pair):
    """Pass on a pointer."""
    return total(by_reference(pair))


@pytest.fixture
def translated() -> None:
    """Translate the functions, even where the cache holds the whole."""
    whole_of.part.compile((numba.int64,))


def attributes_of(dispatcher: Any) -> str:
    """Return the attributes of the only part of a compiled function."""
    (result,) = dispatcher.part.overloads.values()
    return str(list(result.library.get_function(result.fndesc.llvm_func_name).attributes))


def test_parts_return_what_plain_python_returns() -> None:
    assert [whole_of(x) for x in (7, 11, 2**40)] == [x // 2 + 10 * (x // 3) + 1 for x in (7, 11, 2**40)]


def test_an_exception_within_a_part_reaches_python() -> None:
    with pytest.raises(ValueError, match="expected a positive number"):
        whole_of(-1)


@only_compiled
def test_functions_that_others_compile_may_call_ours() -> None:
    @numba.njit
    def of_others(x):  # type: ignore[no-untyped-def]
        return parts_of(x) - nth_part(x, 5)

    assert of_others(70) == 35 + 230 - 10


@only_compiled
def test_a_part_is_translated_once_whatever_constants_it_is_called_with_and_has_no_machine_code(
    translated: None,
) -> None:
    assert len(nth_part.part.overloads) == 1
    (result,) = nth_part.part.overloads.values()
    assert result.library.get_pointer_to_function(result.fndesc.llvm_func_name) == 0
    assert nth_part(9, 1) == 3  # called from Python it is a whole as well


@only_compiled
def test_what_an_inlined_function_calls_is_not_inlined_for_that(translated: None) -> None:
    assert "alwaysinline" in attributes_of(parts_of)
    assert "alwaysinline" not in attributes_of(nth_part)


def test_a_pointer_stays_what_it_is() -> None:
    pair = Pair(np.arange(3.0), np.arange(4.0))
    assert total(pair) == total_of(pair) == 3.0 + 2.0 * 6.0


@only_compiled
def test_arrays_that_are_held_are_those_of_now_and_may_be_longer_or_of_other_types() -> None:
    left, right = np.arange(3.0), np.arange(4.0)
    pair = held(Pair(left, right))
    assert total(pair) == total_of(pair) == 3.0 + 2.0 * 6.0
    left += 1.0
    assert total(pair) == 6.0 + 2.0 * 6.0
    other = held(Pair(np.arange(2.0), right))
    for after in (Pair(np.arange(50.0), right), Pair(left, np.arange(5)), Pair(np.ones((2, 2)), np.ones((2, 3, 4)))):
        pair = held(after, pair)
        del after  # what is held keeps the arrays
        assert total(pair) == total_of(pair) == np.sum(pair.arrays.left) + 2.0 * np.sum(pair.arrays.right)
    pair = held(Pair(left, right), pair)
    assert total(pair) == 6.0 + 2.0 * 6.0
    assert total(other) == 1.0 + 2.0 * 6.0
