"""Whom people see leave: contacts who are out, come home, rest, are met again and again; guards; ties that go one way.

Every scenario is run by both engines, whose event logs must be equal, and its outcome is known by hand.
"""

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, chi2

from sim.config import load
from sim.engine import order as o
from sim.engine import state
from sim.engine.build import make_tables
from sim.engine.flags import ABLE
from sim.engine.people import count_shown
from sim.engine.simulate import run
from sim.implied import NEIGHBOURS
from sim.measures.curves import curve_table
from sim.units import MINUTE
from sim.world import make_world
from tests.classical import (
    CONTACTS,
    START,
    between,
    constantly,
    edges,
    gathering,
    gathers,
    left,
    path,
    plain,
    play,
    rows,
    star,
)
from tests.nights import constant, exponential

# -- the rule critical_mass by contacts


def test_a_cascade_along_a_path_takes_two_ticks_a_person(tmp_path):
    """Asked at 1, out at 2, seen at 3; whoever sees it decides and is out a tick later."""
    scenario = plain(
        network=path(tmp_path), decision=CONTACTS | {"critical_mass": constantly(1)},
        scenario=gathers(gathering(people=[0])),
    )  # fmt: skip
    assert left(play(scenario)) == {k: [2 + 2 * k] for k in range(5)}


@pytest.mark.parametrize(
    ("of", "threshold", "first", "out"),
    [
        ("contacts_count", 2, [0], {0}),
        ("contacts_count", 2, [0, 2], {0, 1, 2}),
        ("contacts_count", 2, [0, 2, 4], {0, 1, 2, 3, 4}),
        ("contacts_share", 0.5, [2], {0, 1, 2, 3, 4}),
        ("contacts_share", 0.51, [2], {2}),
        ("contacts_share", 0.51, [1], {0, 1}),
        ("contacts_share", 1.0, [0, 2], {0, 1, 2}),
        ("contacts_share", 0.01, [5], {5}),
        ("contacts_share", 0.0, [], {0, 1, 2, 3, 4, 5}),
        ("contacts_count", 0, [], {0, 1, 2, 3, 4, 5}),
        ("share", 0.5, [0, 1, 2], {0, 1, 2, 3, 4, 5}),
        ("share", 0.51, [0, 1, 2], {0, 1, 2}),
        ("count", 3, [0, 1, 2], {0, 1, 2, 3, 4, 5}),
        ("count", 4, [0, 1, 2], {0, 1, 2}),
    ],
)
def test_who_joins_on_a_path_of_five_beside_a_person_without_ties(tmp_path, of, threshold, first, out):
    scenario = plain(
        network=path(tmp_path),
        decision={"rule": "critical_mass", "critical_mass_of": of, "critical_mass": constantly(threshold)},
        scenario=gathers(gathering(people=first)),
    )
    assert set(left(play(scenario))) == out


def test_everybody_may_have_a_threshold_of_their_own(tmp_path):
    values = {"law": "listed", "values": [9, 1, 2, 1, 1, 9]}
    scenario = plain(
        network=path(tmp_path), decision=CONTACTS | {"critical_mass": values}, scenario=gathers(gathering(people=[0]))
    )
    assert set(left(play(scenario))) == {0, 1}
    other = plain(scenario.model_dump(), scenario=gathers(gathering(people=[0, 3])))
    assert set(left(play(other))) == {0, 1, 2, 3, 4}


# -- contacts who come home again


TWICE = gathers(gathering(0, people=[0]), gathering(20, people=[1]))


@pytest.mark.parametrize(("stay", "joins"), [(None, True), (constant(30), True), (constant(10), False)])
def test_a_contact_who_is_home_again_no_longer_counts(tmp_path, stay, joins):
    scenario = plain(
        network=between(tmp_path), decision=CONTACTS | {"critical_mass": constantly(2)}, scenario=TWICE,
        attendance={"stay": stay},
    )  # fmt: skip
    record = play(scenario)
    assert (2 in left(record)) is joins
    returns = rows(record, o.RETURN_SEEN, 2)
    assert [(int(row["key"]), int(row["result"])) for row in returns] == (
        [] if stay is None else [(1, o.DONE), (256 + 1, o.DONE)]
    )


