"""What sshd's log says of a site: who logged in, from where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vedette.event import Event
from vedette.survey.addresses import plain
from vedette.survey.tables import LONGEST, Names, Table


class Login:
    """One user from one address."""

    __slots__ = ("count", "methods")

    def __init__(self) -> None:
        self.count = 0
        self.methods = Names()


class SshdSurvey:
    """A table filled line by line."""

    def __init__(self) -> None:
        self.logins: Table[tuple[str, str], Login] = Table(Login)
        """(user, address)"""

    def tables(self) -> Sequence[Table[Any, Any]]:
        """Every table, to see whether one was full."""
        return (self.logins,)

    def add(self, event: Event) -> None:
        """Count one line in; only accepted logins say who belongs here."""
        user, address = event.text("user"), plain(event.text("address"))
        if event.text("event") != "accepted" or address is None or len(user) > LONGEST:
            return
        login = self.logins.row((user, address))
        if login:
            login.count += 1
            login.methods.add(event.text("method"))
