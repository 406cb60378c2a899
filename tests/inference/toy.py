"""A model whose posterior is known, in place of the night."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim.inference.plan import Calibration
from sim.inference.priors import places_of
from sim.inference.statistics import Statistic, Statistics

N_PARAMETERS = 12
KEYS = [f"p.{i}" for i in range(N_PARAMETERS)]
NOISE = 0.05


def statistic(**given: Any) -> Statistic:
    return Statistic.model_validate({"source": "a test"} | given)


ITEMS = {
    "a": statistic(value=0.6, sd=0.2),
    "b": statistic(above=0.5, sd=0.2),
    "far": statistic(value=9, sd=0.1, held_out=True),
}
STATISTICS = Statistics(ITEMS, {}, (), 1.0)


def night(places: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    """Return statistics of two directions that are no axes; the other ten parameters do nothing."""
    z = places.T
    return {"a": (z[0] + z[1]) / math.sqrt(2) + NOISE * noise[..., 0], "b": z[2] + NOISE * noise[..., 1], "far": z[3]}


class Toy:
    """Stands in for the simulator."""

    reasons: tuple[str, ...] = ()

    def __init__(self, plan: Calibration) -> None:
        self.plan, self.n = plan, 0

    def of(self, values: Sequence[Mapping[str, float]], *, own_dice: bool = False) -> list[dict[str, float]]:
        self.n += len(values)
        places = places_of(self.plan.priors, values)
        noise = [np.random.default_rng(abs(hash(tuple(v.values())))).standard_normal(2) for v in values]
        found = night(places, np.array(noise))
        return [{name: float(found[name][i]) for name in found} for i in range(len(values))]


def plan(**more: Any) -> Calibration:
    priors = {key: {"range": [0, 1], "says": "x", "source": "assumed"} for key in KEYS}
    return Calibration.model_validate(
        {"priors": priors, "statistics": ITEMS, "particles": 200, "generations": 4, "quantile": 0.5, "smallest_distance": 0.0,
         "folder": "nowhere"} | more
    )  # fmt: skip
