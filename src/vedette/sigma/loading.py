"""Loading: files become rules, and every mistake a `Problem`.

The order of files and of documents means nothing. A file with a mistake gives no rule at all; the others are loaded.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vedette.problem import Problem
from vedette.rule import Correlation, Detection, Rule, Severity
from vedette.schema import Schema
from vedette.sigma import correlations, detections, filters, header
from vedette.sigma.assembly import Assembly, check_proof, natural
from vedette.sigma.correlations import Correlations
from vedette.sigma.detections import Read
from vedette.sigma.filters import Applied, Filter
from vedette.sigma.header import Header
from vedette.sigma.refusal import Source
from vedette.sigma.site import Site
from vedette.yaml_text import Document, YamlError, read_file

_UNNAMED = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that is no rule here, with all that was understood of it."""

    file: str
    name: str
    """Of its first document, else the file's stem."""
    title: str
    severity: Severity | None
    """The loudest of its documents; None where no document could be read."""
    problems: tuple[Problem, ...]
    """Its errors, by line."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the files."""

    rules: tuple[Rule, ...]
    """By name, K10 after K9."""
    problems: tuple[Problem, ...]
    """By file and line; errors and warnings."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Documents that the settings leave without work -> why: "owner is not set"."""
    refused: tuple[Refused, ...] = ()
    """By name; their problems stand among `problems` too."""


def rule_files(path: Path) -> list[Path]:
    """The rule files at `path`: itself, or every .yml and .yaml beneath it but `cases.yaml`, in name order."""
    if not path.is_dir():
        return [path]
    found = (each for suffix in ("*.yml", "*.yaml") for each in path.rglob(suffix))
    return sorted(each for each in found if each.is_file() and each.name != "cases.yaml")


def load(
    files: Sequence[Path],
    schemas: Mapping[str, Schema],
    site: Site,
    filters: Sequence[Mapping[str, object]] = (),
    *,
    unproven: bool = False,
) -> Loaded:
    """The rules of `files`, with `filters` (Sigma filter documents) and those in the files put in.

    With `unproven` a rule needs no firing and quiet events beside it.
    """
    loader = _Loader(schemas, site)
    for path in sorted(set(files)):
        loader.read(path)
    for at, each in enumerate(filters):
        loader.read_filter(each, at)
    return loader.finish(unproven=unproven)


