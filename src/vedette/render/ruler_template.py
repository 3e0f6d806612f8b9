"""Whether a label or an annotation is a template that the ruler takes: brackets, names and ends, as Go's parser asks.

The names are those of Prometheus (template/template.go) and of Go's text/template; Loki parses each text with three
variables before it (pkg/ruler/compat.go, testTemplateParsing) and refuses the whole folder where one does not parse.
What only a full parser sees (`{{ if }}` without a condition) is left to Loki.
"""

from __future__ import annotations

import re

_VARIABLES = frozenset({"$", "$labels", "$externalLabels", "$value"})
_FUNCTIONS = frozenset(
    "query first label value strvalue args reReplaceAll safeHtml match title toUpper toLower graphLink tableLink "
    "sortByLabel stripPort stripDomain humanize humanize1024 humanizeDuration humanizePercentage humanizeTimestamp "
    "toTime toDuration now pathPrefix externalURL parseDuration urlQueryEscape tmpl and call html index slice js len "
    "not or print printf println urlquery eq ge gt le lt ne true false nil".split()
)
_OPENING = frozenset({"if", "with", "range", "define", "block"})
_LOOPED = frozenset({"break", "continue"})
_COMMENT = re.compile(r"(?:- )?/\*.*?\*/(?: -)?\}\}", re.DOTALL)
_CLOSING = re.compile(r"\s*\}\}|\s+-\}\}")
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)+')|(?P<variable>\$\w*)|(?P<field>\.\w+)"""
    r"""|(?P<number>[-+]?\d[\w.+]*)|(?P<word>\w+)|(?P<sign>:=|=|\||\(|\)|,|\.))"""
)


def refused(text: str) -> str:
    """Why the ruler would not take `text`, or nothing."""
    opened: list[str] = []
    known = set(_VARIABLES)
    at = 0
    while (start := text.find("{{", at)) >= 0:
        body = start + 2
        if comment := _COMMENT.match(text, body):
            at = comment.end()
            continue
        end, tokens = _action(text, body)
        if end < 0:
            return f"{{{{ without its }}}}, or a text in it without its end: {text[start : start + 40]}"
        reason = _judged(tokens, opened, known)
        if reason:
            return f"{reason}: {text[start:end]}"
        at = end
    return f"{{{{ {opened[-1]} … }}}} without its {{{{ end }}}}" if opened else ""


def _action(text: str, at: int) -> tuple[int, list[tuple[str, str]]]:
    """Where an action ends, and its tokens as (kind, text); -1 where it does not, or holds what none may."""
    tokens: list[tuple[str, str]] = []
    if text[at : at + 2] in ("- ", "-\n", "-\t"):
        at += 1
    while True:
        if closing := _CLOSING.match(text, at):
            return closing.end(), tokens
        found = _TOKEN.match(text, at)
        if found is None:
            return -1, tokens
        tokens.append((str(found.lastgroup), found[found.lastgroup or 0]))
        at = found.end()


def _judged(tokens: list[tuple[str, str]], opened: list[str], known: set[str]) -> str:
    """Why an action is none; notes what it opens, closes and names."""
    if not tokens:
        return "an action with nothing in it"
    word = tokens[0][1]
    if word in ("end", "else"):
        if not opened:
            return f"{word} where nothing is open"
        if word == "end":
            opened.pop()
            return ""
        # `else if` goes on within the same.
        tokens = tokens[2:] if len(tokens) > 1 and tokens[1][1] in ("if", "with") else tokens[1:]
    elif word in _OPENING:
        opened.append(word)
        tokens = tokens[1:]
    elif word in _LOOPED or word == "template":
        if word in _LOOPED and "range" not in opened:
            return f"{word} outside of range"
        tokens = tokens[1:]
    for before, (kind, name) in zip([("", ""), *tokens], tokens, strict=False):
        if kind == "word" and name not in _FUNCTIONS:
            return f"no function is called {name}"
        if kind == "variable" and name not in known:
            following = tokens[tokens.index((kind, name)) + 1 :]
            if not (following and following[0][1] in (":=", ",")) and before[1] != ",":
                return f"nothing is called {name}"
            known.add(name)
    depth = 0
    for _, sign in tokens:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
    return "brackets that do not match" if depth else ""
