"""rsigma, an engine of other people's making, finds the same matches: by the pack's rules and by generated ones.

vedette judges in three values and rsigma in two, so an event that vedette cannot judge is left out. Where the two
differ on purpose, DIFFERENCES says why.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from vedette import app, sigma
from vedette.cases import SETTINGS, cases_of
from vedette.engine.compare import Verdict
from vedette.engine.matcher import Matcher
from vedette.event import Event, Outcome
from vedette.formats import FORMATS, SCHEMAS
from vedette.formats.base import Format, Unreadable
from vedette.rule import Detection
from vedette.schema import Field, FieldType, Schema

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from oracles.rsigma import CannotSay, Rewriter, cidrs, program, verdicts  # noqa: E402

pytestmark = pytest.mark.oracle
LEFT_OUT = {"a correlation", "subsetof"}


@pytest.fixture(scope="module")
def binary() -> str:
    """The program, or a reason to skip."""
    found = program()
    if found is None:
        pytest.skip("rsigma is not installed (cargo install --locked rsigma, or VEDETTE_RSIGMA=its path)")
    return found


@dataclass(frozen=True)
class Judged:
    """What both say of some detections and events."""

    ours: dict[tuple[str, int], Verdict]
    """(rule id, event) -> verdict, for events of the detection's format."""
    theirs: set[tuple[str, int]]

    def differences(self) -> list[tuple[str, int]]:
        """Where vedette is certain and rsigma says otherwise."""
        return sorted(
            pair for pair, verdict in self.ours.items() if verdict is not None and verdict != (pair in self.theirs)
        )


def judged(
    binary: str, documents: list[dict[str, Any]], matchers: Mapping[str, Matcher], events: list[Event]
) -> Judged:
    """Both engines on the same fields of the same events."""
    known = {document["id"] for document in documents}
    ours = {
        (detection.id, number): verdict
        for number, event in enumerate(events)
        if event.format in matchers
        for detection, verdict in matchers[event.format].verdicts(event)
        if detection.id in known
    }
    return Judged(ours, verdicts(binary, documents, [event.fields for event in events]))


# The pack


def pack_documents() -> tuple[list[dict[str, Any]], Counter[str], dict[str, str]]:
    """The pack's detections in rsigma's words; why others are left out; names by id."""
    settings = app.load_settings(str(SETTINGS))
    networks = {name: cidrs(found.v4, found.v6) for name, found in settings.site_networks().items()}
    formats = {tuple(sorted(schema.logsource.items())): schema for schema in SCHEMAS.values()}
    documents: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    names: dict[str, str] = {}
    for file in app.pack_files():
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            try:
                schema = formats[tuple(sorted(document["logsource"].items()))] if "logsource" in document else None
                aliases = schema.aliases if schema else {}
                documents.append(Rewriter(settings.site_texts(), networks, aliases).document(document))
                names[document["id"]] = document["name"]
            except CannotSay as reason:
                left_out[str(reason)] += 1
    return documents, left_out, names


def pack_matchers() -> dict[str, Matcher]:
    """The pack without the settings' automation and exceptions."""
    settings = app.load_settings(str(SETTINGS))
    site = sigma.Site(settings.site_texts(), settings.site_networks())
    loaded = sigma.load(app.pack_files(), SCHEMAS, site, [])
    detections: list[Detection] = [detection for rule in loaded.rules for detection in rule.detections]
    return {
        name: Matcher([(n, one) for n, one in enumerate(detections) if one.format == name], (), schema)
        for name, schema in SCHEMAS.items()
    }


def recorded_events() -> Iterator[Event]:
    """Every event of the examples and of all rules' cases, decoded whole; what cannot be read is left out."""
    formats: dict[str, Format] = {name: kind(()) if name == "kube_audit" else kind() for name, kind in FORMATS.items()}
    lines: list[tuple[str, bytes]] = []
    for name, file in (
        ("kube_audit", "kube-audit.jsonl"),
        ("vault_audit", "vault-audit.jsonl"),
        ("sshd", "auth.log"),
        ("observation", "observations.jsonl"),
    ):
        lines += [(name, line) for line in (ROOT / "examples" / "logs" / file).read_bytes().splitlines()]
    settings = app.load_settings(None)
    for rule in app.load_rules(settings).rules:
        for case in cases_of(rule):
            lines += [(name, line) for line in case.lines.splitlines() for name in formats]
    for name, line in lines:
        try:
            event = formats[name].read(line)
            json.dumps(event.fields)
        except (Unreadable, TypeError, RecursionError):
            continue
        yield event


ADDRESS_FORMS = re.compile(rb'::ffff:|%eth0|"\d+\.\d+\.\d+\.\d+:\d+"')
"""IPv4-mapped addresses, zones and host:port: the addresses that they are to vedette, none to rsigma's cidr."""


