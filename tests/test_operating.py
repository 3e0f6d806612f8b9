"""docs/operating.md names every finding and every metric that there is, and none besides; its settings are settings."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.scans import ROOT
from tests.watch.small import store_in
from vedette import app
from vedette.store.outbox import SinkState
from vedette.watch.pulse import Pulse
from vedette.watch.status import Status

PAGE = ROOT / "docs/operating.md"
TEXT = PAGE.read_text("utf-8")


def column(heading: str) -> set[str]:
    """What stands between backquotes in the first column of the table below `| heading |`."""
    table = TEXT.partition(f"| {heading} |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def blocks() -> list[str]:
    """The YAML blocks of the page."""
    found = re.findall(r"^( *)```yaml\n(.*?)^\1```$", TEXT, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in found]


def test_every_kind_of_finding_is_explained() -> None:
    """The table of findings has a row for each kind that the watcher can open."""
    kinds = {
        node.args[0].value
        for path in (ROOT / "src/vedette/watch").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert len(kinds) > 8
    assert column("finding") == kinds


def test_every_metric_is_explained(tmp_path: Path) -> None:
    """The table of metrics has every name that /metrics gives."""
    with store_in(tmp_path) as store:
        store.outbox.set_state(SinkState("sink", "ok", 0, "", 0))
        text = Status(store, Pulse(1), [], ["sink"]).metrics().decode()
    names = set(re.findall(r"^# HELP (vedette_\w+) ", text, re.MULTILINE))
    assert {family.name for family in text_string_to_metric_families(text)} > {"vedette_records"}
    assert len(names) > 10
    assert column("metric") == names


def test_the_settings_are_settings(tmp_path: Path) -> None:
    """The example is taken, but for a homelab's networks that it leaves out."""
    (tmp_path / "vedette.yaml").write_text(blocks()[0], "utf-8")
    settings = app.load_settings(str(tmp_path / "vedette.yaml"))
    assert [one.name for one in settings.sources.files] == ["kube", "vault"]
    assert [route.to for route in settings.routes] == [("alertmanager", "slack"), ("alertmanager",)]


def test_alertmanager_takes_the_routes(tmp_path: Path) -> None:
    """The routing tree is one of Alertmanager's, and the heartbeat goes to the switch alone."""
    route = next(body for body in blocks() if body.startswith("route:"))
    receivers = sorted(set(re.findall(r"receiver: (\S+)", route)))
    file = tmp_path / "alertmanager.yml"
    file.write_text(route + yaml.safe_dump({"receivers": [{"name": name} for name in receivers]}), "utf-8")
    amtool = shutil.which("amtool")
    if amtool is None:
        pytest.skip("no amtool in PATH")

    def tool(*words: str) -> str:
        done = subprocess.run([amtool, *words], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    tool("check-config", str(file))
    labels = {
        "dead-mans-switch": ("alertname=VedetteHeartbeat", "severity=info"),
        "pager": ("alertname=VedetteK8", "severity=critical"),
        "chat": ("alertname=VedetteK8Attempt", "severity=warning"),
    }
    for receiver, words in labels.items():
        assert tool("config", "routes", "test", f"--config.file={file}", *words) == receiver


def test_every_key_is_a_key() -> None:
    """The keys of `watch` that the page names are in the printed settings."""
    named = set(re.findall(r"`(watch\.[a-z_.]+)`", TEXT)) | {"watch.listen"}
    reference = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    assert [key for key in sorted(named) if key not in reference] == []
