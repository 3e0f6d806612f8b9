"""How a template finds the fields of a line of sshd, as `formats/sshd.py` takes it apart; only logins that succeeded.

The patterns are those of `formats/sshd_line.py` and `formats/sshd_message.py` (a test compares them), in Go's words:
there a blank is one of ASCII's, in Python any of Unicode's.
"""

from __future__ import annotations

from vedette.render.logql_record import Found, Record, Steps, keys_of
from vedette.render.logql_template import BLANKS, TYPE_LIST, CannotRender, assign, is_kind, quoted, when
from vedette.rule import AllOf, Node, Op, Test, Text

TRADITIONAL = r"(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d{1,9})?"
ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*"
FULL = r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [A-Z]\S*"
UNIX = r"\d{9,10}\.\d{3,9}"
HOST = r"\S*[^\s:\]]"
_STAMP = f"{TRADITIONAL}|{ISO}|{FULL}|{UNIX}"
_NAME = r"\[?([^\s:\[\]]+)(?:\[(\d+)\])?\]?: ?"
_BRACKETED = r"\[?([^\s:\[\]]+)(?:\[(\d+)\]\]?|\]) "
LINE = rf"^(?:<\d{{1,3}}>)?(?:({_STAMP}) )?(?:({HOST}) )?(?:{_NAME}|{_BRACKETED})(.*)$"
FURTHER = (
    rf"^(?:<\d{{1,3}}>)?({_STAMP}) (?:\S+ ){{0,3}}?({HOST}) (?:[a-z0-9]+\.[a-z]+ )?"
    r"(sshd(?:-session|-auth)?)(?:\[(\d+)\])?: ?(.*)$"
)
STAMPED = rf"^(?:<\d{{1,3}}>)?(?:{_STAMP}) \S"
RFC5424 = (
    r"^<\d{1,3}>1 (\S+) (\S+) (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]\"]|\"(?:[^\"\\]|\\.)*\")*\])+)(?: \x{feff}?(.*))?$"
)
KEY = (
    r"(?:[\w@.-]+ (?:SHA(?:256|384|512):\S+|MD5:\S+|[0-9a-zA-Z]{2}(?::[0-9a-zA-Z]{2})+)"
    r"(?: ID .*? \(serial \d+\) CA \S+ \S+)?(?:,? client user \".*\",? client host \".*\")?|\S+@\S+)"
)
_END = r"(?: \[preauth\])? *$"
AUTH = r"^(Accepted|Failed) (\S+) for (?:(?:invalid|illegal) user )?(.*)$"
PLAIN = rf"^(\S+) from (\S+) port (\d+)(?: +ssh\d?)?(?:: ({KEY}))?{_END}"
GREEDY = rf"^(.*) from (\S+) port (\d+)(?: +ssh\d?)?(?:: (.*?))?{_END}"
BEHIND_PORT = r"^(\S+) from (\S+) port (\d+)(?: +ssh\d?)?: (.*)$"
PORTLESS = rf"^(.*) from (\S+){_END}"
REPEATED = r"^message repeated \d+ times: \[ ?(.*?) ?\]?$"
BARE = r"^(?:Accepted|Failed) \S+ for .* from \S+ port \d+"
_WITH_KEY = ("publickey", "hostbased", "gssapi-with-mic", "gssapi-keyex")
_PROGRAM = "^sshd(?:-session|-auth)?$"
_UNIT = r"^sshd?(?:@.*)?\.(?:service|socket)$"
_STRING = '"string"'


def pattern(text: str) -> str:
    """A pattern of Python's as a text of the template that Go reads alike."""
    text = text.replace(r"\S", "[^\\s]").replace(r"\w", r"\p{L}\p{N}_")
    return quoted("(?s)" + text.replace(r"\s", BLANKS).replace(r"\d", r"\p{Nd}"))


