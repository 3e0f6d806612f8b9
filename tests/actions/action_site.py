"""A real API server, a store and settings for `vedette action`, called as a person would."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.kube import ApiServer

from tests.actions.command_site import CommandSite

GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"
CORE = "/api/v1"
LISTER = "lister"
"""A ClusterRole that may list pods; the shipped ones are empty until a controller has filled them."""
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


@dataclass
class Site(CommandSite):
    """Settings and a store in `folder`, for `server`."""

    server: ApiServer
    folder: Path
    token: str = ""
    """Whose token vedette has; else an administrator's."""
    mode: str = "act"
    via: str = ""
    """The API server's address in the settings, where it is another."""
    last: str = field(default="", init=False)
    """The id that was planned last."""

    def actions(self) -> dict[str, Any]:
        """As CommandSite has it; the token is written anew each time."""
        (self.folder / "token").write_text(self.token or self.server._root)
        kube = {
            "server": self.via or self.server.address,
            "token_file": str(self.folder / "token"),
            "ca_file": str(self.server.ca),
        }
        return {"mode": self.mode, "kube": kube}

    def made(self, path: str, body: object) -> Any:
        """Create an object."""
        status, answer = self.server.call("POST", path, body)
        assert status == 201, answer
        return answer

    def there(self, path: str) -> Any:
        """An object, or None."""
        status, answer = self.server.call("GET", path)
        assert status in (200, 404), answer
        return answer if status == 200 else None

    def namespace(self) -> str:
        """A fresh one."""
        name = f"n{secrets.token_hex(4)}"
        self.made(f"{CORE}/namespaces", {"metadata": {"name": name}})
        return name

    def bound(
        self,
        name: str,
        subjects: list[dict[str, str]],
        *,
        role: str = LISTER,
        namespace: str = "",
        kind: str = "ClusterRole",
    ) -> str:
        """A binding; its path."""
        plural = "rolebindings" if namespace else "clusterrolebindings"
        where = f"{RBAC}/namespaces/{namespace}/{plural}" if namespace else f"{RBAC}/{plural}"
        reference = {"apiGroup": GROUP, "kind": kind, "name": role}
        self.made(where, {"metadata": {"name": name}, "roleRef": reference, "subjects": subjects})
        return f"{where}/{name}"

    def may(self, token: str, path: str = f"{CORE}/pods") -> bool:
        """Whether the owner of a token may list there."""
        return self.server.call("GET", path, token=token)[0] == 200

    def pod(self, namespace: str, name: str, account: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
        """A pod that runs as an account, with its token mounted by the admission plug-in."""
        spec = {"serviceAccountName": account, "containers": [{"name": "app", "image": "registry.invalid/pause"}]}
        metadata: dict[str, Any] = {"name": name} | ({"ownerReferences": [owner]} if owner else {})
        found: dict[str, Any] = self.made(f"{CORE}/namespaces/{namespace}/pods", {"metadata": metadata, "spec": spec})
        return found


def user(name: str) -> dict[str, str]:
    """A subject."""
    return {"kind": "User", "apiGroup": GROUP, "name": name}


def account(namespace: str, name: str) -> dict[str, str]:
    """A subject."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
