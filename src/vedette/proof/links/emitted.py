"""Emitted: does the Kubernetes audit policy let be written what the rule must see?

Each firing case of the rule is an act that must be seen. What the policy would have let be written of it is run through
the engine; the rule fires or it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vedette.cases import BadCase, Case
from vedette.proof.audit_policy import AuditPolicy, Level
from vedette.proof.emission import Emission, Seen, tests_of
from vedette.proof.erasure import OBSERVATION
from vedette.proof.gaps import gaps
from vedette.proof.links.base import Given, Unread
from vedette.proof.mending import by_object, mend
from vedette.proof.naming import named_values
from vedette.proof.verdict import LinkResult, State, Variant, of_variants
from vedette.rule import Reaction, Rule

NAME = "emitted"
_FORMAT = "kube_audit"
_WRITE = "write its fires.jsonl; `vedette rules new` shows how"
_CHANGE = "change the rule; `vedette explain` shows on an event of yours which of its clauses hold"

UNKNOWN_POLICY = "sources: {kube_audit: {audit_policy: FILE}}, or --policy FILE"
"""What to do where no policy was given."""


class Emitted:
    """The link; made once a run."""

    name = NAME

    def __init__(self, given: Given) -> None:
        self._policy = given.policy
        self._given = given

    def check(self, rule: Rule) -> LinkResult:
        """What the policy leaves of each of the rule's variants."""
        formats = sorted({one.format for one in rule.detections})
        if not formats and rule.not_configured:
            return LinkResult(NAME, State.UNKNOWN, f"not configured: {rule.not_configured}", concerns=False)
        erased = named_values([test for one in rule.detections for test, _ in tests_of(one.node)], "observation")
        if _FORMAT not in formats and OBSERVATION not in erased:
            why = f"not from the Kubernetes audit log: it reads {', '.join(formats) or 'nothing'}"
            return LinkResult(NAME, State.UNKNOWN, why, concerns=False)
        if (silent := self._given.apiserver.silent) is not None:
            return LinkResult(NAME, State.BLIND, *silent)
        if not isinstance(self._policy, AuditPolicy):
            # What nobody has named yet is no news to a watcher; what can no longer be read is.
            told_by = "settings" if self._policy is None else ""
            mend = UNKNOWN_POLICY if self._policy is None else self._policy.problems[0].mend or "let this user read it"
            return LinkResult(NAME, State.UNKNOWN, _unread(self._policy), mend, told_by=told_by)
        try:
            emission = self._emission(rule)
            if _FORMAT in formats and not (emission.judged or emission.unread or emission.observed):
                return self._by_invention(rule, self._policy)
            return self._judged(emission, self._policy)
        except BadCase as error:
            return LinkResult(NAME, State.UNKNOWN, f"a case cannot be run: {error}")

    def _emission(self, rule: Rule, cases: Sequence[Case] | None = None) -> Emission:
        given = self._given
        return Emission(rule, given.rules_under, given.naming, erases=given.apiserver.erases, cases=cases)

    def _by_invention(self, rule: Rule, policy: AuditPolicy) -> LinkResult:
        """A rule without firing cases, by acts that are invented for it."""
        from vedette.proof.invented import invent  # The pack has cases, and starts without it.

        namespaces = sorted({name for one in policy.rules for name in one.namespaces})
        found = invent(rule, self._given.rules_under, namespaces)
        if not found.cases and found.sure:
            return LinkResult(NAME, State.BLIND, f"no event can meet it: {found.why}", _CHANGE)
        if not found.cases:
            return LinkResult(NAME, State.UNKNOWN, f"no act could be invented for it: {found.why}", _WRITE)
        if found.broad:
            why = f"it fires on nearly everything: on {found.fires_on} of {found.ordinary} ordinary events"
            return LinkResult(NAME, State.BLIND, why, _CHANGE)
        emission = self._emission(rule, found.cases)
        result = self._judged(emission, policy)
        dead = [
            Variant(one.name, State.BLIND, f"no event can meet it: {one.why}", _CHANGE)
            if one.sure
            else Variant(one.name, State.UNKNOWN, f"no act could be invented for it: {one.why}", _WRITE)
            for one in found.dead
        ]
        said = [f"no event has {one.name}" for one in found.unused if one.sure]
        said += [f"{found.left_out} more variants were not tried"] if found.left_out else []
        words = "; ".join(["by invented acts, for it has no firing case", *said])
        result = of_variants(NAME, [*result.variants, *dead], f"{_looked_at(emission)}; {words}")
        return replace(result, invented=True)

    def _judged(self, emission: Emission, policy: AuditPolicy) -> LinkResult:
        if not emission.judged and not emission.unread:
            if emission.observed:
                why = "not from the audit log: its cases are observations of vedette's own"
                return LinkResult(NAME, State.UNKNOWN, why, concerns=False)
            why = "no firing case shows which events it needs"
            return LinkResult(NAME, State.UNKNOWN, why, _WRITE)
        seen = emission.under(policy)
        mends = _mends(policy, emission, [one for one in seen if not one.enough])
        variants = [self._batched(one, _variant(policy, emission, one, mends)) for one in seen]
        odd = "an event of the case is no plain audit event"
        variants += [Variant(one.case.name, State.UNKNOWN, odd) for one in emission.unread]
        said = _looked_at(emission) + self._cut(emission, seen)
        lost = self._given.apiserver.loses_batches
        result = of_variants(NAME, variants, f"{said}; {lost[0]}" if lost else said)
        if result.state is not State.READY:
            return result
        found = gaps(policy, emission, [act.request for one in seen for act in one.witnesses.acts])
        why = f"{result.why}; not written: {'; '.join(one.said for one in found)}" if found else result.why
        changes = [*(lost[1:] if lost else ()), *(one.mend for one in found if one.mend)]
        return replace(result, why=why, mend="\n".join(changes), unseen=tuple(one.said for one in found))

    def _batched(self, one: Seen, variant: Variant) -> Variant:
        """A write that is known by its beginning alone, where that is lost together with its end."""
        lost = self._given.apiserver.loses_batches
        if lost is None or variant.state is not State.READY or not any(act.observation for act in one.witnesses.acts):
            return variant
        return replace(variant, state=State.BLIND, why=lost[0], mend=lost[1])

    def _cut(self, emission: Emission, seen: Sequence[Seen]) -> str:
        """What the truncation of large events would take from variants that are seen, where it is on."""
        limit = self._given.apiserver.cut_at
        hurt = emission.hurt_by_cutting([one for one in seen if one.enough]) if limit is not None else 0
        return f"; {hurt} of them only as cannot tell in an event above {limit:,} bytes, which is cut" if hurt else ""


