"""What a person reads on a terminal or in Slack shows hostile text, and never obeys it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.escape import logql, slack, terminal


@pytest.mark.parametrize(
    "text", ["", "me@example.org", "vault/secrets/unseal-keys", "Jürgen Groß", "日本語", "a\\x1bb"]
)
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    """Letters of any script and punctuation are shown as they stand."""
    assert terminal(text) == text


@pytest.mark.parametrize(
    ("attack", "text", "shown"),
    [
        ("clear the screen", "\x1b[2J", r"\x1b[2J"),
        ("set the window's title", "\x1b]0;mine\x07", r"\x1b]0;mine\x07"),
        ("the same by a single C1 byte", "\x9b2J", r"\x9b2J"),
        ("a line of its own", "root\ncritical V1 nothing", r"root\x0acritical V1 nothing"),
        ("write over the line", "evil\rgood", r"evil\x0dgood"),
        ("rub out", "evil\b\b\b\bgood", r"evil\x08\x08\x08\x08good"),
        ("end the text", "a\0b", r"a\x00b"),
        ("turn the order around", "\u202e5.02.0.01", r"\u202e5.02.0.01"),
        ("hide within a name", "ad\u200bmin", r"ad\u200bmin"),
        ("another kind of line end", "a\u2028b", r"a\u2028b"),
        ("hidden tags", "a\U000e0041", r"a\U000e0041"),
        ("half a pair", "a\ud800b", r"a\ud800b"),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_shown(attack: str, text: str, shown: str) -> None:
    """Escapes, control and invisible characters come out as their numbers."""
    assert terminal(text) == shown, attack


@given(st.text(alphabet=st.characters(exclude_categories=())), st.integers(0, 40))
def test_nothing_that_could_be_obeyed_gets_through(text: str, width: int) -> None:
    """Whatever the text, what is shown is printable, can be encoded, and keeps to its width."""
    shown = terminal(text, width)
    assert {unicodedata.category(char) for char in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()
    assert shown.encode().decode() == shown
    assert not width or len(shown) <= width


def test_a_cut_text_says_so() -> None:
    """A text longer than its place ends in an ellipsis; one that fits does not."""
    assert terminal("kube-system", 11) == "kube-system"
    assert terminal("kube-system", 8) == "kube-sy…"


@pytest.mark.parametrize(
    ("attack", "text", "shown"),
    [
        ("wake everybody", "<!channel>", "&lt;!channel&gt;"),
        ("wake one", "<@U012AB3CD>", "&lt;@U012AB3CD&gt;"),
        ("a link that says something else", "<https://evil.example|vault>", "&lt;https://evil.example|vault&gt;"),
        ("an escape of its own", "&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("the end of a link", "a>|b<", "a&gt;|b&lt;"),
        ("a quote", "> said", "&gt; said"),
        ("hide within a mention", "<\u200b!channel>", r"&lt;\u200b!channel&gt;"),
        ("a line of its own", "root\n*critical*", r"root\x0a*critical*"),
        ("turn the order around", "\u202e>lennahc!<", r"\u202e&gt;lennahc!&lt;"),
        ("half a pair", "a\ud800b", r"a\ud800b"),
    ],
)
def test_what_slack_would_obey_is_shown(attack: str, text: str, shown: str) -> None:
    """Mentions, links and hidden characters come out as text."""
    assert slack(text) == shown, attack


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_nothing_that_slack_could_obey_gets_through(text: str) -> None:
    """Whatever the text, no angle bracket is left, and what Slack makes of it is what a terminal shows."""
    shown = slack(text)
    assert not {"<", ">"} & set(shown)
    read = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert read == terminal(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("kube-audit", "kube-audit"),
        ("Jürgen ÿ", "Jürgen ÿ"),
        ('a"} or {b="\\', r"a\"} or {b=\"\\"),
        ("\x00\x1b\n\x7f", r"\x00\x1b\x0a\x7f"),
        ("\x80\x85\x9b\xad", r"\u0080\u0085\u009b\u00ad"),
        ("\u202e\U000e0041", r"\u202e\U000e0041"),
        ("\ud800", "\ufffd"),
    ],
)
def test_a_text_in_a_query_is_the_text(text: str, written: str) -> None:
    r"""Go takes \xNN for a byte, so only ASCII is written so; a lone surrogate it refuses."""
    assert logql(text) == written
