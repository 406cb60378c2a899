"""What did the FaceTime call do, and does the throttle change what it does?

Command: ``python -m experiments.facetime`` (45 seconds on two cores; ``--quick`` tries it with few people). Figures:
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
    compare_in_panels,
    contrast_rows,
    held_at,
    main,
    table,
)
from sim.measures.ratios import paired_ratio_jackknife, ratio_jackknife

if TYPE_CHECKING:
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
LEGEND = {INTERACTION: "difference of differences: throttled \N{MINUS SIGN} open"}
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
        named = {(LEGEND.get(setting, setting), CHANGES[change]): i for (setting, change), i in found.items()}
        rows.append(contrast_rows(named, ("arm", "night"), "the night with the call", outcome, unit))
    done.figures["facetime"] = compare_in_panels(pd.concat(rows, ignore_index=True), list(OUTCOMES), 1.7, by="night")

    participants = by_arm(outcomes, "participants")

    def relative(setting: str) -> str:
        level = participants[f"{setting}_{WITH}"]
        share = ratio_jackknife(participants[f"{setting}_without"] - level, level, min_denominator=0)
        return f"{100 * share.estimate:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"

    sides = [
        (participants[f"{s}_without"] - participants[f"{s}_{WITH}"], participants[f"{s}_{WITH}"]) for s in SETTINGS
    ]
    shift = paired_ratio_jackknife(*sides[1], *sides[0], min_denominator=0)

    def told(outcome: str, change: str, setting: str) -> str:
        return done.find(WORDS[outcome], f"{CHANGES[change]}, {setting}").told()

    done.text = (
        "Against the throttled night with the call, participants differ by "
        f"{told('participants', 'without', 'throttled')} without the airing and its re-runs "
        f"({told('participants', 'without', 'open')} where feeds are open), by "
        f"{told('participants', 'no_call_at_all', 'throttled')} if the posts that carry the call are missing, too, by "
        f"{told('participants', 'no_reruns', 'throttled')} without only the re-runs, and by "
        f"{told('participants', 'hour_earlier', 'throttled')} with all of it an hour earlier. Throttled less open, the "
        f"first of these differences is {told('participants', 'without', INTERACTION)} (a difference of differences; above 0, "
        "the call brings out fewer where feeds are throttled). As a share of those who come with the call it is "
        f"{relative('throttled')} throttled and {relative('open')} open, throttled less open "
        f"{100 * shift.estimate:.2f} percentage points [{100 * shift.low:.2f}, {100 * shift.high:.2f}]. All of this holds at "
        f"{held_at()} only, and the level of participants has no datum. The doses of the call and of what competes with it are "
        "fitted to totals by hand; audiences and times of the re-runs are assumed."
    )
    done.short = (
        "*The FaceTime call.* Without the airing and its re-runs participants differ by "
        f"{told('participants', 'without', 'throttled')} in the throttled night and {told('participants', 'without', 'open')} "
        f"in the open one, with all of it an hour earlier by {told('participants', 'hour_earlier', 'throttled')} in the "
        f"throttled one. This holds at {held_at()} only, and the level of participants has no datum. Doses are fitted to "
        "totals by hand; the re-runs are assumed."
    )
    return done


EXPERIMENT = Experiment(
    "facetime",
    "What did the FaceTime call do, with and without the throttle?",
    (Asked("facetime_throttle", ("study=facetime_throttle", "study.nulls=[]"), SIZE),),
    answer,
)

if __name__ == "__main__":
    main(EXPERIMENT)
