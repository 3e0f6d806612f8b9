"""Wire: settings into drills, systems and followers; one folder's drills at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vedette import app, wiring
from vedette.cases import firing_cases
from vedette.clients.alertmanager import Alertmanager
from vedette.clients.kube import Kube
from vedette.clients.vault import Vault
from vedette.drilling.conduct import Closer, Conductor
from vedette.drilling.hops import ByLoki, ByVedette, Follower, SlackReader
from vedette.drills import host as on_host
from vedette.drills import kube as at_kube
from vedette.drills import owner as by_owner
from vedette.drills import standin as stand_in
from vedette.drills import vault as at_vault
from vedette.drills.base import CannotDrill, Drill, How, System
from vedette.rule import Rule
from vedette.settings.effective import Settings
from vedette.settings.key import seconds
from vedette.store.database import Database, StoreError
from vedette.store.drills import Drills
from vedette.store.visit import Visit
from vedette.watch.telling import Telling

_LOOK = 2
"""Seconds that a look of an observer may take."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Where drills may act, as the settings say; None: they do not."""

    settings: Settings
    kube: at_kube.KubeGround | None
    vault: at_vault.VaultGround | None

    @classmethod
    def of(cls, settings: Settings) -> Grounds:
        """Raises app.Wrong."""
        try:
            return cls(settings, _kube(settings), _vault(settings))
        except ValueError as error:
            raise app.Wrong([f"drill: {error}"]) from error

    def systems(self) -> Mapping[str, System]:
        """What takes things away, by name."""
        found: dict[str, System] = {on_host.SYSTEM: on_host.FileLines()}
        if self.kube is not None:
            found[at_kube.SYSTEM] = at_kube.KubeObjects(self.kube)
            found[at_kube.ROLE_SYSTEM] = at_kube.KubeRoles(self.kube)
        if self.vault is not None:
            found[at_vault.SYSTEM] = at_vault.VaultObjects(self.vault)
            found[at_vault.TOKEN_SYSTEM] = at_vault.VaultTokens(self.vault)
            found[at_vault.SEAL_SYSTEM] = at_vault.VaultSeal(self.vault)
        return found


def _kube(settings: Settings) -> at_kube.KubeGround | None:
    said = settings.drill.kube
    if not said.server:
        return None
    client = Kube(said.server, token_file=said.token_file, ca_file=said.ca_file)
    spaces = settings.sensitive_namespaces.exec
    refused_in = spaces[0] if spaces else "kube-system"
    return at_kube.KubeGround(client, said.namespace, said.secret, said.pod, refused_in, said.role)


def _vault(settings: Settings) -> at_vault.VaultGround | None:
    said = settings.drill.vault
    if not said.address:
        return None
    client = Vault(said.address, token_file=said.token_file, ca_file=said.ca_file)
    between = max([seconds(one.every) for one in settings.sources.vault], default=1)
    files = (said.admin_token_file, said.unseal_key_file)
    return at_vault.VaultGround(client, said.mount, said.role, *files, sealed_for=between + _LOOK)


def drill_for(rule: Rule, grounds: Grounds, *, for_real: bool) -> Drill:
    """How this site drills a rule. Raises CannotDrill."""
    name = rule.name
    if rule.not_configured:
        raise CannotDrill(f"the rule is not configured: {rule.not_configured}", "say it in vedette.yaml")
    if name in at_kube.REAL or (for_real and name == at_kube.K10.rule):
        if grounds.kube is None:
            raise CannotDrill("no API server to drill at", "say drill: kube: {server, token_file} in vedette.yaml")
        _check_namespace(name, grounds)
        return at_kube.REAL.get(name, at_kube.K10)(grounds.kube)
    if name in at_vault.REAL or (for_real and name in at_vault.FOR_REAL):
        if grounds.vault is None:
            raise CannotDrill("no Vault to drill at", "say drill: vault: {address, token_file} in vedette.yaml")
        return (at_vault.REAL.get(name) or at_vault.FOR_REAL[name])(grounds.vault)
    if name in by_owner.OWNED:
        return by_owner.Asked(name)
    if for_real and name == on_host.K6.rule:
        return _policy_file(grounds.settings)
    if name in stand_in.RECORDED:
        return _stand_in(rule, grounds.settings)
    raise CannotDrill(f"no drill is known for {name}")


