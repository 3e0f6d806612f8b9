"""docs/reference/dead-rules.md: SigmaHQ's rules for Kubernetes, judged by `vedette prove --rules`.

Printed where VEDETTE_SIGMAHQ names a checkout; elsewhere the page stays as it is. Nothing of the rules' text but their
titles, ids and files is in it, or here.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pages.markdown import code, header, table
from vedette import app
from vedette.cases import SETTINGS, pack_settings
from vedette.proof.audit_policy import AuditPolicy, Level
from vedette.proof.links.base import Given
from vedette.proof.naming import Naming
from vedette.proof.policy_reading import read_policy
from vedette.proof.policy_text import policy_text
from vedette.proof.prove import READ, prove, refused
from vedette.proof.synthesis import synthesise
from vedette.proof.verdict import LinkResult, RuleResult, State

PAGE = Path(__file__).resolve().parent.parent / "reference" / "dead-rules.md"
RULES = "rules/application/kubernetes"
_HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
RECOMMENDED = "vedette's"
POLICIES: Mapping[str, tuple[str, str]] = {
    RECOMMENDED: ("What `vedette render audit-policy` prints for the pack.", ""),
    "Metadata": (
        "The smallest sample of the Kubernetes documentation: who, what and when, no bodies.",
        "- level: Metadata\n",
    ),
    "everything": ("Every body of every request; few can afford it.", "- level: RequestResponse\n"),
    "writes only": (
        "A common saving.",
        "- {level: RequestResponse, verbs: [create, update, patch, delete, deletecollection]}\n- level: None\n",
    ),
    "like GKE's": (
        "Written anew and shorter than the one of Kubernetes' scripts for Google's cloud (configure-helper.sh): no Events, "  # noqa: ISC004
        "no bodies of secrets, reads with what was asked, writes with bodies.",
        """\
- {level: None, users: [system:kube-proxy], verbs: [watch], resources: [{group: "", resources: [endpoints, services]}]}
- {level: None, userGroups: [system:nodes], verbs: [get], resources: [{group: "", resources: [nodes, nodes/status]}]}
- {level: None, nonResourceURLs: [/healthz*, /version, /swagger*]}
- {level: None, resources: [{group: "", resources: [events]}]}
- level: Metadata
  resources:
    - {group: "", resources: [secrets, configmaps, serviceaccounts/token]}
    - {group: authentication.k8s.io, resources: [tokenreviews]}
  omitStages: [RequestReceived]
