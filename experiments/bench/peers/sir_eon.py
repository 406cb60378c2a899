"""SIR with EoN's event-driven algorithm for exponential times (fast_SIR)."""

import random

import EoN
import numpy as np
from contract import Case, gamma, measure, tau


def simulate(case: Case):
    random.seed(case.seed)
    np.random.seed(case.seed)
    graph = case.networkx()
    yield
    times, susceptible, _, recovered = EoN.fast_SIR(graph, tau(), gamma(), initial_infecteds=range(case.n_seeds))
    infections = -np.diff(susceptible)
    out = case.n - int(susceptible[-1])
    yield {"changes": out + int(recovered[-1]), "out": out, "mean_time": float((times[1:] * infections).sum() / out)}


if __name__ == "__main__":
    measure(simulate, "EoN")
