"""Classical models by configuration against closed forms, with the rows of experiments/verify at sizes that a test can afford.

Each row carries a computed z; the critical value is Bonferroni's for as many rows as there are here at most, at the family-wise
level 1e-3. Seeds are fixed.
"""

import math
from functools import partial
from pathlib import Path

import pytest

from experiments import verification
from experiments.verify import epidemics, processes, thresholds
from experiments.verify.rows import LEVEL, Row, row_of_count, row_of_mean, row_of_sign
from sim.measures.theory import critical_value

MOST_ROWS = 80
CRITICAL = critical_value(MOST_ROWS, LEVEL)

SMALL = {
    "granovetter": thresholds.granovetter,
    "tangency": thresholds.tangency,
    "lists": thresholds.lists,
    "watts": partial(thresholds.watts, 20_000),
    "hawkes, n = 0.5": partial(processes.hawkes, 0.5, 1000, 4),
    "hawkes, n = 0.8": partial(processes.hawkes, 0.8, 500, 4),
    "seismic": partial(processes.seismic, 50_000, 2),
    **{f"queue, {law}": partial(processes.squares, law, 200_000, 2) for law in processes.STAYS},
    "first exposure": partial(processes.exposures, 1, 10_000),
    "third exposure": partial(processes.exposures, 3, 10_000),
    "sir on networks": partial(epidemics.sir_network, 20_000, 8),
    "outbreaks": partial(epidemics.outbreaks, 2000, 200),
    "sir, all meet all": partial(epidemics.sir_complete, 10_000, 8),
    "sis, all meet all": partial(epidemics.sis, 2000, 8),
    "households": partial(epidemics.reed_frost, 4000),
    "bass": partial(epidemics.bass, 300, 24),
    "rewiring": thresholds.rewiring,
    "hassanpour": partial(thresholds.hassanpour, 24, 5000),
    "casilli and tubaro": partial(thresholds.casilli_tubaro, 6),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
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


@pytest.mark.parametrize("vision", [1, 3, 7])
def test_the_thresholds_of_censored_people_are_those_of_epsteins_rule(vision):
    import sim

    law = sim.load(f"classic=casilli_tubaro_vision_{vision}").decision.critical_mass
    values, probability = thresholds.epstein_thresholds(vision)
    assert law.values == pytest.approx(values)
    assert law.probability == pytest.approx(probability, abs=1e-6)


def test_the_document_is_of_the_present_scenarios():
    text = Path(verification.DOCUMENT).read_text(encoding="utf-8")
    assert f"<!-- made of {verification.made_of()} -->" in text, "make verification writes docs/verification.md anew"
    assert "DIFFERS" not in text
    assert "NOT SHOWN" not in text
