"""Edit: one value put into a list of a YAML text; every other byte stays, comments and layout among them.

The parser's events say where things stand; a value goes in as text at one place, in the style that is there. What came
of it is read again: where it is anything but the old value with this one more, it is refused and the reason said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from vedette.escape import yaml as scalar
from vedette.yaml_text import YamlError, read_documents

Item = Mapping[str, Any] | str
"""A text, or a map of texts, lists of texts and maps."""
Edit = tuple[int, int, str]
"""From, to (offsets in the text), what stands there then."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE = re.compile(r"\r\n|\r|\n")
_REST = re.compile(r"[ \t]*(#[^\r\n]*)?\Z")
_COMMENT = re.compile(r"(?:^|[ \t])#[^\r\n]*")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.|]*\Z")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


class CannotPut(ValueError):
    """The text is laid out in a way that no value can be put in safely; `line` is where it was tried, from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def put(text: str, path: Sequence[str], item: Item) -> str:
    """`text` with `item` at the end of the list at `path`, which is made where it is missing. Raises CannotPut."""
    if text.startswith("\ufeff"):
        return "\ufeff" + put(text[1:], path, item)
    if "\r" in text.replace("\r\n", ""):
        raise CannotPut("its lines end in bare carriage returns", 1)
    layout = _Layout(text)
    wanted = _with(layout.value, path, item)
    for edits in layout.ways(tuple(path), item):
        new = _applied(text, edits)
        if _value(new) == [wanted]:
            return new
    line = layout.line(path)
    raise CannotPut(f"the layout around line {line} is not one that an entry can be put into by itself", line)


def _with(value: object, path: Sequence[str], item: Item) -> object:
    """The value that must come of it. Raises CannotPut where something else stands in the list's place."""
    # What an alias names twice is one object when it was read; here the other one must stay as it is.
    whole = _plain(value) if value is not None else {}
    here: Any = whole
    for at, key in enumerate(path):
        if not isinstance(here, dict):
            raise CannotPut(f"{'.'.join(path[:at]) or 'the text'} is no map", 1)
        last = at == len(path) - 1
        if here.get(key) is None:
            here[key] = [] if last else {}
        elif last and isinstance(here[key], str):
            here[key] = [here[key]]
        here = here[key]
    if not isinstance(here, list):
        raise CannotPut(f"{'.'.join(path)} is no list", 1)
    here.append(item if isinstance(item, str) else _plain(item))
    return whole


def _plain(item: Any) -> Any:
    if isinstance(item, Mapping):
        return {key: _plain(value) for key, value in item.items()}
    return [_plain(one) for one in item] if isinstance(item, list | tuple) else item


def _value(text: str) -> list[object]:
    try:
        return [one.value for one in read_documents(text, "")] or [None]
    except YamlError:
        return []


def _applied(text: str, edits: Sequence[Edit]) -> str:
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


@dataclass(slots=True)
class _Spot:
    """Where a value stands."""

    kind: str
    """map, list, text or alias."""
    flow: bool
    start: int
    column: int
    """Of a block list its dashes, of a block map its keys."""
    end: int = 0
    """Behind it; exact for texts and for what stands in brackets."""
    last: int = 0
    """Behind the last text or bracket within it."""
    filled: bool = False
    first: int = -1
    """Column of the first thing within it."""
    dressed: bool = False
    """It has an anchor or a tag."""


