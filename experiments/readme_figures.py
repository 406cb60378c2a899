"""What does the model give back of the night, in both readings? The figures and tables of the README, and four experiments.

Command: ``make figures`` (about eight minutes on two idle cores). Figures: docs/figures/{posts,squares,difference}.png, and
those of the experiments beside this one. The tables of README.md between the marks ``<!-- table: ... -->``, the findings of
experiments there, and docs/experiments.md are written anew.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from experiments import cutting_off, dips_and_rebounds, facetime, throttling
from experiments.asking import hash_of, make
from sim.measures.contrast import ratio_jackknife
from sim.study.report.outcomes import FEWEST_FOR_REDUCTION, reduction
from sim.study.terminal import number

EXPERIMENTS = [part.EXPERIMENT for part in (throttling, facetime, cutting_off, dips_and_rebounds)]
ROOT = Path(__file__).resolve().parents[1]
RUNS = {
    "calendar": ["parameters=calendar_days"],
    "as_told": ["parameters=as_told"],
    "rebound": ["study=rebound"],
    "sign": ["study=sign"],
    "decisions": ["study=decisions"],
}
TARGETS = {
    "calendar": [
        ("posts_ratio_day_1", "1.206 (M)"),
        ("posts_ratio_day_2", "3.308 (M)"),
        ("share_left_before_call", "0.36 (H)"),
        ("surge_after_call", "clear of 1"),
        ("surge_after_call_ordinary", ""),
        ("surge_from_call", "clear of 1"),
        ("dip_depth", ""),
        ("dip_depth_ordinary", ""),
        ("dip_from_leaving", "above 0"),
        ("dip_from_leaving_total", ""),
        ("rebound_ratio", ""),
        ("rebound_ratio_ordinary", ""),
        ("rebound_from_return", ""),
        ("participants", "no datum"),
    ],
    "as_told": [
        ("posts_throttle_window", "6 M"),
        ("posts_after_window", "18.67 M"),
        ("posts_published", "34.82 M (not fitted)"),
        ("share_left_before_call", "0.36 (H)"),
        ("surge_from_call", "clear of 1"),
        ("dip_from_leaving", "above 0"),
    ],
}


def run(name: str) -> Path:
    folder = ROOT / "outputs" / "readme" / name
    command = [sys.executable, "-m", "sim", *RUNS[name], f"hydra.run.dir={folder}", "seed=1"]
    subprocess.run(command, check=True, cwd=ROOT)
    return folder


def interval(row: pd.Series) -> str:
    unit = str(row["unit"])
    return f"{number(row['estimate'], unit)} [{number(row['low'], unit)}, {number(row['high'], unit)}]"


def gain(row: pd.Series) -> str:
    """A variance reduction with its bounds; of few pairs the bounds alone."""
    if np.isnan(row["low"]):
        return "-"
    bounds = f"[{reduction(row['low'])}, {reduction(row['high'])}]"
    return bounds if row["n"] < FEWEST_FOR_REDUCTION else f"{reduction(row['variance_reduction'])} {bounds}"


def targets_table(folder: Path, name: str) -> str:
    summary = pd.read_parquet(folder / "summary.parquet").set_index(["arm", "outcome"])
    contrasts = pd.read_parquet(folder / "contrasts.parquet").set_index("outcome")
    reductions = pd.read_parquet(folder / "variance_reduction.parquet").set_index("outcome")
    lines = [
        "| outcome | observed | throttled [95 %] | open [95 %] | throttled - open [95 %] | variance reduction [95 %] |",
        "|---|---|---|---|---|---|",
    ]
    for outcome, observed in TARGETS[name]:
        c = contrasts.loc[outcome]
        unit = str(c["unit"])
        difference = f"{number(c['difference'], unit)} [{number(c['low'], unit)}, {number(c['high'], unit)}]"
        lines.append(
            f"| `{outcome}` | {observed} | {interval(summary.loc[('throttled', outcome)])} | "
            f"{interval(summary.loc[('open', outcome)])} | {difference} | {gain(reductions.loc[outcome])} |"
        )
    return "\n".join(lines)


def rebound_table(folder: Path) -> str:
    summary = pd.read_parquet(folder / "summary.parquet").set_index(["arm", "outcome"])
    shown = ("rebound_from_return", "rebound_ratio", "rebound_ratio_ordinary", "posts_day_2")
    lines = ["| arm | " + " | ".join(f"`{outcome}` [95 %]" for outcome in shown) + " |", "|---" * 5 + "|"]
    for arm in ("full", "no_victory", "no_text", "neither", "no_coverage"):
        cells = [interval(summary.loc[(arm, outcome)]) for outcome in shown]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sign_table(folder: Path) -> str:
    contrasts = pd.read_parquet(folder / "contrasts.parquet").set_index(["arm", "outcome"])
    lines = ["| throttled, with | `participants`: difference to open [95 %] |", "|---|---|"]
    for arm in ("substitution_0", "substitution_0.2", "substitution_1", "push_0.5", "push_1.5"):
        c = contrasts.loc[(arm, "participants")]
        name, value = arm.rsplit("_", 1)
        difference, low, high = (number(c[part], str(c["unit"])) for part in ("difference", "low", "high"))
        lines.append(f"| {name} {value} | {difference} [{low}, {high}] |")
    return "\n".join(lines)


def posts_by_hour(folder: Path, table: str, curve: str, **rows: str) -> pd.DataFrame:
    """Posts per minute (real people's), by replicate (columns) and hour of the clock on both days (rows)."""
    found = pd.read_parquet(folder / f"{table}.parquet")
    for column, value in (rows | {"curve": curve}).items():
        found = found[found[column] == value]
    by = found.pivot_table(index="time", columns="replicate", values="value")
    return by.resample("1h").mean()


def shape_table(folder: Path) -> str:
    """The ordinary day, the topic's curve, and the crowd of the null night keyboard, against what is known of them."""
    ordinary = posts_by_hour(folder, "nulls", "published_twitter", arm="open", null="ordinary")
    day = ordinary.groupby(ordinary.index.hour).mean()
    peaks = sorted({f"{hour}-{hour + 1} h" for hour in day.idxmax()})
    topic = posts_by_hour(folder, "curves", "topical_twitter", arm="throttled")
    before, after = topic["2016-07-15 22:00":"2016-07-15 23:59"], topic["2016-07-16 00:00":"2016-07-16 03:59"]
    crowd = posts_by_hour(folder, "curves", "on_squares", arm="throttled").sum()
    at_keyboard = posts_by_hour(folder, "nulls", "on_squares", arm="throttled", null="keyboard").sum()

    def told(above: pd.Series, below: pd.Series) -> str:
        r = ratio_jackknife(above, below, min_denominator=0)
        return f"{r.estimate:.3f} [{r.low:.3f}, {r.high:.3f}]"

    return "\n".join([
        "| of the throttled night, or the ordinary day | known | simulated [95 %] |",
        "|---|---|---|",
        f"| hour of the ordinary day with most posts, in every replicate | 22-23 h (D5, M) | {', '.join(peaks)} |",
        f"| posts in its lowest hour / in its highest | a tenth, assumed | {told(day.min(), day.max())} |",
        "| tweets on the topic per minute, 00:00-04:00 / 22:00-24:00 | 2,062 / 599 = 3.44 (D4, not fitted) | "
        f"{told(after.mean(), before.mean())} |",
        f"| person-hours on squares, `keyboard` / the night | 1, if it were absence alone | {told(at_keyboard, crowd)} |",
    ])  # fmt: skip


def decisions_table(folder: Path) -> str:
    summary = pd.read_parquet(folder / "summary.parquet").set_index(["arm", "outcome"])
    names = ("participants", "share_left_before_call", "peak_time")
    lines = ["| rule | " + " | ".join(f"`{name}` [95 %]" for name in names) + " |", "|---" * 4 + "|"]
    for arm in ("threshold", "hazard", "critical_mass"):
        lines.append(f"| {arm} | " + " | ".join(interval(summary.loc[(arm, name)]) for name in names) + " |")
    return "\n".join(lines)


def main() -> None:
    folders = {name: run(name) for name in RUNS}
    figures = ROOT / "docs" / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name in ("posts", "squares", "difference"):
        shutil.copy(folders["calendar"] / "figures" / f"{name}.png", figures / f"{name}.png")
    tables = {name: targets_table(folders[name], name) for name in TARGETS} | {
        "rebound": rebound_table(folders["rebound"])
    }
    tables["sign"] = sign_table(folders["sign"])
    tables["shape"] = shape_table(folders["calendar"])
    tables["decisions"] = decisions_table(folders["decisions"])
    made_of = {name: hash_of(RUNS.get(name, RUNS["calendar"])) for name in tables}
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, table in tables.items():
        text, n = re.subn(
            rf"<!-- table: {name} \S* -->\n.*?<!-- end -->",
            lambda _, n=name, t=table: f"<!-- table: {n} {made_of[n]} -->\n{t}\n<!-- end -->",
            text,
            flags=re.DOTALL,
        )
        assert n == 1, f"README.md has no place for the table {name}"
    readme.write_text(text, encoding="utf-8")
    for experiment in EXPERIMENTS:
        make(experiment)


if __name__ == "__main__":
    main()
