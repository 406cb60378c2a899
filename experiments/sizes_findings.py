"""Which sizes give the same outcomes, and how do these scatter? What `experiments/sizes.py` finds, from tables of outcomes.

Command: ``make sizes``, which writes docs/sizes.md. Figures: docs/figures/sizes.png, drawn by `experiments/sizes_page.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.measures.equivalence import Comparison, equivalence, replicates_needed, spread, spread_ratio
from sim.measures.intervals import Interval, mean_t, paired_t, variance_reduction
from sim.measures.ratios import ratio_jackknife

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95
FACTOR = 2.0
USUAL = 8  # replicates of the main job
N_CHANNELS = 5
THROTTLED, OPEN = "throttled", "open"


@dataclass(frozen=True)
class Kind:
    """How outcomes of one kind are written, and which difference between sizes matters."""

    unit: str
    short: str
    margin: float
    is_relative: bool
    why: str

    @property
    def told(self) -> str:
        """The margin in words."""
        if self.is_relative:
            return f"{100 * self.margin:g} % of the value at the largest size"
        return f"{self.margin:g}" + f" {self.short}" * (self.short == "min")


KINDS = {
    "level": Kind("per 1,000 people", "per 1,000", 0.02, True, "no total of the night is known more closely"),
    "ratio": Kind(
        "ratio", "ratio", 0.05, False, "small against 0.21, what the observed ratio of day 1, 1.206, exceeds 1 by"
    ),
    "surge": Kind("ratio", "ratio", 0.1, False, "it is asked to be clear of 1, by more than this"),
    "share": Kind(
        "share", "share", 0.02, False, "the survey that is reproduced knows its share within 0.03 (1,000 people)"
    ),
    "time": Kind("min after first news", "min", 10, False, "people on squares are tabulated every ten minutes"),
    "effect": Kind("per 1,000 people", "per 1,000", 0.2, True, "what is read are its sign and its first digit"),
}


@dataclass(frozen=True)
class Question:
    """One outcome of the throttled night, or (an effect) its paired difference from the open one."""

    outcome: str
    kind: str
    words: str

    @property
    def name(self) -> str:
        return f"`{self.outcome}`" + ", throttled - open" * (self.kind == "effect")


QUESTIONS = (
    Question("posts_published", "level", "Posts on Twitter"),
    Question("posts_ratio_day_1", "ratio", "Posts, day 1 / ordinary day"),
    Question("posts_ratio_day_2", "ratio", "Posts, day 2 / ordinary day"),
    Question("surge_after_call", "surge", "Surge of posts after the call"),
    Question("dip_depth", "share", "Depth of the dip of posts"),
    Question("dip_from_leaving", "share", "Dip of posts from leaving"),
    Question("rebound_ratio", "ratio", "Rebound of posts"),
    Question("heard_share_3h", "share", "Heard within 3 hours"),
    Question("participants", "level", "Participants"),
    Question("share_left_before_call", "share", "Left before the call"),
    Question("peak_on_squares", "level", "Most people on squares"),
    Question("peak_time", "time", "Time of most on squares"),
    Question("participants", "effect", "Participants, throttled \N{MINUS SIGN} open"),
    Question("posts_published", "effect", "Posts, throttled \N{MINUS SIGN} open"),
)


@dataclass(frozen=True)
class Finding:
    """What was found on one question, by number of people; comparisons are with the largest one."""

    question: Question
    margin: float
    values: dict[int, Interval]
    deviations: dict[int, Interval]
    bias: dict[int, Comparison]
    scatter: dict[int, Comparison]
    """Ratio of standard deviations, divided by the root of the inverse ratio of sizes."""
    needed: dict[int, int | None]
    """Replicates for a 95 % interval that reaches no further than the margin."""
    reduction: dict[int, Interval]
    """Variance reduction of an effect; empty for others."""

    @property
    def kind(self) -> Kind:
        return KINDS[self.question.kind]

    @property
    def unbiased(self) -> list[int]:
        """Sizes that are equivalent to the largest, and all above them too; the largest itself is the last."""
        sizes = sorted(self.values)
        kept = sizes[-1:]
        for people in sizes[-2::-1]:
            if self.bias[people].verdict != "equivalent":
                break
            kept.insert(0, people)
        return kept

    @property
    def use(self) -> int | None:
        """The smallest unbiased size at which the usual number of replicates suffices, if there is one."""
        return next((n for n in self.unbiased if (self.needed[n] or math.inf) <= USUAL), None)


def questions_of(largest: pd.DataFrame) -> list[Question]:
    """The questions, with the channels through which most people first hear at the largest size."""
    heard = largest[(largest["arm"] == THROTTLED) & largest["outcome"].str.startswith("first_heard_")]
    most = heard.groupby("outcome")["numerator"].sum().nlargest(N_CHANNELS).index
    place = [q.outcome for q in QUESTIONS].index("heard_share_3h") + 1
    first = [Question(name, "share", first_words(name.removeprefix("first_heard_"))) for name in most]
    return [*QUESTIONS[:place], *first, *QUESTIONS[place:]]


def first_words(channel: str) -> str:
    from sim.study.figures.style import channel_name

    return f"First heard: {channel_name(channel)}"


def interval_of(question: Question, outcomes: pd.DataFrame) -> Interval:
    ours, base = (rows_of(question, outcomes, arm) for arm in (THROTTLED, OPEN))
    if question.kind == "effect":
        return paired_t(ours["value"], base["value"], LEVEL)
    if ours["denominator"].notna().any():
        return ratio_jackknife(ours["numerator"], ours["denominator"], LEVEL)
    return mean_t(ours["value"], LEVEL)


def rows_of(question: Question, outcomes: pd.DataFrame, arm: str) -> pd.DataFrame:
    rows = outcomes[(outcomes["arm"] == arm) & (outcomes["outcome"] == question.outcome)]
    return rows.sort_values("replicate")


def findings_of(tables: Mapping[int, pd.DataFrame]) -> list[Finding]:
    """All findings; each of both families of comparisons holds no false verdict with a chance of 95 % (Bonferroni)."""
    largest = max(tables)
    questions = questions_of(tables[largest])
    alpha = (1 - LEVEL) / max(len(questions) * (len(tables) - 1), 1)
    return [finding_of(question, tables, alpha) for question in questions]


def finding_of(question: Question, tables: Mapping[int, pd.DataFrame], alpha: float) -> Finding:
    sizes = sorted(tables)
    values = {n: interval_of(question, tables[n]) for n in sizes}
    last, kind = values[sizes[-1]], KINDS[question.kind]
    margin = kind.margin * (abs(last.estimate) if kind.is_relative else 1.0)
    deviations = {n: spread(values[n], LEVEL) for n in sizes}
    bias, scatter, needed, reduction = {}, {}, {}, {}
    for n in sizes:
        known = math.isfinite(deviations[n].estimate) and margin > 0
        needed[n] = replicates_needed(deviations[n].estimate, margin, LEVEL) if known else None
        if question.kind == "effect":
            pair = (rows_of(question, tables[n], arm)["value"] for arm in (THROTTLED, OPEN))
            reduction[n] = variance_reduction(*pair, LEVEL)
        if n < sizes[-1]:
            bias[n] = equivalence(values[n], last, margin, alpha) if margin > 0 else NO_MARGIN
            scatter[n] = spread_ratio(values[n], last, math.sqrt(sizes[-1] / n), FACTOR, alpha)
    return Finding(question, margin, values, deviations, bias, scatter, needed, reduction)


NO_MARGIN = Comparison(*[math.nan] * 5, "missing", "there is no value at the largest size")
