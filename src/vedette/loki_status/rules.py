"""Whether what runs is what the settings and rules say, and whether it still will after the next start."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from vedette.clients.loki_ruler import LoadedGroup, LoadedRule
from vedette.loki_status.base import (
    RENDER,
    Check,
    ExpectedGroup,
    ExpectedRule,
    RulerSeen,
    State,
    Unasked,
    listed,
    some_rules,
)

_FILES = 5
PREFIX = "vedette-"
"""How the names of vedette's groups begin."""


def rule_checks(
    expected: Sequence[ExpectedGroup], seen: RulerSeen, passed_over: Collection[str] = ()
) -> Iterator[Check]:
    """Whether what runs is what the settings and rules say, and whether it will after the next start.

    `passed_over`: rules that were not asked for; whether they run is all the same.
    """
    yield from _stored(seen)
    if isinstance(seen.loaded, Unasked):
        yield Check(
            "rules",
            State.UNKNOWN,
            f"which rules run could not be asked: {seen.loaded.why}",
            "this Loki answers queries, and has no ruler at this address",
            "lead /prometheus/api/v1/rules to the ruler, or name its address with --ruler; "
            "the ruler needs a rule storage, and not `enable_api: false`",
        )
        return
    by_name: dict[str, list[LoadedGroup]] = {}
    for loaded in seen.loaded.groups:
        by_name.setdefault(loaded.name, []).append(loaded)
    if not any(group.name in by_name for group in expected):
        yield _nothing(expected, seen)
        expected = ()
    wrong = False
    for group in expected:
        for check in _group(group, by_name.get(group.name, ()), seen):
            wrong |= check.state is not State.OK
            yield check
    names = {group.name for group in expected}
    names |= {f"{PREFIX}{rule}{suffix}" for rule in passed_over for suffix in ("", "-counts")}
    for name in by_name:
        if expected and name.startswith(PREFIX) and name not in names:
            wrong = True
            yield Check(
                "rules",
                State.WRONG,
                f"{name} runs, and the settings and rules have no such group",
                "it is of other settings, an older vedette or another --rules",
                f"take it out of {by_name[name][0].file}, or give the --config and --rules it was rendered with",
            )
    if expected and not wrong:
        count = sum(len(group.rules) for group in expected)
        yield Check("rules", State.OK, f"{len(expected)} groups with {count} rules run as the settings and rules say")


def _stored(seen: RulerSeen) -> Iterator[Check]:
    groups = [] if isinstance(seen.loaded, Unasked) else seen.loaded.groups
    if not isinstance(seen.stored, Unasked):
        return
    if seen.stored.status == 400:
        now = "what was loaded before runs on until then" if groups else "the ruler runs nothing at all"
        yield Check(
            "rules",
            State.WRONG,
            f"a rule file is broken: {seen.stored.why}",
            f"a ruler that starts with it is empty, while /ready stays 200; {now}",
            "mend or remove the file that is named; Loki looks again every `ruler.poll_interval`",
        )
    elif seen.stored.status == 404 and groups:
        yield Check(
            "rules",
            State.WRONG,
            "no rule file is stored, though rules run",
            "the ruler will have none after its next look or start",
            "put what `vedette render loki` prints back where the ruler reads",
        )
    elif seen.stored.status != 404:
        yield Check(
            "rules",
            State.UNKNOWN,
            f"the stored rule files could not be asked for: {seen.stored.why}",
            "one that is broken would empty the ruler at its next start",
            "grant GET /loki/api/v1/rules",
        )


def _nothing(expected: Sequence[ExpectedGroup], seen: RulerSeen) -> Check:
    what = f"none of the {len(expected)} groups of the settings and rules runs for tenant {seen.tenant}"
    if isinstance(seen.stored, frozenset) and any(group.name in seen.stored for group in expected):
        mend = "they are stored: ask again after `ruler.poll_interval` (1m), then read the ruler's log"
    else:
        folder = "" if isinstance(seen.config, Unasked) else seen.config.directory
        place = f"{folder}/{seen.tenant}/vedette.yaml" if folder else "the ruler's storage"
        mend = f"write `vedette render loki` to {place}; or another --tenant has them"
        if not isinstance(seen.config, Unasked) and not seen.config.alertmanagers:
            # Nothing is set of the ruler at all: the settings are not read from where they stand.
            mend += "; in the Helm chart's values the ruler's settings stand under loki.rulerConfig, not loki.ruler"
    return Check("rules", State.WRONG, what, "no rule can fire", mend)


