"""Reading tables (CSV or Parquet) with one clear sentence for each thing that can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["faults", "integers", "numbers", "read_table", "unreadable"]


def read_table(path: Path) -> pd.DataFrame:
    """Return a CSV or Parquet file as a data frame.

    Raises
    ------
    InputError
        The file is missing, of another kind, truncated or otherwise unreadable.
    """
    import pandas as pd

    if path.is_dir():
        raise InputError(f"{path} is a folder, expected a table in one .csv or .parquet file; give the path of a file.")
    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError(f"{path} ends in {suffix!r}, expected .csv or .parquet; convert the file.")
    try:
        table = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist, expected a table; check the path.") from error
    except Exception as error:  # pandas and pyarrow raise many kinds of errors for files that are cut or garbled
        reason = str(error).splitlines()[0].replace(". ", ", ").rstrip(".") if str(error) else type(error).__name__
        raise InputError(
            f"{path} cannot be read ({reason}); expected a whole {suffix[1:]} table: write it again."
        ) from error
    if len(table.columns) == 0:
        raise InputError(f"{path} is empty, expected a table with a header; write it again.")
    return table


def faults() -> tuple[type[Exception], ...]:
    """Return what may be raised for a table that is cut, garbled or gone."""
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, KeyError)


def unreadable(path: str | Path, error: Exception) -> str:
    """Return the sentence about a table that cannot be read."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{path} cannot be read ({lines[0].replace('. ', ', ').rstrip('.')}); expected a whole table: run it again."


def numbers(table: pd.DataFrame, column: str, path: Path, low: float, high: float) -> np.ndarray:
    """Return a column as float64, every value in [low, high].

    Raises
    ------
    InputError
        The column is missing, holds text or nothing, or a value out of range.
    """
    import pandas as pd

    if column not in table:
        have = ", ".join(map(str, table.columns))
        raise InputError(f"{path} has no column {column!r} (it has {have}); add it or rename one.")
    values = np.asarray(pd.to_numeric(table[column], errors="coerce"), np.float64)
    bad = ~((values >= low) & (values <= high))
    if bad.any():
        row = int(np.argmax(bad))
        given = table[column].iloc[row]
        shown = "nothing" if pd.isna(given) else repr(getattr(given, "item", lambda: given)())  # 7, not np.int64(7)
        raise InputError(
            f"{path}, column {column!r}, row {row + 1} holds {shown}, expected a number from {low:g} to {high:g}; "
            "correct it (a truncated last row looks like this, too)."
        )
    return values


def integers(table: pd.DataFrame, column: str, path: Path, low: int, high: int) -> np.ndarray:
    """Return a column as int64, every value whole and in [low, high].

    Raises
    ------
    InputError
        As `numbers`, or a value is not whole.
    """
    values = numbers(table, column, path, low, high)
    bad = values != np.floor(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise InputError(
            f"{path}, column {column!r}, row {row + 1} holds {values[row]}, expected a whole number; correct it."
        )
    return values.astype(np.int64)