@pytest.mark.parametrize(
    ("stay", "threshold", "joins"),
    # Exposures weigh 1 + 1/2, then 1 + 2/2, or 1 + 1/2 once the first is home again.
    [(None, 3.5, True), (None, 3.51, False), (constant(10), 3.0, True), (constant(10), 3.01, False)],
)
def test_a_later_exposure_weighs_less_when_a_contact_is_home_again(tmp_path, stay, threshold, joins):
    scenario = plain(
        network=between(tmp_path), scenario=TWICE, attendance={"stay": stay},
        decision={"rule": "threshold", "threshold": constantly(threshold), "social": 1},
    )  # fmt: skip
    assert (2 in left(play(scenario))) is joins


def test_a_departure_is_seen_after_the_return_unless_only_those_who_are_out_are_seen(tmp_path):
    def out(stay, only):
        scenario = plain(
            network=path(tmp_path, 2), scenario=gathers(gathering(people=[0])), attendance={"stay": stay},
            channels={"contacts": {"look": constant(30), "only_while_out": only}},
        )  # fmt: skip
        record = play(scenario)
        is_late = only and stay is not None
        assert [int(row["result"]) for row in rows(record, o.IMPRESSION, 1)] == ([] if is_late else [o.TIPPED])
        assert record.totals[0, [state.DELIVERED, state.UNSEEN_TOTAL]].tolist() == [2 - is_late, is_late]
        return left(record)

    assert set(out(constant(10), False)) == {0, 1}
    assert set(out(constant(10), True)) == {0}
    assert out(None, True)[1] == [2 + 30 * MINUTE + 1]


# 0 leaves at 2, arrives at 3, stays for `stay` ticks and is home a tick later; 1 looks at 2 + 30 minutes.
LAST_SEEN = 30 * MINUTE - 2


@pytest.mark.parametrize(("stay", "sees"), [(LAST_SEEN - 1, False), (LAST_SEEN, True), (LAST_SEEN + 1, True)])
@pytest.mark.parametrize("prolongs", [False, True])
def test_who_looks_when_the_other_comes_home_still_sees_it_however_it_is_found_out(tmp_path, stay, sees, prolongs):
    prolong = {"probability": 0.5, "extra": constant(1), "at_most": 1} if prolongs else {}  # and nobody is ever asked
    scenario = plain(
        network=path(tmp_path, 2), scenario=gathers(gathering(people=[0])),
        attendance={"stay": constant(stay / MINUTE), "prolong": prolong},
        channels={"contacts": {"look": constant(30), "only_while_out": True}},
    )  # fmt: skip
    record = play(scenario)
    assert left(record).get(1) == ([2 + 30 * MINUTE + 1] if sees else None)
    assert len(rows(record, o.IMPRESSION, 1)) == (1 if sees or prolongs else 0)


def test_leaving_out_looks_that_would_see_nothing_changes_nothing_else():
    def epidemic(prolongs):
        return plain(
            population={"size": 300}, network={"neighbours": {"graph": {"graph": "erdos_renyi", "mean_degree": 5}}},
            scenario=gathers(gathering(number=5)),
            attendance={
                "stay": exponential(20), "prolong": {"probability": prolongs, "extra": constant(1), "at_most": 1},
                "max_trips": 3,
            },
            channels={"contacts": {"look": exponential(20), "only_while_out": True}},
        )  # fmt: skip

    all_looks, fewer = play(epidemic(0.5)), play(epidemic(0))
    is_futile = (all_looks.log["kind"] == o.IMPRESSION) & (all_looks.log["result"] == o.UNSEEN)
    assert is_futile.sum() > 100
    assert not ((fewer.log["kind"] == o.IMPRESSION) & (fewer.log["result"] == o.UNSEEN)).any()
    np.testing.assert_array_equal(fewer.log, all_looks.log[~is_futile])
    for name, values in fewer.arrays().items():
        if name != "scalar_events":
            np.testing.assert_array_equal(values, all_looks.arrays()[name], err_msg=name)


def test_a_contact_who_is_seen_late_and_is_home_already_does_not_count(tmp_path):
    scenario = plain(
        network=path(tmp_path, 2), scenario=gathers(gathering(people=[0])), attendance={"stay": constant(10)},
        decision=CONTACTS | {"critical_mass": constantly(1)}, channels={"contacts": {"look": constant(30)}},
    )  # fmt: skip
    record = play(scenario)
    assert set(left(record)) == {0}
    assert len(rows(record, o.RETURN_SEEN)) == 0


# -- rest


