"""`vedette prove --policy`: the matrix, JSON, exit codes, and what cannot be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_scan import vedette
from tests.proof.asking import HEALTHY
from tests.scans import ROOT, SETTINGS

READS_DROPPED = """\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: None
    verbs: [get, list, watch]
  - level: Metadata
"""


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    """A policy under which all can fire."""
    file = tmp_path / "policy.yaml"
    file.write_text(HEALTHY)
    return file


def test_all_is_well_under_a_healthy_policy(healthy: Path) -> None:
    """Exit 0; what a policy says nothing of is named, and is in no line of the table."""
    done = vedette("prove", "--policy", healthy, "--config", SETTINGS)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.decode().splitlines()
    assert lines[0].split() == ["rule", "severity", "state", "emitted"]
    assert [line.split()[0] for line in lines[1:]] == ["K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10"]
    assert all(line.split()[2:] == ["READY", "ok"] for line in lines[1:])
    assert b"not judged: V1, V4, V5, V6, V7: not from the Kubernetes audit log" in done.stderr
    assert b"judged here: emitted; no other link was asked for" in done.stderr


def test_a_blind_rule_is_shown_with_what_breaks_it_and_its_mend(tmp_path: Path) -> None:
    """Line of the policy, variants, an act, and the lines to put in; nothing wider than a hundred columns."""
    file = tmp_path / "p.yaml"
    file.write_text(READS_DROPPED)
    done = vedette("prove", "K3", "--policy", "p.yaml", "--config", SETTINGS, cwd=tmp_path)
    assert done.returncode == 1
    text = done.stdout.decode()
    assert "K3    critical  BLIND in part   part\n" in text
    assert "emitted: 43 of 48 variants: p.yaml:4 drops it (level None)" in text
    assert "as: get secrets/db-credentials in vault by eve@example.org" in text
    assert "mend: p.yaml:4: before this rule put\n          - level: Metadata\n" in text
    assert "list_everywhere" in text
    assert max(map(len, text.splitlines())) <= 100


def test_json_has_every_rule_link_and_variant(tmp_path: Path) -> None:
    """What programs read; rules of other logs are UNKNOWN there."""
    file = tmp_path / "p.yaml"
    file.write_text(READS_DROPPED)
    done = vedette("prove", "--policy", file, "-o", "json", "--config", SETTINGS)
    held = {one["rule"]: one for one in json.loads(done.stdout)}
    assert held["V1"]["state"] == "UNKNOWN"
    assert held["K3"]["state"] == "BLIND"
    (link,) = held["K3"]["links"]
    assert (link["link"], link["state"], link["in_part"]) == ("emitted", "BLIND", True)
    assert "p.yaml:4 drops it" in link["why"]
    assert link["mend"].splitlines()[1] == "  - level: Metadata"
    assert {"variant", "state", "why", "mend", "fires", "witness"} == set(link["variants"][0])
    assert len(link["variants"]) == 48


def test_only_what_is_loud_enough_fails(tmp_path: Path) -> None:
    """K7 is a warning: a policy that blinds it alone passes where only critical ones count."""
    file = tmp_path / "p.yaml"
    bindings = "resources: [clusterroles, roles, clusterrolebindings, rolebindings]"
    assert bindings in HEALTHY
    file.write_text(HEALTHY.replace(bindings, "resources: [clusterrolebindings, rolebindings]"))
    arguments = ("prove", "--policy", file, "--config", SETTINGS)
    assert vedette(*arguments).returncode == 1
    assert vedette(*arguments, "--severity", "critical").returncode == 0


def test_a_rule_asked_for_by_name_must_be_judged(healthy: Path) -> None:
    """What a policy says nothing of is no pass for whoever asks for just that."""
    done = vedette("prove", "V1", "--policy", healthy, "--config", SETTINGS)
    assert done.returncode == 1
    assert b"UNKNOWN" in done.stdout


@pytest.mark.parametrize("text", ["", HEALTHY[:200], "rules: [", "\x1b]0;pwned\x07: 1", HEALTHY + "kind: Policy\n"])
def test_a_policy_that_cannot_be_read_leaves_everything_unknown(text: str) -> None:
    """Empty, half-written, hostile: exit 2, the place and the mend, no rule READY, no traceback, no escape let out."""
    done = vedette("prove", "--policy", "-", "--config", SETTINGS, data=text.encode())
    assert done.returncode == 2
    assert b"standard input" in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stderr + done.stdout
    states = {line.split()[2] for line in done.stdout.decode().splitlines()[1:] if line.startswith("K")}
    assert states == {"UNKNOWN"}
    assert b"the audit policy is not read" in done.stdout


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Said in a line, exit 2."""
    done = vedette("prove", "--policy", tmp_path / "none.yaml", "--config", SETTINGS)
    assert done.returncode == 2
    assert b"none.yaml: error: cannot be read: No such file" in done.stderr


