"""`vedette rules lint` on runbooks: the pack's have nothing wrong, and each thing that can be wrong is named in its line."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.cli.test_scan import vedette
from vedette import app
from vedette.cases import pack_settings
from vedette.cli.rules_runbooks import lint_runbooks, tools
from vedette.response.grounds import GROUNDS
from vedette.response.linting import Looked, Tools, look, words_of_cases
from vedette.runbook import HEADINGS, lines

FILES = [file.parent / "runbook.md" for file in app.pack_files()]
K3 = next(file for file in FILES if file.parent.name.startswith("k3_"))


@cache
def cases(name: str) -> tuple[Mapping[str, str], ...]:
    """What fills the placeholders in the firing cases of a rule of the pack."""
    under = app.rules_under()
    return tuple(words_of_cases(under(pack_settings())[name], under))


@cache
def held() -> Tools:
    """What runbooks are held against here."""
    return tools()


def linted(text: str, words: Sequence[Mapping[str, str]] | None = None) -> Looked:
    """What is wrong with a text as K3's runbook."""
    return look("runbook.md", text, cases("K3") if words is None else words, held())


def test_the_packs_runbooks_have_nothing_wrong() -> None:
    """Headings, commands, actions and placeholders of all of them."""
    rules = app.usable_rules(app.load_rules(pack_settings()))
    problems, notes = lint_runbooks(rules, ())
    assert [str(problem) for problem in problems] == []
    assert all("only some alerts of the firing cases fill" in note for note in notes)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_a_runbook_of_the_pack_begins_with_vedette(file: Path) -> None:
    """`respond` first, the drill by `vedette drill`, `tune` named; an incident where the rule alone is a SEV1."""
    name = file.parent.name.partition("_")[0].upper()
    first: dict[str, str] = {}
    whole = file.read_text("utf-8")
    for line in lines(whole):
        if line.block == "sh" and not line.mark:
            first.setdefault(line.section, line.text.strip())
    assert first["First look"] == "vedette respond {{alert}}"
    assert first["Drill"] == f"vedette drill {name}"
    assert f"`vedette tune {name}`" in whole
    assert "vedette action plan " in whole
    alone = {rule for ground in GROUNDS for rule in ground.rules}
    assert ("vedette incident open " in whole) == (name in alone)


