"""Exposures with nothing but Python's heapq: one heap of (time, reader)."""

from heapq import heappop, heappush
from random import Random

from contract import LOOK_MINUTES, Case, measure


def simulate(case: Case):
    neighbours, thresholds = case.neighbours(), case.thresholds.tolist()
    wait, rate = Random(case.seed).expovariate, 1 / LOOK_MINUTES
    exposures, times, calendar = [0] * case.n, {}, []

    def leave(person: int, now: float) -> None:
        times[person] = now
        for reader in neighbours[person]:
            heappush(calendar, (now + wait(rate), reader))

    yield
    for person in range(case.n_seeds):
        leave(person, 0.0)
    while calendar:
        now, reader = heappop(calendar)
        exposures[reader] += 1
        if exposures[reader] >= thresholds[reader] and reader not in times:
            leave(reader, now)
    yield {"changes": sum(exposures) + len(times), "out": len(times), "mean_time": sum(times.values()) / len(times)}


if __name__ == "__main__":
    measure(simulate)
