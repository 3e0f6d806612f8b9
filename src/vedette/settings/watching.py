"""The part of vedette.yaml that `vedette watch` reads: where logs come from, who is told, and how it is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vedette.settings.key import Says, Size, Span, Texts

_NAME = "What it is called in alerts, metrics and the store; never changed, for checkpoints go by it."
_EVIDENCE = "off: what is read is not kept in evidence segments."
_SILENT = "Alert when nothing came for so long; else learnt from its own history."
_CA = "The certificates (PEM) that the server's must be signed by; else the system's."
_TOKEN = "A file that holds the bearer token; read anew when it changes."
_SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class FileSource:
    """Log files that are followed through rotation."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    paths: Annotated[
        Texts, Says("Files, folders or globs; new files in them are found by themselves.", required=True)
    ] = ()
    start: Annotated[
        str,
        Says("Where a file that was there before the first start is begun.", choices=("begin", "end")),
    ] = "begin"
    evidence: Annotated[str, Says(_EVIDENCE, choices=_SWITCH)] = "on"
    silent_after: Annotated[Span, Says(_SILENT)] = Span("")


@dataclass(frozen=True, slots=True)
class JournaldSource:
    """The systemd journal, by way of journalctl."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    units: Annotated[Texts, Says("Only these units (`ssh.service`).")] = ()
    identifiers: Annotated[Texts, Says("Only these syslog identifiers (`sshd`).")] = ()
    directory: Annotated[str, Says("The folder of another machine's journal; else this one's.")] = ""
    evidence: Annotated[str, Says(_EVIDENCE, choices=_SWITCH)] = "on"
    silent_after: Annotated[Span, Says(_SILENT)] = Span("")


@dataclass(frozen=True, slots=True)
class WebhookSource:
    """A receiver for kube-apiserver's audit webhook (`--audit-webhook-config-file`)."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    listen: Annotated[
        str, Says("host:port. Off loopback TLS and a client's proof of itself are required.", required=True)
    ] = ""
    tls_cert_file: Annotated[str, Says("The server's certificate chain (PEM); read anew when it changes.")] = ""
    tls_key_file: Annotated[str, Says("Its key (PEM).")] = ""
    client_ca_file: Annotated[str, Says("Clients whose certificate is signed by these (PEM) are let in.")] = ""
    token_file: Annotated[
        str, Says("Clients that send this bearer token are let in; a file, read anew when it changes.")
    ] = ""
    silent_after: Annotated[Span, Says(_SILENT)] = Span("")


@dataclass(frozen=True, slots=True)
class LokiSource:
    """Log lines that Loki already has, asked for on a schedule."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    url: Annotated[str, Says("Loki's base URL, `https://loki.example.org`.", required=True)] = ""
    query: Annotated[str, Says('A log query: `{job="kube-audit"}`.', required=True)] = ""
    tenant: Annotated[str, Says("The X-Scope-OrgID.")] = ""
    token_file: Annotated[str, Says(_TOKEN)] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    every: Annotated[Span, Says("How often it is asked.")] = Span("10s")
    since: Annotated[Span, Says("How far back the first question reaches.")] = Span("1h")
    delay: Annotated[Span, Says("How far behind now it reads, so that lines on their way are not passed over.")] = Span(
        "15s"
    )
    evidence: Annotated[str, Says(_EVIDENCE, choices=_SWITCH)] = "on"
    silent_after: Annotated[Span, Says(_SILENT)] = Span("")


@dataclass(frozen=True, slots=True)
class VaultObserver:
    """A Vault or OpenBao node that is asked for its seal state, audit devices and policies (V3, V2)."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    address: Annotated[
        str, Says("`https://vault.example.org:8200`; name each node, not the load balancer.", required=True)
    ] = ""
    token_file: Annotated[str, Says(_TOKEN + " Without it only the seal state is seen.")] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    every: Annotated[Span, Says("How often.")] = Span("30s")


@dataclass(frozen=True, slots=True)
class KubeObserver:
    """An API server that is asked for its ClusterRoles, bindings and audit counters (K7, K8, K10)."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    server: Annotated[
        str, Says("`https://10.0.40.10:6443`; name each API server, their counters differ.", required=True)
    ] = ""
    token_file: Annotated[str, Says(_TOKEN)] = ""
    client_cert_file: Annotated[str, Says("A client certificate (PEM), in place of a token.")] = ""
    client_key_file: Annotated[str, Says("Its key (PEM).")] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    every: Annotated[Span, Says("How often.")] = Span("60s")


@dataclass(frozen=True, slots=True)
class HashObserver:
    """Files whose content must not change unseen: the audit policy, the static manifest (K6)."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    paths: Annotated[Texts, Says("The files.", required=True)] = ()
    every: Annotated[Span, Says("How often.")] = Span("30s")


