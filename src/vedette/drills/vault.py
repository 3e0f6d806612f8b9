"""Drills at a Vault or OpenBao: V4, V5 and V6 by the drills' token; V1, V2 and V3 where the settings let them be done.

Each has a token of its own, a child of the drills' that is called like the drill and lives for a minute: the actor in
the alert is then nobody else's. Its secret is kept nowhere; its accessor is noted, so that its end can be seen.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from vedette.clients.base import Answer, BadSecret, NoAnswer, secret
from vedette.clients.reading import json_body
from vedette.clients.vault import Vault, refused
from vedette.drills.base import CannotDrill, Done, How, Marked, Note, Thing, Unmarked, name_of

SYSTEM, TOKEN_SYSTEM, SEAL_SYSTEM = "vault", "vault-token", "vault-seal"
NOTHING = "# vedette drill: nothing is allowed"
"""The text of V4's policy; the rendered rights let no other be written."""
_LIVES = "60s"
_LOGINS = 11
"""One more than V5 lets pass."""
_RIGHTS = "`vedette render rights vault-drill` prints what it needs; write it anew"


@dataclass(frozen=True, slots=True)
class VaultGround:
    """One node, and what was made there for drills."""

    vault: Vault
    mount: str = "vedette-drill"
    """A userpass mount without users."""
    role: str = "vedette-drill"
    """A token role that grants the policy ROLE-more, which there is not."""
    admin_token_file: str = ""
    unseal_key_file: str = ""
    sealed_for: float = 2.0
    """Seconds that V3 leaves it sealed: longer than from one look of the observer's to the next."""

    def ask(self, method: str, path: str, body: object = None, token: str | None = None) -> Answer:
        """As `Vault.ask`; what gives no answer is CannotDrill."""
        try:
            return self.vault.ask(method, path, body, token=token)
        except (NoAnswer, BadSecret) as error:
            said = str(error) if isinstance(error, BadSecret) else f"{self.vault.address}: {error}"
            raise CannotDrill(said, "see drill: vault: in vedette.yaml") from error

    def must(self, method: str, path: str, body: object = None, token: str | None = None) -> Any:
        """The decoded answer of a request that has to succeed. Raises CannotDrill."""
        answer = self.ask(method, path, body, token)
        if answer.status not in (200, 204):
            raise CannotDrill(f"{method} {path}: {refused(answer)}", _RIGHTS if answer.status in (403, 404) else "")
        return json_body(answer.body)

    def admin(self) -> str:
        """The root token. Raises CannotDrill."""
        return _read(self.admin_token_file, "drill.vault.admin_token_file")

    def hand(self, mark: str, note: Note) -> str:
        """Make a token that is called like the drill, by the drills' token. Raises CannotDrill."""
        return self.made(mark, note)[0]

    def made(self, mark: str, note: Note, parent: str | None = None, **more: object) -> tuple[str, str]:
        """The same, by `parent` where it is given; gives the request's id as well."""
        asked = {"display_name": name_of(mark), "explicit_max_ttl": _LIVES, "no_default_policy": True, **more}
        answer = self.must("POST", "auth/token/create", asked, parent)
        auth = answer.get("auth") if isinstance(answer, dict) else None
        if not isinstance(auth, dict) or not auth.get("client_token"):
            raise CannotDrill("Vault's answer to auth/token/create has no token")
        note(Thing(TOKEN_SYSTEM, str(auth.get("accessor", ""))))
        return str(auth["client_token"]), str(answer.get("request_id", ""))

    def admin_name(self) -> str:
        """What the root token is called in the log. Raises CannotDrill."""
        answer = self.must("GET", "auth/token/lookup-self", None, self.admin())
        return str(answer["data"]["display_name"]) if isinstance(answer, dict) and answer.get("data") else ""


class VaultObjects:
    """Policies and audit devices by path."""

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground

    def clean(self, path: str) -> None:
        """Delete it, where it is there: a delete of what is gone would only stand in the log."""
        if self.left(path):
            self._ground.must("DELETE", path, None, self._token(path))

    def left(self, path: str) -> bool:
        """Whether a GET finds it; a device is looked for in the list."""
        if path.startswith("sys/audit/"):
            devices = self._ground.must("GET", "sys/audit", None, self._token(path))
            return isinstance(devices, dict) and f"{path.removeprefix('sys/audit/')}/" in devices.get("data", {})
        answer = self._ground.ask("GET", path)
        if answer.status not in (200, 404):
            raise CannotDrill(f"GET {path}: {refused(answer)}", _RIGHTS)
        return answer.status == 200

    def _token(self, path: str) -> str | None:
        return self._ground.admin() if path.startswith("sys/audit/") else None


