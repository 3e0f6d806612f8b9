"""The log of the OpenSSH server: lines of syslog in its many heads, and the journal's JSON.

What a line of text calls its program is anybody's claim (`logger -t sshd`). The journal's own fields, those that begin
with an underscore, are not, so they decide where they stand.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from hashlib import blake2s
from typing import Any

import msgspec
from msgspec import Raw

from vedette.event import Event, Outcome
from vedette.formats.base import Ignored, Scanned, Unreadable
from vedette.formats.document import Document, decoded
from vedette.formats.schemas.sshd import SCHEMA
from vedette.formats.sshd_line import HOST, ISO, PROGRAMS, TRADITIONAL, Line, split, time_of
from vedette.formats.sshd_message import OTHER, parse
from vedette.schema import Projection, Schema

_UNIT = re.compile(r"sshd?(?:@.*)?\.(?:service|socket)")
_ANOTHER = "another program"
_OUTCOMES = {"accepted": Outcome.DONE, "failed": Outcome.REFUSED, "invalid_user": Outcome.REFUSED}
_BARE = re.compile(r"(?:Accepted|Failed) \S+ for .* from \S+ port \d+|(?:Invalid|Illegal) user .* from \S+", re.DOTALL)


class Sshd:
    """Reads one line at a time."""

    schema: Schema = SCHEMA

    def __init__(self, now: int | None = None) -> None:
        """`now`, seconds since 1970, is the latest time that a stamp without year may mean; by default when the line is
        read, which for a log that is watched may be months after the start."""
        self._now = now

    def recognises(self, parts: Mapping[str, Raw]) -> bool:
        """True for an entry of the journal that sshd itself made."""
        return "MESSAGE" in parts and _is_sshd({key: _plain(parts[key]) for key in _IDENTITY & parts.keys()})

    def projector(self, projection: Projection) -> SshdProjector:
        """A reader of program, event, method and address alone."""
        return SshdProjector(projection)

    def read(self, raw: bytes) -> Event:
        """One line taken apart, or one entry of the journal. Raises Unreadable."""
        if raw[:1] == b"{":
            return decoded(raw, lambda document: self._entry(raw, document))
        try:
            line = _line(raw)
        except Ignored as reason:
            raise Unreadable(str(reason)) from reason
        now = int(time.time()) if self._now is None else self._now
        return self._event(raw, line, time_of(line.stamp, now) or 0, "")

    def _entry(self, raw: bytes, document: Document) -> Event:
        entry = document.fields
        if "MESSAGE" not in entry or not _is_sshd(entry):
            raise Unreadable(_ANOTHER)
        stamp = entry.get("_SOURCE_REALTIME_TIMESTAMP") or entry.get("__REALTIME_TIMESTAMP")
        # Sixteen digits reach to the year 2286.
        micros = int(stamp) if isinstance(stamp, str) and stamp.isascii() and stamp.isdigit() and len(stamp) < 17 else 0
        pid = entry.get("_PID") or entry.get("SYSLOG_PID")
        line = Line(
            "",
            _said(entry.get("_HOSTNAME")),
            _program(entry),
            int(pid[:9]) if isinstance(pid, str) and pid.isascii() and pid.isdigit() else None,
            _said(entry["MESSAGE"]),
        )
        return self._event(raw, line, micros * 1000, _said(entry.get("__CURSOR")))

    def _event(self, raw: bytes, line: Line, when: int, cursor: str) -> Event:
        said = parse(line.message)
        outcome = _OUTCOMES.get(said.event, Outcome.UNKNOWN)
        fields: dict[str, object] = {
            "program": line.program,
            "host": line.host or None,
            "pid": line.pid,
            "message": line.message.strip(" "),
            **said._asdict(),
        }
        known = {name: value for name, value in fields.items() if value is not None}
        known |= {"outcome": outcome.value, "actor": said.user or "", "object": line.host}
        return Event(
            format="sshd",
            raw=raw,
            time=when,
            act=cursor or blake2s(raw, digest_size=12).hexdigest(),
            final=True,
            outcome=outcome,
            fields=known,
            unknown={"address"} if said.event == "accepted" and not said.address else set(),
        )


class _Seen(msgspec.Struct, frozen=True, gc=False):
    """The projection of a line."""

    program: str
    event: str
    method: str | None = None
    address: str | None = None


class _Entry(msgspec.Struct, gc=False):
    """What tells a journal entry's origin and message."""

    MESSAGE: str | list[int] | None
    _COMM: str | None = None
    _EXE: str | None = None
    _SYSTEMD_UNIT: str | None = None
    _UID: str | None = None
    SYSLOG_IDENTIFIER: str | None = None


_IDENTITY = frozenset({"_COMM", "_EXE", "_SYSTEMD_UNIT", "_UID", "SYSLOG_IDENTIFIER"})
_entry = msgspec.json.Decoder(_Entry).decode
_entries = msgspec.json.Decoder(_Entry).decode_lines
_text = msgspec.json.Decoder(str).decode


