"""Runbooks filled from an alert: the words arrive, and nothing they hold is obeyed."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import unicodedata
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_scan import vedette
from tests.scans import LOGS, ROOT, SETTINGS
from vedette import app
from vedette.cases import pack_settings
from vedette.cli.alert_desk import runbook_url
from vedette.escape import logql, shell
from vedette.runbook import DETAILS, HEADINGS, PLACEHOLDERS, filled, link

ALERT = {
    "actor": "eve'; rm -rf / #",
    "address": "10.0.20.5, 203.0.113.9",
    "object": 'vault/secrets/"x"',
    "first_seen": "2026-01-02T03:04:05.000000Z",
    "last_seen": "2026-01-02T03:04:05.000000Z",
    "first_act": "a/1",
    "file": "my logs/audit.log",
}


def test_each_place_has_its_own_quoting() -> None:
    """Bare in a shell block, quoted in a query, shown in running text."""
    text = 'By {{actor}}.\n```sh\ngrep {{actor}} {{file}} # {{address}}\n```\n```logql\n{a="b"} |= "{{object}}"\n```\n'
    assert filled(text, ALERT) == (
        "By eve'; rm -rf / #.\n"
        "```sh\ngrep 'eve'\"'\"'; rm -rf / #' 'my logs/audit.log' # 203.0.113.9\n```\n"
        '```logql\n{a="b"} |= "vault/secrets/\\"x\\""\n```\n'
    )


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12))
def test_a_shell_gets_back_what_was_put_in(text: str) -> None:
    """Whatever the text, bash's printf prints exactly it."""
    done = subprocess.run(
        ["bash", "-c", f"printf %s {shell(text)}"], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"}
    )
    assert done.stdout.decode() == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_query_keeps_its_quotes(text: str) -> None:
    """Nothing closes the string or breaks the line."""
    inside = logql(text)
    assert not any(unicodedata.category(char).startswith("C") for char in inside)
    assert inside.replace("\\\\", "").replace('\\"', "").count('"') == 0


def test_every_runbook_of_the_pack_can_be_filled() -> None:
    """No placeholder but those that an alert fills, and none is left."""
    for file in app.pack_files():
        text = filled((file.parent / "runbook.md").read_text("utf-8"), ALERT)
        assert "{{" not in text.replace("{{ ", "")
        assert "'my logs/audit.log'" in text
    with pytest.raises(KeyError):
        filled("{{nobody}}", dict.fromkeys(PLACEHOLDERS, ""))


def test_what_is_not_known_stands_in_capitals() -> None:
    """Never as an empty word, in a command or a query; in running text it is none; what the details say is filled in."""
    text = 'Of {{account}}.\n```sh\nx {{account}} pod={{pod}}\n```\n```logql\n{a="b"} |= "{{entity}}"\n```\n'
    assert filled(text, ALERT) == ('Of (none).\n```sh\nx ACCOUNT pod=POD\n```\n```logql\n{a="b"} |= "ENTITY"\n```\n')
    said = filled(text, ALERT, {"account": "web/ci", "pod": "a b", "entity": 'e"1'})
    assert "x web/ci pod='a b'" in said
    assert '|= "e\\"1"' in said


@pytest.mark.parametrize("name", DETAILS)
def test_no_name_becomes_an_option(name: str) -> None:
    """What begins with a hyphen does not reach a command's words; a query has no options."""
    text = f'```sh\nvedette x {{{{{name}}}}}\n```\n```logql\n"{{{{{name}}}}}"\n```\n'
    said = filled(text, ALERT, {name: "--server=http://203.0.113.9"})
    assert said == f'```sh\nvedette x {name.upper()}\n```\n```logql\n"--server=http://203.0.113.9"\n```\n'


@pytest.mark.parametrize("file", app.pack_files(), ids=lambda file: file.parent.name)
def test_a_link_leads_to_a_page(file: Path) -> None:
    """By the pattern to the rule's page in docs/rules, which has its runbook; without one to the file itself."""
    rule = file.parent.name.partition("_")[0].upper()
    assert link("https://wiki.example.org/{rule}?x={rule}", rule) == f"https://wiki.example.org/{rule}?x={rule}"
    page = ROOT / link("docs/rules/{slug}.md", rule)
    text = page.read_text("utf-8")
    assert [f"## {name}" for name in HEADINGS] == re.findall(r"^## .+$", text, re.MULTILINE)
    for pattern, wanted in (("", file.parent / "runbook.md"), (f"{ROOT.as_uri()}/docs/rules/{{slug}}.md", page)):
        url = runbook_url(dataclasses.replace(pack_settings(), runbook_url=pattern), rule)
        assert Path(unquote(urlsplit(url).path)).resolve() == wanted.resolve()


def test_from_a_scan_to_a_filled_runbook() -> None:
    """The alert of a scan, piped in."""
    found = vedette("scan", "-q", "--config", SETTINGS, "-o", "jsonl", LOGS).stdout
    done = vedette("rules", "show", "K3", "--runbook", "--alert", "-", data=found)
    alert = next(record for record in map(json.loads, found.splitlines()) if record["rule"] == "K3")
    assert alert["actor"] in done.stdout.decode()
    assert f"--rule K3 --since {alert['first_seen']}" in done.stdout.decode()
    wrong = vedette("rules", "show", "K3", "--runbook", "--alert", "-", data=b"no json")
    assert wrong.returncode == 2
    assert b"no alert as `vedette scan -o jsonl` prints it" in wrong.stderr


def test_only_of_addresses_the_last_is_taken() -> None:
    """A name with a comma in it is that name."""
    text = "```sh\nx {{actor}} {{address}}\n```\n"
    alert = {**ALERT, "actor": "eve, the second"}
    assert "x 'eve, the second' 203.0.113.9" in filled(text, alert)
