"""Helm itself, on the chart itself: the rendered values reach Loki's configuration, and each mistake that the check of
values names is one.

VEDETTE_LOKI_CHART names the chart's folder, or several with a colon between (production/helm/loki of grafana/loki,
charts/loki of grafana-community/helm-charts); `helm` is looked for among the built parts and in PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lab.built import folder
from tests.render.test_helm_check import RIGHT, WRONG

from vedette.render import helm_check
from vedette.render.loki_config import LokiNeeds, helm_values

pytestmark = pytest.mark.oracle
CHARTS = [Path(one) for one in os.environ.get("VEDETTE_LOKI_CHART", "").split(":") if one]
BASE = """\
loki:
  useTestSchema: true
  storage: {type: s3, bucketNames: {chunks: c, ruler: r, admin: a}}
"""


@pytest.fixture(params=CHARTS or [Path()], ids=lambda chart: chart.name or "none")
def chart(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a chart without the charts that it depends on, which are off unless asked for."""
    if not CHARTS:
        pytest.skip("VEDETTE_LOKI_CHART names no chart")
    copy = tmp_path / "chart"
    shutil.copytree(request.param, copy)
    about = yaml.safe_load((copy / "Chart.yaml").read_text("utf-8"))
    about.pop("dependencies", None)
    (copy / "Chart.yaml").write_text(yaml.safe_dump(about), "utf-8")
    (copy / "Chart.lock").unlink(missing_ok=True)
    return copy


def rendered(chart: Path, *values: str) -> list[dict[str, Any]] | None:
    """What helm makes of values, or None where it refuses them."""
    helm = shutil.which("helm", path=str(folder())) or shutil.which("helm")
    if helm is None:
        pytest.skip("no helm in PATH or among the built parts")
    command = [helm, "template", "loki", str(chart), "--kube-version", "1.34.0"]
    for number, text in enumerate((BASE, *values)):
        file = chart.parent / f"values-{number}.yaml"
        file.write_text(text, "utf-8")
        command += ["-f", str(file)]
    env = {"HOME": str(chart.parent), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, timeout=120, env=env, check=False)
    if done.returncode:
        return None
    return [one for one in yaml.load_all(done.stdout, yaml.CSafeLoader) if one]


