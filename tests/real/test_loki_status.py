"""`vedette loki status` on real Lokis, well and ill in each way."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.asking import ask
from lab.loki import LokiServer
from lab.loopback import Asked, Reply, serving

from vedette.cli import main
from vedette.clients.base import Http
from vedette.loki_process import free_ports, loki_settings

ROOT = Path(__file__).resolve().parent.parent.parent
LINE = (ROOT / "examples" / "logs" / "vault-audit.jsonl").read_text("utf-8").splitlines()[0]
DEADLINE = 60.0
"""Seconds that anything may take on a busy machine; V5 is evaluated every 5 s."""
WELL = "max_line_size: 1MB"
DEAD = "http://127.0.0.1:9"
"""Nobody listens there."""
ALWAYS = """\
groups:
- name: always
  interval: 1s
  rules:
  - {alert: Always, expr: 'vector(1)'}
"""
FAILING = """\
groups:
- name: vedette-V5-counts
  interval: 1s
  rules:
  - alert: VedetteV5
    labels: {document: V5}
    expr: 'sum(count_over_time({job="vault-audit"} | label_format v=`{{ (fromJson __line__).type.b.c }}` [5m])) > 0'
"""
BROKEN = 'groups:\n- name: other\n  rules:\n  - {alert: Other, expr: "sum(("}\n'


@dataclass
class Asker:
    """Calls the command."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def told(self, *words: str, rule: Sequence[str] = ("V5",), config: str = "cluster: one\n") -> tuple[int, str, str]:
        """Exit code, output, talk."""
        settings = self.folder / "settings.yaml"
        settings.write_text(config, "utf-8")
        chosen = [word for name in rule for word in ("--rule", name)]
        self.capsys.readouterr()
        code = main(["loki", "status", *words, *chosen, "--config", str(settings)])
        out, err = self.capsys.readouterr()
        return code, out, err

    def checks(self, *words: str, **more: Any) -> list[dict[str, str]]:
        """The checks."""
        code, out, err = self.told(*words, "-o", "json", **more)
        assert out, err
        found: list[dict[str, str]] = json.loads(out)["checks"]
        assert code == int(any(one["state"] != "ok" for one in found))
        return found

    def bad(self, *words: str, **more: Any) -> dict[str, list[dict[str, str]]]:
        """The checks that are not ok, by what they are about; each says why and how to mend it."""
        found: dict[str, list[dict[str, str]]] = {}
        for one in self.checks(*words, **more):
            if one["state"] != "ok":
                assert one["mend"], one
                found.setdefault(one["about"], []).append(one)
        return found

    def until(
        self, enough: Callable[[dict[str, list[dict[str, str]]]], bool], *words: str, **more: Any
    ) -> dict[str, list[dict[str, str]]]:
        """What `bad` gives once it is enough."""
        deadline = time.monotonic() + DEADLINE
        while not enough(found := self.bad(*words, **more)):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def rendered(self, names: Sequence[str] = ("V5",)) -> str:
        """The rule file that is expected."""
        settings = self.folder / "settings.yaml"
        settings.write_text("cluster: one\n", "utf-8")
        self.capsys.readouterr()
        assert main(["render", "loki", *names, "--config", str(settings)]) == 0
        return self.capsys.readouterr().out


@pytest.fixture
def asker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Asker:
    """What calls the command."""
    return Asker(tmp_path, capsys)


def started(
    folder: Path, rules: dict[str, str], *, limits: str = WELL, tells: str = "", change: tuple[str, str] = ("", "")
) -> LokiServer:
    """A Loki whose ruler begins with `rules`, texts by file."""
    http, grpc = free_ports()
    settings = loki_settings(folder / "data", http, grpc, limits, tells).replace(*change)
    where = folder / "data" / "rules" / "fake"
    where.mkdir(parents=True)
    for name, text in rules.items():
        (where / name).write_text(text, "utf-8")
    return LokiServer(folder, settings=settings, port=http)


