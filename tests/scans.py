"""Scans in process, for tests that compare one with another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vedette import app
from vedette.cli.records import alert_record, match_record

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "examples" / "logs"
SETTINGS = ROOT / "examples" / "homelab.yaml"


def scan(paths: Sequence[Path | str], *, jobs: int = 1, config: Path | None = SETTINGS, **more: Any) -> app.ScanRun:
    """A scan, read to its end."""
    request = app.ScanRequest(
        tuple(str(path) for path in paths), config=None if config is None else str(config), jobs=jobs, **more
    )
    run = app.prepare_scan(request)
    run.read(lambda _bytes, _events: None)
    assert run.counts.tally.balanced()
    assert run.counts.matched.total() <= run.counts.tally.events.total()
    return run


def alerts(paths: Sequence[Path | str], **more: Any) -> list[dict[str, Any]]:
    """The alerts of a scan as records."""
    run = scan(paths, **more)
    return [alert_record(alert, "") for alert in run.alerts()]


def matches(paths: Sequence[Path | str], **more: Any) -> list[dict[str, Any]]:
    """The matches of a scan as records."""
    run = scan(paths, **more)
    return [match_record(match, "") for match in run.matches()]


def placeless(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same without file and line, which depend on how the log was laid out."""
    return [{key: value for key, value in record.items() if key not in ("file", "line")} for record in records]
