"""Does the engine give back what is known? Classical models by configuration alone, against closed forms and published tables.

Command: ``make verification`` (about two minutes on two cores). Figures: docs/figures/verification.png. The table is
written to docs/verification.md. With ``--check`` nothing is written; the exit code is 1 where a row fails.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

import sim
from experiments.verify import epidemics, pages, processes, sensitivity, thresholds
from experiments.verify.rows import LEVEL, Row
from sim.measures.theory import critical_value

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "verification.md"
PAGE = ROOT / "docs" / "figures" / "verification.png"

FAMILIES: dict[str, Sequence[Callable[[], list[Row]]]] = {
    "Thresholds": [thresholds.granovetter, thresholds.tangency, thresholds.lists, thresholds.watts],
    "Processes": [
        partial(processes.hawkes, 0.5), partial(processes.hawkes, 0.8), processes.seismic,
        *(partial(processes.squares, law) for law in processes.STAYS),
        partial(processes.exposures, 1), partial(processes.exposures, 3),
    ],
    "Contagion": [
        epidemics.sir_network, epidemics.outbreaks, epidemics.sir_complete, epidemics.sis, epidemics.sis_in_groups,
        epidemics.reed_frost, epidemics.bass,
    ],
    "Signs": [thresholds.rewiring, thresholds.hassanpour, thresholds.casilli_tubaro],
}  # fmt: skip

OPENING = """# Verification

Classical models as scenarios of `conf/classic`, run by the production engine as users run it, against closed forms
(`sim/measures/theory.py`) and published numbers. Made by `make verification`; do not edit. What each scenario takes
from its paper, and what not, stands in its file. Estimates stand with their 95 % interval. Of laws the distance of the two
cumulative distributions is told (Kolmogorov-Smirnov; theory 0), or a chi-square (theory: its degrees of freedom).

z is the normal deviate of the two-sided p-value of each row's own test: exact tests of counts, t tests of replicates,
tests of laws. With {n} rows that involve chance, |z| stays below {critical:.2f} in all of them with a probability of at
least {sure:.1%} if all is in order (Bonferroni, family-wise level {level:g}). *Noticed* is the difference from theory that a
row notices half the time at that level: what is smaller may go unseen. A row that is *equal* involves no chance. Where one
number was published, theory must round to it. A sign is shown where an exact sign test of paired differences, on the same
dice, has the published sign and |z| above the same critical value.
"""


def shown(value: float, digits: int) -> str:
    """Return a number with so many decimals; a dash for none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "−")


def line(row: Row, critical: float) -> str:
    """Return the row as a line of a Markdown table."""
    interval = "" if math.isnan(row.low) else f" [{shown(row.low, row.digits)}, {shown(row.high, row.digits)}]"
    return (
        f"| {row.model} | {row.quantity} | {row.published} | {shown(row.theory, row.digits)} | "
        f"{shown(row.simulated, row.digits)}{interval} | {shown(row.noticed, row.digits + 1)} | {shown(row.z, 2)} | "
        f"{row.verdict(critical)} |"
    )


def made_of() -> str:
    """Return eight digits of the hash of all classical scenarios, which the document carries and a test compares."""
    names = sorted(path.stem for path in (ROOT / "conf" / "classic").glob("*.yaml"))
    hashes = " ".join(sim.load(f"classic={name}").content_hash for name in names)
    return hashlib.sha256(hashes.encode()).hexdigest()[:8]


def document(found: dict[str, list[Row]], critical: float, sensitive: str, seconds: float) -> str:
    """Return the text of docs/verification.md."""
    rows = [row for family in found.values() for row in family]
    n = sum(not math.isnan(row.z) for row in rows)
    good = sum(row.is_good(critical) for row in rows)
    parts = [OPENING.format(n=n, critical=critical, sure=1 - LEVEL, level=LEVEL)]
    parts.append(f"{good} of {len(rows)} rows are as they should be. <!-- made of {made_of()} -->\n")
    for family, of_family in found.items():
        parts.append(f"## {family}\n")
        parts.append(
            "| model | quantity | published | theory | simulated | noticed | z | verdict |\n" + "|---" * 8 + "|"
        )
        parts.append("\n".join(line(row, critical) for row in of_family) + "\n")
    parts += [
        sensitive,
        f"![page of figures](figures/verification.png)\n\nThe last run took {seconds / 60:.1f} minutes.\n",
    ]
    return "\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    given = parser.parse_args()
    begun = time.monotonic()
    found: dict[str, list[Row]] = {}
    for family, makers in FAMILIES.items():
        found[family] = []
        for maker in makers:
            found[family] += maker()
    rows = [row for family in found.values() for row in family]
    critical = critical_value(sum(not math.isnan(row.z) for row in rows), LEVEL)
    for row in rows:
        print(line(row, critical))
    bad = [row for row in rows if not row.is_good(critical)]
    worst = max(abs(row.z) for row in rows if row.kind == "value")
    print(
        f"{len(rows) - len(bad)} of {len(rows)} rows as they should be; critical |z| {critical:.2f}, largest {worst:.2f}"
    )
    if not given.check:
        table, points = sensitivity.push()
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        pages.page(rows, critical, points).savefig(PAGE, dpi=130, metadata={"Software": None})
        DOCUMENT.write_text(document(found, critical, table, time.monotonic() - begun), encoding="utf-8")
    return 1 if bad else 0


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    sys.exit(main())
