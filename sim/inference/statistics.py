"""Summary statistics: numbers of a night that are compared with the record, each with the uncertainty of what was observed.

Three kinds: an outcome of the night, the ratio of a curve's means over two windows, and the bins of an observed series.
A statistic says what was observed (`value` with an uncertainty), or only on which side of a bound the record lies (`above`):
then all values beyond the bound fit equally well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from sim.errors import InputError
from sim.inference.series import Bins
from sim.laws import Frozen
from sim.measures.outcomes import NEEDED_NULLS
from sim.measures.windows import Window
from sim.scenario import Scenario
from sim.units import MINUTE

__all__ = ["ORDINARY_DAY", "Statistic", "Statistics", "minute_of"]

ORDINARY_DAY = "posts_ordinary_day"
"""Posts of an ordinary day in real numbers, the mean over the days of the scenario: a statistic beside the outcomes."""
_OF_DAYS = "posts_ratio_day_"
_ERRORS = 1
"""Tells the dice of errors from others of the same seed."""


class Statistic(Frozen):
    """One number that a night is compared by."""

    value: float | None = None
    """What was observed."""
    above: float | None = None
    """Or: a bound that lies below what was observed, of which no number is known."""
    sd: float | None = Field(None, gt=0)
    """Standard deviation of the observation; of a bound, how soft it is."""
    relative_sd: float | None = Field(None, gt=0)
    """The same as a share of the value."""
    held_out: bool = False
    """Compared with, but not fitted to."""
    curve: str | None = None
    """The statistic is the ratio of this curve's means in two windows; None: it is the outcome of its own name."""
    over: tuple[datetime, datetime] | None = None
    under: tuple[datetime, datetime] | None = None
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Statistic:
        if (self.value is None) == (self.above is None):
            raise ValueError("a statistic needs either value: what was observed, or above: a bound below it")
        if (self.sd is None) == (self.relative_sd is None):
            raise ValueError("a statistic needs either sd or relative_sd: the uncertainty of what was observed")
        if self.relative_sd is not None and not self.target:
            raise ValueError("relative_sd is a share of 0, expected sd where the value is 0")
        if len({self.curve is None, self.over is None, self.under is None}) != 1:
            raise ValueError("curve, over and under go together: a ratio of the curve's means in two windows")
        return self

    @property
    def target(self) -> float:
        """What was observed, or the bound."""
        found = self.value if self.value is not None else self.above
        assert found is not None
        return found

    @property
    def scale(self) -> float:
        """The uncertainty, in the unit of the statistic."""
        return self.sd if self.sd is not None else abs(self.target) * float(self.relative_sd or 0.0)

    def told(self, found: float) -> float:
        """Return what a value counts as: itself, or the bound where it lies beyond."""
        return found if self.above is None else min(found, self.above)


def minute_of(scenario: Scenario, moment: datetime) -> int:
    """Return the minute of the scenario, from its start, in which a moment lies."""
    clock = scenario.clock
    return (clock.tick(moment) - clock.warm_up) // MINUTE


