"""TLS of a server, from files that are read anew when they change, and whom a client's certificate names."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BadCertificates(Exception):
    """Files that no server can be made of; `str()` names them and says why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files."""

    cert_file: str
    """The server's certificate, and the chain above it."""
    key_file: str
    client_ca_file: str = ""
    """Clients' certificates must be signed by one of these; without it no client is asked for one."""
    demanded: bool = False
    """True: a client without a certificate fails the handshake; else it goes on without a subject. A certificate
    that is not signed by one of `client_ca_file` fails it always."""


class Certificates:
    """The files as they are now. All calls come from one thread."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises BadCertificates."""
        self._files = files
        self._stamp = self._stamps()
        self.context = _context(files)
        """For the next connection; another object after a change, so what an old one remembers is not carried on."""
        self.trouble = ""
        """Why the files as they are now are not what is served; nothing while they are."""

    def refresh(self) -> None:
        """Read the files anew if they changed; the last good ones stay in force until then."""
        stamp = self._stamps()
        if stamp == self._stamp and not self.trouble:
            return
        self._stamp = stamp
        try:
            self.context = _context(self._files)
        except BadCertificates as error:
            # A certificate is written before its key, so the next look may find them paired.
            self.trouble = str(error)
        else:
            self.trouble = ""

    def _stamps(self) -> list[object]:
        return [stamp(path) for path in (self._files.cert_file, self._files.key_file, self._files.client_ca_file)]


def stamp(path: str) -> object:
    """Differs after a change of the file at `path`, or of what a link there points to; None where there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def subject(certificate: Mapping[str, Any] | None) -> str:
    """Whom a verified certificate, as `getpeercert()` gives it, names; nothing without one."""
    if not certificate:
        return ""
    names: Iterable[tuple[str, str]] = (pair for part in certificate.get("subject", ()) for pair in part)
    text = ", ".join(f"{_SHORT.get(key, key)}={value}" for key, value in names)
    # A certificate may name its owner in the alternative names only; it is verified all the same.
    return text or f"serialNumber={certificate.get('serialNumber', '?')}"


_SHORT = {"commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # A resumed session would keep a client's certificate valid past a change of the file that vouched for it.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without the function OpenSSL asks for the password of an encrypted key on the terminal.
        context.load_cert_chain(files.cert_file, files.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        raise BadCertificates(f"{files.cert_file} with {files.key_file}: {_why(error)}") from None
    if files.client_ca_file:
        try:
            context.load_verify_locations(files.client_ca_file)
        except (OSError, ValueError) as error:
            raise BadCertificates(f"{files.client_ca_file}: {_why(error)}") from None
        context.verify_mode = ssl.CERT_REQUIRED if files.demanded else ssl.CERT_OPTIONAL
    return context


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return _SAYS.get(error.reason or "", "no PEM that TLS can use (an encrypted key cannot be)")
    return (error.strerror if isinstance(error, OSError) else None) or "not readable as PEM"


_SAYS = {
    "KEY_VALUES_MISMATCH": "the key is not the certificate's",
    "NO_CERTIFICATE_OR_CRL_FOUND": "no certificate in it",
    "EE_KEY_TOO_SMALL": "the key is too small",
    "CA_MD_TOO_WEAK": "signed with a digest that is too weak",
}
