"""`vedette init`: a first vedette.yaml from observed logs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.survey import Known

EXAMPLES = """\
examples:
  vedette init /var/log/kubernetes/audit.log           print a vedette.yaml to read and to complete
  vedette init audit.log vault.log auth.log -o vedette.yaml
  vedette init logs/ -o vedette.yaml --force           take the place of a file that is there

Nothing is trusted unasked: every proposal is commented out and stands beneath its evidence.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("logs", nargs="+", metavar="LOG", help="files, folders, globs, or - for standard input")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="where to write (default: standard output)")
    parser.add_argument("--force", action="store_true", help="overwrite FILE where it exists")


def run(args: argparse.Namespace) -> int:
    """Read, count, write; 0: written, 2: nothing could be read, or the file exists."""
    target = None if args.output == "-" else Path(args.output)
    if target is not None and not args.force and os.path.lexists(target):
        print(f"{target}: exists; name another file with -o, or give --force", file=sys.stderr)
        return 2
    from vedette import app
    from vedette.survey import Survey

    survey = Survey()
    try:
        for event in app.events(args.logs, args.config):
            survey.add(event)
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    if not survey.events:
        print("no event of a known format in these logs; vedette scan says what stands in them", file=sys.stderr)
        return 2
    text = survey.render(_known(), args.logs)
    if target is None:
        print(text, end="")
        return 0
    try:
        _write(target, text, force=args.force)
    except FileExistsError:
        print(f"{target}: exists; name another file with -o, or give --force", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{target}: cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"wrote {target}; read it, take away the # of what is right, then: vedette config check", file=sys.stderr)
    return 0


def _known() -> Known:
    """What holds without a vedette.yaml."""
    from vedette.settings import load_text
    from vedette.survey import Known

    builtin = load_text("", "", today=datetime.now(UTC).date())
    namespaces = builtin.sensitive_namespaces
    return Known(namespaces.secrets, namespaces.exec, builtin.excuses)


def _write(target: Path, text: str, *, force: bool) -> None:
    """All of it or nothing; a file that appeared meanwhile is not overwritten."""
    if not force:
        with target.open("x", encoding="utf-8") as stream:
            stream.write(text)
        return
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
