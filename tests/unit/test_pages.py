"""Zeros in large pages: zeros all the same, wherever they come from."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from sim.pages import LARGE, zeros

PAIR = np.dtype([("a", np.uint32), ("b", np.uint8)])


@pytest.mark.parametrize("n", [0, 1, 2 * LARGE - 1, 2 * LARGE, 2 * LARGE + 1])
def test_they_are_zeros_of_the_length_that_keep_what_is_written(n: int) -> None:
    found = zeros(n, np.uint8)
    assert (found.dtype, found.shape) == (np.uint8, (n,))
    assert not found.any()
    found[:] = np.arange(n) % 251
    np.testing.assert_array_equal(found, np.arange(n) % 251)


def test_rows_may_have_any_size() -> None:
    found = zeros(LARGE, PAIR)  # five bytes each
    assert found.dtype == PAIR
    assert len(found) == LARGE
    found["b"] = 7
    assert not found["a"].any()


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="a system without large pages to ask for")
def test_many_begin_where_a_large_page_does() -> None:
    assert zeros(2 * LARGE, np.uint8).ctypes.data % LARGE == 0


def test_they_outlive_other_names_for_them() -> None:
    part = zeros(4 * LARGE, np.uint8)[LARGE : 2 * LARGE].view(np.uint32)
    part[:] = 3
    assert int(part.sum()) == 3 * LARGE // 4


@pytest.mark.parametrize("refused", ["mapping", "advice"])
def test_a_system_that_refuses_gives_ordinary_zeros(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without large pages in the kernel the advice is no valid argument; a mapping may be beyond a limit."""

    class Refusing:
        def __init__(self, *_args: object, **_how: object) -> None:
            if refused == "mapping":
                raise OSError(12, "Cannot allocate memory")

        def madvise(self, _advice: int) -> None:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", Refusing)
    found = zeros(2 * LARGE, np.uint8)
    assert len(found) == 2 * LARGE
    assert not found.any()
