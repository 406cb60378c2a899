"""The nation beside smaller ones: differences, their intervals, and the page."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, ttest_ind

from experiments import nation
from sim.measures.intervals import Interval, mean_t


def one(value: float) -> Interval:
    return Interval(value, math.nan, math.nan, 1, "t", "one replicate")


def without_error(interval: Interval) -> bool:
    return not math.isfinite(interval.low)


def test_with_several_replicates_on_both_sides_it_is_welchs_t():
    a, b = np.random.default_rng(1).normal(0, 2, 5), np.random.default_rng(2).normal(1, 1, 9)
    found = nation.difference(mean_t(a, 0.95), (largest := mean_t(b, 0.95)), largest)
    expected = ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.estimate == pytest.approx(a.mean() - b.mean())


@pytest.mark.parametrize("n", [3, 4, 24])
def test_one_replicate_that_scatters_as_the_size_that_it_is_compared_with_is_covered(n):
    rng, tries = np.random.default_rng(n), 4000
    missed = 0
    for _ in range(tries):
        value = mean_t(rng.normal(size=n), 0.95)
        found = nation.difference(value, one(rng.normal()), value)
        missed += not found.low <= 0 <= found.high
    assert binom.cdf(missed, tries, 0.05) > 1e-5
    assert binom.sf(missed - 1, tries, 0.05) > 1e-5


def test_without_any_scatter_there_is_no_interval():
    alone = one(2.0)
    assert without_error(nation.difference(alone, one(1.0), alone))
    same = mean_t(np.ones(4), 0.95)
    assert without_error(nation.difference(same, one(1.0), same))


@pytest.mark.long
def test_three_tiny_sizes_become_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(nation, "ROOT", tmp_path)
    monkeypatch.setattr(
        nation, "compile_engine", lambda: 0.0
    )  # so that no cost is told too high, which nobody looks at here
    words = ["nation", "--weights", "60000", "200000", "400000", "--replicates", "1", "3", "4", "--store"]
    monkeypatch.setattr("sys.argv", [*words, str(tmp_path / "store")])
    assert nation.main() == 0
    page = (tmp_path / "outputs" / "nation" / "nation.md").read_text(encoding="utf-8")
    assert "| 400,000 | 197 " in page
    assert "weight 400,000 - weight 60,000" in page
    assert "`participants`, throttled - open" in page
    assert capsys.readouterr().out.strip() == page.strip()
    assert nation.main() == 0  # from the store, with the costs as they were
    assert (tmp_path / "outputs" / "nation" / "nation.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    "words", ["--weights 100 --replicates 1", "--weights 1 2 --replicates 8 8", "--weights 1 10 --replicates 1 1"]
)
def test_designs_that_cannot_be_compared_are_refused(words: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.argv", ["nation", *words.split()])
    with pytest.raises(SystemExit, match="2"):
        nation.main()
