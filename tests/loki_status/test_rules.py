"""What runs beside what ought to, judged."""

from __future__ import annotations

from collections.abc import Collection

from vedette.clients.loki_ruler import Loaded, LoadedGroup, LoadedRule
from vedette.loki_status.base import ExpectedGroup, ExpectedRule, RulerSeen, Unasked
from vedette.loki_status.rules import rule_checks

LABELS = {"document": "K3"}
EXPECTED = (ExpectedGroup("vedette-K3", 30, (ExpectedRule("VedetteK3", "q", LABELS, {}),)),)


def group(name: str, query: str = "q", file: str = "v.yaml") -> LoadedGroup:
    """A loaded one."""
    return LoadedGroup(name, file, 30, (LoadedRule("VedetteK3", query, labels=LABELS),))


def told(
    *groups: LoadedGroup,
    stored: frozenset[str] | Unasked = frozenset(),
    formatted: dict[str, str] | Unasked | None = None,
    passed_over: Collection[str] = (),
) -> list[tuple[str, str]]:
    """State and sentence of each."""
    said = {} if formatted is None else formatted
    seen = RulerSeen("fake", Loaded(groups, 0), stored, said, Unasked("no"), Unasked("no"))
    return [(str(one.state), one.what) for one in rule_checks(EXPECTED, seen, passed_over)]


def test_a_group_left_over_is_wrong_unless_it_was_passed_over() -> None:
    """Groups of others are no concern; those of rules that were not asked for are not either."""
    assert [state for state, _ in told(group("vedette-K3"), group("theirs"))] == ["ok"]
    ((state, what),) = told(group("vedette-K3"), group("vedette-V5-counts"))
    assert (state, what.split()[0]) == ("wrong", "vedette-V5-counts")
    assert [state for state, _ in told(group("vedette-K3"), group("vedette-V5-counts"), passed_over=["V5"])] == ["ok"]


def test_two_files_with_one_group_are_wrong() -> None:
    """One of them is older."""
    ((state, what),) = told(group("vedette-K3"), group("vedette-K3", file="w.yaml"))
    assert (state, what) == ("wrong", "vedette-K3 runs 2 times, from v.yaml, w.yaml")


def test_queries_are_the_same_in_lokis_writing_or_unknown() -> None:
    """Whoever cannot ask for that writing cannot tell; a query that Loki cannot write is not the same."""
    assert [state for state, _ in told(group("vedette-K3", "(q)"), formatted={"q": "Q", "(q)": "Q"})] == ["ok"]
    assert [state for state, _ in told(group("vedette-K3", "(q)"), formatted={"q": "Q", "(q)": "R"})] == ["wrong"]
    assert [state for state, _ in told(group("vedette-K3", "(q)"), formatted={})] == ["wrong"]
    assert [state for state, _ in told(group("vedette-K3", "(q)"), formatted=Unasked("404", 404))] == ["unknown"]


def test_files_that_are_gone_or_cannot_be_asked_for() -> None:
    """What runs is not what is there after the next start."""
    assert told(group("vedette-K3"), stored=Unasked("404 no rule groups found", 404))[0] == (
        "wrong",
        "no rule file is stored, though rules run",
    )
    assert told(group("vedette-K3"), stored=Unasked("403 no", 403))[0][0] == "unknown"
    assert len(told(stored=Unasked("404 no rule groups found", 404))) == 1
