"""Does the model foretell what it was not fitted to, and better than models that leave something out?

Command: ``python -m experiments.validation`` (an hour on two cores; ``--points 100 --draws 40`` for a look). Figures:
outputs/inference/validation/held_out.png and first_hearing.png, copied to docs/figures; the page is docs/validation.md.

Four models are fitted to the same statistics, each from a table of nights of its own: the full one, one without social
reinforcement, one without the street, and the daily cycle alone. What was held out is foretold by all four: the shape of the
topic curve, the time of the peak, and each fitted statistic in turn, by a fit that is not told it.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from experiments.fitting import READINGS, command_of, name_of, of_reading, parser_of, write_page
from experiments.validation_page import page
from sim.config import scenario_of
from sim.door import command
from sim.inference.plan import Calibration
from sim.inference.posterior import equal_draws
from sim.inference.rejection import adjusted_posterior
from sim.inference.scores import crps
from sim.inference.series import Bins
from sim.inference.statistics import Statistic, minute_of
from sim.inference.table import ReferenceTable, prior_places, table_at
from sim.scenario import Scenario
from sim.study.figures.style import channel_name, figure, legend_below, readable, styled
from sim.study.figures.written import save
from sim.study.store import Store
from sim.study.template import Compose

NUMBERS = {"points": (600, "nights of each model's table"), "draws": (60, "from each posterior"),
           "people": (10_000, "of each night")}  # fmt: skip
NEAREST = 0.2
"""Share of a table that a posterior is made of."""
BIN = 15
"""Minutes: how closely the time of the peak is looked at."""
PEAK, PEAK_SD = 60.0, 15.0
"""Minutes after midnight: S9 and S10 have posting high until 01:00 and falling after; how sharp that is, is assumed."""
TOPIC, OF_PEAK, HEARD = "topic_ratio", "peak", "first_heard_"
TOLD = {
    TOPIC: "topic curve, 00:00-04:00 / 22:00-24:00",
    OF_PEAK: "time of the peak, minutes after midnight",
    "posts_ratio_day_1": "tweets of 15 July / an ordinary day",
    "posts_ratio_day_2": "tweets of 16 July / an ordinary day",
    "posts_throttle_window": "tweets during the throttling",
    "posts_after_window": "tweets after it",
    "share_left_before_call": "share who left before the call",
}
"""What is foretold, in words; by a reading, those that it has."""


@dataclass(frozen=True)
class Model:
    """A model that is compared: what is left out of the full one."""

    overrides: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Beginnings of the parameters that it has not, below `parameters.` and elsewhere."""
    lacks: tuple[str, ...] = ()
    """Statistics that its nights have not."""
    topic: str = "topical_twitter"
    """The curve whose shape stands for the topic's."""
    only: tuple[str, ...] = ()
    """The parameters that it has, if it has few."""


DECIDING = ("parameters.able_share", "parameters.threshold", "parameters.dose_", "parameters.social", "parameters.repeat",
            "parameters.posting_on_square", "parameters.victory", "parameters.sleep_after", "throttle.push")  # fmt: skip
MODELS = {
    "full model": Model(),
    "no social reinforcement": Model(
        ("parameters.social=0", "parameters.dose_neighbours=0"), ("parameters.social", "parameters.dose_neighbours")
    ),
    "no street": Model(("parameters.able_share=0",), DECIDING, ("share_left_before_call",)),
    "daily cycle alone": Model(
        ("scenario.timeline=[]", "scenario.outages=[]", "throttle=none"), (),
        ("share_left_before_call", "surge_after_call", "dip_depth", "rebound_ratio", TOPIC), "published_twitter",
        ("parameters.tweets_per_user_day",),
    ),
}  # fmt: skip
LOOKS = {
    "full model": ("#0072B2", "o"),
    "no social reinforcement": ("#D9730D", "s"),
    "no street": ("#009E73", "^"),
    "daily cycle alone": ("#404040", "D"),
}


def of_model(model: Model, reading: str, people: int) -> tuple[Compose, Calibration, Scenario]:
    """Return what composes a model's nights, its calibration, and its scenario."""
    composed, plan, config = of_reading(reading, people, *model.overrides)
    kept = {k: p for k, p in plan.priors.items() if not k.startswith(model.without)} if model.without else plan.priors
    if model.only:
        kept = {key: kept[key] for key in model.only}
    statistics = {name: s for name, s in plan.statistics.items() if name not in model.lacks}
    return composed, plan.model_copy(update={"priors": kept, "statistics": statistics}), scenario_of(config)


