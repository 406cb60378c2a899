"""Every option in conf/ composes, validates and runs; a scenario is frozen and known by its content."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from pydantic import ValidationError

import sim
from sim.config import compose_tree, load, plan_of, scenario_of
from sim.errors import InputError
from sim.measures.outcomes import NEEDED_NULLS
from sim.options import CONFIG_DIR, version_base
from sim.scenario import NULL_NIGHTS, Scenario, validate
from tests.door.shell import ROOT, finish, forked_sim, manifest, start

SMALL = "population.size=300"
FILES = sorted(path.relative_to(CONFIG_DIR) for path in CONFIG_DIR.rglob("*.yaml"))
OPTIONS = [path for path in FILES if len(path.parts) > 1]


def override(option: Path) -> str:
    """Return the override that selects an option: ``throttle=total`` for throttle/total.yaml."""
    return f"{option.parent.as_posix()}={option.stem}"


def plain(path: Path) -> Any:
    """Return a file as it is written."""
    return yaml.safe_load((CONFIG_DIR / path).read_text(encoding="utf-8"))


WITHIN = {
    f"channels/{name}" for name in ("broadcast", "contacts", "feed")
} | {"network/none", "observed/none", "parameters/none", "population/plain", "scenario/plain"}  # fmt: skip
"""Options that make sense beside those of the plain model only, not one by one in the night."""


OF_ANOTHER_CASE = dict.fromkeys(("observed/march2014", "throttle/march2014"), "scenario=march2014")
"""Options that belong to another scenario than the night."""


READINGS = {"calendar_days", "as_told"}


BARE = {"design/grid", "design/lhs", "design/sobol"}
"""Methods of designs, which need factors."""


def composed(option: Path) -> list[str]:
    """Return the overrides with which an option is tried, among few people."""
    name = option.with_suffix("").as_posix()
    if option.parts[0] == "classic":
        own = plain(option).get("population", {}).get("size")
        names_people = any("people" in entry for entry in plain(option).get("scenario", {}).get("timeline", []))
        return [override(option), *([SMALL] if own is None or (own > 300 and not names_people) else [])]
    if option.parts[0] == "design":
        spread = ["classic=hassanpour_normal", "study=cutting_ties"] if name == "design/density_and_spread" else []
        levels = ", levels: 2" if option.stem == "grid" else ""
        given = [f"design.factors={{throttle.push: {{range: [0, 1]{levels}}}}}"] if name in BARE else []
        return [*spread, override(option), *given, SMALL]
    if name == "calibration/night":  # which leaves it to a reading what is fitted to
        return [override(option), "calibration.statistics={participants: {value: 1, sd: 1, source: a test}}", SMALL]
    few = "population.weight=250000" if name == "population/turkey" else SMALL
    beside = ["classic=plain"] if name in WITHIN else [OF_ANOTHER_CASE[name]] if name in OF_ANOTHER_CASE else []
    return [*beside, override(option), few]


def leaves(tree: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield the path and value of everything in a tree that is neither a mapping nor a list."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list | tuple):
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))
    else:
        yield path, tree


def changed(tree: Any, path: tuple[str | int, ...], value: object) -> Any:
    """Return a copy of a tree with another value at a path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(tree, dict):
        return tree | {first: changed(tree[first], tuple(rest), value)}
    items = list(tree)
    items[int(first)] = changed(items[int(first)], tuple(rest), value)
    return items


# -- every file in conf/


def test_there_are_options_for_every_group_of_the_main_job() -> None:
    groups = {next(iter(entry)) for entry in plain(Path("config.yaml"))["defaults"] if isinstance(entry, dict)}
    groups = {group for group in groups if not group.startswith("override ")}
    assert groups == {path.parent.as_posix() for path in OPTIONS if path.parent.name != "hydra"}


