"""Drills that only the owner can do: K9, V7 and S1, from outside. vedette says what to type, and waits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vedette.alert import Alert
from vedette.drills.base import Done, How, Note, Thing, marked, name_of

_SLACK = 5_000_000_000
"""Nanoseconds that a server's clock may be behind."""


@dataclass(frozen=True, slots=True)
class _Asked:
    who: str
    command: str
    """`{name}` stands for the drill's name."""


_ASKED: Mapping[str, _Asked] = {
    # Every outcome counts for K9 and V7: that there is nothing under this name is no matter.
    "K9": _Asked("the owner of the cluster, with their own kubeconfig", "kubectl get --raw /{name}"),
    "V7": _Asked("the owner in Vault, with their own token", "vault read {name}/nothing"),
    "S1": _Asked("who may log in over SSH", "ssh HOST true"),
}


class Asked:
    """One of them."""

    how = How.OWNER

    def __init__(self, rule: str) -> None:
        """`rule`: one of `OWNED`."""
        self.rule = rule
        self._asked = _ASKED[rule]

    def plan(self, mark: str) -> Sequence[str]:
        """What to type, and where."""
        command = self._asked.command.format(name=name_of(mark))
        return [
            f"you are asked, as {self._asked.who}, from outside every trusted network (a telephone's hotspot will do):",
            command,
            "nothing is done by vedette, which waits for the alert",
        ]

    def things(self, mark: str) -> Sequence[Thing]:  # noqa: ARG002 - it makes nothing
        """Nothing."""
        return []

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - somebody else does it
        """From now on."""
        return Done(time.time_ns())

    def is_mine(self, alert: Alert, mark: str, begun: int) -> bool:
        """By the mark where the command has one; a login over SSH by the time."""
        return marked(alert, mark) or (self.rule == "S1" and alert.first_seen >= begun - _SLACK)

    def sign(self, mark: str) -> str:
        """The mark where the command has one."""
        return "" if self.rule == "S1" else mark

    def swallows(self, alert: Alert) -> bool:
        """Any that fired: it may be of the owner, from the same place."""
        return alert.reaction == "fire"


OWNED: Sequence[str] = tuple(_ASKED)
"""The rules."""
