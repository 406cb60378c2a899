"""What a report says in words: what outcomes measure, what figures show, what intervals hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "FACTS_AND_ASSUMPTIONS",
    "caption",
    "caption_of_many",
    "enumerated",
    "from_name",
    "meaning",
    "null_night",
    "plural",
]

_MEANINGS = {
    "posts_published": "posts published on Twitter in the whole period",
    "posts_attempted": "posts that people tried to send on Twitter in the whole period",
    "posts_failed": "posts on Twitter that the throttle stopped in the whole period",
    "posts_throttle_window": "posts on Twitter within the scenario's throttle window, the same hours in every arm",
    "posts_after_window": "posts on Twitter from the end of that window to the end of the period",
    "surge_after_call": "posts on Twitter in the minutes after the call / in as many before it",
    "surge_from_call": "posts on Twitter in the minutes after the call / in the same minutes of the night without the call",
    "dip_depth": "share by which posts per hour on Twitter are lower in the dip than before it, sleep included",
    "dip_from_leaving": "share of posts missing against the night in which people leave but post as if at home",
    "dip_from_leaving_total": "share of posts missing against the night in which nobody leaves",
    "rebound_ratio": "posts per hour on Twitter in the rebound / in the dip, waking up included",
    "rebound_from_return": "share of posts gained in the hours of return against the night in which people post as if at home",
    "participants": "people who left home at least once",
    "participation": "participants / people",
    "share_left_before_call": "departures from the first news to the call / departures to the end of taking part",
    "peak_on_squares": "most people on the squares in one minute",
    "peak_time": "minutes from the first news to that peak",
    "time_to_half_peak": "minutes from the first news to half of that peak",
    "person_hours_on_squares": "hours spent on the squares, summed over people",
    "heard_share_3h": "share of those awake at the first news who have heard by the scenario's hour",
    "circumventing_at_end": "people who get round throttles at the end",
}
_NULLS = {
    "ordinary": "no timeline, no outage, no throttle, nobody leaves: the ordinary day that ratios divide by",
    "stay_home": "everything happens and nobody leaves",
    "keyboard": "people leave and are seen, but post and read as if they had stayed at home",
    "without_call": "the night without the entries of the call, to the end of the minutes after it",
}

FACTS_AND_ASSUMPTIONS = (
    "Observed values and dated events carry a source. Everything else in the configuration is a parameter of the model: some "
    "were fitted by hand to observed values, many are assumed, and what a source or a comment calls assumed has none. What an "
    "arm shows is what the model does under these parameters; it is no finding about the past by itself.",
    "All intervals are simulation noise of the replicates at fixed parameters. They hold no uncertainty about the parameters "
    "and none about the observed values, whose sources may err.",
)


def meaning(outcome: str) -> str:
    """Return what an outcome measures, in a few words; nothing for one that is not known here."""
    if outcome in _MEANINGS:
        return _MEANINGS[outcome]
    for beginning, words in (
        ("first_heard_", "share of first hearings through"),
        ("tipped_by_", "share of first decisions whose last exposure (last touch, not cause) was"),
    ):
        if outcome.startswith(beginning):
            return f"{words} {from_name(outcome.removeprefix(beginning))}"
    if outcome.endswith("_ordinary") and (of := _MEANINGS.get(outcome.removesuffix("_ordinary"))):
        return f"{of}; of the ordinary night"
    if outcome.startswith("posts_"):
        return _of_posts(outcome)
    return ""


def _of_posts(outcome: str) -> str:
    kind, _, rest = outcome.removeprefix("posts_").partition("_")
    first, _, channel = rest.partition("_")
    if kind == "ratio" and first == "day":
        return f"posts on Twitter on day {channel} / on the ordinary day"
    if outcome.startswith("posts_to_day_before_"):
        return f"posts on Twitter on day {outcome.rpartition('_')[2]} / on the day before"
    if kind == "day":
        return f"posts on {from_name(channel) if channel else 'Twitter'} on day {first}"
    for known in ("throttle_window", "after_window", "published", "attempted", "failed"):
        if outcome.startswith(f"posts_{known}_"):
            of = _MEANINGS[f"posts_{known}"]
            return of.replace("Twitter", from_name(outcome.removeprefix(f"posts_{known}_")))
    return ""


def null_night(name: str) -> str:
    """Return what a null night is."""
    return _NULLS.get(name, "")


def from_name(name: str) -> str:
    """Return a name of the configuration as words."""
    known = {
        "trt": "TRT",
        "facetime": "FaceTime",
        "youtube": "YouTube",
        "whatsapp": "WhatsApp",
        "cut_off": "being cut off",
    }
    return known.get(name, name.replace("_", " ").capitalize())


def plural(n: int, noun: str, many: str = "") -> str:
    """Return a number with its noun: 1 run, 2 runs."""
    return f"{n:,} {noun if n == 1 else many or noun + 's'}"


def enumerated(names: Sequence[str]) -> str:
    """Return what is named as one says it: one, two and three."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _band(n: int, what: str = "bands") -> str:
    if n < 2:
        return "One replicate: no band."
    return f"Means over {n} replicates; {what} are pointwise 95 % t intervals across them."


