"""Alertmanager, API v2: alerts, silences and the status of one member.

Fields are those of its api/v2/openapi.yaml. Times go in as nanoseconds since 1970 and out as it writes them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from vedette.clients.base import LONGEST_ANSWER, Answer, BadSecret, Http, NoAnswer, secret
from vedette.escape import terminal

_T = TypeVar("_T")
_YEAR_9999 = 253_402_300_799
_WORDS = 200
"""Characters of Alertmanager's own words that are passed on."""
_REQUESTS = re.compile(
    rb"^alertmanager_notification_requests_(failed_)?total\{([^}\n]*)\} ([0-9][0-9.e+]*)$", re.MULTILINE
)
_INTEGRATION = re.compile(rb'(?:^|,)integration="([a-z0-9_]+)"')
_LONGEST_SAID = 1 << 20
"""Bytes of an answer to a post."""


class Matcher(msgspec.Struct, frozen=True, rename="camel"):
    """One condition of a silence on a label."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True
    """False: the label must be something else."""


class State(msgspec.Struct, frozen=True, rename="camel"):
    """What Alertmanager does with an alert."""

    state: str = ""
    """unprocessed, active or suppressed."""
    silenced_by: tuple[str, ...] = ()
    """Silences by id."""
    inhibited_by: tuple[str, ...] = ()
    """Alerts by fingerprint."""


class HeldAlert(msgspec.Struct, frozen=True, rename="camel"):
    """An alert that Alertmanager holds. Times are RFC 3339."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    fingerprint: str
    status: State
    generator_url: str = msgspec.field(default="", name="generatorURL")
    receivers: tuple[dict[str, str], ...] = ()
    """Whom its routes name, as `{name: …}`."""


class SilenceState(msgspec.Struct, frozen=True):
    """Whether a silence counts."""

    state: str = ""
    """active, pending or expired."""


