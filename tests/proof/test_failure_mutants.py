"""The silent failures in many small variations, on one site: what each blinds is named, and nothing else is.

The site is real as far as values go: a store that `vedette watch` made of the recorded logs, an Alertmanager that runs,
what speaks as Slack does. What a variation blinds is known without the proof: for logs by what a scan of them no longer
finds, for silences and routes by whom Alertmanager itself tells, for the rest by what was done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from lab.alertmanager import AlertmanagerServer
from lab.loopback import Reply
from lab.slack import CHANNEL, TOKEN, SlackServer, slack_server

from tests.cli.test_scan import vedette
from tests.proof.asking import HEALTHY
from tests.scans import SETTINGS, scan
from vedette import app, proving
from vedette.clients.alertmanager import Alertmanager, Matcher
from vedette.offline import Said
from vedette.proof.policy_reading import read_policy
from vedette.proof.prove import prove
from vedette.proof.verdict import LinkResult, State

LOGS = Path(__file__).resolve().parent.parent.parent / "examples" / "logs"
WHOLE = yaml.safe_load(SETTINGS.read_text("utf-8"))
RBAC = "rbac.authorization.k8s.io"
CHECKED = {"matched": LinkResult("matched", State.READY)}
"""The engine is not what is broken here; its cases take half the time."""
CRITICAL = {"K2", "K3", "K5", "K6", "K8", "K9", "K10", "V1", "V2", "V3", "V6", "V7", "S1"}
WARNING = {"K4", "K7", "V4", "V5"}
ROUTES = """\
route:
  receiver: security
  group_by: ['...']
  group_wait: 10ms
  routes: [%s]
receivers:
- name: security
  slack_configs: [{channel: x, api_url_file: %s}]
- name: nobody
%s"""


class Broken(NamedTuple):
    """What a variation blinds."""

    rules: set[str]
    link: str


@dataclass
class Site:
    """One that is well; a variation changes a part of it."""

    folder: Path
    state: Path
    server: AlertmanagerServer
    slack: SlackServer
    settings: dict[str, Any] = field(default_factory=dict)
    policy: str = HEALTHY

    def proven(self) -> dict[str, dict[str, LinkResult]]:
        """Every rule, link by link, at the time when the logs end."""
        file = self.folder / "vedette.yaml"
        file.write_text(yaml.safe_dump(self.settings), "utf-8")
        settings = app.load_settings(str(file))
        rules = app.load_rules(settings, unproven=True).rules
        now = int(LATEST * 1e9)
        known = {(rule.name, link): one for rule in rules for link, one in CHECKED.items()}
        said = Said(read_policy(self.policy.encode(), "policy.yaml"))
        with proving.here(settings, rules, self.state, now, said) as given:
            return {one.rule.name: {link.link: link for link in one.links} for one in prove(rules, given, known)}

    def configure(self, routes: str = "", more: str = "") -> None:
        """Another configuration of Alertmanager."""
        self.server.restart(ROUTES % (routes, self.folder / "hook", more))


def _latest() -> float:
    from datetime import datetime

    stamps = [json.loads(line)["stageTimestamp"] for line in (LOGS / "kube-audit.jsonl").read_text().splitlines()[-50:]]
    return max(datetime.fromisoformat(stamp).timestamp() for stamp in stamps) + 600


LATEST = _latest()


def watched(folder: Path, logs: Path) -> Path:
    """The store of what is in a folder of logs."""
    done = vedette(
        *("watch", "--config", SETTINGS, "--state", folder / "state", "--until-read", "--output", "none"), logs
    )
    assert done.returncode == 0, done.stderr
    return folder / "state"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that is well."""
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as close:
        slack = close.enter_context(slack_server())
        (folder / "hook").write_text(slack.hook_url)
        (folder / "token").write_text(TOKEN)
        server = AlertmanagerServer(folder / "am", config=ROUTES % ("", folder / "hook", ""))
        close.callback(server.stop)
        settings = {**WHOLE, "sinks": {"alertmanager": [{"name": "am", "urls": [server.url]}]}}
        yield Site(folder, watched(folder, LOGS), server, slack, settings)