def test_the_pack_matches_what_rsigma_matches(binary: str) -> None:
    """Every rule of the pack that rsigma can say meets the same events of the recordings and of all cases."""
    documents, left_out, names = pack_documents()
    events = list(recorded_events())
    found = judged(binary, documents, pack_matchers(), events)
    unexplained = [(rule, n) for rule, n in found.differences() if not ADDRESS_FORMS.search(events[n].raw)]
    assert [(names[rule], events[n].raw[:300]) for rule, n in unexplained] == []
    assert set(left_out) <= LEFT_OUT
    matched = {names[rule] for rule, _ in found.theirs}
    assert {name.partition(".")[0] for name in matched} >= {"K2", "K3", "K4", "K7", "K8", "K9", "V1", "V2", "S1"}
    assert sum(verdict is None for verdict in found.ours.values()) < len(found.ours) / 20


# Generated rules on generated events

TYPES = {
    "text": FieldType.TEXT,
    "other": FieldType.TEXT,
    "number": FieldType.NUMBER,
    "flag": FieldType.BOOL,
    "address": FieldType.ADDRESS,
    "names": FieldType.TEXTS,
    "object": FieldType.OBJECT,
    "items": FieldType.OBJECT,
}
TOY = Schema(
    "toy",
    {"product": "toy", "service": "toy"},
    {name: Field(name, kind, "A field of the test.") for name, kind in TYPES.items()},
)
WORDS = [
    "alpha",
    "Alpha",
    "ALPHABET",
    "beta",
    "a*c",
    "abc",
    "a?c",
    "über",
    "two words",
    "x" * 40,
    "7",
    "true",
    "back\\slash",
    "$HOME",
    "a.c",
    "%percent",
]
PATTERNS = [
    "alpha",
    "al*",
    "*pha*",
    "?lpha",
    "a\\*c",
    "a\\?c",
    "a?c",
    "*",
    "beta",
    "ÜBER",
    "two *",
    "back\\\\slash",
    "back\\slash",
    "$home",
    "a.c",
    "%percent",
    "7",
]
REGEXES = ["^al", "pha$", "a.c", "[0-9]+", "^$", "(alpha|beta)", "\\s", "ü"]
ADDRESSES = ["10.0.0.1", "10.0.1.1", "192.0.2.7", "2001:db8::1", "127.0.0.1"]
CIDRS = ["10.0.0.0/24", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]


