"""The four experiments with few people: what holds by design, exactly and in every replicate, and what is far from chance."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import cutting_off, dips_and_rebounds, facetime, throttling
from experiments.asking import QUICK, Answer, Experiment, by_arm, table
from experiments.cutting_off import DEGREE, PUSH, SPREAD, SUBSTITUTION
from sim.config import load
from tests.config.test_options import SMALL

pytestmark = pytest.mark.slow

EXPERIMENTS = {part.EXPERIMENT.name: part.EXPERIMENT for part in (throttling, facetime, cutting_off, dips_and_rebounds)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory):
    """Return a function from an experiment to the folders of its quick version, run once."""
    place = tmp_path_factory.mktemp("experiments")

    @cache
    def run(name: str) -> dict[str, Path]:
        return EXPERIMENTS[name].run(QUICK, place, f"study.store={place / 'store'}")

    return run


def answered(experiment: Experiment, folders: dict[str, Path]) -> Answer:
    answer = experiment.answer(folders)
    assert len(answer.text) > 200
    assert "nan" not in answer.text
    assert answer.figures
    for rows in answer.findings.values():
        assert len(rows) > 2
        for row in rows:
            assert row.interval.low <= row.interval.estimate <= row.interval.high or np.isnan(row.interval.low), row
    return answer


# -- throttling


def test_a_throttle_of_severity_0_does_nothing_and_a_blackout_more_than_any(folders) -> None:
    outcomes = table(folders("throttling")["severity"], "outcomes")
    numbers = outcomes.pivot(index=["outcome", "replicate"], columns="arm", values="value")
    pd.testing.assert_series_equal(numbers["open"], numbers["severity_0"], check_names=False)
    steps = [f"severity_{s:g}" for s in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    failed, sent = (by_arm(outcomes, f"posts_{name}")[steps] for name in ("failed", "throttle_window"))
    assert (failed["severity_0"] == 0).all()
    # What a weaker throttle stops, a stronger one stops, too; steps are far larger than what people then do otherwise.
    assert (failed.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)
    assert (sent.diff(axis=1).iloc[:, 1:] < 0).all(axis=None)


def test_both_ways_to_move_the_throttle_meet_in_the_night_as_it_was(folders) -> None:
    until, as_long = (table(folders("throttling")[n], "outcomes") for n in ("starts", "starts_same_length"))
    one, other = (t[t["arm"] == "from_2250"].reset_index(drop=True) for t in (until, as_long))
    pd.testing.assert_frame_equal(one, other)
    early, late = (by_arm(until, "posts_failed")[f"from_{clock}"] for clock in ("2200", "0030"))
    assert (early > late).all()
    answer = answered(throttling.EXPERIMENT, folders("throttling"))
    assert set(answer.figures) == {"throttling_severity", "throttling_start"}


def test_the_studies_of_starts_begin_when_they_say() -> None:
    from sim.config import compose_tree, plan_of

    for study, length in (("starts", None), ("starts_same_length", 130)):
        arms = plan_of(compose_tree([f"study={study}"])).study.arms
        assert arms is not None
        for arm, overrides in arms.items():
            if arm == "open":
                continue
            (window,) = load(SMALL, *overrides).throttle.windows
            assert f"{window.start:%H%M}" == arm.removeprefix("from_")
            assert (window.end - window.start).total_seconds() / 60 == length or (window.end.hour, length) == (1, None)


# -- the call


def test_interactions_are_differences_of_differences_and_the_call_is_gone(folders) -> None:
    outcomes = table(folders("facetime")["facetime_throttle"], "outcomes")
    heard = outcomes[outcomes["outcome"] == "first_heard_facetime"].pivot(
        index="replicate", columns="arm", values="numerator"
    )
    for setting in facetime.SETTINGS:
        assert (heard[[f"{setting}_without", f"{setting}_no_call_at_all"]] == 0).all(axis=None)
        assert (heard[f"{setting}_with"] > 0).all()
    for outcome in facetime.OUTCOMES:
        found = facetime.effects(outcomes, outcome)
        for change in facetime.CHANGES:
            parts = [found[setting, change].estimate for setting in ("throttled", "open", facetime.INTERACTION)]
            assert parts[0] - parts[1] == pytest.approx(parts[2], abs=1e-6)
    assert len(answered(facetime.EXPERIMENT, folders("facetime")).findings) == len(facetime.OUTCOMES)


def test_the_null_night_without_the_call_is_the_arm_without_it() -> None:
    from sim.config import compose_tree, plan_of

    arms = plan_of(compose_tree(["study=facetime_throttle"])).study.arms
    assert arms is not None
    for setting in facetime.SETTINGS:
        nights = {change: load(SMALL, *arms[f"{setting}_{change}"]) for change in ("with", *facetime.CHANGES)}
        assert nights["without"] == nights["with"].null_night("without_call")
        assert len(set(nights.values())) == len(nights)
        assert {night.scenario.accounting for night in nights.values()} == {nights["with"].scenario.accounting}


# -- cutting people off


def test_cutting_ties_goes_both_ways(folders) -> None:
    """A dense network learns its way to nobody, and a sparse one falls apart: in every replicate, far from chance."""
    outcomes = table(folders("cutting_off")["ties"], "outcomes")
    shares = outcomes[outcomes["outcome"] == "participation"].pivot(
        index=[DEGREE, SPREAD, "replicate"], columns="arm", values="value"
    )
    change = shares["most_cut"] - shares["whole"]
    assert (change.loc[(64, 0.4)] > 0.5).all()
    assert (change.loc[(4, 0.4)] < -0.5).all()
    assert shares.loc[(64, 0.05), "whole"].max() == 0


def test_push_and_substitution_act_only_where_something_is_throttled(folders) -> None:
    outcomes = table(folders("cutting_off")["night"], "outcomes")
    by_point = outcomes.pivot(index=["outcome", "arm", "replicate"], columns=[PUSH, SUBSTITUTION], values="value")
    assert by_point.shape[1] == 36
    of_open = by_point.xs("open", level="arm")
    assert (of_open.nunique(axis=1) <= 1).all()
    participants = by_point.loc[("participants", "throttled")]
    assert participants.nunique(axis=1).min() > 1
    # The largest push against none, whatever the substitution: more come, in every replicate.
    assert (participants[1.5] > participants[0.0]).all(axis=None)


def test_signs_are_counted_over_the_whole_map(folders) -> None:
    answered(cutting_off.EXPERIMENT, folders("cutting_off"))
    cells = pd.DataFrame({"difference": [1.0, -1.0, 1.0], "low": [0.9, -1.1, -9.0], "high": [1.1, -0.9, 11.0],
                          "n": [8, 8, 8], "method": "t"})  # fmt: skip
    assert cutting_off.counted(cells) == {"more": 1, "fewer": 1, "all": 3, "small": 0}
    tiny = cells.assign(difference=[0.009, -1.0, 1.0], low=[0.008, -1.1, -9.0], high=[0.010, -0.9, 11.0])
    assert cutting_off.counted(tiny)["small"] == 1


# -- dips and rebounds


def test_the_parts_add_up_to_the_whole_in_every_replicate(folders) -> None:
    found = dips_and_rebounds.per_hour(folders("dips_and_rebounds")["dips_and_rebounds"])
    windows = load(SMALL).scenario.accounting
    assert windows is not None
    curves = table(folders("dips_and_rebounds")["dips_and_rebounds"], "curves")
    tweets = curves[(curves["arm"] == "full") & (curves["curve"] == "published_twitter")]
    for name, changes in found.items():
        parts = dips_and_rebounds.parts_of(changes)
        assert len(parts) == QUICK.replicates
        rates = {}
        for window in (windows.dip_before, windows.dip, windows.leaving, windows.returning):
            local, (first, last) = tweets["time"].dt.tz_localize(None), window
            within = tweets[(local >= first) & (local < last)]
            rates[window] = within.groupby("replicate")["value"].sum() * 3600 / (last - first).total_seconds()
        whole = {
            dips_and_rebounds.DIP: rates[windows.dip_before] - rates[windows.dip],
            dips_and_rebounds.LEVEL: rates[windows.leaving],
            dips_and_rebounds.REBOUND: rates[windows.returning] - rates[windows.dip],
        }[name]
        assert (whole > 0).all()
        np.testing.assert_allclose(parts.sum(axis=1), whole, rtol=1e-9)


def test_what_comes_later_is_no_part_of_the_dip(folders) -> None:
    found = dips_and_rebounds.per_hour(folders("dips_and_rebounds")["dips_and_rebounds"])
    dip = dips_and_rebounds.parts_of(found[dips_and_rebounds.DIP])
    assert (dip[dips_and_rebounds.TEXT] == 0).all()  # of 13:27
    assert (dip[dips_and_rebounds.TALK] > 0).all()
    ordinary = found[dips_and_rebounds.DIP].xs("ordinary", level="null", axis=1)
    assert (ordinary.nunique(axis=1) == 1).all()
    answered(dips_and_rebounds.EXPERIMENT, folders("dips_and_rebounds"))
