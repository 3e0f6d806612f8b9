"""A large log shaped like the recordings: the same for the same size and seed.

Recorded acts (all lines of one auditID or request.id) are the templates. Ordinary ones come in the proportions of a
busy cluster and are dressed anew each time: ids, times, nodes, namespaces, service accounts, people, object names.
About one line in ten thousand begins an attack, which keeps its recorded actors and addresses and gets fresh ids and
times only. So the number of attacks of each kind, written into manifest.json, is what every contestant must find.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

Record = dict[str, Any]

HERE = Path(__file__).parent
LOGS = HERE.parent / "examples" / "logs"
FILE_SIZE = 256 << 20
ONE_ATTACK_IN = 10_000
"""Lines."""
SHARES = {"kube": 0.92, "vault": 0.06, "sshd": 0.02}
"""Parts of the whole, in bytes."""
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
SPAN = timedelta(hours=24)
OUTSIDE = re.compile(r"203\.0\.113\.|198\.51\.100\.|2001:db8:")
ROOT_TOKEN_PATHS = {"sys/generate-root/attempt", "sys/generate-root/update"}


@dataclass(frozen=True)
class Template:
    """One act: a `%s` text and what is put in, in order."""

    text: str
    slots: tuple[str, ...]
    lines: int

    def dressed(self, cast: Mapping[str, str]) -> str:
        """The act with everything put in."""
        return self.text % tuple([cast[slot] for slot in self.slots])


def template(text: str, replaced: Sequence[tuple[str, str]]) -> Template:
    """`text` with each of `replaced` (what stands there, the slot it becomes)."""
    slots: list[str] = []
    names = {found: slot for found, slot in replaced if found}
    if not names:
        return Template(text.replace("%", "%%"), (), text.count("\n"))
    pattern = re.compile("|".join(re.escape(found) for found in sorted(names, key=len, reverse=True)))

    def put(match: re.Match[str]) -> str:
        slots.append(names[match[0]])
        return "%s"

    return Template(pattern.sub(put, text.replace("%", "%%")), tuple(slots), text.count("\n"))


def is_attack(event: Record) -> str:
    """The rule that a recorded Kubernetes event is a true case of, or nothing."""
    name, verb, outside = event["user"].get("username", ""), event["verb"], OUTSIDE.search(" ".join(event["sourceIPs"]))
    ref = event.get("objectRef", {})
    resource, namespace, sub = ref.get("resource"), ref.get("namespace", ""), ref.get("subresource")
    code = event.get("responseStatus", {}).get("code", 200)
    cases = {
        "K2": name.startswith("system:serviceaccount:") and outside,
        "K3": resource == "secrets" and namespace in {"", "vault"} and name.startswith(("system:serviceaccount:ci:", "dev@")) and code == 200,
        "K4": sub == "exec" and namespace == "dbaas" and code == 101,
        "K5": name.startswith("system:serviceaccount:ci:") and verb == "delete" and resource == "namespaces",
        "K6": name.startswith("system:serviceaccount:ci:") and ref.get("name") == "kubeadm-config",
        "K7": name.startswith("system:serviceaccount:ci:") and resource == "clusterroles" and verb == "patch",
        "K8": name.startswith("system:serviceaccount:ci:") and ref.get("name") == "status-page",
        "K9": (name == "me@example.org" and outside) or "impersonatedUser" in event,
    }  # fmt: skip
    return next((rule for rule, met in cases.items() if met), "")


def ordinary(event: Record) -> tuple[str, float]:
    """The kind of ordinary event that this is and its share in a busy cluster; ("", 0) leaves it out."""
    name, verb, ref = event["user"].get("username", ""), event["verb"], event.get("objectRef", {})
    code = event.get("responseStatus", {}).get("code", 200)
    if OUTSIDE.search(" ".join(event["sourceIPs"])) or name == "root-admin" or code in {401, 403}:
        return "", 0
    kinds: Sequence[tuple[str, float, Callable[[], bool]]] = (
        # The recording begins with a cluster's first start; later, roles and kube-system's settings change rarely.
        ("rbac", 0.05, lambda: ref.get("apiGroup") == "rbac.authorization.k8s.io" and verb not in {"get", "list", "watch"}),
        ("settings", 0.05, lambda: ref.get("resource") == "configmaps" and ref.get("namespace") == "kube-system" and verb != "get"),
        ("lease", 20, lambda: name.startswith("system:node:") and ref.get("resource") == "leases"),
        ("kubelet", 14, lambda: name.startswith("system:node:")),
        ("probe", 6, lambda: name == "system:anonymous"),
        ("metrics", 7, lambda: name == "system:serviceaccount:monitoring:prometheus"),
        ("secrets", 3, lambda: name.startswith(("system:serviceaccount:external-", "system:serviceaccount:traefik:"))),
        ("vault", 2, lambda: name == "system:serviceaccount:vault:vault"),
        ("controllers", 30, lambda: name.startswith(("system:serviceaccount:kube-system:", "system:kube-"))),
        ("apiserver", 3, lambda: name == "system:apiserver"),
        ("ci", 11, lambda: name == "system:serviceaccount:ci:deployer" and ref.get("namespace") == "web"),
        ("people", 4, lambda: name in {"me@example.org", "dev@example.org"} and verb != "delete" and ref.get("namespace") != "dbaas"),
    )  # fmt: skip
    return next(((kind, share) for kind, share, met in kinds if met()), ("", 0.0))


def kube_slots(event: Record, *, fresh_only: bool) -> list[tuple[str, str]]:
    """What is put in anew in a Kubernetes event."""
    slots = [(event["auditID"], "id"), (event["requestReceivedTimestamp"], "time"), (event["stageTimestamp"], "time")]
    if fresh_only:
        return slots
    name, ref = event["user"].get("username", ""), event.get("objectRef", {})
    if ref.get("namespace") == "web":
        slots += [('"namespace":"web"', "namespace"), ("/namespaces/web/", "in_namespace")]
    if name.startswith("system:node:") or name == "system:anonymous":
        slots += [(f"k8s-node{n}", "node") for n in (1, 2)] + [(f'["10.0.40.1{n}"]', "node_address") for n in (1, 2)]
    if name == "system:serviceaccount:monitoring:prometheus":
        slots += [("system:serviceaccount:monitoring:prometheus", "account"), ("system:serviceaccounts:monitoring", "accounts"), ('["10.10.5.5"]', "account_address")]  # fmt: skip
    if name == "dev@example.org":
        slots += [("dev@example.org", "person"), ('["10.0.20.31"]', "person_address")]
    if ref.get("namespace") == "web" and len(ref.get("name", "")) > 3 and ref.get("resource") != "deployments":
        slots.append((ref["name"], "name"))
    return slots


class Cast:
    """Who and what may be put in."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        namespaces = [f"{word}-{team}" for team in ("web", "data", "shop", "mail") for word in ("front", "api", "jobs", "cache", "queue", "batch", "auth", "docs", "blog", "cron")]  # fmt: skip
        accounts = [(space, f"{space.partition('-')[0]}-{kind}") for space in namespaces for kind in ("app", "worker", "operator", "exporter")]  # fmt: skip
        self.namespaces = self._drawn(namespaces)
        self.accounts = self._drawn(
            [(*account, f'["10.10.{n // 200}.{n % 200 + 10}"]') for n, account in enumerate(accounts)]
        )
        self.nodes = [(f"worker-{n}", f'["10.0.40.{n + 20}"]') for n in range(40)]
        self.people = self._drawn([(f"{name}@example.org", f'["10.0.2{n % 4}.{n + 40}"]') for n, name in enumerate(["ann", "ben", "cleo", "dan", "eve", "finn", "gus", "hal", "ida", "jo", "kim", "lea", "max", "nia", "oz"])])  # fmt: skip
        self.cast: dict[str, str] = {}

    def _drawn(self, things: Sequence[Any]) -> list[Any]:
        # A few busy ones, a long tail (Zipf).
        return self.rng.choices(things, [1 / (rank + 1) for rank in range(len(things))], k=4096)

    def draw(self, time: str) -> dict[str, str]:
        """A fresh cast for one act; the same dict each time."""
        number = self.rng.getrandbits(128)
        text = f"{number:032x}"
        cast, at = self.cast, number & 4095
        space, account, address = self.accounts[at]
        namespace = self.namespaces[number >> 12 & 4095]
        cast["id"] = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
        cast["time"] = time
        cast["namespace"], cast["in_namespace"] = f'"namespace":"{namespace}"', f"/namespaces/{namespace}/"
        cast["node"], cast["node_address"] = self.nodes[at % 40]
        cast["account"], cast["accounts"] = (
            f"system:serviceaccount:{space}:{account}",
            f"system:serviceaccounts:{space}",
        )
        cast["account_address"] = address
        cast["person"], cast["person_address"] = self.people[number >> 24 & 4095]
        cast["name"] = f"{namespace}-{text[4:9]}"
        cast["stamp"], cast["pid"], cast["port"] = (
            time[:-1] + "+00:00",
            str(number % 90_000 + 600),
            str(number % 50_000 + 10_000),
        )
        return cast


