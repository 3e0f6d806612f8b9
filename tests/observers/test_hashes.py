"""Watched files."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.observers.lines import Lines, seen
from vedette.observers import hashes
from vedette.observers.hashes import HashObserver


def observer(*paths: Path) -> HashObserver:
    """On a machine of a known name."""
    return HashObserver("files", [str(path) for path in paths], host="k8s-master")


def test_hash_and_size_of_each_file(tmp_path: Path) -> None:
    """The subject is host and path, as the rule's cases have it."""
    (tmp_path / "policy.yaml").write_bytes(b"rules: []\n")
    (tmp_path / "empty").write_bytes(b"")
    looks, blind = seen(observer(tmp_path / "policy.yaml", tmp_path / "empty"))
    assert blind is None
    assert [(look.kind, look.subject, look.value) for look in looks] == [
        (
            "file_hash",
            f"k8s-master:{tmp_path}/policy.yaml",
            {"sha256": sha256(b"rules: []\n").hexdigest(), "size": 10},
        ),
        ("file_hash", f"k8s-master:{tmp_path}/empty", {"sha256": sha256(b"").hexdigest(), "size": 0}),
    ]


def test_a_change_is_an_alert_and_so_is_an_end(tmp_path: Path) -> None:
    """K6.file fires when the content changes, when the file goes and when it comes again; a touch is nothing."""
    file, lines = tmp_path / "policy.yaml", Lines(tmp_path)
    watching = observer(file)
    file.write_text("one")
    assert lines.add(watching.look()) == []
    os.utime(file, (1, 1))
    assert lines.add(watching.look()) == []
    file.write_text("two")
    assert lines.add(watching.look()) == ["K6.file"]
    file.unlink()
    gone = watching.look()
    assert gone[0].value == {"sha256": None, "absent": True}
    assert lines.add(gone) == ["K6.file"] * 2
    assert lines.add(watching.look()) == ["K6.file"] * 2
    file.write_text("two")
    assert lines.add(watching.look()) == ["K6.file"] * 3


def test_a_file_that_never_was_is_a_wrong_path(tmp_path: Path) -> None:
    """It is given as absent, for it may be gone since before the start, and said to be missing."""
    (tmp_path / "there").write_text("x")
    looks, blind = seen(observer(tmp_path / "not-there", tmp_path / "there"))
    assert [look.value.get("absent") for look in looks] == [True, None]
    assert blind is not None
    assert str(blind) == f"{tmp_path}/not-there: there is no such file"
    assert blind.mend == "correct paths"


def test_what_is_no_small_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, a pipe and a file without end are not waited for, and cost the others nothing."""
    monkeypatch.setattr(hashes, "LARGEST", 10)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_text("x" * 11)
    (tmp_path / "small").write_text("x" * 10)
    paths = [tmp_path, tmp_path / "pipe", tmp_path / "large", Path("/dev/zero"), tmp_path / "small"]
    looks, blind = seen(observer(*paths))
    assert [look.value["size"] for look in looks] == [10]
    assert blind is not None
    assert [reason.split(": ")[0] for reason in str(blind).split("; ")] == [str(path) for path in paths[:-1]]


def test_a_file_that_may_not_be_read_is_said_with_the_right_to_grant(tmp_path: Path) -> None:
    """As an ordinary user; the others are seen."""
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0)
    (tmp_path / "open").write_text("x")
    (tmp_path / "open").chmod(0o644)
    program = (
        "import os, sys\n"
        "from vedette.observers.hashes import HashObserver\n"
        "from vedette.observers.base import CannotLook\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: HashObserver('files', sys.argv[1:], host='h').look()\n"
        "except CannotLook as error: print(error, error.mend, [look.subject for look in error.looks], sep='|')\n"
    )
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    paths = [str(tmp_path / "secret"), str(tmp_path / "open")]
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True)
    reason, mend, others = done.stdout.strip().split("|")
    assert reason == f"{paths[0]}: Permission denied"
    assert mend.startswith(f"let vedette's user read it: setfacl -m u:vedette:r {paths[0]}")
    assert others == f"['h:{paths[1]}']"
