"""Findings: what the watcher sees of its own blindness, as alerts that hold as long as it does.

Silence is a finding: a source that has not spoken for longer than its own history, records that cannot be read, a lag,
a sink that refuses, a disk that fills, an observer that may not look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from vedette.alert import Alert
from vedette.finding import Finding
from vedette.rule import Severity
from vedette.sources.base import Source
from vedette.store.alerts import OWN
from vedette.store.store import Store
from vedette.watch.pulse import Pulse
from vedette.watch.telling import STORM_SPAN, Telling

_SECOND = 1_000_000_000
_LEAST_SILENCE = 600.0
"""Seconds; no source is called silent sooner by its own history."""
_MOST_SILENCE = 7 * 86400.0
_UNKNOWN_SILENCE = 86400.0
"""For a source without a history."""
_FACTOR = 3.0
"""A silence is a finding when it is so many times as long as the longest of the last fourteen days."""
_LAG = 300.0
"""Seconds between what a record says and when it was read, while more waits."""
_BEHIND = 256 << 20
"""Bytes that wait."""
_SPAN = 300 * _SECOND
_UNPROVEN = 86_400 * _SECOND
"""How long it may be unknown whether a rule can fire: a far end that is away for an hour is no finding."""
_PROOF = frozenset({"rule_blind", "rule_unknown"})
_SINCE = "unknown"
"""Under this name the store keeps since when a link could not be checked."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What findings look at of one source."""

    source: Source
    silent_after: float
    """Seconds said in the settings; 0: learnt."""


