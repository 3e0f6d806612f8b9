"""The whole lab: from an act on a real server to a message in a stand-in for Slack, by both engines.

servers ─ audit log, syslog ─▶ vedette watch ───────────┐
└──── audit log, syslog ─▶ promtail ─▶ Loki, ruler ─┴▶ Alertmanager ─▶ Slack's stand-in
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from lab import files
from lab.alertmanager import AlertmanagerServer
from lab.asking import INSIDE
from lab.built import HERE, part
from lab.kube import AUDIT, RBAC, ApiServer
from lab.loki import LokiServer, Promtail
from lab.process import Process, free_ports, until
from lab.slack import TOKEN, SlackServer
from lab.sshd import SshServer
from lab.vault import VaultServer
from lab.watch import Daemon
from vedette.render.rights import vault_policy

PEOPLE = {files.OWNER: "oidc:admins", "dev@example.org": "oidc:devs"}
NODE = "system:node:k8s-node2"
"""A kubelet's name, with a token in `kube.tokens`: no program of the lab has it."""
_PORTS = ("alertmanager", "ruler_alertmanager", "loki", "loki_grpc", "promtail", "webhook")
NEEDS = ("etcd", "kube-apiserver", "kube-controller-manager", "vault", "loki", "promtail")
ADMIN = "lab-admins"
"""A ClusterRoleBinding that lets people and the lab's accounts do anything: rules judge what is done, not what is allowed."""