def blind(found: Mapping[str, Mapping[str, LinkResult]]) -> dict[str, set[str]]:
    """Rule -> its broken links."""
    broken = {rule: {name for name, one in links.items() if one.state is State.BLIND} for rule, links in found.items()}
    return {rule: links for rule, links in broken.items() if links}


def judged(found: Mapping[str, Mapping[str, LinkResult]], broken: Broken) -> str:
    """What is missed, and what is called blind that is not; each reason and mend is there."""
    expected = {rule: {broken.link} for rule in broken.rules}
    if blind(found) != expected:
        return f"blind: {blind(found)}, not {expected}"
    silent = [rule for rule in broken.rules if not (found[rule][broken.link].why and found[rule][broken.link].mend)]
    return f"without reason or mend: {silent}" if silent else ""


def test_the_site_is_well(site: Site) -> None:
    """Nothing is blind."""
    assert blind(site.proven()) == {}


POLICIES: Mapping[str, tuple[dict[str, Any], set[str]]] = {
    "reads dropped": ({"level": "None", "verbs": ["get", "list", "watch"]}, {"K2", "K3", "K4", "K9"}),
    "gets dropped": ({"level": "None", "verbs": ["get"]}, {"K2", "K3", "K4", "K9"}),
    "secrets dropped": ({"level": "None", "resources": [{"group": "", "resources": ["secrets"]}]}, {"K3", "K5"}),
    "a sensitive namespace dropped": ({"level": "None", "namespaces": ["vault"], "verbs": ["list"]}, {"K3"}),
    "deletes dropped": ({"level": "None", "verbs": ["delete"]}, {"K5"}),
    "a namespace's end dropped": ({"level": "None", "resources": [{"group": "", "resources": ["namespaces"]}], "verbs": ["delete"]}, {"K5"}),
    "metadata for RBAC": ({"level": "Metadata", "resources": [{"group": RBAC}]}, {"K7", "K8"}),
    "metadata for cluster roles": ({"level": "Metadata", "resources": [{"group": RBAC, "resources": ["clusterroles"]}]}, {"K7"}),
    "metadata for bindings": ({"level": "Metadata", "resources": [{"group": RBAC, "resources": ["rolebindings", "clusterrolebindings"]}]}, {"K8"}),
    "request only for cluster roles": ({"level": "Request", "verbs": ["patch"], "resources": [{"group": RBAC, "resources": ["clusterroles"]}]}, {"K7"}),
    "metadata for kubeadm's": ({"level": "Metadata", "resources": [{"group": "", "resources": ["configmaps"]}], "namespaces": ["kube-system"]}, {"K6"}),
    "execs dropped": ({"level": "None", "resources": [{"group": "", "resources": ["pods/exec"]}]}, {"K4"}),
    "the owner dropped": ({"level": "None", "users": ["me@example.org"]}, {"K9"}),
}  # fmt: skip
"""A rule in front of the policy, and whom it blinds: at least these, by what the rules are for."""


@pytest.mark.parametrize("name", POLICIES)
def test_an_audit_policy(site: Site, name: str) -> None:
    """The rules that a policy blinds are blind at `emitted`, with the line that does it, and no rule elsewhere."""
    rule, rules = POLICIES[name]
    whole = yaml.safe_load(HEALTHY)
    whole["rules"].insert(0, rule)
    found = replace(site, policy=yaml.safe_dump(whole, sort_keys=False)).proven()
    # Which others have a variant among what is gone, test_policy_mutants finds by kube's own evaluator.
    assert rules <= blind(found).keys()
    assert set().union(*blind(found).values()) == {"emitted"}
    assert not blind(found).keys() & {"S1", "V1", "V2", "V3", "V4", "V5", "V6", "V7"}
    for one in rules:
        assert "policy.yaml:" in found[one]["emitted"].why
        assert found[one]["emitted"].mend


