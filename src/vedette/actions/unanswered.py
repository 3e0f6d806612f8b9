"""Unanswered: a request that got no answer, alike for every system that is asked over HTTP."""

from __future__ import annotations

from vedette.actions.base import CallFailed
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.reading import fault_here, never_sent


def failed(server: str, error: NoAnswer | BadSecret, system: str) -> CallFailed:
    """Why a call was not done. It may have been, unless the far end was not even reached. `system`: as a person calls
    it."""
    if isinstance(error, BadSecret):
        return CallFailed(str(error), "write the token into token_file")
    known = never_sent(error) or fault_here(error)
    return CallFailed(f"{server}: {error}", mend(error, system), known=known)


def mend(error: Exception, system: str) -> str:
    """What to do about an answer that did not come."""
    if isinstance(error, BadSecret):
        return "write the token into token_file, readable by you alone"
    if isinstance(error, NoAnswer) and fault_here(error):
        return "name in ca_file the certificates that the server's is signed by"
    return f"see whether {system} is up and reachable"
