"""A folder of the ruler and a real Loki: one broken file empties it; vedette refuses first; what it writes is well."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.built import part
from lab.process import until

from tests.cli.test_scan import vedette
from tests.rule_files import GOOD, LOADED, REFUSED, encoded
from tests.scans import SETTINGS
from vedette.clients.base import Http
from vedette.clients.loki import LokiClient, LokiRefused
from vedette.clients.loki_ruler import LokiRuler
from vedette.loki_process import LokiProcess
from vedette.render.ruler_folder import read_rule_file

RENDER = ("render", "loki", "K3", "K5", "--config", SETTINGS)
BROKEN = 'groups:\n- name: theirs\n  rules:\n  - alert: A\n    expr: sum(count_over_time({job="x"}[1m]) > 0\n'


@pytest.fixture(scope="module")
def loki() -> Iterator[tuple[LokiProcess, Path]]:
    """A Loki and the folder of its one tenant's rules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VEDETTE_PARTS", str(part("loki").parent))
        with LokiProcess(GOOD) as server:
            assert server._folder is not None
            yield server, Path(server._folder.name) / "rules" / "fake"


@pytest.fixture
def ruler(loki: tuple[LokiProcess, Path]) -> Iterator[LokiRuler]:
    """A client of it."""
    client = LokiClient(loki[0].url)
    yield LokiRuler(client)
    client.close()


def loads(ruler: LokiRuler) -> bool:
    """Whether Loki can read its folder."""
    try:
        ruler.stored()
    except LokiRefused as error:
        return error.status == 404
    return True


def would_load(ruler: LokiRuler, data: bytes) -> bool:
    """What vedette says of a file, with this Loki for its queries."""
    file = read_rule_file("x.yaml", data)
    try:
        for query in file.queries:
            ruler.formatted(query.text)
    except LokiRefused:
        return False
    return not any(problem.error for problem in file.problems)


@pytest.mark.parametrize("name", [*LOADED, *REFUSED])
def test_a_file_is_refused_where_loki_would_refuse_it(
    loki: tuple[LokiProcess, Path], ruler: LokiRuler, name: str
) -> None:
    """Case by case what the real one does with its whole folder."""
    file = loki[1] / "case.yaml"
    file.write_bytes(encoded({**LOADED, **REFUSED}[name]))
    try:
        assert (loads(ruler), would_load(ruler, file.read_bytes())) == (name in LOADED, name in LOADED)
    finally:
        file.unlink()


@pytest.mark.parametrize("name", ["README.md", ".hidden.yaml", "vedette.yaml~", ".vedette.yaml.tmp", "dangling"])
def test_every_file_of_the_folder_is_a_rule_file(
    loki: tuple[LokiProcess, Path], ruler: LokiRuler, tmp_path: Path, name: str
) -> None:
    """Whatever its name: a note, a hidden file, an editor's copy, a link to nowhere; not so a folder in it."""
    for folder in (loki[1], tmp_path):
        (folder / "sub").mkdir(exist_ok=True)
        (folder / "sub" / "x.yaml").write_text("hello\n")
        if name == "dangling":
            (folder / name).symlink_to("nowhere")
        else:
            (folder / name).write_text("Our rules.\n")
    assert not loads(ruler)
    done = vedette(*RENDER, "--into", tmp_path, "--unchecked")
    assert done.returncode == 2
    assert f"{tmp_path / name}".encode() in done.stderr
    assert not (tmp_path / "vedette.yaml").exists()
    (loki[1] / name).unlink()
    assert loads(ruler)
    (tmp_path / name).unlink()
    assert vedette(*RENDER, "--into", tmp_path, "--unchecked").returncode == 0


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def groups(url: str) -> dict[str, set[str]]:
    """The groups that the ruler runs, and the health of their rules."""
    http = Http(timeout=10)
    said = json.loads(http.request("GET", f"{url}/prometheus/api/v1/rules").body)["data"]["groups"]
    http.close()
    return {group["name"]: {rule["health"] for rule in group["rules"]} for group in said}


def test_a_broken_file_empties_the_ruler_and_vedette_refuses_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it nothing is written, and where and why is said; without it all groups are there, and well."""
    monkeypatch.setenv("VEDETTE_PARTS", str(part("loki").parent))
    monkeypatch.setenv("PATH", f"{part('loki').parent}:{os.environ['PATH']}")
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(BROKEN)
    done = vedette(*RENDER, "--into", tmp_path)
    assert done.returncode == 2
    assert f"{theirs}:5:48: error: Loki cannot parse it: syntax error".encode() in done.stderr
    assert b"nothing was written" in done.stderr
    assert names(tmp_path) == ["theirs.yaml"]
    whole = vedette(*RENDER).stdout
    with LokiProcess({"theirs.yaml": BROKEN.encode(), "vedette.yaml": whole}) as server:
        # It polls once at its start, before it is ready.
        assert groups(server.url) == {}
    theirs.write_text(BROKEN.replace("[1m])", "[1m]))"))
    done = vedette(*RENDER, "--into", tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"written, 3 groups; 1 other file; a Loki started for it loads them all" in done.stdout
    assert (tmp_path / "vedette.yaml").read_bytes() == whole
    assert names(tmp_path) == ["theirs.yaml", "vedette.yaml"]
    with LokiProcess({path.name: path.read_bytes() for path in tmp_path.iterdir()}) as server:
        wanted = {"theirs", "vedette-K3", "vedette-K5", "vedette-K5-counts"}
        until(lambda: groups(server.url) == {name: {"ok"} for name in wanted}, "every rule is well", 60)


def test_a_running_loki_judges_the_queries(loki: tuple[LokiProcess, Path], tmp_path: Path) -> None:
    """By its URL; one that is not there, or is no Loki, leaves everything as it was."""
    url = loki[0].url
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(BROKEN)
    done = vedette(*RENDER, "--into", tmp_path, "--loki", url)
    assert done.returncode == 2
    assert f"{theirs}:5:48: error: Loki cannot parse it".encode() in done.stderr
    theirs.write_text(GOOD)
    for wrong in ("http://127.0.0.1:1", f"{url}/elsewhere"):
        done = vedette(*RENDER, "--into", tmp_path, "--loki", wrong)
        assert done.returncode == 2
        assert b"nothing was checked, and nothing was written" in done.stderr
    assert not (tmp_path / "vedette.yaml").exists()
    assert vedette(*RENDER, "--into", tmp_path, "--loki", url).returncode == 0
    done = vedette(*RENDER, "--into", tmp_path, "--loki", url)
    assert b"unchanged, 3 groups; 1 other file; every query parsed by " + url.encode() in done.stdout
