"""What the verbs of `vedette incident` share: incidents by their number, texts as they are kept."""

from __future__ import annotations

from vedette import app
from vedette.cli.alert_desk import Desk, clean
from vedette.escape import terminal
from vedette.stamp import to_second
from vedette.store.incidents import Incident, Incidents

LONGEST = 10_000
"""Characters of a text that are kept."""


def said(text: str, otherwise: str) -> str:
    """A text as it is kept. Raises app.Wrong where there is none, or too much."""
    found = clean(text).strip()
    if not found:
        raise app.Wrong([otherwise])
    if len(found) > LONGEST:
        raise app.Wrong([f"{len(found):,} characters are too many; {LONGEST:,} are kept at most"])
    return found


def named(desk: Desk, given: str) -> Incident:
    """The incident with this number. Raises app.Wrong."""
    text = given.removeprefix("#")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    found = Incidents(desk.visit.database).get(number) if number else None
    if found is None:
        raise app.Wrong([f"no incident has the number {given!r}; vedette incident list --all shows what there is"])
    return found


def still_open(desk: Desk, given: str) -> Incident:
    """As `named`, for one that is to be changed. Raises app.Wrong where it is closed."""
    found = named(desk, given)
    if found.closed:
        by = f"at {to_second(found.closed)} by {terminal(found.closed_by)}"
        raise app.Wrong([f"incident {found.id} was closed {by}; begin another: vedette incident open"])
    return found
