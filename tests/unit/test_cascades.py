"""Who answered whom, found again from the event log: by hand, and against what the reference engine did."""

import numpy as np
import pytest

from sim import draws
from sim.engine import order as o
from sim.engine.correspondent import Correspondent
from sim.engine.nation import Nation
from sim.engine.simulate import run
from sim.measures.cascades import POST, posts_of
from tests.nights import NIGHT, night, window

SEED = 7
AIRING = 123_456_789


def post(person, ordinal):
    return int(draws.identity(SEED, draws.ID_POST, person, 0, ordinal))


def answer(person, parent, ordinal=0):
    return int(draws.identity(SEED, draws.ID_REACTION, person, parent, ordinal))


def log(*rows):
    """Return an event log of rows (tick, kind, person, key, result)."""
    return np.array([(tick, kind, person, key, 0, result) for tick, kind, person, key, result in rows], o.LOG)


def test_a_log_without_posts_has_none():
    assert len(posts_of(log(), SEED)) == 0
    assert posts_of(log((1, o.WAKE, 0, 1, o.DONE)), SEED).dtype == POST


def test_parents_heads_and_delays_of_a_log_by_hand():
    head, other = post(0, 3), post(4, 0)
    first, second = answer(1, head), answer(1, head, 1)
    deep = answer(2, second)
    held = answer(3, head)
    after_airing = answer(5, AIRING)
    below = answer(6, after_airing, 2)
    found = posts_of(
        log(
            (10, o.CANDIDATE, 0, 3, o.PUBLISHED),
            (11, o.CANDIDATE, 0, 4, o.THINNED),
            (12, o.CANDIDATE, 4, 0, o.HELD),
            (15, o.IMPRESSION, 1, head, o.SEEN),
            (16, o.IMPRESSION, 2, head, o.UNSEEN),
            (18, o.IMPRESSION, 3, head, o.TIPPED),
            (20, o.REACTION, 1, first, o.THINNED),  # not said
            (22, o.REACTION, 1, second, o.PUBLISHED),
            (25, o.REACTION, 3, held, o.HELD),
            (26, o.IMPRESSION, 5, AIRING, o.SEEN),
            (30, o.IMPRESSION, 2, second, o.SEEN),
            (33, o.REACTION, 5, after_airing, o.PUBLISHED),
            (35, o.REACTION, 9, 4711, o.PUBLISHED),  # a video, which answers nothing
            (40, o.RETRY, 4, other, o.PUBLISHED),
            (41, o.RETRY, 3, held, o.PUBLISHED),
            (42, o.IMPRESSION, 6, after_airing, o.SEEN),
            (44, o.REACTION, 2, deep, o.PUBLISHED),
            (50, o.REACTION, 6, below, o.RETRYING),
            (60, o.RETRY, 6, below, o.RETRYING),
            (70, o.RETRY, 6, below, o.PUBLISHED),
            (80, o.REACTION, 8, answer(8, head), o.FAILED),
        ),
        SEED,
    )
    assert found.tolist() == [
        (head, 0, 0, 10, -1),
        (second, head, 0, 22, 7),
        (after_airing, AIRING, 2, 33, 7),
        (4711, 0, 3, 35, -1),
        (other, 0, 4, 40, -1),
        (held, head, 0, 41, 23),
        (deep, second, 0, 44, 14),
        (below, after_airing, 2, 70, 28),
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_parents_are_those_that_provoked_the_posts(monkeypatch, seed):
    provoked, published, cause = {}, [], []
    react, reacting, publish = Correspondent.react, Correspondent.reacting, Nation.publish

    def watched_react(self, message):
        cause.append((message.id, self.now))
        react(self, message)
        cause.pop()

    def watched_reacting(self, tick, message):
        if cause:
            assert message.id not in provoked
            provoked[message.id] = cause[-1]
        return reacting(self, tick, message)

    def watched_publish(self, message):
        published.append((int(self.env.now), message.id))
        publish(self, message)

    monkeypatch.setattr(Correspondent, "react", watched_react)
    monkeypatch.setattr(Correspondent, "reacting", watched_reacting)
    monkeypatch.setattr(Nation, "publish", watched_publish)
    throttled = [window(["tweets"], 30, 60, 0.6), window(["chat", "faces"], 60, 120, 0.7, "delay", 5.0)]
    scenario = night(throttle=NIGHT["throttle"] | {"windows": throttled})
    record = run(scenario, seed, "reference", events=True)
    posts = posts_of(record.log, seed)

    ids = posts["id"].tolist()
    assert list(zip(posts["tick"].tolist(), ids, strict=True)) == published
    expected = [provoked.get(id_, (0, tick + 1)) for tick, id_ in published]
    assert posts["parent"].tolist() == [parent for parent, _ in expected]
    assert posts["delay"].tolist() == [tick - when for (tick, _), (_, when) in zip(published, expected, strict=True)]
    row_of = {id_: row for row, id_ in enumerate(ids)}
    for row, root in enumerate(posts["root"].tolist()):
        while (above := row_of.get(int(posts["parent"][row]))) is not None:
            row = above
        assert row == root
    n_answers = sum(int(parent) in row_of for parent in posts["parent"])
    assert n_answers > 20
    assert np.count_nonzero(posts["parent"]) > n_answers  # some answer airings
    assert np.isin(record.log["result"][record.log["kind"] == o.RETRY], o.PUBLISHED).any()