@pytest.fixture(scope="module")
def usual() -> set[str]:
    """Keys of the usual night."""
    return {str(key) for key in compose_tree([SMALL])}


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_every_option_validates(option: Path, usual: set[str]) -> None:
    tree = compose_tree(composed(option))
    scenario, plan = scenario_of(tree), plan_of(tree)
    assert scenario.population.n_people == 300 or SMALL not in composed(option)
    assert 0 <= plan.seed < 2**63
    assert set(plan.study.nulls) <= set(NULL_NIGHTS)
    # The values that are written in the file arrive, those of other files stay.
    assert usual == tree.keys() - {"calibration"}


def _marks(option: Path) -> list[pytest.MarkDecorator]:
    """Studies are slow, and those of many arms long."""
    if option.parts[0] != "study":
        return []
    return [pytest.mark.slow, *[pytest.mark.long] * (len(plain(option).get("arms") or {}) > 4)]


@pytest.mark.parametrize("option", [pytest.param(p, marks=_marks(p)) for p in OPTIONS], ids=str)
def test_every_option_runs(option: Path) -> None:
    overrides = composed(option)
    is_night = not overrides[0].startswith("classic=")
    is_night = is_night and "march2014" not in option.stem  # which brings a throttle of its own
    tree = compose_tree(overrides)
    if is_night and option.parts[0] != "throttle" and not tree.throttle.windows:
        tree = compose_tree([*overrides, "throttle=july15"])
    plan = plan_of(tree)
    if plan.design.method != "none":
        factors = {key: factor.model_dump(exclude_none=True) for key, factor in plan.design.factors.items()}
        factors = {key: {"values": list(f["values"])[:2]} if "values" in f else f for key, f in factors.items()}
        points = None if plan.design.method == "grid" else 2
        method = "lhs" if plan.design.method == "draws" else plan.design.method
        others = [o for o in overrides if not o.startswith(("design", "study"))]
        found = sim.vary(factors, *others, method=method, points=points, arms=plan.study.arms, replicates=1, workers=1)
        assert (found.design["status"] == "finished").all()
        assert len(found.design) == (2 if points or option.stem == "grid" else 4)
        assert (found.contrasts["n"] <= 1).all()
        return
    if plan.study.arms is None:
        run = sim.simulate(scenario_of(tree), plan.seed)
        assert len(run.outcomes) > (50 if is_night else 5)
        assert run.curves["value"].min() >= 0
        return
    arms = {name: load(SMALL, *overrides) for name, overrides in plan.study.arms.items()}
    study = sim.compare(arms, 1, nulls=plan.study.nulls, workers=1)
    assert study.failures == []
    assert set(study.contrasts["arm"]) == set(arms) - {next(iter(arms))}
    assert len({arm.content_hash for arm in arms.values()}) == len(arms)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_file_says_what_it_is_and_no_seed_is_null(path: Path) -> None:
    text = (CONFIG_DIR / path).read_text(encoding="utf-8")
    assert text.startswith("# ")
    seeds = [(where, value) for where, value in leaves(plain(path)) if str(where[-1]).endswith("seed")]
    assert all(isinstance(value, int) for _, value in seeds), seeds


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "scenario"], ids=str)
def test_every_entry_of_a_timeline_has_time_place_and_source(path: Path) -> None:
    night = plain(path)
    assert night["timeline"] or path.stem == "plain"
    for entry in night["timeline"]:
        what = entry["what"]
        assert isinstance(entry["time"], str | datetime | date), what
        assert (entry["kind"] == "gathering") != ("channel" in entry), what
        assert len(entry["source"]) > 5, what
        # A line without a source of its own is said to be ours, in its own words.
        assert "confidence" in entry or entry["source"].startswith("assumed"), what
    for outage in night.get("outages", []):
        assert len(outage["source"]) > 5
    scenario = load(override(path))
    assert all(entry.source for entry in scenario.scenario.timeline)
    assert {e.confidence for e in scenario.scenario.timeline} <= {"H", "M", "L", "U", "assumed"}


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "throttle"], ids=str)
def test_every_throttle_has_a_source(path: Path) -> None:
    assert all(len(window["source"]) > 5 for window in plain(path).get("windows", []))


