"""Which parameters has the model: with which symbol, unit, default, range and source? The tables of docs/model.md.

Command: ``python -m experiments.model_page`` (seconds), or ``make model-page``. Figures: none; what stands in docs/model.md
between the marks ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->`` is written anew. The text around the tables is by hand.

Ranges are those of the schema, defaults those of the night of 15 July (all options left as they are), priors those of
conf/calibration/night.yaml, which also describes the parameters that have one. All others are described in docs/model.yaml.

A field of the schema is a parameter of the model if its value can change the law of what happens. What only names, labels or
cites something, says how something is kept, or what is measured, is none (`NO_PARAMETERS`). A field with a star is one of many:
of every channel, receiver, kind of chat group, entry of the timeline, outage or window.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import yaml
from omegaconf import OmegaConf
from pydantic.fields import FieldInfo

from sim.config import compose_tree, plan_of, scenario_of
from sim.degrees import DegreeLaw
from sim.graphs import Graph
from sim.inference.priors import Prior
from sim.laws import DelayLaw, Frozen
from sim.scenario import PARTS, Scenario
from sim.traits import TraitLaw

ROOT = Path(__file__).resolve().parents[1]
PAGE, TOLD = ROOT / "docs" / "model.md", ROOT / "docs" / "model.yaml"
READINGS = ("calendar_days", "as_told")

NO_PARAMETERS = {
    "*.name": "names",
    "*.what": "labels",
    "*.label": "labels",
    "*.tag": "names entries for edits and null nights",
    "*.source": "cites",
    "*.confidence": "cites",
    "network.stored": "says how ties are kept; changes no result",
    "scenario.accounting": "says what is measured; moves no event",
    "scenario.accounting.*": "says what is measured; moves no event",
}
"""Fields of the schema that are no parameters of the model, by pattern, and why."""

FAMILIES = {"delay": DelayLaw, "trait": TraitLaw, "degree": DegreeLaw, "graph": Graph}
"""Mappings that come in kinds, each with parameters of its own."""


class Description(Frozen):
    """What no schema can tell of a parameter."""

    symbol: str = ""
    unit: str = ""
    says: str
    source: str


class Leaf(NamedTuple):
    """A field of the schema that holds a value, a law or a graph (`family`), or a part that can be left out (`is_part`)."""

    info: FieldInfo
    family: str
    is_part: bool


# -- the schema


def options_of(annotation: Any) -> list[Any]:
    """Return the types of a union, without what annotates them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return options_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [option for part in get_args(annotation) for option in options_of(part)]
    return [annotation]


def kinds_of(family: str) -> dict[str, type[Frozen]]:
    """Return the classes of a family by the names of their kinds."""
    key = "graph" if family == "graph" else "law"
    return {get_args(c.model_fields[key].annotation)[0]: c for c in options_of(FAMILIES[family])}


def leaves(model: type[Frozen], path: str = "") -> Iterator[tuple[str, Leaf]]:
    """Yield every field of the schema with its path."""
    for name, info in model.model_fields.items():
        place = f"{path}.{name}" if path else name
        options = options_of(info.annotation)
        is_optional = type(None) in options
        members = [o for o in options if o is not type(None)]
        inside = get_args(members[0])
        if get_origin(members[0]) is dict or (get_origin(members[0]) is tuple and inside[-1] is Ellipsis):
            inner = options_of(inside[1] if get_origin(members[0]) is dict else inside[0])
            if issubclass(inner[0], Frozen):
                yield from leaves(inner[0], f"{place}.*")
                continue
        elif isinstance(members[0], type) and issubclass(members[0], Frozen):
            if len(members) > 1:
                yield place, Leaf(info, next(f for f, u in FAMILIES.items() if options_of(u) == members), False)
                continue
            if is_optional:
                yield place, Leaf(info, "", True)
            yield from leaves(members[0], place)
            continue
        yield place, Leaf(info, "", False)


