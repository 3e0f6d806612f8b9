"""What the ruler's alerts say, as Go templates: the watcher's annotations, as far as the labels of a series tell them.

The ruler expands an annotation with the functions of Prometheus (prometheus/prometheus, template/template.go). A
label's value is data to it, whatever braces stand in it; what its place demands beyond that (quotes in a shell's
command, escapes in a query) is done by `reReplaceAll`, as `escape` does it for the watcher.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vedette.escape import terminal
from vedette.runbook import excerpt_of, with_words

_UNKNOWN = "\ue002"
_MARKED = re.compile("\ue000(\\w+):(\\w*)\ue001")
_SEEN = r"reReplaceAll `[\pC\p{Zl}\p{Zp}]` `?` "
"""With a question mark for each character that a terminal might obey or hide."""
_SHELL = (
    r"{{ if match `^(-|$)` (SEEN) }}NAME{{ else }}"
    r"{{ if match `^[A-Za-z0-9_@%+=:,./-]+$` (SEEN) }}{{ SEEN }}"
    r"{{ else }}'{{ reReplaceAll `'` `'\''` (SEEN) }}'{{ end }}{{ end }}"
)
"""As shlex.quote has it; what is empty, or an option to its command, is its name in capitals, as `filled` has it."""
_LOGQL = r'{{ if match `^$` (SEEN) }}NAME{{ else }}{{ reReplaceAll `(["\\])` `\$1` (SEEN) }}{{ end }}'


def annotated(
    *, title: str, labels: Sequence[str], described: str, runbook: str, runbook_url: str, kind: str = ""
) -> dict[str, str]:
    """By name, as `vedette watch` names them, and `count`: the value of the query. Texts are Go templates.

    `labels`: those of the series. `described`: what is said where there is no runbook. `runbook`: its text, or nothing.
    `kind`: what stands before the title.
    """
    said = {"summary": _plain(kind + title) + _who(labels)}
    description, first_step, query = _plain(" ".join(described.split())), "", ""
    if runbook:
        found = excerpt_of(with_words(runbook, lambda name, block: _word(name, block, labels)), without=_UNKNOWN)
        description, first_step, query = (_template(part) for part in found)
    said |= {"description": description, "first_step": first_step, "query": query, "runbook_url": _plain(runbook_url)}
    # Watch and the ruler call the same thing by the same name; others (a mount) keep their own.
    said |= {name: _value(name) for name in labels}
    said["count"] = '{{ printf "%.0f" $value }}'
    return {name: text for name, text in said.items() if text}


def _who(labels: Sequence[str]) -> str:
    """Whatever of it is there: the label of a series is absent where it would be empty."""
    parts = [("actor", ": "), ("address", " from "), ("object", " -> ")]
    parts[:0] = [(name, f", {name} ") for name in labels if name not in ("actor", "address", "object")]
    return "".join(
        f"{{{{ with $labels.{name} }}}}{between}{_value(name, '.')}{{{{ end }}}}"
        for name, between in parts
        if name in labels
    )


def _value(name: str, expression: str = "") -> str:
    expression = expression or f"$labels.{name}"
    # The query joins several by a comma alone.
    return f"{{{{ reReplaceAll `,` `, ` {expression} }}}}" if name == "address" else f"{{{{ {expression} }}}}"


def _word(name: str, block: str | None, labels: Sequence[str]) -> str:
    """A placeholder of a runbook, marked: what fills it comes after all else was made harmless."""
    if name not in labels:
        return "(not known)" if block is None else _UNKNOWN
    way = "text" if block is None else block
    return f"\ue000{name}:{way}\ue001"


def _template(text: str) -> str:
    """The text of a runbook with its marks as actions of a template."""
    parts = _MARKED.split(text)
    found = [_plain(parts[0])]
    for name, way, after in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        found += [_action(name, way), _plain(after)]
    return "".join(found)


def _action(name: str, way: str) -> str:
    seen = f"{_SEEN}$labels.{name}"
    if way == "text":
        return f"{{{{ with {seen} }}}}{_value(name, '.')}{{{{ else }}}}(none){{{{ end }}}}"
    if name == "address":
        # The last is the only one that the client could not choose.
        seen = f"reReplaceAll `^.*,` `` ({seen})"
    whole = {"sh": _SHELL, "logql": _LOGQL}.get(way, "{{ SEEN }}")
    return whole.replace("SEEN", seen).replace("NAME", name.upper())


def _plain(text: str) -> str:
    """Text that is no template, for a place where one may stand."""
    return terminal(text).replace("{{", '{{"{{"}}')
