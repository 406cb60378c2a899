"""What the experiments on parameters share: arguments, readings, nights at any parameters, and how a page is written.

Not run by itself. Command of an experiment: ``python -m experiments.NAME``, which says where its figures lie; NAME is
posteriors, identifiability, attribution, validation, sensitivity or ban_2014. Figures: those of the experiment.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from sim.config import compose_tree, plan_of, tree_of
from sim.errors import InputError
from sim.inference.plan import Calibration
from sim.options import override
from sim.study.listed import read_listed
from sim.study.template import Compose

ROOT = Path(__file__).resolve().parents[1]
READINGS = ("calendar_days", "as_told")


def parser_of(name: str, says: str | None, numbers: Mapping[str, tuple[int, str]]) -> argparse.ArgumentParser:
    """Return the arguments of an experiment: its own numbers with their defaults, and what all of them have."""
    parser = argparse.ArgumentParser(description=says, formatter_class=argparse.RawDescriptionHelpFormatter)
    for key, (default, meaning) in {"seed": (1, "decides all dice"), **numbers}.items():
        parser.add_argument(f"--{key}", type=int, default=default, help=f"{meaning} ({default})")
    parser.add_argument("--workers", type=int, default=None, help="processes; one per processor where none are given")
    parser.add_argument(
        "--store", type=Path, default=ROOT / "outputs" / "store", help="where nights are found and kept"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "inference" / name)
    parser.add_argument("--page", type=Path, help="where the page goes, with its figures in figures/ beside it")
    return parser


def write_page(text: str, given: argparse.Namespace, name: str, figures: Mapping[Path, str]) -> None:
    """Write a page to its folder, to the terminal, and where it was asked for, with figures under the names that it has."""
    if "out" in given:
        (given.out / f"{name}.md").write_text(text, encoding="utf-8")
    if given.page is not None:
        beside = given.page.parent / "figures"
        beside.mkdir(parents=True, exist_ok=True)
        given.page.write_text(text, encoding="utf-8")
        for drawn, its_name in figures.items():
            shutil.copyfile(drawn, beside / its_name)
    sys.stdout.write(text)


def command_of(given: argparse.Namespace, name: str, numbers: Mapping[str, tuple[int, str]]) -> str:
    """Return the command that makes a page, with what differs from the defaults."""
    defaults = {"seed": (1, ""), **numbers}
    more = [f" --{key} {getattr(given, key)}" for key, (value, _) in defaults.items() if getattr(given, key) != value]
    return f"python -m experiments.{name} --page docs/{name}.md{''.join(more)}"


def of_reading(reading: str, people: int, *more: str) -> tuple[Compose, Calibration, DictConfig]:
    """Return what composes nights of a reading, its calibration, and its configuration, with more overrides."""
    given = (f"observed={reading}", f"parameters={reading}", f"calibration={reading}", f"population.size={people}")
    overrides = [*given, *more]

    def composed(values: Mapping[str, Any], more: Sequence[str]) -> dict[str, Any]:
        return tree_of(compose_tree([*overrides, *(override(k, v) for k, v in values.items()), *more]))

    config = compose_tree(overrides)
    plan = plan_of(config).calibration
    assert plan is not None
    return composed, plan, config


def draws_kept(reading: str, plan: Calibration, n: int) -> list[dict[str, Any]]:
    """Return the first n draws from the posterior of a reading that is kept with the package; they are in a random order."""
    path = ROOT / "sim" / "data" / f"posterior_{reading}.csv"
    listed = read_listed(path, list(plan.priors))
    draws = [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]
    if n > len(draws):
        raise InputError(f"--draws is {n}, expected {len(draws)} at most: so many are kept in {path}.")
    return draws[:n]


def name_of(reading: str) -> str:
    return reading.replace("_", " ")


def wrapped(text: str) -> str:
    """Return a paragraph in lines of 128 characters."""
    return textwrap.fill(" ".join(text.split()), 128, break_long_words=False, break_on_hyphens=False)
