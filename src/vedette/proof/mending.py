"""Mending: the smallest change of an audit policy under which a rule sees again what the policy takes from it.

A change is never asserted: the changed policy is evaluated, and the rule run on what it would let be written.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from vedette.proof.audit_policy import AuditPolicy, GroupResources, Level, PolicyRule, Request, Written
from vedette.proof.emission import Emission, Seen, of_all
from vedette.proof.naming import named_values
from vedette.rule import Test

_WIDTH = 90
_ACCOUNTS = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class Mend:
    """A change of a policy."""

    policy: AuditPolicy
    """The policy with the change made."""
    said: str
    """The change as a person makes it; several lines."""


@dataclass(frozen=True, slots=True)
class _Lack:
    """What one request wants."""

    request: Request
    had: Written
    wanted: Level
    stages: frozenset[str]
    """Stages that are left out and must not be."""


def mend(policy: AuditPolicy, emission: Emission, blind: Sequence[Seen]) -> Mend | None:
    """The smallest change by which every one of `blind` is seen, or None where none was found. Raises BadCase."""
    lacks: list[_Lack] = []
    for seen, least in zip(blind, emission.least(blind), strict=True):
        for act, had, wanted in zip(seen.witnesses.acts, seen.written, least, strict=True):
            if wanted != had:
                lacks.append(_Lack(act.request, had, wanted.level, had.omitted - wanted.omitted))
    if not lacks:
        return None
    changed = _changed(policy, lacks, emission.wanted)
    again = emission.see([(one.witnesses, of_all(changed.policy, one.witnesses)) for one in blind])
    return changed if all(one.enough for one in again) else None


def _changed(policy: AuditPolicy, lacks: Sequence[_Lack], wanted: Sequence[Test]) -> Mend:
    rules = list(policy.rules)
    said: list[str] = []
    kept = policy.omit_stages
    stages = frozenset().union(*(one.stages for one in lacks))
    if stages & policy.omit_stages:
        kept = policy.omit_stages - stages
        said.append(f"{policy.file}: take {_listed(stages & policy.omit_stages)} out of omitStages of the policy")
    places = sorted({_place(policy, one.had) for one in lacks if one.wanted > one.had.level}, reverse=True)
    for index in sorted({one.had.rule for one in lacks if one.had.rule is not None}):
        here = frozenset().union(*(one.stages for one in lacks if one.had.rule == index))
        if (taken := here & rules[index].omit_stages) and index not in places:
            rules[index] = replace(rules[index], omit_stages=rules[index].omit_stages - taken)
            said.append(f"{policy.where(index)}: take {_listed(taken)} out of omitStages of this rule")
    for place in places:
        wanting = [one for one in lacks if one.wanted > one.had.level and _place(policy, one.had) == place]
        raised = _raised(rules[place], wanting) if place < len(rules) else None
        if raised is not None:
            rules[place] = raised
            said.append(f"{policy.where(place)}: level: {raised.level} instead of {policy.rules[place].level}")
            continue
        added = _added(wanting, wanted)
        rules[place:place] = added
        last = place == len(policy.rules)
        where = f"{policy.file}: at the end put" if last else f"{policy.where(place)}: before this rule put"
        said.append("\n".join([where, *(line for one in added for line in rule_lines(one))]))
    return Mend(replace(policy, rules=tuple(rules), omit_stages=kept), "\n".join(said))


def _place(policy: AuditPolicy, written: Written) -> int:
    return len(policy.rules) if written.rule is None else written.rule


def _raised(rule: PolicyRule, lacks: Sequence[_Lack]) -> PolicyRule | None:
    """The rule at a higher level, where it is for nothing but what is wanted: no more is written than must be."""
    wanted = {(one.request.group, _resource(one.request)) for one in lacks}
    held = {(one.group, resource) for one in rule.resources for resource in one.resources or ("*",)}
    verbs = {one.request.verb for one in lacks}
    if rule.level is Level.NONE or not held or not held <= wanted or not rule.verbs or not set(rule.verbs) <= verbs:
        return None
    return replace(rule, level=max(one.wanted for one in lacks))


def _added(lacks: Sequence[_Lack], wanted: Sequence[Test]) -> list[PolicyRule]:
    """Rules for these requests: by what they are for where the rule looks at that, else by who asks.

    The cases show examples of what the rule wants; a change must not be for the examples alone.
    """
    resources = [one for one in lacks if one.request.of_resource]
    wants = {test.path.name for test in wanted}
    if len(resources) < len(lacks) or not by_object(wanted):
        names = named_values(wanted, "user.username")
        return [_by_who(max(one.wanted for one in lacks), [one.request for one in lacks], names)]
    levels: dict[tuple[str, str], Level] = {}
    for one in resources:
        what = one.request.group, _resource(one.request)
        levels[what] = max(levels.get(what, Level.NONE), one.wanted)
    found = []
    for level in sorted(set(levels.values()), reverse=True):
        held = sorted(what for what, needed in levels.items() if needed is level)
        here = [one.request for one in resources if (one.request.group, _resource(one.request)) in held]
        namespaces = _sorted(one.namespace for one in here)
        found.append(
            PolicyRule(
                level,
                # Above Metadata for the sake of a body, which only some verbs have.
                verbs=_sorted(one.verb for one in here) if "verb" in wants or level > Level.METADATA else (),
                resources=tuple(
                    GroupResources(group, tuple(resource for other, resource in held if other == group))
                    for group in _sorted(group for group, _ in held)
                ),
                namespaces=namespaces if "objectRef.namespace" in wants and "" not in namespaces else (),
            )
        )
    return found


def by_object(tests: Sequence[Test]) -> bool:
    """True where a rule looks at what is acted on, and not only at who acts."""
    return any(test.path.name.startswith("objectRef.") for test in tests)


def _by_who(level: Level, requests: Sequence[Request], names: frozenset[str]) -> PolicyRule:
    """A rule for all that certain users do: every service account, or whom the rule names; else for everything."""
    users = {one.user for one in requests}
    if all(_ACCOUNTS in one.groups for one in requests):
        return PolicyRule(level, user_groups=(_ACCOUNTS,))
    return PolicyRule(level, users=_sorted(one for one in users if one) if users <= names else ())


def _resource(request: Request) -> str:
    return f"{request.resource}/{request.subresource}" if request.subresource else request.resource


def _sorted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(texts)))


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))


def rule_lines(rule: PolicyRule) -> list[str]:
    """A rule as lines of YAML, an item of `rules`; texts are quoted, so that they mean themselves."""
    lines = [f"  - level: {rule.level}"]
    for key, texts in (("users", rule.users), ("userGroups", rule.user_groups), ("verbs", rule.verbs)):
        if texts:
            lines.append(f"    {key}: {_flow(texts)}")
    if rule.resources:
        lines.append("    resources:")
        for one in rule.resources:
            held = [f"group: {_quoted(one.group)}"]
            held += [f"resources: {_flow(one.resources)}"] if one.resources else []
            held += [f"resourceNames: {_flow(one.names)}"] if one.names else []
            lines.append(f"      - {{{', '.join(held)}}}")
    for key, texts in (("namespaces", rule.namespaces), ("nonResourceURLs", rule.non_resource_urls)):
        if texts:
            lines.append(f"    {key}: {_flow(texts)}")
    if rule.omit_stages:
        lines.append(f"    omitStages: {_flow(sorted(rule.omit_stages))}")
    return [piece for line in lines for piece in _folded(line)]


def _folded(line: str) -> list[str]:
    """A long line on several, at blanks, which means the same within a flow list."""
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    return textwrap.wrap(
        line, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def _flow(texts: Iterable[str]) -> str:
    return f"[{', '.join(_quoted(one) for one in texts)}]"


def _quoted(text: str) -> str:
    # Without a blank of its own, for a line is folded at blanks.
    return json.dumps(text, ensure_ascii=False).replace(" ", "\\x20")
