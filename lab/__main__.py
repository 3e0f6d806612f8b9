"""`make lab`: build what is missing, start everything, say where it is, and end it with Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from lab.built import CannotBuild, NoPart, build_for_tests, build_missing


def main() -> int:
    """0: built, or ended by Ctrl-C or SIGTERM; 2: something is missing, or does not start."""
    parser = argparse.ArgumentParser(prog="python -m lab", description="Real servers on loopback, and vedette on them.")
    parser.add_argument(
        "--build",
        nargs="?",
        choices=("servers", "all"),
        const="servers",
        help="build what is missing, and end; all: the oracles of tests too, and go on where one cannot be built",
    )
    parser.add_argument("--folder", default="", help="where everything is kept; left out: a folder that is thrown away")
    parser.add_argument(
        "--kube-by", choices=("webhook", "file"), default="webhook", help="how audit events come to vedette (webhook)"
    )
    args = parser.parse_args()
    if args.build == "all":
        build_for_tests(say)
        return 0
    try:
        build_missing(say)
    except CannotBuild as error:
        say(str(error))
        return 2
    if args.build:
        return 0
    from lab.process import DoesNotCome

    try:
        if args.folder:
            run(Path(args.folder).resolve(), args.kube_by)
        else:
            with tempfile.TemporaryDirectory(prefix="vedette-lab-") as folder:
                run(Path(folder), args.kube_by)
    except KeyboardInterrupt:
        say("all ended")
        return 0
    except (NoPart, DoesNotCome) as error:
        say(str(error))
        return 2
    return 0


def run(folder: Path, kube_by: str) -> None:
    """Stay until Ctrl-C or SIGTERM, which raise KeyboardInterrupt."""
    from lab.files import CHANNELS
    from lab.lab import Lab
    from vedette.escape import terminal

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    began = time.monotonic()
    say("starting, half a minute")
    with Lab(folder, kube_by=kube_by) as lab:
        width = max(len(name) for name in lab.where())
        for name, where in lab.where().items():
            print(f"  {name.ljust(width)}  {where}", flush=True)
        say(f"up after {time.monotonic() - began:.0f} s; Ctrl-C ends it")
        shown: set[float] = set()
        while True:
            for posted, text in [one for engine in CHANNELS for one in lab.told(engine).items()]:
                if posted not in shown:
                    shown.add(posted)
                    print("  Slack:", *(terminal(line, 120) for line in text.splitlines()[:3]), sep=" | ", flush=True)
            time.sleep(0.2)


def say(text: str) -> None:
    """One line for whoever started it."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
