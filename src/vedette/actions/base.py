"""What an action is: it plans, does one call at a time, looks whether that is so now, and says how to take it back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from vedette.event import Event

Evidence = Callable[[str], Iterable[Event]]
"""The events that are kept and whose record holds a text, oldest first."""
Snapshots = Callable[[str, str], Sequence[tuple[str, Any]]]
"""Kind and subject of an observation -> time (RFC 3339) and value of each state that was seen, the latest first."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows besides the system itself. Each call raises CannotLook where nothing is kept."""

    evidence: Evidence
    snapshots: Snapshots
    subjects: Callable[[str], Sequence[str]]
    """Kind of an observation -> those of whom a state is kept."""


BY_HAND = "by hand"
"""The method of a call that vedette does not do itself."""


class Refused(Exception):
    """What vedette does not do, whoever asks; `str()` says what and why, `mend` what to do in its place."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.mend = mend


class CannotLook(Exception):
    """The system could not be looked at, so that nothing can be said or done; `mend` says what to do."""

    def __init__(self, reason: str, mend: str = "") -> None:
        super().__init__(reason)
        self.mend = mend


class CallFailed(Exception):
    """A call was not done."""

    def __init__(self, reason: str, mend: str = "", *, known: bool = True) -> None:
        """`known`: False where nobody can tell whether it was done: the connection broke before the answer."""
        super().__init__(reason)
        self.mend = mend
        self.known = known


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One change, as it is sent and as a person would do it."""

    method: str
    """Of HTTP; `run` for a command on a host; `by hand` for what vedette does not do itself."""
    path: str
    """With everything quoted; of a command, the command."""
    body: Any = None
    """JSON; it holds no secret."""
    content: str = "application/json"
    does: str
    """What it does, as an order: `take alice out of ClusterRoleBinding ops`."""
    command: str
    """The same as a command of a POSIX shell, every word quoted by `escape.shell`."""
    expects: dict[str, Any] = {}
    """What is so once it was done; the family's own keys, for `Action.check`."""
    kept: Any = None
    """What taking it back needs; None: it is not taken back."""

    def as_kept(self) -> dict[str, Any]:
        """Of a call that takes another back, for that one's `kept`; `Call(**kept)` is the same again."""
        return {name: getattr(self, name) for name in ("method", "path", "body", "does", "command", "expects")}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done, made from what was seen a moment ago."""

    action: str
    given: dict[str, str]
    """The arguments by name, those left out at their defaults."""
    where: str
    """The system: a server's URL, a host."""
    does: str
    """One sentence."""
    calls: list[Call] = []
    """In order. Empty: there is nothing to do."""
    seen: dict[str, str] = {}
    """Subject -> its state, for each thing that the plan rests on. Another state makes the plan stale."""
    breaks: list[str] = []
    """What restarts, stops or is cut off."""
    remains: list[str] = []
    """What it does not reach."""
    undo: str = ""
    """How it is taken back; nothing: it cannot be."""
    found: list[dict[str, str]] = []
    """Rows of an action that only looks; all have the same keys."""


class Check(msgspec.Struct, frozen=True):
    """One thing that must be so after an action."""

    says: str
    """As it should be: `ClusterRoleBinding ops does not name alice`."""
    holds: bool | None
    """None: nobody can tell; `why` says what hinders."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that an action takes."""

    name: str
    says: str
    required: bool = False
    choices: tuple[str, ...] = ()


class Action(Protocol):
    """One action on one system. Every call may take as long as its client's timeouts, and none is tried again."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """Look, and say what would be done; change nothing. Raises Refused, CannotLook."""

    def do(self, call: Call) -> str:
        """Do one call of a plan; gives what came back, in a few words. Raises CallFailed."""

    def check(self, call: Call) -> Check:
        """Whether what the call is to bring about is so now. Raises nothing: what hinders is in the answer."""

    def verify(self, plan: Plan) -> Sequence[Check]:
        """Whether all that the plan is to bring about is so now, and what goes beyond its calls. Raises CannotLook."""

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """The plan that takes `done` back, from what is there now; `remains` says what is left as it is, and why.

        `done` are calls of `plan` that were done or may have been. What is back already is no call any more, so that
        a broken undo is begun again by asking anew. Raises CannotLook.
        """

    def close(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of action, as it is listed."""

    name: str
    """FAMILY.WHAT, for example kube.suspend-actor; the family says which system it is given."""
    says: str
    """What it does, in a sentence."""
    arguments: tuple[Argument, ...]
    """The first may be given without its name."""
    undo: str
    """How it is taken back; nothing: it cannot be."""
    make: Callable[[Any, Known], Action]
    """Gives it the family's client; one that only looks may be given None, where the settings name no system."""
    reads: bool = False
    """It only looks, or prints what a person is to do; there is nothing to apply."""

    @property
    def family(self) -> str:
        """What stands before the dot."""
        return self.name.partition(".")[0]


def usage(kind: Kind) -> str:
    """How it is called: `kube.uncordon NODE`; what may be left out in brackets."""
    words = [kind.name]
    for one in kind.arguments:
        value = "|".join(one.choices) or one.name.upper()
        word = one.name.upper() if one is kind.arguments[0] else f"{one.name}={value}"
        words.append(word if one.required else f"[{word}]")
    return " ".join(words)


def takes(kind: Kind) -> str:
    """The same, with what each argument is."""
    said = "; ".join(f"{one.name}: {one.says}" for one in kind.arguments)
    return f"vedette action plan {usage(kind)}" + (f"; {said}" if said else " takes no arguments")


WILDCARDS = "*?"


def arguments(kind: Kind, words: Sequence[str]) -> dict[str, str]:
    """Words of a command line, `NAME=VALUE` or the first argument's value bare, by name. Raises Refused."""
    known = {one.name: one for one in kind.arguments}
    given: dict[str, str] = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals or name not in known:
            if index or not kind.arguments:
                raise Refused(f"{word!r} is no argument of {kind.name}", takes(kind))
            name, value = kind.arguments[0].name, word
        if name in given:
            raise Refused(f"{name} is given twice")
        given[name] = value
    for argument in kind.arguments:
        _look_at(kind, argument, given.setdefault(argument.name, ""))
    return given


def _look_at(kind: Kind, argument: Argument, value: str) -> None:
    """Raises Refused for what may be many, or nobody."""
    if not value.strip():
        if value or argument.required:
            raise Refused(f"{kind.name} needs {argument.name}: {argument.says}", takes(kind))
        return
    if any(char in value for char in WILDCARDS):
        raise Refused(f"{argument.name} {value!r} may be many; an action takes one", "write the name in full")
    if argument.choices and value not in argument.choices:
        raise Refused(f"{argument.name} {value!r} is not known", f"one of {', '.join(argument.choices)}")


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The subjects that make a plan stale: come, gone or changed since."""
    return sorted(one for one in {*before, *now} if before.get(one) != now.get(one))


def json_text(plan: Plan) -> str:
    """A plan as it is kept."""
    return msgspec.json.encode(plan).decode()


def from_json(text: str) -> Plan:
    """A plan that was kept."""
    return msgspec.json.decode(text, type=Plan)
