"""Site: the named lists that placeholders and `innet` mean here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.network import Networks


@dataclass(frozen=True, slots=True)
class Site:
    """What differs from one cluster to the next; rules name it, the settings fill it."""

    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For `|expand`: `%owner%` stands for each text of `owner`. A known but empty list never matches."""
    networks: Mapping[str, Networks] = field(default_factory=dict)
    """For `|innet`, by the list's name."""

    def empty(self, name: str) -> bool | None:
        """True when the list called `name` has nothing in it, None when there is no such list."""
        if name in self.texts:
            return not self.texts[name]
        if name in self.networks:
            return not (self.networks[name].v4 or self.networks[name].v6)
        return None
