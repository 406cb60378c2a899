"""Which population size suffices for which question about the night of 15 July?

Command: ``make sizes`` (17 minutes of CPU time, 3.3 GB). Figures: docs/figures/sizes.png. The tables go to the
terminal and, with what follows from them, to docs/sizes.md. An interrupted command goes on where it was: finished runs are
found in ``outputs/store``.
``make sizes ARGS="--sizes 1000 10000 --replicates 16 8"`` is another design; what it finds goes to outputs/sizes.

Every replicate draws its own world and has a seed of its own, so that sizes share no dice. Ratios and shares are what a
study reports, ratios of sums over replicates; their errors and standard deviations are those of jackknife pseudo-values.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING

from scipy.special import fdtri

import sim
from experiments.sizes_findings import FACTOR, KINDS, OPEN, THROTTLED, USUAL, Finding, findings_of
from sim.measures.equivalence import Comparison
from sim.measures.intervals import Interval
from sim.study.whole import write_whole

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario import Scenario

ROOT = Path(__file__).resolve().parents[1]
DESIGN = {10_000: 128, 100_000: 64, 1_000_000: 24}  # people: replicates
NULLS = ("ordinary", "keyboard")
TIME = "Measured: 17 minutes of CPU time."


# -- runs


def arms_of(people: int) -> dict[str, Scenario]:
    throttles = {OPEN: "none", THROTTLED: "july15"}
    return {a: sim.load("scenario=july15", f"throttle={t}", f"population.size={people}") for a, t in throttles.items()}


def hash_of(people: int) -> str:
    """Eight digits of the hash of both nights at this size: a test compares them with those that docs/sizes.md carries."""
    return hash_of_arms(arms_of(people))


def hash_of_arms(arms: Mapping[str, Scenario]) -> str:
    """Eight digits of the hash of several scenarios."""
    return hashlib.sha256(" ".join(s.content_hash for s in arms.values()).encode()).hexdigest()[:8]


def outcomes_of(people: int, replicates: int, store: Path | None, workers: int | None) -> pd.DataFrame:
    """Outcomes of both arms; counts of posts and people per 1,000 people of the nation."""
    return outcomes_of_arms(arms_of(people), replicates, people + 1, NULLS, store, workers)[0]


def outcomes_of_arms(
    arms: Mapping[str, Scenario],
    replicates: int,
    seed: int,
    nulls: Sequence[str],
    store: Path | None,
    workers: int | None,
) -> tuple[pd.DataFrame, int]:
    """Outcomes of several arms, counts of posts and people per 1,000 people of the nation; how many runs were computed."""
    study = sim.compare(arms, replicates, seed=seed, nulls=nulls, store=store, workers=workers)
    if study.failures:
        raise SystemExit("\n".join(map(str, study.failures)))
    population = arms[OPEN].population
    people = population.n_people
    tell(f"{people:,} people, {replicates} replicates: {study.n_computed} runs computed, {study.n_reused} found")
    table = study.outcomes
    is_count = table["unit"].isin(["posts", "people"])
    table.loc[is_count, "value"] *= 1000 / (population.real_per_person * people)
    return table, study.n_computed


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


# -- the document


def written(value: float, margin: float, more: int = 0) -> str:
    """A number with the digits that matter against a margin."""
    if not math.isfinite(value):
        return "-"
    digits = max(0, 1 - math.floor(math.log10(margin))) if margin > 0 else 3
    return f"{value:.{digits + more}f}"


def told(i: Interval | Comparison, margin: float, more: int = 0) -> str:
    return f"{written(i.estimate, margin, more)} [{written(i.low, margin, more)}, {written(i.high, margin, more)}]"


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown whose columns are aligned for the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(f"| {line} |" for line in [lines[0], " | ".join("-" * width for width in widths), *lines[1:]])


def tables_text(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Headings and tables."""
    sizes = sorted(findings[0].values)
    smaller, largest = sizes[:-1], f"{sizes[-1]:,}"
    at = [f"{n:,}" for n in sizes]
    values = [["outcome", "unit", *at]]
    bias = [["outcome", "margin", *(x for n in smaller for x in (f"{n:,} - {largest}", "verdict"))]]
    scatter = [["outcome", *at, *(x for n in smaller for x in (f"{n:,} / {largest}", "verdict"))]]
    needed = [["outcome", *at, "use"]]
    reduction = [["outcome", *at]]
    for f in findings:
        name, m = f.question.name, f.margin
        values.append([name, f.kind.unit, *(told(f.values[n], m) for n in sizes)])
        pairs = ((told(f.bias[n], m), f.bias[n].verdict) for n in smaller)
        bias.append([name, written(m, m), *(cell for pair in pairs for cell in pair)])
        ratios = ((told(f.scatter[n], 0.1), f.scatter[n].verdict) for n in smaller)
        deviations = [told(f.deviations[n], m, 1) for n in sizes]
        scatter.append([name, *deviations, *(cell for pair in ratios for cell in pair)])
        use = f"{f.use:,}" if f.use else f"{largest}, {f.needed[sizes[-1]] or 'no number of'} replicates"
        needed.append([name, *(str(f.needed[n] or "-") for n in sizes), use])
        if f.reduction:
            reduction.append([name, *(told(f.reduction[n], 1) for n in sizes)])
    return [
        ("Values, with pointwise 95 % intervals", table_text(values)),
        (f"Bias against {largest} people, with the intervals on which the verdicts rest", table_text(bias)),
        (
            "Standard deviation between replicates (95 %), and its ratio divided by the root of the inverse ratio of sizes",
            table_text(scatter),
        ),
        ("Replicates for a 95 % interval that reaches no further than the margin", table_text(needed)),
        ("Variance reduction by pairing, with 95 % intervals", table_text(reduction)),
    ]


