"""An alert that Alertmanager holds, of Loki's ruler, as `vedette respond` walks through it: it is in no store."""

from __future__ import annotations

import argparse
import sys
import time

from vedette import app, wiring
from vedette.alert import Alert
from vedette.cli.alert_desk import Desk
from vedette.cli.alert_held import Held, HeldDesk
from vedette.escape import terminal
from vedette.rule import Reaction
from vedette.store.visit import Visit


def opened(args: argparse.Namespace) -> tuple[Desk, Alert]:
    """The store that keeps what is decided, made where there is none, and the alert. Raises app.Wrong, StoreError."""
    held = HeldDesk.opened(args)
    one = held.named(args.id)
    if one.engine == "watch":
        raise app.Wrong(
            [f"{held.short(one)} was found by vedette watch: respond where its store is, by the id that it has there"]
        )
    folder = wiring.state_folder(held.settings, args.state)
    create = not (folder / "vedette.db").exists()
    if create and args.page:
        raise app.Wrong([f"{terminal(str(folder))}: no store here; --state names its folder, or walk without --print"])
    visit = Visit(folder, create=create)
    if create:
        print(f"vedette: made a store in {terminal(str(folder))}, to keep what is decided", file=sys.stderr)
    return Desk(held.settings, visit), alert_of(one, held)


def alert_of(one: Held, held: HeldDesk) -> Alert:
    """What the ruler's labels and annotations say, as an alert. When the act was done they do not say: the ruler looks
    every so often, so that it lies some minutes before."""
    rules = {rule.name: rule for rule in app.load_rules(held.settings).rules}
    name = one.alert.labels.get("alertname", "")
    reactions = {"Attempt": Reaction.ATTEMPT, "CannotTell": Reaction.CANNOT_TELL}
    reaction = next((how for ending, how in reactions.items() if name.endswith(ending)), Reaction.FIRE)
    count = one.said("count")
    return Alert(
        id=one.id,
        rule=one.rule,
        title=rules[one.rule].title if one.rule in rules else one.said("summary"),
        severity=one.severity,
        outcome=one.said("outcome") or "unknown",
        first_seen=one.began,
        last_seen=max(one.began, min(time.time_ns(), one.ends)),
        count=int(count) if count.isascii() and count.isdecimal() else 1,
        actor=one.said("actor"),
        address=one.said("address"),
        object=one.said("object"),
        via=one.said("via"),
        why=one.said("why"),
        source=one.alert.labels.get("source", ""),
        file="",
        line=0,
        act="",
        last_act="",
        detections=(one.alert.labels.get("document", ""),),
        reaction=reaction.value,
    )
