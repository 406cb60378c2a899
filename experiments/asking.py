"""What the experiments share: runs of the door, tables of findings with their intervals, a page of answers.

Not run by itself. Command of an experiment: ``python -m experiments.NAME``, with ``--quick`` for few people; of all of them and
the README's tables: ``make figures``. Figures: those of the experiment, in outputs/experiments/NAME and docs/figures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from scipy.special import stdtrit

from sim.config import compose_tree, plan_of, scenario_of
from sim.measures.intervals import Interval, mean_t
from sim.study.figures.style import legend_below, spread, styled
from sim.study.terminal import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "outputs" / "experiments"
PAGE = ROOT / "docs" / "experiments.md"
FIGURES = ROOT / "docs" / "figures"


@dataclass(frozen=True)
class Size:
    """How many people and paired replicates a study has."""

    people: int
    replicates: int

    def __str__(self) -> str:
        return f"{self.people:,} people, {self.replicates} paired replicates"


QUICK = Size(2000, 2)
"""For the tests, and to see that all of it works: too small to find anything."""


@dataclass(frozen=True)
class Asked:
    """One command of an experiment: its name, what it is given, and how large it is."""

    name: str
    overrides: tuple[str, ...]
    size: Size

    def command(self, size: Size) -> list[str]:
        """The arguments of ``python -m sim``."""
        return [*self.overrides, f"population.size={size.people}", f"study.replicates={size.replicates}"]


@dataclass
class Finding:
    """One row: what was found, the estimate with its interval, and in which unit."""

    what: str
    interval: Interval
    unit: str = "people"
    note: str = ""
    """What stands behind it."""

    def told(self) -> str:
        i = self.interval
        told = f"{number(i.estimate, self.unit)} [{number(i.low, self.unit)}, {number(i.high, self.unit)}]"
        if not math.isfinite(i.low):
            told = f"{number(i.estimate, self.unit)} (no interval)"
        return f"{told}{', ' * bool(self.note)}{self.note}"


@dataclass
class Answer:
    """What an experiment gives back."""

    findings: dict[str, list[Finding]] = field(default_factory=dict)
    """Tables of rows, by heading."""
    text: str = ""
    """Some neutral sentences with the numbers in them."""
    short: str = ""
    """One or two of them, for the README."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """By name of the file, without its ending."""

    def tables(self) -> str:
        """Return the tables; headings with the same rows are columns of one."""
        together: dict[tuple[str, ...], list[str]] = {}
        for heading, rows in self.findings.items():
            together.setdefault(tuple(row.what for row in rows), []).append(heading)
        parts = []
        for whats, headings in together.items():
            lines = [f"| | {' | '.join(f'{h} [95 %]' for h in headings)} |", "|---" * (1 + len(headings)) + "|"]
            cells = zip(*([row.told() for row in self.findings[h]] for h in headings), strict=True)
            lines += [f"| {what} | {' | '.join(told)} |" for what, told in zip(whats, cells, strict=True)]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def find(self, heading: str, what: str) -> Finding:
        return next(row for row in self.findings[heading] if row.what == what)


@dataclass(frozen=True)
class Experiment:
    """A question, the commands that are run for it, and how their folders are answered."""

    name: str
    question: str
    asked: tuple[Asked, ...]
    answer: Callable[[Mapping[str, Path]], Answer]

    def run(self, size: Size | None = None, out: Path = OUT, *overrides: str) -> dict[str, Path]:
        """Run all commands, at another size where one is given, and return their folders; finished runs are found again."""
        folders = {asked.name: out / self.name / asked.name for asked in self.asked}
        for asked in self.asked:
            run([*asked.command(size or asked.size), *overrides], folders[asked.name])
        return folders

    def hash(self) -> str:
        """Eight digits of the hash of what is run."""
        return hashlib.sha256(" ".join(hash_of(list(asked.overrides)) for asked in self.asked).encode()).hexdigest()[:8]


def run(arguments: Sequence[str], folder: Path) -> None:
    """Run ``python -m sim`` with its results in a folder."""
    command = [sys.executable, "-m", "sim", *words_of(arguments, folder)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(f"failed with exit code {done.returncode}: {shlex.join(command)}")


def words_of(arguments: Sequence[str], folder: Path) -> list[str]:
    """Return what ``python -m sim`` is given for it."""
    return [*arguments, "study.figures=false", "study.report=false", f"hydra.run.dir={folder}", "seed=1"]


def hash_of(overrides: Sequence[str]) -> str:
    """Eight digits of the hash of what is run: tests compare them with those that tables and sections carry."""
    config = compose_tree(overrides)
    plan = plan_of(config)
    arms = plan.study.arms
    scenarios = (
        [scenario_of(config)]
        if arms is None
        else [scenario_of(compose_tree([*overrides, *arm])) for arm in arms.values()]
    )
    text = " ".join(scenario.content_hash for scenario in scenarios)
    if plan.design.method != "none":
        text += json.dumps(plan.design.model_dump(mode="json", exclude={"file"}))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def size_of(folder: Path) -> Size:
    """How large the study or design of a folder is."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return Size(int(manifest["configuration"]["population"]["size"]), int(manifest["replicates"]))


def held_at() -> str:
    """At which push and substitution the night of 15 July is throttled."""
    throttle = scenario_of(compose_tree([])).throttle
    return f"push {throttle.push:g} and substitution {throttle.substitution:g}"


# -- numbers


def table(folder: Path, name: str) -> pd.DataFrame:
    """A table of a run folder."""
    return pd.read_parquet(folder / f"{name}.parquet")


