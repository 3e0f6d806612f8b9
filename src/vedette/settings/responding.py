"""The part of vedette.yaml that `vedette respond` reads: the work that may explain an alert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from vedette.settings.key import Says, Texts


@dataclass(frozen=True, slots=True)
class Activity:
    """A kind of work, and how it is known in the logs: by any of its identities or user agents."""

    name: Annotated[
        str, Says("What it is called; an entry with the name of a built-in one takes its place.", required=True)
    ] = ""
    actors: Annotated[Texts, Says("Actors as the logs have them; `*` stands for any characters.")] = ()
    user_agents: Annotated[
        Texts, Says("User agents, which any client may claim; `*` stands for any characters. Only Kubernetes logs one.")
    ] = ()
    networks: Annotated[
        Texts, Says("Names of networks, or networks: it comes from there alone. Without the others it is all there is.")
    ] = ()
    off: Annotated[bool, Says("true: take the built-in entry of this name away.")] = False


@dataclass(frozen=True, slots=True)
class Responding:
    """How an alert is looked at."""

    activities: Annotated[
        tuple[Activity, ...],
        Says("Work that may explain an alert where it is seen around it, besides the built-in kinds."),
    ] = ()
