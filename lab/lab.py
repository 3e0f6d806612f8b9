"""The whole lab: from an act on a real server to a message in a stand-in for Slack, by both engines.

servers ─ audit log, syslog ─▶ vedette watch ───────────┐
└──── audit log, syslog ─▶ promtail ─▶ Loki, ruler ─┴▶ Alertmanager ─▶ Slack's stand-in
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
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
from lab.kube import ApiServer
from lab.loki import LokiServer, Promtail
from lab.process import free_ports, until
from lab.slack import CHANNEL, SlackServer
from lab.sshd import SshServer
from lab.vault import VaultServer
from lab.watch import Daemon
from vedette import escape
from vedette.render.rights import kube_rights, vault_policy

AUDIT_POLICY = HERE / "audit-policy.yaml"
PEOPLE = {files.OWNER: "oidc:admins", "dev@example.org": "oidc:devs"}
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
    slack: SlackServer
    watch: Daemon
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
        """`policy`: the audit policy (YAML) in place of the recommended one. `kube_by`: how vedette gets the API server's
        events, webhook or file. `settings`: keys of vedette.yaml in place of the lab's."""
        self.folder = folder
        self.kube_by = kube_by
        self._policy = AUDIT_POLICY.read_text("utf-8") if policy is None else policy
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
            "Slack's stand-in": f"{self.slack.api_url}  (channel: {CHANNEL})",
            "vedette watch": f"http://{self.watch.address}  (settings: {self.watch.config}, state: {self.watch.state})",
        }

    def settings(self, **more: object) -> str:
        """vedette.yaml as the lab writes it, with other top-level keys where given; `watch.write` takes it."""
        return files.vedette(self._places, kube_by=self.kube_by, more={**(self._settings or {}), **more})

    def slack_texts(self) -> dict[float, str]:
        """When something was posted (seconds since 1970) -> all of its text."""
        return {float(ts): repr(message) for ts, message in list(self.slack.messages.items())}

    def slack_titles(self) -> dict[float, str]:
        """The same, its first line alone."""
        found = {}
        for ts, message in list(self.slack.messages.items()):
            first = message.get("attachments", [{}])[0]
            found[float(ts)] = escape.terminal(
                f"{first.get('title', '')} {first.get('fallback', message.get('text'))}", 160
            )
        return found

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.slack = SlackServer()
        self.slack.clock = time.time
        self._close.callback(self.slack.server.close)
        config = files.alertmanager(self.slack.hook_url, CHANNEL)
        self.alertmanager = AlertmanagerServer(self._own("alertmanager"), config=config)
        self._close.callback(self.alertmanager.stop)
        with ThreadPoolExecutor(3) as pool:
            started = [pool.submit(start) for start in (self._start_vault, self._start_sshd, self._start_loki)]
            for one in started:
                one.result()
        kube = self._own("kube")
        (port,) = free_ports(1)
        webhook = f"{INSIDE}:{port}"
        self._places = files.Places(
            logs={"kube": kube / "audit.log", "vault": self.vault.audit_log, "sshd": self.sshd.log},
            webhook=webhook,
            alertmanager=self.alertmanager.url,
            vault=self.vault.address,
            vault_token=self.folder / "vault.token",
            policy=kube / "policy.yaml",
        )
        self._places.policy.write_text(self._policy)
        self._start_watch()
        self._start_kube(kube, webhook)
        self._start_promtail()
        # Only now is there a token for looking at the API server.
        self.watch.write(self.settings())
        self.watch.reload()
        until(self._looks, "vedette has looked at the API server", 30.0)

    def _own(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _start_vault(self) -> None:
        self.vault = VaultServer(self._own("vault"))
        self._close.callback(self.vault.stop)
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

    def _start_loki(self) -> None:
        folder = self._own("loki")
        http, grpc, self._promtail_port = free_ports(3)
        settings = files.loki(folder / "data", http, grpc, self.alertmanager.url)
        self.loki = LokiServer(folder, settings=settings, port=http)
        self._close.callback(self.loki.close)

    def _start_watch(self) -> None:
        watch = "  hold: 10s\n  completion: 'on'\n"
        self.watch = Daemon(self._own("watch"), self.settings(), watch=watch)
        self._close.callback(self.watch.close)
        self.watch.start()
        words = [f"--job={log}={name}" for log, name in self.jobs.items()]
        done = self.watch.command("render", "loki", *words)
        assert done.returncode == 0, done.stderr
        self.loki.write_rules(done.stdout)

    def _start_kube(self, folder: Path, webhook: str) -> None:
        config = folder / "audit-webhook.json"
        config.write_text(files.audit_webhook(webhook))
        flags = (
            f"--audit-webhook-config-file={config} --audit-webhook-mode=batch --audit-webhook-batch-max-wait=1s"
            if self.kube_by == "webhook"
            else ""
        )
        self.kube = ApiServer(folder, self._policy, flags, people=PEOPLE, cluster=True)
        self._close.callback(self.kube.stop)
        kube = self.kube
        for namespace in ("vault", "lab", "vedette"):
            assert kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})[0] == 201
        subjects = [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name} for name in PEOPLE]
        subjects.append(
            {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:serviceaccounts:lab"}
        )
        bind(kube, ADMIN, "cluster-admin", subjects)
        apply(kube, kube_rights())
        (self.folder / "kube.token").write_text(kube.account("vedette", "vedette"))
        kube.pod("vault", "vault-0")
        self._places = replace(self._places, kube=kube.address, kube_token=self.folder / "kube.token", kube_ca=kube.ca)

    def _start_promtail(self) -> None:
        folder = self._own("promtail")
        self.promtail = Promtail(folder, self.promtail_settings(), self._promtail_port)
        self._close.callback(self.promtail.stop)
        self.promtail.start()

    def promtail_settings(self, **jobs: str) -> str:
        """promtail's configuration, with another job label for a log where given (kube="renamed")."""
        return files.promtail(
            self.folder / "promtail", self._promtail_port, self.loki.url, self.logs, {**self.jobs, **jobs}
        )

    def _looks(self) -> bool:
        """The API server's log has a look of vedette's account."""
        return b"system:serviceaccount:vedette:vedette" in self.logs["kube"].read_bytes()


def bind(kube: ApiServer, name: str, role: str, subjects: list[dict[str, str]]) -> None:
    """A ClusterRoleBinding."""
    group = "rbac.authorization.k8s.io"
    body = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }
    status, answer = kube.call("POST", f"/apis/{group}/v1/clusterrolebindings", body)
    assert status == 201, answer


def apply(kube: ApiServer, manifest: str) -> None:
    """Make the objects of a manifest."""
    for one in yaml.safe_load_all(manifest):
        status, answer = kube.call("POST", _path(one), one)
        assert status in (201, 409), answer


def _path(one: dict[str, Any]) -> str:
    version, namespace = one["apiVersion"], one["metadata"].get("namespace", "")
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{within}/{one['kind'].lower()}s"
