"""Loki's HTTP API, as far as log lines are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote, urlencode

import msgspec

from vedette.clients.base import Answer, Http, NoAnswer, secret
from vedette.escape import terminal

_WORDS = 200
"""Characters of the server's own words that are passed on."""
_LONGEST_WAIT = 600.0


class LokiRefused(Exception):
    """Loki answered, with a no; `str()` is the status and its own words, cleaned and cut."""

    def __init__(self, status: int, words: str, retry_after: float = 0.0) -> None:
        """`retry_after`: seconds that it asked to wait; 0: it did not say."""
        super().__init__(f"{status} {terminal(words.strip(), _WORDS)}".strip())
        self.status = status
        self.words = words
        self.retry_after = retry_after


class Entry(NamedTuple):
    """One log line as Loki has it."""

    time: int
    """Nanoseconds since 1970."""
    labels: bytes
    """The labels of its stream, always the same bytes for the same labels."""
    line: str


class _Stream(msgspec.Struct, gc=False):
    stream: dict[str, str]
    values: list[list[object]]


class _Data(msgspec.Struct, gc=False):
    result: msgspec.Raw
    kind: str = msgspec.field(name="resultType")


class _Answer(msgspec.Struct, gc=False):
    data: _Data


class _Sample(msgspec.Struct, gc=False):
    metric: dict[str, str]


class _Series(msgspec.Struct, gc=False):
    data: list[dict[str, str]] | None = None


class _Values(msgspec.Struct, gc=False):
    data: list[str] | None = None


_answer = msgspec.json.Decoder(_Answer).decode
_streams = msgspec.json.Decoder(list[_Stream]).decode
_samples = msgspec.json.Decoder(list[_Sample]).decode
_series = msgspec.json.Decoder(_Series).decode
_values = msgspec.json.Decoder(_Values).decode
_sorted = msgspec.json.Encoder(order="sorted").encode


class LokiClient:
    """Asks one Loki. Its calls come from one thread."""

    def __init__(
        self, url: str, *, tenant: str = "", token_file: str = "", ca_file: str = "", timeout: float = 30.0
    ) -> None:
        """`url`: the base URL, without `/loki`. `timeout`: seconds; Loki may take that long to look."""
        self._url = url.rstrip("/")
        self._tenant = tenant
        self._token_file = token_file
        self._http = Http(ca_file=ca_file, timeout=timeout)

    def query_range(self, query: str, start: int, end: int, limit: int) -> list[Entry]:
        """The oldest `limit` lines from `start` to before `end` (nanoseconds), in the order of their times.

        Raises LokiRefused, NoAnswer, BadSecret.
        """
        said = {"query": query, "start": start, "end": end, "limit": limit, "direction": "forward"}
        body = self._get("query_range", said)
        try:
            data = _answer(body).data
            if data.kind != "streams":
                raise LokiRefused(400, f"the query gives a {data.kind}, not log lines")
            found = [entry for stream in _streams(data.result) for entry in _entries(stream)]
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, IndexError, RecursionError) as error:
            raise NoAnswer("an answer that is not Loki's") from error
        found.sort(key=lambda entry: entry.time)
        return found

    def series(self, selector: str, start: int, end: int) -> list[Mapping[str, str]]:
        """The labels of the streams that `selector` chooses and that have lines about then. Raises as `query_range`."""
        body = self._get("series", {"match[]": selector, "start": start, "end": end})
        try:
            return list(_series(body).data or ())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswer("an answer that is not Loki's") from error

    def newest(self, selector: str, start: int, end: int) -> Entry | None:
        """The newest line from `start` to before `end` (nanoseconds); None: there is none. Raises as `query_range`."""
        found = self.latest(selector, start, end, 1)
        return found[0] if found else None

    def latest(self, selector: str, start: int, end: int, limit: int) -> list[Entry]:
        """The newest `limit` lines from `start` to before `end` (nanoseconds), the newest first. Raises as
        `query_range`."""
        said = {"query": selector, "start": start, "end": end, "limit": limit, "direction": "backward"}
        body = self._get("query_range", said)
        try:
            found = [entry for stream in _streams(_answer(body).data.result) for entry in _entries(stream)]
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, IndexError, RecursionError) as error:
            raise NoAnswer("an answer that is not Loki's") from error
        return sorted(found, key=lambda entry: entry.time, reverse=True)

    def values(self, label: str, start: int, end: int) -> list[str]:
        """The values that a label has about then. Raises as `query_range`."""
        body = self._get(f"label/{quote(label, safe='')}/values", {"start": start, "end": end})
        try:
            return list(_values(body).data or ())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswer("an answer that is not Loki's") from error

    def push(self, streams: Sequence[tuple[Mapping[str, str], Sequence[tuple[int, str]]]]) -> None:
        """Bring lines: of each stream its labels, and (nanoseconds since 1970, line) in order. Raises alike."""
        body = {
            "streams": [
                {"stream": labels, "values": [[str(when), line] for when, line in values]} for labels, values in streams
            ]
        }
        answer = self._http.request(
            "POST",
            f"{self._url}/loki/api/v1/push",
            headers=self._headers() | {"Content-Type": "application/json"},
            body=msgspec.json.encode(body),
        )
        if answer.status not in (200, 204):
            raise LokiRefused(answer.status, _words(answer), _wait(answer.headers.get("retry-after", "")))

    def vector(self, query: str, at: int) -> list[Mapping[str, str]]:
        """The labels of every series that a metric query has at a time (nanoseconds). Raises as `query_range`."""
        body = self._get("query", {"query": query, "time": at, "limit": 5000})
        try:
            return [one.metric for one in _samples(_answer(body).data.result)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswer("an answer that is not Loki's") from error

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def ask(self, path: str, said: Mapping[str, object] | None = None, *, form: bool = False) -> Answer:
        """What stands at a path of this Loki (`/metrics`), where the status is 200; with `form`, `said` is posted: a
        URL has not the room for a long query. Raises LokiRefused, NoAnswer, BadSecret."""
        query = urlencode(said or {})
        headers = self._headers()
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = self._http.request("POST", self._url + path, headers=headers, body=query.encode())
        else:
            answer = self._http.request("GET", f"{self._url}{path}{'?' if query else ''}{query}", headers=headers)
        if answer.status != 200:
            raise LokiRefused(answer.status, _words(answer), _wait(answer.headers.get("retry-after", "")))
        return answer

    def _get(self, what: str, said: Mapping[str, object]) -> bytes:
        return self.ask(f"/loki/api/v1/{what}", said).body

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self._tenant:
            headers["X-Scope-OrgID"] = self._tenant
        if self._token_file:
            headers["Authorization"] = f"Bearer {secret(self._token_file)}"
        return headers


def _entries(stream: _Stream) -> list[Entry]:
    labels = _sorted(stream.stream)
    return [Entry(int(str(value[0])), labels, str(value[1])) for value in stream.values]


def _words(answer: Answer) -> str:
    """What the server says: Loki answers in plain text, a proxy before it with a page, of which nothing is shown."""
    if "html" in answer.headers.get("content-type", ""):
        return "(a web page)"
    return answer.body[:4096].decode("utf-8", "replace")


def _wait(text: str) -> float:
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0
