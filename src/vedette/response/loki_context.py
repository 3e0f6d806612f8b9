"""The context of an alert, asked of a Loki: lines by the names that stand in them, as few as will do.

Of the window all lines with a name are asked for, of the week before it some of each day. What a name cannot be found
by is said in `needles`; here it also holds for the window. Loki knows when a line came, not what its record says: it is
asked for somewhat more, and the record's own time counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from vedette.alert import Alert
from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.loki import LokiClient, LokiRefused
from vedette.escape import logql
from vedette.event import Event
from vedette.formats.base import TrustedProxy
from vedette.response.activities import Activity
from vedette.response.context import Context
from vedette.response.evidence import HOUR
from vedette.response.gathering import Gathering, Shapes, oldest
from vedette.response.lineage import MOST_PARENTS, telling
from vedette.response.needles import Needles, needles
from vedette.response.subject import EARLIER, act_needles, is_own, subject_of
from vedette.sources.loki import Cursor, Pages

MOST_LINES = 20_000
"""Lines of the window that are asked for by the alert's names, and as many by those of activities."""
DAYS = 7
"""How long before the window is looked back."""
A_DAY = 1000
"""Lines of the actor's that are asked for of each of these days."""
_MOST_TOLD = 500
"""Lines that may tell where a token came from."""
_LATE = 600_000_000_000
"""A line may reach Loki that much later than its record says, in nanoseconds."""
_DAY = 24 * HOUR


def of_loki(
    client: LokiClient,
    queries: Sequence[str],
    alert: Alert,
    *,
    hours: float = 1.0,
    proxies: Sequence[TrustedProxy] = (),
    activities: Sequence[Activity] = (),
) -> Context:
    """What surrounds an alert by the log queries that give its logs (`{job="kube-audit"}`); the window as of evidence.

    What Loki does not answer is among the context's troubles, never raised.
    """
    return _Asking(client, queries, alert, hours, proxies).context(activities)


