"""What the audit devices of a Vault, and a proxy in front of it, leave of each rule on its log."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.proof.asking import rules, rules_under
from vedette import app
from vedette.cases import firing_cases, pack_settings
from vedette.network import Networks
from vedette.proof.audit_device import hashed, read_device
from vedette.proof.links.emitted_vault import EmittedVault
from vedette.proof.seen import Seen, SeenFormat, Tail
from vedette.proof.vault_node import Device, VaultNode, devices_of, proxies_of
from vedette.proof.verdict import LinkResult, State
from vedette.rule import Rule

ASKED = """\
title: A token was asked for by a policy's name
id: 0f0f8a52-2b1d-4a53-8a6e-5d6f0a3c9a11
name: asked
status: test
description: Compares what a client sent.
logsource: {product: vault, service: audit}
detection:
  asked:
    request.data.policies|cased: root
  condition: asked
level: high
"""
READING = ("V1", "V2", "V3", "V4", "V5", "V6", "V7")


def device(path: str = "file/", **options: str) -> Device:
    """A file device."""
    return Device(path, "file", options)


OWNER = "8d1c5f0e-6f1d-4a55-9b0e-5d1f2c3b4a59"


def judged(
    name: str | Rule, *devices: Device, seen: Seen | None = None, proxies: tuple[str, ...] | None = ()
) -> LinkResult:
    """One rule of the pack under devices."""
    node = VaultNode("vault-0", devices, "", proxies, "HTTP 403", "grant it")
    rule = rules()[name] if isinstance(name, str) else name
    return EmittedVault([node], rules_under(), seen, Networks.of(["10.0.0.0/8"]), (OWNER,)).check(rule)


def came(*addresses: str, each: int = 60, callers: int = 2, owner: str = f"oidc-me ({OWNER})") -> Seen:
    """Entries of so many callers from these addresses, the `owner` among them."""
    events = each * len(addresses)
    actors = frozenset((owner, *(f"caller-{number}" for number in range(1, callers))))
    tail = Tail("vault", events, actors=actors, addresses=frozenset(addresses))
    return Seen({"vault_audit": SeenFormat(events, tails=[tail])})


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(
    "devices",
    [
        (device(),),
        (device(), device("second/")),
        (device(hmac_accessor="false", elide_list_responses="true", mode="0640"),),
        (device(log_raw="true"),),
        (device(filter="mount_type == kv"), device("all/")),
        (device(filter="mount_type == kv"), device("rest/", fallback="true")),
        (device(exclude='[{"fields": ["/request/headers", "/auth/metadata/x"]}]'),),
        (device(prefix="@cee: "),),
    ],
)
def test_devices_that_write_all_blind_no_rule(name: str, devices: tuple[Device, ...]) -> None:
    """Nothing is called blind that is not."""
    result = judged(name, *devices)
    assert result.state is State.READY, result.why
    assert len(result.variants) >= 5


@pytest.mark.parametrize("name", READING)
def test_without_a_device_every_rule_is_blind(name: str) -> None:
    """Nothing is written, and the mend is a device."""
    result = judged(name)
    assert result.state is State.BLIND
    assert "no audit device" in result.why
    assert "render vault-audit" in result.mend


def test_one_device_is_enough_and_two_are_advised() -> None:
    """Vault stops where it can write to none."""
    assert "enable a second" in judged("V4", device()).why
    assert "enable a second" not in judged("V4", device(), device("second/")).why


@pytest.mark.parametrize("name", ["V1", "V2", "V4", "V6"])
def test_a_filter_that_drops_what_a_rule_needs_blinds_it(name: str) -> None:
    """The filter is named with the device."""
    result = judged(name, device(filter='mount_type == "kv"'))
    assert result.state is State.BLIND
    assert "file/: filter 'mount_type == \"kv\"' takes it" in result.why


def test_a_filter_may_blind_a_rule_in_part() -> None:
    """V4 sees users' policies under auth/, and no policy of sys/; the variants say which."""
    result = judged("V4", device(filter='path matches "^auth/"'))
    states = {one.name: one.state for one in result.variants}
    assert result.in_part
    assert states["userpass_user"] is State.READY
    assert states["acl_policy_written"] is State.BLIND


