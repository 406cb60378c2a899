"""SIR with Starsim's own disease SIR on a static network of our ties, a day for a minute."""

import numpy as np
import starsim as ss
from contract import INFECTED_MINUTES, STEPS, Case, measure, step_infection, step_recovery


class Ties(ss.Network):
    def step(self) -> None:
        """Ties stay as they are."""


def simulate(case: Case):
    # Who recovers in a step does so before infecting: the steps of an infection are geometric from 0.
    infection = step_infection(0, step_recovery())
    network = Ties(p1=case.edges[:, 0], p2=case.edges[:, 1], beta=np.ones(len(case.edges)), label="ties")
    disease = ss.SIR(
        beta=ss.probperday(infection),
        init_prev=ss.bernoulli(p=lambda module, sim, uids: (uids < case.n_seeds).astype(float)),
        dur_inf=ss.expon(scale=ss.days(INFECTED_MINUTES)),
        p_death=ss.bernoulli(p=0),
    )
    sim = ss.Sim(
        n_agents=case.n, networks=network, diseases=disease, start="2000-01-01", dur=ss.days(STEPS), dt=ss.days(1),
        rand_seed=case.seed, verbose=0,
    )  # fmt: skip
    sim.init()
    yield
    sir = sim.diseases.sir
    while sir.infected.any():
        sim.run_one_step()
    out = int(sir.recovered.sum())
    yield {"changes": 2 * out, "out": out}


if __name__ == "__main__":
    measure(simulate, "starsim")
