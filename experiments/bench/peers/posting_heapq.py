"""Posting with nothing but Python's heapq: everybody's next post and all readings to come in one heap."""

from heapq import heapify, heappop, heappush
from random import Random

from contract import ATTENTION, DAY_MINUTES, LOOK_MINUTES, POSTS_PER_DAY, Case, measure


def simulate(case: Case):
    followers, dice = case.neighbours(), Random(case.seed)
    wait, chance, pace, rate = dice.expovariate, dice.random, POSTS_PER_DAY / DAY_MINUTES, 1 / LOOK_MINUTES
    n_read, n_posts = [0] * case.n, 0
    calendar = [(wait(pace), -1 - i) for i in range(case.n)]  # a post of i is -1 - i, a reading by i is i
    heapify(calendar)
    yield
    while calendar[0][0] < DAY_MINUTES:
        now, who = heappop(calendar)
        if who >= 0:
            n_read[who] += 1
            continue
        n_posts += 1
        heappush(calendar, (now + wait(pace), who))
        for reader in followers[-1 - who]:
            if chance() < ATTENTION:
                heappush(calendar, (now + wait(rate), reader))
    yield {"changes": n_posts, "out": sum(n_read)}


if __name__ == "__main__":
    measure(simulate)
