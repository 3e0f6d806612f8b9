"""A decoded line in a template: the objects, texts and values in it, each looked up once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vedette.render.logql_template import TYPE_MAP, Code, assign, is_kind, quoted, when

Steps = tuple[str | int, ...]
NEVER = "0"
AROUND = " \t\r\n\v\f\x1e\0\ufeff"
"""Characters around a record that are no part of it: blanks, a record separator, NUL bytes, a byte order mark."""
_STRING = '"string"'


class Found(NamedTuple):
    """A field in a template."""

    expression: str
    """The variable that holds its value."""
    rest: Steps = ()
    """Steps beneath it that are still to go."""
    listed: bool = False
    """It may be a list, or a value of any type."""
    unknown: str = NEVER
    """A number: 1 where the field's absence says nothing."""
    merged: str = ""
    """True where it is a merge patch, whose directives are no elements; nothing: it never is."""


def keys_of(steps: Steps) -> str:
    """The leading keys, joined by dots."""
    keys = []
    for step in steps:
        if isinstance(step, int):
            break
        keys.append(step)
    return ".".join(keys)


class Record:
    """A decoded line, and the objects in it."""

    def __init__(self, code: Code) -> None:
        """Decode the line into `$record`."""
        self.code = code
        code.emit(f"{{{{ $bare := trimAll {quoted(AROUND)} __line__ }}}}")
        code.emit("{{ $line := fromJson $bare }}{{ $record := $none }}")
        code.emit(when(is_kind("$line", TYPE_MAP), assign("$record", "$line")))

    def part(self, *keys: str) -> str:
        """The object at `keys`, or one without keys."""
        if not keys:
            return "$record"

        def make() -> str:
            outer = self.part(*keys[:-1])
            name = self.code.let("o", "$none")
            found = f"(index {outer} {quoted(keys[-1])})"
            self.code.emit(when(is_kind(found, TYPE_MAP), assign(name, found)))
            return name

        return self.code.once("part " + ".".join(keys), make)

    def value(self, *keys: str) -> str:
        """Whatever stands at `keys`."""
        return self.code.once(
            "value " + ".".join(keys),
            lambda: self.code.let("v", f"index {self.part(*keys[:-1])} {quoted(keys[-1])}"),
        )

    def text(self, *keys: str) -> str:
        """The text at `keys`, or an empty one."""

        def make() -> str:
            found = self.value(*keys)
            name = self.code.let("s", '""')
            self.code.emit(when(is_kind(found, _STRING), assign(name, found)))
            return name

        return self.code.once("text " + ".".join(keys), make)

    def present(self, *keys: str) -> str:
        """Whatever stands at `keys`; an empty text is as good as absent."""

        def make() -> str:
            found = self.value(*keys)
            name = self.code.let("p", found)
            empty = when(f'eq {found} ""', assign(name, 'index $none ""'))
            self.code.emit(when(is_kind(found, _STRING), empty))
            return name

        return self.code.once("present " + ".".join(keys), make)

    def nonempty(self, *keys: str) -> str:
        """Whether the object at `keys` holds anything but empty texts: true or false."""
        part, item = self.part(*keys), self.code.name("i")
        empty = f'not (and ({is_kind(item, _STRING)}) (eq (print {item}) ""))'
        return self.made(
            "nonempty " + ".".join(keys),
            "false",
            lambda name: f"{{{{ range {item} := {part} }}}}{when(empty, assign(name, 'true'))}{{{{ end }}}}",
        )

    def made(self, key: str, first: str, statements: Callable[[str], str]) -> str:
        """A derived variable that begins as `first`."""

        def make() -> str:
            name = self.code.let("d", first)
            self.code.emit(statements(name))
            return name

        return self.code.once("made " + key, make)
