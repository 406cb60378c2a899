"""The run folder of a study: its tables, its figures, and what its manifest says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.scenario import Scenario
from sim.study.run import Study
from sim.study.writing import TABLES, UNFINISHED, Clockwork, Parts, put_parts, put_table, write_parts
from sim.timeline import is_below

if TYPE_CHECKING:
    import pandas as pd

    from sim.config import Observed, Plan
    from sim.study.figures import Marks
    from sim.study.figures.marks import Window

Windows = Sequence[tuple[Any, Any, list[str], float]]
"""Start, end, channels and severity of throttle windows."""

__all__ = ["draw_figures", "marked_windows", "marks_of", "open_arms", "provinces_table", "windows_of", "write_folder"]


def windows_of(scenario: Scenario) -> Windows:
    """Return start, end, channels and severity of the throttle windows, as the manifest keeps them."""
    clock, windows = scenario.clock, scenario.throttle.windows
    return [(clock.moment(clock.tick(w.start)), clock.moment(clock.tick(w.end)), list(w.channels), w.severity)
            for w in windows]  # fmt: skip


def marked_windows(windows: Windows) -> tuple[Window, ...]:
    """Return windows, of a scenario or of a manifest, as the figures mark them."""
    import pandas as pd

    from sim.study.figures.style import channel_name

    return tuple((pd.Timestamp(start), pd.Timestamp(end), f"throttle ({', '.join(map(channel_name, channels))})", severity)
                 for start, end, channels, severity in windows)  # fmt: skip


def marks_of(scenario: Scenario, observed: Observed) -> Marks:
    """Return what the figures mark: the night's bounds, throttle windows, calls, observed totals."""
    import pandas as pd

    from sim.study.figures import Marks

    clock = scenario.clock

    def moment(time: datetime) -> pd.Timestamp:
        return pd.Timestamp(clock.moment(clock.tick(time)))

    marked = {"facetime": "FaceTime call", "mass_text": "mass text"}
    calls = [(moment(e.time), label) for e in scenario.scenario.timeline
             for tag, label in marked.items() if is_below(e.tag, tag)]  # fmt: skip
    first = {label: time for time, label in sorted(calls, reverse=True)}
    return Marks(
        start=pd.Timestamp(clock.start),
        end=pd.Timestamp(clock.end),
        windows=marked_windows(windows_of(scenario)),
        calls=tuple((time, label) for label, time in sorted(first.items(), key=lambda item: item[1])),
        observed=tuple((moment(t.start), moment(t.end), t.posts, t.label)
                       for t in observed.totals),
        zone=scenario.scenario.zone,
    )  # fmt: skip


def provinces_table(scenario: Scenario) -> pd.DataFrame:
    """Return columns province, latitude, longitude, population."""
    import pandas as pd

    p = scenario.population.places
    return pd.DataFrame(
        {"province": p.names, "latitude": p.latitudes, "longitude": p.longitudes, "population": p.populations}
    )


def open_arms(study: Study) -> list[str]:
    """Return the arms without a throttle."""
    return [arm for arm, scenario in study.arms.items() if scenario.throttle.is_none]


def draw_figures(
    folder: Path,
    tables: Mapping[str, pd.DataFrame],
    scenario: Scenario,
    observed: Observed,
    baseline: str,
    open_: list[str],
    windows: Mapping[str, Windows],
    compared: Sequence[str] | None = None,
) -> dict[str, str]:
    """Draw the standard figures into `folder` from the tables of a study; return what was left out, and why.

    `windows` are each arm's, as `windows_of` gives them or a manifest keeps them; `compared` the outcomes of the comparison
    of arms, the headlines unless given.
    """
    from sim.measures.outcomes import main_channel
    from sim.study.figures import write_all

    finished = set(tables["curves"]["arm"].unique())
    if not finished:
        return {"figures": "no arm has a finished run"}
    written = write_all(
        folder, tables["curves"], tables["nulls"], tables["squares"], tables["outcomes"], provinces_table(scenario),
        marks_of(scenario, observed), baseline=baseline if baseline in finished else None, open_arms=open_,
        windows={name: marked_windows(its) for name, its in windows.items()} or None, channel=main_channel(scenario),
        contrasts=tables["contrasts"], summary=tables["summary"], compared=compared,
    )  # fmt: skip
    return dict(written.skipped)


def write_folder(
    folder: Path,
    study: Study,
    plan: Plan,
    configuration: Mapping[str, Any],
    overrides: Sequence[str],
    clockwork: Clockwork,
    of_job: Collection[str],
) -> dict[str, str]:
    """Write tables, figures, manifest and report of a study as `write_parts` does; return what was left out, and why."""
    tables = {name: getattr(study, name) for name in TABLES if name != "curves"}
    shown = study.arms[next((arm for arm in study.arms if arm != study.baseline), study.baseline)]

    def write(place: Path) -> None:
        put_parts(place / "curves.parquet", study.curves_by_run())
        for name, table in tables.items():
            put_table(place / (UNFINISHED if name == "outcomes" else f"{name}.parquet"), table)

    def draw(place: Path) -> dict[str, str]:
        from sim.study.figures import curves_shown

        windows = {name: windows_of(each) for name, each in study.arms.items()}
        tables["curves"] = study.curves_of(curves_shown)
        return draw_figures(place / "figures", tables, shown, plan.observed, study.baseline, open_arms(study), windows)

    def about() -> dict[str, Any]:
        return _about(study) | {"shown": shown.model_dump(mode="json")}

    parts = Parts(write, draw, about, "runs")
    return write_parts(folder, parts, plan, configuration, overrides, clockwork, of_job)


def _about(study: Study) -> dict[str, Any]:
    """Return what the manifest says of a study."""
    return {
        "content_hash": {arm: scenario.content_hash for arm, scenario in study.arms.items()},
        "arms": list(study.arms),
        "baseline": study.baseline,
        "open_arms": open_arms(study),
        "windows": {name: windows_of(each) for name, each in study.arms.items()},
        "replicates": study.replicates,
        "runs_computed": study.n_computed,
        "runs_reused": study.n_reused,
        "runs_failed": len(study.failures),
        "failures": [vars(f) for f in study.failures],
    }
