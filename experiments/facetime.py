"""What did the FaceTime call do, and does the throttle change what it does?

Command: ``python -m experiments.facetime`` (a minute on two cores; ``--quick`` tries it with few people). Figures:
docs/figures/facetime.png. Findings: docs/experiments.md.

Four changes of the call in two settings, open and throttled, on the same dice. The interaction is a difference of differences
within replicates: what a change does under the throttle, less what it does where feeds are open.
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
    contrast_rows,
    main,
    table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.measures.intervals import Interval

SIZE = Size(50_000, 16)
WITH = "with"
CHANGES = {
    "without": "no airing, no re-runs",
    "no_call_at_all": "nor the posts that carry it",
    "no_reruns": "the airing alone",
    "hour_earlier": "all of it an hour earlier",
}
SETTINGS = {"open": "open", "throttled": "throttled"}
INTERACTION = "throttled - open"
OUTCOMES = {"participants": "people", "peak_on_squares": "people", "posts_published": "posts"}
WORDS = {"participants": "participants", "peak_on_squares": "largest crowd", "posts_published": "tweets published"}


def effects(outcomes: pd.DataFrame, outcome: str) -> dict[tuple[str, str], Interval]:
    """By setting and change: the paired difference to the night with the call; last the interaction."""
    values = by_arm(outcomes, outcome)
    found = {}
    for change in CHANGES:
        by_setting = {s: {f"{s}_{change}": 1.0, f"{s}_{WITH}": -1.0} for s in SETTINGS}
        for setting, weights in by_setting.items():
            found[setting, change] = combined(values, weights)
        less = {arm: -weight for arm, weight in by_setting["open"].items()}
        found[INTERACTION, change] = combined(values, by_setting["throttled"] | less)
    return found


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folder of the study to findings, sentences and the figure."""
    outcomes = table(folders["facetime_throttle"], "outcomes")
    done, rows = Answer(), []
    for outcome, unit in OUTCOMES.items():
        values, found = by_arm(outcomes, outcome), effects(outcomes, outcome)
        levels = [Finding(f"{s}, with the call", combined(values, {f"{s}_{WITH}": 1.0}), unit) for s in SETTINGS]
        done.findings[WORDS[outcome]] = levels + [
            Finding(f"{CHANGES[change]}, {setting}", interval, unit) for (setting, change), interval in found.items()
        ]
        named = {(setting, CHANGES[change]): interval for (setting, change), interval in found.items()}
        rows.append(contrast_rows(named, ("arm", "night"), "the night with the call", outcome, unit))
    done.figures["facetime"] = draw(pd.concat(rows, ignore_index=True))

    def told(outcome: str, change: str, setting: str) -> str:
        return done.find(WORDS[outcome], f"{CHANGES[change]}, {setting}").told()

    done.text = (
        f"Without the airing and its re-runs {told('participants', 'without', 'throttled')} participants come to the throttled "
        f"night ({told('participants', 'without', 'open')} to the open one), without any post that carries the call either "
        f"{told('participants', 'no_call_at_all', 'throttled')}, without the re-runs alone "
        f"{told('participants', 'no_reruns', 'throttled')}, and with all of it an hour earlier "
        f"{told('participants', 'hour_earlier', 'throttled')}. The throttle changes what the airing and its re-runs do by "
        f"{told('participants', 'without', INTERACTION)} participants (a difference of differences). The doses of the call and "
        "of what competes with it are fitted to totals by hand, and audiences and times of re-runs are assumed."
    )
    return done


def draw(contrasts: pd.DataFrame) -> Figure:
    """Every change in both settings, and the interaction."""
    from sim.study.figures import comparison, figure
    from sim.study.figures.style import spread

    drawing, panels = figure((1.7,) * len(OUTCOMES), width=4.6)
    comparison(panels, contrasts, list(OUTCOMES), by="night")
    return spread(drawing)


EXPERIMENT = Experiment(
    "facetime",
    "What did the FaceTime call do, with and without the throttle?",
    (Asked("facetime_throttle", ("study=facetime_throttle", "study.nulls=[]"), SIZE),),
    answer,
)

if __name__ == "__main__":
    main(EXPERIMENT)
