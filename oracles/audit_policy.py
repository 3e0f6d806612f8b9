"""kube-apiserver's own audit policy package as an oracle, by a small Go program (lab/parts/kube-apiserver/oracle)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "audit-policy-oracle"


def program() -> str | None:
    """The oracle: in the folder named by VEDETTE_PARTS, else where `make lab` builds it, else on PATH."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedette-parts" / "bin"
    held = Path(os.environ.get("VEDETTE_PARTS") or cache) / NAME
    return str(held) if os.access(held, os.X_OK) else shutil.which(NAME)


def answers(binary: str, questions: Iterable[tuple[str, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
    """For each (policy, requests): `{"error": …}`, or `{"verdicts": [{level, omitStages, omitManagedFields}]}`.

    A request has user, groups, verb, namespace, group, resource, subresource, name, path, resourceRequest and nobody.
    """
    text = "".join(json.dumps({"policy": policy, "requests": list(asked)}) + "\n" for policy, asked in questions)
    done = subprocess.run([binary], input=text, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{NAME}: exit {done.returncode}: {done.stderr[-600:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
