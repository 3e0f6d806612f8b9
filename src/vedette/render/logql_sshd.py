"""How a template finds the fields of a line of sshd."""

from __future__ import annotations

from vedette.render.logql_fields import Found, Record, Steps
from vedette.render.logql_template import CannotRender


class SshdFields:
    """A line of the OpenSSH server."""

    guard = "true"
    server_texts = frozenset[str]()

    def __init__(self, record: Record) -> None:
        """Of one line."""
        self.record = record
        raise CannotRender("not yet")

    def final(self) -> str:
        """A line stands for itself."""
        return "true"

    completed = final

    def outcome(self) -> str:
        """The variable with the outcome."""
        return '"done"'

    def awaits(self) -> str:
        """Nothing."""
        return ""

    def field(self, steps: Steps) -> Found:
        """Where the field stands."""
        raise CannotRender(str(steps))