SILENCES: Mapping[str, list[Matcher]] = {
    "one rule": [Matcher("rule_id", "K3")],
    "two rules": [Matcher("rule_id", "K3|V4", is_regex=True)],
    "by the alert's name": [Matcher("alertname", "VedetteK7")],
    "all names": [Matcher("alertname", "Vedette.+", is_regex=True)],
    "a severity": [Matcher("severity", "warning")],
    "a source": [Matcher("source", "vault_audit")],
    "all but a source": [Matcher("source", "kube_audit", is_equal=False)],
    "all but some rules": [Matcher("rule_id", "K.+", is_regex=True, is_equal=False)],
    "a severity of a source": [Matcher("source", "vault_audit"), Matcher("severity", "critical")],
    "whatever the watcher says": [Matcher("entity", ".+", is_regex=True)],
    "no cluster": [Matcher("cluster", "", is_equal=True), Matcher("rule_id", "K2")],
    "another cluster": [Matcher("cluster", "other"), Matcher("rule_id", "K2")],
    "one episode": [Matcher("rule_id", "K2"), Matcher("entity", "0a0b0c0d0e0f")],
    "another rule's name": [Matcher("alertname", "VedetteK")],
}


def held(site: Site, sources: Mapping[str, str]) -> set[str]:
    """The rules of which Alertmanager tells nobody, by its own word on an alert of each."""
    client = Alertmanager(site.server.url)
    try:
        alerts = {
            rule: {"alertname": f"Vedette{rule}", "rule_id": rule, "severity": "critical" if rule in CRITICAL else "warning",
                   "source": source, "entity": "1"}
            for rule, source in sources.items()
        }  # fmt: skip
        client.post_alerts([{"labels": labels} for labels in alerts.values()])
        end = time.monotonic() + 10
        while True:
            there = {one.labels["rule_id"]: one for one in client.alerts() if "rule_id" in one.labels}
            if len(there) == len(alerts) and all(one.status.state != "unprocessed" for one in there.values()):
                break
            assert time.monotonic() < end, there
            time.sleep(0.05)
    finally:
        client.close()
    return {
        rule
        for rule, one in there.items()
        if one.status.silenced_by or one.status.inhibited_by or one.receivers == ({"name": "nobody"},)
    }


@pytest.fixture(scope="module")
def sources(site: Site) -> Mapping[str, str]:
    """Rule -> the format of the log whose acts it tells of."""
    rules = app.load_rules(app.load_settings(str(SETTINGS))).rules
    return {rule.name: next(one.format for one in rule.detections) for rule in rules}


@contextmanager
def silenced(site: Site, matchers: list[Matcher]) -> Iterator[None]:
    """A silence for as long as this lasts."""
    client = Alertmanager(site.server.url)
    now = time.time_ns()
    made = client.create_silence(matchers, now, now + 3600 * 10**9, "left on", "ann")
    try:
        yield
    finally:
        client.delete_silence(made)
        client.close()


@pytest.mark.parametrize("name", SILENCES)
def test_a_silence(site: Site, sources: Mapping[str, str], name: str) -> None:
    """The rules whose alerts Alertmanager holds for silenced, and no others."""
    site.configure()
    with silenced(site, SILENCES[name]):
        found = site.proven()
        assert judged(found, Broken(held(site, sources), "delivered")) == ""


