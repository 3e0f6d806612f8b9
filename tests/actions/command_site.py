"""`vedette action` called as a person would: settings and a store in a folder, for one system."""

from __future__ import annotations

import abc
import contextlib
import io
import json
from pathlib import Path
from typing import Any

import yaml

from vedette.cli import main
from vedette.store.actions import Acted, Step
from vedette.store.visit import Visit


class CommandSite(abc.ABC):
    """What tests of every system need; each has its own `actions`."""

    folder: Path
    last: str
    """The id that was planned last."""

    @abc.abstractmethod
    def actions(self) -> dict[str, Any]:
        """The part `actions` of the settings."""

    @property
    def state(self) -> Path:
        """The folder of the store."""
        return self.folder / "store"

    def run(self, *words: str) -> tuple[int, str, str]:
        """`vedette action …`: exit code, output, errors."""
        config = self.folder / "vedette.yaml"
        config.write_text(yaml.safe_dump({"watch": {"state": str(self.state)}, "actions": self.actions()}))
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
        """What is said where no plan is made, on one line."""
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
        """Whether each point of it is so."""
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
