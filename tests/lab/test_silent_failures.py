"""The ways in which rules went dead for months and nobody knew: each is put into the lab, and `vedette prove` names it.

Which rules, at which link, why and how it is mended; then it is put back, and nothing is blind again. The settings are
those of a prover beside the watcher, which goes on under its own unless the failure is in what it reads.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from lab import files
from lab.acts import ACTS
from lab.asking import ask
from lab.hops import blind, opened, proven
from lab.kube import RBAC
from lab.lab import NODE, Lab
from lab.loopback import Reply, proxy
from lab.process import until
from lab.slack import TOKEN

from tests.test_names import THE_PACK
from vedette.clients.alertmanager import Alertmanager, Matcher, rfc3339

Links = Mapping[str, Mapping[str, Any]]
KUBE = {"K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9"}
LATEST = 30.0
"""Seconds until what was mended is seen to be."""


@contextlib.contextmanager
def settings(lab: Lab, *, taken_up: bool = False, **keys: object) -> Iterator[None]:
    """Other settings for as long as this lasts; `taken_up`: by the watcher as well."""
    lab.watch.write(lab.settings(**keys))
    if taken_up:
        lab.watch.reload()
    try:
        yield
    finally:
        lab.watch.write(lab.settings())
        if taken_up:
            lab.watch.reload()
            until(lambda: lab.watch.status("/readyz")[0] == 200, "the watcher is back")


@contextlib.contextmanager
def policy(lab: Lab, text: str) -> Iterator[Path]:
    """The audit policy's file as somebody left it, unknown to the API server that runs."""
    lab.kube.policy_file.write_text(text)
    try:
        yield lab.kube.policy_file
    finally:
        lab.kube.policy_file.write_text(lab.policy)


def before(lab: Lab, *rules: Mapping[str, object]) -> str:
    """The lab's policy with other rules in front."""
    whole = yaml.safe_load(lab.policy)
    whole["rules"][:0] = rules
    return yaml.safe_dump(whole, sort_keys=False)


def named(found: Links, link: str, *words: str, mend: str = "") -> bool:
    """The link of a rule is broken, for this reason and with this mend; shows what it is instead where it is not."""
    assert found[link]["state"] == "BLIND", found
    assert all(word in str(found[link]) for word in words), found[link]
    return mend in str(found[link]["mend"])


def noted(found: Links, link: str, *words: str, mend: str = "") -> bool:
    """The link holds, and this is said of it; shows what it is instead where it is not."""
    assert found[link]["state"] == "READY", found[link]
    assert all(word in found[link]["why"] for word in words), found[link]
    return mend in found[link]["mend"]


def not_blind(lab: Lab, *words: str | Path, seconds: float = LATEST) -> None:
    """Nothing is blind by these words of the command; what was seen of a failure is over soon."""
    end = time.monotonic() + seconds
    while found := blind(lab, *words):
        assert time.monotonic() < end, [
            (rule, name, proven(lab, *words)[rule][name]["why"]) for rule, links in found.items() for name in links
        ]
        time.sleep(0.5)


def healthy(lab: Lab, *rules: str) -> None:
    """Nothing is blind by the embedded engine, of all rules or of these."""
    not_blind(lab, *rules, "--here", "--policy", lab.kube.policy_file)


def on_loki(lab: Lab, *rules: str) -> tuple[str, ...]:
    """What asks of Loki's ruler."""
    return (*rules, "--on", f"loki={lab.loki.url}")


def test_a_healthy_lab_is_not_called_blind(lab: Lab) -> None:
    """All rules are ready by the embedded engine, and on Loki all that it can carry."""
    given = ("--policy", lab.kube.policy_file, "--sshd-config", lab.sshd.folder / "sshd_config")

    def states(found: Links) -> set[str]:
        return {link["state"] for name, link in found.items() if name != "drilled"}

    healthy(lab)
    embedded = proven(lab, "--here", *given)
    assert embedded.keys() == THE_PACK
    assert {rule for rule, links in embedded.items() if states(links) != {"READY"}} == set()

    def ready() -> bool:
        found = proven(lab, *on_loki(lab), *given)
        carried = [links for links in found.values() if "Loki cannot carry it" not in links["matched"]["why"]]
        return len(carried) > len(found) / 2 and all(states(links) == {"READY"} for links in carried)

    until(ready, "each rule that Loki can carry is ready on it", 90.0, every=1.0)


