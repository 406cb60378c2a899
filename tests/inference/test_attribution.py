"""Shapley values against games whose values are known, and against all orders; the sum in every night."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from sim.errors import InputError
from sim.inference.attribution import (
    _arms,
    added_alone,
    added_last,
    check_players,
    shapley_values,
    worths,
    worths_table,
)
from sim.measures.by_draw import summary_of_draws
from sim.study.points import Settings
from sim.study.store import Store
from sim.study.workers import Workplace
from tests.nights import night

PLAYERS = {
    "tv": ("tv", "facetime"),
    "posts": ("tweets", "faces", "tube", "chat"),
    "street": ("street",),
    "rest": ("minarets", "texts"),
}


def members(number: int, n: int) -> set[int]:
    return {i for i in range(n) if number >> i & 1}


def test_games_with_known_values():
    gain = np.array([3.0, -1.0, 0.5, 0.0])
    sets = [members(s, 4) for s in range(16)]
    additive = np.array([7 + sum(gain[i] for i in s) for s in sets])
    np.testing.assert_allclose(shapley_values(additive), gain)
    carriers = {0, 2, 3}
    unanimity = np.array([float(carriers <= s) for s in sets])
    np.testing.assert_allclose(shapley_values(unanimity), [1 / 3, 0, 1 / 3, 1 / 3])
    assert [added_alone(unanimity, 1 << i) for i in range(4)] == [0, 0, 0, 0]
    assert added_alone(unanimity, 0b1101) == 1
    assert [added_last(unanimity, 1 << i) for i in range(4)] == [1, 0, 1, 1]
    assert (added_alone(additive, 0b0101), added_last(additive, 0b0101)) == (gain[0] + gain[2], gain[0] + gain[2])
    # A glove market (Shapley and Shubik 1969): two left gloves, one right one.
    gloves = np.array([float(2 in members(s, 3) and bool(members(s, 3) & {0, 1})) for s in range(8)])
    np.testing.assert_allclose(shapley_values(gloves), [1 / 6, 1 / 6, 4 / 6])


def test_the_formula_is_the_mean_over_all_orders():
    worth = np.random.default_rng(1).standard_normal((5, 32))
    total = np.zeros((5, 5))
    for order in itertools.permutations(range(5)):
        number = 0
        for player in order:
            total[:, player] += worth[:, number | 1 << player] - worth[:, number]
            number |= 1 << player
    np.testing.assert_allclose(shapley_values(worth), total / 120)


def test_worths_that_are_no_power_of_two_are_refused():
    with pytest.raises(ValueError, match="a power of two"):
        shapley_values(np.zeros(6))


def test_the_nights_of_all_sets_differ_in_what_is_ignored_for_deciding_alone():
    scenario = night()
    arms = _arms(scenario, PLAYERS)
    assert next(iter(arms)) == "15"
    assert arms["15"].parameters_hash == scenario.parameters_hash
    assert len({arm.parameters_hash for arm in arms.values()}) == 16
    for number, arm in arms.items():
        kept = {c for i, channels in enumerate(PLAYERS.values()) if int(number) >> i & 1 for c in channels}
        assert set(scenario.channels) - set(arm.decision.ignored_channels) == kept
        assert arm.model_copy_checked(decision=scenario.decision).parameters_hash == scenario.parameters_hash


@pytest.mark.parametrize(
    ("players", "word"),
    [
        (PLAYERS | {"radio": ("radio",)}, "'radio', expected one of"),
        (PLAYERS | {"again": ("tv",)}, "'tv' belongs to two players"),
        ({k: v for k, v in PLAYERS.items() if k != "rest"}, "'minarets' belongs to no player"),
    ],
)
def test_players_that_do_not_share_out_the_channels_are_refused(players: dict[str, tuple[str, ...]], word: str):
    with pytest.raises(InputError, match=word):
        check_players(night(), players)


def test_values_add_up_in_every_replicate_and_are_found_again(tmp_path: Path):
    store = Store(tmp_path / "store")
    settings, place = Settings(2, (), False, "compiled", store, False), Workplace("loky", None, 1)
    draws = [{"draw.x": 0.0}, {"draw.x": 1.0}]
    many = {"size": 600}
    scenarios = {0.0: night(population=many), 1.0: night(population=many, decision={"social": 3.0})}
    found, last_touch = worths(lambda values: scenarios[values["draw.x"]], draws, PLAYERS, settings, place, seed=1)
    assert found.shape == (2, 2, 16)
    table = worths_table(found, list(PLAYERS), "people")
    wide = table.pivot(index=["point", "replicate"], columns="outcome", values="value")
    np.testing.assert_allclose(wide[list(PLAYERS)].sum(axis=1), wide["all"] - wide["nobody"], rtol=1e-12)
    assert (found[..., 15] >= found[..., 0]).all()
    assert (found[..., 15] > found[..., 0]).any()
    assert np.ptp(found, axis=1).max() > 0  # other dice
    share = last_touch.groupby(["point", "replicate"])["value"].sum()
    np.testing.assert_allclose(share, 1.0)
    summary = summary_of_draws(table, "").set_index("outcome")
    assert summary.loc["tv", "n_runs"] == 4
    assert summary.loc["all", "mean"] == pytest.approx(found[..., 15].mean())
    again, _ = worths(lambda values: scenarios[values["draw.x"]], draws, PLAYERS, settings, place, seed=1)
    np.testing.assert_array_equal(again, found)
