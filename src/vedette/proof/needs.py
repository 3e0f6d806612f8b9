"""Needs: which requests a rule must see, and how much of each, computed from its firing cases and its text.

A case is an example: `get secrets/unseal-keys in vault`. What the rule wants is wider: the way through the rule that
the example takes (a *frame*, tests that must all hold) says which verbs, resources and namespaces are as good. How much
must be written is found by running the rule on less and less.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from vedette.proof.audit_policy import Level, Request, Written
from vedette.proof.emission import FORMATS, Emission
from vedette.proof.naming import Naming
from vedette.proof.witness import Witnesses
from vedette.rule import AllOf, AnyOf, Block, Node, Not, Op, Test, Text

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
"""Verbs that change something."""
SESSIONS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources whose requests end when somebody stops working; that their end is missing says nothing."""
ACCOUNTS = "system:serviceaccounts"
"""The group of every service account."""
BEGINNING = "RequestReceived"
"""The stage that tells nothing that a later one does not, unless there is no later one."""
_MOST_FRAMES = 512
Frame = tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """Requests that are alike to a rule; None stands for all of them."""

    level: Level
    """How much must be written."""
    beginning: bool = False
    """The stage RequestReceived is wanted as well."""
    verbs: frozenset[str] | None = None
    resources: frozenset[tuple[str, str]] | None = None
    """(group, resource or resource/subresource); None: everything, paths that are no resources too."""
    namespaces: frozenset[str] | None = None
    """The empty text: requests in no namespace."""
    names: frozenset[str] | None = None
    users: frozenset[str] | None = None
    groups: frozenset[str] | None = None
    """Groups of who asks."""
    masked: bool = False
    """Only of requests in another's name, which no policy can tell from others."""
    rules: frozenset[str] = frozenset()
    """The rules that need it."""

    def sides(self) -> tuple[frozenset[str] | frozenset[tuple[str, str]] | None, ...]:
        """What a policy can tell requests apart by, in a fixed order."""
        return self.verbs, self.resources, self.namespaces, self.names, self.users, self.groups

    def holds(self, other: Box) -> bool:
        """True where every request of `other` is in it."""
        return all(
            mine is None or (theirs is not None and mine >= theirs)
            for mine, theirs in zip(self.sides(), other.sides(), strict=True)
        )

    def meets(self, other: Box) -> bool:
        """False where no request can be in both."""
        for one, two in ((self, other), (other, self)):
            # Nobody is a service account and a user of another name, or a node, at once.
            if one.groups == frozenset({ACCOUNTS}) and (
                two.groups not in (None, one.groups) or not _accounts(two.users)
            ):
                return False
            if one.groups and two.users and not any(user.startswith("system:") for user in two.users):
                return False
        return all(
            mine is None or theirs is None or bool(mine & theirs)
            for mine, theirs in zip(self.sides(), other.sides(), strict=True)
        )


def _accounts(users: frozenset[str] | None) -> bool:
    return users is None or any(user.startswith("system:serviceaccount:") for user in users)


def boxes(emission: Emission, naming: Naming) -> set[Box]:
    """What the rule of `emission` needs, case by case. Raises BadCase."""
    frames = [frame for one in emission.rule.detections if one.format == FORMATS[0] for frame in _frames(one.node)]
    found: set[Box] = set()
    named = [other for one in emission.judged for other in naming.renamed(one, emission.wanted)]
    for one, written in zip(named, _least(emission, named), strict=True):
        for act, each in zip(one.acts, written, strict=True):
            if each.level is not Level.NONE:
                beginning = BEGINNING not in each.omitted
                here = [_box(act.request, frame, each.level) for frame in frames if _may_be(act.request, frame)]
                here = [box for box in here if not any(other != box and box.holds(other) for other in here)]
                rules = frozenset({emission.rule.name})
                wanted = here or [_alone(act.request, each.level)]
                found |= {replace(box, beginning=beginning, rules=rules) for box in wanted}
    return found


def _least(emission: Emission, named: Sequence[Witnesses]) -> list[tuple[Written, ...]]:
    """For each case the least that is enough, alike requests alike: first the stage, then the level of each kind."""
    found: list[tuple[Written, ...]] = [()] * len(named)
    open_ = list(range(len(named)))
    for omitted, level in product((frozenset({BEGINNING}), frozenset()), Level):
        tried = [tuple(Written(level, omitted, True, None) for _ in named[n].acts) for n in open_]  # noqa: FBT003
        seen = emission.see([(named[n], each) for n, each in zip(open_, tried, strict=True)])
        for number, one in zip(open_, seen, strict=True):
            if one.enough:
                found[number] = one.written
        open_ = [number for number, one in zip(open_, seen, strict=True) if not one.enough]
    # What none of these is enough for is wanted whole; the proof of the whole policy says whether that helps.
    for number in open_:
        found[number] = tuple(Written(Level.REQUEST_RESPONSE, frozenset(), False, None) for _ in named[number].acts)  # noqa: FBT003
    return [_lowered(emission, one, written) for one, written in zip(named, found, strict=True)]


def _lowered(emission: Emission, one: Witnesses, written: tuple[Written, ...]) -> tuple[Written, ...]:
    """Requests of one case that need less than its others."""
    kinds = dict.fromkeys(_kind(act.request) for act in one.acts)
    if len(kinds) == 1:
        return written
    for kind in kinds:
        for level in Level:
            tried = tuple(
                replace(each, level=level) if _kind(act.request) == kind and each.level > level else each
                for act, each in zip(one.acts, written, strict=True)
            )
            if tried == written:
                break
            if emission.see([(one, tried)])[0].enough:
                written = tried
                break
    return written


