"""What sources cannot show: the data is whole, names what exists, and is chosen by product, version and rule."""

from __future__ import annotations

import json

import pytest

from tests.scans import SETTINGS
from vedette import app
from vedette.cli import main
from vedette.proof.blindspots import BlindSpot, blind_spots, chosen


def test_names_only_rules_and_documents_that_exist() -> None:
    """A blind spot that names a rule which is not there would console with nothing."""
    rules = app.load_rules(app.load_settings(str(SETTINGS)), unproven=True).rules
    documents = {rule.name for rule in rules}
    documents |= {one.name for rule in rules for one in rule.detections}
    documents |= {one.name for rule in rules for one in rule.correlations}
    named = {name for spot in blind_spots() for name in (*spot.rules, *spot.covered_by)}
    assert named - documents == set()
    assert {rule.name for rule in rules} - named <= {"K10"}


def test_ids_are_told_apart_and_every_text_is_said() -> None:
    """An id names one spot; evidence says whether it was seen or read."""
    spots = blind_spots()
    assert len({spot.id for spot in spots}) == len(spots) >= 30
    assert all(spot.cannot.endswith(".") and spot.instead and spot.rules for spot in spots)
    assert all(spot.evidence.startswith(("seen on ", "documented (")) for spot in spots)


@pytest.mark.parametrize(
    ("versions", "version", "holds"),
    [
        ("<1.37", "1.34.4", True),
        ("<1.37", "v1.37.0", False),
        ("<1.37", "1.37", False),
        (">=1.31", "1.31.0-eks", True),
        (">=1.31", "1.9", False),
        (">=9.8", "10.0p1", True),
        ("", "1.0", True),
        ("<1.37", "unknown", True),
    ],
)
def test_holds_for_a_version(versions: str, version: str, *, holds: bool) -> None:
    """Versions are compared number by number; one that cannot be read may have the blind spot."""
    spot = BlindSpot("x", "kubernetes", "It.", "none", ("K2",), "seen on x", versions)
    assert spot.holds(version) is holds


def test_is_chosen_by_product_version_and_rule() -> None:
    """The eraser is K7's before 1.37 and nobody's after; Vault's spots concern no Kubernetes rule."""
    spots = blind_spots()
    eraser = "kube-yaml-apply-erased"
    assert eraser in {spot.id for spot in chosen(spots, products=["kubernetes"], rules=["K7"], version="1.34.4")}
    assert eraser not in {spot.id for spot in chosen(spots, products=["kubernetes"], rules=["K7"], version="1.37.1")}
    assert chosen(spots, products=["vault"], rules=["K7"]) == []


def test_prints_what_is_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """As lines for a person and as JSON for a program."""
    assert main(["blindspots", "openbao"]) == 0
    assert "read by V2.devices" in capsys.readouterr().out
    assert main(["blindspots", "--rule", "S1", "--uncovered", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["product"] for one in found} == {"openssh", "loki"}
    assert all(not one["covered_by"] for one in found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kubernets"], "there are kubernetes, vault"),
        (["--version", "1.34"], "--version needs the product"),
        (["--rule", "K99"], "nothing is known of a rule 'K99'"),
    ],
)
def test_says_what_is_wrong(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A typo is named with what there is."""
    assert main(["blindspots", *arguments]) == 2
    assert said in capsys.readouterr().err
