"""Briefing: all there is to know of an alert before somebody decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.alert import Alert
from vedette.response.context import Context
from vedette.response.facts import Fact, Leaning
from vedette.response.offers import Offer
from vedette.store.actions import Acted
from vedette.store.alerts import Deed, Kept
from vedette.store.incidents import Incident


@dataclass(frozen=True, slots=True)
class Briefing:
    """All there is to know of an alert before somebody decides. Texts are raw."""

    alert: Alert
    kept: Kept | None
    """As the store has it; None: it is another engine's."""
    runbook: str
    """Its text with its placeholders; nothing where there is none."""
    values: dict[str, str]
    """What stands for the placeholders."""
    context: Context
    facts: list[Fact]
    leaning: Leaning
    offers: list[Offer]
    others: Sequence[Alert]
    """Other alerts about the same actor or address, within the hours that were looked at."""
    grounds: list[str]
    """Why this alert, with those around it, is a SEV1."""
    deeds: Sequence[Deed]
    acted: Sequence[Acted]
    incidents: Sequence[Incident]
    """Those that it belongs to."""
