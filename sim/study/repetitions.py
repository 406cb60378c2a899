"""Run folders that repeat others, or share runs with them, whose rows would count twice when tables are joined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from sim.tables import faults, unreadable

if TYPE_CHECKING:
    from sim.study.gather import Gathered, RunFolder

__all__ = ["leave_out_covered", "leave_out_repetitions", "names_of", "note_overlaps"]

_ROWS = 1 << 16
"""Rows that are read at once."""


def names_of(names: Sequence[str], most: int = 5) -> str:
    """Return names as a list within a sentence, the first few of them."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def leave_out_repetitions(gathered: Gathered, tables: Collection[str] | None) -> None:
    """Keep one of the folders that hold the same study: the best in which these tables (None: all) are whole."""
    same: dict[tuple[object, ...], list[RunFolder]] = defaultdict(list)
    for folder in gathered.folders:
        same[folder.content, folder.seed, folder.replicates, folder.values].append(folder)
    kept, torn = set(), set()
    for group in same.values():
        group.sort(key=lambda folder: folder.rank, reverse=True)
        for folder in group if len(group) > 1 else ():
            if _is_whole(gathered, folder, tables):
                kept.add(id(folder))
                break
            torn.add(id(folder))
        else:
            kept.add(id(group[0]))
    out = [folder.name for folder in gathered.folders if id(folder) not in kept | torn]
    gathered.folders = tuple(folder for folder in gathered.folders if id(folder) in kept)
    if out:
        what = "folder repeats another" if len(out) == 1 else "folders repeat others"
        gathered.notes.append(
            f"{len(out)} {what} (the same scenarios, parameters, seed and replicates; the newest stay) and "
            f"{'was' if len(out) == 1 else 'were'} left out: {names_of(out)}; --keep-duplicates keeps them."
        )


def _is_whole(gathered: Gathered, folder: RunFolder, tables: Collection[str] | None) -> bool:
    """Return whether tables of a folder can be read to their end; those that cannot are noted as damaged."""
    import pyarrow.parquet as pq

    is_whole = True
    for table in sorted(folder.tables if tables is None else folder.tables & set(tables)):
        path = folder.path / f"{table}.parquet"
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for _ in file.iter_batches(_ROWS):
                    pass
        except faults() as error:
            gathered.damaged[f"{folder.name}/{table}.parquet"] = unreadable(path, error)
            is_whole = False
    return is_whole


def note_overlaps(gathered: Gathered) -> None:
    """Say which folders share runs: replicate r has the seed + r, so that seeds 1 and 5 with 8 replicates do."""
    aside = {i for i, key in enumerate(gathered.parameters) if key in ("seed", "study.replicates")}
    same: dict[tuple[object, ...], list[RunFolder]] = defaultdict(list)
    for folder in gathered.folders:
        values = tuple(value for i, value in enumerate(folder.values) if i not in aside)
        same[folder.content, values, folder.seed if folder.is_fixed else None].append(folder)
    shared = []
    for group in same.values():
        group.sort(key=lambda folder: folder.seed)
        last = group[0]
        for folder in group[1:]:
            if folder.seed < last.seed + last.replicates:
                shared.append(f"{last.name} with {folder.name}")
            last = max(last, folder, key=lambda f: f.seed + f.replicates)
    if shared:
        gathered.notes.append(
            f"folders share runs (the same scenarios, overlapping seeds), which count twice where rows are pooled: "
            f"{names_of(shared)}; collect one of them, or give seeds that lie further apart."
        )


def leave_out_covered(gathered: Gathered, tables: Collection[str] | None) -> None:
    """Drop designs all points of which another one has, too, and say which designs share some of theirs.

    As a Sobol sequence of 100 points and one of 200 do, or a part of a design and the whole. A point that failed in the other
    one, and not in the same way in this one, is none that it has.
    """
    aside = {i for i, key in enumerate(gathered.parameters) if key in ("seed", "study.replicates")}
    families: dict[tuple[object, ...], list[RunFolder]] = defaultdict(list)
    for folder in gathered.folders:
        if folder.family and "design" in folder.tables:
            values = tuple(value for i, value in enumerate(folder.values) if i not in aside)
            families[folder.family, values, folder.seed if folder.is_fixed or folder.is_own else None].append(folder)
    covered: dict[int, str] = {}
    shared = []
    for group in families.values():
        if len(group) < 2:
            continue
        points = {id(folder): _points_of(folder) for folder in group}
        group.sort(key=lambda folder: (len(points[id(folder)]), folder.rank), reverse=True)
        for i, folder in enumerate(group):
            for larger in group[:i]:
                if id(larger) in covered or folder.content == larger.content:
                    continue  # what repeats a design with other seeds has been told
                first, last = sorted((folder, larger), key=lambda f: f.seed)
                its, others = points[id(folder)], points[id(larger)]
                common = len(its.keys() & others.keys())
                if not common or last.seed >= first.seed + first.replicates:
                    continue
                is_same = (folder.seed, folder.replicates) == (larger.seed, larger.replicates)
                if is_same and all(others.get(point, "not there") in ("", reason) for point, reason in its.items()):
                    if _is_whole(gathered, larger, tables):
                        covered[id(folder)] = f"{folder.name} (in {larger.name})"
                        break
                    continue  # its rows are left out
                shared.append(f"{larger.name} with {folder.name} ({common})")
    gathered.folders = tuple(folder for folder in gathered.folders if id(folder) not in covered)
    if covered:
        is_one = len(covered) == 1
        gathered.notes.append(
            f"{len(covered)} {'design has' if is_one else 'designs have'} only points that another has, too, with the same "
            f"seeds, and {'was' if is_one else 'were'} left out: {names_of(list(covered.values()))}; --keep-duplicates keeps "
            "them."
        )
    if shared:
        gathered.notes.append(
            f"designs share points (their number in brackets), which count twice where rows are pooled: {names_of(shared)}; "
            "collect one of them, or drop what is there twice."
        )


def _points_of(folder: RunFolder) -> dict[tuple[object, ...], str]:
    """Return why each point of a design failed, by its values, nothing if it did not; no point where the table is damaged."""
    import pyarrow.parquet as pq

    columns = [*sorted(folder.factors), *(["point"] if folder.is_own else [])]
    try:
        table = pq.read_table(folder.path / "design.parquet", columns=[*columns, "status", "reason"], partitioning=None)
        places = zip(*(table[name].to_pylist() for name in columns), strict=True)
        ends = zip(table["status"].to_pylist(), table["reason"].to_pylist(), strict=True)
    except faults():
        return {}
    return {
        place: "" if status == "finished" else f"{status}: {reason}"
        for place, (status, reason) in zip(places, ends, strict=True)
    }
