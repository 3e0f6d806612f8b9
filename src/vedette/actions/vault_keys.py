"""vault.cancel-root-generation, vault.rekey, vault.seal: what concerns the keys that Vault itself is locked by.

Key shares are people's: vedette neither asks for one nor sees it. What needs them is a step by hand, which is done as
soon as it is found done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vedette.actions.base import Argument, Call, CallFailed, CannotLook, Check, Kind, Plan, Refused
from vedette.actions.vault import VaultActions, by_hand, call, mend
from vedette.clients.base import BadSecret, NoAnswer

_ATTEMPT = "sys/generate-root/attempt"
_REKEY = "sys/rekey/init"
_ROTATE = "sys/rotate/root/init"
"""The same in OpenBao from 2.4 on, which asks for a token; 2.5 answers 405 to the other, as its listener's
disable_unauthed_rekey_endpoints says (openbao.org/docs/deprecation/unauthed-rekey)."""
_WORDS = {_REKEY: "vault operator rekey", _ROTATE: "bao operator rotate-keys"}
_OFF = 405
_SAME = "the same number of shares as before"
_UNTOLD = (
    "as many shares as before: Vault will not tell a completed rekey from a cancelled one. Apply again only once the "
    "holders have the new ones, or take another number of shares"
)
_MOST = 255
"""Shares that Shamir's scheme of Vault can make."""


