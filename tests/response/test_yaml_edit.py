"""Edit: whatever the layout, exactly this value is added and every other byte stays, or it is refused with a line."""

from __future__ import annotations

import difflib
import textwrap

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from vedette.response.yaml_edit import CannotPut, put, shown
from vedette.yaml_text import YamlError, read_documents

ENTRY = {
    "actor": "system:serviceaccount:ops:janitor",
    "rule": "K5",
    "verbs": ["delete"],
    "scope": ["web", "shop"],
    "reason": 'it tidies: up # "nightly"',
}
EXCEPTION = {
    "rule": "S1",
    "match": {"actor|cased": "ci*\x1b[2J", "address|re": "^203\\.0\\.113\\.", "namespace|exists": False},
    "reason": "a move",
    "owner": "me",
    "expires": "2027-01-31",
}


def value(text: str) -> object:
    """What a text says, nothing being an empty map."""
    found = read_documents(text, "")
    return found[0].value if found and found[0].value is not None else {}


def kept(before: str, after: str) -> bool:
    """Every character of `before` is in `after`, in this order: only something was put in between."""
    rest = iter(after)
    return all(char in rest for char in before)


def removed(before: str, after: str) -> list[str]:
    """The lines of `before` that are not in `after` any more."""
    return [one[2:] for one in difflib.ndiff(before.splitlines(), after.splitlines()) if one.startswith("- ")]


LAYOUTS = {
    "nothing": "",
    "comments alone": "# mine\n",
    "another key": "owner: me\n",
    "no line end": "owner: me",
    "block list": "automation:\n  - actor: a  # who\n    rule: K3\n    reason: b  # end\n\n# behind it\nowner: me\n",
    "block list without indent": "automation:\n- actor: a\n  rule: K3\n  reason: b\nowner: me\n",
    "wide dashes": "automation:\n    -   actor: a\n        rule: K3\n        reason: b\n",
    "block text at the end": "automation:\n  - actor: a\n    rule: K3\n    reason: |\n      long\n      text\n\nowner: me\n",
    "folded text and no line end": "automation:\n  - actor: a\n    rule: K3\n    reason: >-\n      long\n      text",
    "flow maps in a block list": "automation:\n  - {actor: a, rule: K3, reason: b}  # why\n  # next\n",
    "comment between entries": "automation:\n  # one\n  - {actor: a, rule: K3, reason: b}\n  # two\n  - {actor: c, rule: K3, reason: d}\n# last\n",
    "empty flow list": "automation: []  # none yet\nowner: me\n",
    "flow list": "automation: [{actor: a, rule: K3, reason: b}]\n",
    "flow list over lines": "automation: [\n  {actor: a, rule: K3, reason: b},  # a, b\n]\n",
    "flow list without the last comma": "automation: [\n  {actor: a, rule: K3, reason: b}  # a, b\n  ]\nowner: me\n",
    "all in braces": "{owner: me, automation: [{actor: a, rule: K3, reason: b}]}\n",
    "braces without the key": "{owner: me}\n",
    "key without a value": "automation:\n  # an example\nowner: me\n",
    "null": "automation: ~  # none\nowner: me\n",
    "windows": "owner: me\r\nautomation:\r\n  - {actor: a, rule: K3, reason: b}  # x\r\nrunbook_url: https://x/{rule}\r\n",
    "kept blank lines at the end": "runbook_url: |+\n  https://x/{rule}\n\n\n",
    "document marks": "---\nowner: me\n...\n",
    "anchors inside": "automation:\n  - actor: &who a\n    rule: K3\n    reason: *who\nowner: *who\n",
    "an anchor on the list": "automation: &all  # x\n  - {actor: a, rule: K3, reason: b}\nowner: me\n",
    "tab before a comment": "automation:\t# x\n  - {actor: a, rule: K3, reason: b}\t# y\n",
    "byte order mark": "\ufeffowner: me\n",
    "quoted key": '"automation":\n  - {actor: a, rule: K3, reason: b}\n',
}


@pytest.mark.parametrize("entry", [ENTRY, EXCEPTION], ids=["automation", "exception"])
@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_an_entry_goes_into_any_layout(text: str, entry: dict[str, object]) -> None:
    """Read again it is the old value with the entry last, and the comments are all there."""
    after = put(text, ["automation"], entry)
    before = value(text)
    assert isinstance(before, dict)
    assert value(after) == {**before, "automation": [*(before.get("automation") or []), entry]}
    assert kept(text.replace("~", ""), after)
    assert after.count("\r\n") in (0, after.count("\n"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("automation: &all\n  - {actor: a}\nexceptions: *all\n", id="a list that has two names"),
        pytest.param("a: &all [{actor: a}]\nautomation: *all\n", id="another's list"),
        pytest.param("automation: {actor: a}\n", id="a map"),
        pytest.param("automation: 3\n", id="a number"),
        pytest.param("- automation\n", id="no map at all"),
        pytest.param("owner: me\r", id="bare carriage returns"),
        pytest.param("owner: me\n---\nowner: you\n", id="two documents"),
        pytest.param("automation:\n\t- actor: a\n", id="tabs"),
        pytest.param("owner: [\n", id="no YAML"),
    ],
)
def test_what_cannot_be_done_exactly_is_refused_with_a_line(text: str) -> None:
    """Nothing is guessed: a person pastes it."""
    with pytest.raises(CannotPut) as refused:
        put(text, ["automation"], ENTRY)
    assert 1 <= refused.value.line <= text.count("\n") + 1
    assert str(refused.value)


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("vault:\n  terraform:\n    roles: [terraform]  # by approle\n", "    entities:\n      - e1\n"),
        ("vault: {terraform: {entities: [e0]}}\n", "[e0, e1]"),
        ("vault:\n  terraform:\n    entities: e0  # it\n", "entities: [e0, e1]  # it\n"),
        ("vault:\n  terraform:\n    entities:\n      - e0\n", "      - e0\n      - e1\n"),
        (
            "vault:\n  token_roles: [a]\nowner: me\n",
            "  token_roles: [a]\n  terraform:\n    entities:\n      - e1\nowner",
        ),
        ("vault:\n", "vault:\n  terraform:\n    entities:\n      - e1\n"),
        ("owner: me\n", "\nvault:\n  terraform:\n    entities:\n      - e1\n"),
    ],
)
def test_a_text_goes_into_a_list_beneath_maps(text: str, added: str) -> None:
    """Of Terraform's identity, whatever of the way to it is there."""
    assert added in put(text, ["vault", "terraform", "entities"], "e1")


