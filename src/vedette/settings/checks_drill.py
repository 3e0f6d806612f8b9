"""What types cannot say of the part of a vedette.yaml that `vedette drill` reads."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vedette.settings.drilling import Drilling
from vedette.settings.key import Span, seconds
from vedette.settings.reading import Findings
from vedette.yaml_text import YamlPath

_NAMED = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_DAY = 86400
_AT: YamlPath = ("drill",)


def check_drill(drill: Drilling, findings: Findings) -> None:
    """All that stands beneath `drill`."""
    kube, vault = drill.kube, drill.vault
    _address("kube", "server", kube.server, kube.token_file, findings)
    _address("vault", "address", vault.address, vault.token_file, findings)
    _address("slack", "api_url", drill.slack.api_url, drill.slack.token_file, findings)
    if bool(drill.slack.channel) != bool(drill.slack.token_file):
        missing = "token_file" if drill.slack.channel else "channel"
        findings.error((*_AT, "slack"), f"drill.slack has no {missing}", "a channel is read with a bot's token")
    for key in ("secret", "pod"):
        text = getattr(kube, key)
        if text and not _NAMED.match(text):
            findings.error((*_AT, "kube", key), f"{text!r} is no NAMESPACE/NAME", "for example vault/vedette-drill")
    for part, key, text in (
        ("kube", "namespace", kube.namespace),
        ("kube", "role", kube.role),
        ("vault", "mount", vault.mount),
        ("vault", "role", vault.role),
    ):
        if not _NAME.match(text):
            findings.error((*_AT, part, key), f"{text!r} cannot be a name", "small letters, digits and dashes")
    for index, url in enumerate(drill.alertmanager):
        _address("alertmanager", index, url, "-", findings)
    _spans(drill, findings)
    _files(drill, findings)
    if drill.for_real == "on":
        message = "--for-real may make a root token, take audit devices away and seal Vault"
        findings.note((*_AT, "for_real"), message, "for a lab, or for a site that can be without them for a while")


def _address(part: str, key: str | int, url: str, token_file: str, findings: Findings) -> None:
    """A base URL, and whose token is shown there."""
    at = (*_AT, part, key)
    if not url:
        if token_file:
            findings.error((*_AT, part), f"drill.{part} has no {key}", f"add {key}, the server's address")
        return
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError:
        split = urlsplit("")
    if split.scheme not in ("http", "https") or not split.hostname or not url.isprintable():
        findings.error(at, f"{url!r} is no http or https URL")
    elif split.username or split.password or split.query or split.fragment:
        findings.error(at, "a URL with a user, a password or a query may hold a secret", "take it out")
    elif not token_file and part != "slack":
        findings.error((*_AT, part), f"drill.{part} has no token_file", "add token_file: who the drill is there")


def _spans(drill: Drilling, findings: Findings) -> None:
    limits: tuple[tuple[str, Span, int, int], ...] = (
        ("timeout", drill.timeout, 1, 3600),
        ("owner_timeout", drill.owner_timeout, 1, _DAY),
        ("good_for", drill.good_for, 3600, 3660 * _DAY),
    )
    for key, span, least, most in limits:
        if span and not least <= seconds(span) <= most:
            findings.error((*_AT, key), f"{key} is {span}; it must be {least:,} to {most:,} seconds")


def _files(drill: Drilling, findings: Findings) -> None:
    parts: tuple[tuple[str, Any], ...] = (
        ("kube", drill.kube),
        ("vault", drill.vault),
        ("slack", drill.slack),
        ("inject", drill.inject),
    )
    for part, entry in parts:
        for one in fields(entry):
            text = getattr(entry, one.name)
            if not (one.name.endswith("_file") or part == "inject") or not text:
                continue
            if text.startswith("~") or "$" in text:
                findings.error((*_AT, part, one.name), f"{text!r} is taken as it stands; ~ and $ mean nothing in it")
            elif not Path(text).is_absolute():
                message = f"{text!r} is taken from the folder that vedette is started in"
                findings.note((*_AT, part, one.name), message, "write the whole path")
