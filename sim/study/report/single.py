"""The report of one study: from a run folder to what the template shows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.settle import settle
from sim.study.report.cautions import cautions
from sim.study.report.outcomes import FEWEST_FOR_REDUCTION, groups, methods, missing_values
from sim.study.report.page import Figure, embedded
from sim.study.report.words import FACTS_AND_ASSUMPTIONS, caption, enumerated, from_name, null_night, plural
from sim.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "command_of",
    "configuration_of",
    "facts_of",
    "manifest_rows",
    "period",
    "runs_of",
    "shared_overrides",
    "study_page",
]

_NAMED = ("summary", "contrasts", "variance_reduction")


def study_page(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template shows of a run folder.

    Parameters
    ----------
    folder, manifest
        A run folder and its manifest.
    """
    tables = {name: read_table(folder / f"{name}.parquet") for name in _NAMED}
    configuration = manifest["configuration"]
    arms, baseline, replicates = list(manifest["arms"]), str(manifest["baseline"]), int(manifest["replicates"])
    # Replicates that finished, by arm; an arm without any stands in no table.
    counts = _finished(tables["summary"], arms)
    observed = configuration["observed"]
    first, further = groups(arms, baseline, tables, observed.get("values") or {}, replicates)
    figures = _figures(folder, manifest, counts)
    study = configuration["study"]
    question = study.get("question")
    return {
        "kind": "study",
        "title": question or f"The {'arm' if len(arms) == 1 else 'arms'} {enumerated(arms)}",
        "subtitle": _against(arms, baseline) if question else "",
        "summary": [
            ("arms", str(len(arms))),
            ("replicates", f"{replicates:,}"),
            ("simulated people", _people(manifest)),
            ("runs that failed", f"{manifest['runs_failed']:,}"),
            ("made", _day(manifest["started"])),
        ],
        "arms": _arms(manifest),
        "shared": shared_overrides(manifest),
        "baseline": baseline,
        "others": [arm for arm in arms if arm != baseline],
        "nulls": [(name, null_night(name)) for name in study["nulls"]],
        "world": study["world"],
        "replicates": replicates,
        "headline": first,
        "further": further,
        "n_further": plural(len(further), "further outcome"),
        "n_values": sum(len(group.rows) for group in (*first, *further)),
        "methods": methods(tables.values()),
        "cautions": cautions([manifest], outcomes_of(tables["summary"])),
        "fewest_pairs": FEWEST_FOR_REDUCTION if _has_few_pairs(tables["variance_reduction"]) else None,
        "observed_label": observed.get("label"),
        "figures": figures,
        "missing": _missing(manifest, tables),
        "failures": manifest["failures"],
        "counts": counts,
        "command": command_of(manifest),
        "manifest": manifest_rows(manifest),
        "hashes": list(manifest["content_hash"].items()),
        "seed": manifest["seed"],
        "model_version": manifest["model_version"],
        "made_by": manifest["version"],
        "commit": manifest.get("git_commit"),
        **facts_of(configuration),
        **configuration_of(configuration),
    }


def _against(arms: Sequence[str], baseline: str) -> str:
    others = [arm for arm in arms if arm != baseline]
    return f"{enumerated(others)}, against {baseline}" if others else f"one arm: {baseline}"


def _finished(summary: pd.DataFrame, arms: Sequence[str]) -> dict[str, int]:
    most = summary.groupby("arm", observed=True)["n"].max()
    return {arm: int(most[arm]) for arm in arms if arm in most.index}


def outcomes_of(summary: pd.DataFrame) -> set[str]:
    """Return the outcomes that have a value in some arm."""
    return set(map(str, summary.loc[summary["estimate"].notna(), "outcome"]))


def _has_few_pairs(reductions: pd.DataFrame) -> bool:
    """Return whether some variance reduction rests on too few pairs to be told."""
    return bool((reductions["variance_reduction"].notna() & (reductions["n"] < FEWEST_FOR_REDUCTION)).any())


