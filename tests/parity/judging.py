"""Many lines by one rule, through both; what they said, and where they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from oracles.logql import Oracle

from tests.parity.differences import Case, explained
from tests.parity.verdicts import Engine, on_loki
from tests.scans import SETTINGS
from vedette import app
from vedette.formats.base import TrustedProxy
from vedette.render.logql import CannotRender, detection_queries
from vedette.rule import Detection

_SHOWN = 1500


@dataclass(slots=True)
class Judged:
    """What came of all rules so far."""

    rules: int = 0
    cases: int = 0
    """A line judged by a rule, by both."""
    told: Counter[str] = field(default_factory=Counter)
    """What the engine said, by reaction."""
    silent: int = 0
    """Lines of which it would say something only because no later one came."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Differences that are explained, by their kind."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rules that cannot be rendered, by the reason."""
    faults: list[str] = field(default_factory=list)

    def shown(self) -> str:
        """One line."""
        return (
            f"{self.cases:,} cases of {self.rules} rules: {dict(self.told)}, {self.silent} wait for a later line;"
            f" explained {dict(self.kinds)}; refused {dict(self.refused)}"
        )


class Judges:
    """Both, under the settings of the cases."""

    def __init__(self, oracle: Oracle) -> None:
        proxies = app.load_settings(str(SETTINGS)).proxies()
        self._oracle = oracle
        self._known = tuple(TrustedProxy(one.identities, one.networks) for one in proxies)
        self._proxies = [(one.identities, one.networks) for one in proxies]

    def judge(self, detection: Detection, lines: Sequence[bytes], found: Judged, *, metric: bool = False) -> None:
        """Add to `found` what both say of each line. `metric`: by the query of the ruler, not by that of the logs."""
        try:
            queries = detection_queries(detection, proxies=self._proxies)
        except CannotRender as error:
            found.refused[error.reason] += 1
            return
        if not queries:
            return
        found.rules += 1
        engine = Engine(detection, self._known)
        answers = [engine.answer(line) for line in lines]
        for line, answer, told in zip(
            lines, answers, on_loki(self._oracle, queries, lines, metric=metric), strict=True
        ):
            found.cases += 1
            found.told.update(reaction for reaction, *_ in answer.said)
            found.silent += bool(answer.waits)
            if told != answer.said:
                kind = explained(Case(detection, engine, line, answer, told))
                if kind:
                    found.kinds[kind] += 1
                else:
                    outcomes = {outcome.value: reaction.value for outcome, reaction in detection.outcomes.items()}
                    found.faults.append(
                        f"{detection.node} {outcomes}\n  {line[:_SHOWN]!r}\n"
                        f"  engine {set(answer.said)}, LogQL {set(told)}"
                    )
