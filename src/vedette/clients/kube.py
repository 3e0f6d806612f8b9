"""The Kubernetes API server, as far as vedette asks it: pages of a list, and its metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

import msgspec

from vedette.clients.base import Answer, Http, secret
from vedette.clients.reading import base_url, json_body


class KubeRefused(Exception):
    """An answer that is not the one asked for; `str()` is the reason, with the server's own words cut short."""

    def __init__(self, status: int, reason: str) -> None:
        """`status`: of HTTP; 200 where the answer was none of an API server's."""
        super().__init__(reason)
        self.status = status


class _ListMeta(msgspec.Struct):
    token: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


_PAGES = msgspec.json.Decoder(_List)
_AGAIN = 3
"""Times that a list is begun anew; a continuation lives some five minutes, so one that keeps expiring is no luck."""


class Kube:
    """One API server. Every call raises NoAnswer, KubeRefused, or BadSecret for a token that cannot be read."""

    def __init__(
        self,
        server: str,
        *,
        token_file: str = "",
        client_cert_file: str = "",
        client_key_file: str = "",
        ca_file: str = "",
        timeout: float = 20.0,
    ) -> None:
        """`server`: the base URL. Raises ValueError for one that is no plain http(s) URL."""
        self.server = base_url(server)
        self._token_file = token_file
        self._http = Http(ca_file=ca_file, cert_file=client_cert_file, key_file=client_key_file, timeout=timeout)

    def pages(self, path: str, size: int = 500) -> Iterator[list[msgspec.Raw]]:
        """The objects of a list as JSON, at most `size` at a time; `path` as `/apis/GROUP/VERSION/RESOURCE`.

        Items have neither kind nor apiVersion. When a continuation expires the list is begun anew, so that an object
        may come twice.
        """
        begun = 0
        token = ""
        while True:
            more = f"&continue={quote(token, safe='')}" if token else ""
            try:
                page = self._page(f"{path}?limit={size}{more}")
            except KubeRefused as error:
                if error.status != 410 or begun >= _AGAIN:
                    raise
                begun += 1
                token = ""
                continue
            yield page.items or []
            token = page.metadata.token
            if not token:
                return

    def metrics(self) -> bytes:
        """What /metrics says, in Prometheus' text form."""
        answer = self._get("/metrics", "text/plain")
        if answer.status != 200:
            raise refused(answer)
        return answer.body

    def traced(self, path: str, mark: str) -> str:
        """Read one object, which need not be there, under the auditID `mark`; gives the id that the server took."""
        answer = self._get(path, "application/json", {"Audit-ID": mark, "User-Agent": "vedette-tracer"})
        if answer.status not in (200, 404) or not isinstance(json_body(answer.body), dict):
            raise refused(answer)
        return answer.headers.get("audit-id", mark)

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: str = "application/json",
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request of any kind, with the answer whatever its status.

        `body`: what becomes JSON, or a text that is sent as it is; `token`: whose it is, in place of token_file's.
        """
        sent = {"Accept": "application/json", "User-Agent": "vedette", **(headers or {})}
        data = None
        if body is not None:
            sent["Content-Type"] = content
            data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
        if token or self._token_file:
            sent["Authorization"] = f"Bearer {token or secret(self._token_file)}"
        return self._http.request(method, self.server + path, headers=sent, body=data)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _page(self, path: str) -> _List:
        answer = self._get(path, "application/json")
        if answer.status != 200:
            raise refused(answer)
        try:
            return _PAGES.decode(answer.body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise KubeRefused(200, "what answers there is no API server: no list came") from None

    def _get(self, path: str, accept: str, more: Mapping[str, str] | None = None) -> Answer:
        headers = {"Accept": accept, "User-Agent": "vedette", **(more or {})}
        if self._token_file:
            headers["Authorization"] = f"Bearer {secret(self._token_file)}"
        return self._http.request("GET", self.server + path, headers=headers)


def refused(answer: Answer) -> KubeRefused:
    """What is raised for an answer that is not the one asked for, with the message of the `Status` that comes along."""
    status = json_body(answer.body)
    message = status.get("message") if isinstance(status, dict) else None
    words = f": {' '.join(message.split())[:300]}" if isinstance(message, str) and message else ""
    return KubeRefused(answer.status, f"HTTP {answer.status}{words}")
