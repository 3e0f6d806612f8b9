"""Invented request: what kinds of requests there are to a kube-apiserver, and which an audit event can tell of.

Verbs: k8s.io/apiserver/pkg/endpoints/request (RequestInfoFactory). Resources: `kubectl api-resources` of 1.34.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from vedette.proof.audit_policy import STAGES

VERBS = ("create", "get", "list", "watch", "update", "patch", "delete", "deletecollection")
"""Of a resource."""
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "connect", "trace")
"""What stands as the verb for a path that is no resource."""
LEVELS = ("RequestResponse", "Request", "Metadata")
COLLECTION = ("list", "watch", "deletecollection")
READS = ("get", "list", "watch", "head", "options")


class Kind(NamedTuple):
    """A kind of object."""

    group: str
    version: str
    kind: str
    namespaced: bool = True


_KINDS = """
v1 Pod Secret ConfigMap Service Namespace- Node- ServiceAccount Event Endpoints PersistentVolumeClaim PersistentVolume-
v1 ReplicationController LimitRange ResourceQuota PodTemplate Binding ComponentStatus-
apps/v1 Deployment DaemonSet StatefulSet ReplicaSet ControllerRevision
batch/v1 CronJob Job
rbac.authorization.k8s.io/v1 ClusterRoleBinding- ClusterRole- RoleBinding Role
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration- ValidatingWebhookConfiguration-
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy- ValidatingAdmissionPolicyBinding-
authorization.k8s.io/v1 SelfSubjectRulesReview- SelfSubjectAccessReview- SubjectAccessReview- LocalSubjectAccessReview
authentication.k8s.io/v1 TokenReview- SelfSubjectReview-
networking.k8s.io/v1 NetworkPolicy Ingress IngressClass-
certificates.k8s.io/v1 CertificateSigningRequest-
apiextensions.k8s.io/v1 CustomResourceDefinition-
apiregistration.k8s.io/v1 APIService-
storage.k8s.io/v1 StorageClass- VolumeAttachment- CSIDriver- CSINode-
policy/v1 PodDisruptionBudget
autoscaling/v2 HorizontalPodAutoscaler
coordination.k8s.io/v1 Lease
discovery.k8s.io/v1 EndpointSlice
events.k8s.io/v1 Event
scheduling.k8s.io/v1 PriorityClass-
flowcontrol.apiserver.k8s.io/v1 FlowSchema- PriorityLevelConfiguration-
"""
"""Group and version, then kinds; with a minus what is in no namespace."""


def _plural(kind: str) -> str:
    name = kind.lower()
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return name if name == "endpoints" else f"{name}es" if name.endswith("s") else f"{name}s"


def _read_kinds() -> dict[str, list[Kind]]:
    found: dict[str, list[Kind]] = {}
    for line in _KINDS.split("\n"):
        place, *kinds = line.split() or [""]
        group, _, version = place.rpartition("/")
        for one in kinds:
            name = one.removesuffix("-")
            found.setdefault(_plural(name), []).append(Kind(group, version, name, not one.endswith("-")))
    return found


KINDS: Mapping[str, list[Kind]] = _read_kinds()
"""Resource -> its kinds; `events` are of two groups."""
GROUPS = tuple(dict.fromkeys(kind.group for kinds in KINDS.values() for kind in kinds if kind.group))
SUBRESOURCES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "exec": ("pods", ("create", "get")),
    "attach": ("pods", ("create", "get")),
    "portforward": ("pods", ("create", "get")),
    "log": ("pods", ("get",)),
    "eviction": ("pods", ("create",)),
    "binding": ("pods", ("create",)),
    "ephemeralcontainers": ("pods", ("patch", "update", "get")),
    "proxy": ("pods", ("get", "create", "update", "patch", "delete")),
    "token": ("serviceaccounts", ("create",)),
    "approval": ("certificatesigningrequests", ("update", "patch", "get")),
    "scale": ("deployments", ("update", "patch", "get")),
    "status": ("deployments", ("update", "patch", "get")),
    "finalize": ("namespaces", ("update",)),
}
"""Subresource -> a resource that has it, and the verbs that it takes."""
STREAMS = frozenset({"exec", "attach", "portforward"})
"""Subresources whose connection is upgraded: they are answered with 101."""
_NAME = re.compile(r"[^/%]{1,253}")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PLURAL = re.compile(r"[a-z]([-a-z0-9.]{0,251}[a-z0-9])?")
_GROUP = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?")

_FITS: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "verb": (lambda value: value in VERBS or value in METHODS, "the API has the verbs " + ", ".join(VERBS)),
    "level": (lambda value: value in LEVELS, "the levels of an event are " + ", ".join(LEVELS[::-1])),
    "stage": (lambda value: value in STAGES, "the stages are " + ", ".join(STAGES)),
    "kind": (lambda value: value == "Event", "it is Event"),
    "apiVersion": (lambda value: str(value).startswith("audit.k8s.io/v1"), "it is audit.k8s.io/v1"),
    "responseStatus.code": (lambda value: isinstance(value, int) and 100 <= value <= 599, "it is an HTTP code"),
    "responseStatus.status": (lambda value: value in ("Success", "Failure"), "it is Success or Failure"),
    "objectRef.resource": (
        lambda value: bool(_PLURAL.fullmatch(str(value))),
        "a resource is a plural in small letters (a request for another fails)",
    ),
    "objectRef.subresource": (
        lambda value: bool(re.fullmatch(r"[a-z][-a-z0-9/]*", str(value))),
        "a subresource is a word in small letters (a request for another fails)",
    ),
    "objectRef.namespace": (
        lambda value: bool(_LABEL.fullmatch(str(value))),
        "a namespace is a DNS label (a request for another fails)",
    ),
    "objectRef.name": (
        lambda value: bool(_NAME.fullmatch(str(value))),
        "a name is one segment of a path, without / and %",
    ),
    "objectRef.apiGroup": (lambda value: bool(_GROUP.fullmatch(str(value))), "a group is a domain without a version"),
    "requestURI": (
        lambda value: str(value).startswith("/") and " " not in str(value),
        "it begins with / and has no blank",
    ),
}
KNOWN: Mapping[str, tuple[str, ...]] = {
    "verb": (*VERBS, *METHODS),
    "level": LEVELS,
    "stage": STAGES,
    "objectRef.apiGroup": GROUPS,
    "objectRef.resource": tuple(KINDS),
    "objectRef.subresource": tuple(SUBRESOURCES),
    "objectRef.namespace": ("default", "kube-system"),
    "kind": ("Event",),
    "apiVersion": ("audit.k8s.io/v1",),
    "responseStatus.status": ("Success", "Failure"),
    "auditFlags": ("--audit-policy-file=/etc/kubernetes/audit-policy.yaml", "--audit-log-maxage=7"),
    "requestURI": ("/version",),
}
"""Field -> what may stand there, all of it or the usual; tried where a rule has a pattern."""


_AS_SENT = frozenset({"objectRef.resource", "objectRef.subresource", "objectRef.namespace"})
"""Fields that are read off the URL before anybody knows whether there is such a thing; a request that fails has any."""


def unfit(name: str, value: object, *, failing: bool = False) -> str:
    """Why no API server writes `value` into the field `name`, or nothing. `failing`: of a request that may fail."""
    fits = None if failing and name in _AS_SENT else _FITS.get(name)
    return "" if fits is None or fits[0](value) else fits[1]


class Place(NamedTuple):
    """What a URL names; all empty for a path that is no resource."""

    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""


def place_of(uri: str) -> Place:
    """The object that a request's URI names, as RequestInfoFactory reads it."""
    parts = [unquote(one) for one in uri.partition("?")[0].split("/") if one]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return Place()
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in ("finalize", "status"):
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[:3]
    return Place(group, version, namespace, resource, name, subresource)


def uri_of(place: Place) -> str:
    """The path of an object."""
    root = f"/apis/{place.group}/{place.version}" if place.group else f"/api/{place.version}"
    inside = f"/namespaces/{place.namespace}" if place.namespace and place.resource != "namespaces" else ""
    name = quote(place.name, safe=":@!$&'()*,;=")  # A role may be called `a b`.
    rest = "/".join(one for one in (place.resource, name, place.subresource) if one)
    return f"{root}{inside}/{rest}"


def kind_of(resource: str, group: str | None) -> Kind:
    """The kind of a resource in a group, or in the group that has it where None; of an unknown one a likely kind."""
    kinds = KINDS.get(resource, [])
    for kind in kinds:
        if group is None or kind.group == group:
            return kind
    named = resource.removesuffix("s").capitalize()
    return Kind(group or "", "v1", kinds[0].kind if kinds else named, not kinds or kinds[0].namespaced)
