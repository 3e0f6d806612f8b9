"""What a Kubernetes API audit event (audit.k8s.io v1 and v1beta1) can say."""

from __future__ import annotations

from vedette.event import Values
from vedette.schema import Field, FieldType, Schema

_T, _N, _B, _L, _O = FieldType.TEXT, FieldType.NUMBER, FieldType.BOOL, FieldType.TEXTS, FieldType.OBJECT

WRITES = frozenset({"create", "update", "patch"})
"""The verbs that leave an object behind."""
DELETES = frozenset({"delete", "deletecollection"})
_PROXY = ("objectRef.subresource",)


def _glance_proxy(subresource: object) -> Values:
    """Only a request to the subresource proxy has a proxied path."""
    return Values((), complete=subresource != "proxy")


def _glance_after(verb: object) -> Values:
    """Only a write makes something of an object."""
    return Values((), complete=verb not in WRITES)


def _glance_claimed(verb: object) -> Values:
    """Only deletes take their options from a body."""
    return Values((), complete=False) if verb in DELETES else Values((False,), complete=True)


_EVENT = (
    Field("kind", _T, "Always Event where present; items cut out of an EventList carry none."),
    Field("apiVersion", _T, "audit.k8s.io/v1 or audit.k8s.io/v1beta1; absent in items of an EventList."),
    Field("level", _T, "Metadata, Request or RequestResponse: how much the audit policy lets be written.", warm=True),
    Field("auditID", _T, "The request's id, the same at each stage; a client may choose it (header Audit-ID)."),
    Field("stage", _T, "RequestReceived, ResponseStarted, ResponseComplete or Panic.", hot=True),
    Field("requestURI", _T, "Path and query as the client sent them, percent-encoding kept.", warm=True),
    Field("verb", _T, "The API verb, or the HTTP method in lower case for a URL that is no resource.", hot=True),
    Field("userAgent", _T, "What the client says it is; free to forge.", warm=True),
    Field(
        "sourceIPs",
        FieldType.ADDRESSES,
        "X-Forwarded-For, X-Real-Ip, then the peer: only the last is no claim of the client.",
        hot=True,
    ),
    Field("annotations", _O, "The API server's own remarks by key, such as authorization.k8s.io/decision."),
    Field("requestReceivedTimestamp", _T, "When the request arrived, RFC 3339 with microseconds."),
    Field("stageTimestamp", _T, "When the stage was reached, RFC 3339 with microseconds."),
    Field("timestamp", _T, "v1beta1 only: when the event was made."),
)
_USER = (
    Field("user.username", _T, "Who authenticated; absent after a 401.", hot=True),
    Field("user.uid", _T, "The user's id as the authenticator gives it."),
    Field("user.groups", _L, "The groups the authenticator gives.", warm=True),
    Field("user.extra", _O, "Further words of the authenticator, lists of texts by key."),
    Field("impersonatedUser.username", _T, "Whom the user acts as (header Impersonate-User).", hot=True),
    Field("impersonatedUser.uid", _T, "The impersonated user's id."),
    Field(
        "impersonatedUser.groups", _L, "The groups acted as (header Impersonate-Group, or those that go with the name)."
    ),
    Field("impersonatedUser.extra", _O, "Further words of the impersonation, lists of texts by key."),
)
_OBJECT = (
    Field("objectRef.resource", _T, "The plural kind: pods, secrets; absent for a URL that is no resource.", hot=True),
    Field(
        "objectRef.namespace",
        _T,
        "The namespace; absent for the cluster's own kinds and for all namespaces at once.",
        hot=True,
    ),
    Field(
        "objectRef.name",
        _T,
        "The object's name; absent for list, deletecollection and a create that names it in the body.",
        warm=True,
    ),
    Field("objectRef.uid", _T, "The object's uid, where the server knew it."),
    Field("objectRef.apiGroup", _T, "The API group; absent for the core group.", warm=True),
    Field("objectRef.apiVersion", _T, "The API version within the group: v1."),
    Field("objectRef.resourceVersion", _T, "The version that the request named."),
    Field("objectRef.subresource", _T, "exec, status, eviction, token …; absent for the object itself.", hot=True),
)
_ANSWER = (
    Field("responseStatus.code", _N, "The HTTP code; not yet known at RequestReceived.", partial=True),
    Field("responseStatus.status", _T, "Success or Failure; written for answers that are a Status.", partial=True),
    Field("responseStatus.reason", _T, "The reason in one word: Forbidden, NotFound.", partial=True),
    Field("responseStatus.message", _T, "The reason in a sentence.", partial=True),
    Field("requestObject", _O, "The body sent: an object, or a patch as written; from level Request on.", partial=True),
    Field("responseObject", _O, "The body answered; at level RequestResponse only.", partial=True),
)
_DERIVED = (
    Field(
        "outcome",
        _T,
        "done (100-399), refused (401, 403), failed (any other code) or unknown (none yet).",
        derived=True,
    ),
    Field("address", _T, "The addresses to be judged, joined by commas.", derived=True),
    Field("object", _T, "namespace/resource/name/subresource, the parts that are present.", derived=True),
    Field("target", _T, "As object, without the subresource: of an eviction the pod.", derived=True),
    Field(
        "clientIPs",
        FieldType.ADDRESSES,
        "The addresses to be judged: all of sourceIPs, but behind a trusted proxy not the proxy's own.",
        derived=True,
        partial=True,
        within="sourceIPs",
    ),
    Field("via", _T, "The trusted proxy between, by its user name; absent where there is none.", derived=True),
    Field("dryRun", _B, "True when requestURI asks for a dry run, which changes nothing.", derived=True),
    Field(
        "dryRunClaimed",
        _B,
        "True when the query of a delete asks for a dry run and a body that was not written may have said otherwise.",
        derived=True,
        by=("verb",),
        glance=_glance_claimed,
    ),
    Field(
        "objectAfter",
        _O,
        "What a create, update or patch made of the object, as far as answer, body or patch prove it.",
        derived=True,
        partial=True,
        by=("verb",),
        glance=_glance_after,
    ),
    Field(
        "rulesDigest",
        _T,
        "A digest of objectAfter.rules: the same for the same rules, however a body writes them.",
        derived=True,
    ),
    Field(
        "requestText",
        _T,
        "requestObject as compact JSON, or the text that was sent in its place.",
        derived=True,
        partial=True,
    ),
    Field(
        "auditFlags",
        _L,
        "The --audit-* arguments in requestObject: of containers, and of a kubeadm ClusterConfiguration.",
        derived=True,
        partial=True,
    ),
    Field(
        "proxyPath",
        _T,
        "For subresource proxy: the path behind /proxy/, percent-decoded, dots resolved, no query.",
        derived=True,
        by=_PROXY,
        glance=_glance_proxy,
    ),
    Field(
        "proxyAction",
        _T,
        "The first segment of proxyPath: exec, run, attach, portForward, cri …",
        derived=True,
        by=_PROXY,
        glance=_glance_proxy,
    ),
    Field(
        "proxyNamespace",
        _T,
        "The namespace that a proxyPath of the kubelet about one pod names: exec, run, containerLogs …",
        derived=True,
        by=_PROXY,
        glance=_glance_proxy,
    ),
)
_SPEC, _CONTAINERS = "requestObject.spec", "requestObject.spec.containers"
_BODIES = {
    **{key: f"{_SPEC}.{key}" for key in ("hostNetwork", "hostPID", "hostIPC", "serviceAccountName")},
    **{
        key: f"{_CONTAINERS}.securityContext.{key}"
        for key in ("capabilities", "privileged", "allowPrivilegeEscalation")
    },
    **{key: f"requestObject.{key}" for key in ("rules", "subjects", "roleRef", "webhooks")},
    "hostPath": f"{_SPEC}.volumes.hostPath",
    "image": f"{_CONTAINERS}.image",
    "securityContext": f"{_CONTAINERS}.securityContext",
}

SCHEMA = Schema(
    format="kube_audit",
    logsource={"product": "kubernetes", "service": "audit"},
    fields={field.name: field for field in (*_EVENT, *_USER, *_OBJECT, *_ANSWER, *_DERIVED)},
    aliases={"actor": "user.username", "namespace": "objectRef.namespace"},
    bodies=_BODIES,
    groups=(
        ("sourceIPs",),
        ("verb", "objectRef.resource", "objectRef.subresource", "impersonatedUser.username"),
        ("user.username",),
    ),
)
"""The schema of `kube_audit`."""