class VaultTokens:
    """The drills' own tokens by accessor. They end themselves; one of a killed drill lives on for a minute at most."""

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground

    def clean(self, path: str) -> None:
        """Nothing: whoever might end any token by its accessor could end others' as well."""

    def left(self, path: str) -> bool:
        """Whether Vault still knows it."""
        answer = self._ground.ask("POST", "auth/token/lookup-accessor", {"accessor": path})
        if answer.status == 200:
            return True
        words = str(refused(answer))
        # Seen on 1.21.4, with 400; without the right it is 403 and "permission denied".
        if "invalid accessor" in words:
            return False
        raise CannotDrill(f"auth/token/lookup-accessor: {words}", _RIGHTS)


class VaultSeal:
    """The seal: what a killed drill of V3 leaves sealed is opened."""

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground

    def clean(self, path: str) -> None:  # noqa: ARG002 - there is but one
        """Unseal."""
        if self.left(""):
            key = _read(self._ground.unseal_key_file, "drill.vault.unseal_key_file")
            self._ground.must("PUT", "sys/unseal", {"key": key}, "")

    def left(self, path: str) -> bool:  # noqa: ARG002 - there is but one
        """Whether it is sealed."""
        status = self._ground.must("GET", "sys/seal-status", None, "")
        return not isinstance(status, dict) or bool(status.get("sealed", True))


class _ByHand(Marked, abc.ABC):
    """A drill by a token of its own."""

    rule = ""
    how = How.REAL

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground

    def plan(self, mark: str) -> Sequence[str]:
        """The token first, then what it does."""
        name = name_of(mark)
        return [
            f"at {self._ground.vault.address}: make a token called {name}, without any new right, for {_LIVES}",
            *(f"as {name}: {call}" for call in self.calls(mark)),
            "revoke the token, and what was made with it",
        ]

    @abc.abstractmethod
    def calls(self, mark: str) -> Sequence[str]:
        """What is done by the drill's own token."""

    def things(self, mark: str) -> Sequence[Thing]:  # noqa: ARG002 - of drills that make nothing but tokens
        """What it makes besides the token, which has no name before it is there."""
        return []

    def act(self, mark: str, note: Note) -> Done:
        """By a new token, which is ended at once."""
        token = self.maker(mark, note)
        try:
            return self.deed(mark, token)
        finally:
            # What it made ends with it.
            self._ground.must("POST", "auth/token/revoke-self", None, token)

    def maker(self, mark: str, note: Note) -> str:
        """The token."""
        return self._ground.hand(mark, note)

    @abc.abstractmethod
    def deed(self, mark: str, token: str) -> Done:
        """What the rule is there for."""


class V4(_ByHand):
    """A policy written that allows nothing."""

    rule = "V4"

    def _path(self, mark: str) -> str:
        return f"sys/policies/acl/{name_of(mark)}"

    def calls(self, mark: str) -> Sequence[str]:
        """Written and deleted."""
        return [f"PUT {self._path(mark)}: {NOTHING}", "DELETE it"]

    def things(self, mark: str) -> Sequence[Thing]:
        """The policy."""
        return [Thing(SYSTEM, self._path(mark))]

    def deed(self, mark: str, token: str) -> Done:
        """Written and deleted at once."""
        at = time.time_ns()
        self._ground.must("PUT", self._path(mark), {"policy": NOTHING}, token)
        self._ground.must("DELETE", self._path(mark), None, token)
        return Done(at)


class V6(_ByHand):
    """A token by a role that grants a policy which its maker lacks, and which there is not."""

    rule = "V6"

    def _policy(self) -> str:
        return f"{self._ground.role}-more"

    def calls(self, mark: str) -> Sequence[str]:  # noqa: ARG002 - the token is its mark
        """A token more."""
        return [f"POST auth/token/create/{self._ground.role} with the policy {self._policy()}, which does not exist"]

    def deed(self, mark: str, token: str) -> Done:  # noqa: ARG002 - as above
        """Made; refused is an attempt."""
        at = time.time_ns()
        path = f"auth/token/create/{self._ground.role}"
        answer = self._ground.ask("POST", path, {"policies": [self._policy()]}, token)
        if answer.status not in (200, 403):
            raise CannotDrill(f"POST {path}: {refused(answer)}", _RIGHTS)
        return Done(at, refused=answer.status == 403)


