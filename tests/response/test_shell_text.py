"""Shell text: what a shell would take for quoted, bare or a comment, and the calls of one program."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.response.shell_text import commands, states


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 'b c' d", '.."""""..'),
        ('a "b" c', '.."""..'),
        ('"a$(b "c")d"', '""""..""""""'),
        ("a # b 'c\nd", "..#######."),
        ("a#b ${x#y}", ".........."),
        (r"a\'b \" c", "........."),
        ("$'a\\'b' c", '"""""""..'),
        ("(a; 'b')", '....""".'),
    ],
)
def test_quotes_substitutions_and_comments(text: str, expected: str) -> None:
    """A mark for each character; a substitution within quotes is bare again."""
    assert states(text) == expected


@given(st.text(st.sampled_from("a '\"$()#\\\n`;|"), max_size=30))
def test_any_text_has_a_mark_for_each_character(text: str) -> None:
    """Whatever is written, nothing is left over, and commands end."""
    assert len(states(text)) == len(text)
    assert all(one.line >= 0 for one in commands(text, "a"))


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("vedette scan {{file}} --matches", [(0, ("scan", "{{file}}", "--matches"), True)]),
        ("grep x | vedette explain K3 -", [(0, ("explain", "K3", "-"), False)]),
        ("# vedette a\nvedette b  # c", [(1, ("b",), True)]),
        ("vedette a \\\n  b\nvedette c", [(0, ("a", "b"), False), (2, ("c",), True)]),
        ("for x in y; do vedette a; done", [(0, ("a",), False)]),
        ("echo 'a\nb'; vedette c > d", [(0, ("c",), False)]),
        ("echo vedette a", []),
        ('echo "vedette a"', []),
        ("vedette a 'b c' && vedette d", [(0, ("a", "b c"), False), (0, ("d",), False)]),
    ],
)
def test_calls_of_a_program(text: str, called: list[tuple[int, tuple[str, ...], bool]]) -> None:
    """With the line that each begins in, its words without quotes, and whether it is all of one line."""
    assert [tuple(one) for one in commands(text, "vedette")] == called


@given(st.lists(st.text(st.characters(exclude_characters="\0\n", exclude_categories=["C"]), min_size=1), max_size=4))
def test_words_are_those_of_a_real_shell(words: list[str]) -> None:
    """Quoted by `shlex.quote` they come back as bash gives them."""
    import shlex

    line = shlex.join(["vedette", *words])
    [call] = commands(line, "vedette")
    done = subprocess.run(
        ["bash", "-c", f'vedette() {{ printf "%s\\0" "$@"; }}; {line}'],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    told = done.stdout.decode().split("\0")[:-1] if words else []
    assert list(call.words) == told
