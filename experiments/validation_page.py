"""The page of the experiment on validation.

Not run by itself. Command of the experiment: ``python -m experiments.validation``, which says where its figures lie. Figures:
those of the experiment.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import norm

from experiments.fitting import name_of, wrapped
from sim.inference.told import moved_in_words
from sim.study.figures.style import channel_name
from sim.study.report.words import enumerated
from sim.study.terminal import number

__all__ = ["page"]

LEVEL = 0.05


def page(
    given: argparse.Namespace,
    command: str,
    tables: Mapping[str, pd.DataFrame],
    heard: Mapping[str, pd.DataFrame],
    told: Mapping[str, str],
    peak: str,
    models: list[str],
) -> str:
    """Return the page: what each model foretells of what it was not told, and the order of first hearing."""
    lines = [
        "# What the model foretells of what it was not fitted to", "",
        wrapped(f"""Made by `{command}`; not written by hand. Four models
        are fitted to the statistics of conf/calibration in the same way: {given.points:,} nights of {given.people:,} people
        at draws from the prior, the nearest fifth moved to the record by regression along squares (after Blum
        2010) where it lies within their reach, then
        {given.draws} nights at draws from that posterior with dice of their own. *No social reinforcement*: contacts who
        are out add nothing to a dose, and neighbours move nobody. *No street*: nobody leaves. *Daily cycle alone*: nothing
        happens; for the topic, which it lacks, the shape of all its tweets stands."""), "",
        wrapped("""Held out from all fits: the shape of the topic curve (facts D4) and the time of the peak (S9 and S10 have
        posting high until 01:00 and falling afterwards: 01:00, give or take 15 minutes, which is assumed). Beside them the
        numbers that are fitted, but for the ordinary day's, each in turn, foretold by a fit that was not told it. (That tweets
        rise after the call and fall later is fitted as a bound, and tells something of the peak.) The score is the
        continuous ranked probability score
        (Gneiting and Raftery 2007) in uncertainties of the record, those included: 0 is best, and 0.56 is what a
        prediction gets on average that knows all but the uncertainty."""), "",
        "![Held-out statistics, foretold by four models](figures/validation_held_out.png)", "",
    ]  # fmt: skip
    compared = _compared(tables, models)
    for reading, table in tables.items():
        lines += [f"## {name_of(reading).capitalize()}", "", "| | record | " + " | ".join(models) + " |",
                  "|---|---|" + "---|" * len(models)]  # fmt: skip
        for statistic in dict.fromkeys(table["statistic"]):
            its = table[table["statistic"] == statistic].set_index("model")
            record = its["record"].dropna().iloc[0]
            cells = [_cell(its.loc[model]) for model in models]
            lines.append(f"| {told[statistic]} | {number(record)} | " + " | ".join(cells) + " |")
        lines += [
            "",
            wrapped("Median [95 % of single nights, without the record's uncertainty]; score (standard error)."),
            "",
            *_verdicts(compared[compared["reading"] == reading], told, models),
            *_moved(table),
            "",
        ]
    lines += [
        "## Where people would have heard first", "",
        wrapped("""No survey asked where people first heard of the night, so this is foretold and not compared. The record
        only says that crowds formed before the call, and that mosques and digital media both mattered (facts W3). The order
        follows from the assumed reach of channels and the timeline more than from data."""), "",
        "![Channels of first hearing](figures/validation_first_hearing.png)", "",
    ]  # fmt: skip
    for reading, shares in heard.items():
        order = shares.mean().sort_values(ascending=False).index[:5]
        parts = [
            f"{channel_name(name)} {shares[name].median():.0%} [{shares[name].quantile(0.025):.0%}, "
            f"{shares[name].quantile(0.975):.0%}]"
            for name in order
        ]
        same = np.mean(
            [list(row.sort_values(ascending=False).index[:3]) == list(order[:3]) for _, row in shares.iterrows()]
        )
        lines.append(
            wrapped(f"- {name_of(reading).capitalize()}: {'; '.join(parts)}. The first three come in this order in {same:.0%} "
                    f"of the {len(shares)} nights.")
        )  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(row: pd.Series) -> str:
    if not np.isfinite(row["median"]):
        return "has none"
    holds = row["low"] <= row["record"] <= row["high"]
    ends = f"{number(row['median'])} [{number(row['low'])}, {number(row['high'])}]"
    return f"{ends if holds else f'**{ends}**'}; {row['score']:.2f} ({row['score_error']:.2f})"


def _moved(table: pd.DataFrame) -> list[str]:
    """Return which models' fits were moved otherwise, as the record lies far from their nights."""
    lines = []
    for model, its in table[table["along"] != ""].groupby("model", sort=False):
        found = its["along"].value_counts().drop("squares", errors="ignore")
        told = enumerated([f"{n} {'was' if n == 1 else 'were'} {moved_in_words(along)}" for along, n in found.items()])
        if told:
            lines.append(wrapped(f"- Of {len(its)} fits of *{model}*, {told}: its nights lie too far from it."))
    return lines


def _compared(tables: Mapping[str, pd.DataFrame], models: list[str]) -> pd.DataFrame:
    """Return a row for each comparison of the full model with a lesser one: reading, model, statistic, z, and p by Holm (1979).

    z: the difference of the scores in its standard error, above 0 where the full model is better.
    """
    rows = []
    for reading, table in tables.items():
        full = table[table["model"] == models[0]].set_index("statistic")
        for model in models[1:]:
            its = table[table["model"] == model].set_index("statistic")
            difference = its["score"] - full["score"]
            z = difference / np.hypot(its["score_error"], full["score_error"])
            rows += [(reading, model, statistic, value) for statistic, value in z.dropna().items()]
    found = pd.DataFrame(rows, columns=["reading", "model", "statistic", "z"])
    p = 2 * norm.sf(found["z"].abs())
    order = np.argsort(p, kind="stable")
    found.loc[order, "p"] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return found


def _verdicts(found: pd.DataFrame, told: Mapping[str, str], models: list[str]) -> list[str]:
    """Return a sentence for each lesser model: on what the full one is better, on what it is worse."""
    lines = [
        wrapped(
            "An interval in bold does not hold the record, whose own uncertainty it leaves out. A difference of scores counts "
            f"where its p, corrected for all comparisons of this page (Holm 1979), is below {LEVEL:g}; standard errors are "
            "those of so many draws alone, and that of the fit is left out. In brackets z:"
        )
    ]
    for model in models[1:]:
        its = found[found["model"] == model]
        kinds = np.where(its["p"] >= LEVEL, "not to be told apart on", np.where(its["z"] > 0, "better on", "worse on"))
        parts = []
        for kind in ("better on", "worse on", "not to be told apart on"):
            of = [
                f"{told[r['statistic']].split(',')[0]} ({r['z']:+.1f})" for r in its[kinds == kind].to_dict("records")
            ]
            parts += [f"{kind} {', '.join(of)}"] if of else []
        lines.append(wrapped(f"- Against *{model}*, the full model is {'; '.join(parts)}."))
    return lines
