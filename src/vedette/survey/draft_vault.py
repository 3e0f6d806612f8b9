"""Vault's part of a draft: who writes policies, which token roles grant more than their caller has."""

from __future__ import annotations

from collections.abc import Sequence

from vedette.survey import addresses
from vedette.survey.draft import MOST, Draft, can_be_named, listed, networks, number, shown, some, times
from vedette.survey.vault import Caller, VaultSurvey, Writer, by_hand

_COMMON = frozenset({"default", "root"})
"""Policies that tell nobody apart."""


def write(draft: Draft, vault: VaultSurvey) -> None:
    """The key `vault`."""
    prose = ("Vault or OpenBao. Terraform is one of its identities AND its address: a display name proves nothing.",)
    with draft.section(prose, "vault"):
        _writers(draft, sorted(vault.writers, key=lambda item: (-item[1].count, item[0])))
        roles = sorted(vault.token_roles, key=lambda item: (-item[1].count, item[0]))
        if roles:
            seen = ", ".join(f"{shown(role)} ({number(row.count)})" for role, row in roles[:MOST])
            more = len(roles) - MOST
            draft.prose(f"V6: token roles that granted more than their caller had: {seen}", indent=2, more=more)
            draft.propose(f"token_roles: {listed([role for role, _ in roles[:MOST] if can_be_named(role)])}", indent=2)


def _writers(draft: Draft, writers: Sequence[tuple[Caller, Writer]]) -> None:
    """Who writes policies, and which of them may be Terraform."""
    if not writers:
        return
    draft.prose("V4: who changed policies, or what gives them.", indent=2)
    for caller, row in writers[:MOST]:
        who = f"{shown(caller.name)}{f', entity {shown(caller.entity)}' if caller.entity else ''}"
        draft.prose(f"  {who}: {times(row.count, 'time')} from {_where(row)}: {some(row.paths, 3)}", indent=2)
    if len(writers) > MOST:
        draft.prose(f"  and {number(len(writers) - MOST)} more", indent=2)
    likely = sorted((item for item in writers if _identity(*item)), key=_likely)
    if not likely:
        draft.prose(
            "None of them has an identity of its own: give Terraform a role or policy that nobody else has.", indent=2
        )
        return
    caller, row = likely[0]
    if _likely(likely[0])[0]:
        draft.prose("None is named like Terraform. If this one is:", indent=2)
    # Where it is seldom it may be somebody else with its token.
    where = networks(addresses.alone([*row.addresses][:1]))
    draft.propose(f"terraform: {{{_identity(caller, row)}, addresses: {where}}}", indent=2)


def _identity(caller: Caller, row: Writer) -> str:
    """What tells this writer from others, as a pair of the settings; nothing where nothing does."""
    if not len(row.addresses) or by_hand(caller):
        return ""
    if caller.entity:
        return f"entities: {listed([caller.entity])}"
    if len(row.roles):
        return f"roles: {listed(row.roles)}"
    own = [policy for policy in row.policies if policy not in _COMMON]
    return f"policies: {listed(own)}" if own else ""


def _where(row: Writer) -> str:
    """Its addresses, the most frequent first, with counts."""
    found = [f"{address} ({number(row.addresses.counts[address])})" for address in row.addresses]
    return some(found) if found else "nowhere"


def _likely(item: tuple[Caller, Writer]) -> tuple[bool, int, Caller]:
    """Terraform by name before all others, then the busiest."""
    caller, row = item
    names = (caller.name, *row.roles, *row.policies)
    return not any("terraform" in name.lower() or "tofu" in name.lower() for name in names), -row.count, caller
