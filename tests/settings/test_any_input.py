"""Whatever stands in the file, it is settings or a list of problems, never a traceback."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from vedette.settings import Settings, SettingsError, load_text
from vedette.settings.key import keys
from vedette.settings.printing import shown
from vedette.settings.reading import element
from vedette.settings.written import Written

TODAY = date(2026, 11, 23)


def names_beneath(cls: type) -> set[str]:
    """Every key of the settings, at any depth."""
    found = set(keys(cls))
    for key in keys(cls).values():
        inner = element(key.type) or key.type
        if isinstance(inner, type) and keys(inner):
            found |= names_beneath(inner)
    return found


TEXTS = st.sampled_from(
    [
        "",
        " ",
        "*",
        "me",
        "K3",
        "10.0.0.0/8",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "::1/128",
        "any",
        "2027-01-01",
        "x.tfvars",
        "vault",
    ]
)
SCALARS = TEXTS | st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(sorted(names_beneath(Written))) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=25
)


def outcome(data: str | bytes) -> Settings | SettingsError:
    """The settings, or why there are none."""
    try:
        return load_text(data, "vedette.yaml", rules=["K3"], today=TODAY)
    except SettingsError as error:
        return error


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_any_values_are_settings_or_problems(value: dict[str, object]) -> None:
    """Known keys with values of any type give settings that can be used and printed, or problems with a place."""
    found = outcome(json.dumps(value))
    if isinstance(found, SettingsError):
        assert all(problem.file for problem in found.problems)
        assert any(problem.error for problem in found.problems)
        return
    assert "trusted" in found.site_networks()
    assert all(document["filter"] for document in found.filters(TODAY))
    assert list(shown(found, origin=True))
    assert found.proxies() is not None
    assert found.site_texts()


@given(st.binary(max_size=200) | st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(str.encode))
def test_any_bytes_are_settings_or_problems(data: bytes) -> None:
    """Bytes of any kind give settings or one problem."""
    found = outcome(data)
    assert str(found) if isinstance(found, SettingsError) else found.networks
