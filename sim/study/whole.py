"""Files and folders that appear whole or not at all.

Both are written under a hidden name beside their place, synced, and renamed. A process that is killed leaves the hidden name
behind: nothing here takes it for a result, and whoever writes beside it later removes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["PARTIAL", "claimed", "clear_leftovers", "is_partial", "locked", "put_bytes", "whole_folder", "write_whole"]

PARTIAL = ".partial-"
"""How the names of unfinished files and folders begin."""
_LOOKS = 100
"""How often a lock is looked for whose file goes again and again, which others then hold in turn."""
_DAY = 24 * 3600.0
"""Age in seconds from which an unfinished file or folder is nobody's any more."""


def is_partial(path: Path) -> bool:
    """Return whether a path is, or lies within, something that was never finished."""
    return any(part.startswith(PARTIAL) for part in path.parts)


@contextlib.contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its place when the block ends without an error.

    Raises
    ------
    OSError
        The disk is full or the folder cannot be written; nothing is left behind.
    """
    _made(str(path.parent))
    temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex}{path.suffix}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileNotFoundError:  # somebody has removed the folder since
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def put_bytes(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file in one go, whole or not at all: what `write_whole` does, with fewer calls, for thousands of small files.

    Raises
    ------
    OSError
        The disk is full or the folder cannot be written; nothing is left behind.
    """
    temporary = f"{path.parent}{os.sep}{PARTIAL}{uuid.uuid4().hex}{path.suffix}"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    _made(str(path.parent))
    try:
        descriptor = os.open(temporary, flags, 0o666)
    except FileNotFoundError:  # somebody has removed the folder since
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, flags, 0o666)
    try:
        with open(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@lru_cache(maxsize=4096)
def _made(folder: str) -> None:
    """Make a folder and clear it of what was left unfinished, once in a process."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    _remove_unfinished(Path(folder))


@contextlib.contextmanager
def whole_folder(place: Path, keep: Collection[str] = ()) -> Iterator[Path]:
    """Give a temporary folder beside `place`, which takes its place when the block ends without an error.

    What `place` held before goes in the same step, all but what is named in `keep`, which lies in both folders until then.

    Raises
    ------
    OSError
        The disk is full or the folder above cannot be written; `place` is as it was, and nothing is left behind.
    """
    place = place.resolve()  # a link stays, what it points to is replaced
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f"{_mark(place)}{_machine()}-{uuid.uuid4().hex}")
    lock = _made_and_held(temporary)
    try:
        yield temporary
        for folder, _, _ in os.walk(temporary):
            _sync(Path(folder))
        if place.exists():
            temporary.chmod(stat.S_IMODE(place.stat().st_mode))
            for name in keep:
                if (place / name).exists():
                    _put_beside(place / name, temporary / name)
        _take_place(temporary, place)
        _sync(place.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # what was not finished, or what lay in the place before
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def claimed(place: Path) -> Iterator[bool]:
    """Take a place for this process and give whether it was free; a process that ends, however it ends, claims nothing.

    The claim is a lock on a file in the folder for temporary files, which goes when the claim does, so that nothing is left
    beside the place; it does not reach other machines, nor systems without such locks or such a folder.
    """
    try:
        name = hashlib.sha256(os.fsencode(place.resolve())).hexdigest()[:32]
        lock = Path(tempfile.gettempdir()) / f"mobsim-{os.getuid()}-{name}.lock"
        descriptor = locked(lock, 0o600)
    except (AttributeError, ImportError, OSError):
        yield True
        return
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            lock.unlink(missing_ok=True)  # still held, so that nobody locks a name that is about to go
            os.close(descriptor)


def locked(path: Path, mode: int = 0o666) -> int | None:
    """Return a descriptor that holds the lock of a file, made if need be, or None while another holds it.

    Whoever holds it may remove the file before letting go: who has opened it meanwhile looks again, and makes a new one.

    Raises
    ------
    ImportError, OSError
        This system, or the place, has no such locks.
    """
    import fcntl

    for _ in range(_LOOKS):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, mode)
        except FileNotFoundError:
            continue  # somebody has removed the folder, which was empty
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == os.stat(path).st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # the name went while we opened it
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None


def clear_leftovers(place: Path) -> None:
    """Remove what killed processes left beside a folder.

    These are unfinished versions of it (whose claim the caller has), unfinished folders that a process of this machine made and
    none holds, and whatever is older than a day.
    """
    place = place.resolve()
    _remove_unfinished(place.parent, _mark(place))


def _mark(place: Path) -> str:
    """Return how the names of unfinished versions of a folder begin (short, for names may be long already)."""
    return f"{PARTIAL}{hashlib.sha256(os.fsencode(place.name)).hexdigest()[:16]}-"


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return digits that name this machine as long as it runs: locks of another one need not reach it."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:  # no Linux
        name = platform.node()
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _made_and_held(folder: Path) -> int | None:
    """Make a folder and return a descriptor that holds a lock on it, so that nobody takes it for left over; None: no locks."""
    while True:
        folder.mkdir()
        descriptor = None
        try:
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_ino == os.stat(folder).st_ino:
                return descriptor
        except FileNotFoundError:
            pass  # removed before it was held: once more
        except (ImportError, OSError):
            if descriptor is not None:
                os.close(descriptor)
            return None
        if descriptor is not None:
            os.close(descriptor)


def _remove_abandoned(folder: Path) -> None:
    """Remove an unfinished folder of this machine unless a process holds it."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(descriptor)


def _remove_unfinished(folder: Path, mark: str | None = None) -> None:
    """Remove unfinished files and folders within a folder: those with the mark, those nobody holds, those older than a day."""
    ours = re.compile(rf"{re.escape(PARTIAL)}[0-9a-f]{{16}}-{_machine()}-[0-9a-f]{{32}}")
    for path in folder.glob(f"{PARTIAL}*"):
        with contextlib.suppress(ImportError, OSError):  # no locks here, or another process was quicker, or holds it
            if (mark and path.name.startswith(mark)) or path.stat().st_mtime < time.time() - _DAY:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            elif ours.fullmatch(path.name):
                _remove_abandoned(path)


def _sync(path: Path) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_beside(path: Path, other: Path) -> None:
    """Give a file, or the files of a folder, a second name, or where the system has no such links make a copy."""
    if path.is_dir():
        other.mkdir()
        for one in path.iterdir():
            _put_beside(one, other / one.name)
        return
    try:
        os.link(path, other)
    except OSError:
        shutil.copy2(path, other)
        _sync(other)


def _take_place(new: Path, place: Path) -> None:
    """Let a folder take the place of nothing, of an empty folder, or of a full one, which is then where the new one was."""
    try:
        os.rename(new, place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        if not _exchanged(new, place):
            # Three steps instead of one: a kill between them leaves both folders whole, but under hidden names.
            aside = new.with_name(f"{new.name}-before")
            os.rename(place, aside)
            try:
                os.rename(new, place)
            except OSError:
                os.rename(aside, place)
                raise
            os.rename(aside, new)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, and return whether this system and file system can (Linux and macOS mostly do)."""
    names = os.fsencode(one), os.fsencode(other)
    swap, here = 2, -100  # RENAME_EXCHANGE and RENAME_SWAP; AT_FDCWD
    try:
        system = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return bool(system.renamex_np(*names, swap) == 0)
        return bool(system.renameat2(here, names[0], here, names[1], swap) == 0)
    except (AttributeError, OSError):
        return False
