"""The text of a Go template that judges a whole record: statements, texts, loops and addresses.

Loki's label filters know neither lists nor "cannot tell", take an absent label for an empty one, and read a cut line
as far as it goes. A template that decodes the line (`fromJson __line__`) has none of these faults: what is no JSON
gives nothing, of repeated keys the last counts, as in vedette's engine. A verdict is a number: 0 no, 1 cannot tell,
2 yes; so AND is `min`, OR is `max`, NOT is `sub 2`.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Sequence

from vedette.network import Networks
from vedette.rule import Regex, Text, Wild


class CannotRender(ValueError):
    """LogQL cannot say this; `str()` is the reason, and which source can tell."""

    def __init__(self, reason: str, other: str = "vedette's own engine reads the same log (vedette watch)") -> None:
        """`reason`: what cannot be said; `other`: what tells of it instead."""
        super().__init__(f"{reason}; {other}")
        self.reason = reason
        self.other_source = other


_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})
TYPE_MAP, TYPE_LIST = "$map", "$list"
OPENING = '{{ $map := "map[string]interface {}" }}{{ $list := "[]interface {}" }}{{ $none := fromJson "{}" }}'
"""Names of Go's types, and an object without keys."""


def quoted(text: str) -> str:
    r"""`text` as a string of a Go template that stands in a LogQL string between backticks.

    No backtick, quote, backslash, brace or invisible character stands in it as it is; a lone surrogate becomes U+FFFD.
    """
    return '"' + "".join(_char(char) for char in text) + '"'


def _char(char: str) -> str:
    number = ord(char)
    if 0xD800 <= number <= 0xDFFF:
        return "\\ufffd"
    if char in '"\\':
        return f"\\{char}"
    if char not in "`{}" and unicodedata.category(char) not in _HIDDEN:
        return char
    # \x9b would be a byte to Go, \u009b is the character.
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


class Code:
    """A template as it grows; each top-level value is made once."""

    def __init__(self) -> None:
        """Empty but for the names of the types."""
        self.parts: list[str] = [OPENING]
        self._made: dict[str, str] = {}
        self._number = 0

    def name(self, prefix: str) -> str:
        """A variable that is not in use."""
        self._number += 1
        return f"${prefix}{self._number}"

    def emit(self, text: str) -> None:
        """Add statements at the top level."""
        self.parts.append(text)

    def once(self, key: str, make: Callable[[], str]) -> str:
        """The variable that `make` gave for `key`; it is called once."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def text(self) -> str:
        """All statements."""
        return "".join(self.parts)

    def let(self, prefix: str, expression: str) -> str:
        """A new top-level variable."""
        name = self.name(prefix)
        self.emit(f"{{{{ {name} := {expression} }}}}")
        return name


def is_kind(expression: str, kind: str) -> str:
    """The condition that a value is of Go's type `kind` (`$map`, `$list`, or a quoted name)."""
    return f'eq (printf "%T" {expression}) {kind}'


def when(condition: str, body: str, other: str = "") -> str:
    """`{{ if }}`."""
    return f"{{{{ if {condition} }}}}{body}" + (f"{{{{ else }}}}{other}" if other else "") + "{{ end }}"


def assign(name: str, expression: str) -> str:
    """`{{ name = expression }}`."""
    return f"{{{{ {name} = {expression} }}}}"


def each(code: Code, expression: str, body: Callable[[str], str], merged: str = "") -> str:
    """`body` for every element of a list, or for the one value that is no list.

    Where `merged` holds the list is one of a merge patch, and what that deletes is no element.
    """
    item = code.name("i")
    inside = body(item)
    element = inside
    if merged:
        deleted = code.name("x")
        directive = when(f'eq (print (index {item} "$patch")) "delete"', assign(deleted, "true"))
        element = f"{{{{ {deleted} := false }}}}"
        element += when(f"and {merged} ({is_kind(item, TYPE_MAP)})", directive) + when(f"not {deleted}", inside)
    return when(
        is_kind(expression, TYPE_LIST),
        f"{{{{ range {item} := {expression} }}}}{element}{{{{ end }}}}",
        f"{{{{ {item} := {expression} }}}}{inside}",
    )


def walk(
    code: Code, expression: str, steps: tuple[str | int, ...], body: Callable[[str], str], merged: str = ""
) -> str:
    """`body` for every value at `steps` beneath `expression`; lists on the way and at the end are entered."""
    if not steps:
        return each(code, expression, body, merged)
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        length = step + 1 if step >= 0 else -step
        at = str(step) if step >= 0 else f"(int (sub (len {expression}) {-step}))"
        found = code.name("e")
        inner = f"{{{{ {found} := index {expression} {at} }}}}" + walk(code, found, rest, body, merged)
        return when(is_kind(expression, TYPE_LIST), when(f"ge (len {expression}) {length}", inner))

    def enter(item: str) -> str:
        found = code.name("e")
        inner = f"{{{{ {found} := index {item} {quoted(step)} }}}}" + walk(code, found, rest, body, merged)
        return when(is_kind(item, TYPE_MAP), inner)

    return each(code, expression, enter, merged)


