"""How a template finds the fields of an entry of Vault's or OpenBao's audit log."""

from __future__ import annotations

from vedette.render.logql_record import Found, Record, Steps, keys_of
from vedette.render.logql_template import (
    AROUND_BLANKS,
    TYPE_LIST,
    TYPE_MAP,
    CannotRender,
    assign,
    is_kind,
    json_text,
    quoted,
    when,
)

_LOGIN = r"^(auth/.+?)/(?:login(?:/[^/]+)?|oidc/callback|callback)$"
_UNREACHABLE = (
    r"failed to connect|error connecting|connect: |connection re(?:fused|set)|no such host|i/o timeout"
    r"|context deadline exceeded|Network Error|TLS handshake"
)
_TOKEN_PATHS = ("auth/", "sys/wrapping/unwrap", "sys/wrapping/rewrap", "sys/mfa/")
_DERIVED = frozenset(("outcome", "actor", "address", "object", "path", "mount", "login", "keys", "granted", "entity"))
_OBJECTS = frozenset(
    {
        *("auth.metadata", "auth.policy_results", "auth.external_namespace_policies", "request.data"),
        *("request.headers", "response.data", "response.wrap_info", "response.auth.metadata"),
    }
)
_SPARSE = frozenset({"", "auth", "request", "response", "response.auth", "request.namespace"})
"""Objects in which an empty text is as good as absent: up to 0.9 a field that was not there was written so."""


