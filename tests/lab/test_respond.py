"""From each rule's alert in the lab through `vedette respond` to containment that was looked at, and a post-mortem."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from lab import acts
from lab.acts import ACTS, Act
from lab.asking import ask
from lab.built import packaged
from lab.hops import by_loki, opened
from lab.kube import RBAC
from lab.lab import Lab
from lab.process import until

from tests.walker import Answer, walk
from vedette.store.actions import APPLIED, Acted
from vedette.store.visit import Visit


class Responder:
    """Somebody with a terminal, the lab's settings and an administrator's rights."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.folder = lab.folder / "respond"
        self.folder.mkdir()
        (self.folder / "kube.token").write_text(lab.kube._root)
        (self.folder / "vault.token").write_text(lab.vault.root)
        lab.watch.write(lab.settings(actions=self._actions()))
        lab.watch.reload()
        until(lambda: lab.watch.status("/readyz")[0] == 200, "vedette has taken the settings up")

    def _actions(self) -> dict[str, object]:
        lab = self.lab
        ssh = self.folder / "ssh_config"
        known = f"[127.0.0.1]:{lab.sshd.port} {(lab.sshd.folder / 'host.pub').read_text()}"
        (self.folder / "known_hosts").write_text(known)
        ssh.write_text(f"UserKnownHostsFile {self.folder / 'known_hosts'}\nIdentitiesOnly yes\nIdentityAgent none\n")
        host = {
            "name": socket.gethostname(),
            "destination": f"ssh://{lab.sshd.user}@127.0.0.1:{lab.sshd.port}",
            "config_file": str(ssh),
            "identity_file": str(lab.sshd.folder / "user"),
        }
        kube = {"server": lab.kube.address, "token_file": str(self.folder / "kube.token"), "ca_file": str(lab.kube.ca)}
        return {
            "kube": kube,
            "vault": {"address": lab.vault.address, "token_file": str(self.folder / "vault.token")},
            "hosts": [host],
        }

    def words(self, *words: str) -> list[str]:
        """A command under the lab's settings."""
        return [*words, "--config", str(self.lab.watch.config), "--state", str(self.lab.watch.state)]

    def walk(self, alert: str, answers: Mapping[str, Answer]) -> str:
        """Walk to the end; all that was shown."""
        code, shown = walk(self.words("respond", alert, "--by", "ann"), answers, self.folder)
        assert code == 0, shown
        return shown

    def acted(self, alert: str) -> list[Acted]:
        """The actions that answer an alert."""
        with closing(Visit(self.lab.watch.state)) as visit:
            return visit.actions.listed(alert=alert)


@dataclass(frozen=True)
class Story:
    """One rule's act and what contains it."""

    action: str
    """The one that is chosen among those that its runbook offers."""
    holds: Callable[[Responder, Act], bool]
    """Asks the server itself, and not by vedette, whether it is contained."""
    typed: Mapping[str, Callable[[Responder, Act], str]] = field(default_factory=dict)
    """What no log says: the question -> what a person knows."""
    which: str = ""
    """Text of the offer, where the runbook names the action several times."""
    last: bool = False
    """Of those the last: it reaches the one that made the other."""


@pytest.fixture(scope="module")
def responder(lab: Lab) -> Responder:
    """Ready to answer."""
    return Responder(lab)


def bind(responder: Responder, name: str, kind: str = "ServiceAccount") -> None:
    """A right of its own for somebody, besides what their group gives in the lab."""
    subject = {"kind": kind, "name": name} | ({"namespace": "lab"} if kind == "ServiceAccount" else {"apiGroup": RBAC})
    body = {
        "metadata": {"name": f"own-{name.replace('@', '-')}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [subject],
    }
    status, answer = responder.lab.kube.call("POST", f"/apis/{RBAC}/v1/clusterrolebindings", body)
    assert status == 201, answer


def no_rights(responder: Responder, act: Act) -> bool:
    """No binding names the actor any more."""
    return rightless(responder, act.mark)


def rightless(responder: Responder, name: str) -> bool:
    """The binding of their own is gone."""
    path = f"/apis/{RBAC}/v1/clusterrolebindings/own-{name.replace('@', '-')}"
    return responder.lab.kube.call("GET", path)[0] == 404


def gone(path: str) -> Callable[[Responder, Act], bool]:
    """The object of the act is not there; `{}` is its name."""
    return lambda responder, act: responder.lab.kube.call("GET", path.format(act.mark))[0] == 404


def dead(responder: Responder, act: Act) -> bool:
    """No token of that name lives."""
    return not any(act.mark in name for name in names(responder))


def names(responder: Responder) -> list[str]:
    """Display names of all tokens that live; those that tokens made have `token-` before them."""
    status, answer = responder.lab.vault.call("LIST", "auth/token/accessors")
    assert status == 200, answer
    found = []
    for accessor in answer["data"]["keys"]:
        _, one = responder.lab.vault.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})
        found.append(str((one.get("data") or {}).get("display_name", "")))
    return found


