"""What an audit policy takes from each rule, found by running the rule on what is left."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from tests.proof.asking import HEALTHY, emitted
from vedette import app
from vedette import settings as settings_room
from vedette.cases import SETTINGS
from vedette.proof.apiserver import ApiServer
from vedette.proof.links.base import Given
from vedette.proof.links.emitted import Emitted
from vedette.proof.naming import Naming
from vedette.proof.policy_reading import read_policy
from vedette.proof.verdict import State

READING = ("K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9")
"""The rules that read the audit log."""


def policy(rules: str, head: str = "") -> str:
    """A policy with these rules."""
    return f"apiVersion: audit.k8s.io/v1\nkind: Policy\n{head}rules:\n{dedent(rules)}"


@pytest.mark.parametrize("name", READING)
def test_every_rule_can_fire_under_a_healthy_policy(name: str) -> None:
    """Nothing is called blind that is not."""
    result = emitted(name, HEALTHY)
    assert (result.state, result.why) == (State.READY, result.why), result.blind
    assert not result.blind


@pytest.mark.parametrize("name", READING)
def test_a_policy_that_drops_everything_blinds_every_rule(name: str) -> None:
    """At level None nothing is left, and that is not said to be in part."""
    result = emitted(name, policy("- level: None\n"))
    assert result.state is State.BLIND
    assert not result.in_part
    assert "policy.yaml:4 drops it (level None)" in result.why


def test_a_policy_without_a_rule_for_it_writes_nothing() -> None:
    """What no rule is for is written at level None, and the mend comes at the end."""
    result = emitted("K3", policy('- {level: Metadata, resources: [{group: "", resources: [pods]}]}\n'))
    assert result.state is State.BLIND
    assert "no rule of policy.yaml is for it" in result.why
    assert "policy.yaml: at the end put" in result.mend


def test_dropped_reads_blind_k3_and_leave_its_writes() -> None:
    """A rule can be blind in part; the variants say which."""
    result = emitted("K3", policy("- {level: None, verbs: [get, list, watch]}\n- level: Metadata\n"))
    assert result.state is State.BLIND
    assert result.in_part
    blind = {one.name for one in result.blind}
    assert {"get_in_a_sensitive_namespace", "list_everywhere", "watch_begun"} <= blind
    assert all(one.witness.split()[0] in ("get", "list", "watch") for one in result.blind)
    assert any(one.state is State.READY and one.witness.startswith("patch ") for one in result.variants)


def test_dropped_gets_hide_exec_over_websocket_and_not_over_post() -> None:
    """kubectl's exec is a get; a policy that drops reads drops the shell."""
    result = emitted("K4", policy("- {level: None, verbs: [get, list, watch]}\n- level: Metadata\n"))
    states = {one.name: one.state for one in result.variants}
    assert states["exec_over_websocket"] is State.BLIND
    assert states["exec_over_spdy"] is State.READY


def test_metadata_leaves_k7_and_k8_with_cannot_tell() -> None:
    """Without a body nobody can say what was written, and an alert that says so is not the rule firing."""
    for name in ("K7", "K8"):
        result = emitted(name, policy("- level: Metadata\n"))
        assert result.state is State.BLIND
        assert "writes it at Metadata, which leaves only: cannot tell" in result.why


def test_an_omitted_stage_is_made_up_for_by_another() -> None:
    """RequestReceived alone is enough for K2, and ResponseComplete for an exec; nothing is called blind for that."""
    early = policy("- level: Metadata\n", "omitStages: [ResponseStarted, ResponseComplete, Panic]\n")
    # Whom somebody acts as is not known yet at RequestReceived.
    assert all("acted_as" in one.name or "mask" in one.name for one in emitted("K2", early).blind)
    assert len(emitted("K2", early).blind) < 4
    assert emitted("K3", early).state is State.BLIND
    late = policy("- level: Metadata\n", "omitStages: [RequestReceived, ResponseStarted]\n")
    assert emitted("K2", late).blind == ()
    assert emitted("K4", late).blind == ()


def test_a_stage_that_is_missed_is_named_with_its_mend() -> None:
    """The stage to be kept is said, in the policy's list or in the rule's."""
    result = emitted("K3", policy("- level: Metadata\n", "omitStages: [ResponseStarted, ResponseComplete]\n"))
    assert result.state is State.BLIND
    assert "take ResponseComplete" in result.mend
    assert "out of omitStages of the policy" in result.mend
    result = emitted("K3", policy("- {level: Metadata, omitStages: [ResponseStarted, ResponseComplete]}\n"))
    assert "policy.yaml:4: take ResponseComplete" in result.mend


