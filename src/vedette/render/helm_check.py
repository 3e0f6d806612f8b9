"""A user's values for the Helm chart of Loki: what in them the chart or Loki does not read, or reads otherwise.

Where the facts come from: the keys are all that the values and templates of the chart have had, in grafana/loki from
3.0.0 to 7.3.0 and in grafana-community/helm-charts at 18.11.0; how they are used stands in templates/_helpers.tpl
(loki.rulerConfig, loki.rulerStorageConfig, loki.calculatedConfig), templates/validate.yaml, templates/ruler and the
sidecar's part of each StatefulSet; tests/oracles/test_helm_chart.py has Helm itself show it. What Loki does was seen on
3.7.8, or stands in its pkg/ruler.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from vedette.problem import Problem
from vedette.yaml_text import Document, YamlPath

_LOKI_KEYS = frozenset(
    "analytics annotations auth_enabled block_builder bloom_build bloom_gateway command commonConfig compactor"
    " compactor_grpc_client config configObjectName configStorageType containerSecurityContext defaultStorageConfig"
    " distributor dnsConfig enableServiceLinks existingSecretForConfig externalConfigSecretName extraMemberlistConfig"
    " frontend frontend_worker generatedConfigObjectName hostAliases hostUsers image index_gateway ingester"
    " ingester_client limits_config livenessProbe memberlistConfig memcached nodeSelector operational_config"
    " pattern_ingester podAnnotations podLabels podSecurityContext priorityClassName querier query_range"
    " query_scheduler readinessProbe resources revisionHistoryLimit rulerConfig runtimeConfig schemaConfig server"
    " serverConfig service serviceAnnotations serviceLabels startupProbe storage storageConfig storage_config"
    " structuredConfig tenants terminationGracePeriodSeconds testSchemaConfig tolerations tracing ui"
    " useTestSchema".split()
)
_SIDECAR_KEYS = frozenset(
    "disableX509StrictVerification enableUniqueFilenames image livenessProbe readinessProbe resizePolicy resources"
    " rules securityContext skipTlsVerify startupProbe".split()
)
_SIDECAR_RULES_KEYS = frozenset(
    "enabled folder folderAnnotation healthPort label labelValue logLevel resource script searchNamespace sizeLimit"
    " watchClientTimeout watchMethod watchServerTimeout".split()
)
_RULER_KEYS = frozenset(
    "alert_relabel_configs alertmanager_client alertmanager_refresh_interval alertmanager_url client_timeout"
    " datasource_uid disable_rule_group_label disabled_tenants enable_alertmanager_discovery enable_alertmanager_v2"
    " enable_api enable_sharding enabled_tenants evaluation evaluation_interval external_labels external_url"
    " flush_period for_grace_period for_outage_tolerance notification_queue_capacity notification_timeout"
    " poll_interval query_stats_enabled remote_write resend_delay ring rule_path ruler_client search_pending_for"
    " sharding_algo sharding_strategy storage wal wal_cleaner".split()
)
"""Of Loki's own `ruler:` (pkg/ruler/config.go, base/ruler.go, config/alertmanager.go)."""
_LIMIT_KEYS = frozenset(
    "max_line_size max_line_size_truncate max_query_series ingestion_rate_mb ingestion_burst_size_mb"
    " per_stream_rate_limit per_stream_rate_limit_burst reject_old_samples reject_old_samples_max_age"
    " retention_period retention_stream ruler_max_rules_per_rule_group ruler_max_rule_groups_per_tenant".split()
)
_INSTEAD = {
    "ruler": "rulerConfig",
    "ruler_config": "rulerConfig",
    "limits": "limits_config",
    "limitsConfig": "limits_config",
    "compactorConfig": "compactor",
    "schema_config": "schemaConfig",
    "common": "commonConfig",
    "common_config": "commonConfig",
    "structured_config": "structuredConfig",
    "runtime_config": "runtimeConfig",
}
"""Key under `loki` that suggests itself -> what the chart has."""
_NEEDED_LINE = 1 << 20
_DEFAULT_LINE = 256 << 10
_UNITS = {"": 1, "B": 1, "K": 1 << 10, "KB": 1 << 10, "M": 1 << 20, "MB": 1 << 20, "G": 1 << 30, "GB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15}) ?([A-Z]{0,2})\Z")
_DISTRIBUTED = ("Distributed", "SimpleScalable<->Distributed")
_READ = ("loki.rulerConfig", ".Values.loki.limits_config", ".Values.loki.compactor")
"""In the chart's own loki.config."""
_FILESYSTEM = "/var/loki/rules"
"""The chart's loki.storage.filesystem.rules_directory: Loki's ruler reads there when nothing else is said."""
_LOGQL = re.compile(r"\|[=~>]|\| *(json|logfmt|regexp|pattern|label_format|line_format)\b")


