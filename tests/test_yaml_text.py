"""YAML: values by the 1.2 core schema, places by path, and a message for whatever is not read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette import yaml_text
from vedette.problem import Problem
from vedette.yaml_text import Document, YamlError, read_documents, read_file


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers: not every installation has the one in C."""
    if not hasattr(yaml, request.param):
        pytest.skip("this PyYAML has no parser in C")
    monkeypatch.setattr(yaml_text, "_Loader", getattr(yaml, request.param))


def one(text: str | bytes) -> Document:
    """The only document of a text."""
    (document,) = read_documents(text, "f.yml")
    return document


def attempt(text: str | bytes) -> tuple[list[Document] | None, Problem | None]:
    """The documents of a text, or what is wrong with it."""
    try:
        return read_documents(text, "f.yml"), None
    except YamlError as error:
        return None, error.problem


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("Null", None),
        ("''", ""),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        (".", "."),
        ("-", "-"),
        ("1e", "1e"),
        ("2024-01-01", "2024-01-01"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("'12'", "12"),
        ('"\\u0041"', "A"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12.0),
        ("!!bool true", True),
        ("!!null null", None),
        ("'<<'", "<<"),
    ],
)
def test_values_follow_the_core_schema(written: str, value: object) -> None:
    """What YAML 1.1 takes for booleans, octals and dates are texts here."""
    read = one(f"a: {written}" if written != "-" else "a: '-'").value
    assert read == {"a": value}
    assert isinstance(read, dict)
    assert type(read["a"]) is type(value)


def test_not_a_number_is_a_float() -> None:
    """.nan is read, for YAML has it."""
    value = one("a: .nan").value
    assert isinstance(value, dict)
    assert math.isnan(value["a"])


def test_places_of_keys_and_values() -> None:
    """Line and column, from 1, by path; what is not there has the place of what lies around it."""
    document = one("top:\n  - a: 1\n    b: [x, y]\n")
    assert document.at(("top",)) == (1, 1)
    assert document.at(("top", 0, "b")) == (3, 5)
    assert document.at(("top", 0, "b"), value=True) == (3, 8)
    assert document.at(("top", 0, "b", 1)) == (3, 12)
    assert document.at(("top", 0, "missing")) == (2, 5)
    assert document.at(("gone", "away")) == (1, 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: one two", (1, 8)),
        ("a: 'one two'", (1, 9)),
        ('a: "one two"', (1, 9)),
        ("a: >-\n  one\n  two\n", (3, 3)),
        ("a: |\n   one two\n", (2, 8)),
        ("a: one\n  two\n", (2, 3)),
        ('a: "\\u006fne two"', (1, 4)),
        ("a: '' ", (1, 4)),
    ],
)
def test_a_place_within_a_text(text: str, place: tuple[int, int]) -> None:
    """The caret finds its character through quotes and folds; where an escape hides it, it stands at the start."""
    assert one(text).at(("a",), value=True, offset=4) == place


def test_a_place_within_a_key() -> None:
    """Modifiers stand in the key."""
    assert one("s: {verb|casd: x}").at(("s", "verb|casd"), offset=5) == (1, 10)


def test_documents_of_a_file_share_its_lines() -> None:
    """Places count from the file's first line, byte order mark, CRLF and empty documents or not."""
    first, empty, last = read_documents(b"\xef\xbb\xbfa: 1\r\n---\r\n---\r\n\r\nb: 2\r\n", "f.yml")
    assert (first.value, empty.value, last.value) == ({"a": 1}, None, {"b": 2})
    assert (first.line, last.line, last.at(("b",)), last.text(5)) == (1, 5, (5, 1), "b: 2")
    assert (last.text(0), last.text(99)) == ("", "")


