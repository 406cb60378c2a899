"""What a reader of a report must know first: that a throttle never held, on what its sign rests, what few people do not tell.

All follow from the manifest, and are told only of studies that they concern.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["AS_IN_A_MILLION_FROM", "cautions"]

_LARGEST = 1_000_000
_SMALLEST = 10_000
AS_IN_A_MILLION_FROM = {
    "posts_published": 100_000,
    "posts_ratio_day_1": 10_000,
    "posts_ratio_day_2": 100_000,
    "surge_after_call": 100_000,
    "dip_depth": 10_000,
    "dip_from_leaving": 10_000,
    "rebound_ratio": 100_000,
    "heard_share_3h": 10_000,
    "first_heard_television": 10_000,
    "first_heard_neighbours": 10_000,
    "first_heard_minarets": 10_000,
    "first_heard_facetime": 10_000,
    "first_heard_twitter": 10_000,
    "participants": 100_000,
    "share_left_before_call": 10_000,
    "peak_on_squares": _LARGEST,
    "peak_time": 100_000,
}
"""People from which on an outcome of the night of 15 July was shown to be that of 1,000,000 people (docs/sizes.md, bias)."""
_TURNOUT = ("participants", "participation")
_SUBSTITUTION, _PUSH = "throttle.substitution", "throttle.push"


def cautions(manifests: Sequence[Mapping[str, Any]], outcomes: Collection[str], swept: Iterable[str] = ()) -> list[str]:
    """Return sentences for a reader, none where nothing is to be said.

    Parameters
    ----------
    manifests
        Of a run folder, a design, or the jobs of a sweep.
    outcomes
        Which have a value.
    swept
        Keys that the design or the sweep varies.
    """
    varied = {str(key).lstrip("+~") for key in swept}
    return [text for text in (_time(manifests), _sign(manifests, outcomes, varied), _size(manifests, outcomes)) if text]


# -- a throttle of another night


def _time(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return in which arms no window of a throttle lies within the scenario or its warm-up, as where it is another case's.

    By the windows that a manifest keeps for each arm; a design's manifest keeps none, since its points differ in them.
    """
    for manifest in manifests:
        configuration = manifest["configuration"]
        night, throttle = (configuration.get(part) or {} for part in ("scenario", "throttle"))
        if throttle.get("inspector") or not (night.get("start") and night.get("end")):
            continue
        zone = ZoneInfo(str(night.get("zone") or "UTC"))
        start, end = _moment(night["start"], zone), _moment(night["end"], zone)
        first = start - timedelta(hours=float(night.get("warm_up_hours") or 0))
        windows = {
            arm: [(_moment(w[0], zone), _moment(w[1], zone)) for w in its]
            for arm, its in (manifest.get("windows") or {}).items()
        }
        outside = [arm for arm, its in windows.items() if its and all(e <= first or b >= end for b, e in its)]
        if outside:
            begins, ends = min(b for b, _ in windows[outside[0]]), max(e for _, e in windows[outside[0]])
            return (
                f"The throttle of {', '.join(outside)} never held: its windows lie between {begins:%Y-%m-%d %H:%M} and "
                f"{ends:%Y-%m-%d %H:%M}, outside of the scenario ({start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}). Choose the "
                "scenario's throttle, or none."
            )
    return ""


def _moment(given: Any, zone: ZoneInfo) -> datetime:
    found = datetime.fromisoformat(str(given))
    return found.replace(tzinfo=zone) if found.tzinfo is None else found.astimezone(zone)


# -- the sign of a throttle


def _sign(manifests: Sequence[Mapping[str, Any]], outcomes: Collection[str], varied: Collection[str]) -> str:
    """Return on which assumed parameters the sign of the throttle's effect on turnout rests, and which shift where it turns."""
    concerned = [manifest for manifest in manifests if _compares_throttled_with_open(manifest)]
    turnout = next((name for name in _TURNOUT if name in outcomes), None)
    if not concerned or turnout is None:
        return ""
    push, substitution = (f"({key}, {_value(concerned, key, varied)})" for key in (_PUSH, _SUBSTITUTION))
    elsewhere = ""
    if _can_turn_elsewhere(concerned[0]["configuration"]):
        elsewhere = (
            f" Whether they turn elsewhere {substitution}, which no datum constrains either, shifts where it turns."
        )
    return (
        f"The sign of a throttle's effect on turnout, {turnout} in an arm that is throttled against one that is not, rests on "
        f"how much being cut off pushes people {push}, which no datum constrains.{elsewhere} Nothing here tells it at other "
        "values, which can turn it round."
    )


