"""SIR with EoN's event-driven algorithm for exponential times (fast_SIR)."""

import EoN
import numpy as np
from contract import Case, gamma, measure, tau


def simulate(case: Case):
    graph, dice = case.networkx(), np.random.default_rng(case.seed)
    yield
    times, susceptible, _, recovered = EoN.fast_SIR(
        graph, tau(), gamma(), initial_infecteds=range(case.n_seeds), rng=dice
    )
    infections = -np.diff(susceptible)
    out = case.n - int(susceptible[-1])
    yield {"changes": out + int(recovered[-1]), "out": out, "mean_time": float((times[1:] * infections).sum() / out)}


if __name__ == "__main__":
    measure(simulate, "EoN")