def extras(model: Model, plan: Calibration, scenario: Scenario) -> tuple[dict[str, Statistic], dict[str, Bins]]:
    """Return what is measured beside the statistics of the plan: shape of the topic curve, bins of posts, first hearing."""
    topic = of_reading(READINGS[0], 1000)[1].statistics[TOPIC]
    items = {TOPIC: topic.model_copy(update={"curve": model.topic})}
    items |= {
        f"{HEARD}{name}": Statistic(value=0.1, sd=0.1, held_out=True, source="foretold, of no record")
        for name in scenario.channels
        if scenario.scenario.timeline
    }
    a = scenario.scenario.accounting
    assert a is not None
    first = minute_of(scenario, a.first_news)
    last = minute_of(scenario, a.participation_end)
    minutes = tuple((m, m + BIN) for m in range(first, last, BIN))
    return items, {"posts": Bins("published_twitter", minutes, (1.0,) * len(minutes), False, 1.0, True)}


def peak_of(table: ReferenceTable, scenario: Scenario) -> np.ndarray:
    """Return float64[rows]: minutes after midnight of the middle of the bin in which most was posted."""
    bins = table.columns([name for name in table.values if name.startswith("posts[")])
    a = scenario.scenario.accounting
    assert a is not None
    midnight = minute_of(scenario, a.call.replace(hour=0, minute=0, second=0, microsecond=0))
    first = minute_of(scenario, a.first_news)
    found: np.ndarray = first - midnight + BIN * (bins.argmax(axis=1) + 0.5)
    return found


class Fitted:
    """A model with its table: fits any of its statistics, and foretells."""

    def __init__(self, name: str, reading: str, given: argparse.Namespace) -> None:
        self.name, self.model, self.given = name, MODELS[name], given
        self.composed, self.plan, self.scenario = of_model(self.model, reading, given.people)
        self.items, self.bins = extras(self.model, self.plan, self.scenario)
        places = prior_places(given.points, len(self.plan.priors), given.seed)
        self.table = self._nights(places, given.seed)

    def _nights(self, places: np.ndarray, seed: int, *, own_dice: bool = False) -> ReferenceTable:
        return table_at(
            self.plan, self.composed, places, seed=seed, store=Store(self.given.store), items=self.items,
            series=self.bins, workers=self.given.workers, own_dice=own_dice,
        )  # fmt: skip

    @property
    def fitted(self) -> list[str]:
        return [name for name, s in self.plan.statistics.items() if not s.held_out]

    def foretold(self, left_out: str | None) -> tuple[ReferenceTable, str]:
        """Return nights at draws from the posterior of all fitted statistics but one, with dice of their own.

        The second says along what its particles were moved to the record.
        """
        names = [name for name in self.fitted if name != left_out]
        scales = np.array([self.table.statistics.scales[name] for name in names])
        record = np.array([self.table.statistics.observed[name] for name in names])
        n = max(40, round(NEAREST * self.given.points))
        noisy = self.table.with_noise(names, self.given.seed + 1)
        posterior = adjusted_posterior(self.table.places, noisy, record, scales, n)
        chosen = equal_draws(posterior.weights, self.given.draws, self.given.seed)
        return self._nights(posterior.places[chosen], self.given.seed + 2, own_dice=True), posterior.along