@pytest.mark.parametrize("path", [p for p in FILES if p.parts[0] == "observed"], ids=str)
def test_observed_values_name_outcomes_and_sources(path: Path) -> None:
    is_reading = Path("parameters", path.name) in FILES
    tree = compose_tree([*composed(path), *([f"parameters={path.stem}"] if is_reading else [])])
    observed, scenario = plan_of(tree).observed, scenario_of(tree)
    names = set(sim.simulate(scenario).outcomes["outcome"]) | set(NEEDED_NULLS)
    assert set(observed.values) <= names
    assert all(len(value.source) > 5 for value in observed.values.values())
    clock = scenario.clock
    for total in observed.totals:
        assert clock.warm_up <= clock.tick(total.start) < clock.tick(total.end) <= clock.horizon


def test_both_readings_have_their_own_parameters_with_the_same_names() -> None:
    sets = {p.stem: plain(p) for p in FILES if p.parts[0] == "parameters" and p.stem in READINGS}
    assert set(sets) == READINGS
    assert len({tuple(sorted(one)) for one in sets.values()}) == 1
    for name, one in sets.items():
        assert one["name"] == name
        assert plan_of(compose_tree([f"parameters={name}"])).observed.name == name


def test_every_parameter_of_a_set_is_used() -> None:
    text = "".join((CONFIG_DIR / path).read_text(encoding="utf-8") for path in OPTIONS if path.parts[0] != "parameters")
    names = set(plain(Path("parameters/calendar_days.yaml"))) - {"name"}
    used = set(re.findall(r"\$\{parameters\.(\w+)\}", text))
    assert used == names


# -- the scenario: frozen, hashable, known by its content


@pytest.fixture(scope="module")
def night() -> Scenario:
    return load(SMALL)


def test_a_scenario_is_frozen_hashable_and_equal_to_its_like(night: Scenario) -> None:
    again = load(SMALL)
    assert again is not night
    assert again == night
    assert hash(again) == hash(night)
    assert len({night, again}) == 1
    assert pickle.loads(pickle.dumps(night)) == night
    assert validate(night.model_dump()) == night
    for part in (night, night.population, night.throttle.windows[0], night.scenario.timeline[0]):
        with pytest.raises(ValidationError, match="frozen"):
            part.size = 1  # type: ignore[union-attr]


def test_another_order_of_keys_is_another_content_if_it_is_another_night(night: Scenario) -> None:
    tree = night.model_dump()
    people = dict(reversed(list(tree["population"]["receivers"].items())))
    people["internet"] = people.pop("internet")
    first = {"internet": tree["population"]["receivers"]["internet"]}
    for part, name, reordered in (
        (tree, "channels", dict(reversed(list(tree["channels"].items())))),
        (tree["population"], "receivers", first | people),
    ):
        other = validate(changed(tree, ("channels",) if part is tree else ("population", "receivers"), reordered))
        runs = [sim.simulate(scenario, 1).record for scenario in (night, other)]
        is_same_night = runs[0].scalars == runs[1].scalars and runs[0].counts.sum() == runs[1].counts.sum()
        assert is_same_night or other.content_hash != night.content_hash, name


def test_moments_within_a_scenario_may_not_mix_zones(night: Scenario) -> None:
    aware = "2016-07-15T22:50:00+03:00"
    tree = changed(night.model_dump(), ("throttle", "windows", 0, "start"), aware)
    try:
        other = validate(tree)
    except InputError:
        return
    assert sim.simulate(other, 1).record.scalars == sim.simulate(night, 1).record.scalars


