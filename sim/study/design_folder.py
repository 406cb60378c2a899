"""The run folder of a design: tables over all points, written piece by piece: memory does not grow with their number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.study.designed import DesignRun
from sim.study.points import Measured
from sim.study.store import Store
from sim.study.writing import UNFINISHED, Clockwork, Parts, put_table, write_parts

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from sim.config import Plan

__all__ = ["DESIGN_TABLES", "OF_DRAWS", "design_table", "pieces", "write_design_folder"]

DESIGN_TABLES = ("design", "contrasts", "summary", "outcomes")
"""Tables of the folder of a design, in the order in which they are written."""
OF_DRAWS = "posterior"
"""Name of the table and the figure of what comes of draws of parameters."""
_POINTS = 500
"""Points whose tables are held at once."""
_TEXTS = ("arm", "baseline", "outcome", "unit", "reason", "method", "status")


def write_design_folder(
    folder: Path,
    run: DesignRun,
    plan: Plan,
    store: Store,
    configuration: Mapping[str, Any],
    overrides: Sequence[str],
    clockwork: Clockwork,
    of_job: Collection[str],
) -> dict[str, str]:
    """Write tables, figures, manifest and report of a design as `write_parts` does; return what was left out, and why."""
    parts = Parts(
        tables=lambda place: _write_tables(place, run, plan, store),
        figures=lambda place: _draw_draws(place) if run.design.method == "draws" else _draw(place, run),
        about=lambda: _about(run, plan, clockwork),
        what="points",
    )
    return write_parts(folder, parts, plan, configuration, overrides, clockwork, of_job)


def _draw(folder: Path, run: DesignRun) -> dict[str, str]:
    """Draw the figures of a design from its tables, of which only the rows of the headlines are read."""
    from sim.study.figures import write_sweep
    from sim.study.figures.words import HEADLINES

    summary, contrasts = (_rows_of(folder / f"{name}.parquet", HEADLINES) for name in ("summary", "contrasts"))
    if summary.empty:
        return {"figures": "no point has a finished run"}
    log = [key for key, factor in run.design.factors.items() if factor.scale == "log"]
    return dict(write_sweep(folder / "figures", summary, contrasts, list(run.design.factors), log=log).skipped)


def _draw_draws(folder: Path) -> dict[str, str]:
    """Draw what comes of draws, of the headlines."""
    import pandas as pd

    from sim.study.figures.draws import draws_page
    from sim.study.figures.words import HEADLINES
    from sim.study.figures.written import save

    try:
        drawing = draws_page(pd.read_parquet(folder / f"{OF_DRAWS}.parquet"), HEADLINES)
    except InputError as error:
        return {"figures": str(error)}
    (folder / "figures").mkdir(exist_ok=True)
    save(drawing, folder / "figures" / f"{OF_DRAWS}.png", 200)
    return {}


def _write_draws(folder: Path, outcomes: Path, baseline: str) -> None:
    """Write what comes of draws, from the table of all outcomes."""
    import pandas as pd

    from sim.measures.by_draw import summary_of_draws

    table = pd.read_parquet(outcomes, columns=["point", "arm", "replicate", "outcome", "value", "unit"])
    put_table(folder / f"{OF_DRAWS}.parquet", summary_of_draws(table, baseline))


def _rows_of(path: Path, outcomes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some outcomes of a table, of which one piece is held at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pa.array(outcomes)
    with pq.ParquetFile(path) as file:
        groups = (file.read_row_group(i) for i in range(file.num_row_groups))
        parts = [group.filter(pc.is_in(group["outcome"], wanted)) for group in groups]
    found: pd.DataFrame = pa.concat_tables([part.combine_chunks() for part in parts]).to_pandas()
    texts = [name for name in _TEXTS if name in found]
    return found.astype(
        dict.fromkeys(texts, "object")
    )  # which figures go through again and again, quicker than Arrow's


def _about(run: DesignRun, plan: Plan, clockwork: Clockwork) -> dict[str, Any]:
    """Return what the manifest says of a design."""
    failed = [m for m in run.measured if m.failures]
    # Where it was computed decides nothing of what came out.
    what = plan.design.model_dump(mode="json", exclude={"backend", "address", "file"})
    text = json.dumps([what, sorted(m.key for m in run.measured)])
    return {
        "content_hash": {"design": hashlib.sha256(text.encode()).hexdigest()},
        "arms": run.arms,
        "baseline": run.baseline,
        "replicates": plan.study.replicates,
        "design": plan.design.model_dump(mode="json") | {"points": len(run.points)},
        "points_measured": len(run.measured),
        "points_failed": len(failed),
        "runs_computed": run.n_computed,
        "runs_reused": run.n_reused,
        "runs_failed": run.n_failed,
        "failures": [{"point": m.number, **vars(f)} for m in failed[:1000] for f in m.failures[:10]],
        "cpu_seconds": round(clockwork.read()["cpu_seconds"] + run.seconds_elsewhere, 3),
        "simulation_seconds": round(sum(m.seconds for m in run.measured), 3),
        "notes": run.notes,
    }


def _write_tables(folder: Path, run: DesignRun, plan: Plan, store: Store) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    put_table(folder / "design.parquet", design_table(run))
    writers: dict[str, pq.ParquetWriter] = {}
    paths = {name: folder / f"{name}.parquet" for name in DESIGN_TABLES[1:]}
    partial = {name: path.with_name(f".partial-{name}.parquet") for name, path in paths.items()}
    try:
        for tables in pieces(run, store, plan.study.replicates, is_conditional=plan.study.world == "fixed"):
            for name, table in tables.items():
                arrow = pa.Table.from_pandas(table, preserve_index=False)
                if name not in writers:
                    writers[name] = pq.ParquetWriter(partial[name], _schema(arrow), write_page_checksum=True)
                writers[name].write_table(arrow.cast(writers[name].schema))
    finally:
        for writer in writers.values():
            writer.close()
    if run.design.method == "draws":
        _write_draws(folder, partial["outcomes"], run.baseline)
    for name in paths:  # the folder as a whole appears in one step
        partial[name].rename(folder / UNFINISHED if name == "outcomes" else paths[name])


def _schema(table: pa.Table) -> pa.Schema:
    """Return the columns of a table, texts as plain strings, so that every reader knows them and every piece has the same."""
    import pyarrow as pa

    fields = [pa.field(f.name, pa.string() if f.name in _TEXTS else f.type) for f in table.schema]
    return pa.schema(fields)  # without what pandas says of its own types


def _typed(values: Sequence[Any]) -> Any:
    """Return a column of a factor's values: whole numbers, numbers, true or false, else text."""
    import numpy as np

    if not values:
        return np.empty(0)
    if all(isinstance(v, bool) for v in values):
        return np.asarray(values, bool)
    if all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        return np.asarray(values, np.int64)
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return np.asarray(values, np.float64)
    return [v if isinstance(v, str) else json.dumps(v, default=str) for v in values]


