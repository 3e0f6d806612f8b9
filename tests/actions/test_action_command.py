"""`vedette action` as a person meets it: records, questions, read-only mode, hostile names, an alert that is answered."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.actions.action_site import Site, user
from tests.cli.alert_store import HOSTILE
from vedette.store.visit import Visit


def planned(site: Site, actor: str) -> str:
    """A binding, and a plan to take it away; the binding's path."""
    path = site.bound(
        f"c-{actor[:8].lower()}-{site.folder.name[-12:].lower().strip('_').replace('_', '-')}", [user(actor)]
    )
    site.plan("kube.suspend-actor", actor)
    return path


def test_nobody_is_asked_by_a_script(site: Site) -> None:
    """Without a terminal --yes is needed."""
    path = planned(site, "scripted")
    code, out, err = site.run("apply", site.last)
    assert (code, "--yes" in err) == (2, True)
    assert "kubectl delete clusterrolebindings/" in out
    assert site.there(path) is not None


@pytest.mark.parametrize(("answer", "done"), [("y", True), ("n", False), ("", False), ("Y e s", False)])
def test_a_person_is_asked(site: Site, answer: str, *, done: bool) -> None:
    """On a terminal the whole plan is shown, and nothing but a yes is one."""
    path = planned(site, f"asked-{len(answer)}-{done}")
    main, sub = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "vedette",
        "action",
        "apply",
        site.last,
        "--config",
        str(site.folder / "vedette.yaml"),
    ]
    with subprocess.Popen(command, stdin=sub, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        os.write(main, f"{answer}\n".encode())
        out, _ = process.communicate(timeout=60)
    os.close(main)
    os.close(sub)
    assert f"apply {site.last}? [y/N]" in out.decode()
    assert (process.returncode == 0, site.there(path) is None) == (done, done)


def test_read_only(site: Site) -> None:
    """By the settings or on the command line: all but apply and undo works."""
    path = planned(site, "read-only")
    code, _, err = site.run("apply", site.last, "--yes", "--read-only")
    assert (code, "--read-only" in err) == (2, True)
    site.mode = "read-only"
    code, _, err = site.run("apply", site.last, "--yes")
    assert (code, "vedette.yaml:" in err, "actions.mode" in err) == (2, True, True)
    site.plan("kube.suspend-actor", "read-only")
    assert site.run("list")[0] == site.run("show", site.last)[0] == 0
    assert site.holds() == [False, False]
    site.mode = "act"
    site.do("apply")
    site.mode = "read-only"
    assert site.run("undo", site.last, "--yes")[0] == 2
    assert site.there(path) is None


def test_the_record(site: Site) -> None:
    """Who planned, applied, verified and undid what, when; for people and for programs; nothing twice."""
    planned(site, "recorded")
    site.do("apply")
    assert "applied already" in site.do("apply", 2)
    site.holds()
    site.do("undo")
    assert "make a new plan" in site.do("apply", 2)
    code, out, _ = site.run("show", site.last[:4], "-o", "json")
    found = json.loads(out)
    assert (code, found["state"], found["applied_by"], found["undone_by"]) == (0, "undone", "ann", "ann")
    assert [(one["turn"], one["state"]) for one in found["steps"]] == [(0, "done"), (1, "done")]
    assert [one["holds"] for one in found["checks"]] == [True, True]
    assert found["plan"]["calls"][0]["kept"]["object"]["kind"] == "ClusterRoleBinding"
    shown = site.run("show", site.last)[1]
    assert "undone" in shown
    assert all(len(one) <= 100 or one.startswith("     $ ") for one in shown.splitlines())
    record = json.loads(site.run("list", "-o", "json")[1])["record"]
    assert [one["id"] for one in record] == [site.last]


def test_an_id_that_is_none(site: Site) -> None:
    """Unknown, too short, or an action that is not there: the answer says where to look."""
    planned(site, "ids")
    for given in ("ffff", "", site.last[:3], "*"):
        assert "vedette action list" in site.run("show", given)[2]
    assert "did you mean kube.suspend-actor?" in site.refused("kube.suspend-actr", "x")
    site.plan("kube.suspend-actor", "ids")
    assert "was not applied" in site.do("undo", 2)


def test_an_alert_that_it_answers(site: Site) -> None:
    """It must be there; nothing is kept for one that is not."""
    site.bound("c-alert", [user("alerted")])
    site.plan("kube.suspend-actor", "alerted")
    assert "no alert has an id" in site.run("plan", "kube.suspend-actor", "alerted", "--alert", "abcdef12")[2]
    visit = Visit(site.state)
    try:
        assert len(visit.actions.listed()) == 1
        assert visit.actions.listed(alert="abcdef12") == []
    finally:
        visit.close()


def test_a_hostile_name_is_shown_escaped(site: Site) -> None:
    """In plan, list, show and what a refusal says; and it is taken for exactly whom it names."""
    actor = HOSTILE.replace("\x00", "")
    path = site.bound("c-hostile", [user(actor), user("bob")])
    site.plan("kube.suspend-actor", actor)
    printed = [site.run("plan", "kube.suspend-actor", actor), site.run("list"), site.run("show", site.last)]
    printed.append(site.run("plan", f"kube.{actor}", "x"))
    printed.append(site.run("plan", "kube.delete-binding", actor))
    for code, out, err in printed:
        assert code in (0, 2)
        assert not set(out + err) & set("\x1b\u202e\r\x00")
        assert "\nvedette: all is well" not in out + err
    site.do("apply")
    assert site.there(path)["subjects"] == [user("bob")]
    site.server.call("DELETE", path)


def test_another_server_is_not_acted_on(site: Site) -> None:
    """A plan is for the server that it was made on; --server shows nobody the settings' token."""
    path = planned(site, "elsewhere")
    code, _, err = site.run("apply", site.last, "--yes", "--server", "http://127.0.0.1:9")
    assert (code, "planned on" in err) == (2, True)
    assert site.there(path) is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode: readonly", "must be act or read-only"),
        ("kube: {token_file: /t}", "has no server"),
        ("kube: {server: 'ftp://x', token_file: /t}", "no http or https URL"),
        ("kube: {server: 'https://u:p@x', token_file: /t}", "may hold a secret"),
        ("kube: {server: 'http://10.0.0.1', token_file: /t}", "in the clear"),
        ("kube: {server: 'https://x', token_file: ~/t}", "taken as it stands"),
        ("kube: {server: 'https://x', token_file: /t, client_cert_file: /c, client_key_file: /k}", "two identities"),
        ("kube: {server: 'https://x', client_cert_file: /c}", "has no client_key_file"),
    ],
)
def test_settings_that_cannot_be(site: Site, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`vedette config check` says what is wrong, and where."""
    from vedette.cli import main

    config = site.folder / "bad.yaml"
    config.write_text(f"actions:\n  {text}\n")
    main(["config", "check", "--config", str(config)])
    out = "".join(capsys.readouterr())
    assert said in " ".join(out.split())
    assert "bad.yaml:2:" in out


def test_a_store_is_made_for_the_first_plan_alone(site: Site) -> None:
    """A site that only Loki watches has none; a plan that cannot be made leaves none behind."""
    site.refused("kube.suspend-actor", "system:anonymous")
    assert not site.state.exists()
    site.bound("c-first", [user("first")])
    code, _, err = site.run("plan", "kube.suspend-actor", "first")
    assert (code, "made a store" in err) == (0, True)
    assert site.run("list")[1].count("kube.suspend-actor first") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["suspend"], "did you mean kube.suspend-actor?"),
        (["cordon", "x"], "did you mean kube.cordon-all or kube.uncordon?"),
        (["kube.nothing"], "vedette action list shows all"),
        ([""], "vedette action list shows all"),
        (["kube.suspend-actor"], "vedette action plan kube.suspend-actor ACTOR [kind=user|group] [groups=GROUPS]"),
        (["kube.suspend-actor", "a", "b"], "actor: the user name as the log has it; kind: user"),
        (["kube.cordon-all", "x"], "vedette action plan kube.cordon-all takes no arguments"),
    ],
)
def test_a_wrong_word_is_answered_with_how_it_is_called(site: Site, words: list[str], said: str) -> None:
    """A name that is nearly one, an argument that is missing or none: what to type in its place."""
    assert said in " ".join(site.refused(*words).split())


def test_where_there_is_nothing_it_says_so(site: Site) -> None:
    """No store, an actor whom nobody binds: nothing is said to break, and nothing can be taken back."""
    code, out, _ = site.run("list")
    assert (code, f"nothing is on record: no store in {site.state}" in out) == (0, True)
    code, out, _ = site.run("plan", "kube.suspend-actor", "nobody-binds-me")
    assert code == 0
    assert "no binding names nobody-binds-me" in out
    assert "there is nothing to do" in out
    assert "breaks:" not in out
    assert "undo:" not in out


def test_what_to_type_again_is_quoted(site: Site) -> None:
    """A stale plan, and one that was applied, say what makes another: every word is one of a shell's."""
    actor = "a b; $(id)"
    path = site.bound("c-again", [user(actor), user("bob")])
    site.plan("kube.suspend-actor", actor, "groups=x")
    site.server.call("DELETE", path)
    again = "vedette action plan kube.suspend-actor 'actor=a b; $(id)' groups=x"
    said = site.do("apply", 2)
    assert "nothing was done" in said
    assert f"make a new one: {again}" in said
    site.plan("kube.suspend-actor", actor, "groups=x")
    site.do("apply")
    assert f"make a new plan: {again}" in site.do("apply", 2)


def test_verify_says_that_nothing_was_applied(site: Site) -> None:
    """Else its no would look like one of the server's."""
    path = planned(site, "unapplied")
    code, _, err = site.run("verify", site.last)
    assert (code, f"{site.last} was not applied yet" in err) == (1, True)
    site.server.call("DELETE", path)


def test_an_alert_of_alertmanager_is_taken_by_its_whole_fingerprint(site: Site) -> None:
    """It is in no store; what is shorter has to be the beginning of one that is."""
    planned(site, "fingerprint")
    code, _, err = site.run("plan", "kube.suspend-actor", "fingerprint", "--alert", "0123456789abcdef")
    assert (code, "no alert of this store" in err) == (0, True)
    code, _, err = site.run("plan", "kube.suspend-actor", "fingerprint", "--alert", "0123456789")
    assert (code, "no alert has an id that begins with" in err) == (2, True)
    _, out, _ = site.run("list", "--alert", "0123456789abcdef", "-o", "json")
    assert [one["action"] for one in json.loads(out)["record"]] == ["kube.suspend-actor"]
