"""What may stand in a vedette.yaml: one frozen dataclass a map, each key with its type and its sentence.

The reader, the JSON Schema and the printed settings are all driven by these classes; a key added here is read,
offered by editors and shown without another line anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from vedette.settings.acting import Acting
from vedette.settings.drilling import Drilling
from vedette.settings.key import Says, Scope, Selection, Texts
from vedette.settings.responding import Responding
from vedette.settings.watching import (
    FileSource,
    HashObserver,
    JournaldSource,
    KubeObserver,
    LokiSource,
    Route,
    ServerLog,
    Sinks,
    Tracer,
    VaultObserver,
    Watch,
    WebhookSource,
)

SCOPES = ("any", "cluster", "named")
"""What `scope` may say besides a list of namespaces."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The one person whom the rules excuse, and whose identity they guard (K3, K4, K9, V7)."""

    name: Annotated[str, Says("The user name in Kubernetes, exactly as the audit log has it.")] = ""
    vault_entities: Annotated[Texts, Says("The entity ids in Vault (`auth.entity_id`).")] = ()
    vault_aliases: Annotated[
        Texts, Says("Display names in Vault (`auth.display_name`), for where it logs no entity id.")
    ] = ()


@dataclass(frozen=True, slots=True)
class SensitiveNamespaces:
    """Namespaces that are watched more closely; they are added to the built-in ones."""

    secrets: Annotated[Texts, Says("Where nobody reads a Secret unseen (K3).")] = ()
    exec: Annotated[Texts, Says("Where nobody opens a shell or tunnel unseen (K4).")] = ()
    without: Annotated[Texts, Says("Built-in namespaces to leave out, of both lists.")] = ()


@dataclass(frozen=True, slots=True)
class Automation:
    """Programs that a rule excuses, because doing this is their work; an impersonated name excuses nobody."""

    actor: Annotated[
        Texts,
        Says("User names, exactly as the audit log has them; `*` stands for any characters.", required=True),
    ] = ()
    rule: Annotated[Texts, Says("The rules that excuse them; no other does.", required=True)] = ()
    verbs: Annotated[Texts, Says("Only these verbs (list, watch, delete ...); without it, any.")] = ()
    scope: Annotated[
        Scope,
        Says(
            "any: every request. cluster: only requests that name no namespace. named: only requests that name one. "
            "A list: only these namespaces.",
            choices=SCOPES,
        ),
    ] = "any"
    reason: Annotated[str, Says("Why this is their work.", required=True)] = ""
    off: Annotated[bool, Says("true: take this built-in entry away (actor and rule say which).")] = False


@dataclass(frozen=True, slots=True)
class TrustedProxy:
    """A proxy whose word on the client's address is believed: its identity AND its address must fit."""

    identity: Annotated[Texts, Says("User names of the proxy; `*` stands for any characters.", required=True)] = ()
    addresses: Annotated[Texts, Says("Where it connects from: names of networks, or networks.", required=True)] = ()
    reason: Annotated[str, Says("Why its word is believed.", required=True)] = ""


@dataclass(frozen=True, slots=True)
class Terraform:
    """How Terraform is known in Vault: by one of its identities AND its address (V4)."""

    entities: Annotated[Texts, Says("Entity ids (`auth.entity_id`).")] = ()
    roles: Annotated[Texts, Says("Role names (`auth.metadata.role` or `role_name`).")] = ()
    policies: Annotated[Texts, Says("Policies that no other token has (`auth.token_policies`).")] = ()
    addresses: Annotated[Texts, Says("Where it connects from: names of networks, or networks.")] = ()


@dataclass(frozen=True, slots=True)
class Vault:
    """What is known of Vault or OpenBao."""

    terraform: Annotated[Terraform, Says("The identity that may change policies.")] = Terraform()
    token_roles: Annotated[Texts, Says("Token roles that grant, on purpose, more than their caller has (V6).")] = ()


@dataclass(frozen=True, slots=True)
class Exemption:
    """What a rule excuses for a while."""

    rule: Annotated[Texts, Says("The rules that excuse it; no other does.", required=True)] = ()
    match: Annotated[Selection, Says("A Sigma selection; all of it must hold.", required=True)] = field(
        default_factory=dict
    )
    reason: Annotated[str, Says("Why it is excused.", required=True)] = ""
    owner: Annotated[str, Says("Who answers for it.", required=True)] = ""
    expires: Annotated[date | None, Says("The last day it excuses, YYYY-MM-DD.", required=True)] = None


