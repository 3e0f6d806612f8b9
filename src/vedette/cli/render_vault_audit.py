"""`vedette render vault-audit`: the commands that enable two audit devices, or the listener's lines for a proxy."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vedette.settings.effective import Settings

_FIRST, _SECOND = "/var/log/vault/audit.log", "syslog"
_WIDE = 256
"""Addresses in a network from which on it is no proxy but a neighbourhood."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the devices write, or who the proxies are."""
    parser.add_argument("--file", dest="first", default=_FIRST, metavar="PATH", help=f"the first device ({_FIRST})")
    parser.add_argument("--second", default=_SECOND, metavar="PATH", help="the second: a file, or syslog (syslog)")
    parser.add_argument(
        "--proxy",
        action="append",
        default=[],
        metavar="LIST",
        help="print the listener's lines instead: a proxy in front, an address or a list of the settings' networks",
    )
    parser.add_argument("--hop-skips", type=int, default=0, metavar="N", help="further proxies behind it (0)")


def run(args: argparse.Namespace) -> int:
    """0: printed; 2: error."""
    from vedette import app
    from vedette.escape import terminal
    from vedette.render.vault_audit import BadPath

    try:
        print(_text(args), end="")
    except app.Wrong as error:
        print(error, file=sys.stderr)
        return 2
    except BadPath as error:
        print(f"vedette: {terminal(str(error))}", file=sys.stderr)
        return 2
    return 0


def _text(args: argparse.Namespace) -> str:
    from vedette import app
    from vedette.render.vault_audit import vault_devices, vault_listener

    if not args.proxy:
        return vault_devices(args.first, args.second)
    if args.hop_skips < 0:
        raise app.Wrong([f"--hop-skips {args.hop_skips}: 0 or more"])
    return vault_listener(_networks(args.proxy, app.load_settings(args.config)), hops=args.hop_skips)


def _networks(said: list[str], settings: Settings) -> list[str]:
    """Addresses, and the addresses of named lists, as networks. Raises app.Wrong."""
    from vedette import app
    from vedette.escape import terminal
    from vedette.network import NotANetwork, parse_network

    found: list[str] = []
    for one in said:
        cidrs = settings.networks.get(one, [one])
        for cidr in cidrs:
            try:
                network = parse_network(str(cidr))
            except NotANetwork as error:
                lists = ", ".join(sorted(settings.networks)) or "none"
                problem = f"--proxy {terminal(one)}: neither an address nor a list of the settings ({lists}): {error}"
                raise app.Wrong([problem]) from error
            if network.num_addresses > _WIDE:
                shown = terminal(str(network))
                print(f"vedette: {shown}: every machine there could name any client; list the proxy", file=sys.stderr)
            found.append(str(network))
    return list(dict.fromkeys(found))