class SshdFields:
    """A line of the OpenSSH server about a login that succeeded."""

    guard = "true"
    server_texts = frozenset[str]()
    prefilters = (r'Accepted|\\u00(?:4[1-9a-fA-F]|[567])|"MESSAGE"\s*:\s*\[',)
    """In every such line; of the journal's JSON an escaped letter, or a message that is a list of bytes."""

    def __init__(self, record: Record, node: Node) -> None:
        """Of one line. Raises CannotRender where `node` may hold for something else than an accepted login."""
        self.record = record
        if not _accepted(node):
            raise CannotRender("a line of sshd that is no accepted login: failed ones are told in too many ways")

    def final(self) -> str:
        """A line stands for itself."""
        return "true"

    completed = final

    def outcome(self) -> str:
        """The variable with the outcome; the tree holds for no other."""
        return '"done"'

    def awaits(self) -> str:
        """No line settles another."""
        return ""

    def field(self, steps: Steps) -> Found:
        """Where a field stands. Raises CannotRender."""
        name = keys_of(steps)
        if name == "outcome":
            return Found(self.record.made("outcome", self.outcome(), lambda _: ""))
        if name not in ("event", "method", "user", "actor", "address", "host", "object", "program"):
            raise CannotRender(f"sshd's `{name}`")
        self._parsed()
        if name == "host":
            return Found(
                self.record.made("host", 'index $none ""', lambda one: when('ne $host ""', assign(one, "$host")))
            )
        variable = {"actor": "$user", "object": "$host"}.get(name, f"${name}")
        return Found(variable, unknown="$nowhere" if name == "address" else "0")

    def _parsed(self) -> None:
        self.record.code.once("sshd", self._parse)

    def _parse(self) -> str:
        code = self.record.code
        for name in ("event", "method", "user", "address"):
            code.emit(f'{{{{ ${name} := index $none "" }}}}')
        code.emit('{{ $nowhere := 0 }}{{ $said := "" }}{{ $program := "" }}{{ $host := "" }}{{ $rest := "" }}')
        code.emit(when('hasPrefix "{" $bare', self._journal(), _syslog()))
        code.emit(_trimmed("$said"))
        code.emit(assign("$said", f'regexReplaceAll {pattern(_SOLARIS)} $said ""'))
        code.emit(assign("$said", f'regexReplaceAll {pattern(REPEATED)} $said "${{1}}"'))
        code.emit(when(f'and (eq (count {quoted(_PROGRAM)} $program) 1) (hasPrefix "Accepted " $said)', _login()))
        return "$event"

    def _journal(self) -> str:
        record = self.record
        comm, exe, unit, uid, named = (
            f'(index $record "{key}")' for key in ("_COMM", "_EXE", "_SYSTEMD_UNIT", "_UID", "SYSLOG_IDENTIFIER")
        )
        is_program = f"eq (count {quoted(_PROGRAM)} (print {{}})) 1"
        root = f'(or ({is_kind(uid, _NIL)}) (and ({is_kind(uid, _STRING)}) (eq (print {uid}) "0")))'
        own = f"or (eq (count {pattern(_UNIT)} (print {unit})) 1) (and ({is_program.format(comm)}) {root})"
        named_so = when(is_program.format(named), assign("$program", f"print {named}"))
        ours = when(
            f"or {comm} {exe} {unit}",
            when(
                own,
                assign("$program", '"sshd"')
                + when(is_program.format(comm), assign("$program", f"print {comm}"), named_so),
            ),
            named_so,
        )
        said = "".join(
            _read(record.code.name("i"), f'(index $record "{key}")', name)
            for key, name in (("MESSAGE", "$said"), ("_HOSTNAME", "$host"))
        )
        return ours + said


def _read(item: str, value: str, name: str) -> str:
    """Statements that give `name` a journal field's text; what is no UTF-8 comes as a list of its bytes."""
    byte = f"(mod (add (mod (int {item}) 256) 256) 256)"
    spelt = when(is_kind(item, '"float64"'), assign(name, f'printf "%s%%%02x" {name} {byte}'))
    as_bytes = f"{{{{ range {item} := {value} }}}}{spelt}{{{{ end }}}}" + assign(name, _mended(f"(urldecode {name})"))
    return when(is_kind(value, _STRING), assign(name, f"print {value}"), when(is_kind(value, TYPE_LIST), as_bytes))