@cache
def schema() -> dict[str, Leaf]:
    """Return all fields of a scenario by path."""
    return dict(leaves(Scenario))


def is_parameter(path: str) -> bool:
    return not any(fnmatchcase(path, pattern) for pattern in NO_PARAMETERS)


def number(x: float) -> str:
    if x == 1e6:
        return "10⁶"
    return f"{x:,}" if isinstance(x, int) and abs(x) >= 10_000 else f"{x:g}"


def range_of(info: FieldInfo) -> str:
    """Return what the schema admits."""
    bounds = {key: getattr(m, key) for m in info.metadata for key in ("ge", "gt", "le", "lt") if hasattr(m, key)}
    lengths = {key: getattr(m, key) for m in info.metadata for key in ("min_length", "max_length") if hasattr(m, key)}
    is_even = any(getattr(m, "multiple_of", None) == 2 for m in info.metadata)
    low = f"[{number(bounds['ge'])}" if "ge" in bounds else f"({number(bounds['gt'])}" if "gt" in bounds else "(-∞"
    high = f"{number(bounds['le'])}]" if "le" in bounds else f"{number(bounds['lt'])})" if "lt" in bounds else "∞)"
    interval = f"{low}, {high}"
    found = []
    for option in options_of(info.annotation):
        if option is type(None):
            found.append("none")
        elif get_origin(option) is Literal:
            found.append(", ".join(f"`{a}`" for a in get_args(option)))
        elif get_origin(option) is tuple:
            found.append(_many(option, lengths))
        elif isinstance(option, type) and issubclass(option, Frozen):
            found.append(f"a {'graph' if 'graph' in option.model_fields else 'law'}")
        else:
            words = {bool: "true, false", int: f"whole, {'even, ' if is_even else ''}{interval}", float: interval,
                     str: "a name", datetime: "a moment", Path: "a file"}  # fmt: skip
            found.append(words[option])
    return " or ".join(dict.fromkeys(found))


def _many(option: Any, lengths: Mapping[str, int]) -> str:
    what = {float: "numbers", int: "whole numbers", str: "names"}.get(options_of(get_args(option)[0])[0], "values")
    if len(set(lengths.values())) == 1 and len(lengths) == 2:
        return f"{lengths['min_length']} {what}"
    return f"{what}, at least {lengths['min_length']}" if "min_length" in lengths else what


# -- what the options say


class Night(NamedTuple):
    """The night of 15 July under one reading."""

    scenario: Scenario
    priors: Mapping[str, Prior]
    values: Mapping[str, Any]
    """By key, of the parameter set of the reading."""
    filled: Mapping[str, str]
    """Path of every value of the scenario that is that of a parameter of the set, and the parameter's key."""


@cache
def night(reading: str = READINGS[0]) -> Night:
    overrides = [f"parameters={reading}", f"observed={reading}"]
    config, plan = compose_tree(overrides), plan_of(compose_tree([*overrides, f"calibration={reading}"]))
    assert plan.calibration is not None
    raw = OmegaConf.to_container(config, resolve=False)
    assert isinstance(raw, dict)
    found = {}
    for path, text in _texts({part: raw[part] for part in PARTS}, ""):
        if match := re.fullmatch(r"\$\{(parameters\.\w+)\}", text):
            found[path] = match[1]
    values = {f"parameters.{k}": v for k, v in plan.parameters.items()}
    return Night(scenario_of(config), plan.calibration.priors, values, found)


