"""Why a line of text is no log line that we know, in a few countable words."""

from __future__ import annotations


def why_not(line: bytes) -> str:
    """The reason for the quarantine; what is known but not supported is called by its name."""
    if line[:2] in (b"\xff\xfe", b"\xfe\xff") or line.count(b"\0") * 3 > len(line):
        return "UTF-16 text (not supported)"
    if line.startswith(b"<") and b"json:" in line:
        return "jsonx (not supported)"
    if line.startswith(b"["):
        return "not JSON"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "invalid UTF-8"
    return "CSV (not supported)" if line.count(b",") >= 8 else "unknown text"