def test_a_site_without_a_store_or_a_sink_is_not_ready(tmp_path: Path) -> None:
    """Nothing given: this site is judged; what it has not is said once for all rules, and where it is to be named."""
    done = vedette("prove", "--config", SETTINGS, "--state", tmp_path)
    assert done.returncode == 1
    text = done.stdout.decode()
    links = ["emitted", "shipped", "matched", "allowed", "delivered"]
    assert text.splitlines()[0].split() == ["rule", "severity", "state", *links]
    words = " ".join(text.split())
    assert words.count("shipped: every rule: ") == words.count("no store here") == 1
    assert words.count("no route of the settings tells anybody of critical alerts") == 1
    assert max(map(len, text.splitlines())) <= 100
    for unasked in ("the audit policy is not known", "no node of Vault is named", "sshd's LogLevel is not known"):
        assert unasked in words


def test_sshd_that_says_nothing_blinds_its_rule(tmp_path: Path) -> None:
    """The configuration by option or in the settings; one that cannot be read is said, and is no yes."""
    quiet = tmp_path / "sshd_config"
    quiet.write_text("Port 22\nLogLevel ERROR\n")
    done = vedette("prove", "S1", "--config", SETTINGS, "--state", tmp_path, "--sshd-config", quiet)
    assert done.returncode == 1
    assert b"sshd_config:2" in done.stdout
    settings = tmp_path / "vedette.yaml"
    settings.write_text(f"sources: {{sshd: {{config: {tmp_path / 'none'}}}}}\n")
    done = vedette("prove", "S1", "-o", "json", "--config", settings, "--state", tmp_path)
    (link,) = [one for one in json.loads(done.stdout)[0]["links"] if one["link"] == "emitted"]
    assert link["state"] == "UNKNOWN"
    assert "No such file" in link["why"]


def test_flags_in_the_settings_are_those_of_the_server(tmp_path: Path) -> None:
    """A server that is meant to run without a policy writes nothing at all."""
    settings = tmp_path / "vedette.yaml"
    settings.write_text("sources: {kube_audit: {audit_flags: [--audit-log-path=/var/log/audit.log]}}\n")
    done = vedette("prove", "K3", "-o", "json", "--config", settings, "--state", tmp_path)
    (link,) = [one for one in json.loads(done.stdout)[0]["links"] if one["link"] == "emitted"]
    assert link["state"] == "BLIND"
    assert "without --audit-policy-file" in link["why"]


