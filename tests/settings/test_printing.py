"""Settings printed are settings again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from vedette.settings import Settings
from vedette.settings.printing import shown
from vedette.settings.written import Written

Load = Callable[[str], Settings]

TEXT = """
networks: {lan: [10.0.0.0/8], loopback: ["::1/128"]}
owner: "me: \\"x\\" # y"
automation: [{actor: a, rule: [K3], scope: [x, y], verbs: list, reason: "why\\nso"}]
trusted_proxies: [{identity: p, addresses: [lan], reason: r}]
vault: {token_roles: [ci]}
exceptions:
  - {rule: K3, match: {a: [1, true, null, x], "b[any]": {c: d}}, reason: r, owner: o, expires: 2027-01-01}
runbook_url: https://wiki.example.org/{rule}
"""


def written(settings: Settings) -> dict[str, object]:
    """What the settings say, without where."""
    return {key.name: getattr(settings, key.name) for key in fields(Written)}


def test_what_is_shown_reads_back_the_same(load: Load) -> None:
    """The settings in force, printed and read again, are the settings in force."""
    settings = load(TEXT)
    assert written(load("\n".join(shown(settings, origin=False)))) == written(settings)
    assert written(load("\n".join(shown(settings, origin=True)))) == written(settings)


def test_origins_stand_beside_the_values(load: Load) -> None:
    """Each value's line ends in its file and line, or in default."""
    lines = [line.split() for line in shown(load("owner: me\nnetworks:\n  lan:\n  - 10.0.0.0/8\n"), origin=True)]
    assert ["name:", "me", "#", "vedette.yaml:1"] in lines
    assert ["-", "10.0.0.0/8", "#", "vedette.yaml:4"] in lines
    assert ["-", "sealed-secrets", "#", "default"] in lines


def test_the_example_s_settings_read_back(root: Path, load: Load) -> None:
    """The same holds for the example file."""
    settings = load((root / "vedette.example.yaml").read_text())
    assert written(load("\n".join(shown(settings, origin=False)))) == written(settings)
