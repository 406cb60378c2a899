"""Bands of curves and the table of their paired differences: by hand, against obvious twins, and invariances."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit

from sim.errors import InputError
from sim.measures.bands import AROUND, CURVE_CONTRAST_COLUMNS, curve_contrast_table, simultaneous_band, standard_curves
from sim.measures.intervals import mean_t, paired_t

LEVEL = 0.95


def curves_of(seed=0, n=4, arms=("open", "throttled", "long"), names=("on_squares", "heard"), times=6):
    rng = np.random.default_rng(seed)
    moments = pd.date_range("2016-07-15 22:00", periods=times, freq="min", tz="Europe/Istanbul")
    return pd.DataFrame(
        [
            (arm, replicate, moment, name, float(rng.integers(0, 50)))
            for arm in arms
            for replicate in range(n)
            for name in names
            for moment in moments
        ],
        columns=["arm", "replicate", "time", "curve", "value"],
    )


def walks(seed, n=8, times=50):
    return np.random.default_rng(seed).standard_normal((n, times)).cumsum(axis=1)


# -- the critical value ------------------------------------------------------------------------------------------------


def test_one_time_has_the_t_interval():
    values = np.array([1.0, 4.0, 4.0, 7.0])
    band, interval = simultaneous_band(values[:, None]), mean_t(values)
    assert (band.low[0], band.high[0]) == pytest.approx((interval.low, interval.high))
    assert (band.low_simultaneous[0], band.high_simultaneous[0]) == pytest.approx((interval.low, interval.high))


def test_two_times_at_a_right_angle_by_hand():
    """Residuals (1, -1, 0, 0) and (0, 0, 1, -1): a quarter turn, at which Bonferroni's term is the smaller one."""
    band = simultaneous_band([[1, 0], [-1, 0], [0, 1], [0, -1]])
    c = band.critical
    crossings = 0.5 * (1 + c**2 / 3) ** -1
    assert 2 * stdtr(3, -c) < crossings
    assert c == pytest.approx(stdtrit(3, 1 - 0.05 / 4), rel=1e-9)


def test_a_small_angle_by_hand():
    """Two times whose residuals are 0.1 apart: p(c) + 0.1 / pi (1 + c^2 / nu)^(-(nu - 1) / 2) = 0.05."""
    u, v = np.array([1, -1, 0, 0]) / math.sqrt(2), np.array([0, 0, 1, -1]) / math.sqrt(2)
    values = np.column_stack([5 * u, 0.1 * (math.cos(0.1) * u + math.sin(0.1) * v)]) + 3.0
    c = simultaneous_band(values).critical
    assert 2 * stdtr(3, -c) + 0.1 / math.pi / (1 + c**2 / 3) == pytest.approx(0.05, rel=1e-9)


def test_crossings_of_a_path_are_as_many_as_the_formula_says():
    """T along the great circle x cos s + z sin s crosses c upwards (1 + c^2 / nu)^(-(nu - 1) / 2) / (2 pi) per radian.

    Counted in 20,000 random circles of eight replicates, within five standard errors.
    """
    rng, n, c, n_trials = np.random.default_rng(8), 8, 2.0, 20_000
    s = np.linspace(0.0, 1.0, 60)
    crossings = np.empty(n_trials)
    for trial in range(n_trials):
        x, z = rng.standard_normal((2, n, 1))
        values = x * np.cos(s) + z * np.sin(s)
        above = values.mean(axis=0) / (values.std(axis=0, ddof=1) / math.sqrt(n)) > c
        crossings[trial] = (above[1:] & ~above[:-1]).sum()
    expected = (1 + c**2 / 7) ** -3 / (2 * math.pi)
    assert abs(crossings.mean() - expected) < 5 * crossings.std() / math.sqrt(n_trials)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 12), st.integers(2, 90), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_between_the_pointwise_band_and_bonferronis(seed, n, times, level):
    values = walks(seed, n, times)
    band = simultaneous_band(values, level)
    pointwise, bonferroni = stdtrit(n - 1, (1 + level) / 2), stdtrit(n - 1, 1 - (1 - level) / (2 * times))
    assert pointwise <= band.critical <= bonferroni * (1 + 1e-12)
    errors = np.array([mean_t(values[:, j]).standard_error for j in range(times)])
    for j in range(times):
        interval = mean_t(values[:, j], level)
        around = errors[max(0, j - AROUND) : j + AROUND + 1]
        least = math.sqrt((around**2).mean())
        assert (band.mean[j], band.low[j], band.high[j]) == pytest.approx(
            (interval.estimate, interval.low, interval.high), rel=1e-9, abs=1e-9
        )
        wide = interval.estimate + band.critical * max(interval.standard_error, least)
        assert band.high_simultaneous[j] == pytest.approx(wide, rel=1e-9, abs=1e-9)


