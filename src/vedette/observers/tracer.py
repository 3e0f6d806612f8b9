"""The tracer: a small harmless request on a schedule, whose record must come back through the log that is watched.

A read of a ConfigMap whose auditID is the mark, which kube-apiserver takes from the header Audit-ID (1.34.4); a read of
a Vault policy that does not exist, for a path stands in Vault's audit log in the clear, and what is asked for does not
(1.21.4; headers are logged as well, but only those that somebody has configured, and no OpenBao was tried).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol
from uuid import uuid4

from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.kube import Kube, KubeRefused
from vedette.clients.reading import fault_here
from vedette.clients.vault import Vault, VaultRefused
from vedette.event import Event
from vedette.observers.base import CannotLook, Look

NAME = "vedette-tracer"
"""Of the ConfigMap, and what the policy's name begins with; as `render/rights.py` grants it."""
LEVELS = ("", "Metadata", "Request", "RequestResponse")
"""From nothing to all, as Kubernetes calls them. Of Vault: Request is its request alone, RequestResponse the answer."""
_CERTIFICATES = "name in ca_file the certificates that the server's is signed by"
_SERVER = "see that it is up, and the address its own"
_TOKEN = "write a token into token_file, readable by vedette alone"


class Piece(NamedTuple):
    """Something that a source gave, with the mark in it."""

    source: str
    data: bytes
    at: float
    """On the clock that is never set, in seconds."""


class Echoes:
    """Where tracers wait for what the loop reads. `take` and `turned` belong to the loop's thread, and cost nothing
    while nobody waits."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, list[Piece]] = {}
        self._changed = threading.Condition()
        self._read_at = 0.0
        """When the loop last had read all that there was."""
        self.closed = False

    def take(self, source: str, data: bytes) -> None:
        """Look at whole lines that a source gave."""
        if not self._waiting:
            return
        for mark, pieces in list(self._waiting.items()):
            # In hexadecimal, which no shipper's wrapping writes otherwise.
            if mark in data:
                with self._changed:
                    pieces.append(Piece(source, data, time.monotonic()))
                    self._changed.notify_all()

    def turned(self) -> None:
        """All that there was is read."""
        if self._waiting:
            with self._changed:
                self._read_at = time.monotonic()
                self._changed.notify_all()

    def close(self) -> None:
        """Nothing will come any more; nobody waits any longer."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    @contextmanager
    def awaiting(self, mark: str, within: float) -> Iterator[Iterable[Piece]]:
        """What comes with `mark` in it from here on; no more after `within` seconds, and not before all that was there
        by then is read: what lies behind hours of a log is late, and not missing."""
        key = mark.encode()
        with self._changed:
            pieces = self._waiting[key] = []
        try:
            yield self._coming(pieces, time.monotonic() + within)
        finally:
            with self._changed:
                del self._waiting[key]

    def _coming(self, pieces: list[Piece], until: float) -> Iterator[Piece]:
        given = 0
        while True:
            with self._changed:
                while given == len(pieces):
                    left = until - time.monotonic()
                    if self.closed or (left <= 0 and self._read_at >= until):
                        return
                    self._changed.wait(left if left > 0 else 1.0)
                piece = pieces[given]
            given += 1
            yield piece


class Way(Protocol):
    """How one system is asked, and how the record is told."""

    format: str
    """Of the record."""
    address: str

    def mark(self) -> str:
        """A fresh one, as it stands in the record."""

    def send(self, mark: str) -> None:
        """Ask. Raises CannotLook where it was not let in."""

    def level(self, event: Event, mark: str) -> str | None:
        """How much of the request this event of the format shows; None: it is another's, or not its end."""

    def close(self) -> None:
        """Let go of connections."""


class KubeWay:
    """A read of a ConfigMap, which need not be there."""

    format = "kube_audit"

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.address = kube.server
        self._kube = kube
        self._namespace = namespace

    def mark(self) -> str:
        """An auditID as the server makes them."""
        return str(uuid4())

    def send(self, mark: str) -> None:
        """Read it under the mark."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps/{NAME}"
        try:
            taken = self._kube.traced(path, mark)
        except KubeRefused as error:
            mend = _TOKEN if error.status == 401 else _SERVER
            if error.status == 403:
                mend = f"grant `get` on the ConfigMap {NAME}: `vedette render rights kube-tracer` prints it"
            raise CannotLook(f"{self.address} {path}: {error}", mend) from None
        except (NoAnswer, BadSecret) as error:
            raise _unasked(self.address, error) from None
        if taken != mark:
            reason = f"{self.address}: something between here and the API server takes the header Audit-ID away"
            raise CannotLook(reason, "name the API server's own address")

    def level(self, event: Event, mark: str) -> str | None:
        """The record's own level, unless the answer that it promises is not in it."""
        if event.text("auditID") != mark or event.text("stage") != "ResponseComplete":
            return None
        level = event.text("level")
        if level == "RequestResponse" and not event.values(("responseObject",)).items:
            return "Request"
        return level

    def close(self) -> None:
        """Let go of connections."""
        self._kube.close()


