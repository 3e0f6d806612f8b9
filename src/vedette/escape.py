"""Hostile text leaves here: one function an exit.

Log lines are the attacker's to write. A terminal obeys escape sequences in them (CVE-2021-25743), so what a person
reads passes through `terminal`, what goes into a settings file through `yaml`, into a command to be pasted through
`shell`, into a query through `logql`, into a Slack message through `slack`, into a Markdown page through `markdown`;
JSON output needs nothing, its encoder escapes.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Iterable

_PLAIN = re.compile(r"[ -~]*\Z")
_YAML_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@%+-]*(:[A-Za-z0-9_./@%+*-]+)*\Z|\d{1,3}(\.\d{1,3}){3}/\d{1,2}\Z")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Texts that some YAML reader takes for something else."""
_HEX_RUN = re.compile(r"(\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|\\U[0-9a-f]{8})(?=[0-9a-fA-F])")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def terminal(text: str, width: int = 0) -> str:
    r"""`text` with everything a terminal might obey or hide shown as \xNN or \uNNNN.

    That is C0, C1, ESC, NUL, bidirectional and zero-width characters, line ends and tabs. With `width` > 0 the result
    is cut to that many characters, its end marked by an ellipsis.
    """
    if not _PLAIN.match(text):
        text = "".join(_shown(char) for char in text)
    if width and len(text) > width:
        return text[: max(0, width - 1)] + "…"
    return text


def yaml(text: str) -> str:
    """`text` as one YAML scalar on one line, the same text for any reader and in any place; quoted unless harmless.

    A lone surrogate, which YAML cannot hold, becomes U+FFFD.
    """
    if _YAML_PLAIN.match(text) and text.lower() not in _YAML_WORDS:
        return text
    return '"' + "".join(_yaml_shown(char) for char in text) + '"'


def shell(text: str) -> str:
    r"""`text` as one word of a POSIX shell's command; with invisible characters as bash's and zsh's `$'\xNN'`."""
    if _PLAIN.match(text):
        return shlex.quote(text)
    # \x9b would be a byte to the shell, \u009b is the character.
    quoted = "".join(
        f"\\{char}" if char in "\\'" else _shown(char).replace("\\x", "\\u00") if char >= "\x80" else _shown(char)
        for char in text
    )
    # A hexadecimal digit that follows \xNN would be read as a part of it.
    return "$'" + _HEX_RUN.sub(r"\1'$'", quoted) + "'"


def logql(text: str) -> str:
    """`text` for the inside of a double-quoted LogQL string, which is Go's.

    A lone surrogate, which Go cannot write, becomes U+FFFD.
    """
    return "".join(_logql_shown(char) for char in text)


def slack(text: str) -> str:
    r"""`text` for a text object or the `text` of a Slack message: no mention, no link, nothing hidden.

    Slack reads `<!channel>`, `<@U…>` and `<url|name>` in them, and wants &, < and > as entities where they are not
    meant so; it knows no other. Bold, code and `:emoji:` have no escape there: hostile text stands in plain_text.
    """
    return terminal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str, width: int = 0) -> str:
    """`text` as one code span of Markdown, whole on one line; cut like `terminal`'s.

    A code span is the one inline in which nothing is markup: no link, image, HTML, heading or list, and neither the
    autolinks nor the @names and #numbers that GitHub looks for in plain text. Its fence is longer than any run of
    backticks in the text (CommonMark 0.31, 6.1), so that nothing in it ends it. Not for a cell of a table, where GFM
    splits at `|` before it looks for code. Nothing at all becomes a span of one space.
    """
    shown = terminal(text, width)
    if not shown.strip(" "):
        shown = " "
    elif shown[0] in "` " or shown[-1] in "` ":
        shown = f" {shown} "
    fence = _backticks(shown)
    return f"{fence}{shown}{fence}"


def markdown_block(lines: Iterable[str], width: int = 0) -> str:
    """`lines` as a fenced block of Markdown, each escaped and cut like `terminal`'s; ends without a line end."""
    shown = [terminal(line, width) for line in lines]
    fence = _backticks("\n".join(shown), least=3)
    return "\n".join([f"{fence}text", *shown, fence])


def _backticks(text: str, least: int = 1) -> str:
    """A run of backticks that is longer than any in `text`."""
    return "`" * max(least, 1 + max((len(run) for run in re.findall("`+", text)), default=0))


def _logql_shown(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    # \x9b would be a byte to Go, \u009b is the character.
    shown = _shown("\ufffd" if "\ud800" <= char <= "\udfff" else char)
    return shown.replace("\\x", "\\u00") if char >= "\x80" else shown


def _yaml_shown(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return _shown("\ufffd" if "\ud800" <= char <= "\udfff" else char)


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _INVISIBLE:
        return char
    number = ord(char)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
