"""YAML values into the dataclasses of `written`: types checked, unknown keys named, every problem in one go."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import is_dataclass
from datetime import date
from typing import Any, get_args, get_origin

from vedette.problem import Problem
from vedette.settings.key import SIZE, SPAN, Key, Scope, Selection, Size, Span, Texts, keys
from vedette.settings.written import Written
from vedette.yaml_text import Document, YamlPath

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


class SettingsError(ValueError):
    """Settings that cannot be used; `problems` says why, all of it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Findings:
    """Problems of one settings file; one that follows from an earlier one is left out."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._errors: set[YamlPath] = set()

    def error(self, path: YamlPath, message: str, mend: str = "", *, value: bool = True) -> None:
        """Something that must be mended, at the value (or with `value` False the key) at `path`."""
        if any(path[:length] in self._errors for length in range(len(path) + 1)):
            return
        self._errors.add(path)
        self.problems.append(self.document.problem(path, message, mend, value=value))

    def note(self, path: YamlPath, message: str, mend: str = "", *, value: bool = True) -> None:
        """Something worth knowing, that stops nothing."""
        self.problems.append(self.document.problem(path, message, mend, value=value, error=False))

    def settled(self, path: YamlPath) -> None:
        """No further error is wanted at `path` and beneath."""
        self._errors.add(path)

    @property
    def failed(self) -> bool:
        """Some problem is an error."""
        return any(problem.error for problem in self.problems)


def nearest(text: str, known: Iterable[str]) -> str:
    """The one of `known` most like `text`, or nothing."""
    close = difflib.get_close_matches(text, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def read(document: Document, findings: Findings) -> Written:
    """The document as a `Written`; what could not be read stands at its default and in `findings`."""
    if document.value is None:
        return Written()
    found = _map(Written, document.value, (), findings)
    assert isinstance(found, Written)
    return found


def _map(cls: type, raw: object, path: YamlPath, findings: Findings) -> Any:
    """A map into the dataclass `cls`."""
    if not isinstance(raw, dict):
        findings.error(path, f"{_name(path)} must be a map, not {_kind(raw)}", f"its keys: {', '.join(keys(cls))}")
        return cls()
    for name in raw:
        if name not in keys(cls):
            _unknown(cls, name, path, findings)
    values = {
        name: _value(key, raw[name], (*path, name), findings)
        for name, key in keys(cls).items()
        if raw.get(name) is not None
    }
    return cls(**values)


def _unknown(cls: type, name: str, path: YamlPath, findings: Findings) -> None:
    """Name a key that the map does not have, and what was meant by it."""
    meant = nearest(name, keys(cls))
    if meant:
        mend = f"did you mean {meant}?"
        findings.settled((*path, meant))
    else:
        elsewhere = _places(Written, name)
        mend = f"it belongs under {elsewhere[0]}" if elsewhere else f"known here: {', '.join(keys(cls))}"
    findings.error((*path, name), f"unknown key {name!r} in {_name(path)}", mend, value=False)


def _places(cls: type, name: str, prefix: str = "") -> list[str]:
    """The dotted places in the settings where a key is known."""
    found = []
    for key in keys(cls).values():
        if key.name == name:
            found.append(prefix or "the top level")
        inner = element(key.type) or key.type
        if is_dataclass(inner) and isinstance(inner, type):
            found += _places(inner, name, f"{prefix}.{key.name}" if prefix else key.name)
    return found


def element(hint: Any) -> type | None:
    """The dataclass that a list holds, or None."""
    inner = get_args(hint)[0] if get_origin(hint) is tuple else None
    return inner if isinstance(inner, type) and is_dataclass(inner) else None


def _value(key: Key, raw: object, path: YamlPath, findings: Findings) -> Any:
    """One value by its type."""
    inner = element(key.type)
    if inner is not None:
        return _list_of(inner, raw, path, findings)
    if isinstance(key.type, type) and is_dataclass(key.type):
        if key.says.shorthand and isinstance(raw, str):
            return key.type(**{key.says.shorthand: raw})
        return _map(key.type, raw, path, findings)
    if key.type in (str, Span, Size):
        return _word(raw, key, path, findings)
    if key.type is bool:
        if not isinstance(raw, bool):
            findings.error(path, f"{_name(path)} must be true or false, not {_kind(raw)}")
        return raw is True
    if key.type == Texts:
        return _texts(raw, path, findings)
    if key.type == Scope:
        return _scope(raw, key, path, findings)
    if key.type == date | None:
        return _date(raw, path, findings)
    if not isinstance(raw, dict):
        findings.error(path, f"{_name(path)} must be a map, not {_kind(raw)}")
        return {}
    return raw if key.type == Selection else {name: _texts(item, (*path, name), findings) for name, item in raw.items()}


def _list_of(cls: type, raw: object, path: YamlPath, findings: Findings) -> tuple[Any, ...]:
    """A list of maps; every key that an entry must have is there, or is asked for."""
    if not isinstance(raw, list):
        findings.error(path, f"{_name(path)} must be a list of entries, not {_kind(raw)}", "begin each entry with '- '")
        return ()
    entries = tuple(_map(cls, item, (*path, index), findings) for index, item in enumerate(raw))
    for index, entry in enumerate(entries):
        for name, key in keys(cls).items():
            if key.says.required and _blank(getattr(entry, name)) and not _needless(entry, name):
                findings.error(
                    (*path, index, name), f"{_name((*path, index))} has no {name}", f"{name}: {key.says.doc}"
                )
    return entries


def _blank(value: object) -> bool:
    """Nothing was said: no value, or only blanks."""
    texts = (value,) if isinstance(value, str) else value
    return not texts or (isinstance(texts, tuple) and not any(str(text).strip() for text in texts))


def _needless(entry: object, key: str) -> bool:
    """What takes a built-in entry away needs no reason."""
    return key == "reason" and getattr(entry, "off", False) is True


def _text(raw: object, path: YamlPath, findings: Findings) -> str:
    if not isinstance(raw, str):
        mend = "quote it" if isinstance(raw, bool | int | float) else ""
        findings.error(path, f"{_name(path)} must be a text, not {_kind(raw)}", mend)
        return ""
    return raw


def _texts(raw: object, path: YamlPath, findings: Findings) -> Texts:
    """A list of texts, or one text."""
    if isinstance(raw, list):
        return tuple(_text(item, (*path, index), findings) for index, item in enumerate(raw))
    if raw is None:
        return ()
    if isinstance(raw, dict):
        findings.error(path, f"{_name(path)} must be a list of texts, not a map", "begin each text with '- '")
        return ()
    return (_text(raw, path, findings),)


def _word(raw: object, key: Key, path: YamlPath, findings: Findings) -> str:
    """A text: any, one of a few, or a measure."""
    if key.type is not str:
        return _measure(raw, key, path, findings)
    return _choice(raw, key, path, findings) if key.says.choices else _text(raw, path, findings)


def _choice(raw: object, key: Key, path: YamlPath, findings: Findings) -> str:
    """One of a few texts."""
    if raw not in key.says.choices:
        findings.error(path, f"{_name(path)} must be {' or '.join(key.says.choices)}, not {_said(raw)}")
        return key.says.choices[0]
    return str(raw)


def _measure(raw: object, key: Key, path: YamlPath, findings: Findings) -> str:
    """A length of time or a number of bytes, with its unit."""
    form, example = (SPAN, "90s, 15m, 2h or 30d") if key.type is Span else (SIZE, "64MB or 2GB")
    if raw in key.says.choices:
        return str(raw)
    if not isinstance(raw, str) or not form.match(raw):
        mend = f"for example {', '.join((*key.says.choices, example))}"
        findings.error(path, f"{_name(path)} must be a number with its unit, not {_said(raw)}", mend)
        return ""
    return raw


def _said(raw: object) -> str:
    """A value in a sentence: a text in quotes, else what kind it is."""
    return repr(raw) if isinstance(raw, str) else _kind(raw)


def _scope(raw: object, key: Key, path: YamlPath, findings: Findings) -> Scope:
    """One of the words, or a list of namespaces."""
    if not isinstance(raw, str):
        return _texts(raw, path, findings)
    if raw not in key.says.choices:
        meant = nearest(raw, key.says.choices)
        mend = f"did you mean {meant}?" if meant else f"one of {', '.join(key.says.choices)}, or a list: [{raw}]"
        findings.error(path, f"unknown scope {raw!r}", mend)
        return key.says.choices[0]
    return raw


def _date(raw: object, path: YamlPath, findings: Findings) -> date | None:
    """A day of the calendar."""
    try:
        if isinstance(raw, str) and _DATE.match(raw):
            return date.fromisoformat(raw)
    except ValueError:
        pass
    findings.error(path, f"{raw!r} is not a day of the calendar", "write it as YYYY-MM-DD, for example 2027-01-31")
    return None


def _name(path: YamlPath) -> str:
    """How a place is called in a sentence."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{step}"
    return text or "the settings"


def _kind(raw: object) -> str:
    """What a value is, in a sentence."""
    if raw is None:
        return "nothing"
    if isinstance(raw, bool):
        return f"the word {'true' if raw else 'false'}"
    kinds: tuple[tuple[Any, str], ...] = (
        (dict, "a map"),
        (list, "a list"),
        (str, "a text"),
        (int | float, f"the number {raw!r}"),
    )
    return next(said for kind, said in kinds if isinstance(raw, kind))
