"""Lineage: where a token came from, and where it was shown, from records that name it.

Kubernetes names a token by its credential-id (`JTI=…` of a service account's token, `X509SHA256=…` of a certificate):
each request's `user.extra` has the one that was shown, and the request that made it says so in an annotation
(staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go and pkg/registry/core/serviceaccount/storage/
token.go of kubernetes/kubernetes). Vault names it by its accessor, hashed with the audit device's salt: `auth.accessor`
is the caller's, `response.auth.accessor` the one that was made. sshd names a key by its fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vedette.alert import own_address
from vedette.event import Event, Outcome
from vedette.response.act import part, text
from vedette.response.context import Step, Subject

CREDENTIAL = "authentication.kubernetes.io/credential-id"
ISSUED = "authentication.kubernetes.io/issued-credential-id"
_POD = "authentication.kubernetes.io/pod-name"
_NODE = "authentication.kubernetes.io/node-name"
_BY_ACCESSOR = "auth/token/"
_TELLING = {
    "kube_audit": (b"issued-credential-id",),
    "vault_audit": (b"wrap", b"auth/token/", b"login", b"callback"),
}
"""What stands in a record that may say more than that a token was shown once more."""
_MAKING = frozenset({"serviceaccounts/token", "pods", "pods/binding"})
MOST_PLACES = 20
"""Places at which a token was shown that are given, the earliest."""
MOST_STEPS = 60
MOST_PARENTS = 4
"""Tokens that made one another which are followed."""


def shown(event: Event) -> tuple[str, ...]:
    """What names the token, key or certificate that was shown."""
    if event.format == "kube_audit":
        return _extra(event, CREDENTIAL)
    if event.format == "vault_audit":
        accessor = text(part(event.fields, "auth"), "accessor")
        return (accessor,) if accessor else ()
    if event.format == "sshd":
        return (fingerprint,) if (fingerprint := _fingerprint(event)) else ()
    return ()


def made(event: Event) -> str:
    """What names the token that was made, where one was."""
    if event.format == "kube_audit":
        return text(part(event.fields, "annotations"), ISSUED)
    if event.format == "vault_audit":
        response = part(event.fields, "response")
        accessor = text(part(response, "auth"), "accessor")
        return accessor or text(part(response, "wrap_info"), "wrapped_accessor")
    return ""


def bound_to(event: Event) -> tuple[str, str]:
    """Pod (namespace/name) and node that the token shown is bound to; nothing where it is to none."""
    if event.format != "kube_audit":
        return "", ""
    pod, node = ("".join(_extra(event, key)[:1]) for key in (_POD, _NODE))
    account = event.text("actor").split(":")
    space = account[2] if len(account) == 4 and event.text("actor").startswith("system:serviceaccount:") else ""
    return f"{space}/{pod}" if pod and space else pod, node


def telling(form: str) -> tuple[bytes, ...]:
    """What stands in a record of a format that may say more than that a token was shown once more."""
    return _TELLING.get(form, ())


def may_tell(verb: str, kind: str) -> bool:
    """An act of this verb and kind may make a token or a pod, or name a token's accessor."""
    if verb == "create" and kind in _MAKING:
        return True
    # An answer may hold a token where the path begins so (request_handling.go of hashicorp/vault).
    return kind.startswith(("auth/", "sys/wrapping", "sys/mfa"))


