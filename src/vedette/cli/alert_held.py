"""Alerts as Alertmanager holds them: those of Loki's ruler, which are in no store, and those of any `vedette watch`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from vedette import app
from vedette.cli.alert_desk import LEAST, SHORT, clean
from vedette.cli.alert_members import clusters, tried
from vedette.escape import terminal
from vedette.rule import Severity
from vedette.settings import Settings
from vedette.settings.watching import AlertmanagerSink

if TYPE_CHECKING:
    from vedette.clients.alertmanager import HeldAlert, Silence

_Seen = tuple[AlertmanagerSink, "HeldAlert"]
"""An alert as one member of a cluster has it."""
OURS = 'alertname=~"Vedette.+"'
ACK = "ACK!"
"""How the comment of a silence begins that says no more than that somebody has seen it: the sign that karma writes and
kthxbye goes by."""
_HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True)
class Held:
    """One alert, from whichever members hold it."""

    alert: HeldAlert
    clusters: tuple[AlertmanagerSink, ...]
    """Those whose members hold it."""
    silences: tuple[Silence, ...]
    """In force for it, in any of them."""
    silent: bool
    """In all of them."""

    @property
    def id(self) -> str:
        """Alertmanager's fingerprint of its labels, the same in every member."""
        return self.alert.fingerprint

    @property
    def engine(self) -> str:
        """Who found it: `ruler` says which document of the rule, `watch` a digest of the episode."""
        return "watch" if "entity" in self.alert.labels or "document" not in self.alert.labels else "ruler"

    @property
    def rule(self) -> str:
        """The rule's name, or the kind of a finding."""
        return self.alert.labels.get("rule_id", "")

    @property
    def severity(self) -> int:
        """A `rule.Severity`; somebody else's word is taken for the least."""
        word = self.alert.labels.get("severity", "").upper()
        return int(Severity[word]) if word in Severity.__members__ else int(Severity.INFO)

    @property
    def began(self) -> int:
        """When it was first posted, nanoseconds since 1970; 0 where nobody can read that."""
        return nanoseconds(self.alert.starts_at)

    @property
    def ends(self) -> int:
        """Until when it holds unless it is posted again, nanoseconds since 1970."""
        return nanoseconds(self.alert.ends_at)

    @property
    def word(self) -> str:
        """How it is: open, acked, silenced."""
        if not self.silent:
            return "open"
        return "acked" if all(one.comment.startswith(ACK) for one in self.silences) else "silenced"

    def said(self, name: str) -> str:
        """An annotation, or nothing."""
        return self.alert.annotations.get(name, "")


class HeldDesk:
    """What all members of all clusters hold, once."""

    def __init__(self, settings: Settings, urls: Sequence[str]) -> None:
        """Asks them. Raises app.Wrong where there is nobody to ask."""
        self.settings = settings
        self.silent: list[str] = []
        """The clusters of which no member answers."""
        asked = clusters(settings, urls)
        if not asked:
            raise app.Wrong(["no Alertmanager is known: name it by --alertmanager URL, or as a sink in vedette.yaml"])
        found: dict[str, list[_Seen]] = {}
        silences: dict[str, Silence] = {}
        for said in asked:
            self._ask(said, found, silences)
        self.silences = tuple(one for one in silences.values() if one.status.state == "active")
        self.alerts = sorted((_merged(seen, silences) for seen in found.values()), key=lambda one: -one.began)

    @classmethod
    def opened(cls, args: argparse.Namespace) -> HeldDesk:
        """Raises app.Wrong."""
        return cls(app.load_settings(args.config), args.alertmanager)

    def named(self, given: str) -> Held:
        """The alert whose fingerprint begins so. Raises app.Wrong where none does, or several, or one was not asked."""
        text = clean(given).strip().lower()
        if len(text) < LEAST:
            raise app.Wrong([f"{given!r}: name an alert by four characters of its id at least"])
        found = [one for one in self.alerts if one.id.startswith(text)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(one.id for one in found)
            raise app.Wrong([f"{given!r} is the beginning of several ids ({ids}); give more of it"])
        ways = "vedette alerts list --from alertmanager shows what there is"
        if self.silent:
            ways = f"but not all were asked: {', '.join(self.silent)}"
        raise app.Wrong([f"no alert there has an id that begins with {given!r}; {ways}"])

    def short(self, one: Held) -> str:
        """Eight characters of the id, or all of it where they are another's as well."""
        same = [other for other in self.alerts if other.id.startswith(one.id[:SHORT])]
        return one.id[:SHORT] if len(same) < 2 else one.id

    def _ask(self, said: AlertmanagerSink, found: dict[str, list[_Seen]], silences: dict[str, Silence]) -> None:
        """Every member: they hand each other silences, but no alerts, and one that was restarted holds few."""
        answered, reasons = 0, []
        for url in said.urls:
            got, reason = tried(said, url, lambda client: (client.alerts([OURS]), client.silences()))
            if got is None:
                reasons.append(f"{said.name}: {reason}" if len(said.urls) == 1 else f"{said.name}: {url}: {reason}")
                continue
            answered += 1
            for alert in got[0]:
                if alert.labels.get("rule_id") != _HEARTBEAT:
                    found.setdefault(alert.fingerprint, []).append((said, alert))
            silences |= {one.id: one for one in got[1]}
        for reason in reasons:
            less = "; the other members were asked" if answered else ""
            print(f"vedette: {terminal(reason)}{less}", file=sys.stderr)
        if not answered:
            self.silent.append(said.name)


def _merged(seen: Sequence[_Seen], silences: Mapping[str, Silence]) -> Held:
    """One alert out of what each member says of it, the latest word first."""
    newest = max((alert for _, alert in seen), key=lambda one: nanoseconds(one.ends_at))
    where = {said.name: said for said, _ in seen}
    ids = {
        name: {one for said, alert in seen if said.name == name for one in alert.status.silenced_by} for name in where
    }
    known = dict.fromkeys(one for name in ids for one in sorted(ids[name]) if one in silences)
    return Held(newest, tuple(where.values()), tuple(silences[one] for one in known), all(ids.values()))


def nanoseconds(text: str) -> int:
    """An RFC 3339 time as Alertmanager writes it, to the microsecond; 0 for what is none."""
    try:
        moment = datetime.fromisoformat(text)
        return int(moment.timestamp() * 1_000_000) * 1000
    except (ValueError, OverflowError):
        return 0
