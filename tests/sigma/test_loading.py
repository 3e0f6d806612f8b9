"""Files into rules."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sigma.rulebook import SITE, a_filter, correlation, item, load_text, load_texts, only_rule, refusal
from vedette.formats import SCHEMAS
from vedette.rule import Severity
from vedette.sigma import load, proof_files, rule_files

REFUSED = [
    pytest.param(
        item("verb: get", "vedette: {➤alerts: false, needs: {fields: [verb]}}"),
        "the document does not alert, and no correlation reads it",
        "remove alerts: false",
        id="alerts to nobody",
    ),
    pytest.param(
        item("verb: get\n➤verb: list"),
        "the key 'verb' stands twice (first on line 6)",
        "remove one, or rename it",
        id="duplicate key",
    ),
    pytest.param(
        item("verb: *➤\n"),
        "not YAML: while scanning an alias: did not find expected alphabetic or numeric character",
        "a text that begins with * needs quotes: '*'",
        id="wildcard without quotes",
    ),
    pytest.param(
        "title: x\n➤\tlogsource: x\n",
        "not YAML: while scanning a plain scalar: found a tab character that violates indentation",
        "indent with spaces, not tabs",
        id="tab",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def test_rules_come_in_the_order_of_their_names() -> None:
    """K10 after K9, whatever the order of files."""
    texts = {f"{at}.yml": item("verb: get", f"name: {name}") for at, name in enumerate(("K10", "K9", "V1", "K2"))}
    assert [rule.name for rule in load_texts(texts).rules] == ["K2", "K9", "K10", "V1"]


def test_the_order_of_documents_does_not_matter() -> None:
    """A correlation may stand before what it joins."""
    text = correlation("type: event_count\nrules: [rule.first]\ntimespan: 60s\ncondition: {gt: 5}")
    first, second = text.split("---\n")
    one, other = only_rule(text), only_rule(f"{second}---\n{first}")
    assert [each.name for each in one.detections] == [each.name for each in other.detections] == ["rule.first"]
    assert one.correlations[0].detections == other.correlations[0].detections
    assert one.title == other.title == "Many"


@pytest.mark.parametrize(
    ("name", "rule"), [("k5_mass/rule.yml", "k5_mass"), ("my rule.v2.yml", "my_rule_v2"), ("x.yaml", "x")]
)
def test_a_rule_without_a_name_has_that_of_its_file(name: str, rule: str) -> None:
    """The folder's for rule.yml, else the file's stem."""
    assert [each.name for each in load_text(item("verb: get"), name=name).rules] == [rule]


def test_two_documents_without_names() -> None:
    """Which of them would be the rule's?"""
    loaded = load_text(item("verb: get") + "---\n" + item("verb: list"), name="two.yml")
    assert [(problem.line, problem.message, problem.mend) for problem in loaded.problems] == [
        (1, "a document among several needs a name", "add name: two"),
        (9, "a document among several needs a name", "add name: two"),
    ]


@pytest.mark.parametrize("key", ["name: rule", "id: 7f2b0b42-8f2e-4c0f-9a53-6a4f5d1f5a11"])
def test_a_name_and_an_id_stand_once(key: str) -> None:
    """In one file, or in two."""
    names = {"a.yml": "name: rule" if key[0] == "i" else "", "b.yml": "name: other" if key[0] == "i" else ""}
    loaded = load_texts({file: item("verb: get", key, *filter(None, [name])) for file, name in names.items()})
    (problem,) = loaded.problems
    assert problem.message.startswith(f"the {key.partition(':')[0]} stands twice: ")
    assert problem.message.endswith("a.yml:1")


def test_a_rule_stands_in_one_file() -> None:
    """Documents of one rule in two files would leave neither with all of its cases."""
    loaded = load_texts({"a.yml": item("verb: get", "name: K1"), "b.yml": item("verb: get", "name: K1.more")})
    assert any(problem.message.startswith("documents of rule K1 stand in another file") for problem in loaded.problems)


def test_a_mistake_in_one_document_refuses_its_file_alone() -> None:
    """The other files are loaded."""
    broken = item("verb: get", "name: K1") + "---\n" + item("vreb: get", "name: K1.more")
    loaded = load_texts({"a.yml": broken, "b.yml": item("verb: get", "name: K2")})
    assert [rule.name for rule in loaded.rules] == ["K2"]
    assert [problem.line for problem in loaded.problems] == [16]


