"""Policy reading: the YAML of an audit policy in, an `AuditPolicy` or problems with their places out.

What kube-apiserver refuses is refused (reader.go and validation.go of 1.34.4, LoadPolicyFromFile), what it passes
over with a line in its own log (a key that it does not know) is a warning. The server reads YAML 1.1, in which a bare
`no` is no text; that is said where it matters. A key that stands twice and a merge key, which it takes, are refused.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from vedette.problem import Problem
from vedette.proof.audit_policy import LEVELS, STAGES, AuditPolicy, GroupResources, Level, PolicyRule
from vedette.yaml_text import Document, YamlError, YamlPath, read_documents

VERSION = "audit.k8s.io/v1"
"""The only version that 1.24 and later read."""
_MARK = "audit.k8s.io/"
_POLICY = frozenset({"apiVersion", "kind", "metadata", "rules", "omitStages", "omitManagedFields"})
_RULE = frozenset(
    {
        "level",
        "users",
        "userGroups",
        "verbs",
        "resources",
        "namespaces",
        "nonResourceURLs",
        "omitStages",
        "omitManagedFields",
    }
)
_RESOURCE = frozenset({"group", "resources", "resourceNames"})
_DNS_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*\Z")
_LONGEST_GROUP = 253
_NO_TEXT = re.compile(
    r"(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|y|Y|n|N)\Z"
    r"|[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)\Z"
)
"""Bare words that YAML 1.1 takes for a truth value or a number, and 1.2 for a text."""


class PolicyError(ValueError):
    """A policy that is not read; `problems` say what, where and how to mend it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(one) for one in problems))
        self.problems = problems


def read_policy(text: str | bytes, file: str) -> AuditPolicy:
    """The policy in `text`, or in the one ConfigMap of it that holds one. Raises PolicyError."""
    try:
        document = _document(text, file)
    except YamlError as error:
        raise PolicyError((error.problem,)) from error
    return _Reader(document).policy()


def _document(text: str | bytes, file: str) -> Document:
    documents = [one for one in read_documents(text, file) if one.value is not None]
    if not documents:
        problem = Problem(
            file, 0, 0, "", "is empty: no audit policy", f"begin with apiVersion: {VERSION}, kind: Policy"
        )
        raise PolicyError((problem,))
    maps = [one for one in documents if isinstance(one.value, dict) and one.value.get("kind") == "ConfigMap"]
    held = [policy for one in maps for policy in _in_config_map(one, file)]
    if len(held) > 1:
        second = held[1]
        raise PolicyError((second.problem((), "a second audit policy in one file", "give a file with one of them"),))
    if held:
        return held[0]
    if maps and len(maps) == len(documents):
        keys = ", ".join(str(key) for key in _data(maps[0])) or "nothing"
        message = f"the ConfigMap holds no audit policy (data: {keys})"
        raise PolicyError((maps[0].problem((), message, "one key of data holds the whole policy as a text"),))
    return documents[0]


def _data(document: Document) -> Mapping[str, object]:
    data = document.value.get("data") if isinstance(document.value, dict) else None
    return data if isinstance(data, dict) else {}


def _in_config_map(document: Document, file: str) -> list[Document]:
    found: list[Document] = []
    for key, text in _data(document).items():
        if isinstance(text, str) and _MARK in text and "Policy" in text:
            inner = [one for one in read_documents(_in_place(document, key, text), file) if one.value is not None]
            found += inner[:1]
    return found


def _in_place(document: Document, key: str, text: str) -> str:
    """A text of a ConfigMap with as many lines and spaces in front as in the file: its places are the file's."""
    line, column = document.at(("data", key), value=True)
    if document.text(line)[column - 1 : column] == "|" and "\n---" not in f"\n{text}":
        first = next((one for one in document.lines[line:] if one.strip()), "")
        text = textwrap.indent(text, " " * (len(first) - len(first.lstrip(" "))))
    return "\n" * line + text


