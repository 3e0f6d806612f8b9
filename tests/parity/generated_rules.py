"""Sigma rules made at random about one event: every operator and modifier, holding for the event or nearly so."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.parity.odd_json import PIECES, places
from tests.scans import SETTINGS
from vedette import app, sigma
from vedette.event import Event, Outcome
from vedette.formats import SCHEMAS
from vedette.rule import PLAIN, STANDARD, Detection, Reaction
from vedette.schema import Field, FieldType

Item = tuple[str, Any]
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_CIDRS = (
    "10.0.0.0/8",
    "10.0.20.0/22",
    "0.0.0.0/0",
    "::1/128",
    "2001:db8::/32",
    "::ffff:0:0/96",
    "203.0.113.0/24",
    "::/0",
)
_PATTERNS = (".", "^$", "^[a-z]+$", "[0-9]+", r"\s", "^.{3,9}$", "[^a-zA-Z]", r"\d$", "é|ÿ|\u017f", r"\bget\b", "s")
_DEEPEST = 5
_LONGEST_TEXT = 120


class RuleMaker:
    """Makes rules about one event."""

    def __init__(self, chance: random.Random, event: Event) -> None:
        self.chance = chance
        self.event = event
        self.schema = SCHEMAS[event.format]
        self.fields = [one for one in self.schema.fields.values() if one.name not in _UNSAID]
        self.present = [one for one in self.fields if self._values(one.name)]

    def _values(self, name: str) -> tuple[object, ...]:
        return self.event.values(tuple(name.split("."))).items

    def document(self, number: int) -> dict[str, Any]:
        """A Sigma rule of one to three selections."""
        selections: dict[str, Any] = {}
        for at in range(self.chance.randint(1, 3)):
            items = dict(self.item() for _ in range(self.chance.randint(1, 2)))
            selections[f"sel_{at}"] = [items, dict([self.item()])] if self.chance.random() < 0.15 else items
        names = list(selections)
        word = self.chance.choice((" and ", " and ", " or "))
        condition = word.join(f"{self.chance.choice(('', '', '', 'not '))}{name}" for name in names)
        condition = self.chance.choice((condition, condition, "1 of sel_*", "all of sel_*", f"not ({condition})"))
        if self.event.format == "sshd":
            selections["login"] = {"event|cased": "accepted"}
            condition = f"login and ({condition})"
        return {
            "title": f"Generated {number}",
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "sigma-version": 3,
            "logsource": dict(self.schema.logsource),
            "detection": {**selections, "condition": condition},
            "level": "medium",
        }

    def item(self) -> Item:
        """A test on one field, most often one that the event has."""
        field = self.chance.choice(self.present if self.chance.random() < 0.85 else self.fields)
        values = [one for one in self._values(field.name) if one is not None]
        if field.type is FieldType.OBJECT:
            return self._beneath(field.name, values)
        return self._typed(field.name, field.type, values)

    def _typed(self, name: str, kind: FieldType, values: list[Any]) -> Item:
        value = self.chance.choice(values) if values else "x"
        if self.chance.random() < 0.08:
            return f"{name}|exists", self.chance.random() < 0.7
        if kind in (FieldType.ADDRESS, FieldType.ADDRESSES) and self.chance.random() < 0.6:
            return self._address(name)
        if kind is FieldType.NUMBER:
            return self._number(name, value if isinstance(value, int | float) else 200)
        if kind is FieldType.BOOL:
            return name, self.chance.random() < 0.5
        if kind in (FieldType.TEXTS, FieldType.ADDRESSES) and self.chance.random() < 0.25:
            return self._block(name, values)
        if kind is FieldType.TEXTS and self.chance.random() < 0.2:
            return f"{name}|subsetof{self._cased()}", self._field_of(FieldType.TEXTS, FieldType.TEXT)
        if kind is FieldType.TEXT and self.chance.random() < 0.1:
            place = self.chance.choice(("", "|contains", "|startswith", "|endswith"))
            return f"{name}|fieldref{place}{self._cased(0.9)}", self._field_of(FieldType.TEXT, FieldType.TEXTS)
        return self._text(name, str(value), [str(one) for one in values])

    def _cased(self, share: float = 0.6) -> str:
        return "|cased" if self.chance.random() < share else ""

    def _field_of(self, *kinds: FieldType) -> str:
        return self.chance.choice([one.name for one in self.fields if one.type in kinds])

    def _address(self, name: str) -> Item:
        neq = self.chance.choice(("", "", "|neq"))
        if self.chance.random() < 0.5:
            return f"{name}|innet{neq}", self.chance.choice(("trusted", "cluster"))
        return f"{name}|cidr{neq}", self.chance.sample(_CIDRS, self.chance.randint(1, 3))

    def _number(self, name: str, value: float) -> Item:
        if isinstance(value, bool):
            return name, value
        op = self.chance.choice(("", "", "|gt", "|gte", "|lt", "|lte"))
        near = self.chance.choice((value, value + 1, value - 1, value + 0.5, 200, 400))
        return f"{name}{op}", near if abs(near) < 1e15 else 200

    def _text(self, name: str, value: str, values: list[str]) -> Item:
        value = value[:_LONGEST_TEXT]
        match self.chance.randrange(9):
            case 0:
                return f"{name}|re{self.chance.choice(('', '', '|i', '|s'))}", self._pattern(value)
            case 1:
                return f"{name}{self._neq()}{self._cased()}", None if self.chance.random() < 0.1 else self._some(values)
            case 2 | 3:
                place = self.chance.choice(("startswith", "endswith", "contains"))
                at = self.chance.randint(0, len(value))
                part = {"startswith": value[: at or 1], "endswith": value[at - 1 :], "contains": value[at // 2 : at]}[
                    place
                ]
                many = [literal(part or "x"), *([literal(self._odd(value))] if self.chance.random() < 0.3 else [])]
                every = "|all" if len(set(many)) > 1 and self.chance.random() < 0.3 else ""
                return f"{name}|{place}{every}{self._cased()}", many if len(many) > 1 else many[0]
            case 4:
                return f"{name}{self._cased()}", self._wild(value)
            case _:
                return f"{name}{self._cased()}", self._some(values or [value])

    def _neq(self) -> str:
        return self.chance.choice(("", "", "|neq"))

    def _some(self, values: list[str]) -> Any:
        known = [literal(one[:_LONGEST_TEXT]) for one in values] or ["x"]
        first = self.chance.choice(known)
        if self.chance.random() < 0.5:
            return first
        return list(dict.fromkeys([first, literal(self._odd(first)), self.chance.choice(known)]))

    def _odd(self, value: str) -> str:
        piece = self.chance.choice([one for one in PIECES if not "\ud800" <= one <= "\udfff"])
        return self.chance.choice((value.upper(), value.lower(), value + piece, piece + value, value[:-1], "true", "7"))

    def _wild(self, value: str) -> str:
        at = self.chance.randint(0, len(value))
        end = self.chance.randint(at, len(value))
        mark = self.chance.choice(("*", "*", "?"))
        return literal(value[:at]) + mark + literal(value[end:])

    def _pattern(self, value: str) -> str:
        at = self.chance.randint(0, len(value))
        part = re.sub(r"[^A-Za-z0-9 ]", lambda one: f"[{one[0]}]" if one[0] in ".:/*-" else ".", value[at : at + 12])
        return self.chance.choice((f"^{part}" if not at else part or "x", f"{part}$" if part else "a", *_PATTERNS))

    # Beneath objects.

    def _beneath(self, name: str, values: list[Any]) -> Item:
        root = values[0] if len(values) == 1 else values
        found = [(at, value) for at, value in places(root) if len(at) <= _DEEPEST]
        if not found or self.chance.random() < 0.1:
            return f"{name}.{self.chance.choice(('kind', 'data', 'x'))}|exists", self.chance.random() < 0.5
        at, value = self.chance.choice(found)
        listed = [(where, one) for where, one in found if isinstance(one, list) and one]
        if listed and self.chance.random() < 0.4:
            where, items = self.chance.choice(listed)
            return self._block(name + self._path(where), items)
        path = name + self._path(at)
        if isinstance(value, dict | list) or value is None or self.chance.random() < 0.08:
            return f"{path}|exists", self.chance.random() < 0.7
        if isinstance(value, bool):
            return path, self.chance.choice((True, False, "true"))
        if isinstance(value, int | float):
            return self._number(path, value) if self.chance.random() < 0.6 else (path, str(value))
        return self._text(path, str(value), [str(value)])

    def _path(self, steps: tuple[str | int, ...]) -> str:
        said = ""
        for step in steps:
            if isinstance(step, int):
                said += self.chance.choice(("", "", f"[{step}]", "[0]", "[-1]"))
            else:
                said += f".{step}" if _PLAIN_KEY.fullmatch(step) else f'["{step}"]'
        return said

    def _block(self, path: str, items: list[Any]) -> Item:
        quantifier = self.chance.choice(("any", "any", "all", "all_or_empty", "none"))
        element = self.chance.choice(items) if items else "x"
        if isinstance(element, dict) and element:
            body: dict[str, Any] = {}
            for key in self.chance.sample(sorted(element), min(len(element), self.chance.randint(1, 2))):
                value = element[key][0] if isinstance(element[key], list) and element[key] else element[key]
                name = key if _PLAIN_KEY.fullmatch(key) else f'["{key}"]'
                if name.startswith("["):
                    continue
                if isinstance(value, dict | list) or value is None:
                    body[f"{name}|exists"] = self.chance.random() < 0.7
                else:
                    where, what = self._text(name, str(value), [str(value)])
                    body[where] = what
            body = body or {"name|exists": True}
            if self.chance.random() < 0.2:
                body = {"condition": "not one", "one": body}
            return f"{path}[{quantifier}]", body
        where, what = self._text(".", str(element), [str(one) for one in items if isinstance(one, str)])
        return f"{path}[{quantifier}]", {where: what}


_UNSAID = frozenset({"rulesDigest", "requestText", "auditFlags", "pid", "port", "key", "message"})
"""Fields that are refused for every rule, by a test of their own."""


def literal(text: str) -> str:
    """`text` as a Sigma value that means itself."""
    return re.sub(r"([\\*?])", r"\\\1", text)


def loaded(folder: Path, documents: list[dict[str, Any]]) -> Iterator[Detection]:
    """The detections of `documents`, under the settings of the cases; what the reader of rules refuses is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, document in enumerate(documents):
        file = folder / f"g{number}.yml"
        file.write_text(yaml.safe_dump(document, allow_unicode=False, sort_keys=False), "utf-8")
        files.append(file)
    settings = app.load_settings(str(SETTINGS))
    site = sigma.Site(settings.site_texts(), settings.site_networks())
    for rule in sigma.load(files, SCHEMAS, site, [], unproven=True).rules:
        yield from rule.detections


def with_outcomes(chance: random.Random, detection: Detection) -> Detection:
    """`detection` with a reading of outcomes that a rule may give it."""
    odd: Mapping[Outcome, Reaction] = {outcome: chance.choice(list(Reaction)) for outcome in Outcome}
    return dataclasses.replace(detection, outcomes=chance.choice((PLAIN, STANDARD, STANDARD, odd)))


def field_of(name: str, where: str) -> Field | None:
    """The field of format `name` that a rule calls `where`."""
    return SCHEMAS[name].find(where)
