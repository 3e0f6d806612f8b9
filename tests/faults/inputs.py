"""Logs to watch while things fail: some of the recorded lines, and bursts made of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.scans import LOGS, ROOT

LOG_NAMES = ("kube", "vault", "ssh")
"""A source and a file for each."""
_FILES = {"kube": "kube-audit.jsonl", "vault": "vault-audit.jsonl", "ssh": "auth.log"}
_GARBAGE = b'{"kind":"Event","auditID":\nno log line of any kind\n'


def recorded(name: str) -> list[bytes]:
    """All recorded lines of one log."""
    return (LOGS / _FILES[name]).read_bytes().splitlines(keepends=True)


def short(name: str) -> list[bytes]:
    """A few of them: a mass deletion, failed logins, a shell, logins from outside, and what cannot be read."""
    lines = recorded(name)
    if name == "kube":
        kept = [n for n, line in enumerate(lines) if b'"verb":"delete"' in line and b"dev@example" in line]
        kept += [n for n, line in enumerate(lines) if b"/exec" in line or n % 40 == 0]
        return [*(lines[n] for n in sorted(set(kept))), *_GARBAGE.splitlines(keepends=True)]
    if name == "vault":
        return [line for n, line in enumerate(lines) if b"/login" in line or n % 20 == 0]
    return lines[60:100]


def write_all(folder: Path, logs: Mapping[str, Sequence[bytes]]) -> None:
    """Each log as a whole file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in logs.items():
        (folder / f"{name}.log").write_bytes(b"".join(lines))


def mass_deletion(seconds: int, begin: str = "2026-11-23T09:30:00", actor: str = "mallory@example.org") -> list[bytes]:
    """One pod deleted a second for so long, by one actor: one K5 alert with as many acts."""
    (line,) = [line for line in recorded("kube") if b'"name":"page-4"' in line and b'"verb":"delete"' in line][:1]
    return [
        json.dumps(moved(json.loads(line), n, begin, actor), separators=(",", ":")).encode() + b"\n"
        for n in range(seconds)
    ]


def moved(event: dict[str, object], number: int, begin: str, actor: str) -> dict[str, object]:
    """The deletion of another pod, so many seconds after `begin`."""
    moment = datetime.fromisoformat(begin).replace(tzinfo=UTC) + timedelta(seconds=number)
    stamp = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = json.dumps(event).replace("page-4", f"page-{number}").replace("dev@example.org", actor)
    found: dict[str, object] = json.loads(text)
    found["auditID"] = str(uuid.UUID(int=number + (hash_of(actor) << 64)))
    found["requestReceivedTimestamp"] = found["stageTimestamp"] = stamp
    return found


def storm(number: int, *, actors: int, begin: str = "2026-11-23T09:30:00") -> Iterator[bytes]:
    """Shells into pods within one second of event time, by so many actors in turn."""
    (line,) = [line for line in recorded("kube") if b'"subresource":"exec"' in line and b'"code":101' in line][:1]
    event = json.loads(line)
    for n in range(number):
        stamp = f"{begin}.{n * 999_999 // number:06d}Z"
        event["auditID"] = str(uuid.UUID(int=n))
        event["requestReceivedTimestamp"] = event["stageTimestamp"] = stamp
        event["user"] = {**event["user"], "username": f"actor-{n % actors}@example.org"}
        yield json.dumps(event, separators=(",", ":")).encode() + b"\n"


def hash_of(text: str) -> int:
    """A small number that stands for a text, the same in every process."""
    return int.from_bytes(text.encode()[:4].ljust(4, b"."), "big")


def settings(folder: Path, *, files: Iterable[str] = LOG_NAMES, more: str = "", watch: str = "") -> Path:
    """A vedette.yaml with a source for each file in `folder`/logs and one file sink, told of what is critical."""
    names = list(files)
    own = (ROOT / "examples" / "homelab.yaml").read_text("utf-8")
    own = own[: own.index("sources:")]
    lines = [own, "sources:"]
    if names:
        lines.append("  files:")
        for name in names:
            lines.append(f"    - {{name: {name}, paths: [{folder}/logs/{name}.log]}}")
    lines.append(more or f"sinks:\n  file:\n    - {{name: told, path: {folder}/told.jsonl}}")
    if not more:
        lines.append("routes:\n  - {severity: [critical], to: [told]}")
    lines.append(f"watch:\n  state: {folder}/state\n  prove: off\n{watch}")
    path = folder / "vedette.yaml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