class SshdProjector:
    """Takes just program, event, method and address from a line."""

    def __init__(self, projection: Projection) -> None:
        self.bindings: Mapping[str, str] = {}
        self.expressions: Mapping[str, str] = {field.name: f"e.{field.name}" for field in projection.fields}
        self.constants: Mapping[str, object] = {}
        self._known = _Known()

    def lines(self, chunk: bytes) -> list[Any] | None:
        """All records of a chunk of journal entries, or None when some line is none of sshd's."""
        try:
            entries = _entries(chunk)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        identities = [{key: getattr(entry, key) for key in _IDENTITY} for entry in entries]
        if not all(map(_is_sshd, identities)):
            return None
        return [
            _seen(_program(identity), _said(entry.MESSAGE)) for entry, identity in zip(entries, identities, strict=True)
        ]

    def record(self, raw: bytes) -> Any | None:
        """One line. Raises Ignored for another program's, Unreadable for what is no such line."""
        if raw[:1] != b"{":
            line = _line(raw)
            return _seen(line.program, line.message)
        try:
            entry = _entry(raw)
        except msgspec.ValidationError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable("not JSON") from error
        except RecursionError as error:
            raise Unreadable("nested too deep") from error
        identity = {key: getattr(entry, key) for key in _IDENTITY}
        if not _is_sshd(identity):
            raise Ignored(_ANOTHER)
        return _seen(_program(identity), _said(entry.MESSAGE))

    def scan(self, chunk: bytes) -> Scanned | None:
        """All of sshd's lines in a chunk of syslog, or None when some line needs a closer look."""
        text = chunk.decode("latin-1").replace("\r\n", "\n")
        found = _FAST.findall(text)
        if len(found) != text.count("\n") + (not text.endswith("\n")):
            return None
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
        known = self._known
        records: list[Any] = [known[line] for line in found if line[0]]
        lines = [number for number, line in enumerate(found) if line[0]]
        return Scanned(records, lines, len(found) - len(records))


class _Known(dict[tuple[str, ...], _Seen]):
    """What `_FAST` finds in a line -> its projection; made once for all lines that say the same."""

    def __missing__(self, found: tuple[str, ...]) -> _Seen:
        program, login, method, told, left, invalid, peer, odd = found
        if odd:
            return _seen(program, odd.encode("latin-1").decode("utf-8", "replace"))
        event = _EVENTS.get(login or told or left or invalid, "other")
        seen = self[found] = _Seen(program, event, method or None, peer or None)
        return seen


_MOST_KNOWN = 100_000
_EVENTS = {"Accepted": "accepted", "Failed": "failed", "Invalid user": "invalid_user"} | dict.fromkeys(
    ("Received disconnect from", "Disconnected from", "Connection closed by", "Connection reset by"), "disconnected"
)
_FAST = re.compile(
    rf"^(?:<\d{{1,3}}>)?(?:{TRADITIONAL}|{ISO}) {HOST} "
    r"(?:(sshd(?:-session|-auth)?)(?:\[\d+\])?: +"
    r"(?:(?:(Accepted|Failed) ([\w/.-]+) for (?:invalid user )?[^\s:]+ from |(Received disconnect from) "
    r"|(Disconnected from|Connection closed by|Connection reset by) |(Invalid user) \S+ from )([\w.:%-]+)"
    r"(?(2) port \d{1,5} ssh2(?:: [\w.-]+ [\w:+/=]+)?|(?: port \d{1,5})?(?(4): ?\d+:[^\r\n]*|(?: \[preauth\])?))$"
    r"|(?=pam_|PAM \d|PAM service|input_|Server |Starting |Close |User child |Did not |Postponed |subsystem |Unable "
    r"|reverse |error: m|error: k|fatal: |Bad |Address |debug|Disconnecting: )[^\r\n]*$"
    r"|([^\r\n]*)$)"
    r"|(?!sshd(?:-session|-auth)?[\[:])[^\s:\[{]+(?:\[\d+\])?: (?! *(?:[{]|@cee))[^\r\n{]*$)",
    re.MULTILINE,
)
"""Every line of the usual heads: sshd's plain logins, its messages that say nothing of one, its others, and other
programs' lines; but none that may hold JSON."""


def _line(raw: bytes) -> Line:
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    line = split(text)
    if line is not None and line.program in PROGRAMS:
        return line
    if line is not None or text.startswith("-- "):
        raise Ignored(_ANOTHER)
    bare = text.strip(" ")
    if _BARE.match(bare) and parse(bare) is not OTHER:
        return Line("", "", "sshd", None, bare)
    raise Unreadable("unknown text")


def _seen(program: str, message: str) -> _Seen:
    said = parse(message)
    return _Seen(program, said.event, said.method, said.address)


def _is_sshd(entry: Mapping[str, object]) -> bool:
    """By the fields that the journal itself sets; only an entry that has none of them is taken at its word."""
    comm, exe, unit = entry.get("_COMM"), entry.get("_EXE"), entry.get("_SYSTEMD_UNIT")
    if not (comm or exe or unit):
        return entry.get("SYSLOG_IDENTIFIER") in PROGRAMS
    if isinstance(unit, str) and _UNIT.fullmatch(unit):
        return True
    # Postauthentication, in the unit of the user's session. Anybody may call a program sshd, not everybody is root.
    return comm in PROGRAMS and entry.get("_UID") in (None, "0")


def _program(entry: Mapping[str, object]) -> str:
    return next(
        (str(name) for name in (entry.get("_COMM"), entry.get("SYSLOG_IDENTIFIER")) if name in PROGRAMS), "sshd"
    )


def _said(value: object) -> str:
    """A journal field's text; what is no UTF-8 comes as a list of its bytes."""
    if isinstance(value, list):
        return bytes(item & 255 for item in value if isinstance(item, int)).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _plain(raw: Raw) -> object:
    if bytes(memoryview(raw)[:1]) != b'"':
        return None
    try:
        return _text(raw)
    except UnicodeDecodeError:
        return bytes(raw)[1:-1].decode("utf-8", "replace")