def config(objects: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Loki's configuration among them."""
    assert objects is not None
    found = [one for one in objects if one["kind"] == "ConfigMap" and "config.yaml" in one.get("data", {})]
    assert len(found) == 1
    read = yaml.safe_load(found[0]["data"]["config.yaml"])
    assert isinstance(read, dict)
    return read


def sidecars(objects: list[dict[str, Any]] | None) -> list[dict[str, str]]:
    """The environment of each container that gathers rules."""
    assert objects is not None
    return [
        {one["name"]: str(one.get("value", "")) for one in container.get("env", [])}
        for thing in objects
        if thing["kind"] in ("StatefulSet", "Deployment")
        for container in thing["spec"]["template"]["spec"]["containers"]
        if "sc-rules" in container["name"]
    ]


def test_the_rendered_values_reach_loki(chart: Path) -> None:
    """Limits, retention, ruler and the sidecar's folder, as they were meant."""
    values = helm_values(LokiNeeds(("http://alertmanager:9093",), ("kube-audit",)))
    objects = rendered(chart, values)
    made, meant = config(objects), yaml.safe_load(values)["loki"]
    assert made["ruler"].items() >= meant["rulerConfig"].items()
    assert made["limits_config"].items() >= meant["limits_config"].items()
    assert made["compactor"] == meant["compactor"]
    assert {one["FOLDER"] for one in sidecars(objects)} == {"/rules/fake"}
    assert {one["LABEL"] for one in sidecars(objects)} == {"loki_rule"}


def test_loki_takes_what_the_chart_makes(chart: Path, tmp_path: Path) -> None:
    """Its own check of the whole configuration."""
    loki = folder() / "loki"
    if not loki.exists():
        pytest.skip("no loki among the built parts")
    values = helm_values(LokiNeeds(("http://alertmanager:9093",), ("kube-audit",)))
    made = config(rendered(chart, values))
    # Of the cluster's names, which are not here.
    made.pop("runtime_config", None)
    (tmp_path / "loki.yaml").write_text(yaml.safe_dump(made), "utf-8")
    command = [str(loki), "-verify-config", f"-config.file={tmp_path / 'loki.yaml'}"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-800:]


def test_the_check_knows_every_key_of_the_chart(chart: Path) -> None:
    """Of those that it calls unread none is the chart's."""
    values = yaml.safe_load((chart / "values.yaml").read_text("utf-8"))
    assert set(values["loki"]) <= helm_check._LOKI_KEYS
    assert set(values["sidecar"]) <= helm_check._SIDECAR_KEYS
    assert set(values["sidecar"]["rules"]) <= helm_check._SIDECAR_RULES_KEYS
    assert set(values["ruler"]).isdisjoint(helm_check._RULER_KEYS | {"config", "rules", "groups"})
    assert set(values).isdisjoint({*helm_check._TOP, "config"})
    assert set(values["compactor"]).isdisjoint({"retention_enabled", "delete_request_store", "working_directory"})
    assert values["loki"]["storage"]["filesystem"]["rules_directory"] == helm_check._FILESYSTEM
    assert values["sidecar"]["rules"]["folder"] == "/rules"
    assert values["loki"]["auth_enabled"] is True
    assert values["ruler"]["replicas"] == 0
    assert all(word in values["loki"]["config"] for word in helm_check._READ)


Sees = Callable[[list[dict[str, Any]] | None], bool]


def ruler(objects: list[dict[str, Any]] | None) -> dict[str, Any]:
    """The ruler's settings; empty where there are none."""
    return config(objects).get("ruler") or {}


def workload(objects: list[dict[str, Any]] | None) -> list[int]:
    """How many pods each ruler of its own has."""
    assert objects is not None
    kinds = ("StatefulSet", "Deployment")
    return [
        one["spec"]["replicas"] for one in objects if one["kind"] in kinds and one["metadata"]["name"].endswith("ruler")
    ]


MISTAKES: dict[str, Sees] = {
    "loki_ruler": lambda made: "alertmanager_url" not in ruler(made),
    "ruler_config": lambda made: "config" not in ruler(made),
    "ruler_url": lambda made: ruler(made)["alertmanager_url"] != "x",
    "ruler_off": lambda made: ruler(made) == {},
    "top_config": lambda made: made is None,
    "config_map": lambda made: made is None,
    "own_config": lambda made: "alertmanager_url" not in ruler(made),
    "no_config": lambda made: not any("config.yaml" in one.get("data", {}) for one in made or ()),
    "no_url": lambda made: "alertmanager_url" not in ruler(made),
    "overridden": lambda made: ruler(made)["alertmanager_url"] == "http://b",
    "unsaid_store": lambda made: ruler(made)["storage"]["type"] == "s3",
    "sidecar_label": lambda made: all(one["LABEL"] == "loki_rule" for one in sidecars(made)),
    "loki_limits": lambda made: "max_line_size" not in config(made)["limits_config"],
    "no_line": lambda made: "max_line_size" not in config(made)["limits_config"],
    "pod_retention": lambda made: (
        config(made)["compactor"] == {"retention_enabled": True, "delete_request_store": "s3"}
    ),
    "directories": lambda made: (
        not any("rules" in str(one.get("data", "")) and "fake" in one["metadata"]["name"] for one in made or ())
    ),
}


REFUSED = ("top_config", "config_map")
"""Of these the check says that helm refuses them."""
ELSEWHERE = ("ruler_url", "sidecar_label", "pod_retention", "directories", "ruler_config")
"""Here the right values stand beside the wrong ones, so what helm makes is the same with and without."""


@pytest.mark.parametrize("name", MISTAKES)
def test_what_the_check_calls_a_mistake_is_one(chart: Path, name: str) -> None:
    """Helm refuses it, or makes something else of it than its author meant."""
    old, new, _ = WRONG[name]
    wrong, right = rendered(chart, RIGHT.replace(old, new, 1)), rendered(chart, RIGHT)
    assert (wrong is None) == (name in REFUSED)
    assert right is not None
    assert MISTAKES[name](wrong)
    assert MISTAKES[name](right) == (name in ELSEWHERE)


ONE = """\
deploymentMode: {mode}
singleBinary: {{replicas: 1}}
backend: {{replicas: 0}}
read: {{replicas: 0}}
write: {{replicas: 0}}
"""


def test_on_a_disk_the_ruler_reads_where_the_check_says(chart: Path) -> None:
    """The chart names no directory of the ruler's then; Loki takes the common one."""
    old, new, said = WRONG["disk"]
    default = yaml.safe_load((chart / "values.yaml").read_text("utf-8"))["deploymentMode"]
    mode = ONE.format(mode=default if default == "Monolithic" else "SingleBinary")
    made = config(rendered(chart, RIGHT.replace(old, new, 1), mode))
    assert made["ruler"]["storage"] == {"type": "local"}
    assert made["common"]["storage"]["filesystem"]["rules_directory"] == "/var/loki/rules"
    assert "the ruler reads /var/loki/rules" in said


DISTRIBUTED = """\
deploymentMode: Distributed
singleBinary: {replicas: 0}
backend: {replicas: 0}
read: {replicas: 0}
write: {replicas: 0}
ingester: {replicas: 1}
"""


def test_a_distributed_loki_has_no_ruler_and_no_sidecar_unless_told(chart: Path) -> None:
    """Of which the check says both."""
    bare = rendered(chart, RIGHT, DISTRIBUTED)
    assert workload(bare) == [0]
    assert sidecars(bare) == []
    told = rendered(chart, RIGHT, DISTRIBUTED, "ruler: {replicas: 1, sidecar: true}\n")
    assert workload(told) == [1]
    assert [one["FOLDER"] for one in sidecars(told)] == ["/rules/fake"]


def test_rules_in_the_values_lie_where_the_check_says(chart: Path) -> None:
    """ruler.directories, in the mode in which they are read."""
    directories = "ruler: {replicas: 1, directories: {fake: {a.txt: 'groups: []'}}}\n"
    objects = rendered(chart, RIGHT, DISTRIBUTED, directories)
    assert objects is not None
    mounts = [
        mount["mountPath"]
        for one in objects
        if one["kind"] in ("StatefulSet", "Deployment") and one["metadata"]["name"].endswith("ruler")
        for container in one["spec"]["template"]["spec"]["containers"]
        for mount in container["volumeMounts"]
    ]
    assert "/etc/loki/rules/fake" in mounts
