"""Bundle: an incident's page, the lines it rests on and their hashes as one tar, the same bytes for the same state."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from vedette.alert import record
from vedette.response.escalation import before
from vedette.response.exhibits import Exhibits, Line, Segment, file_sha256
from vedette.response.postmortem import postmortem
from vedette.response.story import Story
from vedette.rule import Severity
from vedette.stamp import stamp

SCHEMA = "vedette.incident/1"
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


class Exists(Exception):
    """A file to be written is there already; `str()` is its path."""


class Changed(Exception):
    """A segment was not what it had been a moment before; `str()` names it."""


def export(story: Story, exhibits: Exhibits, into: Path, *, force: bool, segments: bool) -> tuple[Path, Path]:
    """Write incident-N.md and incident-N.tar into a folder, both or neither, readable by their owner alone.

    The tar has the page, manifest.json, SHA256SUMS, and the lines of each alert; with `segments` also the segments that
    they stand in. Raises OSError, Exists, Changed.
    """
    stem = f"incident-{story.incident.id}"
    targets = into / f"{stem}.md", into / f"{stem}.tar"
    for one in targets:
        if one.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder is in the way", str(one))
        if not force and os.path.lexists(one):
            raise Exists(str(one))
    page = postmortem(story, exhibits).encode()
    with _whole(targets) as (text, archive):
        text.write(page)
        write_tar(archive, stem, members(story, exhibits, page), exhibits.segments if segments else ())
    return targets


def members(story: Story, exhibits: Exhibits, page: bytes) -> dict[str, bytes]:
    """Name -> content of what the tar holds besides segments."""
    found = {"post-mortem.md": page}
    for alert in story.alerts:
        if lines := exhibits.lines.get(alert.id):
            found[f"lines/{safe(alert.id)}.jsonl"] = b"".join(line.raw + b"\n" for line in lines)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(found.items())}
    found["manifest.json"] = msgspec.json.format(_encoded(manifest(story, exhibits, hashes)), indent=1) + b"\n"
    return found


def _sums(contents: Mapping[str, bytes], named: Mapping[str, Segment]) -> bytes:
    """As `sha256sum --check` reads it, of all other members."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    sums |= {name: one.sha256 for name, one in named.items()}
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()


def manifest(story: Story, exhibits: Exhibits, hashes: Mapping[str, str]) -> dict[str, Any]:
    """What a program needs to check the tar. Times are RFC 3339 in UTC; the field names are a promise."""
    incident = story.incident
    return {
        "schema": SCHEMA,
        "id": incident.id,
        "severity": incident.name,
        "title": incident.title,
        "opened": stamp(incident.opened),
        "opened_by": incident.opened_by,
        "closed": stamp(incident.closed) if incident.closed else None,
        "closed_by": incident.closed_by,
        "grounds": story.grounds,
        "first_evidence": stamp(story.first_time) if story.first else None,
        "restore": before(story.first_time),
        "steps": [
            {
                "name": one.step.name,
                "state": one.state,
                "time": stamp(one.time) if one.time else None,
                "by": one.by,
                "said": one.said,
                "actions": list(one.actions),
            }
            for one in story.steps
        ],
        "files": hashes,
        "alerts": [
            {
                "id": alert.id,
                "severity": str(Severity(alert.severity)),
                **record(alert),
                "lines": [_line(one) for one in exhibits.lines.get(alert.id, ())],
            }
            for alert in story.alerts
        ],
        "segments": [
            {"name": one.name, "size": one.size, "sha256": one.sha256, "plain_sha256": one.plain_sha256}
            for one in exhibits.segments
        ],
        "troubles": exhibits.troubles,
    }


def _line(one: Line) -> dict[str, Any]:
    return {
        "time": stamp(one.time),
        "act": one.act,
        "segment": one.segment,
        "line": one.number or None,
        "sha256": one.sha256,
    }


def _encoded(whole: dict[str, Any]) -> bytes:
    """JSON; a lone surrogate in log text becomes U+FFFD."""
    try:
        return msgspec.json.encode(whole)
    except UnicodeEncodeError:
        cleaned: dict[str, Any] = _cleaned(whole)
        return msgspec.json.encode(cleaned)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(one) for key, one in value.items()}
    return [_cleaned(one) for one in value] if isinstance(value, list) else value


def safe(name: str) -> str:
    """`name` as one part of a path in a tar: letters, digits, `-`, `_` and `.`, others as an underscore and hex."""
    shown = "".join(char if char in _SAFE else f"_{ord(char):x}" for char in name)
    return f"_{shown}" if not shown.strip(".") else shown


def write_tar(
    file: IO[bytes], stem: str, contents: Mapping[str, bytes], segments: tuple[Segment, ...] | list[Segment]
) -> None:
    """A tar (ustar, GNU names where longer) with sorted members of no owner and time 0. Raises OSError, Changed."""
    named = {f"segments/{'/'.join(safe(part) for part in one.name.split('/'))}": one for one in segments}
    contents = {**contents, "SHA256SUMS": _sums(contents, named)}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted({*contents, *named}):
            info = tarfile.TarInfo(f"{stem}/{name}")
            info.mode = 0o600
            if name in contents:
                info.size = len(contents[name])
                archive.addfile(info, io.BytesIO(contents[name]))
                continue
            segment = named[name]
            info.size = segment.size
            with segment.path.open("rb") as source:
                if os.fstat(source.fileno()).st_size < segment.size:
                    raise Changed(segment.name)
                archive.addfile(info, source)
            if file_sha256(segment.path, segment.size) != segment.sha256:
                raise Changed(segment.name)


@contextmanager
def _whole(targets: tuple[Path, Path]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Files that take the targets' names once both are whole and durable; else nothing is left of them."""
    parts = [one.with_name(f".{one.name}.{os.getpid()}.part") for one in targets]
    try:
        with _made(parts[0]) as first, _made(parts[1]) as second:
            yield first, second
            for file in (first, second):
                file.flush()
                os.fsync(file.fileno())
        for part, target in zip(parts, targets, strict=True):
            part.replace(target)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _made(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
