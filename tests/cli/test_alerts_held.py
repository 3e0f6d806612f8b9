"""Which Alertmanager `vedette alerts` asks, and what it proves itself by there."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.loopback import Asked, Loopback, Reply, serving

from vedette.cli import main


def empty(_: Asked) -> Reply:
    """An Alertmanager that holds nothing."""
    return Reply(200, b"[]", {"content-type": "application/json"})


def proofs(server: Loopback) -> set[str]:
    """With what it was asked."""
    return {asked.headers.get("authorization", "") for asked in server.asked}


def test_a_token_goes_to_whom_the_settings_name_and_to_nobody_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named by its URL a sink's member gets the sink's token; another URL gets none."""
    (tmp_path / "token").write_text("s3cret\n")
    with serving(empty) as known, serving(empty) as other:
        config = tmp_path / "vedette.yaml"
        sink = f"{{name: am, urls: [{known.url}], token_file: {tmp_path / 'token'}}}"
        config.write_text(f"sinks:\n  alertmanager:\n    - {sink}\n")
        for url in (f"{known.url}/", other.url):
            assert main(["alerts", "list", "--alertmanager", url, "--config", str(config)]) == 0
        assert "no such alert in Alertmanager" in capsys.readouterr().err
        assert proofs(known) == {"Bearer s3cret"}
        assert proofs(other) == {""}
        both = ["--alertmanager", known.url, "--alertmanager", other.url]
        assert main(["alerts", "list", *both, "--config", str(config)]) == 0
        assert proofs(other) == {""}


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b"[{}]", b"null"])
def test_what_is_no_alertmanager_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: bytes) -> None:
    """A page of a proxy, another program's JSON: exit 2 with the reason, never an empty list."""
    config = tmp_path / "vedette.yaml"
    config.write_text("{}\n")
    with serving(lambda _: Reply(200, answer)) as server:
        assert main(["alerts", "list", "--alertmanager", server.url, "--config", str(config)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "200, and not what Alertmanager answers" in err
