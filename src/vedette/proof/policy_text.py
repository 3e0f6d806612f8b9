"""Policy text: a policy that was made (`proof.synthesis`) as YAML, with a word on each rule of what needs it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from vedette.escape import terminal
from vedette.proof.audit_policy import AuditPolicy, Level
from vedette.proof.mending import rule_lines
from vedette.proof.needs import BEGINNING
from vedette.proof.policy_reading import VERSION, read_policy
from vedette.proof.synthesis import NotMade, Part, Synthesis

_WIDTH = 100


def policy_text(made: Synthesis) -> str:
    """The file for --audit-policy-file. What it says was read back, and is the policy that was judged.

    Raises NotMade where it is not, PolicyError where it cannot be read: a name that no policy takes.
    """
    lines = [*_head(made), f"apiVersion: {VERSION}", "kind: Policy"]
    lines += ["# Half of many an object, and no rule asks for it.", "omitManagedFields: true", "rules:"]
    for part in made.parts:
        lines += [*_comment(_said(part), "  "), *rule_lines(part.rule)]
    text = "\n".join(lines) + "\n"
    if not _same(read_policy(text, made.policy.file), made.policy):
        raise NotMade("the policy reads back as another one; some name in the rules or settings is at fault")
    return text


def _same(one: AuditPolicy, other: AuditPolicy) -> bool:
    return one.rules == other.rules and one.omit_managed_fields == other.omit_managed_fields


def _head(made: Synthesis) -> Iterator[str]:
    yield from _comment(f"Audit policy under which these rules of vedette can fire: {', '.join(made.rules)}.")
    kept = any(BEGINNING not in one.rule.omit_stages for one in made.parts if not one.noise)
    stage = "is kept where a write might be erased from the log, and nowhere else" if kept else "is left out"
    yield from _comment(
        "Made by `vedette render audit-policy`, judged by `vedette prove --policy`. "
        f"The first rule that matches counts; the stage {BEGINNING} {stage}."
    )
    by_reason: dict[str, list[str]] = {}
    for name, why in made.left_out:
        by_reason.setdefault(why, []).append(name)
    for why, names in by_reason.items():
        yield from _comment(f"Left out: {', '.join(names)}: {why}.")
    if made.secrets:
        yield from _comment(f"The content of Secrets is written for the sake of {', '.join(made.secrets)}.")


def _said(part: Part) -> str:
    if part.noise:
        named = part.rule.users or part.rule.user_groups
        mask = " If one of them acted for another, that would not show; as shipped none may." if named else ""
        return f"Noise: {part.noise}. No rule asks for it.{mask}"
    rule = part.rule
    everything = not (rule.resources or rule.verbs or rule.users or rule.user_groups)
    if not part.rules:
        return "All the rest, for whoever looks into the log; no rule asks for it."
    names = ", ".join(part.rules)
    if everything:
        return f"{names}: who, from where and what, of every request."
    if BEGINNING not in rule.omit_stages and rule.level > Level.METADATA:
        return f"{names}, with the body; and the beginning, in case the end is lost."
    if BEGINNING not in rule.omit_stages:
        return f"{names}, and the beginning, in case the end is lost."
    return f"{names}."


def _comment(text: str, indent: str = "") -> Iterable[str]:
    start = f"{indent}# "
    return textwrap.wrap(terminal(text), _WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False)