class V5(Unmarked):
    """Eleven logins of users who are not there, at a mount where there are none."""

    rule = "V5"
    how = How.REAL

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground

    def _path(self, mark: str, number: int) -> str:
        return f"auth/{self._ground.mount}/login/{quote(name_of(mark))}-{number}"

    def plan(self, mark: str) -> Sequence[str]:
        """The logins."""
        first = self._path(mark, 0)
        return [f"at {self._ground.vault.address}: {_LOGINS} logins that fail, POST {first} to -{_LOGINS - 1}"]

    def things(self, mark: str) -> Sequence[Thing]:  # noqa: ARG002 - it makes nothing
        """Nothing."""
        return []

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - as above
        """Another name each time: user lockout after five would change the answers."""
        at = 0
        for number in range(_LOGINS):
            path = self._path(mark, number)
            at = time.time_ns()
            answer = self._ground.ask("POST", path, {"password": "none"}, "")
            if answer.status != 400:
                mend = f"vault auth enable -path={self._ground.mount} userpass"
                raise CannotDrill(f"POST {path}: {refused(answer)}, and 400 is wanted", mend)
        return Done(at)

    def place(self) -> str:
        """All failed logins at one mount are one alert."""
        return f"auth/{self._ground.mount}/"


class V1(_ByHand):
    """A child of a root token, which is root itself, for a minute at most; only where the settings allow it."""

    rule = "V1"

    def calls(self, mark: str) -> Sequence[str]:  # noqa: ARG002 - the token is its mark
        """Both are root."""
        return [f"it is root itself, by drill.vault.admin_token_file; make another root token, for {_LIVES}"]

    def __init__(self, ground: VaultGround) -> None:
        super().__init__(ground)
        self._first = ""

    def maker(self, mark: str, note: Note) -> str:
        """Root as well, and so an alert of its own, which has the admin's name."""
        more = {"policies": ["root"], "no_default_policy": False}
        token, self._first = self._ground.made(mark, note, self._ground.admin(), **more)
        return token

    def deed(self, mark: str, token: str) -> Done:
        """The second."""
        at = time.time_ns()
        child = {"display_name": name_of(mark), "explicit_max_ttl": _LIVES}
        self._ground.must("POST", "auth/token/create", child, token)
        return Done(at, acts=(self._first,) if self._first else ())


class V2(Unmarked):
    """An audit device that writes nowhere, enabled and disabled; only where the settings allow it."""

    rule = "V2"
    how = How.REAL

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground
        self._name = ""

    def _path(self, mark: str) -> str:
        return f"sys/audit/{name_of(mark)}"

    def plan(self, mark: str) -> Sequence[str]:
        """On and off."""
        return [f"at {self._ground.vault.address}: PUT {self._path(mark)}, a file device that discards", "DELETE it"]

    def things(self, mark: str) -> Sequence[Thing]:
        """The device."""
        return [Thing(SYSTEM, self._path(mark))]

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - all is known beforehand
        """On; the clean-up takes it away."""
        body = {"type": "file", "options": {"file_path": "discard"}}
        at = time.time_ns()
        self._ground.must("PUT", self._path(mark), body, self._ground.admin())
        return Done(at)

    def place(self) -> str:
        """What the admin does with devices is one alert."""
        if not self._name:
            self._name = self._ground.admin_name()
        return self._name


class V3(Unmarked):
    """Sealed for a moment; only where the settings allow it."""

    rule = "V3"
    how = How.REAL

    def __init__(self, ground: VaultGround) -> None:
        self._ground = ground

    def plan(self, mark: str) -> Sequence[str]:  # noqa: ARG002 - there is but one seal
        """Shut and open."""
        where = self._ground.vault.address
        return [
            f"at {where}: PUT sys/seal. Nobody gets a secret there for {self._ground.sealed_for:.0f} s",
            "PUT sys/unseal with the key in drill.vault.unseal_key_file",
        ]

    def things(self, mark: str) -> Sequence[Thing]:  # noqa: ARG002 - there is but one seal
        """The seal."""
        return [Thing(SEAL_SYSTEM, self._ground.vault.address)]

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - as above
        """Sealed until the observer has looked, and open until it has looked again: both are of one alert."""
        key = _read(self._ground.unseal_key_file, "drill.vault.unseal_key_file")
        at = time.time_ns()
        self._ground.must("PUT", "sys/seal", None, self._ground.admin())
        time.sleep(self._ground.sealed_for)
        self._ground.must("PUT", "sys/unseal", {"key": key}, "")
        time.sleep(self._ground.sealed_for)
        return Done(at)

    def place(self) -> str:
        """One alert a node."""
        return self._ground.vault.address.partition("://")[2]


def _read(file: str, key: str) -> str:
    """A secret's text. Raises CannotDrill."""
    if not file:
        raise CannotDrill(f"{key} is not set", f"say {key} in vedette.yaml")
    try:
        return secret(file)
    except BadSecret as error:
        raise CannotDrill(str(error)) from error


REAL: Mapping[str, type[V4 | V5 | V6]] = {"V4": V4, "V5": V5, "V6": V6}
"""Rule -> what does it by the drills' token."""
FOR_REAL: Mapping[str, type[V1 | V2 | V3]] = {"V1": V1, "V2": V2, "V3": V3}
"""Rule -> what does it where the settings allow it."""
