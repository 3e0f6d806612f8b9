"""Emitted, of sshd: does its LogLevel let be written what the rule must see, under a name that is let through?

Of each firing case the lines that sshd writes at that level, of the programs that are asked for, are run through the
engine; the rule fires or it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vedette.cases import BadCase, Case, RulesUnder, firing_cases
from vedette.proof.rerun import Rerun, loudness
from vedette.proof.sshd_config import Said, SshdConfig
from vedette.proof.verdict import LinkResult, State, Variant, of_variants
from vedette.rule import Reaction, Rule

NAME = "emitted"
FORMAT = "sshd"
_SESSION = ((9, 8), "sshd-session")
"""The version from which on another program says who was let in (release notes of OpenSSH 9.8)."""
_VERBOSE = re.compile(rb"Failed (?!password)\S+ for |Postponed |Connection from ")
"""What is said at VERBOSE; a login and a failed password are said at INFO (auth.c, auth_log; seen on 9.2)."""
_NAMES = re.compile(rb"\bsshd(?:-session|-auth)?(?=[\[:\" ])")


@dataclass(frozen=True, slots=True)
class SshdGiven:
    """What is known of one sshd and of how its lines are picked."""

    config: SshdConfig | None = None
    fault: str = "its LogLevel was never looked at"
    """Why there is no configuration."""
    picked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Source -> the syslog identifiers that it picks; a source that picks none takes all, and does not stand here."""
    version: tuple[int, ...] | None = None
    """OpenSSH's, (9, 2)."""


class EmittedSshd:
    """The link for rules that read sshd's log; made once a run."""

    name = NAME

    def __init__(self, given: SshdGiven, rules_under: RulesUnder) -> None:
        self._given = given
        self._rerun = Rerun(rules_under)

    def check(self, rule: Rule) -> LinkResult:
        """BLIND where the level or the names hide a variant, UNKNOWN where that is not known."""
        if rule.not_configured:
            return LinkResult(NAME, State.UNKNOWN, f"not configured: {rule.not_configured}", concerns=False)
        if not any(one.format == FORMAT for one in rule.detections):
            return LinkResult(NAME, State.UNKNOWN, "not from sshd's log", concerns=False)
        try:
            return self._judged(rule)
        except BadCase as error:
            return LinkResult(NAME, State.UNKNOWN, f"a case cannot be run: {error}")

    def _judged(self, rule: Rule) -> LinkResult:
        cases = firing_cases(rule)
        if not cases:
            return LinkResult(NAME, State.UNKNOWN, "no firing case shows which lines it needs", "write fires.jsonl")
        variants = [*self._by_name(), *self._by_level(rule, cases)]
        if not variants:
            mend = "give its configuration: sshd -T > sshd.txt; vedette prove --sshd-config sshd.txt"
            return LinkResult(NAME, State.UNKNOWN, self._given.fault, mend)
        return of_variants(NAME, variants, f"{len(cases)} variants are written")

    def _by_name(self) -> Iterator[Variant]:
        """A source that picks the wrong programs hides every login."""
        for source, names in self._given.picked.items():
            version = self._given.version
            needed = ["sshd", _SESSION[1]] if version is None else [_SESSION[1] if version >= _SESSION[0] else "sshd"]
            missing = [name for name in needed if name not in names]
            if not missing:
                continue
            state = State.UNKNOWN if version is None and len(missing) < len(needed) else State.BLIND
            when = {"sshd": "before 9.8", _SESSION[1]: "from 9.8 on"}[missing[0]]
            why = f"source {source} picks {', '.join(names)}; on OpenSSH {when} {missing[0]} says who logged in"
            mend = f"identifiers: [sshd, {_SESSION[1]}, sshd-auth]"
            yield Variant(f"picked by {source}", state, why, mend)

    def _by_level(self, rule: Rule, cases: Sequence[Case]) -> Iterator[Variant]:
        config = self._given.config
        if config is None:
            return
        expected = self._rerun.reactions(rule, [(case, case.lines.splitlines()) for case in cases])
        for said in (config.general, *config.matches):
            yield from self._at(rule, said, cases, expected)
        for one in config.includes:
            why = f"{one} is included and not read; it may say another LogLevel"
            yield Variant(f"included by {one}", State.UNKNOWN, why, "give what `sshd -T` prints")

    def _at(
        self, rule: Rule, said: Said, cases: Sequence[Case], expected: Sequence[Reaction | None]
    ) -> Iterator[Variant]:
        whose = f" of Match {said.match}" if said.match else ""
        if not said.known:
            why = f"{said.where}: LogLevel {said.level}{whose} is none that sshd knows"
            yield Variant(f"LogLevel{whose}", State.UNKNOWN, why, "LogLevel VERBOSE")
            return
        logs = [(case, [line for line in case.lines.splitlines() if said.writes(_least(line))]) for case in cases]
        for case, before, after in zip(cases, expected, self._rerun.reactions(rule, logs), strict=True):
            fires = before is Reaction.FIRE
            name = f"{case.name}{whose}"
            if loudness(after) >= loudness(before):
                yield Variant(name, State.READY, fires=fires)
            else:
                why = f"{said.where}: at LogLevel {said.level}{whose} sshd does not say it"
                yield Variant(name, State.BLIND, why, f"{said.where}: LogLevel INFO or VERBOSE", fires)


def _least(line: bytes) -> str:
    """The level at which sshd says a line; other programs' lines are none of its."""
    if not _NAMES.search(line):
        return "QUIET"
    return "VERBOSE" if _VERBOSE.search(line) else "INFO"
