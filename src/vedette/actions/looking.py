"""Looking: what an action that changes nothing says where others do, verify and undo."""

from __future__ import annotations

from collections.abc import Sequence

from vedette.actions.base import Call, CallFailed, Check, Plan


class OnlyLooks:
    """Of actions with `Kind.reads`; each has its own `plan` and `close`."""

    def do(self, call: Call) -> str:
        """There is nothing to do."""
        raise CallFailed(f"{call.does}: this action only looks")

    def check(self, call: Call) -> Check:
        """There is nothing to do."""
        return Check(call.does, None, "this action only looks")

    def verify(self, plan: Plan) -> Sequence[Check]:  # noqa: ARG002 - it meets a protocol
        """There is nothing to verify."""
        return []

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:  # noqa: ARG002 - it meets a protocol
        """There is nothing to take back."""
        return Plan(action=plan.action, given=plan.given, where=plan.where, does="nothing was done")
