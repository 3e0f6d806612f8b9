"""Responding: an alert with all that a person needs to decide on it, put together from store, evidence and settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vedette import app, wiring
from vedette.actions import ACTIONS
from vedette.alert import Alert, own_address, record
from vedette.clients.loki import LokiClient
from vedette.clients.reading import base_url
from vedette.drills.base import marked
from vedette.escape import terminal
from vedette.render.logql import JOBS
from vedette.response.activities import Activity
from vedette.response.briefing import Briefing
from vedette.response.context import Context
from vedette.response.details import details_of
from vedette.response.evidence import first_event, of_evidence
from vedette.response.facts import Known, facts, leaning
from vedette.response.grounds import grounds
from vedette.response.kept import Kept
from vedette.response.loki_context import of_loki
from vedette.response.offers import offers
from vedette.rule import Rule
from vedette.runbook import values_of
from vedette.settings import Settings
from vedette.store.alerts import OWN
from vedette.store.alerts import Kept as Stored
from vedette.store.incidents import Incidents
from vedette.store.visit import Visit

_HOUR = 3_600_000_000_000
_MOST = 2_000
"""Alerts of the hours around that are looked through."""


def answerable(alert: Alert) -> None:
    """Raises app.Wrong for a finding, which has no runbook."""
    if alert.source == OWN:
        raise app.Wrong([f"{alert.rule} is a finding of vedette's own; what to do: {terminal(alert.why)}"])


def brief(settings: Settings, visit: Visit, alert: Alert, rules: Sequence[str], context: Context) -> Briefing:
    """Put it together. Raises app.Wrong for rules that are wrong."""
    rule = _rule(settings, alert, rules)
    made: tuple[Rule, ...] = (rule,) if rule is not None else ()
    runbook = wiring.runbooks(made).get(alert.rule, "")
    kept = visit.alerts.get(alert.id)
    values = values_of(record(alert) | {"id": alert.id}, details_of(context.events))
    known = _known(settings, visit, alert, kept, context)
    found = facts(alert, context, known)
    return Briefing(
        alert,
        kept,
        runbook,
        values,
        context,
        found,
        leaning(found),
        offers(runbook, values, {name: [arg.name for arg in kind.arguments] for name, kind in ACTIONS.items()}),
        known.others,
        grounds([alert, *known.others]),
        visit.alerts.deeds(alert.id),
        visit.actions.listed(alert=alert.id),
        Incidents(visit.database).of_alert(alert.id),
    )


def details_for(settings: Settings, folder: Path, alert: Alert) -> dict[str, str]:
    """What the record of an alert's first act says besides, for its runbook; nothing where it is not kept."""
    try:
        found = first_event(folder, alert, app.trusted_proxies(settings))
    except OSError:
        return {}
    return details_of([found]) if found is not None else {}


def _rule(settings: Settings, alert: Alert, extra: Sequence[str]) -> Rule | None:
    """The rule that made the alert; None where it is not there any more."""
    loaded = app.load_rules(settings, extra)
    return next((one for one in loaded.rules if one.name == alert.rule), None)


def _known(settings: Settings, visit: Visit, alert: Alert, kept: Stored | None, context: Context) -> Known:
    networks = settings.site_networks()
    address = own_address(alert.address)
    names = [name for name, one in networks.items() if name in settings.networks and one.contains(address)]
    elsewhere = dict.fromkeys(row.address for row in context.by_token if row.address)
    return Known(
        _drill(visit, alert),
        names[0] if names else "",
        networks["trusted"].contains(address),
        tuple(one for one in elsewhere if networks["trusted"].contains(one) is False),
        _judged(visit, kept) if kept is not None else (),
        _others(visit, alert, context),
    )


def _drill(visit: Visit, alert: Alert) -> str:
    """The mark of the drill that made the alert."""
    for one in visit.drills.of_rule(alert.rule, alert.first_seen - 24 * _HOUR):
        hop = any(name == "alert" and said == f"alert {alert.id}" for name, _, said in one.hops)
        if hop or marked(alert, one.mark):
            return one.mark
    return ""


def _judged(visit: Visit, kept: Stored) -> tuple[tuple[str, str], ...]:
    """What people said of earlier episodes of the same group."""
    said = visit.alerts.verdicts(kept.alert.rule)
    same = (visit.alerts.get(id_) for id_ in said if id_ != kept.alert.id)
    return tuple((one.alert.id, said[one.alert.id]) for one in same if one is not None and one.key == kept.key)


def _others(visit: Visit, alert: Alert, context: Context) -> tuple[Alert, ...]:
    """Alerts about the same actor or address, with acts within the hours that were looked at."""
    return tuple(
        one.alert
        for one in visit.alerts.between(context.since, context.until, _MOST)
        if one.alert.id != alert.id
        and one.alert.source != OWN
        and ((alert.actor and one.alert.actor == alert.actor) or (alert.address and one.alert.address == alert.address))
    )


def context_of(
    settings: Settings, folder: Path, alert: Alert, hours: float, place: str = "", loki: str = ""
) -> Context:
    """What surrounds an alert.

    `place`: evidence or loki; nothing: the evidence, but where none is kept and the settings name a Loki, that. `loki`:
    the URL of another. Raises OSError, app.Wrong where there is no Loki to ask.
    """
    proxies = app.trusted_proxies(settings)
    activities = [Activity(*one) for one in settings.activities()]
    asked = lokis(settings, loki)
    if not place:
        place = "loki" if loki or (asked and not Kept(folder, 0).sources()) else "evidence"
    if place == "evidence":
        return of_evidence(folder, alert, hours=hours, proxies=proxies, activities=activities)
    if not asked:
        raise app.Wrong(["which Loki? none is named in sources.loki: give --loki URL"])
    first, *others = asked
    try:
        client = LokiClient(
            base_url(first.url), tenant=first.tenant, token_file=first.token_file, ca_file=first.ca_file
        )
    except ValueError as error:
        raise app.Wrong([f"{first.url}: {error}"]) from error
    try:
        found = of_loki(client, first.queries, alert, hours=hours, proxies=proxies, activities=activities)
    finally:
        client.close()
    found.troubles += [f"{one.url} was not asked: --loki {one.url} asks it" for one in others]
    return found


class Place(NamedTuple):
    """A Loki, and the log queries that give its logs."""

    url: str
    tenant: str
    token_file: str
    ca_file: str
    queries: tuple[str, ...]


def lokis(settings: Settings, url: str) -> list[Place]:
    """Those of `sources.loki`, one for each address and tenant; or the one at `url`, by the streams that shippers make.

    A token is shown only to the address that the settings give it for.
    """
    found: dict[tuple[str, str, str, str], tuple[str, ...]] = {}
    for one in settings.sources.loki:
        key = (one.url, one.tenant, one.token_file, one.ca_file)
        found[key] = (*found.get(key, ()), one.query)
    places = [Place(*key, queries) for key, queries in found.items()]
    if not url:
        return places
    named = [one for one in places if one.url.rstrip("/") == url.rstrip("/")]
    return named or [Place(url, "", "", "", tuple(f'{{job="{job}"}}' for job in JOBS.values()))]