def _people(manifest: Mapping[str, Any]) -> str:
    size = manifest["shown"]["population"].get("size")
    return f"{int(size):,}" if size is not None else "as many as are given"


def _day(text: str) -> str:
    moment = _moment(text)
    return f"{moment.day} {moment:%B %Y}" if isinstance(moment, datetime) else text


def _moment(text: Any) -> datetime | str:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)


def period(start: Any, end: Any) -> str:
    """Return a period as people write it; the date once where it is the same."""
    first, last = _moment(start), _moment(end)
    if not (isinstance(first, datetime) and isinstance(last, datetime)):
        return f"{start} to {end}"
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last.day} {last:%B} {last:%H:%M}"
    return f"{first.day} {first:%B %Y} {first:%H:%M} to {until}"


def _arms(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = manifest["configuration"]["study"].get("arms")
    found = []
    for name in manifest["arms"]:
        if given is None:
            is_opened = name == "open" and len(manifest["arms"]) > 1
            words = "as configured, without its throttle" if is_opened else "as configured"
            overrides = []
        else:
            overrides = list(given.get(name) or ())
            words = "" if overrides else "as configured"
        windows = [
            {"channels": ", ".join(map(from_name, channels)), "period": period(start, end), "severity": f"{severity:g}"}
            for start, end, channels, severity in manifest["windows"].get(name) or ()
        ]
        found.append(
            {
                "name": name, "is_baseline": name == manifest["baseline"], "words": words, "overrides": overrides,
                "windows": windows, "is_open": name in manifest["open_arms"], "hash": manifest["content_hash"][name],
            }
        )  # fmt: skip
    return found


def shared_overrides(manifest: Mapping[str, Any]) -> list[str]:
    """Return the overrides of the command that all arms share."""
    return [str(o) for o in manifest["overrides"] if not str(o).lstrip("+~").startswith("study")]


def _figures(folder: Path, manifest: Mapping[str, Any], counts: Mapping[str, int]) -> list[Figure]:
    """Return the standard figures that lie in the folder, in their order."""
    from sim.study.writing import FIGURES

    configuration = manifest["configuration"]
    posting = [name for name, its in manifest["shown"]["channels"].items() if (its.get("posts_per_user_day") or 0) > 0]
    channel = "twitter" if "twitter" in posting else next(iter(posting), None)
    has = {
        "ordinary": "ordinary" in configuration["study"]["nulls"],
        "observed": bool(configuration["observed"].get("totals")),
        "windows": any(manifest["windows"].get(arm) for arm in counts),
        "channel": from_name(channel) if channel else None,
    }
    found = []
    for name in FIGURES:
        path = folder / "figures" / f"{name}.png"
        if path.exists():
            words = caption(name, list(counts), str(manifest["baseline"]), counts, has)
            alt = f"{words.split('. ')[0].rstrip('.')}. The numbers are in the tables of this folder."
            found.append(embedded(path, alt, words))
    return found


def _missing(manifest: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Return what is missing and why, in groups: a heading, what, why."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for outcome, arm, reason in missing_values(tables["summary"], tables["contrasts"]):
        reasons.setdefault(outcome, []).append((arm, reason))
    found = [{"what": outcome, "why": _once(why)} for outcome, why in reasons.items()]
    named = {entry["what"] for entry in found}
    for outcome in manifest["outcomes_missing_null"]:
        if outcome not in named:
            found.append({"what": outcome, "why": "its null night was not run (study.nulls)"})
    for name, why in manifest["figures_left_out"].items():
        found.append({"what": f"figure {name}", "why": why})
    if not manifest["configuration"]["study"].get("figures", True):
        found.append(
            {"what": "all figures", "why": "not asked for (study.figures=false); python -m sim.plot draws them"}
        )
    return found


def _once(reasons: Sequence[tuple[str, str]]) -> str:
    """Return arms and reasons in a row; one that all share stands once, and one that names its arm by itself."""
    plain = dict.fromkeys(reason for _, reason in reasons)
    if len(plain) == 1:
        return next(iter(plain))
    return "; ".join(reason if arm in reason else f"{arm}: {reason}" for arm, reason in reasons)


def command_of(manifest: Mapping[str, Any]) -> str:
    """Return the command that does one job again, quoted for a POSIX shell.

    A job of a sweep was told its overrides by the sweep, or by a launcher on another machine: what the process was called with
    is not what the job did.
    """
    command, overrides = [str(word) for word in manifest["command"]], [str(o) for o in manifest["overrides"]]
    if not all(override in command for override in overrides):
        places = [word for i, word in enumerate(command) if _is_place(word) or (i and _takes_value(command[i - 1]))]
        command = ["python", "-m", "sim", *places, *overrides]
    return shlex.join(command)


def _is_place(word: str) -> bool:
    """Return whether a word says where options are looked for."""
    return word.startswith(("--config-", "hydra.searchpath")) or word in ("-cd", "-cn", "-cp")


def _takes_value(word: str) -> bool:
    return _is_place(word) and "=" not in word


def manifest_rows(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the manifest says of a job, in words."""
    memory = manifest.get("peak_memory_bytes")
    commit = manifest.get("git_commit")
    if commit and str(commit).endswith("-dirty"):
        commit = f"{str(commit).removesuffix('-dirty')}, with changes that it does not hold"
    libraries = ", ".join(f"{name} {number}" for name, number in manifest["libraries"].items())
    rows = {
        "Package": f"{manifest['package']} {manifest['version']}, model version {manifest['model_version']}",
        "Commit of the source": commit or "unknown (not run from a checkout)",
        "Engine": manifest["engine"],
        "Seed": f"{manifest['seed']} (replicate r has the seed {manifest['seed']} + r)",
        "Runs": runs_of([manifest]),
        "Begun": str(manifest["started"]),
        "Time": f"{manifest['wall_seconds']:,.1f} s, of processors {manifest['cpu_seconds']:,.1f} s",
        "Memory": f"{memory / 2**20:,.0f} MiB at most" if memory else None,
        "Libraries": libraries,
        "Platform": manifest["platform"],
    }  # fmt: skip
    return [(name, str(value)) for name, value in rows.items() if value is not None]


def runs_of(manifests: Sequence[Mapping[str, Any]]) -> str:
    """Return how many runs were computed, found in the store, and failed, summed over jobs."""
    computed, reused, failed = (sum(int(m.get(f"runs_{what}") or 0) for m in manifests)
                                for what in ("computed", "reused", "failed"))  # fmt: skip
    return f"{computed:,} computed, {reused:,} found in the store, {failed:,} failed"


def facts_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known and what is assumed: notes, observed values with their sources, dated events with theirs."""
    # The configuration as it was given: what it leaves out of the timeline is no event of the night.
    scenario = settle({"scenario": configuration["scenario"]})["scenario"]
    events = [
        {"time": _written(e.get("time", "")), "what": str(e.get("what", "")), "source": str(e.get("source") or "none given"),
         "confidence": str(e.get("confidence") or "")}
        for e in scenario.get("timeline") or ()
    ]  # fmt: skip
    values = configuration["observed"].get("values") or {}
    return {
        "notes": FACTS_AND_ASSUMPTIONS,
        "observed": [(name, f"{its['value']:,g}" if abs(its["value"]) < 1e6 else f"{its['value']:,.0f}", its["source"])
                     for name, its in values.items()],
        "events": sorted(events, key=lambda event: event["time"]),
        "zone": scenario.get("zone"),
    }  # fmt: skip


def _written(time: object) -> str:
    """Return a moment as the options write it, also one that was shifted."""
    return f"{time:%Y-%m-%d %H:%M:%S}".removesuffix(":00") if isinstance(time, datetime) else str(time)


def configuration_of(configuration: Mapping[str, Any]) -> dict[str, str]:
    """Return the resolved configuration as text."""
    return {"configuration": json.dumps(configuration, indent=2, ensure_ascii=False, default=str)}
