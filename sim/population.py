"""The people: where they live, what they can be reached on, how they sleep, how much they post, how far the square is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from pydantic import Field, model_validator

from sim import draws
from sim.errors import InputError
from sim.jit import njit
from sim.laws import DelayLaw, File, Frozen, encode_laws
from sim.places import PROVINCES_FILE, Provinces, one_place, read_provinces
from sim.quantiles import delays
from sim.tables import integers, numbers, read_table
from sim.threads import CHUNK, in_chunks, n_chunks
from sim.traits import TraitLaw, trait_quantile
from sim.units import HOUR, MAX_PEOPLE, MINUTE

__all__ = ["People", "Population", "Receiver", "SleepHabits", "StayUp", "make_people"]


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
    """Traits of n people as arrays of length n (read-only)."""

    provinces: Provinces
    province: np.ndarray  # int16
    receivers: np.ndarray  # uint32, bit k: has receiver k
    propensity: np.ndarray  # float64, mean 1
    travel: np.ndarray  # int32 ticks
    bed: np.ndarray  # int32 ticks after midnight, may be negative
    sleep: np.ndarray  # int32 ticks
    u_threshold: np.ndarray  # float64 in (0, 1): the quantile of the personal threshold
    u_able: np.ndarray
    u_circumvent: np.ndarray
    threshold: np.ndarray | None = None  # given thresholds, else from the law of the decision

    @property
    def n(self) -> int:
        """Number of people."""
        return len(self.province)

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
        for indices, (starts, listed) in self._listed.items():
            if index in indices and not len(self.by_province):
                k = indices.index(index)
                return listed[starts[k] : starts[k + 1]]
        return _listed(self.receivers, (index,))[1]

    def audiences(self, indices: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return int64[k + 1] and int32: where each list begins, and the people who have each of k receivers, by province.

        Lists are kept: all runs in this world share them.
        """
        if indices not in self._listed:
            starts, listed = _listed(self.receivers, indices)
            if len(self.by_province):
                for low, high in pairwise(starts):
                    people = listed[low:high]
                    listed[low:high] = people[np.argsort(self.province[people], kind="stable")]
            listed.setflags(write=False)
            self._listed[indices] = starts, listed
        return self._listed[indices]

    @cached_property
    def _listed(self) -> dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
        return {}


