"""kube.secrets-read: from evidence that `vedette watch` kept, and the pods of a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.actions.action_site import CORE, Site
from tests.cli.alert_store import HOSTILE
from tests.scans import LOGS
from vedette.store.segments import Segments


def line(actor: str, verb: str, namespace: str, name: str, code: int = 200, **more: Any) -> bytes:
    """A kube audit line, made from a recorded one."""
    with (LOGS / "kube-audit.jsonl").open("rb") as file:
        record = json.loads(
            next(one for one in file if b"/namespaces/vault/secrets/" in one and b'"verb":"get"' in one)
        )
    reference = {"resource": "secrets", "apiVersion": "v1"}
    reference |= {key: value for key, value in (("namespace", namespace), ("name", name)) if value}
    record |= {
        "auditID": f"{actor}-{verb}-{namespace}-{name}-{code}",
        "verb": verb,
        "user": {"username": actor, "groups": ["system:authenticated"]},
        "objectRef": reference,
        "stage": "ResponseComplete",
        "responseStatus": {"metadata": {}, "code": code},
        **more,
    }
    return json.dumps(record).encode() + b"\n"


def keep(site: Site, *lines: bytes) -> None:
    """Put lines into the evidence of a source."""
    segments = Segments(site.state / "evidence" / "kube")
    segments.append(b"".join(lines))
    segments.close()


def rows(site: Site, *words: str) -> dict[str, dict[str, str]]:
    """What is found, by Secret."""
    return {one["secret"]: one for one in site.plan("kube.secrets-read", *words)["found"]}


def test_what_was_given_and_what_runs_with_it(site: Site) -> None:
    """Gets, lists and empty patches count; what was refused or absent does not, nor what others read."""
    namespace = site.namespace()
    site.made(f"{CORE}/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "default"}})
    spec = {
        "containers": [{"name": "a", "image": "registry.invalid/a", "envFrom": [{"secretRef": {"name": "database"}}]}],
        "volumes": [{"name": "v", "secret": {"secretName": "tls"}}],
    }
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "1", "controller": True}
    site.made(
        f"{CORE}/namespaces/{namespace}/pods", {"metadata": {"name": "db-0", "ownerReferences": [owner]}, "spec": spec}
    )
    keep(
        site,
        line("dev", "get", namespace, "database"),
        line("dev", "patch", namespace, "unused"),
        line("dev", "get", namespace, "refused", 403),
        line("dev", "get", namespace, "absent", 404),
        line("dev", "list", "", ""),
        line("other", "get", namespace, "theirs"),
        line("admin", "get", namespace, "as-dev", impersonatedUser={"username": "dev"}),
    )
    found = rows(site, "dev")
    assert set(found) == {f"{namespace}/database", f"{namespace}/unused", f"{namespace}/as-dev", "*/*"}
    assert found[f"{namespace}/database"]["used by"] == "StatefulSet db"
    assert found[f"{namespace}/unused"]["used by"] == "no pod that runs now"
    assert f"{namespace}/tls: StatefulSet db" in found["*/*"]["used by"]
    code, out, _ = site.run("plan", "kube.secrets-read", "dev")
    assert (code, "apply" in out) == (0, False)


def test_without_a_server_the_evidence_is_enough(site: Site) -> None:
    """It says that the owners cannot be told; where a server does not answer, too."""
    keep(site, line("dev", "get", "vault", "unseal"))
    config = site.folder / "bare.yaml"
    config.write_text("cluster: a\n")
    words = ("plan", "--state", str(site.state), "--config", str(config), "kube.secrets-read", "dev")
    code, out, _ = site.run(*words)
    assert code == 0
    assert "cannot tell: no API server" in " ".join(out.split())
    site.via = "http://127.0.0.1:9"
    assert "cannot tell: http://127.0.0.1:9" in rows(site, "dev")["vault/unseal"]["used by"]


def test_a_hostile_actor_is_found_and_shown_escaped(site: Site) -> None:
    """As JSON has its name in the log; the terminal is not told to do anything."""
    keep(site, line(HOSTILE, "get", "vault", "un\x1b[2Jseal"))
    code, out, _ = site.run("plan", "kube.secrets-read", HOSTILE)
    assert code == 0
    assert "un\\x1b[2Jseal" in out
    assert "\x1b" not in out


def test_no_evidence_is_no_clean_bill(site: Site, tmp_path: Path) -> None:
    """Where nothing is kept, that is an error and not an empty list."""
    assert "no evidence is kept" in site.refused("kube.secrets-read", "dev", "--state", str(tmp_path / "none"))


@pytest.mark.parametrize("actor", ["", "*"])
def test_it_is_of_one_actor(site: Site, actor: str) -> None:
    """As every action."""
    assert "refused" in site.refused("kube.secrets-read", actor)
