"""Writes that the API server received and whose end is in no log (K10's `completion_missing`).

Before Kubernetes 1.37 a server-side apply with a YAML body is done, and at level Request or RequestResponse its later
event is lost; only RequestReceived tells of it, where the policy keeps that stage. An audit event has no content type,
so that an apply is known by its query: `fieldManager` is required of it. Other patches may carry it too.

Nothing here looks at a clock: a source's time is the time of its newest events, so that a source that stands still, or
a backlog, makes no alert.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from vedette.observers.base import Look

MOST_PENDING = 200_000
_MOST_BYTES = 128 << 20
"""Of all pending writes together, as far as they can be counted."""
_MOST_DONE = 200_000
_MOST_SAVED = 5_000
"""Ends that a state holds: those of the last moments, whose beginning may be in a batch that comes later."""
_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_SESSIONS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources whose requests last as long as somebody works."""
_BACK = 100_000
"""So many events in a row that are far older than the newest: the clock was wrong before, not now. Another server's
backlog, read after this one's, is as old, but hardly as long without a new event between."""
_SLACK = 60.0
"""Seconds by which the clock of who read the counter may differ from the API server's."""
_T = TypeVar("_T")


class _User(msgspec.Struct, gc=False):
    username: str = ""


class _Reference(msgspec.Struct, gc=False, omit_defaults=True):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    apiGroup: str = ""  # noqa: N815 - the audit event's own name
    subresource: str = ""


class _Event(msgspec.Struct, gc=False):
    auditID: str = ""  # noqa: N815
    stage: str = ""
    verb: str = ""
    user: _User | None = None
    requestURI: str = ""  # noqa: N815
    requestReceivedTimestamp: str = ""  # noqa: N815
    stageTimestamp: str = ""  # noqa: N815
    objectRef: _Reference | None = None  # noqa: N815
    userAgent: str = ""  # noqa: N815


_EVENT = msgspec.json.Decoder(_Event)


class _Write(NamedTuple):
    """A write without an end, as far as is known."""

    source: str
    received: float
    due: float
    apply: bool
    value: bytes
    """JSON, which takes a third of the room of a dict."""

    def size(self) -> int:
        return 300 + len(self.value)


class _Source:
    """How far one source has come. Times are seconds since 1970."""

    def __init__(self) -> None:
        self.top = self.time = 0.0
        """The newest two times of events; the second counts, so that one damaged stamp moves nothing."""
        self.judged = 0.0
        self.whole = False
        """Whether an act came with both its stages: else the policy may keep one only."""
        self.behind = 0

    def reached(self, time: float, deadline: float) -> bool:
        """Take in an event's time. True when the source's time was set back."""
        if time > self.top:
            self.time, self.top, self.behind = self.top or time, time, 0
        elif time > self.time:
            self.time, self.behind = time, 0
        elif time < self.time - 30 * deadline:
            self.behind += 1
            if self.behind >= _BACK:
                self.time = self.top = self.judged = time
                self.behind = 0
                return True
        else:
            self.behind = 0
        return False


