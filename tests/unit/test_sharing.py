"""The measurement of how much a run gains by being shared: one row for each number of threads, and equal results."""

import pytest

from experiments import sharing


@pytest.mark.long
def test_a_table_of_two_sizes(capsys):
    sharing.main(["--people", "300", "500", "--rounds", "1", "--threads", "1", "2"])
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [(row[1].strip(), row[2].strip()) for row in rows] == [
        ("300", "1"),
        ("300", "2"),
        ("500", "1"),
        ("500", "2"),
    ]


def test_other_results_are_not_passed_over(monkeypatch):
    def wrong(*arguments, n_threads):
        state = right(*arguments)
        state.counts[0, 0, 0] += n_threads
        return state

    right = sharing.run_compiled
    monkeypatch.setattr(sharing, "run_compiled", wrong)
    with pytest.raises(SystemExit, match="300 people: with 2 threads something else comes out"):
        sharing.measure(300, [1, 2], 1)
