"""What surrounds an alert, out of a store's evidence, against `zstd -dc | grep -F` for its actor on the same segments.

All of it has to be read: what an actor did before is asked of everything that is kept. Both are processes, started
anew each time, turn by turn; a figure is the median over the pairs of runs. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import corpus
import measure

from vedette.store.retention import Shelf, rewrite
from vedette.store.segments import Limits, Segments

HERE = Path(__file__).resolve().parent
DAYS = 14
MUST = 3.0
_PIECE = 1 << 20
"""Bytes that are appended at once."""
_USER = re.compile(r'"username":"[^"]*"')
_TOKEN = re.compile(r'(/credential-id":\[")[^"]*')
_EPOCH = corpus.BEGIN.timestamp()


@dataclass(frozen=True)
class Case:
    """An actor, and in how many of all acts."""

    name: str
    actor: str
    share: float

    @property
    def token(self) -> str:
        """What names its token."""
        return f"4f57ae5a-2d12-42c7-b501-{int(self.share * 1e6):012d}"


CASES = (
    Case("a rare actor", "system:serviceaccount:rare:visitor", 1e-5),
    Case("an actor of 1 % of acts", "system:serviceaccount:some:worker", 0.01),
    Case("an actor of 10 % of acts", "system:serviceaccount:many:operator", 0.1),
)


@dataclass(frozen=True)
class Store:
    """A folder with evidence, and of each actor the number of its acts and the last of them."""

    folder: Path
    size: int
    """Bytes of lines."""
    acts: Counter[str]
    last: dict[str, str]

    @property
    def segments(self) -> list[str]:
        """The files, as a shell would name them."""
        return sorted(str(one) for one in (self.folder / "evidence" / "kube-audit").iterdir())


def dressed(size: int) -> Iterator[tuple[float, str, Case | None]]:
    """Acts of a busy cluster over two weeks: seconds since 1970, lines, and whose of the cases it is."""
    cast, dice = corpus.Cast(1), random.Random(1)
    step = timedelta(days=DAYS) / max(1, size // 1000)
    clock, at = corpus.Clock(step), _EPOCH
    shares = [case.share for case in CASES]
    for act in corpus.kube_mix(cast).acts(corpus.ONE_ATTACK_IN):
        text = act.dressed(cast.draw(clock.tick()))
        at += step.total_seconds()
        drawn, case = dice.random(), None
        for one, share in zip(CASES, shares, strict=True):
            if drawn < share:
                case = one
                break
            drawn -= share
        if case is not None:
            text = _USER.sub(f'"username":"{case.actor}"', text)
            text = _TOKEN.sub(rf"\g<1>JTI={case.token}", text)
        yield at, text, case


def made(folder: Path, size: int) -> Store:
    """A store with some `size` bytes of lines, written and rewritten as the daemon does."""
    place = folder / "evidence" / "kube-audit"
    now, written, held = [_EPOCH], 0, 0
    place.parent.mkdir(parents=True)
    segments = Segments(place, Limits(), lambda: now[0])
    acts: Counter[str] = Counter()
    last: dict[str, str] = {}
    texts: list[str] = []

    def append() -> None:
        segments.append("".join(texts).encode())
        path = place / segments.names()[-1]
        os.utime(path, (now[0], now[0]))
        texts.clear()

    for at, text, case in dressed(size):
        if case is not None:
            # A watch that goes on has no answer yet, and is no act of the past.
            acts[case.actor] += '"stage":"ResponseComplete"' in text
            last[case.actor] = text
        texts.append(text)
        held += len(text)
        if held >= _PIECE:
            now[0] = at
            append()
            written, held = written + held, 0
            if written >= size:
                break
    segments.close()
    rewrite([Shelf(place, None)], lambda _: True)
    return Store(folder, written, acts, last)


def alert_of(store: Store, case: Case, file: Path) -> Path:
    """The alert on the last act of an actor, for the process that reads around it."""
    event = json.loads(store.last[case.actor].splitlines()[-1])
    file.write_text(json.dumps(event) + "\n")
    return file


def rows(store: Store, repeats: int, scratch: Path) -> Iterator[tuple[str, float | None, str]]:
    """Name, ratio (None: there is no such actor in so little), and what it rests on."""
    for number, case in enumerate(CASES):
        if case.actor not in store.last:
            yield case.name, None, "none of its acts is among so few"
            continue
        line = alert_of(store, case, scratch / f"{number}.json")
        ours = [sys.executable, str(HERE / "respond_context.py"), str(store.folder), str(line)]
        names = " ".join(f"'{one}'" for one in store.segments)
        # With -c all is read; a grep that prints into /dev/null ends at the first line that fits.
        theirs = ["sh", "-c", f"zstd -dc {names} | LC_ALL=C grep -Fc '{case.actor}'"]
        runs: dict[str, list[measure.Run]] = measure.interleaved(
            {
                "ours": lambda call=ours: measure.run(call, keep=True),  # type: ignore[misc]
                "theirs": lambda call=theirs: measure.run(call, keep=True),  # type: ignore[misc]
            },
            repeats + 1,
        )
        said = json.loads(runs["ours"][0].output)
        found, there = said["habit"], store.acts[case.actor]
        if not found <= there <= found + said["acts"]:
            raise measure.Failed(f"{case.name}: {found:,} and {said['acts']:,} acts were found, {there:,} are there")
        # The first pair warmed the file cache.
        mine, other = runs["ours"][1:], runs["theirs"][1:]
        ratio = statistics.median(a.seconds / b.seconds for a, b in zip(mine, other, strict=True))
        cpu = statistics.median(a.cpu / b.cpu for a, b in zip(mine, other, strict=True))
        note = (
            f"{measure.seconds(mine):.2f} s against {measure.seconds(other):.2f} s, {cpu:.2f} by processor time; "
            f"{store.size / 1e6 / measure.seconds(mine):,.0f} MB/s, {there:,} acts, load {os.getloadavg()[0]:.1f}"
        )
        yield case.name, ratio, note


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description="What surrounds an alert, against zstd and grep.")
    parser.add_argument("--size", type=float, default=5e9, help="bytes of lines (default 5e9)")
    parser.add_argument("--repeats", type=int, default=5, help="pairs of runs (default 5)")
    args = parser.parse_args(argv)
    if not (shutil.which("zstd") and shutil.which("grep")):
        print("bench: zstd or grep is not installed; nothing to compare with", file=sys.stderr)
        return 2
    short = 0
    with tempfile.TemporaryDirectory(prefix="vedette-respond-") as scratch:
        store = made(Path(scratch) / "store", int(args.size))
        stored = sum(Path(one).stat().st_size for one in store.segments)
        told = f"{store.size / 1e6:,.0f} MB of lines in {len(store.segments)} segments of {stored / 1e6:,.0f} MB"
        print(told, file=sys.stderr)
        print(f"{'context / zstd -dc | grep -F':<30} {'must':>6} {'measured':>9}")
        for name, value, note in rows(store, args.repeats, Path(scratch)):
            verdict = "skipped" if value is None else "ok" if value <= MUST else "FALLS SHORT"
            short += verdict == "FALLS SHORT"
            shown = "-" if value is None else f"{value:.2f}"
            print(f"{name:<30} {f'<= {MUST:g}':>6} {shown:>9}  {verdict:<12} {note}", flush=True)
    return 1 if short else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (measure.Failed, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
