"""Context: what surrounds an alert, as values. Texts are raw, each exit escapes them; times are ns since 1970 UTC.

`evidence.of_evidence` makes one of a store's own segments, `loki_context.of_loki` of a Loki.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vedette.event import Event

MOST_EVENTS = 100
"""Records of the alert's own acts that are given whole."""
MOST_ROWS = 50
"""Rows of each table; the acts of further kinds are counted in `Context.more`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a context is about."""

    format: str
    """Of the alert's acts: kube_audit, vault_audit, sshd or observation."""
    act: str
    last_act: str
    actor: str
    address: str
    """The client's own: the last, where the alert names several."""
    tokens: tuple[str, ...] = ()
    """What names the token that was shown: Kubernetes' credential-id, Vault's accessor as the log has it (hashed), a
    key's fingerprint of sshd."""
    entity: str = ""
    """Vault: the entity's id."""


@dataclass(slots=True)
class Row:
    """Acts of one kind, summed. Several records of one act count once."""

    actor: str
    address: str
    agent: str
    """The user agent; Kubernetes alone logs one."""
    verb: str
    """Of Kubernetes; Vault's operation; sshd's word (Accepted, Failed, …)."""
    kind: str
    """As `act.Act.kind`: a resource, the first steps of a path in Vault, a host."""
    namespace: str
    outcome: str
    """done, refused, failed, unknown."""
    count: int
    first: int
    last: int
    example: str
    """The object of the first of them."""


@dataclass(slots=True)
class Step:
    """One step in the life of a token."""

    time: int
    says: str
    """A clause: what was done with it."""
    actor: str
    """Who did it."""
    address: str
    act: str


@dataclass(slots=True)
class Habit:
    """What was known of the actor before the window."""

    acts: int
    """0: not seen in anything that is kept from before."""
    first: int
    last: int
    days: int
    """Different days (UTC) on which it did something."""
    from_address: int
    """Of the acts: by the same address."""
    with_agent: int
    """Of the acts: by the same user agent, where the alert's act names one."""
    same_kind: int
    """Of the acts: with the same verb and kind as the alert's act."""
    kept_since: int
    """The oldest event there is: how far "never" reaches; 0: nothing is older than the window."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An activity that the settings name, seen within the window."""

    activity: str
    actor: str
    address: str
    agent: str
    count: int
    first: int
    last: int
    by: str
    """What fitted, the strongest: "identity", "address" or "user agent"."""
    same_actor: bool
    """It is the alert's own actor."""


@dataclass(slots=True)
class Context:
    """What surrounds an alert."""

    since: int
    """The window that was asked for."""
    until: int
    """Its end, which is not in it."""
    events: list[Event]
    """The records of the alert's first and last act, decoded whole; at most MOST_EVENTS."""
    by_actor: list[Row]
    """What the actor did, in the order of the first of each kind."""
    by_address: list[Row]
    """What others did from the same address."""
    by_token: list[Row]
    """What the same token did from elsewhere, or as somebody else."""
    lineage: list[Step]
    habit: Habit | None
    """None: the alert names no actor, or what came before was not read."""
    activities: list[Seen]
    acts: int
    """Acts in the tables and beyond them."""
    more: int
    """Acts of kinds that the tables have no room for."""
    events_read: int
    """Records that were decoded because some name stood in them."""
    bytes_read: int
    """Of lines, as plain text."""
    troubles: list[str] = field(default_factory=list)
    """What could not be read, a clause each."""
    read_from: str = "evidence"
    """"evidence" or "Loki"."""
