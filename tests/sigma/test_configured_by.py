"""`configured_by`: a document whose lists are all empty is left out; one list that is not is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.formats import SCHEMAS
from vedette.sigma import Loaded, Site, load

_RULE = """\
title: The owner, by either name
name: X1
status: stable
logsource: {product: vault, service: audit}
detection:
  entity: {auth.entity_id|cased|expand: '%entities%'}
  alias: {auth.display_name|cased|expand: '%aliases%'}
  condition: entity or alias
level: critical
vedette:
  configured_by: [entities, aliases]
"""


def _load(folder: Path, entities: tuple[str, ...], aliases: tuple[str, ...]) -> Loaded:
    file = folder / "rule.yml"
    file.write_text(_RULE, "utf-8")
    return load([file], SCHEMAS, Site({"entities": entities, "aliases": aliases}), [], unproven=True)


@pytest.mark.parametrize(("entities", "aliases"), [(("e",), ()), ((), ("a",)), (("e",), ("a",))])
def test_one_list_is_enough(tmp_path: Path, entities: tuple[str, ...], aliases: tuple[str, ...]) -> None:
    """A document that names two lists works as soon as one of them has an entry."""
    rule = _load(tmp_path, entities, aliases).rules[0]
    assert (rule.not_configured, [one.name for one in rule.detections]) == ("", ["X1"])


def test_without_any_it_is_left_out(tmp_path: Path) -> None:
    """A document whose lists are all empty is no detection, and the rule says which lists are missing."""
    rule = _load(tmp_path, (), ()).rules[0]
    assert rule.detections == ()
    assert rule.not_configured == "entities and aliases are not set"
