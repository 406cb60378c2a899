"""The check on the ban of March 2014 with few people: what holds by design, and that the page tells it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments import ban_2014
from experiments.ban_2014 import BEGIN, CURVES, FACTORS, arms_at, sets_of_draws
from experiments.ban_2014_page import verdict

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the page, made with few people at two draws."""
    place = tmp_path_factory.mktemp("ban")
    few = ["--draws", "2", "--replicates", "2", "--people", "600", "--workers", "1"]
    with pytest.MonkeyPatch.context() as patch:
        where = ["--store", str(place / "store"), "--out", str(place / "out"), "--page", str(place / "ban_2014.md")]
        patch.setattr(ban_2014, "READINGS", ("as_told",))
        patch.setattr(sys, "argv", ["ban_2014", *few, *where])
        assert ban_2014.main() == 0
    return place


@pytest.mark.long
def test_the_page_and_its_figures_are_written(folder: Path) -> None:
    text = (folder / "ban_2014.md").read_text(encoding="utf-8")
    for drawn in ("ban_2014.png", "ban_2014_ratio.png"):
        assert f"](figures/{drawn})" in text
        assert (folder / "figures" / drawn).stat().st_size > 10_000
    assert "nan" not in text
    assert max(len(line) for line in text.splitlines() if not line.startswith(("|", "!"))) <= 130


@pytest.mark.long
def test_the_block_takes_and_never_gives(folder: Path) -> None:
    told = pd.read_parquet(folder / "out" / "ban_2014.parquet").set_index("outcome")
    assert set(told["factor"]) == set(FACTORS)
    assert (told.loc["read: ban / open, 21 March", "high"].dropna() <= 1).all()
    for moment in ("21 March 00:00", "24 March 00:00"):
        assert (told.loc[f"found a way by {moment}", "low"] >= 0).all()
    first, last = (told.loc[f"share with a way by {m}", "mean"] for m in ("21 March 00:00", "24 March 00:00"))
    assert (last.to_numpy() > first.to_numpy()).all()
    assert (last <= 1).all()


def test_the_pasts_differ_in_what_they_say_and_in_nothing_else() -> None:
    (reading, draws), *_ = sets_of_draws(1, 300, 1).values()
    ordinary, free, ban, quiet = arms_at(reading, 300).of(draws[0]).values()
    assert ordinary.throttle == free.throttle == ban.throttle.lifted()
    assert not ordinary.scenario.timeline
    assert free.scenario == ban.scenario
    assert ban.throttle.circumvention.share_before == draws[0]["parameters.vpn_before"]
    assert {e.arousal for e in ban.scenario.timeline} == {draws[0][key] for key in ban_2014.NEWS}
    assert {e.arousal for e in quiet.scenario.timeline} == {0, draws[0][ban_2014.NEWS[0]]}
    assert quiet.throttle == ban.throttle
    windows = ban_2014.windows_of(ban)
    assert len(windows) == len(CURVES) * (4 * 24 + 1)
    assert (windows[BEGIN].first, windows[BEGIN].end) == (BEGIN * 60, BEGIN * 60 + 60)


def test_a_verdict() -> None:
    assert [verdict(*ends, 2.0) for ends in ((1, 3), (0, 1), (3, 4), (np.nan, np.nan))] == [
        "yes", "no, it is below", "no, it is above", "cannot be judged",
    ]  # fmt: skip
