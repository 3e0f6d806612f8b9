"""How a template finds the fields of a Kubernetes audit event: those that stand in it, and those derived from them."""

from __future__ import annotations

from collections.abc import Sequence

from vedette.network import Networks
from vedette.render.logql_object import object_after
from vedette.render.logql_record import Found, Record, Steps, keys_of
from vedette.render.logql_template import CannotRender, Code, assign, escaped, inside, is_kind, json_text, quoted, when
from vedette.render.logql_uri import dry_run, path_of, proxied

Proxy = tuple[tuple[str, ...], Networks]
"""A trusted proxy: its identities, `*` for any characters, and the networks that it connects from."""


class KubeFields:
    """An event of the Kubernetes API audit log."""

    server_texts = frozenset(
        {"stage", "verb", "user.username", "impersonatedUser.username"}
        | {f"objectRef.{key}" for key in ("resource", "namespace", "name", "subresource", "apiGroup")}
    )
    """Texts that the server writes, and so never with an escape where there need be none."""
    _OBJECTS = frozenset(
        {"annotations", "user.extra", "impersonatedUser.extra", "requestObject", "responseObject", "objectAfter"}
    )
    _LISTS = frozenset({"user.groups", "impersonatedUser.groups", "sourceIPs"})
    _SPARSE = frozenset({"objectRef", "user", "impersonatedUser"})

    def __init__(self, record: Record, proxies: Sequence[Proxy]) -> None:
        """`proxies`: the trusted proxies of the settings."""
        self.record = record
        self.patched = False
        kind, version = record.text("kind"), record.text("apiVersion")
        # A key may be there with nothing behind it.
        key, three = record.code.name("k"), '"auditID" "stage" "verb"'

        def count(name: str) -> str:
            more = when(f"eq {key} {three}", assign(name, f"add {name} 1"))
            return f"{{{{ range {key}, $_ := $record }}}}{more}{{{{ end }}}}"

        keys = record.made("keys of an event", "0", count)
        self.guard = f'or (eq {keys} 3) (and (hasPrefix "audit.k8s.io/" {version}) (eq {kind} "Event"))'
        self._proxies = tuple(proxies)

    def code(self) -> str:
        """The variable with the answer's code, 0 where there is none."""

        def statements(name: str) -> str:
            found = self.record.value("responseStatus", "code")
            number = when(f"and (ge {found} 100.0) (lt {found} 1000.0)", assign(name, f"int {found}"))
            digits = when(f'eq (count "^[1-9][0-9][0-9]$" {found}) 1', assign(name, f"int {found}"))
            return when(is_kind(found, '"float64"'), number, when(is_kind(found, '"string"'), digits))

        self.record.value("responseStatus", "code")
        return self.record.made("code", "0", statements)

    def outcome(self) -> str:
        """The variable with the outcome."""
        code = self.code()

        def statements(name: str) -> str:
            known = when(f"lt {code} 400", assign(name, '"done"'), assign(name, '"failed"'))
            refused = when(f"or (eq {code} 401) (eq {code} 403)", assign(name, '"refused"'))
            return when(f"gt {code} 0", known + refused)

        return self.record.made("outcome", '"unknown"', statements)

    def final(self) -> str:
        """The condition that no later record of the same request says more."""
        stage, code = self.record.text("stage"), self.code()
        return f'and (ne {stage} "RequestReceived") (or (ne {stage} "ResponseStarted") (gt {code} 0))'

    def completed(self) -> str:
        """The condition that a request is counted by this record: it has one such, whatever its stages."""
        stage = self.record.text("stage")
        return f'or (eq {stage} "ResponseComplete") (eq {stage} "Panic")'

    def awaits(self) -> str:
        """No event of this log waits for another to settle it."""
        return ""

    def body_unknown(self) -> str:
        """1 where requestObject is not there and that says nothing."""
        record = self.record
        body, verb, stage = record.value("requestObject"), record.text("verb"), record.text("stage")
        level, outcome = record.text("level"), self.outcome()
        cut = record.text("annotations", "audit.k8s.io/truncated")
        bodyless = " ".join(quoted(word) for word in ("get", "list", "watch", "head", "options"))

        def statements(name: str) -> str:
            unseen = (
                f'or (eq {cut} "true") (eq {outcome} "refused")'
                f' (not (or (eq {stage} "ResponseComplete") (eq {stage} "Panic")))'
                f' (not (or (eq {level} "Request") (eq {level} "RequestResponse")))'
            )
            return when(f"and ({is_kind(body, _NIL)}) (not (eq {verb} {bodyless})) ({unseen})", assign(name, "1"))

        return record.made("body unknown", "0", statements)

    def answer_unknown(self) -> str:
        """1 where responseObject is not there and that says nothing."""
        record = self.record
        body, stage, level = record.value("responseObject"), record.text("stage"), record.text("level")
        cut = record.text("annotations", "audit.k8s.io/truncated")
        return record.made(
            "answer unknown",
            "0",
            lambda name: when(
                f'and ({is_kind(body, _NIL)}) (or (eq {cut} "true") (ne {level} "RequestResponse")'
                f' (not (or (eq {stage} "ResponseComplete") (eq {stage} "Panic"))))',
                assign(name, "1"),
            ),
        )

    def field(self, steps: Steps) -> Found:
        """Where the field stands. Raises CannotRender."""
        name = keys_of(steps)
        head = str(steps[0])
        if name in _DERIVED_KUBE:
            return self._derived(name)
        if head in ("requestObject", "responseObject"):
            unknown = self.body_unknown() if head == "requestObject" else self.answer_unknown()
            return Found(self.record.value(head), steps[1:], listed=True, unknown=unknown)
        if head == "objectAfter":
            key = steps[1] if len(steps) > 1 and isinstance(steps[1], str) else ""
            value, unknown, merged = object_after(self.record, self.code(), key)
            self.patched = True
            return Found(value, steps[1:], listed=True, unknown=unknown, merged=merged)
        if head == "responseStatus":
            code = self.code()
            unknown = self.record.made("status unknown", "0", lambda one: when(f"eq {code} 0", assign(one, "1")))
            return Found(self.record.value(*name.split(".")), listed=True, unknown=unknown)
        for opened in self._OBJECTS:
            if name == opened or name.startswith(opened + "."):
                keys = opened.split(".")
                return Found(self.record.value(*keys), steps[len(keys) :], listed=True)
        keys = name.split(".")
        if name in self._LISTS:
            return Found(self.record.value(*keys), steps[len(keys) :], listed=True)
        if keys[0] in self._SPARSE and len(keys) == 2:
            return Found(self.record.present(*keys))
        return Found(self.record.value(*keys))

    def _derived(self, name: str) -> Found:
        record = self.record
        match name:
            case "dryRun" | "dryRunClaimed":
                value, unknown = dry_run(record, self.body_unknown())
                claimed = record.made("claimed", "false", lambda one: when(f"eq {unknown} 1", assign(one, "true")))
                return Found(claimed) if name == "dryRunClaimed" else Found(value, unknown=unknown)
            case "proxyPath" | "proxyAction" | "proxyNamespace":
                return Found(proxied(record)[name])
            case "outcome":
                return Found(self.outcome())
            case "actor":
                return Found(record.present("user", "username"))
            case "clientIPs":
                return self._addresses()
            case "via":
                return Found(self._via())
            case "target" | "object":
                return Found(self._target(name))
        raise CannotRender(_DERIVED_KUBE[name])

    def _addresses(self) -> Found:
        """sourceIPs, without the address of a trusted proxy that stands last."""
        listed, last = self.record.value("sourceIPs"), self._via() if self._proxies else ""
        code = self.record.code
        name = self.record.made("judged", '"[]"', lambda name: _judged(code, name, listed, last))
        value = self.record.code.once("judged list", lambda: code.let("l", f"fromJson {name}"))
        unknown = self.record.made("no address", "0", lambda one: when(f"eq (len {value}) 0", assign(one, "1")))
        return Found(value, listed=True, unknown=unknown)

    def _via(self) -> str:
        record, code = self.record, self.record.code
        listed, user = record.value("sourceIPs"), record.text("user", "username")

        def statements(name: str) -> str:
            count, last, item = code.name("n"), code.name("s"), code.name("i")
            text = f'{{{{ {count} := 0 }}}}{{{{ {last} := "" }}}}'
            each = when(is_kind(item, '"string"'), assign(last, item) + assign(count, f"add {count} 1"))
            text += when(is_kind(listed, "$list"), f"{{{{ range {item} := {listed} }}}}{each}{{{{ end }}}}")
            for identities, networks in self._proxies:
                verdict = code.name("k")
                known = " ".join(f"(eq (count {quoted(_like(one))} {user}) 1)" for one in identities)
                judged = f"{{{{ {verdict} := 0 }}}}" + inside(code, networks, last, verdict)
                text += when(
                    f"and (gt {count} 1) (or false {known})", judged + when(f"eq {verdict} 2", assign(name, user))
                )
            return text

        return record.made("via", 'index $none ""', statements)

    def _target(self, which: str) -> str:
        record = self.record
        space, kind = record.text("objectRef", "namespace"), record.text("objectRef", "resource")
        name, verb = record.text("objectRef", "name"), record.text("verb")
        bodies = [record.text(body, "metadata", "name") for body in ("responseObject", "requestObject")]
        under = record.text("objectRef", "subresource")
        referred, path = record.nonempty("objectRef"), path_of(record)

        def statements(out: str) -> str:
            named = record.code.name("s")
            text = f"{{{{ {named} := {name} }}}}"
            for body in bodies:
                text += when(f'and (eq {named} "") (eq {verb} "create")', assign(named, body))
            for piece in (space, kind, named, *([under] if which == "object" else [])):
                slash = when(f'ne {out} ""', assign(out, f'print {out} "/"'))
                text += when(f'ne {piece} ""', slash + assign(out, f"print {out} {piece}"))
            # A URL that is no resource: its path.
            return when(referred, text, assign(out, path))

        return record.made(which, '""', statements)


