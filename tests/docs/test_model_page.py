"""The page of the model says what schema and options say: every parameter, and nothing else."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from experiments import model_page as m

ROOT = Path(__file__).resolve().parents[2]
CITED = re.compile(r"facts ((?:[A-Z]\d+)(?:(?:, | / )[A-Z]\d+)*)")


def symbols() -> list[str]:
    """Return the symbols of both files."""
    by_hand = [words.symbol for words in m.told()[0].values() if words.symbol]
    return [prior.symbol for prior in m.night().priors.values()] + by_hand


def test_every_parameter_of_the_schema_is_described_and_nothing_else() -> None:
    described, expected = set(m.told()[0]), set(m.described_by_hand())
    assert expected - described == set(), "add these to docs/model.yaml"
    assert described - expected == set(), "no such parameter, or conf/calibration/night.yaml describes it"


def test_every_value_of_the_parameter_sets_is_described() -> None:
    night = m.night()
    for key in night.values:
        assert key == "parameters.name" or key in night.priors or key in night.filled.values(), key
    for key in night.priors:
        assert key in night.filled.values() or key in m.schema(), f"{key} has a prior and moves nothing"


def test_what_is_no_parameter_is_in_the_schema() -> None:
    for pattern in m.NO_PARAMETERS:
        assert any(fnmatchcase(path, pattern) for path in m.schema()), f"{pattern} is no field of the schema"


def test_every_kind_of_law_and_graph_has_a_formula_with_all_its_parameters() -> None:
    for family in m.FAMILIES:
        formulas, kinds = m.told()[1][family], m.kinds_of(family)
        assert set(formulas) == set(kinds), family
        for kind, model in kinds.items():
            named = set(re.findall(r"`(\w+)`", formulas[kind]))
            assert named == set(model.model_fields) - {"law", "graph"}, f"{family} {kind}"


def test_the_tables_of_entries_show_every_field_of_an_entry() -> None:
    shown = {f"{part}.*.{name}" for part, columns in m.ENTRIES.values() for name in re.split(r"[\s+]+", columns)}
    every = {path for path in m.schema() if "*" in path and m.is_parameter(path) and not m.schema()[path].is_part}
    assert every - shown == set()
    assert shown <= set(m.schema())


def test_numbers_and_laws_have_a_symbol_and_no_two_the_same() -> None:
    found = symbols()
    assert all(found)
    assert len(set(found)) == len(found), sorted(s for s in found if found.count(s) > 1)
    for path, words in m.told()[0].items():
        leaf = m.schema()[path]
        types = m.options_of(leaf.info.annotation)
        is_number = leaf.family in ("delay", "trait") or float in types or int in types
        assert not is_number or words.symbol, f"{path} needs a symbol"


def test_every_symbol_stands_in_the_text() -> None:
    text = m.prose(m.PAGE.read_text(encoding="utf-8"))
    assert [s for s in symbols() if not re.search(rf"(?<!\w){re.escape(s)}(?!\w)", text)] == []


def test_every_fact_that_is_cited_stands_in_the_document() -> None:
    known = set(
        re.findall(r"^\| ([A-Z]\d+) \|", (ROOT / "docs" / "facts.md").read_text(encoding="utf-8"), re.MULTILINE)
    )
    page = m.PAGE.read_text(encoding="utf-8")
    patterns = page.split("| pattern | as | facts |")[1].split("\n\n")[0]
    cited = set(re.findall(r"\b[A-Z]\d+\b", patterns))
    for text in (page, m.TOLD.read_text(encoding="utf-8")):
        cited |= {fact for found in CITED.findall(text) for fact in re.findall(r"[A-Z]\d+", found)}
    assert len(cited) > 20
    assert cited <= known


def test_every_description_has_a_source() -> None:
    tree = yaml.safe_load(m.TOLD.read_text(encoding="utf-8"))
    assert all(given.get("says") and given.get("source") for given in tree["fields"].values())


def test_the_tables_are_those_that_the_command_would_write() -> None:
    text = m.PAGE.read_text(encoding="utf-8")
    assert m.with_tables(text) == text, "docs/model.md is old: run make model-page"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([\w./#-]+)\)", m.PAGE.read_text(encoding="utf-8")))))
def test_every_link_leads_somewhere(link: str) -> None:
    path, _, heading = link.partition("#")
    text = (ROOT / "docs" / path).read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert not heading or heading in headings
