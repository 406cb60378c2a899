"""What are the dip and the rebound of posts made of: sleep, leaving, throttling and backlog, the wish to share the victory?

Command: ``python -m experiments.dips_and_rebounds`` (70 seconds on two cores; ``--quick`` tries it with few people).
Figures: docs/figures/dips_and_rebounds.png. Findings: docs/experiments.md.

Nights on the same dice that differ by one thing each stand in a row, from the ordinary one to the night as it was. The dip is
the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, the rebound their rise from there to 12:00-18:00; beside them
stands the level of 02:00-05:00, as many have left already when the fall begins. What a thing does is the difference between two
nights of the row, so the parts add up to the whole in every replicate. How large a part is depends on what stands before it in
the row; for absence, the other order is given, too. Sleep stops a share of whatever is posted, so that of a fall in tweets per
hour the ordinary night has little; the text gives falls in proportion beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pandas as pd

from experiments.asking import Answer, Asked, Experiment, Finding, Size, compare_in_panels, contrast_rows, main, table
from sim.config import compose_tree, scenario_of
from sim.measures.intervals import mean_t
from sim.measures.ratios import ratio_jackknife

SIZE = Size(50_000, 16)
Night = tuple[str, str]
"""Arm of the study dips_and_rebounds, and null night."""
ROW: dict[str, Night] = {
    "the ordinary night (sleep and waking)": ("plain", "ordinary"),
    "news and calls, nobody leaves": ("plain", "stay_home"),
    "what people say when others leave": ("plain", "keyboard"),
    "absence of those who left": ("plain", ""),
    "throttle, failed posts lost": ("lost", ""),
    "backlog, failed posts tried again": ("tried_again", ""),
    "wish to share the victory": ("victory", ""),
    "mass text": ("full", ""),
}
"""What each night adds to the one before it; the first is compared with nothing."""
ORDINARY, TALK, _, ABSENCE, THROTTLE, BACKLOG, VICTORY, TEXT = ROW
OTHER_ORDER = "absence, taken from the night as it was"
DIP, LEVEL, REBOUND = (
    "dip: fall of tweets per hour to 04:00-06:00",
    "tweets per hour, 02:00-05:00",
    "rebound: rise of tweets per hour to 12:00-18:00",
)


def rates(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tweets per hour before the dip, in it, of those who left, and after it: a row for each replicate, a column a night."""
    scenario = scenario_of(compose_tree([]))
    windows = scenario.scenario.accounting
    assert windows is not None
    nights = table(folder, "curves").assign(null="")
    both = pd.concat([nights, table(folder, "nulls")], ignore_index=True)
    both = both[both["curve"] == "published_twitter"]
    zone = scenario.scenario.zone

    def rate(window: tuple[datetime, datetime]) -> pd.DataFrame:
        first, last = (pd.Timestamp(moment).tz_localize(zone) for moment in window)
        within = both[(both["time"] >= first) & (both["time"] < last)]
        posts = within.groupby(["arm", "null", "replicate"], observed=True)["value"].sum()
        return posts.unstack(["arm", "null"]) / ((last - first).total_seconds() / 3600)

    return rate(windows.dip_before), rate(windows.dip), rate(windows.leaving), rate(windows.returning)


def per_hour(folder: Path) -> dict[str, pd.DataFrame]:
    """By what is looked at, tweets per hour or their change: a row for each replicate and a column for each night."""
    before, dip, leaving, after = rates(folder)
    return {DIP: before - dip, LEVEL: leaving, REBOUND: after - dip}


def fall(folder: Path, night: Night) -> str:
    """The fall of a night in proportion to its own level before the dip, in words."""
    before, dip, *_ = rates(folder)
    share = ratio_jackknife((before - dip)[night], before[night], min_denominator=0)
    return f"{100 * share.estimate:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def parts_of(changes: pd.DataFrame) -> pd.DataFrame:
    """What each thing adds, a row for each replicate; the sum of a row is that of the night as it was."""
    nights = [changes[night] for night in ROW.values()]
    steps = [nights[0], *(later - earlier for earlier, later in pairwise(nights))]
    return pd.concat(dict(zip(ROW, steps, strict=True)), axis=1)


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folder of the study to findings, sentences and the figure."""
    done, rows, told = Answer(), [], {}
    folder = folders["dips_and_rebounds"]
    for name, nights in per_hour(folder).items():
        parts, whole = parts_of(nights), nights["full", ""]
        found = {what: mean_t(parts[what]) for what in ROW}
        for what in ROW:
            share = ratio_jackknife(parts[what], whole, min_denominator=0)
            told[name, what] = f"{100 * share.estimate:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"
        other = mean_t(whole - nights["full", "keyboard"])
        done.findings[name] = [
            Finding("the night as it was", mean_t(whole), "posts"),
            *(Finding(what, interval, "posts", told[name, what]) for what, interval in found.items()),
            Finding(OTHER_ORDER, other, "posts"),
        ]
        keyed = {(what,): interval for what, interval in found.items()}
        rows.append(contrast_rows(keyed, ("arm",), "the row above", name, "tweets per hour"))
    done.figures["dips_and_rebounds"] = compare_in_panels(
        pd.concat(rows, ignore_index=True), [DIP, LEVEL, REBOUND], 2.0
    )
    done.text = (
        f"Of the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, the ordinary night's own is {told[DIP, ORDINARY]}, "
        f"that of what news and calls add {told[DIP, TALK]}, absence {told[DIP, ABSENCE]}; the throttle, which had "
        f"kept the hour before it lower, {told[DIP, THROTTLE]}, and backlog {told[DIP, BACKLOG]}. In proportion to its own "
        f"level before, the ordinary night falls by {fall(folder, ROW[ORDINARY])}, the night as it was by "
        f"{fall(folder, ROW[TEXT])}: sleep ends also what news and calls add, and parts that add "
        f"up count that as theirs. Of the level of 02:00-05:00, "
        f"absence is {told[LEVEL, ABSENCE]}. Of the rise to 12:00-18:00, the ordinary day is {told[REBOUND, ORDINARY]}, "
        f"news and calls {told[REBOUND, TALK]}, absence {told[REBOUND, ABSENCE]}, the wish to share the victory "
        f"{told[REBOUND, VICTORY]} and the mass text {told[REBOUND, TEXT]}. Sleep, the coverage on Saturday and the wish are "
        "assumed, and each part is what it is after those before it."
    )
    return done


EXPERIMENT = Experiment(
    "dips_and_rebounds",
    "What are the dip and the rebound of posts made of?",
    (Asked("dips_and_rebounds", ("study=dips_and_rebounds",), SIZE),),
    answer,
)

if __name__ == "__main__":
    main(EXPERIMENT)
