"""What the observer makes of large clusters, odd objects and odd metrics; a well API server: tests/real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.answers import answering
from tests.observers.lines import seen
from vedette.clients.kube import Kube
from vedette.observers import kube as module
from vedette.observers.base import Look
from vedette.observers.kube import KubeObserver


def listing(*items: object) -> bytes:
    """A list of one page."""
    return json.dumps({"metadata": {}, "items": items}).encode()


def role(name: str, version: int = 1) -> dict[str, object]:
    """An item of a list."""
    return {"metadata": {"name": name, "uid": "u", "resourceVersion": str(version)}, "rules": None}


def objects(looks: list[Look]) -> list[str]:
    """Their subjects."""
    return [look.subject for look in looks if look.kind == "rbac_object"]


def test_a_large_cluster_comes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look gives some, until all were given once."""
    monkeypatch.setattr(module, "MOST_AT_ONCE", 4)
    roles = listing(*(role(f"r{number}") for number in range(10)))
    with answering(lambda path: (200, roles if "clusterroles" in path else listing())) as (url, _):
        watching = KubeObserver("api-0", Kube(url))
        given = [objects(seen(watching)[0]) for _ in range(4)]
    assert [len(part) for part in given] == [4, 4, 2, 0]
    assert len({subject for part in given for subject in part}) == 10


def test_a_broken_list_forgets_nothing() -> None:
    """What a list that broke off lacks is not taken for gone, and is not given as new when the list is whole again."""
    broken = [False]

    def answer(path: str) -> tuple[int, bytes]:
        return (500, b"") if broken[0] else (200, listing(role("a")) if "clusterroles" in path else listing())

    with answering(answer) as (url, _):
        watching = KubeObserver("api-0", Kube(url))
        assert objects(seen(watching)[0]) == ["ClusterRole/a"]
        broken[0] = True
        looks, blind = seen(watching)
        assert looks == []
        assert blind is not None
        broken[0] = False
        assert objects(seen(watching)[0]) == []


def test_what_could_not_be_kept_is_given_again() -> None:
    """A full disk costs no object its day."""
    with answering(lambda path: (200, listing(role("a")) if "clusterroles" in path else listing())) as (url, _):
        watching = KubeObserver("api-0", Kube(url))
        assert objects(seen(watching)[0]) == ["ClusterRole/a"]
        assert objects(seen(watching)[0]) == []
        watching.again()
        assert objects(seen(watching)[0]) == ["ClusterRole/a"]


def test_an_object_that_cannot_be_read_is_said() -> None:
    """The others are given."""
    roles = listing(role("a"), {"metadata": {"name": 7}}, "x", role("b"))
    with answering(lambda path: (200, roles if "clusterroles" in path else listing())) as (url, _):
        looks, blind = seen(KubeObserver("api-0", Kube(url)))
    assert objects(looks) == ["ClusterRole/a", "ClusterRole/b"]
    assert blind is not None
    assert "2 objects that cannot be read" in str(blind)


@pytest.mark.parametrize(
    ("metrics", "total", "plugins"),
    [
        (b"", 0, {}),
        (b"# HELP apiserver_audit_error_total x 5\n", 0, {}),
        (
            b'apiserver_audit_error_total{plugin="log"} 3\napiserver_audit_error_total{plugin="webhook"} 4\n',
            7,
            {"log": 3, "webhook": 4},
        ),
        (b'apiserver_audit_error_total{plugin="log"} 3 1700000000000\n', 3, {"log": 3}),
        (b"apiserver_audit_error_total 1e+06\n", 1_000_000, {}),
        (b'apiserver_audit_error_total{plugin="log"} 0.5\n', 0.5, {"log": 0.5}),
        (b"apiserver_audit_error_total_created 9\nx_apiserver_audit_error_total 9\n", 0, {}),
        (b'apiserver_audit_error_total{plugin="log"} NaN\napiserver_audit_error_total 1e999\n', 0, {}),
        (b"apiserver_audit_error_total --\n", 0, {}),
    ],
)
def test_counters(metrics: bytes, total: float, plugins: dict[str, float]) -> None:
    """Summed over plugins; what is not there is 0."""
    with answering(lambda path: (200, metrics if path == "/metrics" else listing())) as (url, _):
        errors, rejected = seen(KubeObserver("api-0", Kube(url)))[0]
    assert (errors.subject, errors.value) == (
        url,
        {"name": "apiserver_audit_error_total", "value": total, "plugins": plugins},
    )
    assert rejected.subject != errors.subject
    assert rejected.value == {"name": "apiserver_audit_requests_rejected_total", "value": 0}


def test_a_server_that_is_down_is_asked_twice_only() -> None:
    """Once for its lists, once for its counters; the mend is not a right."""
    with answering(lambda _: (200, b"")) as (url, _):
        pass
    looks, blind = seen(KubeObserver("api-0", Kube(url)))
    assert looks == []
    assert blind is not None
    assert str(blind).count("connection refused") == 2
    assert blind.mend == "see whether the API server is up and reachable"


def test_a_token_that_cannot_be_read_is_said_once(tmp_path: Path) -> None:
    """Not for each thing that was not seen; nothing is asked."""
    with answering(lambda _: (200, listing())) as (url, asked):
        looks, blind = seen(KubeObserver("api-0", Kube(url, token_file=str(tmp_path / "none"))))
        assert (looks, asked) == ([], [])
    assert blind is not None
    assert str(blind) == f"{tmp_path}/none: No such file or directory"
    assert "token_file" in blind.mend
