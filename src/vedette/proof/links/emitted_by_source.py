"""Emitted, whatever the source: each rule is judged by the parts that know the logs it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vedette.proof.links.base import Link
from vedette.proof.verdict import LinkResult, State, worst
from vedette.rule import Rule

NAME = "emitted"


@dataclass(slots=True)
class Unasked:
    """A log of which nobody was asked what is written to it, where a whole site is judged."""

    name: str
    form: str
    why: str
    mend: str

    def check(self, rule: Rule) -> LinkResult:
        """UNKNOWN for the rules that read the log."""
        concerns = not rule.not_configured and any(one.format == self.form for one in rule.detections)
        mend = self.mend if concerns else ""
        return LinkResult(NAME, State.UNKNOWN, self.why, mend, concerns=concerns, told_by="settings")


class EmittedBySource:
    """The link; made once a run of the parts for which something was given."""

    name = NAME

    def __init__(self, parts: Sequence[Link]) -> None:
        self._parts = parts

    def check(self, rule: Rule) -> LinkResult:
        """The worst of the parts that the rule concerns; of none of them, that no part says anything of it."""
        found = [part.check(rule) for part in self._parts]
        concerned = [one for one in found if one.concerns]
        if len(concerned) == 1:
            return concerned[0]
        if not concerned:
            return found[0] if len(found) == 1 else self._of_none(rule)
        state = worst(one.state for one in concerned)
        # Where a rule reads several logs, the variants of each are variants of the rule.
        variants = tuple(variant for one in concerned for variant in one.variants)
        return replace(next(one for one in concerned if one.state is state), variants=variants)

    def _of_none(self, rule: Rule) -> LinkResult:
        if rule.not_configured:
            return LinkResult(NAME, State.UNKNOWN, f"not configured: {rule.not_configured}", concerns=False)
        formats = ", ".join(sorted({one.format for one in rule.detections})) or "nothing"
        why = f"nothing was given that tells what is written: it reads {formats}"
        return LinkResult(NAME, State.UNKNOWN, why, concerns=False)
