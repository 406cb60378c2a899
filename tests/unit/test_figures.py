"""Figures: what is drawn is what the tables say, and no label lies over another."""

import sys
from itertools import combinations, pairwise

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.dates import num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.errors import InputError
from sim.study import figures, style
from sim.study.figures import (
    first_hearing,
    last_touch,
    paired_difference,
    people_on_squares,
    posts_per_minute,
    squares_by_province,
    t_band,
    write_all,
)
from sim.study.style import Marks, figure, flag_rows, place_boxes, readable

ZONE = "Europe/Istanbul"
START = pd.Timestamp("2016-07-15 21:00", tz=ZONE)
N = 360  # minutes, until 03:00
TIMES = pd.date_range(START, periods=N, freq="min")
# Student's t at 97.5 %, with 1 and 2 degrees of freedom, from its closed forms.
T_1 = np.tan(np.pi * 0.475)
T_2 = 0.95 / np.sqrt(2 * 0.975 * 0.025)
CHANNELS = ("television", "twitter", "whatsapp", "drums")


def at(clock: str) -> pd.Timestamp:
    """Return a time of the night: before noon it is the 16th."""
    return pd.Timestamp(f"2016-07-{15 if clock >= '12' else 16} {clock}", tz=ZONE)


MARKS = Marks(
    START,
    START + pd.Timedelta(minutes=N),
    windows=((at("22:50"), at("01:00"), "throttle", 0.5),),
    calls=((at("00:24"), "FaceTime"), (at("00:26"), "tweet")),
    observed=((at("22:00"), at("00:00"), 1.2e6, "before midnight"),),
    zone=ZONE,
)


def make_curves(arms=("open", "throttled"), replicates=3) -> pd.DataFrame:
    minute = np.arange(N)
    frames = []
    for a, arm in enumerate(arms):
        for replicate in range(replicates):
            noise = np.random.default_rng((a, replicate)).normal(size=N)
            columns = {
                "published_twitter": 9000 + 500 * replicate - 3000 * a * (minute > 110) + 100 * noise,
                "on_squares": np.maximum(0, minute - 60) * (1000.0 + 100 * replicate - 200 * a),
            }
            for c, channel in enumerate(CHANNELS):
                final = (4e6, 2e6, 1e6, 1e3)[c] * (1 + 0.01 * replicate)
                columns[f"heard_{channel}"] = final * np.clip((minute - 60) / 120, 0, 1)
            for curve, value in columns.items():
                frame = {"arm": arm, "replicate": replicate, "time": TIMES, "curve": curve, "value": value}
                frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


CURVES = make_curves()
PROVINCES = pd.DataFrame(
    {
        "province": [f"Province {i}" for i in range(15)],
        "latitude": [41.0, 40.9, 40.8, *np.linspace(36, 42, 12)],
        "longitude": [29.0, 29.1, 29.2, *np.linspace(27, 44, 12)],
        "population": np.arange(15, 0, -1) * 100_000,
    }
)


def make_squares(replicates=3) -> pd.DataFrame:
    """Return peaks of (15 - i) x (1 + replicate) thousand people in province i, none in the last."""
    rows = [
        ("open", replicate, time, f"Province {i}", share * (15 - i) * 1000.0 * (1 + replicate))
        for replicate in range(replicates)
        for i in range(14)
        for time, share in ((TIMES[0], 0.2), (TIMES[100], 1.0), (TIMES[200], 0.5))
    ]
    return pd.DataFrame(rows, columns=["arm", "replicate", "time", "province", "value"])


def make_outcomes(replicates=3) -> pd.DataFrame:
    rows = [
        ("open", replicate, prefix + channel, share + 0.01 * replicate, "share")
        for replicate in range(replicates)
        for prefix, shares in (("tipped_by_", (0.2, 0.5, 0.3)), ("first_heard_", (0.6, 0.3, 0.1)))
        for channel, share in zip(CHANNELS, shares, strict=False)
    ]
    rows.append(("open", 0, "participants", 1e6, "people"))
    return pd.DataFrame(rows, columns=["arm", "replicate", "outcome", "value", "unit"])


def table(curve: str, arm: str, curves: pd.DataFrame = CURVES) -> np.ndarray:
    rows = curves[(curves["curve"] == curve) & (curves["arm"] == arm)]
    return rows.pivot(index="time", columns="replicate", values="value").to_numpy()


def panel(height=2.8, width=6.2):
    return figure((height,), width=width)[1][0]


def named(ax, gid: str):
    found = [artist for artist in ax.get_children() if artist.get_gid() == gid]
    assert found, f"nothing is called {gid}"
    return found


