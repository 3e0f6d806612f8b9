"""Recordings of real servers and other people's logs: every record is read, and how many of each kind is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.reading import formats, lines_of, projections, quick, read
from vedette.event import walk

GKE, CONTROL, OTHER = "GKE LogEntry (not supported yet)", "GKE control-plane API", "another program"
EXPECTED: dict[str, dict[str, int]] = {
    "data/journald-lnav/journald.json": {OTHER: 2},
    "data/k8s-aks-sysdig/eventhub-record-bom.json": {"kube_audit": 1},
    "data/k8s-aks-sysdig/eventhub-records-batch.json": {"kube_audit": 22},
    "data/k8s-aks-sysdig/events-unwrapped.jsonl": {"kube_audit": 23},
    "data/k8s-aks-sysdig/kubeaudit-unwrapped-pretty.json": {"kube_audit": 1},
    "data/k8s-aks-sysdig/records.jsonl": {"kube_audit": 22},
    "data/k8s-audit2rbac/demo-v1.jsonl": {"kube_audit": 37},
    "data/k8s-audit2rbac/demo-v1beta1.jsonl": {"kube_audit": 37},
    "data/k8s-crowdsec/events.jsonl": {"kube_audit": 2},
    "data/k8s-eks-ocsf/eks.jsonl": {"kube_audit": 1},
    "data/k8s-elastic/events.jsonl": {"kube_audit": 4, GKE: 1},
    "data/k8s-falco-psp/psp.jsonl": {"kube_audit": 32},
    "data/k8s-falco-traces/traces.jsonl": {"kube_audit": 28},
    "data/k8s-gke-khi/gke-api-logentry.jsonl": {CONTROL: 9},
    "data/k8s-gke-khi/k8s-audit-logentry.jsonl": {GKE: 3},
    "data/k8s-gke-khi/oss-event.jsonl": {"kube_audit": 1},
    "data/k8s-minikube-incident/bugurshik.jsonl": {"kube_audit": 277},
    "data/k8s-minikube-incident/factotum8.jsonl": {"kube_audit": 2268},
    "data/k8s-minikube-incident/postscripton.jsonl": {"kube_audit": 141},
    # Two unit-test events of its owner hold nothing but {"operation": …}.
    "data/k8s-panther-eks-gcp/events.jsonl": {"kube_audit": 19, CONTROL: 5, GKE: 18, "unknown shape": 2},
    "data/k8s-splunk-sample/eks-forbidden-create.jsonl": {"kube_audit": 1},
    "data/ssh-crowdsec/opnsense-rfc5424.log": {"sshd": 10},
    "data/ssh-crowdsec/sshd-other.log": {"sshd": 83, "blank line": 2},
    "data/ssh-crowdsec/sshd-success.log": {"sshd": 8},
    "data/ssh-elastic-examples/auth.log": {"sshd": 4095, OTHER: 3026},
    "data/ssh-fail2ban/sshd-journal.log": {"sshd": 129},
    "data/ssh-fail2ban/sshd.log": {"sshd": 155},
    "data/ssh-journald-json/journal.jsonl": {"sshd": 3},
    "data/ssh-kali-rfc3339/auth.log": {"sshd": 580, OTHER: 117},
    "data/ssh-pavelanni/secure.log": {"sshd": 139, OTHER: 48},
    "data/ssh-plaso/syslog_ssh.log": {"sshd": 9},
    "data/ssh-wazuh-entries/sshd-ini-lines.log": {"sshd": 28},
    "data/ssh-wazuh-entries/sshd.log": {"sshd": 345},
    "data/vault-didentity/audit.jsonl": {"vault_audit": 38},
    "data/vault-elastic/audit.jsonl": {"vault_audit": 6},
    "data/vault-learn-monitoring/audit.jsonl": {"vault_audit": 1397},
    "data/vault-micro-robot/audit.jsonl": {"vault_audit": 3},
    "data/vault-openbao-lesson/audit.jsonl": {"vault_audit": 1},
    "data/vault-payout-deploy/audit.jsonl": {"vault_audit": 178},
    "data/vault-raw-consul-template/audit-raw.jsonl": {"vault_audit": 300},
    "data/vault-samgabrail-monitoring/audit.jsonl": {"vault_audit": 192},
    "data/vault-terraform-sandbox/audit.jsonl": {"vault_audit": 338},
    "data/vault-testdrivenio/audit.log": {"vault_audit": 108},
    "parts/samples/kube-audit.policy-full.jsonl": {"kube_audit": 1765},
    "parts/samples/kube-audit.policy-seed.jsonl": {"kube_audit": 1368},
    "parts/samples/kube-audit.policy-writes-only.jsonl": {"kube_audit": 1246},
    "parts/samples/kube-audit.webhook-eventlists.jsonl": {"kube_audit": 54},
    "parts/samples/vault-audit.elide-list.jsonl": {"vault_audit": 50},
    "parts/samples/vault-audit.hmac.jsonl": {"vault_audit": 775},
}
"""File -> how many events of each format, and ignored or quarantined records by reason."""
NO_LOG = ("README.md", "labels.jsonl", "expected.jsonl", "truth.jsonl")


@pytest.mark.parametrize("name", EXPECTED)
def test_every_record_is_read(shared: Path, name: str) -> None:
    """As many events as the collection's own list says, read whole, the same line by line as at once."""
    data = (shared / name).read_bytes()
    whole, apart = read(data), read(lines_of(data))
    counts = [dict(one.tally.events + one.tally.ignored + one.tally.quarantined) for one in (whole, apart)]
    assert counts == [EXPECTED[name]] * 2
    assert whole.places == apart.places
    times = {whole.event(index).time for index in range(len(whole.found))}
    assert not whole.found or max(times) > 0 or name.endswith("sshd-journal.log")


