"""Posting with SimPy: a process for each person who posts, and a timeout with a callback for each reading."""

from random import Random

import simpy
from contract import ATTENTION, DAY_MINUTES, LOOK_MINUTES, POSTS_PER_DAY, Case, measure


def simulate(case: Case):
    env, followers, dice = simpy.Environment(), case.neighbours(), Random(case.seed)
    wait, chance, pace, rate = dice.expovariate, dice.random, POSTS_PER_DAY / DAY_MINUTES, 1 / LOOK_MINUTES
    n_read, n_posts = [0] * case.n, [0] * case.n

    def person(i: int):
        while True:
            yield env.timeout(wait(pace))
            n_posts[i] += 1
            for reader in followers[i]:
                if chance() < ATTENTION:
                    env.timeout(wait(rate), reader).callbacks.append(read)

    def read(event: simpy.Event) -> None:
        n_read[event.value] += 1

    for i in range(case.n):
        env.process(person(i))
    yield
    env.run(until=DAY_MINUTES)
    yield {"changes": sum(n_posts), "out": sum(n_read)}


if __name__ == "__main__":
    measure(simulate, "simpy")
