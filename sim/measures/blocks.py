"""A long frame of outcomes of many design points as arrays, in blocks of points: what `by_point` computes with.

Texts become codes; a block holds its numbers as arrays point x arm x outcome x replicate, NaN where the frame has no
row. Frames that `sim.measures.contrast` would refuse at some point are refused here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.measures.intervals import Floats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BLOCK", "Block", "Codes", "Flags", "Long", "any_of"]

Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

BLOCK = 1_000_000
"""Numbers (points x arms x outcomes x replicates) that are held at once."""
_NEEDED = ["point", "arm", "replicate", "outcome", "value", "unit"]


class Long:
    """A checked long frame as codes, in the order of its points, with the texts that the codes stand for."""

    def __init__(self, outcomes: pd.DataFrame) -> None:
        import pandas as pd

        has_counts = "numerator" in outcomes or "denominator" in outcomes
        needed = _NEEDED + ["numerator", "denominator"] * has_counts
        if absent := [name for name in needed if name not in outcomes]:
            raise InputError(f"outcomes lack the columns {absent}, expected {needed}; add them.")
        point, points = pd.factorize(outcomes["point"])
        # A slice copies nothing; most frames are in order.
        order = slice(None) if (np.diff(point) >= 0).all() else np.argsort(point, kind="stable")
        self.point: Codes = point[order]
        self.points = np.asarray(points)
        self.codes: dict[str, Codes] = {}
        self.texts: dict[str, NDArray[Any]] = {}
        for name in ("arm", "outcome", "replicate", "unit", *("reason",) * ("reason" in outcomes)):
            codes, texts = pd.factorize(outcomes[name], sort=name == "replicate", use_na_sentinel=name == "reason")
            self.codes[name], self.texts[name] = codes[order], np.asarray(texts, dtype=object)
        names = ("value", "numerator", "denominator") if has_counts else ("value",)
        self.columns: dict[str, Floats] = {
            name: outcomes[name].to_numpy(dtype=np.float64, na_value=np.nan)[order] for name in names
        }
        if has_counts:
            self._check_counts()

    def _check_counts(self) -> None:
        """Raise InputError where numerator / denominator is not the value."""
        value, above, below = (self.columns[name] for name in ("value", "numerator", "denominator"))
        checked = np.flatnonzero(np.isfinite(value) & np.isfinite(above) & (below > 0.0))
        wrong = checked[~np.isclose(above[checked] / below[checked], value[checked], rtol=1e-6)]
        if wrong.size:
            i = wrong[0]
            raise InputError(
                f"{self.told(i)} has value {value[i]:g} but numerator / denominator {above[i] / below[i]:g}, expected "
                "them equal; give the numerator that belongs to the value."
            )

    def told(self, row: int) -> str:
        """Return the outcome and the point of a row, in words."""
        name = self.texts["outcome"][self.codes["outcome"][row]]
        return f"outcome {name!r} at point {self.points[self.point[row]]}"

    def blocks(self) -> Iterator[Block]:
        """Yield the points in blocks of bounded size."""
        each = max(1, len(self.texts["arm"]) * len(self.texts["outcome"]) * len(self.texts["replicate"]))
        step = max(1, BLOCK // each)
        for first in range(0, len(self.points), step):
            yield Block(self, first, min(first + step, len(self.points)))


class Block:
    """Some points as arrays point x arm x outcome x replicate, NaN where the frame has no row."""

    def __init__(self, long: Long, first: int, last: int) -> None:
        self.first = first
        begin, end = np.searchsorted(long.point, (first, last))
        self.begin = int(begin)
        rows = slice(begin, end)
        codes = {name: column[rows] for name, column in long.codes.items()}
        point, arm, outcome = long.point[rows] - first, codes["arm"], codes["outcome"]
        sizes = [len(long.texts[name]) for name in ("arm", "outcome", "replicate")]
        shape = (last - first, *sizes)
        by_arm, by_outcome = point * sizes[0] + arm, point * sizes[1] + outcome
        cell = by_arm * sizes[1] + outcome
        place = cell * sizes[2] + codes["replicate"]
        self.is_held: Flags = np.zeros(shape, dtype=np.bool_)
        self.is_held.flat[place] = True
        if int(self.is_held.sum()) < len(place):
            self._refuse_repeated(long, place)
        self.columns = {name: np.full(shape, np.nan) for name in long.columns}
        for name, values in self.columns.items():
            values.reshape(-1)[place] = long.columns[name][rows]
        # Order within a point: where its arms and outcomes come first. Of equal places the last assignment stays.
        backwards = np.arange(len(place))[::-1]
        self.first_arm: Codes = np.zeros(shape[:2], dtype=np.int64)
        self.first_arm.reshape(-1)[by_arm[::-1]] = backwards
        self.first_outcome: Codes = np.zeros((shape[0], shape[2]), dtype=np.int64)
        self.first_outcome.reshape(-1)[by_outcome[::-1]] = backwards
        self.unit: Codes = np.zeros(self.first_outcome.shape, dtype=np.int64)
        self.unit.reshape(-1)[by_outcome] = codes["unit"]
        other = np.flatnonzero(self.unit.reshape(-1)[by_outcome] != codes["unit"])
        if other.size:
            told = long.told(self.begin + int(other[0]))
            raise InputError(f"{told} has several units, expected one; convert its values.")
        self.is_ratio: Flags = np.zeros(self.first_outcome.shape, dtype=np.bool_)
        if "denominator" in long.columns:
            self.is_ratio.reshape(-1)[by_outcome[~np.isnan(long.columns["denominator"][rows])]] = True
        self.why: Codes = np.zeros(shape[:3], dtype=np.int64)
        """A number for the reasons of each cell, point x arm x outcome; 0: none."""
        self.reasons: list[tuple[str, ...]] = [()]
        if "reason" in codes:
            is_told = np.isnan(long.columns["value"][rows]) & (codes["reason"] >= 0)
            self._note_reasons(cell[is_told], codes["reason"][is_told], long.texts["reason"])

    def _refuse_repeated(self, long: Long, place: Codes) -> None:
        """Raise InputError for a row that comes again."""
        _, first, counts = np.unique(place, return_index=True, return_counts=True)
        row = self.begin + int(first[counts > 1].min())
        key = tuple(long.texts[name][long.codes[name][row]] for name in ("arm", "replicate", "outcome"))
        told = f"outcomes hold {key} twice at point {long.points[long.point[row]]}"
        raise InputError(f"{told}, expected one row per point, arm, replicate and outcome; drop one.")

    def _note_reasons(self, cells: Codes, codes: Codes, texts: NDArray[Any]) -> None:
        """Note the distinct reasons of each cell, in the order of the frame."""
        _, places = np.unique(cells * (len(texts) + 1) + codes, return_index=True)
        places.sort()
        cells, codes = cells[places], codes[places]
        by_cell = np.argsort(cells, kind="stable")
        cells, codes = cells[by_cell], codes[by_cell]
        if not cells.size:
            return
        starts = np.flatnonzero(np.diff(cells, prepend=-1))
        lengths = np.diff(starts, append=len(cells))
        flat = self.why.reshape(-1)
        single = starts[lengths == 1]
        flat[cells[single]] = 1 + codes[single]
        self.reasons += [(str(text),) for text in texts]
        for start, length in zip(starts[lengths > 1], lengths[lengths > 1], strict=True):
            flat[cells[start]] = len(self.reasons)
            self.reasons.append(tuple(str(text) for text in texts[codes[start : start + length]]))

    def ordered(self, wanted: Flags) -> tuple[Codes, Codes, Codes]:
        """Return point, arm and outcome of the wanted cells in the order of the tables."""
        point, arm, outcome = np.nonzero(wanted)
        order = np.lexsort((self.first_outcome[point, outcome], self.first_arm[point, arm], point))
        return point[order], arm[order], outcome[order]


def any_of(flags: Flags | list[Flags], axis: int) -> Flags:
    """Return whether any of the flags along an axis is set."""
    return np.asarray(np.any(flags, axis=axis), dtype=np.bool_)
