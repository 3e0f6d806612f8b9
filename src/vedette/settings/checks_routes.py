"""What types cannot say of routes: sinks that are not there, alerts that nobody is told of."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vedette.settings.reading import Findings, nearest
from vedette.settings.watching import Route
from vedette.yaml_text import YamlPath

SEVERITIES = ("critical", "warning", "info")


def check_routes(routes: Sequence[Route], sinks: Collection[str], findings: Findings) -> None:
    """Every sink that a route names is one of `sinks`, every route is reached, every alert and sink has one."""
    left = list(SEVERITIES)
    for index, route in enumerate(routes):
        path: YamlPath = ("routes", index)
        _check_sinks(route, path, sinks, findings)
        wanted = _severities(route, path, findings)
        if wanted and not any(severity in left for severity in wanted):
            message = "no alert comes as far as this route: those before it take them all"
            findings.note(path, message, "move it up, or remove it", value=False)
        left = [severity for severity in left if severity not in wanted]
    if routes and left:
        message = f"no route takes alerts of severity {' and '.join(left)}: nobody is told of them"
        findings.note(("routes",), message, "add a last route without severity", value=False)
    named = {name for route in routes for name in (*route.to, *route.fallback)}
    unused = [name for name in sinks if name.strip() and name not in named]
    if routes and unused:
        findings.note(("routes",), f"no route names {', '.join(unused)}: never told", "add it to a route", value=False)


def _check_sinks(route: Route, path: YamlPath, sinks: Collection[str], findings: Findings) -> None:
    for key, names in (("to", route.to), ("fallback", route.fallback)):
        for at, name in enumerate(names):
            if name not in sinks:
                meant = nearest(name, sinks)
                known = f"known: {', '.join(sinks)}" if sinks else "add it under sinks"
                mend = f"did you mean {meant}?" if meant else known
                findings.error((*path, key, at), f"there is no sink {name!r}", mend)
            elif name in names[:at]:
                findings.error((*path, key, at), f"{name!r} stands here twice", "remove one")
    for at, name in enumerate(route.fallback):
        if name in route.to:
            message = f"{name!r} is told anyway, so it cannot take over"
            findings.error((*path, "fallback", at), message, "name another sink, or take it out of `to`")


def _severities(route: Route, path: YamlPath, findings: Findings) -> tuple[str, ...]:
    """Those that the route takes and that there are."""
    if not route.severity:
        return SEVERITIES
    for at, text in enumerate(route.severity):
        if text not in SEVERITIES:
            meant = nearest(text.lower(), SEVERITIES)
            mend = f"did you mean {meant}?" if meant else f"one of {', '.join(SEVERITIES)}"
            findings.error((*path, "severity", at), f"there is no severity {text!r}", mend)
    return tuple(text for text in route.severity if text in SEVERITIES)
