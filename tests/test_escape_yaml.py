"""What goes into a settings file stays one scalar, whoever wrote it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.escape import yaml
from vedette.yaml_text import read_documents


@pytest.mark.parametrize("text", ["me@example.org", "system:serviceaccount:a:b", "system:node:*", "10.0.0.0/8", "K3"])
def test_harmless_texts_stay_bare(text: str) -> None:
    """A name or a network is written without quotes."""
    assert yaml(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("no", '"no"'),
        ("::1/128", '"::1/128"'),
        ("*", '"*"'),
        ("", '""'),
        ("12:30", '"12:30"'),
        ("a # b", '"a # b"'),
        ('x"\nowner: eve', r'"x\"\x0aowner: eve"'),
        ("a\u2028b", r'"a\u2028b"'),
        ("\ud800", '"\ufffd"'),
    ],
)
def test_everything_else_is_quoted(text: str, written: str) -> None:
    """What YAML could read as anything but this text stands in quotes, on one line."""
    assert yaml(text) == written


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_reads_back_as_itself(text: str) -> None:
    """Whatever the text, in a list, a map or alone it reads back unchanged."""
    document = f"alone: {yaml(text)}\nlist: [{yaml(text)}, {yaml(text)}]\nmap: {{a: {yaml(text)}, b: 1}}\n"
    assert len(document.splitlines()) == 3
    assert read_documents(document, "x")[0].value == {"alone": text, "list": [text, text], "map": {"a": text, "b": 1}}
