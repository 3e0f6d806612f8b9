"""Drills at an API server: K2, K3, K4, K5, K7 and K8 by the drill account; K10 where the settings let it be done.

The account makes another for each drill, whose name holds the mark: the actor in the alert is then nobody else's, it
opens an alert each time, and its token ends with it. What each right is for says `render/rights_drill.py`.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from vedette.alert import Alert
from vedette.clients.base import Answer, BadSecret, NoAnswer
from vedette.clients.kube import Kube, refused
from vedette.clients.reading import json_body
from vedette.drills.base import CannotDrill, Done, How, Marked, Note, Thing, name_of

SYSTEM, ROLE_SYSTEM = "kube", "kube-role"
RBAC = "rbac.authorization.k8s.io"
OUTSIDE = "192.0.2.1"
"""An address that is nobody's (RFC 5737)."""
_RIGHTS = "`vedette render rights kube-drill` prints what it needs; apply it anew"
_MERGE = "application/merge-patch+json"
_DELETES = 6
"""One more than K5 lets pass."""
_WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dmVkZXR0ZS1kcmlsbC4uLg==",
    "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}


@dataclass(frozen=True, slots=True)
class KubeGround:
    """One API server, and what was made there for drills."""

    kube: Kube
    namespace: str = "vedette-drill"
    """The drills' own; all its service accounts have the drills' rights."""
    secret: str = "vault/vedette-drill"
    """NAMESPACE/NAME of the decoy."""
    pod: str = ""
    """NAMESPACE/NAME of the own pod in a sensitive namespace; nothing: an exec is tried and refused."""
    exec_namespace: str = "kube-system"
    """The sensitive namespace in which it is tried then."""
    role: str = "vedette-drill"
    """The ClusterRole without rules that K7 fills and empties."""

    def ask(self, method: str, path: str, body: object = None, **how: Any) -> Answer:
        """As `Kube.ask`; what gives no answer is CannotDrill."""
        try:
            return self.kube.ask(method, path, body, **how)
        except (NoAnswer, BadSecret) as error:
            said = str(error) if isinstance(error, BadSecret) else f"{self.kube.server}: {error}"
            raise CannotDrill(said, "see drill: kube: in vedette.yaml") from error

    def must(self, method: str, path: str, body: object = None, *statuses: int, **how: Any) -> Any:
        """The decoded answer of a request that has to succeed. Raises CannotDrill."""
        answer = self.ask(method, path, body, **how)
        if answer.status not in (statuses or (200, 201, 202)):
            mend = _RIGHTS if answer.status in (401, 403, 404) else ""
            raise CannotDrill(f"{method} {path.partition('?')[0]}: {refused(answer)}", mend)
        return json_body(answer.body)

    def within(self, kind: str, name: str = "", *, group: str = "") -> str:
        """The path of something in the drills' namespace."""
        base = f"/apis/{group}/v1" if group else "/api/v1"
        return f"{base}/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def actor(self, mark: str) -> str:
        """The user name of a drill's own account."""
        return f"system:serviceaccount:{self.namespace}:{name_of(mark)}"

    def hand(self, mark: str) -> str:
        """Make a drill's own account; gives its token. Raises CannotDrill."""
        name = name_of(mark)
        account = {"metadata": {"name": name}, "automountServiceAccountToken": False}
        self.must("POST", self.within("serviceaccounts"), account)
        # Ten minutes are the least that an API server gives; the token ends with its account.
        asked = {"spec": {"expirationSeconds": 600}}
        answer = self.must("POST", self.within("serviceaccounts", f"{name}/token"), asked)
        token = answer.get("status", {}).get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise CannotDrill("the API server's answer to a TokenRequest has no token")
        return token


class KubeObjects:
    """Objects by path."""

    def __init__(self, ground: KubeGround) -> None:
        self._ground = ground

    def clean(self, path: str) -> None:
        """Delete it, where it is there: a delete of what is gone would only stand in the log."""
        if self.left(path):
            self._ground.must("DELETE", path, None, 200, 202, 404)

    def left(self, path: str) -> bool:
        """Whether a GET finds it."""
        answer = self._ground.ask("GET", path)
        if answer.status not in (200, 404):
            raise CannotDrill(f"GET {path}: {refused(answer)}", _RIGHTS)
        return answer.status == 200


class KubeRoles:
    """The drills' ClusterRole, which has no rules but while K7 is drilled."""

    def __init__(self, ground: KubeGround) -> None:
        self._ground = ground

    def clean(self, path: str) -> None:
        """Empty it."""
        if self.left(path):
            self._ground.must("PATCH", path, {"rules": []}, 200, content=_MERGE)

    def left(self, path: str) -> bool:
        """Whether it has rules."""
        role = self._ground.must("GET", path, None, 200)
        return bool(role.get("rules")) if isinstance(role, dict) else True


