"""What Kubernetes audit events say of a site: who comes from where, reads Secrets, deletes, opens shells, forwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vedette.event import Event, Outcome
from vedette.survey.addresses import plain
from vedette.survey.tables import LONGEST, NAMES, Acts, Burst, Names, Table

NODES, CONTROL, ACCOUNTS, PEOPLE, ANONYMOUS = "nodes", "control plane", "service accounts", "people", "nobody"
"""Kinds of identity."""

ACCOUNT = "system:serviceaccount:"
"""What a service account's user name begins with."""

_MANAGED = frozenset(
    f"{ACCOUNT}kube-system:{name}"
    for name in (
        *(
            "attachdetach-controller",
            "bootstrap-signer",
            "certificate-controller",
            "clusterrole-aggregation-controller",
        ),
        *("cronjob-controller", "daemon-set-controller", "deployment-controller", "disruption-controller"),
        *("endpoint-controller", "endpointslice-controller", "endpointslicemirroring-controller"),
        *("ephemeral-volume-controller", "expand-controller", "generic-garbage-collector", "horizontal-pod-autoscaler"),
        *("job-controller", "legacy-service-account-token-cleaner", "namespace-controller", "node-controller"),
        *("persistent-volume-binder", "pod-garbage-collector", "pv-protection-controller", "pvc-protection-controller"),
        *("replicaset-controller", "replication-controller", "resource-claim-controller", "resourcequota-controller"),
        *("root-ca-cert-publisher", "route-controller", "service-account-controller", "service-cidrs-controller"),
        *("service-controller", "statefulset-controller", "taint-eviction-controller", "token-cleaner"),
        *("ttl-after-finished-controller", "ttl-controller", "validatingadmissionpolicy-status-controller"),
    )
)
"""Service accounts that kube-controller-manager uses itself, from its node's address."""

_DISCLOSING = frozenset({"get", "list", "watch", "deletecollection", "patch", "update"})
_SHELLS = frozenset({"exec", "attach", "portforward", "ephemeralcontainers"})
_COUNTED = frozenset({"pods", "secrets", "configmaps"})
_CLOUD = ("aksService", "nodeclient")
"""What AKS calls its own parts; EKS's begin with `eks:`."""
MANY = 5
"""K5 fires on more than so many deletes in a minute."""
_HOUR = 3_600_000_000_000
_BY_HAND = ("kubectl", "k9s", "Lens", "helm", "Mozilla", "oc/")


def kind_of(user: str) -> str:
    """The kind of identity that a user name is."""
    if user.startswith(ACCOUNT):
        return CONTROL if user in _MANAGED else ACCOUNTS
    if user.startswith("system:node:"):
        return NODES
    if user in ("", "system:anonymous"):
        return ANONYMOUS
    return CONTROL if user.startswith(("system:", "eks:")) or user in _CLOUD else PEOPLE


class Came:
    """One kind of identity from one address."""

    __slots__ = ("count", "names")

    def __init__(self) -> None:
        self.count = 0
        self.names = Names()


class Person:
    """A user name that is no program of Kubernetes' own."""

    __slots__ = ("addresses", "by_hand", "count")

    def __init__(self) -> None:
        self.count = self.by_hand = 0
        self.addresses = Names()


class Use:
    """One identity, and what it did in one place."""

    __slots__ = ("count", "verbs")

    def __init__(self) -> None:
        self.count = 0
        self.verbs = Names()