@pytest.mark.parametrize(("rest", "second"), [(None, 20), (constant(30), 60)])
def test_whoever_rests_stays_at_home(rest, second):
    scenario = plain(
        scenario=gathers(*(gathering(minute, people=[0]) for minute in (0, 20, 60))),
        attendance={"stay": constant(10), "rest": rest, "max_trips": 2},
    )
    record = play(scenario)
    assert left(record) == {0: [2, second * MINUTE + 2]}
    table = curve_table(scenario, record, ("returned", "on_squares", "participated")).pivot(
        index="time", columns="curve", values="value"
    )
    assert table.iloc[15].tolist() == [0, 1, 1]  # on_squares, participated, returned: who rests is back


def test_the_rested_look_around_and_join_their_contacts(tmp_path):
    scenario = plain(
        network=path(tmp_path, 2), scenario=gathers(gathering(people=[0]), gathering(15, people=[1])),
        decision=CONTACTS | {"critical_mass": constantly(1)},
        attendance={"stay": constant(10), "rest": constant(60), "max_trips": 2},
        channels={"contacts": {"look": constant(0)}},
    )  # fmt: skip
    record = play(scenario)
    # Both are out from 0 to 10 min, and rest until 70 min: nobody is out then whom they could join.
    assert {person: len(ticks) for person, ticks in left(record).items()} == {0: 1, 1: 1}
    again = rows(record, o.PROMPT)
    again = again[again["key"] >> 28 == state.AGAIN]
    assert [(int(row["person"]), int(row["result"])) for row in again] == [(0, o.IGNORED), (1, o.IGNORED)]
    other = plain(scenario.model_dump(), scenario=gathers(gathering(people=[0]), gathering(65, people=[5])),
                  network=edges(tmp_path, (0, 1), (0, 5), name="other.csv"),
                  decision={"critical_mass": {"law": "listed", "values": [1, 9, 9, 9, 9, 9]}})  # fmt: skip
    ticks = left(play(other))
    assert ticks[0][1] > 70 * MINUTE  # person 5 is out from 65 to 75 min
    assert ticks[0][1] < 71 * MINUTE


# -- guards in sight


def guarded(folder, ties, thresholds, guards, first=()):
    """Return a scenario of people with thresholds who count contacts against the guards among them."""
    n = len(thresholds)
    pd.DataFrame({"guard": [int(k in guards) for k in range(n)]}).to_csv(folder / "people.csv", index=False)
    return plain(
        population={"size": n, "file": folder / "people.csv", "receivers": {"guard": {"share": 0.0}}},
        network=edges(folder, *ties), scenario=gathers(gathering(people=list(first))),
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_per_guard", "guards": "guard",
                  "critical_mass": {"law": "listed", "values": list(thresholds)}},
    )  # fmt: skip


@pytest.mark.parametrize("n_out", [0, 1, 2, 3])
@pytest.mark.parametrize("n_guards", [1, 2])
def test_the_centre_joins_when_contacts_and_oneself_are_enough_for_each_guard(tmp_path, n_out, n_guards):
    """Person 0 sees persons 1 to 3 and the guards, whom all see: it waits for (contacts out + 1) / guards."""
    guards = range(4, 4 + n_guards)
    ties = [*((0, k) for k in range(1, 4)), *((k, guard) for k in range(4) for guard in guards)]
    first = range(1, 1 + n_out)
    level = (n_out + 1) / n_guards
    for threshold, joins in ((level, True), (level + 0.01, False)):
        waiting = [threshold, *[9.0] * (3 + n_guards)]
        assert set(left(play(guarded(tmp_path, ties, waiting, guards, first)))) == {*first, *([0] if joins else [])}


@pytest.mark.parametrize(("threshold", "out"), [(2.0, 5), (2.01, 1)])
def test_a_cascade_under_one_guard_begins_with_who_sees_none(tmp_path, threshold, out):
    """Person 5 guards all of a path but its first, who goes at once; each of the others sees one go, and is the second."""
    ties = [*((k, k + 1) for k in range(4)), *((k, 5) for k in range(1, 5))]
    assert left(play(guarded(tmp_path, ties, [threshold] * 6, {5}))) == {k: [2 + 2 * k] for k in range(out)}


