"""Curves per minute and people on squares by province, as tidy tables, scaled to real people."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import numpy as np

from sim.channels import KINDS
from sim.engine.simulate import SQUARES_EVERY, Record
from sim.engine.state import (
    ATTEMPTED,
    BEYOND_CHANNELS,
    CREATED,
    FAILED_COUNT,
    IMPRESSIONS,
    LIVE,
    PUBLISHED_COUNT,
    SNAPSHOT,
    TOPICAL,
    TRENDING,
)
from sim.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["chosen_curves", "curve_matrix", "curve_table", "minutes", "squares_table"]


def minutes(scenario: Scenario) -> pd.DatetimeIndex:
    """Return the starts of the reported minutes, timestamps with zone."""
    import pandas as pd

    clock = scenario.clock
    return pd.date_range(clock.start, periods=clock.n_minutes, freq="min")


def curve_matrix(scenario: Scenario, record: Record) -> tuple[list[str], np.ndarray]:
    """Return the names of all curves and float64[curves, minutes], real people or posts.

    Within the minute count attempted_, published_, failed_, topical_ (published on the topic) and live_<channel> (live videos),
    groups_created_<channel>, impressions_<channel> and impressions_<channel>_<kind>, decided_<cause>; trending_<channel> is 1
    in minutes that begin while it is trending, else 0; participated is the people who have departed at least once until the
    minute's end; the others are people at the minute's start. Exposures are the impressions of kinds that have a dose on the
    channel.
    """
    names, rows = [], []
    for index, (channel, c) in enumerate(scenario.channels.items()):
        posts = c.posts_per_user_day > 0 or bool(record.counts[:, index, ATTEMPTED].any())
        told = (("attempted", ATTEMPTED, posts), ("published", PUBLISHED_COUNT, posts), ("failed", FAILED_COUNT, posts),
                ("topical", TOPICAL, posts), ("live", LIVE, c.live > 0),
                ("groups_created", CREATED, c.type == "group"))  # fmt: skip
        for name, column, is_told in told:
            if is_told:
                names.append(f"{name}_{channel}")
                rows.append(record.counts[:, index, column])
        names.append(f"impressions_{channel}")
        rows.append(record.counts[:, index, IMPRESSIONS:].sum(axis=1))
        for column, kind in enumerate(KINDS[0 if posts else 1 :], start=IMPRESSIONS + (0 if posts else 1)):
            names.append(f"impressions_{channel}_{kind}")
            rows.append(record.counts[:, index, column])
        names.append(f"heard_{channel}")
        rows.append(record.heard_on[:, index])
    for index, cause in enumerate((*scenario.channels, *BEYOND_CHANNELS)):
        names.append(f"decided_{cause}")
        rows.append(record.decided[:, index])
    for index, name in enumerate(SNAPSHOT):
        names.append(name)
        rows.append(record.snapshots[:, index])
    names.append("participated")
    rows.append(record.departures.cumsum())
    values = np.stack(rows) * scenario.population.real_per_person
    trends = [index for index, channel in enumerate(scenario.channels.values()) if channel.trending is not None]
    names += [f"trending_{list(scenario.channels)[index]}" for index in trends]
    return names, np.concatenate([values, *(record.counts[None, :, index, TRENDING] for index in trends)])


def curve_table(scenario: Scenario, record: Record, only: Collection[str] = ()) -> pd.DataFrame:
    """Return columns time, curve, value: every curve of a run (or `only` some), one row per minute."""
    return chosen_curves(scenario, record, lambda names: [name for name in names if not only or name in only])


def chosen_curves(scenario: Scenario, record: Record, chosen: Callable[[list[str]], Collection[str]]) -> pd.DataFrame:
    """Return the same columns of those curves that `chosen` keeps of all their names."""
    import pandas as pd

    names, values = curve_matrix(scenario, record)
    only = set(chosen(names))
    keep = [i for i, name in enumerate(names) if name in only]
    time = minutes(scenario)
    return pd.DataFrame(
        {
            "time": np.tile(time, len(keep))
            if not len(keep)
            else pd.DatetimeIndex(time.append([time] * (len(keep) - 1))),
            "curve": pd.Categorical.from_codes(
                np.repeat(np.arange(len(keep)), len(time)), pd.Index([names[i] for i in keep])
            ),
            "value": values[keep].ravel(),
        }
    )


def squares_table(scenario: Scenario, record: Record, provinces: tuple[str, ...]) -> pd.DataFrame:
    """Return columns time, province, value: people on each province's squares, every ten minutes."""
    import pandas as pd

    time = minutes(scenario)[::SQUARES_EVERY]
    codes = np.tile(np.arange(len(provinces)), len(time))
    return pd.DataFrame(
        {
            "time": time.repeat(len(provinces)),
            "province": pd.Categorical.from_codes(codes, pd.Index(list(provinces))),
            "value": record.squares.ravel() * scenario.population.real_per_person,
        }
    )