ROUTED: Mapping[str, tuple[str, str]] = {
    "critical to nobody": ("{receiver: nobody, matchers: [severity=critical]}", ""),
    "warnings to nobody": ("{receiver: nobody, matchers: ['severity=~\"warn.*\"']}", ""),
    "one rule to nobody": ("{receiver: nobody, matchers: [rule_id=K8]}", ""),
    "one name to nobody": ("{receiver: nobody, match: {alertname: VedetteV6}}", ""),
    "a source to nobody": ("{receiver: nobody, match_re: {source: 'vault_.*'}}", ""),
    "the watcher's to nobody": ("{receiver: nobody, matchers: ['entity!=\"\"']}", ""),
    "to nobody and on": ("{receiver: nobody, matchers: [severity=critical], continue: true}, {receiver: security}", ""),
    "shadowed": ("{receiver: nobody, matchers: [source=kube_audit], routes: [{receiver: security, matchers: [rule_id=K3]}]}", ""),
    "inhibition": ("", "inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: [severity=critical]}]"),
    "inhibition of one": ("", "inhibit_rules: [{source_match: {alertname: Down}, target_match: {rule_id: V1}}]"),
    "inhibition of equals": ("", "inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: ['source=~\".+\"'], equal: [cluster]}]"),
    "inhibition of others": ("", "inhibit_rules: [{source_matchers: [alertname=Down], target_matchers: ['rule_id=~\"K.\"'], equal: [site]}]"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUTED)
def test_a_route(site: Site, sources: Mapping[str, str], name: str) -> None:
    """The rules of which the real Alertmanager tells nobody, while another alert fires; and no others."""
    site.configure(*ROUTED[name])
    client = Alertmanager(site.server.url)
    client.post_alerts([{"labels": {"alertname": "Down", "site": "b"}}])
    client.close()
    try:
        found = site.proven()
        assert judged(found, Broken(held(site, sources), "delivered")) == ""
    finally:
        site.configure()


def app_error(word: str) -> Callable[[SlackServer], None]:
    """Slack says this to the app."""
    return lambda slack: setattr(slack, "error", word)


def answer(status: int, body: bytes) -> Callable[[SlackServer], None]:
    """What everybody is answered."""
    return lambda slack: setattr(slack, "answer", Reply(status, body))


SLACKS: Mapping[str, tuple[Callable[[SlackServer], None], tuple[str, ...]]] = {
    "the webhook is gone": (answer(404, b"no_service"), ("am", "hook")),
    "the webhook's app is gone": (answer(403, b"invalid_token"), ("am", "hook")),
    "the channel is archived": (answer(410, b"channel_is_archived"), ("am", "hook")),
    "a page in between": (answer(404, b"<html>"), ("am", "hook")),
    "the token is revoked": (app_error("token_revoked"), ("app",)),
    "the token is none": (app_error("invalid_auth"), ("app",)),
    "the account is gone": (app_error("account_inactive"), ("app",)),
    "the app is not in its channel": (lambda slack: setattr(slack, "member", False), ("app",)),
    "there is no such channel": (lambda slack: setattr(slack, "channels", {"C0000000000"}), ("app",)),
}


@pytest.mark.parametrize("name", SLACKS)
def test_slack(site: Site, name: str) -> None:
    """By each way that the failure is in, all rules are blind at `delivered`; by the other ways none is."""
    sinks = {
        "am": site.settings["sinks"],
        "hook": {"slack": [{"name": "chat", "webhook_url_file": str(site.folder / "hook")}]},
        "app": {
            "slack": [
                {"name": "chat", "channel": CHANNEL, "token_file": str(site.folder / "token"), "api_url": site.slack.api_url}
            ]
        },
    }  # fmt: skip
    change, ways = SLACKS[name]
    for way in ways:
        changed = replace(site, settings={**site.settings, "sinks": sinks[way]})
        assert blind(changed.proven()) == {}
        try:
            change(site.slack)
            found = changed.proven()
        finally:
            site.slack.error, site.slack.answer, site.slack.member, site.slack.channels = "", None, True, {CHANNEL}
        assert judged(found, Broken(CRITICAL | WARNING, "delivered")) == ""


def excusing(rule: str, **match: object) -> dict[str, Any]:
    """An exception."""
    return {"exceptions": [{"rule": rule, "match": match, "reason": "r", "owner": "ann", "expires": "2026-12-31"}]}


def automated(rule: str, actor: str) -> dict[str, Any]:
    """An automation entry besides those that there are."""
    return {"automation": [*WHOLE["automation"], {"actor": actor, "rule": rule, "reason": "r"}]}


EXCUSES: Mapping[str, tuple[dict[str, Any], set[str]]] = {
    "an owner twice": ({"owner": {**WHOLE["owner"], "name": "me@example.org.org"}}, {"K9"}),
    "an owner with a letter more": ({"owner": {**WHOLE["owner"], "name": "mee@example.org"}}, {"K9"}),
    "an owner with a letter less": ({"owner": {**WHOLE["owner"], "name": "me@exampl.org"}}, {"K9"}),
    "an owner in capitals": ({"owner": {**WHOLE["owner"], "name": "Me@example.org"}}, {"K9"}),
    "everybody reads Secrets": (automated("K3", "*e*"), {"K3"}),
    "everybody deletes": (automated("K5", "*n*"), {"K5"}),
    "everybody opens shells": (automated("K4", "*e*"), {"K4"}),
    "any verb": (excusing("K3", **{"verb|exists": True}), {"K3"}),
    "any stage": (excusing("K8", **{"stage|startswith": "Response"}), {"K8"}),
    "any login": (excusing("S1", **{"method|exists": True}), {"S1"}),
    "any path": (excusing("V4", **{"request.path|contains": "/"}), {"V4"}),
}


@pytest.mark.parametrize("name", EXCUSES)
def test_an_allowlist(site: Site, name: str) -> None:
    """Whoever excuses everybody, or guards a name that nobody has, blinds that rule at `allowed`."""
    keys, rules = EXCUSES[name]
    found = replace(site, settings={**site.settings, **keys}).proven()
    assert judged(found, Broken(rules, "allowed")) == ""


def without(*path: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """A shipper that does not take a key along."""

    def changed(event: dict[str, Any]) -> dict[str, Any] | None:
        held = event
        for step in path[:-1]:
            held = held.get(step) or {}
        held.pop(path[-1], None)
        return event

    return changed


def only(key: str, *values: str) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """A shipper that lets some by."""
    return lambda event: event if event[key] in values else None


SHIPPED: Mapping[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any] | None]]] = {
    "no addresses": ("kube-audit", without("sourceIPs")),
    "no verb": ("kube-audit", without("verb")),
    "no user": ("kube-audit", without("user", "username")),
    "no object": ("kube-audit", without("objectRef")),
    "no code": ("kube-audit", without("responseStatus")),
    "only beginnings": ("kube-audit", only("stage", "RequestReceived")),
    "no ends": ("kube-audit", only("stage", "RequestReceived", "ResponseStarted")),
    "no operation": ("vault-audit", without("request", "operation")),
    "no path": ("vault-audit", without("request", "path")),
    "no remote address": ("vault-audit", without("request", "remote_address")),
}


