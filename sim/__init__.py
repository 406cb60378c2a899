"""A discrete-event mobilization simulator: who hears what, when; who leaves for the squares; what they post meanwhile.

>>> import sim
>>> night = sim.load("throttle=none", "population.size=2000")
>>> night.population.n_people
2000
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.api import Run as Run
    from sim.api import Varied as Varied
    from sim.api import compare as compare
    from sim.api import simulate as simulate
    from sim.api import vary as vary
    from sim.config import load as load
    from sim.errors import CapacityError as CapacityError
    from sim.errors import InputError as InputError
    from sim.errors import SimError as SimError
    from sim.scenario import Scenario as Scenario
    from sim.study.run import Study as Study

try:
    __version__ = version("mobsim")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0.0.0"

_WHERE = {
    "CapacityError": "sim.errors", "InputError": "sim.errors", "SimError": "sim.errors",
    "Run": "sim.api", "Scenario": "sim.scenario", "Study": "sim.study.run", "compare": "sim.api", "load": "sim.config",
    "simulate": "sim.api", "Varied": "sim.api", "vary": "sim.api",
}  # fmt: skip

__all__ = ["CapacityError", "InputError", "Run", "Scenario", "SimError", "Study", "Varied", "__version__",
           "compare", "load", "simulate", "vary"]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: `python -m sim --help` need not wait for them."""
    if name in _WHERE:
        import importlib

        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}")
