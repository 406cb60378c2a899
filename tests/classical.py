"""Small scenarios of classical models for tests whose outcome is known by hand, run by both engines.

Statistical checks are at level 1e-4, on fixed seeds.
"""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from scipy.special import ndtri

from sim.config import load
from sim.engine import order as o
from sim.engine.simulate import run
from sim.scenario import validate
from tests.nights import merged

Z = float(ndtri(1 - 1e-4 / 2))
PLAIN = load("classic=plain", "population.size=6").model_dump()
START = datetime(2000, 1, 1)
CONTACTS = {"rule": "critical_mass", "critical_mass_of": "contacts_count"}


def plain(tree=None, **changes):
    """Return the plain scenario with nested changes; laws, graphs and lists are replaced as a whole."""
    return validate(merged(merged(PLAIN, tree or {}), changes))


def gathering(minute=0.0, **who):
    return {"time": START + timedelta(minutes=minute), "what": f"a gathering at {minute}", "kind": "gathering"} | who


def gathers(*entries):
    return {"timeline": list(entries)}


def constantly(value):
    return {"law": "constant", "value": value}


def edges(folder, *pairs, name="edges.csv"):
    """Return the part of a scenario that ties people by an edge list."""
    pd.DataFrame(pairs, columns=["person", "neighbour"]).to_csv(folder / name, index=False)
    return {"neighbours": {"file": folder / name}}


def path(folder, n=5):
    return edges(folder, *((k, k + 1) for k in range(n - 1)))


def star(folder, n):
    """Return ties of person 0 to everybody else."""
    return edges(folder, *((0, k) for k in range(1, n)))


def play(scenario, seed=1):
    """Return the record of a run, with its log, having found both engines to agree."""
    found, again = (run(scenario, seed, engine, events=True) for engine in ("compiled", "reference"))
    assert np.array_equal(found.log, again.log)
    return found


def rows(record, kind, person=None):
    log = record.log[record.log["kind"] == kind]
    return log if person is None else log[log["person"] == person]


def left(record):
    """Return who has left home, and at which ticks."""
    found = {}
    for row in rows(record, o.DEPART):
        found.setdefault(int(row["person"]), []).append(int(row["tick"]))
    return found


def between(folder):
    """Return ties of person 2 to persons 0 and 1."""
    return edges(folder, (0, 2), (1, 2))
