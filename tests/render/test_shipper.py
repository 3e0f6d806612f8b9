"""Rendered shippers: bounded labels, the event's own time, and nothing that an option could slip in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.cli.test_scan import vedette
from tests.scans import SETTINGS
from vedette.formats.sshd import Sshd
from vedette.render.loki_config import BadLoki, LokiNeeds, helm_values, loki_config
from vedette.render.shipper import BadShipper, Log, Shipper, alloy, promtail

LOGS = (
    Log("kube", "kube-audit", "/var/log/k8s/*", "/var/log/k8s/*.{gz,zst}"),
    Log("vault", "vault-audit", "/var/log/vault/audit.log"),
    Log("sshd", "sshd-pve", "/var/log/auth.log"),
    Log("sshd", "sshd-pve"),
)
HOSTILE = 'a"}\n#{{ $x }}\\ \x1b[31m'
REFERENCE = {
    # Of each block of Alloy's reference (docs/sources/reference/components, 1.x) what is used here.
    "loki.write": {"external_labels"},
    "endpoint": {"url", "tenant_id", "bearer_token_file", "max_backoff_period", "max_backoff_retries"},
    "tls_config": {"ca_file"},
    "local.file_match": {"path_targets"},
    "loki.source.file": {"targets", "forward_to"},
    "loki.process": {"forward_to"},
    "loki.source.journal": {"format_as_json", "max_age", "labels", "relabel_rules", "forward_to"},
    "loki.relabel": {"forward_to"},
    "rule": {"source_labels", "regex", "action"},
    "stage.drop": {"longer_than", "drop_counter_reason"},
    "stage.json": {"expressions"},
    "stage.regex": {"expression"},
    "stage.timestamp": {"source", "format", "fallback_formats", "location", "action_on_failure"},
}


def test_no_stage_makes_a_label_of_what_is_in_a_line() -> None:
    """Only stages that set the time: labels, structured metadata, packing and bare json are not there."""
    text = promtail(Shipper(LOGS, "http://loki:3100"))
    for one in yaml.safe_load(text)["scrape_configs"]:
        stages = one.get("pipeline_stages", [])
        assert {name for stage in stages for name in stage} <= {"json", "regex", "timestamp"}
        assert all(list(stage["json"]["expressions"]) == ["stamp"] for stage in stages if "json" in stage)


def test_promtail_listens_where_it_is_told_and_nowhere_else() -> None:
    """Its port for gRPC, which cannot be left out, is on loopback."""
    text = promtail(Shipper(LOGS, "http://loki:3100", listen="10.0.0.1:9080"))
    listens = {key: said for key, said in yaml.safe_load(text)["server"].items() if key.endswith("_address")}
    assert listens == {"http_listen_address": "10.0.0.1", "grpc_listen_address": "127.0.0.1"}


def test_alloy_has_only_words_of_its_reference() -> None:
    """Every block and argument is one that the reference names; braces and quotes are balanced."""
    shipper = Shipper(LOGS, "https://loki:3100", tenant="t", token_file="/t", ca_file="/c", cluster="c")
    holders = ["", ""]
    for line in alloy(shipper).splitlines():
        code = line.split("//")[0].strip() if line.lstrip().startswith("//") else line.strip()
        if opened := re.match(r'([a-z_.]+)(?: "[a-z0-9_]+")? \{$', code):
            assert opened[1] in REFERENCE, line
            holders.append(opened[1])
        elif code == "}":
            holders.pop()
        elif (said := re.match(r"([a-z_]+) +?= ", code)) and not holders[-1].startswith("map"):
            assert said[1] in REFERENCE[holders[-1]], line
            if code.endswith("{"):
                holders.append("map")
    assert holders == ["", ""]
    assert "NOT TRIED" in alloy(shipper)


def test_hostile_options_stay_values() -> None:
    """A text with quotes, line ends and templates is that text to the reader, or is refused."""
    logs = (Log("kube", HOSTILE, f"/{HOSTILE}"),)
    text = promtail(Shipper(logs, "http://loki:3100", tenant=HOSTILE, cluster=HOSTILE, positions=HOSTILE))
    read = yaml.safe_load(text)
    labels = read["scrape_configs"][0]["static_configs"][0]["labels"]
    assert labels == {"job": HOSTILE, "__path__": f"/{HOSTILE}"}
    assert (read["clients"][0]["tenant_id"], read["positions"]["filename"]) == (HOSTILE, HOSTILE)
    made = alloy(Shipper(logs, "http://loki:3100", tenant=HOSTILE))
    assert 'tenant_id = "a\\"}\\x0a#{{ $x }}\\\\ \\x1b[31m"' in made
    needs = LokiNeeds(("http://a:9093",), (HOSTILE,))
    assert yaml.safe_load(loki_config(needs, data=HOSTILE, rules=HOSTILE))["common"]["path_prefix"] == HOSTILE
    assert "\x1b" not in helm_values(needs) + text + made


def test_the_stamps_of_syslog_are_found() -> None:
    """The pattern takes the stamps that vedette reads itself, and their layouts are Go's."""
    stages = yaml.safe_load(promtail(Shipper(LOGS[2:3], "http://loki:3100")))["scrape_configs"][0]["pipeline_stages"]
    pattern = re.compile(stages[0]["regex"]["expression"])
    for stamp in ("2026-11-25T21:07:05.123456+00:00", "Nov  5 21:07:05", "Nov 25 21:07:05", "2026-11-25 21:07:05"):
        found = pattern.match(f"<38>{stamp} host sshd[1]: Accepted")
        assert found, stamp
        assert found["stamp"] == stamp
    assert stages[1]["timestamp"]["location"] == "Local"


