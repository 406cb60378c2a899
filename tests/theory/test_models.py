"""Classical models by configuration against closed forms, with the rows of experiments/verify at sizes that a test can afford.

Each row carries a computed z; the critical value is Bonferroni's for as many rows as there are here at most, at the family-wise
level 4e-4; with as much for test_dice.py and 1e-5 for test_closed_forms.py that is less than 1e-3 for the whole folder. Seeds
are fixed.
"""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import sim
from experiments import verification
from experiments.verify import epidemics, processes, thresholds
from experiments.verify.rows import (
    Row,
    participation,
    row_of_count,
    row_of_mean,
    row_of_normal,
    row_of_share,
    row_of_sign,
    runs_of,
)
from sim.measures.theory import (
    critical_value,
    final_size,
    final_size_pmf,
    hawkes_cluster_mean,
    hawkes_cluster_variance,
    markov_outbreak_probability,
    poisson_pmf,
)

MOST_ROWS = 80
CRITICAL = critical_value(MOST_ROWS, 4e-4)

SMALL = {
    "granovetter": thresholds.granovetter,
    "tangency": partial(thresholds.tangency, 300_000),
    "lists": thresholds.lists,
    "watts": partial(thresholds.watts, 20_000, 24),
    "hawkes, n = 0.5": partial(processes.hawkes, 0.5, 1000, 4),
    "hawkes, n = 0.8": partial(processes.hawkes, 0.8, 500, 4),
    "seismic": partial(processes.seismic, 50_000, 2),
    **{f"queue, {law}": partial(processes.squares, law, 200_000, 8) for law in processes.STAYS},
    "first exposure": partial(processes.exposures, 1, 10_000),
    "third exposure": partial(processes.exposures, 3, 10_000),
    "sir on networks": partial(epidemics.sir_network, 10_000, 24),
    "outbreaks": partial(epidemics.outbreaks, 1500, 1000),
    "sir, all meet all": partial(epidemics.sir_complete, 5000, 24),
    "sis, all meet all": partial(epidemics.sis, 1000, 24),
    "sis in groups": partial(epidemics.sis_in_groups, 2000),
    "households": partial(epidemics.reed_frost, 4000),
    "bass": partial(epidemics.bass, 300, 32),
    "rewiring": thresholds.rewiring,
    "hassanpour": partial(thresholds.hassanpour, 24, 3000),
    "casilli and tubaro": thresholds.casilli_tubaro,
}
LONG = ("granovetter", "tangency", "outbreaks", "casilli and tubaro", "hassanpour")


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.long) if n in LONG else n for n in SMALL])
def test_the_engine_gives_back_what_theory_says(name):
    rows = SMALL[name]()
    assert rows
    assert [f"{row.quantity}: {row}" for row in rows if not row.is_good(CRITICAL)] == []


def test_every_family_of_the_table_is_tested():
    functions = {getattr(f, "func", f) for f in SMALL.values()}
    of_table = {getattr(f, "func", f) for family in verification.FAMILIES.values() for f in family}
    assert of_table == functions


def test_a_wrong_theory_fails_its_row():
    values = [0.50, 0.51, 0.49, 0.505, 0.495, 0.50, 0.502, 0.498]
    assert row_of_mean("m", "q", "p", 0.5, values).verdict(CRITICAL) == "agrees"
    assert row_of_mean("m", "q", "p", 0.7, values).verdict(CRITICAL) == "DIFFERS"
    assert row_of_count("m", "q", "p", 1000.0, 1010, 1.0).is_good(CRITICAL)
    assert not row_of_count("m", "q", "p", 1000.0, 1200, 1.0).is_good(CRITICAL)
    assert Row("m", "q", "4.02", 4.0211, 4.0211, math.nan, math.nan, math.nan, "exact", 2).is_good(CRITICAL)
    assert (
        Row("m", "q", "4.03", 4.0211, 4.0211, math.nan, math.nan, math.nan, "exact", 2).verdict(CRITICAL)
        == "THEORY DIFFERS"
    )
    assert row_of_sign("m", "q", "p", 1, [2.0, 2.1] * 12, [1.0] * 24).is_good(CRITICAL)
    assert not row_of_sign("m", "q", "p", -1, [2.0, 2.1] * 12, [1.0] * 24).is_good(CRITICAL)
    assert not row_of_sign("m", "q", "p", 1, [1.0, 0.9, 1.1] * 8, [1.0] * 24).is_good(CRITICAL)
    exact = Row("m", "q", "6.200", 6.2003, 6.2046, math.nan, math.nan, math.nan, "exact", 2)
    assert exact.is_good(CRITICAL)
    assert not Row("m", "q", "6.200", 6.2003, 6.2104, math.nan, math.nan, math.nan, "exact", 2).is_good(CRITICAL)


