"""Tables of a small study with known numbers, and what a drawing of them shows."""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.dates import date2num

from sim.study.figures import Marks, figure

ZONE = "Europe/Istanbul"
START = pd.Timestamp("2016-07-15 21:00", tz=ZONE)
N = 360  # minutes, until 03:00
TIMES = pd.date_range(START, periods=N, freq="min")
# Student's t at 97.5 %, with 1 and 2 degrees of freedom, from its closed forms.
T_1 = np.tan(np.pi * 0.475)
T_2 = 0.95 / np.sqrt(2 * 0.975 * 0.025)
CHANNELS = ("television", "twitter", "whatsapp", "drums")
# People per minute whom each cause tips from 22:30 to 00:30, in the first replicate.
DECIDED = {"television": 600.0, "twitter": 300.0, "crowd": 99.0, "gathering": 1.0, "cut_off": 0.0}


def at(clock: str) -> pd.Timestamp:
    """Return a time of the night: before noon it is the 16th."""
    return pd.Timestamp(f"2016-07-{15 if clock >= '12' else 16} {clock}", tz=ZONE)


MARKS = Marks(
    START,
    START + pd.Timedelta(minutes=N),
    windows=((at("22:50"), at("01:00"), "throttle", 0.5),),
    calls=((at("00:24"), "FaceTime"), (at("00:26"), "tweet")),
    observed=((at("22:00"), at("00:00"), 1.2e6, "before midnight"),),
    zone=ZONE,
)


def make_curves(arms=("open", "throttled"), replicates=3) -> pd.DataFrame:
    minute = np.arange(N)
    frames = []
    for a, arm in enumerate(arms):
        for replicate in range(replicates):
            noise = np.random.default_rng((a, replicate)).normal(size=N)
            columns = {
                "published_twitter": 9000 + 500 * replicate - 3000 * a * (minute > 110) + 100 * noise,
                "on_squares": np.maximum(0, minute - 60) * (1000.0 + 100 * replicate - 200 * a),
            }
            for c, channel in enumerate(CHANNELS):
                final = (4e6, 2e6, 1e6, 1e3)[c] * (1 + 0.01 * replicate)
                columns[f"heard_{channel}"] = final * np.clip((minute - 60) / 120, 0, 1)
            for cause, people in DECIDED.items():
                columns[f"decided_{cause}"] = people * (1 + replicate) * ((minute >= 90) & (minute < 210))
            for curve, value in columns.items():
                frame = {"arm": arm, "replicate": replicate, "time": TIMES, "curve": curve, "value": value}
                frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


CURVES = make_curves()
PROVINCES = pd.DataFrame(
    {
        "province": [f"Province {i}" for i in range(15)],
        "latitude": [41.0, 40.9, 40.8, *np.linspace(36, 42, 12)],
        "longitude": [29.0, 29.1, 29.2, *np.linspace(27, 44, 12)],
        "population": np.arange(15, 0, -1) * 100_000,
    }
)


def make_squares(replicates=3) -> pd.DataFrame:
    """Return peaks of (15 - i) x (1 + replicate) thousand people in province i, none in the last."""
    rows = [
        ("open", replicate, time, f"Province {i}", share * (15 - i) * 1000.0 * (1 + replicate))
        for replicate in range(replicates)
        for i in range(14)
        for time, share in ((TIMES[0], 0.2), (TIMES[100], 1.0), (TIMES[200], 0.5))
    ]
    return pd.DataFrame(rows, columns=["arm", "replicate", "time", "province", "value"])


def make_outcomes(replicates=3) -> pd.DataFrame:
    rows = [
        ("open", replicate, prefix + channel, share + 0.01 * replicate, "share")
        for replicate in range(replicates)
        for prefix, shares in (("tipped_by_", (0.2, 0.5, 0.3)), ("first_heard_", (0.6, 0.3, 0.1)))
        for channel, share in zip(CHANNELS, shares, strict=False)
    ]
    rows.append(("open", 0, "participants", 1e6, "people"))
    return pd.DataFrame(rows, columns=["arm", "replicate", "outcome", "value", "unit"])


def table(curve: str, arm: str, curves: pd.DataFrame = CURVES) -> np.ndarray:
    rows = curves[(curves["curve"] == curve) & (curves["arm"] == arm)]
    return rows.pivot(index="time", columns="replicate", values="value").to_numpy()


def panel(height=2.8, width=6.2):
    return figure((height,), width=width)[1][0]


def named(ax, gid: str):
    found = [artist for artist in ax.get_children() if artist.get_gid() == gid]
    assert found, f"nothing is called {gid}"
    return found


def line(ax, gid: str) -> np.ndarray:
    (artist,) = named(ax, gid)
    return np.asarray(artist.get_ydata(orig=False))


def band_at(ax, gid: str, time: pd.Timestamp) -> list[float]:
    """Return lower and upper edge of a band at a time."""
    (band,) = named(ax, gid)
    corners = band.get_paths()[0].vertices
    edges = corners[np.abs(corners[:, 0] - date2num(time)) < 1e-6, 1]
    return [edges.min(), edges.max()]


def legend_texts(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def boxes(ax, gid: str):
    return {text.get_text(): text.get_window_extent() for text in named(ax, gid)}


def assert_apart(extents) -> None:
    for (name, a), (other, b) in combinations(extents.items(), 2):
        assert not a.overlaps(b), f"{name!r} lies over {other!r}"