class Lineage:
    """Takes whole records that name one of the tokens, or the pod that one is bound to."""

    def __init__(self, subject: Subject, event: Event | None) -> None:
        self.tokens = list(subject.tokens)
        self.pod, self.node = bound_to(event) if event is not None else ("", "")
        self.parents: dict[str, str] = {}
        """Vault: token -> the one that made it."""
        self._steps: dict[tuple[str, str], Step] = {}
        """By act and what was done: the records of one act are one step."""
        self._places: dict[tuple[str, str, str], Step] = {}
        self._shown: set[tuple[str, str]] = set()

    def knows(self, actor: str, address: str) -> bool:
        """A token was seen to be shown by him from there."""
        return (actor, address) in self._shown

    def names(self) -> list[str]:
        """What stands in every record that matters here: tokens, and the pod's name."""
        pod = self.pod.rpartition("/")[2]
        return [*self.tokens, *([pod] if pod else [])]

    def take(self, event: Event) -> None:
        """One record, at any time."""
        for token in shown(event):
            if token in self.tokens:
                self._place(token, event)
        token = made(event)
        if token in self.tokens and event.outcome is not Outcome.REFUSED:
            self._made(token, event)
        if event.format == "vault_audit":
            self._handled(event)
        if self.pod and event.format == "kube_audit":
            self._scheduled(event)

    def add(self, other: Lineage) -> None:
        """Take in what another saw of the same tokens."""
        self.parents = {**other.parents, **self.parents}
        self._steps = {**other._steps, **self._steps}
        self._shown |= other._shown
        for key, step in other._places.items():
            if key not in self._places or step.time < self._places[key].time:
                self._places[key] = step

    def given(self) -> list[Step]:
        """In the order of time: what was done with it, and where it was shown first."""
        places = sorted(self._places.values(), key=lambda one: one.time)[:MOST_PLACES]
        found = sorted([*self._steps.values(), *places], key=lambda one: (one.time, one.says))
        return found[:MOST_STEPS]

    def _place(self, token: str, event: Event) -> None:
        actor, address = event.text("actor"), own_address(event.text("address"))
        key = token, actor, address
        self._shown.add((actor, address))
        known = self._places.get(key)
        if known is None or event.time < known.time:
            says = f"{_named(token)} was shown by {actor or 'nobody named'} from {address or 'no address'}"
            if event.format == "sshd":
                says += f" at {event.text('object') or 'a host'}"
            self._places[key] = Step(event.time, f"{says}, first of what is kept", actor, address, event.act)

    def _made(self, token: str, event: Event) -> None:
        if not event.final:
            return
        if event.format == "kube_audit":
            self._step(event, "made", f"{_named(token)} was made for {_account(event)}{_for_whom(event)}")
            return
        response, request = part(event.fields, "response"), part(event.fields, "request")
        auth = part(response, "auth")
        wrapped = text(part(response, "wrap_info"), "wrapped_accessor") == token
        says = [f"{_named(token)} was made by {event.text('object')}"]
        labels = part(auth, "metadata")
        says += [f"role {role}" for key in ("role", "role_name") if (role := text(labels, key))]
        says += [f"entity {entity}" for entity in (text(auth, "entity_id"),) if entity]
        if event.settles:
            says = [f"{_named(token)} was unwrapped by {event.text('object')}"]
        elif wrapped:
            says.append("its answer wrapped")
        caller = text(part(event.fields, "auth"), "accessor")
        # A login's own entry may name the token that it made as the caller's.
        if caller and caller != token and not event.text("login") and not event.settles:
            self.parents.setdefault(token, caller)
            says.append(f"with {_named(caller)}")
        name = text(request, "mount_point")
        self._step(event, f"made {token}", ", ".join([*says, *([f"mount {name}"] if name else [])]))

    def _handled(self, event: Event) -> None:
        """A token that was renewed or revoked by its accessor: the value is hashed in the entry as the accessor is."""
        request = part(event.fields, "request")
        named = text(part(request, "data"), "accessor")
        if event.final and named in self.tokens and event.text("path").startswith(_BY_ACCESSOR):
            ended = "" if event.outcome is Outcome.DONE else f", which was {event.outcome.value}"
            self._step(event, "handled", f"{_named(named)} was named to {event.text('object')}{ended}")

    def _scheduled(self, event: Event) -> None:
        reference = part(event.fields, "objectRef")
        space, _, pod = self.pod.rpartition("/")
        here = text(reference, "namespace") == space or not space
        if not here or text(reference, "resource") != "pods" or event.text("verb") != "create" or not event.final:
            return
        if event.outcome is not Outcome.DONE:
            return
        name = event.text("object").split("/")
        if text(reference, "subresource") == "binding" and pod in name:
            self._step(event, "bound", f"pod {self.pod} was put on a node")
        elif not text(reference, "subresource") and pod in name:
            self._step(event, "created", f"pod {self.pod} was created by {event.text('actor')}")

    def _step(self, event: Event, kind: str, says: str) -> None:
        address = own_address(event.text("address"))
        who = event.text("actor") or "nobody named"
        told = f"{says}; by {who} from {address or 'no address'}"
        self._steps[event.act, kind] = Step(event.time, told, event.text("actor"), address, event.act)


def about(event: Event) -> Iterator[str]:
    """What the alert's own record says of its token: the pod and the node that it is bound to."""
    pod, node = bound_to(event)
    if pod:
        yield f"the token is bound to pod {pod}{f' on node {node}' if node else ''}"


def _named(token: str) -> str:
    return f"token {token}" if not token.startswith(("SHA256:", "MD5:")) else f"key {token}"


def _account(event: Event) -> str:
    reference = part(event.fields, "objectRef")
    return f"{text(reference, 'namespace')}/{text(reference, 'name')}"


def _for_whom(event: Event) -> str:
    """The pod that the token is bound to, where the request's body is in the log."""
    bound = part(part(part(event.fields, "requestObject"), "spec"), "boundObjectRef")
    kind, name = text(bound, "kind"), text(bound, "name")
    return f", bound to {kind} {name}" if kind and name else ""


def _extra(event: Event, key: str) -> tuple[str, ...]:
    extra: Mapping[str, object] = part(part(event.fields, "user"), "extra")
    values = extra.get(key)
    return tuple(_texts(values)) if isinstance(values, list) else ()


def _texts(values: Iterable[object]) -> Iterator[str]:
    return (one for one in values if isinstance(one, str) and one)


def _fingerprint(event: Event) -> str:
    """Of a key: `ED25519 SHA256:…`, with a certificate's id and CA behind it perhaps."""
    key = event.text("key")
    return next((word for word in key.split() if word.startswith(("SHA256:", "MD5:"))), "")
