"""The store of finished work, addressed by content: what was computed once is found again, whatever study asks for it.

A run's key is the hash of the scenario's parameters, its seed, its world's seed, where it was told to stop, and the engine. It
lies in a folder that is named by the model's version and source: a changed model finds nothing of the old one, and can tell.
A file is written beside its place, synced, and renamed: it is there whole or not at all. A run that failed leaves a tombstone
with its error, so that the same command does not try it for ever. Whoever computes a key holds a lock on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sim.engine.simulate import Record
from sim.errors import InputError
from sim.jit import model_hash
from sim.scenario import MODEL_VERSION, Scenario
from sim.study.records import read_record
from sim.study.whole import locked, put_bytes, write_whole

__all__ = ["Store", "UnwritableError", "run_key"]

_DIGEST = 32
"""A file is the SHA-256 digest of what follows, then the arrays as NumPy packs them, or compressed JSON."""
_MODEL = "model-"
_POLL = 0.02
"""Seconds between two looks at a lock that another process holds."""


def run_key(scenario: Scenario, seed: int, world_seed: int, until: int | None, engine: str) -> str:
    """Return 64 hex digits that name a run by what decides its result, but for the model's version and source."""
    text = f"{scenario.parameters_hash} {seed} {world_seed} {until} {engine}"
    return hashlib.sha256(text.encode()).hexdigest()


class UnwritableError(InputError):
    """The disk of the store is full, or its folder cannot be written any more."""


class Store:
    """Finished runs and design points in a folder; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None:
            self.model = folder / f"{_MODEL}{MODEL_VERSION}-{model_hash()}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise InputError(
                    f"study.store is {folder}, which cannot be written ({error.strerror}); give a folder that you may write to."
                ) from error

    def path(self, key: str, kind: str = "run") -> Path:
        """Return where a run lies, or a tombstone (kind ``failed``), or a design point (kind ``point``)."""
        assert self.folder is not None
        return self.model / key[:2] / f"{key}.{kind}"

    # -- finished runs

    def has(self, key: str) -> bool:
        """Return whether a file of a finished run is there, whole or not."""
        return self.folder is not None and self.path(key).exists()

    def get(self, key: str) -> Record | None:
        """Return a finished run, or None; a file that cannot be read counts as missing and is computed again."""
        packed = self._read(key, "run")
        if packed is None:
            return None
        try:
            return read_record(packed)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Keep a finished run.

        Raises
        ------
        UnwritableError
            As `UnwritableError` says.
        """
        if self.folder is None:
            return
        with self.told():
            packed = io.BytesIO()
            np.savez_compressed(packed, **record.arrays())
            self._write(key, "run", packed.getbuffer())

    # -- design points: what was measured of many runs, in one file

    def get_point(self, key: str) -> dict[str, Any]:
        """Return what was measured at a design point, by the name of the measurement; nothing where it cannot be read."""
        packed = self._read(key, "point")
        try:
            found = json.loads(zlib.decompress(packed)) if packed is not None else {}
        except (ValueError, zlib.error):
            return {}
        return found if isinstance(found, dict) else {}

    def put_point(self, key: str, measured: dict[str, Any]) -> None:
        """Keep what was measured at a design point (values that JSON can hold; NaN included).

        Raises
        ------
        UnwritableError
            As `UnwritableError` says.
        """
        if self.folder is None:
            return
        with self.told():
            self._write(key, "point", zlib.compress(json.dumps(measured).encode(), 1))

    # -- tombstones

    def failure(self, key: str) -> tuple[str, bool] | None:
        """Return why a run failed when it was tried, and whether it was too large; None if it was not, or did not."""
        if self.folder is None:
            return None
        try:
            told = json.loads(self.path(key, "failed").read_text(encoding="utf-8"))
            return str(told["reason"]), bool(told["is_too_large"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def bury(self, key: str, reason: str, is_too_large: bool) -> None:
        """Keep the reason why a run failed, and whether it was too large for a format or the machine."""
        if self.folder is None:
            return
        with self.told(), write_whole(self.path(key, "failed")) as temporary:
            temporary.write_text(json.dumps({"reason": reason, "is_too_large": is_too_large}), encoding="utf-8")

    def forget(self, key: str) -> None:
        """Forget that a run failed."""
        if self.folder is not None:
            with contextlib.suppress(OSError):
                path = self.path(key, "failed")
                path.unlink(missing_ok=True)
                path.parent.rmdir()  # where nothing else lies there
                self.model.rmdir()

    # -- locks

    @contextlib.contextmanager
    def claimed(self, key: str, given_up: Callable[[], bool] = lambda: False) -> Iterator[bool]:
        """Wait until nobody else computes a key, hold it meanwhile, and give True; give False if given up while waiting.

        A process that ends, however it ends, holds nothing. The lock is a file beside the run, which goes with it; where the
        system or the file system has no such locks, everybody may compute.
        """
        descriptor = None
        path = self.path(key, "lock") if self.folder is not None else None
        while path is not None and descriptor is None:
            try:
                descriptor = locked(path)
            except (ImportError, OSError):
                path = None  # no locks here
            else:
                if descriptor is None:
                    if given_up():
                        yield False
                        return
                    time.sleep(_POLL)
        try:
            yield True
        finally:
            if descriptor is not None and path is not None:
                path.unlink(missing_ok=True)  # still held, so that nobody locks a name that is about to go
                os.close(descriptor)
                with contextlib.suppress(OSError):  # where nothing came of it, and nothing else lies there
                    path.parent.rmdir()
                    self.model.rmdir()

    # -- models

    def of_other_models(self, keys: Iterable[str], kind: str = "run") -> dict[str, int]:
        """Return how many of these runs are there from another version or source of the model, by the folder's name."""
        if self.folder is None:
            return {}
        others = [p for p in sorted(self.folder.glob(f"{_MODEL}*")) if p != self.model]
        wanted = list(keys) if others else []
        found = {p.name: sum((p / key[:2] / f"{key}.{kind}").exists() for key in wanted) for p in others}
        return {name: n for name, n in found.items() if n}

    # -- files

    def _read(self, key: str, kind: str) -> memoryview | None:
        """Return what a file holds, or None if it is not there or not whole."""
        if self.folder is None:
            return None
        try:
            whole = memoryview(self.path(key, kind).read_bytes())
        except OSError:
            return None
        is_whole = hashlib.sha256(whole[_DIGEST:]).digest() == whole[:_DIGEST]
        return whole[_DIGEST:] if is_whole else None

    def _write(self, key: str, kind: str, packed: memoryview | bytes) -> None:
        put_bytes(self.path(key, kind), hashlib.sha256(packed).digest(), packed)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Say in one sentence what keeps something from being written within the block.

        Raises
        ------
        UnwritableError
            As `UnwritableError` says.
        """
        try:
            yield
        except OSError as error:
            raise UnwritableError(
                f"study.store is {self.folder}, where a run could not be kept ({error.strerror}); free some space or choose "
                "another folder."
            ) from error
