"""A whole watcher in process, over files in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scans import LOGS, SETTINGS
from tests.watch.small import Obedient
from vedette import app, wiring
from vedette.store.store import Store
from vedette.watch.watcher import Watcher


@contextmanager
def watching(
    state: Path,
    *paths: Path,
    sink: Obedient | None = None,
    extra: str = "",
    now: Callable[[], int] | None = None,
) -> Iterator[tuple[Watcher, Store]]:
    """A watcher with the examples' settings, and `extra` lines of YAML, over `paths`."""
    config = SETTINGS
    if extra:
        state.mkdir(parents=True, exist_ok=True)
        config = state / "vedette.yaml"
        config.write_text(SETTINGS.read_text("utf-8") + extra)
    settings = app.load_settings(str(config))
    request = wiring.WatchRequest(str(config), tuple(str(path) for path in paths), state=str(state))
    store = wiring.open_store(settings, str(state))
    try:
        more = {} if now is None else {"now": now}
        yield wiring.make_watcher(request, settings, store, [] if sink is None else [sink], **more), store
    finally:
        store.close()


def read_all(state: Path, *paths: Path, extra: str = "") -> dict[str, dict[str, int]]:
    """Watch until everything is read; gives the sums."""
    with watching(state, *paths, extra=extra) as (watcher, store):
        watcher.run(until_read=True)
        return store.progress.counts()


EXAMPLES = LOGS
