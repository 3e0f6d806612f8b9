"""Loki's own settings: what it must be given so that the rules see every line, run, and tell somebody.

The same limits, retention and ruler stand in a whole file for one Loki on one machine, or in values of its Helm chart,
under the keys that the chart reads (helm_check.py says from where they are known).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from vedette.escape import logql, yaml
from vedette.render.shipper import MAX_LINE

_TENANT = re.compile(r"[A-Za-z0-9!_.*'()-]{1,150}\Z")
"""What Loki takes (dskit/tenant), without `.` and `..`."""
_SPAN = re.compile(r"([0-9]{1,6})([hdwy])\Z")
_HOURS = {"h": 1, "d": 24, "w": 168, "y": 8760}
STORES = ("s3", "gcs", "azure", "swift", "filesystem")


class BadLoki(ValueError):
    """An option that Loki could not be started with, or would alert nobody with; the message says which and why."""


@dataclass(frozen=True, slots=True)
class LokiNeeds:
    """What the rules need of a Loki."""

    alertmanagers: tuple[str, ...]
    """Base URLs."""
    jobs: tuple[str, ...]
    """The job labels of the logs."""
    retention: str = "90d"
    """How long they are kept: hours, days, weeks or years."""
    tenant: str = ""
    """Whose the rules are; nothing: a Loki without tenants."""

    def check(self) -> None:
        """Raises BadLoki."""
        if not self.alertmanagers:
            raise BadLoki("no Alertmanager: give --alertmanager URL, or sinks.alertmanager in vedette.yaml")
        for url in self.alertmanagers:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or "," in url:
                raise BadLoki(f"--alertmanager {url}: write its base URL, like http://127.0.0.1:9093")
            if parts.path.rstrip("/").endswith(("/api/v1/alerts", "/api/v2/alerts")):
                raise BadLoki(f"--alertmanager {url}: Loki puts /api/v2/alerts behind it; write the base URL")
        span = _SPAN.match(self.retention)
        if not span or int(span[1]) * _HOURS[span[2]] < 24:
            raise BadLoki(f"--retention {self.retention}: write 24h or more, like 90d; Loki takes no shorter one")
        if self.tenant and (not _TENANT.match(self.tenant) or self.tenant in (".", "..")):
            raise BadLoki(f"--tenant {self.tenant}: letters, digits and !-_.*'() are taken, 150 at most")


def loki_config(
    needs: LokiNeeds,
    *,
    data: str = "/var/lib/loki",
    rules: str = "/etc/loki/rules",
    listen: str = "127.0.0.1:3100",
    grpc_port: int = 9095,
) -> str:
    """The text of a configuration file of one Loki that keeps all in the folder `data`. Raises BadLoki."""
    needs.check()
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise BadLoki(f"--listen {listen}: write HOST:PORT, like 127.0.0.1:3100")
    return _CONFIG.format(
        file=_comment(f"{rules.rstrip('/')}/{needs.tenant or 'fake'}/vedette.yaml"),
        auth="true" if needs.tenant else "false",
        host=yaml(host),
        port=int(port),
        grpc=grpc_port,
        data=yaml(data),
        chunks=yaml(f"{data.rstrip('/')}/chunks"),
        limits=_limits(needs),
        ruler=textwrap.indent(_ruler(needs, rules), "  "),
    )


def helm_values(needs: LokiNeeds, *, store: str = "s3", rules: str = "/rules") -> str:
    """Values for the chart of Loki, to be given beside one's own. `store`: the object store. Raises BadLoki."""
    needs.check()
    if store not in STORES:
        raise BadLoki(f"--store {store}: write one of {', '.join(STORES)}")
    return _HELM.format(
        folder=yaml(f"{rules}/{needs.tenant or 'fake'}"),
        limits=textwrap.indent(_limits(needs), "  "),
        store=store,
        ruler=textwrap.indent(_ruler(needs, rules), "    "),
    )


def _limits(needs: LokiNeeds) -> str:
    retention = "\n".join(
        f"  - selector: {yaml(_selector(job))}\n    priority: 1\n    period: {needs.retention}" for job in needs.jobs
    )
    return _LIMITS.format(line=MAX_LINE, retention=retention)


