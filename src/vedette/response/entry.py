"""Entry: what may be put into the settings so that a rule says less; as text, and as the settings it makes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from vedette.problem import Problem
from vedette.response.yaml_edit import put, shown
from vedette.settings.effective import Origin, Settings
from vedette.settings.loading import load_text
from vedette.yaml_text import YamlPath

NAME = "the entry"
"""How it is called in messages, where a file's name would stand."""
AUTOMATION, EXCEPTIONS = ("automation",), ("exceptions",)
TERRAFORM = ("vault", "terraform")


@dataclass(frozen=True, slots=True)
class Entry:
    """One automation entry, one exception, or Terraform's identity and address."""

    path: tuple[str, ...]
    """Where it belongs: AUTOMATION, EXCEPTIONS or TERRAFORM."""
    value: Mapping[str, Any]
    """Its keys in the order in which they are written; of Terraform lists that are added to."""

    @property
    def kind(self) -> str:
        """In a sentence."""
        kinds = {AUTOMATION: "automation entry", EXCEPTIONS: "exception", TERRAFORM: "identity of Terraform"}
        return kinds[self.path]

    @property
    def actors(self) -> tuple[str, ...]:
        """Whom an automation entry is for; of the others, nobody that it says by name."""
        said = self.value.get("actor", ())
        return (said,) if isinstance(said, str) else tuple(said)

    def lines(self) -> list[str]:
        """As it stands in a file of its own."""
        if self.path != TERRAFORM:
            return shown(self.path, self.value)
        text = ""
        for key, items in self.value.items():
            for item in items:
                text = put(text, (*self.path, key), item)
        return text.splitlines()

    def put_into(self, text: str) -> str:
        """A settings file's text with it, everything else left as it is. Raises yaml_edit.CannotPut."""
        if self.path != TERRAFORM:
            return put(text, self.path, self.value)
        for key, items in self.value.items():
            for item in items:
                text = put(text, (*self.path, key), item)
        return text


def read_with(
    settings: Settings, entry: Entry, rules: Collection[str], today: date
) -> tuple[Settings, tuple[Problem, ...]]:
    """The settings with the entry, and what is worth knowing of it. Raises SettingsError for one that does not hold."""
    if entry.path == TERRAFORM:
        # Not read by itself: one that adds an entity goes by the addresses that the settings have already.
        ours = settings.vault.terraform
        both = {key: tuple(dict.fromkeys((*getattr(ours, key), *items))) for key, items in entry.value.items()}
        return replace(settings, vault=replace(settings.vault, terraform=replace(ours, **both))), ()
    text = "\n".join(entry.lines()) + "\n"
    alone = load_text(text, NAME, rules=rules, today=today)
    notes = tuple(one for one in alone.problems if not one.error and entry.path[0] in _top(one, text))
    key = entry.path[0]
    before = getattr(settings, key)
    origins: dict[YamlPath, Origin] = {**(settings.origins or {}), (key, len(before)): Origin(NAME, 1)}
    # The entry is the last of what was read; one that stands in the defaults already was left out.
    added = getattr(alone, key)[-1:]
    return replace(settings, **{key: (*before, *added), "origins": origins}), notes  # type: ignore[arg-type]


def _top(problem: Problem, text: str) -> str:
    """The top-level key that a problem of the text stands beneath."""
    above = text.splitlines()[: problem.line]
    return next((line for line in reversed(above) if line[:1].isalpha()), "")


def without(settings: Settings, key: str, index: int) -> Settings:
    """The settings less one automation entry or exception. Origins go with what they are of."""
    said = getattr(settings, key)
    origins: dict[YamlPath, Origin] = {}
    for path, origin in (settings.origins or {}).items():
        at = path[1] if len(path) > 1 and path[0] == key else None
        if at == index:
            continue
        if isinstance(at, int) and at > index:
            origins[key, at - 1, *path[2:]] = origin
        else:
            origins[path] = origin
    return replace(settings, **{key: (*said[:index], *said[index + 1 :]), "origins": origins})  # type: ignore[arg-type]
