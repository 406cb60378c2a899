"""Labels within the axes, which keep clear of lines and of each other, and leaders to what they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.text import Text
from numpy.typing import NDArray

from sim.measures.intervals import Floats

_MOST_ROUNDS = 4  # of placing every label again, knowing where the others stand
_MOST_PLACES = 200  # of each label that are weighed against those of the others
_ALONG = 16  # points of a leader that are looked for in boxes


def pixels(ax: Axes) -> float:
    """Return the pixels per point of the figure that holds `ax`."""
    return float(ax.figure.dpi) / 72


def halo(width: float = 2.0) -> list[patheffects.AbstractPathEffect]:
    """Return path effects that keep a text readable over lines: a white rim of `width` points."""
    return [patheffects.withStroke(linewidth=width, foreground="white")]


@dataclass(frozen=True)
class Places:
    """Where a box may stand, in pixels, and what each of these k places costs before anything else is looked at.

    Parameters
    ----------
    corners
        Lower left corners, shape (k, 2).
    costs
        What speaks against each place, in hidden points of the crowd, shape (k,).
    leaders
        Ends of the line from what the box names to the box, shape (k, 2, 2); NaN where the box needs none.
    """

    corners: Floats
    costs: Floats
    leaders: Floats

    @classmethod
    def near(cls, corners: Floats) -> Places:
        """Return places without leaders, of equal cost."""
        return cls(corners, np.zeros(len(corners)), np.full((len(corners), 2, 2), np.nan))


def floating_text(ax: Axes, words: str, size: float, gid: str) -> Text:
    """Return a text with a white rim that has no place yet; `settle_texts` gives it one."""
    return ax.text(0, 0, words, fontsize=size, va="bottom", path_effects=halo(), zorder=6, transform=None, gid=gid)


def settle_texts(ax: Axes, texts: Sequence[Text], places: Sequence[Places], crowd: Floats, pad: float) -> None:
    """Move texts to where `place_boxes` puts them, within the axes, and draw their leaders; all in pixels."""
    sizes = [(box.width, box.height) for box in (text.get_window_extent() for text in texts)]
    left, bottom, right, top = ax.get_window_extent().extents
    chosen = place_boxes(sizes, places, crowd, (left, bottom, right, top), pad)
    to_axes = ax.transAxes.inverted()
    for text, its, k in zip(texts, places, chosen, strict=True):
        text.set_transform(ax.transAxes)
        text.set_position(tuple(to_axes.transform(its.corners[k])))
        if np.isfinite(its.leaders[k]).all():
            ends = to_axes.transform(its.leaders[k])
            look: dict[str, Any] = {"color": "0.25", "linewidth": 0.6, "zorder": 5.5, "path_effects": halo(1.6)}
            ax.plot(
                *ends.T, transform=ax.transAxes, scalex=False, scaley=False, gid=f"leader {text.get_text()}", **look
            )


def place_boxes(
    sizes: Sequence[tuple[float, float]],
    places: Sequence[Places],
    crowd: Floats,
    room: tuple[float, float, float, float],
    pad: float = 0,
) -> list[int]:
    """Return which of its places each box takes: clear of the others and of their leaders, inside, over few points.

    One box after the other takes its cheapest place, and then again, knowing where the others stand, until none moves;
    of what this comes to when each of the boxes begins, the cheapest is taken.

    Parameters
    ----------
    sizes, places
        Width and height of each box, and where it may stand; of equally cheap places the first is taken.
    crowd, room, pad
        Points to keep clear of, shape (n, 2); left, bottom, right and top of the room; what to leave free around a box.
    """
    n = len(sizes)
    kept, alone = [], []
    for its, size in zip(places, sizes, strict=True):
        boxes = _spans(its.corners, size, pad)
        outside = np.maximum(np.array(room) * [1, 1, -1, -1] - boxes * [1, 1, -1, -1], 0).sum(axis=1)
        costs = its.costs + 1e3 * outside + _n_inside(crowd, boxes)
        few = _cheapest(its.corners, costs, size)
        kept.append(few)
        alone.append(costs[few])
    parts = [
        (_spans(its.corners[few], size, pad), its.leaders[few])
        for its, few, size in zip(places, kept, sizes, strict=True)
    ]
    together = {(i, j): _conflicts(*parts[i], *parts[j]) for i in range(n) for j in range(i)}
    together |= {(j, i): costs.T for (i, j), costs in together.items()}
    best: list[int] = []
    least = np.inf
    for begin in range(n):
        chosen: dict[int, int] = {}
        for turn in range(_MOST_ROUNDS * n):
            i = (begin + turn) % n
            others = [together[i, j][:, k] for j, k in chosen.items() if j != i]
            chosen[i] = int(np.sum([alone[i], *others], axis=0).argmin())
        total = sum(alone[i][k] + sum(together[i, j][k, chosen[j]] for j in range(i)) for i, k in chosen.items())
        if total < least:
            least, best = total, [int(kept[i][chosen[i]]) for i in range(n)]
    return best


def _cheapest(corners: Floats, costs: Floats, size: tuple[float, float]) -> NDArray[np.intp]:
    """Return at most `_MOST_PLACES` cheap places, one of each quarter of a box, in their order: no need for neighbours."""
    order = np.argsort(costs, kind="stable")
    _, first = np.unique(np.floor(corners[order] / (np.array(size) / 4)), axis=0, return_index=True)
    return np.sort(order[np.sort(first)[:_MOST_PLACES]])


def _conflicts(boxes: Floats, leaders: Floats, others: Floats, their_leaders: Floats) -> Floats:
    """Return what each place of a box costs with each place of another: overlap, and leaders through boxes."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    costs = 1e6 * np.maximum(high - low, 0).prod(axis=2)
    for these, those, swap in ((leaders, others, False), (their_leaders, boxes, True)):
        has_leader = np.flatnonzero(np.isfinite(these).all(axis=(1, 2)))
        along = np.linspace(these[has_leader, 0], these[has_leader, 1], _ALONG, axis=1).reshape(-1, 2)
        hits = np.zeros((len(those), len(these)))
        hits[:, has_leader] = 1e4 * _is_inside(along, those).reshape(len(those), -1, _ALONG).sum(axis=2)
        costs += hits if swap else hits.T
    return np.asarray(costs, dtype=np.float64)


