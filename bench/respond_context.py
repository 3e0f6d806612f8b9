"""One context as a process: of the store in a folder, around the act that stands as a line in a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vedette.alert import Alert
from vedette.response.evidence import of_evidence
from vedette.scan import Plan, Scanner


def main() -> int:
    """Prints how many acts were found: the actor's before the window, and all of interest in it."""
    folder, line = Path(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    (event,) = Scanner(Plan(())).events_in([line])
    alert = Alert(
        id="0000000000000000",
        rule="K3",
        title="",
        severity=3,
        outcome=event.outcome.value,
        first_seen=event.time,
        last_seen=event.time,
        count=1,
        actor=event.text("actor"),
        address=event.text("address"),
        object=event.text("object"),
        via="",
        why="",
        source=event.format,
        file="",
        line=0,
        act=event.act,
        last_act=event.act,
        detections=(),
    )
    context = of_evidence(folder, alert)
    habit = context.habit.acts if context.habit is not None else 0
    print(json.dumps({"habit": habit, "acts": context.acts, "troubles": context.troubles, "read": context.bytes_read}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