def told(logs: Path) -> set[tuple[str, str]]:
    """The rules that fire on logs, with the document that is met, by a scan."""
    return {(match.rule, match.detection) for match in scan([logs]).matches() if match.reaction == "fire"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipper(site: Site, tmp_path: Path, name: str) -> None:
    """Every rule that no longer fires on what it leaves is blind at `shipped`."""
    log, change = SHIPPED[name]
    logs = tmp_path / "logs"
    logs.mkdir()
    for file in LOGS.iterdir():
        lines = file.read_text("utf-8").splitlines()
        if file.stem == log:
            events = [change(json.loads(line)) if line.startswith("{") else None for line in lines]
            lines = [json.dumps(event, separators=(",", ":")) for event in events if event is not None]
        (logs / file.name).write_text("\n".join(lines) + "\n", "utf-8")
    lost = {rule for rule, _ in told(LOGS) - told(logs)}
    assert lost
    found = blind(replace(site, state=watched(tmp_path, logs)).proven())
    assert {rule for rule in lost if found.get(rule) != {"shipped"}} == set()
    other = {rule for rule in CRITICAL | WARNING if rule.startswith("V" if log == "kube-audit" else "K")} | {"S1"}
    assert not found.keys() & other


def test_there_are_enough() -> None:
    """Forty at least, of every kind."""
    kinds = (POLICIES, SILENCES, ROUTED, SLACKS, EXCUSES, SHIPPED)
    assert sum(map(len, kinds)) >= 40