class VaultWay:
    """A read of a policy that is not there."""

    format = "vault_audit"

    def __init__(self, vault: Vault) -> None:
        self.address = vault.address
        self._vault = vault

    def mark(self) -> str:
        """The end of a policy's name."""
        return uuid4().hex

    def send(self, mark: str) -> None:
        """Ask for it."""
        try:
            self._vault.policy(f"{NAME}-{mark}")
        except VaultRefused as error:
            mend = _SERVER
            if error.status == 403:
                grant = f'path "sys/policies/acl/{NAME}-*" {{ capabilities = ["read"] }}'
                mend = f"grant `{grant}`: `vedette render rights vault-tracer` prints it; else write a new token"
            raise CannotLook(f"{self.address} the tracer's policy: {error}", mend) from None
        except (NoAnswer, BadSecret) as error:
            raise _unasked(self.address, error) from None

    def level(self, event: Event, mark: str) -> str | None:
        """RequestResponse of the entry with the answer, Request of the one before."""
        path = event.values(("request", "path")).items
        if not (len(path) == 1 and isinstance(path[0], str) and path[0].endswith(f"/{NAME}-{mark}")):
            return None
        return "RequestResponse" if event.text("type") == "response" else "Request"

    def close(self) -> None:
        """Let go of connections."""
        self._vault.close()


class Promise(NamedTuple):
    """What must come back, how and when."""

    level: str
    """One of LEVELS, or more."""
    source: str = ""
    """Through this source; else through any."""
    within: float = 120.0
    """Seconds."""


class TracerObserver:
    """Asks, and says how much of its request came back through the log."""

    def __init__(
        self,
        name: str,
        way: Way,
        echoes: Echoes,
        read: Callable[[bytes], Iterable[Event]],
        promise: Promise,
        every: float = 300.0,
        came: Callable[[str, float], None] = lambda _name, _seconds: None,
    ) -> None:
        """`read`: the events in lines as a source gives them. `came`: told the name, and how many seconds the request
        took to come back."""
        self.name = name
        self.every = every
        self._way = way
        self._echoes = echoes
        self._read = read
        self._promise = promise
        self._came = came
        self._subject = f"{way.address} through {promise.source}" if promise.source else way.address

    def look(self) -> Sequence[Look]:
        """One observation, or none where the watcher ends meanwhile. Raises CannotLook where nothing was asked."""
        mark = self._way.mark()
        promise = self._promise
        value: dict[str, object] = {"auditID": mark, "format": self._way.format, "expected": promise.level}
        with self._echoes.awaiting(mark, promise.within) as pieces:
            began = time.monotonic()
            self._way.send(mark)
            level = ""
            for piece in pieces:
                found = self._level(piece, mark)
                if promise.source and piece.source != promise.source:
                    value["elsewhere"] = piece.source
                    continue
                level = max(level, found, key=LEVELS.index)
                if found:
                    value |= {"level": level, "source": piece.source, "seconds": round(piece.at - began, 3)}
                if level and LEVELS.index(level) >= LEVELS.index(promise.level):
                    break
        if self._echoes.closed and not level:
            return ()
        if level:
            self._came(self.name, float(str(value["seconds"])))
        return [Look("tracer", self._subject, value)]

    def close(self) -> None:
        """Let go of connections."""
        self._way.close()

    def _level(self, piece: Piece, mark: str) -> str:
        events = (event for event in self._read(piece.data) if event.format == self._way.format)
        levels = [level for event in events if (level := self._way.level(event, mark)) and level in LEVELS]
        return max(levels, key=LEVELS.index, default="")


def _unasked(address: str, error: NoAnswer | BadSecret) -> CannotLook:
    if isinstance(error, BadSecret):
        return CannotLook(str(error), _TOKEN)
    return CannotLook(f"{address}: {error}", _CERTIFICATES if fault_here(error) else _SERVER)
