"""Records are kept packed, and curves written run by run: what comes out is the same as if all were held at once."""

from __future__ import annotations

import gc
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.measures.bands import curve_contrast_table
from sim.scenario import Scenario
from sim.study import writing
from sim.study.figures import curves_shown
from sim.study.records import Records, read_record
from sim.study.run import Study

SMALL = ("population.size=150", "scenario.warm_up_hours=2")


@pytest.fixture(scope="module")
def arms() -> dict[str, Scenario]:
    silent = [f"channels.{name}.posts_per_user_day=0" for name in ("youtube", "viber")]
    return {"open": sim.load(*SMALL, "throttle=none"), "fewer": sim.load(*SMALL, "throttle=total", *silent)}


@pytest.fixture(scope="module")
def study(arms: dict[str, Scenario]) -> Study:
    return sim.compare(arms, 3, nulls=("ordinary",), workers=1)


def test_a_record_comes_out_of_the_pack_as_it_went_in_and_is_small_there(arms: dict[str, Scenario]) -> None:
    record = sim.simulate(arms["open"], seed=3).record
    records = Records()
    records["open", "", 0] = record
    found = records["open", "", 0].arrays()
    assert found.keys() == record.arrays().keys()
    for name, part in record.arrays().items():
        np.testing.assert_array_equal(found[name], part)
        assert found[name].dtype == part.dtype
    whole = sum(part.nbytes for part in record.arrays().values())
    assert len(records._packed["open", "", 0]) < whole / 10
    assert ("open", "", 0) in records
    assert ("open", "", 1) not in records
    with pytest.raises(KeyError):
        records["open", "", 1]
    del records["open", "", 0]
    assert not records


def test_curves_by_run_are_the_curves(study: Study, tmp_path: Path) -> None:
    """Also where arms have curves of their own: the channels on which nobody posts have none of posts."""
    assert {*study.curves["curve"]} > {*study.curves.loc[study.curves["arm"] == "fewer", "curve"]}
    writing.put_parts(tmp_path / "curves.parquet", study.curves_by_run())
    read = pd.read_parquet(tmp_path / "curves.parquet")
    as_text = {"arm": str, "curve": str}
    pd.testing.assert_frame_equal(
        read.astype(as_text), study.curves.astype(as_text).astype({"time": read["time"].dtype}), check_exact=True
    )
    assert read["arm"].dtype == "category"


def test_chosen_curves_are_rows_of_all_of_them(study: Study) -> None:
    some = study.curves_of(curves_shown)
    expected = study.curves[
        study.curves["curve"].astype(str).isin(curves_shown(study.curves["curve"].astype(str).unique()))
    ]
    columns = ["arm", "replicate", "time", "curve", "value"]
    as_text = {"arm": str, "curve": str}
    pd.testing.assert_frame_equal(
        some[columns].astype(as_text), expected[columns].astype(as_text).reset_index(drop=True), check_exact=True
    )


def test_differences_of_curves_are_those_of_the_table_of_curves(study: Study) -> None:
    found = study.curve_contrasts
    expected = curve_contrast_table(study.curves, "open")
    keys = ["arm", "curve", "time"]
    same = {"arm": str, "curve": str, "baseline": str, "method": str, "time": expected["time"].dtype}
    one, other = (t.astype(same).sort_values(keys).reset_index(drop=True) for t in (found, expected))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_table_in_parts_is_there_whole_or_not_at_all(study: Study, tmp_path: Path) -> None:
    def parts():
        yield next(study.curves_by_run())
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        writing.put_parts(tmp_path / "curves.parquet", parts())
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_runs_has_a_table_without_rows(arms: dict[str, Scenario], tmp_path: Path) -> None:
    nothing = Study(arms, "open", 2, is_conditional=False)
    writing.put_parts(tmp_path / "curves.parquet", nothing.curves_by_run())
    read = pd.read_parquet(tmp_path / "curves.parquet")
    assert len(read) == 0
    assert {"arm", "replicate", "time", "curve", "value"} <= {*read.columns}


def test_threads_may_read_records_while_the_garbage_collector_calls_back() -> None:
    record = sim.simulate(sim.load(*SMALL, "throttle=none"), seed=3).record
    whole = io.BytesIO()
    np.savez(whole, **record.arrays())
    before, interval = gc.get_threshold(), sys.getswitchinterval()

    def call_back(_phase: str, _info: dict[str, int]) -> None:
        for _ in range(200):
            pass

    gc.callbacks.append(call_back)
    gc.set_threshold(20)
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: read_record(whole.getvalue()).arrays().keys(), range(32)))
    finally:
        gc.callbacks.remove(call_back)
        gc.set_threshold(*before)
        sys.setswitchinterval(interval)
    assert found == [record.arrays().keys()] * 32
