"""go-bexpr as an oracle of what Vault's audit filters let pass, by a small Go program (lab/parts/vault-filter)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "audit-filter-oracle"


def program() -> str | None:
    """The oracle: in the folder named by VEDETTE_PARTS, else where `make lab` builds it, else on PATH."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedette-parts" / "bin"
    held = Path(os.environ.get("VEDETTE_PARTS") or cache) / NAME
    return str(held) if os.access(held, os.X_OK) else shutil.which(NAME)


def answers(binary: str, questions: Iterable[tuple[str, Sequence[Mapping[str, str]]]]) -> list[dict[str, Any]]:
    """For each (filter, requests): `{"error": …}`, or `{"passes": [bool]}`."""
    text = "".join(json.dumps({"filter": one, "requests": list(asked)}) + "\n" for one, asked in questions)
    done = subprocess.run([binary], input=text, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(f"{NAME}: exit {done.returncode}: {done.stderr[-600:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
