"""Design points: each is the study that it would be by itself; what is measured is found again; failures cost their own."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

import sim
from sim.config import compose_tree, plan_of, tree_of
from sim.engine.simulate import run as real_run
from sim.errors import CapacityError, InputError
from sim.options import override
from sim.study import designed as designed_module
from sim.study import points as points_module
from sim.study import tasks as tasks_module
from sim.study import workers as workers_module
from sim.study.design import Design
from sim.study.design_folder import write_design_folder
from sim.study.designed import DesignRun, run_design
from sim.study.points import Settings
from sim.study.store import Store, UnwritableError
from sim.study.template import ArmsOfPoints
from sim.study.writing import Clockwork
from tests.door.shell import finish, start

SMALL = ("population.size=300",)
SEVERITY = "parameters.throttle_severity"
GRID = {SEVERITY: {"values": [0.2, 0.9]}, "decision": {"values": ["threshold", "hazard"]}}
Arms = dict[str, tuple[str, ...]] | None


def compose(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    return deepcopy(composed(*SMALL, *(override(k, v) for k, v in values.items()), *overrides))


@cache
def composed(*overrides: str) -> dict[str, Any]:
    """Composing takes longer than the nights of this file do."""
    return tree_of(compose_tree(overrides))


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    points_module._MEMORY.clear()


def designed(
    store: Path | Store, factors: dict[str, Any] = GRID, *, arms: Arms = None, replicates: int = 2, nulls: tuple[str, ...] = (),
    seed: int = 1, retry: bool = False, is_fixed: bool = False, workers: int = 1, **more: Any,
) -> DesignRun:  # fmt: skip
    design = Design.model_validate({"method": "grid", "factors": factors, **more})
    keep = store if isinstance(store, Store) else Store(store)
    settings = Settings(replicates, nulls, is_fixed, "compiled", keep, retry)
    return run_design(design, ArmsOfPoints(compose, arms, design), settings, seed=seed, workers=workers)


def tables(run: DesignRun, store: Path, folder: Path, replicates: int = 2) -> dict[str, pd.DataFrame]:
    plan = plan_of(
        compose_tree(
            [
                "study.nulls=[]",
                "study.figures=false",
                "study.report=false",
                f"study.replicates={replicates}",
                "design=lhs",
                "+design.factors.x.range=[0,1]",
            ]
        )
    )
    plan = plan.model_copy(update={"design": run.design})
    write_design_folder(folder, run, plan, Store(store), {}, [], Clockwork(), frozenset())
    return {p.stem: pd.read_parquet(p) for p in folder.glob("*.parquet")}


@pytest.mark.parametrize("nulls", [(), ("ordinary", "keyboard")])
def test_a_point_is_the_study_that_it_would_be_by_itself(tmp_path: Path, nulls: tuple[str, ...]) -> None:
    run = designed(tmp_path / "store", nulls=nulls)
    found = tables(run, tmp_path / "store", tmp_path / "out")
    assert len(run.measured) == 4
    for number, values in enumerate(run.points):
        night = sim.load(*SMALL, *(override(k, v) for k, v in values.items()))
        study = sim.compare({"open": night.open(), "throttled": night}, 2, nulls=nulls)
        for name, expected in (
            ("outcomes", study.outcomes),
            ("contrasts", study.contrasts),
            ("summary", study.summary),
        ):
            part = found[name][found[name]["point"] == number].reset_index(drop=True)
            assert [part[key].unique().tolist() for key in values] == [[v] for v in values.values()]
            exact = name == "outcomes"
            pd.testing.assert_frame_equal(part[list(expected.columns)], expected, check_exact=exact, check_dtype=False)


def test_the_same_command_again_does_nothing_and_gives_the_same(tmp_path: Path) -> None:
    first = designed(tmp_path / "store")
    again = designed(tmp_path / "store")
    assert (first.n_computed, first.n_reused) == (16, 0)
    assert (again.n_computed, again.n_reused) == (0, 16)
    one, other = (tables(r, tmp_path / "store", tmp_path / n) for r, n in ((first, "one"), (again, "other")))
    assert one.keys() == other.keys()
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, other[name], check_exact=True)


def test_more_replicates_and_more_arms_extend(tmp_path: Path) -> None:
    arms: Arms = {"open": ("throttle=none",), "long": ("throttle=long",)}
    designed(tmp_path, arms=arms, replicates=1)
    more = designed(tmp_path, arms=arms, replicates=3)
    assert (more.n_computed, more.n_reused) == (16, 8)
    wider = designed(tmp_path, arms={**arms, "total": ("throttle=total",)}, replicates=3)
    assert (wider.n_computed, wider.n_reused) == (12, 24)


def test_runs_that_points_share_are_made_at_most_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first point does not know that others will ask for the same run; the second keeps it."""
    made: list[tuple[bool, int]] = []

    def run(scenario: Any, seed: int, *args: Any, **named: Any) -> Any:
        made.append((scenario.throttle.is_none, seed))
        return real_run(scenario, seed, *args, **named)

    monkeypatch.setattr(tasks_module, "run", run)
    steps = {SEVERITY: {"range": [0, 1], "levels": 6}}
    arms: Arms = {"open": ("throttle=none",), "throttled": ("throttle=july15",)}
    designed(tmp_path, steps, arms=arms)
    for seed in (1, 2):
        assert made.count((True, seed)) == 2  # open: at every severity the same
        assert made.count((False, seed)) == 6


