"""A healthy policy spoiled in many small ways: the rules that are blind under each, and no others, are called BLIND.

What is true is found another way: kube-apiserver's own package says what is written of each recorded event, a small
model of the server here makes the log of it, and a whole scan looks for the alert that the case expects.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.proof.asking import HEALTHY, emitted, rules, rules_under
from vedette.cases import Case, alerts_of, firing_cases, settings_for
from vedette.proof.verdict import State

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from oracles.audit_policy import answers, program

pytestmark = pytest.mark.oracle
READING = ("K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9")
LEVELS = ["None", "Metadata", "Request", "RequestResponse"]
RESPONSES = ["ResponseStarted", "ResponseComplete", "Panic"]
LONG = ("exec", "attach", "portforward", "proxy")
Policy = dict[str, Any]
Event = dict[str, Any]


@pytest.fixture(scope="module")
def binary() -> str:
    """The program, or a reason to skip."""
    found = program()
    if found is None:
        pytest.skip("no audit-policy-oracle (lab/parts/build.sh kube-apiserver FOLDER audit-policy-oracle)")
    return found


def dropped(**conditions: Any) -> Callable[[Policy], None]:
    """A rule in front that drops something."""
    return lambda policy: policy["rules"].insert(0, {"level": "None", **conditions})


def mutants() -> Iterator[tuple[str, Policy]]:
    """(what was done, the policy)."""
    whole = yaml.safe_load(HEALTHY)
    for index, rule in enumerate(whole["rules"]):
        for name, change in _changes(rule):
            policy = copy.deepcopy(whole)
            change(policy["rules"], index)
            if policy["rules"]:
                yield f"rule {index + 1}: {name}", policy
    for name, spoil in SPOILED.items():
        policy = copy.deepcopy(whole)
        spoil(policy)
        yield name, policy


SPOILED: dict[str, Callable[[Policy], Any]] = {
    "reads dropped": dropped(verbs=["get", "list", "watch"]),
    "gets dropped": dropped(verbs=["get"]),
    "lists dropped": dropped(verbs=["list"]),
    "watches dropped": dropped(verbs=["watch"]),
    "creates dropped": dropped(verbs=["create"]),
    "patches dropped": dropped(verbs=["patch"]),
    "deletes dropped": dropped(verbs=["delete"]),
    "collections dropped": dropped(verbs=["deletecollection"]),
    "secrets dropped": dropped(resources=[{"group": "", "resources": ["secrets"]}]),
    "one secret dropped": dropped(
        resources=[{"group": "", "resources": ["secrets"], "resourceNames": ["unseal-keys"]}]
    ),
    "exec dropped": dropped(resources=[{"group": "", "resources": ["pods/exec"]}]),
    "subresources of pods dropped": dropped(resources=[{"group": "", "resources": ["pods/*"]}]),
    "every proxy dropped": dropped(resources=[{"group": "", "resources": ["*/proxy"]}]),
    "nodes dropped": dropped(resources=[{"group": "", "resources": ["nodes/*"]}]),
    "namespaces dropped": dropped(resources=[{"group": "", "resources": ["namespaces"]}]),
    "vault dropped": dropped(namespaces=["vault"]),
    "kube-system dropped": dropped(namespaces=["kube-system"]),
    "cluster-wide requests dropped": dropped(namespaces=[""], verbs=["list", "watch"]),
    "service accounts dropped": dropped(userGroups=["system:serviceaccounts"]),
    "people dropped": dropped(userGroups=["system:authenticated"]),
    "the owner dropped": dropped(users=["me@example.org"]),
    "paths dropped": dropped(nonResourceURLs=["*"]),
    "version dropped": dropped(nonResourceURLs=["/version"]),
    "the core group dropped": dropped(resources=[{"group": ""}]),
    "rbac dropped": dropped(resources=[{"group": "rbac.authorization.k8s.io"}]),
    "cluster roles dropped": dropped(resources=[{"group": "rbac.authorization.k8s.io", "resources": ["clusterroles"]}]),
    "bindings lowered": lambda policy: policy["rules"].insert(
        0,
        {"level": "Metadata", "resources": [{"group": "rbac.authorization.k8s.io", "resources": ["rolebindings"]}]},
    ),
    "writes lowered": lambda policy: policy["rules"].insert(0, {"level": "Metadata", "verbs": ["create", "update"]}),
    "answers omitted": lambda policy: policy.update(omitStages=RESPONSES),
    "ends omitted": lambda policy: policy.update(omitStages=["ResponseComplete", "Panic"]),
    "beginnings omitted": lambda policy: policy.update(omitStages=["RequestReceived"]),
    "watching begun omitted": lambda policy: policy.update(omitStages=["ResponseStarted"]),
    "nothing but Metadata": lambda policy: policy.update(rules=[{"level": "Metadata"}]),
    "nothing but Request": lambda policy: policy.update(rules=[{"level": "Request"}]),
    "everything": lambda policy: policy.update(rules=[{"level": "RequestResponse"}]),
    "nothing": lambda policy: policy.update(rules=[{"level": "None"}]),
}
"""What is done to the whole policy."""


def _changes(rule: dict[str, Any]) -> Iterator[tuple[str, Callable[[list[Any], int], None]]]:
    """What can be done to one rule."""

    def update(**keys: Any) -> Callable[[list[Any], int], None]:
        return lambda held, index: held[index].update(keys)

    yield "gone", lambda held, index: held.pop(index)
    level = LEVELS.index(rule["level"])
    for lower in LEVELS[:level]:
        yield f"level {lower}", update(level=lower)
    yield "answers omitted", update(omitStages=RESPONSES)
    yield "users narrowed", update(users=["system:admin"])
    for verb in rule.get("verbs", ()):
        yield f"without {verb}", update(verbs=[one for one in rule["verbs"] if one != verb] or ["none"])
    if "nonResourceURLs" not in rule:
        yield "a namespace mistyped", update(namespaces=["kube-sytem"])
    if rule.get("resources"):
        first = rule["resources"][0]
        yield "a group mistyped", update(resources=[{**first, "group": "rbac.authorisation.k8s.io"}])
        yield (
            "a resource in the singular",
            update(resources=[{**first, "resources": [one.removesuffix("s") for one in first["resources"]]}]),
        )


# A model of the server, apart from vedette's


def asked(event: Event) -> dict[str, Any]:
    """What the server's policy is asked, from the event that came of it."""
    user, reference = event.get("user") or {}, event.get("objectRef") or {}
    name, groups = user.get("username", ""), list(user.get("groups") or [])
    if name.startswith("system:serviceaccount:"):
        groups += ["system:serviceaccounts", f"system:serviceaccounts:{name.split(':')[2]}"]
    if name and name != "system:anonymous":
        groups.append("system:authenticated")
    creates = event["verb"] == "create" and not reference.get("subresource")
    return {
        "user": name,
        "groups": groups,
        "nobody": not name,
        "verb": event["verb"],
        "path": unquote(urlsplit(event["requestURI"]).path),
        "resourceRequest": bool(reference),
        "group": reference.get("apiGroup", ""),
        "resource": reference.get("resource", ""),
        "subresource": reference.get("subresource", ""),
        "namespace": reference.get("namespace", ""),
        "name": "" if creates else reference.get("name", ""),
    }


