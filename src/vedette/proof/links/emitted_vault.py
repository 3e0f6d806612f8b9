"""Emitted, of Vault: do its audit devices write what the rule must see, and whose address do they write?

Each firing case is entries as a device wrote them. What a device with these options would have written of them is run
through the engine; the rule fires or it does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from vedette.cases import BadCase, Case, RulesUnder, firing_cases
from vedette.network import Networks, NotANetwork
from vedette.proof.audit_device import CannotTell, Entry, Reading, in_clear, read_device
from vedette.proof.rerun import Rerun, loudness
from vedette.proof.seen import Seen, SeenFormat
from vedette.proof.vault_node import VaultNode
from vedette.proof.verdict import LinkResult, State, Variant, of_variants, worst
from vedette.rule import Reaction, Rule

NAME = "emitted"
FORMAT = "vault_audit"
FEW = 50
"""Entries of which it cannot be said that all clients look like one."""
_LOOPBACK = Networks.of(("127.0.0.1/32", "::1/128"))
_INSIDE, _OUTSIDE = "127.0.0.1", "192.0.2.1"
"""An address that every case trusts, and one that none does (RFC 5737)."""
_ENABLE = "`vedette render vault-audit` prints the commands"
_ASK = "name each node, with a token, under sources: vault:"
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class _Told:
    """A case taken apart."""

    case: Case
    entries: tuple[Entry, ...]
    others: tuple[bytes, ...]
    """Lines that are no entries: vedette's own observations, which no device writes."""
    expected: Reaction | None
    """What the rule says of it as it was recorded."""

    @property
    def clear(self) -> bool:
        """True where a device with log_raw wrote it."""
        return any(in_clear(one) for one in self.entries)


