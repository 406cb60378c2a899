"""What are the dip and the rebound of posts made of: sleep, leaving, throttling and backlog, the wish to share the victory?

Command: ``python -m experiments.dips_and_rebounds`` (80 seconds on two idle cores; ``--quick`` tries it with few people).
Figures: docs/figures/dips_and_rebounds.png. Findings: docs/experiments.md.

Nights on the same dice that differ by one thing each stand in a row, from the ordinary one to the night as it was. The dip is
the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, the rebound their rise from there to 12:00-18:00; beside them
stands the level of 02:00-05:00, as many have left already when the fall begins. What a thing does is the difference between two
nights of the row, so the parts add up to the whole in every replicate. How large a part is depends on what stands before it in
the row: there are two rows, one in which people leave before anything is throttled, and one in which all else comes before
leaving. Of the many other orders none is tried. Sleep stops a share of whatever is posted, so that of a fall in tweets per
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
ORDINARY, TALK, SEEN, ABSENCE, THROTTLE, BACKLOG, VICTORY, TEXT = THINGS = (
    "the ordinary night (sleep and waking)",
    "news and calls, nobody leaves",
    "what people say when others leave",
    "absence of those who left",
    "throttle, failed posts lost",
    "backlog, failed posts tried again",
    "wish to share the victory",
    "mass text",
)
LEAVING_FIRST, LEAVING_LAST = ROWS = ("people leave before the throttle", "people leave after all else")
NIGHTS: dict[str, dict[str, Night]] = {
    LEAVING_FIRST: {
        ORDINARY: ("plain", "ordinary"),
        TALK: ("plain", "stay_home"),
        SEEN: ("plain", "keyboard"),
        ABSENCE: ("plain", ""),
        THROTTLE: ("lost", ""),
        BACKLOG: ("tried_again", ""),
        VICTORY: ("victory", ""),
        TEXT: ("full", ""),
    },
    LEAVING_LAST: {
        ORDINARY: ("plain", "ordinary"),
        TALK: ("plain", "stay_home"),
        THROTTLE: ("lost", "stay_home"),
        BACKLOG: ("tried_again", "stay_home"),
        VICTORY: ("victory", "stay_home"),
        TEXT: ("full", "stay_home"),
        SEEN: ("full", "keyboard"),
        ABSENCE: ("full", ""),
    },
}
"""Of each row, what every night adds to the one before it; the first is compared with nothing."""
AS_IT_WAS: Night = ("full", "")
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


def fall(folder: Path, night: Night) -> str:
    """The fall of a night in proportion to its own level before the dip, in words."""
    before, dip, *_ = rates(folder)
    return percent((before - dip)[night], before[night])


def parts_of(changes: pd.DataFrame, row: str) -> pd.DataFrame:
    """What each thing adds in one of the rows, a row for each replicate; their sum is that of the night as it was."""
    nights = [changes[night] for night in NIGHTS[row].values()]
    steps = [nights[0], *(later - earlier for earlier, later in pairwise(nights))]
    return pd.concat(dict(zip(NIGHTS[row], steps, strict=True)), axis=1)[list(THINGS)]


def percent(part: pd.Series, whole: pd.Series) -> str:
    """A part of the whole in percent, with its interval."""
    share = ratio_jackknife(part, whole, min_denominator=0)
    return f"{100 * share.estimate:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folder of the study to findings, sentences and the figure."""
    done, rows, told = Answer(), [], {}
    folder = folders["dips_and_rebounds"]
    for name, nights in per_hour(folder).items():
        whole = nights[AS_IT_WAS]
        parts = {row: parts_of(nights, row) for row in ROWS}
        for row in ROWS:
            found = {what: mean_t(parts[row][what]) for what in THINGS}
            told |= {(name, what, row): percent(parts[row][what], whole) for what in THINGS}
            done.findings[f"{name}: {row}"] = [
                Finding(f"{SHORT[name]}, the night as it was", mean_t(whole), "posts"),
                *(Finding(what, interval, "posts", told[name, what, row]) for what, interval in found.items()),
            ]
            keyed = {(row, what): interval for what, interval in found.items()}
            rows.append(
                contrast_rows(keyed, ("arm", "thing"), "the night before it in its row", name, "tweets per hour")
            )
        apart = parts[LEAVING_LAST] - parts[LEAVING_FIRST]
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

    outcomes = table(folder, "summary").set_index(["arm", "outcome"])
    missing = outcomes.loc[("full", "dip_from_leaving")]
    done.text = (
        "Two rows of nights lead from the ordinary one to the night as it was; where a part differs, the first number is for "
        "people who leave before anything is throttled, the second for people who leave after throttle, backlog, wish and "
        "text; other orders are not tried, and their parts may lie outside of the two. Of the fall of tweets per hour from "
        f"00:30-01:30 to 04:00-06:00, the ordinary night's own is {part(DIP, ORDINARY)}, "
        f"that of what news and calls add {part(DIP, TALK)}, absence {part(DIP, ABSENCE)}; the throttle, which had "
        f"kept the hour before it lower, {part(DIP, THROTTLE)}, and backlog {part(DIP, BACKLOG)}. In proportion to its own "
        f"level before, the ordinary night falls by {fall(folder, NIGHTS[LEAVING_FIRST][ORDINARY])}, the night as it was by "
        f"{fall(folder, AS_IT_WAS)}: sleep ends also what news and calls add, and parts that add "
        f"up count that as theirs. Of the level of 02:00-05:00, absence is {part(LEVEL, ABSENCE)}. The outcome "
        f"dip_from_leaving of the same nights is {missing['estimate']:.3f} [{missing['low']:.3f}, {missing['high']:.3f}]: it "
        "divides the same posts as the second of these numbers, but by what people would have posted had they left and posted "
        "as if at home, which is more than the level of the night as it was; the first number is of nights without throttle, "
        "in which there is more to miss. Of the rise to 12:00-18:00, the ordinary "
        f"day is {part(REBOUND, ORDINARY)}, news and calls {part(REBOUND, TALK)}, absence {part(REBOUND, ABSENCE)}, the wish "
        f"to share the victory {part(REBOUND, VICTORY)} (it acts on those who return: on nobody while nobody leaves) and the "
        f"mass text {part(REBOUND, TEXT)}. Sleep, the coverage on Saturday and the wish are assumed, and each part is what it "
        "is after those before it in its row."
    )
    done.short = (
        "*Dips and rebounds.* Of the fall of tweets per hour from 00:30-01:30 to 04:00-06:00, the ordinary night's own is "
        f"{part(DIP, ORDINARY)}, the end of what news and calls add {part(DIP, TALK)}, absence {part(DIP, ABSENCE)}, the "
        f"throttle, which had kept the hour before it lower, {part(DIP, THROTTLE)}, and backlog {part(DIP, BACKLOG)} (two "
        "numbers: people leave before all of it, or after). Sleep and the coverage on Saturday are assumed."
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
