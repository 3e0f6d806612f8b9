"""Naming: the cases speak of one site (`rules/cases.yaml`), a policy is for another; requests are renamed for it.

A case's Secret lies in the namespace vault; where the settings call prod-vault sensitive, the policy is asked about
prod-vault, and about each further name of that list in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from vedette.proof.audit_policy import Request
from vedette.proof.witness import Act, Witnesses
from vedette.rule import FieldPath, Test, Text

Names = Mapping[str, Sequence[str]]
"""A list of the settings -> its texts: `settings.effective.Settings.site_texts()`."""
_NAMESPACES = ("secrets_namespaces", "exec_namespaces")
_NAMESPACE_FIELDS = frozenset({"objectRef.namespace", "proxyNamespace"})


@dataclass(frozen=True, slots=True)
class Naming:
    """How the names of the cases become those of a site."""

    theirs: Names
    """Of the cases."""
    ours: Names
    """Of the site."""

    def renamed(self, one: Witnesses, tests: Sequence[Test]) -> Iterator[Witnesses]:
        """The case with the site's names: once, or once for each of the names that one of its own may stand for."""
        if "owner" in one.case.settings or "sensitive_namespaces" in one.case.settings:
            yield one  # It brings names of its own, which are in no list to be renamed from.
            return
        lists = [
            (self.theirs[name], self.ours[name])
            for name in _NAMESPACES
            if self.ours.get(name) != self.theirs.get(name) and _uses(tests, self.ours.get(name, ()))
        ]
        owner = self._owner()
        if not lists and owner[0] == owner[1]:
            yield one
            return
        seen = set()
        for turn in range(max((len(ours) for _, ours in lists), default=1)):
            acts = tuple(replace(act, request=_request(act, lists, owner, turn)) for act in one.acts)
            requests = tuple(act.request for act in acts)
            if requests not in seen:
                seen.add(requests)
                yield replace(one, acts=acts)

    def _owner(self) -> tuple[str, str]:
        ours, theirs = self.ours.get("owner", ()), self.theirs.get("owner", ())
        return (theirs[0], ours[0]) if ours and theirs else ("", "")


def _uses(tests: Sequence[Test], names: Sequence[str]) -> bool:
    """True where a rule compares a namespace with just this list; an empty list leaves it without work."""
    return bool(names) and any(
        test.path.name in _NAMESPACE_FIELDS and {_plain(value) for value in test.values} == set(names) for test in tests
    )


def _plain(value: object) -> str | None:
    return value.plain if isinstance(value, Text) else None


def _request(
    act: Act, lists: Sequence[tuple[Sequence[str], Sequence[str]]], owner: tuple[str, str], turn: int
) -> Request:
    request = act.request
    namespace = request.namespace
    for theirs, ours in lists:
        if namespace in theirs:
            namespace = ours[(list(theirs).index(namespace) + turn) % len(ours)]
            break
    user = owner[1] if owner[0] and request.user == owner[0] else request.user
    return replace(request, namespace=namespace, user=user)


def named_values(tests: Sequence[Test], name: str) -> frozenset[str]:
    """The plain texts with which tests compare the field `name`."""
    return frozenset(
        plain
        for test in tests
        if test.path.name == name
        for value in test.values
        if not isinstance(value, FieldPath) and (plain := _plain(value))
    )
