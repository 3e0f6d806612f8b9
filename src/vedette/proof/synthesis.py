"""Synthesis: a small audit policy under which every rule that is asked for can fire; nothing of it is written by hand.

What the rules need (`needs.boxes`) becomes rules of a policy, the fullest first; then each is taken away or lowered in
turn, and stays so where no rule of ours is the worse for it. What is given back has been judged whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from vedette.cases import RulesUnder
from vedette.proof.audit_policy import AuditPolicy, GroupResources, Level, PolicyRule, Request
from vedette.proof.emission import FORMATS, Emission
from vedette.proof.naming import Naming
from vedette.proof.needs import BEGINNING, WRITES, Box, boxes, of_writes
from vedette.rule import Rule

FILE = "audit-policy.yaml"
"""What the policy is called in messages."""
_LEASES = frozenset({("coordination.k8s.io", "leases"), ("", "events"), ("events.k8s.io", "events")})
_PROBES = ("/healthz*", "/livez*", "/readyz*")
_QUIET = frozenset({"system:kube-scheduler", "system:kube-controller-manager", "system:apiserver"})
_NOISE = (
    ("leases and events", Box(Level.NONE, resources=_LEASES), ()),
    (
        "what nodes say of themselves",
        Box(Level.NONE, resources=_LEASES | {("", "nodes/status")}, groups=frozenset({"system:nodes"})),
        (),
    ),
    ("leases and events of the control plane", Box(Level.NONE, resources=_LEASES, users=_QUIET), ()),
    ("probes", Box(Level.NONE, resources=frozenset()), _PROBES),
    ("probes", Box(Level.NONE, resources=frozenset(), users=frozenset({"system:anonymous"})), _PROBES),
)
"""What there is most of in a log and what nobody asks for; the wider before the narrower. Whoever is named here may not
impersonate as Kubernetes ships it (bootstrappolicy/policy.go, 1.34.4)."""


class NotMade(ValueError):
    """No policy was found; `str()` says for which rule and why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One rule of the policy, and what it is for."""

    rule: PolicyRule
    rules: tuple[str, ...] = ()
    """Names of the rules that need it; of none: nobody needs it, or it cuts noise."""
    noise: str = ""
    """What is left out by it."""


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A policy with its reasons."""

    policy: AuditPolicy
    parts: tuple[Part, ...]
    """Of each rule of the policy, in order."""
    rules: tuple[str, ...]
    """Those that can fire under it."""
    left_out: tuple[tuple[str, str], ...]
    """Rules that an audit policy says nothing of, and why."""
    secrets: tuple[str, ...] = ()
    """Rules for whose sake the content of Secrets is written; the pack has none."""


@dataclass(slots=True)
class _Wanted:
    """What must hold of a policy."""

    emissions: list[Emission]
    erased: str
    """The rule that misses the ends of writes, or nothing."""
    needed: list[Box] = field(default_factory=list)

    def holds(self, policy: AuditPolicy) -> bool:
        """Every variant of every rule is seen, and the beginnings of writes are kept. Raises BadCase."""
        return self.lost(policy) == ""

    def lost(self, policy: AuditPolicy) -> str:
        for request in self.beginnings():
            if BEGINNING not in policy.written(request).stages():
                return f"{self.erased} (the beginning of {request.verb} {request.resource})"
        for emission in self.emissions:
            for seen in emission.under(policy):
                if not seen.enough:
                    return f"{emission.rule.name} ({seen.witnesses.case.name})"
        return ""

    def beginnings(self) -> Iterator[Request]:
        """A request for each write whose beginning is wanted."""
        for box in self.needed:
            if self.erased in box.rules and box.beginning:
                for verb, (group, what), space, name in product(
                    sorted(box.verbs or ()), sorted(box.resources or ()), _any(box.namespaces), _any(box.names)
                ):
                    resource, _, sub = what.partition("/")
                    yield Request("eve", (), verb, True, "", group, resource, sub, space, name)  # noqa: FBT003


def _apart(box: Box) -> Iterator[Box]:
    if box.verbs is None:
        yield box
    else:
        yield from (replace(box, verbs=verbs) for verbs in (box.verbs & WRITES, box.verbs - WRITES) if verbs)


def _any(texts: frozenset[str] | None) -> list[str]:
    return ["any"] if texts is None else sorted(texts)


