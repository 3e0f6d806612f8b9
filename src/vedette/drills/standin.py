"""Stand-ins for what is too grave to be done: recorded lines of V1, V2, V3, K6 and K10, put where the shipper reads.

A stand-in shows that what such a line says would be told, from the shipper on; not that the server writes it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vedette.drills.base import CannotDrill, Done, How, Marked, Note, Thing


@dataclass(frozen=True, slots=True)
class Recorded:
    """One firing case of a rule, and where the mark goes in it."""

    case: str
    """By name, in the rule's fires.jsonl."""
    log: str
    """kube or vault: which of the files it is put into."""
    named: tuple[str, ...]
    """Dotted places of the name of whoever did it, or of what it was done to."""
    ids: tuple[str, ...] = ()
    """Places of the act's id."""
    times: tuple[str, ...] = ()


_KUBE = ("requestReceivedTimestamp", "stageTimestamp")
RECORDED: Mapping[str, Recorded] = {
    "V1": Recorded("inherited_from_a_root_parent", "vault", ("auth.display_name",), ("request.id",), ("time",)),
    "V2": Recorded("file_device_enabled", "vault", ("auth.display_name",), ("request.id",), ("time",)),
    "V3": Recorded("sealed", "kube", ("subject",), (), ("time",)),
    "K6": Recorded("another_policy_file", "kube", ("user.username",), ("auditID",), _KUBE),
    "K10": Recorded("one_event_lost", "kube", ("subject",), (), ("time",)),
}
"""Rule -> its case."""


class StandIn(Marked):
    """One of them."""

    how = How.STAND_IN

    def __init__(self, rule: str, lines: bytes, file: str) -> None:
        """`lines`: of the case; `file`: which the shipper follows."""
        self.rule = rule
        self._lines = lines
        self._file = file

    def plan(self, mark: str) -> Sequence[str]:
        """The lines."""
        number = len(self._lines.splitlines())
        what = f"add {number} recorded line{'s' * (number != 1)} to {self._file}, in the name of {named(mark)}"
        return [f"{what}: a stand-in, for nothing is done to any server"]

    def things(self, mark: str) -> Sequence[Thing]:  # noqa: ARG002 - a line of a log stays
        """Nothing: what is in a log stays there."""
        return []

    def act(self, mark: str, note: Note) -> Done:  # noqa: ARG002 - as above
        """Put them there, in one write."""
        at = time.time_ns()
        data = b"".join(stamped(line, RECORDED[self.rule], mark, at) for line in self._lines.splitlines())
        try:
            # What is not there is not made: a shipper that follows nothing would tell nothing.
            descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            mend = "make the file, and let vedette watch (or the shipper) follow it as well"
            raise CannotDrill(f"{self._file}: {error.strerror}", mend) from error
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        return Done(at)


def named(mark: str) -> str:
    """What stands for whoever did it, for people to see wherever the alert is told."""
    return f"vedette-stand-in-{mark}"


def stamped(line: bytes, said: Recorded, mark: str, at: int) -> bytes:
    """A recorded line as of now, in the drill's name. Times are written as the case has them, to the microsecond."""
    record: Any = json.loads(line)
    now = f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{at % 10**9 // 1000:06d}Z"
    for places, value in ((said.named, named(mark)), (said.ids, mark), (said.times, now)):
        for place in places:
            _put(record, place.split("."), value)
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _put(record: Any, steps: Sequence[str], value: str) -> None:
    """Replace what stands there; what does not is left so."""
    *within, last = steps
    for step in within:
        record = record.get(step) if isinstance(record, dict) else None
    if isinstance(record, dict) and last in record:
        record[last] = value
