"""How a mistake in a file is shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vedette.escape import terminal
from vedette.problem import Problem


def test_place_line_caret_and_mend() -> None:
    """The caret stands under the column, the mend beneath."""
    problem = Problem("rule.yml", 7, 9, "  verb|casd: get", "there is no modifier 'casd'", "did you mean cased?")
    assert str(problem) == (
        "rule.yml:7:9: error: there is no modifier 'casd'\n    verb|casd: get\n          ^\n  mend: did you mean cased?"
    )


def test_a_warning_without_place_and_mend() -> None:
    """A file that cannot be read has neither line nor caret."""
    assert str(Problem("x.yml", 0, 0, "", "is odd", error=False)) == "x.yml: warning: is odd"


def test_hostile_text_is_shown_not_obeyed() -> None:
    """Escape sequences of a file never reach the terminal, and the caret still stands under its character."""
    shown = str(Problem("\x1b[2J.yml", 1, 3, "a\x1bb\u202ec", "the key '\x07'", "remove \x00"))
    assert shown == ("\\x1b[2J.yml:1:3: error: the key '\\x07'\n  a\\x1bb\\u202ec\n       ^\n  mend: remove \\x00")


def test_a_long_line_is_cut_around_its_column() -> None:
    """A minified file does not fill the screen."""
    shown = str(Problem("x", 1, 5_001, "a" * 5_000 + "b" + "c" * 5_000, "m")).splitlines()
    assert len(shown[1]) < 200
    assert shown[1][shown[2].index("^")] == "b"


def test_a_long_message_is_cut() -> None:
    """A name in it may be as long as the file."""
    assert len(str(Problem("x", 0, 0, "", "y" * 10_000, "z" * 10_000))) < 1_500


@given(st.text(max_size=300), st.integers(0, 400), st.text(max_size=20))
def test_any_text_can_be_shown(text: str, column: int, message: str) -> None:
    """Whatever the line and the column: message, at most two lines, mend, and nothing a terminal would obey."""
    line = text.replace("\n", " ")
    shown = str(Problem("f", 1, column, line, message, "mend"))
    assert shown.count("\n") in (1, 3)
    assert terminal(shown.replace("\n", "")) == shown.replace("\n", "")
