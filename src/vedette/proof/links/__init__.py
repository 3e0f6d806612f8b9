"""Links: the shelf of what can break between an act and a person, in the order of the way.

In: what is `Given`. Out: for each link that something was given for, its `Link`.
Never does: check a link for which nothing was given; it is then not in the matrix.
Add one by: a module here that meets `base.Link`, a maker below, a field in `base.Given`, its test.
Read first: base.py, emitted.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.proof.links.base import Given, Link


def _emitted(given: Given) -> Link | None:
    from vedette.proof.links.emitted import Emitted

    return None if given.policy is None else Emitted(given)


LINKS: Mapping[str, Callable[[Given], Link | None]] = {
    "emitted": _emitted,
}
"""Link -> what makes it, or None where nothing was given for it; in the order of the way from act to person."""
