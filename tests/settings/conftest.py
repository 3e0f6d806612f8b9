"""Settings from a text, and what is said against them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from vedette.problem import Problem
from vedette.settings import Settings, SettingsError, load_text

TODAY = date(2026, 11, 23)
RULES = ("K2", "K3", "K4", "K5", "K9", "V4")

Load = Callable[[str], Settings]
Against = Callable[[str], list[Problem]]


@pytest.fixture
def load() -> Load:
    """A function: text to settings."""
    return lambda text: load_text(text, "vedette.yaml", rules=RULES, today=TODAY)


@pytest.fixture
def errors() -> Against:
    """A function: text to its errors; none when the text is right."""

    def against(text: str) -> list[Problem]:
        try:
            load_text(text, "vedette.yaml", rules=RULES, today=TODAY)
        except SettingsError as error:
            return [problem for problem in error.problems if problem.error]
        return []

    return against


@pytest.fixture
def notes(load: Load) -> Against:
    """A function: text, which must be right, to what is worth knowing."""
    return lambda text: [problem for problem in load(text).problems if not problem.error]
