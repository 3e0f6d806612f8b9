"""From hop to hop: where an act has got to, and how long each hop took."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lab.acts import Act
from lab.asking import ask
from lab.lab import Lab
from lab.process import DoesNotCome, until
from vedette.clients.loki import LokiClient

LATEST = 20.0
"""Seconds after which the embedded engine is given up."""
LATEST_LOKI = 75.0
"""The same for Loki's ruler: it looks every 30 s, and promtail and Alertmanager take their time."""


@dataclass(frozen=True)
class Hops:
    """Seconds after the act at which each hop had it; None: not a hop of this act."""

    rule: str
    line: float | None
    """In the log file: when this program saw it there."""
    alert: float
    """In vedette's store, by its own clock; or, by Loki: when the line was seen there."""
    alertmanager: float
    """Alertmanager had taken it, by vedette's clock; or, by Loki: when the ruler's alert was seen there."""
    slack: float
    """The message had come in at the stand-in."""


def by_vedette(lab: Lab, act: Act, seconds: float = LATEST) -> Hops:
    """Follow an act through the embedded engine. Raises DoesNotCome, which names the hop that it did not reach."""
    line = None if not act.log else _line(lab, act, seconds)
    try:
        posted = to_slack(lab, act, "vedette", seconds)
    except DoesNotCome as late:
        raise DoesNotCome(f"{act.rule}, {act.mark}: {_stuck(lab, act)}") from late
    alert = opened(lab, act)
    assert alert is not None, f"{act.rule}: told in Slack, and not in the store"
    assert _held(lab.alertmanager.url, act), f"{act.rule}: told in Slack, and not among what Alertmanager holds"
    told = [one["told"] for one in alert["deliveries"] if one["told"]]
    return Hops(act.rule, line, _since(alert["opened"], act), _since(told[0], act), posted)


def carried(lab: Lab, act: Act) -> bool:
    """Whether Loki's ruler has a rule for it; for what needs memory or eyes it has none."""
    return bool(act.log) and any(group.split("-")[1] == act.rule for group in lab.loki.groups())


def by_loki(lab: Lab, act: Act, seconds: float = LATEST_LOKI) -> Hops:
    """Follow an act through Loki and its ruler. Raises DoesNotCome, which names the hop that it did not reach."""
    line = _line(lab, act, seconds)
    client = LokiClient(lab.loki.url)
    query = f'{{job="{lab.jobs[act.log]}"}} |= {json.dumps(act.needle)}'

    def there() -> bool:
        return bool(client.query_range(query, int((act.began - 5) * 1e9), time.time_ns() + 10**9, 1))

    try:
        until(there, f"{act.rule}, {act.mark}: line in Loki ({query})", seconds, every=0.2)
    finally:
        client.close()
    came = time.time() - act.began
    # It has to be looked for while it fires: Alertmanager does not keep what is over.
    what = f"{act.rule}, {act.mark}: the ruler's alert at Alertmanager"
    until(lambda: bool(_held(lab.ruler_alertmanager.url, act)), what, seconds, every=0.2)
    held = time.time() - act.began
    return Hops(act.rule, line, came, held, to_slack(lab, act, "loki", seconds))


def opened(lab: Lab, act: Act) -> dict[str, Any] | None:
    """The alert of an act as it is in the store; of several the first, since a look at the cluster may find it as well."""
    found = [one for one in lab.watch.alerts() if _tells(one, act) and one["state"] == "open"]
    return min(found, key=lambda one: str(one["opened"]), default=None)


def reached(act: Act, alerts: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Seconds after the act at which its alert was in the store, and at Alertmanager. `alerts`: of the store."""
    alert = min((one for one in alerts if _tells(one, act)), key=lambda one: str(one["opened"]))
    return _since(alert["opened"], act), _since(next(one["told"] for one in alert["deliveries"] if one["told"]), act)


def _tells(alert: Mapping[str, Any], act: Act) -> bool:
    said = " ".join(str(alert.get(name)) for name in ("actor", "address", "object", "title", "why"))
    return alert["rule"] == act.rule and act.mark in said


def proven(lab: Lab, *words: str | Path) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Rule -> link -> what `vedette prove` says of it, as JSON has it. `words`: more of the command's."""
    done = lab.watch.command("prove", "--state", str(lab.watch.state), "-o", "json", *map(str, words))
    assert done.returncode in (0, 1), done.stderr
    return {one["rule"]: {link["link"]: link for link in one["links"]} for one in json.loads(done.stdout)}


def blind(lab: Lab, *words: str | Path) -> dict[str, set[str]]:
    """Rule -> the links that `vedette prove` finds broken; rules without any are left out. `words`: in place of the
    lab's audit policy."""
    found = {
        rule: {name for name, link in links.items() if link["state"] == "BLIND"}
        for rule, links in proven(lab, *(words or ("--here", "--policy", lab.kube.policy_file))).items()
    }
    return {rule: links for rule, links in found.items() if links}


def table(hops: Iterable[Hops]) -> str:
    """One line a path, seconds."""
    lines = [f"{'rule':5} {'line':>7} {'alert':>7} {'manager':>8} {'slack':>7}"]
    for one in hops:
        line = "-" if one.line is None else f"{one.line:.2f}"
        lines.append(f"{one.rule:5} {line:>7} {one.alert:7.2f} {one.alertmanager:8.2f} {one.slack:7.2f}")
    return "\n".join(lines)


def _line(lab: Lab, act: Act, seconds: float) -> float:
    log, needle = lab.logs[act.log], act.needle.encode()
    until(lambda: needle in log.read_bytes(), f"{act.rule}: line in {log} ({act.needle})", seconds, every=0.02)
    return time.time() - act.began


def to_slack(lab: Lab, act: Act, engine: str = "vedette", seconds: float = LATEST) -> float:
    """Seconds after the act at which a message of an engine came in that has the rule and the mark. Raises DoesNotCome."""

    def found() -> list[float]:
        told = lab.told(engine).items()
        return [when for when, text in told if when > act.began and f"Vedette{act.rule} " in text and act.mark in text]

    until(lambda: bool(found()), f"{act.rule}, {act.mark}: message in Slack", seconds, every=0.02)
    return min(found()) - act.began


def _stuck(lab: Lab, act: Act) -> str:
    """The hop that has not got it."""
    alert = opened(lab, act)
    if alert is None:
        return "no alert in the store"
    if not any(one["told"] for one in alert["deliveries"]):
        return f"in the store, and not told to Alertmanager: {alert['deliveries']}"
    return "told to Alertmanager, and not in Slack"


def _held(url: str, act: Act) -> list[dict[str, Any]]:
    """The alerts of an act that an Alertmanager holds."""
    status, answer = ask("GET", f"{url}/api/v2/alerts")
    assert status == 200, answer
    return [one for one in answer if one["labels"].get("rule_id") == act.rule and act.mark in json.dumps(one)]


def _since(stamp: str, act: Act) -> float:
    return datetime.fromisoformat(stamp).timestamp() - act.began
