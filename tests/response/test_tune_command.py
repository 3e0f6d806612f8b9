"""`vedette tune` as a person calls it: what it shows, what it writes and how, and what it makes of wrong calls."""

from __future__ import annotations

import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.alert_store import HOSTILE, Site
from tests.response.stories import again, kube, tune, watched
from vedette.response.kept import Kept
from vedette.response.writing import Changed, replace_text

Capture = pytest.CaptureFixture[str]
ROBOT = "system:serviceaccount:ops:robot"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which a robot and a hostile name have set off K3."""
    folder = tmp_path_factory.mktemp("kept")
    lines = [kube(ROBOT, "get", "vault/secrets/db", one) for one in range(3)]
    watched(folder, [*lines, kube(HOSTILE, "get", "vault/secrets/db", 9)])
    return folder


@pytest.fixture
def site(kept: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    return Site.copied(kept / "state", tmp_path)


WRITE = ("K3", "--reason", "it reads its own", "--write")


def test_it_writes_in_place_and_keeps_mode_and_comments(site: Site, capsys: Capture) -> None:
    """Only lines are added; the file's mode stays, no other file is left behind."""
    site.config.chmod(0o640)
    before = site.config.read_text("utf-8")
    files = sorted(one.name for one in site.folder.iterdir())
    assert tune(site, *WRITE) == 0
    after = site.config.read_text("utf-8")
    entry = f'  - actor: {ROBOT}\n    rule: K3\n    verbs: [get]\n    scope: [vault]\n    reason: "it reads its own"\n'
    assert after.replace(entry, "") == before
    assert stat.S_IMODE(site.config.stat().st_mode) == 0o640
    assert sorted(one.name for one in site.folder.iterdir()) == files
    said = capsys.readouterr().out
    assert f"+  - actor: {ROBOT}" in said
    assert "takes it up at SIGHUP" in said
    assert tune(site, "K3") == 0
    assert "none of them looks like a program" in capsys.readouterr().out
    assert tune(site, "K3", "--actor", ROBOT) == 0
    assert "or the settings excuse them already" in capsys.readouterr().out


def test_without_write_nothing_changes(site: Site, capsys: Capture) -> None:
    """The same is shown, with what has to be said yet."""
    before = site.config.read_bytes()
    assert tune(site, "K3") == 0
    assert site.config.read_bytes() == before
    assert '+    reason: "(say why: --reason)"' in capsys.readouterr().out


def test_a_link_is_followed(site: Site) -> None:
    """The settings may lie in a repository, with a link to them."""
    real = site.folder / "repository.yaml"
    site.config.rename(real)
    site.config.symlink_to(real)
    assert tune(site, *WRITE) == 0
    assert site.config.is_symlink()
    assert ROBOT in real.read_text("utf-8")


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Somebody's editor was faster."""
    path = tmp_path / "vedette.yaml"
    path.write_text("owner: you\n", "utf-8")
    with pytest.raises(Changed, match="changed by somebody else"):
        replace_text(path, "owner: me\n", "owner: me\nautomation: []\n")
    assert path.read_text("utf-8") == "owner: you\n"
    assert [one.name for one in tmp_path.iterdir()] == ["vedette.yaml"]


def test_a_layout_without_a_safe_place_is_said_with_what_to_paste(site: Site, capsys: Capture) -> None:
    """The entry as lines, and where; nothing is written."""
    text = site.config.read_text("utf-8")
    site.config.write_text(text.replace("\n", "\r"), "utf-8", newline="")
    assert tune(site, *WRITE) == 2
    said = capsys.readouterr().err
    assert "carriage returns; paste this by hand:" in said
    assert f"  - actor: {ROBOT}" in said


def test_a_hostile_name_is_escaped_and_excused_exactly(site: Site, capsys: Capture) -> None:
    """On the screen, in the settings, and as a selection: no character of it works on a terminal or as a pattern."""
    name = next(one.alert.actor for one in site.kept() if one.alert.actor.startswith("root"))
    words = ("--reason", "x", "--owner", "me", "--until", "2099-01-31")
    assert tune(site, "K3", "--actor", name, "--exception", *words, "--write") == 0
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err
    assert "\x00" not in out + err
    assert "vanish: 1 alert (1 act)" in out
    again(site, [kube(HOSTILE, "get", "vault/secrets/db", 5000), kube(ROBOT, "get", "vault/secrets/db", 5000)])
    assert [one.alert.actor for one in site.kept() if one.alert.rule == "K3"].count(name) == 1


