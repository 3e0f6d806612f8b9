"""Acting: actions on the systems that the settings name, one process at a time, each step kept in the store.

Nothing here runs by itself: the daemon does not know of it, and an import contract holds that.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from vedette import app
from vedette.actions import ACTIONS
from vedette.actions.applying import MAYBE_DONE, run
from vedette.actions.base import (
    Action,
    CallFailed,
    CannotLook,
    Check,
    Kind,
    Known,
    Plan,
    Refused,
    arguments,
    differences,
    from_json,
    json_text,
)
from vedette.actions.firewall import Firewall
from vedette.actions.kube import described
from vedette.clients.authentik import Authentik
from vedette.clients.kube import Kube
from vedette.clients.ssh import Hosts, Ssh
from vedette.clients.vault import Vault
from vedette.escape import shell
from vedette.event import Event
from vedette.response.kept import Kept
from vedette.scan import Plan as ScanPlan
from vedette.scan import Scanner
from vedette.settings import Settings
from vedette.store.actions import (
    APPLIED,
    APPLYING,
    HALF_UNDONE,
    PLANNED,
    STOPPED,
    UNDOING,
    UNDONE,
    Acted,
    Step,
)
from vedette.store.visit import Visit

_Client = TypeVar("_Client")
_PLAIN = re.compile(r"[A-Za-z0-9._:@/-]+")
"""What stands in a log's JSON as it is."""


class Stale(Exception):
    """What a plan rests on is another now; `str()` says what, `mend` what to do."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.mend = mend


def kind_of(name: str) -> Kind:
    """The kind of action of this name. Raises app.Wrong."""
    if name in ACTIONS:
        return ACTIONS[name]
    # `suspend`, `cordon`, `kube` name some as well.
    near = difflib.get_close_matches(name, ACTIONS, n=1, cutoff=0.8) or [one for one in ACTIONS if name and name in one]
    mean = f"did you mean {' or '.join(near)}?" if near else "vedette action list shows all"
    raise app.Wrong([f"no action is called {name!r}; {mean}"])


def _kube(settings: Settings, server: str) -> Kube | None:
    said = settings.actions.kube
    if server:
        # Whatever listens there is not shown a token that is another server's.
        return Kube(server)
    if not said.server:
        return None
    return Kube(
        said.server,
        token_file=said.token_file,
        client_cert_file=said.client_cert_file,
        client_key_file=said.client_key_file,
        ca_file=said.ca_file,
    )


def _vault(settings: Settings, server: str) -> Vault | None:
    """Raises app.Wrong."""
    said = settings.actions.vault
    return _with_token(Vault, server, said.address, "actions.vault.address", said.token_file, said.ca_file)


def _with_token(
    client: Callable[..., _Client], server: str, address: str, key: str, token_file: str, ca_file: str
) -> _Client | None:
    """At `server`, which is shown no token, or at the settings' address, which `key` names. Raises app.Wrong."""
    if not server and not address:
        return None
    try:
        return client(server) if server else client(address, token_file=token_file, ca_file=ca_file)
    except ValueError as error:
        raise app.Wrong([f"{'--server' if server else key}: {error}"]) from error


def _hosts(settings: Settings, server: str) -> Hosts | None:
    """Raises app.Wrong."""
    if server:
        try:
            return Hosts({"": Ssh(server)})
        except ValueError as error:
            raise app.Wrong([f"--server: {error}"]) from error
    found = {
        one.name: Ssh(
            one.destination,
            config_file=one.config_file,
            identity_file=one.identity_file,
            sudo=one.sudo,
            program=one.program,
            files=one.files,
        )
        for one in settings.actions.hosts
    }
    return Hosts(found) if found else None


def _authentik(settings: Settings, server: str) -> Authentik | None:
    """Raises app.Wrong."""
    said = settings.actions.authentik
    return _with_token(Authentik, server, said.server, "actions.authentik.server", said.token_file, said.ca_file)


def _firewall(settings: Settings, server: str) -> Firewall:
    """Raises app.Wrong."""
    if server:
        raise app.Wrong(["--server: vedette does not reach a firewall; it prints what is to be typed there"])
    said = settings.actions
    urls = {
        "actions.kube.server": said.kube.server,
        "actions.vault.address": said.vault.address,
        "actions.authentik.server": said.authentik.server,
    }
    systems = {part: urlsplit(url).hostname or "" for part, url in urls.items() if url}
    return Firewall(said.firewall.interface, said.firewall.table, settings.site_networks()["trusted"], systems)


SYSTEMS: Mapping[str, Callable[[Settings, str], Any]] = {
    "kube": _kube,
    "vault": _vault,
    "host": _hosts,
    "authentik": _authentik,
    "firewall": _firewall,
}
"""Family -> its client, by the settings or the address on the command line; None: the settings name no such system."""
_PARTS = {"host": "hosts"}
"""Family -> its part of `actions`, where that is called otherwise."""