def test_the_mend_is_written_as_a_rule_of_the_policy() -> None:
    """What is to be put before which line, so narrow that Secrets are not written with their data."""
    result = emitted("K3", policy("- {level: None, verbs: [get, list, watch]}\n- level: Metadata\n"))
    assert result.mend.splitlines() == [
        "policy.yaml:4: before this rule put",
        "  - level: Metadata",
        '    verbs: ["get", "list", "watch"]',
        "    resources:",
        '      - {group: "", resources: ["secrets"]}',
    ]


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(
    "text",
    [
        policy("- level: None\n"),
        policy("- {level: None, verbs: [get, list, watch]}\n- level: Metadata\n"),
        policy("- level: Metadata\n", "omitStages: [RequestReceived, ResponseComplete]\n"),
    ],
)
def test_a_policy_mended_as_said_blinds_no_longer(name: str, text: str) -> None:
    """Each mend, put in where it says, makes the rule READY."""
    for _ in range(4):
        result = emitted(name, text)
        if result.state is not State.BLIND:
            break
        assert result.mend
        text = mended(text, result.blind[0].mend)
    assert emitted(name, text).state is State.READY


def mended(text: str, mend: str) -> str:
    """The policy with what a mend says done by hand: lines put in, a stage taken out."""
    lines = text.splitlines()
    said = mend.splitlines()
    where = said[0].split(":")
    if "out of omitStages" in said[0]:
        stages = said[0].partition("take ")[2].partition(" out of")[0].split(", ")
        for stage in stages:
            text = text.replace(f"{stage}, ", "").replace(f", {stage}", "").replace(f"[{stage}]", "[]")
        return text
    at = int(where[1]) - 1 if where[1].isdigit() else len(lines)
    return "\n".join([*lines[:at], *(line[2:] for line in said[1:]), *lines[at:]]) + "\n"


def test_the_names_of_the_site_are_what_the_policy_is_asked_about() -> None:
    """A policy that drops one of the site's own namespaces blinds K3 there, whatever the cases call theirs."""
    cases = settings_room.load_case(SETTINGS, {}, today=date(2026, 1, 1))
    site = settings_room.load_case(SETTINGS, {"sensitive_namespaces": {"secrets": ["prod"]}}, today=date(2026, 1, 1))
    naming = Naming(cases.site_texts(), site.site_texts())
    rule = next(rule for rule in app.load_rules(site).rules if rule.name == "K3")
    text = policy("- {level: None, namespaces: [prod]}\n- level: Metadata\n")
    assert emitted("K3", text).state is State.READY
    result = emitted(rule, text, naming)
    assert result.in_part
    assert "get secrets/db-credentials in prod by eve@example.org" in {one.witness for one in result.blind}
    unhurt = policy("- {level: None, namespaces: [elsewhere]}\n- level: Metadata\n")
    assert emitted(rule, unhurt, naming).state is State.READY


def test_the_owner_of_the_site_is_who_the_policy_is_asked_about() -> None:
    """K9 watches the owner that the settings name, and a policy may drop just that one."""
    cases = settings_room.load_case(SETTINGS, {}, today=date(2026, 1, 1))
    site = settings_room.load_case(SETTINGS, {"owner": {"name": "boss"}}, today=date(2026, 1, 1))
    rule = next(rule for rule in app.load_rules(site).rules if rule.name == "K9")
    text = policy("- {level: None, users: [boss]}\n- level: Metadata\n")
    result = emitted(rule, text, Naming(cases.site_texts(), site.site_texts()))
    assert result.in_part
    assert result.blind[0].mend.splitlines()[1:] == ["  - level: Metadata", '    users: ["boss"]']


def test_a_rule_of_another_log_is_not_judged_by_a_policy() -> None:
    """An audit policy says nothing of Vault, sshd or vedette's own observations."""
    for name in ("V1", "S1", "V3"):
        result = emitted(name, HEALTHY)
        assert (result.state, result.concerns) == (State.UNKNOWN, False)
        assert "not from the Kubernetes audit log" in result.why