class Mix:
    """Templates by the thousand: ordinary ones in proportion, an attack now and then."""

    def __init__(
        self, usual: Mapping[str, tuple[float, list[Template]]], attacks: Mapping[str, list[Template]], cast: Cast
    ) -> None:
        self._usual = [(share / len(found), one) for share, found in usual.values() for one in found]
        self._attacks = [(rule, one) for rule, found in sorted(attacks.items()) for one in found]
        self._cast = cast
        self.attacks: Counter[str] = Counter()

    def acts(self, one_attack_in: int) -> Iterator[Template]:
        """Without end."""
        weights = list(accumulate(share for share, _ in self._usual))
        templates = [one for _, one in self._usual]
        lines, turn = one_attack_in // 2, 0
        while True:
            for act in self._cast.rng.choices(templates, cum_weights=weights, k=10_000):
                lines += act.lines
                yield act
                if lines >= one_attack_in:
                    lines -= one_attack_in
                    rule, attack = self._attacks[turn % len(self._attacks)]
                    turn += 1
                    self.attacks[rule] += 1
                    yield attack


def kube_mix(cast: Cast) -> Mix:
    """From examples/logs/kube-audit.jsonl."""
    acts: dict[str, list[tuple[str, Record]]] = {}
    for line in (LOGS / "kube-audit.jsonl").read_text().splitlines():
        event = json.loads(line)
        acts.setdefault(event["auditID"], []).append((line, event))
    usual: dict[str, tuple[float, list[Template]]] = {}
    attacks: dict[str, list[Template]] = {}
    for act in acts.values():
        event = act[-1][1]
        text = "".join(f"{line}\n" for line, _ in act)
        rule = next((rule for _, one in act if (rule := is_attack(one))), "")
        slots = [slot for _, one in act for slot in kube_slots(one, fresh_only=bool(rule))]
        if rule:
            attacks.setdefault(rule, []).append(template(text, slots))
        elif (kind := ordinary(event))[0]:
            usual.setdefault(kind[0], (kind[1], []))[1].append(template(text, slots))
    return Mix(usual, attacks, cast)


