"""The figures of watching: throughput, latency, memory, each of a `vedette watch` as a user would start it.

See README.md. What is measured beside a peer takes turns with it; the machine's other work meets both.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import measure
from watch_daemon import HERE, Row, Watching, printed
from watch_follow import follow_rows
from watch_quiet import idle_rows, storm_rows
from watch_tell import tell_rows
from watch_webhook import webhook_rows

GROUPS: dict[str, Callable[[Watching], Iterator[Row]]] = {
    "follow": follow_rows,
    "webhook": webhook_rows,
    "tell": tell_rows,
    "idle": idle_rows,
    "storm": storm_rows,
}


def shown(row: Row) -> str:
    """A row of the table."""
    value = "-" if row.value is None else f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.2f}"
    sign = "<=" if row.less_is_better else ">="
    must = "" if row.must is None else f"{sign} {row.must:,g}"
    why = f"{row.broken}; " if row.broken else ""
    return f"{row.what:<47} {must:>9} {value:>9} {row.unit:<5} {row.verdict:<12} {why}{row.note}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description="The figures of watching that vedette promises.")
    parser.add_argument("--size", type=float, default=6e8, help="bytes of the corpus (default 6e8)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each contestant (default 3)")
    parser.add_argument(
        "--seconds", type=float, default=56.0, help="of rows that last as long as one wants (default 56)"
    )
    parser.add_argument("--matches", type=int, default=100_000, help="in one second (default 100,000)")
    parser.add_argument("--only", choices=GROUPS, action="append", help="only this group of rows")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="where corpora are kept")
    args = parser.parse_args(argv)
    bench = Watching(args.cache, int(args.size), args.repeats, args.seconds, args.matches)
    print(f"{'figure':<47} {'must':>9} {'measured':>9}")
    chosen = args.only or GROUPS
    return printed((row for name in GROUPS if name in chosen for row in GROUPS[name](bench)), shown)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (measure.Failed, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
