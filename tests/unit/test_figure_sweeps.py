"""Figures of sweeps: what lines, cells and markers show is what the tables hold, and intervals are what the legend says."""

import re
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.dates import num2date
from matplotlib.path import Path
from scipy import stats

from sim.errors import InputError
from sim.measures.contrast import paired_t
from sim.measures.intervals import mean_t
from sim.study.figures import comparison, dose_response, heat_map, sign_map, sweep_pages, write_sweep
from sim.study.figures.designs import averaged, binned, factors_of, holm_over, points_of, pooled, typed
from sim.study.figures.heat import _LESS, _MORE, _OPEN
from sim.study.figures.style import arm_style, figure
from sim.study.figures.sweep_pages import comparison_page
from sim.study.figures.tiles import spread_tiles, tiles
from sim.study.figures.words import HEADLINES, unit_of, words_of_outcome, words_of_parameter
from tests.unit.figure_tables import assert_apart, legend_texts, named

X, Y, RULE = "throttle.substitution", "throttle.push", "decision"


def contrasts(rows, outcome="participants", unit="people", n=6, arm="throttled", **more) -> pd.DataFrame:
    """Return contrasts from rows (factors..., difference, half-width of the interval)."""
    table = pd.DataFrame(rows)
    half = table.pop("half")
    table = table.assign(low=table["difference"] - half, high=table["difference"] + half)
    fixed = {"baseline": "open", "arm": arm, "outcome": outcome, "variance_reduction": 3.0, "unit": unit, "n": n}
    return table.assign(**fixed, **{"method": "paired t", **more})


def summary(rows, arm="open", outcome="participants", unit="people", n=6) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    half = table.pop("half")
    table = table.assign(low=table["estimate"] - half, high=table["estimate"] + half)
    return table.assign(arm=arm, outcome=outcome, unit=unit, n=n, method="t")


def line_of(ax, place=0) -> np.ndarray:
    (artist,) = named(ax, f"mean {place}")
    return np.asarray(artist.get_xydata())


def whiskers_of(ax, place=0) -> np.ndarray:
    """Return lower and upper ends."""
    (bars,) = (a for a in named(ax, f"whiskers {place}") if isinstance(a, LineCollection))
    return np.array([segment[:, 1] for segment in bars.get_segments()])


def axes(height=2.4, width=4.0):
    return figure((height,), width)[1][0]


def cloud(n=400, seed=3, spread=1.0) -> pd.DataFrame:
    """Return contrasts at scattered points: 10 X + 4 Y - 5, and noise."""
    rng = np.random.default_rng(seed)
    x, y = rng.random(n), rng.random(n)
    return contrasts({X: x, Y: y, "difference": 10 * x + 4 * y - 5 + spread * rng.normal(size=n), "half": 1.0})


# --- parameters ------------------------------------------------------------------------------------------------------


def test_text_that_is_numbers_becomes_numbers_and_other_text_stays():
    assert typed(pd.Series(["0.2", "1e3", "'5'", None])).tolist()[:3] == [0.2, 1000.0, 5.0]
    assert typed(pd.Series(["0.2", "none"])).tolist() == ["0.2", "none"]
    assert typed(pd.Series(["true", "false"])).dtype == object
    assert typed(pd.Series([None, None], dtype="object")).isna().all()


def test_times_and_clocks_become_times_and_a_night_goes_on_after_midnight():
    when = typed(pd.Series(["2016-07-15 22:00", "2016-07-16T00:30:00"]))
    assert when.tolist() == [pd.Timestamp("2016-07-15 22:00"), pd.Timestamp("2016-07-16 00:30")]
    clock = typed(pd.Series(["22:00", "00:30", "23:15:30"]))
    assert (clock - clock[0]).dt.total_seconds().tolist() == [0, 9000, 4530]
    day = typed(pd.Series(["08:00", "13:00"]))
    assert (day[1] - day[0]) == pd.Timedelta(hours=5)


def test_what_every_study_has_and_what_is_incidental_is_no_parameter():
    table = contrasts({X: [0, 1], Y: [2, 2], "seed": [1, 2], "study.replicates": [4, 8], "folder": ["0", "1"],
                       "design.points": [1, 2], "difference": [1.0, 2.0], "half": 1.0})  # fmt: skip
    assert factors_of(table) == [X]


# --- statistics ------------------------------------------------------------------------------------------------------


def test_bins_hold_all_points_and_their_t_intervals():
    rng = np.random.default_rng(1)
    x, y = rng.random(103), rng.normal(size=103)
    exact = pd.DataFrame({"x": x, "value": y, "low": y, "high": y, "n": 6})
    found = binned(exact, 4)
    assert found["points"].tolist() == [26, 26, 26, 25]
    wide = binned(exact.assign(low=y - 3, high=y + 3), 4)
    assert (wide["high"] - wide["value"]).to_numpy() == pytest.approx(np.hypot(found["high"] - found["value"], 3))
    assert binned(exact.assign(low=np.nan, high=np.nan, n=1), 4)[["low", "high"]].isna().all(axis=None)
    order = np.argsort(x)
    for row, part in zip(found.itertuples(), np.split(order, [26, 52, 78]), strict=True):
        low, high = stats.t.interval(0.95, len(part) - 1, y[part].mean(), stats.sem(y[part]))
        assert (row.x, row.value) == pytest.approx((np.median(x[part]), y[part].mean()))
        assert (row.low, row.high) == pytest.approx((low, high))