def _group(group: ExpectedGroup, found: Sequence[LoadedGroup], seen: RulerSeen) -> Iterator[Check]:
    if not found:
        stored = isinstance(seen.stored, frozenset) and group.name in seen.stored
        yield Check(
            "rules",
            State.WRONG,
            f"{group.name} does not run",
            f"{some_rules(len(group.rules))} can never fire",
            "it is stored: ask again after `ruler.poll_interval` (1m), then read the ruler's log" if stored else RENDER,
            of=(group.name,),
        )
        return
    if len(found) > 1:
        files = ", ".join(one.file for one in found[:_FILES])
        yield Check(
            "rules",
            State.WRONG,
            f"{group.name} runs {len(found)} times, from {files}",
            "of two rules for one thing the older may be the one that tells",
            "keep one of the files",
            of=(group.name,),
        )
    differing = list(_differing(group, found[0], seen.formatted))
    if differing:
        yield Check(
            "rules",
            State.WRONG,
            f"{group.name} is not what the settings and rules say: {listed(differing)}",
            f"{found[0].file} was rendered with other settings, or edited",
            RENDER,
            of=(group.name,),
        )
    elif isinstance(seen.formatted, Unasked):
        yield Check(
            "rules",
            State.UNKNOWN,
            f"the queries of {group.name} could not be compared: {seen.formatted.why}",
            "Loki shows them in its own writing",
            "grant POST /loki/api/v1/format_query",
            of=(group.name,),
        )


def _differing(group: ExpectedGroup, found: LoadedGroup, formatted: Mapping[str, str] | Unasked) -> Iterator[str]:
    """What is different, a few words each."""
    if found.interval != group.interval:
        yield f"interval {found.interval:g} s, not {group.interval:g} s"
    pairs, missing, extra = paired(group, found)
    for rule in missing:
        yield f"{_called(rule)} is missing"
    for loaded in extra:
        yield f"{loaded.name} is not of it"
    for rule, loaded in pairs:
        parts = [
            name
            for name, same in (
                ("query", isinstance(formatted, Unasked) or _same(rule.query, loaded.query, formatted)),
                ("labels", dict(rule.labels) == loaded.labels),
                ("annotations", dict(rule.annotations) == loaded.annotations),
                ("for", loaded.duration == 0),
            )
            if not same
        ]
        if parts:
            yield f"{' and '.join(parts)} of {_called(rule)}"


def _same(expected: str, loaded: str, formatted: Mapping[str, str]) -> bool:
    if expected == loaded:
        return True
    said = formatted.get(expected)
    return said is not None and said == formatted.get(loaded)


def paired(
    group: ExpectedGroup, found: LoadedGroup
) -> tuple[list[tuple[ExpectedRule, LoadedRule]], list[ExpectedRule], list[LoadedRule]]:
    """The rules of a group with the loaded ones of the same name and document; those that miss one; those left over."""
    left = list(found.rules)
    pairs: list[tuple[ExpectedRule, LoadedRule]] = []
    missing = list(group.rules)
    # By name and document first; then, where the label alone was edited, by name.
    for exactly in (True, False):
        for rule in tuple(missing):
            document = rule.labels.get("document")
            same = [
                one for one in left if one.name == rule.name and (not exactly or one.labels.get("document") == document)
            ]
            if same:
                pairs.append((rule, same[0]))
                left.remove(same[0])
                missing.remove(rule)
    return pairs, missing, left


def _called(rule: ExpectedRule) -> str:
    document = rule.labels.get("document", "")
    return f"{rule.name} ({document})" if document else rule.name
