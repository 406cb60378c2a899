"""How every command ends: an exit code, one sentence for what is the user's to mend, and no traceback for it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TextIO

from sim.errors import CapacityError, InputError

__all__ = ["BAD_INPUT", "INTERRUPTED", "OK", "SOME_FAILED", "TERMINATED", "Terminated", "command", "one_sentence", "say",
           "tell"]  # fmt: skip

OK, SOME_FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Terminated(KeyboardInterrupt):
    """Raised where this process was asked to end: what Ctrl-C is, from `kill`, `timeout` or a scheduler."""


def command(work: Callable[[], int]) -> int:
    """Run a command and return its exit code: its own, 2 for bad input, 130 when interrupted, 143 when terminated."""
    logging.raiseExceptions = False  # nor does a log tell how it failed to reach a reader who has gone
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed before Python began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open as long as the process runs)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Turkish letters is no reason to fail
    try:
        with _heeding_termination():
            return work()
    except BrokenPipeError:
        return OK  # whoever read has read enough
    except Terminated:
        tell("terminated; finished runs are kept and will be found again.")
        return TERMINATED
    except KeyboardInterrupt:
        tell("\ninterrupted; finished runs are kept and will be found again.")
        return INTERRUPTED
    except (InputError, CapacityError, OSError) as error:
        tell(one_sentence(error))
        return BAD_INPUT
    finally:
        say()


@contextlib.contextmanager
def _heeding_termination() -> Iterator[None]:
    """Let SIGTERM end this process as Ctrl-C does, and a process that it has forked as if nobody had asked for that."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield  # of a program that calls this, and sees to it by itself
        return
    here, is_ending = os.getpid(), False

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal is_ending
        if os.getpid() != here:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        elif not is_ending:  # `timeout` asks twice: the process, and its group
            is_ending = True
            raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if not is_ending:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def one_sentence(error: BaseException) -> str:
    """Return what the user is told of an error, on one line."""
    text = str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}; expected a place that can be read and written, choose another."
    return " ".join(text.splitlines())


def say(*lines: str) -> None:
    """Write lines to standard output."""
    _write(sys.stdout, lines)


def tell(*lines: str) -> None:
    """Write lines to standard error."""
    _write(sys.stderr, lines)


def _write(stream: TextIO, lines: tuple[str, ...]) -> None:
    """Write lines now. Where nobody reads any more (``| head -1``), this and the rest go nowhere, and no work is lost."""
    try:
        for line in lines:
            stream.write(f"{line}\n")
        stream.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if stream is not sys.stderr and not isinstance(error, BrokenPipeError):
            tell(f"standard output cannot be written ({error.strerror}); free some space or send it elsewhere.")
