"""Draws of parameters as a design, and what comes of them: the two uncertainties apart."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.stats import norm

from sim.errors import InputError
from sim.measures.by_draw import summary_of_draws
from sim.study.design import Design, design_points
from sim.study.listed import read_listed

KEYS = ("parameters.throttle_severity", "throttle.push", "parameters.social")
ROWS = [(0.5, 0.1, 1.5), (0.25, 0.4, 1.5), (0.75, 0.3, 1.5)]


@pytest.fixture(params=[".csv", ".parquet"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"draws{request.param}"
    table = pd.DataFrame(ROWS, columns=list(KEYS)).assign(weight=1.0)
    if path.suffix == ".csv":
        path.write_text("# draws of a test\n" + table.to_csv(index=False))
    else:
        table.to_parquet(path)
    return path


def test_the_points_are_the_rows_of_the_file(file: Path):
    design = Design.model_validate({"method": "draws", "file": file})
    assert design.points == 3
    assert design_points(design) == [dict(zip(KEYS, row, strict=True)) for row in ROWS]
    assert design.factors["throttle.push"].range == (0.1, 0.4)
    assert design.factors["parameters.social"].values == (1.5,)
    assert all(factor.is_numeric for factor in design.factors.values())
    assert (
        design_points(Design.model_validate({"method": "draws", "file": file, "points": 2}))
        == design_points(design)[:2]
    )
    again = Design.model_validate({"method": "draws", "file": file, "points": 2, "factors": {}})
    assert json.loads(again.model_dump_json())["points"] == 2


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"method": "draws"}, "design.file is missing"),
        ({"method": "lhs", "points": 3, "factors": {"a.b": {"range": [0, 1]}}, "file": "x.csv"}, "belongs to draws"),
        ({"method": "draws", "file": True, "points": 4}, "expected at most the 3 draws"),
        ({"method": "draws", "file": True, "factors": {"a.b": {"range": [0, 1]}}}, "expected none"),
    ],
)
def test_what_makes_no_design_is_refused(file: Path, given: dict[str, Any], word: str):
    with pytest.raises(ValidationError, match=word):
        Design.model_validate(given | ({"file": file} if given.get("file") is True else {}))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "cannot be read"),
        ("a.b,c\n", "no rows"),
        ("a,b\n1,2\n", "no column that names a parameter"),
        ("a.b\n1\nmany\n", "row 2: a.b is 'many', expected a number"),
        ("a.b\n1\n\n", None),
    ],
)
def test_a_file_without_draws_is_refused(tmp_path: Path, text: str, word: str | None):
    path = tmp_path / "draws.csv"
    path.write_text(text)
    if word is None:
        assert read_listed(path) == {"a.b": [1.0]}
        return
    with pytest.raises(InputError, match=word):
        read_listed(path)
    with pytest.raises(InputError, match="No such file"):
        read_listed(tmp_path / "absent.csv")


# -- the two uncertainties

N_DRAWS, N_RUNS = 400, 3
SD_PARAMETERS, SD_SIMULATION = 2.0, 1.0


def outcomes_of(seed: int, sd_parameters: float = SD_PARAMETERS, replicates: int = N_RUNS) -> pd.DataFrame:
    """Return outcomes whose difference between two arms has known standard deviations; the noise of the baseline cancels."""
    dice = np.random.default_rng(seed)
    base = dice.normal(10, 5, (N_DRAWS, replicates))
    effect = (
        1.0
        + sd_parameters * dice.standard_normal((N_DRAWS, 1))
        + SD_SIMULATION * dice.standard_normal((N_DRAWS, replicates))
    )
    rows = []
    for arm, values in (("open", base), ("throttled", base + effect)):
        for point in range(N_DRAWS):
            for r in range(replicates):
                rows.append((point, arm, r, "participants", values[point, r], "people"))
    return pd.DataFrame(rows, columns=["point", "arm", "replicate", "outcome", "value", "unit"])


def difference(table: pd.DataFrame) -> pd.Series:
    found = summary_of_draws(table, "open")
    assert list(found["baseline"]) == ["", "", "open"]
    return found.iloc[2]


def test_parameters_and_simulation_are_told_apart():
    row = difference(outcomes_of(1))
    assert (row["n_draws"], row["n_runs"]) == (N_DRAWS, N_DRAWS * N_RUNS)
    n = N_DRAWS * (N_RUNS - 1)
    assert abs(row["sd_simulation"] ** 2 / SD_SIMULATION**2 - 1) < 4 * math.sqrt(2 / n)
    of_means = SD_PARAMETERS**2 + SD_SIMULATION**2 / N_RUNS  # the variance of a draw's mean
    error = math.sqrt(2 / (N_DRAWS - 1) * of_means**2 + 2 / n * (SD_SIMULATION**2 / N_RUNS) ** 2)
    assert abs(row["sd_parameters"] ** 2 - SD_PARAMETERS**2) < 4 * error
    assert abs(row["mean"] - 1) < 4 * math.sqrt(of_means / N_DRAWS)
    # Half a normal interval; a quantile's standard error is sqrt(p (1 - p) / n) over the density, with draws as the n.
    at = math.sqrt(0.025 * 0.975 / N_DRAWS) / 0.0584
    for low, high, sd in (
        ("low", "high", math.hypot(SD_PARAMETERS, SD_SIMULATION)),
        ("parameters_low", "parameters_high", SD_PARAMETERS),
    ):
        assert abs((row[high] - row[low]) / 2 / (1.96 * sd) - 1) < 4 * at / 1.96
    assert row["share_above_0"] == pytest.approx(0.683, abs=4 * math.sqrt(0.683 * 0.317 / N_DRAWS))  # Phi(1 / 2.08)
    # Beyond 1.96 / sqrt(3) on either side; the pooled error of the simulation is known to 1 / sqrt(2 n) of itself.
    edge = 1.96 * SD_SIMULATION / math.sqrt(N_RUNS)
    for name, beyond in (("share_clearly_above_0", edge - 1), ("share_clearly_below_0", edge + 1)):
        exact = norm.sf(beyond / math.sqrt(of_means))
        slope = norm.pdf(beyond / math.sqrt(of_means)) * edge / math.sqrt(of_means)
        error = math.hypot(math.sqrt(exact * (1 - exact) / N_DRAWS), slope / math.sqrt(2 * n))
        assert row[name] == pytest.approx(exact, abs=4 * error)


def test_draws_that_do_not_differ_leave_nothing_to_the_parameters():
    row = difference(outcomes_of(2, sd_parameters=0.0))
    bound = 4 * math.sqrt(2 / (N_DRAWS - 1)) * SD_SIMULATION**2 / N_RUNS
    assert row["sd_parameters"] ** 2 < bound


def test_one_run_of_each_draw_tells_the_sum_alone():
    row = difference(outcomes_of(3, replicates=1))
    assert np.isnan([row["sd_parameters"], row["sd_simulation"], row["parameters_low"]]).all()
    assert np.isnan([row["share_clearly_above_0"], row["share_clearly_below_0"]]).all()
    assert np.isfinite([row["low"], row["high"], row["mean"]]).all()


def test_missing_values_are_left_out_of_their_outcome():
    table = outcomes_of(4)
    table.loc[(table["point"] == 7) & (table["arm"] == "throttled"), "value"] = np.nan
    found = summary_of_draws(table, "open").set_index(["baseline", "arm"])
    assert found.loc[("", "open"), "n_runs"] == N_DRAWS * N_RUNS
    assert found.loc[("open", "throttled"), "n_draws"] == N_DRAWS - 1
    empty = summary_of_draws(table.assign(value=np.nan), "open")
    assert (empty["n_draws"] == 0).all()
