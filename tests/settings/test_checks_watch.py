"""What `vedette watch` could not do, or should not: said before it starts, with the place and the mend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vedette.problem import Problem
from vedette.settings import Settings
from vedette.settings.checks_watch import SINKS, SOURCES, _reads

Against = Callable[[str], list[Problem]]

LOKI = "url: https://l.example.org, query: '{a=\"b\"}'"
HOOK = "listen: '127.0.0.1:9443'"
TLS = "tls_cert_file: /c, tls_key_file: /k"
KUBE = "server: https://10.0.0.1:6443, token_file: /t"
SERVER = ", server: 'https://10.0.0.1:6443'"
OUT = "sinks: {file: [{name: out, path: '-'}, {name: aside, path: /a}]}"


def _loki(entry: str) -> str:
    return f"sources: {{loki: [{{name: l, {entry}}}]}}"


def _hook(entry: str) -> str:
    return f"sources: {{webhook: [{{name: w, {entry}}}]}}"


def _kube(entry: str) -> str:
    return f"sources: {{kube: [{{name: k, server: 'https://10.0.0.1:6443'{entry}}}]}}"


def _tracer(entry: str) -> str:
    return f"sources: {{tracer: [{{name: t, token_file: /t{entry}}}]}}"


def _sink(kind: str, entry: str) -> str:
    return f"sinks: {{{kind}: [{{name: s{entry}}}]}}"


def _routes(entries: str) -> str:
    return f"{OUT}\nroutes: [{entries}]"


@pytest.mark.parametrize(
    ("text", "message", "mend"),
    [
        # Names.
        (f"sources: {{loki: [{{name: Audit, {LOKI}}}]}}", "'Audit' cannot be a name", "small letters, digits"),
        (f"sources: {{loki: [{{name: a/b, {LOKI}}}]}}", "'a/b' cannot be a name", "small letters"),
        (f"sources: {{loki: [{{name: {'a' * 41}, {LOKI}}}]}}", f"'{'a' * 41}' cannot be a name", "small letters"),
        ("sources: {journald: [{name: '..'}]}", "'..' cannot be a name", "small letters"),
        (
            f"sources: {{journald: [{{name: a}}], loki: [{{name: a, {LOKI}}}]}}",
            "there are two sources of the name 'a'; the other is sources.journald[0]",
            "give each",
        ),
        (
            "sinks: {file: [{name: a, path: x}, {name: a, path: y}]}",
            "there are two sinks of the name 'a'; the other is sinks.file[0]",
            "give each",
        ),
        # Who is let in.
        (_hook("listen: 9443x"), "'9443x' is no host:port", "write 127.0.0.1:9443"),
        (_hook("listen: 'localhost:70000'"), "'localhost:70000' is no host:port", "write 127.0.0.1:9443"),
        (_hook("listen: 'localhost:'"), "'localhost:' is no host:port", "write 127.0.0.1:9443"),
        (_hook("listen: '::1:9443'"), "'::1:9443': an IPv6 address stands in brackets", "write [::1]:9443"),
        ("watch: {listen: '::1'}", "'::1': an IPv6 address stands in brackets", "write"),
        (_hook("listen: '0.0.0.0:9443'"), "'0.0.0.0:9443' is not on loopback, and audit events would", "add tls_cert"),
        (_hook("listen: ':9443', token_file: /t"), "':9443' is not on loopback, and audit events", "add tls_cert_file"),
        (_hook(f"listen: 'vedette:9443', {TLS}"), "'vedette:9443' is not on loopback, and anybody", "add client_ca"),
        (_hook(f"{HOOK}, tls_key_file: /k"), "tls_key_file is of no use without tls_cert_file", "add tls_cert_file"),
        (_hook(f"{HOOK}, tls_cert_file: /c"), "tls_cert_file is of no use without tls_key_file", "add tls_key_file"),
        (_hook(f"{HOOK}, client_ca_file: /c"), "a client shows its certificate only under TLS", "add tls_cert_file"),
        (f"{_hook(HOOK)}\nwatch: {{listen: '127.0.0.1:9443'}}", "two listen on '127.0.0.1:9443'", "give each a port"),
        # Where is asked.
        (_loki("url: 'ftp://l', query: '{a=\"b\"}'"), "'ftp://l' is no http or https address", "for example"),
        (_loki("url: 'l.example.org', query: '{a=\"b\"}'"), "'l.example.org' is no http or https", "for example"),
        (_loki("url: 'http://', query: '{a=\"b\"}'"), "'http://' is no http or https address", "for example"),
        (_loki("url: 'http://l:99999', query: '{a=\"b\"}'"), "'http://l:99999' is no http or https", "for example"),
        (_loki("url: 'http://[::1', query: '{a=\"b\"}'"), "'http://[::1' is no http or https", "for example"),
        (_loki("url: 'https://me:x@l', query: '{a=\"b\"}'"), "a user or password stands in the address", "put it into"),
        (_loki("url: 'https://l/?a=b', query: '{a=\"b\"}'"), "'https://l/?a=b' has a ? or #", "write the base URL"),
        (_loki("url: https://l, query: 'rate({a=\"b\"}[1m])'"), "'rate({a=\"b\"}[1m])' is no log query", "it begins"),
        (_loki(f'{LOKI}, tenant: "a\\nb"'), "'a\\nb' cannot be sent in a header", "printable ASCII"),
        (_kube(""), "nothing says who vedette is to the API server", "add token_file, or client_cert_file"),
        (_kube(", client_cert_file: /c"), "client_cert_file is of no use without client_key_file", "add client_key"),
        (_kube(", token_file: /t, client_cert_file: /c, client_key_file: /k"), "a token and a client certificate are two", "keep one"),
        # Who is told.
        (_sink("alertmanager", ", urls: ['http://localhost:9093', am]"), "'am' is no http or https address", "for"),
        (_sink("alertmanager", ", urls: ['https://am'], username: me"), "username is of no use without", "add password"),
        (_sink("alertmanager", ", urls: ['https://am'], hold: 30s"), "hold (30s) is shorter than resend (60s)", "make it"),
        (
            _sink("alertmanager", ", urls: ['https://am'], username: me, password_file: /p, token_file: /t"),
            "a token and a password are two identities",
            "keep one",
        ),
        (_sink("slack", ""), "sinks.slack 's' has nothing to post with", "add token_file and channel"),
        (_sink("slack", ", token_file: /t"), "token_file is of no use without channel", "add channel"),
        (_sink("slack", ", channel: C1"), "channel is of no use without token_file", "add token_file"),
        (_sink("slack", ", channel: C1, webhook_url_file: /w"), "channel and webhook_url_file exclude each", "keep"),
        (_sink("slack", ", token_file: /t, channel: C1, webhook_url_file: /w"), "token_file and webhook_url_file", "keep"),
        (_sink("webhook", ""), "sinks.webhook 's' has no url", "add url or url_file"),
        (_sink("webhook", ", url: 'https://x', url_file: /u"), "url and url_file exclude each other", "keep one"),
        ("watch: {heartbeat: {alertmanager: on}}", "there is no Alertmanager in which VedetteHeartbeat", "add one"),
        # Routes.
        (_routes("{to: ot}"), "there is no sink 'ot'", "did you mean out?"),
        ("routes: [{to: out}]", "there is no sink 'out'", "add it under sinks"),
        (_routes("{to: out, fallback: elsewhere}"), "there is no sink 'elsewhere'", "known: out, aside"),
        (_routes("{to: [out, out]}"), "'out' stands here twice", "remove one"),
        (_routes("{to: out, fallback: [aside, out]}"), "'out' is told anyway, so it cannot take over", "name another"),
        (_routes("{severity: Critical, to: [out, aside]}"), "there is no severity 'Critical'", "did you mean critical?"),
        (_routes("{severity: page, to: [out, aside]}"), "there is no severity 'page'", "one of critical, warning, info"),
        # Times.
        ("watch: {hold: 0s}", "hold is 0s; it must be 1s to 1h", ""),
        ("watch: {hold: 61m}", "hold is 61m; it must be 1s to 1h", ""),
        ("watch: {lateness: 2h}", "lateness is 2h; it must be 1s to 1h", ""),
        ("watch: {evidence_for: 5m}", "evidence_for is 5m; it must be 1h to 3660d", ""),
        # The tracer, and proving on a schedule.
        (_tracer(""), "sources.tracer 't' asks nobody", "write server"),
        (_tracer(f"{SERVER}, address: 'https://v.example.org'"), "sources.tracer 't' asks two systems", "write server"),
        (_tracer(f"{SERVER}, source: nowhere"), "no source of logs is called 'nowhere'", "name one under files"),
        (_tracer(f"{SERVER}, source: t"), "no source of logs is called 't'", "name one under files"),
        (_tracer(f"{SERVER}, namespace: a/b"), "'a/b' cannot be a namespace", "small letters"),
        (_tracer(f"{SERVER}, every: 2h"), "every is 2h; it must be 1s to 1h", ""),
        (_tracer(f"{SERVER}, within: 0s"), "within is 0s; it must be 1s to 1h", ""),
        (_tracer(f"{SERVER}, expect: metadata"), "sources.tracer[0].expect must be Metadata or Request", ""),
        ("watch: {prove: 2d}", "prove is 2d; it must be 1s to 1d", ""),
        ("watch: {prove: never}", "watch.prove must be a number with its unit, not 'never'", "for example off"),
        (_loki(f"{LOKI}, every: 0s"), "every is 0s; it must be 1s to 1d", ""),
        (_loki(f"{LOKI}, silent_after: 0s"), "silent_after is 0s; it must be 1s to 3660d", ""),
        # Files.
        ("sources: {files: [{name: f, paths: '-'}]}", "standard input is no file", "pipe it into"),
        (_loki(f"{LOKI}, token_file: ~/t"), "'~/t' is taken as it stands", "write the whole path"),
        (_loki(f"{LOKI}, token_file: '$CREDENTIALS_DIRECTORY/t'"), "'$CREDENTIALS_DIRECTORY/t' is taken", "write the"),
        (
            "watch: {state: /var/lib/v}\nsources: {files: [{name: f, paths: [/var/log/x, /var/lib]}]}",
            "'/var/lib' reads watch.state, so vedette would read its own evidence",
            "name the logs alone",
        ),
        (
            "sinks: {file: [{name: out, path: /var/log/v.jsonl}]}\nsources: {files: [{name: f, paths: '/var/log/*'}]}",
            "'/var/log/*' reads what a file sink writes",
            "name the logs alone",
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_is_an_error(errors: Against, text: str, message: str, mend: str) -> None:
    """Each is one error that says what is wrong and what to write, at a line of the file."""
    (problem,) = errors(text)
    assert problem.message.startswith(message)
    assert problem.mend.startswith(mend)
    assert problem.line in (1, 2)


@pytest.mark.parametrize(
    ("text", "message", "mend"),
    [
        (
            _loki("url: 'http://loki:3100', query: '{a=\"b\"}', token_file: /t"),
            "what token_file holds would cross the network in the clear",
            "use https",
        ),
        (
            _sink("alertmanager", ", urls: ['http://am:9093'], username: me, password_file: /p"),
            "what password_file holds would cross the network in the clear",
            "use https",
        ),
        (_loki(f"{LOKI}, token_file: t"), "'t' is taken from the folder that vedette is started in", "write the whole"),
        ("watch: {heartbeat: {url_file: u}}", "'u' is taken from the folder that vedette", "write the whole path"),
        (
            _routes("{to: out}, {severity: critical, to: aside}"),
            "no alert comes as far as this route: those before it take them all",
            "move it up",
        ),
        (
            _routes("{severity: [critical, warning], to: out, fallback: aside}"),
            "no route takes alerts of severity info: nobody is told of them",
            "add a last route",
        ),
        (_routes("{to: out}"), "no route names aside: never told", "add it to a route"),
    ],
)
def test_what_is_doubtful_is_a_warning(notes: Against, text: str, message: str, mend: str) -> None:
    """It is said, and stops nothing."""
    (problem,) = notes(text)
    assert problem.message.startswith(message)
    assert problem.mend.startswith(mend)


@pytest.mark.parametrize(
    "text",
    [
        _hook(HOOK),
        _hook("listen: '[::1]:0', token_file: /t"),
        _hook(f"listen: '0.0.0.0:9443', {TLS}, client_ca_file: /ca"),
        _hook(f"listen: '[::]:9443', {TLS}, token_file: /t"),
        _loki("url: 'http://127.0.0.1:3100/prefix', query: '( {a=\"b\"} )', token_file: /t, delay: 0s"),
        _loki("url: 'http://loki:3100', query: '{a=\"b\"} |= \"x\"'"),
        _kube(", client_cert_file: /c, client_key_file: /k"),
        _tracer(SERVER),
        _tracer(", address: 'https://v.example.org', expect: Request, every: 1h"),
        "watch: {prove: off}",
        f"sources: {{kube: [{{name: same, {KUBE}}}]}}\nsinks: {{file: [{{name: same, path: '-'}}]}}",
        _sink("alertmanager", ", urls: ['https://am'], username: me, password_file: /p"),
        _sink("slack", ", token_file: /t, channel: '#alerts'"),
        _sink("slack", ", webhook_url_file: /w"),
        _sink("webhook", ", url: 'https://x.example.org/hook?key=1'"),
        _routes("{severity: critical, to: [out, aside]}, {to: aside}"),
        _routes("{severity: critical, to: out}, {severity: [warning, info], to: out, fallback: aside}"),
        "watch: {hold: 1s, lateness: 1h, state: /var/lib/vedette}\nsources: {files: [{name: f, paths: /var/lib/vedette2}]}",
        f"watch: {{heartbeat: {{alertmanager: on}}}}\n{_sink('alertmanager', ', urls: https://am')}",
    ],
)
def test_what_is_right_raises_no_word(errors: Against, notes: Against, text: str) -> None:
    """Neither an error nor a warning."""
    assert errors(text) == []
    assert [note.message for note in notes(text)] == []


@pytest.mark.parametrize(
    ("pattern", "reads"),
    [
        ("/var/lib/vedette", True),
        ("/var/lib/vedette/evidence/host/*.zst", True),
        ("/var/lib", True),
        ("/", True),
        ("/var/../var/lib/", True),
        ("/var/lib/*/evidence", True),
        ("/var/**/x.log", True),
        ("/var/lib/ved*", True),
        ("/var/lib/other", False),
        ("/var/lib/vedette-logs", False),
        ("/var/*/x.log", False),
        ("/var/*", False),
        ("/var/lib/[a-u]*/x", False),
    ],
)
def test_what_reads_the_state_folder(pattern: str, reads: bool) -> None:
    """A folder is read with all that is beneath it, a glob only what it names."""
    assert _reads(pattern, "/var/lib/vedette", folder=True) is reads


def test_the_example_has_every_section(root: Path, load: Callable[[str], Settings]) -> None:
    """Each kind of source and sink, routes and a heartbeat stand in the example file, and raise no word."""
    settings = load((root / "vedette.example.yaml").read_text())
    assert all(getattr(settings.sources, kind) for kind in SOURCES)
    assert all(getattr(settings.sinks, kind) for kind in SINKS)
    assert settings.routes
    assert settings.watch.heartbeat.url_file
    assert settings.problems == ()
