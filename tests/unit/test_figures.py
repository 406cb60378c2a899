"""Figures: what is drawn is what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import num2date
from matplotlib.patches import Rectangle

from sim.errors import InputError
from sim.measures.bands import simultaneous_band
from sim.study.figures import (
    Marks,
    decisions_over_time,
    first_hearing,
    last_touch,
    paired_difference,
    people_on_squares,
    posts_per_minute,
    squares_by_province,
)
from sim.study.figures.replicates import t_band
from sim.study.figures.style import area_style, arm_style, readable
from tests.unit.figure_tables import (
    CURVES,
    DECIDED,
    MARKS,
    PROVINCES,
    START,
    T_1,
    T_2,
    TIMES,
    ZONE,
    assert_apart,
    at,
    band_at,
    boxes,
    legend_texts,
    line,
    make_outcomes,
    make_squares,
    named,
    panel,
    table,
)

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
    looks = {(str(look["linestyle"]), look["marker"]) for look in map(arm_style, range(20))}
    assert len(looks) == 20
    areas = {(look["facecolor"], look["hatch"]) for look in map(area_style, range(11))}
    assert len(areas) == 11


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
    assert legend_texts(ax) == [
        "throttled − open, n = 3 paired replicates",
        "mean and pointwise 95 % t band",
        "simultaneous 95 % band, all times shown at once",
    ]
    assert line(ax, "zero").tolist() == [0, 0]


def test_difference_has_the_simultaneous_band_of_the_minutes_shown():
    noise = np.random.default_rng(4).normal(0, 1e5, len(CURVES))
    curves = CURVES.assign(value=CURVES["value"] + noise)
    marks = MARKS.between(TIMES[50], TIMES[110])
    ax = paired_difference(panel(), curves, marks, "open", "throttled")
    rows = curves[curves["curve"] == "on_squares"].pivot(index="time", columns=["arm", "replicate"], values="value")
    values = (rows["throttled"] - rows["open"]).loc[TIMES[50] : TIMES[109]].to_numpy().T
    band = simultaneous_band(values)
    edges = [each.get_ydata() for each in ax.lines if each.get_gid() == "simultaneous throttled"]
    np.testing.assert_allclose(edges, [band.low_simultaneous, band.high_simultaneous], rtol=1e-12)
    assert legend_texts(ax)[2].startswith("simultaneous 95 % band")


def test_two_pairs_have_no_simultaneous_band():
    ax = paired_difference(panel(), CURVES[CURVES["replicate"] < 2], MARKS, "open", "throttled")
    assert not [each for each in ax.lines if str(each.get_gid()).startswith("simultaneous")]
    assert len(legend_texts(ax)) == 2


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
    (top,) = named(ax, "area Drums")
    np.testing.assert_allclose(top.get_paths()[0].vertices[:, 1].max(), 100 * 7.001e6 * 1.01 / 10e6)
    texts = legend_texts(ax)
    expected = ["Drums: 0.0 %", "WhatsApp: 10.1 %", "Twitter: 20.2 %", "Other television: 40.4 %"]
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


def test_first_hearing_shows_a_short_rest_of_the_period_for_its_values_are_those_of_the_end():
    for hours, expected in ((6, 0), (23, 17)):  # until 03:00, all have heard at midnight
        marks = Marks(START, START + pd.Timedelta(hours=hours), zone=ZONE)
        last = CURVES[(CURVES["time"] == TIMES[-1]) & CURVES["curve"].str.startswith("heard_")]
        later = [last.assign(time=when) for when in pd.date_range(TIMES[-1], marks.end, freq="h")[1:]]
        ax = first_hearing(panel(), pd.concat([CURVES, *later]), marks, "open")
        shown = num2date(ax.get_xlim()[1]) + pd.Timedelta(hours=expected)
        assert abs(shown - marks.end) <= pd.Timedelta(hours=1)


def test_decisions_are_people_per_hour_stacked_to_all_first_decisions():
    ax = decisions_over_time(panel(), CURVES, MARKS, "open", minutes=15)
    inside = (at("22:45") <= TIMES) & (at("00:15") > TIMES)
    # 1,000 people a minute in the first replicate, 2,000 and 3,000 in the others.
    np.testing.assert_allclose(line(ax, "total")[inside], 60 * 2000.0)
    edge = np.flatnonzero(at("22:30") == TIMES)[0]
    np.testing.assert_allclose(line(ax, "total")[edge], 60 * 2000.0 * 8 / 15)  # 7 of the 15 minutes lie before
    (television,) = named(ax, "area Other television")
    np.testing.assert_allclose(television.get_paths()[0].vertices[:, 1].max(), 60 * 2 * DECIDED["television"])
    assert ax.get_ylim()[0] == 0
    assert "last exposure before deciding\n(last touch, not cause)\n(15-minute centred mean)" in ax.get_ylabel()
    texts = ["2 others: 0.1 %", "Crowd: 9.9 %", "Twitter: 30.0 %", "Other television: 60.0 %"]
    assert legend_texts(ax)[:5] == [*texts, "all first decisions: 240 k people"]
    assert num2date(ax.get_xlim()[0]) == at("22:00")


def test_a_channel_looks_the_same_in_both_figures_of_channels():
    shuffled = CURVES.sort_values("curve", ascending=False)
    axes = first_hearing(panel(), shuffled, MARKS, "open"), decisions_over_time(panel(), shuffled, MARKS, "open")
    for channel in ("Twitter", "Other television"):
        (one,), (other,) = (named(ax, f"area {channel}") for ax in axes)
        assert one.get_hatch() == other.get_hatch()
        np.testing.assert_array_equal(one.get_facecolor(), other.get_facecolor())
    (crowd,) = named(axes[1], "area Crowd")
    assert (crowd.get_hatch(), *crowd.get_facecolor()[0]) not in [
        (area.get_hatch(), *area.get_facecolor()[0])
        for ax in axes
        for area in ax.collections
        if str(area.get_gid()).startswith("area") and area is not crowd
    ]


def test_decisions_may_go_without_a_legend_and_need_their_curves():
    assert decisions_over_time(panel(), CURVES, MARKS, "open", legend=False, title="x").get_legend() is None
    with pytest.raises(InputError, match="no 'decided_<channel>'"):
        decisions_over_time(panel(), CURVES[CURVES["curve"] == "on_squares"], MARKS, "open")


def test_nobody_decides_on_a_quiet_night():
    quiet = CURVES.assign(value=0.0)
    ax = decisions_over_time(panel(), quiet, MARKS, "open")
    assert not line(ax, "total").any()
    assert "all first decisions: 0 people" in legend_texts(ax)


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


def test_small_channels_of_last_touch_share_a_row_that_says_who_they_are():
    few = [("tipped_by_crowd", 0.0), ("tipped_by_youtube", 0.0004), ("first_heard_youtube", 0.0006)]
    rows = [("open", r, outcome, share * (1 + r), "share") for r in range(2) for outcome, share in few]
    outcomes = make_outcomes(2)
    ax = last_touch(panel(), pd.concat([outcomes, pd.DataFrame(rows, columns=outcomes.columns)]), "open")
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "2 others"
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches][3::4], [0.06, 0.09])
    assert "2 others, each below 0.1 %: Crowd, YouTube" in legend_texts(ax)
    # One alone keeps its name.
    alone = [row for row in rows if row[2] != "tipped_by_crowd"]
    ax = last_touch(panel(), pd.concat([outcomes, pd.DataFrame(alone, columns=outcomes.columns)]), "open")
    assert [label.get_text() for label in ax.get_yticklabels()][-1] == "YouTube"


def test_a_band_far_wider_than_its_line_leaves_the_axes_and_the_legend_says_so():
    wild = CURVES[CURVES["replicate"] < 2].copy()
    wild.loc[wild["replicate"] == 1, "value"] *= 3
    ax = people_on_squares(panel(), wild, MARKS)
    highest = max(line(ax, f"mean {arm}").max() for arm in ("open", "throttled"))
    assert 2 * highest <= ax.get_ylim()[1] < 2.5 * highest
    (band,) = named(ax, "band open")
    assert band.get_paths()[0].vertices[:, 1].max() > ax.get_ylim()[1]
    assert legend_texts(ax)[-1].endswith("n = 2 replicates, cut off by the axis")
    assert "cut off" not in legend_texts(people_on_squares(panel(), CURVES, MARKS))[-1]


def test_legend_shows_the_bands_in_their_own_colours_and_not_in_that_of_the_window():
    ax = people_on_squares(panel(), CURVES, MARKS)
    ax.figure.draw_without_rendering()
    swatches = [tuple(patch.get_facecolor()) for patch in ax.get_legend().findobj(Rectangle)]
    bands = [tuple(named(ax, f"band {arm}")[0].get_facecolor()[0]) for arm in ("open", "throttled")]
    assert swatches == bands
    assert tuple(named(ax, "window")[0].get_facecolor()) not in swatches
