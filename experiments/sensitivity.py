"""Which parameters, and which structures of the model, decide turnout, the throttle's effect, dip and rebound?

Command: ``python -m experiments.sensitivity`` (half an hour on two cores; ``--quick`` for a look). Figures:
outputs/inference/sensitivity/morris.png, sobol.png and structure.png, copied to docs/figures; the page is docs/sensitivity.md.

Parameters vary over their priors (conf/calibration/night.yaml), all nights on the same dice. Morris's effects screen all of
them; Sobol's indices, with intervals, are taken for those that matter most; the others stay in the middle of their priors. The
screening is done again under each rule of deciding and with random graphs in place of the generated ties.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.fitting import command_of, of_reading, parser_of, wrapped, write_page
from sim.door import command
from sim.inference.priors import Prior, values_at
from sim.inference.sensitivity import Measure, measured_at, morris_shares, morris_table, sobol_shares, sobol_table
from sim.study.design import Design, Factor
from sim.study.figures.style import styled
from sim.study.figures.written import save
from sim.study.points import Settings
from sim.study.store import Store
from sim.study.template import ArmsOfPoints
from sim.study.workers import Workplace
from sim.threads import n_processors

NUMBERS = {
    "trajectories": (10, "of Morris, over all parameters"), "base": (256, "points of Sobol, a power of two"),
    "first": (3, "parameters of each measure that get Sobol's indices"),
    "structures": (10, "trajectories under each structure"),
    "people": (10_000, "of each night"), "replicates": (1, "nights of each point"),
}  # fmt: skip
READING = "calendar_days"
MEASURES: dict[str, Measure] = {
    "turnout": ("participation", "throttled", None),
    "effect of the throttle": ("participation", "throttled", "open"),
    "dip from leaving": ("dip_from_leaving", "throttled", None),
    "rebound from return": ("rebound_from_return", "throttled", None),
}
RULES = ("threshold", "hazard", "critical_mass")
NETWORKS = {
    "generated ties": (),
    "random graphs": (
        "network.followers.graph={graph: erdos_renyi, mean_degree: 25}",
        "network.friends.graph={graph: erdos_renyi, mean_degree: 20}",
        "network.neighbours.graph={graph: erdos_renyi, mean_degree: 8}",
    ),
}
OF_RULES: dict[str, dict[str, Any]] = {
    "parameters.hazard_per_hour": {"law": "log_uniform", "range": [0.01, 0.1], "unit": "1/h"},
    "parameters.critical_mass_mean": {"range": [0.1, 0.3]},
    "parameters.critical_mass_sd": {"range": [0.07, 0.25]},
}
"""Priors of what the other two rules have instead of thresholds (assumed)."""


class Nights:
    """Nights of one structure, and the priors of the parameters that move something in them."""

    def __init__(self, overrides: tuple[str, ...], people: int) -> None:
        composed, plan, _ = of_reading(READING, people, *overrides)
        about = {"says": "of another rule of deciding", "source": "assumed"}
        priors = plan.priors | {key: Prior.model_validate(its | about) for key, its in OF_RULES.items()}
        idle = self._arms(composed, priors).moves_nothing()
        self.priors = {
            key: prior for key, prior in priors.items() if key not in idle and not _is_unused(key, overrides)
        }
        self.arms = self._arms(composed, self.priors)

    @staticmethod
    def _arms(composed: Any, priors: dict[str, Prior]) -> ArmsOfPoints:
        factors = {key: Factor(range=prior.range) for key, prior in priors.items()}
        arms = ArmsOfPoints(composed, None, Design(method="lhs", factors=factors, points=1))
        arms.prepare({key: prior.range[0] for key, prior in priors.items()})
        return arms


def _is_unused(key: str, overrides: tuple[str, ...]) -> bool:
    """Return whether a parameter stands in the options and is not used by the rule of deciding."""
    rule = next((o.split("=")[1] for o in overrides if o.startswith("decision=")), "threshold")
    own = {
        "threshold": ("threshold_median", "threshold_sigma"),
        "hazard": ("hazard_per_hour",),
        "critical_mass": ("critical_mass_mean", "critical_mass_sd"),
    }
    others = {name for of, names in own.items() if of != rule for name in names}
    return key.removeprefix("parameters.") in others


def screen(
    nights: Nights, n: int, given: argparse.Namespace, settings: Settings, place: Workplace
) -> tuple[dict[str, pd.DataFrame], int]:
    """Return Morris's table of each measure, and how many points lacked one of them."""
    shares = morris_shares(nights.priors, n, given.seed)
    found = measured_at(shares, nights.priors, {}, MEASURES, nights.arms, settings, place, seed=given.seed)
    block = len(nights.priors) + 1
    whole = np.isfinite(np.stack(list(found.values()))).all(axis=0).reshape(-1, block).all(axis=1)
    keep = np.repeat(whole, block)
    tables = {
        name: morris_table(nights.priors, shares[keep], values[keep], given.seed) for name, values in found.items()
    }
    return tables, int((~whole).sum())


