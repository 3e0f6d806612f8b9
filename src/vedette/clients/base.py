"""HTTP as clients and sinks speak it: verified TLS, bounded time and size, no redirect, nothing of the environment."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import urllib3

LONGEST_ANSWER = 64 << 20
"""Bytes of an answer that are read; more is an error. A list of all ClusterRoles has some MB."""
NO_NAME, NO_ROUTE = "the name cannot be resolved", "connection refused or no route"
"""Reasons of a NoAnswer to a request that was never sent."""


class NoAnswer(Exception):
    """Nothing usable came back; `str()` is the reason, short, countable, without secrets or a URL's path."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes


class BadSecret(Exception):
    """A file of a secret that cannot be used; `str()` says which and why."""


def secret(path: str) -> str:
    """The text of a secret's file without its last line end. Raises BadSecret. Read at every use, so that a rotated
    secret is taken up by itself."""
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadSecret(f"{path}: {reason}") from None
    if not text or not text.isprintable():
        raise BadSecret(f"{path}: {'empty' if not text else 'more than one line, or characters that no secret has'}")
    return text


class Http:
    """Requests to one system. May be shared by threads."""

    def __init__(self, *, ca_file: str = "", cert_file: str = "", key_file: str = "", timeout: float = 10.0) -> None:
        """`timeout`: seconds to connect, and again for each wait for bytes. `cert_file`, `key_file`: a client
        certificate."""
        self._files = (ca_file, cert_file, key_file)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._pool: urllib3.PoolManager | None = None
        self._stamp: tuple[object, ...] = ()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        longest: int = LONGEST_ANSWER,
        timeout: float | None = None,
    ) -> Answer:
        """One request. Raises NoAnswer for whatever gives no complete answer, ValueError for no http(s) URL."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is no http or https URL")
        import urllib3

        wait = self._timeout if timeout is None else timeout
        try:
            answer = self._pools().request(
                method,
                url,
                headers=dict(headers or {}),
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=min(wait, self._timeout), read=wait),
            )
            if answer.status == 101:
                # The connection speaks another protocol from here on; nobody may be given it for a request.
                answer.close()
                return Answer(101, {name.lower(): value for name, value in answer.headers.items()}, b"")
            data = answer.read(longest + 1, decode_content=True)
            if len(data) > longest:
                answer.close()
                raise NoAnswer(f"an answer of more than {longest >> 20} MB")
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswer(_reason(error)) from error
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, data)

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            if self._pool is not None:
                self._pool.clear()
                self._pool = None

    def _pools(self) -> urllib3.PoolManager:
        """The connections; made anew when a certificate's file has changed."""
        import urllib3

        with self._lock:
            stamp = tuple(_stamp(path) for path in self._files)
            if self._pool is None or stamp != self._stamp:
                ca_file, cert_file, key_file = self._files
                context = ssl.create_default_context(cafile=ca_file or None)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                if cert_file:
                    context.load_cert_chain(cert_file, key_file or None)
                # What it logs holds paths and whole URLs, and a webhook's is a secret.
                logging.getLogger("urllib3").setLevel(logging.CRITICAL)
                self._pool = urllib3.PoolManager(num_pools=4, maxsize=4, ssl_context=context)
                self._stamp = stamp
            return self._pool


def _stamp(path: str) -> object:
    if not path:
        return None
    status = Path(path).stat()
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def _reason(error: BaseException) -> str:
    """Why there was no answer, in a few words that hold no URL: a webhook's path is a secret."""
    import urllib3.exceptions as of

    # In this order: a name that is not resolved is a NewConnectionError, and that is a ConnectTimeoutError.
    if isinstance(error, of.NameResolutionError):
        return NO_NAME
    if isinstance(error, of.NewConnectionError):
        return NO_ROUTE
    if isinstance(error, of.ConnectTimeoutError):
        return "no connection in time"
    if isinstance(error, of.ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, of.LocationValueError):
        return "the URL is none"
    if isinstance(error, (of.SSLError, ssl.SSLError)):
        return "TLS: " + (
            "the certificate cannot be verified" if "CERTIFICATE_VERIFY_FAILED" in str(error) else "handshake failed"
        )
    if isinstance(error, of.ProtocolError):
        return "the connection broke off"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
