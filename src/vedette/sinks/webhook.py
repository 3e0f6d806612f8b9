"""Any HTTP endpoint: one signed POST of JSON a notification.

`X-Vedette-Signature: v1=<hex>` is the HMAC-SHA256 of `<X-Vedette-Timestamp>.<body>` under the shared key. A receiver
compares in constant time, refuses an old timestamp, and drops an Idempotency-Key that it has seen.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from vedette.clients.base import BadSecret, Http, NoAnswer, secret
from vedette.notification import Notification
from vedette.sinks.base import NotDelivered
from vedette.sinks.record import encoded
from vedette.sinks.verdict import unanswered, verdict

_LONGEST_ANSWER = 1 << 20
"""Bytes. Nothing of it is used, but a connection is only used again when it is read."""


class Webhook:
    """One endpoint."""

    batch = 1
    resend = 0.0
    hold = 0.0

    def __init__(
        self,
        name: str,
        *,
        url: str = "",
        url_file: str = "",
        secret_file: str = "",
        ca_file: str = "",
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """As the settings' keys. `timeout`: seconds; `clock`: seconds since 1970."""
        self.name = name
        self._url = url
        self._url_file = url_file
        self._secret_file = secret_file
        self._clock = clock
        self._http = Http(ca_file=ca_file, timeout=timeout)

    def send(self, notifications: Sequence[Notification]) -> str:
        """Post each; gives no receipt. Raises NotDelivered."""
        for notification in notifications:
            self._post(notification)
        return ""

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def _post(self, notification: Notification) -> None:
        body = encoded(notification)
        try:
            headers = self._headers(notification, body)
            answer = self._http.request("POST", self._address(), headers=headers, body=body, longest=_LONGEST_ANSWER)
        except (NoAnswer, BadSecret) as error:
            raise unanswered(error) from None
        except ValueError:
            # Without the text: it may be a secret.
            raise NotDelivered("no http or https URL", dead=True) from None
        refusal = verdict(answer, self._clock())
        if refusal is not None:
            raise refusal

    def _address(self) -> str:
        return secret(self._url_file) if self._url_file else self._url

    def _headers(self, notification: Notification, body: bytes) -> dict[str, str]:
        stamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "vedette",
            "Idempotency-Key": quote(notification.id, safe=":/.", errors="replace"),
            "X-Vedette-Timestamp": stamp,
        }
        if self._secret_file:
            key = secret(self._secret_file).encode()
            headers["X-Vedette-Signature"] = "v1=" + signature(key, stamp, body)
        return headers


def signature(key: bytes, timestamp: str, body: bytes) -> str:
    """What X-Vedette-Signature holds behind `v1=`: hexadecimal digits in small letters."""
    return hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
