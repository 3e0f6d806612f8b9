"""Modifiers: which there are, which go together, and why the others are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.rule import Op
from vedette.sigma.fields import Key
from vedette.sigma.refusal import Source, nearest
from vedette.yaml_text import YamlPath

_ENCODED = "audit logs hold no encoded command lines; write the text as the log has it"
_MOMENT = "the hour of an event says little of who did it; vedette compares no dates"
REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("base64", "base64offset", "wide", "utf16", "utf16le", "utf16be"), ("is not read", _ENCODED)),
    "windash": ("is for Windows command lines", "remove it"),
    **dict.fromkeys(("minute", "hour", "day", "week", "month", "year"), ("is not read", _MOMENT)),
    "ignorecase": ("is written i", "write |re|i"),
    "multiline": ("is written m", "write |re|m"),
    "dotall": ("is written s", "write |re|s"),
}
"""Of Sigma's, those that this reader refuses: why, and the mend."""

_PLACES = frozenset({"contains", "startswith", "endswith"})
_COMPARISONS: Mapping[str, Op] = {"gt": Op.GT, "gte": Op.GTE, "lt": Op.LT, "lte": Op.LTE}
_TOGETHER: Mapping[str, frozenset[str]] = {
    "": _PLACES | {"cased", "all", "expand", "neq"},
    "re": frozenset({"i", "m", "s", "all", "neq"}),
    "cidr": frozenset({"neq"}),
    "innet": frozenset({"neq"}),
    "exists": frozenset(),
    "fieldref": _PLACES | {"cased", "neq"},
    "subsetof": frozenset({"cased", "neq"}),
    **dict.fromkeys(_COMPARISONS, frozenset[str]()),
}
"""What decides how a value is compared ("": as a text), and the modifiers that may stand beside it."""
KNOWN = frozenset(name for kind in _TOGETHER for name in (kind, *_TOGETHER[kind]) if name)
_MENDS: Mapping[tuple[str, str], str] = {
    ("re", "cased"): "a pattern is case-sensitive already; |re|i is not",
    ("re", "contains"): "a pattern is searched for anywhere already",
    ("re", "startswith"): "begin the pattern with ^",
    ("re", "endswith"): "end the pattern with $",
    ("re", "expand"): "use startswith, endswith or contains with |expand instead of a pattern",
    ("cidr", "expand"): "a named list of networks is written |innet: its_name",
    ("cidr", "all"): "write two items, or a list of networks without all",
    ("innet", "all"): "write two items, or a list of names without all",
    ("innet", "expand"): "|innet takes the list's name itself, without percent signs",
    ("exists", "neq"): "write exists: false",
    ("gt", "neq"): "write lte",
    ("gte", "neq"): "write lt",
    ("lt", "neq"): "write gte",
    ("lte", "neq"): "write gt",
}


@dataclass(frozen=True, slots=True)
class Modifiers:
    """A key's modifiers, known to go together."""

    kind: str
    """What decides how a value is compared: re, cidr, innet, exists, fieldref, subsetof, gt, …; nothing for a text."""
    names: frozenset[str]
    place: str = ""
    """contains, startswith, endswith, or nothing."""
    offsets: Mapping[str, int] = field(default_factory=dict)
    """Where each stands in the key."""

    @property
    def flags(self) -> str:
        """The flags of a pattern."""
        return "".join(flag for flag in "ims" if flag in self.names)

    @property
    def comparison(self) -> Op | None:
        """GT, GTE, LT or LTE."""
        return _COMPARISONS.get(self.kind)


NONE = Modifiers("", frozenset())
"""No modifiers: a text, compared whole."""


def read(source: Source, path: YamlPath, key: Key) -> Modifiers:
    """The modifiers of `key`; refuses unknown ones, those not supported, and those that do not go together."""
    if not key.modifiers:
        return NONE
    offsets: dict[str, int] = {}
    for name, offset in key.modifiers:
        if name in REFUSED:
            why, mend = REFUSED[name]
            source.refuse(path, f"the modifier {name} {why}", mend, offset=offset)
        if name not in KNOWN:
            message = f"there is no modifier {name!r}" if name else "a modifier is missing after |"
            source.refuse(path, message, nearest(name, KNOWN, "known are " + ", ".join(sorted(KNOWN))), offset=offset)
        if name in offsets:
            source.refuse(path, f"the modifier {name} stands twice", "remove one", offset=offset)
        offsets[name] = offset
    kinds = [name for name in offsets if name in _TOGETHER]
    kind = kinds[0] if kinds else ""
    for name in offsets:
        if name != kind and name not in _TOGETHER[kind]:
            _clash(source, path, kind, name, offsets)
    places = [name for name in offsets if name in _PLACES]
    if len(places) > 1:
        message = f"{places[0]} and {places[1]} do not go together"
        source.refuse(path, message, "write wildcards: 'begin*end'", offset=offsets[places[1]])
    return Modifiers(kind, frozenset(offsets), places[0] if places else "", offsets)


def _clash(source: Source, path: YamlPath, kind: str, name: str, offsets: Mapping[str, int]) -> None:
    if not kind:
        source.refuse(path, f"the modifier {name} needs re before it", f"write |re|{name}", offset=offsets[name])
    mend = _MENDS.get((kind, name)) or _MENDS.get((name, kind)) or f"remove {name} or {kind}"
    source.refuse(path, f"{kind} and {name} do not go together", mend, offset=offsets[name])