def test_scale_shift_sign_and_order_of_replicates_change_nothing():
    values = walks(1)
    scales = np.linspace(-3.0, 4.1, values.shape[1])
    critical = simultaneous_band(values).critical
    assert simultaneous_band(scales * values + 7.0).critical == pytest.approx(critical, rel=1e-9)
    assert simultaneous_band(values[::-1]).critical == pytest.approx(critical, rel=1e-9)
    assert simultaneous_band(values[:, ::-1]).critical == pytest.approx(critical, rel=1e-9)


def test_a_time_that_comes_twice_changes_nothing():
    """As finer minutes of the same straight path would not."""
    values = walks(2)
    assert simultaneous_band(values.repeat(3, axis=1)).critical == pytest.approx(simultaneous_band(values).critical)


def test_no_random_number_is_drawn():
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (simultaneous_band(walks(3)) for _ in range(2))
    assert first.critical == second.critical
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


# -- what does not vary, and what is missing ---------------------------------------------------------------------------


def test_times_far_from_all_that_varies_have_no_width_and_do_not_count():
    values = walks(4)
    far = np.concatenate([np.full((8, 40), 0.1), values, np.full((8, 50), 3e9)], axis=1)
    band, alone = simultaneous_band(far), simultaneous_band(values)
    assert (band.low_simultaneous[: 40 - AROUND] == band.high_simultaneous[: 40 - AROUND]).all()
    assert (band.low_simultaneous[40 - AROUND : 90 + AROUND] < band.high_simultaneous[40 - AROUND : 90 + AROUND]).all()
    assert band.high_simultaneous[-1] == 3e9
    # The times near what varies count, with p(c) each.
    p_values = 2 * stdtr(7, -np.array([band.critical, alone.critical]))
    assert p_values[0] < p_values[1]
    nothing = simultaneous_band(np.zeros((8, 5)))
    assert (nothing.low_simultaneous == 0.0).all()
    assert (nothing.high_simultaneous == 0.0).all()
    assert np.isfinite(nothing.critical)


def test_a_rare_event_has_a_band_before_and_after_it():
    """One count in one of eight replicates: c sqrt(1 / 8 / 61 / 8) at least, within thirty minutes."""
    values = np.zeros((8, 200))
    values[3, 100] = 1.0
    band = simultaneous_band(values)
    least = band.critical * math.sqrt(1 / 8 / 61 / 8)
    np.testing.assert_allclose(band.high_simultaneous[70:100], least, rtol=1e-9)
    assert band.high_simultaneous[100] == pytest.approx(1 / 8 + band.critical / 8)
    assert (band.high_simultaneous[:70] == 0.0).all()
    # 61 times, none of which tells of its neighbours: Bonferroni.
    assert band.critical == pytest.approx(stdtrit(7, 1 - 0.05 / 2 / 61), rel=1e-9)


def test_a_replicate_that_misses_a_value_is_left_out():
    values = walks(5)
    values[2, 7] = np.nan
    band, without = simultaneous_band(values), simultaneous_band(np.delete(values, 2, axis=0))
    assert band.n == 7
    assert band.reason == "1 of 8 replicates missing"
    np.testing.assert_array_equal(band.high_simultaneous, without.high_simultaneous)


@pytest.mark.parametrize(
    ("n", "reason"),
    [(0, "no replicate"), (1, "interval missing at n = 1"), (2, "simultaneous band missing at n = 2")],
)
def test_too_few_replicates_are_told(n, reason):
    band = simultaneous_band(walks(6)[:n])
    assert band.reason == reason
    assert np.isnan(band.low_simultaneous).all()
    assert np.isnan(band.low).all() == (n < 2)


