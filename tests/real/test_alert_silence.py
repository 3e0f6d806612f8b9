"""`vedette alerts silence` and a real Alertmanager: the episode's group is silent there, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.process import until

from tests.cli.alert_store import Site, secret_read
from vedette.clients.alertmanager import Alertmanager


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AlertmanagerServer]:
    """A running one."""
    with alertmanager(tmp_path / "am") as one:
        yield one


def test_a_silence_of_the_command_mutes_the_group_there_and_its_end_speaks(
    server: AlertmanagerServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made through the first member that answers, by name and reason; ended in both places."""
    site = Site(tmp_path)
    urls = f"[http://127.0.0.1:1, {server.url}]"
    site.write(f"  alertmanager:\n    - {{name: am, urls: {urls}, resend: 1s, hold: 1s}}\n")
    client = Alertmanager(server.url)
    with site.running():
        site.append(secret_read("mallory") + secret_read("eve"))
        until(lambda: len(client.alerts()) == 2, "both alerts are there")
        (held,) = (one for one in client.alerts() if one.annotations["actor"] == "mallory")
        name = next(kept.alert.id for kept in site.kept() if kept.alert.actor == "mallory")
        assert site.alerts("ack", name) == 0
        assert site.alerts("silence", name, "--for", "1h", "--reason", "the fix is on its way", "--by", "me") == 0
        assert "could not" not in capsys.readouterr().err

        def suppressed() -> list[str]:
            return [one.annotations["actor"] for one in client.alerts() if one.status.state == "suppressed"]

        until(lambda: suppressed() == ["mallory"], "that one is silent there, and only that one")
        (silence,) = client.silences()
        assert {matcher.name: matcher.value for matcher in silence.matchers} == {
            label: held.labels[label] for label in ("alertname", "rule_id", "entity")
        }
        assert silence.created_by == "me"
        assert silence.comment == f"the fix is on its way (vedette alert {name})"
        assert site.alerts("unsilence", name) == 0
        assert [one.status.state for one in client.silences()] == ["expired"]
        until(lambda: not suppressed(), "it speaks again there")
        began = time.time_ns()
        until(lambda: any(row.told > began for row in site.rows(name)), "vedette posts it again")
    client.close()