class _Said(NamedTuple):
    """A value and where it stands; `document` is None where nobody said it."""

    value: object
    document: Document | None
    path: YamlPath


def check_values(documents: Sequence[Document]) -> list[Problem]:
    """The findings in values files, in the order in which `helm` is given them: a later one overrides.

    Values of a chart that has Loki's for a dependency are looked at beneath its name, `loki`.
    """
    values = _Values(documents)
    found = [
        *_unread(values),
        *_own_config(values),
        *_ruler(values),
        *_rules(values),
        *_directories(values),
        *_limits(values),
        *_retention(values),
    ]
    return sorted(found, key=lambda one: ([one.file == each.file for each in documents].index(True), one.line))


class _Values:
    """Values files laid over each other."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self._within: YamlPath = ("loki",) if self._has_map(("loki", "loki")) else ()
        config = self.get("loki", "config").value
        self.own = isinstance(config, str) and not all(word in config for word in _READ)
        """The user's own template: what it reads of the values is not known."""
        self.distributed = self.get("deploymentMode").value in _DISTRIBUTED

    def get(self, *path: str) -> _Said:
        """What was said last."""
        whole = (*self._within, *path)
        for document in reversed(self.documents):
            here: object = document.value
            for step in whole:
                if not isinstance(here, Mapping) or step not in here:
                    break
                here = here[step]
            else:
                return _Said(here, document, whole)
        return _Said(None, None, whole)

    def loki(self, chart: str, section: str, *path: str) -> _Said:
        """A value of Loki's own configuration: structuredConfig is laid over the chart's key."""
        over = self.get("loki", "structuredConfig", section, *path)
        return over if over.document else self.get("loki", chart, *path)

    def keys(self, *path: str) -> Iterator[tuple[str, _Said]]:
        """Each key of the maps at `path`, of every file."""
        whole = (*self._within, *path)
        for document in self.documents:
            here: object = document.value
            for step in whole:
                here = here.get(step) if isinstance(here, Mapping) else None
            if isinstance(here, Mapping):
                for key, value in here.items():
                    yield str(key), _Said(value, document, (*whole, str(key)))

    def at(self, said: _Said, message: str, mend: str) -> Problem:
        """A finding at a value, or at what lies around one that nobody said."""
        if said.document is not None:
            return said.document.problem(said.path, message, mend)
        for length in range(len(said.path) - 1, len(self._within), -1):
            around = self.get(*(str(step) for step in said.path[len(self._within) : length]))
            if around.document is not None:
                return around.document.problem(around.path, message, mend)
        return self.documents[-1].problem((), message, mend)

    def _has_map(self, path: YamlPath) -> bool:
        self._within = ()
        return isinstance(self.get(*(str(step) for step in path)).value, Mapping)


