"""Links: the shelf of what can break between an act and a person, in the order of the way.

In: what is `Given`. Out: for each link that something was given for, its `Link`.
Never does: check a link for which nothing was given; it is then not in the matrix.
Add one by: a module here that meets `base.Link`, a maker below, a field in `base.Given`, its test.
Read first: base.py, emitted.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.proof.links.base import Given, Link, Ruler


def _emitted(given: Given) -> Link | None:
    parts: list[Link] = []
    # Where a whole site is judged, a log of which nobody was asked is not passed over.
    here = given.seen is not None
    if given.policy is not None or given.apiserver.flags is not None:
        from vedette.proof.links.emitted import Emitted

        parts.append(Emitted(given))
    elif here:
        parts.append(_unasked("kube_audit"))
    if given.vault:
        from vedette.proof.links.emitted_vault import EmittedVault

        trusted = given.settings.site_networks()["trusted"] if given.settings else None
        owner = given.settings.owner if given.settings else None
        names = (*owner.vault_entities, *owner.vault_aliases) if owner else ()
        parts.append(EmittedVault(given.vault, given.rules_under, given.seen, trusted, names))
    elif here:
        parts.append(_unasked("vault_audit"))
    if given.sshd is not None:
        from vedette.proof.links.emitted_sshd import EmittedSshd

        parts.append(EmittedSshd(given.sshd, given.rules_under))
    elif here:
        parts.append(_unasked("sshd"))
    if len(parts) < 2:
        return parts[0] if parts else None
    from vedette.proof.links.emitted_by_source import EmittedBySource

    return EmittedBySource(parts)


def _unasked(form: str) -> Link:
    from vedette.proof.links.emitted_by_source import Unasked

    return Unasked("emitted", form, *_UNASKED[form])


_UNASKED = {
    "kube_audit": ("the audit policy is not known", "sources: {kube_audit: {audit_policy: FILE}}, or --policy FILE"),
    "vault_audit": ("no node of Vault is named that would say what it audits", "name each node under sources: vault:"),
    "sshd": ("sshd's LogLevel is not known", "sources: {sshd: {config: /etc/ssh/sshd_config}}, or --sshd-config FILE"),
}
"""Format -> why nothing is known of what is written, and the mend."""


def _shipped(given: Given) -> Link | None:
    if given.ruler is not None:
        return _on_loki("shipped", given.ruler)
    if given.seen is None:
        return None
    from vedette.proof.links.shipped import Shipped

    completing = given.settings is not None and given.settings.watch.completion == "on"
    programs = [one.program for one in given.settings.sources.server_logs] if given.settings else []
    return Shipped(given.seen, given.now, completing=completing, server_logs=programs, rules_under=given.rules_under)


def _matched(given: Given) -> Link | None:
    if given.ruler is not None:
        return _on_loki("matched", given.ruler)
    if given.seen is None:
        # The cases say nothing of a site; they are run where a site is looked at, and not for a policy alone.
        return None
    from vedette.proof.links.matched import Matched

    return Matched(given.rules_under)


def _allowed(given: Given) -> Link | None:
    if given.settings is None:
        return None
    from vedette.proof.links.allowed import Allowed

    return Allowed(given.settings, given.rules_under, given.today, given.seen)


def _delivered(given: Given) -> Link | None:
    beside = None
    if given.delivering is not None:
        from vedette.proof.links.delivered import Delivered

        beside = Delivered(given.delivering, ruler=given.ruler is not None)
    return beside if given.ruler is None else _on_loki("delivered", given.ruler, beside)


def _drilled(given: Given) -> Link | None:
    if given.drills is None:
        return None
    from vedette.proof.links.drilled import Drilled

    return Drilled(given.drills, given.now)


def _on_loki(name: str, ruler: Ruler, beside: Link | None = None) -> Link:
    from vedette.proof.links.on_loki import OnLoki

    return OnLoki(name, ruler, beside)


LINKS: Mapping[str, Callable[[Given], Link | None]] = {
    "emitted": _emitted,
    "shipped": _shipped,
    "matched": _matched,
    "allowed": _allowed,
    "delivered": _delivered,
    "drilled": _drilled,
}
"""Link -> what makes it, or None where nothing was given for it; in the order of the way from act to person.

A link is imported by its maker, and only where something was given: a policy alone is to be judged at once.
"""
