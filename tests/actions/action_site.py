"""A real API server, a store and settings for `vedette action`, called as a person would."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from lab.kube import ApiServer

from vedette.cli import main
from vedette.store.actions import Acted, Step
from vedette.store.visit import Visit

GROUP = "rbac.authorization.k8s.io"
RBAC = f"/apis/{GROUP}/v1"
CORE = "/api/v1"
LISTER = "lister"
"""A ClusterRole that may list pods; the shipped ones are empty until a controller has filled them."""
POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [{"level": "Metadata"}]}


@dataclass
class Site:
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

    @property
    def state(self) -> Path:
        """The folder of the store."""
        return self.folder / "store"

    def run(self, *words: str) -> tuple[int, str, str]:
        """`vedette action …`: exit code, output, errors."""
        (self.folder / "token").write_text(self.token or self.server._root)
        said = {
            "watch": {"state": str(self.state)},
            "actions": {
                "mode": self.mode,
                "kube": {
                    "server": self.via or self.server.address,
                    "token_file": str(self.folder / "token"),
                    "ca_file": str(self.server.ca),
                },
            },
        }
        config = self.folder / "vedette.yaml"
        config.write_text(yaml.safe_dump(said))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["action", words[0], "--config", str(config), *words[1:]])
        return code, out.getvalue(), err.getvalue()

    def plan(self, *words: str) -> dict[str, Any]:
        """A plan that is made, as JSON."""
        code, out, err = self.run("plan", *words, "-o", "json")
        assert code == 0, (out, err)
        found: dict[str, Any] = json.loads(out)
        self.last = found["id"] or ""
        return found

    def refused(self, *words: str) -> str:
        """What is said where no plan is made."""
        code, out, err = self.run("plan", *words)
        assert code == 2, (out, err)
        return err

    def do(self, verb: str, code: int = 0) -> str:
        """apply or undo what was planned last; what was printed, on one line."""
        got, out, err = self.run(verb, self.last, "--yes", "--by", "ann")
        assert got == code, (got, out, err)
        return " ".join((out + err).split())

    def holds(self) -> list[bool | None]:
        """verify what was planned last."""
        _, out, err = self.run("verify", self.last, "-o", "json")
        assert out, err
        return [one["holds"] for one in json.loads(out)]

    def acted(self) -> Acted:
        """The record of what was planned last."""
        visit = Visit(self.state)
        try:
            found = visit.actions.get(self.last)
        finally:
            visit.close()
        assert found is not None
        return found

    def steps(self) -> list[Step]:
        """Its calls."""
        visit = Visit(self.state)
        try:
            return visit.actions.steps(self.last)
        finally:
            visit.close()

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
