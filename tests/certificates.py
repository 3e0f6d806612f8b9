"""Certificates for tests, made by openssl: an authority, and whom it vouches for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Pair(NamedTuple):
    """Paths of PEM files."""

    cert: str
    key: str


class Authority:
    """A certificate authority of its own, in a folder of its own. Skips the test where there is no openssl."""

    def __init__(self, folder: Path, name: str = "test-ca") -> None:
        if not shutil.which("openssl"):
            pytest.skip("openssl, which makes the certificates, is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.cert = str(folder / "ca.crt")
        self._key = str(folder / "ca.key")
        _openssl("req", "-x509", *_KEY, "-keyout", self._key, "-out", self.cert, "-days", "30", "-subj", f"/CN={name}")

    def server(self, name: str = "server") -> Pair:
        """A certificate for 127.0.0.1, ::1 and localhost."""
        return self._issue(name, f"/CN={name}", "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost")

    def client(self, subject: str) -> Pair:
        """A client's certificate, of a subject as `/O=system:masters/CN=admin`."""
        return self._issue(subject.rpartition("=")[2].replace(":", "-"), subject, "extendedKeyUsage=clientAuth")

    def _issue(self, name: str, subject: str, extension: str) -> Pair:
        pair = Pair(str(self._folder / f"{name}.crt"), str(self._folder / f"{name}.key"))
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(extension)
        _openssl("req", *_KEY, "-keyout", pair.key, "-out", str(request), "-subj", subject)
        signed_by = ["-CA", self.cert, "-CAkey", self._key, "-CAcreateserial", "-days", "30"]
        _openssl("x509", "-req", "-in", str(request), *signed_by, "-out", pair.cert, "-extfile", str(extensions))
        return pair


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
