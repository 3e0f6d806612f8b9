"""A Vault to act on: what is no address, what would cross the network in the clear, keys that are none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.problem import Problem

Against = Callable[[str], list[Problem]]


@pytest.mark.parametrize(
    ("entry", "message", "mend"),
    [
        ("token_file: /run/t", "actions.vault has no address", "the system's address"),
        ("address: vault.example.org:8200", "'vault.example.org:8200' is no http or https URL", "https://"),
        ("address: 'https://u:p@vault.example.org'", "may hold a secret", "take it out"),
        ("address: 'https://vault.example.org', token_file: ~/.vault-token", "is taken as it stands", ""),
        ("address: 'https://vault.example.org', token: hvs.x", "token", ""),
    ],
)
def test_what_cannot_be(errors: Against, entry: str, message: str, mend: str) -> None:
    """One error, with the mend."""
    (problem,) = errors(f"actions: {{vault: {{{entry}}}}}")
    assert message in problem.message
    assert mend in problem.mend
