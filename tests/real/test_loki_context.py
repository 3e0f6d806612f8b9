"""What surrounds an alert, asked of a real Loki: the same as out of evidence."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from lab.asking import ask
from lab.loki import LokiServer
from lab.process import until

from tests.response.stories import BASE, kube
from tests.response.test_context import DAY, HERE, alert_on, event_of, listed
from tests.response.test_context_lineage import issued, shows
from vedette.clients.loki import LokiClient
from vedette.network import Networks
from vedette.response import loki_context
from vedette.response.activities import Activity
from vedette.response.loki_context import of_loki

CI = "system:serviceaccount:web:ci"
QUERY = '{job="kube-audit"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LokiServer]:
    """A Loki that gives 50 lines at once, so that answers come in pages."""
    started = LokiServer(tmp_path_factory.mktemp("loki"), limit=50)
    yield started
    started.close()


@pytest.fixture
def client(server: LokiServer) -> Iterator[LokiClient]:
    """Asks it."""
    made = LokiClient(server.url)
    yield made
    made.close()


def bring(server: LokiServer, lines: list[bytes], job: str = "kube-audit", late: int = 0) -> None:
    """Lines under the time that they say, or `late` seconds after; one stream a day, since Loki wants order."""
    streams: dict[str, list[tuple[int, str]]] = {}
    for line in lines:
        event = event_of(line)
        day = str((int(BASE * 1e9) - event.time) // int(DAY * 1e9))
        streams.setdefault(day, []).append((event.time + late * 10**9, line.decode().rstrip("\n")))
    for day, values in streams.items():
        server.push([({"job": job, "day": day}, sorted(values))])
    # Of more than three hours ago the ingester is not asked (query_ingesters_within): by then lines are in the store.
    assert ask("POST", f"{server.url}/flush")[0] == 204
    oldest = min(when for values in streams.values() for when, _ in values)
    client = LokiClient(server.url)
    until(lambda: bool(client.query_range(f'{{job="{job}"}}', oldest, oldest + 1, 1)), "the lines are in the store")
    client.close()


def test_what_loki_has_is_told_as_evidence_is(server: LokiServer, client: LokiClient) -> None:
    """Rows, habit of the days before, the token's origin, activities, all through small pages."""
    act = shows(CI, "vault/secrets/db", 0, auditID="the-act")
    bring(
        server,
        [
            kube("old", "get", "web/pods/a", -5 * DAY),
            issued(-2 * DAY),
            *(shows(CI, "web/secrets/x", -2 * DAY + number) for number in range(120)),
            shows(CI, "web/pods/x", -DAY),
            *(kube(CI, "get", f"web/pods/p{number}", -1000 + number) for number in range(130)),
            kube("dev", "list", "web/secrets", -50),
            kube("tf", "patch", "web/deployments/x", -40, address="10.9.9.9", userAgent="HashiCorp/1.0 Terraform/1.9"),
            act,
            kube("x", "get", "web/pods/a", 9, address="10.9.9.9"),
            shows("other", "web/pods/a", 10, address="203.0.113.9"),
        ],
        late=30,
    )
    terraform = Activity("Terraform apply", (), ("*Terraform/*",))
    network = Activity("Somebody inside", (), (), Networks.of(["10.0.0.0/8"]))
    context = of_loki(client, [QUERY], alert_on(act), activities=[terraform, network])
    assert listed(context.by_actor) == [(CI, "get", "pods", 130), (CI, "get", "secrets", 1)]
    assert listed(context.by_address) == [("dev", "list", "secrets", 1)]
    assert [(row.actor, row.address) for row in context.by_token] == [("other", "203.0.113.9")]
    assert [one.act for one in context.events] == [event_of(act).act]
    assert context.habit is not None
    assert (context.habit.acts, context.habit.days, context.habit.same_kind) == (121, 2, 120)
    assert context.habit.kept_since == event_of(kube("old", "get", "a", -5 * DAY)).time
    assert "was made for web/ci" in context.lineage[0].says
    assert [step.address for step in context.lineage] == ["10.0.40.12", HERE, "203.0.113.9"]
    told = [(one.activity, one.actor, one.by) for one in context.activities if one.activity == terraform.name]
    assert told == [("Terraform apply", "tf", "user agent")]
    assert context.troubles == [
        "only their networks tell these activities, so that Loki is not asked for them: Somebody inside"
    ]
    assert context.read_from == "Loki"


def test_an_alert_of_the_ruler_is_met_by_who_did_what(server: LokiServer, client: LokiClient) -> None:
    """It names no act, and began some minutes after it."""
    act = shows("ruled", "vault/secrets/db", 0)
    bring(server, [shows("ruled", "vault/secrets/other", -5), act], job="ruled")
    seen = event_of(act).time + 240 * 10**9
    alert = alert_on(act, act="", last_act="", first_seen=seen, last_seen=seen)
    context = of_loki(client, ['{job="ruled"}'], alert)
    assert [one.act for one in context.events] == [event_of(act).act]
    assert [step.actor for step in context.lineage] == ["ruled"]
    assert context.troubles == []


def test_what_is_too_much_is_bounded_and_told(
    server: LokiServer, client: LokiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the window and of each day before some lines are read, and it is said that there are more."""
    busy = "system:serviceaccount:web:busy"
    act = kube(busy, "get", "vault/secrets/db", 0)
    lines = [kube(busy, "get", f"web/pods/p{number}", -DAY + number) for number in range(300)]
    bring(server, [*lines, *(kube(busy, "get", "web/pods/a", 1 + number) for number in range(300)), act], job="busy")
    monkeypatch.setattr(loki_context, "MOST_LINES", 100)
    monkeypatch.setattr(loki_context, "A_DAY", 60)
    context = of_loki(client, ['{job="busy"}'], alert_on(act))
    assert context.habit is not None
    assert 60 <= context.habit.acts < 200
    assert 100 <= context.acts < 250
    assert context.troubles == [
        '{job="busy"}: the lines of the alert\'s actor, address and token are more than 100; the others were not asked for',
        '{job="busy"}: the lines of the actor on one day are more than 60; the others were not asked for',
    ]


@pytest.mark.parametrize("name", ["<b>&co", 'a"b`c', "back\\slash", "Jürgen (x) [y] .*", "данил"])
def test_odd_names_are_asked_for_as_they_stand(server: LokiServer, client: LokiClient, name: str) -> None:
    """Nothing in a name is taken for LogQL or for a pattern."""
    act = kube(name, "get", "vault/secrets/db", 100)
    bring(server, [act, kube("x", "get", "web/pods/a", 101, address="10.9.9.9")], job="odd")
    context = of_loki(client, ['{job="odd"}'], alert_on(act))
    assert [row.actor for row in context.by_actor] == [name]
    assert context.troubles == []


def test_a_loki_that_says_no_or_nothing_is_a_trouble(server: LokiServer, client: LokiClient) -> None:
    """What was not asked is said, and nothing raises."""
    act = kube(CI, "get", "vault/secrets/db", 0)
    refused = of_loki(client, ['{job="x"'], alert_on(act))
    assert any("parse error" in trouble for trouble in refused.troubles)
    away = LokiClient("http://127.0.0.1:9")
    began = time.monotonic()
    silent = of_loki(away, [QUERY], alert_on(act))
    away.close()
    assert any("refused" in trouble for trouble in silent.troubles), silent.troubles
    assert silent.events == []
    assert time.monotonic() - began < 30
    assert json.dumps(silent.troubles)
