"""A real Vault on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.asking import INSIDE, ask
from lab.built import part
from lab.process import Process, free_ports

_START = 30.0
"""Seconds that a start may take on a busy machine; alone it takes half of one."""


class VaultServer:
    """One node that keeps all in memory (the minimal build has no file storage), initialised with one key and unsealed;
    its root token is `root`. Started by making one; stopped, it forgets all."""

    def __init__(self, folder: Path, listener: Mapping[str, object] | None = None) -> None:
        """`listener`: more keys of the TCP listener."""
        self.folder = folder
        self.audit_log = folder / "audit.log"
        (port,) = free_ports(1)
        self.address = f"http://127.0.0.1:{port}"
        self._port = port
        self._write(listener or {})
        self.process = Process([part("vault"), "server", "-config", folder / "vault.json"], folder)
        self.root = self.key = ""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Start, initialise and unseal a node with nothing in it."""
        self.process.start()
        self.process.wait(lambda: self.call("GET", "sys/seal-status")[0] == 200, "Vault answers", _START)
        answer = self.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})[1]
        self.key, self.root = answer["keys"][0], answer["root_token"]
        self.unseal()

    def restart(self, listener: Mapping[str, object] | None = None) -> None:
        """A node with nothing in it at the same address, with other keys of its listener."""
        self.stop()
        self._write(listener or {})
        self.start()

    def call(
        self, method: str, path: str, body: object = None, token: str | None = None, *, source: str = INSIDE
    ) -> tuple[int, Any]:
        """Status and decoded answer of one request, as `root` unless `token` says otherwise; an empty token is none.
        `source`: the address that it comes from."""
        token = self.root if token is None else token
        headers: Mapping[str, str] = {"X-Vault-Request": "true"} | ({"X-Vault-Token": token} if token else {})
        data = None if body is None else json.dumps(body).encode()
        return ask(method, f"{self.address}/v1/{path}", headers=headers, body=data, source=source)

    def token(self, name: str, policy: str) -> str:
        """A token that has the ACL policy `policy` and nothing else, not even `default`."""
        assert self.call("PUT", f"sys/policies/acl/{name}", {"policy": policy})[0] == 204
        status, answer = self.call("POST", "auth/token/create", {"policies": [name], "no_default_policy": True})
        assert status == 200, answer
        assert answer["auth"]["policies"] == [name]
        return str(answer["auth"]["client_token"])

    def device(self, name: str, path: str | os.PathLike[str]) -> None:
        """Enable a file audit device."""
        options = {"file_path": os.fspath(path)}
        status, answer = self.call("PUT", f"sys/audit/{name}", {"type": "file", "options": options})
        assert status == 204, answer

    def seal(self) -> None:
        """Seal it."""
        assert self.call("PUT", "sys/seal")[0] == 204

    def unseal(self) -> None:
        """Unseal it, and wait until it serves."""
        assert self.call("PUT", "sys/unseal", {"key": self.key})[0] == 200
        self.process.wait(lambda: self.call("GET", "sys/health")[0] == 200, "Vault is unsealed", _START)

    def stop(self) -> None:
        """End the process; a second call does nothing."""
        self.process.stop()

    def _write(self, listener: Mapping[str, object]) -> None:
        tcp = {"address": f"127.0.0.1:{self._port}", "tls_disable": True, **listener}
        settings = {
            "disable_mlock": True,
            "api_addr": self.address,
            "storage": {"inmem": {}},
            "listener": {"tcp": tcp},
        }
        (self.folder / "vault.json").write_text(json.dumps(settings))