def synthesise(
    rules: Sequence[Rule], others: Sequence[Rule], rules_under: RulesUnder, naming: Naming, rest: Level
) -> Synthesis:
    """A policy for `rules`. Raises NotMade, and BadCase for a case that cannot be run.

    `others`: what a rule that misses the ends of writes watches where it is asked for alone. `rest`: the level of what
    no rule asks for, NONE or METADATA.
    """
    wanted, left_out = _wanted(rules, others, rules_under, naming)
    if not wanted.emissions:
        raise NotMade("none of these rules reads the Kubernetes audit log")
    needed = list(wanted.needed)
    if rest is not Level.NONE:
        needed.append(Box(rest))
    parts = _parts(needed)
    if any(one.rule == PolicyRule(Level.METADATA, omit_stages=_OMITTED) for one in parts):
        parts[-1:-1] = _noise(wanted.needed)
    if lost := wanted.lost(_policy(parts)):
        raise NotMade(f"no policy was found for {lost}; its cases or its text ask for what no policy can give")
    parts = _least(parts, wanted, kept=Level.NONE if rest is Level.NONE else rest)
    names = tuple(dict.fromkeys(one.rule.name for one in wanted.emissions))
    return Synthesis(_policy(parts), tuple(parts), names, tuple(left_out), tuple(_disclosing(parts)))


def _wanted(
    rules: Sequence[Rule], others: Sequence[Rule], rules_under: RulesUnder, naming: Naming
) -> tuple[_Wanted, list[tuple[str, str]]]:
    left_out: list[tuple[str, str]] = []
    missed: list[Box] = []
    wanted = _Wanted([], "")
    for rule in rules:
        if rule.not_configured:
            left_out.append((rule.name, f"not configured: {rule.not_configured}"))
            continue
        emission = Emission(rule, rules_under, naming)
        if not emission.judged:
            reads = any(one.format == FORMATS[0] for one in rule.detections)
            why = "no firing case of plain audit events" if reads else "not from the Kubernetes audit log"
            left_out.append((rule.name, why))
            continue
        wanted.emissions.append(emission)
        if any(act.observation for one in emission.judged for act in one.acts):
            wanted.erased = rule.name
            missed += boxes(emission, naming)
        else:
            wanted.needed += boxes(emission, naming)
    if wanted.erased:
        watched = wanted.needed or [
            box
            for rule in others
            if not rule.not_configured and rule.name != wanted.erased
            for box in boxes(Emission(rule, rules_under, naming), naming)
        ]
        # Reads are written once, at their end; so what holds both is taken apart.
        wanted.needed = [part for box in wanted.needed for part in _apart(box)]
        wanted.needed += [*set(of_writes(watched, wanted.erased)), *missed]
    return wanted, left_out


_OMITTED = frozenset({BEGINNING})


def _parts(needed: Sequence[Box]) -> list[Part]:
    """The boxes as rules of a policy: what one has in full is not written twice, the fullest stands first."""
    found: list[Box] = []
    for box in dict.fromkeys(needed):
        above = [one for one in needed if one.level >= box.level and one != box]
        beginning = box.beginning or any(
            one.beginning and (one.holds(box) or (one.meets(box) and not box.holds(one))) for one in needed
        )
        if any(one.level > box.level and one.holds(box) for one in above):
            continue
        found.append(replace(box, beginning=beginning))
    found = [box for box in _merged(found) if box.level is not Level.NONE]
    found.sort(key=lambda one: (-one.level, one.resources is None, _breadth(one), repr(_sorted(one))))
    return [Part(_rule(one), tuple(sorted(_needing(one, needed), key=_by_number))) for one in found]


def _breadth(box: Box) -> int:
    return sum(side is None for side in box.sides())


def _sorted(box: Box) -> list[list[str] | None]:
    return [None if side is None else sorted(map(repr, side)) for side in box.sides()]


def _by_number(name: str) -> tuple[str, int, str]:
    digits = name[1:]
    return name[:1], int(digits) if digits.isdigit() else 0, name


def _needing(box: Box, needed: Sequence[Box]) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for one in needed:
        if box.holds(one) or (one.resources is not None and one.level >= box.level and box.meets(one)):
            names |= one.rules
    return names


