"""Shippers: the configuration of Promtail or Grafana Alloy that brings the three logs to Loki as the rules need them.

A stream has the labels job and host, and Promtail adds the file's name; nothing that stands in a line becomes a label,
for it is anybody's to invent, and each new label value is a new stream. Out of a line only its time is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from vedette.escape import logql, yaml
from vedette.render.logql_sshd import ISO, TRADITIONAL

MAX_LINE = "1MB"
"""The longest line that is shipped, and that Loki is told to take: 1,048,576 bytes."""
_STAMP_KEYS = {"kube": "stageTimestamp", "vault": "time"}
_FALLBACK = ("2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "Jan _2 15:04:05")
"""Go's layouts of syslog stamps besides RFC 3339; a fraction of a second is taken with each."""
_SSHD_STAMP = rf"^(?:<\d{{1,3}}>)?(?P<stamp>{ISO}|{TRADITIONAL}) "
_SSHD_PROGRAMS = "sshd(-session|-auth)?"


class BadShipper(ValueError):
    """An option that no shipper could be started with; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Log:
    """One log that is shipped."""

    source: str
    """`kube`, `vault` or `sshd`."""
    job: str
    """Its job label."""
    path: str = ""
    """A file, or a glob; nothing: sshd's entries of the systemd journal."""
    exclude: str = ""
    """A glob of what is not to be read, or nothing."""


@dataclass(frozen=True, slots=True)
class Shipper:
    """Which logs go where."""

    logs: tuple[Log, ...]
    url: str
    """Loki's base URL, without `/loki`."""
    tenant: str = ""
    """The X-Scope-OrgID, or nothing."""
    token_file: str = ""
    """A file that holds the bearer token, or nothing."""
    ca_file: str = ""
    """The certificates that Loki's must be signed by; else the system's."""
    cluster: str = ""
    """A label of every stream, or nothing."""
    host: str = ""
    """A label of every stream; Alloy knows it by itself."""
    positions: str = "/var/lib/promtail/positions.yaml"
    """Where Promtail keeps how far it has read."""
    listen: str = "127.0.0.1:9080"
    """Where Promtail serves its metrics."""


def promtail(shipper: Shipper) -> str:
    """The text of a Promtail configuration. Raises BadShipper."""
    push = _push(shipper.url)
    address, port = _listen(shipper.listen)
    client = {
        "url": push,
        "tenant_id": shipper.tenant,
        "bearer_token_file": shipper.token_file,
    }
    lines = [
        *_PROMTAIL_HEAD.splitlines(),
        "server:",
        f"  http_listen_address: {yaml(address)}",
        f"  http_listen_port: {port}",
        # It has a port for gRPC as well, which nobody asks and which cannot be left out: on no other interface.
        "  grpc_listen_address: 127.0.0.1",
        "  grpc_listen_port: 0",
        "positions:",
        f"  filename: {yaml(shipper.positions)}",
        *_PROMTAIL_LIMITS.splitlines(),
        "clients:",
        *(f"{'-' if name == 'url' else ' '} {name}: {yaml(text)}" for name, text in client.items() if text),
        *(("  tls_config:", f"    ca_file: {yaml(shipper.ca_file)}") if shipper.ca_file else ()),
        *_labels({"cluster": shipper.cluster, "host": shipper.host}, "  external_labels:", "    "),
        *_PROMTAIL_BACKOFF.splitlines(),
        "scrape_configs:",
    ]
    for number, log in enumerate(shipper.logs):
        lines += _promtail_log(log, f"{log.source}-{number}")
    return "\n".join([*lines, ""])


def _labels(labels: dict[str, str], head: str, indent: str) -> list[str]:
    said = [f"{indent}{name}: {yaml(text)}" for name, text in labels.items() if text]
    return [head, *said] if said else []


def _promtail_log(log: Log, name: str) -> list[str]:
    if not log.path:
        journal = _PROMTAIL_JOURNAL.format(job=yaml(log.job), programs=_SSHD_PROGRAMS)
        return [f"- job_name: {name}", *journal.splitlines()]
    exclude = [f"      __path_exclude__: {yaml(log.exclude)}"] if log.exclude else []
    return [
        f"- job_name: {name}",
        "  static_configs:",
        "  - targets: [localhost]",
        "    labels:",
        f"      job: {yaml(log.job)}",
        f"      __path__: {yaml(log.path)}",
        *exclude,
        "  pipeline_stages:",
        *_promtail_stages(log.source),
    ]


def _promtail_stages(source: str) -> list[str]:
    if source in _STAMP_KEYS:
        return [
            "  - json:",
            f"      expressions: {{stamp: {_STAMP_KEYS[source]}}}",
            "  - timestamp: {source: stamp, format: RFC3339Nano, action_on_failure: skip}",
        ]
    return [
        "  - regex:",
        f"      expression: {yaml(_SSHD_STAMP)}",
        "  - timestamp:",
        "      source: stamp",
        "      format: RFC3339Nano",
        f"      fallback_formats: [{', '.join(yaml(layout) for layout in _FALLBACK)}]",
        "      # A stamp without a zone is of this machine's.",
        "      location: Local",
        "      action_on_failure: skip",
    ]