class _Asking:
    def __init__(
        self,
        client: LokiClient,
        queries: Sequence[str],
        alert: Alert,
        hours: float,
        proxies: Sequence[TrustedProxy],
    ) -> None:
        self._client, self._queries, self._alert = client, queries, alert
        around = int(hours * HOUR)
        self._window = alert.first_seen - around, alert.last_seen + around + 1
        self._shapes = Shapes(proxies)
        self._size = 0
        self._troubles: list[str] = []

    def context(self, activities: Sequence[Activity]) -> Context:
        gathering = Gathering(self._alert, self._first(), self._window, self._shapes, activities)
        self._around(gathering, activities)
        self._before(gathering)
        self._tokens(gathering)
        return gathering.context(self._reaches(), self._size, self._troubles, "Loki")

    def _first(self) -> Event | None:
        """A record of the alert's first act, the one that says most."""
        best = None
        wanted = tuple(one for act in act_needles(subject_of(self._alert))[:1] for one in act)
        first = self._alert.first_seen
        since = first if self._alert.act else first - EARLIER
        reader = self._shapes.reader()
        for lines in self._lines(_with(wanted), since, first + _LATE, MOST_LINES):
            for batch in reader.feed(lines):
                for index in range(len(batch.records)):
                    event = self._shapes.whole(batch, index)
                    if event is None or not is_own(self._alert, event):
                        continue
                    if best is None or event.final:
                        best = event
            if best is not None and best.final:
                break
        return best

    def _around(self, gathering: Gathering, activities: Sequence[Activity]) -> None:
        subject = gathering.subject
        names = (*gathering.actor, *needles(subject.address), *gathering.close)
        found, vague = _of_activities(activities)
        if vague:
            which = ", ".join(vague)
            self._troubles.append(
                f"only their networks tell these activities, so that Loki is not asked for them: {which}"
            )
        since, until = self._window
        seen: set[bytes] = set()
        for wanted, what in ((names, "of the alert's actor, address and token"), (found, "of activities")):
            reader = self._shapes.reader()
            for lines in self._lines(_with(tuple(dict.fromkeys(wanted))), since, until + _LATE, MOST_LINES, what):
                fresh = [one for one in lines.splitlines(keepends=True) if one not in seen]
                seen.update(fresh)
                for batch in reader.feed(b"".join(fresh)):
                    gathering.within(batch, named=True)
            for batch in reader.finish():
                gathering.within(batch, named=True)

    def _before(self, gathering: Gathering) -> None:
        """What the actor did on each of the days before; a sample of a day of many acts."""
        if not gathering.actor:
            return
        since = self._window[0]
        for day in range(DAYS, 0, -1):
            reader, start = self._shapes.reader(), since - day * _DAY
            for lines in self._lines(_with(gathering.actor), start, start + _DAY, A_DAY, "of the actor on one day"):
                for batch in reader.feed(lines):
                    gathering.older(batch, lines)

    def _tokens(self, gathering: Gathering) -> None:
        """Where the token came from, and what made that which made it."""
        lineage = gathering.lineage
        start, end = self._window[0] - DAYS * _DAY, self._window[1]
        asked: set[str] = set()
        for _ in range(MOST_PARENTS + 1):
            names = [one for one in lineage.names() if one not in asked]
            if not names:
                return
            asked.update(names)
            wanted = tuple(one for name in names for one in needles(name))
            gathering.named = wanted
            also = _with(tuple(telling(gathering.subject.format)))
            for query in dict.fromkeys((f"{_with(wanted)}{also}", _with(wanted))):
                reader = self._shapes.reader()
                for lines in self._lines(query, start, end, _MOST_TOLD):
                    for batch in reader.feed(lines):
                        gathering.trace(batch)
            lineage.tokens += [one for one in lineage.parents.values() if one not in lineage.tokens]

    def _reaches(self) -> int:
        """The oldest record of the days that are looked back at; 0: there is none."""
        since = self._window[0]
        for lines in self._lines("", since - DAYS * _DAY, since, 1):
            reader = self._shapes.reader()
            batches = [*reader.feed(lines), *reader.finish()]
            time, _ = oldest(batches, self._shapes, self._alert.source)
            if time:
                return time if time < since else 0
        return 0

    def _lines(self, filters: str | None, start: int, end: int, most: int, what: str = "") -> Iterator[bytes]:
        """The lines that came between two times and pass the filters, some `most` of each query; what of it Loki does
        not give is a trouble, where `what` names it also that there are more."""
        for query in self._queries if filters is not None else ():
            pages, cursor, count, more = Pages(self._client, f"{query}{filters}"), Cursor(start, {}), 0, True
            while more and count < most:
                try:
                    cursor, fresh, more = pages.next(cursor, end)
                except (LokiRefused, NoAnswer, BadSecret, OSError, ValueError) as error:
                    self._trouble(f"{query}: {error}")
                    break
                count += len(fresh)
                lines = b"".join(one.entry.line.encode("utf-8", "replace").rstrip(b"\n") + b"\n" for one in fresh)
                self._size += len(lines)
                if lines:
                    yield lines
            if pages.lost:
                self._trouble(f"{query}: {pages.lost}")
            if more and count >= most and what:
                self._trouble(f"{query}: the lines {what} are more than {most:,}; the others were not asked for")

    def _trouble(self, text: str) -> None:
        if text not in self._troubles:
            self._troubles.append(text)


def _with(wanted: Needles) -> str | None:
    """A line filter: some of them stands in it; None: nothing is looked for."""
    if not wanted:
        return None
    return f' |~ "{logql("|".join(re.escape(one.decode()) for one in wanted))}"'


def _of_activities(activities: Sequence[Activity]) -> tuple[Needles, list[str]]:
    """What stands in records of activities, and the names of those that no text tells."""
    found: list[bytes] = []
    vague: list[str] = []
    for one in activities:
        patterns = (*one.actors, *one.user_agents)
        pieces = [needles(max(pattern.split("*"), key=len)) for pattern in patterns]
        if not patterns or not all(pieces):
            vague.append(one.name)
        found += [needle for piece in pieces for needle in piece]
    return tuple(dict.fromkeys(found)), vague
