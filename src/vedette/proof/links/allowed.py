"""Allowed: no entry of the settings excuses everybody from the rule, by trying it.

Each firing case is done again by a stranger (`proof.stranger`) under the site's own automation entries and exceptions.
Where the rule keeps silent, each entry is tried alone, so that the culprit can be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from vedette.cases import BadCase, Case, RulesUnder, alerts_of, cases_of, settings_for
from vedette.proof.fit import Misfit, misfits
from vedette.proof.seen import Seen
from vedette.proof.stranger import in_namespace, strangers
from vedette.proof.verdict import LinkResult, State, Variant, of_variants, worst
from vedette.rule import Rule
from vedette.settings.effective import Settings

NAME = "allowed"


@dataclass(frozen=True, slots=True)
class _Act:
    """A case by a stranger that fires under the settings of the case."""

    name: str
    case: Case
    base: Settings


class Allowed:
    """The settings against each rule."""

    name = NAME

    def __init__(self, settings: Settings, rules_under: RulesUnder, today: date, seen: Seen | None = None) -> None:
        """`rules_under`: the rules read with some settings; `today`: of which exceptions hold; `seen`: what came."""
        self._settings = settings
        self._under = rules_under
        self._today = today
        self._seen = seen
        self._laid: dict[tuple[int, object], tuple[Settings, Settings]] = {}
        self._own = [
            *(("automation", index) for index, one in enumerate(settings.automation) if not one.off),
            *(("exceptions", index) for index in range(len(settings.exceptions))),
        ]
        self._own = [path for path in self._own if settings.origin(path).file]

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where everybody is excused from some variant, or where the settings leave the rule without work."""
        if rule.not_configured:
            mend = "say it in vedette.yaml; `vedette config show` names the keys"
            why = f"not configured: {rule.not_configured}"
            return LinkResult(NAME, State.BLIND, why, mend, told_by="settings")
        found = self._excused(rule)
        said = list(misfits(rule, self._settings, self._seen)) if self._seen else []
        if lapsed := self._lapsed(rule):
            said.append(
                Misfit(State.READY, lapsed, "take it out of the settings, or give it a new day and a reason why")
            )
        if found.state is not State.READY or not said:
            return found
        state = worst(one.state for one in said)
        why, mend = ("; ".join(one.why for one in said), "\n".join(dict.fromkeys(one.mend for one in said)))
        return LinkResult(NAME, state, why, mend, () if state is State.BLIND else found.variants)

    def _excused(self, rule: Rule) -> LinkResult:
        entries = [path for path in self._own if self._names(path, rule)]
        if not entries:
            return LinkResult(NAME, State.READY)
        try:
            variants = [self._variant(rule, act, entries) for act in self._acts(rule)]
        except BadCase as error:
            return LinkResult(NAME, State.UNKNOWN, str(error))
        if not variants:
            return LinkResult(NAME, State.UNKNOWN, "the rule has no firing case", "write fires.jsonl")
        return of_variants(NAME, variants)

    def _acts(self, rule: Rule) -> Iterator[_Act]:
        """Each firing case by a stranger, and in each namespace that the settings add."""
        for case in cases_of(rule):
            if not case.fires:
                continue
            base = settings_for(case)
            for name, settings, one in self._in_namespaces(case, base):
                subject = self._under(settings).get(rule.name)
                alerts = alerts_of(one.lines, subject, settings) if subject else []
                if not subject or not alerts:
                    continue
                for by in strangers(one, alerts[0], settings.site_networks()["trusted"]):
                    if alerts_of(by.lines, subject, settings):
                        yield _Act(name, by, settings)
                        break

    def _in_namespaces(self, case: Case, base: Settings) -> Iterator[tuple[str, Settings, Case]]:
        yield case.name, base, case
        ours, theirs = self._settings.sensitive_namespaces, base.sensitive_namespaces
        added = [
            name
            for name in dict.fromkeys((*ours.secrets, *ours.exec))
            if name not in theirs.secrets and name not in theirs.exec
        ]
        if added:
            settings = self._laid_over(base, "namespaces", sensitive_namespaces=ours)
            for namespace in added:
                if moved := in_namespace(case, namespace):
                    yield f"{case.name} in {namespace}", settings, moved

    def _laid_over(self, base: Settings, how: object, **keys: object) -> Settings:
        """`base` with some keys replaced; one object for each `how`, for rules are read once an object."""
        key = (id(base), how)
        if key not in self._laid:
            self._laid[key] = base, replace(base, **keys)  # type: ignore[arg-type]
        return self._laid[key][1]

    def _variant(self, rule: Rule, act: _Act, entries: Sequence[tuple[str, int]]) -> Variant:
        ours, base = self._settings, act.base
        whole = {key: getattr(ours, key) for key in ("automation", "exceptions", "file", "origins")}
        if self._fires(rule, act, self._laid_over(base, "whole", **whole)):
            return Variant(act.name, State.READY)
        for key, index in entries:
            entry = (getattr(ours, key)[index],)
            alone = {"automation": (), "exceptions": (), key: entry}
            if not self._fires(rule, act, self._laid_over(base, (key, index), **alone)):
                where = ours.origin((key, index))
                kind = "automation entry" if key == "automation" else "exception"
                until = f" until {ours.exceptions[index].expires}" if key == "exceptions" else ""
                why = f"{where}: this {kind} excuses every actor of {rule.name} here{until}"
                return Variant(act.name, State.BLIND, why, f"name in {where} whom it is meant for, and where")
        why = "entries of the settings together excuse every actor; none does alone"
        return Variant(act.name, State.BLIND, why, f"make the entries for {rule.name} narrower")

    def _names(self, path: tuple[str, int], rule: Rule) -> bool:
        """Whether an entry is for `rule` or one of its documents, by name or id."""
        known = {rule.name}
        known.update(text for one in rule.detections for text in (one.name, one.id))
        known.update(text for one in rule.correlations for text in (one.name, one.id))
        return not known.isdisjoint(getattr(self._settings, path[0])[path[1]].rule)

    def _fires(self, rule: Rule, act: _Act, settings: Settings) -> bool:
        subject = self._under(settings).get(rule.name)
        return subject is not None and bool(alerts_of(act.case.lines, subject, settings))

    def _lapsed(self, rule: Rule) -> str:
        """Exceptions of this rule that excuse no longer: no blindness, but somebody believes otherwise."""
        settings = self._settings
        gone = [
            replace(settings, exceptions=(one,), origins={("exceptions", 0): settings.origin(("exceptions", index))})
            for index, one in enumerate(settings.exceptions)
            if rule.name in one.rule
        ]
        return "; ".join(sentence for one in gone for sentence in one.lapsed(self._today))
