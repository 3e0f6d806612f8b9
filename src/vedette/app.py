"""App: wires rooms together; one function a command, nothing else."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vedette import settings as settings_room
from vedette import sigma
from vedette.alert import Alert
from vedette.cases import BadCase, Result, RulesUnder, run_cases
from vedette.engine.conclude import Conclusion
from vedette.engine.explain import Clause, explain
from vedette.engine.matcher import reaction_to
from vedette.engine.roster import Roster
from vedette.engine.sighting import Sighting
from vedette.engine.sorter import Sorter
from vedette.escape import terminal
from vedette.event import Event
from vedette.formats import SCHEMAS
from vedette.formats.base import TrustedProxy
from vedette.formats.reader import splittable
from vedette.match import Match
from vedette.rule import Detection, Reaction, Rule, Severity
from vedette.runbook import link
from vedette.scan import Counts, Done, Plan, Rejected, Scanner
from vedette.sigma.filters import NO_RULE
from vedette.sources.files import STDIN, File, Range, chunks, describe, discover, head, ranges
from vedette.workers import WorkerLost, read_all

if TYPE_CHECKING:
    from vedette.clients.alertmanager import Alertmanager
    from vedette.clients.slack import Slack
    from vedette.settings.drilling import DrillSlack
    from vedette.settings.watching import AlertmanagerSink, SlackSink

PACK = Path(__file__).parent / "rules"
"""The folder of the rules that come with vedette."""


class Wrong(Exception):
    """What a person must mend before anything can run; one text a problem."""

    def __init__(self, problems: Sequence[object]) -> None:
        # A file's name may be the attacker's text; a Problem cleans itself.
        super().__init__("\n".join(terminal(one) if isinstance(one, str) else str(one) for one in problems))


def load_settings(config: str | None) -> settings_room.Settings:
    """The settings from `config` or where they are found by themselves. Raises Wrong."""
    try:
        return settings_room.load(Path(config) if config else None)
    except settings_room.SettingsError as error:
        raise Wrong(error.problems) from error


def pack_files() -> list[Path]:
    """The rule files of the pack, by name."""
    return sorted(PACK.glob("*/*/rule.yml"))


def rule_files(paths: Sequence[str]) -> list[Path]:
    """The Sigma files that `paths` (files and folders) hold. Raises Wrong for one that holds none."""
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        files = sorted(p for suffix in ("*.yml", "*.yaml") for p in path.rglob(suffix)) if path.is_dir() else [path]
        if not files or not all(file.is_file() for file in files):
            raise Wrong([f"{text}: no Sigma rule (.yml, .yaml) here"])
        found += files
    return found


def load_rules(
    settings: settings_room.Settings, extra: Sequence[str] = (), *, pack: bool = True, unproven: bool = False
) -> sigma.Loaded:
    """The pack and the rules in `extra`, read with the settings' names; problems are left to the caller."""
    return _loaded([*(pack_files() if pack else ()), *rule_files(extra)], settings, unproven=unproven)


def _loaded(files: Sequence[Path], settings: settings_room.Settings, *, unproven: bool) -> sigma.Loaded:
    site = sigma.Site(settings.site_texts(), settings.site_networks())
    filters = settings.filters(datetime.now(UTC).date())
    return sigma.load(files, SCHEMAS, site, filters, unproven=unproven)