def design_table(run: DesignRun) -> pd.DataFrame:
    """Return one row per point of this part: its number, its values, whether all went well, and if not why."""
    import pandas as pd

    numbers = [m.number for m in run.measured]
    table = pd.DataFrame({"point": numbers})
    for key in run.design.factors:
        table[key] = _typed([run.points[n][key] for n in numbers])
    table["status"] = ["failed" if m.failures else "finished" for m in run.measured]
    table["reason"] = ["; ".join(dict.fromkeys(map(_told, m.failures))) for m in run.measured]
    return table


def _told(failure: Any) -> str:
    return str(failure) if failure.arm else str(failure.reason)


def pieces(run: DesignRun, store: Store, replicates: int, *, is_conditional: bool) -> Iterator[dict[str, pd.DataFrame]]:
    """Yield outcomes, contrasts and summary of some hundred points at a time; at least once, if need be without rows."""
    import pandas as pd

    from sim.measures.by_point import contrasts_by_point, summaries_by_point
    from sim.measures.contrast import CONTRAST_COLUMNS

    design = design_table(run).drop(columns=["status", "reason"]).set_index("point")
    size = max(1, _POINTS // replicates)
    for first in range(0, max(1, len(run.measured)), size):
        outcomes = _outcomes(run.measured[first : first + size], replicates, store)
        is_compared = run.baseline in set(outcomes["arm"])
        tables = {
            "contrasts": contrasts_by_point(outcomes, run.baseline, conditional=is_conditional)
            if is_compared
            else pd.DataFrame(
                {"point": pd.Series(dtype="int64")} | {c: pd.Series(dtype=_type(c)) for c in CONTRAST_COLUMNS}
            ),
            "summary": summaries_by_point(outcomes, conditional=is_conditional),
            "outcomes": outcomes,
        }
        for name, table in tables.items():
            values = design.loc[table["point"]].reset_index(drop=True)
            parts = [
                table[["point"]].reset_index(drop=True),
                values,
                table.drop(columns="point").reset_index(drop=True),
            ]
            tables[name] = pd.concat(parts, axis=1)
        yield tables


def _type(column: str) -> str:
    return "int64" if column == "n" else "object" if column in _TEXTS else "float64"


def _outcomes(measured: Sequence[Measured], replicates: int, store: Store) -> pd.DataFrame:
    """Return the outcomes of some points as a long table, as `contrasts_by_point` takes it."""
    import numpy as np
    import pandas as pd

    numbers: dict[str, list[Any]] = {name: [] for name in ("value", "numerator", "denominator")}
    texts = {name: _Texts() for name in ("outcome", "unit", "arm", "reason")}
    rows: list[tuple[int, int, int]] = []  # point, replicate and number of outcomes of each measurement
    for m in measured:
        kept = store.get_point(m.key) if m.names else {}
        for place, name in enumerate(m.names):
            entry = kept.get(name)
            if not name or entry is None:
                continue
            n = len(entry["outcome"])
            rows.append((m.number, place % replicates, n))
            for column, into in numbers.items():
                into.append(entry[column])
            texts["arm"].add((m.arms[place // replicates],) * n)
            texts["outcome"].add(tuple(entry["outcome"]))
            texts["unit"].add(tuple(entry["unit"]))
            reasons = entry["reason"]
            texts["reason"].add(tuple(reasons.get(str(i), "") for i in range(n)) if reasons else ("",) * n)
    point, replicate, lengths = np.asarray(rows, np.int64).reshape(-1, 3).T
    floats = {name: np.concatenate([np.zeros(0), *map(np.asarray, parts)]) for name, parts in numbers.items()}
    return pd.DataFrame(
        {
            "point": np.repeat(point, lengths),
            "arm": texts["arm"].column(),
            "replicate": np.repeat(replicate, lengths),
            "outcome": texts["outcome"].column(),
            "value": floats["value"],
            "unit": texts["unit"].column(),
            "numerator": floats["numerator"],
            "denominator": floats["denominator"],
            "reason": texts["reason"].column(),
        }
    )


class _Texts:
    """A column of texts that come again and again in the same sequences, as the names of outcomes do."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.known: dict[tuple[str, ...], Any] = {}
        self.parts: list[Any] = []

    def add(self, texts: tuple[str, ...]) -> None:
        """Add a sequence."""
        import numpy as np

        if texts not in self.known:
            self.known[texts] = np.asarray([self.codes.setdefault(t, len(self.codes)) for t in texts], np.int64)
        self.parts.append(self.known[texts])

    def column(self) -> Any:
        """Return the column: few texts and many places."""
        import numpy as np
        import pandas as pd

        places = np.concatenate([np.zeros(0, np.int64), *self.parts])
        return pd.Categorical.from_codes(places, pd.Index(list(self.codes))) if self.codes else np.zeros(0, object)
