"""A line a notification: durable, whole, private, and never on the end of another's remains."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest

from tests.sinks.notes import HOSTILE, hostile, note
from vedette.sinks.base import NotDelivered, Sink
from vedette.sinks.lines import Lines


def read(path: Path) -> list[str]:
    """The `id` of each line; "?" for one that is no JSON."""
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(json.loads(line)["id"])
        except ValueError:
            found.append("?")
    return found


def test_each_notification_is_a_line_of_a_private_file(tmp_path: Path) -> None:
    """The file is made for its owner alone; lines are appended to what is there."""
    path = tmp_path / "alerts.jsonl"
    sink: Sink = Lines("file", str(path))
    assert sink.send([note(id="1")]) == ""
    sink.send([note(id="2"), note(id="3")])
    sink.close()
    again = Lines("file", str(path))
    again.send([note(id="4")])
    again.close()
    assert read(path) == ["1", "2", "3", "4"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_hostile_text_stays_on_its_line(tmp_path: Path) -> None:
    """Whatever a log line holds, there are as many lines as notifications."""
    path = tmp_path / "alerts.jsonl"
    sink = Lines("file", str(path))
    for text in HOSTILE.values():
        sink.send([hostile(text, id="x")])
    sink.close()
    assert read(path) == ["x"] * len(HOSTILE)


def test_a_rotated_file_is_made_anew(tmp_path: Path) -> None:
    """After a rename, and after a removal, the next line stands under the name again."""
    path = tmp_path / "alerts.jsonl"
    sink = Lines("file", str(path))
    sink.send([note(id="1")])
    path.rename(tmp_path / "alerts.jsonl.1")
    sink.send([note(id="2")])
    assert (read(tmp_path / "alerts.jsonl.1"), read(path)) == (["1"], ["2"])
    path.unlink()
    sink.send([note(id="3")])
    sink.close()
    assert read(path) == ["3"]


def test_a_line_that_was_left_unfinished_spoils_no_other(tmp_path: Path) -> None:
    """A crash within a write leaves half a line; the next one begins on its own."""
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"id":"1"}\n{"id":"half')
    sink = Lines("file", str(path))
    sink.send([note(id="2")])
    sink.send([note(id="3")])
    sink.close()
    assert read(path) == ["1", "?", "2", "3"]


def test_a_disk_that_fills_up_within_a_line_costs_that_line_only(tmp_path: Path) -> None:
    """A write cut short is a failure that may pass, and when it has, the line is written whole."""
    path = tmp_path / "alerts.jsonl"
    sink = Lines("file", str(path))
    sink.send([note(id="1")])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, hard))
    try:
        with pytest.raises(NotDelivered) as caught:
            sink.send([note(id="2")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (caught.value.dead, caught.value.refused) == (False, False)
    assert read(path) == ["1", "?"]
    sink.send([note(id="2")])
    sink.close()
    assert read(path) == ["1", "?", "2"]


def test_a_full_disk_is_temporary() -> None:
    """ENOSPC passes when somebody makes room."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    sink = Lines("file", "/dev/full")
    with pytest.raises(NotDelivered) as caught:
        sink.send([note()])
    sink.close()
    assert (str(caught.value), caught.value.dead) == ("No space left on device", False)


def test_a_failed_sync_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EIO from fsync means that the line may not be there; it is written again through a new descriptor."""
    path = tmp_path / "alerts.jsonl"
    sink = Lines("file", str(path))

    def sick(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", sick)
        with pytest.raises(NotDelivered) as caught:
            sink.send([note(id="1")])
    assert not caught.value.dead
    sink.send([note(id="1")])
    sink.close()
    assert read(path) == ["1", "1"]


@pytest.mark.parametrize("path", ["absent/alerts.jsonl", "."])
def test_a_path_that_cannot_be_is_dead(tmp_path: Path, path: str) -> None:
    """A folder that is missing, or a folder in the file's place, waits for somebody."""
    with pytest.raises(NotDelivered) as caught:
        Lines("file", str(tmp_path / path)).send([note()])
    assert caught.value.dead


def test_a_pipe_that_nobody_reads_does_not_hang(tmp_path: Path) -> None:
    """A named pipe without a reader is a failure that may pass; with one the line arrives."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    sink = Lines("file", str(path))
    with pytest.raises(NotDelivered) as caught:
        sink.send([note()])
    assert not caught.value.dead
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink.send([note(id="1")])
    assert json.loads(os.read(reader, 1 << 16))["id"] == "1"
    os.close(reader)
    sink.close()


def test_a_dash_is_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """The same lines go to stdout, which stays open."""
    sink = Lines("out", "-")
    sink.send([note(id="1")])
    sink.close()
    sink.send([note(id="2")])
    assert [json.loads(line)["id"] for line in capfd.readouterr().out.splitlines()] == ["1", "2"]
