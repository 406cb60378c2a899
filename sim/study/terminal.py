"""What the terminal shows: a progress bar and a readable table."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.jit import cache_folder, is_compiling
from sim.study.run import Study

if TYPE_CHECKING:
    from sim.config import Observed

__all__ = ["Progress", "announce_compilation", "headline", "number", "table_text"]

SHOWN = (
    "posts_published", "posts_attempted", "posts_throttle_window", "posts_after_window", "posts_day_1", "posts_day_2",
    "posts_ratio_day_1", "posts_ratio_day_2", "posts_to_day_before_2", "surge_after_call", "surge_after_call_ordinary",
    "surge_from_call", "dip_depth", "dip_depth_ordinary", "dip_from_leaving", "dip_from_leaving_total", "rebound_ratio",
    "rebound_ratio_ordinary", "rebound_from_return", "participants", "participation", "share_left_before_call",
    "peak_on_squares", "peak_time", "time_to_half_peak", "person_hours_on_squares", "heard_share_3h",
)  # fmt: skip
"""Outcomes of the terminal table, where nobody posts on Twitter with the posts of every channel; the run folder holds all."""


class Progress:
    """One bar on standard error for a whole study, with what is finished, failed, and the time that remains.

    Silent when standard error is not a terminal.
    """

    def __init__(self, unit: str = "run") -> None:
        self.unit = unit

    def __enter__(self) -> Progress:
        from multiprocessing import current_process

        self.bar: Any = None
        if sys.stderr.isatty() and current_process().name == "MainProcess":  # one of many would draw over the others
            from tqdm import tqdm

            tqdm.set_lock(threading.RLock())  # its own is one between processes, which none that is killed gives back
            self.bar = tqdm(total=1, unit=self.unit, file=sys.stderr, leave=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, finished: int, failed: int, total: int) -> None:
        """Show how many runs or points are finished."""
        if self.bar is None:
            return
        self.bar.total = total
        if failed:
            self.bar.set_postfix(failed=failed, refresh=False)
        self.bar.update(finished + failed - self.bar.n)


def announce_compilation(engine: str) -> str:
    """Return what to say where the engine will be compiled first, as no compiled code is found; else nothing."""
    if is_compiling and engine == "compiled" and not any(cache_folder().rglob("kernel.advance*.nbi")):
        return "compiling the engine, once for this version (a minute or two) ..."
    return ""


def number(value: float, unit: str = "1") -> str:
    """Return a number as people read it: 18.67 M, 46.0 k, 1.206; a dash for a missing one."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if size >= 1e6:
        return f"{value / 1e6:.2f} M"
    if size >= 1e4:
        return f"{value / 1e3:.1f} k"
    if unit in ("1", "share"):
        return f"{value:.3f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}"


def draws_text(folder: Path) -> str:
    """Return the table of a design of draws: each arm and paired difference, with the intervals over draws and runs."""
    import pandas as pd

    from sim.study.design_folder import OF_DRAWS

    table = pd.read_parquet(folder / f"{OF_DRAWS}.parquet")
    chosen = headline(list(dict.fromkeys(table["outcome"])))
    lines = [["outcome", "unit", "of", "mean", "95 % over parameters", "95 % of single runs", "draws > 0"]]
    for name in chosen:
        for row in table[(table["outcome"] == name) & (table["n_draws"] > 0)].to_dict("records"):
            unit = str(row["unit"])
            ends = [number(row[c], unit) for c in ("parameters_low", "parameters_high", "low", "high")]
            of = f"{row['arm']} - {row['baseline']}" if row["baseline"] else str(row["arm"])
            above = f"{row['share_above_0']:.0%}" if row["baseline"] else ""
            lines.append(
                [name, unit, of, number(row["mean"], unit), f"[{ends[0]}, {ends[1]}]", f"[{ends[2]}, {ends[3]}]", above]
            )
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def headline(names: Sequence[str]) -> tuple[str, ...]:
    """Return the outcomes that are told first, of those that a study has and in their order."""
    published = () if "posts_published" in names else (name for name in names if name.startswith("posts_published_"))
    return tuple(name for name in dict.fromkeys((*published, *SHOWN)) if name in names)


def table_text(study: Study, observed: Observed) -> str:
    """Return the table: outcome, observed, every arm, and paired differences with their 95 % intervals."""
    summary: dict[tuple[str, str], Any] = {(s["arm"], s["outcome"]): s for s in study.summary.to_dict("records")}
    contrasts: dict[tuple[str, str], Any] = {(c["arm"], c["outcome"]): c for c in study.contrasts.to_dict("records")}
    others = [arm for arm in study.arms if arm != study.baseline]
    header = ["outcome", "unit", "observed", *study.arms]
    header += [f"{arm} - {study.baseline} (95 % interval)" for arm in others]
    rows = []
    for name in headline([name for _, name in summary]):
        seen = [summary[arm, name] for arm in study.arms if (arm, name) in summary]
        if not seen:
            continue
        unit = str(seen[0]["unit"])
        target = observed.values.get(name)
        row = [name, unit, number(target.value, unit) if target else ""]
        row += [
            number(float(summary[arm, name]["estimate"]), unit) if (arm, name) in summary else "" for arm in study.arms
        ]
        for arm in others:
            c = contrasts.get((arm, name))
            if c is None:
                row.append("")
                continue
            low, high = number(float(c["low"]), unit), number(float(c["high"]), unit)
            row.append(f"{number(float(c['difference']), unit)}  [{low}, {high}]")
        rows.append(row)
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]

    def line(cells: list[str]) -> str:
        first = [cells[0].ljust(widths[0]), cells[1].ljust(widths[1])]
        return "  ".join(first + [c.rjust(w) for c, w in zip(cells[2:], widths[2:], strict=True)]).rstrip()

    n = max((len(study.finished(arm)) for arm in study.arms), default=0)
    note = f"{n} replicate{'s' * (n != 1)}; observed: {observed.label}; counts scaled to real people"
    if n > 1:
        note += "; intervals are pointwise" + " and conditional on one world" * study.is_conditional
    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows), "", note])
