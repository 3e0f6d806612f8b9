"""kube.secrets-read: which Secrets an actor was given, by the evidence, and what runs with them. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from vedette.actions.base import Argument, CannotLook, Kind, Known, Plan
from vedette.actions.kube import KubeActions, Object
from vedette.actions.looking import OnlyLooks
from vedette.clients.kube import Kube
from vedette.event import Event, Outcome
from vedette.stamp import stamp

_GIVEN = frozenset({"get", "list", "watch", "patch", "update", "create", "deletecollection"})
"""Verbs whose answer holds a Secret's data (shown on a real server for patch, update and deletecollection)."""
_MOST_NAMES = 10


@dataclass(slots=True)
class _Read:
    verbs: dict[str, None] = field(default_factory=dict)
    times: int = 0
    first: int = 0
    last: int = 0


class SecretsRead(OnlyLooks):
    """Reads the evidence; asks the API server, where there is one, only for pods."""

    def __init__(self, kube: Kube | None, known: Known) -> None:
        self._kube = None if kube is None else KubeActions(kube)
        self._evidence = known.evidence

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it: nothing to apply, rows in `found`."""
        actor = given["actor"]
        reads: dict[tuple[str, str], _Read] = {}
        for event in self._evidence(actor):
            _note(event, actor, reads)
        users, why = self._users({namespace for namespace, _ in reads})
        return Plan(
            action=KIND.name,
            given=dict(given),
            where="" if self._kube is None else self._kube.kube.server,
            does=f"{actor} was given {len(reads)} Secrets or lists of them, by the evidence that is kept",
            found=[_row(namespace, name, read, users, why) for (namespace, name), read in sorted(reads.items())],
            remains=[
                "what it was given before the evidence begins, or by a source without evidence",
                "what a pod that it opened a shell into had mounted",
            ],
        )

    def _users(self, namespaces: set[str]) -> tuple[dict[tuple[str, str], dict[str, None]], str]:
        """(namespace, Secret) -> what runs with it; and why that cannot be told."""
        if self._kube is None:
            return {}, "cannot tell: no API server in the settings (actions.kube)"
        found: dict[tuple[str, str], dict[str, None]] = {}
        paths = (
            ["/api/v1/pods"] if "" in namespaces else [f"/api/v1/namespaces/{one}/pods" for one in sorted(namespaces)]
        )
        try:
            for path in paths:
                for pod in self._kube.listed(path):
                    for name in _secrets_of(pod):
                        users = found.setdefault((str(pod["metadata"]["namespace"]), name), {})
                        users[_owner(pod)] = None
        except CannotLook as error:
            return {}, f"cannot tell: {error}"
        return found, ""

    def close(self) -> None:
        """Let go of connections."""
        if self._kube is not None:
            self._kube.close()


def _note(event: Event, actor: str, reads: dict[tuple[str, str], _Read]) -> None:
    """Count one event, where the actor was given something by it."""
    fields = event.fields
    who = (_part(fields, "user").get("username"), _part(fields, "impersonatedUser").get("username"))
    reference = _part(fields, "objectRef")
    if actor not in who or reference.get("resource") != "secrets" or reference.get("subresource"):
        return
    verb = str(fields.get("verb", ""))
    if verb not in _GIVEN or event.outcome not in (Outcome.DONE, Outcome.UNKNOWN) or not event.final:
        return
    key = (str(reference.get("namespace") or ""), str(reference.get("name") or ""))
    read = reads.setdefault(key, _Read(first=event.time))
    read.verbs[verb if event.outcome is Outcome.DONE else f"{verb} (outcome unknown)"] = None
    read.times += 1
    read.first, read.last = min(read.first, event.time), max(read.last, event.time)


def _row(
    namespace: str, name: str, read: _Read, users: Mapping[tuple[str, str], Mapping[str, None]], why: str
) -> dict[str, str]:
    if name:
        owners = list(users.get((namespace, name), {}))
    else:
        owners = [f"{space}/{one}: {', '.join(of)}" for (space, one), of in sorted(users.items())
                  if namespace in ("", space)]  # fmt: skip
    more = f" and {len(owners) - _MOST_NAMES} more" if len(owners) > _MOST_NAMES else ""
    return {
        "secret": f"{namespace or '*'}/{name or '*'}",
        "how": ", ".join(read.verbs),
        "times": str(read.times),
        "first": stamp(read.first),
        "last": stamp(read.last),
        "used by": why or ", ".join(owners[:_MOST_NAMES]) + more or "no pod that runs now",
    }


def _secrets_of(pod: Object) -> Iterator[str]:
    """The Secrets that a pod is given."""
    spec = pod["spec"]
    for volume in spec.get("volumes") or []:
        yield _text(volume.get("secret"), "secretName")
        for source in (volume.get("projected") or {}).get("sources") or []:
            yield _text(source.get("secret"), "name")
        yield _text((volume.get("csi") or {}).get("nodePublishSecretRef"), "name")
    for one in spec.get("imagePullSecrets") or []:
        yield _text(one, "name")
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(kind) or []:
            for one in container.get("envFrom") or []:
                yield _text(one.get("secretRef"), "name")
            for one in container.get("env") or []:
                yield _text((one.get("valueFrom") or {}).get("secretKeyRef"), "name")


def _owner(pod: Object) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next(
        (f"{one['kind']} {one['name']}" for one in owners if one.get("controller")), f"Pod {pod['metadata']['name']}"
    )


def _part(record: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _text(record: object, key: str) -> str:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) else ""


KIND = Kind(
    name="kube.secrets-read",
    says="list the Secrets that an actor was given, by the evidence, and what runs with them",
    arguments=(Argument("actor", "the user name as the log has it", required=True),),
    undo="",
    make=SecretsRead,
    reads=True,
)