class _Layout:
    """Where the values of a text stand. Raises CannotPut where it is no YAML of one document."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = _value(text)
        if len(found) != 1:
            raise CannotPut("it does not read as one YAML document", 1)
        self.value = found[0]
        self.end = "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
        self._starts = [0, *(one.end() for one in _LINE.finditer(text))]
        self.spots: dict[tuple[str | int, ...], _Spot] = {}
        self._walk()

    def line(self, path: Sequence[str]) -> int:
        """The line of the nearest thing to `path` that is there."""
        known = next((path[:n] for n in range(len(path), 0, -1) if tuple(path[:n]) in self.spots), ())
        spot = self.spots.get(tuple(known))
        return self.text.count("\n", 0, spot.start) + 1 if spot else 1

    def ways(self, path: tuple[str, ...], item: Item) -> Iterator[list[Edit]]:
        """Edits that may do it, the best looking first."""
        depth = next(n for n in range(len(path), -1, -1) if path[:n] in self.spots or n == 0)
        spot = self.spots.get(path[:depth])
        missing = path[depth:]
        if spot is None or (spot.kind == "text" and depth == 0):
            yield from self._at_the_end(missing, item)
        elif spot.kind == "list" and not missing:
            yield self._into_flow(spot, _flow(item)) if spot.flow else self._below(spot, _dash(item, spot.column))
        elif spot.kind == "text":
            yield from self._instead(path[:depth], spot, missing, item)
        elif spot.kind == "map" and missing:
            if spot.flow:
                yield self._into_flow(spot, _flow_keys(missing, item))
            elif depth == 0:
                yield from self._at_the_end(missing, item)
                yield self._below(spot, _block_keys(missing, item, spot.column))
            else:
                yield self._below(spot, _block_keys(missing, item, spot.column))

    def _at_the_end(self, missing: Sequence[str], item: Item) -> Iterator[list[Edit]]:
        lines = _block_keys(missing, item, 0)
        size = len(self.text)
        unended = self.end if self.text and not self.text.endswith("\n") else ""
        for gap in (self.end, "") if self.text.strip() else ("",):
            yield [(size, size, unended + gap + "".join(one + self.end for one in lines))]

    def _below(self, spot: _Spot, lines: Sequence[str]) -> list[Edit]:
        """Whole lines behind the last thing within `spot`."""
        at = min(spot.last, len(self.text))
        if at in self._starts[1:]:
            # A block text ends where the next line begins.
            return [(at, at, "".join(one + self.end for one in lines))]
        end = self._line_end(at)
        if not _REST.match(self.text[at:end]):
            return [(end, end, "")]
        return [(end, end, "".join(self.end + one for one in lines))]

    def _instead(self, path: tuple[str, ...], spot: _Spot, missing: Sequence[str], item: Item) -> Iterator[list[Edit]]:
        """In place of nothing, of null, or of one text where a list may stand."""
        said = self.text[spot.start : spot.end]
        parent = self.spots[path[:-1]]
        if spot.dressed:
            return
        if not said and not parent.flow:
            column = parent.column + 2
            lines = _block_keys(missing, item, column) if missing else _dash(item, column)
            spot.last = spot.end
            yield self._below(spot, lines)
        elif not said or said in ("~", "null", "Null", "NULL"):
            new = "{" + _flow_keys(missing, item) + "}" if missing else f"[{_flow(item)}]"
            yield [(spot.start, spot.end, new if said else f" {new}")]
        elif not missing and "\n" not in said:
            yield [(spot.start, spot.end, f"[{said}, {_flow(item)}]")]
            value = self._at(path)
            if isinstance(value, str):
                yield [(spot.start, spot.end, f"[{scalar(value)}, {_flow(item)}]")]

    def _into_flow(self, spot: _Spot, new: str) -> list[Edit]:
        """Before a closing bracket."""
        close = spot.end - 1
        last = spot.last if spot.filled else spot.start + 1
        between = self.text[last:close]
        comma = "," in _COMMENT.sub("", between)
        if "\n" not in between:
            if not spot.filled:
                return [(close, close, new)]
            return (
                [(close, close, ("" if between.endswith(" ") else " ") + new)] if comma else [(last, last, f", {new}")]
            )
        begin = max(one for one in self._starts if one <= close)
        edits = [(last, last, ",")] if spot.filled and not comma else []
        if self.text[begin:close].strip():
            return [*edits, (close, close, f" {new}")]
        column = spot.first if spot.first >= 0 else close - begin + 2
        return [*edits, (begin, begin, " " * column + new + self.end)]

    def _line_end(self, at: int) -> int:
        found = _LINE.search(self.text, at)
        return found.start() if found else len(self.text)

    def _at(self, path: Sequence[str]) -> object:
        here: Any = self.value
        for key in path:
            here = here[key]
        return here

    def _offset(self, mark: Any) -> int:
        start = self._starts[mark.line] if mark.line < len(self._starts) else len(self.text)
        return min(start + int(mark.column), len(self.text))

    def _walk(self) -> None:
        """Note every value's place."""
        stack: list[_Frame] = []
        text = self.text if self.text.endswith("\n") else self.text + "\n"
        events: Iterator[Any] = yaml.parse(text, Loader=_Loader)
        for event in events:
            kind = type(event)
            if kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
                name = "map" if kind is yaml.MappingStartEvent else "list"
                stack.append(_Frame(self._noted(stack, event, name, flow=bool(event.flow_style))))
            elif kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
                spot = stack.pop().spot
                if spot.flow:
                    spot.end = self._offset(event.end_mark)
                    _end(stack, spot.end)
            elif kind in (yaml.ScalarEvent, yaml.AliasEvent):
                frame = stack[-1] if stack else None
                end = self._offset(event.end_mark)
                if frame and frame.spot.kind == "map" and not frame.keyed:
                    frame.step, frame.keyed = getattr(event, "value", ""), True
                    self._first(frame.spot, event)
                else:
                    name = "text" if kind is yaml.ScalarEvent else "alias"
                    self._noted(stack, event, name, flow=False).end = end
                _end(stack, end)

    def _noted(self, stack: Sequence[_Frame], event: Any, kind: str, *, flow: bool) -> _Spot:
        if stack:
            above = stack[-1]
            if above.spot.kind == "list":
                self._first(above.spot, event)
                above.step = int(above.step) + 1
            above.keyed = False
        dressed = bool(event.anchor) or bool(getattr(event, "tag", None))
        found = _Spot(kind, flow, self._offset(event.start_mark), int(event.start_mark.column), dressed=dressed)
        self.spots[tuple(one.step for one in stack)] = found
        return found

    def _first(self, spot: _Spot, event: Any) -> None:
        if not spot.filled:
            spot.filled = True
            start = self._offset(event.start_mark)
            begin = max(one for one in self._starts if one <= start)
            before = self.text[begin:start]
            spot.first = -1 if before.strip() else start - begin
            if spot.dressed and not spot.flow:
                # Its own mark is that of the anchor, on another line perhaps.
                spot.column = len(before.rstrip()) - 1 if spot.kind == "list" else start - begin


