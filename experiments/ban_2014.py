"""Does the model of the night of July 2016 say what the ban on Twitter of March 2014 did, with nothing fitted to it?

Command: ``python -m experiments.ban_2014 --page docs/ban_2014.md`` (7 minutes on one core; ``--draws 3 --people 2000`` for a
look). Figures: outputs/inference/ban_2014/ban_2014.png and ban_2014_ratio.png, copied to docs/figures.

At draws from both posteriors of the night, and from the prior, these are run on the same dice: the ban, the same news with
Twitter open, ordinary days, and the ban if the coverage of the day after it provokes nothing. The record is the ratio of the
tweets of 21 March to those of 20 March, about 2. How many posts the news of a ban provokes is nothing that the night can tell:
what the news of the night provoked is put in its place, half of it, and twice as much.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from experiments.ban_2014_page import draw_curves, draw_ratios, page
from experiments.fitting import READINGS, command_of, draws_kept, name_of, parser_of, write_page
from sim.config import compose_tree, plan_of, scenario_of, tree_of
from sim.door import command
from sim.errors import InputError
from sim.inference.plan import Calibration
from sim.inference.priors import values_at
from sim.inference.table import prior_places
from sim.measures.by_draw import summary_of_draws
from sim.measures.outcomes import MIN_DENOMINATOR
from sim.measures.windows import Window
from sim.options import override
from sim.scenario import Scenario
from sim.study.design import Design, Factor
from sim.study.figures.written import save
from sim.study.points import Point, Settings
from sim.study.store import Store
from sim.study.template import ArmsOfPoints
from sim.study.workers import Workplace, open_workers
from sim.threads import n_processors

NUMBERS = {"draws": (30, "from each posterior, and from the prior"), "replicates": (2, "nights of each draw"),
           "people": (8_000, "of each night")}  # fmt: skip
CASE = "scenario=march2014"
ORDINARY, OPEN, BAN, QUIET = "ordinary", "open", "ban", "quiet"
ARMS = {
    ORDINARY: ("throttle=none", "scenario.timeline=[]"),
    OPEN: ("throttle=none",),
    BAN: (),
    QUIET: ("parameters.arousal_day=0",),
}
"""Ordinary days; the same news with Twitter open; the ban; the ban if the coverage from the morning on provokes nothing."""
NEWS = ("parameters.arousal_news", "parameters.arousal_day")
"""What the news of the ban provokes, assumed to be what that of the night did."""
FACTORS = (0.5, 1.0, 2.0)
"""By which that is multiplied."""
HOURLY = ("published_twitter", "attempted_twitter", "failed_twitter", "impressions_twitter")
ROUND = "circumventing"
CURVES = (*HOURLY, ROUND)
BEGIN = 23
"""Hour of the scenario in which the ban begins."""
DAY_1, DAY_2 = slice(0, 24), slice(24, 48)
MOMENTS = {"21 March 00:00": 24, "21 March 12:00": 36, "22 March 00:00": 48, "24 March 00:00": 96}
"""At which it is told how many have a way round: hours from the start."""


@dataclass(frozen=True)
class Pasts:
    """What was run at the draws of one set, with one factor on what the news provokes."""

    sums: np.ndarray
    """float64[draws, replicates, arms, curves, hours + 1]: within hours, real posts and impressions; of people who get round,
    how many at the beginning of the hour. The last place holds the last minute of the scenario."""
    share_before: np.ndarray
    """float64[draws]: of users, who had a way round before."""


def sets_of_draws(n: int, people: int, seed: int) -> dict[str, tuple[str, list[dict[str, float]]]]:
    """Return by set the reading whose other options it has, and n draws: of each posterior, and of the prior of both."""
    found: dict[str, tuple[str, list[dict[str, float]]]] = {}
    for reading in READINGS:
        found[f"posterior ({name_of(reading)})"] = reading, draws_kept(reading, plan_of_reading(reading, people), n)
    plan = plan_of_reading(READINGS[0], people)
    found["prior"] = READINGS[0], list(values_at(plan.priors, prior_places(n, len(plan.priors), seed)))
    return found


@cache
def plan_of_reading(reading: str, people: int) -> Calibration:
    plan = plan_of(compose_tree(_overrides(reading, people))).calibration
    assert plan is not None
    return plan


def _overrides(reading: str, people: int) -> list[str]:
    return [CASE, f"parameters={reading}", f"calibration={reading}", f"population.size={people}"]


def arms_at(reading: str, people: int) -> ArmsOfPoints:
    """Return the pasts, in which parameters with a prior can be given values; those of calls and squares move nothing."""
    overrides = _overrides(reading, people)

    def composed(values: Mapping[str, Any], more: Sequence[str]) -> dict[str, Any]:
        return tree_of(compose_tree([*overrides, *(override(k, v) for k, v in values.items()), *more]))

    priors = plan_of_reading(reading, people).priors
    factors = {key: Factor(range=prior.range) for key, prior in priors.items()}
    found = ArmsOfPoints(composed, ARMS, Design(method="lhs", factors=factors, points=1))
    found.prepare({key: prior.range[0] for key, prior in priors.items()})
    return found


def windows_of(scenario: Scenario) -> tuple[Window, ...]:
    """Return the windows that are measured: of every curve each hour, and the last minute."""
    n = scenario.clock.n_minutes
    hours = [(60 * h, 60 * h + 60) for h in range(n // 60)]
    of_people = [(first, first + 1) for first, _ in hours]
    last = (n - 1, n)
    return tuple(Window(c, *w) for c in CURVES for w in (*(of_people if c == ROUND else hours), last))


def run_set(
    reading: str, draws: Sequence[Mapping[str, float]], given: argparse.Namespace, name: str
) -> dict[float, Pasts]:
    """Return the pasts at the draws by factor: draw k has the dice `seed` + k x 10^6 and following, whatever set or factor."""
    arms = arms_at(reading, given.people)
    windows = windows_of(scenario_of(compose_tree(_overrides(reading, given.people))))
    settings = Settings(given.replicates, (), False, "compiled", Store(given.store), False, windows)
    shape = (len(FACTORS), len(draws), given.replicates, len(ARMS), len(CURVES), len(windows) // len(CURVES))
    sums = np.full(shape, np.nan)

    def chunks() -> Any:
        for k, values in enumerate(draws):  # the factors of a draw together, since they share its world
            moved = [dict(values) | {key: values[key] * f for key in NEWS} for f in FACTORS]
            yield [Point(k * len(FACTORS) + i, v, given.seed + k * 1_000_000) for i, v in enumerate(moved)]

    place = Workplace("loky", None, given.workers or n_processors())
    done = 0
    with open_workers(place, arms, settings) as measure, contextlib.closing(measure(chunks())) as results:
        for several, _ in results:
            for measured in several:
                if measured.failures:
                    raise InputError(measured.failures[0].reason)
                kept = settings.store.get_point(measured.key)
                k, i = divmod(measured.number, len(FACTORS))
                for at, key in enumerate(measured.names):
                    arm = list(ARMS).index(measured.arms[at // given.replicates])
                    sums[i, k, at % given.replicates, arm] = np.reshape(kept[key]["sums"], shape[-2:])
            done += 1
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{name}: {done} of {len(draws)} draws ")
    before = np.array([values["parameters.vpn_before"] for values in draws])
    return {f: Pasts(sums[i], before) for i, f in enumerate(FACTORS)}


def numbers(pasts: Pasts, scenario: Scenario) -> pd.DataFrame:
    """Return what is told of some pasts as a long table: columns point, arm (empty), replicate, outcome, value, unit."""
    weight = scenario.population.real_per_person
    users = scenario.population.receivers["twitter"].share * scenario.population.n_people * weight

    def of(arm: str, curve: str, when: slice) -> np.ndarray:
        found: np.ndarray = pasts.sums[:, :, list(ARMS).index(arm), CURVES.index(curve), when].sum(axis=-1)
        return found

    def tweets(arm: str, when: slice) -> np.ndarray:
        return of(arm, "published_twitter", when)

    def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
        return np.where(below >= MIN_DENOMINATOR * weight, above / np.where(below > 0, below, 1.0), np.nan)

    told: dict[str, np.ndarray] = {
        f"{arm}: 21 / 20 March": ratio(tweets(arm, DAY_2), tweets(arm, DAY_1)) for arm in ARMS
    }
    told["rise: ban"] = told[f"{BAN}: 21 / 20 March"] - 1.0
    hours = {"first hour": slice(BEGIN, BEGIN + 1), "21 March": DAY_2, "22 March": slice(48, 72)}
    for words, when in hours.items():
        for arm, other in ((BAN, OPEN), (OPEN, ORDINARY), (BAN, ORDINARY)):
            told[f"{arm} / {other}, {words}"] = ratio(tweets(arm, when), tweets(other, when))
    tried = of(BAN, "attempted_twitter", DAY_2)
    told["share of tries that failed for good, 21 March"] = ratio(of(BAN, "failed_twitter", DAY_2), tried)
    told["read: ban / open, 21 March"] = ratio(
        of(BAN, "impressions_twitter", DAY_2), of(OPEN, "impressions_twitter", DAY_2)
    )
    found = ways_found(pasts)
    told["share with a way before"] = np.broadcast_to(pasts.share_before[:, None], found.shape[:2])
    for words, hour in MOMENTS.items():
        told[f"found a way by {words}"] = found[..., hour]
        told[f"share with a way by {words}"] = share_of(users, pasts.share_before[:, None], found[..., hour])
    point, replicate = np.indices(pasts.sums.shape[:2])
    return pd.concat(
        [
            pd.DataFrame({"point": point.ravel(), "arm": "", "replicate": replicate.ravel(), "outcome": name,
                          "value": value.ravel(), "unit": "people" if name.startswith("found") else "1"})
            for name, value in told.items()
        ],
        ignore_index=True,
    )  # fmt: skip


def ways_found(pasts: Pasts) -> np.ndarray:
    """Return people who have found a way round since the ban began, float64[draws, replicates, hours + 1]."""
    each = pasts.sums[:, :, :, CURVES.index(ROUND)]
    found: np.ndarray = each[:, :, list(ARMS).index(BAN)] - each[:, :, list(ARMS).index(OPEN)]
    return found


def share_of(users: float, before: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return the share of users with a way round; how many there are in a small nation is left to chance, so it is cut at 1."""
    return np.minimum(before + found / users, 1.0)


