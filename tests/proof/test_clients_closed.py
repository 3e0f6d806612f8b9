"""A round of the proof lets go of whatever it opened, for `vedette watch` makes one every quarter of an hour."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import yaml

from vedette import app, proving
from vedette.offline import Said
from vedette.proof.links.delivered import Delivered

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Listener:
    """Answers each connection's first request and keeps it open, until whoever opened it closes it."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.opened = self.closed = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            with self._changed:
                self.opened += 1
            while connection.recv(65536):
                connection.sendall(_ANSWER)
        with self._changed:
            self.closed += 1
            self._changed.notify_all()

    def all_closed(self) -> bool:
        """Whether nothing is open any more, within ten seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self.closed == self.opened, 10)

    def close(self) -> None:
        """Take no more."""
        self._socket.close()


def test_a_round_leaves_no_connection_open(tmp_path: Path) -> None:
    """Of Alertmanager's members, Slack's app and its incoming webhooks."""
    listener = Listener()
    (tmp_path / "token").write_text("xoxb-1")
    (tmp_path / "hook").write_text(f"{listener.url}/services/T/B/x")
    slack = [
        {"name": "app", "token_file": str(tmp_path / "token"), "channel": "C1", "api_url": f"{listener.url}/api"},
        {"name": "hook", "webhook_url_file": str(tmp_path / "hook")},
    ]
    said = {"sinks": {"alertmanager": [{"name": "am", "urls": [listener.url]}], "slack": slack}}
    (tmp_path / "vedette.yaml").write_text(yaml.safe_dump(said))
    settings = app.load_settings(str(tmp_path / "vedette.yaml"))
    rules = app.load_rules(settings, unproven=True).rules
    with proving.here(settings, rules[:1], tmp_path / "none", 1, Said()) as given:
        assert given.delivering is not None
        Delivered(given.delivering).check(rules[0])
        assert listener.opened == 3
        assert listener.closed == 0
    # `given` still holds the clients: that nobody holds them any more is not what closes them.
    assert listener.all_closed()
    assert given.delivering.deliveries.keys() == {"am", "app", "hook"}
    listener.close()
