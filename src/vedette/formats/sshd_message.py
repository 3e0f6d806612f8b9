"""What sshd says, message by message.

A user name is the client's own text and may be made to look like a whole message: `root from 10.0.0.1 port 22 ssh2`.
So a message is matched from its first word to its last, and where a name may hold anything the last ` from … port …`
counts, which is sshd's own. What follows the port (a key, a certificate's id, a host's claim) may hold such words as
well, but only behind a name that has no space: that form is tried first, and of a login that was accepted, whose name
is an account's, whatever follows the colon: sshd cuts a message at 1,023 bytes, so a long id loses its end.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Message(NamedTuple):
    """A message taken apart; what it does not say is None."""

    event: str
    method: str | None = None
    user: str | None = None
    address: str | None = None
    port: int | None = None
    key: str | None = None


_KEY = (
    r"(?:[\w@.-]+ (?:SHA(?:256|384|512):\S+|MD5:\S+|[0-9a-zA-Z]{2}(?::[0-9a-zA-Z]{2})+)"
    r"(?: ID .*? \(serial \d+\) CA \S+ \S+)?(?:,? client user \".*\",? client host \".*\")?|\S+@\S+)"
)
_END = r"(?: \[preauth\])? *"
_AUTH = re.compile(r"(Accepted|Failed) (\S+) for (?:(?:invalid|illegal) user )?(.*)", re.DOTALL)
_PLAIN = re.compile(rf"(\S+) from (\S+) port (\d+)(?: +ssh\d?)?(?:: ({_KEY}))?{_END}", re.DOTALL)
_GREEDY = re.compile(rf"(.*) from (\S+) port (\d+)(?: +ssh\d?)?(?:: (.*?))?{_END}", re.DOTALL)
_BEHIND_PORT = re.compile(r"(\S+) from (\S+) port (\d+)(?: +ssh\d?)?: (.*)", re.DOTALL)
_PORTLESS = re.compile(rf"(.*) from (\S+){_END}", re.DOTALL)
_INVALID = re.compile(rf"(?:Invalid|Illegal) user (.*) from (\S+)(?: port (\d+))?{_END}", re.DOTALL)
_PAM = re.compile(
    rf"(?:error: )?PAM: .{{1,100}}? for (?:illegal user |invalid user )?(.*) from (\S+?)(?: via (\S+))?{_END}",
    re.DOTALL,
)
_NOT_ALLOWED = re.compile(r"User (.*) from (\S+) not allowed because .*", re.DOTALL)
_LEFT = re.compile(
    r"(?:Connection (?:closed|reset) by|Disconnected from|Disconnecting)"
    rf"(?: (?:authenticating|invalid)? ?user (.*))? (\S+) port (\d+)(?:: .*)?{_END}",
    re.DOTALL,
)
_LEFT_PORTLESS = re.compile(rf"(?:Connection (?:closed|reset) by|Disconnected from) (\S+){_END}", re.DOTALL)
_TOLD = re.compile(r"(?:error: )?Received disconnect from (\S+)(?: port (\d+))?: ?\d+:.*", re.DOTALL)
_REPEATED = re.compile(r"message repeated \d+ times: \[ ?(.*?) ?\]?", re.DOTALL)
"""A long one lacks its end."""
_SOLARIS = re.compile(r"\[ID \d+ \S+\] +")
_BEGINS = frozenset({"Accepted", "Failed", "Invalid", "Illegal", "User", "PAM:", "error:"}) | frozenset(
    {"Connection", "Disconnected", "Disconnecting", "Received"}
)
_LONGEST = 1500
"""Characters of a message whose key is taken apart: there are many ways to try. sshd's end at 1,023 bytes (log.c)."""
_WITH_KEY = frozenset({"publickey", "hostbased", "gssapi-with-mic", "gssapi-keyex"})
"""Methods of which sshd says something behind the port."""
OTHER = Message("other")


def parse(text: str) -> Message:
    """What `text`, the whole message behind the program's name, says."""
    text = text.strip(" ")
    marked = _SOLARIS.match(text)
    if marked:
        text = text[marked.end() :]
    repeated = _REPEATED.fullmatch(text)
    if repeated:
        text = repeated[1]
    if text.partition(" ")[0] not in _BEGINS:
        return OTHER
    found = _AUTH.fullmatch(text)
    if found:
        return _authenticated(found)
    found = _INVALID.fullmatch(text)
    if found:
        return Message("invalid_user", None, found[1], found[2], _port(found[3]))
    found = _PAM.fullmatch(text) or _NOT_ALLOWED.fullmatch(text)
    if found:
        return Message("failed", None, found[1], found[2])
    return _left(text)


def _authenticated(found: re.Match[str]) -> Message:
    event = "accepted" if found[1] == "Accepted" else "failed"
    rest = found[3]
    who = _PLAIN.fullmatch(rest) if len(rest) <= _LONGEST else None
    if not who and event == "accepted" and found[2] in _WITH_KEY:
        who = _BEHIND_PORT.fullmatch(rest)
    who = who or _GREEDY.fullmatch(rest)
    if who:
        return Message(event, found[2], who[1], who[2], _port(who[3]), who[4])
    who = _PORTLESS.fullmatch(rest)
    if who:
        return Message(event, found[2], who[1], who[2])
    # `Accepted google_authenticator for root`: a module's word, without an address. `Accepted key …` is no login.
    return Message(event, found[2], rest.strip())


def _left(text: str) -> Message:
    found = _LEFT.fullmatch(text)
    if found:
        return Message("disconnected", None, found[1], found[2], _port(found[3]))
    found = _TOLD.fullmatch(text)
    if found:
        return Message("disconnected", None, None, found[1], _port(found[2]))
    found = _LEFT_PORTLESS.fullmatch(text)
    return Message("disconnected", None, None, found[1]) if found else OTHER


def _port(text: str | None) -> int | None:
    return int(text) if text and len(text) <= 5 else None
