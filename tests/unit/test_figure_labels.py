"""Labels within the axes: clear of each other, close to what they name, and tied to it where they are not."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from sim.study.figures import Marks, posts_per_minute, squares_by_province
from sim.study.figures.labels import Places, place_boxes
from tests.unit.figure_tables import (
    PROVINCES,
    START,
    TIMES,
    assert_apart,
    at,
    boxes,
    make_curves,
    make_squares,
    named,
    panel,
)

ROOM = (0, 0, 100, 100)


def places(*corners, costs=None, leaders=None) -> Places:
    near = Places.near(np.array(corners, dtype=float))
    return Places(near.corners, near.costs if costs is None else costs, near.leaders if leaders is None else leaders)


def gap(box, x: float, y: float) -> float:
    """Return how far a point is from a box in pixels."""
    return float(np.hypot(max(box.x0 - x, 0, x - box.x1), max(box.y0 - y, 0, y - box.y1)))


def leader_points(ax) -> dict[str, np.ndarray]:
    """Return 50 points in pixels along the leader of each label that has one."""
    found = {}
    for artist in ax.lines:
        if str(artist.get_gid()).startswith("leader "):
            start, end = artist.get_transform().transform(artist.get_xydata())
            found[artist.get_gid().removeprefix("leader ")] = np.linspace(start, end, 50)
    return found


def test_boxes_take_the_first_free_place():
    crowd = np.array([[5.0, 5.0]])
    candidates = [places((0, 0), (20, 0)), places((20, 0), (95, 0), (40, 0))]
    assert place_boxes([(10, 10), (10, 10)], candidates, crowd, ROOM) == [1, 2]


def test_a_box_bears_a_few_points_rather_than_a_dear_place():
    crowd = np.array([[5.0, 5.0]])
    for cost, expected in ((0.5, 1), (1.5, 0)):
        candidates = [places((0, 0), (20, 0), costs=np.array([0.0, cost]))]
        assert place_boxes([(10, 10)], candidates, crowd, ROOM) == [expected]


def test_a_box_moves_when_a_later_one_needs_its_place():
    # The first would take the corner, where alone the second can stand; only another round finds that out.
    first, second = places((0, 0), (30, 0)), places((5, 0), (200, 0))
    assert place_boxes([(10, 10), (10, 10)], [first, second], np.empty((0, 2)), ROOM) == [1, 0]


def test_no_leader_runs_through_a_box():
    leaders = np.array([[[50, 50], [50, 10]], [[50, 50], [50, 90]]], dtype=float)
    low_or_high = places((45, 0), (45, 90), leaders=leaders)
    for y, expected in ((25, 1), (70, 0)):
        chosen = place_boxes([(10, 10), (10, 10)], [low_or_high, places((45, y))], np.empty((0, 2)), ROOM)
        assert chosen == [expected, 0]


def steep_curves() -> pd.DataFrame:
    """Return one arm that falls through the level of 10,000 posts per minute, swings below it and rises again."""
    curves = make_curves(("open",), 1)
    minute = np.arange(len(TIMES))
    valley = 30e3 - 29e3 * np.exp(-(((minute - 180) / 105) ** 8)) + 400 * np.sin(minute / 3)
    curves.loc[curves["curve"] == "published_twitter", "value"] = valley
    return curves


def test_observed_label_stands_just_above_its_segment_where_only_there_is_room():
    marks = Marks(START, at("03:00"), observed=((at("21:00"), at("03:00"), 3.6e6, "the night"),))
    ax = posts_per_minute(panel(), steep_curves(), marks, minutes=1)
    (segment,) = named(ax, "observed the night")
    (box,) = boxes(ax, "observed label").values()
    height = ax.transData.transform(segment.get_xydata())[0, 1]
    point = ax.figure.dpi / 72
    assert 0 < box.y0 - height < 14 * point
    (mean,) = named(ax, "mean open")
    pixels = ax.transData.transform(mean.get_xydata())
    inside = (pixels > [box.x0, box.y0]) & (pixels < [box.x1, box.y1])
    assert not inside.all(axis=1).any(), "the label lies on the curve"
    assert not leader_points(ax)


@pytest.mark.parametrize("seed", range(4))
def test_observed_labels_are_nearest_to_their_own_segment_or_tied_to_it(seed):
    rng = np.random.default_rng(seed)
    observed = tuple(
        (at(a), at(b), total * rng.uniform(0.9, 1.1), f"source {total:g}")
        for a, b, total in (("21:00", "00:00", 1.6e6), ("22:00", "01:00", 2.0e6), ("21:30", "02:30", 4e6))
    )
    ax = posts_per_minute(panel(), make_curves(("open",), 2), Marks(START, at("03:00"), observed=observed), minutes=1)
    extents, leaders = boxes(ax, "observed label"), leader_points(ax)
    assert_apart(extents)
    spans = {label: ax.transData.transform(named(ax, f"observed {label}")[0].get_xydata()) for *_, label in observed}
    for words, box in extents.items():
        label = words[words.index("(") + 1 : -1]
        gaps = {other: min(gap(box, *point) for point in np.linspace(*span, 200)) for other, span in spans.items()}
        assert min(gaps, key=gaps.__getitem__) == label or words in leaders
    for words, line in leaders.items():
        label = words[words.index("(") + 1 : -1]
        assert line[0, 1] == pytest.approx(spans[label][0, 1], abs=0.5)


def crowded(seed: int, n: int = 30) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return peaks and provinces, n of them, strewn as closely as in the west and the south of the country."""
    rng = np.random.default_rng(seed)
    names = [f"Province {i}" for i in range(n)]
    table = pd.DataFrame(
        {
            "province": names,
            "latitude": rng.uniform(36, 42, n),
            "longitude": rng.uniform(26, 45, n),
            "population": rng.integers(2, 50, n) * 1e5,
        }
    )
    people = np.sort(rng.lognormal(10.5, 1.0, n))[::-1]
    columns = {"arm": "open", "replicate": 0, "time": TIMES[0], "province": names, "value": people}
    return pd.DataFrame(columns), table