class _ByHand(Marked, abc.ABC):
    """A drill by an account of its own."""

    rule = ""
    how = How.REAL

    def __init__(self, ground: KubeGround) -> None:
        self._ground = ground

    def plan(self, mark: str) -> Sequence[str]:
        """The account first, then what it does."""
        ground, name = self._ground, name_of(mark)
        return [
            f"at {ground.kube.server}: make the service account {name} in {ground.namespace}, and a token for it",
            *(f"as {name}: {call}" for call in self.calls(mark)),
            f"delete the service account {name}, with which its token ends",
        ]

    @abc.abstractmethod
    def calls(self, mark: str) -> Sequence[str]:
        """What is done by the drill's own account."""

    def things(self, mark: str) -> Sequence[Thing]:
        """The account, and what it makes."""
        return [Thing(SYSTEM, self._ground.within("serviceaccounts", name_of(mark))), *self.made(mark)]

    def made(self, mark: str) -> Sequence[Thing]:
        """What the account makes."""
        return [Thing(SYSTEM, path) for path in self.paths(mark)]

    def paths(self, mark: str) -> Sequence[str]:  # noqa: ARG002 - of drills that make nothing
        """The objects that the account makes."""
        return []

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - all is known beforehand
        """By a new account."""
        token = self._ground.hand(mark)
        return self.deed(mark, token)

    @abc.abstractmethod
    def deed(self, mark: str, token: str) -> Done:
        """What the rule is there for."""

    def tried(self, answer: Answer, what: str, at: int, *good: int, mend: str = "") -> Done:
        """An act that was done, or refused. Raises CannotDrill for what is neither."""
        if answer.status in good or answer.status == 403:
            return Done(at, refused=answer.status == 403)
        raise CannotDrill(f"{what}: {refused(answer)}", mend)


class K2(_ByHand):
    """A service account's token used from outside, by a claim of the client's."""

    rule = "K2"

    def calls(self, mark: str) -> Sequence[str]:  # noqa: ARG002 - the account is its mark
        """One read."""
        return [f"GET /version with the header X-Forwarded-For: {OUTSIDE}"]

    def deed(self, mark: str, token: str) -> Done:  # noqa: ARG002 - as above
        """Refused requests count in full, as the rule has it."""
        at = time.time_ns()
        answer = self._ground.ask("GET", "/version", token=token, headers={"X-Forwarded-For": OUTSIDE})
        if answer.status == 401:
            raise CannotDrill(f"GET /version: {refused(answer)}")
        return Done(at)


class K3(_ByHand):
    """The decoy read, a Secret of a sensitive namespace."""

    rule = "K3"

    def _path(self) -> str:
        namespace, _, name = self._ground.secret.partition("/")
        return f"/api/v1/namespaces/{namespace}/secrets/{name}"

    def calls(self, mark: str) -> Sequence[str]:  # noqa: ARG002 - the account is its mark
        """One read."""
        return [f"GET {self._path()}, a decoy"]

    def deed(self, mark: str, token: str) -> Done:  # noqa: ARG002 - as above
        """By its name."""
        at = time.time_ns()
        answer = self._ground.ask("GET", self._path(), token=token)
        mend = f"the decoy {self._ground.secret} is not there: {_RIGHTS}" if answer.status == 404 else ""
        return self.tried(answer, f"GET {self._path()}", at, 200, mend=mend)


class K4(_ByHand):
    """A command in the drills' own pod of a sensitive namespace; without one, an exec that is refused."""

    rule = "K4"

    def _path(self, mark: str) -> str:
        namespace, _, name = self._ground.pod.partition("/")
        place = f"{namespace}/pods/{name}" if name else f"{self._ground.exec_namespace}/pods/{name_of(mark)}"
        return f"/api/v1/namespaces/{place}/exec?{urlencode({'command': 'true', 'stdout': 'true'})}"

    def calls(self, mark: str) -> Sequence[str]:
        """One exec."""
        said = "" if self._ground.pod else ", which is not there, so that it is refused: an attempt"
        return [f"GET {self._path(mark)} over a WebSocket, as kubectl exec does{said}"]

    def deed(self, mark: str, token: str) -> Done:
        """Over a WebSocket, which is closed at once."""
        path = self._path(mark)
        at = time.time_ns()
        answer = self._ground.ask("GET", path, token=token, headers=_WEBSOCKET)
        mend = f"the pod {self._ground.pod} of drill.kube.pod is not there or does not run"
        return self.tried(answer, f"exec in {self._ground.pod or self._ground.exec_namespace}", at, 101, mend=mend)