def _listed(receivers: np.ndarray, indices: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return int64[k + 1] and int32: where each list begins, and the people who have each of k receivers, ascending."""
    n, bits = len(receivers), np.array(indices, np.uint32)
    counts = np.array(in_chunks(n, lambda low, high: _count_bits(receivers[low:high], bits)), np.int64)
    counts = counts.reshape(n_chunks(n), len(bits))  # also of no receivers
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts.sum(axis=0))])
    firsts = starts[:-1] + np.cumsum(counts, axis=0) - counts
    listed = np.empty(starts[-1], np.int32)
    in_chunks(n, lambda low, high: _list_bits(receivers[low:high], bits, low, firsts[low // CHUNK], listed))
    return starts, listed


@njit
def _count_bits(receivers, bits):
    """Return int64[len(bits)]: how many have each bit."""
    counts = np.zeros(len(bits), np.int64)
    for i in range(len(receivers)):
        for k in range(len(bits)):
            counts[k] += np.int64((receivers[i] >> bits[k]) & np.uint32(1))
    return counts


@njit
def _list_bits(receivers, bits, first, starts, listed):
    """Write the people, numbered from `first`, who have bit k to `listed` from starts[k] on."""
    places = starts.copy()
    for i in range(len(receivers)):
        for k in range(len(bits)):
            if (receivers[i] >> bits[k]) & np.uint32(1):
                listed[places[k]] = first + i
                places[k] += 1


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


def make_people(population: Population, seed: int) -> People:
    """Return the people of one world, numbered province by province, every other trait a keyed draw of its person.

    A file of people may put anybody anywhere.

    Raises
    ------
    InputError
        The provinces or the file of people cannot be used.
    """
    n = population.n_people
    ids = np.arange(n, dtype=np.int64)
    provinces = population.places

    def draw(purpose: int, object_: int = 0) -> np.ndarray:
        return np.asarray(draws.uniforms(seed, purpose, ids, object_, 0))

    receivers = np.zeros(n, np.uint32)
    for index, (_, receiver) in enumerate(population.receivers.items()):
        share, has = receiver.share, draw(draws.W_RECEIVER, index)
        if receiver.within is not None:
            parent = list(population.receivers).index(receiver.within)
            outer = population.receivers[receiver.within].share
            share = share / outer if outer > 0 else 0.0
            has = np.where(receivers >> np.uint32(parent) & np.uint32(1), has, 2.0)
        receivers |= (has < share).astype(np.uint32) << np.uint32(index)
    sigma = population.propensity_sigma
    from scipy.special import ndtri

    travel_law = population.travel
    traits = {
        "province": np.repeat(np.arange(len(provinces.names), dtype=np.int16), provinces.shared_out(n)),
        "propensity": np.exp(sigma * ndtri(draw(draws.W_PROPENSITY)) - sigma**2 / 2),
        "travel": _delays(travel_law, draw(draws.W_TRAVEL)),
        "bed": np.zeros(n),
        "sleep": np.zeros(n),
    }
    if population.sleep is not None:
        traits["bed"] = trait_quantile(population.sleep.bed_hour, draw(draws.W_BED)) * HOUR
        traits["sleep"] = trait_quantile(population.sleep.length_hours, draw(draws.W_SLEEP)).clip(1.0, 16.0) * HOUR
    if np.abs(traits["bed"]).max() > 24 * HOUR:
        raise InputError(
            f"population.sleep.bed_hour gives a bed time of {traits['bed'][np.abs(traits['bed']).argmax()] / HOUR:.1f} h, "
            "expected -24 to 24 hours after midnight; correct the law."
        )
    threshold = None
    u_able = draw(draws.W_ABLE)
    if population.file is not None:
        threshold, u_able, receivers = _from_file(population, provinces, traits, u_able, receivers)
    return People(
        provinces=provinces,
        province=traits["province"].astype(np.int16),
        receivers=receivers,
        propensity=np.asarray(traits["propensity"], np.float64),
        travel=np.maximum(traits["travel"], 1).astype(np.int32),
        bed=traits["bed"].astype(np.int32),
        sleep=traits["sleep"].astype(np.int32),
        u_threshold=draw(draws.W_THRESHOLD),
        u_able=u_able,
        u_circumvent=draw(draws.W_CIRCUMVENT),
        threshold=threshold,
    )


def _delays(law: DelayLaw, u: np.ndarray) -> np.ndarray:
    rows, points = encode_laws([law])
    return np.asarray(np.minimum(delays(rows[0], points, u), 7 * 24 * HOUR))


def _from_file(
    population: Population,
    provinces: Provinces,
    traits: dict[str, np.ndarray],
    u_able: np.ndarray,
    receivers: np.ndarray,
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Overwrite generated traits by the columns of the user's file."""
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
        names = {name: k for k, name in enumerate(provinces.names)}
        unknown = sorted(set(map(str, table["province"])) - names.keys())
        if unknown:
            raise InputError(
                f"{population.file} names the province {unknown[0]!r}, expected one of {population.provinces}."
            )
        traits["province"] = np.array([names[str(p)] for p in table["province"]])
    scales = {
        "travel_minutes": ("travel", MINUTE, 0.0, 7 * 24 * 60.0), "bed_hour": ("bed", HOUR, -24.0, 24.0),
        "sleep_hours": ("sleep", HOUR, 1 / 60, 24.0),
    }  # fmt: skip
    for column, (trait, factor, low, high) in scales.items():
        if column in table:
            traits[trait] = numbers(table, column, population.file, low, high) * factor
    if "propensity" in table:
        traits["propensity"] = numbers(table, "propensity", population.file, 0.0, 1e6)
    for index, name in enumerate(population.receivers):
        if name in table:
            bit = np.uint32(1) << np.uint32(index)
            flag = integers(table, name, population.file, 0, 1).astype(np.uint32)
            receivers = (receivers & ~bit) | (flag << np.uint32(index))
    if "able" in table:
        u_able = np.where(integers(table, "able", population.file, 0, 1) == 1, 0.0, 2.0)
    threshold = numbers(table, "threshold", population.file, 0.0, np.inf) if "threshold" in table else None
    return threshold, u_able, receivers