def usable_rules(loaded: sigma.Loaded, only: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules that can work, `only` those named where any is. Raises Wrong for a bad rule or an unknown name."""
    errors = [problem for problem in loaded.problems if problem.error]
    if errors:
        raise Wrong(errors)
    return named_rules(loaded, only)


def usable_or_refused(
    loaded: sigma.Loaded, extra: Sequence[str], only: Sequence[str] = (), *, pack: bool = True
) -> tuple[tuple[Rule, ...], tuple[sigma.Refused, ...]]:
    """As `usable_rules`, but a bad file of `extra` is a result beside the rules. Raises Wrong for any other.

    `pack`: whether the pack was loaded; without it the settings may speak of rules that are not there.
    """
    theirs = {str(file) for file in rule_files(extra)}
    refused = [one for one in loaded.refused if one.file in theirs]
    problems = [one for one in loaded.problems if one.error and one.file not in theirs]
    if not pack:
        problems = [one for one in problems if not one.message.startswith(NO_RULE)]
    if problems:
        raise Wrong(problems)
    asked = {name.lower() for name in only}
    wanted = [name for name in only if name.lower() not in {one.name.lower() for one in refused}]
    rules = named_rules(loaded, wanted) if wanted or not only else ()
    return rules, tuple(one for one in refused if not only or one.name.lower() in asked)


def named_rules(loaded: sigma.Loaded, only: Sequence[str]) -> tuple[Rule, ...]:
    """The rules that could be read, `only` those named where any is. Raises Wrong for an unknown name."""
    by_name = {rule.name.lower(): rule for rule in loaded.rules}
    unknown = [name for name in only if name.lower() not in by_name]
    if unknown:
        raise Wrong([f"no rule is called {unknown[0]!r}; there are {', '.join(rule.name for rule in loaded.rules)}"])
    return tuple(by_name[name.lower()] for name in only) if only else tuple(loaded.rules)


def trusted_proxies(settings: settings_room.Settings) -> tuple[TrustedProxy, ...]:
    """The settings' trusted proxies as the kube audit format wants them."""
    return tuple(TrustedProxy(proxy.identities, proxy.networks) for proxy in settings.proxies())


def alertmanager(said: AlertmanagerSink, url: str, timeout: float = 10.0) -> Alertmanager:
    """A client of the member at `url`, as the settings say that one asks there; whoever takes it closes it.

    `timeout`: seconds. Raises ValueError where `url` is none.
    """
    from vedette.clients.alertmanager import Alertmanager

    return Alertmanager(
        url,
        token_file=said.token_file,
        username=said.username,
        password_file=said.password_file,
        ca_file=said.ca_file,
        timeout=timeout,
    )


def slack(said: SlackSink | DrillSlack) -> Slack:
    """A client of the app whose token the settings name; whoever takes it closes it."""
    from vedette.clients.slack import Slack

    return Slack(said.token_file, api_url=said.api_url, ca_file=said.ca_file)


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """What a person asked of `vedette scan`."""

    paths: tuple[str, ...]
    config: str | None = None
    rules: tuple[str, ...] = ()
    """Files and folders of further rules."""
    only: tuple[str, ...] = ()
    severity: Severity = Severity.INFO
    since: int | None = None
    until: int | None = None
    jobs: int = 1
    quarantine: str | None = None
    unproven: bool = False


@dataclass(slots=True)
class ScanRun:
    """A scan: `read()` once, then `alerts()` or `matches()` once."""

    request: ScanRequest
    settings: settings_room.Settings
    rules: tuple[Rule, ...]
    files: list[File]
    troubles: list[str]
    """What could not be read, a line each."""
    counts: Counts = field(default_factory=Counts)
    _conclusion: Conclusion | None = None
    _parts: dict[tuple[int, int], int] = field(default_factory=dict)
    """(file, part) -> lines in it; after reading, the lines before it."""
    _runbooks: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Bytes to be read, 0 where nobody knows (stdin, compressed files)."""
        return 0 if any(not file.size or file.packing for file in self.files) else sum(file.size for file in self.files)

    def read(self, progress: Callable[[int, int], None]) -> None:
        """Read all files; `progress` hears of bytes and events as they are read."""
        plan = Plan(
            self.rules,
            trusted_proxies(self.settings),
            self.request.since,
            self.request.until,
            keep_quarantine=self.request.quarantine is not None,
        )
        self._conclusion = Conclusion(Roster.of(self.rules))
        rejected = Sorter(Rejected, lambda one: (one.file, one.part, one.line))
        before = [_fingerprint(file) for file in self.files]
        try:
            for word in read_all(plan, self.files, self._cut(), self.request.jobs):
                if isinstance(word, Done):
                    self._finish_part(word)
                    continue
                progress(word.bytes, word.events)
                for sighting in word.sightings:
                    self._conclusion.add(sighting)
                for one in word.rejected:
                    rejected.add(one)
        except WorkerLost as error:
            raise Wrong([error]) from error
        self._number_lines()
        self._notice_changes(before)
        if self.request.quarantine is not None:
            try:
                self._write_quarantine(Path(self.request.quarantine), rejected)
            except OSError as error:
                self.troubles.append(f"{self.request.quarantine}: {error.strerror}; the quarantine is not whole")
        rejected.close()

    def alerts(self) -> Iterator[Alert]:
        """Every alert, by the time it was first seen."""
        if self._conclusion is None:
            raise RuntimeError("read() comes first")
        return self._conclusion.alerts(self._place, self.request.severity)

    def matches(self) -> Iterator[Match]:
        """Every act that met a rule, in time order."""
        if self._conclusion is None:
            raise RuntimeError("read() comes first")
        return (match for match in self._conclusion.matches(self._place) if match.severity >= self.request.severity)

    @property
    def notes(self) -> list[str]:
        """What a person should know before reading the alerts: rules that the settings leave without work."""
        idle = [f"{rule.name} ({rule.not_configured})" for rule in self.rules if rule.not_configured]
        partly = [
            f"{document} ({why})"
            for rule in self.rules
            if not rule.not_configured
            for document, why in rule.left_out.items()
        ]
        return [f"not configured: {', '.join([*idle, *partly])}"] if idle or partly else []

    def runbook_url(self, rule: str) -> str:
        """Where the rule's runbook stands: by the settings' pattern, else the file that came with the rule."""
        if rule not in self._runbooks:
            self._runbooks[rule] = self._find_runbook(rule)
        return self._runbooks[rule]

    def _find_runbook(self, rule: str) -> str:
        if self.settings.runbook_url:
            return link(self.settings.runbook_url, rule)
        folder = next((one.folder for one in self.rules if one.name == rule), None)
        runbook = folder / "runbook.md" if folder is not None else None
        return runbook.resolve().as_uri() if runbook is not None and runbook.is_file() else ""

    def _cut(self) -> list[Range]:
        parts: list[Range] = []
        for index, file in enumerate(self.files):
            plain = file.size > 0 and not file.packing
            if self.request.jobs > 1 and plain and splittable(head(file)):
                parts += ranges(file, index)
            else:
                parts.append(Range(index, 0))
        return parts

    def _finish_part(self, done: Done) -> None:
        self.counts.add(done.counts)
        self._parts[done.part.file, done.part.part] = done.counts.lines
        if done.trouble:
            self.troubles.append(f"{self.files[done.part.file].name}: {done.trouble}; what stands before it was read")

    def _number_lines(self) -> None:
        before: dict[int, int] = {}
        for file, part in sorted(self._parts):
            lines = self._parts[file, part]
            self._parts[file, part] = before.get(file, 0)
            before[file] = before.get(file, 0) + lines

    def _place(self, sighting: Sighting) -> tuple[str, int]:
        return self.files[sighting.file].name, self._parts[sighting.file, sighting.part] + sighting.line

    def _notice_changes(self, before: Sequence[tuple[int, int] | None]) -> None:
        for file, was in zip(self.files, before, strict=True):
            if was is not None and _fingerprint(file) != was:
                self.troubles.append(f"{file.name}: changed while it was read; scan it again for what came after")

    def _write_quarantine(self, path: Path, rejected: Sorter[Rejected]) -> None:
        import msgspec

        encode = msgspec.json.Encoder().encode
        with path.open("wb") as out:
            for one in rejected:
                line = self._parts[one.file, one.part] + one.line
                kept: dict[str, object] = {"file": self.files[one.file].name, "line": line, "reason": one.reason}
                try:
                    kept["raw"] = one.raw.decode()
                except UnicodeDecodeError:
                    kept["raw_base64"] = one.raw
                out.write(encode(kept) + b"\n")


def _fingerprint(file: File) -> tuple[int, int] | None:
    """What changes when a file does; None for what is read but once, a pipe or a device."""
    if file.name == STDIN:
        return None
    try:
        status = os.stat(file.name)
    except OSError:
        return (0, 0)
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def prepare_scan(request: ScanRequest) -> ScanRun:
    """Settings, rules and files for a scan. Raises Wrong where nothing can be scanned."""
    settings = load_settings(request.config)
    rules = usable_rules(load_rules(settings, request.rules, unproven=request.unproven), request.only)
    names, troubles = discover(request.paths)
    files: list[File] = []
    for name in names:
        try:
            files.append(describe(name))
        except OSError as error:
            troubles.append(f"{name}: {error.strerror or error}")
    if not files:
        raise Wrong(troubles or ["nothing to read"])
    if request.quarantine is not None:
        _check_quarantine(Path(request.quarantine), files)
    return ScanRun(request, settings, rules, files, troubles)


def _check_quarantine(path: Path, files: Sequence[File]) -> None:
    """Raises Wrong where the quarantine cannot be written or would take a log's place: before an hour's scan."""
    try:
        if any(file.name != STDIN and path.exists() and path.samefile(file.name) for file in files):
            raise Wrong([f"--quarantine {path}: this is one of the logs; name a file of its own"])
        path.open("ab").close()
    except OSError as error:
        raise Wrong([f"--quarantine {path}: {error.strerror}"]) from error


def events(paths: Sequence[str], config: str | None = None) -> Iterator[Event]:
    """Every event in `paths`, decoded whole: for `init`, which looks at all of them. Raises Wrong."""
    settings = load_settings(config)
    scanner = Scanner(Plan((), trusted_proxies(settings)))
    names, troubles = discover(paths)
    if troubles:
        raise Wrong(troubles)
    for index, name in enumerate(names):
        try:
            file = describe(name)
            yield from scanner.events_in(chunks(file, Range(index, 0)))
        except OSError as error:
            raise Wrong([f"{name}: {error.strerror or error}"]) from error


def rules_under(extra: Sequence[str] = (), *, pack: bool = True) -> RulesUnder:
    """What reads the pack and `extra` with a case's settings, each once, and of the pack only what is wanted.

    Without `pack` only `extra`.
    """
    read: dict[int, _RulesUnder] = {}

    def under(settings: settings_room.Settings) -> _RulesUnder:
        # It holds the settings, so that no other may come to have their id.
        return read.setdefault(id(settings), _RulesUnder(settings, extra, pack=pack))

    return under


class _RulesUnder(Mapping[str, Rule]):
    """The rules by name; one of the pack is read from its own file when it is asked for."""

    def __init__(self, settings: settings_room.Settings, extra: Sequence[str], *, pack: bool) -> None:
        self._settings = settings
        self._extra = extra
        self._pack = pack
        self._single: dict[str, Rule] = {}
        self._all: dict[str, Rule] | None = None

    def __getitem__(self, name: str) -> Rule:
        if name in self._single:
            return self._single[name]
        own = list(PACK.glob(f"*/{glob.escape(name.lower())}_*/rule.yml"))
        if self._extra or not own or self._all is not None:
            return self._whole()[name]
        loaded = _loaded(own, self._settings, unproven=True)
        self._single.update({rule.name: rule for rule in loaded.rules})
        return self._single[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._whole())

    def _whole(self) -> dict[str, Rule]:
        if self._all is None:
            loaded = load_rules(self._settings, self._extra, pack=self._pack, unproven=True)
            self._all = {rule.name: rule for rule in loaded.rules}
        return self._all


def test_rules(rules: Sequence[Rule], extra: Sequence[str] = ()) -> Iterator[Result]:
    """Every case of `rules`, run through the whole scan. Raises Wrong for a case that cannot be run."""
    under = rules_under(extra)
    for rule in rules:
        try:
            yield from run_cases(rule, under)
        except BadCase as error:
            raise Wrong([error]) from error


@dataclass(frozen=True, slots=True)
class Explanation:
    """One document of a rule against one event."""

    detection: Detection
    event: Event
    clause: Clause
    reaction: Reaction | None


def explain_rule(rule: Rule, data: bytes, settings: settings_room.Settings) -> list[Explanation]:
    """Each of the rule's documents against each event in `data` that has its format. Raises Wrong where none has."""
    scanner = Scanner(Plan((), trusted_proxies(settings)))
    found = [
        Explanation(detection, event, clause, reaction_to(detection, event, clause.verdict))
        for event in scanner.events_in([data])
        for detection in rule.detections
        if detection.format == event.format
        for clause in (explain(detection.node, event),)
    ]
    if not found:
        formats = ", ".join(sorted({detection.format for detection in rule.detections})) or "no format at all"
        raise Wrong([f"no event here that {rule.name} looks at (it reads {formats})"])
    return found