def vault_mix(cast: Cast) -> Mix:
    """From examples/logs/vault-audit.jsonl: reads, renewals and logins; V1, V2, V4, V6 and V7 as attacks."""
    acts: dict[str, list[tuple[str, Record]]] = {}
    for line in (LOGS / "vault-audit.jsonl").read_text().splitlines():
        record = json.loads(line)
        acts.setdefault(record["request"]["id"], []).append((line, record))
    usual: dict[str, tuple[float, list[Template]]] = {"all": (1.0, [])}
    attacks: dict[str, list[Template]] = {}
    for act in acts.values():
        text = "".join(f"{line}\n" for line, _ in act)
        last = act[-1][1]
        slots = [slot for _, one in act for slot in ((one["request"]["id"], "id"), (one["time"], "time"))]
        who, path = last.get("auth", {}).get("display_name", ""), last["request"]["path"]
        if path == "sys/policies/acl/app" and who == "userpass-bob" and last["request"]["operation"] == "update":
            attacks.setdefault("V4", []).append(template(text, slots))
        elif path == "auth/token/create-orphan" and who == "userpass-bob":
            attacks.setdefault("V6", []).append(template(text, slots))
        elif path == "sys/audit/copy":
            attacks.setdefault("V2", []).append(template(text, slots))
        elif who in {"approle", "userpass-alice"} and path.startswith(("secret/", "auth/token/renew-self")):
            usual["all"][1].append(template(text, slots))
    return Mix(usual, attacks, cast)


def sshd_mix(cast: Cast) -> Mix:
    """From examples/logs/auth.log: whole connections; S1 as the attack."""
    sessions: dict[str, list[str]] = {}
    for line in (LOGS / "auth.log").read_text().splitlines():
        if found := re.search(r" (\w+)\[(\d+)\]: ", line):
            sessions.setdefault(found[2], []).append(line)
    usual: dict[str, tuple[float, list[Template]]] = {"all": (1.0, [])}
    attacks: dict[str, list[Template]] = {}
    for pid, lines in sessions.items():
        text = "".join(f"{line}\n" for line in lines)
        ports = set(re.findall(r"port (\d{4,5})", text))
        slots = (
            [(line.split(" ", 1)[0], "stamp") for line in lines]
            + [(f"[{pid}]", "in_pid")]
            + [(port, "port") for port in ports]
        )
        accepted = re.search(r"\]: Accepted \S+ for \S+ from (\S+)", text)
        if accepted and OUTSIDE.match(accepted[1]):
            attacks.setdefault("S1", []).append(template(text, slots))
        else:
            usual["all"][1].append(template(text, slots))
    return Mix(usual, attacks, cast)


