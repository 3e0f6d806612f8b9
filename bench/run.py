"""The figures that vedette promises, measured in one run, against decoding alone and against other programs.

Everything is started as a user would start it. Contestants take turns; each figure is the median over the pairs of
runs. A peer that is not installed is left out, with the reason. See README.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import corpus
import many_rules
import measure
import peers
import yaml
from measure import Run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CONFIG = ROOT / "examples" / "homelab.yaml"
DUCKDB = "scan, two workers / DuckDB, two threads"


@dataclass(frozen=True)
class Figure:
    """One row of the table."""

    what: str
    value: float | None
    """None: not measured; `note` says why."""
    must: float
    aim: float
    note: str = ""
    unit: str = ""
    less_is_better: bool = False

    @property
    def verdict(self) -> str:
        """ok, reached (the aim too), or what is wrong."""
        if self.value is None:
            return "skipped"
        sign = -1 if self.less_is_better else 1
        if sign * self.value >= sign * self.aim:
            return "ok, aim reached"
        return "ok" if sign * self.value >= sign * self.must else "FALLS SHORT"


class Bench:
    """The corpus and how vedette is started on it."""

    def __init__(self, cache: Path, size: int, repeats: int, say: Callable[[str], None]) -> None:
        self.cache, self.repeats, self.say = cache, repeats, say
        self.small = size < 100_000_000
        self.folder = corpus.made(cache, size, say=say)
        self.kube = sorted((self.folder / "kube").iterdir())
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        script = Path(sys.executable).with_name("vedette")
        self.vedette = [str(script)] if script.is_file() else [sys.executable, "-m", "vedette"]

    def slice(self, size: int) -> Path:
        """One file with the first `size` bytes of the Kubernetes part, whole lines."""
        file = self.cache / f"slice-{size}-{self.folder.name}.log"
        if not file.is_file():
            with file.with_suffix(".part").open("wb") as out:
                for source in self.kube:
                    data = source.read_bytes()[: size - out.tell()]
                    out.write(data[: data.rfind(b"\n") + 1])
            file.with_suffix(".part").rename(file)
        return file

    def scan(self, paths: Sequence[Path], jobs: int, *more: str, config: Path = CONFIG, **how: Any) -> Run:
        """One scan."""
        call = [
            *self.vedette,
            "scan",
            *map(str, paths),
            "--config",
            str(config),
            "-o",
            "jsonl",
            "-q",
            "--jobs",
            str(jobs),
        ]
        return measure.run([*call, *more], **how)

    def contest(self, **contestants: Callable[[], Run]) -> dict[str, list[Run]]:
        """Warm up once, then turn by turn."""
        for contestant in contestants.values():
            contestant()
        return measure.interleaved(contestants, self.repeats)

    def speed(self, runs: Sequence[Run], paths: Sequence[Path]) -> str:
        """MB/s of the median run."""
        return f"{sum(path.stat().st_size for path in paths) / 1e6 / measure.seconds(runs):,.0f} MB/s"


def main_figures(bench: Bench) -> Iterator[Figure]:
    """One and two workers on the whole Kubernetes part, against decoding alone and DuckDB."""
    kube = bench.kube
    contestants: dict[str, Callable[[], Run]] = {
        "one": lambda: bench.scan(kube, 1),
        "two": lambda: bench.scan(kube, 2),
        "decode": lambda: measure.run([sys.executable, str(HERE / "decode_alone.py"), str(CONFIG), *map(str, kube)]),
    }
    duck = peers.duckdb_python()
    if duck:
        contestants["duck"] = lambda: peers.duckdb(duck, 2, "tuned", CONFIG, kube)
        contestants["plain"] = lambda: peers.duckdb(duck, 2, "plain", CONFIG, kube)
    runs = bench.contest(**contestants)
    empty = bench.cache / "empty.log"
    empty.touch()
    start = bench.contest(
        one=lambda: bench.scan([empty], 1, good=(0, 2)), two=lambda: bench.scan([empty], 2, good=(0, 2))
    )
    start_up = (measure.seconds(start["two"]), measure.seconds(start["one"]))
    note = f"{bench.speed(runs['one'], kube)} against {bench.speed(runs['decode'], kube)}, {measure.by_cpu(runs['one'], runs['decode'])}"
    yield Figure("scan, one worker / decoding alone", measure.ratio(runs["one"], runs["decode"]), 0.55, 0.75, note)
    if duck:
        counts = peers.same_counts(bench.vedette, CONFIG, kube, [runs["duck"][0], runs["plain"][0]])
        plain = f"{measure.ratio(runs['two'], runs['plain']):.2f} against SQL that is not tuned"
        note = f"{bench.speed(runs['two'], kube)} against {bench.speed(runs['duck'], kube)}, {plain}; {counts}"
        yield Figure(DUCKDB, measure.ratio(runs["two"], runs["duck"]), 1.0, 2.0, note)
    else:
        yield Figure(DUCKDB, None, 1.0, 2.0, peers.NO_DUCKDB)
    note = f"start-up {start_up[1]:.2f} s and {start_up[0]:.2f} s"
    yield Figure(
        "two workers / one, net of start-up", measure.ratio(runs["two"], runs["one"], start_up), 1.7, 1.9, note
    )


def peer_figures(bench: Bench) -> Iterator[Figure]:
    """rsigma and jq, on a slice that they can read in ten seconds."""
    part = bench.slice(1 << 30)
    binary = peers.rsigma_program()
    title = "scan, one worker / rsigma engine eval"
    if binary:
        rules, count = peers.rsigma_rules(bench.cache / "rsigma-rules", CONFIG)
        runs = bench.contest(one=lambda: bench.scan([part], 1), peer=lambda: peers.rsigma(binary, rules, part))
        threads = runs["peer"][0].cpu / runs["peer"][0].seconds
        note = f"{bench.speed(runs['one'], [part])} against {bench.speed(runs['peer'], [part])}, {measure.by_cpu(runs['one'], runs['peer'])}; {count}, {threads:.1f} threads busy"
        yield Figure(title, measure.ratio(runs["one"], runs["peer"]), 6, 10, note)
    else:
        yield Figure(title, None, 6, 10, peers.NO_RSIGMA)
    title = "scan, one worker / jq with one rule"
    jq = shutil.which("jq")
    if jq:
        runs = bench.contest(one=lambda: bench.scan([part], 1), peer=lambda: peers.jq(jq, part))
        note = f"{bench.speed(runs['one'], [part])} against {bench.speed(runs['peer'], [part])}, {measure.by_cpu(runs['one'], runs['peer'])}"
        yield Figure(title, measure.ratio(runs["one"], runs["peer"]), 5, 8, note)
    else:
        yield Figure(title, None, 5, 8, "jq is not installed")


def own_figures(bench: Bench) -> Iterator[Figure]:
    """More rules, more networks, packed files: each against the plain case."""
    part = bench.slice(1 << 30)
    rules = many_rules.made(bench.cache / "many-rules")
    networks = peers.many_networks(bench.cache / "many-networks.yaml", CONFIG, 10_000)
    few = peers.many_networks(bench.cache / "few-networks.yaml", CONFIG, 0)
    packed = {kind: _packed(part, kind) for kind in ("gz", "zst")}
    runs = bench.contest(
        plain=lambda: bench.scan([part], 1),
        rules=lambda: bench.scan([part], 1, "--rules", str(rules), "--unproven"),
        networks=lambda: bench.scan([part], 1, config=networks),
        few=lambda: bench.scan([part], 1, config=few),
        gz=lambda: bench.scan([packed["gz"]], 1),
        zst=lambda: bench.scan([packed["zst"]], 1),
    )

    def speed(name: str) -> str:
        return bench.speed(runs[name], [part])

    yield Figure(
        "500 more rules / the pack alone",
        measure.ratio(runs["rules"], runs["plain"]),
        0.5,
        0.8,
        f"{speed('rules')} against {speed('plain')}, {measure.by_cpu(runs['rules'], runs['plain'])}",
    )
    note = f"{speed('networks')} against {speed('few')}, {measure.by_cpu(runs['networks'], runs['few'])}"
    yield Figure("allowlist of 10,000 networks / 5", measure.ratio(runs["networks"], runs["few"]), 0.9, 1.0, note)
    yield Figure("gz / plain, one worker", measure.ratio(runs["gz"], runs["plain"]), 0.6, 0.8, speed("gz"))
    yield Figure("zst / plain, one worker", measure.ratio(runs["zst"], runs["plain"]), 0.6, 0.8, speed("zst"))


def _packed(part: Path, kind: str) -> Path:
    file = part.with_suffix(f".{kind}")
    if file.is_file():
        return file
    data = part.read_bytes()
    if kind == "gz":
        file.write_bytes(gzip.compress(data, 6))
    else:
        try:
            from compression import zstd  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            from backports import zstd
        file.write_bytes(zstd.compress(data, 3))
    return file


def memory_figures(bench: Bench) -> Iterator[Figure]:
    """The whole corpus by two workers, and a file of very many alerts by one and by two."""
    whole = [bench.folder / name for name in ("kube", "vault", "sshd")]
    alerts = corpus.many_alerts(bench.cache, 1_000 if bench.small else 100_000)
    peaks = {
        "corpus": bench.scan(whole, 2, watch=True).memory,
        "corpus, one worker": bench.scan(whole, 1, watch=True).memory,
        "alerts": bench.scan([alerts], 2, watch=True).memory,
        "alerts, one worker": bench.scan([alerts], 1, watch=True).memory,
    }
    note = ", ".join(f"{name} {peak / 1e6:.0f} MB" for name, peak in peaks.items())
    yield Figure("peak memory", max(peaks.values()) / 1e6, 150, 80, note, "MB", less_is_better=True)


def start_figures(bench: Bench) -> Iterator[Figure]:
    """How long it takes to say the version."""
    repeats, bench.repeats = bench.repeats, 2 if bench.small else 21
    runs = bench.contest(
        version=lambda: measure.run([*bench.vedette, "--version"]),
        pass_=lambda: measure.run([sys.executable, "-c", "pass"]),
    )
    bench.repeats = repeats
    version, nothing = measure.seconds(runs["version"]), measure.seconds(runs["pass_"])
    note = f"{version * 1000:.0f} ms against {nothing * 1000:.0f} ms"
    yield Figure("vedette --version / python -c pass", version / nothing, 4, 2, note, less_is_better=True)


GROUPS = {
    "main": main_figures,
    "peers": peer_figures,
    "own": own_figures,
    "memory": memory_figures,
    "start": start_figures,
}


def shown(figure: Figure) -> str:
    """A row of the table."""
    value = "-" if figure.value is None else f"{figure.value:.2f}{' ' + figure.unit if figure.unit else ''}"
    return f"{figure.what:<42} {value:>10} {figure.must:>7g} {figure.aim:>6g}  {figure.verdict:<16} {figure.note}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when a figure falls short."""
    parser = argparse.ArgumentParser(description="The figures that vedette promises.")
    parser.add_argument("--size", type=float, default=2e9, help="bytes of the corpus (default 2e9)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each contestant (default 5)")
    parser.add_argument("--only", choices=GROUPS, action="append", help="only this group of figures")
    parser.add_argument("--cache", type=Path, default=HERE / ".cache", help="where corpora are kept")
    args = parser.parse_args(argv)
    bench = Bench(args.cache, int(args.size), args.repeats, lambda text: print(text, file=sys.stderr, flush=True))
    total = sum(part["bytes"] for part in bench.manifest.values())
    lines = sum(part["lines"] for part in bench.manifest.values())
    print(
        f"corpus: {total / 1e6:,.0f} MB, {lines:,} lines; {args.repeats} runs each, {corpus.ONE_ATTACK_IN:,} lines an attack"
    )
    print(f"{'figure':<42} {'measured':>10} {'must':>7} {'aim':>6}")
    short = 0
    for name, group in GROUPS.items():
        if args.only and name not in args.only:
            continue
        for figure in group(bench):
            short += figure.verdict == "FALLS SHORT"
            print(shown(figure), flush=True)
    return 1 if short else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (measure.Failed, yaml.YAMLError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(2)