def test_points_have_the_same_dice_or_their_own(tmp_path: Path) -> None:
    twice = {"throttle.hold_minutes": {"values": [5, 6]}}  # only of messages that are held: changes nothing here
    arms: Arms = {"night": ()}
    found = [
        tables(designed(tmp_path / dice, twice, arms=arms, dice=dice), tmp_path / dice, tmp_path / f"{dice}-out")[
            "outcomes"
        ]
        for dice in ("common", "own")
    ]
    same = [
        t[t["point"] == 0]["value"].reset_index(drop=True).equals(t[t["point"] == 1]["value"].reset_index(drop=True))
        for t in found
    ]
    assert same == [True, False]


def test_parts_together_are_the_whole(tmp_path: Path) -> None:
    parts = [designed(tmp_path / "parts", part=k, parts=3) for k in range(3)]
    assert sorted(m.number for p in parts for m in p.measured) == [0, 1, 2, 3]
    whole = designed(tmp_path / "parts")
    assert whole.n_computed == 0
    alone = designed(tmp_path / "alone")
    one, other = (tables(r, tmp_path / s, tmp_path / f"{s}-out") for r, s in ((whole, "parts"), (alone, "alone")))
    for name, table in one.items():
        pd.testing.assert_frame_equal(table, other[name], check_exact=True)


