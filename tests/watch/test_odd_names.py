"""A log's name is bytes that need be no text, and may be what a terminal obeys."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.alert_store import Site, secret_read


def test_an_alert_in_a_log_whose_name_is_no_text_is_kept_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its bytes are shown escaped; after a restart nothing is read again."""
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    site.write()
    odd = tmp_path / os.fsdecode(b"audit\xff\x1b[2J.log")
    odd.write_bytes(secret_read("mallory") + secret_read("eve"))
    for _ in range(2):
        site.read(odd)
    assert site.told() == ["opened", "opened"]
    assert site.alerts("list", "-o", "json") == 0
    records = json.loads(capsys.readouterr().out)
    assert [one["count"] for one in records] == [1, 1]
    assert {one["file"] for one in records} == {f"{tmp_path}/audit\\xff\x1b[2J.log"}
    assert site.alerts("list") == 0
    assert "audit\\xff\\x1b[2J.log:1" in capsys.readouterr().out
