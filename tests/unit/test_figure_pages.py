"""Pages of figures: whole files or a reason, panels apart, and a caller's style left alone."""

import sys
from dataclasses import replace
from itertools import pairwise

import matplotlib
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.measures.contrast import contrast_table, summary_table
from sim.study.figures import Marks, first_hearing, pages, posts_per_minute, write_all
from sim.study.figures.style import STYLE, arm_style
from sim.study.folder import marked_windows
from tests.unit.figure_tables import (
    CURVES,
    MARKS,
    PROVINCES,
    START,
    at,
    boxes,
    legend_texts,
    make_curves,
    make_outcomes,
    make_squares,
    named,
)


def test_write_all_writes_whole_files_without_pyplot(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it now fails
    arms = ["open", "throttled"]
    squares = pd.concat([make_squares(2).assign(arm=arm) for arm in arms])
    outcomes = pd.concat([make_outcomes(2).assign(arm=arm) for arm in arms])
    values = outcomes[outcomes["outcome"].str.startswith("tipped_by")]
    tables = {"contrasts": contrast_table(values, "open"), "summary": summary_table(values)}
    written = write_all(tmp_path / "figures", CURVES, None, squares, outcomes, PROVINCES, MARKS, **tables, dpi=50)
    assert written.skipped == {}
    names = [
        "posts.png", "squares.png", "first_hearing.png", "decisions.png", "difference.png", "provinces.png",
        "last_touch.png", "comparison.png",
    ]  # fmt: skip
    assert written.paths == [tmp_path / "figures" / name for name in names]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(names)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written.paths)


def test_write_all_says_why_a_figure_is_missing(tmp_path):
    curves = make_curves(("open",), 1)
    written = write_all(tmp_path, curves[curves["curve"] == "on_squares"], None, None, None, None, MARKS, dpi=30)
    assert [path.name for path in written.paths] == ["squares.png"]
    missing = [
        "posts.png", "first_hearing.png", "decisions.png", "difference.png", "provinces.png", "last_touch.png",
        "comparison.png",
    ]  # fmt: skip
    assert list(written.skipped) == missing
    assert written.skipped["comparison.png"] == "there is only the arm 'open', and a comparison needs two"
    assert written.skipped["difference.png"] == "there is only the arm 'open', and a difference needs two"
    assert "published_twitter" in written.skipped["posts.png"]
    assert "'decided_<channel>'" in written.skipped["decisions.png"]


def test_what_nobody_did_is_no_figure_but_a_reason(tmp_path):
    quiet = CURVES.assign(value=0.0)
    written = write_all(
        tmp_path, quiet, None, make_squares(2).assign(arm="open"), None, PROVINCES[:1], MARKS, channel=None
    )
    assert [path.name for path in written.paths] == ["difference.png"]
    reasons = (
        "nobody posts on any channel",
        "nobody was on a square",
        "nobody heard of anything",
        "nobody decided to leave",
    )
    assert (
        tuple(written.skipped[f"{name}.png"] for name in ("posts", "squares", "first_hearing", "decisions")) == reasons
    )
    assert written.skipped["provinces.png"] == "all people live in one place"


def test_squares_on_which_nobody_was_are_no_page_of_provinces(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "save", lambda *_: None)
    squares = make_squares(2)
    here = squares.assign(arm="throttled", value=0.0)
    written = write_all(tmp_path, CURVES, None, pd.concat([squares, here]), None, PROVINCES, MARKS, channel=None)
    assert written.skipped["provinces.png"] == "nobody was on a square in the arm 'throttled'"
    here.loc[here.index[5], "value"] = 1.0
    written = write_all(tmp_path, CURVES, None, pd.concat([squares, here]), None, PROVINCES, MARKS, channel=None)
    assert "provinces.png" not in written.skipped


def test_where_nobody_posts_differences_have_one_panel(tmp_path, monkeypatch):
    drawings = {}
    monkeypatch.setattr(pages, "save", lambda drawing, path, _: drawings.update({path.name: drawing}))
    write_all(tmp_path, CURVES, None, None, None, None, MARKS, channel=None)
    (panel,) = drawings["difference.png"].axes
    assert "on the squares" in panel.get_ylabel()
    assert legend_texts(panel)[0].startswith("throttled − open")


