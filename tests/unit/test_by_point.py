"""Tables of many design points: equal, row for row, to the tables of each point by itself, and fast enough."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import InputError
from sim.measures import blocks
from sim.measures.by_point import contrasts_by_point, reductions_by_point, summaries_by_point
from sim.measures.contrast import contrast_table, summary_table, variance_reduction_table

OUTCOMES = {"people": "people", "time": "min", "share": "share", "ratio": "1", "growth": "1"}
RATIOS = {"ratio", "growth"}
REASONS = [None, "nobody left", "no call", ""]


def random_frame(seed, n_points=12, arms=("open", "throttled", "long"), n_replicates=4, missing=0.2, has_reason=True):
    """Return a long frame with everything that can go wrong: what is missing, small, constant or out of order."""
    rng = np.random.default_rng(seed)
    rows = []
    for point in rng.permutation(n_points) * 3:
        replicates = rng.choice(9, size=rng.integers(1, n_replicates + 1), replace=False)
        kind = rng.integers(0, 5, size=len(OUTCOMES))
        for arm in rng.permutation([arm for arm in arms if rng.random() > missing]):
            for replicate in replicates:
                if rng.random() < missing / 3:
                    continue
                for outcome, how in zip(rng.permutation(list(OUTCOMES)), kind, strict=True):
                    if rng.random() < missing / 5:
                        continue
                    rows.append((int(point), arm, int(replicate), outcome, *cell(rng, outcome, how, missing)))
    columns = ["point", "arm", "replicate", "outcome", "value", "numerator", "denominator", "reason"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["unit"] = frame["outcome"].map(OUTCOMES)
    return frame if has_reason else frame.drop(columns="reason")


def cell(rng, outcome, how, missing):
    """Return value, numerator, denominator and reason of one row; `how` is shared by all rows of an outcome."""
    is_gone = rng.random() < (1.0 if how == 0 else missing)
    reason = REASONS[rng.integers(len(REASONS))] if is_gone else None
    if outcome in RATIOS:
        # Small denominators, all of it in one replicate, equal ratios in both arms, and no count at all.
        below = float({1: rng.integers(0, 9), 2: 50 * rng.integers(0, 2), 3: 40}.get(how, rng.integers(1, 99)))
        above = 20.0 if how == 3 else float(rng.integers(0, 200))
        if is_gone and rng.random() < 0.5:
            return np.nan, np.nan, np.nan, reason
        return (above / below if below > 0 and not is_gone else np.nan), above, below, reason
    value = {1: 7.0, 2: float(rng.integers(0, 2)), 3: 1e5 + rng.normal()}.get(how, float(rng.lognormal()))
    if is_gone:
        value = [np.nan, np.nan, np.inf][rng.integers(3)]
    return value, np.nan, np.nan, reason


def twin(frame, table, *, needs=None):
    """Return the obvious twin: the table of each point by itself, one below the other."""
    parts = []
    for point, rows in frame.groupby("point", sort=False):
        if needs is None or needs in set(rows["arm"]):
            part = table(rows.drop(columns="point").reset_index(drop=True))
            part.insert(0, "point", point)
            parts.append(part)
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def assert_same(found, expected, rtol=1e-9):
    """Texts, counts and what is missing are equal; numbers are within rounding."""
    pd.testing.assert_frame_equal(found, expected, rtol=rtol, atol=1e-9)


def check_all(frame, baseline="open", **options):
    at = contrasts_by_point(frame, baseline, **options)
    assert_same(at, twin(frame, lambda rows: contrast_table(rows, baseline, **options), needs=baseline))
    at = reductions_by_point(frame, baseline, **options)
    # Where one replicate holds nearly all that varies, what it leaves behind is a difference of close numbers.
    expected = twin(frame, lambda rows: variance_reduction_table(rows, baseline, **options), needs=baseline)
    assert_same(at, expected, rtol=1e-6)
    assert_same(summaries_by_point(frame, **options), twin(frame, lambda rows: summary_table(rows, **options)))


@pytest.mark.parametrize("seed", range(12))
def test_equal_to_the_tables_of_each_point(seed):
    check_all(random_frame(seed))


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([0.0, 0.2, 0.6]), st.booleans(), st.booleans())
def test_equal_on_any_frame(seed, n_replicates, missing, has_reason, conditional):
    frame = random_frame(seed, 4, n_replicates=n_replicates, missing=missing, has_reason=has_reason)
    if "open" in set(frame.get("arm", [])) and frame["arm"].nunique() > 1:
        has_pair = frame.groupby("point")["arm"].agg(lambda arms: "open" in set(arms) and len(set(arms)) > 1)
        if has_pair.any():
            check_all(frame, level=0.8, min_denominator=50.0, conditional=conditional)


def test_the_edge_cases_do_occur():
    """A test of the tests: the random frames hold every text that the tables can say."""
    frames = [random_frame(seed) for seed in range(12)]
    said = " | ".join(
        text
        for frame in frames
        for table in (contrasts_by_point(frame, "open"), reductions_by_point(frame, "open"), summaries_by_point(frame))
        for text in table["method"]
    )
    for text in (
        "missing: nobody left; no call", "missing: no complete pair; 1 of 1 pairs missing", "paired t; 1 of 4 pairs missing",
        "interval missing at n = 1", "interval missing, one replicate holds the whole denominator",
        "missing: one replicate holds the whole denominator", "missing: denominator of open is",
        "; denominator of open is", "variance reduction needs two complete pairs", "the difference does not vary",
        "interval missing below n = 3", "one replicate holds all that varies", "missing: no complete replicate",
    ):  # fmt: skip
        assert text in said, text


def test_blocks_change_nothing(monkeypatch):
    frame = random_frame(3, 30)
    whole = contrasts_by_point(frame, "open")
    monkeypatch.setattr(blocks, "BLOCK", 200)
    assert len(list(blocks.Long(frame).blocks())) > 10
    pd.testing.assert_frame_equal(contrasts_by_point(frame, "open"), whole, check_exact=True)


def test_rows_of_a_point_need_not_lie_together():
    frame = random_frame(4)
    mixed = frame.sort_values("replicate", kind="stable").reset_index(drop=True)
    check_all(mixed)


def test_categories_are_texts():
    frame = random_frame(5)
    coded = frame.astype({"arm": "category", "outcome": "category", "unit": "category"})
    pd.testing.assert_frame_equal(contrasts_by_point(coded, "open"), contrasts_by_point(frame, "open"))


def test_a_unit_may_differ_between_points():
    frame = random_frame(6)
    later = frame["point"] > frame["point"].median()
    frame.loc[later & (frame["outcome"] == "people"), "unit"] = "k people"
    check_all(frame)


def test_bad_frames_are_refused():
    frame = random_frame(7)
    with pytest.raises(InputError, match="lack the columns"):
        contrasts_by_point(frame.drop(columns="point"), "open")
    with pytest.raises(InputError, match="twice at point"):
        contrasts_by_point(pd.concat([frame, frame.tail(1)]), "open")
    with pytest.raises(InputError, match="arm 'closed' has no outcomes"):
        contrasts_by_point(frame, "closed")
    other = frame.copy()
    other.loc[other.index[-1], "unit"] = "hours"
    with pytest.raises(InputError, match="several units"):
        contrasts_by_point(other, "open")
    with pytest.raises(InputError, match="expected them equal"):
        contrasts_by_point(frame.assign(value=frame["value"] + 1.0), "open")
    with pytest.raises(InputError, match="expected counts of 0 or more"):
        summaries_by_point(frame.assign(denominator=-frame["denominator"]))
    with pytest.raises(InputError, match="level is 95"):
        summaries_by_point(frame, level=95)


def test_an_empty_frame_has_empty_tables_with_their_types():
    frame = random_frame(8).iloc[:0]
    assert list(summaries_by_point(frame).columns)[:3] == ["point", "arm", "outcome"]
    assert summaries_by_point(frame)["n"].dtype == np.int64
    alone = random_frame(8, arms=("open",), missing=0.0)
    assert len(contrasts_by_point(alone, "open")) == 0
    assert contrasts_by_point(alone, "open")["difference"].dtype == np.float64
