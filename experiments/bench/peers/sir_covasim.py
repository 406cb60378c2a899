"""SIR with Covasim: its disease without symptoms, latency, ages and waning, on our ties as a static layer; days are minutes."""

import covasim as cv
import numpy as np
from contract import INFECTED_MINUTES, STEPS, TRANSMISSIBILITY, Case, measure, step_infection

AT_ONCE = {"dist": "normal_int", "par1": 0, "par2": 0}


def simulate(case: Case):
    # A length of k days, geometric from 0, infects on max(k - 1, 0) of them: the day of infection and that of recovery do not
    # count. Given k > 0 it is geometric from 0, so T is met by T / P(k > 0) among those.
    recovery = 1 / (1 + INFECTED_MINUTES)
    infection = step_infection(0, recovery, TRANSMISSIBILITY / (1 - recovery))
    sim = cv.Sim(
        pop_size=case.n, pop_infected=case.n_seeds, pop_type="random", n_days=STEPS, rand_seed=case.seed, verbose=0,
        rescale=False, use_waning=False, prog_by_age=False, rel_symp_prob=0, beta=infection,
        beta_dist={"dist": "uniform", "par1": 1, "par2": 1}, viral_dist={"frac_time": 0.5, "load_ratio": 1, "high_cap": 4},
        stopping_func=lambda sim: not sim.people.exposed.any(), contacts={"a": 1}, beta_layer={"a": 1}, dynam_layer={"a": 0},
    )  # fmt: skip
    sim["dur"]["exp2inf"] = AT_ONCE
    sim["dur"]["asym2rec"] = {"dist": "neg_binomial", "par1": INFECTED_MINUTES, "par2": 1}
    sim.initialize()
    p1, p2 = case.edges.astype(np.int32).T
    sim.people.rel_sus[:] = 1  # it goes by age
    sim.people.contacts["a"] = cv.Layer(p1=p1, p2=p2, beta=np.ones(len(p1), np.float32), label="a")
    yield
    sim.run()
    out = int(sim.people.recovered.sum())
    yield {"changes": 2 * out, "out": out}


if __name__ == "__main__":
    measure(simulate, "covasim")
