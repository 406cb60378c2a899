"""Points that stand in a file: draws from a posterior, say, a row each, with a column for every parameter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sim.errors import InputError

__all__ = ["read_listed"]


def read_listed(path: Path, keys: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Return the columns of a file (CSV, with # before remarks, or Parquet) that are named by keys of parameters.

    Parameters
    ----------
    path
        The file.
    keys
        Which columns; None: all whose name holds a dot, as keys of parameters do.

    Raises
    ------
    InputError
        A file that cannot be read, without rows or columns, or with values that are no numbers.
    """
    import numpy as np
    import pandas as pd

    expected = "expected a table with a column for each parameter, named by its key, and a row for each point"
    try:
        path.open("rb").close()  # the readers tell in words of their own that it is not there
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, comment="#")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; {expected}: correct its name.") from error
    except Exception as error:  # whatever the two readers make of a file that is none
        raise InputError(f"{path} cannot be read ({str(error).splitlines()[0]}); {expected}.") from error
    columns = list(keys) if keys is not None else [name for name in map(str, table.columns) if "." in name]
    missing = [key for key in columns if key not in table]
    if missing or not columns or table.empty:
        what = f"no column {missing[0]}" if missing else "no rows" if columns else "no column that names a parameter"
        raise InputError(f"{path} has {what}, {expected}; correct it.")
    numbers = table[columns].apply(pd.to_numeric, errors="coerce")
    for name in columns:
        bad = np.flatnonzero(~np.isfinite(numbers[name].to_numpy(np.float64)))
        if len(bad):
            raise InputError(
                f"{path}, row {bad[0] + 1}: {name} is {table[name].iloc[bad[0]]!r}, expected a number; correct it."
            )
    return {name: numbers[name].astype(np.float64).tolist() for name in columns}
