"""What becomes of a failed post, by hand: how often it is tried again, when, and what is left at the end."""

import numpy as np
import pytest

from sim.engine.order import CANDIDATE, FAILED, PUBLISHED, RETRY, RETRYING
from sim.engine.simulate import run
from sim.engine.state import ATTEMPTED, FAILED_COUNT, POSTS_PENDING, PUBLISHED_COUNT
from sim.units import MINUTE
from tests.nights import constant, night, window

POSTED = ["tweets", "faces", "tube", "chat"]


def blocked(at_most, probability=1.0, end=400.0):
    """Return a night in which nobody sleeps or gets round, and every post fails until `end`."""
    return night(
        scenario={"timeline": [], "warm_up_hours": 0.0},
        population={"sleep": None},
        posting={"branching_ratio": 0.0},
        throttle={
            "windows": [window(POSTED, 0, end, 1.0)],
            "circumvention": {"share_before": 0.0, "hazard_per_hour": 0.0},
            "retry": {"probability": probability, "delay": constant(2), "at_most": at_most},
        },
    )


def tries_of(log):
    """Return {key of the message: [(tick, result) of each try again]}."""
    found = {}
    for row in log[log["kind"] == RETRY]:
        found.setdefault(int(row["key"]), []).append((int(row["tick"]), int(row["result"])))
    return found


@pytest.mark.parametrize("at_most", [0, 1, 2, 5])
def test_a_failed_post_is_tried_again_just_so_often_and_then_fails(at_most):
    record = run(blocked(at_most), 3, events=True)
    first = record.log[(record.log["kind"] == CANDIDATE) & np.isin(record.log["result"], (FAILED, RETRYING))]
    assert len(first) > 20
    assert set(first["result"].tolist()) == {RETRYING if at_most else FAILED}
    early = {key: tries for key, tries in tries_of(record.log).items() if tries[0][0] < (179 - 2 * at_most) * MINUTE}
    assert bool(early) == bool(at_most)
    for tries in early.values():
        assert [result for _, result in tries] == [RETRYING] * (at_most - 1) + [FAILED]
        assert (np.diff([tick for tick, _ in tries]) == 2 * MINUTE).all()


def test_a_post_that_is_tried_again_after_the_window_is_published():
    record = run(blocked(5, end=60.0), 3, events=True)
    last = {key: tries[-1] for key, tries in tries_of(record.log).items()}
    assert any(result == PUBLISHED for _, result in last.values())
    assert all(60 * MINUTE <= tick < 62 * MINUTE for tick, result in last.values() if result == PUBLISHED)


def test_a_post_is_tried_again_with_its_probability():
    counts = run(blocked(1, probability=0.3), 3, events=True)
    first = counts.log[(counts.log["kind"] == CANDIDATE) & np.isin(counts.log["result"], (FAILED, RETRYING))]
    again = int(np.count_nonzero(first["result"] == RETRYING))
    n = len(first)
    assert abs(again - 0.3 * n) < 4.5 * np.sqrt(n * 0.3 * 0.7)
    attempted, published, failed = (
        counts.counts[:, :, what].sum() for what in (ATTEMPTED, PUBLISHED_COUNT, FAILED_COUNT)
    )
    assert attempted == n
    assert published == 0
    assert failed + counts.totals[:, POSTS_PENDING].sum() == n
