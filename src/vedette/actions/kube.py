"""What all actions on the Kubernetes API share: looking, one change at a time, and the change that takes it back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from vedette.actions import unanswered
from vedette.actions.base import Call, CallFailed, CannotLook, Check, Known, Plan, Refused
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.kube import Kube, KubeRefused, refused
from vedette.clients.reading import json_body
from vedette.escape import shell

GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"
MERGE = "application/merge-patch+json"
SYSTEM = "the API server"
"""As a person calls it."""
Object = dict[str, Any]
"""A Kubernetes object, decoded."""

_DONE = frozenset({200, 201, 202})
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_KINDS = {
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
    "rolebindings": "RoleBinding",
    "serviceaccounts": "ServiceAccount",
    "secrets": "Secret",
    "pods": "Pod",
    "nodes": "Node",
}
_ITS_OWN = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink")
"""What the server sets; an object that is made again gets its own."""


class Who(msgspec.Struct, frozen=True):
    """Whom the API server takes vedette for."""

    username: str
    groups: tuple[str, ...]


class KubeActions:
    """Looks at and changes one API server; the actions are subclasses, each with its own `plan`."""

    def __init__(self, kube: Kube, _known: Known | None = None) -> None:
        self.kube = kube

    def close(self) -> None:
        """Let go of connections."""
        self.kube.close()

    def whoami(self) -> Who:
        """By a SelfSubjectReview, which everybody may ask for (system:basic-user). Raises CannotLook."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        found = self._asked("POST", path, body, "`create` on selfsubjectreviews.authentication.k8s.io")
        user = (found or {}).get("status", {}).get("userInfo", {})
        return Who(str(user.get("username", "")), tuple(map(str, user.get("groups", ()))))

    def read(self, path: str) -> Object | None:
        """One object; None where there is none. Raises CannotLook."""
        return self._asked("GET", path, None, f"`get` on {_resource(path)}")

    def listed(self, path: str) -> Iterator[Object]:
        """All objects of a list. Raises CannotLook."""
        try:
            for page in self.kube.pages(path):
                for raw in page:
                    yield msgspec.json.decode(raw, type=Object)
        except (NoAnswer, BadSecret, KubeRefused, msgspec.MsgspecError) as error:
            raise self._cannot(error, path, f"`list` on {_resource(path)}") from error

    def _asked(self, method: str, path: str, body: object, right: str) -> Object | None:
        try:
            answer = self.kube.ask(method, path, body)
            if answer.status == 404:
                return None
            found = json_body(answer.body)
            if answer.status not in _DONE or not isinstance(found, dict):
                raise refused(answer)
        except (NoAnswer, BadSecret, KubeRefused) as error:
            raise self._cannot(error, path, right) from error
        return found

    def _cannot(self, error: Exception, path: str, right: str) -> CannotLook:
        what = str(error) if isinstance(error, BadSecret) else f"{self.kube.server} {path.partition('?')[0]}: {error}"
        return CannotLook(what, mend(error, right))

    def do(self, call: Call) -> str:
        """As `base.Action` has it. What turns out to be so already counts as done."""
        try:
            answer = self.kube.ask(call.method, call.path, call.body, content=call.content)
        except (NoAnswer, BadSecret) as error:
            raise unanswered.failed(self.kube.server, error, SYSTEM) from error
        if answer.status in _DONE:
            return f"HTTP {answer.status}"
        why = str(refused(answer))
        if answer.status in (404, 409) and self.check(call).holds:
            return f"so already ({why})"
        known = answer.status < 500
        if answer.status == 409:
            raise CallFailed(f"changed or made anew by somebody since: {why}", "make a new plan")
        if answer.status == 404:
            raise CallFailed(f"gone since: {why}", "make a new plan")
        raise CallFailed(why, mend(refused(answer), f"`{_verb(call.method)}` on {_resource(call.path)}"), known=known)

    def check(self, call: Call) -> Check:
        """As `base.Action` has it, by the keys of `expects`: gone, lacks, unschedulable, there."""
        says = str(call.expects.get("says", call.does))
        try:
            found = self.read(str(call.expects.get("at", call.path)))
        except CannotLook as error:
            return Check(says, None, str(error))
        return Check(says, *_held(call, found))

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it."""
        return [self.check(call) for call in plan.calls]

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it: the last change first."""
        calls: list[Call] = []
        left: list[str] = []
        for call in reversed(done):
            kept = call.kept or {}
            if "subjects" in kept:
                self._subjects_back(call, kept, calls, left)
            elif "object" in kept:
                self._object_back(call, kept["object"], calls, left)
            elif "unschedulable" in kept:
                self._schedulable_back(call, bool(kept["unschedulable"]), calls, left)
        return Plan(
            action=plan.action,
            given=plan.given,
            where=self.kube.server,
            does=f"take back: {plan.does}",
            calls=calls,
            remains=left,
        )

    def _object_back(self, call: Call, kept: Object, calls: list[Call], left: list[str]) -> None:
        path = call.path.partition("?")[0]
        found = self.read(path)
        if found is None:
            calls.append(create(path.rpartition("/")[0], kept))
        elif _content(found) != _content(kept):
            left.append(f"{described(path)} was made anew by somebody, other than it was: left as it is")

    def _subjects_back(self, call: Call, kept: Object, calls: list[Call], left: list[str]) -> None:
        found = self.read(call.path)
        name, who = described(call.path), kept["subjects"][0]["name"]
        if found is None:
            left.append(f"{name} is gone: nothing to put {who} back into")
        elif found.get("roleRef") != kept["roleRef"]:
            # The name may have been taken on purpose; nobody is given rights that he did not have.
            left.append(f"{name} binds another role now: {who} is not put back")
        else:
            subjects = found.get("subjects") or []
            missing = [one for one in kept["subjects"] if one not in subjects]
            if missing:
                calls.append(patch_subjects(call.path, found, [*subjects, *missing], missing, back=True))

    def _schedulable_back(self, call: Call, was: bool, calls: list[Call], left: list[str]) -> None:
        found = self.read(call.path)
        if found is None:
            left.append(f"{described(call.path)} is gone")
        elif unschedulable(found) != was:
            calls.append(patch_node(call.path.rpartition("/")[2], unschedulable=was))