def test_k10_rests_on_the_beginning_of_a_write() -> None:
    """Before 1.37 an apply in YAML loses its end; where RequestReceived is left out as well, nothing tells of it."""
    assert emitted("K10", HEALTHY).state is State.READY
    spoiled = HEALTHY.replace("rules:\n", "omitStages: [RequestReceived]\nrules:\n", 1)
    result = emitted("K10", spoiled)
    assert result.state is State.BLIND
    assert result.blind[0].witness == "patch clusterrolebindings/open by eve@example.org"
    assert "take RequestReceived out of omitStages of the policy" in result.mend
    assert emitted("K10", spoiled, apiserver=ApiServer(version=(1, 36))).state is State.BLIND
    assert emitted("K10", spoiled, apiserver=ApiServer(version=(1, 37))).blind == ()
    metadata = policy("- level: Metadata\n", "omitStages: [RequestReceived]\n")
    assert "patch clusterrolebindings/open" not in {one.witness for one in emitted("K10", metadata).blind}


def test_a_webhook_that_loses_batches_hides_the_beginning_of_a_write_too() -> None:
    """K10 misses an end by a beginning, which is in the batch that is lost; the other rules are told of it."""
    hook = {"audit-policy-file": "/p", "audit-webhook-config-file": "/w"}
    lossy = ApiServer(hook, (1, 34), "kube-apiserver.yaml")
    result = emitted("K10", HEALTHY, apiserver=lossy)
    assert result.state is State.BLIND
    assert "the audit webhook does not cut events" in result.why
    assert result.mend == "--audit-webhook-truncate-enabled=true"
    other = emitted("K7", HEALTHY, apiserver=lossy)
    assert (other.state, other.mend) == (State.READY, "--audit-webhook-truncate-enabled=true")
    assert "costs its whole batch" in other.why
    for mended in (ApiServer({**hook, "audit-webhook-truncate-enabled": "true"}, (1, 34)), ApiServer(hook, (1, 37))):
        for name in ("K7", "K10"):
            found = emitted(name, HEALTHY, apiserver=mended)
            assert "batch" not in found.why
            assert found.blind == ()


def test_an_api_server_without_an_audit_policy_writes_nothing() -> None:
    """Whatever the policy file says, if the server is not started with one, or with nowhere to write."""
    for flags in ({}, {"audit-log-path": "/a"}, {"audit-policy-file": "/p"}):
        result = emitted("K3", HEALTHY, apiserver=ApiServer(flags, file="kube-apiserver.yaml"))
        assert result.state is State.BLIND
        assert result.mend.startswith("--audit-")
    both = {"audit-policy-file": "/p", "audit-log-path": "/a"}
    assert emitted("K3", HEALTHY, apiserver=ApiServer(both)).state is State.READY


def test_what_a_cut_event_leaves_is_said() -> None:
    """Truncation takes the bodies of large events; rules without need of one do not care."""
    flags = {"audit-policy-file": "/p", "audit-log-path": "/a", "audit-log-truncate-enabled": "true"}
    assert "40 of them" not in emitted("K3", HEALTHY, apiserver=ApiServer(flags)).why
    why = emitted("K7", HEALTHY, apiserver=ApiServer(flags)).why
    assert "only as cannot tell in an event above 102,400 bytes, which is cut" in why


def test_a_rule_tied_to_one_level_is_found(tmp_path: Path) -> None:
    """A rule that names Metadata sees nothing where the policy writes more."""
    folder = tmp_path / "tied"
    folder.mkdir()
    (folder / "rule.yml").write_text(
        "title: Tied\nid: 0c8e5b1c-1111-4222-8333-0123456789ab\nname: TIED\nstatus: test\nlevel: low\n"
        "logsource: {product: kubernetes, service: audit}\n"
        "detection:\n  read:\n    level: Metadata\n    objectRef.resource: secrets\n  condition: read\n"
    )
    event = (
        '{"auditID": "1", "level": "Metadata", "stage": "ResponseComplete", "verb": "get", "requestURI": "/api/v1/x", '
        '"user": {"username": "eve"}, "objectRef": {"resource": "secrets"}, "responseStatus": {"code": 200}}'
    )
    (folder / "fires.jsonl").write_text('{"case": "read", "why": "a", "events": [' + event + "]}\n")
    (folder / "quiet.jsonl").write_text('{"case": "other", "why": "a", "events": []}\n')
    extra = [str(folder / "rule.yml")]
    loaded = app.load_rules(app.load_settings(str(SETTINGS)), extra)
    rule = next(rule for rule in loaded.rules if rule.name == "TIED")
    for level, state in (("Metadata", State.READY), ("Request", State.BLIND), ("RequestResponse", State.BLIND)):
        given = Given(app.rules_under(extra), read_policy(policy(f"- level: {level}\n"), "policy.yaml"))
        result = Emitted(given).check(rule)
        assert result.state is state
        assert state is State.READY or "the rule fires at Metadata only" in result.why
