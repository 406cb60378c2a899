"""How do the rows compare? Medians, ratios, whether outcomes agree, and how cost grows, from what was measured.

Command: part of ``make bench``. Figures: none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.bench.rows import EXPOSURES, LIMITS, NIGHT, OURS, POSTS, REFERENCE, THROTTLED, UNITS

COLUMNS = (
    "part", "engine", "people", "options", "version", "unit", "changes", "build_seconds", "cpu_seconds", "cpu_seconds_low",
    "cpu_seconds_high", "changes_per_cpu_second", "times_slower", "peak_memory_bytes", "bytes_per_person", "rounds", "posts",
    "agreement", "note",
)  # fmt: skip
LEVEL = 0.001
"""Two-sided: how rarely a row that agrees is called one that does not."""
EXACT = ("changes", "out")
"""Exposures: these follow from ties, thresholds and who begins, whatever the delays."""

Data = Sequence[Mapping[str, Any]]


def outcomes_of(results: Iterable[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Outcomes by name, of all runs of all rounds."""
    pooled: dict[str, list[float]] = {}
    for result in results:
        told = result.get("outcomes") or {
            n: [result[n]] for n in ("changes", "out", "mean_time", "posts") if n in result
        }
        for name, values in told.items():
            pooled.setdefault(name, []).extend(values)
    return pooled


def agreement(part: str, ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> str:
    """Return whether a peer's outcomes are ours: "exact", "agrees" with the largest |z|, or "DISAGREES" and where.

    The standard error is that of the difference of means, from the spread of our runs; |z| is held against a t quantile at
    `LEVEL`, shared among the outcomes that are compared.
    """
    exact = EXACT if part == EXPOSURES else ()
    for name in exact:
        if set(ours[name]) != set(theirs[name]):
            return f"DISAGREES ({name} {fmean(theirs[name]):,.0f}, ours {fmean(ours[name]):,.0f})"
    compared = [
        name for name in theirs if name in ours and name not in exact and (part == "posting" or name != "changes")
    ]
    worst, which = 0.0, ""
    for name in compared:
        n, m = len(ours[name]), len(theirs[name])
        if n < 2:
            return "not checked"
        error = stdev(ours[name]) * math.sqrt(1 / n + 1 / m)
        z = abs(fmean(theirs[name]) - fmean(ours[name])) / error if error > 0 else math.inf
        if z >= worst:
            worst, which = z, name
    if not compared:
        return "exact" if exact else "not checked"
    from scipy import stats

    critical = float(stats.t.isf(LEVEL / 2 / len(compared), len(ours[which]) - 1))
    if worst > critical:
        return f"DISAGREES ({which} {fmean(theirs[which]):.4g}, ours {fmean(ours[which]):.4g}, z = {worst:.1f})"
    return f"{'exact; times agree' if exact else 'agrees'} (z = {worst:.1f})"


def same_runs(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> bool:
    """Return whether both engines processed as many events for each seed that both ran."""
    return all(a == b for a, b in zip(ours["changes"], theirs["changes"], strict=False))


def make_table(data: Data) -> pd.DataFrame:
    """One row for each row that was measured or refused; contagions by size, ours first.

    `times_slower` is our rate over theirs at the same size, where the outcomes agree.
    """
    rows = []
    ours: dict[tuple[str, int], tuple[float, dict[str, list[float]]]] = {}
    for row in data:
        if row["part"] == LIMITS:
            continue
        results = row["results"]
        line: dict[str, Any] = dict.fromkeys(COLUMNS, math.nan)
        line |= {
            "part": row["part"], "engine": row["engine"], "people": row["people"], "options": " ".join(row["options"]),
            "version": results[0].get("version", "") if results else "", "unit": UNITS[row["part"]], "agreement": "",
            "rounds": len(results), "note": row["refused"] or row["note"],
        }  # fmt: skip
        if results:
            pooled = outcomes_of(results)
            cpu = [r["cpu"] for r in results]
            changes = fmean(pooled["changes"])
            line |= {
                "changes": changes, "build_seconds": median(r["build"] for r in results), "cpu_seconds": median(cpu),
                "cpu_seconds_low": min(cpu), "cpu_seconds_high": max(cpu), "changes_per_cpu_second": changes / median(cpu),
                "peak_memory_bytes": median(r["peak"] for r in results), "posts": fmean(pooled.get("posts", [math.nan])),
                "bytes_per_person": median(r["growth"] for r in results) / row["people"],
            }  # fmt: skip
            if row["engine"] == OURS and row["options"] in ([], (), list(THROTTLED), THROTTLED):
                ours[row["part"], row["people"]] = (line["changes_per_cpu_second"], pooled)
            line["outcomes"] = pooled
        rows.append(line)
    for line in rows:
        pooled = line.pop("outcomes", None)
        if pooled is None or line["engine"] == OURS or (line["part"], line["people"]) not in ours:
            continue
        rate, our_outcomes = ours[line["part"], line["people"]]
        if line["engine"] == REFERENCE:
            line["agreement"] = "exact" if same_runs(pooled, our_outcomes) else "DISAGREES"
        else:
            line["agreement"] = agreement(line["part"], our_outcomes, pooled)
        if not line["agreement"].startswith("DISAGREES"):
            line["times_slower"] = rate / line["changes_per_cpu_second"]
    parts = list(dict.fromkeys(line["part"] for line in rows))
    rows.sort(
        key=lambda line: (
            parts.index(line["part"]),
            0 if line["part"] == NIGHT else line["people"],
            line["engine"] != OURS,
        )
    )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def limits_table(data: Data) -> pd.DataFrame:
    """What the machine does at most: millions a second by threads, medians over the rounds."""
    results = [result for row in data if row["part"] == LIMITS for result in row["results"]]
    found: dict[str, dict[str, float]] = {}
    for name in results[0] if results else ():
        what, threads = name.split("|")
        found.setdefault(what, {})[f"{threads} thread{'s' if threads != '1' else ''}"] = (
            median(r[name] for r in results) / 1e6
        )
    return pd.DataFrame(found).T


class Growth(NamedTuple):
    """Cost ~ size^exponent, by least squares of logarithms."""

    exponent: float
    error: float  # standard error; nan: fewer than three sizes
    factor: float  # the cost at size 1

    def __str__(self) -> str:
        told = f"{self.exponent:.3f}"
        return told if math.isnan(self.error) else f"{told} (standard error {self.error:.3f})"


def growth(sizes: Sequence[float], costs: Sequence[float]) -> Growth:
    """Return the fitted power law through at least two different sizes."""
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float))
    deviation = x - x.mean()
    slope = float((deviation * y).sum() / (deviation**2).sum())
    intercept = float(y.mean() - slope * x.mean())
    left = y - intercept - slope * x
    n = len(x)
    error = float(np.sqrt((left**2).sum() / (n - 2) / (deviation**2).sum())) if n > 2 else math.nan
    return Growth(slope, error, math.exp(intercept))


def by_size(table: pd.DataFrame) -> pd.DataFrame:
    """Our throttled nights that were measured, by size."""
    is_night = (table["part"] == NIGHT) & (table["engine"] == OURS) & (table["options"] == " ".join(THROTTLED))
    return table[is_night & table["cpu_seconds"].notna()].sort_values("people")


def by_posts(table: pd.DataFrame) -> pd.DataFrame:
    """Our nights of one size, by how much people post."""
    return table[(table["part"] == POSTS) & table["cpu_seconds"].notna()].sort_values("posts")
