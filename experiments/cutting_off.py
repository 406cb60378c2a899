"""When does cutting people off bring more of them out?

Command: ``python -m experiments.cutting_off`` (95 seconds on two cores; ``--quick`` tries it with few people).
Figures: docs/figures/{cutting_ties,push_and_substitution}.png. Findings: docs/experiments.md.

Two maps of signs. In the model of Hassanpour (2014) a part of everybody's ties is cut, with no push by being cut off, over how
dense the network is and how far thresholds are spread. In the night of 15 July feeds are throttled, over how much being cut
off pushes people and whether they turn elsewhere, which decide the sign there and which no datum constrains.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from experiments.asking import Answer, Asked, Experiment, Finding, Size, interval_of, main, table
from sim.measures.simultaneous import holm_intervals

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEGREE, SPREAD = "network.neighbours.graph.mean_degree", "decision.critical_mass.sd"
PUSH, SUBSTITUTION = "throttle.push", "throttle.substitution"
SHOWN = {DEGREE: (4, 16, 64), SPREAD: (0.1, 0.2, 0.4)}
"""Of the cells of the model, those whose numbers stand in the table; the map shows all."""
TIES = Size(3000, 8)
SMALL = 0.01
CUTS = {"half_cut": "half of all ties cut", "most_cut": "nine of ten ties cut"}


def counted(contrasts: pd.DataFrame) -> dict[str, int]:
    """In how many cells a difference is above 0 and below it, by Holm's procedure over the map, and how many there are.

    Small ones are those decided that are below one in a hundred: on the same dice a handful of people can be told from 0.
    """
    decided = holm_intervals([interval_of(row) for _, row in contrasts.iterrows()]).is_rejected
    differences = contrasts["difference"].to_numpy()
    above, small = differences > 0, decided & (abs(differences) < SMALL)
    return {"more": int((decided & above).sum()), "fewer": int((decided & ~above).sum()), "all": len(contrasts),
            "small": int(small.sum())}  # fmt: skip


def rows_of(contrasts: pd.DataFrame, outcome: str, arm: str, **values: float) -> pd.DataFrame:
    """Cells of a map: of an outcome and an arm, and where the factors have given values."""
    rows = contrasts[(contrasts["outcome"] == outcome) & (contrasts["arm"] == arm)]
    for factor, value in values.items():
        rows = rows[rows[factor] == value]
    return rows


def answer(folders: Mapping[str, Path]) -> Answer:
    """From the folders of both designs to findings, sentences and figures."""
    ties, night = table(folders["ties"], "contrasts"), table(folders["night"], "contrasts")
    done = Answer()
    told = []
    for arm, words in CUTS.items():
        of_arm = rows_of(ties, "participation", arm)
        n = counted(of_arm)
        told.append(f"with {words} more take part in {n['more']} cells and fewer in {n['fewer']} of {n['all']} "
                    f"(in {n['small']} of these by less than 0.01 of all people)")  # fmt: skip
        done.findings[f"participation, {words} - whole"] = [
            Finding(f"{degree:g} ties, spread {sd:g}", interval_of(row), "1")
            for (degree, sd), row in of_arm.set_index([DEGREE, SPREAD]).iterrows()
            if degree in SHOWN[DEGREE] and sd in SHOWN[SPREAD]
        ]
    for push, rows in rows_of(night, "participants", "throttled").groupby(PUSH):
        done.findings[f"push {push:g}: participants, throttled - open"] = [
            Finding(f"substitution {row[SUBSTITUTION]:g}", interval_of(row)) for _, row in rows.iterrows()
        ]
    n = counted(rows_of(night, "participants", "throttled"))
    cells = "; ".join(told)
    done.text = (
        "In a model after Hassanpour (2014), with no push by being cut off, cutting ties goes either way. Random networks, "
        f"normal thresholds and all values are ours ({TIES}). {cells[0].upper()}{cells[1:]} (Holm's procedure over each map; "
        "near the border a cascade runs or does not, and t intervals of so few replicates are rough). Fewer come where the "
        "network is sparse and thresholds are spread; more come beside that, in a narrow band with half of the ties cut, up to "
        "the densest networks with nine of ten. "
        f"In the night of 15 July the throttle brings out more people in {n['more']} and fewer in {n['fewer']} of {n['all']} "
        "combinations of push and substitution: these two decide the sign, and no datum constrains them, so the simulation "
        "does not say which it was."
    )
    done.figures["cutting_ties"] = draw_ties(ties)
    done.figures["push_and_substitution"] = draw_night(night)
    return done


def draw_ties(contrasts: pd.DataFrame) -> Figure:
    """The signs over density and spread, for both cuts."""
    from sim.study.figures import figure, sign_map
    from sim.study.figures.style import spread

    drawing, panels = figure((2.4, 2.4), width=4.0)
    for panel, (arm, words) in zip(panels, CUTS.items(), strict=True):
        sign_map(panel, contrasts, DEGREE, SPREAD, "participation", arm=arm, title=f"Participation, {words}")
    return spread(drawing)


def draw_night(contrasts: pd.DataFrame) -> Figure:
    """The signs and sizes over push and substitution."""
    from sim.study.figures import figure, heat_map, sign_map
    from sim.study.figures.style import spread

    drawing, panels = figure((2.4, 2.4), width=4.0)
    for panel, draw in zip(panels, (sign_map, heat_map), strict=True):
        draw(panel, contrasts, PUSH, SUBSTITUTION, "participants", arm="throttled")
    return spread(drawing)


EXPERIMENT = Experiment(
    "cutting_off",
    "When does cutting people off bring more of them out?",
    (
        Asked("ties", ("classic=hassanpour_normal", "study=cutting_ties", "design=density_and_spread"), TIES),
        Asked("night", ("design=push_and_substitution", "study.nulls=[]"), Size(20_000, 12)),
    ),
    answer,
)

if __name__ == "__main__":
    main(EXPERIMENT)
