"""Rerun: what a rule makes of lines, by the engine that `scan` runs, without a scan's set-up for every few lines."""

from __future__ import annotations

from collections.abc import Iterable

from vedette.cases import Case, RulesUnder, settings_for
from vedette.engine.conclude import Conclusion
from vedette.formats.base import TrustedProxy
from vedette.rule import Reaction, Rule
from vedette.scan import Done, Plan, Scanner
from vedette.settings.effective import Settings
from vedette.sources.files import Range

LOUDNESS = (Reaction.CANNOT_TELL, Reaction.ATTEMPT, Reaction.FIRE)
"""What a rule may say of an act, the least first; silence comes before all."""


class Rerun:
    """Runs one rule on lines, under the settings of a case."""

    def __init__(self, rules_under: RulesUnder) -> None:
        self._rules_under = rules_under
        self._scanners: dict[tuple[str, int], tuple[Settings, Scanner | None]] = {}

    def reaction(self, rule: Rule, case: Case, lines: Iterable[bytes]) -> Reaction | None:
        """The loudest that `rule` says of `lines`, or None for silence. Raises BadCase."""
        settings = settings_for(case)
        scanner = self._scanner(rule, settings)
        if scanner is None:
            return None
        conclusion = Conclusion(scanner.roster)
        for word in scanner.read_chunks([line + b"\n" for line in lines], Range(0, 0)):
            if not isinstance(word, Done):
                for sighting in word.sightings:
                    conclusion.add(sighting)
        said = {Reaction(match.reaction) for match in conclusion.matches(lambda sighting: ("case", sighting.line))}
        return max(said & set(LOUDNESS), key=LOUDNESS.index, default=None)

    def _scanner(self, rule: Rule, settings: Settings) -> Scanner | None:
        key = rule.name, id(settings)
        if key not in self._scanners:
            subject = self._rules_under(settings).get(rule.name)
            proxies = tuple(TrustedProxy(proxy.identities, proxy.networks) for proxy in settings.proxies())
            # The settings are kept, so that no other may come to have their id.
            self._scanners[key] = settings, None if subject is None else Scanner(Plan((subject,), proxies))
        return self._scanners[key][1]


def loudness(reaction: Reaction | None) -> int:
    """0 for silence, then as in LOUDNESS."""
    return 0 if reaction is None else 1 + LOUDNESS.index(reaction)
