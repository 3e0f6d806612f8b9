"""Text is fitted into Slack's limits without breaking what was escaped."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from vedette.escape import slack
from vedette.sinks.slack_blocks import fit

_WHOLE = re.compile(r"&(amp|lt|gt);")


def units(text: str) -> int:
    """UTF-16 units, the most that Slack can count."""
    return len(text.encode("utf-16-le")) // 2


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=60), st.integers(2, 50))
def test_a_cut_text_fits_and_is_whole(text: str, most: int) -> None:
    """Whatever the text, it fits, ends in an ellipsis only where it was cut, and holds no half of an entity."""
    shown = fit(text, most)
    assert units(shown) <= most
    assert "&" not in _WHOLE.sub("", shown)
    assert "<" not in shown
    assert ">" not in shown
    if units(slack(text)) <= most:
        assert shown == slack(text)
    else:
        assert shown.endswith("…")
        assert slack(text).startswith(shown[:-1])


def test_as_much_is_kept_as_fits() -> None:
    """An entity that would not fit is left out whole."""
    assert fit("a<b", 6) == "a&lt;b"
    assert fit("a<bc", 6) == "a&lt;…"
    assert fit("a<bc", 5) == "a…"
    assert fit("x" * 10, 10) == "x" * 10
    assert fit("x" * 11, 10) == "x" * 9 + "…"