def test_a_star_in_a_name_is_no_pattern(tmp_path: Path, capsys: Capture) -> None:
    """An account may be called with one; the entry is then an exception, which can say that it is a star."""
    star = "system:serviceaccount:ops:*"
    site = watched(tmp_path, [kube(star, "get", "vault/secrets/db", 0), kube(ROBOT, "list", "vault/secrets", 1)])
    looked = "proposed for system:serviceaccount:ops:*"
    site.alerts(
        "close",
        next(one.alert.id for one in site.kept() if one.alert.actor == star),
        "--as",
        "false",
        "--reason",
        "x",
    )
    assert tune(site, "K3") == 0
    said = capsys.readouterr().out
    assert looked in said
    assert 'actor|cased: "system:serviceaccount:ops:\\\\*"' in said
    assert "vanish: 1 alert (1 act)" in said
    assert "remain: 1 alert (1 act)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "which rule?"),
        (("K99",), "no rule is called 'K99'"),
        (("K3", "--actor", "nobody@example.org"), "set off no alert of K3"),
        (("K3", "--actor", "system:serviceaccount:ops:robots"), f"did you mean {ROBOT}?"),
        (("K3", "--exception", "--until", "2020-01-31"), "that day is over"),
        (("K3", "--exception", "--until", "20270131"), "is not a day"),
        (("K3", "--exception", "--until", "2027-02-31"), "is not a day"),
        (("K3", "--until", "2099-01-31"), "an automation entry has no end"),
        (("K3", "--write"), "--write needs --reason"),
        (("K3", "--exception", "--write", "--reason", "x"), "--write needs --until and --owner"),
        (("K3", "--match", "{verb: [get"), "not YAML"),
        (("K3", "--match", "get"), "write a map"),
        (("K3", "--match", "{verb: get}", "--actor", "x"), "put the actor into it"),
        (("K3", "--since", "soon"), "--since"),
        (("K3", "--state", "nowhere"), "no store here"),
        (("--review", "--actor", "x"), "--review looks at those that stand"),
        (("--review", "--expiring", "soon"), "is no span"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(site: Site, capsys: Capture, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, a sentence, and nothing is written."""
    before = site.config.read_bytes()
    assert tune(site, *arguments) == 2
    assert said in capsys.readouterr().err
    assert site.config.read_bytes() == before


def test_nothing_is_written_that_could_not_be_rehearsed(site: Site, capsys: Capture) -> None:
    """The alerts are in the store, their evidence is gone."""
    shutil.rmtree(site.state / "evidence")
    assert tune(site, "K3", "--actor", ROBOT, "--reason", "x", "--write") == 2
    out, err = capsys.readouterr()
    assert "no act of it is in the evidence that was read" in out
    assert "no evidence could be rehearsed on" in err
    assert "nothing was written" in err
    assert ROBOT not in site.config.read_text("utf-8")


def test_a_segment_that_cannot_be_read_to_its_end_is_said(site: Site, capsys: Capture) -> None:
    """What stands before it is rehearsed on."""
    segment = next((site.state / "evidence").rglob("*.zst"))
    segment.chmod(0o600)
    with segment.open("ab") as file:
        file.write(b"\x28\xb5\x2f\xfdgarbage")
    assert tune(site, "K3") == 0
    out, err = capsys.readouterr()
    assert "cannot be read behind byte" in err
    assert "vanish: 1 alert (3 acts)" in out


def test_what_is_older_is_not_read(site: Site) -> None:
    """A segment that was written last before then is not opened."""
    place = next(one for _, one in Kept(site.state, 0).sources() if one.parent.name == "evidence")
    for segment in place.iterdir():
        os.utime(segment, (1_000_000_000, 1_000_000_000))
    late = Kept(site.state, 1_500_000_000 * 10**9)
    assert list(late.blocks(place)) == []
    assert late.files == 0


def test_review_says_what_ended_what_was_not_used_and_what_is_broader(site: Site, capsys: Capture) -> None:
    """One line an entry and rule, a remark for each thing to look at; 1 where there is any."""
    today = datetime.now(UTC).date()
    entries = f"""\
  - actor: system:serviceaccount:ops:*
    rule: K3
    reason: the operators
  - actor: system:serviceaccount:web:gone
    rule: [K3, K5]
    reason: it is no more
exceptions:
  - {{rule: K3, match: {{actor: ann}}, reason: a move, owner: me, expires: {today - timedelta(days=1)}}}
  - {{rule: K3, match: {{actor: bob}}, reason: a move, owner: me, expires: {today + timedelta(days=3)}}}
  - {{rule: K3, match: {{actor: eve}}, reason: a move, owner: me, expires: {today + timedelta(days=90)}}}
"""
    text = site.config.read_text("utf-8")
    head, vault, rest = text.partition("\nvault:")
    site.config.write_text(head + entries + vault + rest, "utf-8")
    assert tune(site, "--review") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "automation for K3: excused 3 acts" in said
    assert f"a name with *, and one actor alone used it: {ROBOT}" in said
    assert "any verb, and get alone was used: verbs: [get]" in said
    assert "scope any, and vault alone used it: scope: [vault]" in said
    assert "automation for K5: excused nothing" in said
    assert f"expired on {today - timedelta(days=1)}" in said
    assert f"excuses until {today + timedelta(days=3)} and no longer; me answers for it" in said
    assert str(today + timedelta(days=90)) not in said
    assert tune(site, "K3", "--review", "--expiring", "120d") == 1
    assert f"excuses until {today + timedelta(days=90)}" in capsys.readouterr().out


def test_review_of_entries_that_are_used_is_quiet(site: Site, capsys: Capture) -> None:
    """Narrow, used, and without an end."""
    text = site.config.read_text("utf-8")
    head, vault, rest = text.partition("\nvault:")
    head = head[: head.index("automation:")]
    entry = f"automation:\n  - {{actor: {ROBOT}, rule: K3, verbs: [get], scope: [vault], reason: x}}\n"
    site.config.write_text(head + entry + vault + rest, "utf-8")
    assert tune(site, "--review") == 0
    out, err = capsys.readouterr()
    assert "automation for K3: excused 3 acts" in out
    assert "!" not in out
    assert "vedette: read 4 events" in err
    assert tune(site, "K5", "--review") == 0
    assert capsys.readouterr().out == "no automation entry and no exception of your own names K5\n"
    shutil.rmtree(site.state / "evidence")
    assert tune(site, "--review") == 1
    assert "! could not be tried: there is no evidence" in capsys.readouterr().out
