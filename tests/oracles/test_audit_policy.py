"""kube-apiserver's own package says the same of every policy: taken or refused, and what is written of each request.

The policies are made from a seed, the malformed ones too. Where vedette reads less than the server does (a key that
stands twice, a merge key, several documents), none is generated; policy_reading.py names them.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.proof.policies import Maker

from vedette.proof.audit_policy import AuditPolicy, Request
from vedette.proof.policy_reading import PolicyError, read_policy

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from oracles.audit_policy import answers, program

pytestmark = pytest.mark.oracle
POLICIES = 1_100
REQUESTS = 100
"""A policy: 110,000 pairs."""
MALFORMED = 4_000


@pytest.fixture(scope="module")
def binary() -> str:
    """The program, or a reason to skip."""
    found = program()
    if found is None:
        pytest.skip("no audit-policy-oracle (lab/parts/build.sh kube-apiserver FOLDER audit-policy-oracle)")
    return found


def asked(request: dict[str, Any]) -> Request:
    """A generated request as vedette has it."""
    return Request(
        user=None if request["nobody"] else request["user"],
        groups=tuple(request["groups"]),
        verb=request["verb"],
        of_resource=request["resourceRequest"],
        path=request["path"],
        group=request.get("group", ""),
        resource=request.get("resource", ""),
        subresource=request.get("subresource", ""),
        namespace=request.get("namespace", ""),
        name=request.get("name", ""),
    )


def judged(policy: AuditPolicy, request: dict[str, Any]) -> dict[str, Any]:
    """What vedette says, in the oracle's form."""
    written = policy.written(asked(request))
    return {
        "level": str(written.level),
        "omitStages": sorted(written.omitted),
        "omitManagedFields": written.without_managed_fields,
    }


def said(verdict: dict[str, Any]) -> dict[str, Any]:
    """What the oracle says; the server keeps a stage twice that stands twice."""
    return {**verdict, "omitStages": sorted(set(verdict["omitStages"]))}


def test_every_request_is_written_as_the_server_writes_it(binary: str) -> None:
    """Level, omitted stages and omitted fields are the server's for 110,000 pairs of policy and request."""
    maker = Maker(6)
    questions = [
        (yaml.safe_dump(maker.policy(), sort_keys=False), [maker.request() for _ in range(REQUESTS)])
        for _ in range(POLICIES)
    ]
    differences: list[str] = []
    levels: Counter[str] = Counter()
    pairs = 0
    for (text, requests), answer in zip(questions, answers(binary, questions), strict=True):
        policy = read_policy(text, "policy.yaml")
        for request, theirs in zip(requests, answer["verdicts"], strict=True):
            pairs += 1
            levels[theirs["level"]] += 1
            if judged(policy, request) != said(theirs):
                differences.append(f"{text}\n{request}: {judged(policy, request)}, the server {theirs}")
    assert differences == []
    assert pairs >= 100_000
    assert min(levels[name] for name in ("None", "Metadata", "Request", "RequestResponse")) > pairs / 20


def test_a_policy_is_refused_where_the_server_refuses_it(binary: str) -> None:
    """Of malformed policies the same are taken, and those are read as the server reads them."""
    maker = Maker(7)
    questions = [(maker.malformed(), [maker.request() for _ in range(5)]) for _ in range(MALFORMED)]
    differences: list[str] = []
    outcomes: Counter[bool] = Counter()
    for (text, requests), answer in zip(questions, answers(binary, questions), strict=True):
        theirs = answer.get("error", "")
        outcomes[not theirs] += 1
        try:
            policy = read_policy(text, "policy.yaml")
        except PolicyError as error:
            if not theirs or not error.problems:
                differences.append(f"{text}\nrefused ({error}), the server takes it")
            continue
        if theirs:
            differences.append(f"{text}\ntaken, the server refuses it: {theirs}")
        elif [judged(policy, request) for request in requests] != [said(one) for one in answer["verdicts"]]:
            differences.append(f"{text}\nread otherwise than the server")
    assert differences == []
    assert min(outcomes.values()) > MALFORMED / 10
