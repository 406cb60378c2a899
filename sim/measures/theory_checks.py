"""Checks of the arguments of closed forms, shared by the modules of theory: each raises InputError with a remedy."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.errors import InputError

__all__ = ["Floats", "counted", "times_of", "within"]

Floats = NDArray[np.float64]


def within(name: str, value: float, low: float = 0.0, high: float = math.inf, *, ends: str = "[]") -> float:
    """Return `value` as a float if it lies between `low` and `high`.

    Parameters
    ----------
    name
        What the value is called in the message.
    value, low, high
        The number and its bounds.
    ends
        One of ``[]``, ``(]``, ``[)``, ``()``: whether each bound belongs to the range. An infinite bound never does.

    Raises
    ------
    InputError
        The value is outside, infinite or no number.
    """
    number = float(value)
    is_low = number > low or (number == low and ends[0] == "[")
    is_high = number < high or (number == high and ends[1] == "]")
    if not (math.isfinite(number) and is_low and is_high):
        raise InputError(
            f"{name} is {value}, expected {ends[0]}{low:g}, {high:g}{ends[1]}; pass a number in that range."
        )
    return number


def counted(name: str, value: float, low: int = 0) -> int:
    """Return `value` as an int if it is a whole number of at least `low`.

    Parameters
    ----------
    name
        What the value is called in the message.
    value, low
        The number and the least that it may be.

    Raises
    ------
    InputError
        The value is no whole number, or too small.
    """
    if not (math.isfinite(value) and value == int(value) and value >= low):
        raise InputError(f"{name} is {value}, expected a whole number from {low}; pass a count.")
    return int(value)


def times_of(name: str, values: ArrayLike) -> Floats:
    """Return `values` as a float array, of the same shape, if none is negative or missing.

    Parameters
    ----------
    name
        What the values are called in the message.
    values
        Any shape, in [0, infinity].

    Raises
    ------
    InputError
        A value is negative or NaN.
    """
    array = np.asarray(values, dtype=np.float64)
    if not (array >= 0.0).all():
        raise InputError(
            f"{name} go down to {np.min(array)}, expected numbers of 0 or more; pass times from the start."
        )
    return array
