"""What a prover cannot look at: the link is UNKNOWN with the reason and what to grant, never READY, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.loopback import Reply, serving

from tests.cli.test_scan import vedette
from tests.scans import LOGS, ROOT, SETTINGS

WHOLE = yaml.safe_load(SETTINGS.read_text("utf-8"))
GONE = "http://127.0.0.1:9"
"""Nobody listens there."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the recorded logs."""
    folder = tmp_path_factory.mktemp("store") / "state"
    done = vedette("watch", "--config", SETTINGS, "--state", folder, "--until-read", "--output", "none", LOGS)
    assert done.returncode == 0, done.stderr
    return folder


def links(
    folder: Path, state: Path, rule: str, *words: str, code: int = 1, **keys: object
) -> dict[str, dict[str, Any]]:
    """The links of one rule, under more settings."""
    file = folder / "vedette.yaml"
    file.write_text(yaml.safe_dump({**WHOLE, **keys}), "utf-8")
    done = vedette("prove", rule, "--config", file, "--state", state, "-o", "json", *words)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr
    (found,) = json.loads(done.stdout)
    assert found["state"] in ("UNKNOWN", "BLIND")
    return {one["link"]: one for one in found["links"]}


def link(folder: Path, state: Path, rule: str, name: str, *words: str, code: int = 1, **keys: object) -> dict[str, Any]:
    """One of them."""
    return links(folder, state, rule, *words, code=code, **keys)[name]


def unknown(found: dict[str, Any], why: str, mend: str) -> bool:
    """It could not be looked at, for this reason, and this is to be done; shows what it is instead where it is not."""
    assert found["state"] == "UNKNOWN", found
    assert why in found["why"], found
    return mend in found["mend"]


REPLIES = {
    "not its rights": (Reply(403, b"forbidden"), "403"),
    "not its user": (Reply(401, b"no"), "401"),
    "a web page": (Reply(200, b"<html>", {"Content-Type": "text/html"}), ""),
    "a fault": (Reply(500, b"x"), "500"),
    "half an answer": (Reply(200, b"{}" * 100, break_off="within"), ""),
    "none": (Reply(break_off="before"), "broke off"),
}


@pytest.mark.parametrize("name", REPLIES)
def test_an_alertmanager_that_does_not_tell(tmp_path: Path, store: Path, name: str) -> None:
    """What it says instead, and which right is missing."""
    reply, why = REPLIES[name]
    with serving(reply) as server:
        found = link(tmp_path, store, "K3", "delivered", sinks={"alertmanager": [{"name": "am", "urls": [server.url]}]})
    mend = "read /api/v2/status, /silences and /alerts" if why in ("401", "403") else "sinks: alertmanager:"
    assert unknown(found, why, mend)
    assert "no Alertmanager could be asked" in found["why"]


@pytest.mark.parametrize("name", REPLIES)
def test_a_slack_that_is_not_slack(tmp_path: Path, store: Path, name: str) -> None:
    """What stands before it is no word of Slack's."""
    (tmp_path / "token").write_text("xoxb-1")
    reply, why = REPLIES[name]
    with serving(reply) as server:
        app = {"name": "chat", "channel": "C0123456789", "token_file": str(tmp_path / "token"), "api_url": server.url}
        assert unknown(
            link(tmp_path, store, "K3", "delivered", sinks={"slack": [app]}), why, "can be reached from here"
        )


@pytest.mark.parametrize("name", REPLIES)
def test_a_loki_that_does_not_tell(tmp_path: Path, store: Path, name: str) -> None:
    """Each link of its ruler, with what to grant."""
    reply, why = REPLIES[name]
    with serving(reply) as server:
        for one in ("shipped", "matched", "delivered"):
            found = link(tmp_path, store, "K3", one, "--on", f"loki={server.url}")
            assert unknown(
                found, why, "a token that may read rules" if why in ("401", "403") else "give the base URL of a Loki"
            )


def test_far_ends_where_nobody_is(tmp_path: Path, store: Path) -> None:
    """Alertmanager, Slack, Loki, Vault; a token that is not there."""
    sinks = {"alertmanager": [{"name": "am", "urls": [GONE]}]}
    assert unknown(link(tmp_path, store, "K3", "delivered", sinks=sinks), f"{GONE}: connection refused", "start it")
    app = {"name": "chat", "channel": "C0123456789", "token_file": str(tmp_path / "none"), "api_url": f"{GONE}/api"}
    found = link(tmp_path, store, "K3", "delivered", sinks={"slack": [app]})
    assert unknown(found, "No such file", "may read token_file")
    assert unknown(
        link(tmp_path, store, "K3", "matched", "--on", f"loki={GONE}"), "connection refused", "see that it is up"
    )
    (tmp_path / "token").write_text("hvs.1")
    nodes = {"vault": [{"name": "v", "address": GONE, "token_file": str(tmp_path / "token")}]}
    found = link(tmp_path, store, "V4", "emitted", sources=nodes)
    assert unknown(found, "connection refused", "see whether the node is up and reachable")
    assert "rights" not in found["mend"]


