"""vault.restore-policy: an ACL policy as the daemon saw it before it was changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from vedette.actions.base import Argument, Call, CannotLook, Kind, Plan, Refused
from vedette.actions.vault import VaultActions, call, quoted
from vedette.escape import shell

_NOT_OURS = ("root",)
_DIFFERENCES = 60
"""Lines of a difference that are shown."""


class RestorePolicy(VaultActions):
    """The text that was there at a time; where there was none, it is deleted."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        name = given["name"]
        if name in _NOT_OURS:
            raise Refused("the policy root has no text: nobody can change it")
        quoted(name)
        now = self._text(name)
        was, when = self._before(name, given["at"], now)
        if was == now:
            return self._planned(given, name, now, f"the policy {name} is as it was at {when}: nothing to do", [], [])
        me = self.whoami()
        if name in me.policies and was is None:
            raise Refused(f"vedette's own token has its rights by {name}", "act with another token")
        does = f"put the policy {name} back as it was seen at {when}" if was is not None else (
            f"delete the policy {name}, which was not there at {when}"
        )  # fmt: skip
        return self._planned(given, name, now, does, [self._put(name, was, now)], _difference(now, was))

    def _planned(
        self,
        given: Mapping[str, str],
        name: str,
        now: str | None,
        does: str,
        calls: list[Call],
        found: list[dict[str, str]],
    ) -> Plan:
        return Plan(
            action=KIND.name,
            given=dict(given),
            where=self.vault.server,
            does=does,
            calls=calls,
            seen={name: _digest(now)},
            breaks=["tokens that have this policy have the rights of the old text at once"] if calls else [],
            remains=["what was done by the rights of the changed text, and the token that changed it"] if calls else [],
            undo=KIND.undo,
            found=found,
        )

    def _put(self, name: str, text: str | None, now: str | None) -> Call:
        """Bring the policy to `text`; undone by bringing it to `now`."""
        path = f"sys/policies/acl/{quoted(name)}"
        back = None if now is text else self._call(path, name, now, None)
        return self._call(path, name, text, back)

    def _call(self, path: str, name: str, text: str | None, kept: Call | None) -> Call:
        expects = {
            "says": f"the policy {name} is {'not there' if text is None else 'as it was'}",
            "policy": name,
            "digest": _digest(text),
        }
        if text is None:
            command = f"vault policy delete {shell(name)}"
            return call("DELETE", path, f"delete the policy {name}", command, expects=expects, kept=kept)
        command = f"printf %s {shell(text)} | vault policy write {shell(name)} -"
        body = {"policy": text}
        return call("PUT", path, f"write the policy {name}", command, body=body, expects=expects, kept=kept)

    def holds(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """As `VaultActions.holds`; the text is the one that was wanted."""
        return _digest(self._text(str(expects["policy"]))) == expects["digest"], "it has another text"

    def _text(self, name: str) -> str | None:
        found = self.read(f"sys/policies/acl/{quoted(name)}")
        text = (found or {}).get("policy")
        return text if isinstance(text, str) else None

    def _before(self, name: str, at: str, now: str | None) -> tuple[str | None, str]:
        """Text and time of the state that is to be restored. Raises Refused, CannotLook."""
        states = self._states(name)
        if not states:
            raise CannotLook(
                f"`vedette watch` never saw the policy {name}",
                "it looks where sources.vault has a token with rights on policies; else write it from its source",
            )
        for time, value in states:
            text = value.get("policy") if isinstance(value, dict) else None
            wanted = text if isinstance(text, str) else None
            if (time < at) if at else (wanted != now):
                return wanted, time
        oldest = states[-1][0]
        if at and states[-1][1].get("absent") is None and self._new(name, oldest):
            return None, at
        raise Refused(
            f"no earlier state of the policy {name} was seen" + (f" before {at}" if at else " than the one there is"),
            f"the oldest that was kept is of {oldest}",
        )

    def _states(self, name: str) -> list[tuple[str, Any]]:
        tail = f"/v1/sys/policies/acl/{name}"
        subjects = [one for one in self.known.subjects("policy") if one.endswith(tail)]
        # One node's word first that is the one to act on; all of a cluster have the same policies.
        subjects.sort(key=lambda one: one != f"{self.vault.server}{tail}")
        return list(self.known.snapshots("policy", subjects[0])) if subjects else []

    def _new(self, name: str, oldest: str) -> bool:
        """It came after the daemon had begun to look: others were seen before."""
        tail = f"/v1/sys/policies/acl/{name}"
        mine = next(one for one in self.known.subjects("policy") if one.endswith(tail))
        base = mine.removesuffix(tail)
        others = [one for one in self.known.subjects("policy") if one.startswith(f"{base}/") and one != mine]
        firsts = [states[-1][0] for one in others if (states := self.known.snapshots("policy", one))]
        return any(first < oldest for first in firsts)


def _digest(text: str | None) -> str:
    return "absent" if text is None else sha256(text.encode()).hexdigest()


def _difference(now: str | None, was: str | None) -> list[dict[str, str]]:
    """Line by line: what goes, what comes."""
    lines = difflib.unified_diff((now or "").splitlines(), (was or "").splitlines(), "now", "then", n=2, lineterm="")
    shown = list(lines)
    rows = [{"line": one} for one in shown[:_DIFFERENCES]]
    return rows + ([{"line": f"… {len(shown) - _DIFFERENCES} more"}] if len(shown) > _DIFFERENCES else [])


KIND = Kind(
    name="vault.restore-policy",
    says="put an ACL policy back as `vedette watch` saw it before it was changed",
    arguments=(
        Argument("name", "the policy", required=True),
        Argument("at", "as it was before this time, RFC 3339; default: the last state that differs from what is there"),
    ),
    undo="what was there is written again",
    make=RestorePolicy,
)