def _unread(values: _Values) -> Iterator[Problem]:
    """Keys that the chart has not."""
    for key, said in values.keys("loki"):
        if key not in _LOKI_KEYS:
            other = _INSTEAD.get(key) or _alike(key, _LOKI_KEYS)
            mend = f"write loki.{other}" if other else "look for it in the chart's values.yaml, or in structuredConfig"
            if key in ("rules", "groups"):
                mend = "put rule groups into a ConfigMap with the sidecar's label"
            if key == "sidecar":
                mend = "write sidecar at the top"
            yield values.at(said, f"the chart does not read loki.{key}", mend)
    for key, said in values.keys("ruler"):
        if key == "config" or (key in _RULER_KEYS and key != "persistence"):
            where = "loki.rulerConfig" if key == "config" else f"loki.rulerConfig.{key}"
            yield values.at(said, f"the chart does not read ruler.{key}: ruler is its pod", f"write {where}")
        elif key in ("rules", "groups"):
            mend = "write ruler.directories (mode Distributed), or a ConfigMap with the sidecar's label"
            yield values.at(said, f"the chart does not read ruler.{key}", mend)
    for key, said in values.keys("sidecar"):
        if key not in _SIDECAR_KEYS:
            mend = f"write sidecar.rules.{key}" if key in _SIDECAR_RULES_KEYS else "look in the chart's values.yaml"
            yield values.at(said, f"the chart does not read sidecar.{key}", mend)
    for key, mend in _TOP.items():
        said = values.get(key)
        if said.document:
            yield values.at(said, f"the chart does not read {key} at the top", mend)
    for key, said in values.keys("compactor"):
        if key in ("retention_enabled", "delete_request_store", "retention_delete_delay", "working_directory"):
            message = f"the chart does not read compactor.{key}: compactor is its pod"
            yield values.at(said, message, f"write loki.compactor.{key}")


_TOP = {
    "rulerConfig": "write loki.rulerConfig",
    "limits_config": "write loki.limits_config",
    "structuredConfig": "write loki.structuredConfig",
    "rules": "put rule groups into a ConfigMap with the sidecar's label",
    "alertmanager_url": "write loki.rulerConfig.alertmanager_url",
}


def _own_config(values: _Values) -> Iterator[Problem]:
    """Where the configuration is not the chart's."""
    top, config = values.get("config"), values.get("loki", "config")
    if top.value:
        yield values.at(
            top, "with config at the top the chart is refused (templates/validate.yaml)", "write loki.config"
        )
    if config.document and not isinstance(config.value, str | None):
        yield values.at(config, "loki.config is a text, a template", "write loki.structuredConfig for a map")
    if values.own:
        for key, word in (("rulerConfig", "rulerConfig"), ("limits_config", "limits_config")):
            said = values.get("loki", key)
            if said.document and word not in str(config.value):
                message = f"your loki.config does not read loki.{key}"
                yield values.at(said, message, f"write it into loki.config, or loki.structuredConfig.{_SECTIONS[key]}")
    generated = values.get("loki", "generatedConfigObjectName")
    if generated.document and not generated.value:
        message = (
            "with an empty generatedConfigObjectName the chart writes no configuration: nothing under loki is read"
        )
        yield values.at(generated, message, "put what is needed into your own object (vedette render loki-config)")


_SECTIONS = {"rulerConfig": "ruler", "limits_config": "limits_config"}


def _ruler(values: _Values) -> Iterator[Problem]:
    enabled = values.get("ruler", "enabled")
    if enabled.value is False:
        yield values.at(enabled, "without the ruler the chart leaves loki.rulerConfig out", "write true")
    for chart in (("loki", "rulerConfig"), ("loki", "structuredConfig", "ruler")):
        yield from _misspelt(values, chart, _RULER_KEYS)
    for key, said in values.keys("loki", "rulerConfig"):
        over = values.get("loki", "structuredConfig", "ruler", key)
        if over.document and not isinstance(over.value, Mapping):
            yield values.at(said, f"loki.structuredConfig.ruler.{key} overrides this", "say it once")
    for key, said in values.keys("loki", "rulerConfig"):
        if key in ("groups", "rules"):
            yield values.at(said, "rules are no part of Loki's settings, and it does not start", _CONFIGMAP)
    url = values.loki("rulerConfig", "ruler", "alertmanager_url")
    if not url.value and not values.own:
        mend = "write loki.rulerConfig.alertmanager_url: http://alertmanager.monitoring.svc:9093"
        yield values.at(url, "no alertmanager_url: alerts are told to nobody, and no rule says so", mend)
    for one in str(url.value or "").split(","):
        if one.strip() and not re.match(r"https?://[^/]", one.strip()):
            yield values.at(
                url, f"{one.strip()} is no URL: without http:// it has no host", f"write http://{one.strip()}"
            )
        elif re.search(r"/api/v[12]/alerts/?\Z", one.strip()):
            yield values.at(url, "Loki puts /api/v2/alerts behind the URL itself", "write the base URL")
    version = values.loki("rulerConfig", "ruler", "enable_alertmanager_v2")
    if version.value is False:
        yield values.at(version, "Alertmanager has no API v1 from 0.27 on", "write true")