def test_intervals_of_bins_hold_the_mean_over_the_other_parameters_as_often_as_they_say():
    rng = np.random.default_rng(7)
    n_tables, n_bins = 300, 10
    held = 0
    for _ in range(n_tables):
        x = np.repeat(np.arange(n_bins), 25) + 0.5  # within a bin x does not vary, so its mean is known
        y = x + 3 * rng.uniform(-1, 1, size=len(x)) + rng.normal(size=len(x))
        found = binned(pd.DataFrame({"x": x, "value": y, "low": y, "high": y, "n": 6}), n_bins)
        held += ((found["low"] <= found["x"]) & (found["x"] <= found["high"])).sum()
    n = n_tables * n_bins
    assert abs(held / n - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n)


def test_intervals_of_bins_hold_the_truth_where_all_points_share_their_dice():
    """Twenty points of one bin with the same four replicates: nearly all that errs is common to the points."""
    rng = np.random.default_rng(8)
    n_tables, n, held, held_by_points_alone = 1000, 4, 0, 0
    for _ in range(n_tables):
        noise = rng.normal(size=n)
        intervals = [paired_t(level + noise, np.zeros(n)) for level in rng.uniform(-0.5, 0.5, size=20)]
        rows = pd.DataFrame(
            [(i.difference, i.low, i.high, i.n) for i in intervals], columns=["value", "low", "high", "n"]
        )
        _, low, high, freedom = pooled(rows)
        held += low <= 0 <= high
        alone = mean_t(rows["value"])
        held_by_points_alone += alone.low <= 0 <= alone.high
        assert freedom == n
    error = np.sqrt(0.95 * 0.05 / n_tables)
    assert held / n_tables > 0.95 - 4 * error
    assert held_by_points_alone / n_tables < 0.5, "the test could not tell the two apart"


def test_the_mean_of_bounds_is_exact_for_errors_in_common_and_wide_for_independent_ones():
    rng = np.random.default_rng(11)
    n_tables, n, held = 1500, 6, {}
    for kind in ("common", "independent"):
        rows = []
        for table in range(n_tables):
            common = rng.normal(size=n)
            for level in range(4):
                noise = common if kind == "common" else rng.normal(size=n)
                interval = paired_t(level + (1 + level) * noise, np.zeros(n))
                rows.append((table, interval.difference, interval.low, interval.high, n, "t"))
        means = averaged(pd.DataFrame(rows, columns=["x", "value", "low", "high", "n", "method"]), ["x"])
        assert (means["points"] == 4).all()
        held[kind] = ((means["low"] <= 1.5) & (means["high"] >= 1.5)).sum()
    error = np.sqrt(0.95 * 0.05 / n_tables)
    assert abs(held["common"] / n_tables - 0.95) < 4 * error
    assert held["independent"] / n_tables > 0.95 + 4 * error


def test_p_values_come_back_from_intervals():
    rng = np.random.default_rng(2)
    pairs = rng.normal(size=(5, 2, 8)) + np.arange(5)[:, None, None] * [[0.4], [0.0]]
    intervals = [paired_t(a, b) for a, b in pairs]
    rows = pd.DataFrame([(i.difference, i.low, i.high, i.n, i.method) for i in intervals],
                        columns=["value", "low", "high", "n", "method"])  # fmt: skip
    expected = [stats.ttest_rel(a, b).pvalue for a, b in pairs]
    assert holm_over(rows).p_values == pytest.approx(expected)
    assert holm_over(rows.assign(method="bootstrap BCa")) is None


# --- dose and response -----------------------------------------------------------------------------------------------

DOSES = contrasts({X: [0.0, 0.5, 1.0], "difference": [-2e5, -1e5, 5e4], "half": [3e4, 2e4, 6e4]})


def test_a_line_shows_the_differences_and_whiskers_their_bounds():
    ax = dose_response(axes(), DOSES, X, "participants")
    assert line_of(ax).tolist() == DOSES[[X, "difference"]].to_numpy().tolist()
    assert whiskers_of(ax) == pytest.approx(DOSES[["low", "high"]].to_numpy())
    assert named(ax, "zero")
    assert ax.get_ylabel().split() == ["Difference", "in", "participants", "(people)"]
    assert ax.get_xlabel() == f"Substitution when cut off (probability)\n{X}"
    assert legend_texts(ax) == [
        "throttled − open", "whiskers: pointwise 95 % intervals", "each point: n = 6 paired replicates"
    ]  # fmt: skip