class K5(_ByHand):
    """Six own ConfigMaps deleted."""

    rule = "K5"

    def paths(self, mark: str) -> Sequence[str]:
        """The ConfigMaps."""
        return [self._ground.within("configmaps", f"{name_of(mark)}-{number}") for number in range(_DELETES)]

    def calls(self, mark: str) -> Sequence[str]:
        """Makes and deletes."""
        first, last = self.paths(mark)[0], self.paths(mark)[-1].rpartition("/")[2]
        return [f"create {_DELETES} empty ConfigMaps, {first} to {last}", f"DELETE each of the {_DELETES}"]

    def deed(self, mark: str, token: str) -> Done:
        """The last delete decides."""
        for path in self.paths(mark):
            body = {"metadata": {"name": path.rpartition("/")[2]}}
            self._ground.must("POST", self._ground.within("configmaps"), body, token=token)
        at = 0
        for path in self.paths(mark):
            at = time.time_ns()
            self._ground.must("DELETE", path, token=token)
        return Done(at)


class K7(_ByHand):
    """Every verb on every resource, of an API group that there is not, in a ClusterRole that nobody is bound to."""

    rule = "K7"

    def _path(self) -> str:
        return f"/apis/{RBAC}/v1/clusterroles/{self._ground.role}"

    def calls(self, mark: str) -> Sequence[str]:
        """Fill; the clean-up empties."""
        return [
            f"PATCH {self._path()}: every verb on every resource of the API group {mark}.invalid, which does not exist",
            f"PATCH {self._path()}: no rules, as before",
        ]

    def made(self, mark: str) -> Sequence[Thing]:  # noqa: ARG002 - the role is one for all
        """Rules in the role."""
        return [Thing(ROLE_SYSTEM, self._path())]

    def deed(self, mark: str, token: str) -> Done:
        """Filled and emptied by the same account."""
        wild = {"rules": [{"apiGroups": [f"{mark}.invalid"], "resources": ["*"], "verbs": ["*"]}]}
        at = time.time_ns()
        self._ground.must("PATCH", self._path(), wild, 200, token=token, content=_MERGE)
        self._ground.must("PATCH", self._path(), {"rules": []}, 200, token=token, content=_MERGE)
        return Done(at)


class K8(_ByHand):
    """system:anonymous bound, within the drills' namespace, to a Role that grants nothing."""

    rule = "K8"

    def paths(self, mark: str) -> Sequence[str]:
        """The binding."""
        return [self._ground.within("rolebindings", name_of(mark), group=RBAC)]

    def calls(self, mark: str) -> Sequence[str]:
        """The binding."""
        role = f"the Role {self._ground.role}-nothing, which has no rules"
        return [f"create {self.paths(mark)[0]}, which binds system:anonymous to {role}", "DELETE it"]

    def deed(self, mark: str, token: str) -> Done:
        """Made and deleted at once."""
        at = time.time_ns()
        body = _binding(name_of(mark), f"{self._ground.role}-nothing")
        body["subjects"] = [{"apiGroup": RBAC, "kind": "User", "name": "system:anonymous"}]
        self._ground.must("POST", self._ground.within("rolebindings", group=RBAC), body, token=token)
        self._ground.must("DELETE", self.paths(mark)[0], token=token)
        return Done(at)


class K10(_ByHand):
    """A server-side apply of YAML, whose event kube-apiserver before 1.37 loses; only where the settings allow it."""

    rule = "K10"

    def paths(self, mark: str) -> Sequence[str]:
        """The binding."""
        return [self._ground.within("rolebindings", name_of(mark), group=RBAC)]

    def calls(self, mark: str) -> Sequence[str]:
        """The apply."""
        nothing = f"a binding of nobody to {self._ground.role}-nothing"
        return [f"PATCH {self.paths(mark)[0]} with a body of YAML: {nothing}; its event is lost", "DELETE it"]

    def deed(self, mark: str, token: str) -> Done:
        """Applied."""
        path = f"{self.paths(mark)[0]}?fieldManager=vedette-drill"
        yaml = (
            f"apiVersion: {RBAC}/v1\nkind: RoleBinding\nmetadata: {{name: {name_of(mark)}}}\n"
            f"roleRef: {{apiGroup: {RBAC}, kind: Role, name: {self._ground.role}-nothing}}\nsubjects: []\n"
        )
        at = time.time_ns()
        self._ground.must("PATCH", path, yaml, token=token, content="application/apply-patch+yaml")
        return Done(at)

    def is_mine(self, alert: Alert, mark: str, begun: int) -> bool:
        """By the mark where its end is missed (K10.erased), or the counter's alert that began since."""
        counted = "K10" in alert.detections and alert.first_seen >= begun - 5_000_000_000
        return super().is_mine(alert, mark, begun) or counted


def _binding(name: str, role: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": role}}


REAL: Mapping[str, type[_ByHand]] = {one.rule: one for one in (K2, K3, K4, K5, K7, K8)}
"""Rule -> what does it by the drill account."""
