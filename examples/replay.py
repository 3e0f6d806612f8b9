"""Replay: the recorded logs grow anew, as if they were written now, and `vedette watch` follows them.

`make run` calls it. Lines are written as they were recorded, in the order of their own times, which are sped up and not
changed: an alert says when the thing happened, not when it was replayed. In the middle the API server's log is rotated,
as its own server would do it.

On a terminal vedette goes on watching until Ctrl-C. Elsewhere (CI) it is ended once everything was replayed, started
again to read what it had not come to, and that there were alerts is checked.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).resolve().parent
LOGS = EXAMPLES / "logs"
RUN = Path(".run")
"""Where logs and store of a run lie, made anew each time."""
ROTATED = "kube-audit.jsonl"
_STEP = 0.05
"""Seconds between two writes at least."""
_TIMES = ("stageTimestamp", "time")
"""The keys under which the recorded formats keep when a line was written."""


class Line(NamedTuple):
    """A recorded line."""

    time: float
    """Seconds since 1970 UTC."""
    file: str
    """The name of its file."""
    data: bytes


def recorded(folder: Path) -> list[Line]:
    """Every line of the logs in `folder` in the order of their times; of one file in the order in which they stand."""
    lines: list[Line] = []
    for path in sorted(folder.iterdir()):
        latest = 0.0
        for data in path.read_bytes().splitlines(keepends=True):
            latest = max(latest, written(data))
            lines.append(Line(latest, path.name, data))
    return sorted(lines, key=lambda line: line.time)


def written(data: bytes) -> float:
    """When a line was written, in seconds since 1970 UTC; 0 where it does not say."""
    text = data.split(b" ", 1)[0].decode("ascii", "replace")
    if data.startswith(b"{"):
        with contextlib.suppress(ValueError):
            record = json.loads(data)
            text = str(next((record[key] for key in _TIMES if key in record), ""))
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text).timestamp()
    return 0.0


def replay(lines: Sequence[Line], folder: Path, speed: float, stop: threading.Event) -> int:
    """Append `lines` to files in `folder`, `speed` times as fast as they were recorded; gives how many were written.

    Once half of the API server's lines are there, its file is renamed and begun anew. `stop` ends it early.
    """
    half = sum(line.file == ROTATED for line in lines) // 2
    began, seen, at = time.monotonic(), 0, 0
    with contextlib.ExitStack() as files:
        logs = {name: files.enter_context((folder / name).open("ab")) for name in sorted({line.file for line in lines})}
        while at < len(lines) and not stop.is_set():
            due = lines[0].time + (time.monotonic() - began) * speed
            while at < len(lines) and lines[at].time <= due:
                line = lines[at]
                at += 1
                logs[line.file].write(line.data)
                seen += line.file == ROTATED
                if line.file == ROTATED and seen == half:
                    logs[ROTATED].close()
                    (folder / ROTATED).rename(folder / f"{ROTATED}.1")
                    logs[ROTATED] = files.enter_context((folder / ROTATED).open("ab"))
            for log in logs.values():
                log.flush()
            if at < len(lines):
                stop.wait(max(_STEP, (lines[at].time - due) / speed))
    return at


@contextlib.contextmanager
def fresh(folder: Path) -> Iterator[tuple[Path, Path]]:
    """The folders of logs and store within `folder`, empty. Raises BlockingIOError where another run uses them."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        logs, state = folder / "logs", folder / "state"
        for one in (logs, state):
            shutil.rmtree(one, ignore_errors=True)
        logs.mkdir()
        yield logs, state


def command(logs: Path, state: Path, *options: str) -> list[str]:
    """The words of `vedette watch` over `logs`, as shown; printed as well."""
    config = os.path.relpath(EXAMPLES / "homelab.yaml")
    words = ["watch", "--config", config, "--state", str(state), *options, str(logs)]
    print("$ vedette", *words, flush=True)
    return [sys.executable, "-m", "vedette", *words]


def on_terminal(lines: Sequence[Line], logs: Path, state: Path, speed: float) -> int:
    """Replay beside a vedette that goes on until it is stopped; gives its exit code."""
    stop = threading.Event()
    # Ctrl-C reaches vedette by itself, which then drains and sums up; a second one hurries it.
    signal.signal(signal.SIGINT, lambda _number, _frame: stop.set())
    with subprocess.Popen(command(logs, state)) as vedette:

        def write() -> None:
            if replay(lines, logs, speed, stop) == len(lines):
                print(
                    f"\nreplay: all {len(lines):,} lines are written; vedette goes on watching {logs}."
                    f"\nreplay: Ctrl-C ends it. Beside it: vedette alerts list --state {state}\n",
                    file=sys.stderr,
                )

        writer = threading.Thread(target=write)
        writer.start()
        code = vedette.wait()
        stop.set()
        writer.join()
    return code


def unattended(lines: Sequence[Line], logs: Path, state: Path, speed: float) -> int:
    """Replay, end vedette, have it read the rest; 1 where it found nothing, else its exit code."""
    alerts = 0
    with subprocess.Popen(command(logs, state), stdout=subprocess.PIPE, text=True) as vedette:
        assert vedette.stdout is not None
        stop = threading.Event()

        def write() -> None:
            replay(lines, logs, speed, stop)
            vedette.send_signal(signal.SIGTERM)

        writer = threading.Thread(target=write)
        writer.start()
        for text in vedette.stdout:
            print(text, end="", flush=True)
            alerts += not text.startswith(" ")
        stop.set()
        writer.join()
    if vedette.returncode:
        return vedette.returncode
    rest = subprocess.run(command(logs, state, "--until-read"), stdout=subprocess.PIPE, text=True, check=False)
    print(rest.stdout, end="", flush=True)
    alerts += sum(not text.startswith(" ") for text in rest.stdout.splitlines())
    if not alerts:
        print("no alerts: the examples hold some, so something is wrong", file=sys.stderr)
        return 1
    return rest.returncode


def main() -> int:
    """Replay and watch; the exit code of `vedette watch`, or 1 where nobody looks on and no alert appeared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", type=float, default=6.0, help="how many times as fast as recorded (default: 6)")
    parser.add_argument("--folder", type=Path, default=RUN, help="where logs and store lie (default: .run)")
    arguments = parser.parse_args()
    if not arguments.speed > 0:
        parser.error("--speed is a number above 0")
    attended = sys.stdin.isatty() and sys.stdout.isatty()
    try:
        with fresh(arguments.folder) as (logs, state):
            run = on_terminal if attended else unattended
            return run(recorded(LOGS), logs, state, arguments.speed)
    except BlockingIOError:
        print(f"another run uses {arguments.folder}; end it, or name another --folder", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