MUTANTS = {
    "a heading less": ("## Real or not\n", "", "## Act", "no heading 'Real or not' before here"),
    "the last heading less": ("## Drill\n", "", None, "no heading 'Drill' before here"),
    "a heading misspelt": ("## First look", "## First Look", "## First Look", "'First Look' is no heading of a runbook"),
    "a heading more": ("## Act\n", "## Notes\nx\n\n## Act\n", "## Notes", "'Notes' is no heading of a runbook"),
    "a heading twice": ("## Drill\n", "## Act\nx\n\n## Drill\n", "## Act\nx", "a second heading 'Act'"),
    "headings in another order": ("## Meaning", "## Drill\nx\n\n## Meaning", "## Meaning", "stands behind 'Drill'"),
    "nothing under a heading": (
        "## False positives\n", "## False positives\n\n## Drill\nx\n", "## False positives",
        "nothing stands under 'False positives'"),
    "a block that does not end": ("Without such", "```\nWithout such", "```\nWithout such", "a code block that does not end"),
    "no shell's syntax": ("vedette respond {{alert}}\n", "if true; then\n", "if true", "no shell reads this"),
    "another command": ("vedette respond {{alert}}", "vedette answer {{alert}}", "vedette answer", "does not take this"),
    "another option": ("--rule K3 --since", "--rules-of K3 --since", "--rules-of", "unrecognized arguments: --rules-of"),
    "a word too few": ("vedette respond {{alert}}", "vedette respond", "vedette respond\n", "are required: ALERT"),
    "a command in running text": ("## Drill\n", "## Drill\nTry `vedette drils K3`.\n", "Try", "invalid choice: 'drils'"),
    "a command after a pipe": ("| vedette explain K3 -", "| vedette explain K3", "| vedette explain K3\n", "required"),
    "another action": ("kube.suspend-actor", "kube.suspend-acter", "suspend-acter", "no action is called"),
    "another argument": ("suspend-actor actor=", "suspend-actor who=", "who=", "kube.suspend-actor has no argument 'who'"),
    "an argument less": ("suspend-actor actor={{actor}}", "suspend-actor", "suspend-actor --alert", "needs actor"),
    "a name that may be another argument": (
        "suspend-actor actor={{actor}}", "suspend-actor {{actor}}", "suspend-actor {{actor}}", "{{actor}} begins a word"),
    "an action behind another command": (
        "vedette action plan kube.suspend-actor", "true; vedette action plan kube.suspend-actor", "true;", "stands alone"),
    "an action over two lines": (
        "kube.suspend-actor actor={{actor}}", "kube.suspend-actor \\\n   actor={{actor}}", "kube.suspend-actor \\",
        "stands alone"),
    "a placeholder that is none": ("{{object}}`,", "{{objects}}`,", "{{objects}}", "{{objects}} is no placeholder"),
    "a placeholder of another log": ("## Drill\n", "## Drill\n{{made_accessor}}\n", "{{made_accessor}}", "filled by none"),
    "quotes around a placeholder": ("respond {{alert}}", 'respond "{{alert}}"', '"{{alert}}"', "{{alert}} within quotes"),
    "single quotes around it": ("respond {{alert}}", "respond '{{alert}}'", "'{{alert}}'", "{{alert}} within quotes"),
    "angles in a command": ("respond {{alert}}", "respond <alert>/", "<alert>", "is a file to read and one to write"),
    "a placeholder in a command of running text": (
        "## Drill\n", "## Drill\nTry `id -- {{actor}}`.\n", "Try", "not quoted for a shell"),
    "a placeholder in a block of another language": (
        "## Drill\n", "## Drill\n```yaml\na: {{actor}}\n```\n", "a: {{actor}}", "a block of yaml is not quoted"),
    "a placeholder bare in a query": ('user="{{actor}}"', "user={{actor}}", "user={{actor}}", "{{actor}} bare"),
    "a placeholder in backquotes": ('user="{{actor}}"', "user=`{{actor}}`", "user=`{{actor}}`", "within backquotes"),
    "a query's quote that is not closed": ('user="{{actor}}"', 'user="{{actor}}', 'user="{{actor}}\n', 'a " that is not'),
    "a query's bracket that is not closed": ('{job="kube-audit"} |= "secrets"', '{job="kube-audit" |= "secrets"',
        '{job="kube-audit" |=', "is not closed"),
    "a query's bracket that was not opened": ('{job="kube-audit"} |= "secrets"', '{job="kube-audit"}) |= "secrets"',
        '"kube-audit"}) |=', "closes nothing"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_each_thing_that_is_wrong_is_named_in_its_line(name: str) -> None:
    """One change to a runbook that has nothing wrong, one complaint at least, at the line of the change."""
    old, new, marker, message = MUTANTS[name]
    whole = K3.read_text("utf-8")
    assert old in whole
    text = whole.replace(old, new, 1)
    found = linted(text).problems
    at = text.count("\n") if marker is None else text.count("\n", 0, text.index(marker)) + 1
    assert [one for one in found if one.line == at and message in one.message], (
        at,
        [str(one) for one in found],
    )
    assert all(one.error and str(one).startswith(f"runbook.md:{one.line}:{one.column}: error: ") for one in found)


def test_what_only_some_cases_fill_is_noted() -> None:
    """With how many do, and no complaint; without a case nothing is said of it."""
    text = K3.read_text("utf-8")
    assert not linted(text).problems
    assert any(re.search(r"\{\{binding\}\} \(\d+ of \d+\)", note) for note in linted(text).notes)
    alone = linted(text, ())
    assert not alone.problems
    assert alone.notes == ["no firing case, so that nobody can tell which placeholders an alert fills"]


def test_without_a_shell_that_is_said() -> None:
    """The syntax of its blocks is then not called right."""
    broken = K3.read_text("utf-8").replace("vedette respond {{alert}}\n", "if true; then\n", 1)
    found = look("runbook.md", broken, cases("K3"), dataclasses.replace(held(), syntax=None))
    assert not [one for one in found.problems if "no shell reads this" in one.message]
    assert "no sh is here, so that the syntax of its sh blocks was not looked at" in found.notes


def test_a_hostile_case_neither_breaks_the_lint_nor_a_command() -> None:
    """Whatever a log's name holds, it is one word."""
    words = [{**one, "actor": "-x'; $(rm -rf /) \"`{{\n", "name": "--by=eve"} for one in cases("K3")]
    assert linted(K3.read_text("utf-8"), words).problems == []


def test_lint_reads_the_runbooks_of_ones_own_rules(tmp_path: Path) -> None:
    """A fresh rule has nothing wrong; a broken runbook is exit 1, with file, line and mend."""
    folder = tmp_path / "shadow_read"
    assert vedette("rules", "new", folder).returncode == 0
    done = vedette("rules", "lint", folder)
    assert (done.returncode, done.stdout.decode().splitlines()[-1][:9]) == (0, "0 errors,")
    page = folder / "runbook.md"
    text = page.read_text("utf-8").replace("vedette respond", "vedette respnd")
    page.write_text(text, "utf-8")
    done = vedette("rules", "lint", folder)
    at = text.count("\n", 0, text.index("vedette respnd")) + 1
    assert done.returncode == 1
    assert f"{page}:{at}:1: error: vedette does not take this: argument COMMAND: invalid choice: 'respnd'" in (
        done.stdout.decode()
    )
    page.write_bytes(b"# x\n\n\xff\n")
    done = vedette("rules", "lint", folder)
    assert f"{page}:3:1: error: no UTF-8 here" in done.stdout.decode()
    assert done.returncode == 1


def test_all_headings_are_asked_for() -> None:
    """A runbook with nothing in it lacks each of them."""
    said = [one.message for one in linted("# K3: x\n", cases("K3")).problems]
    assert said == [f"no heading {name!r} before here" for name in HEADINGS]
