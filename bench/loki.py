"""The rules on a real Loki against one pass of vedette over the same bytes, and what each query's text filter saves.

See README.md. Who is compared takes turns; the machine's other work meets both.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import corpus
import measure
from loki_server import PARTS, Counted, Server, loki
from watch_daemon import CONFIG, HERE, Row, printed, program

from vedette import app
from vedette.clients.base import NoAnswer
from vedette.clients.loki import LokiRefused
from vedette.loki_process import NoLoki
from vedette.render.logql import JOBS, Query
from vedette.render.logql_rule import render_rule

FEW = 0.10
"""Where no more of the lines than this pass a filter it must halve the cost."""
_MOST = 200_000
"""Lines of one query that are fetched to be compared."""
_ENDLESS = "no later record tells how it ended"
"""The engine's word on a match that only the absence of a later record tells of."""
Told = tuple[str, str]
"""The name of a document, and a reaction."""


@dataclass
class Contest:
    """The corpus, how vedette scans it, and the queries that Loki gets."""

    corpus: Path
    server: Server
    repeats: int
    share: float
    """The part of the corpus, the newest, over which queries run without their filter."""

    @cached_property
    def rendered(self) -> tuple[Sequence[Query], Sequence[Query]]:
        """The pack's queries of single events and of counts, under the settings of the homelab."""
        settings = app.load_settings(str(CONFIG))
        proxies = [(proxy.identities, proxy.networks) for proxy in settings.proxies()]
        usable = [rule for rule in app.usable_rules(app.load_rules(settings, []), []) if not rule.not_configured]
        rendered = [render_rule(rule, proxies) for rule in usable]
        return [query for one in rendered for query in one.queries], [query for one in rendered for query in one.counts]

    @property
    def queries(self) -> Sequence[Query]:
        """All of them; of a count the log query is that of the lines it counts."""
        return [*self.rendered[0], *self.rendered[1]]

    @property
    def files(self) -> list[str]:
        """Of the corpus."""
        return [str(file) for part in PARTS for file in sorted((self.corpus / part).iterdir())]

    def scan(self) -> measure.Run:
        """One pass of all rules by one process."""
        call = [*program(), "scan", *self.files, "--config", str(CONFIG), "-o", "jsonl", "-q", "--jobs", "1"]
        return measure.run(call)

    def acts(self) -> tuple[dict[Told, set[str]], int]:
        """What vedette's engine finds: the acts of each document and reaction; and how many whose end is not in the log
        are left out, for no line tells Loki that another will not come (docs/loki.md)."""
        run = app.prepare_scan(app.ScanRequest(tuple(self.files), config=str(CONFIG), jobs=1))
        run.read(lambda _bytes, _events: None)
        found: dict[Told, set[str]] = {}
        endless = 0
        for match in run.matches():
            if match.why == _ENDLESS:
                endless += 1
            else:
                found.setdefault((match.detection, match.reaction), set()).add(match.act)
        return found, endless

    def difference(self, counted: Mapping[Told, int]) -> tuple[str, str]:
        """How many acts both have found, in words; and where Loki's are not the engine's, or nothing."""
        (engine, endless), same, wrong = self.acts(), 0, []
        for query in self.rendered[0]:
            told = (query.name, query.reaction.value)
            ours = {_id(act) for act in engine.get(told, ())}
            theirs: set[str] = set()
            if counted[told]:
                entries = self.server.client.query_range(query.logs, self.server.begin, self.server.end, _MOST)
                if len(entries) != counted[told]:
                    wrong.append(f"{query.name} {told[1]}: counted {counted[told]:,} lines, gave {len(entries):,}")
                theirs = {_id_of(entry.line) for entry in entries}
            # A line of sshd has no id; the engine names it by a digest.
            agree = len(ours) == len(theirs) if query.name.startswith("S") else ours == theirs
            if not agree:
                wrong.append(f"{query.name} {told[1]}: {len(theirs):,} acts on Loki, {len(ours):,} by vedette")
            same += len(ours) if agree else 0
        return f"{same:,} acts alike, {endless:,} without an end are the engine's alone", "; ".join(wrong)


def _id(act: str) -> str:
    """The auditID or request id that an act's name begins with."""
    return act.split("/", 1)[0]