@dataclass(slots=True)
class _Frame:
    """A collection being read."""

    spot: _Spot
    step: str | int = -1
    """The key or index of what was noted last in it."""
    keyed: bool = False
    """Of a map: its key was read, its value was not."""


def _end(stack: Sequence[_Frame], end: int) -> None:
    for frame in stack:
        frame.spot.last = end


def _dash(item: Item, column: int) -> list[str]:
    """An item of a block list."""
    if isinstance(item, str):
        return [f"{' ' * column}- {scalar(item)}"]
    lines = _block(item, column + 2)
    return [f"{' ' * column}- {lines[0].lstrip()}", *lines[1:]]


def _block_keys(missing: Sequence[str], item: Item, column: int) -> list[str]:
    """The keys that lead to the list, and in it the item."""
    lines = [f"{' ' * (column + 2 * number)}{_key(key)}:" for number, key in enumerate(missing)]
    return [*lines, *_dash(item, column + 2 * len(missing))]


def _block(item: Mapping[str, Any], column: int) -> list[str]:
    found = []
    for key, value in item.items():
        if isinstance(value, Mapping) and value:
            found += [f"{' ' * column}{_key(key)}:", *_block(value, column + 2)]
        else:
            found.append(f"{' ' * column}{_key(key)}: {_flow(value)}")
    return found


def _flow_keys(missing: Sequence[str], item: Item) -> str:
    opened = ": {".join(_key(key) for key in missing)
    return f"{opened}: [{_flow(item)}]" + "}" * (len(missing) - 1)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int | float):
        return repr(value)
    return str(value) if _DAY.match(value) else scalar(value)


def _key(text: str) -> str:
    return text if _KEY.match(text) else scalar(text)


def shown(path: Sequence[str], item: Item) -> list[str]:
    """The lines that a person would paste into an empty file."""
    return _block_keys(path, item, 0)