def test_levels_have_no_line_at_zero_and_shares_are_percent():
    table = summary({X: [0.0, 1.0], "estimate": [0.10, 0.12], "half": 0.01}, outcome="participation", unit="share")
    ax = dose_response(axes(), table, X, "participation")
    assert line_of(ax)[:, 1] == pytest.approx([10, 12])
    assert not [a for a in ax.get_children() if a.get_gid() == "zero"]
    assert "(%)" in ax.get_ylabel()
    changed = contrasts({X: [0.0, 1.0], "difference": [0.01, 0.02], "half": 0.01}, "participation", "share")
    ax = dose_response(axes(), changed, X, "participation")
    assert line_of(ax)[:, 1] == pytest.approx([1, 2])
    assert "(percentage points)" in ax.get_ylabel().replace("\n", " ")


def test_arms_keep_their_looks_in_levels_and_differences():
    rows = {X: [0.0, 1.0], "estimate": [1.0, 2.0], "half": 0.1}
    levels = pd.concat([summary(rows, "throttled"), summary(rows, "open")])
    ax = dose_response(axes(), levels, X, "participants", arms=["open", "throttled"])
    base, arm = (named(ax, f"mean {place}")[0] for place in (0, 1))
    (alone,) = named(dose_response(axes(), DOSES, X, "participants"), "mean 0")
    assert to_rgba(base.get_color()) == to_rgba(arm_style(0)["color"])
    assert to_rgba(arm.get_color()) == to_rgba(alone.get_color()) == to_rgba(arm_style(1)["color"])
    assert base.get_markerfacecolor() == "white"


def test_a_second_parameter_splits_the_lines():
    table = contrasts(
        {X: [0, 1, 0, 1], RULE: ["threshold"] * 2 + ["hazard"] * 2, "difference": [1.0, 2, 3, 4], "half": 1}
    )
    ax = dose_response(axes(), table, X, "participants", level=RULE)
    assert line_of(ax, 0)[:, 1].tolist() == [1, 2]
    assert line_of(ax, 1)[:, 1].tolist() == [3, 4]
    assert legend_texts(ax)[:2] == [f"throttled − open, decision = {rule}" for rule in ("threshold", "hazard")]


def test_an_arm_without_the_parameter_is_one_line_with_its_own_interval():
    grid = [(x, rule) for x in (0.0, 1.0) for rule in ("threshold", "hazard")]
    rows = {X: [x for x, _ in grid], RULE: [rule for _, rule in grid]}
    table = pd.concat([summary(rows | {"estimate": 5.0, "half": 1.0}, "open"),
                       summary(rows | {"estimate": [1.0, 2, 3, 4], "half": 1.0}, "throttled")])  # fmt: skip
    ax = dose_response(axes(), table, X, "participants", level=RULE)
    assert legend_texts(ax)[:3] == ["open", "throttled, decision = threshold", "throttled, decision = hazard"]
    ax = dose_response(axes(), table, X, "participants")
    assert line_of(ax, 0)[:, 1].tolist() == [5, 5]
    assert line_of(ax, 1)[:, 1].tolist() == [1.5, 3.5]
    assert whiskers_of(ax, 1).tolist() == [[0.5, 2.5], [2.5, 4.5]]
    assert any("whiskers where no other parameter matters" in text for text in legend_texts(ax))
    assert any("small points: the design's" in text for text in legend_texts(ax))


def test_scattered_points_have_means_of_bins_and_the_legend_says_so():
    table = cloud(500)
    ax = dose_response(axes(), table, X, "participants", bins=5)
    found = binned(table.assign(x=table[X], value=table["difference"]), 5)
    assert line_of(ax) == pytest.approx(found[["x", "value"]].to_numpy())
    assert whiskers_of(ax) == pytest.approx(found[["low", "high"]].to_numpy())
    (points,) = named(ax, "points 0")
    assert len(points.get_offsets()) == 500
    assert any("means of bins of 100 of the small points" in text for text in legend_texts(ax))


def test_missing_values_are_counted():
    table = DOSES.copy()
    table.loc[1, ["difference", "low", "high"]] = np.nan
    ax = dose_response(axes(), table, X, "participants")
    assert line_of(ax)[:, 0].tolist() == [0.0, 1.0]
    assert legend_texts(ax)[-1] == "1 of 3 differences are missing and left out"
    with pytest.raises(InputError, match=r"no value at any point \(missing: nobody left\)"):
        dose_response(axes(), DOSES.assign(difference=np.nan, method="missing: nobody left"), X, "participants")


def test_whiskers_of_two_replicates_leave_the_axes_and_the_legend_says_so():
    wide = contrasts({X: [0.0, 1.0], "difference": [1.0, 2.0], "half": 500.0})
    ax = dose_response(axes(), wide, X, "participants")
    assert ax.get_ylim()[1] < 20
    assert "some points or whiskers lie beyond the axes" in legend_texts(ax)
    assert "some points or whiskers lie beyond the axes" not in legend_texts(
        dose_response(axes(), DOSES, X, "participants")
    )


