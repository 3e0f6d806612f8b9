"""The configuration of the lab's parts, as a user's would be, with this lab's addresses in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

CHANNELS = {"vedette": "C0123456789", "loki": "C9876543210"}
"""Engine -> the channel of Slack's stand-in that it tells."""
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
    flags: tuple[str, ...]
    """kube-apiserver's audit flags."""
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
        "kube_audit": {"audit_flags": list(places.flags)},
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


def kubeadm(flags: Sequence[str]) -> dict[str, object]:
    """The ConfigMap in which kubeadm keeps what kube-apiserver is run with."""
    named = [flag.removeprefix("--").split("=", 1) for flag in flags]
    arguments = [{"name": name, "value": value} for name, value in named]
    text = yaml.safe_dump(
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "apiServer": {"extraArgs": arguments},
        }
    )
    return {"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration": text}}


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


def loki(rendered: str) -> str:
    """Loki's, rendered, that is ready after two seconds in place of sixteen and looks for changed rules more often."""
    settings = yaml.safe_load(rendered)
    settings["ingester"] = {"lifecycler": {"min_ready_duration": "0s", "final_sleep": "0s"}}
    settings["frontend"] = {"scheduler_dns_lookup_period": "500ms"}
    settings["frontend_worker"] = {"dns_lookup_duration": "500ms"}
    settings["ruler"]["poll_interval"] = "2s"
    return yaml.safe_dump(settings)


def promtail(rendered: str) -> str:
    """promtail's, rendered, that does not wait to fill a batch."""
    settings = yaml.safe_load(rendered)
    settings["clients"][0]["batchwait"] = "200ms"
    return yaml.safe_dump(settings)


def alertmanager(rendered: str, slack_api: str) -> str:
    """Alertmanager's, rendered, with the stand-in in Slack's place; groups of the ruler's alerts wait for a second where
    they wait for minutes, so that one rule's next alert can be looked for at once."""
    quick = re.sub(r"group_interval: \d+m", "group_interval: 1s", rendered)
    return quick.replace("https://slack.com/api", slack_api)