def test_published_numbers_of_granovetter_are_those_of_theory():
    published = {12.0: 4.02, 12.2: 5.48, 12.25: 100.0, 30.0: 99.34, 50.0: 90.49}
    found = {sigma: round(thresholds.granovetter_percent(sigma), 2) for sigma in published}
    assert found == published
    assert {sigma: float(text) for sigma, text in thresholds.SIGMAS.items()} == published


def planted_infection():
    """An infection that lasts 66 minutes instead of 60."""
    found = runs_of(["classic=sir_network", "population.size=10000", "scenario.timeline.0.number=20",
                     "attendance.stay.mean_minutes=66"], range(24), participation)  # fmt: skip
    return row_of_mean("m", "q", "p", epidemics.percolation(poisson_pmf(3.0), 0.5, 1 / 500), found)


def planted_ratio():
    """A basic reproduction number of 2.1 instead of 2."""
    found = runs_of(["classic=sir_complete", "population.size=5000", "scenario.timeline.0.number=50",
                     f"channels.contacts.attention={2.1 * 20 / 5000}"], range(24), participation)  # fmt: skip
    return row_of_mean("m", "q", "p", final_size(2.0, 0.01), found)


def planted_outbreak():
    """An infection of constant length with the mean transmissibility of the exponential one."""
    found = np.array(runs_of(["classic=sir_network", "population.size=1500", "scenario.timeline.0.number=1",
                              f"+attendance.stay={{law: constant, minutes: {60 * math.log(2)}}}"], range(1000),
                             participation))  # fmt: skip
    theory = markov_outbreak_probability(poisson_pmf(3.0), 1.0, 1.0)
    return row_of_share("m", "q", "p", theory, int(np.count_nonzero(found > 0.1)), 1000)


def planted_branching():
    """A branching ratio of 0.53 instead of 0.5."""
    sizes = np.concatenate(runs_of(["classic=hawkes", "population.size=1000", "posting.branching_ratio=0.53"], range(4),
                                   lambda run: processes.cluster_sizes(run, 9), events=True))  # fmt: skip
    se = math.sqrt(hawkes_cluster_variance(0.5) / len(sizes))
    return row_of_normal("m", "q", "p", hawkes_cluster_mean(0.5), float(sizes.mean()), se)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("planted", [planted_infection, planted_ratio, planted_outbreak, planted_branching])
def test_a_parameter_that_is_a_little_wrong_is_noticed(planted):
    assert planted().verdict(CRITICAL) == "DIFFERS"


def test_sizes_of_outbreaks_in_households_are_those_that_are_published():
    for (people, probability), published in epidemics.HOUSEHOLDS.items():
        theory = final_size_pmf(people - 1, probability)
        assert [f"{p:.3f}"[1:] for p in theory] == published.split(", ")


def test_the_thresholds_of_censored_people_are_those_of_epsteins_rule():
    decision = sim.load("classic=casilli_tubaro").decision
    able, values, probability = thresholds.epstein_thresholds()
    assert decision.able_share == pytest.approx(able, abs=1e-6)
    assert decision.critical_mass.values == pytest.approx(values)
    assert decision.critical_mass.probability == pytest.approx(probability, abs=1e-6)
    # By the rule itself: hardship and risk aversion drawn, P(active | A / C) counted.
    u = np.random.default_rng(1).random((2, 400_000))
    excess = u[0] * (1 - 0.82) - 0.1
    for ratio in (0.5, 2.0, 10.0, 40.0):
        is_active = excess - u[1] * -np.expm1(-2.3 / ratio) > 0
        share = able * np.interp(ratio, values[1:], probability[1:])
        assert abs(is_active.mean() - share) < 5 * math.sqrt(share * (1 - share) / u.shape[1])


def test_the_document_is_of_the_present_scenarios():
    text = Path(verification.DOCUMENT).read_text(encoding="utf-8")
    assert f"<!-- made of {verification.made_of()} -->" in text, "make verification writes docs/verification.md anew"
    assert "DIFFERS" not in text
    assert "NOT SHOWN" not in text