@pytest.mark.parametrize("name", EXPECTED)
def test_the_quick_look_sees_what_the_whole_record_says(shared: Path, name: str) -> None:
    """Every hot field of every record has the same value in both, so that no record is passed over."""
    kinds = formats()
    projectors = {one: kinds[one].projector(projection) for one, projection in projections(kinds).items()}
    reading = read((shared / name).read_bytes())
    for index, (_, kind, _, record) in enumerate(reading.found):
        if record is None:
            continue
        fields = reading.event(index).fields
        for field in projectors[kind].expressions:
            seen = quick(projectors[kind], field, record)
            whole = tuple(item for item in walk(fields, tuple(field.split("."))) if item is not None)
            assert seen == "" or (seen if isinstance(seen, tuple) else () if seen is None else (seen,)) == whole
    assert len(reading.found) == sum(EXPECTED[name].get(kind, 0) for kind in kinds)


def test_no_recording_is_left_out(shared: Path) -> None:
    """Every log of the collection is in the list above."""
    files = [*shared.glob("data/*/*"), *shared.glob("parts/samples/*")]
    logs = {str(path.relative_to(shared)) for path in files if not path.name.endswith(NO_LOG)}
    assert logs == set(EXPECTED)


@pytest.mark.parametrize(
    ("name", "accepted", "addresses"),
    [
        ("data/ssh-elastic-examples/auth.log", 226, 4),
        ("data/ssh-crowdsec/sshd-success.log", 8, 3),
        ("data/ssh-journald-json/journal.jsonl", 1, 1),
        ("data/ssh-kali-rfc3339/auth.log", 0, 0),
    ],
)
def test_accepted_logins_are_found(shared: Path, name: str, accepted: int, addresses: int) -> None:
    """As many as the collection's own list names, and a line that repeats one counts with it."""
    reading = read((shared / name).read_bytes())
    events = [reading.event(index) for index in range(len(reading.found))]
    logins = [event for event in events if event.text("event") == "accepted"]
    assert len(logins) == accepted
    assert len({event.text("address") for event in logins}) == addresses


def test_nul_bytes_are_counted(shared: Path) -> None:
    """A log that was truncated under its writer begins with NULs, and its first record is kept."""
    assert read((shared / "data/vault-testdrivenio/audit.log").read_bytes()).tally.nul_bytes == 43_074


@pytest.mark.parametrize("name", ["sshd", "sshd-journal"])
def test_another_readers_addresses(shared: Path, name: str) -> None:
    """Where fail2ban's own tests name the peer of a failed login, ours is the same, but for one line of an old sshd."""
    import json

    folder = shared / "data/ssh-fail2ban"
    reading = read((folder / f"{name}.log").read_bytes())
    hosts = [
        json.loads(line).get("host") for line in (folder / f"{name}-expected.jsonl").read_text("utf-8").splitlines()
    ]
    seen = [
        (hosts[at], event.text("address"))
        for index, (at, _, _, _) in enumerate(reading.found)
        if (event := reading.event(index)).text("event") in ("failed", "invalid_user") and hosts[at]
    ]
    other = [(host, address) for host, address in seen if host != address]
    assert len(seen) > 40
    # `… from 127.0.0.1 port 58946 ssh2: from 10.10.1.2 port 55555 ssh2`: a name may end like this, a message no more.
    assert other == [("127.0.0.1", "10.10.1.2")]