def _is_inside(points: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Return whether points, shape (n, 2), lie in boxes ``left, bottom, right, top``, shape (k, 4): shape (k, n)."""
    x, y = points[:, 0], points[:, 1]
    found = x > boxes[:, [0]]
    found &= x < boxes[:, [2]]
    found &= y > boxes[:, [1]]
    found &= y < boxes[:, [3]]
    return np.asarray(found, dtype=np.bool_)


def _spans(corners: Floats, size: tuple[float, float], pad: float) -> Floats:
    """Return left, bottom, right and top of boxes of one size, padded, shape (k, 4)."""
    return np.column_stack((corners - pad, corners + np.array(size) + pad))


def _n_inside(points: Floats, boxes: Floats) -> Floats:
    """Return how many points lie in each box; most points are far from all of them."""
    lowest, highest = boxes[:, :2].min(axis=0, initial=np.inf), boxes[:, 2:].max(axis=0, initial=-np.inf)
    near = points[((points > lowest) & (points < highest)).all(axis=1)]
    return np.asarray(_is_inside(near, boxes).sum(axis=1), dtype=np.float64)


def dense(line: Floats, step: float = 3.0) -> Floats:
    """Return points along a polyline, shape (n, 2), at most `step` apart; NaN drops out."""
    line = line[np.isfinite(line).all(axis=1)]
    if not line.size:
        return line
    reached = np.append(0.0, np.hypot(*np.diff(line, axis=0).T).cumsum())
    along = np.append(np.arange(0.0, reached[-1], step), reached[-1])
    return np.column_stack([np.interp(along, reached, coordinate) for coordinate in line.T])
