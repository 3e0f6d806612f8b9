"""`vedette incident` as a person uses it: on a store that watch made, beside the daemon, exported and checked by others."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.alert_store import HOSTILE, Site, secret_read, until
from tests.scans import LOGS
from tests.store.disks import small_disk
from vedette.cli import main
from vedette.response import bundle
from vedette.stamp import stamp
from vedette.store.segments import SUFFIX
from vedette.store.visit import Visit

Capture = pytest.CaptureFixture[str]
INJECTION = "# x\n\n![a](https://evil.example/p.png) <img src=x> `<b>` | a |\r\n--|--\x1b[2J"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The recorded logs and one hostile line, watched to their end."""
    made = Site(tmp_path_factory.mktemp("recorded"))
    made.write()
    made.append(secret_read(HOSTILE))
    made.append(secret_read(INJECTION, "page"))
    made.read(LOGS, made.log)
    return made


@pytest.fixture
def site(recorded: Site, tmp_path: Path) -> Site:
    """A copy of it."""
    return Site.copied(recorded.state, tmp_path)


def incident(site: Site, *arguments: str) -> int:
    """`vedette incident …`; its exit code."""
    return main(["incident", *arguments, "--config", str(site.config)])


def ids(site: Site, *rules: str) -> list[str]:
    """Ids of the alerts of some rules, or of all."""
    return [kept.alert.id for kept in site.kept() if not rules or kept.alert.rule in rules]


