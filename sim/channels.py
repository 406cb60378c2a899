"""Channels: what can be said where, who is reached, how soon it is seen, and how much it counts."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from sim.laws import DelayLaw, Frozen
from sim.quantiles import ceiling_of, log_of_missing

__all__ = ["CHANNEL", "KINDS", "MAX_CHANNELS", "Attention", "Channel", "Doses", "Trending", "channel_rows"]

MAX_CHANNELS = 24
KINDS = ("chatter", "news", "call", "stay")
"""Kinds of messages; all but chatter are on the topic of the night."""
CHATTER, NEWS, CALL, STAY_CALL = range(4)

BROADCAST, FEED, GROUP, NEIGHBOURS = range(4)
_TYPES = {"broadcast": BROADCAST, "feed": FEED, "group": GROUP, "neighbours": NEIGHBOURS}

ORDINARY, ALERTED, CUT_OFF = range(3)
"""How much a person looks for news: as ever, after hearing of the night, after being cut off and turning elsewhere."""

CHANNEL = np.dtype(
    [
        ("type", "i8"),
        ("receiver", "i8"),  # index of the receiver
        ("ties", "i8"),  # index of the tie set, -1 without ties
        ("groups", "i8"),  # index of the membership set, -1 without groups
        ("attention", "f8", 3),  # by ORDINARY, ALERTED, CUT_OFF
        ("attention_max", "f8"),
        ("ceiling", "f8"),  # the power of two at or above attention_max
        ("noticing", "f8"),  # attention_max / ceiling
        ("log_miss", "f8"),  # `log_of_missing` the ceiling
        ("while_out", "f8"),
        ("waits", "f8"),
        ("wakes", "f8"),
        ("posts_per_tick", "f8"),  # per user with propensity 1 at full activity
        ("reaction", "f8"),
        ("direct", "f8"),
        ("recommended", "f8"),  # mean number of extra readers of a post
        ("trend_posts", "f8"),  # topical posts within the window that make a trend, for this population; inf: never
        ("trend_minutes", "i8"),
        ("trend_readers", "f8"),
        ("live", "f8"),
        ("screen", "i8"),  # shows the crowd
        ("only_while_out", "i8"),  # seen only as long as the author is out
        ("repeats", "i8"),  # and again and again until then
        ("dose", "f8", 4),  # by kind
    ],
    align=True,
)


class Attention(Frozen):
    """Probability that a message delivered on a channel is noticed at all, by how much the person looks for news."""

    ordinary: float = Field(ge=0, le=1)
    alerted: float = Field(ge=0, le=1)
    cut_off: float = Field(ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, given: object) -> object:
        """Let a single number stand for all three."""
        return dict.fromkeys(("ordinary", "alerted", "cut_off"), given) if isinstance(given, int | float) else given


class Doses(Frozen):
    """What an exposure adds to the dose of its reader, by kind of message (authority 1, no reinforcement)."""

    chatter: float = Field(0.0, ge=0)
    news: float = Field(0.0, ge=0)
    call: float = Field(0.0, ge=0)
    stay: float = Field(0.0, ge=0)


class Trending(Frozen):
    """A hashtag that takes off: while topical posts within `minutes` are many, each is seen beyond the author's followers."""

    posts_per_million: float = Field(gt=0)
    """Topical posts within `minutes`, per million people, at which it takes off."""
    minutes: int = Field(ge=1, le=1440)
    readers: float = Field(ge=0)
    """Mean number of users beyond the followers to whom a topical post is shown."""


