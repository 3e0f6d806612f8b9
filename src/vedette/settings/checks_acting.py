"""What types cannot say of the part of a vedette.yaml that `vedette action` reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vedette.clients.ssh import is_destination
from vedette.serving.address import on_loopback
from vedette.settings.acting import ActHost, Acting
from vedette.settings.reading import Findings
from vedette.yaml_text import YamlPath

_PROGRAM = re.compile(r"/[A-Za-z0-9._/-]+\Z")
"""The login shell there reads it."""
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,30}\Z")
"""Of an interface, or of a table: pf takes 31 characters."""
_SERVERS = (("kube", "server"), ("vault", "address"), ("authentik", "server"))
"""Part of `actions`, and its key with the address; a new family has a line here."""


def check_acting(acting: Acting, findings: Findings) -> None:
    """All that stands beneath `actions`."""
    for part, key in _SERVERS:
        entry = getattr(acting, part)
        _check_server(entry, ("actions", part), key, findings)
        _check_files(entry, ("actions", part), findings)
    _check_hosts(acting.hosts, findings)
    for key in ("interface", "table"):
        if not _WORD.match(text := getattr(acting.firewall, key)):
            at = ("actions", "firewall", key)
            findings.error(at, f"{text!r} is no name of {'an' if key == 'interface' else 'a'} {key}", "for example wan")
    kube = acting.kube
    if kube.token_file and kube.client_cert_file:
        findings.error(
            ("actions", "kube", "token_file"), "a token and a client certificate are two identities", "keep one"
        )
    if bool(kube.client_cert_file) != bool(kube.client_key_file):
        missing = "client_key_file" if kube.client_cert_file else "client_cert_file"
        findings.error(("actions", "kube"), f"actions.kube has no {missing}", f"add {missing}", value=False)


def _check_server(entry: Any, path: YamlPath, key: str, findings: Findings) -> None:
    text = getattr(entry, key)
    secrets = [one.name for one in fields(entry) if one.name.endswith("_file") and getattr(entry, one.name)]
    if not text:
        if secrets:
            name = ".".join(map(str, path))
            findings.error(path, f"{name} has no {key}", f"add {key}, the system's address", value=False)
        return
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        url = urlsplit("")
    if url.scheme not in ("http", "https") or not url.hostname or not text.isprintable():
        findings.error((*path, key), f"{text!r} is no http or https URL", "for example https://10.0.40.10:6443")
    elif url.username or url.password or url.query or url.fragment:
        findings.error((*path, key), "a URL with a user, a password or a query may hold a secret", "take it out")
    elif url.scheme == "http" and secrets and not on_loopback(url.hostname):
        message = f"what {secrets[0]} holds would cross the network in the clear"
        findings.note((*path, key), message, "use https, with ca_file where the certificate is your own")


def _check_hosts(hosts: Sequence[ActHost], findings: Findings) -> None:
    names: set[str] = set()
    for index, host in enumerate(hosts):
        at = ("actions", "hosts", index)
        if host.name in names:
            findings.error((*at, "name"), f"two hosts are called {host.name!r}", "call one otherwise")
        names.add(host.name)
        if host.destination and not is_destination(host.destination):
            mend = "a host, user@host or ssh://user@host:port; it begins with no dash"
            findings.error((*at, "destination"), f"{host.destination!r} is no destination of ssh", mend)
        if host.program and not _PROGRAM.match(host.program):
            mend = "for example /usr/local/sbin/vedette-host"
            findings.error((*at, "program"), f"{host.program!r} is no whole path of plain characters", mend)
        for number, file in enumerate(host.files):
            if not file.startswith("/") or not file.isprintable():
                findings.error((*at, "files", number), f"{file!r} is no whole path", "begin it with /")
        _check_files(host, at, findings)


def _check_files(entry: Any, path: YamlPath, findings: Findings) -> None:
    for one in fields(entry):
        text = getattr(entry, one.name)
        if not one.name.endswith("_file") or not text:
            continue
        if text.startswith("~") or "$" in text:
            findings.error((*path, one.name), f"{text!r} is taken as it stands; ~ and $ mean nothing in it")
        elif not Path(text).is_absolute():
            message = f"{text!r} is taken from the folder that vedette is started in"
            findings.note((*path, one.name), message, "write the whole path")
