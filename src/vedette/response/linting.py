"""Linting: what in a runbook would fail the person who reads it at night, said with file and line beforehand.

Held against the rule's own firing cases: what these leave empty, a real alert most likely leaves empty too.
"""

from __future__ import annotations

import difflib
import re
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from vedette import runbook
from vedette.actions.base import Kind, Refused, arguments
from vedette.alert import record
from vedette.cases import RulesUnder, alerts_of, firing_cases, settings_for
from vedette.event import Event
from vedette.formats.base import TrustedProxy
from vedette.problem import Problem
from vedette.response.details import details_of
from vedette.response.shell_text import BARE, QUOTED, commands, only
from vedette.rule import Rule
from vedette.runbook import HEADINGS, PLACEHOLDER, PLACEHOLDERS, Line
from vedette.scan import Plan, Scanner

_SPAN = re.compile(r"`([^`]+)`")
_ANGLES = re.compile(r"<[A-Za-z][\w -]*>")
_NAME = re.compile(r"[a-z][a-z_-]*")
_OURS = frozenset({"alert", "first_seen", "last_seen"})
"""Placeholders that no log's text fills."""

Parses = Callable[[Sequence[str]], Namespace | str]
"""The words of a command behind `vedette` -> what they mean, or why they mean nothing."""
Syntax = Callable[[str], tuple[int, str] | None]
"""A text of the shell -> line, from 0, and fault; None: there is none."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a runbook is held against."""

    parses: Parses
    kinds: Mapping[str, Kind]
    """Actions by name."""
    syntax: Syntax | None
    """None: there is no shell here to ask."""


@dataclass(slots=True)
class Looked:
    """What was found in one runbook."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is no mistake but good to know, a clause each."""


def words_of_cases(rule: Rule, under: RulesUnder) -> list[dict[str, str]]:
    """What fills the placeholders in each alert of the rule's firing cases. Raises BadCase."""
    found = []
    for case in firing_cases(rule):
        settings = settings_for(case)
        subject = under(settings).get(rule.name)
        if subject is None:
            continue
        proxies = tuple(TrustedProxy(one.identities, one.networks) for one in settings.proxies())
        acts: dict[str, list[Event]] = {}
        for event in Scanner(Plan((), proxies)).events_in([case.lines]):
            acts.setdefault(event.act, []).append(event)
        for alert in alerts_of(case.lines, subject, settings):
            said = {**record(alert), "id": alert.id}
            found.append(runbook.values_of(said, details_of(acts.get(alert.act, ()))))
    return found


def look(file: str, text: str, cases: Sequence[Mapping[str, str]], tools: Tools) -> Looked:
    """Everything wrong in the runbook `text`; `cases`: as `words_of_cases` gives them."""
    found = Looked()
    lines = list(runbook.lines(text))
    for number, column, message, mend in [
        *_headings(lines),
        *_unknown(lines),
        *_blocks(lines, cases, tools),
        *_spans(lines, tools),
        *_unfilled(lines, cases, found.notes),
    ]:
        shown = lines[number - 1].text if number else ""
        found.problems.append(Problem(file, number, column, shown, message, mend))
    found.problems.sort(key=lambda one: (one.line, one.column))
    if not cases:
        found.notes.append("no firing case, so that nobody can tell which placeholders an alert fills")
    if tools.syntax is None and any(line.block == "sh" for line in lines):
        found.notes.append("no sh is here, so that the syntax of its sh blocks was not looked at")
    return found


Fault = tuple[int, int, str, str]
"""Line and column from 1, what is wrong, what to write."""


def _headings(lines: Sequence[Line]) -> Iterator[Fault]:
    order = ", ".join(HEADINGS)
    found = [line for line in lines if line.heading]
    known: list[Line] = []
    for line in found:
        name = line.section
        if name not in HEADINGS:
            near = difflib.get_close_matches(name, HEADINGS, n=1)
            yield line.number, 4, f"{name!r} is no heading of a runbook", f"write {near[0]!r}" if near else order
        elif any(one.section == name for one in known):
            yield line.number, 4, f"a second heading {name!r}", "put both together"
        else:
            if known and HEADINGS.index(known[-1].section) > HEADINGS.index(name):
                yield line.number, 4, f"{name!r} stands behind {known[-1].section!r}", f"the order is {order}"
            known.append(line)
    for name in HEADINGS:
        here = next((line for line in known if line.section == name), None)
        if here is None:
            later = HEADINGS[HEADINGS.index(name) + 1 :]
            at = next((line.number for line in known if line.section in later), len(lines))
            yield at, 1, f"no heading {name!r} before here", f"the headings are {order}"
        elif not any(line.section == name and not line.mark and line.text.strip() for line in lines):
            yield here.number, 4, f"nothing stands under {name!r}", "say it, or why there is nothing to say"


