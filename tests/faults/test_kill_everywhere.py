"""kill -9 before every call that changes a file: the next life goes on, and all is as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.faults.conftest import amount
from tests.faults.forking import Forker
from tests.faults.inputs import LOG_NAMES, short
from tests.faults.outcome import Outcome, outcome, same
from tests.faults.runs import CALLS, Run, moments

_KILLED = -9


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, forker: Forker, strace: str) -> Run:
    """The run that is disturbed."""
    return Run(tmp_path_factory.mktemp("kill"), forker)


@pytest.mark.parametrize("share", [0, 1, 2, 3])
@pytest.mark.parametrize("call", CALLS)
def test_a_life_that_is_killed_before_any_call_that_changes_a_file_costs_nothing(
    run: Run, call: str, share: int
) -> None:
    """kill -9 at the Nth call of its kind, for every N; then one more life: the outcome is the undisturbed one's."""
    total = run.calls[call]
    for number in list(moments(total, amount(4, total)))[share::4]:
        run.fresh()
        ended = run.life("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}")
        # Commits and looks at folders go by time as well, so that the last of the calls may not come.
        assert ended == _KILLED or number > total * 3 // 4, f"{call} {number} of {total}"
        assert run.life() == 0
        try:
            same(outcome(run.folder), run.expected)
        except AssertionError as error:
            error.add_note(f"killed before {call} {number} of {total}")
            raise


def test_the_undisturbed_run_is_worth_disturbing(run: Run) -> None:
    """It writes, commits and tells many times, a mass deletion is among its alerts, and what it read is what it kept."""
    expected: Outcome = run.expected
    assert run.calls["pwrite64"] > 100
    assert run.calls["fdatasync"] > 20
    assert {alert[0] for alert in expected.alerts.values()} >= {"K5", "V5", "S1"}
    assert len(expected.told) >= 5
    assert expected.evidence == {name: b"".join(short(name)) for name in LOG_NAMES}
    assert expected.counters["kube"]["quarantined.not JSON"] == 1
