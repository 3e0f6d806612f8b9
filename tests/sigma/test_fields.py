"""Field names: their grammar, and whether the schema has them."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import item, load_text, node_of, refusal, shown
from vedette.formats import SCHEMAS

REFUSED = [
    pytest.param(
        item("➤objectRef.resourc: pods"),
        "kube_audit has no field 'objectRef.resourc'",
        "did you mean objectRef.resource?",
        id="unknown field",
    ),
    pytest.param(
        item("➤username: me"), "kube_audit has no field 'username'", "did you mean user.username?", id="field's tail"
    ),
    pytest.param(
        item("➤hostPath|exists: true"),
        "kube_audit has no field 'hostPath'",
        "did you mean requestObject.spec.volumes.hostPath?",
        id="key of a body",
    ),
    pytest.param(
        item("➤verb.name: get"),
        "kube_audit has no field 'verb.name'",
        "write verb; nothing lies beneath it",
        id="field beneath a text",
    ),
    pytest.param(
        item("use➤r name: me"),
        "field name: a blank in it",
        'remove the blank; a key that has one is written parent["the key"]',
        id="field with a blank",
    ),
    pytest.param(item("verb➤.: get"), "field name: it ends in a dot", "remove the dot", id="field ends in a dot"),
    pytest.param(
        item("user.➤.username: x"),
        "field name: '.' is not expected here",
        'a key with strange characters is written parent["the key"]',
        id="field with two dots",
    ),
    pytest.param(
        item("sourceIPs➤[0: 10.0.0.1", "sigma-version: 3"),
        "field name: the bracket is not closed",
        'write [any], [0] or ["key"]',
        id="open bracket",
    ),
    pytest.param(
        item("requestObject.rules➤[every]: {verbs: x}", "sigma-version: 3"),
        "field name: [every] is no selector",
        'write [any], [0], or ["every"] for a key',
        id="unknown selector",
    ),
    pytest.param(
        item("requestObject.rules➤[]: {verbs: x}", "sigma-version: 3"),
        "field name: [] is no selector",
        "write [any], [all], [all_or_empty] or [none]",
        id="empty selector",
    ),
    pytest.param(
        item("requestObject.rules➤[any]: {verbs: x}"),
        "indexes and quantifiers in brackets need sigma-version: 3",
        "add the line sigma-version: 3 to this document",
        id="selector without version",
    ),
    pytest.param(
        item("➤verb[0]: get", "sigma-version: 3"),
        "verb has no elements to number",
        "write verb",
        id="index into a text",
    ),
    pytest.param(
        item("➤verb[any]: {.: get}", "sigma-version: 3"),
        "verb is one value, not a list",
        "write verb without the quantifier",
        id="quantifier on a text",
    ),
    pytest.param(
        item("➤.: get"),
        "'.' is the element itself, inside a block only",
        "write a field's name",
        id="element at the top",
    ),
    pytest.param(
        item("sourceIPs[any]: {➤ip: x}", "sigma-version: 3"),
        "the elements of this list are plain values, without fields",
        "write . for the element",
        id="field of a plain element",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("objectRef.resource: pods", "objectRef/resource = pods"),
        ("actor: me", "user/username = me"),
        ("namespace|exists: true", "objectRef/namespace exists True"),
        ("sourceIPs[-1]: 10.0.0.1", "sourceIPs/-1 = 10.0.0.1"),
        ("sourceIPs[0]|innet: lan", "sourceIPs/0 innet <lan>"),
        ("requestObject.spec.containers[0].name: a", "requestObject/spec/containers/0/name = a"),
        ("""'annotations["audit.k8s.io/truncated"]': 'true'""", "annotations/audit.k8s.io/truncated = true"),
        ("""requestObject['a|b'].c: d""", "requestObject/a|b/c = d"),
        (r"requestObject.a\[0\]: d", "requestObject/a[0] = d"),
        ("requestObject.rules[any].verbs: get", "requestObject/rules[any]{verbs = get}"),
        ("user.groups[all]|startswith: 'a'", "user/groups[all]{. = a*}"),
        ("requestObject[none].a[all_or_empty].b: 1", "requestObject[none]{a[all_or_empty]{b = 1}}"),
    ],
)
def test_a_field_is_found(line: str, tree: str) -> None:
    """Aliases, indexes, quoted keys and quantifiers become steps and blocks."""
    assert shown(node_of(item(line, "sigma-version: 3"))) == f"sel:({tree})"


def test_a_quoted_key_needs_no_version() -> None:
    """Only selectors are gated by sigma-version; a quoted key is no array syntax."""
    assert "truncated" in shown(node_of(item("""'annotations["audit.k8s.io/truncated"]': 'true'""")))


def test_a_quoted_name_does_not_pass_for_a_path() -> None:
    """`["user.username"]` is one key with a dot, not the field user.username."""
    text = item("""user["username.x"]: me""")
    assert [problem.message for problem in load_text(text).problems] == [
        "kube_audit has no field 'user[\"username.x\"]'"
    ]


def test_an_alias_is_the_field_of_each_schema() -> None:
    """`namespace` is objectRef.namespace in kube audit, request.namespace.path in Vault."""
    vault = item("namespace: a", logsource="{product: vault, service: audit}")
    assert shown(node_of(vault)) == "sel:(request/namespace/path = a)"


def test_keys_of_bodies_are_hinted_at_where_they_are() -> None:
    """What a hint names is a field, and the key alone is none."""
    for schema in SCHEMAS.values():
        for key, place in schema.bodies.items():
            assert schema.find(place) is not None, place
            assert schema.find(key) is None, key
            assert place.endswith(key)
