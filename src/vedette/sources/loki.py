"""Loki as a source: asked again and again for the lines after the last one that was given.

The cursor is a time and what was given of exactly that time, so lines that share a time are neither lost nor doubled at
the edge of an answer. Loki has no other order than time: a line that reaches it with a time before the cursor is never
seen. `delay` keeps the cursor that far behind now, and must be longer than lines are on their way.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from hashlib import blake2s
from typing import NamedTuple

from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.loki import Entry, LokiClient, LokiRefused
from vedette.escape import logql
from vedette.sources.base import Piece, Position, Trouble

STREAM = "loki"

_SECOND = 1_000_000_000
_LIMIT = 5000
"""Lines asked for at once, at most; what Loki allows where nobody set it otherwise."""
_FIRST_LIMIT = 256
_ANSWER = 2 << 20
"""Bytes of lines that are asked for at once, by what lines were like. An answer over 4 MB never leaves a Loki of
default settings (its querier may not send it to its frontend), and the question hangs until its timeout."""
_LEAST_ANSWER = 256 << 10
_MOST = 80_000
"""Lines asked for at once where more share one time, if Loki allows it."""
_DAY = 86400 * _SECOND
_AGAIN = 3600 * _SECOND
"""How far back of a stretch without lines is asked for again: a Loki that starts may not have found all of its own."""
_PIECE = 1 << 20
_WAITING = 8 << 20
"""Bytes that wait to be taken before Loki is asked for more."""
_LONGEST_PAUSE = 60.0
_KEPT = 3600.0
"""Seconds that a loss is told of."""

_ALLOWED = re.compile(r"> ([0-9]{1,9})\)")
"""How many lines Loki gives, as it says: "(5000 > 400)"."""
_KEYWORDS = frozenset(
    "and bool by decolorize drop group_left group_right ignoring json keep label_format line_format logfmt of offset "
    "on or pattern regexp unless unpack unwrap variants without".split()
)
"""Labels that Loki stores, but whose names its query language does not take in a selector (seen on 3.7.8)."""


class Cursor(NamedTuple):
    """How far a query was answered."""

    time: int
    given: Mapping[str, int]
    """What was given of exactly this time: the digest of labels and line -> how often."""


class Loki:
    """Follows one query of one Loki."""

    keeps_evidence = False

    def __init__(  # noqa: PLR0913 # the keys of the settings
        self,
        name: str,
        url: str,
        query: str,
        *,
        tenant: str = "",
        token_file: str = "",
        ca_file: str = "",
        every: float = 10.0,
        since: float = 3600.0,
        delay: float = 15.0,
    ) -> None:
        """`every`, `since` and `delay` in seconds, as in the settings."""
        self.name = name
        self._subject = url
        self._pages = Pages(LokiClient(url, tenant=tenant, token_file=token_file, ca_file=ca_file), query)
        self._every, self._since, self._delay = every, since, delay
        self._cursor: Cursor | None = None
        self._changed = threading.Condition()
        # Beneath here: shared with the thread, under `_changed`.
        self._waiting: deque[Piece] = deque()
        self._bytes = 0
        self._closed = False
        self._trouble: Trouble | None = None
        self._lost: tuple[float, Trouble] | None = None
        self._thread: threading.Thread | None = None

    def resume(self, positions: Mapping[str, Position]) -> None:
        """Go on after the last line of the last run."""
        position = positions.get(STREAM, {})
        when, given = position.get("time"), position.get("given")
        if isinstance(when, int) and isinstance(given, Mapping):
            self._cursor = Cursor(when, {str(key): int(str(count)) for key, count in given.items()})
        else:
            # Kept at once: a Loki that has no lines would else be asked from later on after each restart.
            self._cursor = Cursor(time.time_ns() - int(self._since * _SECOND), {})
            self._waiting.append(Piece(STREAM, self.name, b"", {"time": self._cursor.time, "given": {}}))

    def poll(self, limit: int) -> Sequence[Piece]:
        """The lines that have come in; the first call begins to ask."""
        with self._changed:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._ask, name=f"loki {self.name}", daemon=True)
                self._thread.start()
            given: list[Piece] = []
            size = 0
            while self._waiting and (not given or size + len(self._waiting[0].data) <= limit):
                given.append(self._waiting.popleft())
                size += len(given[-1].data)
            self._bytes -= size
            self._changed.notify_all()
        return given

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:  # noqa: ARG002 # there is but one stream
        """Nothing is let go of."""
        return ()

    def behind(self) -> int:
        """Bytes that were fetched and not taken; what Loki still has, nobody knows."""
        with self._changed:
            return self._bytes

    def troubles(self) -> Sequence[Trouble]:
        """Why Loki does not answer; and for an hour, what it could not be asked for."""
        with self._changed:
            lost = self._lost[1] if self._lost and time.monotonic() - self._lost[0] < _KEPT else None
            return [trouble for trouble in (self._trouble, lost) if trouble is not None]

    def close(self) -> None:
        """Stop asking. A question that is under way is left to its timeout."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(1.0)
        self._pages.client.close()

    def _ask(self) -> None:
        """The thread: one answer after the other, at once while there is more, else at the pace of `every`."""
        start = time.time_ns() - int(self._since * _SECOND)
        cursor = self._cursor or Cursor(start, {})
        failures = 0
        while self._wanted():
            end = time.time_ns() - int(self._delay * _SECOND)
            try:
                behind, fresh, more = self._pages.next(cursor, end)
            except (LokiRefused, NoAnswer, BadSecret, OSError, ValueError) as error:
                failures += 1
                pause = min(max(0.5, self._every) * 2 ** min(failures - 1, 6), _LONGEST_PAUSE)
                self._tell(_trouble(self._subject, error))
                self._pause(max(pause, getattr(error, "retry_after", 0.0)))
                continue
            failures = 0
            self._tell(None)
            self._give(_pieces(self.name, fresh, cursor, behind))
            cursor = behind
            if not more:
                self._pause(self._every)

    def _wanted(self) -> bool:
        """Wait until what was fetched is taken; False once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._bytes < _WAITING)
            return not self._closed

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)

    def _tell(self, trouble: Trouble | None) -> None:
        with self._changed:
            self._trouble = trouble
            if self._pages.lost:
                self._lost = (time.monotonic(), Trouble(self._subject, self._pages.lost, _MEND_LOST))
                self._pages.lost = ""

    def _give(self, pieces: Sequence[Piece]) -> None:
        with self._changed:
            self._waiting.extend(pieces)
            self._bytes += sum(len(piece.data) for piece in pieces)


class Pages:
    """Answers one after the other; knows how much Loki gives at once."""

    def __init__(self, client: LokiClient, query: str) -> None:
        """`query`: one that gives lines."""
        self.client = client
        self.lost = ""
        """What could not be asked for, once it happened; whoever tells it empties it."""
        self._query = query
        self._most = _MOST
        """As far as Loki allows it."""
        self._limit = min(_FIRST_LIMIT, _LIMIT)
        self._room = _ANSWER
        """Bytes of a good answer; less where answers did not come, so that the same is not tried again and again."""
        self._cap = _MOST
        """For one stream and time; less where more was tried and never came."""
        self._span = _DAY
        self._empty_to = 0
        """Up to here nothing is left; told by answers that were not full."""

    def next(self, cursor: Cursor, end: int) -> tuple[Cursor, list[Fresh], bool]:
        """The lines after `cursor` and before `end`: (the cursor behind them, the lines, whether there are more).

        Raises what the client raises.
        """
        while True:
            # No further back than half of what is asked for at once, or it would not get on.
            start = max(cursor.time, self._empty_to - min(_AGAIN, self._span // 2))
            if start >= end:
                return cursor, [], False
            try:
                return self._next(cursor, start, min(end, start + self._span), end)
            except _TooLong:
                self._span //= 2

    def _next(self, cursor: Cursor, start: int, until: int, end: int) -> tuple[Cursor, list[Fresh], bool]:
        try:
            page = self._asked(self._query, start, until, self._limit)
        except (LokiRefused, NoAnswer) as error:
            if _may_be_too_much(error):
                self._limit = max(1, self._limit // 2)
                self._room = max(_LEAST_ANSWER, self._room // 2)
            raise
        self._limit = min(_LIMIT, self._most, page.limit * 2, page.fitting(self._room))
        # If all lines of a full answer share the cursor's time, asking from there again would give the same.
        while page.full and page.entries[-1].time == start and page.limit < self._limit:
            larger = self._asked(self._query, start, until, self._limit)
            if larger.limit <= page.limit:
                break
            page = larger
            self._limit = min(_LIMIT, self._most, page.limit * 2, page.fitting(self._room))
        if page.full and page.entries[-1].time == start:
            return Cursor(start + 1, {}), _fresh(self._by_stream(start, page), cursor)[0], True
        fresh, behind = _fresh(page.entries, cursor)
        if not page.full:
            self._empty_to = until
        return behind, fresh, page.full or until < end

    def _asked(self, query: str, start: int, end: int, limit: int) -> _Page:
        """One answer; asked for less where Loki does not give so much."""
        while True:
            limit = min(limit, self._most)
            try:
                return _Page(self.client.query_range(query, start, end, limit), limit)
            except (LokiRefused, NoAnswer) as error:
                text = error.words if isinstance(error, LokiRefused) else str(error)
                if "max entries limit" in text and limit > 1:
                    allowed = _ALLOWED.search(text)
                    self._most = max(1, min(limit - 1, int(allowed[1])) if allowed else limit // 2)
                elif "time range exceeds" in text and self._span > _SECOND:
                    raise _TooLong from error
                elif ("an answer of more than" in text or "larger than max" in text) and limit > 1:
                    limit //= 2
                else:
                    raise

    def _by_stream(self, when: int, page: _Page) -> list[Entry]:
        """All lines of one nanosecond, asked for stream by stream: together they are more than Loki gives, or more than
        it can be asked for. `page`: some of them."""
        at = _selector_end(self._query)
        entries: list[Entry] = []
        found = self.client.series(self._query[: at + 1].lstrip("( \t\r\n"), when, when + 1)
        for matchers in sorted({_matchers(labels) for labels in found}):
            query = f"{self._query[:at]}{matchers}{self._query[at:]}"
            one = self._of_one(query, when, max(page.limit, page.fitting(self._room)))
            while one.full and one.limit < min(self._most, self._cap):
                larger = self._of_one(query, when, one.limit * 2)
                if larger.limit <= one.limit:
                    break
                one = larger
            entries += one.entries
            if one.full:
                self.lost = f"more than {one.limit} lines of one stream share the time {when}; those beyond are lost"
        self._cap = _MOST
        return entries

    def _of_one(self, query: str, when: int, limit: int) -> _Page:
        """The lines of one stream and time; what did not come is not tried again."""
        limit = min(limit, self._most, self._cap)
        try:
            return self._asked(query, when, when + 1, limit)
        except (LokiRefused, NoAnswer) as error:
            if _may_be_too_much(error):
                self._cap = max(1, limit // 2)
            raise


class _Page(NamedTuple):
    entries: list[Entry]
    limit: int

    @property
    def full(self) -> bool:
        """There may be more."""
        return len(self.entries) >= self.limit

    def fitting(self, room: int) -> int:
        """How many lines like these make an answer of `room` bytes."""
        size = sum(len(entry.line) + len(entry.labels) for entry in self.entries)
        return max(1, room * len(self.entries) // size) if size else self.limit


def _may_be_too_much(error: LokiRefused | NoAnswer) -> bool:
    """Neither a no nor out of reach: an answer that is too large for Loki, or for what stands before it, does not
    come, and nothing says why."""
    return error.status >= 500 if isinstance(error, LokiRefused) else str(error) in _BROKEN_OFF


_BROKEN_OFF = ("no answer in time", "the connection broke off")


class _TooLong(Exception):
    """Loki does not look through so long a time at once."""


class Fresh(NamedTuple):
    """A line that was not given yet."""

    entry: Entry
    digest: str
    """Of labels and line."""


def _fresh(entries: Sequence[Entry], cursor: Cursor) -> tuple[list[Fresh], Cursor]:
    """The entries that were not given, and the cursor behind them.

    An answer need not hold the same lines of a time as the last one, so what was given of it is counted, not skipped.
    """
    found: list[Fresh] = []
    seen: Counter[str] = Counter()
    when, given = cursor.time, dict(cursor.given)
    for entry in entries:
        if entry.time < when:
            continue
        if entry.time > when:
            when, given = entry.time, {}
            seen.clear()
        digest = blake2s(entry.labels + b"\0" + entry.line.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        seen[digest] += 1
        if seen[digest] > given.get(digest, 0):
            given[digest] = seen[digest]
            found.append(Fresh(entry, digest))
    return found, Cursor(when, given)


def _pieces(name: str, fresh: Sequence[Fresh], cursor: Cursor, behind: Cursor) -> list[Piece]:
    """Lines as pieces, each with the cursor behind its last line."""
    pieces: list[Piece] = []
    lines: list[bytes] = []
    size = 0
    when, given = cursor.time, dict(cursor.given)
    for at, (entry, digest) in enumerate(fresh, 1):
        if entry.time > when:
            when, given = entry.time, {}
        given[digest] = given.get(digest, 0) + 1
        lines.append(_lines(entry.line))
        size += len(lines[-1])
        last = at == len(fresh)
        if size >= _PIECE or last:
            here = behind if last else Cursor(when, dict(given))
            pieces.append(Piece(STREAM, name, b"".join(lines), {"time": here.time, "given": dict(here.given)}))
            lines, size = [], 0
    return pieces


def _lines(text: str) -> bytes:
    """An entry as whole lines. JSON stays on one, since its line ends stand between tokens; text that a shipper had
    joined is split again."""
    data = text.encode("utf-8", "surrogatepass")
    if b"\n" in data and data.lstrip()[:1] in (b"{", b"["):
        data = data.strip().replace(b"\r\n", b" ").replace(b"\n", b" ")
    return data if data.endswith(b"\n") else data + b"\n"


def _matchers(labels: Mapping[str, str]) -> str:
    """What chooses the streams of these labels, to be added to a selector."""
    return "".join(f', {name}="{logql(text)}"' for name, text in sorted(labels.items()) if name not in _KEYWORDS)


def _selector_end(query: str) -> int:
    """Where the `}` of the stream selector stands; quoted ones are passed over."""
    quote = ""
    at = 0
    while at < len(query):
        char = query[at]
        if quote:
            if char == "\\" and quote == '"':
                at += 1
            elif char == quote:
                quote = ""
        elif char in '"`':
            quote = char
        elif char == "}":
            return at
        at += 1
    return len(query)


_MEND_LOST = (
    "let the shipper stamp lines finer, or raise max_entries_limit_per_query in Loki's limits_config (and "
    "grpc_server_max_recv_msg_size where lines are long)"
)
_MENDS: Mapping[int, str] = {
    400: "try the query with logcli or in Grafana's Explore",
    401: "check token_file",
    403: "check token_file and tenant",
    404: "check url: it is Loki's base URL, without /loki; and that its gateway passes /loki/api/v1/query_range",
    429: "raise Loki's limits for this tenant, or `every`; it is asked again by itself",
}


def _trouble(subject: str, error: Exception) -> Trouble:
    if isinstance(error, LokiRefused):
        mend = _MENDS.get(error.status, "look into Loki's own log; it is asked again by itself")
        return Trouble(subject, f"Loki refused: {error}", mend)
    if isinstance(error, BadSecret):
        return Trouble(subject, f"the token cannot be read: {error}", "check token_file")
    if isinstance(error, OSError):
        # Certificates are files too.
        return Trouble(subject, f"cannot ask: {error.strerror or error}", "check ca_file")
    return Trouble(subject, f"no answer: {error}", "check url and that Loki runs; it is asked again by itself")
