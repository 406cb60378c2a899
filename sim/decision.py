"""Deciding to leave: exposures, doses that fade, four rules."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from sim.jit import njit
from sim.laws import Frozen
from sim.traits import TraitLaw

__all__ = ["RULES", "Decision", "crossing_delay", "faded", "integrated_hazard", "level_of", "weight"]

RULES = ("threshold", "hazard", "critical_mass", "contagion")
THRESHOLD, HAZARD_RULE, CRITICAL_MASS, CONTAGION_RULE = range(4)

NUMBER, SHARE, PER_GUARD = range(3)
LARGEST = float(np.finfo(np.float64).max)
"""What is held against a threshold where no guard is in sight: all that are finite are reached; who has another never goes."""


class Decision(Frozen):
    """The rule by which people decide to leave home, and its parameters."""

    rule: Literal["threshold", "hazard", "critical_mass", "contagion"]
    able_share: float = Field(ge=0, le=1)
    """Share of people who could ever go."""
    threshold: TraitLaw | None
    """Rule threshold: dose at which a person leaves."""
    hazard_per_hour: float = Field(ge=0)
    """Rule hazard: rate of leaving per unit of dose. (Rule contagion: every exposure moves with a probability of its dose.)"""
    critical_mass: TraitLaw | None
    """Rule critical_mass: share or number (see `critical_mass_of`) of people out at which a person joins."""
    critical_mass_of: Literal["share", "count", "contacts_share", "contacts_count", "contacts_per_guard"] = "share"
    """Of whom: of all people (Granovetter 1978), or of the neighbours who were seen to leave and have not come home; of these
    and oneself for each guard among the neighbours (Epstein 2002), without end where there is none."""
    guards: str | None = None
    """Receiver that only guards have: people who never leave, and whom their neighbours count (contacts_per_guard)."""
    thresholds: Literal["drawn", "quantiles"] = "drawn"
    """Rules threshold and critical_mass: each person's threshold drawn from its law, or the n thresholds the law's quantiles
    at (k - 1/2) / n for k = 1 ... n, dealt out at random: a population that has the distribution exactly."""
    learning_rounds: int = Field(0, ge=0, le=1000)
    """Rounds in which, beforehand, everybody takes the mean threshold of oneself and one's neighbours (DeGroot 1974)."""
    needs_news: bool = True
    """Rule critical_mass: whether a person must have heard of the night before joining."""
    fading_minutes: float | None = Field(gt=0)
    """Time constant by which the dose fades; none: it stays."""
    repeat_discount: float = Field(ge=0, le=1)
    """Factor on every further exposure through the same channel."""
    social: float = Field(ge=0)
    """Reinforcement by contacts: factor 1 + social x share of the neighbours who were seen to leave and are still out."""
    screen: float = Field(ge=0)
    """Reinforcement by the crowd on screen: factor 1 + screen x c / (c + screen_half), c the share of people on squares."""
    screen_half: float = Field(gt=0)
    ignored_channels: tuple[str, ...] = ()
    """Channels whose exposures do not count for deciding (attribution by counterfactual); posting is unchanged."""

    @model_validator(mode="after")
    def _check(self) -> Decision:
        if self.rule in ("threshold", "critical_mass") and self.law_of_threshold is None:
            raise ValueError(
                f"{self.rule} is null, but the rule {self.rule} needs a law of what people wait for; name one"
            )
        law = self.law_of_threshold
        if (self.critical_mass_of == "contacts_per_guard") != (self.guards is not None):
            raise ValueError("critical_mass_of: contacts_per_guard and guards (a receiver) go together")
        if self.guards is not None and self.social > 0:
            raise ValueError(f"social is {self.social} beside guards, expected 0: contacts are counted against guards")
        if self.thresholds == "quantiles" and law is not None and law.law == "listed":
            raise ValueError(
                "thresholds is 'quantiles', expected 'drawn' with the law listed, which gives everybody's value"
            )
        return self

    @property
    def law_of_threshold(self) -> TraitLaw | None:
        """Return the law of what everybody's threshold is for the rule in force; none for other rules."""
        return {"threshold": self.threshold, "critical_mass": self.critical_mass}.get(self.rule)

    @property
    def counts_contacts(self) -> bool:
        """Return whether people decide by how many of their own neighbours are out."""
        return self.rule == "critical_mass" and self.critical_mass_of.startswith("contacts")


@njit
def faded(dose, elapsed, fading):
    """Return the dose after `elapsed` ticks of fading with time constant `fading` ticks: dose exp(-elapsed / fading)."""
    if math.isinf(fading):
        return dose
    return dose * math.exp(-elapsed / fading)


@njit
def level_of(counted_as, n_out, against):
    """Return what is held against a threshold: the contacts who are out, their share, or they and oneself per guard."""
    if counted_as == SHARE:
        return n_out / against if against > 0 else 0.0
    if counted_as == PER_GUARD:
        return (n_out + 1.0) / against if against > 0 else LARGEST
    return np.float64(n_out)


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
    if math.isinf(fading):
        return rate * dose * elapsed
    return rate * dose * fading * (1.0 - math.exp(-elapsed / fading))


@njit
def crossing_delay(dose, fading, rate, missing):
    """Return in how many ticks (float, maybe infinite) the integrated hazard grows by `missing` if the dose only fades."""
    if missing <= 0.0:
        return 0.0
    if math.isinf(fading):
        return missing / (rate * dose) if rate * dose > 0.0 else math.inf
    limit = rate * dose * fading
    if limit <= missing:
        return math.inf
    return -fading * math.log(1.0 - missing / limit)