def test_a_fixed_world_is_conditional(tmp_path: Path) -> None:
    run = designed(tmp_path / "store", is_fixed=True)
    night = sim.load(*SMALL, *(override(k, v) for k, v in run.points[0].items()))
    expected = sim.compare({"open": night.open(), "throttled": night}, 2, nulls=(), world="fixed").outcomes
    found = tables(run, tmp_path / "store", tmp_path / "out")["outcomes"]
    part = found[found["point"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(part[list(expected.columns)], expected, check_exact=True)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_processes_and_threads_change_nothing(tmp_path: Path, backend: str) -> None:
    two = designed(tmp_path / "two", workers=2, backend=backend)
    one = designed(tmp_path / "one")
    assert two.n_computed == one.n_computed == 16
    ours, theirs = (tables(r, tmp_path / s, tmp_path / f"{s}-out") for r, s in ((one, "one"), (two, "two")))
    for name, table in ours.items():
        pd.testing.assert_frame_equal(table, theirs[name], check_exact=True)


# -- failures


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception, where: Callable[[Any, int], bool]) -> None:
    def run(scenario: Any, seed: int, *args: Any, **named: Any) -> Any:
        if where(scenario, seed):
            raise error
        return real_run(scenario, seed, *args, **named)

    monkeypatch.setattr(tasks_module, "run", run)


def test_an_impossible_corner_fails_by_itself(tmp_path: Path) -> None:
    run = designed(tmp_path / "store", {**GRID, SEVERITY: {"values": [0.2, 1.5]}})
    assert [len(m.failures) for m in run.measured] == [0, 0, 1, 1]
    found = tables(run, tmp_path / "store", tmp_path / "out")
    assert found["design"]["status"].tolist() == ["finished", "finished", "failed", "failed"]
    assert found["design"]["reason"].str.contains("severity is 1.5").tolist() == [False, False, True, True]
    assert set(found["outcomes"]["point"]) == set(found["contrasts"]["point"]) == {0, 1}


def test_a_failed_run_is_kept_as_failed_and_tried_again_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, RuntimeError("broke"), lambda s, seed: seed == 2 and not s.throttle.is_none)
    first = designed(tmp_path / "store", {SEVERITY: {"values": [0.2, 0.9]}})
    assert first.n_failed == 2
    assert [(f.arm, f.replicate, f.reason) for m in first.measured for f in m.failures] == [
        ("throttled", 1, "RuntimeError: broke")
    ] * 2
    monkeypatch.setattr(tasks_module, "run", real_run)
    again = designed(tmp_path / "store", {SEVERITY: {"values": [0.2, 0.9]}})
    assert (again.n_failed, again.n_computed) == (2, 0)
    asked = designed(tmp_path / "store", {SEVERITY: {"values": [0.2, 0.9]}}, retry=True)
    assert (asked.n_failed, asked.n_computed) == (0, 2)
    found = tables(asked, tmp_path / "store", tmp_path / "out")
    assert found["contrasts"].set_index(["point", "outcome"]).loc[(0, "participants"), "n"] == 2


def test_only_what_is_found_counts_as_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Null nights of a night that failed are neither."""
    nulls, one = ("ordinary", "without_call", "stay_home", "keyboard"), {SEVERITY: {"values": [0.2]}}
    with monkeypatch.context() as patched:
        failing(patched, RuntimeError("broke"), lambda s, _: not s.throttle.is_none)
        first = designed(tmp_path, one, nulls=nulls, replicates=1)
        again = designed(tmp_path, one, nulls=nulls, replicates=1)
    assert (first.n_computed, first.n_reused, first.n_failed) == (5, 0, 1)
    assert (again.n_computed, again.n_reused, again.n_failed) == (0, 5, 1)


def test_where_a_design_is_computed_is_no_part_of_its_content(tmp_path: Path) -> None:
    found = {}
    for backend, more in (("loky", {}), ("threading", {"address": "here"}), ("loky again", {"parts": 2})):
        run = designed(tmp_path / "store", backend=backend.split()[0], **more)
        tables(run, tmp_path / "store", tmp_path / backend)
        found[backend] = json.loads((tmp_path / backend / "manifest.json").read_text())["content_hash"]
    assert found["loky"] == found["threading"]
    assert found["loky"] != found["loky again"]  # half of the points


class Slow(dict[Any, Any]):
    """Lets other threads in when something has been put into it."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        time.sleep(0.002)


