"""What does the model give back of the night, in both readings? The figures and tables of the README.

Command: ``make figures`` (about five minutes on two cores). Figures: docs/figures/{posts,squares,difference}.png.
The tables of README.md between the marks ``<!-- table: ... -->`` are written anew.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from sim.study.terminal import number

ROOT = Path(__file__).resolve().parents[1]
RUNS = {
    "calendar": ["parameters=calendar_days"],
    "as_told": ["parameters=as_told"],
    "rebound": ["study=rebound"],
    "sign": ["study=sign"],
}
TARGETS = {
    "calendar": [
        ("posts_ratio_day_1", "1.206"),
        ("posts_ratio_day_2", "3.308"),
        ("share_left_before_call", "0.36"),
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
        ("share_left_before_call", "0.36"),
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


def targets_table(folder: Path, name: str) -> str:
    summary = pd.read_parquet(folder / "summary.parquet").set_index(["arm", "outcome"])
    contrasts = pd.read_parquet(folder / "contrasts.parquet").set_index("outcome")
    lines = [
        "| outcome | observed | throttled [95 %] | open [95 %] | throttled - open [95 %] | variance reduction |",
        "|---|---|---|---|---|---|",
    ]
    for outcome, observed in TARGETS[name]:
        c = contrasts.loc[outcome]
        unit = str(c["unit"])
        difference = f"{number(c['difference'], unit)} [{number(c['low'], unit)}, {number(c['high'], unit)}]"
        lines.append(
            f"| `{outcome}` | {observed} | {interval(summary.loc[('throttled', outcome)])} | "
            f"{interval(summary.loc[('open', outcome)])} | {difference} | {number(c['variance_reduction'])} |"
        )
    return "\n".join(lines)


def rebound_table(folder: Path) -> str:
    summary = pd.read_parquet(folder / "summary.parquet").set_index(["arm", "outcome"])
    lines = [
        "| arm | `rebound_from_return` [95 %] | `rebound_ratio` [95 %] | `rebound_ratio_ordinary` [95 %] |",
        "|---|---|---|---|",
    ]
    for arm in ("full", "no_victory", "no_text", "neither", "no_coverage"):
        cells = [
            interval(summary.loc[(arm, o)]) for o in ("rebound_from_return", "rebound_ratio", "rebound_ratio_ordinary")
        ]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sign_table(folder: Path) -> str:
    contrasts = pd.read_parquet(folder / "contrasts.parquet").set_index(["arm", "outcome"])
    lines = ["| throttled, with | `participants`: difference to open [95 %] |", "|---|---|"]
    for arm in ("substitution_0", "substitution_0.2", "substitution_1", "push_0.5", "push_1.5"):
        c = contrasts.loc[(arm, "participants")]
        name, value = arm.rsplit("_", 1)
        lines.append(f"| {name} {value} | {number(c['difference'])} [{number(c['low'])}, {number(c['high'])}] |")
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
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, table in tables.items():
        text, n = re.subn(
            rf"(<!-- table: {name} -->\n).*?(<!-- end -->)",
            lambda m, t=table: f"{m[1]}{t}\n{m[2]}",
            text,
            flags=re.DOTALL,
        )
        assert n == 1, f"README.md has no place for the table {name}"
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
