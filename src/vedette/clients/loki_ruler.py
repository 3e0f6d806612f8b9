"""Loki's ruler and what surrounds it: the rules that run, the rules that are stored, metrics, settings.

All of it was looked at on Loki 3.7.8. `/prometheus/api/v1/rules` is what runs; `/loki/api/v1/rules` is what is stored
and answers 400 with the file and the fault where one file cannot be parsed, while the ruler says "success" and an empty
list. `/config` has the settings of all tenants, `/config/tenant/v1/limits` some of the limits of one.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from email.utils import parsedate_to_datetime

import msgspec
import yaml

from vedette.clients.base import NoAnswer
from vedette.clients.loki import LokiClient, LokiRefused

_NOT_LOKI = "an answer that is not Loki's"
_LONGEST_YAML = 8 << 20
"""Bytes of YAML that are read; `/config` of 3.7.8 has 92 KB, the pack's rules 0.6 MB."""
_KEPT = ("loki_ruler_", "loki_prometheus_", "loki_discarded_samples_total", "loki_distributor_")
"""What is kept of the metrics."""
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|y|w|d|h|m|s)")
_SPANS = {
    "y": 365 * 86400.0,
    "w": 7 * 86400.0,
    "d": 86400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "ns": 1e-9,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)i?B?", re.IGNORECASE)
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
"""Loki means 1024 by KB."""


class LoadedRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule as the ruler has it. Times are RFC 3339, year 1 where there was none; spans are seconds."""

    name: str
    query: str
    type: str = ""
    duration: float = 0
    """How long it must hold: `for`."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    health: str = ""
    """ok, err, or unknown before its first evaluation."""
    last_error: str = ""
    last_evaluation: str = ""
    evaluation_time: float = 0


class LoadedGroup(msgspec.Struct, frozen=True, rename="camel"):
    """A group as the ruler has it."""

    name: str
    file: str
    interval: float
    rules: tuple[LoadedRule, ...] = ()
    last_evaluation: str = ""
    evaluation_time: float = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the ruler runs for a tenant."""

    groups: tuple[LoadedGroup, ...]
    time: float
    """Seconds since 1970 by the server's clock; 0: it did not say."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of the metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What of `limits_config` may cost an alert. None: Loki did not say. 0 of a span or a number: no limit."""

    max_line_size: int | None = None
    """Bytes."""
    max_line_size_truncate: bool | None = None
    max_query_series: int | None = None
    max_query_range: float | None = None
    """Seconds, like every span."""
    max_query_length: float | None = None
    max_query_lookback: float | None = None
    query_timeout: float | None = None
    reject_old_samples: bool | None = None
    reject_old_samples_max_age: float | None = None
    creation_grace_period: float | None = None
    ruler_max_rules_per_rule_group: int | None = None
    ruler_max_rule_groups_per_tenant: int | None = None
    retention_period: float | None = None
    retention_stream: bool | None = None
    """Whether some streams have a retention of their own."""
    per_tenant_override_config: bool | None = None
    """Whether a file says otherwise for some tenants."""


@dataclass(frozen=True, slots=True)
class Config:
    """What of the settings matters to rules."""

    limits: Limits
    alertmanagers: tuple[str, ...] = ()
    """URLs, as they are written."""
    discovery: bool = False
    """True: the Alertmanagers are looked up by DNS."""
    directory: str = ""
    """Where rule files lie, a folder a tenant, if they are files; else nothing."""
    retention_enabled: bool = False
    retention_of: tuple[tuple[str, float | None], ...] = ()
    """Selectors of streams with a retention of their own, and its seconds."""


class _Groups(msgspec.Struct):
    groups: tuple[LoadedGroup, ...] | None = None


class _Rules(msgspec.Struct):
    data: _Groups


class _Query(msgspec.Struct):
    data: str


_rules = msgspec.json.Decoder(_Rules).decode
_query = msgspec.json.Decoder(_Query).decode


