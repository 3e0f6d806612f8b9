"""Correlation documents: how many matches, or which together, within how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vedette.rule import Correlation, CorrelationType, FieldPath, Op
from vedette.sigma import fields
from vedette.sigma.detections import Read
from vedette.sigma.fields import Scope
from vedette.sigma.header import Header, duration
from vedette.sigma.refusal import Source, kind, nearest
from vedette.yaml_text import YamlPath

MAX_TIMESPAN = 3_600
"""Seconds; a longer window would have to be refilled from as much log after every restart."""
KNOWN = ("type", "rules", "group-by", "timespan", "condition", "field", "aliases", "generate")
_TYPES = {each.value: each for each in CorrelationType}
_UNSUPPORTED = ("value_sum", "value_avg", "value_percentile", "value_median")
_OPS: Mapping[str, Op] = {"gt": Op.GT, "gte": Op.GTE, "lt": Op.LT, "lte": Op.LTE, "eq": Op.EQUALS}
_NOT_HERE = ("outcomes", "group_by", "needs")
_PATH = ("correlation",)


def references(header: Header) -> tuple[str, ...]:
    """The names and ids that a correlation joins, as written; nothing where they are malformed."""
    value = header.source.document.value
    body = value.get("correlation") if isinstance(value, dict) else None
    rules = body.get("rules") if isinstance(body, dict) else None
    if isinstance(rules, str):
        return (rules,)
    return tuple(rule for rule in rules if isinstance(rule, str)) if isinstance(rules, list) else ()


def generates(header: Header) -> bool:
    """True when the joined rules shall alert on their own too (`generate: true`)."""
    value = header.source.document.value
    body = value.get("correlation") if isinstance(value, dict) else None
    return isinstance(body, dict) and body.get("generate") is True


class Correlations:
    """Reads correlation documents against the detections that were read."""

    def __init__(
        self, reads: Mapping[str, Read], by_reference: Mapping[str, str], correlations: frozenset[str]
    ) -> None:
        self.reads = reads
        self.by_reference = by_reference
        """Name or id -> the document's name, for every document seen."""
        self.correlations = correlations
        """Names of correlation documents."""

    def read(self, header: Header, name: str) -> Correlation | None:
        """The correlation of a document, or None when something in it was refused."""
        source = header.source
        value = source.document.value
        found: Correlation | None = None
        with source.catch():
            body = source.mapping(_PATH, value.get("correlation") if isinstance(value, dict) else None)
            found = self._body(header, name, body)
        return None if source.broken else found

    def _body(self, header: Header, name: str, body: Mapping[str, object]) -> Correlation:
        source = header.source
        source.only(_PATH, body, KNOWN)
        for key in _NOT_HERE:
            if key in header.vedette:
                with source.catch():
                    mend = "write correlation: group-by" if key == "group_by" else "write it in the joined documents"
                    source.refuse(("vedette", key), f"{key} does not belong to a correlation", mend)
        if isinstance(header.source.document.value, dict) and "logsource" in header.source.document.value:
            source.refuse(("logsource",), "a correlation has no logsource", "remove it")
        type_ = self._type(source, body)
        joined = self._rules(source, body, type_)
        if "timespan" not in body:
            source.refuse(_PATH, "there is no timespan", "add timespan: 60s")
        timespan = duration(source, (*_PATH, "timespan"), body["timespan"], MAX_TIMESPAN)
        group_by = self._group_by(source, body, joined)
        op, threshold = self._condition(source, body, type_, len(joined))
        return Correlation(
            name=name,
            id=header.id,
            title=header.title,
            severity=header.severity,
            type=type_,
            detections=joined,
            group_by=group_by,
            timespan=timespan,
            op=op,
            threshold=threshold,
            fields=self._fields(source, body, type_, joined),
            quiet_after=header.quiet_after,
            alerts=header.alerts is not False,
            file=source.document.file,
            line=header.line,
        )

    def _type(self, source: Source, body: Mapping[str, object]) -> CorrelationType:
        if "type" not in body:
            source.refuse(_PATH, "there is no type", "add type: event_count")
        if body["type"] in _UNSUPPORTED:
            message = f"the correlation type {body['type']} is not read: vedette counts acts, not amounts"
            source.refuse((*_PATH, "type"), message, "use event_count or value_count", value=True)
        return _TYPES[source.choice((*_PATH, "type"), body["type"], _TYPES)]

    def _rules(self, source: Source, body: Mapping[str, object], type_: CorrelationType) -> tuple[str, ...]:
        path = (*_PATH, "rules")
        if "rules" not in body:
            source.refuse(_PATH, "there are no rules", "add rules: [name]")
        rules = (body["rules"],) if isinstance(body["rules"], str) else source.texts(path, body["rules"])
        joined: list[str] = []
        for at, rule in enumerate(rules):
            name = self.by_reference.get(rule) or self.by_reference.get(rule.lower())
            if name is None:
                mend = nearest(rule, self.by_reference, "name a document by its name or id")
                source.refuse((*path, at), f"there is no rule {rule!r}", mend, value=True)
            if name in self.correlations:
                message = f"{rule} is a correlation itself; chains are not read"
                source.refuse((*path, at), message, "join its detections", value=True)
            if name not in self.reads:
                source.refuse((*path, at), f"the rule {rule} was refused", "mend it first", value=True)
            if name in joined:
                source.refuse((*path, at), f"the rule {rule} stands twice", "remove one", value=True)
            joined.append(name)
        temporal = type_ in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
        if temporal and len(joined) < 2:
            source.refuse(path, f"{type_.value} needs two rules or more", "use event_count for one")
        return tuple(joined)

    def _aliases(
        self, source: Source, body: Mapping[str, object], joined: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """Alias -> detection -> the field it means there."""
        if "aliases" not in body:
            return {}
        path = (*_PATH, "aliases")
        found: dict[str, Mapping[str, str]] = {}
        for alias, meant in source.mapping(path, body["aliases"]).items():
            by_rule: dict[str, str] = {}
            for rule, field in source.mapping((*path, alias), meant).items():
                name = self.by_reference.get(rule) or self.by_reference.get(rule.lower())
                if name is None or name not in joined:
                    message = f"{rule} is none of the correlation's rules"
                    source.refuse((*path, alias, rule), message, "known are " + ", ".join(joined))
                by_rule[name] = source.text((*path, alias, rule), field)
            missing = [name for name in joined if name not in by_rule]
            if missing:
                source.refuse((*path, alias), f"the alias names no field of {missing[0]}", f"add {missing[0]}: field")
            found[alias] = by_rule
        return found

    def _group_by(
        self, source: Source, body: Mapping[str, object], joined: Sequence[str]
    ) -> tuple[tuple[str, Mapping[str, FieldPath]], ...]:
        aliases = self._aliases(source, body, joined)
        path = (*_PATH, "group-by")
        names: tuple[str, ...] = ()
        if "group-by" in body:
            written = body["group-by"]
            names = (source.text(path, written),) if isinstance(written, str) else source.texts(path, written)
        for alias in aliases:
            if alias not in names:
                source.refuse((*_PATH, "aliases", alias), "the alias is not used", "add it to group-by, or remove it")
        groups: list[tuple[str, Mapping[str, FieldPath]]] = []
        for at, name in enumerate(names):
            places: dict[str, FieldPath] = {}
            for detection in joined:
                where: YamlPath
                if name in aliases:
                    where = (*_PATH, "aliases", name, next(iter(self._rule_keys(body, name, detection))))
                    text = aliases[name][detection]
                else:
                    where, text = (*path, at), name
                scope = Scope(self.reads[detection].schema, fields.ARRAY_VERSION)
                places[detection] = fields.field_path(source, where, text, scope).path
            groups.append((name, places))
        return tuple(groups)

    def _rule_keys(self, body: Mapping[str, object], alias: str, detection: str) -> Sequence[str]:
        aliases = body["aliases"]
        meant = aliases[alias] if isinstance(aliases, dict) else {}
        return [rule for rule in meant if self.by_reference.get(rule, self.by_reference.get(rule.lower())) == detection]

    def _condition(
        self, source: Source, body: Mapping[str, object], type_: CorrelationType, rules: int
    ) -> tuple[Op, int]:
        path = (*_PATH, "condition")
        temporal = type_ in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
        if "condition" not in body:
            if not temporal:
                source.refuse(_PATH, "there is no condition", "add condition: {gte: 10}")
            return Op.GTE, rules
        if isinstance(body["condition"], str):
            mend = "all of the rules must match; leave the condition out"
            source.refuse(path, "a condition in words is not read in correlations", mend, value=True)
        condition = {key: each for key, each in source.mapping(path, body["condition"]).items() if key != "field"}
        if "neq" in condition:
            source.refuse((*path, "neq"), "neq would fire on almost every count", "use gt, gte, lt, lte or eq")
        source.only(path, condition, tuple(_OPS))
        if len(condition) != 1:
            message = "two bounds in one condition are not read" if condition else "there is no bound"
            source.refuse(path, message, "write one of gt, gte, lt, lte, eq")
        (word, count), *_ = condition.items()
        if isinstance(count, bool) or not isinstance(count, int):
            source.refuse((*path, word), f"a count is a whole number, not {kind(count)}", "write gte: 10", value=True)
        op = _OPS.get(word, Op.GTE)
        least = {Op.GT: 0, Op.GTE: 1, Op.LT: 2, Op.LTE: 1, Op.EQUALS: 1}[op]
        if count < least:
            source.refuse(
                (*path, word), f"{word}: {count} asks for nothing", f"write {word}: {least} or more", value=True
            )
        if temporal and (op, count) != (Op.GTE, rules):
            message = f"{type_.value} asks for all of its rules"
            source.refuse(path, message, f"leave the condition out, or write gte: {rules}", value=True)
        return op, count

    def _fields(
        self, source: Source, body: Mapping[str, object], type_: CorrelationType, joined: Sequence[str]
    ) -> tuple[FieldPath, ...]:
        condition = body.get("condition")
        inside = isinstance(condition, dict) and "field" in condition
        path = (*_PATH, "condition", "field") if inside else (*_PATH, "field")
        written = condition["field"] if isinstance(condition, dict) and inside else body.get("field")
        if type_ is not CorrelationType.VALUE_COUNT:
            if written is not None:
                source.refuse(path, f"{type_.value} counts no field", "use value_count, or remove it")
            return ()
        if inside and "field" in body:
            source.refuse((*_PATH, "field"), "field stands twice", "remove one")
        if written is None:
            source.refuse(_PATH, "value_count needs a field", "add field: target")
        names = (source.text(path, written),) if isinstance(written, str) else source.texts(path, written)
        found: list[FieldPath] = []
        for at, name in enumerate(names):
            where = path if isinstance(written, str) else (*path, at)
            places = [
                fields.field_path(source, where, name, Scope(self.reads[each].schema, fields.ARRAY_VERSION)).path
                for each in joined
            ]
            if len({place.steps for place in places}) > 1:
                message = f"{name} means another field in each of the rules"
                source.refuse(where, message, "count a field that is called the same in all", value=True)
            found.append(places[0])
        return tuple(found)