def sobol(
    nights: Nights, keys: list[str], given: argparse.Namespace, settings: Settings, place: Workplace
) -> tuple[dict[str, pd.DataFrame], int]:
    """Return the table of Sobol's indices of each measure over some parameters, and how many base points were left out."""
    priors = {key: nights.priors[key] for key in keys}
    others = {key: prior for key, prior in nights.priors.items() if key not in keys}
    fixed = values_at(others, np.zeros((1, len(others))))[0] if others else {}
    shares = sobol_shares(priors, given.base, given.seed)
    found = measured_at(shares, priors, fixed, MEASURES, nights.arms, settings, place, seed=given.seed)
    block = len(keys) + 2
    whole = np.isfinite(np.stack(list(found.values()))).all(axis=0).reshape(-1, block).all(axis=1)
    keep = np.repeat(whole, block)
    return {name: sobol_table(priors, values[keep], given.seed) for name, values in found.items()}, int((~whole).sum())


def leading(tables: dict[str, pd.DataFrame], n: int) -> list[str]:
    """Return the parameters that are among the n with the largest effects on some measure."""
    firsts = [table.sort_values("mu_star", ascending=False)["parameter"].head(n) for table in tables.values()]
    return list(dict.fromkeys(pd.concat(firsts)))


def ordered(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return all parameters, by effects relative to the largest one, summed over the measures."""
    sizes = sum(
        table.set_index("parameter")["mu_star"] / table["mu_star"].max()
        for table in tables.values()
        if table["mu_star"].max() > 0
    )
    assert isinstance(sizes, pd.Series)
    return list(sizes.sort_values(ascending=False).index)


@styled
def draw_morris(tables: dict[str, pd.DataFrame], keys: list[str]) -> Figure:
    """Draw each parameter's mean effect with its interval, a panel for each measure."""
    drawing = Figure(figsize=(10.5, 0.17 * len(keys) + 1.6))
    panels = drawing.subplots(1, len(tables), sharey=True)
    rows = np.arange(len(keys))
    for ax, (name, table) in zip(panels, tables.items(), strict=True):
        its = table.set_index("parameter").loc[keys[::-1]]
        ax.barh(rows, its["mu_star"], height=0.66, color="#C9CED6", linewidth=0)
        ax.errorbar(its["mu_star"], rows, xerr=its["mu_star_error"], fmt="none", ecolor="#404040", elinewidth=0.6)
        ax.plot(its["mu"], rows, marker="o", linestyle="", markersize=2.6, color="#0072B2")
        ax.axvline(0.0, color="#404040", linewidth=0.5)
        ax.set_title(name)
        ax.set_ylim(-0.8, len(keys) - 0.2)
    panels[0].set_yticks(rows, [key.removeprefix("parameters.") for key in keys[::-1]], fontsize=6.5)
    handles = [
        Line2D([], [], color="#C9CED6", linewidth=5, label="mean size of the effect, with a 95 % interval"),
        Line2D([], [], color="#0072B2", marker="o", linestyle="", markersize=3, label="mean effect, with its sign"),
    ]
    _below(drawing, "change of the measure (a share) as a parameter goes through its whole prior", handles)
    return drawing


@styled
def draw_sobol(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw first and total indices with their intervals, a panel for each measure."""
    keys = list(next(iter(tables.values()))["parameter"])
    drawing = Figure(figsize=(10.5, 0.36 * len(keys) + 1.4))
    panels = drawing.subplots(1, len(tables), sharey=True)
    rows = np.arange(len(keys))
    for ax, (name, table) in zip(panels, tables.items(), strict=True):
        its = table.set_index("parameter").loc[keys[::-1]]
        for column, shift, colour in (("first", 0.17, "#0072B2"), ("total", -0.17, "#D9730D")):
            ax.barh(rows + shift, its[column], height=0.32, color=colour, alpha=0.75, linewidth=0)
            ax.errorbar(
                its[column], rows + shift, xerr=its[f"{column}_error"], fmt="none", ecolor="#404040", elinewidth=0.7
            )
        ax.axvline(0.0, color="#404040", linewidth=0.5)
        ax.set_xlim(-0.4, 1.6)
        ax.set_title(name)
    panels[0].set_yticks(rows, [key.removeprefix("parameters.") for key in keys[::-1]], fontsize=6.5)
    handles = [
        Line2D([], [], color="#0072B2", linewidth=5, label="by itself (first-order index), 95 % interval"),
        Line2D([], [], color="#D9730D", linewidth=5, label="with all interactions (total index), 95 % interval"),
    ]
    _below(drawing, "share of the measure's variance (intervals that pass the edges go on)", handles)
    return drawing


def _below(drawing: Figure, label: str, handles: list[Line2D]) -> None:
    """Put one label for all panels, and the legend, close below them."""
    height = drawing.get_figheight()
    drawing.subplots_adjust(bottom=0.75 / height, top=1 - 0.3 / height)
    drawing.supxlabel(label, fontsize=8, y=0.3 / height)
    drawing.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 0.0), ncols=2)


@styled
def draw_structure(structures: dict[str, dict[str, pd.DataFrame]], keys: list[str]) -> Figure:
    """Draw the size of effects, relative to the largest, under every structure; a dot where an interval holds 0."""
    names = list(structures)
    drawing = Figure(figsize=(2.5 * len(MEASURES) + 1.6, 0.19 * len(keys) + 1.7))
    panels = drawing.subplots(1, len(MEASURES), sharey=True)
    for ax, measure in zip(panels, MEASURES, strict=True):
        tables = [structures[name][measure].set_index("parameter").reindex(keys) for name in names]
        largest = [structures[name][measure]["mu_star"].max() for name in names]
        grid = np.stack([t["mu_star"] / (m if m > 0 else 1.0) for t, m in zip(tables, largest, strict=True)], axis=1)
        image = ax.imshow(grid, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.patch.set(hatch="//////", facecolor="white", edgecolor="#9AA3AF", linewidth=0)
        for column, table in enumerate(tables):
            rows = np.flatnonzero((table["mu_star"] <= table["mu_star_error"]).to_numpy())
            ax.plot(np.full(len(rows), column), rows, marker=".", markersize=1.8, linestyle="", color="#404040")
        ax.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=5.5)
        ax.set_title(measure)
    panels[0].set_yticks(range(len(keys)), [key.removeprefix("parameters.") for key in keys], fontsize=6.5)
    bar = drawing.colorbar(image, ax=list(panels), fraction=0.02, pad=0.02)
    bar.set_label("mean size of the effect / the largest (dot: its interval holds 0; hatched: not used)", fontsize=6.5)
    return drawing


def main() -> int:
    parser = parser_of("sensitivity", __doc__, NUMBERS)
    parser.add_argument("--quick", action="store_true", help="few points and people: to see that all of it works")
    given = parser.parse_args()
    if given.quick:
        given.trajectories, given.base, given.structures, given.people = 2, 4, 2, 4000
    given.out.mkdir(parents=True, exist_ok=True)
    settings = Settings(given.replicates, ("keyboard",), False, "compiled", Store(given.store), False)
    place = Workplace("loky", None, given.workers or n_processors())
    nights = Nights((), given.people)
    tables, lost = screen(nights, given.trajectories, given, settings, place)
    keys = ordered(tables)
    of_few, lost_of_few = sobol(nights, leading(tables, given.first), given, settings, place)
    structures: dict[str, dict[str, pd.DataFrame]] = {}
    for network, overrides in NETWORKS.items():
        for rule in RULES:
            other = Nights((f"decision={rule}", *overrides), given.people)
            structures[f"{rule}, {network}"], _ = screen(other, given.structures, given, settings, place)
    for name, some in (("morris", tables), ("sobol", of_few)):
        pd.concat([t.assign(measure=m) for m, t in some.items()]).to_parquet(given.out / f"{name}.parquet", index=False)
    save(draw_morris(tables, keys), given.out / "morris.png", 200)
    save(draw_sobol(of_few), given.out / "sobol.png", 200)
    rows = list(
        dict.fromkeys(
            [*keys[:20], *(f"parameters.{n}" for n in ("hazard_per_hour", "critical_mass_mean", "critical_mass_sd"))]
        )
    )
    save(draw_structure(structures, rows), given.out / "structure.png", 200)
    text = page(given, tables, of_few, structures, lost, lost_of_few)
    figures = {given.out / f"{name}.png": f"sensitivity_{name}.png" for name in ("morris", "sobol", "structure")}
    write_page(text, given, "sensitivity", figures)
    return 0


def page(
    given: argparse.Namespace,
    tables: dict[str, pd.DataFrame],
    of_few: dict[str, pd.DataFrame],
    structures: dict[str, dict[str, pd.DataFrame]],
    lost: int,
    lost_of_few: int,
) -> str:
    lines = [
        "# What results are sensitive to", "",
        wrapped(f"""Made by `{command_of(given, "sensitivity", NUMBERS)}`; not written by hand.
        {given.people:,} people, parameters over their priors (conf/calibration/night.yaml), all nights on the
        same dice: what differs is due to parameters, given these dice. Turnout and the throttle's effect on it
        are shares of all people; dip and rebound are those of `docs/glossary.md`, against the night in which
        people leave and post as if at home."""), "",
        "## All parameters", "",
        wrapped(f"""Morris (1991), {given.trajectories} trajectories on 4 levels ({lost} left out in which a night lacked a
        measure): the mean size of the effect of going once through the whole prior."""), "",
        "![Effects of all parameters](figures/sensitivity_morris.png)", "",
        "| measure | largest effects: mean size, with half a 95 % interval |", "|---|---|",
    ]  # fmt: skip
    for name, table in tables.items():
        top = table.sort_values("mu_star", ascending=False).head(5)
        told = ", ".join(
            f"`{r['parameter']}` {r['mu_star']:.4f} ± {r['mu_star_error']:.4f}" for r in top.to_dict("records")
        )
        lines.append(f"| {name} | {told} |")
    lines += [
        "", "## Those that matter most", "",
        wrapped(f"""Sobol's indices over the {len(next(iter(of_few.values())))} parameters that are among the first
        {given.first} of some measure above, {given.base} base points ({lost_of_few} left out), all others in the middle of
        their priors, so that what they add, and what goes with them, is left out. Intervals are bootstrapped; they can pass 0
        and 1."""), "",
        "![Sobol's indices](figures/sensitivity_sobol.png)", "",
        "| measure | total index, with half a 95 % interval |", "|---|---|",
    ]  # fmt: skip
    for name, table in of_few.items():
        top = table.sort_values("total", ascending=False).head(4)
        told = ", ".join(
            f"`{r['parameter']}` {r['total']:.2f} ± {r['total_error']:.2f}" for r in top.to_dict("records")
        )
        lines.append(f"| {name} | {told} |")
    lines += [
        "", "## Other structures", "",
        wrapped(f"""The same screening with {given.structures} trajectories under the three rules of deciding, with the ties
        that are generated (heavy-tailed followers, friends nearby, neighbours in rings) and with random graphs of the same
        mean degrees (Erdős and Rényi) in their place. The first three effects of each structure, with half a 95 % interval;
        in brackets those whose interval holds 0."""), "",
        "![Effects under other structures](figures/sensitivity_structure.png)", "",
        "| structure | " + " | ".join(f"{m}: first three" for m in MEASURES) + " |", "|---|" + "---|" * len(MEASURES),
    ]  # fmt: skip
    for name, of in structures.items():
        lines.append(f"| {name} | " + " | ".join(", ".join(_firsts(of[measure])) for measure in MEASURES) + " |")
    return "\n".join(lines) + "\n"


def _firsts(table: pd.DataFrame) -> list[str]:
    told = []
    for row in table.sort_values("mu_star", ascending=False).head(3).to_dict("records"):
        words = f"{row['parameter'].split('.')[1]} {row['mu_star']:.4f} ± {row['mu_star_error']:.4f}"
        told.append(words if row["mu_star"] > row["mu_star_error"] else f"({words})")
    return told


if __name__ == "__main__":
    sys.exit(command(main))
