"""The API server: live ClusterRoles and bindings (K7.live, K8.live), counters of lost audit events (K10)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.kube import Kube, KubeRefused
from vedette.clients.reading import fault_here
from vedette.observers.base import CannotLook, Look

AGAIN_AFTER = 20 * 3600.0
"""Seconds after which an object that has not changed is given again: before the 24 h are over after which an episode
of K7.live or K8.live closes, so that what stays is one alert, not one a day."""
MOST_AT_ONCE = 5_000
"""Objects in one look; the others come with the next looks. Only a first look at a large cluster has so many."""
_GROUP = "/apis/rbac.authorization.k8s.io/v1"
_KINDS = (
    ("ClusterRole", "clusterroles"),
    ("ClusterRoleBinding", "clusterrolebindings"),
    ("RoleBinding", "rolebindings"),
)
_RENDER = "`vedette render rights kube` prints the rights that it needs"
_ERRORS = "apiserver_audit_error_total"
_REJECTED = "apiserver_audit_requests_rejected_total"
_SAMPLE = re.compile(
    rf"^({_ERRORS}|{_REJECTED})(?:\{{([^}}\n]*)\}})? +([0-9.eE+-]+)(?: [0-9]+)?$".encode(), re.MULTILINE
)
_PLUGIN = re.compile(rb'(?:^|,)plugin="((?:[^"\\]|\\.)*)"')


class _Meta(msgspec.Struct):
    name: str
    namespace: str = ""
    uid: str = ""
    version: str = msgspec.field(default="", name="resourceVersion")


class _Head(msgspec.Struct):
    metadata: _Meta


_HEAD = msgspec.json.Decoder(_Head)


class KubeObserver:
    """Looks at one API server."""

    def __init__(
        self, name: str, kube: Kube, *, every: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.every = every
        self._kube = kube
        self._clock = clock
        self._given: dict[str, tuple[str, float]] = {}
        """Subject -> the state that was given last, and when; of live objects only."""

    def look(self) -> Sequence[Look]:
        """Objects that are new, changed, or were given long ago; the two counters. Raises CannotLook."""
        looks: list[Look] = []
        reasons: dict[str, None] = {}
        mends: dict[str, None] = {}
        for kind, plural in _KINDS:
            try:
                self._objects(kind, plural, looks)
            except (NoAnswer, BadSecret, KubeRefused) as error:
                reasons[self._reason(error, plural)] = None
                mends[_mend(error, f"`list` on {plural}.rbac.authorization.k8s.io")] = None
                if isinstance(error, NoAnswer):
                    break
        try:
            looks += self._counters()
        except (NoAnswer, BadSecret, KubeRefused) as error:
            reasons[self._reason(error, "/metrics")] = None
            mends[_mend(error, "`get` on the nonResourceURL /metrics")] = None
        if reasons:
            raise CannotLook("; ".join(reasons), "; ".join(mends), looks)
        return looks

    def again(self) -> None:
        """What was given could not be kept: give all anew with the next look."""
        self._given.clear()

    def close(self) -> None:
        """Let go of connections."""
        self._kube.close()

    def _reason(self, error: Exception, what: str) -> str:
        return str(error) if isinstance(error, BadSecret) else f"{self._kube.server} {what}: {error}"

    def _objects(self, kind: str, plural: str, looks: list[Look]) -> None:
        """A page at a time: of each object only name and version are decoded, unless it is to be given."""
        now = self._clock()
        live: set[str] = set()
        unread = 0
        for page in self._kube.pages(f"{_GROUP}/{plural}"):
            for raw in page:
                try:
                    meta = _HEAD.decode(raw).metadata
                except msgspec.MsgspecError:
                    unread += 1
                    continue
                subject = f"{kind}/{meta.name}" if kind == "ClusterRole" else f"{kind}/{meta.namespace}/{meta.name}"
                live.add(subject)
                state = f"{meta.uid}@{meta.version}"
                known, given_at = self._given.get(subject, ("", 0.0))
                if (known == state and now - given_at < AGAIN_AFTER) or len(looks) >= MOST_AT_ONCE:
                    continue
                looks.append(Look("rbac_object", subject, _value(kind, meta.name, raw)))
                self._given[subject] = (state, now)
        # Not before the list is whole: what a broken one lacks is not gone.
        for subject in [one for one in self._given if one.startswith(f"{kind}/") and one not in live]:
            del self._given[subject]
        if unread:
            raise KubeRefused(200, f"{unread} objects that cannot be read")

    def _counters(self) -> list[Look]:
        """The sum of each counter; one that was never raised does not exist yet, which is 0."""
        totals = {_ERRORS: 0.0, _REJECTED: 0.0}
        plugins: dict[str, float] = {}
        for name, labels, number in _SAMPLE.findall(self._kube.metrics()):
            try:
                value = float(number)
            except ValueError:
                continue
            if not math.isfinite(value):
                continue
            totals[name.decode()] += value
            if name.decode() == _ERRORS and (plugin := _PLUGIN.search(labels)):
                label = plugin[1].decode("utf-8", "replace")
                plugins[label] = plugins.get(label, 0.0) + value
        server = self._kube.server
        by_plugin = {plugin: _number(value) for plugin, value in sorted(plugins.items())}
        errors = {"name": _ERRORS, "value": _number(totals[_ERRORS]), "plugins": by_plugin}
        rejected = {"name": _REJECTED, "value": _number(totals[_REJECTED])}
        # Two subjects, so that what was seen of one the time before is not taken for the other's.
        return [Look("counter", server, errors), Look("counter", f"{server} {_REJECTED}", rejected)]


def _value(kind: str, name: str, raw: msgspec.Raw) -> Mapping[str, object]:
    """As the rules read it: an item of a list has no kind of its own, and who manages which field is of no use here."""
    content = msgspec.json.decode(raw)
    metadata = {key: value for key, value in content.pop("metadata").items() if key != "managedFields"}
    content.pop("kind", None)
    content.pop("apiVersion", None)
    found = {"kind": kind, "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    return {"kind": kind, "name": name, "object": found | content}


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() else value


def _mend(error: Exception, right: str) -> str:
    if isinstance(error, KubeRefused):
        if error.status == 401:
            return "the token or certificate is not accepted: write a new one"
        if error.status == 403:
            return f"grant {right}; {_RENDER}"
        return "see that server is an API server's own address"
    if isinstance(error, BadSecret):
        return "write the token into token_file, readable by vedette alone"
    if isinstance(error, NoAnswer) and fault_here(error):
        return "name in ca_file the certificates that the server's is signed by; see to the client's own"
    return "see whether the API server is up and reachable"