def test_a_sealed_vault_lacks_no_right(tmp_path: Path, store: Path) -> None:
    """It is told what it is, not which policy its token needs."""
    (tmp_path / "token").write_text("hvs.1")
    with serving(Reply(503, b'{"errors": ["Vault is sealed"]}')) as server:
        nodes = {"vault": [{"name": "v", "address": server.url, "token_file": str(tmp_path / "token")}]}
        found = link(tmp_path, store, "V4", "emitted", sources=nodes)
    assert unknown(found, "HTTP 503: Vault is sealed", "it is sealed or on standby")
    assert "rights" not in found["mend"]


def test_a_vault_token_with_too_few_rights(tmp_path: Path, store: Path) -> None:
    """The policy that it needs is printed by a command, which is named."""
    (tmp_path / "token").write_text("hvs.1")
    with serving(Reply(403, b'{"errors": ["permission denied"]}')) as server:
        nodes = {"vault": [{"name": "v", "address": server.url, "token_file": str(tmp_path / "token")}]}
        found = link(tmp_path, store, "V4", "emitted", sources=nodes)
    assert unknown(found, "HTTP 403: permission denied", "vedette render rights vault")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("apiVersion: audit.k8s.io/v1\nkind: Pol", "kind is Pol"),
        ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Me", "the level 'Me' does not exist"),
        ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [", "not YAML"),
    ],
)
def test_a_policy_that_is_half_written(tmp_path: Path, store: Path, text: str, why: str) -> None:
    """Named in the settings: the place, the reason, and exit code 2; nothing is READY by it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(text)
    sources = {"kube_audit": {"audit_policy": str(policy)}}
    found = link(tmp_path, store, "K3", "emitted", code=2, sources=sources)
    assert unknown(found, f"the audit policy is not read: {policy}", "")
    assert why in found["why"]
    policy.unlink()
    assert unknown(
        link(tmp_path, store, "K3", "emitted", code=2, sources=sources), "No such file", "let this user read it"
    )


def test_a_store_that_is_none(tmp_path: Path, store: Path) -> None:
    """Not there, not a database, without any evidence, with evidence that was cut off."""
    mend = "ask as the user that `vedette watch` runs as"
    assert unknown(link(tmp_path, tmp_path / "nowhere", "K3", "shipped"), "no store here", mend)
    copy = tmp_path / "state"
    shutil.copytree(store, copy)
    evidence = copy / "evidence"
    for file in evidence.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:200] + b"x")
    assert unknown(link(tmp_path, copy, "K3", "shipped"), "their fields cannot be looked at", "evidence: on")
    shutil.rmtree(evidence)
    assert unknown(link(tmp_path, copy, "K3", "shipped"), "their fields cannot be looked at", "evidence: on")
    (copy / "vedette.db").write_bytes(b"no database" * 1000)
    assert unknown(link(tmp_path, copy, "K3", "shipped"), "not a database", mend)


AS_NOBODY = """
import contextlib, io, os, sys
from vedette.cli import main
words = sys.argv[1:]
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    main(words)  # what is imported late may not be there for others to read
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(main(words))
"""


def test_a_store_of_somebody_else(store: Path) -> None:
    """Whose it is, and who should ask."""
    if os.geteuid() != 0:
        pytest.skip("only root can be somebody else")
    for above in SETTINGS.parents:
        if not above.stat().st_mode & 0o001:
            pytest.skip(f"nobody else may look into {above.name or above}")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copy = shutil.copytree(store, Path(folder) / "state")
        copy.chmod(0o755)
        words = ("prove", "K3", "--config", SETTINGS, "--state", copy, "-o", "json")
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *map(str, words)],
            env={"PYTHONPATH": str(ROOT / "src"), "HOME": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        (found,) = json.loads(done.stdout)
        one = next(one for one in found["links"] if one["link"] == "shipped")
        assert unknown(one, "it belongs to root: sudo -u root vedette", "ask as the user that `vedette watch` runs as")
