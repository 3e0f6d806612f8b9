"""On Loki: the links of a rule whose engine is Loki's ruler, from what `vedette loki status` looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vedette.loki_status.base import State as Looked
from vedette.proof.verdict import LinkResult, State, worst

if TYPE_CHECKING:
    from vedette.proof.links.base import Link, Ruler
    from vedette.rule import Rule

ABOUT = {
    "shipped": frozenset({"stream", "discarded", "limit"}),
    "matched": frozenset({"rules", "health", "ruler"}),
    "delivered": frozenset({"notifications", "alertmanager"}),
}
"""Link -> what its checks are about."""
_STATES = {Looked.OK: State.READY, Looked.WRONG: State.BLIND, Looked.UNKNOWN: State.UNKNOWN}


@dataclass(slots=True)
class OnLoki:
    """One link of a ruler."""

    name: str
    ruler: Ruler
    beside: Link | None = None
    """What else must hold for the link: the routes of the Alertmanager that the ruler tells."""

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where Loki cannot carry the rule, or where a check that is about it, or about all, found it broken."""
        if self.ruler.fault:
            return LinkResult(self.name, State.UNKNOWN, self.ruler.fault, self.ruler.mend)
        if rule.name in self.ruler.refused:
            why = f"Loki cannot carry it: {self.ruler.refused[rule.name]}"
            return LinkResult(self.name, State.BLIND, why, "vedette watch, beside Loki or upon it")
        mine = {f"vedette-{rule.name}", f"vedette-{rule.name}-counts", *(one.format for one in rule.detections)}
        found = [
            one
            for one in self.ruler.checks
            if one.about in ABOUT[self.name] and (not one.of or not mine.isdisjoint(one.of))
        ]
        state = worst(_STATES[one.state] for one in found)
        told = [one for one in found if _STATES[one.state] is state and state is not State.READY]
        why = "; ".join(f"{one.what} ({one.why})" if one.why else one.what for one in told)
        mend = "\n".join(dict.fromkeys(one.mend for one in told if one.mend))
        result = LinkResult(self.name, state, why, mend)
        return result if self.beside is None else _both(result, self.beside.check(rule))


def _both(one: LinkResult, other: LinkResult) -> LinkResult:
    """Both must hold; the reasons are those of whichever does not."""
    state = worst((one.state, other.state))
    told = [each for each in (one, other) if each.state is state and each.why]
    return LinkResult(
        one.link,
        state,
        "; ".join(each.why for each in told),
        "\n".join(dict.fromkeys(each.mend for each in told if each.mend)),
        other.variants if other.state is state else (),
    )