def test_the_policy_s_file_changed_on_the_host(lab: Lab) -> None:
    """It drops reads from now on: K6 tells of the file, and K3 is proven blind by it."""
    dropping = before(lab, {"level": "None", "verbs": ["get", "list", "watch"]})
    began = time.time()
    where = {"kube_audit": {"audit_flags": list(lab.places.flags), "audit_policy": str(lab.kube.policy_file)}}
    sources = yaml.safe_load(lab.settings())["sources"] | where
    with policy(lab, dropping) as file, settings(lab, sources=sources):
        found = proven(lab, "K3", "K7")
        until(lambda: any("K6.file" in one["detections"] for one in lab.watch.alerts()), "K6.file", LATEST)
    line = next(number for number, text in enumerate(dropping.splitlines(), 1) if "level: None" in text)
    assert named(found["K3"], "emitted", f"{file}:{line} drops it (level None)", mend=f"{file}:{line}")
    assert found["K7"]["emitted"]["state"] == "READY"
    (alert,) = [one for one in lab.watch.alerts() if "K6.file" in one["detections"]]
    assert file.name in alert["object"]
    assert time.time() - began < LATEST
    healthy(lab, "K3", "K7")


def test_metadata_for_bindings_and_roles(lab: Lab) -> None:
    """K7 and K8 read objects; who only sees that one was written has nothing to go by."""
    text = before(lab, {"level": "Metadata", "resources": [{"group": RBAC}]})
    with policy(lab, text) as file:
        found = proven(lab, "K3", "K7", "K8", "--here", "--policy", file)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "level: Metadata" in one)
    for rule in ("K7", "K8"):
        assert named(found[rule], "emitted", f"{file}:{line} writes it at Metadata", mend="Request")
    assert found["K3"]["emitted"]["state"] == "READY"
    healthy(lab, "K7", "K8")


def test_a_stage_filtered_by_the_policy(lab: Lab) -> None:
    """Without ResponseComplete nobody knows what became of a request."""
    whole = {**yaml.safe_load(lab.policy), "omitStages": ["ResponseComplete"]}
    with policy(lab, yaml.safe_dump(whole)) as file:
        found = proven(lab, *sorted(KUBE), "--here", "--policy", file)
    for rule in ("K3", "K5", "K7", "K8"):
        assert named(found[rule], "emitted", "ResponseComplete")
    healthy(lab, "K3")


def test_an_apply_erased_from_the_log(lab: Lab) -> None:
    """K10 tells of it; that its other source needs RequestReceived the proof says, and not of a server that is mended."""
    act = ACTS["K10"](lab)
    until(lambda: opened(lab, act) is not None, "K10", LATEST)
    whole = yaml.safe_load(lab.policy)
    text = yaml.safe_dump({**whole, "omitStages": ["RequestReceived"]})
    with policy(lab, text) as file:
        found = proven(lab, "K10", "--here", "--policy", file, "--kube-version", "1.34")
        mended = proven(lab, "K10", "--here", "--policy", file, "--kube-version", "1.37")
    assert named(found["K10"], "emitted", "RequestReceived", mend="RequestReceived")
    assert mended["K10"]["emitted"]["state"] != "BLIND"
    flags = lab.folder / "flags"
    flags.write_text("kube-apiserver --audit-policy-file=/p --audit-webhook-config-file=/w\n")
    lossy = proven(lab, "K10", "--here", "--policy", lab.kube.policy_file, "--apiserver-flags", flags)
    assert named(lossy["K10"], "emitted", "costs its whole batch", mend="--audit-webhook-truncate-enabled=true")
    healthy(lab, "K10")


def test_an_owner_with_a_slip(lab: Lab) -> None:
    """`.me.me`: K9 guards nobody, K3 and K4 excuse nobody."""
    for _ in range(3):
        lab.kube.call("GET", "/version", token=lab.kube.tokens[files.OWNER])
    until(lambda: lab.logs["kube"].read_text("utf-8").count(f'"username":"{files.OWNER}"') >= 3, "the owner came")
    slip = f"{files.OWNER}.org"
    with settings(lab, owner={"name": slip, "vault_aliases": ["userpass-me"]}):
        until(lambda: "K9" in blind(lab, "K9"), "the owner's request is kept", LATEST)
        found = proven(lab, "K3", "K4", "K9")
    mend = f"owner: {{name: {files.OWNER}}}"
    assert named(found["K9"], "allowed", f"the owner {slip} never came", f"{files.OWNER} did", mend=mend)
    for rule in ("K3", "K4"):
        assert noted(found[rule], "allowed", f"the owner {slip} never came", "excuses a name nobody has", mend=mend)
    healthy(lab, "K3", "K4", "K9")


