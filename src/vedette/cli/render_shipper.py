"""`vedette render promtail` and `vedette render alloy`: what brings the logs to Loki, with the labels of the rules."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.render.shipper import Log, Shipper
    from vedette.settings import Settings

JOURNAL = "journal"
_DEFAULTS = {
    "kube": "/var/log/kubernetes/audit/audit.log",
    "vault": "/var/log/vault/audit.log",
    "sshd": JOURNAL,
}
"""Where a log is, when nobody says: as in kubeadm's and Vault's own examples; a machine of today has a journal."""
_FORMATS = {"kube": "kube_audit", "vault": "vault_audit", "sshd": "sshd"}
_WORDS = {"kube": ("kube", "k8s"), "vault": ("vault", "bao"), "sshd": ("ssh", "auth.log")}
"""What names a source in vedette.yaml, or its paths."""


def add_arguments(shipper: argparse.ArgumentParser, name: str) -> None:
    """Which logs, and where to; `name` is the shipper."""
    for source, path in _DEFAULTS.items():
        also = f", or {JOURNAL}" if source == "sshd" else ""
        shipper.add_argument(
            f"--{source}",
            action="append",
            default=[],
            metavar="PATH",
            help=f"file, folder or glob of that log{also}; none of all given: sources of vedette.yaml, else {path}",
        )
    shipper.add_argument(
        "--url", default="http://127.0.0.1:3100", metavar="URL", help="Loki's base URL (http://127.0.0.1:3100)"
    )
    shipper.add_argument("--tenant", default="", metavar="NAME", help="the tenant (X-Scope-OrgID)")
    shipper.add_argument("--token-file", default="", metavar="FILE", help="a file that holds the bearer token")
    shipper.add_argument(
        "--ca-file", default="", metavar="FILE", help="what Loki's certificate must be signed by (PEM)"
    )
    shipper.add_argument("--cluster", default="", metavar="NAME", help="the label cluster; else that of vedette.yaml")
    shipper.add_argument("--host", default="", metavar="NAME", help="the label host")
    shipper.add_argument(
        "--job",
        action="append",
        default=[],
        metavar="SOURCE=NAME",
        help="the job label of a log: kube=kube-audit, vault=vault-audit, sshd=sshd-pve; as in render loki",
    )
    if name == "promtail":
        positions = "/var/lib/promtail/positions.yaml"
        shipper.add_argument(
            "--positions", default=positions, metavar="FILE", help=f"where it keeps how far it has read ({positions})"
        )
        shipper.add_argument(
            "--listen", default="127.0.0.1:9080", metavar="HOST:PORT", help="where it serves /metrics (127.0.0.1:9080)"
        )


def run(args: argparse.Namespace) -> int:
    """0: printed, 2: error."""
    from vedette import app
    from vedette.escape import terminal
    from vedette.render.shipper import BadShipper, alloy, promtail

    try:
        shipper = _shipper(args, app.load_settings(args.config))
        print(promtail(shipper) if args.file == "promtail" else alloy(shipper), end="")
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    except BadShipper as error:
        print(f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2
    return 0


def _shipper(args: argparse.Namespace, settings: Settings) -> Shipper:
    from vedette.cli.render_loki import jobs
    from vedette.render.logql import JOBS
    from vedette.render.shipper import Shipper

    named: Mapping[str, str] = {**JOBS, **jobs(args.job)}
    paths = _given(args) or _of_settings(settings) or {source: [path] for source, path in _DEFAULTS.items()}
    logs = [_log(source, path, named[_FORMATS[source]]) for source, each in paths.items() for path in each]
    own = {"positions": args.positions, "listen": args.listen} if args.file == "promtail" else {}
    return Shipper(
        tuple(logs),
        args.url,
        tenant=args.tenant,
        token_file=args.token_file,
        ca_file=args.ca_file,
        cluster=args.cluster or settings.cluster,
        host=args.host,
        **own,
    )


def _given(args: argparse.Namespace) -> dict[str, list[str]]:
    return {source: getattr(args, source) for source in _DEFAULTS if getattr(args, source)}


def _of_settings(settings: Settings) -> dict[str, list[str]]:
    """The paths of the sources in vedette.yaml whose log is known by their names; of the others a line on stderr."""
    from vedette.escape import terminal

    found: dict[str, list[str]] = {}
    for name, path, source in _sources(settings):
        if source:
            found.setdefault(source, []).append(path)
        else:
            words = f"{terminal(name)}: neither name nor path says which log {terminal(path)} is"
            print(f"vedette: left out: {words}; give it with --kube, --vault or --sshd", file=sys.stderr)
    return {source: found[source] for source in _DEFAULTS if source in found}


def _sources(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Name, path and log, or nothing for one that is not known."""
    for each in settings.sources.files:
        for path in each.paths:
            told = [source for text in (each.name, path) for source, words in _WORDS.items() if _has(text, words)]
            yield each.name, path, told[0] if told else ""
    for journal in settings.sources.journald:
        texts = [journal.name, *journal.identifiers, *journal.units]
        yield journal.name, JOURNAL, "sshd" if any(_has(text, _WORDS["sshd"]) for text in texts) else ""


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)


def _log(source: str, path: str, job: str) -> Log:
    from vedette.render.shipper import BadShipper, Log

    if source == "sshd" and path == JOURNAL:
        return Log(source, job)
    if not path.startswith("/"):
        raise BadShipper(f"--{source} {path}: write the whole path; a shipper's working folder is another")
    if path.endswith("/") or Path(path).is_dir():
        path = f"{path.rstrip('/')}/*"
    # A rotated log that was packed is read by no shipper as what it was.
    return Log(source, job, path, f"{path.rpartition('/')[0]}/*.{{gz,zst,xz,bz2}}" if "*" in path else "")