def record(site: Site, capsys: Capture, number: str = "1") -> dict[str, Any]:
    """What `show -o json` prints."""
    capsys.readouterr()
    assert incident(site, "show", number, "-o", "json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(site: Site, capsys: Capture, *arguments: str) -> str:
    """What is said of a call that ends with 2."""
    capsys.readouterr()
    assert incident(site, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err


def test_an_incident_is_one_timeline(site: Site, capsys: Capture) -> None:
    """Acts, what was told and done about an alert, notes and steps stand in the order of time, with who did them."""
    (k7,) = ids(site, "K7")
    assert incident(site, "open", "somebody makes roles", k7[:8], "--by", "ann") == 0
    assert site.alerts("ack", k7[:8], "--by", "bob") == 0
    assert site.alerts("close", k7[:8], "--reason", "undone", "--by", "bob") == 0
    assert incident(site, "note", "1", "the role is gone", "--by", "cleo") == 0
    assert incident(site, "step", "1", "cordon", "skip", "--reason", "no pod ran", "--by", "dora") == 0
    assert incident(site, "step", "1", "sessions", "done", "--by", "dora") == 0
    found = record(site, capsys)
    assert found["severity"] == "SEV1"
    moments = found["timeline"]
    assert [one["time"] for one in moments] == sorted(one["time"] for one in moments)
    told = [(one["what"], one["by"]) for one in moments]
    assert told[0] == ("alert", "")
    for expected in (("opened", "ann"), ("added", "ann"), ("acked", "bob"), ("closed", "bob"), ("note", "cleo")):
        assert expected in told
    assert ("told", "") in told
    steps = {one["name"]: (one["state"], one["by"], one["said"]) for one in found["steps"]}
    assert steps == {
        "cordon": ("skipped", "dora", "no pod ran"),
        "sessions": ("done", "dora", ""),
        "vault": ("todo", "", ""),
        "restore": ("todo", "", ""),
        "post-mortem": ("todo", "", ""),
    }


def test_the_restore_predates_the_first_act(site: Site, capsys: Capture) -> None:
    """The time of the first evidence is the earliest act of all alerts, and stands beside the step that needs it."""
    assert incident(site, "open", "all of it", *ids(site)) == 0
    first = min(kept.alert.first_seen for kept in site.kept() if kept.alert.source != "vedette")
    assert record(site, capsys)["first_evidence"] == stamp(first)
    assert incident(site, "show", "1") == 0
    shown = capsys.readouterr().out
    assert f"first evidence: {stamp(first)}; a backup made before that" in shown
    assert "recovery stops as well" in shown


def test_a_suggested_sev1_is_told_with_its_reason(site: Site, capsys: Capture) -> None:
    """An incident that was opened as less says why it should be more when an alert is added; people decide."""
    (v1, *_), (k7,) = ids(site, "V1"), ids(site, "K7")
    assert incident(site, "open", "quiet so far") == 0
    assert "SEV3" in capsys.readouterr().out
    assert incident(site, "add", "1", v1, k7) == 0
    out = capsys.readouterr().out
    assert "SEV1 is suggested: a root token came to exist (V1)" in out
    assert "vedette incident severity 1 SEV1" in out
    assert record(site, capsys)["severity"] == "SEV3"
    assert incident(site, "severity", "1", "sev1", "--reason", "agreed", "--by", "ann") == 0
    found = record(site, capsys)
    assert found["severity"] == "SEV1"
    assert [one["text"] for one in found["timeline"] if one["what"] == "severity"] == ["was SEV3: agreed"]


def test_it_works_beside_the_daemon(site: Site, capsys: Capture) -> None:
    """An alert that opens while watch runs is added, noted and exported without stopping it."""
    before = set(ids(site))
    with site.running():
        site.append(secret_read("mallory", "live", at=time.time()))
        until(lambda: bool(set(ids(site)) - before), "the alert")
        (new,) = set(ids(site)) - before
        assert incident(site, "open", "live", new) == 0
        assert incident(site, "export", "1", "--into", str(site.folder)) == 0
    assert "mallory" in (site.folder / "incident-1.md").read_text("utf-8")
    with_lines = subprocess.run(
        ["tar", "xOf", str(site.folder / "incident-1.tar"), f"incident-1/lines/{new}.jsonl"],
        capture_output=True,
        check=True,
    )
    assert json.loads(with_lines.stdout)["user"]["username"] == "mallory"


def test_an_export_can_be_checked_by_others(site: Site, capsys: Capture) -> None:
    """tar unpacks it, sha256sum and zstd agree with every hash, and each kept act of each alert is in its lines."""
    if shutil.which("zstd") is None:
        pytest.skip("no zstd on this machine")
    assert incident(site, "open", "all of it", *ids(site)) == 0
    assert incident(site, "export", "1", "--into", str(site.folder), "--segments") == 0
    subprocess.run(["tar", "xf", "incident-1.tar"], cwd=site.folder, check=True)
    out = site.folder / "incident-1"
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=out, check=True)
    summed = {line.split("  ", 1)[1] for line in (out / "SHA256SUMS").read_text("utf-8").splitlines()}
    assert summed == {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert (out / "post-mortem.md").read_bytes() == (site.folder / "incident-1.md").read_bytes()
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert manifest["segments"]
    for one in manifest["segments"]:
        plain = subprocess.run(["zstd", "-dc", str(site.state / one["name"])], capture_output=True, check=True).stdout
        assert (
            subprocess.run(["sha256sum"], input=plain, capture_output=True, check=True).stdout.split()[0].decode()
            == one["plain_sha256"]
        )
    page = (out / "post-mortem.md").read_text("utf-8")
    for alert in manifest["alerts"]:
        if alert["rule"] == "silence" or not alert["lines"]:
            continue
        lines = (out / "lines" / f"{alert['id']}.jsonl").read_bytes().splitlines()
        assert len(lines) == len(alert["lines"])
        assert len({one["act"] for one in alert["lines"]}) == alert["count"], alert["rule"]
        assert all(one["sha256"] in page for one in alert["lines"][:50])
    assert {alert["rule"] for alert in manifest["alerts"] if not alert["lines"]} <= {"silence"}


def exported(site: Site) -> list[dict[str, Any]]:
    """The alerts of the manifest of incident 1."""
    assert incident(site, "export", "1", "--into", str(site.folder), "--force") == 0
    command = ["tar", "xOf", str(site.folder / "incident-1.tar"), "incident-1/manifest.json"]
    found: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["alerts"]
    return found


def test_an_alert_gets_its_own_lines(tmp_path: Path, capsys: Capture) -> None:
    """Of two actors whose acts alternate each alert has its own acts alone, and every record of an act comes with it."""
    site = Site(tmp_path)
    site.write()
    for number in range(6):
        line = secret_read(("mallory", "eve")[number % 2], f"s{number}", at=1_700_000_000 + number)
        site.append(line.replace(b'"ResponseComplete"', b'"RequestReceived"').replace(b'"code": 200', b'"code": 0'))
        site.append(line)
    site.read(site.log)
    assert incident(site, "open", "x", *ids(site, "K3")) == 0
    found = {alert["actor"]: alert["lines"] for alert in exported(site)}
    assert set(found) == {"mallory", "eve"}
    for actor, lines in found.items():
        assert [one["act"].startswith(actor) for one in lines] == [True] * 6
        assert len({one["act"] for one in lines}) == 3


def test_the_tar_has_its_members_in_order(site: Site, capsys: Capture) -> None:
    """Members stand sorted by name, without owner or time, so that the same state is the same bytes anywhere."""
    assert incident(site, "open", "all of it", *ids(site)) == 0
    exported(site)
    with tarfile.open(site.folder / "incident-1.tar") as archive:
        members = archive.getmembers()
    names = [one.name for one in members]
    assert names == sorted(names)
    assert {(one.uid, one.gid, one.uname, one.gname, one.mtime, one.mode) for one in members} == {
        (0, 0, "", "", 0, 0o600)
    }


def test_two_exports_are_the_same_bytes(site: Site, capsys: Capture) -> None:
    """What has not changed is exported to the same bytes; nothing in it depends on when, where or who."""
    assert incident(site, "open", "all of it", *ids(site)) == 0
    found = []
    for name in ("one", "two"):
        (site.folder / name).mkdir()
        assert incident(site, "export", "1", "--into", str(site.folder / name), "--segments") == 0
        found.append([(site.folder / name / f"incident-1.{end}").read_bytes() for end in ("md", "tar")])
        time.sleep(1.1)  # a tar's times are whole seconds
    assert found[0] == found[1]


def test_hostile_words_are_no_markup(site: Site, capsys: Capture) -> None:
    """Titles, notes, names and reasons with Markdown, HTML or escapes in them stay text, on the page and the terminal."""
    assert incident(site, "open", INJECTION, *ids(site, "K3"), "--by", INJECTION) == 0
    assert incident(site, "note", "1", INJECTION, "--question", "--by", INJECTION) == 0
    assert incident(site, "step", "1", "vault", "skip", "--reason", INJECTION) == 0
    assert incident(site, "show", "1") == 0
    assert incident(site, "list") == 0
    shown = capsys.readouterr().out
    assert not set(shown) & {"\x1b", "\r", "\x00", "\u202e"}
    assert incident(site, "export", "1", "--into", str(site.folder)) == 0
    page = (site.folder / "incident-1.md").read_text("utf-8")
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    tokens = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page)
    kinds = {one.type for one in tokens} | {child.type for one in tokens for child in one.children or ()}
    assert kinds & {"html_block", "html_inline", "link_open", "image", "table_open", "s_open", "hr"} == set()
    headings = [tokens[at + 1].content for at, one in enumerate(tokens) if one.type == "heading_open"]
    assert headings[:2] == ["Incident 1: SEV1", "Timeline"] or headings[0].startswith("Incident 1: SEV")
    assert not any(one == "x" for one in headings)
    assert "evil.example" in page


def test_open_questions_are_computed_and_noted(site: Site, capsys: Capture) -> None:
    """Unknown outcomes, nameless acts, lines that are gone and steps that nobody spoke of are asked by themselves."""
    assert incident(site, "open", "all", *ids(site)) == 0
    assert incident(site, "note", "1", "who has the shares?", "--question", "--by", "ann") == 0
    assert incident(site, "export", "1", "--into", str(site.folder)) == 0
    asked = (site.folder / "incident-1.md").read_text("utf-8").partition("## Open questions")[2]
    assert "`who has the shares?` (asked by `ann`)" in asked
    assert "`no later record tells how it ended`" in asked
    assert "(`K10`) names nobody" in asked
    assert "Cordon every node: nobody has said" in asked
    assert "none of its lines" not in asked
    shutil.rmtree(site.state / "evidence")
    assert incident(site, "export", "1", "--into", str(site.folder), "--force") == 0
    asked = (site.folder / "incident-1.md").read_text("utf-8").partition("## Open questions")[2]
    assert "(`K7`): none of its lines are in what the store keeps" in asked


def test_wrong_calls_say_what_to_do(site: Site, tmp_path: Path, capsys: Capture) -> None:
    """Unknown numbers, alerts and steps, empty texts and what is closed are refused with the next step."""
    assert incident(site, "open", "x") == 0
    assert "no incident has the number '7'" in refused(site, capsys, "show", "7")
    for odd in ("²", "0", "-0", "x", "9" * 400, "", "1\x1b"):
        assert "no incident has the number" in refused(site, capsys, "note", odd, "text")
    assert "no alert has an id" in refused(site, capsys, "add", "1", "zzzz")
    assert "four characters" in refused(site, capsys, "add", "1", "7d")
    assert "no step is called 'reboot'" in refused(site, capsys, "step", "1", "reboot", "done")
    assert "say why it is skipped" in refused(site, capsys, "step", "1", "cordon", "skip")
    assert "say what it is about" in refused(site, capsys, "open", "  ")
    assert "too many" in refused(site, capsys, "note", "1", "x" * 20_000)
    assert "no store here" in refused(site, capsys, "list", "--state", str(tmp_path / "none"))
    assert "no such folder" in refused(site, capsys, "export", "1", "--into", str(tmp_path / "none"))
    assert incident(site, "close", "1", "--reason", "over", "--by", "ann") == 0
    for verb in (
        ["note", "1", "x"],
        ["add", "1", ids(site)[0]],
        ["step", "1", "vault", "done"],
        ["close", "1", "--reason", "x"],
    ):
        assert "was closed" in refused(site, capsys, *verb)


def test_an_ambiguous_beginning_names_both(site: Site, capsys: Capture) -> None:
    """A beginning that two alerts share is refused, and nothing is opened."""
    visit = Visit(site.state)
    first = visit.alerts.listed()[0].alert.id
    with visit.database.transaction():
        visit.database.execute("CREATE TEMP TABLE one AS SELECT * FROM alerts WHERE id = ?", first)
        visit.database.execute("UPDATE one SET id = ?", first[:15] + "~")
        visit.database.execute("INSERT INTO alerts SELECT * FROM one")
    visit.close()
    assert "several ids" in refused(site, capsys, "open", "x", first[:8])
    assert incident(site, "list", "--all", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_is_there_is_not_written_over(site: Site, capsys: Capture) -> None:
    """An export refuses where either file is, and writes over both with --force."""
    assert incident(site, "open", "x") == 0
    (site.folder / "incident-1.tar").write_text("mine", "utf-8")
    assert "--force" in refused(site, capsys, "export", "1", "--into", str(site.folder))
    assert not (site.folder / "incident-1.md").exists()
    assert (site.folder / "incident-1.tar").read_text("utf-8") == "mine"
    assert incident(site, "export", "1", "--into", str(site.folder), "--force") == 0
    for end in ("md", "tar"):
        assert (site.folder / f"incident-1.{end}").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_leaves_nothing(site: Site, capsys: Capture) -> None:
    """Where a disk is full neither file is written, no part is left, and what was there before stands."""
    assert incident(site, "open", "x", *ids(site)) == 0
    with small_disk(site.folder / "small", 1 << 20) as target:
        (target / "incident-1.md").write_text("before", "utf-8")
        (target / "filler").write_bytes(bytes((1 << 20) - (80 << 10)))
        said = refused(site, capsys, "export", "1", "--into", str(target), "--force")
        assert "No space left on device; nothing was written" in said
        assert sorted(one.name for one in target.iterdir()) == ["filler", "incident-1.md"]
        assert (target / "incident-1.md").read_text("utf-8") == "before"
        (target / "filler").unlink()
        assert incident(site, "export", "1", "--into", str(target), "--force") == 0


def test_actions_are_on_the_timeline(site: Site, capsys: Capture) -> None:
    """What answers an alert, or was added by itself, is told call by call; what was left half done is asked."""
    (k7,) = ids(site, "K7")
    visit = Visit(site.state)
    visit.actions.add("a" * 16, "kube.delete", "clusterrole/evil", "{}", alert=k7, by="ann", made=time.time_ns())
    visit.actions.begin("a" * 16, 0, 0, "DELETE clusterroles/evil", by="bob", now=time.time_ns())
    visit.actions.end("a" * 16, 0, 0, "done", INJECTION, time.time_ns())
    visit.actions.mark("a" * 16, "applied", by="bob", now=time.time_ns())
    visit.actions.add("b" * 16, "kube.cordon", "all", "{}", alert="", by="ann", made=time.time_ns())
    visit.close()
    assert incident(site, "open", "x", k7) == 0
    assert "no action has an id" in refused(site, capsys, "add", "1", "--action", "cccc")
    assert "name an alert" in refused(site, capsys, "add", "1")
    assert incident(site, "add", "1", "--action", "bbbb") == 0
    told = [(one["what"], one["by"]) for one in record(site, capsys)["timeline"]]
    assert told.count(("planned", "ann")) == 2
    assert ("action", "bob") in told
    assert incident(site, "export", "1", "--into", str(site.folder)) == 0
    page = (site.folder / "incident-1.md").read_text("utf-8")
    assert "by `bob`: `DELETE clusterroles/evil`, done" in page
    assert "(`kube.delete`) was applied and never verified" in page
    assert "(`kube.cordon`) was planned and not applied" in page


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", "..", ".", "", "a\x00b", "Ω\n"])
def test_names_in_the_tar_are_safe(name: str) -> None:
    """Whatever a source is called, its part of a path is no other folder, and plain letters."""
    made = bundle.safe(name)
    assert made not in ("", ".", "..")
    assert made.isascii()
    assert made.isprintable()
    assert "/" not in made


def test_a_segment_that_is_damaged_is_told(site: Site, capsys: Capture) -> None:
    """Where a finished segment cannot be read to its end, the export says where, and asks what stood behind it."""
    assert incident(site, "open", "x", *ids(site, "K7")) == 0
    (segment,) = sorted((site.state / "evidence" / "given").iterdir())
    segment.write_bytes(segment.read_bytes() + b"no frame")
    (segment.parent / f"00000002-20991231T000000Z{SUFFIX}").touch()
    capsys.readouterr()
    assert incident(site, "export", "1", "--into", str(site.folder)) == 0
    err = capsys.readouterr().err
    assert "cannot be read behind byte" in err
    assert "Evidence could not be read" in (site.folder / "incident-1.md").read_text("utf-8")
