"""Rules as LogQL: the forms, what hostile text becomes, and what is refused. What the queries say: tests/real."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from functools import lru_cache

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.scans import SETTINGS
from vedette import app
from vedette.formats import sshd_line, sshd_message
from vedette.network import Networks
from vedette.render import logql_sshd
from vedette.render.logql import LONGEST, CannotRender, correlation_query, detection_queries
from vedette.render.logql_template import Code, inside, quoted
from vedette.rule import (
    AllOf,
    AnyOf,
    Block,
    Correlation,
    CorrelationType,
    Detection,
    FieldPath,
    Node,
    Not,
    Op,
    Quantifier,
    Reaction,
    Regex,
    Rule,
    Severity,
    Test,
    Text,
    Wild,
)

HOSTILE = 'a`b"c\\d{{ $x }}}}e\n\r\x00\x1b\u202e\ud800\u0085|="'


@lru_cache(maxsize=1)
def pack() -> Mapping[str, Rule]:
    """The pack under the settings of the cases."""
    loaded = app.load_rules(app.load_settings(str(SETTINGS)), unproven=True)
    return {rule.name: rule for rule in loaded.rules}


def path(text: str) -> FieldPath:
    """A field's path."""
    return FieldPath(text, tuple(text.split(".")))


def detection(node: Node, log: str = "kube_audit") -> Detection:
    """A detection of `node` that fires whatever the outcome."""
    return Detection("X", "id", "A title", Severity.WARNING, log, node)


def equals(field: str, *texts: str) -> Test:
    """A test of a field for one of some texts."""
    return Test(path(field), Op.EQUALS, tuple(Text((text,)) for text in texts), cased=True)


def of_pack(name: str) -> Detection:
    """A detection of the pack."""
    return next(one for rule in pack().values() for one in rule.detections if one.name == name)


def test_a_detection_has_a_query_for_each_reaction() -> None:
    """Finding, attempt and cannot tell; where every outcome fires there is no attempt."""
    assert [query.reaction for query in detection_queries(of_pack("K3"))] == [
        Reaction.FIRE,
        Reaction.ATTEMPT,
        Reaction.CANNOT_TELL,
    ]
    assert [query.reaction for query in detection_queries(of_pack("K2"))] == [Reaction.FIRE, Reaction.CANNOT_TELL]


def test_the_pipeline_ends_with_errors_dropped() -> None:
    """Selector first, the template's failures last, the job as asked for."""
    for query in detection_queries(of_pack("K3"), job="my-audit", labels='env="prod"'):
        assert query.logs.startswith('{job="my-audit", env="prod"} |= `"secrets"` or ')
        assert query.logs.endswith('| __error__=""')
        assert query.metric.startswith("topk(100, sum by (actor, address, object) (count_over_time(")


@pytest.mark.parametrize("name", ["K3", "K2", "V4", "V6", "S1", "K7", "K8"])
def test_a_template_declares_what_it_uses(name: str) -> None:
    """Every variable is declared before it is used, and actions open and close in turn."""
    for query in detection_queries(of_pack(name)):
        template = query.logs.split("label_format verdict=`", 1)[1].split("`", 1)[0]
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', template)
        known: set[str] = set()
        for action in re.findall(r"\{\{ (.*?) \}\}", bare):
            declared, _, rest = action.partition(" := ")
            used = re.findall(r"\$\w+", rest or action)
            assert set(used) - {"$_"} <= known | set(re.findall(r"\$\w+", declared if rest else "")), action
            if rest:
                known |= set(re.findall(r"\$\w+", declared))
        assert bare.count("{{ if ") + bare.count("{{ range ") == bare.count("{{ end }}")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("K6", "requestText"),
        ("K6.flags", "auditFlags"),
        ("K7.live", "observation"),
        ("K10", "observation"),
    ],
)
def test_what_a_template_cannot_say_is_refused_with_the_reason(name: str, words: str) -> None:
    """And the source that can tell is named."""
    with pytest.raises(CannotRender, match=words) as refused:
        detection_queries(of_pack(name))
    assert "vedette watch" in refused.value.other_source