@dataclass(frozen=True)
class Statistics:
    """All statistics of a calibration, and the windows of curves that they need."""

    items: Mapping[str, Statistic]
    series: Mapping[str, Bins]
    windows: tuple[Window, ...]
    """The two of each ratio, in the order of the items, then the bins of the series."""
    weight: float
    """Real people, or posts, for one that is simulated."""

    @staticmethod
    def of(scenario: Scenario, items: Mapping[str, Statistic], series: Mapping[str, Bins]) -> Statistics:
        """Return the statistics of nights like a scenario.

        Raises
        ------
        InputError
            A window that is none within the scenario.
        """
        windows = []
        for name, item in items.items():
            if item.curve is None:
                continue
            assert item.over is not None
            assert item.under is not None
            for key, (start, end) in (("over", item.over), ("under", item.under)):
                first, last = minute_of(scenario, start), minute_of(scenario, end)
                if not 0 <= first < last <= scenario.clock.n_minutes:
                    raise InputError(
                        f"calibration.statistics.{name}.{key} is {start} to {end}, expected a window within the scenario, "
                        f"{scenario.scenario.start} to {scenario.scenario.end}; correct it."
                    )
                windows.append(Window(item.curve, first, last))
        windows += [Window(b.curve, first, last) for b in series.values() for first, last in b.minutes]
        return Statistics(dict(items), dict(series), tuple(windows), scenario.population.real_per_person)

    @property
    def nulls(self) -> tuple[str, ...]:
        """Return the null nights that the statistics need."""
        needed = {NEEDED_NULLS[name] for name in self.items if name in NEEDED_NULLS}
        return tuple(sorted(needed | ({"ordinary"} if ORDINARY_DAY in self.items else set())))

    @property
    def observed(self) -> dict[str, float]:
        """Return what was observed of each statistic, or its bound; the bins of a series are statistics, too."""
        found = {name: item.target for name, item in self.items.items()}
        return found | {_bin(name, i): v for name, b in self.series.items() for i, v in enumerate(b.observed)}

    @property
    def scales(self) -> dict[str, float]:
        """Return the uncertainty of each; a series counts as much as one number with its relative uncertainty."""
        found = {name: item.scale for name, item in self.items.items()}
        return found | {_bin(name, i): b.scale for name, b in self.series.items() for i in range(len(b.observed))}

    @property
    def fitted(self) -> list[str]:
        """Return the names of those that are fitted to."""
        found = [name for name, item in self.items.items() if not item.held_out]
        return found + [_bin(n, i) for n, b in self.series.items() if not b.held_out for i in range(len(b.observed))]

    @property
    def n_fitted(self) -> int:
        """Return how many numbers are fitted to, a series counting as one."""
        held_out = [s.held_out for s in self.items.values()] + [s.held_out for s in self.series.values()]
        return held_out.count(False)

    def as_observed(self, found: Mapping[str, float], seed: int) -> dict[str, float]:
        """Return what would be observed of a night: its statistics, each with a normal error of the record's uncertainty.

        Fits compare this with the record, so that posteriors hold the uncertainty of what was observed (Wilkinson 2013).
        """
        errors = np.random.default_rng([seed, _ERRORS]).standard_normal(len(self.scales))
        return {n: found[n] + scale * float(e) for (n, scale), e in zip(self.scales.items(), errors, strict=True)}

    def told(self, found: Mapping[str, float]) -> dict[str, float]:
        """Return what values count as: beyond a bound, as the bound."""
        return {name: self.items[name].told(value) if name in self.items else value for name, value in found.items()}

    def of_entry(self, entry: Mapping[str, Any]) -> dict[str, float]:
        """Return all statistics of a night, by name, from what was measured of it; NaN where one is missing.

        Reports leave out ratios of few posts or people, which are noisy; here they count, as noise: a fit without the nights
        in which few post would be one to other priors.
        """
        numbers = zip(entry["outcome"], entry["value"], entry["numerator"], entry["denominator"], strict=True)
        found = {n: (float(above / below if below > 0 else v), float(below)) for n, v, above, below in numbers}
        sums = entry.get("sums", [])
        result: dict[str, float] = {}
        place = 0
        for name, item in self.items.items():
            if item.curve is not None:
                result[name] = _ratio_of_means(sums, self.windows, place)
                place += 2
            elif name == ORDINARY_DAY:
                days = [d for n, (_, d) in found.items() if n.startswith(_OF_DAYS) and n[len(_OF_DAYS) :].isdigit()]
                result[name] = self.weight * float(np.mean(days)) if days else math.nan
            else:
                result[name] = found[name][0] if name in found else math.nan
        for name, bins in self.series.items():
            values = bins.compared(np.array(sums[place : place + len(bins.observed)], np.float64))
            result |= {_bin(name, i): float(v) for i, v in enumerate(values)}
            place += len(bins.observed)
        return result

    def unknown(self, entry: Mapping[str, Any]) -> list[str]:
        """Return the names of statistics of which a night has no outcome, and of series of which it has no curve."""
        sums = entry.get("sums", [])
        absent = {w.curve for w, value in zip(self.windows, sums, strict=True) if math.isnan(value)}
        named = {name for name, item in self.items.items() if item.curve is None and name != ORDINARY_DAY}
        found = [name for name in self.items if name in named and name not in entry["outcome"]]
        curves = {name: item.curve for name, item in self.items.items() if item.curve is not None}
        curves |= {name: b.curve for name, b in self.series.items()}
        return found + [f"{name} (curve {curve})" for name, curve in curves.items() if curve in absent]


def _bin(series: str, place: int) -> str:
    return f"{series}[{place}]"


def _ratio_of_means(sums: Sequence[float], windows: Sequence[Window], place: int) -> float:
    over, under = windows[place], windows[place + 1]
    below = sums[place + 1] / (under.end - under.first)
    return sums[place] / (over.end - over.first) / below if below > 0 else math.nan
