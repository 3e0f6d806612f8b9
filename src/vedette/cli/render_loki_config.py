"""`vedette render loki-config` and `vedette render helm`: what Loki must be given, and a check of Helm values."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.render.loki_config import LokiNeeds


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """What it needs; `name` is the command."""
    parser.add_argument(
        "--alertmanager",
        action="append",
        default=[],
        metavar="URL",
        help="Alertmanager's base URL, once for each; else sinks.alertmanager of vedette.yaml",
    )
    parser.add_argument("--retention", default="90d", metavar="SPAN", help="how long these logs are kept (90d)")
    parser.add_argument("--tenant", default="", metavar="NAME", help="whose the rules are; else a Loki without tenants")
    parser.add_argument(
        "--job",
        action="append",
        default=[],
        metavar="SOURCE=NAME",
        help="the job label of a log: kube=kube-audit, vault=vault-audit, sshd=sshd-pve; as in render loki",
    )
    if name == "helm":
        parser.add_argument(
            "--store", default="s3", metavar="STORE", help="your object store: s3, gcs, azure, swift, filesystem (s3)"
        )
        parser.add_argument(
            "--check",
            nargs="+",
            metavar="VALUES",
            help="print nothing; look for wrong keys in values files, in the order in which helm is given them",
        )
        return
    parser.add_argument("--data", default="/var/lib/loki", metavar="DIR", help="where it keeps all (/var/lib/loki)")
    parser.add_argument("--rules", default="/etc/loki/rules", metavar="DIR", help="rule files (/etc/loki/rules)")
    parser.add_argument(
        "--listen", default="127.0.0.1:3100", metavar="HOST:PORT", help="where it serves HTTP (127.0.0.1:3100)"
    )
    parser.add_argument("--grpc-port", type=int, default=9095, metavar="PORT", help="its own port on loopback (9095)")


def run(args: argparse.Namespace) -> int:
    """0: printed, or nothing wrong in the values; 1: findings; 2: error."""
    from vedette import app
    from vedette.escape import terminal
    from vedette.render.loki_config import BadLoki, helm_values, loki_config

    if args.file == "helm" and args.check:
        return _check(args.check)
    try:
        needs = _needs(args)
        if args.file == "helm":
            text = helm_values(needs, store=args.store)
        else:
            text = loki_config(needs, data=args.data, rules=args.rules, listen=args.listen, grpc_port=args.grpc_port)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    except BadLoki as error:
        print(f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2
    print(text, end="")
    return 0


def _needs(args: argparse.Namespace) -> LokiNeeds:
    from vedette import app
    from vedette.cli.render_loki import jobs
    from vedette.render.logql import JOBS
    from vedette.render.loki_config import LokiNeeds

    settings = app.load_settings(args.config)
    urls = args.alertmanager or [url for sink in settings.sinks.alertmanager for url in sink.urls]
    named = {**JOBS, **jobs(args.job)}
    return LokiNeeds(tuple(urls), tuple(named.values()), args.retention, args.tenant)


def _check(files: list[str]) -> int:
    """One line a finding."""
    from vedette.escape import terminal
    from vedette.render.helm_check import check_values
    from vedette.yaml_text import Document, YamlError, read_file

    documents = []
    for name in files:
        try:
            read = read_file(Path(name))
        except YamlError as error:
            print(error, file=sys.stderr)
            return 2
        if len(read) > 1 or (read and not isinstance(read[0].value, dict | None)):
            print(f"vedette: {terminal(name)}: no values: one map is needed", file=sys.stderr)
            return 2
        documents.append(read[0] if read else Document(name, None, []))
    findings = check_values(documents)
    for one in findings:
        words = f"{one.file}:{one.line}:{one.column}: {one.message}; {one.mend}"
        print(terminal(words, 600))
    if not findings:
        print(f"{terminal(', '.join(files))}: nothing wrong is known of these values")
    return 1 if findings else 0
