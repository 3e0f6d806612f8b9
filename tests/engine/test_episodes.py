"""Matches become alerts."""

from __future__ import annotations

import msgspec

from vedette.alert import Alert
from vedette.engine.episodes import Episodes
from vedette.match import Match

MINUTE = 60_000_000_000


def _match(
    minute: float,
    group: str = "a",
    *,
    outcome: str = "done",
    severity: int = 3,
    rule: str = "K3",
    reaction: str = "fire",
) -> Match:
    time = int(minute * MINUTE)
    return Match(
        rule=rule,
        detection=rule,
        title="A toy",
        severity=severity,
        outcome=outcome,
        time=time,
        first=time,
        count=1,
        act=f"{group}{minute}",
        actor=group,
        address="",
        object="",
        via="",
        why="",
        group=(group,),
        quiet_after=3600,
        source="kube_audit",
        file="f",
        line=1,
        reaction=reaction,
    )


def _alerts(*matches: Match) -> list[Alert]:
    episodes = Episodes()
    found = [alert for match in matches for alert in episodes.feed(match)]
    return sorted([*found, *episodes.finish()], key=lambda alert: (alert.first_seen, alert.id))


def test_acts_of_one_group_are_one_alert_with_first_and_last() -> None:
    """An informer that lists every five minutes is one alert."""
    (alert,) = _alerts(*(_match(5 * n) for n in range(100)))
    assert (alert.count, alert.act, alert.last_act) == (100, "a0", "a495")
    assert (alert.first_seen, alert.last_seen) == (0, 495 * MINUTE)


def test_an_act_that_meets_two_documents_counts_once() -> None:
    """K6 and K6.dropped both cannot tell what a write at level Metadata did; it is one write."""
    first = _match(0)
    (alert,) = _alerts(first, msgspec.structs.replace(first, detection="K3.too"), _match(1))
    assert (alert.count, alert.detections) == (2, ("K3", "K3.too"))


def test_silence_closes_an_episode() -> None:
    """An hour and a minute of quiet makes two alerts; exactly an hour does not."""
    assert len(_alerts(_match(0), _match(61))) == 2
    assert len(_alerts(_match(0), _match(60))) == 1


def test_groups_reactions_and_rules_are_apart() -> None:
    """Another actor, a refused try, what nobody can tell, another rule: each an alert of its own."""
    tried = _match(2, outcome="refused", severity=2, reaction="attempt")
    untold = _match(2, outcome="unknown", severity=2, reaction="cannot_tell")
    assert len(_alerts(_match(0), _match(1, "b"), tried, untold, _match(3, rule="K2"))) == 5


def test_what_fires_on_any_outcome_is_one_story() -> None:
    """A stolen token's requests, some refused and some done, are one alert; its outcome is the one that got furthest."""
    (alert,) = _alerts(*(_match(n, outcome=one) for n, one in enumerate(("refused", "failed", "done", "unknown"))))
    assert (alert.count, alert.outcome, alert.reaction) == (4, "done", "fire")
    (alert,) = _alerts(_match(0, outcome="unknown"), _match(1, outcome="refused"))
    assert alert.outcome == "refused"


def test_the_id_depends_on_the_opening_only() -> None:
    """Later acts do not change an alert's id; another first act does."""
    (short,), (long,) = _alerts(_match(0)), _alerts(_match(0), _match(1), _match(2))
    assert short.id == long.id
    assert short.id != _alerts(_match(1))[0].id


def test_closed_episodes_leave_memory() -> None:
    """Ten thousand actors, a day apart in all: those long quiet are given out before the end."""
    episodes = Episodes()
    given = sum(len(list(episodes.feed(_match(n, f"g{n}")))) for n in range(10_000))
    assert given > 9_000
    assert given + len(list(episodes.finish())) == 10_000
