"""A server of authentik's schema, a store and settings for `vedette action authentik.…`, called as a person would."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.actions.authentik_server import Store
from vedette.cli import main
from vedette.store.actions import Acted, Step
from vedette.store.visit import Visit

TOKEN = "vedettes-own-token"
SESSIONS, TOKENS = "/core/authenticated_sessions/", "/core/tokens/"
REFRESH, ACCESS, CODES = (f"/oauth2/{kind}/" for kind in ("refresh_tokens", "access_tokens", "authorization_codes"))


@dataclass
class AuthentikSite:
    """Settings and a store in `folder`, for the server of `there`."""

    there: Store
    address: str
    folder: Path
    token: str = TOKEN
    last: str = field(default="", init=False)
    """The id that was planned last."""

    @property
    def state(self) -> Path:
        """The folder of the store."""
        return self.folder / "store"

    def run(self, *words: str) -> tuple[int, str, str]:
        """`vedette action …`: exit code, output, errors."""
        (self.folder / "token").write_text(self.token)
        said = {
            "watch": {"state": str(self.state)},
            "actions": {"authentik": {"server": self.address, "token_file": str(self.folder / "token")}},
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

    def checks(self) -> list[dict[str, Any]]:
        """verify what was planned last."""
        _, out, err = self.run("verify", self.last, "-o", "json")
        assert out, err
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def holds(self) -> list[bool | None]:
        """Whether each is so."""
        return [one["holds"] for one in self.checks()]

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
