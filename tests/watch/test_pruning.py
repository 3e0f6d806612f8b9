"""The running daemon keeps to the bounds of its settings by itself."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.cli.alert_store import Site, secret_read, until
from vedette.engine.memory import WindowAct
from vedette.store.segments import Limits, Segments, names
from vedette.store.store import Store
from vedette.watch import loop


def test_old_evidence_and_old_alerts_go_and_quiet_segments_shrink(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what it does; of a source that the settings no longer name as well."""
    monkeypatch.setattr(loop, "_FORGET", 0)  # else a minute after the start
    site = Site(tmp_path)
    site.write()
    folder = site.state / "evidence" / "gone-source"
    segments = Segments(folder, Limits(size=1))
    for number in range(3):
        segments.limits = Limits(size=1)
        segments.append(b"%d\n" % number)
        segments.limits = Limits()
        for line in range(50):
            segments.append(b"%d.%d %s\n" % (number, line, b"the same words again " * 5))
    segments.close()
    first, second, third = names(folder)
    os.utime(folder / first, (time.time() - 100 * 86_400,) * 2)
    size = (folder / second).stat().st_size
    store = Store(site.state, WindowAct)
    store.close()
    with site.running():
        site.append(secret_read("mallory"))
        until(lambda: names(folder) == [second, third], "the old segment has gone")
        until(lambda: len(site.told()) == 1, "alerts are told meanwhile")
    assert (folder / second).stat().st_size < size / 3
    assert (folder / third).stat().st_size > size / 3
