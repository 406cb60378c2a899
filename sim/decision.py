"""Deciding to leave: exposures, doses that fade, three rules."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from sim.jit import njit
from sim.laws import Frozen, TraitLaw

__all__ = ["RULES", "Decision", "crossing_delay", "faded", "integrated_hazard", "weight"]

RULES = ("threshold", "hazard", "critical_mass")
THRESHOLD, HAZARD_RULE, CRITICAL_MASS = range(3)


class Decision(Frozen):
    """The rule by which people decide to leave home, and its parameters."""

    rule: Literal["threshold", "hazard", "critical_mass"]
    able_share: float = Field(ge=0, le=1)
    """Share of people who could ever go."""
    threshold: TraitLaw
    """Rule threshold: dose at which a person leaves."""
    hazard_per_hour: float = Field(ge=0)
    """Rule hazard: rate of leaving per unit of dose."""
    critical_mass: TraitLaw
    """Rule critical_mass: share (or number, see `critical_mass_of`) of people out at which a person joins."""
    critical_mass_of: Literal["share", "count"] = "share"
    needs_news: bool = True
    """Rule critical_mass: whether a person must have heard of the night before joining."""
    fading_minutes: float = Field(gt=0)
    repeat_discount: float = Field(ge=0, le=1)
    """Factor on every further exposure through the same channel."""
    social: float = Field(ge=0)
    """Reinforcement by contacts: factor 1 + social x share of the neighbours who were seen to leave."""
    screen: float = Field(ge=0)
    """Reinforcement by the crowd on screen: factor 1 + screen x c / (c + screen_half), c the share of people on squares."""
    screen_half: float = Field(gt=0)
    ignored_channels: tuple[str, ...] = ()
    """Channels whose exposures do not count for deciding (attribution by counterfactual); posting is unchanged."""


@njit
def faded(dose, elapsed, fading):
    """Return the dose after `elapsed` ticks of fading with time constant `fading` ticks: dose exp(-elapsed / fading)."""
    return dose * math.exp(-elapsed / fading)


@njit
def weight(dose, authority, is_repeat, discount, social, contacts_share, screen, crowd, half, on_screen):
    """Return what one exposure adds: dose x authority x discount if repeated x (1 + social s + screen c / (c + half))."""
    w = dose * authority
    if is_repeat:
        w = w * discount
    factor = 1.0 + social * contacts_share
    if on_screen and crowd > 0.0:
        factor += screen * crowd / (crowd + half)
    return w * factor


@njit
def integrated_hazard(dose, elapsed, fading, rate):
    """Return the hazard accumulated over `elapsed` ticks: rate x dose x fading x (1 - exp(-elapsed / fading))."""
    return rate * dose * fading * (1.0 - math.exp(-elapsed / fading))


@njit
def crossing_delay(dose, fading, rate, missing):
    """Return in how many ticks (float, maybe infinite) the integrated hazard grows by `missing` if the dose only fades."""
    limit = rate * dose * fading
    if missing <= 0.0:
        return 0.0
    if limit <= missing:
        return math.inf
    return -fading * math.log(1.0 - missing / limit)
