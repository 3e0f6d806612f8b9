"""The walk through Alertmanager's routes, against amtool and a running Alertmanager on generated trees."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.alertmanager import AlertmanagerServer, alertmanager

from vedette.clients.alertmanager_routes import BadMatcher, Matcher, Routing, parse_matchers, read_routing, seconds
from vedette.clients.base import Http
from vedette.yaml_text import read_documents

AMTOOL = shutil.which("amtool") or ""
TREES = 300
RELOADS, ALERTS = 30, 40
NAMES = ("alertname", "severity", "rule_id", "cluster", "absent")
VALUES = ("VedetteK3", "VedetteK5Attempt", "critical", "warning", "", "a b", 'q"q', "b\\s", "ä€", "x,y", "{z}", "n\nl")
PATTERNS = (
    "Vedette.+",
    "critical|warning",
    "",
    ".*",
    "K[0-9]",
    "(?i)VEDETTEK3",
    "a.b",
    "^crit",
    "n.l",
    "(?s)n.l",
    "x,y",
    "[^c].*",
    '.*".*',
    "\\\\w",
)


def routing(text: str) -> Routing:
    """What is read of a configuration."""
    (document,) = read_documents(text, "alertmanager.yml")
    return read_routing(document)


def matcher(dice: random.Random) -> str:
    """One, in one of the ways that it may be written."""
    operator = dice.choice(("=", "!=", "=~", "!~"))
    value = dice.choice(PATTERNS if "~" in operator else VALUES)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    blank = dice.choice(("", " "))
    bare = value.isalnum() and value.isascii() and dice.random() < 0.4
    return f"{dice.choice(NAMES)}{blank}{operator}{blank}" + (value if bare else f'"{escaped}"')


def route(dice: random.Random, depth: int, receivers: list[str]) -> dict[str, Any]:
    """A route with some of matchers, match, match_re, continue, a receiver of its own and children."""
    found: dict[str, Any] = {}
    if dice.random() < 0.7:
        texts = [matcher(dice) for _ in range(dice.choice((1, 1, 1, 2)))]
        found["matchers"] = [", ".join(texts)] if dice.random() < 0.3 else texts
        if dice.random() < 0.2:
            found["matchers"][0] = "{" + found["matchers"][0] + "}"
    if dice.random() < 0.15:
        found["match"] = {dice.choice(NAMES): dice.choice(VALUES)}
    if dice.random() < 0.15:
        found["match_re"] = {dice.choice(NAMES): dice.choice(PATTERNS)}
    if dice.random() < 0.3:
        found["continue"] = True
    if dice.random() < 0.8:
        found["receiver"] = f"r{len(receivers)}"
        receivers.append(found["receiver"])
    if depth and dice.random() < 0.6:
        found["routes"] = [route(dice, depth - 1, receivers) for _ in range(dice.randint(1, 3))]
    return found


def tree(dice: random.Random) -> str:
    """A whole configuration."""
    receivers = ["root"]
    below = [route(dice, 2, receivers) for _ in range(dice.randint(1, 4))]
    document = {
        "route": {"receiver": "root", "group_wait": "1h", "routes": below},
        "receivers": [{"name": name} for name in receivers],
    }
    return yaml.safe_dump(document, allow_unicode=True)


def labels(dice: random.Random) -> dict[str, str]:
    """Those of one alert."""
    found = {"alertname": dice.choice(VALUES[:2])}
    found |= {name: value for name in NAMES[1:4] if (value := dice.choice(VALUES)) and dice.random() < 0.8}
    return found


def told(read: Routing, alert: dict[str, str]) -> list[str]:
    """The receivers, in order."""
    assert read.root is not None
    assert not read.problems
    return [one.receiver for one in read.root.told(alert)]


def of_amtool(file: Path, alert: dict[str, str]) -> list[str]:
    """The same by amtool."""
    words = [str(Matcher(name, "=", value)) for name, value in alert.items()]
    done = subprocess.run(
        [AMTOOL, "config", "routes", "test", f"--config.file={file}", *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split(",")


@pytest.mark.oracle
@pytest.mark.skipif(not AMTOOL, reason="no amtool in PATH")
def test_the_walk_is_amtool_s(tmp_path: Path) -> None:
    """Hundreds of trees, an alert each: the same receivers in the same order."""
    dice = random.Random(5)
    asked = []
    for number in range(TREES):
        file = tmp_path / f"{number}.yml"
        file.write_text(tree(dice), "utf-8")
        asked.append((file, labels(dice)))
    with ThreadPoolExecutor(2) as pool:
        theirs = list(pool.map(lambda one: of_amtool(*one), asked))
    ours = [told(routing(file.read_text("utf-8")), alert) for file, alert in asked]
    wrong = [
        (file.read_text("utf-8"), alert, a, b)
        for (file, alert), a, b in zip(asked, ours, theirs, strict=True)
        if a != b
    ]
    assert wrong == []
    assert sum(len(one) > 1 for one in ours) > TREES // 20, "too few that go on"
    assert sum(one != ["root"] for one in ours) > TREES // 3, "too few that meet a route"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AlertmanagerServer]:
    """A running one."""
    with alertmanager(tmp_path / "am") as started:
        yield started


@pytest.mark.oracle
def test_the_walk_is_a_running_alertmanager_s(server: AlertmanagerServer) -> None:
    """Trees put into a running one, dozens of alerts each: the receivers that it names for each alert."""
    dice = random.Random(8)
    http = Http(timeout=10)
    judged = 0
    for _ in range(RELOADS):
        text = tree(dice)
        server.restart(text)
        alerts = [labels(dice) | {"number": str(number)} for number in range(ALERTS)]
        body = json.dumps([{"labels": alert} for alert in alerts]).encode()
        answer = http.request(
            "POST", f"{server.url}/api/v2/alerts", headers={"Content-Type": "application/json"}, body=body
        )
        assert answer.status == 200, answer.body
        held = json.loads(http.request("GET", f"{server.url}/api/v2/alerts").body)
        assert len(held) == ALERTS
        read = routing(text)
        for one in held:
            assert sorted(told(read, one["labels"])) == sorted(each["name"] for each in one["receivers"]), (text, one)
            judged += 1
    http.close()
    assert judged == RELOADS * ALERTS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{foo = "bar", dings != "bums", }', ["foo=bar", "dings!=bums"]),
        ("foo=bar,dings!=bums", ["foo=bar", "dings!=bums"]),
        (
            '{quote="She said: \\"Hi, ladies! That\'s gender-neutral…\\""}',
            ['quote=She said: "Hi, ladies! That\'s gender-neutral…"'],
        ),
        ('statuscode=~"5.."', ["statuscode=~5.."]),
        ("{}", []),
        ("", []),
        ("foo=", ["foo="]),
        (r"foo=a\db\\", [r"foo=a\db" + "\\"]),
        ('"odd name"="x"', ["odd name=x"]),
    ],
)
def test_matchers_as_its_documentation_has_them(text: str, expected: list[str]) -> None:
    """The examples of pkg/labels/parse.go, and edges of it."""
    assert [f"{one.name}{one.operator}{one.value}" for one in parse_matchers(text)] == expected


@pytest.mark.parametrize(
    "text", ["foo", "1a=b", 'foo="bar', 'foo=ba"r', "=x", "foo=bar,,x=y", 'foo=~"("', 'a="\\"', "a~b"]
)
def test_what_is_no_matcher_is_refused(text: str) -> None:
    """With a word on what is wrong."""
    with pytest.raises(BadMatcher, match=r"is no matcher|stands alone|is no regular expression"):
        parse_matchers(text)


def test_durations_are_prometheus_s() -> None:
    """`1h30m`, `1d`, `0`; nothing else."""
    assert [seconds(text) for text in ("30s", "1h30m", "1d", "0", "100ms", "1y2w")] == [
        30,
        5400,
        86400,
        0,
        0.1,
        32_745_600,
    ]
    for text in ("", "5", "1.5h", "-1s", "1s1h", "s"):
        with pytest.raises(ValueError, match=f"^{text}$"):
            seconds(text)


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("x", "1:1", "is no configuration of Alertmanager"),
        ("receivers: []", "1:1", "no route"),
        ("route: {}\nreceivers: []", "1:1", "the root route names no receiver"),
        ("route:\n  receiver: slak\nreceivers: [{name: slack}]", "2:13", "no receiver is called 'slak'"),
        ("route:\n  receiver: a\n  routes:\n  - receiver: b\nreceivers: [{name: a}]", "4:15", "no receiver is called 'b'"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "2:31", "a second receiver 'a'"),
        ("route: {receiver: a}\nreceivers: [{}, {name: a}]", "2:13", "a receiver without a name"),
        ("route: {receiver: a, matchers: [x=y]}\nreceivers: [{name: a}]", "1:1", "the root route may have no matchers"),
        ("route: {receiver: a, routes: [{matchers: ['x~y']}]}\nreceivers: [{name: a}]", "1:43", "'x~y' is no matcher"),
        ("route: {receiver: a, routes: [{matchers: x=y}]}\nreceivers: [{name: a}]", "1:42", "matchers must be a list"),
        ("route: {receiver: a, routes: [{match_re: {x: '('}}]}\nreceivers: [{name: a}]", "1:46", "is no regular expression"),
        ("route: {receiver: a, routes: [{match_re: {x: }}]}\nreceivers: [{name: a}]", "1:46", "a matcher must be a text"),
        ("route: {receiver: a, routes: [x]}\nreceivers: [{name: a}]", "1:31", "a route must be a mapping"),
        ("route: {receiver: a, group_wait: soon}\nreceivers: [{name: a}]", "1:34", "'soon' is no duration"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, where: str, said: str) -> None:
    """Line and column, whatever the shape of the file."""
    (problem,) = routing(text).problems
    assert f"{problem.line}:{problem.column}" == where
    assert said in problem.message
