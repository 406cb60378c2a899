"""Reports: one page that shows what a folder holds, obeys nothing that it shows, and loads nothing."""

from __future__ import annotations

import base64
import json
import re
import shlex
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.config import compose_tree, plan_of
from sim.errors import InputError
from sim.measures.contrast import contrast_table, summary_table, variance_reduction_table
from sim.options import CONFIG_DIR
from sim.study.report import page_of, write_report
from sim.study.report.outcomes import readable, reduction
from sim.study.report.page import embedded
from sim.study.report.several import jobs_below, sweep_page
from sim.study.report.single import command_of, facts_of, period
from sim.study.report.words import meaning
from sim.study.writing import read_manifest

HOSTILE = "<script>alert('a')</script>"
QUOTED = '"it\'s" & <b>bold</b>'
VOID = {"meta", "img", "br", "link", "input", "hr"}
LOADS = {"src", "href", "srcset", "data", "action", "poster", "xlink:href", "background"}


class Page(HTMLParser):
    """What a browser would see: elements with attributes, text by element, and whether all is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", " ".join(data.split())))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(text for tag, text in self.texts if tag not in ("style", "title"))


def png(width: int = 3, height: int = 2) -> bytes:
    """Return a white picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def make_outcomes(arms: list[str], replicates: int) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    nan = np.nan
    for a, arm in enumerate(arms):
        for r in range(replicates):
            noise = float(np.random.default_rng(r).normal())
            rows += [
                (arm, r, "participants", 2e6 + 1e5 * noise + 3e5 * a, "people", nan, nan, None),
                (arm, r, "posts_ratio_day_1", (120 + r + a) / 100, "1", 120 + r + a, 100, None),
                (
                    arm,
                    r,
                    "surge_from_call",
                    nan,
                    "1",
                    nan,
                    nan,
                    "the null night without_call was not run (study.nulls)",
                ),
                (arm, r, "first_heard_twitter", 0.25 + 0.01 * a + 0.001 * noise, "share", nan, nan, None),
            ]
    columns = ["arm", "replicate", "outcome", "value", "unit", "numerator", "denominator", "reason"]
    return pd.DataFrame(rows, columns=columns)


def make_manifest(arms: list[str], replicates: int = 4, **other: Any) -> dict[str, Any]:
    configuration = {
        "scenario": {"name": "night", "zone": "Europe/Istanbul", "timeline": [
            {"time": "2016-07-16 00:24", "what": HOSTILE, "source": "facts T7", "confidence": "H"},
            {"time": "2016-07-15 22:20", "what": "news accounts post", "source": "assumed"},
        ]},
        "observed": {"name": "days", "label": "calendar days", "totals": [], "values": {
            "posts_ratio_day_1": {"value": 1.206, "source": "facts D2 / D1 <M>"}}},
        "study": {"question": f"What does {HOSTILE} change?", "nulls": ["ordinary"], "world": "replicate", "figures": True,
                  "arms": {arm: [f"throttle={arm}"] for arm in arms}},
        "seed": 7,
    }  # fmt: skip
    return {
        "package": "mobsim", "version": "0.1.0", "git_commit": "abc-dirty", "model_version": "2",
        "command": ["python", "-m", "sim", "seed=7", f"+study.arms={{{HOSTILE}: []}}", "study.replicates=4"],
        "overrides": ["seed=7", f"+study.arms={{{HOSTILE}: []}}", "study.replicates=4"],
        "content_hash": {arm: f"{i}" * 64 for i, arm in enumerate(arms)}, "arms": arms, "baseline": arms[0],
        "open_arms": [arms[0]],
        "windows": {arm: [["2016-07-15 22:50:00+03:00", "2016-07-16 01:00:00+03:00", ["twitter"], 0.69]] for arm in arms[1:]},
        "replicates": replicates, "runs_computed": 11, "runs_reused": 5, "runs_failed": 0, "failures": [],
        "libraries": {"python": "3.12.1", "numpy": "2.1.0"}, "platform": "Linux", "configuration": configuration, "seed": 7,
        "engine": "compiled",
        "shown": {"population": {"size": 5000}, "channels": {"twitter": {"posts_per_user_day": 1.0}}},
        "outcomes_missing_null": ["surge_from_call"], "figures_left_out": {"provinces.png": "all people live in one place"},
        "started": "2026-01-02T03:04:05+00:00", "wall_seconds": 12.3, "cpu_seconds": 20.0, "peak_memory_bytes": 2**28,
    } | other  # fmt: skip