def _unknown(lines: Sequence[Line]) -> Iterator[Fault]:
    for line in lines:
        for hole in PLACEHOLDER.finditer(line.text):
            if hole[1] not in PLACEHOLDERS:
                near = difflib.get_close_matches(hole[1], PLACEHOLDERS, n=1)
                mend = f"write {{{{{near[0]}}}}}" if near else f"there are {', '.join(PLACEHOLDERS)}"
                yield line.number, hole.start() + 1, f"{{{{{hole[1]}}}}} is no placeholder", mend


def _unfilled(lines: Sequence[Line], cases: Sequence[Mapping[str, str]], notes: list[str]) -> Iterator[Fault]:
    """Placeholders that no alert of the firing cases fills; those that only some fill are noted."""
    partly: dict[str, int] = {}
    for line in lines:
        for hole in PLACEHOLDER.finditer(line.text):
            name = hole[1]
            if name not in PLACEHOLDERS or not cases:
                continue
            filled = sum(1 for one in cases if one[name])
            if not filled:
                message = f"{{{{{name}}}}} is filled by none of the rule's {len(cases)} firing cases"
                mend = "take it out, or add a case whose event says it (fires.jsonl)"
                yield line.number, hole.start() + 1, message, mend
            elif filled < len(cases):
                partly[name] = filled
    if partly:
        said = ", ".join(f"{{{{{name}}}}} ({filled} of {len(cases)})" for name, filled in partly.items())
        notes.append(f"only some alerts of the firing cases fill {said}")


def _blocks(lines: Sequence[Line], cases: Sequence[Mapping[str, str]], tools: Tools) -> Iterator[Fault]:
    # A fence belongs to its block where it opens one; where it closes one its block is None already.
    for block, held in groupby(lines, key=lambda line: line.block):
        group = list(held)
        inside = [line for line in group if not line.mark]
        if block is None or not group:
            continue
        if group[-1] is lines[-1]:
            yield group[0].number, 1, "a code block that does not end", "close it by ```"
        if block == "sh" and inside:
            yield from _shell(inside, cases, tools)
        elif block == "logql":
            for line in inside:
                yield from _logql(line)
        else:
            for line in inside:
                if hole := PLACEHOLDER.search(line.text):
                    message = f"a placeholder in a block of {block or 'no language'} is not quoted"
                    yield line.number, hole.start() + 1, message, "make it a block of sh or logql"


def _shell(inside: Sequence[Line], cases: Sequence[Mapping[str, str]], tools: Tools) -> Iterator[Fault]:
    text = "\n".join(line.text for line in inside)
    first = inside[0].number
    quoted, bare = only(text, QUOTED).split("\n"), only(text, BARE).split("\n")
    for number, line in enumerate(quoted):
        for hole in PLACEHOLDER.finditer(line):
            message = f"{hole[0]} within quotes: it brings its own, and these would end there"
            yield first + number, hole.start() + 1, message, "take the quotes away around it"
    for number, line in enumerate(bare):
        for angle in _ANGLES.finditer(line):
            message = f"to a shell {angle[0]} is a file to read and one to write"
            yield first + number, angle.start() + 1, message, "write a name in capitals, or a placeholder"
    if tools.syntax is not None and (fault := tools.syntax(_filled(text, cases))):
        number = min(fault[0], len(inside) - 1)
        yield first + number, 1, f"no shell reads this: {fault[1]}", "mend it; try it with `bash -n`"
    for command in commands(text, "vedette"):
        number = first + command.line
        at = inside[command.line].text.find("vedette") + 1
        for message, mend in _command(command.words, cases, tools, alone=command.alone):
            yield number, max(at, 1), message, mend


def _filled(text: str, cases: Sequence[Mapping[str, str]]) -> str:
    """A shell's text with the words of the case that says most; unknown placeholders stay."""
    case = max(cases, key=lambda one: sum(map(bool, one.values())), default={})
    alert = {"id": case.get("alert", ""), "first_act": case.get("act", ""), **case}
    known = PLACEHOLDER.sub(lambda hole: hole[0] if hole[1] in PLACEHOLDERS else hole[1].upper(), text)
    whole = runbook.filled(f"```sh\n{known}\n```\n", alert, case)
    return whole.removeprefix("```sh\n").removesuffix("```\n")


