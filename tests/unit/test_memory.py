"""The memory budget: near the measured peak, and what is done where the machine has less."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sim
import sim.world
from sim.errors import CapacityError
from sim.study import memory
from sim.study.memory import BASE, fitting_workers, free_bytes, need_of, peak_bytes
from sim.study.terminal import announce_compilation
from tests.nights import night

ROOT = Path(__file__).parents[2]
FACTOR = 1.5
"""The measured peak lies within this factor of the estimate."""

MEASURE = """
import json, resource, sys
import sim
import sim.world
def arms(n):
    options = [f"population.size={n}", f"network.stored={sys.argv[2]}"]
    return {throttle: sim.load(f"throttle={throttle}", *options) for throttle in sys.argv[3:]}
few, many = arms(2000), arms(sys.argv[1])
sim.compare(few, 1, nulls=(), workers=1)
def peak():
    # Where there is one, the peak of this program alone: a child's ru_maxrss begins with what its parent had.
    try:
        told = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        return int(told.split()[1]) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
before = peak()
sim.compare(many, 1, nulls=(), workers=1)
from sim.study.memory import peak_bytes
print(json.dumps([before, peak(), peak_bytes(many.values(), len(many), 1, False)]))
"""


@pytest.fixture(scope="module")
def compiled() -> dict[str, str]:
    """The environment of a process that measures; what compiling takes, once, is no part of it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    if announce_compilation("compiled"):
        subprocess.run([sys.executable, "-m", "sim.compile"], env=environment, capture_output=True, check=True)
    return environment


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
@pytest.mark.parametrize(
    ("n", "stored"),
    [
        (100_000, "true"),
        pytest.param(300_000, "true", marks=pytest.mark.long),
        pytest.param(300_000, "false", marks=pytest.mark.long),
    ],
)
def test_the_estimate_is_near_the_measured_peak(n: int, stored: str, compiled: dict[str, str]) -> None:
    throttles = ["none", "july15"] if stored == "true" else ["july15"]  # ties that are computed take long
    command = [sys.executable, "-c", MEASURE, str(n), stored, *throttles]
    answer = subprocess.run(command, env=compiled, capture_output=True, text=True, check=True)
    before, peak, estimate = json.loads(answer.stdout)
    assert 1 / FACTOR < peak / estimate < FACTOR
    if n > 100_000:  # what grows with the people is most of it, and is held to the same by itself
        assert 1 / FACTOR < (peak - before) / (estimate - BASE) < FACTOR


def test_twice_the_people_need_twice_as_much() -> None:
    one, two = (need_of(sim.load(f"population.size={n}")) for n in (1_000_000, 2_000_000))
    assert two.world == pytest.approx(2 * one.world, rel=1e-3)
    assert two.beside == pytest.approx(2 * one.beside, rel=0.02)  # curves do not grow
    assert two.record == one.record


def test_implied_ties_take_little_and_all_else_is_counted() -> None:
    """The world's arrays as they are; a part that is forgotten would be a tenth of them or more."""
    for stored, n in ((True, 40_000), (False, 400_000)):  # of so many, that what does not grow with them is little
        scenario = night(population={"size": n}, network={"stored": stored})
        world = sim.world.make_world(scenario, 1)
        assert memory.need_of(scenario).world == pytest.approx(memory.SLACK * n_bytes(world), rel=0.1)


def n_bytes(part: object) -> int:
    """Return the bytes of all arrays of a part of a world."""
    if isinstance(part, np.ndarray):
        return part.nbytes
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, tuple) else vars(part).values()
    return sum(n_bytes(p) for p in parts if isinstance(p, np.ndarray | dict | tuple) or hasattr(p, "__dict__"))


def test_worlds_are_shared_by_the_arms_that_have_the_same_one() -> None:
    night_, other = night(), night(population={"size": 500})
    need = need_of(night_)
    assert peak_bytes([night_], 1, 1, False) == BASE + need.record + need.world + need.beside
    assert peak_bytes([night_, night_.open()], 4, 3, False) == BASE + 4 * need.record + 3 * (need.world + need.beside)
    assert peak_bytes([night_, night_.open()], 4, 3, True) == BASE + 4 * need.record + need.world + 3 * need.beside
    both = peak_bytes([night_, other], 2, 1, False)
    assert both - peak_bytes([other], 2, 1, False) == need.world  # the smaller one, beside the larger


