"""What can go wrong, as a small tree of exceptions.

SimError                everything that this package raises on purpose
├── InputError          the user's input is wrong: one sentence with value, expectation and remedy; exit code 2
└── CapacityError       the machine or a format is too small for what was asked; exit code 2
"""

from __future__ import annotations

__all__ = ["CapacityError", "InputError", "SimError"]


class SimError(Exception):
    """Base of all errors that this package raises on purpose."""


class InputError(SimError):
    """The user's input is wrong. The message is one sentence: where, what was given, what is expected, what to do."""


class CapacityError(SimError):
    """The request does not fit the machine or the number formats of the engine."""
