"""authentik, as far as vedette asks it: pages of a list, and single requests.

Paths, parameters and answers are those of its published schema, version 2026.8 (info.title authentik); no authentik
was to be had for a test, see tests/actions/authentik_schema.README.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from vedette.clients.base import Answer, Http, secret
from vedette.clients.reading import base_url, json_body

API = "/api/v3"
"""What stands before every path of the schema."""
PAGE = 100
"""Objects of a list that are asked for at a time."""
MOST_PAGES = 500

Object = dict[str, Any]


class AuthentikRefused(Exception):
    """An answer that is not the one asked for; `str()` is the reason, with the server's own words cut short."""

    def __init__(self, status: int, reason: str) -> None:
        """`status`: of HTTP; 200 where the answer was none of authentik's."""
        super().__init__(reason)
        self.status = status


class Authentik:
    """One authentik. Every call raises NoAnswer, AuthentikRefused, or BadSecret for a token that cannot be read."""

    def __init__(self, server: str, *, token_file: str = "", ca_file: str = "", timeout: float = 20.0) -> None:
        """`server`: the base URL, with or without /api/v3. Raises ValueError for one that is no plain http(s) URL."""
        self.server = base_url(server).removesuffix(API)
        self._token_file = token_file
        self._http = Http(ca_file=ca_file, timeout=timeout)

    def url(self, path: str) -> str:
        """The URL of a path of the schema."""
        return f"{self.server}{API}{path}"

    def ask(self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None) -> Answer:
        """One request, with the answer whatever its status. `path`: of the schema, with everything in it quoted."""
        headers = {"Accept": "application/json", "User-Agent": "vedette"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = msgspec.json.encode(body)
        if self._token_file:
            headers["Authorization"] = f"Bearer {secret(self._token_file)}"
        asked = f"?{urlencode(query)}" if query else ""
        return self._http.request(method, self.url(path) + asked, headers=headers, body=data)

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[list[Object]]:
        """The objects of a list, at most PAGE at a time. What comes or goes meanwhile may be passed over or be there
        twice."""
        number = 1
        while True:
            answer = self.ask("GET", path, query={**query, "page": str(number), "page_size": str(PAGE)})
            found = json_body(answer.body)
            if answer.status != 200:
                raise refused(answer)
            page = found if isinstance(found, dict) else {}
            results, pagination = page.get("results"), page.get("pagination")
            if not isinstance(results, list) or not isinstance(pagination, dict):
                raise AuthentikRefused(200, "what answers there is no authentik: no list came")
            yield [one for one in results if isinstance(one, dict)]
            following = pagination.get("next")
            if not following:
                return
            if not isinstance(following, (int, float)) or following <= number or following > MOST_PAGES:
                raise AuthentikRefused(200, f"a list of {PAGE * MOST_PAGES:,} objects is the longest that is read")
            number = int(following)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()


def refused(answer: Answer) -> AuthentikRefused:
    """What is raised for an answer that is not the one asked for, with authentik's own words (GenericError.detail)."""
    content = json_body(answer.body)
    detail = content.get("detail") if isinstance(content, dict) else None
    words = f": {' '.join(detail.split())[:200]}" if isinstance(detail, str) and detail else ""
    return AuthentikRefused(answer.status, f"HTTP {answer.status}{words}")