def test_a_policy_alone_is_judged_without_what_a_site_needs(healthy: Path) -> None:
    """It stands in the checks of every commit: no client, no store and no TLS is even imported for it."""
    code = (
        "import sys; from vedette.cli import main; code = main(sys.argv[1:]); "
        "print(sorted({'ssl', 'apsw', 'vedette.clients.base', 'vedette.store.database'} & set(sys.modules)), code)"
    )
    arguments = ["prove", "--policy", str(healthy), "--config", str(SETTINGS)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "[] 0", done.stderr


THEIRS = {
    "fires.yml": "detection: {a: {verb: delete, objectRef.resource: [jobs, events]}, condition: a}",
    "reads.yml": "detection: {a: {verb: list, objectRef.resource: secrets}, condition: a}",
    "never.yml": "detection: {a: {verb: delete}, b: {verb: create}, condition: a and b}",
    "unknown_field.yml": "detection: {a: {apiGroup: apps}, condition: a}",
    "broken.yml": "detection: [",
}
"""Rules of somebody else, none with a case."""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of other people's rules, good and bad."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name, text in THEIRS.items():
        head = f"title: {name}\nlogsource: {{product: kubernetes, service: audit}}\nlevel: low\n"
        (folder / name).write_text(head + text + "\n")
    (tmp_path / "reads.yaml").write_text(READS_DROPPED)
    return folder


def test_rules_of_other_people_are_judged_without_cases(theirs: Path) -> None:
    """A rule that is refused is a row beside the others, with file, line and reason; the pack is left out on demand."""
    done = vedette("prove", "--rules", "theirs", "--no-pack", "--policy", "reads.yaml", cwd=theirs.parent)
    assert done.returncode == 1
    text = done.stdout.decode()
    assert text.splitlines()[0].split() == ["rule", "severity", "state", "read", "emitted"]
    assert "READY" in next(line for line in text.splitlines() if line.startswith("fires "))
    assert "emitted: its one variant: reads.yaml:4 drops it (level None)" in text
    assert "emitted: never: no event can meet it: verb cannot meet all of this at once" in text
    assert "read: unknown_field: theirs/unknown_field.yml:4:17: kube_audit has no field 'apiGroup'" in text
    assert "mend: did you mean objectRef.apiGroup?" in text
    assert "read: broken: theirs/broken.yml:" in text
    assert "K3" not in text
    assert b"judged by invented acts, for want of firing cases: fires, reads" in done.stderr


def test_a_refused_rule_can_be_asked_for_by_name(theirs: Path) -> None:
    """It is as loud as it says, and as the loudest where nothing of it could be read."""
    say = ("--rules", "theirs", "--policy", "reads.yaml", "-o", "json")
    done = vedette("prove", "unknown_field", "broken", *say, cwd=theirs.parent)
    found = {one["rule"]: one for one in json.loads(done.stdout)}
    assert {name: (one["state"], one["severity"]) for name, one in found.items()} == {
        "unknown_field": ("BLIND", "info"),
        "broken": ("BLIND", "critical"),
    }
    assert found["broken"]["links"][0]["link"] == "read"
    assert vedette("prove", "unknown_field", "--severity", "critical", *say, cwd=theirs.parent).returncode == 0
    fires = json.loads(vedette("prove", "fires", *say, cwd=theirs.parent).stdout)
    assert [link["invented"] for link in fires[0]["links"]] == [True]


def test_a_changed_copy_of_a_rule_of_the_pack_is_judged_in_its_place(tmp_path: Path, healthy: Path) -> None:
    """Without the pack its name is free, and the settings may go on speaking of it."""
    source = next((ROOT / "src/vedette/rules/kubernetes").glob("k3_*")) / "rule.yml"
    (tmp_path / "k3.yml").write_text(source.read_text("utf-8").replace("cased: secrets", "cased: configmaps"), "utf-8")
    say = ("--rules", tmp_path / "k3.yml", "--no-pack", "--policy", healthy, "--config", SETTINGS, "-o", "json")
    done = vedette("prove", "K3", *say)
    assert done.returncode == 0, done.stderr
    variants = json.loads(done.stdout)[0]["links"][0]["variants"]
    assert variants[0]["witness"].startswith("get configmaps/")


def test_without_the_pack_rules_must_be_named(healthy: Path) -> None:
    """Nothing to prove is a mistake and not a success."""
    done = vedette("prove", "--no-pack", "--policy", healthy)
    assert done.returncode == 2
    assert b"name rules with --rules" in done.stderr
