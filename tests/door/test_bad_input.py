"""Bad input, full disks, Ctrl-C and kill -9: one sentence, exit code 2 (or 130), nothing half-written."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.sweep import read_status
from tests.door.shell import (
    TINY,
    Answer,
    assert_same_tables,
    finish,
    finished_runs,
    forked_sim,
    half_written,
    listing,
    manifest,
    python_sim,
    start,
    wait_until,
)

pytestmark = pytest.mark.slow

STORE = "study.store=store"


def sentences(line: str) -> int:
    """Return how many sentences of this program's errors a line holds: each says after a semicolon or colon what to do."""
    return sum(part.strip() != "" for part in line.removesuffix("\n").split(". "))


def refused(answer: Answer, *names: str) -> None:
    """Assert that a command was refused with one line that names key or file and the value."""
    assert answer.code == 2, f"exit code {answer.code}\n{answer.out}\n{answer.err}"
    assert "Traceback" not in answer.err
    assert len(answer.err.splitlines()) == 1, answer.err
    assert answer.err.endswith(".\n"), answer.err
    for name in names:
        assert name in answer.err, f"{name!r} is not named: {answer.err}"


def left(folder: Path) -> set[str]:
    """Return what a refused command left beside the files that lay there and the (empty) store."""
    return {path for path in listing(folder) if path not in ("store", "outputs/store")} - {"outputs"}


# -- refused by the schema: nothing is computed, nothing is written

AT_THE_DOOR = [
    pytest.param(["nonsense=1"], ["nonsense"], id="unknown key"),
    pytest.param(["+nonsense=1"], ["nonsense"], id="unknown key, added"),
    pytest.param(["population.sise=5"], ["population.sise"], id="unknown key within"),
    pytest.param(["+population.sise=5"], ["population.sise"], id="unknown key within, added"),
    pytest.param(["throttle=nonsense"], ["throttle", "nonsense", "july15"], id="unknown option"),
    pytest.param(["nonsense=july15", "decision=hazard"], ["nonsense"], id="unknown group"),
    pytest.param(["throttle.windows.0.severity=1.5"], ["throttle.windows.0.severity", "1.5"], id="severity 1.5"),
    pytest.param(["throttle.windows.0.severity=strong"], ["throttle.windows.0.severity", "strong"], id="severity text"),
    pytest.param(
        ["throttle.windows.0.end=2016-07-15T22:00"], ["throttle.windows.0", "22:00"], id="window ends before it starts"
    ),
    pytest.param(["throttle.windows.0.end=tomorrow"], ["throttle.windows.0.end", "tomorrow"], id="no moment"),
    pytest.param(
        ["throttle.windows.0.start=2016-07-15T19:50:00Z"], ["throttle.windows.0"], id="window in another zone"
    ),
    pytest.param(["throttle.windows.0.channels=[telegraph]"], ["throttle.windows.0", "telegraph"], id="unknown channel"),
    pytest.param(["posting.branching_ratio=1"], ["posting.branching_ratio", "1"], id="branching ratio 1"),
    pytest.param(["posting.branching_ratio=nan"], ["posting.branching_ratio", "nan"], id="branching ratio nan"),
    pytest.param(["population.size=0"], ["population.size", "0"], id="nobody"),
    pytest.param(["population.size=134217729"], ["population", "134217729", "2^27"], id="too many"),
    pytest.param(["population.size=null", "population.weight=0.5"], ["population", "2^27"], id="too many by weight"),
    pytest.param(["population.weight=2"], ["population", "300", "2", "weight"], id="size and weight"),
    pytest.param(["network.followers.mean=1e300"], ["network.followers.mean", "1e+300"], id="followers beyond measure"),
    pytest.param(["network.groups.whatsapp.mean_size=1e300"], ["mean_size", "1e+300"], id="groups beyond measure"),
    pytest.param(["network.neighbours.mean=9"], ["network.neighbours.mean", "9"], id="an odd number of neighbours"),
    pytest.param(["posting.victory.decay_minutes=1e9"], ["decay_minutes"], id="a decay beyond measure"),
    pytest.param(["channels.twitter.posts_per_user_day=1e7"], ["posts_per_user_day"], id="posts beyond measure"),
    pytest.param(["study.store=''"], ["study.store"], id="a store without a name"),
    pytest.param(["channels.television.waits=0.1"], ["waits", "+KEY=VALUE"], id="a key that must be added"),
    pytest.param(["study.replicates=0"], ["study.replicates", "0"], id="no replicate"),
    pytest.param(["study.workers=0"], ["study.workers", "0"], id="no worker"),
    pytest.param(["study.world=flat"], ["study.world", "flat", "fixed"], id="unknown world"),
    pytest.param(["study.nulls=[silence]"], ["study.nulls", "silence", "keyboard"], id="unknown null night"),
    pytest.param(["study.arms={}"], ["study.arms"], id="no arm"),
    pytest.param(["study.arms={a:['throttle=nonsense']}"], ["nonsense"], id="unknown option in an arm"),
    pytest.param(["engine=steam"], ["engine", "steam", "compiled"], id="unknown engine"),
    pytest.param(["seed=-1"], ["seed", "-1"], id="seed below"),
    pytest.param(["seed=9223372036854775808"], ["seed", "9223372036854775808"], id="seed above"),
    pytest.param(["seed=null"], ["seed"], id="no seed"),
    pytest.param(["scenario.zone=Mars/Olympus"], ["scenario.zone", "Mars/Olympus"], id="unknown zone"),
    pytest.param(["scenario.end=2016-07-14"], ["scenario.end", "2016-07-14"], id="ends before it starts"),
    pytest.param(["throttle.windows=["], ["throttle.windows"], id="bad grammar"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "names"), AT_THE_DOOR)
