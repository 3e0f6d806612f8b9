"""A real kube-apiserver with its etcd on ephemeral loopback ports, for as long as a test."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.real.vault import part
from vedette.clients.base import Http, NoAnswer

_START = 90.0
"""Seconds that a start may take on a busy machine; alone it takes five."""


class ApiServer:
    """etcd and one kube-apiserver in `folder`; its audit log, by `policy`, is `audit_log`."""

    def __init__(self, folder: Path, policy: Mapping[str, object], flags: str = "") -> None:
        """`flags`: more of kube-apiserver's; its working directory is `folder`."""
        self.folder = folder
        self._flags = flags
        self.audit_log = folder / "audit.log"
        self.ca = folder / "ca.crt"
        self._binaries = part("etcd"), part("kube-apiserver")
        self._root = secrets.token_hex(16)
        self._processes: list[subprocess.Popen[bytes]] = []
        (folder / "policy.json").write_text(json.dumps(policy))
        (folder / "tokens.csv").write_text(f'{self._root},root-admin,uid-root,"system:masters"\n')
        self._certificates()
        self._http = Http(ca_file=str(self.ca), timeout=20)
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        content: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and answer of one request, as an administrator unless `token` says otherwise; a body that is text is
        sent as it is."""
        sent = {"Authorization": f"Bearer {self._root if token is None else token}", "Content-Type": content}
        data = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        answer = self._http.request(method, self.address + path, headers=sent | dict(headers or {}), body=data)
        try:
            return answer.status, json.loads(answer.body or b"null")
        except ValueError:
            return answer.status, answer.body.decode()

    def stop(self) -> None:
        """End the processes; a second call does nothing."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._http.close()

    def _begin(self) -> None:
        client, peer, secure = _ports(3)
        etcd, apiserver = self._binaries
        self.address = f"https://127.0.0.1:{secure}"
        local = "http://127.0.0.1"
        self._run(
            etcd,
            "--data-dir=etcd --unsafe-no-fsync --log-level=error"
            f" --listen-client-urls={local}:{client} --advertise-client-urls={local}:{client}"
            f" --listen-peer-urls={local}:{peer} --initial-advertise-peer-urls={local}:{peer}"
            f" --initial-cluster=default={local}:{peer}",
        )
        self._run(
            apiserver,
            f"--etcd-servers={local}:{client} --secure-port={secure} --bind-address=127.0.0.1"
            " --advertise-address=192.0.2.1 --endpoint-reconciler-type=none --service-cluster-ip-range=10.96.0.0/12"
            " --tls-cert-file=serving.crt --tls-private-key-file=serving.key --token-auth-file=tokens.csv"
            " --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file=sa.key"
            " --service-account-key-file=sa.pub --authorization-mode=RBAC --profiling=false"
            " --audit-policy-file=policy.json --audit-log-path=audit.log --audit-log-mode=blocking " + self._flags,
        )
        self._await(lambda: self.call("GET", "/readyz")[0] == 200)

    def _run(self, binary: Path, flags: str) -> None:
        with (self.folder / f"{binary.name}.log").open("wb") as log:
            environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
            process = subprocess.Popen(
                [binary, *flags.split()], cwd=self.folder, stdout=log, stderr=log, env=environment
            )
        self._processes.append(process)

    def _certificates(self) -> None:
        key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj"
        for command in (
            "genrsa -out sa.key 2048",
            "rsa -in sa.key -pubout -out sa.pub",
            f"req -x509 {key} /CN=test-ca -keyout ca.key -out ca.crt -days 2",
            f"req {key} /CN=127.0.0.1 -keyout serving.key -out serving.csr -addext subjectAltName=IP:127.0.0.1",
            "x509 -req -in serving.csr -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copyall -out serving.crt",
        ):
            subprocess.run(["openssl", *command.split()], cwd=self.folder, check=True, capture_output=True)

    def _await(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _START
        while True:
            try:
                if condition():
                    return
            except NoAnswer:
                pass
            for process in self._processes:
                assert process.poll() is None, self._logs()
            assert time.monotonic() < end, self._logs()
            time.sleep(0.1)

    def _logs(self) -> str:
        return "\n".join((self.folder / name).read_text()[-2000:] for name in ("etcd.log", "kube-apiserver.log"))


def _ports(number: int) -> list[int]:
    """Ports that are free now; all are held until all are known."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