def _policy_file(settings: Settings) -> Drill:
    file = settings.drill.policy_file
    observers = [one for one in settings.sources.hashes if file in one.paths]
    if not file or not observers:
        mend = "say drill: {policy_file: FILE}, one that sources: hashes: names as well"
        raise CannotDrill("no file of the audit policy that is looked at", mend)
    return on_host.K6(file, max(seconds(one.every) for one in observers) + _LOOK)


def _stand_in(rule: Rule, settings: Settings) -> Drill:
    """The rule's recorded case, and the file that it goes into."""
    said = stand_in.RECORDED[rule.name]
    file = settings.drill.inject.vault if said.log == "vault" else settings.drill.inject.kube
    if not file:
        mend = f"say drill: inject: {{{said.log}: FILE}}, a file that is followed as well; or --for-real, in a lab"
        raise CannotDrill("too grave to be done, and there is nowhere to put a stand-in", mend)
    case = next((one for one in firing_cases(rule) if one.name == said.case), None)
    if case is None:
        raise CannotDrill(f"{rule.name} has no case called {said.case}")
    return stand_in.StandIn(rule.name, case.lines, file)


def _check_namespace(name: str, grounds: Grounds) -> None:
    """A drill where the rule does not look would prove nothing."""
    drill, spaces = grounds.settings.drill.kube, grounds.settings.sensitive_namespaces
    for rule, place, known in (("K3", drill.secret, spaces.secrets), ("K4", drill.pod, spaces.exec)):
        namespace = place.partition("/")[0]
        if rule == name and place and namespace not in known:
            raise CannotDrill(f"{rule} does not look into the namespace {namespace}", f"name one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Session:
    """One call of `vedette drill`."""

    conductor: Conductor
    drills: Drills


@contextlib.contextmanager
def session(settings: Settings, folder: Path, grounds: Grounds, *, on_loki: bool) -> Iterator[Session]:
    """For the length of a `with`, alone in `folder`. Raises app.Wrong, StoreError."""
    if not on_loki and not _watched(folder):
        # An alert could not come; and what is done meanwhile is read later, as anybody's act.
        raise app.Wrong([f"{folder}: no `vedette watch` runs here that could see a drill; start it, or say --on-loki"])
    if on_loki:
        # The record is kept also where the engine is another.
        Database(folder).close()
    visit = Visit(folder)
    try:
        with _alone(folder):
            yield Session(_conductor(settings, visit, grounds, on_loki=on_loki), visit.drills)
    finally:
        visit.close()


def _conductor(settings: Settings, visit: Visit, grounds: Grounds, *, on_loki: bool) -> Conductor:
    telling = Telling(visit, (), wiring.manners(settings))
    closer = None if on_loki else Closer(visit.alerts, visit.database, telling)
    return Conductor(visit.drills, grounds.systems(), _follower(settings, visit, on_loki=on_loki), closer)


def _follower(settings: Settings, visit: Visit, *, on_loki: bool) -> Follower:
    patience = _patience(settings)
    readers = _readers(settings)
    if on_loki:
        members = [Alertmanager(url) for url in settings.drill.alertmanager]
        members += [] if members else [one for found in _members(settings).values() for one in found]
        if not members:
            raise app.Wrong(["no Alertmanager to ask: say drill: {alertmanager: [URL]} in vedette.yaml"])
        return ByLoki(members, readers, patience)
    return ByVedette(visit, _members(settings), readers, settings.cluster, patience)


def _patience(settings: Settings) -> Callable[[Drill], float]:
    said = settings.drill

    def patience(drill: Drill) -> float:
        return float(seconds(said.owner_timeout if drill.how is How.OWNER else said.timeout))

    return patience


def _members(settings: Settings) -> dict[str, list[Alertmanager]]:
    return {one.name: [app.alertmanager(one, url) for url in one.urls] for one in settings.sinks.alertmanager}


def _readers(settings: Settings) -> list[SlackReader]:
    said = settings.drill.slack
    sinks = [one for one in settings.sinks.slack if one.token_file]
    if said.channel:
        return [SlackReader(app.slack(said), said.channel)]
    return [SlackReader(app.slack(one), one.channel) for one in sinks]


def _watched(folder: Path) -> bool:
    """Whether a `vedette watch` holds the folder's lock."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{error.filename}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """What another drill makes must not be taken away from under it. Raises app.Wrong."""
    descriptor = os.open(folder / "drill.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise app.Wrong([f"{folder}: another `vedette drill` runs here; wait for its end"]) from None
        yield
    finally:
        os.close(descriptor)
