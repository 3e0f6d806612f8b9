"""What types cannot say of the part of a vedette.yaml that `vedette watch` reads: two of a name, a receiver open to
everybody, a secret in the clear, a route that nobody takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from vedette.serving.address import on_loopback, parsed
from vedette.settings.checks_routes import check_routes
from vedette.settings.key import Span, seconds
from vedette.settings.reading import Findings
from vedette.settings.watching import (
    AlertmanagerSink,
    KubeObserver,
    LokiSource,
    SlackSink,
    Tracer,
    WebhookSink,
    WebhookSource,
)
from vedette.settings.written import Written
from vedette.yaml_text import YamlPath

SOURCES = ("files", "journald", "webhook", "loki", "vault", "kube", "hashes", "server_logs", "tracer")
_LOGS = SOURCES[:4]
SINKS = ("alertmanager", "slack", "webhook", "file")

_NAME = re.compile(r"[a-z0-9_-]{1,40}\Z")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_HOUR = 3600
_YEARS = 10 * 366 * 86400
_ADDRESSES = (
    ("sources", "loki", "url", ("token_file",)),
    ("sources", "vault", "address", ("token_file",)),
    ("sources", "kube", "server", ("token_file",)),
    ("sources", "tracer", "server", ("token_file",)),
    ("sources", "tracer", "address", ("token_file",)),
    ("sinks", "alertmanager", "urls", ("token_file", "password_file")),
    ("sinks", "slack", "api_url", ("token_file",)),
    ("sinks", "webhook", "url", ()),
)
"""Where base URLs stand, and the secrets that are sent there."""


def check_watch(written: Written, findings: Findings) -> None:
    """All that stands beneath `sources`, `sinks`, `routes` and `watch`."""
    _check_names(written, "sources", SOURCES, findings)
    _check_names(written, "sinks", SINKS, findings)
    _check_listening(written, findings)
    _check_addresses(written, findings)
    for path, loki in _entries(written, "sources", ("loki",)):
        _check_loki(loki, path, findings)
    for path, kube in _entries(written, "sources", ("kube",)):
        _check_kube(kube, path, findings)
    for path, tracer in _entries(written, "sources", ("tracer",)):
        _check_tracer(tracer, path, [entry.name for _, entry in _entries(written, "sources", _LOGS)], findings)
    for path, sink in _entries(written, "sinks", ("alertmanager",)):
        _check_alertmanager(sink, path, findings)
    for path, sink in _entries(written, "sinks", ("slack",)):
        _check_slack(sink, path, findings)
    for path, sink in _entries(written, "sinks", ("webhook",)):
        _check_webhook_sink(sink, path, findings)
    _check_heartbeat(written, findings)
    check_routes(written.routes, [sink.name for _, sink in _entries(written, "sinks", SINKS)], findings)
    _check_spans(written, findings)
    _check_secrets(written, findings)
    _check_loops(written, findings)


def _entries(written: Written, room: str, kinds: tuple[str, ...]) -> Iterator[tuple[YamlPath, Any]]:
    """The entries of some lists beneath `sources` or `sinks`, each with its place."""
    for kind in kinds:
        for index, entry in enumerate(getattr(getattr(written, room), kind)):
            yield (room, kind, index), entry


def _check_names(written: Written, room: str, kinds: tuple[str, ...], findings: Findings) -> None:
    """A name becomes a folder, a label and a key of the store."""
    seen: dict[str, YamlPath] = {}
    for path, entry in _entries(written, room, kinds):
        at = (*path, "name")
        if not entry.name.strip():
            continue  # said already
        if not _NAME.match(entry.name):
            mend = "small letters, digits, - and _, at most 40: it names folders and metrics"
            findings.error(at, f"{entry.name!r} cannot be a name", mend)
        elif entry.name in seen:
            _, kind, index = seen[entry.name]
            message = f"there are two {room} of the name {entry.name!r}; the other is {room}.{kind}[{index}]"
            findings.error(at, message, "give each a name of its own")
        else:
            seen[entry.name] = path


def _check_listening(written: Written, findings: Findings) -> None:
    """What is listened on, and who is let in."""
    listening: dict[tuple[str, int], YamlPath] = {}
    watch = [(("watch",), written.watch)] if written.watch.listen else []
    for path, entry in (*_entries(written, "sources", ("webhook",)), *watch):
        if not entry.listen.strip():
            continue
        at = (*path, "listen")
        try:
            host, port = parsed(entry.listen)
        except ValueError as error:
            message, _, mend = str(error).partition("; ")
            findings.error(at, message, mend)
            continue
        if isinstance(entry, WebhookSource):
            _check_webhook(entry, on_loopback(host), path, findings)
        if port and (host, port) in listening:
            findings.error(at, f"two listen on {entry.listen!r}", "give each a port of its own")
        listening.setdefault((host, port), at)


def _check_webhook(entry: WebhookSource, local: bool, path: YamlPath, findings: Findings) -> None:
    _check_pair(entry, ("tls_cert_file", "tls_key_file"), path, findings)
    if local and entry.client_ca_file and not entry.tls_cert_file:
        findings.error(
            (*path, "client_ca_file"),
            "a client shows its certificate only under TLS",
            "add tls_cert_file, tls_key_file",
        )
    if local:
        return
    if not entry.tls_cert_file and not entry.tls_key_file:
        message = f"{entry.listen!r} is not on loopback, and audit events would cross the network in the clear"
        findings.error((*path, "listen"), message, "add tls_cert_file and tls_key_file, or listen on 127.0.0.1")
    elif not entry.client_ca_file and not entry.token_file:
        message = f"{entry.listen!r} is not on loopback, and anybody who reaches it could send events"
        findings.error((*path, "listen"), message, "add client_ca_file or token_file, or listen on 127.0.0.1")


def _check_pair(entry: object, keys: tuple[str, str], path: YamlPath, findings: Findings) -> None:
    """Two keys of which neither is of use without the other."""
    for here, there in (keys, keys[::-1]):
        if getattr(entry, here) and not getattr(entry, there):
            findings.error((*path, here), f"{here} is of no use without {there}", f"add {there}")


def _check_addresses(written: Written, findings: Findings) -> None:
    """Every URL that is asked or posted to."""
    for room, kind, key, secrets in _ADDRESSES:
        for path, entry in _entries(written, room, (kind,)):
            said = getattr(entry, key)
            places = [(said, (*path, key))] if isinstance(said, str) else [
                (text, (*path, key, index)) for index, text in enumerate(said)
            ]  # fmt: skip
            secret = next((name for name in secrets if getattr(entry, name)), "")
            for text, at in places:
                if text.strip():
                    _check_url(text, at, secret, findings, base=kind != "webhook")


def _check_url(text: str, at: YamlPath, secret: str, findings: Findings, *, base: bool) -> None:
    """`base`: paths are put behind it. `secret`: the key of what is sent along."""
    url = _split(text)
    if url is None or url.scheme not in ("http", "https") or not url.hostname:
        findings.error(at, f"{text!r} is no http or https address", "for example https://loki.example.org")
    elif "@" in url.netloc:
        findings.error(at, "a user or password stands in the address", "put it into a file that a *_file key names")
    elif base and (url.query or url.fragment):
        findings.error(at, f"{text!r} has a ? or #, but paths are put behind it", "write the base URL alone")
    elif url.scheme == "http" and secret and not on_loopback(url.hostname):
        message = f"what {secret} holds would cross the network in the clear"
        findings.note(at, message, "use https, with ca_file where the certificate is your own")


def _split(text: str) -> SplitResult | None:
    try:
        url = urlsplit(text)
        _ = url.port  # which raises for what is none
    except ValueError:
        return None
    return url if text.isprintable() and " " not in text else None


def _check_loki(entry: LokiSource, path: YamlPath, findings: Findings) -> None:
    if entry.query.strip() and not entry.query.lstrip("( \t\r\n").startswith("{"):
        message = f"{entry.query!r} is no log query"
        findings.error((*path, "query"), message, "it begins with a stream selector: '{job=\"kube-audit\"}'")
    if not (entry.tenant.isascii() and entry.tenant.isprintable()):
        findings.error((*path, "tenant"), f"{entry.tenant!r} cannot be sent in a header", "printable ASCII")


def _check_kube(entry: KubeObserver, path: YamlPath, findings: Findings) -> None:
    _check_pair(entry, ("client_cert_file", "client_key_file"), path, findings)
    if entry.token_file and entry.client_cert_file:
        findings.error((*path, "token_file"), "a token and a client certificate are two identities", "keep one")
    elif not entry.token_file and not entry.client_cert_file and not entry.client_key_file:
        message = "nothing says who vedette is to the API server"
        findings.error(path, message, "add token_file, or client_cert_file and client_key_file", value=False)


def _check_tracer(entry: Tracer, path: YamlPath, logs: list[str], findings: Findings) -> None:
    if bool(entry.server) == bool(entry.address):
        message = f"sources.tracer {entry.name!r} asks {'two systems' if entry.server else 'nobody'}"
        findings.error(path, message, "write server (an API server) or address (a Vault)", value=False)
    if entry.source and entry.source not in logs:
        mend = f"one of {', '.join(logs)}" if logs else "name one under files, journald, webhook or loki"
        findings.error((*path, "source"), f"no source of logs is called {entry.source!r}", mend)
    if entry.namespace and not _NAMESPACE.match(entry.namespace):
        findings.error((*path, "namespace"), f"{entry.namespace!r} cannot be a namespace", "small letters, digits, -")
    if seconds(entry.every) > _HOUR:
        # What it said last counts for an hour.
        findings.error((*path, "every"), f"every is {entry.every}; it must be 1s to 1h")


def _check_alertmanager(entry: AlertmanagerSink, path: YamlPath, findings: Findings) -> None:
    _check_pair(entry, ("username", "password_file"), path, findings)
    if entry.token_file and entry.username:
        findings.error((*path, "token_file"), "a token and a password are two identities", "keep one")
    if entry.hold and entry.resend and seconds(entry.hold) < seconds(entry.resend):
        message = f"hold ({entry.hold}) is shorter than resend ({entry.resend}): a short alert might be posted but once"
        findings.error((*path, "hold"), message, "make it longer than three group_intervals of Alertmanager")


def _check_slack(entry: SlackSink, path: YamlPath, findings: Findings) -> None:
    if entry.webhook_url_file and (entry.token_file or entry.channel):
        key = "token_file" if entry.token_file else "channel"
        message = f"{key} and webhook_url_file exclude each other; a webhook has its own channel"
        findings.error((*path, key), message, "keep token_file and channel, or webhook_url_file")
    elif not entry.webhook_url_file and not (entry.token_file or entry.channel):
        mend = "add token_file and channel, or webhook_url_file"
        findings.error(path, f"sinks.slack {entry.name!r} has nothing to post with", mend, value=False)
    else:
        _check_pair(entry, ("token_file", "channel"), path, findings)


def _check_webhook_sink(entry: WebhookSink, path: YamlPath, findings: Findings) -> None:
    if entry.url and entry.url_file:
        findings.error((*path, "url_file"), "url and url_file exclude each other", "keep one")
    elif not entry.url and not entry.url_file:
        findings.error(path, f"sinks.webhook {entry.name!r} has no url", "add url or url_file", value=False)


def _check_heartbeat(written: Written, findings: Findings) -> None:
    if written.watch.heartbeat.alertmanager == "on" and not written.sinks.alertmanager:
        message = "there is no Alertmanager in which VedetteHeartbeat could fire"
        findings.error(("watch", "heartbeat", "alertmanager"), message, "add one under sinks.alertmanager")


def _check_spans(written: Written, findings: Findings) -> None:
    """Times that are too short would spin, those that are too long hide what they are meant to show."""
    watch: YamlPath = ("watch",)
    limits: list[tuple[Span, YamlPath, int, int]] = [
        (written.watch.hold, (*watch, "hold"), 1, _HOUR),
        (written.watch.prove, (*watch, "prove"), 1, 86400),
        (written.watch.lateness, (*watch, "lateness"), 1, _HOUR),
        (written.watch.evidence_for, (*watch, "evidence_for"), _HOUR, _YEARS),
        (written.watch.alerts_for, (*watch, "alerts_for"), _HOUR, _YEARS),
        (written.watch.heartbeat.every, (*watch, "heartbeat", "every"), 1, _HOUR),
    ]
    for path, entry in (*_entries(written, "sources", SOURCES), *_entries(written, "sinks", SINKS)):
        for key, most in (
            ("every", 86400),
            ("within", _HOUR),
            ("since", _YEARS),
            ("silent_after", _YEARS),
            ("resend", _HOUR),
        ):
            if hasattr(entry, key):
                limits.append((getattr(entry, key), (*path, key), 1, most))
    for span, path, least, most in limits:
        if span not in ("", "off") and not least <= seconds(span) <= most:
            message = f"{path[-1]} is {span}; it must be {_span(least)} to {_span(most)}"
            findings.error(path, message)


def _span(length: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if length % size == 0:
            return f"{length // size}{unit}"
    return f"{length}s"


def _check_secrets(written: Written, findings: Findings) -> None:
    """The files of tokens, keys and certificates."""
    holders = [*_entries(written, "sources", SOURCES), *_entries(written, "sinks", SINKS)]
    heartbeat: YamlPath = ("watch", "heartbeat")
    for path, entry in (*holders, (heartbeat, written.watch.heartbeat)):
        for field in fields(entry):
            text = getattr(entry, field.name) if field.name.endswith("_file") else ""
            if text.startswith("~") or "$" in text:
                message = f"{text!r} is taken as it stands; ~ and $ mean nothing in it"
                findings.error((*path, field.name), message, _CREDENTIAL)
            elif text and not Path(text).is_absolute():
                message = f"{text!r} is taken from the folder that vedette is started in"
                findings.note((*path, field.name), message, "write the whole path")


def _check_loops(written: Written, findings: Findings) -> None:
    """A source that reads what vedette writes would never come to an end."""
    state = written.watch.state.strip()
    outputs = [sink.path for sink in written.sinks.file if sink.path.strip() not in ("", "-")]
    for index, source in enumerate(written.sources.files):
        for at, text in enumerate(source.paths):
            path: YamlPath = ("sources", "files", index, "paths", at)
            if text == "-":
                findings.error(path, "standard input is no file", "pipe it into `vedette watch -`")
            elif state and _reads(text, state, folder=True):
                mend = "name the logs alone, or move watch.state elsewhere"
                findings.error(path, f"{text!r} reads watch.state, so vedette would read its own evidence", mend)
            elif any(_reads(text, output, folder=False) for output in outputs):
                mend = "name the logs alone, or let the file sink write elsewhere"
                findings.error(path, f"{text!r} reads what a file sink writes", mend)


def _reads(pattern: str, path: str, *, folder: bool) -> bool:
    """Whether following `pattern` (a file, folder or glob) reads `path`, or with `folder` something beneath it."""
    wanted, have = Path(pattern).resolve().parts, Path(path).resolve().parts
    magic = any(sign in pattern for sign in "*?[")
    for at, part in enumerate(wanted):
        if part == "**":
            return True
        if at >= len(have):
            return folder
        if part != have[at] and not (magic and fnmatchcase(have[at], part)):
            return False
    # A folder is read with all that is beneath it, what a glob names only itself.
    return not magic or len(wanted) == len(have)


_CREDENTIAL = "write the whole path; what systemd's LoadCredential gives stands in /run/credentials/vedette.service/"