def disabled(responder: Responder, _: Act) -> bool:
    """The owner's entity is."""
    entity = owner(responder)
    return responder.lab.vault.call("GET", f"identity/entity/id/{entity}")[1]["data"]["disabled"] is True


def owner(responder: Responder) -> str:
    """The id of the owner's entity in Vault."""
    _, answer = responder.lab.vault.call("LIST", "identity/entity/id")
    for id_ in answer["data"]["keys"]:
        entity = responder.lab.vault.call("GET", f"identity/entity/id/{id_}")[1]["data"]
        if any(alias["name"] == "me" for alias in entity["aliases"] or ()):
            return str(id_)
    raise AssertionError("the owner has no entity")


def no_policy(responder: Responder, act: Act) -> bool:
    """The policy that was written is not there, as before."""
    return responder.lab.vault.call("GET", f"sys/policies/acl/{act.mark}")[0] == 404


def sealed_by(responder: Responder) -> str:
    """The accessor of a token that somebody has to know: no alert of a node's seal names one."""
    status, answer = responder.lab.vault.call("POST", "auth/token/create", {"display_name": "sealer"})
    assert status == 200, answer
    return str(answer["auth"]["accessor"])


def shut_out(responder: Responder, _: Act) -> bool:
    """The key opens nothing any more."""
    with pytest.raises(AssertionError, match="Permission denied"):
        responder.lab.sshd.login(key="intruder")
    return True


def guessed(responder: Responder, act: Act) -> str:
    """One of the guesses was right: whose entity that is, the log says, and the alert does not."""
    vault = responder.lab.vault
    user = {"password": "guessed", "token_policies": "default"}
    assert vault.call("POST", f"auth/{act.mark}/users/somebody", user)[0] == 204
    status, answer = vault.call("POST", f"auth/{act.mark}/login/somebody", {"password": "guessed"}, token="")
    assert status == 200, answer
    return str(answer["auth"]["entity_id"])


def shut_up(responder: Responder, act: Act) -> bool:
    """Nobody logs in there with what was guessed."""
    login = {"password": "guessed"}
    return responder.lab.vault.call("POST", f"auth/{act.mark}/login/somebody", login, token="")[0] == 403


