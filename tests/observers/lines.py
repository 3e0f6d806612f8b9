"""What observers see, as the lines that `vedette watch` makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.scans import matches
from vedette.observers.base import CannotLook, Look, Observer

_BEGIN = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Lines:
    """A file of observations; each subject's `previous` is what was seen of it the time before."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "observations.jsonl"
        self.path.write_text("")
        self._previous: dict[tuple[str, str], object] = {}
        self._seconds = 0

    def add(self, looks: Iterable[Look]) -> list[str]:
        """Write down what one look gave, and judge it by the pack: the detections that were met in all looks so far,
        one name a match."""
        self._seconds += 30
        with self.path.open("a") as file:
            for look in looks:
                record: dict[str, object] = {
                    "observation": look.kind,
                    "time": (_BEGIN + timedelta(seconds=self._seconds)).isoformat(),
                    "subject": look.subject,
                    "value": look.value,
                }
                if (before := self._previous.get((look.kind, look.subject))) is not None:
                    record["previous"] = before
                self._previous[look.kind, look.subject] = look.value
                file.write(json.dumps(record) + "\n")
        return sorted(match["detection"] for match in matches([self.path], config=None))


def seen(observer: Observer) -> tuple[list[Look], CannotLook | None]:
    """What a look gives, and what it cannot see."""
    try:
        return list(observer.look()), None
    except CannotLook as error:
        return list(error.looks), error