def test_the_content_hash_does_not_depend_on_paths(night: Scenario, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.csv"
    shutil.copy(night.population.provinces, copy)
    moved = load(SMALL, f"population.provinces={copy}")
    assert moved.content_hash == night.content_hash
    edges = pd.DataFrame({"follower": [0, 1], "followed": [1, 2]})
    for name in ("one.csv", "two.csv"):
        edges.to_csv(tmp_path / name, index=False)
    one, two = (load(SMALL, f"network.followers.file={tmp_path / name}") for name in ("one.csv", "two.csv"))
    assert one.content_hash == two.content_hash != night.content_hash
    edges.assign(followed=[1, 3]).to_csv(tmp_path / "two.csv", index=False)
    assert load(SMALL, f"network.followers.file={tmp_path / 'two.csv'}").content_hash != one.content_hash


def test_the_content_hash_is_the_same_in_every_process(night: Scenario, tmp_path: Path) -> None:
    code = f"import sim; print(sim.load({SMALL!r}).content_hash)"
    answer = finish(start(["-c", code], tmp_path))
    assert answer.out.strip() == night.content_hash, answer.err


TREE = load(SMALL).model_dump()
NUMBERS = [path for path, value in leaves(TREE) if isinstance(value, int | float) and not isinstance(value, bool)]
OTHERS = [path for path, value in leaves(TREE) if path not in set(NUMBERS)]


def test_there_are_numbers_in_every_part() -> None:
    assert {path[0] for path in NUMBERS} == set(TREE)
    assert len(NUMBERS) > 300


def _is_told_apart(path: tuple[str | int, ...], value: object) -> None:
    """Assert that a changed value changes the hash, or is refused with a sentence."""
    try:
        other = validate(changed(TREE, path, value))
    except InputError as error:
        sentence = str(error)
    else:
        sentence = ""
    if sentence:
        assert re.fullmatch(r"[^\n]+; [^\n]+\.", sentence), sentence
        return
    assert other.content_hash != HASH, path
    assert other != NIGHT, path


NIGHT = validate(TREE)
HASH = NIGHT.content_hash


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(NUMBERS), st.floats(allow_nan=True, allow_infinity=True) | st.integers(-(2**70), 2**70))
def test_any_number_changes_the_hash_or_is_refused(path: tuple[str | int, ...], value: float) -> None:
    before = dict(leaves(TREE))[path]
    if value != before:
        _is_told_apart(path, value)


def test_every_number_changes_the_hash() -> None:
    """No number is forgotten: small steps from each are told apart where they are valid."""
    values = dict(leaves(TREE))
    for path in NUMBERS:
        before = values[path]
        assert isinstance(before, int | float)
        for value in (before + 1, before * 0.5, before * 1.5 + 0.125, before - 0.125):
            if value == before:
                continue
            try:
                other = validate(changed(TREE, path, value))
            except InputError:
                continue
            assert other.content_hash != HASH, path


def test_every_word_moment_and_switch_changes_the_hash() -> None:
    values = dict(leaves(TREE))
    for path in OTHERS:
        before = values[path]
        if before is None:
            continue
        if path == ("network", "stored"):  # how ties are kept changes no result
            assert validate(changed(TREE, path, not before)).content_hash == HASH
            continue
        if isinstance(before, bool):
            value: object = not before
        elif isinstance(before, datetime):
            value = before + timedelta(minutes=1)
        elif isinstance(before, Path):
            value = ROOT / "LICENSE"
        else:
            value = f"{before} "
        _is_told_apart(path, value)


# -- sim.load from anywhere


def test_files_of_options_are_read_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = shutil.copytree(CONFIG_DIR, tmp_path / "conf")
    for module in ("sim.config", "sim.composing"):
        monkeypatch.setattr(f"{module}.CONFIG_DIR", copied)
    first = compose_tree([SMALL])
    first.population.size = -1  # of a composition of its own
    with monkeypatch.context() as patch:
        patch.setattr("omegaconf.OmegaConf.load", None)
        assert compose_tree([SMALL]) == compose_tree([SMALL]) != first
    config = copied / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("seed: 1", "seed: 12"), encoding="utf-8")
    assert compose_tree([SMALL]).seed == 12
    with pytest.raises(InputError, match="new"):
        compose_tree(["throttle=new"])
    (copied / "throttle" / "new.yaml").write_text("defaults: [none]\npush: 0.25\n", encoding="utf-8")
    assert compose_tree(["throttle=new"]).throttle.push == 0.25
    (copied / "throttle" / "new.yaml").unlink()
    with pytest.raises(InputError, match="new"):
        compose_tree(["throttle=new"])


