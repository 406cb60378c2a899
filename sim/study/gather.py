"""Run folders found again, however deep they lie: what their commands named, and which of them hold the same study.

Manifests are read one by one and let go; of each folder a line is kept, so that memory hardly grows with their number.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.study.repetitions import leave_out_covered, leave_out_repetitions, names_of, note_overlaps
from sim.study.whole import PARTIAL
from sim.study.writing import read_manifest

__all__ = ["Gathered", "RunFolder", "Value", "gather", "value_text"]

Value = bool | int | float | str | None
"""Of a parameter in one run folder; None: it has none there, or which it was is not recorded."""

_LAST = "outcomes.parquet"
"""A folder that holds it is finished: it is written last."""
_STATUS = "status.json"
_BOOKKEEPING = re.compile(r"hydra[./].*|design([./].*)?|study\.(store|workers|figures|retry|report|question)")
"""Overrides that say how and where a study is run, and nothing of what comes out."""
_OF_STUDIES = ("seed", "engine", "study.replicates", "study.world")
"""Parameters that may differ although no command names them: a configuration file of one's own may set them."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """One finished run folder."""

    path: Path
    name: str
    """Relative to the folder that was searched, or to what several of them have in common."""
    tables: frozenset[str]
    values: tuple[Value, ...] = ()
    """Of the parameters of `Gathered`, in their order."""
    factors: tuple[str, ...] = ()
    """Parameters that are columns of the folder's own tables, as they differ between the points of its design."""
    content: str = ""
    """Digest of what was run, seed and number of replicates aside."""
    seed: int = 0
    replicates: int = 0
    is_fixed: bool = False
    """Whether all replicates have one world, drawn from the first one's seed."""
    family: str = ""
    """Of a design, a digest of what was run, the places and the number of its points aside; empty of other studies."""
    is_own: bool = False
    """Whether each point of a design has seeds of its own, by its number."""
    rank: tuple[int, str, int] = (0, "", 0)
    """Of repetitions the largest is kept: the one with fewest failures, and then the newest."""


@dataclass
class Gathered:
    """All finished run folders below some folders."""

    folders: tuple[RunFolder, ...]
    parameters: tuple[str, ...]
    damaged: dict[str, str] = field(default_factory=dict)
    """Why a folder, or one of its tables, was left out."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what its user should know."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables of which some folder has one, in alphabetical order."""
        return tuple(sorted(set().union(*(folder.tables for folder in self.folders))))

    def check(self, table: str) -> None:
        """Raise InputError where no folder has a table of that name."""
        if table not in self.tables:
            raise InputError(f"{table!r} is no table of any run folder here; choose one of {', '.join(self.tables)}.")