def test_bad_arguments_are_refused():
    with pytest.raises(InputError, match="1 dimensions"):
        simultaneous_band([1.0, 2.0])
    with pytest.raises(InputError, match="level is 95"):
        simultaneous_band(walks(0), 95)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_the_table_holds_the_bands_of_each_curve_by_itself():
    curves = curves_of()
    table = curve_contrast_table(curves, "open")
    assert list(table.columns) == CURVE_CONTRAST_COLUMNS
    assert len(table) == 2 * 2 * 6
    wide = curves.pivot(index=["arm", "curve", "replicate"], columns="time", values="value")
    for (arm, name), rows in table.groupby(["arm", "curve"], observed=True):
        a, b = (wide.loc[(each, name)].to_numpy() for each in (arm, "open"))
        band = simultaneous_band(a - b)
        for column, expected in (
            ("difference", band.mean), ("low", band.low), ("high", band.high),
            ("low_simultaneous", band.low_simultaneous), ("high_simultaneous", band.high_simultaneous),
        ):  # fmt: skip
            np.testing.assert_array_equal(rows[column], expected)
        np.testing.assert_array_equal(rows["time"], curves["time"].unique())
        first = paired_t(a[:, 0], b[:, 0])
        assert tuple(rows.iloc[0][["difference", "low", "high"]]) == pytest.approx(
            (first.difference, first.low, first.high)
        )
        assert set(rows["n"]) == {4}


def test_order_of_rows_and_categories_change_nothing():
    curves = curves_of(1)
    table = curve_contrast_table(curves, "open", ["long", "open", "throttled"], ["heard"])
    assert list(table["arm"].unique()) == ["long", "throttled"]
    mixed = curves.sample(frac=1.0, random_state=3).astype({"arm": "category", "curve": "category"})
    again = curve_contrast_table(mixed, "open", ["long", "throttled"], ["heard"])
    pd.testing.assert_frame_equal(table, again)


def test_pairs_are_those_that_both_arms_have():
    curves = curves_of(2, n=5)
    gone = (curves["arm"] == "open") & (curves["replicate"] == 1)
    cut = (curves["arm"] == "long") & (curves["replicate"] == 2) & (curves["time"] == curves["time"].max())
    table = curve_contrast_table(curves[~gone & ~cut], "open")
    n = table.groupby("arm", observed=True)["n"].agg(set)
    assert n["throttled"] == {4}
    assert n["long"] == {3}
    told = table.groupby("arm", observed=True)["method"].first()
    assert told["long"] == "paired t, sup-t by expected crossings; 1 of 4 replicates missing"
    assert "conditional on one world" in curve_contrast_table(curves, "open", conditional=True)["method"].iloc[0]


def test_arms_without_a_common_replicate_have_missing_bands():
    curves = curves_of(3, arms=("open", "late"), n=4)
    kept = curves[(curves["arm"] == "open") == (curves["replicate"] < 2)]
    table = curve_contrast_table(kept, "open")
    assert table["difference"].isna().all()
    assert set(table["n"]) == {0}
    assert set(table["method"]) == {"paired t, sup-t by expected crossings; no replicate"}


def test_main_curves_are_chosen_by_their_names():
    names = ["published_twitter", "topical_twitter", "impressions_mass_text", "impressions_mass_text_call", "heard",
             "impressions_twitter", "heard_twitter", "heard_mass_text", "decided_twitter", "on_squares"]  # fmt: skip
    main = ["published_twitter", "impressions_mass_text", "heard", "impressions_twitter", "on_squares"]
    assert standard_curves(names) == main


def test_one_arm_has_an_empty_table():
    table = curve_contrast_table(curves_of(4, arms=("open",)), "open")
    assert list(table.columns) == CURVE_CONTRAST_COLUMNS
    assert len(table) == 0


def test_bad_tables_are_refused():
    curves = curves_of(5)
    with pytest.raises(InputError, match="lack the columns"):
        curve_contrast_table(curves.drop(columns="time"), "open")
    with pytest.raises(InputError, match="no 'asleep'"):
        curve_contrast_table(curves, "open", names=["asleep"])
    with pytest.raises(InputError, match="arm 'closed' has no curves"):
        curve_contrast_table(curves, "closed")
    with pytest.raises(InputError, match="more than once"):
        curve_contrast_table(pd.concat([curves, curves.tail(1)]), "open")


def test_curves_without_a_main_one_have_an_empty_table():
    curves = curves_of(6, names=("asleep",))
    assert len(curve_contrast_table(curves, "open")) == 0
