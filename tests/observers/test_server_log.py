"""The logs that servers keep of themselves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from tests.observers.lines import Lines, seen
from vedette import app
from vedette.observers import server_log
from vedette.observers.server_log import TELLING, ServerLogObserver
from vedette.settings.watching import ServerLog

SEALED = "2026-11-23T06:33:51.368Z [INFO]  core: vault is sealed\n"
UNSEALED = "2026-11-23T06:34:51.368Z [INFO]  core: vault is unsealed\n"
OTHER = "2026-11-23T06:34:52.368Z [INFO]  core: post-unseal setup complete\n"


_MADE: list[ServerLogObserver] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """What a test made holds a file open."""
    yield
    while _MADE:
        _MADE.pop().close()


def observer(path: Path, program: str = "vault") -> ServerLogObserver:
    """On a machine of a known name."""
    _MADE.append(ServerLogObserver("log", str(path), program, host="vault-0"))
    return _MADE[-1]


def messages(one: ServerLogObserver) -> list[object]:
    """What a look gives."""
    looks, blind = seen(one)
    assert blind is None
    return [look.value["message"] for look in looks]


def test_telling_lines_from_the_start_on_are_given_once(tmp_path: Path) -> None:
    """What stood there before may be old; other lines say nothing."""
    path = tmp_path / "vault.log"
    path.write_text(SEALED)
    one = observer(path)
    assert messages(one) == []
    with path.open("a") as file:
        file.write(OTHER + UNSEALED)
    looks, _ = seen(one)
    value = {"program": "vault", "message": UNSEALED.strip()}
    assert [tuple(look) for look in looks] == [("server_log", f"vault-0:{path}", value)]
    assert messages(one) == []


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    """A writer may be in the midst of it."""
    path = tmp_path / "vault.log"
    path.write_text("")
    one = observer(path)
    messages(one)
    with path.open("a") as file:
        file.write(SEALED[:-8])
        file.flush()
        assert messages(one) == []
        file.write(SEALED[-8:])
    assert messages(one) == [SEALED.strip()]


@pytest.mark.parametrize("way", ["renamed", "cut"])
def test_a_rotation_loses_nothing(tmp_path: Path, way: str) -> None:
    """The end of the old file comes before the begin of the new one; a file that is cut begins anew."""
    path = tmp_path / "vault.log"
    path.write_text(OTHER * 5)
    one = observer(path)
    messages(one)
    if way == "renamed":
        with path.open("a") as file:
            file.write(SEALED)
        path.rename(tmp_path / "vault.log.1")
        path.write_text(UNSEALED)
        assert messages(one) == [SEALED.strip(), UNSEALED.strip()]
    else:
        path.write_text(UNSEALED)
        assert messages(one) == [UNSEALED.strip()]
    assert messages(one) == []


def test_whoever_goes_on_in_the_old_file_is_followed_until_he_takes_the_new_one(tmp_path: Path) -> None:
    """A rotator makes an empty file before the server is told."""
    path = tmp_path / "vault.log"
    path.write_text(OTHER)
    one = observer(path)
    messages(one)
    path.rename(tmp_path / "vault.log.1")
    path.write_text("")
    assert messages(one) == []
    with (tmp_path / "vault.log.1").open("a") as file:
        file.write(SEALED)
    assert messages(one) == [SEALED.strip()]
    path.write_text(UNSEALED)
    assert messages(one) == [UNSEALED.strip()]


def test_a_file_that_comes_later_is_read_from_its_begin(tmp_path: Path) -> None:
    """Until then nobody can look, which is said."""
    path = tmp_path / "vault.log"
    one = observer(path)
    _, blind = seen(one)
    assert blind is not None
    assert "No such file" in str(blind)
    assert "correct path" in blind.mend
    path.write_text(SEALED)
    assert messages(one) == [SEALED.strip()]
    path.rename(tmp_path / "vault.log.1")
    assert messages(one) == []
    path.write_text(UNSEALED)
    assert messages(one) == [UNSEALED.strip()]


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe would hold the observer."""
    os.mkfifo(tmp_path / "pipe")
    _, blind = seen(observer(tmp_path / "pipe"))
    assert "no regular file" in str(blind)


def test_what_could_not_be_kept_is_given_again(tmp_path: Path) -> None:
    """The disk was full: the next look has it once more, and what came since."""
    path = tmp_path / "vault.log"
    path.write_text("")
    one = observer(path)
    messages(one)
    path.write_text(SEALED)
    assert messages(one) == [SEALED.strip()]
    one.again()
    with path.open("a") as file:
        file.write(UNSEALED)
    assert messages(one) == [SEALED.strip(), UNSEALED.strip()]
    assert messages(one) == []


def test_a_flood_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients can have a server quote them; the last line says how many more there were."""
    monkeypatch.setattr(server_log, "_GIVEN", 3)
    path = tmp_path / "vault.log"
    path.write_text("")
    one = observer(path)
    messages(one)
    path.write_text(SEALED * 10)
    looks, _ = seen(one)
    assert [look.value.get("more") for look in looks] == [None, None, 7]


def test_lines_without_end_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a look reads, and no line end."""
    monkeypatch.setattr(server_log, "_MOST", 100)
    path = tmp_path / "vault.log"
    path.write_text("")
    one = observer(path)
    messages(one)
    path.write_text("x" * 250 + "\n" + SEALED)
    found: list[object] = []
    for _ in range(5):
        found += messages(one)
    assert found == [SEALED.strip()]


def test_an_alert_comes_of_them(tmp_path: Path) -> None:
    """V3.server_log and K10.server_log, each of its own program's file."""
    lines = Lines(tmp_path)
    error = "E1123 06:39:06.1 1 metrics.go:110] Error in audit plugin 'log' affecting 1 audit events: timeout\n"
    for program, text, detection in (("vault", SEALED, "V3.server_log"), ("kube-apiserver", error, "K10.server_log")):
        path = tmp_path / f"{program}.log"
        path.write_text("")
        one = observer(path, program)
        messages(one)
        path.write_text(text)
        assert detection in lines.add(seen(one)[0])


def test_the_words_are_those_of_the_rules() -> None:
    """No firing case of a rule has a line that is not given; and the settings know the same programs."""
    count = 0
    for file in app.PACK.glob("*/*/fires.jsonl"):
        for event in (each for line in file.read_text().splitlines() for each in json.loads(line)["events"]):
            if isinstance(event, dict) and event.get("observation") == "server_log":
                value = event["value"]
                assert any(words in value["message"].encode() for words in TELLING[value["program"]])
                count += 1
    assert count > 5
    says = get_args(get_type_hints(ServerLog, include_extras=True)["program"])[1]
    assert set(says.choices) == TELLING.keys()
