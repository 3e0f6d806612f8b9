"""The disk is full or sick, for a call or for a while: nothing is lost, and the watcher says so and goes on."""

from __future__ import annotations

import pytest

from tests.faults.conftest import amount
from tests.faults.forking import Forker
from tests.faults.outcome import outcome, same
from tests.faults.runs import Run, moments

_FAULTS = (
    ("write", "ENOSPC"), ("write", "EIO"), ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"), ("fdatasync", "EIO"),
    ("fdatasync", "ENOSPC"), ("fsync", "EIO"), ("ftruncate", "EIO"), ("unlink", "EIO"), ("rename", "EIO"),
    ("fallocate", "ENOSPC"), ("openat", "EIO"),
)  # fmt: skip
_STRETCH = 9
"""Calls that fail one after the other."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, forker: Forker, strace: str) -> Run:
    """The run that is disturbed."""
    return Run(tmp_path_factory.mktemp("disk"), forker)


@pytest.mark.parametrize("length", [1, _STRETCH])
@pytest.mark.parametrize(("call", "error"), _FAULTS)
def test_a_call_that_fails_costs_no_alert(run: Run, call: str, error: str, length: int) -> None:
    """The Nth call of its kind fails, or nine in a row: no traceback, and the outcome is the undisturbed one's."""
    total = run.calls[call]
    # The first files that are opened are Python's and the package's own.
    first = total // 3 if call == "openat" else 0
    for number in [number for number in moments(total, amount(2, 25)) if number > first]:
        run.fresh()
        when = f"{number}..{number + length - 1}"
        ended = run.life("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
        try:
            assert ended in (0, 2), run.said()
            assert "Traceback" not in run.said()
            # A life that cannot even begin is begun again by whoever looks after it.
            # Nor does one that cannot open a log now wait for it, where it is to end once all is read.
            assert (ended == 0 and call != "openat") or run.life() == 0
            same(outcome(run.folder), run.expected)
        except AssertionError as failure:
            failure.add_note(f"{error} at {call} {when} of {total}; it ended with {ended}")
            raise
