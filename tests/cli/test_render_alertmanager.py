"""`vedette render alertmanager`, as far as no Alertmanager is needed."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.cli.test_scan import vedette
from tests.scans import SETTINGS

HOOK = ("--webhook-url-file", "/etc/alertmanager/slack-url")


def settings(folder: Path, heartbeat: str) -> Path:
    """Settings with an Alertmanager, and the heartbeat on or off."""
    file = folder / "vedette.yaml"
    file.write_text(
        "owner: me\nsinks:\n  alertmanager: [{name: am, urls: ['http://127.0.0.1:9093'], hold: 5m}]\n"
        f"watch: {{heartbeat: {{alertmanager: {heartbeat}}}}}\n"
    )
    return file


def test_what_is_printed_passes_its_own_check(tmp_path: Path) -> None:
    """Whole, it tells of all; the counts of the pack have their route."""
    file = tmp_path / "alertmanager.yml"
    done = vedette("render", "alertmanager", *HOOK, "--channel", "#sec", "--config", SETTINGS)
    assert (done.returncode, done.stderr) == (0, b"")
    file.write_bytes(done.stdout)
    document = yaml.safe_load(done.stdout)
    (route,) = document["route"]["routes"]
    assert route["routes"][0]["matchers"] == ['document=~"K5|V5|V5[.]invalid_tokens"']
    slack = document["receivers"][0]["slack_configs"][0]
    assert (slack["channel"], slack["api_url_file"]) == ("#sec", "/etc/alertmanager/slack-url")
    done = vedette("render", "alertmanager", "--check", file, "--receiver", "vedette", "--config", SETTINGS)
    assert done.returncode == 1, "findings go to vedette-itself"
    done = vedette("render", "alertmanager", "--check", file, "--config", SETTINGS)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"critical VedetteK10, VedetteK2, VedetteK3, VedetteK5 and 9 more -> vedette\n" in done.stdout


def test_a_token_in_place_of_a_webhook(tmp_path: Path) -> None:
    """chat.postMessage, with the token from a file."""
    done = vedette("render", "alertmanager", "--token-file", "/run/slack-token", "--fragment", "--config", SETTINGS)
    document = yaml.safe_load(done.stdout)
    assert set(document) == {"routes", "receivers"}
    slack = document["receivers"][0]["slack_configs"][0]
    assert slack["api_url"] == "https://slack.com/api/chat.postMessage"
    assert slack["http_config"] == {"authorization": {"credentials_file": "/run/slack-token"}}


def test_the_heartbeat_has_its_own_receiver(tmp_path: Path) -> None:
    """On without a URL and off with one are both told; it never goes to the channel."""
    on = vedette("render", "alertmanager", *HOOK, "--config", settings(tmp_path, "on"))
    assert on.returncode == 0
    assert b"VedetteHeartbeat is told nobody: give --heartbeat-url" in on.stderr
    assert yaml.safe_load(on.stdout)["receivers"][-1] == {"name": "vedette-heartbeat"}
    done = vedette(
        "render", "alertmanager", *HOOK, "--heartbeat-url-file", "/etc/beat", "--config", tmp_path / "vedette.yaml"
    )
    assert yaml.safe_load(done.stdout)["receivers"][-1]["webhook_configs"] == [
        {"url_file": "/etc/beat", "send_resolved": False}
    ]
    (tmp_path / "am.yml").write_bytes(done.stdout)
    checked = vedette("render", "alertmanager", "--check", tmp_path / "am.yml", "--config", tmp_path / "vedette.yaml")
    assert checked.returncode == 0
    assert b"info     VedetteHeartbeat -> vedette-heartbeat\n" in checked.stdout
    off = vedette(
        "render", "alertmanager", *HOOK, "--heartbeat-url", "http://127.0.0.1/x", "--config", settings(tmp_path, "off")
    )
    assert b"watch.heartbeat.alertmanager is off: there will be no VedetteHeartbeat" in off.stderr


def test_somebody_s_own_file(tmp_path: Path) -> None:
    """A line a finding with its place, the caret and the mend; exit 1."""
    file = tmp_path / "own.yml"
    file.write_text(
        "route:\n  receiver: ops\n  routes:\n  - matchers: [severity=critical]\n    receiver: pager\nreceivers:\n- name: ops\n- name: pagre\n"
    )
    done = vedette("render", "alertmanager", "--check", file, "--config", SETTINGS)
    assert done.returncode == 1
    said = done.stdout.decode()
    assert f"{file}:5:15: error: no receiver is called 'pager'\n" in said
    assert "mend: did you mean 'pagre'?" in said
    assert f"{file}:2:3: error: nobody is told of " in said


def test_wrong_words(tmp_path: Path) -> None:
    """Without a way to Slack nothing is printed; a file that is no YAML, or is not there, is an error."""
    done = vedette("render", "alertmanager", "--config", SETTINGS)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"give --webhook-url-file or --token-file" in done.stderr
    assert vedette("render", "alertmanager", "--check", tmp_path / "none", "--config", SETTINGS).returncode == 2
    (tmp_path / "two.yml").write_text("a: 1\n---\nb: 2\n")
    assert vedette("render", "alertmanager", "--check", tmp_path / "two.yml", "--config", SETTINGS).returncode == 2
    (tmp_path / "bad.yml").write_bytes(b"a: [\x00")
    done = vedette("render", "alertmanager", "--check", tmp_path / "bad.yml", "--config", SETTINGS)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
