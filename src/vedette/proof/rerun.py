"""Rerun: what a rule makes of lines, by the engine that `scan` runs, without a scan's set-up for every few lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

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

    def reactions(self, rule: Rule, logs: Sequence[tuple[Case, Sequence[bytes]]]) -> list[Reaction | None]:
        """The loudest that `rule` says of the lines of each log, or None for silence. Raises BadCase."""
        groups: dict[int, tuple[Settings, list[int]]] = {}
        for number, (case, lines) in enumerate(logs):
            if lines:
                settings = settings_for(case)
                groups.setdefault(id(settings), (settings, []))[1].append(number)
        found: list[Reaction | None] = [None] * len(logs)
        for settings, numbers in groups.values():
            scanner = self._scanner(rule, settings)
            if scanner is not None:
                for number, reaction in zip(numbers, _each(scanner, [logs[n][1] for n in numbers]), strict=True):
                    found[number] = reaction
        return found

    def _scanner(self, rule: Rule, settings: Settings) -> Scanner | None:
        key = rule.name, id(settings)
        if key not in self._scanners:
            subject = self._rules_under(settings).get(rule.name)
            proxies = tuple(TrustedProxy(proxy.identities, proxy.networks) for proxy in settings.proxies())
            # The settings are kept, so that no other may come to have their id.
            self._scanners[key] = settings, None if subject is None else Scanner(Plan((subject,), proxies))
        return self._scanners[key][1]


def _each(scanner: Scanner, logs: Sequence[Sequence[bytes]]) -> list[Reaction | None]:
    """All logs are read in one go, and what was seen is told apart by the lines' numbers; each is concluded alone."""
    ends = list(accumulate(len(lines) for lines in logs))
    conclusions = [Conclusion(scanner.roster) for _ in logs]
    text = b"".join(line + b"\n" for lines in logs for line in lines)
    for word in scanner.read_chunks([text], Range(0, 0)):
        if not isinstance(word, Done):
            for sighting in word.sightings:
                conclusions[bisect_left(ends, sighting.line)].add(sighting)
    return [_loudest(one) for one in conclusions]


def _loudest(conclusion: Conclusion) -> Reaction | None:
    said = {Reaction(match.reaction) for match in conclusion.matches(lambda sighting: ("case", sighting.line))}
    return max(said & set(LOUDNESS), key=LOUDNESS.index, default=None)


def loudness(reaction: Reaction | None) -> int:
    """0 for silence, then as in LOUDNESS."""
    return 0 if reaction is None else 1 + LOUDNESS.index(reaction)
