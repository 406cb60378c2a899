"""The report as its reader gets it: written with the run folder, and again by a command of its own."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from sim.study.writing import FIGURES
from tests.door.shell import EMPTY_FIGURES, TINY, Answer, forked, forked_sim, listing, manifest
from tests.unit.test_report import HOSTILE, QUOTED, Page

pytestmark = pytest.mark.slow

STORE = "study.store=store"
OWN = f"""
defaults: [paired]
question: {json.dumps(HOSTILE)}
arms:
  {json.dumps(HOSTILE)}: [throttle=none]
  {json.dumps(QUOTED)}: [throttle=total]
nulls: []
"""


def sim_report(*arguments: str, folder: Path) -> Answer:
    """Return what `python -m sim.report` answers in a folder."""
    return forked("sim.report", *arguments, folder=folder)


def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with figures, and a sweep of two jobs without."""
    folder = tmp_path_factory.mktemp("report")
    answer = forked_sim(
        *TINY, "study.figures=true", "study.nulls=[]", STORE, "hydra.run.dir=run", folder=folder, before=EMPTY_FIGURES
    )
    assert answer.code == 0, answer.err
    answer = forked_sim(
        "-m", "decision=threshold,hazard", *TINY, "study.nulls=[]", STORE, "hydra.sweep.dir=sweep", folder=folder
    )
    assert answer.code == 0, answer.err
    return folder


def test_a_study_ends_with_its_report(place: Path) -> None:
    told = manifest(place / "run")
    seen = page(place / "run")
    assert ("h1", told["configuration"]["study"]["question"]) in seen.texts
    drawn = [name for name in FIGURES if (place / "run" / "figures" / f"{name}.png").exists()]
    assert drawn
    assert len(seen.all("img")) == len(drawn)
    assert all(its in seen.text for its in told["content_hash"].values())
    shown = next(text for tag, text in seen.texts if tag == "code" and text.startswith("python -m sim"))
    assert shlex.split(shown) == told["command"]


def test_the_command_of_a_report_makes_the_same_runs(place: Path, tmp_path: Path) -> None:
    shown = next(t for tag, t in page(place / "sweep" / "1").texts if tag == "code" and t.startswith("python -m sim"))
    words = shlex.split(shown)
    assert words[:3] == ["python", "-m", "sim"]
    answer = forked_sim(*words[3:], "hydra.run.dir=again", folder=tmp_path)
    assert answer.code == 0, answer.err
    assert manifest(tmp_path / "again")["content_hash"] == manifest(place / "sweep" / "1")["content_hash"]
    assert manifest(tmp_path / "again")["seed"] == manifest(place / "sweep" / "1")["seed"]


def test_the_same_report_is_written_again(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    first = (tmp_path / "run" / "report.html").read_bytes()
    (tmp_path / "run" / "report.html").unlink()
    answer = sim_report("run", folder=tmp_path)
    assert answer == Answer(0, "run/report.html\n", "")
    assert (tmp_path / "run" / "report.html").read_bytes() == first


def test_figures_that_are_drawn_again_come_into_the_report(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "run", tmp_path / "run")
    for path in (tmp_path / "run" / "figures").iterdir():
        path.unlink()
    assert sim_report("run", folder=tmp_path).code == 0
    assert page(tmp_path / "run").all("img") == []
    assert forked("sim.plot", "run", folder=tmp_path, before=EMPTY_FIGURES).code == 0
    assert page(tmp_path / "run").all("img") == page(place / "run").all("img") != []


def test_a_sweep_has_a_report_that_leads_to_those_of_its_jobs(place: Path) -> None:
    answer = sim_report("sweep", folder=place)
    assert answer.code == 0, answer.err
    links = [a["href"] for a in page(place / "sweep").all("a") if not a["href"].startswith("#")]
    assert links == ["0/report.html", "1/report.html"]
    assert all((place / "sweep" / link).exists() for link in links)


def test_a_design_ends_with_its_report(place: Path) -> None:
    answer = forked_sim(
        "design=lhs", "design.points=2", "design.factors={throttle.substitution: {range: [0, 1]}}", "design.backend=threading",
        *TINY, "study.nulls=[]", STORE, "hydra.run.dir=design", folder=place,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    seen = page(place / "design")
    assert "Latin hypercube: 2 points over 1 factor, drawn with the seed 1." in seen.text
    assert "throttle.substitution 0 to 1 linear" in seen.text
    assert "None: all 2 points are finished." in seen.text
    assert sim_report("design", folder=place).out == "design/report.html\n"


def test_no_report_is_written_where_none_is_wanted(place: Path, tmp_path: Path) -> None:
    quick = (*TINY, "study.nulls=[]", f"study.store={place / 'store'}", "hydra.run.dir=run")
    assert forked_sim(*quick, folder=tmp_path).code == 0
    assert "report.html" in listing(tmp_path / "run")
    # A folder with a report is replaced by one without.
    assert forked_sim(*quick, "study.report=false", folder=tmp_path).code == 0
    assert "report.html" not in listing(tmp_path / "run")


@pytest.mark.long
def test_names_of_arms_are_shown_and_not_obeyed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "study").mkdir(parents=True)
    (tmp_path / "own" / "study" / "hostile.yaml").write_text(OWN, encoding="utf-8")
    answer = forked_sim(
        "--config-dir", "own", "study=hostile", "population.size=300", "study.replicates=2", STORE, "hydra.run.dir=run",
        folder=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    seen = page(tmp_path / "run")
    assert ("h1", HOSTILE) in seen.texts
    assert seen.all("script") == seen.all("b") == []
    assert QUOTED in seen.text
    assert any(HOSTILE in image["alt"] for image in seen.all("img"))


def test_bad_folders_end_with_one_sentence(place: Path, tmp_path: Path) -> None:
    for arguments in ([str(tmp_path)], ["nowhere"]):
        answer = sim_report(*arguments, folder=tmp_path)
        assert answer.code == 2
        assert answer.err.count("\n") == 1
        assert "holds no finished run" in answer.err
    shutil.copytree(place / "run", tmp_path / "run")
    (tmp_path / "run" / "report.html").write_text("mine", encoding="utf-8")
    answer = sim_report("run", folder=tmp_path)
    assert (answer.code, answer.out) == (2, "")
    assert "is not ours and would be lost" in answer.err
