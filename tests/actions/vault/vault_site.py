"""A real Vault, a store and settings for `vedette action vault.…`, called as a person would."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.vault import VaultServer

from tests.actions.command_site import CommandSite
from vedette.store.visit import Visit


@dataclass
class VaultSite(CommandSite):
    """Settings and a store in `folder`, for `vault`."""

    vault: VaultServer
    folder: Path
    token: str = ""
    """Whose token vedette has; else root."""
    via: str = ""
    """Vault's address in the settings, where it is another."""
    last: str = field(default="", init=False)
    """The id that was planned last."""

    def actions(self) -> dict[str, Any]:
        """As CommandSite has it; the token is written anew each time."""
        (self.folder / "token").write_text(self.token or self.vault.root)
        return {"vault": {"address": self.via or self.vault.address, "token_file": str(self.folder / "token")}}

    def asked(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        """What Vault gives, by another way than vedette's; the whole answer. `token`: else root's."""
        status, answer = self.vault.call(method, path, body, token)
        assert status in (200, 204), (path, status, answer)
        return answer

    def made(self, **more: object) -> tuple[str, str]:
        """A fresh token and its accessor."""
        auth = self.asked("POST", "auth/token/create", {"policies": ["default"], **more})["auth"]
        return auth["client_token"], auth["accessor"]

    def lives(self, token: str) -> bool:
        """Whether Vault takes a token."""
        return self.vault.call("GET", "auth/token/lookup-self", token=token)[0] == 200

    def observed(self, kind: str, subject: str, time: str, value: object) -> None:
        """What `vedette watch` would have kept of a look."""
        with contextlib.closing(Visit(self.state, create=True)) as visit, visit.database.transaction():
            visit.progress.observe(kind, subject, time, value, snapshot=True)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[VaultServer]:
    """One node with a file audit device, for the length of a `with`."""
    server = VaultServer(folder)
    try:
        server.device("file", server.audit_log)
        yield server
    finally:
        server.stop()
