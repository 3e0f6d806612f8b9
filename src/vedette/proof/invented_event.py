"""Invented event: a plausible audit event in which certain fields hold what is wanted of them.

What is not wanted is filled in so that it goes with the rest: URL, object, bodies and answer of one request.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from vedette.event import Step
from vedette.proof.invented_request import (
    COLLECTION,
    KINDS,
    LEVELS,
    METHODS,
    READS,
    STREAMS,
    SUBRESOURCES,
    VERBS,
    Kind,
    Place,
    kind_of,
    place_of,
    unfit,
    uri_of,
)

Record = dict[str, Any]
Steps = tuple[Step, ...]
USER = "eve@example.org"
_BODIES = ("requestObject", "responseObject")
_IN_A_BODY = frozenset({*_BODIES, "objectAfter", "requestText", "auditFlags"})
_PROXIED = frozenset({"proxyPath", "proxyAction", "proxyNamespace"})
_CODES = {"done": 200, "refused": 403, "failed": 500}
_LISTS = frozenset(
    "containers initContainers ephemeralContainers volumes volumeMounts env envFrom ports rules subjects verbs "
    "resources apiGroups resourceNames nonResourceURLs args command add drop finalizers ownerReferences webhooks "
    "tolerations imagePullSecrets tls items".split()
)
"""Keys of Kubernetes objects that hold lists; `resources` of a rule of a role, not of a container."""
_HINTS = (("rules", "clusterroles"), ("subjects", "clusterrolebindings"), ("roleRef", "clusterrolebindings"))
_REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict", 422: "Invalid"}


class Impossible(Exception):
    """No event holds what is wanted; the message says why, in one clause."""

    def __init__(self, why: str, *, sure: bool) -> None:
        """`sure`: no event can; else none was found."""
        super().__init__(why)
        self.sure = sure


def made(wanted: Mapping[Steps, object], absent: AbstractSet[Steps]) -> Record:
    """The event. Raises Impossible."""
    return _Making(wanted, absent).record()


class _Making:
    def __init__(self, wanted: Mapping[Steps, object], absent: AbstractSet[Steps]) -> None:
        self.wanted = _direct(wanted)
        self.absent = absent
        self.uri = self.text("requestURI")
        self.names = [steps for steps in self.wanted if steps[0] == "objectRef"]

    def text(self, *steps: str) -> str:
        value = self.wanted.get(steps)
        return value if isinstance(value, str) else ""

    def lacks(self, *steps: str) -> bool:
        return steps in self.absent

    def record(self) -> Record:
        verb, place, kind = self._request()
        record: Record = {"kind": "Event", "apiVersion": "audit.k8s.io/v1"}
        # Only where no body is written is it a mere claim.
        claimed = self.wanted.get(("dryRunClaimed",)) is True
        record["level"] = self.text("level") or LEVELS[2 if claimed else 0]
        record["auditID"] = "5f1c7a3e-0000-4000-8000-000000000001"
        record["stage"] = self.text("stage") or (
            "ResponseStarted" if place.subresource in STREAMS else "ResponseComplete"
        )
        record["requestURI"] = self.uri or self._uri(verb, place)
        record["verb"] = verb
        code = self._code(verb, place, record["stage"])
        record["user"] = {} if code == 401 else {"username": USER, "groups": ["system:authenticated"]}
        record["sourceIPs"] = ["10.0.20.17"]
        record["userAgent"] = "kubectl/v1.34.4 (linux/amd64) kubernetes/0123abc"
        if place.resource:
            record["objectRef"] = _reference(place, kind, verb)
        if code is not None:
            record["responseStatus"] = _status(code)
        self._bodies(record, verb, place, kind, code)
        for key in ("requestReceivedTimestamp", "stageTimestamp"):
            record[key] = "2026-11-23T08:00:00.000000Z"
        if code is not None:
            decision = "forbid" if code == 403 else "allow"
            record["annotations"] = {"authorization.k8s.io/decision": decision, "authorization.k8s.io/reason": ""}
        for steps, value in self.wanted.items():
            if steps[0] not in _INNER and steps != ("objectRef", "version"):
                put(record, steps, value)
        for steps in self.absent:
            _take(record, steps)
        return record

    def _request(self) -> tuple[str, Place, Kind]:
        verb = self.text("verb")
        said = place_of(self.uri) if self.uri else Place()
        resource = self.text("objectRef", "resource") or said.resource or self._resource(verb)
        if not resource:
            return verb or "get", Place(), Kind("", "", "", namespaced=False)
        group: str | None = self.text("objectRef", "apiGroup") or said.group or None
        if self.lacks("objectRef", "apiGroup"):
            group = ""
        kind = kind_of(resource, group)
        subresource = self.text("objectRef", "subresource") or said.subresource
        if not subresource and any(steps[0] in _PROXIED for steps in self.wanted):
            subresource = "proxy"
        verb = verb or self._verb(subresource)
        wanted = self.text("objectRef", "namespace") or said.namespace
        namespace = wanted or ("default" if kind.namespaced and not self.lacks("objectRef", "namespace") else "")
        name = self.text("objectRef", "name") or said.name
        if not name and verb not in COLLECTION and not (verb == "create" and not subresource):
            name = f"{kind.kind.lower()}-1"
        if resource == "namespaces":
            namespace = name  # As RequestInfoFactory has it.
        version = self.text("objectRef", "apiVersion") or kind.version
        return verb, Place(kind.group, version, namespace, resource, name, subresource), kind

    def _resource(self, verb: str) -> str:
        """What it is about, where the rule does not say."""
        if self.uri or self.lacks("objectRef", "resource") or self.lacks("objectRef"):
            return ""
        if (subresource := self.text("objectRef", "subresource")) in SUBRESOURCES:
            return SUBRESOURCES[subresource][0]
        if any(steps[0] in _PROXIED for steps in self.wanted):
            return "nodes"
        if (group := self.text("objectRef", "apiGroup")) or self.lacks("objectRef", "namespace"):
            named = bool(self.text("objectRef", "namespace"))
            fits = (
                resource
                for resource, kinds in KINDS.items()
                for kind in kinds
                if (not group or kind.group == group)
                and (kind.namespaced or not named)
                and not (self.lacks("objectRef", "namespace") and kind.namespaced)
            )
            return next(fits, "pods")
        for steps in self.wanted:
            for key, resource in _HINTS:
                if key in steps[1:2]:
                    return resource
        about = self.names or any(steps[0] in _IN_A_BODY for steps in self.wanted)
        return "pods" if about or not verb or verb in VERBS else ""

    def _verb(self, subresource: str) -> str:
        if subresource in SUBRESOURCES:
            return SUBRESOURCES[subresource][1][0]
        if any(steps[0] in _IN_A_BODY for steps in self.wanted):
            return "create"
        return "delete" if ("dryRunClaimed",) in self.wanted else "get"

    def _uri(self, verb: str, place: Place) -> str:
        if not place.resource:
            return "/version"
        queries = {
            "list": ["limit=500"],
            "watch": ["allowWatchBookmarks=true", "watch=true"],
            "patch": ["fieldManager=kubectl-patch"],
        }.get(verb, [])
        if place.subresource in STREAMS:
            queries = ["command=sh", "container=app", "stdin=true", "stdout=true", "tty=true"]
        if self.wanted.get(("dryRun",)) is True or self.wanted.get(("dryRunClaimed",)) is True:
            queries = [*queries, "dryRun=All"]
        # What is created is named in its body.
        named = place._replace(name="") if verb == "create" and not place.subresource else place
        path = uri_of(named) + (self._behind_proxy() if place.subresource == "proxy" else "")
        return f"{path}?{'&'.join(queries)}" if queries else path

    def _behind_proxy(self) -> str:
        path = self.text("proxyPath")
        if path:
            return f"/{path.lstrip('/')}"
        parts = [self.text("proxyAction"), self.text("proxyNamespace")]
        if parts[1]:
            return f"/{parts[0] or 'exec'}/{parts[1]}/pod-1/app"
        return f"/{parts[0]}/token" if parts[0] else ""

    def _code(self, verb: str, place: Place, stage: str) -> int | None:
        code = self.wanted.get(("responseStatus", "code"))
        if isinstance(code, int):
            return code
        outcome = self.text("outcome")
        if stage == "RequestReceived" or outcome == "unknown":
            return None
        if outcome in _CODES and outcome != "done":
            return _CODES[outcome]
        if self.text("responseStatus", "status") == "Failure":
            return 403
        if place.subresource in STREAMS:
            return 101
        return 201 if verb == "create" else 200

    def _bodies(self, record: Record, verb: str, place: Place, kind: Kind, code: int | None) -> None:
        about = {"name": place.name or f"{kind.kind.lower()}-1", "namespace": place.namespace}
        whole: Record = {
            "kind": kind.kind,
            "apiVersion": f"{place.group}/{place.version}" if place.group else place.version,
            "metadata": {key: value for key, value in about.items() if value},
        }
        inside = {steps: value for steps, value in self.wanted.items() if steps[0] in _IN_A_BODY}
        sent = verb in ("create", "update", "patch") and place.subresource not in STREAMS and bool(place.resource)
        begun = record["stage"] == "RequestReceived"
        # A request that is refused is refused before its body is read, but for admission.
        unread = code in (401, 403) and not inside
        if not begun and sent and not unread and record["level"] != "Metadata":
            record["requestObject"] = _copy(whole)
        if not begun and record["level"] == LEVELS[0] and code is not None and place.resource:
            if code >= 400:
                record["responseObject"] = {"kind": "Status", "apiVersion": "v1", **_status(code)}
            elif sent or verb == "get":
                record["responseObject"] = _copy(whole)
        for steps, value in inside.items():
            _put_in_body(record, steps, value)


def _direct(wanted: Mapping[Steps, object]) -> dict[Steps, object]:
    """Derived fields as those that they come from, where it is one."""
    found: dict[Steps, object] = {}
    for steps, value in wanted.items():
        if steps[0] in ("object", "target", "rulesDigest", "via") or (steps == ("dryRunClaimed",) and value is False):
            raise Impossible(f"{steps[0]} is computed by vedette; no event is invented for it", sure=False)
        if steps[0] in ("clientIPs", "address"):
            found["sourceIPs",] = value if isinstance(value, list) else [value]
        else:
            found[steps] = value
    return found


_INNER = frozenset({*_IN_A_BODY, *_PROXIED, "outcome", "dryRun", "dryRunClaimed"})


def _put_in_body(record: Record, steps: Steps, value: object) -> None:
    if steps[0] == "objectAfter":
        for body in _BODIES:
            if isinstance(record.get(body), dict):
                put(record, (body, *steps[1:]), value)
    elif steps[0] == "requestText":
        put(record, ("requestObject", "data", "text"), value)
    elif steps[0] == "auditFlags":
        flags = value if isinstance(value, list) else [value]
        put(record, ("requestObject", "spec", "containers"), [{"name": "app", "command": ["kube-apiserver", *flags]}])
    else:
        put(record, steps, value)


def _reference(place: Place, kind: Kind, verb: str) -> Record:
    name = place.name
    if verb == "create" and not place.subresource and not name:
        name = f"{kind.kind.lower()}-1"  # The server fills it in from the body.
    found = {
        "resource": place.resource,
        "namespace": place.namespace,
        "name": name,
        "apiGroup": place.group,
        "apiVersion": place.version,
        "subresource": place.subresource,
    }
    return {key: value for key, value in found.items() if value}


def _status(code: int) -> Record:
    if code < 400:
        return {"metadata": {}, "code": code}
    reason = _REASONS.get(code, "InternalError")
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"{reason.lower()}: invented",
        "reason": reason,
        "code": code,
    }


def _copy(body: Record) -> Record:
    return {**body, "metadata": dict(body["metadata"])}


def put(root: Record, steps: Steps, value: object) -> None:
    """Set what lies at `steps`, with the objects and lists on the way; in a list its first element."""
    here: Any = root
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(here, list) and isinstance(step, str):
            if not here or not isinstance(here[0], dict):
                here[:] = [{}]
            here = here[0]
        following: Any = value if last else [] if isinstance(steps[number + 1], int) else {}
        if isinstance(step, int):
            if not isinstance(here, list):
                return
            while len(here) <= max(step, 0):
                here.append({} if isinstance(following, dict) else following)
            if last:
                here[step] = value
            here = here[step]
            continue
        if step in _LISTS and not isinstance(following, list) and not (step == "resources" and number > 3):
            following = [following]
        if last and isinstance(value, dict) and isinstance(here.get(step), list):
            here[step] = [value]
        elif last or not isinstance(here.get(step), dict | list):
            here[step] = following
        here = here[step]


def _take(root: Record, steps: Steps) -> None:
    here: Any = root
    for step in steps[:-1]:
        here = here.get(step) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here.pop(steps[-1], None)
    if steps and steps[0] == "objectAfter":
        for body in _BODIES:
            _take(root, (body, *steps[1:]))


class Fault(NamedTuple):
    """Why no API server writes an event, in one clause; nothing where one may."""

    why: str = ""
    rests_on: tuple[str, ...] = ()
    """The fields that say so, for whatever stands in the others."""


def fault(record: Record) -> Fault:
    """What of an event does not go together."""
    reference: Record = record.get("objectRef") or {}
    verb, resource, sub = str(record.get("verb")), str(reference.get("resource", "")), reference.get("subresource", "")
    if resource and verb not in VERBS:
        return Fault(
            f"a request for a resource has no verb {verb}; {unfit('verb', '')}", ("verb", "objectRef.resource")
        )
    if not resource and verb not in METHODS:
        why = f"a path that is no resource has no verb {verb}, but the HTTP method"
        return Fault(why, ("verb", "objectRef.resource"))
    if not resource and (reference or any(body in record for body in _BODIES)):
        return Fault("a path that is no resource has neither objectRef nor bodies", ("objectRef.resource",))
    said = place_of(str(record.get("requestURI")))
    if said.resource != resource and (said.resource or resource):
        return Fault(f"requestURI is not that of {resource or 'no resource'}", ("requestURI", "objectRef.resource"))
    if verb == "deletecollection" and reference.get("name"):
        return Fault("a deletecollection names no object", ("verb", "objectRef.name"))
    status: Record = record.get("responseStatus") or {}
    failing = _failing(resource, sub, verb, reference.get("namespace", "")) if status.get("code", 0) < 400 else Fault()
    if failing.why:
        return failing._replace(why=f"{failing.why} (a request of another kind fails)")
    return _body_fault(record, verb)


def _failing(resource: str, sub: str, verb: str, namespace: str) -> Fault:
    """Why such a request cannot succeed. The server writes it as it came all the same."""
    known = KINDS.get(resource, [])
    place = ("objectRef.resource", "objectRef.namespace")
    if known and namespace and resource != "namespaces" and not any(kind.namespaced for kind in known):
        return Fault(f"{resource} are in no namespace", place)
    if known and all(kind.namespaced for kind in known) and not namespace and verb not in ("list", "watch"):
        return Fault(f"{verb} {resource} names a namespace, always", ("verb", *place))
    if sub in SUBRESOURCES and verb not in SUBRESOURCES[sub][1] and sub not in ("status", "scale", "proxy"):
        return Fault(f"{resource}/{sub} has no verb {verb}", ("verb", "objectRef.resource", "objectRef.subresource"))
    return Fault()


def _body_fault(record: Record, verb: str) -> Fault:
    level, stage = record.get("level"), record.get("stage")
    if "requestObject" in record and verb in READS:
        return Fault(f"{verb} has no requestObject", ("verb",))
    for body, levels in (("requestObject", LEVELS[:2]), ("responseObject", LEVELS[:1])):
        if body in record and level not in levels:
            return Fault(f"an event at level {level} has no {body}", ("level",))
        if body in record and stage == "RequestReceived":
            return Fault(f"an event at RequestReceived has no {body} yet", ("stage",))
    if "responseStatus" in record and stage == "RequestReceived":
        return Fault("an event at RequestReceived has no responseStatus yet", ("stage",))
    return Fault()
