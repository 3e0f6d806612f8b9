"""Tuning: who sets a rule off, and the narrowest entry that makes it silent on them and on nobody else.

An entry is tried before it is proposed: the rule runs over the kept evidence with and without it, over its own firing
cases by strangers, and over what it excuses done again by others. What does not stand that is refused, with the reason,
and the next narrower one is tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase

from vedette.alert import Alert
from vedette.cases import RulesUnder
from vedette.formats.base import TrustedProxy
from vedette.problem import Problem
from vedette.response.act import Act
from vedette.response.entry import AUTOMATION, Entry, read_with
from vedette.response.kept import Kept
from vedette.response.past import Group, PastAlert, acts_by, acts_in, groups_of, past_alerts
from vedette.response.proposing import Words, automation, benign, candidates, exception
from vedette.response.refusing import Change, ReadRules, blinding, broken, real, stepped_into
from vedette.response.replay import Replayed, Version, replay
from vedette.rule import Rule
from vedette.settings.effective import Settings
from vedette.settings.reading import SettingsError


@dataclass(frozen=True, slots=True)
class Site:
    """What a rule is tuned by."""

    settings: Settings
    rule: Rule
    """As the settings make it."""
    names: frozenset[str]
    """Of all rules."""
    stored: tuple[Alert, ...]
    """Its alerts in the store."""
    verdicts: dict[str, str]
    """Alert's id -> true or false, where people said so."""
    proxies: tuple[TrustedProxy, ...]
    read: ReadRules
    under: RulesUnder
    today: date


@dataclass(frozen=True, slots=True)
class Survey:
    """Who sets the rule off."""

    alerts: list[PastAlert]
    groups: list[Group]
    """The most frequent first."""
    found: Replayed

    def acts_of(self, group: Group, *, whole: bool) -> list[Act]:
        """What a group did that made the rule speak; `whole`: all that its actor did, whatever to."""
        if not whole:
            kinds = {group.kind}
            return [act for act in self._by(group.actor) if act.kind in kinds]
        return self._by(group.actor)

    def _by(self, actor: str) -> list[Act]:
        names = frozenset(one.actor for one in self.found.matches if _fits(one.actor, actor))
        return acts_by(self.found.matches, self.found.acts.values(), names)


@dataclass(slots=True)
class Tried:
    """An entry, and what came of trying it."""

    entry: Entry
    refusals: list[str] = field(default_factory=list)
    """Why it is not taken; nothing: it may be."""
    changes: list[Change] = field(default_factory=list)
    """What it would do to each past alert."""
    problems: tuple[Problem, ...] = ()
    """What is wrong with it as settings, where that is why."""
    notes: tuple[Problem, ...] = ()
    settings: Settings | None = None
    """With it, where they could be made."""

    @property
    def excuses(self) -> bool:
        """Something of what is kept would be excused."""
        return any(one.vanishes or one.shrinks for one in self.changes)


def survey(site: Site, kept: Kept) -> Survey:
    """Read the evidence with the rule as it is. Raises OSError."""
    found = replay(kept, site.rule, {}, site.proxies)
    stored = [one for one in site.stored if one.last_seen >= kept.since]
    alerts = past_alerts(stored, site.verdicts, found)
    return Survey(alerts, groups_of(alerts, found.acts), found)


def benign_group(rule: Rule, looked: Survey) -> tuple[Group, str] | None:
    """The most frequent group that looks like somebody's work, and why; None where none does."""
    true = {one.alert.actor for one in looked.alerts if one.verdict == "true"}
    judged = sorted(looked.groups, key=lambda one: -one.verdicts["false"])
    for group in judged:
        # Of whom no act is known, no entry can be narrow: it was not kept, or is excused by now.
        if not any(one.acts for one in group.alerts):
            continue
        if group.actor not in true and (why := benign(rule.name, group, looked.acts_of(group, whole=False))):
            return group, why
    return None


def actor_group(looked: Survey, actor: str) -> Group | None:
    """All that is known of one actor, or of those whom a name with `*` fits."""
    groups = [one for one in looked.groups if _fits(one.actor, actor)]
    if not groups:
        return None
    first = groups[0]
    return Group(
        actor if "*" in actor else first.actor,
        first.address,
        first.kind,
        first.format,
        [past for one in groups for past in one.alerts],
    )


def entries_for(site: Site, looked: Survey, group: Group, words: Words, *, exempt: bool, whole: bool) -> list[Entry]:
    """Entries for a group, the one that is wanted first, each next one narrower."""
    acts = looked.acts_of(group, whole=whole)
    terraform = site.settings.vault.terraform
    known = {*terraform.entities, *terraform.roles, *terraform.addresses}
    name = site.rule.name
    if "*" in group.actor and whole and group.format == "kube_audit" and not exempt:
        return [automation(name, group.actor, acts, words)]
    return candidates(name, group, acts, words, known, exempt=exempt)


def entry_of_match(site: Site, match: dict[str, object], words: Words) -> Entry:
    """The exception that a person wrote the selection of."""
    return exception(site.rule.name, match, words)


def try_all(site: Site, kept: Kept, looked: Survey, entries: Sequence[Entry]) -> list[Tried]:
    """Try entries in turn, up to the first that stands. Raises OSError."""
    tried = [_settings_with(site, entry) for entry in entries]
    versions = {
        str(number): rule
        for number, one in enumerate(tried)
        if one.settings is not None and (rule := _rule(site, one.settings)) is not None
    }
    # What was written since the survey would be no part of it.
    until = max((one.time for one in looked.found.matches), default=0) + 1
    again = Kept(kept.folder, kept.since)
    found = replay(again, site.rule, versions, site.proxies, until)
    done = []
    for number, one in enumerate(tried):
        done.append(one)
        version = found.versions.get(str(number))
        if version is not None and one.settings is not None:
            _rehearse(site, looked, one, version, one.settings)
        if not one.refusals:
            break
    return done


def _settings_with(site: Site, entry: Entry) -> Tried:
    one = Tried(entry)
    expires = entry.value.get("expires")
    if expires is not None and (not expires or date.fromisoformat(str(expires)) < site.today):
        one.refusals.append(f"it expired on {expires}: it would excuse nothing")
        return one
    try:
        one.settings, one.notes = read_with(site.settings, entry, site.names, site.today)
    except SettingsError as error:
        one.problems = error.problems
        one.refusals += [f"{problem.message}{f'; {problem.mend}' if problem.mend else ''}" for problem in one.problems]
        return one
    one.refusals += broken(site.rule, site.read(one.settings))
    if one.refusals:
        one.settings = None
    return one


def _rule(site: Site, settings: Settings) -> Rule | None:
    return next((one for one in site.read(settings).rules if one.name == site.rule.name), None)


def _rehearse(site: Site, looked: Survey, one: Tried, version: Version, settings: Settings) -> None:
    left = acts_in(looked.alerts, version.matches)
    one.changes = [Change(past, left[past.alert.id]) for past in looked.alerts]
    one.refusals += real(one.changes, one.entry)
    if one.entry.path[0] in (AUTOMATION[0], "exceptions"):
        one.refusals += blinding(site.rule, site.settings, settings, site.under, site.today)
    form = version.excused[0].format if version.excused else ""
    one.refusals += stepped_into(version, form, (site.rule, site.settings), (version.rule, settings))


def _fits(name: str, wanted: str) -> bool:
    """The same name, or one that a name with `*` means."""
    if "*" not in wanted:
        return name == wanted
    return fnmatchcase(name, wanted.replace("[", "[[]").replace("?", "[?]"))
