"""SIR with nothing but Python's heapq, as EoN's event-driven algorithm has it, with a heap of infections and recoveries."""

from heapq import heappop, heappush
from random import Random

from contract import Case, gamma, measure, tau


def simulate(case: Case):
    neighbours = case.neighbours()
    wait, meeting, recovery = Random(case.seed).expovariate, tau(), gamma()
    times, calendar = {}, [(0.0, i) for i in range(case.n_seeds)]  # sorted, so it is a heap
    n_recovered = 0
    yield
    while calendar:
        now, person = heappop(calendar)
        if person < 0:
            n_recovered += 1
            continue
        if person in times:
            continue
        times[person] = now
        until = now + wait(recovery)
        heappush(calendar, (until, -1 - person))
        for other in neighbours[person]:
            if other not in times and (then := now + wait(meeting)) < until:
                heappush(calendar, (then, other))
    yield {"changes": len(times) + n_recovered, "out": len(times), "mean_time": sum(times.values()) / len(times)}


if __name__ == "__main__":
    measure(simulate)
