"""Subject: whom a context is about, from the alert and from the record of its act."""

from __future__ import annotations

import re
from dataclasses import replace

from vedette.alert import Alert, own_address
from vedette.event import Event
from vedette.response.context import Subject
from vedette.response.lineage import made, shown
from vedette.response.needles import Needles, needles

_ENTITY = re.compile(r"\(([0-9a-f]{8}-[0-9a-f-]{27})\)\Z")
EARLIER = 900_000_000_000
"""The ruler looks every so often, and at lines of some minutes: by so much an act lies before its alert, in
nanoseconds."""


def subject_of(alert: Alert) -> Subject:
    """As far as the alert tells."""
    return Subject(alert.source, alert.act, alert.last_act, alert.actor, own_address(alert.address))


def known(subject: Subject, event: Event) -> Subject:
    """With what the record of its act says besides."""
    tokens = dict.fromkeys((*shown(event), *((made(event),) if made(event) else ())))
    # An alert's texts are cut.
    actor = event.text("actor") or subject.actor
    return replace(subject, actor=actor, tokens=tuple(tokens), entity=event.text("entity"))


def is_own(alert: Alert, event: Event) -> bool:
    """A record of the alert's first or last act. An alert of Loki's ruler names no act: then one by the same actor from
    the same address on the same object, a little before it or as long as it lasted."""
    if event.format != alert.source:
        return False
    if alert.act:
        return event.act in (alert.act, alert.last_act)
    told = ((alert.actor, "actor"), (alert.address, "address"), (alert.object, "object"))
    said = [(text, event.text(name)) for text, name in told if text]
    return bool(said) and all(a == b for a, b in said) and alert.first_seen - EARLIER <= event.time <= alert.last_seen


def act_needles(subject: Subject) -> tuple[Needles, ...]:
    """What stands in each record of the alert's acts; of an act that only its line's digest names, who did it."""
    found = [needles(name) for act in (subject.act, subject.last_act) if (name := act_name(subject.format, act))]
    if found:
        return tuple(dict.fromkeys(found))
    if subject.format == "observation":
        return ((b'"observation"',),)
    actor = actor_needles(subject)
    return (actor,) if actor else (needles(subject.address),)


def act_name(form: str, act: str) -> str:
    """What of an act's name stands in its records: an auditID, a request's id, a journal's cursor; nothing: it is a
    digest."""
    if form == "kube_audit":
        return act.rpartition("/")[0]
    if form == "vault_audit":
        # A request's id is a UUID, the digest of a line is hexadecimal without dashes.
        return act if "-" in act else ""
    return act if form == "sshd" and act.startswith("s=") else ""


def actor_needles(subject: Subject) -> Needles:
    """What stands in each record of its actor."""
    if subject.format == "vault_audit":
        # An actor is a display name with the entity behind it, which are two texts in the record.
        entity = _ENTITY.search(subject.actor)
        return needles(entity[1] if entity else subject.actor, quoted=True)
    return needles(subject.actor, quoted=subject.format != "sshd")
