"""The report of many design points or jobs: from a design folder, or run folders below one, to what the template shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sim.errors import InputError
from sim.study.report.cautions import cautions
from sim.study.report.outcomes import readable
from sim.study.report.page import NAME, Figure, embedded
from sim.study.report.single import (
    command_of,
    configuration_of,
    facts_of,
    manifest_rows,
    runs_of,
    shared_overrides,
)
from sim.study.report.words import caption_of_many, meaning, plural
from sim.study.terminal import headline
from sim.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Job", "design_page", "jobs_below", "sweep_page"]

Job = tuple[str, dict[str, Any]]
"""Where a run folder lies, relative to the sweep's, and its manifest."""

_OF_JOBS = ("overrides", "command", "failures", "arms", "replicates", "runs_computed", "runs_reused", "runs_failed",
            "wall_seconds", "design", "model_version", "git_commit", "seed")  # fmt: skip
"""What the page of a sweep shows of every job, or counts over all of them."""
_MOST = 200
"""Rows that a table of jobs or failed points shows; the page says how many further ones there are."""


def jobs_below(folder: Path) -> list[Job]:
    """Return the finished run folders below a folder, at any depth, in the order of their numbers.

    Of all manifests but the first only what the page of a sweep shows is kept: a large sweep has many.
    """
    from sim.study.gather import gather
    from sim.study.writing import read_manifest

    try:
        places = gather([folder], keep_duplicates=True).folders
    except InputError:
        return []  # no finished run
    found: list[Job] = []
    for place in places:
        manifest = read_manifest(place.path)
        if found:
            question = manifest["configuration"]["study"].get("question")
            manifest = {key: manifest[key] for key in _OF_JOBS if key in manifest}
            manifest["configuration"] = {"study": {"question": question}}
        found.append((place.name, manifest))
    return found


# -- a design