def _texts(tree: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(tree, str):
        yield path, tree
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from _texts(value, f"{path}.{key}" if path else str(key))


def at(tree: Any, path: str) -> Any:
    """Return the value at a path; None where a part is left out."""
    for key in path.split("."):
        tree = None if tree is None else tree[int(key)] if isinstance(tree, tuple) else dict(tree)[key]
    return tree


def symbol_at(path: str) -> str:
    """Return the symbol of the parameter with a prior whose value stands at a path; "" if there is none."""
    key = night().filled.get(path, path)
    return night().priors[key].symbol if key in night().priors else ""


def is_dosed(path: str) -> bool:
    """Return whether a field is described by conf/calibration/night.yaml: it holds the value of a parameter with a prior."""
    return bool(symbol_at(path))


def shown(value: Any, path: str = "") -> str:
    """Return a value as a cell; beside it the symbol of the parameter whose value it is."""
    symbol = symbol_at(path)
    if isinstance(value, Frozen):
        kind, *rest = dict(value).items()
        inner = ", ".join(f"{key} {shown(v, f'{path}.{key}')}" for key, v in rest)
        return f"{kind[1]}({inner})" if kind[0] in ("law", "graph") else "given"
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, datetime):
        text = f"{value:%Y-%m-%d %H:%M}"
    elif isinstance(value, (int, float)):
        text = number(value)
    elif isinstance(value, Path):
        text = f"`{value.name}`"
    elif isinstance(value, tuple):
        text = ", ".join(shown(v) for v in value) or "none"
    else:
        is_name = value is not None and value != "assumed" and re.fullmatch(r"[a-z_]+", value)
        text = f"`{value}`" if is_name else str(value or "none")
    return f"{text} ({symbol})" if symbol else text


# -- what is told by hand


@cache
def told() -> tuple[dict[str, Description], dict[str, dict[str, str]]]:
    """Return the descriptions of fields by path, and the formulas of laws and graphs by family and kind."""
    tree = yaml.safe_load(TOLD.read_text(encoding="utf-8"))
    fields = {path: Description.model_validate(given) for path, given in tree["fields"].items()}
    return fields, tree["kinds"]


def described_by_hand() -> list[str]:
    """Return the fields of the schema that docs/model.yaml must describe."""
    return [path for path in schema() if is_parameter(path) and not is_dosed(path)]


# -- tables


def table(head: str, rows: list[list[str]]) -> str:
    titles = head.split(" | ")
    lines = ["| " + head + " |", "|" + "---|" * len(titles)]
    for row in rows:
        assert len(row) == len(titles)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def prior_table() -> str:
    first, second = (night(reading) for reading in READINGS)
    rows = []
    for key, prior in first.priors.items():
        targets = [path for path, filling in first.filled.items() if filling == key] or [key]
        ranges = {range_of(_info_at(path)) for path in targets}
        values = [n.values.get(key, at(n.scenario, targets[0])) for n in (first, second)]
        goes = dict.fromkeys(re.sub(r"\.\d+\.", ".*.", path) for path in targets)
        low, high = map(number, prior.range)
        law = {"uniform": "even", "log_uniform": "log-even", "normal": f"normal({prior.mean}, {prior.sd})"}[prior.law]
        rows.append([
            prior.symbol, f"`{key}`", prior.says, prior.unit, *map(number, values), f"{law} [{low}, {high}]",
            " and ".join(sorted(ranges)), "" if key in goes else ", ".join(f"`{g}`" for g in goes), prior.source,
        ])  # fmt: skip
    return table("symbol | key | what it is | unit | default | as told | prior | range | fills | source", rows)


def _info_at(path: str) -> FieldInfo:
    parent, name = path.rsplit(".", 1)
    model: type[Frozen] = type(at(night().scenario, parent))
    return model.model_fields[name]


def part_table(part: str) -> str:
    """Every parameter of a part that has no prior."""
    rows = []
    for path in described_by_hand():
        if path.split(".")[0] != part:
            continue
        leaf, words = schema()[path], told()[0][path]
        if "*" not in path and at(night().scenario, path.rsplit(".", 1)[0]) is not None:
            default = shown(at(night().scenario, path), path)
        else:
            default = (
                "always given" if leaf.info.is_required() else shown(leaf.info.get_default(call_default_factory=True))
            )
        admitted = "given or none" if leaf.is_part else range_of(leaf.info)
        rows.append([words.symbol, f"`{path}`", words.says, words.unit, default, admitted, words.source])
    return table("symbol | key | what it is | unit | default | range | source", rows)