class VaultFields:
    """An entry of a Vault audit device."""

    server_texts = frozenset({"type", "path", "request.path", "request.operation"})
    """Texts that the server writes in clear."""

    def __init__(self, record: Record) -> None:
        """Of one decoded line."""
        self.record = record
        # A key may be there with nothing behind it.
        key = record.code.name("k")

        def found(name: str) -> str:
            more = when(f'eq {key} "type"', assign(name, "true"))
            return f"{{{{ range {key}, $_ := $record }}}}{more}{{{{ end }}}}"

        typed = record.made("a type is there", "false", found)
        self.guard = f"and ({is_kind('$record.request', TYPE_MAP)}) {typed}"

    def path(self) -> str:
        """The variable with the path without its namespace."""
        path, space = self.record.text("request", "path"), self.record.text("request", "namespace", "path")
        return self.record.made(
            "path",
            path,
            lambda name: when(f'and (hasSuffix "/" {space}) (hasPrefix {space} {path})', _cut(name, space)),
        )

    def login_mount(self) -> str:
        """The variable with the mount of a login, or an empty text where it is none."""
        path, operation = self.path(), self.record.text("request", "operation")
        policies = self.record.value("auth", "policies")
        answer, wrapped = self.record.nonempty("response", "auth"), self.record.nonempty("response", "wrap_info")

        def statements(name: str) -> str:
            known = f"and ({policies}) (not (or {answer} {wrapped}))"
            login = when(
                f'and (eq (count {quoted(_LOGIN)} {path}) 1) (not (eq {operation} "help" "list" "delete"))',
                assign(name, f'regexReplaceAll {quoted(_LOGIN)} {path} "${{1}}"'),
            )
            return login + when(known, assign(name, '""'))

        return self.record.made("login mount", '""', statements)

    def answered(self) -> str:
        """The condition that this is an answer."""
        return f'hasSuffix "response" {self.record.text("type")}'

    final = answered
    completed = answered

    def awaits(self) -> str:
        """The variable with the accessor of a wrapped token, which another entry tells more of."""
        return self.record.text("response", "wrap_info", "wrapped_accessor")

    def outcome(self) -> str:
        """The variable with the outcome."""
        record = self.record
        error, mount = record.text("error"), self.login_mount()
        answer, wrapped = self.record.nonempty("response", "auth"), self.record.nonempty("response", "wrap_info")
        error_only = self._error_only()

        def statements(name: str) -> str:
            answered = when(
                self.answered(),
                when(
                    f'or {error_only} (and (ne {mount} "") (not (or {answer} {wrapped})))',
                    assign(name, '"failed"'),
                    assign(name, '"done"'),
                ),
            )
            refused = when(f'contains "permission denied" {error}', assign(name, '"refused"'), assign(name, '"failed"'))
            return when(f'ne {error} ""', refused, answered)

        self.record.text("type")
        return record.made("outcome", '"unknown"', statements)

    def _error_only(self) -> str:
        record = self.record
        data, answer = record.part("response", "data"), self.record.nonempty("response", "auth")
        kind, other = record.text("request", "mount_type"), record.text("response", "mount_type")
        operation = record.text("request", "operation")

        def statements(name: str) -> str:
            key = record.code.name("k")
            stores = '"kv" "generic" "cubbyhole"'
            kept = f'(or (eq {kind} {stores}) (and (eq {kind} "") (eq {other} {stores})))'
            test = when(
                f'and (eq {key} "error" "errors") (not (and {kept} (eq {operation} "read" "list")))',
                assign(name, "true"),
            )
            loop = f"{{{{ range {key}, $_ := {data} }}}}{test}{{{{ end }}}}"
            return when(f"and (eq (len {data}) 1) (not {answer})", loop)

        return record.made("error only", "false", statements)

    def _unanswered(self) -> str:
        outcome = self.outcome()
        return self.record.made(
            "unanswered",
            "0",
            lambda name: when(f'and (eq {outcome} "unknown") (not ({self.answered()}))', assign(name, "1")),
        )

    def _auth_unknown(self) -> str:
        base, path = self._unanswered(), self.path()
        wrapped, answer = self.record.nonempty("response", "wrap_info"), self.record.value("response", "auth")
        accessor = self.awaits()
        begins = " ".join(f"(hasPrefix {quoted(one)} {path})" for one in _TOKEN_PATHS)
        return self.record.made(
            "auth unknown",
            base,
            lambda name: when(f'and {wrapped} (not {answer}) (or (ne {accessor} "") {begins})', assign(name, "1")),
        )

    def _data_unknown(self) -> str:
        base, data = self._unanswered(), self.record.value("response", "data")
        wrapped = self.record.nonempty("response", "wrap_info")
        return self.record.made(
            "data unknown", base, lambda name: when(f"and {wrapped} (not {data})", assign(name, "1"))
        )

    def field(self, steps: Steps) -> Found:
        """Where the field stands. Raises CannotRender."""
        name = keys_of(steps)
        if name in _DERIVED:
            return self._derived(name)
        unknown = "0"
        if name.startswith("response.auth"):
            unknown = self._auth_unknown()
        elif name.startswith("response.data"):
            unknown = self._data_unknown()
        elif name.startswith("response"):
            unknown = self._unanswered()
        for opened in _OBJECTS:
            if name == opened or name.startswith(opened + "."):
                keys = opened.split(".")
                return Found(self.record.value(*keys), steps[len(keys) :], listed=True, unknown=unknown)
        keys = name.split(".")
        if name.endswith("policies") or name == "response.warnings":
            return Found(self.record.value(*keys), steps[len(keys) :], listed=True, unknown=unknown)
        if name in ("request.wrap_ttl", "request.remote_port"):
            return Found(self.record.value(*keys), listed=True)
        if ".".join(keys[:-1]) in _SPARSE:
            return Found(self.record.present(*keys), unknown=unknown)
        return Found(self.record.value(*keys), unknown=unknown)

    def _derived(self, name: str) -> Found:
        record = self.record
        match name:
            case "outcome":
                return Found(self.outcome())
            case "path":
                return Found(self.path())
            case "login":
                return self._login()
            case "mount":
                return Found(self._mount())
            case "entity":
                return self._entity()
            case "keys":
                return Found(self._list("keys", "$key", record.part("request", "data"), ""), listed=True)
            case "granted":
                listed = record.value("response", "auth", "policies")
                unknown = self._auth_unknown()
                return Found(self._list("granted", "$item", listed, '"default"'), listed=True, unknown=unknown)
            case "object":
                operation, path = record.text("request", "operation"), self.path()
                return Found(record.code.once("object", lambda: record.code.let("d", _said(operation, path))))
            case "actor":
                return Found(self._actor())
            case "address":
                return Found(self._address())
        raise CannotRender(f"`{name}` is derived in a way that no template can")

    def _login(self) -> Found:
        record = self.record
        mount, outcome, error = self.login_mount(), self.outcome(), record.text("error")
        answer = self.record.nonempty("response", "auth")
        tokens = [record.text("response", "auth", key) for key in ("client_token", "accessor")]

        def statements(name: str) -> str:
            down = when(
                f"gt (count {quoted(_UNREACHABLE)} {error}) 0", assign(name, '"unavailable"'), assign(name, '"failed"')
            )
            pending = when(
                f'and {answer} (eq {tokens[0]} "") (eq {tokens[1]} "")', assign(name, '"pending"'), assign(name, '"ok"')
            )
            ended = when(f'eq {outcome} "done"', pending, down)
            return when(f'and (ne {mount} "") (ne {outcome} "unknown")', ended)

        unknown = self._of_login(self._unanswered())
        return Found(record.made("login", 'index $none ""', statements), unknown=unknown)

    def _of_login(self, flag: str) -> str:
        mount = self.login_mount()
        return self.record.made("of login " + flag, "0", lambda name: when(f'ne {mount} ""', assign(name, flag)))

    def _entity(self) -> Found:
        record = self.record
        own, new = record.text("auth", "entity_id"), record.text("response", "auth", "entity_id")
        value = record.made(
            "entity",
            'index $none ""',
            lambda name: when(f'ne {own} ""', assign(name, own), when(f'ne {new} ""', assign(name, new))),
        )
        unanswered, wrapped = self._unanswered(), self.record.nonempty("response", "wrap_info")
        mount = self.login_mount()
        unknown = record.made(
            "entity unknown",
            "0",
            lambda name: when(f'and (ne {mount} "") (or {wrapped} (eq {unanswered} 1))', assign(name, "1")),
        )
        return Found(value, unknown=unknown)

    def _mount(self) -> str:
        record = self.record
        first, second = record.text("request", "mount_point"), record.text("response", "mount_point")
        space, login = record.text("request", "namespace", "path"), self.login_mount()

        def statements(name: str) -> str:
            either = when(f'ne {first} ""', assign(name, first), when(f'ne {second} ""', assign(name, second)))
            of_login = when(f'ne {login} ""', assign(name, f'print {login} "/"'))
            bare = when(f'and (ne {space} "") (hasPrefix {space} {name})', _cut(name, space))
            return either + when(is_kind(name, _STRING), bare, of_login)

        return record.made("mount", 'index $none ""', statements)

    def _list(self, what: str, item: str, source: str, without: str) -> str:
        """A JSON list of a map's keys or of a list's texts, decoded."""
        code = self.record.code
        text = self.record.made(what, '""', lambda name: _texts(name, item, source, without))
        return code.once(what + " list", lambda: code.let("l", f'fromJson (print "[" {text} "]")'))

    def _actor(self) -> str:
        record = self.record
        own, new = record.text("auth", "entity_id"), record.text("response", "auth", "entity_id")
        name, named = record.text("auth", "display_name"), record.text("response", "auth", "display_name")

        def statements(out: str) -> str:
            who, entity = f"(or {name} {named})", f"(or {own} {new})"
            both = assign(out, f'printf "%s (%s)" {who} {entity}')
            return when(f"and {who} {entity}", both, assign(out, f"or {name} {named} {own} {new}"))

        return record.made("actor", '""', statements)

    def _address(self) -> str:
        text = self.record.text("request", "remote_address")

        def statements(out: str) -> str:
            bracket = assign(out, f'regexReplaceAll "(?s)^.([^]]*).*$" {text} "${{1}}"')
            port = when(f'eq (count ":" {text}) 1', assign(out, f'regexReplaceAll ":[0-9]{{1,5}}$" {text} ""'))
            return when(f'hasPrefix "[" {text}', bracket, port)

        return self.record.made("address", text, statements)


_STRING = '"string"'


def _cut(name: str, prefix: str) -> str:
    """Statements that take `prefix` off the front of `name`."""
    return assign(name, f"slice {name} (len {prefix})")


def _said(operation: str, path: str) -> str:
    return f'regexReplaceAll {quoted(AROUND_BLANKS)} (print {operation} " " {path}) ""'


def _texts(name: str, item: str, source: str, without: str) -> str:
    more = when(f'ne {name} ""', assign(name, f'print {name} ","')) + assign(name, f"print {name} {json_text(item)}")
    if without:
        more = when(is_kind(item, _STRING), when(f"ne {item} {without}", more))
        loop = f"{{{{ range {item} := {source} }}}}{more}{{{{ end }}}}"
        return when(is_kind(source, TYPE_LIST), loop)
    return f"{{{{ range {item}, $_ := {source} }}}}{more}{{{{ end }}}}"
