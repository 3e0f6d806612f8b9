"""The part of vedette.yaml that `vedette drill` reads: where it may act, as whom, and what it reads back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vedette.settings.key import Says, Span, Texts

_CA = "The certificates (PEM) that the server's must be signed by; else the system's."
_SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class DrillKube:
    """The API server at which K2, K3, K4, K5, K7 and K8 are drilled."""

    server: Annotated[str, Says("`https://10.0.40.10:6443`.")] = ""
    token_file: Annotated[
        str, Says("The drill account's token; `vedette render rights kube-drill` prints what it needs.")
    ] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    namespace: Annotated[str, Says("The drills' own namespace.")] = "vedette-drill"
    role: Annotated[str, Says("The ClusterRole without rules that K7 fills and empties.")] = "vedette-drill"
    secret: Annotated[str, Says("NAMESPACE/NAME of the decoy Secret, in a sensitive namespace (K3).")] = (
        "vault/vedette-drill"
    )
    pod: Annotated[
        str,
        Says("NAMESPACE/NAME of an own pod in a sensitive namespace (K4); else an exec is tried that is refused."),
    ] = ""


@dataclass(frozen=True, slots=True)
class DrillVault:
    """The Vault or OpenBao at which V4, V5 and V6 are drilled."""

    address: Annotated[str, Says("`https://vault.example.org:8200`.")] = ""
    token_file: Annotated[
        str, Says("The drills' token; `vedette render rights vault-drill` prints the policy that it needs.")
    ] = ""
    ca_file: Annotated[str, Says(_CA)] = ""
    mount: Annotated[str, Says("A userpass mount without users, at which eleven logins fail (V5).")] = "vedette-drill"
    role: Annotated[str, Says("The token role that grants a policy which there is not (V6).")] = "vedette-drill"
    admin_token_file: Annotated[str, Says("A root token, for V1, V2 and V3 with --for-real.")] = ""
    unseal_key_file: Annotated[str, Says("The one unseal key, for V3 with --for-real.")] = ""


@dataclass(frozen=True, slots=True)
class DrillSlack:
    """A channel that is read back; those of sinks.slack with a bot's token are by themselves."""

    channel: Annotated[str, Says("The channel's id, C0123456789; where Alertmanager posts.")] = ""
    token_file: Annotated[str, Says("A file that holds a bot token with the scope channels:history.")] = ""
    api_url: Annotated[str, Says("Slack's API, for a proxy in front of it.")] = "https://slack.com/api"
    ca_file: Annotated[str, Says(_CA)] = ""


@dataclass(frozen=True, slots=True)
class DrillInject:
    """Files to which recorded lines are added, for what is too grave to be done; the watcher follows them too."""

    kube: Annotated[str, Says("For lines of the API server's audit log (K6) and observations (K10, V3).")] = ""
    vault: Annotated[str, Says("For lines of Vault's audit log (V1, V2).")] = ""


@dataclass(frozen=True, slots=True)
class Drilling:
    """How rules are made to fire."""

    kube: Annotated[DrillKube, Says("An API server.")] = DrillKube()
    vault: Annotated[DrillVault, Says("A Vault or OpenBao.")] = DrillVault()
    slack: Annotated[DrillSlack, Says("A channel to read back.")] = DrillSlack()
    inject: Annotated[DrillInject, Says("Where stand-ins are put.")] = DrillInject()
    policy_file: Annotated[
        str,
        Says("The audit policy's file on this host, to which K6 with --for-real adds a comment, and takes it away."),
    ] = ""
    for_real: Annotated[
        str,
        Says("on: --for-real is allowed, with which a root token is made, Vault sealed and the like.", choices=_SWITCH),
    ] = "off"
    alertmanager: Annotated[
        Texts, Says("The Alertmanagers that Loki's ruler tells, for --on-loki; else those of sinks.")
    ] = ()
    timeout: Annotated[Span, Says("How long each hop may take.")] = Span("60s")
    owner_timeout: Annotated[Span, Says("How long the owner may take to do what is asked.")] = Span("10m")
    good_for: Annotated[Span, Says("How long a drill that went through makes its rule PROVEN.")] = Span("30d")
