"""Detection items: `objectRef.resource|cased: [pods, secrets]` into a `Test`.

Values keep their YAML type. What could never hold (a number compared with a text field) or always holds (`*`) is
refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NoReturn

from vedette.network import Networks, NotANetwork
from vedette.rule import FieldPath, Node, Not, Op, Regex, Test, Text, Value
from vedette.schema import FieldType
from vedette.sigma import fields, texts
from vedette.sigma.fields import Scope, Target
from vedette.sigma.modifiers import Modifiers
from vedette.sigma.refusal import Source, kind, nearest
from vedette.sigma.site import Site
from vedette.sigma.texts import Part
from vedette.yaml_text import YamlPath

KEYWORD_PATH = FieldPath("", ())
MAX_PATTERN = 4_096
_FIELDREF = {
    "": Op.FIELDREF,
    "contains": Op.FIELDREF_CONTAINS,
    "startswith": Op.FIELDREF_STARTSWITH,
    "endswith": Op.FIELDREF_ENDSWITH,
}
_ADDRESSES = (None, FieldType.ADDRESS)
_UNLIKELY = "\ue000\ue001"
"""Two characters that no pattern is written for: one that matches here matches everywhere."""


class Items:
    """Reads the items of one document."""

    def __init__(self, source: Source, site: Site) -> None:
        self.source = source
        self.site = site

    def test(self, path: YamlPath, modifiers: Modifiers, target: Target, value: object, scope: Scope) -> Node:
        """The node for one field and its value, or its list of values."""
        item = _Item(self.source, self.site, path, modifiers, target, scope)
        op, values = item.read(value)
        names = modifiers.names
        line = self.source.line(path)
        test = Test(target.path, op, tuple(values), every="all" in names, cased="cased" in names, line=line)
        return Not(test) if "neq" in names else test

    def keywords(self, path: YamlPath, modifiers: Modifiers, value: object) -> Node:
        """The node for texts that may stand anywhere in the record."""
        for name, offset in modifiers.offsets.items():
            if name not in ("all", "cased"):
                message = f"keywords take all and cased, not {name}"
                self.source.refuse(path, message, "name a field before |", offset=offset)
        item = _Item(self.source, self.site, path, modifiers, Target(KEYWORD_PATH, FieldType.TEXT), None)
        found: list[Value] = []
        for at, one in item.listed(value):
            word = str(one) if isinstance(one, int) and not isinstance(one, bool) else one
            found += item.texts(at, self.source.text(at, word))
        names = modifiers.names
        line = self.source.line(path)
        return Test(KEYWORD_PATH, Op.KEYWORD, tuple(found), every="all" in names, cased="cased" in names, line=line)


class _Item:
    """One field's values; `scope` is None for keywords."""

    def __init__(
        self, source: Source, site: Site, path: YamlPath, modifiers: Modifiers, target: Target, scope: Scope | None
    ) -> None:
        self.source = source
        self.site = site
        self.path = path
        self.modifiers = modifiers
        self.target = target
        self.type = fields.member_type(target.type)
        self.scope = scope

    def read(self, value: object) -> tuple[Op, Sequence[Value]]:
        """How the field is compared, and with what."""
        modifiers = self.modifiers
        if modifiers.kind == "exists":
            if not isinstance(value, bool):
                message = f"exists takes true or false, not {kind(value)}"
                self.source.refuse(self.path, message, "write true or false, without quotes", value=True)
            return Op.EXISTS, [value]
        listed = self.listed(value)
        if modifiers.kind == "re":
            return Op.REGEX, [self._regex(at, one) for at, one in listed]
        if modifiers.kind == "cidr":
            return Op.INNET, [self._cidrs(listed)]
        if modifiers.kind == "innet":
            return Op.INNET, self._networks(listed)
        if modifiers.kind == "fieldref":
            return _FIELDREF[modifiers.place], [self._other_field(at, one) for at, one in listed]
        if modifiers.kind == "subsetof":
            if len(listed) > 1:
                message = "subsetof takes one field"
                self.source.refuse(self.path, message, "write an item for each", offset=self._offset())
            return Op.SUBSETOF, [self._other_field(at, one) for at, one in listed]
        if modifiers.comparison:
            return modifiers.comparison, [self._bound(at, one) for at, one in listed]
        found = [each for at, one in listed for each in self._plain(at, one)]
        self._check_together(found)
        if "expand" in modifiers.names and not any(_placeholders(one) for _, one in listed):
            offset = modifiers.offsets["expand"]
            self.source.refuse(self.path, "expand without a placeholder", "write %name%, or remove it", offset=offset)
        return Op.EQUALS, found

    def listed(self, value: object) -> list[tuple[YamlPath, object]]:
        """The values with their paths; a value that is no list is a list of one."""
        if isinstance(value, dict):
            name = self.target.path.text or "a field"
            message = "a map is possible beneath a quantifier only"
            self.source.refuse(self.path, message, f"write {name}[any]:, or {name}.key: value", value=True)
        if not isinstance(value, list):
            if "all" in self.modifiers.names and not _placeholders(value):
                self._refuse_all()
            return [(self.path, value)]
        if not value:
            self.source.refuse(self.path, "the list is empty, so nothing can match", "list the values", value=True)
        if len(value) == 1 and "all" in self.modifiers.names and not _placeholders(value[0]):
            self._refuse_all()
        for at, one in enumerate(value):
            if isinstance(one, dict | list):
                self.source.refuse((*self.path, at), f"a list of values holds {kind(one)}", "write it out", value=True)
            if one is None and len(value) > 1:
                name = self.target.path.text
                mend = f"Sigma has null alone: write a list of two maps, - {name}: null and - {name}: ..."
                self.source.refuse((*self.path, at), "null stands in a list with other values", mend, value=True)
        return [((*self.path, at), one) for at, one in enumerate(value)]

    def _refuse_all(self) -> NoReturn:
        offset = self.modifiers.offsets["all"]
        self.source.refuse(self.path, "all needs a list of two values or more", "remove all", offset=offset)

    def texts(self, at: YamlPath, value: str) -> list[Text]:
        """The `Text`s that a written text means: several where placeholders stand for several."""
        expanding = "expand" in self.modifiers.names
        parts = texts.parse(value, placeholders=expanding)
        combined = [parts]
        if expanding:
            self._check_placeholders(at, parts)
            found = texts.expand(parts, self.site.texts)
            if found is None:
                message = f"the placeholders come to more than {texts.MAX_EXPANDED} values"
                self.source.refuse(at, message, "use one placeholder a value", value=True)
            combined = found
        else:
            self._check_forgotten(at, value)
        place = self.modifiers.place
        before, after = place in ("contains", "endswith"), place in ("contains", "startswith")
        made = [texts.text(each, before=before, after=after) for each in combined]
        for each in made:
            if texts.any_text(each):
                self._refuse_any(at, expanding)
        return made

    def _refuse_any(self, at: YamlPath, expanding: bool) -> NoReturn:
        if expanding:
            self.source.refuse(
                at, "a list of the settings holds a text that matches everything", "name what is meant", value=True
            )
        name = self.target.path.text
        mend = f"write {name}|exists: true; a star itself is '\\*'" if name else "a star itself is '\\*'"
        self.source.refuse(at, "this matches every text", mend, value=True)

    def _check_placeholders(self, at: YamlPath, parts: Sequence[Part]) -> None:
        for part in parts:
            if not isinstance(part, texts.Placeholder) or part.name in self.site.texts:
                continue
            if part.name in self.site.networks:
                message = f"{part.name} is a list of networks"
                mend = f"write {self.target.path.text}|innet: {part.name}"
            else:
                message = f"the placeholder %{part.name}% is not known"
                mend = nearest(part.name, self.site.texts, "known are " + ", ".join(sorted(self.site.texts)))
            self.source.refuse(at, message, mend, value=True, offset=part.offset)

    def _check_forgotten(self, at: YamlPath, value: str) -> None:
        """A placeholder without `expand` is a plain text by the specification, and never what was meant."""
        for name in texts.plain_placeholders(value) if "%" in value else ():
            if name in self.site.texts:
                mend = f"write {self.target.path.text}|expand"
                self.source.refuse(at, f"%{name}% is not replaced without expand", mend, value=True)

    def _plain(self, at: YamlPath, value: object) -> Sequence[Value]:
        if isinstance(value, str):
            if self.type in (FieldType.NUMBER, FieldType.BOOL):
                self._refuse_type(at, value)
            return self.texts(at, value)
        odd = self.modifiers.names - {"neq", "all"}
        if odd:
            name = min(odd, key=lambda each: self.modifiers.offsets[each])
            mend = "put it in quotes" if isinstance(value, int | float) else f"remove {name}"
            self.source.refuse(at, f"{name} needs a text, not {kind(value)}", mend, value=True)
        if value is None:
            return [None]
        if isinstance(value, bool):
            if self.type not in (None, FieldType.BOOL):
                self._refuse_type(at, value)
            return [value]
        if self.type not in (None, FieldType.NUMBER):
            self._refuse_type(at, value)
        return [self._number(at, value)]

    def _refuse_type(self, at: YamlPath, value: object) -> NoReturn:
        says = {FieldType.NUMBER: "a number", FieldType.BOOL: "true or false"}.get(
            self.type or FieldType.TEXT, "a text"
        )
        mend = f"write {says}"
        if isinstance(value, str) and self.type is FieldType.NUMBER and value.isdecimal():
            mend = f"write {value} without quotes"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            mend = "put it in quotes"
        message = f"{self.target.path.text} is {says}; {kind(value)} never equals it"
        self.source.refuse(at, message, mend, value=True)

    def _number(self, at: YamlPath, value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            mend = "remove the quotes" if isinstance(value, str) else ""
            self.source.refuse(at, f"{self.modifiers.kind} takes a number, not {kind(value)}", mend, value=True)
        if not math.isfinite(value):
            self.source.refuse(at, f"{value} is no number to compare with", value=True)
        return value

    def _bound(self, at: YamlPath, value: object) -> int | float:
        if self.type not in (None, FieldType.NUMBER):
            message = f"{self.target.path.text} is no number, so {self.modifiers.kind} never holds"
            self.source.refuse(self.path, message, "compare a number", offset=self._offset())
        return self._number(at, value)

    def _check_together(self, found: Sequence[Value]) -> None:
        """Refuse `all` where one value would have to equal several."""
        if "all" not in self.modifiers.names or self.target.type in (None, FieldType.TEXTS, FieldType.ADDRESSES):
            return
        cased = "cased" in self.modifiers.names
        plain = {each.plain if isinstance(each, Text) else each for each in found} - {None}
        if len({each.lower() if isinstance(each, str) and not cased else each for each in plain}) > 1:
            message = f"{self.target.path.text} is one value and cannot equal all of them"
            offset = self.modifiers.offsets["all"]
            self.source.refuse(self.path, message, "remove all, or add contains", offset=offset)

    def _offset(self) -> int:
        return self.modifiers.offsets.get(self.modifiers.kind, 0)

    def _regex(self, at: YamlPath, value: object) -> Regex:
        if self.type in (FieldType.NUMBER, FieldType.BOOL):
            self.source.refuse(
                self.path, f"{self.target.path.text} is no text", "compare a number", offset=self._offset()
            )
        pattern = self.source.text(at, value)
        flags = self.modifiers.flags
        wrong = _pattern_fault(pattern, flags)
        if wrong:
            self.source.refuse(at, wrong[0], wrong[1], value=True)
        return Regex(pattern, flags)

    def _cidrs(self, listed: Sequence[tuple[YamlPath, object]]) -> Networks:
        self._check_address()
        cidrs: list[str] = []
        for at, one in listed:
            cidr = self.source.text(at, one)
            try:
                Networks.of([cidr])
            except NotANetwork as error:
                mend = f"a named list is written |innet: {cidr}" if cidr in self.site.networks else ""
                self.source.refuse(at, str(error), mend or "write it as 10.0.20.0/22", value=True)
            cidrs.append(cidr)
        return Networks.of(cidrs)

    def _networks(self, listed: Sequence[tuple[YamlPath, object]]) -> list[Value]:
        self._check_address()
        found: list[Value] = []
        for at, one in listed:
            name = self.source.text(at, one)
            networks = self.site.networks.get(name)
            if networks is None:
                mend = nearest(name, self.site.networks, "known are " + ", ".join(sorted(self.site.networks)))
                if "/" in name:
                    mend = f"networks themselves are written |cidr: {name}"
                self.source.refuse(at, f"there is no list of networks called {name!r}", mend, value=True)
            if not self.site.empty(name):
                found.append(networks)
        return found

    def _check_address(self) -> None:
        if self.type not in _ADDRESSES:
            known = (
                [each.name for each in self.scope.schema.fields.values() if _holds_addresses(each.type)]
                if self.scope
                else []
            )
            mend = "address fields are " + ", ".join(known) if known else "name a field that holds addresses"
            self.source.refuse(self.path, f"{self.target.path.text} is no address field", mend, offset=self._offset())

    def _other_field(self, at: YamlPath, value: object) -> FieldPath:
        if self.scope is None or self.scope.element is not None:
            message = f"{self.modifiers.kind} is not possible inside a block"
            self.source.refuse(self.path, message, "compare with the field outside", offset=self._offset())
        name = self.source.text(at, value)
        other = fields.field_path(self.source, at, name, self.scope)
        if other.path.steps == self.target.path.steps:
            self.source.refuse(at, "the field is compared with itself", "name another field", value=True)
        for each in (self.type, fields.member_type(other.type)):
            if each in (FieldType.NUMBER, FieldType.BOOL):
                self.source.refuse(
                    at, f"{self.modifiers.kind} compares texts", "name fields that hold texts", value=True
                )
        return other.path


def _holds_addresses(each: FieldType) -> bool:
    return fields.member_type(each) is FieldType.ADDRESS


def _placeholders(value: object) -> bool:
    return isinstance(value, str) and any(
        isinstance(part, texts.Placeholder) for part in texts.parse(value, placeholders=True)
    )


@lru_cache(maxsize=4_096)
def _pattern_fault(pattern: str, flags: str) -> tuple[str, str] | None:
    """What is wrong with an RE2 pattern, and the mend; the same few patterns come back at every load."""
    # Imported here: rule files without a pattern need no RE2.
    import re2

    if len(pattern) > MAX_PATTERN:
        return f"the pattern is longer than {MAX_PATTERN} characters", "write wildcards or a list"
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        mend = "check the pattern; in single quotes a backslash stands once"
        if "(?" in said or "escape sequence" in said:
            mend = "RE2 has no lookaround and no backreferences: use two items, or a selection under not"
        return f"not an RE2 pattern: {said}", mend
    if compiled.search("") and compiled.search(_UNLIKELY):
        return "the pattern matches every text", "write |exists: true, or a pattern that asks for something"
    return None