def test_refused_at_the_door(overrides: list[str], names: list[str], tmp_path: Path) -> None:
    refused(forked_sim(*TINY, *overrides, folder=tmp_path), *names)
    assert left(tmp_path) == set()


def test_a_fresh_process_refuses_in_the_same_way(tmp_path: Path) -> None:
    fresh = python_sim(*TINY, "population.size=0", folder=tmp_path)
    refused(fresh, "population.size", "0")
    assert fresh == forked_sim(*TINY, "population.size=0", folder=tmp_path)
    assert listing(tmp_path) == set()


def test_each_fault_has_its_sentence(tmp_path: Path) -> None:
    answer = forked_sim(*TINY, "throttle.windows.0.severity=7", "posting.branching_ratio=2", folder=tmp_path)
    refused(answer, "throttle.windows.0.severity is 7", "posting.branching_ratio is 2")
    assert sentences(answer.err) == 2
    assert sentences(forked_sim(*TINY, "population.size=0", folder=tmp_path).err) == 1


# -- options of classical models that do not go together

PLAIN = ("classic=plain", "population.size=20", "study.replicates=1", "study.figures=false")
BY_SHARE = ["decision.rule=critical_mass", "decision.critical_mass={law: constant, value: 0.3}"]
BY_CONTACTS = [*BY_SHARE, "decision.critical_mass_of=contacts_share"]
COMPLETE = "network.neighbours.graph={graph: complete}"
GUARD = "+population.receivers.guard={share: 0.1}"
BY_GUARDS = ["decision.rule=critical_mass", "decision.critical_mass_of=contacts_per_guard",
             "decision.critical_mass={law: constant, value: 0.3}"]  # fmt: skip
REPEATS = ["channels.contacts.repeats=true", "channels.contacts.only_while_out=true",
           "channels.contacts.look={minutes: 1}"]  # fmt: skip
SECOND = ("+channels.more={type: neighbours, label: more, receiver: everyone, ties: neighbours, "
          "look: {law: constant, minutes: 0}, attention: 1}")  # fmt: skip
LISTED = ["decision.rule=threshold", "decision.threshold={law: listed, values: [1, 2, 3]}"]


def _gathering(who: str) -> str:
    return f"scenario.timeline=[{{time: 2000-01-01 00:00, what: seeds, kind: gathering, {who}}}]"


WINDOW_THAT_HOLDS = (
    "throttle.windows=[{channels: [contacts], severity: 0.5, mode: delay, "
    "start: 2000-01-01 01:00, end: 2000-01-01 02:00}]"
)
INSPECTOR_THAT_HOLDS = (
    "throttle.inspector={watch: on_squares, threshold_per_million: 1, channels: [contacts], severity: 0.5, minutes: 60, "
    "mode: delay}"
)

