"""The one evaluator: a rule's tree against what is known of an event, in three values.

True and False are certain; None is "cannot tell" and spreads as in Kleene's logic: NOT None is None, AND is False as
soon as one part is, OR is True as soon as one part is. The same functions judge a whole event (`event.Event`) and a
few of its fields (`masks.Partial`): what holds for a few known fields holds for every event that has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, assert_never

from vedette.engine.compare import Compare, Verdict, comparison, path_of, referenced, shown
from vedette.event import Event, Step, Values, walk
from vedette.rule import AllOf, AnyOf, Block, Node, Not, Op, Quantifier, Test, Text, Wild


class Scope(Protocol):
    """What a tree is evaluated against."""

    @property
    def raw(self) -> bytes | None:
        """The whole record, or None when it is not at hand."""

    def values(self, steps: tuple[Step, ...]) -> Values:
        """What is known to stand at `steps`."""

    def block(self, steps: tuple[Step, ...], quantifier: Quantifier, body: Evaluate) -> Verdict:
        """Whether the elements at `steps` meet `body` as the quantifier asks."""


Evaluate = Callable[[Scope], Verdict]


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole event."""

    event: Event

    @property
    def raw(self) -> bytes:
        """The record as it stood."""
        return self.event.raw

    def values(self, steps: tuple[Step, ...]) -> Values:
        """What stands at `steps`."""
        return self.event.values(steps)

    def block(self, steps: tuple[Step, ...], quantifier: Quantifier, body: Evaluate) -> Verdict:
        """Each element judged on its own."""
        items, complete = self.event.values(steps)
        return quantified(items, complete, quantifier, body, self.raw)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a list in an event; nothing of it is missing."""

    root: object
    raw: bytes | None

    def values(self, steps: tuple[Step, ...]) -> Values:
        """What stands at `steps` beneath the element."""
        return Values(walk(self.root, steps), complete=True)

    def block(self, steps: tuple[Step, ...], quantifier: Quantifier, body: Evaluate) -> Verdict:
        """Each element beneath it judged on its own."""
        return quantified(walk(self.root, steps), True, quantifier, body, self.raw)


def quantified(
    items: tuple[object, ...], complete: bool, quantifier: Quantifier, body: Evaluate, raw: bytes | None
) -> Verdict:
    """Whether `items` (with `complete` False: and perhaps others) meet `body` as the quantifier asks."""
    # Go writes an empty list as null, which is no element.
    verdicts = [body(Element(item, raw)) for item in items if item is not None]
    if not complete:
        verdicts.append(None)
    if quantifier is Quantifier.ANY:
        return disjunction(verdicts)
    if quantifier is Quantifier.NONE:
        return negation(disjunction(verdicts))
    if quantifier is Quantifier.ALL and not verdicts:
        return False
    return conjunction(verdicts)


def conjunction(verdicts: list[Verdict]) -> Verdict:
    """Kleene's AND."""
    if False in verdicts:
        return False
    return None if None in verdicts else True


def disjunction(verdicts: list[Verdict]) -> Verdict:
    """Kleene's OR."""
    if True in verdicts:
        return True
    return None if None in verdicts else False


def negation(verdict: Verdict) -> Verdict:
    """Kleene's NOT."""
    return None if verdict is None else not verdict


def evaluator(node: Node) -> Evaluate:
    """The function that judges `node`."""
    match node:
        case AllOf():
            return _all([evaluator(part) for part in node.nodes])
        case AnyOf():
            return _any([evaluator(part) for part in node.nodes])
        case Not():
            inner = evaluator(node.node)
            return lambda scope: negation(inner(scope))
        case Block():
            steps, quantifier, body = node.path.steps, node.quantifier, evaluator(node.body)
            return lambda scope: scope.block(steps, quantifier, body)
        case Test():
            return _test(node)
        case _:
            assert_never(node)


def _all(parts: list[Evaluate]) -> Evaluate:
    def evaluate(scope: Scope) -> Verdict:
        known: Verdict = True
        for part in parts:
            verdict = part(scope)
            if verdict is False:
                return False
            if verdict is None:
                known = None
        return known

    return evaluate


def _any(parts: list[Evaluate]) -> Evaluate:
    def evaluate(scope: Scope) -> Verdict:
        known: Verdict = False
        for part in parts:
            verdict = part(scope)
            if verdict is True:
                return True
            if verdict is None:
                known = None
        return known

    return evaluate


