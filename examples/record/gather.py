"""gather.py WORK OUT: what of a recording becomes an example: thinned, redacted, in order of time."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ALIKE = 12
"""Acts kept of the same controller or kubelet, verb, resource and code; people, CI and attackers are kept whole."""
LONG = 6_000
"""Bytes: longer lines of controllers (the bootstrap roles' bodies) are left out."""
_SECRETS = (
    re.compile(r"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    re.compile(r"hvs\.[A-Za-z0-9]{20,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"),
)


def redacted(line: str, work: Path) -> str:
    """The line without tokens, keys and this machine's paths; the same secret always becomes the same text."""
    for pattern in _SECRETS:
        line = pattern.sub(lambda found: "...REDACTED" + hashlib.sha256(found[0].encode()).hexdigest()[:12], line)
    return line.replace(str(work), "/recording")


def machinery(event: dict[str, Any]) -> bool:
    """Is this a controller's, kubelet's or probe's event rather than a person's, CI's or an attacker's?"""
    name = event["user"].get("username", "")
    outside = any(address.startswith(("203.0.113.", "198.51.100.", "2001:db8:")) for address in event["sourceIPs"])
    return (
        not outside and name.startswith(("system:", "root-admin")) and not name.startswith("system:serviceaccount:ci:")
    )


def kube(work: Path) -> list[str]:
    """The cluster's events; of machinery only the first few acts alike, whole acts always."""
    seen: Counter[tuple[str, ...]] = Counter()
    kept: dict[str, bool] = {}
    lines: list[str] = []
    for line in (work / "kube-audit.log").read_text().splitlines():
        event = json.loads(line)
        act = event["auditID"]
        if act not in kept:
            resource = event.get("objectRef", {})
            alike = (
                event["user"].get("username", ""),
                event["verb"],
                resource.get("resource", ""),
                resource.get("subresource", ""),
            )
            seen[alike] += 1
            kept[act] = not machinery(event) or (seen[alike] <= ALIKE and len(line) <= LONG)
        if kept[act]:
            lines.append(line)
    return lines


def vault(work: Path) -> list[str]:
    """Vault's audit file from the end of the set-up on."""
    begins = (work / "vault-begins").read_text()[:26]  # without the zone: both are UTC
    return [
        line for line in (work / "vault-audit.log").read_text().splitlines() if str(json.loads(line)["time"]) > begins
    ]


def main(work: Path, out: Path) -> None:
    """Write the four files."""
    observations = (work / "observations.jsonl").read_text().splitlines()
    observations.sort(key=lambda line: str(json.loads(line)["time"]))
    recorded = {
        "kube-audit.jsonl": kube(work),
        "vault-audit.jsonl": vault(work),
        "auth.log": (work / "auth.log").read_text().splitlines(),
        "observations.jsonl": observations,
    }
    for name, lines in recorded.items():
        (out / name).write_text("".join(redacted(line, work) + "\n" for line in lines))
        print(f"{name}: {len(lines)} lines, {(out / name).stat().st_size} bytes")
    for name in ("owner-entity", "terraform-entity"):
        print(f"{name}: {(work / name).read_text()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