def test_a_quarter_of_the_nodes_network(lab: Lab) -> None:
    """A /24 where the nodes have a /22."""
    for last in ("20.5", "21.7", "23.9"):
        assert lab.kube.call("GET", "/version", token=lab.kube.tokens[NODE], source=f"127.0.{last}")[0] == 200
    networks = {"loopback": ["127.0.0.1/32"], "pods": ["10.10.0.0/16"]}
    with settings(lab, networks={**networks, "nodes": ["127.0.20.0/24"]}):
        words = "2 of 3 addresses of nodes are outside the trusted networks (127.0.21.7, 127.0.23.9)"
        until(lambda: words in proven(lab, "K2")["K2"]["allowed"]["why"], "the nodes' requests are kept", LATEST)
        assert noted(proven(lab, "K2")["K2"], "allowed", words, mend="name the nodes' whole network")
    with settings(lab, networks={**networks, "nodes": ["127.0.20.0/22"]}):
        assert "nodes" not in proven(lab, "K2")["K2"]["allowed"]["why"]


def test_noise_from_controllers(lab: Lab) -> None:
    """K5 without the entry that excuses the namespace controller fires on whoever tidies up."""
    controller = "system:serviceaccount:kube-system:namespace-controller"
    off = [{"actor": controller, "rule": "K5", "off": True, "reason": "for this test"}]
    with settings(lab, taken_up=True, automation=off):
        for number in range(5):
            name = f"noise-{number}"
            assert lab.kube.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})[0] == 201
            assert lab.kube.call("DELETE", f"/api/v1/namespaces/{name}")[0] == 200
        words = f"it fires on {controller}, which is Kubernetes itself"
        until(
            lambda: words in proven(lab, "K5")["K5"]["allowed"]["why"], "the controller's work is told", 60.0, every=1.0
        )
        assert noted(proven(lab, "K5")["K5"], "allowed", words, mend="automation")
    assert words not in proven(lab, "K5")["K5"]["allowed"]["why"]
    healthy(lab, "K5")


def test_a_silence_left_on(lab: Lab) -> None:
    """Whose, until when, and how it is ended."""
    client = Alertmanager(lab.alertmanager.url)
    now = time.time_ns()
    rules = [Matcher("rule_id", "K3|V4", is_regex=True)]
    silence = client.create_silence(rules, now, now + 3600 * 10**9, "the move", "ann")
    try:
        found = proven(lab, "K2", "K3", "V4")
    finally:
        client.delete_silence(silence)
        client.close()
    for rule in ("K3", "V4"):
        assert named(found[rule], "delivered", "by ann: the move", mend=f"amtool silence expire {silence}")
    assert found["K2"]["delivered"]["state"] == "READY"
    healthy(lab, "K3", "V4")


def test_an_inhibition(lab: Lab) -> None:
    """While another alert fires nobody is told."""
    config = lab.alertmanager.config_file.read_text("utf-8")
    held = "inhibit_rules:\n- source_matchers: [alertname=Maintenance]\n  target_matchers: [severity=critical]\n"
    lab.alertmanager.restart(config + held)
    client = Alertmanager(lab.alertmanager.url)
    try:
        quiet = proven(lab, "K3")
        client.post_alerts([{"labels": {"alertname": "Maintenance"}}])
        found = proven(lab, "K3", "K7")
        client.post_alerts([{"labels": {"alertname": "Maintenance"}, "endsAt": rfc3339(time.time_ns())}])
    finally:
        client.close()
        lab.alertmanager.restart(config)
    assert noted(quiet["K3"], "delivered", "other alerts can hold it back")
    assert named(found["K3"], "delivered", "held back by an inhibition while Maintenance fires", mend="inhibit_rules")
    assert found["K7"]["delivered"]["state"] == "READY"
    healthy(lab, "K3")


def test_slack_says_404_to_the_webhook(lab: Lab) -> None:
    """Of an incoming webhook that was taken away; behind Alertmanager, and of vedette's own."""
    hook = lab.folder / "slack.hook"
    hook.write_text(lab.slack.hook_url)
    config = lab.alertmanager.config_file.read_text("utf-8")
    rendered = lab.render("alertmanager", "--webhook-url-file", hook)
    lab.alertmanager.restart(files.alertmanager(rendered, lab.slack.api_url))
    own = {"slack": [{"name": "chat", "webhook_url_file": str(hook)}]}
    try:
        assert proven(lab, "K3")["K3"]["delivered"]["state"] == "READY"
        lab.slack.answer = Reply(404, b"no_service")
        behind = proven(lab, "K3")
        with settings(lab, sinks=own):
            direct = proven(lab, "K3")
    finally:
        lab.slack.answer = None
        lab.alertmanager.restart(config)
    for found in (behind, direct):
        assert named(found["K3"], "delivered", "404 no_service", mend="make a new incoming webhook")
    healthy(lab, "K3")