class Completion:
    """Feed it what the sources deliver; it says which writes have no end. For one thread."""

    def __init__(self, deadline: float = 120.0) -> None:
        """`deadline`: seconds of a source's own time that an end may take."""
        self._deadline = deadline
        self._sources: dict[str, _Source] = {}
        self._pending: dict[tuple[str, bytes], _Write] = {}
        self._bytes = 0
        self._done: dict[tuple[str, bytes], float] = {}
        """Acts whose end came or that were told, and the source's time then: batches come in any order and again."""
        self._counted: tuple[float, float] | None = None
        self._rises: deque[tuple[float, float]] = deque(maxlen=64)
        self.dropped = 0
        """Writes that were given up because too many were pending; K10 did not judge them."""
        self.unread = 0
        """Lines that are no audit event."""

    def feed(self, lines: bytes, source: str) -> list[Look]:
        """Take in whole lines, one audit event each; what is now known to miss its end. Raises nothing for any
        bytes."""
        state = self._sources.setdefault(source, _Source())
        for line in lines.split(b"\n"):
            if not line or line.isspace():
                continue
            event = _decoded(line)
            if event is None or not event.stage:
                self.unread += 1
            else:
                self._take(event, source, state)
        return self._judged(source, state)

    def counted(self, total: float, at: float) -> None:
        """The counter of lost events stood at `total` at `at` (seconds since 1970): a write without an end that was
        received while it rose was erased."""
        if self._counted is not None and total > 0 and total != self._counted[0]:
            self._rises.append((self._counted[1], at))
        self._counted = (total, at)

    @property
    def pending(self) -> int:
        """Writes whose end is awaited."""
        return len(self._pending)

    def state(self) -> dict[str, Any]:
        """All that a restart must not forget, as JSON values."""
        recent = list(self._done.items())[-_MOST_SAVED:]
        return {
            "sources": {
                name: {"time": one.time, "top": one.top, "whole": one.whole} for name, one in self._sources.items()
            },
            "pending": [[key.hex(), *write[:4], write.value.decode()] for (_, key), write in self._pending.items()],
            "done": [[source, key.hex(), time] for (source, key), time in recent],
            "rises": [list(rise) for rise in self._rises],
            "counted": list(self._counted) if self._counted else None,
            "dropped": self.dropped,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave; from nothing, if it is empty. Raises ValueError for what it did not give."""
        if not state:
            return
        try:
            saved = msgspec.convert(state, _State)
            pending = {
                (write[1], bytes.fromhex(write[0])): _Write(*write[1:5], write[5].encode()) for write in saved.pending
            }
            done = {(source, bytes.fromhex(key)): time for source, key, time in saved.done}
        except (msgspec.ValidationError, ValueError) as error:
            raise ValueError(f"no state of missing completions: {error}") from None
        self._pending, self._done = pending, done
        self._bytes = sum(write.size() for write in pending.values())
        for name, one in saved.sources.items():
            source = self._sources[name] = _Source()
            source.time, source.top, source.whole = one.time, one.top, one.whole
        self._rises.extend(saved.rises)
        self._counted = saved.counted
        self.dropped = saved.dropped

    def _take(self, event: _Event, source: str, state: _Source) -> None:
        time = _seconds(event.stageTimestamp)
        if time is not None and state.reached(time, self._deadline):
            due = state.time + self._deadline
            for key, write in self._pending.items():
                if write.source == source:
                    self._pending[key] = write._replace(due=min(write.due, due))
        if event.verb not in _WRITES:
            return
        key = (source, _act(event))
        if event.stage != "RequestReceived":
            if (begun := self._pending.pop(key, None)) is not None:
                self._bytes -= begun.size()
                state.whole = True
            self._end(key, state)
        elif key not in self._done and key not in self._pending and not _is_session(event):
            received = _seconds(event.requestReceivedTimestamp)
            received = state.time if received is None else received
            due = max(received, state.time) + self._deadline
            write = _Write(source, received, due, _is_apply(event), _value(event))
            self._pending[key] = write
            self._bytes += write.size()
            while len(self._pending) > MOST_PENDING or self._bytes > _MOST_BYTES:
                self._bytes -= self._pending.pop(next(iter(self._pending))).size()
                self.dropped += 1

    def _end(self, key: tuple[str, bytes], state: _Source) -> None:
        """Remember that the act needs no end any more."""
        self._done.pop(key, None)
        self._done[key] = state.time
        if len(self._done) > _MOST_DONE:
            del self._done[next(iter(self._done))]

    def _judged(self, source: str, state: _Source) -> list[Look]:
        """Writes whose end is overdue by the source's own time; looked for now and then, not for each chunk."""
        if not state.whole or state.time < state.judged + self._deadline / 12:
            return []
        state.judged = state.time
        overdue = [key for key, one in self._pending.items() if one.source == source and one.due < state.time]
        looks = []
        for key in overdue:
            write = self._pending.pop(key)
            self._bytes -= write.size()
            self._end(key, state)
            erased = write.apply or any(low - _SLACK <= write.received <= high + _SLACK for low, high in self._rises)
            value = msgspec.json.decode(write.value, type=dict[str, object])
            looks.append(
                Look("completion_missing", str(value["auditID"]), value | {"source": source, "erased": erased})
            )
        # An end whose beginning has not come in two deadlines came without one: the policy leaves that stage out.
        old = state.time - 2 * self._deadline
        for key in [key for key, time in self._done.items() if key[0] == source and time < old]:
            del self._done[key]
        return looks


class _SavedSource(msgspec.Struct):
    time: float
    top: float
    whole: bool


class _State(msgspec.Struct):
    sources: dict[str, _SavedSource]
    pending: list[tuple[str, str, float, float, bool, str]]
    done: list[tuple[str, str, float]]
    rises: list[tuple[float, float]]
    counted: tuple[float, float] | None
    dropped: int


def _decoded(line: bytes) -> _Event | None:
    """The event on a line; None for what is none. An oddly typed part is left out, the event stays."""
    try:
        return _EVENT.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        content = msgspec.json.decode(line.decode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    whole = {key: _converted(content.get(key), str, "") for key in _TEXTS}
    user = _converted(content.get("user"), _User, _User())
    return _Event(**whole, user=user, objectRef=_converted(content.get("objectRef"), _Reference, None))


_TEXTS = (
    "auditID",
    "stage",
    "verb",
    "requestURI",
    "requestReceivedTimestamp",
    "stageTimestamp",
    "userAgent",
)


def _converted(value: object, kind: Any, otherwise: _T) -> Any | _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return otherwise


def _act(event: _Event) -> bytes:
    """What all stages of one request have alike. The id alone is the client's to choose (header Audit-ID)."""
    user = event.user.username if event.user else ""
    known = (event.auditID, event.requestReceivedTimestamp, user, event.verb, event.requestURI)
    return blake2s("\0".join(known).encode("utf-8", "replace"), digest_size=12).digest()


def _is_session(event: _Event) -> bool:
    return event.objectRef is not None and event.objectRef.subresource in _SESSIONS


def _is_apply(event: _Event) -> bool:
    """Whether it may be a server-side apply. Names in a query may be escaped, and stand behind a long padding."""
    if event.verb != "patch":
        return False
    query = event.requestURI.partition("?")[2]
    return any(name == "fieldManager" for name, _ in parse_qsl(query, keep_blank_values=True))


def _value(event: _Event) -> bytes:
    """What K10 and a person need of it, bounded: a URI may have a megabyte."""
    reference = event.objectRef or _Reference()
    value = {
        "auditID": event.auditID[:100],
        "user": event.user.username[:300] if event.user else "",
        "verb": event.verb,
        "requestURI": event.requestURI[:1000],
        "userAgent": event.userAgent[:200],
        "received": event.requestReceivedTimestamp[:40],
        "objectRef": {key: part[:300] for key, part in msgspec.to_builtins(reference).items()},
    }
    return msgspec.json.encode(value)


def _seconds(stamp: str) -> float | None:
    try:
        time = datetime.fromisoformat(stamp)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
