"""Which graph do all spread on? Makes the files of one case: for the peers an npz, for ours the tables that users would bring.

Command: part of ``make bench``. Figures: none.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SEED = 20160715
MEAN_DEGREE, MOST, SEEDS = 8, 5, 0.01  # ties of a person; thresholds are 1 to MOST, each as likely; the share who begin
FOLLOWERS = 20  # posting: everybody has exactly so many


def make_case(folder: Path, people: int, kind: str) -> None:
    """Write ties.npz, ties.parquet (and people.parquet): Erdos-Renyi for the contagions, a random regular graph for posting."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng([SEED, people])
    if kind == "posting":
        ends = np.repeat(np.arange(people, dtype=np.int64), FOLLOWERS)
        rng.shuffle(ends)
        pairs = ends.reshape(-1, 2)
    else:
        pairs = rng.integers(0, people, (rng.poisson(people * MEAN_DEGREE / 2), 2))
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    code = np.unique(pairs[:, 0] * people + pairs[:, 1])  # a tie is there once, and none leads to oneself
    edges = np.stack([code // people, code % people], axis=1).astype(np.int32)
    thresholds = rng.integers(1, MOST + 1, people, dtype=np.int8)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "ties.npz", edges=edges, thresholds=thresholds, n_seeds=max(1, round(SEEDS * people)))
    second = "friend" if kind == "posting" else "neighbour"
    pd.DataFrame({"person": edges[:, 0], second: edges[:, 1]}).to_parquet(folder / "ties.parquet")
    pd.DataFrame({"person": np.arange(people), "threshold": thresholds.astype(float)}).to_parquet(
        folder / "people.parquet"
    )


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    make_case(Path(given["folder"]), given["people"], given["kind"])
