"""Wrappings: what shippers and collectors put around a record, taken off by shape and never by a flag.

Only undecoded values are looked at, so a wrapping of many megabytes costs little more than its own bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw


class Skip(NamedTuple):
    """A record that is understood, and not for us."""

    reason: str


class Fragment(NamedTuple):
    """A piece of a line that a container runtime cut."""

    stream: str
    text: bytes
    last: bool


Parts = Mapping[str, Raw]
Inner = Iterable[bytes] | Skip | Fragment
"""What is inside: pieces to be looked at in their turn, or a reason to look no further."""

_parts = msgspec.json.Decoder(dict[str, Raw]).decode
_list = msgspec.json.Decoder(list[Raw]).decode
_text = msgspec.json.Decoder(str).decode
_streams = msgspec.json.Decoder(list[dict[str, Raw]]).decode
_values = msgspec.json.Decoder(list[list[Raw]]).decode

_CARRIERS = (
    *("_raw", "line", "log", "message", "event", "original", "result", "_source"),
    *("textPayload", "jsonPayload", "json", "body", "msg"),
)
"""Keys under which somebody keeps the original: Splunk, Loki, Docker, Filebeat, HEC, ECS, Elastic, GCP."""
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
_CRI = re.compile(rb"\d{4}-\d\d-\d\dT\S+ (stdout|stderr) ([FP])(?::\S*)? ?(.*)", re.DOTALL)


def unwrap(parts: Parts) -> Inner | None:
    """What is inside a JSON object that is no record itself, or None when it is no known wrapping."""
    for keys, unwrapping in _WRAPPINGS:
        if keys <= parts.keys():
            inner = unwrapping(parts)
            if inner is not None:
                return inner
    return None


def elements(raw: bytes | Raw) -> Iterator[bytes]:
    """The elements of a JSON list."""
    return (bytes(element) for element in _list(raw))


def container_line(line: bytes) -> Fragment | None:
    """The content of a line as a CRI runtime writes it (`2026-01-02T03:04:05.6Z stdout F …`), or None."""
    found = _CRI.fullmatch(line)
    return Fragment(found[1].decode(), found[3], found[2] == b"F") if found else None


def _string(raw: Raw | None) -> str:
    return _text(raw) if raw is not None and _opens(raw, b'"') else ""


def _opens(raw: Raw, mark: bytes) -> bool:
    return bytes(memoryview(raw)[:1]) == mark


def _items(parts: Parts) -> Inner | None:
    kind = _string(parts.get("kind"))
    if not _opens(parts["items"], b"[") or (kind and not kind.endswith("List")):
        return None
    return elements(parts["items"])


def _listed(key: str) -> Callable[[Parts], Inner | None]:
    return lambda parts: elements(parts[key]) if _opens(parts[key], b"[") else None


def _cloudwatch(parts: Parts) -> Inner | None:
    if _string(parts["messageType"]) == "CONTROL_MESSAGE":
        return Skip("CloudWatch control message")
    return elements(parts["logEvents"]) if "logEvents" in parts and _opens(parts["logEvents"], b"[") else None


def _azure(parts: Parts) -> Inner | None:
    category = _string(parts["category"])
    if not category.startswith("kube-audit"):
        return Skip(f"AKS {category}" if _NAME.fullmatch(category) else "AKS, other category")
    properties = parts["properties"]
    inside = _parts(_text(properties) if _opens(properties, b'"') else properties)
    return _carried(inside["log"]) if "log" in inside else None


def _google(parts: Parts) -> Inner | None:
    if not _opens(parts["protoPayload"], b"{"):
        return None
    service = _string(_parts(parts["protoPayload"]).get("serviceName"))
    return Skip("GKE LogEntry (not supported yet)" if service in ("k8s.io", "") else "GKE control-plane API")


def _loki_push(parts: Parts) -> Inner | None:
    return _loki_lines(parts["streams"]) if _opens(parts["streams"], b"[") else None


def _loki_answer(parts: Parts) -> Inner | None:
    if not _opens(parts["data"], b"{"):
        return None
    result = _parts(parts["data"]).get("result")
    return _loki_lines(result) if result is not None and _opens(result, b"[") else None


def _loki_lines(streams: Raw) -> Iterator[bytes]:
    for stream in _streams(streams):
        for value in _values(stream["values"]) if "values" in stream else ():
            if len(value) > 1:
                yield from _carried(value[1])


def _docker(parts: Parts) -> Inner | None:
    if not parts.keys() <= {"log", "stream", "time", "attrs"} or not _opens(parts["log"], b'"'):
        return None
    text = _text(parts["log"])
    return Fragment(_string(parts["stream"]), text.encode(), text.endswith("\n"))


def _carrier(parts: Parts) -> Inner | None:
    """The value most likely the original: a text that holds JSON, else the first text, else the first object."""
    held = [parts[key] for key in _CARRIERS if key in parts]
    objects = [raw for raw in held if _opens(raw, b"{")]
    texts = [raw for raw in held if _opens(raw, b'"')]
    for raw in texts:
        if bytes(memoryview(raw)[1:2]) in (b"{", b"[", b" ", b"\\"):
            inside = _text(raw).lstrip("\ufeff\0 \t\r\n")
            if inside.startswith(("{", "[")):
                return (inside.encode(),)
    if texts:
        return _carried(texts[0])
    return (bytes(objects[0]),) if objects else None


def _journal(parts: Parts) -> Inner | None:
    """An entry of the journal that is not sshd's: perhaps a server that writes its audit log to standard output."""
    raw = parts["MESSAGE"]
    text = _text(raw) if _opens(raw, b'"') else ""
    if text.lstrip().startswith("{") and ('"auditID"' in text or '"request"' in text):
        return (text.encode(),)
    return Skip("another program")


def _carried(raw: Raw) -> tuple[bytes, ...]:
    return (_text(raw).encode(),) if _opens(raw, b'"') else (bytes(raw),)


_WRAPPINGS: tuple[tuple[frozenset[str], Callable[[Parts], Inner | None]], ...] = (
    (frozenset({"items"}), _items),
    (frozenset({"records"}), _listed("records")),
    (frozenset({"messageType"}), _cloudwatch),
    (frozenset({"category", "properties"}), _azure),
    (frozenset({"protoPayload"}), _google),
    (frozenset({"streams"}), _loki_push),
    (frozenset({"status", "data"}), _loki_answer),
    (frozenset({"events"}), _listed("events")),
    (frozenset({"log", "stream", "time"}), _docker),
    (frozenset({"MESSAGE", "__REALTIME_TIMESTAMP"}), _journal),
    (frozenset({"MESSAGE", "_BOOT_ID"}), _journal),
    (frozenset(), _carrier),
)
"""What has these keys is tried with this, in order."""
