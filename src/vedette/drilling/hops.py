"""Hops: how far the alert of an act has come, asked of the store and of the far ends of the sinks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from vedette.clients.alertmanager import Alertmanager, HeldAlert
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.slack import Message, Refused, Slack
from vedette.drills.base import Drill, marked
from vedette.store.alerts import Kept
from vedette.store.outbox import TOLD, Entry
from vedette.store.segments import tail
from vedette.store.visit import Visit
from vedette.watch.compose import identity

_T = TypeVar("_T")
_EVERY = 0.1
"""Seconds between two looks at the store; far ends are asked a fifth as often."""
_ROOM = 4 << 20
"""Bytes of a source's evidence, as stored, in which an act is looked for that made no alert."""
_OPENED = "opened"
_SKEW = 5_000_000_000
"""Nanoseconds that a far end's clock may be behind."""
_UNREAD = Message("")
"""In place of a message that Slack does not let the app read."""


class Hop(NamedTuple):
    """A hop that was reached."""

    name: str
    at: int
    """Nanoseconds since 1970 UTC: by the store's clock or the far end's, else when it was seen there."""
    seen: str
    """What was seen there, in a few words."""


class Stuck(Exception):
    """A hop that was not reached; `str()` says why."""

    def __init__(self, hop: str, why: str) -> None:
        super().__init__(why)
        self.hop = hop


class SlackReader(NamedTuple):
    """A channel that can be read back."""

    client: Slack
    channel: str


@dataclass(slots=True)
class Followed:
    """What is known of one act's alert so far."""

    hops: list[Hop] = field(default_factory=list)
    alert: str = ""
    """The store's id of it, or nothing."""
    attempt: bool = False
    """It says that the act was refused, or that nobody can tell."""


class Follower(Protocol):
    """One engine's way."""

    engine: str

    def follow(self, drill: Drill, mark: str, begun: int, at: int, found: Followed) -> None:
        """Fill `found` hop by hop. `at`: of the act. Raises Stuck."""


class ByVedette:
    """From the log through `vedette watch` and its sinks."""

    engine = "vedette"

    def __init__(
        self,
        visit: Visit,
        members: Mapping[str, Sequence[Alertmanager]],
        slack: Sequence[SlackReader],
        cluster: str,
        seconds: Callable[[Drill], float],
    ) -> None:
        """`members`: of each sink that is an Alertmanager, by the sink's name; `seconds`: that a hop may take."""
        self._visit = visit
        self._members = members
        self._slack = slack
        self._cluster = cluster
        self._seconds = seconds

    def follow(self, drill: Drill, mark: str, begun: int, at: int, found: Followed) -> None:
        """Store, each sink, Alertmanager, Slack. Raises Stuck."""
        seconds = self._seconds(drill)
        kept = self._opened(drill, mark, begun, seconds)
        found.alert, found.attempt = kept.alert.id, kept.alert.reaction != "fire"
        if 0 < kept.alert.first_seen <= kept.opened:
            found.hops.append(Hop("logged", max(kept.alert.first_seen, at), f"{kept.alert.file}:{kept.alert.line}"))
        found.hops.append(Hop("alert", kept.opened, f"alert {kept.alert.id}"))
        for row in self._told(kept, seconds):
            found.hops.append(Hop(f"told {row.sink}", row.told, "taken"))
            if row.sink in self._members:
                found.hops.append(_held(row.sink, self._members[row.sink], _filters(kept, self._cluster), seconds))
        needles = _needles(kept, mark)
        for reader in self._slack:
            found.hops.append(read_back(reader, needles, at, seconds))

    def _opened(self, drill: Drill, mark: str, begun: int, seconds: float) -> Kept:
        def look() -> Kept | None:
            mine = [one for one in self._listed(drill, begun) if drill.is_mine(one.alert, mark, begun)]
            # One that fires says more than what only says that nobody can tell, or that it was tried.
            return next((one for one in mine if one.alert.reaction == "fire"), mine[0] if mine else None)

        kept = _until(look, seconds, _EVERY)
        if kept is not None:
            return kept
        grown = [one for one in self._grown(drill, begun) if drill.swallows(one.alert)]
        if grown:
            why = f"counted into alert {grown[0].alert.id}, which there was already; nobody is told of it anew"
            raise Stuck("alert", f"{why}: vedette alerts close {grown[0].alert.id[:8]} --reason …, and drill later")
        raise self._lost(drill, mark, seconds)

    def _listed(self, drill: Drill, begun: int) -> list[Kept]:
        return self._visit.alerts.listed(rule=drill.rule, since=begun)

    def _grown(self, drill: Drill, begun: int) -> list[Kept]:
        return [one for one in self._visit.alerts.listed(rule=drill.rule) if one.touched >= begun > one.opened]

    def _lost(self, drill: Drill, mark: str, seconds: float) -> Stuck:
        """Whether the act's lines came at all: they are kept as evidence."""
        needle = mark.encode()
        came = [
            folder.name
            for shelf in ("evidence", "spool")
            for folder in sorted((self._visit.folder / shelf).glob("*"))
            if folder.is_dir() and any(needle in block for block in tail(folder, _ROOM))
        ]
        if came:
            why = f"its lines came through {', '.join(came)}, and the rule made no alert of them within {seconds:.0f} s"
            return Stuck("alert", f"{why}; `vedette prove` says which link is broken")
        if drill.sign(mark) != mark:
            why = f"no alert of it within {seconds:.0f} s, and no line with the drill's name, which not all of it have"
            return Stuck("alert", f"{why}; `vedette prove` says which link is broken")
        why = f"no line of it came within {seconds:.0f} s"
        return Stuck("logged", f"{why}: it is not logged, not shipped, or not kept as evidence; see `vedette prove`")

    def _told(self, kept: Kept, seconds: float) -> list[Entry]:
        """One row a sink. Raises Stuck."""

        def look() -> list[Entry] | None:
            rows = self._rows(kept)
            return rows if rows and all(row.told or row.state == "dropped" for row in rows) else None

        rows = _until(look, seconds, _EVERY) or self._rows(kept)
        for row in rows:
            if not row.told:
                why = row.reason or f"not told within {seconds:.0f} s"
                raise Stuck(f"told {row.sink}", why if row.state != TOLD else f"never told: {why}")
        if not rows:
            now = self._visit.alerts.get(kept.alert.id)
            raise Stuck("told", (now.untold if now else "") or "no sink is told of it: see sinks: and routes:")
        return rows

    def _rows(self, kept: Kept) -> list[Entry]:
        return [row for row in self._visit.outbox.of_alert(kept.alert.id) if row.occasion == _OPENED]


