"""A service account that has rendered rights and nothing else."""

from __future__ import annotations

from typing import Any

import yaml

from tests.actions.action_site import CORE, RBAC, Site

_PATHS = {"ClusterRole": f"{RBAC}/clusterroles", "ClusterRoleBinding": f"{RBAC}/clusterrolebindings"}


def granted(site: Site, name: str, manifest: str, without: tuple[str, str] | None = None) -> str:
    """The token of an account in the namespace `name`; `without`: one resource and verb of the rendered rights."""
    text = manifest.replace("namespace: vedette", f"namespace: {name}").replace(
        "name: vedette-actions", f"name: {name}"
    )
    for document in yaml.safe_load_all(text):
        if document["kind"] == "ServiceAccount":
            site.made(f"{CORE}/namespaces/{name}/serviceaccounts", document)
            continue
        if document["kind"] == "ClusterRole" and without:
            document["rules"] = _less(document["rules"], *without)
        site.made(_PATHS[document["kind"]], document)
    return site.server.account(name, name)


def _less(rules: list[dict[str, Any]], resource: str, verb: str) -> list[dict[str, Any]]:
    found = []
    for rule in rules:
        verbs = [one for one in rule["verbs"] if (rule["resources"], one) != ([resource], verb)]
        if verbs:
            found.append({**rule, "verbs": verbs})
    assert found != rules, (resource, verb)
    return found