def _test(test: Test) -> Evaluate:
    match test.op:
        case Op.EXISTS:
            return _exists(test)
        case Op.SUBSETOF:
            return _subset(test)
        case Op.KEYWORD:
            return _keyword(test)
        case Op.FIELDREF | Op.FIELDREF_STARTSWITH | Op.FIELDREF_ENDSWITH | Op.FIELDREF_CONTAINS:
            return _reference(test)
        case _:
            return _compare(test)


def _compare(test: Test) -> Evaluate:
    steps = test.path.steps
    if (
        test.op is Op.EQUALS
        and not test.every
        and len(test.values) > 1
        and all(isinstance(v, Text) for v in test.values)
    ):
        return _among(test)
    each = [(value is None, comparison(test, value)) for value in test.values]
    combine = conjunction if test.every else disjunction
    if not each:
        return lambda scope: False
    if len(each) == 1:
        return _one(steps, *each[0])

    def evaluate(scope: Scope) -> Verdict:
        items, complete = scope.values(steps)
        return combine([_met(items, complete, null, compare) for null, compare in each])

    return evaluate


def _among(test: Test) -> Evaluate:
    """One of many texts: those without wildcards are looked up, however many they are."""
    steps, cased = test.path.steps, test.cased
    texts = [value for value in test.values if isinstance(value, Text)]
    plain = {text if cased else text.lower() for value in texts if (text := value.plain) is not None}
    patterns = [comparison(test, value) for value in texts if value.plain is None]

    def evaluate(scope: Scope) -> Verdict:
        items, complete = scope.values(steps)
        for item in items:
            text = shown(item)
            if text is None:
                continue
            if (text if cased else text.lower()) in plain or any(pattern(text) for pattern in patterns):
                return True
        return False if complete else None

    return evaluate


def _one(steps: tuple[Step, ...], null: bool, compare: Compare) -> Evaluate:
    def evaluate(scope: Scope) -> Verdict:
        items, complete = scope.values(steps)
        return _met(items, complete, null, compare)

    return evaluate


def _met(items: tuple[object, ...], complete: bool, null: bool, compare: Compare) -> Verdict:
    if not items:
        # An absent field is null (Sigma); every other comparison fails on it.
        return None if not complete else null
    known: Verdict = False if complete else None
    for item in items:
        verdict = compare(item)
        if verdict is True:
            return True
        if verdict is None:
            known = None
    return known


def _exists(test: Test) -> Evaluate:
    steps, wanted = test.path.steps, test.values[0]

    def evaluate(scope: Scope) -> Verdict:
        items, complete = scope.values(steps)
        if any(item is not None for item in items):
            return wanted is True
        return (wanted is False) if complete else None

    return evaluate


def _subset(test: Test) -> Evaluate:
    steps, other = test.path.steps, path_of(test.values[0]).steps

    def evaluate(scope: Scope) -> Verdict:
        items, complete = scope.values(steps)
        allowed, allowed_complete = scope.values(other)
        texts = {_folded(item, test.cased) for item in allowed if item is not None}
        if any(_folded(item, test.cased) not in texts for item in items if item is not None):
            return False if allowed_complete else None
        return True if complete else None

    return evaluate


def _folded(item: object, cased: bool) -> str | None:
    text = shown(item)
    return text if cased or text is None else text.lower()


def _keyword(test: Test) -> Evaluate:
    patterns = [comparison(test, _anywhere(value)) for value in test.values]
    combine = conjunction if test.every else disjunction

    def evaluate(scope: Scope) -> Verdict:
        if scope.raw is None:
            return None
        text = scope.raw.decode("utf-8", "replace")
        return combine([compare(text) for compare in patterns])

    return evaluate


def _anywhere(value: object) -> Text:
    parts = value.parts if isinstance(value, Text) else (str(value),)
    head = () if parts and parts[0] is Wild.MANY else (Wild.MANY,)
    tail = () if parts and parts[-1] is Wild.MANY else (Wild.MANY,)
    return Text((*head, *parts, *tail))


def _reference(test: Test) -> Evaluate:
    steps, others = test.path.steps, [path_of(value).steps for value in test.values]
    combine = conjunction if test.every else disjunction

    def one(scope: Scope, other: tuple[Step, ...]) -> Verdict:
        items, complete = scope.values(steps)
        found, found_complete = scope.values(other)
        if any(referenced(test.op, item, value, test.cased) for item in items for value in found):
            return True
        return False if complete and found_complete else None

    return lambda scope: combine([one(scope, other) for other in others])