@dataclass(slots=True)
class Answers:
    """Actions, and their record."""

    settings: Settings
    visit: Visit | None
    """None: nothing can be kept, so that nothing but a plan can be made."""
    folder: Path
    """Of the store; its evidence is read there."""
    read_only: bool = False
    server: str = ""
    notes: list[str] = field(default_factory=list)
    """What of the evidence could not be read."""

    def plan(self, kind: Kind, words: Sequence[str]) -> Plan:
        """Raises Refused, CannotLook, app.Wrong."""
        given = arguments(kind, words)
        with self._action(kind, given) as action:
            return action.plan(given)

    def keep(self, plan: Plan, alert: str, by: str) -> Acted:
        """Put a plan on record."""
        visit = self._store()
        name = secrets.token_hex(4)
        visit.actions.add(name, plan.action, target(plan), json_text(plan), alert=alert, by=by, made=time.time_ns())
        return self._kept(name)

    def apply(self, acted: Acted, by: str) -> CallFailed | None:
        """Do what its plan says and is not done; gives why it stopped. Raises Stale, CannotLook, app.Wrong."""
        plan = self.ready(acted)
        visit = self._store()
        with self._alone(), self._action(ACTIONS[acted.action], plan.given, plan) as action:
            acted = self._kept(acted.id)
            before = {one.number: one.state for one in visit.actions.steps(acted.id) if one.turn == 0}
            self.ready(acted)
            if not before:
                _fresh(action, plan)
            visit.actions.mark(acted.id, APPLYING, by=by)
            error = run(action, plan.calls, before, _Journal(visit, acted.id, 0, plan, by))
            visit.actions.mark(acted.id, STOPPED if error else APPLIED, now=time.time_ns())
        return error

    def ready(self, acted: Acted) -> Plan:
        """Its plan. Raises app.Wrong where it cannot be applied any more."""
        self._may_act()
        if acted.state not in (PLANNED, STOPPED, APPLYING):
            raise app.Wrong([f"{acted.id} is {acted.state} already; make a new plan: {command(from_json(acted.plan))}"])
        plan = from_json(acted.plan)
        if ACTIONS[acted.action].reads:
            raise app.Wrong([f"{acted.action} looks or prints, and changes nothing; there is nothing to apply"])
        return plan

    def verify(self, acted: Acted) -> Sequence[Check]:
        """Look, and keep what was seen. Raises CannotLook, app.Wrong."""
        plan = from_json(acted.plan)
        with self._action(ACTIONS[acted.action], plan.given, plan) as action:
            checks = action.verify(plan)
        self._store().actions.verified(acted.id, msgspec.json.encode(checks).decode(), time.time_ns())
        return checks

    def plan_undo(self, acted: Acted) -> Plan:
        """What would take back all that was done, or may have been. Raises CannotLook, app.Wrong."""
        self._may_act()
        if acted.state == PLANNED:
            raise app.Wrong([f"{acted.id} was not applied; there is nothing to take back"])
        if acted.state == UNDONE:
            raise app.Wrong([f"{acted.id} is undone already"])
        if not ACTIONS[acted.action].undo:
            raise app.Wrong([f"{acted.action} cannot be undone"])
        plan = from_json(acted.plan)
        steps = self._store().actions.steps(acted.id)
        numbers = [one.number for one in steps if one.turn == 0 and one.state in MAYBE_DONE]
        with self._action(ACTIONS[acted.action], plan.given, plan) as action:
            return action.undo(plan, [plan.calls[number] for number in numbers])

    def undo(self, acted: Acted, shown: Plan, by: str) -> CallFailed | None:
        """Do what `shown` says; gives why it stopped. Raises Stale where it would be another by now, and as above."""
        visit = self._store()
        with self._alone(), self._action(ACTIONS[acted.action], shown.given, shown) as action:
            acted = self._kept(acted.id)
            if (now := self.plan_undo(acted)) != shown:
                said = "what is there has changed since it was shown" if now.calls else "there is nothing left to do"
                raise Stale(said, f"vedette action undo {acted.id} shows it as it is now")
            turn = 1 + max((one.turn for one in visit.actions.steps(acted.id)), default=0)
            visit.actions.mark(acted.id, UNDOING, by=by)
            error = run(action, shown.calls, {}, _Journal(visit, acted.id, turn, shown, by))
            visit.actions.mark(acted.id, HALF_UNDONE if error else UNDONE, now=time.time_ns())
        return error

    def steps(self, acted: Acted) -> list[Step]:
        """What was done, call by call."""
        return self._store().actions.steps(acted.id)

    def broken_off(self, acted: Acted) -> bool:
        """A process died in it: it is said to be at work, and nobody is."""
        if acted.state not in (APPLYING, UNDOING):
            return False
        try:
            with self._alone():
                return True
        except app.Wrong:
            return False

    @contextlib.contextmanager
    def _action(self, kind: Kind, given: Mapping[str, str], plan: Plan | None = None) -> Iterator[Action]:
        """The action on its system. Raises app.Wrong where the settings name none, or another than was planned on."""
        client = SYSTEMS[kind.family](self.settings, self.server)
        if client is None and not kind.reads:
            raise app.Wrong([_no_system(kind)])
        if isinstance(client, Hosts):
            try:
                client = client.named(given.get("host", ""))
            except LookupError as error:
                raise app.Wrong([str(error)]) from error
        action = kind.make(client, Known(self._evidence, self._snapshots, self._subjects))
        try:
            if plan is not None and plan.where != (here := client.server if client is not None else ""):
                raise app.Wrong([f"this was planned on {plan.where}; the settings, or --server, name {here}"])
            yield action
        finally:
            action.close()

    def _evidence(self, text: str) -> Iterator[Event]:
        """The kept events in whose neighbourhood a text stands. Raises CannotLook where nothing is kept."""
        kept = Kept(self.folder, 0)
        places = kept.sources()
        if not places:
            raise CannotLook(f"{self.folder}: no evidence is kept here", "--state names the folder of the store")
        # A text is in the log as JSON has it; its longest plain part is there as it stands.
        needle = max(_PLAIN.findall(text), key=len, default="").encode()
        scanner = Scanner(ScanPlan((), app.trusted_proxies(self.settings)))
        for _, place in places:
            yield from scanner.events_in(block for block in kept.blocks(place) if needle in block)
        self.notes += kept.troubles

    def _snapshots(self, kind: str, subject: str) -> Sequence[tuple[str, Any]]:
        """What `vedette watch` saw of a subject. Raises CannotLook where there is no store."""
        if self.visit is None:
            raise CannotLook(f"{self.folder}: no store here", "--state names its folder")
        return self.visit.progress.snapshots(kind, subject)

    def _subjects(self, kind: str) -> Sequence[str]:
        """Whose states are kept. Raises CannotLook where there is no store."""
        if self.visit is None:
            raise CannotLook(f"{self.folder}: no store here", "--state names its folder")
        return self.visit.progress.subjects(kind)

    def _may_act(self) -> None:
        if self.read_only:
            raise app.Wrong(["--read-only: nothing is applied or undone"])
        if self.settings.actions.mode == "read-only":
            at = self.settings.origin(("actions", "mode"))
            raise app.Wrong([f"{at}: actions.mode is read-only: nothing is applied or undone"])

    def _store(self) -> Visit:
        if self.visit is None:
            raise app.Wrong([f"{self.folder}: no store here, so that nothing is on record; --state names its folder"])
        return self.visit

    def _kept(self, id: str) -> Acted:
        found = self._store().actions.get(id)
        assert found is not None, id
        return found

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One process acts at a time; the lock ends with it, however it ends. Raises app.Wrong."""
        descriptor = os.open(self._store().folder / "actions.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise app.Wrong(["another `vedette action` is at work on this store; see vedette action list"]) from None
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Journal:
    """Meets `applying.Journal`."""

    visit: Visit
    id: str
    turn: int
    plan: Plan
    by: str

    def begun(self, number: int) -> None:
        self.visit.actions.begin(
            self.id, self.turn, number, self.plan.calls[number].does, by=self.by, now=time.time_ns()
        )

    def ended(self, number: int, state: str, said: str) -> None:
        self.visit.actions.end(self.id, self.turn, number, state, said, time.time_ns())


def target(plan: Plan) -> str:
    """A plan's arguments in one line; the first without its name."""
    first = ACTIONS[plan.action].arguments[:1]
    bare = first[0].name if first else ""
    return " ".join(value if name == bare else f"{name}={value}" for name, value in _said(plan))


def command(plan: Plan) -> str:
    """What makes such a plan again, for a shell."""
    return " ".join(["vedette action plan", plan.action, *(shell(f"{name}={value}") for name, value in _said(plan))])


def _said(plan: Plan) -> list[tuple[str, str]]:
    return [(name, plan.given[name]) for one in ACTIONS[plan.action].arguments if plan.given.get(name := one.name)]


def _fresh(action: Action, plan: Plan) -> None:
    """Raises Stale where the plan would be another by now."""
    try:
        now = action.plan(plan.given)
    except Refused as error:
        raise Stale(str(error), f"make a new one: {command(plan)}") from error
    changed = differences(plan.seen, now.seen)
    if changed or now.calls != plan.calls:
        shown = ", ".join(described(one) if one.startswith("/api") else one for one in changed[:5])
        said = f"changed since it was made: {shown or 'what is to be done'}"
        raise Stale(said, f"make a new one: {command(plan)}")


def _no_system(kind: Kind) -> str:
    part = _PARTS.get(kind.family, kind.family)
    return f"{kind.name} needs a system to act on: write actions.{part} into the settings, or give --server" + (
        " (kubectl proxy lends your own rights: --server http://127.0.0.1:8001)" if kind.family == "kube" else ""
    )
