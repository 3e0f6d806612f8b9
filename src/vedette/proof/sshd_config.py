"""sshd configuration: what LogLevel a text of `sshd -T` or a file sshd_config says, and for whom.

sshd takes the first value of a keyword; in a Match block a value holds for those that match, whatever stands above
(sshd_config(5)). `sshd -T` prints one value, for nobody in particular: what stands in Match blocks is not in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LEVELS = ("QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1", "DEBUG2", "DEBUG3")
"""The least first; DEBUG is DEBUG1."""
_DEFAULT = "INFO"
_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*?)\s*\Z", re.DOTALL)


_VERSION = re.compile(r"OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)")


def read_version(text: str) -> tuple[int, ...] | None:
    """OpenSSH's version in what `sshd -V` says, (9, 2); None where there is none."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else None


@dataclass(frozen=True, slots=True)
class Said:
    """One LogLevel."""

    level: str
    """One of LEVELS, or as it was written where it is none."""
    where: str
    """`file:line`, or the file where the default holds."""
    match: str = ""
    """The criteria of the Match block that it stands in, or nothing."""

    @property
    def known(self) -> bool:
        """False for a word that sshd does not know."""
        return self.level in LEVELS

    def writes(self, least: str) -> bool:
        """True where a line of level `least` is written. Raises ValueError where `known` is False."""
        return LEVELS.index(self.level) >= LEVELS.index(least)


@dataclass(frozen=True, slots=True)
class SshdConfig:
    """What a configuration says of logging."""

    general: Said
    matches: tuple[Said, ...] = ()
    includes: tuple[str, ...] = ()
    """`file:line: pattern` of Include lines whose files are not read and may say otherwise."""


def read_sshd_config(text: str, file: str) -> SshdConfig:
    """What `text` says. No errors: what sshd would refuse is named by whoever asks `known`."""
    general: Said | None = None
    matches: dict[str, Said] = {}
    includes: list[str] = []
    match = ""
    for number, line in enumerate(text.splitlines(), 1):
        found = _LINE.match(line.partition("#")[0]) if not line.lstrip().startswith("#") else None
        if found is None:
            continue
        keyword, value = found[1].lower(), found[2].strip('"')
        if keyword == "match":
            # "Match all" ends a block: what follows holds for everybody.
            match = "" if value.lower() == "all" else value
        elif keyword == "include" and (general is None or match):
            includes.append(f"{file}:{number}: {value}")
        elif keyword == "loglevel":
            said = Said(_level(value), f"{file}:{number}", match)
            if match:
                matches.setdefault(match, said)
            elif general is None:
                general = said
    return SshdConfig(general or Said(_DEFAULT, file), tuple(matches.values()), tuple(includes))


def _level(value: str) -> str:
    upper = value.upper()
    return "DEBUG1" if upper == "DEBUG" else upper