@dataclass(slots=True)
class Findings:
    """Looks every few seconds; `look` belongs to the loop's thread."""

    store: Store
    telling: Telling
    pulse: Pulse
    watched: Sequence[Watched]
    free_space: int
    """Bytes."""
    sinks: Sequence[str]
    now: Callable[[], int]
    lapsed: Sequence[str] = ()
    """A sentence for each exception of the settings that excuses no longer."""
    proving: bool = False
    """Rules are proven on a schedule; until the first proof after a start what the last one found holds."""
    _counts: list[tuple[int, dict[str, dict[str, int]]]] = field(default_factory=list)
    """Sums of the last minutes, to tell what changed within them."""

    def look(self) -> None:
        """Open what is found and was not, close what was and is no longer."""
        now = self.now()
        waits = self.proving and self.pulse.proof is None
        with self.store.database.transaction():
            found = {_id(one): one for one in self._all(now)}
            known = {kept.key: kept for kept in self.store.alerts.open_findings()}
            opened = {}
            for key, finding in found.items():
                if key not in known:
                    alert = _alert(finding, now)
                    self.store.acts.save(alert, key, now)
                    opened[alert.id] = alert
            self.telling.changed(opened, now)
            for key, kept in known.items():
                if key not in found and not (waits and kept.alert.rule in _PROOF):
                    self.telling.close(kept, now, "vedette: it no longer holds")
        self.telling.wake()

    def _all(self, now: int) -> Iterable[Finding]:
        for one in self.watched:
            yield from self._source(one, now)
        yield from self._unparsed(now)
        yield from self._sinks()
        yield from self._disk()
        yield from self._watcher(now)
        yield from self._proof(now)

    def _source(self, one: Watched, now: int) -> Iterable[Finding]:
        name = one.source.name
        pulse = self.pulse.sources.get(name)
        silence = (now - (pulse.arrived if pulse and pulse.arrived else self.pulse.began)) / _SECOND
        ended = self.pulse.silences(name)
        if ended > 0:
            self.store.progress.silent(name, now, ended)
        allowed = one.silent_after or learnt(self.store.progress.silences(name, now))
        if silence > allowed:
            how = "the settings allow" if one.silent_after else "its own history allows"
            yield Finding(
                "source_silent",
                name,
                Severity.CRITICAL,
                f"nothing came from {name} for {span(silence)}; {how} {span(allowed)}",
                "see that the log is still written and still where the settings say; K and V rules are blind meanwhile",
            )
        for trouble in one.source.troubles():
            subject = f"{name}: {trouble.subject}"
            yield Finding("source_trouble", subject, Severity.WARNING, trouble.message, trouble.mend)
        behind = one.source.behind()
        lag = (now - pulse.latest) / _SECOND if pulse and pulse.latest and behind else 0.0
        if behind > _BEHIND or (lag > _LAG and behind > 1 << 20):
            yield Finding(
                "lag",
                name,
                Severity.WARNING,
                f"{behind / 1e6:,.0f} MB of {name} wait to be read, {span(lag)} behind",
                "it catches up by itself unless more is written than one core reads; then split the sources",
            )

    def _unparsed(self, now: int) -> Iterable[Finding]:
        counts = self.store.progress.counts()
        self._counts.append((now, counts))
        while len(self._counts) > 1 and now - self._counts[1][0] > _SPAN:
            self._counts.pop(0)
        before = self._counts[0][1]
        for name, sums in counts.items():
            known = before.get(name, {})
            refused = sum(v - known.get(k, 0) for k, v in sums.items() if k.startswith("quarantined."))
            records = sums.get("records", 0) - known.get("records", 0)
            # One is enough: a record that cannot be read is a way past every rule.
            if refused > 0:
                yield Finding(
                    "unparsed",
                    name,
                    Severity.WARNING,
                    f"{refused:,} of the last {records:,} records of {name} could not be read",
                    f"look at them: vedette scan {self.store.folder / 'quarantine'}, or zstdcat; none was judged",
                )
        late = counts.get("", {}).get("late", 0) - before.get("", {}).get("late", 0)
        if late > 0:
            yield Finding(
                "late",
                "engine",
                Severity.WARNING,
                f"{late:,} acts came later than watch.lateness allows; thresholds may have missed them",
                "find what delays the log, or raise watch.lateness",
            )

    def _sinks(self) -> Iterable[Finding]:
        for name in self.sinks:
            state = self.store.outbox.state(name)
            if state.state == "dead":
                yield Finding(
                    "sink_dead",
                    name,
                    Severity.CRITICAL,
                    f"the sink {name} takes nothing: {state.reason}",
                    "mend its settings or the far end; what waits is delivered then, and meanwhile to the fallback",
                )

        for name, reason in list(self.pulse.partial.items()):
            yield Finding(
                "sink_partial",
                name,
                Severity.WARNING,
                f"a part of the sink {name} takes nothing: {reason}",
                "mend that member; until then alerts rest on the others",
            )

    def _disk(self) -> Iterable[Finding]:
        free = self.store.free()
        if free < self.free_space:
            yield Finding(
                "disk_nearly_full",
                str(self.store.folder),
                Severity.CRITICAL,
                f"{free / 1e6:,.0f} MB are left where alerts and evidence are kept",
                "make room, or lower watch.evidence_for or watch.evidence_size",
            )
        for name, reason in list(self.pulse.unkept.items()):
            yield Finding(
                "evidence_lost",
                name,
                Severity.CRITICAL,
                f"lines of {name} cannot be kept: {reason}",
                "make room; alerts go on, but runbooks will not find these lines",
            )

    def _watcher(self, now: int) -> Iterable[Finding]:
        for name, (reason, mend) in list(self.pulse.observers.items()):
            yield Finding("cannot_look", name, Severity.WARNING, f"{name} cannot be looked at: {reason}", mend)
        for sentence in self.lapsed:
            yield Finding(
                "exception_expired",
                sentence.partition(": ")[0],
                Severity.WARNING,
                sentence.partition(": ")[2],
                "remove it from the settings, or give it a new day and a reason why",
            )
        if self.pulse.reload_failed:
            yield Finding(
                "settings_refused",
                "vedette.yaml",
                Severity.WARNING,
                f"the settings were not taken up, the old ones hold: {self.pulse.reload_failed}",
                "vedette config check",
            )
        for rule, last in self.telling.storms.items():
            if now - last < STORM_SPAN:
                yield Finding(
                    "storm",
                    rule,
                    Severity.CRITICAL,
                    f"{rule} opens so many alerts that only the first are told",
                    f"vedette alerts list --rule {rule}",
                )

    def _proof(self, now: int) -> Iterable[Finding]:
        proof = self.pulse.proof
        if proof is None:
            return
        unknown: dict[str, dict[str, str]] = {}
        for one in proof.rules:
            if one.blind:
                how = "can fire in part only" if one.in_part else "cannot fire"
                yield Finding("rule_blind", one.rule, one.severity, f"{one.rule} {how}: {one.blind}", one.mend)
            for link, why in one.unknown.items():
                unknown.setdefault(link, {})[one.rule] = why
        before: dict[str, int] = self.store.progress.noted(_SINCE) or {}
        since = {link: before.get(link, now) for link in unknown}
        if since != before:
            self.store.progress.note(_SINCE, since)
        for link, rules in unknown.items():
            if now - since[link] > _UNPROVEN:
                long, why = span((now - since[link]) / _SECOND), "; ".join(dict.fromkeys(rules.values()))
                yield Finding(
                    "rule_unknown",
                    link,
                    Severity.WARNING,
                    f"{link}: whether {', '.join(rules)} can fire could not be checked for {long}: {why}",
                    f"vedette prove {next(iter(rules))} says what to do",
                )


def learnt(longest: Sequence[float]) -> float:
    """Seconds of silence that a source's history allows: `longest` of each day."""
    if not longest:
        return _UNKNOWN_SILENCE
    return min(max(_FACTOR * max(longest), _LEAST_SILENCE), _MOST_SILENCE)


def span(seconds: float) -> str:
    """A length of time for people."""
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def _id(finding: Finding) -> bytes:
    return blake2b(f"{finding.kind}\0{finding.subject}".encode("utf-8", "replace"), digest_size=16).digest()


def _alert(finding: Finding, now: int) -> Alert:
    named = blake2b(f"{finding.kind}\0{finding.subject}\0{now}".encode("utf-8", "replace"), digest_size=8).hexdigest()
    return Alert(
        id=named,
        rule=finding.kind,
        title=finding.summary,
        severity=int(finding.severity),
        outcome="done",
        first_seen=now,
        last_seen=now,
        count=1,
        actor="",
        address="",
        object=finding.subject,
        via="",
        why=finding.mend,
        source=OWN,
        file="",
        line=0,
        act=named,
        last_act=named,
        detections=(finding.kind,),
        group=(finding.subject,),
    )