def design_page(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template shows of a design folder.

    Parameters
    ----------
    folder, manifest
        A design folder and its manifest.
    """
    design, configuration = manifest["design"], manifest["configuration"]
    points = read_table(folder / "design.parquet")
    factors = dict(design["factors"])
    failed = points[points["status"] != "finished"]
    question = configuration["study"].get("question")
    replicates = int(manifest["replicates"])
    context = _common(question, [manifest], folder, f"{plural(len(points), 'point')} of a design")
    spread = _spread([folder], "points")
    return context | {
        "cautions": cautions([manifest], _outcomes_of(spread), factors),
        "kind": "design",
        "summary": [
            ("points", f"{len(points):,}"),
            ("factors", str(len(factors))),
            ("arms", str(len(manifest["arms"]))),
            ("replicates", f"{replicates:,}"),
            ("points that failed", f"{len(failed):,}"),
        ],
        "method": _METHODS.get(str(design["method"]), str(design["method"])),
        "design_seed": None if design["method"] == "grid" else design.get("seed"),
        "seeds": _seeds(design),
        "arms": list(manifest["arms"]),
        "baseline": manifest.get("baseline"),
        "factors": [(name, *_factor(its)) for name, its in factors.items()],
        "shared": [o for o in shared_overrides(manifest) if not o.lstrip("+~").startswith("design")],
        "n_points": len(points),
        "remarks": [str(note) for note in manifest.get("notes") or ()],
        "n_failed": len(failed),
        "failed_points": [
            (str(row["point"]), ", ".join(f"{name} = {_plain(row[name])}" for name in factors if name in row),
             str(row["reason"]))
            for row in failed.head(_MOST).to_dict("records")
        ],
        "n_failed_untold": max(0, len(failed) - _MOST),
        "spread": spread,
        "command": command_of(manifest),
        "manifest": manifest_rows(manifest),
        "hashes": list(manifest.get("content_hash", {}).items()),
    }  # fmt: skip


_METHODS = {
    "grid": "Full grid",
    "lhs": "Latin hypercube",
    "sobol": "Sobol's sequence",
    "draws": "Draws of parameters, as a posterior has them",
}


def _factor(its: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a factor ranges over, and how it is divided."""
    if its.get("values") is not None:
        return ", ".join(map(_plain, its["values"])), "these values"
    low, high = its["range"]
    levels = f", {its['levels']} levels" if its.get("levels") else ""
    return f"{_plain(low)} to {_plain(high)}", (its.get("scale") or "linear") + levels + ", whole" * bool(
        its.get("whole")
    )


def _seeds(design: Mapping[str, Any]) -> str:
    """Return which seeds the points use, and which of the points these are."""
    told = {
        "common": "All points use the same seeds, so that they differ only where their parameters make them.",
        "own": "Each point uses seeds of its own.",
    }.get(str(design.get("dice")), "")
    parts = int(design.get("parts") or 1)
    return f"{told} This is part {int(design['part']) + 1} of {parts}.".strip() if parts > 1 else told


def _plain(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


# -- a sweep


def sweep_page(folder: Path, jobs: Sequence[Job]) -> dict[str, Any]:
    """Return what the template shows of a sweep: a folder with run folders below it.

    Parameters
    ----------
    folder, jobs
        Where they lie, and what `jobs_below` returns.
    """
    manifests = [manifest for _, manifest in jobs]
    said = [_words(manifest) for manifest in manifests]
    keys = list(dict.fromkeys(key for words in said for key in words))
    swept = [key for key in keys if len({words.get(key) for words in said}) > 1]
    first = manifests[0]
    questions = dict.fromkeys(m["configuration"]["study"].get("question") for m in manifests)
    question = " ".join(filter(None, questions)) or None
    shared = [f"{key}={said[0][key]}" for key in keys if key not in swept and key in said[0]]
    whole = next((m["command"] for m in manifests if {"-m", "--multirun"} & set(map(str, m["command"][3:]))), None)
    failures = [(place, failure) for place, manifest in jobs for failure in manifest.get("failures") or ()]
    spread = _spread([folder / place for place, m in jobs if not m.get("design")], "jobs")
    return _common(question, manifests, folder, f"{plural(len(jobs), 'job')} of a sweep") | {
        "cautions": cautions(manifests, _outcomes_of(spread), swept),
        "kind": "sweep",
        "summary": [
            ("jobs", f"{len(jobs):,}"),
            ("swept parameters", str(len(swept))),
            ("runs that failed", f"{sum(int(m.get('runs_failed') or 0) for m in manifests):,}"),
        ],
        "swept": swept,
        "shared": [o for o in shared if not o.startswith("study")],
        "jobs": [
            {
                "place": place, "link": quote(f"{place}/{NAME}") if (folder / place / NAME).exists() else None,
                "values": [words.get(key, "\N{EN DASH}") for key in swept], "arms": ", ".join(manifest["arms"]),
                "replicates": f"{manifest['replicates']:,}",
                "runs": [f"{int(manifest.get(f'runs_{what}') or 0):,}" for what in ("computed", "reused", "failed")],
                "command": command_of(manifest),
            }
            for (place, manifest), words in zip(jobs[:_MOST], said[:_MOST], strict=True)
        ],
        "n_untold": max(0, len(jobs) - _MOST),
        "failures": failures[:_MOST],
        "n_failures_untold": max(0, len(failures) - _MOST),
        "spread": spread,
        "command": shlex.join(map(str, whole)) if whole else None,
        "manifest": [
            ("Runs", runs_of(manifests)),
            ("Time", f"{sum(m['wall_seconds'] for m in manifests):,.1f} s, summed over the jobs"),
            *[row for row in manifest_rows(first) if row[0] in ("Package", "Commit of the source", "Engine", "Libraries")],
        ],
        "is_one_version": len({(m["model_version"], m.get("git_commit")) for m in manifests}) == 1,
    }  # fmt: skip


def _words(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the overrides of a job by their key."""
    pairs = (str(o).lstrip("+").partition("=") for o in manifest.get("overrides") or ())
    return {key: value for key, sign, value in pairs if sign}


# -- both


def _common(question: str | None, manifests: Sequence[Mapping[str, Any]], folder: Path, title: str) -> dict[str, Any]:
    """Return what the pages of designs and sweeps share; figures are those that lie in the folder."""
    first = manifests[0]
    counts = sorted({int(m["replicates"]) for m in manifests})
    replicates = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return {
        "title": question or title,
        "subtitle": title if question else "",
        "figures": _figures(folder / "figures", title, replicates),
        "seed": first["seed"],
        "model_version": first["model_version"],
        "made_by": first["version"],
        "commit": first.get("git_commit"),
        **facts_of(first["configuration"]),
        **configuration_of(first["configuration"]),
    }


def _figures(folder: Path, of: str, replicates: str) -> list[Figure]:
    found = []
    kinds = ("response", "map", "comparison")
    order = {kind: place for place, kind in enumerate(kinds)}
    for path in sorted(folder.glob("*.png"), key=lambda p: (order.get(p.stem.partition("_")[0], len(kinds)), p.name)):
        words = caption_of_many(path.stem, of, replicates)
        found.append(embedded(path, f"{words.split('. ')[0]}. The numbers are in the tables of this folder.", words))
    return found


def _spread(folders: Sequence[Path], over: str) -> dict[str, Any]:
    """Return least, median and most of headline estimates and differences over points or jobs, as text."""
    import pandas as pd

    found: dict[tuple[str, str], dict[str, Any]] = {}
    torn: list[str] = []
    for table, what in (("summary", "estimate"), ("contrasts", "difference")):
        paths = [path for folder in folders if (path := folder / f"{table}.parquet").exists()]
        parts = []
        for path in paths:
            try:
                parts.append(_headline_of(path, what))
            except InputError:  # a damaged table costs itself only, and is told
                torn.append(f"{path.parent.name}/{path.name}")
        parts = [part for part in parts if not part.empty]
        if not parts:
            continue
        whole = pd.concat(parts, ignore_index=True)
        kept = whole[whole[what].notna()].groupby(["outcome", "arm"], sort=False, observed=True)
        stats = kept[what].agg(["min", "median", "max", "count"]).join(kept["unit"].first()).reset_index()
        for s in stats.to_dict("records"):
            cells = [readable(float(s[name]), str(s["unit"])) for name in ("min", "median", "max")]
            found.setdefault((str(s["outcome"]), str(s["arm"])), {})[what] = [*cells, f"{int(s['count']):,}"]
    order = headline([outcome for outcome, _ in found])
    groups = {outcome: [(arm, its) for (of, arm), its in found.items() if of == outcome] for outcome in order}
    return {
        "over": over,
        "torn": torn,
        "groups": [(outcome, meaning(outcome), rows) for outcome, rows in groups.items()],
    }


def _outcomes_of(spread: Mapping[str, Any]) -> set[str]:
    """Return the headline outcomes that have a value somewhere."""
    return {outcome for outcome, _, rows in spread["groups"] if any("estimate" in its for _, its in rows)}


def _headline_of(path: Path, what: str) -> pd.DataFrame:
    """Return arm, outcome, unit and a number of the headline outcomes; a large design's table has much more."""
    import pandas as pd
    import pyarrow.parquet as pq

    try:
        names = pq.read_table(path, columns=["outcome"], read_dictionary=["outcome"])["outcome"].unique().to_pylist()
        wanted = list(headline([str(name) for name in names]))
        if not wanted:
            return pd.DataFrame()
        return pd.read_parquet(path, columns=["arm", "outcome", "unit", what], filters=[("outcome", "in", wanted)])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path} cannot be read ({error}); expected a whole table: write it again.") from error
