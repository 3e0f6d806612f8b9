"""What a key of vedette.yaml is: its type, its sentence, and the few types besides text and truth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, NewType, get_args, get_type_hints

Texts = tuple[str, ...]
"""A list of texts; a single text may be written without its brackets."""
Scope = str | tuple[str, ...]
"""`any`, `cluster`, `named`, or a list of namespaces."""
Selection = Mapping[str, object]
"""A Sigma selection: field names, perhaps with modifiers, and the values they are compared with."""
Span = NewType("Span", str)
"""A length of time: `90s`, `15m`, `2h`, `90d`; nothing: not said."""
Size = NewType("Size", str)
"""A number of bytes: `64MB`, `2GB`; nothing: not said."""

SPAN = re.compile(r"([0-9]{1,6})(s|m|h|d)\Z")
SIZE = re.compile(r"([0-9]{1,6})(KB|MB|GB)\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}


class Says(NamedTuple):
    """What the reader, the schema and the printer know of a key besides its type."""

    doc: str
    required: bool = False
    choices: tuple[str, ...] = ()
    """Texts that have a meaning of their own; for a text, all that it may be."""
    shorthand: str = ""
    """The key of the map that a plain text in its place means: `owner: me` is `owner: {name: me}`."""


class Key(NamedTuple):
    """One key of a map."""

    name: str
    type: Any
    says: Says


@cache
def keys(cls: type) -> Mapping[str, Key]:
    """The keys of one of the classes of `written` or `watching`, by name, in order."""
    found = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        says = next((extra for extra in get_args(hint) if isinstance(extra, Says)), None)
        if says is not None:
            found[name] = Key(name, get_args(hint)[0], says)
    return found


def seconds(span: Span) -> int:
    """A checked span in seconds; 0 where nothing was said."""
    said = SPAN.match(span)
    return int(said[1]) * _SECONDS[said[2]] if said else 0


def octets(size: Size) -> int:
    """A checked size in bytes; 0 where nothing was said."""
    said = SIZE.match(size)
    return int(said[1]) * _BYTES[said[2]] if said else 0
