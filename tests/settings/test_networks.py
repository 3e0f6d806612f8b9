"""Networks: what is none, what trusts everybody, what overlaps, what is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vedette.network import Networks
from vedette.problem import Problem
from vedette.settings import Settings
from vedette.settings.networks import resolve

Against = Callable[[str], list[Problem]]
LOOPBACK_AND_NODES = 'loopback: [127.0.0.0/8, "::1/128"], nodes: [10.0.40.0/24]'


@pytest.mark.parametrize(
    ("network", "message", "mend"),
    [
        (
            "10.0.20.5/22",
            "'10.0.20.5/22' has host bits set; the network is 10.0.20.0/22",
            "write 10.0.20.0/22, or 10.0.20.5 for the one address",
        ),
        ("fd00::1/64", "'fd00::1/64' has host bits set; the network is fd00::/64", "write fd00::/64, or fd00::1"),
        ("0.0.0.0/0", "0.0.0.0/0 trusts every address there is", "name the networks that are yours"),
        ("::/0", "::/0 trusts every address there is", "name the networks that are yours"),
        ("::ffff:0:0/96", "::ffff:0:0/96 trusts every address there is", "name the networks that are yours"),
        ("home.example.org", "'home.example.org' is not a network", "host names are never resolved"),
        ("home.example.org/24", "'home.example.org/24' is not a network", "host names are never resolved"),
        ("10.0.0.1:22", "'10.0.0.1:22' is not a network", "write the address alone, without port or zone"),
        ("[fd00::1]:443", "'[fd00::1]:443' is not a network", "write the address alone, without port or zone"),
        ("10.0.0.300", "'10.0.0.300' is not a network", ""),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a network", ""),
        ("012.0.0.1", "'012.0.0.1' is not a network", ""),
        ("", "an empty text is no network", ""),
    ],
)
def test_what_is_no_network_is_refused(errors: Against, network: str, message: str, mend: str) -> None:
    """Host bits, everything, host names, ports and malformed addresses are refused at their place."""
    (problem,) = errors(f'networks:\n  lan: ["{network}"]\n')
    assert (problem.line, problem.column) == (2, 9)
    assert problem.message.startswith(message)
    assert problem.mend.startswith(mend)
    assert bool(problem.mend) == bool(mend)


def test_halves_of_everything_are_everything(errors: Against) -> None:
    """Two lists that trust every address between them are refused as one that does."""
    (problem,) = errors("networks:\n  a: [0.0.0.0/1]\n  b: [128.0.0.0/1]\n")
    assert problem.message == "the lists together trust every address there is; no rule on addresses could fire"
    assert problem.line == 1


@pytest.mark.parametrize("name", ["trusted", "terraform"])
def test_taken_names_are_refused(errors: Against, name: str) -> None:
    """A list may not take a name that rules already give a meaning."""
    (problem,) = errors(f"networks: {{{name}: [10.0.0.0/8]}}")
    assert problem.message == f"the name '{name}' is taken: it has a meaning of its own"


@pytest.mark.parametrize("name", ["Lan", "a b", "9a", "a.b", "x" * 64])
def test_strange_names_are_refused(errors: Against, name: str) -> None:
    """A list's name is small letters, digits, - and _."""
    (problem,) = errors(f'networks: {{"{name}": [10.0.0.0/8]}}')
    assert problem.message == f"'{name}' is no name for a list of networks"


def test_overlaps_are_noted_once_for_two_lists(notes: Against) -> None:
    """Two lists that share addresses are named, with the first place and the number of others."""
    text = (
        f"networks: {{{LOOPBACK_AND_NODES}, wide: [10.0.0.0/8],\n  pods: [10.10.0.0/16, 10.11.0.0/16, 172.16.0.0/16]}}"
    )
    assert [(problem.line, problem.message) for problem in notes(text)] == [
        (1, "10.0.40.0/24 in 'nodes' lies within 10.0.0.0/8 in 'wide'"),
        (2, "10.10.0.0/16 in 'pods' lies within 10.0.0.0/8 in 'wide' (and 1 more such)"),
    ]


