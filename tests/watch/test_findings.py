"""Silence, lag, what cannot be read, a dead sink, a full disk: each is an alert as long as it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.watch.small import SECOND, Obedient, Office, an_alert, store_in
from vedette.sinks.base import NotDelivered
from vedette.sources.base import Piece, Position, Trouble
from vedette.store.store import Store
from vedette.watch.findings import Findings, Watched, learnt, span

DAY = 86400


class Idle:
    """A source that has nothing, and says what it is told to of itself."""

    name = "kube"
    keeps_evidence = False

    def __init__(self) -> None:
        self.said: list[Trouble] = []
        self.waiting = 0

    def resume(self, positions: Mapping[str, Position]) -> None:
        """As Source."""

    def poll(self, limit: int) -> Sequence[Piece]:
        """As Source."""
        return ()

    def committed(self, positions: Mapping[str, Position]) -> Sequence[str]:
        """As Source."""
        return ()

    def behind(self) -> int:
        """As Source."""
        return self.waiting

    def troubles(self) -> Sequence[Trouble]:
        """As Source."""
        return self.said

    def close(self) -> None:
        """As Source."""


class Scene:
    """Findings over an office, with one source."""

    def __init__(self, store: Store, silent_after: float = 0.0, free_space: int = 0) -> None:
        self.sink = Obedient("slack")
        self.office = Office(store, self.sink)
        self.source = Idle()
        self.findings = Findings(
            store,
            self.office.telling,
            self.office.pulse,
            [Watched(self.source, silent_after)],
            free_space,
            ["slack"],
            lambda: self.office.now,
        )

    def look(self, seconds: float = 5.0) -> list[str]:
        """Time passes; gives kind and subject of what is open then."""
        self.office.now += int(seconds * SECOND)
        self.findings.look()
        return [f"{k.alert.rule} {k.alert.object}" for k in self.findings.store.alerts.open_findings()]

    def speak(self) -> None:
        """The source has records."""
        self.office.pulse.record({"kube": self.office.now}, {"kube": 1}, self.office.now)


def test_a_source_that_falls_silent_is_found_and_found_well_again(tmp_path: Path) -> None:
    """By what the settings say; told once when it opens and once when it ends."""
    with store_in(tmp_path) as store:
        one = Scene(store, silent_after=60.0)
        assert one.look() == []
        assert one.look(60) == ["source_silent kube"]
        assert one.look(60) == ["source_silent kube"]
        one.speak()
        assert one.look() == []
        one.office.deliver()
    assert [note.occasion.value for note in one.sink.took] == ["opened", "closed"]
    assert one.sink.took[0].labels["alertname"] == "VedetteSourceSilent"
    assert "nothing came from kube for 65 s" in one.sink.took[0].annotations["summary"]


def test_silence_is_measured_by_the_sources_own_history(tmp_path: Path) -> None:
    """A log that speaks every half hour is not silent after an hour, and is after three such silences."""
    with store_in(tmp_path) as store:
        one = Scene(store)
        for _ in range(10):
            one.speak()
            assert one.look(1800) == []
        one.speak()
        assert one.look(5000) == []
        assert one.look(1000) == ["source_silent kube"]


@pytest.mark.parametrize(
    ("longest", "allowed"), [([], DAY), ([1.0], 600.0), ([400.0, 900.0], 2700.0), ([30.0 * DAY], 7.0 * DAY)]
)
def test_what_a_history_allows(longest: list[float], allowed: float) -> None:
    """Thrice its longest silence, within bounds; a day for one that nobody knows."""
    assert learnt(longest) == allowed


def test_unread_records_are_found(tmp_path: Path) -> None:
    """One is enough, for it is a way past every rule; what was long ago is forgotten."""
    with store_in(tmp_path) as store:
        one = Scene(store, silent_after=DAY)
        one.look()
        store.progress.count("kube", {"records": 1000})
        assert one.look() == []
        store.progress.count("kube", {"records": 100, "quarantined.cut off": 1})
        assert one.look() == ["unparsed kube"]
        assert one.look(200) == ["unparsed kube"]
        assert one.look(200) == []


def test_a_dead_sink_is_found(tmp_path: Path) -> None:
    """Within the look that follows; the finding waits for the sink like any alert, and for its fallback."""
    with store_in(tmp_path) as store:
        one = Scene(store, silent_after=DAY)
        one.sink.error = NotDelivered("404 no_service", dead=True)
        one.office.open(an_alert("a"))
        one.office.deliver()
        assert one.look() == ["sink_dead slack"]
        one.sink.error = None
        one.office.deliver()
        assert one.look() == []


def test_what_a_source_and_an_observer_say_is_found(tmp_path: Path) -> None:
    """With the mend; and what is no longer said is closed."""
    with store_in(tmp_path) as store:
        one = Scene(store, silent_after=DAY)
        one.source.said = [Trouble("/var/log/audit.log", "permission denied", "add the user to adm")]
        one.office.pulse.observer("vault", "403", "grant it")
        assert sorted(one.look()) == ["cannot_look vault", "source_trouble kube: /var/log/audit.log"]
        one.office.deliver()
        assert {note.first_step for note in one.sink.took} == {"look"}
        one.source.said = []
        one.office.pulse.observer("vault", "")
        assert one.look() == []


def test_lag_disk_storm_and_refused_settings_are_found(tmp_path: Path) -> None:
    """Each under its own name."""
    with store_in(tmp_path) as store:
        one = Scene(store, silent_after=DAY, free_space=1 << 60)
        one.source.waiting = 1 << 30
        one.office.pulse.reload_failed = "vedette.yaml:1:1: error"
        one.office.pulse.evidence("kube", "No space left on device")
        one.office.telling.storms["S1"] = one.office.now
        one.office.pulse.partly("slack", "b: 503")
        kinds = {name.partition(" ")[0] for name in one.look()}
        assert kinds == {"lag", "disk_nearly_full", "settings_refused", "evidence_lost", "storm", "sink_partial"}


def test_a_restart_neither_repeats_nor_forgets_a_finding(tmp_path: Path) -> None:
    """What still holds stays the alert that it is; what no longer holds is closed."""
    with store_in(tmp_path) as store:
        one = Scene(store, silent_after=DAY)
        one.office.pulse.observer("vault", "403", "grant it")
        one.look()
        (before,) = store.alerts.open_findings()
        two = Scene(store, silent_after=DAY)
        two.office.pulse.observer("vault", "403", "grant it")
        two.look()
        (after,) = store.alerts.open_findings()
        assert after.alert.id == before.alert.id
        two.office.pulse.observer("vault", "")
        assert two.look() == []


def test_lengths_of_time_are_readable() -> None:
    """The largest unit of which there are two."""
    assert [span(s) for s in (5, 119, 120, 7200, 200_000)] == ["5 s", "119 s", "2 min", "2 h", "2 d"]
