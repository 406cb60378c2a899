"""What options say about lists is settled into the lists before a scenario is validated: nothing of it is left in a scenario.

Hydra replaces a list as a whole. Three kinds of keys edit its members instead, and a scenario is the same, with the same
content hash, as if its lists had been written so:

- ``scenario.without``: tags of entries of the timeline that are left out;
- ``scenario.shift_minutes``: by tag, how much later entries air (earlier, below 0), their repetitions with them;
- ``throttle.start``, ``end`` and ``severity``: those of every window.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sim.errors import InputError
from sim.timeline import is_below

__all__ = ["settle"]

_MOMENT = TypeAdapter(datetime)
_OF_WINDOWS = ("start", "end", "severity")


def settle(tree: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of a scenario with their edits made.

    Parameters
    ----------
    tree
        Plain values by key. Parts that are missing, and values that no scenario can have, are left to its validation.

    Raises
    ------
    InputError
        An edit names a tag that no entry has, or is not of the form that is expected.
    """
    night, throttle = tree.get("scenario"), tree.get("throttle")
    if isinstance(night, dict):
        tree = tree | {"scenario": _night(night)}
    if isinstance(throttle, dict):
        tree = tree | {"throttle": _throttle(throttle)}
    return tree


def _night(night: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in night.items() if key not in ("without", "shift_minutes")}
    without, shift, timeline = night.get("without"), night.get("shift_minutes"), night.get("timeline")
    if not isinstance(timeline, list) or (without is None and shift is None):
        return rest
    if without is not None and not isinstance(without, list):
        raise InputError(
            f"scenario.without is {without!r}, expected a list of tags; write scenario.without=[{without}]."
        )
    if shift is not None and not isinstance(shift, dict):
        raise InputError(
            f"scenario.shift_minutes is {shift!r}, expected minutes by tag; write "
            '"scenario.shift_minutes={facetime: -60}".'
        )
    tags = [str(entry.get("tag", "")) if isinstance(entry, dict) else "" for entry in timeline]
    gone, moved = without or [], shift or {}
    for key, names in (("without", gone), ("shift_minutes", moved)):
        for name in names:
            _check_known(f"scenario.{key}", name, tags)
    kept: list[Any] = []
    for entry, tag in zip(timeline, tags, strict=True):
        if any(is_below(tag, name) for name in gone):
            continue
        by = [name for name in moved if is_below(tag, name)]
        if len(by) > 1:
            raise InputError(
                f"scenario.shift_minutes moves entries with the tag {tag!r} by {' and by '.join(by)}, expected one of "
                "them; remove the others."
            )
        kept.append(_shifted(entry, by[0], moved[by[0]]) if by else entry)
    return rest | {"timeline": kept}


def _check_known(key: str, name: object, tags: Iterable[str]) -> None:
    if any(is_below(tag, str(name)) for tag in tags if tag):
        return
    known: dict[str, None] = {}
    for tag in tags:
        parts = tag.split("/")
        known |= dict.fromkeys("/".join(parts[: n + 1]) for n in range(len(parts)) if tag)
    if not known:
        raise InputError(f"{key} names {name!r}, but no entry of scenario.timeline has a tag; give the entry one.")
    raise InputError(
        f"{key} names {name!r}, expected a tag of scenario.timeline ({', '.join(known)}); correct its name."
    )


def _shifted(entry: dict[str, Any], name: str, minutes: object) -> dict[str, Any]:
    if not isinstance(minutes, int | float) or isinstance(minutes, bool) or not math.isfinite(minutes):
        raise InputError(
            f"scenario.shift_minutes.{name} is {minutes!r}, expected a number of minutes, below 0 for earlier; correct it."
        )
    moments = {key: entry[key] for key in ("time", "repeat_until") if entry.get(key) is not None}
    try:
        return entry | {
            key: _MOMENT.validate_python(value) + timedelta(minutes=minutes) for key, value in moments.items()
        }
    except ValidationError:
        return entry  # whoever validates says what is wrong with the moment
    except OverflowError:
        raise InputError(
            f"scenario.shift_minutes.{name} is {minutes}, expected minutes that leave the entry within the scenario; "
            "give fewer."
        ) from None


def _throttle(throttle: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in throttle.items() if key not in _OF_WINDOWS}
    given = {key: throttle[key] for key in _OF_WINDOWS if throttle.get(key) is not None}
    windows = rest.get("windows")
    if given and isinstance(windows, list):
        rest["windows"] = [window | given if isinstance(window, dict) else window for window in windows]
    return rest