def entry_table(part: str, columns: str) -> str:
    """A part of the night with an entry in each row. Columns, each of a field or several (with plus signs), are left out where
    all entries have the default; titles are symbols where there are any.
    """
    entries = at(night().scenario, part)
    keyed = list(entries.items() if isinstance(entries, dict) else enumerate(entries))
    made = {part.rsplit(".", 1)[-1]: [f"`{key}`" for key in entries]} if isinstance(entries, dict) else {}
    for names in columns.split():
        paths = {name: f"{part}.*.{name}" for name in names.split("+")}
        defaults = [schema()[path].info.get_default() for path in paths.values()]
        found = [[(at(entry, name), f"{part}.{key}.{name}") for name in paths] for key, entry in keyed]
        if any([value for value, _ in cell] != defaults for cell in found):
            symbols = [told()[0][path].symbol if path in told()[0] else "" for path in paths.values()]
            title = symbols[0] or names.split("+")[0].replace("_", " ")
            made[title] = [" / ".join(shown(v, path) for v, path in cell if v is not None) for cell in found]
    return table(" | ".join(made), [list(row) for row in zip(*made.values(), strict=True)])


def kind_table() -> str:
    rows = []
    for family in FAMILIES:
        for kind, model in kinds_of(family).items():
            fields = [(n, i) for n, i in model.model_fields.items() if n not in ("law", "graph")]
            inside = "; ".join(f"`{n}` {range_of(i)}" for n, i in fields)
            rows.append([family, f"`{kind}`", inside, told()[1].get(family, {}).get(kind, "")])
    return table("of | kind | parameters and their ranges | quantile at u, probability, or ties", rows)


READING = """type receiver ties look attention.ordinary attention.alerted attention.cut_off while_out waits wakes screen
    only_while_out repeats"""
SAYING = """posts_per_user_day reaction direct recommended trending.posts_per_million trending.minutes trending.readers live
    dose.chatter dose.news dose.call dose.stay"""
AIRING = """time what kind channel provinces authority audience minutes arousal repeat_minutes repeat_until stagger_minutes
    number people source+confidence"""
CHATS = "groups_per_user mean_size sigma largest local_share created_per_user file"
ENTRIES = {
    "receivers": ("population.receivers", "share within source"),
    "groups": ("network.groups", CHATS),
    "reading": ("channels", READING),
    "saying": ("channels", SAYING),
    "timeline": ("scenario.timeline", AIRING),
    "outages": ("scenario.outages", "channel start end source+confidence"),
    "windows": ("throttle.windows", "name channels start end severity mode lag_minutes source+confidence"),
}
"""Tables of entries by the name of their marks: the part of the night, and the fields that they show."""
TABLES: dict[str, Callable[[], str]] = {
    "priors": prior_table,
    **{part: partial(part_table, part) for part in PARTS},
    **{name: partial(entry_table, *about) for name, about in ENTRIES.items()},
    "kinds": kind_table,
}
"""Tables of the page by the name of their marks."""


def _filled(made: Callable[[], str], found: re.Match[str]) -> str:
    return f"{found[1]}{made()}\n{found[2]}"


def with_tables(text: str) -> str:
    """Return the page with its tables as they are now."""
    for name, made in TABLES.items():
        marks = rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)"
        text, n = re.subn(marks, partial(_filled, made), text, flags=re.DOTALL)
        assert n == 1, f"docs/model.md has {n} places for the table {name}, expected one"
    return text


def prose(text: str) -> str:
    """Return the page without its tables."""
    return re.sub(r"<!-- (\w+): begin -->.*?<!-- \1: end -->", "", text, flags=re.DOTALL)


def main() -> int:
    missing = [path for path in described_by_hand() if path not in told()[0]]
    if missing:
        sys.stderr.write(f"docs/model.yaml does not describe {', '.join(missing)}; add each with says and source.\n")
        return 2
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
