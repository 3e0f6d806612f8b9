"""What a write made of its object, as far as it is proven."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.reading import kube, line
from vedette.event import Event
from vedette.formats.kube_audit import KubeAudit
from vedette.formats.kube_object import rules_digest

_WILD = {"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}
_TAME = {"verbs": ["get"], "resources": ["pods"], "apiGroups": [""]}
_ROLE = {
    "kind": "ClusterRole",
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "metadata": {"name": "r"},
    "rules": [_WILD],
}
_STATUS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 200}
_TABLE = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "rows": []}
_METADATA = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "r"}}
_LIST = {"kind": "ClusterRoleList", "metadata": {}, "items": []}


def write(verb: str = "patch", *, resource: str = "clusterroles", sub: str = "", code: int = 200, **more: Any) -> Event:
    """A write to an object, read whole."""
    group = "rbac.authorization.k8s.io" if resource == "clusterroles" else ""
    reference = {"resource": resource, "name": "r", "apiGroup": group, "subresource": sub}
    return KubeAudit().read(line(kube(verb=verb, objectRef=reference, responseStatus={"code": code}, **more)))


def after(event: Event, *path: str) -> tuple[tuple[object, ...], bool]:
    """What stands beneath objectAfter, and whether that is all."""
    return tuple(event.values(("objectAfter", *path)))  # type: ignore[return-value]


@pytest.mark.parametrize("verb", ["create", "update", "patch"])
def test_the_answer_is_the_object(verb: str) -> None:
    """Where the answer is the object, it is what the object became, whatever was sent."""
    event = write(verb, requestObject={"x": 1}, responseObject=_ROLE)
    assert after(event) == ((_ROLE,), True)


@pytest.mark.parametrize("answer", [_STATUS, _TABLE, _METADATA, _LIST, None, "text", {"kind": "X"}, {"metadata": {}}])
def test_another_answer_leaves_the_body(answer: object) -> None:
    """A client may ask for an answer without the object; then what was sent counts."""
    assert after(write("update", requestObject=_ROLE, responseObject=answer)) == ((_ROLE,), True)
    assert after(write("patch", requestObject={"rules": [_WILD]}, responseObject=answer), "rules") == ((_WILD,), True)


@pytest.mark.parametrize("verb", ["get", "list", "watch", "delete", "deletecollection"])
def test_nothing_becomes_of_what_is_not_written(verb: str) -> None:
    """A read or delete leaves no object, and that is certain."""
    assert after(write(verb, responseObject=_ROLE)) == ((), True)


@pytest.mark.parametrize("sub", ["token", "eviction", "binding", "exec", "scale"])
def test_another_object_is_not_the_object(sub: str) -> None:
    """What a subresource takes or answers is something else."""
    assert after(write("create", resource="pods", sub=sub, requestObject=_ROLE, responseObject=_ROLE)) == ((), True)


def test_the_answer_of_some_subresources_is_the_object() -> None:
    """An ephemeral container's pod is answered whole; what is sent to a status is not all of its object."""
    pod = {"kind": "Pod", "metadata": {"name": "p"}}
    assert after(write(resource="pods", sub="ephemeralcontainers", responseObject=pod)) == ((pod,), True)
    assert after(write("update", resource="pods", sub="status", requestObject=pod)) == ((pod,), False)


@pytest.mark.parametrize(
    "more",
    [
        {"level": "Metadata"},
        {"stage": "RequestReceived"},
        {"code": 403},
        {"annotations": {"audit.k8s.io/truncated": "true"}},
        {"requestObject": "kind: ClusterRole"},
        {"requestObject": 5},
    ],
)
def test_without_a_body_nothing_is_proven(more: dict[str, Any]) -> None:
    """At Metadata, before the answer, refused, truncated, or sent as YAML: what became of it is unknown."""
    assert after(write(**more)) == ((), False)


@pytest.mark.parametrize(
    ("body", "rules", "known"),
    [
        ({"rules": [_WILD]}, (_WILD,), True),
        ({"rules": None}, (), True),
        ({"rules": []}, (), True),
        ({"metadata": {"labels": {"a": "b"}}}, (), False),
        ({"rules": [_WILD, {"$patch": "delete", "verbs": ["x"]}]}, (_WILD,), True),
        ({}, (), False),
    ],
)
def test_a_merge_patch_proves_what_it_sets(body: dict[str, Any], rules: tuple[object, ...], known: bool) -> None:
    """A role's rules are replaced as a whole by any kind of merge; what a patch leaves out stays as it was, unseen."""
    event = write(requestObject=body, responseObject=None)
    assert after(event, "rules") == (rules, known)
    assert after(event, "aggregationRule")[1] is False