def only(found: Sequence[dict[str, str]]) -> str:
    """Its words, all of them, of the one."""
    assert len(found) == 1, found
    return " | ".join((found[0]["state"], found[0]["what"], found[0]["why"], found[0]["mend"]))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerServer]:
    """An Alertmanager."""
    with alertmanager(tmp_path_factory.mktemp("alertmanager")) as server:
        yield server


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory, told: AlertmanagerServer) -> Iterator[LokiServer]:
    """A Loki with the rule V5, a firing rule beside it, an Alertmanager that is there, and the log that V5 reads."""
    folder = tmp_path_factory.mktemp("well")
    settings = folder / "settings.yaml"
    settings.write_text("cluster: one\n", "utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["render", "loki", "V5", "--config", str(settings)]) == 0
    server = started(folder, {"vedette.yaml": out.getvalue(), "always.yaml": ALWAYS}, tells=told.url)
    server.push([({"job": "vault-audit"}, [(time.time_ns(), LINE)])])
    yield server
    server.close()


def test_a_well_ruler_is_found_well(asker: Asker, well: LokiServer) -> None:
    """Every thing is looked at, and exit is 0; what was not yet evaluated is unknown until it was."""
    asker.until(lambda bad: not bad, well.url)
    checks = asker.checks(well.url)
    abouts = {"rules", "health", "ruler", "notifications", "alertmanager", "limit", "discarded", "stream"}
    assert {one["about"] for one in checks} == abouts
    assert {one["state"] for one in checks} == {"ok"}
    code, out, err = asker.told(well.url)
    assert (code, len(out.splitlines())) == (0, len(checks))
    assert err == f"vedette: {len(checks)} checks: {len(checks)} ok, 0 wrong, 0 unknown\n"


def test_the_whole_pack_is_the_same_in_lokis_writing(asker: Asker, tmp_path: Path) -> None:
    """Every query of every rule comes back from the ruler as what was rendered."""
    (tmp_path / "loki").mkdir()
    text = asker.rendered(())
    server = started(tmp_path / "loki", {"vedette.yaml": text})
    try:
        rules = [one for one in asker.checks(server.url, rule=()) if one["about"] == "rules"]
    finally:
        server.close()
    groups, count = text.count("- name: vedette-"), text.count("  - alert: ")
    assert only(rules).startswith(f"ok | {groups} groups with {count} rules run as the settings and rules say")


def test_a_group_that_is_missing(asker: Asker, well: LokiServer) -> None:
    """A rule that is expected and not loaded is named; where none is, that is said once."""
    bad = asker.until(lambda bad: "health" not in bad, well.url, rule=("V4", "V5"))
    assert only(bad["rules"]).startswith("wrong | vedette-V4 does not run | 3 rules can never fire | put what")
    both = asker.bad(well.url, rule=("S1",))["rules"]
    assert only(both).startswith(
        "wrong | none of the 1 groups of the settings and rules runs for tenant fake | no rule"
    )
    assert "/data/rules/fake/vedette.yaml" in only(both)


def test_drift_of_text_labels_and_job(asker: Asker, well: LokiServer) -> None:
    """Whatever differs is named, part by part; another job is another query, and has no log here."""
    labels = asker.bad(well.url, config="cluster: two\n")
    assert "vedette-V5-counts is not what the settings and rules say: labels of VedetteV5" in only(labels["rules"])
    assert "query" not in only(labels["rules"])
    assert "vedette.yaml was rendered with other settings, or edited" in only(labels["rules"])
    other = asker.bad(well.url, "--job", "vault=elsewhere")
    assert "query of VedetteV5" in only(other["rules"])
    assert "labels" not in only(other["rules"])
    stream = only(other["stream"])
    assert stream.startswith('wrong | {job="elsewhere"} has no line, and {job="vault-audit"} has vault_audit events, ')
    assert "no rule on vault_audit sees what happens" in stream
    assert "--job vault=NAME" in stream


def test_a_tenant_that_is_not_there(asker: Asker, well: LokiServer) -> None:
    """A Loki without tenants takes any name, and its ruler counts for `fake` alone."""
    assert "the ruler runs, and not for tenant other" in only(asker.bad(well.url, "--tenant", "other")["ruler"])


def test_behind_a_gateway_what_is_not_let_through_is_unknown(asker: Asker, well: LokiServer) -> None:
    """As the Helm chart's nginx: /metrics and /config are 404. Nothing of them is called ok; --ruler sees them."""

    def gateway(asked: Asked) -> Reply:
        if not asked.path.startswith(("/loki/", "/prometheus/")):
            return Reply(404, b"<html>nginx</html>", {"Content-Type": "text/html"})
        http = Http(timeout=10)
        kept = {name: text for name, text in asked.headers.items() if name in ("content-type", "x-scope-orgid")}
        answer = http.request(asked.method, well.url + asked.path, headers=kept, body=asked.body or None)
        http.close()
        return Reply(answer.status, answer.body, {"Content-Type": answer.headers.get("content-type", "")})

    with serving(gateway) as proxy:
        bad = asker.until(lambda bad: "health" not in bad, proxy.url)
        assert {about: [one["state"] for one in found] for about, found in bad.items()} == {
            "ruler": ["unknown"],
            "alertmanager": ["unknown"],
            "limit": ["unknown"],
        }
        assert "404 (a web page)" in only(bad["ruler"])
        assert "--ruler" in only(bad["limit"])
        assert {one["about"] for one in asker.checks(proxy.url) if one["state"] == "ok"} == {
            "rules",
            "health",
            "stream",
        }
        assert asker.bad(proxy.url, "--ruler", well.url) == {}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(404, b"404 page not found"), "there is no Loki at this address: give the base URL"),
        (Reply(200, b"<!doctype html>", {"Content-Type": "text/html"}), "a web page, not Loki's API"),
        (Reply(200, b'{"status": "success"}'), "an answer that is not Loki's"),
        (Reply(401, b"no org id"), "401 no org id; name the tenant with --tenant"),
        (Reply(403, b"no\x1b[31m"), "403 no\\x1b[31m; name the tenant with --tenant"),
        (Reply(502, b"bad gateway"), "502 bad gateway; give the base URL of a Loki"),
        (Reply(break_off="before"), "the connection broke off"),
    ],
)
def test_what_is_no_loki_cannot_be_asked(asker: Asker, reply: Reply, said: str) -> None:
    """Exit 2, nothing on standard output, and what to do."""
    with serving(reply) as server:
        code, out, err = asker.told(server.url)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_nobody_there_and_a_wrong_call(asker: Asker, well: LokiServer) -> None:
    """The reason is told."""
    assert asker.told(DEAD)[0] == 2
    assert "connection refused" in asker.told(DEAD)[2]
    assert "there is no Loki at this address" in asker.told(f"{well.url}/loki/api/v1")[2]
    assert "a user, a password or a query" in asker.told("http://a:b@127.0.0.1:1")[2]
    assert "which Loki? no Loki is named in sources.loki: give the URL" in asker.told()[2]
    assert "no-such-file" in asker.told(well.url, "--token-file", "no-such-file")[2]
    config = f"cluster: one\nsources:\n  loki:\n  - {{name: a, url: '{well.url}', query: '{{job=\"a\"}}'}}\n"
    assert asker.told(config=config)[0] in (0, 1)


