"""What are the dip and the rebound of posts made of: sleep, leaving, throttling and backlog, the wish to share the victory?

Command: ``python -m experiments.dips_and_rebounds`` (two minutes on two idle cores; ``--quick`` tries it with few people).
Figures: docs/figures/dips_and_rebounds.png. Findings: docs/experiments.md.

Nights on the same dice that differ by one thing each stand in a row, from an ordinary one in which nobody sleeps to the night
as it was. The dip is the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, the rebound their rise from there to
12:00-18:00; beside them stands the level of 02:00-05:00, as many have left already when the fall begins. What a thing does is
the difference between two nights of the row, so the parts add up to the whole in every replicate. How large a part is depends
on what stands before it in the row: there are two rows, one in which people leave before anything is throttled, and one in
which they leave after throttle and backlog. The wish to share the victory acts on those who return, and stands behind leaving
in both. Of the many other orders none is tried. Sleep stops a share of whatever is posted, in the hour before the dip as well,
so the text gives falls in proportion beside parts in tweets per hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from experiments.asking import Answer, Asked, Experiment, Finding, Size, compare_in_panels, contrast_rows, main, table
from sim.config import compose_tree, scenario_of
from sim.measures.intervals import Interval, mean_t, missing
from sim.measures.ratios import paired_ratio_jackknife, ratio_jackknife

SIZE = Size(50_000, 16)
Night = tuple[str, str]
"""Arm of the study dips_and_rebounds, and null night."""
CYCLE, SLEEP, TALK, SEEN, ABSENCE, THROTTLE, BACKLOG, VICTORY, TEXT = THINGS = (
    "the daily cycle of people awake",
    "sleep",
    "news and calls, nobody leaves",
    "what people say when others leave",
    "absence of those who left",
    "throttle, failed posts lost",
    "backlog, failed posts tried again",
    "wish to share the victory",
    "mass text",
)
LEAVING_FIRST, LEAVING_LATER = ROWS = ("people leave before the throttle", "people leave after throttle and backlog")
AWAKE, ORDINARY, AS_IT_WAS = ("awake", "ordinary"), ("plain", "ordinary"), ("full", "")
NIGHTS: dict[str, dict[str, Night]] = {
    LEAVING_FIRST: {
        CYCLE: AWAKE,
        SLEEP: ORDINARY,
        TALK: ("plain", "stay_home"),
        SEEN: ("plain", "keyboard"),
        ABSENCE: ("plain", ""),
        THROTTLE: ("lost", ""),
        BACKLOG: ("tried_again", ""),
        VICTORY: ("victory", ""),
        TEXT: AS_IT_WAS,
    },
    LEAVING_LATER: {
        CYCLE: AWAKE,
        SLEEP: ORDINARY,
        TALK: ("plain", "stay_home"),
        THROTTLE: ("lost", "stay_home"),
        BACKLOG: ("tried_again", "stay_home"),
        SEEN: ("tried_again", "keyboard"),
        ABSENCE: ("tried_again", ""),
        VICTORY: ("victory", ""),
        TEXT: AS_IT_WAS,
    },
}
"""Of each row, what every night adds to the one before it; the first is compared with nothing."""
DIP, LEVEL, REBOUND = LOOKED_AT = (
    "dip: fall of tweets per hour to 04:00-06:00",
    "tweets per hour, 02:00-05:00",
    "rebound: rise of tweets per hour to 12:00-18:00",
)
SHORT = dict(zip(LOOKED_AT, ("dip", "level", "rebound"), strict=True))


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


def fall(folder: Path, night: Night) -> Interval:
    """The fall of a night in proportion to its own level before the dip."""
    before, dip, *_ = rates(folder)
    return ratio_jackknife((before - dip)[night], before[night], min_denominator=0)


def fall_apart(folder: Path, night: Night, other: Night) -> Interval:
    """By how much a night falls further than another, each in proportion to its own level, on the same dice."""
    before, dip, *_ = rates(folder)
    falls = before - dip
    return paired_ratio_jackknife(falls[night], before[night], falls[other], before[other], min_denominator=0)


def parts_of(changes: pd.DataFrame, row: str) -> pd.DataFrame:
    """What each thing adds in one of the rows, a row for each replicate; their sum is that of the night as it was."""
    nights = [changes[night] for night in NIGHTS[row].values()]
    steps = [nights[0], *(later - earlier for earlier, later in pairwise(nights))]
    return pd.concat(dict(zip(NIGHTS[row], steps, strict=True)), axis=1)[list(THINGS)]


def share(part: pd.Series, whole: pd.Series) -> Interval:
    """A part over the whole, both changes that can have either sign: the ratio of means, with Fieller's paired interval.

    It holds the shares r for which the mean of part - r whole is not told from 0 by its t interval (Fieller 1954), exact for
    normal changes; without bounds where the whole is not told from 0.
    """
    n, method = len(part), "Fieller"
    above, below = float(part.mean()), float(whole.mean())
    if below == 0:
        return missing(method, "the whole is 0", n)
    if n < 2:
        return Interval(above / below, np.nan, np.nan, n, method, "interval missing at n = 1")
    (of_part, both), (_, of_whole) = np.cov(part, whole) * float(stdtrit(n - 1, 0.975)) ** 2 / n
    a, b, c = below**2 - of_whole, above * below - both, above**2 - of_part
    if a <= 0:
        return Interval(above / below, np.nan, np.nan, n, method, "the whole is not told from 0")
    half = np.sqrt(max(b * b - a * c, 0.0))
    return Interval(above / below, float((b - half) / a), float((b + half) / a), n, method)


def percent(share: Interval, unit: str = "%") -> str:
    """A share in percent, with its interval."""
    if not np.isfinite(share.low):
        return f"{100 * share.estimate:.1f} {unit} (no interval)" if np.isfinite(share.estimate) else "-"
    return f"{100 * share.estimate:.1f} {unit} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folder of the study to findings, sentences and the figure."""
    done, rows, told = Answer(), [], {}
    folder = folders["dips_and_rebounds"]
    for name, nights in per_hour(folder).items():
        whole = nights[AS_IT_WAS]
        parts = {row: parts_of(nights, row) for row in ROWS}
        for row in ROWS:
            found = {what: mean_t(parts[row][what]) for what in THINGS}
            told |= {(name, what, row): percent(share(parts[row][what], whole)) for what in THINGS}
            done.findings[f"{name}: {row}"] = [
                Finding(f"{SHORT[name]}, the night as it was", mean_t(whole), "posts"),
                *(Finding(what, interval, "posts", told[name, what, row]) for what, interval in found.items()),
            ]
            keyed = {(row, what): interval for what, interval in found.items()}
            rows.append(
                contrast_rows(keyed, ("arm", "thing"), "the night before it in its row", name, "tweets per hour")
            )
        apart = parts[LEAVING_LATER] - parts[LEAVING_FIRST]
        done.findings[f"{name}: the second less the first"] = [
            Finding(f"{SHORT[name]}, the night as it was", mean_t(0 * whole), "posts"),
            *(Finding(what, mean_t(apart[what]), "posts") for what in THINGS),
        ]
    done.figures["dips_and_rebounds"] = compare_in_panels(
        pd.concat(rows, ignore_index=True), LOOKED_AT, 2.9, by="thing"
    )

    def part(name: str, what: str) -> str:
        """A part as it is in both rows; once where they agree to the digits that are shown."""
        first, last = (told[name, what, row] for row in ROWS)
        return first if first == last else f"{first} or {last}"

    def further(night: Night, other: Night) -> str:
        return percent(fall_apart(folder, night, other), "percentage points")

    outcomes = table(folder, "summary").set_index(["arm", "outcome"])
    gone = outcomes.loc[("tried_again", "dip_from_leaving")]
    stay_awake, stay = ("awake", "stay_home"), ("plain", "stay_home")
    falls = {night: percent(fall(folder, night)) for night in (AWAKE, ORDINARY, stay_awake, stay, AS_IT_WAS)}
    done.text = (
        "Two rows of nights lead from an ordinary one in which nobody sleeps to the night as it was; where a part differs, the "
        "first number is for people who leave before anything is throttled, the second for people who leave after throttle and "
        "backlog; other orders are not tried, and their parts may lie outside of the two. In proportion to its own level of "
        f"00:30-01:30, the ordinary night falls by {falls[ORDINARY]} to 04:00-06:00, and by {falls[AWAKE]} if nobody sleeps: "
        f"sleep adds {further(ORDINARY, AWAKE)} to what people awake do. With news and calls and nobody leaving it is "
        f"{falls[stay]}, and {falls[stay_awake]} if nobody sleeps, {further(stay, stay_awake)} from sleep; the night as it "
        f"was falls by {falls[AS_IT_WAS]}. Of that night's fall in tweets per hour, the cycle of people awake is "
        f"{part(DIP, CYCLE)} and sleep {part(DIP, SLEEP)} (below 0: it takes more from the hour before than from "
        f"04:00-06:00), what news and calls add {part(DIP, TALK)}, absence {part(DIP, ABSENCE)}; the throttle, which had kept "
        f"the hour before it lower, {part(DIP, THROTTLE)}, and backlog {part(DIP, BACKLOG)}. Of the level of 02:00-05:00, "
        f"absence is {part(LEVEL, ABSENCE)}. The outcome dip_from_leaving of the second row's night, without wish and text, is "
        f"{gone['estimate']:.3f} [{gone['low']:.3f}, {gone['high']:.3f}]: it divides the same posts as the second of these "
        "numbers, but by what people would have posted had they left and posted as if at home; the first number is of nights "
        f"without throttle, in which there is more to miss. Of the rise to 12:00-18:00, the cycle is {part(REBOUND, CYCLE)}, "
        f"sleep {part(REBOUND, SLEEP)}, news and calls {part(REBOUND, TALK)}, absence {part(REBOUND, ABSENCE)}, the wish to "
        f"share the victory {part(REBOUND, VICTORY)} and the mass text {part(REBOUND, TEXT)}. The daily cycle of people awake, "
        "sleep, the coverage on Saturday and the wish are assumed, and each part is what it is after those before it in its "
        "row."
    )
    done.short = (
        f"*Dips and rebounds.* From 00:30-01:30 to 04:00-06:00 the ordinary night falls by {falls[ORDINARY]} of its own level, "
        f"{falls[AWAKE]} if nobody sleeps, the night as it was by {falls[AS_IT_WAS]}. Of that night's fall in tweets per hour "
        f"what news and calls add is {part(DIP, TALK)}, absence {part(DIP, ABSENCE)}, the throttle, which had kept the hour "
        f"before it lower, {part(DIP, THROTTLE)}, and backlog {part(DIP, BACKLOG)} (two numbers: people leave before throttle "
        "and backlog, or after). The cycle of people awake, sleep and the coverage on Saturday are assumed."
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
