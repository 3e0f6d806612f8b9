"""YAML in, plain values and their places out: strict, and never a traceback whatever the bytes.

PyYAML's parser gives events; what they mean is decided here by the YAML 1.2 core schema (`no` and `on` are texts,
`0o17` is a number, `2024-01-01` is a text). Duplicate keys, keys that are no texts, unknown tags, merge keys and
alias bombs are refused, because each of them makes a file mean something other than what its author reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from vedette.problem import Problem

MAX_BYTES = 1_000_000
"""The largest file read."""
MAX_DEPTH = 64
"""The deepest nesting read."""
MAX_DOCUMENTS = 1_000
"""The most documents in one file."""
MAX_EXPANDED = 10_000
"""The most values that aliases may add to a file."""

YamlPath = tuple[str | int, ...]
"""Keys and indexes from the document's root: `("detection", "sel", 0)`."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STRANGE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What no file may hold unescaped: control characters, and those that YAML 1.1 takes for line ends and 1.2 does not."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_NUMBER_START = frozenset("-+.0123456789")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_BASED = {"0o": (re.compile(r"0o[0-7]+\Z"), 8), "0x": (re.compile(r"0x[0-9a-fA-F]+\Z"), 16)}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)\Z")
_WORDS: Mapping[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_MAX_DIGITS = 300
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS: Mapping[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (float, int),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}
_MENDS = (
    ("while scanning an alias", "a text that begins with * needs quotes: '*'"),
    ("while scanning an anchor", "a text that begins with & needs quotes"),
    ("tab character", "indent with spaces, not tabs"),
    ("mapping values are not allowed", "a text with ': ' inside needs quotes"),
    ("cannot start any token", "indent with spaces, not tabs; a text that begins with @, ` or % needs quotes"),
    ("block mapping", "check the indentation of this line and the one before"),
    ("block collection", "check the indentation of this line and the one before"),
    ("could not find expected ':'", "a key needs a colon and a space after it; check the indentation"),
    ("quoted scalar", "close the quotation mark"),
    ("flow sequence", "close the bracket ]"),
    ("flow mapping", "close the brace }"),
    ("escape character", "in double quotes a backslash must be doubled; or use single quotes"),
    ("undefined alias", "a text that begins with * needs quotes: '*'"),
    ("tag", "a text that begins with ! needs quotes"),
)


class YamlError(ValueError):
    """A text that is not read; `problem` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(slots=True)
class Document:
    """One YAML document: its value, and where each part of it stands."""

    file: str
    value: object
    """dict (keys are texts), list, str, int, float, bool or None."""
    lines: Sequence[str]
    """The whole file's lines, without their ends."""
    line: int = 1
    """Where the document's value begins."""
    values: dict[YamlPath, tuple[int, int]] = field(default_factory=dict)
    """Line and column, from 1, of each value; what stands beneath an alias is not listed."""
    keys: dict[YamlPath, tuple[int, int]] = field(default_factory=dict)
    """Line and column of each mapping key, by the path of its value."""

    def at(self, path: YamlPath, *, value: bool = False, offset: int = 0) -> tuple[int, int]:
        """Line and column of the key (with `value` its value) at `path`, or of the nearest thing around it.

        With `offset`, of that character of the key or of the text.
        """
        for known in (self.values, self.keys) if value else (self.keys, self.values):
            if path in known:
                line, column = known[path]
                if offset:
                    return self._within(line, column, self._text_at(path) if known is self.values else path[-1], offset)
                return line, column
        return self.at(path[:-1], value=value) if path else (self.line, 1)

    def text(self, line: int) -> str:
        """The source line numbered `line`, or nothing."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ""

    def problem(
        self, path: YamlPath, message: str, mend: str = "", *, value: bool = False, offset: int = 0, error: bool = True
    ) -> Problem:
        """A `Problem` at the key (with `value` the value) of `path`, or at its character number `offset`."""
        line, column = self.at(path, value=value, offset=offset)
        return Problem(self.file, line, column, self.text(line), message, mend, error)

    def _text_at(self, path: YamlPath) -> object:
        here: Any = self.value
        for step in path:
            here = here[step]
        return here

    def _within(self, line: int, column: int, text: object, offset: int) -> tuple[int, int]:
        """Where the character number `offset` of a scalar stands; its start, where an escape or a fold hides it."""
        if not isinstance(text, str) or not text:
            return line, column
        at, column_from = line, column - 1
        if self.text(line)[column_from : column_from + 1] in ("|", ">") and text[0] not in "|>":
            at, column_from = line + 1, 0
        elif self.text(line)[column_from : column_from + 1] in ("'", '"'):
            column_from += 1
        # White space may be folded, so the others are counted off one by one; the first that differs gives up.
        wanted = [char for char in text[: offset + 1] if not char.isspace()]
        found = 0
        while at <= len(self.lines) and wanted:
            for here, char in enumerate(self.text(at)[column_from:], column_from):
                if char.isspace():
                    continue
                if char != wanted[found]:
                    return line, column
                found += 1
                if found == len(wanted):
                    return at, here + 1
            at, column_from = at + 1, 0
        return line, column


def read_file(path: Path, name: str = "") -> list[Document]:
    """The documents of a file; raises YamlError, also for a file that cannot be read."""
    name = name or str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise YamlError(Problem(name, 0, 0, "", f"cannot be read: {error.strerror}")) from error
    return read_documents(data, name)


def read_documents(text: str | bytes, file: str, *, most: int = MAX_BYTES) -> list[Document]:
    """Every document of `text`; an empty text has none, an empty document is None. Raises YamlError.

    `most`: the largest that is read, in bytes.
    """
    return _Reader(_decoded(text, file, most), file).documents()


def _decoded(text: str | bytes, file: str, most: int) -> str:
    if len(text) > most:
        raise YamlError(Problem(file, 0, 0, "", f"larger than {most // 1_000_000} MB", "split it"))
    if isinstance(text, bytes):
        if text.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise YamlError(Problem(file, 0, 0, "", "is UTF-16, not UTF-8", "save it as UTF-8"))
        text = _decoded_bytes(text, file)
    text = text.removeprefix("\ufeff")
    strange = _STRANGE.search(text)
    if strange:
        name = f"U+{ord(strange.group()):04X}"
        mend = f'remove it, or write "\\u{ord(strange.group()):04x}" in double quotes'
        raise YamlError(_problem_at(text, strange.start(), file, f"character {name} is not allowed in YAML", mend))
    return text


def _decoded_bytes(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise YamlError(_problem_at(before + "\ufffd", len(before), file, message, "save it as UTF-8")) from error


def _problem_at(text: str, at: int, file: str, message: str, mend: str) -> Problem:
    before = _LINE_END.split(text[:at])
    rest = _LINE_END.split(text[at : at + 200], maxsplit=1)[0]
    return Problem(file, len(before), len(before[-1]) + 1, before[-1] + rest, message, mend)


class _Frame:
    """A collection being read."""

    __slots__ = ("anchor", "key", "path", "size", "value")

    def __init__(self, value: dict[str, object] | list[object], path: YamlPath, anchor: str | None) -> None:
        self.value = value
        self.path = path
        self.anchor = anchor
        self.key: str | None = None
        self.size = 1


class _Reader:
    """Events of one file into documents; a loop with its own stack, so depth costs no recursion."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.source = text
        self.lines = _LINE_END.split(text)
        self.expanded = 0
        self.begun = 0

    def documents(self) -> list[Document]:
        found: list[Document] = []
        for event in self._events():
            kind = type(event)
            if kind is yaml.DocumentStartEvent:
                self._begin(event)
            elif kind is yaml.DocumentEndEvent:
                found.append(self.document)
            elif kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._check_end(event)
                self._close()
            elif kind is yaml.AliasEvent:
                self._alias(event)
        return found

    def _events(self) -> Iterator[Any]:
        try:
            # At the end of a file without a last line end PyYAML drops what a block text would keep.
            whole = self.source if self.source.endswith("\n") else self.source + "\n"
            yield from yaml.parse(whole, Loader=_Loader)
        except yaml.YAMLError as error:
            raise YamlError(self._explained(error)) from error

    def _explained(self, error: Any) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or "it does not follow YAML's grammar"
        context = getattr(error, "context", None) or ""
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        mend = next((mend for sign, mend in _MENDS if sign in said or sign in context), "")
        return Problem(self.file, line, column, text, f"not YAML: {context + ': ' if context else ''}{said}", mend)

    def _begin(self, event: Any) -> None:
        self.begun += 1
        if self.begun > MAX_DOCUMENTS:
            self._refuse(event, f"more than {MAX_DOCUMENTS} documents in one file", "split it")
        if event.tags or (event.version and (self.begun > 1 or event.version != (1, 2))):
            self._refuse(event, "lines that begin with % are not read", "remove them; every file is YAML 1.2")
        self.document = Document(self.file, None, self.lines, event.start_mark.line + 1)
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[object, int]] = {}

    def _scalar(self, event: Any) -> None:
        text, tag, mark = event.value, event.tag, event.start_mark
        if mark.column and self.lines[mark.line][mark.column - 1] == "?":
            # In brackets PyYAML takes `?x` for a key, YAML 1.2 for a text.
            self._refuse(event, "a question mark stands before this text", "quote the text that begins with ?")
        if event.style in ("'", '"'):
            self._check_end(event)
        if event.anchor:
            self._check_anchor(event, "&")
        frame = self.stack[-1] if self.stack else None
        value = self._tagged(event) if tag else text if event.style else self._plain(event, text)
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            self._key(frame, frame.value, event, value)
        else:
            self._put(event, value, 1)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)

    def _check_end(self, event: Any) -> None:
        mark = event.end_mark
        if mark.column and mark.line < len(self.lines):
            before, after = self.lines[mark.line][mark.column - 1], self.lines[mark.line][mark.column :]
            if after.startswith("#") and before in "\"'}]":
                self._refuse(event, "a comment begins right behind a value", "put a blank before #")

    def _check_anchor(self, event: Any, sign: str) -> None:
        mark = event.start_mark
        line = self.lines[mark.line]
        at = line.find(sign + event.anchor, mark.column) + 1 + len(event.anchor)
        if line[at : at + 1] not in ("", " ", "\t", ",", "]", "}"):
            # PyYAML ends the name before a colon, YAML 1.2 does not.
            self._refuse(event, f"the name {sign}{event.anchor} goes on strangely", "use letters and digits")

    def _plain(self, event: Any, text: str) -> object:
        """A plain scalar by the core schema."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _NUMBER_START:
            return text
        if _INT.match(text) or _FLOAT.match(text):
            if len(text) > _MAX_DIGITS:
                self._refuse(event, f"a number of {len(text)} characters", "quote it to make it a text")
            return int(text) if _INT.match(text) else float(text)
        based = _BASED.get(text[:2])
        if based and based[0].match(text):
            return int(text[2:], based[1])
        if _INFINITY.match(text):
            return float(text.replace(".", ""))
        return text

    def _tagged(self, event: Any) -> object:
        text, tag = event.value, event.tag
        if tag in ("!", f"{_TAG}str"):
            return text
        kind = _SCALAR_TAGS.get(tag)
        if kind is None:
            self._refuse(event, f"the tag {tag} is not known here", "remove the tag; quote a text that begins with !")
        value = self._plain(event, text)
        if not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind):
            self._refuse(event, f"{text!r} is not of the type that its tag says", "remove the tag")
        return float(value) if tag == f"{_TAG}float" and isinstance(value, int) else value

    def _open(self, event: Any) -> None:
        is_map = type(event) is yaml.MappingStartEvent
        if event.anchor:
            self._check_anchor(event, "&")
        if event.tag not in (None, "!", f"{_TAG}map" if is_map else f"{_TAG}seq"):
            self._refuse(event, f"the tag {event.tag} is not known here", "remove the tag")
        if len(self.stack) >= MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH}", "a rule or settings file needs no such depth")
        value: dict[str, object] | list[object] = {} if is_map else []
        path = self._put(event, value, 0)
        self.stack.append(_Frame(value, path, event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        if self.stack:
            self.stack[-1].size += frame.size
        if frame.anchor:
            self.anchors[frame.anchor] = (frame.value, frame.size)

    def _alias(self, event: Any) -> None:
        self._check_anchor(event, "*")
        known = self.anchors.get(event.anchor)
        if known is None:
            message = f"the alias *{event.anchor} names no finished anchor before it"
            self._refuse(event, message, f"a text that begins with * needs quotes: '*{event.anchor}'")
        value, size = known
        self.expanded += size
        if self.expanded > MAX_EXPANDED:
            message = f"aliases add more than {MAX_EXPANDED} values"
            self._refuse(event, message, "write the values out, or name fewer")
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and isinstance(frame.value, dict):
            self._key(frame, frame.value, event, value)
        else:
            self._put(event, value, size)

    def _key(self, frame: _Frame, holder: dict[str, object], event: Any, key: object) -> None:
        if not isinstance(key, str):
            shown = "nothing" if key is None else str(event.value if hasattr(event, "value") else "a collection")
            self._refuse(event, f"a key must be a text, not {shown}", "quote it")
        if key == "<<" and not event.style:
            self._refuse(event, "merge keys (<<) are not read", "write the keys out")
        mark = event.start_mark
        path: YamlPath = (*frame.path, key)
        if key in holder:
            first = self.document.keys[path][0]
            self._refuse(event, f"the key {key!r} stands twice (first on line {first})", "remove one, or rename it")
        self.document.keys[path] = (mark.line + 1, mark.column + 1)
        frame.key = key

    def _put(self, event: Any, value: object, size: int) -> YamlPath:
        """Store a value where it belongs; returns its path."""
        mark = event.start_mark
        if not self.stack:
            path: YamlPath = ()
            self.document.value = value
            self.document.line = mark.line + 1
        else:
            frame = self.stack[-1]
            holder = frame.value
            frame.size += size
            if isinstance(holder, list):
                path = (*frame.path, len(holder))
                holder.append(value)
            elif frame.key is None:
                self._refuse(event, "a key must be a text, not a collection", "write a plain key")
            else:
                path = (*frame.path, frame.key)
                holder[frame.key] = value
                frame.key = None
        self.document.values[path] = (mark.line + 1, mark.column + 1)
        return path

    def _refuse(self, event: Any, message: str, mend: str) -> NoReturn:
        mark = event.start_mark
        line = mark.line + 1
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        raise YamlError(Problem(self.file, line, mark.column + 1, text, message, mend))