def test_who_sees_no_guard_goes_at_any_threshold_that_is_finite(tmp_path):
    scenario = guarded(tmp_path, [(0, 1)], [1e300, 1e300, -1.0], {1})
    assert left(play(scenario)) == {2: [2]}
    alone = guarded(tmp_path, [(0, 1)], [1e300] * 3, {1})
    assert left(play(alone)) == {2: [2]}
    pd.DataFrame({"threshold": [math.inf, 1e300]}).to_csv(tmp_path / "never.csv", index=False)
    never = plain(alone.model_dump(), population={"size": 2, "file": tmp_path / "never.csv"},
                  decision={"critical_mass": constantly(1)})  # fmt: skip
    assert left(play(never)) == {1: [2]}
    unarmed = guarded(tmp_path, [(0, 1)], [1e300] * 3, {})
    assert left(play(unarmed)) == {k: [2] for k in range(3)}


@pytest.mark.parametrize("guards", [-1, 1])
def test_whom_one_sees_are_counted_alike_where_neighbours_are_computed(guards):
    counted = []
    for stored in ("true", "false"):
        night = load("population.size=3000", f"network.stored={stored}")
        tables = make_tables(night, make_world(night, 5), 5)
        assert (tables.net.rows_at[NEIGHBOURS] < 0) == (stored == "false")
        n = len(tables.people)
        everybody, minds = np.zeros(n, state.STATE), np.zeros(n + 1, state.MIND)
        everybody["flags"], everybody["mind"] = ABLE, np.arange(1, n + 1)
        count_shown(everybody, minds, tables.net, NEIGHBOURS, tables.receivers, guards)
        counted.append(minds["n_against"])
        # Of those who could never go nobody asks.
        everybody["flags"][::3] = everybody["mind"][::3] = 0
        fewer = np.zeros(n + 1, state.MIND)
        count_shown(everybody, fewer, tables.net, NEIGHBOURS, tables.receivers, guards)
        minds["n_against"][1::3] = 0
        np.testing.assert_array_equal(fewer["n_against"], minds["n_against"])
    np.testing.assert_array_equal(*counted)
    assert len(set(counted[0].tolist())) > (1 if guards == 1 else 0)


def test_guards_never_leave(tmp_path):
    ties = [(0, 1), (1, 2), (0, 2)]
    record = play(guarded(tmp_path, ties, [0.0] * 4, {1, 3}, first=(0, 1, 3)))
    assert set(left(record)) == {0, 2}
    assert record.scalars["participants"] == 2


# -- contacts who are met again and again

AGAIN = {"only_while_out": True, "repeats": True, "look": constant(1)}


def again(folder, n, stay, p, minutes=60, look=None, **more):
    """Return a scenario in which the leaves of a star see its centre again and again, while it is out."""
    contacts = AGAIN | {"dose": {"call": p}} | ({"look": look} if look else {})
    return plain(
        population={"size": n}, network=star(folder, n), attendance={"stay": stay}, channels={"contacts": contacts},
        scenario=gathers(gathering(people=[0])) | {"end": START + timedelta(minutes=minutes)}, **more,
    )  # fmt: skip


@pytest.mark.parametrize("stay", [0.5, 1.5, 3.2, 10.9])
def test_a_contact_is_looked_at_once_a_minute_until_home(tmp_path, stay):
    record = play(again(tmp_path, 2, constant(stay), 0.0))
    looks = rows(record, o.IMPRESSION, 1)
    assert looks["tick"].tolist() == [2 + k * MINUTE for k in range(1, math.floor(stay) + 2)]
    assert looks["result"].tolist() == [*[o.SEEN] * math.floor(stay), o.UNSEEN]
    assert len(set(looks["key"].tolist())) == len(looks)


def test_who_stays_out_is_looked_at_until_the_end(tmp_path):
    record = play(again(tmp_path, 2, None, 0.0, minutes=20))
    assert rows(record, o.IMPRESSION, 1)["result"].tolist() == [o.SEEN] * 19
    assert record.totals[0].tolist() == [20, 19, 0, 0, 1, 0]


def test_the_number_of_looks_until_one_moves_is_geometric(tmp_path):
    n, p, most = 4000, 0.2, 16
    ticks = left(run(again(tmp_path, n + 1, None, p, minutes=90), 1, events=True))
    looks = np.array([(ticks[k][0] - 3) / MINUTE for k in range(1, n + 1)])
    assert np.array_equal(looks, looks.round())
    observed = np.bincount(np.minimum(looks, most).astype(int), minlength=most + 1)[1:]
    expected = n * np.append(p * (1 - p) ** np.arange(most - 1), (1 - p) ** (most - 1))
    assert expected.min() > 5
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, most - 1) > 1e-4