CHOICES: list[list[str]] = [
    ["throttle=none"], ["classic=plain", "channels=feed"], ["scenario=march2014", "throttle=march2014"],
    ["~observed", "+study.more={a: 1}"], ["hydra/launcher=joblib", "parameters=as_told"],
]  # fmt: skip
THEIRS = """
import json, sys
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
with initialize_config_dir(sys.argv[1], version_base="1.3"):
    found = [compose("config", words, return_hydra_config=True) for words in json.loads(sys.argv[2])]
json.dump([OmegaConf.to_yaml(tree) for tree in found], sys.stdout)
"""


def test_what_is_kept_is_what_hydra_composes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choices of options, again with other values of few keys; and with few that are kept."""
    asked = [[*words, *more] for words in CHOICES for more in ([], ["seed=11", SMALL])]
    answer = finish(start(["-c", THEIRS, str(CONFIG_DIR.absolute()), json.dumps(asked)], ROOT))
    assert answer.code == 0, answer.err
    theirs = json.loads(answer.out)
    assert len({*theirs}) == len(asked)
    compose_tree([])  # by which Hydra is quickened
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sim.composing._KEPT", 3)
    with initialize_config_dir(str(CONFIG_DIR.absolute()), version_base="1.3"):
        for words, expected in [*zip(asked, theirs, strict=True), (asked[-1], theirs[-1]), (asked[0], theirs[0])]:
            assert OmegaConf.to_yaml(compose("config", words, return_hydra_config=True)) == expected


def test_load_in_a_pool_of_threads(night: Scenario) -> None:
    sizes = range(200, 212)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda size: load(f"population.size={size}"), sizes))
    assert [scenario.population.size for scenario in found] == list(sizes)
    assert len({scenario.content_hash for scenario in found}) == len(sizes)
    assert load(SMALL) == night


def test_load_leaves_the_hydra_that_surrounds_it_alone() -> None:
    assert not GlobalHydra.instance().is_initialized()
    load(SMALL)
    assert not GlobalHydra.instance().is_initialized()
    with initialize_config_dir(str(CONFIG_DIR.absolute()), **version_base()):
        surrounding = GlobalHydra.instance().hydra
        load(SMALL)
        with pytest.raises(InputError):
            load("nonsense=1")
        assert GlobalHydra.instance().hydra is surrounding
        assert compose("config", overrides=["seed=5"]).seed == 5
    assert not GlobalHydra.instance().is_initialized()


JOB = """
from concurrent.futures import ThreadPoolExecutor
import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
import sim

@hydra.main(config_path=None, version_base="1.3")
def job(config):
    before, folder = GlobalHydra.instance().hydra, HydraConfig.get().runtime.output_dir
    with ThreadPoolExecutor(4) as pool:
        sizes = [s.population.size for s in pool.map(lambda n: sim.load(f"population.size={n}"), range(200, 208))]
    assert sizes == list(range(200, 208)), sizes
    assert GlobalHydra.instance().hydra is before
    assert HydraConfig.get().runtime.output_dir == folder
    print("done", config.x)

