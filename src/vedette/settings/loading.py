"""Finding vedette.yaml, reading it, and laying it over the built-in defaults."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path

from vedette.network import Networks
from vedette.problem import Problem
from vedette.settings.allowlist import Allowlist, NotAnAllowlist, read_allowlist
from vedette.settings.checks import check, check_takeaways, note_expired
from vedette.settings.effective import Origin, Settings
from vedette.settings.key import Texts
from vedette.settings.networks import ALLOWLIST, RESERVED, check_lists, note_missing
from vedette.settings.reading import Findings, SettingsError, read
from vedette.settings.responding import Responding
from vedette.settings.written import Automation, SensitiveNamespaces, Written
from vedette.yaml_text import Document, YamlError, YamlPath, read_documents, read_file

NAME = "vedette.yaml"
"""What the file is called where it is looked for."""
VARIABLE = "VEDETTE_CONFIG"
"""The environment variable that names the file."""
DEFAULTS = Path(__file__).with_name("defaults.yaml")
"""The built-in settings."""

_BUILT_IN = "loopback, RFC 1918, 100.64.0.0/10 and fc00::/7"
_NO_FILE = (
    f"no {NAME} found: the trusted networks are {_BUILT_IN}, and nobody is the owner (K9 and V7 need one); "
    "`vedette init LOGS` writes a first one"
)
_NO_NETWORKS = f"names no networks: the trusted ones are {_BUILT_IN}"


def find(environ: Mapping[str, str], folder: Path) -> Path | None:
    """The settings file in force: $VEDETTE_CONFIG, `folder`, $XDG_CONFIG_HOME (or ~/.config), /etc; or None."""
    if environ.get(VARIABLE):
        return Path(environ[VARIABLE])
    home = environ.get("XDG_CONFIG_HOME", "")
    if not Path(home).is_absolute():  # as the XDG specification demands
        home = str(Path(environ["HOME"]) / ".config") if environ.get("HOME") else ""
    places = [folder / NAME, *([Path(home) / "vedette" / NAME] if home else []), Path("/etc/vedette") / NAME]
    # An unreadable file is found and then refused: passing it over would change what is trusted without a word.
    return next((place for place in places if os.path.lexists(place)), None)


def load(
    path: str | Path | None = None,
    *,
    rules: Collection[str] | None = None,
    today: date | None = None,
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Settings:
    """The settings of the file at `path`, else of the one found by itself, else the built-in ones.

    With `rules`, entries that name another rule are refused. Raises SettingsError with every problem.
    """
    today = today or datetime.now(UTC).date()
    folder = folder or Path()
    found = Path(path) if path else find(environ, folder)
    if found is None:
        return _settle(Document("", None, ()), None, rules, today)
    name = str(found.relative_to(folder)) if found.parent == folder else str(found)
    try:
        documents = read_file(found, name)
    except YamlError as error:
        raise SettingsError((error.problem,)) from error
    return _settle(_only(documents, name), found.parent, rules, today)


def load_text(text: str | bytes, name: str, *, rules: Collection[str] | None = None, today: date) -> Settings:
    """The settings that `text` says; relative paths are taken from the working folder."""
    try:
        return _settle(_only(read_documents(text, name), name), Path(), rules, today)
    except YamlError as error:
        raise SettingsError((error.problem,)) from error


def load_case(base: Path, piece: Mapping[str, object], *, today: date) -> Settings:
    """The settings of the file `base` with those of a rule's case laid over: maps are merged, all else is replaced."""
    try:
        document = _only(read_file(base), str(base))
    except YamlError as error:
        raise SettingsError((error.problem,)) from error
    merged = _laid_over(document.value if isinstance(document.value, dict) else {}, piece)
    return _settle(Document(document.file, merged, document.lines), base.parent, None, today)


def _laid_over(base: Mapping[str, object], piece: Mapping[str, object]) -> dict[str, object]:
    merged = copy.deepcopy(dict(base))
    for key, value in piece.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, Mapping)
        merged[key] = _laid_over(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _only(documents: list[Document], name: str) -> Document:
    """The one document of a file; an empty file is an empty document."""
    if len(documents) > 1:
        place = documents[1]
        message = "a second document begins here; the settings are one"
        raise YamlError(Problem(name, place.line, 1, place.text(place.line), message, "remove the line ---"))
    return documents[0] if documents else Document(name, None, ())


def _settle(document: Document, folder: Path | None, rules: Collection[str] | None, today: date) -> Settings:
    """Read, check and merge. `folder` None: there is no file."""
    builtin = _only(read_file(DEFAULTS), "")
    defaults = read(builtin, Findings(builtin))
    findings = Findings(document)
    written = read(document, findings)
    allowlist, extra = _allowlist(written, folder, findings)
    has_lists = bool(written.networks) or allowlist is not None
    lists = dict(written.networks) if has_lists else dict(defaults.networks)
    reserved = (*RESERVED, *((ALLOWLIST,) if written.allowlist_from else ()))
    check_lists(written.networks, reserved, findings)
    if allowlist is not None:
        lists[ALLOWLIST] = allowlist.networks
        around = Findings(allowlist.document)
        check_lists({ALLOWLIST: allowlist.networks}, (), around)
        extra += around.problems
    check(written, [*lists, *RESERVED[:1]], rules, findings)
    check_takeaways(written, defaults, findings)
    note_expired(written, today, findings)
    problems = (*findings.problems, *extra)
    if any(problem.error for problem in problems):
        raise SettingsError(_sorted(problems))
    if has_lists:
        every = Networks.of([text for texts in lists.values() for text in texts])
        note_missing(every, lists, findings)
        problems = (*findings.problems, *extra)
    origins, automation = _automation(written, document, defaults)
    origins |= _origins(document, (), ())
    namespaces = _namespaces(written.sensitive_namespaces, defaults.sensitive_namespaces, document, origins)
    respond = _respond(written, document, defaults, origins)
    merged = replace(written, networks=lists, automation=automation, sensitive_namespaces=namespaces, respond=respond)
    settled = Settings(
        **{key.name: getattr(merged, key.name) for key in fields(Written)},
        file=document.file,
        problems=_sorted(problems),
        notes=_notes(document, folder, has_lists=has_lists),
        origins=origins,
    )
    return replace(settled, notes=(*settled.notes, *settled.lapsed(today)))


def _sorted(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column)))


