"""What do both readings of the record say about the parameters, and what follows for the throttle's effect?

Command: ``python -m experiments.posteriors`` (`make posteriors`; half an hour on two cores; the same command goes on where it
was interrupted). Figures: of each calibration (fit.png, parameters.png), and of each study of the throttle over draws from
its posterior (posterior.png), in outputs/ and, with ``--page docs/calibration.md``, in docs/figures.

Both readings are calibrated (`python -m sim.calibrate`). Their draws are kept with the package (sim/data/posterior_*.csv),
where `parameters=posterior` and `parameters=posterior_as_told` find them. The night, throttled and open, is then run at draws.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.fitting import ROOT, name_of, wrapped, write_page
from sim.config import compose_tree
from sim.door import command
from sim.inference.told import IDENTIFIED, met_in_words, moved_in_words
from sim.study.terminal import number

DATA = ROOT / "sim" / "data"
READINGS = {"calendar_days": "posterior", "as_told": "posterior_as_told"}
STUDY = ("population.size=20000", "design.points=100", "study.replicates=2", "study.nulls=[ordinary,keyboard]")
SHOWN = (
    "participants", "peak_on_squares", "share_left_before_call", "posts_published", "posts_throttle_window", "dip_depth",
    "dip_depth_ordinary", "dip_from_leaving", "rebound_ratio", "rebound_ratio_ordinary", "rebound_from_return",
)  # fmt: skip
MOST = 0.49
"""Share of adults who said that they went, an upper bound (facts W2); here of all people, which is a weaker one."""
PUSH = "throttle.push"


def run(*words: str) -> str:
    """Return what a command of ours writes to standard output; what it tells on the way is shown."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"python -m {' '.join(words)} ended with exit code {done.returncode}.")
    return done.stdout


def folder_in(out: str) -> Path:
    found = re.findall(r"figures: (\S+)\s*$", out)
    return ROOT / found[-1]


def calibrated(reading: str, more: list[str]) -> Path:
    """Calibrate a reading, and keep its draws with the package."""
    folder = folder_in(run("sim.calibrate", f"observed={reading}", *more))
    shutil.copyfile(folder / "draws.csv", DATA / f"posterior_{reading}.csv")
    return folder


def throttled(parameters: str, more: list[str]) -> Path:
    return folder_in(run("sim", f"parameters={parameters}", *STUDY, *more))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=None)
    parser.add_argument("--calibration", nargs="*", default=[], help="overrides of both calibrations")
    parser.add_argument("--study", nargs="*", default=[], help="overrides of both studies")
    given = parser.parse_args()
    folders = {}
    for reading, parameters in READINGS.items():
        folders[reading] = calibrated(reading, given.calibration), throttled(parameters, given.study)
    more = {
        "calibration": [o for o in given.calibration if not o.startswith(("study.", "calibration.folder="))],
        "study": [o for o in given.study if not o.startswith(("study.workers=", "study.store="))],
    }
    text = page(folders, " ".join(f"--{name} {' '.join(o)}" for name, o in more.items() if o))
    figures = {}
    for reading, (calibration, study) in folders.items():
        drawn = {name: calibration / "figures" / f"{name}.png" for name in ("fit", "parameters")}
        drawn["throttle"] = study / "figures" / "posterior.png"
        figures |= {path: f"calibration_{reading}_{name}.png" for name, path in drawn.items()}
    write_page(text, given, "posteriors", figures)
    return 0


def page(folders: dict[str, tuple[Path, Path]], setting: str) -> str:
    arguments = f' ARGS="{setting}"' if setting else ""
    lines = [
        "# What the record says of the parameters, and what it leaves open", "",
        wrapped(f"""Made by `make posteriors{arguments}`; not written by hand. Each reading of the record is fitted by itself
        (`python -m sim.calibrate observed=READING`): approximate Bayesian computation by sequential Monte Carlo, with
        the priors and the statistics of conf/calibration. What follows is conditional on the model, its scenario, and
        priors that are mostly assumed: where a parameter's posterior is as wide as its prior, the record has not
        spoken."""), "",
    ]  # fmt: skip
    for reading, (calibration, study) in folders.items():
        lines += _of_calibration(reading, calibration) + _of_study(reading, study)
    return "\n".join(lines)


