"""A rule that turns blind is a finding for as long as it holds; what could not be checked for a day is one as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.scans import LOGS, SETTINGS
from tests.watch.small import SECOND, Obedient, store_in
from tests.watch.test_findings import DAY, Scene
from tests.watch.watching import watching
from vedette import app
from vedette.proof.links import LINKS
from vedette.proof.links.matched import Matched
from vedette.proof.verdict import LinkResult
from vedette.reproving import Prover
from vedette.rule import Rule, Severity
from vedette.store.store import Store
from vedette.watch.pulse import Proof, Proven, Pulse
from vedette.watch.rounds import NAME, Rounds
from vedette.watch.status import Status


def proven(rule: str, blind: str = "", *, in_part: bool = False, unknown: Mapping[str, str] | None = None) -> Proven:
    """One rule."""
    state = "BLIND" if blind else "UNKNOWN" if unknown else "READY"
    links = {"emitted": "BLIND" if blind else "READY", "delivered": "UNKNOWN" if unknown else "READY"}
    return Proven(rule, Severity.CRITICAL, state, links, blind, in_part, "mend it", unknown or {})


def proof(*rules: Proven) -> Proof:
    """A whole one."""
    return Proof(1_000 * SECOND, 0.5, rules)


def scene(store: Store) -> Scene:
    """Findings where rules are proven on a schedule."""
    one = Scene(store, silent_after=30.0 * DAY)
    one.findings.proving = True
    return one


def test_a_blind_rule_is_a_finding_until_it_is_mended(tmp_path: Path) -> None:
    """Told once when it opens, with the rule's severity, the why and the mend, and once when it ends."""
    with store_in(tmp_path) as store:
        one = scene(store)
        assert one.look() == []
        one.office.pulse.proof = proof(proven("K3", "emitted: policy.yaml:4 drops reads", in_part=True), proven("K4"))
        assert one.look() == ["rule_blind K3"]
        assert one.look() == ["rule_blind K3"]
        one.office.pulse.proof = proof(proven("K3"), proven("K4"))
        assert one.look() == []
        one.office.deliver()
    opened, closed = one.sink.took
    assert (opened.occasion.value, closed.occasion.value) == ("opened", "closed")
    assert opened.labels["alertname"] == "VedetteRuleBlind"
    assert opened.labels["severity"] == "critical"
    assert "K3 can fire in part only: emitted: policy.yaml:4 drops reads" in opened.annotations["summary"]
    assert opened.alert.why == "mend it"


def test_what_was_blind_before_a_start_holds_until_the_first_proof(tmp_path: Path) -> None:
    """Neither ended nor repeated by a restart or a reload; ended at once where nothing is proven any more."""
    with store_in(tmp_path) as store:
        before = scene(store)
        before.office.pulse.proof = proof(proven("K3", "emitted: dropped"))
        before.look()
        (kept,) = store.alerts.open_findings()
        after = scene(store)
        assert after.look() == ["rule_blind K3"]
        after.office.pulse.proof = proof(proven("K3", "emitted: dropped"))
        after.look()
        assert [one.alert.id for one in store.alerts.open_findings()] == [kept.alert.id]
        off = Scene(store, silent_after=30.0 * DAY)
        assert off.look() == []


def test_what_could_not_be_checked_for_a_day_is_a_finding(tmp_path: Path) -> None:
    """One for each link, with its rules, counted through restarts; an hour without an answer is none."""
    with store_in(tmp_path) as store:
        one = scene(store)
        away = proof(*(proven(name, unknown={"delivered": "no answer"}) for name in ("K3", "K4")))
        one.office.pulse.proof = away
        assert one.look() == []
        assert one.look(3600) == []
        one.office.pulse.proof = proof(proven("K3"))
        assert one.look() == []
        one.office.pulse.proof = away
        assert one.look() == []
        two = scene(store)
        two.office.now = one.office.now
        two.office.pulse.proof = away
        assert two.look(DAY + 1) == ["rule_unknown delivered"]
        (kept,) = store.alerts.open_findings()
        assert "whether K3, K4 can fire could not be checked for 24 h: no answer" in kept.alert.title
        assert kept.alert.severity == int(Severity.WARNING)
        two.office.pulse.proof = proof(proven("K3"))
        assert two.look() == []


