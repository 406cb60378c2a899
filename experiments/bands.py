"""How often does a band hold a whole curve, and how wide is it?

Command: ``python -m experiments.bands`` (a quarter of an hour of CPU time; ``--trials 50`` takes a minute or two). No
figure: the table goes to the terminal.

Curves of 720 times whose true mean is 0: autoregressive, integrated and smooth noise, and counts less their mean. The
bands differ in the number c of standard errors, and ours also in the least standard error (`simultaneous_band`):

- pointwise: Student's t at each time by itself;
- sup-t: the quantile of max |N(0, R)| with the estimated correlation R, of rank n - 1 (Montiel Olea and
  Plagborg-Moller 2019), and the same over a common chi denominator (multivariate t);
- multiplier: the studentized bootstrap with normal weights on the residuals; signs: with random signs;
- Bonferroni: over all times.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter
from scipy.special import stdtrit

from sim.measures.bands import simultaneous_band
from sim.measures.intervals import Floats

TIMES = 720
N_RESAMPLES = 1000
LEVEL = 0.95


def autoregressive(rng: np.random.Generator, n: int, phi: float) -> Floats:
    noise: Floats = rng.standard_normal((n, TIMES))
    noise[:, 0] /= math.sqrt(1 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=1), dtype=np.float64)


def smooth(rng: np.random.Generator, n: int) -> Floats:
    noise = rng.standard_normal((n, TIMES + 480))
    return np.asarray(gaussian_filter1d(noise, 60, axis=1)[:, 240:-240], dtype=np.float64)


def counts(rng: np.random.Generator, n: int, mean: float) -> Floats:
    return np.asarray(rng.poisson(mean, (n, TIMES)), dtype=np.float64) - mean


CURVES: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "autoregressive 0.9": lambda rng, n: autoregressive(rng, n, 0.9),
    "autoregressive 0.99": lambda rng, n: autoregressive(rng, n, 0.99),
    "integrated noise": lambda rng, n: rng.standard_normal((n, TIMES)).cumsum(axis=1),
    "smooth": smooth,
    "counts of 5": lambda rng, n: counts(rng, n, 5.0),
    "counts of 0.3": lambda rng, n: counts(rng, n, 0.3),
}


def criticals(values: Floats, rng: np.random.Generator) -> dict[str, float]:
    """The number of standard errors of each band but ours; only times that vary are asked."""
    n = len(values)
    centred = values - values.mean(axis=0)
    squares = (centred**2).sum(axis=0)
    varies = squares > 1e-20
    centred, squares = centred[:, varies], squares[varies]
    normal = rng.standard_normal((N_RESAMPLES, n))
    largest = np.abs(normal @ (centred / np.sqrt(squares))).max(axis=1)
    chi = np.sqrt(rng.chisquare(n - 1, N_RESAMPLES) / (n - 1))
    found = {
        "pointwise": float(stdtrit(n - 1, (1 + LEVEL) / 2)),
        "sup-t": float(np.quantile(largest, LEVEL)),
        "multivariate t": float(np.quantile(largest / chi, LEVEL)),
        "Bonferroni": float(stdtrit(n - 1, 1 - (1 - LEVEL) / (2 * varies.sum()))),
    }
    for name, weights in (("multiplier", normal), ("signs", rng.choice([-1.0, 1.0], size=(N_RESAMPLES, n)))):
        means = weights @ centred / n
        rest = weights**2 @ centred**2 - n * means**2
        errors = np.sqrt(np.maximum(rest, 1e-12 * squares) / (n - 1) / n)
        found[name] = float(np.quantile((np.abs(means) / errors).max(axis=1), LEVEL))
    return found


def measured(name: str, n: int, trials: int) -> dict[str, tuple[float, float]]:
    """The share of trials in which each band holds 0 at all times that vary, and its median half-width in standard errors."""
    rng = np.random.default_rng([n, list(CURVES).index(name)])
    held: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    for _ in range(trials):
        values = CURVES[name](rng, n)
        errors = values.std(axis=0, ddof=1) / math.sqrt(n)
        varies = errors > 1e-12
        largest = float((np.abs(values.mean(axis=0))[varies] / errors[varies]).max())
        for band, c in criticals(values, rng).items():
            held.setdefault(band, []).append(largest <= c)
            widths.setdefault(band, []).append(c)
        ours = simultaneous_band(values, LEVEL)
        inside = (ours.low_simultaneous <= 0) & (ours.high_simultaneous >= 0)
        held.setdefault("ours", []).append(bool(inside.all()))
        half = (ours.high_simultaneous - ours.low_simultaneous)[varies] / 2 / errors[varies]
        widths.setdefault("ours", []).append(float(np.median(half)))
    return {band: (float(np.mean(hits)), float(np.median(widths[band]))) for band, hits in held.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m experiments.bands", description="See the docstring.")
    parser.add_argument("--trials", type=int, default=400)
    trials = parser.parse_args().trials
    error = math.sqrt(LEVEL * (1 - LEVEL) / trials)
    header: list[str] = []
    for name in CURVES:
        for n in (8, 16, 30):
            row = measured(name, n, trials)
            if not header:
                header = list(row)
                print(
                    f"Share that holds the whole curve (standard error {error:.3f} at {LEVEL}), half-width in brackets.\n"
                )
                print("| curves | n | " + " | ".join(header) + " |\n" + "|---" * (len(header) + 2) + "|")
            cells = " | ".join(f"{share:.3f} ({width:.1f})" for share, width in row.values())
            print(f"| {name} | {n} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