class LokiRuler:
    """Asks one ruler, by a LokiClient. Every call raises LokiRefused, NoAnswer, BadSecret."""

    def __init__(self, client: LokiClient) -> None:
        """`client`: of the ruler, or of what stands before all of Loki."""
        self._client = client

    def loaded(self) -> Loaded:
        """What runs."""
        answer = self._client.ask("/prometheus/api/v1/rules")
        if "html" in answer.headers.get("content-type", ""):
            raise NoAnswer("a web page, not Loki's API")
        try:
            groups = _rules(answer.body).data.groups or ()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswer(_NOT_LOKI) from error
        try:
            time = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except ValueError:
            time = 0.0
        return Loaded(groups, time)

    def stored(self) -> frozenset[str]:
        """The names of the groups that are stored. LokiRefused 404: none; 400: a file is broken, in its words."""
        try:
            said = _yaml(self._client.ask("/loki/api/v1/rules").body)
        except LokiRefused as error:
            if "unable to read rule dir" in error.words:  # of a tenant that has no folder; also a 400
                raise LokiRefused(404, error.words) from error
            raise
        groups = [one for namespace in said.values() if isinstance(namespace, list) for one in namespace]
        return frozenset(str(one.get("name")) for one in groups if isinstance(one, Mapping))

    def formatted(self, query: str) -> str:
        """A query as Loki itself writes it: two that mean the same become one text."""
        try:
            answer = self._client.ask("/loki/api/v1/format_query", {"query": query}, form=True)
            return _query(answer.body).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NoAnswer(_NOT_LOKI) from error

    def metrics(self) -> tuple[Sample, ...]:
        """What the process that answers counts of rules, notifications and refused lines."""
        from prometheus_client.parser import text_string_to_metric_families

        text = self._client.ask("/metrics").body.decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if line.startswith(_KEPT)]
        if not lines and "# TYPE " not in text:
            raise NoAnswer("no metrics, but something else")
        try:
            families = list(text_string_to_metric_families("\n".join([*lines, ""])))
        except ValueError as error:
            raise NoAnswer("metrics that cannot be read") from error
        samples = [one for family in families for one in family.samples]
        return tuple(Sample(one.name, one.labels, one.value) for one in samples if math.isfinite(one.value))

    def config(self) -> Config:
        """The settings, with what it says of the tenant's own limits laid over them."""
        said = _yaml(self._client.ask("/config").body)
        if not isinstance(said.get("limits_config"), Mapping):
            raise NoAnswer("no settings of Loki's, but something else")
        limits = dict(_part(said, "limits_config"))
        # Older ones have not got it; what holds for all tenants is known.
        with contextlib.suppress(LokiRefused, NoAnswer):
            limits |= _yaml(self._client.ask("/config/tenant/v1/limits").body)
        ruler = _part(said, "ruler")
        urls = str(ruler.get("alertmanager_url") or "")
        folders = [
            _part(one, "local").get("directory") for one in (_part(ruler, "storage"), _part(said, "ruler_storage"))
        ]
        return Config(
            limits_of(limits),
            tuple(url.strip() for url in urls.split(",") if url.strip()),
            discovery=ruler.get("enable_alertmanager_discovery") is True,
            directory=next((str(folder) for folder in folders if folder), ""),
            retention_enabled=_part(said, "compactor").get("retention_enabled") is True,
            retention_of=tuple(_retentions(limits.get("retention_stream"))),
        )


def _retentions(said: object) -> Iterator[tuple[str, float | None]]:
    for one in said if isinstance(said, list) else ():
        if isinstance(one, Mapping):
            yield str(one.get("selector", "")), _seconds(one.get("period"))


def limits_of(said: Mapping[str, object]) -> Limits:
    """Limits as Loki writes them: `1w`, `256KB`, `true`, `500`. What is no such text is None."""
    found: dict[str, object] = {}
    for one in fields(Limits):
        value = said.get(one.name)
        kind = str(one.type).partition(" ")[0]
        if one.name in ("retention_stream", "per_tenant_override_config"):
            found[one.name] = bool(value)
        elif kind == "bool":
            found[one.name] = value if isinstance(value, bool) else None
        elif kind == "float":
            found[one.name] = _seconds(value)
        else:
            found[one.name] = _number(value)
    return Limits(**found)  # type: ignore[arg-type] # made by the fields' own types


def _seconds(value: object) -> float | None:
    text = str(value)
    parts = _SPAN.findall(text)
    if text == "0" or (parts and "".join(number + unit for number, unit in parts) == text):
        return sum(float(number) * _SPANS[unit] for number, unit in parts)
    return None


def _number(value: object) -> int | None:
    parts = list(_SIZE.finditer(str(value)))
    if parts and "".join(part[0] for part in parts) == str(value):
        return int(sum(float(part[1]) * _SIZES[part[2].upper()] for part in parts))
    return None


def _part(said: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = said.get(name)
    return value if isinstance(value, Mapping) else {}


def _yaml(body: bytes) -> Mapping[str, object]:
    if len(body) > _LONGEST_YAML:
        raise NoAnswer(f"an answer of more than {_LONGEST_YAML >> 20} MB")
    try:
        value = yaml.load(body, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 # both are safe loaders
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NoAnswer(_NOT_LOKI) from error
    if not isinstance(value, Mapping):
        raise NoAnswer(_NOT_LOKI)
    return value
