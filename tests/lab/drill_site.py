"""The lab as a site where drills are allowed: what `vedette render rights kube-drill`, `vault-drill` print, and settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from lab import files
from lab.built import HERE
from lab.lab import Lab
from lab.process import until
from lab.slack import TOKEN

RBAC = "/apis/rbac.authorization.k8s.io/v1"
LONG = 400.0
"""Seconds that the slowest drill may take."""


class Site:
    """A lab with the drill account of each server; `vedette drill` is run as a user would."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.folder / "drill"
        self.folder.mkdir(exist_ok=True)
        for name, text in (
            ("slack.token", TOKEN),
            ("admin.token", lab.vault.root),
            ("unseal.key", lab.vault.key),
            ("kube.inject", ""),
            ("vault.inject", ""),
        ):
            (self.folder / name).write_text(text)
        self.settle()
        self._kube()
        self._vault()

    def file(self, name: str, text: str = "") -> Path:
        """A file of the drills' own."""
        path = self.folder / name
        path.write_text(text)
        return path

    def settings(self, **more: object) -> dict[str, Any]:
        """The `drill` part, with other keys where given."""
        lab = self.lab
        return {
            "kube": {
                "server": lab.kube.address,
                "token_file": str(self.folder / "kube.token"),
                "ca_file": str(lab.kube.ca),
                "pod": "vault/vedette-drill",
            },
            "vault": {
                "address": lab.vault.address,
                "token_file": str(self.folder / "vault.token"),
                "admin_token_file": str(self.folder / "admin.token"),
                "unseal_key_file": str(self.folder / "unseal.key"),
            },
            "inject": {log: str(self.folder / f"{log}.inject") for log in ("kube", "vault")},
            "policy_file": str(lab.kube.policy_file),
            "for_real": "on",
            "alertmanager": [lab.ruler_alertmanager.url],
            "slack": {
                "channel": files.CHANNELS["vedette"],
                "token_file": str(self.folder / "slack.token"),
                "api_url": lab.slack.api_url,
            },
            "timeout": "30s",
            **more,
        }

    def settle(self, **more: object) -> None:
        """Write the settings and have `vedette watch` take them up; it follows the files of stand-ins too."""
        settings = yaml.safe_load(self.lab.settings(drill=self.settings(**more)))
        paths = [str(self.folder / f"{log}.inject") for log in ("kube", "vault")]
        settings["sources"]["files"].append({"name": "stand-ins", "paths": paths})
        self.lab.watch.write(yaml.safe_dump(settings, sort_keys=False))
        self.lab.watch.reload()
        until(lambda: self.lab.watch.status("/readyz")[0] == 200, "vedette has taken the settings up")

    def _kube(self) -> None:
        kube = self.lab.kube
        for one in self.manifest():
            status, answer = kube.call("POST", where(one), one)
            assert status in (201, 409), answer
        until(
            lambda: kube.call("GET", "/api/v1/namespaces/vedette-drill/serviceaccounts/vedette-drill")[0] == 200,
            "account",
        )
        kube.pod("vault", "vedette-drill")
        self.file("kube.token", kube.account("vedette-drill", "vedette-drill"))

    def manifest(self) -> list[dict[str, Any]]:
        """What is rendered but for the pod: no kubelet could run it here, and the lab has its own way of making one."""
        return [one for one in yaml.safe_load_all(self.lab.render("rights", "kube-drill")) if one["kind"] != "Pod"]

    def _vault(self) -> None:
        vault = self.lab.vault
        self.file("vault.token", vault.token("vedette-drill", self.lab.render("rights", "vault-drill")))
        role = {
            "allowed_policies": "vedette-drill-more",
            "token_no_default_policy": True,
            "token_explicit_max_ttl": "60s",
            "renewable": False,
        }
        assert vault.call("POST", "auth/token/roles/vedette-drill", role)[0] == 204
        assert vault.call("POST", "sys/auth/vedette-drill", {"type": "userpass"})[0] in (204, 400)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """`vedette drill WORDS`, running."""
        return subprocess.Popen(
            [
                # A shell gives what it runs in the background no Ctrl-C, and that is handed down.
                *("env", "--default-signal=INT", sys.executable, "-m", "vedette", "drill", *words),
                *("--config", str(self.lab.watch.config), "--state", str(self.lab.watch.state)),
            ],
            env={"PYTHONPATH": str(HERE.parent / "src"), "HOME": str(self.folder), "PATH": os.defpath},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def drill(self, *words: str) -> tuple[int, str, str]:
        """Code, stdout and stderr of `vedette drill WORDS`."""
        process = self.start(*words)
        out, err = process.communicate(timeout=LONG)
        return process.returncode, out, err

    def results(self, *words: str) -> list[dict[str, Any]]:
        """What `-o json` prints, without being asked."""
        code, out, err = self.drill(*words, "--yes", "-o", "json")
        assert code in (0, 1), err
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def left(self) -> list[str]:
        """All that has a mark in its name, at every server."""
        found = []
        for kind in ("/api/v1/serviceaccounts", "/api/v1/configmaps", f"{RBAC}/rolebindings", f"{RBAC}/clusterroles"):
            listed = self.lab.kube.call("GET", kind)[1]["items"]
            found += [f"{kind} {one['metadata']['name']}" for one in listed]
        role = self.lab.kube.call("GET", f"{RBAC}/clusterroles/vedette-drill")[1]
        names = [one for one in found if "vedette-drill-" in one and one.count("-") >= 6]
        policies = self.lab.vault.call("LIST", "sys/policies/acl")[1]["data"]["keys"]
        devices = self.lab.vault.call("GET", "sys/audit")[1]["data"]
        names += [one for one in (*policies, *devices) if one.startswith("vedette-drill-")]
        return names + (["rules in clusterroles/vedette-drill"] if role["rules"] else [])


def where(one: dict[str, Any]) -> str:
    """The path at which an object of a manifest is made."""
    version, kind = one["apiVersion"], one["kind"].lower()
    base = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    namespace = one["metadata"].get("namespace", "")
    return f"{base}/namespaces/{namespace}/{kind}s" if namespace else f"{base}/{kind}s"