AMONG_CLASSICS = [
    pytest.param(["classic=unknown"], ["classic/unknown", "plain"], id="unknown classic"),
    pytest.param(
        [*BY_CONTACTS, "channels=broadcast"], ["critical_mass_of", "'contacts_share'", "neighbours"], id="no contacts"
    ),
    pytest.param(
        [*BY_CONTACTS, COMPLETE],
        ["critical_mass_of", "'contacts_share'", "complete", "share or count"],
        id="contacts, complete",
    ),
    pytest.param(
        ["decision.social=1", COMPLETE], ["decision.social is 1", "complete", "expected 0"], id="social, complete"
    ),
    pytest.param(
        [COMPLETE, "network.neighbours.cut=0.5"],
        ["network.neighbours", "cut is 0.5", "erdos_renyi"],
        id="cut, complete",
    ),
    pytest.param(LISTED, ["decision.threshold lists 3", "20 people", "population.size"], id="a list too short"),
    pytest.param(
        [*LISTED, "decision.thresholds=quantiles", "population.size=3"],
        ["'quantiles'", "'drawn'"],
        id="quantiles of a list",
    ),
    pytest.param(["decision.rule=threshold"], ["threshold is null", "law"], id="a rule without its law"),
    pytest.param(["decision.rule=critical_mass"], ["critical_mass is null", "law"], id="another rule without its law"),
    pytest.param(
        ["decision.rule=threshold", "decision.threshold={law: cauchy, value: 1}"],
        ["decision.threshold.law is 'cauchy'", "lognormal"],
        id="unknown law",
    ),
    pytest.param(
        ["network.neighbours.graph={graph: star}"], ["graph.graph is 'star'", "erdos_renyi"], id="unknown graph"
    ),
    pytest.param(
        ["network.neighbours.graph=complete"],
        ["network.neighbours.graph is 'complete'", "mapping"],
        id="a graph by name",
    ),
    pytest.param(
        ["network.neighbours.graph={graph: small_world, degree: 3, rewiring: 0}"],
        ["graph.degree is 3", "2"],
        id="odd degree",
    ),
    pytest.param(
        ["network.neighbours.graph={graph: erdos_renyi, mean_degree: 2}", "network.neighbours.file=edges.csv"],
        ["network.neighbours", "graph and file"],
        id="graph and file",
    ),
    pytest.param([_gathering("number: 21")], ["number", "21", "at most 20"], id="more than there are"),
    pytest.param(
        [_gathering("people: [3, 20]")], ["timeline.0.people names 20", "0 to 19"], id="nobody of that number"
    ),
    pytest.param([_gathering("people: [1, 1]")], ["timeline.0", "different"], id="somebody twice"),
    pytest.param(
        [_gathering("number: 2, people: [1, 2]")], ["timeline.0", "number and people"], id="number and people"
    ),
    pytest.param(
        [_gathering("number: 2, audience: 0.5")], ["timeline.0", "audience and number"], id="number and share"
    ),
    pytest.param(
        ["channels=feed", "+channels.feed.only_while_out=true"],
        ["channels.feed", "only_while_out", "neighbours"],
        id="a feed's sight",
    ),
    pytest.param(
        ["population.size=null", "population.weight=2"], ["weight", "provinces", "size"], id="weight of no provinces"
    ),
    pytest.param(
        [*REPEATS, "channels.contacts.only_while_out=false"],
        ["channels.contacts", "repeats needs only_while_out: true", "dose"],
        id="repeats, seen for good",
    ),
    pytest.param(
        [*REPEATS, "channels.contacts.attention=0.5"],
        ["channels.contacts", "attention 1", "dose"],
        id="repeats, not all noticed",
    ),
    pytest.param(
        [*REPEATS, "+channels.contacts.waits=0.5"], ["channels.contacts", "waits 0", "dose"], id="repeats, waits"
    ),
    pytest.param(
        [*REPEATS, "channels.contacts.look={minutes: 0.01}"],
        ["channels.contacts", "a second or more", "0.6 s"],
        id="repeats without end",
    ),
    pytest.param([*REPEATS, COMPLETE], ["repeat", "complete", "another graph"], id="repeats, complete"),
    pytest.param(
        [*REPEATS, WINDOW_THAT_HOLDS],
        ["channels.contacts repeats", "mode delay", "mode: drop"],
        id="repeats, held",
    ),
    pytest.param(
        [*REPEATS, INSPECTOR_THAT_HOLDS],
        ["channels.contacts repeats", "mode delay", "mode: drop"],
        id="repeats, held by an inspector",
    ),
    pytest.param([*BY_GUARDS], ["decision", "contacts_per_guard and guards", "go together"], id="no guards"),
    pytest.param(
        [GUARD, *BY_SHARE, "decision.guards=guard"],
        ["decision", "contacts_per_guard and guards", "go together"],
        id="guards for nothing",
    ),
    pytest.param(
        [*BY_GUARDS, "decision.guards=police"],
        ["decision.guards is 'police'", "expected one of everyone"],
        id="unknown guards",
    ),
    pytest.param(
        [GUARD, *BY_GUARDS, "decision.guards=guard", "decision.social=1"],
        ["decision", "social is 1", "guards", "expected 0"],
        id="guards, social",
    ),
    pytest.param([SECOND], ["contacts, more", "type neighbours", "at most one"], id="two sights of neighbours"),
    pytest.param(
        [_gathering("people: [1, 2], provinces: [everywhere]")],
        ["timeline.0", "people and provinces"],
        id="people and provinces",
    ),
    pytest.param(
        ["network.neighbours.mutual=false"],
        ["network.neighbours", "mutual is false", "file"],
        id="one way without a file",
    ),
    pytest.param(
        ["network.neighbours.graph={graph: erdos_renyi, mean_degree: 4, cut: 0.3}"],
        ["network.neighbours.graph.cut is an unknown key"],
        id="cut within a graph",
    ),
    pytest.param(
        [COMPLETE, "population.size=200000"],
        [
            "200,000 people",
            "network.neighbours.graph: complete",
            "at most 2,000,000,000",
            "channels.contacts.attention",
        ],
        id="all see all",
    ),
    pytest.param(
        ["decision=threshold"], ["parameters.able_share", "parameters=calendar_days"], id="an option of the night"
    ),
    pytest.param(["decision.fading_minutes=0"], ["decision.fading_minutes is 0"], id="fading at once"),
    pytest.param(
        ["channels.contacts.look={law: exponential, mean_minutes: 5}"], ["channels.contacts.look", "plus"], id="no plus"
    ),
]


