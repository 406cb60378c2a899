"""What are the dip and the rebound of posts made of: sleep, leaving, throttling and backlog, the wish to share the victory?

Command: ``python -m experiments.dips_and_rebounds`` (a minute and a half on two cores; ``--quick`` tries it with few people).
Figures: docs/figures/dips_and_rebounds.png. Findings: docs/experiments.md.

Nights on the same dice that differ by one thing each stand in a row, from the ordinary one to the night as it was. The dip is
the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, the rebound their rise from there to 12:00-18:00, as windows of the
scenario. What a thing does is the difference between two nights of the row, so the parts add up to the whole in every
replicate. How large a part is depends on what stands before it in the row; for leaving, the other order is given, too.
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
    "sleep (the ordinary night)": ("plain", "ordinary"),
    "news and calls, nobody leaves": ("plain", "stay_home"),
    "what people say when others leave": ("plain", "keyboard"),
    "absence of those who left": ("plain", ""),
    "throttle, failed posts lost": ("lost", ""),
    "backlog, failed posts tried again": ("tried_again", ""),
    "wish to share the victory": ("victory", ""),
    "mass text": ("full", ""),
}
"""What each night adds to the one before it; the first is compared with nothing."""
ABSENCE, OTHER_ORDER = "absence of those who left", "absence, in the night as it was"
CHANGES = {"dip": "fall", "rebound": "rise"}


def per_hour(folder: Path) -> dict[str, pd.DataFrame]:
    """By dip and rebound: the change of tweets per hour, a row for each replicate and a column for each night."""
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

    before, dip, after = (rate(window) for window in (windows.dip_before, windows.dip, windows.returning))
    return {"dip": before - dip, "rebound": after - dip}


def parts_of(changes: pd.DataFrame) -> pd.DataFrame:
    """What each thing adds, a row for each replicate; the sum of a row is the change of the night as it was."""
    nights = [changes[night] for night in ROW.values()]
    steps = [nights[0], *(later - earlier for earlier, later in pairwise(nights))]
    return pd.concat(dict(zip(ROW, steps, strict=True)), axis=1)


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folder of the study to findings, sentences and the figure."""
    done, rows, told = Answer(), [], {}
    for name, changes in per_hour(folders["dips_and_rebounds"]).items():
        parts, whole = parts_of(changes), changes["full", ""]
        other = changes["full", ""] - changes["full", "keyboard"]
        heading = f"{name}: {CHANGES[name]} of tweets per hour"
        done.findings[heading] = [Finding("the night as it was", mean_t(whole), "posts")]
        for what in ROW:
            share = ratio_jackknife(parts[what], whole, min_denominator=0)
            told[name, what] = f"{share.estimate:.0%} [{share.low:.0%}, {share.high:.0%}]"
            done.findings[heading].append(Finding(what, mean_t(parts[what]), "posts", told[name, what]))
        done.findings[heading].append(Finding(OTHER_ORDER, mean_t(other), "posts"))
        found = {(what,): mean_t(parts[what]) for what in ROW}
        outcome = f"{CHANGES[name]}_of_tweets_per_hour_({name})"
        rows.append(contrast_rows(found, ("arm",), "the night before in the row", outcome, "tweets"))
    contrasts = pd.concat(rows, ignore_index=True)
    done.figures["dips_and_rebounds"] = compare_in_panels(contrasts, list(dict.fromkeys(contrasts["outcome"])), 2.0)
    words = ("sleep is", "news and calls", "what people say when others leave", "absence", "the throttle", "backlog")
    of_dip = [f"{word} {told['dip', what]}" for word, what in zip(words, ROW, strict=False)]
    done.text = (
        f"Of the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, {', '.join(of_dip)}. Of the rise from there to "
        f"12:00-18:00, the ordinary day accounts for {told['rebound', 'sleep (the ordinary night)']}, news and calls for "
        f"{told['rebound', 'news and calls, nobody leaves']}, absence for {told['rebound', ABSENCE]}, the wish to share the "
        f"victory for {told['rebound', 'wish to share the victory']} and the mass text for {told['rebound', 'mass text']}. "
        "Sleep, the day's rhythm, the coverage on Saturday and the wish are assumed, and each part is what it is after those "
        "before it."
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
