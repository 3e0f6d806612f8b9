"""What a request's URI says, in a template: a dry run, and what was reached through a proxy.

The client's own text, percent signs and all: read as `formats/kube_uri.py` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vedette.render.logql_template import TYPE_MAP, assign, is_kind, json_text, quoted, walk, when

if TYPE_CHECKING:
    from vedette.render.logql_record import Record

_ROUNDS = 5


def _spelt(word: str) -> str:
    """A pattern of `word` with any of its characters percent-encoded."""
    return "".join(f"(?:{char}|%(?i:{ord(char):02x}))" for char in word)


_ASKS = rf"(?s)^[^?]*\?(?:.*&)?{_spelt('dryRun')}={_spelt('All')}(?:&.*)?$"


def dry_run(record: Record, body_unknown: str) -> tuple[str, str]:
    """The variables `dryRun` (true or false) and whether it is unknown (1)."""
    uri, verb = record.text("requestURI"), record.text("verb")
    under, body = record.text("objectRef", "subresource"), record.value("requestObject")
    code = record.code

    def claims(name: str) -> str:
        # Of more parameters Go takes none.
        return when(f'and (eq (count {quoted(_ASKS)} {uri}) 1) (lt (count "&" {uri}) 10000)', assign(name, "true"))

    asked = record.made("asked", "false", claims)

    def says_all(steps: tuple[str, ...], name: str) -> str:
        said = assign(name, "true")
        return walk(code, body, steps, lambda item: when(is_kind(item, '"string"'), when(f'eq {item} "All"', said)))

    def decide(name: str) -> str:
        deletes = when(
            is_kind(body, TYPE_MAP),
            assign(name, "false") + says_all(("dryRun",), name),
            assign(name, asked),
        )
        evicted = when(
            f'and (eq {under} "eviction") ({is_kind(body, TYPE_MAP)})', says_all(("deleteOptions", "dryRun"), name)
        )
        return assign(name, asked) + when(f'eq {verb} "delete" "deletecollection"', deletes, evicted)

    unknown = record.made(
        "dry run unknown",
        "0",
        lambda name: when(
            f'and (eq {verb} "delete" "deletecollection") {asked} (eq {body_unknown} 1)'
            f" (not ({is_kind(body, TYPE_MAP)}))",
            assign(name, "1"),
        ),
    )
    value = record.made(
        "dry run",
        "false",
        lambda name: decide(name) + when(f"eq {unknown} 1", assign(name, 'index $none ""')),
    )
    return value, unknown


_INTO_POD = ("exec", "run", "attach", "portForward", "containerLogs", "checkpoint")
_KEPT = r"%25([0-9A-Fa-f]{2})"


def _decoded(name: str) -> str:
    """Statements that take one layer of percent signs off; what only looks like one stays."""
    guarded = f'(replace "+" "%2B" (regexReplaceAll {quoted(_KEPT)} (replace "%" "%25" {name}) "%${{1}}"))'
    return assign(name, f"urldecode {guarded}")


def path_of(record: Record) -> str:
    """The variable with the path alone, decoded once as the server does."""
    uri = record.text("requestURI")
    return record.made(
        "path of the URI", '""', lambda name: assign(name, f'regexReplaceAll "(?s)[?].*$" {uri} ""') + _decoded(name)
    )


def proxied(record: Record) -> Mapping[str, str]:
    """The variables of proxyPath, proxyAction and proxyNamespace; nil where there is no such thing."""
    uri, under = record.text("requestURI"), record.text("objectRef", "subresource")
    code = record.code
    path = record.made("proxy path", 'index $none ""', lambda name: _resolved(code.name, name, uri, under))
    action = record.made(
        "proxy action",
        'index $none ""',
        lambda name: when(is_kind(path, '"string"'), assign(name, f'regexReplaceAll "(?s)/.*$" {path} ""')),
    )
    into = " ".join(quoted(word) for word in _INTO_POD)
    space = record.made(
        "proxy namespace",
        'index $none ""',
        lambda name: when(
            is_kind(path, '"string"'),
            when(
                f'and (eq {action} {into}) (contains "/" {path})',
                assign(name, f'regexReplaceAll "(?s)^[^/]*/([^/]*).*$" {path} "${{1}}"'),
            ),
        ),
    )
    return {"proxyPath": path, "proxyAction": action, "proxyNamespace": space}


def _resolved(variable: object, name: str, uri: str, under: str) -> str:
    assert callable(variable)
    rest, out, piece = str(variable("u")), str(variable("u")), str(variable("i"))
    nodes = quoted("(?s)^[^/]*/[^/]*/[^/]*/nodes/[^/]*/proxy(?:/(.*))?$")
    others = quoted("(?s)^[^/]*/[^/]*/[^/]*/[^/]*/[^/]*/[^/]*/[^/]*/proxy(?:/(.*))?$")
    named = quoted("(?s)^[^/]*/[^/]*/[^/]*/nodes(?:/.*)?$")
    text = f'{{{{ {rest} := regexReplaceAll "(?s)[?].*$" {uri} "" }}}}{{{{ {out} := "" }}}}' + _decoded(rest)
    inner = ""
    for _ in range(_ROUNDS):
        inner += _decoded(rest)
    inner += assign(rest, f'regexReplaceAll "(?s)[?].*$" {rest} ""')
    # Split at the slashes by way of a JSON list.
    listed = f"""(printf "[%s]" (replace "/" "\\",\\"" {json_text(rest)}))"""
    pop = assign(out, f'regexReplaceAll "(?s)/[^/]*$" {out} ""')
    push = when(f'not (eq {piece} "" ".")', assign(out, f'print {out} "/" {piece}'))
    inner += f"{{{{ range {piece} := fromJson {listed} }}}}" + when(f'eq {piece} ".."', pop, push) + "{{ end }}"
    inner += assign(name, f'regexReplaceAll "^/" {out} ""')
    found = when(
        f"eq (count {named} {rest}) 1",
        when(f"eq (count {nodes} {rest}) 1", assign(rest, f'regexReplaceAll {nodes} {rest} "${{1}}"') + inner),
        when(f"eq (count {others} {rest}) 1", assign(rest, f'regexReplaceAll {others} {rest} "${{1}}"') + inner),
    )
    return when(f'eq {under} "proxy"', text + found)
