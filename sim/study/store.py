"""The store of finished runs, addressed by content: what was computed once is found again, whatever study asks for it.

A run's key is the hash of the model's source, the scenario's content, its seed, its world's seed, where it was told to stop,
and the engine: a changed model finds nothing of the old one. A file is written beside its place, synced, and renamed: it is
there whole or not at all.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from pathlib import Path

import numpy as np

from sim.engine.simulate import Record
from sim.errors import InputError
from sim.jit import model_hash
from sim.scenario import Scenario
from sim.study.whole import write_whole

__all__ = ["Store", "run_key"]

_DIGEST = 32
"""A file is the SHA-256 digest of what follows, then the arrays as NumPy packs them."""


def run_key(scenario: Scenario, seed: int, world_seed: int, until: int | None, engine: str) -> str:
    """Return 64 hex digits that name a run by what decides its result, the source of the model included."""
    text = f"{model_hash()} {scenario.content_hash} {seed} {world_seed} {until} {engine}"
    return hashlib.sha256(text.encode()).hexdigest()


class Store:
    """Finished runs in a folder; None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
            except OSError as error:
                raise InputError(
                    f"study.store is {folder}, which cannot be written ({error.strerror}); give a folder that you may write to."
                ) from error

    def path(self, key: str) -> Path:
        """Return where a run lies."""
        assert self.folder is not None
        return self.folder / key[:2] / f"{key}.run"

    def get(self, key: str) -> Record | None:
        """Return a finished run, or None; a file that cannot be read counts as missing and is computed again."""
        if self.folder is None or not self.path(key).exists():
            return None
        try:
            whole = self.path(key).read_bytes()
            if hashlib.sha256(whole[_DIGEST:]).digest() != whole[:_DIGEST]:
                return None
            with np.load(io.BytesIO(whole[_DIGEST:])) as file:
                return Record.from_arrays({name: file[name] for name in file.files})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Keep a finished run.

        Raises
        ------
        InputError
            The disk is full or the folder cannot be written.
        """
        if self.folder is None:
            return
        try:
            packed = io.BytesIO()
            np.savez_compressed(packed, **record.arrays())
            with write_whole(self.path(key)) as temporary:
                temporary.write_bytes(hashlib.sha256(packed.getbuffer()).digest() + packed.getbuffer())
        except OSError as error:
            raise InputError(
                f"study.store is {self.folder}, where a run could not be kept ({error.strerror}); free some space or choose "
                "another folder."
            ) from error
