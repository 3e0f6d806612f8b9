"""docs/reference/loki.md: which documents Loki can carry, which it cannot and why, from the renderer itself."""

from __future__ import annotations

from collections.abc import Iterator

from pages.markdown import code, header, table
from vedette import app
from vedette.cases import SETTINGS
from vedette.render.differences import DIFFERENCES
from vedette.render.logql_rule import Rendered, render_rule
from vedette.rule import Rule

_INTRODUCTION = """
What [`vedette render loki`](../loki.md) carries of the pack, under the settings of the cases. A document that is read by a
correlation only has no query of its own.
"""
_ODD = """
Generated rules and lines go through vedette's engine and through Loki's own LogQL; both say the same of each line, but for these
kinds, which a test recognises one by one.

""".lstrip()


def page() -> str:
    """The whole page."""
    settings = app.load_settings(str(SETTINGS))
    proxies = [(proxy.identities, proxy.networks) for proxy in settings.proxies()]
    rules = app.usable_rules(app.load_rules(settings, unproven=True))
    rendered = [(rule, render_rule(rule, proxies)) for rule in rules]
    said = header("Rules on Loki", "the renderer") + _INTRODUCTION
    said += "\n" + table(("document", "on Loki"), (row for rule, one in rendered for row in rows(rule, one)))
    said += "\n## What vedette tells and Loki does not\n\n"
    gaps = dict.fromkeys(gap for _, one in rendered for query in [*one.queries, *one.counts] for gap in query.gaps)
    said += "".join(f"- {gap}\n" for gap in gaps)
    said += "\n## Of one line\n\n" + _ODD + "".join(f"- {reason}\n" for reason in DIFFERENCES.values())
    return said


def rows(rule: Rule, rendered: Rendered) -> Iterator[tuple[str, str]]:
    """A row for each document of a rule that alerts."""
    queries = [*rendered.queries, *rendered.counts]
    names = [one.name for one in rule.detections if one.alerts] + [one.name for one in rule.correlations if one.alerts]
    for name in names:
        reactions = [query.reaction.value.replace("_", " ") for query in queries if query.name == name]
        yield code(name), f"yes: {', '.join(reactions)}" if reactions else f"no: {rendered.refused[name]}"
