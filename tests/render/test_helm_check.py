"""Values for Loki's Helm chart: what is known to be wrong is found, at its place; what is right is passed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vedette.render.helm_check import check_values
from vedette.render.loki_config import LokiNeeds, helm_values
from vedette.yaml_text import read_documents

RIGHT = """\
loki:
  auth_enabled: false
  limits_config: {max_line_size: 1MB}
  compactor: {retention_enabled: true, delete_request_store: s3}
  rulerConfig:
    alertmanager_url: http://alertmanager:9093
    storage: {type: local, local: {directory: /rules}}
sidecar:
  rules: {folder: /rules/fake}
"""


def findings(*texts: str) -> list[str]:
    """Line, and what is wrong and what to write, of each finding."""
    documents = [read_documents(text, f"{at}.yaml")[0] for at, text in enumerate(texts)]
    return [f"{one.file}:{one.line}:{one.column} {one.message}; {one.mend}" for one in check_values(documents)]


def test_right_values_pass() -> None:
    """With what is rendered laid over a user's own, and as the values of a chart that depends on Loki's."""
    assert findings(RIGHT) == []
    rendered = helm_values(LokiNeeds(("http://alertmanager:9093",), ("kube-audit",)))
    own = "loki: {auth_enabled: false, storage: {type: s3}, limits_config: {max_line_size: 8KB}}\n"
    assert findings(own, rendered) == []
    assert findings(yaml.safe_dump({"loki": yaml.safe_load(RIGHT)})) == []


WRONG: dict[str, tuple[str, str, str]] = {
    # name: (text in RIGHT, what stands in its place, the finding)
    "loki_ruler": (
        "  rulerConfig:",
        "  ruler:",
        "0.yaml:5:3 the chart does not read loki.ruler; write loki.rulerConfig",
    ),
    "loki_limits": (
        "limits_config:",
        "limitsConfig:",
        "0.yaml:3:3 the chart does not read loki.limitsConfig; write loki.limits_config",
    ),
    "loki_nonsense": (
        "  auth_enabled",
        "  nonsense: 1\n  auth_enabled",
        "0.yaml:2:3 the chart does not read loki.nonsense;",
    ),
    "ruler_config": (
        "sidecar:",
        "ruler: {config: {}}\nsidecar:",
        "0.yaml:8:9 the chart does not read ruler.config: ruler is its pod; write loki.rulerConfig",
    ),
    "ruler_url": (
        "sidecar:",
        "ruler: {alertmanager_url: x}\nsidecar:",
        "0.yaml:8:9 the chart does not read ruler.alertmanager_url: ruler is its pod; write loki.rulerConfig.alertmanager_url",
    ),
    "ruler_rules": ("sidecar:", "ruler: {rules: {}}\nsidecar:", "0.yaml:8:9 the chart does not read ruler.rules;"),
    "ruler_off": (
        "sidecar:",
        "ruler: {enabled: false}\nsidecar:",
        "0.yaml:8:9 without the ruler the chart leaves loki.rulerConfig out; write true",
    ),
    "top_config": ("sidecar:", "config: {a: 1}\nsidecar:", "0.yaml:8:1 with config at the top the chart is refused"),
    "top_rules": ("sidecar:", "rules: []\nsidecar:", "0.yaml:8:1 the chart does not read rules at the top;"),
    "config_map": (
        "  auth_enabled",
        "  config: {a: 1}\n  auth_enabled",
        "0.yaml:2:3 loki.config is a text, a template; write loki.structuredConfig for a map",
    ),
    "own_config": (
        "  auth_enabled",
        "  config: 'ruler: {}'\n  auth_enabled",
        "0.yaml:6:3 your loki.config does not read loki.rulerConfig;",
    ),
    "no_config": (
        "  auth_enabled",
        "  generatedConfigObjectName: ''\n  auth_enabled",
        "0.yaml:2:3 with an empty generatedConfigObjectName",
    ),
    "no_url": (
        "    alertmanager_url: http://alertmanager:9093\n",
        "",
        "0.yaml:5:3 no alertmanager_url: alerts are told to nobody",
    ),
    "url_without_scheme": ("http://alertmanager:9093", "alertmanager:9093", "0.yaml:6:5 alertmanager:9093 is no URL"),
    "url_with_path": (
        "alertmanager:9093",
        "alertmanager:9093/api/v2/alerts",
        "0.yaml:6:5 Loki puts /api/v2/alerts behind the URL itself; write the base URL",
    ),
    "second_url": ("alertmanager:9093", "a:9093,http://b:9093/api/v1/alerts/", "0.yaml:6:5 Loki puts /api/v2/alerts"),
    "api_v1": (
        "    storage",
        "    enable_alertmanager_v2: false\n    storage",
        "0.yaml:7:5 Alertmanager has no API v1 from 0.27 on; write true",
    ),
    "camel_case": (
        "alertmanager_url",
        "alertmanagerUrl",
        "0.yaml:6:5 Loki does not start: it has no alertmanagerUrl; write alertmanager_url",
    ),
    "groups": (
        "    storage",
        "    groups: []\n    storage",
        "0.yaml:7:5 rules are no part of Loki's settings, and it does not start;",
    ),
    "overridden": (
        "sidecar:",
        "  structuredConfig: {ruler: {alertmanager_url: 'http://b'}}\nsidecar:",
        "0.yaml:6:5 loki.structuredConfig.ruler.alertmanager_url overrides this; say it once",
    ),
    "object_store": (
        "type: local, local: {directory: /rules}",
        "type: s3",
        "0.yaml:7:15 the sidecar writes files, but the ruler reads its rules from s3;",
    ),
    "unsaid_store": (
        "    storage: {type: local, local: {directory: /rules}}\n",
        "",
        "0.yaml:8:3 the sidecar writes files, but the ruler reads its rules from what loki.storage says",
    ),
    "disk": (
        "    storage: {type: local, local: {directory: /rules}}\n",
        "  storage: {type: filesystem}\n",
        "0.yaml:9:11 the sidecar writes to /rules/fake, the ruler reads /var/loki/rules; write sidecar.rules.folder: /var/loki/rules/fake",
    ),
    "no_directory": (", local: {directory: /rules}", "", "0.yaml:7:5 local storage without a directory"),
    "no_tenant": ("folder: /rules/fake", "folder: /rules", "0.yaml:9:11 files in /rules itself are not read"),
    "too_deep": ("folder: /rules/fake", "folder: /rules/fake/vedette", "0.yaml:9:11 Loki looks one folder deep"),
    "elsewhere": (
        "folder: /rules/fake",
        "folder: /etc/rules/fake",
        "0.yaml:9:11 the sidecar writes to /etc/rules/fake, the ruler reads /rules",
    ),
    "other_tenant": (
        "folder: /rules/fake",
        "folder: /rules/home",
        "0.yaml:9:11 without auth_enabled every line is the tenant fake's",
    ),
    "fake_tenant": ("  auth_enabled: false\n", "", "0.yaml:8:11 fake is the tenant of a Loki with auth_enabled: false"),
    "sidecar_label": (
        "sidecar:",
        "sidecar:\n  label: x",
        "0.yaml:9:3 the chart does not read sidecar.label; write sidecar.rules.label",
    ),
    "loki_sidecar": (
        "  auth_enabled",
        "  sidecar: {}\n  auth_enabled",
        "0.yaml:2:3 the chart does not read loki.sidecar; write sidecar at the top",
    ),
    "prometheus_rules": (
        "sidecar:",
        'monitoring: {rules: {additionalGroups: [{rules: [{expr: \'{a="b"} |= "c"\'}]}]}}\nsidecar:',
        "0.yaml:8:22 these groups become a PrometheusRule, which Prometheus reads",
    ),
    "directories": (
        "sidecar:",
        "ruler: {directories: {fake: {}}}\nsidecar:",
        "0.yaml:8:9 ruler.directories is only made into ConfigMaps in the mode Distributed",
    ),
    "no_replicas": (
        "sidecar:",
        "deploymentMode: Distributed\nruler: {sidecar: true}\nsidecar:",
        "0.yaml:9:1 in the mode Distributed there is no ruler: ruler.replicas is 0",
    ),
    "no_sidecar": (
        "sidecar:",
        "deploymentMode: Distributed\nruler: {replicas: 1}\nsidecar:",
        "0.yaml:9:1 in the mode Distributed the ruler has no sidecar unless told",
    ),
    "no_line": ("{max_line_size: 1MB}", "{}", "0.yaml:3:3 lines above 262,144 bytes are refused"),
    "short_line": ("max_line_size: 1MB", "max_line_size: 512kb", "0.yaml:3:19 lines above 524,288 bytes are refused"),
    "odd_line": ("max_line_size: 1MB", "max_line_size: big", "0.yaml:3:19 max_line_size big is no size; write 1MB"),
    "cut": (
        "max_line_size: 1MB",
        "max_line_size: 1MB, max_line_size_truncate: true",
        "0.yaml:3:39 a line that is cut short is no record",
    ),
    "misspelt_limit": (
        "max_line_size: 1MB",
        "max_line_size: 1MB, maxLineSizeTruncate: true",
        "0.yaml:3:39 Loki does not start: it has no maxLineSizeTruncate; write max_line_size_truncate",
    ),
    "tenant_line": (
        "sidecar:",
        "  runtimeConfig: {overrides: {home: {max_line_size: 2048}}}\nsidecar:",
        "0.yaml:8:38 for the tenant home lines above 2,048 bytes are refused",
    ),
    "no_delete_store": (
        ", delete_request_store: s3",
        "",
        "0.yaml:4:15 Loki does not start: retention_enabled needs delete_request_store",
    ),
    "no_retention": ("retention_enabled: true", "compaction_interval: 10m", ""),
    "pod_retention": (
        "sidecar:",
        "compactor: {retention_enabled: true}\nsidecar:",
        "0.yaml:8:13 the chart does not read compactor.retention_enabled: compactor is its pod; write loki.compactor.retention_enabled",
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), WRONG.values(), ids=WRONG)
def test_each_known_mistake_is_found_at_its_place(old: str, new: str, said: str) -> None:
    """One change to right values makes one finding: where, what is wrong, what to write."""
    assert old in RIGHT
    found = findings(RIGHT.replace(old, new, 1))
    assert any(one.startswith(said) for one in found) if said else found == [], found
    assert all("; " in one and not one.endswith("; ") for one in found)


def test_retention_without_the_compactor_is_found() -> None:
    """A period alone deletes nothing."""
    text = RIGHT.replace("1MB", "1MB, retention_period: 90d").replace("retention_enabled: true, ", "")
    assert [one.split(";")[0] for one in findings(text)] == ["0.yaml:3:39 retention_period alone deletes nothing"]


def test_a_later_file_overrides(tmp_path: Path) -> None:
    """The finding is at the place that counts."""
    assert findings(RIGHT, "loki: {limits_config: {max_line_size: 1KB}}")[0].startswith("1.yaml:1:24 lines above 1,024")
    assert findings("loki: {rulerConfig: {alertmanager_url: ''}}", RIGHT) == []
    assert len(findings("a: 1", "b: 2")) == 2
