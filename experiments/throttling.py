"""What did throttling do to turnout and to posting: by how strong it was, and by when it began?

Command: ``python -m experiments.throttling`` (100 seconds on two cores; ``--quick`` tries it with few people).
Figures: docs/figures/{throttling_severity,throttling_start}.png. Findings: docs/experiments.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from experiments.asking import (
    Answer,
    Asked,
    Experiment,
    Finding,
    Size,
    by_arm,
    combined,
    difference,
    held_at,
    main,
    table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = Size(50_000, 16)
OUTCOMES = {"participants": "people", "posts_published": "posts"}
UNTIL, AS_LONG = "until 01:00", "for 130 minutes"
OPEN = "open"


def by_severity(folder: Path) -> pd.DataFrame:
    """Contrasts to the open night with a column of the severity."""
    found = table(folder, "contrasts")
    return found.assign(severity=found["arm"].str.removeprefix("severity_").astype(float), arm="throttled")


def by_start(until: Path, as_long: Path) -> pd.DataFrame:
    """Contrasts to the open night with a column of when the throttle begins, of both ways to move it."""
    parts = [table(folder, "contrasts").assign(how=how) for folder, how in ((until, UNTIL), (as_long, AS_LONG))]
    found = pd.concat(parts, ignore_index=True)
    clock = found["arm"].str.removeprefix("from_")
    return found.assign(start=clock.str[:2] + ":" + clock.str[2:], arm=found["how"]).drop(columns="how")


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folders of the studies to findings, sentences and figures."""
    severity, start = by_severity(folders["severity"]), by_start(folders["starts"], folders["starts_same_length"])
    outcomes = table(folders["severity"], "outcomes")
    found: dict[str, list[Finding]] = {}
    for outcome, unit in OUTCOMES.items():
        words = {"participants": "participants", "posts_published": "tweets published in the two days"}[outcome]
        rows = [Finding("open night", combined(by_arm(outcomes, outcome), {OPEN: 1}), unit)]
        contrasts = table(folders["severity"], "contrasts")
        for value in sorted(severity["severity"].unique()):
            rows.append(
                Finding(f"severity {value:g} - open", difference(contrasts, f"severity_{value:g}", outcome), unit)
            )
        for how, name in ((UNTIL, "starts"), (AS_LONG, "starts_same_length")):
            contrasts = table(folders[name], "contrasts")
            for arm in contrasts["arm"].unique():
                clock = f"{arm.removeprefix('from_')[:2]}:{arm[-2:]}"
                rows.append(Finding(f"from {clock} {how} - open", difference(contrasts, arm, outcome), unit))
        found[words] = rows
    done = Answer(
        found, figures={"throttling_severity": severity_figure(severity), "throttling_start": start_figure(start)}
    )
    people, posts = found["participants"], found["tweets published in the two days"]

    def told(rows: list[Finding], what: str) -> str:
        return next(row for row in rows if row.what == what).told()

    last = "severity 1 - open"
    early = f"from 22:00 {UNTIL} - open"
    late = f"from 00:30 {UNTIL} - open"
    lasting = [told(people, f"from {clock} {AS_LONG} - open") for clock in ("22:00", "22:50", "00:30")]
    done.text = (
        f"A blackout over the throttle's window changes participants by {told(people, last)} (the open night has "
        f"{told(people, 'open night')}) and tweets of the two days by {told(posts, last)} (of {told(posts, 'open night')}). As "
        f"strong as it was fitted and until 01:00, a throttle from 22:00 on changes them by {told(people, early)} and "
        f"{told(posts, early)}, one from 00:30 on by {told(people, late)} and {told(posts, late)}; a later one is shorter. "
        "As long "
        f"as it was (130 minutes), it changes participants by {lasting[0]} from 22:00 on, {lasting[1]} from 22:50 on and "
        f"{lasting[2]} from 00:30 on. All of this holds at {held_at()}, which no datum constrains: a push can turn the sign of "
        "the effect on turnout, and substitution shifts where (the map of both stands under Cutting people off)."
    )
    done.short = (
        f"*Throttling.* A blackout over the throttle's window changes participants by {told(people, last)} (open night: "
        f"{told(people, 'open night')}) and tweets of the two days by {told(posts, last)}, at {held_at()}, which no "
        "datum constrains: a push can turn the sign of the effect on turnout, and substitution shifts where."
    )
    return done


def severity_figure(contrasts: pd.DataFrame) -> Figure:
    """Turnout and posting over the severity."""
    from sim.study.figures import dose_response, figure
    from sim.study.figures.style import spread

    drawing, panels = figure((1.9, 1.9))
    for panel, outcome in zip(panels, OUTCOMES, strict=True):
        dose_response(panel, contrasts, "severity", outcome, legend=panel is panels[-1])
        panel.set_xlabel("severity of the throttle from 22:50 to 01:00 (probability)")
    return spread(drawing)


def start_figure(contrasts: pd.DataFrame) -> Figure:
    """Turnout and posting over the start."""
    from sim.study.figures import dose_response, figure
    from sim.study.figures.style import spread

    drawing, panels = figure((1.9, 1.9))
    for panel, outcome in zip(panels, OUTCOMES, strict=True):
        dose_response(panel, contrasts, "start", outcome, legend=panel is panels[-1])
        panel.set_xlabel("begin of the throttle (local time)")
    return spread(drawing)


EXPERIMENT = Experiment(
    "throttling",
    "What did throttling do to turnout and to posting?",
    tuple(Asked(name, (f"study={name}",), SIZE) for name in ("severity", "starts", "starts_same_length")),
    answer,
)

if __name__ == "__main__":
    main(EXPERIMENT)
