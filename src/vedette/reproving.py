"""Proving again and again, beside a running watcher: what `vedette prove` says, as values that the watcher keeps."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vedette.proof.verdict import LinkResult, RuleResult, State
from vedette.rule import Rule
from vedette.settings import Settings
from vedette.watch.pulse import Proof, Proven

SELDOM = {"matched": 86_400.0, "allowed": 3_600.0}
"""Links that cost seconds -> seconds for which what came of them holds. They change with rules and settings, and a
reload makes another prover; `allowed` looks at who came as well."""


class Prover:
    """Made for one watcher; its calls come from one thread."""

    def __init__(
        self,
        settings: Settings,
        rules: Sequence[Rule],
        folder: Path,
        extra: tuple[str, ...] = (),
        now: Callable[[], int] = time.time_ns,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`folder`: of the store. `extra`: files and folders of further rules. `steady`: seconds, never set."""
        self._settings = settings
        self._rules = rules
        self._folder = folder
        self._extra = extra
        self._now = now
        self._steady = steady
        self._known: dict[tuple[str, str], LinkResult] = {}
        self._known_at: dict[str, float] = {}
        """Link -> when it was checked last, on the clock that is never set."""

    def __call__(self, rest: Callable[[], bool]) -> Proof | None:
        """Every rule, every link. `rest` is called between two rules; None where it says that nobody waits for it."""
        from vedette import proving
        from vedette.offline import Said
        from vedette.proof.prove import prove

        began = self._steady()
        for name, holds in SELDOM.items():
            if name not in self._known_at or began - self._known_at[name] > holds:
                self._known = {key: one for key, one in self._known.items() if key[1] != name}
                self._known_at[name] = began
        said = Said(rules=self._extra)
        found: list[Proven] = []
        rested = 0.0
        with proving.here(self._settings, self._rules, self._folder, self._now(), said) as given:
            for result in prove(self._rules, given, self._known):
                for link in result.links:
                    if link.link in SELDOM:
                        self._known[result.rule.name, link.link] = link
                found.append(_proven(result))
                before = self._steady()
                if rest():
                    return None
                rested += self._steady() - before
        return Proof(self._now(), self._steady() - began - rested, tuple(found))


def _proven(result: RuleResult) -> Proven:
    """A rule's proof, with what of it is news: a finding that is open, an alert or the settings say the rest."""
    rule, links = result.rule, [one for one in result.links if one.concerns]
    blind = [one for one in links if one.state is State.BLIND]
    # A rule that nobody has set up is missed by nobody, wherever else its way is broken.
    idle = any(one.told_by == "settings" for one in blind)
    news = [] if idle else [one for one in blind if not one.told_by]
    why = "; ".join(f"{one.link}: {one.why}" for one in news)
    unknown = [one for one in links if one.state is State.UNKNOWN and not one.told_by]
    return Proven(
        rule=rule.name,
        severity=rule.severity,
        state=result.state.value,
        links={one.link: one.state.value for one in result.links},
        blind=why,
        in_part=bool(news) and all(one.in_part for one in news),
        mend=_mend(rule.name, news),
        # A rule of which it is known that it is blind is told as that.
        unknown={one.link: one.why for one in unknown} if result.state is State.UNKNOWN else {},
    )


def _mend(rule: str, links: Sequence[LinkResult]) -> str:
    """What fits into a sentence; a piece of an audit policy does not, and `vedette prove` shows it."""
    said = [one.mend for one in links if one.mend and "\n" not in one.mend]
    return "; ".join(dict.fromkeys([*said, f"vedette prove {shlex.quote(rule)} shows the whole of it"]))