def test_what_is_over_within_minutes_is_shown_in_minutes(tmp_path, monkeypatch):
    drawings = {}
    monkeypatch.setattr(pages, "save", lambda drawing, path, _: drawings.update({path.name: drawing}))
    begun = START + pd.Timedelta(minutes=65)
    since = (CURVES["time"] - begun) / pd.Timedelta(minutes=1)
    is_rate = CURVES["curve"].str.startswith("decided_")
    now = (since >= 0) & ((since < 3) | ~is_rate)
    brief = CURVES.assign(value=1000.0 * now)
    write_all(tmp_path, brief, None, None, None, None, Marks(START, at("03:00")), channel=None)
    for name in ("squares.png", "first_hearing.png", "decisions.png"):
        ax = drawings[name].axes[0]
        low, high = (pd.Timestamp(x, unit="D", tz="UTC").round("s") for x in ax.get_xlim())
        assert (high - low, begun - low) == (pd.Timedelta(minutes=10), pd.Timedelta(minutes=1)), name
    assert "mean)" not in drawings["decisions.png"].axes[0].get_ylabel()


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
    drawing = pages._page_of_arms(first_hearing, CURVES, {"open": replace(marks, windows=()), "throttled": marks})
    extents = [ax.get_tightbbox() for ax in drawing.axes]
    assert all(above.y0 > below.y1 for above, below in pairwise(extents))
    assert drawing.axes[0].get_xlim() == drawing.axes[1].get_xlim()


def test_three_arms_share_one_difference_figure():
    curves = make_curves(("open", "throttled", "dark"))
    drawing = pages._difference_page(curves, MARKS, "open", ["throttled", "dark"], "published_twitter")
    top, bottom = drawing.axes
    assert named(top, "mean dark")
    assert legend_texts(bottom)[:2] == [f"{arm} − open, n = 3 paired replicates" for arm in ("throttled", "dark")]
    (dark,) = named(top, "mean dark")
    assert to_rgba(dark.get_color()) == to_rgba(arm_style(2)["color"])


def test_the_callers_style_is_left_alone():
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        ax = Figure().add_subplot()
        assert posts_per_minute(ax, CURVES, MARKS) is ax
        assert dict(matplotlib.rcParams) == before
    (mean,) = named(ax, "mean open")
    assert isinstance(mean, Line2D)
    assert mean.get_linewidth() == STYLE["lines.linewidth"]


@pytest.mark.parametrize("page", ["first_hearing.png", "decisions.png"])
def test_every_arm_is_shown_under_its_own_windows(tmp_path, monkeypatch, page):
    drawings = {}
    monkeypatch.setattr(pages, "save", lambda drawing, path, _: drawings.update({path.name: drawing}))
    (window,) = MARKS.windows
    windows = {"open": [], "throttled": [window], "long": [(window[0], at("02:00"), "throttle", 1.0)]}
    write_all(tmp_path, make_curves(tuple(windows)), None, None, None, None, MARKS, windows=windows)
    panels = {ax.get_title(loc="left"): ax for ax in drawings[page].axes}
    assert list(panels) == list(windows)
    shown = {arm: [text for text in boxes(ax, "flag") if "throttle" in text] for arm, ax in panels.items()}
    throttled, long = "throttle 22:50–01:00 (severity 0.5)", "throttle 22:50–02:00 (severity 1)"
    assert shown == {"open": [], "throttled": [throttled], "long": [long]}
    (squares,) = drawings["squares.png"].axes
    assert {f"throttled: {throttled}", f"long: {long}"} < set(boxes(squares, "flag"))


def test_windows_of_an_arm_that_failed_are_left_out(tmp_path, monkeypatch):
    drawings = {}
    monkeypatch.setattr(pages, "save", lambda drawing, path, _: drawings.update({path.name: drawing}))
    dark = (at("21:30"), at("02:00"), "dark", 1.0)
    write_all(tmp_path, CURVES, None, None, None, None, MARKS, windows={"throttled": MARKS.windows, "failed": [dark]})
    (squares,) = drawings["squares.png"].axes
    assert [text for text in boxes(squares, "flag") if "severity" in text] == ["throttle 22:50–01:00 (severity 0.5)"]


def test_the_manifest_keeps_windows_that_are_marked_again():
    kept = [["2016-07-15 22:50:00+03:00", "2016-07-16 01:00:00+03:00", ["twitter", "facebook"], 0.5]]
    assert marked_windows(kept) == ((at("22:50"), at("01:00"), "throttle (Twitter, Facebook)", 0.5),)
