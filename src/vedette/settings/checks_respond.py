"""What types cannot say of the part of a vedette.yaml that `vedette respond` reads."""

from __future__ import annotations

from collections.abc import Collection

from vedette.settings.networks import check_places
from vedette.settings.reading import Findings, nearest
from vedette.settings.responding import Activity, Responding
from vedette.yaml_text import YamlPath

_KEYS = ("actors", "user_agents", "networks")


def check_respond(respond: Responding, names: Collection[str], findings: Findings) -> None:
    """All that stands beneath `respond`; `names` are the lists of networks in force."""
    seen: set[str] = set()
    for index, entry in enumerate(respond.activities):
        at: YamlPath = ("respond", "activities", index)
        if entry.name in seen:
            findings.error((*at, "name"), f"two activities are called {entry.name!r}", "call one otherwise")
        seen.add(entry.name)
        if entry.off:
            for key in (one for one in _KEYS if getattr(entry, one)):
                findings.error((*at, key), f"an entry with off: true takes {key} away as well", f"remove {key}")
            continue
        if not any(getattr(entry, key) for key in _KEYS):
            mend = f"add {', '.join(_KEYS[:2])} or {_KEYS[2]}"
            findings.error(at, "an activity that nothing tells of is never seen", mend, value=False)
        _check_patterns(entry, at, findings)
        check_places(entry.networks, (*at, "networks"), names, findings)


def check_activities_off(respond: Responding, built_in: Collection[str], findings: Findings) -> None:
    """What takes a built-in activity away must name one."""
    for index, entry in enumerate(respond.activities):
        if entry.off and entry.name not in built_in:
            meant = nearest(entry.name, built_in)
            mend = f"did you mean {meant}?" if meant else f"built in: {', '.join(built_in)}"
            findings.error(
                ("respond", "activities", index, "name"), f"no built-in activity is called {entry.name!r}", mend
            )


def _check_patterns(entry: Activity, at: YamlPath, findings: Findings) -> None:
    for key in _KEYS[:2]:
        for index, text in enumerate(getattr(entry, key)):
            if not text.strip("* "):
                mend = "write what tells this work from other work"
                findings.error((*at, key, index), f"{text!r} fits everybody", mend)
