"""SIR with mesa-frames: people and ties are Polars data frames, and a step is a join."""

import numpy as np
import polars as pl
from contract import Case, measure, step_infection, step_recovery
from mesa_frames import AgentSetPolars, ModelDF

SUSCEPTIBLE, INFECTED, RECOVERED = range(3)


class People(AgentSetPolars):
    def __init__(self, model: ModelDF, case: Case) -> None:
        super().__init__(model)
        state = np.full(case.n, SUSCEPTIBLE, np.int8)
        state[: case.n_seeds] = INFECTED
        self.add(pl.DataFrame({"unique_id": np.arange(case.n), "state": state}))
        ends = np.concatenate([case.edges, case.edges[:, ::-1]]).astype(np.int64)
        self.ties = pl.DataFrame({"unique_id": ends[:, 0], "other": ends[:, 1]})
        self.dice = np.random.default_rng(case.seed)
        self.recovery = step_recovery()
        self.infection = step_infection(1, self.recovery)  # infects, then perhaps recovers

    def step(self) -> None:
        infected = self.agents.filter(pl.col("state") == INFECTED).select("unique_id")
        meetings = self.ties.join(infected, on="unique_id", how="semi")
        hit = meetings.filter(pl.Series(self.dice.random(len(meetings)) < self.infection))
        well = infected.filter(pl.Series(self.dice.random(len(infected)) < self.recovery))
        is_susceptible = pl.col("state") == SUSCEPTIBLE
        self.agents = self.agents.with_columns(
            state=pl.when(is_susceptible & pl.col("unique_id").is_in(hit["other"].implode()))
            .then(pl.lit(INFECTED, pl.Int8))
            .when(pl.col("unique_id").is_in(well["unique_id"].implode()))
            .then(pl.lit(RECOVERED, pl.Int8))
            .otherwise(pl.col("state"))
        )

    def count(self, state: int) -> int:
        return int((self.agents["state"] == state).sum())


class Sir(ModelDF):
    def __init__(self, case: Case) -> None:
        super().__init__()
        self.people = People(self, case)
        self.agents += self.people

    def step(self) -> None:
        self.agents.do("step")


def simulate(case: Case):
    model = Sir(case)
    people = model.people
    yield
    while people.count(INFECTED) > 0:
        model.step()
    out = people.count(RECOVERED)
    yield {"changes": 2 * out, "out": out}


if __name__ == "__main__":
    measure(simulate, "mesa_frames", "polars")
