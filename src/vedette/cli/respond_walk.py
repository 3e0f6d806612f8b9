"""The walk of `vedette respond`: one step after the other, each a command that is shown before it is called.

What a step does is what that command does when a person types it: the same words, the same record.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from vedette.actions import ACTIONS
from vedette.actions.base import from_json
from vedette.cli.alert_desk import SHORT, Desk, clean, who
from vedette.cli.respond_screen import show_head, show_part, wrapped
from vedette.escape import shell, terminal
from vedette.response.briefing import Briefing
from vedette.response.facts import DRILL, FALSE
from vedette.response.offers import Offer
from vedette.response.parts import Part, done, parts
from vedette.response.said import Said
from vedette.store.actions import APPLIED, Acted
from vedette.store.incidents import Incidents

_REAL, _FALSE, _LATER = "real", "false", "later"
_WRONG = 2
"""The exit code of a command that lacks something."""
_LONGEST = 10_000
"""Characters of a reason that are kept."""


def _option(name: str, value: str) -> tuple[str, ...]:
    """An option with its value, which the parser takes for nothing else however it begins."""
    return (f"{name}={value}",) if value.startswith("-") else (name, value)


class Left(Exception):
    """Whoever was asked went away."""


class Walk:
    """One alert, one person."""

    def __init__(self, desk: Desk, args: argparse.Namespace, briefing: Briefing) -> None:
        self._desk = desk
        self._args = args
        self._told = briefing
        self._by = who(args)
        self._by_me = _option("--by", self._by)
        self._id = briefing.alert.id
        self._short = briefing.alert.id[:SHORT]
        self._held = briefing.kept is None
        """Alertmanager holds it, and no store: it has no record but what is decided here."""

    def walk(self) -> int:
        """0: to the end; 1: left before."""
        happened, around, decide, act, _, before = parts(self._told)
        show_head(self._told)
        for part in (happened, around):
            show_part(part, self._told)
        if self._told.deeds or self._told.acted:
            show_part(before, self._told)
        try:
            self._acknowledge()
            show_part(decide, self._told)
            verdict, why = self._decide()
            if verdict != _FALSE:
                self._act(act)
                self._incident()
            else:
                self._tune()
            self._close(verdict, why)
        except Left:
            print(f"\nleft; what was decided is kept: vedette respond {self._short} goes on")
            return 1
        self._summary()
        return 0

    def _acknowledge(self) -> None:
        kept = self._told.kept
        if kept is not None and kept.acked:
            return
        if self._yes("acknowledge it, so that others see that somebody is here?", default=True):
            self._run("alerts", "ack", self._short, *(("--from", "alertmanager") if self._held else ()), *self._by_me)

    def _decide(self) -> tuple[str, str]:
        """What a person says it is, and why."""
        leaning = self._told.leaning.word
        ways = {"r": _REAL, "f": _FALSE, "l": _LATER}
        likely = "f" if leaning in (FALSE, DRILL) else ""
        word = ""
        while word not in ways:
            word = self._ask(
                f"is it [r]eal, a [f]alse positive, or do you decide [l]ater? {f'[{likely}] ' if likely else ''}"
            )
            word = (word or likely)[:1].lower()
        verdict = ways[word]
        why = self._reason("why? (one line, kept with it)") if verdict != _LATER else ""
        said = {_REAL: ("judged", f"true: {why}"), _FALSE: ("judged", f"false: {why}"), _LATER: ("undecided", "")}
        self._note(*said[verdict])
        return verdict, why

    def _act(self, part: Part) -> None:
        """Plan, apply and verify, as often as wanted."""
        show_part(part, self._told)
        offers = self._told.offers
        print("\nActions, to be planned by their number:")
        for number, one in enumerate(offers, 1):
            # Never wrapped: it is to be copied.
            print(f"  {number}. {terminal(one.command)}")
        numbers = "1" if len(offers) == 1 else f"1 to {len(offers)}"
        while offers:
            line = self._ask(f"which one to plan? {numbers}, NAME=VALUE after it adds to it, Enter for none: ")
            if not line:
                return
            word, *more = line.split()
            if word.isascii() and word.isdecimal() and 1 <= int(word) <= len(offers):
                self._answer(offers[int(word) - 1], more)
            else:
                print(f"  {terminal(word)!r} is none of them")

    def _answer(self, offer: Offer, more: Sequence[str]) -> None:
        words = [*(self._completed(offer, word) for word in offer.words), *more]
        before = {one.id for one in self._acted()}
        if self._run("action", "plan", offer.action, *words, "--alert", self._id, *self._by_me):
            return
        planned = next((one for one in self._acted() if one.id not in before), None)
        if planned is None or ACTIONS[planned.action].reads or not from_json(planned.plan).calls:
            return
        if self._args.read_only or self._desk.settings.actions.mode == "read-only":
            return
        # It asks by itself, after it has shown the plan.
        self._run("action", "apply", planned.id, *self._by_me)
        after = self._desk.visit.actions.get(planned.id)
        if after is not None and after.state == APPLIED:
            self._run("action", "verify", planned.id)

    def _completed(self, offer: Offer, word: str) -> str:
        """What nothing filled in is asked for."""
        for name in offer.missing:
            if f"{{{{{name}}}}}" in word:
                word = word.replace(f"{{{{{name}}}}}", self._reason(f"{name.upper()}?"))
        return word

    def _incident(self) -> None:
        for ground in self._told.grounds:
            print(wrapped(("SEV1 is suggested:", Said(ground))))
        if any(not one.closed for one in self._told.incidents):
            return
        if self._held:
            self._incident_of_held()
            return
        open_ones = self._open_incidents()
        for number, title in open_ones:
            print(f"  incident {number}: {terminal(title, 80)}")
        choice = (
            "its number to add it, [o]pen a new one, Enter for none: " if open_ones else "[o]pen one, Enter for none: "
        )
        while word := self._ask(f"does it belong to an incident? {choice}"):
            if word[:1].lower() == "o":
                self._run("incident", "open", self._title(), *self._with_others(), *self._by_me)
                return
            if word in {str(number) for number, _ in open_ones}:
                self._run("incident", "add", word, *self._with_others(), *self._by_me)
                return
            print(f"  {terminal(word)!r} is no open incident")

    def _incident_of_held(self) -> None:
        """An alert of no store cannot be added to one; what was done about it can."""
        if not self._yes("open an incident for it?", default=False):
            return
        before = {number for number, _ in self._open_incidents()}
        self._run("incident", "open", self._title(), *self._by_me)
        for number in {number for number, _ in self._open_incidents()} - before:
            self._run("incident", "note", str(number), f"Alertmanager's alert {self._id}", *self._by_me)
            for one in self._acted():
                self._run("incident", "add", str(number), "--action", one.id, *self._by_me)

    def _title(self) -> str:
        """What begins with a hyphen would be an option."""
        while not (title := self._reason("what is it about? (its title)").lstrip("- ")):
            print("  a title is a sentence")
        return title

    def _with_others(self) -> list[str]:
        others = [one.id for one in self._told.others]
        what = "the other alert" if len(others) == 1 else f"the {len(others)} other alerts"
        if others and self._yes(f"with {what} about the same actor or address?", default=True):
            return [self._id, *others]
        return [self._id]

    def _tune(self) -> None:
        """The narrowest entry that would have excused it; a drill needs none."""
        alert = self._told.alert
        if self._told.leaning.word == DRILL or not self._yes(
            "look for the narrowest entry that excuses it?", default=True
        ):
            return
        words = ["tune", alert.rule, *(_option("--actor", alert.actor) if alert.actor else ())]
        if self._run(*words) or not self._yes("write that entry into the settings?", default=False):
            return
        why = (*_option("--reason", self._reason("why? (it stands in the settings)")), "--write")
        # What no automation entry can say is an exception, and that ends.
        if self._run(*words, *why) == _WRONG and self._yes(
            "an exception ends: write it with a last day?", default=True
        ):
            until = self._reason("until which day? (YYYY-MM-DD)")
            owner = self._reason("who answers for it?")
            self._run(*words, "--exception", *_option("--until", until), *_option("--owner", owner), *why)

    def _close(self, verdict: str, why: str) -> None:
        kept = self._desk.visit.alerts.get(self._id)
        if self._held and verdict != _LATER:
            print(
                f"\nit ends by itself once the ruler finds it no more; until then: vedette alerts silence {self._short}"
            )
        if verdict == _LATER or kept is None or kept.state != "open":
            return
        if self._yes("close the alert?", default=verdict == _FALSE):
            self._run("alerts", "close", self._short, *_option("--reason", why), *self._by_me)

    def _summary(self) -> None:
        visit = self._desk.visit
        lines = list(done(visit.alerts.deeds(self._id), self._acted(), visit.alerts.get(self._id)))
        show_part(Part("Done so far", lines), self._told)
        ending = "--from alertmanager --print" if self._held else "--print       all of it as a page"
        print(f"\n  $ vedette respond {self._short} {ending}")
        for one in Incidents(visit.database).of_alert(self._id):
            print(f"  $ vedette incident show {one.id}             its timeline, and the steps of the escalation")
            print(f"  $ vedette incident export {one.id}           the post-mortem, with its evidence")

    def _acted(self) -> Sequence[Acted]:
        return self._desk.visit.actions.listed(alert=self._id)

    def _open_incidents(self) -> list[tuple[int, str]]:
        return [(one.id, one.title) for one in Incidents(self._desk.visit.database).listed(closed=False)]

    def _note(self, did: str, said: str) -> None:
        with self._desk.visit.database.transaction():
            self._desk.visit.alerts.did(self._id, self._desk.now(), self._by, did, said)

    def _run(self, *words: str) -> int:
        """Show a command and call it; its exit code."""
        print(f"\n  $ vedette {' '.join(map(shell, words))}", flush=True)
        from vedette.cli.parser import run

        try:
            return run([*words, *self._options(words)])
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 2

    def _options(self, words: Sequence[str]) -> Iterator[str]:
        """Where settings and store are, as this command was told; not shown, for they are the same every time."""
        args = self._args
        if args.config:
            yield from ("--config", args.config)
        if words[0] == "alerts" and self._held:
            for url in args.alertmanager:
                yield from ("--alertmanager", url)
        else:
            yield from ("--state", str(self._desk.visit.folder))
        if words[0] == "action" and args.read_only:
            yield "--read-only"
        if words[0] == "tune":
            for path in args.rules:
                yield from ("--rules", path)

    def _yes(self, question: str, *, default: bool) -> bool:
        word = self._ask(f"{question} {'[Y/n]' if default else '[y/N]'} ")
        return word.lower() in ("y", "yes") if word else default

    def _reason(self, question: str) -> str:
        """A text that is not empty."""
        while True:
            if text := self._ask(f"{question} "):
                return text[:_LONGEST]

    def _ask(self, question: str) -> str:
        """One line. Raises Left at the end of the input, and for q."""
        print(f"\n{question}", end="", flush=True)
        line = sys.stdin.readline()
        text = clean(line).strip()
        if not line or text.lower() in ("q", "quit"):
            raise Left
        return text
