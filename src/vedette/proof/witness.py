"""Witness: the acts of a rule's firing case, and what a policy would have let be written of them.

A case holds audit events as a server wrote them. An event is only ever made smaller: a stage is left out, a level takes
a body away. A level above the one that was recorded cannot add a body; such an event stays as it was recorded. Where
every recorded event of a request is left out, a stage that the server writes as well, and that holds no more than a
recorded one, stands in: RequestReceived holds less than any later stage, and the first and last record of an exec or a
watch differ in the stage's name alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from vedette.cases import Case
from vedette.proof.audit_policy import LEVELS, Level, Request, Written
from vedette.proof.erasure import is_observed, request_of, told

Record = dict[str, Any]
_KEYS = frozenset({"auditID", "stage", "verb"})
_BODIES = ((Level.REQUEST, "requestObject"), (Level.REQUEST_RESPONSE, "responseObject"))
_LONG = frozenset({"exec", "attach", "portforward", "proxy", "log"})
"""Subresources whose requests are long-running, and so write ResponseStarted (apiserver's DefaultBuildHandlerChain)."""
_LATER = ("responseStatus", "requestObject", "responseObject", "annotations", "impersonatedUser")
"""What an event at RequestReceived does not have yet; seen on 1.34.4."""
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Act:
    """One request of a case."""

    request: Request
    records: tuple[Record, ...] = ()
    """Its audit events, as recorded."""
    observation: bytes = b""
    """In place of events: the line in which vedette itself tells of a write whose end was erased."""

    @property
    def level(self) -> Level:
        """The level at which it was recorded, the highest of its events; Metadata for what was erased."""
        if self.observation:
            return Level.METADATA
        return max((_level(one) for one in self.records), default=Level.NONE)

    def described(self) -> str:
        """As a person would say it: `get secrets in vault by eve@example.org`."""
        return described(self.request)

    def loses(self, written: Written) -> bool:
        """True where the policy takes something of what was recorded."""
        if self.observation:
            return not told(written)
        return written.level < self.level or not {one.get("stage") for one in self.records} <= written.stages()

    def lines(self, written: Written, *, tied: bool) -> list[bytes]:
        """The lines that would be left of it; with `tied` a level above the recorded one is named in the event."""
        if self.observation:
            return [self.observation] if told(written) else []
        return [_encode(record) for record in self.under(written, tied=tied)]

    def under(self, written: Written, *, tied: bool) -> list[Record]:
        """The events that would be written of it."""
        if written.level is Level.NONE:
            return []
        stages = written.stages()
        kept = [one for one in self.records if one.get("stage") in stages] or self._stand_ins(stages)
        return [_lowered(one, written, tied=tied) for one in kept]

    def _stand_ins(self, stages: frozenset[str]) -> list[Record]:
        recorded = {str(one.get("stage")): one for one in self.records}
        last = self.records[-1]
        found: list[Record] = []
        if "RequestReceived" in recorded:
            # Its end is not in the case, but the server writes one: an answer of which only the code is known.
            end = {**last, "stage": "ResponseComplete", "level": "Metadata", "responseStatus": {"code": 200}}
            end.pop("requestObject", None)
            return [end] if "ResponseComplete" in stages else []
        if "RequestReceived" in stages:
            early = {key: value for key, value in last.items() if key not in _LATER}
            found.append({**early, "stage": "RequestReceived", "stageTimestamp": last.get("requestReceivedTimestamp")})
        if self.request.subresource in _LONG or self.request.verb == "watch":
            begun = {key: value for key, value in last.items() if key != "responseObject"}
            for stage, other in (("ResponseStarted", "ResponseComplete"), ("ResponseComplete", "ResponseStarted")):
                if stage in stages and other in recorded:
                    found.append({**begun, "stage": stage})
        return found


@dataclass(frozen=True, slots=True)
class Witnesses:
    """A case taken apart."""

    case: Case
    acts: tuple[Act, ...]
    others: tuple[bytes, ...]
    """Lines that are no audit events, as they stand."""
    observed: bool
    """True where the other lines are vedette's own observations."""

    def lines(self, written: Sequence[Written], *, tied: bool) -> list[bytes]:
        """The log that a policy would have left, `written` for each act."""
        pairs = zip(self.acts, written, strict=True)
        return [line for act, each in pairs for line in act.lines(each, tied=tied)] + list(self.others)


def witnesses(case: Case, *, erases: bool = True) -> Witnesses:
    """The acts of a case, in the order of their first event; with `erases` those too whose end was erased."""
    acts: dict[tuple[object, ...], list[Record]] = {}
    erased: list[Act] = []
    others: list[bytes] = []
    observed = True
    for line in case.lines.splitlines():
        if not line.strip():
            continue
        try:
            record = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            record = None
        if isinstance(record, dict) and record.keys() >= _KEYS:
            acts.setdefault(_identity(record), []).append(record)
        elif erases and is_observed(record):
            erased.append(Act(request_of(record), observation=line))
        else:
            others.append(line)
            observed = observed and isinstance(record, dict) and "observation" in record
    return Witnesses(
        case,
        (*(Act(_request(records), tuple(records)) for records in acts.values()), *erased),
        tuple(others),
        observed and bool(others),
    )


def truncated(line: bytes) -> bytes:
    """An event as the API server cuts it where it is too large: without its bodies (plugin/buffered/truncate)."""
    record = _decode(line)
    if not any(record.get(key) is not None for _, key in _BODIES):
        return line
    short = {key: value for key, value in record.items() if key not in dict(_BODIES).values()}
    notes = _part(record, "annotations")
    return _encode({**short, "annotations": {**notes, "audit.k8s.io/truncated": "true"}})


def _identity(record: Record) -> tuple[object, ...]:
    """What all events of one request share; the audit id alone may be the client's choice."""
    user = _part(record, "user").get("username")
    return tuple(str(one) for one in (record["auditID"], record.get("requestReceivedTimestamp"), user, record["verb"]))


def _request(records: Iterable[Record]) -> Request:
    """What the server knew when it asked the policy: nothing of the body, and of an impersonation only who asks."""
    record = next(iter(records))
    user, reference = _part(record, "user"), _part(record, "objectRef")
    name, verb = str(reference.get("name") or ""), str(record["verb"])
    if verb == "create" and not reference.get("subresource"):
        name = ""  # The event's own name was filled in from the body, after the policy was asked.
    username = user.get("username") or None
    groups = tuple(str(one) for one in user.get("groups") or ())
    groups += tuple(one for one in added_groups(username) if one not in groups)
    return Request(
        user=username,
        groups=groups,
        verb=verb,
        of_resource=bool(reference),
        path=unquote(str(record.get("requestURI") or "").partition("?")[0]),
        group=str(reference.get("apiGroup") or ""),
        resource=str(reference.get("resource") or ""),
        subresource=str(reference.get("subresource") or ""),
        namespace=str(reference.get("namespace") or ""),
        name=name,
    )


def added_groups(username: str | None) -> tuple[str, ...]:
    """The groups that the server adds by itself and a case may leave out.

    By AuthenticatedGroupAdder and serviceaccount.MakeGroupNames.
    """
    if username in (None, "system:anonymous"):
        return ()
    parts = str(username).split(":")
    if parts[:2] == ["system", "serviceaccount"] and len(parts) == 4:
        return "system:serviceaccounts", f"system:serviceaccounts:{parts[2]}", "system:authenticated"
    return ("system:authenticated",)


def described(request: Request) -> str:
    """A request as a person would say it: `get secrets/unseal-keys in vault by eve@example.org`."""
    what = request.path
    if request.of_resource:
        what = "/".join(one for one in (request.resource, request.name, request.subresource) if one)
        what += f" in {request.namespace}" if request.namespace else ""
    return f"{request.verb} {what} by {request.user or 'nobody known'}"


def _part(record: Record, key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _level(record: Record) -> Level:
    text = record.get("level")
    return Level(LEVELS.index(text)) if text in LEVELS else Level.METADATA


def _lowered(record: Record, written: Written, *, tied: bool) -> Record:
    if written.level >= _level(record) and not tied:
        return _trimmed(record) if written.without_managed_fields else record
    lower = {**record, "level": str(written.level)}
    for least, key in _BODIES:
        if written.level < least:
            lower.pop(key, None)
    return _trimmed(lower) if written.without_managed_fields else lower


def _trimmed(record: Record) -> Record:
    """Without metadata.managedFields in its objects and lists of objects; a patch is left as the client sent it."""
    found = record
    for key in ("requestObject", "responseObject"):
        body = record.get(key)
        if isinstance(body, dict) and not (key == "requestObject" and record["verb"] == "patch"):
            found = {**found, key: _without(body)}
    return found


def _without(body: Record) -> Record:
    items = body.get("items")
    if isinstance(items, list):
        return {**body, "items": [_without(one) if isinstance(one, dict) else one for one in items]}
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return body
    return {**body, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