def text_condition(values: tuple[Text | Regex, ...], item: str, *, cased: bool) -> str:
    """The condition that the text `item` is one of `values`. Raises CannotRender."""
    plain = [value.plain for value in values if isinstance(value, Text) and value.plain is not None]
    conditions = []
    if plain:
        if cased:
            conditions.append(f"eq {item} " + " ".join(quoted(text) for text in plain))
        else:
            conditions.append(f"eq {_folded(item, plain)} " + " ".join(quoted(text.lower()) for text in plain))
    for value in values:
        if isinstance(value, Regex):
            flags = f"(?{value.flags})" if value.flags else ""
            conditions.append(f"gt (count {quoted(flags + value.pattern)} {item}) 0")
        elif value.plain is None:
            conditions.append(_wild(value, item, cased=cased))
    if not conditions:
        return "eq 1 2"
    return conditions[0] if len(conditions) == 1 else "or " + " ".join(f"({one})" for one in conditions)


def _folded(item: str, texts: Sequence[str]) -> str:
    """The expression of `item` in lower case, to be compared with `texts`. Raises CannotRender."""
    if any(set(text) & set("Σσς") for text in texts):
        raise CannotRender("a text with a sigma in it, compared whatever its case")
    return f'(lower (replace "\\u0130" "i\\u0307" {item}))'


def _wild(value: Text, item: str, *, cased: bool) -> str:
    first, *rest = value.parts
    if isinstance(first, str) and rest == [Wild.MANY]:
        # In lower case, as the engine has it; a pattern would take U+017F for s as well.
        begin, text = (first, item) if cased else (first.lower(), _folded(item, [first]))
        return f"hasPrefix {quoted(begin)} {text}"
    if cased and first is Wild.MANY and len(rest) == 2 and isinstance(rest[0], str) and rest[1] is Wild.MANY:
        return f"contains {quoted(rest[0])} {item}"
    pieces = [escaped(part) if isinstance(part, str) else _WILD[part] for part in value.parts]
    flags = "(?s)" if cased else "(?is)"
    return f"gt (count {quoted(flags + '^(?:' + ''.join(pieces) + ')$')} {item}) 0"


_WILD = {Wild.MANY: ".*", Wild.ONE: "."}


def escaped(text: str) -> str:
    """`text` as a pattern that means itself."""
    return re.sub(r"[\\.+*?()|\[\]{}^$]", lambda found: "\\" + found[0], text)


def json_text(text: str) -> str:
    r"""The expression of the text `text` as JSON, for a list that `fromJson` reads.

    `js` escapes for JavaScript: of its escapes only `\'` is none of JSON's. A character beyond U+FFFF that cannot be
    printed becomes another one.
    """
    return f"""(printf "\\"%s\\"" (replace "\\\\'" "'" (js {text})))"""


_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUPS = r"[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*"
_V6 = rf"^(?:{_GROUPS})?::(?:{_GROUPS})?$|^[0-9a-f]{{1,4}}(?::[0-9a-f]{{1,4}}){{7}}$"
_V4_WHOLE, _V4_LAST = f"^{_V4}$", f"^[0-9a-f:]*:{_V4}$"
_BRACKETS, _BETWEEN = r"^[\[][^\]]*(?:[\]](?::[0-9]{1,5})?)?$", r"^[\[]([^\]]*)(?:[\]].*)?$"
_LABEL = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"
BLANKS = r"\s\v\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
"""What Python takes for a blank, in a class of a pattern of Go's."""
AROUND_BLANKS = f"^[{BLANKS}]+|[{BLANKS}]+$"
"""What Python's strip takes off."""
_HOST = rf"^{_LABEL}(?:\.{_LABEL})*\.?$"


