"""A real sshd through a real rsyslogd, rotated by a real logrotate, into the watcher: S1 from outside, and only from there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.scans import ROOT
from tests.watch.watching import watching

INSIDE = Path(__file__).with_name("sshd_inside.sh")
NEEDS = ("unshare", "ip", "rsyslogd", "logrotate", "ssh", "ssh-keygen", "openssl")


def test_logins_from_outside_alert_over_a_rotation(tmp_path: Path) -> None:
    """Two from one address outside, before and after the log was rotated: one alert, two acts; the login from the LAN is
    none, and reading once more repeats nothing."""
    missing = [name for name in NEEDS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if os.geteuid() != 0 or missing or not Path("/usr/sbin/sshd").exists():
        pytest.skip(f"needs root, sshd and {', '.join(missing) or 'namespaces'}")
    # The users who log in must be able to enter it, as they cannot pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="vedette-sshd-") as folder:
        work = Path(folder)
        work.chmod(0o755)
        command = ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        environment = {**os.environ, "WORK": folder, "HERE": str(ROOT / "examples" / "record")}
        done = subprocess.run(
            [*command, "bash", str(INSIDE)], env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        if "unshare failed" in done.stderr or "Operation not permitted" in done.stderr:
            pytest.skip(f"no namespaces here: {done.stderr.strip()[:200]}")
        assert done.returncode == 0, done.stderr
        assert (work / "auth.log.1").exists()
        _watch_twice(tmp_path / "state", work / "auth.log*")


def _watch_twice(state: Path, logs: Path) -> None:
    for _ in range(2):
        with watching(state, logs) as (watcher, store):
            watcher.run(until_read=True)
            alerts = [kept.alert for kept in store.alerts.listed()]
            assert [(one.rule, one.actor, one.address, one.object, one.count) for one in alerts] == [
                ("S1", "me", "203.0.113.9", "k8s-master", 2)
            ]