class EmittedVault:
    """The link for rules that read a Vault's or OpenBao's audit log; made once a run."""

    name = NAME

    def __init__(
        self,
        nodes: Sequence[VaultNode],
        rules_under: RulesUnder,
        seen: Seen | None,
        trusted: Networks | None = None,
        owner: Collection[str] = (),
    ) -> None:
        """`seen`: what came lately, None where nothing was looked at; `trusted`: the site's networks; `owner`: entities
        and display names of the one person whose address matters."""
        self._nodes = nodes
        self._rerun = Rerun(rules_under)
        self._seen = (seen or Seen()).formats.get(FORMAT, SeenFormat())
        self._trusted = trusted
        self._owner = frozenset(owner)

    def check(self, rule: Rule) -> LinkResult:
        """What the devices leave of each variant; BLIND without any, UNKNOWN where they cannot be looked at."""
        if rule.not_configured:
            return LinkResult(NAME, State.UNKNOWN, f"not configured: {rule.not_configured}", concerns=False)
        if not any(one.format == FORMAT for one in rule.detections):
            return LinkResult(NAME, State.UNKNOWN, "not from Vault's audit log", concerns=False)
        if not self._nodes:
            return LinkResult(NAME, State.UNKNOWN, "no Vault is named, so that its audit devices are not known", _ASK)
        try:
            cases = self._cases(rule)
            if not cases:
                return LinkResult(
                    NAME, State.UNKNOWN, "no firing case shows which entries it needs", "write fires.jsonl"
                )
            return _joined([self._of_node(rule, node, cases) for node in self._nodes], self._nodes)
        except BadCase as error:
            return LinkResult(NAME, State.UNKNOWN, f"a case cannot be run: {error}")

    def _cases(self, rule: Rule) -> list[_Told]:
        found = firing_cases(rule)
        expected = self._rerun.reactions(rule, [(case, case.lines.splitlines()) for case in found])
        told = [_apart(case, said) for case, said in zip(found, expected, strict=True)]
        return [one for one in told if one.entries]

    def _of_node(self, rule: Rule, node: VaultNode, cases: Sequence[_Told]) -> LinkResult:
        if node.devices is None:
            return LinkResult(NAME, State.UNKNOWN, node.devices_fault, node.mend)
        if not node.devices:
            return LinkResult(NAME, State.BLIND, "it has no audit device, so nothing is written", _ENABLE)
        readings, unknown = [], []
        for device in node.devices:
            try:
                readings.append(read_device(device))
            except CannotTell as error:
                unknown.append(f"{device.path}: {error}")
        variants = self._variants(rule, cases, _with_fallback(readings), unknown)
        variants = self._behind_proxy(rule, node, cases, variants)
        return of_variants(NAME, variants, "; ".join(_remarks(readings, variants)))

    def _variants(
        self, rule: Rule, cases: Sequence[_Told], readings: Sequence[_Written], unknown: Sequence[str]
    ) -> list[Variant]:
        """A case under each device alone; else under all together, for each may be shipped."""
        variants = []
        raw = any(one.reading.device.says("log_raw") for one in readings)
        shown = [one for one in cases if raw or not one.clear] or list(cases)
        for one in shown:
            alone = [self._enough(rule, one, [device]) for device in readings]
            fires = one.expected is Reaction.FIRE
            if any(alone) or (len(readings) > 1 and self._enough(rule, one, readings)):
                variants.append(Variant(one.case.name, State.READY, fires=fires))
            elif unknown:
                mend = "take filter and exclude off one device, and ship that one"
                variants.append(Variant(one.case.name, State.UNKNOWN, unknown[0], mend, fires))
            else:
                variants.append(self._lost(rule, one, readings, fires=fires))
        return variants

    def _lost(self, rule: Rule, one: _Told, readings: Sequence[_Written], *, fires: bool) -> Variant:
        """Why a variant is seen under no device, by trying each option of the first one away."""
        device = readings[0].reading.device
        mend = f"an audit device without filter, exclude and format: {_ENABLE}"
        witness = _described(one.entries[0])
        name = one.case.name
        if why := readings[0].reading.unreadable:
            return Variant(name, State.BLIND, f"{device.path}: {why}", mend, fires, witness)
        for option in ("filter", "exclude", "prefix"):
            if option in device.options and self._enough(rule, one, [readings[0].without(option)]):
                said = device.options[option]
                conditions = [each.condition for each in readings[0].reading.exclusions if each.condition]
                if option == "exclude" and conditions:
                    why = f"{device.path}: whether its exclude takes what is needed depends on {conditions[0]}"
                    return Variant(name, State.UNKNOWN, f"{why}, which is not evaluated", mend, fires, witness)
                return Variant(name, State.BLIND, f"{device.path}: {option} {said!r} takes it", mend, fires, witness)
        why = f"{device.path}: it compares texts that are hashed, or what is needed is left out"
        return Variant(name, State.BLIND, why, mend, fires, witness)

    def _enough(self, rule: Rule, one: _Told, devices: Sequence[_Written]) -> bool:
        lines = [line for entry in one.entries for line in _lines(entry, devices)] + list(one.others)
        (said,) = self._rerun.reactions(rule, [(one.case, lines)])
        return loudness(said) >= loudness(one.expected)

    def _behind_proxy(
        self, rule: Rule, node: VaultNode, cases: Sequence[_Told], variants: list[Variant]
    ) -> list[Variant]:
        """Where every client has one address, a rule that asks whence they come cannot tell them apart."""
        address, callers = self._only_address()
        said = _forwards(node, address) if address else None
        if said is None:
            return variants
        inside = self._trusted is None or self._trusted.contains(address) is not False
        elsewhere = _INSIDE if inside else _OUTSIDE
        silenced = {one.case.name for one in cases if not self._fires_from(rule, one, elsewhere)}
        state, reason, mend = said
        why = f"every address is {address} lately, whoever it was: a proxy's, for all clients{reason}"
        if state is State.BLIND and not any(_is(one, self._owner) for one in callers):
            state = State.UNKNOWN
            why = f"every address is {address} lately, of {len(callers)} callers without the owner: a proxy's, or that"
            why += " of the host where they all run"
            mend = f"if it is a proxy's: {mend}; else have the owner ask for something (vault token lookup), then prove"
        return [
            replace(one, state=state, why=why, mend=mend) if one.name in silenced and one.state is State.READY else one
            for one in variants
        ]

    def _only_address(self) -> tuple[str, frozenset[str]]:
        """The address that all of several callers have lately, and these; or nothing, for one caller alone has but one
        of his own."""
        for tail in self._seen.tails:
            if tail.events >= FEW and len(tail.addresses) == 1 and len(tail.actors) > 1:
                (address,) = tail.addresses
                if not _LOOPBACK.contains(address):
                    return address, tail.actors
        return "", frozenset()

    def _fires_from(self, rule: Rule, one: _Told, address: str) -> bool:
        lines = []
        for entry in one.entries:
            request = entry.get("request")
            moved = {**request, "remote_address": address} if isinstance(request, dict) else request
            lines.append(msgspec.json.encode({**entry, "request": moved}))
        (said,) = self._rerun.reactions(rule, [(one.case, [*lines, *one.others])])
        return loudness(said) >= loudness(one.expected)


