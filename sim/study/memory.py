"""How much memory a study needs, told before it begins; fewer workers, or a refusal, where the machine has less.

What is counted is what grows with the population: people, ties, tables, state, future events, and the records of runs. It is
an estimate: tests hold it to a factor of 1.5 of the measured peak.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.degrees import degree_pmf
from sim.engine.branching import measured_nation
from sim.engine.rules import PUNCTUAL
from sim.engine.state import COUNTS, ELSE, HAZARD, MESSAGE, MIND, SNAPSHOT, STATE
from sim.errors import CapacityError
from sim.graphs import Configuration, ErdosRenyi, Graph, Groups, Lattice, SmallWorld
from sim.network import Followers, Friends, GroupTies, Neighbours
from sim.scenario import Scenario
from sim.study.worlds import world_key

__all__ = ["Need", "fitting_workers", "free_bytes", "need_of", "peak_bytes"]

BASE = 300_000_000
"""Python, its libraries and the compiled engine."""
TOLD = 1_000_000_000
"""Needs from which a study says what it needs."""
PEOPLE, GIVEN = 6, 8
"""Bytes of a person's traits in the world (`sim.population.People`), and of what a file of people may give instead of what is
drawn when it is needed."""
LISTED = 0.14
"""Bytes of a person for each list of people (`sim.audiences`): a bit, and what is counted of it."""
BUILDING = 48
"""Bytes per tie, while a set of ties is sorted."""
WRITING = 6
"""Bytes per friend of somebody, each way counted, while friends are written: of tables of stubs."""
HOT, HEARD_TICK = 2, 4
"""Bytes of a person that are looked at first, and of when each heard, in the null night keyboard."""
EVENT = 16
"""Bytes of a future event."""
SORTED, WRITTEN, IMPLIED = "sorted", "written", "implied"
"""How a set of ties is made: sorted from pairs; written row by row from what implies it; or not at all."""
EVENTS, TURNS = 1, 2
"""Future events per person: of posting, and what was said and not yet seen; of sleep, where turns of it are events."""
TAKEN = 0.3
"""Share of people who take a row of what few need (31 % in the throttled night of 15 July), and at most of those who take a
byte for each neighbour who may see them leave."""
PACKED = 6
"""How much smaller a record is packed (`records.py`), at least: 7 times at a million people, more at fewer."""
SLACK = 1.1
"""What the allocator keeps beside what is used."""


@dataclass(frozen=True)
class Need:
    """Bytes that a scenario needs: its world, and beside it, at most at once, what builds it or runs in it."""

    world: int
    beside: int
    record: int
    """Of one run, kept to the end of the study."""


def need_of(scenario: Scenario) -> Need:
    """Return what one run of a scenario needs with the compiled engine."""
    n, n_channels = scenario.population.n_people, len(scenario.channels)
    n_provinces, minutes = len(scenario.population.places.names), scenario.clock.horizon // 60_000
    receivers = scenario.population.receivers
    shares = [receivers[name].share for name in {c.receiver for c in scenario.channels.values()}]
    audiences = LISTED * n * sum(share < 1 for share in shares)  # nothing of who is everybody
    ties = _ties(scenario)
    tied, implied = _kept_ties(scenario, ties)
    given = GIVEN if scenario.population.file is not None else 0
    world = (PEOPLE + given) * n + audiences + tied + implied
    able = scenario.decision.able_share if given == 0 else 1.0
    tables = (STATE.itemsize + able * MIND.itemsize) * n + tied  # the rows of people become the state
    # The branching ratio: expected posts of everybody on every channel that has some, of two generations, and the channels'
    # shares of what people post; computed ties are written out.
    alive = sum(c.reaction > 0 or c.posts_per_user_day > 0 for c in scenario.channels.values())
    measured = measured_nation(scenario)
    stored = scenario.model_copy(update={"network": scenario.network.model_copy(update={"stored": True})})
    radius, apart = 8.0 * n * (3 * alive + 4) + _kept_ties(stored, ties)[0] - tied, 0.0
    if measured is not None:
        smaller = need_of(measured)
        radius, apart = 0.0, float(smaller.world + smaller.beside)
    remembered = ties["neighbours"] if scenario.decision.counts_contacts or scenario.decision.social > 0 else 0.0
    events = EVENTS + TURNS * (scenario.decision.rule in PUNCTUAL)
    state = HOT + TAKEN * ELSE.itemsize + events * EVENT + MESSAGE.itemsize / 4
    state += HEARD_TICK * scenario.attendance.online_as_if_home + HAZARD.itemsize * (scenario.decision.rule == "hazard")
    state = state * n + TAKEN * remembered
    state += minutes * (n_channels * len(COUNTS) * 8.0 + n_provinces * 4.0)
    counts = n_channels * (len(COUNTS) + 2) + len(SNAPSHOT) + n_provinces / 10
    record = 4.0 * scenario.clock.n_minutes * counts / PACKED
    sorted_ = [count for name, count in ties.items() if _kind(scenario, name) == SORTED]
    how = _kind(scenario, "friends")
    written = WRITING * ties["friends"] if how == WRITTEN or (how == IMPLIED and measured is None) else 0.0
    beside = max(BUILDING * max(sorted_, default=0.0), written, apart, tables + max(radius, state))
    return Need(int(SLACK * world), int(SLACK * beside), int(record))


def _kind(scenario: Scenario, name: str) -> str:
    """Return how a set of ties is made: sorted from pairs, written row by row, or implied."""
    network = scenario.network
    sets: dict[str, Followers | Friends | Neighbours] = {
        "followers": network.followers, "friends": network.friends, "neighbours": network.neighbours,
    }  # fmt: skip
    ties = sets[name]
    if ties.file is not None or ties.graph is not None or ties.cut > 0:
        return SORTED
    return WRITTEN if network.stores(scenario.population.n_people) else IMPLIED


def _kept_ties(scenario: Scenario, ties: dict[str, float]) -> tuple[float, float]:
    """Return the bytes of stored ties and chat groups, of which a run has a copy, and of what implied ones come from."""
    n, network = scenario.population.n_people, scenario.network
    shares = {name: receiver.share * n for name, receiver in scenario.population.receivers.items()}
    rows = 8.0 * (n + 1)
    kinds = {name: _kind(scenario, name) for name in ties}
    tied = sum(4.0 * count + rows for name, count in ties.items() if kinds[name] != IMPLIED)
    implied = 0.0
    if kinds["followers"] == IMPLIED:  # the list of users, their numbers of followers near and far
        followers = max((shares[c.receiver] for c in scenario.channels.values() if c.ties == "followers"), default=0.0)
        implied += 8.0 * followers + LISTED * n
    if kinds["friends"] == IMPLIED and network.friends.mean > 0:  # the list of users
        implied += LISTED * n
    chats = (name for name, channel in scenario.channels.items() if channel.type == "group")
    for name, members in zip(chats, _members(scenario), strict=True):
        groups = network.groups.get(name, GroupTies())
        if groups.file is not None or network.stores(n):
            tied += 8.0 * members + rows
        else:
            implied += 4.0 * members / groups.mean_size + LISTED * n
    return tied, implied


def _ties(scenario: Scenario) -> dict[str, float]:
    """Return about how many ties of each set there are, stored or implied, each way counted."""
    network, population = scenario.network, scenario.population
    n = population.n_people
    users: dict[str, float] = {c.ties: population.receivers[c.receiver].share * n for c in scenario.channels.values()}
    means = {
        "followers": network.followers.mean,
        "friends": network.friends.mean,
        "neighbours": network.neighbours.mean,
    }
    counts = {}
    for name, ties in (
        ("followers", network.followers),
        ("friends", network.friends),
        ("neighbours", network.neighbours),
    ):
        whose = n if name == "neighbours" else users.get(name, 0)
        if ties.file is not None:
            counts[name] = 2.0 * _rows_of(ties.file)
        elif ties.graph is not None:
            counts[name] = whose * _mean_degree(ties.graph)
        else:
            counts[name] = whose * means[name]
    return counts


def _mean_degree(graph: Graph) -> float:
    if isinstance(graph, ErdosRenyi):
        return graph.mean_degree
    if isinstance(graph, Configuration):
        pmf = degree_pmf(graph.degrees)
        return float(pmf @ np.arange(len(pmf)))
    if isinstance(graph, SmallWorld):
        return graph.degree
    if isinstance(graph, Lattice):
        r = graph.radius
        return (2 * r + 1) ** 2 - 1 if graph.shape == "moore" else 2 * r * (r + 1)
    return graph.size - 1 if isinstance(graph, Groups) else 0.0  # ties of a complete graph are not stored


def _members(scenario: Scenario) -> list[float]:
    """Return about how many members the chat groups of each channel have together, stored or implied."""
    found = []
    for name, channel in scenario.channels.items():
        if channel.type == "group":
            groups = scenario.network.groups.get(name, GroupTies())
            users = scenario.population.receivers[channel.receiver].share * scenario.population.n_people
            of_file = _rows_of(groups.file) if groups.file is not None else 0.0
            found.append(of_file or users * (groups.groups_per_user + groups.created_per_user))
    return found


def _rows_of(path: Path) -> float:
    """Return about how many rows a file of two numbers a row has: of eight bytes each."""
    try:
        return path.stat().st_size / 8
    except OSError:
        return 0.0  # whoever reads it says so


def peak_bytes(scenarios: Iterable[Scenario], n_runs: int, n_workers: int, is_fixed: bool) -> int:
    """Return what a study needs at its peak.

    Parameters
    ----------
    scenarios
        Its arms.
    n_runs
        Runs whose records are kept: of all arms, null nights and replicates.
    n_workers
        Replicates that are made at once; each keeps its worlds as long as it lasts.
    is_fixed
        Whether all replicates share their worlds.
    """
    worlds, beside, record = {}, 0, 0
    for scenario in scenarios:
        need = need_of(scenario)
        worlds[world_key(scenario)] = need.world
        beside, record = max(beside, need.beside), max(record, need.record)
    kept = sum(worlds.values())
    return BASE + n_runs * record + (kept if is_fixed else n_workers * kept) + n_workers * beside


def fitting_workers(
    needed: Callable[[int], int], n_workers: int, people: int, tell: Callable[[str], None] = lambda _: None
) -> int:
    """Return how many workers the memory suffices for, at most those asked for, and tell what they need.

    Parameters
    ----------
    needed
        Bytes that so many workers need.
    n_workers
        How many were asked for.
    people
        Of the largest population, which a refusal names.
    tell
        Called with a sentence where much memory is needed, or where there are fewer workers than asked for.

    Raises
    ------
    CapacityError
        The memory does not suffice for one.
    """
    free = free_bytes()
    fitting = n_workers
    while free is not None and needed(fitting) > free + BASE and fitting > 1:  # the base lies there already
        fitting -= 1
    if free is not None and needed(fitting) > free + BASE:
        raise CapacityError(
            f"population.size is {people:,}, which needs about {_gigabytes(needed(1))} of memory, expected at most the "
            f"{_gigabytes(free + BASE)} that this machine has left; choose a smaller population.size or a larger "
            "population.weight."
        )
    if fitting < n_workers:
        assert free is not None
        tell(
            f"{n_workers} runs at once need about {_gigabytes(needed(n_workers))} of memory, and {_gigabytes(free + BASE)} are "
            f"left: study.workers={fitting}"
        )
    if needed(fitting) > TOLD:
        tell(f"needs about {_gigabytes(needed(fitting))} of memory")
    return fitting


def _gigabytes(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def free_bytes(root: Path = Path("/")) -> int | None:
    """Return how much memory this process may still take: the machine's, or less where its group of processes has a limit.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` lie.

    Returns
    -------
    Bytes; where there is no ``/proc`` (macOS), all memory of the machine, and None where nothing is known.
    """
    found = [_available(root / "proc/meminfo"), *_left_in_groups(root)]
    known = [n_bytes for n_bytes in found if n_bytes is not None]
    if known:
        return min(known)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _available(meminfo: Path) -> int | None:
    for line in _text(meminfo).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _left_in_groups(root: Path) -> list[int | None]:
    """Return what the limits of this process's control groups, and of those above, leave: version 2 and 1."""
    left = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, controllers, group = line.split(":", 2)
        if number == "0":
            top, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        here = Path(group.lstrip("/"))
        for folder in (here, *here.parents):
            left.append(_left(top / folder, *names))
    return left


def _left(folder: Path, limit: str, usage: str, cache: str) -> int | None:
    """Return a group's limit less what it uses, files that could be dropped not counted; None without a limit."""
    most, used = _text(folder / limit).strip(), _text(folder / usage).strip()
    if not most.isdigit() or not used.isdigit():
        return None
    lines = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
    return max(0, int(most) - int(used) + int(lines.get(cache, 0)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