def inside(code: Code, networks: Networks, item: str, verdict: str) -> str:
    """Statements that set `verdict` to 2 where the text `item` is an address in `networks`, 0 outside, 1 malformed.

    The address becomes its hexadecimal digits, 8 or 32 of them, whatever way it is written; a network is then a
    prefix. Loki's own `ip()` does not know `::1` and takes `::ffff:10.0.0.1` for an address of its own.
    """
    bare, digits, number = code.name("a"), code.name("h"), code.name("n")
    clean = f'{{{{ {bare} := regexReplaceAll {quoted(AROUND_BLANKS)} {item} "" }}}}'
    whole = bare
    text = clean + f'{{{{ {digits} := "" }}}}{{{{ {number} := {bare} }}}}'
    port = quoted(":[0-9]{1,5}$")
    text += when(
        f'hasPrefix "[" {bare}',
        when(
            f"eq (count {quoted(_BRACKETS)} {bare}) 1",
            assign(number, f'regexReplaceAll {quoted(_BETWEEN)} {bare} "${{1}}"'),
            assign(number, '"?"'),
        ),
        when(f'eq (count ":" {bare}) 1', assign(number, f'regexReplaceAll {port} {bare} ""')),
    )
    text += assign(number, f'lower (regexReplaceAll "(?s)%.*$" {number} "")')
    # An IPv4 address at the end of an IPv6 one becomes two groups of it.
    text += when(
        f"eq (count {quoted(_V4_WHOLE)} {number}) 1",
        _octets(number, digits),
        when(
            f"eq (count {quoted(_V4_LAST)} {number}) 1",
            _octets(f'(regexReplaceAll "^.*:" {number} "")', digits)
            + assign(
                number,
                f'print (regexReplaceAll "[0-9.]*$" {number} "")'
                f' (regexReplaceAll "^(....)(....)$" {digits} "${{1}}:${{2}}")',
            )
            + assign(digits, '""'),
        )
        + _groups(code, number, digits),
    )
    text += when(
        f'and (eq (len {digits}) 32) (hasPrefix "00000000000000000000ffff" {digits})',
        assign(digits, f'regexReplaceAll "^.*(.{{8}})$" {digits} "${{1}}"'),
    )
    text += when(f'ne {digits} ""', _member(networks, digits, verdict), _host(whole, verdict))
    return text


def _octets(source: str, digits: str) -> str:
    listed = f'(printf "[%s]" (replace "." "," {source}))'
    return f"{{{{ range fromJson {listed} }}}}" + assign(digits, f'printf "%s%02x" {digits} (int .)') + "{{ end }}"


def _groups(code: Code, number: str, digits: str) -> str:
    count = code.name("c")
    expand = assign(number, f'replace "::" (printf ":%s" (repeat (int (sub 8 {count})) "0:")) {number}')
    listed = f'(printf "[\\"%s\\"]" (replace ":" "\\",\\"" (trimAll ":" {number})))'
    pad = assign(digits, f'print {digits} (regexReplaceAll "^.*(....)$" (print "000" .) "${{1}}")')
    build = f"{{{{ range fromJson {listed} }}}}{pad}{{{{ end }}}}"
    fits = when(f'contains "::" {number}', when(f"lt {count} 8", expand + build), build)
    return when(f"eq (count {quoted(_V6)} {number}) 1", f'{{{{ {count} := count "[0-9a-f]+" {number} }}}}' + fits)


def _member(networks: Networks, digits: str, verdict: str) -> str:
    patterns = [(8, _prefixes(networks.v4, 32)), (32, _prefixes(networks.v6, 128))]
    conditions = [
        f"(and (eq (len {digits}) {length}) (eq (count {quoted(pattern)} {digits}) 1))"
        for length, pattern in patterns
        if pattern
    ]
    if not conditions:
        return assign(verdict, "0")
    return when("or false " + " ".join(conditions), assign(verdict, "2"), assign(verdict, "0"))


def _prefixes(ranges: tuple[tuple[int, int], ...], bits: int) -> str:
    """A pattern of the hexadecimal digits that addresses in `ranges` begin with, or nothing."""
    kind = ipaddress.IPv4Address if bits == 32 else ipaddress.IPv6Address
    found = []
    for low, high in ranges:
        for network in ipaddress.summarize_address_range(kind(low), kind(high)):
            number, length = int(network.network_address), network.prefixlen
            digits = f"{number:0{bits // 4}x}"
            whole, rest = divmod(length, 4)
            piece = digits[:whole]
            if rest:
                first = int(digits[whole], 16)
                piece += "[" + "".join(f"{one:x}" for one in range(first, first + (1 << (4 - rest)))) + "]"
            found.append(piece)
    return f"^(?:{'|'.join(found)})" if found else ""


def _host(bare: str, verdict: str) -> str:
    name = f'(regexReplaceAll {quoted(":[0-9]{1,5}$")} {bare} "")'
    host = f'and (le (len {name}) 253) (gt (count "[A-Za-z_]" {name}) 0) (eq (count {quoted(_HOST)} {name}) 1)'
    return when(host, assign(verdict, "0"), assign(verdict, "1"))