def test_directives_prove_nothing() -> None:
    """Keys that only steer a strategic merge are no part of the object, nor is what a patch deletes."""
    body = {"metadata": {"labels": {"a": None, "b": "c"}, "$deleteFromPrimitiveList/finalizers": ["x"]}}
    event = write(resource="pods", requestObject=body, responseObject=None)
    assert after(event) == (({"metadata": {"labels": {"b": "c"}}},), False)


def test_only_an_apply_creates_by_patch() -> None:
    """A patch answered 201 made the object out of nothing but its body."""
    assert after(write(code=201, requestObject=_ROLE, level="Request")) == ((_ROLE,), True)
    assert after(write(code=200, requestObject=_ROLE, level="Request"), "rules") == ((_WILD,), True)


@pytest.mark.parametrize(
    ("operations", "path", "found"),
    [
        ([{"op": "add", "path": "/rules/-", "value": _WILD}], ("rules",), ((_WILD,), False)),
        ([{"op": "add", "path": "/rules/0/verbs/-", "value": "*"}], ("rules", "verbs"), (("*",), False)),
        ([{"op": "replace", "path": "/rules", "value": [_WILD]}], ("rules",), ((_WILD,), True)),
        ([{"op": "replace", "path": "/rules", "value": [_TAME]}], ("rules",), ((_TAME,), True)),
        ([{"op": "replace", "path": "", "value": _ROLE}], ("rules",), ((_WILD,), True)),
        ([{"op": "test", "path": "/rules/0/verbs/0", "value": "*"}], ("rules", "verbs"), (("*",), False)),
        ([{"op": "remove", "path": "/rules/0"}], ("rules",), ((), False)),
        ([{"op": "copy", "from": "/a", "path": "/rules"}], ("rules",), ((), False)),
        (
            [{"op": "replace", "path": "/rules", "value": [_TAME]}, {"op": "copy", "from": "/a", "path": "/rules/0"}],
            ("rules",),
            ((_TAME,), False),
        ),
        (
            [
                {"op": "replace", "path": "/rules", "value": [_TAME]},
                {"op": "add", "path": "/rules/0/verbs/-", "value": "*"},
            ],
            ("rules", "verbs"),
            (("get", "*"), True),
        ),
        (
            [{"op": "add", "path": "/metadata/annotations/a~1b~0c", "value": "d"}],
            ("metadata", "annotations", "a/b~c"),
            (("d",), False),
        ),
        ([{"op": "add", "path": 5, "value": 1}, "x", {"op": "add", "path": "/rules"}], ("rules",), ((), False)),
        ([], ("rules",), ((), False)),
    ],
)
def test_a_json_patch_proves_its_values(
    operations: list[object], path: tuple[str, ...], found: tuple[tuple[object, ...], bool]
) -> None:
    """What add, replace and test name is in the object; the rest of a list is unknown unless it was set as a whole."""
    assert after(write(requestObject=operations, responseObject=None), *path) == found


def test_operations_on_one_element_meet() -> None:
    """Two operations that complete a rule between them show it as one."""
    operations = [
        {"op": "add", "path": "/rules/0/verbs/-", "value": "*"},
        {"op": "add", "path": "/rules/0/resources/-", "value": "*"},
        {"op": "replace", "path": "/rules/0/resources/0", "value": "x"},
    ]
    (found,), known = after(write(requestObject=operations, responseObject=None), "rules")
    assert (found, known) == ({"verbs": ["*"], "resources": ["*", "x"]}, False)


def test_an_insertion_keeps_what_it_moves() -> None:
    """Adding at an index moves the others on."""
    operations = [
        {"op": "add", "path": "/rules", "value": [_WILD]},
        {"op": "add", "path": "/rules/0", "value": _TAME},
    ]
    found, known = after(write(requestObject=operations, responseObject=None), "rules")
    assert (sorted(map(str, found)), known) == (sorted(map(str, (_WILD, _TAME))), True)


def test_patches_of_other_kinds_leave_the_rest_open() -> None:
    """Only of RBAC objects is it known which keys a patch replaces as a whole."""
    event = write(resource="pods", requestObject={"rules": [_WILD]}, responseObject=None)
    assert after(event, "rules") == ((_WILD,), False)


def test_the_digest_is_of_the_rules_alone() -> None:
    """The same rules in another order have the same digest, other rules another, no rules none."""
    one = rules_digest({"rules": [_WILD, _TAME], "metadata": {"resourceVersion": "1"}})
    other = rules_digest({"rules": [dict(reversed(_TAME.items())), _WILD], "metadata": {"resourceVersion": "2"}})
    assert one == other != rules_digest({"rules": [_WILD]}) != ""
    assert [rules_digest(none) for none in ({}, {"rules": None}, None, "text")] == [""] * 4