class _Loader:
    def __init__(self, schemas: Mapping[str, Schema], site: Site) -> None:
        self.schemas = schemas
        self.site = site
        self.paths: list[Path] = []
        self.problems: list[Problem] = []
        self.sources: list[Source] = []
        self.files: dict[Path, list[Header]] = {}
        """Detections and correlations by file."""
        self.by_file: dict[Path, list[Source]] = defaultdict(list)
        """Every document of a file."""
        self.filters: list[Filter] = []
        self.unread = False
        """Some file could not be read at all, so that an unknown name may be its."""

    def read(self, path: Path) -> None:
        """The headers of one file."""
        self.paths.append(path)
        try:
            documents = [each for each in read_file(path) if each.value is not None]
        except YamlError as error:
            self.problems.append(error.problem)
            self.unread = True
            return
        if not documents:
            self.problems.append(Problem(str(path), 0, 0, "", "the file holds no rule", "write one, or remove it"))
        self.files[path] = []
        for document in documents:
            self._read_document(document, path)
        _give_names(path, self.files[path])

    def read_filter(self, value: Mapping[str, object], at: int) -> None:
        """A filter that the settings made."""
        title = value.get("title")
        name = title if isinstance(title, str) else f"filter {at + 1} of the settings"
        self._read_document(Document(name, dict(value), (), 0), None)

    def _read_document(self, document: Document, path: Path | None) -> None:
        source = Source(document)
        self.sources.append(source)
        if path is not None:
            self.by_file[path].append(source)
        found: Header | None = None
        with source.whole():
            found = header.read(source)
            if found and found.kind == "filter":
                each = filters.read(found, from_file=path is not None)
                self.filters += [each] if each else []
        if found and found.kind == "filter":
            return
        if found and path is not None:
            self.files[path].append(found)
        elif path is not None:
            self.unread = True

    def finish(self, *, unproven: bool) -> Loaded:
        """Everything that needs all files to have been read."""
        headers = self._register()
        joined = {self.by_reference.get(name, name) for each in headers for name in correlations.references(each)}
        quiet = joined - {
            self.by_reference.get(name, name)
            for each in headers
            if correlations.generates(each)
            for name in correlations.references(each)
        }
        reads: dict[str, Read] = {}
        for each in headers:
            if each.kind == "detection":
                self._read_detection(each, reads, joined, quiet)
        by_correlation = self._read_correlations(headers, reads)
        found = self._filtered(headers, reads)
        if not unproven:
            for path, own in self.files.items():
                check_proof(path, own)
        assembly = Assembly(self.site, found, by_correlation, {name: each.needs for name, each in reads.items()})
        rules: list[Rule] = []
        for path, own in self.files.items():
            made = assembly.rules(path, own)
            # A mistake in one document of a file is one in all: what it meant to say of the others is not known.
            if not any(source.broken for source in self.by_file[path]):
                rules += made
        problems = [*self.problems, *(problem for source in self.sources for problem in source.problems)]
        problems.sort(key=lambda each: (each.file, each.line, each.column, each.message))
        rules.sort(key=lambda each: natural(each.name))
        problems = list(dict.fromkeys(problems))
        return Loaded(tuple(rules), tuple(problems), assembly.left_out, tuple(self._refused(problems)))

    def _refused(self, problems: Sequence[Problem]) -> list[Refused]:
        """Every file with an error in it."""
        errors: dict[str, list[Problem]] = defaultdict(list)
        for problem in problems:
            if problem.error:
                errors[problem.file].append(problem)
        found = []
        for path in self.paths:
            if own := errors.get(str(path)):
                headers = self.files.get(path, [])
                name, title = next(((each.rule, each.title) for each in headers), (path.stem, ""))
                loudest = max((each.severity for each in headers), default=None)
                found.append(Refused(str(path), name, title, loudest, tuple(own)))
        return sorted(found, key=lambda each: natural(each.name))

    def _register(self) -> list[Header]:
        """Every document by its name and id, each of which must be its alone."""
        headers: list[Header] = []
        self.by_reference: dict[str, str] = {}
        rules: dict[str, tuple[Path, Header]] = {}
        ids: dict[str, Header] = {}
        names: dict[str, Header] = {}
        for path, own in self.files.items():
            for each in own:
                headers.append(each)
                if not each.name:
                    continue
                self._check_single(each, "name", names.setdefault(each.name, each))
                if each.id:
                    self._check_single(each, "id", ids.setdefault(each.id, each))
                    self.by_reference.setdefault(each.id, each.name)
                self.by_reference[each.name] = each.name
                where, first = rules.setdefault(each.rule, (path, each))
                if where != path and names[each.name] is each:
                    message = f"documents of rule {each.rule} stand in another file too: {_place(first)}"
                    self._note(each, "name", message, "put them into one file, or rename these")
        return headers

    def _check_single(self, each: Header, key: str, first: Header) -> None:
        if first is not each:
            self._note(each, key, f"the {key} stands twice: {_place(first)}", "give each document its own")

    def _note(self, each: Header, key: str, message: str, mend: str) -> None:
        each.source.problems.append(each.source.document.problem((key,), message, mend, value=True))

    def _read_detection(self, each: Header, reads: dict[str, Read], joined: set[str], quiet: set[str]) -> None:
        if each.alerts is False and each.name not in joined:
            path = ("vedette", "alerts")
            message = "the document does not alert, and no correlation reads it"
            each.source.problems.append(each.source.document.problem(path, message, "remove alerts: false"))
        found: Read | None = None
        with each.source.whole():
            found = detections.read(each, each.name, self.schemas, self.site)
        if found is None:
            return
        if each.alerts is None and each.name in quiet:
            # Sigma: what a correlation joins alerts by itself only where the correlation says generate: true.
            found = replace(found, detection=replace(found.detection, alerts=False))
        reads[each.name] = found

    def _read_correlations(self, headers: Sequence[Header], reads: Mapping[str, Read]) -> dict[str, Correlation]:
        names = frozenset(each.name for each in headers if each.kind == "correlation")
        reader = Correlations(reads, self.by_reference, names)
        found: dict[str, Correlation] = {}
        for each in headers:
            if each.kind == "correlation":
                with each.source.whole():
                    correlation = reader.read(each, each.name)
                    if correlation:
                        found[each.name] = correlation
        return found

    def _filtered(self, headers: Sequence[Header], reads: Mapping[str, Read]) -> dict[str, Detection]:
        """The detections with the filters put in."""
        found = {name: each.detection for name, each in reads.items()}
        named: dict[str, list[str]] = defaultdict(list)
        for each in headers:
            for name in {each.name, each.id, each.rule} - {""}:
                named[name] += [each.name] if each.kind == "detection" else []
        Applied(self.schemas, self.site, unread=self.unread).apply(self.filters, found, named)
        return found


def _give_names(path: Path, headers: Sequence[Header]) -> None:
    """A document without a name has that of its file; among several only one may be without."""
    nameless = [each for each in headers if not each.name]
    stem = path.parent.name if path.stem == "rule" else path.stem
    if len(nameless) == 1:
        nameless[0].name = _UNNAMED.sub("_", stem) or "rule"
        return
    for each in nameless:
        problem = each.source.document.problem(("title",), "a document among several needs a name", f"add name: {stem}")
        each.source.problems.append(problem)


def _place(each: Header) -> str:
    return f"{each.source.document.file}:{each.line}"