@pytest.mark.parametrize(("overrides", "names"), AMONG_CLASSICS)
def test_options_that_do_not_go_together(overrides: list[str], names: list[str], tmp_path: Path) -> None:
    answer = forked_sim(*PLAIN, *overrides, folder=tmp_path)
    refused(answer, *names)
    assert sentences(answer.err) == 1
    assert left(tmp_path) == set()


# -- refused when the user's files are read

PEOPLE = 300


def _edges(folder: Path, **columns: object) -> Path:
    path = folder / "edges.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def _missing(folder: Path) -> Path:
    return folder / "edges.csv"


def _column(folder: Path) -> Path:
    return _edges(folder, follower=[0, 1], follows=[1, 2])


def _unknown(folder: Path) -> Path:
    return _edges(folder, follower=[0, 1], followed=[1, PEOPLE])


def _negative(folder: Path) -> Path:
    return _edges(folder, follower=[0, -1], followed=[1, 2])


def _text(folder: Path) -> Path:
    return _edges(folder, follower=[0, "Ayşe"], followed=[1, 2])


def _half_person(folder: Path) -> Path:
    return _edges(folder, follower=[0, 1.5], followed=[1, 2])


def _empty(folder: Path) -> Path:
    path = folder / "edges.csv"
    path.write_text("")
    return path


def _empty_parquet(folder: Path) -> Path:
    path = folder / "edges.parquet"
    path.write_bytes(b"")
    return path