def _command(
    words: Sequence[str], cases: Sequence[Mapping[str, str]], tools: Tools, *, alone: bool
) -> Iterator[tuple[str, str]]:
    """What is wrong with a command of ours, and the mend."""
    case = max(cases, key=lambda one: sum(map(bool, one.values())), default={})
    called = [
        PLACEHOLDER.sub(lambda hole: (case.get(hole[1], "") or hole[1].upper()).lstrip("-"), word) for word in words
    ]
    said = tools.parses(called)
    if isinstance(said, str):
        yield f"vedette does not take this: {said}", "vedette --help says what it takes"
        return
    if (said.command, getattr(said, "verb", "")) != ("action", "plan"):
        return
    if not alone:
        yield "an action stands alone on one line, where `vedette respond` finds it", "put it on a line of its own"
    for word in words:
        hole = PLACEHOLDER.match(word)
        if hole and hole[1] not in _OURS:
            # `kind=group` would be another argument, `--server=…` an option.
            message = f"{hole[0]} begins a word, and a name from a log may look like another argument"
            yield message, f"write its argument's name before it: NAME={word}"
    kind = tools.kinds.get(said.action)
    if kind is None:
        near = difflib.get_close_matches(said.action, tools.kinds, n=1)
        yield f"no action is called {said.action!r}", f"write {near[0]}" if near else "vedette action list shows all"
        return
    names = [one.name for one in kind.arguments]
    for word in said.words:
        name, equals, _ = word.partition("=")
        # `arguments` takes such a first word whole for the first argument's value.
        if equals and name not in names and _NAME.fullmatch(name):
            yield f"{kind.name} has no argument {name!r}", f"it takes {', '.join(names) or 'none'}"
    plain = [PLACEHOLDER.sub(lambda hole: hole[1].upper(), word) for word in words]
    stood_in = tools.parses(plain)
    try:
        arguments(kind, stood_in.words if isinstance(stood_in, Namespace) else said.words)
    except Refused as error:
        yield f"the action does not take this: {error}", error.mend or "vedette action list shows its arguments"


def _logql(line: Line) -> Iterator[Fault]:
    """Quotes and brackets of one query; its grammar is Loki's to judge."""
    state, opened = "", []
    holes = {hole.start(): hole for hole in PLACEHOLDER.finditer(line.text)}
    index = 0
    while index < len(line.text):
        char = line.text[index]
        if hole := holes.get(index):
            if state != '"':
                where = "within backquotes" if state else "bare"
                yield (
                    line.number,
                    index + 1,
                    f"{hole[0]} {where}: it is escaped for double quotes",
                    f'write "{hole[0]}"',
                )
            index = hole.end()
            continue
        if state:
            if char == "\\" and state == '"':
                index += 1
            elif char == state:
                state = ""
        elif char in '"`':
            state = char
        elif char == "#":
            break
        elif char in "({[":
            opened.append((char, index))
        elif char in ")}]" and (not opened or "({["[")}]".index(char)] != opened.pop()[0]):
            yield line.number, index + 1, f"{char!r} closes nothing", "a query stands on one line"
            return
        index += 1
    if state:
        yield line.number, 1, f"a {state} that is not closed", "a query stands on one line"
    for char, at in opened:
        yield line.number, at + 1, f"{char!r} is not closed", "a query stands on one line"


def _spans(lines: Sequence[Line], tools: Tools) -> Iterator[Fault]:
    """Code within running text, which may go on in the next line."""
    for running, held in groupby(
        lines, key=lambda line: line.block is None and not line.mark and line.text.strip() != ""
    ):
        group = list(held)
        if not running:
            continue
        text = "\n".join(line.text for line in group)
        for span in _SPAN.finditer(text):
            before = text[: span.start()]
            number = group[before.count("\n")].number
            column = span.start() - (before.rfind("\n") + 1) + 1
            code = " ".join(span[1].split())
            if (hole := PLACEHOLDER.search(code)) and hole[0] != code:
                message = f"{hole[0]} within `{code}`: in running text a name from a log is not quoted for a shell"
                yield number, column, message, "put the command into a block of sh"
                continue
            for command in commands(code, "vedette"):
                for message, mend in _command(command.words, (), tools, alone=True) if command.words else ():
                    yield number, column, message, mend
