"""Exposures with SimPy's processes: one for each person, who waits to be tipped over, and one for each look at a neighbour."""

from random import Random

import simpy
from contract import LOOK_MINUTES, Case, measure


def simulate(case: Case):
    env = simpy.Environment()
    neighbours, thresholds = case.neighbours(), case.thresholds.tolist()
    wait, rate = Random(case.seed).expovariate, 1 / LOOK_MINUTES
    exposures, times = [0] * case.n, {}
    tipped = [env.event() for _ in range(case.n)]

    def person(i: int):
        yield tipped[i]
        times[i] = env.now
        for reader in neighbours[i]:
            env.process(look(reader))

    def look(reader: int):
        yield env.timeout(wait(rate))
        exposures[reader] += 1
        if exposures[reader] >= thresholds[reader] and not tipped[reader].triggered:
            tipped[reader].succeed()

    for i in range(case.n):
        env.process(person(i))
    yield
    for i in range(case.n_seeds):
        tipped[i].succeed()
    env.run()
    yield {"changes": sum(exposures) + len(times), "out": len(times), "mean_time": sum(times.values()) / len(times)}


if __name__ == "__main__":
    measure(simulate, "simpy")