def make_folder(folder: Path, arms: list[str], replicates: int = 4, **other: Any) -> Path:
    """Return a run folder with the tables of known numbers."""
    (folder / "figures").mkdir(parents=True)
    outcomes = make_outcomes(arms, replicates)
    outcomes.to_parquet(folder / "outcomes.parquet")
    summary_table(outcomes).to_parquet(folder / "summary.parquet")
    contrast_table(outcomes, arms[0]).to_parquet(folder / "contrasts.parquet")
    variance_reduction_table(outcomes, arms[0]).to_parquet(folder / "variance_reduction.parquet")
    (folder / "figures" / "posts.png").write_bytes(png())
    (folder / "manifest.json").write_text(json.dumps(make_manifest(arms, replicates, **other)), encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "run", ["open", HOSTILE, QUOTED])


@pytest.fixture
def page(run: Path) -> Page:
    return Page(page_of(run))


@pytest.fixture
def design(tmp_path: Path) -> Path:
    """A design folder of three points, of which one failed."""
    folder = make_folder(tmp_path / "design", ["open", "total"])
    manifest = make_manifest(["open", "total"])
    manifest["design"] = {
        "method": "lhs", "points": 3, "seed": 5, "dice": "common", "factors": {
            "throttle.substitution": {"range": [0.0, 1.0], "values": None, "scale": "linear", "whole": False},
            "decision": {"range": None, "values": ["threshold", HOSTILE]},
            "population.size": {"range": [100, 900], "values": None, "scale": "log", "whole": True, "levels": 3},
        }
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    factors = {"throttle.substitution": [0.123456789, 0.5, 0.9], "decision": ["threshold", HOSTILE, "threshold"],
               "population.size": [100, 300, 900]}  # fmt: skip
    points = pd.DataFrame({"point": range(3), **factors, "status": ["finished", "failed", "finished"],
                           "reason": [None, f"ValueError: {HOSTILE}", None]})  # fmt: skip
    points.to_parquet(folder / "design.parquet")
    for name in ("summary", "contrasts"):
        table = pd.read_parquet(folder / f"{name}.parquet")
        what = "estimate" if name == "summary" else "difference"
        parts = [table.assign(point=point, **{what: table[what] * (1 + point)}) for point in (0, 2)]
        pd.concat(parts).to_parquet(folder / f"{name}.parquet")
    return folder


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Two jobs of a sweep, the first of which has a report and a run that failed."""
    command = ["python", "-m", "sim", "-m", "decision=threshold,hazard", "seed=7"]
    failure = {"arm": "total", "null": "", "replicate": 2, "reason": f"ValueError: {HOSTILE}"}
    for number, decision in enumerate(("threshold", "hazard")):
        failed = {"runs_failed": 1, "failures": [failure]} if number == 0 else {}
        make_folder(tmp_path / "sweep" / str(number), ["open", "total"], command=command,
                    overrides=[f"decision={decision}", "seed=7"], **failed)  # fmt: skip
    write_report(tmp_path / "sweep" / "0")
    (tmp_path / "sweep" / "figures").mkdir()
    (tmp_path / "sweep" / "figures" / "response_participants.png").write_bytes(png())
    (tmp_path / "sweep" / ".partial-1" / "2").mkdir(parents=True)
    (tmp_path / "sweep" / ".partial-1" / "2" / "manifest.json").write_text("{}", encoding="utf-8")
    (tmp_path / "sweep" / "other").mkdir()
    (tmp_path / "sweep" / "other" / "manifest.json").write_text('{"name": "a web page"}', encoding="utf-8")
    return tmp_path / "sweep"


# -- safe and by itself


@pytest.mark.parametrize("folder", ["run", "design", "sweep"])
def test_nothing_that_is_shown_is_obeyed(folder: str, request: pytest.FixtureRequest) -> None:
    text = page_of(request.getfixturevalue(folder))
    seen = Page(text)
    assert seen.all("script") == []
    assert seen.all("b") == []
    assert HOSTILE in seen.text
    assert "&lt;script&gt;" in text


def test_names_with_quotes_stay_within_their_attributes(run: Path, page: Page) -> None:
    assert QUOTED in page.text
    known = {"id", "class", "href", "src", "scope", "colspan", "rowspan", "lang", "charset", "name", "content", "alt", "title",
             "width", "height", "role", "tabindex", "http-equiv"}  # fmt: skip
    for tag, attributes in page.elements:
        extra = {a for a in attributes if a not in known and not a.startswith("aria-")}
        assert not extra, f"<{tag}> has {extra}"
        assert not any(name.startswith("on") for name in attributes)
    # In an alternative text, too, where they could end it.
    (run / "figures" / "last_touch.png").write_bytes(png())
    alts = [image["alt"] for image in Page(page_of(run)).all("img")]
    assert any(HOSTILE in alt for alt in alts)


@pytest.mark.parametrize("folder", ["run", "design", "sweep"])
def test_nothing_is_loaded_from_anywhere(folder: str, request: pytest.FixtureRequest) -> None:
    text = page_of(request.getfixturevalue(folder))
    page = Page(text)
    assert {tag for tag, _ in page.elements} & {"link", "script", "iframe", "object", "embed", "base", "form"} == set()
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name not in LOADS:
                continue
            is_local = value.startswith("#") or (tag == "a" and re.fullmatch(r"\d+/report\.html", value))
            assert is_local or (tag == "img" and value.startswith("data:image/png;base64,")), (
                f"<{tag} {name}={value!r}>"
            )
    styles = " ".join(text for tag, text in page.texts if tag == "style")
    assert "url(" not in styles
    assert "@import" not in styles
    policy = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


@pytest.mark.parametrize("folder", ["run", "design", "sweep"])
def test_the_page_can_be_read_by_everybody(folder: str, request: pytest.FixtureRequest) -> None:
    page = Page(page_of(request.getfixturevalue(folder)))
    assert page.all("html")[0]["lang"] == "en"
    assert any(m.get("name") == "viewport" for m in page.all("meta"))
    headers = page.all("th")
    assert headers
    assert all(h.get("scope") in ("col", "row", "colgroup", "rowgroup") for h in headers)
    assert all(image["alt"] and image["width"] == "3" and image["height"] == "2" for image in page.all("img"))
    assert len(page.all("figcaption")) == len(page.all("figure")) == len(page.all("img")) > 0
    assert len(page.all("h1")) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for a in page.all("a") if a["href"].startswith("#")}
    assert targets <= set(ids)


# -- what stands in it


def test_the_numbers_are_those_of_the_tables(run: Path, page: Page) -> None:
    contrasts = pd.read_parquet(run / "contrasts.parquet").set_index(["arm", "outcome"])
    row = contrasts.loc[(HOSTILE, "participants")]
    assert row["difference"] == pytest.approx(3e5)
    assert "300.0 k [300.0 k, 300.0 k]" in page.text
    summary = pd.read_parquet(run / "summary.parquet").set_index(["arm", "outcome"])
    its = summary.loc[("open", "participants")]
    assert f"{its['estimate'] / 1e6:.2f} M [{its['low'] / 1e6:.2f} M, {its['high'] / 1e6:.2f} M]" in page.text
    # Observed values with their source, headline outcomes before the others.
    assert "observed 1.206 facts D2 / D1 <M>" in page.text
    order = [text for tag, text in page.texts if tag == "code"]
    assert order.index("participants") < order.index("first_heard_twitter")
    assert "1 further outcome" in page.text


def test_the_arms_are_defined(page: Page) -> None:
    assert f"throttle={HOSTILE}" in page.text
    assert "Twitter, 15 July 2016 22:50 to 16 July 01:00, severity 0.69" in page.text
    assert "1" * 12 in page.text
    assert "2" * 64 in page.text


def test_arms_that_the_configuration_makes_are_told_in_words(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", ["open", "throttled"])
    manifest = make_manifest(["open", "throttled"])
    manifest["configuration"]["study"] |= {"arms": None, "question": None}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    seen = Page(page_of(folder))
    assert "as configured, without its throttle" in seen.text
    assert ("h1", "The arms open and throttled") in seen.texts


def test_what_is_missing_is_told_with_its_reason(page: Page, run: Path) -> None:
    told = page.text.split("What is missing, and why")[-1]
    assert "surge_from_call the null night without_call was not run (study.nulls)" in told
    assert "figure provinces.png all people live in one place" in told
    assert "No run failed." in told
    failure = {"arm": QUOTED, "null": "ordinary", "replicate": 3, "reason": "ValueError: no such place"}
    manifest = make_manifest(["open", HOSTILE, QUOTED], runs_failed=1, failures=[failure])
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    told = Page(page_of(run)).text
    assert f"{QUOTED} ordinary 3 ValueError: no such place" in told
    assert told.count("study.retry=true") == 1


def test_fewer_replicates_behind_a_number_are_told(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", ["open", "total"])
    outcomes = pd.read_parquet(folder / "outcomes.parquet")
    outcomes = outcomes[(outcomes["arm"] == "open") | (outcomes["replicate"] > 0)]
    summary_table(outcomes).to_parquet(folder / "summary.parquet")
    contrast_table(outcomes, "open").to_parquet(folder / "contrasts.parquet")
    assert "n = 3" in Page(page_of(folder)).text


def test_a_study_of_one_arm_shows_no_differences(tmp_path: Path) -> None:
    seen = Page(page_of(make_folder(tmp_path / "run", ["open"])))
    assert "Difference from" not in seen.text
    assert "participants" in seen.text


def test_a_study_without_a_finished_run_has_a_report(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", ["open", "total"])
    for name in ("summary", "contrasts", "variance_reduction"):
        path = folder / f"{name}.parquet"
        pd.read_parquet(path).iloc[:0].to_parquet(path)
    (folder / "figures" / "posts.png").unlink()
    (folder / "figures").rmdir()
    assert "No figures lie in this folder." in Page(page_of(folder)).text


def test_the_command_can_be_given_to_a_shell(page: Page) -> None:
    shown = next(text for tag, text in page.texts if tag == "code" and text.startswith("python -m sim"))
    assert shlex.split(shown) == make_manifest(["open"])["command"]


def test_a_job_of_a_sweep_has_a_command_of_its_own() -> None:
    job = make_manifest(["open"], command=["python", "-m", "sim", "-m", "--config-dir", "my options", "seed=1,2"],
                        overrides=["seed=2"])  # fmt: skip
    assert command_of(job) == "python -m sim --config-dir 'my options' seed=2"
    of_launcher = make_manifest(["open"], command=["python", "-m", "sim", "/tmp/x"], overrides=["seed=2", "a='b c'"])
    assert shlex.split(command_of(of_launcher)) == ["python", "-m", "sim", "seed=2", "a='b c'"]


def test_changes_that_no_commit_holds_are_told(page: Page) -> None:
    assert "abc, with changes that it does not hold" in page.text
    assert "11 computed, 5 found in the store, 0 failed" in page.text
    assert "256 MiB at most" in page.text


def test_a_figure_is_the_file_itself(run: Path, page: Page) -> None:
    (image,) = page.all("img")
    data = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert data == (run / "figures" / "posts.png").read_bytes()
    assert "Posts published on Twitter per minute" in image["alt"]
    assert "Means over 4 replicates; bands are pointwise 95 % t intervals across them." in page.text


# -- designs and sweeps


def test_a_design_shows_its_factors_and_failed_points(design: Path) -> None:
    text = Page(page_of(design)).text
    assert "throttle.substitution 0 to 1 linear" in text
    assert f"decision threshold, {HOSTILE} these values" in text
    assert "population.size 100 to 900 log, 3 levels, whole" in text
    assert "Latin hypercube: 3 points over 3 factors, drawn with the seed 5" in text
    assert f"1 throttle.substitution = 0.5, decision = {HOSTILE}, population.size = 300 ValueError: {HOSTILE}" in text


def test_a_design_shows_the_spread_of_its_results(design: Path) -> None:
    text = Page(page_of(design)).text
    table = pd.read_parquet(design / "contrasts.parquet")
    its = table[(table["arm"] == "total") & (table["outcome"] == "participants")]["difference"]
    assert sorted(its / 3e5) == pytest.approx([1, 3])
    assert "300.0 k 600.0 k 900.0 k 2" in text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("response_participants", "participants (people who left home at least once) over the swept parameters"),
        ("map_participants", "participants (people who left home at least once) over pairs of swept parameters"),
        (
            "comparison_decision",
            "Headline outcomes at each value of decision, as paired differences where there are several arms.",
        ),
        ("my_own", "My own."),
    ],
)
def test_figures_of_many_say_what_they_show(name: str, said: str, sweep: Path) -> None:
    (sweep / "figures" / "response_participants.png").rename(sweep / "figures" / f"{name}.png")
    page = Page(page_of(sweep))
    assert said in page.text
    assert "2 jobs of a sweep, 4 replicates each." in page.text
    (image,) = page.all("img")
    assert image["alt"].startswith(said.rstrip("."))


def test_a_sweep_shows_its_jobs(sweep: Path) -> None:
    page = Page(page_of(sweep))
    assert [a["href"] for a in page.all("a") if not a["href"].startswith("#")] == ["0/report.html"]
    assert "0 threshold open, total 4 11 5 1" in page.text
    assert "1 hazard open, total 4 11 5 0" in page.text
    assert "22 computed, 10 found in the store, 1 failed" in page.text
    assert "All jobs share: seed=7 ." in page.text
    assert "python -m sim -m decision=threshold,hazard seed=7" in page.text
    assert "python -m sim decision=hazard seed=7" in page.text
    assert f"0 total – 2 ValueError: {HOSTILE}" in page.text


# -- the file


def test_the_report_is_written_again_but_not_over_what_is_not_ours(run: Path) -> None:
    path = write_report(run)
    first = path.read_bytes()
    assert write_report(run).read_bytes() == first
    path.write_text("<p>my own page</p>", encoding="utf-8")
    with pytest.raises(InputError, match="is not ours and would be lost"):
        write_report(run)
    assert path.read_text(encoding="utf-8") == "<p>my own page</p>"


def test_a_name_that_is_no_text_does_not_stop_the_report(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "run", ["open"], platform="bad \udcff name")
    assert "bad \\udcff name" in write_report(folder).read_text(encoding="utf-8")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no finished run"):
        page_of(tmp_path)


@pytest.mark.parametrize("key", ["configuration", "arms", "shown", "content_hash"])
def test_a_manifest_of_another_version_is_refused_in_one_sentence(key: str, run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    del manifest[key]
    (run / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=f"lacks what the report needs .*{key}"):
        page_of(run)


def test_a_figure_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "posts.png").write_bytes(b"stale")
    with pytest.raises(InputError, match="is no PNG file"):
        embedded(tmp_path / "posts.png", "", "")


# -- words and numbers


def test_numbers_are_as_people_read_them() -> None:
    assert [readable(x) for x in (0.5, -0.25, -1e-9, np.nan)] == ["0.500", "−0.250", "0.000", "–"]
    assert readable(-2.5e6, "people") == "−2.50 M"
    assert [reduction(x) for x in (1.234, 12.34, 123.4, 12_340.0, 1.2e7, np.inf)] == [
        "1.23", "12.3", "123", "12,340", "1e+07", "–",
    ]  # fmt: skip


def test_periods_name_their_date_once() -> None:
    assert period("2016-07-15 22:00:00+03:00", "2016-07-15 23:30:00+03:00") == "15 July 2016 22:00 to 23:30"
    assert period("soon", "later") == "soon to later"


def test_every_outcome_of_the_headlines_is_explained() -> None:
    from sim.study.terminal import SHOWN

    assert [name for name in SHOWN if not meaning(name)] == []
    assert meaning("posts_throttle_window_facebook").startswith("posts on Facebook within")
    assert meaning("posts_day_2_youtube") == "posts on YouTube on day 2"
    assert meaning("unheard_of") == ""


@pytest.mark.parametrize("option", sorted(p.stem for p in (CONFIG_DIR / "study").glob("*.yaml")))
def test_every_study_asks_a_question_of_its_own(option: str) -> None:
    question = plan_of(compose_tree([f"study={option}"])).study.question
    assert question is not None
    assert question.endswith("?")
    general = plan_of(compose_tree([])).study.question
    assert (question == general) == (option == "paired")


def test_events_that_a_night_leaves_out_or_moves_are_told_so() -> None:
    """The configuration holds the timeline as it was before its edits."""
    timeline = [
        {"time": "2016-07-16 00:24", "what": "the call", "tag": "facetime/airing", "source": "V1", "confidence": "H"},
        {"time": "2016-07-16 00:10", "what": "news", "tag": "", "source": "N1", "confidence": "H"},
    ]
    edits: list[dict[str, Any]] = [{}, {"without": ["facetime"]}, {"shift_minutes": {"facetime": -60}}]
    told = [facts_of({"scenario": {"timeline": timeline, **edit}, "observed": {}})["events"] for edit in edits]
    assert [[(e["time"], e["what"]) for e in events] for events in told] == [
        [("2016-07-16 00:10", "news"), ("2016-07-16 00:24", "the call")],
        [("2016-07-16 00:10", "news")],
        [("2016-07-15 23:24", "the call"), ("2016-07-16 00:10", "news")],
    ]


# -- many jobs


def test_of_the_manifests_of_a_sweep_little_is_kept(sweep: Path) -> None:
    for number in range(2, 30):
        make_folder(sweep / str(number), ["open", "total"], command=["python", "-m", "sim", "-m", "seed=7"],
                    overrides=["seed=7"], ballast="x" * 100_000)  # fmt: skip
    jobs = jobs_below(sweep)
    assert [place for place, _ in jobs] == [str(number) for number in range(30)]
    assert all(len(json.dumps(manifest)) < 3000 for _, manifest in jobs[1:])
    whole = [(place, read_manifest(sweep / place)) for place, _ in jobs]
    assert sweep_page(sweep, jobs) == sweep_page(sweep, whole)