def bands_of(pasts: Pasts, users: float) -> dict[str, np.ndarray]:
    """Return median and 95 % over draws, float64[3, hours]: tweets an hour by arm, and the share of users with a way round."""
    tails = (0.025, 0.5, 0.975)
    posts = pasts.sums[:, :, :, CURVES.index("published_twitter"), :-1].mean(axis=1)
    found = {arm: np.quantile(posts[:, i], tails, axis=0) for i, arm in enumerate(ARMS)}
    share = share_of(users, pasts.share_before[:, None], ways_found(pasts).mean(axis=1))
    return found | {ROUND: np.quantile(share, tails, axis=0)}


def main() -> int:
    given = parser_of("ban_2014", __doc__, NUMBERS).parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    config = compose_tree([CASE, f"population.size={given.people}"])
    scenario, observed = scenario_of(config), plan_of(config).observed
    users = scenario.population.receivers["twitter"].share * given.people * scenario.population.real_per_person
    tables: dict[tuple[str, float], pd.DataFrame] = {}
    bands: dict[str, dict[str, np.ndarray]] = {}
    for name, (reading, draws) in sets_of_draws(given.draws, given.people, given.seed).items():
        pasts = run_set(reading, draws, given, name)
        for factor, its in pasts.items():
            tables[name, factor] = summary_of_draws(numbers(its, scenario), "").set_index("outcome")
        bands[name] = bands_of(pasts[1.0], users)
    record = observed.values["posts_to_day_before_2"].value
    save(draw_curves(bands, scenario), given.out / "ban_2014.png", 200)
    save(draw_ratios(tables, record), given.out / "ban_2014_ratio.png", 200)
    every = pd.concat([t.reset_index().assign(draws=n, factor=f) for (n, f), t in tables.items()], ignore_index=True)
    every.to_parquet(given.out / "ban_2014.parquet", index=False)
    text = page(given, command_of(given, "ban_2014", NUMBERS), tables, record, users)
    figures = {given.out / name: name for name in ("ban_2014.png", "ban_2014_ratio.png")}
    write_page(text, given, "ban_2014", figures)
    return 0


if __name__ == "__main__":
    sys.exit(command(main))
