"""Details: what the records of one act say that its alert does not: the words that an action is given.

Only what a record says in so many words; what it does not say has no key. Values are raw and cut at 1,024 characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from vedette.event import Event
from vedette.response.act import part, text

_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")
_REASON = re.compile(
    r'RBAC: allowed by (?:ClusterRoleBinding "(?P<wide>[^"\\/]+)"|RoleBinding "(?P<narrow>[^"\\/]+)/[^"\\/]+")'
    r' of (?:ClusterRole|Role) "(?P<role>[^"\\/]+)" to (?:User|Group|ServiceAccount) "(?:[^"\\]|\\.)*"'
)
"""plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation of kubernetes/kubernetes; no name of RBAC has a
slash. Where something else allowed it the words are other ones."""
_EXTRA = "authentication.kubernetes.io/"
_EXTRAS = {"pod": "pod-name", "pod_uid": "pod-uid", "node": "node-name", "credential": "credential-id"}
_AUTH = re.compile(r"(?P<mount>.+?)/(?:roles?|users|groups|map/.+|certs|config)/(?P<name>.+)")
"""What gives policies at a mount of an auth method; of a token role the mount is `token`."""
_ROLE = re.compile(r"(?:.+?/roles?|token/create)/(.+)")
_LOGIN = re.compile(r"(?P<mount>.+?)/(?:login(?:/[^/]+)?|oidc/callback|callback)")
_POLICY = re.compile(r"sys/(?:policy|policies/(?:acl|rgp|egp))/(.+)")
_DEVICE = re.compile(r"sys/audit/(.+)")
_HASHED = "hmac-sha256:"


def details(event: Event) -> dict[str, str]:
    """What one event says, by the names of `runbook.DETAILS`; only what has a value.

    Kubernetes: namespace and name of the object; role that allowed it, and the ClusterRoleBinding (binding) or
    RoleBinding (role_binding, in the object's namespace) that gives it; account (NAMESPACE/NAME, where the actor is a
    service account), and of its token pod, pod_uid, node, credential. Vault: accessor of the caller's token and
    made_accessor of the one that was made, both as the log has them (hashed), entity, mount and role of the auth
    method, policy, device. sshd: user, key (its fingerprint), host. What vedette saw itself: name and namespace of an
    object of RBAC, host of a file.
    """
    read = _FORMATS.get(event.format)
    return {name: value for name, value in read(event) if value} if read else {}


def details_of(events: Iterable[Event]) -> dict[str, str]:
    """What the records of one act say together; of two words for the same thing the final record's counts."""
    found: dict[str, str] = {}
    for event in sorted(events, key=lambda one: one.final):
        found.update(details(event))
    return found


def _kube(event: Event) -> Iterator[tuple[str, str]]:
    reference = part(event.fields, "objectRef")
    yield "namespace", text(reference, "namespace")
    yield "name", text(reference, "name")
    if allowed := _REASON.fullmatch(text(part(event.fields, "annotations"), "authorization.k8s.io/reason")):
        yield "binding", allowed["wide"]
        yield "role_binding", allowed["narrow"]
        yield "role", allowed["role"]
    if account := _ACCOUNT.fullmatch(event.text("actor")):
        yield "account", "/".join(account.groups())
    extra = part(part(event.fields, "user"), "extra")
    for name, key in _EXTRAS.items():
        said = extra.get(_EXTRA + key)
        # Several values are no answer.
        if isinstance(said, list) and len(said) == 1:
            yield name, text({key: said[0]}, key)


def _vault(event: Event) -> Iterator[tuple[str, str]]:
    auth, response = part(event.fields, "auth"), part(event.fields, "response")
    made, wrapped = part(response, "auth"), part(response, "wrap_info")
    yield "accessor", text(auth, "accessor")
    yield "made_accessor", text(made, "accessor") or text(wrapped, "wrapped_accessor")
    yield "entity", text(auth, "entity_id") or text(made, "entity_id")
    path = event.text("path")
    for name, pattern in (("policy", _POLICY), ("device", _DEVICE)):
        if found := pattern.fullmatch(path):
            yield name, found[1].rstrip("/")
    if path.startswith("auth/"):
        yield from _auth_method(event, path.removeprefix("auth/"))
    else:
        yield "role", _role(auth)


def _auth_method(event: Event, path: str) -> Iterator[tuple[str, str]]:
    """Mount and role of a path beneath auth/; a mount may have slashes of its own, which only the server knows."""
    mount = event.text("mount").removeprefix("auth/").rstrip("/")
    if not mount and (found := _AUTH.fullmatch(path) or _LOGIN.fullmatch(path)):
        mount = found["mount"]
    yield "mount", mount
    role = _ROLE.fullmatch(path)
    made = part(part(event.fields, "response"), "auth")
    yield "role", role[1] if role else _role(made) or _role(part(event.fields, "auth"))


def _role(auth: Mapping[str, object]) -> str:
    """The role that a login went through, as its method says; an HMAC names nothing."""
    labels = part(auth, "metadata")
    said = text(labels, "role") or text(labels, "role_name")
    return "" if said.startswith(_HASHED) else said


def _sshd(event: Event) -> Iterator[tuple[str, str]]:
    for name in ("user", "host"):
        yield name, text(event.fields, name)
    # `ED25519 SHA256:…`, and of a certificate more behind it; `user@REALM` of Kerberos is no key.
    yield "key", next((one for one in text(event.fields, "key").split()[1:2] if ":" in one), "")


def _observation(event: Event) -> Iterator[tuple[str, str]]:
    """What vedette saw itself: an object of RBAC, a file on a host."""
    kind, value = event.text("observation"), part(event.fields, "value")
    if kind == "rbac_object":
        yield "name", text(value, "name")
        yield "namespace", text(part(part(value, "object"), "metadata"), "namespace")
    elif kind == "file_hash":
        yield "host", text(event.fields, "subject").partition(":")[0]


_FORMATS: Mapping[str, Callable[[Event], Iterator[tuple[str, str]]]] = {
    "kube_audit": _kube,
    "vault_audit": _vault,
    "sshd": _sshd,
    "observation": _observation,
}
