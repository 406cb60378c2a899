"""The comparison of sizes: verdicts that follow from made-up outcomes, a page without collisions, and a tiny run of all."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from experiments import sizes
from experiments.sizes_findings import OPEN, QUESTIONS, THROTTLED, USUAL, findings_of, questions_of
from experiments.sizes_page import draw

N = {1_000: 40, 10_000: 30, 100_000: 30}
BIASED, SHIFT = "dip_depth", 0.2
NOISY = "share_left_before_call"
HEARD = {"television": 40.0, "neighbours": 30.0, "minarets": 15.0, "facetime": 8.0, "twitter": 5.0, "viber": 2.0}


def made_up(people: int) -> pd.DataFrame:
    """Return outcomes of both arms, about 1 each, whose standard deviation falls with the root of the size."""
    rng = np.random.default_rng(people)
    sd = 0.003 * (100_000 / people) ** 0.5
    rows = []
    for replicate in range(N[people]):
        for outcome in dict.fromkeys(q.outcome for q in QUESTIONS):
            noise = rng.normal() * sd * (30 if outcome == NOISY else 1)
            noise += SHIFT * (outcome == BIASED and people == 1_000)
            if outcome == "peak_time":
                noise *= 100
            is_ratio = outcome not in ("posts_published", "participants", "peak_on_squares", "peak_time")
            for arm, drop in ((THROTTLED, 0.1), (OPEN, 0.0)):
                value = 1 + noise - drop + rng.normal() * sd / 10
                counts = (100 * value, 100.0) if is_ratio else (np.nan, np.nan)
                rows.append((arm, replicate, outcome, value, *counts))
        for channel, count in HEARD.items():
            for arm in (THROTTLED, OPEN):
                above = count * (1 + rng.normal() * sd)
                rows.append((arm, replicate, f"first_heard_{channel}", above / 100, above, 100.0))
    return pd.DataFrame(rows, columns=["arm", "replicate", "outcome", "value", "numerator", "denominator"])


@pytest.fixture(scope="module")
def tables():
    return {people: made_up(people) for people in N}


@pytest.fixture(scope="module")
def findings(tables):
    return findings_of(tables)


def named(findings, outcome, kind=None):
    return next(f for f in findings if f.question.outcome == outcome and kind in (None, f.question.kind))


def test_the_channels_are_those_through_which_most_people_first_heard(tables):
    names = [q.outcome for q in questions_of(tables[100_000])]
    first = [f"first_heard_{channel}" for channel in list(HEARD)[:5]]
    place = names.index("heard_share_3h")
    assert names[place + 1 : place + 6] == first
    assert len(names) == len(QUESTIONS) + 5


def test_a_bias_is_found_where_it_is_and_nowhere_else(findings):
    different = [(f.question.outcome, n) for f in findings for n, c in f.bias.items() if c.verdict == "different"]
    assert different == [(BIASED, 1_000)]
    assert named(findings, "participants", "level").bias[10_000].verdict == "equivalent"
    assert named(findings, NOISY).bias[1_000].verdict == "undecided"
    assert all(set(f.bias) == {1_000, 10_000} for f in findings)


def test_what_is_found_of_the_standard_deviation_is_what_was_put_in(findings):
    found = [c.verdict for f in findings for c in f.scatter.values()]
    assert "different" not in found
    assert found.count("equivalent") > len(found) / 2
    for people, deviation in named(findings, "posts_ratio_day_1").deviations.items():
        expected = 0.003 * (100_000 / people) ** 0.5
        assert deviation.low < expected < deviation.high


def test_levels_and_effects_have_margins_of_their_size(findings):
    level, effect = (named(findings, "participants", kind) for kind in ("level", "effect"))
    assert level.margin == pytest.approx(0.02 * level.values[100_000].estimate)
    assert effect.margin == pytest.approx(0.2 * 0.1, rel=0.05)
    assert effect.values[1_000].estimate == pytest.approx(-0.1, abs=0.01)
    assert effect.reduction[1_000].low > 20
    assert not level.reduction


def test_the_size_to_use_is_the_smallest_that_is_unbiased_and_precise(findings):
    assert named(findings, BIASED).unbiased == [10_000, 100_000]
    assert named(findings, BIASED).use == 10_000
    assert named(findings, "peak_time").use == 1_000
    noisy = named(findings, NOISY)
    assert noisy.use is None
    assert noisy.needed[100_000] > USUAL
    told = sizes.conclusion(findings)
    assert re.search(rf"\*\*10,000 people\*\* [^\n]*`{BIASED}`", told)
    assert re.search(rf"\(how many\) for: `{NOISY}` \({noisy.needed[100_000]}\)\.", told)
    for f in findings:
        assert f.question.name in told.split("- At ")[0]


def test_the_page_shows_every_question_and_nothing_collides(findings):
    page = draw(findings)
    page.canvas.draw()
    assert len(page.axes) == 2 * len(findings) + 1
    titles = [ax.get_title(loc="left") for ax in page.axes]
    assert [t for t in titles if t] == [f.question.words for f in findings]
    boxes = [ax.get_tightbbox() for ax in page.axes]
    for a, b in combinations(boxes, 2):
        assert min(a.x1, b.x1) <= max(a.x0, b.x0) or min(a.y1, b.y1) <= max(a.y0, b.y0)
    for ax in page.axes:
        labels = [t.get_window_extent() for t in ax.get_yticklabels() if t.get_text()]
        assert all(a.y1 <= b.y0 or b.y1 <= a.y0 for a, b in combinations(labels, 2))


@pytest.mark.long
@pytest.mark.slow
def test_a_tiny_design_is_run_once_and_written_whole(tmp_path, capsys):
    design = {300: 3, 600: 3}
    found = sizes.make(design, tmp_path / "out", tmp_path / "store", 2, "make sizes")
    again = sizes.outcomes_of(600, 3, tmp_path / "store", 2)
    told = capsys.readouterr()
    assert [line.split(": ")[1] for line in told.err.splitlines()] == [
        *["15 runs computed, 0 found"] * 2, "0 runs computed, 15 found"
    ]  # fmt: skip
    assert set(again["arm"]) == {THROTTLED, OPEN}
    text = (tmp_path / "out" / "sizes.md").read_text(encoding="utf-8")
    files = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert files == ["figures/sizes.png", "sizes.md"]
    assert (tmp_path / "out" / "figures" / "sizes.png").read_bytes().startswith(b"\x89PNG")
    hashes = [sizes.hash_of(people) for people in design]
    assert re.findall(r"\| `(\w{8})` ", text) == hashes
    assert len(set(hashes)) == 2
    assert sizes.conclusion(found) in text
    assert sizes.conclusion(found) in told.out
    posts = named(found, "posts_published", "level").values[600].estimate
    assert 100 < posts < 1000, "posts per 1,000 people on two days"


def test_only_one_of_the_nights_is_throttled():
    arms = sizes.arms_of(300)
    assert arms[THROTTLED].throttle.windows
    assert not arms[OPEN].throttle.windows


@pytest.mark.parametrize(
    "arguments",
    [
        ["--sizes", "300"],
        ["--sizes", "300", "--replicates", "3"],
        ["--sizes", "300", "302", "--replicates", "3", "3"],
        ["--sizes", "300", "300", "--replicates", "3", "3"],
        ["--sizes", "9", "90", "--replicates", "1", "2"],
    ],
)
def test_impossible_designs_are_refused(arguments, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sizes", *arguments])
    with pytest.raises(SystemExit, match="2"):
        sizes.main()
    assert "error: " in capsys.readouterr().err
