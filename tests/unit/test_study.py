"""Studies: the same runs whoever computes them, in whatever order, and whatever else fails."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.errors import CapacityError, InputError
from sim.measures.outcomes import NEEDED_NULLS
from sim.scenario import NULL_NIGHTS, Scenario
from sim.study import store as store_module
from sim.study import tasks as tasks_module
from sim.study import worlds as worlds_module
from sim.study.run import Study
from sim.study.store import Store

SMALL = ("population.size=150", "scenario.warm_up_hours=2")


@pytest.fixture(scope="module")
def open_night() -> Scenario:
    return sim.load(*SMALL, "throttle=none")


@pytest.fixture(scope="module")
def throttled() -> Scenario:
    return sim.load(*SMALL, "throttle=total")


@pytest.fixture(scope="module")
def arms(open_night: Scenario, throttled: Scenario) -> dict[str, Scenario]:
    return {"open": open_night, "throttled": throttled}


@pytest.fixture(scope="module")
def study(arms: dict[str, Scenario]) -> Study:
    return sim.compare(arms, 3, nulls=(), workers=1)


def by_arm(table: pd.DataFrame) -> pd.DataFrame:
    keys = [c for c in ("baseline", "arm", "null", "replicate", "outcome", "curve", "province", "time") if c in table]
    plain = table.astype({c: str for c in keys if table[c].dtype == "category"})
    return plain.sort_values(keys).reset_index(drop=True)


def assert_same_numbers(one: Study, other: Study) -> None:
    for name in ("outcomes", "contrasts", "summary", "variance_reduction", "curves", "nulls", "squares"):
        ours, theirs = by_arm(getattr(one, name)), by_arm(getattr(other, name))
        pd.testing.assert_frame_equal(ours, theirs, check_exact=True, obj=name)


def test_identical_arms_have_no_difference(open_night: Scenario) -> None:
    twin = sim.load(*SMALL, "throttle=none")
    found = sim.compare({"one": open_night, "other": twin}, 3, nulls=("keyboard",), workers=1)
    table = found.contrasts
    present = table["difference"].notna()
    assert present.any()
    assert (table.loc[present, ["difference", "low", "high"]] == 0).all(axis=None)
    # 0 / 0: nothing varies, so nothing is reduced.
    assert table.loc[present, "variance_reduction"].isna().all()
    # What is the same run is computed once.
    assert (found.n_computed, found.n_reused) == (6, 0)


def test_arms_differ_where_the_throttle_acts_and_only_there(study: Study) -> None:
    curves = study.curves.pivot_table(
        index=["replicate", "curve", "time"], columns="arm", values="value", observed=True
    )
    differs = curves["open"] != curves["throttled"]
    assert differs.any()
    first = differs[differs].index.get_level_values("time").min()
    assert first >= pd.Timestamp("2016-07-15 22:50", tz="Europe/Istanbul")


@pytest.mark.slow
@pytest.mark.long
def test_the_number_of_workers_changes_nothing(study: Study, arms: dict[str, Scenario]) -> None:
    assert_same_numbers(sim.compare(arms, 3, nulls=(), workers=4), study)


@pytest.mark.slow
def test_tables_are_in_the_same_order_whoever_finishes_first(arms: dict[str, Scenario], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """The last replicate is made to finish first."""
    plain = sim.compare(arms, 2, nulls=("keyboard",), workers=1)
    real, may_go = tasks_module.run, threading.Event()
    left = 4

    def late(scenario, seed, *rest, **more):  # type: ignore[no-untyped-def]
        nonlocal left
        if seed == 1:
            assert may_go.wait(120)
        record = real(scenario, seed, *rest, **more)
        if seed == 2:
            left -= 1
            if left == 0:
                may_go.set()
        return record

    monkeypatch.setattr(tasks_module, "run", late)
    reversed_order = sim.compare(arms, 2, nulls=("keyboard",), workers=2)
    for name in ("outcomes", "curves", "nulls", "squares", "contrasts", "summary", "variance_reduction"):
        pd.testing.assert_frame_equal(getattr(reversed_order, name), getattr(plain, name), check_exact=True, obj=name)


@pytest.mark.slow
def test_the_order_of_arms_changes_nothing(study: Study, arms: dict[str, Scenario]) -> None:
    backwards = dict(reversed(arms.items()))
    other = sim.compare(backwards, 3, baseline="open", nulls=(), workers=1)
    assert list(other.arms) == ["throttled", "open"]
    assert_same_numbers(other, study)
    turned = sim.compare(backwards, 3, nulls=(), workers=1).contrasts.set_index("outcome")
    ours = study.contrasts.set_index("outcome")
    assert set(turned["baseline"]) == {"throttled"}
    np.testing.assert_allclose(turned["difference"], -ours["difference"])
    np.testing.assert_allclose(turned["low"], -ours["high"])


def test_an_arm_does_not_know_of_the_others(study: Study, open_night: Scenario) -> None:
    alone = sim.compare({"open": open_night}, 3, nulls=(), workers=1)
    ours = study.outcomes[study.outcomes["arm"] == "open"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.outcomes, ours, check_exact=True)
    assert len(alone.contrasts) == 0


def test_replicate_r_has_the_seed_plus_r(open_night: Scenario) -> None:
    found = sim.compare({"open": open_night}, 3, seed=5, nulls=(), workers=1).outcomes
    for replicate in range(3):
        ours = found[found["replicate"] == replicate]
        alone = sim.simulate(open_night, 5 + replicate).outcomes
        pd.testing.assert_frame_equal(
            ours[alone.columns].reset_index(drop=True), alone, check_exact=True, obj=f"replicate {replicate}"
        )


def test_seeds_go_round_at_their_largest(open_night: Scenario) -> None:
    found = sim.compare({"open": open_night}, 2, seed=2**63 - 1, nulls=(), workers=1).outcomes
    second = found[found["replicate"] == 1].reset_index(drop=True)
    first = sim.simulate(open_night, 0).outcomes
    pd.testing.assert_frame_equal(second[first.columns], first, check_exact=True)


def test_a_fixed_world_is_shared_and_said(arms: dict[str, Scenario], study: Study) -> None:
    fixed = sim.compare(arms, 3, nulls=(), world="fixed", workers=2)
    assert fixed.is_conditional
    assert fixed.contrasts["method"].str.contains("conditional on one world").all()
    # The first replicate has the seed of the world; the others have other dice in it.
    ours, theirs = (s.outcomes[s.outcomes["replicate"] == 0].reset_index(drop=True) for s in (fixed, study))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
    second = fixed.outcomes.set_index(["arm", "replicate", "outcome"])["value"]
    assert second["open", 0, "posts_published"] != second["open", 1, "posts_published"]


def test_intervals_of_the_summary_say_that_they_are_conditional(arms: dict[str, Scenario]) -> None:
    fixed = sim.compare(arms, 2, nulls=(), world="fixed", workers=1)
    for table in (fixed.summary, fixed.variance_reduction):
        assert table["method"].str.contains("conditional on one world").all()


def test_null_nights_give_the_outcomes_that_need_them(open_night: Scenario) -> None:
    whole = sim.compare({"open": open_night}, 1, nulls=NULL_NIGHTS, workers=1)
    reasons = whole.outcomes.set_index("outcome")["reason"]
    assert not reasons.str.contains("null night").any()
    assert set(whole.nulls["null"]) == set(NULL_NIGHTS)
    bare = sim.compare({"open": open_night}, 1, nulls=(), workers=1)
    told = bare.outcomes.set_index("outcome")["reason"]
    assert set(told[told.str.contains("null night")].index) == set(NEEDED_NULLS)
    assert len(bare.nulls) == 0


def test_more_replicates_reuse_the_earlier_runs(arms: dict[str, Scenario], study: Study, tmp_path: Path) -> None:
    first = sim.compare(arms, 2, nulls=("ordinary",), store=tmp_path, workers=1)
    # Both arms have the same ordinary night.
    assert (first.n_computed, first.n_reused) == (6, 0)
    more = sim.compare(arms, 3, nulls=("ordinary",), store=tmp_path, workers=2)
    assert (more.n_computed, more.n_reused) == (3, 6)
    fewer = sim.compare(arms, 3, nulls=(), store=tmp_path, workers=2)
    assert (fewer.n_computed, fewer.n_reused) == (0, 6)
    assert_same_numbers(fewer, study)


def test_a_run_in_the_store_is_found_by_whatever_study_asks(arms: dict[str, Scenario], tmp_path: Path) -> None:
    sim.compare(arms, 2, seed=3, nulls=(), store=tmp_path, workers=1)
    renamed = {"dark": arms["throttled"]}
    found = sim.compare(renamed, 1, seed=4, nulls=(), store=tmp_path, workers=1)
    assert (found.n_computed, found.n_reused) == (0, 1)


# -- some runs fail


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, is_hit) -> None:  # type: ignore[no-untyped-def]
    real = tasks_module.run

    def run(scenario, seed, *rest, **more):  # type: ignore[no-untyped-def]
        if is_hit(scenario, seed):
            raise error
        return real(scenario, seed, *rest, **more)

    monkeypatch.setattr(tasks_module, "run", run)


@pytest.mark.parametrize(
    "error", [RuntimeError("broke"), ValueError("broke"), KeyError("broke"), ZeroDivisionError("broke")]
)
def test_a_run_that_fails_is_listed_and_the_rest_is_kept(
    arms: dict[str, Scenario], study: Study, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing(monkeypatch, error, lambda scenario, seed: seed == 2 and not scenario.throttle.is_none)
    found = sim.compare(arms, 3, nulls=(), workers=2)
    (failure,) = found.failures
    assert (failure.arm, failure.null, failure.replicate) == ("throttled", "", 1)
    assert failure.reason == f"{type(error).__name__}: {error}"
    assert found.n_computed == 5
    kept = study.outcomes[(study.outcomes["arm"] == "open") | (study.outcomes["replicate"] != 1)].reset_index(drop=True)
    pd.testing.assert_frame_equal(found.outcomes, kept, check_exact=True)
    assert found.contrasts.set_index("outcome").loc["participants", "n"] == 2


def test_too_little_memory_ends_the_study_with_a_sentence(
    arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, MemoryError("Unable to allocate"), lambda scenario, seed: seed == 2)
    with pytest.raises(CapacityError, match="memory does not suffice"):
        sim.compare(arms, 3, nulls=(), workers=2)


def test_what_is_too_large_everywhere_is_said_and_stays_said(
    arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing(monkeypatch, CapacityError("too many; take fewer."), lambda *_: True)
    for _ in range(2):
        with pytest.raises(CapacityError, match="too many"):
            sim.compare(arms, 2, nulls=(), store=tmp_path / "one", workers=1)
    assert list((tmp_path / "one").rglob("*")) == []
    monkeypatch.undo()
    failing(monkeypatch, CapacityError("too many; take fewer."), lambda scenario, _: scenario.throttle.is_none)
    study = sim.compare(arms, 2, nulls=(), store=tmp_path / "other", workers=1)
    assert {(f.arm, f.reason) for f in study.failures} == {("open", "too many; take fewer.")}
    assert study.n_computed == 2


def test_a_run_that_failed_is_tried_again_only_when_asked(
    arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[int] = []

    def fails(_scenario: Scenario, seed: int) -> bool:
        calls.append(seed)
        return seed == 2

    failing(monkeypatch, RuntimeError("broke"), fails)
    given: dict[str, Any] = {"nulls": (), "store": tmp_path, "workers": 1}
    first = sim.compare(arms, 2, **given)
    assert (len(first.failures), first.n_computed, len(calls)) == (2, 2, 4)
    again = sim.compare(arms, 2, **given)
    assert (again.failures, again.n_computed, again.n_reused, len(calls)) == (first.failures, 0, 2, 4)
    monkeypatch.undo()
    failing(monkeypatch, RuntimeError("broke"), lambda *_: False)
    asked = sim.compare(arms, 2, retry=True, **given)
    assert (asked.failures, asked.n_computed, asked.n_reused) == ([], 2, 2)
    assert sim.compare(arms, 2, **given).n_reused == 4  # the tombstones are gone


def test_a_night_that_fails_for_the_disk_is_tried_again(
    arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failing(monkeypatch, OSError(24, "Too many open files"), lambda _, seed: seed == 2)
    assert len(sim.compare(arms, 2, nulls=(), store=tmp_path, workers=1).failures) == 2
    monkeypatch.undo()
    failing(monkeypatch, OSError(24, "Too many open files"), lambda *_: False)
    assert sim.compare(arms, 2, nulls=(), store=tmp_path, workers=1).failures == []


def test_a_changed_model_is_noticed(arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sim.compare(arms, 2, nulls=(), store=tmp_path, workers=1)
    monkeypatch.setattr(store_module, "model_hash", lambda: "0" * 16)
    again = sim.compare(arms, 3, nulls=(), store=tmp_path, workers=1)
    assert (again.n_computed, again.n_reused) == (6, 0)
    assert list(again.of_other_models.values()) == [4]
    assert sim.compare(arms, 3, nulls=(), store=tmp_path, workers=1).of_other_models == {}


def test_a_run_that_another_process_makes_is_waited_for(arms: dict[str, Scenario], tmp_path: Path) -> None:
    one = {"open": arms["open"]}
    whole = sim.compare(one, 1, nulls=(), store=tmp_path / "first", workers=1)
    store = Store(tmp_path / "second")
    key = tasks_module.tasks_of(one, 0, 1, (), False, "compiled")[0].key
    found: list[Study] = []
    with store.claimed(key):
        thread = threading.Thread(
            target=lambda: found.append(sim.compare(one, 1, nulls=(), store=store.folder, workers=1))
        )
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        store.put(key, whole.records["open", "", 0])  # now the other has made it
    thread.join(60)
    assert (found[0].n_computed, found[0].n_reused) == (0, 1)
    assert not list(tmp_path.rglob("*.lock"))


def test_a_null_night_that_fails_takes_its_outcomes_only(open_night: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("broke"), lambda scenario, _: scenario.attendance.online_as_if_home)
    found = sim.compare({"open": open_night}, 1, nulls=("ordinary", "keyboard"), workers=1)
    assert [(f.arm, f.null, f.replicate) for f in found.failures] == [("open", "keyboard", 0)]
    table = found.outcomes.set_index("outcome")
    assert "keyboard" in table.loc["dip_from_leaving", "reason"]
    assert "null night" not in table.loc["posts_ratio_day_1", "reason"]


def test_a_world_that_cannot_be_made_fails_its_runs(arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch) -> None:
    real = worlds_module.make_world

    def make(scenario, seed):  # type: ignore[no-untyped-def]
        if seed == 2:
            raise RuntimeError("no such world")
        return real(scenario, seed)

    monkeypatch.setattr(worlds_module, "make_world", make)
    found = sim.compare(arms, 2, nulls=(), workers=1)
    assert {(f.arm, f.replicate) for f in found.failures} == {("open", 1), ("throttled", 1)}
    assert found.finished("open") == [0]


@pytest.mark.parametrize("lost", ["open", "throttled", "both"])
def test_tables_of_what_is_left_when_an_arm_is_lost(
    arms: dict[str, Scenario], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    failing(monkeypatch, RuntimeError("broke"), lambda s, _: lost == "both" or s.throttle.is_none == (lost == "open"))
    found = sim.compare(arms, 2, nulls=(), workers=1)
    assert len(found.failures) == (4 if lost == "both" else 2)
    left = set(arms) - {lost} if lost != "both" else set()
    assert set(found.outcomes["arm"]) == left
    assert set(found.summary["arm"]) == left
    assert set(found.curves["arm"]) == left
    assert set(found.squares["arm"]) == left
    assert found.contrasts["difference"].isna().all()
    assert found.variance_reduction["variance_reduction"].isna().all()


def test_wrong_input_stops_a_study(open_night: Scenario) -> None:
    with pytest.raises(InputError, match="arms is empty"):
        sim.compare({})
    with pytest.raises(InputError, match="baseline is 'nobody'"):
        sim.compare({"open": open_night}, baseline="nobody")
    with pytest.raises(InputError, match="silence"):
        sim.compare({"open": open_night}, nulls=("silence",))
    with pytest.raises(InputError, match="replicates is 0"):
        sim.compare({"open": open_night}, 0)
    with pytest.raises(InputError, match="'flat'"):
        sim.compare({"open": open_night}, 1, world="flat")
    with pytest.raises(InputError, match="seed"):
        sim.compare({"open": open_night}, 1, seed=-1)
    with pytest.raises(InputError, match="workers"):
        sim.compare({"open": open_night}, 1, workers=0)
    bad = sim.load(*SMALL, "scenario.timeline.0.provinces=[Atlantis]")
    with pytest.raises(InputError, match="Atlantis"):
        sim.compare({"open": open_night, "bad": bad}, 2, nulls=(), workers=2)
