"""Which rows are measured? Ours, the peers and the machine, each with what it counts and where its meaning differs.

Command: part of ``make bench``. Figures: none. Nothing large is imported here: the parent of the measured processes reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

OURS, REFERENCE = "ours", "ours, reference engine"
NIGHT, EXPOSURES, SIR, POSTING, POSTS, LEFT_OUT = "night", "exposures", "sir", "posting", "posts", "left_out"
LIMITS = "limits"
NIGHTS = (NIGHT, POSTS, LEFT_OUT)
CONTAGIONS = (EXPOSURES, SIR, POSTING)
UNITS = {
    NIGHT: "person-events",
    POSTS: "person-events",
    LEFT_OUT: "person-events",
    EXPOSURES: "exposures and departures",
    SIR: "infections and recoveries",
    POSTING: "posts",
    LIMITS: "operations",
}
THROTTLED, OPEN = ("throttle=july15",), ("throttle=none",)
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # on the posts of a person

_POSTED_ON = ("twitter", "facebook", "youtube", "whatsapp", "viber")
_SILENT = tuple(f"channels.{name}.posts_per_user_day=0" for name in _POSTED_ON)
_AWAKE, _HOME = "population.sleep=null", "attendance.nobody_leaves=true"
PARTS = {
    "nothing": (),
    "posts": _SILENT,
    "sleep": (_AWAKE,),
    "leaving": (_HOME,),
    "all three": (*_SILENT, _AWAKE, _HOME),
}
"""What is left out of the night, and how; few posts stay without posts: live videos from the squares."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what runs, in a process of its own."""

    part: str
    engine: str
    people: int
    script: str | None = None  # a peer's
    options: tuple[str, ...] = ()  # overrides of ours
    note: str = ""

    def __str__(self) -> str:
        told = ", ".join(self.options)
        return f"{self.part}: {self.engine}, {self.people:,} people" + (f" ({told})" if told else "")


PEERS: tuple[tuple[str, str, str, str], ...] = (
    (EXPOSURES, "SimPy, processes", "exposures_simpy", "a process for each person and for each look at a neighbour"),
    (EXPOSURES, "SimPy, callbacks", "exposures_simpy_callbacks", "timeouts with callbacks, no processes"),
    (EXPOSURES, "Mesa, event scheduling", "exposures_mesa", "mesa.experimental.devs"),
    (EXPOSURES, "Python's heapq", "exposures_heapq", "no package: one heap"),
    (SIR, "Python's heapq", "sir_heapq", "continuous time; no package: one heap"),
    (SIR, "EoN", "sir_eon", "continuous time; fast_SIR"),
    (SIR, "mesa-frames", "sir_mesa_frames", "steps of a tenth of an infection, all at once"),
    (SIR, "Starsim", "sir_starsim", "steps of a tenth of an infection, all at once; recovery goes before infecting"),
    (SIR, "Covasim", "sir_covasim", "the same steps; whole days, the first and the last do not infect; seeds drawn"),
    (SIR, "Mesa, stepped", "sir_mesa", "steps of a tenth of an infection, one agent after another"),
    (SIR, "ndlib", "sir_ndlib", "steps of a tenth of an infection, all at once"),
    (POSTING, "SimPy", "posting_simpy", "a process for each person, a timeout with a callback for each reading"),
    (POSTING, "Python's heapq", "posting_heapq", "no package: one heap"),
)
"""Part, name, script and note of every peer."""


def contagion_rows(people: int) -> list[Row]:
    """Ours and all peers on the same ties."""
    ours = [Row(part, OURS, people) for part in CONTAGIONS]
    return ours + [Row(part, name, people, script, note=note) for part, name, script, note in PEERS]


def night_rows(sizes: list[int], opened: list[int]) -> list[Row]:
    """The night by size, throttled, and open at some of the sizes."""
    rows = [Row(NIGHT, OURS, people, options=THROTTLED) for people in sizes]
    return rows + [Row(NIGHT, OURS, people, options=OPEN) for people in opened]


def posts_rows(people: int, factors: tuple[float, ...]) -> list[Row]:
    """The night by how much people post."""
    return [Row(POSTS, OURS, people, options=(*THROTTLED, f"posts={factor:g}")) for factor in factors]


def left_out_rows(people: int) -> list[Row]:
    """The night without one part of it, to see what that part costs."""
    return [Row(LEFT_OUT, OURS, people, options=(*THROTTLED, *options)) for options in PARTS.values()]
