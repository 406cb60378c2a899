"""SIR with ndlib's SIRModel, iteration by iteration until nobody is infected."""

import ndlib.models.epidemics as epidemics
import ndlib.models.ModelConfig as Configuration
from contract import Case, measure, step_infection, step_recovery


def simulate(case: Case):
    model = epidemics.SIRModel(case.networkx(), seed=case.seed)
    configuration = Configuration.Configuration()
    recovery = step_recovery()
    configuration.add_model_parameter("beta", step_infection(1, recovery))  # infects, then perhaps recovers
    configuration.add_model_parameter("gamma", recovery)
    configuration.add_model_initial_configuration("Infected", list(range(case.n_seeds)))
    model.set_initial_status(configuration)
    yield
    while (count := model.iteration(node_status=False)["node_count"])[1] > 0:
        pass
    yield {"changes": 2 * count[2], "out": count[2]}


if __name__ == "__main__":
    measure(simulate, "ndlib")
