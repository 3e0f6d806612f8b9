"""Audit policy: what kube-apiserver writes of a request, computed as `k8s.io/apiserver/pkg/audit/policy` does (1.34.4).

The first rule that matches decides. A test holds it against that package itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from vedette.problem import Problem

STAGES = ("RequestReceived", "ResponseStarted", "ResponseComplete", "Panic")
"""Every stage at which an event may be written, in the order in which they come."""


class Level(IntEnum):
    """How much of a request is written; each has all of the one below."""

    NONE = 0
    METADATA = 1
    REQUEST = 2
    REQUEST_RESPONSE = 3

    def __str__(self) -> str:
        return LEVELS[self]


LEVELS = ("None", "Metadata", "Request", "RequestResponse")
"""The levels as a policy and an event write them, by number."""


@dataclass(frozen=True, slots=True)
class Request:
    """What kube-apiserver knows of a request when it asks the policy: `authorizer.Attributes`."""

    user: str | None
    """The authenticated user, before impersonation; None: nobody (401)."""
    groups: tuple[str, ...]
    verb: str
    """As audited: `get`, `list`, `create`, …; for a path that is no resource the HTTP method in small letters."""
    of_resource: bool
    """False: a path that is no resource, such as /version."""
    path: str
    """Decoded, without the query."""
    group: str = ""
    """The API group; the core group is empty."""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    """Empty: not in a namespace, or over all of them."""
    name: str = ""
    """As the URL (or the field selector) has it: a create names nothing yet."""


@dataclass(frozen=True, slots=True)
class GroupResources:
    """Resources of one API group."""

    group: str = ""
    resources: tuple[str, ...] = ()
    """`pods`, `pods/log`, `pods/*`, `*/scale`, `*`; of none: all of the group, subresources too."""
    names: tuple[str, ...] = ()

    def matches(self, request: Request) -> bool:
        """True where the request is for one of them."""
        if self.group != request.group:
            return False
        if not self.resources:
            return True
        if self.names and request.name not in self.names:
            return False
        resource, sub = request.resource, request.subresource
        whole = f"{resource}/{sub}" if sub else resource
        return any(
            one in (whole, "*")
            or (sub != "" and one.startswith("*/") and one[2:] == sub)
            or (one.endswith("/*") and one[:-2] == resource)
            for one in self.resources
        )


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a policy; an empty condition holds for everything."""

    level: Level
    users: tuple[str, ...] = ()
    user_groups: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    resources: tuple[GroupResources, ...] = ()
    namespaces: tuple[str, ...] = ()
    """The empty text means requests in no namespace."""
    non_resource_urls: tuple[str, ...] = ()
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool | None = None
    """None: as the policy says."""
    line: int = field(default=0, compare=False)
    """Where it stands in the file, from 1; 0: nowhere yet."""

    def matches(self, request: Request) -> bool:
        """True where the rule is for this request."""
        if self.users and (request.user is None or request.user not in self.users):
            return False
        if self.user_groups and (
            request.user is None or not any(group in self.user_groups for group in request.groups)
        ):
            return False
        if self.verbs and request.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            return self._matches_resource(request)
        if self.non_resource_urls:
            return not request.of_resource and any(_path(request.path, one) for one in self.non_resource_urls)
        return True

    def _matches_resource(self, request: Request) -> bool:
        if not request.of_resource or (self.namespaces and request.namespace not in self.namespaces):
            return False
        return not self.resources or any(one.matches(request) for one in self.resources)


def _path(path: str, pattern: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


@dataclass(frozen=True, slots=True)
class Written:
    """What a policy lets be written of a request."""

    level: Level
    omitted: frozenset[str]
    """Stages of which no event is written."""
    without_managed_fields: bool
    rule: int | None
    """The index in `AuditPolicy.rules` of the rule that decided; None: none matched, and nothing is written."""

    def stages(self) -> frozenset[str]:
        """The stages that may be written."""
        return frozenset() if self.level is Level.NONE else frozenset(STAGES) - self.omitted


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """A policy that kube-apiserver would start with."""

    rules: tuple[PolicyRule, ...]
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False
    file: str = ""
    warnings: tuple[Problem, ...] = ()
    """What the server passes over, such as a key that it does not know."""

    def written(self, request: Request) -> Written:
        """What would be written of `request`."""
        for index, rule in enumerate(self.rules):
            if rule.matches(request):
                managed = rule.omit_managed_fields
                return Written(
                    rule.level,
                    self.omit_stages | rule.omit_stages,
                    self.omit_managed_fields if managed is None else managed,
                    index,
                )
        return Written(Level.NONE, self.omit_stages, self.omit_managed_fields, None)

    def where(self, index: int | None) -> str:
        """`file:line` of a rule, or the file where no rule matched."""
        line = self.rules[index].line if index is not None else 0
        return f"{self.file}:{line}" if line else self.file
