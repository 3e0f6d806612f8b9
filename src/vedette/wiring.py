"""Wiring: what `vedette watch` runs, made of what the settings say."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from vedette import app
from vedette.alert import Alert, record
from vedette.clients.base import BadSecret, Http, NoAnswer, secret
from vedette.engine.live import Live
from vedette.engine.memory import WindowAct
from vedette.observers.base import Observer
from vedette.observers.tracer import Echoes
from vedette.rule import Rule, Severity
from vedette.runbook import excerpt, link
from vedette.scan import Plan, Scanner
from vedette.serving.address import parsed
from vedette.serving.server import Server
from vedette.settings import Settings
from vedette.settings.key import Span, octets, seconds
from vedette.settings.watching import AlertmanagerSink
from vedette.settings.watching import Heartbeat as HeartbeatSettings
from vedette.sinks.base import NotDelivered, Sink
from vedette.sources.base import Source
from vedette.store.alerts import OWN
from vedette.store.database import StoreError
from vedette.store.segments import Segments
from vedette.store.store import Bounds, Store
from vedette.watch.completing import Completing
from vedette.watch.compose import Composer, Words, heartbeat_notification
from vedette.watch.courier import Courier
from vedette.watch.findings import Findings, Watched
from vedette.watch.heartbeat import Heartbeat
from vedette.watch.loop import COMPLETING, OBSERVATIONS, Loop
from vedette.watch.observing import Observing
from vedette.watch.pulse import Pulse
from vedette.watch.rounds import Rounds
from vedette.watch.status import Status
from vedette.watch.telling import Manner, Route, Telling
from vedette.watch.watcher import Watcher

_SECOND = 1_000_000_000
_ALL = frozenset(int(one) for one in Severity)
PIPED = "stdin"
GIVEN = "given"
"""The source of paths given on the command line."""


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What a person asked of `vedette watch`."""

    config: str | None = None
    paths: tuple[str, ...] = ()
    """Files, folders and globs to follow besides those of the settings; `-` is standard input."""
    rules: tuple[str, ...] = ()
    unproven: bool = False
    state: str = ""