def alloy(shipper: Shipper) -> str:
    """The text of an Alloy configuration; Promtail's positions and port are not its. Raises BadShipper."""
    push = _push(shipper.url)
    endpoint = {"tenant_id": shipper.tenant, "bearer_token_file": shipper.token_file}
    external = [f"    cluster = {_text(shipper.cluster)},"] if shipper.cluster else []
    host = _text(shipper.host) if shipper.host else "constants.hostname"
    lines = [
        *_ALLOY_HEAD.splitlines(),
        'loki.write "loki" {',
        "  endpoint {",
        f"    url = {_text(push)}",
        *(f"    {name} = {_text(text)}" for name, text in endpoint.items() if text),
        "    // Nothing is given up while Loki is away; the files wait.",
        '    max_backoff_period  = "30s"',
        "    max_backoff_retries = 0",
        *(("    tls_config {", f"      ca_file = {_text(shipper.ca_file)}", "    }") if shipper.ca_file else ()),
        "  }",
        "  external_labels = {",
        *external,
        f"    host = {host},",
        "  }",
        "}",
    ]
    for number, log in enumerate(shipper.logs):
        lines += ["", *_alloy_log(log, f"{log.source}_{number}")]
    return "\n".join([*lines, ""])


def _alloy_log(log: Log, name: str) -> list[str]:
    if not log.path:
        return _ALLOY_JOURNAL.format(name=name, job=_text(log.job), programs=_text(_SSHD_PROGRAMS)).splitlines()
    exclude = f', "__path_exclude__" = {_text(log.exclude)}' if log.exclude else ""
    return [
        f'local.file_match "{name}" {{',
        f'  path_targets = [{{"__path__" = {_text(log.path)}{exclude}, "job" = {_text(log.job)}}}]',
        "}",
        f'loki.source.file "{name}" {{',
        f"  targets    = local.file_match.{name}.targets",
        f"  forward_to = [loki.process.{name}.receiver]",
        "}",
        f'loki.process "{name}" {{',
        *_ALLOY_DROP.splitlines(),
        *_alloy_stages(log.source),
        "  forward_to = [loki.write.loki.receiver]",
        "}",
    ]


def _alloy_stages(source: str) -> list[str]:
    if source in _STAMP_KEYS:
        return [
            "  stage.json {",
            f"    expressions = {{stamp = {_text(_STAMP_KEYS[source])}}}",
            "  }",
            "  stage.timestamp {",
            '    source            = "stamp"',
            '    format            = "RFC3339Nano"',
            '    action_on_failure = "skip"',
            "  }",
        ]
    return [
        "  stage.regex {",
        f"    expression = {_text(_SSHD_STAMP)}",
        "  }",
        "  stage.timestamp {",
        '    source            = "stamp"',
        '    format            = "RFC3339Nano"',
        f"    fallback_formats  = [{', '.join(_text(layout) for layout in _FALLBACK)}]",
        "    // A stamp without a zone is of this machine's.",
        '    location          = "Local"',
        '    action_on_failure = "skip"',
        "  }",
    ]


def _text(text: str) -> str:
    """A string of Alloy's syntax, whose escapes are Go's."""
    return f'"{logql(text)}"'


def _push(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadShipper(f"--url {url}: write Loki's base URL, like https://loki.example.org")
    if parts.username is not None:
        raise BadShipper("--url: no password in it; put a token into a file and name it with --token-file")
    return url.rstrip("/").removesuffix("/loki/api/v1/push") + "/loki/api/v1/push"


def _listen(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise BadShipper(f"--listen {listen}: write HOST:PORT, like 127.0.0.1:9080")
    return host, int(port)


_PROMTAIL_HEAD = """\
# Rendered by `vedette render promtail`; not to be edited.
#   promtail -check-syntax -config.file=FILE
#   promtail -config.file=FILE
# Promtail is at its end: Loki 3.7 has it no more. `vedette render alloy` renders the same for its successor.
# What it lost is in its /metrics: promtail_dropped_entries_total, by reason. Anything but 0 there is events unseen.
"""

_PROMTAIL_LIMITS = f"""\
limits_config:
  # A longer line is left out whole and counted (reason="line_too_long"); cut short it would be no record.
  max_line_size: {MAX_LINE}
  max_line_size_truncate: false
"""

_PROMTAIL_BACKOFF = """\
  # 0: nothing is given up while Loki is away; the files wait.
  backoff_config: {min_period: 500ms, max_period: 30s, max_retries: 0}
"""

_PROMTAIL_JOURNAL = """\
  # Needs a Promtail that was built with support for the journal; one without says so in its log, and ships nothing.
  journal:
    json: true
    # Older entries are passed over, even where it had stopped before them.
    max_age: 168h
    labels:
      job: {job}
  relabel_configs:
  - source_labels: [__journal_syslog_identifier]
    regex: {programs}
    action: keep
"""

_ALLOY_HEAD = """\
// Rendered by `vedette render alloy`; not to be edited.
// NOT TRIED: vedette's tests have no Alloy to run. The words are those of its reference (1.x: loki.source.file,
// loki.source.journal, loki.process, loki.write), the stages those of the Promtail file, which is tried. Before use:
//   alloy fmt FILE
//   alloy run --storage.path=/var/lib/alloy FILE
// What it lost is in its /metrics: loki_process_dropped_lines_total and loki_write_dropped_entries_total.
"""

_ALLOY_DROP = f"""\
  // A longer line is left out whole and counted; cut short it would be no record.
  stage.drop {{
    longer_than         = "{MAX_LINE}"
    drop_counter_reason = "line_too_long"
  }}
"""

_ALLOY_JOURNAL = """\
loki.relabel "{name}" {{
  forward_to = []
  rule {{
    source_labels = ["__journal_syslog_identifier"]
    regex         = {programs}
    action        = "keep"
  }}
}}
loki.source.journal "{name}" {{
  format_as_json = true
  // Older entries are passed over, even where it had stopped before them.
  max_age        = "168h"
  labels         = {{job = {job}}}
  relabel_rules  = loki.relabel.{name}.rules
  forward_to     = [loki.write.loki.receiver]
}}
"""
