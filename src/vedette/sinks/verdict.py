"""What an HTTP answer says about a notification: told, later, never, or not this one."""

from __future__ import annotations

import re
from http import HTTPStatus

from vedette.clients.base import Answer, BadSecret, NoAnswer
from vedette.sinks.base import NotDelivered

LONGEST_WAIT = 3600.0
"""Seconds. A far end that asks for more is asked again after so long all the same: it must not mute alerts for good."""
_REFUSED = frozenset({400, 413, 422})
_LATER = frozenset({408, 409, 425, 429})
"""409: the same Idempotency-Key is being dealt with; 425: too early."""
_UNSENT = ("TLS: ", "connection refused", "no connection", "the name cannot")
"""How reasons begin that tell that nothing was sent; they are those of clients/base.py."""
_SECONDS = re.compile(r"\d{1,10}(\.\d+)?\Z", re.ASCII)


def verdict(answer: Answer, now: float) -> NotDelivered | None:
    """None where the far end took it (2xx), else why not. `now`: seconds since 1970.

    The reason holds nothing but the status: what the far end writes may repeat a secret or a log line.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    reason = f"{status} {_phrase(status)}".rstrip()
    if status in _REFUSED:
        return NotDelivered(reason, refused=True)
    if status in _LATER or status >= 500:
        wait = retry_after(answer.headers.get("retry-after", ""), now)
        return NotDelivered(reason, retry_after=wait, perhaps=status >= 500 and status != 503)
    if 300 <= status < 400:
        reason += ": redirects are not followed"
    return NotDelivered(reason, dead=True)


def unanswered(error: NoAnswer | BadSecret) -> NotDelivered:
    """What it means that there was no answer. A secret or certificate file that cannot be read, a certificate that
    cannot be verified, and a URL that is none do not mend themselves."""
    reason, cause = str(error), error.__cause__
    here = isinstance(error, BadSecret) or (isinstance(cause, OSError) and cause.filename is not None)
    wrong = isinstance(cause, ValueError) or reason.startswith("TLS: the certificate")
    sent = not (here or wrong or reason.startswith(_UNSENT))
    return NotDelivered(reason, dead=here or wrong, perhaps=sent)


def retry_after(value: str, now: float) -> float:
    """Seconds to wait by a Retry-After header, which is a number or an HTTP date (RFC 9110, 10.2.3); 0 for neither."""
    value = value.strip()
    if _SECONDS.match(value):
        return min(float(value), LONGEST_WAIT)
    from email.utils import parsedate_to_datetime

    try:
        wait = parsedate_to_datetime(value).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(max(wait, 0.0), LONGEST_WAIT)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
