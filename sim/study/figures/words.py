"""Outcomes and swept parameters in words, with units: what stands on the axes of the figures of sweeps."""

from __future__ import annotations

import re

from sim.study.figures.style import channel_name

__all__ = ["HEADLINES", "unit_of", "words_of_outcome", "words_of_parameter"]

HEADLINES = (
    "participants",
    "peak_on_squares",
    "posts_published",
    "posts_throttle_window",
    "share_left_before_call",
    "surge_from_call",
    "dip_from_leaving",
    "rebound_from_return",
)
"""The outcomes that pages show unless told otherwise, as far as a study has them."""

_OUTCOMES = {
    "participants": "participants",
    "participation": "share of people who take part",
    "peak_on_squares": "largest crowd on the squares",
    "peak_time": "time from the first news to the largest crowd",
    "time_to_half_peak": "time from the first news to half of the largest crowd",
    "person_hours_on_squares": "time spent on the squares",
    "circumventing_at_end": "people getting round the throttle at the end",
    "share_left_before_call": "share of participants who left before the call",
    "heard_share_3h": "share of those awake who had heard in time",
    "surge_after_call": "posts after the call / posts before it",
    "surge_from_call": "posts after the call / posts without the call",
    "dip_depth": "depth of the dip of posts",
    "dip_from_leaving": "share of posts lost by leaving",
    "dip_from_leaving_total": "share of posts lost by leaving, contagion included",
    "rebound_ratio": "posts in the rebound / posts in the dip",
    "rebound_from_return": "share of posts gained by returning",
}
_POSTS = {
    "published": "posts published on {}",
    "attempted": "posts attempted on {}",
    "failed": "posts failed on {}",
    "throttle_window": "posts on {} in the throttle window",
    "after_window": "posts on {} after the throttle window",
}
_PARAMETERS = {
    "throttle": "Throttle",
    "decision": "Decision rule",
    "parameters": "Parameter set",
    "throttle.severity": "Severity of the throttle (probability)",
    "throttle.start": "Begin of the throttle",
    "throttle.end": "End of the throttle",
    "network.neighbours.cut": "Share of ties to neighbours that is cut",
    "network.neighbours.graph.mean_degree": "Neighbours of a person (mean)",
    "decision.critical_mass.sd": "Spread of thresholds (s.d.)",
    "throttle.substitution": "Substitution when cut off (probability)",
    "throttle.push": "Push of being cut off (dose)",
    "throttle.retry.probability": "Probability of trying a failed post again",
    "throttle.circumvention.share_before": "Share ready to circumvent",
    "throttle.circumvention.hazard_per_hour": "Hazard of circumventing (per hour)",
    "parameters.throttle_severity": "Severity of the throttle (probability)",
    "parameters.retry_probability": "Probability of trying a failed post again",
    "parameters.vpn_before": "Share ready to circumvent",
    "parameters.vpn_hazard_per_hour": "Hazard of circumventing (per hour)",
    "parameters.branching_ratio": "Branching ratio of posts",
    "parameters.tweets_per_user_day": "Tweets per user and day",
    "parameters.able_share": "Share of people able to leave",
    "parameters.threshold_median": "Median threshold (dose)",
    "parameters.threshold_sigma": "Spread of thresholds (sigma of the logarithm)",
    "parameters.critical_mass_mean": "Mean critical mass (share of people)",
    "parameters.critical_mass_sd": "Spread of critical masses (share of people)",
    "parameters.hazard_per_hour": "Hazard of leaving (per hour and dose)",
    "population.size": "Simulated people",
}


def words_of_outcome(outcome: str) -> str:
    """Return what an outcome is, in words; one that is not known is called by its own name.

    >>> words_of_outcome("posts_throttle_window_facebook")
    'posts on Facebook in the throttle window'
    >>> words_of_outcome("dip_depth_ordinary")
    'depth of the dip of posts, ordinary day'
    """
    if outcome in _OUTCOMES:
        return _OUTCOMES[outcome]
    if (base := outcome.removesuffix("_ordinary")) != outcome:
        return f"{words_of_outcome(base)}, ordinary day"
    for prefix, words in (("first_heard_", "first hearing through {}"), ("tipped_by_", "last exposure: {}")):
        if outcome.startswith(prefix):
            return words.format(channel_name(outcome.removeprefix(prefix)))
    if day := re.fullmatch(r"posts_ratio_day_(\d+)", outcome):
        return f"posts on day {day[1]} / posts of the ordinary day"
    if day := re.fullmatch(r"posts_to_day_before_(\d+)", outcome):
        return f"posts on day {day[1]} / posts on the day before"
    if day := re.fullmatch(r"posts_day_(\d+)(?:_(.+))?", outcome):
        return f"posts on {channel_name(day[2] or 'twitter')} on day {day[1]}"
    for kind, words in _POSTS.items():
        if part := re.fullmatch(rf"posts_{kind}(?:_(.+))?", outcome):
            return words.format(channel_name(part[1] or "twitter"))
    return outcome.replace("_", " ")


def words_of_parameter(parameter: str) -> str:
    """Return a swept parameter as axes are labelled: in words and units if they are known, and under its key."""
    words = _PARAMETERS.get(parameter)
    return f"{words}\n{parameter}" if words else parameter


def unit_of(unit: str, *, is_difference: bool) -> tuple[str, float]:
    """Return the unit that figures write for that of a table, and the factor that it takes; shares become percent."""
    if unit == "share":
        return ("percentage points" if is_difference else "%"), 100.0
    return {"1": "ratio", "min": "minutes"}.get(unit, unit), 1.0
