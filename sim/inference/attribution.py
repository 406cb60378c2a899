"""Attribution by counterfactual: what each channel adds to an outcome, on average over the orders in which channels are added.

The worth v(S) of a set of players (groups of channels) is the outcome of the night in which impressions from all other players'
channels are ignored for deciding, on the same dice, with posting unchanged. A player's Shapley value (Shapley 1953) is what it
adds to v on average over all orders; the values add up to v(all) - v(none). All sets are run: nothing is sampled.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import InputError
from sim.inference.calibrating import ARM
from sim.scenario import Scenario
from sim.study.points import Point, Settings
from sim.study.template import Arms, ArmsOfPoints
from sim.study.workers import Workplace, open_workers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["added_alone", "added_last", "check_players", "shapley_values", "worths", "worths_table"]

_TIPPED = "tipped_by_"


def shapley_values(worth: np.ndarray) -> np.ndarray:
    """Return float64[..., n] of the worths float64[..., 2^n] of all sets; bit i of a set's number says whether i is in it.

    phi_i = sum over sets S without i of |S|! (n - |S| - 1)! / n! (v(S with i) - v(S)).
    """
    n = int(worth.shape[-1]).bit_length() - 1
    if worth.shape[-1] != 1 << n:
        raise ValueError(f"{worth.shape[-1]} worths, expected those of all sets of some players: a power of two")
    sets = np.arange(1 << n)
    sizes = np.array([int(s).bit_count() for s in sets])
    weights = np.array([math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n) for k in range(n)])
    found = []
    for i in range(n):
        without = sets[(sets >> i) & 1 == 0]
        found.append(((worth[..., without | (1 << i)] - worth[..., without]) * weights[sizes[without]]).sum(axis=-1))
    return np.stack(found, axis=-1)


def added_alone(worth: np.ndarray, players: int) -> np.ndarray:
    """Return what a set of players, the bits of a number, adds to nobody, float64[...], of worths as in `shapley_values`."""
    added: np.ndarray = worth[..., players] - worth[..., 0]
    return added


def added_last(worth: np.ndarray, players: int) -> np.ndarray:
    """Return what a set of players, the bits of a number, adds to all others, float64[...]."""
    added: np.ndarray = worth[..., -1] - worth[..., worth.shape[-1] - 1 - players]
    return added


def check_players(scenario: Scenario, players: Mapping[str, Sequence[str]]) -> None:
    """Refuse players that do not share out the channels of a scenario.

    Raises
    ------
    InputError
        A channel that is none, that two players have, or that none has.
    """
    owned = [channel for channels in players.values() for channel in channels]
    for channel in owned:
        if channel not in scenario.channels:
            raise InputError(
                f"a player has the channel {channel!r}, expected one of {', '.join(scenario.channels)}; correct it."
            )
        if owned.count(channel) > 1:
            raise InputError(f"the channel {channel!r} belongs to two players, expected one; remove it from the other.")
    left = [channel for channel in scenario.channels if channel not in owned]
    if left:
        raise InputError(f"the channel {left[0]!r} belongs to no player, expected all of them to; add it to one.")


def _arms(scenario: Scenario, players: Mapping[str, Sequence[str]]) -> Arms:
    """Return the night of every set of players, by the set's number; the set of all comes first, as it names the point."""
    names, n = list(players), len(players)
    arms = {}
    for number in range((1 << n) - 1, -1, -1):
        ignored = tuple(c for i, name in enumerate(names) if not number >> i & 1 for c in players[name])
        ignored = (*(c for c in scenario.decision.ignored_channels if c not in ignored), *ignored)
        decision = scenario.decision.model_copy(update={"ignored_channels": ignored})
        arms[str(number)] = scenario.model_copy_checked(decision=decision)
    return arms


def worths(
    night: Callable[[Mapping[str, float]], Scenario],
    draws: Sequence[Mapping[str, float]],
    players: Mapping[str, Sequence[str]],
    settings: Settings,
    place: Workplace,
    *,
    seed: int,
    outcome: str = "participants",
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return float64[draws, replicates, 2^players]: the outcome of every set; and, of the whole night, what tipped people last.

    Parameters
    ----------
    night
        Makes the scenario of a draw.
    draws
        Values of parameters by key; draw k has the dice `seed` + k x 10^6 and following.
    players
        Channels by player: together all channels, each once.
    settings
        Replicates, and the store in which nights are found again; neither null nights nor windows are needed.
    place
        Where it is computed.
    outcome
        Of whose values.
    progress
        Called with the number of draws that are done.

    Raises
    ------
    InputError
        Players that do not share out the channels, or an outcome that the night has not.
    """
    import pandas as pd

    check_players(night(draws[0]), players)
    found = np.full((len(draws), settings.replicates, 1 << len(players)), np.nan)
    rows: list[tuple[int, int, str, float]] = []

    def points() -> Iterator[list[Point]]:
        for number, values in enumerate(draws):
            yield [Point(number, values, seed + number * 1_000_000, _arms(night(values), players))]

    with open_workers(place, _no_templates(), settings) as measure, contextlib.closing(measure(points())) as results:
        for several, _ in results:
            for measured in several:
                if measured.failures:
                    raise InputError(measured.failures[0].reason)
                kept = settings.store.get_point(measured.key)
                for at, name in enumerate(measured.names):
                    arm, replicate = measured.arms[at // settings.replicates], at % settings.replicates
                    told = dict(zip(kept[name]["outcome"], kept[name]["value"], strict=True))
                    if outcome not in told:
                        raise InputError(
                            f"{outcome!r} is no outcome of the night, expected one such as participants; correct it."
                        )
                    found[measured.number, replicate, int(arm)] = told[outcome]
                    if int(arm) == (1 << len(players)) - 1:
                        rows += [(measured.number, replicate, n, v) for n, v in told.items() if n.startswith(_TIPPED)]
                progress(1)
    last_touch = pd.DataFrame(rows, columns=["point", "replicate", "outcome", "value"])
    return found, last_touch


def _no_templates() -> ArmsOfPoints:
    """Return arms that are never asked for: every point brings its own."""
    from sim.study.design import Design, Factor

    def compose(values: Mapping[str, object], overrides: Sequence[str]) -> dict[str, object]:
        raise AssertionError(f"{ARM} is composed by whoever asks")

    return ArmsOfPoints(compose, None, Design(method="lhs", factors={"x.y": Factor(range=(0, 1))}, points=1))


def worths_table(found: np.ndarray, players: Sequence[str], unit: str) -> pd.DataFrame:
    """Return Shapley values, v(none) and v(all) as a long table: columns point, arm (empty), replicate, outcome, value, unit.

    `sim.measures.by_draw.summary_of_draws` takes it.
    """
    import pandas as pd

    values = shapley_values(found)
    parts = {**{name: values[..., i] for i, name in enumerate(players)}, "nobody": found[..., 0], "all": found[..., -1]}
    point, replicate = np.indices(found.shape[:2])
    return pd.concat(
        [
            pd.DataFrame({"point": point.ravel(), "arm": "", "replicate": replicate.ravel(), "outcome": name,
                          "value": v.ravel(), "unit": unit})
            for name, v in parts.items()
        ],
        ignore_index=True,
    )  # fmt: skip
