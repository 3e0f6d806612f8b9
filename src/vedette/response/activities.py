"""Activities: work that the settings name (Terraform, a pipeline, a recovery), seen in the same logs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.formats.base import fits
from vedette.network import Networks
from vedette.response.context import Seen, Subject
from vedette.response.glance import Glance, time_of

IDENTITY, ADDRESS, AGENT = "identity", "address", "user agent"
_MOST = 50
"""Rows that are given."""
_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Activity:
    """How a kind of work is known: by an identity or a user agent, and where networks are named only from there."""

    name: str
    actors: tuple[str, ...] = ()
    """Actors as the logs have them; `*` stands for any characters."""
    user_agents: tuple[str, ...] = ()
    networks: Networks | None = None
    """Alone it is enough that the address lies inside."""

    def fits(self, actor: str, address: str, agent: str) -> str:
        """By what it is this activity, the strongest; nothing: it is not."""
        inside = self.networks is not None and self.networks.contains(address) is True
        if self.networks is not None and not inside:
            return ""
        if actor and any(fits(one, actor) for one in self.actors):
            return IDENTITY
        told = bool(agent) and any(fits(one, agent) for one in self.user_agents)
        if inside and (told or not (self.actors or self.user_agents)):
            return ADDRESS
        return AGENT if told else ""


@dataclass(slots=True)
class _Sum:
    count: int
    first: str
    last: str


class Activities:
    """Counts them within the window."""

    def __init__(self, activities: Sequence[Activity], subject: Subject) -> None:
        self._activities = activities
        self._subject = subject
        self._known: dict[tuple[str, str, str], tuple[tuple[str, str], ...]] = {}
        self._seen: dict[tuple[str, str, str, str, str], _Sum] = {}

    def see(self, glance: Glance) -> None:
        """Count one record in, where it is the last of its act."""
        who = glance.actor, glance.address, glance.agent
        found = self._known.get(who)
        if found is None:
            if len(self._known) > _REMEMBERED:
                self._known.clear()
            fits = ((one.name, one.fits(*who)) for one in self._activities)
            found = self._known[who] = tuple((name, by) for name, by in fits if by)
        if not found or not glance.final:
            return
        for name, by in found:
            key = (name, by, *who)
            seen = self._seen.get(key)
            if seen is None:
                self._seen[key] = _Sum(1, glance.stamp, glance.stamp)
            else:
                seen.count += 1
                seen.first = min(seen.first, glance.stamp)
                seen.last = max(seen.last, glance.stamp)

    def given(self) -> list[Seen]:
        """In the order of the settings, and of time; the alert's own actor first."""
        order = {one.name: place for place, one in enumerate(self._activities)}
        found = [
            Seen(
                name,
                actor,
                address,
                agent,
                one.count,
                time_of(one.first),
                time_of(one.last),
                by,
                bool(self._subject.actor) and actor == self._subject.actor,
            )
            for (name, by, actor, address, agent), one in self._seen.items()
        ]
        return sorted(found, key=lambda one: (not one.same_actor, order[one.activity], one.first))[:_MOST]
