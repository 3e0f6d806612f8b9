"""The rendered rules on a real Loki: every case of the pack, odd lines and addresses, and what a fault would do."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lab.built import part

from tests.render.test_logql_filter import respelled, some
from tests.scans import SETTINGS
from vedette import app, cases_loki
from vedette.cases import Case, cases_of, settings_for
from vedette.cases_loki import OnLoki, run_on_loki
from vedette.clients.base import Http
from vedette.clients.loki import LokiClient
from vedette.loki_process import LokiProcess
from vedette.network import Networks
from vedette.render.logql_rule import Rendered, render_rule
from vedette.render.logql_template import Code, inside
from vedette.render.ruler import groups_file
from vedette.rule import Rule

CARRIED = 850
"""Cases that Loki judges, at least; the others need an observation, a later line, or what no template can say."""


@pytest.fixture(scope="module")
def pack() -> Mapping[str, Rule]:
    """The pack under the settings of the cases."""
    loaded = app.load_rules(app.load_settings(str(SETTINGS)), unproven=True)
    return {rule.name: rule for rule in loaded.rules}


def test_every_case_of_the_pack(client: LokiClient, pack: Mapping[str, Rule]) -> None:
    """What Loki says is what the engine says, case by case; what it cannot judge is not counted as right."""
    results = list(run_on_loki(pack.values(), app.rules_under(), client))
    assert [f"{one.rule} {one.case.name}: {one.fault}" for one in results if one.fault] == []
    assert sum(not one.refused for one in results) >= CARRIED
    judged = Counter(one.rule for one in results if not one.refused and one.case.fires)
    assert all(judged[name] >= 5 for name in pack if name not in ("K6", "K10", "V3"))


def test_odd_records_are_judged_as_the_engine_does(
    client: LokiClient, pack: Mapping[str, Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of the cases with members taken out, emptied, or swapped with others'."""
    chance = random.Random(5)
    for name in ("K2", "K3", "K4", "K7", "K8", "V1", "V2", "V4", "V6", "V7"):
        rule = dataclasses.replace(pack[name], correlations=())
        known = [case for case in cases_of(rule) if not case.settings]
        records = [record for case in known for record in decoded(case)]
        lines = [json.dumps(changed(chance, chance.choice(records), records)) for _ in range(150)]
        odd = [dataclasses.replace(known[0], name=str(at), lines=line.encode()) for at, line in enumerate(lines)]
        odd.append(dataclasses.replace(known[0], name="cut", lines=known[0].lines[:-40]))
        odd.append(dataclasses.replace(known[0], name="twice", lines=doubled(known[0].lines)))
        monkeypatch.setattr(cases_loki, "cases_of", partial(lambda odd, _: odd, odd))
        results = list(run_on_loki([rule], partial(lambda rule, _: {rule.name: rule}, rule), client))
        assert [f"{one.rule} {one.fault} {one.case.lines!r}" for one in results if one.fault] == []
        assert len(results) == len(odd)