def _selector(job: str) -> str:
    return f'{{job="{logql(job)}"}}'


def _ruler(needs: LokiNeeds, rules: str) -> str:
    urls: Sequence[str] = [url.rstrip("/") for url in needs.alertmanagers]
    return _RULER.format(urls=yaml(",".join(urls)), rules=yaml(rules))


def _comment(text: str) -> str:
    return yaml(text).strip('"')


_LIMITS = """\
limits_config:
  # A longer line is refused and counted (loki_discarded_samples_total, reason "line_too_long"); a cut one is no record.
  max_line_size: {line}
  max_line_size_truncate: false
  # A log is a stream or two, and a shipper that was away brings much at once.
  ingestion_rate_mb: 16
  ingestion_burst_size_mb: 32
  per_stream_rate_limit: 8MB
  per_stream_rate_limit_burst: 32MB
  # What was shipped late is still evidence, though no alert any more.
  reject_old_samples: true
  reject_old_samples_max_age: 168h
  # An alert has 100 series at most. 0: any number of rules.
  max_query_series: 500
  ruler_max_rules_per_rule_group: 0
  ruler_max_rule_groups_per_tenant: 0
  # How long these logs are kept; others are not touched. Needs the compactor's retention.
  retention_stream:
{retention}"""

_RULER = """\
alertmanager_url: {urls}
enable_alertmanager_v2: true
enable_api: true
storage:
  type: local
  local:
    # Of folders, one a tenant; a file that lies here itself is not read.
    directory: {rules}"""

_CONFIG = """\
# Rendered by `vedette render loki-config`; not to be edited. One Loki on one machine, all on its disk; for a Loki
# that is there already take limits_config, compactor and ruler, the rest only makes it run.
#   loki -config.file=FILE -verify-config
#   vedette render loki > {file}
auth_enabled: {auth}
# No word to its makers.
analytics:
  reporting_enabled: false
server:
  http_listen_address: {host}
  http_listen_port: {port}
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: {grpc}
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: {data}
  replication_factor: 1
  storage:
    filesystem:
      chunks_directory: {chunks}
  ring:
    kvstore:
      store: inmemory
schema_config:
  configs:
  - from: "2024-01-01"
    store: tsdb
    object_store: filesystem
    schema: v13
    index:
      prefix: index_
      period: 24h
{limits}
compactor:
  retention_enabled: true
  delete_request_store: filesystem
ruler:
{ruler}
"""

_HELM = """\
# Rendered by `vedette render helm`; not to be edited. Values for the chart loki, of grafana or of grafana-community:
#   helm upgrade loki grafana-community/loki -f YOURS.yaml -f THIS.yaml
#   vedette render helm --check YOURS.yaml THIS.yaml
# The rules come as ConfigMaps with the label loki_rule, one a rule: all together are more than the 1 MiB that one may
# hold, and a big rule is near what a client-side `kubectl apply` can remember.
#   for rule in K2 K3 K4; do
#     vedette render loki $rule > vedette-$rule.yaml
#     name=vedette-$(echo $rule | tr A-Z a-z)
#     kubectl create configmap $name --from-file=vedette-$rule.yaml --dry-run=client -o yaml |
#       kubectl label --local -f - loki_rule=vedette -o yaml | kubectl apply --server-side -f -
#   done
# A list in these values takes the place of yours: put your own retention_stream entries into it.
loki:
{limits}
  compactor:
    retention_enabled: true
    # Loki does not start with retention and without this.
    delete_request_store: {store}
  # The chart reads this key; loki.ruler it does not know.
  rulerConfig:
{ruler}
sidecar:
  rules:
    enabled: true
    label: loki_rule
    # The tenant's folder in the directory above; `fake` is the tenant of a Loki with auth_enabled: false.
    folder: {folder}
ruler:
  # Without this the chart leaves the ruler's settings out.
  enabled: true
  # Only read in the mode Distributed, where it is off unless said.
  sidecar: true
"""