def test_metrics_say_the_state_of_every_link(tmp_path: Path) -> None:
    """1 for the state that it is in, 0 for the three others."""
    with store_in(tmp_path) as store:
        pulse = Pulse(1)
        status = Status(store, pulse, [], [])
        assert b"vedette_rule_state{" not in status.metrics()
        pulse.proof = proof(proven("K3", "emitted: dropped"))
        text = status.metrics().decode()
    found = {
        (sample.labels["rule"], sample.labels["link"], sample.labels["state"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "vedette_rule_state"
    }
    assert {key for key, value in found.items() if value} == {
        ("K3", "all", "BLIND"),
        ("K3", "emitted", "BLIND"),
        ("K3", "delivered", "READY"),
    }
    assert len(found) == 12
    assert "vedette_proof_timestamp_seconds 1000.0" in text
    assert "vedette_proof_seconds 0.5" in text


def test_a_proof_that_fails_is_told_and_tried_again() -> None:
    """As something that cannot be looked at; the last proof stands meanwhile."""
    pulse = Pulse(1)
    answers: list[Proof | Exception] = [proof(), ValueError("boom"), proof(proven("K3"))]

    def prove(_rest: Callable[[], bool]) -> Proof:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    rounds = Rounds(1.0, prove, pulse)
    rounds.once()
    assert pulse.proof == proof()
    rounds.once()
    assert "ValueError" in pulse.observers[NAME][0]
    assert pulse.proof == proof()
    rounds.once()
    assert NAME not in pulse.observers
    assert pulse.proof == proof(proven("K3"))


def test_a_round_ends_with_the_watcher() -> None:
    """Between two rules; what was begun is no proof."""
    pulse = Pulse(1)
    asked = []

    def prove(rest: Callable[[], bool]) -> Proof | None:
        while not rest():
            asked.append(1)
            pulse.stop()
        return None

    rounds = Rounds(900.0, prove, pulse, first=0.0)
    rounds.start()
    rounds.join(10)
    assert not rounds.is_alive()
    assert (asked, pulse.proof) == ([1], None)


@pytest.fixture
def read(tmp_path: Path) -> Path:
    """A store that has read the examples."""
    with watching(tmp_path / "state", LOGS, sink=Obedient("screen")) as (watcher, _):
        watcher.run(until_read=True)
    return tmp_path / "state"


def test_links_that_cost_seconds_are_checked_seldom(read: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases are run at the first round, and taken as they were at the next; the other links are asked anew."""
    settings = app.load_settings(str(SETTINGS))
    rules = app.usable_rules(app.load_rules(settings, ()))[:3]
    ran: list[str] = []
    check = Matched.check

    def counted(self: Matched, rule: Rule) -> LinkResult:
        ran.append(rule.name)
        return check(self, rule)

    monkeypatch.setattr(Matched, "check", counted)
    clock = [0.0]
    prover = Prover(settings, rules, read, now=time.time_ns, steady=lambda: clock[0])
    first = prover(lambda: False)
    second = prover(lambda: False)
    assert first is not None
    assert second is not None
    assert second.at > first.at
    names = [rule.name for rule in rules]
    assert ran == names
    clock[0] = 86_000.0
    prover(lambda: False)
    assert ran == names
    clock[0] = 87_000.0
    prover(lambda: False)
    assert ran == names * 2
    assert [one.links for one in first.rules] == [one.links for one in second.rules]
    assert set(first.rules[0].links) >= LINKS.keys() - {"emitted", "drilled"}
    assert first.rules[0].links["matched"] == "READY"
    assert prover(lambda: True) is None


def test_what_is_not_set_up_or_old_is_no_news(read: Path) -> None:
    """The examples are days old and nobody is told: the silence has its own finding, and the settings name no sink."""
    settings = app.load_settings(str(SETTINGS))
    rules = app.usable_rules(app.load_rules(settings, ()))
    found = Prover(settings, rules, read)(lambda: False)
    assert found is not None
    assert {one.state for one in found.rules} == {"BLIND"}
    assert [one.rule for one in found.rules if one.blind] == []


def test_proving_can_be_turned_off(tmp_path: Path) -> None:
    """Then nothing is proven, and what was found by it ends."""
    with watching(tmp_path / "a", LOGS, extra="\nwatch:\n  prove: off\n") as (watcher, _):
        assert watcher.rounds is None
        assert not watcher.findings.proving
    with watching(tmp_path / "b", LOGS) as (watcher, _):
        assert watcher.rounds is not None
        assert watcher.findings.proving
