"""Line by line: records recognised by shape, out of their wrappings, put together, or refused with a reason.

The slow path of `reader`: for a file's odd chunks, and for whole files that are wrapped, mixed or pretty-printed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Raw

from vedette.formats.assembly import Assembly, may_go_on
from vedette.formats.base import Format, Ignored, Projector, TextProjector, Unreadable
from vedette.formats.document import decoded, encode
from vedette.formats.ledger import Ledger
from vedette.formats.location import spans
from vedette.formats.reasons import why_not
from vedette.formats.wrapping import Fragment, Inner, Skip, container_line, elements, unwrap

LONGEST_LINE = 64 << 20
"""A longer line is not looked into."""
DEEPEST_WRAPPING = 6
BLANK = b" \t\r\n\v\f\x1e"
"""White space, and the record separator of `journalctl -o json-seq`."""
_BOM = b"\xef\xbb\xbf"
_LONGEST_PREFIX = 4096
_GUESSED = 1 << 20
_LONG_TEXT = 1 << 20
_SHOWN = 1 << 16
"""Bytes that are kept of a line too long."""
_STREAMS = 16
"""Streams whose lines may be in pieces at the same time; there are two, but Docker's are any text."""
_BEGINS = 8
"""Pieces at which a record is looked for among those of another without end."""
_JSON_BEGINS = re.compile(rb'[{]\s*"')
_KLOG = re.compile(rb"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [^\]]+\]")
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_parts = msgspec.json.Decoder(dict[str, Raw]).decode