@dataclass(frozen=True, slots=True)
class KubeAudit:
    """What is known of the Kubernetes audit log."""

    audit_flags: Annotated[
        Texts, Says("The `--audit-...` arguments that kube-apiserver is meant to run with (K6).")
    ] = ()
    audit_policy: Annotated[
        str, Says("The audit policy in force, for `vedette prove`: a file, or a ConfigMap that holds it.")
    ] = ""


@dataclass(frozen=True, slots=True)
class Sshd:
    """What is known of sshd."""

    config: Annotated[
        str, Says("Its configuration, for `vedette prove`: sshd_config, or what `sshd -T` prints, in a file.")
    ] = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where logs come from, and what is known of them."""

    kube_audit: Annotated[KubeAudit, Says("The Kubernetes audit log.")] = KubeAudit()
    sshd: Annotated[Sshd, Says("The log of sshd.")] = Sshd()
    files: Annotated[tuple[FileSource, ...], Says("Log files that are followed.")] = ()
    journald: Annotated[tuple[JournaldSource, ...], Says("The systemd journal.")] = ()
    webhook: Annotated[tuple[WebhookSource, ...], Says("Receivers for kube-apiserver's audit webhook.")] = ()
    loki: Annotated[tuple[LokiSource, ...], Says("Loki, asked for lines that it has.")] = ()
    vault: Annotated[tuple[VaultObserver, ...], Says("Vault or OpenBao nodes, asked for their state.")] = ()
    kube: Annotated[tuple[KubeObserver, ...], Says("API servers, asked for their state.")] = ()
    hashes: Annotated[tuple[HashObserver, ...], Says("Files whose content must not change unseen.")] = ()
    server_logs: Annotated[
        tuple[ServerLog, ...],
        Says("Logs that servers keep of themselves, for lines that tell of seals and lost events."),
    ] = ()
    tracer: Annotated[
        tuple[Tracer, ...], Says("Requests on a schedule whose records must come back through a log.")
    ] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """vedette.yaml: the site's networks, names and exemptions, once, for every rule."""

    networks: Annotated[
        Mapping[str, Texts],
        Says(
            "Named lists of trusted networks (lan, pods, services, nodes, tailnet, loopback ...); they take the place "
            "of the built-in ones."
        ),
    ] = field(default_factory=dict)
    allowlist_from: Annotated[
        str,
        Says(
            "A Terraform .tfvars or .tfvars.json file whose `security_source_ip_allowlist` is one more list of "
            "trusted networks, called `allowlist`; relative to this file."
        ),
    ] = ""
    owner: Annotated[Owner, Says("The one person whom the rules excuse and guard.", shorthand="name")] = Owner()
    sensitive_namespaces: Annotated[
        SensitiveNamespaces, Says("Namespaces watched more closely, besides the built-in ones.")
    ] = SensitiveNamespaces()
    automation: Annotated[tuple[Automation, ...], Says("Programs that a rule excuses, besides the built-in ones.")] = ()
    trusted_proxies: Annotated[
        tuple[TrustedProxy, ...], Says("Proxies whose word on the client's address is believed.")
    ] = ()
    vault: Annotated[Vault, Says("What is known of Vault or OpenBao.")] = Vault()
    exceptions: Annotated[tuple[Exemption, ...], Says("What a rule excuses for a while.")] = ()
    sources: Annotated[Sources, Says("Where logs come from, and what is known of them.")] = Sources()
    sinks: Annotated[Sinks, Says("Who is told.")] = Sinks()
    routes: Annotated[
        tuple[Route, ...], Says("Which sinks are told of which alerts; without routes, every sink of every alert.")
    ] = ()
    watch: Annotated[Watch, Says("How `vedette watch` runs.")] = Watch()
    actions: Annotated[Acting, Says("How `vedette action` answers an attack.")] = Acting()
    drill: Annotated[Drilling, Says("How `vedette drill` makes rules fire.")] = Drilling()
    respond: Annotated[Responding, Says("How `vedette respond` looks at an alert.")] = Responding()
    cluster: Annotated[str, Says("The name of this site or cluster; a label of every alert.")] = ""
    runbook_url: Annotated[
        str, Says("Where runbooks are found; `{rule}` stands for the rule's id, `{slug}` for that in small letters.")
    ] = ""
