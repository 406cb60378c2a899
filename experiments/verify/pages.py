"""The page of figures of the verification: theory as lines, the engine as points, and every row's z."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from experiments.verify import epidemics, processes, thresholds
from experiments.verify.rows import Row, participation, runs_of
from sim.laws import seismic_cdf
from sim.measures.theory import (
    bass_share,
    borel_tail,
    exposure_cdf,
    final_size,
    poisson_pmf,
    present_probability,
)
from sim.study.figures.style import arm_style, styled

THEORY = {"color": "0.35", "linewidth": 1.0, "zorder": 1}
SEEDS = range(500, 504)


def look(place: int) -> dict[str, object]:
    """Return colour and marker of a kind of points."""
    style = arm_style(place)
    return {"color": style["color"], "marker": style["marker"], "linestyle": "none", "markersize": 3.5, "zorder": 3}


def points(ax: Axes, x: Sequence[float], samples: Sequence[Sequence[float]], place: int, label: str = "") -> None:
    """Draw means with 95 % intervals over replicates."""
    means = [float(np.mean(s)) for s in samples]
    halves = [float(stats.t.ppf(0.975, len(s) - 1) * np.std(s, ddof=1) / math.sqrt(len(s))) for s in samples]
    ax.errorbar(x, means, yerr=halves, elinewidth=0.8, label=label, **look(place))


def named(ax: Axes, title: str, x: str, y: str) -> None:
    """Give a panel its words."""
    ax.set_title(title, loc="left", fontweight="bold")
    ax.set_xlabel(x)
    ax.set_ylabel(y)


def granovetter(ax: Axes, rows: list[Row]) -> None:
    sigmas = np.concatenate([np.linspace(8, 12.2, 60), np.linspace(12.23, 60, 120)])
    ax.plot(sigmas, [thresholds.granovetter_percent(s) for s in sigmas], **THEORY, label="continuum map")
    of_sigma = [row for row in rows if row.quantity.startswith("percent who take part, σ")]
    ax.plot([float(row.quantity.split("=")[1]) for row in of_sigma], [row.simulated for row in of_sigma], **look(0),
            label="engine, 10⁶ people")  # fmt: skip
    named(ax, "Granovetter 1978, N(25, σ) %", "σ (percent)", "who take part (percent)")
    ax.legend(loc="center right")


def watts(ax: Axes) -> None:
    degrees = np.linspace(0.2, 8, 118)
    ax.plot(degrees, [thresholds.watts_theory(z, 0.001) for z in degrees], **THEORY, label="Gleeson, Cahalane")
    at = [0.5, 1, 1.5, 2, 3, 4, 5, 5.6, 6.5, 7.5]
    found = [
        runs_of(["classic=watts", "population.size=20000", "scenario.timeline.0.number=20",
                 f"network.neighbours.graph.mean_degree={z}"], SEEDS, participation) for z in at
    ]  # fmt: skip
    points(ax, at, found, 0, "engine")
    named(ax, "Watts 2002, φ = 0.18, 0.1 % seeds", "mean degree", "final share active")
    ax.legend(loc="center", bbox_to_anchor=(0.48, 0.4))


def hassanpour(ax: Axes) -> None:
    cuts = [0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1]
    for place, (learning, label) in enumerate(((0, "thresholds fixed"), (1, "learnt from contacts"))):
        found = [thresholds.cut_off(cut, learning, SEEDS, participation) for cut in cuts]
        points(ax, cuts, found, place, label)
        ax.plot(cuts, [np.mean(f) for f in found], color=look(place)["color"], linewidth=0.7, zorder=2)
    named(ax, "Hassanpour 2014, push 0", "share of ties cut (of 30 a person)", "who take part (share)")
    ax.set_ylim(-0.05, 1.3)
    ax.legend(loc="upper left", ncols=2, columnspacing=0.8)


def push(ax: Axes, found: np.ndarray) -> None:
    x, middle, low, high = found.T
    ax.errorbar(x, 100 * middle, yerr=100 * np.stack([middle - low, high - middle]), elinewidth=0.8, **look(0))
    ax.axhline(0, color="0.6", linewidth=0.7)
    named(
        ax,
        "Sensitivity: push by being cut off",
        "push (units of dose), july15",
        "total throttle − open\n(percent of people)",
    )


def rewiring(ax: Axes) -> None:
    minutes = np.arange(1, 601)
    for place, (needed, p, label) in enumerate(
        ((1, 0, "simple, ring"), (1, 0.1, "simple, rewired"), (3, 0, "complex, ring"), (3, 0.1, "complex, rewired"))
    ):
        found = runs_of(["classic=rewiring", f"decision.critical_mass.value={needed}",
                         f"network.neighbours.graph.rewiring={p}"], SEEDS,
                        lambda run: np.cumsum(run.record.departures) / run.record.scalars["people"])  # fmt: skip
        style = {key: arm_style(place)[key] for key in ("color", "linestyle")}
        ax.plot(minutes, np.mean(found, axis=0)[:600], linewidth=1.0, label=label, **style)
    named(ax, "Centola and Macy 2007", "steps", "reached (share)")
    ax.set_xscale("log")
    ax.set_ylim(-0.03, 1.45)
    ax.legend(loc="upper left", ncols=2, columnspacing=0.8, handlelength=2.2)


def censorship(ax: Axes) -> None:
    for place, vision in enumerate((1, 3, 7)):
        found = runs_of(["classic=casilli_tubaro", f"network.neighbours.graph.radius={vision}"], SEEDS,
                        lambda run: run.record.snapshots[:, 2] / run.record.scalars["people"])  # fmt: skip
        hours = np.arange(len(found[0])) / 60
        style = {key: arm_style(place)[key] for key in ("color", "linestyle")}
        ax.plot(hours, 100 * np.mean(found, axis=0), linewidth=0.9, label=f"vision {vision}", **style)
    named(ax, "Casilli and Tubaro 2012", "hours", "active (percent)")
    ax.set_yscale("log")
    ax.legend(loc="upper right", ncols=3, columnspacing=0.8, handlelength=1.5)
    ax.set_ylim(0.1, 90)


def clusters(ax: Axes) -> None:
    for place, n in enumerate((0.5, 0.8)):
        sizes = np.concatenate(
            runs_of(
                ["classic=hawkes", f"posting.branching_ratio={n}"],
                SEEDS[:2],
                lambda r: processes.cluster_sizes(r, 9),
                True,
            )
        )
        k = np.unique(np.geomspace(1, sizes.max(), 22).astype(int))
        theory = np.arange(1, int(sizes.max()) + 1)
        ax.plot(theory, np.append(1.0, borel_tail(theory[:-1], n)), **THEORY)
        ax.plot(k, [(sizes >= i).mean() for i in k], **look(place), label=f"engine, n = {n:g}")
    named(ax, "Hawkes: clusters (lines: Borel)", "size k", "share of at least k")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.legend(loc="lower left")


def reactions(ax: Axes) -> None:
    times = np.sort(runs_of(["classic=seismic"], SEEDS[:1], processes.reaction_seconds, True)[0])
    minutes = np.geomspace(0.1, 360, 200)
    ax.plot(minutes, [seismic_cdf(60 * m) for m in minutes], **THEORY, label="kernel")
    at = np.array([0.5, 2, 5, 15, 60, 360])
    ax.plot(at, np.searchsorted(times, 60 * at) / 50_000, **look(0), label="engine")
    named(ax, "SEISMIC: reaction times", "minutes since the impression", "reactions per reader")
    ax.set_xscale("log")
    ax.legend(loc="upper left")


def queue(ax: Axes) -> None:
    hours = np.arange(0, 10.01, 0.1)
    at = np.arange(0, 10.01, 1.0)
    for place, (law, (configured, survival, jumps)) in enumerate(processes.STAYS.items()):
        ax.plot(hours, [1000 * present_probability(processes.RATE, survival, h, jumps) for h in hours], **THEORY)
        found = runs_of(["classic=squares_queue", f"++attendance.stay={configured}"], SEEDS[:1],
                        lambda run: run.record.snapshots[:, 2] / run.record.scalars["people"])[0]  # fmt: skip
        ax.plot(at + 0.06 * place, 1000 * found[(60 * at).astype(int)], **look(place), label=law)
    named(ax, "Squares as M/G/∞ (lines: theory)", "hours", "on squares, per 1000 people")
    ax.legend(loc="lower right", title="stay of mean 1.5 h")


def exposures(ax: Axes) -> None:
    hours = np.linspace(0, 5, 200)
    for place, k in enumerate((1, 3)):
        ax.plot(hours, exposure_cdf(hours, 2.0, k), **THEORY)
        found = np.sort(
            runs_of(["classic=exposures", f"decision.threshold.value={k}"], SEEDS[:1], processes.exposure_hours, True)[
                0
            ]
        )
        at = np.linspace(0.1, 4.9, 17)
        ax.plot(at, np.searchsorted(found, at) / len(found), **look(place), label=f"engine, k = {k}")
    named(ax, "k-th exposure (lines: Erlang)", "hours, at 2 exposures an hour", "share exposed k times")
    ax.legend(loc="lower right")


def final_sizes(ax: Axes) -> None:
    t = np.linspace(0, 1, 81)
    pmf = poisson_pmf(3.0)
    ax.plot(3 * t, [epidemics.percolation(pmf, x, 0.002) for x in t], **THEORY)
    ax.plot(3 * t, [final_size(r, 0.01) for r in 3 * t], color="0.35", linewidth=1.0, linestyle=(0, (4, 1.5)))
    at = [0.2, 0.3, 0.4, 0.5, 0.7, 0.9]
    found = [
        runs_of(["classic=sir_network", "population.size=20000", "scenario.timeline.0.number=40", *epidemics.FIXED,
                 f"channels.contacts.attention={x}"], SEEDS, participation) for x in at
    ]  # fmt: skip
    points(ax, [3 * x for x in at], found, 0, "network, Poisson degrees")
    ratios = [0.7, 1.1, 1.5, 2.0, 2.7]
    found = [
        runs_of(["classic=sir_complete", "population.size=10000", f"channels.contacts.attention={r * 20 / 10_000}",
                 "scenario.timeline.0.number=100"], SEEDS, participation) for r in ratios
    ]  # fmt: skip
    points(ax, ratios, found, 1, "all meet all")
    named(ax, "SIR (lines: theory)", "infections per infected person at first", "final size")
    ax.legend(loc="upper left")
    ax.set_ylim(-0.03, 1.25)


def adoption(ax: Axes) -> None:
    hours = np.linspace(0, 20, 200)
    ax.plot(hours, bass_share(hours, 0.03, 0.38), **THEORY, label="Bass")
    found = np.array(
        runs_of(["classic=bass", "population.size=500", f"channels.contacts.dose.call={0.38 / 500}"], SEEDS,
                lambda run: np.cumsum(run.record.departures) / 500)
    )  # fmt: skip
    at = np.arange(1, 20, 1.5)
    points(ax, list(at), [found[:, int(60 * h) - 1] for h in at], 0, "engine")
    named(ax, "Bass 1969, p = 0.03, q = 0.38", "steps (hours)", "adopters (share)")
    ax.legend(loc="lower right")


def deviations(ax: Axes, rows: list[Row], critical: float) -> None:
    values = [row for row in rows if row.kind == "value"]
    words = [row.model.replace(",", " ").replace(";", " ").split()[0] for row in values]
    kinds = list(dict.fromkeys(words))
    for place, word in enumerate(kinds):
        at = [i for i, other in enumerate(words) if other == word]
        ax.plot(at, [values[i].z for i in at], **look(place % 7))
        if at[0] > 0:
            ax.axvline(at[0] - 0.5, color="0.85", linewidth=0.7, zorder=0)
    ax.set_xticks([np.mean([i for i, other in enumerate(words) if other == word]) for word in kinds], kinds)
    ax.tick_params(axis="x", length=0)
    for limit in (-critical, critical):
        ax.axhline(limit, color="0.35", linewidth=0.9, linestyle=(0, (4, 1.5)))
    ax.axhline(0, color="0.6", linewidth=0.7)
    ax.text(len(values) - 0.5, critical + 0.12, f"critical value ±{critical:.2f}", ha="right", va="bottom", fontsize=7)
    ax.set_ylim(-critical - 1, critical + 1)
    ax.set_xlim(-1, len(values))
    named(ax, "Every row in which theory and engine differ by chance alone", "rows of the table, in its order", "z")


@styled
def page(rows: list[Row], critical: float, pushes: np.ndarray) -> Figure:
    """Return the page: twelve panels and the deviations of all rows."""
    drawing = Figure(figsize=(9.6, 12.4), layout="constrained")
    grid = drawing.add_gridspec(5, 3, height_ratios=[1, 1, 1, 1, 0.75])
    panels: list[Callable[[Axes], None]] = [
        lambda ax: granovetter(ax, rows), watts, rewiring, hassanpour, lambda ax: push(ax, pushes), censorship,
        clusters, reactions, queue, exposures, final_sizes, adoption,
    ]  # fmt: skip
    for place, panel in enumerate(panels):
        panel(drawing.add_subplot(grid[place // 3, place % 3]))
    deviations(drawing.add_subplot(grid[4, :]), rows, critical)
    return drawing
