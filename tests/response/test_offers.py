"""What a runbook's section Act offers for one alert: whole words, whatever the log's authors wrote."""

from __future__ import annotations

import shlex

from vedette.response.offers import Offer, offers, section

BOOK = """\
# K2

## First look

```sh
vedette action plan kube.cordon-all
```

## Act
1. Take its rights away:

```sh
vedette action plan kube.suspend-actor {{actor}} --alert {{alert}}   # breaks what it does
kubectl delete pod {{name}}
vedette action plan kube.rotate-token {{account}} pod={{pod}} --alert {{alert}}
vedette action plan kube.suspend-actor {{actor}} --alert={{alert}}
```

## Drill
vedette action plan kube.uncordon {{node}}
"""


ARGUMENTS = {"kube.suspend-actor": ["actor", "kind"], "kube.rotate-token": ["account", "pod"]}


def test_those_under_act_each_once() -> None:
    """In order, without the alert that they answer; other commands and other sections are none."""
    found = offers(BOOK, {"actor": "ann", "account": "web/ci", "pod": "ci-1", "alert": "7d1b"}, ARGUMENTS)
    assert found == [
        Offer("kube.suspend-actor", ("ann",)),
        Offer("kube.rotate-token", ("web/ci", "pod=ci-1")),
    ]
    assert found[1].command == "vedette action plan kube.rotate-token web/ci pod=ci-1"


def test_what_nothing_fills_is_named() -> None:
    """It stands in capitals in what is shown, and is asked for in the walk."""
    (_, rotate) = offers(BOOK, {"actor": "ann", "account": "web/ci"}, ARGUMENTS)
    assert rotate.missing == ("pod",)
    assert rotate.words == ("web/ci", "pod={{pod}}")
    assert rotate.command.endswith("web/ci pod=POD")


def test_hostile_names_stay_one_word() -> None:
    """No space, quote, option or argument's name in a log makes another command of it."""
    for name in ("a b", "$(id)", "--server=http://evil.example", "kind=Group", "x'; id #", "-h", "a\nb", "{{pod}}"):
        (first, *_) = offers(BOOK, {"actor": name}, ARGUMENTS)
        assert first.words in ((name,), (f"actor={name}",))
        assert not first.words[0].startswith("-")
        assert "=" not in first.words[0] or first.words[0].startswith("actor=")
        if name.isprintable():
            assert shlex.split(first.command)[4:] == list(first.words) or "{{" in name


def test_of_several_addresses_the_last() -> None:
    """The others are the client's own words."""
    book = "## Act\n```sh\nvedette action plan firewall.block {{address}}\n```\n"
    (found,) = offers(book, {"address": "6.6.6.6, 10.0.0.9"}, ARGUMENTS)
    assert found.words == ("10.0.0.9",)


def test_a_section_ends_at_the_next_heading() -> None:
    """Its code blocks belong to it."""
    assert section(BOOK, "Drill") == "vedette action plan kube.uncordon {{node}}"
    assert section(BOOK, "Act").endswith("```")
    assert section(BOOK, "Nothing") == ""
