"""Offline: what `vedette prove --policy` is given, from files alone; its own module, so that it starts fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vedette import app
from vedette.cases import pack_settings
from vedette.problem import Problem
from vedette.proof.apiserver import ApiServer
from vedette.proof.audit_policy import AuditPolicy
from vedette.proof.links.base import Given, Ruler, Unread
from vedette.proof.naming import Naming
from vedette.proof.policy_reading import PolicyError, read_policy
from vedette.settings import Settings
from vedette.yaml_text import MAX_BYTES


def policy_from(name: str, data: bytes | None = None) -> AuditPolicy | Unread:
    """The audit policy in the file `name`, or in `data`, or why it cannot be read."""
    try:
        if data is None:
            with Path(name).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        return read_policy(data, name)
    except PolicyError as error:
        return Unread(error.problems)
    except OSError as error:
        return Unread((Problem(name, 0, 0, "", f"cannot be read: {error.strerror}"),))


@dataclass(frozen=True, slots=True)
class Said:
    """What a person gave on the command line."""

    policy: AuditPolicy | Unread | None = None
    apiserver: ApiServer = field(default_factory=ApiServer)
    rules: tuple[str, ...] = ()
    """Files and folders of further rules."""
    ruler: Ruler | None = None
    """The Loki whose ruler is the engine in use."""
    sshd_config: str = ""
    """The file of sshd's configuration."""
    pack: bool = True
    """False: only the further rules."""


def offline(settings: Settings, said: Said) -> Given:
    """What a repository of cluster configuration can be judged by: the policy and the API server's flags alone."""
    naming = Naming(pack_settings().site_texts(), settings.site_texts())
    return Given(app.rules_under(said.rules, pack=said.pack), said.policy, said.apiserver, naming)