@pytest.fixture(scope="module")
def ill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LokiServer]:
    """A Loki with low limits and an Alertmanager that is not there; V5 was edited so that it fails."""
    limits = (
        "max_line_size: 2000B, max_query_series: 20, query_timeout: 2s, creation_grace_period: 5s, "
        "reject_old_samples_max_age: 10m, ruler_max_rules_per_rule_group: 1, ruler_max_rule_groups_per_tenant: 1"
    )
    server = started(
        tmp_path_factory.mktemp("ill"),
        {"v5.yaml": FAILING, "always.yaml": ALWAYS, "left.yaml": ALWAYS.replace("always", "vedette-Z9")},
        limits=limits,
        tells=DEAD,
    )
    now = time.time_ns()
    server.push([({"job": "vault-audit"}, [(now, '{"log":"' + LINE[:20].replace('"', "'") + '"}')])])
    for when, line in ((now, "x" * 3000), (now - 3600 * 10**9, "old")):
        body = {"streams": [{"stream": {"job": "vault-audit"}, "values": [[str(when), line]]}]}
        status, _ = ask(
            "POST",
            f"{server.url}/loki/api/v1/push",
            headers={"Content-Type": "application/json"},
            body=json.dumps(body).encode(),
        )
        assert status == 400
    yield server
    server.close()