class Channel(Frozen):
    """One channel of communication."""

    type: Literal["broadcast", "feed", "group", "neighbours"]
    label: str
    receiver: str
    ties: Literal["followers", "friends", "groups", "neighbours", "none"] = "none"
    look: DelayLaw
    attention: Attention
    while_out: float = Field(0.0, ge=0, le=1)
    """Factor on attention while out."""
    waits: float = Field(0.0, ge=0, le=1)
    """Probability that a message which comes up while its reader sleeps is looked at after waking."""
    wakes: float = Field(0.0, ge=0, le=1)
    posts_per_user_day: float = Field(0.0, ge=0, le=10_000)
    reaction: float = Field(0.0, ge=0)
    direct: float = Field(0.0, ge=0, le=1)
    """Type group: probability that a message goes to one other member alone, a chat of two."""
    recommended: float = Field(0.0, ge=0)
    trending: Trending | None = None
    live: float = Field(0.0, ge=0)
    screen: bool = False
    only_while_out: bool = False
    """Type neighbours: a neighbour's departure is seen only as long as the neighbour is out (as an infection is passed on only
    as long as it lasts)."""
    repeats: bool = False
    """With only_while_out: looked at again and again, each time after a delay of `look`, as long as the neighbour is out. With
    an exponential law contacts are a Poisson process; the probability that one of them moves is the dose (rule contagion)."""
    dose: Doses = Doses()
    source: str = "assumed"

    @model_validator(mode="after")
    def _check(self) -> Channel:
        expected = {"broadcast": {"none"}, "feed": {"followers", "friends", "none"}, "group": {"groups"}}
        if self.ties not in expected.get(self.type, {"neighbours"}):
            raise ValueError(f"ties is {self.ties!r}, which a channel of type {self.type} cannot have")
        if self.type in ("broadcast", "neighbours") and self.posts_per_user_day > 0:
            raise ValueError(f"posts_per_user_day must be 0 on a channel of type {self.type}")
        if self.type in ("broadcast", "neighbours") and (self.reaction > 0 or self.live > 0):
            raise ValueError(f"reaction and live must be 0 on a channel of type {self.type}: nobody posts there")
        if self.type != "group" and self.direct > 0:
            raise ValueError(f"direct needs a channel of type group, not {self.type}")
        everywhere = min(self.attention.ordinary, self.attention.alerted, self.attention.cut_off)
        if self.repeats and self.look.mean() < 1 / 60:
            raise ValueError(f"repeats needs a look of a second or more on average, not {60 * self.look.mean():g} s")
        if self.repeats and (not self.only_while_out or everywhere < 1 or self.waits > 0):
            raise ValueError(
                "repeats needs only_while_out: true, attention 1 and waits 0; say the probability of each contact as its dose"
            )
        if self.type != "neighbours" and self.only_while_out:
            raise ValueError(f"only_while_out needs a channel of type neighbours, not {self.type}")
        if self.type != "feed" and (self.recommended > 0 or self.trending is not None):
            raise ValueError(f"recommended and trending need a channel of type feed, not {self.type}")
        return self


def channel_rows(
    channels: dict[str, Channel], tie_sets: list[str], group_sets: list[str], millions: float
) -> np.ndarray:
    """Return CHANNEL[len(channels)], the compiled form; `millions` of simulated people scale the trending threshold."""
    rows = np.zeros(len(channels), CHANNEL)
    for row, (name, channel) in zip(rows, channels.items(), strict=True):
        a = channel.attention
        trend = channel.trending
        row["type"] = _TYPES[channel.type]
        row["ties"] = tie_sets.index(channel.ties) if channel.ties in tie_sets else -1
        row["groups"] = group_sets.index(name) if name in group_sets else -1
        row["attention"] = (a.ordinary, a.alerted, a.cut_off)
        row["attention_max"] = max(a.ordinary, a.alerted, a.cut_off)
        row["ceiling"] = ceiling_of(float(row["attention_max"]))
        row["noticing"] = row["attention_max"] / row["ceiling"] if row["ceiling"] > 0 else 0.0
        row["log_miss"] = log_of_missing(float(row["ceiling"]))
        row["while_out"] = channel.while_out
        row["waits"] = channel.waits
        row["wakes"] = channel.wakes
        row["posts_per_tick"] = channel.posts_per_user_day / 86_400_000
        row["reaction"] = channel.reaction
        row["direct"] = channel.direct
        row["recommended"] = channel.recommended
        row["trend_posts"] = trend.posts_per_million * millions if trend else np.inf
        row["trend_minutes"] = trend.minutes if trend else 1
        row["trend_readers"] = trend.readers if trend else 0.0
        row["live"] = channel.live
        row["screen"] = channel.screen
        row["only_while_out"] = channel.only_while_out
        row["repeats"] = channel.repeats
        row["dose"] = (channel.dose.chatter, channel.dose.news, channel.dose.call, channel.dose.stay)
    return rows
