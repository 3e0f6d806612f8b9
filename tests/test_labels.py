"""Other people's Kubernetes audit logs, each act labelled by a plain reading of it: the pack says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scans import matches

_CONDITIONS = (
    (r"K4 namespaces include (\S+)$", "exec"),
    (r"sensitive namespaces include (\S+)$", "secrets"),
)
"""What a label's `if` says -> the list of sensitive namespaces that it is about."""
_HOLD = frozenset({"address not in the trusted networks", "actor is not a configured automation identity"})
"""Conditions that hold under these settings as they are."""


def _settings(condition: str) -> dict[str, Any]:
    """A vedette.yaml that trusts loopback and the usual private networks, and meets a label's condition."""
    settings: dict[str, Any] = {
        "networks": {
            "loopback": ["127.0.0.0/8", "::1/128"],
            "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
        },
        "owner": "me@example.org",
    }
    for pattern, key in _CONDITIONS:
        if found := re.search(pattern, condition):
            settings["sensitive_namespaces"] = {key: [found[1]]}
            return settings
    assert not condition or condition in _HOLD, f"nobody taught this test what {condition!r} means"
    return settings


def _labels(shared: Path) -> list[tuple[Path, dict[str, Any]]]:
    found = [
        (file.parent, json.loads(line))
        for file in sorted(shared.glob("data/k8s-*/labels.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    assert len(found) >= 19
    return found


def _met(folder: Path, label: dict[str, Any], config: Path) -> list[dict[str, Any]]:
    """The matches of the label's rule on its act, or on all acts of its actor where it names none."""
    # K1, the grant of cluster-admin, is no rule of the pack; neither of the two that look at RBAC may take its place.
    rules = ("K7", "K8") if label["rule"] == "K1(none)" else (label["rule"],)
    found = matches([folder / label["file"]], config=config, only=rules)
    if "auditID" in label:
        return [one for one in found if str(one["act"]).startswith(label["auditID"])]
    return [one for one in found if one["actor"] == label["actor"]]


def test_every_label_is_met(shared: Path, tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Fire: one act, done. Attempt: one act, refused. Silent: nothing."""
    config = tmp_path / "vedette.yaml"
    for folder, label in _labels(shared):
        with subtests.test(f"{folder.name} {label['rule']} {label.get('act') or label['actor']}"):
            config.write_text(yaml.safe_dump(_settings(label.get("if", ""))))
            said = [(one["rule"], one["outcome"]) for one in _met(folder, label, config)]
            outcome = {"fire": "done", "attempt": "refused"}.get(label["expect"])
            assert said == ([] if outcome is None else [(label["rule"], outcome)])
