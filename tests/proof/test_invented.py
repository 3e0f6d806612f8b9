"""Acts invented for rules without cases: they fire, and what cannot be met is said with the reason."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from textwrap import dedent, indent

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from tests.proof.asking import HEALTHY, emitted, rules, rules_under
from vedette import app
from vedette.cases import alerts_of, pack_settings
from vedette.engine.evaluate import Whole, evaluator
from vedette.event import Event
from vedette.formats.kube_audit import KubeAudit
from vedette.proof.invented import Invented, invent, ordinary_events
from vedette.proof.invented_event import Impossible, Steps, fault, made
from vedette.proof.invented_request import place_of, unfit, uri_of
from vedette.proof.invented_text import pattern_texts
from vedette.proof.inventor import Inventor
from vedette.proof.links.base import Given
from vedette.proof.links.emitted import Emitted
from vedette.proof.policy_reading import read_policy
from vedette.proof.verdict import LinkResult, State
from vedette.proof.wishes import ways
from vedette.rule import AllOf, AnyOf, Detection, FieldPath, Node, Not, Op, Regex, Rule, Severity, Test, Text, Wild

READING = ("K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9")
"""The pack's rules that read the audit log."""
POLICIES = {
    "everything": "- level: RequestResponse\n",
    "metadata": "- level: Metadata\n",
    "writes only": "- {level: RequestResponse, verbs: [create, update, patch, delete, deletecollection]}\n",
    "nothing": "- level: None\n",
    "no writes of roles": "- {level: None, resources: [{group: rbac.authorization.k8s.io}]}\n- level: RequestResponse\n",
}


IN_PART = {("K2", "writes only"): True, ("K9", "writes only"): True, ("K5", "metadata"): None}
"""Where invented acts say otherwise than the recorded ones: of K2 and K9 only reads were recorded; of K5 a case is a way
past the policy (a dry run that the query claims and the body denies), and nobody invents those."""


def policy(rules_text: str) -> str:
    """A policy with these rules."""
    return f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules_text}"


def sigma(folder: Path, detection: str, name: str = "theirs") -> tuple[Rule, Invented]:
    """A rule of somebody else with this detection, and what is invented for it."""
    (folder / f"{name}.yml").write_text(text_of(detection), "utf-8")
    under = app.rules_under((str(folder),))
    rule = under(pack_settings())[name]
    return rule, invent(rule, under)


def text_of(detection: str) -> str:
    """A whole rule."""
    head = (
        "title: Theirs\nlogsource: {product: kubernetes, service: audit}\nlevel: medium\nsigma-version: 3\ndetection:\n"
    )
    return head + indent(dedent(detection), "  ")


def judged(folder: Path, detection: str, text: str = POLICIES["everything"]) -> LinkResult:
    """The link of such a rule under a policy."""
    rule, _ = sigma(folder, detection)
    return Emitted(Given(app.rules_under((str(folder),)), read_policy(policy(text), "policy.yaml"))).check(rule)


@pytest.mark.parametrize("name", READING)
def test_every_invented_act_of_the_pack_makes_its_rule_fire(name: str) -> None:
    """What is invented is run through a whole scan, and is what an API server could have written."""
    found = invent(rules()[name], rules_under())
    assert found.cases
    assert not found.dead
    for case in found.cases:
        assert alerts_of(case.lines, rules()[name], pack_settings()), case.name


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize("under", POLICIES)
def test_invented_and_recorded_acts_come_to_the_same_verdict(name: str, under: str) -> None:
    """A rule is as blind by acts that are made up as by those that a server wrote."""
    recorded = emitted(name, policy(POLICIES[under]))
    invented = emitted(replace(rules()[name], folder=None), policy(POLICIES[under]))
    if IN_PART.get((name, under), True) is None:
        assert (invented.state, recorded.in_part) == (State.READY, True)
        return
    assert invented.state is recorded.state
    assert invented.in_part == IN_PART.get((name, under), recorded.in_part), invented.blind


@pytest.mark.parametrize("name", READING)
def test_a_healthy_policy_is_healthy_by_invented_acts_too(name: str) -> None:
    """Nothing is called blind that is not."""
    result = emitted(replace(rules()[name], folder=None), HEALTHY)
    assert (result.state, result.blind) == (State.READY, ())
    assert "by invented acts" in result.why


