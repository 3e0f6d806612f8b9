"""One field and its values."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import item, load_text, node_of, only_detection, refusal, rule, shown
from vedette.network import Networks
from vedette.rule import AllOf, Test
from vedette.sigma import Site

REFUSED = [
    pytest.param(
        item("verb|➤all: [get, list]"),
        "verb is one value and cannot equal all of them",
        "remove all, or add contains",
        id="all of one text",
    ),
    pytest.param(
        item("verb: ➤'*'"), "this matches every text", "write verb|exists: true; a star itself is '\\*'", id="star"
    ),
    pytest.param(
        item("verb: [get, ➤'**']"),
        "this matches every text",
        "write verb|exists: true; a star itself is '\\*'",
        id="two stars",
    ),
    pytest.param(
        item("verb|contains: ➤''"),
        "this matches every text",
        "write verb|exists: true; a star itself is '\\*'",
        id="contains nothing",
    ),
    pytest.param(item("verb: ➤[]"), "the list is empty, so nothing can match", "list the values", id="empty list"),
    pytest.param(
        item("requestObject: ➤{kind: Pod}"),
        "a map is possible beneath a quantifier only",
        "write requestObject[any]:, or requestObject.key: value",
        id="map without quantifier",
    ),
    pytest.param(item("verb: [get, ➤[list]]"), "a list of values holds a list", "write it out", id="list in a list"),
    pytest.param(
        item("verb: [get, ➤null]"),
        "null stands in a list with other values",
        "Sigma has null alone: write a list of two maps, - verb: null and - verb: ...",
        id="null in a list",
    ),
    pytest.param(
        item("verb: ➤404"), "verb is a text; a number never equals it", "put it in quotes", id="number for a text"
    ),
    pytest.param(
        item("responseStatus.code: ➤'403'"),
        "responseStatus.code is a number; a text never equals it",
        "write 403 without quotes",
        id="text for a number",
    ),
    pytest.param(item("verb: ➤true"), "verb is a text; true never equals it", "write a text", id="bool for a text"),
    pytest.param(
        item("dryRun: ➤yes"),
        "dryRun is true or false; a text never equals it",
        "write true or false",
        id="text for a bool",
    ),
    pytest.param(
        item("requestObject.a|cased: ➤4"), "cased needs a text, not a number", "put it in quotes", id="cased number"
    ),
    pytest.param(
        item("requestObject.a|contains: ➤4"),
        "contains needs a text, not a number",
        "put it in quotes",
        id="contains a number",
    ),
    pytest.param(
        item("responseStatus.code|gt: ➤'400'"),
        "gt takes a number, not a text",
        "remove the quotes",
        id="gt with a text",
    ),
    pytest.param(item("verb|➤gt: 4"), "verb is no number, so gt never holds", "compare a number", id="gt on a text"),
    pytest.param(item("responseStatus.code|lt: ➤.inf"), "inf is no number to compare with", "", id="infinity"),
    pytest.param(
        item("verb|exists: ➤'true'"),
        "exists takes true or false, not a text",
        "write true or false, without quotes",
        id="exists with a text",
    ),
    pytest.param(
        item("verb|exists: ➤[true]"),
        "exists takes true or false, not a list",
        "write true or false, without quotes",
        id="exists with a list",
    ),
    pytest.param(
        item("sourceIPs|cidr: ➤10.0.20.5/22"),
        "'10.0.20.5/22' has host bits set; the network is 10.0.20.0/22",
        "write it as 10.0.20.0/22",
        id="host bits",
    ),
    pytest.param(
        item("sourceIPs|cidr: [10.0.0.0/8, ➤10.0.0.*]"),
        "'10.0.0.*' is not a network such as 10.0.20.0/22 or fd00::/8",
        "write it as 10.0.20.0/22",
        id="no network",
    ),
    pytest.param(
        item("sourceIPs|cidr: ➤lan"),
        "'lan' is not a network such as 10.0.20.0/22 or fd00::/8",
        "a named list is written |innet: lan",
        id="cidr with a list's name",
    ),
    pytest.param(
        item("verb|➤cidr: 10.0.0.0/8"),
        "verb is no address field",
        "address fields are sourceIPs, clientIPs",
        id="cidr on a text",
    ),
    pytest.param(
        item("sourceIPs|innet: ➤lann"),
        "there is no list of networks called 'lann'",
        "did you mean lan?",
        id="innet unknown",
    ),
    pytest.param(
        item("sourceIPs|innet: ➤10.0.0.0/8"),
        "there is no list of networks called '10.0.0.0/8'",
        "networks themselves are written |cidr: 10.0.0.0/8",
        id="innet with a cidr",
    ),
    pytest.param(
        item("address|➤innet: lan"),
        "address is no address field",
        "address fields are sourceIPs, clientIPs",
        id="innet on joined addresses",
    ),
    pytest.param(
        item("verb|re: ➤'^(?!get)'"),
        "not an RE2 pattern: invalid perl operator: (?!",
        "RE2 has no lookaround and no backreferences: use two items, or a selection under not",
        id="lookahead",
    ),
    pytest.param(
        item("verb|re: ➤'(a)\\1'"),
        "not an RE2 pattern: invalid escape sequence: \\1",
        "RE2 has no lookaround and no backreferences: use two items, or a selection under not",
        id="backreference",
    ),
    pytest.param(
        item("verb|re: ➤'get('"),
        "not an RE2 pattern: missing ): get(",
        "check the pattern; in single quotes a backslash stands once",
        id="broken pattern",
    ),
    pytest.param(
        item("verb|re: ➤'.*'"),
        "the pattern matches every text",
        "write |exists: true, or a pattern that asks for something",
        id="pattern for everything",
    ),
    pytest.param(
        item("responseStatus.code|➤re: '4..'"),
        "responseStatus.code is no text",
        "compare a number",
        id="pattern on a number",
    ),
    pytest.param(item("verb|re: ➤''"), "verb|re is empty", "fill it, or remove the key", id="empty pattern"),
    pytest.param(
        item("verb|re: ➤" + "a" * 5000),
        "the pattern is longer than 4096 characters",
        "write wildcards or a list",
        id="long pattern",
    ),
    pytest.param(
        item("verb|re: ➤'((a{1000}){1000}){1000}'"),
        "not an RE2 pattern: invalid repetition size: {1000}",
        "check the pattern; in single quotes a backslash stands once",
        id="pattern bomb",
    ),
    pytest.param(
        item("verb|fieldref: ➤user.name"),
        "kube_audit has no field 'user.name'",
        "did you mean user.username?",
        id="fieldref unknown",
    ),
    pytest.param(
        item("actor|fieldref: ➤user.username"),
        "the field is compared with itself",
        "name another field",
        id="fieldref to itself",
    ),
    pytest.param(
        item("verb|fieldref: ➤responseStatus.code"),
        "fieldref compares texts",
        "name fields that hold texts",
        id="fieldref number",
    ),
    pytest.param(
        item("requestObject.rules[any]: {a|➤fieldref: b}", "sigma-version: 3"),
        "fieldref is not possible inside a block",
        "compare with the field outside",
        id="fieldref in a block",
    ),
    pytest.param(
        item("user.groups|➤subsetof: [impersonatedUser.groups, verb]"),
        "subsetof takes one field",
        "write an item for each",
        id="subsetof two",
    ),
    pytest.param(
        item("user.username|expand: ➤'%ownr%'"),
        "the placeholder %ownr% is not known",
        "did you mean owner?",
        id="unknown placeholder",
    ),
    pytest.param(
        item("user.username|expand: 'system:serviceaccount:➤%secret_namespaces%:x'"),
        "the placeholder %secret_namespaces% is not known",
        "did you mean secrets_namespaces?",
        id="placeholder within",
    ),
    pytest.param(
        item("user.username: ➤'%owner%'"),
        "%owner% is not replaced without expand",
        "write user.username|expand",
        id="forgotten expand",
    ),
    pytest.param(
        item("user.username|➤expand: me"),
        "expand without a placeholder",
        "write %name%, or remove it",
        id="expand without",
    ),
    pytest.param(
        item("user.username|expand: ➤'%lan%'"),
        "lan is a list of networks",
        "write user.username|innet: lan",
        id="expand networks",
    ),
    pytest.param(
        item("user.username|expand: ➤'%everybody%'"),
        "a list of the settings holds a text that matches everything",
        "name what is meant",
        id="everybody",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


@pytest.mark.parametrize(
    ("line", "tree"),
    [
        ("verb: get", "verb = get"),
        ("verb|cased: [get, list]", "verb == get | list"),
        ("verb: ''", "verb = ''"),
        ("verb: null", "verb = None"),
        ("verb|neq: get", "!verb = get"),
        ("verb|contains|all: [a, b]", "verb = *a* & *b*"),
        ("verb|startswith: [a, '*b']", "verb = a* | *b*"),
        ("verb|endswith: a*", "verb = *a*"),
        ("verb|contains: '*a?'", "verb = *a?*"),
        (r"verb: '\*'", r"verb = \*"),
        (r"verb|startswith: 'a\\*'", "verb = a\\*"),
        ("verb: no", "verb = no"),
        ("verb: 2024-01-01", "verb = 2024-01-01"),
        ("responseStatus.code: [403, 0o17]", "responseStatus/code = 403 | 15"),
        ("responseStatus.code|gte: 400", "responseStatus/code gte 400"),
        ("requestObject.spec.replicas|lt: 2.5", "requestObject/spec/replicas lt 2.5"),
        ("dryRun: true", "dryRun = True"),
        ("verb|re: '^get$'", "verb re /^get$/"),
        ("verb|re|s|i: ['a.b', c]", "verb re /a.b/is | /c/is"),
        ("sourceIPs|cidr: [10.0.0.0/8, 'fd00::/8']", "sourceIPs innet <10.0.0.0/8, fd00::/8>"),
        ("sourceIPs|innet: [lan, trusted]", "sourceIPs innet <lan> | <trusted>"),
        ("sourceIPs|innet|neq: trusted", "!sourceIPs innet <trusted>"),
        ("sourceIPs|innet: nowhere", "sourceIPs innet "),
        ("verb|exists: false", "verb exists False"),
        ("user.username|fieldref: impersonatedUser.username", "user/username fieldref @impersonatedUser/username"),
        ("verb|fieldref|startswith|cased: userAgent", "verb fieldref|startswith= @userAgent"),
        ("verb|fieldref|endswith: userAgent", "verb fieldref|endswith @userAgent"),
        ("verb|fieldref|contains|neq: userAgent", "!verb fieldref|contains @userAgent"),
        ("user.groups|subsetof: impersonatedUser.groups", "user/groups subsetof @impersonatedUser/groups"),
        ("actor|expand: '%owner%'", "user/username = me@example.org"),
        ("actor|expand|neq: '%nobody%'", "!user/username = "),
        ("actor|expand: ['%nobody%', me]", "user/username = me"),
        ("actor|cased|expand: 'sa:%secrets_namespaces%:*'", "user/username == sa:vault:* | sa:sealed-secrets:*"),
        (
            "actor|startswith|expand: '%secrets_namespaces%-%secrets_namespaces%:'",
            (
                "user/username = vault-vault:* | vault-sealed-secrets:* | sealed-secrets-vault:*"
                " | sealed-secrets-sealed-secrets:*"
            ),
        ),
        (r"actor|expand: '\%owner%%owner%'", "user/username = %owner%me@example.org"),
        ("actor|expand: '%stars%'", r"user/username = \* | node:*"),
        ("auditFlags|all|cased|expand: '%flags%'", "auditFlags == --audit-log-path=/a & --audit-policy-file=/b"),
        ("actor: '%unknown_here%'", "user/username = %unknown_here%"),
    ],
)
def test_an_item_becomes_a_test(line: str, tree: str) -> None:
    """Values keep their type; modifiers and the site's lists become what the engine compares."""
    assert shown(node_of(item(line))) == f"sel:({tree})"


def test_a_test_knows_its_line() -> None:
    """Explain shows where a test stands in the file."""
    detection = only_detection(rule("sel:\n  verb: get\n  actor: me\ncondition: sel"))
    assert isinstance(detection.node, AllOf)
    assert [each.line for each in detection.node.nodes if isinstance(each, Test)] == [6, 7]


def test_too_many_combinations() -> None:
    """Placeholders that multiply beyond bounds are refused, not built."""
    site = Site({"many": tuple(f"x{at}" for at in range(200))})
    text = item("actor|expand: '%many%%many%%many%'")
    assert [problem.message for problem in load_text(text, site=site).problems] == [
        "the placeholders come to more than 20000 values"
    ]


def test_equal_networks_are_one_set() -> None:
    """A list of CIDRs is one set of networks, so that a list of thousands costs one search."""
    detection = only_detection(item("sourceIPs|cidr: [10.0.0.0/9, 10.128.0.0/9]"))
    assert isinstance(detection.node, AllOf)
    (test,) = detection.node.nodes
    assert isinstance(test, Test)
    assert test.values == (Networks("10.0.0.0/9, 10.128.0.0/9", ((0x0A000000, 0x0AFFFFFF),), ()),)