@pytest.mark.parametrize("text", ["mount_type = kv", "bogus == 1", "path matches `(`"])
def test_a_filter_that_cannot_be_read_is_unknown_with_the_reason(text: str) -> None:
    """Never READY, and not blind by a guess."""
    result = judged("V4", device(filter=text))
    assert result.state is State.UNKNOWN
    assert "its filter" in result.why
    assert text in result.why


def test_excluded_fields_are_taken_out_and_the_rule_is_run() -> None:
    """Without response.auth V1 sees no root token and V4 all that it wants."""
    found = '[{"fields": ["/response/auth"]}]'
    assert judged("V1", device(exclude=found)).in_part
    assert judged("V6", device(exclude=found)).state is State.BLIND
    assert judged("V4", device(exclude=found)).state is State.READY


def test_an_exclusion_under_a_condition_is_unknown_where_it_would_matter() -> None:
    """Conditions are not evaluated, and that is said."""
    found = '[{"condition": "\\"/request/mount_type\\" == transit", "fields": ["/response/auth"]}]'
    result = judged("V6", device(exclude=found))
    assert result.state is State.UNKNOWN
    assert "not evaluated" in result.why
    assert judged("V4", device(exclude=found)).state is State.READY
    for text in ("[{", "[" * 100_000, "[1]", '[{"fields": "/a"}]'):
        assert judged("V4", device(exclude=text)).state is State.UNKNOWN


def test_a_log_in_xml_is_not_read() -> None:
    """format=jsonx is taken by Vault and by nobody here."""
    result = judged("V4", device(format="jsonx"))
    assert result.state is State.BLIND
    assert "format jsonx" in result.why


def test_a_rule_that_compares_a_hashed_value_is_blind(tmp_path: Path) -> None:
    """Whatever its own case says in clear; with log_raw it would fire."""
    (tmp_path / "asked.yml").write_text(ASKED)
    request = {"path": "auth/token/create", "operation": "update", "data": {"policies": ["root"]}}
    entry = {"type": "response", "time": "2026-11-23T06:33:52Z", "request": request, "response": {}}
    case = {"case": "in_clear", "events": [entry]}
    (tmp_path / "asked.fires.jsonl").write_bytes(msgspec.json.encode(case) + b"\n")
    under = app.rules_under([str(tmp_path / "asked.yml")])
    rule = under(pack_settings())["asked"]
    states = []
    for one in (device(), device(log_raw="true")):
        states.append(EmittedVault([VaultNode("n", (one,), "")], under, None).check(rule))
    assert [one.state for one in states] == [State.BLIND, State.READY]
    assert "hashed" in states[0].why
    assert "in clear" in states[1].why


def test_a_case_of_a_device_with_log_raw_is_judged_under_such_a_device_alone() -> None:
    """It is no variant of the others; so nobody is told to write secrets into a log."""
    assert "refused_in_clear" in {one.name for one in judged("V1", device(log_raw="true")).variants}
    assert "refused_in_clear" not in {one.name for one in judged("V1", device()).variants}
    assert hashed({"policies": ["root"], "n": 1})["n"] == 1
    assert hashed({"policies": ["root"], "n": 1})["policies"][0].startswith("hmac-sha256:")


def test_behind_a_proxy_without_forwarding_v7_alone_is_blind() -> None:
    """Every client has the proxy's address; who asks whence they come can tell nothing."""
    for name in READING:
        result = judged(name, device(), seen=came("10.0.0.5"))
        assert result.state is (State.BLIND if name == "V7" else State.READY), result.why
    why = judged("V7", device(), seen=came("10.0.0.5")).why
    assert "every address is 10.0.0.5 lately, whoever it was" in why


