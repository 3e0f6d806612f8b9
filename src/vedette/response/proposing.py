"""Proposing: the narrowest entry that would excuse what a group did, and who looks benign enough to propose one for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_address
from typing import Any

from vedette.response.act import Act
from vedette.response.entry import AUTOMATION, EXCEPTIONS, TERRAFORM, Entry
from vedette.response.past import Group
from vedette.settings.effective import sigma_text

_NAMESPACES = 6
"""Namespaces that are named one by one; of more, `named` says that it is everywhere."""
_ADDRESSED = frozenset({"K2", "K9", "V7", "S1"})
"""Rules that ask where somebody came from: an entry that names no address would take the question away."""
_TERRAFORM = re.compile(r"terraform|opentofu|\btofu\b|atlantis|spacelift|terragrunt", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Words:
    """What a person says of an entry."""

    reason: str = ""
    owner: str = ""
    until: date | None = None


def benign(rule: str, group: Group, acts: Sequence[Act]) -> str:
    """Why a group looks like work and not like an attack, in a clause; nothing where it does not."""
    verdicts = group.verdicts
    if verdicts["true"]:
        return ""
    if verdicts["false"]:
        times = "once" if verdicts["false"] == 1 else f"{verdicts['false']} times"
        return f"people called it a false positive {times}"
    if rule in _ADDRESSED:
        # Here it is the address that is strange, whoever the name belongs to: a stolen token is a program's as well.
        return ""
    if group.format == "kube_audit" and group.actor.startswith("system:") and "anonymous" not in group.actor:
        return "it is an account of a program, not of a person"
    if any(_TERRAFORM.search(text) for act in acts for text in (act.role, act.name)):
        return "it calls itself Terraform"
    return ""


def automation(rule: str, actor: str, acts: Sequence[Act], words: Words) -> Entry:
    """What a program does, and no more: its verbs, and where.

    Of one that acts in namespaces and on the whole cluster it is what it does more often: an entry for both would let
    it do everywhere what it does here.
    """
    everywhere = [act for act in acts if not act.namespace]
    acts = everywhere if 2 * len(everywhere) > len(acts) else [act for act in acts if act.namespace]
    value: dict[str, Any] = {"actor": actor, "rule": rule}
    if verbs := _seen(act.verb for act in acts):
        value["verbs"] = verbs
    scope = _scope(acts)
    if scope != "any":
        value["scope"] = scope
    value["reason"] = words.reason
    return Entry(AUTOMATION, value)


def _scope(acts: Sequence[Act]) -> str | list[str]:
    namespaces = _seen(act.namespace for act in acts)
    if not namespaces:
        return "cluster" if acts else "any"
    return namespaces if len(namespaces) <= _NAMESPACES else "named"


def exception(rule: str, match: dict[str, Any], words: Words) -> Entry:
    """What is excused for a while."""
    value: dict[str, Any] = {"rule": rule, "match": match, "reason": words.reason, "owner": words.owner}
    value["expires"] = words.until.isoformat() if words.until else ""
    return Entry(EXCEPTIONS, value)


def narrow_match(rule: str, group: Group, acts: Sequence[Act], *, addressed: bool) -> dict[str, Any]:
    """A selection that meets what this actor did, and where; with `addressed` from where as well."""
    match: dict[str, Any] = {}
    entities = _seen(act.entity for act in acts)
    if entities and all(act.entity for act in acts):
        match["auth.entity_id|cased"] = _one(entities)
    elif group.actor:
        match["actor|cased"] = _literal(group.actor)
    if addressed or rule in _ADDRESSED or group.format in ("vault_audit", "sshd"):
        addresses = _seen(act.address for act in acts) or [group.address]
        # The whole list of a request's addresses, so that one put in front makes it another text.
        match["address|cased"] = _one([_literal(one) for one in addresses])
    if group.format == "kube_audit":
        if verbs := _seen(act.verb for act in acts):
            match["verb|cased"] = _one(verbs)
        namespaces = _seen(act.namespace for act in acts)
        if namespaces and all(act.namespace for act in acts):
            match["namespace|cased"] = _one([_literal(one) for one in namespaces])
        elif acts and not namespaces:
            match["namespace|exists"] = False
    elif group.format == "sshd":
        match["object|cased"] = _one([_literal(one) for one in _seen(act.kind for act in acts)] or [group.kind])
    elif group.format == "observation":
        match["object|cased"] = _literal(group.alerts[-1].alert.object)
    return match


def terraform(acts: Sequence[Act]) -> Entry | None:
    """Who Terraform is in Vault, and where it runs; None where the log does not tell both."""
    value: dict[str, Any] = {}
    if acts and all(act.entity for act in acts):
        value["entities"] = _seen(act.entity for act in acts)
    elif acts and all(act.role for act in acts):
        value["roles"] = _seen(act.role for act in acts)
    peers = _seen(act.peer for act in acts)
    if not value or not peers or not all(_is_address(one) for one in peers):
        return None
    value["addresses"] = [f"{one}/{128 if ':' in one else 32}" for one in peers]
    return Entry(TERRAFORM, value)


def candidates(
    rule: str, group: Group, acts: Sequence[Act], words: Words, known: Collection[str], *, exempt: bool
) -> list[Entry]:
    """Entries for the group, the one to be proposed first; each next one narrower than a refused one before.

    `known`: what `vault.terraform` says already. `exempt`: only exceptions are wanted.
    """
    found: list[Entry] = []
    standing = group.format == "kube_audit" and rule not in _ADDRESSED
    if not exempt:
        if rule == "V4" and (entry := _new(terraform(acts), known)):
            found.append(entry)
        # An automation entry cannot say that a star is a star.
        if standing and group.actor and "*" not in group.actor:
            found.append(automation(rule, group.actor, acts, words))
    if words.until and words.owner:
        found.append(exception(rule, narrow_match(rule, group, acts, addressed=False), words))
        found.append(exception(rule, narrow_match(rule, group, acts, addressed=True), words))
    return [one for number, one in enumerate(found) if one not in found[:number]]


def _new(entry: Entry | None, known: Collection[str]) -> Entry | None:
    """Without what the settings say already; None where nothing is left."""
    if entry is None:
        return None
    left = {key: [one for one in items if one not in known] for key, items in entry.value.items()}
    return Entry(entry.path, {key: items for key, items in left.items() if items}) if any(left.values()) else None


def _seen(texts: Any) -> list[str]:
    return sorted({text for text in texts if text})


def _one(texts: list[str]) -> Any:
    return texts[0] if len(texts) == 1 else texts


def _literal(text: str) -> str:
    return sigma_text(text).replace("*", "\\*")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
