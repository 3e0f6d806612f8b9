"""Where a rendered query cannot say of a line what vedette's engine says: each kind, with the reason.

tests/oracles/test_logql_parity.py recognises them, and fails on any other.
"""

from __future__ import annotations

from collections.abc import Mapping

DIFFERENCES: Mapping[str, str] = {
    "wrapped": "A record inside something, or with something before or behind it (a wrapping, a comma, a second"
    " record on the line): vedette takes it out, Loki says nothing.",
    "type": 'A field of the server\'s own that is not of its type (`"verb": ["get"]`): vedette looks at what is'
    " there, to Loki it equals nothing. No server writes one.",
    "number": "A number compared as text that is written `3.0`, or that a float does not hold exactly: vedette compares"
    " what is written, Go has floats only.",
    "type and number": "Both of these in one record.",
    "bytes": "Bytes that are no UTF-8: vedette has one U+FFFD for each run that could have begun a character, Go one a"
    " byte. In Loki's labels each is a `?`.",
    "patch": 'A JSON patch without the patched object in the answer: Loki says "cannot tell", vedette judges what the'
    " patch proves.",
    "depth in Go": "A line nested over 10,000 deep: Go does not read it, vedette cuts out what is too deep.",
    "depth in vedette": 'A value nested over 100 deep: vedette cuts it out and says "cannot tell" where a rule asks for'
    " it, Loki judges it.",
    "escaped kind": "An event without auditID, stage or verb that writes its kind or apiVersion with escapes: none to"
    " vedette, one to Loki. No server writes one.",
}
"""Name -> the reason, and what each of the two says."""
