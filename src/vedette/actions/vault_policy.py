"""vault.restore-policy: an ACL policy as the daemon saw it before it was changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from vedette.actions.base import Argument, Call, CallFailed, CannotLook, Kind, Plan, Refused
from vedette.actions.vault import VaultActions, call, moment, quoted, word
from vedette.escape import shell

_NOT_OURS = ("root",)
_ACL = "/v1/sys/policies/acl/"
_DIFFERENCES = 60
"""Lines of a difference that are shown."""


class RestorePolicy(VaultActions):
    """The text that was there at a time; where there was none, it is deleted."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        # Vault keeps names of policies in small letters; a log has them as they were asked for.
        name = given["name"].lower()
        if name in _NOT_OURS:
            raise Refused("the policy root has no text: nobody can change it")
        quoted(name)
        at = moment(given["at"]) if given["at"] else None
        now = self._text(name)
        was, when = self._before(name, at, now)
        if was == now:
            return self._planned(given, name, now, f"the policy {name} is as it was at {when}: nothing to do", [], [])
        me = self.whoami()
        own = name in me.policies
        if own and was is None:
            raise Refused(f"vedette's own token has its rights by {name}", "act with another token")
        does = f"put the policy {name} back as it was seen {when}"
        if was is None:
            does = f"delete the policy {name}, which was not there {when}"
        plan = self._planned(given, name, now, does, [self._put(name, was, now)], _difference(now, was))
        if own:
            plan.breaks.append("vedette's own token has this policy: see that the old text lets it undo this")
        return plan

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
        return self._call(path, name, text, now, self._call(path, name, now, text, None))

    def _call(self, path: str, name: str, text: str | None, before: str | None, kept: Call | None) -> Call:
        expects = {
            "before": _digest(before),
            "says": f"the policy {name} is {'not there' if text is None else 'as it was'}",
            "policy": name,
            "digest": _digest(text),
        }
        if text is None:
            command = f"vault policy delete {word(name)}"
            return call("DELETE", path, f"delete the policy {name}", command, expects=expects, kept=kept)
        command = f"printf %s {shell(text)} | vault policy write {word(name)} -"
        body = {"policy": text}
        return call("PUT", path, f"write the policy {name}", command, body=body, expects=expects, kept=kept)

    def holds(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """As `VaultActions.holds`; the text is the one that was wanted."""
        same = _digest(self._text(str(expects["policy"]))) == expects["digest"]
        return same, "" if same else "it has another text"

    def do(self, call: Call) -> str:
        """As `base.Action` has it. Vault writes whatever is there, so it is looked at in the moment before."""
        try:
            now = _digest(self._text(str(call.expects["policy"])))
        except CannotLook as error:
            raise CallFailed(str(error), error.mend) from error
        if now == call.expects["digest"]:
            return "it was found done"
        if now != call.expects["before"]:
            raise CallFailed("somebody changed it a moment ago; it is left as it is", "make a new plan")
        return super().do(call)

    def _text(self, name: str) -> str | None:
        found = self.read(f"sys/policies/acl/{quoted(name)}")
        text = (found or {}).get("policy")
        return text if isinstance(text, str) else None

    def _before(self, name: str, at: datetime | None, now: str | None) -> tuple[str | None, str]:
        """Text, and when and where it was seen, of the state that is to be restored. Raises Refused, CannotLook."""
        base, states = self._states(name)
        if not states:
            raise CannotLook(
                f"`vedette watch` never saw the policy {name}",
                "it looks where sources.vault has a token with rights on policies; else write it from its source",
            )
        for time, value in states:
            text = value.get("policy") if isinstance(value, dict) else None
            wanted = text if isinstance(text, str) else None
            if (moment(time) < at) if at else (wanted != now):
                return wanted, f"at {time}{self._elsewhere(base)}"
        oldest = states[-1][0]
        if at and states[-1][1].get("absent") is None and self._looked(base, at):
            return None, f"at {at.isoformat()}{self._elsewhere(base)}, when others were seen and it was not"
        raise Refused(
            f"no earlier state of the policy {name} was seen"
            + (f" before {at.isoformat()}" if at else " than the one there is"),
            f"the oldest that was kept is of {oldest}",
        )

    def _states(self, name: str) -> tuple[str, list[tuple[str, Any]]]:
        """Where it was seen, and its states, the latest first. Raises CannotLook."""
        tail = f"{_ACL}{name}"
        bases = [one.removesuffix(tail) for one in self.known.subjects("policy") if one.endswith(tail)]
        # The word of the node first that is acted on; all of a cluster have the same policies.
        bases.sort(key=lambda one: one != self.vault.server)
        return (bases[0], list(self.known.snapshots("policy", f"{bases[0]}{tail}"))) if bases else ("", [])

    def _elsewhere(self, base: str) -> str:
        """The daemon may know the Vault by another address, or know another Vault: a person can tell."""
        return "" if base == self.vault.server else f" at {base}"

    def _looked(self, base: str, at: datetime) -> bool:
        """Whether the daemon had looked at the policies there by then: some were seen."""
        seen = [one for one in self.known.subjects("policy") if one.startswith(f"{base}{_ACL}")]
        return any(moment(states[-1][0]) <= at for one in seen if (states := self.known.snapshots("policy", one)))


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