def test_aliases_within_bounds() -> None:
    """An anchor's value may be used again; its places are the alias's."""
    document = one("a: &x [1, {k: v}]\nb: *x\n&y c: *y\n")
    assert document.value == {"a": [1, {"k": "v"}], "b": [1, {"k": "v"}], "c": "c"}
    assert document.at(("b", 1, "k")) == (2, 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (b"a: \xff", 1, 4, "byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00", 0, 0, "is UTF-16, not UTF-8"),
        ("a: \x00", 1, 4, "character U+0000 is not allowed in YAML"),
        ("a: b\n c\u2028", 2, 3, "character U+2028 is not allowed in YAML"),
        ("a: \ud800", 1, 4, "character U+D800 is not allowed in YAML"),
        ("a: 1\nb: 2\na: 3", 3, 1, "the key 'a' stands twice (first on line 1)"),
        ("a: {b: 1, b: 1}", 1, 11, "the key 'b' stands twice (first on line 1)"),
        ("1: a", 1, 1, "a key must be a text, not 1"),
        ("true: a", 1, 1, "a key must be a text, not true"),
        ("? [a]\n: b", 1, 3, "a key must be a text, not a collection"),
        ("~: a", 1, 1, "a key must be a text, not nothing"),
        ("<<: {a: 1}", 1, 1, "merge keys (<<) are not read"),
        ("a: !!binary aGk=", 1, 4, "the tag tag:yaml.org,2002:binary is not known here"),
        ("a: !x {b: c}", 1, 4, "the tag !x is not known here"),
        ("a: !!int x", 1, 4, "'x' is not of the type that its tag says"),
        ("a: !!int true", 1, 4, "'true' is not of the type that its tag says"),
        ("a: &x [*x]", 1, 8, "the alias *x names no finished anchor before it"),
        ("a: &x 1\n---\nb: *x", 3, 4, "the alias *x names no finished anchor before it"),
        ("[" * 100_000, 1, 65, "nested deeper than 64"),
        ("- " * 100_000, 1, 129, "nested deeper than 64"),
        ("a: " + "9" * 5_000, 1, 4, "a number of 5000 characters"),
        ("a\n" + "--- b\n" * 1_000, 1_001, 1, "more than 1000 documents in one file"),
        ("%YAML 1.1\n---\na: yes", 1, 1, "lines that begin with % are not read"),
        ("{ ?foo: bar }", 1, 4, "a question mark stands before this text"),
        ("a: [b]#c", 1, 6, "a comment begins right behind a value"),
        ('a: "b"#c', 1, 4, "a comment begins right behind a value"),
        ("a: &an:chor b", 1, 4, "the name &an goes on strangely"),
        ("a: 'b", 1, 6, "not YAML: while scanning a quoted scalar: found unexpected end of stream"),
        ("a: b: c", 1, 5, "not YAML: mapping values are not allowed"),
        ("a: *", 1, 5, "not YAML: while scanning an alias"),
        ("a:\n\t- b", 2, 1, "not YAML: while scanning for the next token"),
        ("a: [b", 1, 6, "not YAML: while parsing a flow sequence"),
    ],
)
def test_what_is_refused(text: str | bytes, line: int, column: int, message: str) -> None:
    """Each with its place and, where one is known, a mend; PyYAML's own places are its parsers'."""
    with pytest.raises(YamlError) as caught:
        read_documents(text, "f.yml")
    problem = caught.value.problem
    assert problem.message.startswith(message)
    assert problem.mend
    assert problem.file == "f.yml"
    if not message.startswith("not YAML"):
        assert (problem.line, problem.column) == (line, column)
    else:
        assert abs(problem.line - line) <= 1
    assert str(caught.value) == str(problem)


def test_a_bomb_of_aliases_is_refused() -> None:
    """Nine levels of nine are a billion values; the reader stops at ten thousand."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 10):
        name, before = chr(97 + level), chr(96 + level)
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 9)}]")
    with pytest.raises(YamlError, match="aliases add more than 10000 values"):
        read_documents("\n".join(lines), "f.yml")


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """More than a megabyte is no rule and no settings."""
    path = tmp_path / "big.yml"
    path.write_bytes(b"a" * 1_000_001)
    with pytest.raises(YamlError, match=r"big.yml: error: larger than 1 MB"):
        read_file(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file and a folder are told like any mistake."""
    with pytest.raises(YamlError, match="cannot be read: No such file or directory"):
        read_file(tmp_path / "gone.yml", "gone.yml")
    with pytest.raises(YamlError, match="rules: error: cannot be read: Is a directory"):
        read_file(tmp_path, "rules")


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@given(plain)
@settings(max_examples=150)
def test_what_another_writes_is_read_back(value: object) -> None:
    """Values that PyYAML writes, with every text in quotes, come back the same; so do their types."""
    written = yaml.safe_dump(value, default_style='"', allow_unicode=False)
    # With that style PyYAML tags what is no text, in the names of the core schema.
    assert one(written).value == value


@given(st.one_of(st.binary(max_size=120), st.text(max_size=120)))
@settings(max_examples=300)
def test_no_bytes_break_the_reader(data: bytes | str) -> None:
    """Whatever the bytes: documents, or a YamlError that can be shown."""
    documents, problem = attempt(data)
    assert documents is None or all(document.at(()) >= (1, 1) for document in documents)
    assert problem is None or str(problem).startswith("f.yml")


@given(st.text("ab:-[]{}'\"#&*!|>?%@`,. \n\t~01", max_size=60))
@settings(max_examples=600)
def test_no_punctuation_breaks_the_reader(text: str) -> None:
    """The same of texts that are nearly YAML; every place lies within the text."""
    documents, problem = attempt(text)
    assert problem is None or problem.line <= text.count("\n") + 2
    for document in documents or ():
        for line, column in [*document.values.values(), *document.keys.values()]:
            assert 1 <= line <= len(document.lines) + 1
            assert 1 <= column <= len(document.text(line)) + 1
