"""`vedette render terraform`: what is written is read back as it was, by vedette and by HCL's reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_scan import vedette
from tests.scans import SETTINGS
from vedette.network import Networks
from vedette.render.terraform import allowlist, variable_file
from vedette.settings import load
from vedette.settings.allowlist import VARIABLE, read_allowlist

FORMS = [("--json", "a.auto.tfvars.json"), ("", "a.auto.tfvars")]
NETWORKS = st.one_of(
    st.ip_addresses(v=4).map(lambda address: f"{address}/32"),
    st.ip_addresses(v=6).map(lambda address: f"{address}/128"),
    st.integers(0, 255).map(lambda number: f"10.{number}.0.0/16"),
)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)


def needs_hcl(name: str) -> None:
    """Skips where HCL cannot be read."""
    if name.endswith(".tfvars"):
        pytest.importorskip("hcl2", reason="python-hcl2, an optional extra, is not installed")


@pytest.mark.parametrize(("form", "name"), FORMS)
def test_the_settings_read_it_back(tmp_path: Path, form: str, name: str) -> None:
    """Every network of every list, in their order; and the same addresses are trusted."""
    needs_hcl(name)
    done = vedette("render", "terraform", *form.split(), "--config", SETTINGS)
    assert done.returncode == 0
    (tmp_path / name).write_bytes(done.stdout)
    (tmp_path / "vedette.yaml").write_text(f"owner: me\nallowlist_from: {name}\n")
    before, after = load(SETTINGS), load(tmp_path / "vedette.yaml")
    assert after.networks == {"allowlist": tuple(text for texts in before.networks.values() for text in texts)}
    assert Networks.of(after.networks["allowlist"]).v4 == before.site_networks()["trusted"].v4
    assert Networks.of(after.networks["allowlist"]).v6 == before.site_networks()["trusted"].v6
    assert vedette("render", "terraform", "--config", SETTINGS, "--check", tmp_path / name).returncode == 0


@given(lists=st.dictionaries(NAMES, st.lists(NETWORKS, max_size=6), max_size=4))
def test_any_lists_are_read_back(lists: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each network once, in both forms."""
    folder = tmp_path_factory.mktemp("terraform")
    networks = allowlist(lists)
    for as_json, name in ((True, "a.tfvars.json"), (False, "a.tfvars")):
        needs_hcl(name)
        (folder / name).write_text(variable_file(VARIABLE, networks, as_json=as_json), "utf-8")
        assert read_allowlist(folder / name, name).networks == tuple(networks)
    assert set(networks) == {network for texts in lists.values() for network in texts}


def test_hcl_has_the_one_variable() -> None:
    """By the reader of HCL itself, whose quotation marks differ from version to version."""
    hcl2 = pytest.importorskip("hcl2", reason="python-hcl2, an optional extra, is not installed")
    read = hcl2.loads(vedette("render", "terraform", "lan", "pods", "--config", SETTINGS).stdout.decode())
    assert [text.strip('"') for text in read[VARIABLE]] == ["10.0.20.0/22", "10.10.0.0/16"]
    assert [name for name in read if not name.startswith("__")] == [VARIABLE]


def test_drift_is_named_on_both_sides(tmp_path: Path) -> None:
    """What only the file has, with its place; what only the settings have, with its list."""
    file = tmp_path / "x.tfvars.json"
    file.write_text(json.dumps({VARIABLE: ["10.0.20.0/22", "0.0.0.0/1"]}, indent=1))
    done = vedette("render", "terraform", "lan", "pods", "--config", SETTINGS, "--check", file)
    assert done.returncode == 1
    said = done.stdout.decode()
    assert f"{file}:4:3: error: 0.0.0.0/1 is not in the settings" in said
    assert f"{file}: 10.10.0.0/16 is missing, which the settings have in pods" in said


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """A list that there is not, a file that there is not, and settings that name none of their own."""
    done = vedette("render", "terraform", "wan", "--config", SETTINGS)
    assert done.returncode == 2
    assert b"no networks called wan, only " in done.stderr
    done = vedette("render", "terraform", "--config", SETTINGS, "--check", tmp_path / "none.tfvars")
    assert done.returncode == 2
    assert b"none.tfvars: error: cannot be read: No such file" in done.stderr
    (tmp_path / "vedette.yaml").write_text("owner: me\n")
    done = vedette("render", "terraform", "--config", tmp_path / "vedette.yaml")
    assert done.returncode == 0
    assert b"names no networks" in done.stderr
