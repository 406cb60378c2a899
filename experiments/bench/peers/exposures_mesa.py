"""Exposures with Mesa's event scheduling (mesa.experimental.devs): agents who schedule each other's looks."""

import mesa
from contract import LOOK_MINUTES, Case, measure
from mesa.experimental.devs import DEVSimulator

END = 1e5  # minutes; all is over long before


class Person(mesa.Agent):
    def __init__(self, model: mesa.Model, threshold: int) -> None:
        super().__init__(model)
        self.threshold = threshold
        self.exposures = 0
        self.time: float | None = None
        self.neighbours: list[Person] = []

    def leave(self) -> None:
        simulator, wait = self.model.simulator, self.model.random.expovariate
        self.time = simulator.time
        for reader in self.neighbours:
            simulator.schedule_event_relative(reader.look, wait(1 / LOOK_MINUTES))

    def look(self) -> None:
        self.exposures += 1
        if self.time is None and self.exposures >= self.threshold:
            self.leave()


class Exposures(mesa.Model):
    def __init__(self, case: Case, simulator: DEVSimulator) -> None:
        super().__init__(seed=case.seed)
        self.simulator = simulator
        simulator.setup(self)
        Person.create_agents(self, case.n, case.thresholds.tolist())
        people = list(self.agents)
        for person, neighbours in zip(people, case.neighbours(), strict=True):
            person.neighbours = [people[i] for i in neighbours]
        for person in people[: case.n_seeds]:
            simulator.schedule_event_now(person.leave)


def simulate(case: Case):
    simulator = DEVSimulator()
    model = Exposures(case, simulator)
    yield
    simulator.run_until(END)
    times = [person.time for person in model.agents if person.time is not None]
    changes = sum(person.exposures for person in model.agents) + len(times)
    yield {"changes": changes, "out": len(times), "mean_time": sum(times) / len(times)}


if __name__ == "__main__":
    measure(simulate, "mesa")
