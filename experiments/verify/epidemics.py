"""Rows of contagion by contact: SIR on networks and among all, Reed and Frost's chains, Bass's diffusion."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm

from experiments.verify.rows import Row, participation, row_of_mean, row_of_share, row_of_shares, runs_of
from sim.api import Run
from sim.degrees import degree_pmf
from sim.engine.order import DEPART, HOME_AGAIN
from sim.measures.theory import (
    bass_peak,
    bass_share,
    cascade_size,
    final_size,
    final_size_pmf,
    markov_outbreak_probability,
    markov_transmissibility,
    outbreak_probability,
    poisson_pmf,
)
from sim.scenario import Scenario
from sim.units import HOUR

DEGREES = {
    "Poisson degrees, mean 3": "{law: poisson, mean: 3}",
    "power-law degrees, exponent 2.5, 2 to 100": "{law: power_law, exponent: 2.5, smallest: 2, largest: 100}",
    "four contacts each": "{law: constant, value: 4}",
}
HOUSEHOLDS = {(3, 0.2): ".640, .256, .104", (3, 0.5): ".250, .250, .500", (5, 0.2): ".410, .210, .164, .135, .082"}
"""Shares of outbreaks of 1, 2, ... people, by size of the household and probability per contact."""

FIXED = ["attendance.stay=null", "+channels.contacts.look={law: exponential, mean_minutes: 60}"]
"""Instead of an infection that lasts: a probability per contact."""


def percolation(pmf: np.ndarray, transmissibility: float, seed_share: float) -> float:
    """Share infected in the end: who has m infected contacts is infected with probability 1 - (1 - T)^m."""
    return cascade_size(pmf, lambda m, k: 1 - (1 - transmissibility) ** m, seed_share)


def degrees_of(scenario: Scenario) -> np.ndarray:
    graph = scenario.network.neighbours.graph
    assert graph is not None
    assert graph.graph == "configuration"
    return degree_pmf(graph.degrees)


def sir_network(size: int = 20_000, replicates: int = 48) -> list[Row]:
    """Final size on configuration models, by probability per contact and with exponential infections."""
    rows, pmfs = [], {}
    common = ["classic=sir_network", f"population.size={size}", f"scenario.timeline.0.number={size // 500}"]
    for degrees, law in DEGREES.items():
        network = f"++network.neighbours.graph.degrees={law}"

        def measure(run: Run, degrees: str = degrees) -> float:
            pmfs[degrees] = degrees_of(run.scenario)
            return participation(run)

        for name, more, probability in (
            ("infection lasts an exponential time", [], markov_transmissibility(1.0, 1.0)),
            ("probability 0.4 per contact", [*FIXED, "channels.contacts.attention=0.4"], 0.4),
        ):
            found = runs_of([*common, network, *more], range(replicates), measure)
            theory = percolation(pmfs[degrees], probability, 1 / 500)
            rows.append(row_of_mean("SIR on a configuration model (Newman 2002)", f"final size, {degrees}, {name}",
                                    "percolation", theory, found))  # fmt: skip
    return rows


def outbreaks(size: int = 2000, replicates: int = 2000) -> list[Row]:
    """Chance that one infected person among many starts a large outbreak."""
    rows = []
    common = ["classic=sir_network", f"population.size={size}", "scenario.timeline.0.number=1"]
    pmf = poisson_pmf(3.0)
    for name, more, theory in (
        ("infection lasts an exponential time", [], markov_outbreak_probability(pmf, 1.0, 1.0)),
        ("probability 0.5 per contact", [*FIXED, "channels.contacts.attention=0.5"], outbreak_probability(pmf, 0.5)),
    ):
        found = np.array(runs_of([*common, *more], range(replicates), participation))
        large = int(np.count_nonzero(found > 0.1))
        rows.append(row_of_share("SIR on a configuration model (Kenah and Robins 2007)",
                                 f"chance of a large outbreak from one, Poisson degrees, mean 3, {name}", "branching process",
                                 theory, large, replicates))  # fmt: skip
    return rows


def sir_complete(size: int = 10_000, replicates: int = 48) -> list[Row]:
    """Final size where all meet all."""
    rows = []
    for reproduction in (1.5, 2.0, 3.0):
        attention = reproduction * 20 / size
        found = runs_of(
            ["classic=sir_complete", f"population.size={size}", f"channels.contacts.attention={attention}",
             f"scenario.timeline.0.number={size // 100}"],
            range(replicates), participation,
        )  # fmt: skip
        rows.append(row_of_mean("SIR, all meet all (Kermack and McKendrick 1927)", f"final size, R0 = {reproduction:g}",
                                "R = 1 - s exp(-R0 R)", final_size(reproduction, 0.01), found))  # fmt: skip
    return rows


def sis(size: int = 2000, replicates: int = 32) -> list[Row]:
    """Share infected in the long run where all meet all and whoever recovers is susceptible again."""
    reproduction = 2.0

    def measure(run: Run) -> float:
        out = run.record.snapshots[12 * 60 :, 2]
        return float(out.mean() / run.record.scalars["people"])

    found = runs_of(
        ["classic=sir_complete", "attendance.max_trips=100", "scenario.end=2000-01-02 12:00", f"population.size={size}",
         f"channels.contacts.attention={reproduction * 20 / size}", f"scenario.timeline.0.number={size // 2}"],
        range(replicates), measure,
    )  # fmt: skip
    return [row_of_mean("SIS, all meet all", f"share infected in the long run, R0 = {reproduction:g}", "1 - 1 / R0",
                        1 - 1 / reproduction, found)]  # fmt: skip


def sis_in_groups(groups: int = 4000) -> list[Row]:
    """Infected people in small groups who meet each other again and again: a Markov chain on 0 ... m, solved exactly."""
    rows = []
    people, recovery, hours = 4, 1.0, 3
    for contacts in (0.5, 1.0):  # an hour, per pair
        chain = np.zeros((people + 1, people + 1))  # rate of i -> j
        for i in range(people + 1):
            if i > 0:
                chain[i, i - 1] = recovery * i
            if i < people:
                chain[i, i + 1] = contacts * i * (people - i)
            chain[i, i] = -chain[i].sum()
        start = np.zeros(people + 1)
        start[1] = 1.0
        law = start @ expm(chain * hours)
        n = groups * people
        overrides = [
            "classic=sis_groups", f"population.size={n}", f"scenario.timeline.0.people=${{range:0,{n},{people}}}",
            f"+channels.contacts.look={{law: exponential, mean_minutes: {60 / contacts}}}",
        ]  # fmt: skip

        def measure(run: Run) -> np.ndarray:
            events = run.events[run.events["tick"] <= hours * HOUR]
            change = (events["kind"] == DEPART).astype(int) - (events["kind"] == HOME_AGAIN)
            infected = np.bincount(events["person"] // people, change, groups).astype(int)
            return np.bincount(infected, minlength=people + 1)

        counts = runs_of(overrides, [1], measure, events=True)[0]
        quantity = f"infected after {hours} h, {contacts:g} contacts an hour and pair, recovery 1 an hour, chi-square"
        rows.append(row_of_shares("SIS in groups of four (Markov chain)", quantity, "matrix exponential", counts, law))
    return rows


def reed_frost(households: int = 10_000) -> list[Row]:
    """Sizes of outbreaks in households with one introduction each."""
    rows = []
    for (people, probability), published in HOUSEHOLDS.items():
        n = households * people
        overrides = ["classic=reed_frost", f"population.size={n}", f"network.neighbours.graph.size={people}",
                     f"channels.contacts.attention={probability}",
                     f"scenario.timeline.0.people=${{range:0,{n},{people}}}"]  # fmt: skip

        def measure(run: Run, people: int = people) -> np.ndarray:
            infected = np.bincount(run.events["person"][run.events["kind"] == DEPART] // people)
            return np.bincount(infected, minlength=people + 1)[1:]

        counts = runs_of(overrides, [1], measure, events=True)[0]
        pmf = final_size_pmf(people - 1, probability)
        quantity = f"outbreaks of 1 to {people} in households of {people}, p = {probability:g}, chi-square"
        rows.append(row_of_shares("Reed and Frost; Abbey 1952", quantity, published, counts, pmf))
    return rows


def bass(size: int = 500, replicates: int = 64) -> list[Row]:
    """Adopters over time: innovation 0.03 and imitation 0.38 a step, a step being an hour."""
    p, q = 0.03, 0.38
    peak = bass_peak(p, q)
    minutes = [round(60 * peak / 2), round(60 * peak), round(90 * peak)]

    def measure(run: Run) -> list[float]:
        return [float(run.record.departures[:minute].sum()) / size for minute in minutes]

    found = np.array(
        runs_of(["classic=bass", f"population.size={size}", f"channels.contacts.dose.call={q / size}"],
                range(replicates), measure)
    )  # fmt: skip
    return [
        row_of_mean("Bass 1969, p = 0.03, q = 0.38", f"share of adopters after {minute / 60:.2f} steps"
                    + (" (the peak of adoption)" if i == 1 else ""), "F(t)", float(bass_share(minute / 60, p, q)), found[:, i])
        for i, minute in enumerate(minutes)
    ]  # fmt: skip