@pytest.mark.parametrize(
    ("graph", "degree"),
    [
        ({"graph": "erdos_renyi", "mean_degree": 6}, 6),
        ({"graph": "small_world", "degree": 8, "rewiring": 0.1}, 8),
        ({"graph": "groups", "size": 5}, 4),
        ({"graph": "lattice", "width": 20, "shape": "moore", "radius": 2}, 24),
        ({"graph": "lattice", "width": 20, "shape": "von_neumann", "radius": 2}, 12),
        ({"graph": "configuration", "degrees": {"law": "choice", "values": [2, 6], "probability": [0.5, 0.5]}}, 4),
        ({"graph": "complete"}, 0),
    ],
)
def test_ties_of_graphs_are_counted(graph: dict[str, object], degree: float) -> None:
    scenario = night(
        population={"size": 400}, network={"neighbours": {"graph": graph}}, scenario={"timeline": []}, decision={"social": 0}
    )  # fmt: skip
    assert memory._ties(scenario)["neighbours"] == pytest.approx(400 * degree)
    stored = len(sim.world.make_world(scenario, 1).ties["neighbours"].indices)
    # Ties that would be double or loops are not made, a lattice has no more than there is room for: a tenth at this size.
    assert stored == pytest.approx(400 * degree, rel=0.15)


def test_there_are_fewer_workers_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(memory, "free_bytes", lambda: 10_000_000_000 - BASE)
    assert fitting_workers(lambda n: n * 3_000_000_000, 8, 1000, told.append) == 3
    assert told == [
        "8 runs at once need about 24.0 GB of memory, and 10.0 GB are left: study.workers=3",
        "needs about 9.0 GB of memory",
    ]
    told.clear()
    assert fitting_workers(lambda n: n * 400_000_000, 2, 1000, told.append) == 2
    assert told == []
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    assert fitting_workers(lambda n: n * 10**15, 2, 1000) == 2


def test_a_study_that_does_not_fit_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    arms = {"night": sim.load("population.size=300")}
    kept = sim.compare(arms, 1, nulls=(), store=tmp_path)
    monkeypatch.setattr(memory, "free_bytes", lambda: 100_000)
    monkeypatch.setattr(memory, "BASE", 0)
    sentence = r"population.size is 300, which needs about \d+\.\d GB of memory, expected at most the 0\.0 GB"
    with pytest.raises(CapacityError, match=sentence):
        sim.compare(arms, 2, nulls=(), store=tmp_path)
    # What is there needs none.
    assert sim.compare(arms, 1, nulls=(), store=tmp_path).outcomes.equals(kept.outcomes)
    with pytest.raises(CapacityError, match=sentence):
        sim.vary({"throttle.push": {"values": [0, 1]}}, "population.size=300", replicates=1)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")


MEMINFO = {"proc/meminfo": "MemTotal:       9000 kB\nMemAvailable:   8000 kB\nSwapFree: 1 kB\n"}


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8000 * 1024),
        ({"proc/self/cgroup": "0::/\n"}, 8000 * 1024),  # no limit
        (
            {
                "proc/self/cgroup": "0::/jobs/mine\n",
                "sys/fs/cgroup/jobs/mine/memory.max": "max\n",
                "sys/fs/cgroup/jobs/mine/memory.current": "1000\n",
                "sys/fs/cgroup/jobs/memory.max": "500000\n",  # of the group above
                "sys/fs/cgroup/jobs/memory.current": "300000\n",
                "sys/fs/cgroup/jobs/memory.stat": "anon 1\nfile 50000\ninactive_file 40000\n",
            },
            240_000,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/other\n4:memory:/mine\n0::/\n",
                "sys/fs/cgroup/memory/mine/memory.limit_in_bytes": "700000\n",
                "sys/fs/cgroup/memory/mine/memory.usage_in_bytes": "100000\n",
                "sys/fs/cgroup/memory/mine/memory.stat": "inactive_file 1\ntotal_inactive_file 5\n",
            },
            600_005,
        ),
        (
            {  # a container that sees its own group as the root
                "proc/self/cgroup": "0::/../elsewhere\n",
                "sys/fs/cgroup/memory.max": "1000\n",
                "sys/fs/cgroup/memory.current": "3000\n",
            },
            0,
        ),
    ],
    ids=["no groups", "no limit", "version 2, a group above", "version 1", "a container, beyond its limit"],
)
def test_what_is_free_is_what_the_machine_and_all_limits_leave(
    tmp_path: Path, files: dict[str, str], free: int
) -> None:
    write(tmp_path, MEMINFO | files)
    assert free_bytes(tmp_path) == free


def test_without_proc_all_memory_of_the_machine_counts(tmp_path: Path) -> None:
    found = free_bytes(tmp_path)
    if hasattr(os, "sysconf"):
        assert found == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:
        assert found is None
    here = free_bytes()
    assert here is None or here > 0
