"""Gaps: what a policy takes from a rule that looks at who acts, whatever he does, although no firing case shows it.

The cases of such a rule (K2, K9) are examples of what somebody may do. Each rule of the policy that writes nothing is
tried with requests of its own kind, by those who ask in the cases; which rule decides, the policy itself says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product

from vedette.proof.audit_policy import AuditPolicy, GroupResources, Level, PolicyRule, Request, Written
from vedette.proof.emission import Emission
from vedette.proof.witness import added_groups
from vedette.rule import Text

_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_NOBODY = "vedette-nobody"
"""A name that no policy has: of a namespace, a resource, a path."""
_WHO = ("user.", "impersonatedUser.")
_ACCOUNT = "system:serviceaccount:"
_NO_RULE = PolicyRule(Level.NONE)
"""What the server does where no rule is for a request."""
_MOST = 2_000
"""Requests of one kind that are tried; a policy's lists of verbs, resources and namespaces multiply."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Requests that are not written."""

    said: str
    """Which, as a person would say it, and by which line."""
    mend: str
    """What would have them written; it is for whoever asks."""


def gaps(policy: AuditPolicy, emission: Emission, acts: Iterable[Request]) -> list[Gap]:
    """Of `acts` only who asks matters. Empty for a rule that looks at what is done: its cases show that."""
    if not emission.wanted or not all(test.path.name.startswith(_WHO) for test in emission.wanted):
        return []
    accounts = any(_is_account(value) for test in emission.wanted for value in test.values)
    asking = _told_apart(policy, ((one.user, one.groups) for one in acts))
    found = []
    for index, rule in (*enumerate(policy.rules), (None, _NO_RULE)):
        if _hides(policy, rule):
            who = [*asking, *(_named(rule) if accounts else ())]
            asked = (replace(one, user=user, groups=of) for user, of in who for one in _of(rule))
            lost = [one for one in islice(asked, _MOST) if policy.written(one).rule == index]
            if lost:
                found.append(Gap(f"{_described(rule, lost)} ({policy.where(index)})", _mend(policy, index)))
    return found


_Asker = tuple[str | None, tuple[str, ...]]


def _told_apart(policy: AuditPolicy, asking: Iterable[_Asker]) -> list[_Asker]:
    """One of all those whom the policy treats alike."""
    users = {name for one in policy.rules for name in one.users}
    groups = {name for one in policy.rules for name in one.user_groups}
    found: dict[object, _Asker] = {}
    for user, of in asking:
        found.setdefault((user is None, user if user in users else "", frozenset(groups.intersection(of))), (user, of))
    return list(found.values())


def _hides(policy: AuditPolicy, rule: PolicyRule) -> bool:
    """Whether nothing is written of a request that goes well."""
    return not Written(rule.level, policy.omit_stages | rule.omit_stages, False, None).stages() - {"Panic"}  # noqa: FBT003


def _is_account(value: object) -> bool:
    return isinstance(value, Text) and any(str(one).startswith(_ACCOUNT) for one in value.parts[:1])


def _named(rule: PolicyRule) -> Iterator[_Asker]:
    """Service accounts that the policy's rule names, where the cases are of others."""
    spaces = (one.removeprefix("system:serviceaccounts:") for one in rule.user_groups)
    names = [*rule.users, *(f"{_ACCOUNT}{one}:default" for one in spaces if ":" not in one)]
    yield from ((name, added_groups(name)) for name in names if name.startswith(_ACCOUNT))


def _of(rule: PolicyRule) -> Iterator[Request]:
    """Requests that the rule is for, by nobody yet; where it names nothing, such as no policy can have meant."""
    verbs = rule.verbs or _VERBS
    if rule.resources or rule.namespaces or not rule.non_resource_urls:
        things = [one for each in rule.resources for one in _things(each)] or [("", _NOBODY, "", "")]
        for (group, resource, sub, name), space, verb in product(things, rule.namespaces or (_NOBODY, ""), verbs):
            yield Request(None, (), verb, True, "", group, resource, sub, space, name)  # noqa: FBT003
    if not (rule.resources or rule.namespaces):
        for url in rule.non_resource_urls or (f"/{_NOBODY}",):
            path = url.removesuffix("*") + (_NOBODY if url.endswith("*") else "")
            for verb in verbs:
                yield Request(None, (), verb, False, path if path.startswith("/") else f"/{path}")  # noqa: FBT003


def _things(one: GroupResources) -> Iterator[tuple[str, str, str, str]]:
    """Group, resource, subresource, name."""
    for text, name in product(one.resources or ("*",), one.names or ("",)):
        resource, _, sub = text.partition("/")
        yield one.group, resource.replace("*", _NOBODY), sub.replace("*", _NOBODY), name


def _described(rule: PolicyRule, lost: Sequence[Request]) -> str:
    verbs = [one for one in _VERBS if any(each.verb == one for each in lost)]
    said = "every request" if len(verbs) == len(_VERBS) else ", ".join(verbs or dict.fromkeys(one.verb for one in lost))
    if rule is _NO_RULE:
        return f"{said} that no rule of the policy is for"
    things = [f"{one}.{each.group}".rstrip(".") for each in rule.resources for one in each.resources]
    things += [f"all that is of {one.group or 'the core group'}" for one in rule.resources if not one.resources]
    said += f" of {', '.join([*things, *rule.non_resource_urls])}" if things or rule.non_resource_urls else ""
    said += f" in {', '.join(one or 'no namespace' for one in rule.namespaces)}" if rule.namespaces else ""
    who = [one for one in rule.users if any(one == each.user for each in lost)]
    who += [one for one in rule.user_groups if any(one in each.groups for each in lost)]
    return said + (f" by {', '.join(who)}" if who else "")


def _mend(policy: AuditPolicy, index: int | None) -> str:
    if index is None:
        return f"where that matters, {policy.file}: at the end put `- level: Metadata`"
    if policy.rules[index].level is Level.NONE:
        return f"where that matters, {policy.where(index)}: level: Metadata instead of None"
    return f"where that matters, {policy.where(index)}: take ResponseComplete out of its omitStages"