def _kind(request: Request) -> tuple[str, ...]:
    return request.verb, request.group, request.resource, request.subresource, request.namespace, request.user or ""


def _frames(node: Node) -> list[Frame]:
    """Each way through a tree: the tests that must hold, exemptions left out."""
    match node:
        case Test():
            return [(node,)]
        case Block(path=path):
            return [(Test(path, Op.EXISTS, (True,)),)]
        case Not():
            return [()]
        case AnyOf(nodes=nodes):
            found = [frame for one in nodes for frame in _frames(one)]
            return found if len(found) <= _MOST_FRAMES else [()]
        case AllOf(nodes=nodes):
            found = [()]
            for one in nodes:
                found = [(*before, *after) for before in found for after in _frames(one)]
                if len(found) > _MOST_FRAMES:
                    return [()]
            return found


_BODIES = ("objectAfter", "requestObject", "responseObject", "requestText", "auditFlags", "rulesDigest")
"""What is read from a body of an object; only these verbs bring one:"""
_BRING = frozenset({"create", "update", "patch"})
_FIELDS = {
    "verb": "verb",
    "objectRef.resource": "resource",
    "objectRef.subresource": "subresource",
    "objectRef.namespace": "namespace",
    "objectRef.name": "name",
    "objectRef.apiGroup": "group",
    "user.username": "user",
}
"""Field of an audit event -> what of a request it is."""


def _may_be(request: Request, frame: Frame) -> bool:
    """False where a test of the frame cannot hold for the request. A create names nothing yet."""
    for test in frame:
        side = _FIELDS.get(test.path.name)
        if side is None or (side == "name" and not request.name):
            continue
        if not _holds(test, str(getattr(request, side) or "")):
            return False
    return True


def _holds(test: Test, value: str) -> bool:
    if test.op is Op.EXISTS:
        return bool(value) == test.values[0]
    if test.op is not Op.EQUALS:
        return True
    return any(_like(one, value) for one in test.values if isinstance(one, Text)) or not test.values


def _like(text: Text, value: str) -> bool:
    if text.plain is not None:
        return text.plain == value
    # Wildcards: only how it begins is looked at; a test that lets too much by makes a box too many, no hole.
    return not isinstance(text.parts[0], str) or value.startswith(text.parts[0])


def _box(request: Request, frame: Frame, level: Level) -> Box:
    """The requests that are as good as this one to a frame."""
    verbs = _listed(frame, "verb")
    if level > Level.METADATA:
        verbs = frozenset({request.verb})  # How much is wanted differs by verb: a patch shows but a piece.
    elif verbs is None and any(test.path.name.startswith(_BODIES) for test in frame):
        verbs = _BRING
    masked = any(test.path.name.startswith("impersonatedUser") for test in frame)
    if not any(test.path.name.startswith(("objectRef.", "proxy")) for test in frame):
        users = _listed(frame, "user.username")
        account = users is None and any(test.path.name == "user.username" for test in frame)
        groups = frozenset({ACCOUNTS}) if account and ACCOUNTS in request.groups else None
        return Box(level, verbs=verbs, users=None if masked else users, groups=groups, masked=masked)
    resources = _listed(frame, "objectRef.resource") or frozenset({request.resource})
    subresources = _listed(frame, "objectRef.subresource") or frozenset({request.subresource})
    names = _listed(frame, "objectRef.name")
    if not request.name and request.verb == "create":
        names, verbs = None, frozenset({"create"})
    elif names is not None and verbs is not None:
        verbs -= {"create"}  # It has no name yet when the policy is asked; a case of its own says so.
    return Box(
        level,
        verbs=verbs,
        resources=frozenset(
            (request.group, f"{one}/{sub}" if sub else one) for one, sub in product(resources, subresources)
        ),
        namespaces=_namespaces(frame),
        names=names,
        masked=masked,
    )


def _alone(request: Request, level: Level) -> Box:
    """The one request and no other; it is none that the rule's text would let guess more of."""
    if not request.of_resource:
        return Box(level, users=frozenset({request.user}) if request.user else None)
    what = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
    return Box(
        level,
        verbs=frozenset({request.verb}),
        resources=frozenset({(request.group, what)}),
        namespaces=frozenset({request.namespace}),
    )


def _namespaces(frame: Frame) -> frozenset[str] | None:
    if any(test.path.name == "objectRef.namespace" and test.values == (False,) for test in frame):
        return frozenset({""})
    return _listed(frame, "objectRef.namespace")


def _listed(frame: Frame, name: str) -> frozenset[str] | None:
    """The texts that a frame asks for of a field; None where it asks for none, or for more than texts."""
    found: frozenset[str] | None = None
    for test in frame:
        if test.path.name == name and test.op is Op.EQUALS:
            texts = [one.plain if isinstance(one, Text) else None for one in test.values]
            if texts and all(texts):
                here = frozenset(text for text in texts if text)
                found = here if found is None else found & here
    return found


def of_writes(found: Sequence[Box], rule: str) -> Iterator[Box]:
    """The beginnings of writes to what `found` watches, for a rule that misses their ends."""
    for box in found:
        verbs = WRITES if box.verbs is None else box.verbs & WRITES
        if box.resources is None or not verbs:
            continue
        lasting = frozenset(one for one in box.resources if one[1].partition("/")[2] in SESSIONS)
        if kept := box.resources - lasting:
            yield replace(
                box, level=Level.METADATA, beginning=True, verbs=verbs, resources=kept, rules=frozenset({rule})
            )