class Clock:
    """Event times that advance evenly over a day."""

    def __init__(self, step: timedelta) -> None:
        self._step = step // timedelta(microseconds=1)
        self._now = 0
        self._second, self._prefix = -1, ""

    def tick(self) -> str:
        """The next time, RFC 3339."""
        self._now += self._step
        second, micro = divmod(self._now, 1_000_000)
        if second != self._second:
            self._second = second
            self._prefix = (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._prefix}{micro:06d}Z"


def write(folder: Path, mix: Mix, cast: Cast, size: int, one_attack_in: int, step: timedelta) -> int:
    """Write `size` bytes of `mix` into files of `folder`; returns the number of lines."""
    folder.mkdir(parents=True)
    clock, lines, written, number = Clock(step), 0, 0, 0
    acts, batch = mix.acts(one_attack_in), min(2_000, 1 + size // 100_000)
    while written < size:
        limit, here = min(FILE_SIZE, size - written), 0
        with (folder / f"{number:02d}.log").open("wb") as file:
            while here < limit:
                texts = []
                for _, act in zip(range(batch), acts, strict=False):
                    drawn = cast.draw(clock.tick())
                    drawn["in_pid"] = f"[{drawn['pid']}]"
                    texts.append(act.dressed(drawn))
                    lines += act.lines
                here += file.write("".join(texts).encode())
        written, number = written + here, number + 1
    return lines


def digest(size: int, seed: int) -> str:
    """Names a corpus: another generator or other recordings make another one."""
    content = hashlib.sha256(f"{size} {seed}".encode() + Path(__file__).read_bytes())
    for name in ("kube-audit.jsonl", "vault-audit.jsonl", "auth.log"):
        content.update((LOGS / name).read_bytes())
    return content.hexdigest()[:12]


def made(cache: Path, size: int, seed: int = 1, say: Callable[[str], None] = print) -> Path:
    """The folder of the corpus, made where it is not there yet: kube/, vault/, sshd/ and manifest.json."""
    folder = cache / f"corpus-{size}-{digest(size, seed)}"
    if (folder / "manifest.json").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    say(f"making a corpus of {size / 1e6:,.0f} MB (once)")
    cast, manifest = Cast(seed), {}
    one_in = ONE_ATTACK_IN if size >= 100_000_000 else 200
    for name, mix in (("kube", kube_mix(cast)), ("vault", vault_mix(cast)), ("sshd", sshd_mix(cast))):
        share = int(size * SHARES[name])
        step = SPAN / max(1, share // 1000)
        lines = write(folder / name, mix, cast, share, one_in, step)
        manifest[name] = {
            "lines": lines,
            "bytes": sum(f.stat().st_size for f in (folder / name).iterdir()),
            "attacks": dict(mix.attacks),
        }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return folder


def many_alerts(cache: Path, alerts: int, seed: int = 2) -> Path:
    """A file in which `alerts` different people each read one secret of the namespace vault, among ordinary lines."""
    file = cache / f"alerts-{alerts}-{digest(alerts, seed)}.log"
    if file.is_file():
        return file
    cast = Cast(seed)
    usual = kube_mix(cast).acts(1 << 60)
    line = next(
        text
        for text in (LOGS / "kube-audit.jsonl").read_text().splitlines()
        if '"secrets"' in text and '"get"' in text and "dev@example.org" in text and '"web"' in text
    )
    event = json.loads(line)
    read = template(
        f"{line}\n".replace('"web"', '"vault"').replace("/web/", "/vault/"),
        [*kube_slots(event, fresh_only=True), ("dev@example.org", "person")],
    )
    clock = Clock(SPAN / (2 * alerts))
    cache.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".part").open("w") as out:
        for number in range(alerts):
            drawn = {**cast.draw(clock.tick()), "person": f"person-{number}@example.org"}
            out.write(read.dressed(drawn))
            out.write(next(usual).dressed(cast.draw(clock.tick())))
    file.with_suffix(".part").rename(file)
    return file
