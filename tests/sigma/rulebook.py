"""Rules for the tests: written as text, loaded as files are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent

from vedette.formats import SCHEMAS
from vedette.network import Networks
from vedette.rule import AllOf, AnyOf, Block, Detection, FieldPath, Node, Not, Op, Regex, Rule, Test, Text, Value
from vedette.sigma import Loaded, Site, load

SITE = Site(
    texts={
        "owner": ("me@example.org",),
        "secrets_namespaces": ("vault", "sealed-secrets"),
        "flags": ("--audit-log-path=/a", "--audit-policy-file=/b"),
        "nobody": (),
        "everybody": ("*",),
        "stars": (r"\*", "node:*"),
    },
    networks={
        "trusted": Networks.of(["10.0.0.0/8", "::1"], "trusted"),
        "lan": Networks.of(["10.0.20.0/22"], "lan"),
        "nowhere": Networks.of([], "nowhere"),
    },
)
LOGSOURCE = "{product: kubernetes, service: audit}"
MARK = "➤"
"""Stands before the character that a caret must point at."""


def rule(detection: str, *more: str, logsource: str = LOGSOURCE) -> str:
    """A rule document around a detection and further top-level lines."""
    lines = ["title: A rule", f"logsource: {logsource}", "level: medium", *more]
    return "\n".join([*lines, "detection:", indent(dedent(detection).strip("\n"), "  "), ""])


def item(line: str, *more: str, logsource: str = LOGSOURCE) -> str:
    """A rule of one selection with one item."""
    return rule(f"sel:\n{indent(dedent(line).strip(), '  ')}\ncondition: sel\n", *more, logsource=logsource)


def condition(text: str) -> str:
    """A rule with the selections a, b, c, x_1, x_2 and _hidden, and a condition, without the check for unused ones."""
    names = ("a", "b", "c", "x_1", "x_2", "_hidden", "notable", "order", "and-1")
    selections = "".join(f"{name}: {{verb: {name}}}\n" for name in names)
    return rule(f"{selections}condition: {text}\n")


def load_text(
    text: str, filters: Sequence[Mapping[str, object]] = (), site: Site = SITE, *, name: str = "rule.yml"
) -> Loaded:
    """What the loader makes of a text, without proof beside it; problems name the file `rule.yml`."""
    return load_texts({name: text}, filters, site)


def load_texts(texts: Mapping[str, str], filters: Sequence[Mapping[str, object]] = (), site: Site = SITE) -> Loaded:
    """What the loader makes of several files."""
    with TemporaryDirectory() as folder:
        files: list[Path] = []
        for name, text in texts.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            files.append(path)
        return load(files, SCHEMAS, site, filters, unproven=True)


def only_rule(text: str, filters: Sequence[Mapping[str, object]] = (), site: Site = SITE) -> Rule:
    """The rule of a text that has nothing wrong."""
    loaded = load_text(text, filters, site)
    errors = [str(problem) for problem in loaded.problems if problem.error]
    assert not errors, "\n".join(errors)
    assert len(loaded.rules) == 1
    return loaded.rules[0]


def only_detection(text: str, filters: Sequence[Mapping[str, object]] = (), site: Site = SITE) -> Detection:
    """The detection of a text that has nothing wrong."""
    (detection,) = only_rule(text, filters, site).detections
    return detection


def node_of(text: str, filters: Sequence[Mapping[str, object]] = (), site: Site = SITE) -> Node:
    """Its tree."""
    return only_detection(text, filters, site).node


def marked(text: str) -> tuple[str, int, int]:
    """The text without its mark, and the mark's line and column; 0, 0 without one."""
    before, mark, after = text.partition(MARK)
    if not mark:
        return text, 0, 0
    return before + after, before.count("\n") + 1, len(before) - before.rfind("\n")


def refusal(text: str) -> tuple[str, str]:
    """Message and mend of the one error in a marked text, once its place is the mark's."""
    plain, line, column = marked(text)
    found = [problem for problem in load_text(plain).problems if problem.error]
    assert len(found) == 1, "\n".join(map(str, found))
    (problem,) = found
    assert (problem.line, problem.column) == (line, column), str(problem)
    assert problem.text == plain.split("\n")[line - 1]
    return problem.message, problem.mend


def correlation(lines: str, more: str = "") -> str:
    """A rule of one document, `rule.first`, and a correlation, `rule`, with these lines."""
    first = item("verb: delete", "name: rule.first")
    head = "---\ntitle: Many\nname: rule\nlevel: medium\ncorrelation:\n"
    return first + head + indent(dedent(lines).strip("\n"), "  ") + "\n" + more


VAULT = "---\n" + item("request.operation: read", "name: rule.vault", logsource="{product: vault, service: audit}")
"""A further document, for correlations over two log sources."""


def a_filter(body: str, more: str = f"logsource: {LOGSOURCE}") -> str:
    """A rule called `rule`, and a filter document with this body."""
    lines = indent(dedent(body).strip("\n"), "  ")
    return f"{item('verb: get', 'name: rule')}---\ntitle: F\n{more}\nfilter:\n{lines}\n"


def shown(node: Node) -> str:
    """A tree on one line: `sel:(verb = get | list)`; `==` is case-sensitive, `&` stands between values of `all`."""
    match node:
        case AllOf():
            return _named(node.name, " & ".join(shown(each) for each in node.nodes))
        case AnyOf():
            return _named(node.name, " | ".join(shown(each) for each in node.nodes))
        case Not():
            return f"!{shown(node.node)}"
        case Block():
            return f"{_path(node.path)}[{node.quantifier.value}]{{{shown(node.body)}}}"
        case Test():
            op = ("==" if node.cased else "=") if node.op is Op.EQUALS else node.op.value + ("=" if node.cased else "")
            return (
                f"{_path(node.path)} {op} {(' & ' if node.every else ' | ').join(_value(each) for each in node.values)}"
            )


def _named(name: str, inner: str) -> str:
    return f"{name}:({inner})" if name else f"({inner})"


def _path(path: FieldPath) -> str:
    return "/".join(map(str, path.steps)) or "."


def _value(value: Value) -> str:
    match value:
        case Text():
            escaped = (
                re.sub(r"([*?])", r"\\\1", each) if isinstance(each, str) else each.value for each in value.parts
            )
            return "".join(escaped) or "''"
        case Regex():
            return f"/{value.pattern}/{value.flags}"
        case Networks():
            return f"<{value.name}>"
        case FieldPath():
            return f"@{_path(value)}"
        case _:
            return repr(value)
