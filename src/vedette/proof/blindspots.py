"""What each source can never show, by product and version, and what sees it instead: one file of data, read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

_DATA = Path(__file__).with_name("blindspots.yaml")
_RANGE = re.compile(r"(>=|<)(\d+(?:\.\d+){1,2})")
_VERSION = re.compile(r"v?(\d+(?:\.\d+){0,3})")


class BlindSpot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a source does not show."""

    id: str
    product: str
    """Whose log it is: kubernetes, vault, openbao, openssh, loki."""
    cannot: str
    instead: str
    """The second source; `none` where there is none."""
    rules: tuple[str, ...]
    """Rules that are blind to it by their own source."""
    evidence: str
    """`seen on` a server and version, or `documented` and where."""
    versions: str = ""
    """`>=1.31` or `<1.37`; nothing: all."""
    covered_by: tuple[str, ...] = ()
    """Rules, or documents of rules, that read the second source."""

    def holds(self, version: str) -> bool:
        """Whether it is true of this version of the product; of one that cannot be read it may be. No errors."""
        bound, asked = _RANGE.fullmatch(self.versions), _VERSION.match(version)
        if bound is None or asked is None:
            return True
        limit = _parts(bound[2])
        return (_parts(asked[1]) >= limit) == (bound[1] == ">=")


def blind_spots() -> tuple[BlindSpot, ...]:
    """All, in the order of the file."""
    import yaml

    return msgspec.convert(yaml.safe_load(_DATA.read_text("utf-8")), tuple[BlindSpot, ...])


def chosen(
    spots: Sequence[BlindSpot], *, products: Sequence[str] = (), rules: Sequence[str] = (), version: str = ""
) -> list[BlindSpot]:
    """Those of these products that concern one of these rules; an empty choice is all. `version`: of the product."""
    return [
        spot
        for spot in spots
        if (not products or spot.product in products)
        and (not rules or any(rule in rules for rule in spot.rules))
        and spot.holds(version)
    ]


def _parts(version: str) -> tuple[int, ...]:
    """`1.34.4` as numbers, without zeros at the end, so that 1.37.0 is 1.37."""
    numbers = [int(part) for part in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
