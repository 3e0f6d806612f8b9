"""What `vedette drill` could not do, said when the settings are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.problem import Problem
from vedette.settings import Settings

Against = Callable[[str], list[Problem]]
Load = Callable[[str], Settings]

KUBE = "server: 'https://10.0.40.10:6443', token_file: /t"
VAULT = "address: 'https://v.example.org:8200', token_file: /t"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kube: {server: 'https://10.0.40.10:6443'}", "drill.kube has no token_file"),
        ("kube: {token_file: /t}", "drill.kube has no server"),
        ("kube: {server: '10.0.40.10:6443', token_file: /t}", "is no http or https URL"),
        ("vault: {address: 'https://me:pw@v.example.org', token_file: /t}", "may hold a secret"),
        (f"kube: {{{KUBE}, secret: vedette-drill}}", "is no NAMESPACE/NAME"),
        (f"kube: {{{KUBE}, pod: a/b/c}}", "is no NAMESPACE/NAME"),
        (f"kube: {{{KUBE}, namespace: Drill}}", "cannot be a name"),
        (f"vault: {{{VAULT}, mount: 'auth/x'}}", "cannot be a name"),
        ("slack: {channel: C0123456789}", "drill.slack has no token_file"),
        ("slack: {token_file: /t}", "drill.slack has no channel"),
        ("alertmanager: ['am.example.org:9093']", "is no http or https URL"),
        ("timeout: 2h", "timeout is 2h"),
        ("good_for: 10m", "good_for is 10m"),
        ("for_real: true", "for_real must be on or off"),
        ("inject: {kube: ~/x.log}", "is taken as it stands"),
        (f"kube: {{{KUBE}, tokenfile: /t}}", "unknown key 'tokenfile'"),
    ],
)
def test_what_is_wrong_is_said(errors: Against, text: str, said: str) -> None:
    """One error, which names the key."""
    (problem,) = errors(f"drill: {{{text}}}")
    assert said in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"kube: {{{KUBE}, secret: vault/decoy, pod: dbaas/decoy-0}}",
        f"vault: {{{VAULT}}}, inject: {{kube: /a, vault: /b}}, timeout: 30s, owner_timeout: 1h, good_for: 7d",
        "slack: {channel: C0123456789, token_file: /t}, alertmanager: ['http://127.0.0.1:9093']",
    ],
)
def test_what_is_right_is_taken(errors: Against, text: str) -> None:
    """Nothing is said."""
    assert errors(f"drill: {{{text}}}") == []


def test_for_real_is_worth_a_word(load: Load) -> None:
    """It is allowed, and whoever checks the settings reads what it allows."""
    settings = load("drill: {for_real: on}")
    assert any("seal Vault" in problem.message for problem in settings.problems)
