"""Settings: what holds in the end, and what each room is given of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from vedette.network import Networks
from vedette.problem import Problem
from vedette.settings.checks import expired
from vedette.settings.key import Texts
from vedette.settings.networks import resolve
from vedette.settings.written import Automation, Exemption, Written
from vedette.yaml_text import YamlPath

Filter = dict[str, object]
"""A Sigma filter document as plain values."""


class Origin(NamedTuple):
    """Where a value was said."""

    file: str
    """Nothing: built in."""
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.file else "default"


class Proxy(NamedTuple):
    """A trusted proxy with its networks looked up."""

    identities: Texts
    networks: Networks


class Work(NamedTuple):
    """An activity with its networks looked up."""

    name: str
    actors: Texts
    user_agents: Texts
    networks: Networks | None
    """None: it may come from anywhere."""


@dataclass(frozen=True, slots=True)
class Settings(Written):
    """A vedette.yaml laid over the built-in defaults; `load` makes one."""

    file: str = ""
    """The file that was read, or nothing."""
    problems: tuple[Problem, ...] = ()
    """Warnings; whatever is an error was raised instead."""
    notes: tuple[str, ...] = ()
    """Lines for stderr at every start: defaults in use, exceptions that have expired."""
    origins: Mapping[YamlPath, Origin] | None = None
    """Path of a value in these settings -> where it was said."""

    def origin(self, path: YamlPath) -> Origin:
        """Where the value at `path`, or what lies around it, was said."""
        known = self.origins or {}
        for length in range(len(path), 0, -1):
            if path[:length] in known:
                return known[path[:length]]
        return Origin("", 0)

    def site_texts(self) -> Mapping[str, Texts]:
        """Lists of texts by the placeholder that rules use for them; an empty one makes its test never hold.

        They are written as Sigma writes texts, so that none of them is a pattern.
        """
        terraform = self.vault.terraform
        lists: Mapping[str, Texts] = {
            "owner": (self.owner.name,) if self.owner.name else (),
            "owner_entities": self.owner.vault_entities,
            "owner_aliases": self.owner.vault_aliases,
            "secrets_namespaces": self.sensitive_namespaces.secrets,
            "exec_namespaces": self.sensitive_namespaces.exec,
            "terraform_entities": terraform.entities,
            "terraform_roles": terraform.roles,
            "terraform_policies": terraform.policies,
            "token_roles": self.vault.token_roles,
            "audit_flags": self.sources.kube_audit.audit_flags,
        }
        return {name: tuple(sigma_text(text).replace("*", "\\*") for text in texts) for name, texts in lists.items()}

    def site_networks(self) -> Mapping[str, Networks]:
        """Networks by the name that `innet` uses: each list, `trusted` for all together, and `terraform`."""
        found = {name: Networks.of(texts, name) for name, texts in self.networks.items()}
        found["trusted"] = Networks.of([text for texts in self.networks.values() for text in texts], "trusted")
        found["terraform"] = resolve(self.vault.terraform.addresses, self.networks, "terraform")
        return found

    def proxies(self) -> tuple[Proxy, ...]:
        """The trusted proxies, for the format that judges addresses."""
        return tuple(
            Proxy(entry.identity, resolve(entry.addresses, self.networks, "trusted proxy"))
            for entry in self.trusted_proxies
        )

    def activities(self) -> tuple[Work, ...]:
        """The work that may explain an alert; Terraform's identities in Vault (V4) are its own."""
        found = []
        for entry in self.respond.activities:
            if entry.off:
                continue
            networks = resolve(entry.networks, self.networks, entry.name) if entry.networks else None
            found.append(Work(entry.name, entry.actors, entry.user_agents, networks))
        if entities := self.vault.terraform.entities:
            addresses = self.vault.terraform.addresses
            networks = resolve(addresses, self.networks, "terraform") if addresses else None
            actors = tuple(text for one in entities for text in (one, f"* ({one})"))
            found.append(Work("Terraform apply in Vault", actors, (), networks))
        return tuple(found)

    def excuses(self, rule: str, actor: str, verb: str, namespace: str) -> bool:
        """Some automation entry lets `rule` pass over the request; a request for the whole cluster has no namespace."""
        return any(
            rule in entry.rule
            and not entry.off
            and any(_like(pattern, actor) for pattern in entry.actor)
            and (not entry.verbs or verb in entry.verbs)
            and _within(entry, namespace)
            for entry in self.automation
        )

    def lapsed(self, today: date) -> tuple[str, ...]:
        """A sentence for each exception that excuses no longer on `today`."""
        return tuple(
            f"{self.origin(('exceptions', index))}: the exception for {', '.join(one.rule)} expired on {one.expires}:"
            f" {one.reason} ({one.owner})"
            for index, one in enumerate(self.exceptions)
            if one.expires is not None and expired(one, today)
        )

    def filters(self, today: date) -> list[Filter]:
        """Automation, and the exceptions that hold on `today`, as Sigma filters; a title says where each was said."""
        found = []
        for index, entry in enumerate(self.automation):
            if not entry.off:
                where = self.origin(("automation", index))
                found.append(_filter(where, "automation", entry, _selection(entry)))
        for index, exemption in enumerate(self.exceptions):
            if not expired(exemption, today):
                where = self.origin(("exceptions", index))
                found.append(_filter(where, "exception", exemption, dict(exemption.match)))
        return found


def _within(entry: Automation, namespace: str) -> bool:
    """The request's namespace, or its lack of one, is in the entry's scope."""
    if isinstance(entry.scope, tuple):
        return namespace in entry.scope
    return entry.scope == "any" or bool(namespace) is (entry.scope == "named")


def _like(pattern: str, text: str) -> bool:
    """`text` is what `pattern` says, where `*` stands for any characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    if not text.startswith(first) or len(text) < len(first) + len(rest[-1]) or not text.endswith(rest[-1]):
        return False
    at, end = len(first), len(text) - len(rest[-1])
    for piece in rest[:-1]:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _selection(entry: Automation) -> dict[str, object]:
    """What an automation entry excuses; the actor is user.username, never an impersonated name."""
    selection: dict[str, object] = {"actor|cased": [sigma_text(actor) for actor in entry.actor]}
    if entry.verbs:
        selection["verb|cased"] = list(entry.verbs)
    if isinstance(entry.scope, tuple):
        selection["namespace|cased"] = list(entry.scope)
    elif entry.scope != "any":
        selection["namespace|exists"] = entry.scope == "named"
    return selection


def _filter(where: Origin, kind: str, entry: Automation | Exemption, selection: dict[str, object]) -> Filter:
    """A Sigma filter; its title is where a person finds what to mend."""
    return {
        "title": f"{where} ({kind})" if where.file else f"built-in {kind}",
        "description": entry.reason,
        "filter": {"rules": list(entry.rule), "selection": selection, "condition": "not selection"},
    }


def sigma_text(text: str) -> str:
    r"""`text` as Sigma writes it, where only `*` is a wildcard: `?` and `\` stand for themselves."""
    return text.replace("\\", "\\\\").replace("?", "\\?")