_CONFIGMAP = "put rule groups into a ConfigMap with the sidecar's label (vedette render helm says how)"


def _misspelt(values: _Values, path: tuple[str, ...], known: frozenset[str]) -> Iterator[Problem]:
    for key, said in values.keys(*path):
        other = _alike(key, known)
        if other and key not in known:
            yield values.at(said, f"Loki does not start: it has no {key}", f"write {other}")


def _alike(key: str, known: frozenset[str]) -> str:
    plain = key.replace("_", "").lower()
    return next((one for one in sorted(known) if one.replace("_", "").lower() == plain and one != key), "")


def _rules(values: _Values) -> Iterator[Problem]:
    """From the sidecar's folder to the ruler's."""
    groups = values.get("monitoring", "rules", "additionalGroups")
    if groups.document and _LOGQL.search(str(groups.value)):
        message = "these groups become a PrometheusRule, which Prometheus reads; LogQL is for Loki's ruler"
        yield values.at(groups, message, _CONFIGMAP)
    section, enabled = values.get("sidecar", "rules"), values.get("sidecar", "rules", "enabled")
    if not section.document or enabled.value is False or values.own or values.get("ruler", "directories").value:
        return
    sidecar = values.get("ruler", "sidecar")
    if values.distributed and sidecar.value is not True:
        yield values.at(
            sidecar, "in the mode Distributed the ruler has no sidecar unless told", "write ruler.sidecar: true"
        )
    kind = values.loki("rulerConfig", "ruler", "storage", "type")
    if kind.value != "local" and (kind.document or not _on_disk(values)):
        store = kind.value or "what loki.storage says, where that is an object store"
        message = f"the sidecar writes files, but the ruler reads its rules from {store}"
        mend = "write loki.rulerConfig.storage: {type: local, local: {directory: /rules}}, or load rules by the API"
        yield values.at(kind if kind.document else section, message, mend)
        return
    yield from _folder(values)


def _on_disk(values: _Values) -> bool:
    return values.get("loki", "storage", "type").value == "filesystem" and not values.get("minio", "enabled").value


def _folder(values: _Values) -> Iterator[Problem]:
    said = values.loki("rulerConfig", "ruler", "storage", "local", "directory")
    folder, annotation = values.get("sidecar", "rules", "folder"), values.get("sidecar", "rules", "folderAnnotation")
    directory = said.value
    if not directory and _on_disk(values):
        directory = values.get("loki", "storage", "filesystem", "rules_directory").value or _FILESYSTEM
    inner, outer = str(folder.value or "/rules").rstrip("/"), str(directory or "").rstrip("/")
    place = folder if folder.document else said if said.document else values.get("sidecar", "rules")
    if not outer:
        mend = "write loki.rulerConfig.storage.local.directory: /rules"
        yield values.at(said, "local storage without a directory: the ruler has no rules", mend)
    elif inner == outer and not annotation.value:
        message = f"files in {outer} itself are not read: Loki looks into its folders, one a tenant"
        mend = f"write sidecar.rules.folder: {outer}/fake (or the tenant), or annotate each ConfigMap with its folder"
        yield values.at(place, message, mend)
    elif inner != outer and not inner.startswith(f"{outer}/"):
        message = f"the sidecar writes to {inner}, the ruler reads {outer}"
        yield values.at(place, message, f"write sidecar.rules.folder: {outer}/fake (or the tenant)")
    elif inner.startswith(f"{outer}/"):
        yield from _tenant(values, folder, inner[len(outer) + 1 :])