@dataclass(frozen=True, slots=True)
class ServerLog:
    """The log that a Vault, OpenBao or API server keeps of itself, followed for what no audit log says (V3, K10)."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    path: Annotated[str, Says("The file, on this machine.", required=True)] = ""
    program: Annotated[
        str, Says("What writes it.", required=True, choices=("vault", "bao", "openbao", "kube-apiserver"))
    ] = ""
    every: Annotated[Span, Says("How often.")] = Span("2s")


@dataclass(frozen=True, slots=True)
class Tracer:
    """A small harmless request on a schedule whose record must come back through a watched log (K6)."""

    name: Annotated[str, Says(_NAME, required=True)] = ""
    server: Annotated[str, Says("An API server's own address: it is asked for a ConfigMap. Or address.")] = ""
    address: Annotated[str, Says("A Vault node's address: it is asked for a policy that is not there. Or server.")] = ""
    namespace: Annotated[str, Says("Where the ConfigMap `vedette-tracer` is; it need not be there.")] = "vedette"
    token_file: Annotated[
        str,
        Says(_TOKEN + " `vedette render rights kube-tracer`, `vault-tracer` print what it needs.", required=True),
    ] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    source: Annotated[str, Says("The name of the source that it must come back through; else any.")] = ""
    expect: Annotated[
        str,
        Says(
            "How much of it must be in the log; else Metadata of the API server, RequestResponse (both entries) of "
            "Vault.",
            choices=("Metadata", "Request", "RequestResponse"),
        ),
    ] = ""
    every: Annotated[Span, Says("How often.")] = Span("5m")
    within: Annotated[Span, Says("How long it may take to come back; longer than Loki's delay.")] = Span("2m")


@dataclass(frozen=True, slots=True)
class AlertmanagerSink:
    """Alertmanager, API v2. Each of several gets every alert."""

    name: Annotated[str, Says("What it is called in routes.", required=True)] = ""
    urls: Annotated[Texts, Says("Base URLs; one for each member of a cluster.", required=True)] = ()
    token_file: Annotated[str, Says(_TOKEN)] = ""
    username: Annotated[str, Says("For basic authentication, with password_file.")] = ""
    password_file: Annotated[str, Says("A file that holds the password.")] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    resend: Annotated[Span, Says("How often an open alert is posted again: Alertmanager forgets on a restart.")] = Span(
        "60s"
    )
    hold: Annotated[
        Span, Says("How long an alert is kept firing after its last act; longer than three group_intervals.")
    ] = Span("15m")


@dataclass(frozen=True, slots=True)
class SlackSink:
    """A Slack channel, by an app's bot token or by an incoming webhook."""

    name: Annotated[str, Says("What it is called in routes.", required=True)] = ""
    token_file: Annotated[str, Says("A file that holds the bot token (xoxb-…; scope chat:write).")] = ""
    channel: Annotated[str, Says("The channel's id (C0123456789) or name, with a bot token.")] = ""
    webhook_url_file: Annotated[str, Says("A file that holds an incoming webhook's URL, in place of a token.")] = ""
    api_url: Annotated[str, Says("Slack's API, for a proxy in front of it.")] = "https://slack.com/api"
    ca_file: Annotated[str, Says(_CA)] = ""


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """Any HTTP endpoint: one signed POST of JSON a notification."""

    name: Annotated[str, Says("What it is called in routes.", required=True)] = ""
    url: Annotated[str, Says("Where to; or url_file.")] = ""
    url_file: Annotated[str, Says("A file that holds the URL, where it is a secret.")] = ""
    secret_file: Annotated[str, Says("A file that holds the key of the HMAC-SHA256 signature.")] = ""
    ca_file: Annotated[str, Says(_CA)] = ""


@dataclass(frozen=True, slots=True)
class FileSink:
    """A file of JSON lines, one a notification."""

    name: Annotated[str, Says("What it is called in routes.", required=True)] = ""
    path: Annotated[str, Says("The file; - is standard output.", required=True)] = ""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Who is told."""

    alertmanager: Annotated[tuple[AlertmanagerSink, ...], Says("Alertmanagers.")] = ()
    slack: Annotated[tuple[SlackSink, ...], Says("Slack channels.")] = ()
    webhook: Annotated[tuple[WebhookSink, ...], Says("HTTP endpoints.")] = ()
    file: Annotated[tuple[FileSink, ...], Says("Files of JSON lines.")] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """Which sinks are told of which alerts; the first route that fits counts."""

    severity: Annotated[Texts, Says("critical, warning, info; without it, any.")] = ()
    to: Annotated[Texts, Says("Sinks by name; each is told.", required=True)] = ()
    fallback: Annotated[Texts, Says("Sinks that take over, in order, for one of `to` that is dead.")] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life for a dead-man's switch, sent only while vedette reads, stores and delivers."""

    url_file: Annotated[str, Says("A file that holds the URL that is asked with POST.")] = ""
    every: Annotated[Span, Says("How often.")] = Span("60s")
    alertmanager: Annotated[
        str,
        Says("on: VedetteHeartbeat fires in Alertmanager always; route it to a dead-man's switch.", choices=_SWITCH),
    ] = "off"


@dataclass(frozen=True, slots=True)
class Watch:
    """How `vedette watch` runs."""

    state: Annotated[str, Says("The folder of the store, the evidence and the quarantine.")] = ""
    listen: Annotated[
        str, Says("host:port of /livez, /readyz and /metrics; plain HTTP, so keep it on loopback or the pod's network.")
    ] = ""
    hold: Annotated[Span, Says("How long an unfinished act waits for its later records.")] = Span("2m")
    lateness: Annotated[Span, Says("How far out of order records may come and still be counted in time.")] = Span("10m")
    completion: Annotated[
        str,
        Says(
            "on: a write received and never completed is observed (K10); the audit policy must keep both stages.",
            choices=_SWITCH,
        ),
    ] = "off"
    prove: Annotated[
        Span, Says("How often it is proven anew that each rule can fire; off: never.", choices=("off",))
    ] = Span("15m")
    evidence_for: Annotated[Span, Says("How long evidence segments are kept.")] = Span("90d")
    evidence_size: Annotated[Size, Says("How much room they may take, all together.")] = Size("20GB")
    free_space: Annotated[Size, Says("Less free space than this in the state folder is a finding.")] = Size("1GB")
    alerts_for: Annotated[Span, Says("How long closed alerts, and drills, are kept in the store.")] = Span("400d")
    heartbeat: Annotated[Heartbeat, Says("A sign of life.")] = Heartbeat()