class ByLoki:
    """From the log through a shipper, Loki and its ruler, which tells Alertmanager."""

    engine = "loki"

    def __init__(
        self, members: Sequence[Alertmanager], slack: Sequence[SlackReader], seconds: Callable[[Drill], float]
    ) -> None:
        self._members = members
        self._slack = slack
        self._seconds = seconds

    def follow(self, drill: Drill, mark: str, begun: int, at: int, found: Followed) -> None:  # noqa: ARG002 - `at` says when
        """Alertmanager, then Slack: what the ruler found is in no store. Raises Stuck."""
        seconds = self._seconds(drill)
        sign = drill.sign(mark)
        hop = _held("the ruler's alert", self._members, [f'rule_id="{drill.rule}"'], seconds, sign=sign, since=at)
        found.attempt = "Attempt" in hop.seen or "CannotTell" in hop.seen
        found.hops.append(hop)
        for reader in self._slack:
            found.hops.append(read_back(reader, [f"Vedette{drill.rule}", sign], at, seconds))


def _held(
    name: str,
    members: Sequence[Alertmanager],
    filters: Sequence[str],
    seconds: float,
    *,
    sign: str = "",
    since: int = 0,
) -> Hop:
    """The alert at an Alertmanager: there, neither silenced nor inhibited, and routed to somebody. Raises Stuck.

    `sign`: text that it has; `since`: nanoseconds since 1970 before which it did not begin.
    """
    hop, faults = f"held by {name}", [""]

    def look() -> HeldAlert | None:
        faults[0] = ""
        for member in members:
            try:
                held = [
                    one
                    for one in member.alerts(filters)
                    if sign in json.dumps(one.annotations | one.labels, ensure_ascii=False)
                    and _began(one) >= since - _SKEW
                ]
            except (NoAnswer, BadSecret, ValueError) as error:
                faults[0] = str(error)
                continue
            if held:
                return held[0]
        return None

    alert = _until(look, seconds, _EVERY * 5)
    if alert is None:
        raise Stuck(hop, faults[0] or f"Alertmanager does not hold it after {seconds:.0f} s")
    if alert.status.silenced_by:
        ids = ", ".join(alert.status.silenced_by)
        raise Stuck(hop, f"silenced there: amtool silence expire {ids}")
    if alert.status.inhibited_by:
        raise Stuck(hop, "held back there by an inhibition")
    receivers = ", ".join(one.get("name", "") for one in alert.receivers)
    return Hop(hop, time.time_ns(), f"{alert.labels.get('alertname', '')} for {receivers or 'no receiver'}")


def read_back(reader: SlackReader, needles: Sequence[str], at: int, seconds: float) -> Hop:
    """The message in a channel. Raises Stuck."""
    hop, faults = f"read in Slack {reader.channel}", [""]
    oldest = f"{at / 1e9 - 5:.6f}"

    def look() -> Message | None:
        faults[0] = ""
        try:
            for message in reader.client.history(reader.channel, oldest=oldest):
                text = json.dumps([message.text, message.blocks, message.attachments], ensure_ascii=False)
                if all(needle in text for needle in needles):
                    return message
        except Refused as error:
            word = str(error) or f"status {error.answer.status}"
            if word != "missing_scope":
                raise Stuck(hop, f"Slack refuses: {word}") from error
            return _UNREAD
        except (NoAnswer, BadSecret, ValueError) as error:
            faults[0] = str(error)
        return None

    message = _until(look, seconds, _EVERY * 5)
    if message is None:
        raise Stuck(hop, faults[0] or f"no message of it after {seconds:.0f} s")
    if message is _UNREAD:
        why = "the app may post, not read: grant channels:history; that it was taken is all that is known"
        return Hop(f"not {hop}", time.time_ns(), why)
    return Hop(hop, int(float(message.ts) * 1e9), f"message {message.ts}")


def _began(alert: HeldAlert) -> int:
    """Nanoseconds since 1970; of what Python cannot read, now: it is there, after all."""
    try:
        return int(datetime.fromisoformat(alert.starts_at).timestamp() * 1e9)
    except ValueError:
        return time.time_ns()


def _filters(kept: Kept, cluster: str) -> list[str]:
    return [f"{name}={json.dumps(value)}" for name, value in identity(kept, cluster).items()]


def _needles(kept: Kept, mark: str) -> list[str]:
    """What a message about the alert has in it."""
    alert = kept.alert
    # An address is defanged in a message: http[:]//host.
    return [mark] if marked(alert, mark) else [alert.title, alert.actor or alert.object.rpartition("//")[2]]


def since(hop: Hop, at: int) -> float:
    """Seconds after the act."""
    return max(0.0, (hop.at - at) / 1e9)


def _until(look: Callable[[], _T | None], seconds: float, every: float) -> _T | None:
    """What `look` gives first; None where the time is up."""
    end = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(every)
    return found
