"""What the observer makes of a node that is not there, or is not Vault; a well Vault: tests/real."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.answers import answering
from tests.observers.lines import seen
from vedette.clients.vault import Vault
from vedette.observers.vault import VaultObserver

SILENT = [{"reachable": False}]


def observer(url: str, ca_file: str = "", token_file: str = "") -> VaultObserver:
    """That waits a second."""
    return VaultObserver("vault-0", Vault(url, ca_file=ca_file, token_file=token_file, timeout=1))


@contextmanager
def closing() -> Iterator[int]:
    """The port of a server that takes connections and ends them, as a proxy does whose backend is gone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            connection, _ = server.accept()
            connection.recv(4096)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_node_that_is_down_is_unreachable() -> None:
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    looks, blind = seen(observer(f"https://127.0.0.1:{port}"))
    assert (blind, [look.value for look in looks]) == (None, SILENT)
    assert looks[0].subject == f"https://127.0.0.1:{port}"


def test_a_node_that_hangs_is_unreachable() -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        looks, blind = seen(observer(f"http://127.0.0.1:{server.getsockname()[1]}"))
    assert (blind, [look.value for look in looks]) == (None, SILENT)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_node_behind_a_proxy_that_ends_connections_is_unreachable(scheme: str) -> None:
    """With and without TLS."""
    with closing() as port:
        looks, blind = seen(observer(f"{scheme}://127.0.0.1:{port}"))
    assert (blind, [look.value for look in looks]) == (None, SILENT)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_proxys_excuse_is_no_answer(status: int) -> None:
    """The node itself answers sys/seal-status with 200, sealed or not."""
    with answering(lambda _: (status, b"<html>")) as (url, _):
        looks, blind = seen(observer(url))
    assert (blind, [look.value for look in looks]) == (None, SILENT)


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b""), (307, b""), (403, b"{}"), (200, b"<html>"), (200, b"{}"), (200, b'{"sealed": "no"}')],
)
def test_what_is_no_vault_is_our_fault(status: int, body: bytes) -> None:
    """No seal state is made up of it; the mend is the address."""
    with answering(lambda _: (status, body)) as (url, _):
        looks, blind = seen(observer(url))
    assert looks == []
    assert blind is not None
    assert "address" in blind.mend


def test_a_certificate_that_cannot_be_verified_is_our_fault(tmp_path: Path) -> None:
    """Neither a missing file nor a server without TLS says that the node is gone."""
    with answering(lambda _: (200, b'{"sealed": false}')) as (url, _):
        for ca_file in ("", str(tmp_path / "none.pem")):
            looks, blind = seen(observer(url.replace("http:", "https:"), ca_file))
            assert looks == []
            assert blind is not None
            assert "ca_file" in blind.mend


def test_an_open_node_whose_token_cannot_be_read_still_shows_its_seal(tmp_path: Path) -> None:
    """One reason, not one for each thing that was not seen."""
    with answering(lambda _: (200, b'{"sealed": false, "cluster_id": ""}')) as (url, _):
        looks, blind = seen(observer(url, token_file=str(tmp_path / "none")))
    assert [look.value for look in looks] == [{"sealed": False, "reachable": True}]
    assert blind is not None
    assert str(blind) == f"{tmp_path}/none: No such file or directory"


def test_what_is_sealed_is_asked_nothing_else(tmp_path: Path) -> None:
    """It could not answer."""
    (tmp_path / "token").write_text("x")
    with answering(lambda _: (200, b'{"sealed": true}')) as (url, asked):
        assert seen(observer(url, token_file=str(tmp_path / "token")))[1] is None
        assert asked == ["/v1/sys/seal-status"]


def test_what_could_not_be_kept_is_given_again(tmp_path: Path) -> None:
    """A full disk costs no policy its day."""
    (tmp_path / "token").write_text("x")
    answers = {
        "/v1/sys/seal-status": b'{"sealed": false}',
        "/v1/sys/audit": b'{"data": {}}',
        "/v1/sys/policies/acl": b'{"data": {"keys": ["app", "root"]}}',
        "/v1/sys/policies/acl/app": b'{"data": {"name": "app", "policy": "path"}}',
    }
    with answering(lambda path: (200, answers[path])) as (url, _):
        watching = observer(url, token_file=str(tmp_path / "token"))
        given = []
        for _ in range(2):
            given += [[look.kind for look in watching.look()] for _ in range(2)]
            watching.again()
    assert given == [["seal_status", "audit_devices", "policy"], ["seal_status", "audit_devices"]] * 2