def test_no_spelling_walks_past_a_filter(
    client: LokiClient, pack: Mapping[str, Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases that fire, with one or two characters of their texts written as escapes, fire on Loki all the same."""
    chance = random.Random(6)
    for name in ("K3", "K4", "K5", "K8", "K9", "V1", "V2", "V4", "V6"):
        rule = dataclasses.replace(pack[name], correlations=())
        odd = []
        for case in cases_of(rule):
            if case.fires and not case.settings:
                escaped = some(chance)
                lines = [respelled(chance, record, escaped).encode() for record in decoded(case)]
                odd.append(dataclasses.replace(case, lines=b"\n".join(lines)))
        monkeypatch.setattr(cases_loki, "cases_of", partial(lambda odd, _: odd, odd))
        results = list(run_on_loki([rule], partial(lambda rule, _: {rule.name: rule}, rule), client))
        assert [f"{one.rule} {one.fault} {one.case.lines!r}" for one in results if one.fault] == []
        assert sum(not one.refused for one in results) >= 3


def decoded(case: Case) -> list[dict[str, Any]]:
    """The JSON objects of a case's lines."""
    found = []
    for line in case.lines.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            found.append(record)
    return found


def doubled(lines: bytes) -> bytes:
    """The first line with each of its keys once more before it, other values beneath: the last counts."""
    line = lines.splitlines()[0]
    keys = [key for key, value in json.loads(line).items() if not isinstance(value, dict)]
    return b"{" + b"".join(json.dumps(key).encode() + b':"x",' for key in keys) + line.lstrip()[1:]


def places(value: object, at: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Every place in a JSON value."""
    if at:
        yield at, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part_of in inner:
        yield from places(part_of, (*at, key))


def changed(chance: random.Random, record: dict[str, Any], others: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """`record` with up to three members changed."""
    made = copy.deepcopy(record)
    for _ in range(chance.randint(1, 3)):
        found = list(places(made))
        if not found:
            break
        at, value = chance.choice(found)
        holder: Any = made
        for key in at[:-1]:
            holder = holder[key]
        like: list[Any] = [
            other
            for where, other in places(chance.choice(others))
            if where[-1] == at[-1] and type(other) is type(value)
        ]
        match chance.randrange(4):
            case 0:
                del holder[at[-1]]
            case 1 if isinstance(value, str):
                holder[at[-1]] = chance.choice(["", f"{value}x", value[:-1], value.upper(), f"ö{value}"])
            case 2 if isinstance(value, list) and like:
                holder[at[-1]] = [*value, *copy.deepcopy(chance.choice(like))]
            case _ if like:
                holder[at[-1]] = copy.deepcopy(chance.choice(like))
    return made


ADDRESSES = (
    *(
        "10.0.20.1",
        "10.0.24.0",
        "::1",
        "0:0::1",
        "::2",
        "::ffff:10.0.20.9",
        "::FFFF:a00:1409",
        "::10.0.20.9",
        "[::1]:443",
    ),
    *("[::1", "[::1]x", "10.0.20.1:55", "10.0.20.1:", "10.0.20.1:123456", "fe80::1%eth0", "::1%lo", "10.0.20.1%x"),
    *("010.0.20.1", "10.0.20", "10.0.20.256", "1.2.3.4.5", ":::", "::", "1::2::3", "2001:db8:1:2:3:4:5:6:7", "g::1"),
    *(
        "2001:db8:1:2:3:4:5::",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::8",
        "12345::1",
        "host.example",
        "a..b",
        "-a.b",
        "a.b.",
    ),
    *("", " ", "\t10.0.20.1 ", "\xa010.0.20.1", "10.0.20.1\n", "x" * 63, "x" * 64, "abc." * 70, "host:99", "unknown"),
    *("1:2:3:4:5:6:1.2.3.4", "1.2.3.4::", "::01.2.3.4", "::ffff:10.0.20.9:80", "[::ffff:10.0.20.9]:80", "\u0661.2.3.4"),
)


def test_addresses_are_inside_as_the_engine_says(client: LokiClient) -> None:
    """In all their ways of writing, and in some that are none."""
    networks = Networks.of(["10.0.20.0/22", "::1/128", "fd00:10::/48", "2001:db8::/31", "::ffff:172.16.0.0/108"])
    now = time.time_ns() - 1_000_000_000
    values = [(now + at, json.dumps([text])) for at, text in enumerate(ADDRESSES)]
    client.push([({"job": "addresses"}, values)])
    code = Code()
    code.emit("{{ $v := 0 }}{{ $x := index (fromJson __line__) 0 }}")
    code.emit(inside(code, networks, "$x", "$v") + "{{ $v }}")
    entries = client.query_range(f'{{job="addresses"}} | label_format v=`{code.text()}`', now, now + 10**9, 5000)
    said = {json.loads(entry.line)[0]: json.loads(entry.labels)["v"] for entry in entries}
    number = {True: "2", False: "0", None: "1"}
    assert said == {text: number[networks.contains(text)] for text in ADDRESSES}


Change = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("K3", lambda text: text.replace(":= min 2", ":= max 2")),
        ("K3", lambda text: text.replace('"RequestReceived"', '"Nothing"')),
        ("K2", lambda text: text.replace('"00000000000000000000ffff"', '"x"')),
        ("K4", lambda text: text.replace(":= sub 2", ":= sub 1")),
        ("V4", lambda text: text.replace(r"(?s)^(?:", "(?s)(?:")),
        ("V5", lambda text: text.replace("> 10", "> 9")),
        ("K7", lambda text: text.replace('"\\*"', '"x"').replace('"*"', '"x"')),
    ],
    ids=["and_as_or", "any_stage", "mapped_addresses", "negation", "anchors", "threshold", "literal"],
)
def test_a_fault_in_the_query_makes_a_case_fail(
    client: LokiClient, pack: Mapping[str, Rule], monkeypatch: pytest.MonkeyPatch, name: str, change: Change
) -> None:
    """The cases are strong enough to see it."""

    def faulty(rule: Rule, *args: Any, **words: Any) -> Rendered:
        right = render_rule(rule, *args, **words)
        for which in ("queries", "counts"):
            altered = [
                dataclasses.replace(one, logs=change(one.logs), metric=change(one.metric))
                for one in getattr(right, which)
            ]
            setattr(right, which, altered)
        return right

    monkeypatch.setattr(cases_loki, "render_rule", faulty)
    results: list[OnLoki] = list(run_on_loki([pack[name]], app.rules_under(), client))
    assert any(one.fault for one in results)


def test_a_line_that_fails_a_template_does_not_end_a_rule(client: LokiClient) -> None:
    """Without the last stage one such line makes the whole metric query fail."""
    now = time.time_ns() - 1_000_000_000
    client.push([({"job": "failing"}, [(now, "[]"), (now + 1, '{"a": {"b": 1}}')])])
    template = "{{ $r := fromJson __line__ }}{{ $r.a.b }}"
    metric = f'sum(count_over_time({{job="failing"}} | label_format v=`{template}`%s [5m])) > 0'
    with pytest.raises(Exception, match="TemplateFormatErr"):
        client.vector(metric % "", now + 10**9)
    assert client.vector(metric % ' | __error__=""', now + 10**9) == [{}]


def reached(rule: Rule, name: str) -> list[tuple[int, str]]:
    """The lines of a case that reaches the threshold of a correlation, as if they came now."""
    for number, case in enumerate(cases_of(rule)):
        settings = settings_for(case)
        run = cases_loki._prepared(case, rule, settings, str(number))
        if not case.settings and run.expected == {(name, "fire")}:
            return cases_loki._stamped(run.lines)
    pytest.fail(f"no case of {name} reaches its threshold")


def test_the_ruler_loads_and_evaluates_the_whole_file(
    pack: Mapping[str, Rule], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every group is there, each rule is well, and a threshold that is reached fires."""
    monkeypatch.setenv("VEDETTE_PARTS", str(part("loki").parent))
    proxies = [(one.identities, one.networks) for one in app.load_settings(str(SETTINGS)).proxies()]
    text = groups_file([(rule, render_rule(rule, proxies)) for rule in pack.values()])
    (tmp_path / "rules.yaml").write_text(text, "utf-8")
    expected = text.count("- name: vedette-")
    http = Http(timeout=10)
    with LokiProcess(text) as server:
        deadline = time.monotonic() + 90
        while True:
            body = json.loads(http.request("GET", f"{server.url}/prometheus/api/v1/rules").body)
            rules = [rule for group in body["data"]["groups"] for rule in group["rules"]]
            states = Counter(rule["health"] for rule in rules)
            if (len(body["data"]["groups"]) == expected and set(states) == {"ok"}) or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        # Thresholds reached: the ruler itself tells of them.
        client = LokiClient(server.url)
        for name, job in (("K5", "kube-audit"), ("V5", "vault-audit")):
            client.push([({"job": job}, reached(pack[name], name))])
        client.close()
        told: set[str] = set()
        deadline = time.monotonic() + 60
        while not told >= {"VedetteK5", "VedetteV5"} and time.monotonic() < deadline:
            time.sleep(0.5)
            alerts = json.loads(http.request("GET", f"{server.url}/prometheus/api/v1/alerts").body)["data"]["alerts"]
            told |= {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"}
    http.close()
    assert told >= {"VedetteK5", "VedetteV5"}
    assert len(body["data"]["groups"]) == expected
    assert set(states) == {"ok"}, [rule.get("lastError") for rule in rules if rule["health"] == "err"]
