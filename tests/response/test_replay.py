"""Replay: what it says of kept evidence, with and without an entry, is what a scan under the same settings says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest

from tests.cli.alert_store import Site
from tests.scans import LOGS, SETTINGS
from vedette import app
from vedette.match import Match
from vedette.response.entry import AUTOMATION, EXCEPTIONS, Entry, read_with, without
from vedette.response.kept import Kept
from vedette.response.replay import replay
from vedette.rule import Rule
from vedette.settings import Settings

DEV = "dev@example.org"
ENTRIES = {
    "K3": Entry(AUTOMATION, {"actor": DEV, "rule": "K3", "verbs": ["get"], "scope": ["vault"], "reason": "x"}),
    "K5": Entry(
        EXCEPTIONS,
        {
            "rule": "K5",
            "match": {"actor": DEV, "objectRef.name": ["page-1", "page-2", "page-3"]},
            "reason": "x",
            "owner": "me",
            "expires": "2099-01-31",
        },
    ),
    "K4": Entry(AUTOMATION, {"actor": DEV, "rule": "K4", "verbs": ["patch", "create"], "reason": "x"}),
    "V4": Entry(("vault", "terraform"), {"roles": ["of nobody"], "addresses": ["10.0.20.31/32"]}),
    "S1": Entry(
        EXCEPTIONS,
        {"rule": "S1", "match": {"address": "203.0.113.9"}, "reason": "x", "owner": "me", "expires": "2099-01-31"},
    ),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The store of a daemon that has read the recorded logs."""
    site = Site(tmp_path_factory.mktemp("recorded"))
    site.write()
    site.read(LOGS)
    return site


def rule_of(settings: Settings, name: str) -> Rule:
    """A rule as some settings make it."""
    return next(one for one in app.load_rules(settings).rules if one.name == name)


def placeless(matches: list[Match]) -> list[Match]:
    """Without file and line, which depend on how the evidence was cut, in an order that does not."""
    return sorted(
        (msgspec.structs.replace(one, file="", line=0) for one in matches),
        key=lambda one: (one.time, one.act, one.detection, one.reaction),
    )


def scanned(site: Site, settings: Settings, name: str) -> list[Match]:
    """What a scan of the evidence says, the rule read under `settings`."""
    request = app.ScanRequest((str(site.state / "evidence"), str(site.state / "spool")), config=str(SETTINGS))
    run = app.prepare_scan(request)
    run.rules = (rule_of(settings, name),)
    run.read(lambda _bytes, _events: None)
    return placeless(list(run.matches()))


@pytest.mark.parametrize("name", ENTRIES)
def test_both_are_what_a_scan_says(recorded: Site, name: str) -> None:
    """In one pass the rule as it is and the rule with an entry, windows among them; the entry takes something away."""
    settings = app.load_settings(str(SETTINGS))
    names = frozenset(one.name for one in app.load_rules(settings).rules)
    entry = ENTRIES[name]
    if name == "V4":
        # An entity's id is another one in each recording.
        actor = next(one.alert.actor for one in recorded.kept() if one.alert.rule == name)
        entry = Entry(entry.path, {**entry.value, "entities": [actor.partition("(")[2].rstrip(")")]})
    other, _ = read_with(settings, entry, names, date(2026, 11, 25))
    kept = Kept(recorded.state, 0)
    found = replay(kept, rule_of(settings, name), {"with": rule_of(other, name)}, app.trusted_proxies(settings))
    assert kept.events > 1_000
    assert placeless(found.matches) == scanned(recorded, settings, name)
    version = found.versions["with"]
    assert placeless(version.matches) == scanned(recorded, other, name)
    assert len(version.matches) < len(found.matches)
    assert version.excused


def test_alerts_are_those_of_the_store(recorded: Site) -> None:
    """The same ids, so that what is said of one is found in the other."""
    settings = app.load_settings(str(SETTINGS))
    for name in ("K3", "K5", "V4", "S1"):
        found = replay(Kept(recorded.state, 0), rule_of(settings, name), {}, app.trusted_proxies(settings))
        stored = {one.alert.id for one in recorded.kept() if one.alert.rule == name}
        assert stored
        assert {one.id for one in found.alerts} == stored


def test_leaving_an_entry_out_undoes_putting_it_in(tmp_path: Path) -> None:
    """Origins go along: each entry that is left is still said to stand where it stands."""
    settings = app.load_settings(str(SETTINGS))
    more, _ = read_with(settings, ENTRIES["K3"], {"K3"}, date(2026, 11, 25))
    index = len(more.automation) - 1
    assert more.origin(("automation", index)).file == "the entry"
    back = without(more, "automation", index)
    assert back.automation == settings.automation
    own = len(settings.automation) - 1
    assert back.origin(("automation", own)) == settings.origin(("automation", own))
    fewer = without(more, "automation", own)
    assert fewer.origin(("automation", own)).file == "the entry"
