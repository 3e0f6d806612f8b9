"""The configuration of the lab's parts, as a user's would be, with this lab's addresses in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from vedette.loki_process import loki_settings

JOBS = {"kube": "kube-audit", "vault": "vault-audit", "sshd": "sshd-pve"}
"""Log -> its job label in Loki, as `vedette render loki` expects it."""
OWNER = "me@example.org"


@dataclass(frozen=True)
class Places:
    """Where the parts are that files name."""

    logs: Mapping[str, Path]
    """kube, vault, sshd -> their log file."""
    webhook: str
    """host:port at which vedette takes audit events."""
    alertmanager: str
    vault: str
    vault_token: Path
    policy: Path
    """The audit policy's file."""
    kube: str = ""
    """The API server, once there is a token for it."""
    kube_token: Path = Path()
    kube_ca: Path = Path()


def vedette(places: Places, *, kube_by: str = "webhook", more: Mapping[str, object] | None = None) -> str:
    """vedette.yaml but for its `watch` part. `kube_by`: how the API server's events come, webhook or file; `more`: top-level
    keys that take the place of these."""
    files = [
        {"name": "vault-audit", "paths": [str(places.logs["vault"])], "start": "end"},
        {"name": "sshd", "paths": [str(places.logs["sshd"])], "start": "end"},
    ]
    if kube_by == "file":
        files.append({"name": "kube-audit", "paths": [str(places.logs["kube"])]})
    sources: dict[str, object] = {
        "files": files,
        "vault": [
            {"name": "vault-0", "address": places.vault, "token_file": str(places.vault_token), "every": "1s"},
        ],
        "hashes": [{"name": "audit-policy", "paths": [str(places.policy)], "every": "1s"}],
    }
    if kube_by == "webhook":
        sources["webhook"] = [{"name": "kube-audit", "listen": places.webhook}]
    if places.kube:
        observed = {"server": places.kube, "token_file": str(places.kube_token), "ca_file": str(places.kube_ca)}
        sources["kube"] = [{"name": "kube-0", **observed, "every": "2s"}]
    settings: dict[str, object] = {
        # One address alone: 127.0.0.66 is outside then, and yet this machine.
        "networks": {"loopback": ["127.0.0.1/32"], "pods": ["10.10.0.0/16"]},
        "owner": {"name": OWNER, "vault_aliases": ["userpass-me"]},
        "sources": sources,
        "sinks": {"alertmanager": [{"name": "alertmanager", "urls": [places.alertmanager]}]},
        "cluster": "lab",
        **(more or {}),
    }
    return yaml.safe_dump(settings, sort_keys=False)


def audit_webhook(listen: str) -> str:
    """What --audit-webhook-config-file names."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "vedette", "cluster": {"server": f"http://{listen}/audit"}}],
            "users": [{"name": "none", "user": {}}],
            "contexts": [{"name": "audit", "context": {"cluster": "vedette", "user": "none"}}],
            "current-context": "audit",
        }
    )


def loki(data: Path, http: int, grpc: int, alertmanager: str) -> str:
    """Loki's, with a ruler that tells Alertmanager."""
    settings = yaml.safe_load(loki_settings(data, http, grpc, "max_line_size: 1MB"))
    settings["ruler"] |= {
        "alertmanager_url": alertmanager,
        "enable_alertmanager_v2": True,
        "enable_api": True,
        "poll_interval": "2s",
    }
    return yaml.safe_dump(settings)


def promtail(folder: Path, port: int, push: str, logs: Mapping[str, Path], jobs: Mapping[str, str]) -> str:
    """promtail's: each log under its job label, with the times of the events."""
    stages = {
        "kube": _timed("stageTimestamp"),
        "vault": _timed("time"),
        # The first word of a line, in the format of Debian's own files since 12.
        "sshd": [
            {"regex": {"expression": r"^(?P<ts>\S+) "}},
            {"timestamp": {"source": "ts", "format": "RFC3339Nano"}},
        ],
    }
    scrapes = [
        {
            "job_name": log,
            "static_configs": [{"targets": ["localhost"], "labels": {"job": jobs[log], "__path__": str(path)}}],
            "pipeline_stages": stages[log],
        }
        for log, path in logs.items()
    ]
    server = {"http_listen_address": "127.0.0.1", "http_listen_port": port, "grpc_listen_address": "127.0.0.1"}
    return yaml.safe_dump(
        {
            "server": {**server, "grpc_listen_port": 0, "log_level": "warn"},
            "positions": {"filename": str(folder / "positions.yaml")},
            "clients": [{"url": f"{push}/loki/api/v1/push", "batchwait": "200ms"}],
            "scrape_configs": scrapes,
        }
    )


def alertmanager(slack_hook: str, channel: str) -> str:
    """Alertmanager's: each alert is a message of its own, at once."""
    slack = {
        "api_url": slack_hook,
        "channel": channel,
        "send_resolved": True,
        "title": "{{ .Status }} {{ .CommonLabels.rule_id }} {{ .CommonLabels.severity }}",
        "text": "{{ range .Alerts }}{{ .Labels }} {{ .Annotations }}\n{{ end }}",
    }
    return yaml.safe_dump(
        {
            "route": {
                "receiver": "slack",
                "group_by": ["..."],
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": "4h",
            },
            "receivers": [{"name": "slack", "slack_configs": [slack]}],
        }
    )


def _timed(field: str) -> list[dict[str, object]]:
    return [
        {"json": {"expressions": {"ts": field}}},
        {"timestamp": {"source": "ts", "format": "RFC3339Nano"}},
    ]
