"""An observed series of a user's own: a CSV or Parquet file with the columns time and value, in bins of any width."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field

from sim.errors import InputError
from sim.laws import File, Frozen
from sim.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bins", "Series", "read_series"]


class Series(Frozen):
    """How a file is compared with a curve."""

    file: File
    """Columns time (the start of a bin, with an offset unless `zone` is given) and value (the sum over the bin)."""
    curve: str
    """Which curve of the night it is: published_twitter, topical_twitter, ..."""
    compare: Literal["level", "shape"] = "level"
    """Whether the numbers count, in real people or posts, or only their shares of the whole series."""
    relative_sd: float = Field(gt=0)
    """Uncertainty of a bin as a share of the mean bin."""
    zone: str | None = None
    """Of times without an offset."""
    held_out: bool = False
    source: str = "a file of the user's own"


@dataclass(frozen=True)
class Bins:
    """A series as it is compared: bins in minutes of the scenario."""

    curve: str
    minutes: tuple[tuple[int, int], ...]
    """First minute and end of each bin."""
    observed: tuple[float, ...]
    """Values, or their shares of the sum."""
    is_shape: bool
    scale: float
    held_out: bool

    def compared(self, sums: np.ndarray) -> np.ndarray:
        """Return what is compared with `observed`, float64[bins], of the sums of a night; NaN for shares of nothing."""
        if not self.is_shape:
            return sums
        total = sums.sum()
        return sums / total if total > 0 else np.full(len(sums), np.nan)


def read_series(name: str, series: Series, scenario: Scenario) -> Bins:
    """Return the bins of a file.

    The uncertainty of a bin is `relative_sd` times the mean bin times the root of the number of bins, so that a series as a
    whole, by the mean square over its bins, counts as one number.

    Raises
    ------
    InputError
        A file that cannot be read, without the columns, with times that have no zone, leave gaps, come twice or out of order,
        or lie outside the scenario or between minutes, or with values that are missing or negative.
    """
    where = f"calibration.series.{name} ({series.file})"
    table = _read(where, series.file)
    times = _times(where, table, series.zone)
    values = _values(where, table)
    width = _width(where, times)
    start = scenario.clock.start
    firsts = [(t - start).total_seconds() / 60 for t in times]
    n_minutes = scenario.clock.n_minutes
    for time, first in zip(times, firsts, strict=True):
        if first != int(first):
            raise InputError(f"{where} has a bin at {time}, expected whole minutes; shift the bins.")
        if not 0 <= first <= n_minutes - width:
            raise InputError(
                f"{where} has a bin at {time} of {width} minutes, expected bins within the scenario, {start:%Y-%m-%d %H:%M} to "
                f"{scenario.clock.end:%Y-%m-%d %H:%M} ({scenario.scenario.zone}); leave it out."
            )
    total = values.sum()
    if total <= 0:
        raise InputError(f"{where} holds nothing but zeros, expected counts; give the values of each bin.")
    observed = values / total if series.compare == "shape" else values
    scale = series.relative_sd * float(observed.mean()) * len(observed) ** 0.5
    minutes = tuple((int(first), int(first) + width) for first in firsts)
    return Bins(series.curve, minutes, tuple(map(float, observed)), series.compare == "shape", scale, series.held_out)


def _read(where: str, path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        path.open("rb").close()  # the readers tell in words of their own that it is not there
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except OSError as error:
        raise InputError(f"{where}: {error.strerror}; expected a file that can be read, correct its name.") from error
    except Exception as error:  # whatever the two readers make of a file that is none
        raise InputError(f"{where} cannot be read as {'Parquet' if path.suffix == '.parquet' else 'CSV'} "
                         f"({str(error).splitlines()[0]}); expected columns time and value.") from error  # fmt: skip
    missing = [column for column in ("time", "value") if column not in table]
    if missing:
        raise InputError(
            f"{where} has the columns {', '.join(map(str, table.columns))}, expected time and value; rename them."
        )
    if len(table) < 2:
        raise InputError(f"{where} has {len(table)} rows, expected at least two bins; add some.")
    return table


def _times(where: str, table: pd.DataFrame, zone: str | None) -> list[pd.Timestamp]:
    import pandas as pd

    found = []
    for row, text in enumerate(table["time"]):
        time = pd.to_datetime(text, errors="coerce")
        if not isinstance(time, pd.Timestamp):
            raise InputError(
                f"{where}, row {row + 1}: time is {text!r}, expected a moment such as 2016-07-15T22:00+03:00."
            )
        if time.tzinfo is None and zone is None:
            raise InputError(
                f"{where}, row {row + 1}: time {text} has no zone, expected an offset (2016-07-15T22:00+03:00); write it, or "
                "name the zone of the file with the key zone."
            )
        try:
            found.append(time if time.tzinfo is not None else time.tz_localize(ZoneInfo(str(zone))))
        except (
            KeyError,
            OSError,
            ValueError,
        ) as error:  # no such zone (or a folder of them), or an hour that its clocks have twice or not at all
            raise InputError(
                f"{where}: zone is {zone!r} ({error}), expected one such as Europe/Istanbul; correct it."
            ) from error
    return found


def _values(where: str, table: pd.DataFrame) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(table["value"], errors="coerce").to_numpy(np.float64)
    for row, value in enumerate(values):
        if not np.isfinite(value):
            given = table["value"].iloc[row]
            told = "missing" if pd.isna(given) else repr(given)
            raise InputError(f"{where}, row {row + 1}: value is {told}, expected a number; fill or remove it.")
        if value < 0:
            raise InputError(
                f"{where}, row {row + 1}: value is {value:g}, expected 0 or more: counts cannot be negative."
            )
    return values


def _width(where: str, times: list[pd.Timestamp]) -> int:
    """Return the width of the bins in minutes, the same for all."""
    steps = [(b - a).total_seconds() / 60 for a, b in pairwise(times)]
    width = min(steps)
    if width <= 0:
        at = times[steps.index(width) + 1]
        raise InputError(
            f"{where}: the bin at {at} does not come after the one before, expected rising times; sort the rows."
        )
    if width != int(width):
        raise InputError(f"{where} has bins of {width:g} minutes, expected whole minutes; add them up to wider bins.")
    for time, step in zip(times, steps, strict=False):
        if step != width:
            raise InputError(
                f"{where}: after the bin at {time} the next comes {step:g} minutes later and others {width:g}, expected no "
                "gap; fill it (with 0, if nothing was counted), or give the parts as two series."
            )
    return int(width)
