"""`vedette scan` as a person uses it: what it prints, what it says of bad input, how it ends."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scans import LOGS, ROOT, SETTINGS

GOOD = next(line for line in (LOGS / "kube-audit.jsonl").read_bytes().splitlines(keepends=True) if b'"get"' in line)
ALERT_KEYS = (
    "id rule title severity outcome first_seen last_seen count actor address object source file line runbook_url"
).split()


def vedette(*arguments: str | Path, data: bytes = b"", cwd: Path = ROOT) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "HOME": "/nonexistent"}
    return subprocess.run(
        [sys.executable, "-m", "vedette", *map(str, arguments)],
        input=data,
        capture_output=True,
        cwd=cwd,
        env=environment,
        check=False,
        timeout=120,
    )


def test_table_is_for_eyes() -> None:
    """Alerts on stdout, talk on stderr, exit code 1, every sum shown."""
    done = vedette("scan", "--config", SETTINGS, LOGS)
    assert done.returncode == 1
    assert b"critical K3   Secret of a sensitive namespace disclosed" in done.stdout
    assert b"events = " in done.stderr
    assert b"+ 0 quarantined" in done.stderr
    assert b"Traceback" not in done.stderr


def test_jsonl_and_json_hold_the_promised_fields() -> None:
    """One object a line; the same as one array; times in RFC 3339, severity by name."""
    lines = vedette("scan", "-q", "--config", SETTINGS, "-o", "jsonl", LOGS)
    whole = vedette("scan", "-q", "--config", SETTINGS, "-o", "json", LOGS)
    records = [json.loads(line) for line in lines.stdout.splitlines()]
    assert records == json.loads(whole.stdout)
    assert lines.stderr == b""
    for record in records:
        assert record["schema"] == "vedette.alert/1"
        assert [key for key in record if key in ALERT_KEYS] == ALERT_KEYS
        assert record["first_seen"] <= record["last_seen"]
        assert record["severity"] in {"critical", "warning", "info"}
        assert record["runbook_url"].endswith("runbook.md")


def test_matches_are_single_acts() -> None:
    """`--matches` gives acts that begin with the auditID, the request id or a digest."""
    done = vedette("scan", "-q", "--config", SETTINGS, "--matches", "-o", "jsonl", "--rule", "K3", LOGS)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {record["schema"] for record in records} == {"vedette.match/1"}
    assert all(record["act"] and record["rule"] == "K3" for record in records)


def test_severity_and_fail_on() -> None:
    """`--severity` shows less; `--fail-on` decides the exit code."""
    done = vedette("scan", "-q", "--config", SETTINGS, "-o", "jsonl", "--severity", "critical", LOGS)
    assert {json.loads(line)["severity"] for line in done.stdout.splitlines()} == {"critical"}
    quiet = vedette("scan", "-q", "--config", SETTINGS, "--rule", "K4", "--fail-on", "critical", LOGS)
    assert quiet.stdout
    assert quiet.returncode == 0


def test_no_alert_is_exit_zero(tmp_path: Path) -> None:
    """A log in which nothing happened."""
    (tmp_path / "audit.log").write_bytes(GOOD)
    done = vedette("scan", "--rule", "K8", tmp_path / "audit.log")
    assert (done.returncode, done.stdout) == (0, b"")


def test_without_settings_it_says_so_in_one_line(tmp_path: Path) -> None:
    """The built-in networks are named, and the rules without an owner or without the API server's flags listed."""
    (tmp_path / "audit.log").write_bytes(GOOD)
    done = vedette("scan", "audit.log", cwd=tmp_path)
    said = done.stderr.decode().splitlines()
    assert sum("no vedette.yaml" in line for line in said) == 1
    assert any("not configured" in line and all(one in line for one in ("K9", "V7", "K6.dropped")) for line in said)