def by_arm(outcomes: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Values of an outcome, a row for each replicate and a column for each arm."""
    rows = outcomes[outcomes["outcome"] == outcome]
    return rows.pivot(index="replicate", columns="arm", values="value")


def combined(values: pd.DataFrame, weights: Mapping[str, float]) -> Interval:
    """The mean of a weighted sum of arms within replicates, with its t interval: differences, and differences of them."""
    return mean_t(sum(weight * values[arm] for arm, weight in weights.items()))


def interval_of(row: pd.Series) -> Interval:
    """A row of a table of contrasts, with the standard error that its t interval has."""
    n = int(row["n"])
    error = (row["high"] - row["low"]) / 2 / float(stdtrit(max(n - 1, 1), 0.975))
    return Interval(row["difference"], row["low"], row["high"], n, str(row["method"]), "", error)


def difference(contrasts: pd.DataFrame, arm: str, outcome: str) -> Interval:
    """The difference of an arm to the baseline."""
    return interval_of(contrasts.set_index(["arm", "outcome"]).loc[(arm, outcome)])


def contrast_rows(found: Mapping[tuple[str, ...], Interval], columns: Sequence[str], baseline: str, outcome: str,
                  unit: str) -> pd.DataFrame:  # fmt: skip
    """Intervals as rows of a table of contrasts, as the figures read it: keys are the values of `columns`."""
    rows = [
        {**dict(zip(columns, key, strict=True)), "baseline": baseline, "outcome": outcome, "difference": i.estimate,
         "low": i.low, "high": i.high, "variance_reduction": float("nan"), "unit": unit, "n": i.n, "method": i.method}
        for key, i in found.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


# -- pages


@styled
def compare_in_panels(contrasts: pd.DataFrame, outcomes: Sequence[str], height: float, by: str | None = None) -> Figure:
    """A panel for each outcome with the differences of a table of contrasts, one legend for all."""
    from sim.study.figures import figure
    from sim.study.figures.comparison import draw_comparison

    drawing, panels = figure((height,) * len(outcomes), width=4.6)
    entries = {}
    for panel, outcome in zip(panels, outcomes, strict=True):
        for handle in draw_comparison(panel, contrasts, outcome, by=by):
            words = str(handle.get_label()).removesuffix(f" \N{MINUS SIGN} {contrasts['baseline'].iloc[0]}")
            handle.set_label(words)
            entries.setdefault(words, handle)
    legend_below(panels[-1], entries.values(), columns=1)
    return spread(drawing)


def section(experiment: Experiment, answer: Answer) -> str:
    """The section of the page: question, commands, sizes, sentences, tables, figures."""
    lines = [f"**{experiment.question}** `python -m experiments.{experiment.name}` runs:", "", "```sh"]
    lines += [shlex.join(["python", "-m", "sim", *asked.command(asked.size)]) for asked in experiment.asked]
    lines += ["```", "", wrapped(answer.text)]
    for name in answer.figures:
        lines += ["", f"![{experiment.question}](figures/{name}.png)"]
    return "\n".join([*lines, "", answer.tables()])


def wrapped(text: str) -> str:
    """Text in lines; numbers with their intervals and units stay in one."""
    held = re.sub(r"\[[^]]*\]|\d [Mk%](?!\w)", lambda match: match[0].replace(" ", "\0"), text)
    return textwrap.fill(held, 125, break_long_words=False, break_on_hyphens=False).replace("\0", " ")


def put(page: Path, kind: str, name: str, mark: str, text: str) -> None:
    """Write a part of a document anew, between ``<!-- kind: name mark -->`` and ``<!-- end -->``."""
    whole, n = re.subn(
        rf"<!-- {kind}: {name} \S* -->\n.*?<!-- end -->",
        lambda _: f"<!-- {kind}: {name} {mark} -->\n{text}\n<!-- end -->",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert n == 1, f"{page.name} has no place for the {kind} {name}"
    page.write_text(whole, encoding="utf-8")


def publish(experiment: Experiment, answer: Answer) -> None:
    """Write figures and sections of the documents anew."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name in answer.figures:
        shutil.copy(OUT / experiment.name / f"{name}.png", FIGURES / f"{name}.png")
    put(PAGE, "experiment", experiment.name, experiment.hash(), section(experiment, answer))
    put(ROOT / "README.md", "finding", experiment.name, experiment.hash(), wrapped(answer.short))


def save(answer: Answer, folder: Path) -> None:
    """Write tables and figures into a folder."""
    for name, drawing in answer.figures.items():
        drawing.savefig(folder / f"{name}.png", dpi=150, bbox_inches="tight")
    (folder / "findings.md").write_text(f"{answer.text}\n\n{answer.tables()}\n", encoding="utf-8")


def make(experiment: Experiment, *, is_quick: bool = False) -> Answer:
    """Run an experiment and write what it finds: into its folder, and unless it is quick into the documents."""
    out = OUT / "quick" if is_quick else OUT
    answer = experiment.answer(experiment.run(QUICK if is_quick else None, out))
    save(answer, out / experiment.name)
    if not is_quick:
        publish(experiment, answer)
    return answer


def main(experiment: Experiment) -> None:
    """Answer the question on the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{experiment.name}", description=experiment.question)
    parser.add_argument("--quick", action="store_true", help=f"with {QUICK}; documents stay as they are")
    is_quick = parser.parse_args().quick
    answer = make(experiment, is_quick=is_quick)
    folder = (OUT / "quick" if is_quick else OUT) / experiment.name
    print(answer.text, answer.tables(), f"figures: {folder.relative_to(ROOT)}", sep="\n\n")
