"""Bearer tokens from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.serving.bearer import Bearer


@pytest.mark.parametrize(
    ("header", "admitted"),
    [
        ("Bearer s3cret", True),
        ("bearer   s3cret ", True),
        ("Bearer next", True),
        ("Bearer s3cre", False),
        ("Bearer s3crett", False),
        ("Bearer s3cret next", False),
        ("Bearer s3cret, Bearer s3cret", False),
        ("Bearer ", False),
        ("Bearer", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("Bearer \xff\u20ac", False),
    ],
)
def test_only_a_token_of_the_file_is_let_in(tmp_path: Path, header: str, admitted: bool) -> None:
    """A whole token under the right scheme is let in, nothing else; the file may have several, a line each."""
    path = tmp_path / "token"
    path.write_text("s3cret\nnext\n")
    assert Bearer(str(path)).admits({"authorization": header}) is admitted


def test_no_header_is_not_let_in(tmp_path: Path) -> None:
    """Without the header nobody is let in, an empty or absent file included."""
    path = tmp_path / "token"
    assert not Bearer(str(path)).admits({})
    path.write_text("\n")
    assert not Bearer(str(path)).admits({})
    assert not Bearer(str(path)).admits({"authorization": "Bearer "})


def test_a_changed_file_is_taken_up_and_a_broken_one_told(tmp_path: Path) -> None:
    """The new token counts at once; an empty or absent file leaves the last one in force, and is told."""
    path = tmp_path / "token"
    path.write_text("one\n")
    bearer = Bearer(str(path))
    assert bearer.admits({"authorization": "Bearer one"})
    path.write_text("second\n")
    assert not bearer.admits({"authorization": "Bearer one"})
    assert bearer.admits({"authorization": "Bearer second"})
    assert bearer.trouble == ""
    path.write_text("")
    assert bearer.admits({"authorization": "Bearer second"})
    assert bearer.trouble == f"{path}: empty"
    path.unlink()
    assert bearer.admits({"authorization": "Bearer second"})
    assert bearer.trouble == f"{path}: No such file or directory"
    path.write_text("third\n")
    assert bearer.trouble == ""
    assert not bearer.admits({"authorization": "Bearer second"})