def mend(error: Exception, right: str) -> str:
    """What to do about an answer that did not come, or is a no."""
    if isinstance(error, KubeRefused) and error.status == 401:
        return "the token or certificate is not accepted: write a new one"
    if isinstance(error, KubeRefused) and error.status == 403:
        return f"grant {right}; `vedette action rights` prints all that an action needs"
    if isinstance(error, KubeRefused):
        return "see that server is an API server's own address, and what its log says"
    return unanswered.mend(error, SYSTEM)


def path_of(resource: str, name: str, namespace: str = "") -> str:
    """Where an object stands; every part quoted, so that no name reaches another object."""
    base = RBAC if resource.startswith(("cluster", "role")) else "/api/v1"
    within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{base}{within}/{resource}/{quote(name, safe='')}"


def label(what: str, text: str) -> str:
    """A name as namespaces have it. Raises Refused."""
    if not _LABEL.match(text):
        raise Refused(f"{text!r} cannot be the name of a {what}", "small letters, digits and dashes, 63 at most")
    return text


def subdomain(what: str, text: str) -> str:
    """A name as pods, nodes and service accounts have it. Raises Refused."""
    if not _SUBDOMAIN.match(text):
        raise Refused(f"{text!r} cannot be the name of a {what}", "small letters, digits, dashes and dots, 253 at most")
    return text


def segment(what: str, text: str) -> str:
    """A name as roles and bindings have it: anything that is one step of a path. Raises Refused."""
    if text in ("", ".", "..") or "/" in text or "%" in text:
        raise Refused(f"{text!r} cannot be the name of a {what}", "no / and no %")
    return text


def described(path: str) -> str:
    """An object's path as people call it: `RoleBinding web/ops`."""
    from urllib.parse import unquote

    parts = [unquote(part) for part in path.partition("?")[0].split("/")]
    kind = _KINDS.get(parts[-2], parts[-2])
    return f"{kind} {parts[-3]}/{parts[-1]}" if parts[-4] == "namespaces" else f"{kind} {parts[-1]}"


def state(found: Object | None) -> str:
    """What tells one state of an object from another: its uid and resourceVersion; `absent` where there is none."""
    if found is None:
        return "absent"
    return f"{uid(found)}@{found.get('metadata', {}).get('resourceVersion', '')}"


def uid(found: Object) -> str:
    """The same for as long as nobody makes it anew."""
    return str(found.get("metadata", {}).get("uid", ""))


def unschedulable(node: Object) -> bool:
    """Whether a node is cordoned."""
    return bool(node.get("spec", {}).get("unschedulable", False))


def clean(found: Object, kind: str = "", version: str = "") -> Object:
    """An object as it can be made again."""
    metadata = {key: value for key, value in found["metadata"].items() if key not in _ITS_OWN}
    body = {key: value for key, value in found.items() if key not in ("metadata", "status", "apiVersion", "kind")}
    head = {"apiVersion": found.get("apiVersion") or version, "kind": found.get("kind") or kind}
    return head | {"metadata": metadata} | body


