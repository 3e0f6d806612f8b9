"""Vault and OpenBao: the seal state (V3), the audit devices (V2), the policies' texts so that one can be restored.

The audit log has a policy's text only as a hash, and no word of seal and unseal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import TypeVar

from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.reading import fault_here
from vedette.clients.vault import Vault, VaultRefused, mend
from vedette.observers.base import CannotLook, Look

POLICIES_EVERY = 3600.0
"""Seconds between two readings of all policies: each text read is two lines in Vault's audit log."""
AGAIN_AFTER = 86400.0
"""Seconds after which a text that has not changed is given again."""
_MOST_POLICIES = 5_000
_RENDER = "`vedette render rights vault` prints the policy that the token needs"
_AUDIT = f'grant `path "sys/audit" {{ capabilities = ["read", "sudo"] }}`; {_RENDER}'
_LIST = f'grant `path "sys/policies/acl" {{ capabilities = ["list"] }}`; {_RENDER}'
_READ = f'grant `path "sys/policies/acl/*" {{ capabilities = ["read"] }}`; {_RENDER}'
_ADDRESS = "see that address is the node's own, without a path behind it"
_CERTIFICATES = "name in ca_file the certificates that the node's is signed by"
_T = TypeVar("_T")


class _Blind(Exception):
    """One thing that cannot be looked at, while others can."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.mend = mend


class VaultObserver:
    """Looks at one node."""

    def __init__(
        self, name: str, vault: Vault, *, every: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.every = every
        self._vault = vault
        self._clock = clock
        self._policies_due = -1.0
        self._given: dict[str, tuple[str, float]] = {}
        """Policy -> digest of the text that was given last, and when."""
        self._names: set[str] = set()

    def look(self) -> Sequence[Look]:
        """The seal state; of an open node also the audit devices and what is new of the policies. Raises CannotLook."""
        looks = [self._seal_status()]
        if looks[0].value.get("sealed") is False and self._vault.has_token:
            blind: list[tuple[str, str]] = []
            for part in (self._audit_devices, self._policies):
                try:
                    part(looks)
                except _Blind as error:
                    blind.append((str(error), error.mend))
            if blind:
                reasons = "; ".join(dict.fromkeys(reason for reason, _ in blind))
                raise CannotLook(reasons, "; ".join(dict.fromkeys(todo for _, todo in blind)), looks)
        return looks

    def again(self) -> None:
        """What was given could not be kept: give all anew with the next look."""
        self._given.clear()
        self._policies_due = -1.0

    def close(self) -> None:
        """Let go of connections."""
        self._vault.close()

    def _seal_status(self) -> Look:
        """A node that gives no answer, or only a proxy's, is unreachable; one that is not Vault is a fault of ours."""
        try:
            status = self._vault.seal_status()
        except NoAnswer as error:
            if fault_here(error):
                # Whether it is sealed cannot be told, nor whether it is the node at all.
                raise CannotLook(f"{self._vault.address}: {error}", _CERTIFICATES) from None
            return self._of("seal_status", {"reachable": False})
        except VaultRefused as error:
            if error.status >= 500:
                return self._of("seal_status", {"reachable": False})
            raise CannotLook(f"{self._vault.address} sys/seal-status: {error}", _ADDRESS) from None
        sealed = status.get("sealed")
        if not isinstance(sealed, bool):
            raise CannotLook(f"{self._vault.address} sys/seal-status: no seal state in the answer", _ADDRESS)
        value: dict[str, object] = {"sealed": sealed}
        if (cluster := status.get("cluster_id")) and isinstance(cluster, str):
            # A sealed node does not tell it, and an empty one would be another than the last.
            value["cluster_id"] = cluster
        return self._of("seal_status", value | {"reachable": True})

    def _audit_devices(self, looks: list[Look]) -> None:
        devices = {
            path: {"type": device.get("type", ""), "options": device.get("options") or {}}
            for path, device in self._asked("sys/audit", _AUDIT, self._vault.audit_devices).items()
        }
        looks.append(self._of("audit_devices", {"devices": devices}))

    def _policies(self, looks: list[Look]) -> None:
        """New ones at once, all others when their time has come; those that went since the last look."""
        now = self._clock()
        names = set(self._asked("the list of policies", _LIST, self._vault.policy_names)[:_MOST_POLICIES]) - {"root"}
        for name in sorted(self._names - names):
            self._given.pop(name, None)
            looks.append(self._policy(name, {"name": name, "absent": True}))
        fresh = names - self._given.keys()
        due = self._policies_due < 0 or now >= self._policies_due
        self._names = names
        for name in sorted(names if due else fresh):
            text = self._asked(f"policy {name}", _READ, partial(self._vault.policy, name))
            if text is None:
                continue
            digest = sha256(text.encode("utf-8", "replace")).hexdigest()
            known, given_at = self._given.get(name, ("", 0.0))
            if digest != known or now - given_at >= AGAIN_AFTER:
                self._given[name] = (digest, now)
                looks.append(self._policy(name, {"name": name, "policy": text, "sha256": digest}))
        if due:
            self._policies_due = now + POLICIES_EVERY

    def _asked(self, what: str, grant: str, ask: Callable[[], _T]) -> _T:
        """What `ask` gives; `grant` is for a refusal."""
        where = f"{self._vault.address} {what}"
        try:
            return ask()
        except BadSecret as error:
            raise _Blind(str(error), mend(error, grant)) from None
        except (NoAnswer, VaultRefused) as error:
            raise _Blind(f"{where}: {error}", mend(error, grant)) from None

    def _policy(self, name: str, value: Mapping[str, object]) -> Look:
        return Look("policy", f"{self._vault.address}/v1/sys/policies/acl/{name}", value)

    def _of(self, kind: str, value: Mapping[str, object]) -> Look:
        return Look(kind, self._vault.address, value)