class _Reader:
    """Reads one policy and gathers every problem before it gives up."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def policy(self) -> AuditPolicy:
        root = self.document.value
        if not isinstance(root, dict):
            self._wrong((), "an audit policy is a mapping of keys", f"begin with apiVersion: {VERSION}, kind: Policy")
            raise PolicyError(tuple(self.problems))
        self._head(root)
        self._known((), root, _POLICY)
        listed = self._list((), root, "rules")
        policy = AuditPolicy(
            rules=tuple(self._rule(("rules", at), one) for at, one in enumerate(listed)),
            omit_stages=self._stages((), root),
            omit_managed_fields=bool(self._flag((), root)),
            file=self.document.file,
            warnings=tuple(self.warnings),
        )
        if not listed and not self.problems:
            self._wrong(
                ("rules",), "there are no rules; the API server does not start so", "add one: - level: Metadata"
            )
        if self.problems:
            raise PolicyError(tuple(self.problems))
        return policy

    def _head(self, root: Mapping[str, Any]) -> None:
        version, kind = (self._text((key,), root.get(key)) for key in ("apiVersion", "kind"))
        if version != VERSION:
            shown = f"apiVersion is {version}" if version else "apiVersion is missing"
            self._wrong(("apiVersion",), f"{shown}; the API server reads {VERSION}", f"apiVersion: {VERSION}")
        if kind not in ("Policy", ""):
            self._wrong(("kind",), f"kind is {kind}, not Policy", "kind: Policy")
        metadata = root.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            self._wrong(("metadata",), "metadata is no mapping", "metadata: {name: audit}")
        for key in ("name", "namespace", "generateName", "uid", "resourceVersion", "selfLink"):
            if isinstance(metadata, dict):
                self._text(("metadata", key), metadata.get(key))
        for key in ("labels", "annotations"):
            held = metadata.get(key) if isinstance(metadata, dict) else None
            if held is not None and not isinstance(held, dict):
                self._wrong(("metadata", key), f"{key} is no mapping")
            for name, text in held.items() if isinstance(held, dict) else ():
                self._text(("metadata", key, name), text)

    def _rule(self, at: YamlPath, rule: object) -> PolicyRule:
        line = self.document.at(at, value=True)[0]
        if rule is None:
            rule = {}
        if not isinstance(rule, dict):
            self._wrong(at, "a rule is a mapping with a level", "- level: Metadata")
            return PolicyRule(Level.NONE, line=line)
        self._known(at, rule, _RULE)
        urls = self._texts(at, rule, "nonResourceURLs")
        for number, url in enumerate(urls):
            self._url((*at, "nonResourceURLs", number), url)
        resources = tuple(
            self._resource((*at, "resources", number), one)
            for number, one in enumerate(self._list(at, rule, "resources"))
        )
        namespaces = self._texts(at, rule, "namespaces")
        if urls and (resources or namespaces):
            message = "a rule is for resources or for nonResourceURLs, not for both"
            self._wrong((*at, "nonResourceURLs"), message, "make two rules of it")
        return PolicyRule(
            level=self._level(at, rule),
            users=self._texts(at, rule, "users"),
            user_groups=self._texts(at, rule, "userGroups"),
            verbs=self._texts(at, rule, "verbs"),
            resources=resources,
            namespaces=namespaces,
            non_resource_urls=urls,
            omit_stages=self._stages(at, rule),
            omit_managed_fields=self._flag(at, rule),
            line=line,
        )

    def _level(self, at: YamlPath, rule: Mapping[str, Any]) -> Level:
        path = (*at, "level")
        text = self._text(path, rule.get("level"))
        if text in LEVELS:
            return Level(LEVELS.index(text))
        if text is not None:
            near = difflib.get_close_matches(text, LEVELS, n=1, cutoff=0.4) or ["Metadata"]
            message = f"the level {text!r} does not exist" if text else "the rule has no level"
            self._wrong(path, f"{message}; there are {', '.join(LEVELS)}", f"level: {near[0]}", value=bool(text))
        return Level.NONE

    def _url(self, path: YamlPath, url: str) -> None:
        if url == "*":
            return
        if not url.startswith("/"):
            self._wrong(path, f"the path {url!r} does not begin with /", f"/{url}", value=True)
        if "*" in url[:-1]:
            self._wrong(
                path, f"in the path {url!r} a * stands before the end", "one * as the last character", value=True
            )

    def _resource(self, at: YamlPath, held: object) -> GroupResources:
        if held is None:
            held = {}
        if not isinstance(held, dict):
            self._wrong(at, "an entry of resources is a mapping", '- {group: "", resources: [secrets]}')
            return GroupResources()
        self._known(at, held, _RESOURCE)
        group = self._text((*at, "group"), held.get("group")) or ""
        if group and (len(group) > _LONGEST_GROUP or not _SUBDOMAIN.match(group)):
            mend = f"group: {group.partition('/')[0].lower()}"
            self._wrong((*at, "group"), f"{group!r} is no API group (no version, small letters)", mend, value=True)
        resources = self._texts(at, held, "resources")
        names = self._texts(at, held, "resourceNames")
        if names and not resources:
            self._wrong((*at, "resourceNames"), "resourceNames needs resources beside it", "resources: [configmaps]")
        return GroupResources(group, resources, names)

    def _stages(self, at: YamlPath, held: Mapping[str, Any]) -> frozenset[str]:
        found = self._texts(at, held, "omitStages")
        for number, stage in enumerate(found):
            if stage not in STAGES:
                near = difflib.get_close_matches(stage, STAGES, n=1, cutoff=0.4) or [STAGES[0]]
                message = f"the stage {stage!r} does not exist; there are {', '.join(STAGES)}"
                self._wrong((*at, "omitStages", number), message, near[0], value=True)
        return frozenset(found)

    def _flag(self, at: YamlPath, held: Mapping[str, Any]) -> bool | None:
        path = (*at, "omitManagedFields")
        value = held.get("omitManagedFields")
        if isinstance(value, str) and re.match(r"(?:yes|on|y)\Z", value, re.IGNORECASE) and self._bare(path):
            return True
        if isinstance(value, str) and re.match(r"(?:no|off|n)\Z", value, re.IGNORECASE) and self._bare(path):
            return False
        if value is not None and not isinstance(value, bool):
            self._wrong(path, "omitManagedFields is true or false", "omitManagedFields: true", value=True)
            return None
        return value

    def _list(self, at: YamlPath, held: Mapping[str, Any], key: str) -> list[Any]:
        value = held.get(key)
        if value is None or isinstance(value, list):
            return value or []
        self._wrong((*at, key), f"{key} is a list", f"{key}: [...]")
        return []

    def _texts(self, at: YamlPath, held: Mapping[str, Any], key: str) -> tuple[str, ...]:
        listed = self._list(at, held, key)
        return tuple(self._text((*at, key, number), one) or "" for number, one in enumerate(listed))

    def _text(self, path: YamlPath, value: object) -> str | None:
        """The text at `path`; "" for null, as Go has it; None where it is no text, which is a problem."""
        if value is None:
            return ""
        if isinstance(value, str) and not (_NO_TEXT.match(value) and self._bare(path)):
            return value
        shown = str(value).lower() if isinstance(value, bool) else str(value)[:40]
        if isinstance(value, dict | list):
            self._wrong(path, "a text is wanted here, not a collection", "one text an item", value=True)
        else:
            self._wrong(path, f"{shown} is no text to the API server (YAML 1.1)", f'quote it: "{shown}"', value=True)
        return None

    def _bare(self, path: YamlPath) -> bool:
        """True where the scalar at `path` stands without quotes; what stands beneath an alias is taken as quoted."""
        if path not in self.document.values:
            return False
        line, column = self.document.values[path]
        return self.document.text(line)[column - 1 : column] not in ("'", '"', "|", ">", "!", "*", "&")

    def _known(self, at: YamlPath, held: Mapping[str, Any], keys: frozenset[str]) -> None:
        for key in held:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
                message = f"the API server does not know the key {key!r} and passes over it"
                mend = f"{near[0]}:" if near else f"there are {', '.join(sorted(keys))}"
                self.warnings.append(self.document.problem((*at, key), message, mend, error=False))

    def _wrong(self, path: YamlPath, message: str, mend: str = "", *, value: bool = False) -> None:
        self.problems.append(self.document.problem(path, message, mend, value=value))
