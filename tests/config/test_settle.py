"""Edits of the timeline and of the throttle's windows by configuration: the same scenario as if it had been written so."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

import sim
from sim.config import compose_tree, load, plan_of
from sim.errors import InputError
from sim.scenario import Scenario, validate
from sim.settle import settle
from sim.study.folder import marks_of
from sim.timeline import is_below
from tests.config.test_options import SMALL, changed

NIGHT = load(SMALL)


def written(*, without: tuple[str, ...] = (), shift: dict[str, float] | None = None) -> Scenario:
    """Return the night with its list of entries written otherwise, entry by entry."""
    tree = NIGHT.model_dump()
    entries = [e for e in tree["scenario"]["timeline"] if e["tag"] not in without]
    for entry in entries:
        by = timedelta(minutes=(shift or {}).get(entry["tag"], 0))
        entry["time"] += by
        if entry["repeat_until"] is not None:
            entry["repeat_until"] += by
    return validate(changed(tree, ("scenario", "timeline"), entries))


ALL = ("facetime/airing", "facetime/rerun", "facetime/late_rerun")
QUOTED = ("quoted/twitter", "quoted/facebook", "quoted/youtube")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("scenario.without=[facetime]", written(without=ALL)),
        ("scenario.without=[facetime/rerun,facetime/late_rerun]", written(without=ALL[1:])),
        ("scenario.without=[facetime,quoted]", written(without=ALL + QUOTED)),
        ("scenario.without=[]", NIGHT),
        ("scenario.shift_minutes={}", NIGHT),
        ("scenario.shift_minutes={facetime: 0}", NIGHT),
        ("scenario.shift_minutes={facetime: -60}", written(shift=dict.fromkeys(ALL, -60))),
        (
            "scenario.shift_minutes={facetime/airing: 2.5, quoted: -30}",
            written(shift=dict.fromkeys(QUOTED, -30) | {ALL[0]: 2.5}),
        ),
    ],
)
def test_an_edited_timeline_is_the_one_that_could_have_been_written(override: str, expected: Scenario) -> None:
    edited = load(SMALL, override)
    assert edited == expected
    assert edited.content_hash == expected.content_hash


def test_entries_that_are_left_out_are_not_moved_as_well() -> None:
    edited = load(SMALL, "scenario.without=[facetime/rerun]", "scenario.shift_minutes={facetime: -60}")
    assert edited == written(without=(ALL[1],), shift=dict.fromkeys(ALL, -60))


def test_the_night_without_the_call_is_the_night_without_its_tag() -> None:
    assert NIGHT.null_night("without_call") == load(SMALL, "scenario.without=[facetime]")
    assert NIGHT.null_night("without_call") != NIGHT


def test_windows_of_outcomes_stay_where_they_are() -> None:
    for override in ("scenario.without=[facetime,quoted]", "scenario.shift_minutes={facetime: -60}"):
        assert load(SMALL, override).scenario.accounting == NIGHT.scenario.accounting


@pytest.mark.parametrize("throttle", ["july15", "early", "long", "total"])
def test_a_window_is_moved_by_short_keys(throttle: str) -> None:
    plain = load(SMALL, f"throttle={throttle}").model_dump()
    edited = load(SMALL, f"throttle={throttle}", "throttle.severity=0.25", "throttle.start='2016-07-15 21:30'")
    assert len(plain["throttle"]["windows"]) == 1
    window = plain["throttle"]["windows"][0]
    moved = window | {"severity": 0.25, "start": window["start"].replace(day=15, hour=21, minute=30)}
    assert edited == validate(changed(plain, ("throttle", "windows"), [moved]))


def test_every_window_is_changed_and_no_window_is_none() -> None:
    two = [{"channels": ["twitter"], "start": f"2016-07-15 {hour}:00", "end": "2016-07-16 01:00", "severity": 0.1}
           for hour in (20, 21)]  # fmt: skip
    found = settle({"throttle": {"windows": two, "severity": 0.5, "start": None, "push": 1}})
    assert found == {"throttle": {"windows": [window | {"severity": 0.5} for window in two], "push": 1}}
    assert load(SMALL, "throttle=none", "throttle.severity=0.5") == load(SMALL, "throttle=none")


def test_what_is_given_is_not_changed() -> None:
    tree: dict[str, Any] = {
        "scenario": {"without": ["a"], "shift_minutes": {"b": 1},
                     "timeline": [{"tag": "a/b"}, {"tag": "b", "time": "2016-07-15 22:00"}]},
        "throttle": {"windows": [{"severity": 0.1}], "severity": 0.5},
    }  # fmt: skip
    before = copy.deepcopy(tree)
    settle(tree)
    assert tree == before


def test_a_tag_holds_those_below_it_and_no_others() -> None:
    assert is_below("facetime/rerun", "facetime")
    assert not is_below("facetime", "facetime/rerun")
    assert not is_below("facetimes", "facetime")
    assert not is_below("", "facetime")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["scenario.without=[facetimes]"], "scenario.without names 'facetimes', expected a tag of scenario.timeline "
         "(facetime, facetime/airing, facetime/rerun, facetime/late_rerun, quoted, quoted/twitter, quoted/facebook, "
         "quoted/youtube, mass_text); correct its name."),
        (["scenario.without=['']"], "names ''"),
        (["scenario.without=facetime"], "write scenario.without=[facetime]."),
        (["scenario.shift_minutes={call: 5}"], "scenario.shift_minutes names 'call', expected a tag"),
        (["scenario.shift_minutes=5"], "scenario.shift_minutes is 5, expected minutes by tag"),
        (["scenario.shift_minutes={facetime: soon}"], "scenario.shift_minutes.facetime is 'soon', expected a number"),
        (["scenario.shift_minutes={facetime: true}"], "scenario.shift_minutes.facetime is True, expected a number"),
        (["scenario.shift_minutes={facetime: .inf}"], "expected a number of minutes"),
        (["scenario.shift_minutes={facetime: 1e12}"], "expected minutes that leave the entry within the scenario"),
        (["scenario.shift_minutes={facetime: -6000}"], "time is 2016-07-11 20:24:00, expected within the scenario"),
        (["scenario.shift_minutes={facetime: 5, facetime/rerun: 6}"], "by facetime and by facetime/rerun, expected one"),
        (["classic=watts", "scenario.without=[facetime]"], "no entry of scenario.timeline has a tag; give"),
        (["throttle.severity=2"], "throttle.windows.0.severity is 2"),
        (["throttle.end='2016-07-15 20:00'"], "expected later than start"),
    ],
)  # fmt: skip
def test_edits_that_mean_nothing_are_said_in_one_sentence(overrides: list[str], says: str) -> None:
    with pytest.raises(InputError) as caught:
        load(SMALL, *overrides)
    assert says in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_faults_of_the_list_itself_are_told_by_its_validation() -> None:
    tree = NIGHT.model_dump()
    for timeline, says in (
        (3, "scenario.timeline"),
        ([3], "scenario.timeline.0"),
        ([{"tag": "x", "time": "soon"}], "time"),
    ):
        night = tree["scenario"] | {"timeline": timeline, "shift_minutes": {"x": 1} if timeline != [3] else None}
        with pytest.raises(InputError, match=says):
            validate(settle(tree | {"scenario": night}))


def test_an_edited_night_is_simulated() -> None:
    """Few people hear of it by FaceTime where it is left out: nobody."""
    for override, is_heard in ((), True), (("scenario.without=[facetime]",), False):
        found = sim.simulate(load("population.size=1000", *override), 1).outcomes.set_index("outcome")["numerator"]
        assert (found["first_heard_facetime"] > 0) == is_heard


def test_figures_mark_the_call_where_it_is() -> None:
    observed = plan_of(compose_tree([])).observed
    for overrides, expected in (
        ([], {"FaceTime call": "00:24", "mass text": "13:27"}),
        (["scenario.shift_minutes={facetime: -60}"], {"FaceTime call": "23:24", "mass text": "13:27"}),
        (["scenario.without=[facetime/airing]"], {"FaceTime call": "00:30", "mass text": "13:27"}),
        (["scenario.without=[facetime,mass_text]"], {}),
    ):
        marks = marks_of(load(SMALL, *overrides), observed)
        assert {label: f"{time:%H:%M}" for time, label in marks.calls} == expected
