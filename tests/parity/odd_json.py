"""JSON as servers do not write it but clients, shippers and attackers may: odd members, odd spelling, broken text."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

Where = tuple[str | int, ...]

ADDRESSES = (
    *("10.0.20.1", "10.0.24.0", "203.0.113.9", "::1", "0:0::1", "::ffff:10.0.0.1", "::FFFF:a00:1409", "::10.0.20.9"),
    *("[::1]:443", "[::1", "[::1]x", "10.0.20.1:55", "10.0.20.1:", "10.0.20.1:123456", "fe80::1%eth0", "10.0.20.1%x"),
    *("010.0.20.1", "10.0.20", "10.0.20.256", ":::", "::", "1::2::3", "2001:db8::66", "12345::1", "host.example"),
    *("", " ", "\t10.0.20.1 ", "\xa010.0.20.1", "10.0.20.1\n", "x" * 64, "unknown", "[::ffff:10.0.20.9]:80", "a..b"),
    *("\u0661.2.3.4", "10.0.20.1,203.0.113.9", "10.0.20.1`", '10.0.20.1"', "10.0.20.1\\", "10.0.20.1\x00"),
)
PIECES = (
    *(
        "x",
        "/",
        " ",
        "\n",
        "\t",
        "\x00",
        "\x1f",
        "\x7f",
        "\x80",
        "\x85",
        "\x9b",
        "\xa0",
        "é",
        "ß",
        "ÿ",
        "İ",
        "\u017f",
        "K",
    ),
    *(
        "σς",
        "ö",
        "\u2028",
        "\u202e",
        "\ufeff",
        "😀",
        "\ud800",
        "\udfff",
        "`",
        "{{",
        "}}",
        '"',
        "\\",
        "'",
        "&",
        "<",
        "%",
    ),
    *("*", "?", "$1", "${1}", "oidc:", "kv/data/", "%2e%2e/", "+", "#", ":", ",", "=", "|", "\x1f7", "\ufffd"),
)
IN_URIS = (
    *(
        "%ff",
        "%c3",
        "%c3%a9",
        "%e2%82",
        "%25",
        "%252e%252e",
        "%2f",
        "%2e%2e/",
        "../",
        "//",
        "./",
        "%zz",
        "%",
        "+",
        "%00",
    ),
    *(
        "?dryRun=All",
        "&dryRun=All",
        "?dry%52un=Al%6c&x",
        "?dryRun=",
        "?",
        "#",
        "/proxy/",
        "/proxy/exec/a/b",
        "%0a",
        "%22",
    ),
)
ODD: tuple[Any, ...] = (
    *(None, "", 0, 1, -1, 7, 200, 403, 3.0, 0.5, 1e21, 10**17, 2**63, True, False, [], {}, [None], [[]], {"": ""}),
    *("true", "false", "null", "7", "200", ["x"], {"a": "b"}, ["*"], ["10.0.20.1"]),
)


def places(value: object, at: Where = ()) -> Iterator[tuple[Where, object]]:
    """Every place in a JSON value."""
    if at:
        yield at, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part_of in inner:
        yield from places(part_of, (*at, key))


def changed(
    chance: random.Random, record: dict[str, Any], others: Sequence[dict[str, Any]], wanted: Sequence[str]
) -> dict[str, Any]:
    """`record` with up to three members changed, every other time one whose top-level or own key is in `wanted`."""
    made = copy.deepcopy(record)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        found = list(places(made))
        telling = [(at, value) for at, value in found if at[0] in wanted or at[-1] in wanted]
        if telling and chance.random() < 0.7:
            found = telling
        if not found:
            break
        at, value = chance.choice(found)
        holder: Any = made
        for key in at[:-1]:
            holder = holder[key]
        if chance.random() < 0.12:
            del holder[at[-1]]
            continue
        holder[at[-1]] = _other(chance, at, value, others)
    return made


def _other(chance: random.Random, at: Where, value: object, others: Sequence[dict[str, Any]]) -> object:
    like = []
    if chance.random() < 0.4:
        pairs = places(chance.choice(others))
        like = [one for where, one in pairs if where[-1] == at[-1] and type(one) is type(value)]
    if like:
        return copy.deepcopy(chance.choice(like))
    address = isinstance(value, str) and (value.count(".") == 3 or value.count(":") > 1)
    if address and chance.random() < 0.6:
        return chance.choice(ADDRESSES)
    if isinstance(value, str) and chance.random() < 0.8:
        return odd_text(chance, value)
    if isinstance(value, list) and chance.random() < 0.8:
        return _odd_list(chance, value)
    if isinstance(value, int) and not isinstance(value, bool) and chance.random() < 0.6:
        return chance.choice((value + 1, value - 1, float(value), str(value), -value, value * 10, 401, 403, 500, 0))
    return copy.deepcopy(chance.choice((*ODD, [value], {"x": value}, [value, "x"])))


def odd_text(chance: random.Random, text: str) -> str:
    """A text much like `text`."""
    piece, at = chance.choice(IN_URIS if "/" in text else PIECES), chance.randint(0, len(text))
    return chance.choice(
        (
            "",
            text + piece,
            piece + text,
            text[:at] + piece + text[at:],
            text[:-1],
            text[1:],
            text.upper(),
            text.swapcase(),
            text + text,
            "x" * 250 + text,
            "oidc:" + text,
            "kv/data/" + text,
            text.replace("k", "K").replace("s", "\u017f"),
            text[:at] + "é" * 199,
        )
    )


def _odd_list(chance: random.Random, items: list[Any]) -> list[Any]:
    more = copy.deepcopy(chance.choice((*ODD, *items)))
    at = chance.randint(0, len(items))
    return chance.choice(
        ([], [*items[:at], more, *items[at:]], items[:1], items[::-1], items * 5, [items], [*items, None], [None])
    )


def written(chance: random.Random, value: object) -> str:
    """`value` as JSON in one of the ways in which it may be spelt."""
    style = chance.randrange(8)
    if style < 3:
        return json.dumps(value, ensure_ascii=style == 0, separators=(",", ":") if style else None)
    return _Writer(chance, escapes=style == 3, doubles=style == 4, blanks=style == 5, numbers=style == 6).value(value)


class _Writer:
    def __init__(self, chance: random.Random, *, escapes: bool, doubles: bool, blanks: bool, numbers: bool) -> None:
        self.chance, self.escapes, self.doubles, self.blanks = chance, escapes, doubles, blanks
        self.numbers = numbers

    def value(self, value: object) -> str:
        if isinstance(value, dict):
            pairs = list(value.items())
            self.chance.shuffle(pairs)
            if self.doubles and pairs:
                for key, old in self.chance.sample(pairs, min(2, len(pairs))):
                    other = self.chance.choice([*ODD, old, *(inner for _, inner in pairs)])
                    pairs.insert(self.chance.randint(0, len(pairs)), (key, other))
            parts = [f"{self._text(key)}{self._gap()}:{self._gap()}{self.value(inner)}" for key, inner in pairs]
            return "{" + self._gap() + f"{self._gap()},{self._gap()}".join(parts) + self._gap() + "}"
        if isinstance(value, list):
            return "[" + self._gap() + f"{self._gap()},".join(self.value(one) for one in value) + "]"
        if isinstance(value, str):
            return self._text(value)
        if self.numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return self.chance.choice((f"{value}", f"{float(value)}", f"{float(value):e}", f"{value}e0", f"{value}E+0"))
        return json.dumps(value)

    def _gap(self) -> str:
        return self.chance.choice(("", " ", "\t", "  ", "\r")) if self.blanks else ""

    def _text(self, text: str) -> str:
        if not self.escapes:
            return json.dumps(text, ensure_ascii=self.chance.random() < 0.3)
        pieces = [self._escaped(char) if self.chance.random() < 0.15 else json.dumps(char)[1:-1] for char in text]
        return '"' + "".join(pieces) + '"'

    def _escaped(self, char: str) -> str:
        units = char.encode("utf-16-be", "surrogatepass").hex()
        units = units.upper() if self.chance.random() < 0.3 else units
        if char == "/":
            return "\\/"
        return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


_BYTES = (
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xc3\xa9",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xc0\xaf",
    b"\xe2\x82",
    b"\x00",
)


def broken(chance: random.Random, line: bytes) -> bytes:
    """`line` damaged as bytes: cut, joined, or with bytes in it that are no UTF-8."""
    at = chance.randint(0, len(line))
    quotes = [place for place, byte in enumerate(line) if byte == 0x22]
    inside = chance.choice(quotes) + 1 if quotes else at
    return chance.choice(
        (
            line[:at],
            line[: max(0, len(line) - chance.randint(1, 4))],
            line[at:],
            line + line,
            line + b" ",
            b" \t" + line,
            line + b"\r",
            line + b",",
            line + b"}",
            line + b" x",
            b"\xef\xbb\xbf" + line,
            line[:inside] + chance.choice(_BYTES) + line[inside:],
            line[:inside] + chance.choice(_BYTES) + line[inside:],
            line[:at] + chance.choice(_BYTES) + line[at:],
            line.replace(b"null", b"NaN", 1).replace(b"true", b"Infinity", 1),
            line.replace(b'"', b"'"),
            line.replace(b":", b":\n", 1).replace(b"\n", b""),
        )
    )


def heavy(chance: random.Random, line: bytes) -> bytes:
    """`line`, a JSON object, with something big or deep as its first member or its last."""
    size = chance.choice((1_000, 9_000))
    big = chance.choice(
        (
            b'"zz":"' + b"x" * 300_000 + b'"',
            b'"requestObject":{"a":"' + b"y" * 300_000 + b'"}',
            b'"zz":' + b"[" * 150 + b"]" * 150,
            b'"zz":' + b'{"a":' * size + b"1" + b"}" * size,
            b'"zz":[' + b'{"verbs":["get"],"resources":["pods"]},' * 7_000 + b"0]",
        )
    )
    if not line.startswith(b"{") or not line.endswith(b"}"):
        return line
    return b"{" + big + b"," + line[1:] if chance.random() < 0.5 else line[:-1] + b"," + big + b"}"
