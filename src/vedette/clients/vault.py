"""Vault and OpenBao, as far as vedette asks them: the seal state, the audit devices, the ACL policies.

What a call needs was tried on Vault 1.21.4: `sys/seal-status` nothing at all, `sys/audit` read with sudo, the list of
policies list, a policy's text read, the configuration read. `render/rights.py` prints a policy with just that.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from vedette.clients.base import Answer, BadSecret, Http, NoAnswer, secret
from vedette.clients.reading import base_url, fault_here, json_body


class VaultRefused(Exception):
    """An answer that is not the one asked for; `str()` is the reason, with the server's own words cut short."""

    def __init__(self, status: int, reason: str) -> None:
        """`status`: of HTTP; 200 where the answer was none of Vault's."""
        super().__init__(reason)
        self.status = status


class Vault:
    """One node. Every call raises NoAnswer, VaultRefused, or BadSecret for a token that cannot be read."""

    def __init__(self, address: str, *, token_file: str = "", ca_file: str = "", timeout: float = 10.0) -> None:
        """`address`: the base URL. Without `token_file` only `seal_status` is answered. Raises ValueError for an
        address that is no plain http(s) URL."""
        self.address = base_url(address)
        self._token_file = token_file
        self._http = Http(ca_file=ca_file, timeout=timeout)

    @property
    def server(self) -> str:
        """Its address, by the name that every client of an action has for it."""
        return self.address

    @property
    def has_token(self) -> bool:
        """Whether there is a token to show."""
        return bool(self._token_file)

    def seal_status(self) -> Mapping[str, object]:
        """What the node says of its seal: `sealed`, `initialized`, `cluster_id` where it is open, `version`, …"""
        return self._asked(self._http.request("GET", f"{self.address}/v1/sys/seal-status"))

    def audit_devices(self) -> Mapping[str, Mapping[str, object]]:
        """The audit devices by path (`file/`): `type`, `options`, `description`, `local`, `path`."""
        return {path: device for path, device in self._data("GET", "sys/audit").items() if isinstance(device, Mapping)}

    def listeners(self) -> list[Mapping[str, object]]:
        """The listeners as configured, without secrets: `type`, and `config` with what is said of X-Forwarded-For."""
        found = self._data("GET", "sys/config/state/sanitized").get("listeners")
        return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []

    def policy_names(self) -> list[str]:
        """The ACL policies' names, `root` and `default` among them."""
        keys = self._data("LIST", "sys/policies/acl").get("keys")
        return [name for name in keys if isinstance(name, str)] if isinstance(keys, list) else []

    def policy(self, name: str) -> str | None:
        """A policy's text; None when it is gone."""
        try:
            text = self._data("GET", f"sys/policies/acl/{quote(name, safe='')}").get("policy")
        except VaultRefused as error:
            if error.status == 404:
                return None
            raise
        return text if isinstance(text, str) else None

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Answer:
        """One request of any kind, with the answer whatever its status.

        `path`: behind /v1/; `token`: whose it is, in place of token_file's; an empty one, or no token_file, is none.
        """
        shown = token if token is not None else secret(self._token_file) if self._token_file else ""
        headers = {"X-Vault-Request": "true", "User-Agent": "vedette"} | ({"X-Vault-Token": shown} if shown else {})
        data = None if body is None else msgspec.json.encode(body)
        return self._http.request(method, f"{self.address}/v1/{path}", headers=headers, body=data)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def _data(self, method: str, path: str) -> Mapping[str, object]:
        headers = {"X-Vault-Request": "true", "X-Vault-Token": secret(self._token_file)}
        answer = self._asked(self._http.request(method, f"{self.address}/v1/{path}", headers=headers))
        data = answer.get("data")
        if not isinstance(data, Mapping):
            raise VaultRefused(200, f"the answer of {path} has no data")
        return data

    def _asked(self, answer: Answer) -> Mapping[str, object]:
        content = json_body(answer.body)
        if answer.status == 200 and isinstance(content, Mapping):
            return content
        if answer.status == 200:
            raise VaultRefused(200, "what answers there is no Vault: no JSON object came")
        raise refused(answer)


def refused(answer: Answer) -> VaultRefused:
    """What is raised for an answer that is not the one asked for, with Vault's own words."""
    return VaultRefused(answer.status, f"HTTP {answer.status}{_errors(json_body(answer.body))}")


def mend(error: NoAnswer | VaultRefused | BadSecret, grant: str) -> str:
    """What to do about a look that gave nothing. `grant`: for where it is a right that lacks."""
    if isinstance(error, BadSecret):
        return "write the token into token_file, readable by vedette alone"
    if isinstance(error, NoAnswer):
        if fault_here(error):
            return "name in ca_file the certificates that the node's is signed by"
        return "see whether the node is up and reachable from here"
    if "invalid token" in str(error):
        return "the token has expired or was revoked: write a new one into token_file"
    if error.status == 503:
        return "it is sealed or on standby: unseal it, or name the active node"
    return grant if error.status == 403 else "see that address is the node's own, and what its log says"


def _errors(content: object) -> str:
    """Vault's own words, a list of texts with line ends and tabs in them, on one line."""
    errors = content.get("errors") if isinstance(content, Mapping) else None
    words = " ".join(" ".join(map(str, errors)).split()) if isinstance(errors, list) else ""
    return f": {words[:200]}" if words else ""
