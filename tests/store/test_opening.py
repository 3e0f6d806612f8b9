"""Several processes open a store that is being made: nobody is turned away for that."""

from __future__ import annotations

import threading
from pathlib import Path

from vedette.store.database import Database, StoreError


def test_a_new_store_that_several_open_at_once_is_open_to_all(tmp_path: Path) -> None:
    """`vedette alerts list` beside the daemon's first start costs neither of them."""
    failures: list[str] = []

    def opened(folder: Path, ready: threading.Barrier) -> None:
        ready.wait()
        try:
            Database(folder).close()
        except StoreError as error:
            failures.append(str(error))

    for number in range(15):
        ready = threading.Barrier(4)
        threads = [threading.Thread(target=opened, args=(tmp_path / str(number), ready)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