class KeyActions(VaultActions):
    """What they share: each looks at one of the states that Vault tells of its keys."""

    def status(self, path: str) -> Mapping[str, Any]:
        """A state. Raises CannotLook."""
        found = self.read(path) or {}
        if not {"started", "sealed", "term"} & found.keys():
            raise CannotLook(f"{self.vault.server} {path}: no state in the answer", "see that address is Vault's own")
        return found

    def is_off(self, path: str) -> bool:
        """Whether the listener does not have a path. Raises CannotLook."""
        try:
            return self.vault.ask("GET", path).status == _OFF
        except (NoAnswer, BadSecret) as error:
            raise CannotLook(f"{self.vault.server} {path}: {error}", mend(error, "")) from error

    def holds(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """As `VaultActions.holds`: no attempt under way, a new key term, sealed or not."""
        if "idle" in expects:
            started = bool(self.status(str(expects["idle"])).get("started"))
            return not started, "it is under way" if started else ""
        if "started" in expects:
            found = self.status(str(expects["started"]))
            return bool(found.get("started")), "none is under way"
        if "shares" in expects:
            return self._rekeyed(expects)
        if "term" in expects:
            term = int(self.status("sys/key-status").get("term") or 0)
            return term > expects["term"], f"the key's term is {term}"
        sealed = bool(self.status("sys/seal-status").get("sealed"))
        return sealed == expects["sealed"], "it is sealed" if sealed else "it is not sealed"

    def _rekeyed(self, expects: Mapping[str, Any]) -> tuple[bool | None, str]:
        """A rekey that was cancelled ends like one that is complete: only other numbers of shares tell them apart."""
        if self.status(str(expects["at"])).get("started"):
            return False, "it is under way"
        now = self._shares()
        if now != expects["shares"]:
            return False, f"it was cancelled: {now} shares unseal as before"
        if expects["before"] == now:
            return None, f"it is under way no more; whether it was completed or cancelled, {_SAME} does not tell"
        return True, ""

    def _shares(self) -> str:
        """`3 of 5`: how many unseal."""
        found = self.status("sys/seal-status")
        return f"{found.get('t')} of {found.get('n')}"


class CancelRootGeneration(KeyActions):
    """Ends an attempt to make a root token out of key shares."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        if self.is_off(_ATTEMPT):
            raise CannotLook(
                f"{self.vault.server} {_ATTEMPT}: HTTP {_OFF}, the listener does not have it (OpenBao from 2.5.3 on)",
                "name another listener, if there is one; where none has it, no root token can be made so",
            )
        found = self.status(_ATTEMPT)
        started = bool(found.get("started"))
        step = call(
            "DELETE",
            _ATTEMPT,
            "cancel the generation of a root token",
            "vault operator generate-root -cancel",
            expects={"says": "no generation of a root token is under way", "idle": _ATTEMPT},
        )
        progress = f"{found.get('progress')} of {found.get('required')} shares were given"
        return Plan(
            action=CANCEL.name,
            given=dict(given),
            where=self.vault.server,
            does=f"cancel the generation of a root token: {progress}"
            if started
            else "none is under way: nothing to do",
            calls=[step] if started else [],
            seen={_ATTEMPT: str(found.get("nonce") or "")},
            breaks=["whoever began it begins anew"] if started else [],
            remains=["the shares that were given: who gave them knows who asked; vault.rekey makes others"],
        )


class Rekey(KeyActions):
    """New key shares by those who hold the old ones, and a new encryption key."""

    began = False
    """In this very run, so that nobody can have given shares yet."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        shares, threshold = _number(given["shares"], 5), _number(given["threshold"], 3)
        if not 1 <= threshold <= shares or (threshold == 1 and shares > 1):
            raise Refused(f"{threshold} of {shares} shares is no threshold", "for example shares=5 threshold=3")
        if self.status("sys/seal-status").get("recovery_seal"):
            raise Refused(
                "it unseals itself: its recovery keys are not made here", "vault operator rekey -target=recovery"
            )
        at = _ROTATE if self.is_off(_REKEY) else _REKEY
        found, words = self.status(at), _WORDS[at]
        if found.get("started"):
            raise Refused("a rekey is under way already", f"{words} -status; -cancel ends it")
        term = int(self.status("sys/key-status").get("term") or 0)
        wanted, present = f"{threshold} of {shares}", self._shares()
        holders = found.get("required") or found.get("seal_threshold")
        give = by_hand(
            f"{holders} holders of the present shares give them, each on a machine of their own, and the new ones are "
            "handed out",
            words,
            {"says": f"the rekey is complete: {wanted} shares unseal", "shares": wanted, "before": present, "at": at},
        )
        return Plan(
            action=REKEY.name,
            given=dict(given),
            where=self.vault.server,
            does=f"make new key shares, {threshold} of {shares}, and a new encryption key",
            calls=[_begin(at, shares, threshold), give, _turn(term)],
            seen={at: "idle", "term": str(term), "shares": present},
            breaks=["the old shares unseal nothing any more, once the new ones are handed out"],
            remains=[
                "what is encrypted already stays readable by the old encryption key, within Vault",
                *([_UNTOLD] if wanted == present else []),
            ],
            undo=REKEY.undo,
        )

    def do(self, call: Call) -> str:
        """As `base.Action` has it. Where Vault cannot tell that people did their part, to apply again is their word."""
        if "shares" not in call.expects:
            self.began = self.began or "started" in call.expects
            return super().do(call)
        check = self.check(call)
        if check.holds is None and _SAME in check.why and not self.began:
            return "by the word of who applied this again: Vault does not tell a completed rekey from a cancelled one"
        if check.holds is False and "cancelled" in check.why:
            raise CallFailed(f"the rekey is not under way any more; {check.why}", "make a new plan")
        return super().do(call)

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it: a rekey that is under way is cancelled, one that is complete stays."""
        at = next((str(one.expects["started"]) for one in done if "started" in one.expects), "")
        found = self.status(at) if at else {}
        begun = bool(found.get("started"))
        # Vault 1.21 cancels by the attempt's nonce alone; older ones ignore it.
        cancel = call(
            "DELETE",
            at,
            "cancel the rekey",
            f"{_WORDS.get(at)} -cancel",
            body={"nonce": found.get("nonce")},
            expects={"says": "no rekey is under way", "idle": at},
        )
        left = [] if begun else ["new shares and a rotated key stay: there is no way back from them"]
        return Plan(
            action=plan.action,
            given=plan.given,
            where=plan.where,
            does="cancel the rekey" if begun else "nothing to take back",
            calls=[cancel] if begun else [],
            remains=left if done else [],
        )

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it; that it was begun says nothing once it is complete."""
        return [self.check(one) for one in plan.calls if "started" not in one.expects]


class Seal(KeyActions):
    """Nothing is served until people unseal it again."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        found = self.status("sys/seal-status")
        sealed = bool(found.get("sealed"))
        step = call(
            "PUT",
            "sys/seal",
            f"seal {self.vault.server}",
            "vault operator seal",
            expects={"says": "it is sealed", "sealed": True},
        )
        holders = f"{found.get('t')} of {found.get('n')} shares"
        auto = (
            "it unseals itself again at its next start" if found.get("recovery_seal") else f"unsealing needs {holders}"
        )
        return Plan(
            action=SEAL.name,
            given=dict(given),
            where=self.vault.server,
            does="it is sealed already: nothing to do" if sealed else f"seal Vault; {auto}",
            calls=[] if sealed else [step],
            seen={"sealed": str(sealed)},
            breaks=[] if sealed else [
                "nobody gets a secret, a token or a lease until it is unsealed; have the holders at hand first",
                "what runs and renews its leases fails when they end",
            ],
            remains=["secrets that were read; the other nodes of a cluster: one of them becomes active, seal each"],
            undo=SEAL.undo,
        )  # fmt: skip

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it: people unseal it."""
        step = by_hand(
            "the holders of the key shares unseal it, each with theirs",
            "vault operator unseal",
            {"says": "it is not sealed", "sealed": False},
        )
        open_ = self.check(step).holds
        return Plan(
            action=plan.action,
            given=plan.given,
            where=plan.where,
            does="unseal it",
            calls=[step] if done and not open_ else [],
        )


def _begin(at: str, shares: int, threshold: int) -> Call:
    return call(
        "PUT",
        at,
        f"begin a rekey to {shares} shares, of which {threshold} unseal",
        f"{_WORDS[at]} -init -key-shares={shares} -key-threshold={threshold}",
        body={"secret_shares": shares, "secret_threshold": threshold},
        expects={"says": "a rekey was begun", "started": at},
    )


def _turn(term: int) -> Call:
    return call(
        "PUT",
        "sys/rotate",
        "rotate the encryption key",
        "vault operator rotate",
        body={},
        expects={"says": f"the key's term is later than {term}", "term": term},
    )


def _number(text: str, default: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise Refused(f"{text!r} is no number of shares", f"1 to {_MOST}")
    return int(text)


CANCEL = Kind(
    name="vault.cancel-root-generation",
    says="end an attempt to make a root token out of key shares",
    arguments=(),
    undo="",
    make=CancelRootGeneration,
)
REKEY = Kind(
    name="vault.rekey",
    says="make new key shares and a new encryption key, step by step with those who hold the shares",
    arguments=(
        Argument("shares", "how many new ones; default: 5"),
        Argument("threshold", "how many of them unseal; default: 3"),
    ),
    undo="a rekey that is under way is cancelled; one that is complete stays",
    make=Rekey,
)
SEAL = Kind(
    name="vault.seal",
    says="seal Vault, so that it serves nothing",
    arguments=(),
    undo="people unseal it",
    make=Seal,
)