def caption(figure: str, arms: Sequence[str], baseline: str, counts: Mapping[str, int], has: Mapping[str, Any]) -> str:
    """Return the caption of a standard figure: what is shown, how many replicates, what the band is.

    Parameters
    ----------
    figure
        Name of its file without ``.png``.
    arms, baseline, counts
        Names of the arms that have a finished run, that of the baseline, and finished replicates by arm.
    has
        Whether it shows an ``ordinary`` night and ``observed`` totals, and which ``channel`` posts are of.
    """
    n = min(counts.values(), default=0)
    others = [arm for arm in arms if arm != baseline]
    one = (others or [baseline])[0]
    channel = has.get("channel") or "the main channel"
    shading = "Throttle windows are shaded." if has.get("windows") else ""
    texts = {
        "posts": [
            f"Posts published on {channel} per minute (five-minute centred mean) in each arm.", _band(n), shading,
            "The dashed line is the ordinary night." if has.get("ordinary") else "",
            "Horizontal bars are observed totals as means per minute; markers on them are the simulated means of the same "
            "minutes with their pointwise 95 % t intervals." if has.get("observed") else "",
        ],
        "squares": ["People on the squares in each arm, scaled to real people.", _band(n), shading],
        "difference": [
            f"What each arm changes on the same dice: its paired difference from {baseline}, of people on the squares and, "
            "below, of posts per minute where people post.",
            f"Means and pointwise 95 % t bands of {n} paired differences." if n > 1 else "One pair: no band.",
            "Between two thin lines lies the whole mean curve of one arm with 95 % (simultaneous)." if n > 2 else "", shading,
        ],
        "first_hearing": [
            "Through which channel people first heard, cumulative, one panel for each arm.",
            _band(n, "the dashed lines around the total"),
        ],
        "decisions": [
            "First decisions to leave per hour by the last exposure before them (last touch, not cause), one panel for each "
            "arm.", _band(n, "the dashed lines around the total"),
        ],
        "provinces": [
            f"The peak number of people on each province's squares in the arm {one}: a map of main cities, and the largest "
            "peaks ranked.", _band(counts.get(one, n), "whiskers"),
        ],
        "last_touch": [
            f"By channel, in the arm {one}: the last exposure before deciding (last touch, not cause) and the first "
            "hearing, as shares.", _band(counts.get(one, n), "whiskers"),
        ],
        "comparison": [
            f"Paired differences of each arm from {baseline} in headline outcomes, each panel in its own unit.",
            f"Estimates with pointwise 95 % intervals over {n} paired replicates; markers are filled where the interval does "
            "not hold 0." if n > 1 else "One pair: no intervals.",
        ],
    }  # fmt: skip
    return " ".join(part for part in texts.get(figure, [f"{from_name(figure)}."]) if part)


def caption_of_many(figure: str, over: str, replicates: str) -> str:
    """Return the caption of a figure of a sweep or design.

    Parameters
    ----------
    figure
        Name of its file without ``.png``: ``response_OUTCOME``, ``map_OUTCOME``, ``comparison_PARAMETER``, or another.
    over
        Of what: ``100 points of a design``.
    replicates
        How many stand behind each point or job, as text.
    """
    kind, _, name = figure.partition("_")
    of = f"{name} ({words})" if (words := meaning(name)) else name
    behind = f"{over[0].upper()}{over[1:]}, {replicates} {'replicate' if replicates == '1' else 'replicates'} each."
    if kind == "response" and name:
        return (
            f"{of} over the swept parameters, with its paired differences from the baseline. {behind} Whether lines join "
            "estimates, means at each value or means of bins, and what their 95 % intervals hold, stands in the legends; all "
            "are pointwise."
        )
    if kind == "map" and name:
        return (
            f"{of} over pairs of swept parameters: paired differences from the baseline, or levels where there is one arm. "
            f"{behind} Hatched differences are not told from 0; whether cell by cell (pointwise) or together over the map "
            "(simultaneous) stands in the legend."
        )
    if kind == "comparison" and name:
        return (
            f"Headline outcomes at each value of {name}, as paired differences where there are several arms. {behind} What "
            "the whiskers are, where other parameters vary as well, stands in the legend; all are pointwise."
        )
    return f"{from_name(figure)}. {behind} What its bands are stands in its legend."
