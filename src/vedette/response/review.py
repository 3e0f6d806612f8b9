"""Review: what the entries of the settings did lately, by leaving each out and running the rule over the evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from vedette.formats.base import TrustedProxy
from vedette.response.act import Act
from vedette.response.entry import without
from vedette.response.kept import Kept
from vedette.response.refusing import ReadRules
from vedette.response.replay import Version, replay
from vedette.rule import Rule
from vedette.settings.checks import expired
from vedette.settings.effective import Settings
from vedette.settings.written import Automation, Exemption

_FEW = 3
"""Namespaces that could be named in place of all."""


@dataclass(frozen=True, slots=True)
class Place:
    """An entry that a person wrote."""

    key: str
    """automation or exceptions."""
    index: int
    where: str
    """File and line."""
    entry: Automation | Exemption


@dataclass(slots=True)
class Reviewed:
    """What is to be said of an entry for one rule."""

    place: Place
    rule: str
    acts: int = 0
    """That it alone excused: with everything else as it is, the rule would have spoken of them."""
    last: int = 0
    """Of the last of them, nanoseconds since 1970 UTC."""
    remarks: tuple[str, ...] = ()
    """What to look at; nothing: it is used, and no broader than its use."""


def places(settings: Settings) -> list[Place]:
    """The entries of the settings file, in order; those that take a built-in one away are none."""
    found = []
    for key in ("automation", "exceptions"):
        for index, entry in enumerate(getattr(settings, key)):
            origin = settings.origin((key, index))
            if origin.file and not getattr(entry, "off", False):
                found.append(Place(key, index, str(origin), entry))
    return found


def dates(place: Place, today: date, horizon: timedelta) -> str:
    """What is to be said of an exception's last day, or nothing."""
    entry = place.entry
    if not isinstance(entry, Exemption) or entry.expires is None:
        return ""
    if expired(entry, today):
        return f"expired on {entry.expires}: it excuses no longer; remove it, or give it a new day and a reason"
    if entry.expires - today <= horizon:
        return f"excuses until {entry.expires} and no longer; {entry.owner} answers for it"
    return ""


def review(
    settings: Settings,
    rules: Sequence[Rule],
    kept: Kept,
    read: ReadRules,
    proxies: Sequence[TrustedProxy],
    today: date,
    horizon: timedelta,
) -> Iterator[Reviewed]:
    """Each entry for each of `rules` that it names. Reads the evidence once a rule. Raises OSError."""
    written = places(settings)
    for rule in rules:
        mine = [place for place in written if _names(place, rule)]
        living = [place for place in mine if not (isinstance(place.entry, Exemption) and expired(place.entry, today))]
        used = _used(settings, rule, living, kept, read, proxies) if living else {}
        for place in mine:
            found = Reviewed(place, rule.name)
            remarks = [remark for remark in (dates(place, today, horizon),) if remark]
            if place in living:
                acts = used.get((place.key, place.index), [])
                found.acts, found.last = len(acts), max((act.time for act in acts), default=0)
                remarks += _broader(place, acts) if acts else [_needless(kept)]
            found.remarks = tuple(remarks)
            yield found


def _used(
    settings: Settings,
    rule: Rule,
    living: Sequence[Place],
    kept: Kept,
    read: ReadRules,
    proxies: Sequence[TrustedProxy],
) -> dict[tuple[str, int], list[Act]]:
    """What each entry alone excused: what the rule says of the evidence without any, less what it says with it."""
    bare = settings
    for place in sorted(living, key=lambda one: (one.key, -one.index)):
        bare = without(bare, place.key, place.index)
    versions: dict[str, Rule] = {}
    for place in living:
        only = without(settings, place.key, place.index)
        if (subject := _rule(read, only, rule.name)) is not None:
            versions[f"{place.key}:{place.index}"] = subject
    subject = _rule(read, bare, rule.name)
    if subject is None:
        return {}
    again = Kept(kept.folder, kept.since)
    found = replay(again, subject, {**versions, "": rule}, proxies)
    kept.size, kept.files, kept.events, kept.troubles = again.size, again.files, again.events, again.troubles
    whole = found.versions[""]
    return {
        (place.key, place.index): _alone(whole, found.versions[f"{place.key}:{place.index}"])
        for place in living
        if f"{place.key}:{place.index}" in found.versions
    }


def _alone(whole: Version, less: Version) -> list[Act]:
    """The acts of matches that are there without one entry and not with all."""
    with_all = {(one.act, one.detection) for one in whole.matches}
    excused = set(whole.excused) - set(less.excused)
    spans = [(one.actor, one.first, one.time) for one in less.matches if (one.act, one.detection) not in with_all]
    return [act for act in excused if any(act.actor == who and a <= act.time <= b for who, a, b in spans)]


def _rule(read: ReadRules, settings: Settings, name: str) -> Rule | None:
    return next((one for one in read(settings).rules if one.name == name), None)


def _names(place: Place, rule: Rule) -> bool:
    known = {rule.name, *(one.name for one in rule.detections), *(one.name for one in rule.correlations)}
    return not known.isdisjoint(place.entry.rule)


def _needless(kept: Kept) -> str:
    return "excused nothing that is kept" if kept.events else "could not be tried: there is no evidence"


def _broader(place: Place, acts: Sequence[Act]) -> list[str]:
    """How an entry could be narrowed to what it excused."""
    found = []
    actors, verbs = {act.actor for act in acts}, {act.verb for act in acts if act.verb}
    namespaces = {act.namespace for act in acts}
    entry = place.entry
    said = entry.actor if isinstance(entry, Automation) else ()
    if any("*" in name for name in said) and len(actors) == 1:
        found.append(f"a name with *, and one actor alone used it: {next(iter(actors))}")
    if isinstance(entry, Exemption) and len(actors) == 1 and not any("actor" in k or "user" in k for k in entry.match):
        found.append(f"it names no actor, and one alone used it: {next(iter(actors))}")
    if isinstance(entry, Automation):
        if not entry.verbs and verbs:
            found.append(
                f"any verb, and {', '.join(sorted(verbs))} alone was used: verbs: [{', '.join(sorted(verbs))}]"
            )
        elif unused := [verb for verb in entry.verbs if verb not in verbs]:
            found.append(f"never used: verbs {', '.join(unused)}")
        found += _scope(entry, namespaces)
    return found


def _scope(entry: Automation, namespaces: set[str]) -> Iterator[str]:
    if isinstance(entry.scope, tuple):
        if unused := [name for name in entry.scope if name not in namespaces]:
            yield f"never used: namespaces {', '.join(unused)}"
    elif namespaces == {""} and entry.scope == "any":
        yield "any scope, and only requests for the whole cluster used it: scope: cluster"
    elif entry.scope != "cluster" and "" not in namespaces and len(namespaces) <= _FEW:
        names = ", ".join(sorted(namespaces))
        yield f"scope {entry.scope}, and {names} alone used it: scope: [{names}]"
