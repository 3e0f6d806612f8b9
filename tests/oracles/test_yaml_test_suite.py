"""The YAML test suite: a value is right or the text is refused, and never a wrong one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vedette.yaml_text import YamlError, read_documents

HARMLESS = {"9C9N", "CVW2", "DK95/01", "G5U8", "QB6E", "S98Z", "X4QW", "Y79Y/003", "YJV2"}
"""Invalid by indentation, a missing blank before a comment or a lone dash; PyYAML reads what everybody would."""


@pytest.fixture(scope="module")
def cases() -> list[Path]:
    """The suite's cases, in the layout of its data branch."""
    folder = os.environ.get("VEDETTE_YAML_TEST_SUITE")
    if not folder or not Path(folder, "229Q", "in.yaml").is_file():
        pytest.skip("VEDETTE_YAML_TEST_SUITE does not name the data of yaml/yaml-test-suite")
    found = (path for path in Path(folder).rglob("in.yaml") if not {"name", "tags"} & set(path.parts))
    return sorted(path.parent for path in found)


def test_never_a_wrong_value(cases: list[Path]) -> None:
    """Valid texts are read right or refused; invalid ones are refused, but for a few whose meaning is plain."""
    right, accepted = 0, set()
    root = cases[0].parent
    for case in cases:
        try:
            values = [document.value for document in read_documents((case / "in.yaml").read_bytes(), case.name)]
        except YamlError:
            continue
        if (case / "error").exists():
            accepted.add(case.relative_to(root).as_posix())
        elif (case / "in.json").exists():
            assert values == json_values((case / "in.json").read_text("utf-8")), case
            right += 1
    assert accepted <= HARMLESS
    assert right >= 200


def json_values(text: str) -> list[object]:
    """JSON values one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found
