"""What goes into a Markdown page is text to every reader of Markdown, whatever stands in it."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.escape import markdown, markdown_block, terminal

HOSTILE = [
    "# a heading",
    "x\n\n# a heading\n",
    "[here](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<img src=x onerror=alert(1)>",
    "<https://evil.example>",
    "https://evil.example www.evil.example me@evil.example",
    "a | b\n--|--\n1 | 2",
    "| a |",
    "`<b>`",
    "``` `` `",
    "`",
    "``",
    " `a` ",
    "\\`<b>\\`",
    "&lt;b&gt;&#96;",
    "**bold** ~~gone~~ @somebody #123",
    "[x]: https://evil.example",
    "<!-- ",
    "\u202e\x1b[2J\x00",
    "- [ ] done",
    "```\n# out\n```",
    "~~~",
    "",
    "   ",
    "\t\r\n",
    "\ud800",
]
TEXTS = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=())), st.text(alphabet="`<>[]()!#|~*_\\\n -=&;:/@a", max_size=40)
)


def parser() -> Any:
    """A reader of CommonMark with the extensions that could make more of a text: tables, autolinks, strike."""
    found: ModuleType = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    return found.MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inlines(page: str) -> list[Any]:
    """The inline tokens of a page that is one list item."""
    tokens = parser().parse(page)
    assert [one.type for one in tokens] == [
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    ]
    return list(tokens[3].children)


def spans(text: str) -> list[tuple[str, str]]:
    """Kind and content of what a reader sees where `text` stands twice in a sentence."""
    return [(one.type, one.content) for one in inlines(f"- at noon {markdown(text)} from {markdown(text)}: read\n")]


def two_spans(text: str) -> list[tuple[str, str]]:
    """What it must see: `text` as `terminal` shows it, as code."""
    shown = ("code_inline", terminal(text) if terminal(text).strip(" ") else " ")
    return [("text", "at noon "), shown, ("text", " from "), shown, ("text", ": read")]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_text_is_one_code_span(text: str) -> None:
    """Headings, links, images, HTML, autolinks and tables in a text are shown, and nothing else is made of them."""
    assert spans(text) == two_spans(text)


@given(TEXTS)
def test_any_text_is_one_code_span(text: str) -> None:
    """Whatever the text, a reader of Markdown sees a code span with just that."""
    assert spans(text) == two_spans(text)


@given(st.lists(TEXTS, max_size=5))
def test_any_lines_are_one_block(lines: list[str]) -> None:
    """Whatever the lines, a reader of Markdown sees one block of code, and what stands below it as it is."""
    tokens = parser().parse(f"before\n\n{markdown_block(lines)}\n\nbehind\n")
    kinds = [one.type for one in tokens]
    assert kinds == ["paragraph_open", "inline", "paragraph_close", "fence", *kinds[:3]]
    assert tokens[3].content == "".join(f"{terminal(line)}\n" for line in lines)


def test_a_long_text_is_cut() -> None:
    """With a width the text within the span is cut, and says so."""
    assert markdown("kube-system", 8) == "`kube-sy…`"
    assert markdown_block(["kube-system"], 8) == "```text\nkube-sy…\n```"
