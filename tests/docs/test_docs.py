"""The house rules that a program can check: documents that run, docstrings, layers, sizes, the README's commands."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import sim
from sim.calibrate import with_reading
from sim.config import compose_tree, plan_of, scenario_of
from sim.draws import collision_bound

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "sim"
SOURCES = sorted(PACKAGE.rglob("*.py"))
EXPERIMENTS = sorted((ROOT / "experiments").glob("*.py"))
README = ROOT / "README.md"


def name_of(path: Path) -> str:
    """Return the dotted name of a module below the root: sim/study/run.py is study.run."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


MODULES = {name_of(path): path for path in SOURCES}


# -- documents that run


def test_the_examples_of_the_package_run() -> None:
    found = doctest.testmod(sim)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("name", [n for n, p in MODULES.items() if ">>> " in p.read_text(encoding="utf-8")])
def test_the_examples_of_every_module_run(name: str) -> None:
    module = importlib.import_module("sim" if name == "__init__" else f"sim.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_public_names_are_those_that_are_promised() -> None:
    assert {"Scenario", "Run", "Study", "load", "simulate", "compare", "InputError", "SimError"} <= set(sim.__all__)
    assert sim.__all__ == sorted(sim.__all__)
    for name in sim.__all__:
        assert getattr(sim, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sim.no_such_name


# -- docstrings

COMMAND_LINES = {"__main__", "cli", "collect", "plot", "report", "calibrate"}
VERBS = {
    "Advance", "Announce", "Ask", "Build", "Call", "Check", "Choose", "Compile", "Compose", "Count", "Deliver",
    "Draw", "Drop", "Empty", "End", "Fill", "Find", "Give", "Join", "Keep", "Let", "Load", "Look", "Make", "Mark",
    "Move", "Note", "Open", "Plan", "Process", "Put", "Raise", "Read", "Record", "Refuse", "Remove", "Return",
    "Run", "Save", "Say", "Schedule", "Set", "Show", "Simulate", "Sort", "Start", "Take", "Tell", "Write", "Yield",
}  # fmt: skip
"""A docstring of a function begins with what it does, most often: Return."""


def public(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the functions and classes that a module exports and defines."""
    module = tree_of(path)
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names |= set(ast.literal_eval(node.value))
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name in names:
            yield node


def first_line(node: ast.AST) -> str:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
    text = ast.get_docstring(node) or ""
    return text.split("\n\n")[0].replace("\n", " ").strip()


@pytest.mark.parametrize("name", list(MODULES))
def test_every_module_and_every_public_name_says_what_it_is(name: str) -> None:
    path = MODULES[name]
    if path.read_text(encoding="utf-8").strip():
        assert first_line(tree_of(path)).endswith((".", ":", "?")), f"{name}: the docstring of the module"
    for node in public(path):
        line = first_line(node)
        assert line.endswith("."), f"{name}.{node.name}: {line!r} is no sentence"
        if isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    assert first_line(method).endswith((".", ":")), f"{name}.{node.name}.{method.name}"


@pytest.mark.parametrize("name", [n for n in MODULES if not n.startswith("engine.")])
def test_a_public_function_says_what_it_returns_or_does(name: str) -> None:
    for node in public(MODULES[name]):
        if isinstance(node, ast.FunctionDef):
            word = first_line(node).split()[0]
            assert word in VERBS, f"{name}.{node.name} begins with {word!r}, expected a verb such as Return"


def test_every_export_exists() -> None:
    for name in MODULES:
        if name in ("__main__",):
            continue
        module = importlib.import_module("sim" if name == "__init__" else f"sim.{name}")
        exported = getattr(module, "__all__", [])
        assert len(set(exported)) == len(exported), name
        assert all(hasattr(module, n) for n in exported), f"{name}: {[n for n in exported if not hasattr(module, n)]}"


# -- sizes

LIMIT = 400
LONGER: dict[str, str] = {}
"""Files that may be longer, up to half as long again, and why. None needs to be."""


@pytest.mark.parametrize("path", [*SOURCES, *EXPERIMENTS], ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_are_short_enough_to_be_read(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= (1.5 * LIMIT if name in LONGER else LIMIT), f"{name} has {lines} lines"


def test_files_that_may_be_longer_exist() -> None:
    assert all((ROOT / name).exists() and len(reason) > 10 for name, reason in LONGER.items())


# -- the terminal

MAY_PRINT = {"cli", "study.terminal", "collect", "plot", "calibrate", "compile"}
"""The door, what it shows, and the thin commands beside it."""


@pytest.mark.parametrize("name", [n for n in MODULES if n not in MAY_PRINT])
def test_nothing_prints_but_the_door(name: str) -> None:
    calls = [n for n in ast.walk(tree_of(MODULES[name])) if isinstance(n, ast.Call)]
    printing = [n.lineno for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
    assert printing == [], f"sim/{name} prints in line {printing}"


# -- layers: imports point downwards only

LAYERS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "units",
        "linking",
        "jit",
        "draws",
        "bijection",
        "quantiles",
        "laws",
        "traits",
        "tables",
        "threads",
        "pages",
    ),  # the ground
    (
        "places",
        "audiences",
        "population",
        "degrees",
        "graphs",
        "befriended",
        "befriending",
        "implied",
        "implying",
        "network",
    ),  # the world
    ("channels", "throttle", "timeline"),  # what is said, where, when, and what is cut
    ("posting", "decision", "attendance"),  # behaviour
    ("scenario", "settle", "world"),
    ("engine", "engine.*"),
    ("measures", "measures.*"),
    ("study", "study.*"),
    ("inference", "inference.*"),  # what data say about parameters, and parameters about results
    (
        "door",
        "api",
        "options",
        "composing",
        "config",
        "cli",
        "sweep",
        "job",
        "report",
        "cache",
        "collect",
        "plot",
        "calibrate",
        "compile",
        "__init__",
        "__main__",
    ),  # the door
)
"""From the ground to the door; a module may import its own layer and those before it."""


def layer(name: str) -> int:
    for index, names in enumerate(LAYERS):
        if name in names or any(n.endswith(".*") and name.startswith(n[:-1]) for n in names):
            return index
    raise AssertionError(f"sim/{name} stands in no layer of the table in this test")


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import that is executed, also within functions."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        yield node
        for child in ast.iter_child_nodes(node):
            if is_for_types(child):
                assert isinstance(child, ast.If)
                for other in child.orelse:
                    yield from walk(other)
            else:
                yield from walk(child)

    for node in walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: a relative import"
            base = str(node.module)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                is_module = base.split(".")[0] == "sim" and inner.removeprefix("sim.") in MODULES
                yield node.lineno, inner if is_module else base


def test_the_layers_know_every_module() -> None:
    assert all(layer(name) >= 0 for name in MODULES)
    listed = {name for names in LAYERS for name in names if not name.endswith("*")}
    assert listed - set(MODULES) <= {"compile"}, "the table names a module that is gone"


@pytest.mark.parametrize("name", list(MODULES))
def test_imports_point_downwards(name: str) -> None:
    mine = layer(name)
    for line, target in imports(MODULES[name]):
        if target.split(".")[0] != "sim":
            continue
        theirs = layer(target.removeprefix("sim.") if target != "sim" else "__init__")
        # The package itself holds nothing but its version and names that are imported when they are used.
        if target != "sim":
            assert theirs <= mine, f"sim/{name}, line {line}: imports {target} from a layer above"


def test_no_module_imports_itself_in_a_circle() -> None:
    edges: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        if name == "__init__":
            continue
        top = {t for node in tree_of(path).body if isinstance(node, ast.ImportFrom) for t in _targets(node)}
        edges[name] = {t.removeprefix("sim.") for t in top if t.startswith("sim.")} & set(MODULES) - {name}
    done: set[str] = set()
    while len(done) < len(edges):
        free = {n for n, needs in edges.items() if n not in done and needs <= done}
        assert free, f"these import each other: {sorted(set(edges) - done)}"
        done |= free


def _targets(node: ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        yield inner if inner.removeprefix("sim.") in MODULES else str(node.module)


SEES_HYDRA = {"cli", "composing", "config", "options"}


@pytest.mark.parametrize("name", [n for n in MODULES if n not in SEES_HYDRA])
def test_only_the_door_sees_hydra(name: str) -> None:
    seen = {target.split(".")[0] for _, target in imports(MODULES[name])}
    assert not seen & {"hydra", "omegaconf"}


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("engine.")])
def test_the_engine_knows_neither_tables_nor_figures(name: str) -> None:
    seen = {target.split(".")[0] for _, target in imports(MODULES[name])}
    assert not seen & {"pandas", "pyarrow", "matplotlib", "pydantic"}


@pytest.mark.slow
def decorators(node: ast.AST) -> set[str]:
    return {d.id for d in getattr(node, "decorator_list", []) if isinstance(d, ast.Name)}


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("engine.")])
def test_compiled_functions_of_the_engine_count_no_index_from_the_end(name: str) -> None:
    """Compiled, an index of theirs is taken as it is: see `sim/jit.py`."""
    for function in ast.walk(ast.parse(MODULES[name].read_text())):
        if decorators(function) & {"njit", "inlined"}:
            for node in ast.walk(function):
                if isinstance(node, ast.Subscript):
                    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                    signs = [p.op for p in parts if isinstance(p, ast.UnaryOp)]
                    assert not any(isinstance(sign, ast.USub) for sign in signs), f"{name}, line {node.lineno}"


def test_the_door_opens_without_heavy_imports() -> None:
    heavy = ("numba", "pandas", "scipy", "matplotlib", "pydantic")
    code = f"import sys, sim.cli; print(*(m for m in {heavy} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []


# -- experiments


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.name)
def test_every_experiment_states_its_question_and_command(path: Path) -> None:
    text = ast.get_docstring(tree_of(path)) or ""
    assert len(text.splitlines()) > 1 or "python" in text, f"{path.name} needs question, command and figures"
    assert re.search(rf"(python|make)[^\n]*({re.escape(path.name)}|{path.stem}|bench|figures|docs)", text), path.name


# -- the README


def blocks(language: str) -> list[str]:
    text = README.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^\1```", text, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in body.splitlines()) for indent, body in found]


def commands() -> list[list[str]]:
    """Return the words of every command of the README's shell blocks and of its text."""
    lines = [line for block in blocks("sh") for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`((?:python -m sim|make )[^`\n]*)`", README.read_text(encoding="utf-8"))
    return [
        shlex.split(part, comments=True)
        for line in lines
        for part in re.split(r"&&|;", line)
        if part.split("#")[0].strip()
    ]


def test_the_readme_is_there_and_shows_what_to_do() -> None:
    assert README.exists(), "README.md is missing"
    assert blocks("sh"), "the README shows no command"
    assert blocks("python"), "the README shows no Python"
    assert any(words[-3:] == ["python", "-m", "sim"] for words in commands())


def test_the_overrides_of_the_readme_compose() -> None:
    shown = [words for words in commands() if "sim" in words[1:] and words[words.index("sim") - 1] == "-m"]
    assert len(shown) >= 3
    given: set[tuple[str, ...]] = set()
    for words in shown:
        overrides = [w for w in words[words.index("sim") + 1 :] if not w.startswith("-") and w not in ("job",)]
        if "hydra/launcher=ray" in overrides and importlib.util.find_spec("ray") is None:
            overrides = [o for o in overrides if "hydra" not in o]
        swept = [o for o in overrides if "," in o and "[" not in o]
        for key, values in (o.split("=", 1) for o in swept):
            given |= {(f"{key}={value}",) for value in values.split(",")}  # each by itself
        given.add(tuple(o for o in overrides if o not in swept))
    for single in given:
        tree = compose_tree(single)
        scenario_of(tree)
        if not any("NAME" in o for o in single):  # a file that the reader names
            plan_of(tree)


def test_the_calibrations_of_the_readme_compose() -> None:
    given = [words[words.index("sim.calibrate") + 1 :] for words in commands() if "sim.calibrate" in words]
    assert len(given) >= 3
    for overrides in given:
        assert plan_of(compose_tree(with_reading(overrides)[0])).calibration is not None


def test_the_verbs_of_the_readme_are_in_the_makefile() -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = {words[words.index("make") + 1] for words in commands() if words[0] == "make" and len(words) > 1}
    assert {"run", "test"} <= used
    assert used <= verbs, f"no such verb: {used - verbs}"


def test_the_modules_of_the_readme_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for module in set(re.findall(r"python -m (sim[.\w]*)", text)):
        assert (name := module.removeprefix("sim.")) in MODULES or module == "sim", name
    for path in set(re.findall(r"`((?:sim|conf|docs|experiments)/[\w./-]+)`", text)):
        assert (ROOT / path).exists(), f"the README names {path}"
    for path in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (ROOT / path).exists(), f"the README links {path}"


def test_the_numbers_of_the_readme_stand_in_the_pages_that_it_links() -> None:
    """Of what the record says: each is found as it is in a page that its point links, so that none is left from an old run.

    Intervals, percentages, and numbers with a point; whole numbers say too little to be looked for.
    """
    (section,) = re.findall(r"^### What the record says.*?(?=^## )", README.read_text(encoding="utf-8"), re.M | re.S)
    points = re.findall(r"^- .*?(?=^- |^!)", section, re.M | re.S)
    told, missing = 0, []
    for point in points:
        links = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", point))
        assert links, point
        known = " ".join(_plain((ROOT / path).read_text(encoding="utf-8")) for path in links)
        numbers = re.findall(_NUMBER, _plain(point))
        told += len(numbers)
        missing += [n for n in numbers if not re.search(rf"(?<![\d.]){re.escape(n)}(?![\d.])", known)]
    assert told > 50
    assert missing == []


def test_pages_hold_no_code_in_place_of_its_value() -> None:
    """As a page has that was made of a text which should have been formatted."""
    for path in [README, *(ROOT / "docs").glob("*.md")]:
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.S)
        assert re.findall(r"\{\w+[\[(.:]", prose) == [], path


def _plain(text: str) -> str:
    return re.sub(r"(\d) %", r"\1%", " ".join(text.split()))


_NUMBER = (
    r"\[-?\d[\d.]*(?: ?[kM]|%)?, -?\d[\d.]*(?: ?[kM]|%)?\]|\d[\d.]* ± \d[\d.]*|-?\d+\.\d+(?: [kM]\b)?|\d+%|\d+ of \d+"
)
"""[low, high], value ± half of its interval, 1.206, 18.67 M, 96%, 33 of 40."""


@pytest.mark.slow
def test_the_python_of_the_readme_runs() -> None:
    """With few people: sizes are cut, everything else is as printed."""
    for block in blocks("python"):
        small = re.sub(r"population\.size=\d+", "population.size=300", block)
        small = re.sub(r"replicates=\d+", "replicates=2, nulls=()", small)
        names: dict[str, object] = {}
        exec(compile(small, str(README), "exec"), names)
        assert "sim" in names


def test_the_readme_prints_no_place_of_this_machine() -> None:
    for path in [README, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCES, *EXPERIMENTS, ROOT / "Makefile"]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(home|Users|root|work|tmp/dev)/", text), path


# -- the design

DESIGN = ROOT / "docs" / "design.md"


def test_the_table_of_collisions_says_what_the_bound_is() -> None:
    """The bound as printed, and two messages per person; the last row names the number of messages itself."""
    text = DESIGN.read_text(encoding="utf-8")
    table = text.split("| people | messages of a run | bound |\n")[1].split("\n\n")[0].splitlines()[1:]
    rows = [[cell.strip().replace(",", "") for cell in line.strip("|").split("|")] for line in table]
    assert [people for people, _, _ in rows[:-1]] == ["10000", "100000", "1000000", "78741053"]
    for people, messages, bound in rows[:-1]:
        assert int(messages) == 2 * int(people)
        assert bound == f"{collision_bound(int(messages)):.1e}"
    assert int(rows[-1][1]) == 2**31
    assert float(rows[-1][2]) == round(collision_bound(2**31), 9) == 2**-2


# -- facts and their sources

FACTS = ROOT / "docs" / "facts.md"
CITED = re.compile(r"facts ((?:[STDWPBV]\d+)(?:(?:, | / )[STDWPBV]\d+)*)")


def test_every_fact_that_the_options_cite_stands_in_the_document() -> None:
    known = set(re.findall(r"^\| ([STDWPBV]\d+) \|", FACTS.read_text(encoding="utf-8"), re.MULTILINE))
    cited = set()
    for path in (ROOT / "conf").rglob("*.yaml"):
        for match in CITED.findall(path.read_text(encoding="utf-8")):
            cited |= set(re.findall(r"[STDWPBV]\d+", match))
    assert len(cited) > 20
    assert cited <= known


def test_what_the_timeline_does_not_assume_cites_a_fact() -> None:
    nights = [scenario_of(compose_tree(chosen)).scenario for chosen in ([], ["scenario=march2014"])]
    for entry in (entry for night in nights for entry in night.timeline):
        assert (entry.confidence == "assumed") == entry.source.startswith("assumed"), entry.what
        assert entry.source.startswith(("assumed", "facts ")), entry.what


def test_the_tables_of_the_readme_were_made_of_the_options_as_they_are() -> None:
    """Every table carries a hash of the scenarios behind it; `make figures` writes tables and hashes anew."""
    from experiments.readme_figures import RUNS, hash_of

    marks = dict(re.findall(r"<!-- table: (\w+) (\S+) -->", README.read_text(encoding="utf-8")))
    assert set(marks) == {*RUNS, "shape"}
    for name, overrides in RUNS.items():
        assert marks[name] == hash_of(overrides), f"the table {name} is old: run make figures"
    assert marks["shape"] == marks["calendar"]


def test_the_findings_of_the_experiments_were_made_of_the_options_as_they_are() -> None:
    """Every section carries a hash of what is run for it; `make figures` writes sections, findings and hashes anew."""
    from experiments.readme_figures import EXPERIMENTS

    page, readme = (path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "experiments.md", README))
    hashes = {experiment.name: experiment.hash() for experiment in EXPERIMENTS}
    assert dict(re.findall(r"<!-- experiment: (\w+) (\S+) -->", page)) == hashes, (
        "docs/experiments.md is old: run make figures"
    )
    assert dict(re.findall(r"<!-- finding: (\w+) (\S+) -->", readme)) == hashes, "README.md is old: run make figures"
    drawn = re.findall(r"\]\((figures/\S+)\)", page)
    assert len(drawn) == len(set(drawn)) >= len(hashes)
    assert all((ROOT / "docs" / path).exists() for path in drawn)


def test_the_table_of_the_nation_was_made_of_the_options_as_they_are() -> None:
    """`make nation` writes the document anew, with a hash of both nights at each weight."""
    from experiments.nation import DESIGN, arms_of
    from experiments.sizes import hash_of_arms

    text = (ROOT / "docs" / "nation.md").read_text(encoding="utf-8")
    made = re.findall(r"^\| ([\d,]+) +\| [\d,]+ +\| (\d+) +\| [^|]*\| `(\w{8})`", text, re.MULTILINE)
    assert {int(weight.replace(",", "")): int(n) for weight, n, _ in made} == DESIGN
    for weight, _, digits in made:
        assert digits == hash_of_arms(arms_of(int(weight.replace(",", "")))), "docs/nation.md is old: run make nation"


def test_the_tables_of_sizes_were_made_of_the_options_as_they_are() -> None:
    """`make sizes` writes the document anew, with a hash of both nights at each size."""
    from experiments.sizes import DESIGN, hash_of

    text = (ROOT / "docs" / "sizes.md").read_text(encoding="utf-8")
    made = re.findall(r"^\| ([\d,]+) +\| (\d+) +\| [^|]*\| `(\w{8})`", text, re.MULTILINE)
    assert {int(people.replace(",", "")): int(n) for people, n, _ in made} == DESIGN
    for people, _, digits in made:
        assert digits == hash_of(int(people.replace(",", ""))), "docs/sizes.md is old: run make sizes"