def _allowlist(written: Written, folder: Path | None, findings: Findings) -> tuple[Allowlist | None, list[Problem]]:
    """Terraform's list, where the settings name one."""
    if not written.allowlist_from:
        return None, []
    path: YamlPath = ("allowlist_from",)
    try:
        return read_allowlist((folder or Path()) / written.allowlist_from, written.allowlist_from), []
    except NotAnAllowlist as error:
        if error.problem.line:
            return None, [error.problem]
        findings.error(path, f"{error.problem.file} {error.problem.message}", error.problem.mend)
        return None, []


def _automation(
    written: Written, document: Document, defaults: Written
) -> tuple[dict[YamlPath, Origin], tuple[Automation, ...]]:
    """The built-in entries, less what was taken away, then the user's, those that took away among them."""
    gone = {(rule, actor) for entry in written.automation if entry.off for rule in entry.rule for actor in entry.actor}
    origins: dict[YamlPath, Origin] = {}
    found: list[Automation] = []
    for entry in defaults.automation:
        kept = tuple(actor for actor in entry.actor if not any((rule, actor) in gone for rule in entry.rule))
        if kept:
            found.append(replace(entry, actor=kept))
    ours = len(found)
    for index, entry in enumerate(written.automation):
        if entry not in found:
            origins |= _origins(document, ("automation", index), ("automation", len(found)))
            found.append(entry)
    # What is not listed is built in; but the user's whole list has a place too, which must not stand for the rest.
    origins |= {("automation", index): Origin("", 0) for index in range(ours)}
    return origins, tuple(found)


def _namespaces(
    ours: SensitiveNamespaces, defaults: SensitiveNamespaces, document: Document, origins: dict[YamlPath, Origin]
) -> SensitiveNamespaces:
    """The built-in namespaces, less what was taken away, then the user's."""
    lists: dict[str, Texts] = {}
    for key in ("secrets", "exec"):
        said: Texts = getattr(ours, key)
        base = [text for text in getattr(defaults, key) if text not in ours.without]
        for index, text in enumerate(said):
            path: YamlPath = ("sensitive_namespaces", key)
            if text not in base:
                origins[*path, len(base)] = _origin(document, (*path, index))
                base.append(text)
        lists[key] = tuple(base)
    origins |= _origins(document, ("sensitive_namespaces", "without"), ("sensitive_namespaces", "without"))
    return SensitiveNamespaces(**lists, without=ours.without)


def _respond(written: Written, document: Document, defaults: Written, origins: dict[YamlPath, Origin]) -> Responding:
    """The built-in activities, less those that an entry of the same name replaces or takes away, then the user's."""
    ours = {entry.name for entry in written.respond.activities}
    found = [entry for entry in defaults.respond.activities if entry.name not in ours]
    at: YamlPath = ("respond", "activities")
    origins |= {(*at, index): Origin("", 0) for index in range(len(found))}
    for index, entry in enumerate(written.respond.activities):
        origins |= _origins(document, (*at, index), (*at, len(found)))
        found.append(entry)
    return replace(written.respond, activities=tuple(found))


def _origins(document: Document, of: YamlPath, to: YamlPath) -> dict[YamlPath, Origin]:
    """Where the values beneath `of` stand, by their path beneath `to`."""
    size = len(of)
    return {
        (*to, *path[size:]): Origin(document.file, line)
        for path, (line, _) in document.values.items()
        if path[:size] == of and (size or path[:1] not in (("automation",), ("sensitive_namespaces",), ("respond",)))
    }


def _origin(document: Document, path: YamlPath) -> Origin:
    return Origin(document.file, document.at(path, value=True)[0])


def _notes(document: Document, folder: Path | None, *, has_lists: bool) -> tuple[str, ...]:
    """Lines for stderr at every start: which defaults are in use."""
    if folder is None:
        return (_NO_FILE,)
    return () if has_lists else (f"{document.file} {_NO_NETWORKS}",)
