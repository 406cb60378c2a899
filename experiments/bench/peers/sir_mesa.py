"""SIR with Mesa's agents in steps, after Mesa's own example "virus on a network", its data collection left out."""

from enum import Enum

import mesa
from contract import Case, measure, step_infection, step_recovery
from mesa.discrete_space import FixedAgent, Network


class State(Enum):
    SUSCEPTIBLE = 0
    INFECTED = 1
    RESISTANT = 2


class Person(FixedAgent):
    def __init__(self, model: mesa.Model, cell) -> None:
        super().__init__(model)
        self.state = State.SUSCEPTIBLE
        self.cell = cell

    def step(self) -> None:
        if self.state is State.INFECTED:
            for other in self.cell.neighborhood.agents:
                if other.state is State.SUSCEPTIBLE and self.random.random() < self.model.infection:
                    other.state = State.INFECTED
                    self.model.n_infected += 1
            if self.random.random() < self.model.recovery:
                self.state = State.RESISTANT
                self.model.n_infected -= 1


class Sir(mesa.Model):
    def __init__(self, case: Case) -> None:
        super().__init__(seed=case.seed)
        self.grid = Network(case.networkx(), capacity=1, random=self.random)
        self.recovery = step_recovery()
        self.infection = step_infection(1, self.recovery)  # infects, then perhaps recovers
        Person.create_agents(self, case.n, list(self.grid.all_cells))
        self.n_infected = case.n_seeds
        for person in list(self.agents)[: case.n_seeds]:
            person.state = State.INFECTED

    def step(self) -> None:
        self.agents.shuffle_do("step")


def simulate(case: Case):
    model = Sir(case)
    yield
    while model.n_infected > 0:
        model.step()
    out = sum(person.state is State.RESISTANT for person in model.agents)
    yield {"changes": 2 * out, "out": out}


if __name__ == "__main__":
    measure(simulate, "mesa")