@dataclass(frozen=True, slots=True)
class _Written:
    """A device, and what else decides what it is given."""

    reading: Reading
    instead_of: tuple[Reading, ...] = ()
    """Of a fallback device: it is given what none of these takes."""

    def takes(self, entry: Entry) -> bool:
        if self.reading.unreadable:
            return False
        if self.instead_of:
            return not any(other.takes(entry) for other in self.instead_of)
        return self.reading.takes(entry)

    def without(self, option: str) -> _Written:
        device = self.reading.device
        options = {key: value for key, value in device.options.items() if key != option}
        return replace(self, reading=read_device(replace(device, options=options)))


def _is(actor: str, names: frozenset[str]) -> bool:
    """Whether a caller, as the format writes him (`name (entity)`, or one of the two), has one of these names."""
    name, _, entity = actor.removesuffix(")").rpartition(" (")
    return not names.isdisjoint((actor, name, entity))


def _forwards(node: VaultNode, address: str) -> tuple[State, str, str] | None:
    """What it means that all entries have one address; None where the listener tells clients apart."""
    if node.proxies is None:
        return State.UNKNOWN, f"; whether the listener takes X-Forwarded-For: {node.proxies_fault}", node.mend
    if not node.proxies:
        mend = f"set x_forwarded_for_authorized_addrs: vedette render vault-audit --proxy {address}"
        return State.BLIND, "", mend
    try:
        proxy = Networks.of(node.proxies).contains(address)
    except NotANetwork:
        proxy = None
    if proxy is False:
        return None
    # With the header sent, the client's address would stand there; or all clients are one, behind it.
    reason = "; x_forwarded_for_authorized_addrs names it, but it seems to send no X-Forwarded-For"
    return State.UNKNOWN, reason, "let the proxy send X-Forwarded-For"


def _with_fallback(readings: Sequence[Reading]) -> list[_Written]:
    filtered = tuple(one for one in readings if one.passes is not None)
    return [_Written(one, filtered if one.device.says("fallback") else ()) for one in readings]


def _lines(entry: Entry, devices: Sequence[_Written]) -> Iterator[bytes]:
    """An entry as the first device that takes it writes it."""
    taking = next((one for one in devices if one.takes(entry)), None)
    if taking is not None:
        yield taking.reading.line(entry)


def _apart(case: Case, expected: Reaction | None) -> _Told:
    entries: list[Entry] = []
    others: list[bytes] = []
    for line in case.lines.splitlines():
        try:
            record = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            record = None
        if isinstance(record, dict) and isinstance(record.get("request"), dict) and "type" in record:
            entries.append(record)
        elif line.strip():
            others.append(line)
    return _Told(case, tuple(entries), tuple(others), expected)


def _described(entry: Entry) -> str:
    request = entry["request"]
    return f"{request.get('operation', '')} {request.get('path', '')}".strip()


def _remarks(readings: Sequence[Reading], variants: Sequence[Variant]) -> Iterator[str]:
    """What a person should know though the rule can fire."""
    yield f"{len(variants)} variants are written"
    paths = ", ".join(one.device.path for one in readings)
    if len(readings) == 1:
        yield f"one device only ({paths}): enable a second, for Vault stops when it cannot write"
    raw = [one.device.path for one in readings if one.device.says("log_raw")]
    if raw:
        yield f"{', '.join(raw)} has log_raw: tokens and secrets stand in its log in clear"
    cut = [one.device.path for one in readings if one.passes is not None or one.exclusions]
    rest = [one.device.path for one in readings if one.device.says("fallback")]
    if cut and rest:
        yield f"{', '.join(rest)} has what {', '.join(cut)} leaves: ship them all"
    elif cut:
        yield f"{', '.join(cut)} has filter or exclude: ship another one"


def _joined(results: Sequence[LinkResult], nodes: Sequence[VaultNode]) -> LinkResult:
    """The worst of all nodes, by name where there are several."""
    state = worst(one.state for one in results)
    index = next(number for number, one in enumerate(results) if one.state is state)
    if len(results) == 1:
        return results[0]
    found = results[index]
    return replace(found, why=f"{nodes[index].name}: {found.why}" if found.why else "")
