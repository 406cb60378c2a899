"""The history of a calibration: in any database, gone on with, cut to what a plan asks for, and one sentence where it fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy

pytest.importorskip("pyabc")

from sim.errors import InputError
from sim.inference import history
from sim.inference.history import heeding_database, without_password
from sim.inference.smc import Smc
from tests.inference.toy import STATISTICS, Toy, plan


def smc(address: str, **more: Any) -> Smc:
    asked = plan(particles=30, **more)
    return Smc(asked, STATISTICS, Toy(asked), address, "key", 1)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Smc:
    done = smc(f"sqlite:///{tmp_path_factory.mktemp('whole')}/history.db", generations=3)
    done.run()
    return done


def same(one: Smc, other: Smc) -> None:
    assert one.generations() == other.generations()
    for mine, theirs in zip(one.particles()[:3], other.particles()[:3], strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_plan_of_fewer_generations_is_answered_by_these_alone(whole: Smc):
    fewer, alone = smc(whole.history.db, generations=2), smc("sqlite://", generations=2)
    assert fewer.run() == alone.run() == "2 generations were asked for"
    assert (fewer.n_done, fewer.n_used) == (3, 2)
    same(fewer, alone)
    enough = smc(whole.history.db, generations=3, most_simulations=whole.generations()[0].n_candidates)
    assert "as many as asked for" in enough.run()
    assert enough.n_used == 1


def test_a_driver_may_be_named_and_the_calibration_is_found_again(whole: Smc, tmp_path: Path):
    address = f"sqlite+pysqlite:///{tmp_path}/history.db"
    smc(address, generations=1).run()
    again = smc(address, generations=3)
    assert again.n_done == 1
    again.run()
    same(again, whole)


def test_what_is_no_file_is_opened_without_the_timeout_of_one(
    whole: Smc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A server's drivers refuse it; that they are asked in no other way is all that can be seen without one."""

    def as_file(address: str, **more: Any) -> Any:
        assert (address, more) == ("postgresql+psycopg://me:secret@server/histories", {})
        return sqlalchemy.create_engine(f"sqlite:///{tmp_path}/server.db")

    monkeypatch.setattr(history, "create_engine", as_file)
    address = "postgresql+psycopg://me:secret@server/histories"
    smc(address, generations=1).run()
    again = smc(address, generations=3)
    assert again.n_done == 1
    again.run()
    same(again, whole)


def test_a_beginning_that_was_not_written_whole_is_begun_anew(whole: Smc, tmp_path: Path):
    place = tmp_path / "history.db"
    smc(f"sqlite:///{place}", generations=3)
    with sqlite3.connect(place) as base:
        base.execute("delete from populations")
    anew = smc(f"sqlite:///{place}", generations=3)
    anew.run()
    same(anew, whole)
    same(smc_found := smc(f"sqlite:///{place}", generations=3), whole)
    assert smc_found.n_done == 3


def test_a_database_that_fails_on_the_way_is_told_of_without_its_password(tmp_path: Path):
    place = tmp_path / "history.db"
    begun = smc(f"sqlite:///{place}", generations=3)
    place.write_bytes(b"no database" * 1000)
    with (
        pytest.raises(
            InputError, match=r"calibration\.database is postgresql://me:\*\*\*@server/x, which cannot be used"
        ),
        heeding_database("postgresql://me:secret@server/x"),
    ):
        begun.run()


def test_addresses_are_shown_without_passwords():
    assert without_password("postgresql+psycopg://me:secret@server/x") == "postgresql+psycopg://me:***@server/x"
    assert without_password("sqlite:////there/history.db") == "sqlite:////there/history.db"
    assert "secret" not in without_password("postgresql://me:secret@server:54x/x")  # no such port


def test_an_address_that_is_none_is_told_of_when_it_is_opened():
    with (
        pytest.raises(InputError, match=r"calibration\.database is server:54x/x, which cannot be used"),
        heeding_database("postgresql://me:secret@server:54x/x", opens=True),
    ):
        smc("postgresql://me:secret@server:54x/x")


@pytest.mark.parametrize("is_late", [False, True])
def test_two_commands_on_one_database_cannot_both_write_a_generation(is_late: bool, whole: Smc, tmp_path: Path):
    """Claims are of a machine; where another one was quicker this one ends, and what it wrote is gone on with."""
    address = f"sqlite:///{tmp_path}/history.db"
    one, other = smc(address, generations=1), smc(address, generations=2)
    simulate = other.simulator.of

    def of(*given: Any, **more: Any) -> Any:
        if one.n_done == 0:
            one.run()
        return simulate(*given, **more)

    if is_late:
        one.run()
    other.simulator.of = of  # type: ignore[method-assign]
    words = "another command is writing" if is_late else r"which cannot be used \(.*UNIQUE constraint failed"
    with pytest.raises(InputError, match=words), heeding_database(address):
        other.run()
    again = smc(address, generations=3)
    again.run()
    same(again, whole)