@pytest.mark.parametrize(
    ("seen", "proxies", "state"),
    [
        (came("10.0.0.5"), None, State.UNKNOWN),
        (came("10.0.0.5"), ("10.0.0.5/32",), State.UNKNOWN),
        (came("10.0.0.5"), ("a.sockaddr.template",), State.UNKNOWN),
        (came("10.0.0.5"), ("10.0.0.9",), State.READY),
        (came("10.0.0.5", each=49), (), State.READY),
        (came("10.0.0.5", callers=1), (), State.READY),
        (came("10.0.0.5", "10.0.0.6"), (), State.READY),
        (came("127.0.0.1"), (), State.READY),
        (came("203.0.113.9"), (), State.READY),
        (None, (), State.READY),
    ],
)
def test_one_address_is_a_proxys_only_where_much_came_from_it(
    seen: Seen | None, proxies: tuple[str, ...] | None, state: State
) -> None:
    """A setting that cannot be read leaves it open; loopback and a handful of entries say nothing."""
    result = judged("V7", device(), seen=seen, proxies=proxies)
    assert result.state is state, result.why
    if state is State.UNKNOWN:
        assert "every address is 10.0.0.5 lately, whoever it was" in result.why
    if proxies is None:
        assert "HTTP 403" in result.why
        assert result.mend == "grant it"


@pytest.mark.parametrize("owner", [OWNER, f"oidc-me ({OWNER})", f"{OWNER} (of an alias)"])
def test_the_owner_is_known_by_entity_or_name(owner: str) -> None:
    """The format writes one of the two, or both."""
    assert judged("V7", device(), seen=came("10.0.0.5", owner=owner)).state is State.BLIND


@pytest.mark.parametrize("owner", ["caller-0", f"of {OWNER}", f"other ({OWNER}9)"])
def test_one_host_of_all_callers_is_no_proxy_as_far_as_anybody_knows(owner: str) -> None:
    """Without the owner among them nobody can tell; what would, is said."""
    result = judged("V7", device(), seen=came("10.0.0.5", owner=owner))
    assert result.state is State.UNKNOWN
    assert "every address is 10.0.0.5 lately, of 2 callers without the owner" in result.why
    assert "have the owner ask for something (vault token lookup)" in result.mend
    assert "x_forwarded_for_authorized_addrs" in result.mend


def test_what_cannot_be_looked_at_is_unknown() -> None:
    """No node, or one that does not tell."""
    rule = rules()["V4"]
    assert EmittedVault([], rules_under(), None).check(rule).state is State.UNKNOWN
    result = EmittedVault([VaultNode("vault-0", None, "HTTP 403", mend="grant it")], rules_under(), None).check(rule)
    assert (result.state, result.why, result.mend) == (State.UNKNOWN, "HTTP 403", "grant it")
    assert not EmittedVault([], rules_under(), None).check(rules()["K3"]).concerns


def test_the_worst_node_counts_and_is_named() -> None:
    """One of two nodes without a device is enough."""
    nodes = [VaultNode("a", (device(),), ""), VaultNode("b", (), "")]
    result = EmittedVault(nodes, rules_under(), None).check(rules()["V4"])
    assert result.state is State.BLIND
    assert result.why.startswith("b: ")


def test_what_a_healthy_device_makes_of_a_recorded_entry_is_that_entry() -> None:
    """Hashed texts stay as they are; the order of keys does not matter."""
    reading = read_device(device())
    changed = 0
    for name in READING:
        for case in firing_cases(rules()[name]):
            for line in case.lines.splitlines():
                try:
                    entry = msgspec.json.decode(line)
                except msgspec.DecodeError:
                    continue
                changed += msgspec.json.decode(reading.line(entry)) != entry
    assert changed <= 12


@pytest.mark.parametrize("odd", [None, [], "x", 1, {"a": 1}, {"a": {"options": 3}}])
def test_odd_answers_raise_nothing(odd: object) -> None:
    """What a server or a store of another version has."""
    found = devices_of(odd)
    assert found is None or found[0].options == {}
    assert proxies_of(odd) in (None, ())