def _mended(text: str) -> str:
    """The expression of a text with U+FFFD for each byte that is no UTF-8, which RE2 takes for one."""
    return f'regexReplaceAll "\\ufffd" {text} "\\ufffd"'


_NIL = '"<nil>"'
_SOLARIS = r"^\[ID \d+ \S+\] +"


def _trimmed(name: str) -> str:
    return assign(name, f'regexReplaceAll "^ +| +$" {name} ""')


def _taken(text: str, name: str, group: str) -> str:
    return assign(name, f'regexReplaceAll {pattern(text)} $text "{group}"')


def _syslog() -> str:
    """Statements that take the head off a line of text."""
    bare = assign("$said", "$text") + _trimmed("$said")
    bare += when(f"ge (count {pattern(BARE)} $said) 1", assign("$program", '"sshd"'))
    stamped = when(f'not (or (ge (count {pattern(STAMPED)} $text) 1) (hasPrefix "-- " $text))', bare)
    further = when(
        f"eq (count {pattern(FURTHER)} $text) 1",
        _taken(FURTHER, "$program", "${3}") + _taken(FURTHER, "$host", "${2}") + _taken(FURTHER, "$said", "${5}"),
        stamped,
    )
    stamp, pid = '(regexReplaceAll {0} $text "${{1}}")', '(regexReplaceAll {0} $text "${{4}}${{6}}")'
    known = " ".join(f'(ne {one.format(pattern(LINE))} "")' for one in (stamp, pid))
    line = when(
        f"eq (count {pattern(LINE)} $text) 1",
        _taken(LINE, "$rest", "${3}${5}")
        + when(
            f"or {known} (eq (count {quoted(_PROGRAM)} $rest) 1)",
            assign("$program", "$rest") + _taken(LINE, "$host", "${2}") + _taken(LINE, "$said", "${7}"),
            further,
        ),
        further,
    )
    rfc = _taken(RFC5424, "$program", "${3}") + _taken(RFC5424, "$host", "${2}") + _taken(RFC5424, "$said", "${5}")
    rfc += when('eq $host "-"', assign("$host", '""'))
    text = f"{{{{ $text := {_mended('$bare')} }}}}"
    return text + when(f"eq (count {pattern(RFC5424)} $text) 1", rfc, line)


def _login() -> str:
    """Statements that take an accepted login apart."""
    keyed = " ".join(quoted(word) for word in _WITH_KEY)
    portless = when(f"eq (count {pattern(PORTLESS)} $rest) 1", _who(PORTLESS))
    greedy = when(f"eq (count {pattern(GREEDY)} $rest) 1", _who(GREEDY), portless)
    behind = when(f"and (eq $method {keyed}) (eq (count {pattern(BEHIND_PORT)} $rest) 1)", _who(BEHIND_PORT), greedy)
    plain = when(f"and (le (len $rest) 1500) (eq (count {pattern(PLAIN)} $rest) 1)", _who(PLAIN), behind)
    nobody = when(f'ne (printf "%T" $user) {_STRING}', assign("$user", 'regexReplaceAll "^ +| +$" $rest ""'))
    found = assign("$event", '"accepted"')
    found += assign("$method", f'regexReplaceAll {pattern(AUTH)} $said "${{2}}"')
    found += assign("$rest", f'regexReplaceAll {pattern(AUTH)} $said "${{3}}"')
    found += plain + nobody + when(f'ne (printf "%T" $address) {_STRING}', assign("$nowhere", "1"))
    return when(f"eq (count {pattern(AUTH)} $said) 1", found)


def _who(text: str) -> str:
    user, address = (assign(name, f'regexReplaceAll {pattern(text)} $rest "{group}"') for name, group in _GROUPS)
    return user + address


_GROUPS = (("$user", "${1}"), ("$address", "${2}"))


def _accepted(node: Node) -> bool:
    """True where the tree holds for nothing but an accepted login."""
    if isinstance(node, AllOf):
        return any(_accepted(part) for part in node.nodes)
    return (
        isinstance(node, Test)
        and node.path.name == "event"
        and node.op is Op.EQUALS
        and node.cased
        and bool(node.values)
        and all(isinstance(value, Text) and value.plain == "accepted" for value in node.values)
    )
