"""The people: where they live, what they can be reached on, how they sleep, how much they post, how far the square is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from pydantic import Field, model_validator

from sim import draws
from sim.audiences import Audiences, make_audiences, people_with
from sim.errors import InputError
from sim.jit import njit
from sim.laws import DelayLaw, File, Frozen, encode_laws
from sim.places import PROVINCES_FILE, Provinces, one_place, read_provinces
from sim.quantiles import delay_ticks, normal_quantile
from sim.tables import integers, numbers, read_table
from sim.threads import in_chunks
from sim.traits import TraitLaw, trait_quantile
from sim.units import DAY, HOUR, MAX_PEOPLE, MINUTE

__all__ = ["People", "Population", "Receiver", "SleepHabits", "StayUp", "make_people", "way_of"]

MOST_TRAVEL = 7 * DAY
"""The longest way to a square, in ticks."""
MOST_BED = 24.0
"""The furthest habitual bed time from midnight, in hours."""


class Receiver(Frozen):
    """Something that a person can be reached on: its share of all people, perhaps within those who have another one."""

    share: float = Field(ge=0, le=1)
    within: str | None = None
    source: str = "assumed"


class StayUp(Frozen):
    """Of those who have heard of the night: who goes to bed later, and by how much."""

    probability: float = Field(ge=0, le=1)
    extra: DelayLaw


class SleepHabits(Frozen):
    """Habitual sleep: bed time in hours after midnight (negative: before), length, and how nights vary."""

    bed_hour: TraitLaw
    length_hours: TraitLaw
    jitter_minutes: float = Field(ge=0)
    """Standard deviation of a night's bed time around the habit."""
    stay_up: StayUp


class Population(Frozen):
    """The population: its size (or weight), its traits, or a file of people."""

    size: int | None = Field(None, ge=1)
    weight: float | None = Field(None, gt=0)
    """Real people per simulated person."""
    provinces: File | None = PROVINCES_FILE
    """Table of provinces; none: `size` people in one place, each of them one real person."""
    receivers: dict[str, Receiver]
    sleep: SleepHabits | None
    """None: nobody sleeps."""
    travel: DelayLaw
    propensity_sigma: float = Field(ge=0, le=4)
    """Log-sd of the personal propensity to post (log-normal with mean 1)."""
    file: File | None = None
    """Table of people, one row each: any of province, travel_minutes, bed_hour, sleep_hours, propensity, threshold,
    able, and a 0/1 column per receiver; what is missing is generated. A column person (0 to n - 1) says whose row it is;
    without it the first row is person 0."""

    @model_validator(mode="after")
    def _check(self) -> Population:
        if (self.size is None) == (self.weight is None):
            raise ValueError(f"give either size (is {self.size}) or weight (is {self.weight}); set the other to null")
        if self.provinces is None and self.size is None:
            raise ValueError("weight needs provinces, whose people it divides; give size instead")
        if len(self.receivers) > 32:
            raise ValueError("at most 32 receivers")
        names = list(self.receivers)
        for name, receiver in self.receivers.items():
            if receiver.within is not None:
                if receiver.within not in names[: names.index(name)]:
                    raise ValueError(f"receiver {name} lies within {receiver.within!r}, which must stand before it")
                if receiver.share > self.receivers[receiver.within].share:
                    raise ValueError(f"receiver {name} has a larger share than {receiver.within}, within which it lies")
        if self.n_people < 1 or self.n_people > MAX_PEOPLE:
            raise ValueError(f"the population has {self.n_people} people, expected 1 to {MAX_PEOPLE} (2^27)")
        return self

    @property
    def real_people(self) -> int:
        """Number of real people."""
        return self.places.total

    @property
    def places(self) -> Provinces:
        """Where people live."""
        return read_provinces(self.provinces) if self.provinces is not None else one_place(self.size or 0)

    @property
    def n_people(self) -> int:
        """Number of simulated people."""
        return self.size if self.size is not None else round(self.real_people / (self.weight or 1.0))

    @property
    def real_per_person(self) -> float:
        """Real people per simulated person: the weight by which counts are scaled."""
        return self.weight if self.weight is not None else self.real_people / self.n_people


