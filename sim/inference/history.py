"""The database of a calibration: pyABC's history in any that SQLAlchemy knows, and one sentence where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pyabc
from pyabc.storage.db_model import Base, Population
from sqlalchemy import Index, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from sim.errors import InputError

__all__ = ["History", "heeding_database", "without_password"]

_OPENING = (SQLAlchemyError, OSError, ImportError, AssertionError, TypeError, ValueError)

Index("one_of_each_generation", Population.abc_smc_id, Population.t, unique=True)
"""Of tables that are made from now on: two commands at once on one database cannot both write a generation."""


class History(pyabc.History):  # type: ignore[misc]
    """pyABC's history, which takes every database for a file of SQLite; others have no file, and no timeout of its kind."""

    def _make_session(self) -> Session:
        if make_url(self.db).get_backend_name() == "sqlite":
            return cast(Session, super()._make_session())
        self._engine = create_engine(self.db)
        Base.metadata.create_all(self._engine)
        self._session = session = sessionmaker(bind=self._engine)()
        return session

    def _set_version(self) -> None:
        """Write down which version's tables these are, where nobody has; called for whatever is no file yet."""
        try:
            super()._set_version()
        except AssertionError:  # it was written before
            self._close_session()


@contextmanager
def heeding_database(address: str, *, opens: bool = False) -> Iterator[None]:
    """Say in one sentence what a database fails at; where it is opened, drivers that lack or refuse something count as well."""
    faults = _OPENING if opens else (SQLAlchemyError,)
    try:
        yield
    except faults as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"calibration.database is {without_password(address)}, which cannot be used ({reason}); expected the address of a "
            "database such as sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME, with its driver installed."
        ) from error


def without_password(address: str) -> str:
    """Return an address as it can be shown."""
    try:
        return make_url(address).render_as_string(hide_password=True)
    except (SQLAlchemyError, ValueError):
        return address.split("@")[-1]
