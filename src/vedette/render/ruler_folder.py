"""A folder of Loki's ruler: read as Loki reads it, and a file put into it whole or not at all.

Loki's local rule store takes every file of the folder for a rule file, whatever its name, and where one is not it loads
none of them (pkg/ruler/rulestore/local); sub-folders it passes over. What it refuses a file for was tried on 3.7.8.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from vedette.problem import Problem
from vedette.render.ruler_template import refused
from vedette.yaml_text import Document, YamlError, YamlPath, read_documents

_GROUP = ("name", "interval", "query_offset", "limit", "rules", "labels")
_RULE = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_SPAN = re.compile(r"(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_AT = re.compile(r"parse error at line (\d+), col (\d+): ")
_LARGEST = 16_000_000
"""Bytes of a rule file that are read; the pack's has 1 MB."""
_Holder = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query of a rule, for Loki to judge."""

    document: Document
    path: YamlPath
    text: str

    def problem(self, reason: str) -> Problem:
        """What Loki said against it, at its place."""
        offset = 0
        if found := _AT.match(reason):
            lines = self.text.split("\n")
            offset = sum(len(line) + 1 for line in lines[: int(found[1]) - 1]) + int(found[2]) - 1
            offset, reason = min(offset, len(self.text) - 1), reason[found.end() :]
        mend = "mend the query; it stops every rule of this folder"
        return self.document.problem(self.path, f"Loki cannot parse it: {reason}", mend, value=True, offset=offset)


@dataclass(slots=True)
class RuleFile:
    """One file of the folder."""

    name: str
    """With its folder, as it is shown."""
    data: bytes
    problems: list[Problem] = field(default_factory=list)
    """Why Loki would not load it; warnings too."""
    queries: list[Asked] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    """By name, in order."""


def read_folder(folder: Path, *, besides: str) -> list[RuleFile]:
    """Every file of the folder but the one called `besides`, by name. Raises OSError where there is no such folder."""
    found = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name == besides or entry.is_dir():
            continue
        path = folder / entry.name
        reason = "no regular file"
        try:
            # A pipe would never end.
            if stat.S_ISREG(path.stat().st_mode):
                found.append(read_rule_file(str(path), path.read_bytes()))
                continue
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
        mend = "Loki loads no rule while it is there; move it away"
        found.append(RuleFile(str(path), b"", [_bare(str(path), reason, mend)]))
    return found


def read_rule_file(name: str, data: bytes) -> RuleFile:
    """A rule file with all that Loki would refuse it for, but its queries."""
    file = RuleFile(name, data)
    try:
        documents = read_documents(data, name, most=_LARGEST)
    except YamlError as error:
        file.problems.append(error.problem)
        return file
    if not documents:
        file.problems.append(_bare(name, "an empty file is a broken one to Loki", "remove it, or write `groups: []`"))
        return file
    for line in range(1, documents[0].line):
        if documents[0].text(line).startswith("%"):
            text = "Loki takes no file with a line such as this one"
            file.problems.append(Problem(name, line, 1, documents[0].text(line), text, "remove it"))
    if len(documents) > 1:
        line = documents[1].line
        text = "Loki reads the first document of a file only; what stands from here on is not loaded"
        file.problems.append(Problem(name, line, 1, documents[1].text(line), text, "one file each", error=False))
    _read(documents[0], file)
    return file


def write_file(folder: Path, name: str, text: str) -> None:
    """Put `folder/name` there, whole and synced, in the place of what was there. Raises OSError.

    What is not finished lies in a sub-folder, for a file of the folder would be read as it is.
    """
    target = folder / name
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o644
    beside = Path(tempfile.mkdtemp(prefix=".vedette-", dir=folder))
    try:
        with (beside / name).open("w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), mode)
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        (beside / name).replace(target)
        holder = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(holder)
        finally:
            os.close(holder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _read(document: Document, file: RuleFile) -> None:
    whole = document.value
    if whole is None:
        return
    if not isinstance(whole, dict):
        file.problems.append(
            document.problem((), "a rule file is a mapping with `groups`", "groups: [...]", value=True)
        )
        return
    file.problems += _unknown(document, (), whole, ("groups",))
    names: dict[str, int] = {}
    for path, group in _items(document, ("groups",), whole.get("groups"), "groups", file.problems):
        name = _text(document, (*path, "name"), group.get("name"), file.problems)
        file.groups.append(name)
        if not name:
            file.problems.append(document.problem(path, "a group without a name", "name: …", value=True))
        elif name in names:
            message = f"the group {name!r} stands twice in this file (first on line {names[name]})"
            file.problems.append(document.problem((*path, "name"), message, "rename one"))
        names.setdefault(name, document.at((*path, "name"))[0])
        file.problems += _unknown(document, path, group, _GROUP)
        file.problems += _group(document, path, group)
        for at, rule in _items(document, (*path, "rules"), group.get("rules"), "rules", file.problems):
            _rule(document, at, rule, file)


def _group(document: Document, path: YamlPath, group: _Holder) -> Iterator[Problem]:
    yield from _spans(document, path, group, ("interval", "query_offset"))
    limit = group.get("limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
        yield document.problem((*path, "limit"), "a limit is a whole number", value=True)
    yield from _texts(document, (*path, "labels"), group.get("labels"))[1]


def _rule(document: Document, path: YamlPath, rule: _Holder, file: RuleFile) -> None:
    said = file.problems
    said += _unknown(document, path, rule, _RULE)
    record = _text(document, (*path, "record"), rule.get("record"), said)
    alert = _text(document, (*path, "alert"), rule.get("alert"), said)
    query = _text(document, (*path, "expr"), rule.get("expr"), said)
    if bool(record) is bool(alert):
        said.append(document.problem(path, "a rule has one of `alert` and `record`", value=True))
    if query:
        file.queries.append(Asked(document, (*path, "expr"), query))
    elif not isinstance(rule.get("expr"), dict | list):
        said.append(document.problem(path, "a rule without `expr`", "expr: the query", value=True))
    said += _spans(document, path, rule, ("for", "keep_firing_for"))
    labels, wrong = _texts(document, (*path, "labels"), rule.get("labels"))
    annotations, odd = _texts(document, (*path, "annotations"), rule.get("annotations"))
    said += [*wrong, *odd]
    for name in labels:
        if not _LABEL.fullmatch(name) or name == "__name__":
            said.append(document.problem((*path, "labels", name), f"{name!r} is no name for a label"))
    for name in annotations:
        if not _LABEL.fullmatch(name):
            said.append(document.problem((*path, "annotations", name), f"{name!r} is no name for an annotation"))
    said += _templates(document, path, {"labels": labels, "annotations": annotations} if alert else {})
    if record:
        said += _recorded(document, path, rule, record)


def _templates(document: Document, path: YamlPath, said: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    for key, texts in said.items():
        for name, text in texts.items():
            if reason := refused(text):
                yield document.problem((*path, key, name), f"no template: {reason}", value=True)


def _recorded(document: Document, path: YamlPath, rule: _Holder, record: str) -> Iterator[Problem]:
    if not _METRIC.fullmatch(record):
        yield document.problem((*path, "record"), f"{record!r} is no name for a metric", value=True)
    if rule.get("annotations"):
        yield document.problem((*path, "annotations"), "a recording rule has no annotations", "remove them")
    if rule.get("for") not in (None, 0, "0", "0s"):
        yield document.problem((*path, "for"), "a recording rule has no `for`", "remove it")


def _items(
    document: Document, path: YamlPath, value: object, key: str, problems: list[Problem]
) -> Iterator[tuple[YamlPath, _Holder]]:
    """The mappings of a list; what is none is a problem, and nothing is nothing."""
    if value is None:
        return
    if not isinstance(value, list):
        problems.append(document.problem(path, f"`{key}` is a list", "begin each with `- `"))
        return
    for at, item in enumerate(value):
        if isinstance(item, dict):
            yield (*path, at), item
        elif item is not None:
            problems.append(document.problem((*path, at), f"an entry of `{key}` is a mapping", value=True))


def _unknown(document: Document, path: YamlPath, holder: _Holder, known: Sequence[str]) -> Iterator[Problem]:
    for key in holder:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            mend = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
            yield document.problem((*path, key), f"Loki knows no `{key}` here", mend)


def _spans(document: Document, path: YamlPath, holder: _Holder, keys: Sequence[str]) -> Iterator[Problem]:
    for key in keys:
        value = holder.get(key)
        if value is None or (value == 0 and not isinstance(value, bool)) or value == "0":
            continue
        if not isinstance(value, str) or not value or not _SPAN.fullmatch(value):
            yield document.problem((*path, key), f"`{key}` is no span of time", "as 30s, 5m or 1h30m", value=True)


def _text(document: Document, path: YamlPath, value: object, problems: list[Problem]) -> str:
    """A scalar as the text that Go makes of it."""
    if isinstance(value, dict | list):
        problems.append(document.problem(path, f"`{path[-1]}` is a text", value=True))
        return ""
    return "" if value is None else str(value)


def _texts(document: Document, path: YamlPath, value: object) -> tuple[dict[str, str], list[Problem]]:
    problems: list[Problem] = []
    if value is None:
        return {}, problems
    if not isinstance(value, dict):
        return {}, [document.problem(path, f"`{path[-1]}` is a mapping of texts")]
    return {name: _text(document, (*path, name), text, problems) for name, text in value.items()}, problems


def _bare(file: str, message: str, mend: str) -> Problem:
    return Problem(file, 0, 0, "", message, mend)