def test_an_entry_in_a_file_of_its_own() -> None:
    """What a person would paste reads as what was meant."""
    assert value("\n".join(shown(["exceptions"], EXCEPTION)) + "\n") == {"exceptions": [EXCEPTION]}


WORDS = st.sampled_from(
    ["a", "web", "it's", "x: y", "# no", "- a", "[b", "é", "*a", "2027-01-31", "true", "", "|", "a\nb"]
)


@st.composite
def layouts(draw: st.DrawFn) -> str:
    """A settings file as people write them: keys in any order and style, comments and blank lines anywhere."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    comment = st.sampled_from(["", "", "  # note", "  # a: [b, {c", "\t# tab"])
    line = st.sampled_from(["", "# alone", "  # deeper", "#- actor: x"])

    def entry(indent: str) -> str:
        keys = draw(
            st.lists(st.sampled_from(["actor", "rule", "reason", "scope"]), min_size=1, max_size=3, unique=True)
        )
        values = [draw(st.sampled_from(["a", '"q # x"', "'it''s'", "[a, b]", "{a: b}", "", "~"])) for _ in keys]
        if draw(st.booleans()):
            return (
                indent + "- {" + ", ".join(f"{k}: {v}" for k, v in zip(keys, values, strict=True)) + "}" + draw(comment)
            )
        rows = [f"{k}: {v}{draw(comment)}" for k, v in zip(keys, values, strict=True)]
        if draw(st.integers(0, 3)) == 0:
            rows.append(
                f"why: {draw(st.sampled_from(['|', '>', '|-', '|+', '>-']))}\n{indent}    long\n\n{indent}    text"
            )
        return indent + "- " + f"\n{indent}  ".join(rows)

    def block(key: str) -> str:
        style = draw(st.integers(0, 5))
        if style == 0:
            return f"{key}:{draw(comment)}"
        if style == 1:
            return f"{key}: []{draw(comment)}"
        if style == 2:
            items = ", ".join(draw(st.lists(st.sampled_from(["{a: b}", "c"]), min_size=1, max_size=3)))
            return draw(st.sampled_from([f"{key}: [{items}]", f"{key}: [\n    {items}\n  ]", f"{key}: [ {items} , ]"]))
        indent = draw(st.sampled_from(["", "  ", "    "]))
        parts = [f"{key}:{draw(comment)}"]
        for _ in range(draw(st.integers(1, 3))):
            parts += [one for one in (draw(line),) if one and draw(st.booleans())]
            parts.append(entry(indent))
        return "\n".join(parts)

    keys = draw(st.permutations(["owner", "automation", "exceptions", "sources"]))[: draw(st.integers(0, 4))]
    parts: list[str] = []
    for key in keys:
        parts += draw(st.lists(line, max_size=2))
        parts.append(block(key) if key in ("automation", "exceptions") else f"{key}: {{name: me}}{draw(comment)}")
    parts += draw(st.lists(line, max_size=2))
    text = "\n".join(parts) + draw(st.sampled_from(["", "\n"]))
    return text.replace("\n", end)


@settings(max_examples=300, deadline=None)
@given(layouts(), st.dictionaries(st.sampled_from(["actor", "rule", "reason"]), WORDS, min_size=1), st.booleans())
def test_the_edit_is_exact_or_refused(text: str, entry: dict[str, str], automation: bool) -> None:
    """The old value with this one more, each old line still there in its place (but a bracket that was added to)."""
    try:
        before = value(text)
    except YamlError:
        assume(False)
    assert isinstance(before, dict)
    key = "automation" if automation else "exceptions"
    try:
        after = put(text, [key], entry)
    except CannotPut as error:
        event(f"refused: {error}"[:20])
        return
    event("written")
    assert kept(text.replace("~", ""), after)
    assert value(after) == {**before, key: [*(before.get(key) or []), entry]}
    comments = [one.strip() for one in text.splitlines() if one.strip().startswith("#")]
    assert comments == [one.strip() for one in after.splitlines() if one.strip() in comments]


def test_most_layouts_are_written_and_not_refused() -> None:
    """A tool that refused everything would be exact as well."""
    text = textwrap.dedent("""\
        # the site
        networks:
          lan: [10.0.0.0/8]   # all of it
        exceptions:           # what we know of
          - rule: S1
            match:
              actor: ci
            reason: runner    # ticket 7
            owner: me
            expires: 2027-01-31

        # who is told
        sinks: {}
        """)
    after = put(text, ["exceptions"], EXCEPTION)
    assert removed(text, after) == []
    assert after.index("expires: 2027-01-31\n  - rule: S1\n    match:\n      actor|cased:") < after.index(
        "# who is told"
    )