def test_threads_of_one_process_share_what_it_has_read_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker of dask with several threads: each reads its own arms, and the CPU time is told once."""
    design = Design.model_validate({"method": "grid", "factors": GRID})
    store, seconds = Store(tmp_path), 0.0
    here = time.process_time()
    monkeypatch.setattr(points_module, "_TOLD", [here])
    monkeypatch.setattr(points_module, "_READ", Slow())
    process_time = time.process_time
    monkeypatch.setattr(time, "process_time", lambda: (time.sleep(0.05), process_time())[1])
    monkeypatch.setattr(points_module, "_end_with", lambda _: None)
    arms = ArmsOfPoints(compose, None, design)
    run = DesignRun(design, designed_module.design_points(design), [])
    designed_module._prepare(arms, run.points, run)
    settings = Settings(1, (), False, "compiled", store, False, process=os.getppid())

    def reads(place: points_module.Posted) -> None:
        for _ in range(20):
            place.read()

    with ExitStack() as open_, ThreadPoolExecutor(4) as pool:
        places = [open_.enter_context(points_module.posted(arms, store)) for _ in range(4)]
        for future in [pool.submit(reads, place) for place in places]:
            future.result()
        chunks = [[points_module.Point(i, values, 1)] for i, values in enumerate(run.points)]
        for future in [pool.submit(points_module.measure_points, chunk, places[0], settings) for chunk in chunks]:
            found, its = future.result()
            assert not found[0].failures
            seconds += its
    assert 0 < seconds <= process_time() - here
    assert seconds == pytest.approx(points_module._TOLD[0] - here)


def test_a_null_night_that_fails_costs_its_outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, RuntimeError("broke"), lambda s, _: s.attendance.online_as_if_home)
    run = designed(tmp_path / "store", {SEVERITY: {"values": [0.2]}}, nulls=("keyboard",), replicates=1)
    assert [(f.arm, f.null) for f in run.measured[0].failures] == [("open", "keyboard"), ("throttled", "keyboard")]
    found = tables(run, tmp_path / "store", tmp_path / "out", 1)["outcomes"].set_index(["arm", "outcome"])
    assert pd.isna(found.loc[("open", "dip_from_leaving"), "value"])
    assert found.loc[("open", "participants"), "value"] > 0


def test_a_design_that_is_too_large_everywhere_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, CapacityError("too many; take fewer."), lambda *_: True)
    for _ in range(2):  # the second time it is known, and said no less
        with pytest.raises(CapacityError, match="too many"):
            designed(tmp_path)


def test_a_damaged_point_is_measured_again(tmp_path: Path) -> None:
    designed(tmp_path)
    paths = sorted(tmp_path.rglob("*.point"))
    assert len(paths) == 4
    paths[0].write_bytes(paths[0].read_bytes()[:-3])
    paths[1].write_bytes(b"")
    again = designed(tmp_path)
    assert (again.n_computed, again.n_reused) == (4, 12)  # the open night, which points share, is kept as a run, too


def test_a_point_that_another_process_measures_is_waited_for(tmp_path: Path) -> None:
    store = Store(tmp_path)
    whole = designed(store)
    key = whole.measured[0].key
    kept = store.get_point(key)
    store.path(key, "point").unlink()
    found: list[DesignRun] = []
    with store.claimed(key):
        thread = threading.Thread(target=lambda: found.append(designed(store)))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        store.put_point(key, kept)  # now the other has done it
    thread.join(60)
    assert found[0].n_computed == 0


def test_a_factor_without_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="moves nothing"):
        designed(tmp_path, {"+parameters.unheard_of": {"values": [1, 2]}})


def test_an_unknown_backend_and_a_missing_one_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"design\.backend is 'spark'"):
        designed(tmp_path, backend="spark")


def test_a_changed_model_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    designed(tmp_path)
    now = Store(tmp_path)
    other = replace_model(now, "model-0-before")
    designed(other)
    assert designed(tmp_path).of_other_models == {}  # found, nothing computed anew
    again = designed(tmp_path, replicates=3)
    assert again.of_other_models == {"model-0-before": 4}


def replace_model(store: Store, name: str) -> Store:
    assert store.folder is not None
    changed = Store(store.folder)
    changed.model = store.folder / name
    return changed


# -- from Python


def test_vary_gives_the_tables_of_a_design(tmp_path: Path) -> None:
    found = sim.vary(GRID, *SMALL, replicates=2, store=tmp_path / "store", workers=1)
    expected = tables(designed(tmp_path / "other"), tmp_path / "other", tmp_path / "out")
    for name in ("design", "outcomes", "contrasts", "summary"):
        pd.testing.assert_frame_equal(getattr(found, name), expected[name], check_dtype=False, check_exact=True)
    again = sim.vary(GRID, *SMALL, replicates=2, store=tmp_path / "store", workers=1)
    assert (found.n_computed, again.n_computed, again.n_reused) == (16, 0, 16)
    pd.testing.assert_frame_equal(again.outcomes, found.outcomes, check_exact=True)


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"replicates": 0}, "replicates is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"workers": -1}, "workers is -1"),
        ({"world": "flat"}, "'flat'"),
        ({"seed": -1}, "seed is -1"),
        ({"method": "lhs"}, "design.points is missing"),
        ({"method": "random"}, "method"),
        ({"nulls": ("silence",)}, "silence"),
        ({"arms": {"a": ["nothing=1"]}}, "nothing"),
    ],
)
def test_wrong_input_to_vary_is_said(named: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        sim.vary(GRID, *SMALL, **{"workers": 1, **named})


def test_nothing_of_a_design_stays_in_the_process_that_asked(tmp_path: Path) -> None:
    sim.vary(GRID, *SMALL, replicates=1, store=tmp_path / "store", workers=1)
    assert points_module._MEMORY == {}
    designed(tmp_path / "other", backend="threading", workers=2)
    assert points_module._MEMORY == {}
    with pytest.raises(RuntimeError, match="no more"):
        _interrupted(tmp_path / "third")
    assert points_module._MEMORY == {}


def _interrupted(store: Path) -> None:
    design = Design.model_validate({"method": "grid", "factors": GRID})
    settings = Settings(1, (), False, "compiled", Store(store), False)

    def progress(*_: int) -> None:
        assert points_module._MEMORY
        raise RuntimeError("no more")

    run_design(design, ArmsOfPoints(compose, None, design), settings, seed=1, workers=1, progress=progress)


def test_other_processes_are_sent_the_arms_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    state = ArmsOfPoints.__getstate__
    monkeypatch.setattr(ArmsOfPoints, "__getstate__", lambda self: sent.append(1) or state(self))
    factors = {SEVERITY: {"range": [0.1, 0.9], "levels": 6}, "decision": {"values": ["threshold", "hazard"]}}
    run = designed(tmp_path / "store", factors, replicates=1, workers=2)
    assert (len(run.measured), run.n_failed) == (12, 0)
    assert len(sent) == 1
    assert list((tmp_path / "store").rglob("*.arms")) == []
    alone = designed(tmp_path / "alone", factors, replicates=1)
    found = [tables(r, tmp_path / s, tmp_path / f"{s}-out", 1) for r, s in ((run, "store"), (alone, "alone"))]
    for name in found[0]:
        pd.testing.assert_frame_equal(found[0][name], found[1][name], check_exact=True)


# -- choices that cannot be


@pytest.mark.parametrize("workers", [1, 2])
def test_choices_that_do_not_go_together_cost_their_own_points(tmp_path: Path, workers: int) -> None:
    def choosy(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        if (values["decision"], values["throttle"]) == ("hazard", "total"):
            raise InputError("decision is hazard and throttle total, which cannot be; choose another.")
        return compose(values, overrides)

    factors = {"decision": {"values": ["threshold", "hazard"]}, "throttle": {"values": ["july15", "total"]}}
    design = Design.model_validate({"method": "grid", "factors": factors})
    settings = Settings(1, (), False, "compiled", Store(tmp_path), False)
    run = run_design(design, ArmsOfPoints(choosy, None, design), settings, seed=1, workers=workers)
    assert [len(m.failures) for m in run.measured] == [0, 0, 0, 1]
    assert "which cannot be" in run.measured[3].failures[0].reason


def test_a_choice_that_no_point_can_use_is_refused_at_once(tmp_path: Path) -> None:
    factors = {**GRID, "decision": {"values": ["threshold", "guess"]}}
    with pytest.raises(
        InputError, match=r"gives decision the value 'guess', with which no point can be made \(.*guess"
    ):
        sim.vary(factors, *SMALL, store=tmp_path, workers=1)
    assert list(tmp_path.rglob("*.point")) == []


# -- what is true of all points


def test_a_store_that_is_full_ends_the_design_instead_of_failing_every_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def put(_store: Store, key: str, *_: Any) -> None:
        tried.append(key)
        raise UnwritableError("the disk is full.")

    monkeypatch.setattr(Store, "put_point", put)
    with pytest.raises(InputError, match="the disk is full"):
        designed(tmp_path / "store")
    assert len(tried) == 1


def test_a_process_that_is_killed_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "measure_points", _kill)
    with pytest.raises(CapacityError, match=r"was killed.*study\.workers=N"):
        designed(tmp_path / "store", workers=2)


def _kill(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_part_without_points_is_an_empty_table(tmp_path: Path) -> None:
    one = {SEVERITY: {"values": [0.5]}}
    run = designed(tmp_path / "store", one, parts=2, part=1)
    assert run.measured == []
    found = tables(run, tmp_path / "store", tmp_path / "out")
    assert {len(table) for table in found.values()} == {0}
    assert found["design"][SEVERITY].dtype == float  # as in the other parts, with which it will be joined


def test_lists_as_long_as_a_factor_says_are_composed(tmp_path: Path) -> None:
    """The options of this model list every fourth person."""

    def composed(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
        given = [override(k, v) for k, v in values.items()]
        assert all(float(v) < 1e6 for v in values.values())
        return tree_of(compose_tree(["classic=reed_frost", *given, *overrides]))

    design = Design.model_validate({"method": "grid", "factors": {"population.size": {"values": [400, 800]}}})
    settings = Settings(1, (), False, "compiled", Store(tmp_path), False)
    arms = ArmsOfPoints(composed, None, design)
    run = run_design(design, arms, settings, seed=1, workers=1)
    assert (run.n_computed, run.n_failed) == (2, 0)
    assert [len(arms.of(point)["open"].scenario.timeline[0].people or ()) for point in run.points] == [134, 267]


@pytest.mark.parametrize("key", ["engine", "seed", "study.replicates", "+study.world", "observed", "design.seed"])
def test_a_factor_that_is_no_parameter_of_the_night_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="no parameter of the night"):
        Design.model_validate({"method": "grid", "factors": {key: {"values": ["a", "b"]}}})


def test_a_failure_that_may_pass_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        failing(patched, OSError(24, "Too many open files"), lambda _, seed: seed == 2)
        assert designed(tmp_path / "store", {SEVERITY: {"values": [0.2]}}).n_failed == 2
    again = designed(tmp_path / "store", {SEVERITY: {"values": [0.2]}})
    assert (again.n_computed, again.n_reused, again.n_failed) == (2, 2, 0)


def test_the_order_of_factors_does_not_matter_to_the_store(tmp_path: Path) -> None:
    designed(tmp_path / "store")
    again = designed(tmp_path / "store", dict(reversed(GRID.items())))
    assert (again.n_computed, again.n_reused) == (0, 16)


NOBODY = """
import joblib
from sim.study.workers import dismiss
dismiss()
dismiss(is_at_once=True)
print(joblib.externals.loky.backend.resource_tracker._resource_tracker._pid)
"""


def test_where_no_process_was_begun_none_is_begun_to_be_dismissed(tmp_path: Path) -> None:
    answer = finish(start(["-c", NOBODY], tmp_path))
    assert answer.out.split() == ["None"], answer.err
