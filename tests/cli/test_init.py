"""`vedette init`: what is written where, and what never is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from vedette.cli import main
from vedette.settings import load_text

EVENT = {
    "kind": "Event",
    "apiVersion": "audit.k8s.io/v1",
    "level": "Metadata",
    "auditID": "5101f1f1-10f5-42f7-a8e1-33f827622a72",
    "stage": "ResponseComplete",
    "requestURI": "/api/v1/secrets",
    "verb": "list",
    "user": {"username": "system:serviceaccount:traefik:traefik", "groups": ["system:authenticated"]},
    "sourceIPs": ["10.10.3.4"],
    "objectRef": {"resource": "secrets", "apiVersion": "v1"},
    "responseStatus": {"code": 200},
    "requestReceivedTimestamp": "2026-11-23T06:38:39.607865Z",
    "stageTimestamp": "2026-11-23T06:38:39.608865Z",
}
LOGIN = "Nov 23 06:00:00 pve sshd[1361]: Accepted publickey for me from 192.168.1.5 port 40000 ssh2\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with two logs, and no settings elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("VEDETTE_CONFIG", raising=False)
    (tmp_path / "logs").mkdir()
    acts = [{**EVENT, "auditID": f"{number}-{EVENT['auditID']}"} for number in range(3)]
    (tmp_path / "logs" / "audit.log").write_text("".join(json.dumps(act) + "\n" for act in acts))
    (tmp_path / "logs" / "auth.log").write_text(LOGIN)
    return tmp_path


def test_a_draft_goes_to_standard_output(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without -o the draft is printed, nothing else is, and it is a settings file."""
    assert main(["init", "logs"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    settings = load_text(out, "vedette.yaml", today=date(2026, 11, 23))
    assert settings.networks == {"loopback": ("127.0.0.0/8", "::1/128")}
    assert "  #pods: [10.10.3.0/24]\n" in out
    assert "  #lan: [192.168.1.0/24]\n" in out
    assert (
        "  #- {actor: system:serviceaccount:traefik:traefik, rule: K3, verbs: [list], scope: cluster, reason: " in out
    )


def test_a_file_is_written_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """-o writes a new file and says what to do next; a second time it is refused before a log is read."""
    assert main(["init", "logs", "-o", "vedette.yaml"]) == 0
    written = (here / "vedette.yaml").read_text()
    assert written.startswith("# vedette.yaml, begun by `vedette init` from 4 events (3 kube_audit, 1 sshd)")
    assert capsys.readouterr().err.startswith("wrote vedette.yaml; read it")
    assert main(["init", "gone", "-o", "vedette.yaml"]) == 2
    assert capsys.readouterr().err == "vedette.yaml: exists; name another file with -o, or give --force\n"
    assert (here / "vedette.yaml").read_text() == written


def test_force_takes_the_place_of_a_file(here: Path) -> None:
    """--force overwrites, whole, and leaves nothing else behind."""
    (here / "mine.yaml").write_text("owner: me\n")
    assert main(["init", "logs", "-o", "mine.yaml", "--force"]) == 0
    assert "owner: me\n" not in (here / "mine.yaml").read_text()
    assert sorted(path.name for path in here.iterdir()) == ["logs", "mine.yaml"]


def test_a_dangling_link_is_not_written_through(here: Path) -> None:
    """A link that leads nowhere is something that is there."""
    (here / "vedette.yaml").symlink_to(here / "elsewhere")
    assert main(["init", "logs", "-o", "vedette.yaml"]) == 2
    assert not (here / "elsewhere").exists()


def test_the_written_file_is_right_by_config_check(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A draft as it stands passes the check, with notes."""
    assert main(["init", "logs", "-o", "vedette.yaml"]) == 0
    assert main(["config", "check"]) == 0
    assert capsys.readouterr().out.startswith("ok: vedette.yaml; 2 networks in 1 list; owner nobody")


def test_logs_without_events_write_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no event of a known format stands, no file is written and the code is 2."""
    (here / "other.log").write_text("hello\n")
    assert main(["init", "other.log", "-o", "vedette.yaml"]) == 2
    assert not (here / "vedette.yaml").exists()
    assert capsys.readouterr().err.startswith("no event of a known format")


def test_a_missing_log_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that is not there ends with code 2 and its name."""
    assert main(["init", "gone.log"]) == 2
    assert "gone.log" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No folder, no file; the reason is said, without a traceback."""
    assert main(["init", "logs", "-o", "gone/vedette.yaml"]) == 2
    assert capsys.readouterr().err == "gone/vedette.yaml: cannot be written: No such file or directory\n"


def test_standard_input_is_read(here: Path, root: Path) -> None:
    """A dash means standard input."""
    command = [sys.executable, "-m", "vedette", "init", "-"]
    environ = {**os.environ, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(command, input=LOGIN, capture_output=True, text=True, cwd=here, env=environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  #lan: [192.168.1.0/24]\n" in done.stdout


def test_a_hostile_user_name_cannot_add_a_key(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line end in a user name stays within its comment and its quotes."""
    hostile = {**EVENT, "user": {"username": "x\nowner: eve\n#"}, "sourceIPs": ["10.0.20.10"]}
    (here / "logs" / "audit.log").write_text(json.dumps(hostile) + "\n")
    assert main(["init", "logs"]) == 0
    out = capsys.readouterr().out
    assert load_text(out, "vedette.yaml", today=date(2026, 11, 23)).owner.name == ""
    assert "\nowner:" not in out
    assert r"x\x0aowner: eve\x0a#" in out


def test_the_file_s_mode_is_the_usual_one(here: Path) -> None:
    """--force gives the file the mode that any new file has."""
    umask = os.umask(0o027)
    try:
        assert main(["init", "logs", "-o", "a.yaml"]) == 0
        assert main(["init", "logs", "-o", "b.yaml", "--force"]) == 0
    finally:
        os.umask(umask)
    assert (here / "a.yaml").stat().st_mode & 0o777 == (here / "b.yaml").stat().st_mode & 0o777 == 0o640