def gather(
    folders: Sequence[Path], *, keep_duplicates: bool = False, tables: Collection[str] | None = ("outcomes",)
) -> Gathered:
    """Return the finished run folders at any depth below some folders (links to folders are not followed).

    A parameter is what a command named (``KEY=VALUE``, group choices too), or a factor of a design, how and where to run
    aside; and the seed, engine, replicates and world in which folders differ. A folder whose command does not name one has the
    value of its resolved configuration. Folders that repeat others (the same scenarios, parameters, seed and replicates) are
    left out, and so are designs all points of which another has.

    Parameters
    ----------
    folders
        At least one.
    keep_duplicates
        Whether repetitions stay.
    tables
        Which are about to be read (None: all): of repetitions one stays in which these are whole.

    Raises
    ------
    InputError
        A folder does not exist, or there is no finished run folder that can be read.
    """
    roots = [Path(os.path.abspath(folder)) for folder in folders]
    for given, root in zip(folders, roots, strict=True):
        if not root.is_dir():
            raise InputError(f"{given} is no folder; give that of a run or sweep.")
    damaged: dict[str, str] = {}
    unfinished: list[str] = []
    found = sorted(_find(roots, damaged, unfinished), key=lambda place: _natural(place.name))
    keys = dict.fromkeys(_OF_STUDIES)
    named: set[str] = set()
    read: list[RunFolder] = []
    for place in found:
        try:
            manifest = read_manifest(place.path)
        except InputError as error:
            damaged[place.name] = str(error)
            continue
        its = {key: text for key, text in _overrides(manifest).items() if not _BOOKKEEPING.fullmatch(key)}
        factors = _factors(manifest)
        named |= {*its, *factors}
        keys |= dict.fromkeys([*its, *sorted(factors)])
        read.append(_described(place, manifest, its, factors, list(keys)))
    where = ", ".join(map(str, folders))
    if not read:
        for reason in damaged.values():
            more = f" ({len(damaged)} folders cannot be used)" if len(damaged) > 1 else ""
            raise InputError(f"{reason.rstrip('.')}{more}.")
        raise InputError(f"{where} holds no finished run (a folder with {_LAST}); give that of a run or sweep.")
    order = list(keys)
    for i, folder in enumerate(read):
        if len(folder.values) < len(order):  # a later command named something that this one did not
            manifest = read_manifest(folder.path)
            rest = [_value(manifest, key, _overrides(manifest).get(key)) for key in order[len(folder.values) :]]
            read[i] = replace(folder, values=(*folder.values, *rest))
    parameters = sorted(key for i, key in enumerate(order) if key in named or len({f.values[i] for f in read}) > 1)
    places = [order.index(key) for key in parameters]
    read = [replace(folder, values=tuple(folder.values[i] for i in places)) for folder in read]
    gathered = Gathered(tuple(read), tuple(parameters), damaged)
    _note_unfinished(gathered, unfinished)
    if not keep_duplicates:
        leave_out_repetitions(gathered, tables)
        note_overlaps(gathered)
        leave_out_covered(gathered, tables)
    _note_changed(gathered)
    return gathered


def value_text(value: Value) -> str | None:
    """Return a value of a parameter as text, in a column that holds others than numbers."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts job 9 before job 10."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]


def _find(roots: Sequence[Path], damaged: dict[str, str], unfinished: list[str]) -> Iterator[RunFolder]:
    """Yield finished run folders; note what cannot be entered, and jobs of a sweep that have no tables."""
    try:
        base = Path(os.path.commonpath(roots))
    except ValueError:  # several drives
        base = Path()
    seen: set[Path] = set()
    known: dict[frozenset[str], frozenset[str]] = {}

    def name(path: str | Path) -> str:
        path = Path(path)
        return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()

    def refuse(error: OSError) -> None:
        damaged[name(error.filename)] = f"{error.filename} cannot be read ({error.strerror})"

    for root in roots:
        for place, below, files in os.walk(root, onerror=refuse):
            below[:] = [other for other in below if not other.startswith(PARTIAL)]
            if _LAST not in files:
                if _STATUS in files:
                    unfinished.append(name(place))
                continue
            path = Path(place)
            if path.resolve() in seen:
                continue
            seen.add(path.resolve())
            if "manifest.json" not in files:
                unfinished.append(name(place))
                continue
            tables = frozenset(
                file.removesuffix(".parquet")
                for file in files
                if file.endswith(".parquet") and not file.startswith(("collected_", PARTIAL))
            )
            yield RunFolder(path, name(place), known.setdefault(tables, tables))  # one copy for all that have the same


def _overrides(manifest: Mapping[str, Any]) -> dict[str, str | None]:
    """Return what a command named: keys to the text behind them, None for what it removed (``~KEY``)."""
    found: dict[str, str | None] = {}
    for override in map(str, manifest.get("overrides") or ()):
        key, equals, text = override.lstrip("+~").partition("=")
        found[key] = text if equals and not override.startswith("~") else None
    return found


def _factors(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the factors of a design, each of which is a column of the folder's tables."""
    design = manifest.get("design")
    return tuple(map(str, design.get("factors") or ())) if isinstance(design, Mapping) else ()