def logged(event: Event, verdict: dict[str, Any]) -> list[Event]:
    """The log of the request that `event` is the last of."""
    level = LEVELS.index(verdict["level"])
    if not level:
        return []
    short = {
        key: value for key, value in event.items() if key not in ("responseStatus", "annotations", "impersonatedUser")
    }
    short = {key: value for key, value in short.items() if not key.endswith("Object")}
    stages = [{**short, "stage": "RequestReceived"}]
    if (event.get("objectRef") or {}).get("subresource") in LONG or event["verb"] == "watch":
        stages += [{**event, "stage": "ResponseStarted"}, {**event, "stage": "ResponseComplete"}]
    else:
        stages.append(event)
    written = []
    for one in stages:
        if one["stage"] in verdict["omitStages"]:
            continue
        lower = dict(one)
        if level < LEVELS.index(one["level"]):
            lower["level"] = verdict["level"]
        if level < LEVELS.index("Request"):
            lower.pop("requestObject", None)
        if level < LEVELS.index("RequestResponse"):
            lower.pop("responseObject", None)
        written.append(lower)
    return written


@lru_cache(maxsize=1)
def acts() -> list[tuple[str, Case, list[Event]]]:
    """(rule, case, the last event of each request): each firing case of requests whose end was recorded."""
    found = []
    for name in READING:
        for case in firing_cases(rules()[name]):
            records = [json.loads(line) for line in case.lines.splitlines()]
            if not all("auditID" in one for one in records):
                continue
            same = ("auditID", "requestReceivedTimestamp", "verb", "requestURI")
            last = {tuple(str(one.get(key)) for key in same): one for one in records}
            if all(one["stage"] != "RequestReceived" for one in last.values()):
                found.append((name, case, list(last.values())))
    return found


@cache
def said(number: int, log: str) -> str:
    """The loudest that the rule says of a log."""
    name, case, _ = acts()[number]
    settings = settings_for(case)
    found = {alert.reaction for alert in alerts_of(log.encode(), rules_under()(settings)[name], settings)}
    return next((one for one in ("fire", "attempt", "cannot_tell") if one in found), "")


def truly_blind(verdicts: list[dict[str, Any]]) -> set[str]:
    """The rules that say less of some case than they say of it as recorded."""
    given = iter(verdicts)
    blind = set()
    for number, (name, _, events) in enumerate(acts()):
        log = [line for event in events for line in logged(event, next(given))]
        if name in blind:
            continue
        loud = ["", "cannot_tell", "attempt", "fire"]
        whole = "".join(json.dumps(event) + "\n" for event in events)
        left = "".join(json.dumps(event) + "\n" for event in log)
        if loud.index(said(number, left)) < loud.index(said(number, whole)):
            blind.add(name)
    return blind


def test_each_mutant_is_named_with_the_rules_that_it_blinds(binary: str) -> None:
    """Of more than 40 policies that blind something each is named just so, and none that blinds nothing is blamed."""
    made = list(mutants())
    requests = [asked(event) for _, _, events in acts() for event in events]
    texts = [HEALTHY, *(yaml.safe_dump(policy, sort_keys=False) for _, policy in made)]
    given = answers(binary, [(text, requests) for text in texts])
    assert truly_blind(given[0]["verdicts"]) == set()
    wrong: list[str] = []
    blinding = 0
    for (what, _), text, answer in zip(made, texts[1:], given[1:], strict=True):
        true = truly_blind(answer["verdicts"])
        named = {name for name in READING if emitted(name, text).state is State.BLIND}
        blinding += bool(true)
        if named != true:
            wrong.append(f"{what}: blinds {sorted(true)}, named {sorted(named)}")
    assert wrong == []
    assert blinding >= 40