def _merged(found: Sequence[Box]) -> list[Box]:
    """Boxes of one level and stage whose union is a box are made one, until there are no more."""
    left = list(dict.fromkeys(replace(one, rules=frozenset(), masked=False) for one in found))
    while True:
        left = [box for box in left if not any(_covers(other, box) for other in left)]
        pair = next(
            ((one, two, both) for one in left for two in left if one is not two and (both := _union(one, two))), None
        )
        if pair is None:
            return left
        left = [box for box in left if box not in pair[:2]]
        if pair[2] not in left:
            left.append(pair[2])


def _covers(one: Box, two: Box) -> bool:
    """True where `two` need not stand beside `one`: no request of it is written at less without it."""
    return one != two and one.level == two.level and one.beginning >= two.beginning and one.holds(two)


def _union(one: Box, two: Box) -> Box | None:
    if (one.level, one.beginning) != (two.level, two.beginning):
        return None
    sides = ("verbs", "resources", "namespaces", "names", "users", "groups")
    other = [name for name in sides if getattr(one, name) != getattr(two, name)]
    if len(other) != 1 or None in (getattr(one, other[0]), getattr(two, other[0])):
        return None
    # Namespaces are kept apart by name: the empty one is no namespace like others, and yet may stand beside them.
    return replace(one, **{other[0]: getattr(one, other[0]) | getattr(two, other[0])})


def _rule(box: Box, urls: tuple[str, ...] = ()) -> PolicyRule:
    groups = sorted({group for group, _ in box.resources or ()})
    return PolicyRule(
        box.level,
        users=_texts(box.users),
        user_groups=_texts(box.groups),
        verbs=_texts(box.verbs),
        resources=tuple(
            GroupResources(
                group,
                tuple(sorted(what for other, what in box.resources or () if other == group)),
                _texts(box.names),
            )
            for group in groups
        ),
        namespaces=_texts(box.namespaces),
        non_resource_urls=urls,
        omit_stages=frozenset() if box.beginning or box.level is Level.NONE else _OMITTED,
    )


def _texts(texts: frozenset[str] | None) -> tuple[str, ...]:
    return () if texts is None else tuple(sorted(texts))


def _noise(needed: Sequence[Box]) -> list[Part]:
    """What may be left out before all the rest is written: nothing that a rule asks for may be in it."""
    taken: list[tuple[Box, Part]] = []
    for said, box, urls in _NOISE:
        covered = any(one.holds(box) and part.rule.non_resource_urls == urls for one, part in taken)
        if not covered and not any(_asks(one, box) for one in needed):
            taken.append((box, Part(_rule(box, urls), noise=said)))
    return [part for _, part in taken]


def _asks(need: Box, noise: Box) -> bool:
    """True where a rule asks for some of the noise; in another's name only who is not named in it can act."""
    return need.meets(noise) and not (need.masked and (noise.users or noise.groups))


def _policy(parts: Sequence[Part]) -> AuditPolicy:
    return AuditPolicy(tuple(one.rule for one in parts), omit_managed_fields=True, file=FILE)


def _least(parts: list[Part], wanted: _Wanted, kept: Level) -> list[Part]:
    """Without what can be taken away or lowered and every rule still fires; the last is as it was asked for."""
    found = list(parts)
    for part in reversed(parts):
        for other in lesser(part.rule):
            place = found.index(part)
            if part.noise or (part.rule.level <= kept and part is parts[-1]):
                break
            tried = [*found[:place], *([] if other is None else [replace(part, rule=other)]), *found[place + 1 :]]
            if wanted.holds(_policy(tried)):
                found = tried
                break
    return found


def lesser(rule: PolicyRule) -> Iterator[PolicyRule | None]:
    """A rule taken away (None), then at each lower level, then with a stage less; the least first."""
    yield None
    for level in Level:
        if Level.NONE < level < rule.level:
            yield replace(rule, level=level)
    if not rule.omit_stages:
        yield replace(rule, omit_stages=_OMITTED)


def _disclosing(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        rule = part.rule
        secrets = any(one.group == "" and (not one.resources or "secrets" in one.resources) for one in rule.resources)
        brings = not rule.verbs or bool({"create", "update", "patch"} & {*rule.verbs})
        full = rule.level is Level.REQUEST_RESPONSE or (rule.level is Level.REQUEST and brings)
        if full and (secrets or not rule.resources):
            yield from part.rules
