"""A part of the work in a process of its own."""

from __future__ import annotations

import os
import sys
import time

import pytest

from vedette.response.second import Second

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a process is forked on Linux alone")


def test_the_answer_comes_from_another_process() -> None:
    """It is what the work gave, there."""
    with Second(os.getpid) as second:
        assert second.answer() not in (None, os.getpid())


def test_work_that_breaks_has_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    """And prints nothing."""
    with Second(lambda: 1 // 0) as second:
        assert second.answer() is None
    assert capfd.readouterr() == ("", "")


def test_a_process_that_is_not_waited_for_is_ended() -> None:
    """Whoever leaves early leaves nothing behind."""
    began = time.monotonic()
    with Second(lambda: time.sleep(60)) as second:
        process = second._process
    assert not process.is_alive()
    assert time.monotonic() - began < 30


def test_where_none_is_wanted_none_begins() -> None:
    """Nothing is asked of it."""
    with Second(os.getpid, wanted=False) as second:
        assert second.answer() is None