def state_folder(settings: Settings, given: str) -> Path:
    """The folder of the store: as given, as the settings say, as systemd says, else beneath the user's state."""
    if given or settings.watch.state:
        return Path(given or settings.watch.state)
    if os.environ.get("STATE_DIRECTORY"):
        return Path(os.environ["STATE_DIRECTORY"].split(":")[0])
    home = os.environ.get("XDG_STATE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path(os.environ.get("HOME", "/var/lib")) / ".local/state"
    return base / "vedette"


def open_store(settings: Settings, given: str) -> Store:
    """The daemon's store. Raises app.Wrong."""
    try:
        return Store(state_folder(settings, given), WindowAct, _bounds(settings))
    except StoreError as error:
        raise app.Wrong([str(error)]) from error


def _bounds(settings: Settings) -> Bounds:
    said = settings.watch
    return Bounds(float(seconds(said.evidence_for)), octets(said.evidence_size), float(seconds(said.alerts_for)))


def rules_for(request: WatchRequest, settings: Settings) -> tuple[Rule, ...]:
    """The rules in force. Raises app.Wrong."""
    return app.usable_rules(app.load_rules(settings, request.rules, unproven=request.unproven))


def make_watcher(
    request: WatchRequest,
    settings: Settings,
    store: Store,
    sinks: Sequence[Sink] = (),
    now: Callable[[], int] = time.time_ns,
    steady: Callable[[], int] | None = None,
) -> Watcher:
    """Everything wired; nothing runs yet. `sinks`: besides those of the settings. `steady`: what tells when `now` is
    set; none: it never is, unless it is the machine's own clock. Raises app.Wrong."""
    if steady is None and now is time.time_ns:
        steady = time.monotonic_ns
    rules = rules_for(request, settings)
    listen = _listen(settings)
    pulse = Pulse(now())
    told = [*_sinks(settings), *sinks]
    telling = Telling(store, _routes(settings, told), {one.name: _manner(one) for one in told})
    scanner = Scanner(Plan(rules, app.trusted_proxies(settings), keep_quarantine=True))
    hold, lateness = seconds(settings.watch.hold), seconds(settings.watch.lateness)
    live = Live(scanner.roster, store.acts, hold=hold * _SECOND, lateness=lateness * _SECOND, now=now())
    try:
        watched = _sources(request, settings, store)
        observing = Observing(OBSERVATIONS, store.segments("spool", OBSERVATIONS), store.progress.observed(), pulse)
        sources: list[Source] = [*(one.source for one in watched), observing]
        evidence = _evidence(settings, sources, store)
    except OSError as error:
        raise app.Wrong([f"{error.filename or store.folder}: {error.strerror}"]) from error
    except ValueError as error:
        raise app.Wrong([str(error)]) from error
    if not watched:
        raise app.Wrong(["nothing to watch: name sources in vedette.yaml, or paths on the command line"])
    completing = None
    if settings.watch.completion == "on":
        completing = Completing(observing, store.progress.noted(COMPLETING) or {})
    echoes = Echoes() if settings.sources.tracer else None
    loop = Loop(scanner, sources, store, live, telling, pulse, evidence, completing, echoes, now, steady)
    composer = Composer(settings.cluster, describer(settings, rules))
    couriers = [Courier(sink, store, telling, composer, pulse, now) for sink in told]
    names = [sink.name for sink in told]
    lapsed = settings.lapsed(datetime.now(UTC).date())
    rounds = _rounds(request, settings, rules, store, pulse, now)
    findings = Findings(
        store, telling, pulse, watched, octets(settings.watch.free_space), names, now, lapsed, rounds is not None
    )
    status = Status(store, pulse, sources, names, now)
    servers = [Server(*listen, status.answer)] if listen else []
    return Watcher(
        loop,
        couriers,
        findings,
        pulse,
        observing,
        [*_observers(settings), *(_tracers(settings, echoes, pulse) if echoes else ())],
        servers,
        _heartbeat(settings, status, pulse),
        rounds,
    )


def _rounds(
    request: WatchRequest,
    settings: Settings,
    rules: Sequence[Rule],
    store: Store,
    pulse: Pulse,
    now: Callable[[], int],
) -> Rounds | None:
    """What proves on a schedule that each rule can fire, where the settings do not turn it off."""
    every = float(seconds(settings.watch.prove))
    if not every:
        return None
    from vedette.reproving import Prover

    return Rounds(every, Prover(settings, rules, store.folder, request.rules, now), pulse)


def _listen(settings: Settings) -> tuple[str, int] | None:
    """Host and port of the status address. Raises app.Wrong."""
    try:
        return parsed(settings.watch.listen) if settings.watch.listen else None
    except ValueError as error:
        raise app.Wrong([f"watch.listen: {error}"]) from error


def _sources(request: WatchRequest, settings: Settings, store: Store) -> list[Watched]:
    from vedette.sources.follow import Follow
    from vedette.sources.journald import Journald
    from vedette.sources.loki import Loki
    from vedette.sources.webhook import Webhook

    said = settings.sources
    found: list[tuple[Source, Span]] = []
    for file in said.files:
        found.append((Follow(file.name, file.paths, start=file.start), file.silent_after))
    for one in said.journald:
        journal = Journald(one.name, units=one.units, identifiers=one.identifiers, directory=one.directory)
        found.append((journal, one.silent_after))
    for hook in said.webhook:
        receiver = Webhook(
            hook.name,
            hook.listen,
            store.segments("spool", hook.name),
            tls_cert_file=hook.tls_cert_file,
            tls_key_file=hook.tls_key_file,
            client_ca_file=hook.client_ca_file,
            token_file=hook.token_file,
        )
        found.append((receiver, hook.silent_after))
    for asked in said.loki:
        loki = Loki(
            asked.name,
            asked.url,
            asked.query,
            tenant=asked.tenant,
            token_file=asked.token_file,
            ca_file=asked.ca_file,
            every=float(seconds(asked.every)),
            since=float(seconds(asked.since)),
            delay=float(seconds(asked.delay)),
        )
        found.append((loki, asked.silent_after))
    paths = [path for path in request.paths if path != "-"]
    if paths:
        found.append((Follow(GIVEN, paths), Span("")))
    if "-" in request.paths:
        from vedette.sources.piped import Piped

        found.append((Piped(PIPED, store.segments("spool", PIPED)), Span("")))
    return [Watched(source, float(seconds(silent))) for source, silent in found]


def _evidence(settings: Settings, sources: Sequence[Source], store: Store) -> dict[str, Segments]:
    said = settings.sources
    kept = {one.name: one.evidence for one in said.files}
    kept |= {one.name: one.evidence for one in said.journald}
    kept |= {one.name: one.evidence for one in said.loki}
    return {
        source.name: store.segments("evidence", source.name)
        for source in sources
        if not source.keeps_evidence and kept.get(source.name) != "off"
    }


def _observers(settings: Settings) -> list[Observer]:
    from vedette.clients.kube import Kube
    from vedette.clients.vault import Vault
    from vedette.observers.hashes import HashObserver
    from vedette.observers.kube import KubeObserver
    from vedette.observers.server_log import ServerLogObserver
    from vedette.observers.vault import VaultObserver

    found: list[Observer] = []
    for node in settings.sources.vault:
        vault = Vault(node.address, token_file=node.token_file, ca_file=node.ca_file)
        found.append(VaultObserver(node.name, vault, every=float(seconds(node.every))))
    for one in settings.sources.kube:
        kube = Kube(
            one.server,
            token_file=one.token_file,
            client_cert_file=one.client_cert_file,
            client_key_file=one.client_key_file,
            ca_file=one.ca_file,
        )
        found.append(KubeObserver(one.name, kube, every=float(seconds(one.every))))
    for files in settings.sources.hashes:
        found.append(HashObserver(files.name, files.paths, every=float(seconds(files.every))))
    for log in settings.sources.server_logs:
        found.append(ServerLogObserver(log.name, log.path, log.program, every=float(seconds(log.every))))
    return found


def _tracers(settings: Settings, echoes: Echoes, pulse: Pulse) -> Iterator[Observer]:
    from vedette.clients.kube import Kube
    from vedette.clients.vault import Vault
    from vedette.observers.tracer import KubeWay, Promise, TracerObserver, VaultWay, Way

    # Of its own: the loop's belongs to the loop's thread.
    scanner = Scanner(Plan((), app.trusted_proxies(settings)))
    for one in settings.sources.tracer:
        way: Way
        if one.address:
            way = VaultWay(Vault(one.address, token_file=one.token_file, ca_file=one.ca_file))
        else:
            way = KubeWay(Kube(one.server, token_file=one.token_file, ca_file=one.ca_file), one.namespace)
        level = one.expect or ("Metadata" if one.server else "RequestResponse")
        yield TracerObserver(
            one.name,
            way,
            echoes,
            lambda data: scanner.events_in([data]),
            Promise(level, one.source, float(seconds(one.within))),
            every=float(seconds(one.every)),
            came=pulse.came_back,
        )


def _sinks(settings: Settings) -> list[Sink]:
    from vedette.sinks.lines import Lines
    from vedette.sinks.slack import Slack
    from vedette.sinks.webhook import Webhook

    said = settings.sinks
    found: list[Sink] = []
    found += [_alertmanager(one, float(seconds(one.resend))) for one in said.alertmanager]
    for slack in said.slack:
        found.append(
            Slack(
                slack.name,
                token_file=slack.token_file,
                channel=slack.channel,
                webhook_url_file=slack.webhook_url_file,
                api_url=slack.api_url,
                ca_file=slack.ca_file,
            )
        )
    for hook in said.webhook:
        found.append(
            Webhook(hook.name, url=hook.url, url_file=hook.url_file, secret_file=hook.secret_file, ca_file=hook.ca_file)
        )
    for file in said.file:
        found.append(Lines(file.name, file.path))
    return found


def _alertmanager(said: AlertmanagerSink, resend: float) -> Sink:
    from vedette.sinks.alertmanager import Alertmanager

    return Alertmanager(
        said.name,
        said.urls,
        token_file=said.token_file,
        username=said.username,
        password_file=said.password_file,
        ca_file=said.ca_file,
        resend=resend,
        hold=float(seconds(said.hold)),
    )


def manners(settings: Settings) -> dict[str, Manner]:
    """How each sink of the settings wants to be told, by name."""
    return {sink.name: _manner(sink) for sink in _sinks(settings)}


def _manner(sink: Sink) -> Manner:
    return Manner(int(sink.resend * _SECOND), int(sink.hold * _SECOND))


def _routes(settings: Settings, sinks: Sequence[Sink]) -> list[Route]:
    """The settings' routes, or one that tells everybody; a sink that the settings do not name is told of all."""
    sinks_said = settings.sinks
    said = {
        *(one.name for one in sinks_said.alertmanager),
        *(one.name for one in sinks_said.slack),
        *(one.name for one in sinks_said.webhook),
        *(one.name for one in sinks_said.file),
    }
    extra = tuple(sink.name for sink in sinks if sink.name not in said)
    if not settings.routes:
        return [Route(_ALL, tuple(sink.name for sink in sinks))]
    routes = []
    for route in settings.routes:
        severities = frozenset(int(Severity[word.upper()]) for word in route.severity) or _ALL
        routes.append(Route(severities, (*route.to, *extra), route.fallback))
    return [*routes, Route(_ALL, extra)] if extra else routes


def runbooks(rules: Sequence[Rule]) -> dict[str, str]:
    """The text of each rule's runbook by the rule's name, or nothing. Raises app.Wrong."""
    texts: dict[str, str] = {}
    for rule in rules:
        runbook = rule.folder / "runbook.md" if rule.folder is not None else None
        try:
            texts[rule.name] = runbook.read_text("utf-8") if runbook is not None and runbook.is_file() else ""
        except OSError as error:
            raise app.Wrong([f"{runbook}: {error.strerror or error}"]) from error
    return texts


def describer(settings: Settings, rules: Sequence[Rule]) -> Callable[[Alert], Words]:
    """What is said of an alert besides itself: out of its rule's runbook, filled with its words. Raises app.Wrong."""
    texts = runbooks(rules)

    def describe(alert: Alert) -> Words:
        if alert.source == OWN:
            return Words("", alert.why, alert.why, "")
        url = link(settings.runbook_url, alert.rule)
        text = texts.get(alert.rule, "")
        if not text:
            return Words(url, alert.why, "", "")
        found = excerpt(text, {**record(alert), "id": alert.id})
        return Words(url, found.meaning, found.first_step, found.query)

    return describe


def _heartbeat(settings: Settings, status: Status, pulse: Pulse) -> Heartbeat | None:
    said: HeartbeatSettings = settings.watch.heartbeat
    every = float(seconds(said.every))
    beats: list[Callable[[], str]] = []
    if said.url_file:
        http = Http()
        beats.append(lambda: _asked(http, said.url_file))
    if said.alertmanager == "on":
        # Of their own, for a sink belongs to its courier's thread.
        ours = [_alertmanager(one, every) for one in settings.sinks.alertmanager]
        beats += [partial(_fired, one, settings.cluster) for one in ours]
    if not beats:
        return None
    return Heartbeat(every, status.beating, lambda: "; ".join(filter(None, [beat() for beat in beats])), pulse)


def _asked(http: Http, url_file: str) -> str:
    """POST to the URL in a file; why that did not go well, or nothing."""
    try:
        answer = http.request("POST", secret(url_file), body=b'{"vedette": "alive"}')
    except (NoAnswer, BadSecret) as error:
        return str(error)
    except ValueError:
        return f"{url_file}: no http or https URL"
    return "" if answer.status < 300 else f"the heartbeat's far end answers {answer.status}"


def _fired(sink: Sink, cluster: str) -> str:
    """Have VedetteHeartbeat fire; why that did not go well, or nothing."""
    try:
        sink.send([heartbeat_notification(cluster, time.time_ns())])
    except NotDelivered as error:
        return f"{sink.name}: {error}"
    return ""
