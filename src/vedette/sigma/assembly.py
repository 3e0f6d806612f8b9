"""Assembly: documents of one name become a `Rule`, if its proof stands beside it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vedette.rule import Correlation, Detection, Needs, Rule
from vedette.sigma.header import Header
from vedette.sigma.refusal import nearest
from vedette.sigma.site import Site

_DIGITS = re.compile(r"(\d+)")
_PROOFS = (("fires.jsonl", "firing", "may never fire"), ("quiet.jsonl", "quiet", "may always fire"))


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key: K10 after K9."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in _DIGITS.split(name) if piece]


def proof_files(path: Path) -> tuple[Path, Path]:
    """Where the firing and the quiet events of the rule file `path` stand."""
    stem = "" if path.stem == "rule" else f"{path.stem}."
    return path.with_name(f"{stem}fires.jsonl"), path.with_name(f"{stem}quiet.jsonl")


def check_proof(path: Path, headers: Sequence[Header]) -> None:
    """Refuse a rule file that has no firing or no quiet events."""
    if not headers:
        return
    for proof, (_, word, risk) in zip(proof_files(path), _PROOFS, strict=True):
        if not _has_lines(proof):
            message = f"no {word} events: the rule {risk}, and nobody would know"
            mend = f"write them into {proof.name}, one case a line"
            problem = headers[0].source.document.problem(("title",), message, mend)
            headers[0].source.problems.append(problem)


def _has_lines(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return any(line.strip() for line in stream)
    except OSError:
        return False


@dataclass(slots=True)
class Assembly:
    """What the documents became, by document name."""

    site: Site
    detections: Mapping[str, Detection]
    correlations: Mapping[str, Correlation]
    needs: Mapping[str, Needs | None]
    left_out: dict[str, str] = field(default_factory=dict)
    """Documents that the settings leave without work -> why."""

    def rules(self, path: Path, headers: Sequence[Header]) -> list[Rule]:
        """The rules of one file; none when one of these documents was refused."""
        groups: dict[str, list[Header]] = defaultdict(list)
        for each in headers:
            self._check_configured(each)
            groups[each.rule].append(each)
        for name, group in groups.items():
            if name and not any(each.name == name for each in group):
                first = min(group, key=lambda each: natural(each.name))
                message = f"no document is called {name}, so the rule has no title"
                problem = first.source.document.problem(("name",), message, f"name the main one {name}", value=True)
                first.source.problems.append(problem)
        if any(each.source.broken for each in headers):
            return []
        return [self._rule(path, name, group) for name, group in groups.items()]

    def _check_configured(self, each: Header) -> None:
        source = each.source
        unset: list[str] = []
        for at, name in enumerate(each.configured_by):
            empty = self.site.empty(name)
            if empty is None:
                known = [*self.site.texts, *self.site.networks]
                mend = nearest(name, known, "known are " + ", ".join(known))
                path = ("vedette", "configured_by", at)
                problem = source.document.problem(path, f"the settings have no list {name!r}", mend, value=True)
                source.problems.append(problem)
            elif empty:
                unset.append(name)
        if unset and len(unset) == len(each.configured_by):
            # One is enough: V7 knows the owner by entity or by alias.
            self.left_out[each.name] = f"{' and '.join(unset)} {'is' if len(unset) == 1 else 'are'} not set"

    def _rule(self, path: Path, name: str, group: Sequence[Header]) -> Rule:
        ordered = sorted(group, key=lambda each: (each.name != name, natural(each.name)))
        main = ordered[0]
        for each in ordered:
            correlation = self.correlations.get(each.name)
            for joined in correlation.detections if correlation else ():
                if joined in self.left_out:
                    self.left_out.setdefault(each.name, self.left_out[joined])
        working = [each.name for each in ordered if each.name not in self.left_out]
        idle = "" if main.name in working else self.left_out[main.name]
        needs = [self.needs.get(each.name) for each in ordered]
        return Rule(
            name=name,
            title=main.title,
            severity=main.severity,
            description=main.description,
            detections=tuple(self.detections[each] for each in working if each in self.detections),
            correlations=tuple(self.correlations[each] for each in working if each in self.correlations),
            tags=main.tags,
            falsepositives=main.falsepositives,
            references=main.references,
            needs=tuple(dict.fromkeys(each for each in needs if each)),
            blind_spots=tuple(dict.fromkeys(spot for each in ordered for spot in each.blind_spots)),
            second_sources=tuple(dict.fromkeys(second for each in ordered for second in each.second_sources)),
            not_configured=idle,
            left_out={each.name: self.left_out[each.name] for each in ordered if each.name in self.left_out},
            folder=path.parent,
        )
