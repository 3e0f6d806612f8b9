"""Each kind of difference between LogQL and vedette's engine, and lines that differed once and do no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from oracles.logql import Oracle, program
from tests.parity.differences import KINDS
from tests.parity.generated_lines import kube_event
from tests.parity.judging import Judged, Judges

from vedette.rule import (
    AllOf,
    Detection,
    FieldPath,
    Node,
    Not,
    Op,
    Regex,
    Severity,
    Test,
    Text,
    Wild,
)

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """The program, running, or a reason to skip."""
    binary = program()
    if binary is None:
        pytest.skip("no logql-oracle among the built parts (lab/parts/build.sh loki FOLDER logql-oracle)")
    with Oracle(binary) as running:
        yield running


def field(name: str) -> FieldPath:
    """A field's path."""
    return FieldPath(name, tuple(name.split(".")))


def has(name: str, *texts: str) -> Test:
    """The field is one of `texts`."""
    return Test(field(name), Op.EQUALS, tuple(Text((text,) if text else ()) for text in texts), cased=True)


def there(name: str) -> Test:
    """The field is there."""
    return Test(field(name), Op.EXISTS, (True,))


def judged(oracle: Oracle, node: Node, line: bytes, log: str = "kube_audit") -> Judged:
    """What both say of one line."""
    found = Judged()
    Judges(oracle).judge(Detection("X", "id", "A title", Severity.WARNING, log, node), [line], found)
    return found


ANY_VERB = Not(has("verb", "nothing"))
DEEP = kube_event(zz=0).replace(b'"zz": 0', b'"zz": ' + b"[" * 10_001 + b"]" * 10_001)
DEEPER_THAN_100 = kube_event(level="RequestResponse", requestObject={"a": {"b": 1}, "c": 0}).replace(
    b'"c": 0', b'"c": ' + b"[" * 350 + b"]" * 350
)
PATCH = kube_event(
    verb="patch",
    level="RequestResponse",
    requestObject=[{"op": "add", "path": "/rules", "value": [{"verbs": ["get"]}]}],
    responseObject={"kind": "Status"},
    objectRef={"resource": "roles", "apiGroup": "rbac.authorization.k8s.io"},
)
NO_VERB = json.dumps({key: value for key, value in json.loads(kube_event()).items() if key != "verb"}).encode()
CASES: tuple[tuple[str, Node, bytes], ...] = (
    ("wrapped", ANY_VERB, kube_event() + b","),
    ("type", has("verb", "list"), kube_event(verb=["list"])),
    ("number", has("requestObject.n", "3.0"), kube_event(requestObject={"n": 3.0})),
    (
        "type and number",
        AllOf((has("requestObject.n", "3"), Not(has("userAgent", "x")))),
        kube_event(requestObject={"n": 3.0}, userAgent=["x"]),
    ),
    ("bytes", ANY_VERB, kube_event(requestURI="/%e2%82", objectRef=None)),
    ("patch", has("objectAfter.rules.verbs", "get"), PATCH),
    ("depth in Go", ANY_VERB, DEEP),
    ("depth in vedette", has("requestObject.x", "1"), DEEPER_THAN_100),
    ("escaped kind", Not(has("level", "x")), NO_VERB.replace(b'"Event"', b'"\\u0045vent"')),
)


@pytest.mark.parametrize(("kind", "node", "line"), CASES, ids=[kind for kind, *_ in CASES])
def test_each_kind_is_real(oracle: Oracle, kind: str, node: Node, line: bytes) -> None:
    """There is a line that shows it; a kind that no line shows would explain faults away."""
    found = judged(oracle, node, line)
    assert dict(found.kinds) == {kind: 1}
    assert found.faults == []


def test_no_kind_is_without_a_line() -> None:
    """The table has them all."""
    assert {kind for kind, *_ in CASES} == KINDS.keys()


def entry(**fields: Any) -> bytes:
    """A journal entry of sshd's."""
    known = {"_SYSTEMD_UNIT": "ssh.service", "_COMM": "sshd-session", "_UID": "0", "_HOSTNAME": "pve"}
    return json.dumps({**known, **fields}).encode()


ACCEPTED = has("event", "accepted")
LOGIN = "Accepted publickey for root from 203.0.113.9 port 22 ssh2"
IN_BYTES = list(LOGIN.replace("root", "röt").encode("latin-1"))
ONCE: tuple[tuple[str, str, Node, bytes], ...] = (
    (
        "a URL that is no resource",
        "kube_audit",
        has("object", "/vers ion"),
        kube_event(requestURI="/vers%20ion?x", objectRef=None),
    ),
    ("bytes in a URL", "kube_audit", ANY_VERB, kube_event(requestURI="/%ff", objectRef={"name": ""})),
    ("a tab in an address", "kube_audit", there("clientIPs"), kube_event(sourceIPs=["\t10.0.20.1 ", "a\"b\\'"])),
    ("U+FFFD in a name", "kube_audit", ANY_VERB, kube_event(user={"username": "a\ufffdb\ud800"})),
    ("a byte order mark", "kube_audit", ANY_VERB, b"\xef\xbb\xbf" + kube_event() + b"\0"),
    (
        "a long s is no s at the begin",
        "kube_audit",
        Test(field("userAgent"), Op.EQUALS, (Text(("s", Wild.MANY)),)),
        kube_event(userAgent="\u017fx"),
    ),
    ("a type without text", "vault_audit", there("path"), b'{"type": "", "request": {"path": "sys/x"}}'),
    (
        "a unit separator at a path's end",
        "vault_audit",
        there("path"),
        b'{"type": "request", "request": {"path": "x\\u001f"}}',
    ),
    (
        "a number among texts",
        "vault_audit",
        Test(field("auth.policies"), Op.SUBSETOF, (field("auth.token_policies"),)),
        b'{"type": "request", "request": {"path": "x"}, "auth": {"policies": ["a", 1], "token_policies": ["a"]}}',
    ),
    ("blanks before a line", "sshd", ACCEPTED, b" \tNov 23 08:56:50 pve sshd[8]: " + LOGIN.encode()),
    ("a message as bytes", "sshd", AllOf((ACCEPTED, there("user"))), entry(MESSAGE=IN_BYTES)),
    (
        "blanks around its colon",
        "sshd",
        ACCEPTED,
        entry(MESSAGE=IN_BYTES).replace(b'"MESSAGE":', b'"MESSAGE"\t:\r'),
    ),
    ("the program's own name", "sshd", AllOf((ACCEPTED, has("program", "sshd-session"))), entry(MESSAGE=LOGIN)),
    ("no host", "sshd", AllOf((ACCEPTED, Not(there("host")))), entry(MESSAGE=LOGIN, _HOSTNAME="")),
    ("an outcome", "sshd", AllOf((ACCEPTED, has("outcome", "done"))), entry(MESSAGE=LOGIN)),
    (
        "no address",
        "sshd",
        AllOf((ACCEPTED, Test(field("address"), Op.REGEX, (Regex("^10"),)))),
        entry(MESSAGE="Accepted google_authenticator for root"),
    ),
)


@pytest.mark.parametrize(("what", "log", "node", "line"), ONCE, ids=[what for what, *_ in ONCE])
def test_what_differed_once_is_equal(oracle: Oracle, what: str, log: str, node: Node, line: bytes) -> None:
    """Both judge it, and alike."""
    found = judged(oracle, node, line, log)
    assert found.cases == 1, what
    assert (found.faults, dict(found.kinds)) == ([], {})
