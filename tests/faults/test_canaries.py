"""Secrets in every place where one can stand are found in no message, no log, no metric and not in the database."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.loopback import Loopback, Reply

from tests.faults.feeding import event_list, free_port
from tests.faults.inputs import LOG_NAMES, recorded, settings, write_all
from tests.faults.outcome import plain, records
from tests.scans import ROOT
from tests.serving.client import post

_CANARY = "cAnArY"
_DEADLINE = 60.0


def secret(place: str) -> str:
    """A secret that says where it stood."""
    return f"{_CANARY}-{place}-4f1d"


def _kube(line: bytes) -> bytes:
    """An audit event with Secret data in what was asked and answered."""
    event = json.loads(line)
    for name in ("requestObject", "responseObject"):
        found: dict[str, Any] = event.get(name) if isinstance(event.get(name), dict) else {}
        found["data"] = {"password": secret(f"{name}.data")}
        found["stringData"] = {"password": secret(f"{name}.stringData")}
        metadata = found.setdefault("metadata", {})
        if isinstance(metadata, dict):
            applied = "kubectl.kubernetes.io/last-applied-configuration"
            metadata["annotations"] = {applied: secret(f"{name}.applied")}
        event[name] = found
    return json.dumps(event).encode() + b"\n"


def _vault(line: bytes) -> bytes:
    """An audit entry as `log_raw` writes it."""
    entry = json.loads(line)
    request = entry["request"]
    request["client_token"] = secret("request.client_token")
    request["headers"] = {"authorization": [f"Bearer {secret('headers')}"], "x-vault-token": [secret("header")]}
    request["data"] = {**(request.get("data") or {}), "password": secret("request.data")}
    if isinstance(entry.get("auth"), dict):
        entry["auth"]["client_token"] = secret("auth.client_token")
    if isinstance(entry.get("response"), dict):
        response = entry["response"]
        response["data"] = {**(response.get("data") or {}), "password": secret("response.data")}
        response.setdefault("wrap_info", {"ttl": 60, "accessor": "a"})["token"] = secret("wrap_info")
        if isinstance(response.get("auth"), dict):
            response["auth"]["client_token"] = secret("response.auth")
    return json.dumps(entry).encode() + b"\n"


def _logs() -> dict[str, list[bytes]]:
    broken = [
        f'{{"kind":"Event","apiVersion":"audit.k8s.io/v1","requestObject":{{"data":"{secret("cut")}'.encode() + b"\n",
        f"password={secret('garbage')}\n".encode(),
    ]
    return {
        "kube": [*map(_kube, recorded("kube")), *broken],
        "vault": [*map(_vault, recorded("vault")), *broken],
        "ssh": [*recorded("ssh"), *broken],
    }


def _written(folder: Path, name: str) -> Path:
    """A file that holds a secret of its own."""
    path = folder / name
    path.write_text(secret(name), "utf-8")
    path.chmod(0o600)
    return path


class Scene:
    """A watcher with everything that takes a secret, of whose sinks none is well at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wrong: Reply | None = Reply(500, b"oops")
        self.far = Loopback(lambda _asked: self.wrong or Reply(200, b'{"ok": true, "ts": "1.1", "channel": "C1"}'))
        self.port, self.listen = free_port(), free_port()
        url = folder / "hook-url"
        url.write_text(f"{self.far.url}/{secret('hook-url')}", "utf-8")
        gone = folder / "gone-url"
        gone.write_text(f"http://127.0.0.1:{free_port()}/{secret('gone-url')}", "utf-8")
        sinks = (
            f"  webhook:\n    - {{name: hook, listen: '127.0.0.1:{self.port}', token_file: {_written(folder, 'in')}}}\n"
            f"sinks:\n  alertmanager:\n    - {{name: am, urls: ['{self.far.url}'], token_file: {_written(folder, 'am')}}}\n"
            f"  slack:\n    - {{name: slack, token_file: {_written(folder, 'bot')}, channel: C1, api_url: '{self.far.url}/api'}}\n"
            f"    - {{name: incoming, webhook_url_file: {gone}}}\n"
            f"  webhook:\n    - {{name: out, url_file: {url}, secret_file: {_written(folder, 'hmac')}}}\n"
            f"  file:\n    - {{name: told, path: {folder}/told.jsonl}}\n"
        )
        beat = f"  listen: 127.0.0.1:{self.listen}\n  heartbeat: {{url_file: {gone}, every: 1s}}\n"
        self.config = settings(folder, more=sinks, watch=beat)
        write_all(folder / "logs", _logs())

    def run(self) -> bytes:
        """A life over all of it, fed through files, webhook and a pipe; what it printed, and what it answered."""
        command = [sys.executable, "-m", "vedette", "watch", "--config", str(self.config), "-o", "jsonl", "-"]
        stdin = b"".join(_logs()["kube"][:100])
        with subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdin is not None
            process.stdin.write(stdin)
            process.stdin.close()
            process.stdin = None
            try:
                self._wait(lambda: records(self.folder, LOG_NAMES) >= sum(map(len, _logs().values())))
                headers = {"Authorization": f"Bearer {secret('in')}", "Content-Type": "application/json"}
                assert post(self.port, event_list([*map(_kube, recorded("kube")[:50])]), headers).status == 200
                bad = {"Authorization": f"Bearer {secret('in')}x"}
                assert post(self.port, b"{}", bad).status == 401
                self._wait(lambda: records(self.folder, ["hook"]) >= 50)
                answers = self._answers()
                self.wrong = None
                self._wait(lambda: any(asked.path.startswith("/api/v2") for asked in self.far.asked))
                answers += self._answers()
            finally:
                process.terminate()
                printed, _ = process.communicate(timeout=_DEADLINE)
        assert process.returncode == 0, printed.decode("utf-8", "replace")[-2000:]
        return printed + answers

    def _answers(self) -> bytes:
        found = b""
        for path in ("metrics", "readyz", "livez"):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.listen}/{path}", timeout=10) as answer:
                    found += answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    found += error.read()
        return found

    @staticmethod
    def _wait(condition: Any) -> None:
        end = time.monotonic() + _DEADLINE
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.05)

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """Everything outside of evidence, spool and quarantine that it wrote."""
        for path in sorted((self.folder / "state").iterdir()):
            if path.is_file():
                yield path.name, path.read_bytes()
        yield "told.jsonl", (self.folder / "told.jsonl").read_bytes()
        for number, asked in enumerate(self.far.asked):
            yield f"request {number}", asked.body
        for more in (["list", "-o", "jsonl"], ["list"]):
            command = [sys.executable, "-m", "vedette", "alerts", *more, "--config", str(self.config)]
            yield f"alerts {more}", subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Set, and its far end closed afterwards."""
    found = Scene(tmp_path)
    try:
        yield found
    finally:
        found.far.close()


def test_no_secret_leaves_the_evidence(scene: Scene) -> None:
    """Secret data, raw tokens, token files, secret URLs and keys; through files, webhook, pipe and quarantine."""
    kept = {"printed and answered": scene.run(), **dict(scene.kept())}
    assert len(kept["alerts ['list', '-o', 'jsonl']"].splitlines()) > 20
    assert any(name.startswith("request") for name in kept)
    found = {
        name: data[max(0, at - 80) : at + 60] for name, data in kept.items() if (at := data.find(_CANARY.encode())) >= 0
    }
    assert found == {}


def test_what_holds_secrets_is_for_its_owner_alone(scene: Scene) -> None:
    """Evidence, spool and quarantine do hold them, so that nobody else may read or enter them, nor the database."""
    scene.run()
    state = scene.folder / "state"
    assert _CANARY.encode() in plain(state / "evidence" / "kube")
    assert secret("garbage").encode() in plain(state / "quarantine")
    assert _CANARY.encode() in plain(state / "spool" / "hook")
    for path in [state, *state.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert not mode & 0o077 or path.name == "ballast", f"{path.name} {mode:o}"
