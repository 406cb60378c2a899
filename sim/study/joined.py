"""One table of many run folders as a stream of rows: what lies in memory is a part of one folder, never all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.study.gather import Gathered, RunFolder, Value, value_text
from sim.tables import faults, unreadable

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Joined", "TornError", "UnreadableError"]

_ROWS = 1 << 16
"""Rows that are read at once."""
_PREFIX = "parameter."
"""Before a parameter whose key is the name of a column of the table itself."""


class TornError(InputError):
    """A table turned out to be damaged after some of its rows had been given."""


class UnreadableError(InputError):
    """A table is damaged in all folders that have it."""


class Joined:
    """A table of all run folders that have it: the columns ``folder`` and of the parameters, then the table's own.

    Parameters
    ----------
    gathered
        The run folders; tables that cannot be read are added to its list of damaged ones, once.
    table
        Name of the table: outcomes, contrasts, summary, curves, ...

    Raises
    ------
    InputError
        No folder has the table.
    UnreadableError
        As `UnreadableError` says.
    """

    def __init__(self, gathered: Gathered, table: str) -> None:
        self.gathered, self.table = gathered, table
        gathered.check(table)
        holders = [folder for folder in gathered.folders if table in folder.tables]
        self._own = _Columns()
        self._given: dict[str, pa.DataType] = {}
        """Types of parameters that are columns of a table, those of designs."""
        self.folders = [folder for folder in holders if self._take(folder)]
        self._check_left()
        self.n_without = len(gathered.folders) - len(holders)
        self._names = [_PREFIX + p if p in self._own.types or p == "folder" else p for p in gathered.parameters]
        self.schema = self._schema()

    @property
    def parameters(self) -> tuple[str, ...]:
        """Columns of the parameters."""
        return tuple(self._names)

    def batches(
        self, columns: Sequence[str] | None = None, where: Mapping[str, object] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows, folder by folder.

        Parameters
        ----------
        columns
            Names of the columns, in order; None: all.
        where
            Columns and the value, or list of values, that rows must have in each of them.

        Raises
        ------
        InputError
            Unknown column, or a value that does not fit one.
        TornError
            As `TornError` says; a table that is found damaged before any of its rows was given is left out instead.
        UnreadableError
            As `UnreadableError` says.
        """
        import pyarrow as pa

        wanted = list(self.schema.names if columns is None else columns)
        conditions = {name: self._allowed(name, value) for name, value in (where or {}).items()}
        for name in wanted:
            self._check(name)
        schema = pa.schema([self.schema.field(name) for name in wanted])
        for folder in list(self.folders):
            yield from self._rows(folder, schema, conditions)
        self._check_left()

    def _take(self, folder: RunFolder) -> bool:
        """Read the columns of one folder's table; return whether they can be had."""
        import pyarrow.parquet as pq

        try:
            found = pq.read_schema(self._path(folder))
            types = {field.name: _simple(field.type) for field in found}
            factors = {name: kind for name, kind in types.items() if name in folder.factors}
            own = self._own.with_types({name: kind for name, kind in types.items() if name not in factors})
        except faults() as error:
            self._leave_out(folder, error)
            return False
        self._own = own
        for name, kind in factors.items():
            before = self._given.get(name)
            self._given[name] = kind if before is None else _common(before, kind) or _text()
        return True

    def _schema(self) -> pa.Schema:
        import pyarrow as pa

        fields = [pa.field("folder", _text())]
        for i, (key, name) in enumerate(zip(self.gathered.parameters, self._names, strict=True)):
            kinds = [_type_of([f.values[i] for f in self.folders if key not in f.factors])]
            kinds += [self._given[key]] if key in self._given else []
            kind = kinds[0] if len(kinds) == 1 else _common(kinds[0], kinds[1]) or _text()
            fields.append(pa.field(name, _text() if pa.types.is_null(kind) else kind))
        fields += [pa.field(n, _text() if pa.types.is_null(kind) else kind) for n, kind in self._own.types.items()]
        return pa.schema(fields)

    def _rows(
        self, folder: RunFolder, schema: pa.Schema, conditions: Mapping[str, pa.Array]
    ) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        constant = self._constants(folder)
        for name, allowed in conditions.items():
            if name in constant and not pc.is_in(constant[name], allowed).as_py():
                return
        tests = {name: allowed for name, allowed in conditions.items() if name not in constant}
        wanted = dict.fromkeys([*schema.names, *tests])
        is_given = False
        try:
            with pq.ParquetFile(self._path(folder), page_checksum_verification=True) as file:
                own = file.schema_arrow.names
                needed = [name for name in wanted if name in own and name not in constant] or own[:1]
                for read in file.iter_batches(_ROWS, columns=needed):
                    n = read.num_rows
                    arrays = {}
                    for name in wanted:
                        kind = self.schema.field(name).type
                        if name in constant:
                            arrays[name] = pa.repeat(constant[name], n)
                        else:
                            arrays[name] = _cast(read.column(name), kind) if name in needed else pa.nulls(n, kind)
                    batch = pa.RecordBatch.from_arrays([arrays[name] for name in schema.names], schema=schema)
                    for name, allowed in tests.items():
                        mask = pc.is_in(arrays[name], allowed)
                        batch = batch.filter(mask)
                        arrays = {other: array.filter(mask) for other, array in arrays.items()}
                    if batch.num_rows:
                        is_given = True
                        yield batch
        except faults() as error:
            self._leave_out(folder, error)
            self.folders.remove(folder)
            if is_given:
                raise TornError(self._reason(folder)) from error

    def _constants(self, folder: RunFolder) -> dict[str, pa.Scalar]:
        """Return what is the same in all rows of a folder: its name, and the parameters that its table does not hold."""
        import pyarrow as pa

        found = {"folder": pa.scalar(folder.name, _text())}
        for key, name, value in zip(self.gathered.parameters, self._names, folder.values, strict=True):
            if key not in folder.factors:
                kind = self.schema.field(name).type
                found[name] = pa.scalar(value_text(value) if kind == _text() else value, kind)
        return found

    def _allowed(self, name: str, value: object) -> pa.Array:
        """Return the values that a condition allows, in the type of its column."""
        import pyarrow as pa

        self._check(name)
        values = list(value) if isinstance(value, list | tuple | set | frozenset | range) else [value]
        try:
            return pa.array(values, self.schema.field(name).type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"where asks for {value!r} in the column {name!r}, expected {self.schema.field(name).type}; correct it."
            ) from error

    def _check(self, name: str) -> None:
        if name not in self.schema.names:
            raise InputError(
                f"the table {self.table} has no column {name!r}; choose among {', '.join(self.schema.names)}."
            )

    def _check_left(self) -> None:
        if not self.folders:
            reasons = [text for name, text in self.gathered.damaged.items() if name.endswith(f"/{self.table}.parquet")]
            more = f" ({len(reasons)} tables cannot be read)." if len(reasons) > 1 else "."
            raise UnreadableError(reasons[0].rstrip(".") + more)

    def _path(self, folder: RunFolder) -> str:
        return str(folder.path / f"{self.table}.parquet")

    def _reason(self, folder: RunFolder) -> str:
        return self.gathered.damaged[f"{folder.name}/{self.table}.parquet"]

    def _leave_out(self, folder: RunFolder, error: Exception) -> None:
        """Note that a table is left out, and why."""
        self.gathered.damaged[f"{folder.name}/{self.table}.parquet"] = unreadable(self._path(folder), error)