def test_refusals_of_single_tests() -> None:
    """Keywords, null, a digest, an address list joined, a failed login, and a query longer than Loki takes."""
    many = tuple(Text((f"name-{number:05}" * 3,)) for number in range(LONGEST // 20))
    for node in (
        Test(FieldPath("", ()), Op.KEYWORD, (Text(("x",)),)),
        Test(path("objectRef.name"), Op.EQUALS, (None,)),
        equals("rulesDigest", "x"),
        equals("address", "x"),
        Test(path("objectRef.name"), Op.EQUALS, many, cased=True),
        Test(path("objectRef.name"), Op.EQUALS, (Text(("ΣΑΣ",)),)),
        Test(path("user.username"), Op.FIELDREF, (path("impersonatedUser.username"),)),
    ):
        with pytest.raises(CannotRender):
            detection_queries(detection(node))
    with pytest.raises(CannotRender, match="no accepted login"):
        detection_queries(detection(equals("event", "failed"), "sshd"))


def test_counts_are_metric_queries() -> None:
    """Acts are summed, distinct values counted, each by the group; one record an act."""
    k5, v5 = pack()["K5"], pack()["V5"]
    count = correlation_query(k5.correlations[0], {one.name: one for one in k5.detections})
    assert count.metric.startswith("count by (actor) (sum by (actor, value_0) (count_over_time(")
    assert count.metric.endswith(' | __error__="" [60s]))) > 5')
    assert '"ResponseComplete"' in count.logs
    acts = correlation_query(v5.correlations[0], {one.name: one for one in v5.detections})
    assert acts.metric.startswith("sum by (mount) (count_over_time(")
    assert acts.metric.endswith(" [60s])) > 10")


def test_sequences_and_counts_that_no_line_can_carry_are_refused() -> None:
    """A sequence, several detections, a count below, and requests whose end is missing."""
    plain = dataclasses.replace(detection(equals("verb", "delete")), name="a")
    base = Correlation(
        "C", "id", "t", Severity.INFO, CorrelationType.EVENT_COUNT, ("a",), (("actor", {"a": path("actor")}),), 60
    )
    unproven = next(one for one in pack()["K5"].correlations if one.name == "K5.unproven")
    known = {"a": plain, "b": plain, **{one.name: one for one in pack()["K5"].detections}}
    assert correlation_query(base, known).metric.endswith(">= 1")
    for refused in (
        dataclasses.replace(base, type=CorrelationType.TEMPORAL),
        dataclasses.replace(base, type=CorrelationType.TEMPORAL_ORDERED),
        dataclasses.replace(base, detections=("a", "b")),
        dataclasses.replace(base, op=Op.LT, threshold=3),
        dataclasses.replace(base, op=Op.EQUALS, threshold=0),
        unproven,
        dataclasses.replace(base, detections=("K5.tried",), group_by=(("actor", {"K5.tried": path("actor")}),)),
    ):
        with pytest.raises(CannotRender):
            correlation_query(refused, known)


def test_hostile_text_stays_within_its_quotes() -> None:
    """Backtick, quote, brace and what is invisible are written as escapes."""
    text = quoted(HOSTILE)
    assert text == (
        r'"a\u0060b\"c\\d\u007b\u007b $x \u007d\u007d\u007d\u007de\u000a\u000d\u0000\u001b\u202e\ufffd\u0085|=\""'
    )
    query = detection_queries(detection(equals("objectRef.name", HOSTILE)), job='x"} or {a="')[0]
    assert r'{job="x\"} or {a=\""}' in query.logs
    assert text in query.logs


texts = st.text(st.sampled_from(list('ab`"\\{}$.*?|\n\x00\u202e\ud800é%/: ')), max_size=8)
fields = st.sampled_from(["verb", "objectRef.name", "user.groups", "requestObject.a.b", "sourceIPs", "objectAfter.x"])
values = st.one_of(
    texts.map(lambda text: Text((text,) if text else ())),
    texts.map(lambda text: Text((text or "a", Wild.MANY))),
    texts.map(lambda text: Text((Wild.MANY, text or "a", Wild.ONE))),
    texts.map(lambda text: Regex(re.escape(text.encode("utf-8", "replace").decode()))),
)
tests = st.builds(
    lambda field, found, cased, every: Test(path(field), Op.EQUALS, tuple(found), every=every, cased=cased),
    fields,
    st.lists(values, max_size=3),
    st.booleans(),
    st.booleans(),
)
nodes = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        st.builds(lambda how, body: Block(path("requestObject.list"), how, body), st.sampled_from(Quantifier), inner),
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(nodes)
def test_no_text_of_a_rule_stands_unescaped_in_its_query(node: Node) -> None:
    """Outside of quotes there are only the template's own words; within them nothing ends them early."""
    try:
        queries = detection_queries(detection(node))
    except CannotRender as error:
        # Now and then a generated rule is too long to be a query at all.
        if "Loki takes 131,072" not in str(error):
            raise
        reject()
    for query in queries:
        assert query.logs.isprintable()
        assert query.logs.count("`") % 2 == 0
        template = query.logs.split("label_format verdict=`", 1)[1].split("`", 1)[0]
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", template)
        assert not set(bare) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$={}:(),. \\")
        assert '"' not in bare


def test_an_address_is_judged_by_its_digits() -> None:
    """A network is a prefix of hexadecimal digits, the mapped form the same as the plain one."""
    text = inside(Code(), Networks.of(["10.0.20.0/22", "::1/128", "::ffff:192.0.2.0/120"]), "$x", "$v")
    assert r'"^(?:0a0014|0a0015|0a0016|0a0017|c00002)"' in text or r'"^(?:0a001[4567]|c00002)"' in text
    assert '"^(?:00000000000000000000000000000001)"' in text


def test_the_patterns_of_sshd_are_those_that_the_engine_reads_by() -> None:
    """A pattern changed there must be changed here."""
    for ours, theirs in (
        (logql_sshd.TRADITIONAL, sshd_line.TRADITIONAL),
        (logql_sshd.ISO, sshd_line.ISO),
        (logql_sshd.FULL, sshd_line._FULL),
        (logql_sshd.UNIX, sshd_line._UNIX),
        (logql_sshd.HOST, sshd_line.HOST),
        (logql_sshd.KEY, sshd_message._KEY),
        (logql_sshd.PLAIN, f"^{sshd_message._PLAIN.pattern}$"),
        (logql_sshd.GREEDY, f"^{sshd_message._GREEDY.pattern}$"),
        (logql_sshd.BEHIND_PORT, f"^{sshd_message._BEHIND_PORT.pattern}$"),
        (logql_sshd.PORTLESS, f"^{sshd_message._PORTLESS.pattern}$"),
        (logql_sshd.AUTH, f"^{sshd_message._AUTH.pattern}$"),
        (logql_sshd.FURTHER, f"^{sshd_line._FURTHER.pattern}$"),
        (logql_sshd.RFC5424.replace(r"\x{feff}", r"\ufeff"), f"^{sshd_line._RFC5424.pattern}$"),
    ):
        assert ours == theirs


def test_a_number_is_compared_with_a_text_where_one_may_stand() -> None:
    """In a body, by a pattern or a text of digits; not in a field that the server writes as text."""
    for field, text, times in (("requestObject.n", "3", 1), ("requestObject.n", "x", 0), ("objectRef.name", "3", 0)):
        logs = detection_queries(detection(equals(field, text)))[0].logs
        assert (" := print $i" in logs) is bool(times)
