"""deploy/ is what it says: a unit that systemd accepts and that vedette runs under, a manifest whose settings load."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.scans import LOGS, ROOT, SETTINGS
from vedette import __version__, app

DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd/vedette.service"
DROP_IN = DEPLOY / "systemd/root-only-logs.conf"
MANIFEST = DEPLOY / "kubernetes/webhook.yaml"
CONTAINERFILE = DEPLOY / "Containerfile"
EXPOSURE = 2.0
"""What `systemd-analyze security` may find at most, of 10."""
MDWE = 65
"""prctl(PR_SET_MDWE), Linux 6.3: no memory is made executable from here on, as MemoryDenyWriteExecute= has it."""


def program(name: str) -> str:
    """A program of systemd's or a tracer; the test is skipped where it is absent."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} in PATH")
    return found


def unit(*files: Path) -> configparser.ConfigParser:
    """A unit as it is read; of settings that stand several times the last."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign] # systemd's names have capitals
    parser.read(files)
    return parser


def documents() -> dict[str, dict[str, Any]]:
    """The manifest's objects by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all(MANIFEST.read_text("utf-8"))}


def container() -> dict[str, Any]:
    """The one container."""
    (one,) = documents()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert isinstance(one, dict)
    return one


@pytest.mark.parametrize("drop_in", [False, True], ids=["alone", "root-only-logs"])
def test_systemd_accepts_the_unit(tmp_path: Path, drop_in: bool) -> None:
    """systemd finds nothing unknown in it, and little that the service is exposed to."""
    analyze = program("systemd-analyze")
    copy = tmp_path / "vedette.service"
    copy.write_text(UNIT.read_text("utf-8").replace("/opt/vedette/bin/vedette", sys.executable), "utf-8")
    if drop_in:
        (tmp_path / "vedette.service.d").mkdir()
        shutil.copy(DROP_IN, tmp_path / "vedette.service.d")
    for words in (["verify"], ["security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}"]):
        done = subprocess.run([analyze, *words, str(copy)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "vedette.service:" not in done.stderr, done.stderr


def test_the_unit_goes_with_what_vedette_tells_systemd() -> None:
    """The unit waits for READY, reloads by SIGHUP, gives more time to end than draining takes, and has a watchdog."""
    service = unit(UNIT)["Service"]
    assert service["Type"] == "notify"
    assert service["ExecReload"] == "kill -HUP $MAINPID"
    assert int(service["TimeoutStopSec"]) > 10
    assert int(service["WatchdogSec"]) == 60
    assert service["Restart"] == "on-failure"
    words = service["ExecStart"].split()[1:]
    assert app_takes(words)


def test_the_containers_arguments_are_taken() -> None:
    """What manifest and Containerfile call vedette with is a command line of it."""
    assert app_takes(container()["args"])
    found = re.search(r"^CMD \[(.*)\]$", CONTAINERFILE.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    assert [word.strip().strip('"') for word in found[1].split(",")] == container()["args"]


def app_takes(words: list[str]) -> bool:
    """True for a command line that is parsed."""
    from vedette.cli.parser import build

    return bool(build().parse_args(words).command == "watch")


def watch(tmp_path: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """A whole run over the examples, with every kind of source that needs no server, a status address and a sink that
    refuses, started by `before`."""
    config = tmp_path / "vedette.yaml"
    (tmp_path / "journal").mkdir()
    sources = f"""sources:
  webhook: [{{name: hook, listen: '127.0.0.1:0'}}]
  journald: [{{name: journal, directory: {tmp_path / "journal"}}}]
  hashes: [{{name: files, paths: [{SETTINGS}]}}]
"""
    more = "sinks: {webhook: [{name: far, url: 'http://localhost:1/in'}]}\nwatch: {listen: '127.0.0.1:0'}\n"
    config.write_text(SETTINGS.read_text("utf-8").replace("sources:\n", sources, 1) + more, "utf-8")
    return subprocess.run(
        [
            *before,
            *("-m", "vedette", "watch", "--until-read", "--output", "none"),
            *("--config", str(config), "--state", str(tmp_path / "state"), str(LOGS)),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_runs_without_writable_code(tmp_path: Path) -> None:
    """Where no memory may become executable after the start (MemoryDenyWriteExecute=), every alert is found."""
    assert unit(UNIT)["Service"]["MemoryDenyWriteExecute"] == "yes"
    deny = (
        "import ctypes, runpy, sys; libc = ctypes.CDLL(None);"
        f"sys.exit(77) if libc.prctl({MDWE}, 1, 0, 0, 0) else None; sys.argv[1:3] = [];"
        "runpy.run_module('vedette', run_name='__main__', alter_sys=True)"
    )
    done = watch(tmp_path, sys.executable, "-c", deny)
    if done.returncode == 77:
        pytest.skip("this kernel cannot deny writable code (Linux 6.3)")
    assert done.returncode == 0, done.stderr
    assert re.search(r"vedette: 3\d alerts opened", done.stderr), done.stderr


def filtered(analyze: str, *groups: str) -> set[str]:
    """The system calls of some of systemd's groups."""
    calls: set[str] = set()
    for group in groups:
        text = subprocess.run([analyze, "syscall-filter", group], capture_output=True, text=True, check=True).stdout
        words = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
        inner = [word for word in words if word.startswith("@")]
        calls |= {word for word in words if not word.startswith("@")} | (filtered(analyze, *inner) if inner else set())
    return calls


def permitted(analyze: str) -> set[str]:
    """The calls that the unit permits: each SystemCallFilter= adds, with ~ takes away, in the order in which they stand."""
    calls: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE):
        words = line.removeprefix("~").split()
        groups = filtered(analyze, *(word for word in words if word.startswith("@")))
        named = groups | {word for word in words if not word.startswith("@")}
        calls = calls - named if line.startswith("~") else calls | named
    return calls


def test_it_makes_only_system_calls_that_the_unit_allows(tmp_path: Path) -> None:
    """All calls of a run are in SystemCallFilter=, all sockets of the families in RestrictAddressFamilies=."""
    analyze, strace = program("systemd-analyze"), program("strace")
    trace = tmp_path / "trace"
    done = watch(tmp_path, strace, "-f", "-qq", "-o", str(trace), "-e", "signal=none", sys.executable)
    if not trace.exists() or "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    text = trace.read_text("utf-8", "replace")
    made = set(re.findall(r"^\d+ +(\w+)\(", text, re.MULTILINE))
    assert made >= {"openat", "flock", "connect", "listen"}
    assert "/journalctl" in text
    allowed = permitted(analyze)
    if os.geteuid() == 0:
        # SQLite gives its files to the database's owner where it may.
        allowed |= {"fchown"}
    assert sorted(made - allowed) == []
    assert allowed.isdisjoint({"mount", "reboot", "init_module", "ptrace", "bpf", "setuid"})
    families = set(re.findall(r"socket\((AF_\w+)", text))
    assert families <= set(unit(UNIT)["Service"]["RestrictAddressFamilies"].split())


def test_the_manifests_settings_load(tmp_path: Path) -> None:
    """The vedette.yaml in the ConfigMap is one, and names the paths at which the Secrets are mounted."""
    held = documents()["ConfigMap"]["data"]["vedette.yaml"]
    (tmp_path / "vedette.yaml").write_text(held, "utf-8")
    settings = app.load_settings(str(tmp_path / "vedette.yaml"))
    (hook,) = settings.sources.webhook
    mounts = {one["mountPath"]: one["name"] for one in container()["volumeMounts"]}
    volumes = {one["name"]: one for one in documents()["StatefulSet"]["spec"]["template"]["spec"]["volumes"]}
    for path, secret in (
        (hook.tls_cert_file, "webhook-tls"),
        (hook.tls_key_file, "webhook-tls"),
        (hook.token_file, "webhook-token"),
    ):
        assert volumes[mounts[str(Path(path).parent)]]["secret"]["secretName"] == secret
    assert settings.watch.state in mounts
    ports = {one["name"]: one["containerPort"] for one in container()["ports"]}
    assert ports == {"webhook": int(hook.listen[1:]), "status": int(settings.watch.listen[1:])}
    assert {name: container()[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")} == {
        "startup": {"path": "/livez", "port": "status"},
        "liveness": {"path": "/livez", "port": "status"},
        "readiness": {"path": "/readyz", "port": "status"},
    }
    assert "Secret" not in documents()


def test_the_manifest_is_locked_down() -> None:
    """It runs as nobody in particular, writes nothing but its volumes, has no token, and few may reach it."""
    found = documents()
    pod = found["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert found["ServiceAccount"]["automountServiceAccountToken"] is False
    assert found["Namespace"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    webhook = [rule for rule in found["NetworkPolicy"]["spec"]["ingress"] if {"port": "webhook"} in rule["ports"]]
    assert [sorted(one) for rule in webhook for one in rule["from"]] == [["ipBlock"]] * 3
    assert found["NetworkPolicy"]["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_the_kubeconfig_fits_the_service() -> None:
    """The name that the API server asks the certificate for is the Service's, and no secret stands in the file."""
    config = yaml.safe_load((DEPLOY / "kubernetes/audit-webhook.kubeconfig").read_text("utf-8"))
    cluster = config["clusters"][0]["cluster"]
    service = documents()["Service"]["metadata"]
    assert cluster["tls-server-name"] == f"{service['name']}.{service['namespace']}.svc"
    assert cluster["server"].startswith("https://")
    assert config["current-context"] == config["contexts"][0]["name"]
    assert set(config["users"][0]["user"]) == {"tokenFile"}


def test_the_containerfile_is_locked_and_rootless() -> None:
    """Everything that it copies is there, every package comes by its hash, it runs as the manifest's user, and the
    image is the manifest's."""
    text = CONTAINERFILE.read_text("utf-8")
    sources = [word for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert sources
    assert [name for name in sources if not (ROOT / name).exists()] == []
    installs = re.findall(r"pip install ([^\n&]*)", text)
    assert installs
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert re.search(r"^USER 65532:65532$", text, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["', text, re.MULTILINE)
    assert container()["image"] == f"vedette:{__version__}"
    assert f"-t vedette:{__version__} " in text
    names = re.findall(r"^ARG \w+=(\S+)$", text, re.MULTILINE)
    assert [name for name in names if "/" in name] == []


def test_the_readme_names_every_file() -> None:
    """deploy/README.md says of each file what it is."""
    text = (DEPLOY / "README.md").read_text("utf-8")
    files = [path.relative_to(DEPLOY) for path in DEPLOY.rglob("*") if path.is_file() and path.name != "README.md"]
    assert [str(name) for name in files if f"({name})" not in text] == []
