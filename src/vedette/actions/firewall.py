"""firewall.block, firewall.unblock: the commands for pfSense, to be typed by a person; vedette has no way to it.

`easyrule block INTERFACE ADDRESS` adds the address to an alias, makes the rule that blocks it at the top of that
interface's, writes the configuration and loads it (docs.netgate.com/pfsense, firewall/adding-rules-with-easyrule; the
rest in pfSense's etc/inc/easyrule.inc). `pfctl -t TABLE -T add` is at once, on every interface where a rule uses the
table, and not in the configuration; a table that no rule uses blocks nothing. pfSense itself blocks what is in
`virusprot` by one of its own rules (`virusprot overload table`) and drops entries after an hour (expiretable, in its
crontab). Neither ends a connection that stands: `pfctl -k HOST` kills the states that it began, `pfctl -k 0.0.0.0/0 -k
HOST` those that lead to it (man.freebsd.org, pfctl(8)).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vedette.actions.base import BY_HAND, Argument, Call, CallFailed, Check, Kind, Known, Plan, Refused
from vedette.escape import shell
from vedette.network import Networks, parse_address

INTERFACE = "wan"
TABLE = "virusprot"
_OURS = Networks.of(
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/127", "fc00::/7", "fe80::/10", "ff00::/8"),
    ]
)
"""Private, loopback, link-local, multicast, reserved (RFC 6890): no attacker on the internet has one of them."""


@dataclass(frozen=True, slots=True)
class Firewall:
    """What the settings say of the firewall, and who must not be shut out."""

    interface: str
    table: str
    trusted: Networks
    systems: Mapping[str, str]
    """Part of the settings -> host of a system that vedette itself has to reach; a name is not resolved."""
    server: str = ""
    """Nothing: it is not reached."""


class _ByHand:
    """A plan whose calls are a person's."""

    name: str

    def __init__(self, firewall: Firewall, _known: Known) -> None:
        self.firewall = firewall

    def close(self) -> None:
        """Nothing is open."""

    def do(self, call: Call) -> str:
        """As `base.Action` has it: nothing is done from here."""
        raise CallFailed(f"this is for a person to do: {call.does}", call.command)

    def check(self, call: Call) -> Check:
        """As `base.Action` has it: nobody can tell from here."""
        return Check(str(call.expects["says"]), None, f"the firewall can: {call.expects['look']}")

    def verify(self, plan: Plan) -> Sequence[Check]:
        """As `base.Action` has it."""
        return [self.check(call) for call in plan.calls]

    def undo(self, plan: Plan, done: Sequence[Call]) -> Plan:
        """As `base.Action` has it: what was not done is not taken back."""
        raise AssertionError((plan.action, len(done)))

    def in_table(self, address: str, verb: str, says: str) -> Call:
        """Add to or delete from the table."""
        pfctl = ("pfctl", "-t", self.firewall.table, "-T")
        does = f"{verb} {address} {'to' if verb == 'add' else 'from'} the table {self.firewall.table}, at once"
        return by_hand(does, [*pfctl, verb, address], says, [*pfctl, "test", address])

    def in_rules(self, address: str, verb: str, says: str) -> Call:
        """Block or unblock in the configuration."""
        interface = self.firewall.interface
        does = f"{verb} {address} on {interface} in the configuration, so that it lasts"
        return by_hand(does, ["easyrule", verb, interface, address], says, ["easyrule", "showblock", interface])


class Block(_ByHand):
    """Nothing from the address gets in."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        address = single(given["address"])
        self._refuse_ours(address)
        everything = "::/0" if ":" in address else "0.0.0.0/0"
        states = ["pfctl", "-s", "states"]
        interface, table = self.firewall.interface, self.firewall.table
        why = f": {given['why']}" if given["why"] else ""
        kills = f"no connection of {address} stands"
        return Plan(
            action=BLOCK.name,
            given=dict(given),
            where=self.firewall.server,
            does=f"block {address}{why}; on the firewall's shell, by a person",
            calls=[
                self.in_table(address, "add", f"{address} is in the table {table}"),
                self.in_rules(address, "block", f"{address} is blocked on {interface}"),
                by_hand(f"end what {address} began", ["pfctl", "-k", address], kills, states),
                by_hand(f"end what leads to {address}", ["pfctl", "-k", everything, "-k", address], kills, states),
            ],
            breaks=[f"whoever else comes from {address}: a provider's or a VPN's address may be many people's"],
            remains=[
                f"other interfaces than {interface}, and what a floating rule lets through before",
                *([_VIRUSPROT] if table == TABLE else [f"a table that no rule uses: see pfctl -s rules for <{table}>"]),
                "the same people at another address, and what they have already: tokens, keys, sessions",
            ],
            undo=f"firewall.unblock {address}",
        )

    def _refuse_ours(self, address: str) -> None:
        """Raises Refused for what would cut oneself off."""
        if self.firewall.trusted.contains(address):
            raise Refused(f"{address} is in the networks that the settings trust: you would cut yourself off", _INSIDE)
        if _OURS.contains(address):
            raise Refused(f"{address} is no address of the internet: you would cut off what is yours", _INSIDE)
        for part, host in self.firewall.systems.items():
            if parse_address(host) == parse_address(address):
                raise Refused(f"{address} is the system that the settings name in {part}", "vedette acts there")


class Unblock(_ByHand):
    """What `Block` did is taken back."""

    def plan(self, given: Mapping[str, str]) -> Plan:
        """As `base.Action` has it."""
        address = single(given["address"])
        interface, table = self.firewall.interface, self.firewall.table
        return Plan(
            action=UNBLOCK.name,
            given=dict(given),
            where=self.firewall.server,
            does=f"let {address} in again; on the firewall's shell, by a person",
            calls=[
                self.in_rules(address, "unblock", f"{address} is not blocked on {interface}"),
                self.in_table(address, "delete", f"{address} is not in the table {table}"),
            ],
            remains=["other rules and lists that block it"],
        )


_VIRUSPROT = f"the table {TABLE} after an hour: pfSense takes old entries out; the rule that easyrule makes stays"
_INSIDE = "who is inside is stopped there: host.end-sessions, kube.suspend-actor, the switch"


def single(text: str) -> str:
    """One address as it is written shortest; an IPv4 address that is mapped into IPv6 is itself. Raises Refused."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        raise Refused(f"{text!r} is no single address", "for example 203.0.113.9; no network, name or port") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address).partition("%")[0]


def by_hand(does: str, words: Sequence[str], says: str, look: Sequence[str]) -> Call:
    """A command of the firewall's shell, every word quoted, and the one that shows whether it worked."""
    return Call(
        method=BY_HAND,
        path="",
        does=does,
        command=" ".join(map(shell, words)),
        expects={"says": says, "look": " ".join(map(shell, look))},
    )


def no_rights(names: Sequence[str]) -> str:
    """What is printed where rights are asked for: there are none to give."""
    return (
        f"# Nothing: {', '.join(names)} only print commands. Who types them needs a shell on pfSense (its menu's 8,\n"
        "# or Diagnostics > Command Prompt).\n"
    )


_ADDRESS = Argument("address", "one IPv4 or IPv6 address", required=True)
BLOCK = Kind(
    name="firewall.block",
    says="the commands that block an address on pfSense; for a person to type",
    arguments=(_ADDRESS, Argument("why", "kept on record")),
    undo="firewall.unblock",
    make=Block,
    reads=True,
)
UNBLOCK = Kind(
    name="firewall.unblock",
    says="the commands that let an address in again on pfSense; for a person to type",
    arguments=(_ADDRESS,),
    undo="",
    make=Unblock,
    reads=True,
)
