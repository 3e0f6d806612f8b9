"""A real Vault, a store and settings for `vedette action vault.…`, called as a person would."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lab.vault import VaultServer

from vedette.cli import main
from vedette.store.actions import Acted, Step
from vedette.store.visit import Visit


@dataclass
class VaultSite:
    """Settings and a store in `folder`, for `vault`."""

    vault: VaultServer
    folder: Path
    token: str = ""
    """Whose token vedette has; else root."""
    via: str = ""
    """Vault's address in the settings, where it is another."""
    last: str = field(default="", init=False)
    """The id that was planned last."""

    @property
    def state(self) -> Path:
        """The folder of the store."""
        return self.folder / "store"

    def run(self, *words: str) -> tuple[int, str, str]:
        """`vedette action …`: exit code, output, errors."""
        (self.folder / "token").write_text(self.token or self.vault.root)
        said = {
            "watch": {"state": str(self.state)},
            "actions": {
                "vault": {"address": self.via or self.vault.address, "token_file": str(self.folder / "token")},
            },
        }
        config = self.folder / "vedette.yaml"
        config.write_text(yaml.safe_dump(said))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["action", words[0], "--config", str(config), *words[1:]])
        return code, out.getvalue(), err.getvalue()

    def plan(self, *words: str) -> dict[str, Any]:
        """A plan that is made, as JSON."""
        code, out, err = self.run("plan", *words, "-o", "json")
        assert code == 0, (out, err)
        found: dict[str, Any] = json.loads(out)
        self.last = found["id"] or ""
        return found

    def refused(self, *words: str) -> str:
        """What is said where no plan is made."""
        code, out, err = self.run("plan", *words)
        assert code == 2, (out, err)
        return " ".join(err.split())

    def do(self, verb: str, code: int = 0) -> str:
        """apply or undo what was planned last; what was printed, on one line."""
        got, out, err = self.run(verb, self.last, "--yes", "--by", "ann")
        assert got == code, (got, out, err)
        return " ".join((out + err).split())

    def holds(self) -> list[bool | None]:
        """verify what was planned last."""
        _, out, err = self.run("verify", self.last, "-o", "json")
        assert out, err
        return [one["holds"] for one in json.loads(out)]

    def acted(self) -> Acted:
        """The record of what was planned last."""
        with contextlib.closing(Visit(self.state)) as visit:
            found = visit.actions.get(self.last)
        assert found is not None
        return found

    def steps(self) -> list[Step]:
        """Its calls."""
        with contextlib.closing(Visit(self.state)) as visit:
            return visit.actions.steps(self.last)

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
