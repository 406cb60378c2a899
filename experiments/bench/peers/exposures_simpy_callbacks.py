"""Exposures with SimPy's timeouts and callbacks, without processes."""

from random import Random

import simpy
from contract import LOOK_MINUTES, Case, measure


def simulate(case: Case):
    env = simpy.Environment()
    neighbours, thresholds = case.neighbours(), case.thresholds.tolist()
    wait, rate = Random(case.seed).expovariate, 1 / LOOK_MINUTES
    exposures, times = [0] * case.n, {}

    def leave(person: int) -> None:
        times[person] = env.now
        for reader in neighbours[person]:
            env.timeout(wait(rate), reader).callbacks.append(look)

    def look(event: simpy.Event) -> None:
        reader = event.value
        exposures[reader] += 1
        if exposures[reader] >= thresholds[reader] and reader not in times:
            leave(reader)

    yield
    for person in range(case.n_seeds):
        leave(person)
    env.run()
    yield {"changes": sum(exposures) + len(times), "out": len(times), "mean_time": sum(times.values()) / len(times)}


if __name__ == "__main__":
    measure(simulate, "simpy")