def test_standard_input(tmp_path: Path) -> None:
    """`-` reads what is piped in; an empty pipe is an empty log."""
    done = vedette("scan", "--config", SETTINGS, "-o", "jsonl", "-", data=(LOGS / "auth.log").read_bytes())
    assert done.returncode == 1
    assert {json.loads(line)["file"] for line in done.stdout.splitlines()} == {"-"}
    assert vedette("scan", "-", data=b"", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("paths", ["- {0} {1}", "{0} /dev/stdin {1}"])
@pytest.mark.parametrize("piped", [True, False])
def test_standard_input_beside_files(paths: str, piped: bool) -> None:
    """However many processes read the files, what is piped or redirected in is read as well."""
    log, others = LOGS / "auth.log", (LOGS / "observations.jsonl", LOGS / "vault-audit.jsonl")
    command = f"scan -q --jobs 2 -o jsonl --rule S1 --config {SETTINGS} {paths.format(*others)}"
    done = _shell(command, data=log.read_bytes()) if piped else _shell(f"{command} < {log}")
    assert {json.loads(line)["rule"] for line in done.stdout.splitlines()} == {"S1"}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("truncated.log", GOOD + GOOD[: len(GOOD) // 2], "1 quarantined (cut off 1)"),
        ("nuls.log", b"\0" * 50_000 + GOOD, "1 events"),
        ("bom.log", b"\xef\xbb\xbf" + GOOD, "1 events"),
        ("crlf.log", GOOD.rstrip() + b"\r\n" + GOOD.rstrip() + b"\r\n", "2 events"),
        ("nan.log", GOOD.rstrip()[:-1] + b',"x":NaN}\n' + GOOD, "1 quarantined"),
        ("utf8.log", b'{"kind":"Event\xff\xfe"}\n' + GOOD, "1 events"),
        ("deep.log", b"[" * 100_000 + b"\n" + GOOD, "1 quarantined"),
        ("text.log", b"what is this\n" + GOOD, "1 quarantined"),
        ("empty.log", b"", "0 records"),
        ("half.log.gz", gzip.compress(GOOD * 2000)[:-20], "events"),
    ],
)
def test_bad_input_costs_itself_only(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    """What cannot be read is counted by reason; what can is read; no traceback."""
    (tmp_path / name).write_bytes(data)
    done = vedette("scan", "--config", SETTINGS, tmp_path / name)
    assert b"Traceback" not in done.stderr
    assert said in done.stderr.decode()
    assert done.returncode == (2 if name.endswith(".gz") else 0)
    if name.endswith(".gz"):
        assert b"cut off; what stands before it was read" in done.stderr


def test_duplicate_keys_do_not_hide_an_act(tmp_path: Path) -> None:
    """The last of repeated keys counts, as the API server reads them, and the record is counted as odd."""
    exec_line = next(
        line
        for line in (LOGS / "kube-audit.jsonl").read_bytes().splitlines()
        if all(part in line for part in (b'"subresource":"exec"', b'"code":101', b'"namespace":"dbaas"'))
    )
    (tmp_path / "twice.log").write_bytes(exec_line.replace(b'"verb":', b'"verb":"list","verb":', 1) + b"\n")
    done = vedette("scan", "--config", SETTINGS, "-o", "jsonl", tmp_path / "twice.log")
    assert [json.loads(line)["rule"] for line in done.stdout.splitlines()] == ["K4"]
    assert b"1 records with repeated keys" in done.stderr


def test_quarantine_keeps_what_could_not_be_read(tmp_path: Path) -> None:
    """File, line, reason and the bytes themselves."""
    (tmp_path / "mixed.log").write_bytes(GOOD + b"no json\n" + GOOD + b"\xff\xfe{\n")
    done = vedette("scan", "--config", SETTINGS, "--quarantine", tmp_path / "q.jsonl", tmp_path / "mixed.log")
    kept = [json.loads(line) for line in (tmp_path / "q.jsonl").read_bytes().splitlines()]
    assert [record["line"] for record in kept] == [2, 4]
    assert kept[0]["raw"] == "no json"
    assert "raw_base64" in kept[1]
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan", "nowhere.log"], "nowhere.log: no such file or folder"),
        (["scan", "."], ".: no log file in this folder"),
        (["scan", "a.log", "--since", "yesterday"], "--since 'yesterday' is neither a span"),
        (["scan", "a.log", "--rule", "K99"], "no rule is called 'K99'"),
        (["scan", "a.log", "--config", "none.yaml"], "none.yaml"),
        (["scan", "a.log", "--rules", "none/"], "none/: no Sigma rule"),
        (["scan", "\x1b[2J.log"], "\\x1b[2J.log: no such file or folder"),
        (["scan", "a.log", "--quarantine", "none/q.jsonl"], "--quarantine none/q.jsonl: No such file or directory"),
        (["scan", "a.log", "--quarantine", "."], "--quarantine .: Is a directory"),
        (["scan", "a.log", "--quarantine", "./a.log"], "--quarantine a.log: this is one of the logs"),
    ],
)
def test_a_wrong_call_says_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Exit code 2 and a sentence, never a traceback."""
    if "a.log" in arguments:
        (tmp_path / "a.log").write_bytes(GOOD)
    done = vedette(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "a.log").exists() or (tmp_path / "a.log").read_bytes() == GOOD


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_a_full_disk_is_an_error_and_no_alert(output: str) -> None:
    """Exit code 2 and a sentence, whether it is the output that does not fit or the quarantine."""
    for arguments, redirected in (
        (["-o", output], "> /dev/full"),
        (["-o", output, "--quarantine", "/dev/full"], "> /dev/null"),
    ):
        log = LOGS / "auth.log"
        if "--quarantine" in arguments:
            arguments.append("-")
        done = _shell(f"scan -q --config {SETTINGS} {' '.join(arguments)} {log} {redirected}", data=b"no log line\n")
        assert done.returncode == 2
        assert b"No space left on device" in done.stderr
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr


def _shell(command: str, data: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a shell would, with its redirections."""
    return subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m vedette {command}"],
        input=data,
        capture_output=True,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **environment},
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("redirected", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_reason_to_fall(redirected: str) -> None:
    """Alerts are found all the same, and what was meant for one stream does not go to another."""
    done = _shell(f"scan --config {SETTINGS} -o jsonl {LOGS / 'auth.log'} {redirected}")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert all(json.loads(line)["rule"] == "S1" for line in done.stdout.splitlines())
    closed = _shell("scan - <&-")
    assert closed.returncode == 2
    assert b"-: standard input is closed" in closed.stderr


def test_any_locale_can_show_any_name(tmp_path: Path) -> None:
    """What the terminal's encoding lacks is shown escaped."""
    line = (LOGS / "auth.log").read_text().splitlines()[76]
    (tmp_path / "é€.log").write_text(line.replace(" me ", " mé€ ") + "\n")
    done = _shell(f"scan -q --config {SETTINGS} {tmp_path / 'é€.log'}", LC_ALL="C", PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 1
    assert b"m\\xe9\\u20ac from 203.0.113.9" in done.stdout
    assert b"Traceback" not in done.stderr


def test_an_unreadable_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """A dangling link beside a good log: the good one is read, the exit code tells."""
    (tmp_path / "good.log").write_bytes(GOOD)
    (tmp_path / "gone.log").symlink_to(tmp_path / "nothing")
    done = vedette("scan", tmp_path)
    assert done.returncode == 2
    assert b"gone.log: No such file" in done.stderr
    assert b"1 events" in done.stderr


def test_a_file_that_grows_while_it_is_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The scan says that there may be more."""
    from vedette import app

    path = tmp_path / "live.log"
    path.write_bytes(GOOD * 10)
    run = app.prepare_scan(app.ScanRequest((str(path),), config=str(SETTINGS)))

    def grow(_bytes: int, _events: int) -> None:
        with path.open("ab") as log:
            log.write(GOOD)

    run.read(grow)
    assert [trouble.partition(": ")[2] for trouble in run.troubles] == [
        "changed while it was read; scan it again for what came after"
    ]
    list(run.alerts())


def test_hostile_text_reaches_the_terminal_escaped(tmp_path: Path) -> None:
    """Escape sequences, bidirectional marks and line ends in log fields are shown, not obeyed; JSON keeps them."""
    evil = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\n\x9b31m"
    event = json.loads(next(x for x in (LOGS / "kube-audit.jsonl").read_bytes().splitlines() if b'"code":101' in x))
    event["user"]["username"] = evil
    (tmp_path / "evil.log").write_text(json.dumps(event) + "\n")
    shown = vedette("scan", "--config", SETTINGS, tmp_path / "evil.log").stdout.decode()
    assert "\\x1b]0;owned\\x07\\x1b[2J\\u202egnp.exe\\x0a\\x9b31m" in shown
    assert all(char == "\n" or char.isprintable() for char in shown)
    data = vedette("scan", "-q", "--config", SETTINGS, "-o", "jsonl", tmp_path / "evil.log").stdout
    assert json.loads(data)["actor"] == evil


def test_a_line_of_a_hundred_megabytes(tmp_path: Path) -> None:
    """It costs itself and at most 400 MB of memory; the lines around it are read."""
    with (tmp_path / "long.log").open("wb") as log:
        log.write(GOOD)
        log.write(GOOD.rstrip()[:-1] + b',"annotations":{"x":"')
        for _ in range(100):
            log.write(b"y" * (1 << 20))
        log.write(b'"}}\n' + GOOD)
    done = vedette("scan", "--jobs", "1", "--config", SETTINGS, tmp_path / "long.log")
    assert b"3 records" in done.stderr
    assert b"Traceback" not in done.stderr
    # The greatest of all children so far, in kilobytes; the others here are small.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 400_000


def test_a_bomb_costs_no_memory(tmp_path: Path) -> None:
    """Two gigabytes of zeros in two megabytes of gzip, with a good line before them."""
    with gzip.open(tmp_path / "bomb.gz", "wb", compresslevel=6) as bomb:
        bomb.write(GOOD)
        for _ in range(512):
            bomb.write(b"\0" * (1 << 20))
    done = vedette("scan", "--jobs", "1", "--config", SETTINGS, tmp_path / "bomb.gz")
    assert b"1 events" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    """`vedette scan … | head -1`."""
    command = f"{sys.executable} -m vedette scan -q --config {SETTINGS} {LOGS} | head -1"
    done = subprocess.run(
        command, shell=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=False
    )
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""