def listed(findings: Sequence[Finding]) -> str:
    return ", ".join(f.question.name for f in findings) or "none"


def conclusion(findings: Sequence[Finding]) -> str:
    """Which size to use for which question, as it follows from the verdicts."""
    sizes = sorted(findings[0].values)
    largest = sizes[-1]
    lines = []
    for n in sizes:
        its = [f for f in findings if f.use == n]
        lines.append(f"- **{n:,} people** with {USUAL} replicates or fewer for: {listed(its)}.")
    rest = [f for f in findings if f.use is None]
    more = ", ".join(f"{f.question.name} ({f.needed[largest] or 'unknown'})" for f in rest) or "none"
    lines.append(f"- **{largest:,} people and more than {USUAL} replicates** (how many) for: {more}.")
    for n in sizes[:-1]:
        by = {v: [f for f in findings if f.bias[n].verdict == v] for v in ("equivalent", "different", "undecided")}
        lines.append(
            f"- At {n:,} people {len(by['equivalent'])} of {len(findings)} outcomes are equivalent to those at {largest:,}; "
            f"different: {listed(by['different'])}; undecided: {listed(by['undecided'])}."
        )
        roots = [f for f in findings if f.scatter[n].verdict == "equivalent"]
        others = [f for f in findings if f.scatter[n].verdict == "different"]
        n_open = len(findings) - len(roots) - len(others)
        lines.append(
            f"- From {n:,} to {largest:,} people the standard deviation falls with the root of the size, within a factor of "
            f"{FACTOR:g}, for {len(roots)} of {len(findings)} outcomes; it does not for: {listed(others)}; "
            f"undecided: {n_open}."
        )
    return "\n".join(lines)


def by_place(sizes: Sequence[int], replicates: int) -> str:
    """Why some standard deviations do not fall: the hours at which the minarets begin are drawn by province."""
    small, large = sorted(sizes)[:2]
    deviations = {}
    for is_staggered in (True, False):
        for n in (small, large):
            night = sim.load("throttle=none", f"population.size={n}")
            if not is_staggered:
                together = tuple(e.model_copy(update={"stagger_minutes": 0.0}) for e in night.scenario.timeline)
                night = night.replace(scenario=night.scenario.model_copy(update={"timeline": together}))
            with ThreadPoolExecutor() as pool:
                runs = pool.map(lambda seed, night=night: sim.simulate(night, seed).outcomes, range(replicates))
            heard = [table.set_index("outcome").loc["heard_share_3h", "value"] for table in runs]
            deviations[is_staggered, n] = stdev(heard)

    def fall(is_staggered: bool) -> str:
        a, b = deviations[is_staggered, small], deviations[is_staggered, large]
        half = fdtri(replicates - 1, replicates - 1, 0.975) ** 0.5
        interval = f"{a / b:.2f} [{a / b / half:.2f}, {a / b * half:.2f}]"
        return f"from {a:.4f} at {small:,} people to {b:.4f} at {large:,}, by a factor of {interval}"

    return (
        "Not every draw is a person's: the hour at which the minarets begin is drawn for each of 81 provinces "
        "(`stagger_minutes`), however many people live there, and what depends on it scatters in a large population, too.\n"
        f"With these draws the standard deviation of `heard_share_3h` falls {fall(True)};\nwhere all begin at once "
        f"{fall(False)}.\nThe root of the size is {math.sqrt(large / small):.2f} ({replicates} replicates each, open night; "
        "95 % intervals of F tests). Other outcomes were not tried."
    )