def test_everything_that_is_wrong_is_named_with_its_mend(asker: Asker, ill: LokiServer) -> None:
    """A rule that fails, drift, notifications that fail, an Alertmanager that is gone, low limits, refused lines and a
    log that is wrapped."""
    bad = asker.until(
        lambda bad: (
            {"notifications", "health"} <= bad.keys() and [one["state"] for one in bad["health"]] == ["wrong", "wrong"]
        ),
        ill.url,
        rule=("V5", "V4"),
    )
    drift, missing, left = bad["rules"]
    assert "vedette-V4 does not run" in missing["what"]
    assert left["what"] == "vedette-Z9 runs, and the settings and rules have no such group"
    assert left["mend"].startswith("take it out of left.yaml")
    assert "VedetteV5 (V5.invalid_tokens) is missing" in drift["what"]
    assert "interval 1 s, not 5 s" in drift["what"]
    assert "query and labels and annotations" in drift["what"]
    assert "VedetteV5" in drift["what"]
    assert "TemplateFormatErr" in bad["health"][0]["what"]
    assert "__error__" in bad["health"][0]["mend"]
    assert "evaluations of rules of vedette-V5-counts failed since the ruler's start" in bad["health"][1]["what"]
    notifications = only(bad["notifications"])
    assert "met an error" in notifications
    assert notifications.startswith("wrong | of ")
    gone = only(bad["alertmanager"])
    assert gone.startswith(f"unknown | {DEAD} could not be reached from here: connection refused")
    assert {one["what"].split(" is ")[0]: one["state"] for one in bad["limit"]} == dict.fromkeys(
        (
            "max_line_size",
            "max_query_series",
            "query_timeout",
            "creation_grace_period",
            "reject_old_samples_max_age",
            "ruler_max_rules_per_rule_group",
            "ruler_max_rule_groups_per_tenant",
        ),
        "wrong",
    )
    refused = {one["what"].rpartition(": ")[2]: one for one in bad["discarded"]}
    assert refused.keys() == {"line_too_long", "greater_than_max_sample_age"}
    assert refused["line_too_long"]["mend"] == "set limits_config.max_line_size to 1MB"
    assert "is no vault_audit event: it has no type and request at its top" in only(bad["stream"])


def test_the_table_has_a_line_a_thing_and_fits_a_hundred_columns(asker: Asker, ill: LokiServer) -> None:
    """Whatever Loki says."""
    _, out, err = asker.told(ill.url)
    assert max(len(line) for line in out.splitlines()) <= 100
    begun = [line for line in out.splitlines() if not line.startswith(" ")]
    assert {line.split()[0] for line in begun} <= {"ok", "wrong", "unknown"}
    assert err.startswith(f"vedette: {len(begun)} checks: ")
    assert "mend: set limits_config.max_line_size to 1MB" in out


@pytest.mark.parametrize(
    ("limits", "said", "mend"),
    [
        ("max_query_series: 5", "maximum number of series (5) reached", "raise limits_config.max_query_series to"),
        ("max_query_range: 1m", "value exceeds limit: [5m] > [1m]", "raise the limit that it names"),
        ("max_query_length: 2m", "the query time range exceeds the limit", "raise the limit that it names"),
        ("max_query_lookback: 30s", "", ""),
    ],
)
def test_a_limit_that_makes_rules_fail(asker: Asker, tmp_path: Path, limits: str, said: str, mend: str) -> None:
    """Each is named before it bites, and in Loki's own words when it does; one of them bites in silence."""
    expression = 'sum by (n) (count_over_time({job="vault-audit"} | json n="n" [5m])) > 0'
    rules = f"groups:\n- name: vedette-V5-counts\n  interval: 1s\n  rules:\n  - {{alert: A, expr: '{expression}'}}\n"
    (tmp_path / "loki").mkdir()
    server = started(tmp_path / "loki", {"vedette.yaml": rules}, limits=f"{WELL}, {limits}")
    try:
        then = time.time_ns() - 40 * 10**9
        server.push([({"job": "vault-audit"}, [(then + n, f'{{"n": "{n}"}}') for n in range(10)])])
        # A rule that is evaluated before all of Loki has started fails for another reason, once.
        bad = asker.until(
            lambda bad: any(said in one["what"] for one in bad.get("health", ())) if said else "health" not in bad,
            server.url,
        )
    finally:
        server.close()
    assert limits.partition(":")[0] in only(bad["limit"])
    assert not said or bad["health"][0]["mend"].startswith(mend)