def test_neighbours_do_not_overlap(notes: Against) -> None:
    """Networks side by side, and IPv4 beside IPv6, share nothing."""
    text = f'networks: {{{LOOPBACK_AND_NODES}, a: [10.0.0.0/24, "fd00::/64"], b: [10.0.1.0/24, "fd00:0:0:1::/64"]}}'
    assert notes(text) == []


def test_the_same_network_twice_in_two_lists_is_noted(notes: Against) -> None:
    """Equal networks overlap too."""
    text = f"networks: {{{LOOPBACK_AND_NODES}, a: [10.0.0.0/24], b: [10.0.0.0/24]}}"
    assert [problem.message for problem in notes(text)] == ["10.0.0.0/24 in 'b' lies within 10.0.0.0/24 in 'a'"]


def test_a_long_list_is_checked_quickly_and_wholly(notes: Against) -> None:
    """Ten thousand networks cost no quadratic time, and an overlap among them is found."""
    texts = ", ".join(f"10.{n // 250}.{n % 250}.0/24" for n in range(10_000))
    found = notes(f"networks: {{{LOOPBACK_AND_NODES}, many: [{texts}], one: [10.3.7.9/32]}}")
    assert [problem.message for problem in found][-1] == "10.3.7.9/32 in 'one' lies within 10.3.7.0/24 in 'many'"


@pytest.mark.parametrize(
    ("lists", "missing"),
    [
        ("nodes: [10.0.40.0/24]", "no list holds 127.0.0.1 and ::1"),
        ("nodes: [10.0.40.0/24], l: [127.0.0.0/8]", "no list holds ::1"),
        ('l: [127.0.0.0/8, "::1/128"]', "no list is called 'nodes'"),
    ],
)
def test_missing_loopback_and_nodes_are_noted_with_the_consequence(notes: Against, lists: str, missing: str) -> None:
    """Own lists that lack loopback or the nodes say what will alert because of it."""
    (problem,) = notes(f"networks: {{{lists}}}")
    assert problem.message.startswith(missing)
    assert problem.mend.startswith("add ")


def test_an_empty_list_is_noted(notes: Against) -> None:
    """A list without networks trusts nothing, which is worth a word."""
    (problem,) = notes(f"networks: {{{LOOPBACK_AND_NODES}, lan: []}}")
    assert problem.message == "the list 'lan' is empty"


@pytest.mark.parametrize("key", ["trusted_proxies: [{identity: p, reason: r, ", "vault: {terraform: {roles: [t], "])
@pytest.mark.parametrize(
    ("place", "message", "mend"),
    [
        ("pdos", "no list of networks is called 'pdos'", "did you mean pods?"),
        ("10.0.0.1/8", "'10.0.0.1/8' has host bits set; the network is 10.0.0.0/8", "write 10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0 trusts every address there is", "name the networks"),
        ("proxy.example.org", "'proxy.example.org' is not a network", "host names are never resolved"),
        ("terraform", "no list of networks is called 'terraform'", "known: loopback, pods"),
    ],
)
def test_places_are_lists_or_networks(errors: Against, key: str, place: str, message: str, mend: str) -> None:
    """Where a list's name or a network may stand, anything else is refused."""
    close = "}]" if "proxies" in key else "}}"
    found = errors(f"networks: {{loopback: [127.0.0.0/8], pods: [10.1.0.0/16]}}\n{key}addresses: [{place}]{close}")
    assert len(found) == 1
    assert found[0].message.startswith(message)
    assert found[0].mend.startswith(mend)


def test_names_of_lists_are_looked_up() -> None:
    """A name stands for its list's networks, a network for itself."""
    networks = resolve(("pods", "10.0.0.7/32"), {"pods": ("10.1.0.0/16", "fd00::/64")}, "proxy")
    assert networks == Networks.of(["10.1.0.0/16", "fd00::/64", "10.0.0.7/32"], "proxy")


def test_all_lists_together_are_trusted(load: Callable[[str], Settings]) -> None:
    """`trusted` holds every list's addresses, each list its own."""
    networks = load(f"networks: {{{LOOPBACK_AND_NODES}, pods: [10.1.0.0/16]}}").site_networks()
    assert networks["trusted"].contains("10.1.2.3")
    assert networks["trusted"].contains("::1")
    assert not networks["nodes"].contains("10.1.2.3")
    assert not networks["trusted"].contains("10.2.0.1")
    assert networks["terraform"].v4 == ()