@pytest.mark.parametrize("stay", [1.5, 5.5])
def test_nobody_is_moved_after_the_contact_is_home(tmp_path, stay):
    n, p = 4000, 0.2
    ticks = left(run(again(tmp_path, n + 1, constant(stay), p), 1, events=True))
    assert max(row[0] for row in ticks.values()) == 3 + math.floor(stay) * MINUTE
    moved = 1 - (1 - p) ** math.floor(stay)
    assert binom.ppf(5e-5, n, moved) <= len(ticks) - 1 <= binom.ppf(1 - 5e-5, n, moved)


@pytest.mark.parametrize("severity", [0.0, 0.6])
def test_every_look_is_accounted_for(tmp_path, severity):
    window = {"channels": ["contacts"], "start": START + timedelta(minutes=5), "end": START + timedelta(minutes=20),
              "severity": severity, "mode": "drop", "lag_minutes": None}  # fmt: skip
    scenario = again(tmp_path, 60, exponential(15), 0.1, look=exponential(2),
                     throttle={"windows": [window] if severity else []})  # fmt: skip
    record = play(scenario)
    delivered, seen, unseen, dropped, pending, _ = record.totals[0].tolist()
    assert delivered == seen + unseen + dropped + pending
    assert (dropped > 0) is (severity > 0)
    results = rows(record, o.IMPRESSION)["result"]
    assert seen == np.isin(results, (o.SEEN, o.TIPPED)).sum()
    assert (unseen, dropped) == tuple((results == result).sum() for result in (o.UNSEEN, o.DROPPED))
    assert delivered > 59 + len(results[results == o.SEEN]) / 2  # most looks are not the first


# -- ties that go one way


def one_way(folder, *pairs):
    return {"neighbours": edges(folder, *pairs)["neighbours"] | {"mutual": False}}


@pytest.mark.parametrize(("first", "out"), [(0, {0, 1, 2}), (1, {1, 2}), (2, {2})])
def test_contagion_goes_one_way(tmp_path, first, out):
    """Person 1 sees person 0, and person 2 sees person 1."""
    scenario = plain(network=one_way(tmp_path, (1, 0), (2, 1)), scenario=gathers(gathering(people=[first])))
    assert left(play(scenario)) == {k: [2 + 2 * (k - first)] for k in sorted(out)}
    both = plain(network=path(tmp_path, 3), scenario=gathers(gathering(people=[first])))
    assert set(left(play(both))) == {0, 1, 2}


@pytest.mark.parametrize(("is_mutual", "out"), [(False, {0, 1, 3}), (True, {1})])
def test_only_those_whom_one_sees_are_counted(tmp_path, is_mutual, out):
    """Person 0 sees persons 1 and 2, of whom one goes: half of them, but a third if person 3 counts, too."""
    pairs = (0, 1), (0, 2), (3, 0)
    scenario = plain(
        network=edges(tmp_path, *pairs) if is_mutual else one_way(tmp_path, *pairs),
        decision={"rule": "critical_mass", "critical_mass_of": "contacts_share", "critical_mass": constantly(0.5)},
        population={"file": able_file(tmp_path, [1, 1, 0, 1, 1, 1])}, scenario=gathers(gathering(people=[1])),
    )  # fmt: skip
    assert set(left(play(scenario))) == out


def able_file(folder, able):
    pd.DataFrame({"able": able}).to_csv(folder / "people.csv", index=False)
    return folder / "people.csv"


def test_a_tie_of_either_direction_is_a_mutual_one(tmp_path):
    there_and_back = one_way(tmp_path, (0, 1), (1, 0), (1, 2), (2, 1))
    found = make_world(plain(network=there_and_back), 1).ties["neighbours"]
    other = make_world(plain(network=path(tmp_path, 3)), 1).ties["neighbours"]
    assert np.array_equal(found.starts, other.starts)
    assert np.array_equal(found.indices, other.indices)


def test_people_learn_from_those_whom_they_see(tmp_path):
    """Person 0 sees persons 1 and 2, person 3 sees person 0, and the others see nobody."""
    for rounds, expected in enumerate([[0, 3, 6, 9, 1, 1], [3, 3, 6, 4.5, 1, 1], [4, 3, 6, 3.75, 1, 1]]):
        scenario = plain(
            network=one_way(tmp_path, (0, 1), (0, 2), (3, 0)),
            decision={"rule": "critical_mass", "critical_mass": {"law": "listed", "values": [0, 3, 6, 9, 1, 1]},
                      "learning_rounds": rounds},
        )  # fmt: skip
        found = make_tables(scenario, make_world(scenario, 1), 1).minds["threshold"][1:]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