def _unread(policy: Unread | None) -> str:
    if policy is None:
        return "the audit policy is not known"
    first = policy.problems[0]
    where = f"{first.file}:{first.line}:{first.column}" if first.line else first.file
    return f"the audit policy is not read: {where}: {first.message}"


def _looked_at(emission: Emission) -> str:
    said = f"{len(emission.judged)} variants are written"
    if emission.observed:
        said += f"; {len(emission.observed)} more are observations, not from the audit log"
    return said


_Loss = tuple[int | None, bool, str]


def _loss(emission: Emission, one: Seen) -> _Loss:
    """What is mended together: what the same rule of the policy takes, by its level or by a stage.

    For a rule that looks at who acts and not at what is done, of like askers only.
    """
    act, written = one.lost
    user = "" if by_object(emission.wanted) else act.request.user or ""
    who = "account" if user.startswith("system:serviceaccount:") else user
    return written.rule, written.level is Level.NONE, who


def _mends(policy: AuditPolicy, emission: Emission, blind: Sequence[Seen]) -> dict[_Loss, str]:
    found: dict[_Loss, str] = {}
    for loss in dict.fromkeys(_loss(emission, one) for one in blind):
        change = mend(policy, emission, [one for one in blind if _loss(emission, one) == loss])
        found[loss] = change.said if change is not None else ""
    return found


def _variant(policy: AuditPolicy, emission: Emission, one: Seen, mends: dict[_Loss, str]) -> Variant:
    case = one.witnesses.case
    name, fires = case.name, emission.expected(case) is Reaction.FIRE
    act, written = one.lost
    if one.enough:
        return Variant(name, State.READY, fires=fires, witness=act.described())
    where = policy.where(written.rule)
    if written.rule is None:
        why = f"no rule of {where} is for it, so nothing is written"
    elif written.level is Level.NONE:
        why = f"{where} drops it (level None)"
    elif not act.lines(written, tied=emission.tied):
        stages = ", ".join(sorted(written.omitted))
        why = f"{where} omits every stage at which it is written ({stages})"
    elif emission.tied and emission.at_level(one.witnesses, one.written, act.level):
        why = f"{where} writes it at {written.level}; the rule fires at {act.level} only"
    else:
        why = f"{where} writes it at {written.level}, {_said(one.reaction)}"
    return Variant(name, State.BLIND, why, mends.get(_loss(emission, one), ""), fires, act.described())


def _said(reaction: Reaction | None) -> str:
    if reaction is None:
        return "which leaves nothing to fire on"
    return "which leaves an attempt" if reaction is Reaction.ATTEMPT else "which leaves only: cannot tell"