def test_what_is_refused_is_told_with_what_was_understood_of_it(tmp_path: Path) -> None:
    """A refused file keeps name, title and severity where they could be read, and its mistakes; warnings are none."""
    head = "title: Theirs\nlogsource: {product: kubernetes, service: audit}\n"
    (tmp_path / "bad.yml").write_text(
        f"{head}level: low\ndetection: {{a: {{apiGroup: x, hostPath: y}}, condition: a}}\n"
    )
    (tmp_path / "broken.yml").write_text("title: [")
    (tmp_path / "warned.yml").write_text(f"{head}detection: {{a: {{verb: get}}, condition: a}}\n")
    refused = load(rule_files(tmp_path), SCHEMAS, SITE, unproven=True).refused
    assert [(one.name, one.title, one.severity) for one in refused] == [
        ("bad", "Theirs", Severity.INFO),
        ("broken", "", None),
    ]
    assert [problem.message for problem in refused[0].problems] == [
        "kube_audit has no field 'apiGroup'",
        "kube_audit has no field 'hostPath'",
    ]


def test_a_broken_filter_refuses_its_file_too() -> None:
    """A rule must not run without the exception that its author wrote beside it."""
    loaded = load_text(a_filter("rules: [rule]\nselection: {actor: a}\ncondition: not x"))
    assert not loaded.rules
    assert loaded.problems


def test_a_correlation_of_a_refused_rule() -> None:
    """It says so, for its own file is not loaded either."""
    first, second = correlation("type: event_count\nrules: [a]\ntimespan: 60s\ncondition: {gt: 5}").split("---\n")
    first = first.replace("rule.first", "a").replace("verb", "vreb")
    loaded = load_texts({"a.yml": first, "b.yml": second})
    assert [problem.message for problem in loaded.problems] == [
        "kube_audit has no field 'vreb'",
        "the rule a was refused",
    ]
    assert not loaded.rules


def test_empty_documents_are_passed_over() -> None:
    """A file may begin or end with a separator."""
    assert only_rule("---\n" + item("verb: get") + "---\n").title == "A rule"
    assert [problem.message for problem in load_text("# nothing\n").problems] == ["the file holds no rule"]


def test_files_of_a_folder(tmp_path: Path) -> None:
    """Every .yml and .yaml but the pack's case settings; a file is itself."""
    for name in ("b/rule.yml", "a.yaml", "cases.yaml", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", "utf-8")
    assert rule_files(tmp_path) == [tmp_path / "a.yaml", tmp_path / "b" / "rule.yml"]
    assert rule_files(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A problem, not an exception."""
    (problem,) = load([tmp_path / "gone.yml", tmp_path], SCHEMAS, SITE).problems[:1]
    assert problem.message == "cannot be read: Is a directory"


@pytest.mark.parametrize("name", ["rule.yml", "mine.yml"])
def test_a_rule_needs_its_proof(tmp_path: Path, name: str) -> None:
    """Firing and quiet events must stand beside it, in files named as the rule's is."""
    path = tmp_path / name
    path.write_text(item("verb: get"), "utf-8")
    fires, quiet = proof_files(path)
    assert [problem.message.partition(":")[0] for problem in load([path], SCHEMAS, SITE).problems] == [
        "no firing events",
        "no quiet events",
    ]
    fires.write_text("{}\n", "utf-8")
    quiet.write_text("\n \n", "utf-8")
    (problem,) = load([path], SCHEMAS, SITE).problems
    assert problem.mend == f"write them into {quiet.name}, one case a line"
    quiet.write_text("\n{}", "utf-8")
    loaded = load([path], SCHEMAS, SITE)
    assert not loaded.problems
    assert loaded.rules[0].folder == tmp_path


@settings(max_examples=150)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_break_the_loader(data: bytes) -> None:
    """Whatever a file holds, there are rules or problems."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "rule.yml")
        path.write_bytes(data)
        loaded = load([path], SCHEMAS, SITE, unproven=True)
    assert loaded.rules or loaded.problems
    assert all(str(problem) for problem in loaded.problems)


_BASE = correlation(
    "type: value_count\nrules: [rule.first]\ngroup-by: [actor]\ntimespan: 60s\ncondition: {gt: 5, field: target}"
)
_WORDS = [
    *_BASE.split(),
    "[any]",
    "|re",
    "|expand",
    "%owner%",
    "{",
    "}",
    "[]",
    "null",
    "*",
    "'",
    "- ",
    "\n",
    "  ",
    "not ",
]


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, len(_BASE)), st.integers(0, 12), st.sampled_from(_WORDS)), max_size=4))
def test_no_mutation_breaks_the_loader(edits: list[tuple[int, int, str]]) -> None:
    """A rule with pieces cut and put in elsewhere is loaded or refused, and every caret stands in its line."""
    text = _BASE
    for at, length, word in edits:
        text = text[:at] + word + text[at + length :]
    loaded = load_text(text, [{"title": "f", "filter": {"rules": "any", "s": {"actor": "a"}, "condition": "not s"}}])
    assert loaded.rules or loaded.problems
    for problem in loaded.problems:
        assert problem.column <= len(problem.text) + 1, str(problem)