def test_times_stand_on_an_axis_of_time():
    begins = ["2016-07-15 22:00", "2016-07-15 23:00", "2016-07-16 00:30"]
    table = DOSES.drop(columns=X).assign(start=begins)
    ax = dose_response(axes(), table, "start", "participants")
    assert [f"{num2date(x):%d %H:%M}" for x in line_of(ax)[:, 0]] == ["15 22:00", "15 23:00", "16 00:30"]
    assert ax.get_xlabel() == "start (local time, 15 Jul to 16 Jul 2016)"
    ax.figure.canvas.draw()
    ticks = [tick.get_text() for tick in ax.get_xticklabels() if tick.get_text()]
    assert ticks
    assert all(re.fullmatch(r"\d\d:\d\d|\d\d Jul", tick) for tick in ticks), ticks


def test_many_points_of_one_parameter_have_a_band():
    x = np.linspace(0, 1, 60)
    ax = dose_response(axes(), contrasts({X: x, "difference": x, "half": 0.1}), X, "participants")
    assert named(ax, "band 0")
    assert "bands: pointwise 95 % intervals" in legend_texts(ax)


def test_a_logarithmic_axis_needs_values_above_zero():
    with pytest.raises(InputError, match="goes down to 0, expected values above 0"):
        dose_response(axes(), DOSES, X, "participants", log=True)
    ax = dose_response(axes(), DOSES.assign(**{X: [0.1, 1, 10]}), X, "participants", log=True)
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factor": "nothing"}, "'nothing' is no parameter of the sweep, expected one of"),
        ({"factor": RULE}, "has values such as 'threshold', expected numbers or times"),
        ({"outcome": "turnout"}, r"there is no outcome 'turnout' in the table, expected one of \['participants'\]"),
        ({"arms": "dark"}, "hold no arm 'dark'"),
        ({"bins": 0}, "bins is 0, expected 1 or more"),
        ({"table": DOSES.drop(columns="low")}, "contrasts lack"),
        ({"table": pd.concat([DOSES, DOSES.assign(unit="share")])}, "expected one; give a part of the table"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(change, message):
    given = {"table": DOSES.assign(decision="threshold"), "factor": X, "outcome": "participants"} | change
    with pytest.raises(InputError, match=message):
        dose_response(axes(), **given)


# --- maps ------------------------------------------------------------------------------------------------------------


def grid_of(values, half, n=6) -> pd.DataFrame:
    """Return contrasts at X = column, Y = row of an array."""
    places = [(x, y) for y in range(len(values)) for x in range(len(values[0]))]
    rows = {X: [x / 10 for x, _ in places], Y: [y for _, y in places]}
    rows |= {"difference": [values[y][x] for x, y in places], "half": [half[y][x] for x, y in places]}
    return contrasts(rows, n=n)


# Half-widths such that p = 0.02 at 2.1, and far less or more at the others: decided alone, not over six cells.
_P = np.array([[1e-5, 0.02, 0.5], [0.03, 1e-5, 0.9]])
_VALUES = np.array([[-10.0, -2.1, 1.0], [2.0, 8.0, -0.5]])
_HALF = stats.t.ppf(0.975, 5) * np.abs(_VALUES) / stats.t.ppf(1 - _P / 2, 5)
MAP = grid_of(_VALUES, _HALF)


def hatched(ax) -> set[tuple[int, int]]:
    shapes = [patch.get_path() for patch in ax.patches if patch.get_gid() == "undecided"]
    corners = [
        v for shape in shapes for v, code in zip(shape.vertices, shape.codes, strict=True) if code == Path.MOVETO
    ]
    return {(round(x + 0.5), round(y + 0.5)) for x, y in corners}


def filled(ax, i, j) -> tuple[float, ...]:
    """Return the colour of a cell."""
    return to_rgb(named(ax, "cells")[0].get_array()[j, i])


def test_cells_are_hatched_by_holm_over_the_map_or_by_their_own_intervals():
    ax = heat_map(axes(), MAP, X, Y, "participants")
    assert hatched(ax) == {(1, 0), (2, 0), (0, 1), (2, 1)}
    assert "not told from 0 (Holm-adjusted 95 % over 6 cells)" in legend_texts(ax)
    ax = heat_map(axes(), MAP, X, Y, "participants", holm=False)
    assert hatched(ax) == {(2, 0), (2, 1)}
    assert "not told from 0 (pointwise 95 % intervals)" in legend_texts(ax)


def test_colours_of_differences_are_centred_at_zero_and_those_of_levels_rise():
    ax = heat_map(axes(), MAP, X, Y, "participants")
    bar = next(child for child in ax.child_axes if child.get_gid() == "colours")
    assert bar.get_ylim() == (-10, 10)
    assert bar.get_ylabel().split() == ["Difference", "in", "participants", "(people)"]
    blue, orange = (filled(ax, *cell) for cell in ((0, 0), (1, 1)))
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    levels = summary({X: [0, 1, 0, 1], Y: [0, 0, 1, 1], "estimate": [1.0, 2, 3, 4], "half": 1})
    ax = heat_map(axes(), levels, X, Y, "participants")
    greys = [grey(filled(ax, *cell)) for cell in ((0, 0), (1, 0), (0, 1), (1, 1))]
    assert all(light > dark + 0.1 for light, dark in pairwise(greys))
    assert hatched(ax) == set()


def grey(colour) -> float:
    """Return the luminance of a colour, from 0 to 1."""
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


def test_a_map_writes_its_numbers_where_there_is_room():
    words = {text.get_text() for text in named(heat_map(axes(), MAP, X, Y, "participants"), "number")}
    assert words == {"−10", "−2.1", "1", "2", "8", "−0.5"}
    big = grid_of(np.full((12, 20), -123456.0), np.ones((12, 20)))
    assert not [t for t in heat_map(axes(), big, X, Y, "participants").texts if t.get_gid() == "number"]


def test_every_point_of_a_cell_counts_also_those_that_agree_by_chance():
    rows = {X: [0.0] * 4 + [0.1] * 4, Y: [0, 0, 1, 1] * 2, "Z": [0, 1] * 4}
    rows |= {"difference": [3.0, 3.0, 1.0, -1.0, 5.0, 6.0, 7.0, 9.0], "half": [1.0] * 8}
    ax = heat_map(axes(), contrasts(rows), X, Y, "participants")
    words = {text.get_text() for text in named(ax, "number")}
    assert words == {"3", "0", "5.5", "8"}
    tripled = contrasts(
        {
            X: [0.0] * 3 + [0.1] * 3,
            Y: [0] * 6,
            "Z": [0, 1, 2] * 2,
            "difference": [3.0, 3.0, 6.0] + [1.0] * 3,
            "half": [1.0] * 6,
        }
    )
    words = {text.get_text() for text in named(heat_map(axes(), tripled, X, Y, "participants"), "number")}
    assert words == {"4", "1"}  # and not 4.5, the mean of those that differ


def test_sums_to_nothing_are_written_as_nothing():
    rows = {X: [0.0, 0.1], Y: [0, 0], "difference": [2.91e-11, 2e5], "half": [1.0, 1.0]}
    words = {text.get_text() for text in named(heat_map(axes(), contrasts(rows), X, Y, "participants"), "number")}
    assert words == {"0", "200 k"}


def test_ticks_are_the_values_of_the_grid():
    ax = heat_map(axes(), MAP, X, Y, "participants")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "0.1", "0.2"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1"]


def test_signs_are_decided_over_the_map():
    ax = sign_map(axes(), MAP, X, Y, "participants")
    assert hatched(ax) == {(1, 0), (2, 0), (0, 1), (2, 1)}
    assert filled(ax, 0, 0) == to_rgb(_LESS)
    assert filled(ax, 1, 1) == to_rgb(_MORE)
    assert [t.get_text() for t in named(ax, "sign")] == ["−", "+"]
    assert legend_texts(ax)[1:5] == [
        "more than open: 1 cell", "fewer than open: 1 cell", "undecided: 4 cells", "Holm-adjusted 95 % over 6 cells"
    ]  # fmt: skip
    with pytest.raises(InputError, match="holds levels, expected differences"):
        sign_map(axes(), summary({X: [0, 1], Y: [0, 1], "estimate": 1.0, "half": 1.0}), X, Y, "participants")


def test_the_classes_of_signs_differ_in_grey():
    assert all(abs(grey(a) - grey(b)) > 0.2 for a, b in combinations((_MORE, _LESS, _OPEN), 2))


def test_scattered_designs_are_mapped_in_bins_whose_points_are_counted():
    table = cloud(600)
    ax = heat_map(axes(), table, X, Y, "participants", bins=3)
    place = [np.clip(np.floor(3 * (table[n] - table[n].min()) / np.ptp(table[n])), 0, 2) for n in (X, Y)]
    means = table["difference"].groupby(place).mean()
    counts = table["difference"].groupby(place).size()
    written = {text.get_position(): text.get_text() for text in named(ax, "number")}
    for (i, j), mean in means.items():
        assert float(written[i, j].replace("−", "-")) == pytest.approx(mean, rel=0.006)
    assert any(f"means of {counts.min()} to {counts.max()} points" in text for text in legend_texts(ax))


def test_signs_of_a_scattered_design_are_the_true_ones_where_they_are_decided():
    ax = sign_map(axes(), cloud(3000), X, Y, "participants", bins=5)
    middles = (np.arange(5) + 0.5) / 5
    n_decided = 0
    for i in range(5):
        for j in range(5):
            truth = 10 * middles[i] + 4 * middles[j] - 5
            colour = filled(ax, i, j)
            if colour != to_rgb(_OPEN):
                n_decided += 1
                assert colour == to_rgb(_MORE if truth > 0 else _LESS)
    assert n_decided > 15


def test_one_replicate_decides_no_sign_of_a_scattered_design():
    table = cloud(300).assign(n=1, low=np.nan, high=np.nan, difference=5.0 + np.arange(300) / 300)
    ax = sign_map(axes(), table, X, Y, "participants", bins=3)
    assert "undecided: 9 cells" in legend_texts(ax)
    ax = heat_map(axes(), table, X, Y, "participants", bins=3)
    assert "no interval, hence no sign decided" in legend_texts(ax)
    assert any("intervals: none over replicates" in text for text in legend_texts(ax))
    assert not hatched(ax)  # a hatch over all of it would say no more
    ax = dose_response(axes(), table, X, "participants")
    assert any("no interval over replicates" in text for text in legend_texts(ax))


def test_cells_count_all_points_also_those_of_equal_value():
    """Where a parameter has an effect in some cells, points of equal value weigh as the others do."""
    rows = [(x, y, z, v) for x in (0, 1) for y in (0, 1) for z, v in enumerate((0, 0, 0, 8 * x))]
    table = contrasts({X: [r[0] for r in rows], Y: [r[1] for r in rows], "throttle.severity": [r[2] for r in rows],
                       "difference": [float(r[3]) for r in rows], "half": 1.0})  # fmt: skip
    ax = heat_map(axes(), table, X, Y, "participants")
    written = {text.get_position(): text.get_text() for text in named(ax, "number")}
    assert written == {(0, 0): "0", (0, 1): "0", (1, 0): "2", (1, 1): "2"}
    assert any("means of 4 points" in text for text in legend_texts(ax))
    cancelling = table.assign(difference=[0.1, 0.2, -0.3, 0.0] * 4)
    ax = heat_map(axes(), cancelling, X, Y, "participants")
    assert {text.get_text() for text in named(ax, "number")} == {"0"}


def test_bins_of_a_logarithmic_parameter_have_equal_ratios():
    rng = np.random.default_rng(4)
    table = contrasts(
        {X: 10 ** rng.uniform(-2, 2, 300), Y: rng.random(300), "difference": rng.random(300), "half": 1.0}
    )
    ax = heat_map(axes(), table, X, Y, "participants", bins=4, log=[X])
    ticks = {t.get_text(): t.get_position()[0] for t in ax.get_xticklabels()}
    assert ticks["1"] - ticks["0.1"] == pytest.approx(ticks["10"] - ticks["1"], rel=1e-9)
    with pytest.raises(InputError, match="expected values above 0 on a logarithmic axis"):
        heat_map(axes(), table.assign(**{X: table[X] - 1}), X, Y, "participants", log=[X])


def test_a_map_needs_two_parameters_and_says_what_is_missing():
    with pytest.raises(InputError, match="expected two parameters"):
        heat_map(axes(), MAP, X, X, "participants")
    holes = MAP.copy()
    holes.loc[0, ["difference", "low", "high"]] = np.nan
    texts = legend_texts(heat_map(axes(), holes, X, Y, "participants"))
    assert "no value" in texts
    assert "1 of 6 differences are missing and left out" in texts


# --- comparison ------------------------------------------------------------------------------------------------------

ARMS = ["throttled", "early", "long", "total", "without_facetime", "without_whatsapp", "push_0.5", "push_1.5"]


def compared(n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    values = {"participants": ("people", 5e6), "posts_published": ("posts", 3e7), "dip_from_leaving": ("1", 0.1)}
    tables = [contrasts({"difference": [(-1) ** i * (i + 1) * level / 50], "half": [level / 20]}, outcome, unit, arm=arm)
              for i, arm in enumerate(ARMS[:n]) for outcome, (unit, level) in values.items()]  # fmt: skip
    levels = [
        summary({"estimate": [level], "half": [level / 9]}, "open", o, unit) for o, (unit, level) in values.items()
    ]
    return pd.concat(tables, ignore_index=True), pd.concat(levels, ignore_index=True)


def test_a_comparison_has_a_row_for_each_arm_and_says_what_differences_are_relative_to():
    table, levels = compared(3)
    (ax,) = comparison(axes(), table, "participants", summary=levels)
    assert [t.get_text() for t in ax.get_yticklabels()] == ARMS[:3]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first arm stands at the top
    assert {t.get_position()[1]: t.get_text() for t in named(ax, "relative")} == {0: "+2.0 %", 1: "−4.0 %", 2: "+6.0 %"}
    assert ax.get_title(loc="left") == "Participants\nopen: 5 M people"
    assert ax.get_xlabel() == "difference from open (people)"
    dots = [line for place in (1, 2, 3) for line in named(ax, f"estimates {place}") if len(line.get_xdata())]
    assert [line.get_xdata()[0] for line in dots] == pytest.approx([1e5, -2e5, 3e5])
    # Half-widths are 250,000: only the third is clear of 0.
    assert [line.get_markerfacecolor() == "white" for line in dots] == [True, True, False]
    assert "at the right: relative to the baseline's level" in legend_texts(ax)


def test_relative_differences_are_percent_of_a_baseline_that_is_clear_of_zero():
    table, levels = compared(2)
    (ax,) = comparison(axes(), table, "participants", summary=levels, relative=True)
    dots = [line for place in (1, 2) for line in named(ax, f"estimates {place}") if len(line.get_xdata())]
    assert [line.get_xdata()[0] for line in dots] == pytest.approx([2, -4])
    assert ax.get_xlabel() == "difference from open (% of the level in open)"
    unclear = levels.assign(low=-levels["high"])
    with pytest.raises(InputError, match="expected a level clear of 0"):
        comparison(axes(), table, "participants", summary=unclear, relative=True)
    (ax,) = comparison(axes(), table, "participants", summary=unclear)
    assert not [t for t in ax.texts if t.get_gid() == "relative"]
    with pytest.raises(InputError, match="expected contrasts and the summary"):
        comparison(axes(), table, "participants", relative=True)
    with pytest.raises(InputError, match="1 axes for the outcomes"):
        comparison(axes(), table, ["participants", "posts_published"])


@pytest.mark.parametrize("n", range(1, 9))
def test_a_page_of_comparisons_is_clear_of_collisions(n):
    table, levels = compared(n)
    drawing = comparison_page(levels, table)
    assert len(drawing.axes) == 3
    drawing.canvas.draw()
    for ax in drawing.axes:
        shown = ax.get_yticklabels() if ax is drawing.axes[0] else []
        assert_apart({t.get_text(): t.get_window_extent() for t in shown})
        ticks = [t for t in ax.get_xticklabels() if ax.get_xlim()[0] <= t.get_position()[0] <= ax.get_xlim()[1]]
        assert_apart({t.get_text(): t.get_window_extent() for t in ticks})
    assert_apart({str(i): ax.get_tightbbox() for i, ax in enumerate(drawing.axes)})
    legend = drawing.legends[0].get_window_extent()
    assert all(not legend.overlaps(ax.get_tightbbox()) for ax in drawing.axes)


def test_a_comparison_over_a_parameter_pools_scattered_points():
    rng = np.random.default_rng(9)
    rule = rng.choice(["threshold", "hazard"], 200)
    table = contrasts({X: rng.random(200), RULE: rule, "difference": 2 + rng.normal(size=200), "half": 90.0})
    (ax,) = comparison(axes(), table, "participants", by=RULE)
    (bars,) = (a for a in named(ax, "whiskers 1") if isinstance(a, LineCollection))
    ends = sorted(tuple(segment[:, 0]) for segment in bars.get_segments())
    groups = [table.loc[rule == name, "difference"] for name in ("threshold", "hazard")]
    halves = [np.hypot(stats.t.ppf(0.975, len(g) - 1) * stats.sem(g), 90) for g in groups]
    expected = sorted((g.mean() - half, g.mean() + half) for g, half in zip(groups, halves, strict=True))
    assert ends == [pytest.approx(e) for e in expected]


# --- pages -----------------------------------------------------------------------------------------------------------


def swept(n=200) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(5)
    points = {X: rng.random(n), Y: rng.random(n), RULE: rng.choice(["threshold", "hazard"], n)}
    differences = contrasts(points | {"difference": rng.normal(size=n), "half": 1.0})
    levels = [summary(points | {"estimate": 9 + rng.normal(size=n), "half": 1.0}, arm) for arm in ("open", "throttled")]
    return pd.concat(levels, ignore_index=True), differences


def test_pages_are_chosen_by_the_kinds_of_parameters(tmp_path):
    levels, differences = swept()
    written = write_sweep(tmp_path / "figures", levels, differences, dpi=40)
    names = ["response_participants.png", "map_participants.png", "comparison_decision.png"]
    assert [path.name for path in written.paths] == names
    assert written.skipped == {}
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == sorted(names)
    written = write_sweep(tmp_path, levels, None, x=X, y=Y, dpi=40)
    assert [path.name for path in written.paths] == names[:2]
    written = write_sweep(tmp_path, levels, differences, x=RULE, dpi=40)
    assert [path.name for path in written.paths] == names[2:]


def test_parameters_that_do_not_differ_are_left_out(tmp_path):
    levels, differences = (table.assign(**{Y: 0.5}) for table in swept(30))
    written = write_sweep(tmp_path, levels, differences, [X, Y], dpi=40)
    assert [path.name for path in written.paths] == ["response_participants.png"]
    written = write_sweep(tmp_path / "none", levels, differences, [Y], dpi=40)
    assert (written.paths, written.skipped) == ([], {"figures": "the points differ in no parameter"})


def test_a_page_without_values_does_not_stop_the_others(tmp_path):
    levels, differences = swept()
    lost = levels.assign(outcome="dip_depth", estimate=np.nan, method="missing: nobody left")
    written = write_sweep(
        tmp_path, pd.concat([levels, lost]), differences, outcomes=["dip_depth", "participants"], dpi=40
    )
    assert [path.name for path in written.paths][:2] == ["response_participants.png", "map_participants.png"]
    assert set(written.skipped) == {"response_dip_depth.png", "map_dip_depth.png"}
    assert "nobody left" in written.skipped["response_dip_depth.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "nothing"}, "x is 'nothing', expected one of"),
        ({"y": Y}, "expected two parameters for a map"),
        ({"x": Y, "y": Y}, "expected two parameters for a map"),
        ({"outcomes": ["turnout"]}, r"no outcome 'turnout', expected one of \['participants'\]"),
        ({"factors": []}, "the runs differ in no parameter"),
    ],
)
def test_what_no_page_can_show_is_refused(options, message, tmp_path):
    with pytest.raises(InputError, match=message):
        write_sweep(tmp_path, *swept(30), **options)
    assert list(tmp_path.iterdir()) == []


def test_tiles_keep_clear_of_each_other_and_their_size():
    drawing, grid = tiles(5, 2, 2.0, 1.0)
    for i, ax in enumerate(drawing.axes):
        ax.set_ylabel("\n".join(["a label"] * (i + 1)))
        ax.set_title("two\nlines", loc="left")
    spread_tiles(drawing, grid)
    assert_apart({str(i): ax.get_tightbbox() for i, ax in enumerate(drawing.axes)})
    sizes = np.array([ax.get_window_extent().size for ax in drawing.axes]) / drawing.dpi
    assert sizes == pytest.approx(np.tile([2.0, 1.0], (5, 1)))
    assert grid[2][1] is None


@pytest.mark.parametrize("page", ["response", "map", "comparison"])
def test_a_page_is_as_large_as_what_it_holds(page, tmp_path, monkeypatch):
    pages = {}
    monkeypatch.setattr(sweep_pages, "save", lambda drawing, path, *_, **__: pages.update({path.stem: drawing}))
    write_sweep(tmp_path, *swept())
    (drawing,) = (drawing for name, drawing in pages.items() if name.startswith(page))
    drawing.canvas.draw()
    held, whole = drawing.get_tightbbox().extents, (0, 0, *drawing.get_size_inches())
    assert np.all(held[:2] >= 0)
    assert np.all(held[2:] <= whole[2:])
    assert np.all(np.abs(held - whole) < 0.35)  # inches of margin


def test_one_replicate_gets_no_map_of_signs(tmp_path, monkeypatch):
    pages = {}
    monkeypatch.setattr(sweep_pages, "save", lambda drawing, path, *_, **__: pages.update({path.stem: drawing}))
    levels, differences = swept()
    write_sweep(tmp_path, levels, differences, [X, Y])
    assert any("Sign of" in ax.get_title(loc="left") for ax in pages["map_participants"].axes)
    write_sweep(tmp_path, levels, differences.assign(n=1, low=np.nan, high=np.nan), [X, Y], outcomes=["participants"])
    titles = [ax.get_title(loc="left") for ax in pages["map_participants"].axes]
    assert titles == [""]


def test_maps_are_of_the_first_and_the_last_arm_that_differ(tmp_path, monkeypatch):
    pages = {}
    monkeypatch.setattr(sweep_pages, "save", lambda drawing, path, *_, **__: pages.update({path.stem: drawing}))
    levels, differences = swept()
    steps = [differences.assign(arm=f"severity_{i}", difference=i * differences["difference"]) for i in range(4)]
    write_sweep(tmp_path, levels, pd.concat(steps), [X, Y])
    words = [legend_texts(ax)[0] for ax in pages["map_participants"].axes]
    assert words == ["severity_1 − open"] * 2 + ["severity_3 − open"] * 2


def test_words_and_units():
    names = [*HEADLINES, "posts_failed_facebook", "posts_day_2", "posts_day_2_facebook", "first_heard_trt", "tipped_by_trt",
             "posts_ratio_day_2", "dip_depth", "dip_depth_ordinary", "peak_time", "time_to_half_peak"]  # fmt: skip
    assert len({words_of_outcome(name) for name in names}) == len(names)
    assert all("_" not in words_of_outcome(name) for name in names)
    assert words_of_outcome("an_outcome_of_mine") == "an outcome of mine"
    assert words_of_parameter("my.key") == "my.key"
    assert unit_of("share", is_difference=True) == ("percentage points", 100.0)
    assert unit_of("people", is_difference=True) == ("people", 1.0)


def test_the_same_point_in_several_jobs_counts_once():
    assert len(points_of(pd.concat([DOSES, DOSES]), "participants").rows) == 3
