"""A user's own series: read whole, or refused in a sentence that says what is wrong where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.errors import InputError
from sim.inference.series import Series, read_series
from tests.nights import night

NIGHT = night()
START = pd.Timestamp(NIGHT.clock.start)


def rows(values: list[Any], width: int = 30, first: int = 0) -> pd.DataFrame:
    times = [(START + pd.Timedelta(minutes=first + width * i)).isoformat() for i in range(len(values))]
    return pd.DataFrame({"time": times, "value": values})


def read(tmp_path: Path, table: pd.DataFrame, suffix: str = ".csv", **more: Any):
    path = tmp_path / f"mine{suffix}"
    table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    series = Series.model_validate({"file": path, "curve": "published_twitter", "relative_sd": 0.1} | more)
    return read_series("mine", series, NIGHT)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("width", [1, 7, 30])
def test_bins_are_minutes_of_the_scenario(tmp_path: Path, suffix: str, width: int):
    bins = read(tmp_path, rows([4, 0, 8], width, 20), suffix)
    assert bins.minutes == tuple((20 + width * i, 20 + width * (i + 1)) for i in range(3))
    assert bins.observed == (4.0, 0.0, 8.0)
    assert bins.scale == pytest.approx(0.1 * 4 * 3**0.5)


def test_a_shape_is_told_in_shares(tmp_path: Path):
    bins = read(tmp_path, rows([4, 0, 12]), compare="shape")
    assert bins.observed == (0.25, 0.0, 0.75)
    np.testing.assert_allclose(bins.compared(np.array([10.0, 10.0, 20.0])), [0.25, 0.25, 0.5])
    assert np.isnan(bins.compared(np.zeros(3))).all()
    assert bins.scale == pytest.approx(0.1 / 3 * 3**0.5)


def test_times_may_be_told_in_any_zone(tmp_path: Path):
    utc = rows([1, 2, 3])
    utc["time"] = [pd.Timestamp(t).tz_convert("UTC").isoformat() for t in utc["time"]]
    local = rows([1, 2, 3])
    local["time"] = [str(pd.Timestamp(t).tz_localize(None)) for t in local["time"]]
    expected = read(tmp_path, rows([1, 2, 3]))
    assert read(tmp_path, utc) == expected
    assert read(tmp_path, local, zone=NIGHT.scenario.zone) == expected


def changed(table: pd.DataFrame, column: str, row: int, value: Any) -> pd.DataFrame:
    table = table.astype({column: object})
    table.loc[row, column] = value
    return table


GOOD = rows([1, 2, 3, 4])
BAD: dict[str, tuple[pd.DataFrame, dict[str, Any], str]] = {
    "no such column": (GOOD.rename(columns={"value": "tweets"}), {}, "columns time, tweets, expected time and value"),
    "one row": (GOOD.head(1), {}, "1 rows, expected at least two bins"),
    "no number": (changed(GOOD, "value", 2, "many"), {}, "row 3: value is 'many', expected a number"),
    "missing": (changed(GOOD, "value", 1, None), {}, "row 2: value is missing, expected a number"),
    "negative": (changed(GOOD, "value", 1, -2), {}, "row 2: value is -2, expected 0 or more"),
    "no moment": (changed(GOOD, "time", 1, "noon"), {}, "row 2: time is 'noon', expected a moment"),
    "no zone": (GOOD.assign(time=[t[:19] for t in GOOD["time"]]), {}, "row 1: time .* has no zone, expected an offset"),
    "no such zone": (GOOD.assign(time=[t[:19] for t in GOOD["time"]]), {"zone": "Mars"}, "zone is 'Mars'"),
    "a folder of zones": (GOOD.assign(time=[t[:19] for t in GOOD["time"]]), {"zone": "Europe"}, "zone is 'Europe'"),
    "a gap": (GOOD.drop(index=2), {}, "the next comes 60 minutes later and others 30, expected no gap"),
    "twice": (pd.concat([GOOD, GOOD.tail(1)]), {}, "does not come after the one before, expected rising times"),
    "backwards": (GOOD.iloc[::-1], {}, "expected rising times"),
    "between minutes": (
        GOOD.assign(time=[t.replace(":00+", ":30+") for t in GOOD["time"]]),
        {},
        "expected whole minutes",
    ),
    "outside": (rows([1, 2], first=-30), {}, "expected bins within the scenario"),
    "beyond the end": (rows([1, 2], first=NIGHT.clock.n_minutes - 30), {}, "expected bins within the scenario"),
    "zeros": (rows([0, 0]), {}, "nothing but zeros"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_compared_is_refused_in_one_sentence(tmp_path: Path, name: str):
    table, more, words = BAD[name]
    with pytest.raises(InputError, match=words) as told:
        read(tmp_path, table, **more)
    assert str(told.value).startswith(f"calibration.series.mine ({tmp_path / 'mine.csv'})")


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str):
    series = Series.model_validate({"file": tmp_path / name, "curve": "x", "relative_sd": 0.1})
    with pytest.raises(InputError, match=f"{name}.*No such file"):
        read_series("mine", series, NIGHT)


def test_a_file_that_is_no_table_is_named(tmp_path: Path):
    path = tmp_path / "mine.parquet"
    path.write_text("no table")
    series = Series.model_validate({"file": path, "curve": "x", "relative_sd": 0.1})
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_series("mine", series, NIGHT)
