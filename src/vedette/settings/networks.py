"""Checks of networks: what is none, what trusts everybody, what overlaps, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network

from vedette.network import Networks, NotANetwork, is_host_name, parse_address, parse_network
from vedette.settings.key import Texts
from vedette.settings.reading import Findings, nearest
from vedette.yaml_text import YamlPath

Network = IPv4Network | IPv6Network

RESERVED = ("trusted", "terraform")
"""Names of networks with a meaning of their own: all lists together, and Terraform's addresses."""
ALLOWLIST = "allowlist"
"""The name of the list that `allowlist_from` fills."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}\Z")
_HOST_BITS = re.compile(r"the network is (\S+)\Z")
_ALL_V4 = (0, (1 << 32) - 1)
_ALL_V6 = (0, (1 << 128) - 1)


def check_network(text: str, path: YamlPath, findings: Findings) -> Network | None:
    """The network that `text` is, or None with the reason in `findings`."""
    if not text:
        findings.error(path, "an empty text is no network")
        return None
    try:
        network = parse_network(text)
    except NotANetwork as error:
        findings.error(path, str(error), _mend(text, error))
        return None
    if _everything(Networks.of([text])):
        message = f"{text} trusts every address there is; no rule on addresses could fire"
        findings.error(path, message, "name the networks that are yours")
        return None
    return network


def _mend(text: str, error: NotANetwork) -> str:
    """What to write instead."""
    meant = _HOST_BITS.search(str(error))
    if meant:
        return f"write {meant.group(1)}, or {text.partition('/')[0].strip()} for the one address"
    if parse_address(text) is not None:
        return "write the address alone, without port or zone"
    if is_host_name(text.partition("/")[0]):
        return "host names are never resolved (whoever answers for the name would be trusted): write its address"
    return ""


def _everything(networks: Networks) -> bool:
    return _ALL_V4 in networks.v4 or _ALL_V6 in networks.v6


def check_lists(lists: Mapping[str, Texts], reserved: Iterable[str], findings: Findings) -> None:
    """The named lists of the settings, each and all together."""
    good: list[tuple[Network, str, YamlPath]] = []
    for name, texts in lists.items():
        _check_name(name, reserved, findings)
        if not texts:
            findings.note(("networks", name), f"the list {name!r} is empty", value=False)
        for index, text in enumerate(texts):
            path = ("networks", name, index)
            network = check_network(text, path, findings)
            if network is not None:
                good.append((network, name, path))
    if good and _everything(Networks.of(str(network) for network, _, _ in good)):
        message = "the lists together trust every address there is; no rule on addresses could fire"
        findings.error(("networks",), message, "name the networks that are yours", value=False)
    _note_overlaps(good, findings)


def _check_name(name: str, reserved: Iterable[str], findings: Findings) -> None:
    path = ("networks", name)
    if name in reserved:
        findings.error(path, f"the name {name!r} is taken: it has a meaning of its own", "choose another", value=False)
    elif not _NAME.match(name):
        mend = "a name begins with a small letter; small letters, digits, - and _ follow"
        findings.error(path, f"{name!r} is no name for a list of networks", mend, value=False)


def _note_overlaps(good: Sequence[tuple[Network, str, YamlPath]], findings: Findings) -> None:
    """One note for each two lists that share addresses, at the first network that does."""
    open_now: list[tuple[Network, str]] = []
    said: dict[tuple[str, str], tuple[Network, Network, YamlPath, int]] = {}
    # Networks either nest or are apart, so walking them from the widest on, a stack holds all that lie around one.
    for network, name, path in sorted(good, key=_extent):
        while open_now and (
            open_now[-1][0].version != network.version
            or int(open_now[-1][0].broadcast_address) < int(network.network_address)
        ):
            open_now.pop()
        for around, other in open_now:
            if other != name:
                first = said.get((name, other), (network, around, path, 0))
                said[name, other] = (*first[:3], first[3] + 1)
                break
        open_now.append((network, name))
    for (name, other), (network, around, path, count) in said.items():
        more = f" (and {count - 1} more such)" if count > 1 else ""
        findings.note(path, f"{network} in {name!r} lies within {around} in {other!r}{more}", "fine if it is meant")


def _extent(entry: tuple[Network, str, YamlPath]) -> tuple[int, int, int]:
    network = entry[0]
    return network.version, int(network.network_address), network.prefixlen


def note_missing(trusted: Networks, names: Iterable[str], findings: Findings) -> None:
    """The networks whose absence floods: loopback and the nodes' own."""
    missing = [address for address in ("127.0.0.1", "::1") if not trusted.contains(address)]
    if missing:
        message = f"no list holds {' and '.join(missing)}: the API server and its neighbours call from there"
        findings.note(("networks",), message, 'add loopback: [127.0.0.0/8, "::1/128"]', value=False)
    if "nodes" not in names:
        message = (
            "no list is called 'nodes': controllers and hostNetwork pods come from the nodes' own addresses, "
            "and each address that no list holds alerts (K2, K9)"
        )
        findings.note(("networks",), message, "add nodes: [...] (kubectl get nodes -o wide shows them)", value=False)


def check_places(texts: Texts, path: YamlPath, names: Iterable[str], findings: Findings) -> None:
    """Names of networks, or networks, where either may stand."""
    known = [name for name in names if name not in RESERVED]
    for index, text in enumerate(texts):
        at = (*path, index)
        if text in known:
            continue
        if text and not set(text) & set(".:/"):
            meant = nearest(text, known)
            mend = f"did you mean {meant}?" if meant else f"known: {', '.join(known)}; or write a network"
            findings.error(at, f"no list of networks is called {text!r}", mend)
        else:
            check_network(text, at, findings)


def resolve(texts: Texts, lists: Mapping[str, Texts], name: str) -> Networks:
    """What names of networks and networks mean together."""
    return Networks.of([cidr for text in texts for cidr in lists.get(text, (text,))], name)
