"""What `vedette tune` prints: who sets a rule off, an entry, what came of trying it, and the change of the file."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence

from vedette.cli.alert_desk import SHORT
from vedette.escape import terminal
from vedette.response.entry import Entry
from vedette.response.kept import Kept
from vedette.response.past import Group
from vedette.response.refusing import Change
from vedette.response.tuning import Site, Survey, Tried
from vedette.stamp import to_second

_WIDTH = 100
_ROWS = 12
"""Groups that are shown, and alerts of each fate."""


def show_survey(site: Site, kept: Kept, looked: Survey) -> None:
    """What was read, and who sets the rule off."""
    say_read(kept)
    stored = sum(one.stored for one in looked.alerts)
    print(f"{site.rule.name}: {terminal(site.rule.title)}")
    numbers = f"{_many(len(looked.alerts), 'alert')} since {to_second(kept.since)}"
    print(f"{numbers}, {stored} of them in the store")
    if not looked.groups:
        return
    print(f"{'alerts':>6} {'acts':>6}  {'last':<20}  who, from where, what")
    for group in looked.groups[:_ROWS]:
        print(_row(group))
    if len(looked.groups) > _ROWS:
        print(f"{'':>14}  and {len(looked.groups) - _ROWS} more")


def say_read(kept: Kept) -> None:
    """How much evidence there was, on standard error."""
    size = f"{kept.size / 1e6:,.1f} MB"
    files = f"{_many(kept.files, 'segment')} of evidence from {to_second(kept.since)} on"
    print(f"vedette: read {kept.events:,} events ({size}) in {files}", file=sys.stderr)
    if not kept.events:
        print("vedette: no evidence could be rehearsed on; --since looks further back", file=sys.stderr)
    for trouble in kept.troubles:
        print(f"vedette: {terminal(trouble)}", file=sys.stderr)


def _row(group: Group) -> str:
    verdicts = group.verdicts
    said = [f"{verdicts['true']} marked true"] if verdicts["true"] else []
    said += [f"{verdicts['false']} false positive"] if verdicts["false"] else []
    tail = f"  [{', '.join(said)}]" if said else ""
    address = f" from {terminal(group.address)}" if group.address else ""
    kind = f" -> {terminal(group.kind)}" if group.kind else ""
    head = f"{len(group.alerts):>6,} {group.acts:>6,}  {to_second(group.last)}  "
    who = terminal(group.actor, _WIDTH - len(head) - len(tail)) or "(nobody named)"
    if len(head) + len(who) + len(address) + len(kind) + len(tail) <= _WIDTH:
        return f"{head}{who}{address}{kind}{tail}"
    return f"{head}{who}{tail}\n{' ' * len(head)}{f'{address}{kind}'.strip()[: _WIDTH - len(head)]}"


def show_tried(tried: Sequence[Tried]) -> None:
    """Each entry with why it was refused; the last with what it would do."""
    for one in tried:
        print(f"\n{'refused, ' if one.refusals else ''}{_article(one.entry)}:")
        for line in one.entry.lines():
            print(f"  {line}")
        for note in one.notes:
            print(_folded(f"  note: {terminal(note.message)}{f'; {terminal(note.mend)}' if note.mend else ''}"))
        for reason in one.refusals:
            print(_folded(f"  because {terminal(reason)}"))
    if not tried[-1].refusals:
        _show_changes(tried[-1].changes)


def _show_changes(changes: Sequence[Change]) -> None:
    fates = (
        ("vanish", [one for one in changes if one.vanishes]),
        ("become smaller", [one for one in changes if one.shrinks]),
        ("remain", [one for one in changes if one.known and one.left >= one.past.acts]),
        ("could not be tried, no act of theirs is in the evidence", [one for one in changes if not one.known]),
    )
    print("\nwith it:")
    for name, those in fates:
        if not those:
            if name == "vanish":
                print("  vanish: none")
            continue
        acts = sum(one.past.acts - one.left if name != "remain" else one.left for one in those)
        counted = f" ({_many(acts, 'act')})" if acts else ""
        print(f"  {name}: {_many(len(those), 'alert')}{counted}")
        for one in those[:_ROWS]:
            print(_fate(one))
        if len(those) > _ROWS:
            print(f"    and {len(those) - _ROWS} more")


def _fate(change: Change) -> str:
    alert = change.past.alert
    first, last = to_second(alert.first_seen), to_second(alert.last_seen)
    when = first if first == last else f"{first} to {last[11:] if first[:10] == last[:10] else last}"
    acts = f"{change.left} of {change.past.acts}" if change.shrinks else f"{alert.count}"
    name = alert.id[:SHORT] if change.past.stored else f"{alert.id[:SHORT]}*"
    mark = f"  [marked {change.past.verdict}]" if change.past.verdict else ""
    head = f"    {name:<9} {acts:>4} {'act, ' if acts == '1' else 'acts,'} {when}    "
    return head + terminal(alert.actor or "(nobody named)", max(20, _WIDTH - len(head) - len(mark))) + mark


def _article(entry: Entry) -> str:
    return f"an {entry.kind}" if entry.kind[0] in "aei" else f"a {entry.kind}"


def show_diff(name: str, before: str, after: str) -> None:
    """What changes in the file."""
    print()
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), terminal(name), terminal(name), n=2, lineterm=""
    )
    for line in lines:
        print(terminal(line))


def _folded(text: str) -> str:
    import textwrap

    return textwrap.fill(text, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def _many(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