def line(ax, gid: str) -> np.ndarray:
    (artist,) = named(ax, gid)
    return np.asarray(artist.get_ydata(orig=False))


def band_at(ax, gid: str, time: pd.Timestamp) -> list[float]:
    """Return lower and upper edge of a band at a time."""
    (band,) = named(ax, gid)
    corners = band.get_paths()[0].vertices
    edges = corners[np.abs(corners[:, 0] - style.to_number(time)) < 1e-6, 1]
    return [edges.min(), edges.max()]


def legend_texts(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def boxes(ax, gid: str):
    return {text.get_text(): text.get_window_extent() for text in named(ax, gid)}


def assert_apart(extents) -> None:
    for (name, a), (other, b) in combinations(extents.items(), 2):
        assert not a.overlaps(b), f"{name!r} lies over {other!r}"


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_band_is_the_t_interval():
    band = t_band(pd.DataFrame([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]]))
    half = T_2 * np.sqrt((4 + 1 + 9) / 2) / np.sqrt(3)  # mean 3, so deviations -2, -1, 3
    np.testing.assert_allclose(band.to_numpy(), [[3, 3 - half, 3 + half], [4, 4, 4]], rtol=1e-12)


def test_band_leaves_out_what_is_missing_and_needs_two():
    band = t_band(pd.DataFrame([[1.0, np.nan, 3.0], [7.0, np.nan, np.nan], [np.nan] * 3]))
    half = T_1 * np.sqrt(2) / np.sqrt(2)
    np.testing.assert_allclose(band.to_numpy()[0], [2, 2 - half, 2 + half], rtol=1e-12)
    assert band["mean"].tolist()[1] == 7
    assert band.loc[1, ["low", "high"]].isna().all()
    assert band.loc[2].isna().all()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (950, "950"),
        (20_000, "20 k"),
        (1_500_000, "1.5 M"),
        (-2_250, "−2.25 k"),
        (0.25, "0.25"),
        (999_950, "1 M"),
        (999.9, "1 k"),
        (2e9, "2 bn"),
    ],
)
def test_numbers_are_readable(value, text):
    assert readable(value) == text


def test_looks_of_arms_differ_without_colour():
    looks = {(str(look["linestyle"]), look["marker"]) for look in map(style.arm_style, range(20))}
    assert len(looks) == 20
    areas = {(look["facecolor"], look["hatch"]) for look in map(style.area_style, range(11))}
    assert len(areas) == 11


# --- marks -----------------------------------------------------------------------------------------------------------


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
        places = rng.integers(0, 100, size=rng.integers(1, 9)).astype(float).tolist()
        spans = [(x - 15, x) if x > 80 else (x, x + rng.integers(5, 40)) for x in places]
        rows = flag_rows(places, spans)
        for i, j in combinations(range(len(places)), 2):
            overlap = spans[i][0] < spans[j][1] and spans[j][0] < spans[i][1]
            assert not (overlap and rows[i] == rows[j])


def test_boxes_take_the_first_free_place():
    crowd = np.array([[5.0, 5.0]])
    candidates = [[(0.0, 0.0), (20.0, 0.0)], [(20.0, 0.0), (95.0, 0.0), (40.0, 0.0)]]
    assert place_boxes([(10, 10), (10, 10)], candidates, crowd, (0, 0, 100, 100)) == [(20.0, 0.0), (40.0, 0.0)]


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


# --- posts and squares -----------------------------------------------------------------------------------------------


def test_lines_and_bands_are_mean_and_t_interval():
    ax = posts_per_minute(panel(), CURVES, MARKS, minutes=1)
    for arm in ("open", "throttled"):
        values = table("published_twitter", arm)
        mean, half = values.mean(axis=1), T_2 * values.std(axis=1, ddof=1) / np.sqrt(3)
        np.testing.assert_allclose(line(ax, f"mean {arm}"), mean, rtol=1e-12)
        at_200 = [mean[200] - half[200], mean[200] + half[200]]
        np.testing.assert_allclose(band_at(ax, f"band {arm}", TIMES[200]), at_200, rtol=1e-12)
    assert "lines are means, bands pointwise 95 % t intervals, n = 3 replicates" in legend_texts(ax)


def test_posts_are_smoothed_by_a_centred_mean_and_the_label_says_so():
    ax = posts_per_minute(panel(), CURVES, MARKS, minutes=5)
    mean = table("published_twitter", "open").mean(axis=1)
    drawn = line(ax, "mean open")
    np.testing.assert_allclose(drawn[100], mean[98:103].mean(), rtol=1e-12)
    np.testing.assert_allclose(drawn[0], mean[:3].mean(), rtol=1e-12)
    assert ax.get_ylabel() == "Posts published on Twitter per minute\n(5-minute centred mean)"


