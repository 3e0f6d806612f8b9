"""The part of vedette.yaml that `vedette action` reads: on what it may act, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vedette.settings.key import Says, Texts

_CA = "The certificates (PEM) that the server's must be signed by; else the system's."
MODES = ("act", "read-only")


@dataclass(frozen=True, slots=True)
class ActKube:
    """The API server that actions look at and change."""

    server: Annotated[
        str, Says("`https://10.0.40.10:6443`; `http://127.0.0.1:8001` where `kubectl proxy` lends your own rights.")
    ] = ""
    token_file: Annotated[
        str, Says("A file that holds the token; `vedette action rights` prints what its account needs.")
    ] = ""
    client_cert_file: Annotated[str, Says("A client certificate (PEM), in place of a token.")] = ""
    client_key_file: Annotated[str, Says("Its key (PEM).")] = ""
    ca_file: Annotated[str, Says(_CA)] = ""


@dataclass(frozen=True, slots=True)
class ActHost:
    """A host that actions look at and change, by your own ssh."""

    name: Annotated[str, Says("What it is called in `host=`: as its logs call it.", required=True)] = ""
    destination: Annotated[
        str,
        Says("As ssh takes it: `node-1`, `vedette@node-1`, `ssh://vedette@10.0.40.11:2222`.", required=True),
    ] = ""
    config_file: Annotated[str, Says("ssh's configuration; else your own.")] = ""
    identity_file: Annotated[str, Says("The key to log in with; else what ssh finds.")] = ""
    sudo: Annotated[bool, Says("Be root there by `sudo -n`.")] = False
    program: Annotated[
        str,
        Says(
            "Where `vedette action rights host` has put what vedette does there: sudoers then lets that through and "
            "nothing else. Without it a script is sent each time."
        ),
    ] = ""
    files: Annotated[Texts, Says("Files whose hashes `host.collect` lists; whole paths.")] = ()


@dataclass(frozen=True, slots=True)
class ActVault:
    """The Vault or OpenBao that actions look at and change."""

    address: Annotated[str, Says("`https://vault.example.org:8200`: the active node, or what leads to it.")] = ""
    token_file: Annotated[
        str, Says("A file that holds the token; `vedette action rights vault` prints what it needs.")
    ] = ""
    ca_file: Annotated[str, Says(_CA)] = ""


@dataclass(frozen=True, slots=True)
class ActAuthentik:
    """The authentik that actions look at and change."""

    server: Annotated[str, Says("`https://auth.example.org`.")] = ""
    token_file: Annotated[
        str, Says("A file that holds an API token; `vedette action rights authentik` prints what its account needs.")
    ] = ""
    ca_file: Annotated[str, Says(_CA)] = ""


@dataclass(frozen=True, slots=True)
class ActFirewall:
    """The pfSense that commands are printed for."""

    interface: Annotated[str, Says("The interface that attackers come in by, as `easyrule` takes it.")] = "wan"
    table: Annotated[
        str, Says("A table of pf that one of its rules blocks; that of pfSense's own forgets after an hour.")
    ] = "virusprot"


@dataclass(frozen=True, slots=True)
class Acting:
    """How an attack is answered."""

    mode: Annotated[
        str, Says("read-only: actions are planned and verified, and neither applied nor undone.", choices=MODES)
    ] = "act"
    kube: Annotated[ActKube, Says("An API server.")] = ActKube()
    vault: Annotated[ActVault, Says("A Vault or OpenBao.")] = ActVault()
    hosts: Annotated[tuple[ActHost, ...], Says("Hosts.")] = ()
    authentik: Annotated[ActAuthentik, Says("An authentik.")] = ActAuthentik()
    firewall: Annotated[ActFirewall, Says("A pfSense.")] = ActFirewall()