@pytest.mark.parametrize("seed", range(8))
def test_names_of_provinces_are_nearest_to_their_own_circle_or_tied_to_it(seed):
    squares, provinces = crowded(seed)
    ax = squares_by_province(panel(2.75), squares, provinces, "open")
    (circles,) = named(ax, "provinces")
    centres = ax.transData.transform(circles.get_offsets())
    radii = np.sqrt(circles.get_sizes()) / 2 * ax.figure.dpi / 72
    extents, leaders = boxes(ax, "province label"), leader_points(ax)
    assert len(extents) == 10
    assert_apart(extents)
    for place, (words, box) in enumerate(extents.items()):
        assert words.startswith(f"Province {place} ")
        gaps = [gap(box, x, y) - radius for (x, y), radius in zip(centres, radii, strict=True)]
        named_ones = np.argsort(gaps[:10])
        assert named_ones[0] == place or words in leaders, f"{words!r} seems to name another circle"
        if words in leaders:
            start, end = leaders[words][0], leaders[words][-1]
            assert np.hypot(*(start - centres[place])) == pytest.approx(radii[place], abs=0.5)
            assert gap(box, *end) == pytest.approx(0, abs=0.5)
    for (words, line), (other, box) in ((a, b) for a in leaders.items() for b in extents.items()):
        is_through = ((line > [box.x0, box.y0]) & (line < [box.x1, box.y1])).all(axis=1).any()
        assert words == other or not is_through, f"the leader of {words!r} runs through {other!r}"


def test_lone_circles_have_their_names_beside_them_without_leaders():
    squares, provinces = make_squares(1), PROVINCES.assign(longitude=np.linspace(27, 44, 15), latitude=39.0)
    ax = squares_by_province(panel(2.75), squares, provinces, "open", largest=4)
    assert not leader_points(ax)
    for a, b in combinations(boxes(ax, "province label").values(), 2):
        assert not a.overlaps(b)
