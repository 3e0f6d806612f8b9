"""Lines of the three logs made at random from the pack's cases and the recorded examples."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.parity.odd_json import ADDRESSES, PIECES, broken, changed, heavy, written
from vedette import app
from vedette.cases import cases_of
from vedette.formats import FORMATS
from vedette.formats.base import Ignored, Unreadable

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples" / "logs"
_FILES = {"kube_audit": "kube-audit.jsonl", "vault_audit": "vault-audit.jsonl", "sshd": "auth.log"}
_LONGEST = 20_000


@lru_cache(maxsize=3)
def recorded(name: str) -> tuple[bytes, ...]:
    """Distinct lines of format `name` from all cases and from the examples."""
    form = FORMATS[name]()
    found: dict[bytes, None] = {}
    rules = app.load_rules(app.load_settings(None)).rules
    lines = [line for rule in rules for case in cases_of(rule) for line in case.lines.splitlines()]
    for line in [*lines, *(EXAMPLES / _FILES[name]).read_bytes().splitlines()[::7]]:
        if len(line) < _LONGEST:
            try:
                form.read(line)
            except (Unreadable, Ignored):
                continue
            found[line] = None
    return tuple(found)


@lru_cache(maxsize=3)
def objects(name: str) -> tuple[dict[str, Any], ...]:
    """Those of them that are JSON objects, decoded."""
    found = []
    for line in recorded(name):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            found.append(value)
    return tuple(found)


def lines_near(chance: random.Random, name: str, base: bytes, wanted: Sequence[str], count: int) -> list[bytes]:
    """`count` lines of format `name`: `base`, some much like it, some like others; `wanted`: keys to change."""
    found = [base]
    while len(found) < count:
        line = base if chance.random() < 0.6 else chance.choice(recorded(name))
        made = _one(chance, name, line, wanted)
        if b"\n" not in made:
            found.append(made)
    return found


def _one(chance: random.Random, name: str, line: bytes, wanted: Sequence[str]) -> bytes:
    others = objects(name)
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if isinstance(value, dict) and others:
        made = changed(chance, value, others, wanted)
        line = written(chance, made).encode("utf-8", "surrogatepass")
        if chance.random() < 0.004:
            line = heavy(chance, line)
    elif name == "sshd":
        line = _text_line(chance, line.decode("utf-8", "replace")).encode("utf-8", "surrogatepass")
    return broken(chance, line) if chance.random() < 0.1 else line


_WORDS = ("root", "invalid user x", "illegal user y", "a from 10.0.0.1 port 22", "", " ", "user name", "me: ECDSA x")
_ENDS = (
    " ssh2",
    " ssh",
    "",
    " [preauth]",
    ": ED25519 SHA256:abc",
    ": RSA MD5:aa:bb",
    " ssh2: ECDSA-CERT SHA256:x ID a (serial 1) CA b c",
)
_HEADS = (
    *("Nov 23 08:56:50 ", "2026-11-23T08:56:50+00:00 ", "<38>Nov 23 08:56:50 ", "<38>1 2026-11-23T08:56:50Z ", ""),
    *("Nov  3 8:56:50 ", "Mon Nov 23 08:56:50 2026 ", "1763888210.123 ", "Nov 23 2026 08:56:50.123 "),
)
_NAMES = (
    "sshd[812]: ",
    "sshd-session[8]: ",
    "sshd: ",
    "sshd[8] ",
    "[sshd]: ",
    "sudo[9]: ",
    "sshd-auth: ",
    "sshdx[1]: ",
    "",
)


def _text_line(chance: random.Random, line: str) -> str:
    match chance.randrange(5):
        case 0:
            at = chance.randint(0, len(line))
            return line[:at] + chance.choice(PIECES) + line[at:]
        case 1:
            words = line.split(" ")
            words[chance.randrange(len(words))] = chance.choice((*_WORDS, *ADDRESSES)).replace("\n", " ")
            return " ".join(words)
        case 2:
            head, name, host = chance.choice(_HEADS), chance.choice(_NAMES), chance.choice(("pve ", "a.b ", "", "- "))
            method = chance.choice(("publickey", "password", "keyboard-interactive/pam", "none", "hostbased"))
            verb = chance.choice(("Accepted", "Accepted", "Accepted", "Failed", "accepted"))
            address = chance.choice(ADDRESSES).replace("\n", " ")
            who, port = chance.choice(_WORDS), chance.choice((" port 22", " port x", ""))
            return f"{head}{host}{name}{verb} {method} for {who} from {address}{port}{chance.choice(_ENDS)}"
        case 3:
            return line.replace(" ", chance.choice(("  ", "\t", "\xa0", "\x85")), chance.randint(1, 3))
        case _:
            return line


def kube_event(**fields: Any) -> bytes:
    """An event of the audit log, done, with `fields` in it; lone surrogates are escaped."""
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "1",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/a/pods",
        "verb": "list",
        "user": {"username": "somebody"},
        "sourceIPs": ["10.0.20.17"],
        "objectRef": {"resource": "pods", "namespace": "a"},
        "responseStatus": {"code": 200},
        **fields,
    }
    return json.dumps(event).encode()
