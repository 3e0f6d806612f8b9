"""Settings as YAML again: what holds in the end, with the origin of each value where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import date
from typing import Any

from vedette.escape import terminal, yaml
from vedette.settings.effective import Settings
from vedette.settings.key import keys
from vedette.settings.written import Written
from vedette.yaml_text import YamlPath

_COLUMN = 72
"""Where the origins begin."""


def shown(settings: Settings, *, origin: bool) -> Iterator[str]:
    """The lines of the settings in force; with `origin` each value is followed by its file and line, or `default`."""
    for line, path in _map(_plain(Written, settings), (), ""):
        if origin and path is not None:
            yield f"{line:<{_COLUMN}}  # {terminal(str(settings.origin(path)))}"
        else:
            yield line


def _plain(cls: type, value: object) -> Mapping[str, Any]:
    """A dataclass as a map of its keys; beneath the top, what says nothing is left out."""
    found = {name: getattr(value, name) for name in keys(cls)}
    return found if cls is Written else {name: item for name, item in found.items() if not _silent(item)}


def _silent(value: object) -> bool:
    """The value is what it would be without a word."""
    return not value or (is_dataclass(value) and value == type(value)())  # type: ignore[misc]


def _map(entries: Mapping[str, Any], path: YamlPath, indent: str) -> Iterator[tuple[str, YamlPath | None]]:
    """Lines, each with the path of the value on it, or None for a mere heading."""
    for name, value in entries.items():
        at = (*path, name)
        nested = _plain(type(value), value) if is_dataclass(value) else value
        if isinstance(nested, Mapping) and nested:
            yield f"{indent}{yaml(name)}:", None
            yield from _map(nested, at, indent + "  ")
        elif isinstance(nested, tuple | list) and nested:
            yield f"{indent}{yaml(name)}:", None
            yield from _list(nested, at, indent + "  ")
        else:
            yield f"{indent}{yaml(name)}: {_scalar(nested)}", at


def _list(items: Any, path: YamlPath, indent: str) -> Iterator[tuple[str, YamlPath | None]]:
    for index, item in enumerate(items):
        at = (*path, index)
        nested = _plain(type(item), item) if is_dataclass(item) else item
        if isinstance(nested, Mapping) and nested:
            lines = _map(nested, at, indent + "  ")
            first, place = next(lines)
            yield f"{indent}- {first.lstrip()}", place
            yield from lines
        else:
            yield f"{indent}- {_scalar(nested)}", at


def _scalar(value: object) -> str:
    """A value on one line."""
    if isinstance(value, str):
        return yaml(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{yaml(str(key))}: {_scalar(item)}' for key, item in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    return "null" if value is None else str(value)