def _truncated(folder: Path) -> Path:
    path = folder / "edges.parquet"
    pd.DataFrame({"follower": np.arange(200), "followed": np.arange(200)[::-1]}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def _garbled(folder: Path) -> Path:
    path = folder / "edges.csv"
    path.write_bytes(b"follower,followed\n0,1\n\xff\xfe\x00\x01,2\n")
    return path


def _other_kind(folder: Path) -> Path:
    path = folder / "edges.xlsx"
    path.write_bytes(b"PK")
    return path


def _folder(folder: Path) -> Path:
    path = folder / "edges.csv"
    path.mkdir()
    return path


FILES = [
    pytest.param(_missing, "does not exist", id="missing"),
    pytest.param(_column, "'followed'", id="missing column"),
    pytest.param(_unknown, f"{PEOPLE}", id="unknown person"),
    pytest.param(_negative, "-1", id="negative person"),
    pytest.param(_text, "Ayşe", id="text in a number column"),
    pytest.param(_half_person, "1.5", id="half a person"),
    pytest.param(_empty, "table", id="empty"),
    pytest.param(_empty_parquet, "edges.parquet", id="empty Parquet"),
    pytest.param(_truncated, "edges.parquet", id="truncated Parquet"),
    pytest.param(_garbled, "edges.csv", id="garbled"),
    pytest.param(_other_kind, ".xlsx", id="another kind"),
    pytest.param(_folder, "table", id="a folder"),
]


@pytest.mark.parametrize(("make", "named"), FILES)
def test_a_network_file_that_cannot_be_used(make, named: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    before = listing(tmp_path)
    answer = forked_sim(*TINY, STORE, f"network.followers.file={path}", folder=tmp_path)
    refused(answer, str(path), named)
    assert left(tmp_path) == before


def test_an_unknown_province(tmp_path: Path) -> None:
    answer = forked_sim(*TINY, STORE, "scenario.timeline.0.provinces=[Atlantis]", folder=tmp_path)
    refused(answer, "scenario.timeline", "Atlantis")
    assert left(tmp_path) == set()


def test_a_people_file_with_an_unknown_province(tmp_path: Path) -> None:
    pd.DataFrame({"province": ["Ankara"] * 299 + ["Atlantis"]}).to_csv(tmp_path / "people.csv", index=False)
    answer = forked_sim(*TINY, STORE, "population.file=people.csv", folder=tmp_path)
    refused(answer, "people.csv", "Atlantis")
    assert left(tmp_path) == {"people.csv"}


def test_a_table_of_provinces_that_does_not_exist(tmp_path: Path) -> None:
    refused(forked_sim(*TINY, "population.provinces=atlas.csv", folder=tmp_path), "atlas.csv")
    assert left(tmp_path) == set()


# -- places that cannot be written, or belong to somebody else


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    refused(forked_sim(*TINY, "hydra.run.dir=file/run", folder=tmp_path), "file/run")
    assert listing(tmp_path) == {"file"}


def test_a_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file, not a folder")
    refused(forked_sim(*TINY, "study.store=file/store", folder=tmp_path), "study.store", "file/store")
    assert listing(tmp_path) == {"file"}


def _contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


SOMEBODY_ELSES = [
    pytest.param(["thesis.tex"], "thesis.tex", id="text"),
    pytest.param(["data.parquet"], "manifest", id="table"),
    pytest.param(["outcomes.parquet"], "manifest", id="table of our name"),
    pytest.param(["thesis.tex", "notes.log"], "", id="text and log"),
    pytest.param(["server.log"], "server.log", id="log"),
    pytest.param(["thesis.tex", ".hydra/config.yaml"], "thesis.tex", id="another program's Hydra folder"),
    pytest.param([".hydra/config.yaml", "model.pt"], "model.pt", id="another program's run"),
]


@pytest.mark.parametrize(("names", "named"), SOMEBODY_ELSES)
def test_somebody_elses_folder_is_refused_and_left_alone(names: list[str], named: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    for name in names:
        path = theirs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"this is {name}")
    before = _contents(theirs)
    answer = forked_sim(*TINY, STORE, "throttle=none", "study.nulls=[]", "hydra.run.dir=theirs", folder=tmp_path)
    refused(answer, str(theirs), named)
    assert _contents(theirs) == before
    assert left(tmp_path) == {
        "theirs",
        *(f"theirs/{n}" for n in names),
        *(f"theirs/{Path(n).parent}" for n in names),
    } - {"theirs/."}


def test_an_empty_folder_may_be_used_and_is_kept_when_the_input_is_bad(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    refused(forked_sim(*TINY, "population.size=0", "hydra.run.dir=mine/run", folder=tmp_path), "population.size")
    assert listing(tmp_path) == {"mine"}


def test_bad_input_leaves_an_earlier_run_folder_alone(tmp_path: Path) -> None:
    common = (*TINY, STORE, "throttle=none", "study.nulls=[]", "hydra.run.dir=run")
    assert forked_sim(*common, folder=tmp_path).code == 0
    before = _contents(tmp_path)
    refused(forked_sim(*common, "population.size=0", folder=tmp_path), "population.size")
    assert _contents(tmp_path) == before


def test_a_corrupt_file_in_the_store_is_computed_again(tmp_path: Path) -> None:
    common = (*TINY, STORE, "throttle=none", "study.nulls=[ordinary,keyboard,stay_home]")
    assert forked_sim(*common, "hydra.run.dir=before", folder=tmp_path).code == 0
    files = finished_runs(tmp_path / "store")
    assert len(files) == 4
    whole = [path.read_bytes() for path in files]
    files[0].write_bytes(whole[0][: len(whole[0]) // 2])
    files[1].write_bytes(b"")
    middle = len(whole[2]) // 2
    files[2].write_bytes(
        whole[2][:middle] + bytes(255 - b for b in whole[2][middle : middle + 64]) + whole[2][middle + 64 :]
    )
    answer = forked_sim(*common, "hydra.run.dir=after", folder=tmp_path)
    assert answer.code == 0, answer.err
    assert "Traceback" not in answer.err
    assert (manifest(tmp_path / "after")["runs_computed"], manifest(tmp_path / "after")["runs_reused"]) == (3, 1)
    assert_same_tables(tmp_path / "before", tmp_path / "after")
    assert half_written(tmp_path) == []


@pytest.mark.parametrize("table", ["outcomes.parquet", "contrasts.parquet", "manifest.json"])
def test_a_full_disk_leaves_no_half_written_folder(table: str, tmp_path: Path) -> None:
    full = f"""
import errno, os

real = os.replace

def replace(source, target):
    if str(target).endswith({table!r}):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
    return real(source, target)

os.replace = replace
"""
    answer = forked_sim(
        *TINY, STORE, "throttle=none", "study.nulls=[]", "hydra.run.dir=full", folder=tmp_path, before=full
    )
    refused(answer, "full", "No space left on device")
    assert left(tmp_path) - {"full", "full/mobsim.log"} == {p for p in listing(tmp_path) if p.startswith("store/")}
    assert half_written(tmp_path) == []


def test_a_full_disk_under_the_store(tmp_path: Path) -> None:
    full = """
import errno, os
import numpy

def savez(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

numpy.savez_compressed = savez
"""
    answer = forked_sim(*TINY, STORE, "throttle=none", folder=tmp_path, before=full)
    refused(answer, "study.store", "No space left on device")
    assert [p for p in listing(tmp_path) if (tmp_path / p).is_file()] == []
    assert half_written(tmp_path) == []


# -- interrupted

LARGE = ("population.size=1500", "study.figures=false", "study.workers=1", STORE, "study.nulls=[keyboard,stay_home]")
RUNS_EACH = 2 * 3


def _kept(folder: Path) -> int:
    return len(finished_runs(folder / "store"))


ENDS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}
"""Exit code and word of a command that a signal ends."""


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_after_ctrl_c_or_sigterm_what_is_finished_is_kept(tmp_path: Path, number: signal.Signals) -> None:
    process = start(["-m", "sim", *LARGE, "study.replicates=200", "hydra.run.dir=cut"], tmp_path)
    wait_until(lambda: _kept(tmp_path) > RUNS_EACH, process)
    process.send_signal(number)
    answer = finish(process)
    code, word = ENDS[number]
    assert answer.code == code, answer.err
    assert answer.err.strip() == f"{word}; finished runs are kept and will be found again."
    assert [path.name for path in (tmp_path / "cut").glob("*")] in ([], ["mobsim.log"])
    assert half_written(tmp_path) == []
    assert RUNS_EACH < _kept(tmp_path) < 200 * RUNS_EACH

    answer = forked_sim(*LARGE, "study.replicates=1", "hydra.run.dir=after", folder=tmp_path)
    assert answer.code == 0, answer.err
    told = manifest(tmp_path / "after")
    assert (told["runs_computed"], told["runs_reused"]) == (0, RUNS_EACH)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_ctrl_c_or_sigterm_in_a_sweep(tmp_path: Path, number: signal.Signals) -> None:
    process = start(["-m", "sim", "-m", "seed=1,2", *LARGE, "study.replicates=200", "hydra.sweep.dir=cut"], tmp_path)
    wait_until(lambda: _kept(tmp_path) > 1, process)
    process.send_signal(number)
    answer = finish(process)
    code, word = ENDS[number]
    assert answer.code == code, answer.err
    assert answer.err.strip() == f"{word}; finished runs are kept and will be found again."
    assert half_written(tmp_path) == []
    assert list(tmp_path.rglob("outcomes.parquet")) == []
    status = read_status(tmp_path / "cut" / "0")
    assert status is not None
    assert (status.exit_code, status.sentence) == (code, word)


def test_a_second_command_leaves_the_status_of_the_job_that_runs_as_it_is(tmp_path: Path) -> None:
    process = start(["-m", "sim", "-m", "seed=1,2", *LARGE, "study.replicates=200", "hydra.sweep.dir=cut"], tmp_path)
    try:
        wait_until(lambda: _kept(tmp_path) > 1, process)
        before = (tmp_path / "cut" / "0" / "status.json").read_bytes()
        answer = forked_sim("-m", "seed=7", *TINY, STORE, "hydra.sweep.dir=cut", folder=tmp_path)
        assert answer.code == 2, answer.err
        assert "cut/0 is being written by another command" in answer.err
        assert "choose another with hydra.sweep.dir=FOLDER." in answer.err
        assert (tmp_path / "cut" / "0" / "status.json").read_bytes() == before
    finally:
        process.send_signal(signal.SIGTERM)
        finish(process)


def test_after_kill_9_the_next_command_completes(tmp_path: Path) -> None:
    command = (*LARGE, "study.replicates=3")
    process = start(["-m", "sim", *command, "hydra.run.dir=run"], tmp_path)
    wait_until(lambda: _kept(tmp_path) > RUNS_EACH, process)
    process.kill()
    assert finish(process).code == -signal.SIGKILL
    assert not (tmp_path / "run" / "outcomes.parquet").exists()
    kept = _kept(tmp_path)
    assert RUNS_EACH < kept < 3 * RUNS_EACH

    answer = forked_sim(*command, "hydra.run.dir=run", folder=tmp_path)
    assert answer.code == 0, answer.err
    told = manifest(tmp_path / "run")
    assert (told["runs_computed"], told["runs_reused"]) == (3 * RUNS_EACH - kept, kept)
    whole = forked_sim(*command, "study.store=fresh", "hydra.run.dir=whole", folder=tmp_path)
    assert whole.code == 0, whole.err
    assert_same_tables(tmp_path / "whole", tmp_path / "run")


def test_after_kill_9_while_the_tables_are_written(tmp_path: Path) -> None:
    killed = """
import os, signal

real = os.replace

def replace(source, target):
    if str(target).endswith("contrasts.parquet"):
        os.kill(os.getpid(), signal.SIGKILL)
    return real(source, target)

os.replace = replace
"""
    command = (*TINY, STORE, "study.nulls=[]", "hydra.run.dir=run")
    assert forked_sim(*command, folder=tmp_path, before=killed).code == -signal.SIGKILL
    assert not (tmp_path / "run" / "manifest.json").exists()
    answer = forked_sim(*command, folder=tmp_path)
    assert answer.code == 0, answer.err
    assert half_written(tmp_path) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    refused(forked_sim(*TINY, "hydra.run.dir=locked/run", folder=tmp_path), "locked/run")


def test_a_file_of_options_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine" / "throttle").mkdir(parents=True)
    (tmp_path / "mine" / "throttle" / "broken.yaml").write_text("a: [1,\nb: : x\n")
    for given in (("throttle=broken",), ("study.arms={a: ['throttle=broken']}",)):
        refused(forked_sim("--config-dir", "mine", *TINY, *given, folder=tmp_path), "broken.yaml, line 2")
