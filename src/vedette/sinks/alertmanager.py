"""Alertmanager: every open alert posted again and again, to every member of the cluster.

Alertmanager keeps alerts in memory only and members do not hand them to each other, so each member is told, and told
again (prometheus/alertmanager, docs/high_availability.md). An open alert ends four resends from now, as Prometheus has
it: one that nobody posts any more ends by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from vedette.clients.alertmanager import Alertmanager as Client
from vedette.clients.alertmanager import rfc3339, words
from vedette.clients.base import BadSecret, NoAnswer
from vedette.notification import Notification
from vedette.sinks.base import NotDelivered
from vedette.sinks.record import clean, link
from vedette.sinks.verdict import unanswered, verdict

LONGEST_ANNOTATION = 1024
"""Bytes; Alertmanager hands annotations on to chats and mails, which have their own bounds."""
LONGEST_LINK = 2048
"""Bytes of an annotation that is of no use when cut: a URL, a query."""
_LINKS = frozenset({"runbook_url", "dashboard_url", "query"})
_AHEAD = 4
_REST = 30.0
"""Seconds that a member which did not answer is left alone, as long as another takes alerts: its timeout would hold up
every batch."""

_Alerts = Sequence[tuple[str, Mapping[str, object]]]
"""Notifications' ids and what is posted for them."""
_AWAKE = (0.0, NotDelivered(""))


class Alertmanager:
    """The members of one cluster, or one alone."""

    batch = 256

    def __init__(  # noqa: PLR0913 - the settings' keys, and what a test turns
        self,
        name: str,
        urls: Sequence[str],
        *,
        token_file: str = "",
        username: str = "",
        password_file: str = "",
        ca_file: str = "",
        resend: float = 60.0,
        hold: float = 900.0,
        timeout: float = 10.0,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """As the settings' keys; spans and `timeout` in seconds. `clock`: nanoseconds since 1970."""
        self.name = name
        self.resend = resend
        self.hold = hold
        self.rejected: Mapping[str, str] = {}
        self.partial: Mapping[str, str] = {}
        self._clock = clock
        self._monotonic = monotonic
        self._members = {
            _shown(url): Client(
                url,
                token_file=token_file,
                username=username,
                password_file=password_file,
                ca_file=ca_file,
                timeout=timeout,
            )
            for url in urls
        }
        self._resting: dict[str, tuple[float, NotDelivered]] = {}

    def send(self, notifications: Sequence[Notification]) -> str:
        """Post all to every member; gives no receipt. Raises NotDelivered where no member took any.

        A batch that a member refuses is halved until only the wrong alerts are left (`rejected`); NotDelivered with
        `refused` says that all were.
        """
        alerts = [(one.id, self._alert(one)) for one in notifications]
        failed: dict[str, NotDelivered] = {}
        refused: list[dict[str, str]] = []
        now = self._monotonic()
        for member in sorted(self._members, key=lambda member: now < self._resting.get(member, _AWAKE)[0]):
            until, reason = self._resting.get(member, _AWAKE)
            if refused and now < until:
                failed[member] = reason
                continue
            try:
                refused.append(self._tell(self._members[member], alerts))
                self._resting.pop(member, None)
            except NotDelivered as error:
                failed[member] = error
                self._resting[member] = (self._monotonic() + _REST, error)
        self.partial = {member: str(error) for member, error in failed.items()}
        self.rejected = _by_all(refused)
        if not refused:
            raise _together(list(failed.values()))
        if alerts and len(self.rejected) == len(alerts):
            raise NotDelivered(next(iter(self.rejected.values())), refused=True)
        return ""

    def close(self) -> None:
        """Close idle connections."""
        for client in self._members.values():
            client.close()

    def _tell(self, client: Client, alerts: _Alerts) -> dict[str, str]:
        """Post; gives those that the member refuses, by id with the reason. Raises NotDelivered."""
        refusal = self._post(client, alerts)
        if not refusal:
            return {}
        # No Alertmanager refuses an empty batch; what does is a wrong address or a wrong proxy, and no alert's fault.
        if self._post(client, []):
            raise NotDelivered("400 even for an empty batch", dead=True)
        return self._sift(client, alerts, refusal)

    def _sift(self, client: Client, alerts: _Alerts, refusal: str) -> dict[str, str]:
        """Of alerts that were refused together, those that are refused alone; the others are posted."""
        if len(alerts) == 1:
            return {alerts[0][0]: refusal}
        half = len(alerts) // 2
        rejected: dict[str, str] = {}
        for part in (alerts[:half], alerts[half:]):
            reason = self._post(client, part)
            if reason:
                rejected |= self._sift(client, part, reason)
        return rejected

    def _post(self, client: Client, alerts: _Alerts) -> str:
        """Gives why the alerts are refused, or nothing. Raises NotDelivered where they are not at fault."""
        try:
            answer = client.post_alerts([alert for _, alert in alerts])
        except (NoAnswer, BadSecret) as error:
            raise unanswered(error) from None
        except ValueError:
            raise NotDelivered("no http or https URL", dead=True) from None
        refusal = verdict(answer, self._clock() / 1e9)
        if refusal is not None and not refusal.refused:
            raise refusal
        if refusal is None:
            return ""
        said = words(answer.body)
        return f"{refusal}: {said}" if said else str(refusal)

    def _alert(self, notification: Notification) -> Mapping[str, object]:
        """A `postableAlert`. A start in the future, or after the end, would be refused (a clock went back)."""
        now = self._clock()
        ends = notification.ends_at or now + int(_AHEAD * self.resend * 1e9)
        alert: dict[str, object] = {
            "labels": {name: clean(value) for name, value in notification.labels.items()},
            "annotations": {
                name: _cut(clean(value), LONGEST_LINK if name in _LINKS else LONGEST_ANNOTATION)
                for name, value in notification.annotations.items()
            },
            "startsAt": rfc3339(min(notification.starts_at, now, ends)),
            "endsAt": rfc3339(ends),
        }
        # One that is no URI would make its schema refuse the whole batch.
        runbook = link(notification.runbook_url, LONGEST_LINK)
        if runbook:
            alert["generatorURL"] = runbook
        return alert


def _by_all(refused: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """What every member that answered refuses: an alert that any of them took has been told."""
    first, *others = refused or [{}]
    return {key: reason for key, reason in first.items() if all(key in one for one in others)}


def _together(errors: Sequence[NotDelivered]) -> NotDelivered:
    """One word for several members of which none was told: dead only where all are."""
    first = next((error for error in errors if not error.dead), errors[0])
    reason = str(first) if len(errors) == 1 else f"{first} (none of {len(errors)} members was told)"
    return NotDelivered(
        reason,
        dead=all(error.dead for error in errors),
        retry_after=min(error.retry_after for error in errors),
        perhaps=any(error.perhaps for error in errors),
    )


def _shown(url: str) -> str:
    """The URL without a user's name and password, which it should not have."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _cut(text: str, most: int) -> str:
    """`text` in at most `most` bytes of UTF-8, its end marked by an ellipsis where it was cut."""
    if len(text) * 4 <= most or len(text[: most + 1].encode()) <= most:
        return text
    return text[:most].encode()[: most - 3].decode("utf-8", "ignore") + "…"
