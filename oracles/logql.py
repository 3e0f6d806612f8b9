"""Loki's own LogQL as an oracle: which lines a query passes, and with which labels, without a Loki.

The program is lab/parts/loki/oracle, Loki's parser and pipeline as a library; `lab/parts/build.sh loki FOLDER
logql-oracle` builds it.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

Labels = dict[str, str]


class BadQuery(Exception):
    """Loki refuses the query; `str()` is its reason."""


def program() -> str | None:
    """The program logql-oracle: in the folder that VEDETTE_PARTS names, else in the cache's."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vedette-parts" / "bin"
    found = Path(os.environ.get("VEDETTE_PARTS") or cache) / "logql-oracle"
    return str(found) if os.access(found, os.X_OK) else None


class Oracle:
    """The program, running; as a context it is ended."""

    def __init__(self, binary: str) -> None:
        self._process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, queries: Sequence[str], lines: Sequence[bytes]) -> list[list[Labels | None]]:
        """For each query, and in it for each line, the labels that it ends with, None where it is left out.

        A log query or a metric query. Raises BadQuery.
        """
        sent = {"queries": list(queries), "lines": [base64.b64encode(line).decode() for line in lines]}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(sent).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"logql-oracle ended: {self._process.wait()}")
        answers = json.loads(answer)["answers"]
        for query, one in zip(queries, answers, strict=True):
            if "error" in one:
                raise BadQuery(f"{one['error']}: {query[:2000]}")
        return [one.get("lines", []) for one in answers]
