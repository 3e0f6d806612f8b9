"""The part of vedette.yaml that `vedette action` reads: on what it may act, and as whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vedette.settings.key import Says

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
class Acting:
    """How an attack is answered."""

    mode: Annotated[
        str, Says("read-only: actions are planned and verified, and neither applied nor undone.", choices=MODES)
    ] = "act"
    kube: Annotated[ActKube, Says("An API server.")] = ActKube()