- {level: Request, verbs: [get, list, watch], omitStages: [RequestReceived]}
- {level: RequestResponse, omitStages: [RequestReceived]}
""",
    ),
}
"""Name -> what it is, and its rules."""
CHANGES: Mapping[str, tuple[str, str]] = {
    "402b955c-8fe0-4a8c-b635-622b4ac5f902": ("hostPath", "requestObject.spec.volumes.hostPath|exists: true"),
    "c5cd1b20-36bb-488d-8c05-486be3d0cb97": (
        "capabilities",
        "requestObject.spec.containers.securityContext.capabilities|exists: true",
    ),
    "84b777bd-c946-4d17-aa2e-c39f5a454325": ("apiGroup", "objectRef.apiGroup: authorization.k8s.io"),
    "ad9012a6-e518-4432-9890-f3b82b8fc71f": ("apiGroup", "objectRef.apiGroup: apps"),
    "597a7e84-187d-458b-9e4f-2f5a0e676711": (
        "responseStatus.code",
        'annotations["authorization.k8s.io/decision"]: allow',
    ),
}
"""Id of a rule that is refused -> its field, and the item to write in its place; each is tried."""
_INTRODUCTION = """
Which of [SigmaHQ](https://github.com/SigmaHQ/sigma)'s rules for the Kubernetes audit log can fire at all, and under which audit
policy: `{folder}` at commit `{commit}` of {date}, by `vedette prove --rules {folder} --no-pack --policy FILE` ([how](../prove.md)).
The rules are under the Detection Rule License 1.1; here stand their titles, ids and files, and vedette's verdicts.

**{able} of {all} can fire as they are written; {dead} cannot, under any policy.** None of them comes with events that show it, so
acts are invented: for each alternative that a policy could tell apart an event that the rule must see. Only one on which the rule
fires counts.
"""
_FIRES = """
## Under which policy

yes: every variant is seen; in part: some are not; no: none is. In italics: after the change that is said below.

"""
_DEAD = """
## Those that cannot fire

Each field that they name is in no audit event, or never has that value. A change of one line is enough, and each was tried.

"""
_BLIND = """
## What a policy takes

"""
_UNUSED = """
## Words that no event has

They do no harm beside others that events have, and find nothing.

"""
_POLICIES = """
## The policies

"""
_LIMITS = """
## What this does not say

That a rule can fire is not that it finds what its title says: an act may be done in other ways than those that the rule names
(exec by `get`, which kubectl uses since 1.31; deletecollection; workloads in place of pods), and it may fire on what is ordinary.
The acts are done by one ordinary user, in the namespace `default` and those that the policy names; a policy that drops certain
users is not tried. How a rule fares behind a converter and
another engine (Loki, Elasticsearch) is not judged here.
"""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One rule file under every policy."""

    title: str
    id: str
    file: str
    results: Mapping[str, RuleResult]

    @property
    def dead(self) -> LinkResult | None:
        """The link at which it ends before any policy is asked, or None."""
        first = next(iter(self.results.values())).links[0]
        return first if first.link == READ or (not first.variants and first.state is State.BLIND) else None


def page() -> str:
    """The whole page, or as it stands where there is no checkout to judge."""
    checkout = os.environ.get("VEDETTE_SIGMAHQ", "")
    if not checkout or not Path(checkout, RULES).is_dir():
        return PAGE.read_text("utf-8")
    policies = {name: _policy(name, rules) for name, (_, rules) in POLICIES.items()}
    judged = _judged(Path(checkout), Path(checkout, RULES), policies)
    with TemporaryDirectory() as folder:
        changed = {
            one.id: one for one in _judged(Path(folder), _changed(Path(checkout, RULES), Path(folder)), policies)
        }
    dead = [one for one in judged if one.dead is not None]
    commit, date = _commit(checkout)
    told = {"commit": commit, "date": date, "folder": RULES}
    said = header("Dead rules", "a run of `vedette prove --rules`")
    said += _INTRODUCTION.format(**told, all=len(judged), able=len(judged) - len(dead), dead=len(dead))
    said += _FIRES + table(("rule", *POLICIES), (_row(one, changed) for one in judged))
    said += _DEAD + table(("rule", "line", "why", "write instead"), (_death(one, changed) for one in dead))
    said += _BLIND + table(("policy", "rule", "not seen", "why", "mend"), _losses(judged, changed))
    said += _UNUSED + table(("rule", "word"), _unused(judged))
    said += _POLICIES + "\n".join(_shown(name, what, rules) for name, (what, rules) in POLICIES.items())
    return said + _LIMITS


def _policy(name: str, rules: str) -> AuditPolicy:
    text = f"{_HEAD}rules:\n{rules}" if rules else _recommended()
    file = name.lower().replace("'", "").replace(" ", "-") + ".yaml"
    return read_policy(text, file)


def _recommended() -> str:
    settings = app.load_settings(str(SETTINGS))
    rules = app.usable_rules(app.load_rules(settings))
    naming = Naming(pack_settings().site_texts(), settings.site_texts())
    return policy_text(synthesise(rules, rules, app.rules_under(), naming, Level.METADATA))


def _judged(root: Path, folder: Path, policies: Mapping[str, AuditPolicy]) -> list[_Judged]:
    settings = app.load_settings(str(SETTINGS))
    loaded = app.load_rules(settings, [str(folder)], pack=False, unproven=True)
    rules, bad = app.usable_or_refused(loaded, [str(folder)], pack=False)
    under = app.rules_under((str(folder),), pack=False)
    found: dict[str, dict[str, RuleResult]] = {}
    for name, policy in policies.items():
        for one in (*prove(rules, Given(under, policy)), *map(refused, bad)):
            found.setdefault(one.rule.name, {})[name] = one
    files = {rule.name: rule.detections[0].file for rule in rules} | {one.name: one.file for one in bad}
    judged = [
        _Judged(next(iter(results.values())).rule.title, _id(files[name]), _under(files[name], root), results)
        for name, results in found.items()
    ]
    return sorted(judged, key=lambda one: one.file)


def _id(file: str) -> str:
    found = re.search(r"^id: (\S+)", Path(file).read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


def _under(file: str, root: Path) -> str:
    return Path(file).relative_to(root).as_posix()


def _changed(rules: Path, folder: Path) -> Path:
    """The rules that are refused, each with its change made, in `folder`."""
    for file in sorted(rules.rglob("*.yml")):
        name, item = CHANGES.get(_id(str(file)), ("", ""))
        if name:
            line = re.compile(rf"^( +){re.escape(name)}:.*$", re.MULTILINE)
            text, times = line.subn(rf"\g<1>{item}", file.read_text("utf-8"))
            if times != 1:
                raise app.Wrong([f"{file}: {name} stands there {times} times; see CHANGES in docs/pages/dead_rules.py"])
            (folder / file.name).write_text(text, "utf-8")
    return folder


def _commit(checkout: str) -> tuple[str, str]:
    asked = ["git", "-C", checkout, "log", "-1", "--format=%h %cs", "--abbrev=12"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True)  # noqa: S603 - the checkout is ours to name
    except (OSError, subprocess.CalledProcessError) as error:
        raise app.Wrong([f"VEDETTE_SIGMAHQ={checkout}: git cannot say which commit it is"]) from error
    commit, date = done.stdout.split()
    return commit, date


def _row(one: _Judged, changed: Mapping[str, _Judged]) -> list[str]:
    shown = one if one.dead is None else changed.get(one.id, one)
    mark = "" if one.dead is None else "_"
    said = [f"{mark}{_verdict(shown.results[name])}{mark}" for name in POLICIES]
    return [f"{one.title} ({code(Path(one.file).name)})", *said]


def _verdict(result: RuleResult) -> str:
    if result.state is State.BLIND:
        return "in part" if all(link.in_part for link in result.links) else "no"
    return {State.READY: "yes", State.PROVEN: "yes", State.UNKNOWN: "unknown"}[result.state]


def _death(one: _Judged, changed: Mapping[str, _Judged]) -> list[str]:
    link = one.dead
    if link is None:
        raise AssertionError(f"{one.file} can fire")
    place, _, why = link.why.partition(": ")
    line = place.split(":")[-2] if link.link == READ else ""
    cured = one.id in changed and changed[one.id].dead is None
    mend = code(CHANGES[one.id][1]) if cured else link.mend
    return [f"{one.title} ({code(one.id)})", line, why if link.link == READ else link.why, mend]


def _losses(judged: Sequence[_Judged], changed: Mapping[str, _Judged]) -> Iterator[list[str]]:
    for name in POLICIES:
        for one in judged:
            shown = one if one.dead is None else changed.get(one.id, one)
            link = shown.results[name].links[-1]
            if shown.dead is None and link.state is not State.READY:
                lost = [variant.name for variant in link.variants if variant.state is not State.READY]
                share = "all" if len(lost) == len(link.variants) else ", ".join(lost)
                mark = "" if one.dead is None else " (changed)"
                why = link.variants[[variant.state for variant in link.variants].index(link.state)].why
                yield [name, f"{one.title}{mark}", share, why, code(" ".join(link.mend.split()))]


def _unused(judged: Sequence[_Judged]) -> Iterator[list[str]]:
    for one in judged:
        why = next(iter(one.results.values())).links[-1].why
        words = re.findall(r"no event has ([^;]+)", why)
        if words:
            yield [one.title, ", ".join(map(code, words))]


def _shown(name: str, what: str, text: str) -> str:
    return f"**{name}**: {what}\n" + (f"\n```yaml\n{_HEAD}rules:\n{text}```\n" if text else "")