def scored(fitted: dict[str, Fitted], given: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each held-out statistic and model, and the shares of first hearing of the full model."""
    rows: list[tuple[object, ...]] = []
    dice = np.random.default_rng(given.seed + 3)
    full = next(iter(fitted.values()))
    told = [name for name in full.fitted if full.plan.statistics[name].value is not None and name in TOLD]
    heard = pd.DataFrame()
    for name, one in fitted.items():
        for statistic in (TOPIC, OF_PEAK, *told):
            left_out = statistic if statistic in told else None
            if left_out is not None and left_out not in one.fitted:
                rows.append((statistic, name, *(np.nan,) * 7, 0, ""))
                continue
            nights, along = one.foretold(left_out)
            if statistic == OF_PEAK:
                values, record, sd = peak_of(nights, one.scenario), PEAK, PEAK_SD
            else:
                values, record = nights.values[statistic], nights.statistics.observed[statistic]
                sd = nights.statistics.scales[statistic]
            if statistic == TOPIC and one is full:
                heard = pd.DataFrame(
                    {k.removeprefix(HEARD): v for k, v in nights.values.items() if k.startswith(HEARD)}
                )
            known = values[np.isfinite(values)]
            score, error = crps((known + sd * dice.standard_normal(len(known))) / sd, record / sd)
            low, median, high = np.quantile(known, (0.025, 0.5, 0.975))
            rows.append((statistic, name, record, sd, low, median, high, score, error, len(known), along))
        sys.stderr.write(f"{name}: done\n")
    columns = [
        "statistic",
        "model",
        "record",
        "uncertainty",
        "low",
        "median",
        "high",
        "score",
        "score_error",
        "n",
        "along",
    ]
    return pd.DataFrame(rows, columns=columns), heard


@styled
def draw_held_out(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw what each model foretells of what it was not told, in uncertainties of the record."""
    counts = [tables[reading]["statistic"].nunique() for reading in READINGS]
    drawing, panels = figure([0.5 * n + 0.3 for n in counts], width=4.6)
    for ax, reading in zip(panels, READINGS, strict=True):
        table = tables[reading]
        names = list(dict.fromkeys(table["statistic"]))
        for row, name in enumerate(names):
            for shift, (model, (colour, marker)) in zip((-0.27, -0.09, 0.09, 0.27), LOOKS.items(), strict=True):
                its = table[(table["statistic"] == name) & (table["model"] == model)].iloc[0]
                if not np.isfinite(its["median"]):
                    continue
                low, middle, high = ((its[c] - its["record"]) / its["uncertainty"] for c in ("low", "median", "high"))
                ax.hlines([row + shift], low, high, colors=colour, linewidth=1.4)
                ax.plot([middle], [row + shift], marker=marker, color=colour, markersize=3.5, linestyle="")
        ax.axvspan(-1, 1, color="#E4E7EC", linewidth=0, zorder=0)
        ax.axvline(0.0, color="#404040", linewidth=0.6)
        ax.set_xscale("symlog", linthresh=2, linscale=1)
        ax.set_xlim(-40, 80)
        ax.set_xticks([-30, -10, -3, -1, 0, 1, 3, 10, 30])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(value)))
        ax.set_yticks(range(len(names)), [TOLD[name] for name in names])
        ax.tick_params(axis="y", length=0)
        ax.set_ylim(len(names) - 0.5, -0.5)
        ax.set_title(name_of(reading), loc="left")
    panels[-1].set_xlabel(
        "foretold minus the record, in uncertainties of the record (linear up to 2, then logarithmic)"
    )
    handles = [
        Line2D([], [], color=c, marker=m, markersize=3.5, label=f"{name}: median, 95 % of nights")
        for name, (c, m) in LOOKS.items()
    ]
    legend_below(panels[-1], handles, columns=2)
    return drawing


@styled
def draw_hearing(heard: dict[str, pd.DataFrame]) -> Figure:
    """Draw the share of those who heard at all who heard first through each channel."""
    drawing, (ax,) = figure([2.6], width=4.6)
    order = list(heard[READINGS[0]].mean().sort_values(ascending=False).index)
    rows = np.arange(len(order))
    for reading, shift, colour, marker in zip(READINGS, (-0.13, 0.13), ("#0072B2", "#D9730D"), ("o", "s"), strict=True):
        low, middle, high = (100 * heard[reading][order].quantile(q).to_numpy() for q in (0.025, 0.5, 0.975))
        ax.hlines(rows + shift, low, high, colors=colour, linewidth=1.4)
        ax.plot(middle, rows + shift, marker=marker, color=colour, linestyle="", markersize=3.5, label=name_of(reading))
    ax.set_yticks(rows, [channel_name(name) for name in order])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(order) - 0.5, -0.5)
    ax.set_xlim(left=0)
    ax.set_xlabel("people who first heard of the night through the channel, % of those who heard")
    handles = [
        Line2D(
            [], [], color=c, marker=m, markersize=3.5, label=f"{name_of(r)}: median, 95 % of nights at the posterior"
        )
        for r, c, m in zip(READINGS, ("#0072B2", "#D9730D"), ("o", "s"), strict=True)
    ]
    legend_below(ax, handles, columns=1)
    return drawing


def main() -> int:
    given = parser_of("validation", __doc__, NUMBERS).parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    tables: dict[str, pd.DataFrame] = {}
    heard: dict[str, pd.DataFrame] = {}
    for reading in READINGS:
        fitted = {name: Fitted(name, reading, given) for name in MODELS}
        tables[reading], heard[reading] = scored(fitted, given)
        tables[reading].to_parquet(given.out / f"{reading}.parquet", index=False)
        heard[reading].to_parquet(given.out / f"{reading}_first_hearing.parquet", index=False)
    save(draw_held_out(tables), given.out / "held_out.png", 200)
    save(draw_hearing(heard), given.out / "first_hearing.png", 200)
    text = page(given, command_of(given, "validation", NUMBERS), tables, heard, TOLD, OF_PEAK, list(MODELS))
    figures = {given.out / f"{name}.png": f"validation_{name}.png" for name in ("held_out", "first_hearing")}
    write_page(text, given, "validation", figures)
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