@dataclass(frozen=True)
class People:
    """Traits of n people as arrays of length n (read-only), 6 bytes each; what is needed now and then is drawn again then."""

    provinces: Provinces
    seed: int
    """The seed of the world, which keys what is drawn again."""
    province: np.ndarray  # int16
    receivers: np.ndarray  # uint32, bit k: has receiver k
    propensity_sigma: float
    travel_law: DelayLaw
    given_propensity: np.ndarray | None = None  # float32: of a file, else drawn
    given_travel: np.ndarray | None = None  # int32 ticks: of a file, else drawn
    habits: SleepHabits | None = None
    bed: np.ndarray | None = None  # int32 ticks after midnight, may be negative: given bed times, else drawn
    sleep: np.ndarray | None = None  # int32 ticks: given lengths of sleep, else drawn
    threshold: np.ndarray | None = None  # float64: given thresholds, else from the law of the decision
    able: np.ndarray | None = None  # int8: given, 1 or 0; -1 or None: as drawn

    @property
    def n(self) -> int:
        """Number of people."""
        return len(self.province)

    def propensities(self, whose: np.ndarray) -> np.ndarray:
        """Return float32[len(whose)]: the propensities of people, factors on rates with mean 1, seven digits of them."""
        if self.given_propensity is not None:
            return np.asarray(self.given_propensity[whose])
        return np.asarray(_propensities(self.seed, whose, self.propensity_sigma))

    @property
    def propensity(self) -> np.ndarray:
        """float32[n]: everybody's propensity, drawn again each time it is asked for."""
        return self.propensities(np.arange(self.n, dtype=np.int32))

    @property
    def travel(self) -> np.ndarray:
        """int32[n]: everybody's way to the square, in ticks, drawn again each time it is asked for."""
        if self.given_travel is not None:
            return self.given_travel
        (law,), points = encode_laws([self.travel_law])
        return np.array([way_of(self.seed, p, law, points) for p in range(self.n)], np.int32)

    def dispositions(self, low: int, high: int) -> np.ndarray:
        """Return float64[3, high - low] of people [low, high), each uniform in (0, 1).

        The quantile of the personal threshold; below a share: is able to go at all; below a share: circumvents from the
        beginning.
        """
        return np.asarray(_dispositions(self.seed, low, high))

    def sleep_habits(self, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
        """Return bed times (int32 ticks after midnight) and lengths of sleep (int32 ticks) of people [low, high).

        Zeros where nobody sleeps, and for all whose bed time were beyond a day from midnight.
        """
        bed, sleep = np.zeros(high - low, np.int32), np.zeros(high - low, np.int32)
        if self.habits is not None:
            u_bed, u_sleep = _habits(self.seed, low, high)
            hours = trait_quantile(self.habits.bed_hour, u_bed, low, self.n)
            bed[:] = np.where(np.abs(hours) <= MOST_BED, hours, 0.0) * HOUR
            sleep[:] = trait_quantile(self.habits.length_hours, u_sleep, low, self.n).clip(1.0, 16.0) * HOUR
        return (
            bed if self.bed is None else self.bed[low:high],
            sleep if self.sleep is None else self.sleep[low:high],
        )

    @cached_property
    def province_starts(self) -> np.ndarray:
        """int64[provinces + 1]: the people of province k stand at [k] to [k + 1] of `by_province`."""
        return self._by_province[0]

    @cached_property
    def by_province(self) -> np.ndarray:
        """int32[n]: people by province, ascending within each; length 0 where they are numbered so, as generated people are."""
        return self._by_province[1]

    @cached_property
    def _by_province(self) -> tuple[np.ndarray, np.ndarray]:
        sizes, is_ascending = _sizes(self.province, len(self.provinces.names))
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        order = np.zeros(0, np.int32) if is_ascending else np.argsort(self.province, kind="stable").astype(np.int32)
        return starts, order

    def with_receiver(self, index: int) -> np.ndarray:
        """Return the people (int32, ascending) who have receiver `index`."""
        return people_with(self.receivers, index)

    def audiences(self, indices: tuple[int, ...]) -> Audiences:
        """Return the lists of people who have each of some receivers; they are kept: all runs in this world share them."""
        if indices not in self._audiences:
            self._audiences[indices] = make_audiences(self.receivers, indices, self.by_province)
        return self._audiences[indices]

    @cached_property
    def _audiences(self) -> dict[tuple[int, ...], Audiences]:
        return {}


@njit
def _sizes(province, n_provinces):
    """Return int64[n_provinces]: how many people live in each, and whether nobody lives in an earlier one than the last."""
    sizes = np.zeros(n_provinces, np.int64)
    n_steps_back = 0
    for i in range(len(province)):
        sizes[province[i]] += 1
        if i > 0 and province[i] < province[i - 1]:
            n_steps_back += 1
    return sizes, n_steps_back == 0


@njit
def _dispositions(seed, low, high):
    """See `People.dispositions`."""
    out = np.empty((3, high - low))
    for i in range(high - low):
        u, v, w, _ = draws.quarters(seed, draws.W_DISPOSITION, low + i, 0, 0)
        out[0, i], out[1, i], out[2, i] = draws.fraction(u), draws.fraction(v), draws.fraction(w)
    return out


@njit
def _habits(seed, low, high):
    """Return the draws for the bed time and for the length of sleep of people [low, high)."""
    u_bed, u_sleep = np.empty(high - low), np.empty(high - low)
    for i in range(high - low):
        _, _, w2, w3 = draws.quarters(seed, draws.W_TRAITS, low + i, 0, 0)
        u_bed[i], u_sleep[i] = draws.fraction(w2), draws.fraction(w3)
    return u_bed, u_sleep


@njit
def _propensities(seed, whose, sigma):
    """See `People.propensities`."""
    out = np.empty(len(whose), np.float32)
    for i in range(len(whose)):
        u = draws.fraction(draws.quarters(seed, draws.W_TRAITS, np.int64(whose[i]), 0, 0)[0])
        out[i] = math.exp(sigma * normal_quantile(u) - sigma * sigma / 2.0)
    return out


@njit
def way_of(seed, person, law, points):
    """Return how many ticks a person travels to the square, and home again, in the world of a seed."""
    u = draws.fraction(draws.quarters(seed, draws.W_TRAITS, person, 0, 0)[1])
    return min(delay_ticks(law, points, u), MOST_TRAVEL)


@njit
def _draw(seed, first, shares, parents, receivers):
    """Write the receivers of the people from `first` on.

    shares[k] is receiver k's share of those who have receiver parents[k] (-1: of all).
    """
    for i in range(len(receivers)):
        person = first + i
        has = np.uint32(0)
        drawn = -1
        w0 = w1 = w2 = w3 = np.uint64(0)
        for k in range(len(shares)):
            if parents[k] >= 0 and not (has >> np.uint32(parents[k])) & np.uint32(1):
                continue
            if shares[k] < 1.0:
                if k // 4 != drawn:
                    drawn = k // 4
                    w0, w1, w2, w3 = draws.quarters(seed, draws.W_RECEIVER, person, drawn, 0)
                place = k % 4
                word = w0 if place == 0 else w1 if place == 1 else w2 if place == 2 else w3
                if draws.fraction(word) >= shares[k]:
                    continue
            has |= np.uint32(1) << np.uint32(k)
        receivers[i] = has


def make_people(population: Population, seed: int) -> People:
    """Return the people of one world, numbered province by province, every other trait a keyed draw of its person.

    A file of people may put anybody anywhere.

    Raises
    ------
    InputError
        The provinces or the file of people cannot be used.
    """
    n, provinces = population.n_people, population.places
    shares, parents = _nested(population.receivers)
    habits = population.sleep
    people = People(
        provinces=provinces,
        seed=seed,
        province=np.repeat(np.arange(len(provinces.names), dtype=np.int16), provinces.shared_out(n)),
        receivers=np.empty(n, np.uint32),
        propensity_sigma=population.propensity_sigma,
        travel_law=population.travel,
        habits=habits,
    )

    def draw(low: int, high: int) -> float:
        """Draw the traits of people [low, high), and return the bed time, in hours, that is the furthest from midnight."""
        _draw(seed, low, shares, parents, people.receivers[low:high])
        if habits is None:
            return 0.0
        bed = trait_quantile(habits.bed_hour, _habits(seed, low, high)[0], low, n)
        return float(bed[np.abs(bed).argmax()])

    furthest = max(in_chunks(n, draw), key=abs)
    if abs(furthest) > MOST_BED:
        raise InputError(
            f"population.sleep.bed_hour gives a bed time of {furthest:.1f} h, expected -24 to 24 hours after midnight; "
            "correct the law."
        )
    if population.file is not None:
        people = _from_file(population, people)
    given = (people.given_propensity, people.given_travel, people.bed, people.sleep)
    for array in (people.province, people.receivers, *given):
        if array is not None:
            array.setflags(write=False)
    return people


def _nested(receivers: dict[str, Receiver]) -> tuple[np.ndarray, np.ndarray]:
    """Return of each receiver its share of those who have the one within which it lies, and the index of that one or -1."""
    names = list(receivers)
    shares, parents = np.empty(len(names)), np.full(len(names), -1)
    for index, receiver in enumerate(receivers.values()):
        shares[index] = receiver.share
        if receiver.within is not None:
            outer = receivers[receiver.within].share
            parents[index] = names.index(receiver.within)
            shares[index] = receiver.share / outer if outer > 0 else 0.0
    return shares, parents


def _from_file(population: Population, people: People) -> People:
    """Return the people with the columns of the user's file in the place of what was drawn."""
    assert population.file is not None
    table = read_table(population.file)
    n = population.n_people
    if "person" in table:
        whose = integers(table, "person", population.file, 0, n - 1)
        if len(np.unique(whose)) != len(whose):
            raise InputError(
                f"{population.file}, column 'person', names somebody twice; expected every person once: correct it."
            )
        table = table.iloc[np.argsort(whose, kind="stable")].reset_index(drop=True)
    if len(table) != n:
        raise InputError(
            f"{population.file} has {len(table)} rows, expected one for each of {n} people; "
            "set population.size to the number of rows."
        )
    if "province" in table:
        names = {name: k for k, name in enumerate(people.provinces.names)}
        unknown = sorted(set(map(str, table["province"])) - names.keys())
        if unknown:
            raise InputError(
                f"{population.file} names the province {unknown[0]!r}, expected one of {population.provinces}."
            )
        people.province[:] = [names[str(p)] for p in table["province"]]
    scales = {
        "travel_minutes": (MINUTE, 0.0, 7 * 24 * 60.0),
        "bed_hour": (HOUR, -MOST_BED, MOST_BED),
        "sleep_hours": (HOUR, 1 / 60, 24.0),
    }
    given = {
        column: (numbers(table, column, population.file, low, high) * factor).astype(np.int32)
        for column, (factor, low, high) in scales.items()
        if column in table
    }
    travel = np.maximum(given["travel_minutes"], 1) if "travel_minutes" in given else None
    is_given = "propensity" in table
    propensity = numbers(table, "propensity", population.file, 0.0, 1e6).astype(np.float32) if is_given else None
    for index, name in enumerate(population.receivers):
        if name in table:
            bit = np.uint32(1) << np.uint32(index)
            flag = integers(table, name, population.file, 0, 1).astype(np.uint32)
            people.receivers[:] = (people.receivers & ~bit) | (flag << np.uint32(index))
    able = integers(table, "able", population.file, 0, 1).astype(np.int8) if "able" in table else None
    threshold = numbers(table, "threshold", population.file, 0.0, np.inf) if "threshold" in table else None
    return replace(
        people, given_propensity=propensity, given_travel=travel, threshold=threshold, able=able,
        bed=given.get("bed_hour"), sleep=given.get("sleep_hours"),
    )  # fmt: skip
