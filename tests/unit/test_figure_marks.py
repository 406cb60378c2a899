"""Marks of the night on an axis of time: where they stand, and that no label lies over another."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import num2date

from sim.errors import InputError
from sim.study.figures import Marks, first_hearing, people_on_squares
from sim.study.figures.marks import flag_rows
from tests.unit.figure_tables import CURVES, MARKS, START, ZONE, assert_apart, at, boxes, legend_texts, named, panel


def test_marks_read_naive_times_in_their_zone():
    marks = Marks(pd.Timestamp("2016-07-15"), pd.Timestamp("2016-07-16 21:00", tz="UTC"), zone=ZONE)
    assert marks.start == pd.Timestamp("2016-07-14 21:00", tz="UTC")
    assert str(marks.end) == "2016-07-17 00:00:00+03:00"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"end": START}, "the period ends"),
        ({"windows": ((at("01:00"), at("00:00"), "w", 1.0),)}, "the window 'w' ends"),
        ({"windows": ((at("00:00"), at("01:00"), "w", 1.5),)}, "severity 1.5"),
        ({"observed": ((at("01:00"), at("01:00"), 1.0, "x"),)}, "the observed total 'x' ends"),
    ],
)
def test_marks_refuse_nonsense(change, message):
    with pytest.raises(InputError, match=message):
        Marks(**({"start": START, "end": START + pd.Timedelta(days=1)} | change))


def test_window_is_shaded_and_calls_are_marked_at_their_time():
    ax = people_on_squares(panel(), CURVES, MARKS)
    (window,) = named(ax, "window")
    edges = [num2date(x).replace(microsecond=0) for x in (window.get_x(), window.get_x() + window.get_width())]
    assert edges == [at("22:50"), at("01:00")]
    calls = [num2date(mark.get_xdata()[0]) for mark in named(ax, "call")]
    assert [call.replace(microsecond=0) for call in calls] == [at("00:24"), at("00:26")]
    assert set(boxes(ax, "flag")) == {"throttle 22:50–01:00 (severity 0.5)", "FaceTime 00:24", "tweet 00:26"}


def test_a_heavier_throttle_is_darker_and_one_out_of_sight_is_not_drawn():
    windows = (
        (at("21:30"), at("22:00"), "light", 0.1),
        (at("22:30"), at("23:00"), "heavy", 1.0),
        (at("05:00"), at("06:00"), "later", 1.0),
    )
    ax = people_on_squares(panel(), CURVES, Marks(START, at("03:00"), windows))
    light, heavy = named(ax, "window")
    assert light.get_facecolor()[0] > heavy.get_facecolor()[0]
    assert not any("later" in text for text in boxes(ax, "flag"))


def test_in_front_of_areas_the_window_is_a_veil_of_the_same_grey():
    (behind,) = named(people_on_squares(panel(), CURVES, MARKS), "window")
    ax = first_hearing(panel(), CURVES, MARKS, "open")
    (veil,) = named(ax, "window")
    red, *_, alpha = veil.get_facecolor()
    assert 1 - alpha * (1 - red) == pytest.approx(behind.get_facecolor()[0])
    areas = [artist for artist in ax.collections if str(artist.get_gid()).startswith("area")]
    (total,) = named(ax, "total")
    assert max(area.get_zorder() for area in areas) < veil.get_zorder() < total.get_zorder()
    edges = [num2date(edge.get_xdata()[0]).replace(microsecond=0) for edge in named(ax, "edge")]
    assert edges == [at("22:50"), at("01:00")]


def test_windows_of_several_arms_are_named_after_them_unless_all_have_the_same():
    (window,) = MARKS.windows
    longer = (window[0], at("02:00"), "throttle", 0.5)
    same = MARKS.throttled({"open": (), "a": (window,), "b": (window,)})
    assert same.windows == (window,)
    other = MARKS.throttled({"open": (), "a": (window,), "b": (window,), "c": (longer,)})
    ax = people_on_squares(panel(), CURVES, other)
    assert {"a, b: throttle 22:50–01:00 (severity 0.5)", "c: throttle 22:50–02:00 (severity 0.5)"} < set(
        boxes(ax, "flag")
    )
    edges = [num2date(edge.get_xdata()[0]).replace(microsecond=0) for edge in named(ax, "edge")]
    assert edges == [at("22:50"), at("01:00"), at("22:50"), at("02:00")]
    assert MARKS.throttled({"open": ()}).windows == ()


def test_open_night_has_no_window():
    ax = people_on_squares(panel(), CURVES, Marks(START, at("03:00")))
    assert not [artist for artist in ax.get_children() if artist.get_gid() in ("window", "flag", "call")]


@pytest.mark.parametrize("width", [2.0, 3.0, 6.2])
def test_flags_lie_apart_and_no_leader_runs_through_them(width):
    calls = ("21:10", "22:50", "23:05", "00:24", "00:26", "02:40", "02:55")
    marks = Marks(START, at("03:00"), MARKS.windows, tuple((at(clock), f"a call at {clock},") for clock in calls))
    ax = people_on_squares(panel(width=width), CURVES, marks)
    extents = boxes(ax, "flag")
    assert len(extents) == 8
    assert_apart(extents)
    leaders = [text for text in ax.texts if text.arrow_patch is not None]
    assert len(leaders) == 8
    for leader in leaders:
        path = leader.arrow_patch.get_window_extent()
        for name, box in extents.items():
            assert not (box.x0 < path.x0 < box.x1 and path.y1 > box.y0 + 1), f"a leader runs through {name!r}"


def test_too_many_flags_become_numbers_that_the_legend_explains():
    calls = tuple((at("22:00") + pd.Timedelta(minutes=4 * i), f"call {i}") for i in range(14))
    ax = people_on_squares(panel(), CURVES, Marks(START, at("03:00"), (), calls))
    extents = boxes(ax, "flag")
    assert set(extents) == {str(i) for i in range(1, 15)}
    assert_apart(extents)
    assert {"1: call 0 22:00", "14: call 13 22:52"} <= set(legend_texts(ax))


def test_flag_rows_keep_flags_apart():
    rng = np.random.default_rng(5)
    for _ in range(200):
        starts = np.sort(rng.integers(0, 100, size=rng.integers(1, 9))).astype(float).tolist()
        spans = [(x, x + rng.integers(5, 40)) for x in starts]
        rows = flag_rows(starts, [right - left for left, right in spans])
        for i, j in combinations(range(len(starts)), 2):
            overlap = spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]
            assert not (overlap and rows[i] == rows[j])
            # The leader of j rises from its start to its own row, and the text of i must not be in its way.
            assert not (spans[i][0] <= starts[j] < spans[i][1] and rows[i] < rows[j])


def test_axis_names_the_zone_of_the_data_and_dates_midnight():
    ax = people_on_squares(panel(), CURVES, MARKS)
    assert ax.get_xlabel() == "Europe/Istanbul local time, 2016"
    ax.figure.draw_without_rendering()
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    assert ticks[0] == "21:00\n15 Jul"
    assert "00:00\n16 Jul" in ticks
    ax = people_on_squares(panel(), CURVES.assign(time=CURVES["time"].dt.tz_convert("UTC")), MARKS)
    assert ax.get_xlabel() == "UTC local time, 2016"
    assert "FaceTime 21:24" in boxes(ax, "flag")