CONTRADICTIONS = {
    "two_verbs": ("a: {verb: create}\nb: {verb: delete}\ncondition: a and b\n", "verb cannot meet all of this at once"),
    "no_such_verb": ("a: {verb: replace, objectRef.resource: pods}\ncondition: a\n", "verb is never replace"),
    "no_such_code": ("a: {responseStatus.code: 999}\ncondition: a\n", "it is an HTTP code"),
    "no_such_level": ("a: {level: Debug}\ncondition: a\n", "the levels of an event are Metadata, Request"),
    "no_such_stage": ("a: {stage|startswith: Complete}\ncondition: a\n", "stage"),
    "there_and_not": (
        "a: {objectRef.subresource: exec}\nb: {objectRef.subresource|exists: true}\ncondition: a and not b\n",
        "objectRef.subresource",
    ),
    "excused_altogether": ("a: {verb: get}\nb: {verb: [get, list]}\ncondition: a and not b\n", "verb"),
    "singular": ("a: {objectRef.resource|cased: Pod}\ncondition: a\n", "a resource is a plural in small letters"),
    "group_with_version": ("a: {objectRef.apiGroup: apps/v1}\ncondition: a\n", "a group is a domain without a version"),
    "in_no_namespace": (
        "a: {objectRef.resource: clusterroles, objectRef.namespace: default}\ncondition: a\n",
        "clusterroles are in no namespace",
    ),
    "body_of_a_read": ("a: {verb: get, requestObject.spec.x: y}\ncondition: a\n", "get has no requestObject"),
    "body_at_metadata": (
        "a: {verb: create, level: Metadata, requestObject.spec.x: y}\ncondition: a\n",
        "an event at level Metadata has no requestObject",
    ),
    "answer_before_it_came": (
        "a: {stage: RequestReceived, responseStatus.code: 200}\ncondition: a\n",
        "an event at RequestReceived has no responseStatus yet",
    ),
    "read_by_exec": (
        "a: {objectRef.resource: pods, objectRef.subresource: exec, verb: delete}\ncondition: a\n",
        "pods/exec has no verb delete",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_no_event_can_meet_is_blind_with_the_reason(tmp_path: Path, name: str) -> None:
    """A rule that asks for what cannot be is told from one for which merely nothing was found."""
    detection, why = CONTRADICTIONS[name]
    result = judged(tmp_path, detection)
    assert (result.state, result.variants) == (State.BLIND, ())
    assert result.why.startswith("no event can meet it: ")
    assert why in result.why


UNFOUND = {
    "a_pattern": ("a:\n  userAgent|re: '[[:alpha:]]{3}'\ncondition: a\n", "a pattern for which no text could be made"),
    "a_digest": ("a: {rulesDigest: 0123456789abcdef}\ncondition: a\n", "no event is invented for it"),
    "a_proxy": ("a: {via|exists: true}\ncondition: a\n", "no event is invented for it"),
}


@pytest.mark.parametrize("name", UNFOUND)
def test_what_was_not_found_is_unknown(tmp_path: Path, name: str) -> None:
    """That nothing could be made is no proof that there is nothing."""
    detection, why = UNFOUND[name]
    result = judged(tmp_path, detection)
    assert result.state is State.UNKNOWN
    assert why in result.why
    assert "fires.jsonl" in result.mend


MET = {
    "pattern": "a:\n  requestURI|re: '^/api/v1/namespaces/[a-z-]+/(secrets|configmaps)(/.*)?$'\ncondition: a\n",
    "uri_says_what": "a: {requestURI: /api/v1/namespaces/kube-system/secrets/x}\ncondition: a\n",
    "uri_of_no_resource": "a: {requestURI|startswith: /debug/pprof}\ncondition: a\n",
    "command": "a: {requestURI|contains: '/bin/sh', objectRef.subresource: exec}\ncondition: a\n",
    "wildcards": "a: {user.username: 'system:serviceaccount:*:default', verb: 'de*'}\ncondition: a\n",
    "other_case": "a: {verb: CREATE, objectRef.resource: Pods, stage: responsecomplete}\ncondition: a\n",
    "member": (
        "a:\n  requestObject.spec.containers[any]:\n    securityContext.privileged: true\n    image|contains: busybox\n"
        "condition: a\n"
    ),
    "all_members": "a:\n  requestObject.spec.containers[all]:\n    image|startswith: evil/\ncondition: a\n",
    "no_member": "a: {verb: create, objectRef.resource: pods}\nb:\n  requestObject.spec.containers[any]: {image: x}\ncondition: a and not b\n",
    "two_groups": "a:\n  user.groups|all: [system:masters, system:authenticated]\ncondition: a\n",
    "index": "a:\n  sourceIPs[-1]: 203.0.113.9\ncondition: a\n",
    "outside": "a: {verb: delete}\nb:\n  sourceIPs|cidr: [10.0.0.0/8, 127.0.0.0/8]\ncondition: a and not b\n",
    "fieldref": "a:\n  impersonatedUser.username|fieldref: user.username\ncondition: a\n",
    "presence": "a:\n  requestObject.spec.volumes.hostPath|exists: true\ncondition: a\n",
    "annotation": 'a:\n  annotations["authorization.k8s.io/decision"]: forbid\ncondition: a\n',
    "number": "a: {responseStatus.code|gte: 500}\ncondition: a\n",
    "word": "keywords: [mimikatz]\ncondition: keywords\n",
    "nested_exemption": (
        "a: {verb: get}\nb: {user.username|startswith: 'system:'}\nc: {user.username: system:anonymous}\n"
        "condition: a and not (b and not c) and not c\n"
    ),
    "a_kind_that_is_not_there": "a: {objectRef.resource|cased: Pod, responseStatus.code: 404}\ncondition: a\n",
    "a_namespace_that_is_not_there": (
        "a: {objectRef.resource: nodes, objectRef.namespace: x, verb: get, responseStatus.code: 404}\ncondition: a\n"
    ),
    "name_with_a_blank": "a: {objectRef.name: 'a b', objectRef.resource: roles}\ncondition: a\n",
    "over_all_namespaces": "a: {objectRef.namespace: null, verb: list, objectRef.resource: pods}\ncondition: a\n",
    "member_of_a_member": (
        "a:\n  requestObject.spec.containers[any]:\n    env[any]: {name: X, value|startswith: y}\ncondition: a\n"
    ),
    "groups_of_the_user": (
        "a:\n  impersonatedUser.groups|subsetof: user.groups\n  impersonatedUser.groups|exists: true\ncondition: a\n"
    ),
    "uri_with_a_query": "a:\n  requestURI|re: '/exec\\?.*command=(ba)?sh'\n  verb: create\ncondition: a\n",
    "derived": "a: {outcome: refused, verb: create, dryRun: true}\ncondition: a\n",
    "refused": "a: {responseStatus.code: 401}\ncondition: a\n",
}


@pytest.mark.parametrize("name", MET)
def test_an_act_is_found_and_seen_under_a_policy_that_writes_all(tmp_path: Path, name: str) -> None:
    """The witness is an event whose URL, object and stage go together, and the whole scan fires on it."""
    rule, found = sigma(tmp_path, MET[name])
    assert found.cases, found.why
    for case in found.cases:
        assert alerts_of(case.lines, rule, pack_settings()), case.name
    result = judged(tmp_path, MET[name])
    assert result.state is State.READY, (result.why, result.blind)


def test_alternatives_that_a_policy_can_tell_apart_are_variants(tmp_path: Path) -> None:
    """Each verb and resource by name; a value that no event has is said, and does not make the rule blind."""
    detection = "a: {verb: [create, replace, delete], objectRef.resource: [jobs, cronjobs]}\ncondition: a\n"
    _, found = sigma(tmp_path, detection)
    assert sorted(case.name for case in found.cases) == [
        "create cronjobs",
        "create jobs",
        "delete cronjobs",
        "delete jobs",
    ]
    result = judged(tmp_path, detection, "- {level: None, verbs: [delete]}\n- level: Metadata\n")
    assert sorted(one.name for one in result.blind) == ["delete cronjobs", "delete jobs"]
    assert result.in_part
    assert "no event has verb replace" in judged(tmp_path, detection).why


def test_a_branch_that_nothing_meets_is_blind_in_part(tmp_path: Path) -> None:
    """Half of a rule may be dead while the other half fires."""
    detection = "old: {verb: delete, level: Debug}\nnew: {verb: create}\ncondition: old or new\n"
    result = judged(tmp_path, detection)
    assert [one.name for one in result.blind] == ["old"]
    assert result.in_part
    assert "the levels of an event are" in result.why


def test_what_a_rule_leaves_open_is_tried_by_every_verb_and_group(tmp_path: Path) -> None:
    """Events are of two API groups, and a policy that drops one of them blinds a rule in part that names none."""
    detection = "a: {verb: delete, objectRef.resource: events}\ncondition: a\n"
    dropped = '- {level: None, resources: [{group: "", resources: [events]}]}\n- level: Metadata\n'
    assert [one.name for one in judged(tmp_path, detection, dropped).blind] == ["core"]
    every = judged(tmp_path, "a: {objectRef.resource: secrets}\ncondition: a\n", POLICIES["writes only"])
    assert {one.name for one in every.blind} == {"get", "list", "watch"}


def test_namespaces_that_a_policy_tells_apart_are_tried(tmp_path: Path) -> None:
    """A policy that drops one namespace blinds a rule there that names none, and no rule on what is in none."""
    dropped = "- {level: None, namespaces: [kube-system]}\n- level: RequestResponse\n"
    result = judged(tmp_path, "a: {verb: list, objectRef.resource: secrets}\ncondition: a\n", dropped)
    assert [(one.name, one.state.value) for one in result.variants] == [
        ("elsewhere", "READY"),
        ("kube-system", "BLIND"),
    ]
    result = judged(tmp_path, "a: {verb: delete, objectRef.resource: clusterroles}\ncondition: a\n", dropped)
    assert [(one.name, one.state.value) for one in result.variants] == [("invented", "READY")]


def test_a_rule_that_fires_on_nearly_everything_is_blind(tmp_path: Path) -> None:
    """What fires on ordinary events tells nothing apart, however easily it fires."""
    result = judged(tmp_path, "a: {user.username: nobody-of-this-name}\ncondition: not a\n")
    assert result.state is State.BLIND
    assert result.why.startswith("it fires on nearly everything: on ")
    assert len(ordinary_events()) > 300


def test_a_threshold_is_met_by_as_many_acts(tmp_path: Path) -> None:
    """The acts of a count lie within its time, each on an object of its own where objects are counted."""
    text = text_of("a: {verb: delete, objectRef.resource: pods}\ncondition: a\n").replace(
        "title", "name: single\ntitle"
    )
    count = (
        "---\ntitle: Many\nname: single.many\nlevel: high\ncorrelation:\n  type: value_count\n  rules: [single]\n"
        "  group-by: [user.username]\n  timespan: 5m\n  condition: {field: objectRef.name, gte: 12}\n"
    )
    (tmp_path / "single.yml").write_text(text + count, "utf-8")
    under = app.rules_under((str(tmp_path),))
    rule = under(pack_settings())["single"]
    found = invent(rule, under)
    assert [len(case.lines.splitlines()) for case in found.cases] == [12]
    assert alerts_of(found.cases[0].lines, rule, pack_settings())


def test_a_wide_rule_is_done_within_a_second(tmp_path: Path) -> None:
    """However many alternatives multiply, a bound holds, and what it leaves out is counted."""
    lists = "\n".join(
        f"  {field}: [{', '.join(f'v{n}' for n in range(40))}]" for field in ("objectRef.name", "user.groups")
    )
    detection = f"a:\n  verb: [get, list, watch, create, update, patch, delete]\n{lists}\nb: {{userAgent: x}}\ncondition: a and not b\n"
    rule, _ = sigma(tmp_path, detection)
    under = app.rules_under((str(tmp_path),))
    under(pack_settings())["theirs"]
    began = time.process_time()
    found = invent(rule, under)
    assert time.process_time() - began < 1
    assert found.cases


@pytest.mark.parametrize(
    "pattern",
    [
        "^a(b|c)d$",
        "x{3}y*",
        r"\d+-\w\s",
        "[^a-z]",
        r"(?i:AB)",
        "(?P<n>q)?r",
        r"a\.b\/c",
        "^/api/[a-z]+/x|y",
        "[]a]",
        "a.c",
    ],
)
def test_a_text_is_made_for_a_pattern(pattern: str) -> None:
    """RE2 itself finds the pattern in the text."""
    assert any(re2.search(pattern, text) for text in pattern_texts(Regex(pattern)))


def test_a_pattern_beyond_the_generator_gives_no_text() -> None:
    """What is not known is not guessed at."""
    assert [list(pattern_texts(Regex(one))) for one in (r"\pL", "[[:digit:]]", "a)", "(?-i)x", "[a")] == [[]] * 5


def test_urls_are_read_as_they_are_written() -> None:
    """A place and its URL go both ways."""
    for uri in (
        "/api/v1/namespaces/a/pods/b/exec",
        "/apis/apps/v1/deployments",
        "/api/v1/namespaces/a",
        "/apis/batch/v1/namespaces/x/jobs",
    ):
        assert uri_of(place_of(uri)) == uri
    assert place_of("/version") == place_of("/healthz/etcd")


FIELDS: Mapping[str, list[str]] = {
    "verb": ["get", "list", "create", "delete", "replace", "PATCH"],
    "level": ["Metadata", "RequestResponse", "Nothing"],
    "stage": ["RequestReceived", "ResponseComplete"],
    "objectRef.resource": ["pods", "secrets", "clusterroles", "deployments", "widgets"],
    "objectRef.namespace": ["default", "kube-system"],
    "objectRef.subresource": ["exec", "status", "token"],
    "objectRef.apiGroup": ["apps", "rbac.authorization.k8s.io"],
    "user.username": ["system:anonymous", "eve@example.org", "system:serviceaccount:a:b"],
    "requestObject.spec.replicas": ["1"],
    "userAgent": ["curl", "kubectl"],
}


@st.composite
def a_test(draw: st.DrawFn) -> Test:
    """One test on a field, with texts that it may or may not have."""
    name = draw(st.sampled_from(sorted(FIELDS)))
    path = FieldPath(name, tuple(name.split(".")))
    if draw(st.integers(0, 5)) == 0:
        return Test(path, Op.EXISTS, (draw(st.booleans()),))
    values = draw(st.lists(st.sampled_from(FIELDS[name]), min_size=1, max_size=3, unique=True))
    wild = draw(st.sampled_from([(), (Wild.MANY,)]))
    made = tuple(Text((*wild, value[len(wild) :], *wild)) for value in values)
    return Test(path, Op.EQUALS, made, cased=draw(st.booleans()))


NODES = st.recursive(
    a_test(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: AllOf(tuple(nodes))),
        st.lists(inner, min_size=1, max_size=3).map(lambda nodes: AnyOf(tuple(nodes))),
        inner.map(Not),
    ),
    max_leaves=6,
)


@given(NODES)
def test_generated_rules_fire_on_their_witnesses_and_on_nothing_where_there_can_be_none(node: Node) -> None:
    """A witness makes the whole scan fire; what is called impossible holds for none of the events of the pack."""
    rule = Rule(
        "generated",
        "",
        Severity.WARNING,
        "",
        (Detection("generated", "", "", Severity.WARNING, "kube_audit", node),),
        (),
    )
    inventor, sure = Inventor(), True
    for way in ways(node)[:20]:
        try:
            record = inventor.event(node, way)
        except Impossible as error:
            sure = sure and error.sure and not way.partial
            continue
        assert fault(record).why == ""
        line = KubeAudit().read(encoded(record))
        assert evaluator(node)(Whole(line)) is True
        assert alerts_of(encoded(record) + b"\n", rule, pack_settings())
        return
    if sure and len(ways(node)) <= 20:
        met = evaluator(node)
        assert not [event.raw for event in made_events() if met(Whole(event)) is True]


@lru_cache(maxsize=1)
def made_events() -> tuple[Event, ...]:
    """Events with every mixture of what the generated rules ask for, that an API server could have written."""
    rng = random.Random(6)
    found: list[Event] = []
    while len(found) < 1500:
        picked = {name: rng.choice([*values, None]) for name, values in FIELDS.items()}
        wanted: dict[Steps, object] = {
            tuple(name.split(".")): value.lower() if name == "verb" else value
            for name, value in picked.items()
            if value
        }
        absent: set[Steps] = {tuple(name.split(".")) for name, value in picked.items() if not value and "." in name}
        record = made(wanted, absent)
        if not fault(record).why and not any(
            unfit(".".join(map(str, steps)), value) for steps, value in wanted.items()
        ):
            found.append(KubeAudit().read(encoded(record)))
    return tuple(found)


def encoded(record: dict[str, object]) -> bytes:
    """As a line of a log."""
    import msgspec

    return msgspec.json.encode(record)
