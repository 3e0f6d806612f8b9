"""An exception ends with its last day, also in a process that runs on over midnight."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from tests.scans import LOGS, SETTINGS
from vedette import app, wiring
from vedette.cli import watch

LATE = """
exceptions:
  - rule: S1
    match: {address: 203.0.113.9}
    reason: a trip
    owner: me@example.org
    expires: %s
"""


def test_it_excuses_no_longer_from_midnight_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that was excused yesterday alerts today, without a restart by hand; and a finding says why."""
    days = [datetime.now(UTC).date()]

    class Calendar(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Calendar:
            return cls.combine(days[-1], datetime.now(tz).timetz())

    for module in (watch, wiring, app):
        monkeypatch.setattr(module, "datetime", Calendar)
    config = tmp_path / "vedette.yaml"
    config.write_text(SETTINGS.read_text("utf-8") + LATE % days[0])
    lines = (LOGS / "auth.log").read_bytes().splitlines(keepends=True)
    log = tmp_path / "auth.log"
    log.write_bytes(b"".join(lines[:78]))
    args = argparse.Namespace(config=str(config), output="none", quiet=True, until_read=False)
    request = wiring.WatchRequest(str(config), (str(log),), state=str(tmp_path / "state"))
    settings = app.load_settings(str(config))
    store = wiring.open_store(settings, request.state)
    watching = watch.Watching(args, request, settings, store)

    def alerts() -> set[tuple[str, str]]:
        return {(kept.alert.rule, kept.alert.address or kept.alert.object) for kept in store.alerts.listed()}

    def passes() -> None:
        try:
            _wait(lambda: store.progress.counts().get("given", {}).get("records", 0) == 78)
            before.update(alerts())
            days.append(days[0] + timedelta(days=1))
            _wait(lambda: any(rule == "exception_expired" for rule, _ in alerts()))
            with log.open("ab") as out:
                out.write(lines[76].replace(b"2026-11-23T08:56:49", b"2026-11-23T08:56:59"))
            _wait(lambda: ("S1", "203.0.113.9") in alerts())
        finally:
            watching._ended = True
            assert watching._watcher is not None
            watching._watcher.pulse.leave()

    before: set[tuple[str, str]] = set()
    other = threading.Thread(target=passes)
    other.start()
    watching.run()
    other.join()
    found = alerts()
    store.close()
    assert not any(rule == "S1" for rule, _ in before)
    assert ("S1", "203.0.113.9") in found
    assert {rule for rule, _ in found} == {"S1", "exception_expired"}


def _wait(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_day_without_an_end_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an exception that ends has the rules made anew."""
    settings = app.load_settings(str(SETTINGS))
    assert settings.lapsed(date(2099, 1, 1)) == ()
