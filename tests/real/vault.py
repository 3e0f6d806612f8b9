"""A real Vault on an ephemeral loopback port, for as long as a test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vedette.clients.base import Http, NoAnswer

_START = 30.0
"""Seconds that a start may take on a busy machine; alone it takes half of one."""


def part(name: str) -> Path:
    """The built server `name`; the test is skipped where it is absent."""
    folder = Path(
        os.environ.get("VEDETTE_PARTS")
        or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedette-parts" / "bin"
    )
    if not os.access(folder / name, os.X_OK):
        pytest.skip(f"no {name} among the built parts (lab/README.md says how to build it; or set VEDETTE_PARTS)")
    return folder / name


class VaultServer:
    """One node that keeps all in memory (the minimal build has no file storage), initialised with one key and unsealed; its root token is `root`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.audit_log = folder / "audit.log"
        self._binary = part("vault")
        self._http = Http(timeout=10)
        self._process: subprocess.Popen[bytes] | None = None
        self.root = self.key = ""
        self._begin()

    def call(self, method: str, path: str, body: object = None, token: str | None = None) -> tuple[int, Any]:
        """Status and decoded answer of one request, as `root` unless `token` says otherwise."""
        headers: Mapping[str, str] = {"X-Vault-Request": "true", "X-Vault-Token": self.root if token is None else token}
        answer = self._http.request(
            method,
            f"{self.address}/v1/{path}",
            headers=headers,
            body=None if body is None else json.dumps(body).encode(),
        )
        return answer.status, json.loads(answer.body or b"null")

    def token(self, name: str, policy: str) -> str:
        """A token that has the ACL policy `policy` and nothing else, not even `default`."""
        assert self.call("PUT", f"sys/policies/acl/{name}", {"policy": policy})[0] == 204
        status, answer = self.call("POST", "auth/token/create", {"policies": [name], "no_default_policy": True})
        assert status == 200, answer
        assert answer["auth"]["policies"] == [name]
        return str(answer["auth"]["client_token"])

    def seal(self) -> None:
        """Seal it."""
        assert self.call("PUT", "sys/seal")[0] == 204

    def unseal(self) -> None:
        """Unseal it, and wait until it serves."""
        assert self.call("PUT", "sys/unseal", {"key": self.key})[0] == 200
        self._await(lambda: self.call("GET", "sys/health")[0] == 200)

    def stop(self) -> None:
        """End the process; a second call does nothing."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._http.close()

    def _begin(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        config = self.folder / "vault.json"
        listener = {"address": f"127.0.0.1:{port}", "tls_disable": True}
        config.write_text(
            json.dumps(
                {
                    "disable_mlock": True,
                    "api_addr": self.address,
                    "storage": {"inmem": {}},
                    "listener": {"tcp": listener},
                }
            )
        )
        with (self.folder / "vault.log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._binary, "server", "-config", str(config)],
                stdout=log,
                stderr=log,
                env={"HOME": str(self.folder), "PATH": os.environ["PATH"]},
            )
        try:
            self._await(lambda: self.call("GET", "sys/seal-status")[0] == 200)
            answer = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})[1]
            self.key, self.root = answer["keys"][0], answer["root_token"]
            self.unseal()
        except BaseException:
            self.stop()
            raise

    def _await(self, condition: Any) -> None:
        """Wait until `condition()` holds."""
        end = time.monotonic() + _START
        while True:
            try:
                if condition():
                    return
            except NoAnswer:
                pass
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "vault.log").read_text()
            assert time.monotonic() < end, (self.folder / "vault.log").read_text()
            time.sleep(0.05)