def test_slack_says_404_to_the_app(lab: Lab) -> None:
    """Where Alertmanager posts by a token nobody but its own count knows, once it has tried."""
    config = lab.alertmanager.config_file.read_text("utf-8")
    lab.alertmanager.restart(config)
    lab.slack.answer = Reply(404, b"no_service")
    try:
        ACTS["V4"](lab)
        words = "requests to slack since its start went through"
        until(lambda: words in proven(lab, "V4")["V4"]["delivered"]["why"], "Alertmanager has tried", LATEST, every=0.5)
        assert named(proven(lab, "K3")["K3"], "delivered", words, mend="the receiver's URL, token or channel")
    finally:
        lab.slack.answer = None
        lab.alertmanager.restart(config)
    healthy(lab, "K3", "V4")


def test_an_app_that_is_not_in_its_channel(lab: Lab) -> None:
    """Asked as the app itself: that of Alertmanager's receiver, and of vedette's own sink."""
    channel, token = files.CHANNELS["vedette"], str(lab.folder / "slack.token")
    app = {"channel": channel, "token_file": token, "api_url": lab.slack.api_url}
    own = {"slack": [{"name": "chat", **app}], "alertmanager": [{"name": "am", "urls": [lab.alertmanager.url]}]}
    lab.slack.member = False
    try:
        with settings(lab, drill={"slack": app}):
            behind = proven(lab, "K3")
        with settings(lab, sinks=own):
            direct = proven(lab, "K3")
        lab.slack.member = True
        with settings(lab, drill={"slack": app}):
            healthy(lab, "K3")
    finally:
        lab.slack.member = True
    for found in (behind, direct):
        assert named(found["K3"], "delivered", "not_in_channel", mend="/invite")
    assert direct["K3"]["delivered"]["in_part"]
    assert Path(token).read_text() == TOKEN


class Shipper:
    """What brings the API server's log to a file that vedette follows, and changes it on the way."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.file = lab.folder / "shipped.log"
        self.file.write_text("")

    def sources(self) -> dict[str, Any]:
        """With the file among them."""
        sources: dict[str, Any] = yaml.safe_load(self._lab.settings())["sources"]
        sources["files"].append({"name": "shipped", "paths": [str(self.file)]})
        return sources

    def ship(self, count: int, **keys: str) -> None:
        """So many events; `drop`: a key that they then have not; `stage`: a stage that is left out."""
        events = [json.loads(line) for line in self._lab.logs["kube"].read_text("utf-8").splitlines()]
        kept = [event for event in events if event["stage"] != keys.get("stage")]
        for event in kept:
            event.pop(keys.get("drop", ""), None)
        with self.file.open("a", encoding="utf-8") as file:
            # Of some kinds there are fewer; what comes twice is one act.
            for event in itertools.islice(itertools.cycle(kept), count):
                file.write(json.dumps(event, separators=(",", ":")) + "\n")


def test_what_a_shipper_takes(lab: Lab) -> None:
    """The array of addresses that is never extracted; a stage that is filtered; and both mended."""
    shipper = Shipper(lab)
    with settings(lab, taken_up=True, sources=shipper.sources()):
        shipper.ship(250, drop="sourceIPs")
        until(lambda: "shipped" in blind(lab, "K2").get("K2", ()), "the records are kept", LATEST, every=0.5)
        array = proven(lab, "K2", "K3", "K9")
        shipper.ship(250, stage="ResponseComplete")
        until(lambda: "shipped" in blind(lab, "K7").get("K7", ()), "the records are kept", LATEST, every=0.5)
        stage = proven(lab, "K2", "K3", "K7")
        shipper.ship(250)
        healthy(lab, "K2", "K3", "K7", "K9")
    mend = "let the shipper send every record, as the server wrote it"
    for rule in ("K2", "K9"):
        assert named(
            array[rule], "shipped", "none of the last 200 kube_audit events of shipped has sourceIPs", mend=mend
        )
    assert array["K3"]["shipped"]["state"] == "READY"
    for rule in ("K2", "K3", "K7"):
        assert named(stage[rule], "shipped", "events of shipped is at stage ResponseComplete", mend=mend)


def test_a_job_label_renamed(lab: Lab) -> None:
    """On Loki the log goes on under another name, and what came before is still there under the old one."""
    lab.promtail.restart(lab.promtail_settings(vault="vault"))
    words = on_loki(lab, "K3", "V4", "V7")
    try:
        until(
            lambda: "shipped" in blind(lab, *words).get("V4", ()), "a line came under the new label", LATEST, every=0.5
        )
        found = proven(lab, *words)
    finally:
        lab.promtail.restart(lab.promtail_settings())
    for rule in ("V4", "V7"):
        assert named(
            found[rule], "shipped", '{job="vault-audit"} has no line since', '{job="vault"}', mend="--job vault=NAME"
        )
    assert found["K3"]["shipped"]["state"] == "READY"
    not_blind(lab, *words)


def test_a_shipper_that_cuts_lines(lab: Lab) -> None:
    """Its size limit leaves half an event, which no query can read; whole lines push it out of sight."""
    words = on_loki(lab, "K3", "V4")
    line = lab.logs["kube"].read_text("utf-8").splitlines()[-1]
    now = time.time_ns()
    lab.loki.push([({"job": "kube-audit", "host": "cutting"}, [(now, line[:200])])])
    found = proven(lab, *words)
    assert named(found["K3"], "shipped", "cut", mend="raise the shipper's limit and max_line_size")
    assert found["V4"]["shipped"]["state"] == "READY"
    later = [(now + 1 + number, line) for number in range(210)]
    lab.loki.push([({"job": "kube-audit", "host": "cutting"}, later)])
    not_blind(lab, *words)


def test_one_broken_rule_file_and_a_size_limit(lab: Lab) -> None:
    """The ruler is empty after its next start, and ready; lines above Loki's own limit are refused."""
    words = on_loki(lab, "K3", "V4")
    whole = lab.loki.settings_file.read_text("utf-8")
    small = yaml.safe_load(whole)
    small["limits_config"]["max_line_size"] = "256KB"
    lab.loki.write_rules("groups: [", "broken.yaml")
    lab.loki.restart(yaml.safe_dump(small))
    try:
        found = proven(lab, *words)
    finally:
        (lab.loki.rules / "broken.yaml").unlink()
        lab.loki.restart(whole)
    for rule in ("K3", "V4"):
        assert named(found[rule], "matched", "a rule file is broken", "broken.yaml", mend="mend or remove the file")
        assert named(found[rule], "shipped", "max_line_size is 256 KB", mend="set limits_config.max_line_size to 1MB")
    not_blind(lab, *words, seconds=60.0)