class Lab:
    """Everything, in `folder`, from `with` to its end. The parts are attributes; what each can do says its class."""

    kube: ApiServer
    vault: VaultServer
    sshd: SshServer
    loki: LokiServer
    promtail: Promtail
    alertmanager: AlertmanagerServer
    """vedette's."""
    ruler_alertmanager: AlertmanagerServer
    """Loki's ruler's: which engine told is then seen."""
    slack: SlackServer
    watch: Daemon
    policy: str
    """The audit policy that it was started with; `kube.restart` takes another."""
    password = "only-for-this-lab"
    """The owner's in Vault, by userpass as `me`."""

    def __init__(
        self,
        folder: Path,
        *,
        policy: str | None = None,
        kube_by: str = "webhook",
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """`policy`: the audit policy (YAML) in place of the rendered one. `kube_by`: how vedette gets the API server's
        events, webhook or file. `settings`: keys of vedette.yaml in place of the lab's."""
        self.folder = folder
        self.kube_by = kube_by
        self._policy = policy
        self._settings = settings
        self.jobs = dict(files.JOBS)
        self._close = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start all parts. Raises NoPart where one is not there, DoesNotCome where one does not start."""
        for name in NEEDS:
            part(name)
        try:
            self._start()
        except BaseException:
            self._close.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End every process that was started, the last first."""
        self._close.close()

    @property
    def places(self) -> files.Places:
        """Where the parts are."""
        return self._places

    @property
    def logs(self) -> Mapping[str, Path]:
        """kube, vault, sshd -> its log file, which both engines read."""
        return self._places.logs

    def where(self) -> dict[str, str]:
        """Part -> its address or file, for a person."""
        return {
            "kube-apiserver": f"{self.kube.address}  (ca: {self.kube.ca}, tokens: {self.kube.folder / 'tokens.csv'})",
            "kube audit log": str(self.logs["kube"]),
            "audit policy": str(self.kube.policy_file),
            "Vault": f"{self.vault.address}  (root token: {self.vault.root})",
            "Vault audit log": str(self.logs["vault"]),
            "sshd": f"127.0.0.1:{self.sshd.port}  (user: {self.sshd.user}, key: {self.sshd.folder / 'user'})",
            "sshd log": str(self.logs["sshd"]),
            "Loki": self.loki.url,
            "promtail": self.promtail.url,
            "Alertmanager": self.alertmanager.url,
            "the ruler's": self.ruler_alertmanager.url,
            "Slack's stand-in": f"{self.slack.api_url}  (token: {TOKEN}, channels: {files.CHANNELS})",
            "vedette watch": f"http://{self.watch.address}  (settings: {self.watch.config}, state: {self.watch.state})",
        }

    @property
    def processes(self) -> list[Process]:
        """Every program that was started."""
        kube = [self.kube.etcd, self.kube.server, *self.kube.cluster]
        others = (
            self.vault,
            self.sshd,
            self.promtail,
            self.loki,
            self.alertmanager,
            self.ruler_alertmanager,
            self.watch,
        )
        return [*kube, *(one.process for one in others), self.sshd.syslog]

    def settings(self, **more: object) -> str:
        """vedette.yaml as the lab writes it, with other top-level keys where given; `watch.write` takes it."""
        return files.vedette(self._places, kube_by=self.kube_by, more={**(self._settings or {}), **more})

    def restart_vault(self, **listener: object) -> None:
        """A fresh Vault at the same address, set up as before, with more keys of its listener."""
        self.vault.restart(listener)
        self._prepare_vault()

    def told(self, engine: str = "vedette") -> dict[float, str]:
        """What an engine's Alertmanager posted: when (seconds since 1970) -> title and text."""
        found = {}
        for ts, message in list(self.slack.messages.items()):
            if message.get("channel") == files.CHANNELS[engine]:
                parts = (one.get(name, "") for one in message.get("attachments", []) for name in ("title", "text"))
                found[float(ts)] = "\n".join(parts)
        return found

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.slack = SlackServer()
        self.slack.clock = time.time
        self.slack.channels = set(files.CHANNELS.values())
        self._close.callback(self.slack.server.close)
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        together(self._start_vault, self._start_sshd)
        kube = self._own("kube")
        webhook = f"{INSIDE}:{self._ports['webhook']}"
        self._webhook = webhook_flags(kube / "audit-webhook.json") if self.kube_by == "webhook" else ()
        (kube / "audit-webhook.json").write_text(files.audit_webhook(webhook))
        self._places = files.Places(
            logs={"kube": kube / "audit.log", "vault": self.vault.audit_log, "sshd": self.sshd.log},
            webhook=webhook,
            alertmanager=f"http://{INSIDE}:{self._ports['alertmanager']}",
            vault=self.vault.address,
            vault_token=self.folder / "vault.token",
            policy=kube / "policy.yaml",
            flags=(*AUDIT, *self._webhook),
        )
        self.watch = Daemon(self._own("watch"), self.settings(), watch="  hold: 10s\n  completion: 'on'\n")
        # In place before anybody looks at its hash.
        self.policy = self.render("audit-policy") if self._policy is None else self._policy
        self._places.policy.write_text(self.policy)
        together(self._start_alertmanagers, self._start_loki)
        self._close.callback(self.watch.close)
        self.watch.start()
        self._start_kube(kube)
        self._start_promtail()
        # Only now is there a token for looking at the API server.
        self.watch.write(self.settings())
        self.watch.reload()
        until(self._looks, "vedette has looked at the API server", 30.0)
        # An ordinary login: a log that never had a line is one that nobody knows to be the right one.
        self.sshd.login()

    def _own(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def render(self, *words: str | Path) -> str:
        """What `vedette render` prints under the lab's settings."""
        done = self.watch.command("render", *(str(word) for word in words))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _job_words(self, **jobs: str) -> list[str]:
        return [f"--job={log}={name}" for log, name in {**self.jobs, **jobs}.items()]

    def _start_vault(self) -> None:
        self.vault = VaultServer(self._own("vault"))
        self._close.callback(self.vault.stop)
        self._prepare_vault()

    def _prepare_vault(self) -> None:
        vault = self.vault
        for path, kind in (("sys/auth/userpass", "userpass"), ("sys/auth/approle", "approle")):
            assert vault.call("POST", path, {"type": kind})[0] == 204
        rules = 'path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }'
        assert vault.call("PUT", "sys/policies/acl/everything", {"policy": rules})[0] == 204
        user = {"password": self.password, "token_policies": ["everything"]}
        assert vault.call("PUT", "auth/userpass/users/me", user)[0] == 204
        (self.folder / "vault.token").write_text(vault.token("vedette", vault_policy()))
        vault.device("file", vault.audit_log)

    def _start_sshd(self) -> None:
        self.sshd = SshServer(self._own("sshd"))
        self._close.callback(self.sshd.stop)

    def _start_alertmanagers(self) -> None:
        token = self.folder / "slack.token"
        token.write_text(TOKEN)
        for engine, channel in files.CHANNELS.items():
            name = "alertmanager" if engine == "vedette" else "ruler_alertmanager"
            rendered = self.render("alertmanager", "--token-file", token, "--channel", channel)
            config = files.alertmanager(rendered, self.slack.api_url)
            server = AlertmanagerServer(self._own(name), config=config, port=self._ports[name])
            self._close.callback(server.stop)
            setattr(self, name, server)

    def _start_loki(self) -> None:
        folder = self._own("loki")
        rendered = self.render(
            *("loki-config", "--alertmanager", f"http://{INSIDE}:{self._ports['ruler_alertmanager']}"),
            *("--data", folder / "data", "--rules", folder / "data" / "rules"),
            *("--listen", f"{INSIDE}:{self._ports['loki']}", "--grpc-port", str(self._ports["loki_grpc"])),
            *self._job_words(),
        )
        self.loki = LokiServer(folder, settings=files.loki(rendered), port=self._ports["loki"])
        self._close.callback(self.loki.close)
        self.loki.write_rules(self.render("loki", *self._job_words()))

    def _start_kube(self, folder: Path) -> None:
        self.kube = ApiServer(
            folder, self.policy, " ".join(self._webhook), people={**PEOPLE, NODE: "system:nodes"}, cluster=True
        )
        self._close.callback(self.kube.stop)
        kube = self.kube
        for namespace in ("vault", "lab", "vedette"):
            assert kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})[0] == 201
        subjects = [{"kind": "User", "apiGroup": RBAC, "name": name} for name in PEOPLE]
        subjects.append({"kind": "Group", "apiGroup": RBAC, "name": "system:serviceaccounts:lab"})
        bind(kube, ADMIN, "cluster-admin", subjects)
        kubeadm = files.kubeadm(self._places.flags)
        assert kube.call("POST", "/api/v1/namespaces/kube-system/configmaps", kubeadm)[0] == 201
        for one in yaml.safe_load_all(self.render("rights", "kube")):
            assert kube.call("POST", _path(one), one)[0] == 201
        (self.folder / "kube.token").write_text(kube.account("vedette", "vedette"))
        kube.pod("vault", "vault-0")
        self._places = replace(self._places, kube=kube.address, kube_token=self.folder / "kube.token", kube_ca=kube.ca)

    def _start_promtail(self) -> None:
        self.promtail = Promtail(self._own("promtail"), self.promtail_settings(), self._ports["promtail"])
        self._close.callback(self.promtail.stop)
        self.promtail.start()

    def promtail_settings(self, **jobs: str) -> str:
        """promtail's configuration, with another job label for a log where given (kube="renamed")."""
        rendered = self.render(
            *("promtail", "--url", self.loki.url, "--positions", self.folder / "promtail" / "positions.yaml"),
            *("--listen", f"{INSIDE}:{self._ports['promtail']}"),
            *(word for log, path in self.logs.items() for word in (f"--{log}", path)),
            *self._job_words(**jobs),
        )
        return files.promtail(rendered)

    def _looks(self) -> bool:
        """The API server has answered vedette's account, by the name of which nobody else lists bindings."""
        needle = b'"username":"system:serviceaccount:vedette:vedette"'
        return needle in self.logs["kube"].read_bytes() and self.watch.status("/readyz")[0] == 200


def webhook_flags(kubeconfig: Path) -> tuple[str, ...]:
    """kube-apiserver's flags for vedette's audit webhook, as deploy/README.md has them."""
    text = (HERE.parent / "deploy" / "README.md").read_text("utf-8")
    flags = [line.strip() for line in text.splitlines() if line.strip().startswith("--audit-webhook-")]
    return tuple(f"--audit-webhook-config-file={kubeconfig}" if "-config-file=" in flag else flag for flag in flags)


def together(*starts: Callable[[], None]) -> None:
    """Run all at the same time; when all have ended, raises what the first of them raised."""
    with ThreadPoolExecutor(len(starts)) as pool:
        for one in [pool.submit(start) for start in starts]:
            one.result()


def bind(kube: ApiServer, name: str, role: str, subjects: list[dict[str, str]]) -> None:
    """A ClusterRoleBinding."""
    body = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }
    status, answer = kube.call("POST", f"/apis/{RBAC}/v1/clusterrolebindings", body)
    assert status == 201, answer


def _path(one: dict[str, Any]) -> str:
    version, namespace = one["apiVersion"], one["metadata"].get("namespace", "")
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{within}/{one['kind'].lower()}s"
