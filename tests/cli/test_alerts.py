"""`vedette alerts` as a person uses it: beside the daemon, on real alerts, with hostile words in them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.alert_store import HOSTILE, Site, secret_read, until
from tests.scans import LOGS, ROOT, SETTINGS
from vedette.cli import main
from vedette.cli.alert_desk import undelivered
from vedette.store.acts import Acts
from vedette.store.alerts import Kept
from vedette.store.outbox import Entry
from vedette.store.visit import Visit

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The recorded logs and one hostile line, watched to their end."""
    made = Site(tmp_path_factory.mktemp("recorded"))
    made.write()
    made.append(secret_read(HOSTILE))
    made.read(LOGS, made.log)
    return made


@pytest.fixture
def site(recorded: Site, tmp_path: Path) -> Site:
    """A copy of it."""
    return Site.copied(recorded.state, tmp_path)


def records(site: Site, capsys: Capture, *arguments: str) -> list[dict[str, Any]]:
    """What `list -o jsonl` prints."""
    capsys.readouterr()
    assert site.alerts("list", "-o", "jsonl", *arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return [json.loads(line) for line in out.splitlines()]


def one_of(site: Site, rule: str) -> Kept:
    """An alert of a rule."""
    return next(kept for kept in site.kept() if kept.alert.rule == rule)


def test_the_list_holds_what_the_store_holds(site: Site, capsys: Capture) -> None:
    """Every open alert, the latest first, in the fields of `scan -o jsonl` and what became of it."""
    found = records(site, capsys)
    assert {one["id"] for one in found} == {kept.alert.id for kept in site.kept()}
    assert [one["opened"] for one in found] == sorted((one["opened"] for one in found), reverse=True)
    for one in found:
        assert one["schema"] == "vedette.alert/1"
        assert (one["state"], one["closed"], one["untold"]) == ("open", None, "")
        assert [(row["sink"], row["occasion"], row["state"]) for row in one["deliveries"]] == [
            ("told", "opened", "told")
        ]
        assert one["runbook_url"].endswith("runbook.md")
    assert site.alerts("list", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == found


def test_filters_leave_what_was_asked_for(site: Site, capsys: Capture) -> None:
    """Rule in any case, severity, number, time and status."""
    found = records(site, capsys)
    assert {one["rule"] for one in records(site, capsys, "--rule", "k3")} == {"K3"}
    critical = records(site, capsys, "--severity", "critical")
    assert critical == [one for one in found if one["severity"] == "critical"]
    assert records(site, capsys, "-n", "3") == found[:3]
    assert records(site, capsys, "--since", "1h") == found
    assert records(site, capsys, "--since", "2100-01-01T00:00:00Z") == []
    assert site.alerts("close", found[0]["id"], "--reason", "x") == 0
    assert [one["id"] for one in records(site, capsys, "--status", "closed")] == [found[0]["id"]]
    assert len(records(site, capsys, "--status", "all")) == len(found)
    assert len(records(site, capsys)) == len(found) - 1


def test_the_table_shows_each_alert_in_lines_for_eyes(site: Site, capsys: Capture) -> None:
    """Short id and how it is, then what `scan` shows; nothing of a log obeyed or hidden."""
    assert site.alerts("list") == 0
    out, err = capsys.readouterr()
    assert err == ""
    heads = [line for line in out.splitlines() if not line.startswith(" ")]
    assert {line.split()[0] for line in heads} == {kept.alert.id[:8] for kept in site.kept()}
    assert all(line.split()[1] == "open" for line in heads)
    assert "root\\x1b[2J\\u202e<!channel>\\x0d\\x0avedette: all is well\\x00 from 203.0.113.9" in out
    assert not set(out) & set("\x1b\x00\r\u202e")


def test_an_empty_list_says_so_and_is_no_error(site: Site, capsys: Capture) -> None:
    """On standard error, so that a pipe gets nothing."""
    assert site.alerts("list", "--rule", "K99") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vedette: no open alert in ")
    assert site.alerts("list", "--untold") == 0
    assert "somebody was not told of" in capsys.readouterr().err
    assert site.alerts("list", "--rule", "K99", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["list", "-n", "-1"], "-n -1: a number of alerts"),
        (["list", "-f", "-o", "json"], "use -o jsonl"),
        (["list", "--since", "yesterday"], "--since 'yesterday' is neither"),
        (["show", "abc"], "four characters"),
        (["show", "zzzzzzzz\x1b[2J"], "no alert has an id that begins with 'zzzzzzzz\\x1b[2J'"),
        (["silence"], "name an alert"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(site: Site, capsys: Capture, arguments: list[str], reason: str) -> None:
    """On one line, exit code 2, nothing on standard output."""
    assert site.alerts(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert reason in err
    assert "\x1b" not in err
    assert "Traceback" not in err


def test_the_beginning_of_an_id_suffices_while_it_is_the_only_one(site: Site, capsys: Capture) -> None:
    """What two alerts share is refused with both; what is nearly one is offered; then the list shows all of it."""
    kept = one_of(site, "K5")
    assert site.alerts("show", kept.alert.id[:4].upper()) == 0
    assert f"id            {kept.alert.id}\n" in capsys.readouterr().out
    typo = kept.alert.id[:6] + ("0" if kept.alert.id[6] != "0" else "1") + kept.alert.id[7:]
    assert site.alerts("show", typo) == 2
    assert f"did you mean {kept.alert.id}?" in capsys.readouterr().err
    visit = Visit(site.state)
    twin = kept.alert.id[:10] + "ffffff"
    Acts(visit.database, None).save(msgspec.structs.replace(kept.alert, id=twin), b"another", kept.opened - 1)
    visit.close()
    assert site.alerts("show", kept.alert.id[:8]) == 2
    err = capsys.readouterr().err
    assert kept.alert.id in err
    assert twin in err
    site.alerts("list", "--rule", "K5")
    heads = {line.split()[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")}
    assert {kept.alert.id, twin} <= heads


def test_show_has_everything(site: Site, capsys: Capture) -> None:
    """What, who, where, what to do, and who was told; the same as JSON."""
    kept = next(one for one in site.kept() if one.alert.actor.startswith("root\x1b"))
    assert site.alerts("show", kept.alert.id) == 0
    out = capsys.readouterr().out
    for words in (
        "K3  Secret of a sensitive namespace disclosed",
        "state         open, opened 20",
        "acts          1 act, ",
        "address       203.0.113.9",
        "object        vault/secrets/unseal",
        "where         /",
        "first step    ",
        "query         {",
        "told          told, opened: 20",
        "no receipt",
        "runbook       file://",
    ):
        assert words in out
    assert not set(out) & set("\x1b\x00\r\u202e")
    assert site.alerts("show", kept.alert.id, "-o", "json") == 0
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert record["actor"] == HOSTILE
    assert record["first_step"]
    assert record["query"]
    assert (record["silences"], record["deeds"]) == ([], [])


def test_the_runbook_carries_the_alerts_words(site: Site, capsys: Capture) -> None:
    """Every placeholder is filled, each escaped for its place."""
    kept = next(one for one in site.kept() if one.alert.actor.startswith("root\x1b"))
    assert site.alerts("show", kept.alert.id, "--runbook") == 0
    out = capsys.readouterr().out
    assert "## First look" in out
    assert "{{" not in out
    assert "203.0.113.9" in out
    assert not set(out) & set("\x1b\x00\r\u202e")


def test_the_first_ack_is_kept(site: Site, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whom sudo was called, else the login name; a second one is noted and said."""
    kept = one_of(site, "K5")
    monkeypatch.setenv("SUDO_USER", "alice")
    assert site.alerts("ack", kept.alert.id, "--note", "looking\x1b") == 0
    assert capsys.readouterr().out == f"{kept.alert.id[:8]} acknowledged by alice\n"
    assert site.alerts("ack", kept.alert.id, "--by", "bob") == 0
    assert "was acknowledged by alice at 20" in capsys.readouterr().out
    assert [one["acked_by"] for one in records(site, capsys) if one["id"] == kept.alert.id] == ["alice"]
    site.alerts("list", "--rule", "K5")
    assert "acked    " in capsys.readouterr().out
    site.alerts("show", kept.alert.id)
    out = capsys.readouterr().out
    assert "by alice: looking\\x1b" in out
    assert "by bob" in out


def test_only_what_somebody_has_seen_is_silenced(site: Site, capsys: Capture) -> None:
    """Without an ack it is refused with the command to run; after it, it holds for as long as was said."""
    kept = one_of(site, "K5")
    arguments = ["silence", kept.alert.id, "--for", "2h", "--reason", "known until the fix", "--by", "me"]
    assert site.alerts(*arguments) == 2
    assert f"vedette alerts ack {kept.alert.id[:8]}" in capsys.readouterr().err
    site.alerts("ack", kept.alert.id)
    assert site.alerts(*arguments) == 0
    capsys.readouterr()
    assert site.alerts("silence", "--list") == 0
    assert "by me: known until the fix" in capsys.readouterr().out
    assert site.alerts("silence", "--list", "-o", "json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    until_time = time.mktime(time.strptime(row["until"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 7000 < until_time - time.time() < 7300
    assert site.alerts("unsilence", kept.alert.id) == 0
    assert site.alerts("unsilence", kept.alert.id) == 2
    assert "no silence of" in capsys.readouterr().err
    assert site.alerts("silence", "--list") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("span", "reason", "said"),
    [
        ("8d", "x", "at most 7d"),
        ("0m", "x", "is no span"),
        ("soon", "x", "is no span"),
        ("", "x", "say for how long"),
        ("2h", " ", "say why"),
    ],
)
def test_a_silence_has_an_end_and_a_reason(site: Site, capsys: Capture, span: str, reason: str, said: str) -> None:
    """A week at most."""
    kept = one_of(site, "K5")
    site.alerts("ack", kept.alert.id)
    assert site.alerts("silence", kept.alert.id, "--for", span, "--reason", reason) == 2
    assert said in capsys.readouterr().err


def test_an_alertmanager_that_is_away_leaves_the_silence_of_the_store(site: Site, capsys: Capture) -> None:
    """A warning, and exit code 0: vedette itself tells nobody."""
    site.write("  alertmanager:\n    - name: am\n      urls: [http://127.0.0.1:1]\n")
    kept = one_of(site, "K5")
    site.alerts("ack", kept.alert.id)
    capsys.readouterr()
    assert site.alerts("silence", kept.alert.id, "--for", "2h", "--reason", "x") == 0
    out, err = capsys.readouterr()
    assert "silenced until" in out
    assert err == "vedette: am could not silence it: connection refused or no route; vedette itself does\n"
    visit = Visit(site.state)
    assert visit.alerts.silenced(kept.key, time.time_ns()) is not None
    visit.close()


def test_a_closed_alert_stays_closed_and_says_by_whom(site: Site, capsys: Capture) -> None:
    """A reason is asked for; a second close changes nothing."""
    kept = one_of(site, "K5")
    assert site.alerts("close", kept.alert.id, "--reason", " ") == 2
    assert site.alerts("close", kept.alert.id, "--reason", "a drill", "--by", "me") == 0
    assert "the running `vedette watch` tells told" in capsys.readouterr().out
    assert site.alerts("close", kept.alert.id, "--reason", "again", "--by", "you") == 0
    assert "by me: a drill" in capsys.readouterr().out
    (record,) = records(site, capsys, "--status", "closed")
    assert (record["closed_by"], record["state"]) == ("me: a drill", "closed")


def test_a_running_daemon_tells_what_was_closed_and_what_goes_on(tmp_path: Path, capsys: Capture) -> None:
    """Beside it and without a restart: list, ack, close; the sink hears the end, and the next act opens it again."""
    site = Site(tmp_path)
    site.write()
    with site.running():
        site.append(secret_read("mallory"))
        until(lambda: len(site.told()) == 1, "the alert is told")
        (alert,) = records(site, capsys)
        assert site.alerts("ack", alert["id"]) == 0
        assert site.alerts("close", alert["id"], "--reason", "it was me") == 0
        until(lambda: len(site.told()) == 2, "its end is told")
        site.append(secret_read("mallory", "unseal"))
        until(lambda: len(site.told()) == 3, "that it goes on is told")
        assert site.told() == ["opened", "closed", "opened"]
        (again,) = records(site, capsys)
        assert (again["id"], again["count"]) == (alert["id"], 2)


def test_the_daemon_tells_what_was_closed_without_its_settings(tmp_path: Path, capsys: Capture) -> None:
    """Whoever closed it named the store alone, and knew of no sink; it is told all the same, and once."""
    site = Site(tmp_path)
    site.write()
    other = tmp_path / "other.yaml"
    other.write_text(SETTINGS.read_text("utf-8"), "utf-8")
    with site.running() as watcher:
        site.append(secret_read("mallory"))
        until(lambda: len(site.told()) == 1, "the alert is told")
        (alert,) = records(site, capsys)
        close = ["close", alert["id"], "--reason", "x", "--state", str(site.state), "--config", str(other)]
        assert main(["alerts", *close]) == 0
        assert "the running `vedette watch` tells who was told of it" in capsys.readouterr().out
        until(lambda: len(site.told()) == 2, "its end is told")
        turned = watcher.pulse.committed_at
        until(lambda: watcher.pulse.committed_at > turned, "the daemon has looked again")
    site.read(site.log)
    assert site.told() == ["opened", "closed"]


def test_a_running_daemon_keeps_a_silence(tmp_path: Path, capsys: Capture) -> None:
    """The group's next episode is not told until the silence is ended, and is listed meanwhile with the reason."""
    site = Site(tmp_path)
    site.write()
    with site.running():
        site.append(secret_read("mallory", at=time.time() - 3 * 86_400))
        until(lambda: len(site.told()) == 1, "the first episode is told")
        (alert,) = records(site, capsys)
        site.alerts("ack", alert["id"])
        assert site.alerts("silence", alert["id"], "--for", "1h", "--reason", "known", "--by", "me") == 0
        site.append(secret_read("mallory"))
        until(lambda: len(records(site, capsys)) == 2, "the next episode is in the store")
        assert site.alerts("list", "--untold") == 0
        out = capsys.readouterr().out
        assert "told (opened) waits until 20" in out
        assert "silenced by me: known" in out
        assert len(site.told()) == 1
        assert site.alerts("unsilence", alert["id"]) == 0
        until(lambda: len(site.told()) == 2, "it is told once the silence has ended")


def test_follow_prints_what_opens(tmp_path: Path) -> None:
    """`list -f`: what was asked for of what is there, then each alert within moments, while the daemon runs."""
    site = Site(tmp_path)
    site.write()
    with site.running():
        site.append(secret_read("mallory"))
        until(lambda: len(site.told()) == 1, "the first alert is told")
        site.append(secret_read("trudy"))
        until(lambda: len(site.told()) == 2, "the second alert is told")
        command = [sys.executable, "-m", "vedette", "alerts", "list", "-f", "-n", "1", "-o", "jsonl"]
        command += ["--config", str(site.config)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=tmp_path) as process:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["actor"] == "trudy"
            site.append(secret_read("eve"))
            assert json.loads(process.stdout.readline())["actor"] == "eve"
            process.terminate()


def test_everything_that_was_not_told_has_a_reason(tmp_path: Path, capsys: Capture) -> None:
    """No route; a sink that fails; one that refuses: each alert is listed, with why."""
    site = Site(tmp_path)
    site.write(
        "  webhook:\n    - name: hook\n      url: http://127.0.0.1:1/\nroutes:\n  - {severity: [critical], to: [hook]}\n"
    )
    site.append(secret_read("mallory"))
    with site.watcher(LOGS, site.log) as watcher:
        watcher.hurry = True
        watcher.run(until_read=True)
    listed = records(site, capsys, "--untold")
    assert {one["id"] for one in listed} == {kept.alert.id for kept in site.kept()}
    for one in listed:
        if one["severity"] == "critical":
            (row,) = one["deliveries"]
            assert (row["state"], row["told"]) == ("waiting", None)
        else:
            assert one["untold"] == "no route leads to a sink"
    assert site.alerts("list", "--untold") == 0
    out = capsys.readouterr().out
    assert "nobody was told: no route leads to a sink" in out
    assert "hook (opened) waits since 20" in out
    assert out.count("waits since") == sum(one["severity"] == "critical" for one in listed)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"state": "dropped", "reason": "refused: 400 \x1b"}, "never: refused: 400 \\x1b"),
        (
            {"state": "waiting", "reason": "no answer", "tries": 3},
            "waits since 1970-01-01T00:00:00Z: no answer (3 tries)",
        ),
        ({"state": "waiting"}, "waits since 1970-01-01T00:00:00Z: nobody has taken it up yet"),
        ({"state": "waiting", "due": 2_000_000_000}, ""),
        ({"state": "told", "told": 1}, ""),
        ({"state": "waiting", "told": 1, "reason": "no answer"}, ""),
    ],
)
def test_what_was_told_or_is_not_due_is_no_miss(row: dict[str, Any], said: str) -> None:
    """Dropped and overdue rows have words, others none."""
    empty: dict[str, Any] = dict.fromkeys(("id", "due", "created", "tries", "begun", "told"), 0)
    empty |= dict.fromkeys(("alert", "sink", "occasion", "state", "reason", "receipt"), "")
    assert undelivered(Entry(**(empty | row)), 1_000_000_000) == said


def test_a_finding_is_listed_with_what_to_do_and_cannot_be_closed(tmp_path: Path, capsys: Capture) -> None:
    """It holds as long as its cause does."""
    site = Site(tmp_path)
    site.write()
    site.append(b'{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":}\n' * 50)
    with site.watcher(site.log) as watcher:
        watcher.findings.look()
        watcher.run(until_read=True)
    found = [one for one in records(site, capsys) if one["source"] == "vedette"]
    assert found
    assert site.alerts("list", "--rule", found[0]["rule"]) == 0
    out = capsys.readouterr().out
    assert found[0]["title"] in out
    assert "nobody named" not in out
    assert site.alerts("show", found[0]["id"]) == 0
    assert "to do " in capsys.readouterr().out
    assert site.alerts("show", found[0]["id"], "--runbook") == 2
    assert site.alerts("close", found[0]["id"], "--reason", "x") == 2
    assert f"vedette alerts silence {found[0]['id'][:8]}" in capsys.readouterr().err


def test_no_store_and_somebody_elses_are_said_plainly(site: Site, capsys: Capture, tmp_path: Path) -> None:
    """Where it was looked for and what to do; no folder is made."""
    nowhere = tmp_path / "nowhere"
    assert site.alerts("list", "--state", str(nowhere)) == 2
    assert "no store here; `vedette watch` makes one" in capsys.readouterr().err
    assert not nowhere.exists()
    (site.state / "vedette.db").write_bytes(b"no database at all, and long enough to be none" * 40)
    assert site.alerts("list") == 2
    err = capsys.readouterr().err
    assert "file is not a database" in err
    assert "Traceback" not in err


def test_a_store_of_another_user_names_that_user(site: Site) -> None:
    """Permission denied is an answer, not a traceback."""
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    code = (
        "import os, sys; from pathlib import Path\n"
        "from vedette.store.visit import Visit; from vedette.store.database import StoreError\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for folder in sys.argv[1:]:\n"
        "    try: Visit(Path(folder))\n"
        "    except StoreError as error: print(error)\n"
    )
    open_folder = site.folder.parent / f"{site.folder.name}-open"
    shutil.copytree(site.state, open_folder)
    parents = [open_folder, *open_folder.parents]
    modes = [(one, one.stat().st_mode) for one in parents if str(one).startswith("/tmp/pytest")]
    for one, _ in modes:
        one.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(site.state), str(open_folder)],
            capture_output=True,
            check=True,
            text=True,
            env={"PYTHONPATH": str(ROOT / "src")},
            cwd="/",
        )
    finally:
        for one, mode in modes:
            one.chmod(mode & 0o7777)
    closed, visible = done.stdout.splitlines()
    assert closed.endswith("Permission denied; run this as the user who runs `vedette watch`")
    assert "it belongs to root: sudo -u root vedette" in visible


def test_the_runbook_has_what_the_alerts_own_record_says(site: Site, capsys: Capture) -> None:
    """The binding that allowed it stands in the evidence, not in the alert."""
    (alert,) = [one.alert.id for one in site.kept() if one.alert.rule == "K3" and one.alert.id.startswith("251c09d9")]
    assert site.alerts("show", alert, "--runbook") == 0
    assert "kube.delete-binding name=labeller namespace=vault" in capsys.readouterr().out