def _compares_throttled_with_open(manifest: Mapping[str, Any]) -> bool:
    """Return whether some arms are throttled and others are not."""
    arms = list(manifest.get("arms") or ())
    if "open_arms" in manifest:
        return bool(manifest["open_arms"]) and len(manifest["open_arms"]) < len(arms)
    # A design's manifest has no windows: its points differ in them.
    configuration = manifest["configuration"]
    given = (configuration.get("study") or {}).get("arms")
    throttle = configuration.get("throttle") or {}
    is_throttled = bool(throttle.get("windows") or throttle.get("inspector"))
    if given is None:
        return is_throttled and len(arms) > 1
    chosen = [_last(overrides, "throttle") for overrides in given.values()]
    are_throttled = {is_throttled if option is None else option not in ("none", "plain") for option in chosen}
    return len(are_throttled) > 1


def _can_turn_elsewhere(configuration: Mapping[str, Any]) -> bool:
    """Return whether any channel is attended to more by people who are cut off: without one, substitution does nothing."""
    for channel in (configuration.get("channels") or {}).values():
        attention = channel.get("attention")
        if isinstance(attention, Mapping) and "cut_off" in attention:
            others = [float(attention[name]) for name in ("ordinary", "alerted") if attention.get(name) is not None]
            if others and float(attention["cut_off"]) > min(others):
                return True
    return False


def _value(manifests: Sequence[Mapping[str, Any]], key: str, varied: Collection[str]) -> str:
    """Return the value of a parameter in words: here 0.2, or varied."""
    arms = [its for m in manifests for its in ((m["configuration"].get("study") or {}).get("arms") or {}).values()]
    name = key.partition(".")[2]
    values = {float((m["configuration"].get("throttle") or {}).get(name) or 0) for m in manifests}
    if key in varied or len(values) > 1 or any(_last(overrides, key) is not None for overrides in arms):
        return "varied here"
    return f"here {next(iter(values)):g}"


def _last(overrides: Iterable[Any], key: str) -> str | None:
    """Return what a list of overrides sets a key to; nothing where it does not."""
    found = None
    for override in overrides:
        name, sign, value = str(override).lstrip("+").partition("=")
        if sign and name == key:
            found = value
    return found


# -- few people


def _size(manifests: Sequence[Mapping[str, Any]], outcomes: Collection[str]) -> str:
    """Return which outcomes were not shown to be those of a larger nation at the smallest size that is simulated."""
    sizes = [size for manifest in manifests for size in _sizes(manifest)]
    if not sizes:
        return ""
    size = min(sizes)
    shown = [name for name in AS_IN_A_MILLION_FROM if name in outcomes]
    few = [name for name in shown if size < AS_IN_A_MILLION_FROM[name]]
    if not few:
        return ""
    by_size = {
        need: [name for name in few if AS_IN_A_MILLION_FROM[name] == need] for need in (10_000, 100_000, _LARGEST)
    }
    needs = "; ".join(f"{need:,} for {', '.join(names)}" for need, names in by_size.items() if names)
    below = f" (no smaller size than {_SMALLEST:,} was tried)" if size < _SMALLEST else ""
    smallest = "as few as " if len(set(sizes)) > 1 else ""
    return (
        f"With {smallest}{size:,} simulated people some outcomes are not shown to be those of a larger nation. Needed to be "
        f"as among {_LARGEST:,} people, measured on the night of 15 July under its default options{below}: {needs}. Outcomes "
        "not named here were either shown at this size or not tried (docs/sizes.md)."
    )


def _sizes(manifest: Mapping[str, Any]) -> list[int]:
    """Return how many people are simulated in a study of the night that sizes were measured on; nothing in another."""
    configuration = manifest["configuration"]
    population = configuration.get("population") or {}
    if (configuration.get("scenario") or {}).get("name") != "july15" or population.get("file"):
        return []
    factor = ((manifest.get("design") or {}).get("factors") or {}).get("population.size")
    if factor:
        return [int(value) for value in factor.get("values") or factor["range"]]
    given = (configuration.get("study") or {}).get("arms") or {}
    arms = [_last(overrides, "population.size") for overrides in given.values()]
    sizes = [int(size) for size in arms if size is not None and size.isdigit()]
    if len(sizes) < max(len(arms), 1) and population.get("size") is not None:
        sizes.append(int(population["size"]))
    return sizes
