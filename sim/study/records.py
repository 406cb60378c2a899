"""The records of a study's runs, packed: what grows with their number is then the tables that are made of them."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Iterator, MutableMapping

import numpy as np

from sim.engine.simulate import Record

__all__ = ["Records", "read_record"]

RunName = tuple[str, str, int]
"""Arm, null night (empty: the night itself) and replicate."""

_reading = threading.Lock()
"""NumPy reads what an array is by `ast.literal_eval`, which fails in Python 3.11 if another thread does so while the garbage
collector calls back (python/cpython, issue 106905)."""


def read_record(packed: bytes | memoryview) -> Record:
    """Return the record of which these are the arrays, in a file of NumPy (.npz)."""
    with _reading, np.load(io.BytesIO(packed)) as file:
        return Record.from_arrays({name: file[name] for name in file.files})


class Records(MutableMapping[RunName, Record]):
    """Records by arm, null night (empty: the night itself) and replicate.

    A record is some 2 MB, nearly all of it small counts: packed it is a twentieth. Each look at one unpacks it anew, which
    takes some milliseconds; the event log, which no study keeps, is not held.
    """

    def __init__(self) -> None:
        self._packed: dict[RunName, bytes] = {}

    def __setitem__(self, name: RunName, record: Record) -> None:
        whole = io.BytesIO()
        np.savez(whole, **record.arrays())
        self._packed[name] = zlib.compress(whole.getbuffer(), 1)

    def __getitem__(self, name: RunName) -> Record:
        return read_record(zlib.decompress(self._packed[name]))

    def __contains__(self, name: object) -> bool:
        return name in self._packed

    def __delitem__(self, name: RunName) -> None:
        del self._packed[name]

    def __iter__(self) -> Iterator[RunName]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
