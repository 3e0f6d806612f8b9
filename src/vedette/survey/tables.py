"""Tables that count, and cannot grow without bound whoever writes the log."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Row = TypeVar("Row")

ROWS = 10_000
"""The most keys that a table keeps apart."""
NAMES = 16
"""The most names that a row keeps."""
LONGEST = 256
"""The longest name that is kept; a longer one is nobody's."""
BURST = 200
"""The most things within a minute that are counted."""
_RECENT = 20_000
_NANOSECONDS = 1_000_000_000


class Table(Generic[Key, Row]):
    """Key -> row, up to `ROWS` keys; what comes after them is only counted."""

    def __init__(self, make: Callable[[], Row]) -> None:
        self._make = make
        self.rows: dict[Key, Row] = {}
        self.beyond = 0
        """Events of keys that found no place."""

    def row(self, key: Key) -> Row | None:
        """The row of `key`, made if need be; None when the table is full."""
        found = self.rows.get(key)
        if found is None:
            if len(self.rows) >= ROWS:
                self.beyond += 1
                return None
            found = self.rows[key] = self._make()
        return found

    def __iter__(self) -> Iterator[tuple[Key, Row]]:
        return iter(self.rows.items())

    def __len__(self) -> int:
        return len(self.rows)


class Names:
    """The first few different names, and how often each came."""

    __slots__ = ("beyond", "counts")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.beyond = False
        """There were others."""

    def add(self, name: str) -> None:
        """Count `name`; too many and too long ones are left out."""
        if name in self.counts or (len(self.counts) < NAMES and len(name) <= LONGEST):
            self.counts[name] = self.counts.get(name, 0) + 1
        else:
            self.beyond = True

    def __iter__(self) -> Iterator[str]:
        """The most frequent first."""
        return iter(sorted(self.counts, key=lambda name: (-self.counts[name], name)))

    def __len__(self) -> int:
        return len(self.counts)


class Acts:
    """Whether an act was met a short while ago: one request gives several records."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, None] = OrderedDict()

    def new(self, act: str) -> bool:
        """True the first time, for the last twenty thousand acts."""
        key = hash(act)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > _RECENT:
            self._seen.popitem(last=False)
        return True


class Burst:
    """The most different things within any minute, for events in roughly the order of time."""

    __slots__ = ("_last", "most")

    def __init__(self) -> None:
        self._last: deque[tuple[int, int]] = deque(maxlen=BURST)
        self.most = 0

    def add(self, time: int, thing: str) -> int:
        """`thing` happened at `time`, in nanoseconds; gives how many different ones the minute before it holds."""
        minute = 60 * _NANOSECONDS
        last = self._last
        if last and time < last[-1][0] - minute:
            last.clear()  # another file begins
        last.append((time, hash(thing)))
        while last[0][0] < time - minute:
            last.popleft()
        now = len({key for _, key in last})
        self.most = max(self.most, now)
        return now
