"""Actions: single answers to an attack, each planned, applied, verified and taken back; none runs by itself.

In: a client of one system, arguments by name. Out: a Plan, its calls done one by one, Checks, the plan that undoes it.
Never does: run a shell here, keep a secret, act on the system's identities, keep the record (store/actions.py does).
Add one by: a `Kind` and its class (`base.Action`), a line in `ACTIONS`; a family: also in `RIGHTS`, `acting.SYSTEMS`.
Read first: base.py, then kube.py and kube_suspend.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vedette.actions import (
    authentik_deactivate,
    authentik_grants,
    authentik_rights,
    firewall,
    host_collect,
    host_remove_key,
    host_rights,
    host_sessions,
    kube_cordon,
    kube_delete,
    kube_rights,
    kube_secrets,
    kube_suspend,
    kube_token,
    vault_audit,
    vault_keys,
    vault_policy,
    vault_rights,
    vault_token,
)
from vedette.actions.base import Kind

ACTIONS: Mapping[str, Kind] = {
    "kube.suspend-actor": kube_suspend.KIND,
    "kube.rotate-token": kube_token.KIND,
    "kube.delete-clusterrole": kube_delete.ROLE,
    "kube.delete-binding": kube_delete.BINDING,
    "kube.cordon-all": kube_cordon.ALL,
    "kube.uncordon": kube_cordon.UNCORDON,
    "kube.secrets-read": kube_secrets.KIND,
    "vault.revoke-token": vault_token.TOKEN,
    "vault.revoke-entity": vault_token.ENTITY,
    "vault.revoke-role": vault_token.ROLE,
    "vault.enable-audit": vault_audit.KIND,
    "vault.restore-policy": vault_policy.KIND,
    "vault.cancel-root-generation": vault_keys.CANCEL,
    "vault.rekey": vault_keys.REKEY,
    "vault.seal": vault_keys.SEAL,
    "host.remove-key": host_remove_key.KIND,
    "host.end-sessions": host_sessions.KIND,
    "host.collect": host_collect.KIND,
    "authentik.end-sessions": authentik_grants.END_SESSIONS,
    "authentik.revoke-tokens": authentik_grants.REVOKE_TOKENS,
    "authentik.deactivate": authentik_deactivate.KIND,
    "firewall.block": firewall.BLOCK,
    "firewall.unblock": firewall.UNBLOCK,
}
"""By name, as a person would try them."""

RIGHTS: Mapping[str, Callable[[Sequence[str]], str]] = {
    "kube": kube_rights.manifest,
    "vault": vault_rights.policy,
    "host": host_rights.installer,
    "authentik": authentik_rights.blueprint,
    "firewall": firewall.no_rights,
}
"""Family -> the least rights of some of its actions, as its system reads them."""