class Deleter:
    """One identity that deleted Pods, Secrets, ConfigMaps or namespaces."""

    __slots__ = ("at_once", "burst", "count", "hours", "namespaces", "verbs", "what")

    def __init__(self) -> None:
        self.count = self.at_once = 0
        self.what, self.verbs, self.namespaces = Names(), Names(), Names()
        self.burst = Burst()
        self.hours: set[int] = set()
        """The first few hours in which K5 would have fired: one storm of deletes is nobody's daily work."""

    def would_fire(self, time: int) -> None:
        """K5 would have fired at `time`."""
        if len(self.hours) < NAMES:
            self.hours.add(time // _HOUR)


class Forwarder:
    """One identity whose requests list further addresses in front of the peer's."""

    __slots__ = ("claimed", "count", "impersonated", "peers")

    def __init__(self) -> None:
        self.count = 0
        self.peers, self.claimed, self.impersonated = Names(), Names(), Names()


class KubeSurvey:
    """Tables filled event by event."""

    def __init__(self) -> None:
        self._acts = Acts()
        self.origins: Table[tuple[str, str], Came] = Table(Came)
        """(kind of identity, peer's address)"""
        self.people: Table[str, Person] = Table(Person)
        self.secrets: Table[tuple[str, str], Use] = Table(Use)
        """(identity, namespace, or nothing for the whole cluster)"""
        self.shells: Table[tuple[str, str], Use] = Table(Use)
        self.deleters: Table[str, Deleter] = Table(Deleter)
        self.forwarders: Table[str, Forwarder] = Table(Forwarder)
        self.audit_flags = Names()
        self.malformed = 0
        """Requests whose address is none."""
        self.nameless = 0
        """Requests of identities whose name is too long to be one."""

    def tables(self) -> Sequence[Table[Any, Any]]:
        """Every table, to see whether one was full."""
        return self.origins, self.people, self.secrets, self.shells, self.deleters, self.forwarders

    def add(self, event: Event) -> None:
        """Count one event in; the further records of an act already met are passed over."""
        if not event.final or not self._acts.new(event.act):
            return
        fields = event.fields
        user = _text(_map(fields, "user"), "username")
        if len(user) > LONGEST:
            self.nameless += 1
            return
        listed = fields.get("sourceIPs")
        addresses = [item for item in listed if isinstance(item, str)] if isinstance(listed, list | tuple) else []
        peer = plain(addresses[-1]) if addresses else None
        if peer is None:
            self.malformed += 1
        elif event.outcome in (Outcome.DONE, Outcome.FAILED) or kind_of(user) == ANONYMOUS:
            # A refused request shows who knocks, not who belongs here.
            self._came(fields, user, peer, addresses)
        if event.outcome is Outcome.DONE:
            self._did(event, user)

    def _came(self, fields: Mapping[str, object], user: str, peer: str, addresses: Sequence[str]) -> None:
        """From where."""
        kind = kind_of(user)
        came = self.origins.row((kind, peer))
        if came:
            came.count += 1
            came.names.add(user)
        person = self.people.row(user) if kind == PEOPLE else None
        if person:
            person.count += 1
            person.addresses.add(peer)
            agent = fields.get("userAgent")
            person.by_hand += isinstance(agent, str) and agent.startswith(_BY_HAND)
        if len(addresses) < 2:
            return
        forwarder = self.forwarders.row(user)
        if forwarder:
            forwarder.count += 1
            forwarder.peers.add(peer)
            for address in addresses[:-1]:
                forwarder.claimed.add(address)
            impersonated = _text(_map(fields, "impersonatedUser"), "username")
            if impersonated:
                forwarder.impersonated.add(impersonated)

    def _did(self, event: Event, user: str) -> None:
        """What, where the rules look."""
        fields = event.fields
        verb, ref = _text(fields, "verb"), _map(fields, "objectRef")
        resource, namespace, sub = (_text(ref, key) for key in ("resource", "namespace", "subresource"))
        if resource == "secrets" and verb in _DISCLOSING and not sub:
            _use(self.secrets, user, namespace, verb)
        elif resource == "pods" and sub in _SHELLS:
            _use(self.shells, user, namespace, sub)
        if True in event.values(("dryRun",)).items:
            return
        evicted = resource == "pods" and sub == "eviction" and verb == "create"
        if evicted or (verb in ("delete", "deletecollection") and not sub):
            self._deleted(event, user, verb, resource, namespace)
        name = _text(ref, "name")
        if resource == "pods" and namespace == "kube-system" and name.startswith("kube-apiserver") and verb == "create":
            for flag in event.values(("auditFlags",)).items:
                self.audit_flags.add(str(flag))

    def _deleted(self, event: Event, user: str, verb: str, resource: str, namespace: str) -> None:
        if resource not in _COUNTED and resource != "namespaces":
            return
        row = self.deleters.row(user)
        if not row:
            return
        row.count += 1
        row.what.add(resource)
        row.verbs.add(verb)
        row.namespaces.add(namespace)
        if resource == "namespaces" or verb == "deletecollection":
            row.at_once += 1
            row.would_fire(event.time)
        elif row.burst.add(event.time, str(event.values(("target",)).items)) > MANY:
            row.would_fire(event.time)


def _use(table: Table[tuple[str, str], Use], user: str, namespace: str, verb: str) -> None:
    row = table.row((user, namespace)) if len(namespace) <= LONGEST else None
    if row:
        row.count += 1
        row.verbs.add(verb)


def _map(fields: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