def test_a_broken_file_is_seen_before_it_empties_the_ruler_and_after(asker: Asker, tmp_path: Path) -> None:
    """While the ruler still runs what it had; and after its start, when it runs nothing and says that all is well."""
    (tmp_path / "loki").mkdir()
    server = started(tmp_path / "loki", {"vedette.yaml": asker.rendered()})
    try:
        server.write_rules(BROKEN, "other.yaml")
        before = asker.bad(server.url)["rules"]
        assert "a rule file is broken: 400" in only(before)
        assert "could not parse expression for alert 'Other'" in only(before)
        assert "/other.yaml" in only(before)
        assert "what was loaded before runs on until then" in only(before)
        server.kill()
        server.start()
        assert ask("GET", f"{server.url}/ready")[0] == 200
        bad = asker.bad(server.url)
        broken, nothing = bad["rules"]
        assert broken["what"] == before[0]["what"]
        assert "the ruler runs nothing at all" in broken["why"]
        assert "none of the 1 groups" in nothing["what"]
        assert only(bad["ruler"]).startswith("wrong | the ruler runs for no tenant")
    finally:
        server.close()


def test_tenants_and_a_ruler_without_an_api(asker: Asker, tmp_path: Path) -> None:
    """Without its tenant Loki is not asked; another tenant has no rules; without the API nothing is called ok."""
    (tmp_path / "loki").mkdir()
    change = ("auth_enabled: false", "auth_enabled: true")
    server = started(tmp_path / "loki", {"vedette.yaml": asker.rendered()}, change=change)
    try:
        code, _, err = asker.told(server.url)
        assert (code, "no org id; name the tenant with --tenant" in err) == (2, True)
        bad = asker.bad(server.url, "--tenant", "other")
        assert "runs for tenant other" in only(bad["rules"])
        assert "another --tenant has them" in only(bad["rules"])
        right = asker.until(lambda bad: "health" not in bad, server.url, "--tenant", "fake")
        # What is left is true: no Alertmanager, and no log.
        assert right.keys() == {"notifications", "alertmanager", "stream"} or right.keys() == {"alertmanager", "stream"}
        assert "ruler.alertmanager_url is empty" in only(right["alertmanager"])
        text = server.settings_file.read_text("utf-8")
        server.write(text.replace("ruler:\n", "ruler:\n  enable_api: false\n"))
        server.kill()
        server.start()
        shut = asker.bad(server.url, "--tenant", "fake")
        assert only(shut["rules"]).startswith("unknown | which rules run could not be asked: 404")
        assert "enable_api" in only(shut["rules"])
        assert "health" not in {one["about"] for one in asker.checks(server.url, "--tenant", "fake")}
    finally:
        server.close()


def test_hostile_words_of_a_loki_reach_no_terminal(asker: Asker) -> None:
    """Whatever it calls its groups, errors and jobs."""
    evil = "\x1b]0;x\x07\u202e"
    group = {
        "name": "vedette-V5-counts",
        "file": f"f{evil}",
        "interval": 5,
        "rules": [{"name": "VedetteV5", "query": evil, "health": "err", "lastError": f"{evil}\n{evil}" * 500}],
    }

    def answer(asked: Asked) -> Reply:
        if asked.path == "/prometheus/api/v1/rules":
            more = {**group, "name": f"vedette-{evil}"}
            return Reply(body=json.dumps({"data": {"groups": [group, group, more]}}).encode())
        if "/values" in asked.path:
            return Reply(body=json.dumps({"data": [evil]}).encode())
        if "/query_range" in asked.path:
            return Reply(body=b'{"data": {"resultType": "streams", "result": []}}')
        return Reply(500, evil.encode())

    with serving(answer) as server:
        code, out, err = asker.told(server.url)
        checks = asker.checks(server.url)
    assert code == 1
    assert not set(out + err) & set("\x1b\x07\u202e")
    assert max(map(len, out.splitlines())) <= 100
    assert "ok" not in {one["state"] for one in checks}
    assert len(out) < 20_000
