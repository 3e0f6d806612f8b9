"""Fit: do the settings' names and networks fit what came?

A settings file that reads well may still be of another site: an owner with a typing error, a quarter of the nodes'
network, a controller that no entry excuses. None of it shows before an alert fails to come, or comes all day.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from vedette.proof.seen import Seen, SeenFormat
from vedette.proof.verdict import State
from vedette.rule import Rule
from vedette.settings.effective import Settings

FEW = 200
"""Events of which it cannot be said that somebody never comes."""
_ALIKE = 0.8
"""How alike two names are, by difflib, for one to be a slip of the other."""
_NEARLY = 0.93
"""The same for names that programs have, of which many are alike."""
NOISY = 10
"""Alerts of one rule about one actor from which on they are its work, or nobody reads them."""
_SHARE = 0.8
_CONTROLLER = re.compile(
    r"system:(?:serviceaccount:kube-system:[a-z0-9-]*(?:controller|collector|cleaner)|kube-[a-z-]+|apiserver|node:.+)"
)
"""Who acts for Kubernetes itself, all day."""
_OWNED = {"K9": "kube_audit", "K3": "kube_audit", "K4": "kube_audit"}
"""Rule -> the log that names the owner. K9 guards the name, the others excuse it."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit."""

    state: State
    """BLIND: the rule cannot fire for what it guards. READY: it fires, for the wrong things."""
    why: str
    mend: str


def misfits(rule: Rule, settings: Settings, seen: Seen) -> Iterator[Misfit]:
    """What of the settings does not fit what came, for one rule."""
    form = _OWNED.get(rule.name)
    if form and settings.owner.name:
        yield from _owner(rule, settings.owner.name, seen.formats.get(form, SeenFormat()))
    if rule.name == "K2":
        yield from _nodes(settings, seen)
    yield from _excused(rule, settings, seen.formats.get("kube_audit", SeenFormat()))
    yield from _noise(rule, settings, seen)


def _owner(rule: Rule, owner: str, found: SeenFormat) -> Iterator[Misfit]:
    if found.events < FEW or owner in found.actors:
        return
    near = difflib.get_close_matches(owner, found.actors, n=1, cutoff=_ALIKE)
    if near:
        guards = rule.name == "K9"
        verb = "guards" if guards else "excuses"
        why = (
            f"the owner {owner} never came in {found.events:,} events, {near[0]} did: the rule {verb} a name nobody has"
        )
        yield Misfit(State.BLIND if guards else State.READY, why, f"owner: {{name: {near[0]}}}, if that is who it is")


def _nodes(settings: Settings, seen: Seen) -> Iterator[Misfit]:
    """Nodes, and pods on their network, come from their addresses; K2 takes those for theft that are not named."""
    trusted = settings.site_networks()["trusted"]
    outside = [address for address in seen.nodes if trusted.contains(address) is False]
    if outside:
        shown = f"{', '.join(sorted(outside)[:3])}{', …' if len(outside) > 3 else ''}"
        why = f"{len(outside)} of {len(seen.nodes)} addresses of nodes are outside the trusted networks ({shown})"
        yield Misfit(State.READY, f"{why}: the rule fires on the cluster itself", "name the nodes' whole network")


def _excused(rule: Rule, settings: Settings, found: SeenFormat) -> Iterator[Misfit]:
    """Automation that is written with a slip excuses nobody."""
    if found.events < FEW:
        return
    named = {actor for one in settings.automation for actor in one.actor}
    for index, one in enumerate(settings.automation):
        origin = settings.origin(("automation", index))
        if rule.name not in one.rule or one.off or not origin.file:
            continue
        for actor in one.actor:
            if actor in found.actors or "*" in actor:
                continue
            near = difflib.get_close_matches(actor, found.actors.keys() - named, n=1, cutoff=_NEARLY)
            if near:
                why = f"{origin}: {actor} never came in {found.events:,} events, {near[0]} did: this excuses nobody"
                yield Misfit(State.READY, why, f"actor: {near[0]}, if that is who it is")


def _noise(rule: Rule, settings: Settings, seen: Seen) -> Iterator[Misfit]:
    alerts = seen.alerts.get(rule.name)
    if not alerts:
        return
    acts = seen.acts.get(rule.name, Counter[str]())
    noisy = sorted(name for name in acts if _CONTROLLER.fullmatch(name) and acts[name] >= NOISY)
    # Who is excused by now was noise before.
    for actor in (name for name in noisy if not settings.excuses(rule.name, name, "delete", "default")):
        why = f"it fires on {actor}, which is Kubernetes itself: {acts[actor]:,} acts in {alerts[actor]} alerts"
        yield Misfit(State.READY, why, f"automation: - {{actor: {actor}, rule: {rule.name}, reason: …}}, without off")
        return
    actor, count = alerts.most_common(1)[0]
    if count >= NOISY and count >= _SHARE * alerts.total():
        why = f"{count} of the last {alerts.total()} alerts are about {actor}: nobody reads them any more"
        yield Misfit(
            State.READY, why, f"if that is its work: automation: - {{actor: {actor}, rule: {rule.name}, reason: …}}"
        )