job()
"""


@pytest.mark.parametrize(
    "overrides",
    [[], ["seed=7", "throttle=total"], ["hydra.run.dir=out", "study.nulls=[]"], ["throttle=none", "+observed.totals=[]"],
     ["study.nulls=[home,keyboard]"]],
)  # fmt: skip
def test_a_command_is_composed_once_as_hydra_would_compose_it_twice(
    overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compose_tree([])  # by which Hydra is quickened
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        app = GlobalHydra.instance().hydra
        assert app is not None
        words = [*overrides, "hydra.mode=RUN"]
        theirs = app.config_loader._load_configuration_impl("config", words, RunMode.RUN)  # type: ignore[attr-defined]
        composed, impl = [], ConfigLoaderImpl._load_configuration_impl

        def counted(*arguments: Any, **named: Any) -> Any:
            composed.append(1)
            return impl(*arguments, **named)

        monkeypatch.setattr(ConfigLoaderImpl, "_load_configuration_impl", counted)
        assert app.get_mode("config", overrides) is None
        ours = app.compose_config("config", words, RunMode.RUN)
        has_comma = any("," in o for o in overrides)
        assert len(composed) == 1 + has_comma
        assert OmegaConf.to_yaml(ours) == OmegaConf.to_yaml(theirs)  # clocks in it are not read
        assert ours.hydra.mode is RunMode.RUN
        for node in ("", "hydra", "hydra.overrides", "population"):
            one, other = (OmegaConf.select(tree, node) if node else tree for tree in (ours, theirs))
            assert (OmegaConf.is_struct(one), OmegaConf.is_readonly(one)) == (
                OmegaConf.is_struct(other), OmegaConf.is_readonly(other))  # fmt: skip
        # What was kept is for one command, and for no other overrides.
        again = app.compose_config("config", [*words, "seed=8"], RunMode.RUN)
        assert again.seed == 8


@pytest.mark.parametrize("mode", ["MULTIRUN", "RUN"])
def test_a_mode_that_the_options_say_is_found(mode: str) -> None:
    compose_tree([])
    with initialize_config_dir(str(CONFIG_DIR), version_base="1.3"):
        app = GlobalHydra.instance().hydra
        assert app is not None
        assert app.get_mode("config", [f"hydra.mode={mode}"]) is RunMode[mode]
        assert app.get_mode("config", [f"hydra.mode={mode}", "seed=1,2"]) is RunMode[mode]
        assert app.get_mode("config", ["no_such_key=1"]) is None


@pytest.mark.slow
def test_load_within_a_hydra_job(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(JOB)
    answer = finish(start(["job.py", "-m", "+x=1,2"], tmp_path))
    assert answer.code == 0, answer.err
    assert [line for line in answer.out.splitlines() if line.startswith("done")] == ["done 1", "done 2"]


# -- options of one's own

OWN = """
defaults: [none]
windows:
  - {name: mine, channels: [whatsapp], start: 2016-07-15 23:00, end: 2016-07-15 23:30, severity: 0.25}
"""


@pytest.fixture
def own_options(tmp_path: Path) -> Path:
    folder = tmp_path / "my options"
    (folder / "throttle").mkdir(parents=True)
    (folder / "throttle" / "mine.yaml").write_text(OWN)
    return folder


def test_options_of_ones_own_in_python(own_options: Path) -> None:
    scenario = load("throttle=mine", SMALL, config_dir=own_options)
    assert [w.name for w in scenario.throttle.windows] == ["mine"]
    assert scenario.throttle.retry == load().throttle.retry
    with pytest.raises(InputError, match="mine"):
        load("throttle=mine")


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_options_of_ones_own_on_the_command_line(own_options: Path, tmp_path: Path) -> None:
    arms = "study.arms={quiet:['throttle=none'],mine:['throttle=mine']}"
    common = ("--config-dir", own_options.name, SMALL, "study.replicates=1", "study.figures=false", "study.nulls=[]")
    answer = forked_sim(*common, arms, "hydra.run.dir=run", folder=tmp_path)
    assert answer.code == 0, answer.err
    told = manifest(tmp_path / "run")
    assert told["arms"] == ["quiet", "mine"]
    assert told["content_hash"]["mine"] == load("throttle=mine", SMALL, config_dir=own_options).content_hash


@pytest.mark.slow
@pytest.mark.usefixtures("warm")
def test_a_study_that_changes_the_night_changes_it_in_all_arms(tmp_path: Path) -> None:
    place = tmp_path / "own" / "study" / "pushed.yaml"
    place.parent.mkdir(parents=True)
    study = plain(Path("study/paired.yaml")) | {
        "replicates": 1, "nulls": [], "figures": False, "report": False,
        "arms": {"as_it_is": [], "calm": ["posting.branching_ratio=0.3"]},
    }  # fmt: skip
    text = yaml.safe_dump({"throttle": {"push": 0.9}, "study": study})
    place.write_text(f"# @package _global_\n{text}", encoding="utf-8")
    given = ("--config-dir", "own", "study=pushed", SMALL, "hydra.run.dir=run")
    answer = forked_sim(*given, folder=tmp_path)
    assert answer.code == 0, answer.err
    expected = load("throttle.push=0.9", "posting.branching_ratio=0.3", SMALL)
    assert manifest(tmp_path / "run")["content_hash"]["calm"] == expected.content_hash