def document(findings: Sequence[Finding], design: Mapping[int, int], command: str) -> str:
    sizes = sorted(design)
    made = [["people", "replicates", "seeds", "hash of the scenarios"]]
    made += [[f"{n:,}", str(design[n]), f"{n + 1} to {n + design[n]}", f"`{hash_of(n)}`"] for n in sizes]
    margins = [
        f"- {kind.told} for {listed([f for f in findings if f.question.kind == name])}: {kind.why}."
        for name, kind in KINDS.items()
    ]
    m = len(findings) * (len(sizes) - 1)
    tables = "\n\n".join(f"## {heading}\n\n{table}" for heading, table in tables_text(findings))
    return f"""# Which size for which question

Made by `{command}`; not written by hand. To be made again when a scenario changes (a test compares the hashes) or when the
changelog says NUMBERS CHANGE.{f" {TIME}" if design == DESIGN else ""}

{table_text(made)}

The night is `scenario=july15`, throttled (`throttle=july15`) and open (`throttle=none`); null nights: {", ".join(NULLS)}. Every
replicate draws its own world and has a seed of its own. Counts are per 1,000 people of the nation. Ratios and shares are ratios
of sums over replicates, with errors and standard deviations of jackknife pseudo-values; all else are means of replicates.

**Verdicts.** *equivalent*: two one-sided Welch t tests (Schuirmann 1987) refute that the difference from {sizes[-1]:,}
people reaches the margin, so that the interval lies within it; *different*: that the difference is within the margin is
refuted; *undecided*: neither, mostly because the interval straddles the margin. A difference that is certainly not 0 and
certainly within the margin is equivalent. There are {m} comparisons, each at 0.05 / {m} (Bonferroni): the chance that any
verdict on bias is false is about 5 % at most (t tests of means and of jackknife pseudo-values; the value at the largest
size, by which relative margins are taken, counts as known). Intervals beside them have the level 1 - 2 x 0.05 / {m} each,
so that all of them hold at once with a probability of about 90 % at least. Verdicts on standard deviations rest on F tests
of whether they fall with the root of the size, within a factor of {FACTOR:g} (a factor of {FACTOR**2:g} in replicates). F
tests are exact for normal replicates only, and much too sure for values with long tails: read them as a description.

Margins:

{chr(10).join(margins)}

![Values and standard deviations by size](figures/sizes.png)

*Above: values with pointwise 95 % intervals, and the margin around the value at {sizes[-1]:,} people. Below: standard deviation
between replicates with 95 % intervals, and its fall with the root of the size.*

{tables}

## Which size to use

A size is used for a question if it and all larger ones are equivalent to the largest, and {USUAL} replicates, as many as the
main job has, give a 95 % interval that reaches no further than the margin. What is undecided counts as not shown.

{conclusion(findings)}

{by_place(sizes, min(24, *design.values()))}

Sizes are compared with {sizes[-1]:,} people, not with the nation, for which see `docs/nation.md`.
"""


def make(design: Mapping[int, int], out: Path, store: Path | None, workers: int | None, command: str) -> list[Finding]:
    """Run what is not yet in the store, and write the document and the figure."""
    from experiments.sizes_page import draw

    tables = {n: outcomes_of(n, replicates, store, workers) for n, replicates in sorted(design.items())}
    findings = findings_of(tables)
    for heading, table in tables_text(findings):
        print(f"{heading}:\n{table}\n")
    print(conclusion(findings))
    with write_whole(out / "figures" / "sizes.png") as temporary:
        draw(findings).savefig(temporary, format="png", dpi=150, bbox_inches="tight")
    with write_whole(out / "sizes.md") as temporary:
        temporary.write_text(document(findings, design, command), encoding="utf-8")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the night of 15 July at several population sizes.")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(DESIGN), help="numbers of people")
    parser.add_argument("--replicates", type=int, nargs="+", default=list(DESIGN.values()), help="of each size")
    parser.add_argument("--store", type=Path, default=ROOT / "outputs" / "store", help="folder of finished runs")
    parser.add_argument("--workers", type=int, help="threads (default: one per processor)")
    given = parser.parse_args()
    if len(given.sizes) != len(given.replicates) or min(given.sizes) < 1 or min(given.replicates) < 2:
        parser.error("give as many --replicates (2 or more) as --sizes (1 or more)")
    if len(given.sizes) < 2:
        parser.error("give two --sizes or more: they are compared with the largest")
    design = dict(sorted(zip(given.sizes, given.replicates, strict=True)))
    if any(n + design[n] > larger for n, larger in pairwise(design)) or len(design) < len(given.sizes):
        parser.error("sizes lie closer than their replicates, so that seeds would be shared; move them apart")
    is_full = design == DESIGN
    words = " ".join(["--sizes", *map(str, design), "--replicates", *map(str, design.values())])
    out = ROOT / "docs" if is_full else ROOT / "outputs" / "sizes"
    make(design, out, given.store, given.workers, "make sizes" + f' ARGS="{words}"' * (not is_full))
    tell(f"{out / 'sizes.md'}, {out / 'figures' / 'sizes.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