class Silence(msgspec.Struct, frozen=True, rename="camel"):
    """A silence that Alertmanager holds. Times are RFC 3339."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    status: SilenceState


class Cluster(msgspec.Struct, frozen=True):
    """What a member knows of its cluster."""

    status: str = ""
    """ready, settling or disabled."""
    peers: tuple[dict[str, str], ...] = ()


class Status(msgspec.Struct, frozen=True, rename="camel"):
    """What a member says of itself; its configuration, which may hold secrets, is left out."""

    cluster: Cluster
    version_info: dict[str, str]
    uptime: str
    """Since when it runs, RFC 3339."""


class _Original(msgspec.Struct):
    original: str


class _Configured(msgspec.Struct):
    config: _Original


class _Made(msgspec.Struct):
    silence_id: str = msgspec.field(name="silenceID")


class Alertmanager:
    """One member. May be shared by threads."""

    def __init__(
        self,
        url: str,
        *,
        token_file: str = "",
        username: str = "",
        password_file: str = "",
        ca_file: str = "",
        timeout: float = 10.0,
    ) -> None:
        """`url`: its base URL, with its path prefix if it has one. A bearer token, or a user's name and password."""
        self._url = url.rstrip("/") + "/api/v2"
        self._token_file = token_file
        self._username = username
        self._password_file = password_file
        self._http = Http(ca_file=ca_file, timeout=timeout)

    def post_alerts(self, alerts: Sequence[Mapping[str, object]]) -> Answer:
        """Post `postableAlert`s; gives the answer whatever its status. Raises NoAnswer, BadSecret, ValueError.

        It takes the valid ones of a batch that it answers with 400, unless one has not even the schema's form.
        """
        return self._ask("POST", "/alerts", alerts, _LONGEST_SAID)

    def alerts(self, filters: Sequence[str] = ()) -> tuple[HeldAlert, ...]:
        """The alerts it holds that have not ended, silenced ones included; `filters` are matchers: `rule_id="K4"`."""
        return self._get("/alerts", filters, tuple[HeldAlert, ...])

    def silences(self, filters: Sequence[str] = ()) -> tuple[Silence, ...]:
        """The silences it holds, expired ones included."""
        return self._get("/silences", filters, tuple[Silence, ...])

    def create_silence(self, matchers: Sequence[Matcher], starts: int, ends: int, comment: str, author: str) -> str:
        """Make a silence; gives its id. Times are nanoseconds since 1970."""
        wanted = {
            "matchers": matchers,
            "startsAt": rfc3339(starts),
            "endsAt": rfc3339(ends),
            "comment": comment,
            "createdBy": author,
        }
        return _decoded(self._ask("POST", "/silences", wanted), _Made, "POST /silences").silence_id

    def delete_silence(self, silence_id: str) -> None:
        """Expire a silence."""
        answer = self._ask("DELETE", "/silence/" + quote(silence_id, safe=""))
        if answer.status != 200:
            raise _refusal("DELETE /silence", answer)

    def status(self) -> Status:
        """Its version, and its cluster as it sees it."""
        return self._get("/status", (), Status)

    def configuration(self) -> str:
        """The configuration in force, as YAML; it writes `<secret>` for each secret in it."""
        return self._get("/status", (), _Configured).config.original

    def requests(self) -> Mapping[str, tuple[int, int]]:
        """Kind of receiver (slack, webhook, …) -> requests that it made since its start, and those that failed.

        By its /metrics; nothing of them where they are another's. Raises NoAnswer, BadSecret.
        """
        proof = self._proof()
        headers = {"User-Agent": "vedette", **({"Authorization": proof} if proof else {})}
        answer = self._http.request("GET", self._url.removesuffix("/api/v2") + "/metrics", headers=headers)
        if answer.status != 200:
            raise _refusal("GET /metrics", answer)
        made: dict[str, list[int]] = {}
        # Newer versions tell the reason or the receiver by more labels: such samples are summed.
        for failed, labels, value in _REQUESTS.findall(answer.body):
            kind = _INTEGRATION.search(labels)
            if kind is not None:
                made.setdefault(kind[1].decode(), [0, 0])[bool(failed)] += int(float(value))
        return {kind: (sums[0], sums[1]) for kind, sums in made.items()}

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def _get(self, path: str, filters: Sequence[str], shape: type[_T]) -> _T:
        query = "?" + urlencode([("filter", text) for text in filters]) if filters else ""
        return _decoded(self._ask("GET", path + query), shape, f"GET {path}")

    def _ask(self, method: str, path: str, body: object = None, longest: int = LONGEST_ANSWER) -> Answer:
        proof = self._proof()
        headers = {"User-Agent": "vedette", "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        if proof:
            headers["Authorization"] = proof
        answer = self._http.request(method, self._url + path, headers=headers, body=data, longest=longest)
        # What is said of a wrong alert is shown to people; whatever stands in between may repeat the request in it.
        hidden = proof.partition(" ")[2].encode()
        return replace(answer, body=answer.body.replace(hidden, b"(hidden)")) if hidden else answer

    def _proof(self) -> str:
        """The Authorization header's text, or nothing."""
        if self._token_file:
            token = secret(self._token_file)
            if not token.isascii():
                raise BadSecret(f"{self._token_file}: characters that no token has")
            return f"Bearer {token}"
        if self._username:
            pair = f"{self._username}:{secret(self._password_file)}"
            return "Basic " + base64.b64encode(pair.encode()).decode()
        return ""


def rfc3339(time_ns: int) -> str:
    """A time as Alertmanager reads it, in UTC with nanoseconds; one beyond the years that it knows becomes the last."""
    seconds, rest = divmod(max(time_ns, 0), 1_000_000_000)
    if seconds > _YEAR_9999:
        seconds, rest = _YEAR_9999, 0
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def words(body: bytes) -> str:
    """What Alertmanager says is wrong, cleaned and cut: a JSON text, or an object with `message` from its schema's
    check; nothing for what is neither."""
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if isinstance(said, dict):
        said = said.get("message")
    return terminal(said, _WORDS) if isinstance(said, str) else ""


def _refusal(asked: str, answer: Answer) -> NoAnswer:
    return NoAnswer(f"{asked}: {answer.status} {words(answer.body)}".rstrip())


def _decoded(answer: Answer, shape: type[_T], asked: str) -> _T:
    if answer.status != 200:
        raise _refusal(asked, answer)
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NoAnswer(f"{asked}: 200, and not what Alertmanager answers") from None
