"""``python -m sim.cache``: show how much compiled code is kept, and where; ``python -m sim.cache clear`` removes it."""

from __future__ import annotations

import argparse
import shutil
import sys

from sim.door import BAD_INPUT, OK, command, say, tell

__all__ = ["main"]


def _show_or_clear() -> int:
    """Read the command line, show or clear the cache, and say what is or was there."""
    parser = argparse.ArgumentParser(
        prog="python -m sim.cache",
        description="Show how much compiled code is kept for this user, and where, or clear it: it is compiled again when "
        "it is needed. What is too old or too much goes by itself.",
    )
    parser.add_argument("verb", nargs="?", choices=["show", "clear"], default="show")
    verb = parser.parse_args().verb
    from sim.jit import MOST_BYTES, MOST_FOLDERS, cached_folders, size_of, source_hash

    folders = cached_folders()
    sizes = {path: size_of(path) for path in folders}
    if verb == "show":
        say(*(f"{_size(sizes[path])}  {path}{'  (in use)' * (path.name == source_hash())}" for path in folders))
        say(f"{_size(sum(sizes.values()))} in all; at most {MOST_FOLDERS} versions and {_size(MOST_BYTES)} are kept")
        return OK
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)
    stay = [path for path in folders if path.exists()]
    say(f"{_size(sum(sizes[path] for path in folders if path not in stay))} of compiled code removed")
    for path in stay:
        tell(f"{path} could not be removed; expected a folder of one's own: remove it by hand.")
    return BAD_INPUT if stay else OK


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"


def main() -> int:
    """Run the command line and return its exit code: 0, or 2 where something could not be removed."""
    return command(_show_or_clear)


if __name__ == "__main__":
    sys.exit(main())