def delete(path: str, found: Object, *, keep: Object | None = None, exact: bool = True) -> Call:
    """Delete what was seen and nothing that has its name since. `exact`: nor what was changed since."""
    metadata = found["metadata"]
    preconditions = {"uid": metadata["uid"]} | ({"resourceVersion": metadata["resourceVersion"]} if exact else {})
    name = described(path)
    return Call(
        method="DELETE",
        path=path,
        body={"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions},
        does=f"delete {name}",
        command=f"kubectl{_in(path)} delete {_one(path, found)}",
        # A pod or account may rightly be there anew; a role or binding of that name gives rights whoever made it.
        expects={"gone": "" if path.startswith(RBAC) else metadata["uid"], "says": f"{name} is gone"},
        kept={"object": keep} if keep is not None else None,
    )


def create(collection: str, body: Object) -> Call:
    """Make an object of which there is none."""
    path = f"{collection}/{quote(body['metadata']['name'], safe='')}"
    name = described(path)
    return Call(
        method="POST",
        path=collection,
        body=body,
        does=f"make {name}",
        command=f"printf %s {shell(json.dumps(body))} | kubectl create -f -",
        expects={"there": True, "at": path, "says": f"{name} is there"},
    )


def patch_subjects(path: str, found: Object, left: list[Object], who: list[Object], *, back: bool = False) -> Call:
    """Have a binding name `left` and nobody else, if it is still as it was seen. `who`: those of one actor that go, or
    come back."""
    body = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}, "subjects": left}
    name, actor = described(path), who[0]["name"]
    said = f"names {actor} again" if back else f"does not name {actor}"
    return Call(
        method="PATCH",
        path=path,
        body=body,
        content=MERGE,
        does=f"put {actor} back into {name}" if back else f"take {actor} out of {name}",
        command=f"kubectl{_in(path)} patch {_one(path, found)} --type=merge -p {shell(json.dumps(body))}",
        expects={"names" if back else "lacks": who, "says": f"{name} {said}"},
        kept=None if back else {"subjects": who, "roleRef": found["roleRef"]},
    )


def patch_node(name: str, *, unschedulable: bool, was: bool | None = None) -> Call:
    """Cordon a node, or end that. `was`: what undoing brings back."""
    word = "cordon" if unschedulable else "uncordon"
    return Call(
        method="PATCH",
        path=path_of("nodes", name),
        # A node's resourceVersion changes all the time; what is set does not depend on it.
        body={"spec": {"unschedulable": unschedulable}},
        content=MERGE,
        does=f"{word} Node {name}",
        command=f"kubectl {word} {shell(name)}",
        expects={
            "unschedulable": unschedulable,
            "says": f"Node {name} {'takes no new pods' if unschedulable else 'takes pods'}",
        },
        kept=None if was is None else {"unschedulable": was},
    )


def _held(call: Call, found: Object | None) -> tuple[bool, str]:
    """Whether it is as expected, and where not, how it is."""
    expects = call.expects
    if "gone" in expects:
        gone = found is None or expects["gone"] not in ("", uid(found))
        being = found is not None and bool(found["metadata"].get("deletionTimestamp"))
        return gone, "" if gone else "it is being deleted" if being else "it is still there"
    if "lacks" in expects:
        names = found is not None and any(one in (found.get("subjects") or []) for one in expects["lacks"])
        return not names, "it does" if names else ""
    if found is None:
        return False, "there is none"
    if "names" in expects:
        names = all(one in (found.get("subjects") or []) for one in expects["names"])
        return names, "" if names else "it does not"
    if "unschedulable" in expects:
        holds = unschedulable(found) == expects["unschedulable"]
        return holds, "" if holds else "it is not so"
    same = "deletionTimestamp" not in found["metadata"] and _content(found) == _content(call.body)
    return same, "" if same else "it is there, and not as it should be"


def _content(found: Object) -> Object:
    """What matters of an object that was made anew."""
    metadata = found["metadata"]
    kept = {key: metadata.get(key) or {} for key in ("labels", "annotations")}
    return {"metadata": kept} | {
        key: value for key, value in found.items() if key not in ("metadata", "apiVersion", "kind", "status", "secrets")
    }


def _in(path: str) -> str:
    from urllib.parse import unquote

    parts = path.split("/")
    return f" -n {shell(unquote(parts[-3]))}" if parts[-4] == "namespaces" else ""


def _one(path: str, found: Object) -> str:
    """RESOURCE/NAME as one word: a binding may be called --all, and must not be an option."""
    return shell(f"{path.split('/')[-2]}/{found['metadata']['name']}")


def _resource(path: str) -> str:
    """A path's resource as rights name it."""
    parts = [part for part in path.partition("?")[0].split("/") if part]
    group, rest = (parts[1], parts[3:]) if parts[0] == "apis" else ("", parts[2:])
    if len(rest) > 2 and rest[0] == "namespaces":
        rest = rest[2:]
    return f"{rest[0]}.{group}" if group else rest[0]


def _verb(method: str) -> str:
    return {"DELETE": "delete", "POST": "create", "PATCH": "patch", "GET": "get"}.get(method, method.lower())
