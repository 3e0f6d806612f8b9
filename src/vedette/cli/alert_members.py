"""The Alertmanagers that `vedette alerts` asks: those of the settings' sinks, or those that were named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from vedette.settings import Settings
from vedette.settings.watching import AlertmanagerSink

if TYPE_CHECKING:
    from vedette.clients.alertmanager import Alertmanager

_PATIENCE = 5.0
"""Seconds for an Alertmanager to answer."""
_T = TypeVar("_T")


def clusters(settings: Settings, urls: Sequence[str]) -> tuple[AlertmanagerSink, ...]:
    """The clusters to ask: of the settings, or one whose members have these `urls`, with what the settings know."""
    if not urls:
        return settings.sinks.alertmanager
    wanted = {url.rstrip("/") for url in urls}
    for said in settings.sinks.alertmanager:
        if wanted <= {url.rstrip("/") for url in said.urls}:
            return (
                AlertmanagerSink(
                    said.name, tuple(urls), said.token_file, said.username, said.password_file, said.ca_file
                ),
            )
    return (AlertmanagerSink("alertmanager", tuple(urls)),)


@contextmanager
def member(said: AlertmanagerSink, url: str) -> Iterator[Alertmanager]:
    """A client of one member."""
    from vedette import app

    client = app.alertmanager(said, url, _PATIENCE)
    try:
        yield client
    finally:
        client.close()


def tried(said: AlertmanagerSink, url: str, act: Callable[[Alertmanager], _T]) -> tuple[_T | None, str]:
    """What a member gives, or None and why there is nothing of it."""
    from vedette.clients.base import BadSecret, NoAnswer

    try:
        with member(said, url) as client:
            return act(client), ""
    except (NoAnswer, BadSecret) as error:
        return None, str(error)
    except ValueError:
        return None, "no http or https URL"


def first(said: AlertmanagerSink, act: Callable[[Alertmanager], object]) -> str:
    """Do it at the first member that answers, which tells the others; gives why none did, or nothing."""
    reasons = []
    for url in said.urls:
        _, reason = tried(said, url, act)
        if not reason:
            return ""
        reasons.append(reason)
    return "; ".join(dict.fromkeys(reasons)) or "it has no URL"
