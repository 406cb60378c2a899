"""The four experiments with few people: what holds by design, exactly and in every replicate, and what is far from chance."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import asking, cutting_off, dips_and_rebounds, facetime, throttling
from experiments.asking import QUICK, Answer, Experiment, Size, by_arm, table
from experiments.cutting_off import DEGREE, PUSH, SPREAD, SUBSTITUTION
from sim.config import load
from sim.measures.intervals import mean_t
from tests.config.test_options import SMALL
from tests.door.shell import forked_sim

pytestmark = pytest.mark.slow

EXPERIMENTS = {part.EXPERIMENT.name: part.EXPERIMENT for part in (throttling, facetime, cutting_off, dips_and_rebounds)}

SIZES = {name: Size(1000, 2) for name in EXPERIMENTS if name != "facetime"}
"""Smaller than quick, which suffices for what is asked here; the call is heard by few of so few."""


@pytest.fixture(scope="module")
def folders(warm: None, tmp_path_factory: pytest.TempPathFactory):
    """Return a function from an experiment to the folders of its quick version, run once."""
    place = tmp_path_factory.mktemp("experiments")

    def forked_run(arguments: Sequence[str], folder: Path) -> None:
        answer = forked_sim(*asking.words_of(arguments, folder), folder=asking.ROOT)
        assert answer.code == 0, answer.err

    @cache
    def run(name: str) -> dict[str, Path]:
        with pytest.MonkeyPatch.context() as patch:
            if name != "facetime":  # which is run as it is
                patch.setattr(asking, "run", forked_run)
            return EXPERIMENTS[name].run(
                SIZES.get(name, QUICK), place, f"study.store={place / 'store'}", "study.workers=1"
            )

    return run


@cache
def _answered(name: str, place: Path) -> Answer:
    return EXPERIMENTS[name].answer({asked.name: place / asked.name for asked in EXPERIMENTS[name].asked})


def answered(experiment: Experiment, folders: dict[str, Path]) -> Answer:
    """Return what an experiment answers to its runs, looked at once."""
    answer = _answered(experiment.name, next(iter(folders.values())).parent)
    assert len(answer.text) > 200
    assert "nan" not in answer.text + answer.short
    assert 100 < len(answer.short) < len(answer.text)
    assert answer.figures
    for rows in answer.findings.values():
        assert len(rows) > 2
        for row in rows:
            assert row.interval.low <= row.interval.estimate <= row.interval.high or np.isnan(row.interval.low), row
    return answer


# -- throttling


@pytest.mark.long
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


@pytest.mark.long
def test_both_ways_to_move_the_throttle_meet_in_the_night_as_it_was(folders) -> None:
    until, as_long = (table(folders("throttling")[n], "outcomes") for n in ("starts", "starts_same_length"))
    one, other = (t[t["arm"] == "from_2250"].reset_index(drop=True) for t in (until, as_long))
    pd.testing.assert_frame_equal(one, other)
    early, late = (by_arm(until, "posts_failed")[f"from_{clock}"] for clock in ("2200", "0030"))
    assert (early > late).all()
    answer = answered(throttling.EXPERIMENT, folders("throttling"))
    assert set(answer.figures) == {"throttling_severity", "throttling_start"}
    labels = [panel.get_xlabel() for panel in answer.figures["throttling_start"].axes]
    assert labels[-1] == "begin of the throttle (local time)"
    for text in (answer.text, answer.short):
        assert "at push 0 and substitution 0.2, which no datum constrains" in text
        assert "decide" not in text


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


@pytest.mark.long
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
    answer = answered(facetime.EXPERIMENT, folders("facetime"))
    assert len(answer.findings) == len(facetime.OUTCOMES)
    (legend,) = (panel.get_legend() for panel in answer.figures["facetime"].axes if panel.get_legend())
    assert "percentage points [" in answer.text
    assert "the same share" not in answer.text
    for text in (answer.text, answer.short):
        assert "at push 0 and substitution 0.2 only, and the level of participants has no datum" in text
    told = [text.get_text() for text in legend.get_texts()]
    assert told[:3] == ["open", "throttled", "difference of differences: throttled − open"]


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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
def test_signs_are_counted_over_the_whole_map(folders) -> None:
    answer = answered(cutting_off.EXPERIMENT, folders("cutting_off"))
    cells = pd.DataFrame({"difference": [1.0, -1.0, 1.0], "low": [0.9, -1.1, -9.0], "high": [1.1, -0.9, 11.0],
                          "n": [8, 8, 8], "method": "t"})  # fmt: skip

    def counted(rows: pd.DataFrame) -> dict[str, int]:
        return cutting_off.counted(cutting_off.by_holm(rows), rows["difference"])

    assert counted(cells) == {"more": 1, "fewer": 1, "all": 3, "small": 0}
    tiny = cells.assign(difference=[0.009, -1.0, 1.0], low=[0.008, -1.1, -9.0], high=[0.010, -0.9, 11.0])
    assert counted(tiny)["small"] == 1
    # Two replicates decide nothing over 72 cells, whatever they say.
    assert "more take part in most replicates of 0 of 72 cells and fewer in 0; in 0 of these" in answer.text
    assert "no sign of what cutting ties does is decided. " in answer.text
    assert "goes either way" not in answer.text + answer.short
    # Sizes and methods are those of the folder.
    assert f"({SIZES[cutting_off.EXPERIMENT.name]})" in answer.text
    assert "Intervals of the means are paired t intervals; " in answer.text
    labels = [
        panel.get_xlabel() for name in ("cutting_ties", "push_and_substitution") for panel in answer.figures[name].axes
    ]
    assert [label.split("\n")[1] for label in labels] == [DEGREE, DEGREE, PUSH, PUSH]
    assert all(label.split("\n")[0].endswith(", values not to scale") for label in labels)
    notes = [text.get_text() for panel in answer.figures["cutting_ties"].axes
             for text in panel.get_legend().get_texts()]  # fmt: skip
    assert notes.count("exact sign tests, Bonferroni over 72 cells") == 2
    assert not [text for text in notes if "pointwise" in text or "Holm" in text]


def map_of(cells: dict[tuple[float, float], tuple[list[float], list[float], list[float]]]) -> pd.DataFrame:
    """Return shares as `cutting_off.shares` does: for each cell those of the whole network and with half, most ties cut."""
    parts = [
        pd.DataFrame({"whole": whole, "half_cut": half, "most_cut": most}).assign(**{DEGREE: degree, SPREAD: sd})
        for (degree, sd), (whole, half, most) in cells.items()
    ]
    whole = pd.concat(parts).rename_axis("replicate").reset_index()
    return whole.set_index([DEGREE, SPREAD, "replicate"]).sort_index()


N = cutting_off.TIES.replicates
RUNS, NOT = [0.97] * N, [0.01] * N


def test_enough_replicates_that_a_sign_test_can_reject_over_the_map() -> None:
    assert 2.0 ** -(N - 1) * 72 < 0.05
    few = map_of({(4, 0.1): (NOT[:11], RUNS[:11], NOT[:11])} | {(d, 0.4): (NOT[:11],) * 3 for d in range(71)})
    enough = map_of({(4, 0.1): (NOT[:12], RUNS[:12], NOT[:12])} | {(d, 0.4): (NOT[:12],) * 3 for d in range(71)})
    for values, more in ((few, 0), (enough, 1)):
        medians = cutting_off.medians_of(values)
        found = {
            arm: cutting_off.counted(cutting_off.by_signs(rows), rows["difference"])
            for arm, rows in medians.groupby("arm")
        }
        assert found["half_cut"] == {"more": more, "fewer": 0, "all": 72, "small": 0}
        assert found["most_cut"]["more"] == found["most_cut"]["fewer"] == 0


def test_a_cell_of_two_kinds_has_both_medians_and_an_interval_within_what_shares_differ_by() -> None:
    """The t interval of the same replicates reaches beyond 1: 4 of 32 ran without the cut, too."""
    mixed = [0.0] * (N - 4) + [0.98] * 4
    values = map_of({(16, 0.4): (mixed, [1.0] * N, [0.5] * N), (4, 0.2): (RUNS, NOT, NOT)})
    two = cutting_off.is_of_two_kinds(values)
    assert two.loc[(16, 0.4)].to_dict() == {"whole": True, "half_cut": False, "most_cut": False}
    assert not two.loc[(4, 0.2)].any()
    cell = values.xs((16, 0.4), drop_level=False)
    row = cutting_off.finding(cell, "half_cut", "cell")
    assert row.note == f"whole 0.000 or, in 4 of {N} (chance [0.035, 0.290]), 0.980, cut 1.000; more in {N}, fewer in 0"
    assert -1 <= row.interval.low < row.interval.estimate < row.interval.high <= 1
    assert row.interval.estimate == pytest.approx((N - 4 + 4 * 0.02) / N)
    assert row.interval.method == "bootstrap bca"
    assert cutting_off.finding(cell, "most_cut", "cell").note.endswith(f"cut 0.500; more in {N - 4}, fewer in 4")
    signs = cutting_off.medians_of(values).set_index([DEGREE, SPREAD, "arm"])
    assert signs.loc[(16, 0.4, "most_cut"), ["low", "high"]].tolist() == [0.5, 0.5]
    assert signs.loc[(4, 0.2, "most_cut"), ["low", "high"]].tolist() == pytest.approx([-0.96] * 2)


@pytest.mark.parametrize("k", range(1, N))
def test_means_of_two_kinds_have_no_interval_where_one_is_rare(k: int) -> None:
    mixed = [0.97] * k + [0.01] * (N - k)
    row = cutting_off.finding(map_of({(16, 0.4): (mixed, NOT, NOT)}), "half_cut", "cell")
    is_rare = k < 4 or k > N - 4
    assert bool(np.isnan(row.interval.low)) is is_rare
    assert row.interval.estimate == pytest.approx(-0.96 * k / N)
    assert ("(no interval)" in row.told()) is is_rare
    low, high = cutting_off.exact_chance(k, N)
    assert f"in {k} of {N} (chance [{low:.3f}, {high:.3f}])" in row.note


def test_shares_that_take_part_by_themselves_are_no_cascade() -> None:
    """Of 4 ties, nine of ten cut, spread 0.4: 0.24 to 0.28 around the 27 % whose threshold is below 0; 16 ties: 0.47 to 0.6."""
    for low, high in ((0.24, 0.28), (0.47, 0.60)):
        shares = pd.Series(np.linspace(low, high, N))
        assert not cutting_off.upper_kind(shares).any()
        assert cutting_off.told(shares) == f"{(low + high) / 2:.3f}"
    kinds = pd.Series([0.26, 0.99, 0.24, 0.98])
    assert cutting_off.upper_kind(kinds).tolist() == [False, True, False, True]


def test_the_exact_interval_of_a_chance_inverts_the_binomial_test() -> None:
    from scipy.special import bdtr

    for k in range(N + 1):
        low, high = cutting_off.exact_chance(k, N)
        assert low == 0 if k == 0 else 1 - bdtr(k - 1, N, low) == pytest.approx(0.025)
        assert high == 1 if k == N else bdtr(k, N, high) == pytest.approx(0.025)


def signs_over(rows: dict[float, list[int]]) -> pd.DataFrame:
    """Return signs by substitution (rows) and push 0, 0.5, 1."""
    return pd.DataFrame.from_dict(rows, orient="index", columns=[0.0, 0.5, 1.0])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({0: [-1, 0, 1], 1: [-1, 1, 1]}, ": push decides the sign, and substitution shifts where it turns"),
        ({0: [-1, 0, 1], 1: [-1, 0, 1]}, ": push decides the sign"),
        ({0: [-1, -1, -1], 1: [1, 1, 1]}, ": substitution decides the sign"),
        ({0: [-1, -1, 1], 1: [0, 1, 1]}, ": both decide the sign together"),
        ({0: [-1, 0, 0], 1: [0, 0, 1]}, ": neither turns the sign while the other stays"),
        ({0: [-1, -1, 0], 1: [-1, 0, 0]}, ": the sign does not turn on this map"),
    ],
)
def test_the_map_says_what_decides_the_sign(rows: dict[float, list[int]], says: str) -> None:
    assert cutting_off.decided_by(signs_over(rows)).endswith(says)


def test_where_the_sign_turns_is_read_from_the_ends_of_the_map() -> None:
    text = cutting_off.decided_by(signs_over({0: [-1, 0, 1], 0.5: [-1, -1, -1], 1: [-1, 1, 1]}))
    assert "in 2 of 3 columns of equal push and in 2 of 3 rows of equal substitution" in text
    assert (
        "at substitution 0 the sign turns between push 0 and 1; at substitution 1 the sign turns between push 0 and 0.5"
        in text
    )
    assert cutting_off.turn(pd.Series([1, 0, -1], [0.0, 0.5, 1.0])) == "does not turn once from fewer to more"


def test_the_verdict_on_ties_and_where_follow_the_signs() -> None:
    assert cutting_off.verdict(3, 2).endswith("goes either way")
    assert "more people" in cutting_off.verdict(3, 0)
    assert "fewer people" in cutting_off.verdict(0, 3)
    cells = pd.DataFrame({DEGREE: [4, 8, 8], SPREAD: [0.2, 0.2, 0.2]})
    assert cutting_off.where(cells) == " (within 4 to 8 ties and spreads 0.2)"
    assert cutting_off.where(cells[:0]) == ""


# -- dips and rebounds


@pytest.mark.long
def test_the_parts_add_up_to_the_whole_in_every_replicate(folders) -> None:
    found = dips_and_rebounds.per_hour(folders("dips_and_rebounds")["dips_and_rebounds"])
    windows = load(SMALL).scenario.accounting
    assert windows is not None
    curves = table(folders("dips_and_rebounds")["dips_and_rebounds"], "curves")
    tweets = curves[(curves["arm"] == "full") & (curves["curve"] == "published_twitter")]
    for name, changes in found.items():
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
        for row in dips_and_rebounds.ROWS:
            parts = dips_and_rebounds.parts_of(changes, row)
            assert len(parts) == QUICK.replicates
            np.testing.assert_allclose(parts.sum(axis=1), whole, rtol=1e-9)


@pytest.mark.long
def test_what_comes_later_is_no_part_of_the_dip(folders) -> None:
    found = dips_and_rebounds.per_hour(folders("dips_and_rebounds")["dips_and_rebounds"])
    for row in dips_and_rebounds.ROWS:
        dip = dips_and_rebounds.parts_of(found[dips_and_rebounds.DIP], row)
        assert (dip[dips_and_rebounds.TEXT] == 0).all()  # of 13:27
        assert (dip[dips_and_rebounds.TALK] > 0).all()
    ordinary = found[dips_and_rebounds.DIP].xs("ordinary", level="null", axis=1)
    assert (ordinary.drop(columns="awake").nunique(axis=1) == 1).all()


@pytest.mark.long
def test_sleep_is_what_a_night_without_it_lacks(folders) -> None:
    """The same people on the same dice: only their sleep is gone, and nobody posts less by night for being awake."""
    from sim.config import compose_tree, plan_of

    folder = folders("dips_and_rebounds")["dips_and_rebounds"]
    arms = plan_of(compose_tree(["study=dips_and_rebounds"])).study.arms
    assert arms is not None
    plain, awake = (load(SMALL, *arms[arm]) for arm in ("plain", "awake"))
    assert awake.population.sleep is None
    assert awake == plain.model_copy(update={"population": plain.population.model_copy(update={"sleep": None})})
    before, dip, leaving, _ = dips_and_rebounds.rates(folder)
    for night in ("ordinary", "stay_home", "keyboard", ""):
        for level in (before, dip, leaving):
            assert (level["awake", night] > level["plain", night]).all()
    falls = [dips_and_rebounds.fall(folder, (arm, "ordinary")) for arm in ("plain", "awake")]
    apart = dips_and_rebounds.fall_apart(folder, ("plain", "ordinary"), ("awake", "ordinary"))
    for found in (apart, *falls):  # rates fall, and more so where people sleep, as far as two small replicates can tell
        assert found.high > 0
    assert apart.estimate == pytest.approx(falls[0].estimate - falls[1].estimate)
    text = answered(dips_and_rebounds.EXPERIMENT, folders("dips_and_rebounds")).text
    assert f"by {100 * falls[1].estimate:.1f} % [" in text
    assert f"sleep adds {100 * apart.estimate:.1f} percentage points [" in text
    assert "sleep ends" not in text


def test_shares_of_changes_have_fieller_intervals() -> None:
    """By hand, and against what they are made of: r is held where part - r whole is not told from 0."""
    rng = np.random.default_rng(5)
    whole = pd.Series(rng.normal(10, 3, 12))
    part = pd.Series(0.4 * whole + rng.normal(0, 1, 12))
    whole[0] = -1.0  # a change of the other sign in one replicate
    share = dips_and_rebounds.share(part, whole)
    assert share.low < share.estimate < share.high
    assert share.estimate == pytest.approx(part.mean() / whole.mean())
    for bound in (share.low, share.high):
        told = mean_t(part - bound * whole)
        assert min(abs(told.low), abs(told.high)) == pytest.approx(0, abs=1e-9)
    assert dips_and_rebounds.percent(dips_and_rebounds.share(whole, whole)) == "100.0 % [100.0, 100.0]"
    # A whole that is not told from 0 bounds no share.
    none = dips_and_rebounds.share(part, whole - whole.mean() + 0.1)
    assert np.isnan(none.low)
    assert dips_and_rebounds.percent(none).endswith(" % (no interval)")
    assert dips_and_rebounds.percent(dips_and_rebounds.share(part, 0 * whole)) == "-"


def test_intervals_of_shares_hold_them() -> None:
    """Exact for normal changes: 95 % of 4,000, within five binomial standard errors."""
    rng, n, hits = np.random.default_rng(7), 4000, 0
    for _ in range(n):
        whole = rng.normal(5, 2, 8)
        share = dips_and_rebounds.share(pd.Series(0.3 * whole + rng.normal(0, 1, 8)), pd.Series(whole))
        hits += bool(share.low <= 0.3 <= share.high) or bool(np.isnan(share.low))
    assert abs(hits / n - 0.95) < 5 * np.sqrt(0.95 * 0.05 / n)


@pytest.mark.long
def test_both_rows_of_nights_have_the_same_things_in_another_order(folders) -> None:
    first, last = (list(dips_and_rebounds.NIGHTS[row]) for row in dips_and_rebounds.ROWS)
    assert sorted(first) == sorted(last) == sorted(dips_and_rebounds.THINGS)
    assert first.index(dips_and_rebounds.ABSENCE) < first.index(dips_and_rebounds.THROTTLE)
    assert last.index(dips_and_rebounds.ABSENCE) > last.index(dips_and_rebounds.BACKLOG)
    for row in dips_and_rebounds.ROWS:
        assert list(dips_and_rebounds.NIGHTS[row].values())[-1] == dips_and_rebounds.AS_IT_WAS
    for changes in dips_and_rebounds.per_hour(folders("dips_and_rebounds")["dips_and_rebounds"]).values():
        one, other = (dips_and_rebounds.parts_of(changes, row) for row in dips_and_rebounds.ROWS)
        alike = [dips_and_rebounds.CYCLE, dips_and_rebounds.SLEEP, dips_and_rebounds.TALK]
        alike += [dips_and_rebounds.VICTORY, dips_and_rebounds.TEXT]
        pd.testing.assert_frame_equal(one[alike], other[alike])
        # No absence holds the wish, which acts on those who return: where nobody leaves it does nothing, to the last post.
        np.testing.assert_array_equal(changes["victory", "stay_home"], changes["tried_again", "stay_home"])
        by_hand = changes["tried_again", ""] - changes["tried_again", "keyboard"]
        np.testing.assert_allclose(other[dips_and_rebounds.ABSENCE], by_hand)
        by_hand = changes["victory", ""] - changes["tried_again", ""]
        np.testing.assert_allclose(other[dips_and_rebounds.VICTORY], by_hand)
        by_hand = changes["lost", ""] - changes["plain", ""]
        np.testing.assert_allclose(one[dips_and_rebounds.THROTTLE], by_hand)
        by_hand = changes["lost", "stay_home"] - changes["plain", "stay_home"]
        np.testing.assert_allclose(other[dips_and_rebounds.THROTTLE], by_hand)


@pytest.mark.long
def test_absence_and_the_outcome_dip_from_leaving_are_told_apart(folders) -> None:
    """The same posts are missing; one divides by what is left, the other by what would have been: a / (1 + a)."""
    experiment, its = dips_and_rebounds.EXPERIMENT, folders("dips_and_rebounds")
    answer = answered(experiment, its)
    level = dips_and_rebounds.per_hour(its["dips_and_rebounds"])[dips_and_rebounds.LEVEL]
    parts = dips_and_rebounds.parts_of(level, dips_and_rebounds.LEAVING_LATER)
    missing = -parts[dips_and_rebounds.ABSENCE].sum() / level["tried_again", ""].sum()
    summary = table(its["dips_and_rebounds"], "summary").set_index(["arm", "outcome"])
    outcome = summary.loc[("tried_again", "dip_from_leaving"), "estimate"]
    assert outcome == pytest.approx(missing / (1 + missing))
    assert f"dip_from_leaving of the second row's night, without wish and text, is {outcome:.3f} [" in answer.text
    assert len(answer.findings) == 3 * len(dips_and_rebounds.LOOKED_AT)
    for name in dips_and_rebounds.LOOKED_AT:
        columns = [[row.interval.estimate for row in answer.findings[heading][1:]] for heading in answer.findings
                   if heading.startswith(name)]  # fmt: skip
        np.testing.assert_allclose(np.subtract(columns[1], columns[0]), columns[2], atol=1e-6)