class _MisfitError(ValueError):
    """A column that holds something else than that of the other folders."""


class _Columns:
    """The columns of tables that may be of several versions: each in its place, of the type that fits all."""

    def __init__(self, types: Mapping[str, pa.DataType] | None = None) -> None:
        self.types = dict(types or {})

    def with_types(self, others: Mapping[str, pa.DataType]) -> _Columns:
        """Return the columns of both; raises _MisfitError where text and numbers, say, would stand in one."""
        if list(others.items()) == list(self.types.items()):
            return self
        types, order, place = dict(self.types), list(self.types), 0
        for name, kind in others.items():
            common = _common(types[name], kind) if name in types else kind
            if common is None:
                raise _MisfitError(f"its column {name!r} holds {kind}, and that of the folders before {types[name]}")
            types[name] = common
            if name not in order:
                order.insert(place, name)  # behind what it stands behind in its own table
            place = order.index(name) + 1
        return _Columns({name: types[name] for name in order})


def _text() -> pa.DataType:
    import pyarrow as pa

    return pa.string()


def _simple(kind: pa.DataType) -> pa.DataType:
    """Return the type in which a column is joined: dictionaries and all kinds of text as plain text, numbers of 64 bits."""
    import pyarrow.types as kinds
    from pyarrow import float64, int64

    if kinds.is_dictionary(kind):
        return _simple(kind.value_type)
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return _text()
    if kinds.is_floating(kind):
        return float64()
    if kinds.is_integer(kind) and not kinds.is_uint64(kind):
        return int64()
    return kind


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return a type that holds the values of both, or None."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if one == other or kinds.is_null(other):
        return one
    if kinds.is_null(one):
        return other
    if kinds.is_timestamp(one) and kinds.is_timestamp(other) and (one.tz is None) == (other.tz is None):
        units = ("s", "ms", "us", "ns")
        unit = units[max(units.index(one.unit), units.index(other.unit))]
        return pa.timestamp(
            unit, one.tz if one.tz == other.tz else "UTC"
        )  # the instant stays, as told by another clock
    if all(kinds.is_int64(kind) or kinds.is_float64(kind) for kind in (one, other)):
        return pa.float64()
    return None


def _type_of(values: Sequence[Value]) -> pa.DataType:
    """Return the type of a parameter: of numbers, of true and false, or text."""
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.null()
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64() if all(v is None or -(2**63) <= int(v) < 2**63 for v in values) else _text()
    return pa.float64() if kinds <= {int, float} else _text()


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column of one file in the type of all."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kind == _text() and not (kinds.is_null(array.type) or _simple(array.type) == _text()):
        coded = array.dictionary_encode()  # a factor that is a number here and text in another design
        return pa.array([value_text(v) for v in coded.dictionary.to_pylist()], kind).take(coded.indices)
    return array.cast(kind)
