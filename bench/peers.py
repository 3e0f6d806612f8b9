"""Other programs on the same log: how they are found, started and told what to look for."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import measure
import yaml
from measure import Run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from oracles import rsigma as oracle  # noqa: E402

NO_DUCKDB = "duckdb is not installed (VEDETTE_DUCKDB_PYTHON=a python that has duckdb and PyYAML)"
NO_RSIGMA = "rsigma is not installed (cargo install --locked rsigma, or VEDETTE_RSIGMA=its path)"
RAW_NAMES = {"clientIPs": "sourceIPs", "objectAfter": "responseObject"}
"""Fields that vedette derives -> what comes nearest to them in the record, for an engine that reads the record only."""
JQ = """select(.objectRef.resource == "secrets"
  and (.verb | IN("get", "list", "watch", "deletecollection", "patch", "update"))
  and (.objectRef.namespace == null or (.objectRef.namespace | IN("vault", "sealed-secrets", "external-secrets")))
  and .responseStatus.code < 400
  and .user.username != "me@example.org"
  and (.user.username | test("^system:(serviceaccount:(vault|sealed-secrets|external-secrets):|apiserver$|node:)") | not))"""
"""Rule K3 as somebody would write it for jq."""


def duckdb_python() -> str | None:
    """A Python that has duckdb."""
    for python in (os.environ.get("VEDETTE_DUCKDB_PYTHON"), sys.executable):
        if (
            python
            and subprocess.run([python, "-c", "import duckdb, yaml"], capture_output=True, check=False).returncode == 0
        ):
            return python
    return None


def duckdb(python: str, threads: int, how: str, config: Path, files: Sequence[Path]) -> Run:
    """Seven stateless rules as SQL, `how` is plain or tuned."""
    return measure.run([python, str(HERE / "duck.py"), str(threads), how, str(config), *map(str, files)], keep=True)


def same_counts(vedette: Sequence[str], config: Path, files: Sequence[Path], ducks: Sequence[Run]) -> str:
    """Whether vedette finds as many acts by the seven rules as DuckDB did. Raises measure.Failed where it does not."""
    theirs = json.loads(ducks[0].output)
    if any(json.loads(duck.output) != theirs for duck in ducks):
        raise measure.Failed("DuckDB counts differently by its two queries")
    only = [word for rule in theirs for word in ("--rule", rule)]
    call = [*vedette, "scan", *map(str, files), "--config", str(config), "--matches", "-o", "jsonl", "-q", *only]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for line in measure.run(call, keep=True).output.splitlines():
        match = json.loads(line)
        # K2 and K9 do not ask how a request ended; of the others SQL counts what was done.
        if match["outcome"] == "done" or match["rule"] in {"K2", "K9"}:
            found[match["rule"]].add(match["act"])
    ours = {rule: len(found[rule]) for rule in theirs}
    if ours != theirs:
        raise measure.Failed(f"the counts differ: vedette {ours}, DuckDB {theirs}")
    return f"the same {sum(ours.values()):,} acts"


def rsigma_program() -> str | None:
    """The rsigma binary."""
    return oracle.program()


def rsigma_rules(folder: Path, config: Path) -> tuple[Path, str]:
    """The pack's Kubernetes rules in rsigma's words, written to `folder`; and how many documents those are."""
    from vedette import app
    from vedette.formats import SCHEMAS

    settings = app.load_settings(str(config))
    networks = {name: oracle.cidrs(found.v4, found.v6) for name, found in settings.site_networks().items()}
    schema = SCHEMAS["kube_audit"]
    rewriter = oracle.Rewriter(settings.site_texts(), networks, schema.aliases, RAW_NAMES)
    documents: list[dict[str, Any]] = []
    total = 0
    for file in app.pack_files():
        for document in yaml.safe_load_all(file.read_text("utf-8")):
            if document.get("logsource") != dict(schema.logsource):
                continue
            total += 1
            try:
                documents.append(rewriter.document(document))
            except oracle.CannotSay:
                continue
    shutil.rmtree(folder, ignore_errors=True)
    oracle.write_rules(folder, documents)
    return folder, f"{len(documents)} of {total} documents"


def rsigma(binary: str, rules: Path, file: Path) -> Run:
    """Its evaluator on one file."""
    return measure.run(oracle.command(binary, rules, file))


def jq(binary: str, file: Path) -> Run:
    """One rule."""
    return measure.run([binary, "-c", JQ, str(file)])


def many_networks(file: Path, config: Path, count: int) -> Path:
    """The settings with `count` further networks, none of which the corpus's addresses lie in."""
    settings = yaml.safe_load(config.read_text())
    rng = random.Random(5)
    others: set[str] = set()
    while len(others) < count:
        others.add(f"172.{rng.randint(16, 31)}.{rng.randint(0, 255)}.{rng.randint(0, 15) * 16}/28")
    if others:
        settings["networks"]["others"] = sorted(others)
    file.write_text(yaml.safe_dump(settings))
    return file