def test_the_journal_is_shipped_as_the_format_reads_it() -> None:
    """Promtail marshals the fields of an entry, without the journal's own two; sshd's is still one."""
    entry = (
        b'{"MESSAGE":"Accepted publickey for me from 203.0.113.9 port 22 ssh2","SYSLOG_IDENTIFIER":"sshd-session",'
        b'"_HOSTNAME":"pve","_PID":"7","_UID":"0","_SYSTEMD_UNIT":"ssh.service","_TRANSPORT":"syslog"}'
    )
    event = Sshd().read(entry)
    assert (event.fields["event"], event.fields["address"]) == ("accepted", "203.0.113.9")
    read = yaml.safe_load(promtail(Shipper(LOGS[3:], "http://loki:3100")))["scrape_configs"][0]
    assert read["journal"]["json"] is True
    assert re.fullmatch(read["relabel_configs"][0]["regex"], "sshd-session")


@pytest.mark.parametrize("url", ["loki:3100", "ftp://loki", "http://", "http://u:p@loki", "http://loki?x=1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """And one with a password in it."""
    with pytest.raises(BadShipper):
        promtail(Shipper(LOGS, url))
    with pytest.raises(BadShipper):
        alloy(Shipper(LOGS, url))


@pytest.mark.parametrize(
    "needs",
    [
        LokiNeeds((), ("a",)),
        LokiNeeds(("alertmanager:9093",), ("a",)),
        LokiNeeds(("http://a/api/v2/alerts",), ("a",)),
        LokiNeeds(("http://a",), ("a",), "12h"),
        LokiNeeds(("http://a",), ("a",), "a while"),
        LokiNeeds(("http://a",), ("a",), "90d", "../etc"),
        LokiNeeds(("http://a",), ("a",), "90d", ".."),
    ],
)
def test_what_loki_could_not_use_is_refused(needs: LokiNeeds) -> None:
    """No Alertmanager, no URL, a retention that Loki refuses, a tenant that is a path."""
    with pytest.raises(BadLoki):
        loki_config(needs)
    with pytest.raises(BadLoki):
        helm_values(needs)


def test_the_logs_come_from_options_or_settings_or_are_the_usual_ones(tmp_path: Path) -> None:
    """Options say all; else the sources whose log their names tell, and of the others a line; else the defaults."""
    settings = tmp_path / "vedette.yaml"
    settings.write_text(
        "cluster: home\nsources:\n  files:\n"
        f"  - {{name: api, paths: [/var/log/kube/audit.log, {tmp_path}]}}\n"
        "  - {name: bao, paths: [/srv/audit.log]}\n"
        "  journald:\n  - {name: j, identifiers: [sshd]}\n",
        "utf-8",
    )

    def rendered(*words: str, config: Path = settings) -> tuple[list[str], str]:
        done = vedette("render", "promtail", "--config", config, *words)
        assert done.returncode == 0, done.stderr
        read = yaml.safe_load(done.stdout)
        logs = [
            one.get("static_configs", [{"labels": one.get("journal")}])[0]["labels"] for one in read["scrape_configs"]
        ]
        return [str(one.get("__path__", "journal")) for one in logs], done.stderr.decode()

    paths, said = rendered()
    assert paths == ["/var/log/kube/audit.log", "/srv/audit.log", "journal"]
    assert f"left out: api: neither name nor path says which log {tmp_path} is" in said
    assert rendered("--vault", f"{tmp_path}/")[0] == [f"{tmp_path}/*"]
    usual = ["/var/log/kubernetes/audit/audit.log", "/var/log/vault/audit.log", "journal"]
    assert rendered(config=SETTINGS)[0] == usual
    assert vedette("render", "promtail", "--kube", "audit.log", "--config", SETTINGS).returncode == 2
    assert vedette("render", "alloy", "--listen", "x", "--config", SETTINGS).returncode == 2
    assert vedette("render", "promtail", "--listen", "x", "--config", SETTINGS).returncode == 2


def test_loki_config_takes_the_alertmanagers_of_the_settings(tmp_path: Path) -> None:
    """All of them; without any it is an error that says what to do."""
    settings = tmp_path / "vedette.yaml"
    settings.write_text("sinks: {alertmanager: [{name: a, urls: ['http://a:1/', 'http://b:2']}]}\n", "utf-8")
    done = vedette("render", "loki-config", "--config", settings, "--job", "kube=audit")
    read = yaml.safe_load(done.stdout)
    assert read["ruler"]["alertmanager_url"] == "http://a:1,http://b:2"
    assert read["limits_config"]["retention_stream"][0]["selector"] == '{job="audit"}'
    done = vedette("render", "helm", "--config", SETTINGS)
    assert done.returncode == 2
    assert b"give --alertmanager URL" in done.stderr


def test_check_says_one_line_a_finding(tmp_path: Path) -> None:
    """1 with findings, 0 without, 2 for what is no file of values."""
    values = tmp_path / "values.yaml"
    values.write_text("loki:\n  ruler: {alertmanager_url: http://a}\n", "utf-8")
    done = vedette("render", "helm", "--check", values)
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert f"{values}:2:3: the chart does not read loki.ruler; write loki.rulerConfig" in lines
    rendered = tmp_path / "rendered.yaml"
    rendered.write_bytes(vedette("render", "helm", "--alertmanager", "http://a:9093", "--config", SETTINGS).stdout)
    values.write_text("loki: {auth_enabled: false}\n", "utf-8")
    assert vedette("render", "helm", "--check", values, rendered).returncode == 0
    for text in ("- a\n", "a: {\n", "a: 1\n---\nb: 2\n"):
        values.write_text(text, "utf-8")
        assert vedette("render", "helm", "--check", values).returncode == 2
    assert vedette("render", "helm", "--check", tmp_path / "none").returncode == 2
    values.write_text("", "utf-8")
    assert vedette("render", "helm", "--check", values).returncode == 1
