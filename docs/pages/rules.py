"""docs/reference/rules.md, the pack at a glance, and docs/rules/<name>.md, each rule's runbook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from pages.markdown import bullets, code, header, table
from vedette import app
from vedette.cases import SETTINGS
from vedette.rule import Needs, Rule
from vedette.settings import load_case

_INTRODUCTION = """
The rules that come with vedette. Each has its page under [docs/rules](../rules) with the runbook; `vedette rules show NAME` prints the same.
**Needs** is what must be logged for the rule to be able to fire; **blind spots** are what it cannot see even then;
**second sources** are what else would tell of the same act.
"""
_SOURCES = {"kubernetes": "Kubernetes", "vault": "Vault and OpenBao", "ssh": "Host"}
_TECHNIQUE = re.compile(r"attack\.t\d{4}(\.\d{3})?")


@cache
def pack() -> tuple[Rule, ...]:
    """The pack, read with the settings under which its cases are judged; K2 before K10."""
    loaded = app.load_rules(load_case(SETTINGS, {}, today=datetime.now(UTC).date()))
    return tuple(
        sorted(app.usable_rules(loaded), key=lambda rule: ([*_SOURCES].index(_shelf(rule)), int(rule.name[1:])))
    )


def page() -> str:
    """The whole page."""
    said = [header("Rules", "the rule pack"), _INTRODUCTION, "\n", _glance(pack())]
    for shelf, title in _SOURCES.items():
        said.append(f"\n## {title}\n")
        said += [f"\n### {rule.name}: {rule.title}\n\n{_summary(rule)}" for rule in pack() if _shelf(rule) == shelf]
    return "".join(said)


def runbooks() -> dict[str, str]:
    """Path under docs/ -> each rule's page: what it is, then its runbook as it stands in its folder."""
    return {f"rules/{rule.name.lower()}.md": _runbook(rule) for rule in pack()}


def _shelf(rule: Rule) -> str:
    assert rule.folder is not None
    return rule.folder.parent.name


def _glance(rules: tuple[Rule, ...]) -> str:
    rows = (
        (
            f"[{rule.name}](../rules/{rule.name.lower()}.md)",
            str(rule.severity),
            rule.title,
            _techniques(rule),
            _cases(rule),
        )
        for rule in rules
    )
    return table(("rule", "severity", "title", "ATT&CK", "cases"), rows)


def _techniques(rule: Rule) -> str:
    return ", ".join(tag.removeprefix("attack.").upper() for tag in rule.tags if _TECHNIQUE.fullmatch(tag))


def _cases(rule: Rule) -> str:
    assert rule.folder is not None
    fires, quiet = (
        sum(1 for line in (rule.folder / f"{kind}.jsonl").read_text("utf-8").splitlines() if line.strip())
        for kind in ("fires", "quiet")
    )
    return f"{fires} fire, {quiet} quiet"


def _summary(rule: Rule) -> str:
    said = [f"{' '.join(rule.description.split())}\n\n", f"Severity {rule.severity}. {_cases(rule)}.\n"]
    parts: Mapping[str, tuple[str, ...]] = {
        "Needs": tuple(map(_need, rule.needs)),
        "Blind spots": rule.blind_spots,
        "Second sources": rule.second_sources,
        "ATT&CK": (", ".join(code(tag.removeprefix("attack.")) for tag in rule.tags),) if rule.tags else (),
    }
    said += [f"\n{title}:\n\n{bullets(texts)}" for title, texts in parts.items() if texts]
    return "".join(said)


def _need(need: Needs) -> str:
    said = [code(need.format)]
    if need.level:
        said.append(f"level {need.level} or more")
    if need.stages:
        said.append(f"stage {' or '.join(need.stages)}")
    if need.fields:
        said.append(f"fields {', '.join(map(code, need.fields))}")
    return "; ".join(said)


def _runbook(rule: Rule) -> str:
    assert rule.folder is not None
    place = f"src/vedette/rules/{_shelf(rule)}/{rule.folder.name}"
    text = (rule.folder / "runbook.md").read_text("utf-8")
    title, _, rest = text.partition("\n")
    head = header(title.removeprefix("# "), f"{place}/runbook.md")
    return f"{head}\n{_summary(rule)}\n{rest.strip()}\n"