def _configuration(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    found = manifest.get("configuration")
    return found if isinstance(found, Mapping) else {}


def _lookup(tree: Any, key: str) -> Any:
    """Return what stands at a dotted path; raises KeyError where there is nothing.

    >>> _lookup({"windows": [{"severity": 0.5}]}, "windows.0.severity")
    0.5
    """
    for part in key.replace("[", ".").replace("]", "").split("."):
        if isinstance(tree, Mapping):
            tree = tree[part]
        elif isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            raise KeyError(key)
    return tree


def _value(manifest: Mapping[str, Any], key: str, text: str | None) -> Value:
    """Return the value of a parameter in one run; `text` is what the command gave, None where it does not name the key."""
    configuration = _configuration(manifest)
    choices = configuration.get("choices") or {}
    if key in choices and not (text or "").startswith("{"):
        return _plain(choices[key])
    try:
        value = _lookup(configuration, key)
    except KeyError:
        return None if text is None else _scalar(text)
    if not isinstance(value, Mapping):
        return _plain(value)
    if text is not None:
        # What was given: the choice of a group, or a mapping, whose merged form keeps parts of the one that stood there.
        return None if text == "null" else text
    return _plain(value) if "." in key else None  # a group, and a manifest that does not record its choice


def _plain(value: Any) -> Value:
    """Return a value as one cell: lists and mappings as text."""
    return value if value is None or isinstance(value, bool | int | float | str) else _flow(value)


def _flow(value: Any) -> str:
    """Return a list or mapping as it is written in an override.

    >>> _flow({"law": "exponential", "over": [1, None]})
    '{law: exponential, over: [1, null]}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return value_text(value) or "null"


def _scalar(text: str) -> Value:
    """Return the value of an override whose key the configuration lacks.

    >>> [_scalar(text) for text in ("3", "1e-3", "True", "null", "'a b'", "none")]
    [3, 0.001, True, None, 'a b', 'none']
    """
    if text.lower() in ("null", "true", "false"):
        return {"null": None, "true": True, "false": False}[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _described(
    place: RunFolder,
    manifest: Mapping[str, Any],
    its: Mapping[str, str | None],
    factors: tuple[str, ...],
    keys: Iterable[str],
) -> RunFolder:
    """Return a run folder with all that is kept of its manifest."""
    configuration, design = _configuration(manifest), manifest.get("design")
    of_study = configuration.get("study") or {}
    content = [manifest.get(key) for key in ("content_hash", "baseline", "engine")]
    content += [of_study.get("nulls"), of_study.get("world")]
    if isinstance(design, Mapping):
        content += [design.get(key) for key in ("method", "factors", "points", "seed")]
        content += [
            {key: part for key, part in configuration.items() if key not in ("study", "design", "seed", "choices")}
        ]
    family: list[Any] = []
    if isinstance(design, Mapping):
        family = [manifest.get(key) for key in ("baseline", "engine", "arms", "model_version", "model_hash")]
        family += [of_study.get(key) for key in ("nulls", "world", "arms")] + [
            design.get("dice"),
            sorted(factors),
            content[-1],
        ]
    failed = manifest.get("runs_failed") or 0
    written = (place.path / "manifest.json").stat().st_mtime_ns
    return replace(
        place, values=tuple(_value(manifest, key, its.get(key)) for key in keys), factors=factors, content=_digest(content),
        family=_digest(family) if family else "", is_own=isinstance(design, Mapping) and design.get("dice") == "own",
        seed=int(manifest.get("seed") or 0), replicates=int(manifest.get("replicates") or 0),
        is_fixed=of_study.get("world") == "fixed", rank=(-int(failed), str(manifest.get("started") or ""), written),
    )  # fmt: skip


def _digest(of: Any) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _note_unfinished(gathered: Gathered, unfinished: list[str]) -> None:
    if unfinished:
        what = "folder has" if len(unfinished) == 1 else "folders have"
        gathered.notes.append(
            f"{len(unfinished)} {what} no finished run and {'was' if len(unfinished) == 1 else 'were'} left out: "
            f"{names_of(sorted(unfinished, key=_natural))}."
        )


def _note_changed(gathered: Gathered) -> None:
    """Say which folders differ in something that no parameter tells."""
    contents: dict[tuple[Value, ...], dict[str, str]] = defaultdict(dict)
    for folder in gathered.folders:
        if folder.factors:
            continue  # a design: its points are told apart by its factors
        contents[folder.values].setdefault(folder.content, folder.name)
    changed = [" and ".join(names.values()) for names in contents.values() if len(names) > 1]
    if changed:
        gathered.notes.append(
            f"folders with the same parameters hold different studies (option files, network files, null nights or the model "
            f"have changed between them): {names_of(changed)}; only the column folder tells them apart."
        )