def test_a_ruler_under_a_dead_key(lab: Lab) -> None:
    """`loki.ruler` in the values of the Helm chart, which reads `loki.rulerConfig`: Loki then has no ruler to speak of."""
    words = on_loki(lab, "K3", "V4")
    whole = lab.loki.settings_file.read_text("utf-8")
    dead = yaml.safe_load(whole)
    # What the chart writes where rulerConfig says nothing: rules from a place where nobody put any.
    dead["ruler"] = {"storage": {"type": "local", "local": {"directory": str(lab.folder / "nowhere")}}}
    lab.loki.restart(yaml.safe_dump(dead))
    try:
        found = proven(lab, *words)
    finally:
        lab.loki.restart(whole)
    for rule in ("K3", "V4"):
        assert named(found[rule], "matched", "no rule", mend="loki.rulerConfig")
        assert named(found[rule], "delivered", "ruler.alertmanager_url is empty")
    not_blind(lab, *words, seconds=60.0)


def test_an_owner_behind_a_proxy(lab: Lab) -> None:
    """Vault writes the proxy's address for everybody, where its listener takes no X-Forwarded-For: V7 cannot tell."""
    address = "127.0.0.88"
    far = proxy(lab.vault.address, address)
    sources = yaml.safe_load(lab.settings())["sources"]
    sources["vault"][0]["address"] = far.url
    networks = {"loopback": ["127.0.0.1/32"], "pods": ["10.10.0.0/16"], "proxy": [f"{address}/32"]}
    try:
        with settings(lab, taken_up=True, sources=sources, networks=networks):
            for _ in range(60):
                assert (
                    ask("PUT", f"{far.url}/v1/auth/userpass/login/me", body=b'{"password": "only-for-this-lab"}')[0]
                    == 200
                )
            until(lambda: "V7" in blind(lab, "V7"), "the entries are kept", LATEST, every=0.5)
            found = proven(lab, "V4", "V7")
    finally:
        far.close()
    assert named(found["V7"], "emitted", f"every address is {address} lately", mend="x_forwarded_for_authorized_addrs")
    assert f"--proxy {address}" in found["V7"]["emitted"]["mend"]
    assert found["V4"]["emitted"]["state"] == "READY"
    for _ in range(60):
        assert lab.vault.call("GET", "sys/policies/acl/everything")[0] == 200
    healthy(lab, "V7")
