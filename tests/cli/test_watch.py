"""`vedette watch` as a person meets it: what it says, how it ends, and what it makes of wrong calls."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.loopback import Reply, serving

from tests.scans import LOGS, ROOT, SETTINGS, alerts
from vedette.cli.notify import Watchdog, tell_systemd

DEADLINE = 30.0


def command(*words: str | Path) -> list[str]:
    """A command line."""
    return [sys.executable, "-m", "vedette", "watch", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """What the command needs, and no more."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), "LANG": "C.UTF-8", **more}


def watch(folder: Path, *words: str | Path, config: Path | None = SETTINGS) -> subprocess.CompletedProcess[str]:
    """A call that ends by itself."""
    told = ["--config", str(config)] if config else []
    return subprocess.run(
        command(*told, *words),
        cwd=folder,
        env=environment(HOME=str(folder)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@contextmanager
def started(folder: Path, *words: str | Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A call that goes on until it is ended, at the latest here. `more`: of its environment."""
    process = subprocess.Popen(
        command(*words),
        cwd=folder,
        env=environment(HOME=str(folder), **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def settings(folder: Path, text: str) -> Path:
    """A settings file beside the homelab's."""
    path = folder / "vedette.yaml"
    path.write_text(f"{SETTINGS.read_text('utf-8')}\n{text}\n", "utf-8")
    return path


class Manager:
    """Stands where systemd stands: takes what a service says of itself."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(DEADLINE)

    def wait_for(self, word: str) -> str:
        """The next message that begins like this."""
        while True:
            self.said.append(self._socket.recv(4096).decode())
            if self.said[-1].startswith(word):
                return self.said[-1]

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Somebody who listens."""
    one = Manager(tmp_path)
    yield one
    one.close()


def test_what_it_says_and_prints(tmp_path: Path) -> None:
    """The alerts are lines on standard output; where every record went is said on standard error, before and after."""
    done = watch(tmp_path, "--state", "store", "--until-read", LOGS)
    assert done.returncode == 0
    assert done.stderr.splitlines()[:2] == [
        f"vedette: watching {LOGS}; telling this screen",
        "vedette: alerts are kept in store",
    ]
    assert re.search(
        r"^vedette: 1,402 records = 1,399 events \+ 0 quarantined \+ 3 ignored, in \d+ s$", done.stderr, re.MULTILINE
    )
    assert (
        "vedette: 34 alerts opened (21 critical, 12 warning, 1 info); vedette alerts list --state store" in done.stderr
    )
    heads = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert len(heads) == 34
    again = watch(tmp_path, "--state", "store", "--until-read", LOGS)
    assert again.stdout == ""
    assert "vedette: 0 records = 0 events" in again.stderr
    assert "vedette: 0 alerts opened; " in again.stderr


def test_a_program_reads_lines_of_json(tmp_path: Path) -> None:
    """With -o jsonl each alert is one line, the fields those of a scan; -q leaves standard error empty."""
    done = watch(tmp_path, "--state", "store", "--until-read", "-o", "jsonl", "-q", LOGS)
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.splitlines()]
    wanted = {one["id"]: one for one in alerts([LOGS])}
    assert {one["id"] for one in found} == set(wanted)
    assert {one["occasion"] for one in found} == {"opened"}
    for one in found:
        assert set(one) == {"occasion", *wanted[one["id"]]}


def test_a_finding_says_what_it_is_blind_to(tmp_path: Path) -> None:
    """A file that is not there is told on the screen with the way out, and no actor or line is made up for it."""
    done = watch(tmp_path, "--state", "store", "--until-read", "nothing.log")
    first, second = done.stdout.splitlines()
    assert re.fullmatch(r"warning  source_trouble: given: nothing\.log: no such file or folder  20\d\d-.*", first)
    assert "it is looked for again" in second
    assert "vedette: 1 alert opened (1 warning); " in done.stderr


def test_what_it_holds_is_said_at_the_end(tmp_path: Path) -> None:
    """An act whose end may still come is no alert yet; the summary says that it waits, and the next start judges it."""
    lines = (LOGS / "vault-audit.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "audit.log").write_bytes(lines[360])
    with started(tmp_path, "--config", SETTINGS, "--state", "store", "audit.log") as process:
        wait_for_records(tmp_path / "store", 1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0
    assert "vedette: 1 act held for a later record, to be judged after the next start" in said
    assert "Ctrl-C ends it" in said
    done = watch(tmp_path, "--state", "store", "--until-read", "audit.log")
    assert done.stdout.startswith("warning  V3   cannot tell: ")


def wait_for_records(store: Path, number: int) -> None:
    """Until so many records are committed."""
    from vedette.store.database import Database, StoreError
    from vedette.store.progress import Progress

    end = time.monotonic() + DEADLINE
    while True:
        try:
            database = Database(store, create=False)
            counts = Progress(database).counts()
            database.close()
            if sum(sums.get("records", 0) for sums in counts.values()) >= number:
                return
        except StoreError:
            pass
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--until-read", "--bogus"], "--bogus"),
        (["-o", "yaml", "x"], "invalid choice"),
        (["--state", "store"], "nothing to watch: name sources in vedette.yaml, or paths on the command line"),
        (["--state", "file", "file"], "file: File exists"),
        (["--state", "file/x", "file"], "file/x: Not a directory"),
        (["--state", "none", "file"], "vedette.db: file is not a database"),
        (["--state", "store", "--rules", "absent", "file"], "absent"),
    ],
    ids=["flag", "output", "nothing", "file", "beneath", "database", "rules"],
)
def test_wrong_calls_end_in_a_sentence(tmp_path: Path, words: list[str], told: str) -> None:
    """Each ends with 2 and says what is wrong; none with a traceback."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "none").mkdir()
    (tmp_path / "none/vedette.db").write_text("this is text that stands where a database should stand\n" * 20)
    done = watch(tmp_path, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("watch: {listen: '203.0.113.1:9464'}", "watch.listen 203.0.113.1:9464: "),
        ("watch: {listen: 'here'}", "host:port"),
        ("watch: {lisen: 'x'}", "did you mean"),
    ],
    ids=["address", "form", "key"],
)
def test_wrong_settings_end_in_a_sentence(tmp_path: Path, text: str, told: str) -> None:
    """Each ends with 2 and says what is wrong."""
    (tmp_path / "empty.log").touch()
    done = watch(tmp_path, "--state", "store", "--until-read", "empty.log", config=settings(tmp_path, text))
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """Another program on the status address ends the start with the setting to change."""
    (tmp_path / "empty.log").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        config = settings(tmp_path, f"watch: {{listen: '{address}'}}")
        done = watch(tmp_path, "--state", "store", "--until-read", "empty.log", config=config)
    assert done.returncode == 2
    assert f"watch.listen {address}: Address already in use; " in done.stderr


def test_a_store_has_one_watcher(tmp_path: Path, manager: Manager) -> None:
    """A second one on the same folder is refused with what to do, and the first goes on."""
    (tmp_path / "empty.log").touch()
    words = ("--config", SETTINGS, "--state", "store", "-q", "empty.log")
    with started(tmp_path, *words, NOTIFY_SOCKET=str(manager.path)) as process:
        manager.wait_for("READY=1")
        second = watch(tmp_path, "--state", "store", "empty.log")
        assert second.returncode == 2
        assert "store: another `vedette watch` runs here; give each its own --state" in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0


def test_systemd_is_told_how_it_is(tmp_path: Path, manager: Manager) -> None:
    """Ready once it turns, reloading and ready again around new settings and wrong ones, alive meanwhile, then
    stopping."""
    (tmp_path / "empty.log").touch()
    config = settings(tmp_path, "cluster: one")
    words = ("--config", config, "--state", "store", "-q", "empty.log")
    with started(tmp_path, *words, NOTIFY_SOCKET=str(manager.path), WATCHDOG_USEC="300000") as process:
        manager.wait_for("READY=1")
        assert "STOPPING=1" not in manager.said
        manager.wait_for("WATCHDOG=1")
        for text in ("cluster: two", "no_such_key: 1"):
            settings(tmp_path, text)
            process.send_signal(signal.SIGHUP)
            assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", manager.wait_for("RELOADING=1"))
            manager.wait_for("READY=1")
            manager.wait_for("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        manager.wait_for("STOPPING=1")
        assert process.wait(DEADLINE) == 0
        assert process.stderr is not None
        assert "the settings were not taken up; the old ones hold" in process.stderr.read()


def test_a_second_interrupt_waits_for_nobody(tmp_path: Path, manager: Manager) -> None:
    """While it still tries to tell a far end that hangs, a second Ctrl-C ends it; what was not told is kept."""
    with serving(Reply(hang=True)) as far:
        config = settings(tmp_path, f"sinks: {{webhook: [{{name: far, url: '{far.url}/in'}}]}}")
        words = ("--config", config, "--state", "store", LOGS)
        with started(tmp_path, *words, NOTIFY_SOCKET=str(manager.path)) as process:
            assert far.wait_for(bool, DEADLINE)
            process.send_signal(signal.SIGINT)
            manager.wait_for("STOPPING=1")
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 0
            assert time.monotonic() - began < 4


def test_a_closed_terminal_ends_it(tmp_path: Path, manager: Manager) -> None:
    """SIGHUP takes up the settings as long as the terminal is there; when that is closed, it ends as asked to."""
    (tmp_path / "empty.log").touch()
    master, terminal = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", *command("--config", SETTINGS, "--state", "store", "-q", "empty.log")],
        cwd=tmp_path,
        env=environment(NOTIFY_SOCKET=str(manager.path)),
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            os.close(terminal)
            manager.wait_for("READY=1")
            process.send_signal(signal.SIGHUP)
            manager.wait_for("RELOADING=1")
            manager.wait_for("READY=1")
            os.close(master)
            manager.wait_for("STOPPING=1")
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()


def test_nobody_is_told_where_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without systemd nothing is sent and no watchdog runs; a socket that is gone costs nothing."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    tell_systemd("READY=1")
    dog = Watchdog(lambda: True)
    with dog:
        assert not dog._thread.is_alive()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    tell_systemd("READY=1")


def test_a_dead_loop_is_not_vouched_for(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog is fed only while the loop lives."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    asked: list[bool] = []

    def alive() -> bool:
        asked.append(len(asked) < 2)
        return asked[-1]

    with Watchdog(alive):
        manager.wait_for("WATCHDOG=1")
        manager.wait_for("WATCHDOG=1")
        end = time.monotonic() + DEADLINE
        while len(asked) < 5:
            assert time.monotonic() < end
            time.sleep(0.01)
    manager._socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        manager.wait_for("WATCHDOG=1")