class Maker:
    """Makes rules and events from one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def some(self, things: list[Any], least: int = 1, most: int = 3) -> Any:
        """One thing, or a list of several."""
        count = self.rng.randint(least, most)
        return self.rng.choice(things) if count == 1 else self.rng.sample(things, count)

    def text_item(self, name: str) -> tuple[str, Any]:
        """A test on a text."""
        kind = self.rng.choice(
            ["", "contains", "startswith", "endswith", "re", "re|i", "contains|all", "exists", "null", "fieldref"]
        )
        cased = self.rng.choice(["", "|cased"]) if kind in {"", "contains", "startswith", "endswith"} else ""
        if kind.startswith("re"):
            return f"{name}|{kind}", self.some(REGEXES)
        if kind == "exists":
            return f"{name}|exists", self.rng.random() < 0.5
        if kind == "null":
            return name, None
        if kind == "fieldref":
            return f"{name}|fieldref", "other" if name != "other" else "text"
        values = self.some(PATTERNS, 2 if kind == "contains|all" else 1)
        return f"{name}{cased}" + (f"|{kind}" if kind else ""), values

    def item(self) -> tuple[str, Any]:
        """A test on any field."""
        kind = self.rng.choice(["text", "text", "other", "names", "number", "flag", "address", "object", "block"])
        if kind in {"text", "other", "names"}:
            name, value = self.text_item(kind)
            return (name, value) if "fieldref" not in name or kind != "names" else ("names", self.some(PATTERNS))
        if kind == "object":
            return self.text_item(self.rng.choice(["object.inner", "items.name"]))
        if kind == "number":
            op = self.rng.choice(["", "|gt", "|gte", "|lt", "|lte"])
            return f"number{op}", self.rng.choice([0, 1, 7, -3, 2.5])
        if kind == "flag":
            return "flag", self.rng.random() < 0.5
        if kind == "address":
            return "address|cidr", self.some(CIDRS)
        quantifier = self.rng.choice(["any", "all", "all_or_empty", "none"])
        body = {"name": self.some(WORDS[:4]), **({"kind|startswith": "k"} if self.rng.random() < 0.5 else {})}
        return f"items[{quantifier}]", body

    def rule(self, number: int) -> dict[str, Any]:
        """A Sigma rule."""
        selections = {
            f"sel_{n}": dict(self.item() for _ in range(self.rng.randint(1, 2))) for n in range(self.rng.randint(1, 3))
        }
        names = list(selections)
        condition = self.rng.choice(
            [f" {self.rng.choice(['and', 'or'])} ".join(names), "1 of sel_*", "all of sel_*", "all of them"]
        )
        if self.rng.random() < 0.4:
            condition = f"not ({condition})"
        return {
            "title": f"Generated {number}",
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "sigma-version": 3,
            "logsource": dict(TOY.logsource),
            "detection": {**selections, "condition": condition},
            "level": "low",
        }

    def event(self) -> dict[str, Any]:
        """A record: fields of their right types, now and then null or absent."""
        rng = self.rng

        def item() -> dict[str, str]:
            return {"name": rng.choice(WORDS[:4]), "kind": rng.choice(["k1", "other"])}

        fields: dict[str, Any] = {
            "text": rng.choice(WORDS),
            "other": rng.choice(WORDS),
            "number": rng.choice([0, 1, 2, 7, -3, 2.5]),
            "flag": rng.random() < 0.5,
            "address": rng.choice(ADDRESSES),
            "names": rng.sample(WORDS, rng.randint(0, 3)),
            "object": {"inner": rng.choice(WORDS)},
            "items": [item() for _ in range(rng.randint(0, 3))],
        }
        for name in list(fields):
            if rng.random() < 0.12:
                del fields[name]
            elif rng.random() < 0.06:
                fields[name] = None
        return fields


def toy_event(fields: dict[str, Any]) -> Event:
    """A record as the engine sees it."""
    raw = json.dumps(fields).encode()
    return Event("toy", raw, 0, "act", final=True, outcome=Outcome.DONE, fields=fields)


@dataclass(frozen=True)
class Difference:
    """A way in which the two differ on purpose."""

    reason: str
    seen: Callable[[str, Mapping[str, Any]], bool]
    """(the detection as JSON, the event's fields) -> may it show here?"""


DIFFERENCES = {
    "empty list": Difference(
        "An empty list holds no value, so it is as absent as null; rsigma takes it for a value that exists.",
        lambda text, fields: fields.get("names") == [] and ('"names|exists"' in text or '"names": null' in text),
    ),
    "wildcard at an end": Difference(
        "A wildcard in a startswith or endswith leaves the other end anchored; rsigma then looks anywhere in the text.",
        lambda text, _: re.search(r'\|(?:starts|ends)with": (?:\[[^\]]*)?"(?:[^"\\]*[?*])', text) is not None,
    ),
    "fieldref into a list": Difference(
        "A plain path enters lists, before fieldref as before any other modifier; rsigma's fieldref does not.",
        lambda text, fields: '"items.name|fieldref"' in text and bool(fields.get("items")),
    ),
    "fieldref between nulls": Difference(
        "Two fields without a value are not equal values; rsigma says that null equals null.",
        lambda text, fields: (
            "|fieldref" in text and "text" in fields and "other" in fields and fields["text"] is fields["other"] is None
        ),
    ),
}


def generated(binary: str, seed: int, folder: Path) -> tuple[Judged, dict[str, str], list[Event]]:
    """Rules and events of one seed, judged; the rules' detections as JSON by id; the events."""
    maker = Maker(seed)
    documents = [maker.rule(number) for number in range(250)]
    files = []
    for number, document in enumerate(documents):
        files.append(folder / f"{number:04d}.yml")
        files[-1].write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    loaded = sigma.load(files, {"toy": TOY}, sigma.Site(), [], unproven=True)
    read = [detection for rule in loaded.rules for detection in rule.detections]
    taken = {detection.id for detection in read}
    kept = [document for document in documents if document["id"] in taken]
    events = [toy_event(maker.event()) for _ in range(150)]
    found = judged(binary, kept, {"toy": Matcher(list(enumerate(read)), (), TOY)}, events)
    return found, {document["id"]: json.dumps(document["detection"]) for document in kept}, events


def test_generated_rules_match_what_rsigma_matches(binary: str, tmp_path: Path) -> None:
    """Rules made of every standard modifier and array block meet the same made-up events in both engines."""
    unexplained: list[str] = []
    explained: Counter[str] = Counter()
    for seed in range(4):
        found, rules, events = generated(binary, seed, tmp_path)
        assert len(rules) > 200
        assert len(found.theirs) > 1000
        for rule, number in found.differences():
            fields = events[number].fields
            names = [name for name, one in DIFFERENCES.items() if one.seen(rules[rule], fields)]
            explained.update(names)
            if not names:
                unexplained.append(f"{rules[rule]} on {json.dumps(fields)}: vedette says {found.ours[rule, number]}")
    assert unexplained == []
    assert set(explained) == set(DIFFERENCES)