def test_a_zoom_smooths_with_what_lies_outside_of_it():
    ax = posts_per_minute(panel(), CURVES, MARKS.between(TIMES[100], TIMES[200]), minutes=5)
    mean = table("published_twitter", "open").mean(axis=1)
    np.testing.assert_allclose(line(ax, "mean open")[0], mean[98:103].mean(), rtol=1e-12)


def test_observed_totals_stand_beside_the_simulated_mean_of_the_same_minutes():
    ax = posts_per_minute(panel(), CURVES, MARKS)
    assert line(ax, "observed before midnight").tolist() == [1e4, 1e4]
    inside = (at("22:00") <= TIMES) & (at("00:00") > TIMES)
    for arm in ("open", "throttled"):
        np.testing.assert_allclose(
            line(ax, f"simulated {arm} before midnight"), table("published_twitter", arm)[inside].mean()
        )
    assert list(boxes(ax, "observed label")) == ["observed 1.2 M (before midnight)"]


def test_an_observed_interval_that_is_not_simulated_whole_has_no_marker():
    late = CURVES[CURVES["time"] >= at("22:30")]
    ax = posts_per_minute(panel(), late, MARKS)
    assert named(ax, "observed before midnight")
    assert not [artist for artist in ax.get_children() if str(artist.get_gid()).startswith("simulated")]


def test_labels_of_observed_totals_lie_apart_and_inside():
    observed = tuple((at("21:00"), at("23:00"), total, f"source {total}") for total in (1.00e6, 1.02e6, 1.04e6))
    ax = posts_per_minute(panel(), CURVES, Marks(START, at("03:00"), observed=observed))
    extents = boxes(ax, "observed label")
    assert len(extents) == 3
    assert_apart(extents)
    room = ax.get_window_extent()
    assert all(room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 for box in extents.values())


def test_ordinary_night_is_drawn_from_the_nulls():
    posts = CURVES[(CURVES["curve"] == "published_twitter") & (CURVES["arm"] == "open")]
    first, second = (posts[posts["replicate"] == replicate].assign(null="ordinary") for replicate in (0, 1))
    keyboard = first.assign(null="keyboard", value=0.0)
    nulls = pd.concat([first.assign(value=4000.0), second.assign(value=6000.0), keyboard])
    ax = posts_per_minute(panel(), CURVES, MARKS, nulls=nulls)
    assert set(line(ax, "ordinary")) == {5000.0}
    assert "ordinary night (mean, n = 2)" in legend_texts(ax)


def test_one_replicate_has_no_band_and_says_so():
    ax = people_on_squares(panel(), CURVES[CURVES["replicate"] == 0], MARKS)
    assert not [artist for artist in ax.get_children() if str(artist.get_gid()).startswith("band")]
    assert "n = 1 replicate: no band" in legend_texts(ax)


def test_arms_with_different_numbers_of_replicates_are_counted_apart():
    fewer = CURVES[(CURVES["arm"] == "open") | (CURVES["replicate"] < 2)]
    ax = people_on_squares(panel(), fewer, MARKS)
    assert any("n = 3 (open), 2 (throttled) replicates" in text for text in legend_texts(ax))


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        (CURVES.drop(columns="arm"), "lack \\['arm'\\]"),
        (CURVES[CURVES["curve"] != "on_squares"], "no 'on_squares'"),
        (CURVES.assign(time=CURVES["time"].dt.tz_localize(None)), "timestamps with a zone"),
        (pd.concat([CURVES, CURVES]), "more than once"),
        (CURVES.assign(time=CURVES["time"] + pd.Timedelta(days=9)), "hold nothing from"),
    ],
)
def test_wrong_tables_are_refused_in_a_sentence(curves, message):
    with pytest.raises(InputError, match=message):
        people_on_squares(panel(), curves, MARKS)


# --- differences -----------------------------------------------------------------------------------------------------


def test_difference_is_paired_by_replicate():
    ax = paired_difference(panel(), CURVES, MARKS, "open", "throttled")
    values = table("on_squares", "throttled") - table("on_squares", "open")
    np.testing.assert_allclose(line(ax, "mean throttled"), values.mean(axis=1), rtol=1e-12)
    # The pairs agree exactly, so the band has no width although each arm varies.
    np.testing.assert_allclose(band_at(ax, "band throttled", TIMES[200]), -200.0 * (200 - 60), rtol=1e-12)
    assert legend_texts(ax) == ["throttled − open, n = 3 paired replicates", "mean and pointwise 95 % t band"]
    assert line(ax, "zero").tolist() == [0, 0]


