"""Observations in vedette's own form, one JSON object a line."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

_LOCK = threading.Lock()


def observe(work: Path, kind: str, subject: str, value: object, previous: object = None) -> None:
    """Write down what was seen now; `previous` is what was seen the time before."""
    record: dict[str, object] = {
        "observation": kind,
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "subject": subject,
        "value": value,
    }
    if previous is not None:
        record["previous"] = previous
    with _LOCK, (work / "observations.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
