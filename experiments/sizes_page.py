"""What do values and standard deviations by population size look like? The figure of `experiments/sizes.py`.

Command: ``make sizes``, which draws docs/figures/sizes.png. Figures: that one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from sim.measures.intervals import Interval
from sim.study.figures.style import arm_style, readable, styled

if TYPE_CHECKING:
    from experiments.sizes_findings import Finding

COLUMNS = 4
WIDTH, UPPER, LOWER = 1.6, 1.1, 0.75  # inches of a panel
LEFT, BETWEEN, UNDER, OVER = 0.8, 0.1, 0.42, 0.3  # inches left of, between, under and over the two panels of a cell
BLUE, ORANGE = (arm_style(place)["color"] for place in (0, 1))
LOOKS: dict[str, dict[str, Any]] = {
    "equivalent": {"marker": "o", "color": BLUE, "markersize": 4.5},
    "different": {"marker": "X", "color": ORANGE, "markersize": 6},
    "undecided": {"marker": "D", "color": "0.35", "markerfacecolor": "white", "markersize": 4},
    "missing": {"marker": "x", "color": "0.35"},
    "largest": {"marker": "s", "color": "black", "markersize": 4.5},
}
TOLD = {
    "largest": "the largest size",
    "equivalent": "equivalent to it (s.d.: as the root)",
    "different": "different from it",
    "undecided": "undecided",
}
BAND: dict[str, Any] = {"facecolor": "0.88", "edgecolor": "none"}
ROOT_LINE: dict[str, Any] = {"color": "0.4", "linewidth": 0.8, "linestyle": (0, (4, 2))}


@styled
def draw(findings: Sequence[Finding]) -> Figure:
    """The page: two panels for each question, and the legend in the last cell."""
    rows = math.ceil((len(findings) + 1) / COLUMNS)
    width, height = COLUMNS * (LEFT + WIDTH) + 0.1, rows * (OVER + UPPER + BETWEEN + LOWER + UNDER)
    page = Figure(figsize=(width, height))
    for place in range(len(findings) + 1):
        row, column = divmod(place, COLUMNS)
        left = column * (LEFT + WIDTH) + LEFT
        top = height - row * (OVER + UPPER + BETWEEN + LOWER + UNDER) - OVER
        boxes = ((top - UPPER, UPPER), (top - UPPER - BETWEEN - LOWER, LOWER))
        upper, lower = (page.add_axes((left / width, y / height, WIDTH / width, h / height)) for y, h in boxes)
        if place < len(findings):
            draw_values(upper, findings[place])
            draw_deviations(lower, findings[place])
            page.align_ylabels([upper, lower])
        else:
            draw_legend(upper, sorted(findings[0].values))
            lower.remove()
    return page


def verdicts(finding: Finding, of: str) -> dict[int, str]:
    found = finding.bias if of == "bias" else finding.scatter
    return {n: found[n].verdict if n in found else "largest" for n in finding.values}


def draw_points(ax: Axes, points: dict[int, Interval], looks: dict[int, str]) -> None:
    for people, point in points.items():
        if not math.isfinite(point.estimate):
            continue
        bars = [[point.estimate - point.low], [point.high - point.estimate]] if math.isfinite(point.low) else None
        look = {"markeredgecolor": LOOKS[looks[people]]["color"], **LOOKS[looks[people]], "zorder": 3}
        ax.errorbar([people], [point.estimate], yerr=bars, capsize=2, elinewidth=0.9, linestyle="none", **look)


def size_axis(ax: Axes, sizes: Sequence[int], label: bool) -> None:
    ax.set_xscale("log")
    ax.set_xlim(sizes[0] / 1.8, sizes[-1] * 1.8)
    ax.set_xticks(sizes, [readable(n) for n in sizes] if label else [""] * len(sizes))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(width=0.6)
    ax.grid(axis="y", color="0.93", linewidth=0.5)
    ax.set_axisbelow(True)
    if label:
        ax.set_xlabel("simulated people", fontsize=7, labelpad=1.5)


def draw_values(ax: Axes, finding: Finding) -> None:
    sizes = sorted(finding.values)
    centre = finding.values[sizes[-1]].estimate
    if math.isfinite(centre) and math.isfinite(finding.margin):
        ax.axhspan(centre - finding.margin, centre + finding.margin, zorder=0, gid="margin", **BAND)
        ax.axhline(centre, color="0.6", linewidth=0.6, zorder=1)
    draw_points(ax, finding.values, verdicts(finding, "bias"))
    if not math.isfinite(centre):
        ax.text(0.5, 0.5, "too few posts or people", transform=ax.transAxes, ha="center", va="center", fontsize=7)
        ax.set_yticks([])
    size_axis(ax, sizes, label=False)
    ax.margins(y=0.12)
    if math.isfinite(centre):
        ax.yaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_formatter(lambda value, _: readable(value, 4))
    ax.set_ylabel(finding.kind.unit, fontsize=7)
    ax.set_title(finding.question.words, loc="left", pad=4)


def draw_deviations(ax: Axes, finding: Finding) -> None:
    sizes = sorted(finding.values)
    last = finding.deviations[sizes[-1]].estimate
    scatters = any(deviation.estimate > 0 for deviation in finding.deviations.values())  # none may, among few people
    if scatters:
        ax.set_yscale("log")
    if math.isfinite(last) and last > 0:
        ends = [sizes[0] / 1.4, sizes[-1] * 1.4]
        ax.plot(ends, [last * math.sqrt(sizes[-1] / n) for n in ends], zorder=1, gid="root", **ROOT_LINE)
    draw_points(ax, finding.deviations, verdicts(finding, "scatter"))
    size_axis(ax, sizes, label=True)
    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)) if scatters else MaxNLocator(2))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(lambda value, _: readable(value))
    ax.set_ylabel(f"s.d. ({finding.kind.short})", fontsize=7)


def draw_legend(ax: Axes, sizes: Sequence[int]) -> None:
    ax.axis("off")
    handles: list[Any] = [Line2D([], [], linestyle="none", label=TOLD[name], **LOOKS[name]) for name in TOLD]
    handles.append(Patch(label=f"margin around the value\nat {readable(sizes[-1])} people", **BAND))
    handles.append(Line2D([], [], label="s.d. \N{PROPORTIONAL TO} 1 / \N{SQUARE ROOT}people", **ROOT_LINE))
    bars = "whiskers: 95 % intervals,\npointwise; verdicts hold\ntogether at 95 %"
    handles.append(Line2D([], [], linestyle="none", label=bars))
    ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(-0.15, 1.05), handlelength=2.2, labelspacing=0.7)