_NIL = '"<nil>"'
_DERIVED_KUBE = {
    **dict.fromkeys(("dryRun", "dryRunClaimed", "proxyPath", "proxyAction", "proxyNamespace", "outcome", "actor"), ""),
    **dict.fromkeys(("clientIPs", "via", "target", "object"), ""),
    "address": "`address` joins what `clientIPs` judges; ask for `clientIPs`",
    "rulesDigest": "`rulesDigest` is a digest, which no template can make",
    "requestText": "`requestText` is a body written anew as JSON, which no template can do",
    "auditFlags": "`auditFlags` is parsed out of YAML inside the body",
}
"""Derived fields -> why LogQL has none, or nothing where a template can derive it."""


def _like(pattern: str) -> str:
    return "(?s)^" + ".*".join(escaped(piece) for piece in pattern.split("*")) + "$"


def _judged(code: Code, name: str, listed: str, via: str) -> str:
    """Statements that make a JSON list of the addresses to be judged."""
    item, out, last = code.name("i"), code.name("j"), code.name("j")
    more = assign(last, out) + when(f'ne {out} ""', assign(out, f'print {out} ","'))
    more += assign(out, f"print {out} {json_text(item)}")
    text = f'{{{{ {out} := "" }}}}{{{{ {last} := "" }}}}'
    inner = f"{{{{ range {item} := {listed} }}}}{when(is_kind(item, _STRING), more)}{{{{ end }}}}"
    text += when(is_kind(listed, "$list"), inner)
    if via:
        text += when(is_kind(via, _STRING), assign(out, last))
    return text + assign(name, f'print "[" {out} "]"')


_STRING = '"string"'