def _id_of(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return line
    return str(record.get("auditID") or record.get("request", {}).get("id") or line)


def one_pass(contest: Contest) -> Iterator[Row]:
    """All queries one after the other, each over the whole corpus, against one scan of the same bytes."""
    what = "all queries on Loki / one scan, one worker"
    contest.scan()  # warms the file cache; Loki has had every line counted
    scans: list[measure.Run] = []
    sums: list[measure.Run] = []
    own: list[float] = []
    counted: dict[Told, int] = {}
    for turn in range(contest.repeats):
        if turn % 2 == 0:
            scans.append(contest.scan())
        answers = []
        for query in contest.queries:
            answer = contest.server.count(query.logs, turn)
            answers.append(answer)
            counted[query.name, query.reaction.value] = answer.lines
        sums.append(_sum(answers))
        own.append(sum(answer.own for answer in answers))
        if turn % 2:
            scans.append(contest.scan())
    same, wrong = contest.difference(counted)
    size = sum(Path(file).stat().st_size for file in contest.files)
    note = (
        f"{len(contest.queries)} queries {measure.seconds(sums):,.1f} s (by its own word {statistics.median(own):,.1f} s, "
        f"all cores) against {measure.seconds(scans):.2f} s over {size / 1e6:,.0f} MB, "
        f"{_by_cpu(scans, sums)}; {same}"
    )
    yield Row(what, measure.ratio(scans, sums), unit="x", note=note, aim=10, broken=wrong)


def _sum(answers: Sequence[Counted]) -> measure.Run:
    return measure.Run(sum(one.run.seconds for one in answers), sum(one.run.cpu for one in answers))


def _by_cpu(ours: Sequence[measure.Run], theirs: Sequence[measure.Run]) -> str:
    """As measure.by_cpu, but a short query may end within a tick of the clock."""
    tick = 1 / os.sysconf("SC_CLK_TCK")
    ratio = sum(one.cpu for one in theirs) / max(sum(one.cpu for one in ours), tick)
    return f"{ratio:,.1f} by processor time"


def filters_of(query: Query) -> tuple[str, str, str]:
    """The query without its text filters, its filters alone, and the job of its streams."""
    texts = [text for text, _ in query.stages if text.startswith(("|=", "|~"))]
    rest = [text for text, _ in query.stages if text not in texts and not text.startswith("[")]
    job = re.match(r'\{job="([^"]*)"', query.logs)
    return " ".join(rest), " ".join([rest[0], *texts]) if texts else "", job[1] if job else ""


def text_filters(contest: Contest) -> Iterator[Row]:
    """Of each document one query, for the filter is that of all its reactions."""
    first = {query.name: query for query in reversed(contest.queries)}
    for name in sorted(first):
        query, server, share = first[name], contest.server, contest.share
        bare, alone, job = filters_of(query)
        what = f"{name}: without its text filter / with it"
        if not alone:
            yield Row(what, None, note="every line is decoded: the rule implies no text")
            continue
        passing = server.count(alone, share=share).lines / server.count(f'{{job="{job}"}}', share=share).lines
        ours: list[Counted] = []
        theirs: list[Counted] = []
        for turn in range(contest.repeats):
            pair = [(ours, query.logs), (theirs, bare)]
            for runs, logs in pair if turn % 2 == 0 else reversed(pair):
                runs.append(server.count(logs, turn, share))
        with_it, without = [one.run for one in ours], [one.run for one in theirs]
        own = statistics.median(b.own / a.own for a, b in zip(ours, theirs, strict=True))
        note = (
            f"{passing:.1%} of lines pass; {measure.seconds(without):.2f} s against {measure.seconds(with_it):.2f} s, "
            f"{own:.1f} by its own word, {_by_cpu(with_it, without)}"
        )
        lines = {one.lines for one in (*ours, *theirs)}
        broken = "" if len(lines) == 1 else f"with and without it other lines are found: {sorted(lines)}"
        must = 2.0 if passing <= FEW else None
        yield Row(what, measure.ratio(with_it, without), must, "x", note, broken=broken)


GROUPS = {"pass": one_pass, "filters": text_filters}


def shown(row: Row) -> str:
    """A row of the table."""
    value = "-" if row.value is None else f"{row.value:,.1f}"
    must, aim = ("" if one is None else f">= {one:g}" for one in (row.must, row.aim))
    why = f"{row.broken}; " if row.broken else ""
    return f"{row.what:<51} {must:>5} {aim:>6} {value:>9} {row.unit:<1} {row.verdict:<12} {why}{row.note}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description="The rules on a real Loki against one pass of vedette.")
    parser.add_argument("--size", type=float, default=2e8, help="bytes of the corpus (default 2e8)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each contestant (default 3)")
    parser.add_argument(
        "--share", type=float, default=0.25, help="part of the corpus for queries without their filter (default 0.25)"
    )
    parser.add_argument("--only", choices=GROUPS, action="append", help="only this group of rows")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="where corpora are kept")
    args = parser.parse_args(argv)
    folder = corpus.made(args.cache, int(args.size), say=lambda said: print(said, file=sys.stderr))
    with loki(args.cache) as server:
        speed = server.bring(folder)
        lines = ", ".join(f"{server.lines[JOBS[name]]:,} {JOBS[name]}" for name in PARTS.values())
        print(f"brought to Loki at {speed:,.0f} MB/s: {lines}", file=sys.stderr)
        contest = Contest(folder, server, args.repeats, args.share)
        print(f"{'figure':<51} {'must':>5} {'aim':>6} {'measured':>9}")
        chosen = args.only or GROUPS
        return printed((row for name in GROUPS if name in chosen for row in GROUPS[name](contest)), shown)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoLoki as error:
        print(f"bench: {str(error).split(';', 1)[0]}; lab/README.md says how it is built", file=sys.stderr)
        sys.exit(2)
    except (measure.Failed, LokiRefused, NoAnswer, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
