"""authorized_keys, read as sshd reads it, byte for byte: which key a line lets in, and where the line stands."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BLANK = b" \t"
_TYPE = re.compile(rb"[a-z0-9][a-z0-9@.+-]*\Z", re.IGNORECASE)
_SHA256 = re.compile(r"SHA256:[A-Za-z0-9+/]{43}\Z")
_MD5 = re.compile(r"(MD5:)?([0-9a-f]{2}(:[0-9a-f]{2}){15})\Z")


@dataclass(frozen=True, slots=True)
class Key:
    """A line that names a key."""

    start: int
    """Bytes from the file's beginning."""
    line: bytes
    """With its line end, where it has one."""
    options: str
    kind: str
    """`ssh-ed25519`."""
    blob: bytes

    @property
    def sha256(self) -> str:
        """As sshd logs it: `SHA256:…`, base64 without its padding."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def md5(self) -> str:
        """As old ones did: `MD5:16:27:ac:…`."""
        return "MD5:" + hashlib.md5(self.blob, usedforsecurity=False).digest().hex(":")

    @property
    def authority(self) -> bool:
        """It does not log in itself: it signs the certificates that do."""
        return bool(re.search(r"(^|,)cert-authority(,|$)", self.options, re.IGNORECASE))


def is_fingerprint(text: str) -> str:
    """A fingerprint in its one form; nothing where it is none."""
    if _SHA256.match(text):
        return text
    found = _MD5.match(text)
    return f"MD5:{found[2]}" if found else ""


def keys(content: bytes) -> Iterator[Key]:
    """The lines that name keys; what sshd passes over (comments, blanks, nonsense) is passed over."""
    start = 0
    for line in _lines(content):
        found = _key(start, line)
        if found is not None:
            yield found
        start += len(line)


def _lines(content: bytes) -> list[bytes]:
    r"""Split where sshd does, at \n alone."""
    return re.findall(rb"[^\n]*\n|[^\n]+", content)


def named(found: Sequence[Key], fingerprint: str) -> list[Key]:
    """Those of this fingerprint."""
    return [one for one in found if fingerprint in (one.sha256, one.md5)]


def _key(start: int, line: bytes) -> Key | None:
    """sshd tries the line as a key, and where it is none takes what stands before the first blank outside quotes for
    options (OpenSSH's auth2-pubkeyfile.c, sshkey_advance_past_options)."""
    text = line.rstrip(b"\n").lstrip(_BLANK)
    if not text or text.startswith(b"#"):
        return None
    at = _past_options(text)
    for options, rest in ((b"", text), (text[:at], text[at:].lstrip(_BLANK))):
        words = re.split(rb"[ \t]+", rest, maxsplit=2)
        if len(words) > 1 and _TYPE.match(words[0]) and (blob := _blob(words[0], words[1])):
            return Key(start, line, options.decode("utf-8", "replace"), words[0].decode(), blob)
    return None


def _past_options(text: bytes) -> int:
    quoted, at = False, 0
    while at < len(text) and (quoted or text[at] not in _BLANK):
        if text[at : at + 2] == b'\\"':
            at += 1
        elif text[at : at + 1] == b'"':
            quoted = not quoted
        at += 1
    return at


def _blob(kind: bytes, word: bytes) -> bytes:
    """The key itself, which names its kind once more; nothing where it does not."""
    try:
        blob = base64.b64decode(word.strip(), validate=True)
    except binascii.Error:
        return b""
    return blob if blob[4 : 4 + int.from_bytes(blob[:4], "big")] == kind else b""


def without(content: bytes, gone: Sequence[Key]) -> tuple[bytes, list[str]]:
    """What is left, and the pieces of which the host makes it: `START:COUNT`."""
    pieces, at = [], 0
    for one in gone:
        if one.start > at:
            pieces.append((at, one.start))
        at = one.start + len(one.line)
    if at < len(content):
        pieces.append((at, len(content)))
    left = b"".join(content[start:end] for start, end in pieces)
    return left, [f"{start}:{end - start}" for start, end in pieces]


def back_in(content: bytes, lines: Sequence[tuple[int, bytes]]) -> tuple[bytes, list[str]]:
    """The file with lines put back where they began before, and its pieces."""
    made, at = b"", 0
    pieces: list[str] = []
    for start, line in lines:
        count = min(max(start - len(made), 0), len(content) - at)
        made, at, pieces = made + content[at : at + count] + line, at + count, [*pieces, f"{at}:{count}", octal(line)]
    return made + content[at:], [*pieces, f"{at}:{len(content) - at}"]


def at_the_end(content: bytes, lines: Sequence[bytes]) -> tuple[bytes, list[str]]:
    """The file with lines behind all others, each on a line of its own, and its pieces."""
    ended = b"" if not content or content.endswith(b"\n") else b"\n"
    added = ended + b"".join(one if one.endswith(b"\n") else one + b"\n" for one in lines)
    return content + added, [f"0:{len(content)}", octal(added)]


def octal(data: bytes) -> str:
    r"""New bytes as the host's printf reads them: `+\101\012`."""
    return "+" + "".join(f"\\{one:03o}" for one in data)
