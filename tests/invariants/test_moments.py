"""Within a moment nobody notices what others do; so it does not matter into how many parts the people are cut."""

import numpy as np
import pandas as pd
import pytest

from sim import draws
from sim.engine import hybrid
from sim.engine.hybrid import threads_for
from sim.engine.order import DEPART, IMPRESSION, PUBLISHED, REACTION, next_moment
from sim.engine.simulate import run
from sim.errors import InputError
from sim.scenario import validate
from sim.units import MINUTE
from sim.world import make_world
from tests.nights import NIGHT, merged


def night_of(seconds):
    return validate(merged(NIGHT, {"scenario": {"moment_seconds": seconds}}))


def delays_of(log, seed):
    """Return int64[looks, 2]: when something was done, and when somebody else looked at it."""
    said = log[(log["kind"] == REACTION) & (log["result"] == PUBLISHED)]
    done = dict(zip(said["key"].tolist(), said["tick"].tolist(), strict=True))
    for row in log[log["kind"] == DEPART]:
        done[int(draws.identity(seed, draws.ID_DEPARTURE, row["person"], 0, row["key"]))] = int(row["tick"])
    looks = log[log["kind"] == IMPRESSION]
    return np.array(
        [(done[k], t) for k, t in zip(looks["key"].tolist(), looks["tick"].tolist(), strict=True) if k in done]
    )


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_nobody_looks_at_what_was_done_in_the_same_moment(engine):
    done, looked = delays_of(run(night_of(60.0), 3, engine, events=True).log, 3).T
    assert (looked >= next_moment(done, MINUTE)).all()
    assert (looked == next_moment(done, MINUTE)).any()  # who would have looked earlier does so when the next one begins


def test_without_moments_some_look_at_once():
    done, looked = delays_of(run(night_of(0.001), 3, events=True).log, 3).T
    assert (looked > done).all()
    assert (looked < next_moment(done, MINUTE)).any()


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_parts_write_to_each_other_and_change_nothing(n_threads, monkeypatch):
    received = []

    def receive(part, outbox, letters, n):
        received.append(n)
        return as_it_is(part, outbox, letters, n)

    as_it_is = hybrid.kernel.receive
    monkeypatch.setattr(hybrid.kernel, "receive", receive)
    alone = run(night_of(10.0), 5, events=True)
    assert not received
    shared = run(night_of(10.0), 5, events=True, n_threads=n_threads)
    assert sum(received) > 100
    np.testing.assert_array_equal(alone.log, shared.log)
    for name, part in alone.arrays().items():
        np.testing.assert_array_equal(part, shared.arrays()[name], err_msg=name)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_people_of_a_file_in_no_order_of_provinces_can_be_shared(n_threads, tmp_path):
    """A part has no stretch of the lists of its own then."""
    rng = np.random.default_rng(4)
    n = int(NIGHT["population"]["size"])
    places = rng.choice(["Eastern", "Western", "Middle"], n)
    pd.DataFrame({"province": places, "sleep_hours": rng.uniform(1, 9, n)}).to_csv(tmp_path / "people.csv", index=False)
    scenario = validate(merged(NIGHT, {"population": {"file": tmp_path / "people.csv"}}))
    assert len(make_world(scenario, 5).people.by_province) == n
    alone, shared = run(scenario, 5, events=True), run(scenario, 5, events=True, n_threads=n_threads)
    np.testing.assert_array_equal(alone.log, shared.log)
    np.testing.assert_array_equal(alone.log, run(scenario, 5, "reference", events=True).log)
    np.testing.assert_array_equal(alone.snapshots, shared.snapshots)


def test_more_threads_than_people():
    few = merged(NIGHT, {"population": {"size": 3}})
    np.testing.assert_array_equal(
        run(validate(few), 1, events=True).log, run(validate(few), 1, events=True, n_threads=8).log
    )


@pytest.mark.parametrize("n_threads", [0, -1])
def test_no_thread_is_refused(n_threads):
    with pytest.raises(InputError, match=rf"n_threads is {n_threads}, expected 1 or more"):
        run(night_of(10.0), 1, n_threads=n_threads)


@pytest.mark.parametrize("seconds", [7.0, 0.0015, 59.0])
def test_a_minute_is_a_whole_number_of_moments(seconds):
    with pytest.raises(InputError, match=rf"scenario\.moment_seconds is {seconds}, expected .* such as 10"):
        night_of(seconds)


def test_small_runs_are_not_shared():
    assert threads_for(100_000, 8) == 1
    assert threads_for(78_741_053, 8) == 8
    assert threads_for(78_741_053, 0) == 1