def test_difference_uses_only_replicates_that_both_arms_have():
    fewer = CURVES[(CURVES["arm"] == "open") | (CURVES["replicate"] > 0)]
    ax = paired_difference(panel(), fewer, MARKS, "open", "throttled", "published_twitter")
    values = (table("published_twitter", "throttled") - table("published_twitter", "open"))[:, 1:]
    np.testing.assert_allclose(line(ax, "mean throttled"), values.mean(axis=1), rtol=1e-12)
    assert legend_texts(ax)[0].endswith("n = 2 paired replicates")


def test_cumulative_difference_sums_from_the_start_of_the_period():
    marks = MARKS.between(TIMES[50], None)
    ax = paired_difference(panel(), CURVES, marks, "open", "throttled", "published_twitter", cumulative=True)
    values = (table("published_twitter", "throttled") - table("published_twitter", "open"))[50:]
    np.testing.assert_allclose(line(ax, "mean throttled"), values.mean(axis=1).cumsum(), rtol=1e-9)
    assert ax.get_ylabel() == "Difference in\nposts published on Twitter,\nsummed from 21:50"


def test_difference_needs_known_arms_and_common_replicates():
    with pytest.raises(InputError, match="no arm 'dark', expected one of \\['open', 'throttled'\\]"):
        paired_difference(panel(), CURVES, MARKS, "open", "dark")
    apart = CURVES[(CURVES["arm"] == "open") == (CURVES["replicate"] == 0)]
    with pytest.raises(InputError, match="share no replicate"):
        paired_difference(panel(), apart, MARKS, "open", "throttled")


# --- hearing, provinces, last touch ----------------------------------------------------------------------------------


def test_first_hearing_stacks_to_all_who_have_heard():
    ax = first_hearing(panel(), CURVES, MARKS, "open", population=10e6)
    np.testing.assert_allclose(line(ax, "total")[-1], 100 * 7.001e6 * 1.01 / 10e6)
    (top,) = named(ax, "area 1 other channel")
    np.testing.assert_allclose(top.get_paths()[0].vertices[:, 1].max(), 100 * 7.001e6 * 1.01 / 10e6)
    texts = legend_texts(ax)
    expected = ["1 other channel: 0.0 %", "WhatsApp: 10.1 %", "Twitter: 20.2 %", "Other television: 40.4 %"]
    assert texts[:5] == [*expected, "all channels: 70.7 %"]
    assert ax.get_legend().get_title().get_text() == "at the end (16 Jul 03:00)"
    assert num2date(ax.get_xlim()[0]) == at("22:00")


def test_first_hearing_counts_people_without_a_population():
    ax = first_hearing(panel(), CURVES, MARKS, "open")
    assert "Twitter: 2.02 M" in legend_texts(ax)
    with pytest.raises(InputError, match="population is 0"):
        first_hearing(panel(), CURVES, MARKS, "open", population=0)


def test_an_unknown_channel_keeps_its_own_name():
    ax = first_hearing(panel(), CURVES, MARKS, "open", smallest=0)
    assert any(text.startswith("Drums: ") for text in legend_texts(ax))


def test_map_shows_peaks_as_areas_and_shares_as_greys():
    ax = squares_by_province(panel(), make_squares(), PROVINCES, "open")
    (circles,) = named(ax, "provinces")
    sizes, people = circles.get_sizes(), np.arange(15, 1, -1) * 2000.0
    np.testing.assert_allclose(sizes[:14] / sizes[0], people / people[0])
    np.testing.assert_allclose(circles.get_array()[:14], 20.0)  # 2,000 people for each 100,000 inhabitants
    assert circles.get_array()[14] == 0
    extents = boxes(ax, "province label")
    assert len(extents) == 10
    assert "Province 0 30 k" in extents
    assert_apart(extents)


def test_ranked_bars_are_mean_peaks_with_intervals():
    ax = squares_by_province(panel(), make_squares(), PROVINCES, "open", view="ranked", largest=3)
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [30_000, 28_000, 26_000])
    ends = ax.collections[0].get_segments()[0][:, 0]
    half = T_2 * 15_000 / np.sqrt(3)  # peaks of 15, 30 and 45 thousand
    np.testing.assert_allclose(ends, [30_000 - half, 30_000 + half])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Province 0", "Province 1", "Province 2"]
    assert [text.get_text() for text in ax.texts][1:] == ["20.0", "20.0", "20.0"]


