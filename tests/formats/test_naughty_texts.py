"""Texts that break programs come out of a record as they went in, and out of a line as far as it can hold them."""

from __future__ import annotations

import json

import pytest

from tests.formats.reading import kube, line, log, read, vault

TEXTS = [
    "undefined",
    "null",
    "NaN",
    "True",
    "1/0",
    "0x0",
    "1e999",
    "9" * 400,
    "<script>alert(1)</script>",
    "'; DROP TABLE users; --",
    "$(touch /x) `touch /x`",
    "%s%n%x {0} ${HOME} {{7*7}}",
    "../../../etc/passwd",
    "\\u0000 \\ud800 \\",
    '"quoted" \\"escaped\\"',
    '{"auditID":"x","stage":"y","verb":"z"}',
    '"},{"auditID":"x"',
    "line\nbreak\r\nand\ttab",
    "\x00\x01\x1b[31m\x7f",
    "\x85\u2028\u2029",
    "\ufeff\ufffe\uffff",
    "\u202e reversed \u2066 isolated",
    "zero\u200bwidth\u00adsoft",
    "Ω≈ç√∫µ≤≥÷ åß∂ƒ©˙∆˚¬…æ",
    "田中さんにあげて下さい 사회과학원 ﷽",
    "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
    "👩‍👩‍👧‍👦 🇺🇸 \U0010ffff",
    "ﬁ İ ß ǅ",
    "a" * 10_000,
    " leading and trailing ",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_comes_out_as_it_went_in(text: str) -> None:
    """As a user, a path or a key, escaped or not, wrapped or not."""
    record = kube(user={"username": text}, requestObject={text: text})
    entry = vault(request={"id": "v1", "operation": "read", "path": text, "data": {text: text}})
    plain = [json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in (record, entry)]
    for data in (log(record, entry), log(*plain), log({"message": line(record).decode()}, {"log": plain[1].decode()})):
        reading = read(data)
        assert reading.events == {"kube_audit": 1, "vault_audit": 1}
        user, path = reading.event(0), reading.event(1)
        assert user.text("actor") == text
        assert user.values(("requestObject", text)).items == (text,)
        assert (path.text("path"), path.values(("keys",)).items) == (text, (text,))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_name_on_a_line_moves_no_address(text: str) -> None:
    """Whatever a client of sshd calls itself, each piece that a line end makes of it is counted, and no address is new."""
    data = f"Nov 23 06:38:49 bastion sshd[5]: Invalid user {text} from 198.51.100.7 port 4022\n".encode()
    reading = read(data)
    addresses = {reading.event(index).text("address") for index in range(len(reading.found))}
    assert addresses <= {"198.51.100.7", ""}
    assert reading.tally.records == data.count(b"\n")
    if "\n" not in text:
        assert addresses == {"198.51.100.7"}