def s1(lab: Lab) -> Act:
    """A login from outside with a key that somebody has added."""
    keygen = [str(packaged("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-f", str(lab.sshd.folder / "intruder")]
    subprocess.run(keygen, check=True, capture_output=True)
    with (lab.sshd.folder / "user.pub").open("a") as file:
        file.write((lab.sshd.folder / "intruder.pub").read_text())
    address = acts.outside()
    began = time.time()
    lab.sshd.login(address, key="intruder")
    return Act("S1", "sshd", f"from {address} port", address, began)


STORIES = {
    "K2": Story("kube.suspend-actor", no_rights),
    "K3": Story("kube.suspend-actor", no_rights),
    "K4": Story("kube.suspend-actor", no_rights),
    "K5": Story("kube.suspend-actor", no_rights),
    "K6": Story("kube.suspend-actor", no_rights),
    "K7": Story("kube.delete-clusterrole", gone(f"/apis/{RBAC}/v1/clusterroles/{{}}")),
    "K8": Story(
        "kube.delete-binding", gone(f"/apis/{RBAC}/v1/namespaces/lab/rolebindings/{{}}"), which="namespace=lab"
    ),
    "K9": Story("kube.suspend-actor", no_rights),
    "K10": Story(
        "kube.suspend-actor",
        lambda responder, _: rightless(responder, last_account(responder.lab)),
        {"ACTOR": lambda responder, _: f"system:serviceaccount:lab:{last_account(responder.lab)}"},
    ),
    "V1": Story("vault.revoke-token", dead, last=True),
    "V2": Story("vault.revoke-token", dead),
    "V3": Story("vault.revoke-token", dead, {"ACCESSOR": lambda responder, _: sealed_by(responder)}),
    "V4": Story("vault.restore-policy", no_policy),
    "V5": Story("vault.revoke-entity", shut_up, {"ENTITY": guessed}),
    "V6": Story("vault.revoke-token", dead, last=True),
    "V7": Story("vault.revoke-entity", disabled),
    "S1": Story("host.remove-key", shut_out),
}


@pytest.mark.parametrize("rule", STORIES)
def test_an_alert_is_answered_to_the_post_mortem(responder: Responder, rule: str) -> None:
    """Context, a decision, the action applied and looked at, an incident, its page: by what a person types."""
    story, lab = STORIES[rule], responder.lab
    act = s1(lab) if rule == "S1" else ACTS[rule](lab)
    if story.action == "kube.suspend-actor":
        bind(responder, act.mark if rule != "K10" else last_account(lab), "User" if rule == "K9" else "ServiceAccount")
    until(lambda: opened(lab, act) is not None, f"{rule}: alert", LATEST.get(rule, 30.0))
    found = opened(lab, act)
    assert found is not None
    shown = responder.walk(found["id"], answers(responder, act, story))
    assert "Around it" in shown
    assert "nothing was done" not in shown.split("which one to plan")[-1]
    assert [one.action for one in responder.acted(found["id"])] == [story.action], shown
    (acted,) = responder.acted(found["id"])
    assert acted.state == APPLIED, shown
    assert {one["holds"] for one in json.loads(acted.checks)} == {True}, acted.checks
    assert story.holds(responder, act), shown
    post_mortem(responder, shown, story)


LATEST = {"K10": 180.0}
"""Seconds that an alert may take: the end of a write is missed after two minutes."""


def last_account(lab: Lab) -> str:
    """The account that was made last."""
    status, answer = lab.kube.call("GET", "/api/v1/namespaces/lab/serviceaccounts")
    assert status == 200, answer
    made = sorted(answer["items"], key=lambda one: int(one["metadata"]["resourceVersion"]))
    return str(next(one["metadata"]["name"] for one in reversed(made) if one["metadata"]["name"].startswith("k10-")))


def answers(responder: Responder, act: Act, story: Story) -> dict[str, Answer]:
    """What ann types."""
    chosen: list[str] = []

    def choose(shown: str) -> str:
        if chosen:
            return ""
        offers = re.findall(rf"^  (\d+)\. vedette action plan {re.escape(story.action)}(.*)$", shown, re.MULTILINE)
        fitting = [number for number, words in offers if story.which in words]
        chosen.append(fitting[-1 if story.last else 0])
        # sshd was started with -f, which a host's own sshd is not.
        return f"{chosen[0]} file={responder.lab.sshd.folder / 'user.pub'}" if act.rule == "S1" else chosen[0]

    typed = {rf"^{name}\?": know(responder, act) for name, know in story.typed.items()}
    return {
        **typed,
        r"acknowledge it": "y",
        r"is it \[r\]eal": "r",
        r"^why\?": "nobody of ours did it",
        r"which one to plan": choose,
        r"^apply \w+\?": "y",
        r"other alert": "n",
        r"belong to an incident": "o",
        r"its title": f"{act.rule} in the lab",
        r"close the alert": "y",
    }


def post_mortem(responder: Responder, shown: str, story: Story) -> None:
    """The incident of the walk as a page with its evidence."""
    (number,) = re.findall(r"^incident (\d+) opened", shown, re.MULTILINE)
    words = responder.words("incident", "export", number, "--into", str(responder.folder))
    done = responder.lab.watch.command(*words[:-4], "--state", str(responder.lab.watch.state))
    assert done.returncode == 0, done.stderr
    page = (responder.folder / f"incident-{number}.md").read_text("utf-8")
    assert story.action in page
    assert "by `ann`" in page
    assert (responder.folder / f"incident-{number}.tar").stat().st_size > 0


def test_an_alert_of_the_ruler_is_answered(responder: Responder) -> None:
    """It is in no store: found at Alertmanager, its context in Loki; what is decided and done is kept all the same."""
    lab = responder.lab
    act = ACTS["K8"](lab)
    by_loki(lab, act)
    (held,) = [
        one
        for one in ask("GET", f"{lab.ruler_alertmanager.url}/api/v2/alerts")[1]
        if one["labels"].get("rule_id") == "K8" and act.mark in json.dumps(one)
    ]
    alert = held["fingerprint"]
    words = responder.words("respond", alert, "--by", "ann", "--loki", lab.loki.url)
    typed = {**answers(responder, act, STORIES["K8"]), r"open an incident": "y"}
    code, shown = walk([*words, "--alertmanager", lab.ruler_alertmanager.url], typed, responder.folder)
    assert code == 0, shown
    assert "from Loki" in shown
    assert [one.state for one in responder.acted(alert)] == [APPLIED], shown
    assert STORIES["K8"].holds(responder, act), shown
    post_mortem(responder, shown, STORIES["K8"])