def test_provinces_refuse_unknown_names():
    with pytest.raises(InputError, match="Atlantis"):
        squares_by_province(panel(), make_squares().assign(province="Atlantis"), PROVINCES, "open")


def test_last_touch_draws_both_shares_and_says_that_it_is_no_cause():
    ax = last_touch(panel(), make_outcomes(), "open")
    assert "last exposure before deciding (last touch, not cause)" in ax.get_xlabel()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["Twitter", "WhatsApp", "Other television"]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [51, 31, 21, 31, 11, 61])
    half = 100 * T_2 * 0.01 / np.sqrt(3)
    np.testing.assert_allclose(ax.collections[0].get_segments()[0][:, 0], [51 - half, 51 + half])
    assert legend_texts(ax)[-1] == "bars are means, whiskers 95 % t intervals, n = 3 replicates"


def test_last_touch_of_one_replicate_or_of_mixed_units():
    ax = last_touch(panel(), make_outcomes(replicates=1), "open")
    assert not ax.collections
    assert legend_texts(ax)[-1] == "n = 1 replicate: no interval"
    mixed = make_outcomes()
    mixed.loc[0, "unit"] = "people"
    with pytest.raises(InputError, match="have the units \\['people', 'share'\\]"):
        last_touch(panel(), mixed, "open")


# --- files and manners -----------------------------------------------------------------------------------------------


def test_write_all_writes_whole_files_without_pyplot(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now fails
    arms = ["open", "throttled"]
    squares = pd.concat([make_squares(2).assign(arm=arm) for arm in arms])
    outcomes = pd.concat([make_outcomes(2).assign(arm=arm) for arm in arms])
    written = write_all(tmp_path / "figures", CURVES, None, squares, outcomes, PROVINCES, MARKS, dpi=50)
    assert written.skipped == {}
    names = ["posts.png", "squares.png", "first_hearing.png", "difference.png", "provinces.png", "last_touch.png"]
    assert written.paths == [tmp_path / "figures" / name for name in names]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(names)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written.paths)


def test_write_all_says_why_a_figure_is_missing(tmp_path):
    curves = make_curves(("open",), 1)
    written = write_all(tmp_path, curves[curves["curve"] == "on_squares"], None, None, None, None, MARKS, dpi=30)
    assert [path.name for path in written.paths] == ["squares.png"]
    missing = ["posts.png", "first_hearing.png", "difference.png", "provinces.png", "last_touch.png"]
    assert list(written.skipped) == missing
    assert written.skipped["difference.png"] == "there is only the arm 'open', and a difference needs two"
    assert "published_twitter" in written.skipped["posts.png"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "squares.png").write_bytes(b"old")

    def break_off(self, path, **_):
        path.write_bytes(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(Figure, "savefig", break_off)
    curves = CURVES[CURVES["curve"] == "on_squares"]
    with pytest.raises(OSError, match="disk is full"):
        write_all(tmp_path, curves, None, None, None, None, MARKS)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("squares.png", b"old")]


def test_panels_of_a_figure_keep_clear_of_each_other():
    calls = tuple((at("22:00") + pd.Timedelta(minutes=9 * i), f"a call, the {i}th") for i in range(8))
    marks = Marks(START, at("03:00"), MARKS.windows, calls)
    drawing = figures._hearing_figure(CURVES, marks, ["open", "throttled"], 10e6)
    extents = [ax.get_tightbbox() for ax in drawing.axes]
    assert all(above.y0 > below.y1 for above, below in pairwise(extents))
    assert drawing.axes[0].get_xlim() == drawing.axes[1].get_xlim()


def test_three_arms_share_one_difference_figure():
    curves = make_curves(("open", "throttled", "dark"))
    drawing = figures._difference_figure(curves, MARKS, "open", ["throttled", "dark"], "published_twitter")
    top, bottom = drawing.axes
    assert named(top, "mean dark")
    assert legend_texts(bottom)[:2] == [f"{arm} − open, n = 3 paired replicates" for arm in ("throttled", "dark")]
    (dark,) = named(top, "mean dark")
    assert to_rgba(dark.get_color()) == to_rgba(style.arm_style(2)["color"])


def test_the_callers_style_is_left_alone():
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        ax = Figure().add_subplot()
        assert posts_per_minute(ax, CURVES, MARKS) is ax
        assert dict(matplotlib.rcParams) == before
    (mean,) = named(ax, "mean open")
    assert isinstance(mean, Line2D)
    assert mean.get_linewidth() == style.STYLE["lines.linewidth"]