def _of_calibration(reading: str, folder: Path) -> list[str]:
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    fit, parameters = (pd.read_parquet(folder / f"{name}.parquet") for name in ("fit", "parameters"))
    generations = told["generations"]
    n = sum(g["n_candidates"] for g in generations)
    name = name_of(reading).capitalize()
    lines = [
        f"## {name}", "",
        wrapped(f"""{told["configuration"]["particles"]} particles ({told["effective"]:.0f} effective) within
        {generations[-1]["threshold"]:.3g} uncertainties (root mean square over the fitted statistics) after
        {len(generations)} generations and {n:,} candidates, each of them a night and an ordinary one of
        {_people(told)}. It ended there because {told["ended"]}. Its particles were
        {moved_in_words(told["moved_along"])} (regression, after Blum 2010)."""), "",
        "| statistic | record | uncertainty | prior [95 %] | posterior [95 %] | holds the record | the same of the prior |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in fit.to_dict("records"):
        use = " (held out)" if row["use"] == "held out" else ""
        record = f"above {number(row['observed'])}" if row["is_bound"] else number(row["observed"])
        lines.append(
            f"| `{row['statistic']}`{use} | {record} | {number(row['uncertainty'])} | [{number(row['prior_low'])}, "
            f"{number(row['prior_high'])}] | {number(row['median'])} [{number(row['low'])}, {number(row['high'])}] | "
            f"{met_in_words(row).replace('NO', '**no**')} | {_of_prior(row)} |"
        )
    order = parameters.sort_values("contraction")
    identified = order[order["contraction"] < IDENTIFIED]
    nearest = ", ".join(f"`{r['parameter']}` ({r['contraction']:.2f})" for r in order.head(6).to_dict("records"))
    lines += [
        "", wrapped(f"""Intervals are those of single nights as they would be observed, with an error of the record's
        uncertainty (so that a ratio may come out below 0); those of the posterior are of nights at draws from it with dice of
        their own, which nothing was fitted to. Of a bound it is told how many of these nights lie above it.
        Intervals of the prior may hold the record, too: what the fit adds is their width. Part of the width is not the
        record's: particles lie within {generations[-1]["threshold"]:.3g} uncertainties before they are moved, and a night of
        {_people(told)} scatters more than one of a nation (docs/sizes.md). That the bounds on dip and rebound are kept says
        little: an ordinary night keeps them, too, as people sleep and wake (next table)."""), "",
        f"![Nights before and after the fit, against the record](figures/calibration_{reading}_fit.png)", "",
        wrapped(f"""Identified, fixed beforehand as a posterior standard deviation below {IDENTIFIED:g} of the prior's
        (in normal scores of the prior): {len(identified)} of {len(order)} parameters. The narrowest (with that
        ratio): {nearest}. All others:"""), "",
        f"![Parameters, prior against posterior](figures/calibration_{reading}_parameters.png)", "",
    ]  # fmt: skip
    return lines


def _people(told: dict[str, Any]) -> str:
    sizes = [o.split("=")[1] for o in told["overrides"] if o.startswith("population.size=")]
    size = sizes[-1] if sizes else compose_tree([o for o in told["overrides"] if "." not in o]).population.size
    return f"{int(size):,} people"


def _of_study(reading: str, folder: Path) -> list[str]:
    table = pd.read_parquet(folder / "posterior.parquet")
    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    n = int(table["n_draws"].max())
    lines = [
        f"### The throttle's effect, {name_of(reading)}", "",
        wrapped(f"""Paired differences, throttled minus open, at {n} draws from this posterior with
        {told["replicates"]} replicates of {_people(told)} each: means, with 95 % over parameters alone, and of single runs,
        which scatter by the simulation as well. Draws above 0: by the mean of their runs; clearly, by more than 1.96
        standard errors of it (pooled over draws, though nights with few scatter less). `_ordinary`: of the same hours of an
        ordinary night. `_from_`: against the night in which people leave and post as if at home."""), "",
        "| outcome | open [95 % over parameters] | throttled - open | over parameters | of single runs | draws above 0 | "
        "clearly above | clearly below |", "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for name in SHOWN:
        rows = table[table["outcome"] == name]
        level = rows[(rows["baseline"] == "") & (rows["arm"] == "open")].iloc[0]
        row = rows[rows["baseline"] == "open"].iloc[0]
        unit = str(row["unit"])

        def ends(low: str, high: str, row: pd.Series = row, unit: str = unit) -> str:
            return f"[{number(row[low], unit)}, {number(row[high], unit)}]"

        lines.append(
            f"| `{name}` | {number(level['mean'], unit)} {ends('parameters_low', 'parameters_high', level)} | "
            f"{number(row['mean'], unit)} | "
            f"{ends('parameters_low', 'parameters_high')} | {ends('low', 'high')} | {row['share_above_0']:.0%} | "
            f"{row['share_clearly_above_0']:.0%} | {row['share_clearly_below_0']:.0%} |"
        )
    return [
        *lines,
        "",
        wrapped(_of_turnout(folder)),
        "",
        f"![The throttle's effect over draws](figures/calibration_{reading}_throttle.png)",
        "",
    ]


def _of_prior(row: Mapping[Hashable, Any]) -> str:
    if row["is_bound"]:
        return f"{row['prior_share_above']:.0%} above"
    return "yes" if row["prior_low"] <= row["observed"] <= row["prior_high"] else "no"


def _of_turnout(folder: Path) -> str:
    """Return what the sign of the throttle's effect on turnout goes with, and what a bound on turnout would change."""
    outcomes = pd.read_parquet(folder / "outcomes.parquet")
    tables = {
        name: outcomes[outcomes["outcome"] == name].pivot_table(
            index="point", columns="arm", values="value", observed=True
        )
        for name in ("participants", "participation")
    }
    means = tables["participants"]
    push = outcomes.groupby("point")[PUSH].first().reindex(means.index)
    effect = means["throttled"] - means["open"]
    below = tables["participation"]["open"] <= MOST
    low, high = (number(q, "people") for q in np.quantile(means["open"][below], (0.025, 0.975)))
    few, many = effect[push < 1 / 3], effect[push > 2 / 3]
    return f"""The sign of the effect on turnout goes with the push of being cut off, which no datum constrains (its prior is
    even on [0, 1]): above 0 at {(few > 0).sum()} of {len(few)} draws with a push below 1/3, at {(many > 0).sum()} of
    {len(many)} with one above 2/3. At {(~below).sum()} of {len(below)} draws more than {MOST:.0%} of all people go, which a
    survey speaks against (W2: of adults, an upper bound, of low confidence; nothing was fitted to it). Without these draws
    95 % of the open nights' means are [{low}, {high}] people, and the effect is above 0 at {(effect[below] > 0).mean():.0%}."""


if __name__ == "__main__":
    sys.exit(command(main))
