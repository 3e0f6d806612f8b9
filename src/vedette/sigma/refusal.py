"""Refusal: what is raised on a mistake in a document, and the document that collects them.

A person who mends a rule wants every mistake at once, so each part of a document is read under `Source.catch`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import NoReturn

from vedette.problem import Problem
from vedette.yaml_text import Document, YamlPath

MAX_PROBLEMS = 50
"""Mistakes told of one document."""


class Refusal(Exception):
    """One part of a document is not accepted; ends the reading of that part only."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class UnknownField(Refusal):
    """The schema lacks a field; a filter with it passes over that schema's detections."""


class Enough(Exception):
    """A document has so many mistakes that more of them help nobody; ends its reading."""


class Source:
    """A document being read, and what is wrong with it so far."""

    def __init__(self, document: Document, problems: list[Problem] | None = None) -> None:
        self.document = document
        self.problems: list[Problem] = [] if problems is None else problems
        self.unknown_fields = 0

    @property
    def broken(self) -> bool:
        """True when something was refused; warnings do not count."""
        return any(problem.error for problem in self.problems)

    def refuse(self, path: YamlPath, message: str, mend: str = "", *, value: bool = False, offset: int = 0) -> NoReturn:
        """Raise a Refusal at the key (or value) of `path`."""
        raise Refusal(self.document.problem(path, message, mend, value=value, offset=offset))

    def warn(self, path: YamlPath, message: str, mend: str = "", *, value: bool = False) -> None:
        """Note what is odd but may work."""
        self.problems.append(self.document.problem(path, message, mend, value=value, error=False))

    def line(self, path: YamlPath) -> int:
        """The line of the key at `path`."""
        return self.document.at(path)[0]

    def catch(self) -> Catch:
        """`with source.catch():` notes a refusal within, and goes on after it; `MAX_PROBLEMS` end the document."""
        return Catch(self)

    def whole(self) -> Whole:
        """`with source.whole():` is put around a document's reading, for `catch` to end it."""
        return Whole()

    def mapping(self, path: YamlPath, value: object) -> Mapping[str, object]:
        """`value` as a map that is not empty."""
        if not isinstance(value, dict):
            self.refuse(path, f"{_name(path)} must be a map, not {kind(value)}")
        if not value:
            self.refuse(path, f"{_name(path)} is empty", "fill it, or remove the key")
        return value

    def text(self, path: YamlPath, value: object) -> str:
        """`value` as a text that is not empty."""
        if not isinstance(value, str):
            mend = "put it in quotes" if isinstance(value, int | float) else ""
            self.refuse(path, f"{_name(path)} must be a text, not {kind(value)}", mend, value=True)
        if not value.strip():
            self.refuse(path, f"{_name(path)} is empty", "fill it, or remove the key", value=True)
        return value

    def texts(self, path: YamlPath, value: object, *, empty: bool = False) -> tuple[str, ...]:
        """`value` as a list of texts; an `empty` one may say that there is none."""
        if isinstance(value, str):
            self.refuse(path, f"{_name(path)} must be a list, not a text", f"write [{value}]", value=True)
        if not isinstance(value, list):
            self.refuse(path, f"{_name(path)} must be a list of texts, not {kind(value)}", value=True)
        if not value and not empty:
            self.refuse(path, f"{_name(path)} is empty", "fill it, or remove the key", value=True)
        return tuple(self.text((*path, at), item) for at, item in enumerate(value))

    def choice(self, path: YamlPath, value: object, known: Collection[str]) -> str:
        """`value` as one of `known`."""
        if not isinstance(value, str) or value not in known:
            shown = repr(value) if isinstance(value, str) else kind(value)
            mend = nearest(value, known, "write one of " + ", ".join(known))
            self.refuse(path, f"{_name(path)} must be one of {', '.join(known)}, not {shown}", mend, value=True)
        return value

    def only(self, path: YamlPath, value: Mapping[str, object], known: Collection[str]) -> None:
        """Refuse each key of `value` that is not in `known`."""
        for key in value:
            if key not in known:
                with self.catch():
                    where = f" in {_name(path)}" if path else ""
                    mend = nearest(key, known, "known are " + ", ".join(known))
                    self.refuse((*path, key), f"the key {key!r} is not known{where}", mend)


class Catch:
    """Ends at a refusal, and notes it in the source."""

    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Refusal):
            return False
        self._source.problems.append(error.problem)
        self._source.unknown_fields += isinstance(error, UnknownField)
        if len(self._source.problems) >= MAX_PROBLEMS:
            raise Enough
        return True


class Whole:
    """Where `Enough` ends."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, Enough)


def nearest(name: object, known: Collection[str], otherwise: str = "") -> str:
    """`did you mean …` for the most similar of `known`, or `otherwise`."""
    close = difflib.get_close_matches(str(name)[:100], list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else otherwise


def kind(value: object) -> str:
    """A YAML value's type in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    names = {dict: "a map", list: "a list", str: "a text", int: "a number", float: "a number"}
    return names[type(value)]


def _name(path: YamlPath) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "the document"
