"""Applying: a plan's calls, one after the other, each noted before and after: a crash shows where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from vedette.actions.base import Action, Call, CallFailed

BEGUN, DONE, FAILED, UNKNOWN = "begun", "done", "failed", "unknown"
"""What became of a call. BEGUN stays where the process died in it; UNKNOWN: the answer did not come."""
MAYBE_DONE = frozenset({BEGUN, DONE, UNKNOWN})


class Journal(Protocol):
    """Where each step is noted; durable when a call returns."""

    def begun(self, number: int) -> None:
        """The call is about to be sent."""

    def ended(self, number: int, state: str, said: str) -> None:
        """DONE, FAILED or UNKNOWN, and what came back."""


def run(action: Action, calls: Sequence[Call], before: Mapping[int, str], journal: Journal) -> CallFailed | None:
    """Do what is not yet done, and stop at the first call that fails, which is then given.

    `before`: number of a call -> what became of it the last time. Where nobody knows, it is looked at first.
    """
    for number, call in enumerate(calls):
        was = before.get(number)
        if was == DONE:
            continue
        if was in (BEGUN, UNKNOWN):
            check = action.check(call)
            if check.holds is None:
                # Done a second time it might do something else.
                journal.ended(number, UNKNOWN, check.why)
                return CallFailed(f"whether it was done cannot be told: {check.why}", "look yourself", known=False)
            if check.holds:
                journal.ended(number, DONE, "it was found done")
                continue
        journal.begun(number)
        try:
            said = action.do(call)
        except CallFailed as error:
            journal.ended(number, FAILED if error.known else UNKNOWN, str(error))
            return error
        journal.ended(number, DONE, said)
    return None
