"""The servers that no package brings: where they are, and how a missing one is built.

Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
GO = (1, 26, 6)
"""The oldest Go that builds them all: Loki's go line."""


class NoPart(unittest.SkipTest):
    """A server is not there; `str()` says which and what to do. Test runners take it for a reason to skip."""


class CannotBuild(Exception):
    """A server cannot be built; `str()` says why and what to do."""


@dataclass(frozen=True)
class Built:
    """One binary that `parts/build.sh` makes."""

    component: str
    """A folder of `parts`."""
    binary: str
    minutes: int
    """A cold build takes less than half of them on two cores."""
    tags: str = ""
    """VAULT_TAGS."""
    oracle: bool = False
    """A program of ours around its module, for `oracles/`: what it is built from lies a folder deeper."""


PARTS = (
    Built("etcd", "etcd", 5),
    Built("kube-apiserver", "kube-apiserver", 15),
    Built("kube-apiserver", "kube-controller-manager", 10),
    Built("vault", "vault", 15, "minimal"),
    Built("loki", "loki", 15),
    Built("promtail", "promtail", 10),
)
"""The lab's servers."""
ORACLES = (
    Built("loki", "logql-oracle", 10, oracle=True),
    Built("kube-apiserver", "audit-policy-oracle", 10, oracle=True),
    Built("vault-filter", "audit-filter-oracle", 5, oracle=True),
)
"""Other people's evaluators, which only tests ask."""


def folder() -> Path:
    """Where binaries are looked for and built into: VEDETTE_PARTS, else a folder of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("VEDETTE_PARTS") or cache / "vedette-parts" / "bin")


def part(name: str) -> Path:
    """The built server `name`. Raises NoPart."""
    found = folder() / name
    if not os.access(found, os.X_OK):
        raise NoPart(f"no {name} among the built parts (`make lab` builds it; or set VEDETTE_PARTS)")
    return found


def packaged(*names: str) -> Path:
    """A program that the system's packages bring, by any of its names. Raises NoPart."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    for name in names:
        if found := shutil.which(name, path=path):
            return Path(found)
    raise NoPart(f"no {names[0]} in PATH")


def build_missing(say: Callable[[str], None]) -> None:
    """Build the servers that are not there, and those that were built from another version; `say` is told of each.
    Raises CannotBuild."""
    for one in PARTS:
        _build_missing(one, say)


def build_for_tests(say: Callable[[str], None]) -> None:
    """The same for the oracles as well; what cannot be built is named, and must not cost the others."""
    for one in (*PARTS, *ORACLES):
        try:
            if not _build_missing(one, say):
                say(f"{one.binary} is there already")
        except CannotBuild as error:
            say(f"{error}; tests that need it skip")


def _build_missing(one: Built, say: Callable[[str], None]) -> bool:
    """Whether it had to be built."""
    stamp = folder() / f".{one.binary}.stamp"
    # A binary without a stamp was put there by somebody else.
    fresh = not stamp.exists() or stamp.read_text().strip() == _stamp(one)
    if os.access(folder() / one.binary, os.X_OK) and fresh:
        return False
    _check_go(one.binary)
    say(f"building {one.binary}, up to {one.minutes} minutes")
    _build(one)
    stamp.write_text(f"{_stamp(one)}\n")
    return True


def go_version(said: str) -> tuple[int, ...]:
    """The numbers of `go env GOVERSION`: go1.26.8 -> (1, 26, 8); empty where it is none."""
    found = re.match(r"go(\d+(?:\.\d+)*)", said)
    return tuple(int(number) for number in found[1].split(".")) if found else ()


def _check_go(binary: str) -> None:
    wanted = "Go " + ".".join(str(number) for number in GO)
    go = shutil.which("go")
    if go is None:
        raise CannotBuild(f"{binary} is missing, and its build needs {wanted}, of which there is none in PATH")
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    said = done.stdout.strip()
    if go_version(said) < GO:
        raise CannotBuild(f"{binary} is missing, and its build needs {wanted}; {go} is {said or 'not usable'}")
    for tool in ("bash", "jq"):
        if shutil.which(tool) is None:
            raise CannotBuild(f"{binary} is missing, and its build needs {tool}")


def _build(one: Built) -> None:
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new.", dir=folder()) as new:
        command = ["bash", str(HERE / "parts" / "build.sh"), one.component, new, one.binary]
        # In a group of its own: what `go` started ends with it, at the end of its time or at Ctrl-C.
        process = subprocess.Popen(
            command,
            env={**os.environ, "VAULT_TAGS": one.tags},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=one.minutes * 60)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise CannotBuild(f"{one.binary} was not built within {one.minutes} minutes") from None
            raise
        if process.returncode != 0:
            raise CannotBuild(f"{one.binary} could not be built: " + "\n".join(said.splitlines()[-5:]))
        (Path(new) / one.binary).replace(folder() / one.binary)


def _stamp(one: Built) -> str:
    """What a binary was built from: the files of its module, and its tags."""
    within = HERE / "parts" / one.component
    found = [*within.iterdir(), *(within.glob("*/*") if one.oracle else ())]
    files = sorted((path for path in found if path.is_file()), key=str)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16] + f"-{one.tags}"
