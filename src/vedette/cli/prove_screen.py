"""What a person sees of a proof: the matrix of rules and links, and beneath each rule what breaks it and its mend."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from vedette.escape import terminal
from vedette.proof.prove import READ
from vedette.proof.verdict import LinkResult, RuleResult, State, Variant

_NAMED = 4
"""Variants that are named where more have the same fault and the rule was not asked for by name."""
_NAME, _SEVERITY, _STATE = 6, 10, 16
_WIDEST = 60
"""Columns of a name; other people's rules are named by their files."""
_WELL = (State.READY, State.PROVEN)


def matrix(results: Sequence[RuleResult], width: int, *, whole: bool) -> Iterator[str]:
    """The lines of the table; `whole`: every variant is named. What is true of several rules is said once, below."""
    links = sorted(
        dict.fromkeys(link.link for result in results for link in result.links), key=lambda name: name != READ
    )
    longest = max((len(terminal(result.rule.name)) for result in results), default=0)
    wide = min(max(_NAME, longest + 1), _WIDEST)
    yield f"{'rule':<{wide}}{'severity':<{_SEVERITY}}{'state':<{_STATE}}{'  '.join(links)}".rstrip()
    for result in results:
        by_name = {link.link: link for link in result.links}
        cells = "  ".join(f"{_cell(by_name.get(name)):<{len(name)}}" for name in links)
        name = f"{terminal(result.rule.name):<{wide - 1}} "
        yield f"{name}{result.rule.severity!s:<{_SEVERITY}}{_state(result):<{_STATE}}{cells}".rstrip()
        for link in result.links:
            if link.variants and link.state not in _WELL:
                yield from _broken(link, width, whole=whole)
    yield from _below(results, width, whole=whole)


def _below(results: Sequence[RuleResult], width: int, *, whole: bool) -> Iterator[str]:
    """Each reason that is no variant's, with the rules that it is true of."""
    said: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        for link in result.links:
            well = link.state in _WELL
            if link.why and (whole or link.mend if well else not link.variants and link.concerns):
                said.setdefault((link.link, link.why, link.mend), []).append(result.rule.name)
    if said:
        yield ""
    for (name, why, mend), rules in said.items():
        whose = "every rule" if len(rules) == len(results) > 1 else ", ".join(map(terminal, rules))
        yield from _wrapped(f"{name}: {whose}: {terminal(why)}", 0, width)
        yield from _mend(mend, width)


def _state(result: RuleResult) -> str:
    in_part = all(link.in_part for link in result.links if link.state is State.BLIND)
    return f"{result.state.value} in part" if result.state is State.BLIND and in_part else result.state.value


def _cell(link: LinkResult | None) -> str:
    if link is None or not link.concerns:
        return "-"
    if link.state is State.BLIND:
        return "part" if link.in_part else "blind"
    return {State.READY: "ok", State.PROVEN: "ok", State.UNKNOWN: "?"}[link.state]


def _broken(link: LinkResult, width: int, *, whole: bool) -> Iterator[str]:
    wrong = [one for one in link.variants if one.state is link.state]
    groups: dict[tuple[str, str], list[Variant]] = {}
    for one in wrong:
        groups.setdefault((one.why, one.mend), []).append(one)
    for number, ((why, mend), held) in enumerate(groups.items()):
        share = f"{len(held)} of {len(link.variants)} variants" if len(link.variants) > 1 else "its one variant"
        yield from _wrapped(f"{link.link}: {share}: {terminal(why)}", 6, width)
        named = held if whole else held[:_NAMED]
        more = f" and {len(held) - len(named)} more" if len(held) > len(named) else ""
        yield from _wrapped(f"{', '.join(terminal(one.name) for one in named)}{more}", 8, width)
        if held[0].witness:
            yield from _wrapped(f"as: {terminal(held[0].witness)}", 8, width)
        if mend and all(mend != earlier for _, earlier in list(groups)[:number]):
            yield from _mend(mend, width)


def _mend(mend: str, width: int) -> Iterator[str]:
    lines = mend.splitlines()
    if lines:
        yield from _wrapped(f"mend: {terminal(lines[0])}", 8, width)
    # What is to be copied into a file is not wrapped.
    yield from (f"        {terminal(line)}" for line in lines[1:])


def _wrapped(text: str, indent: int, width: int) -> Iterable[str]:
    return textwrap.wrap(
        text, max(40, width), initial_indent=" " * indent, subsequent_indent=" " * (indent + 2), break_on_hyphens=False
    )
