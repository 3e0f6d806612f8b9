"""The trusted networks from Terraform's variables."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from vedette.settings import Settings, SettingsError, load

HCL = """\
region = "eu"
security_source_ip_allowlist = [
  "10.0.20.0/22", # the lan
  "203.0.113.5/32",
]
tags = { a = "b" }
"""


def settings_with(folder: Path, name: str, text: str | bytes) -> Settings:
    """Settings that take their list from a file called `name`."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (folder / "vedette.yaml").write_text(f"owner: me\nallowlist_from: {name}\n")
    return load(folder / "vedette.yaml")


def problem_with(folder: Path, name: str, text: str | bytes) -> str:
    """What is said against such a file."""
    with pytest.raises(SettingsError) as caught:
        settings_with(folder, name, text)
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize("kind", ["prod.tfvars", "prod.tfvars.json"])
def test_the_list_is_one_more_list_of_networks(tmp_path: Path, kind: str) -> None:
    """HCL and JSON give the same list, called allowlist, and nothing else is trusted then."""
    if kind.endswith(".tfvars"):
        pytest.importorskip("hcl2", reason="python-hcl2, an optional extra, is not installed")
    networks = ["10.0.20.0/22", "203.0.113.5/32"]
    text = HCL if kind.endswith(".tfvars") else json.dumps({"security_source_ip_allowlist": networks, "other": 1})
    settings = settings_with(tmp_path, kind, text)
    assert settings.networks == {"allowlist": tuple(networks)}
    assert settings.site_networks()["trusted"].contains("203.0.113.5")
    assert not settings.site_networks()["trusted"].contains("10.1.1.1")


def test_host_bits_are_named_in_terraform_s_own_file(tmp_path: Path) -> None:
    """A wrong network is reported with the file, line and column where Terraform has it."""
    pytest.importorskip("hcl2", reason="python-hcl2, an optional extra, is not installed")
    said = problem_with(tmp_path, "p.tfvars", HCL.replace("203.0.113.5/32", "203.0.113.5/24"))
    assert said.startswith("p.tfvars:4:3: error: '203.0.113.5/24' has host bits set; the network is 203.0.113.0/24")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tfvars.json", "{", "a.tfvars.json:1:2: error: not JSON"),
        ("a.tfvars.json", '{"x": 1}', "sets no variable security_source_ip_allowlist"),
        ("a.tfvars.json", "[]", "sets no variable security_source_ip_allowlist"),
        ("a.tfvars.json", '{"security_source_ip_allowlist": "10.0.0.0/8"}', "must be a list of networks written out"),
        ("a.tfvars.json", '{"security_source_ip_allowlist": [7]}', "must be a network written out, not '7'"),
        ("a.tfvars.json", '{"security_source_ip_allowlist": ["0.0.0.0/0"]}', "trusts every address there is"),
        ("a.tfvars.json", b"\xff", "a.tfvars.json is not UTF-8"),
        ("a.tfvars.json", "[" * 100_000, "a.tfvars.json nested too deep"),
        ("a.txt", "", "a.txt is no file of Terraform variables"),
    ],
)
def test_what_gives_no_list_is_refused(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    """A file that is broken, lacks the variable, or does not write its networks out is named with the reason."""
    assert message in problem_with(tmp_path, name, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [\n", "a.tfvars:3:1: error: not HCL"),
        ("x = 1\n", "a.tfvars sets no variable security_source_ip_allowlist"),
        ('security_source_ip_allowlist = concat(["10.0.0.0/8"], x)\n', "must be a list of networks written out"),
        ('security_source_ip_allowlist = ["${var.x}/8"]\n', "must be a network written out"),
        ('security_source_ip_allowlist = [{cidr = "10.0.0.0/8"}]\n', "must be a network written out"),
        ("x = " + "[" * 5000 + "]" * 5000 + "\n", "a.tfvars"),
    ],
)
def test_hcl_that_gives_no_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Broken HCL, expressions and maps are refused, never guessed at."""
    pytest.importorskip("hcl2", reason="python-hcl2, an optional extra, is not installed")
    assert message in problem_with(tmp_path, "a.tfvars", text)


def test_a_missing_file_is_named_at_the_key(tmp_path: Path) -> None:
    """The problem stands where the settings name the file."""
    (tmp_path / "vedette.yaml").write_text("allowlist_from: gone.tfvars\n")
    with pytest.raises(SettingsError, match=r":1:17: error: gone\.tfvars cannot be read: No such file"):
        load(tmp_path / "vedette.yaml")


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where python-hcl2 is not installed, the message says what to install and what works without."""
    monkeypatch.setitem(sys.modules, "hcl2", None)
    said = problem_with(tmp_path, "p.tfvars", HCL)
    assert "needs the package python-hcl2" in said
    assert "pip install 'vedette[hcl]', or give a .tfvars.json file" in said


def test_the_name_of_the_list_is_taken(tmp_path: Path) -> None:
    """A list of one's own may not be called allowlist beside Terraform's."""
    (tmp_path / "a.tfvars.json").write_text('{"security_source_ip_allowlist": ["10.0.0.0/8"]}')
    path = tmp_path / "vedette.yaml"
    path.write_text("allowlist_from: a.tfvars.json\nnetworks: {allowlist: [10.0.0.0/8]}\n")
    with pytest.raises(SettingsError, match="the name 'allowlist' is taken"):
        load(path)
