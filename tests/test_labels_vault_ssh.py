"""Other people's Vault and sshd logs, each act labelled by a plain reading of it: the pack says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scans import matches

_OUTSIDE = "address not in the allowlist"
"""The one condition that a label of these logs has; the networks below hold none of their addresses."""
_SETTINGS = {"networks": {"elsewhere": ["192.0.2.248/29"]}}


def _labels(shared: Path, logs: str, least: int) -> list[tuple[Path, dict[str, Any]]]:
    found = [
        (file.parent, json.loads(line))
        for file in sorted(shared.glob(f"data/{logs}-*/labels.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    assert len(found) >= least
    return found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings that trust nobody in these logs."""
    file = tmp_path / "vedette.yaml"
    file.write_text(yaml.safe_dump(_SETTINGS), "utf-8")
    return file


def test_every_label_of_vault_is_met(shared: Path, config: Path, subtests: pytest.Subtests) -> None:
    """Fire: the labelled request is one act, done. Silent: it is none; for V5, the whole log has none."""
    for folder, label in _labels(shared, "vault", 76):
        with subtests.test(f"{folder.name} {label['rule']} {label.get('line', label.get('mount'))}"):
            assert "if" not in label
            found = matches([folder / label["file"]], config=config, only=(label["rule"],))
            said = [one["outcome"] for one in found if one["act"] == label.get("request_id", one["act"])]
            assert said == (["done"] if label["expect"] == "fire" else [])


def _said_again(file: Path, words: str) -> int:
    """How many accepted logins are letter for letter a line before them: one act, though the label counts lines."""
    lines = [line for line in file.read_bytes().splitlines() if b": Accepted " in line and words.encode() in line]
    return len(lines) - len(set(lines))


def test_every_label_of_sshd_is_met(shared: Path, config: Path, subtests: pytest.Subtests) -> None:
    """Each address is let in as often as the label counts (equal lines are one act), first on the labelled line."""
    for folder, label in _labels(shared, "ssh", 20):
        with subtests.test(f"{folder.name} {label['file']} {label['from']}"):
            assert (label["rule"], label["expect"], label["if"]) == ("S1", "fire", _OUTSIDE)
            found = matches([folder / label["file"]], config=config, only=("S1",))
            lines = sorted(one["line"] for one in found if one["address"] == label["from"] and one["outcome"] == "done")
            again = _said_again(folder / label["file"], f" from {label['from']} port ")
            assert (len(lines), lines[0]) == (label["accepted"] - again, label["first_line"])


def test_no_other_login_is_made_up(shared: Path, config: Path) -> None:
    """In the sshd logs with labels S1 fires for the labelled addresses alone."""
    labelled = {(folder.name, label["file"], label["from"]) for folder, label in _labels(shared, "ssh", 20)}
    files = {(folder, label["file"]) for folder, label in _labels(shared, "ssh", 20)}
    found = {
        (folder.name, file, one["address"])
        for folder, file in files
        for one in matches([folder / file], config=config, only=("S1",))
    }
    assert found == labelled