def _tenant(values: _Values, folder: _Said, tenant: str) -> Iterator[Problem]:
    auth = values.get("loki", "auth_enabled")
    if "/" in tenant:
        yield values.at(folder, "Loki looks one folder deep: files further down are not read", "one folder, the tenant")
    elif auth.value is False and tenant != "fake":
        message = f"without auth_enabled every line is the tenant fake's; {tenant}'s rules see none"
        yield values.at(folder, message, "let the folder end in /fake")
    elif auth.value is not False and tenant == "fake":
        message = "fake is the tenant of a Loki with auth_enabled: false; the chart's default is true"
        yield values.at(
            folder, message, "write loki.auth_enabled: false, or the folder of the tenant that is shipped to"
        )


def _directories(values: _Values) -> Iterator[Problem]:
    """Rules in the values."""
    directories, replicas = values.get("ruler", "directories"), values.get("ruler", "replicas")
    if values.distributed and replicas.value in (None, 0) and values.get("ruler", "enabled").value is not False:
        yield values.at(replicas, "in the mode Distributed there is no ruler: ruler.replicas is 0", "write 1 or more")
    if not isinstance(directories.value, Mapping) or not directories.value:
        return
    if not values.distributed:
        message = "ruler.directories is only made into ConfigMaps in the mode Distributed"
        yield values.at(directories, message, _CONFIGMAP)
    directory = values.loki("rulerConfig", "ruler", "storage", "local", "directory")
    kind = values.loki("rulerConfig", "ruler", "storage", "type")
    if kind.value != "local" or str(directory.value).rstrip("/") != "/etc/loki/rules":
        message = "ruler.directories lie at /etc/loki/rules; the ruler reads elsewhere"
        mend = "write loki.rulerConfig.storage: {type: local, local: {directory: /etc/loki/rules}}"
        yield values.at(directories, message, mend)


def _limits(values: _Values) -> Iterator[Problem]:
    for chart in (("loki", "limits_config"), ("loki", "structuredConfig", "limits_config")):
        yield from _misspelt(values, chart, _LIMIT_KEYS)
    line = values.loki("limits_config", "limits_config", "max_line_size")
    size = _size(line.value) if line.document else _DEFAULT_LINE
    if not values.own or line.document:
        yield from _line(values, line, size)
    truncate = values.loki("limits_config", "limits_config", "max_line_size_truncate")
    if truncate.value is True:
        yield values.at(truncate, "a line that is cut short is no record: no rule sees it", "write false")
    for tenant, said in values.keys("loki", "runtimeConfig", "overrides"):
        limits = said.value if isinstance(said.value, Mapping) else {}
        place = _Said(None, said.document, (*said.path, "max_line_size"))
        if "max_line_size" in limits and _size(limits["max_line_size"]) is not None:
            yield from _line(values, place, _size(limits["max_line_size"]), f"for the tenant {tenant} ")


def _line(values: _Values, said: _Said, size: int | None, whose: str = "") -> Iterator[Problem]:
    if size is None:
        yield values.at(said, f"max_line_size {said.value} is no size", "write 1MB")
    elif 0 < size < _NEEDED_LINE:
        message = f"{whose}lines above {size:,} bytes are refused: a big enough object hides its event"
        yield values.at(said, message, "write loki.limits_config.max_line_size: 1MB")


def _size(value: object) -> int | None:
    """Bytes of a size as Loki reads it (c2h5oh/datasize, small letters too)."""
    found = _SIZE.match(str(value).upper())
    return int(found[1]) * _UNITS[found[2]] if found and found[2] in _UNITS else None


def _retention(values: _Values) -> Iterator[Problem]:
    enabled = values.loki("compactor", "compactor", "retention_enabled")
    store = values.loki("compactor", "compactor", "delete_request_store")
    if enabled.value is True and not store.value:
        message = "Loki does not start: retention_enabled needs delete_request_store"
        yield values.at(enabled, message, "write loki.compactor.delete_request_store: s3 (your object store)")
    for key in ("retention_period", "retention_stream"):
        said = values.loki("limits_config", "limits_config", key)
        if said.value and str(said.value) not in ("0", "0s") and enabled.value is not True and not values.own:
            message = f"{key} alone deletes nothing"
            yield values.at(said, message, "write loki.compactor: {retention_enabled: true, delete_request_store: …}")
