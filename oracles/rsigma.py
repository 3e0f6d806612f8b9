"""rsigma (a Sigma engine in Rust) as an oracle: the pack's rules in its words, and its verdicts.

rsigma knows Sigma and array blocks, but neither named lists nor `innet` nor `subsetof`. So placeholders are written
out, `innet` becomes `cidr` with the list's networks, field aliases are resolved, dots in keys become `_`, `vedette:` is
dropped; what it cannot say is left out, with the reason.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

NEVER = "no-such-value-9b1c7e"
"""Stands for an empty list, which never matches."""
_PLACEHOLDER = re.compile(r"%(\w+)%")

_DOTTED = re.compile(r'\["([^"]+)"\]')

Document = dict[str, Any]


class CannotSay(Exception):
    """rsigma has no words for it; `str()` is the reason."""


def program() -> str | None:
    """The rsigma binary: VEDETTE_RSIGMA, else on PATH."""
    named = os.environ.get("VEDETTE_RSIGMA")
    return named if named and os.access(named, os.X_OK) else shutil.which("rsigma")


class Rewriter:
    """Rewrites documents for one site (the named lists) and one format (its aliases)."""

    def __init__(
        self,
        texts: Mapping[str, Sequence[str]],
        networks: Mapping[str, Sequence[str]],
        aliases: Mapping[str, str],
        renamed: Mapping[str, str] | None = None,
    ) -> None:
        self._texts = texts
        self._networks = networks
        self._names = {**aliases, **(renamed or {})}

    def document(self, document: Document) -> Document:
        """A detection document in rsigma's words. Raises CannotSay."""
        if "detection" not in document:
            raise CannotSay("a correlation")
        kept: Document = {
            key: document[key]
            for key in ("title", "id", "name", "sigma-version", "logsource", "level")
            if key in document
        }
        detection = document["detection"]
        kept["detection"] = {key: body if key == "condition" else self._body(body) for key, body in detection.items()}
        return kept

    def _body(self, body: Any) -> Any:
        if isinstance(body, list):
            return [self._body(one) for one in body]
        if isinstance(body, dict):
            return dict(self._item(key, value) for key, value in body.items())
        return body

    def _item(self, key: str, value: Any) -> tuple[str, Any]:
        name, *modifiers = key.split("|")
        name = self._field(name)
        if isinstance(value, dict):
            return name, self._body(value)
        if "subsetof" in modifiers:
            raise CannotSay("subsetof")
        values = value if isinstance(value, list) else [value]
        if "expand" in modifiers:
            modifiers.remove("expand")
            values = [text for one in values for text in self._expanded(str(one))] or [NEVER]
        if "innet" in modifiers:
            modifiers[modifiers.index("innet")] = "cidr"
            values = [cidr for one in values for cidr in self._cidrs(str(one))]
        if "fieldref" in modifiers:
            values = [self._field(str(one)) for one in values]
        if "all" in modifiers and len(values) == 1:
            modifiers.remove("all")  # rsigma refuses it before a single value, which a list of the settings may hold
        return "|".join([name, *modifiers]), values if isinstance(value, list) or len(values) != 1 else values[0]

    def _field(self, name: str) -> str:
        name = _DOTTED.sub(lambda key: "." + key[1].replace(".", "_"), name)
        bare, bracket, rest = name.partition("[")
        return self._names.get(bare, bare) + bracket + rest

    def _expanded(self, text: str) -> Iterator[str]:
        lists = [self._texts.get(name, ()) for name in _PLACEHOLDER.findall(text)]
        for chosen in itertools.product(*lists):
            given = iter(chosen)
            yield _PLACEHOLDER.sub(lambda _: re.sub(r"([\\*?])", r"\\\1", next(given)), text)  # noqa: B023

    def _cidrs(self, name: str) -> Sequence[str]:
        found = self._networks.get(name, ())
        # An empty list: a network that no address of a test lies in.
        return found or ["192.0.2.255/32"]


def cidrs(ranges4: Sequence[tuple[int, int]], ranges6: Sequence[tuple[int, int]]) -> list[str]:
    """The networks of inclusive ranges."""
    found: list[str] = []
    for low, high in ranges4:
        found += map(str, ipaddress.summarize_address_range(ipaddress.IPv4Address(low), ipaddress.IPv4Address(high)))
    for low, high in ranges6:
        found += map(str, ipaddress.summarize_address_range(ipaddress.IPv6Address(low), ipaddress.IPv6Address(high)))
    return found


def undotted(value: Any) -> Any:
    """`value` with `_` for every dot in a key, which rsigma would take for a step of a path."""
    if isinstance(value, Mapping):
        return {key.replace(".", "_"): undotted(one) for key, one in value.items()}
    return [undotted(one) for one in value] if isinstance(value, list | tuple) else value


def write_rules(folder: Path, documents: Sequence[Document]) -> None:
    """A file a document."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, document in enumerate(documents):
        (folder / f"{number:04d}.yml").write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False))


def command(binary: str, rules: Path, events: Path) -> list[str]:
    """How rsigma evaluates a file of JSON lines."""
    return [
        binary,
        "engine",
        "eval",
        "-r",
        str(rules),
        "-e",
        f"@{events}",
        "--input-format",
        "json",
        "--no-stats",
        "-q",
    ]


def verdicts(binary: str, documents: Sequence[Document], events: Sequence[Mapping[str, Any]]) -> set[tuple[str, int]]:
    """(rule id, index of the event) for each match."""
    with tempfile.TemporaryDirectory() as folder:
        write_rules(Path(folder) / "rules", documents)
        lines = Path(folder) / "events.jsonl"
        lines.write_text(
            "".join(json.dumps({**undotted(event), "_n": number}) + "\n" for number, event in enumerate(events))
        )
        call = [*command(binary, Path(folder) / "rules", lines), "--include-event"]
        done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode != 0:
            raise RuntimeError(f"rsigma: exit {done.returncode}: {done.stderr[-600:]}")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return {(one["rule_id"], one["event"]["_n"]) for one in found}