class Lines:
    """Takes lines one at a time; what becomes of each record goes to the ledger."""

    def __init__(self, formats: Mapping[str, Format], projectors: Mapping[str, Projector], ledger: Ledger) -> None:
        self.read = 0
        """Lines so far."""
        self.format = ""
        """The format of the last record, or nothing before the first."""
        self._formats = dict(formats)
        self._projectors = projectors
        self._texts = {name: one for name, one in projectors.items() if isinstance(one, TextProjector)}
        self._ledger = ledger
        self._line = 0
        """The line that the record at hand begins at."""
        self._assembly: Assembly | None = None
        self._again = False
        """True: lines are read for the second time."""
        self._fragments: dict[str, tuple[int, list[bytes], int]] = {}
        """By stream: the line it began at, the pieces so far, their bytes."""

    @property
    def busy(self) -> bool:
        """True in the midst of a record that goes on over the next lines."""
        return self._assembly is not None or bool(self._fragments)

    def guess(self, chunk: bytes) -> str:
        """The format of a chunk's first line when that is a plain record of usual length, else nothing."""
        line = chunk[: chunk.find(b"\n", 0, _GUESSED) + 1 or _GUESSED].strip(BLANK)
        if line[:1] == b"{":
            parts = parts_of(line)
            return self._recognised(parts) if parts is not None else ""
        return self._guess_text(line)

    def _guess_text(self, line: bytes) -> str:
        """The format that has such lines of text, or nothing."""
        for name, projector in self._texts.items() if len(line) < _LONG_TEXT else ():
            try:
                projector.record(line)
            except Unreadable:
                continue
            except Ignored:
                pass
            return name
        return ""

    def feed(self, chunk: bytes) -> None:
        """Take the lines of a chunk."""
        start, end = 0, len(chunk)
        while start < end:
            stop = chunk.find(b"\n", start)
            stop = end if stop < 0 else stop
            line = chunk[start : min(stop, start + LONGEST_LINE + 1)]
            self._line = self.read
            if line.strip(BLANK) == b"{" and (self._assembly is None or self._assembly.expects_record()):
                stop = self._pretty(chunk, start, stop)
            else:
                self.read += 1
                if len(line) > LONGEST_LINE:
                    self._ledger.refuse("line too long", line[:_SHOWN], self._line)
                else:
                    self._whole_line(line)
            start = stop + 1

    def finish(self) -> None:
        """The end of input."""
        if self._assembly is not None:
            self._give_up("cut off")
        for stream in list(self._fragments):
            self._join(Fragment(stream, b"", last=True), 0)

    def _pretty(self, chunk: bytes, start: int, stop: int) -> int:
        """Take a record as jq prints it, if the chunk has all of it; gives the end of the last line that was taken.

        From a line `{` to the next line that closes with the same indentation.
        """
        line = chunk[start:stop]
        closing = re.compile(rb"\n" + line[: line.find(b"{")] + rb"\}(,?)[ \t\r]*(?:\n|\Z)").search(chunk, stop)
        parts = parts_of(chunk[start : closing.start(1)]) if closing else None
        if closing is None or parts is None:
            self.read += 1
            self._whole_line(line)
            return stop
        if self._assembly is not None:
            self._assembly.took_record(comma=bool(closing[1]))
        raw = chunk[start : closing.start(1)].strip()
        self.read += raw.count(b"\n") + 1
        self._object(raw, parts, 0)
        return closing.end() - 1

    def _whole_line(self, line: bytes) -> None:
        if self._assembly is not None:
            self._assemble(line)
            return
        bare = self._bare(line)
        if bare:
            self._take(bare, 0)

    def _bare(self, line: bytes) -> bytes:
        """The line without what is not text around it; nothing when nothing is left, which is counted."""
        bare = line.strip(BLANK)
        if bare[:1] in (b"\0", b"\xef") or bare[-1:] == b"\0":
            stripped = bare.strip(BLANK + b"\0").removeprefix(_BOM).strip(BLANK + b"\0")
            self._ledger.tally.nul_bytes += bare.count(b"\0") - stripped.count(b"\0")
            if bare and not stripped:
                self._ledger.ignore("nothing but NUL bytes")
                return b""
            bare = stripped
        if not bare:
            self._ledger.ignore("blank line")
        return bare

    def _take(self, raw: bytes, depth: int) -> None:
        """One record, its wrapping or its text; `depth` wrappings are off already."""
        if depth > DEEPEST_WRAPPING:
            self._ledger.refuse("wrapped too deep", raw, self._line)
        elif raw[:1] == b"{":
            self._json(raw, depth)
        elif raw[:1] == b"[" and raw[1:].lstrip()[:1] in (b"{", b"[", b"]", b"", b'"'):
            self._json_list(raw, depth)
        else:
            self._text(raw, depth)

    def _json(self, raw: bytes, depth: int) -> None:
        if self.format and self.format not in self._texts:
            try:
                record = self._projectors[self.format].record(raw)
            except Unreadable:
                record = None
            if record is not None:
                self._ledger.accept(self.format, record, raw, self._line)
                return
        parts = parts_of(raw)
        if parts is None:
            self._hard(raw, depth)
        else:
            self._object(raw, parts, depth)

    def _object(self, raw: bytes, parts: Mapping[str, Raw], depth: int) -> None:
        name = self._recognised(parts)
        if name:
            self._record(name, raw, depth)
            return
        if not raw.isascii() and (clean := raw.decode("utf-8", "replace").encode()) != raw:
            # The API server copies what a client sends byte by byte, and so do some shippers.
            raw, parts = clean, parts_of(clean) or parts
        try:
            inner = unwrap(parts)
            if inner is None:
                self._ledger.refuse("unknown shape", raw, self._line)
            else:
                self._inside(inner, depth)
        except _UNDECODABLE:
            self._ledger.refuse("unknown shape", raw, self._line)

    def _record(self, name: str, raw: bytes, depth: int) -> None:
        """A record whose shape is that of format `name`."""
        try:
            record = self._projectors[name].record(raw)
        except Ignored as reason:
            self._ledger.ignore(str(reason))
        except Unreadable:
            fault = self._odd(raw, depth)
            if fault:
                self._ledger.refuse(fault, raw, self._line)
        else:
            self.format = name
            self._ledger.accept(name, record, raw, self._line)

    def _inside(self, inner: Inner, depth: int) -> None:
        if isinstance(inner, Skip):
            self._ledger.ignore(inner.reason)
        elif isinstance(inner, Fragment):
            self._join(inner, depth)
        else:
            pieces = 0
            for piece in inner:
                pieces += 1
                bare = piece.strip(BLANK)
                if bare:
                    self._take(bare, depth + 1)
                else:
                    self._ledger.ignore("blank line")
            if not pieces:
                self._ledger.ignore("empty list")

    def _json_list(self, raw: bytes, depth: int) -> None:
        try:
            pieces = elements(raw)
        except _UNDECODABLE:
            self._hard(raw, depth)
        else:
            self._inside(pieces, depth)

    def _hard(self, raw: bytes, depth: int) -> None:
        """What the quick decoder refuses: an odd object, several values, the begin of one, or no JSON at all."""
        reason = self._odd(raw, depth) if raw[:1] == b"{" else "not JSON"
        if not reason:
            return
        if len(raw) > _LONG_TEXT:
            self._hard_and_long(raw, depth, reason)
            return
        assembly, fault = Assembly(), ""
        values: list[bytes] = []
        try:
            values.extend(value for value, _ in assembly.add(raw, self._line))
        except Unreadable as refused:
            fault = str(refused)
        if not fault and values == [raw]:
            self._ledger.refuse(reason, raw, self._line)
            return
        if raw.endswith(b",") and values == [raw[:-1].rstrip()]:
            # An element of a list, a line each, without the list.
            self._take(values[0], depth + 1)
            return
        for value in values:
            self._take(value, depth + 1)
        if fault:
            self._ledger.refuse(fault, raw, self._line)
        elif assembly.open and depth == 0 and may_go_on(raw) and not self._again:
            self._assembly = assembly
        elif assembly.open:
            self._ledger.refuse("cut off", raw, self._line)
        elif not values:
            self._ledger.ignore("empty list")

    def _hard_and_long(self, raw: bytes, depth: int, reason: str) -> None:
        """As `_hard`, without a look at every token; the begin of a pretty-printed record is never so long."""
        if raw[:1] == b"{":
            self._ledger.refuse(reason, raw, self._line)
            return
        done = 1
        for start, end in spans(raw, 1):
            between = raw[done:start].strip(BLANK + b",")
            if between:
                self._ledger.refuse("not JSON", between, self._line)
            self._take(raw[start:end], depth + 1)
            done = end
        rest = raw[done:].strip(BLANK + b",")
        if rest != b"]":
            self._ledger.refuse("cut off", rest, self._line)

    def _odd(self, raw: bytes, depth: int) -> str:
        """Take an object that only the patient decoder can read: lone surrogates, a nesting thousands deep.

        Gives the reason why it cannot be read either, or nothing.
        """
        try:
            clean = decoded(raw, encode)
            parts = _parts(clean)
        except Unreadable as reason:
            return str(reason)
        except msgspec.DecodeError:
            return "not JSON"
        name = self._recognised(parts)
        if name:
            self._ledger.accept(name, None, raw, self._line)
        else:
            self._object(clean, parts, depth)
        return ""

    # Records over several lines.

    def _assemble(self, line: bytes) -> None:
        assembly, here = self._assembly, self._line
        if assembly is None:
            return
        if assembly.expects_record():
            bare = line.strip(BLANK)
            parts = parts_of(bare.removesuffix(b",")) if bare[:1] == b"{" else None
            if parts is not None:
                assembly.took_record(comma=bare.endswith(b","))
                self._object(bare.removesuffix(b","), parts, 1)
                return
        elif self._stands_alone(line) or (line[:1] == b"{" and assembly.indented):
            self._give_up("cut off")
            self._line = here
            self._whole_line(line)
            return
        fault = ""
        values: list[tuple[bytes, int]] = []
        try:
            values.extend(assembly.add(line.rstrip(b"\r"), here))
        except Unreadable as reason:
            fault = str(reason)
            # What began in this line is taken with it, by itself.
            values = [(value, begin) for value, begin in values if begin < here]
        for value, self._line in values:
            self._take(value, 1)
        if fault:
            self._give_up("cut off" if line[:1] == b"{" else fault)
            self._line = here
            if values:
                self._ledger.refuse(fault, line, self._line)
            else:
                self._whole_line(line)
        elif not assembly.open:
            self._assembly = None

    def _give_up(self, reason: str) -> None:
        """Refuse the begin of a value; what had gone into it, but may stand for itself, is taken again."""
        assembly, self._assembly = self._assembly, None
        if assembly is None:
            return
        held, self._line = assembly.held_lines, assembly.line
        again = next((at for at in range(1, len(held)) if self._begins_anew(held[at])), len(held))
        self._ledger.refuse(reason, b"\n".join(held[:again]), self._line)
        if again < len(held):
            read, self.read = self.read, assembly.line + again
            # None of them may swallow the others once more: a log of such lines would never be done.
            self._again = True
            self.feed(b"\n".join(held[again:]))
            self._again = False
            self.read = read

    def _begins_anew(self, line: bytes) -> bool:
        """True for a line within an unfinished value that stands for itself: a whole object, a container's line."""
        if line[:1] != b"{":
            return container_line(line) is not None
        bare = line.strip(BLANK).removesuffix(b",")
        return bare == b"{" or parts_of(bare) is not None

    def _stands_alone(self, line: bytes) -> bool:
        """True for a whole record at a line's begin, which in the midst of another means that the other was cut."""
        if line[:1] != b"{" or line.rstrip()[-1:] != b"}":
            return False
        parts = parts_of(line)
        return parts is not None and bool(self._recognised(parts))

    def _recognised(self, parts: Mapping[str, Raw]) -> str:
        return next((name for name, form in self._formats.items() if form.recognises(parts)), "")

    def _join(self, fragment: Fragment, depth: int) -> None:
        begin, pieces, size = self._fragments.pop(fragment.stream, (self._line, [], 0))
        if pieces and fragment.last and self._stands_for_itself(fragment.text, pieces):
            self._ledger.refuse("cut off", b"".join(pieces), begin)
            begin, pieces, size = self._line, [], 0
        pieces.append(fragment.text)
        size += len(fragment.text)
        if size > LONGEST_LINE:
            self._ledger.refuse("line too long", b"".join(pieces), begin)
        elif not fragment.last and not (len(pieces) == 1 and parts_of(fragment.text) is not None):
            self._fragments[fragment.stream] = (begin, pieces, size)
            if len(self._fragments) > _STREAMS:
                begin, pieces, _ = self._fragments.pop(next(iter(self._fragments)))
                self._ledger.refuse("cut off", b"".join(pieces), begin)
        else:
            here, self._line = self._line, begin
            unfinished = self._unfinished(pieces)
            if unfinished:
                self._ledger.refuse("cut off", b"".join(pieces[:unfinished]), begin)
            text = b"".join(pieces[unfinished:]).strip(BLANK)
            if text:
                self._take(text, depth + 1)
            else:
                self._ledger.ignore("blank line")
            self._line = here

    def _stands_for_itself(self, text: bytes, before: list[bytes]) -> bool:
        """True for a last piece that is a record or a log's line, while with the pieces before it there is none."""
        if self._whole(text):
            # No end of a JSON object is one.
            return True
        return bool(self._guess_text(text)) and not self._whole(b"".join([*before, text]))

    def _unfinished(self, pieces: list[bytes]) -> int:
        """How many pieces at the begin belong to a record without end, so that the others are a whole one."""
        begins = [at for at in range(1, len(pieces)) if pieces[at].lstrip()[:1] == b"{"][-_BEGINS:]
        if not begins or parts_of(b"".join(pieces)) is not None:
            return 0
        return next((at for at in begins if self._whole(b"".join(pieces[at:]))), 0)

    def _whole(self, text: bytes) -> bool:
        """True for a record, or its wrapping, from begin to end."""
        parts = parts_of(text) if text.lstrip()[:1] == b"{" else None
        return parts is not None and bool(self._recognised(parts))

    # Lines of text.

    def _text(self, raw: bytes, depth: int) -> None:
        if depth and b"\n" in raw:
            self._inside(raw.split(b"\n"), depth)
            return
        fragment = container_line(raw)
        if fragment is not None:
            self._join(fragment, depth)
            return
        if _KLOG.match(raw):
            self._ledger.ignore("klog line")
            return
        other = ""
        for name, projector in self._texts.items() if len(raw) < _LONG_TEXT else ():
            try:
                record = projector.record(raw)
            except Ignored as reason:
                other, self.format = str(reason), name
            except Unreadable:
                continue
            else:
                self.format = name
                self._ledger.accept(name, record, raw, self._line)
                return
        begin = _JSON_BEGINS.search(raw, 0, _LONGEST_PREFIX)
        if begin is not None and self._prefixed(raw, begin.start(), depth, sure=not other):
            return
        if other:
            self._ledger.ignore(other)
        else:
            self._ledger.refuse(why_not(raw), raw, self._line)

    def _prefixed(self, raw: bytes, first: int, depth: int, *, sure: bool) -> bool:
        """Take the JSON that a line ends with behind a prefix: a syslog header, `@cee:`, a stream's or node's name."""
        for begin in _JSON_BEGINS.finditer(raw, first, _LONGEST_PREFIX):
            tail = raw[begin.start() :]
            parts = parts_of(tail)
            if parts is not None and (self._recognised(parts) or unwrap(parts) is not None):
                self._object(tail, parts, depth + 1)
                return True
        tail, prefix = raw[first:], raw[:first].rstrip()
        broken = prefix.endswith(b":") and parts_of(tail) is None
        if broken or (sure and prefix.count(b" ") < 4):
            # Meant to be a record, so what is wrong with it should be said.
            self._take(tail, depth + 1)
            return True
        return False


def parts_of(text: bytes) -> dict[str, Raw] | None:
    """The undecoded values of a JSON object by key, or None when `text` is no such object, or no plain one."""
    try:
        return _parts(text)
    except _UNDECODABLE:
        return None


def stands_alone(line: bytes) -> bool:
    """True for a line that is no part of a longer record, as far as it can tell by itself."""
    if line[:1] == b"{":
        parts = parts_of(line)
        return parts is not None and not parts.keys() >= {"log", "stream", "time"}
    return line[:1] != b"[" and container_line(line) is None
